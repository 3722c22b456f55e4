//! Creates an organisation: its first admin and its first source, as an operator of the stack requests. A repeated
//! request changes nothing, and no secret is shown twice.

use std::collections::BTreeMap;

use offramp_domain::decide::Outcome;
use offramp_domain::{
    Actor, EmployeeId, Event, Field, Login, Refusal, Role, SourceId, SourceSync, SubjectKind, User,
};

use crate::desk::sources;
use crate::engine::execute::{Armed, ExecuteOptions, execute};
use crate::ports::{Breakers, Loaded, Policies, Seals, Source, Sources, Users};
use crate::{Error, Ports, Result, Tenant};

/// The request.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The employee id of the first admin, as HR uses it.
    pub employee_id: EmployeeId,
    /// The profile of the admin, if no user with that id exists yet.
    pub profile: BTreeMap<Field, String>,
    /// The login to bind; `None` for the address in the profile, or the employee id where tokens have that.
    pub login: Option<Login>,
    /// True if role and login of one person are set again, whoever is an admin.
    pub repair: bool,
    /// The first source; `None` if none is wanted.
    pub source: Option<SourceId>,
}

/// The result for the admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// A new user was created as an admin.
    Created,
    /// An existing user became an admin.
    Appointed,
    /// Role or login of a user were set again.
    Repaired,
    /// The user was an admin already.
    Unchanged,
}

/// The result of a request.
#[derive(Debug)]
pub struct Made {
    /// The result for the admin.
    pub admin: Became,
    /// The login of the admin; `None` if the admin is from before logins.
    pub login: Option<Login>,
    /// The source, and its secret if this run created it.
    pub source: Option<(Source, Option<String>)>,
}

/// Creates the first admin, then the first source. If a run dies in between, the next run continues. If it dies after
/// the source was created, the secret is lost and must be rotated.
///
/// # Errors
/// [`Error::Exists`] if the organisation has another admin or another source, so that its admins cannot be bypassed.
/// [`Error::Invalid`] if the person could never sign in. [`Refusal::NotActive`] if the person has no access. A fault.
pub async fn make<P: Ports, K: Seals>(
    tenant: &Tenant<'_, P>,
    seals: &K,
    signs_in_by: SubjectKind,
    wanted: &Wanted,
    by: &Actor,
) -> Result<Made>
where
    P::Store: Users + Sources + Breakers + Policies,
{
    let there = tenant.store.sources(tenant.org).await?;
    let known = wanted
        .source
        .as_ref()
        .and_then(|id| there.iter().find(|one| one.source == *id));
    if wanted.source.is_some() && known.is_none() && !there.is_empty() {
        return Err(Error::Exists(
            "a source of this organisation; an admin adds others",
        ));
    }
    let (admin, login) = match appoint(tenant, signs_in_by, wanted, by).await {
        // Another call came first, most likely the same request.
        Err(Error::Refused(Refusal::Exists)) => appoint(tenant, signs_in_by, wanted, by).await?,
        done => done?,
    };
    let source = match (&wanted.source, known) {
        (None, _) => None,
        (Some(_), Some(known)) => Some((known.clone(), None)),
        (Some(id), None) => {
            match sources::create(tenant, seals, id, SourceSync::default(), by).await {
                Ok((source, secret)) => Some((source, Some(secret))),
                Err(Error::Exists(_)) => Some((sources::get(tenant, id).await?, None)),
                Err(error) => return Err(error),
            }
        }
    };
    Ok(Made {
        admin,
        login,
        source,
    })
}

async fn appoint<P: Ports>(
    tenant: &Tenant<'_, P>,
    signs_in_by: SubjectKind,
    wanted: &Wanted,
    by: &Actor,
) -> Result<(Became, Option<Login>)>
where
    P::Store: Users,
{
    let id = &wanted.employee_id;
    let loaded = tenant
        .store
        .load(tenant.org, std::slice::from_ref(id))
        .await?;
    let now = tenant.clock.now();
    let user = settled(&loaded, id);
    if let Some(user) = &user
        && user.role == Role::Admin
        && user.is_active_at(now)
        && !wanted.repair
    {
        return Ok((Became::Unchanged, user.login().cloned()));
    }
    if !loaded.admins.is_empty() && !wanted.repair {
        return Err(Error::Exists(
            "an admin of this organisation, who can appoint others",
        ));
    }
    let login = login(wanted, signs_in_by);
    let known = user.as_ref().and_then(User::email);
    let named = match wanted.repair {
        // What is known may be what locks everybody out.
        true => login.is_some(),
        false => login.is_some() || known.is_some(),
    };
    if !named {
        let detail = "tokens name people by their address, and none is known of this one";
        return Err(Error::invalid("/admin/email", detail));
    }
    let (event, became) = match user {
        Some(user) if user.is_active_at(now) => {
            let role = Role::Admin;
            let by = by.clone();
            let event = Event::SetRole {
                by,
                role,
                login,
                signs_in_by,
            };
            let became = match wanted.repair {
                true => Became::Repaired,
                false => Became::Appointed,
            };
            (event, became)
        }
        Some(_) => return Err(Refusal::NotActive.into()),
        None => {
            let event = Event::Add {
                by: by.clone(),
                employee_id: id.clone(),
                profile: wanted.profile.clone(),
                role: Role::Admin,
                login,
                signs_in_by,
            };
            (event, Became::Created)
        }
    };
    let armed = Armed::default();
    let done = execute(tenant, id, &event, &armed, ExecuteOptions::default()).await?;
    let login = done.user.as_ref().and_then(User::login).cloned();
    let became = match done.decision.answered.outcome {
        Outcome::Unchanged => Became::Unchanged,
        _ => became,
    };
    Ok((became, login))
}

/// The login that the operator says, in words or by the address; the employee id where tokens have that.
fn login(wanted: &Wanted, signs_in_by: SubjectKind) -> Option<Login> {
    let implied = || match signs_in_by {
        SubjectKind::EmployeeId => Login::new(wanted.employee_id.as_str()).ok(),
        SubjectKind::Email => Login::new(wanted.profile.get(&Field::Email)?.as_str()).ok(),
    };
    wanted.login.clone().or_else(implied)
}

fn settled(loaded: &Loaded, id: &EmployeeId) -> Option<User> {
    let user = loaded.users.get(id)?;
    Some(user.as_of(&loaded.policy))
}
