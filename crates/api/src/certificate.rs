//! The certificate for TLS, from files that are renewed while the server runs: certificates of today live for weeks.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::ListenError;

/// How often the files are looked at: a renewal is days early, and a look is two calls of the system.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A certificate and its key, both PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, with those that vouch for it behind it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// When a file was written, and its length; `None` while it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// What connections are accepted with.
pub(crate) struct Certificate {
    files: TlsFiles,
    acceptor: TlsAcceptor,
    stamps: [Stamp; 2],
    looked: Instant,
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// They cannot be used, or do not belong together.
    pub fn open(files: &TlsFiles) -> Result<Self, ListenError> {
        // Before they are read: what is written meanwhile is read once more.
        let stamps = files.stamps();
        let acceptor = acceptor(files)?;
        Ok(Self { files: files.clone(), acceptor, stamps, looked: Instant::now() })
    }

    /// For the next connection. Files that have changed and cannot be used change nothing: the certificate may be
    /// written before its key.
    pub fn acceptor(&mut self) -> TlsAcceptor {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            let stamps = self.files.stamps();
            if stamps != self.stamps {
                self.stamps = stamps;
                match acceptor(&self.files) {
                    Ok(new) => {
                        tracing::info!("{} was renewed", self.files.certificate.display());
                        self.acceptor = new;
                    }
                    Err(error) => {
                        tracing::warn!("{error}; the certificate that was read before stays in use")
                    }
                }
            }
        }
        self.acceptor.clone()
    }
}

impl TlsFiles {
    fn stamps(&self) -> [Stamp; 2] {
        [&self.certificate, &self.key].map(|file| {
            let is = std::fs::metadata(file).ok()?;
            Some((is.modified().ok()?, is.len()))
        })
    }
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ListenError> {
    let wrong = |file: &Path, error: String| {
        ListenError::Tls(format!("{}: {error}; expected a PEM file", file.display()))
    };
    let read = |error: rustls::pki_types::pem::Error| error.to_string();
    let chain = CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| wrong(&files.certificate, read(error)))?;
    if chain.is_empty() {
        return Err(wrong(&files.certificate, "holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, read(error)))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ListenError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            let files = format!("{} and {}", files.certificate.display(), files.key.display());
            ListenError::Tls(format!("{files} do not belong together: {error}"))
        })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
