//! The timers that a stored user expects to be armed.

use crate::ids::OrgId;
use crate::lifecycle::Lifecycle;
use crate::timer::Timer;
use crate::user::User;

impl User {
    /// The timers that were armed for the stored user: the end of the grace period, the leave date and its next
    /// reminder, and the finishing of a deactivation or of its end. A digest timer belongs to an organisation, so it is not among them.
    #[must_use]
    pub fn timers(&self, org: &OrgId) -> Vec<Timer> {
        let mut timers = Vec::new();
        if let Lifecycle::Scheduled(schedule) = self.lifecycle() {
            timers.push(Timer::Deactivate {
                org: org.clone(),
                employee_id: self.employee_id.clone(),
                source: self.origin.source().cloned(),
                generation: self.generation,
                due: schedule.fires_at(),
            });
        }
        if let Some(plan) = self.leave.plan {
            timers.push(Timer::Leave {
                org: org.clone(),
                employee_id: self.employee_id.clone(),
                source: self.origin.source().cloned(),
                plan: self.leave.count,
                due: plan.at,
            });
        }
        timers.extend(self.leave.remind_at.map(|due| Timer::Remind {
            org: org.clone(),
            employee_id: self.employee_id.clone(),
            plan: self.leave.count,
            due,
        }));
        let pending = self.pending.due.filter(|_| !self.pending.is_done());
        let finishing = [pending, self.reopening.map(|reopening| reopening.due)];
        timers.extend(finishing.into_iter().flatten().map(|due| Timer::Finish {
            org: org.clone(),
            employee_id: self.employee_id.clone(),
            generation: self.generation,
            due,
            swept: false,
        }));
        timers
    }
}
