//! Version 1 of `diagnostics`. Its keys are unknown in REFERENCE and decided in PRODUCT section 7;
//! the times are those of every record.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Diagnostics as Source;

use crate::{records::Moment, words::*};

/// `diagnostics`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Diagnostics<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    event_timestamp_ms: EventTimestampMs,
    instance_id: InstanceId,
    /// What happened, where, and what to do.
    message: &'a str,
    severity: HowBad,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
    /// A few words, the same for the same problem.
    title: &'a str,
}

impl<'a> Diagnostics<'a> {
    pub(crate) fn new(moment: Moment<'a>, diagnostics: &'a Source) -> Self {
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            instance_id: InstanceId(moment.context.instance_id),
            message: &diagnostics.message,
            severity: HowBad(diagnostics.severity),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
            title: &diagnostics.title,
        }
    }
}
