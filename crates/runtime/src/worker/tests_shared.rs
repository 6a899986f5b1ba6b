//! What many receivers share: a record is written once, and turned into the other version once.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use watchpost_export::{Common, Delivery, InstanceInfo, Outcome, Receiver, ReceiverError, Selection};
use watchpost_model::{Diagnostics, Group, Id, Instant, Record, Severity, StreamTime, Timestamp};
use watchpost_schema::{SchemaId, Version};

use super::{
    Order, Worker,
    fake::{Bench, within},
};
use crate::{dead::DeadLetters, recorder::Recorder, status::ReceiverStatus, wanted::Wanted};

/// Of each version.
const RECEIVERS: usize = 25;
const RECORDS: u64 = 40;

/// Keeps what it is given.
#[derive(Default)]
struct Collector {
    got: Arc<Mutex<Vec<Bytes>>>,
    through: Option<u64>,
}

#[async_trait]
impl Receiver for Collector {
    async fn open(&mut self, _resume: Option<&[u8]>) -> Result<(), ReceiverError> {
        Ok(())
    }

    async fn send(&mut self, batch: Vec<Delivery>) -> Result<(), ReceiverError> {
        self.through = batch.last().map(|delivery| delivery.position).or(self.through);
        self.got.lock().extend(batch.into_iter().flat_map(|delivery| delivery.items).map(|item| item.json));
        Ok(())
    }

    async fn outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        match self.through.take() {
            Some(through) => Ok(vec![Outcome::Delivered { through, resume: None }]),
            None => std::future::pending().await,
        }
    }

    async fn close(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        Ok(Vec::new())
    }
}

fn group(frame_id: u64) -> Group {
    let at = Instant { frame_id, time: StreamTime::default(), timestamp: Timestamp(7), size: None };
    let record = Diagnostics { severity: Severity::Info, title: "t".into(), message: "m".into() };
    Group { at, records: vec![Record::Diagnostics(record)] }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_receivers_of_a_version_cost_one_serialisation() {
    let bench = Bench::new([]);
    let selections =
        [Version::V2, Version::V1].map(|v| Selection::Records([(SchemaId::Diagnostics, v)].into()));
    let wanted = Arc::new(Wanted::default());
    wanted.set(&selections);
    let info = InstanceInfo { id: Id::nil(), name: "Gate".into(), time_zone: "UTC".into(), lossless: true };
    let recorder = Recorder::new(bench.log.clone(), &info, Version::V2, wanted);
    let mut running = Vec::new();
    for (number, selection) in selections.iter().cycle().take(2 * RECEIVERS).enumerate() {
        let collector = Collector::default();
        let got = collector.got.clone();
        let status = Arc::new(ReceiverStatus::new(format!("r{number}"), "collector"));
        let (orders, ordered) = watch::channel(Order::Run);
        let dead = DeadLetters::open(&bench.journal, Id::nil(), &status.name).unwrap();
        let (log, common) = (bench.log.clone(), Common::default());
        let worker =
            Worker::new(log, selection.clone(), common, Box::new(collector), dead, status.clone(), ordered);
        running.push((got, status, orders, tokio::spawn(worker.unwrap().run())));
    }
    for frame in 0..RECORDS {
        recorder.record(&[&group(frame)], vec![], vec![]).unwrap();
    }
    let mut kept = Vec::new();
    let mut places = [HashSet::new(), HashSet::new()];
    for (number, (got, status, orders, task)) in running.into_iter().enumerate() {
        assert!(within("all to be delivered", status.drained(RECORDS)).await);
        orders.send_replace(Order::Stop);
        within("the worker to stop", task).await.unwrap();
        let got = got.lock();
        assert_eq!(got.len() as u64, RECORDS);
        // Kept until the end, so no two that live at once have one place.
        places[number % 2].extend(got.iter().map(|json| json.as_ptr() as usize));
        kept.extend(got.iter().cloned());
    }
    assert_eq!(recorder.counts.written.load(Ordering::Relaxed), RECORDS, "each was written once");
    for places in places {
        assert_eq!(places.len() as u64, RECORDS, "the receivers of a version share the bytes");
    }
}
