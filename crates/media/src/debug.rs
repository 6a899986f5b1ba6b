//! GStreamer's debug output of single pipelines (`config.debug`, `"0"` to `"9"`), into the program's log.
//!
//! GStreamer knows thresholds for kinds of elements only, in the whole process. Here the thresholds rise to what
//! the most talkative pipeline wants, and what the others say is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Once},
    time::{Duration, Instant},
};

use gst::{log, prelude::*};
use gstreamer as gst;
use parking_lot::{Mutex, RwLock};

use crate::error::without_passwords;

/// Lines of one pipeline in a second: enough to read what happens at a change of state; at level 9 a pipeline
/// says some thousand for every frame.
const MAX_LINES: u32 = 500;
/// Longest line; caps and structures may fill pages.
const MAX_LINE_BYTES: usize = 2000;

/// Elements, and their pads, that are to be heard, by address.
static HEARD: LazyLock<RwLock<HashMap<usize, Arc<Ear>>>> = LazyLock::new(RwLock::default);

struct Ear {
    level: i32,
    place: String,
    /// Whose it is, in the log.
    span: tracing::Span,
    said: Mutex<(Instant, u32)>,
}

/// While it lives, what a pipeline says is in the log.
pub(crate) struct Debugged {
    ear: Arc<Ear>,
}

impl Debugged {
    /// Listens to `bin` and everything in it, now or later; `None` for level 0. `place` is the export, for
    /// people.
    pub(crate) fn new(bin: &gst::Element, level: u8, place: &str) -> Option<Self> {
        if level == 0 {
            return None;
        }
        listen();
        let said = Mutex::new((Instant::now(), 0));
        let span = tracing::Span::current();
        let ear = Arc::new(Ear { level: i32::from(level.min(9)), place: place.to_owned(), span, said });
        hear(bin, &ear);
        if let Some(bin) = bin.downcast_ref::<gst::Bin>() {
            for element in bin.iterate_recurse().into_iter().flatten() {
                hear(&element, &ear);
            }
            let weak = Arc::downgrade(&ear);
            bin.connect_deep_element_added(move |_, _, element| {
                if let Some(ear) = weak.upgrade() {
                    hear(element, &ear);
                }
            });
        }
        set_threshold();
        Some(Self { ear })
    }
}

impl Drop for Debugged {
    fn drop(&mut self) {
        HEARD.write().retain(|_, ear| !Arc::ptr_eq(ear, &self.ear));
        set_threshold();
    }
}

fn hear(element: &gst::Element, ear: &Arc<Ear>) {
    // Asked for before the lock is taken: what GStreamer says meanwhile needs it.
    let pads = element.pads();
    let addresses = pads.iter().map(|pad| pad.as_ptr() as usize).chain([element.as_ptr() as usize]);
    HEARD.write().extend(addresses.map(|address| (address, Arc::clone(ear))));
}

fn set_threshold() {
    let most = HEARD.read().values().map(|ear| ear.level).max().unwrap_or(0);
    log::set_default_threshold(level(most));
}

fn level(number: i32) -> gst::DebugLevel {
    use gst::DebugLevel as Level;
    match number {
        0 => Level::None,
        1 => Level::Error,
        2 => Level::Warning,
        3 => Level::Fixme,
        4 => Level::Info,
        5 => Level::Debug,
        6 => Level::Log,
        7 | 8 => Level::Trace,
        _ => Level::Memdump,
    }
}

/// Puts our listener in, and takes GStreamer's own, which writes to standard error, out, unless somebody uses
/// it (`GST_DEBUG`).
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let in_use = log::get_default_threshold() != gst::DebugLevel::None
            || log::DebugCategory::all_categories()
                .iter()
                .any(|category| category.threshold() != gst::DebugLevel::None);
        if !in_use {
            log::remove_default_log_function();
        }
        log::add_log_function(|category, level, _, _, _, object, message| {
            let Some(object) = object else { return };
            let ear = HEARD.read().get(&(object.as_ptr() as usize)).cloned();
            if let Some(ear) = ear.filter(|ear| number(level) <= ear.level)
                && let Some(left_out) = ear.may_speak()
            {
                let message = message.get().map(|text| text.to_string()).unwrap_or_default();
                ear.say(level, &format!("{} {object}: {message}", category.name()), left_out);
            }
        });
    });
}

fn number(level: gst::DebugLevel) -> i32 {
    use gst::glib::translate::IntoGlib;
    level.into_glib()
}

impl Ear {
    /// Whether one more line may be written, and how many were left out before it.
    fn may_speak(&self) -> Option<u32> {
        let mut said = self.said.lock();
        let (since, lines) = &mut *said;
        let mut left_out = 0;
        if since.elapsed() > Duration::from_secs(1) {
            left_out = lines.saturating_sub(MAX_LINES);
            (*since, *lines) = (Instant::now(), 0);
        }
        *lines = lines.saturating_add(1);
        (*lines <= MAX_LINES).then_some(left_out)
    }

    fn say(&self, level: gst::DebugLevel, line: &str, left_out: u32) {
        let _its_own = self.span.enter();
        let mut line = without_passwords(line);
        if line.len() > MAX_LINE_BYTES {
            line.truncate(line.floor_char_boundary(MAX_LINE_BYTES));
            line.push_str(" ...");
        }
        if left_out > 0 {
            tracing::info!(place = self.place, "gstreamer: {left_out} lines were left out");
        }
        match level {
            gst::DebugLevel::Error | gst::DebugLevel::Warning => {
                tracing::warn!(place = self.place, "gstreamer {level:?}: {line}");
            }
            _ => tracing::info!(place = self.place, "gstreamer {level:?}: {line}"),
        }
    }
}
