//! TLS over a socket, driven through rustls itself, so that a request can be read, and answered, before the handshake is
//! over (early data with a half-RTT answer, RFC 8446 §2.3).
//!
//! [`accept`] comes back when the handshake is over, or when early data is there. What follows is an ordinary stream: it
//! yields the early data first, and what is written leaves as soon as there are keys for it.
//!
//! The handshake's last words wait for something to share a packet with: the ticket for the next answer; what answers a
//! hello that brought early data for the answer to that. They do not wait while the peer is waited for.

use std::{
    io::{self, IoSlice, Read, Write},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls::{
    ProtocolVersion, ServerConfig, ServerConnection,
    server::{Accepted, AcceptedAlert, Acceptor},
};
use tls::{poll_hear, poll_say};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::{
    cork::Corked,
    pulse::{Owed, Pulse},
    tls::TlsConfigs,
};

/// What is read of a socket at a time while its hello comes; a resumed one with a short request is about 700 bytes, with a
/// post-quantum share 1,900.
const HELLO_READ: usize = 2 * 1024;

/// A socket under TLS.
#[derive(Debug)]
pub(crate) struct Secure<S> {
    conn: ServerConnection,
    socket: Corked<S>,
    pulse: Arc<Pulse>,
    /// What came before the handshake was over and was not read yet.
    early: Vec<u8>,
    /// Nothing more came since it was last looked for.
    is_waiting: bool,
    said_goodbye: bool,
}

/// The server's side of a handshake, up to its end or to the first early data. On an error the peer was told.
///
/// # Errors
/// What rustls found wrong, in an [`io::Error`], or the socket's own.
pub(crate) async fn accept<S>(
    tls: &TlsConfigs,
    socket: S,
    pulse: Arc<Pulse>,
) -> io::Result<Secure<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = Corked::new(socket, pulse.clone());
    match begin(tls, &mut socket).await {
        Ok(conn) => {
            let early = Vec::new();
            let (is_waiting, said_goodbye) = (false, false);
            let mut secure = Secure { conn, socket, pulse, early, is_waiting, said_goodbye };
            let is_ready = secure.ready().await;
            if is_ready.is_err() {
                secure.tell_alert().await;
            }
            is_ready.map(|()| secure)
        }
        Err(Refused { err, alert }) => {
            let mut bytes = Vec::new();
            if let Some(mut alert) = alert
                && alert.write_all(&mut bytes).is_ok()
            {
                let _ = socket.write_all(&bytes).await;
            }
            let _ = socket.shutdown().await;
            Err(err)
        }
    }
}

/// A hello that cannot be answered.
struct Refused {
    err: io::Error,
    alert: Option<AcceptedAlert>,
}

impl From<(rustls::Error, AcceptedAlert)> for Refused {
    fn from((err, alert): (rustls::Error, AcceptedAlert)) -> Self {
        Self { err: invalid(err), alert: Some(alert) }
    }
}

impl From<io::Error> for Refused {
    fn from(err: io::Error) -> Self {
        Self { err, alert: None }
    }
}

/// Reads the hello; a connection by the configuration that goes with it.
async fn begin<S>(tls: &TlsConfigs, socket: &mut Corked<S>) -> Result<ServerConnection, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (accepted, records) = hello(socket).await?;
    let config: Option<Arc<ServerConfig>> = tls.choose(&accepted.client_hello(), &records);
    let Some(config) = config else {
        return Err(io::Error::other("there is neither a certificate nor a key").into());
    };
    Ok(accepted.into_connection(config)?)
}

/// The hello, and what was read by the time that it was whole: no more than rustls takes for one, and another read.
async fn hello<S>(socket: &mut Corked<S>) -> Result<(Accepted, Vec<u8>), Refused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut acceptor, mut records) = (Acceptor::default(), Vec::new());
    let mut bytes = [0; HELLO_READ];
    loop {
        let count = socket.read(&mut bytes).await?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut rest = &bytes[..count];
        records.extend_from_slice(rest);
        while !rest.is_empty() {
            acceptor.read_tls(&mut rest)?;
        }
        if let Some(accepted) = acceptor.accept()? {
            return Ok((accepted, records));
        }
    }
}

fn invalid(err: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, err)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secure<S> {
    /// Waits until there is something to read, or the handshake is over.
    async fn ready(&mut self) -> io::Result<()> {
        // What came in one piece with the hello.
        self.process()?;
        std::future::poll_fn(|cx: &mut Context<'_>| -> Poll<io::Result<()>> {
            while self.early.is_empty() && self.conn.is_handshaking() {
                ready!(self.poll_out(cx))?;
                ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
                if ready!(self.poll_in(cx))? == 0 {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        if self.conn.is_handshaking() {
            self.pulse.set_early(true);
            self.socket.hold();
            std::future::poll_fn(|cx| self.poll_out(cx)).await?;
        }
        Ok(())
    }

    /// Tells the peer why, if it still listens.
    async fn tell_alert(&mut self) {
        let told = std::future::poll_fn(|cx| self.poll_out(cx)).await;
        if told.is_ok() {
            let _ = self.socket.shutdown().await;
        }
    }

    /// Takes in what was read from the socket.
    fn process(&mut self) -> io::Result<()> {
        let was_handshaking = self.conn.is_handshaking();
        let outcome = self.conn.process_new_packets();
        if let Some(mut early) = self.conn.early_data() {
            early.read_to_end(&mut self.early)?;
        }
        outcome.map_err(invalid)?;
        if was_handshaking && !self.conn.is_handshaking() {
            self.pulse.set_early(false);
            // What is to be said now is the ticket; in TLS 1.2 the peer waits for it.
            if self.conn.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
                self.socket.hold();
            }
        }
        Ok(())
    }

    /// Hands what rustls has to say to the socket, which may keep it for the next answer.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_say(&mut self.conn, &mut self.socket, cx))?;
        self.socket.release();
        Poll::Ready(Ok(()))
    }

    /// Takes in the next piece from the socket; 0 at its end.
    fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = ready!(poll_hear(&mut self.conn, &mut self.socket, cx))?;
        let processed = self.process();
        // Answers of the handshake, or the alert that says what is wrong. Where the socket takes no more, reading goes on.
        let said = self.poll_out(cx);
        processed?;
        if let Poll::Ready(Err(err)) = said {
            return Poll::Ready(Err(err));
        }
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secure<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.early.is_empty() {
                let count = this.early.len().min(buf.remaining());
                buf.put_slice(&this.early[..count]);
                this.early.drain(..count);
                return Poll::Ready(Ok(()));
            }
            match this.conn.reader().read(buf.initialize_unfilled()) {
                Ok(count) => {
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => {}
                Err(err) => return Poll::Ready(Err(err)),
            }
            match this.poll_in(cx)? {
                Poll::Ready(0) if this.conn.is_handshaking() => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Poll::Ready(_) => this.is_waiting = false,
                Poll::Pending => {
                    // A request that did not come whole with its hello goes on when that was answered. Whoever reads it may
                    // not have seen yet what came: it is looked at twice.
                    if this.conn.is_handshaking() && this.pulse.owed().0 != Owed::Nothing {
                        if std::mem::replace(&mut this.is_waiting, true) {
                            ready!(this.socket.poll_held(cx))?;
                        } else {
                            cx.waker().wake_by_ref();
                        }
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secure<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        loop {
            let count = this.conn.writer().write_vectored(slices)?;
            match (this.poll_out(cx)?, count) {
                (Poll::Pending, 0) => return Poll::Pending,
                // What rustls took waits there for the socket.
                (_, 1..) => return Poll::Ready(Ok(count)),
                (Poll::Ready(()), 0) => {}
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.said_goodbye, true) {
            this.conn.send_close_notify();
        }
        ready!(this.poll_out(cx))?;
        match ready!(Pin::new(&mut this.socket).poll_shutdown(cx)) {
            Err(err) if err.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(err)),
            _ => Poll::Ready(Ok(())),
        }
    }
}
