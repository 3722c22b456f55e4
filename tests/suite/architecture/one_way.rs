//! What happens in one place only, read off the syntax trees.

use std::path::Path;

use syn::visit::{self, Visit};

use super::refuse;
use super::workspace::{relative, sources, text};

/// The one place that may commit what was decided about users.
const COMMITS: &str = "shared/app/src/engine/commit.rs";

#[test]
fn what_is_decided_about_users_is_committed_in_one_place() {
    let mut places = Vec::new();
    for file in sources("shared/app/src") {
        let calls = commits(&file);
        places.extend(std::iter::repeat_n(relative(&file), calls));
    }
    assert!(
        places.contains(&COMMITS.to_owned()),
        "{COMMITS}: {places:?}"
    );
    let first = places.iter().position(|place| place == COMMITS);
    places.remove(first.unwrap_or_default());
    refuse(
        &places,
        "hand the decisions to engine::commit::commit_decided: it arms their timers first and tells of them afterwards",
    );
}

#[test]
fn a_commit_is_found_however_the_store_is_reached() {
    let count = |code: &str| {
        let mut found = Commits(0);
        found.visit_file(&syn::parse_file(code).unwrap());
        found.0
    };
    assert_eq!(count("fn f() { tenant.store.commit(org, &all); }"), 1);
    assert_eq!(
        count("fn f() { let store = &x; store.commit(org, &all); }"),
        1
    );
    assert_eq!(count("fn f() { self.plan.tenant.store.commit(a, b); }"), 1);
    assert_eq!(count("fn f() { Users::commit(&tenant.store, a, b); }"), 1);
    assert_eq!(count("fn f() { draft.commit(a); commit(tenant, ask); }"), 0);
}

fn commits(file: &Path) -> usize {
    let parsed = syn::parse_file(&text(file));
    let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", relative(file)));
    let mut found = Commits(0);
    found.visit_file(&parsed);
    found.0
}

/// Calls of the port that commits users.
struct Commits(usize);

impl<'ast> Visit<'ast> for Commits {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let of_the_store = match &*call.receiver {
            syn::Expr::Field(field) => {
                matches!(&field.member, syn::Member::Named(name) if name == "store")
            }
            syn::Expr::Path(path) => path.path.is_ident("store"),
            _ => false,
        };
        self.0 += usize::from(of_the_store && call.method == "commit");
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func {
            let names: Vec<String> = path
                .path
                .segments
                .iter()
                .map(|one| one.ident.to_string())
                .collect();
            self.0 += usize::from(names.ends_with(&["Users".to_owned(), "commit".to_owned()]));
        }
        visit::visit_expr_call(self, call);
    }
}
