//! Objectives.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::{
    Board, Committed, Fence, OBJECTIVES_PER_READ, OBJECTIVES_PER_WRITE, Objectives, Page, Receipt,
};
use offramp_domain::{EmployeeId, Generation, Objective, ObjectiveId, OrgId};

use super::Table;
use super::item::Item;
use super::transaction::{Expression, Parts};
use super::users::receipt_item;
use crate::fault::fault;
use crate::keys::{self, Key, PK, SHARDS, SK};

/// Sorts after every id.
const LAST: char = '~';

impl Objectives for Table {
    async fn objectives_of(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
    ) -> Result<Vec<Objective>, Fault> {
        let items = self.all(&keys::person(org, owner), keys::OBJECTIVE).await?;
        items.iter().map(Item::read).collect()
    }

    async fn objectives_after(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        after: Option<&ObjectiveId>,
        limit: usize,
    ) -> Result<Vec<Objective>, Fault> {
        let from = match after {
            // The lowest sort key after this one.
            Some(after) => format!("{}\u{0}", keys::objective(org, owner, after).sk),
            None => keys::OBJECTIVE.to_owned(),
        };
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", AttributeValue::S(keys::person(org, owner)))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .expression_attribute_values(
                ":to",
                AttributeValue::S(format!("{}{LAST}", keys::OBJECTIVE)),
            )
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

    async fn objective(
        &self,
        org: &OrgId,
        objective: &ObjectiveId,
    ) -> Result<Option<Objective>, Fault> {
        let Some(owner) = self.get(&keys::objective_owner(org, objective)).await? else {
            return Ok(None);
        };
        let owner = owner.get_text("owner").unwrap_or_default().to_owned();
        let owner =
            EmployeeId::new(owner).map_err(|error| Fault::corrupt("read", error.to_string()))?;
        self.get(&keys::objective(org, &owner, objective))
            .await?
            .map(|item| item.read())
            .transpose()
    }

    async fn add_objective(
        &self,
        org: &OrgId,
        objective: &Objective,
        owner: Generation,
        receipt: Option<(&Receipt, DateTime<Utc>)>,
    ) -> Result<Committed, Fault> {
        let mut parts = Parts::default();
        let fresh = || Some(Expression::new("attribute_not_exists(pk)"));
        self.fence(&mut parts, org, &objective.owner, Fence::Owner(owner))?;
        parts.put(self, objective_item(org, objective)?, fresh())?;
        let locator = Item::new(keys::objective_owner(org, &objective.objective_id))
            .text("owner", objective.owner.as_str());
        parts.put(self, locator, fresh())?;
        if let Some((receipt, at)) = receipt {
            parts.put(self, receipt_item(org, receipt, Some(at))?, fresh())?;
        }
        self.write(parts).await
    }

    async fn put_objectives(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        objectives: &[Objective],
        fence: Fence,
    ) -> Result<Committed, Fault> {
        debug_assert!(objectives.len() <= OBJECTIVES_PER_WRITE);
        let mut parts = Parts::default();
        self.fence(&mut parts, org, owner, fence)?;
        for objective in objectives {
            self.put_objective(&mut parts, org, objective)?;
        }
        self.write(parts).await
    }

    async fn remove_objective(
        &self,
        org: &OrgId,
        objective: &Objective,
    ) -> Result<Committed, Fault> {
        let mut parts = Parts::default();
        let id = &objective.objective_id;
        let unchanged = Expression::new("rev = :rev").number(":rev", objective.rev);
        let key = keys::objective(org, &objective.owner, id);
        parts.delete(self, &key, Some(unchanged))?;
        parts.delete(self, &keys::objective_owner(org, id), None)?;
        self.write(parts).await
    }
}

impl Table {
    /// A changed objective, conditional on the version before.
    pub(super) fn put_objective(
        &self,
        parts: &mut Parts,
        org: &OrgId,
        objective: &Objective,
    ) -> Result<(), Fault> {
        let before = Expression::new("rev = :rev").number(":rev", objective.rev - 1);
        parts.put(self, objective_item(org, objective)?, Some(before))
    }

    /// Adds the condition on the owner to the same transaction.
    fn fence(
        &self,
        parts: &mut Parts,
        org: &OrgId,
        owner: &EmployeeId,
        fence: Fence,
    ) -> Result<(), Fault> {
        let condition = match fence {
            Fence::None => return Ok(()),
            Fence::Owner(generation) => {
                Expression::new("generation = :generation").number(":generation", generation.0)
            }
            Fence::Closing(generation) => {
                Expression::new("generation = :generation AND closing = :true")
                    .number(":generation", generation.0)
                    .flag(":true", true)
            }
            Fence::Reopening(generation) => {
                Expression::new("reopening = :generation").number(":generation", generation.0)
            }
        };
        parts.check(self, &keys::user(org, owner), condition)
    }
}

impl Board for Table {
    async fn open_objectives(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(EmployeeId, ObjectiveId)>, Fault> {
        // A sort key is never empty.
        let from = after.map_or_else(|| "\u{1}".to_owned(), |after| format!("{after}\u{0}"));
        let ask = i32::try_from(limit + 1).unwrap_or(i32::MAX);
        let shards = try_join_all((0..SHARDS).map(|shard| {
            let pk = keys::board_shard(org, shard);
            let query = self.between(keys::PEOPLE, pk, from.clone(), LAST.to_string());
            async move {
                let output = query
                    .limit(ask)
                    .send()
                    .await
                    .map_err(|error| fault("dynamodb", "Query", &error))?;
                Ok::<_, Fault>(output.items.unwrap_or_default())
            }
        }))
        .await?;
        let mut found: Vec<(ObjectiveId, EmployeeId)> = shards
            .into_iter()
            .flatten()
            .filter_map(|item| found(&Item::from(item)))
            .collect();
        found.sort();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(id, _)| id.to_string());
        Ok(Page {
            items: found.into_iter().map(|(id, owner)| (owner, id)).collect(),
            next,
        })
    }

    async fn objectives(
        &self,
        org: &OrgId,
        ids: &[(EmployeeId, ObjectiveId)],
    ) -> Result<Vec<Objective>, Fault> {
        debug_assert!(ids.len() <= OBJECTIVES_PER_READ);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<Key> = ids
            .iter()
            .map(|(owner, id)| keys::objective(org, owner, id))
            .collect();
        let items = self.batch_get(&wanted).await?;
        items.iter().map(Item::read).collect()
    }
}

/// The objective of an entry of the index and its owner, derived from its keys.
fn found(item: &Item) -> Option<(ObjectiveId, EmployeeId)> {
    let (_, owner) = keys::whose(item.get_text(PK)?)?;
    let id = item.get_text(SK)?.strip_prefix(keys::OBJECTIVE)?;
    Some((ObjectiveId::new(id).ok()?, owner))
}

/// The item of an objective. While the objective is open it has an index key, so that the dashboard finds it.
fn objective_item(org: &OrgId, objective: &Objective) -> Result<Item, Fault> {
    let id = &objective.objective_id;
    let item = Item::new(keys::objective(org, &objective.owner, id))
        .number("rev", objective.rev)
        .data(objective)?;
    Ok(if objective.is_open() {
        item.indexed(keys::PEOPLE, keys::open_objective(org, id))
    } else {
        item
    })
}
