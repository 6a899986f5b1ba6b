//! MQTT on the wire, as a publisher needs it: what it says, written by `rmqtt-codec`. What the broker answers is read in
//! [`super::answer`]. Sources: MQTT 3.1.1 and 5.0, OASIS; section numbers are those of 5.0.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{Bytes, BytesMut};
use rmqtt_codec::{types::Publish as Packet, v3, v5};
use tokio_util::codec::Encoder;

use super::answer::{MAX_ANSWER_BYTES, Protocol};

pub(crate) use rmqtt_codec::types::QoS;

/// Who connects.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<Bytes>,
    pub keep_alive_s: u16,
    pub will: Option<Will>,
    /// The broker is to forget what it remembers of this client.
    pub clean: bool,
    /// How long the broker remembers it when the connection is gone; 0: not at all.
    pub session_expiry_s: u32,
}

/// What the broker publishes when the connection is lost.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub topic: String,
    pub message: Bytes,
    pub qos: QoS,
    pub retain: bool,
}

/// One PUBLISH.
pub(crate) struct Publish<'a> {
    pub topic: &'a str,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    pub dup: bool,
    /// None for QoS 0.
    pub id: Option<NonZeroU16>,
    pub expiry_s: Option<NonZeroU32>,
    /// Not JSON but a JPEG file.
    pub is_jpeg: bool,
    pub properties: &'a [(&'static str, String)],
}

/// Appends CONNECT.
pub(crate) fn connect(protocol: Protocol, hello: &Hello, out: &mut BytesMut) {
    let will = hello.will.as_ref();
    match protocol {
        Protocol::V5 => {
            let connect = v5::Connect {
                clean_start: hello.clean,
                keep_alive: hello.keep_alive_s,
                session_expiry_interval_secs: hello.session_expiry_s,
                auth_method: None,
                auth_data: None,
                request_problem_info: true,
                request_response_info: false,
                receive_max: None,
                topic_alias_max: 0,
                user_properties: Vec::new(),
                max_packet_size: NonZeroU32::new(MAX_ANSWER_BYTES as u32),
                last_will: will.map(|will| v5::LastWill {
                    qos: will.qos,
                    retain: will.retain,
                    topic: will.topic.as_str().into(),
                    message: will.message.clone(),
                    will_delay_interval_sec: None,
                    correlation_data: None,
                    message_expiry_interval: None,
                    content_type: None,
                    user_properties: Vec::new(),
                    is_utf8_payload: Some(true),
                    response_topic: None,
                }),
                client_id: hello.client_id.as_str().into(),
                username: hello.username.as_deref().map(Into::into),
                password: hello.password.clone(),
                cert: None,
            };
            write(v5::Codec::default().encode(connect.into(), out), "CONNECT");
        }
        Protocol::V311 => {
            let connect = v3::Connect {
                protocol: Default::default(),
                clean_session: hello.clean,
                keep_alive: hello.keep_alive_s,
                last_will: will.map(|will| v3::LastWill {
                    qos: will.qos,
                    retain: will.retain,
                    topic: will.topic.as_str().into(),
                    message: will.message.clone(),
                }),
                client_id: hello.client_id.as_str().into(),
                username: hello.username.as_deref().map(Into::into),
                password: hello.password.clone(),
                cert: None,
            };
            write(v3::Codec::default().encode(connect.into(), out), "CONNECT");
        }
    }
}

/// Appends PUBLISH.
pub(crate) fn publish(protocol: Protocol, publish: Publish<'_>, out: &mut BytesMut) {
    let packet = Packet {
        dup: publish.dup,
        retain: publish.retain,
        qos: publish.qos,
        topic: publish.topic.into(),
        packet_id: publish.id,
        payload: publish.payload,
        properties: (protocol == Protocol::V5).then(|| v5::PublishProperties {
            message_expiry_interval: publish.expiry_s,
            content_type: Some(bytestring::ByteString::from_static(content_type(publish.is_jpeg))),
            is_utf8_payload: !publish.is_jpeg,
            user_properties: publish
                .properties
                .iter()
                .map(|(name, value)| (bytestring::ByteString::from_static(name), value.as_str().into()))
                .collect(),
            ..v5::PublishProperties::default()
        }),
    };
    match protocol {
        Protocol::V5 => write(v5::Codec::default().encode(packet.into(), out), "PUBLISH"),
        Protocol::V311 => write(v3::Codec::default().encode(packet.into(), out), "PUBLISH"),
    }
}

fn content_type(is_jpeg: bool) -> &'static str {
    if is_jpeg { "image/jpeg" } else { "application/json" }
}

/// Appends a PUBLISH that nobody answers, and that the broker keeps.
pub(crate) fn note(protocol: Protocol, topic: &str, payload: Bytes, out: &mut BytesMut) {
    let note = Publish {
        topic,
        payload,
        qos: QoS::AtMostOnce,
        retain: true,
        dup: false,
        id: None,
        expiry_s: None,
        is_jpeg: false,
        properties: &[],
    };
    publish(protocol, note, out);
}

/// Appends PUBREL: the same two bytes of header and a packet identifier in both versions (a reason of success is
/// left out, section 3.6.2.1).
pub(crate) fn release(id: u16, out: &mut BytesMut) {
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[0x62, 2, high, low]);
}

/// Appends PINGREQ.
pub(crate) fn ping(out: &mut BytesMut) {
    out.extend_from_slice(&[0xC0, 0]);
}

/// Appends DISCONNECT: in order, the will is not published. `forget`: nor is the session to be kept, where that can
/// be said (section 3.14.2.2.2).
pub(crate) fn disconnect(protocol: Protocol, forget: bool, out: &mut BytesMut) {
    match protocol {
        Protocol::V5 if forget => out.extend_from_slice(&[0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0]),
        _ => out.extend_from_slice(&[0xE0, 0]),
    }
}

/// Bytes of the PUBLISH with a payload of so many bytes.
pub(crate) fn publish_bytes(protocol: Protocol, publish: &Publish<'_>, payload: usize) -> usize {
    let mut content = 2 + publish.topic.len() + payload + if publish.id.is_some() { 2 } else { 0 };
    if protocol == Protocol::V5 {
        let named: usize = publish.properties.iter().map(|(name, value)| 5 + name.len() + value.len()).sum();
        let expiry = if publish.expiry_s.is_some() { 5 } else { 0 };
        let indicator = if publish.is_jpeg { 0 } else { 2 };
        let properties = indicator + (3 + content_type(publish.is_jpeg).len()) + named + expiry;
        content += properties + length_bytes(properties);
    }
    1 + length_bytes(content) + content
}

/// Bytes of a variable byte integer (section 1.5.5).
fn length_bytes(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// What goes in was checked when the export was planned and the message was made: texts below 64 KiB, packets
/// below the limit. Should that ever be wrong, the broker never sees the packet and the export shows that it waits.
fn write(result: Result<(), rmqtt_codec::error::EncodeError>, what: &str) {
    if let Err(error) = result {
        tracing::error!("a {what} that cannot be written got through the checks: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_is_as_long_as_it_was_reckoned() {
        let named = [("schema", "event-intrusion:2".to_owned()), ("schema", "crop:2".to_owned())];
        for protocol in [Protocol::V5, Protocol::V311] {
            for payload in [0, 1, 100, 127, 128, 16_000, 16_383, 20_000, 2_097_152] {
                for (id, expiry_s) in [(None, None), (NonZeroU16::new(7), NonZeroU32::new(9))] {
                    let qos = if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
                    let properties = if payload == 100 { &named[..0] } else { &named[..] };
                    let payload = Bytes::from(vec![b'x'; payload]);
                    let one = Publish {
                        topic: "a/ä",
                        payload: payload.clone(),
                        qos,
                        retain: true,
                        dup: false,
                        id,
                        expiry_s,
                        is_jpeg: payload.len() == 100,
                        properties,
                    };
                    let reckoned = publish_bytes(protocol, &one, payload.len());
                    let mut out = BytesMut::new();
                    publish(protocol, one, &mut out);
                    assert_eq!(reckoned, out.len(), "{protocol:?} {} {id:?}", payload.len());
                }
            }
        }
    }
}
