//! Certificates for tests: a CA of our own and a leaf for `localhost` and 127.0.0.1, both ECDSA P-256, as small as
//! X.509 allows, because the bytes of a handshake are counted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where the PEM files of [`TestCertificates::write`] lie.
#[derive(Clone, Debug)]
pub struct TestCertificates {
    /// What an agent trusts: the CA's certificate.
    pub ca: PathBuf,
    /// What a relay shows: the leaf alone, without the CA.
    pub cert: PathBuf,
    /// The leaf's private key, PKCS #8.
    pub key: PathBuf,
}

impl TestCertificates {
    /// Makes a new CA and leaf and writes `ca.pem`, `cert.pem` and `key.pem` into the existing directory `dir`.
    ///
    /// # Errors
    /// When keys cannot be made or a file cannot be written.
    pub fn write(dir: &Path) -> io::Result<Self> {
        Self::write_for(dir, &["localhost", "127.0.0.1"])
    }

    /// Like [`TestCertificates::write`], with a leaf for other names or addresses.
    ///
    /// # Errors
    /// As there.
    pub fn write_for(dir: &Path, names: &[&str]) -> io::Result<Self> {
        let made = Made::new(names).map_err(io::Error::other)?;
        let paths =
            Self { ca: dir.join("ca.pem"), cert: dir.join("cert.pem"), key: dir.join("key.pem") };
        fs::write(&paths.ca, made.ca.pem())?;
        fs::write(&paths.cert, made.leaf.pem())?;
        fs::write(&paths.key, made.key.serialize_pem())?;
        Ok(paths)
    }
}

impl TestCertificates {
    /// What a server of one's own shows them with.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn server_config(&self) -> io::Result<rustls::ServerConfig> {
        let chain = CertificateDer::from_pem_file(&self.cert).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(io::Error::other)?;
        rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .map_err(io::Error::other)
    }
}

struct Made {
    ca: rcgen::Certificate,
    leaf: rcgen::Certificate,
    key: KeyPair,
}

impl Made {
    fn new(names: &[&str]) -> Result<Self, rcgen::Error> {
        let mut ca_params = params(&[], 1)?;
        ca_params.distinguished_name.push(DnType::CommonName, "t"); // a leaf must name its issuer somehow
        ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let ca = ca_params.self_signed(&ca_key)?;

        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let leaf = params(names, 2)?.signed_by(&key, &Issuer::new(ca_params, ca_key))?;
        Ok(Self { ca, leaf, key })
    }
}

fn params(names: &[&str], serial: u8) -> Result<CertificateParams, rcgen::Error> {
    let mut params =
        CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from_slice(&[serial]));
    // Years up to 2049 are written in two digits, which saves two bytes a date.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn the_leaf_stays_small() {
        let len = Made::new(&["localhost", "127.0.0.1"]).unwrap().leaf.der().len();
        assert!(len <= 290, "{len} bytes");
    }

    #[tokio::test]
    async fn an_agent_that_trusts_the_ca_shakes_hands_by_name_and_by_address() {
        let dir = tempfile::tempdir().unwrap();
        let paths = TestCertificates::write(dir.path()).unwrap();
        let chain = vec![CertificateDer::from_pem_file(&paths.cert).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&paths.key).unwrap();
        let server = Arc::new(
            rustls::ServerConfig::builder()
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap(),
        );
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&paths.ca).unwrap()).unwrap();
        let client = Arc::new(
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
        );

        for name in ["localhost", "127.0.0.1"] {
            let (near, far) = tokio::io::duplex(8192);
            let name = ServerName::try_from(name).unwrap();
            let accept = tokio_rustls::TlsAcceptor::from(server.clone()).accept(far);
            let connect = tokio_rustls::TlsConnector::from(client.clone()).connect(name, near);
            tokio::try_join!(accept, connect).unwrap();
        }
    }
}
