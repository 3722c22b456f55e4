use super::*;

#[test]
fn an_array_is_no_object() {
    for body in ["[[],false]", "[]", "null", "5"] {
        assert!(matches!(parse(body.as_bytes()), Err(Error::Invalid(_))));
    }
    let at = "2026-03-01T10:00:00Z";
    for (event, reason) in [
        (
            format!(r#"[null,"{at}",["E-1","active"]]"#),
            "event must be an object",
        ),
        (
            format!(r#"{{"occurred_at":"{at}","employee":["E-1","active"]}}"#),
            "employee must be an object",
        ),
        (
            format!(
                r#"{{"occurred_at":"{at}","employee":{{"employee_id":["E-1"],"status":"active"}}}}"#
            ),
            "employee_id is neither a text nor a number",
        ),
    ] {
        let parsed = parse(format!(r#"{{"events":[{event}]}}"#).as_bytes()).unwrap();
        assert_eq!(parsed.events[0].as_ref().unwrap_err().reason, reason);
    }
}

#[test]
fn a_value_of_another_type_is_read_or_costs_its_field_alone() {
    let body = r#"{"events":[{"id":7,"occurred_at":"2026-03-01T10:00:00Z","employee":{"employee_id":1022.0,
        "status":"On-Leave","name":{"first":"Ada","last":["L"]},"team":12,"cost_centre":-1,"email":false,"manager_id":null}}]}"#;
    for read in [parse(body.as_bytes()), carefully(body.as_bytes())] {
        let event = read.unwrap().events.remove(0).unwrap();
        assert_eq!(event.id.unwrap().as_str(), "7");
        assert_eq!(event.employee_id.as_str(), "1022");
        assert_eq!(event.status, HrStatus::Active);
        let text = |text: &str| Some(text.to_owned());
        let fields = [
            (Field::Team, text("12")),
            (Field::CostCentre, text("-1")),
            (Field::ManagerId, None),
        ];
        assert_eq!(event.fields, fields.into());
        let unread: Vec<_> = event.unread.iter().map(|one| &*one.field).collect();
        assert_eq!(unread, ["name", "email"]);
    }
}

#[test]
fn a_rejected_record_says_whom_and_whether_hr_calls_them_active() {
    for (employee, id, gone) in [
        (
            r#"{"employee_id":"E-1","status":"retired"}"#,
            Some("E-1"),
            true,
        ),
        (r#"{"employee_id":"E-1","status":{}}"#, Some("E-1"), true),
        (r#"{"employee_id":"E-1"}"#, Some("E-1"), true),
        (
            r#"{"employee_id":5,"status":"Active","status":"x"}"#,
            None,
            true,
        ),
        (
            r#"{"employee_id":"\u200b","status":"ACTIVE"}"#,
            Some("\u{200b}"),
            false,
        ),
        (r#"{"employee_id":[],"status":"left"}"#, None, true),
        (r#"5"#, None, true),
    ] {
        let body = format!(
            r#"{{"events":[{{"id":"e","occurred_at":"2026-03-01T10:00:00Z","employee":{employee}}}]}}"#
        );
        let malformed = parse(body.as_bytes())
            .unwrap()
            .events
            .remove(0)
            .unwrap_err();
        assert_eq!(malformed.employee_id.as_deref(), id, "{employee}");
        assert_eq!(malformed.about.gone, gone, "{employee}");
        assert!(malformed.about.event_id.is_some() && malformed.about.occurred_at.is_some());
    }
}
