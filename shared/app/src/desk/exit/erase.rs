//! Erases one person with all of their data, or an organisation with all of its people.
//!
//! The user's item is deleted last. So if a run dies, the next run still finds the person and continues.

use offramp_domain::{Access, Actor, Card, EmployeeId, Lifecycle, OrgId, User, hex};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::STEP_TIME;
use crate::backoff::until_won;
use crate::engine::commit::disarm_all;
use crate::ports::{Archive, Cards, Committed, Erasure, Position, Users, Way};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// How many bytes of the hash stand for an erased person.
const PERSON_BYTES: usize = 16;

/// The result of a step.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ErasedPerson {
    /// The hash that stands for the person in the audit.
    pub person: String,
    /// How many items this step deleted.
    pub erased: usize,
    /// True if nothing is left. Otherwise the step is requested again.
    pub done: bool,
}

/// Erases a person who has left: cards, history, objectives, unsent notices, and the user. The audit keeps only the
/// fact of the erasure. An unknown person counts as erased.
///
/// # Errors
/// [`Error::NotErasable`] if the person has access or is in the grace period, or if their deactivation is not finished
/// or a card is alive. A fault, after which the step is requested again.
pub async fn person<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    by: &Actor,
    deadline: Deadline,
) -> Result<ErasedPerson>
where
    P::Store: Users + Cards + Archive,
{
    let mut done = ErasedPerson {
        person: hash(tenant.org, id),
        erased: 0,
        done: false,
    };
    while deadline.leaves(STEP_TIME) {
        match until_won(|| batch(tenant, id, by, &done.person)).await? {
            Some(erased) => done.erased += erased,
            None => {
                done.done = true;
                break;
            }
        }
    }
    Ok(done)
}

/// Erases one batch of a person's items, or the user if no other item is left. Returns how many items were erased, or
/// `Some(None)` if no user has that id. `None` means that another write came first.
async fn batch<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    by: &Actor,
    person: &str,
) -> Result<Option<Option<usize>>>
where
    P::Store: Users + Cards + Archive,
{
    let mut loaded = tenant
        .store
        .load_of(tenant.org, None, std::slice::from_ref(id))
        .await?;
    let Some(user) = loaded.users.remove(id) else {
        return Ok(Some(None));
    };
    erasable(&user, &user.as_of(&loaded.policy))?;
    let cards = tenant.store.cards_of(tenant.org, id).await?;
    if cards.iter().any(Card::is_alive) {
        return Err(Error::NotErasable("a card is alive"));
    }
    let items = tenant.store.of_person(tenant.org, id).await?;
    let committed = if items.is_empty() {
        // The timers are deleted before the user, unlike elsewhere: without the user nobody knows their names. A leave
        // date is also the sweep's work.
        disarm_all(&tenant.timers, &user.timers(tenant.org)).await;
        let erasure = Erasure {
            at: tenant.clock.now(),
            by: by.clone(),
            person: person.to_owned(),
        };
        tenant.store.erase_user(tenant.org, &user, &erasure).await?
    } else {
        tenant.store.erase_of(tenant.org, &user, &items).await?
    };
    Ok((committed == Committed::Done).then(|| Some(items.len().max(1))))
}

fn erasable(stored: &User, settled: &User) -> Result<()> {
    let reason = match settled.lifecycle() {
        _ if settled.access() == Access::Granted => {
            "they have access: deactivate or delete them first"
        }
        Lifecycle::Scheduled(_) => {
            "they are in their grace period: deactivate or delete them first"
        }
        _ if !stored.pending.is_done() || stored.reopening.is_some() => {
            "their deactivation is not finished: try again in some minutes"
        }
        _ => return Ok(()),
    };
    Err(Error::NotErasable(reason))
}

/// A hash that stands for a person. A reader who knows the id can recognise it, but cannot read the id from it.
fn hash(org: &OrgId, id: &EmployeeId) -> String {
    let mut hash = Context::new(&SHA256);
    for part in [org.as_str(), id.as_str()] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hash.finish();
    let bytes = hash.as_ref();
    hex(bytes.get(..PERSON_BYTES).unwrap_or(bytes))
}

/// The treatment of cards that are not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveCards {
    /// Nothing is erased while such a card exists.
    #[default]
    Refuse,
    /// The cards stay alive at the issuer, and another system takes care of them.
    Leave,
}

/// The result of a step of an organisation's erasure.
#[derive(Debug, Serialize)]
pub struct Erasing {
    /// How many items this step deleted.
    pub erased: usize,
    /// The position for the next step; `None` once a whole walk has found nothing.
    pub next: Option<At>,
}

/// The position of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum At {
    /// Nothing is erased yet: a walk looks for cards that are not cancelled.
    Looking(Position),
    /// A walk erases.
    Erasing {
        /// The position of the walk.
        position: Position,
        /// True if the walk has found an item so far.
        found: bool,
    },
}

/// The next step of erasing an organisation: people first, the organisation's own items last. The index of people is
/// eventually consistent, so the erasure continues until a whole walk has found nothing.
///
/// # Errors
/// [`Error::NotErasable`] if a person has a card that is not cancelled. A fault, after which the step is requested
/// again.
pub async fn organisation<P: Ports>(
    tenant: &Tenant<'_, P>,
    cards: LiveCards,
    from: Option<At>,
    deadline: Deadline,
) -> Result<Erasing>
where
    P::Store: Archive,
{
    let mut at = from.unwrap_or_else(|| match cards {
        LiveCards::Refuse => At::Looking(Position::default()),
        LiveCards::Leave => begin(),
    });
    let mut erased = 0;
    while deadline.leaves(STEP_TIME) {
        let (position, erasing) = match &at {
            At::Looking(position) => (position, None),
            At::Erasing { position, found } => (position, Some(*found)),
        };
        let stretch = tenant.store.stretch(tenant.org, position, Way::Out).await?;
        let mut users = Vec::new();
        for item in &stretch.items {
            users.extend(tenant.store.user(item)?);
        }
        if cards == LiveCards::Refuse && users.iter().any(|user| user.active_cards > 0) {
            return Err(Error::NotErasable("somebody has a card that is alive"));
        }
        let Some(found) = erasing else {
            at = stretch.next.map_or_else(begin, At::Looking);
            continue;
        };
        if *position == Position::default() {
            tenant.store.silence(tenant.org).await?;
        }
        for user in &users {
            disarm_all(&tenant.timers, &user.timers(tenant.org)).await;
        }
        tenant.store.erase(&stretch.items).await?;
        erased += stretch.items.len();
        let found = found || !stretch.items.is_empty();
        at = match stretch.next {
            Some(position) => At::Erasing { position, found },
            None if found => begin(),
            None => return Ok(Erasing { erased, next: None }),
        };
    }
    Ok(Erasing {
        erased,
        next: Some(at),
    })
}

fn begin() -> At {
    At::Erasing {
        position: Position::default(),
        found: false,
    }
}
