//! The last look at policy and breaker before the first card is touched.

use offramp_domain::Event;

use super::Run;
use super::seen::Seen;
use crate::engine::execute::{ExecuteOptions, decide_on, execute};
use crate::ports::{Cards, Objectives, Users};
use crate::{Ports, Result};

impl<P: Ports> Run<'_, P>
where
    P::Store: Users + Cards + Objectives,
{
    /// Takes the deactivation back if policy or breaker have ended or kept it since it was decided. Both are read after
    /// the commit and before the first card, so an admin's change that came before that commit is never overtaken.
    pub(super) async fn takes_back(&self, seen: &Seen) -> Result<bool> {
        let (tenant, id) = (&self.tenant, self.id);
        let source = seen.user.origin.source();
        // The breaker was not read if the caller did not know the user's source.
        let mut loaded = match source.is_none() || source == self.source {
            true => seen.loaded.clone(),
            false => {
                let ids = std::slice::from_ref(id);
                tenant.store.load_of(tenant.org, source, ids).await?
            }
        };
        let user = loaded
            .users
            .entry(id.clone())
            .or_insert_with(|| seen.user.clone());
        let event = Event::Reconsider {
            generation: self.generation,
        };
        let user = user.clone();
        let decision = decide_on(&loaded, Some(&user), &event, tenant.org, &tenant.clock)?;
        if decision.change.is_none() {
            return Ok(false);
        }
        let how = ExecuteOptions {
            loaded: Some(loaded),
            source,
            ..ExecuteOptions::default()
        };
        let executed = execute(tenant, id, &event, &self.armed, how).await?;
        Ok(executed.decision.change.is_some())
    }
}
