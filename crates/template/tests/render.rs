//! What templates render to, and how bad ones are refused.

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use watchpost_template::{Counts, FrameKeys, Scope, Template};

static UTC: TimeZone = TimeZone::UTC;

fn scope<'a>(object: &'a Value, zone: &'a TimeZone, counts: &'a mut Counts) -> Scope<'a> {
    Scope {
        object,
        // 2026-07-01T12:34:56.789Z
        time_ms: 1_782_909_296_789,
        time_zone: zone,
        frame: None,
        instance_id: "8a329a3f-d9fc-e038-3435-676656695b07",
        instance_name: "Gate/East",
        counts,
        missing: 0,
    }
}

fn rendered(template: &str, object: &Value) -> (String, u32) {
    let mut counts = Counts::default();
    let mut scope = scope(object, &UTC, &mut counts);
    let text = Template::parse(template).unwrap().render(&mut scope);
    (text, scope.missing)
}

#[test]
fn every_tag_and_kind_of_value() {
    let object = json!({
        "frame_id": 17, "big": u64::MAX, "whole": 40.0, "part": 0.1, "small": 1e-9, "huge": 1e300,
        "yes": true, "none": null, "text": "ä/b", "list": [{"x": 1}, {"x": 2}], "$id": "event-x", "a b": 5
    });
    for (template, expected) in [
        ("{obj.frame_id}", "17"),
        ("{obj.big}", "18446744073709551615"),
        ("{obj.whole} {obj.part} {obj.small} {obj.huge}", "40 0.1 1e-9 1e300"),
        ("{obj.yes}", "true"),
        ("{obj.text}", "ä/b"),
        ("{obj.list.1.x}", "2"),
        ("{obj.list}", r#"[{"x":1},{"x":2}]"#),
        ("{obj.$id}/{obj.a b}", "event-x/5"),
        ("{sys.time}", "2026-07-01_123456"),
        ("{ sys.time  %M%S.%3f }", "3456.789"),
        ("{sys.time %s|pad:12}", "001782909296"),
        ("{instance.id}", "8a329a3f-d9fc-e038-3435-676656695b07"),
        ("{instance.name|slug}", "gate-east"),
        ("{{{obj.frame_id}}}", "{17}"),
        ("}}{{", "}{"),
        ("", ""),
    ] {
        assert_eq!(rendered(template, &object), (expected.to_owned(), 0), "{template}");
    }
}

#[test]
fn missing_values_are_unknown_and_counted() {
    let object = json!({"none": null, "list": [1]});
    assert_eq!(rendered("{obj.a.b}-{obj.none}-{obj.list.7}", &object), ("unknown-unknown-unknown".into(), 3));
    assert_eq!(rendered("{obj.a|default:x|pad:3}", &object), ("00x".into(), 0));
    assert_eq!(rendered("{obj.a|pad:9}", &object), ("unknown".into(), 1));
}

#[test]
fn frame_keys_are_there_even_where_the_record_lacks_them() {
    let object = json!({"event_timestamp_ms": 262_344});
    let all = "{obj.frame_time} {obj.system_timestamp} {obj.system_date} {obj.instance_id}";
    let expected =
        "262344 1782909296789 2026-07-01T12:34:56.789Z 8a329a3f-d9fc-e038-3435-676656695b07".to_owned();
    assert_eq!(rendered(all, &object), (expected, 0));
    let mut counts = Counts::default();
    let mut scope = scope(&object, &UTC, &mut counts);
    scope.frame = Some(FrameKeys { id: 9, time_ms: 12.5 });
    let template = Template::parse("{obj.frame_id} {obj.frame_time}").unwrap();
    assert_eq!(template.render(&mut scope), "9 12.5");
}

#[test]
fn counts_run_per_label_and_once_per_rendering() {
    let template = Template::parse("{sys.count}-{sys.count cars | pad:3}-{sys.count cars}").unwrap();
    let object = json!({});
    let mut counts = Counts::default();
    for expected in ["1-001-1", "2-002-2"] {
        assert_eq!(template.render(&mut scope(&object, &UTC, &mut counts)), expected);
    }
    assert_eq!((counts.last(""), counts.last("cars"), counts.last("other")), (2, 2, 0));
    let saved = serde_json::to_string(&counts).unwrap();
    let mut counts: Counts = serde_json::from_str(&saved).unwrap();
    assert_eq!(template.render(&mut scope(&object, &UTC, &mut counts)), "3-003-3");
}

#[test]
fn time_is_written_in_the_given_zone() {
    let object = json!({});
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let mut counts = Counts::default();
    let template = Template::parse("{sys.time %F %T %z}").unwrap();
    assert_eq!(template.render(&mut scope(&object, &zone, &mut counts)), "2026-07-01 14:34:56 +0200");
    let mut beyond = scope(&object, &zone, &mut counts);
    beyond.time_ms = i64::MAX;
    assert_eq!((template.render(&mut beyond), beyond.missing), ("unknown".into(), 1));
}

#[test]
fn topics_get_no_levels_or_wildcards_from_values() {
    let object = json!({"a": "x/+/#\n"});
    let mut counts = Counts::default();
    let template = Template::parse("site/{obj.a}/{instance.name}").unwrap();
    let topic = template.render_topic(&mut scope(&object, &UTC, &mut counts));
    assert_eq!(topic, "site/x_____/Gate_East");
}

#[test]
fn bad_templates_are_refused_with_place_and_choices() {
    for (template, expected) in [
        (
            "a{foo}",
            "at character 3: unknown tag `foo`: expected one of obj.NAME, sys.time, sys.count, instance.id, instance.name",
        ),
        (
            "ä{}",
            "at character 3: empty tag: expected one of obj.NAME, sys.time, sys.count, instance.id, instance.name; write `{{` for a literal brace",
        ),
        ("{obj.a", "at character 1: this tag is not closed: expected `}`; write `{{` for a literal brace"),
        ("{obj.{a}}", "at character 1: this tag is not closed: expected `}`; write `{{` for a literal brace"),
        ("a}b", "at character 2: `}` closes nothing: write `}}` for a literal brace"),
        ("{obj}", "at character 2: `obj` needs a name, as in `obj.frame_id`"),
        (
            "{obj.a..b}",
            "at character 2: `obj.a..b` has an empty name: expected names joined by single dots, as in `obj.location.x`",
        ),
        ("{instance.id x}", "at character 2: `instance.id` takes no value, but `x` follows it"),
        (
            "{obj.a|lower|up}",
            "at character 14: unknown filter `up`: expected one of pad:WIDTH, lower, slug, default:TEXT",
        ),
    ] {
        assert_eq!(Template::parse(template).unwrap_err().to_string(), expected);
    }
    let error = Template::parse("x{sys.time %!}").unwrap_err();
    assert_eq!(error.position, 3);
    assert!(error.message.starts_with("bad time format `%!`: "), "{error}");
    assert!(Template::parse(&"x".repeat(20_000)).unwrap_err().message.contains("longer than"));
    assert!(Template::parse(&"{obj.a}".repeat(200)).unwrap_err().message.contains("more than 128 tags"));
}
