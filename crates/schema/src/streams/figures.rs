//! `zone_stats`, `global_object_stats`, `statistics`: figures, once per stream second.

use serde::Serialize;
use watchpost_model::{Instant, ObjectClass, Statistics};

use super::write;
use crate::{Context, records::statistics::v2::Figures};

/// How many areas have an object in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneStats {
    /// Areas with an object.
    pub occupied: u32,
    /// Areas without.
    pub vacant: u32,
}

/// How many objects are in view, by class. Faces belong to people and are not counted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectStats {
    /// Of class Person.
    pub people: u32,
    /// Of class Vehicle.
    pub vehicles: u32,
    /// Of class Animal.
    pub animals: u32,
    /// Of class Unknown.
    pub unknown: u32,
}

impl FromIterator<ObjectClass> for ObjectStats {
    /// Counts the classes of the objects in view.
    fn from_iter<I: IntoIterator<Item = ObjectClass>>(classes: I) -> Self {
        let mut stats = Self::default();
        for class in classes {
            match class {
                ObjectClass::Person => stats.people += 1,
                ObjectClass::Vehicle => stats.vehicles += 1,
                ObjectClass::Animal => stats.animals += 1,
                ObjectClass::Unknown => stats.unknown += 1,
                ObjectClass::Face => {}
            }
        }
        stats
    }
}

/// Keys of REFERENCE "Streams".
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ZoneFigures {
    /// Occupied areas of all, 0..1; 0 where there is no area.
    occupancy_rate: f64,
    num_occupied_zones: u32,
    num_vacant_zones: u32,
}

/// Keys of REFERENCE "Streams".
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectFigures {
    num_people: u32,
    num_vehicles: u32,
    num_animals: u32,
    num_unknown: u32,
}

/// Appends a `zone_stats` object to `out`.
pub fn encode_zone_stats(at: &Instant, context: &Context<'_>, stats: ZoneStats, out: &mut Vec<u8>) {
    let ZoneStats { occupied, vacant } = stats;
    let all = f64::from(occupied) + f64::from(vacant);
    let figures = ZoneFigures {
        occupancy_rate: if all > 0.0 { f64::from(occupied) / all } else { 0.0 },
        num_occupied_zones: occupied,
        num_vacant_zones: vacant,
    };
    write(at, context, figures, out);
}

/// Appends a `global_object_stats` object to `out`.
pub fn encode_object_stats(at: &Instant, context: &Context<'_>, stats: ObjectStats, out: &mut Vec<u8>) {
    let ObjectStats { people, vehicles, animals, unknown } = stats;
    let figures = ObjectFigures {
        num_people: people,
        num_vehicles: vehicles,
        num_animals: animals,
        num_unknown: unknown,
    };
    write(at, context, figures, out);
}

/// Appends a `statistics` object to `out`: the figures of a version 2 `statistics` record.
pub fn encode_statistics(at: &Instant, context: &Context<'_>, statistics: &Statistics, out: &mut Vec<u8>) {
    write(at, context, Figures::from(statistics), out);
}
