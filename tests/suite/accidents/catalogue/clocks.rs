//! Clocks and dates.

use serde_json::json;

use super::super::company::Step::*;
use super::{Accident, NIGHT, Promise, RIGHT, Size};

const NEXT_LIST: &str = "the next list, 16 hours later";

pub(super) const ALL: &[Accident] = &[
    Accident {
        name: "HR's clock is a day ahead",
        sends: "*inactive* of tomorrow for 20 people",
        righted: "nothing has to be",
        size: Size::Usual,
        steps: &[
            Says(|company| company.words_of(24, 0..20, "inactive")),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("a word from more than 10 minutes ahead is rejected"),
    },
    Accident {
        name: "Epoch 0",
        sends: "*inactive* of 1970 for 20 people",
        righted: "nothing has to be",
        size: Size::Usual,
        steps: &[
            Says(|company| company.words_of(-24 * 365 * 56, 0..20, "inactive")),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("the words are older than all that is known"),
    },
    Accident {
        name: "An old export is replayed as of today",
        sends: "the list of last month: 10 of 40 had not joined",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[List(|list| list.without(30..40)), NIGHT, RIGHT],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "Each leave date is the first of this month",
        sends: "`leave_date` 2026-03-01 for everybody, where HR's dates count",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            Set(|| json!({ "leave_dates": "all" })),
            List(|list| list.each_active(|record| record["leave_date"] = json!("2026-03-01"))),
            NIGHT,
            List(|list| list.each_active(|record| record["leave_date"] = json!(null))),
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "Each leave date is 0001-01-01",
        sends: "the null of another system as `leave_date`, where HR's dates count",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            Set(|| json!({ "leave_dates": "all" })),
            List(|list| list.each_active(|record| record["leave_date"] = json!("0001-01-01"))),
            NIGHT,
            List(|list| list.each_active(|record| record["leave_date"] = json!(null))),
        ],
        promise: Promise::Nobody("a date before the start date never counts"),
    },
    Accident {
        name: "Day and month are swapped",
        sends: "`leave_date` 2026-03-12 for 3 December, of 12 people of a project",
        righted: "HR clears the dates on the morning of that day",
        size: Size::Usual,
        steps: &[
            Set(|| json!({ "leave_dates": "all" })),
            Says(|company| company.dates(10..22, json!("2026-03-12"))),
            Hours(210),
            Says(|company| company.dates(10..22, json!(null))),
        ],
        promise: Promise::Some(
            "the first 8 are a fifth of 40, which `max_percent` lets go; the other 4 are held",
        ),
    },
    Accident {
        name: "HR writes its local time as UTC",
        sends: "a leaver's *inactive*, 5 hours old as it seems, after a list of an hour ago",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            RIGHT,
            Hours(1),
            Leave(5..6),
            Says(|company| company.words_of(-5, 5..6, "inactive")),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("the word is stale: the leaver goes with the next list"),
    },
];
