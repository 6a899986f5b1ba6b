//! What people saw in the demo's clip (`demo/truth.json`) against what was reported.

use std::{fmt, path::Path};

use serde_json::Value;

/// One listed or reported happening.
#[derive(Clone, Debug)]
struct Happening {
    /// Id of the line or area.
    place: String,
    /// `up`, `down`, or `enter`.
    what: String,
    frame: i64,
    person: String,
}

/// Found, missed and extra.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<String>,
    found: usize,
    missed: usize,
    extra: usize,
}

impl Report {
    /// Of what was reported, how much was there.
    pub fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.extra).max(1) as f64
    }

    /// Of what was there, how much was reported.
    pub fn recall(&self) -> f64 {
        self.found as f64 / (self.found + self.missed).max(1) as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        let Self { found, missed, extra, .. } = self;
        let (precision, recall) = (self.precision(), self.recall());
        writeln!(
            f,
            "found {found}, missed {missed}, extra {extra}: precision {precision:.3}, recall {recall:.3}"
        )
    }
}

/// Matches each listed crossing and entry with the nearest reported one of the same place and kind within the
/// list's tolerance, one to one.
pub fn compare(truth: &Path, events: &[Value]) -> Report {
    let truth: Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    let tolerance = truth["tolerance_frames"].as_i64().unwrap();
    let listed = listed(&truth);
    let mut reported: Vec<_> = events.iter().filter_map(reported).collect();
    // An object that is inside when the clip begins may or may not be reported as entering.
    for start in truth["inside_at_start"].as_array().into_iter().flatten() {
        let at_start =
            |r: &Happening| r.place == start["area_id"] && r.what == "enter" && r.frame <= tolerance;
        if let Some(index) = reported.iter().position(at_start) {
            reported.remove(index);
        }
    }
    // Nearest pairs first, so that a late report does not take its neighbour's place.
    let mut pairs: Vec<(i64, usize, usize)> = Vec::new();
    for (l, want) in listed.iter().enumerate() {
        for (r, got) in reported.iter().enumerate() {
            let off = (want.frame - got.frame).abs();
            if want.place == got.place && want.what == got.what && off <= tolerance {
                pairs.push((off, l, r));
            }
        }
    }
    pairs.sort_unstable();
    let mut match_of = vec![None; listed.len()];
    let mut taken = vec![false; reported.len()];
    for (_, l, r) in pairs {
        if match_of[l].is_none() && !taken[r] {
            match_of[l] = Some(r);
            taken[r] = true;
        }
    }
    let mut report = Report::default();
    for (want, matched) in listed.iter().zip(&match_of) {
        let Happening { place, what, frame, person } = want;
        match matched {
            Some(r) => {
                report.found += 1;
                let at = reported[*r].frame;
                report
                    .lines
                    .push(format!("found   {what:5} at frame {frame:3} (reported at {at:3}) {person}"));
            }
            None => {
                report.missed += 1;
                report.lines.push(format!("MISSED  {what:5} at frame {frame:3} of {place}: {person}"));
            }
        }
    }
    for got in reported.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(got, _)| got) {
        report.extra += 1;
        report.lines.push(format!("EXTRA   {:5} at frame {:3} of {}", got.what, got.frame, got.place));
    }
    report
}

fn listed(truth: &Value) -> Vec<Happening> {
    let of = |list: &str, place: &str| -> Vec<Happening> {
        let entries = truth[list].as_array().unwrap().iter();
        entries
            .map(|entry| Happening {
                place: entry[place].as_str().unwrap().to_owned(),
                what: entry["direction"].as_str().unwrap_or("enter").to_owned(),
                frame: entry["frame"].as_i64().unwrap(),
                person: entry["person"].as_str().unwrap_or_default().to_owned(),
            })
            .collect()
    };
    [of("crossings", "line_id"), of("entries", "area_id")].concat()
}

fn reported(event: &Value) -> Option<Happening> {
    let (place, what) = match event["$id"].as_str()? {
        "event-line-crossing" => (&event["line"]["id"], event["direction"].as_str()?.to_ascii_lowercase()),
        "event-area-enter" => (&event["area"]["id"], "enter".to_owned()),
        _ => return None,
    };
    let frame = event["frame_id"].as_i64()?;
    Some(Happening { place: place.as_str()?.to_owned(), what, frame, person: String::new() })
}
