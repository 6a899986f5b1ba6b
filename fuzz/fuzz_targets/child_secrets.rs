//! Secrets in the words of a child: hidden in every form, cut off or not, and nothing else.
//!
//! Input: secrets one a line, a NUL, what the child says. Taken by its file, as for `child_answers`.

#![no_main]

#[path = "../../crates/process/tests/corpus/masked.rs"]
mod check;
#[path = "../../crates/process/src/masked.rs"]
mod masked;

use masked::{BEGUN_MIN_BYTES, HIDDEN, Secrets};

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
