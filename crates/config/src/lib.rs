//! The instance file, exporters' manifests and system settings: parse, check, lower.
//!
//! A file is read in three steps. *Parse*: text to a JSON document, in which keys that nobody here
//! knows stay in their place, and to the line of every value. *Check*: every key that is known is
//! held against its type and range, and every problem is kept, not only the first. *Lower*: what
//! passed becomes a typed [`Instance`], [`Manifest`] or [`System`], with all defaults filled in.
//!
//! Nothing here knows formats, schemas or programs: a handler's `uri` and `config` are handed on
//! as they are, a manifest's event ids are only checked for their form.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod detector;
mod hours;
mod input;
mod instance;
mod labels;
mod lines;
mod load;
mod manifest;
mod object;
mod output;
mod paths;
mod problem;
mod render;
mod save;
mod schedule;
mod script;
mod secret;
mod system;
mod text;
mod unreachable;
mod zone_parts;
mod zones;

pub use hours::Hours;
pub use instance::{
    BrokenHandler, Detector, DetectorFormat, Follow, Handler, Input, Instance, JournalLimits, OnFailure,
    Output, Pace, Preprocess, Switch,
};
pub use labels::LabelTable;
pub use load::{Base, Loaded, examine_file, load, load_document, load_file};
pub use manifest::{
    Found, Framing, MANIFEST_FILE, Manifest, Setting, SettingKind, SettingValue, check_name, discover,
    load_manifest, substitute,
};
pub use paths::{PathError, Paths, Resolved, Root, looks_absolute, split_scheme};
pub use problem::Problem;
pub use render::{Draws, Render};
pub use save::{save, save_private};
pub use schedule::read_schedule;
pub use script::{SCRIPTS, Script};
pub use secret::{HIDDEN, SecretKind, UriSecret, redact, uri_secrets};
pub use system::System;
pub use text::{MAX_FILE_BYTES, not_json, read as read_text, unreadable};
