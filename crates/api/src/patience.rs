//! Bodies that never end: a client that sends a byte now and then would keep its connection, and what is behind it,
//! for as long as it likes.

use std::{fmt, io, time::Duration};

use axum::{body::Body, http::StatusCode};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::Problem;

/// For a body of any size: a slow phone that has just found its network.
const GRACE: Duration = Duration::from_secs(20);
/// For one that its route keeps short: it comes in the packet of its head. The login is among these, and who asks there
/// nobody knows yet.
const SHORT_GRACE: Duration = Duration::from_secs(5);
/// What is short, in bytes.
pub(crate) const SHORT_BYTES: usize = 8 << 10;
/// And a second more for so many bytes that have come: below that nobody sends anything of use.
const BYTES_PER_S: u64 = 4096;

/// The body took too long.
#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body came too slowly: at least {BYTES_PER_S} bytes a second are waited for")
    }
}

impl std::error::Error for TooSlow {}

/// The same body, which breaks off with an error where it is sent too slowly; it may have `most_bytes`.
pub(crate) fn timed(body: Body, most_bytes: usize) -> Body {
    timed_by(body, if most_bytes <= SHORT_BYTES { SHORT_GRACE } else { GRACE })
}

fn timed_by(body: Body, grace: Duration) -> Body {
    let began = Instant::now();
    let chunks = body.into_data_stream();
    Body::from_stream(stream::unfold(Some((chunks, 0_u64)), move |state| async move {
        let (mut chunks, received) = state?;
        let deadline = began + grace + Duration::from_millis(received * 1000 / BYTES_PER_S);
        match tokio::time::timeout_at(deadline, chunks.next()).await {
            Ok(Some(Ok(chunk))) => {
                let received = received + chunk.len() as u64;
                Some((Ok(chunk), Some((chunks, received))))
            }
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(io::Error::new(io::ErrorKind::TimedOut, TooSlow)), None)),
        }
    }))
}

/// The answer to a body that could not be read, if it was sent too slowly.
pub(crate) fn too_slow(error: &(dyn std::error::Error + 'static)) -> Option<Problem> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.get_ref().is_some_and(|inner| inner.is::<TooSlow>()))
            || error.is::<TooSlow>()
        {
            return Some(Problem::new(StatusCode::REQUEST_TIMEOUT, TooSlow.to_string()));
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use bytes::Bytes;

    use super::*;

    /// Chunks of such a size, one after the other in such a time.
    fn trickle(every: Duration, chunk: usize, chunks: usize) -> Body {
        let parts = stream::iter(0..chunks).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, io::Error>(Bytes::from(vec![b'x'; chunk]))
        });
        timed_by(Body::from_stream(parts), Duration::from_millis(50))
    }

    #[tokio::test]
    async fn who_trickles_is_cut_off_and_who_is_only_slow_is_not() {
        // Far above the least rate, and far longer than the grace.
        let slow = to_bytes(trickle(Duration::from_millis(10), 4096, 20), usize::MAX).await;
        assert_eq!(slow.unwrap().len(), 20 * 4096);
        let error = to_bytes(trickle(Duration::from_millis(10), 1, 100_000), usize::MAX).await.unwrap_err();
        let problem = too_slow(&error).unwrap();
        assert_eq!(serde_json::to_value(&problem).unwrap()["status"], 408);
        assert!(too_slow(&io::Error::other("something else")).is_none());
    }
}
