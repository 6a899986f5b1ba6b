//! From errors of the file system to what a receiver says.

use std::{io, path::Path};

use crate::receiver::ReceiverError;

/// `doing` reads on as "cannot ...": `write`, `create the folder`.
pub(crate) fn fault(doing: &str, path: &Path, error: &io::Error) -> ReceiverError {
    use io::ErrorKind as Kind;
    let path = path.display();
    let blocked = |why: &str| ReceiverError::Blocked(format!("cannot {doing} {path}: {why}"));
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => {
            blocked("the disk is full: free some space, delivery then goes on by itself")
        }
        Kind::PermissionDenied => {
            blocked("permission denied: let the user that Watchpost runs as write there")
        }
        Kind::ReadOnlyFilesystem => {
            blocked("the file system is read-only: mount it writable or choose another folder")
        }
        Kind::NotADirectory => {
            blocked("a part of the path is a file: move that file or choose another folder")
        }
        Kind::IsADirectory => blocked("there is a folder of that name: move it or choose another file name"),
        _ => ReceiverError::Retry(format!("cannot {doing} {path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_what_would_mend_them() {
        let of = |code| fault("write", Path::new("/x/a.json"), &io::Error::from_raw_os_error(code));
        let blocked = |text: &str| ReceiverError::Blocked(text.to_owned());
        assert_eq!(
            of(13),
            blocked(
                "cannot write /x/a.json: permission denied: let the user that Watchpost runs as write there"
            )
        );
        assert_eq!(
            of(28),
            blocked(
                "cannot write /x/a.json: the disk is full: free some space, delivery then goes on by itself"
            )
        );
        assert_eq!(
            of(30),
            blocked(
                "cannot write /x/a.json: the file system is read-only: mount it writable or choose another folder"
            )
        );
        assert!(matches!(of(5), ReceiverError::Retry(_)), "an IO error may pass");
    }
}
