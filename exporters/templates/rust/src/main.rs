//! __NAME__: keeps every record as a line of JSON.
//!
//! Watchpost starts this program, writes records to its STDIN, one per line, and waits for one answer each on
//! STDOUT, in order: `OK`, or `ERROR` and a reason. Everything it has not answered when it ends is sent to it again,
//! so a record may come twice, but none is lost. What it prints to STDERR goes to Watchpost's log.
//!
//! Try it: `cargo build --release && watchpost exporter test .`

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// `EX_TEMPFAIL` of sysexits.h: no record is to blame; Watchpost starts this program again after a pause.
const TRY_LATER: u8 = 75;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot go on: {error}");
            ExitCode::from(TRY_LATER)
        }
    }
}

fn run() -> io::Result<()> {
    let folder = exports_dir().join(argument("--out=").unwrap_or_else(|| "__FOLDER__".to_owned()));
    fs::create_dir_all(&folder)?;
    let mut out = BufWriter::new(open(&folder.join("records.jsonl"))?);
    let mut input = BufReader::new(io::stdin().lock());
    let mut line = Vec::new();
    let mut answers = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if line.last() == Some(&b'\n') {
            match handle(&line, &mut out) {
                Ok(()) => answers.extend_from_slice(b"OK\n"),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    answers.extend(format!("ERROR {error}\n").bytes());
                }
                Err(error) => return Err(error),
            }
        }
        line.clear();
        // Nothing more has come yet: one sync for all that has. Only then OK, which says that this program answers
        // for them.
        if !input.buffer().contains(&b'\n') {
            out.flush()?;
            out.get_ref().sync_data()?;
            io::stdout().write_all(&answers)?;
            io::stdout().flush()?;
            answers.clear();
        }
    }
    Ok(())
}

/// What is to be done with one record, a line of JSON. Put your own in here.
///
/// # Errors
/// `InvalidData` for a record that cannot be taken; any other for an outage, which blames no record.
fn handle(line: &[u8], out: &mut impl Write) -> io::Result<()> {
    if !line.starts_with(b"{") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not an object"));
    }
    out.write_all(line)
}

fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// Where relative output belongs.
fn exports_dir() -> PathBuf {
    env::var_os("WATCHPOST_EXPORTS_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

fn argument(name: &str) -> Option<String> {
    env::args().find_map(|argument| argument.strip_prefix(name).map(str::to_owned))
}
