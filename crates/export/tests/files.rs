//! What stands in files: JSON, CSV, TXT to the letter of PRODUCT section 10.

use serde_json::{Value, json};
use watchpost_export::FORMATS;
use watchpost_schema::streams::StreamName;

use crate::common::{self, Cursor, Sandbox, deliver_all, delivery, object, record, records};

async fn written(sandbox: &Sandbox, handler: &Value, objects: &[Value]) -> Cursor {
    let stream = handler["sink"].as_str().unwrap().parse().unwrap();
    let mut cursor = Cursor::default();
    let deliveries =
        objects.iter().enumerate().map(|(position, value)| delivery(position as u64, object(stream, value)));
    deliver_all(sandbox.receiver(handler).as_mut(), &mut cursor, deliveries.collect()).await;
    cursor
}

fn tracks(uri: &str, config: Value) -> Value {
    json!({"uri": uri, "sink": "output-tracks", "config": config})
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_indented_and_one_file_each() {
    let objects = [json!({"frame_id": 1, "a": [1, {}]}), json!({"frame_id": 2})];
    let sandbox = Sandbox::new();
    written(&sandbox, &tracks("json:///l.json", json!({"append_only": true, "minify": true})), &objects)
        .await;
    assert_eq!(sandbox.read("l.json"), "{\"frame_id\":1,\"a\":[1,{}]}\n{\"frame_id\":2}\n");

    let sandbox = Sandbox::new();
    written(&sandbox, &tracks("json:///i.json", json!({"append_only": true})), &objects).await;
    let indented = "{\n  \"frame_id\": 1,\n  \"a\": [\n    1,\n    {}\n  ]\n}\n{\n  \"frame_id\": 2\n}\n";
    assert_eq!(sandbox.read("i.json"), indented);

    let sandbox = Sandbox::new();
    let each = tracks("json:///d/{obj.frame_id|pad:3}.json", json!({"minify": true}));
    written(&sandbox, &each, &objects).await;
    assert_eq!(sandbox.files(), ["d/001.json", "d/002.json"]);
    assert_eq!(sandbox.read("d/002.json"), "{\"frame_id\":2}\n");

    let sandbox = Sandbox::new();
    written(&sandbox, &tracks("json:///r.json", json!({"append_only": false, "minify": true})), &objects)
        .await;
    assert_eq!(sandbox.read("r.json"), "{\"frame_id\":2}\n", "replaced where the name repeats");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_go_on_and_a_resend_has_the_same_name() {
    let sandbox = Sandbox::new();
    let handler = tracks("json:///{sys.count cars}-{sys.time %H%M%S}.json", json!({}));
    let objects = |range: std::ops::Range<u64>| {
        range.map(|n| delivery(n, object(StreamName::Tracks, &json!({"frame_id": n})))).collect()
    };
    let mut cursor = Cursor::default();
    deliver_all(sandbox.receiver(&handler).as_mut(), &mut cursor, objects(0..2)).await;
    let kept = cursor.clone();
    deliver_all(sandbox.receiver(&handler).as_mut(), &mut cursor, objects(2..3)).await;
    let before = sandbox.files();
    assert_eq!(before, ["1-123456.json", "2-123457.json", "3-123458.json"]);
    // The last outcome was lost: the same object comes again and has the same name.
    deliver_all(sandbox.receiver(&handler).as_mut(), &mut kept.clone(), objects(2..3)).await;
    assert_eq!(sandbox.files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_of_objects_has_the_first_objects_columns_and_more() {
    let sandbox = Sandbox::new();
    let handler = tracks("csv:///o.csv", json!({"shape": "objects", "minify": true, "separator": ";"}));
    let objects = [
        json!({"a": 1, "b": "x;\"y\"", "c": {"d": [1]}}),
        json!({"c": null, "a": "line\nend", "new": true, "e": "f"}),
        json!({"b": "ä"}),
    ];
    written(&sandbox, &handler, &objects).await;
    let expected = "a;b;c;more\r\n1;\"x;\"\"y\"\"\";\"{\"\"d\"\":[1]}\";\r\n\"line\nend\";;;\"{\"\"new\"\":true,\"\"e\"\":\"\"f\"\"}\"\r\n;ä;;\r\n";
    assert_eq!(sandbox.read("o.csv"), expected);

    let sandbox = Sandbox::new();
    written(&sandbox, &tracks("csv:///i.csv", json!({"shape": "objects"})), &[json!({"c": {"d": 1}})]).await;
    assert_eq!(sandbox.read("i.csv"), "c,more\r\n\"{\n  \"\"d\"\": 1\n}\",\r\n", "indented unless minified");
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_has_one_header_and_starts_another_file_for_other_columns() {
    let sandbox = Sandbox::new();
    let handler = |a: &str| tracks("csv:///t.csv", json!({"shape": "objects", "header": a == "header"}));
    let objects = |key: &str| [json!({key: 1}), json!({key: 2})];
    written(&sandbox, &handler("header"), &objects("a")).await;
    written(&sandbox, &handler("header"), &objects("a")).await;
    written(&sandbox, &handler("header"), &objects("b")).await;
    written(&sandbox, &handler("header"), &objects("b")).await;
    written(&sandbox, &handler("header"), &objects("c")).await;
    assert_eq!(sandbox.files(), ["t-00001.csv", "t-00002.csv", "t.csv"]);
    assert_eq!(sandbox.read("t.csv"), "a,more\r\n1,\r\n2,\r\n1,\r\n2,\r\n");
    assert_eq!(sandbox.read("t-00001.csv"), "b,more\r\n1,\r\n2,\r\n1,\r\n2,\r\n");
    let sandbox = Sandbox::new();
    written(&sandbox, &handler("none"), &objects("a")).await;
    assert_eq!(sandbox.read("t.csv"), "1,\r\n2,\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_rows_of_records_have_the_events_table() {
    let sandbox = Sandbox::new();
    let handler = json!({"uri": "csv:///e.csv", "config": {"schema_events": ["event-intrusion:2"]}});
    deliver_all(sandbox.receiver(&handler).as_mut(), &mut Cursor::default(), records(7..9)).await;
    let text = sandbox.read("e.csv");
    let header = "frame_id,frame_time,system_timestamp,system_date,instance_id,event_id,event_type,object_class,track_id,zone_id,zone_name,tripwire_id,tripwire_name,direction,x,y,width,height,confidence,duration_ms,count";
    assert_eq!(text.lines().next(), Some(header));
    assert_eq!(text.lines().count(), 3);
    assert!(text.lines().nth(1).unwrap().starts_with("7,"), "{text}");
    assert!(text.contains(",Loading bay,"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn txt_is_readable_and_one_line_per_row() {
    let sandbox = Sandbox::new();
    let handler = json!({"uri": "txt:///e.txt", "config": {"schema_events": ["event-intrusion:2"]}});
    deliver_all(sandbox.receiver(&handler).as_mut(), &mut Cursor::default(), vec![delivery(0, record(0))])
        .await;
    let text = sandbox.read("e.txt");
    assert!(text.starts_with("2026-07-01T12:34:56.789Z "), "{text}");
    assert!(text.contains(" zone_name=\"Loading bay\" ") && text.contains(" object_class="), "{text}");
    assert_eq!(text.lines().count(), 1);

    let sandbox = Sandbox::new();
    let template =
        "{sys.count} {obj.zone_name} {obj.area.name} {obj.tripwire_name|default:-} {instance.name}";
    let handler = json!({"uri": "txt:///e.txt", "config": {"schema_events": ["event-intrusion:2"], "template": template}});
    let mut two_lines = record(1);
    let json = String::from_utf8(two_lines.json.to_vec()).unwrap().replace("Loading bay", "Loading\\nbay");
    two_lines.json = json.into();
    let deliveries = vec![delivery(0, record(0)), delivery(1, two_lines)];
    deliver_all(sandbox.receiver(&handler).as_mut(), &mut Cursor::default(), deliveries).await;
    let expected = "1 Loading bay Loading bay - Gate/East\n2 Loading bay Loading bay - Gate/East\n";
    assert_eq!(sandbox.read("e.txt"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_in_objects_are_left_out_unless_asked_for() {
    let objects =
        [json!({"frame_id": 1, "tracks": [{"best_thumbnail": {"image": "abc", "confidence": 0.5}}]})];
    for (crops, there) in [("none", false), ("inline", true)] {
        let sandbox = Sandbox::new();
        written(&sandbox, &tracks("json:///t.json", json!({"crops": crops, "minify": true})), &objects).await;
        assert_eq!(sandbox.read("t.json").contains("abc"), there, "{crops}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_moved_away_is_begun_anew_and_one_that_was_there_is_kept() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.exports()).unwrap();
    std::fs::write(sandbox.exports().join("t.json"), "mine, without a line end").unwrap();
    let handler = tracks("json:///t.json", json!({"minify": true}));
    let objects = |n: u64| vec![delivery(n, object(StreamName::Tracks, &json!({"n": n})))];
    let mut receiver = sandbox.receiver(&handler);
    let mut cursor = Cursor::default();
    common::deliver(receiver.as_mut(), &mut cursor, objects(0)).await;
    assert_eq!(sandbox.read("t.json"), "mine, without a line end\n{\"n\":0}\n");
    std::fs::rename(sandbox.exports().join("t.json"), sandbox.exports().join("old.json")).unwrap();
    receiver.send(objects(1)).await.unwrap();
    cursor.take(common::outcomes(receiver.as_mut()).await.unwrap());
    assert_eq!(sandbox.read("t.json"), "{\"n\":1}\n");
}

#[test]
fn what_cannot_be_exported_is_refused_with_the_choices() {
    let sandbox = Sandbox::new();
    let one = |handler: Value| {
        let problems = sandbox.refused(&handler);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].clone()
    };
    let schemes = FORMATS.iter().flat_map(|format| format.schemes).map(|scheme| format!("{scheme}://"));
    let schemes = schemes.collect::<Vec<_>>().join(", ");
    assert!(schemes.starts_with("json://, csv://, txt://, "), "{schemes}");
    assert_eq!(
        one(json!({"uri": "xml:///a", "sink": "output-tracks"})),
        format!("/Output/handlers/x/uri: no format for `xml://`; expected one of {schemes}")
    );
    assert_eq!(
        one(json!({"uri": "json:///a", "sink": "output-tracks", "config": {"schema_events": ["track:2"]}})),
        "/Output/handlers/x/sink: `sink` is `output-tracks` beside `schema_events`: an export takes either a stream or records; make it \"\", or take `schema_events` out"
    );
    assert!(
        one(json!({"uri": "json:///a", "sink": "", "config": {"schema_events": {}}}))
            .contains("neither `sink` nor")
    );
    assert!(
        one(json!({"uri": "json:///a", "sink": "tracks"}))
            .contains("there is no stream `tracks`; expected one of output-image")
    );
    assert!(
        one(json!({"uri": "json:///a", "sink": "output-image"}))
            .contains("JSON does not take the stream `output-image`")
    );
    assert!(
        one(json!({"uri": "csv:///a", "config": {"schema_events": ["track:2", "crop:2"]}}))
            .contains("set `shape` to `objects`")
    );
    assert!(
        one(json!({"uri": "json:///a", "config": {"schema_events": ["track:1", "track:2"]}}))
            .contains("two versions")
    );
    assert!(one(tracks("csv:///a", json!({"separator": "\""}))).contains("expected one ASCII character"));
    assert!(
        one(tracks("txt:///a", json!({"template": "{obj}"})))
            .contains("/config/template: bad dynamic string at character 2: `obj` needs a name")
    );
    assert!(
        one(tracks("json:///a", json!({"minify": "yes"})))
            .contains("/config/minify: is the text \"yes\"; expected true or false")
    );
    assert!(
        one(tracks("json:///a", json!({"behind_max": {"records": -1}, "when_behind": "drop_oldest"})))
            .contains("/config/behind_max/records: is `-1`; expected a whole number from 0 on")
    );
    assert!(one(tracks("json:///a", json!({"when_behind": "drop_oldest"}))).contains("needs a bound"));
    assert!(one(tracks("json://a", json!({}))).contains("has two slashes; write json:///a"));
    assert!(
        one(json!({"uri": "jpg:///a.jpg", "sink": "output-image"}))
            .contains("JPG needs a dynamic string in the name")
    );
    assert!(
        one(json!({"uri": "mp4:///{sys.count}.mp4", "sink": "output-image"}))
            .contains("MP4 takes no dynamic strings")
    );
    assert!(
        one(json!({"uri": "mp4:///a.mp4", "sink": "output-image", "config": {"fps": "all"}}))
            .contains("expected \"source\" or frames per second")
    );
    assert_eq!(
        sandbox.refused(&tracks("json:///a", json!({"minify": 1, "shape": 2, "x": 3}))).len(),
        3,
        "all are told"
    );
}
