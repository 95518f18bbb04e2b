//! What tells an item from another under the same number: 32 bits of what was said, the same at both ends.

use crate::{ConversationRef, Submit};

impl Submit {
    /// 32 bits of everything that must be the same whenever the item is sent under its number: conversation as it was
    /// named, kind, urgency, body. Age, lifetime and version may differ.
    #[must_use]
    pub fn hash(&self) -> u32 {
        let (what, device, n) = match self.conversation {
            ConversationRef::None | ConversationRef::Number(0) => (0, 0, 0),
            ConversationRef::Number(number) => (1, 0, number),
            ConversationRef::Founded(name) => (2, name.device, name.n),
        };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&[what, self.kind, u8::from(self.urgent)]);
        hasher.update(&device.to_le_bytes());
        hasher.update(&n.to_le_bytes());
        hasher.update(&self.body);
        hasher.finalize()
    }
}

/// The [`Frame::Check`](crate::Frame::Check) over items with these hashes, in the order of their numbers.
#[must_use]
pub fn check_of(hashes: impl IntoIterator<Item = u32>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hashes.into_iter().for_each(|hash| hasher.update(&hash.to_le_bytes()));
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Name, kind};

    fn submit() -> Submit {
        Submit {
            conversation: ConversationRef::Number(5),
            kind: kind::TEXT,
            urgent: false,
            version: 3,
            age_s: 60,
            lifetime_s: 3600,
            body: b"Land ho".to_vec(),
        }
    }

    #[test]
    fn the_hash_depends_on_what_must_not_change_and_on_nothing_else() {
        let hash = submit().hash();
        let later = Submit { age_s: 999, lifetime_s: 1, version: 9, ..submit() };
        assert_eq!(later.hash(), hash);
        let founded = ConversationRef::Founded(Name { device: 0, n: 5 });
        for other in [
            Submit { urgent: true, ..submit() },
            Submit { body: b"Land no".to_vec(), ..submit() },
            Submit { kind: kind::MESSAGE, ..submit() },
            Submit { conversation: ConversationRef::Number(6), ..submit() },
            Submit { conversation: founded, ..submit() },
        ] {
            assert_ne!(other.hash(), hash, "{other:?}");
        }
    }

    #[test]
    fn the_hash_and_the_check_never_change() {
        // Both ends keep them: a relay and an agent of different ages have to agree.
        assert_eq!(submit().hash(), 0x44DC_872C);
        assert_eq!(check_of([]), 0);
        assert_eq!(check_of([1, 2]), 0x0381_177C);
        assert_ne!(check_of([2, 1]), check_of([1, 2]));
    }
}
