//! Identifies a caller, and admits callers to an organisation.
//!
//! API Gateway's authorizer verifies the token. This module compares its claims with Offramp's own table: the acting
//! user must be active *now* and must have the role admin. A token alone is not enough.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use offramp_domain::ids::folded;
use offramp_domain::{Access, Actor, Email, EmployeeId, OrgId, Role, Subject, SubjectKind, User};

use crate::ports::{Directory, Loaded, Registry, Right, USERS_PER_READ, Users};
use crate::{Error, Result};

/// The claim that names a machine, whatever claim names people (RFC 7519, 4.1.2).
pub const MACHINE: &str = "sub";

/// The names of the claims in a token. They can be set for any OIDC issuer.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The claim of the organisation.
    pub org: String,
    /// The claim of the subject.
    pub subject: String,
    /// The kind of value in the subject claim.
    pub subject_kind: SubjectKind,
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
    /// A machine that the organisation has registered.
    Machine {
        /// The `sub` of the token.
        subject: Subject,
        /// What it may do.
        may: BTreeSet<Right>,
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
            | Self::Machine { subject, .. }
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
            | Self::Machine { subject, .. }
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
            Self::Machine { .. } => None,
        }
    }
}

/// A caller, and what is to be done about how they sign in.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The caller.
    pub caller: Caller,
    /// What was read with the caller: the people that the request asks about.
    pub loaded: Loaded,
    /// True if the caller was appointed before there were logins, so that the organisation's are to be bound.
    pub is_unbound: bool,
}

/// A request, as far as it says who sends it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The claims of the verified token.
    pub token: &'a BTreeMap<String, String>,
    /// The organisation in the path.
    pub org: &'a OrgId,
    /// The people that the request asks about, to be read in the same call: [`Asked::MOST`] at most.
    pub about: &'a [EmployeeId],
    /// The present.
    pub now: DateTime<Utc>,
}

impl Asked<'_> {
    /// The most people that are read with the caller: a batch has the machines, and the caller, beside them.
    pub const MOST: usize = USERS_PER_READ - 1;
}

/// Identifies the caller of a request to the organisation `org`. An unknown user, a member, and an admin without access
/// are [`Caller::Other`].
///
/// A registered machine is named by `sub`, compared exactly, and has its own rights and no others. No claim makes a machine.
/// Its token need not name the organisation: the registration binds it.
///
/// Admins and auditors are named by the login that their appointment has bound, whatever address HR sends. An admin from
/// before logins is named by the address until it is bound; HR cannot change it until then.
///
/// # Errors
/// [`Error::Forbidden`] for a token of another organisation or without a subject, and for an address that the token says
/// is not verified; or a fault of the table.
pub async fn admit<S: Users + Directory + Registry>(
    store: &S,
    claims: &Claims,
    asked: Asked<'_>,
) -> Result<Admitted> {
    let Asked {
        token,
        org,
        about,
        now,
    } = asked;
    let of_org = token.get(&claims.org).map(String::as_str);
    if of_org.is_some_and(|named| named != org.as_str()) {
        return Err(Error::Forbidden);
    }
    let subject_of = |claim: &str| {
        token
            .get(claim)
            .and_then(|text| Subject::new(text.as_str()).ok())
    };
    let people = of_org.and_then(|_| subject_of(&claims.subject));
    let own: Option<EmployeeId> = match (claims.subject_kind, &people) {
        (SubjectKind::EmployeeId, Some(subject)) => EmployeeId::new(subject.as_str()).ok(),
        _ => None,
    };
    let with = |id: Option<&EmployeeId>| -> Vec<EmployeeId> {
        let about = about.iter().take(Asked::MOST);
        about.chain(id).cloned().collect()
    };
    let (mut loaded, machines) = store.load_caller(org, &with(own.as_ref())).await?;
    if let Some(subject) = subject_of(MACHINE)
        && let Some(machine) = machines.of(subject.as_str())
    {
        let may = machine.may.clone();
        return Ok(Admitted {
            caller: Caller::Machine { subject, may },
            loaded,
            is_unbound: false,
        });
    }
    let Some(subject) = people else {
        return Err(Error::Forbidden);
    };
    if claims.subject_kind == SubjectKind::Email && !is_verified(token) {
        return Err(Error::Forbidden);
    }
    if let Some(id) = loaded.logins.who(subject.as_str()).cloned() {
        if !loaded.users.contains_key(&id) {
            loaded = store.load(org, &with(Some(&id))).await?;
        }
        let user = loaded.users.get(&id).map(|user| user.as_of(&loaded.policy));
        let caller = user.filter(|user| has_login(claims.subject_kind, user, &subject));
        if let Some(caller) = caller.and_then(|user| privileged(&user, &subject, now)) {
            return Ok(Admitted {
                caller,
                loaded,
                is_unbound: false,
            });
        }
    }
    let ids = match claims.subject_kind {
        SubjectKind::EmployeeId => own.into_iter().collect(),
        SubjectKind::Email => match Email::new(subject.as_str()) {
            Ok(email) => store.with_email(org, &email.folded()).await?,
            Err(_) => Vec::new(),
        },
    };
    let unread = |id: &&EmployeeId| !loaded.users.contains_key(id);
    let unread: Vec<EmployeeId> = ids.iter().filter(unread).cloned().collect();
    if !unread.is_empty() {
        let most = unread.len().min(USERS_PER_READ);
        let others = store.load(org, &unread[..most]).await?;
        loaded.users.extend(others.users);
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
            loaded,
            is_unbound: true,
        });
    }
    let bootstrap = claims.bootstrap.as_deref() == Some(subject.as_str());
    let caller = if bootstrap && loaded.admins.is_empty() {
        Caller::Admin {
            subject,
            employee_id: None,
        }
    } else {
        Caller::Other {
            subject,
            employee_id: users.into_iter().next().map(|user| user.employee_id),
        }
    };
    Ok(Admitted {
        caller,
        loaded,
        is_unbound: false,
    })
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
    matches!(said, None | Some("true" | "null" | "<nil>"))
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
