//! What the tags of an export's dynamic strings speak of beside the object: the instance and its clock.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;
use watchpost_template::{Counts, Scope, Template};

use crate::format::InstanceInfo;

/// The instance. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tags {
    time_zone: TimeZone,
    instance_id: Arc<str>,
    instance_name: Arc<str>,
}

impl Tags {
    pub fn new(instance: &InstanceInfo) -> Self {
        Self {
            // Checked where the instance file is read; text in UTC is better than none.
            time_zone: TimeZone::get(&instance.time_zone).unwrap_or(TimeZone::UTC),
            instance_id: instance.id.to_string().into(),
            instance_name: instance.name.as_str().into(),
        }
    }

    /// For the rendering of `object`.
    pub fn scope<'a>(&'a self, object: &'a Value, time_ms: i64, counts: &'a mut Counts) -> Scope<'a> {
        Scope {
            object,
            time_ms,
            time_zone: &self.time_zone,
            frame: None,
            instance_id: &self.instance_id,
            instance_name: &self.instance_name,
            counts,
            missing: 0,
        }
    }
}

/// The object `json` for `template`. Parsing costs more than all the rest, and names by time or count do not need it.
pub(crate) fn object(template: &Template, json: &[u8]) -> Value {
    match template.reads_object() {
        true => serde_json::from_slice(json).unwrap_or(Value::Null),
        false => Value::Null,
    }
}
