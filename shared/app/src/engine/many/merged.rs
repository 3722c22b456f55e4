//! The events of one person in one request, merged: each is decided on the result of the event before, and all of them
//! are written at once. Timers and notices that a later event takes back are neither armed nor written.

use std::collections::BTreeSet;
use std::time::Instant;

use offramp_domain::decide::Outcome;
use offramp_domain::history::Happening;
use offramp_domain::{
    AdminsChange, Change, EmployeeId, Entry, Event, FormerAddress, LoginChange, Notice, NoticeKey,
    Timer, User,
};

use super::together::First;
use super::{Answer, Engine, TIME_FOR_EVENTS, TIME_FOR_OBJECTIVES, answer};
use crate::backoff::until_won;
use crate::engine::breaker::answered_meanwhile;
use crate::engine::commit::{Armed, Landed, commit_merged};
use crate::engine::execute::{ExecuteOptions, Judgement, was_asked};
use crate::ports::{Breakers, Loaded, Lookalikes, Objectives, Users};
use crate::telemetry::Decided;
use crate::{Error, Ports, Result};

/// Items of one transaction, of the 100 that DynamoDB allows: the rest are the user, the admins, and a hold with its roll.
const MOST_ITEMS: usize = 90;

/// Some of a person's events, decided and written.
struct Taken {
    answers: Vec<(usize, Answer)>,
    /// The change of the admins with access.
    admins: AdminsChange,
    /// The data for deciding the next event.
    loaded: Loaded,
}

impl<P: Ports> Engine<'_, P>
where
    P::Store: Users + Breakers + Lookalikes + Objectives,
{
    /// Decides and commits several events of one employee, in order. There is one commit, unless the breaker must be
    /// asked about an event that it was not asked about, or the history entries are more than one transaction takes.
    ///
    /// # Errors
    /// A fault, [`Error::Busy`], or [`Error::Unfinished`] if time runs out or a hold was answered in the meantime.
    pub(super) async fn merged(
        &self,
        id: &EmployeeId,
        events: &[(usize, Event)],
        loaded: &Loaded,
        first: Option<First>,
        armed: &Armed,
    ) -> Result<(Vec<(usize, Answer)>, AdminsChange)> {
        let mut admins = AdminsChange::None;
        let mut ahead = BTreeSet::new();
        if let Some(First::Judged(judgement)) = &first
            && let Some(change) = judgement
                .decision
                .change
                .as_ref()
                .filter(|_| judgement.armed)
        {
            armed.note(&change.arm);
            ahead.extend(change.arm.iter().map(Timer::name));
        }
        let mut answers = Vec::with_capacity(events.len());
        let mut at_hand = Some(loaded.only(id));
        while let Some((next, _)) = events.get(answers.len()..).and_then(<[_]>::split_first) {
            let left = events.get(answers.len()..).unwrap_or_default();
            let ahead = &ahead;
            let taken = until_won(|| {
                let at_hand = at_hand.take();
                async move { self.some(id, left, at_hand, ahead, armed).await }
            })
            .await?;
            at_hand = Some(taken.loaded);
            let mut change = taken.admins;
            if taken.answers.is_empty() {
                let (position, event) = next;
                let executed = self.one(id, event, (at_hand.take(), None), armed).await?;
                let mut after = executed.loaded;
                after
                    .users
                    .extend(executed.user.map(|user| (id.clone(), user)));
                let answered = answer(id, &executed.decision.answered, executed.would);
                answers.push((*position, self.of(after.users.get(id), answered)));
                if let Some(changed) = &executed.decision.change {
                    change = changed.admins;
                }
                at_hand = Some(after);
            }
            answers.extend(taken.answers);
            if change != AdminsChange::None {
                admins = change;
            }
        }
        Ok((answers, admins))
    }

    /// Decides and commits as many of these events as one transaction takes; none of them if the breaker must be asked
    /// about the first. `None` if another write came first.
    async fn some(
        &self,
        id: &EmployeeId,
        events: &[(usize, Event)],
        at_hand: Option<Loaded>,
        ahead: &BTreeSet<String>,
        armed: &Armed,
    ) -> Result<Option<Taken>> {
        let begun = Instant::now();
        let tenant = &self.plan.tenant;
        let how = ExecuteOptions {
            observing: self.plan.observing,
            gate: self.gates.get(id).cloned(),
            ..ExecuteOptions::default()
        };
        let mut loaded = match at_hand {
            Some(loaded) => loaded,
            None => self.plan.read(&[(id.clone(), events.to_vec())]).await?,
        };
        let mut fold = Fold::new(ahead);
        let mut decided: Vec<(&Event, Judgement, Option<User>)> = Vec::new();
        let mut answers = Vec::new();
        for (position, event) in events {
            if !self.plan.deadline.leaves(TIME_FOR_EVENTS) {
                return Err(Error::Unfinished("more events than there was time for"));
            }
            if fold.items() >= MOST_ITEMS {
                break;
            }
            let judgement = how.judge(tenant, &loaded, id, event)?;
            let unasked = |counted| !was_asked(how.gate.as_ref(), counted);
            if judgement.decision.counted.is_some_and(unasked) {
                break;
            }
            let before = match &judgement.decision.change {
                Some(change) => {
                    fold.push(change);
                    loaded.users.insert(id.clone(), change.user.clone());
                    None
                }
                None => loaded.users.get(id).cloned(),
            };
            let answered = answer(id, &judgement.decision.answered, judgement.would);
            answers.push((*position, self.of(loaded.users.get(id), answered)));
            decided.push((event, judgement, before));
        }
        let told: Vec<Decided<'_>> = decided
            .iter()
            .map(|(event, judgement, user)| Decided {
                employee_id: id,
                event,
                decision: &judgement.decision,
                user: user.as_ref(),
                begun,
            })
            .collect();
        let changes = fold.into_changes();
        let admins = changes.last().map_or(AdminsChange::None, |one| one.admins);
        match commit_merged(tenant, &told, &changes, armed).await? {
            Landed::Done => {}
            Landed::Conflict => return Ok(None),
            Landed::HoldClosed => return Err(answered_meanwhile()),
        }
        drop(told);
        self.reopened(id, &loaded, &decided).await;
        Ok(Some(Taken {
            answers,
            admins,
            loaded,
        }))
    }

    /// Reopens the objectives of somebody who has access again after all of these events.
    async fn reopened(
        &self,
        id: &EmployeeId,
        loaded: &Loaded,
        decided: &[(&Event, Judgement, Option<User>)],
    ) {
        let moves = decided.iter().rev().find(|(_, judgement, _)| {
            matches!(
                judgement.decision.answered.outcome,
                Outcome::Scheduled
                    | Outcome::Deactivated
                    | Outcome::Reactivated
                    | Outcome::Restored
            )
        });
        let back = |judgement: &Judgement| {
            matches!(
                judgement.decision.answered.outcome,
                Outcome::Reactivated | Outcome::Restored
            )
        };
        if let (Some((event, judgement, _)), Some(user)) = (moves, loaded.users.get(id))
            && back(judgement)
            && self.plan.deadline.leaves(TIME_FOR_OBJECTIVES)
        {
            self.reopen(user, event).await;
        }
    }
}

/// The changes of one person, in order, as what one transaction writes.
struct Fold<'a> {
    /// The names of timers that are armed already, although nothing is written yet.
    ahead: &'a BTreeSet<String>,
    /// The first change's condition.
    base_rev: Option<u64>,
    last: Option<Change>,
    entries: Vec<Entry>,
    notices: Vec<Notice>,
    withdrawn: Vec<NoticeKey>,
    /// The addresses that HR takes, each once.
    former: Vec<FormerAddress>,
}

impl<'a> Fold<'a> {
    fn new(ahead: &'a BTreeSet<String>) -> Self {
        Self {
            ahead,
            base_rev: None,
            last: None,
            entries: Vec::new(),
            notices: Vec::new(),
            withdrawn: Vec::new(),
            former: Vec::new(),
        }
    }

    /// The items that are to be written so far, beside the user: entries, notices, and two for each former address.
    fn items(&self) -> usize {
        self.entries.len() + self.notices.len() + self.withdrawn.len() + 2 * self.former.len()
    }

    fn push(&mut self, change: &Change) {
        if let Some(entry) = &change.entry {
            match self.entries.last_mut().filter(|last| goes_on(last, entry)) {
                Some(last) => *last = one_entry(last, entry),
                None => self.entries.push(entry.clone()),
            }
        }
        if let Some(key) = &change.withdraw {
            self.notices.retain(|notice| notice.key() != *key);
            self.withdrawn.retain(|before| before != key);
            self.withdrawn.push(key.clone());
        }
        for notice in change.notice.iter().chain(&change.power) {
            let key = notice.key();
            self.withdrawn.retain(|before| *before != key);
            self.notices.retain(|before| before.key() != key);
            self.notices.push(notice.clone());
        }
        if let Some(taken) = &change.former {
            let mut before = self.former.iter_mut();
            match before.find(|before| before.address == taken.address) {
                Some(before) => before.had = before.had.and(taken.had),
                None => self.former.push(taken.clone()),
            }
        }
        let (arm, disarm, admins, login, joins, makes_work) = match self.last.take() {
            None => {
                self.base_rev = change.base_rev;
                (
                    change.arm.clone(),
                    change.disarm.clone(),
                    change.admins,
                    change.login.clone(),
                    change.joins,
                    change.makes_work,
                )
            }
            Some(before) => {
                let (arm, disarm) = self.timers(before.arm, before.disarm, change);
                let same_hold = before.user.hold.as_ref().map(|held| &held.hold)
                    == change.user.hold.as_ref().map(|held| &held.hold);
                (
                    arm,
                    disarm,
                    net(before.admins, change.admins),
                    net_login(before.login, change.login.clone()),
                    change.joins || before.joins && same_hold,
                    before.makes_work || change.makes_work,
                )
            }
        };
        self.last = Some(Change {
            user: change.user.clone(),
            base_rev: self.base_rev,
            entry: None,
            arm,
            disarm,
            notice: None,
            power: None,
            withdraw: None,
            admins,
            login,
            former: None,
            makes_work,
            joins,
        });
    }

    /// The timers to arm and to disarm once this change follows. A timer that is not armed yet need not be disarmed.
    fn timers(
        &self,
        mut arm: Vec<Timer>,
        mut disarm: Vec<Timer>,
        next: &Change,
    ) -> (Vec<Timer>, Vec<Timer>) {
        for timer in &next.disarm {
            let armed = arm.len();
            arm.retain(|one| one.name() != timer.name());
            if arm.len() == armed || self.ahead.contains(&timer.name()) {
                disarm.push(timer.clone());
            }
        }
        for timer in &next.arm {
            disarm.retain(|one| one.name() != timer.name());
            arm.retain(|one| one.name() != timer.name());
            arm.push(timer.clone());
        }
        (arm, disarm)
    }

    /// The changes of one transaction: all but the last write an entry or a notice, and the last the user too.
    fn into_changes(self) -> Vec<Change> {
        let Some(last) = self.last else {
            return Vec::new();
        };
        let many = self.entries.len().max(self.notices.len());
        let many = many.max(self.withdrawn.len());
        let many = many.max(self.former.len()).max(1);
        let carrier = Change {
            arm: Vec::new(),
            disarm: Vec::new(),
            admins: AdminsChange::None,
            login: None,
            makes_work: false,
            joins: false,
            ..last.clone()
        };
        let mut changes = vec![carrier; many - 1];
        changes.push(last);
        let (mut entries, mut notices) = (self.entries.into_iter(), self.notices.into_iter());
        let mut withdrawn = self.withdrawn.into_iter();
        let mut former = self.former.into_iter();
        for change in &mut changes {
            change.entry = entries.next();
            change.notice = notices.next();
            change.withdraw = withdrawn.next();
            change.former = former.next();
        }
        changes
    }
}

/// The change of a person's login by two changes, one after the other: what counted before the first counts no longer, and
/// what the last binds counts.
fn net_login(before: Option<LoginChange>, after: Option<LoginChange>) -> Option<LoginChange> {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (before, after) => return before.or(after),
    };
    let net = LoginChange {
        freed: before.freed,
        bound: after.bound,
    };
    (net.freed != net.bound).then_some(net)
}

/// The change of the set of admins that two changes come to.
fn net(before: AdminsChange, after: AdminsChange) -> AdminsChange {
    match (before, after) {
        (AdminsChange::Join, AdminsChange::Leave) | (AdminsChange::Leave, AdminsChange::Join) => {
            AdminsChange::None
        }
        (before, AdminsChange::None) => before,
        (_, after) => after,
    }
}

/// True if the two entries are one: both say which fields changed, and nothing else.
fn goes_on(before: &Entry, after: &Entry) -> bool {
    let plain = |entry: &Entry| {
        entry.happening == Happening::Updated
            && entry.from == Some(entry.to)
            && entry.ignored.is_none()
    };
    let same = (before.to, before.access, &before.cause) == (after.to, after.access, &after.cause);
    plain(before) && plain(after) && same
}

/// The later entry, with the fields of both.
fn one_entry(before: &Entry, after: &Entry) -> Entry {
    let mut fields = before.fields.clone();
    fields.extend(
        after
            .fields
            .iter()
            .filter(|field| !before.fields.contains(field)),
    );
    fields.sort_unstable();
    Entry {
        fields,
        ..after.clone()
    }
}
