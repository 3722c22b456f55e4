//! What a delivery, an admin and an answer read and write at once.

use super::{Answer, Delivery, Hold, PEOPLE, Place, Rules, State};

impl Rules {
    /// Asks the breaker about a delivery's people.
    pub(super) fn ask(self, state: &mut State, which: usize) {
        let people = state.news(state.deliveries[which].people);
        if people == 0 {
            state.deliveries.remove(which);
            return;
        }
        let hold = state.open().unwrap_or_else(|| {
            state.holds.push(Hold::default());
            state.holds.len() - 1
        });
        let of = &mut state.holds[hold];
        let mut seq = of.version + 1;
        if !self.numbered_when_written {
            // The old rule: whom the roll lists together has joined already, under that number.
            let listed = of.roll.iter().rev().find(|(_, set)| set & people == people);
            match listed.filter(|(seq, _)| *seq > of.answered) {
                Some((found, _)) => seq = *found,
                None => {
                    of.roll.push((seq, people));
                    // The hold and its roll were two writes where the roll was long.
                    if self.roll_with_the_people {
                        of.version = seq;
                    }
                }
            }
        }
        state.deliveries[which].asked = Some((hold, seq));
    }

    /// Writes a delivery's people.
    pub(super) fn write(self, state: &mut State, which: usize) {
        let Delivery { people, asked } = state.deliveries[which];
        let Some((hold, mut seq)) = asked else { return };
        if self.joins_only_what_is_open && state.holds[hold].closed {
            // The delivery is not answered, so HR sends it again.
            state.deliveries[which].asked = None;
            return;
        }
        let people = state.news(people);
        let of = &mut state.holds[hold];
        if self.numbered_when_written {
            seq = of.version + 1;
            if people != 0 {
                of.version = seq;
                of.roll.push((seq, people));
            }
        } else if !self.roll_with_the_people {
            of.version = of.version.max(seq);
        }
        for person in 0..PEOPLE {
            if people & (1 << person) != 0 {
                state.people[usize::from(person)] = Place::Held { hold, seq };
            }
        }
        state.deliveries.remove(which);
    }

    pub(super) fn answer(self, state: &mut State, lets_go: bool) {
        let Some((hold, until, seen)) = state.read.take() else {
            return;
        };
        let of = &state.holds[hold];
        if of.closed || until <= of.answered {
            return;
        }
        let people = state.members(hold, of.answered, until);
        let answer = Answer {
            hold,
            from: of.answered,
            until,
            lets_go,
        };
        let of = &mut state.holds[hold];
        of.closed = until == of.version;
        of.answered = until;
        of.version += 1;
        if self.answer_is_work {
            of.unfinished.push(answer);
        }
        if lets_go {
            state.let_go |= seen;
        }
        state.timers.push(answer);
        state.working.push((answer, people));
    }
}

/// One person's turn. It changes nothing if they have left the hold, or are in it under a number that the answer does not
/// cover.
pub(super) fn turn(state: &mut State, which: usize, person: u8) {
    let (answer, left) = &mut state.working[which];
    *left &= !(1 << person);
    let place = &mut state.people[usize::from(person)];
    if let Place::Held { hold, seq } = *place
        && hold == answer.hold
        && seq > answer.from
        && seq <= answer.until
    {
        *place = match answer.lets_go {
            true => Place::Gone,
            false => Place::Kept,
        };
    }
}
