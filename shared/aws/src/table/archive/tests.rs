//! Tests that items which earlier versions have stored are read without loss, and tests of the rows of the kinds.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use offramp_domain::OrgId;
use serde_json::{Map, Value, json};

use super::Stored;
use super::derived::is_index_key;
use super::kinds::{KINDS, Leaves, USER, kind};
use super::lines;
use crate::keys;
use crate::table::item::{COMPACT, FORM};

fn org() -> OrgId {
    OrgId::new("acme").unwrap()
}

/// Items as each form has stored them. Some have every field, others only the required ones.
fn previous(form: u64) -> Vec<Value> {
    let file = format!("tests/previous/form-{form}.jsonl");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.iter().all(|line| line["v"] == form));
    lines
}

/// True if `read` has everything that `stored` has. A renamed or dropped field is missing from it.
fn holds(read: &Value, stored: &Value) -> bool {
    match (read, stored) {
        (Value::Object(read), Value::Object(stored)) => stored
            .iter()
            .all(|(name, stored)| read.get(name).is_some_and(|read| holds(read, stored))),
        (Value::Array(read), Value::Array(stored)) => {
            read.len() == stored.len()
                && read
                    .iter()
                    .zip(stored)
                    .all(|(read, stored)| holds(read, stored))
        }
        (read, stored) => read == stored,
    }
}

/// The part of a line that the code must know: its data, or the texts among its attributes.
fn known(item: &Value) -> Value {
    if let Some(data) = item.get("data") {
        return data.clone();
    }
    // The key alone may say all.
    let attributes = item["attributes"].as_object().into_iter().flatten();
    let texts = attributes.filter(|(_, value)| value.is_string() || value.is_array());
    Value::Object(Map::from_iter(
        texts.map(|(name, value)| (name.clone(), value.clone())),
    ))
}

/// Fails if a field was renamed, dropped or made required without an upgrade for the stored items.
#[test]
fn every_form_that_ever_was_is_read_and_nothing_of_it_is_lost() {
    for form in 1..=COMPACT {
        let mut seen = BTreeSet::new();
        for line in previous(form) {
            let item = lines::item(&org(), &line).unwrap_or_else(|why| panic!("{why}: {line}"));
            let read = (item.kind.read)(&item.item).unwrap();
            // An older form is read as the newest one; a compact user is read as such.
            let stored = match form {
                COMPACT => known(&line),
                _ => known(&lines::written(&org(), &item).unwrap()),
            };
            assert!(holds(&read, &stored), "{line}\nis read as\n{read}");
            seen.insert(item.kind.name);
        }
        let kinds = KINDS.iter().map(|kind| kind.name);
        let all: BTreeSet<&str> = kinds
            .filter(|name| form != COMPACT || *name == USER)
            .collect();
        assert_eq!(seen, all, "a kind without an item of form {form}");
    }
}

#[test]
fn a_line_is_the_same_line_again_and_holds_no_secret() {
    for line in previous(FORM) {
        let Some(item) = lines::parse(&org(), &line).unwrap() else {
            continue;
        };
        let again = without_indexes(&lines::line(&org(), &item).unwrap().unwrap());
        let mut wanted = without_indexes(&line);
        if line["kind"] == "source" {
            wanted["data"]["secrets"] = json!([]);
        }
        assert_eq!(again, wanted);
        // The line does not depend on the organisation.
        let other = OrgId::new("globex").unwrap();
        let moved = lines::parse(&other, &line).unwrap().unwrap();
        let moved_line = lines::line(&other, &moved).unwrap().unwrap();
        assert_eq!(without_indexes(&moved_line), wanted);
        assert!(moved.key().pk.starts_with("O#globex"), "{}", moved.key().pk);
    }
}

/// The line without the keys of indexes: an import makes them anew.
fn without_indexes(line: &Value) -> Value {
    let mut line = line.clone();
    if let Some(attributes) = line.get_mut("attributes").and_then(Value::as_object_mut) {
        attributes.retain(|name, _| !is_index_key(name));
    }
    if line["attributes"] == json!({}) {
        line.as_object_mut().unwrap().remove("attributes");
    }
    line
}

/// A file that somebody has written by hand leads into no list of another organisation.
#[test]
fn the_keys_of_indexes_are_made_anew_for_every_kind() {
    let org = OrgId::new("acm").unwrap();
    let mut indexed = BTreeSet::new();
    for line in previous(FORM) {
        let Some(honest) = lines::parse(&org, &line).unwrap() else {
            continue;
        };
        let mut forged = line.clone();
        let attributes = forged
            .as_object_mut()
            .unwrap()
            .entry("attributes")
            .or_insert_with(|| json!({}));
        for index in [
            "audit",
            "people",
            "ids",
            "mail",
            "roster",
            "leaving",
            "drift",
            "birthdays",
            "starts",
        ] {
            attributes[format!("{index}_pk")] = json!("e#A#2026-12-03#1");
            attributes[format!("{index}_sk")] = json!("2026-12-03T09:00:00.000000000Z#E-1#2");
        }
        attributes["work_pk"] = json!("O#acme#A#2026-12-03#1");
        let forged = lines::parse(&org, &forged).unwrap().unwrap();
        assert_eq!(attributes_of(&forged), attributes_of(&honest), "{line}");
        for (name, value) in attributes_of(&honest) {
            if let Some(value) = value.as_str().filter(|_| name.ends_with("_pk")) {
                let own = value.starts_with("O#acm#") || value.starts_with("W#");
                assert!(own, "{name}: {value}");
                indexed.insert(format!("{} {name}", honest.kind.name));
            }
        }
    }
    let expected = [
        "answer audit_pk",
        "breaker work_pk",
        "entry audit_pk",
        "erasure audit_pk",
        "hold work_pk",
        "machine_entry audit_pk",
        "objective people_pk",
        "settings_entry audit_pk",
        "source_entry audit_pk",
    ];
    assert_eq!(
        indexed.iter().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
}

/// Only a card's line says since when the card is being cancelled. Where it is work is made anew.
#[test]
fn a_card_that_is_being_cancelled_is_work_since_its_lines_instant() {
    let lines = previous(FORM);
    let mut line = lines
        .into_iter()
        .find(|line| line["kind"] == "card" && line["attributes"]["cancelling"] == true)
        .unwrap();
    line["attributes"]["work_pk"] = json!("W#99");
    line["attributes"]["work_sk"] = json!("2026-03-02T09:00:00Z");
    let card = lines::parse(&org(), &line).unwrap().unwrap();
    let due = "2026-03-02T09:00:00Z".parse().unwrap();
    let work = keys::work(&org(), "c-1", due);
    assert_eq!(card.item.get_text("work_pk"), Some(&*work.pk));
    assert_eq!(card.item.get_text("work_sk"), Some(&*work.sk));
    line["attributes"]["work_sk"] = json!("O#acme");
    assert!(lines::parse(&org(), &line).is_err());
}

fn attributes_of(stored: &Stored) -> Vec<(String, Value)> {
    let mut all: Vec<_> = stored
        .item
        .attributes()
        .map(|(name, value)| (name.clone(), super::kinds::to_json(value).unwrap()))
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// An export does not depend on the form that users are stored in.
#[test]
fn a_compact_user_is_exported_in_the_first_form() {
    let users: Vec<Value> = previous(FORM)
        .into_iter()
        .filter(|line| line["kind"] == USER)
        .collect();
    let compact = previous(COMPACT);
    assert_eq!(users.len(), compact.len());
    for (first, compact) in users.iter().zip(compact) {
        let item = lines::item(&org(), &compact).unwrap();
        let line = lines::line(&org(), &item).unwrap().unwrap();
        let again = lines::line(&org(), &lines::item(&org(), first).unwrap()).unwrap();
        assert_eq!(line["v"], FORM);
        assert!(holds(&line["data"], &again.unwrap()["data"]), "{line}");
    }
}

#[test]
fn a_line_that_is_not_one_is_refused() {
    let lines = previous(FORM);
    let card = lines.iter().find(|line| line["kind"] == "card").unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut line = card.clone();
        change(&mut line);
        line
    };
    for wrong in [
        json!("a line"),
        json!({}),
        changed(&|line| line["kind"] = json!("user")),
        changed(&|line| line["pk"] = json!("#Z#E-7")),
        changed(&|line| line["pk"] = json!("")),
        changed(&|line| line["v"] = json!(FORM + 1)),
        changed(&|line| line["v"] = json!(0)),
        changed(&|line| line["data"]["status"] = json!("melted")),
        changed(&|line| line["attributes"]["pk"] = json!("O#other")),
        changed(&|line| line["attributes"]["deep"] = json!({ "a": 1 })),
        changed(&|line| line["more"] = json!(1)),
        changed(&|line| drop(line.as_object_mut().unwrap().remove("data"))),
    ] {
        assert!(lines::parse(&org(), &wrong).is_err(), "{wrong}");
    }
}

/// A user's item sorts last in its partition, so an erasure that dies still finds the rest.
#[test]
fn a_user_sorts_after_all_that_is_theirs() {
    for kind in KINDS
        .iter()
        .filter(|kind| kind.pk == "#U#" && kind.name != USER)
    {
        assert!(kind.sk < "U", "{}", kind.name);
    }
}

#[test]
fn kinds_are_told_by_their_keys() {
    let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), KINDS.len());
    for (pk, sk, name) in [
        ("", "SETTINGS", Some("settings")),
        ("", "S#000000000001", Some("settings_entry")),
        ("", "SOURCE#s", Some("source")),
        ("#U#a#C#b", "U", Some("user")),
        ("#U#a", "C#b", Some("card")),
        ("#U#a", "Z#b", None),
        ("#U#", "U", None),
        ("", "U", None),
        ("s", "SETTINGS", None),
    ] {
        assert_eq!(kind(pk, sk).map(|kind| kind.name), name, "{pk} {sk}");
    }
    for kind in KINDS
        .iter()
        .filter(|kind| matches!(kind.leaves, Leaves::Nothing))
    {
        assert!(
            [
                "attempts",
                "confirmation",
                "counted",
                "grant",
                "import",
                "invited",
                "line",
                "message",
                "page",
                "pulse",
                "receipt",
                "refusals",
                "rejections",
                "snapshot",
                "would",
            ]
            .contains(&kind.name),
            "{} does not leave: say why in docs/EXIT.md, and here",
            kind.name
        );
    }
}
