use super::*;

const NOW_S: i64 = 1_790_000_000;

#[test]
fn a_key_is_made_once_and_is_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(OwnKeys::load(dir.path()), Err(OwnKeyError::None)));
    let made = OwnKeys::load_or_make(dir.path(), NOW_S).unwrap();
    let again = OwnKeys::load_or_make(dir.path(), NOW_S + 9).unwrap();
    assert_eq!(made.fingerprints(), again.fingerprints());
    assert_eq!((made.fingerprints().len(), again.current.made_s()), (1, NOW_S));
    let file = dir.path().join(FILE_NAME);
    assert!(!config::private::others_can_read(&file).unwrap());
    let other = tempfile::tempdir().unwrap();
    let other = OwnKeys::load_or_make(other.path(), NOW_S).unwrap();
    assert_ne!(other.fingerprints(), made.fingerprints());
}

#[test]
fn the_next_key_is_announced_beside_the_one_in_use_and_then_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut keys = OwnKeys::load_or_make(dir, NOW_S).unwrap();
    let first = keys.fingerprints();
    assert!(matches!(keys.switch(dir), Err(OwnKeyError::NoNext)));
    keys.prepare(dir, NOW_S + 5).unwrap();
    assert!(matches!(keys.prepare(dir, NOW_S), Err(OwnKeyError::HasNext)));
    let both = OwnKeys::load(dir).unwrap();
    assert_eq!(both.fingerprints(), keys.fingerprints());
    assert_eq!((both.fingerprints()[0], both.fingerprints().len()), (first[0], 2));
    assert_eq!(both.next.as_ref().unwrap().made_s(), NOW_S + 5);
    keys.switch(dir).unwrap();
    assert_eq!(OwnKeys::load(dir).unwrap().fingerprints(), both.fingerprints()[1..]);
    keys.prepare(dir, NOW_S).unwrap();
    keys.cancel(dir).unwrap();
    assert_eq!(OwnKeys::load(dir).unwrap().fingerprints(), both.fingerprints()[1..]);
}

#[test]
fn a_damaged_file_is_refused_and_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut keys = OwnKeys::load_or_make(dir.path(), NOW_S).unwrap();
    keys.prepare(dir.path(), NOW_S).unwrap();
    let file = dir.path().join(FILE_NAME);
    let text = fs::read_to_string(&file).unwrap();
    let three = [&text[..], &text[text.find(MADE).unwrap()..]].concat();
    let [one_date, no_dates] = [text.replacen(MADE, "#", 1), text.replace(MADE, "#")];
    for damaged in [
        "",
        HEAD,
        &text[..text.len() / 2],
        &text[..text.len() - 9],
        &text.replace("MC4", "MC5"),
        &text.replacen("# made 1", "# made x", 1),
        &one_date,
        &no_dates,
        &three,
    ] {
        fs::write(&file, damaged).unwrap();
        let err = OwnKeys::load_or_make(dir.path(), NOW_S).unwrap_err();
        assert!(matches!(err, OwnKeyError::Damaged { .. }), "{err}: {damaged}");
        assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
    }
}

#[test]
fn no_secret_is_shown_by_debug() {
    let dir = tempfile::tempdir().unwrap();
    let keys = OwnKeys::load_or_make(dir.path(), NOW_S).unwrap();
    let shown = format!("{:?}", KeyRing::new(keys.clone()));
    assert!(shown.contains(&keys.current.fingerprint().to_string()), "{shown}");
    assert!(shown.len() < 200, "{shown}");
}
