//! The kinds of items of the table, one row each. An item without a row makes an export, an import or an erasure fail.
//! So a new kind of item needs a new row.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offramp_app::Fault;
use offramp_app::ports::{
    Answer, Attempts, Confirmation, Erasure, MachineEntry, Machines, PolicyEntry, ROSTER_SHARDS,
    Receipt, Rejection, Source, SourceEntry, snapshots,
};
use offramp_domain::{
    Breaker, Card, CardId, CompactUser, Counted, EmployeeId, Entry, Grant, Hold, HoldId, Invited,
    Notice, Objective, ObjectiveId, OrgId, Policy, Pulse, Refusals, Roll, Run, Snapshot,
    SnapshotId, SnapshotQueue, SourceId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::addresses;
use super::super::admins::LOGIN;
use super::super::item::{COMPACT, Item};
use super::derived::{self, Indexed};
use crate::keys::{self, Key};

/// The name under which a line has bytes, in Base64.
const BYTES: &str = "base64";

/// A kind of item.
#[derive(Debug)]
pub(super) struct Kind {
    /// The name in exports.
    pub(super) name: &'static str,
    /// The part of the partition key after the organisation. If it ends in `#`, it is the beginning of a longer key.
    pub(super) pk: &'static str,
    /// The sort key. If it ends in `#` or is empty, it is the beginning of a sort key.
    pub(super) sk: &'static str,
    /// The part of an item that an export contains.
    pub(super) leaves: Leaves,
    /// True if an import restores the item.
    pub(super) returns: bool,
    /// The other items that hang on an item of this kind.
    pub(super) beside: Beside,
    /// The keys of an imported item in the indexes. The last argument is the line's own sort key in the index of work,
    /// which says since when a card is being cancelled, and is believed for nothing else.
    pub(super) indexes: fn(&OrgId, &Key, &Item, Option<&str>) -> Indexed,
    /// Reads the content that the present code uses.
    pub(super) read: fn(&Item) -> Result<Value, Fault>,
}

/// The part of an item that an export contains.
#[derive(Debug)]
pub(super) enum Leaves {
    /// The whole item.
    Whole,
    /// The item without its secrets.
    Without(fn(&mut Value)),
    /// Nothing, because the item expires soon or has a meaning only in this stack.
    Nothing,
}

/// The items that hang on an item: they are found through it alone.
#[derive(Debug)]
pub(super) enum Beside {
    /// No items.
    Nothing,
    /// The items with these keys. The function gets the organisation, the item, and the part of the sort key after its fixed
    /// beginning.
    Items(fn(&OrgId, &Item, &str) -> Vec<Key>),
    /// All items in the partitions with these keys.
    Partitions(fn(&OrgId, &Item) -> Vec<String>),
}

/// The values that most kinds share.
const PLAIN: Kind = Kind {
    name: "",
    pk: "",
    sk: "",
    leaves: Leaves::Whole,
    returns: true,
    beside: Beside::Nothing,
    indexes: derived::none,
    read: data::<Value>,
};

/// Every kind.
#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "settings", sk: "SETTINGS", read: data::<Policy>, ..PLAIN },
    Kind { name: "settings_entry", sk: "S#", indexes: derived::settings_entry, read: data::<PolicyEntry>, ..PLAIN },
    Kind { name: "admins", sk: "ADMINS", beside: Beside::Partitions(of_admins), read: ids, ..PLAIN },
    Kind { name: "machines", sk: "MACHINES", read: data::<Machines>, ..PLAIN },
    Kind { name: "machine_entry", sk: keys::MACHINE_ENTRY, indexes: derived::machine_entry, read: data::<MachineEntry>, ..PLAIN },
    Kind { name: "source", sk: keys::SOURCE, leaves: Leaves::Without(secrets), beside: Beside::Partitions(of_source), indexes: derived::source, read: data::<Source>, ..PLAIN },
    Kind { name: "source_entry", sk: keys::SOURCE_ENTRY, indexes: derived::source_entry, read: data::<SourceEntry>, ..PLAIN },
    Kind { name: "erasure", sk: keys::ERASED, indexes: derived::erasure, read: data::<Erasure>, ..PLAIN },
    Kind { name: "confirmation", sk: "CONFIRM#", leaves: Leaves::Nothing, read: data::<Confirmation>, ..PLAIN },
    // What this stack's sweep has tried.
    Kind { name: "attempts", sk: keys::ATTEMPTS, leaves: Leaves::Nothing, read: data::<Attempts>, ..PLAIN },
    Kind { name: "import", sk: "IMPORT", leaves: Leaves::Nothing, read: import, ..PLAIN },
    Kind { name: "entry", pk: PERSON, sk: keys::ENTRY, indexes: derived::entry, read: data::<Entry>, ..PLAIN },
    Kind { name: "card", pk: PERSON, sk: keys::CARD, beside: Beside::Items(of_card), indexes: derived::card, read: data::<Card>, ..PLAIN },
    Kind { name: "card_owner", pk: "#C#", sk: "C", read: owner, ..PLAIN },
    Kind { name: "card_external", pk: "#X#", sk: "X", read: external, ..PLAIN },
    Kind { name: "ledger", pk: "#L#", sk: "L", read: ledger, ..PLAIN },
    Kind { name: "objective", pk: PERSON, sk: keys::OBJECTIVE, beside: Beside::Items(of_objective), indexes: derived::objective, read: data::<Objective>, ..PLAIN },
    Kind { name: "objective_owner", pk: "#J#", sk: "J", read: owner, ..PLAIN },
    Kind { name: "former_address", pk: PERSON, sk: keys::FORMER_ADDRESS, beside: Beside::Items(of_address), read: nothing, ..PLAIN },
    Kind { name: "former_holder", pk: "#FORMER#", read: former_holder, ..PLAIN },
    Kind { name: USER, pk: PERSON, sk: "U", read: user, ..PLAIN },
    // A notice is mailed where it arose, so an import restores no notices and mails nobody.
    Kind { name: "notice", pk: "#N#", returns: false, beside: Beside::Partitions(messages), read: data::<Notice>, ..PLAIN },
    // An organisation that is imported has invited nobody here, and an import invites nobody.
    Kind { name: "invited", pk: "#D#invites", sk: keys::INVITED, leaves: Leaves::Nothing, read: data::<Invited>, ..PLAIN },
    Kind { name: "grant", pk: "#D#invites", sk: keys::GRANT, leaves: Leaves::Nothing, read: data::<Grant>, ..PLAIN },
    Kind { name: "message", pk: "#D#", leaves: Leaves::Nothing, read: message, ..PLAIN },
    Kind { name: "breaker", pk: "#B#", sk: "B", indexes: derived::breaker, read: data::<Breaker>, ..PLAIN },
    // A pulse, the counts of a source in observation, and of whom admins were told, have a meaning only in this stack.
    // Rejections expire within a month.
    Kind { name: "pulse", pk: "#B#", sk: "PULSE", leaves: Leaves::Nothing, read: data::<Pulse>, ..PLAIN },
    Kind { name: "would", pk: "#B#", sk: "WOULD", leaves: Leaves::Nothing, read: would, ..PLAIN },
    Kind { name: "refusals", pk: "#B#", sk: "REFUSED", leaves: Leaves::Nothing, read: data::<Refusals>, ..PLAIN },
    Kind { name: "rejections", pk: "#REJECTED#", leaves: Leaves::Nothing, read: data::<Vec<Rejection>>, ..PLAIN },
    Kind { name: "hold", pk: "#HOLDS", beside: Beside::Partitions(of_hold), indexes: derived::hold, read: data::<Hold>, ..PLAIN },
    Kind { name: "answer", pk: "#HOLD#", sk: keys::ANSWER, indexes: derived::answer, read: data::<Answer>, ..PLAIN },
    Kind { name: "run", pk: "#RUNS", beside: Beside::Partitions(of_run), read: data::<Run>, ..PLAIN },
    Kind { name: "roll", pk: "#ROLL#", sk: keys::ROLL, read: data::<Roll>, ..PLAIN },
    // Snapshots expire within a week, and the source sends new ones.
    Kind { name: "line", pk: "#S#", sk: "LINE", leaves: Leaves::Nothing, read: data::<SnapshotQueue>, ..PLAIN },
    Kind { name: "snapshot", pk: "#S#", leaves: Leaves::Nothing, beside: Beside::Partitions(of_snapshot), read: data::<Snapshot>, ..PLAIN },
    Kind { name: "counted", pk: "#SN#", sk: keys::COUNTED, leaves: Leaves::Nothing, read: data::<Vec<(EmployeeId, Counted)>>, ..PLAIN },
    Kind { name: "page", pk: "#SN#", sk: keys::CHUNK, leaves: Leaves::Nothing, read: page, ..PLAIN },
    Kind { name: "receipt", pk: "#R#", sk: "R", leaves: Leaves::Nothing, read: data::<Receipt>, ..PLAIN },
];

/// The name of the kind of users.
pub(super) const USER: &str = "user";
const PERSON: &str = "#U#";

/// The partitions that belong to an organisation and to no person in it, in the order of an import.
pub(super) fn partitions(org: &OrgId) -> Vec<String> {
    let notices = (0..keys::SHARDS).map(|shard| keys::notices(org, shard));
    [keys::organisation(org), keys::holds(org), keys::runs(org)]
        .into_iter()
        .chain(notices)
        .collect()
}

/// The kind of an item.
pub(super) fn kind_of(org: &OrgId, key: &Key) -> Result<&'static Kind, Fault> {
    let within = key.pk.strip_prefix(&keys::organisation(org));
    within
        .and_then(|pk| kind(pk, &key.sk))
        .ok_or_else(|| Fault::corrupt("read", "an item of no known kind"))
}

/// The kind of an item, by the part of its key after the organisation.
pub(super) fn kind(pk: &str, sk: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| {
        let partition = match kind.pk.ends_with('#') {
            true => pk.len() > kind.pk.len() && pk.starts_with(kind.pk),
            false => pk == kind.pk,
        };
        partition && begins(sk, kind.sk)
    })
}

fn begins(text: &str, with: &str) -> bool {
    match with.is_empty() || with.ends_with('#') {
        true => text.starts_with(with),
        false => text == with,
    }
}

fn data<T: Serialize + DeserializeOwned>(item: &Item) -> Result<Value, Fault> {
    let value: T = item.read()?;
    serde_json::to_value(value).map_err(|error| Fault::corrupt("read", error.to_string()))
}

/// A user in the form that it is stored in.
fn user(item: &Item) -> Result<Value, Fault> {
    let user = item.read_user()?;
    let value = match item.form() {
        Some(COMPACT) => serde_json::to_value(CompactUser::from(&user)),
        _ => serde_json::to_value(&user),
    };
    value.map_err(|error| Fault::corrupt("read", error.to_string()))
}

fn ids(item: &Item) -> Result<Value, Fault> {
    item.known()?;
    let logins: BTreeMap<_, _> = item.texts_below(LOGIN).collect();
    Ok(json!({ "ids": item.get_texts("ids"), "logins": logins }))
}

fn owner(item: &Item) -> Result<Value, Fault> {
    texts(item, &["owner"])
}

fn external(item: &Item) -> Result<Value, Fault> {
    texts(item, &["card"])
}

fn ledger(item: &Item) -> Result<Value, Fault> {
    texts(item, &["state", "idempotency_key"])
}

/// An item that says by its key alone what it says.
fn nothing(item: &Item) -> Result<Value, Fault> {
    texts(item, &[])
}

fn former_holder(item: &Item) -> Result<Value, Fault> {
    addresses::had(item)?;
    texts(item, &["since", "until"])
}

fn message(item: &Item) -> Result<Value, Fault> {
    texts(item, &["holder", "settled"])
}

fn import(item: &Item) -> Result<Value, Fault> {
    texts(item, &["export"])
}

fn would(item: &Item) -> Result<Value, Fault> {
    texts(item, &["last_snapshot"])
}

fn texts(item: &Item, names: &[&str]) -> Result<Value, Fault> {
    item.known()?;
    let there = names.iter().filter_map(|name| {
        let text = item.get_text(name)?;
        Some(((*name).to_owned(), json!(text)))
    });
    Ok(Value::Object(there.collect()))
}

/// Sealed secrets are bound to the KMS key of this stack, so they are left out.
fn secrets(source: &mut Value) {
    source["secrets"] = json!([]);
}

fn of_card(org: &OrgId, item: &Item, id: &str) -> Vec<Key> {
    let card = CardId::new(id).ok();
    let keys = card.map(|card| [keys::card_owner(org, &card), keys::ledger(org, &card)]);
    let external = item.read::<Card>().ok().and_then(|card| card.external_id);
    let external = external.map(|id| keys::card_external(org, &id));
    keys.into_iter().flatten().chain(external).collect()
}

fn of_objective(org: &OrgId, _: &Item, id: &str) -> Vec<Key> {
    let objective = ObjectiveId::new(id).ok();
    let key = objective.map(|objective| keys::objective_owner(org, &objective));
    key.into_iter().collect()
}

/// The item that says when the person of a partition had an address.
fn of_address(org: &OrgId, item: &Item, hash: &str) -> Vec<Key> {
    let whose = keys::whose(&item.key().pk);
    let key = whose.map(|(_, id)| keys::former_holder(org, hash, &id));
    key.into_iter().collect()
}

/// The partition of an organisation's invitations. Its admins are the one item that every organisation with a notice has.
fn of_admins(org: &OrgId, _: &Item) -> Vec<String> {
    vec![keys::invitations(org)]
}

/// The messages of the digest that contains a notice.
fn messages(org: &OrgId, notice: &Item) -> Vec<String> {
    let digest = notice.get_text("digest");
    digest
        .map(|digest| keys::messages(org, digest))
        .into_iter()
        .collect()
}

/// The partitions of a source's breaker and pulse, its snapshots, and its rejections.
fn of_source(org: &OrgId, source: &Item) -> Vec<String> {
    let id = source.key().sk;
    let id = id.strip_prefix(keys::SOURCE).map(SourceId::new);
    match id {
        Some(Ok(id)) => vec![
            keys::breaker(org, &id).pk,
            keys::line(org, &id).pk,
            keys::rejections(org, &id),
        ],
        _ => Vec::new(),
    }
}

/// The partitions of a hold's answers and roll.
fn of_hold(org: &OrgId, hold: &Item) -> Vec<String> {
    let id = hold.key().sk;
    let answers = HoldId::new(id.as_str()).map(|hold| keys::answer(org, &hold, 0).pk);
    answers.into_iter().chain([keys::rolls(org, &id)]).collect()
}

fn of_run(org: &OrgId, run: &Item) -> Vec<String> {
    vec![keys::rolls(org, &run.key().sk)]
}

/// The partitions of a snapshot's receipts, its chunks, and the people that the breaker is asked about.
fn of_snapshot(org: &OrgId, snapshot: &Item) -> Vec<String> {
    let Ok(id) = SnapshotId::new(snapshot.key().sk) else {
        return Vec::new();
    };
    let chunks = (0..ROSTER_SHARDS).map(|shard| keys::chunks(org, &id, shard));
    chunks.chain([keys::pages(org, &id)]).collect()
}

/// Reads the receipt of a page, or a chunk of a page.
fn page(item: &Item) -> Result<Value, Fault> {
    match item.get_text("edition") {
        Some(_) => texts(item, &["edition"]),
        None => data::<snapshots::Receipt>(item),
    }
}

/// An attribute as JSON.
pub(super) fn to_json(value: &AttributeValue) -> Result<Value, Fault> {
    let unknown = || Fault::corrupt("export", "an attribute of another type");
    match value {
        AttributeValue::S(text) => Ok(json!(text)),
        AttributeValue::Bool(flag) => Ok(json!(flag)),
        AttributeValue::N(number) => {
            let number: serde_json::Number = number.parse().map_err(|_| unknown())?;
            Ok(Value::Number(number))
        }
        AttributeValue::Ss(texts) => Ok(json!(texts)),
        AttributeValue::B(bytes) => Ok(json!({ BYTES: STANDARD.encode(bytes.as_ref()) })),
        _ => Err(unknown()),
    }
}

/// The attribute for a JSON value; `None` for a value that no attribute has.
pub(super) fn from_json(value: &Value) -> Option<AttributeValue> {
    match value {
        Value::String(text) => Some(AttributeValue::S(text.clone())),
        Value::Bool(flag) => Some(AttributeValue::Bool(*flag)),
        Value::Number(number) => Some(AttributeValue::N(number.to_string())),
        Value::Array(texts) if !texts.is_empty() => {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
            Some(AttributeValue::Ss(texts.collect::<Option<_>>()?))
        }
        Value::Object(bytes) if bytes.len() == 1 => {
            let bytes = STANDARD.decode(bytes.get(BYTES)?.as_str()?).ok()?;
            Some(AttributeValue::B(Blob::new(bytes)))
        }
        _ => None,
    }
}
