use clap::Args;
use serde_json::Value;
use watchpost_runtime::Operation;

use crate::{
    Global, ask,
    commands::instance::{print_changed, text},
    exit::Exit,
};

#[derive(Args)]
pub(crate) struct One {
    /// The instance's id, name, or file.
    #[arg(value_name = "INSTANCE")]
    instance: String,
    /// The exporter's name.
    #[arg(value_name = "NAME")]
    exporter: String,
}

/// Show the last lines of an exporter's program in one instance
///
/// What it wrote to standard error, and to standard output but for answers, and when Watchpost started it and how it
/// ended; 100 lines, over restarts. The name `preprocess` is that of the preprocess command.
#[derive(Args)]
pub(crate) struct Output {
    #[command(flatten)]
    one: One,
}

/// End an exporter's program in one instance and start another, which goes on where that was
#[derive(Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    one: One,
}

impl Output {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let One { instance, exporter } = self.one;
        let instance = ask::instance(&instance);
        ask::report(global, Operation::ExporterOutput { instance, exporter }, lines)
    }
}

impl Restart {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let One { instance, exporter } = self.one;
        let instance = ask::instance(&instance);
        ask::report(global, Operation::RestartExporter { instance, exporter }, print_changed)
    }
}

fn lines(reply: &Value) {
    for line in reply["lines"].as_array().into_iter().flatten() {
        let at = line["at_ms"].as_i64().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let at = at.map(|at| at.strftime("%FT%T%.3fZ").to_string()).unwrap_or_default();
        println!("{at} {:<9} {}", text(&line["from"]), text(&line["text"]));
    }
}
