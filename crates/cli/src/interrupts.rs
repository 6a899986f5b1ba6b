//! Ctrl-C and TERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// Asked to stop. Made once, before the work begins: a signal that comes while nobody waits for it, as between
/// two rounds of a loop, is there at the next [`Interrupts::next`], and does not end the process.
pub(crate) struct Interrupts {
    ctrl_c: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The system does not let signals be watched.
    pub fn watch() -> std::io::Result<Self> {
        Ok(Self { ctrl_c: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one. May be dropped and called again: none is lost.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The second Ctrl-C. Nothing that was acknowledged is lost: this is what kill -9 does, too.
#[allow(clippy::disallowed_methods, reason = "at once is what was asked for: nothing is flushed")]
pub(crate) fn leave_at_once() -> ! {
    std::process::exit(Exit::Failed as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_that_comes_while_nobody_waits_is_not_lost() {
        let mut interrupts = Interrupts::watch().unwrap();
        // Polled once and dropped, as by a loop that has something else to do.
        tokio::select! {
            biased;
            () = interrupts.next() => panic!("nothing has come"),
            () = std::future::ready(()) => {}
        }
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(10), interrupts.next()).await.unwrap();
    }
}
