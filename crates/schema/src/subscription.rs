//! Who wants what: `id:version`, and the version lists of exporter manifests.

use std::{fmt, str::FromStr};

use serde_json::Value;

use crate::{SchemaId, UnknownId, UnknownVersion, Version};

/// One id in one version, as `config.schema_events` names it: `event-intrusion:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subscription {
    /// Which schema.
    pub id: SchemaId,
    /// Which version of it.
    pub version: Version,
}

/// Why a text is no subscription.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// There is no `:version`.
    #[error("`{0}` has no version: expected `id:version`, for example `event-intrusion:1`")]
    NoVersion(String),
    /// What follows the colon is no number.
    #[error("`{0}`: `{1}` is no version: expected `id:version`, for example `event-intrusion:1`")]
    NotANumber(String, String),
    /// The id is unknown.
    #[error(transparent)]
    UnknownId(#[from] UnknownId),
    /// The version is unknown.
    #[error("{0}: {1}")]
    UnknownVersion(SchemaId, UnknownVersion),
    /// The list has an id in two versions: one export is sent each record once.
    #[error("{0} is subscribed to in two versions; keep one of them")]
    TwoVersions(SchemaId),
}

impl FromStr for Subscription {
    type Err = SubscriptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, version) =
            text.split_once(':').ok_or_else(|| SubscriptionError::NoVersion(text.to_owned()))?;
        let id = id.trim().parse()?;
        let number: u64 = version
            .trim()
            .parse()
            .map_err(|_| SubscriptionError::NotANumber(text.to_owned(), version.to_owned()))?;
        let version = number.try_into().map_err(|error| SubscriptionError::UnknownVersion(id, error))?;
        Ok(Self { id, version })
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.version)
    }
}

/// Reads a list of subscriptions; one said twice counts once.
///
/// # Errors
/// For each entry that is none, or is of an id already subscribed to in another version, its
/// place in the list (from 0) and what is wrong.
pub fn parse_subscriptions<T: AsRef<str>>(
    list: &[T],
) -> Result<Vec<Subscription>, Vec<(usize, SubscriptionError)>> {
    let mut subscriptions: Vec<Subscription> = Vec::with_capacity(list.len().min(SchemaId::ALL.len()));
    let mut errors = Vec::new();
    for (index, text) in list.iter().enumerate() {
        match text.as_ref().parse::<Subscription>() {
            Ok(new) => match subscriptions.iter().find(|known| known.id == new.id) {
                None => subscriptions.push(new),
                Some(known) if *known == new => {}
                Some(_) => errors.push((index, SubscriptionError::TwoVersions(new.id))),
            },
            Err(error) => errors.push((index, error)),
        }
    }
    if errors.is_empty() { Ok(subscriptions) } else { Err(errors) }
}

/// The reference system's manifests name at most ten versions of an id.
pub const VERSIONS_MAX: usize = 10;

/// Why a value is no version list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no list of versions: expected one integer or a list of up to {VERSIONS_MAX}, 0 being none")]
pub struct VersionsError(String);

/// Reads the versions of an id in an exporter's manifest: one integer, or a list of up to ten.
/// Zeros pad; nothing else left means: not subscribed. Versions unknown here are kept, so that
/// [`crate::negotiate`] can name them.
///
/// # Errors
/// If `value` is something else.
pub fn parse_versions(value: &Value) -> Result<Vec<u64>, VersionsError> {
    let wrong = || {
        let text = value.to_string();
        let cut = text.char_indices().nth(64).map_or(text.len(), |(end, _)| end);
        VersionsError(text[..cut].to_owned())
    };
    let mut versions = match value {
        Value::Array(list) if list.len() <= VERSIONS_MAX => {
            list.iter().map(Value::as_u64).collect::<Option<Vec<_>>>().ok_or_else(wrong)?
        }
        other => vec![other.as_u64().ok_or_else(wrong)?],
    };
    versions.retain(|version| *version != 0);
    versions.sort_unstable();
    versions.dedup();
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subscriptions_are_read_and_written() {
        let text = "event-intrusion:1";
        let subscription: Subscription = text.parse().unwrap();
        assert_eq!(subscription, Subscription { id: SchemaId::EventIntrusion, version: Version::V1 });
        assert_eq!(subscription.to_string(), text);
    }

    #[test]
    fn bad_subscriptions_are_told_apart() {
        let message = |text: &str| text.parse::<Subscription>().unwrap_err().to_string();
        assert!(message("event-intrusion").contains("has no version"));
        assert!(message("event-intrusion:one").contains("`one` is no version"));
        assert!(message("event-dwelling:1").contains("unknown schema id `event-dwelling`"));
        assert!(message("track:3").contains("track: unknown schema version 3: expected 1 or 2"));
    }

    #[test]
    fn a_list_has_each_id_once() {
        let listed = parse_subscriptions(&["track:2", "crop:1", "track:2"]).unwrap();
        assert_eq!(listed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["track:2", "crop:1"]);
        let errors = parse_subscriptions(&["track:2", "x", "track:1"]).unwrap_err();
        assert_eq!(errors[0].0, 1);
        assert_eq!(errors[1], (2, SubscriptionError::TwoVersions(SchemaId::Track)));
    }

    #[test]
    fn version_lists_are_padded_with_zeros() {
        assert_eq!(parse_versions(&json!(1)), Ok(vec![1]));
        assert_eq!(parse_versions(&json!([2, 1, 0, 0, 2])), Ok(vec![1, 2]));
        for none in [json!(0), json!([]), json!([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])] {
            assert_eq!(parse_versions(&none), Ok(vec![]), "{none}");
        }
        for wrong in
            [json!("1"), json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), json!([1, "2"]), json!(-1), json!(1.5)]
        {
            assert!(parse_versions(&wrong).is_err(), "{wrong}");
        }
    }
}
