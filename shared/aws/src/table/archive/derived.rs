//! The index keys of an imported item. A line's own are never taken: they could lead into another organisation's lists.
//! Each is made anew from the organisation of the import, the item's key and its data.

use chrono::{DateTime, Utc};
use offramp_app::Fault;
use offramp_app::ports::{Answer, Erasure, MachineEntry, PolicyEntry, Source, SourceEntry};
use offramp_domain::{Breaker, CardId, Entry, Hold, HoldState, Objective, OrgId, SourceId};

use super::super::item::Item;
use crate::keys::{self, Index, Key};

/// The indexes that an item is in, with its keys there.
pub(super) type Indexed = Result<Vec<(Index, Key)>, Fault>;

/// Every index of the table.
const INDEXES: [Index; 10] = [
    keys::WORK,
    keys::PEOPLE,
    keys::MAIL,
    keys::IDS,
    keys::LEAVING,
    keys::DRIFT,
    keys::ROSTER,
    keys::AUDIT,
    keys::BIRTHDAYS,
    keys::STARTS,
];

/// True for an attribute that is the key of an index.
pub(super) fn is_index_key(name: &str) -> bool {
    INDEXES
        .iter()
        .any(|index| index.pk == name || index.sk == name)
}

/// An item of a kind that no index has. A user is one as well: an import writes each user anew, with all of its keys.
pub(super) fn none(_: &OrgId, _: &Key, _: &Item, _: Option<&str>) -> Indexed {
    Ok(Vec::new())
}

fn audited(org: &OrgId, at: DateTime<Utc>, what: &str) -> Indexed {
    Ok(vec![(keys::AUDIT, keys::audit(org, at, what))])
}

pub(super) fn settings_entry(org: &OrgId, _: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let entry: PolicyEntry = item.read()?;
    audited(org, entry.at, &format!("settings#{}", entry.to.version))
}

pub(super) fn source_entry(org: &OrgId, _: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let entry: SourceEntry = item.read()?;
    let what = format!("source#{}#{}", entry.source, entry.version);
    audited(org, entry.at, &what)
}

pub(super) fn erasure(org: &OrgId, _: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let erasure: Erasure = item.read()?;
    let what = format!("{}{}", keys::ERASED, erasure.person);
    audited(org, erasure.at, &what)
}

pub(super) fn entry(org: &OrgId, key: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let entry: Entry = item.read()?;
    let (_, id) = keys::whose(&key.pk).ok_or_else(|| corrupt("an entry of nobody"))?;
    audited(org, entry.at, &format!("{id}#{}", entry.version))
}

pub(super) fn machine_entry(org: &OrgId, _: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let entry: MachineEntry = item.read()?;
    audited(org, entry.at, &keys::machine_change(entry.version))
}

pub(super) fn answer(org: &OrgId, _: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let answer: Answer = item.read()?;
    let what = format!("hold#{}#{}", answer.hold, answer.version);
    audited(org, answer.at, &what)
}

/// A card is work while it is being cancelled. Only the line says since when.
pub(super) fn card(org: &OrgId, key: &Key, item: &Item, since: Option<&str>) -> Indexed {
    let Some(since) = since.filter(|_| item.get_flag("cancelling")) else {
        return Ok(Vec::new());
    };
    let due = DateTime::parse_from_rfc3339(since)
        .map_err(|_| corrupt("work_sk is not an instant"))?
        .with_timezone(&Utc);
    let id = key.sk.strip_prefix(keys::CARD).unwrap_or_default();
    let id = CardId::new(id).map_err(|error| corrupt(&error.to_string()))?;
    Ok(vec![(keys::WORK, keys::work(org, id.as_str(), due))])
}

pub(super) fn objective(org: &OrgId, _: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let objective: Objective = item.read()?;
    let key = keys::open_objective(org, &objective.objective_id);
    let open = objective.is_open().then_some((keys::PEOPLE, key));
    Ok(open.into_iter().collect())
}

pub(super) fn breaker(org: &OrgId, key: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let breaker: Breaker = item.read()?;
    let (_, source): (_, SourceId) =
        keys::breaker_of(&key.pk).ok_or_else(|| corrupt("a breaker of no source"))?;
    let work = |at| (keys::WORK, keys::work(org, &format!("source#{source}"), at));
    Ok(breaker.look_at.map(work).into_iter().collect())
}

/// A source is work while it hands its people over.
pub(super) fn source(org: &OrgId, _: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let source: Source = item.read()?;
    let pending = source.handing_over.iter();
    let work = pending.map(|pending| keys::handing_over(org, &source.source, pending.since));
    Ok(work.map(|key| (keys::WORK, key)).collect())
}

pub(super) fn hold(org: &OrgId, _: &Key, item: &Item, _: Option<&str>) -> Indexed {
    let hold: Hold = item.read()?;
    let is_work = hold.state == HoldState::Open || !hold.unfinished.is_empty();
    let key = keys::work(org, hold.hold.as_str(), hold.opened_at);
    Ok(is_work.then_some((keys::WORK, key)).into_iter().collect())
}

fn corrupt(what: &str) -> Fault {
    Fault::corrupt("import", what)
}
