//! Names of streams.

use std::{fmt, str::FromStr};

/// A stream; the instance file names it in `sink`. A closed set (PRODUCT section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamName {
    /// `output-image`.
    OutputImage,
    /// `source`.
    Source,
    /// `eventsExport`.
    Events,
    /// `output-tracks`.
    Tracks,
    /// `output-detections`.
    Detections,
    /// `zone_stats`.
    ZoneStats,
    /// `global_object_stats`.
    ObjectStats,
    /// `statistics`.
    Statistics,
}

/// What flows in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// Video frames.
    Picture,
    /// JSON objects.
    Metadata,
}

impl StreamName {
    /// Every stream, pictures first.
    pub const ALL: [Self; 8] = [
        Self::OutputImage,
        Self::Source,
        Self::Events,
        Self::Tracks,
        Self::Detections,
        Self::ZoneStats,
        Self::ObjectStats,
        Self::Statistics,
    ];

    /// The name in instance files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutputImage => "output-image",
            Self::Source => "source",
            Self::Events => "eventsExport",
            Self::Tracks => "output-tracks",
            Self::Detections => "output-detections",
            Self::ZoneStats => "zone_stats",
            Self::ObjectStats => "global_object_stats",
            Self::Statistics => "statistics",
        }
    }

    /// The name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::OutputImage => "Output stream (picture)",
            Self::Source => "Source stream (picture)",
            Self::Events => "Events",
            Self::Tracks => "Tracks",
            Self::Detections => "Detections",
            Self::ZoneStats => "Zone statistics",
            Self::ObjectStats => "Object statistics",
            Self::Statistics => "Instance statistics",
        }
    }

    /// What it holds, in one line for people.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::OutputImage => {
                "Rendered frames: clean, or with boxes, areas, lines and labels by the render preset"
            }
            Self::Source => {
                "The source's own video, passed on without encoding it again where the format allows"
            }
            Self::Events => "The events of a frame in the older, un-versioned envelope, when there are any",
            Self::Tracks => "The tracks of each analysed frame",
            Self::Detections => "The detections of each analysed frame",
            Self::ZoneStats => "How many areas are occupied, once per second",
            Self::ObjectStats => "How many objects of each class are in view, once per second",
            Self::Statistics => "How the instance runs: frames, rates, latency, once per second",
        }
    }

    /// The list in each of its objects, where there is one: what is in view, or what happened.
    pub const fn list(self) -> Option<&'static str> {
        match self {
            Self::Events => Some("events"),
            Self::Tracks => Some("tracks"),
            Self::Detections => Some("detections"),
            _ => None,
        }
    }

    /// What flows in it.
    pub const fn kind(self) -> StreamKind {
        match self {
            Self::OutputImage | Self::Source => StreamKind::Picture,
            _ => StreamKind::Metadata,
        }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown stream `{0}`: expected one of {valid}", valid = StreamName::ALL.map(StreamName::as_str).join(", "))]
pub struct UnknownStream(pub String);

impl FromStr for StreamName {
    type Err = UnknownStream;

    /// Reads a stream by its exact name. The error lists the valid ones.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| UnknownStream(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for name in StreamName::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        let message = "tracks".parse::<StreamName>().unwrap_err().to_string();
        assert!(
            message.contains("expected one of output-image, source, eventsExport, output-tracks"),
            "{message}"
        );
    }
}
