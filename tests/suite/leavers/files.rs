//! Files as HR systems and spreadsheets save them: those of `events/lists`, and each thing of theirs by itself.

use offramp_tests::World;
use serde_json::{Value, json};

use super::rows;

async fn hand_in(world: &World, kind: &str, query: &str, file: &[u8]) -> Value {
    let ask = world.admin("POST", &format!("/leavers{query}"));
    ask.bytes_of(kind, file.to_vec()).ok().await
}

macro_rules! list {
    ($path:literal) => {
        include_bytes!(concat!("../../../events/", $path)).as_slice()
    };
}

/// A sample, and what `events/README.md` says of it.
struct Sample {
    file: &'static [u8],
    kind: &'static str,
    /// Line or place, whom, and what becomes of them.
    rows: &'static [(u64, &'static str, &'static str)],
    ignored: &'static [&'static str],
    /// True if a column says *last day*, which the settings read otherwise.
    notes: bool,
}

const SAMPLES: [Sample; 7] = [
    Sample {
        file: list!("lists/termination_report.csv"),
        kind: "text/csv",
        rows: &[
            (2, "E-1015", "planned"),
            (3, "E-1016", "planned"),
            (4, "E-1019", "planned"),
        ],
        ignored: &[
            "Employee #",
            "Last name, First name",
            "Home Email",
            "Department",
            "Hire Date",
            "Termination Type",
        ],
        notes: false,
    },
    Sample {
        file: list!("lists/offboarding_list.csv"),
        kind: "text/csv; charset=utf-8",
        rows: &[
            (2, "E-1017", "planned"),
            (3, "E-1018", "planned"),
            (4, "E-1020", "planned"),
        ],
        ignored: &["Vorname", "Nachname", "Abteilung", "Kündigungsgrund"],
        notes: true,
    },
    Sample {
        file: list!("lists/saved_by_excel.csv"),
        kind: "application/csv",
        rows: &[
            (3, "E-1021", "planned"),
            (4, "E-1022", "scheduled"),
            (6, "E-1021", "planned"),
        ],
        ignored: &["Name"],
        notes: false,
    },
    Sample {
        file: list!("lists/terminations.tsv"),
        kind: "text/tab-separated-values",
        rows: &[
            (2, "E-1023", "planned"),
            (3, "E-1024", "planned"),
            (4, "?", "invalid"),
        ],
        ignored: &["Worker", "Cost Center", "Reason"],
        notes: true,
    },
    Sample {
        file: list!("lists/people_leaving.csv"),
        kind: "text/csv",
        rows: &[
            (2, "E-1025", "planned"),
            (3, "?", "invalid"),
            (4, "E-1011", "invalid"),
        ],
        ignored: &["Display name", "Site", "Lifecycle status", "Start date"],
        notes: true,
    },
    Sample {
        file: list!("lists/leavers_of_the_week.csv"),
        kind: "text/csv",
        rows: &[
            (2, "E-1014", "scheduled"),
            (3, "E-1014", "scheduled"),
            (4, "E-1009", "invalid"),
            (5, "E-1009", "invalid"),
            (6, "?", "not_found"),
        ],
        ignored: &["note"],
        notes: true,
    },
    Sample {
        file: list!("lists/leavers.json"),
        kind: "application/json",
        rows: &[
            (1, "E-1005", "planned"),
            (2, "E-1006", "scheduled"),
            (3, "E-1006", "scheduled"),
        ],
        ignored: &[],
        notes: false,
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sample_list_has_the_end_that_is_said_of_it() {
    let world = World::start().await;
    for sample in SAMPLES {
        let Sample { file, kind, .. } = sample;
        let tried = hand_in(&world, kind, "?dry_run=true", file).await;
        let done = hand_in(&world, kind, "", file).await;
        assert_eq!(tried, done);
        assert_eq!(rows(&done), sample.rows, "{done}");
        let ignored = (!sample.ignored.is_empty()).then(|| json!(sample.ignored));
        assert_eq!(done.get("ignored_columns"), ignored.as_ref(), "{done}");
        assert_eq!(done.get("note").is_some(), sample.notes, "{done}");
        // Handed in again it does nothing.
        let audit = world.get("/audit").await;
        hand_in(&world, kind, "", file).await;
        assert_eq!(world.get("/audit").await["entries"], audit["entries"]);
    }
    assert_eq!(world.user("E-1015").await["leave_date"], "2031-12-31");
    assert_eq!(world.access("E-1013").await, "granted");
    assert_eq!(world.user("E-1005").await["then"], "delete");
    world.end().await;
}

/// Each by itself, of one person each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_spreadsheets_do_to_a_file_costs_no_row() {
    let world = World::start().await;
    let files = [
        ("employee_id,email,leave_date\nID,MAIL,\n", "text/csv"),
        ("employee_id,leave_date,\nID,,\n", "text/csv"),
        ("sep=;\nemployee_id;leave_date\nID;\n", "text/csv"),
        ("employee_id,leave_date\nID,,,\n", "text/csv"),
        ("employee_id,leave_date\nID\n", "text/csv"),
        ("employee_id\tleave_date\nID\t\n", "text/csv"),
        ("employee_id,name,leave_date\nID,Person,\n", "text/csv"),
        ("E-Mail\nMAIL\n", "text/csv"),
        ("employee_id\nID\n", "application/csv"),
        (
            "\u{feff}\"employee_id\";\"leave_date\"\r\n\"ID\";\"\"\r\n",
            "text/csv",
        ),
        ("employee_id\n'ID\n", "text/csv; header=present"),
        ("employee_id\n=\"ID\"\n", "TEXT/CSV"),
        ("employee_id\nID\u{a0}\n", "text/csv"),
    ];
    for (at, (file, kind)) in files.into_iter().enumerate() {
        let id = format!("F-{at}");
        let email = format!("f{at}@acme.example");
        world.hr(&id, "active", json!({ "email": email })).await;
        // The id last, since a heading has it too.
        let (head, row) = file.rsplit_once("ID").unwrap_or((file, ""));
        let file = match row.is_empty() {
            true => head.replace("MAIL", &email),
            false => format!("{head}{id}{row}").replace("MAIL", &email),
        };
        let body = hand_in(&world, kind, "", file.as_bytes()).await;
        let result = &body["results"][0];
        assert_eq!(result["outcome"], "scheduled", "{file:?}: {body}");
        assert_eq!(result["employee_id"], id, "{file:?}: {body}");
    }
    world.end().await;
}
