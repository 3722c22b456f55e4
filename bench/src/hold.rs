//! How an answer is held. Tokio's own clock counts milliseconds and rounds up: 4 ms would be 4 to 6. A thread that
//! sleeps until the next one is due wakes within a tenth of one.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// When to wake somebody, and whom.
type Sleeper = (Instant, oneshot::Sender<()>);

/// The thread that wakes everybody.
static CLOCK: LazyLock<Sender<Sleeper>> = LazyLock::new(|| {
    let (sender, sleepers) = channel();
    std::thread::spawn(move || wake(&sleepers));
    sender
});

/// Waits so long, while everything else goes on.
pub(crate) async fn hold(time: Duration) {
    if time.is_zero() {
        return;
    }
    let (wake, woken) = oneshot::channel();
    // The thread ends with the program alone; were it gone, nothing would be held.
    if CLOCK.send((Instant::now() + time, wake)).is_ok() {
        let _ = woken.await;
    }
}

fn wake(sleepers: &Receiver<Sleeper>) {
    // Numbered, since several may be due at the same instant.
    let mut asleep = BTreeMap::new();
    for number in 0_u64.. {
        let next = asleep.first_key_value();
        let left = next
            .map(|((at, _), _): (&(Instant, u64), _)| at.saturating_duration_since(Instant::now()));
        let came = match left {
            Some(left) => sleepers.recv_timeout(left),
            None => sleepers.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match came {
            Ok((at, wake)) => {
                asleep.insert((at, number), wake);
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some((_, wake)) = asleep.pop_first() {
                    // Nobody waits for the answer to a client that has gone.
                    let _: Result<(), ()> = wake.send(());
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_held_at_once_is_held_side_by_side() {
        let time = Duration::from_millis(20);
        let begun = Instant::now();
        let all: Vec<_> = (0..100).map(|_| tokio::spawn(hold(time))).collect();
        let short = tokio::spawn(async move {
            hold(time / 4).await;
            begun.elapsed()
        });
        for one in all {
            one.await.unwrap();
        }
        let took = begun.elapsed();
        assert!(time <= took && took < time * 50, "{took:?}");
        // What comes last and is due first is first.
        let short = short.await.unwrap();
        assert!(time / 4 <= short && short <= took, "{short:?} of {took:?}");
        hold(Duration::ZERO).await;
    }
}
