//! The files under `schemas/`: one JSON Schema and one sample per id and version.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use watchpost_model::Id;

use crate::{SCHEMAS, Schema, SchemaId, SchemaVersion, Version, sample};

/// The JSON Schema (2020-12) of `id` in `version`, as it is published under `/schema/`.
///
/// Keys that it does not name are allowed in every record: a preprocess command may add some.
/// `x-status` is `draft` as long as the version may change, then `frozen`.
pub fn json_schema(id: SchemaId, version: Version) -> Value {
    let schema = Schema::of(id);
    let Some(entry) = schema.version(version) else { return Value::Bool(false) };
    // The contract of serialisation: what is left out when it is absent is not required.
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    let mut made = Value::from((entry.make)(&mut generator));
    tidy(&mut made);
    made["properties"]["$id"]["const"] = id.as_str().into();
    let mut published = Map::new();
    published.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    published.insert("$id".into(), format!("/schema/{}", Schema::file_name(id, version)).into());
    published.insert("title".into(), format!("{} ({id}, version {version})", schema.title).into());
    published.insert("description".into(), schema.summary.into());
    published.insert("x-status".into(), if entry.draft { "draft" } else { "frozen" }.into());
    for key in ["type", "properties", "required"] {
        published.insert(key.into(), made[key].take());
    }
    published.into()
}

/// Takes from `schema` what stems from Rust and says nothing of the wire: `null` among types (an
/// absent value is left out, never null), widths of integers, line ends within descriptions.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map
                .get("format")
                .is_some_and(|format| !["uuid", "date-time"].map(Value::from).contains(format))
            {
                map.shift_remove("format");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &mut types[..] {
                    let only = only.take();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Every file that belongs under `schemas/`, by its path there, sorted.
pub fn generate() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for schema in &SCHEMAS {
        for entry in schema.versions {
            let name = Schema::file_name(schema.id, entry.version);
            let record =
                serde_json::from_slice::<Value>(&sample(schema.id, entry.version)).unwrap_or_default();
            files.push((PathBuf::from("samples").join(&name), pretty(&record)));
            files.push((PathBuf::from(name), pretty(&json_schema(schema.id, entry.version))));
        }
    }
    files.sort();
    files
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A hash of `content`: the version 5 (SHA-1) UUID of the text in the URL name space. Against
/// slips, not against malice.
pub fn content_hash(content: &str) -> Id {
    Id::new_v5(&Id::NAMESPACE_URL, content.as_bytes())
}

/// `schemas/frozen.json`: versions that never change again, as `"event-intrusion-v1.json"` → hash
/// of the schema file and of its sample, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frozen(BTreeMap<String, String>);

/// What is wrong with a frozen version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrozenError {
    /// `frozen.json` cannot be read.
    #[error("schemas/frozen.json: {0}; expected an object of file names and hashes")]
    Malformed(String),
    /// The schema or its sample has changed.
    #[error(
        "{file} is frozen and must not change (hash {expected}, now {found}): make a new version instead"
    )]
    Changed {
        /// Name of the schema file.
        file: String,
        /// The hash in `frozen.json`.
        expected: String,
        /// The hash of what the code makes now.
        found: String,
    },
    /// A frozen version is not made any more.
    #[error("{0} is frozen, but there is no such schema version any more")]
    Gone(String),
    /// `frozen.json` and the table disagree.
    #[error("{0} is no draft in the table, so it must stand in schemas/frozen.json (hash {1})")]
    NotListed(String, String),
    /// `frozen.json` and the table disagree.
    #[error("{0} stands in schemas/frozen.json, so it must not be a draft in the table")]
    StillDraft(String),
}

impl Frozen {
    /// Reads `frozen.json`.
    ///
    /// # Errors
    /// If it is not an object of texts.
    pub fn parse(text: &str) -> Result<Self, FrozenError> {
        serde_json::from_str(text).map(Self).map_err(|error| FrozenError::Malformed(error.to_string()))
    }

    /// Compares every frozen version with what the code makes now.
    pub fn check(&self) -> Vec<FrozenError> {
        self.compare(&made_now())
    }

    /// The text of `frozen.json` with every version that is no draft any more entered as it is now. What is frozen
    /// stays as it was.
    pub fn with_new(mut self) -> String {
        for (file, made) in made_now() {
            if !made.draft {
                self.0.entry(file).or_insert(made.hash);
            }
        }
        pretty(&serde_json::json!(self.0))
    }

    fn compare(&self, current: &BTreeMap<String, Made>) -> Vec<FrozenError> {
        let mut errors = Vec::new();
        for (file, expected) in &self.0 {
            match current.get(file) {
                None => errors.push(FrozenError::Gone(file.clone())),
                Some(Made { hash, .. }) if hash != expected => errors.push(FrozenError::Changed {
                    file: file.clone(),
                    expected: expected.clone(),
                    found: hash.clone(),
                }),
                Some(Made { draft: true, .. }) => errors.push(FrozenError::StillDraft(file.clone())),
                Some(_) => {}
            }
        }
        let listed = |file: &String| self.0.contains_key(file);
        errors.extend(
            current
                .iter()
                .filter(|(file, made)| !made.draft && !listed(file))
                .map(|(file, made)| FrozenError::NotListed(file.clone(), made.hash.clone())),
        );
        errors
    }
}

/// A version as the code makes it now.
struct Made {
    /// Of the schema and its sample.
    hash: String,
    draft: bool,
}

/// By the names of the schemas' files.
fn made_now() -> BTreeMap<String, Made> {
    let files: BTreeMap<PathBuf, String> = generate().into_iter().collect();
    let text = |path: PathBuf| files.get(&path).map_or("", String::as_str);
    let made = |id, entry: &SchemaVersion| {
        let file = Schema::file_name(id, entry.version);
        let both = text(file.clone().into()).to_owned() + text(PathBuf::from("samples").join(&file));
        (file, Made { hash: content_hash(&both).to_string(), draft: entry.draft })
    };
    SCHEMAS
        .iter()
        .flat_map(|schema| schema.versions.iter().map(move |entry| made(schema.id, entry)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_a_frozen_version_is_refused() {
        let all = Frozen::parse(&Frozen::default().with_new()).unwrap();
        assert_eq!(all.check(), []);
        let mut changed = all.clone();
        changed.0.insert("track-v1.json".into(), "0b1d9a2e-0000-5000-8000-000000000000".into());
        let errors = changed.check();
        assert_eq!(errors.len(), 1);
        let text = errors[0].to_string();
        assert!(text.contains("track-v1.json is frozen and must not change"), "{text}");
        // Entering what is new does not make it good.
        assert_eq!(Frozen::parse(&changed.with_new()).unwrap().check(), errors);
    }

    #[test]
    fn the_table_and_the_list_agree() {
        let made = |draft| BTreeMap::from([("a".to_owned(), Made { hash: "1".into(), draft })]);
        let listed = Frozen::parse(r#"{"a": "1"}"#).unwrap();
        assert_eq!(listed.compare(&made(false)), []);
        assert_eq!(listed.compare(&made(true)), [FrozenError::StillDraft("a".into())]);
        assert_eq!(Frozen::default().compare(&made(true)), []);
        assert_eq!(Frozen::default().compare(&made(false)), [FrozenError::NotListed("a".into(), "1".into())]);
    }

    #[test]
    fn a_frozen_version_cannot_go() {
        let frozen = Frozen::parse(r#"{"track-v9.json": ""}"#).unwrap();
        assert_eq!(frozen.compare(&BTreeMap::new()), [FrozenError::Gone("track-v9.json".into())]);
        assert!(Frozen::parse("[]").is_err());
    }
}
