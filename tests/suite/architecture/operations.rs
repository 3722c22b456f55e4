//! What an operator reads: alarms, dashboard and figures speak of the same things in `template.yaml`, the code and the
//! documents.

use std::collections::BTreeSet;

use offramp_app::metrics::Metric;
use offramp_aws::metrics::{DIMENSION, NAMESPACE};
use serde_yaml_ng::Value as Yaml;

use super::refuse;
use super::workspace::*;

#[test]
fn every_alarm_has_its_section_and_the_reverse() {
    let guide = text(&root().join("docs/OPERATIONS.md"));
    let sections: BTreeSet<String> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect();
    let template = template();
    let alarms: BTreeSet<String> = resources(&template, "AWS::CloudWatch::Alarm")
        .map(|(id, _)| id.to_owned())
        .collect();
    assert!(alarms.len() > 10, "{alarms:?}");
    let missing = alarms.difference(&sections);
    let left = sections.difference(&alarms);
    let wrong: Vec<_> = missing
        .map(|id| format!("{id} has no section"))
        .chain(left.map(|id| format!("{id} is no alarm")))
        .collect();
    refuse(
        &wrong,
        "docs/OPERATIONS.md says under a heading of each alarm's name, in backticks, what it means and what to do",
    );
}

#[test]
fn every_alarm_is_told_and_names_what_we_count() {
    let template = template();
    let names: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    let mut wrong = Vec::new();
    let mut ours = 0;
    for (id, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        if texts(&properties["AlarmActions"]) != ["AlarmTopic"] {
            wrong.push(format!("{id} tells nobody"));
        }
        if properties["Namespace"] != NAMESPACE {
            continue;
        }
        ours += 1;
        let metric = properties["MetricName"].as_str().unwrap_or_default();
        if !names.contains(metric) {
            wrong.push(format!("{id} is about {metric}, which is no metric"));
        }
        if properties["Dimensions"][0]["Name"] != DIMENSION {
            wrong.push(format!("{id} has not the dimension {DIMENSION}"));
        }
    }
    assert!(ours > 5, "{ours} alarms are on metrics of ours");
    refuse(
        &wrong,
        "alarms are on metrics of shared/app/src/metrics.rs and go to the topic",
    );
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let template = template();
    let mut shown = BTreeSet::new();
    for (id, dashboard) in resources(&template, "AWS::CloudWatch::Dashboard") {
        let body = texts(&dashboard["Properties"]["DashboardBody"]).concat();
        let body = json(&body);
        let widgets = body["widgets"].as_array();
        let widgets = widgets.unwrap_or_else(|| panic!("{id} has no widgets"));
        let lines = widgets
            .iter()
            .flat_map(|widget| widget["properties"]["metrics"].as_array())
            .flatten();
        let ours = lines.filter(|line| line[0] == NAMESPACE && line[2] == DIMENSION);
        shown.extend(ours.filter_map(|line| line[1].as_str().map(str::to_owned)));
    }
    let counted: BTreeSet<String> = Metric::ALL
        .iter()
        .map(|metric| metric.name().to_owned())
        .collect();
    let missing = counted.difference(&shown);
    let wrong: Vec<_> = missing
        .map(|name| format!("{name} is not shown"))
        .chain(
            shown
                .difference(&counted)
                .map(|name| format!("{name} is no metric")),
        )
        .collect();
    refuse(
        &wrong,
        "the dashboard of template.yaml shows what shared/app/src/metrics.rs counts",
    );
}

#[test]
fn every_parameter_of_the_template_is_in_the_readme_and_the_reverse() {
    let readme = text(&root().join("README.md"));
    let (_, table) = readme.split_once("| parameter |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    // The first column of each row, after the two of the heading.
    let rows = table.lines().skip(2);
    let columns = rows.map(|row| row.split('|').nth(1).unwrap());
    let told: BTreeSet<String> = columns
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().trim_matches('`').to_owned())
        .collect();
    let there: BTreeSet<String> = keys(&template()["Parameters"]).collect();
    let wrong: Vec<_> = told.symmetric_difference(&there).cloned().collect();
    refuse(
        &wrong,
        "README.md says what each parameter is and its default, and names no other",
    );
}

#[test]
fn webhook_secrets_are_opened_by_one_function_and_one_role_is_lent() {
    let template = template();
    let mut wrong = Vec::new();
    let mut opens = Vec::new();
    for (id, function) in functions(&template) {
        let policies = function["Properties"]["Policies"].as_sequence();
        let statements = policies
            .into_iter()
            .flatten()
            .filter_map(|policy| policy["Statement"].as_sequence())
            .flatten();
        for statement in statements {
            let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
            let may = |action: &str| actions.iter().any(|named| named == action);
            if may("kms:Decrypt") && resources.iter().any(|named| named == "SecretsKey.Arn") {
                opens.push(id);
            }
            if may("iam:PassRole") && resources != ["SchedulerRole.Arn"] {
                wrong.push(format!("{id} may lend {resources:?}"));
            }
        }
    }
    // The key's policy names the roles, so what a role may do with it is a policy of its own.
    for (id, policy) in resources(&template, "AWS::IAM::Policy") {
        let document = &policy["Properties"]["PolicyDocument"]["Statement"];
        for statement in document.as_sequence().into_iter().flatten() {
            let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
            let opens_it = actions.iter().any(|named| named == "kms:Decrypt")
                && resources.iter().any(|named| named == "SecretsKey.Arn");
            if opens_it {
                opens.push(id);
                assert_eq!(texts(&policy["Properties"]["Roles"]), ["HrSyncRole"]);
            }
        }
    }
    let key = &template["Resources"]["SecretsKey"]["Properties"]["KeyPolicy"]["Statement"];
    for statement in key.as_sequence().into_iter().flatten() {
        let actions = texts(&statement["Action"]);
        let opens = actions.iter().any(|action| {
            ["kms:*", "kms:Decrypt", "kms:Decrypt*", "kms:ReEncrypt*"].contains(&&**action)
        });
        let to = texts(&statement["Condition"]["ArnLike"]["aws:PrincipalArn"]).concat();
        // By ARN: whoever may make a role may give it a name that begins likewise.
        if opens && to != "HrSyncRole.Arn" {
            wrong.push(format!("the key's policy lets others open: {actions:?}"));
        }
    }
    assert_eq!(opens, ["HrSyncSecrets"], "who may open webhook secrets");
    refuse(
        &wrong,
        "only hr-sync reads webhook secrets, only Scheduler is lent a role",
    );
}

#[test]
fn what_speaks_of_the_table_means_the_one_in_use() {
    let template = template();
    let mut wrong = Vec::new();
    for part in ["Resources", "Outputs"] {
        for (id, one) in template[part].as_mapping().into_iter().flatten() {
            let id = id.as_str().unwrap_or_default();
            if names_the_own_table(one) {
                wrong.push(format!("{part}: {id}"));
            }
        }
    }
    refuse(
        &wrong,
        "after a restore another table is in use: say !If [Restored, !Ref RestoredTable, !Ref Table]",
    );
}

/// Whether a value names the stack's own table where it may not be the one in use. Rights on it are no harm.
fn names_the_own_table(value: &Yaml) -> bool {
    match value {
        Yaml::String(text) => text.contains("${Table}"),
        Yaml::Sequence(items) => items.iter().any(names_the_own_table),
        Yaml::Mapping(entries) => entries.iter().any(|(_, value)| names_the_own_table(value)),
        Yaml::Tagged(tagged) if tagged.tag == "Ref" => tagged.value == "Table",
        Yaml::Tagged(tagged) if tagged.tag == "If" => {
            tagged.value[0] != "Restored" && names_the_own_table(&tagged.value)
        }
        Yaml::Tagged(tagged) => names_the_own_table(&tagged.value),
        _ => false,
    }
}

#[test]
fn every_kind_of_timer_is_described_and_has_a_sample() {
    let kinds = offramp_domain::Timer::KINDS;
    assert!(kinds.len() > 5, "{kinds:?}");
    let samples: BTreeSet<String> = samples()
        .iter()
        .filter(|name| name.starts_with("events/lambda/"))
        .filter_map(|name| {
            json(&text(&root().join(name)))["kind"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    let guide = text(&root().join("docs/OPERATIONS.md"));
    let shape = text(&root().join("docs/ARCHITECTURE.md"));
    let mut wrong = Vec::new();
    for kind in kinds.iter().copied() {
        if !samples.contains(kind) {
            wrong.push(format!("events/lambda has no {kind}"));
        }
        if !guide.contains(&format!("`{kind}`")) {
            wrong.push(format!("docs/OPERATIONS.md does not say whose {kind} is"));
        }
        if !shape.contains(&format!("\n| `{kind}` |")) {
            wrong.push(format!("docs/ARCHITECTURE.md has no row for {kind}"));
        }
    }
    refuse(
        &wrong,
        "a timer has a sample, a row in the table of timers, and a function to be redriven to",
    );
}

/// Whoever has no token may not take the admins' places.
#[test]
fn every_route_without_a_token_has_a_throttle_of_its_own() {
    use offramp_api::route::Door;
    let template = template();
    let settings = &template["Resources"]["ApiStage"]["Properties"]["RouteSettings"];
    let settings = settings.as_mapping().unwrap();
    let rows = hr_sync::Route::ALL.iter().map(|route| route.row());
    let rows = rows.chain(admin::Route::ALL.iter().map(|route| route.row()));
    let open: BTreeSet<String> = rows
        .filter(|row| !row.door.needs_token())
        .inspect(|row| assert!(matches!(row.door, Door::Open | Door::Signed)))
        .map(|row| row.key())
        .collect();
    let throttled: BTreeSet<String> = settings
        .iter()
        .filter(|(_, throttle)| {
            !throttle["ThrottlingBurstLimit"].is_null()
                && !throttle["ThrottlingRateLimit"].is_null()
        })
        .filter_map(|(route, _)| route.as_str().map(str::to_owned))
        .collect();
    assert_eq!(throttled, open);
    assert!(open.len() >= 7, "{open:?}");
}

/// `notify` may mail wrongly, but deactivate nobody: whatever an employee is called, it cannot write their partition.
#[test]
fn notify_writes_no_partition_of_a_person() {
    use offramp_aws::keys;
    use offramp_domain::{DigestMinute, EmployeeId, OrgId};
    let template = template();
    let of_functions = functions(&template)
        .filter(|(id, _)| *id == "Notify")
        .filter_map(|(_, function)| function["Properties"]["Policies"].as_sequence())
        .flatten()
        .filter_map(|policy| policy["Statement"].as_sequence());
    let beside = resources(&template, "AWS::IAM::Policy").filter_map(|(_, policy)| {
        policy["Properties"]["PolicyDocument"]["Statement"].as_sequence()
    });
    let conditions: Vec<(Vec<String>, Vec<String>)> = of_functions
        .chain(beside)
        .flatten()
        .filter(|statement| statement["Sid"] == "WriteNoticesAndMessages")
        .map(|statement| {
            let keys =
                |operator: &str| texts(&statement["Condition"][operator]["dynamodb:LeadingKeys"]);
            (
                keys("ForAllValues:StringLike"),
                keys("ForAllValues:StringNotLike"),
            )
        })
        .collect();
    assert_eq!(conditions.len(), 2, "of the table, and of a restored one");
    let org = OrgId::new("acme").unwrap();
    let minute = DigestMinute::of("2026-11-21T10:00:30Z".parse().unwrap());
    let digest = keys::messages(&org, &format!("{}", minute.start()));
    for (may, may_not) in &conditions {
        let writes = |pk: &str| {
            may.iter().any(|pattern| like(pattern, pk))
                && !may_not.iter().any(|pattern| like(pattern, pk))
        };
        assert!((0..keys::SHARDS).all(|shard| writes(&keys::notices(&org, shard))));
        assert!(writes(&digest), "{digest}");
        for id in [
            "E-1",
            "#N#0",
            "x#N#0",
            "x#D#y",
            "O#acme#N#0",
            "#D#2026-11-21T10:00:00Z",
        ] {
            let person = keys::person(&org, &EmployeeId::new(id).unwrap());
            assert!(!writes(&person), "{person}");
        }
    }
}
