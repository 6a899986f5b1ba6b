//! Files of records, held against the published schemas.

use std::path::Path;

use serde_json::Value;
use watchpost_config::{Problem, not_json, unreadable};

use crate::load::Finding;

/// Checks every record of a file against the schema that it names. Records stand one after another in any layout, or
/// in lists.
pub(crate) fn check_records(file: &Path) -> Finding {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) => return Finding::new(file, "records", &[unreadable(file, &error)], &[]),
    };
    let mut problems = Vec::new();
    let problem = |line: usize, path: String, message: String, fix: &str| Problem {
        file: file.to_owned(),
        line: u32::try_from(line).ok(),
        ..Problem::at(path, message, fix)
    };
    let mut count = 0;
    let mut lines = Lines { text: &text, at: 0, line: 1 };
    let mut values = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
    loop {
        let line = lines.of_what_follows(values.byte_offset());
        let value = match values.next() {
            None => break,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                let (line, message) = not_json(&error);
                problems.push(problem(
                    line,
                    String::new(),
                    message,
                    "mend the JSON there; what follows was not checked",
                ));
                break;
            }
        };
        let (records, in_list) = match value {
            Value::Array(records) => (records, true),
            record => (vec![record], false),
        };
        for (index, record) in records.iter().enumerate() {
            count += 1;
            let at = if in_list { format!("/{index}") } else { String::new() };
            let schema = match watchpost_schema::identify_value(record) {
                Ok((id, version)) => format!("{id}:{}", version.number()),
                Err(error) => {
                    problems.push(problem(line, at, error.to_string(), ""));
                    continue;
                }
            };
            problems.extend(watchpost_schema::validate(record).into_iter().map(|violation| {
                let message = format!("{} ({schema})", violation.message);
                problem(line, at.clone() + &violation.path, message, "")
            }));
        }
    }
    if count == 0 && problems.is_empty() {
        problems.push(problem(
            1,
            String::new(),
            "holds no records".to_owned(),
            "expected JSON objects with an `$id`",
        ));
    }
    Finding { records: Some(count), ..Finding::new(file, "records", &problems, &[]) }
}

/// Counts lines on the way through a text.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line, from 1, of the first thing at or after `offset`, which is not before where it was asked last.
    fn of_what_follows(&mut self, offset: usize) -> usize {
        let rest = self.text.get(offset..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let passed = self.text.get(self.at..offset + blank).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = offset + blank;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_name_the_line_and_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("r.jsonl");
        let sample = |version: u8| {
            let version = watchpost_schema::Version::try_from(u64::from(version)).unwrap();
            let bytes = watchpost_schema::sample(watchpost_schema::SchemaId::Track, version);
            serde_json::from_slice::<Value>(&bytes).unwrap()
        };
        let mut wrong = sample(2);
        wrong["object_class"] = "Dog".into();
        wrong.as_object_mut().unwrap().remove("age_ms");
        let list = Value::from(vec![sample(1), wrong.clone()]);
        let text = format!("{}\n\n{wrong:#}\n{list}\n{{\"$id\":\"dog\",\"$version\":1}}\n{{\n1\n", sample(2));
        let line_of_list = 4 + format!("{wrong:#}").lines().count() - 1;
        std::fs::write(&file, &text).unwrap();
        let finding = check_records(&file);
        let said: Vec<_> =
            finding.errors.iter().map(|e| (e.line.unwrap() as usize, e.path.as_str())).collect();
        let expected = [
            (3, ""),
            (3, "/object_class"),
            (line_of_list, "/1"),
            (line_of_list, "/1/object_class"),
            (line_of_list + 1, ""),
            (line_of_list + 3, ""),
        ];
        assert_eq!(said, expected, "{text}");
        assert_eq!(finding.errors[0].message, "\"age_ms\" is a required property (track:2)");
        let wrong_class = "\"Dog\" is not one of \"Person\", \"Vehicle\", \"Animal\"";
        assert!(finding.errors[1].message.starts_with(wrong_class), "{}", finding.errors[1].message);
        assert!(
            finding.errors[5].message.starts_with("is not JSON from column 1 on: "),
            "{}",
            finding.errors[5].message
        );
        assert_eq!(finding.records, Some(5));
    }

    #[test]
    fn what_cannot_be_read_or_holds_nothing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("r.jsonl");
        let text = |finding: &Finding| finding.problems().replace(&file.display().to_string(), "F");
        assert_eq!(text(&check_records(&file)), "error: F: no such file; check the path\n");
        std::fs::write(&file, "\n").unwrap();
        assert_eq!(
            text(&check_records(&file)),
            "error: F:1: holds no records; expected JSON objects with an `$id`\n"
        );
    }
}
