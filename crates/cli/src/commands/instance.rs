use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use watchpost_runtime::Operation;

use crate::{Global, ask, exit::Exit, output::Table};

/// The instances of a running server: look at them, start, stop, change
#[derive(Subcommand)]
pub(crate) enum Instance {
    /// List all instances with their exports
    List,
    /// Show one instance as JSON; with `--document` the document that is saved
    Show {
        #[command(flatten)]
        one: One,
        /// The instance file's content instead of its state.
        #[arg(long)]
        document: bool,
    },
    /// Make an instance of a file; it is kept as `instances/<InstanceId>.json`
    Add {
        /// An instance file.
        file: PathBuf,
    },
    /// Bring an instance to what a file says; only what differs is touched
    Apply {
        #[command(flatten)]
        one: One,
        /// An instance file.
        file: PathBuf,
    },
    /// Start its source
    Start(One),
    /// Stop its source; what is in the log is still delivered
    Stop(One),
    /// Stop its source and start it again
    Restart(One),
    /// Delete it with its log and everything that waits; dead letters stay 7 days
    Delete(One),
}

#[derive(Args)]
pub(crate) struct One {
    /// Its id, its name, or its file.
    #[arg(value_name = "INSTANCE")]
    instance: String,
}

impl One {
    fn name(&self) -> String {
        ask::instance(&self.instance)
    }
}

impl Instance {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let operation = match &self {
            Self::List => Operation::List,
            Self::Show { one, document: false } => Operation::Show { instance: one.name() },
            Self::Show { one, document: true } => Operation::Document { instance: one.name() },
            Self::Add { file } => Operation::Add { document: read(file)? },
            Self::Apply { one, file } => Operation::Apply { instance: one.name(), document: read(file)? },
            Self::Start(one) => Operation::Start { instance: one.name() },
            Self::Stop(one) => Operation::Stop { instance: one.name() },
            Self::Restart(one) => Operation::Restart { instance: one.name() },
            Self::Delete(one) => Operation::Delete { instance: one.name() },
        };
        ask::report(global, operation, |reply| match &self {
            Self::Show { .. } => println!("{reply:#}"),
            Self::List => {
                print!("{}", tables(reply["instances"].as_array().map_or(&[], Vec::as_slice)));
                for unusable in reply["unusable"].as_array().into_iter().flatten() {
                    println!("not loaded: {}", unusable["problem"].as_str().unwrap_or_default());
                }
            }
            Self::Delete(_) => {
                println!("deleted {}", text(&reply["id"]));
                print_removed(reply);
            }
            _ => print_changed(reply),
        })
    }
}

/// An instance after a change, and what went with exports that are gone.
pub(crate) fn print_changed(reply: &Value) {
    let instance = if reply["instance"].is_object() { &reply["instance"] } else { reply };
    print!("{}", tables(std::slice::from_ref(instance)));
    print_removed(reply);
}

/// What went with exports that are gone.
fn print_removed(reply: &Value) {
    for removed in reply["removed"].as_array().into_iter().flatten() {
        println!("removed {}; {} log entries waited for it", text(&removed["name"]), removed["waiting"]);
    }
}

/// Instances, and below them their exports.
fn tables(instances: &[Value]) -> String {
    if instances.is_empty() {
        return "no instances; `watchpost instance add FILE` adds one\n".to_owned();
    }
    let mut heads = Table::new(&["instance", "id", "state", "frames>", "skipped>", "problem"]);
    let mut exports = Table::new(&[
        "instance",
        "export",
        "format",
        "state",
        "delivered>",
        "left out>",
        "waiting>",
        "refused>",
        "dropped>",
        "problem",
    ]);
    for instance in instances {
        let problem = [&instance["problem"], &instance["file_problem"]].into_iter().find(|p| p.is_string());
        heads.row([
            text(&instance["name"]),
            text(&instance["id"]),
            text(&instance["state"]),
            text(&instance["frames"]),
            text(&instance["skipped"]),
            problem.map(text).unwrap_or_default(),
        ]);
        let listed = instance["exports"].as_array().into_iter().flatten();
        for export in listed.chain(instance.get("preprocess")) {
            let left_out = ["limited", "outside"].iter().filter_map(|key| export[key].as_u64()).sum::<u64>();
            let before = ["name", "format", "state", "delivered"].map(|key| text(&export[key]));
            let behind = ["waiting", "refused", "dropped", "problem"].map(|key| text(&export[key]));
            exports.row(
                [text(&instance["name"])]
                    .into_iter()
                    .chain(before)
                    .chain([left_out.to_string()])
                    .chain(behind),
            );
        }
    }
    let parts: Vec<_> =
        [heads.render(), exports.render()].into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

/// A value for a table: nothing for none, and only the first line of a text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.lines().next().unwrap_or_default().to_owned(),
        other => other.to_string(),
    }
}

fn read(file: &PathBuf) -> anyhow::Result<Map<String, Value>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{}: expected a JSON object", file.display()))
}
