//! What must hold for any bytes from a broker; shared by the fuzz target and the plain test.

use bytes::BytesMut;

use super::{Answer, MAX_PACKET_BYTES, Protocol, answer};

/// Longest text of a broker that is shown, in characters.
const MAX_SHOWN_CHARS: usize = 200;

/// `data`: a size of pieces, and what comes over the connection.
pub(crate) fn check(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else { return };
    for protocol in [Protocol::V5, Protocol::V311] {
        let whole = answers(protocol, [bytes]);
        // However it comes in, the answers are the same: one too many would be a message taken for delivered.
        assert_eq!(answers(protocol, bytes.chunks(usize::from(*size).max(1))), whole);
        whole.0.iter().for_each(is_in_bounds);
    }
}

/// The answers, and whether the connection was given up.
fn answers<'a>(protocol: Protocol, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Answer>, bool) {
    let (mut input, mut found) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match answer(protocol, &mut input) {
                Ok(Some(answer)) => found.push(answer),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

fn is_in_bounds(answer: &Answer) {
    let reason = match answer {
        Answer::Connected(welcome) => {
            assert!(welcome.receive_max > 0, "nothing could ever be sent");
            assert!((1..=MAX_PACKET_BYTES).contains(&welcome.max_packet), "{welcome:?}");
            assert!(welcome.max_qos <= 2, "{welcome:?}");
            &welcome.reason
        }
        Answer::Acked(_, reason) | Answer::Received(_, reason) | Answer::Completed(_, reason) => reason,
        Answer::Goodbye(reason) => reason,
        Answer::Pong | Answer::Other => return,
    };
    let text = reason.text.as_deref().unwrap_or("some");
    assert!(!text.is_empty() && text.chars().count() <= MAX_SHOWN_CHARS && !text.contains(char::is_control));
    let _shown = reason.to_string();
}
