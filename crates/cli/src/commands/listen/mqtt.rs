use std::{
    io::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use bytes::BytesMut;
use clap::Args;
use rmqtt_codec::{
    types::Publish,
    v3, v5,
    version::{ProtocolVersion, VersionCodec},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    time::timeout,
};
use tokio_util::codec::{Decoder, Encoder};

use super::{connections, plain};
use crate::{Global, exit::Exit};

/// Longest packet taken; with more the connection ends. A group with crops of a 4K frame is some megabytes.
const MAX_PACKET_BYTES: u32 = 64 << 20;
/// Bytes of a message that are printed, unless JSON is: a picture would fill the terminal.
const SHOWN_BYTES: usize = 2048;
/// Connections at once: an instance has one for each export.
const MAX_CONNECTIONS: usize = 256;
/// Time to say who connects.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Take messages as an MQTT broker does, print and acknowledge them
///
/// Speaks versions 5 and 3.1.1, takes every login and every topic, and hands nothing on: whoever subscribes is
/// refused. Prints a line for each message and its text below it; with --verbose the user properties too, with
/// --json one object a message. Ctrl-C ends it, or --count.
#[derive(Args)]
pub(crate) struct Mqtt {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:1883")]
    address: SocketAddr,
    /// End after so many messages.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// What every connection needs.
struct Broker {
    verbose: bool,
    json: bool,
    last: Option<u64>,
    count: AtomicU64,
    done: Notify,
}

/// What is to be said to a client.
enum Answer {
    Nothing,
    Packets,
    Goodbye,
}

/// A client's codec, by its version.
enum Codec {
    V5(v5::Codec),
    V3(v3::Codec),
}

impl Mqtt {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let broker = Arc::new(Broker {
            verbose: global.verbose > 0,
            json: global.json,
            last: self.count,
            count: AtomicU64::new(0),
            done: Notify::new(),
        });
        let (all, done) = (broker.clone(), broker.done.notified());
        let talk = move |stream, _| {
            let broker = all.clone();
            async move { broker.talk(stream).await }
        };
        connections::take("mqtt", self.address, MAX_CONNECTIONS, done, talk)?;
        eprintln!("{} messages", broker.count.load(Ordering::Relaxed));
        Ok(Exit::Done)
    }
}

impl Broker {
    async fn talk(&self, mut stream: TcpStream) -> anyhow::Result<()> {
        stream.set_nodelay(true)?;
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        let asked = timeout(CONNECT_TIMEOUT, async {
            loop {
                if let Some(version) = VersionCodec.decode(&mut input).context("not MQTT 3.1.1 or 5")? {
                    return anyhow::Ok(Some(version));
                }
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(None);
                }
            }
        });
        let Some(version) = asked.await.context("it has not said who it is in time")?? else { return Ok(()) };
        let mut codec = match version {
            ProtocolVersion::MQTT5 => Codec::V5(v5::Codec::new(MAX_PACKET_BYTES, 0)),
            ProtocolVersion::MQTT3 => Codec::V3(v3::Codec::new(MAX_PACKET_BYTES)),
        };
        loop {
            loop {
                match self.next(&mut codec, &mut input, &mut out)? {
                    Answer::Packets => {}
                    Answer::Nothing => break,
                    Answer::Goodbye => return Ok(()),
                }
            }
            // Acknowledged only when printed.
            stream.write_all_buf(&mut out).await?;
            if self.last.is_some_and(|last| self.count.load(Ordering::Relaxed) >= last) {
                self.done.notify_one();
            }
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Takes the next packet off `input`; what is to be answered goes to `out`.
    fn next(&self, codec: &mut Codec, input: &mut BytesMut, out: &mut BytesMut) -> anyhow::Result<Answer> {
        match codec {
            Codec::V5(codec) => {
                let Some((packet, _)) = codec.decode(input)? else { return Ok(Answer::Nothing) };
                self.five(codec, packet, out)
            }
            Codec::V3(codec) => {
                let Some((packet, _)) = codec.decode(input)? else { return Ok(Answer::Nothing) };
                self.three(codec, packet, out)
            }
        }
    }

    fn five(&self, codec: &mut v5::Codec, packet: v5::Packet, out: &mut BytesMut) -> anyhow::Result<Answer> {
        use v5::Packet;
        let taken = |packet_id| v5::PublishAck {
            packet_id,
            reason_code: v5::PublishAckReason::Success,
            properties: Vec::new(),
            reason_string: None,
        };
        let answer = match packet {
            Packet::Connect(connect) => {
                self.greet("5", &connect.client_id);
                v5::ConnectAck { max_packet_size: Some(MAX_PACKET_BYTES), ..v5::ConnectAck::default() }.into()
            }
            Packet::Publish(publish) => {
                if !self.print(&publish) {
                    return Ok(Answer::Goodbye);
                }
                match (publish.qos, publish.packet_id) {
                    (v5::QoS::AtLeastOnce, Some(id)) => Packet::PublishAck(taken(id)),
                    (v5::QoS::ExactlyOnce, Some(id)) => Packet::PublishReceived(taken(id)),
                    _ => return Ok(Answer::Packets),
                }
            }
            Packet::PublishRelease(release) => Packet::PublishComplete(v5::PublishAck2 {
                packet_id: release.packet_id,
                reason_code: v5::PublishAck2Reason::Success,
                properties: Vec::new(),
                reason_string: None,
            }),
            Packet::Subscribe(subscribe) => Packet::SubscribeAck(v5::SubscribeAck {
                packet_id: subscribe.packet_id,
                properties: Vec::new(),
                reason_string: Some("nothing is handed on here".into()),
                status: vec![v5::SubscribeAckReason::NotAuthorized; subscribe.topic_filters.len()],
            }),
            Packet::PingRequest => Packet::PingResponse,
            Packet::Disconnect(_) => return Ok(Answer::Goodbye),
            _ => bail!("a packet that no publisher sends"),
        };
        codec.encode(answer, out)?;
        Ok(Answer::Packets)
    }

    fn three(&self, codec: &mut v3::Codec, packet: v3::Packet, out: &mut BytesMut) -> anyhow::Result<Answer> {
        use v3::Packet;
        let answer = match packet {
            Packet::Connect(connect) => {
                self.greet("3.1.1", &connect.client_id);
                let return_code = v3::ConnectAckReason::ConnectionAccepted;
                Packet::ConnectAck(v3::ConnectAck { return_code, session_present: false })
            }
            Packet::Publish(publish) => {
                if !self.print(&publish) {
                    return Ok(Answer::Goodbye);
                }
                match (publish.qos, publish.packet_id) {
                    (v3::QoS::AtLeastOnce, Some(packet_id)) => Packet::PublishAck { packet_id },
                    (v3::QoS::ExactlyOnce, Some(packet_id)) => Packet::PublishReceived { packet_id },
                    _ => return Ok(Answer::Packets),
                }
            }
            Packet::PublishRelease { packet_id } => Packet::PublishComplete { packet_id },
            Packet::Subscribe { packet_id, topic_filters } => {
                let status = vec![v3::SubscribeReturnCode::Failure; topic_filters.len()];
                Packet::SubscribeAck { packet_id, status }
            }
            Packet::PingRequest => Packet::PingResponse,
            Packet::Disconnect => return Ok(Answer::Goodbye),
            _ => bail!("a packet that no publisher sends"),
        };
        codec.encode(answer, out)?;
        Ok(Answer::Packets)
    }

    fn greet(&self, version: &str, client: &str) {
        eprintln!("{} connects with version {version}", plain(client.as_bytes()));
    }

    /// False for what comes after the last that was asked for.
    fn print(&self, publish: &Publish) -> bool {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if self.last.is_some_and(|last| number >= last) {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let (qos, payload) = (publish.qos.value(), &publish.payload);
        let properties: Vec<(&str, &str)> = publish.properties.as_ref().map_or(Vec::new(), |properties| {
            properties.user_properties.iter().map(|(name, value)| (&**name, &**value)).collect()
        });
        let mut text = String::new();
        if self.json {
            let object = serde_json::json!({
                "topic": &*publish.topic, "qos": qos, "retain": publish.retain, "dup": publish.dup,
                "properties": properties, "payload": String::from_utf8_lossy(payload),
            });
            text += &object.to_string();
        } else {
            let retain = if publish.retain { ", retained" } else { "" };
            let again = if publish.dup { ", sent again" } else { "" };
            let topic = plain(publish.topic.as_bytes());
            text += &format!("{topic}  {} bytes, QoS {qos}{retain}{again}\n", payload.len());
            for (name, value) in properties.iter().filter(|_| self.verbose) {
                text += &format!("  {}: {}\n", plain(name.as_bytes()), plain(value.as_bytes()));
            }
            text += &plain(&payload[..payload.len().min(SHOWN_BYTES)]);
            if payload.len() > SHOWN_BYTES {
                text += &format!(" ... ({} bytes more)", payload.len() - SHOWN_BYTES);
            }
        }
        text.push('\n');
        // One write, so that messages of several clients do not mix. A closed pipe is the reader's wish.
        let _closed = std::io::stdout().lock().write_all(text.as_bytes());
        true
    }
}
