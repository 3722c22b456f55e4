//! Lists that are not whole.

use serde_json::Value;

use super::super::company::Step::*;
use super::{Accident, NIGHT, Promise, RIGHT, Size};

const NEXT_LIST: &str = "the next list, 16 hours later";

pub(super) const ALL: &[Accident] = &[
    Accident {
        name: "A page in the middle is lost",
        sends: "10 of 40 people are not in the list",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| {
                list.pages.remove(1);
            }),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "The last page is cut off",
        sends: "10 of 40 people are not in the list",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| {
                list.pages.pop();
            }),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "The list is empty",
        sends: "a list without pages: an error upstream that was taken for nobody",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[List(|list| list.pages.clear()), NIGHT, RIGHT],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "One page comes back empty",
        sends: "a list with a hole: 6 people are missing, and one page has nobody",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| {
                list.without(34..40);
                list.pages.insert(2, Vec::new());
            }),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "The API's user loses its rights to a department",
        sends: "HTTP 200, and 6 people of Finance are not in the list",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| list.retain(|one| one["department"] != "Finance")),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Some("6 of 40 are 15 %, below `max_percent`: as many may leave in a day"),
    },
    Accident {
        name: "The API's user loses its rights to fields",
        sends: "everybody active, with null for each name, address and department",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| {
                list.each(|record| {
                    for field in ["name", "email", "department", "manager_id"] {
                        record[field] = Value::Null;
                    }
                });
            }),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody("no field ends anybody"),
    },
    Accident {
        name: "A list for a test is sent in earnest",
        sends: "2 people",
        righted: "an admin rejects an hour later; the next list, 16 hours later",
        size: Size::Usual,
        steps: &[
            List(|list| {
                list.pages = vec![list.pages[3][..2].to_vec()];
            }),
            Hours(1),
            Reject,
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "Half of a batch arrives",
        sends: "the first 2 pages of 4; the export dies before it completes them",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[Begun(|list| list.pages.truncate(2)), NIGHT, RIGHT],
        promise: Promise::Nobody("a list that is not completed is not applied"),
    },
    Accident {
        name: "Two exports run at once",
        sends: "a list that lacks two pages is begun, and then a whole one",
        righted: "at once",
        size: Size::Usual,
        steps: &[Begun(|list| list.pages.truncate(2)), RIGHT, NIGHT, RIGHT],
        promise: Promise::Nobody("the list that is begun later takes the other's place"),
    },
    Accident {
        name: "The export notices its own fault",
        sends: "a list that lacks two pages, and at once a whole one",
        righted: "at once",
        size: Size::Usual,
        steps: &[Hurried(|list| list.pages.truncate(2)), RIGHT],
        promise: Promise::Nobody("the newer list takes the other's place before that is applied"),
    },
    Accident {
        name: "In a small company a page is lost",
        sends: "5 of 15 people are not in the list",
        righted: NEXT_LIST,
        size: Size::Small,
        steps: &[
            List(|list| {
                list.pages.pop();
            }),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Some(
            "below 20 people no percentage applies, and 5 are fewer than `max_users`: 50 unless set",
        ),
    },
    Accident {
        name: "The same, where `max_users` is 3",
        sends: "5 of 15 people are not in the list",
        righted: NEXT_LIST,
        size: Size::Small,
        steps: &[
            Set(|| serde_json::json!({ "safeguards": { "max_users": 3 } })),
            List(|list| {
                list.pages.pop();
            }),
            NIGHT,
            RIGHT,
        ],
        promise: Promise::Nobody(""),
    },
];
