//! What is known of one route: from these come the router, who may use it, OpenAPI and the tests that walk over
//! all of them.

use axum::{http::Method, routing::MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::{App, auth::Role};

/// Makes the JSON Schema of a type.
pub(crate) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// Largest body of a route that says nothing else, in bytes: settings of an export with long templates.
const BODY_BYTES: usize = 256 << 10;

/// What only answers, though it takes a body: the page asks it with each key that is typed, and what has been changed by
/// whom would be lost among it in the audit log. What runs a command or reaches out stays there.
const ONLY_ASK: [&str; 4] = ["validate", "checkExport", "testAnalytics", "validateRecord"];

/// One way of asking for one thing.
pub(crate) struct Route {
    pub method: Method,
    /// As axum and OpenAPI write it, `{name}` for what is filled in.
    pub path: &'static str,
    pub role: Role,
    /// `operationId`.
    pub id: &'static str,
    pub summary: &'static str,
    pub query: Option<MakeSchema>,
    pub body: Option<Content>,
    pub answers: Vec<(u16, Option<Content>)>,
    /// It has a version of what it is about (RFC 9110 section 8.8.3): `If-Match` is looked at.
    pub if_match: bool,
    pub body_bytes: usize,
    /// `None`: served by a part of the API that puts its own routes together.
    pub handler: Option<fn() -> MethodRouter<App>>,
}

/// A body.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    pub kind: &'static str,
    /// `None`: bytes.
    pub schema: Option<MakeSchema>,
}

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

impl Route {
    pub fn new(
        method: Method,
        path: &'static str,
        role: Role,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            role,
            id,
            summary,
            query: None,
            body: None,
            answers: Vec::new(),
            if_match: false,
            body_bytes: BODY_BYTES,
            handler: None,
        }
    }

    /// What answers it.
    pub fn by(mut self, handler: fn() -> MethodRouter<App>) -> Self {
        self.handler = Some(handler);
        self
    }

    /// What may stand behind the `?`.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| T::json_schema(generator));
        self
    }

    /// Takes a JSON body.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Content { kind: JSON, schema: Some(|generator| generator.subschema_for::<T>()) });
        self
    }

    /// Takes bytes of a kind.
    pub fn takes_bytes(mut self, kind: &'static str) -> Self {
        self.body = Some(Content { kind, schema: None });
        self
    }

    /// A body may be longer than others, or must be shorter.
    pub const fn up_to(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Looks at `If-Match`.
    pub const fn versioned(mut self) -> Self {
        self.if_match = true;
        self
    }

    /// Answers with JSON.
    pub fn gives<T: JsonSchema>(mut self, status: u16) -> Self {
        let content = Content { kind: JSON, schema: Some(|generator| generator.subschema_for::<T>()) };
        self.answers.push((status, Some(content)));
        self
    }

    /// Answers with a problem (RFC 9457) that says more than others.
    pub fn gives_problem<T: JsonSchema>(mut self, status: u16) -> Self {
        let content = Content { kind: PROBLEM, schema: Some(|generator| generator.subschema_for::<T>()) };
        self.answers.push((status, Some(content)));
        self
    }

    /// Answers with something else.
    pub fn gives_bytes(mut self, status: u16, kind: &'static str) -> Self {
        self.answers.push((status, Some(Content { kind, schema: None })));
        self
    }

    /// Answers with nothing.
    pub fn gives_nothing(mut self, status: u16) -> Self {
        self.answers.push((status, None));
        self
    }

    /// The names in the path.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether it changes something.
    pub fn changes(&self) -> bool {
        self.method != Method::GET && !ONLY_ASK.contains(&self.id)
    }
}
