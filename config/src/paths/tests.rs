//! Where files lie, for environments that no test process has.

use super::*;

fn env(pairs: &[(&str, &str)]) -> Env {
    pairs.iter().copied().collect()
}

#[test]
fn a_home_puts_everything_under_one_folder() {
    let named = AgentPaths::new(Some(Path::new("/boat")), &Env::default()).unwrap();
    let expected = AgentPaths {
        config: "/boat/agent.toml".into(),
        account: "/boat/account.toml".into(),
        store: "/boat/store.db".into(),
        socket: "/boat/agent.sock".into(),
        window: "/boat/window.sock".into(),
    };
    assert_eq!(named, expected);
    assert_eq!(AgentPaths::new(None, &env(&[("MAILBOAT_HOME", "/boat")])).unwrap(), expected);
    assert_eq!(named.directories(), [Path::new("/boat")]);
    assert_eq!(named.home(), Some(Path::new("/boat")));
}

#[test]
fn the_flag_wins_over_the_variable() {
    let paths =
        AgentPaths::new(Some(Path::new("/flag")), &env(&[("MAILBOAT_HOME", "/variable")])).unwrap();
    assert_eq!(paths.store, Path::new("/flag/store.db"));
}

#[test]
fn a_relative_home_becomes_absolute() {
    let paths = AgentPaths::new(Some(Path::new("boat")), &Env::default()).unwrap();
    assert!(paths.store.is_absolute() && paths.store.ends_with("boat/store.db"));
}

#[cfg(unix)]
#[test]
fn without_a_home_the_xdg_directories_are_used() {
    let paths = AgentPaths::new(None, &env(&[("HOME", "/home/ann")])).unwrap();
    assert_eq!(paths.config, Path::new("/home/ann/.config/mailboat/agent.toml"));
    assert_eq!(paths.account, Path::new("/home/ann/.local/share/mailboat/account.toml"));
    assert_eq!(paths.socket, Path::new("/home/ann/.local/share/mailboat/agent.sock"));
    assert_eq!(paths.directories().len(), 2);
    assert_eq!(paths.home(), None);

    let moved = [("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/d")];
    let paths = AgentPaths::new(None, &env(&moved)).unwrap();
    assert_eq!(paths.config, Path::new("/c/mailboat/agent.toml"));
    assert_eq!(paths.store, Path::new("/d/mailboat/store.db"));
}

#[cfg(unix)]
#[test]
fn a_relative_xdg_directory_is_ignored_as_the_standard_says() {
    let paths =
        AgentPaths::new(None, &env(&[("HOME", "/home/ann"), ("XDG_DATA_HOME", "here")])).unwrap();
    assert_eq!(paths.store, Path::new("/home/ann/.local/share/mailboat/store.db"));
}

#[test]
fn without_any_home_the_error_names_the_remedy() {
    let err = AgentPaths::new(None, &Env::default()).unwrap_err();
    assert!(err.to_string().contains("--home"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_path_too_long_for_a_socket_gets_a_short_name_that_is_its_own() {
    let env = env(&[("XDG_RUNTIME_DIR", "/run/user/7")]);
    let fits = format!("/{}", "d".repeat(SOCKET_PATH_LEN_MAX - "//agent.sock".len()));
    let socket = |home: &str| AgentPaths::new(Some(Path::new(home)), &env).unwrap().socket;
    assert_eq!(socket(&fits), Path::new(&fits).join("agent.sock"));

    let (one, other) = (format!("{fits}1"), format!("{fits}2"));
    assert!(socket(&one).starts_with("/run/user/7"));
    assert!(socket(&one).as_os_str().len() <= SOCKET_PATH_LEN_MAX);
    assert_eq!(socket(&one), socket(&one));
    assert_ne!(socket(&one), socket(&other));
}

#[test]
fn the_hash_never_changes() {
    assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn the_relays_directory_is_what_is_set_before_what_systemd_says() {
    let mut settings = relay::Settings::default();
    let env = env(&[("STATE_DIRECTORY", "/var/lib/private/mailboat"), ("HOME", "/home/op")]);
    assert_eq!(RelayPaths::data(&settings, &env).unwrap(), Path::new("/var/lib/private/mailboat"));
    settings.data = "/srv/boat".into();
    assert_eq!(RelayPaths::data(&settings, &env).unwrap(), Path::new("/srv/boat"));
}
