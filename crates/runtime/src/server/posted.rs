//! Detections and video handed in while an instance runs (PRODUCT section 4).

use std::time::Duration;

use watchpost_media::{FeedError, FeedKind};
use watchpost_model::Timestamp;
use watchpost_source::{Body, NotTaking, Posted};

use super::{OperationError, Server};

/// How long a post waits for a busy analysis: below the patience of clients, above a pause of the disk.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a pushed picture waits for room: some frames of a busy analysis. The next one waits behind it.
const ROOM_TIMEOUT: Duration = Duration::from_secs(1);

/// Why nothing of a post was taken.
#[derive(Debug)]
pub enum PostError {
    /// There is no such instance.
    Unknown(OperationError),
    /// It takes no posts now; the instance's name.
    NotTaking(String),
    /// The analysis is behind, and nothing was taken.
    Full,
}

impl Server {
    /// Hands `body` to the source of `instance`, in order.
    ///
    /// # Errors
    /// See [`PostError`]. Lines that are malformed are no error of the post: they are refused alone.
    pub async fn post_detections(
        &self,
        instance: &str,
        body: bytes::Bytes,
        holds: Body,
    ) -> Result<Posted, PostError> {
        let slot = self.find(instance).map_err(PostError::Unknown)?;
        let Some(inlet) = slot.around.inlet.clone() else { return Err(PostError::NotTaking(slot.name())) };
        let posted = tokio::task::spawn_blocking(move || inlet.post(&body, holds, TIMEOUT)).await;
        // Ended by a panic: nothing more was taken.
        posted.unwrap_or(Err(NotTaking)).map_err(|NotTaking| PostError::NotTaking(slot.name()))
    }

    /// Hands one picture or access unit, taken at `captured_ms` (Unix ms), to the source of `instance`.
    ///
    /// # Errors
    /// See [`PostError`].
    pub async fn push_video(
        &self,
        instance: &str,
        kind: FeedKind,
        data: bytes::Bytes,
        captured_ms: Option<i64>,
    ) -> Result<(), PostError> {
        let slot = self.find(instance).map_err(PostError::Unknown)?;
        let Some(feed) = slot.around.feed.clone() else { return Err(PostError::NotTaking(slot.name())) };
        let captured = captured_ms.map(Timestamp);
        let pushed = tokio::task::spawn_blocking(move || feed.push(kind, data, captured, ROOM_TIMEOUT)).await;
        match pushed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(FeedError::Full)) => Err(PostError::Full),
            // Or ended by a panic: nothing was taken.
            Ok(Err(FeedError::Closed)) | Err(_) => Err(PostError::NotTaking(slot.name())),
        }
    }
}
