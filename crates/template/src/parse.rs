//! From text to parts.
//!
//! ```text
//! template = { literal | "{{" | "}}" | "{" tag { "|" filter } "}" }
//! tag      = "obj." key { "." key } | "sys.time" [ space format ] | "sys.count" [ space label ]
//!          | "instance.id" | "instance.name"
//! ```
//! Inside braces no further brace may stand; formats, labels and defaults run to the next `|` or `}`.

use crate::{MAX_TAGS, MAX_TEMPLATE_BYTES, ParseError, Part, Tag, Value, filter::Filter, time};

const CHOICES: &str = "obj.NAME, sys.time, sys.count, instance.id, instance.name";

pub(crate) fn parse(source: &str) -> Result<Vec<Part>, ParseError> {
    if source.len() > MAX_TEMPLATE_BYTES {
        return Err(error(
            source,
            MAX_TEMPLATE_BYTES,
            format!("the template is longer than {MAX_TEMPLATE_BYTES} bytes"),
        ));
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut tags = 0;
    let mut at = 0;
    while let Some(found) = source[at..].find(['{', '}']) {
        literal.push_str(&source[at..at + found]);
        let brace = at + found;
        let rest = &source[brace..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            literal.push_str(&rest[..1]);
            at = brace + 2;
            continue;
        }
        if rest.starts_with('}') {
            return Err(error(
                source,
                brace,
                "`}` closes nothing: write `}}` for a literal brace".to_owned(),
            ));
        }
        let Some(length) = rest[1..].find(['{', '}']).filter(|end| rest[1 + end..].starts_with('}')) else {
            let message = "this tag is not closed: expected `}`; write `{{` for a literal brace";
            return Err(error(source, brace, message.to_owned()));
        };
        tags += 1;
        if tags > MAX_TAGS {
            return Err(error(source, brace, format!("more than {MAX_TAGS} tags")));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        let tag = tag(source, brace + 1, &rest[1..=length], &parts)?;
        parts.push(Part::Tag(tag));
        at = brace + length + 2;
    }
    literal.push_str(&source[at..]);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// Parses what stands between two braces, which begins at byte `at` of `source`.
fn tag(source: &str, at: usize, text: &str, before: &[Part]) -> Result<Tag, ParseError> {
    let mut pieces = text.split('|');
    let head = pieces.next().unwrap_or_default();
    let value = value(head, before).map_err(|message| {
        let spaces = head.len() - head.trim_start().len();
        error(source, at + spaces, message)
    })?;
    let mut filters = Vec::new();
    let mut position = at + head.len() + 1;
    for piece in pieces {
        filters.push(Filter::parse(piece).map_err(|message| error(source, position, message))?);
        position += piece.len() + 1;
    }
    Ok(Tag { value, filters })
}

fn value(head: &str, before: &[Part]) -> Result<Value, String> {
    // The end of a format or label is cut too: `{sys.count cars | pad:3}` means the label `cars`.
    let head = head.trim();
    let (name, argument) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    let argument = argument.trim_start();
    match name {
        "sys.time" if argument.is_empty() => Ok(Value::Time(time::DEFAULT_FORMAT.to_owned())),
        "sys.time" => time::check(argument).map(|()| Value::Time(argument.to_owned())),
        "sys.count" => {
            let same = |part: &Part| matches!(part, Part::Tag(Tag { value: Value::Count { label, .. }, .. }) if label == argument);
            Ok(Value::Count { label: argument.to_owned(), advances: !before.iter().any(same) })
        }
        "instance.id" | "instance.name" if !argument.is_empty() => {
            Err(format!("`{name}` takes no value, but `{argument}` follows it"))
        }
        "instance.id" => Ok(Value::InstanceId),
        "instance.name" => Ok(Value::InstanceName),
        // Keys of objects may hold spaces, so the whole head counts.
        _ => match head.strip_prefix("obj.") {
            Some(keys) if keys.split('.').all(|key| !key.is_empty()) => {
                Ok(Value::Object(keys.split('.').map(str::to_owned).collect()))
            }
            Some(_) => Err(format!(
                "`{head}` has an empty name: expected names joined by single dots, as in `obj.location.x`"
            )),
            None if head == "obj" => Err("`obj` needs a name, as in `obj.frame_id`".to_owned()),
            None if head.is_empty() => {
                Err(format!("empty tag: expected one of {CHOICES}; write `{{{{` for a literal brace"))
            }
            None => Err(format!("unknown tag `{name}`: expected one of {CHOICES}")),
        },
    }
}

/// An error at byte `at` of `source`.
fn error(source: &str, at: usize, message: String) -> ParseError {
    ParseError { position: position(source, at), message }
}

/// Which character the one at byte `at` is, from 1.
pub(crate) fn position(source: &str, at: usize) -> usize {
    source.char_indices().take_while(|(byte, _)| *byte < at).count() + 1
}
