//! The wire contract: every record's schema and version, conversions, negotiation.
//!
//! A *record* is one JSON object of a versioned schema: `$id` names the schema, `$version` the
//! version. This room knows what the bytes look like and nothing of who sends them where.
//!
//! - [`SCHEMAS`] is the one table of what there is; [`SchemaId`] and [`Version`] are its keys.
//! - [`encode`] writes a model record as bytes, [`Unnumbered`] numbers one that somebody else has written,
//!   [`identify`] tells what some bytes are, [`convert`] turns one version into the other,
//!   [`validate`] checks a record against its schema.
//! - [`Subscription`], [`parse_versions`] and [`negotiate`] settle who is sent what.
//! - [`streams`] are the flows of objects beside the records, [`tables`] the flat rows of both.
//! - [`facts`] are what filters ask of either.
//! - [`generate()`] makes the files under `schemas/`.
//!
//! To add an id or a version: one file under `records/`, one line in `table.rs`; see
//! `docs/schemas.md`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod coco;
mod convert;
mod encode;
pub mod facts;
mod generate;
mod id;
mod identify;
mod negotiate;
mod records;
mod samples;
pub mod streams;
mod subscription;
mod table;
pub mod tables;
mod unnumbered;
mod validate;
mod words;

pub use convert::{ConvertError, convert};
pub use encode::{Context, Stamp, encode};
pub use generate::{Frozen, FrozenError, content_hash, generate, json_schema};
pub use id::{SchemaId, UnknownId, UnknownVersion, Version};
pub use identify::{NotARecord, identify, identify_value};
pub use negotiate::{Agreement, Refusal, RefusalReason, negotiate};
pub use samples::{Sample, sample, samples};
pub use subscription::{
    Subscription, SubscriptionError, VERSIONS_MAX, VersionsError, parse_subscriptions, parse_versions,
};
pub use table::{SCHEMAS, Schema, SchemaVersion};
pub use unnumbered::Unnumbered;
pub use validate::{Violation, validate};
