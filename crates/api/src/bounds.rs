//! Holds what is asked against its own description, so that every bound that OpenAPI tells of is one that holds.

use std::{any::TypeId, collections::HashMap, sync::Arc};

use jsonschema::Validator;
use parking_lot::Mutex;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::{Problem, problem::Place};

/// Violations that are told of: more of them say the same again.
const MAX_TOLD: usize = 20;

/// The key of a description that something else holds requests against, in better words.
pub(crate) const ELSEWHERE: &str = "x-checked";

/// The description of a type, ready to be held against.
struct Description {
    schema: Value,
    /// `None`: nothing is held against it.
    validator: Option<Validator>,
}

/// Refuses a body that its description does not allow.
pub(crate) fn check_body<T: JsonSchema + 'static>(body: &Value) -> Result<(), Problem> {
    check(&described::<T>(), body)
}

/// The same of what stands behind the `?`.
pub(crate) fn check_query<T: JsonSchema + 'static>(pairs: &[(String, String)]) -> Result<(), Problem> {
    let description = described::<T>();
    let properties = &description.schema["properties"];
    let typed = |(name, text): &(String, String)| (name.clone(), typed(&properties[name.as_str()], text));
    let asked: Map<String, Value> = pairs.iter().map(typed).collect();
    check(&description, &asked.into())
}

fn check(description: &Description, value: &Value) -> Result<(), Problem> {
    let Some(validator) = &description.validator else { return Ok(()) };
    let places: Vec<_> = validator
        .iter_errors(value)
        .take(MAX_TOLD)
        .map(|error| Place {
            path: error.instance_path().to_string(),
            // Without the value: it may be a password.
            message: error.masked().to_string(),
            fix: String::new(),
        })
        .collect();
    let Some(first) = places.first() else { return Ok(()) };
    let detail = format!("{}: {}", first.path, first.message);
    Err(Problem::invalid(detail).with(places))
}

/// As its description has it; what is not of that kind stays text.
fn typed(property: &Value, text: &str) -> Value {
    let is = |kind: &str| match &property["type"] {
        Value::Array(kinds) => kinds.iter().any(|one| one == kind),
        one => one == kind,
    };
    let number = || text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from));
    match text {
        "true" | "false" if is("boolean") => (text == "true").into(),
        _ if is("integer") || is("number") => number().unwrap_or_else(|_| text.into()),
        _ => text.into(),
    }
}

/// Compiled at first use, then kept.
fn described<T: JsonSchema + 'static>() -> Arc<Description> {
    static KNOWN: Mutex<Option<HashMap<TypeId, Arc<Description>>>> = Mutex::new(None);
    let mut known = KNOWN.lock();
    let make = || {
        let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        let schema = generator.into_root_schema_for::<T>().to_value();
        let compiled = schema.get(ELSEWHERE).is_none().then(|| jsonschema::validator_for(&schema));
        if let Some(Err(error)) = &compiled {
            tracing::error!("a description cannot be compiled; this is a bug in Watchpost: {error}");
        }
        Arc::new(Description { schema, validator: compiled.and_then(Result::ok) })
    };
    known.get_or_insert_default().entry(TypeId::of::<T>()).or_insert_with(make).clone()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[serde(default)]
    #[derive(Default)]
    struct Page {
        #[schemars(range(min = 1, max = 200))]
        limit: Option<u32>,
        #[schemars(length(min = 1))]
        name: Option<String>,
        rendered: bool,
    }

    fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
        query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn bounds_hold_behind_the_question_mark_and_in_bodies() {
        let page = Page::default();
        assert!(page.limit.is_none() && page.name.is_none() && !page.rendered);
        for good in [vec![], vec![("limit", "200"), ("name", "5"), ("rendered", "true")], vec![("other", "")]]
        {
            assert_eq!(check_query::<Page>(&pairs(&good)), Ok(()), "{good:?}");
        }
        for bad in [("limit", "201"), ("limit", "0"), ("name", "")] {
            assert!(check_query::<Page>(&pairs(&[bad])).is_err(), "{bad:?}");
        }
        assert_eq!(check_body::<Page>(&json!({"limit": null})), Ok(()));
        let refused = check_body::<Page>(&json!({"limit": 1000})).unwrap_err();
        let told = serde_json::to_value(&refused).unwrap();
        assert_eq!(told["problems"][0]["path"], "/limit");
        assert!(!told.to_string().contains("1000"), "{told}");
    }
}
