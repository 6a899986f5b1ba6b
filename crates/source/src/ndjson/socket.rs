//! A Unix socket that detectors write their lines to, one connection after the other.

use std::{
    io::{ErrorKind, Read as _},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::mpsc::SyncSender,
};

use rustix::event::{PollFd, PollFlags, poll};
use watchpost_config::LabelTable;

use super::{Read, lines::Lines, reader::CHUNK_BYTES};
use crate::SourceError;

/// The user Watchpost runs as, and its group, may write detections.
const MODE: u32 = 0o660;

/// A bound socket; its path is removed with it.
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Binds `path`. A socket there that nobody listens at any more is a leftover, and is replaced.
    pub fn bind(path: &Path, pointer: &'static str) -> Result<Self, SourceError> {
        check(path, pointer)?;
        let failed = |error: std::io::Error| {
            let message = match error.kind() {
                ErrorKind::NotFound => format!("{}: its folder does not exist: make it", path.display()),
                ErrorKind::InvalidInput => {
                    format!(
                        "{}: too long for a socket, which takes 107 bytes: choose a shorter path",
                        path.display()
                    )
                }
                _ => format!("{}: cannot make the socket: {error}", path.display()),
            };
            SourceError::new(pointer, message)
        };
        if path.exists() {
            std::fs::remove_file(path).map_err(failed)?;
        }
        let socket = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(failed)?;
        Ok(Self { socket, path: path.to_owned() })
    }

    /// Reads one connection after the other until nobody listens any more: `woken` is closed then.
    pub fn read(self, woken: &UnixStream, labels: &LabelTable, sender: &SyncSender<Read>) {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut take = |read| sender.send(read).is_ok();
        while self.is_readable(&self.socket, woken) {
            let Ok((mut connection, _)) = self.socket.accept() else { continue };
            if !take(Read::Begins) {
                return;
            }
            let mut lines = Lines::new(labels);
            loop {
                if !self.is_readable(&connection, woken) {
                    return;
                }
                let listened = match connection.read(&mut chunk) {
                    // A line without its end is half a line: its writer broke off, or it is the last.
                    Ok(0) | Err(_) => break,
                    Ok(length) => lines.push(&chunk[..length], &mut take),
                };
                if !listened {
                    return;
                }
            }
            if !lines.finish(&mut take) {
                return;
            }
        }
    }

    /// Waits until there is something to read; `false` when `woken` is closed.
    fn is_readable(&self, what: &impl std::os::fd::AsFd, woken: &UnixStream) -> bool {
        loop {
            let mut polled = [PollFd::new(what, PollFlags::IN), PollFd::new(woken, PollFlags::IN)];
            // Interrupted by a signal: asked again.
            if poll(&mut polled, None).is_ok() {
                return polled[1].revents().is_empty();
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Gone already: as good.
        let _gone = std::fs::remove_file(&self.path);
    }
}

/// Whether a socket could be bound at `path`: nothing else stands there, and nobody listens.
pub(super) fn check(path: &Path, pointer: &'static str) -> Result<(), SourceError> {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let refused = |why: &str| Err(SourceError::new(pointer, format!("{}: {why}", path.display())));
    if !meta.file_type().is_socket() {
        return refused("is there and is no socket: choose another path, or remove it");
    }
    if UnixStream::connect(path).is_ok() {
        return refused("another program, or another instance, listens there: choose another path");
    }
    Ok(())
}
