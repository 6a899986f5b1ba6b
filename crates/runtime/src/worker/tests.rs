//! Delivery under failure: order, retry, dead letters, orders.

use proptest::prelude::*;
use watchpost_export::{POISON_DEATHS, ReceiverError};
use watchpost_model::Id;

use super::{
    Order,
    fake::{Act, Bench, object, other, until, within},
};
use crate::{
    latest::{Said, tests::group_of},
    status::State,
};

fn retry() -> Act {
    Act::Fail(ReceiverError::Retry("gone".into()))
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Well),
        3 => (1usize..6).prop_map(Act::Deliver),
        1 => Just(Act::Refuse),
        1 => Just(retry()),
        1 => Just(Act::Fail(ReceiverError::Died("dead".into()))),
        1 => Just(Act::Fail(ReceiverError::Blocked("full".into()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever fails and whenever: everything arrives, in order, what was reported delivered never again, and
    /// what is refused or kills is a dead letter.
    #[test]
    fn nothing_is_lost_or_reordered_by_failures(
        script in prop::collection::vec(act(), 0..60),
        window in 1usize..10,
        others in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new(script);
            bench.window = window;
            let running = bench.start();
            let entries = others.iter().enumerate().map(|(n, skip)| if *skip { other() } else { object(n as i64) });
            bench.append(entries.collect());
            running.drained(others.len() as u64).await;
            running.stop().await;
            let seen = bench.seen.lock();
            let selected: Vec<u64> = (0..).zip(&others).filter(|(_, skip)| !**skip).map(|(n, _)| n).collect();
            let poisoned: Vec<u64> = bench.letters().iter()
                .filter(|letter| letter["reason"].as_str().unwrap().contains("died"))
                .map(|letter| letter["position"].as_u64().unwrap()).collect();
            let wanted: Vec<u64> = selected.into_iter().filter(|p| !poisoned.contains(p)).collect();
            assert_eq!(seen.delivered, wanted);
            for (_, sent) in &seen.sessions {
                assert!(sent.windows(2).all(|pair| pair[0] < pair[1]), "out of order: {sent:?}");
            }
            let cursor = bench.log.cursor("r").unwrap();
            assert_eq!(cursor.position, others.len() as u64);
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_unanswered_is_sent_again_from_the_cursor_with_what_was_to_resume() {
    let bench = Bench::new([Act::Well, Act::Well, Act::Deliver(3), retry()]);
    let running = bench.start();
    until("open", || !bench.seen.lock().sessions.is_empty()).await;
    bench.append_objects(6);
    running.drained(6).await;
    assert!(running.status.retried.load(std::sync::atomic::Ordering::Relaxed) >= 3);
    running.stop().await;
    let seen = bench.seen.lock();
    assert_eq!(seen.sessions[0], (None, vec![0, 1, 2, 3, 4, 5]));
    assert_eq!(seen.sessions[1], (Some("after 2".into()), vec![3, 4, 5]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_receiver_starts_at_the_end_and_a_known_one_where_it_was() {
    let bench = Bench::new([]);
    bench.append_objects(5);
    let running = bench.start();
    bench.append_objects(2);
    running.drained(7).await;
    running.stop().await;
    assert_eq!(bench.seen.lock().delivered, [5, 6]);
    bench.append_objects(3);
    let running = bench.start();
    running.drained(10).await;
    running.stop().await;
    let seen = bench.seen.lock();
    assert_eq!(seen.delivered, [5, 6, 7, 8, 9]);
    assert_eq!(seen.sessions.last().unwrap().0.as_deref(), Some(&b"after 6"[..]), "kept with the cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_delivery_is_a_durable_dead_letter_before_the_cursor_passes() {
    let bench = Bench::new([Act::Well, Act::Well, Act::Refuse]);
    let running = bench.start();
    until("open", || !bench.seen.lock().sessions.is_empty()).await;
    bench.append_objects(3);
    until("the cursor to pass", || running.status.cursor() > 0).await;
    assert_eq!(bench.letters().len(), 1, "durable by then: only that can be read");
    running.drained(3).await;
    let snapshot = running.status.snapshot(3);
    assert_eq!((snapshot.refused, snapshot.delivered), (1, 2), "what is refused is not delivered");
    running.stop().await;
    assert_eq!(bench.letters()[0]["position"], 0);
    assert_eq!(bench.letters()[0]["items"][0]["json"]["frame_time"], 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kills_the_receiver_five_times_is_a_dead_letter_and_the_rest_goes_on() {
    let bench = Bench::new([]);
    bench.seen.lock().kills = Some(2);
    let running = bench.start();
    bench.append_objects(5);
    running.drained(5).await;
    running.stop().await;
    let seen = bench.seen.lock();
    assert_eq!(seen.delivered, [0, 1, 3, 4]);
    let over_it = seen.sessions.iter().filter(|(_, sent)| sent.contains(&2)).count();
    assert_eq!(over_it, POISON_DEATHS as usize);
    assert_eq!(bench.letters().len(), 1);
    assert!(bench.letters()[0]["reason"].as_str().unwrap().contains("5 times in a row"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_receiver_waits_for_an_order() {
    let bench = Bench::new([Act::Fail(ReceiverError::Failed("no such folder".into()))]);
    let running = bench.start();
    bench.append_objects(1);
    running.reaches("failed", |state| *state == State::Failed).await;
    assert_eq!(running.status.snapshot(1).problem.as_deref(), Some("no such folder"));
    tokio::task::yield_now().await;
    assert!(bench.seen.lock().sessions.is_empty(), "not tried again by itself");
    running.orders.send_replace(Order::Run);
    running.reaches("running", |state| *state == State::Running).await;
    running.drained(1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn states_are_shown_as_they_are() {
    let blocked = || Act::Fail(ReceiverError::Blocked("disk full".into()));
    let bench = Bench::new([blocked(), retry()]);
    let (mut worker, status, orders) = bench.worker();
    worker.backoff = crate::backoff::Backoff::default();
    let running = super::fake::Running { status, orders, task: tokio::spawn(worker.run()) };
    running.reaches("blocked", |state| *state == State::Blocked).await;
    running.reaches("waiting", |state| matches!(state, State::Waiting { .. })).await;
    assert!(running.status.snapshot(0).retry_in_ms.is_some_and(|ms| ms <= 200));
    running.reaches("running", |state| *state == State::Running).await;
    assert_eq!(running.status.snapshot(0).problem, None);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_while_open_send_or_outcomes_hang_it_keeps_its_cursor() {
    for well_before in 0..3 {
        let mut script = vec![Act::Well; well_before];
        script.push(Act::Hang);
        let bench = Bench::new(script);
        let running = bench.start();
        bench.append_objects(3);
        until("the receiver to hang", || bench.seen.lock().hanging).await;
        running.stop().await;
        assert_eq!(bench.log.cursor("r").unwrap().position, 0, "its cursor stays");
        bench.append_objects(1);
        let running = bench.start();
        running.drained(4).await;
        assert_eq!(bench.seen.lock().delivered, [0, 1, 2, 3]);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_ends_when_nobody_can_order_it_any_more() {
    let bench = Bench::new([Act::Well, Act::Hang]);
    let running = bench.start();
    bench.append_objects(1);
    until("the receiver to hang", || bench.seen.lock().hanging).await;
    drop(running.orders);
    within("the worker to end", running.task).await.unwrap();
    assert_eq!(bench.seen.lock().closed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_events_hear_who_has_them_and_who_has_refused_them() {
    let bench = Bench::new([Act::Well, Act::Well, Act::Refuse]);
    let running = bench.start();
    until("open", || !bench.seen.lock().sessions.is_empty()).await;
    let latest = bench.log.latest();
    latest.take(&[1, 2, 3].map(group_of));
    // Told before it is there, as the recorder does it.
    latest.enters(Id::from_u128(1), 0);
    latest.enters(Id::from_u128(2), 2);
    bench.append_objects(4);
    running.drained(4).await;
    running.stop().await;
    let said: Vec<Vec<_>> =
        latest.all().iter().map(|event| event.known().marks.iter().map(|mark| mark.said).collect()).collect();
    assert_eq!(said, [vec![Said::Refused { letter: 0 }], vec![Said::Delivered], vec![]]);
}
