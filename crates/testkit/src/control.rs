//! Operations on a running server, by the lines of `control.sock`.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
};

use serde_json::{Value, json};

use crate::{Sandbox, wait_until};

/// A connection to the server of a sandbox.
pub struct Control {
    stream: BufReader<UnixStream>,
}

impl Control {
    /// Waits until the server listens.
    pub fn connect(sandbox: &Sandbox) -> Self {
        let path = sandbox.data().join("control.sock");
        let mut stream = None;
        wait_until("the server listens", || {
            stream = UnixStream::connect(&path).ok();
            stream.is_some()
        });
        Self { stream: BufReader::new(stream.unwrap()) }
    }

    /// Has an operation done; `Err` is what the server says against it.
    pub fn ask(&mut self, operation: &Value) -> Result<Value, Value> {
        let line = format!("{operation}\n");
        self.stream.get_mut().write_all(line.as_bytes()).unwrap();
        let answer = self.line().unwrap_or_else(|| panic!("the server went over {operation}"));
        match (answer.get("ok"), answer.get("error")) {
            (Some(reply), None) => Ok(reply.clone()),
            (None, Some(error)) => Err(error.clone()),
            _ => panic!("neither ok nor error: {answer}"),
        }
    }

    /// As `ask`, of something that must not be refused.
    pub fn does(&mut self, operation: &Value) -> Value {
        self.ask(operation).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The next line; `None` when the server hangs up.
    pub fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        (self.stream.read_line(&mut line).unwrap() > 0).then(|| serde_json::from_str(&line).unwrap())
    }

    /// What is shown of an instance.
    pub fn instance(&mut self, name: &str) -> Value {
        self.does(&json!({"op": "show", "instance": name}))
    }

    /// What is shown of one of its exports.
    pub fn export(&mut self, instance: &str, name: &str) -> Value {
        let shown = self.instance(instance);
        let exports = shown["exports"].as_array().unwrap();
        exports.iter().find(|export| export["name"] == name).cloned().unwrap_or(Value::Null)
    }

    /// Waits until an export is in a state.
    pub fn reaches(&mut self, instance: &str, name: &str, state: &str) {
        wait_until(&format!("{name} is {state}"), || self.export(instance, name)["state"] == state);
    }

    /// Waits until nothing waits for an export.
    pub fn drained(&mut self, instance: &str, name: &str) {
        wait_until(&format!("{name} has everything"), || self.export(instance, name)["waiting"] == 0);
    }
}
