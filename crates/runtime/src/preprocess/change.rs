//! What a change of the command between two runs leaves behind: messages that waited for one that is gone, or
//! that were made for the other version.

use bytes::Bytes;
use serde_json::Value;
use watchpost_journal::{self as journal, Journal};
use watchpost_model::Id;
use watchpost_schema::{self as schema, Version};

use super::{READ, answer, cursor, inbox_name, move_cursor};
use crate::{
    intake::Inbox,
    recorder::{RecordError, Recorder},
};

/// The inbox of an instance that has no command now, if it ever had one.
pub(crate) fn abandoned(journal: &Journal, instance: Id) -> Result<Option<journal::Log>, journal::Error> {
    let name = inbox_name(instance);
    if journal.has(&name) { journal.log(&name).map(Some) } else { Ok(None) }
}

/// There is no command any more: what waited for it enters the log as it is, before anything new.
pub(super) fn drain(inbox: journal::Log, recorder: &Recorder) -> Result<(), RecordError> {
    let inbox = Inbox::open(inbox, recorder);
    let first = cursor(recorder, &inbox);
    let mut next = first;
    while next < inbox.store().end() {
        let batch = inbox.messages(next, READ)?;
        if batch.next == next {
            break;
        }
        let parse = |(_, message): &(u64, Bytes)| {
            let message = in_version(message.clone(), recorder.version());
            answer::parse(&message, recorder.version(), false).ok()
        };
        let groups = batch.messages.iter().filter_map(parse).collect();
        if !recorder.record_rewritten(groups, move_cursor(batch.next))? {
            tracing::error!("the log has no room for what waited for the preprocess command; it waits on");
            break;
        }
        next = batch.next;
        inbox.store().trim(next)?;
    }
    if next > first {
        let count = next - first;
        tracing::warn!(
            "{count} messages waited for the preprocess command that is gone; they pass unfiltered"
        );
    }
    Ok(())
}

/// A message with its records in `version`. What cannot be converted stays as it is: it is for whoever reads
/// it to refuse.
pub(super) fn in_version(message: Bytes, version: Version) -> Bytes {
    let Ok(value) = serde_json::from_slice::<Value>(&message) else { return message };
    let is_other = |record: &Value| schema::identify_value(record).is_ok_and(|(_, found)| found != version);
    let (records, is_list) = match value {
        Value::Array(records) => (records, true),
        record => (vec![record], false),
    };
    if !records.iter().any(is_other) {
        return message;
    }
    let converted: Vec<_> = records
        .into_iter()
        .map(|record| {
            let text = record.to_string();
            let found = schema::identify_value(&record).map(|(_, found)| found);
            let converted = found.ok().and_then(|from| schema::convert(text.as_bytes(), from, version).ok());
            converted.and_then(|json| String::from_utf8(json).ok()).unwrap_or(text)
        })
        .collect();
    let joined = converted.join(",");
    Bytes::from(if is_list { format!("[{joined}]") } else { joined })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_converted_where_they_must_be_and_untouched_otherwise() {
        let one = r#"{"$id":"diagnostics","$version":1,"message":"m","severity":"info","title":"t"}"#;
        let same = in_version(Bytes::from(one), Version::V1);
        assert_eq!(same, one);
        let two = in_version(Bytes::from(format!("[{one},{one}]")), Version::V2);
        let records: Vec<Value> = serde_json::from_slice(&two).unwrap();
        assert_eq!(records.len(), 2);
        assert!(records.iter().all(|r| r["$version"] == 2 && r["message"] == "m"));
        assert_eq!(in_version(Bytes::from_static(b"no json"), Version::V2), "no json");
    }
}
