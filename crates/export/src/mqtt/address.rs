//! `mqtt://[user[:password]@]host[:port][/topic]`.

use std::fmt;

use watchpost_config::split_scheme;

/// Where the broker is, and what else the URI says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub tls: bool,
    /// A name or an address, IPv6 without its brackets.
    pub host: String,
    pub port: u16,
    pub username: Option<String>,
    pub password: Option<String>,
    /// As written behind the host's slash; `None` if there is nothing.
    pub topic: Option<String>,
    /// Characters of the URI before the topic.
    pub topic_at: usize,
}

/// Ports that IANA has registered.
const PORT: u16 = 1883;
const TLS_PORT: u16 = 8883;

impl Address {
    /// # Errors
    /// What is wrong, and what is expected; without a password that may be in the URI.
    pub fn parse(uri: &str) -> Result<Self, (String, &'static str)> {
        let form = "expected mqtt://host:port/topic or mqtts://host:port/topic";
        let Some((scheme, rest)) = split_scheme(uri) else { return Err(("is no URI".to_owned(), form)) };
        let tls = scheme == "mqtts";
        let (authority, topic) = match rest.split_once('/') {
            Some((authority, topic)) => (authority, Some(topic)),
            None => (rest, None),
        };
        // What is said below shows what is taken for host and port.
        let place = authority.rsplit('@').next().unwrap_or_default();
        let port = place.split_once(':').map_or("1", |(_, port)| port);
        if !(place.starts_with('[') && place.contains(']'))
            && port.parse::<u16>().is_err()
            && let Some((login, _)) = topic.and_then(|topic| topic.rsplit_once('@'))
        {
            let slashes = login.matches('/').count() + 1;
            let message = format!("has {slashes} `/` before its `@`, where a password seems to be");
            return Err((message, "write each as %2F"));
        }
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let (username, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((name, "")) => (Some(decoded(name)), None),
            Some((name, password)) => (Some(decoded(name)), Some(decoded(password))),
            None => (None, None),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, port.strip_prefix(':')),
            None if place.matches(':').count() > 1 => {
                return Err((format!("`{place}` is an IPv6 address without brackets"), "write [::1]:1883"));
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        if host.is_empty() {
            return Err(("names no host".to_owned(), form));
        }
        let odd = |c: char| c.is_whitespace() || c.is_control() || "{}?#\\\"'<>".contains(c);
        if let Some(odd) = host.chars().find(|c| odd(*c)) {
            let message = format!("`{odd}` cannot be part of a host's name");
            return Err((message, "dynamic strings may stand in the topic only"));
        }
        let port = match port {
            None if tls => TLS_PORT,
            None => PORT,
            Some(text) => match text.parse() {
                Ok(port) if port > 0 => port,
                _ => return Err((format!("`{text}` is no port"), "expected 1 to 65535")),
            },
        };
        let topic_at = uri.chars().count() - topic.map_or(0, |topic| topic.chars().count());
        let topic = topic.filter(|topic| !topic.is_empty()).map(str::to_owned);
        Ok(Self { tls, host: host.to_owned(), port, username, password, topic, topic_at })
    }
}

/// Without user and password: it is shown.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// Percent-decoded (RFC 3986 section 2.1): a password may hold an `@` or `/` only so.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        // `from_str_radix` would take a sign, too.
        let digits = text.get(at + 1..at + 3).filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let hex = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (byte, hex) {
            (b'%', Some(decoded)) => {
                plain.push(decoded);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
#[path = "../../tests/corpus/address.rs"]
mod check;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_replays() {
        watchpost_testkit::replay("address", check::check);
    }

    fn shown(uri: &str) -> String {
        match Address::parse(uri) {
            Ok(found) => {
                let user = format!("{:?} {:?}", found.username.as_deref(), found.password.as_deref());
                format!("{found} {user} {:?} {}", found.topic, found.topic_at)
            }
            Err((message, fix)) => format!("{message}; {fix}"),
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(shown("mqtt://b"), "mqtt://b:1883 None None None 8");
        assert_eq!(shown("mqtts://b/"), "mqtts://b:8883 None None None 10");
        assert_eq!(shown("MQTT://b:18/a/{obj.x}"), "mqtt://b:18 None None Some(\"a/{obj.x}\") 12");
        assert_eq!(shown("mqtt://[::1]:1/t"), "mqtt://[::1]:1 None None Some(\"t\") 15");
        assert_eq!(
            shown("mqtt://me:p%40%2F:s@b/t"),
            "mqtt://b:1883 Some(\"me\") Some(\"p@/:s\") Some(\"t\") 22"
        );
        assert_eq!(shown("mqtt://me@b/t"), "mqtt://b:1883 Some(\"me\") None Some(\"t\") 12");
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        assert_eq!(
            shown("mqtt:///t"),
            "names no host; expected mqtt://host:port/topic or mqtts://host:port/topic"
        );
        assert_eq!(shown("mqtt://a:s3cret@b:99999/t"), "`99999` is no port; expected 1 to 65535");
        assert_eq!(shown("mqtt://::1/t"), "`::1` is an IPv6 address without brackets; write [::1]:1883");
        assert_eq!(
            shown("mqtt://a:s3/cret@b/t"),
            "has 1 `/` before its `@`, where a password seems to be; write each as %2F"
        );
        assert_eq!(shown("mqtt://me:100%+1@b"), "mqtt://b:1883 Some(\"me\") Some(\"100%+1\") None 18");
        assert_eq!(
            shown("mqtt://{obj.host}/t"),
            "`{` cannot be part of a host's name; dynamic strings may stand in the topic only"
        );
    }
}
