//! Tests that need to see inside: a disk that forgets, and the store on it.

mod blocked;
mod damage;
mod fake_files;
mod model;
