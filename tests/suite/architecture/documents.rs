//! What stands beside the code: documents, and sample events.

use std::fs;

use super::refuse;
use super::workspace::*;

#[test]
fn documents_that_comments_name_exist() {
    let mut wrong = Vec::new();
    for file in ["shared", "functions", "local", "tests", "bench"]
        .map(sources)
        .concat()
    {
        for word in text(&file).split(|c: char| c.is_whitespace() || "`'\"()[]<>,;:".contains(c)) {
            let word = word
                .trim_end_matches('.')
                .split('#')
                .next()
                .unwrap_or_default();
            let of_ours = word.len() > 3
                && word.ends_with(".md")
                && !word.contains("//")
                && !word.starts_with('*');
            let beside = file.parent().unwrap_or(root()).join(word);
            let places = [root().join(word), root().join("docs").join(word), beside];
            if of_ours && !places.iter().any(|place| place.exists()) {
                wrong.push(format!("{} names {word}", relative(&file)));
            }
        }
    }
    refuse(&wrong, "name a document that is here, or say what it said");
}

/// A document names a test or a function as `file.rs` (`one`, `another`).
#[test]
fn tests_that_documents_name_exist() {
    let documents = [root().to_path_buf(), root().join("docs")];
    let documents = documents
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let documents = documents.map(|entry| entry.unwrap().path());
    let mut wrong = Vec::new();
    for document in documents.filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = text(&document);
        // What stands between backticks has an odd place.
        let pieces: Vec<&str> = text.split('`').collect();
        for place in (1..pieces.len()).step_by(2) {
            let file = pieces[place];
            if !file.ends_with(".rs") || pieces.get(place + 1) != Some(&" (") {
                continue;
            }
            let names = pieces[place + 2..].chunks(2);
            let more = |chunk: &&[&str]| chunk.get(1).is_some_and(|after| after.trim() == ",");
            let listed = 1 + names.clone().take_while(more).count();
            let code = code_of(file);
            let is_there = |name: &str| code.contains(name.rsplit("::").next().unwrap_or(name));
            let missing = names.take(listed).filter(|name| !is_there(name[0]));
            wrong.extend(
                missing.map(|name| format!("{}: {file} ({})", relative(&document), name[0])),
            );
        }
    }
    refuse(
        &wrong,
        "name the file that has it, and the test as it is called",
    );
}

/// The file that a document names, and those in the folder of its name.
fn code_of(file: &str) -> String {
    const FOLDERS: [&str; 5] = [
        "",
        "tests/suite",
        "shared/domain/tests/rules",
        "shared/domain/src",
        "shared/app/src",
    ];
    FOLDERS
        .map(|folder| root().join(folder).join(file))
        .iter()
        .filter(|path| path.exists())
        .flat_map(|path| [vec![path.clone()], files(&path.with_extension(""))].concat())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| text(&path))
        .collect()
}

#[test]
fn places_that_the_code_map_names_exist() {
    let map = text(&root().join("docs/CODE-MAP.md"));
    let places = map.split('`').skip(1).step_by(2).filter(|word| {
        let top = word.split('/').next().unwrap_or_default();
        word.contains('/') && !word.contains(' ') && root().join(top).is_dir()
    });
    let wrong: Vec<_> = places
        .filter(|place| !root().join(place).exists())
        .map(str::to_owned)
        .collect();
    refuse(&wrong, "bring docs/CODE-MAP.md up to where the code is");
}

#[test]
fn every_sample_event_is_used() {
    let mut readers = ["shared", "functions", "local", "tests", "docs"]
        .map(|place| files(&root().join(place)))
        .concat();
    readers.push(root().join("README.md"));
    let readers: Vec<String> = others(readers)
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect();
    let wrong: Vec<_> = samples()
        .into_iter()
        .filter(|name| {
            !readers
                .iter()
                .any(|text| text.contains(name.trim_start_matches("events/")))
        })
        .map(|name| format!("{name} is used nowhere"))
        .collect();
    refuse(
        &wrong,
        "use it in a test, the local stack, docs/ or README.md (by folder and name), or delete it",
    );
}

#[test]
fn every_sample_event_is_described() {
    let described = text(&root().join("events/README.md"));
    let names = samples()
        .into_iter()
        .map(|name| name.trim_start_matches("events/").to_owned());
    let wrong: Vec<_> = names
        .filter(|name| !described.contains(&format!("`{name}`")))
        .collect();
    refuse(
        &wrong,
        "say in events/README.md what the sample is and who uses it",
    );
}

#[test]
fn sample_requests_are_whole_bodies() {
    let mut wrong = Vec::new();
    for name in samples()
        .into_iter()
        .filter(|name| name.starts_with("events/hr/"))
    {
        let body = json(&text(&root().join(&name)));
        let events = body["events"]
            .as_array()
            .filter(|events| !events.is_empty());
        let whole = events.is_some_and(|events| {
            events.iter().all(|event| {
                let employee = &event["employee"];
                event["occurred_at"] == "now"
                    && employee["employee_id"].is_string()
                    && employee["status"].is_string()
            })
        });
        if !whole {
            wrong.push(name);
        }
    }
    refuse(
        &wrong,
        "a file in events/hr is {\"events\": […]}, each with an employee's id and status, and `now` as its instant",
    );
}
