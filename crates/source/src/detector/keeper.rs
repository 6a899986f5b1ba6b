//! Keeps the detector's process: gives it frames, reads its answers, notices that it hangs, starts it
//! again when it has died.
//!
//! A task of its own, so that whoever decodes and analyses never waits for a child.

use std::{
    collections::VecDeque,
    sync::mpsc::Sender,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedReceiver;
use watchpost_config::{Detector, LabelTable};
use watchpost_process::{Child, Guardian, Line as Output, Spec};

use crate::{
    backoff::Backoff,
    ndjson::{Line, parse_line},
};

/// How often to look whether it hangs.
const LOOK: Duration = Duration::from_millis(50);
/// How long it has to end after its STDIN was closed, and again after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// Deaths in a row over one frame: then it is the frame that kills it, or nothing will make it run.
const POISON_DEATHS: u32 = 5;

/// A frame for the detector.
#[derive(Debug)]
pub(super) struct Question {
    pub id: u64,
    /// The header's line, with its end.
    pub header: Bytes,
    pub pixels: Bytes,
}

/// What the keeper tells.
#[derive(Debug)]
pub(super) enum Told {
    /// A process runs and may be asked.
    Runs,
    /// The answer about a frame: the line's number and what it says.
    Answer(u64, u64, Line),
    /// A line is refused: its number, and why.
    Refused(u64, String),
    /// There will be no answer about a frame.
    NoWord(u64),
    /// It has died, or was ended since it hung: why, and how long until the next is started. Where frames
    /// may be dropped, those it had are.
    Died(String, Duration),
    /// It dies again and again over this frame, which is passed over.
    Poison(u64),
    /// It cannot be made to run.
    Failed(String),
    /// It has ended, after the last frame.
    Ended,
}

struct Asked {
    question: Question,
    since: Instant,
}

/// The task's own.
pub(super) struct Keeper {
    pub spec: Spec,
    pub guardian: Guardian,
    pub settings: Detector,
    pub labels: LabelTable,
    /// No frame may be dropped: what a process had when it died is given to the next.
    pub lossless: bool,
    pub questions: UnboundedReceiver<Question>,
    pub told: Sender<Told>,
    asked: VecDeque<Asked>,
    /// Lines read from all processes so far.
    number: u64,
    /// Deaths since the last answer, and frames passed over since then.
    deaths: u32,
    poisoned: u32,
    answered_ever: bool,
}

/// How a process's life ended.
enum End {
    /// Nobody asks any more.
    Finished,
    Died(String),
}

impl Keeper {
    pub fn new(
        spec: Spec,
        guardian: Guardian,
        settings: Detector,
        labels: LabelTable,
        lossless: bool,
        (questions, told): (UnboundedReceiver<Question>, Sender<Told>),
    ) -> Self {
        Self {
            spec,
            guardian,
            settings,
            labels,
            lossless,
            questions,
            told,
            asked: VecDeque::new(),
            number: 0,
            deaths: 0,
            poisoned: 0,
            answered_ever: false,
        }
    }

    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let end = match self.guardian.spawn(self.spec.clone()).await {
                Ok(child) => {
                    backoff.connected(Instant::now());
                    self.serve(&child).await
                }
                Err(error) => End::Died(error.to_string()),
            };
            let End::Died(reason) = end else { break };
            if self.gives_up(&reason) {
                return;
            }
            let pause = backoff.failed(Instant::now());
            if !self.lossless {
                self.asked.clear();
            }
            self.tell(Told::Died(reason, pause));
            if self.pause(pause).await {
                break;
            }
        }
        self.tell(Told::Ended);
    }

    /// Where no frame may be dropped, one that kills every process must not hold up all others, and a
    /// command that never answers must not run for ever.
    fn gives_up(&mut self, reason: &str) -> bool {
        self.deaths += 1;
        if !self.lossless || self.deaths < POISON_DEATHS {
            return false;
        }
        if !self.answered_ever || self.poisoned > 0 {
            let since = if self.answered_ever { "" } else { " without ever answering" };
            let deaths = self.deaths + self.poisoned * POISON_DEATHS;
            self.tell(Told::Failed(format!("the detector ended {deaths} times in a row{since}: {reason}")));
            return true;
        }
        if let Some(asked) = self.asked.pop_front() {
            self.tell(Told::Poison(asked.question.id));
        }
        (self.deaths, self.poisoned) = (0, self.poisoned + 1);
        false
    }

    /// Waits before the next process; `true` when nobody asks any more.
    async fn pause(&mut self, pause: Duration) -> bool {
        let until = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return false,
                question = self.questions.recv() => match question {
                    Some(question) => self.asked.push_back(Asked { question, since: Instant::now() }),
                    None => return true,
                },
            }
        }
    }

    async fn serve(&mut self, child: &Child) -> End {
        self.tell(Told::Runs);
        for asked in &mut self.asked {
            asked.since = Instant::now();
            give(child, &asked.question);
        }
        let mut answered: Option<Instant> = None;
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                question = self.questions.recv() => match question {
                    Some(question) => {
                        give(child, &question);
                        self.asked.push_back(Asked { question, since: Instant::now() });
                    }
                    None => {
                        child.stop(GRACE).await;
                        return End::Finished;
                    }
                },
                lines = child.lines() => {
                    if lines.is_empty() {
                        let ended = child.stop(GRACE).await;
                        return End::Died(format!("the detector {}", child.death(ended)));
                    }
                    for line in lines {
                        if self.read(child, &line) {
                            answered = Some(Instant::now());
                        }
                    }
                }
                _ = look.tick() => if let Some(reason) = self.hangs(answered) {
                    child.kill().await;
                    return End::Died(reason);
                },
            }
        }
    }

    fn hangs(&self, answered: Option<Instant>) -> Option<String> {
        let asked = self.asked.front()?;
        let (limit_ms, key) = match answered {
            None => (self.settings.start_timeout_ms, "detector_start_timeout_ms"),
            Some(_) => (self.settings.timeout_ms, "detector_timeout_ms"),
        };
        // It works on one frame after the other: what waits behind has not been waited for yet.
        let since = answered.map_or(asked.since, |answered| answered.max(asked.since));
        (since.elapsed() > Duration::from_millis(limit_ms)).then(|| {
            let id = asked.question.id;
            format!("the detector has not answered frame {id} for {limit_ms} ms ({key}) and was ended")
        })
    }

    /// Reads a line of its STDOUT; `true` if it settles a frame.
    fn read(&mut self, child: &Child, line: &Output) -> bool {
        self.number += 1;
        let refused = match line {
            // What was cut off by its death is no answer: the frame goes to the next process.
            Output::Unfinished(_) => return false,
            Output::TooLong { bytes, .. } => format!("{bytes} bytes: skipped"),
            Output::Text(text) => {
                let text = text.trim_ascii();
                if !text.starts_with(b"{") {
                    // Many programs chat on STDOUT while they load their model.
                    child.say(text);
                    return false;
                }
                match parse_line(text, &self.labels) {
                    Ok(line) => return self.answer(line),
                    Err(error) => error.0,
                }
            }
        };
        self.tell(Told::Refused(self.number, refused));
        // It was the answer to something, and frames are answered in order.
        match self.asked.pop_front() {
            Some(asked) => {
                self.tell(Told::NoWord(asked.question.id));
                true
            }
            None => false,
        }
    }

    fn answer(&mut self, line: Line) -> bool {
        let position = match line.frame_id {
            Some(id) => self.asked.iter().position(|asked| asked.question.id == id),
            None => (!self.asked.is_empty()).then_some(0),
        };
        let Some(asked) = position.and_then(|position| self.asked.remove(position)) else {
            let ids: Vec<_> = self.asked.iter().map(|asked| asked.question.id.to_string()).collect();
            let open = if ids.is_empty() {
                "none is open".to_owned()
            } else {
                format!("expected {}", ids.join(" or "))
            };
            let of = line.frame_id.map_or_else(String::new, |id| format!(" to frame {id}"));
            self.tell(Told::Refused(
                self.number,
                format!("an answer{of}, about which nothing was asked: {open}"),
            ));
            return false;
        };
        (self.deaths, self.poisoned, self.answered_ever) = (0, 0, true);
        self.tell(Told::Answer(asked.question.id, self.number, line));
        true
    }

    fn tell(&self, told: Told) {
        // Nobody listens any more: then the questions end too.
        let _gone = self.told.send(told);
    }
}

/// Puts a frame in the child's queue, which has room for all that may be unanswered.
fn give(child: &Child, question: &Question) {
    for part in [&question.header, &question.pixels] {
        // Closed: its end is seen at its STDOUT.
        if child.try_send(part.clone()).is_err() {
            return;
        }
    }
}
