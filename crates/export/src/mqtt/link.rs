//! From an address to a broker that has said yes.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{self, ClientConfig, pki_types::ServerName},
};

use super::{
    address::Address,
    answer::{self, Answer, Protocol, Welcome},
    tls::TlsFiles,
    wire::{self, Hello, QoS},
};
use crate::receiver::ReceiverError;

/// How long finding the host, connecting, TLS and the broker's answer may take together. A broker that is that slow
/// is of no use to what waits, and the pauses between tries do the rest.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Something on the other side has to be changed by people: trying at once again would only fill its log.
const PAUSE: Duration = Duration::from_secs(10);

/// The way from and to the broker.
pub(crate) type Input = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// Where to connect, and as who.
#[derive(Clone)]
pub(crate) struct Target {
    pub address: Address,
    pub tls: TlsFiles,
    /// Version 5 first, 3.1.1 if the broker does not speak it; else 3.1.1 only.
    pub tries_v5: bool,
    pub hello: Hello,
    /// What messages will ask of the broker.
    pub qos: QoS,
    pub retain: bool,
}

/// A connection that the broker has accepted.
pub(crate) struct Link {
    pub input: Input,
    pub output: Output,
    /// Read behind the broker's welcome already.
    pub read: BytesMut,
    pub protocol: Protocol,
    pub welcome: Welcome,
}

enum Refusal {
    /// It does not speak this version; or it closed without a word, which is how some say so.
    Version(ReceiverError),
    Final(ReceiverError),
}

impl Target {
    /// Connects; `clean`: the broker is to begin a new session.
    pub async fn connect(&self, clean: bool) -> Result<Link, ReceiverError> {
        let connected = timeout(TIMEOUT, self.in_some_version(clean)).await;
        connected.unwrap_or_else(|_| Err(self.retry(format!("no answer within {} s", TIMEOUT.as_secs()))))
    }

    async fn in_some_version(&self, clean: bool) -> Result<Link, ReceiverError> {
        // Read once for both.
        let tls = if self.address.tls { Some(self.tls.config()?) } else { None };
        if self.tries_v5 {
            match self.in_version(Protocol::V5, clean, tls.clone()).await {
                Err(Refusal::Version(error)) => {
                    tracing::debug!("{error}; trying version 3.1.1");
                }
                Err(Refusal::Final(error)) => return Err(error),
                Ok(link) => return Ok(link),
            }
        }
        self.in_version(Protocol::V311, clean, tls).await.map_err(|refusal| match refusal {
            Refusal::Version(error) | Refusal::Final(error) => error,
        })
    }

    async fn in_version(
        &self,
        protocol: Protocol,
        clean: bool,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Link, Refusal> {
        // A session of version 3.1.1 stays with the broker for good, and only QoS 2 gains from it. It has no way to
        // ask for one that is new and stays (MQTT 3.1.1 section 3.1.2.4): what was there is cleaned away first.
        let stays = protocol == Protocol::V311 && self.qos == QoS::ExactlyOnce;
        if stays && clean {
            let mut old = self.greeted(protocol, true, tls.clone()).await?;
            let mut bytes = BytesMut::new();
            wire::disconnect(protocol, true, &mut bytes);
            let left = async {
                old.output.write_all(&bytes).await?;
                old.output.shutdown().await
            };
            left.await.map_err(|error| Refusal::Final(self.broken(&error)))?;
            return self.greeted(protocol, false, tls).await;
        }
        self.greeted(protocol, clean || protocol == Protocol::V311 && !stays, tls).await
    }

    /// Connects and says who it is.
    async fn greeted(
        &self,
        protocol: Protocol,
        clean: bool,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Link, Refusal> {
        let (mut input, mut output) = self.socket(tls).await.map_err(Refusal::Final)?;
        let hello = Hello { clean, ..self.hello.clone() };
        let mut bytes = BytesMut::new();
        wire::connect(protocol, &hello, &mut bytes);
        let asked = async {
            output.write_all(&bytes).await?;
            output.flush().await
        };
        asked.await.map_err(|error| Refusal::Version(self.broken(&error)))?;
        bytes.clear();
        let answer = loop {
            match answer::answer(protocol, &mut bytes) {
                Ok(Some(answer)) => break answer,
                Ok(None) => {}
                Err(_) => return Err(Refusal::Version(self.no_broker())),
            }
            match input.read_buf(&mut bytes).await {
                Ok(1..) => {}
                Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                    return Err(Refusal::Version(self.broken(&error)));
                }
                Ok(0) | Err(_) => {
                    let fix = if self.address.tls { "" } else { " (if it expects TLS, write mqtts://)" };
                    let text = format!("closed the connection without an answer{fix}");
                    return Err(Refusal::Version(self.retry(text)));
                }
            }
        };
        let Answer::Connected(welcome) = answer else { return Err(Refusal::Final(self.no_broker())) };
        self.check(&welcome)?;
        Ok(Link { input, output, read: bytes, protocol, welcome })
    }

    /// Whether the broker takes us, and what we are going to send.
    fn check(&self, welcome: &Welcome) -> Result<(), Refusal> {
        let reason = &welcome.reason;
        let address = &self.address;
        if reason.is_success() {
            let wants = self.qos as u8;
            if wants > welcome.max_qos {
                let takes = welcome.max_qos;
                let text = format!("{address} takes at most QoS {takes}: set `qos` to {takes}");
                return Err(Refusal::Final(ReceiverError::Failed(text)));
            }
            if self.retain && !welcome.retain_available {
                let text = format!(
                    "{address} takes no retained messages: set `retain` to false, and take `home_assistant` out"
                );
                return Err(Refusal::Final(ReceiverError::Failed(text)));
            }
            return Ok(());
        }
        let fix = reason.fix();
        let colon = if fix.is_empty() { "" } else { ": " };
        let text = format!("{address} refuses the connection: {reason}{colon}{fix}");
        Err(match () {
            () if reason.is_unsupported_version() => Refusal::Version(ReceiverError::later(text, PAUSE)),
            () if reason.is_about_client_id() => Refusal::Final(ReceiverError::Failed(text)),
            () => Refusal::Final(ReceiverError::later(text, reason.pause())),
        })
    }

    async fn socket(&self, tls: Option<Arc<ClientConfig>>) -> Result<(Input, Output), ReceiverError> {
        let Address { host, port, .. } = &self.address;
        let found = lookup_host((host.as_str(), *port)).await;
        let found: Vec<_> = match found {
            Ok(found) => found.collect(),
            Err(error) => return Err(self.retry(format!("cannot find the host `{host}`: {error}"))),
        };
        let stream = TcpStream::connect(&found[..]).await.map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => self.retry("refuses the connection: no broker listens there"),
            _ => self.broken(&error),
        })?;
        // Messages are gathered by us already; waiting for more only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("TCP_NODELAY: {error}");
        }
        let Some(tls) = tls else {
            let (input, output) = stream.into_split();
            return Ok((Box::new(input), Box::new(output)));
        };
        let name = ServerName::try_from(host.clone()).map_err(|_| {
            ReceiverError::Failed(format!("`{host}` is no name that a certificate can be for"))
        })?;
        let stream =
            TlsConnector::from(tls).connect(name, stream).await.map_err(|error| self.insecure(&error))?;
        let (input, output) = tokio::io::split(stream);
        Ok((Box::new(input), Box::new(output)))
    }

    fn retry(&self, what: impl std::fmt::Display) -> ReceiverError {
        ReceiverError::Retry(format!("{}: {what}", self.address))
    }

    pub fn broken(&self, error: &io::Error) -> ReceiverError {
        // With TLS 1.3 a broker says only after the handshake that it wants a certificate.
        if tls_error(error).is_some() {
            return self.insecure(error);
        }
        self.retry(error)
    }

    fn no_broker(&self) -> ReceiverError {
        ReceiverError::later(format!("{}: what answers there is no MQTT broker", self.address), PAUSE)
    }

    /// A handshake that failed, in words that say what to mend.
    fn insecure(&self, error: &io::Error) -> ReceiverError {
        use rustls::{AlertDescription as Alert, CertificateError as Bad, Error};
        let host = &self.address.host;
        let text = match tls_error(error) {
            None if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
                "closed the connection at the beginning of TLS: if it does not speak TLS on this port, write mqtt://, or its TLS port (usually 8883)".to_owned()
            }
            None => return self.retry(format!("TLS: {error}")),
            Some(Error::InvalidCertificate(Bad::UnknownIssuer)) => {
                "its certificate is of an authority that is not trusted: set `certificate_path` to the authority's certificate".to_owned()
            }
            Some(Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. })) => {
                format!("its certificate is not for `{host}`: use the name that it is for")
            }
            Some(Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. })) => {
                "its certificate has expired".to_owned()
            }
            Some(Error::InvalidMessage(_)) => {
                "does not speak TLS on this port: write mqtt://, or its TLS port (usually 8883)".to_owned()
            }
            Some(Error::AlertReceived(Alert::CertificateRequired | Alert::HandshakeFailure)) => {
                "asks for a client certificate: set `client_certificate_path` and `client_key_path`".to_owned()
            }
            Some(Error::AlertReceived(alert)) => {
                format!("refuses the client's certificate or TLS version ({alert:?})")
            }
            Some(other) => format!("TLS: {other}"),
        };
        ReceiverError::later(format!("{}: {text}", self.address), PAUSE)
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}
