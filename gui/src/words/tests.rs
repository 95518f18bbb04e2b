use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::FluentResource;

use super::*;

/// Every key of a file with the arguments that its text names.
fn keys(texts: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in texts.lines() {
        if let Some((name, _)) = line.split_once('=')
            && line.starts_with(|c: char| c.is_ascii_lowercase())
        {
            key = name.trim().to_owned();
            assert!(
                found.insert(key.clone(), BTreeSet::new()).is_none(),
                "{key} stands there twice"
            );
        }
        for part in line.split('$').skip(1) {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
            let name = &part[..end.unwrap_or(part.len())];
            found.entry(key.clone()).or_default().insert(name.to_owned());
        }
    }
    found
}

#[test]
fn every_language_says_the_same_things() {
    let english = keys(LANGUAGES[0].2);
    for (tag, _, texts) in LANGUAGES {
        let resource = FluentResource::try_new(texts.to_owned());
        assert!(resource.is_ok(), "{tag}: {:?}", resource.err().map(|(_, errors)| errors));
        assert_eq!(keys(texts), english, "{tag}");
    }
}

#[test]
fn every_text_that_the_code_asks_for_is_there_and_every_one_there_is_asked_for() {
    let mut code = String::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                None => folders.push(path),
                Some(_) => code.push_str(&std::fs::read_to_string(path).unwrap()),
            }
        }
    }
    let (english, words) = (keys(LANGUAGES[0].2), Words::of("en", TimeZone::UTC));
    // Put together from parts in the code.
    let made = ["state-", "outcome-", "phase-"];
    for key in english.keys().filter(|key| !made.iter().any(|start| key.starts_with(start))) {
        assert!(code.contains(&format!("\"{key}\"")), "nobody says {key}");
    }
    for ask in ["say(\"", "tell(\""] {
        for part in code.split(ask).skip(1) {
            let key = part.split('"').next().unwrap_or_default();
            let is_key = key.starts_with(|c: char| c.is_ascii_lowercase()) && !key.contains('{');
            let is_there = || words.tell(key, &[]) != key;
            assert!(!is_key || english.contains_key(key) || is_there(), "there is no text {key}");
        }
    }
}

#[test]
fn one_member_is_counted_as_one() {
    for (tag, one, two) in [("en", "1 member", "2 members"), ("de", "1 Mitglied", "2 Mitglieder")] {
        for key in ["portal-members", "chat-members"] {
            assert_eq!(
                Words::of(tag, TimeZone::UTC).tell(key, &[("n", 1_u64.into())]),
                one,
                "{key}"
            );
            assert_eq!(
                Words::of(tag, TimeZone::UTC).tell(key, &[("n", 2_u64.into())]),
                two,
                "{key}"
            );
        }
    }
}
