//! PRODUCT 10, docs/files.md: no two exports write to one file, of one instance or of two. Whoever saves the second
//! one is told so, in words that name both; nothing is saved then, and what runs goes on.

use serde_json::{Value, json};
use watchpost_testkit::{Control, Sandbox, scene::scene, wait_until};

/// The same file, written in different ways.
const SAME: [&str; 2] = ["json:///x/../same.json", "json:///same.json"];

fn export(uri: &str) -> Value {
    json!({"uri": uri, "sink": "output-tracks", "config": {"append_only": true}})
}

/// An instance `name` whose exports are `handlers` alone.
fn instance(name: &str, handlers: Value) -> Value {
    let mut document = scene("ndjson://-", 2, json!({}));
    (document["DisplayName"], document["Output"]["handlers"]) = (name.into(), handlers);
    document.as_object_mut().unwrap().remove("InstanceId");
    document
}

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

#[test]
fn validate_names_both_exports_of_one_instance_and_of_two() {
    let sandbox = sandbox();
    let handlers = json!({"a": export(SAME[0]), "b": export(SAME[1]), "c": export("json:///other.json")});
    let file = sandbox.write("twice.json", instance("Gate", handlers).to_string());
    let checked = sandbox.run(&["validate".as_ref(), file.as_os_str()]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert_eq!(checked.code, Some(78), "{said}");
    let expected = "/Output/handlers/b/uri: `b` would write to the same file as the export `a`";
    assert!(said.contains(expected) && !said.contains("`c`"), "{said}");

    let gate = sandbox.write("gate.json", instance("Gate", json!({"a": export(SAME[0])})).to_string());
    let door = sandbox.write("door.json", instance("Door", json!({"b": export(SAME[1])})).to_string());
    for file in [&gate, &door] {
        assert_eq!(sandbox.run(&["validate".as_ref(), file.as_os_str()]).code, Some(0), "each alone is well");
    }
    let checked = sandbox.run(&["validate".as_ref(), gate.as_os_str(), door.as_os_str()]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert_eq!(checked.code, Some(78), "{said}");
    let expected = "/Output/handlers/b/uri: `b` would write to the same file as the export `a` of Gate";
    assert!(said.contains("door.json") && said.contains(expected), "{said}");
    assert!(said.contains("{instance.name}"), "the way out is named: {said}");
    // Which is one.
    for (name, file) in [("Gate", "gate.json"), ("Door", "door.json")] {
        let handlers = json!({"a": export("json:///{instance.name}/same.json")});
        sandbox.write(file, instance(name, handlers).to_string());
    }
    assert_eq!(sandbox.run(&["validate".as_ref(), gate.as_os_str(), door.as_os_str()]).code, Some(0));
}

#[test]
fn a_running_server_saves_no_second_export_to_a_file() {
    let sandbox = sandbox();
    sandbox.write("data/instances/gate.json", instance("Gate", json!({"a": export(SAME[0])})).to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches("Gate", "a", "running");
    control.does(&json!({"op": "add", "document": instance("Door", json!({"c": export("json:///c.json")}))}));
    control.reaches("Door", "c", "running");
    let documents = |control: &mut Control| {
        ["Gate", "Door"].map(|name| control.does(&json!({"op": "document", "instance": name})))
    };
    let before = documents(&mut control);

    let of_one = "/Output/handlers/b/uri: `b` would write to the same file as the export `a`";
    let of_two = "/Output/handlers/b/uri: `b` would write to the same file as the export `a` of Gate";
    let with = |name: &str, more: Value| {
        let mut document = before[usize::from(name == "Door")].clone();
        for (key, value) in more.as_object().unwrap() {
            document["Output"]["handlers"][key] = value.clone();
        }
        json!({"op": "apply", "instance": name, "document": document})
    };
    let set =
        |name: &str| json!({"op": "set_export", "instance": name, "name": "b", "export": export(SAME[1])});
    for (asked, expected) in [
        (with("Gate", json!({"b": export(SAME[1])})), of_one),
        (with("Door", json!({"b": export(SAME[1])})), of_two),
        (set("Gate"), of_one),
        (set("Door"), of_two),
        (json!({"op": "add", "document": instance("Yard", json!({"b": export(SAME[1])}))}), of_two),
    ] {
        let error = control.ask(&asked).unwrap_err();
        assert_eq!(error["kind"], "invalid", "{asked}: {error}");
        assert!(error["message"].as_str().unwrap().contains(expected), "{asked}: {error}");
    }
    assert_eq!(documents(&mut control), before, "nothing was saved");
    assert_eq!(control.does(&json!({"op": "list"}))["instances"].as_array().unwrap().len(), 2);
    for (instance, export) in [("Gate", "a"), ("Door", "c")] {
        assert_eq!(control.export(instance, export)["state"], "running", "it goes on");
    }

    // Switched off it writes nothing, and is saved; it cannot be switched on.
    let mut off = export(SAME[1]);
    off["enabled"] = json!(false);
    control.does(&json!({"op": "set_export", "instance": "Door", "name": "b", "export": off}));
    let error = control
        .ask(&json!({"op": "switch_export", "instance": "Door", "name": "b", "to": "on"}))
        .unwrap_err();
    assert!(error["message"].as_str().unwrap().contains(of_two), "{error}");
    // Until the file is free.
    control.does(&json!({"op": "delete_export", "instance": "Gate", "name": "a"}));
    control.does(&json!({"op": "switch_export", "instance": "Door", "name": "b", "to": "on"}));
    control.reaches("Door", "b", "running");
}

#[test]
fn a_hand_edit_to_anothers_file_shows_and_stands_in_the_way_of_nothing_else() {
    let sandbox = sandbox();
    sandbox.write("data/instances/gate.json", instance("Gate", json!({"a": export(SAME[0])})).to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches("Gate", "a", "running");
    let handlers = json!({"b": export(SAME[1]), "c": export("json:///c.json")});
    sandbox.write("data/instances/door.json", instance("Door", handlers).to_string());
    wait_until("the file is an instance", || control.ask(&json!({"op": "show", "instance": "Door"})).is_ok());
    control.reaches("Door", "b", "failed");
    let shown = control.export("Door", "b")["problem"].as_str().unwrap().to_owned();
    assert!(shown.contains("`b` would write to the same file as the export `a` of Gate"), "{shown}");
    control.reaches("Door", "c", "running");
    control.does(&json!({"op": "switch_export", "instance": "Door", "name": "c", "to": "paused"}));
    control.reaches("Door", "c", "paused");
}
