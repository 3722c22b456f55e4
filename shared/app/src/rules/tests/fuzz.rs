//! No text makes the compiler panic, and no text takes long.

use std::time::{Duration, Instant};

use offramp_domain::Field;
use proptest::prelude::*;

use super::super::*;
use super::{ada, record};

/// The limit is generous, so that the test passes on a loaded machine. A compilation must not take seconds.
const LONG: Duration = Duration::from_secs(2);

const SOUP: [&str; 56] = [
    "employee",
    ".",
    "name",
    "department",
    "status",
    "employee_id",
    "(",
    ")",
    "[",
    "]",
    ",",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    "-",
    "?",
    ":",
    "+",
    "*",
    "in",
    "has",
    "size",
    "contains",
    "startsWith",
    "matches",
    "all",
    "map",
    "x",
    "true",
    "false",
    "null",
    "1",
    "99",
    "\"a\"",
    "'b'",
    "\"",
    "'",
    "\\",
    "\n",
    " ",
    " ",
    "//",
    "`",
    "{",
    "}",
    "ä",
    "\u{0}",
    "employee.name",
    "employee.team == \"a\"",
    "has(employee.email)",
    "employee.name in [\"a\",null]",
    "return",
];

fn evaluate(expression: &str) {
    let start = Instant::now();
    if let Ok(rule) = Rule::compile(expression) {
        let id = EmployeeId::new("E-7").unwrap();
        for record in [ada(), record(&[])] {
            if let Err(reason) = rule.includes(&id, &record) {
                assert!(
                    reason.contains("needs") || reason.contains("cannot be evaluated"),
                    "{expression}: {reason}"
                );
                assert!(!reason.contains("Ada"), "{expression}: {reason}");
            }
        }
    }
    assert!(
        start.elapsed() < LONG,
        "{expression}: {:?}",
        start.elapsed()
    );
}

/// Expressions of which most compile.
fn legal() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just("employee.name".to_owned()),
        Just("employee.team".to_owned()),
        Just("employee.employee_id".to_owned()),
        Just("\"Ada\"".to_owned()),
        Just("null".to_owned()),
    ];
    let leaf = (text.clone(), text).prop_flat_map(|(one, other)| {
        prop_oneof![
            Just(format!("{one} == {other}")),
            Just(format!("{one} < {other}")),
            Just(format!("{one} in [{other}, \"x\"]")),
            Just(format!("{one}.contains({other})")),
            Just(format!("size({one} + {other}) > 3")),
            Just(format!("has({one})")),
        ]
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        (inner.clone(), inner.clone(), inner).prop_flat_map(|(a, b, c)| {
            prop_oneof![
                Just(format!("({a} && {b})")),
                Just(format!("({a} || {b})")),
                Just(format!("!({a})")),
                Just(format!("({a} ? {b} : {c})")),
            ]
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        evaluate(&text);
    }

    #[test]
    fn any_ascii(text in "[ -~\\n]{0,200}") {
        evaluate(&text);
    }

    #[test]
    fn any_tokens(tokens in proptest::collection::vec(proptest::sample::select(SOUP.to_vec()), 0..60)) {
        evaluate(&tokens.concat());
        evaluate(&tokens.join(" "));
    }

    #[test]
    fn any_expression(expression in legal()) {
        evaluate(&expression);
    }
}

/// The most expensive ways to fill the limits. `--nocapture` prints the times.
#[test]
fn the_worst_is_quick() {
    let fill = |head: &str, part: &str, tail: &str, most: usize| {
        let room = MAX_BYTES - head.len() - tail.len();
        let parts = (room / part.len()).min(most);
        format!("{head}{}{tail}", part.repeat(parts))
    };
    let long = "x".repeat(1_000);
    let value = "ä".repeat(256);
    let wide = |field: &Field| (*field, Some(&*value));
    let widest = record(&Field::ALL.iter().map(wide).collect::<Vec<_>>());
    for expression in [
        fill("employee.name in [\"\"", ",\"\"", "]", MAX_ENTRIES - 1),
        fill("1 in [2", ",2", "]", MAX_ENTRIES - 1),
        fill("false", "||1 in[2,2,2,2,2,2,2,2,2,2]", "", 100),
        fill("false", "||employee.name in[null]", "", 100),
        fill("false", "||employee.name<employee.team", "", 60),
        fill("false", "||size(employee.name)<0", "", 99),
        fill(
            "false",
            "||(employee.name+employee.team+employee.department+employee.cost_centre).contains(employee.name+employee.name+\"x\")",
            "",
            24,
        ),
        fill("false", "||!!!!!!!!!!!!!!!!!!!!!!!!!!true&&false", "", 60),
        fill("false", "||(((((((((((false)))))))))))", "", 120),
        fill(
            "false",
            "||(true?(true?(true?(true?false:true):true):true):true)",
            "",
            20,
        ),
        format!("{}false", "false?true:".repeat(31)),
        format!("{}false{}", "!!(".repeat(10), ")".repeat(10)),
        format!("{}false{}", "false||(true&&(".repeat(8), "))".repeat(8)),
        format!("(\"{long}\" + \"{long}\" + \"{long}\").contains(employee.name + \"x\")"),
    ] {
        let start = Instant::now();
        let rule = super::compile(&expression);
        let compiled = start.elapsed();
        let id = EmployeeId::new("E-7").unwrap();
        let start = Instant::now();
        for _ in 0..10 {
            assert_eq!(rule.includes(&id, &widest), Ok(false), "{expression}");
        }
        let evaluated = start.elapsed() / 10;
        eprintln!("{compiled:>12?} {evaluated:>12?} {}", &expression[..40]);
        assert!(compiled < LONG && evaluated < LONG / 20, "{expression}");
    }
}

/// A refusal takes no longer. The parser looks ahead only within a chain, and stops at its first error.
#[test]
fn the_worst_to_refuse_is_quick() {
    for part in [
        "a,",
        "!a||",
        "(a)&&",
        "a.a.a.a.a.a.a.a.a||",
        "a?a:a,",
        "f(a),",
        "[a],",
        "1 ",
        ";",
        "a<a&&",
    ] {
        for head in ["", "f(", "[", "f(f(f(f(f(f(f(", "1 ? "] {
            let expression = format!("{head}{}", part.repeat(MAX_BYTES / part.len() - head.len()));
            let start = Instant::now();
            assert!(Rule::compile(&expression).is_err(), "{expression}");
            assert!(
                start.elapsed() < LONG,
                "{head}{part}: {:?}",
                start.elapsed()
            );
        }
    }
}
