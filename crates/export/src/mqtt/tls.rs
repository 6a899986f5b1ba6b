//! TLS to the broker: whom it trusts, and who it is.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::receiver::ReceiverError;

/// Certificates and keys lie in files that others renew: what is wrong with them is looked at again, but not at
/// once, for it is people who mend it.
const PAUSE: Duration = Duration::from_secs(10);

/// Where certificates are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Certificate authorities that are trusted instead of the system's.
    pub authorities: Option<PathBuf>,
    /// The client's certificate, with those that lead to its authority, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// Reads them anew: a connection that is opened after a renewal uses what is there now.
    pub fn config(&self) -> Result<Arc<ClientConfig>, ReceiverError> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| wrong(path, "holds no usable certificate", &error))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    let message = "this machine trusts no certificate authority: install ca-certificates, or set `certificate_path`";
                    return Err(ReceiverError::later(message, PAUSE));
                }
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ReceiverError::Failed(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots);
        let config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let secret =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, "key", error))?;
                builder.with_client_auth_cert(chain, secret).map_err(|error| {
                    wrong(certificate, &format!("does not go with the key {}", key.display()), &error)
                })?
            }
        };
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ReceiverError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, "certificate", error))?;
    let found: Result<Vec<_>, _> = read.collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(wrong(path, "holds no certificate", &"expected PEM with `-----BEGIN CERTIFICATE-----`")),
        Err(error) => Err(unreadable(path, "certificate", error)),
    }
}

fn unreadable(path: &Path, what: &str, error: tokio_rustls::rustls::pki_types::pem::Error) -> ReceiverError {
    use tokio_rustls::rustls::pki_types::pem::Error;
    let shown = path.display();
    match error {
        Error::Io(error) => {
            let fix = match error.kind() {
                std::io::ErrorKind::NotFound => "check the path",
                std::io::ErrorKind::PermissionDenied => {
                    "give the user that runs watchpost permission to read it"
                }
                _ => "check the file",
            };
            ReceiverError::Blocked(format!("cannot read the {what} {shown}: {error}: {fix}"))
        }
        _ => wrong(path, &format!("holds no {what}"), &"expected PEM"),
    }
}

fn wrong(path: &Path, what: &str, error: &dyn std::fmt::Display) -> ReceiverError {
    ReceiverError::later(format!("{} {what}: {error}", path.display()), PAUSE)
}
