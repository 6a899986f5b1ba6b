//! What moves the cursor without a delivery: bounds, entries of no concern, `every_s`, pauses between tries.

use std::sync::atomic::Ordering;

use watchpost_export::{BehindMax, ReceiverError, WhenBehind};

use super::fake::{Act, Bench, Running, json, object, other, until};
use crate::{backoff::Backoff, status::State};

/// A bench whose receiver has a cursor at 0, as left by a run before.
async fn known(bound: BehindMax) -> Bench {
    let mut bench = Bench::new([]);
    bench.start().stop().await;
    *bench.seen.lock() = Default::default();
    bench.common.when_behind = WhenBehind::DropOldest;
    bench.common.behind_max = Some(bound);
    bench
}

fn dropped(running: &Running) -> u64 {
    running.status.dropped.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_oldest_by_records_counts_what_was_selected_only() {
    let bench = known(BehindMax { records: Some(3), ..BehindMax::default() }).await;
    let mixed = (0..10).flat_map(|n| std::iter::once(object(n)).chain((0..20).map(|_| other())));
    bench.append(mixed.collect());
    let running = bench.start();
    running.drained(210).await;
    assert_eq!(bench.seen.lock().delivered, [147, 168, 189]);
    assert_eq!(dropped(&running), 7);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_oldest_by_bytes_and_by_seconds() {
    let size = json(10).len() as u64;
    for bound in [
        BehindMax { bytes: Some(2 * size), ..BehindMax::default() },
        BehindMax { seconds: Some(0.0015), ..BehindMax::default() },
    ] {
        let bench = known(bound).await;
        bench.append((10..20).map(object).collect());
        let running = bench.start();
        running.drained(10).await;
        assert_eq!(bench.seen.lock().delivered, [8, 9], "{bound:?}");
        assert_eq!(dropped(&running), 8);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_always_busy_is_bounded_too_and_shown_as_overflowing() {
    let mut bench = known(BehindMax { records: Some(2), ..BehindMax::default() }).await;
    bench.window = 2;
    bench.seen.lock().script = [Act::Well, Act::Well, Act::Deliver(1), Act::Well, Act::Hang].into();
    bench.append_objects(2);
    let running = bench.start();
    until("hanging", || bench.seen.lock().hanging || bench.seen.lock().delivered.len() == 2).await;
    bench.seen.lock().script.clear();
    bench.append_objects(8);
    running.orders.send_replace(super::Order::Run);
    running.drained(10).await;
    running.stop().await;
    let seen = bench.seen.lock();
    assert_eq!(seen.delivered.last(), Some(&9));
    assert!(seen.delivered.len() >= 4, "{:?}", seen.delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn overflowing_is_shown_until_something_is_delivered() {
    let bench = known(BehindMax { records: Some(1), ..BehindMax::default() }).await;
    bench.append_objects(5);
    bench.seen.lock().script = [Act::Well, Act::Well, Act::Hang].into();
    let running = bench.start();
    running.reaches("overflowing", |state| *state == State::Overflowing).await;
    assert!(running.status.snapshot(5).problem.unwrap().starts_with("4 of the oldest"));
    let notices = &bench.log.entrance().notices;
    assert!(notices.next().unwrap().message.contains("4 of the oldest"));
    assert_eq!(notices.next(), None);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_lost_before_it_was_delivered_is_counted() {
    let mut bench = Bench::new([]);
    bench.start().stop().await;
    bench.append_objects(10);
    bench.log.store().trim(4).unwrap();
    // A new handle has no recent entries in memory.
    bench.log = crate::log::InstanceLog::new(bench.journal.log("test").unwrap());
    let running = bench.start();
    running.drained(10).await;
    assert_eq!(dropped(&running), 4);
    running.stop().await;
    assert_eq!(bench.seen.lock().delivered, [4, 5, 6, 7, 8, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_no_concern_move_the_cursor_and_are_kept_soon() {
    let bench = Bench::new([]);
    let running = bench.start();
    bench.append((0..100).map(|_| other()).collect());
    running.drained(100).await;
    until("kept within a second or so", || bench.log.cursor("r").unwrap().position == 100).await;
    assert!(bench.seen.lock().delivered.is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_s_selects_the_same_after_a_restart_or_a_failure() {
    let mut bench =
        Bench::new([Act::Well, Act::Well, Act::Deliver(1), Act::Fail(ReceiverError::Retry("x".into()))]);
    bench.common.every_s = Some(1.0);
    let running = bench.start();
    bench.append((0..10).map(|n| object(n * 400)).collect());
    running.drained(10).await;
    running.stop().await;
    let running = bench.start();
    bench.append((10..20).map(|n| object(n * 400)).collect());
    running.drained(20).await;
    running.stop().await;
    // 0, 1200, 2000, 3200 ms; 3600 and 4000, 5200, 6000, 7200 ms.
    assert_eq!(bench.seen.lock().delivered, [0, 3, 5, 8, 10, 13, 15, 18]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_start_over_with_a_delivery_but_not_between_deaths() {
    for (error, starts_over) in
        [(ReceiverError::Retry("gone".into()), true), (ReceiverError::Died("dead".into()), false)]
    {
        let bench = Bench::new([]);
        let (mut worker, ..) = bench.worker();
        worker.backoff = Backoff::quick();
        bench.append_objects(1);
        worker.after_failure(error, std::time::Duration::ZERO).await;
        let _ = worker.read(1).await.unwrap();
        let all = vec![watchpost_export::Outcome::Delivered { through: 0, resume: None }];
        worker.settle(all).await.unwrap();
        assert_eq!(worker.backoff.failures() == 0, starts_over);
        worker.after_failure(ReceiverError::Died("dead".into()), std::time::Duration::from_secs(61)).await;
        assert_eq!(worker.backoff.failures(), 1, "a good minute starts over");
    }
}
