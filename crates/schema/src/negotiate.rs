//! Which version of each id an exporter is sent (PRODUCT section 7 "Negotiation").

use std::{collections::BTreeMap, fmt};

use crate::{SchemaId, Version};

/// What an exporter is sent, and what it asked for in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// The highest version both know, per id. Empty: the exporter is not to be started.
    pub agreed: BTreeMap<SchemaId, Version>,
    /// Ids that are not sent although they were asked for.
    pub refused: Vec<Refusal>,
}

/// An id that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The name as it was asked for.
    pub id: String,
    /// The versions asked for, zeros left out.
    pub wanted: Vec<u64>,
    /// Why it is not sent.
    pub reason: RefusalReason,
}

/// Why an id is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// There is no schema of that name.
    UnknownId,
    /// None of the versions is available; these are.
    NoCommonVersion {
        /// The versions that can be had here.
        available: Vec<Version>,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |versions: &mut dyn Iterator<Item = String>| versions.collect::<Vec<_>>().join(", ");
        let wanted = list(&mut self.wanted.iter().map(ToString::to_string));
        match &self.reason {
            RefusalReason::UnknownId => {
                write!(
                    f,
                    "{} is not sent: there is no schema of that name (see `watchpost schema list`)",
                    self.id
                )
            }
            RefusalReason::NoCommonVersion { available } => {
                let available = list(&mut available.iter().map(ToString::to_string));
                write!(f, "{} is not sent: asked for in version {wanted}, available in {available}", self.id)
            }
        }
    }
}

/// Settles what an exporter is sent: per id, the highest version that it takes and that is
/// available, so that it gets each record once.
///
/// `wanted` are the manifest's ids with their versions; zeros pad, and an id with nothing else is
/// not subscribed, so it is neither agreed nor refused. `available` are the versions this
/// instance can give: behind a preprocess command of version 1 only that one (PRODUCT section 8),
/// else both.
pub fn negotiate<'a>(
    wanted: impl IntoIterator<Item = (&'a str, &'a [u64])>,
    available: &[Version],
) -> Agreement {
    let mut agreement = Agreement::default();
    for (name, versions) in wanted {
        let versions: Vec<u64> = versions.iter().copied().filter(|version| *version != 0).collect();
        if versions.is_empty() {
            continue;
        }
        let mut refuse = |reason| {
            agreement.refused.push(Refusal { id: name.to_owned(), wanted: versions.clone(), reason })
        };
        let Ok(id) = name.parse::<SchemaId>() else {
            refuse(RefusalReason::UnknownId);
            continue;
        };
        let available: Vec<Version> = id.versions().filter(|version| available.contains(version)).collect();
        let common = available.iter().filter(|version| versions.contains(&version.number().into())).max();
        match common {
            Some(version) => {
                agreement.agreed.insert(id, *version);
            }
            None => refuse(RefusalReason::NoCommonVersion { available }),
        }
    }
    agreement
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[Version] = &Version::ALL;

    /// Every combination of what an exporter may ask for and what may be available.
    #[test]
    fn the_highest_common_version_is_agreed() {
        use Version::{V1, V2};
        let v1: &[Version] = &[V1];
        let v2: &[Version] = &[V2];
        let none: &[Version] = &[];
        for (wanted, available, expected) in [
            (&[1][..], BOTH, Some(V1)),
            (&[2], BOTH, Some(V2)),
            (&[1, 2], BOTH, Some(V2)),
            (&[2, 1], BOTH, Some(V2)),
            (&[1, 3], BOTH, Some(V1)),
            (&[3], BOTH, None),
            (&[1], v1, Some(V1)),
            (&[2], v1, None),
            (&[1, 2], v1, Some(V1)),
            (&[3], v1, None),
            (&[1], v2, None),
            (&[2], v2, Some(V2)),
            (&[1, 2], v2, Some(V2)),
            (&[3], v2, None),
            (&[1, 2], none, None),
            (&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0], BOTH, Some(V2)),
        ] {
            let agreement = negotiate([("track", wanted)], available);
            assert_eq!(
                agreement.agreed.get(&SchemaId::Track).copied(),
                expected,
                "{wanted:?} of {available:?}"
            );
            assert_eq!(agreement.refused.is_empty(), expected.is_some(), "{wanted:?} of {available:?}");
        }
    }

    #[test]
    fn zero_and_nothing_are_not_subscribed() {
        let agreement = negotiate([("track", &[0][..]), ("crop", &[]), ("no-such-id", &[0])], BOTH);
        assert_eq!(agreement, Agreement::default());
    }

    #[test]
    fn refusals_say_what_there_is() {
        let agreement =
            negotiate([("event-dwelling", &[1][..]), ("track", &[2, 3]), ("crop", &[1])], &[Version::V1]);
        assert_eq!(agreement.agreed.len(), 1);
        let messages: Vec<String> = agreement.refused.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "event-dwelling is not sent: there is no schema of that name (see `watchpost schema list`)",
                "track is not sent: asked for in version 2, 3, available in 1",
            ]
        );
    }
}
