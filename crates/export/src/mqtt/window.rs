//! What was taken and not yet answered for, and how far each message of it has come.
//!
//! Messages leave in the order they were taken. A new connection sends what is unanswered again, oldest first and
//! before anything newer, since the worker hands it over again from its cursor: a delivery that is recognised goes
//! on where it was. What the broker had taken out of order is not sent a second time; what it still remembers (its
//! session is there) keeps its packet identifier, so that a QoS 2 message does not arrive twice.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    num::{NonZeroU16, NonZeroU32},
};

use super::{
    answer::Protocol,
    message::{Maker, Message, Part, State},
    reason::{Fate, Reason},
    resume::Resume,
    suspects::Suspects,
    wire::{self, Publish, QoS},
};
use crate::receiver::{Delivery, Outcome, POISON_DEATHS};
use bytes::{Bytes, BytesMut};

/// Unacknowledged messages at once, where the broker allows them: a tenth of a second's work at the speed of a
/// broker on the same machine, or 10 000 a second over a line of 100 ms.
const MAX_IN_FLIGHT: usize = 1024;

/// What the broker of this connection takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub protocol: Protocol,
    pub receive_max: u16,
    pub max_packet: u32,
    pub expiry_s: Option<NonZeroU32>,
}

/// See the module.
pub(crate) struct Window {
    pub maker: Maker,
    taken: VecDeque<Taken>,
    /// The serial number of `taken`'s first.
    first: u64,
    /// Everything in `taken` before this one is sent.
    next: u64,
    /// Packet identifiers in use: of which delivery.
    ids: HashMap<u16, u64>,
    last_id: u16,
    /// Those of `ids` that this connection's broker owes an answer for; the others are kept free for what is sent
    /// again.
    in_flight: usize,
    /// Identifiers whose message the broker is to let go (QoS 2).
    releases: VecDeque<u16>,
    /// QoS 0 messages that are written but not yet handed to the socket: the bytes of the connection before their
    /// end, and their delivery.
    unflushed: VecDeque<(u64, u64)>,
    /// Bytes that were encoded for this connection.
    encoded: u64,
    /// Of the connections before and not handed over again yet, by position. A connection may end before it has got
    /// so far; then they wait for the next.
    carried: BTreeMap<u64, Taken>,
    /// Something newer came before one of `carried`: that one will not come again.
    has_leftovers: bool,
    suspects: Suspects,
    /// Bytes of the smallest payload that a broker was found to close connections over: one of that size is sent
    /// alone at once, a group split, and a single further end is enough. Not taken as a limit, for it may have been
    /// the topic.
    closes_over: Option<usize>,
    /// Bytes of the largest payload that a broker has acknowledged.
    largest_taken: usize,
    bytes: usize,
    /// After what was taken last.
    pub progress: Resume,
}

struct Taken {
    delivery: Delivery,
    messages: Vec<Message>,
    /// Behind it, where messages depend on those before them.
    progress: Option<Resume>,
}

/// The broker puts a message off.
#[derive(Debug)]
pub(crate) struct PutOff(pub Reason);

impl Taken {
    fn is_settled(&self) -> bool {
        self.messages.iter().all(|message| message.state.is_settled())
    }

    fn is_same(&self, delivery: &Delivery) -> bool {
        // The dead letters that are sent again have numbers of their own.
        let same =
            |(one, other): (&crate::Item, &crate::Item)| one.kind == other.kind && one.json == other.json;
        self.delivery.time_ms == delivery.time_ms
            && self.delivery.items.len() == delivery.items.len()
            && self.delivery.items.iter().zip(&delivery.items).all(same)
    }

    fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.payload.len() + message.topic.len()).sum()
    }
}

impl Window {
    pub fn new(maker: Maker) -> Self {
        Self {
            maker,
            taken: VecDeque::new(),
            first: 0,
            next: 0,
            ids: HashMap::new(),
            last_id: 0,
            in_flight: 0,
            releases: VecDeque::new(),
            unflushed: VecDeque::new(),
            encoded: 0,
            carried: BTreeMap::new(),
            has_leftovers: false,
            suspects: Suspects::default(),
            closes_over: None,
            largest_taken: 0,
            bytes: 0,
            progress: Resume::default(),
        }
    }

    /// Deliveries that are not answered for.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Bytes of their messages.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether something of the session before was never claimed: the next session is better a new one.
    pub fn has_leftovers(&self) -> bool {
        self.has_leftovers
    }

    /// Whether the broker owes an answer.
    pub fn is_awaiting(&self) -> bool {
        self.in_flight > 0
    }

    /// A new connection; `remembered`: with the session of the one before.
    pub fn restart(&mut self, remembered: bool, progress: Resume) {
        if std::mem::take(&mut self.has_leftovers) {
            self.carried.clear();
        }
        self.ids.clear();
        self.in_flight = 0;
        self.releases.clear();
        self.unflushed.clear();
        self.encoded = 0;
        self.carried.extend(self.taken.drain(..).map(|taken| (taken.delivery.position, taken)));
        for message in self.carried.values_mut().flat_map(|taken| &mut taken.messages) {
            if matches!(message.state, State::Sent | State::Received) {
                message.dup = true;
            }
            match message.state {
                State::Sent => message.state = State::Waiting,
                State::Received if !remembered => message.state = State::Waiting,
                _ => {}
            }
            if !remembered {
                message.id = None;
            }
            if let Some(id) = message.id {
                // Kept free for it.
                self.ids.insert(id, u64::MAX);
            }
        }
        self.first = self.next;
        self.bytes = 0;
        self.progress = progress;
    }

    /// What the connection says first: what Home Assistant has to know, for it or the broker may be new. QoS 0, for
    /// whatever ends the connection has it said again.
    pub fn greeting(&mut self, limits: &Limits) -> BytesMut {
        let mut out = BytesMut::new();
        if let Some(home) = &self.maker.home {
            for note in home.greeting(&self.progress.home) {
                wire::note(limits.protocol, &note.topic, note.payload.into(), &mut out);
            }
        }
        self.encoded = out.len() as u64;
        out
    }

    /// Takes a delivery.
    pub fn take(&mut self, delivery: Delivery) {
        let serial = self.first + self.taken.len() as u64;
        let carried = self.carried.remove(&delivery.position).filter(|carried| carried.is_same(&delivery));
        self.has_leftovers |=
            self.carried.first_key_value().is_some_and(|(first, _)| *first < delivery.position);
        let taken = match carried {
            Some(carried) => {
                for message in &carried.messages {
                    let Some(id) = message.id else { continue };
                    self.ids.insert(id, serial);
                    if message.state == State::Received {
                        self.in_flight += 1;
                        self.releases.push_back(id);
                    }
                }
                if let Some(progress) = &carried.progress {
                    self.progress.clone_from(progress);
                }
                carried
            }
            None => {
                let messages = self.maker.messages(&delivery, &mut self.progress);
                let progress = self.maker.has_progress().then(|| self.progress.clone());
                Taken { delivery, messages, progress }
            }
        };
        self.bytes += taken.bytes();
        self.taken.push_back(taken);
    }

    /// Appends to `out` what may be sent now, until it has about `enough` bytes; says whether the broker has to
    /// answer a ping before more (`well`: it has).
    pub fn fill(&mut self, limits: &Limits, well: bool, out: &mut BytesMut, enough: usize) -> bool {
        let before = out.len();
        while let Some(id) = self.releases.pop_front() {
            wire::release(id, out);
        }
        let mut needs_ping = false;
        while out.len() < enough && self.next < self.first + self.taken.len() as u64 {
            self.look_out();
            let is_alone = self.suspects.are_sent_alone();
            needs_ping = is_alone && !well;
            let most = if is_alone { 1 } else { usize::from(limits.receive_max).min(MAX_IN_FLIGHT) };
            if needs_ping || self.in_flight >= most || !self.send_next(limits, most, before, out) {
                break;
            }
        }
        self.encoded += (out.len() - before) as u64;
        needs_ping
    }

    /// Has the next delivery split, or sent alone, if it is of a size that connections ended over.
    fn look_out(&mut self) {
        let Some(limit) = self.closes_over else { return };
        let at = (self.next - self.first) as usize;
        let large = |message: &Message| message.state == State::Waiting && message.payload.len() >= limit;
        if let Some(index) = self.taken[at].messages.iter().position(large) {
            if self.taken[at].messages[index].part == Part::All && self.taken[at].delivery.items.len() > 1 {
                self.too_large(at, index, String::new());
            }
            if self.taken[at].messages.iter().any(large) {
                self.suspects.alone_through(self.taken[at].delivery.position);
            }
        }
    }

    /// Sends the messages of the next delivery; false if not all of them can go now.
    fn send_next(&mut self, limits: &Limits, most: usize, before: usize, out: &mut BytesMut) -> bool {
        let (serial, at) = (self.next, (self.next - self.first) as usize);
        let mut index = 0;
        while index < self.taken[at].messages.len() {
            let taken = &mut self.taken[at];
            let message = &taken.messages[index];
            if message.state != State::Waiting {
                index += 1;
                continue;
            }
            let mut publish = Publish {
                topic: &message.topic,
                payload: Bytes::new(),
                qos: message.qos,
                retain: message.retain,
                dup: message.dup && message.qos != QoS::AtMostOnce,
                id: (message.qos != QoS::AtMostOnce).then_some(NonZeroU16::MIN),
                // Home Assistant asks for its notes whenever it starts.
                expiry_s: limits.expiry_s.filter(|_| message.part != Part::Note),
                is_jpeg: message.is_jpeg,
                properties: &message.properties,
            };
            let bytes = wire::publish_bytes(limits.protocol, &publish, message.payload.len());
            if bytes > limits.max_packet as usize {
                let why =
                    format!("is a packet of {bytes} bytes; the broker takes at most {}", limits.max_packet);
                self.too_large(at, index, why);
                continue;
            }
            if publish.id.is_some() {
                if self.in_flight >= most {
                    return false;
                }
                let Some(id) = message.id.or_else(|| free_id(&self.ids, &mut self.last_id)) else {
                    return false;
                };
                publish.id = NonZeroU16::new(id);
                self.ids.insert(id, serial);
                self.in_flight += 1;
            }
            let id = publish.id;
            publish.payload = message.payload.clone();
            wire::publish(limits.protocol, publish, out);
            let message = &mut taken.messages[index];
            message.id = id.map(NonZeroU16::get);
            message.state = State::Sent;
            if id.is_none() {
                self.unflushed.push_back((self.encoded + (out.len() - before) as u64, serial));
            }
            index += 1;
        }
        self.next += 1;
        true
    }

    /// The connection's first so many bytes are the socket's now: all that QoS 0 promises.
    pub fn flushed(&mut self, bytes: u64) {
        while let Some((_, serial)) = self.unflushed.pop_front_if(|(end, _)| *end <= bytes) {
            let Some(taken) = self.taken_mut(serial) else { continue };
            let sent = |message: &&mut Message| message.id.is_none() && message.state == State::Sent;
            if let Some(message) = taken.messages.iter_mut().find(sent) {
                message.state = State::Done;
            }
        }
    }

    /// PUBACK.
    pub fn acked(&mut self, id: u16, reason: &Reason) -> Result<(), PutOff> {
        self.answered(id, reason, &State::Sent, State::Done)
    }

    /// PUBREC.
    pub fn received(&mut self, id: u16, reason: &Reason) -> Result<(), PutOff> {
        self.answered(id, reason, &State::Sent, State::Received)
    }

    /// PUBCOMP. One that the broker does not know any more it has let go before.
    pub fn completed(&mut self, id: u16) {
        let taken = Reason { code: 0, text: None };
        let _never_put_off = self.answered(id, &taken, &State::Received, State::Done);
    }

    /// `of`: the state in which a message waits for this answer. Any other is no news: a broker repeats its PUBREC
    /// when a session is resumed, and what answers its second PUBREL must not settle the next message of that number.
    fn answered(&mut self, id: u16, reason: &Reason, of: &State, taken: State) -> Result<(), PutOff> {
        let Some(serial) = self.ids.get(&id).copied() else { return Ok(()) };
        let Some(at) =
            serial.checked_sub(self.first).map(|at| at as usize).filter(|at| *at < self.taken.len())
        else {
            return Ok(());
        };
        let waits = |message: &Message| message.id == Some(id) && message.state == *of;
        let Some(index) = self.taken[at].messages.iter().position(waits) else { return Ok(()) };
        let message = &mut self.taken[at].messages[index];
        match reason.fate() {
            Fate::Taken if taken == State::Received => {
                message.state = taken;
                self.releases.push_back(id);
                return Ok(());
            }
            Fate::Taken => {
                message.state = State::Done;
                self.largest_taken = self.largest_taken.max(message.payload.len());
                // It was not the size, or the broker has been given a higher limit.
                self.closes_over = self.closes_over.filter(|limit| *limit > self.largest_taken);
            }
            Fate::Refused => {
                message.state = State::Refused(format!("the broker refuses it: {reason}{}", hint(reason)));
            }
            Fate::TooLarge => {
                let why = format!("the broker refuses it: {reason}");
                self.free(id);
                self.too_large(at, index, why);
                self.next = self.next.min(serial);
                return Ok(());
            }
            Fate::NotNow => {
                message.strikes += 1;
                // A quota is a matter of time, however long.
                if message.strikes < POISON_DEATHS || reason.code == 0x97 {
                    message.state = State::Waiting;
                    message.id = None;
                    self.free(id);
                    self.suspects.alone_through(self.taken[at].delivery.position);
                    return Err(PutOff(reason.clone()));
                }
                message.state =
                    State::Refused(format!("the broker refused it {POISON_DEATHS} times in a row: {reason}"));
            }
        }
        message.id = None;
        self.free(id);
        Ok(())
    }

    /// A group goes out in pieces, a piece not at all.
    fn too_large(&mut self, at: usize, index: usize, why: String) {
        let taken = &mut self.taken[at];
        let message = &mut taken.messages[index];
        message.id = None;
        if message.part == Part::All && taken.delivery.items.len() > 1 {
            let pieces = self.maker.split(&taken.messages[index], &taken.delivery);
            taken.messages.splice(index..=index, pieces);
        } else {
            message.state = State::Refused(why);
        }
    }

    /// An answer has come: the identifier may be used again.
    fn free(&mut self, id: u16) {
        if self.ids.remove(&id).is_some() {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }

    fn taken_mut(&mut self, serial: u64) -> Option<&mut Taken> {
        self.taken.get_mut(serial.checked_sub(self.first)? as usize)
    }

    /// The connection ended over what was sent, for all that can be seen.
    pub fn died(&mut self) {
        let sent =
            |taken: &&Taken| taken.messages.iter().any(|m| matches!(m.state, State::Sent | State::Received));
        let Some(oldest) = self.taken.iter().find(sent).map(|taken| taken.delivery.position) else { return };
        let newest = self.taken.iter().rfind(sent).map_or(oldest, |taken| taken.delivery.position);
        if !self.suspects.died(oldest, newest) {
            return;
        }
        // It was alone.
        let Some(at) = self.taken.iter().position(|taken| taken.delivery.position == oldest) else { return };
        let is_sent = |message: &Message| matches!(message.state, State::Sent | State::Received);
        let Some(index) = self.taken[at].messages.iter().position(is_sent) else { return };
        let items = self.taken[at].delivery.items.len();
        let message = &mut self.taken[at].messages[index];
        message.strikes += 1;
        let bytes = message.payload.len();
        let splits = message.part == Part::All && items > 1;
        let is_known = self.closes_over.is_some_and(|limit| bytes >= limit);
        if splits && message.strikes >= 2 {
            self.too_large(at, index, String::new());
        } else if message.strikes >= POISON_DEATHS || is_known {
            let times = message.strikes;
            let why = format!(
                "the broker closes the connection over it ({times} times, {bytes} bytes): it may be over the broker's size limit, or not allowed there"
            );
            message.state = State::Refused(why);
            message.id = None;
            if bytes > self.largest_taken {
                self.closes_over = Some(self.closes_over.map_or(bytes, |limit| limit.min(bytes)));
            }
        }
    }

    /// Whether [`Self::outcomes`] has something to say.
    pub fn has_settled(&self) -> bool {
        self.taken.front().is_some_and(Taken::is_settled)
    }

    /// What can be said of what was taken, from the oldest on.
    pub fn outcomes(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut through = None;
        while let Some(taken) = self.taken.pop_front_if(|taken| taken.is_settled()) {
            self.bytes = self.bytes.saturating_sub(taken.bytes());
            self.first += 1;
            self.next = self.next.max(self.first);
            let position = taken.delivery.position;
            self.suspects.passed(position);
            for message in taken.messages {
                let State::Refused(reason) = message.state else { continue };
                match message.part {
                    Part::All => outcomes.push(Outcome::Refused { position, item: None, reason }),
                    Part::Note => {
                        tracing::warn!(topic = %message.topic, "Home Assistant is not told: {reason}")
                    }
                    Part::Item(at) => outcomes.push(Outcome::Refused { position, item: Some(at), reason }),
                }
            }
            through = Some((position, taken.progress));
        }
        if let Some((through, progress)) = through {
            let resume = progress.map(|progress| progress.bytes());
            outcomes.push(Outcome::Delivered { through, resume });
        }
        outcomes
    }
}

fn hint(reason: &Reason) -> String {
    match reason.code {
        0x87 => ": the broker's access rules do not let it publish to this topic".to_owned(),
        _ if reason.fix().is_empty() => String::new(),
        _ => format!(": {}", reason.fix()),
    }
}

/// The next identifier that is in nobody's use.
fn free_id(ids: &HashMap<u16, u64>, last: &mut u16) -> Option<u16> {
    for _ in 0..u16::MAX {
        *last = last.checked_add(1).unwrap_or(1);
        if !ids.contains_key(last) {
            return Some(*last);
        }
    }
    None
}

#[cfg(test)]
mod tests;
