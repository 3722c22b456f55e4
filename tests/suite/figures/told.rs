//! Figures of admins who leave together, of an observed source, and of an approval.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{by_hand, looked, ran, uploaded};
use crate::stepwise::{ADA, MEMBERS, OTTO, Town};

fn in_a_town(what: impl AsyncFn(&mut Town)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut town = Town::founded().await;
        what(&mut town).await;
    });
}

#[test]
fn a_snapshot_without_all_admins_says_whom_it_has_kept() {
    in_a_town(async |town| {
        let here: Vec<Value> = MEMBERS
            .iter()
            .map(|id| json!({ "employee_id": id, "status": "active" }))
            .collect();
        let wanted = json!({ "held": 1, "scheduled": 1, "unchanged": 3 });
        let dry = uploaded(town, &here, true).await;
        assert_eq!(dry["summary"], wanted, "{dry}");
        assert_eq!(dry["breaker"]["verdict"], "admitted", "{dry}");
        let real = uploaded(town, &here, false).await;
        assert_eq!(real["summary"], wanted, "{real}");
        assert_eq!(real["state"], "held", "{real}");
        let hold = real["holds"][0].as_str().unwrap().to_owned();
        let hold = looked(town, "GET /holds/{id}", &[("id", &hold)]).await;
        assert_eq!(hold["rule"], "last_admin", "{hold}");
        let run = real["run_id"].as_str().unwrap();
        let run = looked(town, "GET /runs/{run}", &[("run", run)]).await;
        assert_eq!(run["people"], 1, "{run}");
        assert_eq!(run["users"].as_array().unwrap().len(), 1, "{run}");
        assert_ne!(
            run["users"][0]["employee_id"],
            hold["users"][0]["employee_id"]
        );
        // The next one finds one admin, and is of the same mind.
        let more = uploaded(town, &here[..2], false).await;
        assert_eq!(more["summary"]["scheduled"], 1, "{more}");
    });
}

#[test]
fn of_one_request_the_first_admin_leaves_and_the_last_stays() {
    in_a_town(async |town| {
        for order in [[OTTO, ADA], [ADA, OTTO]] {
            let image = town.image();
            let events = order.map(|id| town.says(id, "inactive", json!({})));
            let dry = json!({ "events": events, "dry_run": true });
            let dry = town.hr("POST /events", &[], &dry);
            let dry = town.done(&dry).await;
            let real = town.events(&events);
            let real = town.done(&real).await;
            for answer in [&dry, &real] {
                let outcomes = answer["results"].as_array().unwrap().iter();
                let outcomes: Vec<&Value> = outcomes.map(|one| &one["outcome"]).collect();
                assert_eq!(outcomes, ["scheduled", "held"], "{answer}");
                assert_eq!(answer["summary"], json!({ "held": 1, "scheduled": 1 }));
            }
            assert_eq!(
                ran(town, &real["run_id"]).await,
                (1, [order[0].to_owned()].into())
            );
            town.back_to(&image);
        }
    });
}

#[test]
fn an_observed_source_says_what_it_would_have_done_to_all_admins() {
    in_a_town(async |town| {
        let source = [("source", "hris")];
        let observing = json!({ "state": "observing" });
        by_hand(town, "PATCH /sources/{source}", &source, observing).await;
        let events = [ADA, OTTO].map(|id| town.says(id, "inactive", json!({})));
        let real = town.events(&events);
        let real = town.done(&real).await;
        let reasons = real["results"].as_array().unwrap().iter();
        let reasons: Vec<&str> = reasons.map(|one| one["reason"].as_str().unwrap()).collect();
        assert!(
            reasons[0].ends_with("would have scheduled their deactivation"),
            "{reasons:?}"
        );
        assert!(reasons[1].ends_with("would have held them"), "{reasons:?}");
        let gone =
            [MEMBERS[0], MEMBERS[1]].map(|id| json!({ "employee_id": id, "status": "active" }));
        town.pass(TimeDelta::seconds(1));
        let shown = uploaded(town, &gone, false).await;
        assert_eq!(shown["would"]["held"], 1, "{shown}");
    });
}

#[test]
fn an_approval_counts_whom_it_let_go() {
    in_a_town(async |town| {
        let limit = json!({ "safeguards": { "max_users": 1 } });
        by_hand(town, "PATCH /settings", &[], limit).await;
        let all = [MEMBERS[0], MEMBERS[1], OTTO].map(|id| town.says(id, "inactive", json!({})));
        let held = town.events(&all);
        assert_eq!(town.done(&held).await["summary"], json!({ "held": 3 }));
        // The rule fails on one of them.
        let rule =
            json!({ "active": "employee.employee_id != 'E-3' || employee.birthday == '01-01'" });
        by_hand(town, "PUT /sync-rules", &[], rule).await;
        let holds = by_hand(town, "GET /holds", &[], Value::Null).await;
        let answer = town.answer(&holds["holds"][0], true);
        let done = town.done(&answer).await;
        let results = done["results"].as_array().unwrap().iter();
        let gone: BTreeSet<String> = results
            .filter(|one| one["outcome"] == "scheduled")
            .map(|one| one["employee_id"].as_str().unwrap().to_owned())
            .collect();
        assert!(gone.len() < 3, "{done}");
        let (people, of_run) = ran(town, &done["approval_run_id"]).await;
        assert_eq!((people, of_run), (u64::try_from(gone.len()).unwrap(), gone));
    });
}
