//! The shape of the workspace, held: which crate may know which, what the rules may not touch, and that code,
//! `template.yaml` and `events/` speak of the same things. Each failure says what to do.

mod documents;
mod features;
mod modules;
mod one_way;
mod operations;
mod policies;
mod routes;
mod workspace;

use std::collections::BTreeSet;

use modules::Modules;
use workspace::*;

/// Folders of our crates, and the folders of those of ours that each may depend on, for tests too.
const ARROWS: &[(&str, &[&str])] = &[
    ("shared/domain", &[]),
    ("shared/app", &["shared/domain"]),
    ("shared/api", &["shared/domain", "shared/app"]),
    ("shared/aws", &["shared/domain", "shared/app"]),
    ("shared/connectors", &["shared/domain", "shared/app"]),
    ("functions/", &["shared/"]),
    ("local/stand-ins", &[]),
    ("local", &["shared/", "functions/", "local/stand-ins"]),
    ("tests/models", &[]),
    (
        "tests",
        &["shared/", "functions/", "local", "local/stand-ins"],
    ),
    ("bench/floor", &[]),
    ("bench", &["shared/", "local", "local/stand-ins"]),
];

/// What the rules may stand on: data, dates, errors, hashing; and, with the feature `schema` only, what describes data.
const DOMAIN_DEPENDENCIES: &[&str] = &[
    "chrono",
    "serde",
    "sha2",
    "strum",
    "thiserror",
    "unicode-normalization",
    "utoipa",
];

/// Words that bring a clock, an environment, randomness or waiting into the rules.
const IMPURE: &[&str] = &[
    "async",
    ".await",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "std::env",
    "env!",
    "option_env!",
    "rand",
    "getrandom",
    "Uuid::new_v4",
    "Uuid::now_v7",
];

const SOURCE_LINES: usize = 450;
const MAIN_LINES: usize = 35;

#[test]
fn dependencies_follow_the_arrows() {
    let crates = crates();
    let mut wrong = Vec::new();
    for own in &crates {
        let Some(allowed) = allowed(&own.folder) else {
            wrong.push(format!(
                "{} is a new place: give it a row in ARROWS",
                own.folder
            ));
            continue;
        };
        for dependency in &own.ours {
            if !allowed.iter().any(|place| within(dependency, place)) {
                wrong.push(format!("{} depends on {dependency}", own.folder));
            }
        }
    }
    refuse(
        &wrong,
        "domain <- app <- api, aws, connectors <- functions <- local <- tests; stand-ins <- local. Move the code to where \
         the arrow allows it",
    );
}

/// The wings of `shared/app` that each may know. The rest (ports, identity, rules, telemetry, time) knows no wing.
const WINGS: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("inbound", &["engine"]),
    ("desk", &["engine"]),
    ("outbound", &["engine"]),
    ("upkeep", &["engine", "inbound", "outbound"]),
];

#[test]
fn the_three_doors_do_not_know_each_other() {
    let app = Modules::of("shared/app");
    let places = folders("shared/app/src")
        .map(|folder| folder.trim_start_matches("shared/app/src/").to_owned())
        .collect::<BTreeSet<_>>();
    let mut wrong = Vec::new();
    for (wing, _) in WINGS {
        assert!(places.contains(*wing), "{wing} is no folder of shared/app");
    }
    for place in &places {
        let known = WINGS.iter().find(|(wing, _)| wing == place);
        let known = known.map_or(&[][..], |(_, known)| known);
        for (wing, _) in WINGS {
            if wing != place && !known.contains(wing) {
                wrong.extend(app.between(place, wing));
            }
        }
    }
    refuse(
        &wrong,
        "what two doors need belongs in shared/app/src/engine; what a door says to another goes through the table",
    );
}

#[test]
fn modules_know_each_other_in_one_direction() {
    let crates = [
        "shared/domain",
        "shared/app",
        "shared/api",
        "shared/connectors",
    ];
    let wrong: Vec<_> = crates
        .iter()
        .flat_map(|folder| {
            Modules::of(folder)
                .circles()
                .into_iter()
                .map(move |circle| format!("{folder}, {circle}"))
        })
        .collect();
    refuse(
        &wrong,
        "move the type that both need below both, or what only one needs to that one",
    );
}

#[test]
fn the_domain_stands_on_data_dates_text_errors_and_hashing_alone() {
    let crates = crates();
    let domain = crates.iter().find(|own| own.folder == "shared/domain");
    let domain = domain.unwrap_or_else(|| panic!("there is no crate in shared/domain"));
    let foreign = domain
        .foreign
        .iter()
        .filter(|name| !DOMAIN_DEPENDENCIES.contains(&name.as_str()));
    let wrong: Vec<_> = foreign
        .map(|name| format!("shared/domain depends on {name}"))
        .collect();
    refuse(
        &wrong,
        "what needs more than data, dates, text, errors and hashing belongs in shared/app or shared/aws",
    );
}

#[test]
fn the_domain_has_no_clock_environment_randomness_or_async() {
    refuse(
        &mentions(&sources("shared/domain/src"), IMPURE),
        "decisions are pure: hand `now`, ids and settings in as parameters; waiting belongs in shared/app",
    );
}

#[test]
fn stand_ins_know_nothing_of_ours() {
    let ours: Vec<String> = crates()
        .iter()
        .filter(|own| own.folder != "local/stand-ins")
        .map(|own| format!("{}::", own.name.replace('-', "_")))
        .collect();
    let mut words: Vec<&str> = ours.iter().map(String::as_str).collect();
    words.extend(["#[path", "../shared", "../functions", "template.yaml"]);
    refuse(
        &mentions(&sources("local/stand-ins"), &words),
        "the stand-ins speak AWS's wire protocols and import nothing of ours: pass what they need through their own \
         configuration",
    );
}

#[test]
fn every_function_is_in_the_template_and_the_reverse() {
    let template = template();
    let named: BTreeSet<String> = functions(&template)
        .map(|(id, function)| {
            let code = function["Properties"]["CodeUri"].as_str();
            code.unwrap_or_else(|| panic!("{id} in template.yaml has no CodeUri"))
                .to_owned()
        })
        .collect();
    let there: BTreeSet<String> = folders("functions").collect();
    let mut wrong: Vec<_> = there
        .difference(&named)
        .map(|folder| {
            format!("{folder} is the CodeUri of no resource: add an AWS::Serverless::Function")
        })
        .collect();
    wrong.extend(
        named
            .difference(&there)
            .map(|code| format!("CodeUri {code} is no folder: remove the resource")),
    );
    refuse(
        &wrong,
        "template.yaml has one function for each folder of functions/",
    );
}

#[test]
fn every_function_may_do_only_what_it_names() {
    let template = template();
    let mut wrong = Vec::new();
    for (id, function) in functions(&template) {
        let policies = function["Properties"]["Policies"]
            .as_sequence()
            .into_iter()
            .flatten();
        for policy in policies {
            let Some(statements) = policy["Statement"].as_sequence() else {
                wrong.push(format!("{id} has a policy that is no list of statements"));
                continue;
            };
            for statement in statements {
                let named = |key: &str| texts(&statement[key]);
                if named("Action").iter().any(|action| action.contains('*')) {
                    wrong.push(format!("{id} allows {:?}", named("Action")));
                }
                if named("Resource").is_empty() || named("Resource").iter().any(|text| text == "*")
                {
                    wrong.push(format!("{id} allows {:?} on everything", named("Action")));
                }
            }
        }
    }
    refuse(
        &wrong,
        "name the actions and the resources that the function really uses",
    );
}

#[test]
fn the_template_and_the_code_name_the_same_environment() {
    let template = template();
    let mut given: BTreeSet<String> =
        keys(&template["Globals"]["Function"]["Environment"]["Variables"]).collect();
    for (_, function) in functions(&template) {
        given.extend(keys(&function["Properties"]["Environment"]["Variables"]));
    }
    let readers = [sources("shared/aws"), sources("functions")].concat();
    let read: BTreeSet<String> = readers
        .iter()
        .flat_map(|source| variables(&code(source)))
        .collect();
    let config = root().join("shared/aws/src/config.rs");
    let wanted = variables(&code(&config));
    let mut wrong: Vec<_> = given
        .difference(&read)
        .map(|name| format!("{name} is set in template.yaml and read nowhere: remove it"))
        .collect();
    wrong.extend(wanted.difference(&given).map(|name| {
        format!("{name} is read in shared/aws/src/config.rs: set it in template.yaml")
    }));
    refuse(
        &wrong,
        "a function's environment is what template.yaml gives it",
    );
}

#[test]
fn mains_only_build_clients_and_lend_them() {
    let mains = folders("functions").map(|folder| root().join(folder).join("src/main.rs"));
    refuse(
        &longer_than(MAIN_LINES, mains),
        "main.rs builds clients and lends them to `handle`; move the rest to lib.rs or shared/",
    );
}

#[test]
fn updates_write_the_stored_form_that_is_the_present_one() {
    let mut wrong = Vec::new();
    for file in sources("shared/aws/src") {
        let code = code(&file);
        for (number, line) in code
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains("\":v\""))
        {
            if !line.contains("FORM") && !line.contains("form()") {
                wrong.push(format!("{}:{}", relative(&file), number + 1));
            }
        }
    }
    refuse(
        &wrong,
        "set `v` to item::FORM: a literal marks an item in a new form as one in an old form",
    );
}

#[test]
fn files_are_short_enough_to_be_one_thing() {
    let files = [sources("shared"), sources("functions")].concat();
    refuse(
        &longer_than(SOURCE_LINES, files.into_iter()),
        "split the file by what its parts are about",
    );
}

#[test]
fn nothing_is_ignored() {
    let files = ["shared", "functions", "local", "tests"]
        .map(sources)
        .concat();
    refuse(
        &mentions(&others(files), &["#[ignore"]),
        "mend the test or delete it",
    );
}

#[test]
fn nothing_sleeps() {
    // local/ may: its clock is a real one until it is moved, and its stand-ins answer too late when they are told to.
    let mut files = ["shared", "functions", "tests"].map(sources).concat();
    // The one pause of the product: milliseconds between the tries of a write that somebody else won.
    files.retain(|file| !file.ends_with("shared/app/src/backoff.rs"));
    refuse(
        &mentions(&others(files), &["sleep", "sleep_until"]),
        "tests move the clock; product code is woken by a timer, or retried by whoever called it",
    );
}

fn allowed(folder: &str) -> Option<&'static [&'static str]> {
    ARROWS
        .iter()
        .find(|(place, _)| within(folder, place))
        .map(|(_, allowed)| *allowed)
}

/// Whether a folder is the place; a place that ends with a slash is all that is directly in it.
fn within(folder: &str, place: &str) -> bool {
    folder == place || place.ends_with('/') && folder.starts_with(place)
}

#[track_caller]
fn refuse(wrong: &[String], remedy: &str) {
    assert!(wrong.is_empty(), "{remedy}:\n  {}", wrong.join("\n  "));
}
