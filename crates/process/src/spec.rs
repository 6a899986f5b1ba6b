//! What a child is to be: program, folder, environment, and how it is spoken with.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::command::{ResolveError, SplitError, resolve, split};
use crate::masked::Secrets;
use crate::talk::Talk;

/// Variables handed on from Watchpost's own environment, where set; nothing else is (PRODUCT 9).
pub const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// What `PATH` is where Watchpost has none.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What ends a message on the child's STDIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One NUL byte (the reference system's way).
    Nul,
    /// One newline; messages must not hold any.
    Newline,
    /// Nothing: a message says itself where it ends.
    Nothing,
}

impl Framing {
    /// What is written behind each message.
    pub const fn end(self) -> &'static [u8] {
        match self {
            Framing::Nul => b"\0",
            Framing::Newline => b"\n",
            Framing::Nothing => b"",
        }
    }
}

/// What the child's STDOUT is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// All lines go to the log.
    Log,
    /// `OK` and `ERROR text` answer messages, in order; other lines go to the log.
    Answers,
    /// Each line is handed to the caller; one over `max_bytes` is skipped and told as
    /// [`Line::TooLong`](crate::Line::TooLong).
    Lines {
        /// Longest line kept, in bytes.
        max_bytes: usize,
    },
}

/// Longest line of [`Stdout::Lines`] that suits records with crops: 32 MiB.
pub const LINE_MAX_BYTES: usize = 32 << 20;

/// Bytes of messages that may wait on our side of the pipe, unless a [`Spec`] says otherwise: a few batches.
/// Everything else waits in the journal.
pub const QUEUE_BYTES: usize = 1 << 20;

/// A child to be started by [`Guardian::spawn`](crate::Guardian::spawn).
#[derive(Clone)]
pub struct Spec {
    /// For logs: the exporter's or the instance's name.
    pub name: String,
    /// The program as written: a name looked for in the child's `PATH`, or a path relative to `program_dir`.
    pub program: String,
    /// Its arguments, without its own name.
    pub args: Vec<String>,
    /// What a relative `program` is relative to.
    pub program_dir: PathBuf,
    /// Working directory.
    pub dir: PathBuf,
    /// The complete environment; see [`Spec::inherit`].
    pub env: Vec<(OsString, OsString)>,
    /// End of a message.
    pub framing: Framing,
    /// Meaning of STDOUT.
    pub stdout: Stdout,
    /// Bytes of messages that may wait on our side of the pipe.
    pub queue_bytes: usize,
    /// What is never shown of what it says.
    pub secrets: Secrets,
    /// Where its last lines are kept, together with those of its lives before.
    pub talk: Talk,
}

/// Names of variables only: their values may be secrets, and what is `Debug` gets logged.
impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            program,
            args,
            program_dir,
            dir,
            env,
            framing,
            stdout,
            queue_bytes,
            secrets,
            talk: _,
        } = self;
        let env: Vec<_> = env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Spec")
            .field("name", name)
            .field("program", program)
            .field("args", args)
            .field("program_dir", program_dir)
            .field("dir", dir)
            .field("env", &env)
            .field("framing", framing)
            .field("stdout", stdout)
            .field("queue_bytes", queue_bytes)
            .field("secrets", secrets)
            .finish()
    }
}

impl Spec {
    /// A child of `command`, split without a shell, in folder `dir`, with the inherited environment,
    /// [`Framing::Nul`] and [`Stdout::Log`].
    pub fn new(name: &str, command: &str, dir: &Path) -> Result<Spec, SplitError> {
        Ok(Spec::of_words(name, split(command)?, dir))
    }

    /// The same from words already split; the first is the program.
    pub fn of_words(name: &str, words: Vec<String>, dir: &Path) -> Spec {
        let mut words = words.into_iter();
        Spec {
            name: name.to_owned(),
            program: words.next().unwrap_or_default(),
            args: words.collect(),
            program_dir: dir.to_owned(),
            dir: dir.to_owned(),
            env: Spec::inherit(),
            framing: Framing::Nul,
            stdout: Stdout::Log,
            queue_bytes: QUEUE_BYTES,
            secrets: Secrets::default(),
            talk: Talk::default(),
        }
    }

    /// The variables of [`INHERITED`] as Watchpost has them, `PATH` always.
    // Children inherit by nature; everywhere else the environment is a parameter.
    #[allow(clippy::disallowed_methods)]
    pub fn inherit() -> Vec<(OsString, OsString)> {
        let own = |name: &&str| Some((OsString::from(name), std::env::var_os(name)?));
        let mut env: Vec<_> = INHERITED.iter().filter_map(own).collect();
        if !env.iter().any(|(name, _)| name == "PATH") {
            env.push(("PATH".into(), DEFAULT_PATH.into()));
        }
        env
    }

    /// Sets a variable of the child's environment, replacing one of the same name.
    pub fn set_env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let name = name.into();
        self.env.retain(|(other, _)| *other != name);
        self.env.push((name, value.into()));
    }

    /// A variable of the child's environment.
    pub fn env_value(&self, name: &str) -> Option<&OsStr> {
        self.env.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// The file that would be executed: the check that `validate` and the page do without starting anything.
    pub fn resolve(&self) -> Result<PathBuf, ResolveError> {
        resolve(&self.program, &self.program_dir, self.env_value("PATH"))
    }
}
