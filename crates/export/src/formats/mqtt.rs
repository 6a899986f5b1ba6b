//! MQTT: records and stream objects published to a broker.

use std::{fmt, num::NonZeroU32};

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_config::Problem;
use watchpost_schema::SchemaId;
use watchpost_template::Template;

use crate::{
    common::{Crops, Shape},
    dynamic::Dynamic,
    format::{DataKind, Format, InstanceInfo, Output, Plan, Request, Selection},
    metadata::Data,
    mqtt::{Address, Hello, Home, Maker, MqttReceiver, QoS, Target, TlsFiles, Topics, Will, end_of, fault},
    selection,
    settings::{self, problem},
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "mqtt",
    title: "MQTT",
    summary: "Messages to an MQTT broker, each acknowledged by it",
    schemes: &["mqtt", "mqtts"],
    accepts: &[DataKind::Records, DataKind::Objects, DataKind::Table],
    viewers: false,
    example: r#"{"uri": "mqtt://localhost:1883/watchpost/{instance.name|slug}/events", "sink": "", "config": {"schema_events": ["event-intrusion:2", "event-intrusion-end:2"], "qos": 1}}"#,
    settings: crate::settings::schema::<Settings>,
    plan,
};

/// Keys of `config`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The topic, a dynamic string, in place of the one in the URI. Values in it lose `/`, `+` and `#`. A group's
    /// topic is made from its event.
    #[garde(skip)]
    topic: Option<String>,
    /// 0: sent, without a promise; 1: the broker acknowledges, and may get a message twice; 2: it gets it once.
    #[garde(range(max = 2))]
    qos: u8,
    /// The broker keeps the last message of each topic for whoever subscribes later.
    #[garde(skip)]
    retain: bool,
    /// The protocol's version. 5 falls back to 3.1.1 where the broker does not speak it. With 3.1.1 a broker cannot
    /// say that it does not allow a topic: such messages count as delivered.
    #[garde(skip)]
    version: Version,
    /// The user to log in as; in place of one in the URI.
    #[garde(inner(length(max = 65535)))]
    username: Option<String>,
    /// Its password. Never shown or logged.
    #[garde(skip)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    password: Option<Secret>,
    /// PEM file with the certificate authorities to trust, with `mqtts://`. Absent: those of the system. Relative to
    /// the instance file (under `serve`: the data folder), as the next two.
    #[garde(skip)]
    certificate_path: Option<String>,
    /// PEM file with the client's certificate, if the broker asks for one.
    #[garde(skip)]
    client_certificate_path: Option<String>,
    /// PEM file with its key.
    #[garde(skip)]
    client_key_path: Option<String>,
    /// Who this is to the broker; no two clients may be the same. Absent: one made of machine, instance and export.
    #[garde(inner(length(min = 1, max = 65535)))]
    client_id: Option<String>,
    /// Seconds after which a silent broker counts as lost, 0 to 65 535; 0 asks it for no sign of life.
    #[garde(skip)]
    keep_alive_s: u16,
    /// Seconds after which the broker drops a message that nobody has fetched (version 5 only). Absent: never.
    #[garde(inner(range(min = 1)))]
    expiry_s: Option<u32>,
    /// JSON without line breaks and spaces; otherwise indented.
    #[garde(skip)]
    minify: bool,
    /// Pictures inside stream objects are base64; otherwise left out. Records have theirs by subscribing to `crop`.
    #[garde(skip)]
    encode_buffers: bool,
    /// What the broker publishes when the connection is lost without a goodbye.
    #[garde(dive)]
    last_will: Option<LastWill>,
    /// Areas, lines and the last crop become entities of Home Assistant, which finds them by itself. Of records of
    /// events only. Absent: nothing is said to it.
    #[garde(dive)]
    home_assistant: Option<HomeAssistant>,
}

/// What Home Assistant is told.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct HomeAssistant {
    /// Its discovery prefix, as its MQTT integration is set up.
    #[garde(length(min = 1, max = 256))]
    prefix: String,
}

impl Default for HomeAssistant {
    fn default() -> Self {
        Self { prefix: "homeassistant".to_owned() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            topic: None,
            qos: 1,
            retain: false,
            version: Version::V5,
            username: None,
            password: None,
            certificate_path: None,
            client_certificate_path: None,
            client_key_path: None,
            client_id: None,
            keep_alive_s: KEEP_ALIVE_S,
            expiry_s: None,
            minify: true,
            encode_buffers: true,
            last_will: None,
            home_assistant: None,
        }
    }
}

/// Short enough that an outage shows within the minute, long enough for a broker that writes its state to a slow
/// disk.
const KEEP_ALIVE_S: u16 = 30;

/// A session that nobody returns to is forgotten after this time: longer than a broker's restart takes.
const SESSION_EXPIRY_S: u32 = 3600;

/// The protocol's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V5,
    V311,
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        match (value.as_u64(), value.as_str()) {
            (Some(5), _) | (_, Some("5" | "5.0")) => Ok(Self::V5),
            (_, Some("3.1.1")) => Ok(Self::V311),
            _ => Err(serde::de::Error::custom(format!(
                "invalid value: `{value}`, expected `5` or `\"3.1.1\"`"
            ))),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::V5 => serializer.serialize_u8(5),
            Self::V311 => serializer.serialize_str("3.1.1"),
        }
    }
}

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"enum": [5, "3.1.1"]})
    }
}

/// A text that is not shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the broker publishes when the connection is lost.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct LastWill {
    /// Its topic; of dynamic strings only `{instance.id}` and `{instance.name}`.
    #[garde(length(min = 1, max = 1024))]
    topic: String,
    /// Its text.
    #[garde(length(max = 65535))]
    #[serde(default)]
    message: String,
    /// Its QoS, 0 to 2.
    #[garde(range(max = 2))]
    #[serde(default)]
    qos: u8,
    /// Whether the broker keeps it.
    #[garde(skip)]
    #[serde(default)]
    retain: bool,
}

fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let handler = request.handler;
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let read = settings::read::<Settings>(handler, &mut problems);
    let selected = selection::select(handler, &FORMAT, &mut problems);
    let address = Address::parse(&handler.uri)
        .map_err(|(message, fix)| problems.push(problem(handler, "/uri", message, fix)))
        .ok();
    let own = read.as_ref().map(|(_, own)| own);
    let template = address.as_ref().and_then(|address| topic(request, own, address, &mut problems));
    let (Some((common, own)), Some(selection), Some(address), Some(template)) =
        (read, selected, address, template)
    else {
        return Err(problems);
    };
    let data = match common.shape.unwrap_or(Shape::Objects) {
        Shape::Objects => Some(Data::Objects),
        Shape::Tabular => selection::table(handler, &selection, &mut problems).map(Data::Table),
    };
    let tls = tls_files(request, &own, address.tls, &mut problems);
    let will = own.last_will.as_ref().and_then(|will| last_will(request, will, &mut problems));
    contradictions(request, &own, &mut problems);
    home_problems(request, &selection, &own, &mut problems);
    let Some(data) = data.filter(|_| problems.is_empty()) else { return Err(problems) };
    doubts(request, &own, &address, &mut warnings);
    home_doubts(request, &selection, &own, &mut warnings);

    let qos = level(own.qos);
    let topics = Topics::new(template, request.instance);
    let dynamic = Some(Dynamic::topic(topics.clone()));
    let maker = Maker::new(
        topics,
        (qos, own.retain),
        own.minify,
        data,
        // On disk they are files, and what stands in their place is a name.
        common.crops == Crops::None || common.crops == Crops::Inline && !own.encode_buffers,
    );
    let instance = request.instance;
    let client_id = own.client_id.clone().unwrap_or_else(|| client_id(instance, &handler.name));
    let home = own.home_assistant.as_ref().map(|home| Home::new(&home.prefix, &client_id, &instance.name));
    let will = home.as_ref().map(|home| unavailable(home, qos)).or(will);
    let hello = Hello {
        client_id,
        username: own.username.clone().or_else(|| address.username.clone()),
        password: own
            .password
            .as_ref()
            .map(|secret| secret.0.clone())
            .or_else(|| address.password.clone())
            .map(Into::into),
        keep_alive_s: own.keep_alive_s,
        will,
        clean: true,
        session_expiry_s: if own.qos == 0 { 0 } else { SESSION_EXPIRY_S },
    };
    let tries_v5 = own.version == Version::V5;
    let retain = own.retain || home.is_some();
    let target = Target { address, tls, tries_v5, hello, qos, retain };
    let maker = maker.with(home);
    let expiry_s = own.expiry_s.and_then(NonZeroU32::new);
    let receiver = move || -> Box<dyn crate::receiver::Receiver> {
        Box::new(MqttReceiver::new(target.clone(), expiry_s, maker.clone()))
    };
    Ok(Plan {
        format: &FORMAT,
        name: handler.name.clone(),
        selection,
        common,
        output: Output::Receiver(Box::new(receiver)),
        dynamic,
        warnings,
    })
}

/// `topic`, or what the URI says.
fn topic(
    request: &Request<'_>,
    own: Option<&Settings>,
    address: &Address,
    problems: &mut Vec<Problem>,
) -> Option<Template> {
    let handler = request.handler;
    let own = own.and_then(|own| own.topic.as_deref());
    let (text, pointer, offset) = match own {
        Some(topic) => (topic, "/config/topic", 0),
        None => (address.topic.as_deref().unwrap_or_default(), "/uri", address.topic_at),
    };
    if text.is_empty() {
        let fix = "write mqtt://host:port/topic, or set `config.topic`";
        problems.push(problem(handler, pointer, "names no topic", fix));
        return None;
    }
    match Template::parse(text) {
        Ok(template) => match fault(&template) {
            None => Some(template),
            Some((at, message, fix)) => {
                let message = format!("bad topic at character {}: {message}", at + offset);
                problems.push(problem(handler, pointer, message, fix));
                None
            }
        },
        Err(mut error) => {
            error.position += offset;
            problems.push(problem(handler, pointer, format!("bad dynamic string {error}"), ""));
            None
        }
    }
}

fn tls_files(request: &Request<'_>, own: &Settings, tls: bool, problems: &mut Vec<Problem>) -> TlsFiles {
    let handler = request.handler;
    let keys = [
        ("certificate_path", &own.certificate_path),
        ("client_certificate_path", &own.client_certificate_path),
        ("client_key_path", &own.client_key_path),
    ];
    for (key, _) in keys.iter().filter(|(_, path)| path.is_some() && !tls) {
        let pointer = format!("/config/{key}");
        problems.push(problem(
            handler,
            &pointer,
            "is for TLS only",
            "write mqtts:// in the URI, or remove it",
        ));
    }
    let path = |path: &Option<String>| path.as_ref().map(|path| request.paths.bare(path).path);
    let client = match (path(&own.client_certificate_path), path(&own.client_key_path)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (certificate, _) => {
            let (there, missing) = match certificate {
                Some(_) => ("client_certificate_path", "client_key_path"),
                None => ("client_key_path", "client_certificate_path"),
            };
            let message = format!("needs `{missing}` beside it");
            problems.push(problem(handler, &format!("/config/{there}"), message, format!("set `{missing}`")));
            None
        }
    };
    TlsFiles { authorities: path(&own.certificate_path), client }
}

fn last_will(request: &Request<'_>, will: &LastWill, problems: &mut Vec<Problem>) -> Option<Will> {
    let mut wrong = |message: String, fix: &str| {
        problems.push(problem(request.handler, "/config/last_will/topic", message, fix));
    };
    let template = match Template::parse(&will.topic) {
        Ok(template) => template,
        Err(error) => {
            wrong(format!("bad dynamic string {error}"), "");
            return None;
        }
    };
    if template.reads_object() || template.has_counts() || will.topic.contains("{sys.") {
        let message = "the last will is known before there is any object".to_owned();
        wrong(message, "of dynamic strings use only {instance.id} and {instance.name}");
        return None;
    }
    if let Some((at, message, fix)) = fault(&template) {
        wrong(format!("bad topic at character {at}: {message}"), fix);
        return None;
    }
    let topics = Topics::new(template, request.instance);
    let topic = topics.topic(b"{}", 0, &mut watchpost_template::Counts::default()).to_string();
    Some(Will { topic, message: will.message.clone().into(), qos: level(will.qos), retain: will.retain })
}

/// What Home Assistant reads when the connection is gone.
fn unavailable(home: &Home, qos: QoS) -> Will {
    Will { topic: home.availability_topic(), message: "offline".into(), qos, retain: true }
}

fn home_problems(request: &Request<'_>, selection: &Selection, own: &Settings, problems: &mut Vec<Problem>) {
    let Some(home) = &own.home_assistant else { return };
    let mut refuse = |key: &str, message: &str, fix: &str| {
        problems.push(problem(request.handler, &format!("/config/{key}"), message, fix));
    };
    let has_events = matches!(selection, Selection::Records(ids) if ids.keys().any(|id| id.is_event()));
    if !has_events {
        let fix = "set `sink` to \"\" and name some in `schema_events`, or take `home_assistant` out";
        refuse("home_assistant", "is told of events, and there are none in what is exported", fix);
    }
    if own.last_will.is_some() {
        let message =
            "a connection has one last will, and `home_assistant` needs it to say that nothing is available";
        refuse("last_will", message, "take one of the two out, or use an export for each");
    }
    if home.prefix.contains(['#', '+', '{', '}']) || home.prefix.starts_with(['$', '/']) {
        refuse(
            "home_assistant/prefix",
            "is no beginning of a topic",
            "expected for example \"homeassistant\"",
        );
    }
}

/// Starts without their end leave an area occupied for good; without starts it never is.
fn home_doubts(request: &Request<'_>, selection: &Selection, own: &Settings, warnings: &mut Vec<Problem>) {
    let Selection::Records(ids) = selection else { return };
    if own.home_assistant.is_none() {
        return;
    }
    let mut warn = |message: String, fix: String| {
        warnings.push(problem(request.handler, "/config/schema_events", message, fix));
    };
    let starts: Vec<_> = ids.keys().filter_map(|id| Some((*id, end_of(id.as_str())?))).collect();
    for (start, end) in starts.iter().filter(|(_, end)| !ids.contains_key(end)) {
        let message = format!("Home Assistant shows an area as occupied for good after `{start}`");
        warn(message, format!("subscribe to `{end}` too"));
    }
    let comes_and_goes = [SchemaId::EventAreaEnter, SchemaId::EventAreaExit];
    if starts.is_empty() && comes_and_goes.iter().any(|id| ids.contains_key(id)) {
        let fix = "subscribe to `event-intrusion` and `event-intrusion-end` too";
        warn(
            "Home Assistant never shows an area as occupied by these events alone".to_owned(),
            fix.to_owned(),
        );
    }
}

/// What each key may hold, but not in these combinations.
fn contradictions(request: &Request<'_>, own: &Settings, problems: &mut Vec<Problem>) {
    let mut refuse = |key: &str, message: &str, fix: &str| {
        problems.push(problem(request.handler, &format!("/config/{key}"), message, fix));
    };
    if own.username.is_none() && own.password.is_some() && !request.handler.uri.contains('@') {
        refuse("password", "a password without a user name is not sent", "set `username`");
    }
}

/// What works, but hardly as it was meant.
fn doubts(request: &Request<'_>, own: &Settings, address: &Address, warnings: &mut Vec<Problem>) {
    let mut warn = |pointer: &str, message: &str, fix: &str| {
        warnings.push(problem(request.handler, pointer, message, fix));
    };
    if own.version == Version::V311 {
        let message = "a broker of version 3.1.1 cannot say that it does not allow a topic: such messages count as delivered and are lost";
        warn(
            "/config/version",
            message,
            "leave `version` out if the broker speaks 5, or check its access rules",
        );
        if own.expiry_s.is_some() {
            warn("/config/expiry_s", "has no effect in version 3.1.1", "remove one of the two");
        }
    }
    let has_password = own.password.is_some() || address.password.is_some();
    let is_here = ["localhost", "127.0.0.1", "::1"].contains(&address.host.as_str());
    if has_password && !address.tls && !is_here {
        warn(
            "/uri",
            "the password goes over the network unencrypted",
            "use mqtts:// if the broker offers it",
        );
    }
}

fn level(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

/// The same for the same export of the same instance on the same machine, so that a broker recognises it after a
/// restart; 22 letters and digits, which every broker has to take (MQTT 3.1.1 section 3.1.3.1: 23).
fn client_id(instance: &InstanceInfo, export: &str) -> String {
    // Instances without an id have one made of their file's path, which is the same on many machines.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let id = instance.id.to_string();
    let parts = [machine.trim().as_bytes(), id.as_bytes(), export.as_bytes()];
    // FNV-1a: stable over releases, which the standard library's hasher is not. The lengths keep parts apart.
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for part in parts {
        for byte in (part.len() as u64).to_le_bytes().iter().chain(part) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digits = (0..13).rev().map(|at| char::from(DIGITS[(hash >> (5 * at)) as usize & 31]));
    "watchpost".chars().chain(digits).collect()
}
