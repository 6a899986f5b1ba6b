//! `/metrics`: counts and states in Prometheus' text format (version 0.0.4). The names are a closed set, [`METRICS`];
//! labels are ids and names of instances and receivers, states and formats, never values out of records. Beyond
//! [`MAX_SERIES`] series of receivers the rest is left out, and said.

use std::fmt::Write;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use watchpost_runtime::{
    InstanceSnapshot, JournalState, LATENCY_BOUNDS_S, Latency, Operation, ReceiverSnapshot, Reply,
    ServerHealth,
};

use crate::{App, Problem, instances::odd};

/// Receivers that are told of: 200 instances with 25 each. A thousand times that would only hurt who scrapes it.
const MAX_SERIES: usize = 5000;

/// One metric.
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it tells, with its unit.
    pub help: &'static str,
    of: Of,
}

/// Where a value comes from.
enum Of {
    Process(fn(&Scrape<'_>) -> f64),
    Instance(fn(&InstanceSnapshot) -> f64),
    /// 1 for the state it is in, 0 for the others.
    InstanceState,
    Receiver(fn(&ReceiverSnapshot) -> f64),
    ReceiverState,
    /// A histogram, of receivers that have delivered something.
    Latency,
}

/// One look at the process.
struct Scrape<'a> {
    app: &'a App,
    health: ServerHealth,
    instances: &'a [InstanceSnapshot],
}

/// The states of instances and of receivers: closed sets (PRODUCT sections 3 and 10).
const INSTANCE_STATES: [&str; 6] = ["stopped", "starting", "running", "restarting", "failed", "finished"];
const RECEIVER_STATES: [&str; 8] =
    ["running", "waiting", "paused", "disabled", "blocked", "overflowing", "failed", "finished"];

const fn process(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    of: fn(&Scrape<'_>) -> f64,
) -> Metric {
    Metric { name, kind, help, of: Of::Process(of) }
}

const fn instance(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    of: fn(&InstanceSnapshot) -> f64,
) -> Metric {
    Metric { name, kind, help, of: Of::Instance(of) }
}

const fn receiver(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    of: fn(&ReceiverSnapshot) -> f64,
) -> Metric {
    Metric { name, kind, help, of: Of::Receiver(of) }
}

/// Every metric there is.
#[rustfmt::skip]
pub static METRICS: &[Metric] = &[
    process("watchpost_uptime_seconds", "gauge", "Since the process was started", |s| s.app.started.elapsed().as_secs_f64()),
    process("watchpost_memory_bytes", "gauge", "Resident memory of the process", |s| s.health.memory_bytes as f64),
    process("watchpost_disk_free_bytes", "gauge", "Room on the disk of the data folder", |s| s.health.disk.free_bytes as f64),
    process("watchpost_journal_bytes", "gauge", "Bytes of all instances' logs", |s| s.health.journal.bytes as f64),
    process("watchpost_journal_blocked", "gauge", "1 while the journal cannot be written", |s| {
        f64::from(s.health.journal.state == JournalState::Blocked)
    }),
    Metric { name: "watchpost_instance_state", kind: "gauge", help: "1 for the state an instance is in", of: Of::InstanceState },
    instance("watchpost_instance_frames_total", "counter", "Frames that arrived in this run of the source", |i| i.frames as f64),
    instance("watchpost_instance_analysed_total", "counter", "Of these, analysed", |i| i.analysed as f64),
    instance("watchpost_instance_skipped_total", "counter", "Frames that a live source could not wait with", |i| i.skipped as f64),
    instance("watchpost_instance_encoded_total", "counter", "Frames encoded for video exports, each once for all that want the same", |i| i.encoded as f64),
    instance("watchpost_instance_frame_rate", "gauge", "Frames per second that arrive", |i| i.fps),
    instance("watchpost_instance_tracks", "gauge", "Established tracks in the last frame", |i| i.tracks as f64),
    instance("watchpost_instance_events_last_hour", "gauge", "Events within the last hour", |i| i.events_last_hour as f64),
    instance("watchpost_instance_malformed_total", "counter", "Lines and detections of the source that were malformed", |i| i.malformed as f64),
    instance("watchpost_instance_lost_total", "counter", "Records and objects for which the journal had no room", |i| i.lost as f64),
    instance("watchpost_instance_restarts_total", "counter", "Times the source was opened again after a failure", |i| i.restarts as f64),
    instance("watchpost_instance_records_total", "counter", "Records that have entered the log since it was made; it does not begin anew", |i| i.records as f64),
    instance("watchpost_instance_entries_total", "counter", "Log entries since the log was made: events with their crops and attributes, objects of streams", |i| i.entries as f64),
    instance("watchpost_instance_log_bytes", "gauge", "Bytes of the instance's log", |i| i.log_bytes as f64),
    Metric { name: "watchpost_receiver_state", kind: "gauge", help: "1 for the state an export or exporter is in", of: Of::ReceiverState },
    receiver("watchpost_receiver_delivered_total", "counter", "Records, objects or pictures delivered", |r| r.delivered as f64),
    receiver("watchpost_receiver_bytes_total", "counter", "Their bytes", |r| r.bytes as f64),
    receiver("watchpost_receiver_waiting", "gauge", "Log entries not yet done with", |r| r.waiting as f64),
    receiver("watchpost_receiver_retried_total", "counter", "Deliveries that were sent again", |r| r.retried as f64),
    receiver("watchpost_receiver_refused_total", "counter", "Dead letters", |r| r.refused as f64),
    receiver("watchpost_receiver_dropped_total", "counter", "Lost to a limit", |r| r.dropped as f64),
    receiver("watchpost_receiver_limited_total", "counter", "Taken out by filter.max_per_s", |r| r.limited as f64),
    receiver("watchpost_receiver_undurable_total", "counter", "Delivered while the journal could not be written", |r| r.undurable as f64),
    receiver("watchpost_receiver_restarts_total", "counter", "Times that an exporter's program was started again", |r| r.restarts as f64),
    receiver("watchpost_receiver_outside_total", "counter", "Left out by the export's schedule", |r| r.outside as f64),
    Metric { name: "watchpost_receiver_latency_seconds", kind: "histogram", help: "Deliveries by the time from the log to the receiver's word that it has it", of: Of::Latency },
    process("watchpost_receivers_not_told", "gauge", "Receivers left out of this page, for there are too many", |s| {
        receivers(s.instances).count().saturating_sub(MAX_SERIES) as f64
    }),
];

pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let Reply::Instances { instances, .. } = app.server.perform(Operation::List).await? else {
        return Err(odd());
    };
    let text = write(&app, &instances);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn write(app: &App, instances: &[InstanceSnapshot]) -> String {
    // Asked once: it looks at every log, the disk and the process.
    let scrape = Scrape { app, health: app.server.health(), instances };
    // Labels are the same in every family: written once.
    let of_instances: Vec<_> = instances.iter().map(|one| (one, labels_of(one))).collect();
    let of_receivers: Vec<_> = receivers(instances)
        .take(MAX_SERIES)
        .map(|(one, receiver)| {
            let (name, format) = (escaped(&receiver.name), receiver.format);
            (receiver, format!("{},receiver=\"{name}\",format=\"{format}\"", labels_of(one)))
        })
        .collect();
    // Some hundred bytes a line; what is too little grows.
    let lines = METRICS.len() + of_instances.len() * 20 + of_receivers.len() * 20;
    let mut text = String::with_capacity(lines * 200);
    for metric in METRICS {
        let Metric { name, kind, help, .. } = metric;
        let _never_fails = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        let mut line = |labels: &str, value: f64| {
            let _never_fails = writeln!(text, "{name}{{{labels}}} {value}");
        };
        match &metric.of {
            Of::Process(of) => {
                let _never_fails = writeln!(text, "{name} {}", of(&scrape));
            }
            Of::Instance(of) => of_instances.iter().for_each(|(one, labels)| line(labels, of(one))),
            Of::Receiver(of) => of_receivers.iter().for_each(|(receiver, labels)| line(labels, of(receiver))),
            Of::InstanceState => {
                for (one, labels) in &of_instances {
                    states(&mut text, name, labels, &INSTANCE_STATES, one.state.name());
                }
            }
            Of::ReceiverState => {
                for (receiver, labels) in &of_receivers {
                    states(&mut text, name, labels, &RECEIVER_STATES, receiver.state);
                }
            }
            Of::Latency => {
                for (receiver, labels) in &of_receivers {
                    histogram(&mut text, name, labels, &receiver.latency);
                }
            }
        }
    }
    text
}

/// 1 for the state it is in, 0 for the others.
fn states(text: &mut String, name: &str, labels: &str, all: &[&str], now: &str) {
    for state in all {
        let is = u8::from(*state == now);
        let _never_fails = writeln!(text, "{name}{{{labels},state=\"{state}\"}} {is}");
    }
}

/// Buckets count all that is at most their bound. One that has nothing is left out.
fn histogram(text: &mut String, name: &str, labels: &str, latency: &Latency) {
    let count: u64 = latency.buckets.iter().sum();
    if count == 0 {
        return;
    }
    let mut up_to = 0;
    for (bound, bucket) in LATENCY_BOUNDS_S.iter().zip(&latency.buckets) {
        up_to += bucket;
        let _never_fails = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {up_to}");
    }
    let _never_fails = write!(
        text,
        "{name}_bucket{{{labels},le=\"+Inf\"}} {count}\n{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {count}\n",
        latency.sum_s
    );
}

fn receivers(instances: &[InstanceSnapshot]) -> impl Iterator<Item = (&InstanceSnapshot, &ReceiverSnapshot)> {
    instances.iter().flat_map(|i| i.exports.iter().chain(&i.preprocess).map(move |receiver| (i, receiver)))
}

fn labels_of(instance: &InstanceSnapshot) -> String {
    format!("instance=\"{}\",name=\"{}\"", instance.id, escaped(&instance.name))
}

/// As the format has it: backslash, quote and line end.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name is documented, with its kind: dashboards and alerts are made by docs/api.md.
    #[test]
    fn every_metric_is_documented() {
        let docs = include_str!("../../../docs/metrics.md");
        for metric in METRICS {
            let line = format!("| `{}` | {} |", metric.name, metric.kind);
            assert!(docs.contains(&line), "docs/metrics.md lacks: {line}");
            assert_eq!(metric.kind == "counter", metric.name.ends_with("_total"), "{}", metric.name);
        }
        assert_eq!(docs.matches("| `watchpost_").count(), METRICS.len(), "docs/metrics.md tells of more");
    }

    /// Every word of the dashboard's queries that begins as ours is a metric, its labels are told of in docs/metrics.md,
    /// and what a histogram has is asked of histograms alone.
    #[test]
    fn the_dashboard_asks_for_what_there_is() {
        let docs = include_str!("../../../docs/metrics.md");
        let dashboard: serde_json::Value =
            serde_json::from_str(include_str!("../../../docs/grafana.json")).unwrap();
        let mut queries = Vec::new();
        texts(&dashboard, &mut queries);
        let (mut asked, name) = (0, |c: char| c.is_ascii_alphanumeric() || c == '_');
        for query in queries {
            for (at, _) in query.match_indices("watchpost_") {
                let (word, rest) =
                    query[at..].split_at(query[at..].find(|c: char| !name(c)).unwrap_or(query.len() - at));
                let ends = ["_bucket", "_sum", "_count"];
                let known = METRICS.iter().find(|metric| match metric.kind {
                    "histogram" => ends.iter().any(|end| word.strip_suffix(end) == Some(metric.name)),
                    _ => metric.name == word,
                });
                let metric = known.unwrap_or_else(|| panic!("no metric {word}: {query}"));
                let row =
                    docs.lines().find(|line| line.starts_with(&format!("| `{}` |", metric.name))).unwrap();
                let labels: Vec<_> = row.split('|').nth(3).unwrap().split(',').map(str::trim).collect();
                let chosen =
                    rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).unwrap_or_default().0;
                for label in chosen.split(',').filter_map(|one| Some(one.split_once('=')?.0.trim())) {
                    assert!(labels.contains(&label), "{word} has no label {label}: {query}");
                }
                asked += 1;
            }
        }
        assert!(asked >= 12, "{asked}");
    }

    fn texts<'a>(value: &'a serde_json::Value, all: &mut Vec<&'a str>) {
        match value {
            serde_json::Value::String(text) => all.push(text),
            serde_json::Value::Array(list) => list.iter().for_each(|value| texts(value, all)),
            serde_json::Value::Object(map) => map.values().for_each(|value| texts(value, all)),
            _ => {}
        }
    }
}
