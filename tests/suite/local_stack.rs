//! The local stack's own routes answer programs of this machine, and no page of another site. Its files are its owner's.

use offramp_tests::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_gets_nothing_of_the_stack() {
    let world = World::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let routes = [
        ("GET", "/_local"),
        ("GET", "/_local/clock"),
        ("POST", "/_local/clock"),
        ("GET", "/_local/mail"),
        ("DELETE", "/_local/mail"),
        ("GET", "/_local/schedules"),
        ("GET", "/_local/faults"),
        ("POST", "/_local/faults"),
        ("DELETE", "/_local/faults"),
        ("GET", "/_local/dead-letters"),
        ("GET", "/_local/invocations"),
        ("POST", "/_local/token"),
        ("POST", "/_local/invoke/sweep"),
    ];
    let now = world.now();
    for (method, path) in routes {
        let ask = |name: &'static str, value: &str| {
            let url = format!("{}{path}", world.stack.url());
            let request = client.request(method.parse().unwrap(), url);
            let request = request.header(name, value);
            // As a form of another page sends it, without asking first.
            request
                .header("content-type", "text/plain")
                .body(r#"{"subject":"x","advance":"1h"}"#)
        };
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("host", "rebind.evil.example"),
        ] {
            let answer = ask(name, value).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{method} {path} {name}: {value}");
            let text = answer.text().await.unwrap();
            assert!(
                !text.contains("token") && !text.contains("whsec_"),
                "{text}"
            );
        }
    }
    assert_eq!(world.now(), now);
    let own = client.get(format!("{}/_local", world.stack.url()));
    let own = own
        .header("origin", world.stack.url())
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), 200);
    world.end().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_stack_keeps_is_its_owners_also_in_a_folder_that_is_open() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("offramp-open-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = offramp_local::StackConfig {
        data: Some(folder.clone()),
        ..offramp_local::StackConfig::default()
    };
    let stack = offramp_local::Stack::start(config).await.unwrap();
    let mut seen = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let name = entry.file_name().into_string().unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name} has {mode:o}");
            seen.push(name);
        }
    }
    for name in ["dynamodb.sqlite", "keys.json"] {
        assert!(seen.iter().any(|one| one == name), "{seen:?}");
    }
    stack.shutdown().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
