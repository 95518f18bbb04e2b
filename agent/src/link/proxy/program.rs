//! The program that prints the value of `Proxy-Authorization`. Run without a shell; what it prints is nowhere shown.

use std::{process::Stdio, time::Duration};

use hyper::header::HeaderValue;
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

use super::{Proxy, ProxyFault};

/// It may have to fetch a ticket over the same thin link.
const RUN_MAX: Duration = Duration::from_secs(60);
/// A Kerberos ticket with its groups may have 12 KiB, more in base64.
const VALUE_LEN_MAX: u64 = 32 << 10;

/// Runs the proxy's program with the proxy's address (without a login) in `MAILBOAT_PROXY`.
pub(super) async fn value(proxy: &Proxy) -> Result<HeaderValue, ProxyFault> {
    let failed = |words: String| ProxyFault::Program { words };
    let Some((program, args)) = proxy.program.split_first() else {
        return Err(failed("no program is set".to_owned()));
    };
    let mut command = Command::new(program);
    command.args(args).env("MAILBOAT_PROXY", proxy.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child =
        command.spawn().map_err(|err| failed(format!("{program} could not be started: {err}")))?;
    let mut printed = Vec::new();
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            stdout.take(VALUE_LEN_MAX + 1).read_to_end(&mut printed).await?;
        }
        child.wait().await
    };
    let status = match timeout(RUN_MAX, run).await {
        Ok(Ok(status)) => status,
        Ok(Err(err)) => return Err(failed(format!("{program} failed: {err}"))),
        Err(_) => {
            return Err(failed(format!("{program} did not end within {} s", RUN_MAX.as_secs())));
        }
    };
    if !status.success() {
        return Err(failed(format!("{program} failed ({status})")));
    }
    let line = printed.trim_ascii();
    let value = HeaderValue::from_bytes(line).ok().filter(|_| !line.is_empty());
    let mut value = value
        .filter(|_| line.len() as u64 <= VALUE_LEN_MAX)
        .ok_or_else(|| failed(format!("{program} did not print one line")))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use config::agent::LoginWay;

    use super::*;

    async fn printed_by(script: &str) -> Result<HeaderValue, ProxyFault> {
        let program = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let url = "http://p:3128".parse().unwrap();
        value(&Proxy { url, login: LoginWay::Ask, program, from: "the settings" }).await
    }

    #[tokio::test]
    async fn its_line_is_the_value_and_is_not_shown() {
        let value = printed_by("echo \"Negotiate secret $MAILBOAT_PROXY\"").await.unwrap();
        assert_eq!(value.to_str().unwrap(), "Negotiate secret http://p:3128");
        assert!(!format!("{value:?}").contains("secret"));
    }

    #[tokio::test]
    async fn what_it_fails_with_is_told_without_what_it_printed() {
        for (script, words) in [
            ("echo secret; exit 3", "exit status: 3"),
            ("printf 'secret\\ntwo'", "one line"),
            ("true", "one line"),
        ] {
            let fault = printed_by(script).await.unwrap_err();
            let told = format!("{fault} {fault:?}");
            assert!(told.contains(words) && !told.contains("secret"), "{told}");
        }
    }
}
