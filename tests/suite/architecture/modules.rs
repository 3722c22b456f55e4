//! The modules of a crate and what each names of the others, read off the syntax trees of its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};

use super::workspace::{relative, root, sources, text};

/// A module by its names from the root of its crate; the root has none.
type Module = Vec<String>;

/// Which modules of one crate name which others.
pub(super) struct Modules {
    arrows: BTreeSet<(Module, Module)>,
}

impl Modules {
    /// Of the crate in a folder. Tests in the sources count as their module.
    pub(super) fn of(folder: &str) -> Self {
        let src = root().join(folder).join("src");
        let files: BTreeMap<Module, syn::File> = sources(&format!("{folder}/src"))
            .iter()
            .map(|file| (module(&src, file), parsed(file)))
            .collect();
        let known: BTreeSet<Module> = files.keys().cloned().collect();
        let exports = exports(&files[&Module::new()]);
        let mut arrows = BTreeSet::new();
        for (from, file) in &files {
            let mut names = Names {
                here: from.clone(),
                found: BTreeSet::new(),
            };
            names.visit_file(file);
            for path in names.found {
                let path = match exports.get(path.first().map_or("", String::as_str)) {
                    Some(home) => [home.as_slice(), path.as_slice()].concat(),
                    None => path,
                };
                let to = (0..=path.len())
                    .rev()
                    .map(|length| path[..length].to_vec())
                    .find(|module| known.contains(module));
                arrows.extend(to.filter(|to| to != from).map(|to| (from.clone(), to)));
            }
        }
        Self { arrows }
    }

    /// Arrows from below one module to below another, as `from -> to`.
    pub(super) fn between(&self, from: &str, to: &str) -> Vec<String> {
        let within = |module: &Module, place: &str| module.first().is_some_and(|top| top == place);
        let found = self.arrows.iter();
        found
            .filter(|(one, other)| within(one, from) && within(other, to))
            .map(|(one, other)| format!("{} -> {}", one.join("::"), other.join("::")))
            .collect()
    }

    /// Circles among the modules of one parent, each with all that is below it. A module and what is below it are
    /// one thing, so what they name of each other is no circle.
    pub(super) fn circles(&self) -> Vec<String> {
        let mut levels: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (from, to) in &self.arrows {
            let shared = from.iter().zip(to).take_while(|(one, other)| one == other);
            let depth = shared.count();
            if let (Some(one), Some(other)) = (from.get(depth), to.get(depth)) {
                let level = levels.entry(from[..depth].to_vec()).or_default();
                level.entry(one.clone()).or_default().insert(other.clone());
            }
        }
        let mut circles = Vec::new();
        for (parent, arrows) in levels {
            for start in arrows.keys() {
                if let Some(way) = way_back(&arrows, start) {
                    circles.push(format!("in {}: {}", named(&parent), way.join(" -> ")));
                }
            }
        }
        circles
    }
}

/// The shortest way from a module back to itself.
fn way_back(arrows: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way
                .last()
                .and_then(|last| arrows.get(last))
                .into_iter()
                .flatten()
            {
                let further = [way.as_slice(), std::slice::from_ref(next)].concat();
                if next == start {
                    return Some(further);
                }
                if seen.insert(next.clone()) {
                    longer.push(further);
                }
            }
        }
        ways = longer;
    }
    None
}

fn named(module: &Module) -> String {
    match module.is_empty() {
        true => "the crate".to_owned(),
        false => module.join("::"),
    }
}

fn module(src: &Path, file: &Path) -> Module {
    let inside = file.strip_prefix(src).unwrap_or(file).with_extension("");
    let mut names: Module = inside
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names
        .last()
        .is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str()))
    {
        names.pop();
    }
    names
}

fn parsed(file: &Path) -> syn::File {
    syn::parse_file(&text(file)).unwrap_or_else(|error| panic!("{}: {error}", relative(file)))
}

/// Where the names that a crate's root re-exports are from.
fn exports(root: &syn::File) -> BTreeMap<String, Module> {
    let mut all = BTreeMap::new();
    for item in &root.items {
        if let syn::Item::Use(item) = item {
            let mut paths = Vec::new();
            flatten(&item.tree, &[], &mut paths);
            for path in paths {
                if let Some((name, home)) = path.split_last() {
                    all.insert(name.clone(), home.to_vec());
                }
            }
        }
    }
    all
}

/// The paths that a file names from the root of its crate.
struct Names {
    here: Module,
    found: BTreeSet<Module>,
}

impl Names {
    fn take(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let mut from = match first.as_str() {
            "crate" => Module::new(),
            "self" => self.here.clone(),
            "super" => self.here[..self.here.len().saturating_sub(1)].to_vec(),
            _ => return,
        };
        for name in &path[1..] {
            match name.as_str() {
                "super" => {
                    from.pop();
                }
                name => from.push(name.to_owned()),
            }
        }
        self.found.insert(from);
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut paths = Vec::new();
        flatten(&item.tree, &[], &mut paths);
        for path in paths {
            self.take(&path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Module = path
            .segments
            .iter()
            .map(|one| one.ident.to_string())
            .collect();
        if names.len() > 1 {
            self.take(&names);
        }
        visit::visit_path(self, path);
    }

    /// A module in the file is a level deeper.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.here.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.here.pop();
    }
}

fn flatten(tree: &syn::UseTree, before: &[String], paths: &mut Vec<Module>) {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        syn::UseTree::Path(path) => flatten(&path.tree, &with(&path.ident), paths),
        syn::UseTree::Name(name) if name.ident == "self" => paths.push(before.to_vec()),
        syn::UseTree::Name(name) => paths.push(with(&name.ident)),
        syn::UseTree::Rename(name) => paths.push(with(&name.ident)),
        syn::UseTree::Glob(_) => paths.push(before.to_vec()),
        syn::UseTree::Group(group) => {
            for one in &group.items {
                flatten(one, before, paths);
            }
        }
    }
}

#[test]
fn a_circle_is_found_and_a_tree_is_none() {
    let of = |arrows: &[(&str, &str)]| Modules {
        arrows: arrows
            .iter()
            .map(|(from, to)| (path(from), path(to)))
            .collect(),
    };
    let tree = of(&[
        ("a", "b"),
        ("a::x", "b::y"),
        ("b", "b::y"),
        ("b::y", "b"),
        ("a", ""),
    ]);
    assert_eq!(tree.circles(), Vec::<String>::new());
    let folders = of(&[("a::x", "b"), ("b::y", "c"), ("c", "a::z")]);
    assert!(
        folders
            .circles()
            .contains(&"in the crate: a -> b -> c -> a".to_owned())
    );
    let below = of(&[("a::x", "a::y"), ("a::y", "a::x::z")]);
    assert!(below.circles().contains(&"in a: x -> y -> x".to_owned()));
    assert_eq!(below.between("a", "b"), Vec::<String>::new());
    assert_eq!(folders.between("b", "c"), ["b::y -> c"]);
}

#[cfg(test)]
fn path(names: &str) -> Module {
    names
        .split("::")
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
