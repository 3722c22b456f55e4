//! Registers machines and removes them, on behalf of admins.

use offramp_domain::{Actor, Notice, Power};

use crate::backoff::until_won;
use crate::engine::breaker::tell;
use crate::ports::{
    Committed, Machine, MachineChange, MachineEntry, MachineName, Machines, Registry,
};
use crate::{Error, Ports, Result, Tenant};

/// Registers a machine.
///
/// # Errors
/// [`Error::Exists`] for a name or a subject that a machine has, [`Error::SubjectOfAdmin`] for an admin's or auditor's,
/// [`Error::TooMany`], a fault, or [`Error::Busy`].
pub async fn register<P: Ports>(tenant: &Tenant<'_, P>, machine: &Machine, by: &Actor) -> Result<()>
where
    P::Store: Registry,
{
    until_won(|| async {
        let (loaded, mut machines) = tenant.store.load_caller(tenant.org, &[]).await?;
        if loaded.logins.who(machine.subject.as_str()).is_some() {
            return Err(Error::SubjectOfAdmin);
        }
        let known = |one: &Machine| one.name == machine.name || one.subject == machine.subject;
        if machines.machines.iter().any(known) {
            return Err(Error::Exists("a machine with this name or subject"));
        }
        if machines.machines.len() >= Machines::MOST {
            return Err(Error::TooMany("100 machines"));
        }
        machines.machines.push(machine.clone());
        machines.machines.sort_by(|a, b| a.name.cmp(&b.name));
        let machine = machine.clone();
        let change = MachineChange::Registered { machine };
        put(tenant, machines, change, by).await
    })
    .await
}

/// Removes a machine: from the next request on its tokens open nothing.
///
/// # Errors
/// [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn remove<P: Ports>(
    tenant: &Tenant<'_, P>,
    name: &MachineName,
    by: &Actor,
) -> Result<Machine>
where
    P::Store: Registry,
{
    until_won(|| async {
        let mut machines = tenant.store.machines(tenant.org).await?;
        let at = machines.machines.iter().position(|one| one.name == *name);
        let machine = machines
            .machines
            .remove(at.ok_or(Error::NotFound("machine"))?);
        let change = MachineChange::Removed {
            machine: machine.clone(),
        };
        let done = put(tenant, machines, change, by).await?;
        Ok(done.map(|()| machine))
    })
    .await
}

/// Writes the machines as they are after a change; `None` if another admin changed them meanwhile.
async fn put<P: Ports>(
    tenant: &Tenant<'_, P>,
    mut machines: Machines,
    change: MachineChange,
    by: &Actor,
) -> Result<Option<()>>
where
    P::Store: Registry,
{
    machines.version += 1;
    let entry = MachineEntry {
        at: tenant.clock.now(),
        by: by.clone(),
        version: machines.version,
        change,
    };
    let (machine, removed) = match &entry.change {
        MachineChange::Registered { machine } => (machine, false),
        MachineChange::Removed { machine } => (machine, true),
    };
    let may = machine
        .may
        .iter()
        .map(|right| <&str>::from(right).to_owned());
    let what = Power::Machine {
        name: machine.name.as_str().to_owned(),
        subject: machine.subject.clone(),
        may: may.collect(),
        removed,
    };
    let notice = Notice::of_power(entry.at, by, what, entry.version);
    tell(tenant, &notice).await?;
    let put = tenant
        .store
        .put_machines(tenant.org, &machines, &entry, &notice);
    let done = put.await?;
    Ok((done == Committed::Done).then_some(()))
}
