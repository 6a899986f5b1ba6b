//! Structured logs: on standard error, and the last lines for the page.

use std::borrow::Cow;

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{
        self, FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Writer},
    },
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, Scope},
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
    let lines = fmt::layer()
        .with_ansi(colours)
        .with_writer(crate::output::LogWriter::default)
        .fmt_fields(DefaultFields::new())
        .event_format(Look(format));
    tracing_subscriber::registry().with(filter).with(Spans).with(lines).with(logs.map(Keep)).init();
}

/// Keeps lines for the page.
struct Keep(Logs);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Line { message, instance, receiver, more, .. } = Line::of(event, context.event_scope(event));
        let more: Vec<_> = more.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
        self.0.push(LogLine {
            number: 0,
            time: now(),
            level: level(*event.metadata().level()).to_owned(),
            message: if more.is_empty() { message } else { format!("{message} ({})", more.join(", ")) },
            instance,
            receiver,
        });
    }
}

/// Keeps with each span whose it is.
struct Spans;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Line::default();
        attributes.record(&mut said);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Whose { instance: said.instance, receiver: said.receiver });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut said = Line::default();
        values.record(&mut said);
        if let Some(span) = context.span(id)
            && let Some(whose) = span.extensions_mut().get_mut::<Whose>()
        {
            whose.instance = said.instance.or(whose.instance.take());
            whose.receiver = said.receiver.or(whose.receiver.take());
        }
    }
}

/// What a span says of those within it.
struct Whose {
    instance: Option<String>,
    receiver: Option<String>,
}

/// What a line says.
#[derive(Default)]
struct Line {
    message: String,
    instance: Option<String>,
    receiver: Option<String>,
    more: Vec<(&'static str, Value)>,
}

impl Line {
    /// What an event says; whose it is, if it does not say so itself, is said by the spans around it.
    fn of<'a, S: LookupSpan<'a>>(event: &Event<'_>, scope: Option<Scope<'a, S>>) -> Self {
        let mut line = Self::default();
        event.record(&mut line);
        for span in scope.into_iter().flatten() {
            let extensions = span.extensions();
            let Some(whose) = extensions.get::<Whose>() else { continue };
            line.instance = line.instance.or_else(|| whose.instance.clone());
            line.receiver = line.receiver.or_else(|| whose.receiver.clone());
        }
        line
    }

    fn take(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => self.message = plain(&value),
            "instance" => self.instance = Some(plain(&value)),
            "receiver" => self.receiver = Some(plain(&value)),
            name => self.more.push((name, value)),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }
}

/// How lines look on standard error.
struct Look(LogFormat);

impl<S, N> FormatEvent<S, N> for Look
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let line = Line::of(event, context.event_scope());
        let said = event.metadata().level();
        if matches!(self.0, LogFormat::Json) {
            return json(&line, event, &mut writer);
        }
        // ECMA-48 section 8.3.117: red, yellow, green, blue, magenta.
        let colour = match *said {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG => 34,
            Level::TRACE => 35,
        };
        if writer.has_ansi_escapes() {
            write!(
                writer,
                "\x1b[2m{}\x1b[0m \x1b[{colour}m{said:>5}\x1b[0m {}",
                now(),
                harmless(&line.message)
            )?;
        } else {
            write!(writer, "{} {said:>5} {}", now(), harmless(&line.message))?;
        }
        for (name, value) in &line.more {
            write!(writer, " {name}={}", harmless(&value.to_string()))?;
        }
        for (name, whose) in [("instance", &line.instance), ("receiver", &line.receiver)] {
            if let Some(whose) = whose {
                write!(writer, " {name}={whose:?}")?;
            }
        }
        writeln!(writer)
    }
}

fn json(line: &Line, event: &Event<'_>, writer: &mut Writer<'_>) -> std::fmt::Result {
    let mut object = Map::new();
    object.insert("timestamp".to_owned(), now().into());
    object.insert("level".to_owned(), event.metadata().level().as_str().into());
    object.insert("target".to_owned(), event.metadata().target().into());
    for (name, whose) in [("instance", &line.instance), ("receiver", &line.receiver)] {
        if let Some(whose) = whose {
            object.insert(name.to_owned(), whose.as_str().into());
        }
    }
    let mut fields = Map::from_iter([("message".to_owned(), line.message.as_str().into())]);
    fields.extend(line.more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    object.insert("fields".to_owned(), fields.into());
    writeln!(writer, "{}", Value::from(object))
}

/// Without what a terminal would obey: a part of it may come from a camera or a child.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_order = |c: char| c.is_control() && c != '\n' && c != '\t';
    match text.contains(is_order) {
        false => text.into(),
        true => text.replace(is_order, "\u{FFFD}").into(),
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%FT%T%.3fZ").to_string()
}

/// Text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
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
