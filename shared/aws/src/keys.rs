//! Every key of the table, in one place. `docs/DATA-MODEL.md` says what each access costs.
//!
//! Nothing of an organisation shares a partition key with another's, and nothing that grows with
//! the number of people has one partition key: people have one each, and what lists them is spread
//! over [`SHARDS`].

mod breaker;
mod days;
mod exit;
mod health;
mod objectives;
mod snapshots;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use offramp_app::ports::DigestId;
use offramp_domain::{CardId, DigestMinute, EmployeeId, NoticeKey, OrgId, SourceId, Status};
use ring::digest::{SHA256, digest};

pub use breaker::*;
pub use days::*;
pub use exit::*;
pub use health::*;
pub use objectives::*;
pub use snapshots::*;

/// Partitions of each index of an organisation, and of its notices.
pub const SHARDS: u8 = 8;
/// Partitions of the index of overdue work, of all organisations together.
pub const WORK_SHARDS: u8 = 16;

/// Partition key.
pub const PK: &str = "pk";
/// Sort key.
pub const SK: &str = "sk";
/// When DynamoDB may delete an item, epoch seconds.
pub const EXPIRES: &str = "expires";

/// On a user in the write that begins a deactivation or deletion, and in no other: the generation whose cards,
/// objectives and notice `terminate` is handed by the stream. A filter of the stream sees attributes, and not `data`.
pub const TODO: &str = "todo";

/// Between a folded name and the id that it belongs to: sorts before everything in a name.
pub(crate) const UNIT: char = '\u{1f}';
/// Bytes of a folded name or id in a sort key, which holds 1,024 in all.
const FOLDED_BYTES: usize = 400;

/// One index: its name and its attributes.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    /// Name.
    pub name: &'static str,
    /// Its partition key's attribute.
    pub pk: &'static str,
    /// Its sort key's attribute.
    pub sk: &'static str,
}

/// What is due, by time.
pub const WORK: Index = Index {
    name: "work",
    pk: "work_pk",
    sk: "work_sk",
};
/// People by status and name.
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
/// People who have a leave date, by date.
pub const LEAVING: Index = Index {
    name: "leaving",
    pk: "leaving_pk",
    sk: "leaving_sk",
};
/// People for whom HR and what is stored disagree.
pub const DRIFT: Index = Index {
    name: "drift",
    pk: "drift_pk",
    sk: "drift_sk",
};
/// People of a source by id, each with their print.
pub const ROSTER: Index = Index {
    name: "roster",
    pk: "roster_pk",
    sk: "roster_sk",
};
/// The print of somebody on a roster; projected into its index.
pub const PRINT: &str = "print";
/// Changes by day.
pub const AUDIT: Index = Index {
    name: "audit",
    pk: "audit_pk",
    sk: "audit_sk",
};

/// A partition and a sort key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

fn key(pk: String, sk: impl Into<String>) -> Key {
    Key { pk, sk: sk.into() }
}

/// A user.
#[must_use]
pub fn user(org: &OrgId, id: &EmployeeId) -> Key {
    key(person(org, id), "U")
}

/// The partition of a person: user, cards, history.
#[must_use]
pub fn person(org: &OrgId, id: &EmployeeId) -> String {
    format!("O#{org}#U#{id}")
}

/// Whose partition it is.
#[must_use]
pub fn whose(pk: &str) -> Option<(OrgId, EmployeeId)> {
    let (org, id) = pk.strip_prefix("O#")?.split_once("#U#")?;
    Some((OrgId::new(org).ok()?, EmployeeId::new(id).ok()?))
}

/// A change of a user; sorted by version.
#[must_use]
pub fn entry(org: &OrgId, id: &EmployeeId, version: u64) -> Key {
    key(person(org, id), format!("{ENTRY}{version:012}"))
}

/// What the sort keys of a user's changes begin with.
pub const ENTRY: &str = "H#";

/// A card, with its owner.
#[must_use]
pub fn card(org: &OrgId, owner: &EmployeeId, card: &CardId) -> Key {
    key(person(org, owner), format!("{CARD}{card}"))
}

/// What the sort keys of cards begin with.
pub const CARD: &str = "C#";

/// Who owns a card.
#[must_use]
pub fn card_owner(org: &OrgId, card: &CardId) -> Key {
    key(format!("O#{org}#C#{card}"), "C")
}

/// A card in the ledger: the issuer's side.
#[must_use]
pub fn ledger(org: &OrgId, card: &CardId) -> Key {
    key(format!("O#{org}#L#{card}"), "L")
}

/// Settings, epoch and their version.
#[must_use]
pub fn settings(org: &OrgId) -> Key {
    key(organisation(org), "SETTINGS")
}

/// The admins with access.
#[must_use]
pub fn admins(org: &OrgId) -> Key {
    key(organisation(org), "ADMINS")
}

/// A change of the settings.
#[must_use]
pub fn settings_entry(org: &OrgId, version: u64) -> Key {
    key(organisation(org), format!("S#{version:012}"))
}

/// A pending confirmation.
#[must_use]
pub fn confirmation(org: &OrgId, token: &str) -> Key {
    key(organisation(org), format!("CONFIRM#{token}"))
}

/// A source.
#[must_use]
pub fn source(org: &OrgId, source: &SourceId) -> Key {
    key(organisation(org), format!("{SOURCE}{source}"))
}

/// What the sort keys of sources begin with.
pub const SOURCE: &str = "SOURCE#";

/// A change of a source; sorted by version.
#[must_use]
pub fn source_entry(org: &OrgId, source: &SourceId, version: u64) -> Key {
    let sk = format!("{SOURCE_ENTRY}{source}#{version:012}");
    key(organisation(org), sk)
}

/// What the sort keys of changes of sources begin with.
pub const SOURCE_ENTRY: &str = "SE#";

/// The partition of what belongs to the organisation itself.
#[must_use]
pub fn organisation(org: &OrgId) -> String {
    format!("O#{org}")
}

/// What a `POST` with an `Idempotency-Key` answered.
#[must_use]
pub fn receipt(org: &OrgId, key_hash: &str) -> Key {
    key(format!("O#{org}#R#{key_hash}"), "R")
}

/// A notice that is not mailed yet.
#[must_use]
pub fn notice(org: &OrgId, of: &NoticeKey) -> Key {
    let whom = of.employee_id.as_ref().map_or("", EmployeeId::as_str);
    key(
        notices(org, shard(whom, SHARDS)),
        format!(
            "{}#{}#{}#{whom}",
            second(of.minute.start()),
            of.kind,
            of.generation
        ),
    )
}

/// A partition of the notices.
#[must_use]
pub fn notices(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#N#{shard}")
}

/// The organisation and minute of a notice.
#[must_use]
pub fn noticed(pk: &str, sk: &str) -> Option<(OrgId, DigestMinute)> {
    let (org, _) = pk.strip_prefix("O#")?.split_once("#N#")?;
    let at: DateTime<Utc> = sk.split('#').next()?.parse().ok()?;
    Some((OrgId::new(org).ok()?, DigestMinute::of(at)))
}

/// One recipient's message of one digest.
#[must_use]
pub fn message(org: &OrgId, digest: &DigestId, recipient: &str) -> Key {
    key(messages(org, digest.as_str()), recipient)
}

/// Where overdue work is found.
#[must_use]
pub fn work(org: &OrgId, id: &str, due: DateTime<Utc>) -> Key {
    key(
        work_shard(shard(&format!("{org}#{id}"), WORK_SHARDS)),
        second(due),
    )
}

/// A partition of the overdue work.
#[must_use]
pub fn work_shard(shard: u8) -> String {
    format!("W#{shard}")
}

/// Where a person is found by status and name.
#[must_use]
pub fn people(org: &OrgId, status: Status, name: Option<&str>, id: &EmployeeId) -> Key {
    let folded = folded(name.unwrap_or(id.as_str()));
    key(
        people_shard(org, status, shard(id.as_str(), SHARDS)),
        format!("{folded}{UNIT}{id}"),
    )
}

/// A partition of the people of a status.
#[must_use]
pub fn people_shard(org: &OrgId, status: Status, shard: u8) -> String {
    format!("O#{org}#P#{}#{shard}", status.as_str())
}

/// Where a person is found by address.
#[must_use]
pub fn mail(org: &OrgId, folded: &str, id: &EmployeeId) -> Key {
    key(
        mail_shard(org, shard(folded, SHARDS)),
        format!("{folded}{UNIT}{id}"),
    )
}

/// What the sort keys of exactly this address begin with, and where they are.
#[must_use]
pub fn exact_mail(org: &OrgId, folded: &str) -> Key {
    key(
        mail_shard(org, shard(folded, SHARDS)),
        format!("{folded}{UNIT}"),
    )
}

/// A partition of the addresses.
#[must_use]
pub fn mail_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#M#{shard}")
}

/// Where a person is found by id.
#[must_use]
pub fn ids(org: &OrgId, id: &EmployeeId) -> Key {
    key(
        ids_shard(org, shard(id.as_str(), SHARDS)),
        format!("{}{UNIT}{id}", folded(id.as_str())),
    )
}

/// A partition of the ids.
#[must_use]
pub fn ids_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#I#{shard}")
}

/// Where somebody who has a leave date is found.
#[must_use]
pub fn leaving(org: &OrgId, date: NaiveDate, id: &EmployeeId) -> Key {
    key(
        leaving_shard(org, shard(id.as_str(), SHARDS)),
        format!("{date}{UNIT}{id}"),
    )
}

/// A partition of those who have a leave date.
#[must_use]
pub fn leaving_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#LD#{shard}")
}

/// Where somebody for whom HR and what is stored disagree is found.
#[must_use]
pub fn drift(org: &OrgId, id: &EmployeeId) -> Key {
    key(drift_shard(org, shard(id.as_str(), SHARDS)), id.as_str())
}

/// A partition of those for whom HR and what is stored disagree.
#[must_use]
pub fn drift_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#X#{shard}")
}

/// Where a change is found by day.
#[must_use]
pub fn audit(org: &OrgId, at: DateTime<Utc>, what: &str) -> Key {
    key(
        audit_shard(org, at.date_naive(), shard(what, SHARDS)),
        format!("{}#{what}", audit_from(at)),
    )
}

/// A partition of the changes of a day.
#[must_use]
pub fn audit_shard(org: &OrgId, day: NaiveDate, shard: u8) -> String {
    format!("O#{org}#A#{day}#{shard}")
}

/// What the sort keys of changes at an instant begin with.
#[must_use]
pub fn audit_from(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Case folded, and short enough for a sort key with an id of 512 bytes behind it.
fn folded(text: &str) -> String {
    let mut folded = text.to_lowercase();
    let mut end = folded.len().min(FOLDED_BYTES);
    while !folded.is_char_boundary(end) {
        end -= 1;
    }
    folded.truncate(end);
    folded
}

/// To the second: what timers are named and sorted by.
#[must_use]
pub fn second(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Even, and the same for ever: keys are stored.
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
    fn a_notice_says_its_organisation_and_minute() {
        let minute = DigestMinute::of("2026-11-21T10:00:30Z".parse().unwrap());
        let of = NoticeKey {
            minute,
            kind: "scheduled".to_owned(),
            employee_id: Some(EmployeeId::new("E#1").unwrap()),
            generation: offramp_domain::Generation(2),
        };
        let key = notice(&org(), &of);
        assert_eq!(noticed(&key.pk, &key.sk), Some((org(), minute)));
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
