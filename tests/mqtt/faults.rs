//! Brokers that die, stand still, forget, or are not there.

use super::*;

#[test]
fn a_broker_that_is_killed_again_and_again_and_forgets_everything_gets_everything() {
    let sandbox = sandbox();
    let mut broker = broker(&sandbox, OPEN);
    let mut rig = Rig::serve(sandbox, json!({"mqtt": handler(broker.port, "w/{obj.sequence}", json!({}))}));
    let mut random = Random::new();
    // The first walkers are on their way to the area.
    rig.feed(300);
    for life in 0..12 {
        let before = broker.published().len();
        rig.feed(200);
        let least = before + random.below(30) as usize;
        wait_until("some came", || broker.published().len() > least);
        broker.kill();
        rig.feed(random.below(100));
        if life % 4 == 0 {
            rig.is("waiting", "no broker listens there");
        }
        broker.restart();
    }
    let expected = sequences(&rig.drained());
    let published = broker.published();
    all_in_order(&numbers(published.iter().map(|one| one.topic.as_str())), &expected);
    assert_eq!(rig.export()["refused"], 0);
    assert_eq!(rig.export()["state"], "running", "{}", rig.export());
}

#[test]
fn a_broker_that_stands_still_is_noticed_and_nothing_is_lost() {
    let sandbox = sandbox();
    let broker = broker(&sandbox, OPEN);
    let subscriber = Subscriber::start(sandbox.path(), &broker, &["w/#"], &[]);
    let mut rig = Rig::serve(
        sandbox,
        json!({"mqtt": handler(broker.port, "w/{obj.sequence}", json!({"keep_alive_s": 2}))}),
    );
    rig.feed(500);
    wait_until("some came", || broker.published().len() > 20);
    broker.stop();
    rig.feed(500);
    rig.is("waiting", "no sign of life for 2 s");
    rig.feed(500);
    broker.go_on();
    let expected = sequences(&rig.drained());
    wait_until("all have come", || subscriber.messages().len() >= expected.len());
    let came = subscriber.messages();
    all_in_order(&numbers(came.iter().map(|message| message.topic.as_str())), &expected);
    assert_eq!(rig.export()["refused"], 0);
}

#[test]
fn a_connection_that_is_lost_while_nothing_waits_shows_and_comes_back() {
    let sandbox = sandbox();
    let mut broker = broker(&sandbox, OPEN);
    let mut rig = Rig::serve(
        sandbox,
        json!({"mqtt": handler(broker.port, "w/{obj.sequence}", json!({"keep_alive_s": 2}))}),
    );
    wait_until("connected", || broker.log().contains("as watchpost"));
    rig.is("running", "");
    // It says nothing, and neither do we: only a ping tells that it is there.
    broker.stop();
    rig.is("waiting", "no sign of life for 2 s");
    broker.go_on();
    rig.is("running", "");
    broker.kill();
    rig.is("waiting", "no broker listens there");
    broker.restart();
    rig.is("running", "");
}

#[test]
fn an_unreachable_broker_costs_next_to_nothing() {
    let mut handlers = json!({"mqtt": handler(free_port(), "w/{obj.sequence}", json!({}))});
    handlers["nowhere"] = handler(1883, "w", json!({}));
    handlers["nowhere"]["uri"] = "mqtt://no-such-host.invalid/w".into();
    let mut rig = Rig::serve(sandbox(), handlers);
    rig.feed(500);
    let shown = rig.is("waiting", "no broker listens there");
    assert!(shown["retry_in_ms"].as_u64().unwrap() <= 30_000, "{shown}");
    rig.control.reaches(NAME, "nowhere", "waiting");
    let problem = rig.control.export(NAME, "nowhere")["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("cannot find the host `no-such-host.invalid`"), "{problem}");
    // The pauses have grown to seconds by now.
    wait_until("long pauses", || rig.export()["retry_in_ms"].as_u64().is_some_and(|pause| pause > 2000));
    let (before, began) = (rig.cpu(), Instant::now());
    wait_until("three seconds", || began.elapsed() > Duration::from_secs(3));
    let spent = rig.cpu() - before;
    assert!(spent < Duration::from_millis(300), "{spent:?} of processor in 3 s");
    assert!(rig.export()["waiting"].as_u64().unwrap() > 50);
}

#[test]
fn killed_with_the_broker_or_without_watchpost_goes_on_where_it_was() {
    let sandbox = sandbox();
    let mut broker = broker(&sandbox, OPEN);
    let uri = watchpost_testkit::scene::write_detections(&sandbox, "walkers.jsonl", walkers(10), 3000);
    let handlers = json!({"mqtt": handler(broker.port, "w/{obj.sequence}", json!({"qos": 2}))});
    let mut document = document(handlers);
    document["Input"]["uri"] = uri.into();
    let instance = sandbox.instance(&document);
    let mut random = Random::new();
    // Everything is in the log while the broker is away; then what was delivered of it is cut off at random.
    broker.kill();
    let first = sandbox.run(&["run".as_ref(), instance.as_os_str(), "--drain".as_ref(), "1".as_ref()]);
    assert_eq!(first.code, Some(1), "{}{}", first.stdout, first.stderr);
    broker.restart();
    let expected = sequences(&sandbox.json_lines("events.jsonl"));
    document["Input"]["uri"] = "ndjson://-".into();
    let instance = sandbox.instance(&document);
    for life in 0..4 {
        let before = broker.published().len();
        let watchpost = sandbox.spawn(&["run".as_ref(), instance.as_os_str()]);
        let least = before + random.below(60) as usize;
        wait_until("some came, or all", || {
            let published = broker.published();
            published.len() > least
                || numbers(published.iter().map(|one| one.topic.as_str())).contains(expected.last().unwrap())
        });
        watchpost.kill_group();
        if life % 2 == 1 {
            broker.restart();
        }
    }
    let watchpost = sandbox.spawn(&["run".as_ref(), instance.as_os_str()]);
    assert_eq!(watchpost.finish().code(), Some(0));
    let published = broker.published();
    let came = numbers(published.iter().map(|one| one.topic.as_str()));
    let end = came.iter().position(|number| number == expected.last().unwrap()).unwrap();
    all_in_order(&came[..=end], &expected);
}
