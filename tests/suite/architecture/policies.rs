//! What the roles of `template.yaml` may do, where a wrong word would hand somebody a power: no local stack evaluates a
//! policy.

use std::collections::BTreeSet;

use offramp_api::invoked::OPERATOR;
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

fn resources<'t>(template: &'t Yaml, kind: &str) -> impl Iterator<Item = (&'t str, &'t Yaml)> {
    let all = template["Resources"].as_mapping().into_iter().flatten();
    all.filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(id, resource)| (id.as_str().unwrap_or_default(), resource))
}
