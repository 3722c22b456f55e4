//! Identifies a caller, and admits callers to an organisation.
//!
//! API Gateway's authorizer verifies the token. This module compares its claims with Offramp's own table: the acting
//! user must be active *now* and must have the role admin. A token alone is not enough.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use offramp_domain::{Access, Actor, Email, EmployeeId, OrgId, Role, Subject, SubjectKind, User};

use crate::ports::{Directory, Users};
use crate::{Error, Result};

/// The role that makes a caller a machine.
const SERVICE: &str = "service";

/// The names of the claims in a token. They can be set for any OIDC issuer.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The claim of the organisation.
    pub org: String,
    /// The claim of the subject.
    pub subject: String,
    /// The kind of value in the subject claim.
    pub subject_kind: SubjectKind,
    /// The claim of the roles.
    pub role: String,
    /// The subject that may do everything until the first admin exists; `None` if there is no such subject.
    pub bootstrap: Option<String>,
}

/// A caller who has been admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An admin or the bootstrap identity.
    Admin {
        /// The subject claim of the token.
        subject: Subject,
        /// The admin's employee id; `None` for the bootstrap identity.
        employee_id: Option<EmployeeId>,
    },
    /// A machine. It may read access and users, and use the card routes.
    Service {
        /// The subject claim of the token.
        subject: Subject,
    },
    /// Somebody else with a token of the organisation. They may ask who they are, and nothing else.
    Other {
        /// The subject claim of the token.
        subject: Subject,
        /// The employee id of the user with that subject; `None` if there is no such user.
        employee_id: Option<EmployeeId>,
    },
}

impl Caller {
    /// The caller, as the history records one.
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
            Self::Service { subject } | Self::Other { subject, .. } => Actor::Service {
                subject: subject.clone(),
            },
        }
    }

    /// The subject claim of the caller's token.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        match self {
            Self::Admin { subject, .. }
            | Self::Service { subject }
            | Self::Other { subject, .. } => subject,
        }
    }

    /// The employee id of the caller; `None` if the caller is no user.
    #[must_use]
    pub fn employee_id(&self) -> Option<&EmployeeId> {
        match self {
            Self::Admin { employee_id, .. } | Self::Other { employee_id, .. } => {
                employee_id.as_ref()
            }
            Self::Service { .. } => None,
        }
    }
}

/// Identifies the caller of a request to the organisation `org`. An unknown user, a member, and an admin without access
/// are [`Caller::Other`].
///
/// # Errors
/// [`Error::Forbidden`] for a token of another organisation or without a subject; or a fault of the table.
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
    let mut users: Vec<User> = ids
        .iter()
        .filter_map(|id| loaded.users.get(id))
        .map(|user| user.as_of(&loaded.policy))
        .filter(|user| named(claims.subject_kind, user, &subject))
        .collect();
    users.sort_by_key(|user| user.access_at(now) != Access::Granted);
    // A leaver may keep access during the grace period, and is no admin all the same.
    let mut admins = users
        .iter()
        .filter(|user| user.role == Role::Admin && user.is_active_at(now));
    // Two admins may share an address, if HR says so. Either may act, and the history has the subject. Refusing both
    // would let one edit in HR lock out every admin.
    match admins.next() {
        Some(user) => Ok(Caller::Admin {
            subject,
            employee_id: Some(user.employee_id.clone()),
        }),
        None if claims.bootstrap.as_deref() == Some(subject.as_str())
            && loaded.admins.is_empty() =>
        {
            Ok(Caller::Admin {
                subject,
                employee_id: None,
            })
        }
        None => Ok(Caller::Other {
            subject,
            employee_id: users.into_iter().next().map(|user| user.employee_id),
        }),
    }
}

/// True if the user is still the one that the token names. The index is eventually consistent.
fn named(kind: SubjectKind, user: &User, subject: &Subject) -> bool {
    match kind {
        SubjectKind::EmployeeId => user.employee_id.as_str() == subject.as_str(),
        SubjectKind::Email => user
            .email()
            .is_some_and(|email| email.folded() == subject.as_str().to_lowercase()),
    }
}

/// The values of a claim. API Gateway passes an array as one string such as `[a b]`. Each value is compared as a whole,
/// so that `not-service` is not `service`.
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
