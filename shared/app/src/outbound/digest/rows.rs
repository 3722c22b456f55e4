//! The rows of a digest, as of the time of writing it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::breaker::Keeps;
use offramp_domain::{
    Access, Actor, Breaker, Cause, EmployeeId, Field, HoldId, HoldState, Lifecycle, NoticeKind,
    Origin, PersonPower, Policy, SourceId, User,
};

use crate::engine::holds;
use crate::outbound::mail::{Held, Now, Person, ROWS, Rank, Row, Stopped};
use crate::ports::{Breakers, Loaded, Lookalikes, Outgoing, USERS_PER_READ, Users};
use crate::{Ports, Result, Tenant};

/// The most people of a hold that a mail looks up, in ten reads. For a larger hold the mail tells the number on its
/// roll, which includes people who have left the hold.
const LOOKED_UP: usize = 1_000;
/// Reads of people that are made at once.
const READS_AT_ONCE: usize = 8;

/// The people that a digest concerns. Each row may have a manager who is told of it.
pub(super) struct People {
    pub(super) policy: Policy,
    pub(super) users: BTreeMap<EmployeeId, User>,
    pub(super) admins: BTreeSet<EmployeeId>,
    pub(super) rows: Vec<(Row, Option<EmployeeId>)>,
    /// Who is invited, with whether they had lost their account.
    pub(super) invited: BTreeMap<EmployeeId, bool>,
}

impl People {
    /// A user with access.
    pub(super) fn here(&self, id: &EmployeeId, now: DateTime<Utc>) -> Option<User> {
        let user = self.users.get(id)?.as_of(&self.policy);
        (user.access_at(now) == Access::Granted).then_some(user)
    }
}

/// Reads everybody that a digest concerns, in their present state. `admins` were read a moment ago, and are read again
/// with the others. Only admins appointed since then, and managers who are told, need another read.
///
/// # Errors
/// A fault of the table.
pub(super) async fn people<P: Ports>(
    tenant: &Tenant<'_, P>,
    notices: &[Outgoing],
    admins: &BTreeSet<EmployeeId>,
) -> Result<People>
where
    P::Store: Users + Breakers + Lookalikes,
{
    let about = notices.iter().flat_map(|one| {
        let (of, by) = (one.notice.employee_id.clone(), by(&one.notice.kind));
        of.into_iter().chain(by)
    });
    let about: BTreeSet<EmployeeId> = about.chain(admins.iter().cloned()).collect();
    let (read, holds) = try_join(load(tenant, about), open(tenant, notices)).await?;
    let (mut users, policy, admins) = read;
    let seen = Seen {
        now: tenant.clock.now(),
        policy: &policy,
        admins: &admins,
        holds: &holds.by_id,
        breakers: &holds.breakers,
    };
    let mut rows: Vec<(Row, Option<EmployeeId>)> = notices
        .iter()
        .filter_map(|one| {
            let id = one.notice.employee_id.clone().or(by(&one.notice.kind));
            let user = id.and_then(|id| users.get(&id));
            let mut row = seen.row(one, user)?;
            row.by = one.notice.kind.by().and_then(|by| named(by, &users));
            let manager = manager(&row, user);
            Some((row, manager))
        })
        .collect();
    // Changes of people's power come before those of sources and machines, however many these are.
    rows.sort_by(|(a, _), (b, _)| {
        let key = |row: &Row| row.power().is_none();
        (key(a), &a.name).cmp(&(key(b), &b.name))
    });
    let missing: BTreeSet<EmployeeId> = admins
        .iter()
        .chain(rows.iter().filter_map(|(_, manager)| manager.as_ref()))
        .filter(|id| !users.contains_key(*id))
        .cloned()
        .collect();
    if !missing.is_empty() {
        users.extend(load(tenant, missing).await?.0);
    }
    spelled_otherwise(tenant, &mut rows, &mut users).await?;
    Ok(People {
        policy,
        users,
        admins,
        rows,
        invited: BTreeMap::new(),
    })
}

/// People, a few reads at once, with the policy and the admins of the first read.
async fn load<P: Ports>(
    tenant: &Tenant<'_, P>,
    ids: BTreeSet<EmployeeId>,
) -> Result<(BTreeMap<EmployeeId, User>, Policy, BTreeSet<EmployeeId>)>
where
    P::Store: Users,
{
    let ids: Vec<EmployeeId> = ids.into_iter().collect();
    // Of nobody, policy and admins are read as well.
    let chunks = match ids.as_slice() {
        [] => vec![&[][..]],
        ids => ids.chunks(USERS_PER_READ).collect(),
    };
    let reads = chunks
        .into_iter()
        .map(|ids| tenant.store.load(tenant.org, ids));
    let reads: Vec<Loaded> = stream::iter(reads)
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let (mut users, mut first) = (BTreeMap::new(), None);
    for mut loaded in reads {
        users.append(&mut loaded.users);
        first.get_or_insert(loaded);
    }
    let first = first.unwrap_or_default();
    Ok((
        users,
        Arc::unwrap_or_clone(first.policy),
        Arc::unwrap_or_clone(first.admins),
    ))
}

/// The open holds in a digest.
#[derive(Default)]
struct Open {
    by_id: BTreeMap<HoldId, Held>,
    /// The breakers of the sources that one of these holds quarantines.
    breakers: BTreeMap<SourceId, Breaker>,
}

async fn open<P: Ports>(tenant: &Tenant<'_, P>, notices: &[Outgoing]) -> Result<Open>
where
    P::Store: Users + Breakers,
{
    let ids: BTreeSet<&HoldId> = notices
        .iter()
        .filter_map(|one| match &one.notice.kind {
            NoticeKind::HoldOpened { hold, .. } | NoticeKind::HoldWaits { hold, .. } => Some(hold),
            _ => None,
        })
        .collect();
    let (mut open, mut room) = (Open::default(), ROWS);
    for id in ids {
        let Some(hold) = tenant.store.hold(tenant.org, id).await? else {
            continue;
        };
        if hold.state != HoldState::Open {
            continue;
        }
        let (users, all) = holds::who(tenant, &hold, LOOKED_UP).await?;
        let count = match all {
            true => users.len(),
            false => usize::try_from(hold.people).unwrap_or(usize::MAX),
        };
        let mut people: Vec<Person> = users.iter().filter_map(person).collect();
        people.sort();
        people.truncate(room);
        room -= people.len();
        let breaker = tenant.store.breaker(tenant.org, &hold.source).await?;
        // A hold that stays open after an approval no longer quarantines the source, whatever its rule.
        let quarantines = breaker.hold.as_ref() == Some(id);
        if quarantines {
            open.breakers.insert(hold.source, breaker);
        }
        let held = Held {
            rule: hold.rule,
            quarantines,
            count,
            people,
        };
        open.by_id.insert(id.clone(), held);
    }
    Ok(open)
}

fn person(user: &User) -> Option<Person> {
    Some(Person {
        name: user
            .get(Field::Name)
            .unwrap_or(user.employee_id.as_str())
            .to_owned(),
        id: user.employee_id.to_string(),
        cards: user.active_cards,
        what: Stopped::of(user)?,
    })
}

/// The admin behind a notice that is not about a user.
fn by(kind: &NoticeKind) -> Option<EmployeeId> {
    match kind.by()? {
        Actor::Admin { employee_id, .. } => employee_id.clone(),
        _ => None,
    }
}

/// An admin or a machine, as a mail names them; `None` for another actor.
fn named(by: &Actor, users: &BTreeMap<EmployeeId, User>) -> Option<String> {
    let (Actor::Admin { subject, .. } | Actor::Service { subject }) = by else {
        return None;
    };
    let id = match by {
        Actor::Admin { employee_id, .. } => employee_id.as_ref(),
        _ => None,
    };
    let name = id.and_then(|id| users.get(id)?.get(Field::Name));
    Some(name.unwrap_or(subject.as_str()).to_owned())
}

/// The subject claim of the actor behind a notice.
fn subject(kind: &NoticeKind) -> Option<String> {
    match kind.by()? {
        Actor::Admin { subject, .. } | Actor::Service { subject } => Some(subject.to_string()),
        _ => None,
    }
}

/// The manager who is told of the row. Only leave dates are told to managers.
fn manager(row: &Row, user: Option<&User>) -> Option<EmployeeId> {
    let cause = match &row.kind {
        NoticeKind::Scheduled { cause, .. } | NoticeKind::Terminated { cause, .. } => *cause,
        NoticeKind::LeavesSoon { admins_only, .. } if !admins_only => Cause::LeaveDate,
        _ => return None,
    };
    if cause != Cause::LeaveDate {
        return None;
    }
    EmployeeId::new(user?.get(Field::ManagerId)?).ok()
}

/// Finds the managers whom HR spells in another way than themselves: where nobody has the id, and the id of exactly one
/// person looks like it, that person is meant.
async fn spelled_otherwise<P: Ports>(
    tenant: &Tenant<'_, P>,
    rows: &mut [(Row, Option<EmployeeId>)],
    users: &mut BTreeMap<EmployeeId, User>,
) -> Result<()>
where
    P::Store: Users + Lookalikes,
{
    let unknown = |id: &&mut EmployeeId| !users.contains_key(*id);
    let managers = rows.iter_mut().filter_map(|(_, manager)| manager.as_mut());
    let mut managers: Vec<&mut EmployeeId> = managers.filter(unknown).collect();
    if managers.is_empty() {
        return Ok(());
    }
    let likenesses: BTreeSet<String> = managers.iter().map(|id| id.likeness()).collect();
    let mut alike: BTreeMap<String, BTreeSet<EmployeeId>> = BTreeMap::new();
    for id in tenant.store.alike(tenant.org, &likenesses).await? {
        alike.entry(id.likeness()).or_default().insert(id);
    }
    let mut meant = BTreeSet::new();
    for manager in &mut managers {
        let found = alike.get(&manager.likeness()).into_iter().flatten();
        let found: Vec<&EmployeeId> = found.collect();
        if let [one] = found.as_slice() {
            meant.insert((*one).clone());
            **manager = (*one).clone();
        }
    }
    meant.retain(|id| !users.contains_key(id));
    if !meant.is_empty() {
        users.extend(load(tenant, meant).await?.0);
    }
    Ok(())
}

/// The facts with which a row is brought up to date.
struct Seen<'a> {
    now: DateTime<Utc>,
    policy: &'a Policy,
    admins: &'a BTreeSet<EmployeeId>,
    holds: &'a BTreeMap<HoldId, Held>,
    breakers: &'a BTreeMap<SourceId, Breaker>,
}

impl Seen<'_> {
    /// The row of a notice; `None` if the notice no longer applies and no card was cancelled.
    fn row(&self, one: &Outgoing, user: Option<&User>) -> Option<Row> {
        let mut kind = one.notice.kind.clone();
        let settled = user.map(|user| user.as_of(self.policy));
        let (mut keeps_access, mut rank) = (false, Rank::User);
        let now = match &mut kind {
            NoticeKind::Invited { .. }
            | NoticeKind::GivenBack {
                reverted: 0,
                at_least: false,
                ..
            } => return None,
            NoticeKind::Scheduled {
                active_cards,
                cause,
                due_at,
            } => {
                let user = settled?;
                let Lifecycle::Scheduled(schedule) = user.lifecycle() else {
                    return None;
                };
                if user.generation != one.notice.generation {
                    return None;
                }
                // The policy may have ended a ground since.
                (*active_cards, *cause, *due_at) =
                    (user.active_cards, schedule.cause, schedule.due_at);
                keeps_access = user.access_at(self.now) == Access::Granted;
                let by_hand = user.grounds.due_by_hand();
                let waits = self.breaker(&user).is_some_and(|breaker| {
                    let keeps = breaker.keeps(&user.employee_id, schedule.at);
                    keeps == Some(Keeps::UntilAnswered)
                        && by_hand.is_none_or(|due| due > schedule.due_at)
                });
                if waits { Now::Waits } else { Now::Stands }
            }
            NoticeKind::LeavesSoon {
                date,
                active_cards,
                admins_only,
            } => {
                let user = settled?;
                rank = self.rank(&user);
                if *admins_only && rank == Rank::User {
                    return None;
                }
                // The date may have moved, and access may have ended for another reason.
                if user.leave.plan?.date != *date || user.access_at(self.now) == Access::Revoked {
                    return None;
                }
                *active_cards = user.active_cards;
                let (said, _) = user.leave_date_as_said(&self.policy.settings)?;
                if said == *date {
                    Now::Stands
                } else {
                    Now::LastDay
                }
            }
            NoticeKind::Terminated { cards, .. } => {
                let user = settled?;
                // Cancelled cards are told in any state of their owner.
                if user.generation != one.notice.generation && *cards == 0 {
                    return None;
                }
                match user.lifecycle() {
                    Lifecycle::Active => Now::Back { active: true },
                    Lifecycle::Scheduled(_) => Now::Back { active: false },
                    Lifecycle::Deactivated(_) => Now::Stands,
                    Lifecycle::Deleted { .. } => Now::Deleted,
                }
            }
            NoticeKind::HoldOpened { hold, .. } | NoticeKind::HoldWaits { hold, .. } => {
                // A hold that everybody has left is closed by the sweep.
                let held = self.holds.get(hold).filter(|held| held.count > 0)?;
                Now::Held(held.clone())
            }
            _ => Now::Stands,
        };
        let name = user
            .and_then(|user| user.get(Field::Name))
            .map(str::to_owned)
            .or_else(|| one.notice.name.clone())
            .or_else(|| subject(&one.notice.kind));
        let id = one.notice.employee_id.as_ref().map(ToString::to_string);
        Some(Row {
            name: name.or_else(|| id.clone()).unwrap_or_default(),
            id,
            kind,
            now,
            keeps_access,
            rank,
            by: None,
            former: one
                .notice
                .person_power()
                .into_iter()
                .flat_map(PersonPower::former)
                .collect(),
        })
    }

    /// Whether the user is an admin with access, and the only one.
    fn rank(&self, user: &User) -> Rank {
        let others = self.admins.iter().any(|admin| *admin != user.employee_id);
        match (user.is_acting_admin(), others) {
            (false, _) => Rank::User,
            (true, true) => Rank::Admin,
            (true, false) => Rank::LastAdmin,
        }
    }

    /// The breaker of the user's source, if one of the holds quarantines it.
    fn breaker(&self, user: &User) -> Option<&Breaker> {
        match &user.origin {
            Origin::Source(source) => self.breakers.get(source),
            Origin::Manual => None,
        }
    }
}
