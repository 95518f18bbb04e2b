//! Which key exchanges a client's hello has shares for: rustls tells what a hello names, not what it sends.

#[cfg(test)]
mod tests;

use rustls::NamedGroup;

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const KEY_SHARE: u16 = 51;
/// The version and the random number in front of a hello's lists.
const FIXED_LEN: usize = 2 + 32;

/// The first of the key exchanges in `among` that the hello in these records of TLS 1.3 brings a share for: of those the one
/// that the client likes best (RFC 8446 §4.2.8). What is no whole hello brings none; what comes behind it is not looked at.
#[must_use]
pub fn first_share(records: &[u8], among: &[NamedGroup]) -> Option<NamedGroup> {
    let hello = handshake(records);
    let mut shares = shares(&hello)?;
    loop {
        let (offered, _) = share(&mut shares)?;
        if let Some(group) = among.iter().find(|group| u16::from(**group) == offered) {
            return Some(*group);
        }
    }
}

/// What the records of the handshake hold, up to the first of another kind.
fn handshake(records: &[u8]) -> Vec<u8> {
    let (mut rest, mut content) = (Bytes(records), Vec::new());
    while let Some([RECORD_HANDSHAKE, ..]) = rest.take(3)
        && let Some(piece) = rest.list(2)
    {
        content.extend_from_slice(piece);
    }
    content
}

/// The list of shares in a hello.
fn shares(handshake: &[u8]) -> Option<Bytes<'_>> {
    let mut rest = Bytes(handshake);
    let [CLIENT_HELLO] = rest.take(1)? else { return None };
    let mut hello = Bytes(rest.list(3)?);
    hello.take(FIXED_LEN)?;
    let (_session, _suites, _compressions) = (hello.list(1)?, hello.list(2)?, hello.list(1)?);
    let mut extensions = Bytes(hello.list(2)?);
    loop {
        let (kind, content) = share(&mut extensions)?;
        if kind == KEY_SHARE {
            return Some(Bytes(Bytes(content).list(2)?));
        }
    }
}

/// The next share, or the next extension, which is written the same way: its number and its content.
fn share<'a>(list: &mut Bytes<'a>) -> Option<(u16, &'a [u8])> {
    let number = list.take(2)?;
    Some((u16::from_be_bytes([number[0], number[1]]), list.list(2)?))
}

/// What was not read yet.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A list behind its length, which is written in so many bytes.
    fn list(&mut self, len_width: usize) -> Option<&'a [u8]> {
        let len = self.take(len_width)?.iter();
        self.take(len.fold(0, |len, byte| (len << 8) | usize::from(*byte)))
    }
}
