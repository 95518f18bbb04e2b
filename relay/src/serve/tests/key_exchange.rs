//! Which key exchange is taken of what clients offer, and shares that are none.

use rustls::{
    Error, HandshakeKind, NamedGroup,
    crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup, ring::kx_group},
};
use tokio::io::AsyncReadExt;

use super::{tls::ends, *};

const BOTH: NamedGroup = NamedGroup::X25519MLKEM768;
const CURVE: NamedGroup = NamedGroup::X25519;
const P256: NamedGroup = NamedGroup::secp256r1;

#[tokio::test]
async fn the_key_exchange_is_one_that_the_hello_has_a_share_for_and_nobody_is_asked_for_another() {
    let (both, curve, p256) = (::tls::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1);
    let cases: [(&[_], Option<NamedGroup>, NamedGroup); 8] = [
        (&[curve], None, CURVE),
        (&[both, curve], None, BOTH),
        (&[both], None, BOTH),
        // It remembers a relay that took nothing else.
        (&[both, curve, p256], Some(CURVE), CURVE),
        (&[both, curve, p256], Some(P256), P256),
        (&[curve, both], None, CURVE),
        (&[p256, both, curve], None, P256),
        (&[p256, curve], None, P256),
    ];
    for (offered, hint, expected) in cases {
        let ends = ends(false).offering(offered, hint);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (far, near) = tokio::io::duplex(PIPE);
            let (served, _closing) =
                carried(near, Some(ends.server.clone()), ServeOptions::default());
            let mut stream = ends.try_secured(far).await.unwrap();
            stream.write_all(b"GET /hello HTTP/1.1\r\n\r\n").await.unwrap();
            assert!(answer(&mut stream).await.ends_with("hello"));
            let conn = stream.get_ref().1;
            let group = conn.negotiated_key_exchange_group().map(|group| group.name());
            assert_eq!((group, conn.handshake_kind()), (Some(expected), Some(kind)), "{offered:?}");
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
            served.await.unwrap().unwrap();
        }
    }
}

/// Says that it offers a group, and sends what it likes.
#[derive(Debug)]
struct Liar {
    name: NamedGroup,
    share: Vec<u8>,
}

impl SupportedKxGroup for Liar {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Self { name: self.name, share: self.share.clone() }))
    }

    fn name(&self) -> NamedGroup {
        self.name
    }
}

impl ActiveKeyExchange for Liar {
    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, Error> {
        Err(Error::General("a liar was answered".to_owned()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn group(&self) -> NamedGroup {
        self.name
    }
}

#[tokio::test]
async fn shares_that_are_none_are_an_alert_and_the_relay_goes_on() {
    let good = ::tls::X25519MLKEM768.start().unwrap().pub_key().to_vec();
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut share = good.clone();
        change(&mut share);
        share
    };
    let shares = [
        changed(|share| share.truncate(1)),
        changed(|share| share.truncate(32)),
        changed(|share| share.truncate(1184)),
        changed(|share| share.truncate(1215)),
        changed(|share| share.push(0)),
        changed(|share| share.resize(60_000, 7)),
        changed(|share| share[..2].fill(0xff)),
        changed(|share| share[1150..1152].fill(0xff)),
        changed(|share| share[1184..].fill(0)),
        changed(|share| share.fill(0xff)),
    ];
    let server = ends(false);
    for share in shares {
        let len = share.len();
        let liar = Box::leak(Box::new(Liar { name: BOTH, share }));
        let client = ends(false).offering(&[liar, kx_group::X25519], None);
        let (far, near) = tokio::io::duplex(PIPE);
        let (served, _closing) =
            carried(near, Some(server.server.clone()), ServeOptions::default());
        let err = client.try_secured(far).await.unwrap_err();
        let alert = err.get_ref().and_then(|err| err.downcast_ref::<Error>());
        assert!(matches!(alert, Some(Error::AlertReceived(_))), "{len}: {err:?}");
        assert!(matches!(served.await.unwrap(), Err(ConnError::Tls(_))), "{len}");
    }
    // The same share of all that is left alone.
    let liar = Box::leak(Box::new(Liar { name: BOTH, share: good }));
    let client = ends(false).offering(&[liar], None);
    let (far, near) = tokio::io::duplex(PIPE);
    let (_served, _closing) = carried(near, Some(server.server.clone()), ServeOptions::default());
    let err = client.try_secured(far).await.unwrap_err();
    assert!(err.to_string().contains("a liar was answered"), "{err}");
}
