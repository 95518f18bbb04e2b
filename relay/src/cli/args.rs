//! What can be written behind `mailboat-relay`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use config::Span;

/// Heading of the flags that every command takes.
const EVERYWHERE: &str = "Everywhere";

/// Keeps mailboxes for computers that are not always online.
#[derive(Debug, Parser)]
#[command(name = "mailboat-relay", version, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Common {
    /// Settings file instead of the usual one.
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(super) config: Option<PathBuf>,
    /// Directory of the store.
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(super) data: Option<PathBuf>,
    /// Show one JSON object a line.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve until told to end (SIGTERM); SIGHUP reads certificate and keys again.
    Serve(ServeArgs),
    /// Make and manage accounts, also while the relay runs.
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Make a code with which people can join, or list what is open.
    Invite(InviteArgs),
    /// Look at an account's devices, or shut one out.
    Device {
        #[command(subcommand)]
        command: DeviceCommand,
    },
    /// Show the fingerprint of the relay's own key, for people to compare; or change the key
    Key {
        #[command(subcommand)]
        command: Option<KeyCommand>,
    },
    /// Copy the store to a new file, as of one moment, also while the relay runs.
    Backup {
        /// The copy; must not exist.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Write manual pages into a directory, one for each command.
    Man {
        /// Where to; is made where it is not there.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Print completions for a shell.
    Completions {
        /// For which.
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct ServeArgs {
    /// Address and port; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<String>,
    /// Certificate and chain.
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Its private key.
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Make an account.
    Add {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Show all accounts.
    List,
    /// Shut an account out; its mail waits.
    Disable(Named),
    /// Let a disabled account in again.
    Enable(Named),
    /// Remove an account, its mail and its devices, for ever; nobody else gets its name.
    Remove(Named),
    /// Give an account another password; its devices stay logged in.
    Password {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        password: PasswordArgs,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct Named {
    /// The account's name, without the domain.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
}

#[derive(Debug, ClapArgs)]
pub(super) struct PasswordArgs {
    /// Read the password from standard input instead of asking for it.
    #[arg(long)]
    pub(super) password_stdin: bool,
}

/// A length of time that somebody can make use of.
fn lasting(text: &str) -> Result<Span, String> {
    let span = text.parse::<Span>().map_err(|err| err.to_string())?;
    match span.seconds() {
        60..=315_360_000 => Ok(span),
        _ => Err("expected 1m to 3650d".to_owned()),
    }
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct InviteArgs {
    #[command(subcommand)]
    pub(super) command: Option<InviteCommand>,
    /// How many people may join with it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) uses: u32,
    /// How long it can be used: 12h, 7d.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = lasting)]
    pub(super) expires: Span,
    /// Put the fingerprint of the relay's own key into the code: who joins with it trusts that key and needs no certificate.
    /// Without a certificate (own_key = "alone") it is always there.
    #[arg(long)]
    pub(super) fingerprint: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Show the key in use, and the next one.
    Show,
    /// Make the next key; devices that call are told of it once the relay has read it (SIGHUP).
    Prepare,
    /// Let the next key take over (with a restart, or SIGHUP). Devices that were not told of it by then raise the alarm.
    Switch {
        /// Even if the next key was made less than 30 days ago.
        #[arg(long)]
        now: bool,
    },
    /// Give the next key up.
    Cancel,
}

#[derive(Debug, Subcommand)]
pub(super) enum InviteCommand {
    /// Show the invites that can still be used; their codes were shown once, when they were made.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// Show an account's devices.
    List(Named),
    /// Shut a device out, at once and for ever.
    Revoke {
        #[command(flatten)]
        named: Named,
        /// The device's number, from `device list`.
        #[arg(value_name = "ID")]
        id: u64,
    },
}
