//! The API in the words of OpenAPI 3.1, made from the table of routes.

use std::sync::LazyLock;

use axum::{Json, extract::State, http::Method};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    App, Problem,
    auth::Role,
    route::{Content, MakeSchema, Route},
    table,
};

/// What `/openapi.json` says.
pub fn openapi() -> Value {
    let mut schemas = Schemas::new();
    let problem = schemas.given(|generator| generator.subschema_for::<Problem>());
    let mut paths: Map<String, Value> = Map::new();
    for route in table::routes() {
        let operation = operation(&route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Watchpost",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Runs video through analytics and delivers what comes out.",
            "description": "Paths under `/api/v1` are Watchpost's own; those under `/v1` are the ones of the reference system. \
                Errors are problem details (RFC 9457). Lists take `limit` and `after`; `next` in an answer is the `after` of the next page.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"session": []}, {"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": schemas.all(),
            "responses": {"problem": {
                "description": "What is wrong, where, and the fix",
                "content": {"application/problem+json": {"schema": problem}},
            }},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": crate::auth::COOKIE},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    })
}

/// The same for this server: where there are users or tokens, nobody comes in without.
pub(crate) async fn show(State(app): State<App>) -> Json<Value> {
    static DESCRIPTION: LazyLock<Value> = LazyLock::new(openapi);
    let mut description = DESCRIPTION.clone();
    if app.auth.store.current().is_ok_and(|users| !users.is_empty()) {
        description["security"] = json!([{"session": []}, {"token": []}]);
    }
    Json(description)
}

/// What can go wrong anywhere; each of them is a problem.
const PROBLEMS: [u16; 10] = [400, 401, 403, 404, 405, 408, 413, 421, 429, 503];

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let mut parameters: Vec<Value> = route.names().map(path_parameter).collect();
    if let Some(query) = route.query {
        parameters.extend(schemas.parameters(query));
    }
    if route.if_match {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "schema": {"type": "string", "default": "*"}, "example": "*",
            "required": route.method == Method::PUT,
            "description": "The ETag that was read; `*` for whatever is there. Refused with 412 if it has changed since.",
        }));
    }
    let mut responses = Map::new();
    for (status, content) in &route.answers {
        let description = axum::http::StatusCode::from_u16(*status).ok().and_then(|s| s.canonical_reason());
        let mut response = json!({"description": description.unwrap_or("Answer")});
        if let Some(content) = content {
            response["content"] = schemas.content(content, Way::Out);
        }
        responses.insert(status.to_string(), response);
    }
    let more: &[u16] = match (&route.body, route.if_match) {
        (_, true) => &[409, 412, 415, 422, 428, 500],
        (Some(_), _) => &[409, 415, 422, 500],
        (None, _) => &[409, 422, 500],
    };
    for status in PROBLEMS.iter().chain(more) {
        responses
            .entry(status.to_string())
            .or_insert_with(|| json!({"$ref": "#/components/responses/problem"}));
    }
    responses.sort_keys();
    let tag = route.path.trim_start_matches('/').split('/').find(|part| !["api", "v1"].contains(part));
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "tags": [tag.unwrap_or("page")],
        "description": match route.role {
            Role::Public => "For everybody.".to_owned(),
            role => format!("For the role `{}` and above.", role.name()),
        },
        "x-role": route.role.name(),
        "parameters": parameters,
        "responses": responses,
    });
    if route.role == Role::Public {
        operation["security"] = json!([]);
    }
    if let Some(body) = &route.body {
        operation["requestBody"] = json!({"required": true, "content": schemas.content(body, Way::In)});
    }
    operation
}

fn path_parameter(name: &str) -> Value {
    let (description, example) = match name {
        "id" | "instance" => {
            ("The instance's id, or its name if only it has that", "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867")
        }
        "name" => ("Its name, percent-encoded", "my export"),
        _ => ("Which", "1"),
    };
    json!({
        "name": name, "in": "path", "required": true, "description": description, "example": example,
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    })
}

enum Way {
    In,
    Out,
}

/// The schemas of everything that is taken and given.
struct Schemas {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self {
            taken: settings().for_deserialize().into_generator(),
            given: settings().for_serialize().into_generator(),
        }
    }

    fn given(&mut self, make: MakeSchema) -> Value {
        make(&mut self.given).to_value()
    }

    fn content(&mut self, content: &Content, way: Way) -> Value {
        let Some(make) = content.schema else {
            let kind = if content.kind.ends_with("json") { "object" } else { "string" };
            return json!({content.kind: {"schema": {"type": kind}}});
        };
        let generator = match way {
            Way::In => &mut self.taken,
            Way::Out => &mut self.given,
        };
        let schema = make(generator).to_value();
        let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let of = name.and_then(|name| generator.definitions().get(name)).unwrap_or(&schema);
        let example = of["examples"].get(0).cloned();
        let mut content_of = json!({"schema": schema});
        if let Some(example) = example {
            content_of["example"] = example;
        }
        json!({content.kind: content_of})
    }

    /// Each property of a query's type is a parameter.
    fn parameters(&mut self, make: MakeSchema) -> Vec<Value> {
        let schema = make(&mut self.taken).to_value();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        let parameter = |(name, mut schema): (String, Value)| {
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            if let Some(schema) = schema.as_object_mut() {
                schema.shift_remove("default");
            }
            // What is not given is not given: nobody writes `null` behind a `?`.
            if let Some(kinds) = schema["type"].as_array().cloned() {
                schema["type"] = kinds.into_iter().find(|kind| kind != "null").unwrap_or(Value::Null);
            }
            json!({
                "name": name, "in": "query", "required": required.contains(&name.clone().into()),
                "description": description.unwrap_or_default(), "schema": schema,
            })
        };
        properties.into_iter().map(parameter).collect()
    }

    fn all(mut self) -> Value {
        let mut all = self.given.take_definitions(true);
        for (name, schema) in self.taken.take_definitions(true) {
            all.entry(name).or_insert(schema);
        }
        all.sort_keys();
        all.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_given_under_one_name_is_one_thing() {
        let mut schemas = Schemas::new();
        for route in table::routes() {
            operation(&route, &mut schemas);
        }
        let given = schemas.given.take_definitions(true);
        for (name, taken) in schemas.taken.take_definitions(true) {
            assert!(given.get(&name).is_none_or(|given| *given == taken), "{name} differs by direction");
        }
    }

    #[test]
    fn every_json_body_has_an_example() {
        let document = openapi();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let answers = operation["responses"].as_object().unwrap().values();
                let bodies =
                    answers.map(|answer| &answer["content"]).chain([&operation["requestBody"]["content"]]);
                for json in bodies.filter_map(|content| content.get("application/json")) {
                    let is_whole = json["schema"] == json!({"type": "object"});
                    assert!(
                        is_whole || json.get("example").is_some(),
                        "{method} {path}: {json} has no example"
                    );
                }
            }
        }
    }
}
