//! The shipped JSON exporter behind the real receiver (PRODUCT section 9).

use std::path::PathBuf;

use serde_json::{Value, json};
use watchpost_export::Outcome;

use crate::children::*;

/// The shipped JSON exporter with one group of real records and one crop that is no image.
#[tokio::test(flavor = "multi_thread")]
async fn jsonexport_writes_events_and_images() {
    let exports = tempfile::tempdir().unwrap();
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../exporters/json");
    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    let values = json!({"layout": "per day"}).as_object().unwrap().clone();
    let plan = plan(&dir, &manifest, values, exports.path()).unwrap();
    assert_eq!(plan.warnings, [], "every id it asks for exists");
    let bench = Bench { dir: exports, plan };
    let event = r#"{"$id":"event-intrusion","event_id":"../../e1","system_timestamp":1785161453812,"area_name":"Tür"}"#;
    let crop = r#"{"$id":"crop","image":"/9j/4AAQ","ref_event_id":"e1"}"#;
    let broken = r#"{"$id":"crop","image":"%%%","system_timestamp":1}"#;
    let mut receiver = bench.receiver();
    let other = event.replace("Tür", "Tor");
    let all = [
        delivery(1, &[event, crop]),
        delivery(2, &[broken]),
        delivery(3, &[event, crop]),
        delivery(4, &[&other]),
    ];
    let (outcomes, errors) = drive(&mut receiver, &all).await;
    assert_eq!(errors, []);
    assert!(
        outcomes.iter().any(
            |o| matches!(o, Outcome::Refused { position: 2, reason, .. } if reason.contains("not base64"))
        ),
        "{outcomes:?}"
    );
    let stem = "json-export/2026-07-27/14-10-53.812Z_event-intrusion_e1";
    let image = std::fs::read(bench.dir.path().join(format!("{stem}_0.jpg"))).unwrap();
    assert_eq!(image, [0xff, 0xd8, 0xff, 0xe0, 0, 0x10]);
    let written: Value = serde_json::from_str(&bench.file(&format!("{stem}.json"))).unwrap();
    assert_eq!(written[0]["area_name"], "Tür", "another message does not replace it");
    let files = std::fs::read_dir(bench.dir.path().join("json-export/2026-07-27")).unwrap().count();
    assert_eq!(
        files, 3,
        "the same message replaces its files, another gets a name of its own; none is half written"
    );
    receiver.close().await.unwrap();
}
