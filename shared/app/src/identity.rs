//! Identifies a caller, and admits callers to an organisation.
//!
//! API Gateway's authorizer verifies the token. This module compares its claims with Offramp's own table: the acting
//! user must be active *now* and must have the role admin. A token alone is not enough.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use offramp_domain::ids::folded;
use offramp_domain::{Access, Actor, Email, EmployeeId, OrgId, Role, Subject, SubjectKind, User};

use crate::ports::{Directory, USERS_PER_READ, Users};
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
    /// An auditor. They may read what an admin may read.
    Auditor {
        /// The subject claim of the token.
        subject: Subject,
        /// The auditor's employee id.
        employee_id: EmployeeId,
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
            Self::Auditor { subject, .. }
            | Self::Service { subject }
            | Self::Other { subject, .. } => Actor::Service {
                subject: subject.clone(),
            },
        }
    }

    /// The subject claim of the caller's token.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        match self {
            Self::Admin { subject, .. }
            | Self::Auditor { subject, .. }
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
            Self::Auditor { employee_id, .. } => Some(employee_id),
            Self::Service { .. } => None,
        }
    }
}

/// A caller, and what is to be done about how they sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The caller.
    pub caller: Caller,
    /// True if the caller was appointed before there were logins, so that the organisation's are to be bound.
    pub is_unbound: bool,
}

impl Admitted {
    fn bound(caller: Caller) -> Self {
        Self {
            caller,
            is_unbound: false,
        }
    }
}

/// Identifies the caller of a request to the organisation `org`. An unknown user, a member, and an admin without access
/// are [`Caller::Other`].
///
/// Admins and auditors are named by the login that their appointment has bound, whatever address HR sends. An admin from
/// before logins is named by the address until it is bound; HR cannot change it until then.
///
/// # Errors
/// [`Error::Forbidden`] for a token of another organisation or without a subject, and for an address that the token says
/// is not verified; or a fault of the table.
pub async fn admit<S: Users + Directory>(
    store: &S,
    claims: &Claims,
    token: &BTreeMap<String, String>,
    org: &OrgId,
    now: DateTime<Utc>,
) -> Result<Admitted> {
    if token.get(&claims.org).map(String::as_str) != Some(org.as_str()) {
        return Err(Error::Forbidden);
    }
    let subject = token.get(&claims.subject).ok_or(Error::Forbidden)?;
    let subject = Subject::new(subject.as_str()).map_err(|_| Error::Forbidden)?;
    if claims.subject_kind == SubjectKind::Email && !is_verified(token) {
        return Err(Error::Forbidden);
    }
    if token
        .get(&claims.role)
        .is_some_and(|roles| listed(roles).any(|role| role == SERVICE))
    {
        return Ok(Admitted::bound(Caller::Service { subject }));
    }
    let own: Vec<EmployeeId> = match claims.subject_kind {
        SubjectKind::EmployeeId => EmployeeId::new(subject.as_str()).into_iter().collect(),
        SubjectKind::Email => Vec::new(),
    };
    let mut loaded = store.load(org, &own).await?;
    if let Some(id) = loaded.logins.who(subject.as_str()).cloned() {
        if !loaded.users.contains_key(&id) {
            loaded = store.load(org, std::slice::from_ref(&id)).await?;
        }
        let user = loaded.users.get(&id).map(|user| user.as_of(&loaded.policy));
        let caller = user.filter(|user| has_login(claims.subject_kind, user, &subject));
        if let Some(caller) = caller.and_then(|user| privileged(&user, &subject, now)) {
            return Ok(Admitted::bound(caller));
        }
    }
    let ids = match claims.subject_kind {
        SubjectKind::EmployeeId => own,
        SubjectKind::Email => match Email::new(subject.as_str()) {
            Ok(email) => store.with_email(org, &email.folded()).await?,
            Err(_) => Vec::new(),
        },
    };
    if ids.iter().any(|id| !loaded.users.contains_key(id)) {
        let most = ids.len().min(USERS_PER_READ);
        loaded = store.load(org, &ids[..most]).await?;
    }
    let mut users: Vec<User> = ids
        .iter()
        .filter_map(|id| loaded.users.get(id))
        .map(|user| user.as_of(&loaded.policy))
        .filter(|user| named(claims.subject_kind, user, &subject))
        .collect();
    users.sort_by_key(|user| user.access_at(now) != Access::Granted);
    let mut unbound = users.iter().filter(|user| user.is_unbound());
    if let Some(caller) = unbound.find_map(|user| privileged(user, &subject, now)) {
        return Ok(Admitted {
            caller,
            is_unbound: true,
        });
    }
    let bootstrap = claims.bootstrap.as_deref() == Some(subject.as_str());
    Ok(Admitted::bound(if bootstrap && loaded.admins.is_empty() {
        Caller::Admin {
            subject,
            employee_id: None,
        }
    } else {
        Caller::Other {
            subject,
            employee_id: users.into_iter().next().map(|user| user.employee_id),
        }
    }))
}

/// The caller that an admin or auditor with access is; `None` for anybody else. A leaver may keep access during the grace
/// period, and is neither all the same.
fn privileged(user: &User, subject: &Subject, now: DateTime<Utc>) -> Option<Caller> {
    let subject = subject.clone();
    let employee_id = user.employee_id.clone();
    match user.role {
        _ if !user.is_active_at(now) => None,
        Role::Admin => Some(Caller::Admin {
            subject,
            employee_id: Some(employee_id),
        }),
        Role::Auditor => Some(Caller::Auditor {
            subject,
            employee_id,
        }),
        Role::Member => None,
    }
}

/// False if the token says that its address is not verified. Some providers send the claim as a text; one that is null
/// counts as absent.
fn is_verified(token: &BTreeMap<String, String>) -> bool {
    let said = token
        .get("email_verified")
        .map(|said| said.trim_matches('"'));
    matches!(said, None | Some("true" | "" | "null" | "<nil>"))
}

/// True if the login that counts is the subject of the token. Two employee ids may differ in case alone.
fn has_login(kind: SubjectKind, user: &User, subject: &Subject) -> bool {
    user.login().is_some_and(|login| match kind {
        SubjectKind::EmployeeId => login.as_str() == subject.as_str(),
        SubjectKind::Email => login.folded() == folded(subject.as_str()),
    })
}

/// True if the user is still the one that the token names. The index is eventually consistent.
fn named(kind: SubjectKind, user: &User, subject: &Subject) -> bool {
    match kind {
        SubjectKind::EmployeeId => user.employee_id.as_str() == subject.as_str(),
        SubjectKind::Email => user
            .email()
            .is_some_and(|email| email.folded() == folded(subject.as_str())),
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
