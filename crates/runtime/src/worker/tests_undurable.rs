//! What receivers get, and sources do, while the journal cannot be written (PRODUCT section 12 "Limits").

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::fake::{Bench, object, until};
use crate::{
    exports::Statuses,
    keeper::{Bounds, Keeper},
    status::{ReceiverStatus, State},
};

/// More than one object costs, less than ten.
const ROOM: u64 = 1500;

fn append(bench: &Bench, time_ms: i64) -> bool {
    bench.log.append(vec![object(time_ms)], vec![]).unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn live_what_is_not_durable_is_delivered_and_counted_and_what_has_no_room_is_not_taken() {
    let bench = Bench::blocked(false, Arc::default(), ROOM);
    let running = bench.start();
    let mut taken = 0;
    until("no room", || {
        let took = append(&bench, taken);
        taken += i64::from(took);
        !took && bench.log.entrance().passes_undurable()
    })
    .await;
    assert!(taken > 2, "{taken}");
    assert_eq!(bench.log.end(), taken as u64, "what was not taken has used up no position");
    running.drained(bench.log.end()).await;
    assert_eq!(bench.log.store().durable_end(), 0);
    assert_eq!(bench.seen.lock().delivered, (0..taken as u64).collect::<Vec<_>>());
    assert_eq!(running.status.snapshot(0).undurable, taken as u64);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_a_receiver_that_comes_later_finds_what_is_only_in_memory() {
    let bench = Bench::blocked(false, Arc::default(), 1 << 20);
    bench.start().stop().await;
    let first = bench.log.append((0..2000).map(object).collect(), vec![]).unwrap();
    assert_eq!(first, Some(0));
    until("blocked", || bench.log.entrance().passes_undurable()).await;
    let running = bench.start();
    assert!(append(&bench, 2000), "one more wakes nobody too early or never");
    running.orders.send_replace(super::Order::Run);
    until("delivered", || running.status.snapshot(0).delivered >= 1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_what_is_delivered_makes_room_and_one_that_hangs_costs_the_others_nothing() {
    for hangs in [false, true] {
        let bench = Bench::blocked(false, Arc::default(), 64 << 10);
        let running = bench.start();
        let stuck = Arc::new(ReceiverStatus::new("stuck", "fake"));
        let statuses = Statuses::default();
        statuses.write().push(running.status.clone());
        if hangs {
            statuses.write().push(stuck.clone());
        }
        let limits = watchpost_config::JournalLimits::default();
        let keeper = Keeper::new(bench.log.clone(), Bounds::new(&limits, false), statuses, Arc::default());
        let keeper = tokio::spawn(keeper.run());
        until("blocked", || append(&bench, 0) && bench.log.entrance().passes_undurable()).await;
        // Ten times what there is room for.
        for n in 0..3000 {
            until("room", || append(&bench, n)).await;
        }
        let end = bench.log.end();
        running.drained(end).await;
        assert_eq!(bench.log.store().durable_end(), 0);
        assert_eq!(bench.seen.lock().delivered, (0..end).collect::<Vec<_>>(), "hangs: {hangs}");
        assert_eq!(running.status.snapshot(end).dropped, 0);
        assert_eq!(stuck.state() == State::Overflowing, hangs);
        keeper.abort();
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lossless_nothing_is_delivered_that_is_not_durable_and_a_waiting_source_can_be_stopped() {
    let stop = Arc::new(AtomicBool::new(false));
    let bench = Bench::blocked(true, stop.clone(), ROOM);
    let running = bench.start();
    until("blocked", || {
        append(&bench, 0);
        bench.log.entrance().is_blocked()
    })
    .await;
    let (log, end) = (bench.log.clone(), bench.log.end());
    let source = tokio::task::spawn_blocking(move || {
        let mut taken = 0;
        while log.append(vec![object(1)], vec![]).unwrap().is_some() {
            taken += 1;
        }
        taken
    });
    until("full", || bench.log.end() > end + 1).await;
    assert!(!source.is_finished(), "it waits");
    stop.store(true, Ordering::Relaxed);
    let taken = super::fake::within("the source to stop", source).await.unwrap();
    assert_eq!(bench.log.end(), end + taken);
    assert!(bench.seen.lock().delivered.is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_told_once_when_it_begins() {
    let bench = Bench::blocked(false, Arc::default(), ROOM);
    append(&bench, 0);
    let entrance = bench.log.entrance();
    until("blocked", || entrance.is_blocked()).await;
    entrance.look(false);
    entrance.look(false);
    let notice = entrance.notices.next().unwrap();
    assert_eq!(notice.title, "Journal cannot be written");
    assert!(notice.message.contains("are kept free"), "{}", notice.message);
    assert_eq!(entrance.notices.next(), None);
}
