//! What Watchpost, the guardian and its keepers say to one another.
//!
//! Over the guardian's socket (`SOCK_SEQPACKET`): one byte and four descriptors per child, see [`Handover`].
//! Over the keeper's own socket (a stream): first the [`Request`], length-prefixed, then single bytes of
//! [`Order`]; back come lines of text, one [`Report`] each.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Largest request in bytes: the kernel's own bound on arguments and environment is 2 MiB by default.
pub(crate) const REQUEST_MAX_BYTES: usize = 4 << 20;

/// The descriptors that make a child: the keeper's socket and the child's 0, 1 and 2.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) control: OwnedFd,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// Number of descriptors in a [`Handover`].
pub(crate) const HANDOVER_FDS: usize = 4;

/// What a keeper is to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Absolute path of the file.
    pub(crate) program: OsString,
    /// Absolute path of the working directory.
    pub(crate) dir: OsString,
    /// `argv`, its own name first.
    pub(crate) args: Vec<OsString>,
    /// The complete environment.
    pub(crate) env: Vec<(OsString, OsString)>,
}

impl Request {
    /// Length prefix included.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; 4];
        let mut put = |text: &OsStr| {
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        };
        put(&self.program);
        put(&self.dir);
        put(OsStr::new(&self.args.len().to_string()));
        self.args.iter().for_each(|arg| put(arg));
        for (name, value) in &self.env {
            put(name);
            put(value);
        }
        let length = out.len() as u32 - 4;
        out[..4].copy_from_slice(&length.to_le_bytes());
        out
    }

    /// Reads one request; `None` when the other side is gone.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Request>> {
        let mut length = [0; 4];
        if from.read(&mut length[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut length[1..])?;
        let length = u32::from_le_bytes(length) as usize;
        if length > REQUEST_MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Request::decode(&body).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn decode(mut body: &[u8]) -> Option<Request> {
        let mut take = || -> Option<OsString> {
            let (length, rest) = body.split_first_chunk::<4>()?;
            let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            body = rest;
            Some(OsString::from_vec(text.to_vec()))
        };
        let (program, dir) = (take()?, take()?);
        let count: usize = take()?.to_str()?.parse().ok()?;
        let args = (0..count).map(|_| take()).collect::<Option<_>>()?;
        let mut env = Vec::new();
        while let Some(name) = take() {
            env.push((name, take()?));
        }
        Some(Request { program, dir, args, env })
    }
}

/// What Watchpost asks a keeper to do; the closing of the socket means [`Order::End`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// `SIGTERM` to the child's process group.
    Terminate,
    /// Kill all that is below the keeper.
    End,
}

impl Order {
    pub(crate) fn byte(self) -> u8 {
        match self {
            Order::Terminate => b't',
            Order::End => b'e',
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Order> {
        [Order::Terminate, Order::End].into_iter().find(|order| order.byte() == byte)
    }
}

/// What a keeper tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The child runs with this pid.
    Started(i32),
    /// It could not be executed: `errno`.
    Failed(i32),
    /// It ended by itself with this code.
    Exited(i32),
    /// It ended by this signal.
    Signalled(i32),
    /// Nothing is left below the keeper; so many had outlived the child and were killed.
    Gone(u32),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Started(pid) => write!(f, "started {pid}"),
            Report::Failed(errno) => write!(f, "failed {errno}"),
            Report::Exited(code) => write!(f, "exited {code}"),
            Report::Signalled(signal) => write!(f, "signalled {signal}"),
            Report::Gone(killed) => write!(f, "gone {killed}"),
        }
    }
}

impl Report {
    pub(crate) fn parse(line: &str) -> Option<Report> {
        let (word, number) = line.split_once(' ')?;
        let value = number.parse().ok()?;
        Some(match word {
            "started" => Report::Started(value),
            "failed" => Report::Failed(value),
            "exited" => Report::Exited(value),
            "signalled" => Report::Signalled(value),
            "gone" => Report::Gone(u32::try_from(value).ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_socket() {
        let request = Request {
            program: "/bin/echo".into(),
            dir: "/tmp".into(),
            args: vec!["echo".into(), "".into(), OsString::from_vec(vec![0xff, b'\n'])],
            env: vec![("A".into(), "".into())],
        };
        assert_eq!(Request::read(&mut request.encode().as_slice()).unwrap(), Some(request));
        assert_eq!(Request::read(&mut [].as_slice()).unwrap(), None);
    }

    #[test]
    fn reports_read_as_they_were_written() {
        for report in
            [Report::Started(1), Report::Failed(2), Report::Exited(0), Report::Signalled(9), Report::Gone(3)]
        {
            assert_eq!(Report::parse(&report.to_string()), Some(report));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body: Vec<u8>) {
            let _ = Request::decode(&body);
        }
    }
}
