//! A child that does nothing but read: as an exporter, as a preprocess command, as rsyslog's program.
#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};

/// As much as the pipe holds.
const CHUNK_BYTES: usize = 256 << 10;

const USAGE: &str = "usage: watchpost-child read|acknowledge|confirm|copy END [FILE]\n\
    END: nul or newline ends a message. FILE: what it has seen is written there at the end";

/// What it does with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing.
    Read,
    /// `OK` for each.
    Acknowledge,
    /// That, and one before the first: rsyslog's omprog with `confirmMessages`.
    Confirm,
    /// The same again, as a line.
    Copy,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (mode, end, file) = match arguments[..] {
        [mode, end] => (mode, end, None),
        [mode, end, file] => (mode, end, Some(file)),
        _ => bail!(USAGE),
    };
    let mode = match mode {
        "read" => Mode::Read,
        "acknowledge" => Mode::Acknowledge,
        "confirm" => Mode::Confirm,
        "copy" => Mode::Copy,
        _ => bail!(USAGE),
    };
    let end = match end {
        "nul" => 0,
        "newline" => b'\n',
        _ => bail!(USAGE),
    };
    let seen = read(mode, end, file.is_some())?;
    match file {
        Some(file) => fs::write(file, seen.to_string()).with_context(|| file.to_owned()),
        None => Ok(()),
    }
}

/// Reads to the end.
fn read(mode: Mode, end: u8, looks: bool) -> anyhow::Result<Seen> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut buffer = vec![0; CHUNK_BYTES];
    let (mut kept, mut answer) = (0, Vec::new());
    let mut seen = Seen::default();
    if mode == Mode::Confirm {
        output.write_all(b"OK\n")?;
        output.flush()?;
    }
    loop {
        let length = input.read(&mut buffer[kept..])?;
        if length == 0 {
            return Ok(seen);
        }
        let filled = kept + length;
        let mut begin = 0;
        let now = now_ms();
        for at in memchr::memchr_iter(end, &buffer[..filled]) {
            let message = &buffer[begin..at];
            match mode {
                Mode::Read => {}
                Mode::Acknowledge | Mode::Confirm => answer.extend_from_slice(b"OK\n"),
                Mode::Copy => {
                    answer.extend_from_slice(message);
                    answer.push(b'\n');
                }
            }
            if looks {
                seen.look(message, now);
            }
            begin = at + 1;
        }
        output.write_all(&answer)?;
        output.flush()?;
        answer.clear();
        buffer.copy_within(begin..filled, 0);
        kept = filled - begin;
        if kept == buffer.len() {
            buffer.resize(2 * kept, 0);
        }
    }
}

/// What came, and when.
#[derive(Default)]
struct Seen {
    messages: u64,
    bytes: u64,
    first_ms: f64,
    last_ms: f64,
    /// From the moment in `frame_time` to now; nothing where a message has none.
    delays_ms: Vec<f64>,
}

impl Seen {
    fn look(&mut self, message: &[u8], now_ms: f64) {
        if self.messages == 0 {
            self.first_ms = now_ms;
        }
        self.messages += 1;
        self.bytes += message.len() as u64;
        self.last_ms = now_ms;
        let key = b"\"frame_time\":";
        let value = memchr::memmem::find(message, key).map(|at| &message[at + key.len()..]);
        let digits = value.and_then(|value| value.split(|byte| b",}".contains(byte)).next());
        let emitted = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<f64>().ok());
        self.delays_ms.extend(emitted.map(|emitted| now_ms - emitted));
    }

    fn delay_ms(&self, part: f64) -> f64 {
        let mut sorted = self.delays_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len() as f64 * part) as usize;
        sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { messages, bytes, first_ms, last_ms, .. } = self;
        let (p50, p99) = (self.delay_ms(0.5), self.delay_ms(0.99));
        let seconds = (last_ms - first_ms) / 1e3;
        write!(
            f,
            r#"{{"messages": {messages}, "bytes": {bytes}, "seconds": {seconds}, "p50_ms": {p50}, "p99_ms": {p99}}}"#
        )
    }
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as f64 / 1e6
}
