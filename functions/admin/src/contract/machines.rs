//! The routes of machines.

use offramp_api::contract::Operation;
use offramp_app::Error;
use offramp_app::ports::{Machine, MachineName};
use serde_json::{Value, json};

use crate::Route;
use crate::machines::{MachinesView, NewMachine};

pub(super) fn machines() -> Vec<Operation> {
    let example = || -> Value {
        json!({
            "name": "login-page", "subject": "0oa1b2c3d4e5", "may": ["access"],
            "created_at": "2026-11-24T09:00:00Z",
        })
    };
    vec![
        Operation::of(Route::ListMachines, "Lists the machines by name").answers::<MachinesView>(
            200,
            "All of them",
            json!({ "machines": [example()] }),
        ),
        Operation::of(Route::AddMachine, "Registers a machine")
            .about(
                "A token whose `sub` is this subject has these rights and no others, from the next request on. It need not \
                 name the organisation. `access` is for the two routes of login pages, `people` for lists of people and one \
                 of them (without `hr`, `birthday` and `login`), `cards` for the routes of cards, `events` for events.",
            )
            .takes::<NewMachine>(json!({
                "name": "login-page", "subject": "0oa1b2c3d4e5", "may": ["access"],
            }))
            .answers::<Machine>(201, "The machine", example())
            .refuses([
                Error::Exists("a machine with this name or subject"),
                Error::SubjectOfAdmin,
                Error::TooMany("100 machines"),
            ]),
        Operation::of(
            Route::RemoveMachine,
            "Removes a machine, whose tokens open nothing from the next request on",
        )
        .path::<MachineName>("name", "The machine.", "login-page")
        .answers::<Machine>(200, "The machine, as it was", example())
        .refuses([Error::NotFound("machine")]),
    ]
}
