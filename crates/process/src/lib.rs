//! Child programs: spawn, framing, unread bytes, acknowledge, restart, kill with descendants.
//!
//! [`Guardian::start`] is the first line of `main`; [`Guardian::spawn`] starts a [`Child`] from a [`Spec`].
//! A child is sent messages ([`Child::send`]); how many it has read, [`Child::progress`] tells; what it answers
//! comes from [`Child::take_answers`] or [`Child::lines`]. Nothing a child does blocks anyone else:
//!
//! | the child | what happens |
//! |---|---|
//! | closes STDIN but lives | [`Stdin::Refused`] at the next write; what it had read stays counted |
//! | does not read, or is stopped | [`Child::stalled_for`] grows; the queue fills and `send` waits |
//! | exits, dies at once | [`Child::ended`]; counts are right after it |
//! | forks and exits | its own process is what counts: the rest is killed, and said |
//! | ignores `SIGTERM` | killed after the grace of [`Child::stop`] |
//! | floods STDOUT or STDERR | read at a bounded rate, logged at a bounded rate, slowed down by its own pipe |
//! | writes a line without end | skipped and told, not kept |
//! | writes what is not UTF-8 | shown with replacement characters; lines for the caller are bytes |
//! | leaves grandchildren, in sessions of their own too | killed with it, see `guardian` |
//!
//! Restarting is for the worker that holds the child: it knows what is to be sent again.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod account;
mod answers;
mod child;
mod command;
mod feed;
mod guardian;
mod lines;
mod log;
mod masked;
mod output;
mod spawn;
mod spec;
mod sys;
mod talk;

pub use answers::Answer;
pub use child::{Child, Ended, Exit, Life};
pub use command::{COMMAND_MAX_BYTES, ResolveError, SplitError, resolve, split};
pub use feed::{Progress, SendError, Stdin};
pub use guardian::{Guardian, GuardianError};
pub use log::{LOG_LINE_MAX_BYTES, LOG_LINES_PER_S, LogLine, Origin, RECENT_LINES};
pub use masked::Secrets;
pub use output::Line;
pub use spawn::SpawnError;
pub use spec::{Framing, INHERITED, LINE_MAX_BYTES, QUEUE_BYTES, Spec, Stdout};
pub use talk::{TALK_LINE_MAX_BYTES, TALK_LINES, Talk};
