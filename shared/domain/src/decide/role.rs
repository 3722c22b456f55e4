//! The decisions on roles, and on the logins of admins and auditors.

use chrono::TimeDelta;

use super::by_hand::not_on_self;
use super::change::{Draft, show};
use super::context::{Context, is_last_admin};
use super::decision::{Answered, Decision, Outcome, Refusal, nothing};
use crate::actor::{Actor, SubjectKind};
use crate::history::Happening;
use crate::ids::{Email, Login};
use crate::lifecycle::{Lifecycle, Role};
use crate::user::User;

/// How long an appointment needs a login after HR has changed the address. Within this time nobody may have noticed that
/// the address is somebody else's.
const ADDRESS_IS_NEW: TimeDelta = TimeDelta::days(7);

/// What an admin wants of somebody's role.
pub(super) struct Appointment<'a> {
    pub(super) role: Role,
    pub(super) login: Option<&'a Login>,
    pub(super) signs_in_by: SubjectKind,
}

impl Appointment<'_> {
    /// The login that the appointment of this user binds; `None` for a member.
    pub(super) fn login_of(
        &self,
        user: &User,
        ctx: &Context<'_>,
    ) -> Result<Option<Login>, Refusal> {
        if !self.role.signs_in() {
            return match self.login {
                Some(_) => Err(Refusal::NoLogin),
                None => Ok(None),
            };
        }
        let login = match (self.login, user.login()) {
            (Some(login), _) => login.clone(),
            (None, Some(present)) => return Ok(Some(present.clone())),
            (None, None) => self.implied(user, ctx)?,
        };
        free(&login, self.signs_in_by, user, ctx)?;
        Ok(Some(login))
    }

    /// The login of an appointment that names none: the last that the person had, else what tokens name them by.
    fn implied(&self, user: &User, ctx: &Context<'_>) -> Result<Login, Refusal> {
        let of_address = self.signs_in_by == SubjectKind::Email;
        let is_new = |at| ctx.now - at < ADDRESS_IS_NEW;
        if of_address && user.address_changed.is_some_and(is_new) {
            return Err(Refusal::AddressChanged);
        }
        if let Some(last) = &user.bound {
            return Ok(last.clone());
        }
        named_by(user, self.signs_in_by).ok_or(Refusal::NoAddress)
    }
}

/// What tokens name a user by who has no login.
fn named_by(user: &User, signs_in_by: SubjectKind) -> Option<Login> {
    match signs_in_by {
        SubjectKind::EmployeeId => Login::new(user.employee_id.as_str()).ok(),
        SubjectKind::Email => Login::new(user.email()?.as_str()).ok(),
    }
}

/// Checks that a token may have this subject, and that it is nobody else's.
fn free(
    login: &Login,
    signs_in_by: SubjectKind,
    user: &User,
    ctx: &Context<'_>,
) -> Result<(), Refusal> {
    if signs_in_by == SubjectKind::Email && Email::new(login.as_str()).is_err() {
        return Err(Refusal::LoginNoAddress);
    }
    match ctx.logins.who(login.as_str()) {
        Some(who) if *who != user.employee_id => Err(Refusal::LoginTaken),
        _ => Ok(()),
    }
}

/// Gives the user a role, and binds the login of an admin or auditor.
pub(super) fn set_role(
    stored: &User,
    settled: User,
    by: &Actor,
    wanted: &Appointment<'_>,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    if matches!(settled.lifecycle(), Lifecycle::Deleted { .. }) {
        return Err(Refusal::Deleted);
    }
    let role = wanted.role;
    if settled.role == role && wanted.login.is_none() {
        return Ok(nothing(Answered::of(Outcome::Unchanged)));
    }
    if settled.role == Role::Admin && role != Role::Admin {
        not_on_self(by, stored)?;
        if is_last_admin(&settled, ctx) {
            return Err(Refusal::LastAdmin);
        }
    }
    let login = wanted.login_of(&settled, ctx)?;
    if settled.role == role && settled.login() == login.as_ref() {
        return Ok(nothing(Answered::of(Outcome::Unchanged)));
    }
    if settled.role.signs_in() && settled.login() != login.as_ref() {
        not_on_self(by, stored)?;
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().role = role;
    // Of an admin's leave date the other admins are told.
    draft.plan_reminder(role == Role::Admin);
    if login.is_some() {
        draft.user().bound = login;
    }
    Ok(changed(draft, by))
}

/// Changes the login of an admin or auditor. Nobody changes their own.
pub(super) fn set_login(
    stored: &User,
    settled: User,
    by: &Actor,
    (login, signs_in_by): (&Login, SubjectKind),
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    if matches!(settled.lifecycle(), Lifecycle::Deleted { .. }) {
        return Err(Refusal::Deleted);
    }
    if !settled.role.signs_in() {
        return Err(Refusal::NoLogin);
    }
    not_on_self(by, stored)?;
    free(login, signs_in_by, &settled, ctx)?;
    if settled.login() == Some(login) {
        return Ok(nothing(Answered::of(Outcome::Unchanged)));
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().bound = Some(login.clone());
    Ok(changed(draft, by))
}

/// Binds the login of somebody who was appointed before there were logins. From then on HR may change the address; a change
/// that it made before is shown now.
pub(super) fn bind(
    stored: &User,
    settled: User,
    by: &Actor,
    signs_in_by: SubjectKind,
    ctx: &Context<'_>,
) -> Decision {
    let unchanged = nothing(Answered::of(Outcome::Unchanged));
    if !settled.is_unbound() || matches!(settled.lifecycle(), Lifecycle::Deleted { .. }) {
        return unchanged;
    }
    let Some(login) = named_by(&settled, signs_in_by) else {
        return unchanged;
    };
    if free(&login, signs_in_by, &settled, ctx).is_err() {
        return unchanged;
    }
    let id = &settled.employee_id;
    let record = settled.hr.as_ref();
    let in_sync = record.is_some_and(|record| ctx.rule.includes(id, record) == Ok(true));
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().bound = Some(login);
    if in_sync {
        show(draft.user());
    }
    changed(draft, by)
}

/// A decision with a role or a login that has changed.
fn changed(draft: Draft<'_>, by: &Actor) -> Decision {
    let (role, auditor) = draft.so_far().role.stored();
    let happening = Happening::RoleChanged {
        role,
        auditor,
        login: draft.new_login(),
    };
    draft.commit(Answered::of(Outcome::Updated), by, happening)
}
