//! The admins of a request. Who of them is the last depends on the others, so their events are decided and committed one
//! person after the other, in the order of the request; a plan decides them in the same order.

use std::collections::BTreeSet;
use std::sync::Arc;

use offramp_domain::{AdminsChange, EmployeeId, Event, Role};

use crate::Result;
use crate::ports::Loaded;

/// True if the events of this person are decided in turn.
pub(super) fn in_turn(loaded: &Loaded, id: &EmployeeId) -> bool {
    let user = loaded.users.get(id);
    user.is_some_and(|user| user.role == Role::Admin)
}

/// The admins with access after a change of one of them.
pub(super) fn after(
    admins: &Arc<BTreeSet<EmployeeId>>,
    id: &EmployeeId,
    change: AdminsChange,
) -> Arc<BTreeSet<EmployeeId>> {
    let mut after = Arc::clone(admins);
    match change {
        AdminsChange::None => {}
        AdminsChange::Join => {
            Arc::make_mut(&mut after).insert(id.clone());
        }
        AdminsChange::Leave => {
            Arc::make_mut(&mut after).remove(id);
        }
    }
    after
}

/// An admin with their events, and what was read of them.
type Turn<'e> = (&'e EmployeeId, &'e [(usize, Event)], Loaded);

/// The admins of a request with their events, in its order.
#[derive(Default)]
pub(super) struct Admins<'e>(Vec<Turn<'e>>);

impl<'e> Admins<'e> {
    pub(super) fn push(
        &mut self,
        (id, events): (&'e EmployeeId, &'e [(usize, Event)]),
        loaded: &Loaded,
    ) {
        self.0.push((id, events, loaded.only(id)));
    }

    /// What becomes of each. Every one is decided on what those before have left; `decide` also says how the admins with
    /// access change.
    pub(super) fn each<T>(
        &self,
        decide: impl Fn(&Loaded, &EmployeeId, &[(usize, Event)]) -> Result<(T, AdminsChange)>,
    ) -> Result<Vec<(&'e EmployeeId, T)>> {
        let mut all = Vec::with_capacity(self.0.len());
        let mut admins = self.0.first().map(|(_, _, loaded)| loaded.admins.clone());
        for (id, events, loaded) in &self.0 {
            let mut loaded = loaded.clone();
            if let Some(admins) = &admins {
                loaded.admins = admins.clone();
            }
            let (decided, change) = decide(&loaded, id, events)?;
            admins = admins.map(|admins| after(&admins, id, change));
            all.push((*id, decided));
        }
        Ok(all)
    }
}
