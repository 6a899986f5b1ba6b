//! Running other programs: cargo, Python, and what benchmarks measure.

use std::{
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

/// The cargo that runs this.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

/// Runs it to its end; a status other than 0 is an error that names the command.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Its standard output; a status other than 0 is an error with what it wrote to standard error.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} ended with {}:\n{said}", shown(command), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From start to end.
    pub wall: Duration,
    /// User and system time of the process and all children it waited for.
    pub cpu: Duration,
    /// Largest resident size of the process itself, or of its largest child if that was larger.
    pub peak_bytes: u64,
}

/// Runs it to its end and says what it cost, as the kernel counted it (`wait4`).
pub fn measure(command: &mut Command) -> anyhow::Result<(ExitStatus, Cost)> {
    use std::os::unix::process::ExitStatusExt as _;

    // A group of its own, so that an interrupted benchmark leaves nothing behind.
    command.process_group(0);
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let pid = i32::try_from(child.id())?;
    let (status, usage) = wait4(pid)?;
    let seconds = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    let cost = Cost {
        wall: start.elapsed(),
        cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        // Linux counts in KiB.
        peak_bytes: usage.ru_maxrss.unsigned_abs() * 1024,
    };
    Ok((ExitStatus::from_raw(status), cost))
}

#[allow(unsafe_code, reason = "std has no wait that also tells what the child used")]
fn wait4(pid: libc::pid_t) -> anyhow::Result<(i32, libc::rusage)> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to live values of the right type; `pid` is a child of ours that nobody
        // else waits for, and all-zero is a valid `rusage`.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        if waited == pid {
            // SAFETY: zeroed above, then filled by the kernel.
            return Ok((status, unsafe { usage.assume_init() }));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error).context("cannot wait for the child");
        }
    }
}

/// The command as one would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
