//! The lines of changes of power.

use offramp_domain::settings::Behaviour;
use offramp_domain::{Actor, PersonPower, Power, Role, SourcePower, SourceSync};

use super::Reader;
use super::names::unlinked;

/// What a reader can do about the changes.
pub(super) fn lead(to: Reader) -> &'static str {
    match to {
        Reader::Own | Reader::Former => {
            "If you did not expect this, tell an admin of Offramp at once."
        }
        Reader::Admin | Reader::Manager | Reader::Escalation => {
            "If one of these surprises you, ask who is named with it, and take it back: another admin sets the role or \
             login again, removes the machine, makes a new secret and revokes the earlier ones, or sets the source or \
             rule as it was. If no admin can sign in, an operator of the stack can repair one."
        }
    }
}

/// Who did it. `name` is the name of an admin or machine.
pub(super) fn by(by: &Actor, name: Option<&str>) -> String {
    match by {
        Actor::Admin { .. } => format!("by {}", unlinked(name.unwrap_or("an admin"))),
        Actor::Service { .. } => {
            format!("by the machine {}", unlinked(name.unwrap_or("of a token")))
        }
        Actor::Hr { source, .. } => match source.known() {
            Some(source) => format!("as the HR source {source} says"),
            None => "as HR says".to_owned(),
        },
        Actor::Operator { .. } => "by an operator of the stack".to_owned(),
        Actor::Timer { .. } => "by Offramp itself".to_owned(),
        Actor::SyncTurnedOff | Actor::RuleChanged | Actor::SettingsChanged => {
            "by a change of the settings".to_owned()
        }
        Actor::RunUndone { .. } => "by taking back a run".to_owned(),
    }
}

/// The change, of the person `who` if it is a person's.
pub(super) fn said(who: &str, what: &Power) -> String {
    match what {
        Power::Person(what) => person(who, what),
        Power::Source { source, change } => {
            let source = source.known().map_or("a source", |source| source.as_str());
            of_source(source, change)
        }
        Power::Machine {
            name,
            subject,
            may,
            removed,
        } => {
            let (subject, may) = (unlinked(subject.as_str()), may.join(", "));
            let done = if *removed { "removed" } else { "registered" };
            format!("the machine {name} (token {subject}) was {done}, with the rights: {may}")
        }
        Power::SyncRule => "the sync rule was changed".to_owned(),
        Power::Escalation { from, to } => {
            let said = |one: &offramp_domain::Email| unlinked(one.as_str());
            match (from, to) {
                (_, None) => {
                    "no address is mailed any more about holds that wait too long".to_owned()
                }
                (None, Some(to)) => {
                    format!("holds that wait too long are also mailed to {}", said(to))
                }
                (Some(from), Some(to)) => format!(
                    "holds that wait too long are also mailed to {}, and not to {} any more",
                    said(to),
                    said(from)
                ),
            }
        }
    }
}

fn person(who: &str, what: &PersonPower) -> String {
    let PersonPower {
        was,
        is,
        by_access,
        was_login,
        is_login,
        was_address,
        is_address,
        counts,
        fresh: _,
    } = what;
    let mut parts = Vec::new();
    match (was.signs_in(), is.signs_in()) {
        _ if *by_access && *counts => parts.push(format!("is {} again", called(*is))),
        _ if *by_access => parts.push(format!("is not {} any more, since they leave", called(*is))),
        _ if was == is => {}
        (false, _) => parts.push(format!("is {} now", called(*is))),
        (true, true) => parts.push(format!(
            "is {} now, and not {} any more",
            called(*is),
            called(*was)
        )),
        (true, false) => parts.push(format!("is not {} any more", called(*was))),
    }
    if was != is && is.signs_in() && !counts {
        parts.push("which counts only while they are active".to_owned());
    }
    match (was_login, is_login) {
        (None, Some(login)) => parts.push(format!("signs in as {}", unlinked(login.as_str()))),
        (Some(before), Some(login)) => parts.push(format!(
            "signs in as {}, and not as {} any more",
            unlinked(login.as_str()),
            unlinked(before.as_str())
        )),
        // The login ends with the role.
        (_, None) => {}
    }
    match (was_address, is_address) {
        (None, None) => {}
        (before, after) => {
            let said = |one: &Option<String>| one.as_deref().map_or("none".to_owned(), unlinked);
            parts.push(format!(
                "has the address {}, before {}",
                said(after),
                said(before)
            ));
        }
    }
    format!("{who} {}", parts.join(", "))
}

fn called(role: Role) -> &'static str {
    match role {
        Role::Admin => "an admin",
        Role::Auditor => "an auditor",
        Role::Member => "a member",
    }
}

fn of_source(source: &str, change: &SourcePower) -> String {
    match change {
        SourcePower::Made => format!("the source {source} was made, with a secret"),
        SourcePower::HandedOver { to, people, part } => {
            let whom = match (people, part) {
                (1, _) => "1 person".to_owned(),
                (people, true) => format!("{people} people"),
                (people, false) => format!("all of its people, {people}"),
            };
            format!("the source {source} hands {whom} over to the source {to}")
        }
        SourcePower::SecretMade { revoked_previous } => {
            let others = match revoked_previous {
                true => "the earlier ones are revoked",
                false => "the one before it still counts",
            };
            format!("the source {source} has a new secret; {others}")
        }
        SourcePower::Changed {
            state,
            sync,
            silent_after_hours,
        } => {
            let mut parts = Vec::new();
            if state.0 != state.1 {
                parts.push(format!("is {}, before {}", state.1, state.0));
            }
            if sync.0 != sync.1 {
                parts.push(format!("has {}, before {}", grace(sync.1), grace(sync.0)));
            }
            if silent_after_hours.0 != silent_after_hours.1 {
                let said = |hours: Option<u32>| {
                    hours.map_or("its own rhythm".to_owned(), |hours| {
                        format!("{hours} hours")
                    })
                };
                parts.push(format!(
                    "counts as silent after {}, before {}",
                    said(silent_after_hours.1),
                    said(silent_after_hours.0)
                ));
            }
            format!("the source {source} {}", parts.join("; it "))
        }
    }
}

/// The grace period of a source.
fn grace(sync: SourceSync) -> String {
    let days = sync.delay_days.map(|days| match days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    });
    match (sync.behaviour, days) {
        (Some(Behaviour::Immediate), _) => "no grace period".to_owned(),
        (_, Some(days)) => format!("a grace period of {days}"),
        (Some(Behaviour::Delayed), None) => {
            "a grace period of the organisation's length".to_owned()
        }
        (None, None) => "the organisation's grace period".to_owned(),
    }
}
