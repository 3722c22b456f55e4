//! HR's data as it is: odd fields, coarse clocks and other spellings, through events and snapshots.

use chrono::TimeDelta;
use offramp_tests::{ADA, LENA, MARCUS_MAIL, OTTO, World, confirmed, event};
use serde_json::{Value, json};

use crate::snapshots::{active, snapshot, with_people};

/// Fields that cannot be read, each with a value in its place.
fn unreadable() -> Vec<(&'static str, Value)> {
    vec![
        ("email", json!("a@acme.example;b@acme.example")),
        ("email", json!({ "work": "a@acme.example" })),
        ("manager_id", json!("E-\u{200b}1001")),
        ("team", json!({ "id": 7, "name": "Field" })),
        ("department", json!(["Sales"])),
        ("name", json!(true)),
        ("start_date", json!("31.12.2020")),
        ("leave_date", json!("12/31/2026")),
        ("leave_date", json!("1899-12-30")),
        ("leave_date", json!("9999-12-31")),
        ("birthday", json!("23 April")),
    ]
}

/// Fields that can be read, in forms in which exports have them.
fn odd() -> Value {
    json!({
        "email": " LENA@acme.example ",
        "manager_id": 1001,
        "team": "",
        "name": "Lena\tLindqvist",
        "department": "x".repeat(300),
        "cost_centre": 110.0,
        "start_date": "0000-00-00",
        "birthday": "1991-04-23",
        "leave_date": "",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_odd_field_never_costs_a_leaver_their_end() {
    let (world, _, ids) = with_people(unreadable().len() + 1).await;
    world.minutes(6).await;
    let settings = json!({ "safeguards": { "max_users": 1_000, "max_percent": 100 } });
    let asked = world.patch("/settings", settings.clone()).await;
    world
        .set(confirmed(&settings, &asked.body["confirmation"]))
        .await;
    for (id, (field, value)) in ids.iter().zip(unreadable()) {
        let before = world.user(id).await[field].clone();
        let mut fields = json!({});
        fields[field] = value;
        let result = world.hr(id, "inactive", fields).await;
        assert_eq!(result["outcome"], "scheduled", "{field}: {result}");
        assert_eq!(result["warnings"][0]["field"], field, "{result}");
        assert!(result["warnings"][0]["reason"].is_string(), "{result}");
        let after = world.user(id).await;
        assert_eq!(
            (&after["access"], &after[field]),
            (&json!("revoked"), &before)
        );
    }
    let kept = world.get("/sources/hris/rejections").await;
    let kept = kept["rejections"].as_array().unwrap();
    assert_eq!(kept.len(), unreadable().len());
    let warns = |one: &Value| one["warning"] == true && one["field"].is_string();
    assert!(kept.iter().all(warns), "{kept:?}");

    let last = ids.last().unwrap();
    let result = world.hr(last, "TERMINATED", odd()).await;
    assert_eq!(result["outcome"], "scheduled", "{result}");
    assert_eq!(result.get("warnings"), None, "{result}");
    let user = world.user(last).await;
    for (field, value) in [
        ("email", json!("LENA@acme.example")),
        ("manager_id", json!("1001")),
        ("team", json!(null)),
        ("name", json!("Lena Lindqvist")),
        ("department", json!("x".repeat(256))),
        ("cost_centre", json!("110")),
        ("start_date", json!(null)),
        ("birthday", json!("04-23")),
        ("leave_date", json!(null)),
    ] {
        assert_eq!(user[field], value, "{field}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_snapshot_an_odd_field_costs_nothing_else_either() {
    let (world, seed, ids) = with_people(8).await;
    world.minutes(6).await;
    let mut all = seed.clone();
    all.extend(active(&ids));
    let of = |id: &str| all.iter().position(|one| one["employee_id"] == id).unwrap();
    let (leaver, odd, refused) = (of(&ids[0]), of(&ids[1]), of(&ids[2]));
    all[leaver]["status"] = json!("Left");
    all[leaver]["email"] = json!("none");
    all[odd]["birthday"] = json!("soon");
    all[refused]["status"] = json!("retired?");
    for _ in 0..2 {
        let done = snapshot(&world, &[all.clone()]).await;
        assert_eq!(
            (&done["state"], &done["summary"]["rejected"]),
            (&json!("applied"), &json!(1))
        );
        world.minutes(10).await;
    }
    assert_eq!(world.access(&ids[0]).await, "revoked");
    assert_eq!(world.access(&ids[1]).await, "granted");
    assert_eq!(world.access(&ids[2]).await, "granted");
    let kept = world.get("/sources/hris/rejections").await;
    let of = |id: &str, field: Value| {
        let kept = kept["rejections"].as_array().unwrap();
        let mut of = kept.iter();
        of.any(|one| {
            one["employee_id"] == id && one["field"] == field && one["snapshot_id"].is_string()
        })
    };
    assert!(
        of(&ids[0], json!("email")) && of(&ids[1], json!("birthday")),
        "{kept}"
    );
    assert!(of(&ids[2], json!(null)), "{kept}");
    // Of the one whose record cannot be read, once.
    let told = world.mails_to(ADA, "rejected");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].text.contains(&ids[2]) && !told[0].text.contains(&ids[1]),
        "{}",
        told[0].text
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_and_may_have_left_is_told_to_the_admins_once() {
    let world = World::start().await;
    world.minutes(6).await;
    let made = world
        .admin("POST", "/sources")
        .json(&json!({ "source": "payroll" }))
        .ok()
        .await;
    world
        .admin("PATCH", "/sources/payroll")
        .json(&json!({ "state": "active" }))
        .ok()
        .await;
    world.read().await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    let foreign = async |id: &str, status: &str| {
        let body = json!({ "events": [event(world.now(), id, status, json!({}))] });
        let delivery = offramp_tests::Delivery::new(&secret, world.now(), body.to_string());
        let answer = world
            .hand_in_at(offramp_tests::ORG, "payroll", &delivery)
            .ok()
            .await;
        assert_eq!(answer["results"][0]["outcome"], "rejected");
        answer["results"][0]["reason"].as_str().unwrap().to_owned()
    };
    for _ in 0..3 {
        assert_eq!(
            world.hr("E-1012", "quit", json!({})).await["outcome"],
            "rejected"
        );
        assert_eq!(
            world.hr("E-\u{200b}1012", "active", json!({})).await["outcome"],
            "rejected"
        );
        assert!(foreign(LENA, "inactive").await.contains("hand-over"));
        world.mailed().await;
    }
    let lines = |text: &str, of: &str| text.lines().filter(|line| line.contains(of)).count();
    for admin in [ADA, OTTO] {
        let told = world.mails_to(admin, "rejected");
        assert_eq!(told.len(), 1, "{told:?}");
        let text = &told[0].text;
        assert_eq!(
            (lines(text, "(E-1012)"), lines(text, LENA)),
            (1, 1),
            "{text}"
        );
        assert_eq!(lines(text, "hand-over by an admin"), 1, "{text}");
        // Whoever is called active keeps what they have.
        assert!(!text.contains("invisible"), "{text}");
    }
    // Nobody is told of their own departure.
    foreign(ADA_ID, "inactive").await;
    world.mailed().await;
    assert_eq!(world.mails_to(ADA, "rejected").len(), 1);
    assert_eq!(world.mails_to(OTTO, "rejected").len(), 2);
    // A source that speaks of many: some by name, and the number of all others.
    let gone: Vec<Value> = (0..60)
        .map(|n| event(world.now(), &format!("R-{n}"), "gone", json!({})))
        .collect();
    world.deliver(json!(gone)).await;
    world.mailed().await;
    let told = world.mails_to(OTTO, "rejected").pop().unwrap();
    assert_eq!(lines(&told.text, "- R-"), 20, "{}", told.text);
    assert!(
        told.text.contains("and 40 people more (hris)"),
        "{}",
        told.text
    );
    // A week later they are told of again.
    world.hours(7 * 24).await;
    world.read().await;
    world.hr("E-1012", "quit", json!({})).await;
    world.mailed().await;
    assert_eq!(world.mails_to(OTTO, "rejected").len(), 1);
    world.end().await;
}

const ADA_ID: &str = "E-1001";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_instant_the_last_arrival_wins_and_a_repeated_delivery_does_not() {
    let world = World::start().await;
    let day = world.now();
    let say =
        async |status: &str| world.hr_at(day, LENA, status, json!({})).await["outcome"].clone();
    // A clock that counts whole days.
    world.minutes(30).await;
    assert_eq!(say("inactive").await, "scheduled");
    assert_eq!(say("active").await, "reactivated");
    assert_eq!(say("inactive").await, "scheduled");
    assert_eq!(say("active").await, "reactivated");
    // The delivery that took her out, again and again, at another time.
    let body = json!({ "events": [event(day, LENA, "inactive", json!({}))] }).to_string();
    let delivery = offramp_tests::Delivery::new(world.secret(), world.now(), body);
    let mut outcomes = Vec::new();
    for round in 0..3 {
        let answer = world.hand_in(&delivery).ok().await;
        outcomes.push(answer["results"][0]["outcome"].clone());
        if round == 0 {
            assert_eq!(say("active").await, "reactivated");
        }
    }
    assert_eq!(outcomes, ["scheduled", "unchanged", "unchanged"]);
    assert_eq!(world.access(LENA).await, "granted");
    // Within one request rows count in order, also where the first says what the last does.
    let row = |status| event(day, "E-1008", status, json!({}));
    let rows = json!([row("inactive"), row("active"), row("inactive")]);
    let results = world.outcomes(rows).await;
    let words: Vec<_> = results
        .iter()
        .map(|one| one["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["scheduled", "reactivated", "scheduled"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_value_in_another_form_brings_nobody_back() {
    let world = World::start().await;
    let person = json!({ "name": "Zoë van Berg", "email": "zoe@acme.example", "team": null, "department": "Sales" });
    world.hr("Z-1", "active", person).await;
    world.admin("DELETE", "/users/Z-1").send().await;
    world.read().await;
    for fields in [
        json!({ "team": "" }),
        json!({ "department": "Sales\u{a0}" }),
        json!({ "email": "Zoe@ACME.example" }),
        json!({ "name": "Zoe\u{308}  van\tBerg" }),
        json!({ "start_date": "0000-00-00", "leave_date": " " }),
    ] {
        world.minutes(5).await;
        let result = world.hr("Z-1", "active", fields.clone()).await;
        assert_eq!(result["outcome"], "ignored", "{fields}: {result}");
    }
    world.mailed().await;
    assert_eq!(world.mails_to("zoe@acme.example", "").len(), 0);
    let result = world
        .hr("Z-1", "active", json!({ "department": "Sales EMEA" }))
        .await;
    assert_eq!(result["outcome"], "restored");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_whom_hr_spells_otherwise_is_told() {
    let world = World::start().await;
    let manager = world.user(LENA).await["manager_id"]
        .as_str()
        .unwrap()
        .to_lowercase();
    world.minutes(1).await;
    world
        .hr(LENA, "active", json!({ "manager_id": manager }))
        .await;
    let today = world.now() - TimeDelta::days(1);
    world
        .leaves_on(LENA, json!(today.format("%Y-%m-%d").to_string()))
        .await;
    world.mailed().await;
    assert_eq!(world.mails_to(MARCUS_MAIL, "").len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_an_admin_pastes_makes_no_second_person() {
    let world = World::start().await;
    let add = async |body: Value| world.post("/users", body).await;
    for id in [
        "e-1007",
        "E\u{2010}1007",
        "\u{ff25}-1007",
        "E-1007.0",
        "E- 1007",
    ] {
        let likeness = |id: &str| offramp_domain::EmployeeId::new(id).unwrap().likeness();
        let alike = likeness(id) == likeness(LENA);
        let reply = add(json!({ "employee_id": id })).await;
        let status = if alike { 409 } else { 201 };
        assert_eq!(reply.status, status, "{id}: {}", reply.body);
        if alike {
            assert_eq!(reply.body["code"], "look_alike");
            assert!(reply.body["detail"].as_str().unwrap().contains(LENA));
        }
    }
    assert_eq!(
        add(json!({ "employee_id": " E-1007\t" })).await.body["code"],
        "exists"
    );
    for unseen in [" ", "\u{200b}", "E\u{a0}1007", "E-\u{ad}1007"] {
        let reply = add(json!({ "employee_id": unseen })).await;
        assert_eq!(reply.status, 422, "{unseen:?}");
        assert_eq!(reply.body["errors"][0]["pointer"], "/employee_id");
    }
    let other = add(json!({ "employee_id": "e-1007", "look_alike": true })).await;
    assert_eq!(
        (other.status, &other.body["employee_id"]),
        (201, &json!("e-1007"))
    );
    world.end().await;
}
