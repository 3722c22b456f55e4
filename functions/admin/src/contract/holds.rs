//! Holds and runs.

use offramp_api::contract::Operation;
use offramp_api::view::{AnsweredView, HoldDetail, RunDetail, UndoneView};
use offramp_app::Error;
use offramp_domain::decide::Refusal;
use offramp_domain::{HoldId, RunId};
use serde_json::{Value, json};

use crate::Route;
use crate::holds::{HoldsView, MAX_ROWS, Part, ROWS, RunsView};

const HOLD: &str = "hold_01a2e5180dd74c18d63521345b6af170";
const RUN: &str = "run_01a2e3e194375928e15844c76f42a6b0";

fn hold() -> Value {
    json!({
        "hold_id": HOLD, "source": "hris", "rule": "max_percent", "state": "open", "run_id": RUN,
        "figures": { "people": 40, "in_window": 0, "active": 125, "max_users": 50, "max_percent": 20,
                     "window_hours": 24 },
        "opened_at": "2026-11-24T09:00:00Z", "people": 40, "left": 38, "answered_by": null, "answered_at": null,
        "first_approval": null, "version": 1,
    })
}

fn run() -> Value {
    json!({
        "run_id": RUN, "kind": "delivery", "source": "hris", "at": "2026-11-24T09:00:00Z", "by": null, "people": 2,
        "undone_by": null, "undone_at": null,
    })
}

fn with(mut whole: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    whole
}

pub(super) fn holds() -> Vec<Operation> {
    let one = |route: Route, summary| {
        Operation::of(route, summary)
            .path::<HoldId>("id", "The hold.", HOLD)
            .refuses([Error::NotFound("hold")])
    };
    let answer = |route: Route, summary| {
        let answered = with(
            hold(),
            &json!({
                "approval_run_id": RUN, "pending": 0,
                "results": [{ "employee_id": "E-1012", "outcome": "scheduled", "due_at": "2026-11-27T09:00:00Z" }],
            }),
        );
        one(route, summary)
            .about(
                "For those who were in it at the version that `If-Match` names, which is required: who joined since \
                 stays held. Each is decided anew against the present.",
            )
            .may_take::<Part>(json!({ "employee_ids": ["E-1012"] }))
            .needs_if_match()
            .answers::<AnsweredView>(200, "The hold after it, and what became of each", answered.clone())
            .answers::<AnsweredView>(202, "The same; a timer does those who are pending", answered)
            .versioned()
            .refuses([Error::HoldClosed, Error::SecondAdmin, Refusal::OnSelf.into()])
    };
    vec![
        Operation::of(Route::ListHolds, "Lists what safeguards have stopped, the newest first")
            .paged(MAX_ROWS, ROWS)
            .answers::<HoldsView>(200, "A page", json!({ "holds": [hold()], "next_cursor": null })),
        one(Route::GetHold, "Shows a hold, with a page of those who are in it")
            .cursor()
            .answers::<HoldDetail>(
                200,
                "The hold",
                with(
                    hold(),
                    &json!({
                        "figures_now": { "people": 38, "in_window": 0, "active": 123, "max_users": 50,
                                         "max_percent": 20, "window_hours": 24 },
                        "users": [{ "employee_id": "E-1012", "name": "Marcus Doyle", "email": "marcus.doyle@acme.example",
                                    "department": "Sales", "manager_id": "E-1003", "role": "member",
                                    "would": "leave", "cause": "hr",
                                    "status": "active", "active_cards": 2 }],
                        "next_cursor": null,
                    }),
                ),
            )
            .versioned(),
        answer(Route::ApproveHold, "Lets those go who are in a hold, or some of them"),
        answer(Route::RejectHold, "Keeps those who are in a hold, or some of them"),
    ]
}

pub(super) fn runs() -> Vec<Operation> {
    let one = |route: Route, summary| {
        Operation::of(route, summary)
            .path::<RunId>("run", "The run.", RUN)
            .refuses([Error::NotFound("run")])
    };
    vec![
        Operation::of(
            Route::ListRuns,
            "Lists deliveries, snapshots and approvals that ended somebody's access, the newest first",
        )
        .paged(MAX_ROWS, ROWS)
        .answers::<RunsView>(200, "A page", json!({ "runs": [run()], "next_cursor": null })),
        one(Route::GetRun, "Shows a run, with a page of its people")
            .cursor()
            .answers::<RunDetail>(
                200,
                "The run",
                with(
                    run(),
                    &json!({
                        "users": [{ "employee_id": "E-1012", "name": "Marcus Doyle",
                                    "email": "marcus.doyle@acme.example", "department": "Sales",
                                    "manager_id": "E-1003", "role": "member",
                                    "status": "deactivation_scheduled", "due_at": "2026-11-27T09:00:00Z",
                                    "undoable": true }],
                        "next_cursor": null,
                    }),
                ),
            ),
        one(Route::UndoRun, "Takes a run back")
            .about("What it began ends at once for people who are not deactivated yet. Who has no other ground against them is active again. A second time it touches nobody.")
            .answers::<UndoneView>(
                200,
                "Who is active again",
                with(run(), &json!({ "affected": 1, "users": ["E-1012"], "undone_at": "2026-11-24T10:00:00Z" })),
            ),
    ]
}
