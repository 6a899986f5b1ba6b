//! What is kept with the cursor.

use serde::{Deserialize, Serialize};
use watchpost_template::Counts;

use crate::receiver::ReceiverError;

use super::content::Head;

/// Files whose ends are remembered, most recently written last. A file beyond them was complete and
/// synced when it was forgotten; what is written to it later goes behind what it holds.
pub(crate) const MAX_FILES: usize = 32;

/// The state a file receiver needs to go on where its last outcome left off. JSON, so that a newer
/// version can add to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Resume {
    /// `{sys.count}` as of the last delivered object.
    #[serde(skip_serializing_if = "Counts::is_empty")]
    pub counts: Counts,
    /// The last delivery that it speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// Appended files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileEnd>,
}

/// Where an appended file ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FileEnd {
    /// As rendered.
    pub path: String,
    /// Which of `<stem>-00001.csv`, ... it went to; 0 for the rendered name itself.
    #[serde(skip_serializing_if = "is_zero")]
    pub number: u32,
    /// Bytes that are delivered; what lies beyond after a crash is cut.
    pub length: u64,
    /// The time of its first object; only with `rotate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// The file's inode: another file of the same name is not ours to cut.
    pub inode: u64,
    /// What its first object settled.
    pub head: Head,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Resume {
    pub(crate) fn parse(bytes: Option<&[u8]>) -> Result<Self, ReceiverError> {
        let Some(bytes) = bytes else { return Ok(Self::default()) };
        serde_json::from_slice(bytes).map_err(|error| {
            ReceiverError::Failed(format!(
                "what was kept to go on after a restart cannot be read ({error}): disable and enable the export to begin anew"
            ))
        })
    }

    pub(crate) fn bytes(&self) -> bytes::Bytes {
        // Maps with text keys and plain numbers always serialise.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}
