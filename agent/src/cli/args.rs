//! What can be typed. The help texts are the reference.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use config::{Size, Span};
use wire::Fingerprint;

use crate::{control::Only, usage::By};

/// Heading of the flags that every command takes.
const EVERYWHERE: &str = "Everywhere";

/// What scripts and windows want to know of joining and logging in.
const ADMISSION: &str = "\
Exit codes: 0 done, 1 refused, 2 not understood, 75 the relay was not reached (the same may be tried again).
With --json the account is one object on standard output; on standard error stand {\"progress\":…} for each call and \
{\"error\":{\"words\":…,\"code\":…,\"exit\":…}}. The codes are listed in docs/guide.md.";

/// Messages for computers that are not always online.
#[derive(Debug, Parser)]
#[command(name = "mailboat", version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes, before or after its name.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Keep everything under one folder (variable MAILBOAT_HOME)
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(crate) home: Option<PathBuf>,
    /// Read settings from this file (variable MAILBOAT_CONFIG)
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object a line, for scripts
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Print only what was asked for and errors
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    pub(crate) quiet: bool,
    /// What is logged: off, error, warn, info, debug, trace, or target=level,…
    #[arg(long, global = true, value_name = "LEVEL", help_heading = EVERYWHERE)]
    pub(crate) log: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account at a relay, with a code that somebody gave you
    #[command(after_help = ADMISSION)]
    Join(Join),
    /// Use an account that you have at a relay on this computer
    #[command(after_help = ADMISSION)]
    Login(Login),
    /// Run the resident agent, in the foreground
    Agent,
    /// Make one visit now, through the resident agent or without it; or say what it would cost
    Sync(Sync),
    /// Ask somebody to chat; several names, or a title, make a group
    Chat {
        /// Whom to ask
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// First words, shown with the request
        #[arg(
            short = 'm',
            long,
            value_name = "TEXT",
            default_value = "",
            hide_default_value = true
        )]
        greeting: String,
        /// Title of a group
        #[arg(long, value_name = "TITLE", default_value = "", hide_default_value = true)]
        title: String,
    },
    /// Accept a chat request
    Accept {
        /// The id of its row in `inbox`, or the name of who asks
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Decline a chat request
    Decline {
        /// The id of its row in `inbox`, or the name of who asks
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Take back your own chat request
    Withdraw {
        /// The conversation, or the name of whom you asked
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Leave a conversation
    Leave {
        /// Its id, from `conversations`, or the name of the other one
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
    },
    /// Ask more people into a group
    Add {
        /// The group: its id, from `conversations`
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
        /// Whom to ask
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// First words for them
        #[arg(
            short = 'm',
            long,
            value_name = "TEXT",
            default_value = "",
            hide_default_value = true
        )]
        greeting: String,
    },
    /// Give a group another title
    Rename {
        /// The group: its id, from `conversations`
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
        /// What it is called from now on
        #[arg(value_name = "TITLE")]
        title: String,
    },
    /// Hear nothing more of somebody; they are not told
    Block {
        /// Whom
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Hear of somebody again
    Unblock {
        /// Whom
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Queue a message; works offline
    Send(Send),
    /// Change the text of your own message
    Edit {
        /// The message, as `inbox --all` shows it
        #[arg(value_name = "ID")]
        id: String,
        /// The new text; - reads standard input
        #[arg(short = 'm', long = "message", value_name = "TEXT")]
        text: String,
    },
    /// Delete your own message, for everybody
    Delete {
        /// The message, as `inbox --all` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show what came
    Inbox(Inbox),
    /// Show what comes, as it comes, until interrupted
    Watch {
        /// Also your own messages, their states, visits and presence
        #[arg(long)]
        all: bool,
    },
    /// Show what waits, why, and when it will go; or change it
    Outbox {
        #[command(subcommand)]
        command: Option<Outbox>,
    },
    /// Find messages that hold all of these words
    Search {
        /// Or parts of words, of three letters at least
        #[arg(required = true, value_name = "WORDS")]
        words: Vec<String>,
        /// Only the newest N
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// Show who is registered, reachable now, or expected when
    Members,
    /// Show all conversations
    Conversations,
    /// Show what visits cost, in bytes, minutes and money; and the quotas of links
    Usage(Usage),
    /// Show the next ten calls, why and at what cost; or explain a cron expression
    Schedule {
        #[command(subcommand)]
        command: Option<ScheduleCommand>,
    },
    /// Show who you are, what waits, and when the next call is due
    Status,
    /// Show the account's devices; or shut one out
    Devices {
        #[command(subcommand)]
        command: Option<Devices>,
    },
    /// Look for what could be wrong, step by step, with the remedy
    Doctor,
    /// Write manual pages into a directory, one for each command
    Man {
        /// Where to; is made where it is not there
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Print completions for a shell
    Completions {
        /// For which
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The relay: https://relay.example
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The code of the invitation; behind a ~ it may hold the fingerprint of the relay's own key
    #[arg(value_name = "CODE")]
    pub(crate) code: String,
    /// The name you want: 1 to 32 of a-z, 0-9, dot, dash, underscore
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) how: LoginHow,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The relay: https://relay.example
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The account's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Also bring here what was said in this time before: 7d
    #[arg(long, value_name = "SPAN")]
    pub(crate) since: Option<Span>,
    #[command(flatten)]
    pub(crate) how: LoginHow,
}

#[derive(Debug, Args)]
pub(crate) struct LoginHow {
    /// Read the password from standard input: its first line
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Trust the certificates in this file for this relay
    #[arg(long, value_name = "PEM")]
    pub(crate) ca: Option<PathBuf>,
    /// Trust the relay's own key with this fingerprint, and nothing else: as who runs the relay tells it
    #[arg(long, value_name = "KEY", conflicts_with = "ca")]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// What this computer is called in the list of devices
    #[arg(long, value_name = "LABEL")]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Names of people, or ids of conversations
    #[arg(value_name = "NAME|CONVERSATION", required_unless_present = "reply_to")]
    pub(crate) to: Vec<String>,
    /// What to say; - reads standard input
    #[arg(short = 'm', long = "message", value_name = "TEXT")]
    pub(crate) text: String,
    /// Before all that is not urgent
    #[arg(long)]
    pub(crate) urgent: bool,
    /// The message that it answers
    #[arg(long, value_name = "ID")]
    pub(crate) reply_to: Option<String>,
    /// Need not arrive after this time: 2d
    #[arg(long, value_name = "SPAN")]
    pub(crate) lifetime: Option<Span>,
    /// Is of no use later: 18:30, "2026-11-24 18:30", or 3h from now; you are told if it was not delivered
    #[arg(long, value_name = "TIME|SPAN", conflicts_with = "lifetime", allow_hyphen_values = true)]
    pub(crate) deliver_before: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Inbox {
    /// Only what was not read
    #[arg(long)]
    pub(crate) unread: bool,
    /// Only this conversation: its id, or the name of the other one
    #[arg(long, value_name = "ID")]
    pub(crate) conversation: Option<String>,
    /// Only the newest N
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// Your own messages too
    #[arg(long)]
    pub(crate) all: bool,
    /// Mark what is shown as read
    #[arg(long)]
    pub(crate) mark_read: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Bytes that the visit may cost, both directions: 50KiB; with --dry-run: whether it would do
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    pub(crate) budget: Option<Size>,
    /// Only say what a visit would cost; touches no network
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: ask the relay what waits there, for about 1 KiB (3 KiB without an agent)
    #[arg(long, requires = "dry_run")]
    pub(crate) ask: bool,
    /// Only a part of what waits: messages (no attachments), or urgent
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "pick")]
    pub(crate) only: Option<Only>,
    /// Send only these rows of the outbox, and fetch nothing
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) pick: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// One row for each: day, or visit with --json and --csv
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    /// The last 31 days rather than the last 7
    #[arg(long, conflicts_with = "since")]
    pub(crate) month: bool,
    /// From this day on: 2026-11-01
    #[arg(long, value_name = "DATE", allow_negative_numbers = true)]
    pub(crate) since: Option<String>,
    /// Comma-separated values with a header line (RFC 4180)
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Allow calls over this link again although its quota is used up
    #[arg(long, value_name = "LINK")]
    pub(crate) lift_quota: Option<String>,
    /// How far: reset, to the end of its month, or so many bytes more: 50MiB
    #[arg(long, value_name = "reset|SIZE", requires = "lift_quota", allow_negative_numbers = true)]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// Show what waits
    List,
    /// Change the text of what has not left
    Edit {
        /// The id of its row in `outbox`
        #[arg(value_name = "ID")]
        id: String,
        /// The new text; - reads standard input
        #[arg(short = 'm', long = "message", value_name = "TEXT")]
        text: String,
    },
    /// Keep something here
    Hold {
        /// Ids of rows in `outbox`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Let something go that is held, or send again what was refused
    Release {
        /// Ids of rows in `outbox`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Drop something that has not left, or put away what was refused
    Cancel {
        /// Ids of rows in `outbox`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Say what a cron expression means, and its next five times
    Test {
        /// Five fields, or six with seconds first, in quotes: '30 8 * * Mon-Fri'
        #[arg(value_name = "CRON")]
        cron: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Devices {
    /// Show the account's devices
    List,
    /// Shut a device out: its token is worth nothing from then on
    Revoke {
        /// Its number, from `devices`
        #[arg(value_name = "ID")]
        id: u64,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_and_after_the_command() {
        for args in [
            ["mailboat", "--home", "h", "--json", "status"],
            ["mailboat", "status", "--json", "--home", "h"],
        ] {
            let cli = Cli::try_parse_from(args).unwrap();
            assert!(cli.global.json && cli.global.home == Some("h".into()));
        }
    }

    #[test]
    fn sizes_and_times_are_read_as_they_are_written_everywhere() {
        let cli = Cli::try_parse_from(["mailboat", "sync", "--budget", "50KiB"]).unwrap();
        assert!(
            matches!(cli.command, Command::Sync(sync) if sync.budget == Some(Size::from_kib(50)))
        );
        let cli = Cli::try_parse_from(["mailboat", "send", "ann", "-m", "-", "--lifetime", "2d"])
            .unwrap();
        let Command::Send(send) = cli.command else { panic!("not send") };
        assert_eq!((send.text.as_str(), send.lifetime), ("-", Some(Span::from_days(2))));
        assert!(Cli::try_parse_from(["mailboat", "sync", "--budget", "lots"]).is_err());
    }
}
