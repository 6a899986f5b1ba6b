//! Topics: checked when the export is saved, rendered once for each delivery (MQTT 5.0 section 4.7).

use std::sync::Arc;

use serde_json::Value;
use watchpost_template::{Counts, Template};

use crate::{
    format::InstanceInfo,
    tags::{self, Tags},
};

/// Longest topic that is sent: the protocol's own limit is 65 535 bytes, but hosted brokers refuse from 256 on, and
/// no value that people mean for a topic is longer.
const MAX_TOPIC_BYTES: usize = 1024;
/// Levels that Mosquitto takes (its `TOPIC_HIERARCHY_LIMIT`).
const MAX_LEVELS: usize = 200;

/// Renders topics of one export.
#[derive(Clone)]
pub(crate) struct Topics {
    template: Arc<Template>,
    tags: Tags,
    /// The only topic of a template without tags.
    constant: Option<Arc<str>>,
}

/// Why a template cannot name a topic: the character it begins at (from 1), what is wrong, and the fix.
pub(crate) fn fault(template: &Template) -> Option<(usize, String, &'static str)> {
    let source = template.source();
    let position = |byte: usize| source[..byte].chars().count() + 1;
    // Tags may hold a `#` or `+` of their own, in a time's format.
    let mut depth = 0_i32;
    for (byte, c) in source.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            '+' | '#' if depth == 0 => {
                let message = format!("`{c}` is a wildcard: it can be subscribed to, not published to");
                return Some((position(byte), message, "take it out of the topic"));
            }
            c if c.is_control() => {
                return Some((position(byte), "control character in a topic".to_owned(), "take it out"));
            }
            _ => {}
        }
    }
    if source.is_empty() {
        return Some((
            1,
            "is empty".to_owned(),
            "name a topic, for example \"watchpost/{instance.name}/events\"",
        ));
    }
    if source.starts_with('$') {
        let message = "topics that begin with `$` belong to the broker".to_owned();
        return Some((1, message, "take the `$` out"));
    }
    let levels = source.matches('/').count() + 1;
    if levels > MAX_LEVELS {
        return Some((1, format!("has {levels} levels"), "expected at most 200 levels between `/`"));
    }
    (source.len() > MAX_TOPIC_BYTES).then(|| (1, "is too long".to_owned(), "expected at most 1024 bytes"))
}

impl Topics {
    pub fn new(template: Template, instance: &InstanceInfo) -> Self {
        let topics = Self { template: Arc::new(template), tags: Tags::new(instance), constant: None };
        let constant =
            topics.template.is_constant().then(|| topics.rendered(&Value::Null, 0, &mut Counts::default()));
        Self { constant, ..topics }
    }

    /// Whether rendering advances counts, which then have to be kept.
    pub fn has_counts(&self) -> bool {
        self.template.has_counts()
    }

    /// The topic for the object `json`.
    pub fn topic(&self, json: &[u8], time_ms: i64, counts: &mut Counts) -> Arc<str> {
        if let Some(constant) = &self.constant {
            return constant.clone();
        }
        self.rendered(&tags::object(&self.template, json), time_ms, counts)
    }

    fn rendered(&self, object: &Value, time_ms: i64, counts: &mut Counts) -> Arc<str> {
        let mut scope = self.tags.scope(object, time_ms, counts);
        safe(self.template.render_topic(&mut scope)).into()
    }
}

/// `topic` as every broker takes it. Values have lost `/`, `+` and `#` already.
fn safe(mut topic: String) -> String {
    // Mosquitto closes the connection over these (MQTT 5.0 section 1.5.4 leaves it free to).
    let is_noncharacter = |c: char| matches!(c, '\u{FDD0}'..='\u{FDEF}') || (c as u32) & 0xFFFE == 0xFFFE;
    if topic.contains(is_noncharacter) {
        topic = topic.replace(is_noncharacter, "_");
    }
    if topic.starts_with('$') {
        topic.replace_range(..1, "_");
    }
    if topic.is_empty() {
        topic.push('_');
    }
    let mut end = topic.len().min(MAX_TOPIC_BYTES);
    while !topic.is_char_boundary(end) {
        end -= 1;
    }
    topic.truncate(end);
    topic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(source: &str) -> Topics {
        let instance = InstanceInfo {
            id: "8a329a3f-d9fc-e038-3435-676656695b07".parse().unwrap(),
            name: "Gate/East".to_owned(),
            time_zone: "UTC".to_owned(),
            lossless: true,
        };
        Topics::new(Template::parse(source).unwrap(), &instance)
    }

    fn topic(source: &str, object: &Value) -> String {
        topics(source).topic(object.to_string().as_bytes(), 0, &mut Counts::default()).to_string()
    }

    #[test]
    fn values_add_no_level_no_wildcard_and_no_dollar() {
        let object = serde_json::json!({"n": "$SYS/a+b#c\u{FFFE}\n", "e": "", "l": "x".repeat(5000)});
        assert_eq!(topic("{obj.n}/x", &object), "_SYS_a_b_c__/x");
        assert_eq!(topic("w/{instance.name}/{obj.n}", &object), "w/Gate_East/$SYS_a_b_c__");
        assert_eq!(topic("{obj.e}", &object), "_");
        assert_eq!(topic("{obj.l}", &object).len(), MAX_TOPIC_BYTES);
    }

    #[test]
    fn counts_advance_once_for_each_object() {
        let (topics, mut counts) = (topics("t/{sys.count}"), Counts::default());
        assert!(topics.has_counts());
        let rendered = [0; 3].map(|_| topics.topic(b"{}", 0, &mut counts).to_string());
        assert_eq!(rendered, ["t/1", "t/2", "t/3"]);
    }

    #[test]
    fn what_cannot_be_published_to_is_refused_at_its_place() {
        let fault =
            |source: &str| fault(&Template::parse(source).unwrap()).map(|(at, message, _)| (at, message));
        assert_eq!(fault("a/{sys.time %F}/b"), None);
        assert_eq!(fault("ä/{instance.id}/#").unwrap().0, 17);
        assert_eq!(fault("a/+/b").unwrap().0, 3);
        assert_eq!(fault("$SYS/x").unwrap().1, "topics that begin with `$` belong to the broker");
        assert!(fault("").is_some() && fault(&"a/".repeat(300)).is_some());
    }
}
