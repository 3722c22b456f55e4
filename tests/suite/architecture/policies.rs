//! What the roles of `template.yaml` may do, where a wrong word would hand somebody a power: no local stack evaluates a
//! policy.

use std::collections::BTreeSet;

use offramp_api::invoked::OPERATOR;
use offramp_aws::keys;
use offramp_domain::{CardId, EmployeeId, OrgId};
use serde_yaml_ng::Value as Yaml;

use super::refuse;
use super::workspace::*;

/// A timer is made by any function that may lend it its role, and carries any payload. Operations are taken through an
/// alias alone (`shared/api/src/invoked.rs`), and an ARN without a qualifier allows no invocation of an alias.
#[test]
fn no_timer_and_no_function_reaches_an_operation() {
    let template = template();
    let folder = |function: &Yaml| texts(&function["Properties"]["CodeUri"]).concat();
    let mut wrong = Vec::new();
    let mut operated = BTreeSet::new();
    for (id, function) in functions(&template) {
        let code: String = sources(&folder(function))
            .iter()
            .map(|file| text(file))
            .collect();
        if code.contains("Invoked::Operation") {
            operated.insert((id.to_owned(), OPERATOR.to_owned()));
            if !code.contains(".admitted(") {
                wrong.push(format!("{id} takes operations and asks not how they came"));
            }
        }
    }
    let aliases: BTreeSet<_> = resources(&template, "AWS::Lambda::Alias")
        .map(|(_, alias)| &alias["Properties"])
        .map(|alias| {
            (
                texts(&alias["FunctionName"]).concat(),
                texts(&alias["Name"]).concat(),
            )
        })
        .collect();
    assert_eq!(aliases, operated, "the aliases, and who takes operations");

    let names: Vec<String> = functions(&template)
        .map(|(_, function)| folder(function).replace("functions/", ""))
        .collect();
    let arn =
        "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-";
    let mut invokes = Vec::new();
    for (owner, statement) in statements(&template) {
        let actions = texts(&statement["Action"]);
        let of_lambda = |action: &String| action.starts_with("lambda:") || action.starts_with('*');
        if statement["Effect"] == "Deny" || !actions.iter().any(of_lambda) {
            continue;
        }
        if owner != "SchedulerRole" || actions != ["lambda:InvokeFunction"] {
            wrong.push(format!("{owner} may {actions:?}"));
        }
        for resource in texts(&statement["Resource"]) {
            match resource.strip_prefix(arn) {
                Some(name) if names.iter().any(|known| known == name) => {
                    invokes.push(name.to_owned())
                }
                _ => wrong.push(format!("{owner} may invoke {resource}")),
            }
        }
    }
    assert_eq!(
        invokes,
        ["terminate", "notify", "apply"],
        "what a timer may invoke"
    );
    for (id, permission) in resources(&template, "AWS::Lambda::Permission") {
        let function = texts(&permission["Properties"]["FunctionName"]);
        if !functions(&template).any(|(id, _)| function == [id]) {
            wrong.push(format!("{id} lets others invoke {function:?}"));
        }
    }
    refuse(
        &wrong,
        "whoever invokes a function by the template names it without an alias; an alias is for operators, whom IAM allows it \
         outside of the template (docs/EXIT.md)",
    );
}

/// All that writes an item or a table's content:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>.
const WRITES: &[&str] = &[
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
];

/// An item of the ledger says that a card is cancelled, so what can write one can cancel, or take a cancellation back.
#[test]
fn one_function_speaks_to_issuers() {
    let template = template();
    let (org, card) = (OrgId::new("acme").unwrap(), CardId::new("card_1").unwrap());
    let ledger = keys::ledger(&org, &card).pk;
    let other = keys::user(&org, &EmployeeId::new("E-1").unwrap()).pk;
    let mut wrong = Vec::new();
    for restored in [false, true] {
        let mut may = BTreeSet::new();
        for (id, _) in functions(&template) {
            for action in WRITES {
                // AWS does not say whether a part of a transaction is asked about with the keys of the others.
                for keys in [vec![&*ledger], vec![&ledger, &other], vec![&other, &ledger]] {
                    let ask = Ask {
                        action,
                        keys,
                        restored,
                    };
                    if is_allowed(&template, id, &ask) {
                        may.insert((id, *action));
                    }
                }
            }
        }
        let expected = [
            // An erasure takes a person's cards with them, and an import brings them back.
            ("Apply", "dynamodb:DeleteItem"),
            ("Apply", "dynamodb:PutItem"),
            ("Terminate", "dynamodb:UpdateItem"),
        ];
        assert_eq!(may, expected.into(), "who may write the ledger");
    }
    for (id, function) in functions(&template) {
        let folder = texts(&function["Properties"]["CodeUri"]).concat();
        let words = ["CardIssuer", "Ledger", "WithIssuer", "terminating"];
        if id != "Terminate" {
            wrong.extend(mentions(&sources(&folder), &words));
        }
    }
    refuse(
        &wrong,
        "only terminate tells an issuer of a card; others hand over by the stream",
    );
}

/// The denial is of the ledger alone, whatever an employee is called.
#[test]
fn no_other_item_is_taken_for_one_of_the_ledger() {
    let template = template();
    let org = OrgId::new("acme").unwrap();
    let people = ["E-1", "x#L#y", "#L#card_1", "O#acme#L#card_1"];
    let people = people.map(|id| keys::person(&org, &EmployeeId::new(id).unwrap()));
    let card = CardId::new("L").unwrap();
    let others = [
        keys::organisation(&org),
        keys::notices(&org, 0),
        keys::card_owner(&org, &card).pk,
    ];
    for id in ["HrSync", "Admin", "Apply", "Terminate", "Sweep"] {
        for action in &WRITES[..3] {
            for key in people.iter().chain(&others) {
                let keys = vec![&**key];
                for restored in [false, true] {
                    let ask = Ask {
                        action,
                        keys: keys.clone(),
                        restored,
                    };
                    assert!(is_allowed(&template, id, &ask), "{id} {action} {key}");
                }
            }
        }
    }
}

/// A request to the table in use.
struct Ask<'a> {
    action: &'a str,
    /// `dynamodb:LeadingKeys`
    keys: Vec<&'a str>,
    /// Whether the table in use is a restored one.
    restored: bool,
}

/// Whether a function's role may do it: something allows it, and nothing denies it.
fn is_allowed(template: &Yaml, function: &str, ask: &Ask<'_>) -> bool {
    let statements = statements(template).into_iter();
    let mut effects = statements
        .filter(|(owner, statement)| owner == function && is_about(statement, ask))
        .map(|(_, statement)| statement["Effect"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    effects.sort();
    effects.dedup();
    effects == ["Allow"]
}

fn is_about(statement: &Yaml, ask: &Ask<'_>) -> bool {
    assert!(statement["NotAction"].is_null() && statement["NotResource"].is_null());
    let table = if ask.restored {
        "table/${RestoredTable}"
    } else {
        "Table.Arn"
    };
    let resources = texts(chosen(&statement["Resource"], ask.restored));
    let actions = texts(&statement["Action"]);
    actions.iter().any(|action| like(action, ask.action))
        && resources
            .iter()
            .any(|one| one == "*" || one.ends_with(table))
        && meets(&statement["Condition"], ask)
}

/// The branch of `!If [Restored, …, …]` that counts.
fn chosen(value: &Yaml, restored: bool) -> &Yaml {
    match value {
        Yaml::Tagged(tagged) if tagged.tag == "If" && tagged.value[0] == "Restored" => {
            &tagged.value[if restored { 1 } else { 2 }]
        }
        other => other,
    }
}

/// Every operator has to hold. An operator that is not known here fails the test, rather than being guessed at.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
fn meets(condition: &Yaml, ask: &Ask<'_>) -> bool {
    condition
        .as_mapping()
        .into_iter()
        .flatten()
        .all(|(operator, keys)| {
            let operator = operator.as_str().unwrap();
            assert_eq!(keys.as_mapping().unwrap().len(), 1, "{operator}");
            let patterns = texts(&keys["dynamodb:LeadingKeys"]);
            assert!(
                !patterns.is_empty(),
                "{operator} is about a key that this test does not know"
            );
            let is_like = |key: &&str| patterns.iter().any(|pattern| like(pattern, key));
            let mut keys = ask.keys.iter();
            match operator {
                "ForAnyValue:StringLike" => keys.any(is_like),
                "ForAnyValue:StringNotLike" => keys.any(|key| !is_like(key)),
                "ForAllValues:StringLike" => keys.all(is_like),
                "ForAllValues:StringNotLike" => keys.all(|key| !is_like(key)),
                other => panic!("this test does not know {other}"),
            }
        })
}

/// Every statement of a policy that the template gives a role, with the function or role that has it. A policy of its own
/// counts for each of its roles.
fn statements<'t>(template: &'t Yaml) -> Vec<(String, &'t Yaml)> {
    let mut found = Vec::new();
    let mut add = |owner: String, document: &'t Yaml| {
        let all = document["Statement"].as_sequence().into_iter().flatten();
        found.extend(all.map(|statement| (owner.clone(), statement)));
    };
    for (id, function) in functions(template) {
        let policies = function["Properties"]["Policies"].as_sequence();
        for policy in policies.into_iter().flatten() {
            add(id.to_owned(), policy);
        }
    }
    for (id, role) in resources(template, "AWS::IAM::Role") {
        let policies = role["Properties"]["Policies"].as_sequence();
        for policy in policies.into_iter().flatten() {
            add(id.to_owned(), &policy["PolicyDocument"]);
        }
    }
    for (_, policy) in resources(template, "AWS::IAM::Policy") {
        for role in texts(&policy["Properties"]["Roles"]) {
            let function = role.strip_suffix("Role").unwrap_or(&role).to_owned();
            add(function, &policy["Properties"]["PolicyDocument"]);
        }
    }
    found
}
