//! Random identities by the million.

use uuid::{Builder, Uuid};

/// Identities for which the system is asked at once: a call for each would cost about as much as
/// writing the record.
const AT_ONCE: usize = 256;
const ID_BYTES: usize = 16;

/// Makes random (version 4) identities.
#[derive(Default)]
pub(crate) struct Ids(Vec<Uuid>);

impl Ids {
    pub fn next(&mut self) -> Uuid {
        if self.0.is_empty() {
            let mut random = [0; AT_ONCE * ID_BYTES];
            if getrandom::fill(&mut random).is_ok() {
                let (pieces, _nothing) = random.as_chunks::<ID_BYTES>();
                self.0.extend(pieces.iter().map(|bytes| Builder::from_random_bytes(*bytes).into_uuid()));
            }
        }
        self.0.pop().unwrap_or_else(Uuid::new_v4)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn none_comes_twice() {
        let mut ids = Ids::default();
        let made: HashSet<_> = (0..3 * AT_ONCE).map(|_| ids.next()).collect();
        assert_eq!(made.len(), 3 * AT_ONCE);
        assert!(made.iter().all(|id| id.get_version_num() == 4));
    }
}
