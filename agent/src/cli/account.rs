//! `join`, `login`, `devices`: what is asked of the relay directly.

use std::path::PathBuf;

use config::{
    Account, AgentPaths, AgentSettings, Env, Secret, account::Voucher, agent::PostQuantum,
};
use serde_json::Value;

use super::{
    Session,
    args::{Devices, Join, Login, LoginHow},
    block_on,
    out::safe,
};
use crate::{
    account::{self, Admitted, How, Pending, Who},
    control::{Failure, exit},
    link::{Client, Meter, Monitor, RelayUrl, TlsSettings},
    store::{Options, Store, StoreError},
};

/// Longest password that is read, in bytes.
const PASSWORD_LEN_MAX: usize = 1024;
/// Between an invitation's code and the fingerprint of the relay's own key.
const LINE_MAX: usize = 100;
const BEFORE_FINGERPRINT: char = '~';

impl Session<'_> {
    pub(super) fn join(&mut self, join: Join) -> Result<(), Failure> {
        let Join { url, code, name, mut how } = join;
        let code = match code.split_once(BEFORE_FINGERPRINT) {
            None => code,
            Some((code, fingerprint)) => {
                let given = fingerprint.parse().map_err(|err| {
                    Failure::usage(format!("the code's part behind the ~: {err}"))
                })?;
                if how.fingerprint.is_some_and(|other| other != given) {
                    let words = "--fingerprint is another than the one in the code";
                    return Err(Failure::usage(words));
                }
                if how.ca.is_none() {
                    how.fingerprint = Some(given);
                }
                code.to_owned()
            }
        };
        self.admit(&url, &name, How::Join { code }, how, "Choose a password")
    }

    pub(super) fn login(&mut self, login: Login) -> Result<(), Failure> {
        let since_s = login.since.map(config::Span::seconds);
        let how = How::Login { since_s, cursors: None };
        self.admit(&login.url, &login.name, how, login.how, "Password")
    }

    fn admit(
        &mut self,
        url: &str,
        name: &str,
        mut how: How,
        flags: LoginHow,
        ask: &str,
    ) -> Result<(), Failure> {
        if !flags.password_stdin && !self.stdin_is_terminal {
            let words =
                "there is no terminal to ask for the password on: give it with --password-stdin";
            return Err(Failure::usage(words));
        }
        let (paths, settings) = (self.paths()?, self.settings()?);
        let url = relay_url(url, &settings)
            .map_err(|failure| Failure { exit: exit::USAGE, ..failure })?;
        // The account's file outlives the folder that the command was given in.
        let ca = flags.ca.map(std::path::absolute).transpose();
        let ca = ca.map_err(|err| Failure::usage(format!("--ca: {err}")))?;
        let client = reach(url.clone(), tls(ca.clone(), &settings), &settings, self.env)?;
        let mut client = client.over_ample(self.link_is_ample(&settings));
        if let Some(fingerprint) = flags.fingerprint {
            if !url.is_secure() {
                return Err(Failure::usage("--fingerprint needs a relay with https"));
            }
            client.give_key(fingerprint);
        } else if ca.is_none()
            && let Ok(Some(known)) = Account::load(&paths.account)
            && let Some(key) = known.relay_key.filter(|key| key.by == Voucher::Fingerprint)
            && known.relay == url.to_string()
        {
            // What the user said of the key stands until they say otherwise.
            client =
                client.recalling(Some(&key)).map_err(|err| Failure::chain("account_file", &err))?;
        }
        for dir in paths.directories() {
            account::make_private_dir(dir).map_err(|err| {
                Failure::new("home", format!("{} could not be made: {err}", dir.display()))
            })?;
        }
        // Taken now, so that nothing is asked of the relay for a store that cannot be written.
        let store = Store::open(&paths.store, Options::default()).map_err(busy)?;
        let owner = store.reader().identity()?;
        // Names are lower-case at every relay; whoever types otherwise means the same.
        let name = name.to_lowercase();
        let name = name.split('@').next().unwrap_or_default();
        if owner.account != 0 && owner.name != name {
            let owner = format!("{}@{}", owner.name, owner.domain);
            return Err(StoreError::OtherAccount { owner }.into());
        }
        if let Some(account) = still_good(&paths, &client, &url.to_string(), name, &ca)? {
            self.out.note("this device is logged in already")?;
            return self.welcome(&account, &owner.domain);
        }
        let password = self.password(
            flags.password_stdin,
            &format!("{ask} for {name}"),
            matches!(how, How::Join { .. }),
        )?;
        if let (How::Login { cursors, .. }, true) = (&mut how, owner.device != 0) {
            *cursors = Some(store.reader().position()?.cursors);
        }
        let label = flags.device.unwrap_or_else(|| self.host_name());
        let pending = Pending::begin(&paths, &url.to_string(), name, ca)?;
        let who = Who { name, password: &password, token: pending.token(), label: &label };
        let mut admitted = self.ask_to_be_admitted(&client, &how, who);
        if let Err(failure) = &admitted
            && flags.fingerprint.is_none()
            && pending.account().ca.is_none()
            && self.key_is_confirmed(&client, failure)?
        {
            admitted = self.ask_to_be_admitted(&client, &how, who);
        }
        let admitted = match admitted {
            Ok(admitted) => admitted,
            // Refused, not lost: the token was not taken.
            Err(failure) if failure.exit == exit::FAILED => {
                pending.give_up();
                return Err(failure);
            }
            Err(failure) => return Err(failure),
        };
        store.log_in(&admitted.identity(), Some(admitted.cursors))?;
        let account = pending.finish(&paths, &admitted, client.key_to_keep())?;
        self.welcome(&account, &admitted.domain)
    }

    /// Whether the password may go behind the longer key exchange, where that is to be asked.
    fn link_is_ample(&self, settings: &AgentSettings) -> bool {
        let sources = self.link_sources();
        settings.tls.post_quantum == PostQuantum::Unmetered
            && block_on(async { Ok(Monitor::look(sources).await) })
                .is_ok_and(|state| state.is_ample(state.profile(&settings.link)))
    }

    fn ask_to_be_admitted(
        &mut self,
        client: &Client,
        how: &How,
        who: Who<'_>,
    ) -> Result<Admitted, Failure> {
        let out = &mut self.out;
        block_on(async { account::admit(client, how, who, |begun| out.attempt(&begun)).await })
    }

    /// Where no certificate of the relay can be trusted: shows its own key to the person at the terminal, who knows the
    /// right one, and takes their word. Without a terminal nobody is asked.
    fn key_is_confirmed(&mut self, client: &Client, failure: &Failure) -> Result<bool, Failure> {
        let may_help =
            matches!(failure.code.as_str(), "certificate_untrusted" | "tls_incompatible");
        if !may_help || !self.stdin_is_terminal || self.out.json {
            return Ok(false);
        }
        let looked = block_on(async { Ok(client.look_at_key(&Meter::new(None)).await?) });
        let Ok(shown) = looked else { return Ok(false) };
        // All of it in the question: what is asked about is to be seen with --quiet too.
        let ask = format!(
            "This relay has no certificate that this computer trusts. Its own key is\n    {shown}\n\
             Compare it with what who runs the relay told you (mailboat-relay key), by another way than this link.\n\
             Is it the same? Type yes: "
        );
        let is_same = self.line_is(&ask, "yes")?;
        if is_same {
            client.give_key(shown);
        }
        Ok(is_same)
    }

    /// Whether the person at the terminal types this.
    fn line_is(&mut self, ask: &str, wanted: &str) -> Result<bool, Failure> {
        self.out.ask(ask)?;
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < LINE_MAX && self.stdin.read(&mut byte).is_ok_and(|count| count == 1) {
            if byte[0] == b'\n' {
                break;
            }
            line.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&line).trim().eq_ignore_ascii_case(wanted))
    }

    fn welcome(&mut self, account: &Account, domain: &str) -> Result<(), Failure> {
        if self.out.json {
            return self.out.object(&serde_json::json!({
                "account": format!("{}@{domain}", account.name),
                "relay_key": shown_key(account),
                "name": account.name,
                "relay": account.relay,
                "device": account.device,
            }));
        }
        self.out.note(&format!("you are {}@{domain}", account.name))?;
        self.out.note("next: mailboat sync, then ask somebody with mailboat chat NAME")?;
        self.out.note("messages come by themselves while mailboat agent runs")
    }

    /// From standard input, or asked for on the terminal; twice where it is new.
    fn password(&mut self, from_stdin: bool, ask: &str, is_new: bool) -> Result<Secret, Failure> {
        if from_stdin {
            return self.password_line();
        }
        let failed =
            |err| Failure::new("terminal", format!("the password could not be read: {err}"));
        let password = rpassword::prompt_password(format!("{ask}: ")).map_err(failed)?;
        if is_new && rpassword::prompt_password("Once more: ").map_err(failed)? != password {
            return Err(Failure::usage("the two passwords differ"));
        }
        not_empty(password)
    }

    fn password_line(&mut self) -> Result<Secret, Failure> {
        // Byte by byte: whatever follows the line is not ours to take.
        let (mut line, mut byte) = (Vec::new(), [0]);
        loop {
            match self.stdin.read(&mut byte) {
                Ok(0) => break,
                Ok(_) if byte[0] == b'\n' => break,
                Ok(_) if PASSWORD_LEN_MAX <= line.len() => {
                    return Err(Failure::usage(format!(
                        "a password has at most {PASSWORD_LEN_MAX} bytes"
                    )));
                }
                Ok(_) => line.push(byte[0]),
                Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
                Err(err) => {
                    return Err(Failure::new(
                        "stdin",
                        format!("standard input could not be read: {err}"),
                    ));
                }
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let password = String::from_utf8(line)
            .map_err(|_| Failure::usage("the password is not UTF-8 text"))?;
        not_empty(password)
    }

    fn host_name(&self) -> String {
        let named = ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| self.env.get(name));
        let file = || std::fs::read_to_string("/etc/hostname").ok();
        let name = named.map(str::to_owned).or_else(file).unwrap_or_default();
        account::printable(name.trim()).chars().take(60).collect()
    }

    pub(super) fn devices(&mut self, command: Option<&Devices>) -> Result<(), Failure> {
        let (account, client) = self.relay()?;
        match command {
            None | Some(Devices::List) => {
                let rows = block_on(account::devices(&client, &account.token))?;
                self.show_devices(&rows)
            }
            Some(Devices::Revoke { id }) => {
                block_on(account::revoke(&client, &account.token, *id))?;
                if self.out.json {
                    return self.out.object(&serde_json::json!({ "id": id, "revoked": true }));
                }
                self.out.note(&format!("device {id} is shut out"))
            }
        }
    }

    fn show_devices(&mut self, rows: &[Value]) -> Result<(), Failure> {
        if self.out.json {
            return rows.iter().try_for_each(|row| self.out.object(row));
        }
        let time = |at: &Value| match at.as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok())
        {
            Some(at) => self.out.when(at.as_second()),
            None => "-".to_owned(),
        };
        let cells: Vec<_> = rows
            .iter()
            .map(|row| {
                let label = safe(row["label"].as_str().unwrap_or_default(), false);
                let here = if row["current"] == true { "this one" } else { "" };
                [
                    row["id"].to_string(),
                    label,
                    time(&row["created"]),
                    time(&row["last_seen"]),
                    here.to_owned(),
                ]
            })
            .collect();
        self.out.table(["id", "label", "made", "last seen", ""], &cells)
    }

    /// The account and the way to its relay.
    pub(super) fn relay(&self) -> Result<(Account, Client), Failure> {
        let (paths, settings) = (self.paths()?, self.settings()?);
        let account = load(&paths)?;
        let client = client(&account, &settings, self.env)?;
        Ok((account, client))
    }
}

/// The login that this folder has, if the relay still knows it: another would only make another device, and
/// hold back what waits here. The relay may have moved, or have another certificate.
fn still_good(
    paths: &AgentPaths,
    client: &Client,
    relay: &str,
    name: &str,
    ca: &Option<PathBuf>,
) -> Result<Option<Account>, Failure> {
    let known = Account::load(&paths.account).ok().flatten().filter(|known| known.name == name);
    let Some(known) = known else { return Ok(None) };
    match block_on(account::devices(client, &known.token)) {
        Ok(_) => {}
        Err(failure) if failure.code == "unauthorized" => return Ok(None),
        Err(failure) => return Err(failure),
    }
    let (relay, ca, relay_key) = (relay.to_owned(), ca.clone(), client.key_to_keep());
    let account = Account { relay, ca, relay_key, ..known };
    account.save(&paths.account).map_err(|err| Failure::chain("account_file", &err))?;
    Ok(Some(account))
}

/// Who the user is.
pub(crate) fn load(paths: &AgentPaths) -> Result<Account, Failure> {
    let account =
        Account::load(&paths.account).map_err(|err| Failure::chain("account_file", &err))?;
    Ok(account.ok_or(StoreError::NotLoggedIn)?)
}

/// The way to the account's relay, for one command.
pub(crate) fn client(
    account: &Account,
    settings: &AgentSettings,
    env: &Env,
) -> Result<Client, Failure> {
    recalling(account, settings, env, true)
}

/// The same for an agent that stays, and resumes its sessions.
pub(crate) fn lasting_client(
    account: &Account,
    settings: &AgentSettings,
    env: &Env,
) -> Result<Client, Failure> {
    recalling(account, settings, env, false)
}

fn recalling(
    account: &Account,
    settings: &AgentSettings,
    env: &Env,
    once: bool,
) -> Result<Client, Failure> {
    let url = relay_url(&account.relay, settings)?;
    let tls = TlsSettings { once, ..tls(account.ca.clone(), settings) };
    let client = reach(url, tls, settings, env)?;
    client.recalling(account.relay_key.as_ref()).map_err(|err| {
        let words = format!("account.toml is damaged: {err}; log in again with mailboat login");
        Failure::new("account_file", words)
    })
}

/// The fingerprint of the relay's own key, where it has to prove itself by it.
pub(super) fn shown_key(account: &Account) -> Option<&str> {
    let key = account.relay_key.as_ref().filter(|key| key.proved)?;
    key.accepted.first().map(String::as_str)
}

/// The way to a relay, through the proxy that the settings or the environment name.
fn reach(
    url: RelayUrl,
    tls: TlsSettings,
    settings: &AgentSettings,
    env: &Env,
) -> Result<Client, Failure> {
    let client = Client::new(url, tls).behind(&settings.proxy, env);
    client.map_err(|err| Failure::chain("bad_proxy", &err))
}

fn relay_url(url: &str, settings: &AgentSettings) -> Result<RelayUrl, Failure> {
    RelayUrl::parse(url, settings.allow_plain_http).map_err(|err| Failure::chain("bad_url", &err))
}

fn tls(ca: Option<PathBuf>, settings: &AgentSettings) -> TlsSettings {
    let named = |file: &PathBuf| Some(file.clone()).filter(|file| !file.as_os_str().is_empty());
    let ca = ca.or_else(|| named(&settings.ca));
    let config::agent::Tls { relay_key: key, post_quantum, early_data } = settings.tls;
    let extra_ca = named(&settings.proxy.extra_ca);
    let once = true;
    TlsSettings { ca, extra_ca, key, post_quantum, early_data, once, ..TlsSettings::default() }
}

fn not_empty(password: String) -> Result<Secret, Failure> {
    if password.is_empty() {
        let empty = Failure::usage("the password is empty");
        return Err(Failure { code: "bad_password".to_owned(), ..empty });
    }
    Ok(Secret::new(password))
}

fn busy(err: StoreError) -> Failure {
    match err {
        err @ StoreError::InUse { .. } => {
            let words = format!("{err}; the agent has to be stopped for a login");
            Failure { words, ..Failure::from(err) }
        }
        err => err.into(),
    }
}
