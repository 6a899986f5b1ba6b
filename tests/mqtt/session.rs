//! What a connection is to the broker: its version, its session, its last will.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use super::*;

/// Stands before a broker: refuses version 5 as brokers do that know 3.1.1 only, and cuts connections.
struct Gate {
    port: u16,
    /// Version 5 is refused.
    is_old: Arc<AtomicBool>,
    /// Bytes of a client after which a connection is cut; 0: never.
    cut_after: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

impl Gate {
    fn before(broker: &Mosquitto) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            port: listener.local_addr().unwrap().port(),
            is_old: Arc::default(),
            cut_after: Arc::default(),
            cuts: Arc::default(),
        };
        let (is_old, cut_after, cuts) = (gate.is_old.clone(), gate.cut_after.clone(), gate.cuts.clone());
        let behind = broker.port;
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                let (is_old, cut_after, cuts) = (is_old.clone(), cut_after.clone(), cuts.clone());
                thread::spawn(move || pass(client, behind, &is_old, &cut_after, &cuts));
            }
        });
        gate
    }
}

fn pass(mut client: TcpStream, behind: u16, is_old: &AtomicBool, cut_after: &AtomicU64, cuts: &AtomicU64) {
    let mut head = [0; 4096];
    let Ok(length @ 1..) = client.read(&mut head) else { return };
    // CONNECT: type, length (one or two bytes), "MQTT" with its length, version.
    let version = head[..length].windows(4).position(|four| four == b"MQTT").map(|at| head[at + 4]);
    if is_old.load(Ordering::SeqCst) && version == Some(5) {
        client.write_all(&[0x20, 2, 0, 1]).unwrap();
        return;
    }
    let mut broker = TcpStream::connect(("127.0.0.1", behind)).unwrap();
    broker.write_all(&head[..length]).unwrap();
    let (mut back, mut to) = (broker.try_clone().unwrap(), client.try_clone().unwrap());
    let answers = thread::spawn(move || {
        let _cut = std::io::copy(&mut back, &mut to);
        let _cut = to.shutdown(std::net::Shutdown::Both);
    });
    let mut passed = 0;
    let mut piece = [0; 1500];
    while let Ok(length @ 1..) = client.read(&mut piece) {
        let limit = cut_after.load(Ordering::SeqCst);
        if broker.write_all(&piece[..length]).is_err() {
            break;
        }
        passed += length as u64;
        if limit > 0 && passed > limit {
            cuts.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
    // Both at once, whatever is under way.
    let _cut = client.shutdown(std::net::Shutdown::Both);
    let _cut = broker.shutdown(std::net::Shutdown::Both);
    answers.join().unwrap();
}

#[test]
fn a_broker_of_version_3_1_1_is_spoken_to_in_it() {
    let sandbox = sandbox();
    let broker = broker(&sandbox, OPEN);
    let gate = Gate::before(&broker);
    gate.is_old.store(true, Ordering::SeqCst);
    let handlers = json!({"mqtt": handler(gate.port, "w/{obj.sequence}", json!({}))});
    let mut rig = Rig::serve(sandbox, handlers);
    rig.feed(1000);
    let expected = sequences(&rig.drained());
    let came = broker.published();
    assert_eq!(numbers(came.iter().map(|one| one.topic.as_str())), expected);
    assert!(broker.log().contains("(p2, c1, k"), "protocol 4, which Mosquitto calls 2: {}", broker.log());
    assert_eq!(rig.export()["retried"], 0);
}

/// Connections are cut in the middle of everything, with messages under way both ways.
fn cut(qos: u8, version: Value) -> (Vec<u64>, Vec<u64>, Vec<watchpost_testkit::mosquitto::Published>) {
    let sandbox = sandbox();
    let broker = broker(&sandbox, OPEN);
    // As QoS 2 `mosquitto_sub` 2.0.11 ends in the middle now and then. What comes to the broker once comes once to a
    // subscriber of QoS 1 whose connection is not cut.
    let subscriber = Subscriber::start(sandbox.path(), &broker, &["w/#"], &["-q", "1"]);
    let gate = Gate::before(&broker);
    gate.cut_after.store(20_000, Ordering::SeqCst);
    let handlers =
        json!({"mqtt": handler(gate.port, "w/{obj.sequence}", json!({"qos": qos, "version": version}))});
    let mut rig = Rig::serve(sandbox, handlers);
    rig.feed(3000);
    wait_until("ten cuts", || gate.cuts.load(Ordering::SeqCst) >= 10);
    gate.cut_after.store(0, Ordering::SeqCst);
    let expected = sequences(&rig.drained());
    wait_until("all have come", || {
        let came = subscriber.messages();
        numbers(came.iter().map(|message| message.topic.as_str())).last() == expected.last()
    });
    let came = subscriber.messages();
    assert!(rig.export()["retried"].as_u64().unwrap() > 0);
    assert_eq!(rig.export()["refused"], 0, "{}", rig.stderr());
    (numbers(came.iter().map(|message| message.topic.as_str())), expected, broker.published())
}

#[test]
fn qos_1_over_cut_connections_comes_in_order_and_says_what_may_come_twice() {
    let (came, expected, published) = cut(1, json!(5));
    all_in_order(&came, &expected);
    let mut seen = std::collections::BTreeSet::new();
    for one in &published {
        let again = !seen.insert(one.topic.clone());
        assert!(!again || one.dup, "sent again without saying so: {one:?}");
    }
}

#[test]
fn qos_2_over_cut_connections_comes_once() {
    for version in [json!(5), json!("3.1.1")] {
        let (came, expected, published) = cut(2, version);
        assert_eq!(came, expected, "each once, in order");
        assert!(published.iter().any(|one| one.dup), "nothing was sent again: the test proves nothing");
    }
}

#[test]
fn the_last_will_is_published_when_watchpost_is_killed_and_not_when_it_ends() {
    let sandbox = sandbox();
    let broker = broker(&sandbox, OPEN);
    let subscriber = Subscriber::start(sandbox.path(), &broker, &["state/#"], &[]);
    let will = json!({"topic": "state/{instance.name}", "message": "gone", "qos": 1, "retain": true});
    let handlers = json!({"mqtt": handler(broker.port, "w", json!({"last_will": will}))});
    for kill in [false, true] {
        let connected = broker.log().matches("as watchpost").count();
        let mut rig = Rig::serve(self::sandbox(), handlers.clone());
        wait_until("connected", || broker.log().matches("as watchpost").count() > connected);
        // The broker's log is ahead of its answer, and who has no answer yet has nothing to take leave from.
        rig.feed(500);
        wait_until("something delivered", || rig.export()["delivered"].as_u64() > Some(0));
        match kill {
            true => rig.server.kill(),
            false => {
                watchpost_testkit::terminate(rig.server.pid());
                rig.server.finish();
                wait_until("it has left", || broker.log().contains("Received DISCONNECT"));
                assert_eq!(subscriber.messages().len(), 0);
            }
        }
    }
    wait_until("the last will", || subscriber.messages().len() == 1);
    let will = &subscriber.messages()[0];
    assert_eq!((will.topic.as_str(), will.payload.as_str(), will.qos), ("state/Gate", "gone", 1));
}

#[test]
fn each_export_is_somebody_else_to_the_broker_and_the_same_after_a_restart() {
    let clients = |broker: &Mosquitto| -> Vec<String> {
        let log = broker.log();
        let connected = log.lines().filter_map(|line| line.split_once(" as watchpost"));
        let mut clients: Vec<_> =
            connected.map(|(_, rest)| rest.split(' ').next().unwrap().to_owned()).collect();
        clients.sort();
        clients
    };
    let sandbox = sandbox();
    let broker = broker(&sandbox, OPEN);
    let handlers =
        json!({"mqtt": handler(broker.port, "w", json!({})), "b": handler(broker.port, "w", json!({}))});
    let rig = Rig::serve(sandbox, handlers.clone());
    wait_until("both connect", || clients(&broker).len() == 2);
    let Rig { sandbox, server, .. } = rig;
    server.kill();
    let _rig = Rig::serve(sandbox, handlers);
    wait_until("both connect", || clients(&broker).len() == 4);
    let clients = clients(&broker);
    assert!(clients[0] == clients[1] && clients[1] != clients[2] && clients[2] == clients[3], "{clients:?}");
}

#[test]
fn listen_mqtt_prints_what_an_export_sends_and_acknowledges_it() {
    for version in [json!(5), json!("3.1.1")] {
        let sandbox = sandbox();
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let listener = sandbox.spawn(&["listen", "mqtt", "--address", &address, "--count", "30", "--json"]);
        let out = sandbox.path().join("stdout.log");
        wait_until("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let handlers =
            json!({"mqtt": handler(port, "w/{obj.sequence}", json!({"qos": 2, "version": version}))});
        let mut rig = Rig::serve(self::sandbox(), handlers);
        rig.feed(400);
        assert_eq!(listener.finish().code(), Some(0));
        let text = std::fs::read_to_string(out).unwrap();
        let messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let came = numbers(messages.iter().map(|message| message["topic"].as_str().unwrap()));
        assert_eq!(came, (0..30).collect::<Vec<_>>());
        let group: Vec<Value> = serde_json::from_str(messages[7]["payload"].as_str().unwrap()).unwrap();
        assert_eq!((group[0]["sequence"].as_u64(), messages[7]["qos"].as_u64()), (Some(7), Some(2)));
        assert_eq!(messages[7]["properties"].as_array().unwrap().len(), usize::from(version == 5));
    }
}
