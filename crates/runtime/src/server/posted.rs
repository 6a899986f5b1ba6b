//! Detections handed in while an instance runs (PRODUCT section 4).

use std::time::Duration;

use watchpost_source::{Body, NotTaking, Posted};

use super::{OperationError, Server};

/// How long a post waits for a busy analysis: below the patience of clients, above a pause of the disk.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why nothing of a post was taken.
#[derive(Debug)]
pub enum PostError {
    /// There is no such instance.
    Unknown(OperationError),
    /// It takes no posts now; the instance's name.
    NotTaking(String),
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
}
