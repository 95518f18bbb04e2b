use super::*;

fn keys() -> [Fingerprint; 3] {
    ["one", "two", "three"].map(|name| Fingerprint::of(name.as_bytes()))
}

#[test]
fn a_key_told_of_is_tried_and_pinned_once_the_relay_has_proved_itself_by_it() {
    let [one, two, _] = keys();
    let trust = Trust::new(KeyTrust::Pin);
    assert_eq!(trust.ways(false, false), (Proof::Certificate, None));
    assert!(trust.is_due(7, Proof::Certificate) && trust.to_keep().is_none());
    trust.learn(Proof::Certificate, &[one], 7);
    assert!(!trust.is_due(7, Proof::Certificate) && trust.is_due(8, Proof::Key));
    assert_eq!(trust.ways(false, false), (Proof::Key, Some(Proof::Certificate)));
    trust.proved(Proof::Key, Proof::Key);
    assert_eq!(trust.ways(false, false), (Proof::Key, None));
    // The next one is told of by the one in use.
    trust.learn(Proof::Key, &[one, two], 8);
    assert!(trust.accepts(&one) && trust.accepts(&two));
    trust.learn(Proof::Key, &[two], 9);
    assert!(!trust.accepts(&one) && trust.accepts(&two));
    let again = Trust::new(KeyTrust::Pin);
    again.recall(&trust.to_keep().unwrap()).unwrap();
    assert_eq!(again.ways(false, false), (Proof::Key, None));
    assert_eq!(again.accepted(), [two]);
}

#[test]
fn a_key_that_the_relay_cannot_show_is_forgotten_before_it_is_pinned_and_never_after() {
    let [one, ..] = keys();
    let trust = Trust::new(KeyTrust::Pin);
    trust.learn(Proof::Certificate, &[one], 7);
    trust.proved(Proof::Certificate, Proof::Key);
    assert_eq!(trust.ways(false, false), (Proof::Certificate, None));
    assert!(!trust.is_due(7, Proof::Certificate), "it is not asked with every call");
    assert!(trust.is_due(8, Proof::Certificate));
    trust.learn(Proof::Certificate, &[one], 8);
    trust.proved(Proof::Key, Proof::Key);
    assert_eq!(trust.ways(false, false).1, None, "the certificate does no more");
}

#[test]
fn the_certificate_does_again_where_the_user_says_so() {
    let [one, two, _] = keys();
    let trust = Trust::new(KeyTrust::OrCertificate);
    trust.learn(Proof::Certificate, &[one], 7);
    trust.proved(Proof::Key, Proof::Key);
    assert_eq!(trust.ways(false, false), (Proof::Key, Some(Proof::Certificate)));
    trust.proved(Proof::Certificate, Proof::Key);
    assert!(trust.is_due(7, Proof::Certificate), "it has another key by now");
    trust.learn(Proof::Certificate, &[two], 7);
    assert_eq!(trust.accepted(), [two]);
    let trust = Trust::new(KeyTrust::Ignore);
    assert!(!trust.is_due(7, Proof::Certificate));
    trust.learn(Proof::Certificate, &[one], 7);
    assert_eq!(trust.ways(true, true), (Proof::Certificate, None));
}

#[test]
fn a_fingerprint_that_was_given_is_pinned_from_the_start_and_no_certificate_changes_it() {
    let [one, two, _] = keys();
    for policy in [KeyTrust::Pin, KeyTrust::OrCertificate, KeyTrust::Ignore] {
        let trust = Trust::new(policy);
        trust.give(one);
        assert_eq!(trust.ways(false, false), (Proof::Key, None), "{policy:?}");
        trust.learn(Proof::Certificate, &[two], 7);
        assert_eq!(trust.accepted(), [one]);
        trust.learn(Proof::Key, &[], 7);
        assert_eq!(trust.accepted(), [one]);
    }
}

#[test]
fn who_looks_into_tls_is_let_but_not_believed() {
    let [one, two, _] = keys();
    let trust = Trust::new(KeyTrust::Pin);
    trust.give(one);
    trust.proved(Proof::Key, Proof::Key);
    assert_eq!(trust.ways(true, false), (Proof::Key, Some(Proof::Inspected)));
    trust.proved(Proof::Inspected, Proof::Key);
    assert_eq!(trust.ways(true, true), (Proof::Inspected, Some(Proof::Key)));
    assert!(!trust.is_due(7, Proof::Inspected));
    for proof in [Proof::Inspected, Proof::None] {
        trust.learn(proof, &[two], 7);
    }
    assert_eq!((trust.accepted(), trust.to_keep().unwrap().asked), (vec![one], 0));
}

#[test]
fn what_was_kept_damaged_is_not_taken_for_nothing() {
    let trust = Trust::new(KeyTrust::Pin);
    trust.give(keys()[0]);
    let mut kept = trust.to_keep().unwrap();
    kept.accepted[0].pop();
    assert_eq!(Trust::new(KeyTrust::Pin).recall(&kept), Err(FingerprintError));
}
