//! The keys of the table. `docs/DATA-MODEL.md` says what each access costs.
//!
//! Two organisations never share a partition key. Data that grows with the number of people never has one partition
//! key: each person has a partition of their own, and each list of people is spread over [`SHARDS`] partitions.

mod addresses;
mod breaker;
mod days;
mod exit;
mod health;
mod invitations;
mod machines;
mod notices;
mod objectives;
mod snapshots;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use offramp_app::ports::DigestId;
use offramp_domain::{CardId, EmployeeId, OrgId, SourceId, Status};
use ring::digest::{SHA256, digest};

pub use addresses::*;
pub use breaker::*;
pub use days::*;
pub use exit::*;
pub use health::*;
pub use invitations::*;
pub use machines::*;
pub use notices::*;
pub use objectives::*;
pub use snapshots::*;

/// The number of partitions of each list of an organisation's people, and of its notices.
pub const SHARDS: u8 = 8;
/// The number of partitions of the index of overdue work. The index is shared by all organisations.
pub const WORK_SHARDS: u8 = 16;

/// The attribute of the partition key.
pub const PK: &str = "pk";
/// The attribute of the sort key.
pub const SK: &str = "sk";
/// The instant from which DynamoDB may delete an item, in seconds since the Unix epoch.
pub const EXPIRES: &str = "expires";

/// The attribute of work for `terminate`: the generation whose cards, objectives and notice are left to do. Only the
/// write that begins a deactivation or deletion sets it, and the stream hands that write over. A filter of the stream
/// can read attributes, but not `data`.
pub const TODO: &str = "todo";

/// Separates a folded name from the id that follows it. It sorts before every character of a name.
pub(crate) const UNIT: char = '\u{1f}';
/// The most bytes of a folded name or id in a sort key. DynamoDB allows 1,024 bytes in all.
const FOLDED_BYTES: usize = 400;

/// An index: its name and the attributes of its key.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    /// The name of the index.
    pub name: &'static str,
    /// The attribute of the index's partition key.
    pub pk: &'static str,
    /// The attribute of the index's sort key.
    pub sk: &'static str,
}

/// Due work, by time.
pub const WORK: Index = Index {
    name: "work",
    pk: "work_pk",
    sk: "work_sk",
};
/// People by status and name. It also has the open objectives.
pub const PEOPLE: Index = Index {
    name: "people",
    pk: "people_pk",
    sk: "people_sk",
};
/// People by e-mail address.
pub const MAIL: Index = Index {
    name: "mail",
    pk: "mail_pk",
    sk: "mail_sk",
};
/// People by id.
pub const IDS: Index = Index {
    name: "ids",
    pk: "ids_pk",
    sk: "ids_sk",
};
/// People with a leave date, by date.
pub const LEAVING: Index = Index {
    name: "leaving",
    pk: "leaving_pk",
    sk: "leaving_sk",
};
/// People with possible drift: HR and the stored user may disagree.
pub const DRIFT: Index = Index {
    name: "drift",
    pk: "drift_pk",
    sk: "drift_sk",
};
/// People of a source by id, each with a print.
pub const ROSTER: Index = Index {
    name: "roster",
    pk: "roster_pk",
    sk: "roster_sk",
};
/// The attribute of a user's print. The roster's index has a copy of it.
pub const PRINT: &str = "print";
/// Audited changes by day.
pub const AUDIT: Index = Index {
    name: "audit",
    pk: "audit_pk",
    sk: "audit_sk",
};

/// A partition key and a sort key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The value of the partition key.
    pub pk: String,
    /// The value of the sort key.
    pub sk: String,
}

fn key(pk: String, sk: impl Into<String>) -> Key {
    Key { pk, sk: sk.into() }
}

/// The key of a user.
#[must_use]
pub fn user(org: &OrgId, id: &EmployeeId) -> Key {
    key(person(org, id), "U")
}

/// The partition of a person: user, cards, objectives and history.
#[must_use]
pub fn person(org: &OrgId, id: &EmployeeId) -> String {
    format!("O#{org}#U#{id}")
}

/// The person whose partition it is; `None` for another partition.
#[must_use]
pub fn whose(pk: &str) -> Option<(OrgId, EmployeeId)> {
    let (org, id) = pk.strip_prefix("O#")?.split_once("#U#")?;
    Some((OrgId::new(org).ok()?, EmployeeId::new(id).ok()?))
}

/// The key of a history entry. Entries sort by version.
#[must_use]
pub fn entry(org: &OrgId, id: &EmployeeId, version: u64) -> Key {
    key(person(org, id), format!("{ENTRY}{version:012}"))
}

/// The beginning of the sort key of every history entry.
pub const ENTRY: &str = "H#";

/// The key of a card, in the partition of its owner.
#[must_use]
pub fn card(org: &OrgId, owner: &EmployeeId, card: &CardId) -> Key {
    key(person(org, owner), format!("{CARD}{card}"))
}

/// The beginning of the sort key of every card.
pub const CARD: &str = "C#";

/// The key of the item that names the owner of a card.
#[must_use]
pub fn card_owner(org: &OrgId, card: &CardId) -> Key {
    key(format!("O#{org}#C#{card}"), "C")
}

/// The key of the item that keeps an issuer's card from being two cards here. `external` is the issuer's id, of which the key
/// has a hash.
#[must_use]
pub fn card_external(org: &OrgId, external: &str) -> Key {
    let hash = digest(&SHA256, external.as_bytes());
    let hash = offramp_domain::hex(&hash.as_ref()[..16]);
    key(format!("O#{org}#X#{hash}"), "X")
}

/// The key of a card in the ledger, which is the issuer's side of the card.
#[must_use]
pub fn ledger(org: &OrgId, card: &CardId) -> Key {
    key(format!("O#{org}#L#{card}"), "L")
}

/// The key of the settings, with the epoch and the sync rule.
#[must_use]
pub fn settings(org: &OrgId) -> Key {
    key(organisation(org), "SETTINGS")
}

/// The key of the set of admins with access.
#[must_use]
pub fn admins(org: &OrgId) -> Key {
    key(organisation(org), "ADMINS")
}

/// The key of a change of the settings. Changes sort by version.
#[must_use]
pub fn settings_entry(org: &OrgId, version: u64) -> Key {
    key(organisation(org), format!("S#{version:012}"))
}

/// The key of a pending confirmation.
#[must_use]
pub fn confirmation(org: &OrgId, token: &str) -> Key {
    key(organisation(org), format!("CONFIRM#{token}"))
}

/// The key of a source.
#[must_use]
pub fn source(org: &OrgId, source: &SourceId) -> Key {
    key(organisation(org), format!("{SOURCE}{source}"))
}

/// The organisation and the source of a source's key; `None` for another key.
#[must_use]
pub fn source_of(pk: &str, sk: &str) -> Option<(OrgId, SourceId)> {
    let org = OrgId::new(pk.strip_prefix("O#")?).ok()?;
    Some((org, SourceId::new(sk.strip_prefix(SOURCE)?).ok()?))
}

/// The index key of a source that hands its people over.
#[must_use]
pub fn handing_over(org: &OrgId, source: &SourceId, since: DateTime<Utc>) -> Key {
    work(org, &format!("source#{source}"), since)
}

/// The beginning of the sort key of every source.
pub const SOURCE: &str = "SOURCE#";

/// The key of a change of a source. Changes sort by version.
#[must_use]
pub fn source_entry(org: &OrgId, source: &SourceId, version: u64) -> Key {
    let sk = format!("{SOURCE_ENTRY}{source}#{version:012}");
    key(organisation(org), sk)
}

/// The beginning of the sort key of every change of a source.
pub const SOURCE_ENTRY: &str = "SE#";

/// The partition of the items that belong to the organisation as a whole.
#[must_use]
pub fn organisation(org: &OrgId) -> String {
    format!("O#{org}")
}

/// The key of the stored answer to a `POST` with an `Idempotency-Key`.
#[must_use]
pub fn receipt(org: &OrgId, key_hash: &str) -> Key {
    key(format!("O#{org}#R#{key_hash}"), "R")
}

/// The key of one recipient's message of one digest.
#[must_use]
pub fn message(org: &OrgId, digest: &DigestId, recipient: &str) -> Key {
    key(messages(org, digest.as_str()), recipient)
}

/// The index key of overdue work.
#[must_use]
pub fn work(org: &OrgId, id: &str, due: DateTime<Utc>) -> Key {
    key(
        work_shard(shard(&format!("{org}#{id}"), WORK_SHARDS)),
        second(due),
    )
}

/// One partition of the overdue work.
#[must_use]
pub fn work_shard(shard: u8) -> String {
    format!("W#{shard}")
}

/// The index key of a person by status and name. A person without a name is found by id.
#[must_use]
pub fn people(org: &OrgId, status: Status, name: Option<&str>, id: &EmployeeId) -> Key {
    let folded = folded(name.unwrap_or(id.as_str()));
    key(
        people_shard(org, status, shard(id.as_str(), SHARDS)),
        format!("{folded}{UNIT}{id}"),
    )
}

/// One partition of the people with one status.
#[must_use]
pub fn people_shard(org: &OrgId, status: Status, shard: u8) -> String {
    format!("O#{org}#P#{}#{shard}", status.as_str())
}

/// The index key of a person by id.
#[must_use]
pub fn ids(org: &OrgId, id: &EmployeeId) -> Key {
    key(
        ids_shard(org, shard(id.as_str(), SHARDS)),
        format!("{}{UNIT}{id}", folded(id.as_str())),
    )
}

/// One partition of the ids.
#[must_use]
pub fn ids_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#I#{shard}")
}

/// The index key of a person with a leave date.
#[must_use]
pub fn leaving(org: &OrgId, date: NaiveDate, id: &EmployeeId) -> Key {
    key(
        leaving_shard(org, shard(id.as_str(), SHARDS)),
        format!("{date}{UNIT}{id}"),
    )
}

/// One partition of the people with a leave date.
#[must_use]
pub fn leaving_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#LD#{shard}")
}

/// The index key of a person with possible drift.
#[must_use]
pub fn drift(org: &OrgId, id: &EmployeeId) -> Key {
    key(drift_shard(org, shard(id.as_str(), SHARDS)), id.as_str())
}

/// One partition of the people with possible drift.
#[must_use]
pub fn drift_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#X#{shard}")
}

/// The index key of an audited change, by day.
#[must_use]
pub fn audit(org: &OrgId, at: DateTime<Utc>, what: &str) -> Key {
    key(
        audit_shard(org, at.date_naive(), shard(what, SHARDS)),
        format!("{}#{what}", audit_from(at)),
    )
}

/// One partition of the changes of a day.
#[must_use]
pub fn audit_shard(org: &OrgId, day: NaiveDate, shard: u8) -> String {
    format!("O#{org}#A#{day}#{shard}")
}

/// The beginning of the sort keys of the changes at an instant.
#[must_use]
pub fn audit_from(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// A text in lower case, cut so that an id of 512 bytes can follow it in a sort key.
fn folded(text: &str) -> String {
    let mut folded = text.to_lowercase();
    let mut end = folded.len().min(FOLDED_BYTES);
    while !folded.is_char_boundary(end) {
        end -= 1;
    }
    folded.truncate(end);
    folded
}

/// An instant to the second, as timers are named and work is sorted.
#[must_use]
pub fn second(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The shard of a text, from its SHA-256 hash. It is evenly spread. It must never change, because keys are stored.
fn shard(of: &str, shards: u8) -> u8 {
    digest(&SHA256, of.as_bytes())
        .as_ref()
        .first()
        .copied()
        .unwrap_or(0)
        % shards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org() -> OrgId {
        OrgId::new("acme").unwrap()
    }

    #[test]
    fn a_persons_partition_says_whose_it_is_whatever_the_id_holds() {
        for id in ["E-1", "a#U#b", "O#x#U#y", "ü/ #"] {
            let id = EmployeeId::new(id).unwrap();
            assert_eq!(whose(&person(&org(), &id)), Some((org(), id)));
        }
        assert_eq!(whose("O#acme"), None);
    }

    #[test]
    fn no_key_is_longer_than_dynamodb_takes() {
        let id = EmployeeId::new("\u{10ffff}".repeat(128)).unwrap();
        let name = "ß".repeat(256);
        let key = people(&org(), Status::DeactivationScheduled, Some(&name), &id);
        assert!(key.sk.len() <= 1024 && person(&org(), &id).len() <= 2048);
        assert!(mail(&org(), &"a".repeat(254), &id).sk.len() <= 1024);
        assert!(ids(&org(), &id).sk.len() <= 1024);
    }
}
