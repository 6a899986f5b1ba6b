//! A note on a file that says how long it was before a delivery whose outcome may not be kept yet.
//!
//! The end of a file is kept with the cursor, so that what lies beyond it after a crash is cut. Of a
//! file that was first written after the last kept cursor nothing is kept. So before its first bytes
//! its length goes into an extended attribute of the file itself, with the delivery that comes next:
//! if that delivery, or an earlier one, is sent again, the file goes back to that length. File
//! systems without extended attributes go without (a line may then double in that one case).

use std::fs::File;

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};

const ATTRIBUTE: &str = "user.watchpost.pending";
/// Key, position, length: 8 bytes each, little endian.
const BYTES: usize = 24;

/// What the note says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PendingNote {
    /// Which export of which instance and data folder wrote it: positions of others mean nothing here.
    pub key: u64,
    /// The first delivery after `length`.
    pub position: u64,
    /// Of the file, in bytes.
    pub length: u64,
}

impl PendingNote {
    /// Puts the note on `file`, in place of an older one.
    pub(crate) fn write(self, file: &File) {
        let mut bytes = [0; BYTES];
        for (to, part) in bytes.chunks_exact_mut(8).zip([self.key, self.position, self.length]) {
            to.copy_from_slice(&part.to_le_bytes());
        }
        if let Err(error) = fsetxattr(file, ATTRIBUTE, &bytes, XattrFlags::empty()) {
            tracing::debug!(%error, "this file system keeps no notes: a line may double if Watchpost is killed now");
        }
    }

    /// The note on `file`, if there is one.
    pub(crate) fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; BYTES];
        let length = fgetxattr(file, ATTRIBUTE, &mut bytes[..]).ok()?;
        let part = |index: usize| bytes[index * 8..][..8].try_into().ok().map(u64::from_le_bytes);
        (length == BYTES).then_some(())?;
        Some(Self { key: part(0)?, position: part(1)?, length: part(2)? })
    }

    /// Takes the note away, once the file's end is kept elsewhere.
    pub(crate) fn remove(file: &File) {
        // There is nothing to do about a file that has none.
        let _gone = fremovexattr(file, ATTRIBUTE);
    }
}
