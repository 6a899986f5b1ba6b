//! Starting a child: pipes, hand-over to the guardian, the tasks that serve it.

use std::io::{self, BufRead};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, pipe};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::child::{Child, Ended, Exit, Life};
use crate::command::ResolveError;
use crate::feed::{self, Feed};
use crate::guardian::wire::{Handover, REQUEST_MAX_BYTES, Report, Request};
use crate::guardian::{Guardian, GuardianError};
use crate::log::{ChildLog, Origin};
use crate::output::{self, Output};
use crate::spec::{Spec, Stdout};

/// Size asked for the pipes of STDIN and STDOUT: room for the child to work on while the next batch is made.
/// The default of 64 KiB is kept where the kernel refuses (`/proc/sys/fs/pipe-user-pages-soft`).
const PIPE_BYTES: usize = 256 * 1024;

/// How long a keeper may take to execute the program; normally milliseconds, longer on a loaded machine whose
/// disk sleeps.
const EXEC_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// Its program was not found or is not one.
    #[error(transparent)]
    Program(#[from] ResolveError),
    /// Its working directory is not there.
    #[error("working directory `{}`: {error}", .dir.display())]
    Dir {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// An argument or variable that no process can be given.
    #[error("{0}")]
    Invalid(String),
    /// The kernel would not execute it.
    #[error("cannot execute `{}`: {error}{hint}", .path.display())]
    Exec {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
        /// Likely reason and remedy, empty or beginning with `; `.
        hint: String,
    },
    /// No descriptors or memory for it.
    #[error("no pipe for a child: {0}")]
    Resources(#[source] io::Error),
    /// The guardian could not.
    #[error(transparent)]
    Guardian(#[from] GuardianError),
    /// The guardian could not fork, or the keeper died at once.
    #[error("the guardian could not fork; is the limit on processes (`ulimit -u`) or memory reached?")]
    Fork,
}

impl Guardian {
    /// Starts a child. Needs a tokio runtime with IO and time.
    pub async fn spawn(&self, spec: Spec) -> Result<Child, SpawnError> {
        let program = spec.resolve()?;
        let dir = std::path::absolute(&spec.dir).unwrap_or(spec.dir.clone());
        if let Err(error) = std::fs::read_dir(&dir) {
            return Err(SpawnError::Dir { dir, error });
        }
        let request = request(&spec, &program, &dir)?;

        let (child_stdin, stdin) = pipe_with(PipeFlags::CLOEXEC).map_err(resources)?;
        let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC).map_err(resources)?;
        let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC).map_err(resources)?;
        let _ = fcntl_setpipe_size(&stdin, PIPE_BYTES);
        if spec.stdout != Stdout::Log {
            let _ = fcntl_setpipe_size(&stdout, PIPE_BYTES);
        }
        for ours in [&stdin, &stdout, &stderr] {
            // Only our ends: the child's are descriptions of their own and stay blocking.
            rustix::io::ioctl_fionbio(ours, true).map_err(resources)?;
        }
        let (control, theirs) = StdUnixStream::pair().map_err(SpawnError::Resources)?;
        control.set_nonblocking(true).map_err(SpawnError::Resources)?;
        let stdin = pipe::Sender::from_owned_fd(stdin).map_err(SpawnError::Resources)?;
        let stdout = pipe::Receiver::from_owned_fd(stdout).map_err(SpawnError::Resources)?;
        let stderr = pipe::Receiver::from_owned_fd(stderr).map_err(SpawnError::Resources)?;
        let mut control = UnixStream::from_std(control).map_err(SpawnError::Resources)?;

        let handover = Handover {
            control: OwnedFd::from(theirs),
            stdin: child_stdin,
            stdout: child_stdout,
            stderr: child_stderr,
        };
        self.hand_over(handover).await?;
        if control.write_all(&request).await.is_err() {
            return Err(self.check().err().map_or(SpawnError::Fork, SpawnError::Guardian));
        }
        let (reports, orders) = control.into_split();
        let mut reports = BufReader::new(reports);
        let pid = match tokio::time::timeout(EXEC_TIMEOUT, next(&mut reports)).await {
            Ok(Some(Report::Started(pid))) => pid.cast_unsigned(),
            Ok(Some(Report::Failed(errno))) => return Err(exec_error(program, errno)),
            Ok(_) => return Err(self.check().err().map_or(SpawnError::Fork, SpawnError::Guardian)),
            Err(_) => return Err(exec_error(program, libc::ETIMEDOUT)),
        };

        let feed = Feed::new(spec.framing, spec.queue_bytes, spec.stdout == Stdout::Answers);
        let output = Output::new();
        let log = Arc::new(ChildLog::new(&spec));
        spec.talk.begins();
        log.tell(&format!("started as process {pid}"));
        let (life, life_seen) = watch::channel(Life::Running);
        let (gone, gone_seen) = watch::channel(false);
        let (readers, readers_seen) = watch::channel(2);
        let mut tasks = JoinSet::new();
        tasks.spawn(supervise(reports, life, gone, log.clone()));
        tasks.spawn(feed::write(feed.clone(), stdin, gone_seen));
        let done = readers.clone();
        let talk = output::read_talk(stderr, Origin::Stderr, log.clone());
        tasks.spawn(async move {
            talk.await;
            done.send_modify(|count| *count -= 1);
        });
        match spec.stdout {
            Stdout::Lines { max_bytes } => {
                readers.send_modify(|count| *count -= 1);
                tasks.spawn(output::read_lines(stdout, max_bytes, output.clone(), log.clone()));
            }
            Stdout::Answers => {
                let read = output::read_answers(stdout, output.clone(), feed.clone(), log.clone());
                tasks.spawn(async move {
                    read.await;
                    readers.send_modify(|count| *count -= 1);
                });
            }
            Stdout::Log => {
                let (output, log) = (output.clone(), log.clone());
                tasks.spawn(async move {
                    output::read_talk(stdout, Origin::Stdout, log).await;
                    output.end();
                    readers.send_modify(|count| *count -= 1);
                });
            }
        }
        Ok(Child { pid, feed, output, log, life: life_seen, readers: readers_seen, orders, _tasks: tasks })
    }
}

/// Follows the keeper's reports until nothing is left of the child.
async fn supervise(
    mut reports: BufReader<OwnedReadHalf>,
    life: watch::Sender<Life>,
    gone: watch::Sender<bool>,
    log: Arc<ChildLog>,
) {
    let mut exit = Exit::Unknown;
    let mut left_behind = 0;
    while let Some(report) = next(&mut reports).await {
        match report {
            Report::Exited(code) => exit = Exit::Code(code),
            Report::Signalled(signal) => exit = Exit::Signal(signal),
            Report::Gone(killed) => {
                left_behind = killed;
                break;
            }
            Report::Started(_) | Report::Failed(_) => continue,
        }
        life.send_replace(Life::Ending(exit));
    }
    if left_behind > 0 {
        log.note(&format!(
            "it {exit} and left {left_behind} processes, which were ended; keep the program in the foreground"
        ));
    }
    life.send_replace(Life::Gone(Ended { exit, left_behind }));
    gone.send_replace(true);
}

async fn next(reports: &mut BufReader<OwnedReadHalf>) -> Option<Report> {
    let mut line = String::new();
    match reports.read_line(&mut line).await {
        Ok(length) if length > 0 => Report::parse(line.trim_end()),
        _ => None,
    }
}

fn request(spec: &Spec, program: &Path, dir: &Path) -> Result<Vec<u8>, SpawnError> {
    let has_nul = |text: &std::ffi::OsStr| text.as_encoded_bytes().contains(&0);
    if let Some(arg) = spec.args.iter().find(|arg| arg.contains('\0')) {
        return Err(SpawnError::Invalid(format!("argument {arg:?} holds a NUL character; remove it")));
    }
    for (name, value) in &spec.env {
        if name.is_empty() || name.as_encoded_bytes().contains(&b'=') || has_nul(name) || has_nul(value) {
            return Err(SpawnError::Invalid(format!(
                "environment variable {name:?}: a name must not be empty or hold `=`, nothing may hold a NUL character"
            )));
        }
    }
    let args = std::iter::once(&spec.program).chain(&spec.args).map(Into::into).collect();
    let program = std::path::absolute(program).unwrap_or(program.to_owned());
    let request = Request { program: program.into(), dir: dir.into(), args, env: spec.env.clone() }.encode();
    if request.len() > REQUEST_MAX_BYTES {
        return Err(SpawnError::Invalid(format!(
            "arguments and environment have {} bytes; at most {REQUEST_MAX_BYTES} fit",
            request.len()
        )));
    }
    Ok(request)
}

fn resources(error: rustix::io::Errno) -> SpawnError {
    SpawnError::Resources(error.into())
}

fn exec_error(path: PathBuf, errno: i32) -> SpawnError {
    let hint = match errno {
        libc::ENOENT => interpreter_hint(&path),
        libc::EACCES => {
            "; check its permissions, and that its file system is not mounted `noexec`".to_owned()
        }
        libc::E2BIG => "; its arguments and environment are too large".to_owned(),
        libc::ETXTBSY => "; it is being written".to_owned(),
        _ => String::new(),
    };
    SpawnError::Exec { path, error: io::Error::from_raw_os_error(errno), hint }
}

/// The file is there (it was looked for), so what is missing is the interpreter in its first line.
fn interpreter_hint(path: &Path) -> String {
    let mut first = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = io::BufReader::new(io::Read::take(file, 256)).read_until(b'\n', &mut first);
    }
    let first = String::from_utf8_lossy(&first);
    match first.strip_prefix("#!") {
        Some(line) if line.ends_with("\r\n") => {
            "; its first line ends in a Windows line end: convert it with `sed -i 's/\\r$//'`".to_owned()
        }
        Some(line) => format!("; the interpreter `{}` of its first line is not there", line.trim()),
        None => "; a library or loader it needs is not there".to_owned(),
    }
}
