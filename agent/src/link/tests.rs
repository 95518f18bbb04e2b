//! The link against a little server that says exactly what a test wants it to say.

mod exchange;
mod failures;
mod floods;
mod keys;
mod logins;
mod post_quantum;
mod secure;
pub(crate) mod server;

use bytes::Bytes;

use self::server::Server;
use super::*;

pub(crate) const TOKEN: &str = "AbCdEfGhIjKlMnOpQrStUv";

fn plain_client(server: &Server) -> Client {
    client(&format!("http://{}", server.address), TlsSettings::default())
}

fn client(url: &str, tls: TlsSettings) -> Client {
    Client::new(RelayUrl::parse(url, false).unwrap(), tls)
}

/// Reads an answer as far as it goes.
async fn read(answer: &mut Answer<'_>) -> (Vec<u8>, Result<(), LinkError>) {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, Ok(())),
            Err(err) => return (body, Err(err)),
        }
    }
}

/// One whole exchange: the request's body up, the answer's down.
async fn exchange(connection: &mut Connection, body: Bytes) -> Result<Vec<u8>, LinkError> {
    let mut answer = connection.post_sync(TOKEN, body, std::time::Duration::ZERO).await?;
    let (body, end) = read(&mut answer).await;
    end.map(|()| body)
}
