//! Refused rules, and the positions of their errors.

use super::super::*;

fn refused(expression: &str) -> RuleError {
    match Rule::compile(expression) {
        Ok(_) => panic!("{expression}: compiles"),
        Err(error) => error,
    }
}

#[test]
fn what_is_refused_says_where() {
    let mut wrong = Vec::new();
    for (expression, line, column, says) in [
        // Loops, anywhere in an expression.
        (
            r#"["a"].all(x, x == "a")"#,
            1,
            7,
            "all is not part of rules",
        ),
        (r#"[1].exists(x, x > 0)"#, 1, 5, "exists is not"),
        (r#"[1].exists_one(x, x > 0)"#, 1, 5, "exists_one is not"),
        (r#"size([1].map(x, x)) > 0"#, 1, 10, "map is not"),
        (
            r#"true && (false || size([1].filter(x, true)) == 1)"#,
            1,
            28,
            "filter is not",
        ),
        ("[1]\n.all(x,\n[2].all(y, y > x))", 2, 2, "all is not"),
        (
            r#"has(employee.name.map(x, x).y)"#,
            1,
            19,
            "only employee has fields",
        ),
        ("all(employee.name)", 1, 1, "all is not"),
        (
            r#"employee.email.matches("(a+)+$")"#,
            1,
            16,
            "matches is not",
        ),
        (
            r#"true || matches(employee.email, "a")"#,
            1,
            9,
            "matches is not",
        ),
        // The employee.
        (
            "employee.status == \"active\"",
            1,
            1,
            "employee.status is not",
        ),
        (
            "true && has(employee.status)",
            1,
            13,
            "employee.status is not",
        ),
        (r#"employee["status"] == "active""#, 1, 9, "does not index"),
        (
            r#"employee[employee.name] == "active""#,
            1,
            9,
            "does not index",
        ),
        (r#"[employee.name][0] == "x""#, 1, 16, "does not index"),
        (
            r#"employee.nick == "x""#,
            1,
            1,
            "employee has no field nick",
        ),
        (
            r#"employee.Name == "x""#,
            1,
            1,
            "employee has no field Name",
        ),
        (
            r#"employee.name.first == "x""#,
            1,
            9,
            "only employee has fields",
        ),
        (r#"employee"#, 1, 1, "employee stands for its fields"),
        ("employee == employee", 1, 1, "employee stands for"),
        (r#"has(employee)"#, 1, 1, "has() takes one field"),
        (r#"has("x")"#, 1, 1, "has() takes one field"),
        (
            r#"has(employee.name, employee.team)"#,
            1,
            1,
            "has() takes one field",
        ),
        (r#".employee.name == "x""#, 1, 2, "only employee has fields"),
        // Unknown.
        ("person.name == \"x\"", 1, 1, "only employee has fields"),
        ("true &&\n  somebody", 2, 3, "there is no somebody"),
        (r#""ä" == "ä" && wrong"#, 1, 15, "there is no wrong"),
        ("lower(employee.name) == \"x\"", 1, 1, "no function lower"),
        (
            "employee.name.lowerAscii() == \"x\"",
            1,
            15,
            "no function lowerAscii",
        ),
        ("string(1) == \"1\"", 1, 1, "no function string"),
        (
            "timestamp(employee.start_date) == null",
            1,
            1,
            "no function timestamp",
        ),
        ("optional.none()", 1, 10, "no function none"),
        // Types.
        (
            "employee.name",
            1,
            1,
            "a rule is true or false; this is a text",
        ),
        ("1", 1, 1, "this is a number"),
        ("[true]", 1, 1, "this is a list"),
        ("null", 1, 1, "this is null"),
        ("size(employee.name)", 1, 1, "this is a number"),
        ("employee.name + \"x\"", 1, 15, "this is a text"),
        ("true ? employee.name : \"x\"", 1, 6, "this is a text"),
        (
            "employee.name == 5",
            1,
            15,
            "== does not take a text and a number",
        ),
        ("employee.name && true", 1, 15, "&& does not take a text"),
        ("!employee.name", 1, 1, "! does not take a text"),
        (
            "\"a\" in employee.name",
            1,
            5,
            "in does not take a text and a text",
        ),
        ("1 in [\"a\"]", 1, 3, "in does not take"),
        ("1 in [1, \"a\"]", 1, 10, "of one kind"),
        ("1 in [[1]]", 1, 7, "a list cannot be in a list"),
        ("[1] == [1]", 1, 5, "== does not take"),
        ("null < \"a\"", 1, 6, "< does not take"),
        (
            "null.startsWith(\"a\")",
            1,
            6,
            "startsWith does not take null",
        ),
        (
            "employee.name.startsWith()",
            1,
            15,
            "startsWith does not take",
        ),
        (
            "startsWith(employee.name, \"a\")",
            1,
            1,
            "startsWith does not take",
        ),
        ("size() == 1", 1, 1, "size does not take nothing"),
        ("true ? 1 : \"a\"", 1, 6, "?: does not take"),
        ("1 + 1 == 2", 1, 3, "+ does not take"),
        ("1 - 1 == 0", 1, 3, "does not calculate"),
        ("\"a\" * 9 == \"aaa\"", 1, 5, "does not calculate"),
        ("-(1) == 0", 1, 1, "does not calculate"),
        // Characters, literals, syntax.
        ("{\"a\": 1}", 1, 1, "maps are not supported"),
        ("employee{name: 1}", 1, 9, "maps are not supported"),
        ("1.5 > 1", 1, 1, "only whole numbers"),
        ("1u == 1", 1, 1, "only whole numbers"),
        ("0x1F == 31", 1, 1, "only whole numbers"),
        (".5 == 1", 1, 1, "only whole numbers"),
        ("b\"a\" == b\"a\"", 1, 1, "may have no prefix"),
        ("r\"a\" == \"a\"", 1, 1, "may have no prefix"),
        ("\"\"\"a\"\"\" == \"a\"", 1, 3, "a string cannot follow"),
        ("true && \"a\nb\" == \"a\"", 1, 9, "not closed on its line"),
        ("\"a == 'b'", 1, 1, "not closed on its line"),
        ("\"a\\qb\" == \"a\"", 1, 3, "not an escape"),
        ("\"\\ud800\" == \"a\"", 1, 2, "not an escape"),
        ("employee.name = \"x\"", 1, 15, "written =="),
        ("true & false", 1, 6, "in a string only"),
        ("true\u{a0}&& false", 1, 5, "in a string only"),
        ("employee.`name` == \"x\"", 1, 10, "in a string only"),
        ("(true", 1, 1, "never closed"),
        ("true)", 1, 5, "never opened"),
        ("[true)", 1, 6, "never opened"),
        ("true &&", 1, 8, "syntax error"),
        ("true true", 1, 6, "syntax error"),
        ("employee.?name == null", 1, 9, "unsupported syntax"),
        (
            "employee. == 1",
            1,
            9,
            "syntax error: no expression goes on",
        ),
        ("true\n  && return", 2, 6, "reserved"),
        ("99999999999999999999 == 1", 1, 1, "invalid int"),
        ("// nothing", 1, 11, "syntax error"),
    ] {
        let error = refused(expression);
        let place = Some(Position { line, column });
        if !error.message.contains(says) || error.position != place {
            wrong.push(format!("{expression}: {error}, not {line}:{column} {says}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_error_shows_its_place() {
    assert_eq!(
        refused("true &&\n nobody").to_string(),
        "line 2, column 2: there is no nobody; a rule is about employee"
    );
}

#[test]
fn sizes_are_limited() {
    let long = format!("\"{}\" == \"\"", "x".repeat(MAX_BYTES));
    assert_eq!(refused(&long).message, "the rule is longer than 4 KiB");

    let entries = |count: usize| format!("1 in [{}]", vec!["1"; count].join(","));
    assert!(Rule::compile(&entries(MAX_ENTRIES)).is_ok());
    assert!(
        refused(&entries(MAX_ENTRIES + 1))
            .message
            .contains("1,000 entries")
    );

    let nodes = |count: usize| vec!["true"; count].join("||");
    assert!(Rule::compile(&nodes(250)).is_ok());
    assert!(refused(&nodes(251)).message.contains("500 parts"));

    let text = |count: usize| format!("{} == \"\"", vec!["employee.name"; count].join("+"));
    assert!(Rule::compile(&text(15)).is_ok());
    let half = "x".repeat(1_900);
    let fits = format!("(\"{half}\" + \"{half}\").contains(\"a\")");
    assert!(Rule::compile(&fits).is_ok());
    let over = format!("((\"{half}\" + \"{half}\") + (employee.name + employee.team)) == \"\"");
    assert!(refused(&over).message.contains("4,096 characters"));
}

#[test]
fn depth_is_limited_before_the_parser_recurses() {
    let deep = [
        |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n)),
        |n: usize| format!("{}true", "!".repeat(n)),
        |n: usize| format!("{}1 == 1", "-".repeat(n)),
        |n: usize| format!("employee{}", ".a".repeat(n)),
        |n: usize| format!("employee{}", ".a()".repeat(n)),
        |n: usize| format!("a{}", "[0]".repeat(n)),
        |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n)),
        |n: usize| format!("1{}", "+1".repeat(n)),
        |n: usize| format!("1{}", "==1".repeat(n)),
        |n: usize| format!("1{}", " in 1".repeat(n)),
        |n: usize| format!("{}true", "true?true:".repeat(n)),
        |n: usize| format!("{}true", "f(".repeat(n)),
    ];
    for (kind, expression) in deep.iter().enumerate() {
        // Within the limit, every kind is refused for another reason or compiles.
        if let Err(error) = Rule::compile(&expression(15)) {
            assert!(!error.message.contains("deeper"), "kind {kind}: {error}");
        }
        for n in [100, 400] {
            let error = refused(&expression(n));
            assert!(error.message.contains("deeper"), "kind {kind}: {error}");
            assert!(error.position.is_some());
        }
    }
    // The deepest rule, on the stack of a runtime's thread.
    for (kind, expression) in deep.into_iter().enumerate() {
        let deepest = (1..100).take_while(|n| {
            Rule::compile(&expression(*n)).map_or_else(|e| !e.message.contains("deeper"), |_| true)
        });
        let n = deepest.max().unwrap();
        assert!((15..=MAX_DEPTH).contains(&n), "kind {kind}: {n}");
    }
}
