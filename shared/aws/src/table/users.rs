//! Users and their history.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use chrono::{DateTime, Utc};
use offramp_app::Fault;
use offramp_app::backoff::pauses;
use offramp_app::ports::{
    CardWrite, Commit, Committed, Deliveries, Histories, Loaded, Opening, Receipt,
    USERS_PER_DELIVERY, USERS_PER_READ, Users,
};
use offramp_domain::{
    Change, EmployeeId, Entry, Field, HrWord, Notice, OrgId, Origin, Pulse, SourceId, Status, User,
    roster,
};

use super::Table;
use super::addresses;
use super::admins;
use super::cards::{ALIVE, card_item};
use super::feeds::celebrated;
use super::item::{Item, StoredForm, key_map};
use super::transaction::{Expression, Parts};
use crate::fault::fault;
use crate::keys::{self, Key};

/// How long a receipt is kept, in seconds: a day.
const RECEIPT_SECONDS: i64 = 86_400;

impl Users for Table {
    async fn load_of(
        &self,
        org: &OrgId,
        source: Option<&SourceId>,
        ids: &[EmployeeId],
    ) -> Result<Loaded, Fault> {
        debug_assert!(ids.len() <= USERS_PER_READ);
        let (loaded, _) = self.load_with(org, source, ids, &[]).await?;
        Ok(loaded)
    }

    async fn one(&self, org: &OrgId, id: &EmployeeId) -> Result<Option<User>, Fault> {
        let item = self.get(&keys::user(org, id)).await?;
        item.map(|item| item.read_user()).transpose()
    }

    async fn commit(&self, org: &OrgId, commit: &Commit<'_>) -> Result<Committed, Fault> {
        let mut parts = Parts::default();
        for (place, change) in commit.changes.iter().enumerate() {
            let same = |other: &&Change| other.user.employee_id == change.user.employee_id;
            let after = commit
                .changes
                .iter()
                .skip(place + 1)
                .copied()
                .any(|other| same(&other));
            if !after {
                // Each user is written once, on the condition of the revision that their first change was decided on.
                let first = commit.changes.iter().copied().find(same);
                let base = first.map_or(change.base_rev, |first| first.base_rev);
                let makes_work = commit.changes.iter().any(|one| same(one) && one.makes_work);
                let item = user_item(org, &change.user, self.form)?;
                // The next write of the user has no `todo`, whatever function makes it. From then on the remaining work
                // is the timers'.
                let item = match makes_work && !commit.own_work {
                    true => item.number(keys::TODO, change.user.generation.0),
                    false => item,
                };
                parts.put(self, item, Some(unchanged(base)))?;
            }
            self.change(&mut parts, org, change)?;
        }
        for join in &commit.joins {
            self.join(&mut parts, org, join)?;
        }
        for write in &commit.cards {
            self.card(&mut parts, org, write)?;
        }
        for objective in &commit.objectives {
            self.put_objective(&mut parts, org, objective)?;
        }
        if let Some(receipt) = &commit.receipt {
            let at = commit
                .changes
                .first()
                .and_then(|change| change.entry.as_ref());
            parts.put(
                self,
                receipt_item(org, receipt, at.map(|entry| entry.at))?,
                Some(Expression::new("attribute_not_exists(pk)")),
            )?;
        }
        self.write(parts).await
    }
}

impl Deliveries for Table {
    async fn open_delivery(
        &self,
        org: &OrgId,
        source: &SourceId,
        ids: &[EmployeeId],
        pulse: bool,
    ) -> Result<Opening, Fault> {
        debug_assert!(ids.len() <= USERS_PER_DELIVERY);
        let own = keys::source(org, source);
        let mut beside = vec![own.clone()];
        beside.extend(pulse.then(|| keys::pulse(org, source)));
        let (loaded, others) = self.load_with(org, Some(source), ids, &beside).await?;
        let mut opening = Opening {
            source: None,
            pulse: pulse.then(Pulse::default),
            loaded,
        };
        for item in others {
            if item.key() == own {
                opening.source = Some(item.read()?);
            } else {
                opening.pulse = Some(item.read()?);
            }
        }
        Ok(opening)
    }
}

impl Table {
    /// The item of a user, for code that writes many users without the ports. It carries no condition.
    ///
    /// # Errors
    /// A fault if the user cannot be written as JSON, which does not happen.
    pub fn stored_user(
        &self,
        org: &OrgId,
        user: &User,
    ) -> Result<HashMap<String, AttributeValue>, Fault> {
        Ok(user_item(org, user, self.form)?.into())
    }

    /// The data for a decision, and the existing items under the keys of `beside`. It is one consistent batch read.
    pub(super) async fn load_with(
        &self,
        org: &OrgId,
        source: Option<&SourceId>,
        ids: &[EmployeeId],
        beside: &[Key],
    ) -> Result<(Loaded, Vec<Item>), Fault> {
        let mut wanted: Vec<Key> = ids.iter().map(|id| keys::user(org, id)).collect();
        wanted.sort_by(|a, b| a.pk.cmp(&b.pk));
        wanted.dedup();
        wanted.push(keys::settings(org));
        wanted.push(keys::admins(org));
        wanted.extend(source.map(|source| keys::breaker(org, source)));
        wanted.extend_from_slice(beside);
        let mut loaded = Loaded {
            breaker: source.map(|_| Arc::default()),
            ..Loaded::default()
        };
        let mut others = Vec::new();
        for item in self.batch_get(&wanted).await? {
            match item.get_text(keys::SK) {
                Some("SETTINGS") => loaded.policy = Arc::new(item.read()?),
                Some("B") => loaded.breaker = Some(Arc::new(item.read()?)),
                Some("ADMINS") => {
                    item.known()?;
                    let ids = item.get_texts("ids").iter().map(|id| {
                        EmployeeId::new(id.as_str())
                            .map_err(|error| Fault::corrupt("read", error.to_string()))
                    });
                    loaded.admins = Arc::new(ids.collect::<Result<_, _>>()?);
                    loaded.logins = Arc::new(admins::logins(&item)?);
                }
                _ if beside.contains(&item.key()) => others.push(item),
                _ => {
                    let user = item.read_user()?;
                    loaded.users.insert(user.employee_id.clone(), user);
                }
            }
        }
        // A release before logins drops them from a user that it writes, and leaves this item as it is.
        for user in loaded.users.values_mut().filter(|user| user.is_unbound()) {
            user.bound = loaded.logins.of(&user.employee_id);
        }
        Ok((loaded, others))
    }

    /// Adds every part that one change of a user writes.
    fn change(&self, parts: &mut Parts, org: &OrgId, change: &Change) -> Result<(), Fault> {
        let user = &change.user;
        if let Some(entry) = &change.entry {
            parts.put(self, entry_item(org, &user.employee_id, entry)?, None)?;
        }
        for notice in change.notice.iter().chain(&change.power) {
            parts.put(self, notice_item(org, notice)?, None)?;
        }
        if let Some(withdrawn) = &change.withdraw {
            parts.delete(self, &keys::notice(org, withdrawn), None)?;
        }
        if let Some(former) = &change.former {
            addresses::change(self, parts, org, &user.employee_id, former)?;
        }
        admins::change(self, parts, org, change)
    }

    fn card(&self, parts: &mut Parts, org: &OrgId, write: &CardWrite) -> Result<(), Fault> {
        match write {
            CardWrite::Add(card) => {
                let fresh = || Some(Expression::new("attribute_not_exists(pk)"));
                parts.put(self, card_item(org, card)?, fresh())?;
                let owner = Item::new(keys::card_owner(org, &card.card_id))
                    .text("owner", card.owner.as_str());
                parts.put(self, owner, fresh())?;
                if let Some(external) = &card.external_id {
                    let taken = Item::new(keys::card_external(org, external))
                        .text("card", card.card_id.as_str());
                    parts.put(self, taken, fresh())?;
                }
                Ok(())
            }
            CardWrite::Cancelled { owner, card } => {
                let cancel = Expression::new(
                    "SET #status = :cancelled, cancelling = :false REMOVE work_pk, work_sk",
                )
                .text(":cancelled", "cancelled")
                .flag(":false", false)
                .flag(":true", true);
                parts.update(
                    self,
                    &keys::card(org, owner, card),
                    cancel,
                    Some("cancelling = :true"),
                )
            }
            CardWrite::Status { card } => {
                let update = Expression::new("SET #status = :status")
                    .text(":status", card.status.as_str())
                    .text(":cancelled", "cancelled")
                    .flag(":true", true);
                parts.update(
                    self,
                    &keys::card(org, &card.owner, &card.card_id),
                    update,
                    Some(ALIVE),
                )
            }
            CardWrite::Give { card, from } => {
                let alive = Expression::new(ALIVE)
                    .text(":cancelled", "cancelled")
                    .flag(":true", true);
                parts.delete(self, &keys::card(org, from, &card.card_id), Some(alive))?;
                parts.put(self, card_item(org, card)?, None)?;
                let give = Expression::new("SET #owner = :to")
                    .text(":to", card.owner.as_str())
                    .text(":from", from.as_str());
                parts.update(
                    self,
                    &keys::card_owner(org, &card.card_id),
                    give,
                    Some("#owner = :from"),
                )
            }
        }
    }

    pub(super) async fn batch_get(&self, wanted: &[Key]) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::with_capacity(wanted.len());
        let mut ask: Vec<HashMap<String, AttributeValue>> = wanted.iter().map(key_map).collect();
        for pause in pauses() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(ask))
                .consistent_read(true)
                .build()
                .map_err(|error| Fault::corrupt("BatchGetItem", error.to_string()))?;
            let output = self
                .client
                .batch_get_item()
                .request_items(&self.name, request)
                .send()
                .await
                .map_err(|error| fault("dynamodb", "BatchGetItem", &error))?;
            let found = output
                .responses
                .and_then(|mut tables| tables.remove(&self.name));
            items.extend(found.unwrap_or_default().into_iter().map(Item::from));
            let left = output
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&self.name));
            match left {
                Some(left) if !left.keys().is_empty() => ask = left.keys().to_vec(),
                _ => return Ok(items),
            }
            pause.wait().await;
        }
        Err(Fault {
            service: "dynamodb",
            operation: "BatchGetItem",
            message: "keys were left unprocessed".to_owned(),
            retryable: true,
        })
    }
}

impl Histories for Table {
    async fn history(
        &self,
        org: &OrgId,
        id: &EmployeeId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let newest = before.map_or_else(
            || format!("{}~", keys::ENTRY),
            |before| keys::entry(org, id, before.saturating_sub(1)).sk,
        );
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", AttributeValue::S(keys::person(org, id)))
            .expression_attribute_values(":from", AttributeValue::S(keys::ENTRY.to_owned()))
            .expression_attribute_values(":to", AttributeValue::S(newest))
            .send()
            .await
            .map_err(|error| fault("dynamodb", "Query", &error))?;
        output
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| Item::from(item).read())
            .collect()
    }
}

/// The item of a stored answer to a request with an `Idempotency-Key`. It expires a day after `at`.
pub(super) fn receipt_item(
    org: &OrgId,
    receipt: &Receipt,
    at: Option<DateTime<Utc>>,
) -> Result<Item, Fault> {
    let expires = at.map_or(0, |at| at.timestamp() + RECEIPT_SECONDS);
    Ok(Item::new(keys::receipt(org, &receipt.key))
        .data(receipt)?
        .number(keys::EXPIRES, expires.unsigned_abs()))
}

/// The condition on the write of a user: the revision is still the one that was read, or the user does not exist.
fn unchanged(base_rev: Option<u64>) -> Expression {
    match base_rev {
        None => Expression::new("attribute_not_exists(pk)"),
        Some(rev) => Expression::new("rev = :rev").number(":rev", rev),
    }
}

/// The item of a user, with its index keys: status and name, address, id, roster, drift, leave date, due work and days.
pub(super) fn user_item(org: &OrgId, user: &User, form: StoredForm) -> Result<Item, Fault> {
    let id = &user.employee_id;
    let mut item = Item::new(keys::user(org, id))
        .number("rev", user.rev)
        .number("generation", user.generation.0)
        .flag("terminating", user.pending.cards)
        .flag("closing", user.pending.objectives)
        .user(user, form)?
        .indexed(keys::IDS, keys::ids(org, id));
    if user.look_alike.is_some() {
        // An export finds it. Lists, days and snapshots do not.
        return Ok(item);
    }
    item = item.indexed(
        keys::PEOPLE,
        keys::people(org, user.status(), user.get(Field::Name), id),
    );
    if let Some(email) = user.email() {
        item = item.indexed(keys::MAIL, keys::mail(org, &email.folded(), id));
    }
    if let Origin::Source(source) = &user.origin {
        item = item
            .indexed(keys::ROSTER, keys::roster(org, source, id))
            .bytes(keys::PRINT, roster::print(user));
    }
    if drifts(user) {
        item = item.indexed(keys::DRIFT, keys::drift(org, id));
    }
    if let Some((date, _)) = user.leave_date() {
        item = item.indexed(keys::LEAVING, keys::leaving(org, date, id));
    }
    if let Some(due) = user.work_due() {
        item = item.indexed(keys::WORK, keys::work(org, id.as_str(), due));
    }
    if let Some(reopening) = user.reopening {
        item = item.number("reopening", reopening.generation.0);
    }
    Ok(celebrated(org, user, item))
}

/// True if HR and the stored user may disagree. A scheduled user of the sync disagrees once an epoch has ended the
/// schedule.
fn drifts(user: &User) -> bool {
    match user.hr_word() {
        Some(HrWord::Active) => user.status() != Status::Active,
        Some(HrWord::Inactive | HrWord::Missing) => {
            matches!(
                user.status(),
                Status::Active | Status::DeactivationScheduled
            )
        }
        None => false,
    }
}

fn entry_item(org: &OrgId, id: &EmployeeId, entry: &Entry) -> Result<Item, Fault> {
    let what = format!("{id}#{}", entry.version);
    Ok(Item::new(keys::entry(org, id, entry.version))
        .data(entry)?
        .indexed(keys::AUDIT, keys::audit(org, entry.at, &what)))
}

/// The item of a notice. It is overdue from the time of its digest on.
pub(super) fn notice_item(org: &OrgId, notice: &Notice) -> Result<Item, Fault> {
    let key = notice.key();
    let whom = key
        .employee_id
        .as_ref()
        .map_or("", EmployeeId::as_str)
        .to_owned();
    let due = key.minute.fires_at();
    Ok(Item::new(keys::notice(org, &key))
        .data(notice)?
        .indexed(keys::WORK, keys::work(org, &whom, due)))
}

#[cfg(test)]
mod tests;
