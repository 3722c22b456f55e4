//! How HR sources are: silent, quarantined, well; what an observed one would do, and what was rejected.

use chrono::TimeDelta;
use offramp_tests::{ADA, LENA, OTTO, SOURCE, World, event, golden, numbered};
use serde_json::{Value, json};

async fn source(world: &World) -> Value {
    world.get(&format!("/sources/{SOURCE}")).await
}

async fn set(world: &World, patch: Value) -> Value {
    let path = format!("/sources/{SOURCE}");
    let reply = world.patch(&path, patch).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// HR speaks of somebody, so many times, so many hours apart.
async fn rhythm(world: &World, times: usize, hours: u64) {
    for n in 0..times {
        if n > 0 {
            world.hours(hours).await;
        }
        let team = json!({ "team": format!("Team {n}") });
        world.hr("E-1012", "active", team).await;
    }
}

fn told(world: &World) -> Vec<String> {
    let mails = world.mails_to("ada.okafor@acme.example", "HR source");
    mails.into_iter().map(|mail| mail.text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_stops_speaking_is_told_once_and_so_is_that_it_is_back() {
    let world = World::start().await;
    rhythm(&world, 6, 24).await;
    let last = world.now();
    let well = source(&world).await;
    assert_eq!(well["health"], "healthy");
    assert_eq!(well["last_delivery_at"], offramp_tests::zulu(last));
    assert_eq!(
        well["silent_at"],
        offramp_tests::zulu(last + TimeDelta::hours(72))
    );
    world.hours(71).await;
    assert_eq!(source(&world).await["health"], "healthy");
    assert_eq!(told(&world), Vec::<String>::new());

    world.hours(1).await;
    world.minutes(10).await;
    assert_eq!(source(&world).await["health"], "silent");
    assert_eq!(
        world.get("/sources").await["sources"][0]["health"],
        "silent"
    );
    world.minutes(5).await;
    assert_eq!(told(&world).len(), 1, "{:?}", world.mails());
    let mails = world.mails_to("ada.okafor@acme.example", "HR source");
    golden::mail("mail/silent", &mails[0]);
    // Days later still once.
    world.hours(96).await;
    assert_eq!(told(&world).len(), 1);

    // One delivery, whatever it says, is enough: at once, and by mail with the next sweep.
    world.hr(LENA, "active", json!({})).await;
    assert_eq!(source(&world).await["health"], "healthy");
    world.minutes(10).await;
    let told = told(&world);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains("hris is healthy again"), "{told:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_says_after_how_many_hours_and_whoever_has_no_rhythm_is_not_judged() {
    let world = World::start().await;
    rhythm(&world, 3, 1).await;
    world.hours(24 * 20).await;
    assert_eq!(source(&world).await["health"], "healthy");
    assert_eq!(source(&world).await["silent_at"], Value::Null);

    let set_to = set(&world, json!({ "silent_after_hours": 48 })).await;
    assert_eq!(
        (&set_to["health"], &set_to["silent_after_hours"]),
        (&json!("silent"), &json!(48))
    );
    world.minutes(10).await;
    assert_eq!(told(&world).len(), 1);
    // By its own rhythm again: it has none.
    let unset = set(&world, json!({ "silent_after_hours": null })).await;
    assert_eq!(
        (&unset["health"], &unset["silent_after_hours"]),
        (&json!("healthy"), &Value::Null)
    );
    world.minutes(10).await;
    assert_eq!(told(&world).len(), 2);

    // A state alone leaves it as it is, and nothing is expected of a source that is disabled.
    set(&world, json!({ "silent_after_hours": 2 })).await;
    let disabled = set(&world, json!({ "state": "disabled" })).await;
    assert_eq!(disabled["silent_after_hours"], 2);
    world.hours(24).await;
    assert_eq!(source(&world).await["health"], "healthy");
    let enabled = set(&world, json!({ "state": "active" })).await;
    assert_eq!(enabled["health"], "healthy");
    assert_eq!(told(&world).len(), 2);
    world.hours(3).await;
    assert_eq!(source(&world).await["health"], "silent");
    for wrong in [json!(0), json!(8_761), json!("2")] {
        let patch = json!({ "silent_after_hours": wrong });
        let reply = world.patch(&format!("/sources/{SOURCE}"), patch).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pulse_is_written_once_a_minute_and_never_fails_a_delivery() {
    let world = World::start().await;
    world.minutes(2).await;
    let delivery = world.signed(&json!([event(world.now(), LENA, "active", json!({}))]));
    world.hand_in(&delivery).ok().await;
    world.minutes(1).await;
    let faults = world.stack.cloud().faults();
    faults.reset_calls();
    for _ in 0..5 {
        world.hand_in(&delivery).ok().await;
    }
    let writes = |operation: &str| {
        let calls = faults.calls();
        calls
            .iter()
            .filter(|call| call.operation == operation)
            .count()
    };
    // The same delivery: only the pulse is written.
    assert_eq!(writes("PutItem"), 1, "{:?}", faults.calls());

    // A forged delivery is no sign of life, and neither is a dry run.
    let before = source(&world).await["last_delivery_at"].clone();
    world.hours(1).await;
    let body = json!({ "events": [] });
    let mut forged = world.signed(&body["events"]);
    forged.body.push(b' ');
    world.hand_in(&forged).refused(401, "bad_signature").await;
    let trial = json!({ "events": [], "dry_run": true });
    assert_eq!(world.deliver_body(trial).await.status, 200);
    assert_eq!(source(&world).await["last_delivery_at"], before);
    assert_eq!(source(&world).await["health"], "healthy");

    // Whatever is asked with a good signature counts, also where it is refused.
    let path = format!("/sources/{SOURCE}/snapshots/snap_none");
    assert_eq!(world.signed_get(&path).await.status, 404);
    assert_ne!(source(&world).await["last_delivery_at"], before);

    // The table refuses the pulse: the delivery is taken all the same.
    world.hours(1).await;
    let before = source(&world).await["last_delivery_at"].clone();
    let fault = json!({
        "service": "dynamodb", "operation": "PutItem", "mode": "error", "times": 9
    });
    world.ask("POST", "/_local/faults").json(&fault).ok().await;
    let outcome = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(outcome["outcome"], "scheduled");
    assert_eq!(source(&world).await["last_delivery_at"], before);
    world.ask("DELETE", "/_local/faults").ok().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_comes_before_what_is_silent() {
    let world = World::start().await;
    set(&world, json!({ "silent_after_hours": 6 })).await;
    let ids = numbered("P", 60);
    for status in ["active", "inactive"] {
        world.minutes(6).await;
        let events: Vec<_> = ids
            .iter()
            .map(|id| event(world.now(), id, status, json!({})))
            .collect();
        assert_eq!(world.deliver(json!(events)).await.status, 200);
    }
    let held = source(&world).await;
    assert_eq!(held["health"], "quarantined", "{held}");
    world.hours(24).await;
    assert_eq!(source(&world).await["health"], "quarantined");
    assert_eq!(told(&world), Vec::<String>::new());

    // The hold is answered: it says so, and then that nothing has come for a day.
    let holds = world.get("/holds").await;
    let hold = &holds["holds"][0];
    let path = format!("/holds/{}/reject", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    assert_eq!(world.post_if(&path, version, json!({})).await.status, 200);
    assert_eq!(source(&world).await["health"], "silent");
    world.hours(2).await;
    world.minutes(5).await;
    assert_eq!(
        world
            .mails_to("ada.okafor@acme.example", "A hold was answered")
            .len(),
        1
    );
    let told = told(&world).concat();
    assert!(!told.contains("hris is healthy again"), "{told}");
    assert!(told.contains("hris is silent"), "{told}");
    world.end().await;
}

/// Sends a snapshot of these employees, and waits until it is worked on; where it is.
async fn snapshot(world: &World, employees: Value) -> (String, String) {
    let root = format!("/sources/{SOURCE}/snapshots");
    let opened = world
        .signed_call("POST", &root, &json!({ "source": SOURCE }))
        .await;
    let id = opened.body["snapshot_id"].as_str().unwrap().to_owned();
    let path = format!("{root}/{id}");
    let page = json!({ "snapshot_id": id, "page": 1, "employees": employees });
    let to = format!("{path}/pages/1");
    assert_eq!(world.signed_call("PUT", &to, &page).await.status, 200);
    let complete = json!({ "snapshot_id": id, "pages": 1 });
    let to = format!("{path}/complete");
    assert_eq!(world.signed_call("POST", &to, &complete).await.status, 202);
    world.minutes(3).await;
    (id, path)
}

async fn rejections(world: &World, query: &str) -> Value {
    world
        .get(&format!("/sources/{SOURCE}/rejections{query}"))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_rejected_is_kept_with_why_and_without_what() {
    let world = World::start().await;
    assert_eq!(rejections(&world, "").await["rejections"], json!([]));
    let now = world.now();
    let mut named = event(now, "E-1012", "gone", json!({ "name": "Secret Name" }));
    named["id"] = json!("evt-1");
    let mut typed = event(now, "E-1013", "active", json!({ "name": ["4711"] }));
    typed["id"] = json!("evt-2");
    let ahead = now + TimeDelta::minutes(30);
    let future = event(ahead, "E-1014", "active", json!({}));
    let nobody = json!({ "id": "evt-4", "occurred_at": now, "employee": 5 });
    let good = event(now, "E-1015", "active", json!({ "team": "New" }));
    let all = json!([named, typed, future, nobody, good]);

    // A trial keeps nothing.
    let trial = json!({ "events": all, "dry_run": true });
    let reply = world.deliver_body(trial).await;
    assert_eq!(reply.body["summary"]["rejected"], 3, "{}", reply.body);
    assert_eq!(rejections(&world, "").await["rejections"], json!([]));

    assert_eq!(world.deliver(all.clone()).await.status, 200);
    let kept = rejections(&world, "").await;
    golden::json("rejections", &kept);
    let text = kept.to_string();
    assert!(!text.contains("Secret") && !text.contains("4711"), "{text}");

    // Another source's employee is one too. A delivery that comes again is kept again.
    let made = world
        .admin("POST", "/sources")
        .json(&json!({ "source": "payroll" }))
        .ok()
        .await;
    world.minutes(1).await;
    let foreign = json!({ "events": [event(world.now(), LENA, "inactive", json!({}))] });
    let secret = made["secret"].as_str().unwrap();
    for _ in 0..2 {
        let delivery = offramp_tests::Delivery::new(secret, world.now(), foreign.to_string());
        world
            .hand_in_at(offramp_tests::ORG, "payroll", &delivery)
            .ok()
            .await;
    }
    let theirs = world.get("/sources/payroll/rejections").await;
    let theirs = theirs["rejections"].as_array().unwrap();
    assert_eq!(theirs.len(), 2);
    assert_eq!(theirs[0]["employee_id"], LENA);
    assert_eq!(rejections(&world, "").await, kept);
    let unknown = world.admin("GET", "/sources/none/rejections");
    unknown.refused(404, "not_found").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejections_are_in_pages_the_newest_first_and_a_snapshots_are_among_them() {
    let world = World::start().await;
    // More than an item holds.
    let ids = numbered("R", 1_500);
    let wrong: Vec<_> = ids
        .iter()
        .map(|id| event(world.now(), id, "gone", json!({})))
        .collect();
    assert_eq!(world.deliver(json!(wrong)).await.status, 200);
    world.minutes(1).await;

    let employees = json!([
        { "employee_id": "S-1", "status": "gone" },
        { "employee_id": "S-2", "status": "active" },
    ]);
    let (id, _) = snapshot(&world, employees).await;

    let (mut all, mut query) = (Vec::new(), "?limit=99".to_owned());
    loop {
        let page = rejections(&world, &query).await;
        all.extend(page["rejections"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => query = format!("?limit=99&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(all.len(), 1_501);
    assert_eq!(all[0]["employee_id"], "S-1");
    assert_eq!(all[0]["snapshot_id"], id.as_str());
    let mut seen: Vec<_> = all[1..]
        .iter()
        .map(|one| one["employee_id"].as_str().unwrap().to_owned())
        .collect();
    seen.sort();
    assert_eq!(seen, ids);
    // A cursor is of its source.
    let first = rejections(&world, "?limit=2").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    world
        .admin("POST", "/sources")
        .json(&json!({ "source": "payroll" }))
        .ok()
        .await;
    let elsewhere = format!("/sources/payroll/rejections?cursor={cursor}");
    world.admin("GET", &elsewhere).refused(422, "invalid").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observed_source_shows_what_it_would_do() {
    let world = World::start().await;
    assert_eq!(source(&world).await["would"], Value::Null);
    let observed = set(&world, json!({ "state": "observing" })).await;
    assert_eq!(observed["would"], json!({}));
    world.minutes(1).await;
    let leaver = event(world.now(), LENA, "inactive", json!({}));
    let joiner = event(world.now(), "N-1", "active", json!({}));
    let bad = event(world.now(), "N-2", "gone", json!({}));
    for _ in 0..2 {
        let reply = world.deliver(json!([leaver, joiner, bad])).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    let would = source(&world).await["would"].clone();
    // The second time nothing would be new.
    assert_eq!(
        would,
        json!({ "created": 1, "scheduled": 1, "unchanged": 2, "rejected": 2 })
    );

    // A snapshot without anybody but the admins: what it would do, and that a safeguard would stop it.
    world.minutes(6).await;
    let staying = [ADA, OTTO].map(|id| json!({ "employee_id": id, "status": "active" }));
    let (_, path) = snapshot(&world, json!(staying)).await;
    let report = world.signed_get(&path).await.body;
    assert_eq!(report["state"], "applied", "{report}");
    assert_eq!(report["breaker"]["verdict"], "held", "{report}");
    let held = report["would"]["held"].as_u64().unwrap();
    assert!(held >= 20, "{report}");
    assert_eq!(report["summary"].get("held"), None, "{report}");
    let would = source(&world).await["would"].clone();
    assert_eq!(would["held"], held, "{would}");

    // Nobody is touched, nothing is held, nobody is told.
    for id in [LENA, "E-1012", "N-1"] {
        assert_eq!(world.status(id).await, "active");
    }
    assert_eq!(world.get("/holds").await["holds"], json!([]));
    assert_eq!(world.get("/runs").await["runs"], json!([]));
    world.only_power_was_told();
    // Seen, and set active: it is of no account any more.
    let active = set(&world, json!({ "state": "active" })).await;
    assert_eq!(active["would"], Value::Null);
    world.end().await;
}
