//! Pauses between the tries of a conditional write that somebody else won.

use std::time::Duration;

/// How often a decision is made anew because somebody else wrote first.
const TRIES: u32 = 12;
/// The first pause; each is twice as long as the last, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(5);
/// The longest pause. All twelve come to about a second and a half.
const LONGEST: Duration = Duration::from_millis(200);

/// One try, and the pause after it.
#[derive(Debug, Clone, Copy)]
pub struct Pause(Duration);

impl Pause {
    /// Lets the others finish.
    pub async fn wait(self) {
        tokio::time::sleep(self.0).await;
    }
}

/// As many tries as a decision gets.
pub fn pauses() -> impl Iterator<Item = Pause> + Send {
    (0..TRIES).map(|n| Pause((FIRST * 2_u32.saturating_pow(n)).min(LONGEST)))
}
