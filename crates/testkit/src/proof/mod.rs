//! The proof of the delivery promise: Watchpost and its children are killed at random, and an oracle that
//! knows what entered the log checks what arrived.
//!
//! [`Rig`] lays out an instance with three receivers, one of each kind of acknowledgement, and perhaps a
//! preprocess command; lets Watchpost live and die as often as wanted; and then checks everything at once. The
//! short proofs are in `tests/`, the long one is `cargo xtask soak`.

mod check;
mod kill;

use std::path::PathBuf;

use serde_json::json;

pub use check::Figures;
pub use kill::kill_child;

use crate::{
    Random, Sandbox, Script, Watchpost,
    scene::{EVENT_IDS, scene, subscriptions, walkers},
};

/// Messages that the acknowledging exporter may leave unanswered: what a kill may double.
pub const WINDOW: u64 = 100;

/// Whether there is a preprocess command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preprocess {
    /// None.
    None,
    /// One that answers each message.
    Acknowledge,
    /// One of which only is known what it has read.
    Read,
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Watchpost's own process.
    Watchpost,
    /// Watchpost with all of its process group.
    Group,
    /// The acknowledging exporter.
    Keeper,
    /// The exporter that only reads.
    Reader,
    /// The preprocess command.
    Filter,
}

/// An instance, its receivers, and what has happened to them so far.
pub struct Rig {
    /// Where everything lies.
    pub sandbox: Sandbox,
    preprocess: Preprocess,
    script: Script,
    /// The next frame to be given.
    frame: u64,
    /// For each life of Watchpost, the first frame it was not given.
    pub(self) lives: Vec<u64>,
    pub(self) kills: Vec<Target>,
}

impl Rig {
    /// Lays everything out; `program` is the `watchpost` to run.
    pub fn new(program: impl Into<PathBuf>, preprocess: Preprocess) -> Self {
        let sandbox = Sandbox::new(program);
        keeper(&sandbox);
        exporter(&sandbox, "Reader", "read.py", include_str!("read.py"), false);
        sandbox.write("filter/read.py", include_str!("read.py"));
        let stream = json!({
            "uri": "json:///stream.jsonl", "sink": "eventsExport", "enabled": true,
            "config": {"append_only": true, "minify": true},
        });
        let mut output = json!({
            "Keeper": {"enabled": true}, "Reader": {"enabled": true}, "handlers": {"stream": stream},
        });
        if preprocess != Preprocess::None {
            output["preprocess_cmd"] = json!("python3 read.py filter");
            output["preprocess_version"] = json!(2);
            output["preprocess_acknowledge"] = json!(preprocess == Preprocess::Acknowledge);
        }
        // The folder of the instance file is where the preprocess command runs.
        let document = scene("ndjson://-", 2, output);
        sandbox.write("filter/instance.json", document.to_string());
        let script = walkers(10);
        Self { sandbox, preprocess, script, frame: 0, lives: Vec::new(), kills: Vec::new() }
    }

    /// Watchpost lives for up to `frames` frames, in which children are killed, and then dies by `death`.
    pub fn live(&mut self, random: &mut Random, frames: u64, children: &[Target], death: Target) {
        let mut watchpost = self.start();
        let frames = random.below(frames + 1);
        let mut due: Vec<_> = children.iter().map(|child| (random.below(frames + 1), *child)).collect();
        due.sort_unstable_by_key(|(at, _)| *at);
        let mut due = due.into_iter().peekable();
        for n in 0..=frames {
            while let Some((_, child)) = due.next_if(|(at, _)| *at <= n) {
                self.kill_child(child);
            }
            if n < frames {
                self.feed(&mut watchpost);
            }
        }
        match death {
            Target::Group => watchpost.kill_group(),
            _ => watchpost.kill(),
        }
        self.kills.push(death);
        self.lives.push(self.frame);
    }

    /// Starts Watchpost, to be fed and killed by the caller.
    pub fn start(&self) -> Watchpost {
        let instance = self.sandbox.path().join("filter/instance.json");
        self.sandbox.spawn(&["run".as_ref(), instance.as_os_str()])
    }

    /// One more frame.
    pub fn feed(&mut self, watchpost: &mut Watchpost) {
        let line = self.script.line(self.frame);
        assert!(watchpost.feed(line.as_bytes()), "it reads no more; see {}", self.errors());
        self.frame += 1;
    }

    /// Kills a child if it runs; says whether it did.
    pub fn kill_child(&mut self, child: Target) -> bool {
        let folder = match child {
            Target::Keeper => self.sandbox.data().join("exporters/Keeper"),
            Target::Reader => self.sandbox.data().join("exporters/Reader"),
            Target::Filter => self.sandbox.path().join("filter"),
            Target::Watchpost | Target::Group => return false,
        };
        let killed = kill_child(&folder);
        if killed {
            self.kills.push(child);
        }
        killed
    }

    /// How often `target` was killed so far.
    pub fn killed(&self, target: Target) -> usize {
        self.kills.iter().filter(|killed| **killed == target).count()
    }

    /// A last life, of so many frames, to an orderly end; then everything must have arrived.
    pub fn finish(mut self, frames: u64) -> Figures {
        let mut last = self.start();
        for _ in 0..frames {
            self.feed(&mut last);
        }
        self.end(last)
    }

    /// Ends `last` in order; then everything must have arrived.
    pub fn end(self, last: Watchpost) -> Figures {
        let ended = last.finish();
        assert_eq!(ended.code(), Some(0), "{}", self.errors());
        check::all(&self)
    }

    /// What Watchpost has said.
    fn errors(&self) -> String {
        std::fs::read_to_string(self.sandbox.path().join("stderr.log")).unwrap_or_default()
    }
}

/// Lays out the acknowledging exporter alone.
pub fn keeper(sandbox: &Sandbox) {
    exporter(sandbox, "Keeper", "keep.py", include_str!("keep.py"), true);
}

/// The same, but it reads nothing before there is a file `go` in its folder.
pub fn keeper_that_hangs(sandbox: &Sandbox) {
    let later = "import os, time\n\
                 while not os.path.exists('go'):\n\
                 \x20   time.sleep(0.05)\n\
                 os.execlp('python3', 'python3', 'keep.py')\n";
    keeper(sandbox);
    exporter(sandbox, "Keeper", "later.py", later, true);
}

/// Lays out an exporter of one Python file.
fn exporter(sandbox: &Sandbox, name: &str, file: &str, text: &str, acknowledge: bool) {
    let folder = format!("data/exporters/{name}");
    let manifest = json!({
        "name": name, "description": "for the proof of the delivery promise",
        "events": subscriptions(&EVENT_IDS, 2), "command": format!("python3 {file}"),
        "framing": "newline", "acknowledge": acknowledge, "window": WINDOW,
    });
    sandbox.write(&format!("{folder}/manifest.json"), manifest.to_string());
    sandbox.write(&format!("{folder}/{file}"), text);
}
