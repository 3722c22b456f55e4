//! Keys of notices.

use chrono::{DateTime, Utc};
use offramp_domain::{DigestMinute, EmployeeId, NoticeKey, OrgId};

use super::{Key, SHARDS, key, second, shard};

/// The key of a notice that is not mailed yet. The first release looks for keys that begin with the digits of a year. A
/// notice that it cannot read has a key that begins otherwise: it is left to a newer release.
#[must_use]
pub fn notice(org: &OrgId, of: &NoticeKey) -> Key {
    let whom = of.employee_id.as_ref().map_or("", EmployeeId::as_str);
    let apart = if of.kind.is_apart() { APART } else { "" };
    key(
        notices(org, shard(whom, SHARDS)),
        format!(
            "{apart}{}#{}#{}#{whom}",
            second(of.minute.start()),
            of.kind,
            of.generation
        ),
    )
}

/// The beginning of the sort key of a notice that the first release cannot read.
const APART: &str = "P";

/// One partition of the notices.
#[must_use]
pub fn notices(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#N#{shard}")
}

/// The organisation and the minute of a notice; `None` for another key.
#[must_use]
pub fn noticed(pk: &str, sk: &str) -> Option<(OrgId, DigestMinute)> {
    let (org, _) = pk.strip_prefix("O#")?.split_once("#N#")?;
    let sk = sk.strip_prefix(APART).unwrap_or(sk);
    let at: DateTime<Utc> = sk.split('#').next()?.parse().ok()?;
    Some((OrgId::new(org).ok()?, DigestMinute::of(at)))
}

#[cfg(test)]
mod tests {
    use offramp_domain::{Actor, Notice, NoticeKind, Power};

    use super::*;

    #[test]
    fn a_notice_says_its_organisation_and_minute() {
        let org = OrgId::new("acme").unwrap();
        let minute = DigestMinute::of("2026-11-21T10:00:30Z".parse().unwrap());
        let of = NoticeKey {
            minute,
            kind: NoticeKind::invited(false).topic(),
            employee_id: Some(EmployeeId::new("E#1").unwrap()),
            generation: offramp_domain::Generation(2),
        };
        let key = notice(&org, &of);
        assert_eq!(noticed(&key.pk, &key.sk), Some((org.clone(), minute)));
        // Releases before notices of power look for the digits of a year.
        assert!(key.sk.starts_with('2'));
        let by = Actor::SettingsChanged;
        let power = Notice::of_power(minute.start(), &by, Power::SyncRule, 3).key();
        let key = notice(&org, &power);
        assert!(!key.sk.starts_with('2'), "{}", key.sk);
        assert_eq!(noticed(&key.pk, &key.sk), Some((org, minute)));
    }
}
