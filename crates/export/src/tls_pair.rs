//! Whether a server's certificate and key belong together. Who only hands both to a TLS library hears of it from
//! the first client that cannot connect.

use std::path::Path;

use tokio_rustls::rustls::{
    self,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

/// Looks at two PEM files (RFC 7468).
///
/// # Errors
/// The key is not the certificate's, in words for the user. What cannot be read or is of an unknown kind is for the
/// TLS library to judge.
pub(crate) fn check(certificate: &Path, key: &Path) -> Result<(), String> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).and_then(|certificates| certificates.collect());
    let secret = PrivateKeyDer::from_pem_file(key);
    let (Ok(chain), Ok(secret)) = (chain, secret) else { return Ok(()) };
    let Ok(secret) = any_supported_type(&secret) else { return Ok(()) };
    match CertifiedKey::new(chain, secret).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => Err(format!(
            "the certificate {} and the key {} do not belong together: set `certificate_path` and `key_path` to the \
             files of one pair",
            certificate.display(),
            key.display()
        )),
        _ => Ok(()),
    }
}
