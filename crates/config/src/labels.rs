//! Detectors' words to object classes.

use std::{collections::HashMap, sync::LazyLock};

use watchpost_model::ObjectClass;

/// Class to words: names of COCO and of common traffic and face detectors.
const DEFAULTS: &str = include_str!("../defaults/labels.json");

static DEFAULT_TABLE: LazyLock<HashMap<String, ObjectClass>> = LazyLock::new(|| {
    let by_class: HashMap<String, Vec<String>> = serde_json::from_str(DEFAULTS).unwrap_or_default();
    by_class
        .into_iter()
        .filter_map(|(class, labels)| Some((class.parse::<ObjectClass>().ok()?, labels)))
        .flat_map(|(class, labels)| labels.into_iter().map(move |label| (label, class)))
        .collect()
});

/// Says which class a detector's word stands for: first the instance's own table
/// (`Input.labels`), then the default one, else `Unknown`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelTable {
    own: HashMap<String, ObjectClass>,
}

impl LabelTable {
    /// A table that changes the default one in these labels.
    pub fn new(own: impl IntoIterator<Item = (String, ObjectClass)>) -> Self {
        Self { own: own.into_iter().map(|(label, class)| (normal(&label), class)).collect() }
    }

    /// The class of `label`. Letter case, surrounding space, `_` and `-` make no difference.
    pub fn classify(&self, label: &str) -> ObjectClass {
        let label = normal(label);
        self.own.get(&label).or_else(|| DEFAULT_TABLE.get(&label)).copied().unwrap_or_default()
    }

    /// The instance's own entries.
    pub fn own(&self) -> impl Iterator<Item = (&str, ObjectClass)> {
        self.own.iter().map(|(label, class)| (label.as_str(), *class))
    }
}

fn normal(label: &str) -> String {
    label.trim().to_lowercase().replace(['_', '-'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_read_and_in_normal_form() {
        assert!(DEFAULT_TABLE.len() > 40);
        assert!(DEFAULT_TABLE.keys().all(|label| *label == normal(label)));
    }

    #[test]
    fn the_instance_goes_before_the_defaults() {
        let table = LabelTable::new([("Fork_Lift".to_owned(), ObjectClass::Vehicle)]);
        assert_eq!(table.classify("fork lift"), ObjectClass::Vehicle);
        assert_eq!(table.classify("Person"), ObjectClass::Person);
        assert_eq!(table.classify("traffic light"), ObjectClass::Unknown);
        let table = LabelTable::new([("person".to_owned(), ObjectClass::Unknown)]);
        assert_eq!(table.classify("person"), ObjectClass::Unknown);
    }
}
