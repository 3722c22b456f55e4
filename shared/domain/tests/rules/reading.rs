//! How values are read: what an HR system or an admin wrote, in the form in which it is stored and compared.

use chrono::NaiveDate;
use offramp_domain::{Arrival, EmployeeId, Field, HrEvent, HrRecord, HrStatus, Merge};
use proptest::prelude::*;
use proptest::sample::select;
use unicode_normalization::UnicodeNormalization;

use crate::world::hr;

/// The fields whose values are texts.
const TEXTS: [Field; 4] = [
    Field::Name,
    Field::Team,
    Field::Department,
    Field::CostCentre,
];

#[test]
fn an_hr_system_is_read_kindly() {
    let cut = "é".repeat(256);
    let long = format!("{}tail", "é".repeat(256));
    let cut_at_a_space = format!("{} b", "a".repeat(255));
    for (field, written, read) in [
        (Field::Name, "", None),
        (Field::Name, " \u{a0}\t\u{3000}", None),
        (Field::Name, "\u{200b}\u{feff} \u{ad}", None),
        (
            Field::Name,
            "  Ada\u{a0} Lovelace\r\n",
            Some("Ada Lovelace"),
        ),
        (Field::Name, "Ada\tLovelace", Some("Ada Lovelace")),
        (Field::Name, "Jose\u{301}", Some("José")),
        // A joiner between letters belongs to the name.
        (Field::Name, "ش\u{200c}ه", Some("ش\u{200c}ه")),
        (Field::Department, &*long, Some(&*cut)),
        (
            Field::Department,
            &*cut_at_a_space,
            Some(&cut_at_a_space[..255]),
        ),
        (Field::CostCentre, "0042", Some("0042")),
        (
            Field::Email,
            " Ada@Example.com\u{a0}",
            Some("Ada@Example.com"),
        ),
        (
            Field::Email,
            "\u{feff}ada@example.com",
            Some("ada@example.com"),
        ),
        (Field::Email, " ", None),
        (Field::ManagerId, " E-7 ", Some("E-7")),
        (Field::ManagerId, "", None),
        (Field::StartDate, "0000-00-00", None),
        (Field::StartDate, "0000-00-00 00:00:00", None),
        (Field::StartDate, "", None),
        (Field::StartDate, "2026-12-31T00:00:00", Some("2026-12-31")),
        (
            Field::LeaveDate,
            "2026-12-31T00:00:00.000Z",
            Some("2026-12-31"),
        ),
        (
            Field::LeaveDate,
            "2026-12-31T23:30:00+02:00",
            Some("2026-12-31"),
        ),
        (
            Field::LeaveDate,
            "2026-12-31 00:00:00.0000000",
            Some("2026-12-31"),
        ),
        (
            Field::LeaveDate,
            "2026-12-31T00:00:00-0500",
            Some("2026-12-31"),
        ),
        (Field::LeaveDate, "2026-12-31 00:00 UTC", Some("2026-12-31")),
        (Field::Birthday, "1991-04-23", Some("04-23")),
        (Field::Birthday, "1988-02-29T00:00:00Z", Some("02-29")),
        (Field::Birthday, "02-29", Some("02-29")),
        (Field::Birthday, "0000-00-00", None),
    ] {
        let read = read.map(str::to_owned);
        assert_eq!(
            field.canonical(written),
            Ok(read),
            "{} {written:?}",
            field.as_str()
        );
    }
    for (field, written) in [
        (Field::Email, "a@example.com;b@example.com"),
        (Field::Email, "ada at example.com"),
        (Field::ManagerId, "E-\u{200b}7"),
        (Field::StartDate, "31.12.2026"),
        (Field::StartDate, "12/31/2026"),
        (Field::StartDate, "2026-12-31T25:00:00"),
        (Field::StartDate, "2026-12-31tomorrow"),
        (Field::StartDate, "2026-12-31Z"),
        (Field::StartDate, "2026-02-29"),
        (Field::StartDate, "46387"),
        (Field::Birthday, "2001-02-29"),
        (Field::Birthday, "23 April"),
    ] {
        let error = field.canonical(written).expect_err(written).to_string();
        assert!(!error.contains(written), "tells the value: {error}");
    }
}

#[test]
fn an_id_is_trimmed_and_shows_all_of_itself() {
    for (sent, read) in [
        (" E-1007\u{a0}", "E-1007"),
        ("E 1007", "E 1007"),
        ("\tE-1007\n", "E-1007"),
        ("Ko\u{308}ln-1", "Köln-1"),
        ("0042", "0042"),
    ] {
        assert_eq!(EmployeeId::sent(sent).unwrap().as_str(), read, "{sent:?}");
    }
    for unseen in [
        "",
        " ",
        "\u{a0}",
        "\u{200b}",
        "\u{2060}",
        "E\u{a0}7",
        "E\u{200d}7",
        "E-7\u{feff}",
        "E\t7",
        "E\u{2009}7",
    ] {
        assert!(EmployeeId::sent(unseen).is_err(), "{unseen:?}");
    }
    // What was stored before is read as it is.
    assert!(EmployeeId::new("E\u{a0}7 ").is_ok());
}

/// Another way in which a system may write the same text.
fn spelling(text: &'static str) -> impl Strategy<Value = String> {
    let blank = "[ \t\n\u{a0}\u{2003}\u{3000}\u{85}]{1,3}";
    let edge = "[ \t\r\u{a0}\u{2028}]{0,3}";
    let words = text.split(' ').count();
    (
        edge,
        proptest::collection::vec(blank, words - 1),
        edge,
        any::<bool>(),
    )
        .prop_map(move |(before, blanks, after, decomposed)| {
            let mut all = before;
            for (place, word) in text.split(' ').enumerate() {
                if place > 0 {
                    all.push_str(&blanks[place - 1]);
                }
                all.push_str(word);
            }
            all.push_str(&after);
            match decomposed {
                true => all.nfd().collect(),
                false => all,
            }
        })
}

fn event(minute: i64, field: Field, value: &str) -> HrEvent {
    let mut event = hr(minute);
    event
        .fields
        .insert(field, field.canonical(value).expect(value));
    event
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_is_the_same_however_it_is_spelled(
        field in select(&TEXTS[..]),
        one in spelling("Zoë van der Berg"),
        other in spelling("Zoë van der Berg"),
    ) {
        prop_assert_eq!(field.canonical(&one), Ok(Some("Zoë van der Berg".to_owned())));
        let record = HrRecord::first(&event(1, field, &one));
        let unchanged = matches!(record.merge(&event(2, field, &other)), Merge::Unchanged(_));
        prop_assert!(unchanged, "{:?} after {:?}", other, one);
        // A record of an earlier release has the value as it was sent.
        prop_assert!(field.says_the_same(Some(&one), Some("Zoë van der Berg")));
    }

    /// A clock that counts days says many things of one instant: the last to arrive counts, and what was delivered before
    /// changes nothing when it is delivered again.
    #[test]
    fn of_one_instant_the_last_arrival_counts_and_no_repetition(
        words in proptest::collection::vec((any::<bool>(), 0..3usize), 1..14),
        again in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let teams = ["A", "B", "C"];
        let said: Vec<HrEvent> = words
            .iter()
            .enumerate()
            .map(|(n, (active, team))| HrEvent {
                status: if *active { HrStatus::Active } else { HrStatus::Inactive },
                arrival: Arrival::new(&format!("msg_{}", n / 3), n % 3),
                ..event(5, Field::Team, teams[*team])
            })
            .collect();
        let mut record = HrRecord::first(&said[0]);
        for event in &said[1..] {
            if let Merge::Unchanged(after) | Merge::Changed { record: after, .. } = record.merge(event) {
                record = after;
            }
        }
        let (active, team) = *words.last().unwrap();
        prop_assert_eq!(record.status() == HrStatus::Active, active);
        prop_assert_eq!(record.get(Field::Team), Some(teams[team]));
        for index in again {
            let repeated = record.merge(index.get(&said));
            prop_assert!(matches!(repeated, Merge::Replay), "{:?}", repeated);
        }
    }

    #[test]
    fn an_address_in_other_capitals_is_no_change_and_another_address_is(
        capitals in proptest::collection::vec(any::<bool>(), 15),
        place in 0..3usize,
    ) {
        let address: String = "ada@example.com"
            .chars()
            .zip(capitals)
            .map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c })
            .collect();
        let record = HrRecord::first(&event(1, Field::Email, "ada@example.com"));
        prop_assert!(matches!(record.merge(&event(2, Field::Email, &address)), Merge::Unchanged(_)));
        let mut other = address;
        other.insert(place, 'x');
        let changed = record.merge(&event(2, Field::Email, &other));
        let mutated = matches!(changed, Merge::Changed { mutation: true, .. });
        prop_assert!(mutated, "{}", other);
    }

    #[test]
    fn a_date_may_carry_a_time(
        date in "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        time in "([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-3]):?(00|30)| UTC)?)?",
    ) {
        let written = format!("{date}{time}");
        prop_assert_eq!(Field::LeaveDate.canonical(&written), Ok(Some(date.clone())), "{}", written);
        prop_assert_eq!(Field::Birthday.canonical(&written), Ok(Some(date[5..].to_owned())));
    }

    #[test]
    fn what_is_stored_is_read_as_it_is(field in select(Field::ALL), value in "\\PC{0,12}|[-+ 0-9]{5}|[-+ 0-9]{10}|.{0,300}") {
        if let Ok(Some(stored)) = field.canonical(&value) {
            prop_assert_eq!(field.canonical(&stored), Ok(Some(stored.clone())));
            prop_assert!(stored.chars().count() <= 256 && !stored.chars().any(char::is_control));
            prop_assert!(field.says_the_same(Some(&value), Some(&stored)));
        }
        if let Ok(Some(by_hand)) = field.by_hand(&value) {
            prop_assert_eq!(field.canonical(&value), Ok(Some(by_hand)));
        }
    }

    #[test]
    fn a_date_is_one_of_the_calendar(date in "[0-9]{4}-[01][0-9]-[0-3][0-9]") {
        let known = |date: &str| NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok();
        let no_date = date == "0000-00-00";
        prop_assert_eq!(Field::StartDate.canonical(&date).is_ok(), known(&date) || no_date);
        prop_assert_eq!(Field::StartDate.by_hand(&date).is_ok(), known(&date));
        let day = &date[5..];
        prop_assert_eq!(Field::Birthday.by_hand(day).is_ok(), known(&format!("2000-{day}")));
    }

    #[test]
    fn what_an_admin_writes_is_short_and_without_control_characters(
        text in "[\u{1e}-\u{21}\u{7d}-\u{a1}]{0,6}|[aé]{125,131}|[aé]{253,259}",
    ) {
        let clean = |most| text.chars().count() <= most && !text.chars().any(char::is_control);
        prop_assert_eq!(Field::Team.by_hand(&text).is_ok(), clean(256));
        prop_assert_eq!(EmployeeId::new(&*text).is_ok(), clean(128) && !text.is_empty());
    }
}

#[test]
fn what_an_admin_writes_is_in_its_form_or_refused() {
    let long = "é".repeat(256);
    let longer = "é".repeat(257);
    let address = format!("{}@example.com", "a".repeat(242));
    let good = [
        (Field::Name, "Ada Lovelace"),
        (Field::Name, long.as_str()),
        (Field::Email, "Ada@Example.com"),
        (Field::Email, address.as_str()),
        (Field::Team, "A/B #1"),
        (Field::Department, "R&D"),
        (Field::CostCentre, "0042"),
        (Field::ManagerId, "E-1 / ü"),
        (Field::StartDate, "2024-02-29"),
        (Field::LeaveDate, "0001-01-01"),
        (Field::LeaveDate, "9999-12-31"),
        (Field::Birthday, "02-29"),
        (Field::Birthday, "12-31"),
    ];
    for (field, value) in good {
        assert_eq!(
            field.by_hand(value),
            Ok(Some(value.to_owned())),
            "{}",
            field.as_str()
        );
    }
    let bad: &[(Field, &[&str])] = &[
        (Field::Name, &[&longer, "a\nb", "\u{7f}"]),
        (
            Field::Email,
            &[
                "", "a", "a@", "@b", "a b@c", "a@b@c", "a@b.", "a@b,c@d", "a\t@b",
            ],
        ),
        (Field::Team, &[&longer, "\0"]),
        (Field::Department, &[&longer, "\u{85}"]),
        (Field::CostCentre, &[&longer, "\r"]),
        (Field::ManagerId, &["", &long, "a\nb"]),
        (Field::StartDate, DATES),
        (Field::Birthday, DAYS),
        (Field::LeaveDate, DATES),
    ];
    for (field, values) in bad {
        for value in *values {
            let error = field.by_hand(value).expect_err(value);
            assert_eq!(error.field, field.as_str());
            let told = error.to_string();
            assert!(
                value.len() < 4 || !told.contains(value),
                "tells the value: {told}"
            );
        }
    }
    assert!(
        bad.iter()
            .map(|(field, _)| *field)
            .eq(Field::ALL.iter().copied()),
        "one row per field"
    );
}

const DATES: &[&str] = &[
    "",
    "2026-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-01-32",
    "2026-1-1",
    "26-01-01",
    "2026/01/01",
    "20260101",
    "2026-01-01T00:00:00Z",
    "2026-01-01 ",
    " 2026-1-01",
    "+2026-1-01",
    "-026-01-01",
    "+12026-1-1",
    "2026- 1-01",
    "２０２６-01-01",
    "tomorrow",
];

const DAYS: &[&str] = &[
    "",
    "02-30",
    "13-01",
    "00-10",
    "01-32",
    "1-1",
    "01-1 ",
    " 1-01",
    "1- 01",
    "0101",
    "01/01",
    "2000-01-01",
    "+1-01",
];
