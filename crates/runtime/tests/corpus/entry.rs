//! What must hold for any bytes in an instance's log; shared by the fuzz target and the plain test.

use bytes::Bytes;

use super::{Body, Encoded, Entry, GroupWriter};

/// `data`: an entry, as the journal gives it back. What is read is all of it: written again it is the same bytes.
pub(crate) fn check(data: &[u8]) {
    let Ok(entry) = Entry::decode(7, &Bytes::copy_from_slice(data)) else { return };
    let again = match &entry.body {
        Body::Group(records) => {
            assert!(!records.is_empty(), "a group of nothing");
            let mut group = GroupWriter::new(entry.time_ms);
            for record in records {
                group.record(record.schema, record.version, |out| out.extend_from_slice(record.stored()));
            }
            group.finish()
        }
        Body::Object(stream, json) => Encoded::object(entry.time_ms, *stream, |out| {
            out.extend_from_slice(json);
            true
        }),
    };
    assert_eq!(again.map(|entry| entry.0).as_deref(), Some(data));
    if let Body::Group(records) = &entry.body {
        for version in watchpost_schema::Version::ALL {
            // Whatever is in it, another version is made or is not.
            let _made: Vec<_> = records.iter().map(|record| record.json(version)).collect();
        }
    }
}
