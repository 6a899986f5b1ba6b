//! Against what a broker may answer, packet by packet.

use serde_json::json;
use watchpost_schema::{SchemaId, Version};
use watchpost_template::Template;

use super::*;
use crate::{Item, ItemKind, format::InstanceInfo, metadata::Data, mqtt::Topics};

const LIMITS: Limits =
    Limits { protocol: Protocol::V5, receive_max: u16::MAX, max_packet: 100_000, expiry_s: None };

fn window(qos: QoS) -> Window {
    let instance = InstanceInfo {
        id: "8a329a3f-d9fc-e038-3435-676656695b07".parse().unwrap(),
        name: "Gate".to_owned(),
        time_zone: "UTC".to_owned(),
        lossless: true,
    };
    let topics = Topics::new(Template::parse("w/{sys.count}").unwrap(), &instance);
    Window::new(Maker::new(topics, (qos, false), true, Data::Objects, false))
}

fn delivery(position: u64, items: usize) -> Delivery {
    let kind = ItemKind::Record("track".parse::<SchemaId>().unwrap(), Version::V2);
    let item = |n| Item { kind, json: json!({"position": position, "n": n}).to_string().into() };
    Delivery { position, time_ms: 0, items: (0..items).map(item).collect() }
}

/// Takes them, and sends what may be sent: packet types, with the identifiers of publishes.
fn sent(window: &mut Window, positions: std::ops::Range<u64>) -> Vec<(u8, u16)> {
    positions.for_each(|position| window.take(delivery(position, 1)));
    let mut out = BytesMut::new();
    assert!(!window.fill(&LIMITS, true, &mut out, 1 << 20));
    let mut packets = Vec::new();
    while out.len() > 1 {
        // Small packets: one or two bytes of length, then for a PUBLISH the topic and the identifier.
        let long = usize::from(out[1] >> 7);
        let length = usize::from(out[1] & 0x7F) + (usize::from(out[1 + long]) * 128) * long;
        let packet = out.split_to(2 + long + length);
        let body = &packet[2 + long..];
        let topic = if packet[0] >> 4 == 3 { 2 + usize::from(body[1]) } else { 0 };
        packets.push((packet[0], u16::from_be_bytes([body[topic], body[topic + 1]])));
    }
    packets
}

fn through(window: &mut Window) -> Option<u64> {
    window.outcomes().into_iter().find_map(|outcome| match outcome {
        Outcome::Delivered { through, .. } => Some(through),
        Outcome::Refused { .. } => None,
    })
}

const OK: Reason = Reason { code: 0, text: None };
const PUBLISH_2: u8 = 0x34;
const AGAIN_2: u8 = 0x3C;
const RELEASE: u8 = 0x62;

#[test]
fn a_resumed_session_goes_on_with_the_same_identifiers() {
    let mut window = window(QoS::ExactlyOnce);
    assert_eq!(sent(&mut window, 0..3), [(PUBLISH_2, 1), (PUBLISH_2, 2), (PUBLISH_2, 3)]);
    window.received(1, &OK).unwrap();
    window.received(2, &OK).unwrap();
    assert_eq!(sent(&mut window, 0..0), [(RELEASE, 1), (RELEASE, 2)]);
    window.completed(2);
    assert_eq!(through(&mut window), None, "the first one is not done");
    window.restart(true, Resume::default());
    assert_eq!(sent(&mut window, 0..4), [(RELEASE, 1), (AGAIN_2, 3), (PUBLISH_2, 4)]);
    window.completed(1);
    assert_eq!(through(&mut window), Some(1));
}

#[test]
fn a_connection_that_ends_before_it_was_given_anything_forgets_nothing() {
    let mut window = window(QoS::ExactlyOnce);
    sent(&mut window, 0..3);
    for _ in 0..3 {
        window.restart(true, Resume::default());
        assert!(!window.has_leftovers());
    }
    assert_eq!(sent(&mut window, 0..1), [(AGAIN_2, 1)]);
    window.restart(true, Resume::default());
    assert_eq!(sent(&mut window, 0..4), [(AGAIN_2, 1), (AGAIN_2, 2), (AGAIN_2, 3), (PUBLISH_2, 4)]);
    // One that never comes again leaves its identifier with the broker.
    window.restart(true, Resume::default());
    sent(&mut window, 2..5);
    assert!(window.has_leftovers());
}

#[test]
fn an_answer_that_comes_twice_does_not_settle_the_next_message_of_its_number() {
    let mut window = window(QoS::ExactlyOnce);
    sent(&mut window, 0..1);
    window.received(1, &OK).unwrap();
    window.received(1, &OK).unwrap();
    assert_eq!(sent(&mut window, 0..0), [(RELEASE, 1)], "released once");
    window.completed(1);
    assert_eq!(through(&mut window), Some(0));
    window.last_id = 0;
    assert_eq!(sent(&mut window, 1..2), [(PUBLISH_2, 1)]);
    window.completed(1);
    window.acked(9, &OK).unwrap();
    assert_eq!(through(&mut window), None, "it has not been received yet");
}

#[test]
fn without_its_session_everything_unanswered_is_sent_anew_and_nothing_that_was_taken() {
    let mut window = window(QoS::AtLeastOnce);
    assert_eq!(sent(&mut window, 0..3).len(), 3);
    window.acked(2, &OK).unwrap();
    window.restart(false, Resume::default());
    assert_eq!(sent(&mut window, 0..4), [(0x3A, 3 + 1), (0x3A, 5), (0x32, 6)]);
    (4..=6).for_each(|id| window.acked(id, &OK).unwrap());
    assert_eq!(through(&mut window), Some(3));
    assert_eq!(window.progress.counts.last(""), 4, "topics were made once");
}

#[test]
fn too_large_a_group_is_split_and_too_large_a_record_refused() {
    let mut window = window(QoS::AtLeastOnce);
    window.take(delivery(7, 3));
    let mut out = BytesMut::new();
    window.fill(&Limits { max_packet: 110, ..LIMITS }, true, &mut out, 1 << 20);
    assert_eq!(window.in_flight, 3);
    window.acked(1, &OK).unwrap();
    window.acked(2, &Reason { code: 0x95, text: None }).unwrap();
    window.acked(3, &OK).unwrap();
    let outcomes = window.outcomes();
    assert!(matches!(&outcomes[0], Outcome::Refused { position: 7, item: Some(1), .. }), "{outcomes:?}");
    assert_eq!(outcomes[1..].len(), 1);
}
