//! The routes of machines.

use std::collections::BTreeSet;

use offramp_api::http::Reply;
use offramp_app::desk::machines;
use offramp_app::identity::MACHINE;
use offramp_app::ports::{Machine, MachineName, Registry, Right};
use offramp_app::{Error, Result};
use offramp_domain::decide::Refusal;
use offramp_domain::{Login, Subject};
use serde::{Deserialize, Serialize};

use crate::Call;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewMachine {
    name: MachineName,
    /// The `sub` of its tokens, exactly.
    subject: Subject,
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Right>, min_items = 1))]
    may: BTreeSet<Right>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Machines))]
pub(crate) struct MachinesView {
    machines: Vec<Machine>,
}

impl Call<'_> {
    pub(crate) async fn machines(&self) -> Result<Reply> {
        let machines = self.env.store.machines(&self.org).await?.machines;
        Reply::json(200, &MachinesView { machines })
    }

    pub(crate) async fn add_machine(&self) -> Result<Reply> {
        let NewMachine { name, subject, may } = self.request.json()?;
        if may.is_empty() {
            return Err(Error::invalid("/may", "must name a right"));
        }
        // A machine is asked for first, so whoever is one by their own token is an admin no more.
        if self.request.claims().get(MACHINE).map(String::as_str) == Some(subject.as_str()) {
            return Err(Error::SubjectOfAdmin);
        }
        let machine = Machine {
            name,
            subject,
            may,
            created_at: self.env.clock.now(),
        };
        machines::register(&self.tenant(), &machine, &self.caller.actor()).await?;
        Reply::json(201, &machine)
    }

    pub(crate) async fn remove_machine(&self) -> Result<Reply> {
        let name = MachineName::new(self.request.path("name"));
        let name = name.map_err(|_| Error::NotFound("machine"))?;
        let machine = machines::remove(&self.tenant(), &name, &self.caller.actor()).await?;
        Reply::json(200, &machine)
    }

    /// Refuses an appointment whose login would be a machine's subject: a machine is asked for first, so whoever has it would
    /// be that machine. Without a `login` the appointment takes one of the person's `own`.
    pub(crate) async fn is_no_machines<const N: usize>(
        &self,
        login: Option<&Login>,
        own: [Option<&str>; N],
    ) -> Result<()> {
        let machines = self.env.store.machines(&self.org).await?;
        let own = own.into_iter().flatten().filter(|_| login.is_none());
        let mut wanted = login.map(Login::as_str).into_iter().chain(own);
        match wanted.any(|login| machines.of(login).is_some()) {
            true => Err(Refusal::LoginTaken.into()),
            false => Ok(()),
        }
    }
}
