//! Which of the admins that leave or return together are the last: the order of their changes decides.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::breaker::Counted;
use crate::decide::Outcome;
use crate::ids::EmployeeId;

/// A planned change of one person by which the admins with access change, or that would take the last one. It is
/// decided without regard to the others' changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminMove {
    /// The person.
    pub id: EmployeeId,
    /// True if an admin gains access, false if one loses it.
    pub joins: bool,
    /// The change that the breaker counts; `None` if it counts none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
    /// The outcome if nothing stops the change.
    pub word: Outcome,
    /// True if the breaker was asked about the person together with others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
    /// What becomes of it beside the others; `None` before the breaker is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
}

/// What becomes of a change of an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It takes place.
    Happens,
    /// The hold of its group stops it.
    Held,
    /// The person is the last admin with access at that moment, and is held alone.
    LastAdmin,
}

/// The fates of changes that are made one after the other, beginning with `admins`. `is_held` says whether a change that
/// the breaker counts is stopped together with others.
#[must_use]
pub(super) fn fates(
    moves: &[AdminMove],
    admins: &BTreeSet<EmployeeId>,
    is_held: impl Fn(Counted) -> bool,
) -> Vec<Fate> {
    let mut admins = admins.clone();
    let fate = |one: &AdminMove| {
        let departs = one.counted.and_then(Counted::departure);
        match (one.counted, departs) {
            (_, Some(departs)) if is_held(departs) => return Fate::Held,
            (_, Some(_)) if !admins.iter().any(|admin| *admin != one.id) => {
                return Fate::LastAdmin;
            }
            (Some(returns), None) if is_held(returns) => return Fate::Held,
            _ => {}
        }
        match one.joins {
            true => admins.insert(one.id.clone()),
            false => admins.remove(&one.id),
        };
        Fate::Happens
    };
    moves.iter().map(fate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Cause;

    fn id(id: &str) -> EmployeeId {
        EmployeeId::new(id).unwrap()
    }

    fn one(who: &str, joins: bool, counted: Option<Counted>) -> AdminMove {
        AdminMove {
            id: id(who),
            joins,
            counted,
            word: Outcome::Scheduled,
            asked: false,
            fate: None,
        }
    }

    #[test]
    fn the_last_of_those_who_leave_is_held_unless_another_has_come() {
        let admins = BTreeSet::from([id("A"), id("B")]);
        let leaves = Some(Counted::Departure(Cause::Hr));
        let both = [one("A", false, leaves), one("B", false, leaves)];
        let open = |_| false;
        assert_eq!(
            fates(&both, &admins, open),
            [Fate::Happens, Fate::LastAdmin]
        );
        // Nobody leaves where the breaker holds all, so nobody is the last.
        assert_eq!(fates(&both, &admins, |_| true), [Fate::Held, Fate::Held]);
        let comes = one("C", true, None);
        let with_another = [both[0].clone(), comes.clone(), both[1].clone()];
        assert_eq!(fates(&with_another, &admins, open), [Fate::Happens; 3]);
        // One who is held does not come.
        let waits = one("C", true, Some(Counted::Return));
        let with_a_return = [both[0].clone(), waits, both[1].clone()];
        let returns = |what| what == Counted::Return;
        assert_eq!(
            fates(&with_a_return, &admins, returns),
            [Fate::Happens, Fate::Held, Fate::LastAdmin]
        );
    }
}
