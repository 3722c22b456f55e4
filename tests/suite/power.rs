//! Every change of power is told: to every admin, to whom it is about, and to the address of before; to nobody else.

use std::collections::{BTreeMap, BTreeSet};

use aws_stand_ins::Message;
use offramp_tests::{ADA, Answer, LENA, LENA_MAIL, OTTO, World, golden};
use serde_json::{Value, json};

const TITLE: &str = "Who may do what has changed";
const SECOND: &str = "E-1002";

/// What went to each address since the last look, with the invisible characters taken out.
async fn told(world: &World, seen: &mut usize) -> BTreeMap<String, String> {
    world.mailed().await;
    let mails: Vec<Message> = world.mails().into_iter().skip(*seen).collect();
    *seen += mails.len();
    let one = |mail: Message| (mail.to.concat(), mail.text.replace('\u{2060}', ""));
    let told: BTreeMap<_, _> = mails.iter().cloned().map(one).collect();
    assert_eq!(told.len(), mails.len(), "one mail each: {mails:?}");
    told
}

fn whom(told: &BTreeMap<String, String>) -> BTreeSet<&str> {
    told.keys().map(String::as_str).collect()
}

#[track_caller]
fn says(told: &BTreeMap<String, String>, address: &str, words: &str) {
    let text = &told[address];
    assert!(text.contains(words), "{address}: {text}");
}

async fn role(world: &World, id: &str, body: Value) -> Answer {
    world.put(&format!("/users/{id}/role"), body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_and_a_login_are_told_to_admins_to_the_person_and_to_the_login_of_before() {
    let (world, mut seen) = (World::start().await, 0);
    let both = [ADA, OTTO];
    // An auditor is no admin, and is told of their own appointment.
    assert_eq!(
        role(&world, LENA, json!({ "role": "auditor" }))
            .await
            .status,
        200
    );
    let mails = told(&world, &mut seen).await;
    assert_eq!(whom(&mails), BTreeSet::from([ADA, OTTO, LENA_MAIL]));
    let said = "Lena Lindqvist (E-1007) is an auditor now, signs in as lena.lindqvist@acme.example; by Ada";
    for address in both.into_iter().chain([LENA_MAIL]) {
        says(&mails, address, said);
        says(&mails, address, TITLE);
    }
    says(&mails, LENA_MAIL, "tell an admin of Offramp at once");
    let own = world.mails_to(LENA_MAIL, TITLE).remove(0);
    golden::mail("mail/power-own", &own);

    let login = json!({ "login": "l@acme.example" });
    assert_eq!(
        world
            .put(&format!("/users/{LENA}/login"), login)
            .await
            .status,
        200
    );
    let mails = told(&world, &mut seen).await;
    let former = BTreeSet::from([ADA, OTTO, "l@acme.example", LENA_MAIL]);
    assert_eq!(whom(&mails), former);
    let said = "signs in as l@acme.example, and not as lena.lindqvist@acme.example any more";
    for address in &former {
        says(&mails, address, said);
    }
    says(&mails, LENA_MAIL, "was known by this address until now");

    assert_eq!(
        role(&world, LENA, json!({ "role": "admin" })).await.status,
        200
    );
    let mails = told(&world, &mut seen).await;
    assert_eq!(whom(&mails), BTreeSet::from([ADA, OTTO, "l@acme.example"]));
    says(&mails, OTTO, "is an admin now, and not an auditor any more");

    // Demoted: the login, at which she was mailed, is told as well.
    assert_eq!(
        role(&world, LENA, json!({ "role": "member" })).await.status,
        200
    );
    let mails = told(&world, &mut seen).await;
    assert_eq!(whom(&mails), former);
    says(&mails, LENA_MAIL, "is not an admin any more; by Ada");
    says(&mails, LENA_MAIL, "it is about what you may do in Offramp");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_hr_changes_is_told_and_a_members_is_not() {
    let (world, mut seen) = (World::start().await, 0);
    let new = json!({ "email": "otto.new@acme.example" });
    world.hr(SECOND, "active", new).await;
    world
        .hr(LENA, "active", json!({ "email": "lena.new@acme.example" }))
        .await;
    let mails = told(&world, &mut seen).await;
    // The login stays, and is the address of before.
    assert_eq!(whom(&mails), BTreeSet::from([ADA, OTTO]));
    let said =
        format!("has the address otto.new@acme.example, before {OTTO}; as the HR source hris says");
    says(&mails, ADA, &said);
    assert!(!mails[ADA].contains("lena"), "{}", mails[ADA]);
    // Once the login is another, HR's next word is told at the address that it takes away, if it stood for a day.
    world.hours(25).await;
    let login = json!({ "login": "o@acme.example" });
    assert_eq!(
        world
            .put(&format!("/users/{SECOND}/login"), login)
            .await
            .status,
        200
    );
    let newer = json!({ "email": "otto.newer@acme.example" });
    world.hr(SECOND, "active", newer).await;
    let mails = told(&world, &mut seen).await;
    let all = [ADA, "o@acme.example", OTTO, "otto.new@acme.example"];
    assert_eq!(whom(&mails), BTreeSet::from(all));
    // Two changes within one digest are both told, each former address is told its own.
    for words in ["signs in as o@acme.example", "otto.newer@acme.example"] {
        says(&mails, ADA, words);
    }
    says(&mails, OTTO, "signs in as o@acme.example");
    assert!(!mails[OTTO].contains("otto.newer"), "{}", mails[OTTO]);
    assert!(!mails["otto.new@acme.example"].contains("signs in"));
    // HR has nobody mailed by giving an admin their address for a moment.
    for address in ["stranger@elsewhere.example", "otto.last@acme.example"] {
        world
            .hr(SECOND, "active", json!({ "email": address }))
            .await;
    }
    let mails = told(&world, &mut seen).await;
    assert_eq!(whom(&mails), BTreeSet::from([ADA, "o@acme.example"]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_their_own_departure_and_everybody_else_is_at_once() {
    let (world, mut seen) = (World::start().await, 0);
    world.remove(SECOND).await;
    let mails = told(&world, &mut seen).await;
    assert_eq!(whom(&mails), BTreeSet::from([ADA]));
    says(
        &mails,
        ADA,
        "is not an admin any more, since they leave; by Ada",
    );
    says(&mails, ADA, "1 person deleted");
    // An admin whom another one hands in is none any more, and reads nothing of it; nor that they are one again.
    assert_eq!(
        role(&world, LENA, json!({ "role": "admin" })).await.status,
        200
    );
    told(&world, &mut seen).await;
    let list = json!({ "leavers": [{ "employee_id": LENA }] });
    assert_eq!(world.post("/leavers", list).await.status, 200);
    let mails = told(&world, &mut seen).await;
    assert_eq!(whom(&mails), BTreeSet::from([ADA]));
    says(
        &mails,
        ADA,
        "Lena Lindqvist (E-1007) is not an admin any more, since they leave",
    );
    world.restore(LENA).await;
    let mails = told(&world, &mut seen).await;
    assert_eq!(whom(&mails), BTreeSet::from([ADA]));
    says(
        &mails,
        ADA,
        "Lena Lindqvist (E-1007) is an admin again; by Ada",
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_secrets_machines_rules_and_escalation_are_told_and_no_secret_is() {
    let (world, mut seen) = (World::start().await, 0);
    let mut secrets = Vec::new();
    let added = world.post("/sources", json!({ "source": "payroll" })).await;
    secrets.push(added.body["secret"].clone());
    let changed = json!({ "state": "active", "deactivation_sync": { "delay_days": 1 }, "silent_after_hours": 24 });
    assert_eq!(world.patch("/sources/payroll", changed).await.status, 200);
    let path = "/sources/payroll/rotate-secret";
    secrets.push(world.post(path, json!({})).await.body["secret"].clone());
    let all = json!({ "revoke_previous": true });
    secrets.push(world.post(path, all).await.body["secret"].clone());
    let off = json!({ "state": "disabled" });
    assert_eq!(world.patch("/sources/payroll", off).await.status, 200);
    let machine = json!({ "name": "erp", "subject": "m-erp", "may": ["access", "cards"] });
    assert_eq!(world.post("/machines", machine).await.status, 201);
    assert_eq!(world.delete("/machines/erp").await.status, 200);
    assert_eq!(
        world.rule("employee.department != \"Board\"").await.status,
        200
    );
    world
        .set(json!({ "escalation": "on-call@acme.example" }))
        .await;
    world.set(json!({ "escalation": null })).await;
    let mails = told(&world, &mut seen).await;
    assert_eq!(whom(&mails), BTreeSet::from([ADA, OTTO]));
    let admin = world.mails_to(OTTO, TITLE).remove(0);
    golden::mail("mail/power", &admin);
    for secret in secrets {
        let secret = secret.as_str().unwrap();
        assert!(secret.starts_with("whsec_"));
        assert!(!admin.text.contains(secret) && !admin.html.contains(secret));
    }
    assert!(!admin.text.contains("whsec_"), "{}", admin.text);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_rehearsed_or_changes_nothing_tells_nobody() {
    let (world, mut seen) = (World::start().await, 0);
    let is = |answer: Answer, status: u16| assert_eq!(answer.status, status, "{}", answer.body);
    is(role(&world, SECOND, json!({ "role": "admin" })).await, 200);
    is(
        role(&world, "E-1001", json!({ "role": "member" })).await,
        409,
    );
    is(
        role(&world, LENA, json!({ "role": "admin", "login": OTTO })).await,
        409,
    );
    is(
        world
            .put(&format!("/users/{SECOND}/login"), json!({ "login": OTTO }))
            .await,
        200,
    );
    is(
        world
            .patch("/sources/hris", json!({ "state": "active" }))
            .await,
        200,
    );
    is(
        world.post("/sources", json!({ "source": "hris" })).await,
        409,
    );
    is(world.delete("/machines/nobody").await, 404);
    let patch = world.admin("PATCH", "/settings?dry_run=true");
    patch
        .json(&json!({ "escalation": "x@acme.example" }))
        .ok()
        .await;
    let dry = json!({ "leavers": [{ "employee_id": SECOND }] });
    is(world.post("/leavers?dry_run=true", dry).await, 200);
    is(world.rule("employee.").await, 422);
    assert_eq!(told(&world, &mut seen).await, BTreeMap::new());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_repairs_an_admin_is_told_to_all() {
    let (world, mut seen) = (World::start().await, 0);
    let wanted = json!({
        "offramp": "first_admin", "org": "acme", "repair": true,
        "admin": { "employee_id": LENA, "login": "lena@acme.example" },
    });
    let made = world.stack.invoke("admin:operator", wanted).await.unwrap();
    assert_eq!(made["admin"]["outcome"], "repaired", "{made}");
    let mails = told(&world, &mut seen).await;
    assert_eq!(
        whom(&mails),
        BTreeSet::from([ADA, OTTO, "lena@acme.example"])
    );
    says(
        &mails,
        OTTO,
        "is an admin now, signs in as lena@acme.example; by an operator of the stack",
    );
    world.end().await;
}

/// How a route that changes something is told: `None` if it changes no power.
fn told_by(route: &str) -> Option<Option<&'static str>> {
    Some(match route {
        "POST /users" | "PUT /users/{id}/role" | "PUT /users/{id}/login" => Some("power"),
        "DELETE /users/{id}"
        | "POST /users/{id}/deactivate-now"
        | "POST /users/{id}/restore"
        | "PUT /users/{id}/leave-date"
        | "POST /leavers"
        | "POST /holds/{id}/approve"
        | "POST /holds/{id}/reject" => Some("power, where the person is an admin or auditor"),
        "POST /runs/{run}/undo" => Some("run_undone, and power"),
        "PATCH /settings" => Some("sync_turned_off, safeguards_loosened, power.escalation"),
        "PUT /sync-rules" => Some("power.rule"),
        "POST /sources"
        | "PATCH /sources/{source}"
        | "POST /sources/{source}/rotate-secret"
        | "POST /sources/{source}/hand-over" => Some("power.source"),
        "POST /machines" | "DELETE /machines/{name}" => Some("power.machine"),
        "POST /sync-rules/test"
        | "POST /users/{id}/confirm-address"
        | "PUT /users/{id}/due"
        | "POST /users/{id}/invite"
        | "POST /users/{id}/cards"
        | "POST /cards/{card}/reassign"
        | "PUT /cards/{card}/status"
        | "POST /users/{id}/objectives"
        | "PATCH /objectives/{objective}"
        | "DELETE /objectives/{objective}" => None,
        _ => return None,
    })
}

/// A route that is new is put into the list above, with what tells of it, and a flow is added.
#[test]
fn every_route_that_changes_something_says_how_its_power_is_told() {
    for row in admin::Route::ALL.iter().map(|route| route.row()) {
        let path = row.path.trim_start_matches("/v1/orgs/{org}");
        let route = format!("{} {path}", row.method);
        let known = told_by(&route);
        assert_eq!(known.is_some(), row.method != "GET", "{route}");
    }
}

/// Whom an admin put out is an admin again by HR's word, and the others read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_who_comes_back_by_hr_is_told_to_the_others() {
    let (world, mut seen) = (World::start().await, 0);
    let out = format!("/users/{SECOND}/deactivate-now");
    assert_eq!(world.post(&out, json!({})).await.status, 200);
    world.hours(30).await;
    told(&world, &mut seen).await;
    world.hr(SECOND, "inactive", json!({})).await;
    let back = world.hr(SECOND, "active", json!({})).await;
    assert_eq!(back["outcome"], "reactivated");
    let mails = told(&world, &mut seen).await;
    says(&mails, ADA, "is an admin again; as the HR source hris says");
    world.end().await;
}

/// Nobody hides a new admin from another by ending and giving back that one's access in the same minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_whom_a_row_is_about_reads_the_others() {
    let world = World::start().await;
    assert_eq!(
        role(&world, LENA, json!({ "role": "admin" })).await.status,
        200
    );
    for what in ["deactivate-now", "restore"] {
        let path = format!("/users/{SECOND}/{what}");
        assert_eq!(world.post(&path, json!({})).await.status, 200, "{what}");
    }
    world.mailed().await;
    let mails = world.mails_to(OTTO, TITLE);
    assert_eq!(mails.len(), 1, "{:?}", world.subjects(OTTO));
    assert!(
        mails[0].text.contains("is an admin now"),
        "{}",
        mails[0].text
    );
    assert!(!mails[0].text.contains("Otto"), "{}", mails[0].text);
    world.end().await;
}
