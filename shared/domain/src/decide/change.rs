//! Builds a [`Change`] from a user before and after. The counters, the history entry, the notice, the timers and the
//! change of the admins follow from the difference.

use chrono::{DateTime, Utc};

use super::context::Context;
use super::decision::{AdminsChange, Answered, Change, Decision, LoginChange, Outcome, differing};
use crate::actor::Actor;
use crate::address::{FormerAddress, Had};
use crate::breaker::Counted;
use crate::digest::{Notice, NoticeKind};
use crate::employee::{Field, HrRecord};
use crate::grounds::GroundKind;
use crate::history::{Entry, Happening, Ignored};
use crate::hold::Held;
use crate::ids::{self, Login};
use crate::lifecycle::{Access, Lifecycle, Pending, Role, Status};
use crate::timer::Timer;
use crate::user::User;

/// The effect of a ground on the lifecycle.
#[derive(Debug)]
pub(super) struct Moved {
    /// What happened to the lifecycle.
    pub(super) happening: Happening,
    /// Why, for the answer; `None` if the happening is enough.
    pub(super) why: Option<&'static str>,
}

/// A change of a user before it is written.
pub(super) struct Draft<'a> {
    pub(super) ctx: &'a Context<'a>,
    pub(super) stored: Option<&'a User>,
    pub(super) user: User,
    pub(super) notice: Option<Notice>,
    pub(super) arm: Vec<Timer>,
    pub(super) disarm: Vec<Timer>,
    /// The actor of the policy that has ended grounds of the stored user; `None` if it has ended none.
    pub(super) ended_by: Option<Actor>,
    /// The end of the cards that was announced, without an admin's postponement. No ground but a leave date or an admin's
    /// brings it forward.
    pub(super) announced: Option<DateTime<Utc>>,
    pub(super) counted: Option<Counted>,
    pub(super) ignored: Option<Ignored>,
    pub(super) makes_work: bool,
    /// The effect of a ground on the lifecycle, for the answer and the history; `None` if there is none.
    pub(super) moved: Option<Moved>,
    /// True if an end is taken back before a card was touched. Then nobody had lost their account.
    pub(super) takes_back: bool,
    /// True if an admin has approved what the grounds of this change do.
    pub(super) approved: bool,
}

impl<'a> Draft<'a> {
    /// A change of a known user. `settled` is the stored user as of the policy.
    pub(super) fn of(ctx: &'a Context<'a>, stored: &'a User, settled: User) -> Self {
        let moved = settled.grounds.lifecycle() != stored.grounds.lifecycle()
            || settled.access() != stored.access();
        let ended_by = moved.then(|| ended_by(stored, ctx));
        let mut draft = Self {
            ctx,
            ended_by,
            announced: settled.due_at().and(settled.grounds.first_due()),
            counted: None,
            ignored: None,
            makes_work: false,
            takes_back: false,
            approved: false,
            moved: None,
            stored: Some(stored),
            user: settled,
            notice: None,
            arm: Vec::new(),
            disarm: Vec::new(),
        };
        match (stored.lifecycle(), draft.user.lifecycle()) {
            (Lifecycle::Scheduled(before), Lifecycle::Scheduled(after)) => {
                draft.goes_on((&before, stored.access()), &after);
            }
            (Lifecycle::Scheduled(before), _) => draft.unschedule(&before, stored),
            _ => {}
        }
        draft
    }

    /// A new user, in place of a stored look-alike if there is one.
    pub(super) fn new(ctx: &'a Context<'a>, user: User, look_alike: Option<&'a User>) -> Self {
        let user = match look_alike {
            Some(stored) => User {
                generation: stored.generation.next(),
                version: stored.version,
                rev: stored.rev,
                ..user
            },
            None => user,
        };
        Self {
            ctx,
            ended_by: None,
            announced: None,
            counted: None,
            ignored: None,
            makes_work: false,
            takes_back: false,
            approved: false,
            moved: None,
            stored: look_alike,
            user,
            notice: None,
            arm: Vec::new(),
            disarm: Vec::new(),
        }
    }

    /// The stored user, unless it is a look-alike, whom nobody has seen.
    fn known(&self) -> Option<&'a User> {
        self.stored.filter(|stored| stored.look_alike.is_none())
    }

    /// HR's record, with the profile that follows from it.
    pub(super) fn hears(&mut self, record: HrRecord) {
        self.user.hr = Some(record);
        show(&mut self.user);
    }

    /// The user so far.
    pub(super) fn so_far(&self) -> &User {
        &self.user
    }

    /// The user, for further changes.
    pub(super) fn user(&mut self) -> &mut User {
        &mut self.user
    }

    /// Records in the history entry why HR's statement had no effect.
    pub(super) fn ignores(&mut self, why: Ignored) {
        self.ignored = Some(why);
    }

    /// All work of the deactivation or deletion is done, so its timer may be deleted.
    pub(super) fn finished(&mut self) {
        if let Some(due) = self.user.pending.due {
            self.disarm.push(self.finish_timer(due));
        }
        self.user.pending = Pending::default();
        self.user.grounds.forget_postponement();
    }

    /// A decision with a visible change and its history entry.
    pub(super) fn commit(mut self, answer: Answered, by: &Actor, what: Happening) -> Decision {
        match self.moved.take() {
            Some(Moved { happening, why }) => {
                let answered = self.answered_of(&happening, why);
                // If the happening is visible nowhere else, it stays in the entry. The entry's `from`, `to` and `cause`
                // then tell the effect of the leave date.
                let told = if what.is_of_the_lifecycle() {
                    happening
                } else {
                    what
                };
                self.build(answered, Some((by, told)))
            }
            None => self.build(answer, Some((by, what))),
        }
    }

    /// A decision on the leave date alone. It has an entry only if the leave date changed the lifecycle, or the end of the
    /// grace period.
    pub(super) fn commit_date(mut self, by: &Actor) -> Decision {
        match self.moved.take() {
            Some(Moved { happening, why }) => {
                let answered = self.answered_of(&happening, why);
                self.build(answered, Some((by, happening)))
            }
            None => {
                let before = self.stored.map(User::lifecycle);
                let Some(Lifecycle::Scheduled(before)) = before else {
                    return self.build(Answered::of(Outcome::Unchanged), None);
                };
                match self.user.lifecycle() {
                    Lifecycle::Scheduled(after) if after.due_at == before.due_at => {
                        let answered = Answered::of(Outcome::Unchanged);
                        let due_at = after.due_at;
                        let ends = self.stored.map(User::access) != Some(self.user.access());
                        // The leave date ends access that the grace period had kept, or gives it back.
                        let told = ends.then_some((by, Happening::Scheduled { due_at }));
                        self.build(answered, told)
                    }
                    Lifecycle::Scheduled(after) => {
                        let answered = Answered {
                            due_at: Some(after.due_at),
                            ..Answered::of(Outcome::Updated)
                        };
                        let until = after.due_at;
                        self.build(answered, Some((by, Happening::Postponed { until })))
                    }
                    Lifecycle::Active => {
                        let answered = Answered::of(Outcome::Reactivated);
                        self.build(answered, Some((by, Happening::Reactivated)))
                    }
                    Lifecycle::Deactivated(_) | Lifecycle::Deleted { .. } => {
                        let answered = Answered::of(Outcome::Deactivated);
                        self.build(answered, Some((by, Happening::Deactivated)))
                    }
                }
            }
        }
    }

    fn answered_of(&self, happening: &Happening, why: Option<&str>) -> Answered {
        let outcome = match happening {
            Happening::Scheduled { .. } => Outcome::Scheduled,
            Happening::Held | Happening::Stopped { .. } => Outcome::Held,
            Happening::Deactivated | Happening::Deleted => Outcome::Deactivated,
            _ => Outcome::Reactivated,
        };
        Answered {
            due_at: self.user.due_at(),
            reason: why.map(str::to_owned),
            ..Answered::of(outcome)
        }
    }

    /// Access after the change, where the status alone says another; `None` where it says it.
    fn kept_access(&self) -> Option<Access> {
        let (status, access) = (self.user.status(), self.user.access());
        (status == Status::DeactivationScheduled && access == Access::Granted).then_some(access)
    }

    /// A decision with a change that clients do not see, such as a newer instant or a hash.
    pub(super) fn commit_silently(self, answered: Answered) -> Decision {
        self.build(answered, None)
    }

    /// The objectives are open again, so the timer may be deleted.
    pub(super) fn reopened(&mut self) {
        if let Some(reopening) = self.user.reopening.take() {
            self.disarm.push(self.finish_timer(reopening.due));
        }
    }

    fn build(mut self, answered: Answered, visible: Option<(&Actor, Happening)>) -> Decision {
        let admins = match (
            self.stored.is_some_and(listed_admin),
            self.user.is_acting_admin(),
        ) {
            (false, true) => AdminsChange::Join,
            (true, false) => AdminsChange::Leave,
            _ => AdminsChange::None,
        };
        let login = self.login_change();
        let former = self.notes_address();
        let withdraw = self
            .stored
            .and_then(|stored| stored.notice.clone())
            .filter(|key| self.user.notice.as_ref() != Some(key));
        // The last admin, or somebody in a hold, is held only while a ground is.
        if !self.user.grounds.is_held() {
            self.user.held = false;
            let departs = |held: &Held| held.what != Counted::Return;
            self.user.hold = self.user.hold.take().filter(|held| !departs(held));
        }
        let joins = self.joins();
        self.user.rev += 1;
        let ended_by = self.ended_by.take();
        let by_policy = ended_by
            .as_ref()
            .map(|by| (by, by_policy(&self.user.lifecycle())));
        let entry = visible.or(by_policy).map(|(by, happening)| {
            self.user.version += 1;
            Entry {
                version: self.user.version,
                at: self.ctx.now,
                by: by.clone(),
                happening,
                from: self.known().map(User::status),
                to: self.user.status(),
                access: self.kept_access(),
                cause: self.user.cause(),
                then: self.new_at_end(),
                fields: match self.known() {
                    Some(stored) => differing(stored, &self.user),
                    None => self.user.profile.keys().copied().collect(),
                },
                ignored: self.ignored,
            }
        });
        let power = self.tell_power(entry.as_ref());
        Decision {
            answered,
            counted: self.counted,
            change: Some(Box::new(Change {
                base_rev: self.stored.map(|stored| stored.rev),
                user: self.user,
                entry,
                arm: self.arm,
                disarm: self.disarm,
                notice: self.notice,
                power,
                withdraw,
                admins,
                login,
                former,
                makes_work: self.makes_work,
                joins,
            })),
        }
    }

    /// The login that counts from now on; `None` if it did not change, or if none counts.
    pub(super) fn new_login(&self) -> Option<Login> {
        self.login_change()?.bound
    }

    fn login_change(&self) -> Option<LoginChange> {
        let freed = self.stored.and_then(User::login);
        let bound = self.user.login();
        (freed != bound).then(|| LoginChange {
            freed: freed.cloned(),
            bound: bound.cloned(),
        })
    }

    /// Notes that HR has changed the address, and returns the one that it took. Only HR writes it once the user exists. The
    /// first address is no change, but for somebody whom an admin has put out before: it was not theirs then.
    fn notes_address(&mut self) -> Option<FormerAddress> {
        let stored = self.known()?;
        let folded = |user: &User| user.get(Field::Email).map(ids::folded);
        let (before, after) = (folded(stored), folded(&self.user));
        let is_first = before.is_none() && stored.address_changed.is_none();
        if before == after || is_first && stored.put_out_at().is_none() {
            return None;
        }
        self.user.address_changed = Some(self.ctx.now);
        Some(FormerAddress {
            address: before?,
            had: Had {
                from: stored.address_changed.unwrap_or(DateTime::UNIX_EPOCH),
                until: self.ctx.now,
            },
        })
    }

    /// True if the user is in another hold than before, or in one for the first time. Who stays in a hold keeps their
    /// roll number.
    fn joins(&mut self) -> bool {
        let before = self.stored.and_then(|stored| stored.hold.as_ref());
        match (&mut self.user.hold, before) {
            (Some(held), Some(before)) if held.hold == before.hold => {
                held.seq = before.seq;
                false
            }
            (held, _) => held.is_some(),
        }
    }
}

/// The actor who ended a schedule that is still stored: the undoing of its run, or else the end of an epoch.
pub(super) fn ended_by(stored: &User, ctx: &Context<'_>) -> Actor {
    let run = stored
        .lifecycle()
        .schedule()
        .and_then(|schedule| schedule.run.clone());
    let undoing = run.and_then(|run| ctx.policy.undoing(&run));
    let off = stored
        .grounds
        .iter()
        .any(|(_, ground)| ground.counts() && ground.epoch < ctx.policy.epoch);
    match undoing {
        Some(undoing) => undoing.actor(),
        None if off => Actor::SyncTurnedOff,
        None => Actor::SettingsChanged,
    }
}

/// What a policy that ends grounds does to a user, who is in this state after it.
pub(super) fn by_policy(after: &Lifecycle) -> Happening {
    match after.schedule() {
        // Another ground stands. It ends the cards at the same time, or later.
        Some(schedule) => Happening::Postponed {
            until: schedule.due_at,
        },
        None => Happening::Reactivated,
    }
}

/// True if the stored set of admins contains the user. The set follows the stored status, not an epoch.
fn listed_admin(stored: &User) -> bool {
    stored.is_acting_admin()
}

/// An instant without its fraction of a second. Timers are named and armed to the second.
pub(super) fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

/// Restores a deleted user as a member, and tells the admins. HR calls them active, and their leave date has not come.
pub(super) fn bring_back(draft: &mut Draft<'_>) {
    draft.change(|grounds| {
        grounds.hear_active();
        grounds.remove(GroundKind::Deleted);
        grounds.remove(GroundKind::LeaveDate);
    });
    draft.user().role = Role::Member;
    show(draft.user());
    let invited = draft.invites();
    draft.tell(NoticeKind::Restored { invited });
}

/// Copies the HR record into the profile. A field that HR never sent keeps its value. An admin keeps an address that HR
/// clears, because an admin without an address might not be mailed. An admin without a login keeps an address that HR
/// changes, because tokens name the admin by it: HR would say who the admin is.
pub(super) fn show(user: &mut User) {
    let admin = user.role.signs_in();
    let named_by_it = user.is_unbound() && user.get(Field::Email).is_some();
    let Some(record) = &user.hr else { return };
    for (field, value) in record.sent() {
        match value {
            Some(_) if named_by_it && field == Field::Email => None,
            Some(value) => user.profile.insert(field, value.to_owned()),
            None if admin && field == Field::Email => None,
            None => user.profile.remove(&field),
        };
    }
}
