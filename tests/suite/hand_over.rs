//! The people of a source are given to another source: all of them, or some; at once, or by the sweep.

use std::time::Duration;

use aws_stand_ins::Lasting;
use offramp_app::desk::sources::{HandOver, hand_over};
use offramp_app::{Clock, Deadline};
use offramp_aws::{Clients, Config};
use offramp_domain::{Actor, EmployeeId, OrgId, SourceId, Subject};
use offramp_tests::{ADA, Delivery, LENA, ORG, World, event};
use serde_json::{Value, json};

const PATH: &str = "/sources/hris/hand-over";

/// The second source, active.
struct Payroll(String);

impl Payroll {
    async fn of(world: &World) -> Self {
        let made = world.post("/sources", json!({ "source": "payroll" })).await;
        let secret = made.body["secret"].as_str().unwrap().to_owned();
        let active = json!({ "state": "active" });
        assert_eq!(world.patch("/sources/payroll", active).await.status, 200);
        Self(secret)
    }

    /// What it says now, or said so many minutes ago, of somebody.
    async fn says(&self, world: &World, ago: i64, id: &str, status: &str, fields: Value) -> Value {
        let at = world.now() - chrono::TimeDelta::minutes(ago);
        let body = json!({ "events": [event(at, id, status, fields)] });
        let delivery = Delivery::new(&self.0, world.now(), body.to_string());
        let answer = world.hand_in_at(ORG, "payroll", &delivery).ok().await;
        answer["results"][0].clone()
    }
}

async fn owner(world: &World, id: &str) -> String {
    world.user(id).await["hr"]["source"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_are_given_and_the_new_source_is_heard_of_them() {
    let world = World::start().await;
    let payroll = Payroll::of(&world).await;
    world.minutes(6).await;
    let inactive = json!({ "employee_ids": [LENA, "E-1010", "E-1011"], "to": "payroll" });
    world.hr(LENA, "inactive", json!({})).await;
    world.delete("/users/E-1010").await;
    let foreign = payroll
        .says(&world, 0, "E-1012", "inactive", json!({}))
        .await;
    assert_eq!(foreign["outcome"], "rejected");
    let why = world.get("/users/E-1012/explain").await;
    assert!(
        why["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["code"] == "said_by_another_source"),
        "{why}"
    );
    let mut dry = inactive.clone();
    dry["dry_run"] = json!(true);
    let reply = world.post(PATH, dry).await;
    assert_eq!((reply.status, &reply.body), (200, &json!({ "people": 3 })));
    assert_eq!(owner(&world, LENA).await, "hris");
    // A repetition finds them given.
    for _ in 0..2 {
        let reply = world.post(PATH, inactive.clone()).await;
        assert_eq!((reply.status, &reply.body), (200, &json!({ "people": 3 })));
    }
    assert!(world.get("/sources/hris").await["handing_over"].is_null());
    let cards = world.alive(LENA).await;
    assert_eq!(owner(&world, LENA).await, "payroll");
    assert_eq!(world.status(LENA).await, "deactivation_scheduled");
    let long_ago = 60 * 24 * 300;
    let back = payroll
        .says(&world, long_ago, LENA, "active", json!({}))
        .await;
    assert_eq!(back["outcome"], "reactivated", "{back}");
    assert_eq!(world.alive(LENA).await, cards);
    let other = json!({ "name": "Spelt Otherwise" });
    payroll.says(&world, 0, "E-1010", "active", other).await;
    assert_eq!(world.status("E-1010").await, "deleted");
    let gone = payroll
        .says(&world, long_ago, "E-1011", "inactive", json!({}))
        .await;
    assert_eq!(gone["outcome"], "scheduled", "{gone}");
    assert_eq!(owner(&world, "E-1012").await, "hris");
    let history = world.get(&format!("/users/{LENA}/history")).await;
    let entries = history["entries"].as_array().unwrap();
    let handed: Vec<_> = entries
        .iter()
        .filter(|one| one["what"] == "handed_over")
        .collect();
    assert_eq!(handed.len(), 1, "{history}");
    assert_eq!(handed[0]["handed_to"], "payroll");
    let audit = world.get("/audit?limit=97").await;
    let entries = audit["entries"].as_array().unwrap();
    let of_source = |one: &&Value| one["of"] == "source" && one["what"] == "handed_over";
    assert_eq!(entries.iter().filter(of_source).count(), 1, "{audit}");
    world.minutes(10).await;
    let told = world.mails_to(ADA, "");
    assert!(
        told.iter()
            .any(|mail| mail.text.contains("hands 3 people over")),
        "{told:?}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_are_given_though_indexes_lag_and_the_source_is_empty_in_the_end() {
    let world = World::start().await;
    world.stack.cloud().faults().begin(Lasting::Lag(3));
    let payroll = Payroll::of(&world).await;
    world.minutes(6).await;
    let listed = world.get("/sources/hris").await["active_people"]
        .as_u64()
        .unwrap();
    // They are not on the roster yet.
    world.hr("N-1", "active", json!({})).await;
    let off = json!({ "state": "disabled" });
    assert_eq!(world.patch("/sources/hris", off).await.status, 200);
    let reply = world.post(PATH, json!({ "to": "payroll" })).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.body["people"].as_u64().unwrap() >= listed);
    assert_eq!(
        world.get("/sources/hris").await["handing_over"]["to"],
        "payroll"
    );
    assert_eq!(owner(&world, LENA).await, "payroll");
    assert_eq!(owner(&world, "N-1").await, "hris");
    world
        .post("/sources/payroll/hand-over", json!({ "to": "hris" }))
        .await;
    world.minutes(30).await;
    assert_eq!(owner(&world, "N-1").await, "payroll");
    assert!(world.get("/sources/hris").await["handing_over"].is_null());
    assert_eq!(world.get("/sources/hris").await["active_people"], 0);
    let theirs = world.get("/sources/payroll").await;
    assert_eq!(theirs["active_people"].as_u64(), Some(listed + 1));
    let gone = payroll.says(&world, 0, LENA, "inactive", json!({})).await;
    assert_eq!(gone["outcome"], "scheduled", "{gone}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_request_has_no_time_for_the_sweep_gives() {
    let world = World::start().await;
    Payroll::of(&world).await;
    world.minutes(6).await;
    let deployment = world.stack.deployment();
    let mut functions = deployment.functions.iter();
    let admin = functions.find(|one| one.name.ends_with("-admin")).unwrap();
    let environment = world.stack.environment(admin);
    let config = Config::from_lookup(&|name| environment.get(name).cloned()).unwrap();
    let clients = Clients::new(&config.aws).unwrap();
    let now = world.now();
    let offramp = offramp_aws::offramp(&config, &clients, Clock::from_fn(move || now));
    let org = OrgId::new(ORG).unwrap();
    let by = Actor::Admin {
        subject: Subject::new(ADA).unwrap(),
        employee_id: Some(EmployeeId::new("E-1001").unwrap()),
    };
    let (from, to) = (
        SourceId::new("hris").unwrap(),
        SourceId::new("payroll").unwrap(),
    );
    let named = [EmployeeId::new(LENA).unwrap()];
    for (ids, people) in [(Some(&named[..]), Some(1)), (None, None)] {
        let wish = HandOver {
            from: &from,
            to: &to,
            employee_ids: ids,
            dry_run: false,
            if_match: None,
            by: &by,
        };
        let none = Deadline::after(Duration::ZERO);
        let done = hand_over(&offramp.of(&org), &wish, none).await.unwrap();
        assert_eq!(done.pending, done.people);
        assert!(people.is_none_or(|people| people == done.people));
        assert_eq!(owner(&world, LENA).await, "hris");
    }
    world.minutes(20).await;
    for id in [LENA, "E-1001", "E-1012"] {
        assert_eq!(owner(&world, id).await, "payroll", "{id}");
    }
    assert!(world.get("/sources/hris").await["handing_over"].is_null());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_and_nobody_is_given() {
    let world = World::start().await;
    Payroll::of(&world).await;
    assert_eq!(
        world
            .post("/sources", json!({ "source": "third" }))
            .await
            .status,
        201
    );
    let cases = [
        (json!({ "to": "third" }), 409, "not_active", None),
        (json!({ "to": "nobody" }), 404, "not_found", None),
        (json!({ "to": "hris" }), 422, "invalid", Some("/to")),
        (
            json!({ "to": "payroll", "dryRun": true }),
            422,
            "invalid",
            None,
        ),
        (
            json!({ "to": "payroll", "employee_ids": [] }),
            422,
            "invalid",
            Some("/employee_ids"),
        ),
        (
            json!({ "to": "payroll", "employee_ids": [LENA, "X-1"] }),
            422,
            "invalid",
            Some("/employee_ids/1"),
        ),
    ];
    for (body, status, code, pointer) in cases {
        let reply = world.post(PATH, body.clone()).await;
        assert_eq!(
            (reply.status, &reply.body["code"]),
            (status, &json!(code)),
            "{body}"
        );
        if let Some(pointer) = pointer {
            assert_eq!(
                reply.body["errors"][0]["pointer"], pointer,
                "{}",
                reply.body
            );
        }
    }
    let unknown = world
        .post("/sources/nobody/hand-over", json!({ "to": "payroll" }))
        .await;
    assert_eq!(unknown.status, 404);
    let stale = world.post_if(PATH, 77, json!({ "to": "payroll" })).await;
    assert_eq!(stale.status, 412);
    assert_eq!(owner(&world, LENA).await, "hris");
    // While it goes on, nothing goes back, and nothing elsewhere.
    assert_eq!(
        world.post(PATH, json!({ "to": "payroll" })).await.status,
        200
    );
    let back = world
        .post("/sources/payroll/hand-over", json!({ "to": "hris" }))
        .await;
    assert_eq!(
        (back.status, &back.body["code"]),
        (409, &json!("handing_over"))
    );
    world.end().await;
}
