//! While the preprocess command lives: messages go in, lines come out.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use watchpost_process::{Child, Line};
use watchpost_schema::Unnumbered;

use super::{After, Order, READ, Task, answer};
use crate::{recorder::RecordError, status::add};

/// Messages given to the child and not done with. They are in the pipe or in its memory; the rest waits
/// on disk.
const WINDOW: usize = 4096;
/// A child that lived this long starts over with short pauses.
pub(super) const GOOD_LIFE: Duration = Duration::from_secs(60);
/// How often to look whether it hangs.
const LOOK: Duration = Duration::from_millis(200);
/// How long it has to end after its STDIN was closed and it has nothing more to say.
const GRACE: Duration = Duration::from_secs(2);

/// Messages the child has, oldest first.
struct InHand {
    /// Their inbox positions.
    positions: VecDeque<u64>,
    /// How many before these are done with, as the child counts.
    done: u64,
    /// Where the inbox is read on: everything before is among `positions`, done with, or damaged.
    next: u64,
    /// When one was last done with, or the first of these was sent.
    since: Instant,
}

impl InHand {
    /// The child is done with its oldest message; returns where the cursor may go.
    fn done_with_oldest(&mut self) -> Option<u64> {
        let position = self.positions.pop_front()?;
        Some(if self.positions.is_empty() { self.next } else { position + 1 })
    }

    /// The message that may have killed the child: the oldest it was not done with. One that had read nothing
    /// died of something else.
    fn blamed(&self, child: &Child) -> Option<u64> {
        self.positions.front().copied().filter(|_| child.progress().last_read.is_some())
    }
}

impl Task {
    /// Feeds `child` until everything is done, it dies, or it is told to stop.
    pub(super) async fn feed(&mut self, child: Child) -> Result<After, RecordError> {
        let since = Instant::now();
        let mut hand = InHand { positions: VecDeque::new(), done: 0, next: self.cursor, since };
        let mut full = false;
        let mut progress = child.watch_progress();
        let mut look = tokio::time::interval(LOOK);
        loop {
            let order = *self.orders.borrow_and_update();
            if order == Order::Stop {
                self.rest(&child, &mut hand).await?;
                return Ok(After::Finished);
            }
            if hand.positions.len() < WINDOW && !full {
                full = self.send(&child, &mut hand)?;
            }
            if order == Order::Finish && hand.next >= self.inbox.store().end() {
                return self.last_words(child, hand).await;
            }
            tokio::select! {
                lines = child.lines() => {
                    if lines.is_empty() {
                        return self.after_death(child, hand).await;
                    }
                    self.take(lines, &mut hand).await?;
                }
                _ = progress.changed() => {
                    full = false;
                    if !self.settings.acknowledge {
                        let read = progress.borrow_and_update().read;
                        self.read_through(read, &mut hand)?;
                    }
                }
                more = self.inbox.wait_past(hand.next), if hand.positions.len() < WINDOW && !full => more?,
                changed = self.orders.changed() => match changed {
                    Ok(()) => self.orders.mark_changed(),
                    // Nobody is left who could order anything: the instance is gone.
                    Err(_) => {
                        child.stop(GRACE).await;
                        return Ok(After::Finished);
                    }
                },
                _ = look.tick() => if let Some(reason) = self.hangs(&child, &hand) {
                    child.tell(&format!("{reason} and was ended"));
                    child.kill().await;
                    return Ok(match self.after_death(child, hand).await? {
                        After::Died { over, .. } => After::Died { reason, over },
                        after => after,
                    });
                },
            }
        }
    }

    /// Sends what there is room for; returns whether the child's queue is full.
    fn send(&mut self, child: &Child, hand: &mut InHand) -> Result<bool, RecordError> {
        let batch = self.inbox.messages(hand.next, READ)?;
        for (position, message) in batch.messages {
            if hand.positions.is_empty() {
                hand.since = Instant::now();
            }
            // Full, or closed: then its end is seen at its STDOUT, and what it has not read is sent to the next.
            if child.try_send(self.as_given(position, message)).is_err() {
                hand.next = position;
                return Ok(true);
            }
            hand.positions.push_back(position);
        }
        self.count_lost(batch.lost);
        hand.next = batch.next;
        // Of what is damaged nothing will be heard.
        if hand.positions.is_empty() {
            self.done_through(vec![], hand.next).map(|()| false)
        } else {
            Ok(false)
        }
    }

    /// Lines enter the log as groups. With `preprocess_acknowledge` each is the answer to the oldest message.
    async fn take(&mut self, lines: Vec<Line>, hand: &mut InHand) -> Result<(), RecordError> {
        let mut groups = Vec::with_capacity(lines.len());
        let mut cursor = self.cursor;
        for line in lines {
            if self.is_half_an_answer(&line) {
                tracing::warn!(
                    "the preprocess command died over an answer; its message is given to the next one"
                );
                continue;
            }
            groups.extend(self.read_line(line).await?);
            if self.settings.acknowledge {
                match hand.done_with_oldest() {
                    Some(next) => cursor = next,
                    None => tracing::warn!("the preprocess command answered more often than it was asked"),
                }
                hand.since = Instant::now();
            }
        }
        self.done_through(groups, cursor)
    }

    /// What a command that was killed had begun to say is no answer, unless it is all there. (Free-running,
    /// nobody would say it again: then it is refused like any other line that is not JSON.)
    fn is_half_an_answer(&self, line: &Line) -> bool {
        let Line::Unfinished(text) = line else { return false };
        self.settings.acknowledge && answer::parse(text, self.version, false).is_err()
    }

    /// A line as a group; what is none becomes a dead letter, and the child lives on.
    async fn read_line(&mut self, line: Line) -> Result<Option<Vec<Unnumbered>>, RecordError> {
        let (text, refused) = match line {
            Line::Text(text) | Line::Unfinished(text) => {
                match answer::parse(&text, self.version, self.settings.validate) {
                    Ok(group) => return Ok(Some(group).filter(|group| !group.is_empty())),
                    Err(reason) => (text.to_vec(), reason),
                }
            }
            Line::TooLong { start, bytes } => {
                let reason = format!("the preprocess command wrote a line of {bytes} bytes; it was not kept");
                (start.into_bytes(), reason)
            }
        };
        tracing::warn!("refused: {refused}");
        self.dead.bury_text(&text, 0, &refused).await?;
        add(&self.status.refused, 1);
        Ok(None)
    }

    /// Free-running: a message is done with once the child has read it.
    fn read_through(&mut self, read: u64, hand: &mut InHand) -> Result<(), RecordError> {
        let mut cursor = self.cursor;
        while hand.done < read {
            let Some(next) = hand.done_with_oldest() else { break };
            hand.done += 1;
            cursor = next;
        }
        if cursor == self.cursor { Ok(()) } else { self.done_through(vec![], cursor) }
    }

    /// The command does what it is for: whatever was wrong is over.
    fn done_through(&mut self, groups: Vec<Vec<Unnumbered>>, cursor: u64) -> Result<(), RecordError> {
        if cursor > self.cursor {
            self.status.tries_again(false);
        }
        self.commit(groups, cursor)
    }

    fn hangs(&self, child: &Child, hand: &InHand) -> Option<String> {
        let limit = Duration::from_millis(self.settings.timeout_ms);
        if child.stalled_for().is_some_and(|stalled| stalled > limit) {
            return Some(format!(
                "has not read anything for {} ms although there was something",
                limit.as_millis()
            ));
        }
        let unanswered =
            self.settings.acknowledge && !hand.positions.is_empty() && hand.since.elapsed() > limit;
        unanswered.then(|| format!("has not answered for {} ms (preprocess_acknowledge)", limit.as_millis()))
    }

    /// Its STDIN closes; it is finished when it closes STDOUT, ends, or has read all and is silent.
    async fn last_words(&mut self, child: Child, mut hand: InHand) -> Result<After, RecordError> {
        let mut look = tokio::time::interval(LOOK);
        let silence = Duration::from_millis(self.settings.drain_ms);
        child.close_stdin();
        loop {
            // One that owes answers is not done, however long it is silent: then `timeout_ms` decides.
            let owes = self.settings.acknowledge && !hand.positions.is_empty();
            let lines = async { if owes { child.lines().await } else { child.drain_lines(silence).await } };
            tokio::select! {
                lines = lines => {
                    if lines.is_empty() {
                        break;
                    }
                    self.take(lines, &mut hand).await?;
                }
                _ = look.tick() => if *self.orders.borrow() == Order::Stop || self.hangs(&child, &hand).is_some() {
                    break;
                },
            }
        }
        let death = self.rest(&child, &mut hand).await?;
        if self.cursor >= self.inbox.store().end() {
            return Ok(After::Finished);
        }
        let left = self.inbox.store().end() - self.cursor;
        Ok(After::Died {
            reason: format!("{left} messages are not done: {death}"),
            over: hand.blamed(&child),
        })
    }

    async fn after_death(&mut self, child: Child, mut hand: InHand) -> Result<After, RecordError> {
        let reason = self.rest(&child, &mut hand).await?;
        let finished = *self.orders.borrow() != Order::Run && self.cursor >= self.inbox.store().end();
        if finished { Ok(After::Finished) } else { Ok(After::Died { reason, over: hand.blamed(&child) }) }
    }

    /// Ends the child and says how it went. What it had said and read until then still counts.
    async fn rest(&mut self, child: &Child, hand: &mut InHand) -> Result<String, RecordError> {
        let ended = child.stop(GRACE).await;
        child.tell(&ended.exit.to_string());
        loop {
            let lines = child.lines().await;
            if lines.is_empty() {
                break;
            }
            self.take(lines, hand).await?;
        }
        if !self.settings.acknowledge {
            self.read_through(child.read_through(), hand)?;
        }
        Ok(child.death(ended))
    }
}
