//! A relay that proves itself by a key without a certificate (a raw public key, RFC 7250): the signature, which is the same
//! whoever judges the key.

use std::{fmt::Debug, sync::Arc};

use rustls::{
    DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{ring, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
};

/// Says what becomes of a key (`SubjectPublicKeyInfo`, DER). An error ends the handshake before anything is sent.
pub trait KeyJudge: Debug + Send + Sync {
    /// Somebody shows it; whether it is theirs is not known yet.
    ///
    /// # Errors
    /// Where it is not to be believed.
    fn shown(&self, key: &[u8]) -> Result<(), Error>;

    /// They have signed the handshake by it.
    ///
    /// # Errors
    /// Where the handshake shall go no further.
    fn proved(&self, _key: &[u8]) -> Result<(), Error> {
        Ok(())
    }
}

/// Takes an Ed25519 key that is shown alone, if its judge does. TLS 1.3 only.
#[derive(Debug)]
pub struct ByRawKey<J>(pub Arc<J>);

impl<J: KeyJudge> ServerCertVerifier for ByRawKey<J> {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.shown(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let spki = SubjectPublicKeyInfoDer::from(&key[..]);
        let valid = verify_tls13_signature_with_raw_key(message, &spki, dss, &algorithms)?;
        self.0.proved(key).map(|()| valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
