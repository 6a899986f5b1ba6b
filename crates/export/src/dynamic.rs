//! Where an object of an export leads: its file or topic, by the very parts that write and send.

use watchpost_template::Counts;

use crate::{files::Names, mqtt::Topics};

/// The dynamic string of an export's path or topic.
#[derive(Clone)]
pub struct Dynamic {
    leads: Leads,
    /// What it speaks of.
    pub speaks_of: SpeaksOf,
}

#[derive(Clone)]
enum Leads {
    File(Names),
    Topic(Topics),
}

/// Of which object a dynamic string speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeaksOf {
    /// Of the record or stream object that is exported.
    Item,
    /// Of the frame: the five frame keys.
    Frame,
    /// Of the event that a picture is taken for: its record in version 2.
    Event,
}

impl Dynamic {
    pub(crate) const fn file(names: Names, speaks_of: SpeaksOf) -> Self {
        Self { leads: Leads::File(names), speaks_of }
    }

    pub(crate) const fn topic(topics: Topics) -> Self {
        Self { leads: Leads::Topic(topics), speaks_of: SpeaksOf::Item }
    }

    /// What it would be for the object `json`, the wall clock of which is `time_ms`: a path or a topic. Counts are as in
    /// an export that has written nothing yet.
    pub fn preview(&self, json: &[u8], time_ms: i64) -> String {
        let mut counts = Counts::default();
        match &self.leads {
            Leads::File(names) => {
                let name = names.name(json, time_ms, &mut counts);
                names.path(&name.text).display().to_string()
            }
            Leads::Topic(topics) => topics.topic(json, time_ms, &mut counts).to_string(),
        }
    }
}
