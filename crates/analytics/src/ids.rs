//! Where identities come from.

use watchpost_model::Id;

/// Where the ids of tracks and events come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdSource {
    /// The operating system's random numbers: unique everywhere.
    #[default]
    Random,
    /// A sequence that is the same in each run: for tests and demonstrations, as two instances with
    /// the same seed would use the same ids.
    Seeded(u64),
}

/// The id of the track that the user's own detector calls `external`: the same in each run, and another for
/// each `namespace` (UUID version 5, RFC 9562 section 5.5).
pub(crate) fn of_track(namespace: Id, external: &str) -> Id {
    Id::new_v5(&namespace, external.as_bytes())
}

/// Hands out ids.
#[derive(Clone, Debug)]
pub(crate) struct Ids(IdSource);

impl Ids {
    pub(crate) fn new(source: IdSource) -> Self {
        Self(source)
    }

    pub(crate) fn next(&mut self) -> Id {
        match &mut self.0 {
            IdSource::Random => Id::new_v4(),
            IdSource::Seeded(state) => {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&split_mix(state).to_le_bytes());
                bytes[8..].copy_from_slice(&split_mix(state).to_le_bytes());
                uuid::Builder::from_random_bytes(bytes).into_uuid()
            }
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_its_ids_differ() {
        let (mut a, mut b) = (Ids::new(IdSource::Seeded(7)), Ids::new(IdSource::Seeded(7)));
        let first: Vec<Id> = (0..100).map(|_| a.next()).collect();
        assert_eq!(first, (0..100).map(|_| b.next()).collect::<Vec<_>>());
        let unique: std::collections::HashSet<_> = first.iter().collect();
        assert_eq!(unique.len(), first.len());
        assert!(first.iter().all(|id| id.get_version_num() == 4));
    }
}
