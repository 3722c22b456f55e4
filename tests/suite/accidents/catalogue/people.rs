//! What people do meanwhile: leavers in truth, admins, weekends.

use serde_json::{Value, json};

use super::super::company::Step::*;
use super::super::list::List;
use super::{Accident, NIGHT, Promise, RIGHT, Size};
use crate::stepwise::ADA;

const NEXT_LIST: &str = "the next list, 16 hours later";

/// The last admin, as HR has them.
fn admin(list: &mut List, status: &str) {
    let admin =
        json!({ "employee_id": ADA, "status": status, "name": "Ada", "email": "ada@acme.example" });
    list.pages[0].push(admin);
}

fn lose_a_page(list: &mut List) {
    list.pages.remove(1);
}

pub(super) const ALL: &[Accident] = &[
    Accident {
        name: "A page is lost while somebody leaves",
        sends: "10 of 40 people are not in the list, and one is inactive who has left",
        righted: "an hour later an admin approves the leaver, and rejects the others; the next list",
        size: Size::Usual,
        steps: &[
            Leave(39..40),
            List(lose_a_page),
            Hours(1),
            ApproveOnly(39..40),
            Reject,
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("the leaver goes with the answer"),
    },
    Accident {
        name: "A page is lost on the evening before a long weekend",
        sends: "10 of 40 people are not in the list",
        righted: "the next list, 86 hours later: without a safeguard their cards are gone",
        size: Size::Usual,
        steps: &[List(lose_a_page), Hours(86), RIGHT],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "Two accidents at once",
        sends: "10 of 40 people are not in the list, and events call 5 others inactive",
        righted: "16 hours later events call them active, and a list has everybody",
        size: Size::Usual,
        steps: &[
            List(lose_a_page),
            Says(|company| company.words(30..35, "inactive")),
            NIGHT,
            Says(|company| company.words(30..35, "active")),
            RIGHT,
        ],
        promise: Promise::Nobody("the 5 join the hold that is open"),
    },
    Accident {
        name: "Another page is lost while a hold is open",
        sends: "10 of 40 people are not in the list, and 8 hours later 10 others",
        righted: "a list with everybody, 8 hours later",
        size: Size::Usual,
        steps: &[
            List(lose_a_page),
            Hours(8),
            List(|list| {
                list.pages.pop();
            }),
            Hours(8),
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "The last admin is called inactive",
        sends: "the only admin inactive",
        righted: "an hour later the admin rejects; the next list has them",
        size: Size::Usual,
        steps: &[
            List(|list| admin(list, "active")),
            List(|list| admin(list, "inactive")),
            Hours(1),
            Reject,
            NIGHT,
            List(|list| admin(list, "active")),
        ],
        promise: Promise::Nobody("also with the loosest limits"),
    },
    Accident {
        name: "An admin approves without looking",
        sends: "10 of 40 people are not in the list",
        righted: "an hour later an admin approves, 2 hours later undoes the run; the next list",
        size: Size::Usual,
        steps: &[
            List(lose_a_page),
            Hours(1),
            Approve,
            Hours(2),
            Undo,
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Some(
            "a safeguard asks, and the answer is an admin's; undo gives everybody back",
        ),
    },
    Accident {
        name: "A small department is lost, where leavers are deactivated at once",
        sends: "6 people of Finance are not in the list",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            Set(|| json!({ "deactivation_sync": { "behaviour": "immediate" } })),
            List(|list| list.without(0..6)),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Some(
            "6 of 40 are 15 %, below `max_percent`; without a grace period cards are gone at once",
        ),
    },
    Accident {
        name: "A source that was switched off sends",
        sends: "everybody inactive, to a source that is disabled",
        righted: "nothing has to be",
        size: Size::Usual,
        steps: &[
            Source("disabled"),
            List(|list| list.each(|record| record["status"] = json!("inactive"))),
            Says(|company| company.words(0..40, "inactive")),
            NIGHT,
            Source("active"),
            RIGHT,
        ],
        promise: Promise::Nobody("nothing is taken from it"),
    },
    Accident {
        name: "The column of managers is shifted",
        sends: "everybody active, with nobody as their manager or a stranger",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| {
                list.each_active(|record| record["manager_id"] = json!("A0199"));
                list.pages[3][0]["manager_id"] = Value::Null;
            }),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("no field ends anybody"),
    },
    Accident {
        name: "Everything is sent twice",
        sends: "each event about 3 people who leave, and each list, twice",
        righted: "nothing has to be",
        size: Size::Usual,
        steps: &[
            Leave(36..39),
            Says(|company| {
                [
                    company.words(36..39, "inactive"),
                    company.words(36..39, "inactive"),
                ]
                .concat()
            }),
            RIGHT,
            RIGHT,
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("the second time changes nothing"),
    },
];
