//! Tables, sizes, and log lines that do not tear the progress bar.

use std::{
    fmt,
    io::{self, Write},
};

use indicatif::MultiProgress;

/// These stand in the place of std's, which panic when nobody reads any more, as behind `| head`.
macro_rules! print {
    ($($said:tt)*) => { $crate::output::say(format_args!($($said)*)) };
}
macro_rules! println {
    ($($said:tt)*) => { $crate::output::say(format_args!("{}\n", format_args!($($said)*))) };
}
macro_rules! eprint {
    ($($said:tt)*) => { $crate::output::complain(format_args!($($said)*)) };
}
macro_rules! eprintln {
    ($($said:tt)*) => { $crate::output::complain(format_args!("{}\n", format_args!($($said)*))) };
}

/// Writes to standard output. If nobody reads it, what was to be done is done all the same, and the exit code says how.
pub(crate) fn say(what: fmt::Arguments<'_>) {
    let _nobody_reads = io::stdout().write_fmt(what);
}

/// The same, to standard error.
pub(crate) fn complain(what: fmt::Arguments<'_>) {
    let _nobody_reads = io::stderr().write_fmt(what);
}

/// Everything drawn on standard error goes through here, so that log lines and bars do not mix.
pub(crate) static BARS: std::sync::LazyLock<MultiProgress> = std::sync::LazyLock::new(MultiProgress::new);

/// Where log lines go: above the progress bar if one is drawn.
#[derive(Default)]
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A table with a header; columns of numbers are aligned right.
pub(crate) struct Table {
    header: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns whose name ends in `>` are aligned right.
    pub fn new(columns: &[&'static str]) -> Self {
        let right = columns.iter().map(|c| c.ends_with('>')).collect();
        let header = columns.iter().map(|c| c.trim_end_matches('>')).collect();
        Self { header, right, rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// As text, with a line end after each row; nothing if there are no rows.
    pub fn render(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widths: Vec<usize> = (0..self.header.len())
            .map(|c| {
                let cells = self.rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count());
                cells.chain([self.header[c].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let header = self.header.iter().map(|h| (*h).to_owned()).collect();
        let mut out = String::new();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                line += &if *right { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") };
            }
            out += line.trim_end();
            out.push('\n');
        }
        out
    }
}

/// A size for people: `3.1 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_line_up_on_the_right() {
        let mut table = Table::new(&["file", "bytes>"]);
        table.row(["a.csv".into(), "7".into()]);
        table.row(["longer-name.csv".into(), "1200".into()]);
        assert_eq!(
            table.render(),
            "file             bytes\na.csv                7\nlonger-name.csv   1200\n"
        );
    }
}
