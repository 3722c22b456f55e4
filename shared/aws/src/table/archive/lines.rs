//! A stored item as a line of an export, and a line as an item.
//!
//! A line is `{"kind","pk","sk","v","attributes","data"}`. The keys do not contain the organisation, so that any
//! organisation can import the line. `attributes` are as stored; an import makes the keys of indexes anew. `data` is JSON, not text. A user is exported in the
//! first form whatever form is stored, so that earlier releases and other programs read the line.

use std::collections::HashMap;

use offramp_app::Fault;
use offramp_domain::OrgId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Stored;
use super::derived::is_index_key;
use super::kinds::{Leaves, USER, from_json, kind, to_json};
use crate::keys::{Key, PK, SK, WORK, organisation};
use crate::table::item::{COMPACT, DATA, FORM, Item, VERSION};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: String,
    pk: String,
    sk: String,
    v: u64,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

/// True for the partition key of an index whose partitions begin with the organisation. All indexes but `work` have
/// such partitions.
fn is_relative(name: &str) -> bool {
    name.ends_with("_pk") && name != crate::keys::WORK.pk
}

/// The line of an item, without secrets; `None` if an export leaves the item out.
pub(super) fn line(org: &OrgId, stored: &Stored) -> Result<Option<Value>, Fault> {
    let strip: fn(&mut Value) = match stored.kind.leaves {
        Leaves::Nothing => return Ok(None),
        Leaves::Whole => |_| {},
        Leaves::Without(strip) => strip,
    };
    let mut line = written(org, stored)?;
    if let Some(data) = line.get_mut("data") {
        strip(data);
    }
    Ok(Some(line))
}

/// The line of an item with its whole content.
pub(super) fn written(org: &OrgId, stored: &Stored) -> Result<Value, Fault> {
    let item = &stored.item;
    let corrupt = |what: &str| Fault::corrupt("export", what);
    let within = organisation(org);
    let relative = |text: &str| text.strip_prefix(&within).map(str::to_owned);
    let mut attributes = Map::new();
    for (name, value) in item.attributes() {
        if [PK, SK, VERSION, DATA].contains(&name.as_str()) {
            continue;
        }
        let mut value = to_json(value)?;
        if is_relative(name) {
            let text = value.as_str().and_then(relative);
            value = Value::String(text.ok_or_else(|| corrupt("an index key of another"))?);
        }
        attributes.insert(name.clone(), value);
    }
    let data = match item.form() {
        Some(COMPACT) if stored.kind.name == USER => Some(serde_json::to_value(item.read_user()?)),
        _ => {
            item.known()?;
            item.get_text(DATA).map(serde_json::from_str)
        }
    };
    let data = data
        .transpose()
        .map_err(|error| corrupt(&error.to_string()))?;
    let key = item.key();
    let line = Line {
        kind: stored.kind.name.to_owned(),
        pk: relative(&key.pk).ok_or_else(|| corrupt("a key of another"))?,
        sk: key.sk,
        v: FORM,
        attributes,
        data,
    };
    serde_json::to_value(&line).map_err(|error| corrupt(&error.to_string()))
}

/// The item of a line; `None` if an import does not restore it.
pub(super) fn parse(org: &OrgId, line: &Value) -> Result<Option<Stored>, String> {
    let stored = item(org, line)?;
    let returns = stored.kind.returns && !matches!(stored.kind.leaves, Leaves::Nothing);
    Ok(returns.then_some(stored))
}

/// The item of a line. The present code reads its content once, so that an unreadable line is refused now and not
/// later.
pub(super) fn item(org: &OrgId, line: &Value) -> Result<Stored, String> {
    let line = Line::deserialize(line).map_err(|error| error.to_string())?;
    let kind = kind(&line.pk, &line.sk)
        .filter(|kind| kind.name == line.kind)
        .ok_or_else(|| format!("there is no {} under these keys", line.kind))?;
    let newest = if kind.name == USER { COMPACT } else { FORM };
    if line.v == 0 || line.v > newest {
        return Err(format!("a {} of version {}", line.kind, line.v));
    }
    let within = organisation(org);
    let key = Key {
        pk: format!("{within}{}", line.pk),
        sk: line.sk,
    };
    let mut item = Item::new(key).number(VERSION, line.v);
    for (name, value) in &line.attributes {
        if [PK, SK, VERSION, DATA].contains(&name.as_str()) {
            return Err(format!("{name} is no attribute of a line"));
        }
        if is_index_key(name) {
            continue;
        }
        let value = from_json(value);
        let value = value.ok_or_else(|| format!("{name} cannot be stored"))?;
        item = item.with(name, value);
    }
    if let Some(data) = &line.data {
        item = item.text(DATA, data.to_string());
    }
    // The item is upgraded, as when it is read from the table.
    let item = Item::from(HashMap::from(item));
    (kind.read)(&item).map_err(|fault| fault.message)?;
    let since = line.attributes.get(WORK.sk).and_then(Value::as_str);
    let indexes = (kind.indexes)(org, &item.key(), &item, since).map_err(|fault| fault.message)?;
    let item = indexes
        .into_iter()
        .fold(item, |item, (index, key)| item.indexed(index, key));
    Ok(Stored { kind, item })
}
