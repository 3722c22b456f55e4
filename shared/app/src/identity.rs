//! Who calls, and for which organisation.
//!
//! The token is proved by the authorizer; here its claims are held against our own table: the
//! acting user must have access *now* and the role admin. A token alone is not enough.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use offramp_domain::{Access, Actor, Email, EmployeeId, OrgId, Role, Subject, User};

use crate::ports::{Directory, Users};
use crate::{Error, Result};

/// The claim value that makes a caller a machine.
const SERVICE: &str = "service";

/// What the subject claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// An employee id.
    EmployeeId,
    /// An e-mail address.
    Email,
}

/// How tokens are read: claim names fit any OIDC issuer.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The organisation's claim.
    pub org: String,
    /// The subject's claim.
    pub subject: String,
    /// What the subject's claim holds.
    pub subject_kind: SubjectKind,
    /// The roles' claim.
    pub role: String,
    /// The subject that may do all until the first admin exists.
    pub bootstrap: Option<String>,
}

/// A caller who has been let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An admin, or the bootstrap identity (`employee_id` is `None`).
    Admin {
        /// As the token names them.
        subject: Subject,
        /// The employee they are.
        employee_id: Option<EmployeeId>,
    },
    /// A machine: reads access and users, uses the card routes.
    Service {
        /// As the token names it.
        subject: Subject,
    },
}

impl Caller {
    /// The caller, for the history.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Admin {
                subject,
                employee_id,
            } => Actor::Admin {
                subject: subject.clone(),
                employee_id: employee_id.clone(),
            },
            Self::Service { subject } => Actor::Service {
                subject: subject.clone(),
            },
        }
    }

    /// The caller's name in the token.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        match self {
            Self::Admin { subject, .. } | Self::Service { subject } => subject,
        }
    }
}

/// Lets a caller in, or not.
///
/// # Errors
/// [`Error::Forbidden`]: another organisation's token, somebody unknown, a member, a revoked
/// admin; or a fault of the table.
pub async fn admit<S: Users + Directory>(
    store: &S,
    claims: &Claims,
    token: &BTreeMap<String, String>,
    org: &OrgId,
    now: DateTime<Utc>,
) -> Result<Caller> {
    if token.get(&claims.org).map(String::as_str) != Some(org.as_str()) {
        return Err(Error::Forbidden);
    }
    let subject = token.get(&claims.subject).ok_or(Error::Forbidden)?;
    let subject = Subject::new(subject.as_str()).map_err(|_| Error::Forbidden)?;
    if token
        .get(&claims.role)
        .is_some_and(|roles| listed(roles).any(|role| role == SERVICE))
    {
        return Ok(Caller::Service { subject });
    }
    let ids = match claims.subject_kind {
        SubjectKind::EmployeeId => EmployeeId::new(subject.as_str()).into_iter().collect(),
        SubjectKind::Email => match Email::new(subject.as_str()) {
            Ok(email) => store.with_email(org, &email.folded()).await?,
            Err(_) => Vec::new(),
        },
    };
    let loaded = store.load(org, &ids).await?;
    let mut admins = ids
        .iter()
        .filter_map(|id| loaded.users.get(id))
        .map(|user| user.settled(&loaded.policy))
        .filter(|user| user.role == Role::Admin && user.access_at(now) == Access::Granted)
        .filter(|user| named(claims.subject_kind, user, &subject));
    // Two admins may share an address, where HR says so: either may act, and the history names the
    // subject. Refusing both would let one edit in HR lock everybody out.
    match admins.next() {
        Some(user) => Ok(Caller::Admin {
            subject,
            employee_id: Some(user.employee_id),
        }),
        None if claims.bootstrap.as_deref() == Some(subject.as_str())
            && loaded.admins.is_empty() =>
        {
            Ok(Caller::Admin {
                subject,
                employee_id: None,
            })
        }
        None => Err(Error::Forbidden),
    }
}

/// The index is eventually consistent: the user must still be the one that the token names.
fn named(kind: SubjectKind, user: &User, subject: &Subject) -> bool {
    match kind {
        SubjectKind::EmployeeId => user.employee_id.as_str() == subject.as_str(),
        SubjectKind::Email => user
            .email()
            .is_some_and(|email| email.folded() == subject.as_str().to_lowercase()),
    }
}

/// API Gateway hands an array over as one string like `[a b]`; each value is compared whole, so
/// that `not-service` is not `service`.
fn listed(claim: &str) -> impl Iterator<Item = &str> {
    let inner = claim
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(claim);
    inner
        .split([' ', ','])
        .map(|one| one.trim_matches('"'))
        .filter(|one| !one.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_compared_whole() {
        for (claim, service) in [
            ("service", true),
            ("[service]", true),
            ("[a service b]", true),
            ("[\"service\",\"b\"]", true),
            ("not-service", false),
            ("[not-service services]", false),
            ("", false),
        ] {
            assert_eq!(
                listed(claim).any(|role| role == SERVICE),
                service,
                "{claim}"
            );
        }
    }
}
