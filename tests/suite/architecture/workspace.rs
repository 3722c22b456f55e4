//! The workspace as the architecture checks read it: its crates, `template.yaml`, its sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use serde_yaml_ng::Value as Yaml;

/// A crate of the workspace: its folder, and what it depends on, for tests too where that is ours.
pub(super) struct Crate {
    pub(super) folder: String,
    pub(super) name: String,
    pub(super) ours: Vec<String>,
    pub(super) foreign: Vec<String>,
}

/// What Cargo says, without asking a registry.
fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .arg("--offline")
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("cargo does not start: {error}"));
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {problem}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The features with which a crate is built in the workspace, once for each version of it and each kind of build.
pub(super) fn resolved(name: &str) -> Vec<Vec<String>> {
    let tree = [
        "tree",
        "--workspace",
        "--invert",
        name,
        "--depth",
        "0",
        "--prefix",
        "none",
        "--format",
    ];
    let lines = cargo(&[&tree[..], &["{f}"]].concat());
    lines
        .lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// Each crate with the features that it is built with: for the tests too, or else only for what is run.
pub(super) fn built(for_tests: bool) -> BTreeSet<String> {
    let edges = match for_tests {
        true => "normal,build,dev",
        false => "normal,build",
    };
    let tree = ["tree", "--prefix", "none", "--format", "{p} with {f}"];
    let lines = cargo(&[&tree[..], &["--edges", edges]].concat());
    let seen_before = " (*)";
    lines
        .lines()
        .map(|line| line.trim().trim_end_matches(seen_before).to_owned())
        .collect()
}

pub(super) fn crates() -> Vec<Crate> {
    let metadata = json(&cargo(&["metadata", "--no-deps", "--format-version", "1"]));
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            let (ours, foreign) =
                dependencies.partition::<Vec<_>, _>(|found| found["path"].is_string());
            let built = foreign.into_iter().filter(|found| found["kind"] != "dev");
            Crate {
                folder: manifest.parent().map(relative).unwrap_or_default(),
                name: package["name"].as_str().unwrap_or_default().to_owned(),
                ours: ours
                    .iter()
                    .filter_map(|found| found["path"].as_str())
                    .map(|path| relative(Path::new(path)))
                    .collect(),
                foreign: built
                    .filter_map(|found| found["name"].as_str())
                    .map(str::to_owned)
                    .collect(),
            }
        })
        .collect()
}

pub(super) fn template() -> Yaml {
    serde_yaml_ng::from_str(&text(&root().join("template.yaml")))
        .unwrap_or_else(|error| panic!("template.yaml: {error}"))
}

pub(super) fn functions(template: &Yaml) -> impl Iterator<Item = (&str, &Yaml)> {
    let resources = template["Resources"].as_mapping().into_iter().flatten();
    resources
        .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function")
        .map(|(id, resource)| (id.as_str().unwrap_or_default(), resource))
}

pub(super) fn keys(mapping: &Yaml) -> impl Iterator<Item = String> {
    let entries = mapping.as_mapping().into_iter().flatten();
    entries
        .filter_map(|(key, _)| key.as_str())
        .map(str::to_owned)
}

/// The texts of a value, or of each value of a list; intrinsic functions count by their argument.
pub(super) fn texts(value: &Yaml) -> Vec<String> {
    match value {
        Yaml::String(text) => vec![text.clone()],
        Yaml::Sequence(items) => items.iter().flat_map(texts).collect(),
        Yaml::Tagged(tagged) => texts(&tagged.value),
        _ => Vec::new(),
    }
}

/// The names of variables in quotes, less those that Lambda or an AWS SDK sets.
pub(super) fn variables(code: &str) -> BTreeSet<String> {
    let quoted = code.split('"').skip(1).step_by(2);
    quoted
        .filter(|text| {
            text.contains('_') && text.starts_with(|first: char| first.is_ascii_uppercase())
        })
        .filter(|text| {
            text.chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        })
        .filter(|text| {
            !["AWS_", "LAMBDA_", "RUST_"]
                .iter()
                .any(|foreign| text.starts_with(foreign))
        })
        .map(str::to_owned)
        .collect()
}

/// The sample events, as `events/hr/leaver.json`.
pub(super) fn samples() -> Vec<String> {
    let found = files(&root().join("events"))
        .into_iter()
        .map(|file| relative(&file));
    found.filter(|name| name != "events/README.md").collect()
}

/// Where the words stand in the code of the files, outside comments, as whole words.
pub(super) fn mentions(files: &[PathBuf], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in code(file).lines().enumerate() {
            for word in words.iter().filter(|word| has_word(line, word)) {
                found.push(format!("{}:{} mentions {word}", relative(file), number + 1));
            }
        }
    }
    found
}

fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let free = |own: Option<char>, other: Option<char>| {
        !(own.is_some_and(joins) && other.is_some_and(joins))
    };
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (
            line[..at].chars().next_back(),
            line[at + word.len()..].chars().next(),
        );
        free(word.chars().next(), before) && free(word.chars().next_back(), after)
    })
}

/// A source without its comments; lines keep their numbers.
pub(super) fn code(file: &Path) -> String {
    let source = text(file);
    let lines = source.lines().map(|line| {
        let comment = line
            .match_indices("//")
            .map(|(at, _)| at)
            .find(|at| !line[..*at].ends_with(':'));
        comment.map_or(line, |at| &line[..at])
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn longer_than(limit: usize, files: impl Iterator<Item = PathBuf>) -> Vec<String> {
    let counted = files
        .map(|file| (text(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > limit);
    counted
        .map(|(lines, file)| format!("{} has {lines} lines, {limit} at most", relative(&file)))
        .collect()
}

pub(super) fn folders(place: &str) -> impl Iterator<Item = String> {
    let found: BTreeSet<String> = entries(&root().join(place))
        .filter(|path| path.is_dir())
        .map(|path| relative(&path))
        .collect();
    found.into_iter()
}

pub(super) fn sources(place: &str) -> Vec<PathBuf> {
    let found = files(&root().join(place)).into_iter();
    found
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// All but this file, which names what it forbids.
pub(super) fn others(files: Vec<PathBuf>) -> Vec<PathBuf> {
    files
        .into_iter()
        .filter(|file| !file.ends_with("tests/suite/architecture.rs"))
        .collect()
}

/// All files under a folder, in order; none where there is no such folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(folder)
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect();
    found.sort();
    found
}

/// What is in a folder, less what builds and tools leave there.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let found = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    found.filter(|path| {
        !["target", "__pycache__"]
            .iter()
            .any(|left| path.ends_with(left))
    })
}

pub(super) fn text(file: &Path) -> String {
    fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()))
}

pub(super) fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("this is no JSON: {error}: {text}"))
}

pub(super) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

pub(super) fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

/// The resources of a type, by logical id.
pub(super) fn resources<'t>(
    template: &'t Yaml,
    kind: &str,
) -> impl Iterator<Item = (&'t str, &'t Yaml)> {
    let all = template["Resources"].as_mapping().into_iter().flatten();
    all.filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(id, resource)| (id.as_str().unwrap_or_default(), resource))
}

/// IAM's `StringLike`: a star is any text, also of separators.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .any(|at| like(rest, &text[at..]))
        }),
    }
}
