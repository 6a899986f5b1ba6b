//! Running other programs: cargo, Python, and what benchmarks measure.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, ExitStatus},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};

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
    /// Processor time of it and of those it waited for.
    pub cpu: Duration,
    /// Largest resident size of the process itself, its children not counted.
    pub peak_bytes: u64,
}

/// How often the size is looked at. The kernel keeps the largest so far, so only what a process grows by in
/// its last moments is missed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Runs it to its end and says what it cost.
///
/// The size is `VmHWM` of proc(5), read while it runs. What `wait4` says at the end will not do: there a
/// program inherits the size of the process that started it, and this one has held decoded pictures.
pub fn measure(command: &mut Command) -> anyhow::Result<(ExitStatus, Cost)> {
    // A group of its own, so that an interrupted benchmark leaves nothing behind.
    command.process_group(0);
    let (start, cpu_before) = (Instant::now(), cpu_of_children());
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let status_file = format!("/proc/{}/status", child.id());
    let (end, ended) = mpsc::channel::<()>();
    let watching = thread::spawn(move || {
        let mut peak = 0;
        while ended.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
            peak = peak_bytes(&status_file).unwrap_or(0).max(peak);
        }
        peak
    });
    let status = child.wait();
    let wall = start.elapsed();
    let cpu = cpu_of_children().saturating_sub(cpu_before);
    drop(end);
    let peak_bytes = watching.join().map_err(|_| anyhow!("the thread that looks at the size panicked"))?;
    Ok((status?, Cost { wall, cpu, peak_bytes }))
}

/// Runs it to its end and says how long those of its threads ran whose names begin with one of `names`.
///
/// A thread's time is read while it lives, so what it does in its last moments is missed.
pub fn measure_threads(command: &mut Command, names: &[&str]) -> anyhow::Result<(ExitStatus, Duration)> {
    command.process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let tasks = PathBuf::from(format!("/proc/{}/task", child.id()));
    let mut threads: HashMap<OsString, u64> = HashMap::new();
    let status = loop {
        for entry in fs::read_dir(&tasks).into_iter().flatten().flatten() {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            if names.iter().any(|begin| name.starts_with(begin)) {
                // Nanoseconds on a processor: Documentation/scheduler/sched-stats of the kernel.
                let ran = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
                let ran = ran.split(' ').next().and_then(|ran| ran.parse().ok()).unwrap_or(0);
                let known = threads.entry(entry.file_name()).or_default();
                *known = ran.max(*known);
            }
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::park_timeout(LOOK_EVERY);
    };
    Ok((status, Duration::from_nanos(threads.values().sum())))
}

/// Processor time of all children that have been waited for: `cutime` and `cstime` of proc(5), which Linux gives in
/// hundredths of a second everywhere. One command is measured at a time.
fn cpu_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the program's name, which may hold anything: the third field is the first here.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
    let ticks: u64 = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn peak_bytes(status_file: &str) -> Option<u64> {
    let status = fs::read_to_string(status_file).ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kib.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// The command as one would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_processor_time_and_sleep_costs_none() {
        let cost = |script: &str| measure(Command::new("sh").args(["-c", script])).unwrap().1;
        let busy = cost("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
        assert!(busy.cpu > Duration::from_millis(20), "{busy:?}");
        let idle = cost("sleep 0.2");
        assert!(idle.cpu < Duration::from_millis(20) && idle.wall > idle.cpu, "{idle:?}");
    }

    #[test]
    fn a_small_program_is_small_whoever_starts_it() {
        let held = vec![1_u8; 200 << 20];
        let (status, cost) = measure(Command::new("sleep").arg("0.2")).unwrap();
        assert!(status.success() && cost.wall >= Duration::from_millis(200));
        assert!((1..50 << 20).contains(&cost.peak_bytes), "{} bytes", cost.peak_bytes);
        drop(held);
    }
}
