//! The invitation that an admin asks for.

use offramp_api::http::Reply;
use offramp_api::view::UserView;
use offramp_app::desk::users;
use offramp_app::engine::execute::decide_on;
use offramp_app::ports::Users;
use offramp_app::{Error, Result};
use offramp_domain::{Event, Policy, User};

use crate::Call;
use crate::idempotency::Once;

impl Call<'_> {
    /// Has a user invited by the next digest, which is two minutes away.
    pub(crate) async fn invite(&self) -> Result<Reply> {
        let once = match self.once().await? {
            Ok(once) => once,
            Err(before) => return Ok(before),
        };
        let done = self.invite_once(once.as_ref()).await;
        self.once_answered(once.as_ref(), done).await
    }

    async fn invite_once(&self, once: Option<&Once>) -> Result<Reply> {
        let id = self.employee()?;
        let if_match = self.request.if_match()?;
        let by = self.caller.actor();
        let event = Event::Invite { by };
        let answer = |user: &User, policy: &Policy| -> Result<Reply> {
            let view = UserView::of(user, self.seen(policy));
            Ok(Reply::json(202, &view)?.with_version(user.version))
        };
        let receipt = match once {
            Some(once) => {
                // The answer is known before the commit, because the decision determines the whole user.
                let asked = std::slice::from_ref(&id);
                let loaded = self.env.store.load(&self.org, asked).await?;
                let user = loaded.users.get(&id);
                let planned = decide_on(&loaded, user, &event, &self.org, &self.env.clock)?;
                let user = planned.change.map(|change| change.user);
                let reply = user.map(|user| answer(&user, &loaded.policy)).transpose()?;
                reply.map(|reply| once.receipt(&reply))
            }
            None => None,
        };
        let done = users::change(&self.tenant(), &id, &event, if_match, receipt.as_ref()).await?;
        let user = done.user.ok_or(Error::NotFound("user"))?;
        answer(&user, &done.loaded.policy)
    }
}
