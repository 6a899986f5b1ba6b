//! Which areas and lines are armed in a frame. Here and not in the solution, which knows no time of day: the
//! time is the one at which the frame was taken, so a recorded file is armed as its camera was.

use watchpost_analytics::Securt;
use watchpost_config::{self as config, Hours};
use watchpost_model::{Id, Timestamp};

/// The schedules of an instance's areas and lines.
pub(crate) struct Schedules(Vec<Scheduled>);

struct Scheduled {
    zone: Id,
    hours: Hours,
    /// What the solution was last told; `None`: nothing.
    armed: Option<bool>,
}

impl Schedules {
    pub fn new(wishes: &config::Instance) -> Self {
        let areas = wishes.areas.iter().map(|area| (area.id, &area.schedule));
        let lines = wishes.lines.iter().map(|line| (line.id, &line.schedule));
        let scheduled = areas.chain(lines).filter_map(|(zone, schedule)| {
            Some(Scheduled { zone, hours: Hours::new(schedule.as_ref()?), armed: None })
        });
        Self(scheduled.collect())
    }

    /// Other areas and lines: those that have no schedule any more are armed again.
    pub fn change(&mut self, wishes: &config::Instance, solution: &mut Securt) {
        let new = Self::new(wishes);
        for old in &self.0 {
            if new.0.iter().all(|new| new.zone != old.zone) {
                solution.set_armed(old.zone, true);
            }
        }
        *self = new;
    }

    /// Tells what has changed by the time `at` of the frame that comes next.
    pub fn arm(&mut self, at: Timestamp, mut set_armed: impl FnMut(Id, bool)) {
        for scheduled in &mut self.0 {
            let armed = scheduled.hours.is_on(at);
            if scheduled.armed.replace(armed) != Some(armed) {
                set_armed(scheduled.zone, armed);
            }
        }
    }
}
