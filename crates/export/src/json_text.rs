//! JSON text as it stands in files.

/// Appends `json`, which is valid and minified, indented by two spaces a level. Works on the text, so
/// numbers and the order of keys stay as they are.
pub(crate) fn indented(json: &[u8], out: &mut Vec<u8>) {
    let mut level = 0_usize;
    let mut rest = json;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => {
                let end = string_end(rest);
                out.push(b'"');
                out.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
            }
            b'{' | b'[' => {
                out.push(byte);
                if let Some((&close @ (b'}' | b']'), behind)) = rest.split_first() {
                    out.push(close);
                    rest = behind;
                } else {
                    level += 1;
                    new_line(level, out);
                }
            }
            b'}' | b']' => {
                level = level.saturating_sub(1);
                new_line(level, out);
                out.push(byte);
            }
            b',' => {
                out.push(b',');
                new_line(level, out);
            }
            b':' => out.extend_from_slice(b": "),
            other => out.push(other),
        }
    }
}

fn new_line(level: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + 2 * level, b' ');
}

/// How many bytes of `rest` belong to a string that has just begun, its closing quote included.
fn string_end(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = rest[at..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        at += found;
        if rest[at] == b'"' {
            return at + 1;
        }
        at = (at + 2).min(rest.len());
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_serde_json_would_write() {
        for value in [
            serde_json::json!({"a": 1, "b": [1, 2.5, {"c": {}}], "d": [], "e": "x:,{}[]\"\\", "f": null, "g": true}),
            serde_json::json!([]),
            serde_json::json!("a\\"),
            serde_json::json!({"ä\n": [[[]], [{}]]}),
        ] {
            let mut out = Vec::new();
            indented(value.to_string().as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string_pretty(&value).unwrap());
        }
    }
}
