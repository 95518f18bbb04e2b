//! Files as people write them, wrong in every way that we could think of, and what they are told.

use std::fs;

use super::*;
use crate::{Size, Span, agent, relay};

const RELAY: &str = include_str!("../../examples/relay.toml");
const AGENT: &str = include_str!("../../examples/agent.toml");

fn env(pairs: &[(&str, &str)]) -> Env {
    pairs.iter().copied().collect()
}

fn agent(text: &str) -> Result<agent::Settings, ConfigError> {
    parse(Path::new("agent.toml"), text)
}

fn relay(text: &str) -> Result<relay::Settings, ConfigError> {
    parse(Path::new("relay.toml"), text)
}

#[track_caller]
fn told<T: std::fmt::Debug>(outcome: Result<T, ConfigError>, expected: &str) {
    assert_eq!(outcome.unwrap_err().to_string(), expected);
}

/// The keys of every section that is a table, with their paths.
fn paths_of(table: &toml::Table) -> Vec<String> {
    let inner = |(key, value): (&String, &toml::Value)| match value {
        toml::Value::Table(inner) => {
            paths_of(inner).iter().map(|path| format!("{key}.{path}")).collect()
        }
        toml::Value::Array(_) => vec![],
        _ => vec![key.clone()],
    };
    table.iter().flat_map(inner).collect()
}

#[test]
fn the_shipped_files_state_the_defaults() {
    assert_eq!(relay(RELAY).unwrap(), relay::Settings::default());
    assert_eq!(agent(AGENT).unwrap(), agent::Settings::default());
}

#[test]
fn the_shipped_files_show_every_setting_with_a_comment() {
    fn check<T: Settings>(example: &str) {
        let shown = paths_of(&toml::from_str(example).unwrap());
        assert_eq!(shown, paths_of(&toml::Table::try_from(T::default()).unwrap()));
        for (above, line) in example.lines().zip(example.lines().skip(1)) {
            let setting = line.starts_with(|c: char| c.is_ascii_lowercase());
            assert!(!setting || above.starts_with("# "), "no comment above: {line}");
        }
    }
    check::<relay::Settings>(RELAY);
    check::<agent::Settings>(AGENT);
}

#[test]
fn the_rules_shown_in_comments_are_right_and_show_every_key() {
    let start = AGENT.find("# [[connect]]").unwrap();
    let rules: String = AGENT[start..]
        .lines()
        .map(|line| format!("{}\n", line.trim_start_matches(['#', ' '])))
        .collect();
    let rules: String = rules
        .lines()
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .collect::<Vec<_>>()
        .join("\n");
    let settings = agent(&rules).unwrap();
    assert_eq!(settings.connect.len(), 4);
    for key in toml::Table::try_from(agent::Rule::default()).unwrap().keys() {
        assert!(rules.contains(&format!("{key} = ")), "{key}");
    }
}

#[test]
fn the_link_shown_in_comments_is_right_and_shows_every_key() {
    let start = AGENT.find("# [[link]]").unwrap();
    let shown: Vec<_> = AGENT[start..]
        .lines()
        .take_while(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches("# "))
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .collect();
    let settings = agent(&shown.join("\n")).unwrap();
    let [link] = &settings.link[..] else { panic!("{shown:?}") };
    assert_eq!(link.tariff_per_mb, Some("0.12".parse().unwrap()));
    assert_eq!(link.rate, Some("40 kbit/s".parse().unwrap()));
    // Debug shows every field, those that are left out in the file too.
    let fields = format!("{:#?}", agent::Link::default());
    let keys = fields.lines().filter_map(|line| line.trim().split_once(": ")).map(|(key, _)| key);
    for key in keys {
        assert!(shown.iter().any(|line| line.starts_with(&format!("{key} = "))), "{key}");
    }
}

#[test]
fn a_wrong_link_is_told_with_its_line_and_the_remedy() {
    for (text, expected) in [
        (
            "[[link]]\nssid = \"x\"\n",
            "line 1: setting [[link]]: has no name; write name = \"home\", which is how rules call it",
        ),
        (
            "[[link]]\nname = \"metered\"\n",
            "line 2: setting \"name\" in [[link]]: \"metered\" names a class of links; choose another",
        ),
        (
            "[[link]]\nname = \"a\"\nssid = \"x\"\n[[link]]\nname = \"a\"\n",
            "line 5: setting \"name\" in [[link]]: \"a\" is the name of another profile already",
        ),
        (
            "[[link]]\nname = \"a\"\n[[link]]\nname = \"b\"\n",
            "line 3: setting [[link]]: matches every link, as \"a\" does already; give one of them connection, ssid or interface",
        ),
        (
            "[[link]]\nname = \"a\"\ninterface = \"*0\"\n",
            "line 3: setting \"interface\" in [[link]]: \"*0\" has a * that is not at its end",
        ),
        (
            "[[link]]\nname = \"a\"\ntariff_per_mb = 1.5\n",
            "line 1: setting \"currency\" in [[link]]: is missing beside a tariff; write currency = \"EUR\"",
        ),
        (
            "[[link]]\nname = \"a\"\ncurrency = \"euro\"\n",
            "line 3: setting \"currency\" in [[link]]: \"euro\" is no currency; expected three letters such as EUR",
        ),
        (
            "[[link]]\nname = \"a\"\ntariff_per_mb = \"1,5\"\n",
            "line 3: setting \"tariff_per_mb\" in [[link]]: \"1,5\" is not a price; write it as 0.12, with a point and at most six digits behind it",
        ),
        (
            "[[link]]\nname = \"a\"\nrate = 40\n",
            "line 3: setting \"rate\" in [[link]]: \"40\" is not a speed; write it as \"40 kbit/s\" or \"2 Mbit/s\"",
        ),
        (
            "[[link]]\nname = \"a\"\nquota = \"23 KiB\"\n",
            "line 3: setting \"quota\" in [[link]]: 23 KiB would allow no call at all; expected at least 24 KiB, or leave it out for no limit",
        ),
        (
            "[[link]]\nname = \"a\"\nquota_reset_day = 32\n",
            "line 3: setting \"quota_reset_day\" in [[link]]: 32 is out of range; expected 1 to 31",
        ),
        (
            "[[link]]\nname = \"a\"\nmeterd = true\n",
            "line 3: unknown setting \"meterd\" in [[link]]; did you mean \"metered\"?",
        ),
    ] {
        told(agent(text), &format!("agent.toml {expected}"));
    }
}

#[test]
fn the_sources_shown_in_comments_are_right_and_show_every_key() {
    let start = AGENT.find("# [[notify.source]]").unwrap();
    let end = AGENT.find("# When the agent calls by itself").unwrap();
    let rules: Vec<_> = AGENT[start..end]
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']))
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .collect();
    let rules = rules.join("\n");
    assert_eq!(agent(&rules).unwrap().notify.source.len(), 2);
    for key in toml::Table::try_from(agent::Source::default()).unwrap().keys() {
        assert!(rules.contains(&format!("{key} = ")), "{key}");
    }
}

#[test]
fn a_source_is_one_person_or_one_conversation_and_both_are_told_how() {
    let rule = |keys: &str| agent(&format!("[[notify.source]]\n{keys}")).unwrap_err().to_string();
    assert!(rule("min_priority = \"never\"").contains("write person = \"ben\" or conversation"));
    assert!(rule("person = \"ben\"\nconversation = \"c3\"").contains("one for each"));
    assert!(rule("conversation = \"boats\"").contains("see mailboat conversations"));
    let quiet = agent("[notify]\nquiet_hours = [\"22-7\"]").unwrap_err().to_string();
    assert!(quiet.contains("write it as \"22:00-07:00\""), "{quiet}");
    let program = agent("[notify]\nopen_program = [\"\"]").unwrap_err().to_string();
    assert!(program.contains("names no program"), "{program}");
}

#[test]
fn a_typo_is_told_with_file_line_and_the_nearest_key() {
    told(
        agent("[[connect]]\nlive = true\n[[connect]]\nevry = \"15m\"\n"),
        "agent.toml line 4: unknown setting \"evry\" in [[connect]]; did you mean \"every\"?",
    );
    told(
        relay("listen = \"127.0.0.1:0\"\n\nlogg = \"info\"\n"),
        "relay.toml line 3: unknown setting \"logg\"; did you mean \"log\"?",
    );
    told(
        relay("\n[limit]\n"),
        "relay.toml line 2: unknown setting \"limit\"; did you mean \"limits\"?",
    );
    told(
        relay("[limits]\nfan_out_max = 3\nenvelope-max = 3\n"),
        "relay.toml line 3: unknown setting \"envelope-max\" in [limits]; did you mean \"envelope_max\"?",
    );
    told(
        relay("limits.hold_mx = \"3s\"\n"),
        "relay.toml line 1: unknown setting \"hold_mx\" in [limits]; did you mean \"hold_max\"?",
    );
}

#[test]
fn a_key_of_another_section_is_sent_there() {
    told(
        agent("[sync]\nvisit_retries = 1\nca = \"x.pem\"\n"),
        "agent.toml line 3: unknown setting \"ca\" in [sync]; it belongs at the top of the file, above the first [section]",
    );
    told(
        relay("hold_max = \"3s\"\n"),
        "relay.toml line 1: unknown setting \"hold_max\"; it belongs in [limits]",
    );
}

#[test]
fn a_wrong_kind_is_told_with_what_was_expected() {
    for (text, expected) in [
        (
            "[[connect]]\nlive = \"yes\"\n",
            "agent.toml line 2: setting \"live\" in [[connect]]: invalid type: string \"yes\", expected a boolean",
        ),
        (
            "[[connect]]\nevery = 15\n",
            "agent.toml line 2: setting \"every\" in [[connect]]: \"15\" is not a length of time; write it as \"30s\", \"15m\", \"1h30m\" or \"7d\"",
        ),
        (
            "[sync]\n\n\nbudget = \"50 KB\"\n",
            "agent.toml line 4: setting \"budget\" in [sync]: \"50 KB\" is not a size; write it as \"50 KiB\", \"1 MiB\" or a plain number of bytes",
        ),
        (
            "[sync]\nmessage_lifetime = 30\n",
            "agent.toml line 2: setting \"message_lifetime\" in [sync]: invalid type: integer `30`, expected a length of time such as \"15m\"",
        ),
        (
            "sync = 3\n",
            "agent.toml line 1: setting \"sync\": invalid type: integer `3`, expected a section of settings",
        ),
    ] {
        told(agent(text), expected);
    }
    told(
        agent("[connect]\nlive = true\n"),
        "agent.toml line 1: setting \"connect\": invalid type: map, expected sections headed [[…]], two brackets each side",
    );
    told(
        relay("registration = \"invites\"\n"),
        "relay.toml line 1: setting \"registration\": unknown variant `invites`, expected one of `closed`, `invite`, `open`",
    );
    told(
        relay("[limits]\nfan_out_max = -1\n"),
        "relay.toml line 2: setting \"fan_out_max\" in [limits]: invalid value: integer `-1`, expected a whole number from 0",
    );
    told(
        relay("\nlisten = \"7480\"\n"),
        "relay.toml line 2: setting \"listen\": expected an address with its port, such as \"127.0.0.1:7480\"",
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let err = agent("log = \"info\"\n[sync\n").unwrap_err();
    assert!(err.to_string().starts_with("agent.toml line 2: "), "{err}");
    let err = agent("log = \"info\"\nlog = \"warn\"\n").unwrap_err();
    assert_eq!(err.to_string(), "agent.toml line 2: duplicate key");
}

#[test]
fn values_out_of_range_are_told_with_both_ends() {
    told(
        relay("[limits]\nfan_out_max = 257\n"),
        "relay.toml line 2: setting \"fan_out_max\" in [limits]: 257 is out of range; expected 2 to 256",
    );
    told(
        relay("[limits]\nenvelope_max = \"65 KiB\"\n"),
        "relay.toml line 2: setting \"envelope_max\" in [limits]: 65 KiB is out of range; expected 1 KiB to 64 KiB",
    );
    told(
        relay("[limits]\nhold_max = \"6m\"\n"),
        "relay.toml line 2: setting \"hold_max\" in [limits]: 6m is out of range; expected 1s to 5m",
    );
    told(
        agent("[[connect]]\nlive = true\n[[connect]]\nevery = \"0s\"\n"),
        "agent.toml line 4: setting \"every\" in [[connect]]: 0s is out of range; expected 1s to 366d",
    );
}

#[test]
fn bounds_hold_each_other() {
    told(
        relay("[limits]\nenvelope_max = \"64 KiB\"\n"),
        "relay.toml line 1: setting \"request_body_max\" in [limits]: 64 KiB cannot carry an envelope of envelope_max, 64 KiB; expected at least 66048 B",
    );
    assert!(relay("[limits]\nenvelope_max = \"64 KiB\"\nrequest_body_max = \"128 KiB\"\n").is_ok());
    told(
        agent("[sync]\nbudget = \"8 KiB\"\n"),
        "agent.toml line 2: setting \"budget\" in [sync]: 8 KiB cannot carry one message and its envelope; expected at least 12 KiB",
    );
    told(
        agent("[[connect]]\nevery = \"1m\"\nbudget = 12287\n"),
        "agent.toml line 3: setting \"budget\" in [[connect]]: 12287 B cannot carry one message and its envelope; expected at least 12 KiB",
    );
    told(
        relay("[retention]\ndormant_after = \"1d\"\n"),
        "relay.toml line 2: setting \"dormant_after\" in [retention]: 1d is shorter than keep_delivered, 7d; expected at least that",
    );
}

#[test]
fn plain_http_leaves_the_machine_only_when_the_settings_say_so() {
    let open = "listen = \"0.0.0.0:80\"\n";
    let err = relay(open).unwrap_err().to_string();
    assert!(
        err.starts_with("relay.toml line 1: setting \"listen\": 0.0.0.0:80 would serve plain HTTP"),
        "{err}"
    );
    assert!(relay(&format!("{open}allow_plain_http = true\n")).is_ok());
    assert!(relay(&format!("{open}tls = {{ cert = \"c.pem\", key = \"k.pem\" }}\n")).is_ok());
    assert!(relay("listen = \"[::1]:80\"\n").is_ok());
}

#[test]
fn a_certificate_needs_its_key_and_a_key_its_certificate() {
    told(
        relay("[tls]\ncert = \"c.pem\"\n"),
        "relay.toml line 1: setting \"key\" in [tls]: is empty while cert is set; expected the PEM file of its private key",
    );
    told(
        relay("[tls]\nkey = \"k.pem\"\n"),
        "relay.toml line 1: setting \"cert\" in [tls]: is empty while key is set; expected the PEM file of its certificate",
    );
}

#[test]
fn rules_say_when_and_only_once() {
    told(
        agent("log = \"info\"\n[[connect]]\nlive = true\n\n[[connect]]\n"),
        "agent.toml line 5: setting [[connect]]: says not when to call; write cron = \"30 8 * * *\", every = \"15m\", when = \"link-up\", when = \"urgent-queued\" or live = true",
    );
    told(
        agent("[[connect]]\nevery = \"1m\"\nlive = true\n"),
        "agent.toml line 3: setting \"live\" in [[connect]]: stands beside every; write two [[connect]] rules, one for each",
    );
    told(
        agent("[[connect]]\nlive = true\nbudget = \"50KiB\"\n"),
        "agent.toml line 3: setting \"budget\" in [[connect]]: limits a visit, but a line that is held has none; remove it, or use every",
    );
    told(
        agent("[[connect]]\nwhen = \"link-up\"\ncron = \"@daily\"\n"),
        "agent.toml line 2: setting \"when\" in [[connect]]: stands beside cron; write two [[connect]] rules, one for each",
    );
    let settings =
        agent("[[connect]]\nevery = \"15m\"\nbudget = \"50KiB\"\n[[connect]]\nlive = true\n")
            .unwrap();
    let every = agent::Rule {
        budget: Some(Size::from_kib(50)),
        ..agent::Rule::every(Span::from_minutes(15))
    };
    assert_eq!(settings.connect, [every, agent::Rule::live()]);
}

#[test]
fn two_rules_that_are_called_the_same_are_refused() {
    told(
        agent(
            "[[connect]]\nname = \"a\"\nevery = \"1h\"\n[[connect]]\nname = \"a\"\nevery = \"2h\"\n",
        ),
        "agent.toml line 5: setting \"name\" in [[connect]]: \"a\" is what another rule is called already",
    );
    told(
        agent("[[connect]]\nname = \"rule 2\"\nevery = \"1h\"\n[[connect]]\nevery = \"2h\"\n"),
        "agent.toml line 2: setting \"name\" in [[connect]]: \"rule 2\" is what another rule is called already",
    );
    agent("[[connect]]\nname = \"b\"\nevery = \"1h\"\n[[connect]]\nname = \"a\"\nevery = \"2h\"\n")
        .unwrap();
}

#[test]
fn a_wrong_value_in_a_list_is_told_with_the_name_of_the_list() {
    told(
        agent("[notify]\nquiet_hours = [\"22-7\"]\n"),
        "agent.toml line 2: setting \"quiet_hours\" in [notify]: \"22-7\" is no part of a day; write it as \"22:00-07:00\", by the local clock",
    );
}

#[test]
fn a_wrong_rule_is_told_with_its_line_and_the_remedy() {
    for (text, expected) in [
        (
            "[[connect]]\nlive = true\n\n[[connect]]\ncron = \"0 30 8\"\n",
            "agent.toml line 5: setting \"cron\" in [[connect]]: \"0 30 8\" is no cron expression: it has 3 fields; write minute, hour, day, month and weekday (\"30 8 * * Mon-Fri\"), or seconds before them (\"0 30 8 * * Mon-Fri\"), and look at it with: mailboat schedule test",
        ),
        (
            "[[connect]]\nwhen = \"link-down\"\n",
            "agent.toml line 2: setting \"when\" in [[connect]]: \"link-down\" is nothing to wait for; write \"link-up\" or \"urgent-queued\"",
        ),
        (
            "[[connect]]\nevery = \"1h\"\n\nlinks = [\"any\", \"unmeterd\"]\n",
            "agent.toml line 4: setting \"links\" in [[connect]]: \"unmeterd\" is no link; did you mean \"unmetered\"?",
        ),
        (
            "[[connect]]\nevery = \"1h\"\nlinks = [\"sofa\"]\n",
            "agent.toml line 3: setting \"links\" in [[connect]]: \"sofa\" is no link; known are any, metered, unmetered; a [[link]] of that name makes it one",
        ),
        (
            "[[connect]]\nevery = \"1h\"\nlinks = []\n",
            "agent.toml line 3: setting \"links\" in [[connect]]: names no link, so it would never call; write [\"any\"]",
        ),
        (
            "[[connect]]\nevery = \"1h\"\ndial = \"pon provider\"\n",
            "agent.toml line 3: setting \"dial\" in [[connect]]: invalid type: string \"pon provider\", expected a list in brackets, such as [\"one\", \"two\"]",
        ),
        (
            "[[connect]]\nevery = \"1h\"\nhangup = [\"\"]\n",
            "agent.toml line 3: setting \"hangup\" in [[connect]]: names no program; write it with its arguments: [\"pon\", \"provider\"]",
        ),
        (
            "[[connect]]\nevery = \"1h\"\ndial_timeout = \"2h\"\n",
            "agent.toml line 3: setting \"dial_timeout\" in [[connect]]: 2h is out of range; expected 1s to 1h",
        ),
        (
            "[[connect]]\nevery = \"1h\"\njitter = \"2h\"\n",
            "agent.toml line 3: setting \"jitter\" in [[connect]]: 2h is out of range; expected 0s to 1h",
        ),
        (
            "[[connect]]\nevery = \"1h\"\nmake_up = \"2h\"\n",
            "agent.toml line 3: setting \"make_up\" in [[connect]]: says how late a call of cron may be; remove it, or use cron",
        ),
        (
            "[[connect]]\nevery = \"1h\"\ndirection = \"sideways\"\n",
            "agent.toml line 3: setting \"direction\" in [[connect]]: unknown variant `sideways`, expected one of `both`, `up`, `down`",
        ),
        (
            "[[connect]]\nlive = true\nmax_time = \"2h\"\n",
            "agent.toml line 3: setting \"max_time\" in [[connect]]: limits a visit, but a line that is held has none; remove it, or use every",
        ),
        (
            "[[connect]]\nbudget = \"1 MiB\"\n",
            "agent.toml line 1: setting [[connect]]: says not when to call; write cron = \"30 8 * * *\", every = \"15m\", when = \"link-up\", when = \"urgent-queued\" or live = true",
        ),
    ] {
        told(agent(text), expected);
    }
}

#[test]
fn odd_domains_and_log_levels_are_refused() {
    for domain in ["", "Relay.Example", "a..b", "-a.b", "a b", "ann@b"] {
        let err = relay(&format!("domain = \"{domain}\"\n")).unwrap_err().to_string();
        assert!(err.contains("is no host name"), "{err}");
    }
    told(
        relay("log = \"relay=debug,inof\"\n"),
        "relay.toml line 1: setting \"log\": \"inof\" is no level; expected one of off, error, warn, info, debug, trace, or target=level",
    );
    assert!(relay("log = \"warn,relay::store=trace\"\n").is_ok());
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.toml");
    fs::write(
        &path,
        "listen = \"127.0.0.1:1\"\ndomain = \"file\"\nlog = \"debug\"\n[limits]\nfan_out_max = 3\n",
    )
    .unwrap();
    let env = env(&[
        ("MAILBOAT_LISTEN", "127.0.0.1:2"),
        ("MAILBOAT_DOMAIN", "variable"),
        ("MAILBOAT_LIMITS__FAN_OUT_MAX", "4"),
        ("MAILBOAT_LIMITS__ENVELOPE_MAX", "4096"),
        ("MAILBOAT_RETENTION__KEEP_DELIVERED", "1d"),
        ("MAILBOAT_ALLOW_PLAIN_HTTP", "true"),
    ]);
    let sources =
        Sources::new().file(&path).env(&env).flag("--listen", "listen", Some("127.0.0.1:3"));
    let settings: relay::Settings = sources.flag("--data", "data", None::<String>).load().unwrap();
    assert_eq!(settings.listen.port(), 3);
    assert_eq!((settings.domain.as_str(), settings.log.as_str()), ("variable", "debug"));
    assert_eq!((settings.limits.fan_out_max, settings.limits.envelope_max), (4, Size::from_kib(4)));
    assert_eq!(settings.retention.keep_delivered, Span::from_days(1));
    assert!(settings.allow_plain_http);
}

#[test]
fn an_empty_variable_takes_an_optional_setting_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    fs::write(&path, "sync.budget = \"50 KiB\"\n").unwrap();
    let load = |value| {
        Sources::new()
            .file(&path)
            .env(&env(&[("MAILBOAT_SYNC__BUDGET", value)]))
            .load::<agent::Settings>()
    };
    assert_eq!(load("").unwrap().sync.budget, None);
    assert_eq!(load("60KiB").unwrap().sync.budget, Some(Size::from_kib(60)));
}

#[test]
fn wrong_variables_and_flags_are_told_by_name() {
    let load = |name: &str, value: &str| {
        Sources::new().env(&env(&[(name, value)])).load::<relay::Settings>()
    };
    told(
        load("MAILBOAT_ALLOW_PLAIN_HTTP", "yes"),
        "MAILBOAT_ALLOW_PLAIN_HTTP: setting \"allow_plain_http\": \"yes\" found, expected true or false",
    );
    told(
        load("MAILBOAT_TLS__SESSIONS", "many"),
        "MAILBOAT_TLS__SESSIONS: setting \"sessions\" in [tls]: \"many\" found, expected a whole number",
    );
    told(
        load("MAILBOAT_TLS__SESSIONS", "0"),
        "MAILBOAT_TLS__SESSIONS: setting \"sessions\" in [tls]: 0 is out of range; expected 1 to 1000000",
    );
    told(
        load("MAILBOAT_LISTEN", "here"),
        "MAILBOAT_LISTEN: setting \"listen\": expected an address with its port, such as \"127.0.0.1:7480\"",
    );
    let flagged =
        Sources::new().flag("--listen", "listen", Some("0.0.0.0:1")).load::<relay::Settings>();
    let err = flagged.unwrap_err().to_string();
    assert!(
        err.starts_with("--listen: setting \"listen\": 0.0.0.0:1 would serve plain HTTP"),
        "{err}"
    );
}

#[test]
fn a_misspelt_variable_is_refused_and_a_strange_one_left_alone() {
    let load = |name: &str| Sources::new().env(&env(&[(name, "1")])).load::<relay::Settings>();
    told(
        load("MAILBOAT_LISTN"),
        "environment: unknown setting \"MAILBOAT_LISTN\"; did you mean \"MAILBOAT_LISTEN\"?",
    );
    told(
        load("MAILBOAT_LIMITS_ENVELOPE_MAX"),
        "environment: unknown setting \"MAILBOAT_LIMITS_ENVELOPE_MAX\"; did you mean \"MAILBOAT_LIMITS__ENVELOPE_MAX\"?",
    );
    told(
        load("MAILBOAT_PIGEONS__COUNT"),
        "environment: unknown setting \"MAILBOAT_PIGEONS__COUNT\"; no program of Mailboat has this setting",
    );
    for fine in [
        "MAILBOAT_SEEDS",
        "MAILBOAT_LOGIN",
        "MAILBOAT_HOME",
        "MAILBOAT_SYNC__VISIT_RETRIES",
        "LISTN",
    ] {
        assert!(load(fine).is_ok(), "{fine}");
    }
}

#[test]
fn a_file_that_was_named_has_to_be_there_and_the_usual_one_need_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    let err = Sources::new().file(&path).load::<agent::Settings>().unwrap_err();
    assert!(matches!(err, ConfigError::Unreadable { .. }));
    assert!(err.to_string().contains("agent.toml could not be read"), "{err}");
    assert_eq!(
        Sources::new().usual_file(&path).load::<agent::Settings>().unwrap(),
        agent::Settings::default()
    );
}

#[test]
fn every_setting_but_the_rules_has_a_variable() {
    let variables = variables::<agent::Settings>();
    assert!(
        variables.contains(&(
            "MAILBOAT_ACCOUNT__SHARE_READ".to_owned(),
            "account.share_read".to_owned()
        ))
    );
    assert_eq!(
        variables.len(),
        paths_of(&toml::Table::try_from(agent::Settings::default()).unwrap()).len()
    );
}
