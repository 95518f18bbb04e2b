use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// A stream that remembers how long the writes were which it was given.
struct Counting {
    stream: DuplexStream,
    writes: Arc<Mutex<Vec<usize>>>,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &all))?;
        self.writes.lock().unwrap().push(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Two ends: one to be put under a pace, the other one, and the writes of the first.
fn ends() -> (Counting, DuplexStream, Arc<Mutex<Vec<usize>>>) {
    let (near, far) = duplex(1 << 20);
    let writes = Arc::default();
    (Counting { stream: near, writes: Arc::clone(&writes) }, far, writes)
}

/// How `len` bytes left, all of which arrived.
async fn said(
    near: &mut Paced<Counting>,
    far: &mut DuplexStream,
    writes: &Mutex<Vec<usize>>,
    len: usize,
) -> Vec<usize> {
    let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
    // In slices, an empty one among them.
    let (head, tail) = bytes.split_at(len / 3);
    let mut slices = [head, &[], tail].map(IoSlice::new);
    let mut rest = &mut slices[..];
    while rest.iter().any(|slice| !slice.is_empty()) {
        let count = near.write_vectored(rest).await.unwrap();
        IoSlice::advance_slices(&mut rest, count);
    }
    let mut arrived = vec![0; len];
    far.read_exact(&mut arrived).await.unwrap();
    assert_eq!(arrived, bytes);
    std::mem::take(&mut *writes.lock().unwrap())
}

async fn hears(near: &mut Paced<Counting>, far: &mut DuplexStream) {
    far.write_all(b"x").await.unwrap();
    near.read_exact(&mut [0]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn over_a_slow_line_each_turn_leaves_in_growing_pieces() {
    let (near, mut far, writes) = ends();
    let mut near = Paced::connected(near, SLOW_RTT);
    for (is_first, len, expected) in [
        (true, 128, vec![128]),
        (true, 267, vec![134, 133]),
        (true, 438, vec![192, 246]),
        (true, 875, vec![192, 384, 299]),
        (true, 9_000, vec![192, 384, 768, 1024, 6_632]),
        (false, 400, vec![400]),
        (false, 670, vec![335, 335]),
        (false, 9_000, vec![384, 768, 1024, 6_824]),
    ] {
        near.line = Line::Slow { pieces: 0, is_first };
        assert_eq!(said(&mut near, &mut far, &writes, len).await, expected, "{is_first} {len}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_ends_when_the_other_end_has_spoken() {
    let (near, mut far, writes) = ends();
    let mut near = Paced::connected(near, Duration::from_secs(3));
    assert_eq!(said(&mut near, &mut far, &writes, 500).await, [192, 308]);
    assert_eq!(said(&mut near, &mut far, &writes, 500).await, [500], "the same turn");
    hears(&mut near, &mut far).await;
    assert_eq!(said(&mut near, &mut far, &writes, 500).await, [250, 250]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_connects_within_a_second_is_left_alone() {
    let (near, mut far, writes) = ends();
    let mut near = Paced::connected(near, SLOW_RTT - Duration::from_millis(1));
    hears(&mut near, &mut far).await;
    assert_eq!(said(&mut near, &mut far, &writes, 9_000).await, [9_000]);
}

#[tokio::test(start_paused = true)]
async fn who_is_connected_to_knows_a_slow_line_by_pieces_of_one_turn_that_come_apart() {
    let apart = |gap, speaks_between| async move {
        let (near, mut far, writes) = ends();
        let mut near = Paced::accepted(near);
        hears(&mut near, &mut far).await;
        if speaks_between {
            said(&mut near, &mut far, &writes, 1).await;
        }
        tokio::time::advance(gap).await;
        hears(&mut near, &mut far).await;
        said(&mut near, &mut far, &writes, 3_000).await
    };
    let just_not = SLOW_GAP - Duration::from_millis(1);
    assert_eq!(apart(SLOW_GAP, false).await, [384, 768, 1024, 824]);
    assert_eq!(apart(just_not, false).await, [3_000]);
    let minute = Duration::from_secs(60);
    assert_eq!(apart(minute, true).await, [3_000], "a turn of one's own lies between");
}
