//! Traces of events to an OpenTelemetry collector: OTLP over HTTP, in protobuf. What is in them is said in
//! `watchpost_runtime::trace`; here is only how they leave.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use async_trait::async_trait;
use clap::Args;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    resource::EnvResourceDetector,
    trace::{BatchSpanProcessor, IdGenerator, RandomIdGenerator, SpanData, SpanProcessor},
};
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring::default_provider;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use watchpost_config::redact;
use watchpost_runtime::trace::{Span, trace_to};

/// Of a collector's answer; it has nothing to say but how many spans it did not like.
const ANSWER_MAX_BYTES: u64 = 64 << 10;
/// For one try of a batch; for all tries of it `OTEL_EXPORTER_OTLP_TIMEOUT` holds, 10 s. What comes meanwhile waits in a
/// queue (`OTEL_BSP_MAX_QUEUE_SIZE`, 2048), and is lost when that is full.
const TIMEOUT: Duration = Duration::from_secs(5);
/// For the last batch when the program ends, whose end must not wait long for a collector that is away.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where traces go.
#[derive(Args)]
pub(crate) struct Traces {
    /// Send traces of events to this OpenTelemetry collector, by OTLP over HTTP, such as http://localhost:4318.
    #[arg(
        long = "otlp-endpoint",
        value_name = "URL",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        hide_env_values = true
    )]
    endpoint: Option<String>,
}

/// Sends spans until it is dropped, and what is left then.
pub(crate) struct Sending(Arc<BatchSpanProcessor>);

impl Traces {
    /// Begins to send, if that is asked for. Not from within a task: it starts a thread.
    pub fn start(&self) -> anyhow::Result<Option<Sending>> {
        #[allow(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
        let said = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        // The specification of the protocol's exporters: the one for traces is taken as it is, the general one is a base.
        let base = self.endpoint.as_deref().filter(|url| !url.is_empty());
        let general = base.map(|url| format!("{}/v1/traces", url.trim_end_matches('/')));
        let Some(url) = said(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT).or(general) else { return Ok(None) };
        let name = said("OTEL_SERVICE_NAME").unwrap_or_else(|| env!("CARGO_BIN_NAME").to_owned());
        let resource = Resource::builder_empty()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_detector(Box::new(EnvResourceDetector::new()))
            .with_service_name(name)
            .build();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Http::new())
            .with_endpoint(&url)
            .build()
            .with_context(|| format!("--otlp-endpoint: {}", redact(&url)))?;
        let exporter = Telling { exporter, shown: redact(&url), failing: AtomicBool::new(false) };
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&resource);
        let processor = Arc::new(processor);
        let (to, ids) = (processor.clone(), RandomIdGenerator::default());
        let scope = InstrumentationScope::builder(env!("CARGO_BIN_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        trace_to(move |span| to.on_end(data(span, &ids, &scope)));
        Ok(Some(Sending(processor)))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_WORDS) {
            // That the collector is away was said when that began.
            tracing::debug!("the last traces are lost: {error}");
        }
    }
}

fn data(span: Span, ids: &RandomIdGenerator, scope: &InstrumentationScope) -> SpanData {
    let id = span.id.map_or_else(|| ids.new_span_id(), |id| SpanId::from_bytes(id.to_be_bytes()));
    let trace = TraceId::from_bytes(span.trace.into_bytes());
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: span.parent.map_or(SpanId::INVALID, |id| SpanId::from_bytes(id.to_be_bytes())),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: span.name.into(),
        start_time: span.start,
        end_time: span.end,
        attributes: span
            .attributes
            .into_iter()
            .map(|(name, value)| KeyValue::new(name, attribute(value)))
            .collect(),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: span.error.map_or(Status::Unset, Status::error),
        instrumentation_scope: scope.clone(),
    }
}

fn attribute(value: Value) -> opentelemetry::Value {
    match value {
        Value::String(text) => text.into(),
        Value::Number(number) if number.is_i64() => number.as_i64().unwrap_or_default().into(),
        other => other.to_string().into(),
    }
}

/// Says when sending begins to fail, and when it goes again; what it cannot send is lost.
#[derive(Debug)]
struct Telling {
    exporter: SpanExporter,
    /// Where to, without its password.
    shown: String,
    failing: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for Telling {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        match (&sent, self.failing.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => {
                tracing::warn!("traces cannot be sent to {} and are lost: {error}", self.shown)
            }
            (Ok(()), true) => tracing::info!("traces are sent to {} again", self.shown),
            _ => {}
        }
        sent
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// A client that waits: it is asked by the thread of the batches alone.
#[derive(Debug)]
struct Http(ureq::Agent);

impl Http {
    fn new() -> Self {
        let system = rustls_native_certs::load_native_certs().certs;
        let system: Vec<_> =
            system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&system))
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .build();
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        Self(config.tls_config(tls).build().into())
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let (head, mut body) = self.0.run(Request::from_parts(head, &body[..]))?.into_parts();
        let body = body.with_config().limit(ANSWER_MAX_BYTES).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}
