//! A preprocess command in Rust: every message goes out as a list on one line, each record marked.
//!
//! For the tests in `tests/preprocess.rs`: the third language, and the one that is fast enough to be limited by
//! Watchpost itself.

use std::io::{BufRead, Result, Write, stdin, stdout};

use serde_json::{Value, json};

fn main() -> Result<()> {
    let mut input = stdin().lock();
    let mut output = stdout().lock();
    let mut message = Vec::new();
    while input.read_until(0, &mut message)? > 0 {
        let text = message.strip_suffix(b"\0").unwrap_or(&message);
        let mut records = match serde_json::from_slice(text)? {
            Value::Array(records) => records,
            record => vec![record],
        };
        for record in &mut records {
            record["added"] = json!("rust");
        }
        serde_json::to_writer(&mut output, &records)?;
        output.write_all(b"\n")?;
        // What is not said at once is an answer that Watchpost waits for.
        output.flush()?;
        message.clear();
    }
    Ok(())
}
