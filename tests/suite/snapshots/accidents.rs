//! Accidents that other systems had, and that this one does not.

use serde_json::{Value, json};

use super::{active, everybody_is_active, snapshot, snapshot_of, with_people};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_503_taken_for_an_empty_directory_cuts_nobody_off() {
    let (world, seed, ids) = with_people(43).await;
    let everybody = json!(43 + 25);
    for (pages, held) in [(Vec::new(), everybody), (vec![Vec::new()], Value::Null)] {
        let done = snapshot(&world, &pages).await;
        assert_eq!(done["state"], "held", "{done}");
        assert_eq!(done["summary"]["held"], held, "{done}");
    }
    everybody_is_active(&world, &ids).await;
    let holds = world.open_holds().await;
    assert!(
        holds.iter().any(|hold| hold["rule"] == "empty_snapshot"),
        "{holds:?}"
    );
    let source = world.get("/sources/hris").await;
    assert_eq!(source["health"], "quarantined", "{source}");
    world.hours(24 * 5).await;
    everybody_is_active(&world, &ids).await;

    // The next one is healthy, and clears the hold by itself.
    let mut all = seed.clone();
    all.extend(active(&ids));
    let done = snapshot(&world, &[all]).await;
    assert_eq!(done["state"], "applied", "{done}");
    world.hours(2).await;
    assert_eq!(world.open_holds().await, Vec::<Value>::new());
    assert_eq!(world.get("/sources/hris").await["health"], "healthy");
    everybody_is_active(&world, &ids).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_was_changed_so_that_a_third_falls_out_is_held() {
    let (world, seed, ids) = with_people(140).await;
    let mut filtered = seed.clone();
    filtered.extend(active(&ids[50..]));
    let done = snapshot(&world, &[filtered]).await;
    assert_eq!(done["state"], "held", "{done}");
    assert_eq!(done["summary"]["held"], 50);
    let hold = world.open_holds().await.remove(0);
    assert_eq!(hold["rule"], "max_percent", "{hold}");
    assert_eq!(hold["figures"]["active"], 165);
    everybody_is_active(&world, &ids).await;

    // An admin says no; the next, equally bad one does not raise it again, and takes nobody.
    let path = format!("/holds/{}/reject", hold["hold_id"].as_str().unwrap());
    let rejected = world
        .post_if(&path, hold["version"].as_u64().unwrap(), json!({}))
        .await;
    assert_eq!(rejected.body["state"], "rejected", "{}", rejected.body);
    let mut filtered = seed.clone();
    filtered.extend(active(&ids[50..]));
    let done = snapshot(&world, &[filtered]).await;
    assert_eq!(done["state"], "applied", "{done}");
    assert_eq!(done["summary"].get("held"), None);
    everybody_is_active(&world, &ids).await;
    assert_eq!(world.open_holds().await, Vec::<Value>::new());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_loses_its_rights_page_by_page_is_seen_by_the_empty_page() {
    let (world, seed, ids) = with_people(70).await;
    let mut pages: Vec<Vec<Value>> = ids.chunks(10).map(active).collect();
    pages[0].extend(seed.clone());
    pages[2].clear();
    let done = snapshot(&world, &pages).await;
    // Ten of ninety-five is within the limits; the hole is what gives it away.
    assert_eq!(done["state"], "held", "{done}");
    assert_eq!(world.open_holds().await[0]["rule"], "empty_page");
    everybody_is_active(&world, &ids).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_renames_every_employee_ends_nobody() {
    let (world, _, ids) = with_people(60).await;
    let renamed: Vec<String> = (0..85).map(|n| format!("NEW-{n}")).collect();
    let done = snapshot(&world, &[active(&renamed)]).await;
    assert_eq!(done["state"], "held", "{done}");
    assert_eq!(
        done["summary"]["created"], 85,
        "new people apply at once: {done}"
    );
    everybody_is_active(&world, &ids).await;
    everybody_is_active(&world, &renamed).await;
    let mails = world.mails();
    assert!(
        mails
            .iter()
            .all(|mail| mail.to.iter().all(|to| to.ends_with("@acme.example")))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn less_than_half_of_what_was_expected_is_held_however_few_they_are() {
    let (world, seed, ids) = with_people(5).await;
    let mut all = seed.clone();
    all.extend(active(&ids[1..]));
    let done = snapshot_of(&world, json!({ "expected_employees": 100 }), &[all]).await;
    assert_eq!(done["state"], "held", "{done}");
    assert_eq!(world.open_holds().await[0]["rule"], "short_snapshot");
    everybody_is_active(&world, &ids).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_an_admin_brought_back_the_next_equally_bad_snapshot_does_not_take_again() {
    let (world, seed, ids) = with_people(40).await;
    let mut bad = seed.clone();
    bad.extend(active(&ids[2..]));
    snapshot(&world, &[bad.clone()]).await;
    assert_eq!(world.status(&ids[0]).await, "deactivation_scheduled");
    world
        .post(&format!("/users/{}/restore", ids[0]), json!({}))
        .await;
    let done = snapshot(&world, &[bad]).await;
    assert_eq!(done["summary"].get("scheduled"), None, "{done}");
    assert_eq!(world.status(&ids[0]).await, "active");
    world.end().await;
}
