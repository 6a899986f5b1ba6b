//! Version 2 of `diagnostics`: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Diagnostics as Source;

use crate::{
    records::{Moment, header::Header},
    words::*,
};

/// `diagnostics`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Diagnostics<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    severity: HowBad,
    /// A few words, the same for the same problem.
    title: &'a str,
    /// What happened, where, and what to do.
    message: &'a str,
}

impl<'a> Diagnostics<'a> {
    pub(crate) fn new(moment: Moment<'a>, diagnostics: &'a Source) -> Self {
        Self {
            header: Header::new(moment),
            severity: HowBad(diagnostics.severity),
            title: &diagnostics.title,
            message: &diagnostics.message,
        }
    }
}
