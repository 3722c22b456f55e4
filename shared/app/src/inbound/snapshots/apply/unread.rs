//! What of a snapshot could not be read or was rejected.

use std::collections::BTreeMap;

use offramp_domain::{EmployeeId, Snapshot, Warning};

use super::Applying;
use crate::engine::many::{Answer, Events};
use crate::inbound::rejections::{self, Rejected};
use crate::inbound::snapshots::compare::Unreadable;
use crate::ports::{
    About, Breakers, Lookalikes, Objectives, Observed, Rejections, Rosters, Snapshots, Users,
};
use crate::{Ports, Result};

/// What could not be read of a part of a snapshot.
#[derive(Default)]
pub(super) struct Unread {
    /// Whole records.
    pub(super) records: Vec<(EmployeeId, Unreadable)>,
    /// Fields of people whom the snapshot does not change.
    pub(super) fields: Vec<(EmployeeId, Vec<Warning>)>,
}

impl<P: Ports> Applying<'_, P>
where
    P::Store:
        Users + Breakers + Lookalikes + Snapshots + Rosters + Objectives + Observed + Rejections,
{
    /// Stores the rejected records and the fields that could not be read, and tells of people who may have left. A
    /// repeated step stores them again.
    pub(super) async fn rejected(
        &self,
        snapshot: &Snapshot,
        unread: &Unread,
        people: &[(EmployeeId, Events)],
        answered: &[(usize, Answer)],
    ) -> Result<()> {
        let at = self.tenant.clock.now();
        let about = |gone| About {
            event_id: None,
            occurred_at: Some(snapshot.occurred_at),
            gone,
        };
        let mut rejected = Rejected::default();
        for (id, Unreadable { reason, gone }) in &unread.records {
            let about = about(*gone);
            let rejection = about.rejected(at, Some(id.as_str()), Some(reason));
            rejected.refuse(&about, rejection, false);
        }
        let events = people
            .iter()
            .filter_map(|(id, events)| Some((id.as_str(), About::event(&events.first()?.1))));
        let events: BTreeMap<&str, About> = events.collect();
        for (_, answer) in answered {
            let id = answer.employee_id.as_deref().unwrap_or_default();
            if let Some(about) = events.get(id) {
                rejected.add(about, answer, at);
            }
        }
        for (id, warnings) in &unread.fields {
            let about = about(false);
            let warnings = warnings.iter();
            rejected
                .kept
                .extend(warnings.map(|warning| about.warned(at, id.as_str(), warning)));
        }
        for one in &mut rejected.kept {
            one.snapshot_id = Some(snapshot.snapshot.clone());
        }
        let source = &snapshot.source;
        rejections::keep(&self.tenant, source, rejected.kept, self.deadline).await;
        if snapshot.observing {
            return Ok(());
        }
        rejections::told(&self.tenant, source, &rejected.refused).await
    }
}
