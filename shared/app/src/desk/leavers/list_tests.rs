use super::*;

fn id(text: &str) -> std::result::Result<Who, String> {
    Ok(Who::Id(EmployeeId::new(text).unwrap()))
}

fn email(text: &str) -> std::result::Result<Who, String> {
    Ok(Who::Email(Email::new(text).unwrap()))
}

fn wrong(text: &str) -> std::result::Result<Who, String> {
    Err(text.to_owned())
}

fn row(row: usize, who: std::result::Result<Who, String>, date: &str) -> Row {
    Row {
        row,
        who,
        leave_date: Ok(date.parse().ok()),
    }
}

/// A row of E-7 with a date that cannot be read.
fn undated(row: usize, reason: &str) -> Row {
    Row {
        row,
        who: id("E-7"),
        leave_date: Err(format!("leave_date {reason}")),
    }
}

fn both(one: &str, other: &str) -> std::result::Result<Who, String> {
    Ok(Who::Both(
        EmployeeId::new(one).unwrap(),
        Email::new(other).unwrap(),
    ))
}

const NOBODY: &str = "give an employee_id or an email";
const FORM: &str = "is not a date of the form YYYY-MM-DD";
const ORDER: &str =
    "says day, month and year in an order that differs between countries; write it as YYYY-MM-DD";

#[test]
fn json_is_read_row_by_row() {
    let body = r#"{"leavers":[
        {"employee_id":"E-7"},
        {"email":"ada@example.com","leave_date":"2026-12-31"},
        {"employee_id":"E-7","email":"ada@example.com"},
        {},
        {"employee_id":"E-7","leave_date":"31.12.2026"},
        {"employee_id":"E-7","leave_date":"2026-02-30"},
        {"employee_id":""},
        {"email":"nobody"},
        {"employee_id":"E-7","leavedate":"2026-12-31"},
        {"employee_id":7},
        ["E-7"],
        "E-7",
        null,
        {"employee_id":"\u00c4-7","email":null,"leave_date":null},
        {"employee_id":"E-7","employee_id":"E-8"}
    ]}"#;
    let LeaverList { rows, when, .. } = from_json(body.as_bytes()).unwrap();
    let unknown = "unknown field `leavedate`, expected one of `employee_id`, `email`, `leave_date`";
    assert_eq!(when, None);
    assert_eq!(
        rows,
        [
            row(1, id("E-7"), ""),
            row(2, email("ada@example.com"), "2026-12-31"),
            row(3, both("E-7", "ada@example.com"), ""),
            row(4, wrong(NOBODY), ""),
            undated(5, ORDER),
            undated(6, FORM),
            row(7, wrong(NOBODY), ""),
            row(8, wrong("email is not an e-mail address"), ""),
            row(9, wrong(unknown), ""),
            row(
                10,
                wrong("invalid type: integer `7`, expected a string"),
                ""
            ),
            row(11, wrong("a leaver is an object"), ""),
            row(12, wrong("a leaver is an object"), ""),
            row(13, wrong("a leaver is an object"), ""),
            row(14, id("Ä-7"), ""),
            row(15, wrong("duplicate field `employee_id`"), ""),
        ]
    );
}

#[test]
fn then_is_deactivate_or_delete() {
    for (body, then) in [
        (r#"{"leavers":[]}"#, None),
        (r#"{"leavers":[],"then":null}"#, None),
        (
            r#"{"leavers":[],"then":"deactivate"}"#,
            Some(AtEnd::Deactivate),
        ),
        (r#"{"leavers":[],"then":"delete"}"#, Some(AtEnd::Delete)),
    ] {
        assert_eq!(from_json(body.as_bytes()).unwrap().then, then, "{body}");
    }
    let wrong = from_json(br#"{"leavers":[],"then":"erase"}"#);
    assert!(matches!(wrong, Err(Error::Invalid(wrong)) if wrong[0].pointer == "/then"));
}

#[test]
fn when_is_grace_or_now() {
    for (body, when, dry_run) in [
        (r#"{"leavers":[]}"#, None, false),
        (r#"{"when":null,"leavers":[]}"#, None, false),
        (r#"{"leavers":[],"when":"grace"}"#, Some(When::Grace), false),
        (
            r#"{"when":"now","leavers":[],"dry_run":true}"#,
            Some(When::Now),
            true,
        ),
    ] {
        let list = from_json(body.as_bytes()).unwrap();
        assert_eq!(list.rows, []);
        assert_eq!((list.when, list.dry_run), (when, dry_run));
    }
    assert_eq!("now".parse::<When>().unwrap(), When::Now);
    assert!("later".parse::<When>().is_err());
}

#[test]
fn json_that_is_no_list_is_refused() {
    for (body, says) in [
        (r#"{"leavers":[],"when":"later"}"#, "must be grace or now"),
        (r#"{"leavers":{}}"#, "expected a sequence"),
        (r#"{"leaver":[]}"#, "unknown field `leaver`"),
        // A slip of the pen is not done in earnest.
        (r#"{"leavers":[],"dryRun":true}"#, "unknown field `dryRun`"),
        (r#"{"leavers":[],"dry_run":"true"}"#, "expected a boolean"),
        ("{}", "missing field `leavers`"),
    ] {
        match from_json(body.as_bytes()) {
            Err(Error::Invalid(wrong)) => assert!(wrong[0].detail.contains(says), "{wrong:?}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    for body in ["", "{", r#"{"leavers":[{"employee_id":"E-7"]}"#] {
        let read = from_json(body.as_bytes());
        assert!(matches!(read, Err(Error::MalformedJson(_))), "{body}");
    }
}

#[test]
fn csv_is_read_line_by_line() {
    for (body, rows) in [
        (
            "employee_id\nE-7\nE-9",
            vec![row(2, id("E-7"), ""), row(3, id("E-9"), "")],
        ),
        // A byte order mark, `;` as separator, CRLF, capitals, another order of columns, no end of line.
        (
            "\u{feff}Leave_Date;EMPLOYEE_ID\r\n2026-12-31;E-7\r\n;E-9",
            vec![row(2, id("E-7"), "2026-12-31"), row(3, id("E-9"), "")],
        ),
        // `,` in a value of a file separated by `;`, and the other way round.
        (
            "employee_id;leave_date\nE,7;\n",
            vec![row(2, id("E,7"), "")],
        ),
        (
            "employee_id,leave_date\nE;7,\n",
            vec![row(2, id("E;7"), "")],
        ),
        // Separators, quotes and line breaks in quotes. The number of the next row counts those lines.
        (
            "\"employee_id\",\"leave_date\"\r\n\"E,\"\"7\"\"\",2026-12-31\r\n\"a\r\nb\",\r\nE-9,\r\n",
            vec![
                row(2, id("E,\"7\""), "2026-12-31"),
                row(
                    3,
                    wrong(
                        "employee_id must be 1 to 128 characters, none of them a control character",
                    ),
                    "",
                ),
                row(5, id("E-9"), ""),
            ],
        ),
        // Blank lines, also before the header, and the empty rows of a spreadsheet.
        (
            "\n\r\nemployee_id,email\n\n\n  \n,\nE-7,\r\n\r\n,ada@example.com\n\n",
            vec![row(8, id("E-7"), ""), row(10, email("ada@example.com"), "")],
        ),
        // SnapshotQueue ends of `\r` alone.
        (
            "employee_id\rE-7\r\rE-9",
            vec![row(2, id("E-7"), ""), row(4, id("E-9"), "")],
        ),
        // Spaces around fields.
        (
            " employee_id , leave_date \n E-7 , 2026-12-31 \n",
            vec![row(2, id("E-7"), "2026-12-31")],
        ),
        // Invalid rows.
        (
            "employee_id,email,leave_date\nE-7,ada@example.com,\n,,2026-12-31\nE-7,,soon\n,nobody,\nE-7\nE-7,,,\nE-8,,,x\n",
            vec![
                row(2, both("E-7", "ada@example.com"), ""),
                row(3, wrong(NOBODY), ""),
                undated(4, FORM),
                row(5, wrong("email is not an e-mail address"), ""),
                row(6, id("E-7"), ""),
                row(7, id("E-7"), ""),
                row(8, wrong("the row has 4 fields, the header 3"), ""),
            ],
        ),
        // A quote that is never closed takes the rest of the file. The row says so.
        (
            "employee_id\nE-7\n\"E-8\nE-9\nE-10\n",
            vec![
                row(2, id("E-7"), ""),
                row(
                    3,
                    wrong("a quote is not closed: all that follows would be part of this row"),
                    "",
                ),
            ],
        ),
        (
            "employee_id\nE-\"7\nE-8",
            vec![row(2, id("E-\"7"), ""), row(3, id("E-8"), "")],
        ),
        ("email\n", vec![]),
        ("email", vec![]),
    ] {
        assert_eq!(from_csv(body.as_bytes()).unwrap().rows, rows, "{body:?}");
    }
}

#[test]
fn csv_that_is_no_list_is_refused() {
    for (body, says) in [
        (&b""[..], "the CSV is empty"),
        (b"\xef\xbb\xbf\r\n \n", "the CSV is empty"),
        (
            b"name,start date\nAda,\n",
            "there are \"name\", \"start date\"",
        ),
        (b"E-7\nE-9\n", "there are \"E-7\""),
        (b"sep=x\nemployee_id\nE-7\n", "the line sep="),
        (
            b"leave_date\n2026-12-31\n",
            "no column employee_id and no column email",
        ),
        (
            b"email,E-Mail\n",
            "\"email\" and \"E-Mail\" mean the same, email",
        ),
        (b"id;Employee ID\n", "mean the same, employee_id"),
        (
            b"employee_id\nE-7\r\nM\xfcller\n",
            "line 3 of the CSV is not UTF-8",
        ),
        (b"\xff\xfee\0m\0", "UTF-16"),
    ] {
        match from_csv(body) {
            Err(Error::Invalid(wrong)) => assert!(wrong[0].detail.contains(says), "{wrong:?}"),
            other => panic!("{says}: {other:?}"),
        }
    }
}

#[test]
fn a_list_has_up_to_5_000_rows() {
    let json = |rows: usize| {
        let rows = vec![r#"{"employee_id":"E-7"}"#; rows].join(",");
        from_json(format!(r#"{{"leavers":[{rows}]}}"#).as_bytes())
    };
    let csv = |rows: usize| from_csv(format!("employee_id\n{}", "E-7\n".repeat(rows)).as_bytes());
    assert_eq!(json(MAX_ROWS).unwrap().rows.len(), MAX_ROWS);
    assert_eq!(
        csv(MAX_ROWS).unwrap().rows.last().unwrap().row,
        MAX_ROWS + 1
    );
    assert!(matches!(json(MAX_ROWS + 1), Err(Error::TooLarge(_))));
    assert!(matches!(csv(MAX_ROWS + 1), Err(Error::TooLarge(_))));
    let large = vec![b'a'; MAX_BODY + 1];
    assert!(matches!(from_csv(&large), Err(Error::TooLarge(_))));
    assert!(matches!(from_json(&large), Err(Error::TooLarge(_))));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Row numbers are line numbers of the file, for all line ends and any number of blank lines.
    #[test]
    fn any_line_is_found_again(
        ends in proptest::collection::vec(proptest::sample::select(vec!["\n", "\r\n"]), 0..40),
    ) {
        let mut body = String::from("employee_id\n");
        for (at, end) in ends.iter().enumerate() {
            if at % 3 != 0 {
                body.push_str(&format!("L{}", at + 2));
            }
            body.push_str(end);
        }
        for row in from_csv(body.as_bytes()).unwrap().rows {
            proptest::prop_assert_eq!(row.who, id(&format!("L{}", row.row)));
        }
    }

    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), text in "[\"\\n\\r,;aE]{0,60}") {
        let _ = from_csv(&body);
        let _ = from_json(&body);
        let _ = from_csv(format!("employee_id\n{text}").as_bytes());
    }
}
