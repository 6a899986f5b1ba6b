//! Structured logs: on standard error, and the last lines for the page.

use clap::ValueEnum;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer, fmt,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};
use watchpost_api::{LogLine, Logs};

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `default`: what is logged when neither `-v` nor `WATCHPOST_LOG` says otherwise; `logs`: where
/// the last lines are kept, too.
pub(crate) fn start(format: LogFormat, verbose: u8, default: &str, logs: Option<Logs>) {
    let level = match verbose {
        0 => default,
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("WATCHPOST_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = fmt::layer().with_ansi(colours).with_writer(crate::output::LogWriter::default);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).compact().boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).with(logs.map(Keep)).init();
}

/// Keeps lines for the page.
struct Keep(Logs);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { message, instance, receiver, more } = fields;
        self.0.push(LogLine {
            number: 0,
            time: jiff::Timestamp::now().strftime("%FT%T%.3fZ").to_string(),
            level: level(*event.metadata().level()).to_owned(),
            message: if more.is_empty() { message } else { format!("{message} ({})", more.join(", ")) },
            instance,
            receiver,
        });
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    instance: Option<String>,
    receiver: Option<String>,
    more: Vec<String>,
}

impl Fields {
    fn take(&mut self, name: &str, value: String) {
        match name {
            "message" => self.message = value,
            "instance" => self.instance = Some(value),
            "receiver" => self.receiver = Some(value),
            name => self.more.push(format!("{name}={value}")),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.take(field.name(), format!("{value:?}"));
    }
}
