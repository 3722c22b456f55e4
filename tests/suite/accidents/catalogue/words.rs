//! Status words that are wrong, or come at the wrong time.

use serde_json::json;

use super::super::company::Step::*;
use super::super::list::former_id;
use super::{Accident, NIGHT, Promise, RIGHT, Size};

const NEXT_LIST: &str = "the next list, 16 hours later";

pub(super) const ALL: &[Accident] = &[
    Accident {
        name: "The mapping of the status is inverted",
        sends: "40 people inactive, and 55 who left long ago active",
        righted: NEXT_LIST,
        size: Size::Old,
        steps: &[
            List(|list| {
                list.each(|record| {
                    let active = record["status"] == "active";
                    record["status"] = json!(if active { "inactive" } else { "active" });
                });
            }),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "The status is a word that nobody knows",
        sends: "`Beurlaubt` for everybody",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| list.each(|record| record["status"] = json!("Beurlaubt"))),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody(
            "each record is rejected, and the person neither changed nor missing",
        ),
    },
    Accident {
        name: "A script calls one after the other inactive",
        sends: "20 events, 10 minutes apart",
        righted: "HR calls them active 5 hours after the last",
        size: Size::Usual,
        steps: &[
            OneByOne(0..20, "inactive", 10),
            Hours(5),
            Says(|company| company.words(0..20, "active")),
        ],
        promise: Promise::Some(
            "the first 8 are a fifth of 40, which `max_percent` lets go; the 12 who follow are held",
        ),
    },
    Accident {
        name: "A trickle that stays just below the limits",
        sends: "8 events, an hour apart",
        righted: "HR calls them active 5 hours after the last",
        size: Size::Usual,
        steps: &[
            OneByOne(0..8, "inactive", 60),
            Hours(5),
            Says(|company| company.words(0..8, "active")),
        ],
        promise: Promise::Some("8 of 40 are a fifth, and `max_percent` stops what is more"),
    },
    Accident {
        name: "A large group flaps",
        sends: "12 people are missing from each second list, 4 lists an hour apart",
        righted: "the last of them",
        size: Size::Usual,
        steps: &[
            List(|list| list.without(5..17)),
            Hours(1),
            RIGHT,
            Hours(1),
            List(|list| list.without(5..17)),
            Hours(1),
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "Webhooks arrive out of order",
        sends: "of 20 people *active*, and then an older *inactive*",
        righted: "nothing has to be",
        size: Size::Usual,
        steps: &[
            Says(|company| company.words_of(-1, 0..20, "active")),
            Says(|company| company.words_of(-2, 0..20, "inactive")),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("the older word is stale"),
    },
    Accident {
        name: "Webhooks are a day late",
        sends: "a list with everybody, and then *inactive* of the day before for 20 people",
        righted: "nothing has to be",
        size: Size::Usual,
        steps: &[
            RIGHT,
            Says(|company| company.words_of(-24, 0..20, "inactive")),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("a word from before the last list is stale"),
    },
    Accident {
        name: "People who will leave are sent as gone",
        sends: "3 people inactive, whose last day is next month",
        righted: "5 hours later HR calls them active",
        size: Size::Usual,
        steps: &[
            Says(|company| company.words(30..33, "inactive")),
            Hours(5),
            Says(|company| company.words(30..33, "active")),
        ],
        promise: Promise::Some("3 leavers on one day are nothing unusual"),
    },
    Accident {
        name: "The whole history is sent as returns",
        sends: "55 people active who left long ago",
        righted: NEXT_LIST,
        size: Size::Old,
        steps: &[
            List(|list| list.each(|record| record["status"] = json!("active"))),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "A part of the history is sent as returns",
        sends: "20 people active who left long ago",
        righted: "the next list, 16 hours later, which is held itself: 20 of 60 are to leave; an admin approves after an hour",
        size: Size::Old,
        steps: &[
            List(|list| {
                list.each(|record| {
                    if (0..20).any(|number| record["employee_id"] == former_id(number)) {
                        record["status"] = json!("active");
                    }
                });
            }),
            NIGHT,
            RIGHT,
            Hours(1),
            Approve,
        ],
        promise: Promise::Nobody("20 are below `max_returns`: they are let in"),
    },
];
