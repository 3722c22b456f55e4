//! Files as spreadsheets and HR systems save them, in spellings that nobody has written down.

use chrono::NaiveDate;
use offramp_domain::{Email, EmployeeId};
use proptest::prelude::*;

use super::super::{Row, Who};
use super::*;

#[test]
fn a_file_is_read_whatever_saved_it() {
    for (body, ignored, last_days) in [
        ("id\nE-7\n", &[][..], None),
        ("Mail\nada@example.com\n", &[], None),
        ("employee_id,leave_date,\nE-7,,\n", &[], None),
        ("employee_id,,leave_date,,,\nE-7,a note,,,,\n", &[], None),
        ("sep=;\nemployee_id;leave_date\nE-7;\n", &[], None),
        (
            "\u{feff}sep=;\r\nemployee_id;name\r\nE-7;Okafor, Ada\r\n",
            &["name"],
            None,
        ),
        (
            "\"sep=,\"\r\nemployee_id,name\r\nE-7,Ada; Okafor\r\n",
            &["name"],
            None,
        ),
        ("SEP=\t\nemployee_id\tname\nE-7\tA, B; C\n", &["name"], None),
        ("sep=;;;\nid;x;y\nE-7;;\n", &["x", "y"], None),
        ("employee_id\tlast day\nE-7\t\n", &[], Some("last day")),
        (
            "Name, first|id|Last working day\nAda|E-7|\n",
            &["Name, first"],
            Some("Last working day"),
        ),
        (
            "\"Name, first; last\",Team,\"ID\"\nAda,x,E-7\n",
            &["Name, first; last", "Team"],
            None,
        ),
        (
            "Id;Name, first, last, title\nE-7;a\n",
            &["Name, first, last, title"],
            None,
        ),
        ("employee_id,leave_date\n\"=\"\"E-7\"\"\",\n", &[], None),
        ("employee_id,leave_date\n=\"E-7\",\n", &[], None),
        ("employee_id,leave_date\n'E-7,'\n", &[], None),
        ("employee_id\nE-7\u{a0}\n", &[], None),
    ] {
        let list = from_csv(body.as_bytes()).unwrap();
        assert_eq!(list.rows.len(), 1, "{body:?}");
        let who = list.rows[0].who.clone();
        let named = matches!(&who, Ok(Who::Id(id)) if id.as_str() == "E-7")
            || matches!(&who, Ok(Who::Email(mail)) if mail.as_str() == "ada@example.com");
        assert!(named, "{body:?}: {who:?}");
        assert_eq!(list.ignored_columns, ignored, "{body:?}");
        assert_eq!(list.last_days.as_deref(), last_days, "{body:?}");
    }
}

/// A number that is not the employee id may be somebody else's id.
#[test]
fn a_personnel_number_is_no_employee_id() {
    for name in [
        "Employee #",
        "Employee Number",
        "Personnel no.",
        "Payroll ID",
        "Manager ID",
        "Home email",
        "Start date",
    ] {
        let body = format!("Mail,{name}\nada@example.com,E-9\n");
        let list = from_csv(body.as_bytes()).unwrap();
        assert_eq!(list.ignored_columns, [name]);
        assert!(matches!(list.rows[0].who, Ok(Who::Email(_))), "{name}");
    }
}

/// A name of a column in any case, with spaces, hyphens or underscores between its words and around it.
fn spelled(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let between = prop::sample::select(vec!["", " ", "-", "_", "  ", " - ", "\u{a0}"]);
    let around = prop::sample::select(vec!["", " ", "*", "_", "\u{200b}"]);
    let cases = prop::collection::vec(any::<bool>(), 40);
    (between, around, cases).prop_map(move |(between, around, cases)| {
        let name = words.join(between);
        let letters = name.chars().zip(cases.iter().cycle());
        let cased = letters.map(|(char, up)| match up {
            true => char.to_ascii_uppercase(),
            false => char,
        });
        format!("{around}{}{around}", cased.collect::<String>())
    })
}

fn one_of(names: &'static [&'static [&'static str]]) -> impl Strategy<Value = String> {
    prop::sample::select(names).prop_flat_map(spelled)
}

/// A row: an id, an address, a date, each there or not.
type Said = (Option<u16>, Option<u16>, Option<i32>);

#[derive(Debug, Clone)]
struct Sheet {
    /// The names of id, address and date.
    names: [String; 3],
    separator: char,
    line: &'static str,
    mark: bool,
    says_separator: bool,
    /// How values are protected: not at all, in quotes, with an apostrophe, or as a formula.
    guard: u8,
    /// The places of the three columns, among two that mean nothing.
    order: Vec<usize>,
    /// How many empty fields a row has too many, and whether the empty ones at its end are left out.
    more: usize,
    cut: bool,
    rows: Vec<Said>,
}

prop_compose! {
    fn sheet()(
        id in one_of(&[&["employee", "id"], &["id"]]),
        mail in one_of(&[&["email"], &["e", "mail"], &["mail"], &["email", "address"], &["work", "email"]]),
        date in one_of(&[&["leave", "date"], &["last", "day"], &["termination", "date"], &["last", "working", "day"]]),
        separator in prop::sample::select(vec![',', ';', '\t', '|']),
        line in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        (mark, says_separator, cut) in any::<(bool, bool, bool)>(),
        guard in 0..4_u8,
        order in Just((0..5).collect::<Vec<usize>>()).prop_shuffle(),
        more in 0..3_usize,
        rows in prop::collection::vec(
            (prop::option::of(any::<u16>()), prop::option::of(any::<u16>()), prop::option::of(719_163..750_000_i32)),
            1..12,
        ),
    ) -> Sheet {
        Sheet { names: [id, mail, date], separator, line, mark, says_separator, guard, order, more, cut, rows }
    }
}

impl Sheet {
    /// The file, without the line `sep=` and the mark.
    fn text(&self) -> String {
        let [id, mail, date] = self.names.clone();
        let mut lines = vec![self.row([id, mail, date, "Full name".to_owned(), String::new()], 0)];
        for said in &self.rows {
            let cells = values(said).map(|value| self.guarded(value));
            let [id, mail, date] = cells;
            let note = format!("\"a{}\"\"b\"", self.separator);
            let row = [id, mail, date, note, String::new()];
            lines.push(self.row(row, self.more));
        }
        lines.join(self.line)
    }

    fn row(&self, cells: [String; 5], more: usize) -> String {
        let mut row: Vec<&str> = self.order.iter().map(|at| cells[*at].as_str()).collect();
        row.extend(std::iter::repeat_n("", more));
        if self.cut {
            let filled = row.iter().rposition(|cell| !cell.is_empty());
            row.truncate(filled.map_or(1, |last| last + 1));
        }
        row.join(&self.separator.to_string())
    }

    fn guarded(&self, value: Option<String>) -> String {
        match (value, self.guard) {
            (None, _) => String::new(),
            (Some(value), 0) => value,
            (Some(value), 1) => format!("\"{value}\""),
            (Some(value), 2) => format!("'{value}"),
            (Some(value), _) => format!("\"=\"\"{value}\"\"\""),
        }
    }
}

fn day(number: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(number).unwrap()
}

fn values((id, mail, date): &Said) -> [Option<String>; 3] {
    [
        id.map(|id| format!("E {id}")),
        mail.map(|mail| format!("P{mail}@Example.com")),
        date.map(|date| day(date).to_string()),
    ]
}

/// What a row of the sheet says, but for its number.
fn says(said: &Said) -> (Option<Who>, Option<NaiveDate>) {
    let [id, mail, _] = values(said);
    let id = id.map(|id| EmployeeId::new(id).unwrap());
    let mail = mail.map(|mail| Email::new(mail).unwrap());
    let who = match (id, mail) {
        (Some(id), None) => Some(Who::Id(id)),
        (None, Some(mail)) => Some(Who::Email(mail)),
        (Some(id), Some(mail)) => Some(Who::Both(id, mail)),
        (None, None) => None,
    };
    let date = said.2.map(day).filter(|_| who.is_some());
    (who, date)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sheet_says_what_its_cells_say(sheet in sheet()) {
        let mut file = String::new();
        if sheet.mark {
            file.push('\u{feff}');
        }
        if sheet.says_separator {
            file.push_str(&format!("sep={}{}", sheet.separator, sheet.line));
        }
        file.push_str(&sheet.text());
        let list = from_csv(file.as_bytes());
        let list = list.map_err(|error| TestCaseError::fail(format!("{error:?} of {file:?}")))?;
        prop_assert_eq!(&list.ignored_columns, &["Full name"], "{:?}", file);
        let first = 2 + usize::from(sheet.says_separator);
        let want: Vec<_> = sheet.rows.iter().map(says).zip(first..).collect();
        prop_assert_eq!(list.rows.len(), want.len(), "{:?}", file);
        for (row, ((who, date), number)) in list.rows.into_iter().zip(want) {
            let Row { row, who: read, leave_date } = row;
            prop_assert_eq!((row, read.ok(), leave_date), (number, who, Ok(date)), "{:?}", file);
        }
    }

    /// No order of columns, and no spelling, makes two columns of one meaning pass.
    #[test]
    fn a_meaning_is_there_once(
        one in one_of(&[&["email"], &["e", "mail"], &["mail"]]),
        other in one_of(&[&["email"], &["mail"], &["mail", "address"]]),
        between in prop::collection::vec("[a-z]{9}", 0..3),
    ) {
        let mut names = vec!["id".to_owned(), one];
        names.extend(between);
        names.push(other);
        let read = from_csv(format!("{}\nE-7\n", names.join(";")).as_bytes());
        prop_assert!(matches!(read, Err(Error::Invalid(_))), "{:?}", names);
    }
}
