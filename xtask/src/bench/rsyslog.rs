//! The peer of exporters: rsyslog's omprog, which writes messages to a program's standard input and, with
//! `confirmMessages`, waits for its word on each (rsyslog documentation, "omprog: Program integration").

use std::{
    fs,
    io::Write as _,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};

use super::{
    Bed,
    exporters::{RECORD, Seen},
    within,
};

/// Records per second from the first that the program reads to its last; nothing where there is no rsyslog.
/// Everything stays in memory: there is no log to go through.
pub fn run(bed: &Bed, confirm: bool, records: u64) -> anyhow::Result<Option<f64>> {
    if Command::new("rsyslogd").arg("-v").output().is_err() {
        eprintln!("bench: rsyslogd is not installed, so there is no peer for exporters");
        return Ok(None);
    }
    let folder = bed.fresh("rsyslog")?;
    let seen = folder.join("seen.json");
    let socket = folder.join("in");
    fs::write(folder.join("rsyslog.conf"), configuration(bed, &folder, confirm))?;
    let mut rsyslog = Command::new("rsyslogd")
        .arg("-n")
        .arg("-f")
        .arg(folder.join("rsyslog.conf"))
        .arg("-i")
        .arg(folder.join("pid"))
        .spawn()?;
    let fed = feed(&socket, records).and_then(|()| until_idle(rsyslog.id()));
    // In order: the program then finds its end, and writes what it has seen.
    let ended = Command::new("kill").arg(rsyslog.id().to_string()).status();
    wait(&mut rsyslog)?;
    fed?;
    ensure!(ended?.success(), "rsyslogd could not be ended");
    let seen = Seen::load(&seen)?;
    ensure!(seen.messages == records, "the program saw {} of {records} messages", seen.messages);
    Ok(Some(records as f64 / seen.seconds))
}

/// Batches as large as its documentation has them for speed; no disk queue anywhere.
fn configuration(bed: &Bed, folder: &Path, confirm: bool) -> String {
    let (child, folder) = (bed.child.display(), folder.display());
    let (mode, option) = if confirm { ("confirm", "on") } else { ("read", "off") };
    let queue = r#"queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="1024" queue.timeoutShutdown="60000""#;
    format!(
        r#"global(workDirectory="{folder}")
module(load="imptcp")
module(load="omprog")
template(name="line" type="string" string="%rawmsg%\n")
input(type="imptcp" path="{folder}/in" ruleset="out")
ruleset(name="out" {queue}) {{
  action(type="omprog" binary="{child} {mode} newline {folder}/seen.json" template="line" confirmMessages="{option}")
}}
"#
    )
}

/// Writes all records to its socket.
fn feed(socket: &Path, records: u64) -> anyhow::Result<()> {
    let mut stream = within("rsyslogd to listen", || UnixStream::connect(socket).ok())?;
    let block = [RECORD, "\n"].concat().repeat(100);
    for _ in 0..records / 100 {
        stream.write_all(block.as_bytes())?;
    }
    Ok(())
}

/// Waits until the process has used no CPU time for half a second: it is done with what it was given.
fn until_idle(pid: u32) -> anyhow::Result<()> {
    let (mut last, mut since) = (0, Instant::now());
    within("rsyslogd to be idle", || {
        let now = ticks(pid)?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_millis(500)).then_some(())
    })
}

/// User and system time, in ticks (proc(5)).
fn ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

fn wait(rsyslog: &mut Child) -> anyhow::Result<()> {
    let ended = within("rsyslogd to end", || rsyslog.try_wait().ok().flatten());
    if ended.is_err() {
        rsyslog.kill().context("killing rsyslogd")?;
    }
    ended.map(drop)
}
