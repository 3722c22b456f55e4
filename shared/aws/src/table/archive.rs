//! The archive: reads, exports, imports and erases all items of an organisation.
//!
//! The people of an organisation are found by the index `ids`. The items that hang on a card, an objective or a notice
//! are found by its key. Nothing scans the table. The index is eventually consistent and may miss a person who was
//! added a moment ago. So an erasure is complete only after a walk that finds nothing.

mod derived;
mod kinds;
mod lines;
#[cfg(test)]
mod tests;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::{Archive, Committed, Erasure, Import, Position, Stretch, Way};
use offramp_domain::{EmployeeId, OrgId, User};
use serde_json::Value;

use super::Table;
use super::admins;
use super::directory::{highest, lowest};
use super::item::Item;
use super::transaction::{Expression, Parts};
use super::users::user_item;
use crate::fault::fault;
use crate::keys::{self, IDS, Key, PK, SHARDS, SK};
use kinds::{Beside, Kind, kind_of, partitions};

/// How many people's partitions are read at once.
const PEOPLE_AT_ONCE: usize = 25;
/// How many items a page of a partition has.
const PAGE: i32 = 200;
/// A stretch ends after this many bytes, with the person or page that it has reached.
const STRETCH: usize = 1024 * 1024;
/// The most keys in a batch read, and the most items in a transaction.
const BATCH: usize = 100;

/// A stored item and its kind.
#[derive(Debug, Clone)]
pub struct Stored {
    kind: &'static Kind,
    item: Item,
}

impl Stored {
    fn key(&self) -> Key {
        self.item.key()
    }
}

/// A page of a partition, with the items that hang on it.
struct Page {
    items: Vec<Stored>,
    /// The last sort key of the page; `None` if nothing follows.
    next: Option<String>,
}

impl Archive for Table {
    type Item = Stored;

    async fn stretch(
        &self,
        org: &OrgId,
        from: &Position,
        way: Way,
    ) -> Result<Stretch<Stored>, Fault> {
        let own = partitions(org);
        let count = own.len();
        let people = usize::from(SHARDS);
        let (own_part, shard) = match way {
            Way::In => (Some(from.part), from.part.checked_sub(count)),
            Way::Out => (
                from.part
                    .checked_sub(people)
                    .and_then(|behind| (count - 1).checked_sub(behind)),
                Some(from.part).filter(|part| *part < people),
            ),
        };
        let mut stretch = match (shard, own_part.and_then(|part| own.get(part))) {
            (Some(shard), _) if shard < people => {
                let shard = u8::try_from(shard).unwrap_or(SHARDS);
                self.people_from(org, shard, from).await?
            }
            (_, Some(pk)) => {
                let page = self.page_of(org, pk, from.after.as_deref()).await?;
                Stretch {
                    items: page.items,
                    next: page.next.map(|after| Position {
                        after: Some(after),
                        ..from.clone()
                    }),
                }
            }
            _ => Stretch {
                items: Vec::new(),
                next: None,
            },
        };
        if stretch.next.is_none() && from.part + 1 < count + people {
            stretch.next = Some(Position {
                part: from.part + 1,
                ..Position::default()
            });
        }
        Ok(stretch)
    }

    async fn of_person(&self, org: &OrgId, id: &EmployeeId) -> Result<Vec<Stored>, Fault> {
        let mut items = self.page_of(org, &keys::person(org, id), None).await?.items;
        items.retain(|stored| stored.kind.name != kinds::USER);
        let notices = keys::notices_of(org, id);
        let named = self.all(&notices, "").await?;
        for item in named {
            if item.read::<offramp_domain::Notice>()?.employee_id.as_ref() == Some(id) {
                items.push(stored(org, item)?);
            }
        }
        Ok(items)
    }

    fn user(&self, item: &Stored) -> Result<Option<User>, Fault> {
        let is = item.kind.name == kinds::USER;
        is.then(|| item.item.read_user()).transpose()
    }

    fn line(&self, org: &OrgId, item: &Stored) -> Result<Option<Value>, Fault> {
        lines::line(org, item)
    }

    fn parse(&self, org: &OrgId, line: &Value) -> Result<Option<Stored>, String> {
        lines::parse(org, line)
    }

    fn item(&self, org: &OrgId, user: &User) -> Result<Stored, Fault> {
        stored(org, user_item(org, user, self.form)?)
    }

    async fn restore(&self, item: &Stored) -> Result<bool, Fault> {
        let mut parts = Parts::default();
        let fresh = Expression::new("attribute_not_exists(pk)");
        parts.put(self, item.item.clone(), Some(fresh))?;
        Ok(self.write(parts).await? == Committed::Done)
    }

    async fn silence(&self, org: &OrgId) -> Result<(), Fault> {
        let sources = self.all(&keys::organisation(org), keys::SOURCE).await?;
        let sources = sources.into_iter().map(|source| stored(org, source));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        // The items that hang on a source are found by the source alone, so they come first.
        let all = self.with_what_hangs_on(org, sources).await?;
        self.erase(&all).await
    }

    async fn erase(&self, items: &[Stored]) -> Result<(), Fault> {
        for chunk in items.chunks(BATCH) {
            let mut parts = Parts::default();
            for item in chunk {
                parts.delete(self, &item.key(), None)?;
            }
            // The deletion is unconditional, so no write can conflict with it.
            let _ = self.write(parts).await?;
        }
        Ok(())
    }

    async fn erase_of(
        &self,
        org: &OrgId,
        user: &User,
        items: &[Stored],
    ) -> Result<Committed, Fault> {
        for chunk in items.chunks(BATCH - 1) {
            let mut parts = Parts::default();
            parts.check(self, &keys::user(org, &user.employee_id), as_it_was(user))?;
            for item in chunk {
                parts.delete(self, &item.key(), None)?;
            }
            if self.write(parts).await? == Committed::Conflict {
                return Ok(Committed::Conflict);
            }
        }
        Ok(Committed::Done)
    }

    async fn erase_user(
        &self,
        org: &OrgId,
        user: &User,
        erasure: &Erasure,
    ) -> Result<Committed, Fault> {
        let mut parts = Parts::default();
        let key = keys::user(org, &user.employee_id);
        parts.delete(self, &key, Some(as_it_was(user)))?;
        if let Some(item) = self.get(&keys::admins(org)).await? {
            admins::forget(self, &mut parts, org, (&item, &user.employee_id))?;
        }
        let what = format!("{}{}", keys::ERASED, erasure.person);
        let kept = Item::new(keys::erasure(org, &erasure.person, erasure.at))
            .data(erasure)?
            .indexed(keys::AUDIT, keys::audit(org, erasure.at, &what));
        parts.put(self, kept, None)?;
        self.write(parts).await
    }

    async fn begin_import(&self, org: &OrgId, export: &str) -> Result<Import, Fault> {
        if let Some(import) = self.import_of(org, export).await? {
            return Ok(import);
        }
        if !self.is_empty(org).await? {
            return Ok(Import::Taken);
        }
        let mark = Item::new(keys::import(org))
            .text("export", export)
            .flag("ended", false);
        let mut parts = Parts::default();
        let fresh = Expression::new("attribute_not_exists(pk)");
        parts.put(self, mark, Some(fresh))?;
        match self.write(parts).await? {
            Committed::Done => Ok(Import::Open),
            // Another call came first, or this very call did and its answer was lost.
            Committed::Conflict => {
                let import = self.import_of(org, export).await?;
                Ok(import.unwrap_or(Import::Taken))
            }
        }
    }

    async fn end_import(&self, org: &OrgId, export: &str) -> Result<Committed, Fault> {
        let end = Expression::new("SET ended = :true")
            .flag(":true", true)
            .text(":export", export);
        let mut parts = Parts::default();
        let this = Some("#export = :export");
        parts.update(self, &keys::import(org), end, this)?;
        self.write(parts).await
    }
}

impl Table {
    /// The state of an import; `None` if the organisation has begun none.
    async fn import_of(&self, org: &OrgId, export: &str) -> Result<Option<Import>, Fault> {
        let Some(mark) = self.get(&keys::import(org)).await? else {
            return Ok(None);
        };
        mark.known()?;
        Ok(Some(match mark.get_text("export") == Some(export) {
            true if mark.get_flag("ended") => Import::Ended,
            true => Import::Open,
            false => Import::Taken,
        }))
    }

    /// True if nothing is stored of an organisation: no item of its own, and no person.
    async fn is_empty(&self, org: &OrgId) -> Result<bool, Fault> {
        for pk in partitions(org) {
            if !self.page_of(org, &pk, None).await?.items.is_empty() {
                return Ok(false);
            }
        }
        let shards = try_join_all((0..SHARDS).map(|shard| self.ids_from(org, shard, None))).await?;
        Ok(shards.iter().all(Vec::is_empty))
    }

    /// The next people of a shard of the index `ids`, with all of their items, until the stretch is full.
    async fn people_from(
        &self,
        org: &OrgId,
        shard: u8,
        from: &Position,
    ) -> Result<Stretch<Stored>, Fault> {
        // A person whose items were not read to the end comes first.
        let mut people = Vec::new();
        if let (Some(after), Some(_)) = (&from.after, &from.within)
            && let Some((_, id)) = after.rsplit_once(keys::UNIT)
        {
            let id =
                EmployeeId::new(id).map_err(|error| Fault::corrupt("read", error.to_string()))?;
            people.push((after.clone(), id, from.within.clone()));
        } else {
            let ids = self.ids_from(org, shard, from.after.as_deref()).await?;
            people.extend(ids.into_iter().map(|(sk, id)| (sk, id, None)));
        }
        let pages = try_join_all(people.iter().map(|(_, id, within)| async move {
            let pk = keys::person(org, id);
            self.page_of(org, &pk, within.as_deref()).await
        }))
        .await?;
        let mut stretch = Stretch {
            items: Vec::new(),
            next: None,
        };
        let mut bytes = 0;
        for ((sk, _, _), page) in people.into_iter().zip(pages) {
            bytes += page.items.iter().map(|one| one.item.size()).sum::<usize>();
            stretch.items.extend(page.items);
            let more = page.next.is_some();
            stretch.next = Some(Position {
                part: from.part,
                after: Some(sk),
                within: page.next,
            });
            if more || bytes > STRETCH {
                break;
            }
        }
        Ok(stretch)
    }

    /// The next ids of a shard of the index, with their sort keys in it.
    async fn ids_from(
        &self,
        org: &OrgId,
        shard: u8,
        after: Option<&str>,
    ) -> Result<Vec<(String, EmployeeId)>, Fault> {
        let from = after.map_or_else(|| lowest(""), |after| format!("{after}\u{0}"));
        let output = self
            .between(IDS, keys::ids_shard(org, shard), from, highest(""))
            .limit(i32::try_from(PEOPLE_AT_ONCE).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| fault("dynamodb", "Query", &error))?;
        let items = output.items.unwrap_or_default().into_iter();
        Ok(items
            .filter_map(|item| {
                let item = Item::from(item);
                let (_, id) = keys::whose(item.get_text(PK)?)?;
                Some((item.get_text(IDS.sk)?.to_owned(), id))
            })
            .collect())
    }

    /// A page of a partition. The items that hang on an item come before it. An erasure that dies in between leaves the
    /// item, through which the next one finds the rest.
    async fn page_of(&self, org: &OrgId, pk: &str, after: Option<&str>) -> Result<Page, Fault> {
        let (items, next) = self.after(pk, after).await?;
        let items: Vec<Stored> = items
            .into_iter()
            .map(|item| stored(org, item))
            .collect::<Result<_, _>>()?;
        let items = self.with_what_hangs_on(org, items).await?;
        Ok(Page { items, next })
    }

    /// The next items of a partition, and the last sort key if more items follow.
    async fn after(
        &self,
        pk: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Item>, Option<String>), Fault> {
        // A sort key is never empty.
        let from = after.map_or_else(|| "\u{1}".to_owned(), |after| format!("{after}\u{0}"));
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .limit(PAGE)
            .key_condition_expression("pk = :pk AND sk >= :from")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .send()
            .await
            .map_err(|error| fault("dynamodb", "Query", &error))?;
        let next = output.last_evaluated_key.and_then(|key| {
            let sk = key.get(SK)?.as_s().ok()?;
            Some(sk.clone())
        });
        let items = output.items.unwrap_or_default().into_iter();
        Ok((items.map(Item::from).collect(), next))
    }

    pub(super) async fn whole_of(&self, pk: &str) -> Result<Vec<Item>, Fault> {
        let (mut items, mut next) = self.after(pk, None).await?;
        while let Some(after) = next {
            let more;
            (more, next) = self.after(pk, Some(&after)).await?;
            items.extend(more);
        }
        Ok(items)
    }

    async fn with_what_hangs_on(
        &self,
        org: &OrgId,
        items: Vec<Stored>,
    ) -> Result<Vec<Stored>, Fault> {
        if items.is_empty() {
            return Ok(items);
        }
        let mut wanted = Vec::new();
        let mut found = Vec::new();
        for stored in &items {
            match stored.kind.beside {
                Beside::Nothing => {}
                Beside::Items(keys) => {
                    let key = stored.key();
                    let rest = key.sk.strip_prefix(stored.kind.sk).unwrap_or_default();
                    wanted.extend(keys(org, &stored.item, rest));
                }
                Beside::Partitions(partitions) => {
                    for pk in partitions(org, &stored.item) {
                        found.extend(self.whole_of(&pk).await?);
                    }
                }
            }
        }
        for chunk in wanted.chunks(BATCH) {
            found.extend(self.batch_get(chunk).await?);
        }
        // One digest has many notices, so its messages are found more than once.
        found.sort_by_key(|item| (item.key().pk, item.key().sk));
        found.dedup_by_key(|item| (item.key().pk, item.key().sk));
        let found = found.into_iter().map(|item| stored(org, item));
        let found = found.collect::<Result<_, _>>()?;
        // A page hangs on its snapshot, which hangs on its source.
        let mut all = Box::pin(self.with_what_hangs_on(org, found)).await?;
        all.extend(items);
        Ok(all)
    }
}

fn stored(org: &OrgId, item: Item) -> Result<Stored, Fault> {
    let kind = kind_of(org, &item.key())?;
    Ok(Stored { kind, item })
}

/// The condition that the user was not written since.
fn as_it_was(user: &User) -> Expression {
    Expression::new("rev = :rev").number(":rev", user.rev)
}
