//! A folder of its own for one test, and Watchpost running in it.

use std::{
    ffi::OsStr,
    io::Write,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::SmallDisk;

/// No test waits longer than this for anything: generous, so that a busy machine fails no test, and
/// bounded, so that a hang does.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder with an instance file and a data folder, removed at the end.
pub struct Sandbox {
    // Before the folder it lies in.
    disk: Option<SmallDisk>,
    dir: TempDir,
    program: PathBuf,
    environment: Vec<(String, String)>,
    /// Where in `stderr.log` the last that was spawned began.
    log_start: AtomicUsize,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Sandbox {
    /// A new one; `program` is the `watchpost` to run: `env!("CARGO_BIN_EXE_watchpost")`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            disk: None,
            dir: TempDir::with_prefix("watchpost-test-").unwrap(),
            program: program.into(),
            environment: Vec::new(),
            log_start: AtomicUsize::new(0),
        }
    }

    /// From now on every `watchpost` runs where `disk` is.
    pub fn put_on(&mut self, disk: SmallDisk) {
        self.disk = Some(disk);
    }

    /// Its small disk, if it has one.
    pub fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    /// From now on every `watchpost` has this in its environment.
    pub fn set_env(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// A path under the data folder's `exports/`.
    pub fn export(&self, name: &str) -> PathBuf {
        self.data().join("exports").join(name)
    }

    /// Writes a file below the folder; folders on the way are made.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// As `write`, executable.
    pub fn write_program(&self, name: &str, content: &str) -> PathBuf {
        let path = self.write(name, content);
        set_mode(&path, 0o755);
        path
    }

    /// Writes `instance.json`.
    pub fn instance(&self, document: &Value) -> PathBuf {
        self.write("instance.json", serde_json::to_vec_pretty(document).unwrap())
    }

    /// Runs a command of `watchpost` to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        let output = self.command(args).stdin(Stdio::null()).output().unwrap();
        Ran::new(&output)
    }

    /// As `run`, with something on STDIN.
    pub fn run_with_input<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran::new(&child.wait_with_output().unwrap())
    }

    /// As `run`, as a user who may do nothing but what everyone may, in a data folder that everyone may use:
    /// root is refused nothing. `None`, said aloud, where no such user can be had.
    pub fn run_unprivileged<S: AsRef<OsStr>>(&self, args: &[S]) -> Option<Ran> {
        const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        if !Command::new("setpriv").args(NOBODY).arg("true").output().is_ok_and(|ran| ran.status.success()) {
            eprintln!("SKIPPED: setpriv cannot become another user here");
            return None;
        }
        for folder in [self.path().to_owned(), self.data()] {
            std::fs::create_dir_all(&folder).unwrap();
            set_mode(&folder, 0o777);
        }
        // What was built may lie where only root may look: a copy in the open.
        let program = self.path().join("watchpost");
        if !program.exists() {
            std::fs::copy(&self.program, &program).unwrap();
        }
        let mut command = Command::new("setpriv");
        command.args(NOBODY).arg(program).args(args).arg("--data").arg(self.data()).current_dir(self.path());
        Some(Ran::new(&command.stdin(Stdio::null()).output().unwrap()))
    }

    /// Starts a command of `watchpost` with a pipe to its STDIN, in a process group of its own. What it says is
    /// in `stdout.log` (of the last one) and `stderr.log` (of all).
    pub fn spawn<S: AsRef<OsStr>>(&self, args: &[S]) -> Watchpost {
        let errors =
            std::fs::File::options().create(true).append(true).open(self.path().join("stderr.log")).unwrap();
        self.log_start.store(errors.metadata().unwrap().len() as usize, Ordering::Relaxed);
        let mut command = self.command(args);
        let output = std::fs::File::create(self.path().join("stdout.log")).unwrap();
        command.stdin(Stdio::piped()).stdout(output).stderr(errors).process_group(0);
        let mut child = command.spawn().unwrap();
        Watchpost { stdin: child.stdin.take(), child }
    }

    /// Where the `watchpost` that was spawned last answers HTTP; waits until it does.
    pub fn http_address(&self) -> SocketAddr {
        let mut address = None;
        wait_until("the server listens on HTTP", || {
            let log = std::fs::read_to_string(self.path().join("stderr.log")).unwrap_or_default();
            let log = log.get(self.log_start.load(Ordering::Relaxed)..).unwrap_or_default();
            let (_, after) = log.split_once("listening on http").unwrap_or_default();
            let (_, after) = after.split_once("://").unwrap_or_default();
            address = after.split_once('/').and_then(|(address, _)| address.parse().ok());
            address.is_some()
        });
        address.unwrap()
    }

    fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = match &self.disk {
            Some(disk) => disk.command(&self.program, self.path()),
            None => Command::new(&self.program),
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.path()).args(args).arg("--data").arg(self.data());
        // Wherever the test's build lies, the shipped exporters are those of this checkout.
        // Many run at once, on one machine.
        command.env("WATCHPOST_LISTEN", "127.0.0.1:0");
        command.env("WATCHPOST_EXPORTERS", concat!(env!("CARGO_MANIFEST_DIR"), "/../../exporters"));
        command
    }

    /// A file of JSON lines under `exports/`; none there: empty.
    pub fn json_lines(&self, name: &str) -> Vec<Value> {
        json_lines(&self.export(name))
    }

    /// The same while it is being written: a line without its end is not there yet.
    pub fn json_lines_so_far(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.export(name)).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What an exporter of `children.rs` has kept.
    pub fn lines_of_exporter(&self, name: &str) -> Vec<Value> {
        json_lines(&self.data().join("exporters").join(name).join("seen.jsonl"))
    }
}

impl Ran {
    fn new(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// As `chmod`.
pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Every line of a file as JSON; a line that is none fails the test.
fn json_lines(path: &Path) -> Vec<Value> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("{}: {error}", path.display()),
    };
    text.lines()
        .enumerate()
        .map(|(n, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}:{}: {error}: {line}", path.display(), n + 1))
        })
        .collect()
}

/// A running `watchpost`, killed at the latest when it is dropped.
pub struct Watchpost {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Watchpost {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its STDIN; `false` once it no longer reads.
    pub fn feed(&mut self, text: &[u8]) -> bool {
        self.stdin.as_mut().is_some_and(|stdin| stdin.write_all(text).is_ok())
    }

    /// Closes its STDIN: the end of a source that reads it.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Kills it with signal 9 and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same with all of its process group: its guardian too.
    pub fn kill_group(mut self) {
        signal("-9", &format!("-{}", self.pid()));
        self.child.wait().unwrap();
    }

    /// Memory it has resident, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).unwrap_or_default();
        let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
        // Pages are of 4 KiB on x86-64 and on nearly all arm64 kernels.
        pages.unwrap_or(0) * 4096
    }

    /// How it has ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Closes its STDIN and waits for its end.
    pub fn finish(mut self) -> ExitStatus {
        drop(self.stdin.take());
        let mut ended = None;
        wait_until("watchpost ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }
}

impl Drop for Watchpost {
    fn drop(&mut self) {
        // Already gone in all good cases.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Tells a process to end, as Ctrl-C in its terminal does.
pub fn interrupt(pid: u32) {
    signal("-2", &pid.to_string());
}

/// Tells a process to end, as a service manager does.
pub fn terminate(pid: u32) {
    signal("-15", &pid.to_string());
}

pub(crate) fn signal(signal: &str, whom: &str) {
    let sent = Command::new("kill").args([signal, "--", whom]).status().unwrap();
    assert!(sent.success(), "kill {signal} {whom}");
}

/// Waits until `done`, looking every 5 ms; fails the test after [`PATIENCE`].
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
