//! Publishing to an MQTT broker: versions 5 and 3.1.1, with an acknowledgement for every message and a window of
//! them in flight.
//!
//! A [`MqttReceiver`] takes deliveries into its [`window`]; [`drive`] is the task that writes them to the broker and
//! takes in its answers; [`link`] makes the connection; [`wire`] and [`answer`] know what bytes mean.

mod address;
mod answer;
mod drive;
mod home;
mod link;
mod message;
mod reason;
mod receiver;
mod resume;
mod suspects;
mod tls;
mod topic;
mod window;
mod wire;

pub(crate) use address::Address;
pub(crate) use home::{Home, end_of};
pub(crate) use link::Target;
pub(crate) use message::Maker;
pub(crate) use receiver::MqttReceiver;
pub(crate) use tls::TlsFiles;
pub(crate) use topic::{Topics, fault};
pub(crate) use wire::{Hello, QoS, Will};
