//! The routes of users.

mod invite;
mod new;
mod views;

use offramp_api::http::Reply;
use offramp_api::view::{AccessView, HistoryView, UserDetail, UserView, UsersView};
use offramp_app::desk::addresses::{self, Holders};
use offramp_app::desk::users;
use offramp_app::desk::users::{Ended, MAX_PAGE, PAGE, Query};
use offramp_app::engine::closing::Reopened;
use offramp_app::engine::execute::Executed;
use offramp_app::identity::Caller;
use offramp_app::ports::{Loaded, Users};
use offramp_app::{Error, Fault, Result};
use offramp_domain::decide::Outcome;
use offramp_domain::ids::folded;
use offramp_domain::{
    Answering, Email, EmployeeId, Event, Field, GivenReason, Login, Role, Status, User, who_answers,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::idempotency::Once;
use crate::{Call, cursor, rfc3339};
pub(crate) use new::NewUser;
use views::beside_leave_date;
pub(crate) use views::{AddedView, RestoredView};

/// The most characters in a search. At four bytes each they fit a sort key of DynamoDB, which has at most 1,024 bytes.
pub(crate) const MAX_Q: usize = 254;
/// History entries on a page, at most and by default.
pub(crate) const ENTRIES: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewRole {
    role: Role,
    /// How tokens name the admin or auditor. Unless it is given: the login that counts, else the last that the person had,
    /// else the address, or the employee id where tokens have that.
    #[serde(default)]
    login: Option<Login>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewLogin {
    /// How tokens name the admin or auditor from now on.
    login: Login,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewDue {
    /// The new end of the grace period.
    #[cfg_attr(feature = "schema", schema(value_type = DateTime<Utc>))]
    due_at: String,
    /// Why, in the admin's words.
    reason: GivenReason,
}

/// What ended a user's access answers.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Ended))]
pub(crate) struct EndedView {
    status: Status,
    cards_cancelled: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cards_pending: Option<u32>,
    version: u64,
}

/// Takes out of a user what a machine is not shown.
fn narrow(user: &mut Value) {
    if let Value::Object(user) = user {
        for field in ["hr", "birthday", "login"] {
            user.remove(field);
        }
    }
}

/// A view as JSON.
fn json<T: Serialize>(view: &T) -> Result<Value> {
    let value = serde_json::to_value(view);
    Ok(value.map_err(|error| Fault::corrupt("write", error.to_string()))?)
}

impl Call<'_> {
    pub(crate) fn employee(&self) -> Result<EmployeeId> {
        EmployeeId::new(self.request.path("id")).map_err(|_| Error::NotFound("user"))
    }

    pub(crate) fn limit(&self, most: usize, unless: usize) -> Result<usize> {
        match self.request.query().get("limit") {
            None => Ok(unless.min(most)),
            Some(text) => match text.parse() {
                Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
                _ => Err(Error::invalid("/limit", format!("must be 1 to {most}"))),
            },
        }
    }

    pub(crate) async fn users(&self) -> Result<Reply> {
        let status = match self.request.query().get("status") {
            None => None,
            Some(text) => match Status::ALL
                .iter()
                .copied()
                .find(|status| status.as_str() == text)
            {
                Some(status) => Some(status),
                None => {
                    let known = Status::ALL.iter().map(|status| status.as_str());
                    let known = known.collect::<Vec<_>>().join(", ");
                    return Err(Error::invalid("/status", format!("must be one of {known}")));
                }
            },
        };
        let q = self.request.query().get("q").unwrap_or_default();
        if q.chars().count() > MAX_Q {
            return Err(Error::invalid(
                "/q",
                format!("must be at most {MAX_Q} characters"),
            ));
        }
        let bound = ["users", status.map_or("", Status::as_str), q];
        let after = self.after(&bound)?;
        let limit = self.limit(MAX_PAGE, PAGE)?;
        let query = Query {
            status,
            q: Some(q.to_owned()),
            limit,
            after,
        };
        let (mut page, policy) = users::list(&self.tenant(), &query).await?;
        page.next = page
            .next
            .map(|next| cursor::write(&self.org, &bound, &next));
        let view = UsersView::of(&page, self.seen(&policy));
        if !self.is_machines() {
            return Reply::json(200, &view);
        }
        let mut view = json(&view)?;
        if let Some(users) = view["users"].as_array_mut() {
            users.iter_mut().for_each(narrow);
        }
        Reply::json(200, &view)
    }

    pub(crate) async fn add_user(&self) -> Result<Reply> {
        let once = match self.once().await? {
            Ok(once) => once,
            Err(before) => return Ok(before),
        };
        let done = self.add_new_user(once.as_ref()).await;
        self.once_answered(once.as_ref(), done).await
    }

    async fn add_new_user(&self, once: Option<&Once>) -> Result<Reply> {
        let new: NewUser = self.request.json()?;
        let (employee_id, role, look_alike) = (new.id()?, new.role, new.look_alike);
        let login = new.login.clone();
        let profile = new.profile()?;
        if role.signs_in() {
            let address = profile.get(&Field::Email).map(String::as_str);
            let own = [address, Some(employee_id.as_str())];
            self.is_no_machines(login.as_ref(), own).await?;
        }
        let note = match profile.get(&Field::Email) {
            Some(email) => addresses::note(&self.tenant(), &employee_id, folded(email)).await?,
            None => None,
        };
        let event = Event::Add {
            by: self.caller.actor(),
            employee_id: employee_id.clone(),
            profile,
            role,
            login,
            signs_in_by: self.state.claims.subject_kind,
        };
        let answer = |user: &User, policy: &_| -> Result<Reply> {
            let view = AddedView {
                user: UserView::of(user, self.seen(policy)),
                note: note.clone(),
            };
            Ok(Reply::json(201, &view)?.with_version(user.version))
        };
        // The answer is known before the commit, because the decision determines the whole user.
        let id = std::slice::from_ref(&employee_id);
        let loaded = self.env.store.load_of(&self.org, None, id).await?;
        let planned = offramp_app::engine::execute::decide_on(
            &loaded,
            loaded.users.get(&employee_id),
            &event,
            &self.org,
            &self.env.clock,
        )?;
        if !look_alike {
            users::looks_like_nobody(&self.tenant(), &employee_id).await?;
        }
        let receipt = match (once, &planned.change) {
            (Some(once), Some(change)) => {
                Some(once.receipt(&answer(&change.user, &loaded.policy)?))
            }
            _ => None,
        };
        let done =
            users::change(&self.tenant(), &employee_id, &event, None, receipt.as_ref()).await?;
        let user = done.user.ok_or(Error::NotFound("user"))?;
        answer(&user, &done.loaded.policy)
    }

    pub(crate) async fn user(&self) -> Result<Reply> {
        let (user, cards, policy) = users::show(&self.tenant(), &self.employee()?).await?;
        let view = UserDetail::of(&user, &cards, self.seen(&policy));
        let reply = match self.is_machines() {
            true => {
                let mut view = json(&view)?;
                narrow(&mut view);
                Reply::json(200, &view)?
            }
            false => Reply::json(200, &view)?,
        };
        Ok(reply.with_version(user.version))
    }

    fn is_machines(&self) -> bool {
        matches!(self.caller, Caller::Machine { .. })
    }

    pub(crate) async fn deactivate_now(&self) -> Result<Reply> {
        self.end(&Event::DeactivateNow {
            by: self.caller.actor(),
        })
        .await
    }

    pub(crate) async fn delete_user(&self) -> Result<Reply> {
        self.end(&Event::Delete {
            by: self.caller.actor(),
        })
        .await
    }

    async fn end(&self, event: &Event) -> Result<Reply> {
        let id = self.employee()?;
        let if_match = self.request.if_match()?;
        let ended = users::end(&self.tenant(), &id, event, if_match, self.deadline).await?;
        let Ended {
            user,
            policy,
            cancelled,
            done,
        } = ended;
        let view = EndedView {
            status: user.as_of(&policy).status(),
            cards_cancelled: cancelled,
            cards_pending: (!done).then_some(user.active_cards),
            version: user.version,
        };
        let status = if done { 200 } else { 202 };
        Ok(Reply::json(status, &view)?.with_version(user.version))
    }

    /// Applies an event that may end a user's access, and answers with the user.
    /// Sets a leave date, and answers with the user. A note says what stands against them beside it.
    pub(crate) async fn end_and_show(&self, event: &Event) -> Result<Reply> {
        let id = self.employee()?;
        let if_match = self.request.if_match()?;
        let ended = users::end(&self.tenant(), &id, event, if_match, self.deadline).await?;
        let (user, policy) = (&ended.user, &ended.policy);
        let status = if ended.done { 200 } else { 202 };
        let view = RestoredView {
            user: UserView::of(user, self.seen(policy)),
            note: beside_leave_date(user),
            objectives_reopened: None,
            objectives_lost: None,
        };
        Ok(Reply::json(status, &view)?.with_version(user.version))
    }

    pub(crate) async fn restore(&self) -> Result<Reply> {
        let id = self.employee()?;
        let if_match = self.request.if_match()?;
        let (done, reopened) =
            users::restore(&self.tenant(), &id, &self.caller, if_match, self.deadline).await?;
        self.changed(done, reopened)
    }

    /// Confirms that the present address of a user is theirs.
    pub(crate) async fn confirm_address(&self) -> Result<Reply> {
        let by = self.caller.actor();
        self.change(&Event::ConfirmAddress { by }).await
    }

    pub(crate) async fn set_role(&self) -> Result<Reply> {
        let NewRole { role, login } = self.request.json()?;
        if role.signs_in() {
            let id = self.employee()?;
            let loaded = self
                .env
                .store
                .load(&self.org, std::slice::from_ref(&id))
                .await?;
            let user = loaded.users.get(&id);
            let address = user.and_then(|user| user.get(Field::Email));
            let bound = user.and_then(|user| user.bound.as_ref());
            let own = [address, bound.map(Login::as_str), Some(id.as_str())];
            self.is_no_machines(login.as_ref(), own).await?;
        }
        self.change(&Event::SetRole {
            by: self.caller.actor(),
            role,
            login,
            signs_in_by: self.state.claims.subject_kind,
        })
        .await
    }

    /// Changes the login of another admin, or of an auditor.
    pub(crate) async fn set_login(&self) -> Result<Reply> {
        let NewLogin { login } = self.request.json()?;
        self.is_no_machines(Some(&login), []).await?;
        self.change(&Event::SetLogin {
            by: self.caller.actor(),
            login,
            signs_in_by: self.state.claims.subject_kind,
        })
        .await
    }

    /// Moves the end of one user's grace period, and answers with the user.
    pub(crate) async fn set_due(&self) -> Result<Reply> {
        let NewDue { due_at, reason } = self.request.json()?;
        let due_at = rfc3339("/due_at", &due_at)?;
        let by = self.caller.actor();
        let event = Event::Postpone { by, due_at, reason };
        let id = self.employee()?;
        let if_match = self.request.if_match()?;
        let done = users::change(&self.tenant(), &id, &event, if_match, None).await?;
        let user = done.user.ok_or(Error::NotFound("user"))?;
        let view = UserView::of(&user, self.seen(&done.loaded.policy));
        Ok(Reply::json(200, &view)?.with_version(user.version))
    }

    async fn change(&self, event: &Event) -> Result<Reply> {
        let id = self.employee()?;
        let if_match = self.request.if_match()?;
        let done = users::change(&self.tenant(), &id, event, if_match, None).await?;
        self.changed(done, Reopened::default())
    }

    fn changed(&self, done: Executed, reopened: Reopened) -> Result<Reply> {
        let user = done.user.ok_or(Error::NotFound("user"))?;
        let note = match done.decision.answered.outcome {
            Outcome::Reactivated | Outcome::Restored | Outcome::Unchanged => {
                done.decision.answered.reason
            }
            _ => None,
        };
        let view = RestoredView {
            user: UserView::of(&user, self.seen(&done.loaded.policy)),
            note,
            objectives_reopened: Some(reopened.count).filter(|count| *count > 0),
            objectives_lost: Some(reopened.lost).filter(|count| *count > 0),
        };
        Ok(Reply::json(200, &view)?.with_version(user.version))
    }

    pub(crate) async fn access(&self) -> Result<Reply> {
        // An invalid id is answered like an unknown one.
        let Ok(id) = EmployeeId::new(self.request.path("id")) else {
            return Reply::json(200, &AccessView::of(None, self.seen(&Default::default())));
        };
        let Loaded { users, policy, .. } = &self.loaded;
        Reply::json(200, &AccessView::of(users.get(&id), self.seen(policy)))
    }

    pub(crate) async fn access_by_email(&self) -> Result<Reply> {
        let Some(email) = self
            .request
            .query()
            .get("email")
            .filter(|email| !email.is_empty())
        else {
            return Err(Error::invalid("/email", "is required"));
        };
        // An invalid address is answered like an unknown one.
        if Email::new(email).is_err() {
            return Reply::json(200, &AccessView::of(None, self.seen(&Default::default())));
        }
        let (loaded, Holders { address, had, .. }) = (&self.loaded, &self.holders);
        let users = self.holders.settled(loaded);
        let seen = self.seen(&loaded.policy);
        let view = match who_answers(address, &users, had, seen.now) {
            Answering::Of(user) => AccessView::of(Some(user), seen),
            Answering::Disputed { .. } => AccessView::disputed(),
            Answering::Nobody => AccessView::of(None, seen),
        };
        Reply::json(200, &view)
    }

    pub(crate) async fn history(&self) -> Result<Reply> {
        let id = self.employee()?;
        let bound = ["history", id.as_str()];
        let before = match self.request.query().get("cursor") {
            Some(cursor) => Some(
                cursor::read(&self.org, &bound, cursor)?
                    .parse()
                    .map_err(|_| Error::invalid("/cursor", "is not a cursor of this query"))?,
            ),
            None => None,
        };
        let limit = self.limit(ENTRIES, ENTRIES)?;
        let mut entries = users::history(&self.tenant(), &id, before, limit + 1).await?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next_cursor = match entries.last() {
            Some(last) if more => Some(cursor::write(&self.org, &bound, &last.version.to_string())),
            _ => None,
        };
        Reply::json(
            200,
            &HistoryView {
                entries,
                next_cursor,
            },
        )
    }
}
