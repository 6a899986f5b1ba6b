//! The reference system's paths and bodies (REFERENCE "REST"), on the same operations as our own.

pub(crate) mod config;
pub(crate) mod entities;
pub(crate) mod events;
pub(crate) mod instances;
pub(crate) mod output;
pub(crate) mod push;
pub(crate) mod securt;
pub(crate) mod system;
