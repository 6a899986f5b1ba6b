//! PRODUCT 7, negotiation: every way to ask for versions, with and without a preprocess command of version 1.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};
use watchpost_config::Manifest;
use watchpost_export::exporter::{self, Setup};
use watchpost_export::{InstanceInfo, Selection};
use watchpost_process::Guardian;
use watchpost_schema::{SchemaId, Version};

/// What is sent, and the places and words of what is not; or why it is not started.
type Agreed = Result<(BTreeMap<SchemaId, Version>, Vec<String>), String>;

fn negotiate(events: &Value, available: &[Version]) -> Agreed {
    let text = json!({"name": "T", "command": "cat", "events": events}).to_string();
    let (manifest, _) =
        Manifest::parse(&text, Path::new("manifest.json")).map_err(|problems| problems[0].to_string())?;
    let instance = InstanceInfo {
        id: watchpost_model::Id::from_u128(1),
        name: "gate".into(),
        time_zone: "UTC".into(),
        lossless: false,
    };
    let settings = manifest.settings_from(&Map::new(), Path::new("config.json"), "").unwrap();
    let setup = Setup {
        manifest: &manifest,
        dir: Path::new("/"),
        settings: &settings,
        instance: &instance,
        exports_dir: Path::new("/"),
        available,
        guardian: Guardian::for_tests(),
    };
    let plan = exporter::plan(&setup).map_err(|problem| problem.to_string())?;
    let Selection::Records(agreed) = plan.selection else { panic!("records") };
    Ok((agreed, plan.warnings.iter().map(|warning| warning.message.clone()).collect()))
}

/// Every list of up to three versions of 0 to 3, and every integer of them.
fn wishes() -> Vec<Value> {
    let mut wishes: Vec<Value> = (0..=3).map(|version| json!(version)).collect();
    wishes.push(json!([]));
    for a in 0..=3 {
        wishes.push(json!([a]));
        for b in 0..=3 {
            wishes.push(json!([a, b]));
            wishes.extend((0..=3).map(|c| json!([a, b, c])));
        }
    }
    wishes.push(json!([1, 2, 0, 0, 0, 0, 0, 0, 0, 0]));
    wishes
}

#[test]
fn the_highest_version_that_both_know_or_none() {
    let both: &[Version] = &Version::ALL;
    let mut cases = 0;
    for wish in wishes() {
        for available in [both, &[Version::V1]] {
            // Beside one that is always agreed, so that refusing the other is a warning.
            for id in ["event-intrusion", "attribute", "no-such-id"] {
                let wanted: BTreeSet<u64> = wish
                    .as_array()
                    .unwrap_or(&vec![wish.clone()])
                    .iter()
                    .map(|v| v.as_u64().unwrap())
                    .filter(|v| *v > 0)
                    .collect();
                let known = available.iter().rev().find(|v| wanted.contains(&u64::from(v.number())));
                let (agreed, warnings) = negotiate(&json!({id: wish, "crop": 1}), available).unwrap();
                let got = id.parse::<SchemaId>().ok().and_then(|id| agreed.get(&id).copied());
                let expected = if id == "no-such-id" { None } else { known.copied() };
                assert_eq!(got, expected, "{id}: {wish} of {available:?}");
                assert_eq!(agreed[&SchemaId::Crop], Version::V1);
                assert_eq!(agreed.len(), 1 + usize::from(expected.is_some()));
                // Asked for and not to be had is said; not asked for is no news.
                assert_eq!(
                    warnings.len(),
                    usize::from(!wanted.is_empty() && expected.is_none()),
                    "{id}: {wish}: {warnings:?}"
                );
                assert!(warnings.iter().all(|warning| warning.contains(id)), "{warnings:?}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, (4 + 1 + 4 + 16 + 64 + 1) * 2 * 3);
}

#[test]
fn with_nothing_agreed_it_is_not_started() {
    let v1: &[Version] = &[Version::V1];
    for (events, available, reason) in [
        (json!({}), &Version::ALL[..], "subscribes to nothing"),
        (json!({"track": 0, "crop": [], "no-such-id": [0, 0]}), &Version::ALL, "subscribes to nothing"),
        (json!({"no-such-id": 1}), &Version::ALL, "there is no schema of that name"),
        (json!({"track": [3, 4]}), &Version::ALL, "asked for in version 3, 4, available in 1, 2"),
        (json!({"track": 2}), v1, "asked for in version 2, available in 1"),
    ] {
        let refused = negotiate(&events, available).unwrap_err();
        assert!(refused.contains(reason) && refused.contains("/events"), "{events}: {refused}");
        assert!(refused.contains("it is not started"), "{refused}");
    }
}

#[test]
fn what_is_no_list_of_versions_is_refused_with_its_place() {
    let long: Vec<u8> = vec![1; 11];
    for wish in [json!("1"), json!(-1), json!(1.5), json!([[1]]), json!({"1": true}), json!(256), json!(long)]
    {
        let refused = negotiate(&json!({"track": wish}), &Version::ALL).unwrap_err();
        assert!(
            refused.contains("/events/track") && refused.contains("a list of up to 10"),
            "{wish}: {refused}"
        );
    }
}
