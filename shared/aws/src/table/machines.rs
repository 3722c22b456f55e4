//! The machines of an organisation: one item, and an entry for each change of it.

use offramp_app::Fault;
use offramp_app::ports::{Committed, Loaded, MachineEntry, Machines, Registry};
use offramp_domain::{EmployeeId, Notice, OrgId};

use super::Table;
use super::item::Item;
use super::transaction::{Expression, Parts};
use super::users::notice_item;
use crate::keys;

impl Registry for Table {
    async fn machines(&self, org: &OrgId) -> Result<Machines, Fault> {
        let item = self.get(&keys::machines(org)).await?;
        item.map_or_else(|| Ok(Machines::default()), |item| item.read())
    }

    async fn load_caller(
        &self,
        org: &OrgId,
        ids: &[EmployeeId],
    ) -> Result<(Loaded, Machines), Fault> {
        let own = [keys::machines(org)];
        let (loaded, others) = self.load_with(org, None, ids, &own).await?;
        let machines = others.first().map(Item::read).transpose()?;
        Ok((loaded.as_seen(), machines.unwrap_or_default()))
    }

    async fn put_machines(
        &self,
        org: &OrgId,
        machines: &Machines,
        entry: &MachineEntry,
        notice: &Notice,
    ) -> Result<Committed, Fault> {
        let when = match machines.version {
            1 => Expression::new("attribute_not_exists(pk)"),
            version => Expression::new("version = :version").number(":version", version - 1),
        };
        let item = Item::new(keys::machines(org))
            .number("version", machines.version)
            .data(machines)?;
        let what = keys::machine_change(entry.version);
        let past = Item::new(keys::machine_entry(org, entry.version))
            .data(entry)?
            .indexed(keys::AUDIT, keys::audit(org, entry.at, &what));
        let mut parts = Parts::default();
        parts.put(self, item, Some(when))?;
        parts.put(self, past, None)?;
        parts.put(self, notice_item(org, notice)?, None)?;
        self.write(parts).await
    }
}
