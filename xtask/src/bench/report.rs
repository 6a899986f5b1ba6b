//! Figures and how they are shown.

use std::fmt::{self, Write as _};

use super::machine;

/// One measured figure.
pub struct Figure {
    /// What was done.
    pub what: String,
    /// Ours.
    pub value: f64,
    /// Of both values.
    pub unit: &'static str,
    /// Who did the same beside us, and their value.
    pub peer: Option<(String, f64)>,
    /// Which way is good.
    pub better: Better,
    /// What we aim at, in words.
    pub target: &'static str,
}

/// Which way is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Rates.
    More,
    /// Times, sizes.
    Less,
}

impl Figure {
    /// Above 1: better than the peer.
    fn ratio(&self) -> Option<f64> {
        let (_, peer) = self.peer.as_ref()?;
        Some(match self.better {
            Better::More => self.value / peer,
            Better::Less => peer / self.value,
        })
    }
}

impl fmt::Display for Figure {
    /// A row of the table, without its outer bars.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, unit, target, .. } = self;
        let peer = match &self.peer {
            Some((name, value)) => format!("{name}: {} {unit}", number(*value)),
            None => "—".to_owned(),
        };
        let ratio = self.ratio().map_or(String::from("—"), |ratio| format!("{ratio:.2}"));
        write!(f, "{what} | {} {unit} | {peer} | {ratio} | {target}", number(self.value))
    }
}

/// All figures of a run.
pub struct Report {
    pub figures: Vec<Figure>,
    machine: Vec<String>,
    quick: bool,
}

impl Report {
    pub fn new(quick: bool) -> anyhow::Result<Self> {
        Ok(Self { figures: Vec::new(), machine: machine::lines()?, quick })
    }

    /// For people, and for the document: a Markdown table.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for line in &self.machine {
            let _infallible = writeln!(text, "* {line}");
        }
        if self.quick {
            text.push_str("* quick run: the figures are rough\n");
        }
        text.push_str("\n| what | Watchpost | peer | ratio | aim |\n|---|---|---|---|---|\n");
        for figure in &self.figures {
            let _infallible = writeln!(text, "| {figure} |");
        }
        text
    }

    /// `docs/benchmarks.md`.
    pub fn document(&self) -> String {
        format!(
            "# Benchmarks\n\n\
             Written by `cargo xtask bench`; do not edit. Each figure stands beside a peer that did the same work on \
             the same machine in the same minute. Runs of both sides are interleaved and the median is shown. \
             A ratio above 1 means: better than the peer.\n\n{}\n{HOW}",
            self.table()
        )
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    if value >= 1e6 {
        format!("{:.2} M", value / 1e6)
    } else if value >= 1e4 {
        format!("{:.0} k", value / 1e3)
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

const HOW: &str = "\
## Where the time goes

The aims were set on a machine on which the same peers were faster: rsyslog passed 219 k records/s with confirmation and
610 k without, a Python child read 342 k lines/s, supervision wrote 68 k JSON and 131 k CSV rows/s and annotated the clip
at 151 frames/s. An aim that is missed below is to be read beside what its peer reaches in the table.
Vector, which Debian does not package, wrote 48 k JSON lines/s to a file there, 31 k with its disk buffer, and 51 k messages/s
to Mosquitto at QoS 1 (November 2026).

Profiles (`perf`, 2026-11-22 and 23, on machines as above) of what misses its aim:

* **Demo path**: x264 takes 72 % of the CPU time and decoding 8 %, as in the bare pipeline, which does nothing else. What
  is Watchpost's own, analysis, drawing, crops, log and exports, is the remaining 10 % and some copying; boxes and labels
  are work for the encoder, too. On two cores that the encoder keeps busy this is the whole difference.
* **Drawing**: half is blending the translucent area row by row, a fifth letters; it is bound by memory. On a quieter day
  of the same machine it took 0.92 ms.
* **Memory**: at pace `fast` x264 holds the frames that it looks ahead at, and its input the same again; the bare pipeline,
  which has nothing else, is beyond the aim by itself. Live, where nothing is looked ahead at, an instance with two MP4, JPG
  and HLS stays at 162 MiB.
* **CSV rows, formatting alone**: three fifths are scanning the JSON of the log for the columns, a tenth is writing the
  cells, the rest is handing over and copying, as for JSON lines.
* **Exporters**: spread over encoding, writing the log and handing over, with no single place; the Python child is slower
  than its target even from a plain pipe, and gets 0.9 of that.
* **Preprocess round trip**: a record is written to two logs, parsed once, and handed over twice.
* **MQTT**: Mosquitto takes as much of the CPU as Watchpost does, and the two share two cores: acknowledgements come one by
  one, and each is a packet read, a wake-up and a write on both sides.
* **100 instances**: a record comes alone, and what costs little in bulk finds cold caches. Of 32 µs, 17 are the
  kernel's: a thousand syncs a second over two hundred files (5), handing work between threads (7). 6 are putting a
  record into its log, 12 reading, formatting and settling it for two receivers, 3 the journal's writer. Fewer syncs
  would be fewer microseconds and later files; another allocator changes nothing.

## How

* **Analysis**: frames of the pedestrian clip are decoded (and scaled) some at a time; only the analysis is timed, on one
  thread. OpenCV does motion alone (MOG2, opening, contours, boxes); Watchpost does motion, tracks, line, areas and
  best-shot crops. *Reduced*: OpenCV on a plane 320 wide, the reduction included.
* **Demo**: from the start of the process to its end. Decode, motion, tracks, drawing, H.264 in MP4, tracks as CSV,
  events as JSON lines through the log. The bare pipeline decodes, encodes with the same x264 settings and muxes; it
  analyses and draws nothing. The Python peer encodes MPEG-4 part 2, which is cheaper than H.264.
* **Rows**: objects of 300 bytes with one detection each, which become CSV rows of 135. *Through the log*: put in by one
  thread as the pipeline puts them in, one object to a write, through the log on disk to a file, synced; from the first
  put in to the last delivered. *Formatting alone*: the CPU time of the thread that makes lines of the bytes in the log.
  *Whole process*: one detection a frame out of an ndjson file, parsing and tracking included; from the start of the
  process to its end. supervision formats and writes the same rows from memory, unsynced.
* **Exporters**: records of 390 bytes, one to a write, put in as rows are, through the log on disk. The children are
  `benches/src/bin/child.rs` and `benches/read_json.py`. rsyslog gets the same records over a Unix socket and keeps them
  in memory; its rate is from the first to the last that the same child has read.
* **Round trip**: each record passes two logs and a parser; the peer writes a message, waits for the answer, and writes
  the next, without a log.
* **MQTT**: the same records, a message each, to Debian's Mosquitto on the same machine, in memory; from the first put in
  to the last acknowledged. paho publishes the same payloads, with as many in flight, and has no log.
* **Latency**: from putting a record in to its being read by the child, on one clock; over MQTT by a child behind
  `mosquitto_sub`.
* **API**: `watchpost serve` with 200 instances that take posted detections, one export each, all running. Requests
  one after the other over one connection, whole answers. A camera's second is 25 lines in one
  post; the viewers take a stream's objects and read none.
* **Drawing**: the middle one of some hundred frames, on one thread, both on a copy of the picture, which is part of it;
  Watchpost on the planes as they were decoded, supervision on BGR, whose conversion from and to what decoders and encoders have is not counted.
* **Video**: the pedestrian clip scaled up to 1080p and shown three times as fast, 30 frames a second. Encoders have the
  same settings in all runs. *Live*: read in real time; ffmpeg takes RTSP over TCP and nginx takes RTMP, and their CPU is not
  counted. *Exports of `source`*: the time of the threads that mux and write; handing on a reference in the decoder's
  thread is not in it, the analysis is not either. *Instances*: cores by the CPU of one, if all they do is this.
* **CPU**: user and system time of the process, writing included, children not.
* **Memory**: the largest resident size of the process itself, as the kernel counted it while it ran.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_above_one_are_better() {
        let figure = |better| Figure {
            what: String::new(),
            value: 2.0,
            unit: "ms",
            peer: Some(("peer".into(), 4.0)),
            better,
            target: "",
        };
        assert_eq!(figure(Better::Less).ratio(), Some(2.0));
        assert_eq!(figure(Better::More).ratio(), Some(0.5));
    }

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(
            [0.394, 12.34, 123.4, 12_345.0, 1_234_567.0].map(number),
            ["0.39", "12.3", "123", "12 k", "1.23 M"]
        );
    }
}
