//! TLS: whom Watchpost trusts, and who it is.

use std::{path::Path, process::Command};

use super::*;

fn openssl(dir: &Path, args: &str) {
    let ran = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(dir)
        .output()
        .expect("scripts/setup.sh test");
    assert!(ran.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// An authority, and a broker's and a client's certificate of it, in `broker/`.
fn certificates(sandbox: &Sandbox) {
    let dir = sandbox.path().join("broker");
    std::fs::create_dir_all(&dir).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["ca", "other"] {
        let usage = "-addext basicConstraints=critical,CA:TRUE";
        openssl(
            &dir,
            &format!(
                "req -x509 {key} -keyout {authority}.key -out {authority}.pem -subj /CN={authority} -days 2 {usage}"
            ),
        );
    }
    for (name, names) in [("broker", "subjectAltName=DNS:localhost"), ("client", "subjectAltName=DNS:client")]
    {
        openssl(&dir, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        std::fs::write(dir.join("names"), names).unwrap();
        openssl(
            &dir,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile names"
            ),
        );
        watchpost_testkit::set_mode(&dir.join(format!("{name}.key")), 0o644);
    }
    watchpost_testkit::set_mode(sandbox.path(), 0o755);
}

fn over_tls(sandbox: &Sandbox, host: &str, port: u16, config: Value) -> Value {
    let mut handler = handler(port, "", json!({}));
    handler["uri"] = format!("mqtts://{host}:{port}/w/{{obj.sequence}}").into();
    for (key, file) in config.as_object().unwrap() {
        let path = sandbox.path().join("broker").join(file.as_str().unwrap());
        handler["config"][key] = path.display().to_string().into();
    }
    handler
}

#[test]
fn certificates_are_checked_both_ways_and_what_is_wrong_is_said() {
    let sandbox = sandbox();
    certificates(&sandbox);
    let config = "allow_anonymous true\ncafile DIR/ca.pem\ncertfile DIR/broker.pem\nkeyfile DIR/broker.key\nrequire_certificate true\n";
    let broker = broker(&sandbox, config);
    let plain = Mosquitto::start(&sandbox.path().join("plain"), OPEN);
    let client = json!({"certificate_path": "ca.pem", "client_certificate_path": "client.pem", "client_key_path": "client.key"});
    let mut mismatched = client.clone();
    mismatched["client_key_path"] = "broker.key".into();
    let mut missing = client.clone();
    missing["client_key_path"] = "none.key".into();
    let mut no_pem = client.clone();
    no_pem["certificate_path"] = "names".into();
    let port = broker.port;
    let mut unencrypted = handler(port, "w", json!({}));
    unencrypted["uri"] = format!("mqtt://localhost:{port}/w").into();
    let over_tls = |host: &str, port: u16, config: &Value| over_tls(&sandbox, host, port, config.clone());
    let handlers = json!({
        "mqtt": over_tls("localhost", port, &client),
        "untrusted": over_tls("localhost", port, &json!({"certificate_path": "other.pem"})),
        "system": over_tls("localhost", port, &json!({})),
        "name": over_tls("127.0.0.1", port, &client),
        "nobody": over_tls("localhost", port, &json!({"certificate_path": "ca.pem"})),
        "plain": over_tls("localhost", plain.port, &client),
        "mismatched": over_tls("localhost", port, &mismatched),
        "missing": over_tls("localhost", port, &missing),
        "no_pem": over_tls("localhost", port, &no_pem),
        "unencrypted": unencrypted,
    });
    let mut rig = Rig::serve(sandbox, handlers);
    rig.feed(1000);
    for (name, state, problem) in [
        ("untrusted", "waiting", "of an authority that is not trusted: set `certificate_path`"),
        ("system", "waiting", "authority"),
        ("name", "waiting", "its certificate is not for `127.0.0.1`"),
        ("nobody", "waiting", "asks for a client certificate: set `client_certificate_path`"),
        ("plain", "waiting", "speak TLS on this port"),
        ("mismatched", "waiting", "does not go with the key"),
        ("missing", "blocked", "none.key: No such file or directory"),
        ("no_pem", "waiting", "names holds no certificate"),
        ("unencrypted", "waiting", "(if it expects TLS, write mqtts://)"),
    ] {
        let mut shown = Value::Null;
        wait_until(&format!("{name}: {problem}"), || {
            let now = rig.control.export(NAME, name);
            if now["problem"] != shown["problem"] {
                eprintln!("{name}: {} {}", now["state"], now["problem"]);
            }
            shown = now;
            shown["state"] == state && shown["problem"].as_str().unwrap_or_default().contains(problem)
        });
    }
    let expected = sequences(&rig.drained());
    let published = broker.published();
    all_in_order(&numbers(published.iter().map(|one| one.topic.as_str())), &expected);
    assert_eq!(rig.export()["retried"], 0);
}
