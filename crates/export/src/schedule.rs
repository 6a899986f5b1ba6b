//! `config.schedule`: when an export takes what happens. A key of every format, read here and not with its
//! settings because areas and lines have the same one, which the room `config` reads.

use serde_json::{Value, json};
use watchpost_config::{Problem, read_schedule};
use watchpost_model::Schedule;

use crate::{format::Request, settings::problem};

/// Its name in `config`.
pub(crate) const SCHEDULE: &str = "schedule";

/// The schedule of a handler, in its own time zone or the instance's; `None`: always.
pub(crate) fn read(request: &Request<'_>, problems: &mut Vec<Problem>) -> Option<Schedule> {
    let handler = request.handler;
    let value = handler.config.get(SCHEDULE).filter(|value| !value.is_null())?;
    let path = format!("/config/{SCHEDULE}");
    match read_schedule(value, &path, &request.instance.time_zone) {
        Ok(schedule) => Some(schedule),
        Err(found) => {
            problems.extend(found.into_iter().map(|p| problem(handler, &p.path, p.message, p.fix)));
            None
        }
    }
}

/// What `config` may hold there.
pub(crate) fn schema() -> Value {
    let time = json!({"type": "string", "pattern": "^[0-9]{1,2}:[0-5][0-9]$"});
    let days = json!({"type": "array", "minItems": 1, "items": {"type": "string"}});
    let span = json!({
        "type": "object",
        "properties": {"days": days, "from": time, "to": time},
        "required": ["from", "to"],
        "additionalProperties": false
    });
    let spans = json!({"type": "array", "minItems": 1, "items": span});
    json!({
        "description": "When it takes what happens, as `[{\"days\": [\"monday\"], \"from\": \"08:00\", \"to\": \
            \"18:00\"}]`. What happens outside is left out, and counted. \
            Absent: always.",
        "anyOf": [
            spans,
            {
                "type": "object",
                "properties": {"time_zone": {"type": "string"}, "spans": spans},
                "required": ["spans"],
                "additionalProperties": false
            }
        ]
    })
}
