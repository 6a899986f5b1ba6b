//! Why a broker refuses, and what follows from it (MQTT 5.0 section 2.4, MQTT 3.1.1 section 3.2.2.3).

use std::{fmt, time::Duration};

/// A reason code and what the broker adds in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub code: u8,
    pub text: Option<String>,
}

/// What becomes of a message that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Taken,
    /// The broker will not take it however often it is sent.
    Refused,
    /// Too large for this broker: smaller pieces may do.
    TooLarge,
    /// May pass by itself.
    NotNow,
}

impl Reason {
    /// A return code of version 3.1.1 as the reason of version 5 that means the same.
    pub fn of_return_code(code: u8) -> Self {
        let code = match code {
            0 => 0,
            1 => 0x84,
            2 => 0x85,
            3 => 0x88,
            4 => 0x86,
            5 => 0x87,
            other => other.max(0x80),
        };
        Self { code, text: None }
    }

    /// For PUBACK, PUBREC and PUBCOMP.
    pub fn fate(&self) -> Fate {
        match self.code {
            0..0x80 => Fate::Taken,
            // Not authorized, topic name invalid, payload format invalid, retain or QoS not supported.
            0x87 | 0x90 | 0x99 | 0x9A | 0x9B => Fate::Refused,
            0x95 => Fate::TooLarge,
            // Quota exceeded, packet identifier in use, unspecified, implementation specific, and what is new.
            _ => Fate::NotNow,
        }
    }

    pub fn is_success(&self) -> bool {
        self.code < 0x80
    }

    /// The broker does not speak this version.
    pub fn is_unsupported_version(&self) -> bool {
        self.code == 0x84
    }

    /// For CONNACK: no retry helps, another `client_id` does.
    pub fn is_about_client_id(&self) -> bool {
        self.code == 0x85
    }

    /// For DISCONNECT: the broker ends the connection for reasons of its own, not over what it was sent.
    pub fn is_no_ones_fault(&self) -> bool {
        matches!(
            self.code,
            0x00..0x80 | 0x89 | 0x8B | 0x8D | 0x8E | 0x96 | 0x97 | 0x98 | 0x9C | 0x9D | 0x9F | 0xA0
        )
    }

    /// How long to wait at least before the next connection. A refused login is not final: brokers are restarted
    /// with new password files, and an unattended camera must then come back by itself. But each try may count
    /// against the address (fail2ban, login limits of hosted brokers), and another client under the same id would
    /// throw us out as fast as we throw it out.
    pub fn pause(&self) -> Duration {
        match self.code {
            0x86 | 0x87 | 0x8A | 0x8C | 0x8E => Duration::from_secs(10),
            0x89 | 0x96 | 0x97 | 0x9F => Duration::from_secs(2),
            _ => Duration::ZERO,
        }
    }

    /// What would mend it, where that can be said.
    pub fn fix(&self) -> &'static str {
        match self.code {
            0x84 => "set `version`",
            0x85 => "set another `client_id`",
            0x86 => "check `username` and `password`",
            0x87 => "check `username`, `password`, the client's certificate and the broker's access rules",
            0x8A => "the broker has banned this client",
            0x8E => "another client uses the same id: set a `client_id` of its own for each",
            0x95 => "raise the broker's limit, or send smaller crops",
            0x9A => "set `retain` to false",
            0x9B => "set a lower `qos`",
            _ => "",
        }
    }

    fn name(&self) -> &'static str {
        match self.code {
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "implementation specific error",
            0x84 => "unsupported protocol version",
            0x85 => "client identifier not valid",
            0x86 => "bad user name or password",
            0x87 => "not authorized",
            0x88 => "server unavailable",
            0x89 => "server busy",
            0x8A => "banned",
            0x8B => "server shutting down",
            0x8C => "bad authentication method",
            0x8D => "keep alive timeout",
            0x8E => "session taken over",
            0x90 => "topic name invalid",
            0x91 => "packet identifier in use",
            0x92 => "packet identifier not found",
            0x93 => "receive maximum exceeded",
            0x94 => "topic alias invalid",
            0x95 => "packet too large",
            0x96 => "message rate too high",
            0x97 => "quota exceeded",
            0x98 => "administrative action",
            0x99 => "payload format invalid",
            0x9A => "retain not supported",
            0x9B => "QoS not supported",
            0x9C => "use another server",
            0x9D => "server moved",
            0x9F => "connection rate exceeded",
            0xA0 => "maximum connect time",
            _ => "a reason without a name",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.name(), self.code)?;
        match &self.text {
            Some(text) => write!(f, ", \"{text}\""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broker_says_decides_what_becomes_of_a_message() {
        let fate = |code| Reason { code, text: None }.fate();
        assert_eq!([0x00, 0x10].map(fate), [Fate::Taken; 2], "no subscribers is no refusal");
        assert_eq!([0x87, 0x90, 0x99, 0x9A, 0x9B].map(fate), [Fate::Refused; 5]);
        assert_eq!(fate(0x95), Fate::TooLarge);
        assert_eq!([0x80, 0x83, 0x91, 0x97, 0xFE].map(fate), [Fate::NotNow; 5]);
    }

    #[test]
    fn return_codes_are_shown_as_reasons() {
        let shown = [0, 1, 2, 3, 4, 5, 77].map(|code| Reason::of_return_code(code).to_string());
        assert_eq!(shown[1], "unsupported protocol version (0x84)");
        assert_eq!(shown[4], "bad user name or password (0x86)");
        assert_eq!(shown[6], "unspecified error (0x80)");
        let reason = Reason { code: 0x87, text: Some("no".into()) };
        assert_eq!(reason.to_string(), "not authorized (0x87), \"no\"");
    }
}
