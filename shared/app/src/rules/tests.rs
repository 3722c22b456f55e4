//! Tests of the meaning of rules, of refusals and their positions, and of the cost of a rule.

mod fuzz;
mod refused;

use std::collections::BTreeMap;

use offramp_domain::{Arrival, Field, HrEvent, HrStatus};

use super::*;

fn compile(expression: &str) -> Rule {
    match Rule::compile(expression) {
        Ok(rule) => rule,
        Err(error) => panic!("{expression}: {error}"),
    }
}

fn record(fields: &[(Field, Option<&str>)]) -> HrRecord {
    let mut values = BTreeMap::new();
    for (field, value) in fields {
        values.insert(*field, value.map(str::to_owned));
    }
    HrRecord::first(&HrEvent {
        id: None,
        occurred_at: "2026-11-24T09:00:00Z".parse().unwrap(),
        employee_id: EmployeeId::new("E-7").unwrap(),
        status: HrStatus::Active,
        fields: values,
        unread: Vec::new(),
        arrival: Arrival::default(),
    })
}

/// An employee with most fields, but without a manager (cleared) and without a team (never sent).
fn ada() -> HrRecord {
    record(&[
        (Field::Name, Some("Ada Löwe")),
        (Field::Email, Some("ada@example.com")),
        (Field::Department, Some("Engineering")),
        (Field::CostCentre, Some("4711")),
        (Field::ManagerId, None),
        (Field::StartDate, Some("2024-02-29")),
        (Field::Birthday, Some("02-29")),
        (Field::LeaveDate, Some("2027-01-31")),
    ])
}

fn on(expression: &str, record: &HrRecord) -> Result<bool, String> {
    compile(expression).includes(&EmployeeId::new("E-7").unwrap(), record)
}

#[test]
fn a_rule_that_may_say_something_else_elsewhere_says_so() {
    let notes = |rule: &str| Rule::compile(rule).unwrap().notes().len();
    assert_eq!(notes("employee.name.startsWith('A')"), 0);
    assert_eq!(notes("has(employee.team)"), 1);
    assert_eq!(notes("size(employee.name) < 3"), 1);
    assert_eq!(notes("has(employee.team) && employee.team.size() == 2"), 2);
    // What the notes say is so.
    let rule = Rule::compile("has(employee.team)").unwrap();
    let id = EmployeeId::new("E-7").unwrap();
    assert_eq!(
        rule.includes(&id, &record(&[(Field::Team, None)])),
        Ok(false)
    );
    let rule = Rule::compile("employee.name.size() == 2").unwrap();
    let accented = record(&[(Field::Name, Some("e\u{301}"))]);
    assert_eq!(rule.includes(&id, &accented), Ok(true));
}

#[test]
fn rules_say_who_is_in() {
    for (expression, included) in [
        ("", true),
        (" \n", true),
        (EVERYBODY, true),
        ("false", false),
        (r#"employee.employee_id in ["E-7","E-9"]"#, true),
        (r#"!(employee.employee_id in ["E-7","E-9"])"#, false),
        (r#"employee.employee_id in []"#, false),
        (r#"employee.department != "Contractors""#, true),
        (r#"employee.department == "Engineering""#, true),
        (r#"employee.email.endsWith("@example.com")"#, true),
        (r#"employee.email.startsWith('bob')"#, false),
        (r#"employee.email.contains(employee.name)"#, false),
        (
            r#"employee.name == "Ada L\u00f6we" && size(employee.name) == 8"#,
            true,
        ),
        (r#"employee.name.size() > 7 || false"#, true),
        (
            r#"employee.cost_centre in ["4711", employee.department]"#,
            true,
        ),
        (r#"employee.start_date < "2025-01-01""#, true),
        (r#"employee.leave_date >= "2027-02-01""#, false),
        (r#"employee.birthday <= "02-29""#, true),
        (
            r#"has(employee.email) ? employee.email == "ada@example.com" : false"#,
            true,
        ),
        (r#"(true ? employee.department : "x") > "D""#, true),
        (
            r#"employee.department + "/" + employee.cost_centre == "Engineering/4711""#,
            true,
        ),
        (
            r#"size("äöü") == 3 && size([1, 2]) == 2 && size(employee.name) in [8, 9]"#,
            true,
        ),
        ("true // everybody\n&& !false", true),
        (r#"-1 < 0"#, true),
    ] {
        assert_eq!(on(expression, &ada()), Ok(included), "{expression}");
    }
}

#[test]
fn an_absent_field_is_null() {
    for field in ["team", "manager_id"] {
        for (expression, included) in [
            ("has(employee.F)", false),
            ("!has(employee.F)", true),
            ("employee.F == null", true),
            ("null != employee.F", false),
            (r#"employee.F != "Contractors""#, true),
            (r#"employee.F == "Contractors""#, false),
            (r#"employee.F == """#, false),
            (r#"employee.F == employee.F"#, true),
            (r#"employee.F == employee.name"#, false),
            (r#"employee.F in ["Contractors"]"#, false),
            (r#"employee.F in ["Contractors", null]"#, true),
            (r#"has(employee.F) && employee.F.startsWith("A")"#, false),
            (r#"!has(employee.F) || employee.F < "A""#, true),
            (r#"has(employee.F) ? size(employee.F) > 2 : true"#, true),
            // As in all of CEL, the side that decides need not be the first.
            (r#"employee.F.startsWith("A") && false"#, false),
        ] {
            let expression = expression.replace('F', field);
            assert_eq!(on(&expression, &ada()), Ok(included), "{expression}");
        }
    }
    assert_eq!(
        on("has(employee.employee_id) && has(employee.name)", &ada()),
        Ok(true)
    );
}

#[test]
fn a_failure_names_the_absent_field_and_no_value() {
    for (expression, reason) in [
        (
            r#"employee.team.startsWith("A")"#,
            "startsWith needs employee.team, which this employee does not have; has() tells",
        ),
        (
            r#"employee.department.contains(employee.manager_id)"#,
            "contains needs employee.manager_id, which this employee does not have; has() tells",
        ),
        (
            r#"employee.name.startsWith("A") && employee.team.size() > employee.manager_id.size()"#,
            "size needs employee.manager_id or employee.team, which this employee does not have; has() tells",
        ),
        (
            r#"employee.name < employee.team"#,
            "< needs employee.team, which this employee does not have; has() tells",
        ),
        (
            r#"employee.team + "x" == "yx""#,
            "the rule needs employee.team, which this employee does not have; has() tells",
        ),
        (
            r#"(true ? employee.team : "a").contains("a")"#,
            "contains cannot be evaluated: a value that it needs is not set",
        ),
    ] {
        assert_eq!(
            on(expression, &ada()),
            Err(reason.to_owned()),
            "{expression}"
        );
    }
}

#[test]
fn a_rule_is_compiled_once() {
    let one = Rule::cached(r#"employee.team == "cached""#).unwrap();
    let again = Rule::cached(r#"employee.team == "cached""#).unwrap();
    assert!(Arc::ptr_eq(&one, &again));
    assert!(Rule::cached("employee.status").is_err());
    for other in 0..cache::KEPT * 2 {
        Rule::cached(&format!("employee.team == \"{other}\"")).unwrap();
    }
    assert!(cache::kept() <= cache::KEPT);
    let later = Rule::cached(r#"employee.team == "cached""#).unwrap();
    assert!(!Arc::ptr_eq(&one, &later));
}

#[test]
fn a_rule_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&compile("true"));
}
