use proptest::prelude::*;
use proptest::sample::{Index, select};

use offramp_app::Error;

use super::super::{MAX_EVENTS, carefully};
use super::*;

/// Strings that are valid for some field, or almost valid.
const MEANT: [&str; 26] = [
    "",
    "active",
    "inactive",
    "Active",
    "E-1",
    "Jürgen Müller",
    "a@example.com",
    "a@b@example.com",
    "a\u{a0}@example.com",
    "2026-02-28",
    "2026-02-29",
    "+026-02-28",
    "2026-2-28",
    "02-29",
    "02-30",
    "+2-01",
    "2026-03-01T10:00:00Z",
    "2026-03-01T10:00:00.123456789Z",
    "2026-03-01t10:00:00+02:00",
    "2026-03-01 10:00:00z",
    "2026-06-30T23:59:60Z",
    "2026-02-30T10:00:00Z",
    "2026-03-01T24:00:00Z",
    "bell \u{7}",
    "next line \u{85}",
    "quotes \" and \\",
];
/// JSON values of any kind.
const ODD: [&str; 14] = [
    "null",
    "true",
    "5",
    "-0.0e-0",
    "1e999",
    "[]",
    "{}",
    r#"["E-1","active"]"#,
    r#"[[[{"employee_id":[null,"\ud800"]}],"]"]]"#,
    r#"{"employee_id":"E-2","employee_id":"E-3","status":"active"}"#,
    r#"[null,"2026-03-01T10:00:00Z",["E-1","active"]]"#,
    r#""\ud83d\ude00""#,
    r#""\u0000""#,
    r#""""#,
];
/// Texts that are no JSON value, or strings that are not allowed.
const BROKEN: [&str; 10] = [
    "",
    "nul",
    "01",
    "'a'",
    r#""\x""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    "\"\t\"",
    r#"{"a":1,}"#,
    "[1 2]",
];
const FIELDS: [&str; 9] = [
    "name",
    "email",
    "team",
    "department",
    "cost_centre",
    "manager_id",
    "start_date",
    "birthday",
    "leave_date",
];

/// The members of an object: name and value, as written.
type Members = Vec<(String, String)>;

/// A JSON string, unescaped or with every character escaped.
fn written(text: &str, escaped: bool) -> String {
    if !escaped {
        return serde_json::to_string(text).unwrap();
    }
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    format!("\"{}\"", units.collect::<String>())
}

fn string() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => select(&MEANT[..]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => (any::<char>(), 120_usize..260).prop_map(|(c, n)| c.to_string().repeat(n)),
    ];
    (text, prop::bool::weighted(0.2)).prop_map(|(text, escaped)| written(&text, escaped))
}

fn one_of(values: &'static [&'static str]) -> BoxedStrategy<String> {
    select(values).prop_map(str::to_owned).boxed()
}

/// A required member. Its name is plain or escaped.
fn member(name: &'static str, value: BoxedStrategy<String>) -> BoxedStrategy<Members> {
    (value, prop::bool::weighted(0.1))
        .prop_map(move |(value, escaped)| vec![(written(name, escaped), value)])
        .boxed()
}

/// A member that may be null or absent.
fn optional(name: &'static str) -> BoxedStrategy<Members> {
    prop_oneof![
        Just(vec![]),
        member(name, Just("null".to_owned()).boxed()),
        member(name, string().boxed()),
    ]
    .boxed()
}

/// The members of an object of the envelope in any order.
fn closed(parts: Vec<BoxedStrategy<Members>>) -> impl Strategy<Value = Members> {
    parts
        .prop_map(|parts| parts.into_iter().flatten().collect::<Members>())
        .prop_shuffle()
}

/// The members of an object in any order, with unknown members among them.
fn members(parts: Vec<BoxedStrategy<Members>>) -> impl Strategy<Value = Members> {
    let name = select(vec![r#""more""#, r#""Id""#, r#""""#, r#""employee.id""#]);
    let more = (name.prop_map(str::to_owned), one_of(&ODD));
    (parts, prop::collection::vec(more, 0..3))
        .prop_map(|(parts, more)| parts.into_iter().flatten().chain(more).collect::<Members>())
        .prop_shuffle()
}

/// A change that gives an object another shape.
#[derive(Debug, Clone)]
enum Spoilt {
    Not,
    Again(Index, String),
    Other(Index, String),
    Without(Index),
    Array,
}

fn spoilt() -> impl Strategy<Value = Spoilt> {
    let value = || prop_oneof![4 => one_of(&ODD), 1 => one_of(&BROKEN), 2 => string()];
    prop_oneof![
        (any::<Index>(), value()).prop_map(|(at, value)| Spoilt::Again(at, value)),
        (any::<Index>(), value()).prop_map(|(at, value)| Spoilt::Other(at, value)),
        any::<Index>().prop_map(Spoilt::Without),
        Just(Spoilt::Array),
    ]
}

fn object(mut members: Members, spoilt: Spoilt, space: &str) -> String {
    let array = matches!(spoilt, Spoilt::Array);
    match spoilt {
        Spoilt::Again(at, value) if !members.is_empty() => {
            members.push((at.get(&members).0.clone(), value));
        }
        Spoilt::Other(at, value) if !members.is_empty() => at.get_mut(&mut members).1 = value,
        Spoilt::Without(at) if !members.is_empty() => {
            members.remove(at.index(members.len()));
        }
        _ => {}
    }
    let comma = format!("{space},{space}");
    if array {
        let values: Vec<String> = members.into_iter().map(|(_, value)| value).collect();
        return format!("[{}]", values.join(&comma));
    }
    let member = |(name, value)| format!("{name}{space}:{space}{value}");
    let members: Vec<String> = members.into_iter().map(member).collect();
    format!("{{{space}{}{space}}}", members.join(&comma))
}

/// Bodies of the right shape with any values. `percent` per cent of the objects are spoilt.
fn body(percent: u8) -> impl Strategy<Value = String> {
    let spoilt = move || {
        (0..100_u8, spoilt()).prop_map(move |(chance, spoilt)| match chance < percent {
            true => spoilt,
            false => Spoilt::Not,
        })
    };
    let space = || select(vec!["", " ", "\r\n\t "]);
    let mut parts = vec![
        member("employee_id", string().boxed()),
        member(
            "status",
            one_of(&[r#""active""#, r#""inactive""#, r#""gone""#]),
        ),
    ];
    parts.extend(FIELDS.map(optional));
    let employee = (members(parts), spoilt(), space())
        .prop_map(|(members, spoilt, space)| object(members, spoilt, space));
    let at = prop_oneof![Just(r#""2026-03-01T10:00:00Z""#.to_owned()), string()];
    let event = closed(vec![
        optional("id"),
        member("occurred_at", at.boxed()),
        member("employee", employee.boxed()),
    ]);
    let event = (event, spoilt(), space())
        .prop_map(|(members, spoilt, space)| object(members, spoilt, space));
    let events = (prop::collection::vec(event, 0..4), space())
        .prop_map(|(events, space)| format!("[{space}{}]", events.join(",")));
    let dry_run = prop_oneof![Just(vec![]), member("dry_run", one_of(&["true", "false"])),];
    let members = closed(vec![member("events", events.boxed()), dry_run.boxed()]);
    (members, spoilt(), space()).prop_map(|(members, spoilt, space)| {
        format!("{space}{}{space}", object(members, spoilt, space))
    })
}

/// True if the quick reader has an answer. It must equal the careful reader's.
fn same(body: &[u8]) -> bool {
    let Some(quick) = parse(body) else {
        return false;
    };
    let careful = carefully(body);
    assert_eq!(Some(&quick), careful.as_ref().ok(), "{careful:?}");
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_has_the_right_shape_is_read_quickly_and_alike(body in body(0)) {
        prop_assert!(same(body.as_bytes()));
    }

    #[test]
    fn what_has_more_in_its_envelope_is_refused_by_both(body in body(0), name in select(&["dryRun", "Id", "more"][..])) {
        let end = body.rfind('}').unwrap();
        let body = format!("{},\"{name}\":true{}", &body[..end], &body[end..]);
        prop_assert!(parse(body.as_bytes()).is_none());
        prop_assert!(matches!(carefully(body.as_bytes()), Err(Error::Invalid(_))));
    }

    #[test]
    fn what_has_another_shape_is_read_alike(body in body(10)) {
        same(body.as_bytes());
    }

    #[test]
    fn what_came_to_harm_is_read_alike(
        body in body(0),
        at in any::<Index>(),
        byte in prop_oneof![select(b"\"\\,:[]{} \x00\x7f\xc3e0".to_vec()), any::<u8>()],
        harm in 0..4,
    ) {
        let mut body = body.into_bytes();
        let at = at.index(body.len());
        match harm {
            0 => body[at] = byte,
            1 => body.insert(at, byte),
            2 => body.push(byte),
            _ => body.truncate(at),
        }
        same(&body);
    }
}

#[test]
fn too_many_events_are_left_to_the_careful_reader() {
    let event = r#"{"occurred_at":"2026-03-01T10:00:00Z","employee":{"employee_id":"E","status":"active"}}"#;
    for (events, quick) in [(MAX_EVENTS, true), (MAX_EVENTS + 1, false)] {
        let events = vec![event; events].join(",");
        assert_eq!(
            same(format!(r#"{{"events":[{events}]}}"#).as_bytes()),
            quick
        );
    }
}
