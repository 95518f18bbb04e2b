use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::*;

fn words(tag: &str) -> Words {
    Words::of(tag, TimeZone::UTC)
}

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
    let english = keys(LANGUAGES[0].1);
    for (tag, texts) in LANGUAGES {
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
    let english = keys(LANGUAGES[0].1);
    // Put together from parts in the code.
    let made = ["month-", "weekday-"];

    for key in english.keys().filter(|key| !made.iter().any(|start| key.starts_with(start))) {
        assert!(code.contains(&format!("\"{key}\"")), "nobody says {key}");
    }
    for ask in ["say(\"", "tell(\""] {
        for part in code.split(ask).skip(1) {
            let key = part.split('"').next().unwrap_or_default();
            let is_key = key.starts_with(|c: char| c.is_ascii_lowercase()) && !key.contains('{');
            assert!(!is_key || english.contains_key(key), "there is no text {key}");
        }
    }
}

#[test]
fn a_language_that_there_is_not_is_english() {
    assert_eq!(words("xx-YY").tag(), "en");
    assert_eq!(words("").tag(), "en");
    assert_eq!(words("de-AT").tag(), "de");
}

#[test]
fn bytes_are_written_short_and_never_as_a_thousand_of_the_smaller_unit() {
    let en = words("en");
    for (bytes, said) in [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (39_249, "39.2 KB"),
        (99_949, "99.9 KB"),
        (99_950, "100 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (1_450_000, "1.5 MB"),
        (u64::MAX, "18446744 TB"),
    ] {
        assert_eq!(en.bytes(bytes), said);
    }
    assert_eq!(words("de").bytes(39_200), "39,2 KB");
}

#[test]
fn moments_are_as_short_as_they_can_be_told_from_now() {
    let en = words("en");
    let now = 1_795_000_000; // 2026-11-18 11:06:40
    assert_eq!(en.moment(now - 3600, now), "10:06");
    assert_eq!(en.moment(now - 86_400, now), "yesterday");
    assert_eq!(en.moment(now + 86_400, now), "tomorrow");
    assert_eq!(en.moment(now - 5 * 86_400, now), "Fri 13 Nov");
    assert_eq!(en.moment(now - 400 * 86_400, now), "14 Oct 2025");
    assert_eq!(words("en-US").clock(now), "11:06 AM");
    assert_eq!(en.relative(now + 42 * 60, now), "in 42 min");
    assert_eq!(en.relative(now - 3 * 3600, now), "3 h ago");
    assert_eq!(en.relative(now - 20, now), "just now");
    for extreme in [i64::MIN, i64::MAX] {
        assert!(!en.full(extreme, now).is_empty() && !en.relative(extreme, 0).is_empty());
    }
}

#[test]
fn times_are_written_as_the_place_of_the_times_has_them_in_any_language() {
    let now = 1_795_000_000; // 11:06:40
    let env = |pairs: &'static [(&str, &str)]| {
        times_of(|name| {
            pairs.iter().find(|(is, _)| *is == name).map(|(_, said)| (*said).to_owned())
        })
    };
    for (pairs, tag) in [
        (&[("LANG", "de_DE.UTF-8"), ("LC_TIME", "en_US.UTF-8")][..], Some("en-US")),
        (&[("LC_ALL", "en_GB"), ("LC_TIME", "en_US"), ("LANG", "en_US")], Some("en-GB")),
        (&[("LC_ALL", ""), ("LANG", "ca_ES@valencia")], Some("ca-ES")),
        (&[("LANG", "C")], Some("C")),
        (&[], None),
    ] {
        assert_eq!(env(pairs).as_deref(), tag, "{pairs:?}");
    }
    assert_eq!(words("de").with_times_of("en-US").clock(now), "11:06 AM");
    assert_eq!(words("en-US").with_times_of("de-DE").clock(now), "11:06");
    assert_eq!(words("en").with_times_of("hi-IN").clock(now + 3600), "12:06 PM");
    for odd in ["C", "POSIX", "", "??"] {
        assert_eq!(words("en-US").with_times_of(odd).clock(now), "11:06", "{odd}");
    }
}
