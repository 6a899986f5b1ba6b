use std::{
    convert::Infallible,
    future::pending,
    io::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::HeaderMap,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use super::{connections, plain};
use crate::{Global, exit::Exit};

/// Longest body taken; more is answered with 413. A crop of a 4K frame is some megabytes.
const MAX_BODY_BYTES: usize = 64 << 20;
/// Bytes of a body that are printed, unless JSON is: a picture would fill the terminal.
const SHOWN_BYTES: usize = 2048;
/// Connections at once: a sender needs one, a load test some.
const MAX_CONNECTIONS: usize = 256;
/// Time to send the head of a request, and its body.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// Take requests on HTTP, print and answer them
///
/// Prints a line for each request and the body below it; with --verbose the headers too, with --json one
/// object a request. Answers 200, or what --status says, to see how a sender takes that. Ctrl-C ends it.
#[derive(Args)]
pub(crate) struct Http {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// The answer's status.
    #[arg(long, value_name = "CODE", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..600))]
    status: u16,
    /// Wait before answering, in milliseconds, at most an hour.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=3_600_000))]
    delay_ms: u64,
    /// Seconds for the header `Retry-After` of the answer; none if not given.
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u64>,
}

/// What every request needs.
struct Answers {
    status: StatusCode,
    delay: Duration,
    retry_after: Option<u64>,
    headers: bool,
    json: bool,
    count: AtomicU64,
}

impl Http {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let answers = Arc::new(Answers {
            status: StatusCode::from_u16(self.status)?,
            delay: Duration::from_millis(self.delay_ms),
            retry_after: self.retry_after,
            headers: global.verbose > 0,
            json: global.json,
            count: AtomicU64::new(0),
        });
        let all = answers.clone();
        let talk = move |stream, _| talk(stream, all.clone());
        connections::take("http", self.address, MAX_CONNECTIONS, pending(), talk)?;
        eprintln!("{} requests", answers.count.load(Ordering::Relaxed));
        Ok(Exit::Done)
    }
}

async fn talk(stream: TcpStream, answers: Arc<Answers>) -> anyhow::Result<()> {
    let service = service_fn(|request| answer(request, answers.clone()));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    match server.serve_connection(TokioIo::new(stream), service).await {
        Err(error) if !error.is_incomplete_message() => Err(error.into()),
        _ => Ok(()),
    }
}

async fn answer(
    request: Request<Incoming>,
    answers: Arc<Answers>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    let (status, body) = match body {
        Ok(Ok(body)) => (answers.status, body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            (StatusCode::PAYLOAD_TOO_LARGE, Bytes::from_static(b"(more than 64 MiB)"))
        }
        Ok(Err(error)) => (StatusCode::BAD_REQUEST, Bytes::from(format!("(broken off: {error})"))),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, Bytes::from_static(b"(not sent in time)")),
    };
    answers.count.fetch_add(1, Ordering::Relaxed);
    let target = head.uri.to_string();
    answers.print(head.method.as_str(), &target, &head.headers, &body, status);
    tokio::time::sleep(answers.delay).await;
    let mut response = Response::builder().status(status);
    if let Some(seconds) = answers.retry_after {
        response = response.header("Retry-After", seconds);
    }
    // A status from 200 and a number as the only header always make a response.
    Ok(response.body(Full::new(Bytes::new())).unwrap_or_default())
}

impl Answers {
    fn print(&self, method: &str, target: &str, headers: &HeaderMap, body: &[u8], status: StatusCode) {
        let mut text = String::new();
        if self.json {
            let headers: serde_json::Map<_, _> = headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
                .collect();
            let body = String::from_utf8_lossy(body);
            let object = serde_json::json!({
                "method": method, "target": target, "headers": headers, "body": body, "status": status.as_u16(),
            });
            text += &object.to_string();
            text.push('\n');
        } else {
            text += &format!("{method} {target}  {} bytes, answered {}\n", body.len(), status.as_u16());
            if self.headers {
                for (name, value) in headers {
                    text += &format!("  {name}: {}\n", plain(value.as_bytes()));
                }
            }
            text += &plain(&body[..body.len().min(SHOWN_BYTES)]);
            if body.len() > SHOWN_BYTES {
                text += &format!(" ... ({} bytes more)", body.len() - SHOWN_BYTES);
            }
            text.push('\n');
        }
        // One write, so that requests that come together do not mix. A closed pipe is the reader's wish.
        let _closed = std::io::stdout().lock().write_all(text.as_bytes());
    }
}
