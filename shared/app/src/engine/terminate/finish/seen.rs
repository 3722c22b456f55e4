//! What a round of finishing has read.

use offramp_domain::{Card, Generation, Lifecycle, Objective, User};

use crate::ports::Loaded;

/// The data of a person: user, cards and objectives. They were read by three calls at the same time.
pub(super) struct Seen {
    pub(super) loaded: Loaded,
    pub(super) user: User,
    pub(super) cards: Vec<Card>,
    pub(super) objectives: Vec<Objective>,
}

impl Seen {
    /// True if the user is still in the deactivation or deletion of this generation, and it has pending work.
    pub(super) fn stands(&self, generation: Generation) -> bool {
        self.user.generation == generation && !self.user.pending.is_done()
    }

    /// The cards to cancel. While the deactivation of this generation has its cards pending, these are all living
    /// cards. Otherwise they are the cards whose cancellation has begun, since the issuer may know of it.
    pub(super) fn to_cancel(&self, generation: Generation) -> impl Iterator<Item = &Card> {
        let all = self.stands(generation) && self.user.pending.cards;
        let alive = self.cards.iter().filter(|card| card.is_alive());
        alive.filter(move |card| card.cancelling || all)
    }

    /// True if a machine decided the deactivation of this generation, and no card was touched yet.
    pub(super) fn may_be_taken_back(&self, generation: Generation) -> bool {
        let by_machine =
            matches!(self.user.lifecycle(), Lifecycle::Deactivated(end) if end.policy.is_some());
        let untouched = self.user.pending.cancelled == 0
            && !self
                .cards
                .iter()
                .any(|card| card.cancelling && card.is_alive());
        self.stands(generation) && self.user.pending.cards && by_machine && untouched
    }

    /// The user's generation, if it is later than this one and has pending work.
    pub(super) fn next(&self, generation: Generation) -> Option<Generation> {
        let later = self.user.generation > generation && !self.user.pending.is_done();
        later.then_some(self.user.generation)
    }
}
