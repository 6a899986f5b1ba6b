//! What a broker answers, read from the wire.
//!
//! By hand, because the codec that writes refuses a whole connection over a reason code that it does not know at that
//! place, and brokers do send such (Mosquitto answers a PUBLISH over its `message_size_limit` with PUBACK 0x95).
//! Sources: MQTT 3.1.1 and 5.0, OASIS; section numbers are those of 5.0.

use bytes::{Buf, Bytes, BytesMut};

use super::reason::Reason;

/// Longest answer that is read: acknowledgements are some bytes, and whoever sends more is no broker.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 << 10;
/// Largest packet there can be (section 1.5.5), its fixed header included.
pub(crate) const MAX_PACKET_BYTES: u32 = 268_435_455 + 5;

/// Which protocol a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    V5,
    V311,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Self::V5 => "5",
            Self::V311 => "3.1.1",
        }
    }
}

/// What a broker says.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// Connected, or refused.
    Connected(Welcome),
    /// PUBACK: a QoS 1 message is taken, or refused.
    Acked(u16, Reason),
    /// PUBREC: the first half of QoS 2.
    Received(u16, Reason),
    /// PUBCOMP: the second.
    Completed(u16, Reason),
    Pong,
    /// The broker ends the connection and says why (version 5 only).
    Goodbye(Reason),
    /// Nothing that concerns a publisher.
    Other,
}

/// CONNACK (section 3.2).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Welcome {
    pub reason: Reason,
    /// It remembers this client's last session.
    pub session_present: bool,
    /// Unacknowledged messages it takes at once.
    pub receive_max: u16,
    /// Bytes of a packet it takes.
    pub max_packet: u32,
    pub max_qos: u8,
    pub retain_available: bool,
    /// Its own idea of the keep-alive, which then counts.
    pub keep_alive_s: Option<u16>,
}

/// Not MQTT, or not understood.
#[derive(Debug, PartialEq)]
pub(crate) struct Garbled;

/// Takes the next answer off `input`, if it is all there.
pub(crate) fn answer(protocol: Protocol, input: &mut BytesMut) -> Result<Option<Answer>, Garbled> {
    let Some((length, header)) = remaining_length(input)? else { return Ok(None) };
    if length > MAX_ANSWER_BYTES {
        return Err(Garbled);
    }
    if input.len() < header + length {
        return Ok(None);
    }
    let kind = input[0] >> 4;
    input.advance(header);
    let body = input.split_to(length).freeze();
    parse(protocol, kind, body).map(Some)
}

/// The length of what follows the fixed header, and that header's own.
fn remaining_length(input: &[u8]) -> Result<Option<(usize, usize)>, Garbled> {
    let mut length = 0;
    for (index, byte) in input.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 2)));
        }
    }
    if input.len() > 4 { Err(Garbled) } else { Ok(None) }
}

fn parse(protocol: Protocol, kind: u8, mut body: Bytes) -> Result<Answer, Garbled> {
    Ok(match kind {
        2 => Answer::Connected(welcome(protocol, body)?),
        4 | 5 | 7 => {
            let id = body.try_get_u16().map_err(|_| Garbled)?;
            let reason = reason(&mut body)?;
            match kind {
                4 => Answer::Acked(id, reason),
                5 => Answer::Received(id, reason),
                _ => Answer::Completed(id, reason),
            }
        }
        13 => Answer::Pong,
        14 => Answer::Goodbye(reason(&mut body)?),
        _ => Answer::Other,
    })
}

/// A reason code, absent for success, and its text, if there is one.
fn reason(body: &mut Bytes) -> Result<Reason, Garbled> {
    let code = if body.has_remaining() { body.get_u8() } else { 0 };
    let mut text = None;
    if body.has_remaining() {
        for_each_property(body, |id, value| {
            if id == 0x1F {
                text = string(value);
            }
        })?;
    }
    Ok(Reason { code, text })
}

fn welcome(protocol: Protocol, mut body: Bytes) -> Result<Welcome, Garbled> {
    let flags = body.try_get_u8().map_err(|_| Garbled)?;
    let code = body.try_get_u8().map_err(|_| Garbled)?;
    let mut welcome = Welcome {
        reason: Reason { code, text: None },
        session_present: flags & 1 == 1,
        receive_max: u16::MAX,
        max_packet: MAX_PACKET_BYTES,
        max_qos: 2,
        retain_available: true,
        keep_alive_s: None,
    };
    if protocol == Protocol::V311 {
        welcome.reason = Reason::of_return_code(code);
    } else if !body.has_remaining() {
        // A broker that knows version 3.1.1 only answers in that: its return code 1 is `unacceptable protocol`.
        welcome.reason = Reason::of_return_code(code);
    } else {
        for_each_property(&mut body, |id, mut value| match id {
            0x1F => welcome.reason.text = string(value),
            0x21 => welcome.receive_max = value.get_u16().max(1),
            0x24 => welcome.max_qos = value.get_u8().min(2),
            0x25 => welcome.retain_available = value.get_u8() != 0,
            0x27 => welcome.max_packet = value.get_u32().min(MAX_PACKET_BYTES),
            0x13 => welcome.keep_alive_s = Some(value.get_u16()),
            _ => {}
        })?;
    }
    // A protocol error (section 3.2.2.3.6); taken at its word, every record would be too large for good.
    if welcome.max_packet == 0 { Err(Garbled) } else { Ok(welcome) }
}

/// Calls `with` for each property (section 2.2.2): its identifier and its value, which has the bytes that its type
/// asks for.
fn for_each_property(body: &mut Bytes, mut with: impl FnMut(u8, Bytes)) -> Result<(), Garbled> {
    let mut length = 0_usize;
    for index in 0..4 {
        let byte = body.try_get_u8().map_err(|_| Garbled)?;
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            break;
        }
    }
    if length > body.len() {
        return Err(Garbled);
    }
    let mut properties = body.split_to(length);
    while properties.has_remaining() {
        let id = properties.get_u8();
        let two = |at: usize| {
            properties.get(at..at + 2).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]])))
        };
        let bytes = match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
            0x13 | 0x21 | 0x22 | 0x23 => 2,
            0x02 | 0x11 | 0x18 | 0x27 => 4,
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => 2 + two(0).ok_or(Garbled)?,
            0x26 => {
                let name = 2 + two(0).ok_or(Garbled)?;
                name + 2 + two(name).ok_or(Garbled)?
            }
            _ => return Err(Garbled),
        };
        if bytes > properties.len() {
            return Err(Garbled);
        }
        with(id, properties.split_to(bytes));
    }
    Ok(())
}

/// A text with its length in front. Bounded and without what would steer a terminal: it is shown to people.
fn string(value: Bytes) -> Option<String> {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(value.get(2..)?);
    Some(text.chars().filter(|c| !c.is_control()).take(SHOWN).collect())
        .filter(|text: &String| !text.is_empty())
}

#[cfg(test)]
#[path = "../../tests/corpus/mqtt.rs"]
mod check;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(protocol: Protocol, bytes: &[u8]) -> Result<Option<Answer>, Garbled> {
        // Byte by byte nothing is lost or misread.
        let mut input = BytesMut::new();
        for byte in bytes {
            input.extend_from_slice(&[*byte]);
            match answer(protocol, &mut input) {
                Ok(None) => {}
                other => return other,
            }
        }
        Ok(None)
    }

    #[test]
    fn the_corpus_replays() {
        watchpost_testkit::replay("mqtt", check::check);
    }

    #[test]
    fn acknowledgements() {
        let ok = || Reason { code: 0, text: None };
        for protocol in [Protocol::V5, Protocol::V311] {
            assert_eq!(read(protocol, &[0x40, 2, 1, 2]), Ok(Some(Answer::Acked(0x102, ok()))));
            assert_eq!(read(protocol, &[0x50, 2, 0, 9]), Ok(Some(Answer::Received(9, ok()))));
            assert_eq!(read(protocol, &[0x70, 2, 0, 9]), Ok(Some(Answer::Completed(9, ok()))));
            assert_eq!(read(protocol, &[0xD0, 0]), Ok(Some(Answer::Pong)));
        }
        let refused = |code, text: Option<&str>| Reason { code, text: text.map(str::to_owned) };
        // Mosquitto's answer to a message over its `message_size_limit`, which the standard has not at this place.
        assert_eq!(
            read(Protocol::V5, &[0x40, 3, 0, 1, 0x95]),
            Ok(Some(Answer::Acked(1, refused(0x95, None))))
        );
        let worded = [0x40, 9, 0, 1, 0x87, 5, 0x1F, 0, 2, b'n', b'o'];
        assert_eq!(read(Protocol::V5, &worded), Ok(Some(Answer::Acked(1, refused(0x87, Some("no"))))));
        assert_eq!(read(Protocol::V5, &[0xE0, 1, 0x8B]), Ok(Some(Answer::Goodbye(refused(0x8B, None)))));
    }

    #[test]
    fn welcomes() {
        let mut expected = Welcome {
            reason: Reason { code: 0, text: None },
            session_present: true,
            receive_max: 20,
            max_packet: 2000,
            max_qos: 1,
            retain_available: false,
            keep_alive_s: Some(60),
        };
        let five = [
            0x20, 26, 1, 0, 23, 0x21, 0, 20, 0x27, 0, 0, 7, 0xD0, 0x24, 1, 0x25, 0, 0x13, 0, 60, 0x26, 0, 1,
            b'a', 0, 1, b'b', 0x2A,
        ];
        // The last property has lost its value.
        assert_eq!(read(Protocol::V5, &five), Err(Garbled));
        let mut five = five.to_vec();
        five.push(1);
        (five[1], five[4]) = (27, 24);
        assert_eq!(read(Protocol::V5, &five), Ok(Some(Answer::Connected(expected.clone()))));
        (expected.session_present, expected.receive_max, expected.max_packet) =
            (false, u16::MAX, MAX_PACKET_BYTES);
        (expected.max_qos, expected.retain_available, expected.keep_alive_s) = (2, true, None);
        assert_eq!(read(Protocol::V311, &[0x20, 2, 0, 0]), Ok(Some(Answer::Connected(expected.clone()))));
        // A broker that knows only 3.1.1, asked in 5.
        expected.reason.code = 0x84;
        assert_eq!(read(Protocol::V5, &[0x20, 2, 0, 1]), Ok(Some(Answer::Connected(expected))));
    }

    #[test]
    fn what_is_not_mqtt_is_no_answer() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            &[0x20, 0x80, 0x80, 0x80, 0x80],
            &[0x40, 1, 0],
            &[0x40, 4, 0, 1, 0, 9],
        ] {
            let answered = read(Protocol::V5, bytes);
            assert!(matches!(answered, Err(Garbled) | Ok(Some(Answer::Other) | None)), "{answered:?}");
        }
        assert_eq!(
            read(Protocol::V5, &[0x40, 0xFF, 0xFF, 0x7F]),
            Err(Garbled),
            "a length that no answer has"
        );
    }
}
