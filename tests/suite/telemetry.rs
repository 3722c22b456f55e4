//! What the functions tell of their work: metrics, and one event for each decision. Neither holds anything of a person
//! but their id.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use aws_stand_ins::{Fault, Mode, Service};
use offramp_app::metrics::Metric;
use offramp_tests::{ADA, Delivery, LENA, OTTO, World, event, numbered};
use serde_json::{Value, json};

/// Every line of metrics so far, held against the format.
fn lines(world: &World) -> Vec<Value> {
    let lines = world.stack.metrics();
    let lines = lines.iter().map(|line| {
        assert!(!line.contains('\n'), "{line}");
        serde_json::from_str(line).unwrap()
    });
    lines.inspect(is_of_the_format).collect()
}

/// By the specification of the embedded metric format, and by ours: no member but these.
fn is_of_the_format(line: &Value) {
    let aws = &line["_aws"];
    assert!(aws["Timestamp"].is_u64(), "{line}");
    let [directive] = aws["CloudWatchMetrics"].as_array().unwrap().as_slice() else {
        panic!("one directive is expected: {line}");
    };
    assert_eq!(directive["Namespace"], "Offramp");
    assert_eq!(directive["Dimensions"], json!([["Stack"]]));
    assert_eq!(line["Stack"], "offramp");
    let mut members = BTreeSet::from(["_aws", "Stack", "function", "request_id"]);
    for named in directive["Metrics"].as_array().unwrap() {
        let name = named["Name"].as_str().unwrap();
        let known = Metric::ALL.iter().any(|metric| metric.name() == name);
        assert!(known, "{name} is no metric of ours");
        assert!(matches!(named["Unit"].as_str(), Some("Count" | "Seconds")));
        match &line[name] {
            Value::Array(values) => {
                assert!(values.len() <= 100 && values.iter().all(Value::is_u64));
            }
            value => assert!(value.is_u64(), "{name} is {value}"),
        }
        members.insert(name);
    }
    let there: BTreeSet<&str> = line.as_object().unwrap().keys().map(|key| &**key).collect();
    assert_eq!(there, members);
}

/// What each metric comes to, zeros left out; the values of a lag are added up.
fn sums(world: &World) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    for line in lines(world) {
        for metric in Metric::ALL {
            let value = match &line[metric.name()] {
                Value::Array(values) => values.iter().filter_map(Value::as_u64).sum(),
                value => value.as_u64().unwrap_or(0),
            };
            if value > 0 {
                *sums.entry(metric.name()).or_default() += value;
            }
        }
    }
    sums
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_is_counted_from_the_webhook_to_the_cancelled_cards() {
    let world = World::start().await;
    assert_eq!(sums(&world), BTreeMap::new());
    world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(sums(&world), [("DeactivationsScheduled", 1)].into());
    world.hours(73).await;
    let done = [
        ("CardsCancelled", 3),
        ("DeactivationsDone", 1),
        ("DeactivationsScheduled", 1),
        ("MailsSent", 4),
    ];
    assert_eq!(sums(&world), done.into());
    let lag = lines(&world)
        .into_iter()
        .find(|line| line["DeactivationLag"].is_array());
    let lag = lag.expect("the lag of a deactivation");
    assert_eq!(lag["DeactivationLag"], json!([0]));
    assert_eq!(lag["function"], "offramp-terminate");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_rejected_refused_or_forged_is_counted() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.hr(LENA, "active", json!({})).await;
    let odd = event(world.now(), "E-1004", "on holiday", json!({}));
    let results = world.outcomes(json!([odd])).await;
    assert_eq!(results[0]["outcome"], "rejected");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let forged = Delivery::new(secret, world.now(), "{}");
    world.hand_in(&forged).refused(401, "bad_signature").await;
    let late = world.now() - chrono::TimeDelta::hours(1);
    let late = Delivery::new(world.secret(), late, "{}");
    world
        .hand_in(&late)
        .refused(401, "timestamp_out_of_tolerance")
        .await;
    world.stack.cloud().ses().refuse(OTTO);
    world.hr("E-1018", "inactive", json!({})).await;
    world.minutes(4).await;
    assert_eq!(world.mails_to(ADA, "").len(), 1);
    let counted = [
        ("DeactivationsCancelled", 1),
        ("DeactivationsScheduled", 2),
        ("MailsRefused", 1),
        ("MailsSent", 1),
        ("RecordsRejected", 1),
        ("SignaturesFailed", 2),
    ];
    assert_eq!(sums(&world), counted.into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_the_sync_off_is_counted_for_everybody_whom_it_touches() {
    let world = World::start().await;
    let leavers = numbered("E-2", 3);
    world.hire(&leavers).await;
    world.dismiss(&leavers).await;
    world
        .confirm(&json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    world.minutes(6).await;
    let sums = sums(&world);
    assert_eq!(sums["DeactivationsScheduled"], 3);
    assert_eq!(sums["DeactivationsCancelled"], 3);
    assert_eq!(sums.get("DeactivationsDone"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sweep_had_to_take_up_is_counted_and_an_idle_sweep_says_zero() {
    let world = World::start().await;
    world.minutes(6).await;
    let idle = lines(&world);
    let idle = idle.iter().find(|line| line["OverdueWork"] == 0).unwrap();
    assert_eq!(idle["OverdueDeactivations"], 0);
    assert_eq!(idle["OverdueWorkFailed"], 0);
    assert_eq!(idle["function"], "offramp-sweep");

    world.hr(LENA, "inactive", json!({})).await;
    world.minutes(6).await;
    let scheduler = world.stack.cloud().scheduler();
    for one in scheduler.schedules() {
        assert!(scheduler.delete(&one.group, &one.name));
    }
    world.stack.cloud().faults().inject(Fault {
        times: 3,
        ..Fault::once(Service::Issuer, "UpdateItem", Mode::Error)
    });
    world.hours(72).await;
    world.minutes(6).await;
    let sums = sums(&world);
    assert_eq!(sums["DeactivationsDone"], 1);
    assert_eq!(sums["CardsCancelled"], 3);
    assert!(sums["OverdueWork"] >= 1, "{sums:?}");
    assert!(sums["DeactivationLag"] > 0, "{sums:?}");
}

/// The log of every stack of this process.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The log from now on, or from when a test first asked for it.
    fn read() -> Self {
        static READ: OnceLock<Log> = OnceLock::new();
        let log = READ.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            tracing_subscriber::fmt()
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
                .with_writer(move || writer.clone())
                .try_init()
                .unwrap();
            log
        });
        log.clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines with this message.
    fn lines(&self, message: &str) -> Vec<Value> {
        let text = self.text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["message"] == message).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_decision_is_one_event_with_ids_and_nothing_else_of_the_person() {
    let log = Log::read();
    let world = World::start().await;
    let id = "E-XYLOPHONE";
    let secret = ["Quetzalcoatl", "xylophonist", "Zanzibar"];
    let hired =
        json!({ "name": secret[0], "email": "xylophonist@acme.example", "team": secret[2] });
    world.hr(id, "active", hired).await;
    world.hr(id, "inactive", json!({})).await;
    world.hours(73).await;

    let text = log.text();
    for word in secret {
        let found = text.lines().find(|line| line.contains(word));
        assert_eq!(found, None, "a name, an address or a team is in the log");
    }
    let mut decisions = log.lines("decided");
    decisions.retain(|line| line["employee_id"] == id);
    for decision in &decisions {
        assert_eq!(decision["org"], "acme");
        assert!(decision["generation"].is_u64(), "{decision}");
        assert!(decision["duration_ms"].is_u64(), "{decision}");
        assert_eq!(decision["level"], "INFO");
        let request = decision["span"]["request_id"].as_str().unwrap();
        assert!(!request.is_empty());
    }
    let told: Vec<_> = decisions
        .iter()
        .map(|one| {
            (
                one["event"].as_str().unwrap(),
                one["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("hr", "created"),
        ("hr", "scheduled"),
        ("due", "deactivated"),
        ("objectives_closed", "updated"),
        ("finished", "deactivated"),
    ];
    assert_eq!(told, expected);
    assert_eq!(decisions[1]["from"], "active");
    assert_eq!(decisions[1]["to"], "deactivation_scheduled");
    assert_eq!(decisions[1]["cause"], "hr");
    world.end().await;
}

/// A runbook is followed for one organisation and one source, and for nobody by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_whose_it_is_and_names_nobody() {
    let log = Log::read();
    let world = World::start().await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let forged = Delivery::new(secret, world.now(), "{}");
    let at = world.hand_in_at("xylophones", "organ", &forged);
    at.refused(401, "bad_signature").await;
    let subject = "quincy.xylander@acme.example";
    let token = world.stack.token_for(subject, "acme", &[]).unwrap();
    let path = world.path("/users/E-ZITHER/explain");
    let ask = || world.ask("GET", &path).token(&token);
    ask().refused(403, "forbidden").await;
    let hash =
        offramp_api::asked::subject_hash(&offramp_domain::OrgId::new("acme").unwrap(), subject);

    let webhooks = log.lines("a webhook is refused");
    let mut webhooks = webhooks.iter().filter(|line| line["org"] == "xylophones");
    let line = webhooks.next().expect("a line of the webhook");
    assert_eq!(line["source"], "organ");
    assert_eq!(line["route"], "POST /v1/orgs/{org}/sources/{source}/events");

    let refusals = log.lines("a request was refused");
    let of_webhook = refusals
        .iter()
        .find(|line| line["org"] == "xylophones")
        .unwrap();
    assert_eq!(
        (&of_webhook["source"], &of_webhook["code"]),
        (&json!("organ"), &json!("bad_signature"))
    );
    assert_eq!(of_webhook["subject"], Value::Null);
    let of_admin = refusals
        .iter()
        .find(|line| line["subject"] == *hash)
        .unwrap();
    assert_eq!(of_admin["org"], "acme");
    assert_eq!(of_admin["route"], "GET /v1/orgs/{org}/users/{id}/explain");
    assert_eq!(
        (&of_admin["code"], &of_admin["status"]),
        (&json!("forbidden"), &json!(403))
    );
    assert!(!of_admin["request_id"].as_str().unwrap().is_empty());
    assert_eq!(hash.len(), 16);

    let text = log.text();
    for word in ["xylander", "ZITHER"] {
        let found = text.lines().find(|line| line.contains(word));
        assert_eq!(found, None, "an address or a path is in the log");
    }
    world.end().await;
}
