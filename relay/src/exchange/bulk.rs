//! Much to compress at once: beside the threads that answer everybody, and few at a time.
//!
//! A packet of a long catch-up takes milliseconds at the codec's level. On the runtime's own threads these would be
//! taken from every other exchange's answer.

use std::{sync::LazyLock, thread::available_parallelism};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task::block_in_place,
};
use wire::Codec;

/// What is less, before compression, in bytes, is packed where it is: to move it would take longer.
pub(super) fn min(codec: Codec) -> usize {
    match codec {
        Codec::None | Codec::Zstd => 8 * 1024,
        Codec::Model => 512,
    }
}

/// Half of the machine's threads at most do this at a time; the others wait, without a thread.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    Semaphore::new(available_parallelism().map_or(1, |threads| threads.get().div_ceil(2)))
});

/// Runs `what` while another thread takes over what else this one had to do.
pub(super) async fn apart<T>(what: impl FnOnce() -> T) -> T {
    // A runtime of one thread has no other that could take over.
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return what();
    }
    // Never closed; without a turn it would only be slower.
    let _turn = TURNS.acquire().await;
    block_in_place(what)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc,
        time::{Duration, Instant},
    };

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_takes_long_keeps_nobody_else_waiting() {
        let (done, wait) = mpsc::channel::<()>();
        // The only worker is busy with this until another task has run.
        let busy = tokio::spawn(apart(move || wait.recv_timeout(Duration::from_secs(60)).is_ok()));
        let other = tokio::spawn(async move { done.send(()).is_ok() });
        let began = Instant::now();
        assert!(busy.await.unwrap() && other.await.unwrap());
        assert!(began.elapsed() < Duration::from_secs(59));
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_does_it_itself() {
        assert_eq!(apart(|| 7).await, 7);
    }
}
