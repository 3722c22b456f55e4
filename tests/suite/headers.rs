//! Every answer of a function carries the headers that keep a browser honest. `Ask::send` looks at each answer of every
//! flow; here every route is asked, so that each has been looked at.

use offramp_tests::{LENA, ORG, SOURCE, World};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_and_every_refusal_has_them() {
    let world = World::start().await;
    let stranger = world.stack.token_for("nobody", ORG, &[]).unwrap();
    let rows = hr_sync::Route::ALL.iter().map(|route| route.row());
    let rows = rows.chain(admin::Route::ALL.iter().map(|route| route.row()));
    let mut statuses = std::collections::BTreeSet::new();
    for row in rows {
        let path = [("{org}", ORG), ("{id}", LENA), ("{source}", SOURCE)]
            .iter()
            .fold(row.path.to_owned(), |path, (from, to)| {
                path.replace(from, to)
            });
        for token in [&world.token, &stranger] {
            let ask = world.ask(row.method, &path).token(token).json(&json!({}));
            let answer = ask.send().await;
            assert!(answer.body["message"].is_null(), "{path}: {}", answer.text);
            let header = |name: &str| {
                answer
                    .headers
                    .get(name)
                    .and_then(|value| value.to_str().ok())
            };
            assert_eq!(
                (
                    header("strict-transport-security"),
                    header("x-content-type-options")
                ),
                (Some("max-age=31536000; includeSubDomains"), Some("nosniff")),
                "{} {path} answers {}",
                row.method,
                answer.status
            );
            statuses.insert(answer.status);
        }
    }
    for status in [200, 401, 403, 404, 422] {
        assert!(statuses.contains(&status), "{statuses:?}");
    }
    world.end().await;
}
