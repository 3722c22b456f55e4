//! What answers look like.

use serde_json::{Value, json};

/// Somebody in the grace period.
pub(super) fn user() -> Value {
    json!({
        "employee_id": "E-1012", "name": "Marcus Doyle", "email": "marcus.doyle@acme.example", "team": "Field Sales",
        "department": "Sales", "cost_centre": "CC-210", "manager_id": "E-1001", "start_date": "2020-09-01",
        "birthday": "06-06", "role": "member", "status": "deactivation_scheduled", "badge": "Deactivation scheduled",
        "banner": "Access is revoked. On Saturday 28 November 2026 at 02:19 (Europe/Berlin) this user will be \
                   deactivated and 2 cards terminated.",
        "access": "revoked", "due_at": "2026-11-28T01:19:15Z",
        "grounds": [{
            "ground": "hr", "state": "in_force", "since": "2026-11-25T01:19:15Z", "due_at": "2026-11-28T01:19:15Z",
            "run_id": "run_01a2297c6e2b7d3f9b1c5a8e4f60d912",
        }],
        "active_cards": 2, "leave_date": null,
        "leave_date_by": null, "version": 4,
    })
}

/// The same, with all that belongs to them.
pub(super) fn whole_user() -> Value {
    let mut whole = user();
    whole["cause"] = json!("hr");
    whole["cards"] = json!([card()]);
    whole["hr"] = json!({
        "source": "hris", "status": "inactive", "occurred_at": "2026-11-25T01:19:15Z",
        "fingerprint": "1:4062d7e75b67ca26189bfb36ac1cb767", "record": { "name": "Marcus Doyle" },
    });
    whole["pending"] = json!({ "cards": false, "objectives": false, "notice": false });
    whole
}

/// A card.
pub(super) fn card() -> Value {
    json!({
        "card_id": "card_01a200d2f3c577eb8373081c4eb8f645", "label": "Books", "kind": "virtual", "last4": "4243",
        "external_id": null, "status": "frozen", "owner": "E-1012",
    })
}

/// An objective.
pub(super) fn objective() -> Value {
    json!({
        "objective_id": "obj_01a200d2f3c577eb8373081c4eb8f645", "title": "Open the office in Lyon", "status": "open",
        "owner": "E-1010",
    })
}

/// Settings as they are until somebody sets any.
pub(super) fn settings() -> Value {
    json!({
        "deactivation_sync": { "enabled": true, "behaviour": "delayed", "delay_days": 3 }, "on_missing": "deactivate",
        "restore_deleted_on": "any_change", "leave_dates": "manual", "invitations": "restored",
        "objectives": "complete", "time_zone": "Europe/Berlin",
        "safeguards": { "max_users": 50, "max_percent": 20, "window_hours": 24, "max_returns": 50, "max_invitations": 200,
                        "four_eyes_above": null },
        "access_during_grace": "revoked", "leave_date_is": "first_day_out", "delay_counts": "working_days", "weekend": ["saturday", "sunday"], "holidays": ["2026-12-25"],
        "reminders": { "before_leave_days": [1, 7] },
        "escalation": "on-call@acme.example", "escalate_after_hours": 4, "version": 1,
    })
}

/// A source.
pub(super) fn source() -> Value {
    json!({
        "source": "payroll", "state": "observing", "health": "healthy", "hold_id": null, "active_people": null,
        "deactivation_sync": { "behaviour": null, "delay_days": 1 },
        "last_delivery_at": "2026-11-25T01:20:03Z", "silent_after_hours": null, "silent_at": null,
        "secrets": [{ "version": 1, "created_at": "2026-11-25T01:20:03Z" }],
        "created_at": "2026-11-25T01:20:03Z", "version": 1,
    })
}

/// The same with its secret, which is shown once.
pub(super) fn source_with_secret() -> Value {
    let mut source = source();
    source["secret"] = json!("whsec_eaJa97mz60MZKLOEbTY3kEq2uCzuBktiPnF/VFpj4B4=");
    source
}

/// An entry of a history.
pub(super) fn entry() -> Value {
    json!({
        "version": 6, "at": "2026-11-22T01:14:08.686757536Z",
        "by": { "actor": "hr", "source": "hris", "event_id": "leaver-E-1007",
                "occurred_at": "2026-11-22T01:14:08.654Z" },
        "what": "scheduled", "due_at": "2026-11-25T01:14:08Z", "from": "active", "to": "deactivation_scheduled",
        "cause": "hr",
    })
}

/// Why somebody is where they are.
pub(super) fn explanation() -> Value {
    let waits = "HR says inactive. Access ended on Wednesday 25 November 2026 at 02:19 (Europe/Berlin); on Saturday 28 \
                 November 2026 at 02:19 (Europe/Berlin) the user is deactivated and their cards are terminated.";
    json!({
        "employee_id": "E-1012", "status": "deactivation_scheduled", "access": "revoked", "hr": "inactive",
        "hr_as_of": "2026-11-25T01:19:15Z",
        "reasons": [{ "code": "waiting_for_timer", "detail": waits }],
        "next": { "what": "deactivated", "at": "2026-11-28T01:19:15Z" },
        "would_change": [
            "HR marking them active", "an admin restoring them", "an admin turning the deactivation sync off",
            "a sync rule that leaves them out", "an admin taking back the run run_01a200d2f3c577eb8373081c4eb8f645",
        ],
        "text": [waits],
    })
}
