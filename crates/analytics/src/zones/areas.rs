//! What an area reports of one track: entering and leaving, intrusion, loitering.

use watchpost_model::{Area, EventKind, StreamTime, Track, ZoneRef};

use super::{
    engine::{Happening, fits, happening},
    geometry::{anchor_point, distance_to_border, is_inside},
    intrusion::{Intrusion, Report},
    loitering::Loitering,
    missing::Settled,
    presence::{Change, Place, Presence},
    resting::Resting,
};
use crate::ids::Ids;

/// Who is inside leaves only when it is this far outside, in parts of the frame: boxes breathe.
const BORDER: f32 = 0.008;

/// One track's machines in one area.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AreaWatch {
    pub presence: Presence,
    /// Where it waits for objects left or removed.
    pub resting: Resting,
    /// Where it lay for long.
    pub settled: Option<Settled>,
    intrusion: Intrusion,
    loitering: Loitering,
}

/// Takes in a track of a frame.
pub(crate) fn step_area(
    area: &Area,
    state: &mut AreaWatch,
    track: &Track,
    time: StreamTime,
    ids: &mut Ids,
    out: &mut Vec<Happening>,
) {
    let change = state.presence.step(place(area, state.presence, track), area.enter_activation_delay, time);
    if let Some(change) = change {
        let kind = match change {
            Change::Entered { .. } if area.triggers.enter => Some(EventKind::AreaEnter(reference(area))),
            Change::Left if area.triggers.exit => Some(EventKind::AreaExit(reference(area))),
            _ => None,
        };
        out.extend(kind.map(|kind| happening(track, ids.next(), kind)));
        if area.triggers.intrusion
            && let Some(report) = state.intrusion.step(change, time, || ids.next())
        {
            out.push(intrusion(area, track, report, ids));
        }
    }
    if let Some(after) = area.triggers.loitering
        && let Some(report) = state.loitering.step(state.presence, after, time, || ids.next())
    {
        out.push(loitering(area, track, report, ids));
    }
}

/// Ends what is open of one track in one area.
pub(crate) fn close(
    area: &Area,
    state: &mut AreaWatch,
    track: &Track,
    time: StreamTime,
    ids: &mut Ids,
    out: &mut Vec<Happening>,
) {
    if let Some(report) = state.intrusion.end(time) {
        out.push(intrusion(area, track, report, ids));
    }
    if let Some(report) = state.loitering.end(time) {
        out.push(loitering(area, track, report, ids));
    }
}

/// Whether an object stands in the area and is one that counts there.
pub(crate) fn is_in(area: &Area, track: &Track) -> bool {
    area.classes.contains(track.class)
        && fits(&area.sizes, track)
        && is_inside(&area.vertices, anchor_point(&track.rect, area.anchor))
}

/// Where the track is for this area. Those who stand still may not come in if the area ignores them,
/// but who came in walking and stopped is still there.
fn place(area: &Area, presence: Presence, track: &Track) -> Place {
    let may_come = presence != Presence::Outside || !area.ignore_stationary || track.is_moving;
    if !may_come || !area.classes.contains(track.class) || !fits(&area.sizes, track) {
        return Place::Outside;
    }
    let point = anchor_point(&track.rect, area.anchor);
    if is_inside(&area.vertices, point) {
        Place::Inside
    } else if presence.is_inside() && distance_to_border(&area.vertices, point) < BORDER {
        Place::Border
    } else {
        Place::Outside
    }
}

fn intrusion(area: &Area, track: &Track, report: Report, ids: &mut Ids) -> Happening {
    let area = reference(area);
    match report {
        Report::Start(id) => happening(track, id, EventKind::Intrusion(area)),
        Report::End(start, duration) => {
            happening(track, ids.next(), EventKind::IntrusionEnd { area, start, duration })
        }
    }
}

fn loitering(area: &Area, track: &Track, report: Report, ids: &mut Ids) -> Happening {
    let area = reference(area);
    match report {
        Report::Start(id) => happening(track, id, EventKind::Loitering(area)),
        Report::End(start, duration) => {
            happening(track, ids.next(), EventKind::LoiteringEnd { area, start, duration })
        }
    }
}

pub(crate) fn reference(area: &Area) -> ZoneRef {
    ZoneRef { id: area.id, name: area.name.clone() }
}

/// Equal but for what does not change what happens in it.
pub(crate) fn same_area(old: &Area, new: &Area) -> bool {
    let plain = |area: &Area| Area { name: String::new(), color: [0.0; 4], schedule: None, ..area.clone() };
    plain(old) == plain(new)
}
