//! What would change a user's state. Each way works under the present settings, or names what must come first.

use offramp_domain::settings::{LeaveDates, RestoreDeletedOn};
use offramp_domain::{Cause, Counted, GroundKind, Held, HrWord, Lifecycle, Origin, User};

use super::Known;
use crate::ports::SourceState;

const SET_ACTIVE: &str = "the source being set active";
const RESTORED: &str = "an admin restoring them";

/// Every way that would change the state.
pub(super) fn would_change(user: &User, known: Known<'_>, left_out: bool) -> Vec<String> {
    let disabled = known.is(SourceState::Disabled);
    // HR's statements change nothing for a user that the sync rule leaves out.
    let hr = |first: &[Option<&str>], way: &str| (!left_out).then(|| after(first, way));
    // A statement of a source in observation is recorded, and undoes a departure that the source had caused.
    let heard = [disabled.then_some(SET_ACTIVE)];
    let acted_on = [(disabled || known.is(SourceState::Observing)).then_some(SET_ACTIVE)];
    let restored = Some(RESTORED.to_owned());
    let mut ways = match user.lifecycle() {
        Lifecycle::Active => here_until(user, known, left_out),
        Lifecycle::Scheduled(_) | Lifecycle::Deactivated(_) if several(user) => {
            vec![restored, hr(&heard, &every_ground(user))]
        }
        Lifecycle::Scheduled(schedule) => {
            let mut ways = Vec::new();
            if schedule.cause.is_sync() {
                ways.push(hr(&heard, "HR marking them active"));
            }
            ways.push(restored);
            if schedule.cause.is_sync() {
                ways.push(Some(
                    "an admin turning the deactivation sync off".to_owned(),
                ));
                ways.push(hr(&[], "a sync rule that leaves them out"));
            }
            if schedule.cause == Cause::LeaveDate {
                ways.push(Some("the leave date being moved or removed".to_owned()));
            }
            let run = schedule.run.as_ref();
            ways.push(run.map(|run| format!("an admin taking back the run {run}")));
            ways
        }
        Lifecycle::Deactivated(end)
            if matches!(user.origin, Origin::Manual) || end.cause == Cause::LeaveDate =>
        {
            let date = (end.cause == Cause::LeaveDate)
                .then(|| "the leave date being moved or removed".to_owned());
            vec![restored, date]
        }
        Lifecycle::Deactivated(_) => vec![
            restored,
            hr(
                &heard,
                "HR's word changing from inactive or missing to active",
            ),
        ],
        Lifecycle::Deleted { .. } => {
            let back = match known.policy.settings.restore_deleted_on {
                RestoreDeletedOn::Never => None,
                RestoreDeletedOn::AnyChange => {
                    hr(&acted_on, "any change of the HR record that says active")
                }
                RestoreDeletedOn::Reactivation => hr(&acted_on, "HR's word changing to active"),
            };
            let returns = |held: &&Held| held.what == Counted::Return;
            let hold = user.hold.as_ref().filter(returns);
            let approved = hold.map(|held| format!("an admin approving the hold {}", held.hold));
            vec![restored, approved, back]
        }
    };
    if left_out {
        ways.push(Some(
            "a sync rule that does not leave them out, and then a change of the HR record"
                .to_owned(),
        ));
    }
    ways.into_iter().flatten().collect()
}

/// True if more than one ground stands against the user.
fn several(user: &User) -> bool {
    user.grounds
        .iter()
        .filter(|(_, ground)| ground.counts())
        .count()
        > 1
}

/// What must happen so that no ground stands any more.
fn every_ground(user: &User) -> String {
    let in_force = user
        .grounds
        .in_order()
        .filter(|(_, ground)| ground.counts());
    let mut ways: Vec<&str> = in_force
        .map(|(kind, _)| match kind {
            GroundKind::LeaveDate => "the leave date being moved or removed",
            _ => "HR marking them active",
        })
        .collect();
    ways.dedup();
    ways.sort_unstable();
    ways.dedup();
    ways.join(" and ")
}

/// What would end the access of an active user.
fn here_until(user: &User, known: Known<'_>, left_out: bool) -> Vec<Option<String>> {
    let settings = &known.policy.settings;
    // Neither an admin nor a machine ends the access of the last admin.
    let last = known
        .is_last_admin(user)
        .then_some("another admin with access");
    let set_active = known
        .source
        .is_some_and(|(_, state)| state != SourceState::Active)
        .then_some(SET_ACTIVE);
    let turned_on =
        (!settings.deactivation_sync.enabled).then_some("the deactivation sync being turned on");
    let change = match user.hr_word() {
        // The same word again changes nothing.
        Some(HrWord::Inactive) => "HR marking them active and then inactive again",
        _ => "HR marking them inactive",
    };
    let by_hr = match &user.hold {
        _ if left_out || user.hr_word().is_none() => None,
        Some(held) => {
            let rest = match (user.held, set_active) {
                (true, None) => format!(", or {change}"),
                (true, Some(_)) => String::new(),
                (false, _) => ", or HR marking them active".to_owned(),
            };
            let way = format!("an admin approving the hold {}{rest}", held.hold);
            Some(after(&[last, turned_on], &way))
        }
        None => Some(after(&[last, set_active, turned_on], change)),
    };
    let date = match settings.leave_dates {
        LeaveDates::Ignore => None,
        LeaveDates::Manual | LeaveDates::All => Some(after(&[last], "a leave date")),
    };
    let by_hand = after(&[last], "an admin deactivating or deleting them");
    vec![by_hr, date, Some(by_hand)]
}

/// A way, with the steps that must come before it.
fn after(first: &[Option<&str>], way: &str) -> String {
    let first: Vec<&str> = first.iter().flatten().copied().collect();
    match first.is_empty() {
        true => way.to_owned(),
        false => format!("{}, and then {way}", first.join(", ")),
    }
}
