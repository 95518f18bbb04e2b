//! Digest authentication (RFC 7616) with MD5 and SHA-256, `qop=auth`; also the older form without `qop`.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use config::agent::Login;
use md5::{Digest as _, Md5};
use sha2::Sha256;

/// One way of logging in that a proxy offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// `Basic`, `Digest`, …, as the proxy writes it.
    pub(super) kind: String,
    params: Vec<(String, String)>,
}

impl Challenge {
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }
}

/// Reads one `Proxy-Authenticate` field, which may hold several challenges.
pub(super) fn challenges(field: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    for part in split(field) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().split_once([' ', '\t']) {
            // `Digest realm="…"`: a new one, with its first parameter.
            Some((kind, name)) => found.push(Challenge {
                kind: kind.to_owned(),
                params: vec![(name.trim().to_ascii_lowercase(), unquoted(value))],
            }),
            None if !part.contains('=') => {
                found.push(Challenge { kind: name.trim().to_owned(), params: Vec::new() });
            }
            None => {
                if let Some(last) = found.last_mut() {
                    last.params.push((name.trim().to_ascii_lowercase(), unquoted(value)));
                }
            }
        }
    }
    found
}

/// At commas that stand in no quotes.
fn split(field: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in field.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&field[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&field[from..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let (mut plain, mut escaped) = (String::new(), false);
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    plain
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn hash(self, text: &str) -> String {
        let bytes = match self {
            Self::Md5 => Md5::digest(text).to_vec(),
            Self::Sha256 => Sha256::digest(text).to_vec(),
        };
        bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // a string takes all
            hex
        })
    }
}

/// A nonce, and how often it was used.
#[derive(Clone, Debug)]
pub(super) struct Session {
    algorithm: Algorithm,
    /// As the proxy named it; it may have left it out.
    named: Option<String>,
    realm: String,
    pub(super) nonce: String,
    opaque: Option<String>,
    has_qop: bool,
    count: u32,
    /// The proxy says that the login was right and its nonce too old.
    pub(super) stale: bool,
}

impl Session {
    /// The strongest of the challenges that can be answered here.
    pub(super) fn best(challenges: &[Challenge]) -> Option<Self> {
        challenges.iter().filter_map(Self::of).max_by_key(|session| session.algorithm)
    }

    fn of(challenge: &Challenge) -> Option<Self> {
        if !challenge.is("Digest") {
            return None;
        }
        let named = challenge.param("algorithm").map(str::to_owned);
        let algorithm = match named.as_deref().unwrap_or("MD5").to_ascii_uppercase().as_str() {
            "MD5" => Algorithm::Md5,
            "SHA-256" => Algorithm::Sha256,
            _ => return None,
        };
        let has_qop = match challenge.param("qop") {
            None => false,
            Some(qop) if qop.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        Some(Self {
            algorithm,
            named,
            realm: challenge.param("realm")?.to_owned(),
            nonce: challenge.param("nonce")?.to_owned(),
            opaque: challenge.param("opaque").map(str::to_owned),
            has_qop,
            count: 0,
            stale: challenge.param("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of `Proxy-Authorization` for the next request.
    pub(super) fn answer(&mut self, login: &Login, method: &str, uri: &str) -> Option<String> {
        let mut random = [0; 6];
        getrandom::fill(&mut random).ok()?;
        self.count = self.count.checked_add(1)?;
        Some(self.answer_with(login, method, uri, &URL_SAFE_NO_PAD.encode(random)))
    }

    fn answer_with(&self, login: &Login, method: &str, uri: &str, cnonce: &str) -> String {
        let Self { realm, nonce, .. } = self;
        let hash = |text: &str| self.algorithm.hash(text);
        let count = format!("{:08x}", self.count);
        let who = hash(&format!("{}:{realm}:{}", login.user, login.password.expose()));
        let what = hash(&format!("{method}:{uri}"));
        let response = if self.has_qop {
            hash(&format!("{who}:{nonce}:{count}:{cnonce}:auth:{what}"))
        } else {
            hash(&format!("{who}:{nonce}:{what}"))
        };
        let mut value = format!(
            "Digest username={},realm={},nonce={},uri={},response=\"{response}\"",
            quoted(&login.user),
            quoted(realm),
            quoted(nonce),
            quoted(uri)
        );
        if let Some(named) = &self.named {
            value += &format!(",algorithm={named}");
        }
        if self.has_qop {
            value += &format!(",qop=auth,nc={count},cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = &self.opaque {
            value += &format!(",opaque={}", quoted(opaque));
        }
        value
    }
}

fn quoted(plain: &str) -> String {
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use config::Secret;
    use proptest::prelude::*;

    use super::*;

    fn login() -> Login {
        Login { user: "Mufasa".into(), password: Secret::new("Circle of Life") }
    }

    /// RFC 7616, section 3.9.1.
    #[test]
    fn the_answers_are_those_of_the_rfc() {
        let offered = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        let both = challenges(offered);
        assert_eq!(both.len(), 2);
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let (strong, weak) = (both[0].clone(), both[1].clone());
        let sha = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        for (offered, response, algorithm) in [
            (&[strong.clone(), weak.clone()][..], sha, "SHA-256"),
            // The strongest, in whatever order they come.
            (&[weak.clone(), strong], sha, "SHA-256"),
            (&[weak], "8ca523f5e9506fed4657c9700eebdbec", "MD5"),
        ] {
            let mut session = Session::best(offered).unwrap();
            session.count = 1;
            let answer = session.answer_with(&login(), "GET", "/dir/index.html", cnonce);
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
            assert!(answer.contains("qop=auth,nc=00000001,"), "{answer}");
            // What the proxy named comes back as it was.
            assert!(answer.contains(&format!(",algorithm={algorithm},")), "{answer}");
            let opaque = ",opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
            assert!(answer.ends_with(opaque), "{answer}");
        }
    }

    #[test]
    fn several_kinds_in_one_field_are_told_apart() {
        let found =
            challenges(r#"Negotiate, NTLM, Basic realm="a, \"b\"", Digest nonce=x,realm=r"#);
        let kinds: Vec<_> = found.iter().map(|challenge| challenge.kind.as_str()).collect();
        assert_eq!(kinds, ["Negotiate", "NTLM", "Basic", "Digest"]);
        assert_eq!(found[2].param("realm"), Some("a, \"b\""));
        assert!(!Session::best(&found).unwrap().has_qop);
        let strange = challenges("Digest realm=r,nonce=n,qop=auth-int");
        assert!(Session::best(&strange).is_none());
        assert!(Session::best(&challenges("Digest realm=r,nonce=n,algorithm=SHA-512")).is_none());
    }

    #[test]
    fn a_nonce_is_too_old_where_the_proxy_says_so_and_a_quote_stays_in_its_quotes() {
        let is_stale = |stale: &str| {
            let offered = format!("Digest realm=\"a \\\"b\\\"\",nonce=n{stale}");
            let mut session = Session::best(&challenges(&offered)).unwrap();
            let answer = session.answer(&login(), "GET", "/").unwrap();
            assert!(answer.contains(r#"realm="a \"b\"","#), "{answer}");
            session.stale
        };
        assert!(is_stale(",stale=TRUE") && !is_stale(",stale=false") && !is_stale(""));
    }

    #[test]
    fn each_use_of_a_nonce_has_the_next_number() {
        let mut session = Session::best(&challenges("Digest realm=r,nonce=n,qop=auth")).unwrap();
        let first = session.answer(&login(), "CONNECT", "r:443").unwrap();
        let second = session.answer(&login(), "CONNECT", "r:443").unwrap();
        assert!(first.contains("nc=00000001") && second.contains("nc=00000002"));
        assert!(!first.contains("Circle"));
    }

    proptest! {
        #[test]
        fn no_field_makes_reading_it_panic(field: String) {
            let _ = Session::best(&challenges(&field));
        }
    }
}
