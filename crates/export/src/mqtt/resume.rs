//! What is kept with the cursor.

use serde::{Deserialize, Serialize};
use watchpost_template::Counts;

use super::home::Told;
use crate::receiver::ReceiverError;

/// What holds as of the last delivered message. JSON, so that a newer version can add to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Resume {
    /// `{sys.count}`.
    #[serde(skip_serializing_if = "Counts::is_empty")]
    pub counts: Counts,
    #[serde(skip_serializing_if = "Told::is_empty")]
    pub home: Told,
}

impl Resume {
    pub fn parse(bytes: Option<&[u8]>) -> Result<Self, ReceiverError> {
        let Some(bytes) = bytes else { return Ok(Self::default()) };
        serde_json::from_slice(bytes).map_err(|error| {
            ReceiverError::Failed(format!(
                "what was kept to go on after a restart cannot be read ({error}): disable and enable the export to begin anew"
            ))
        })
    }

    pub fn bytes(&self) -> bytes::Bytes {
        // Maps with text keys and plain numbers always serialise.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}
