//! Ids that are not the same as yesterday. An admin lets those go who never were anybody.

use serde_json::json;

use super::super::company::Step::*;
use super::{Accident, NIGHT, Promise, RIGHT, Size};

const NEXT_LIST: &str = "the next list, 16 hours later; an admin lets the strange ids go";

pub(super) const ALL: &[Accident] = &[
    Accident {
        name: "Each id gets a prefix",
        sends: "`ACME-A0101` for `A0101`",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| list.rekey(|id| json!(format!("ACME-{id}")))),
            NIGHT,
            RIGHT,
            Approve,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "Each id is in small letters",
        sends: "`a0101` for `A0101`",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| list.rekey(|id| json!(id.to_lowercase()))),
            NIGHT,
            RIGHT,
            Approve,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "A spreadsheet drops letters and leading zeros",
        sends: "`101` for `A0101`",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| list.rekey(|id| json!(id[1..].trim_start_matches('0')))),
            NIGHT,
            RIGHT,
            Approve,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "A file of another company is sent",
        sends: "80 strangers, and nobody of ours",
        righted: NEXT_LIST,
        size: Size::Usual,
        steps: &[
            List(|list| {
                let stranger = |n| json!({ "employee_id": format!("X{n}"), "status": "active", "name": "A Stranger" });
                list.pages = vec![(0..80).map(stranger).collect()];
            }),
            NIGHT,
            RIGHT,
            Approve,
        ],
        promise: Promise::Nobody(""),
    },
    Accident {
        name: "The payroll system speaks of HR's people",
        sends: "a second source calls all 40 inactive",
        righted: "nothing has to be",
        size: Size::Usual,
        steps: &[Elsewhere(0..40, "inactive"), NIGHT, RIGHT],
        promise: Promise::Nobody("a person is one source's: the others' records are rejected"),
    },
    Accident {
        name: "A contractor becomes an employee",
        sends: "the contractor's id is inactive on the evening before; HR calls it active again, as the new id comes later",
        righted: "16 hours later",
        size: Size::Usual,
        steps: &[
            Says(|company| company.words(31..32, "inactive")),
            NIGHT,
            Says(|company| company.words(31..32, "active")),
        ],
        promise: Promise::Some("HR says of one person what it says of each leaver"),
    },
];
