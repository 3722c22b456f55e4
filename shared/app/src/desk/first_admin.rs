//! How an organisation comes to be: its first admin and its first source, made by whoever operates
//! the stack. The same again changes nothing, and no secret is shown twice.

use std::collections::BTreeMap;

use offramp_domain::{
    Access, Actor, Email, EmployeeId, Event, Field, Refusal, Role, SourceId, User,
};

use crate::desk::sources;
use crate::engine::execute::{Armed, How, execute};
use crate::identity::SubjectKind;
use crate::ports::{Breakers, Loaded, Seals, Source, Sources, Users};
use crate::{Error, Ports, Result, Tenant};

/// What is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Who becomes the first admin: the id that HR uses.
    pub employee_id: EmployeeId,
    /// What is shown of them, where nobody is known by that id yet.
    pub profile: BTreeMap<Field, String>,
    /// The first source, where one is wanted.
    pub source: Option<SourceId>,
}

/// What became of the admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// Somebody new, as an admin.
    Created,
    /// Somebody who was known, and is an admin now.
    Appointed,
    /// They were an admin already.
    Unchanged,
}

/// What there is now.
#[derive(Debug)]
pub struct Made {
    /// What became of the admin.
    pub admin: Became,
    /// The source, and its secret if this run has made it.
    pub source: Option<(Source, Option<String>)>,
}

/// Makes the first admin, then the first source. A run that died in between is taken up by the next;
/// where it died after the source was made its secret is lost, and is rotated.
///
/// # Errors
/// [`Error::Exists`] where the organisation has another admin or another source: this is no way
/// round its admins. [`Error::Invalid`] where the person could never sign in;
/// [`Refusal::NotActive`] where they have no access; a fault.
pub async fn make<P: Ports, K: Seals>(
    tenant: &Tenant<'_, P>,
    seals: &K,
    signs_in_by: SubjectKind,
    wanted: &Wanted,
    by: &Actor,
) -> Result<Made>
where
    P::Store: Users + Sources + Breakers,
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
    let admin = match appoint(tenant, signs_in_by, wanted, by).await {
        // Somebody was quicker; most likely the same call.
        Err(Error::Refused(Refusal::Exists)) => appoint(tenant, signs_in_by, wanted, by).await?,
        done => done?,
    };
    let source = match (&wanted.source, known) {
        (None, _) => None,
        (Some(_), Some(known)) => Some((known.clone(), None)),
        (Some(id), None) => match sources::create(tenant, seals, id, by).await {
            Ok((source, secret)) => Some((source, Some(secret))),
            Err(Error::Exists(_)) => Some((sources::get(tenant, id).await?, None)),
            Err(error) => return Err(error),
        },
    };
    Ok(Made { admin, source })
}

async fn appoint<P: Ports>(
    tenant: &Tenant<'_, P>,
    signs_in_by: SubjectKind,
    wanted: &Wanted,
    by: &Actor,
) -> Result<Became>
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
        && user.access_at(now) == Access::Granted
    {
        return Ok(Became::Unchanged);
    }
    if !loaded.admins.is_empty() {
        return Err(Error::Exists(
            "an admin of this organisation, who can appoint others",
        ));
    }
    let email = match &user {
        Some(user) => user.email().is_some(),
        None => wanted
            .profile
            .get(&Field::Email)
            .is_some_and(|email| Email::new(email.as_str()).is_ok()),
    };
    if signs_in_by == SubjectKind::Email && !email {
        let detail = "tokens name people by their address, and none is known of this one";
        return Err(Error::invalid("/admin/email", detail));
    }
    let (event, became) = match user {
        Some(user) if user.access_at(now) == Access::Granted => {
            let role = Role::Admin;
            let by = by.clone();
            (Event::SetRole { by, role }, Became::Appointed)
        }
        Some(_) => return Err(Refusal::NotActive.into()),
        None => {
            let event = Event::Add {
                by: by.clone(),
                employee_id: id.clone(),
                profile: wanted.profile.clone(),
                role: Role::Admin,
            };
            (event, Became::Created)
        }
    };
    execute(tenant, id, &event, &Armed::default(), How::default()).await?;
    Ok(became)
}

fn settled(loaded: &Loaded, id: &EmployeeId) -> Option<User> {
    let user = loaded.users.get(id)?;
    Some(user.settled(&loaded.policy))
}
