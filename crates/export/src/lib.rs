//! Ways out: the table FORMATS.
//!
//! A *format* ([`Format`]) checks a handler of an instance file and makes a [`Plan`] of it: what it
//! takes ([`Selection`]) and how it is started ([`Output`]), as a [`Receiver`] fed from the log, as
//! a [`PictureSink`] or as a [`VideoSink`]. This room knows neither sources nor the journal: a receiver is handed deliveries
//! and says what became of them.
//!
//! To add a format: one file under `formats/`, one line in [`FORMATS`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod common;
mod crop_files;
mod crops;
mod dynamic;
pub mod exporter;
mod files;
mod filter;
mod format;
mod formats;
mod json_text;
mod live;
mod members;
mod metadata;
mod mqtt;
mod picture;
mod pictures;
mod receiver;
mod rows;
mod schedule;
mod selection;
mod settings;
mod sieve;
mod tags;
mod tls_pair;
mod video;

pub use common::{BehindMax, Common, Crops, Shape, WhenBehind};
pub use crops::without_pictures;
pub use dynamic::{Dynamic, SpeaksOf};
pub use files::Retention;
pub use filter::Filter;
pub use format::{
    DataKind, FORMATS, Format, InstanceInfo, Output, Plan, Request, Selection, VideoOutput, file_of,
    format_for, plan,
};
pub use picture::{Moment, Picture, PictureError, PictureSink, VideoSink, Written};
pub use receiver::{Delivery, Item, ItemKind, Outcome, POISON_DEATHS, Receiver, ReceiverError};
pub use sieve::Sieve;
pub use video::Video;
