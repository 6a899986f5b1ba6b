//! The API of a server with 200 instances, and what a server costs that does nothing.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use super::{
    Bed, PATIENCE, median,
    report::{Better, Figure},
};

/// A large site, and everybody who looks at it.
const INSTANCES: usize = 200;
const VIEWERS: usize = 50;
/// A second of a camera is posted at once, so many times in a run.
const LINES: u64 = 25;
const POSTS: usize = 40;

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let idle = Server::start(bed, "api-idle", 0)?;
    // What its start needed is given back by then.
    idle.settle();
    let idle_mib = idle.resident_mib()?;
    drop(idle);
    let server = Server::start(bed, "api", INSTANCES)?;
    server.settle();
    let with_all_mib = server.resident_mib()?;
    let all = server.get("/api/v1/instances?limit=1000")?;
    ensure!(all.matches(r#""state":"running""#).count() >= INSTANCES, "not every instance runs");
    let asks = if bed.quick { 100 } else { 2000 };
    let list = server.percentile(asks, "/api/v1/instances?limit=200")?;
    let one = server.percentile(asks, "/api/v1/instances/gate%207")?;
    let as_the_reference = server.percentile(asks, "/v1/core/instances")?;
    let metrics = server.percentile(asks, "/metrics")?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..bed.rounds() {
        without.push(server.second_ms()?);
        // None of them reads: what they are sent stays on their side.
        let viewers = (0..VIEWERS).map(|_| server.viewer()).collect::<anyhow::Result<Vec<_>>>()?;
        with.push(server.second_ms()?);
        drop(viewers);
    }
    let less = |what: &str, value: f64, unit: &'static str, target: &'static str| Figure {
        what: what.to_owned(),
        value,
        unit,
        peer: None,
        better: Better::Less,
        target,
    };
    Ok(vec![
        less("API, 200 instances: list of all, p99", list, "ms", "10 ms or less"),
        less("API, 200 instances: one of them, p99", one, "ms", "10 ms or less"),
        less(
            "API, 200 instances: list as the reference system's, p99",
            as_the_reference,
            "ms",
            "10 ms or less",
        ),
        less("API, 200 instances: /metrics, p99", metrics, "ms", "10 ms or less"),
        less("memory of an idle server", idle_mib, "MiB", "40 MiB or less"),
        less("memory of one with 200 instances that run", with_all_mib, "MiB", "—"),
        Figure {
            what: "a second of a camera, posted, analysed and in its file, while 50 viewers look".to_owned(),
            value: median(with),
            unit: "ms",
            peer: Some(("nobody looks".to_owned(), median(without))),
            better: Better::Less,
            target: "—",
        },
    ])
}

/// `watchpost serve`; ended when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(bed: &Bed, name: &str, instances: usize) -> anyhow::Result<Self> {
        let data = bed.fresh(name)?;
        fs::create_dir_all(data.join("instances"))?;
        for n in 0..instances {
            let document = json!({"DisplayName": format!("gate {n}"), "AutoStart": true, "Input": {"uri": "ndjson+post://"},
                "Output": {"handlers": {"t": {"uri": format!("json:///{n}.jsonl"), "sink": "output-tracks",
                    "config": {"append_only": true, "minify": true}}}}});
            fs::write(data.join(format!("instances/{n}.json")), document.to_string())?;
        }
        let mut child = Command::new(&bed.watchpost)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .env_remove("WATCHPOST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stderr.take().context("no standard error")?);
        let mut lines = said.lines();
        let address = loop {
            let Some(line) = lines.next() else { bail!("the server has ended") };
            let line = line?;
            if let Some((_, after)) = line.split_once("listening on http://") {
                let end =
                    after.find(|c: char| !c.is_ascii_digit() && !".:".contains(c)).unwrap_or(after.len());
                break after[..end].parse()?;
            }
        };
        // Read on: it must not wait for us.
        thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address })
    }

    /// Waits until its memory does not change any more, at most 10 s.
    fn settle(&self) {
        let mut before = 0.0;
        for _ in 0..10 {
            thread::sleep(Duration::from_secs(1));
            let now = self.resident_mib().unwrap_or_default();
            if (now - before).abs() < 0.1 {
                return;
            }
            before = now;
        }
    }

    /// Of the server and its guardian.
    fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(Path::new("/proc").join(self.child.id().to_string()).join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: f64 = line.split_whitespace().next().context("no VmRSS")?.parse()?;
        Ok(kilobytes / 1024.0)
    }

    /// The 99th percentile in ms of so many requests, one after the other over one connection.
    fn percentile(&self, asks: usize, path: &str) -> anyhow::Result<f64> {
        let mut connection = BufReader::new(self.connect()?);
        let mut took = Vec::with_capacity(asks);
        for _ in 0..asks {
            let began = Instant::now();
            write!(connection.get_mut(), "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)?;
            answer(&mut connection)?;
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        Ok(took[asks * 99 / 100])
    }

    fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut connection = BufReader::new(self.connect()?);
        write!(connection.get_mut(), "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)?;
        answer(&mut connection)
    }

    fn post(&self, path: &str, body: &str) -> anyhow::Result<String> {
        let mut connection = BufReader::new(self.connect()?);
        let length = body.len();
        write!(
            connection.get_mut(),
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n\r\n{body}",
            self.address
        )?;
        answer(&mut connection)
    }

    /// Until a second of detections is taken, analysed and delivered to the file: the median of some, in ms.
    fn second_ms(&self) -> anyhow::Result<f64> {
        let shown = || -> anyhow::Result<(u64, u64)> {
            let shown: serde_json::Value = serde_json::from_str(&self.get("/api/v1/instances/gate%200")?)?;
            let frames = shown["frames"].as_u64().unwrap_or(0);
            Ok((frames, shown["exports"][0]["delivered"].as_u64().unwrap_or(0)))
        };
        let line = |frame: u64| {
            format!("{{\"frame_id\":{frame},\"timestamp_ms\":{},\"detections\":[]}}\n", frame * 40)
        };
        let mut took = Vec::with_capacity(POSTS);
        for _ in 0..POSTS {
            let (from, delivered) = shown()?;
            let body: String = (from..from + LINES).map(line).collect();
            let began = Instant::now();
            self.post("/v1/core/instance/gate%200/detections", &body)?;
            while shown()?.1 < delivered + LINES {
                ensure!(began.elapsed() < PATIENCE, "the export does not get what was posted");
                thread::sleep(Duration::from_millis(1));
            }
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        Ok(median(took))
    }

    fn viewer(&self) -> anyhow::Result<TcpStream> {
        let mut stream = self.connect()?;
        let path = "/api/v1/instances/gate%200/live?stream=output-tracks";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)?;
        Ok(stream)
    }

    fn connect(&self) -> anyhow::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing it has is kept.
        let _gone_already = self.child.kill();
        let _its_status = self.child.wait();
    }
}

/// The body of an answer of a known length that is a success.
fn answer(connection: &mut BufReader<TcpStream>) -> anyhow::Result<String> {
    let (mut length, mut status, mut line) = (0, String::new(), String::new());
    loop {
        line.clear();
        ensure!(connection.read_line(&mut line)? > 0, "the server has closed the connection");
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if status.is_empty() {
            header.clone_into(&mut status);
        } else if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    ensure!(status.contains(" 20"), "{status}: {}", String::from_utf8_lossy(&body));
    Ok(String::from_utf8(body)?)
}
