//! What stands when two come at once, and what may come.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::stepwise::{ADA, Image, Message, OTTO, Town};

/// Whom most of it is about: a member with two cards.
const LENA: &str = "E-3";
/// Somebody in a grace period, where Lena is held.
const MARC: &str = "E-4";
/// Somebody whom an admin has just deactivated, where Lena is held.
const NINA: &str = "E-5";
/// HR's leave date for Lena, and others that take its place. It is the second of March.
const DATE: &str = "2026-03-04";
const LATER: &str = "2026-03-14";

/// A world, and the messages that may come in it.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) town: Town,
    pub(super) image: Image,
    pub(super) flows: Vec<(&'static str, Message)>,
}

impl Scene {
    /// A snapshot has called Lena inactive; her grace period has just ended, as her leave date has, and no timer has
    /// fired yet: `deactivate` and `leave` are late.
    pub(super) async fn grace() -> Self {
        let town = Self::in_grace().await;
        Self::of("grace", town, LENA, LENA).await
    }

    /// The same; an admin has deactivated Lena by hand as well, and the stream is late.
    pub(super) async fn ended() -> Self {
        let mut town = Self::in_grace().await;
        // It was on its way before it was disarmed.
        let timer = town.waiting("deactivate").remove(0);
        Self::ends_by_hand(&mut town, LENA).await;
        let mut scene = Self::of("ended", town, LENA, LENA).await;
        scene.flows.push(("grace timer", timer));
        scene
    }

    /// Lena left, came back and left again, and is in her second grace period: the timer of the first was on its way when it
    /// was disarmed, and comes.
    pub(super) async fn again() -> Self {
        let mut town = founded().await;
        snapshot(&mut town, &[(LENA, "inactive")]).await;
        town.wait(TimeDelta::minutes(3)).await;
        let timer = town.waiting("deactivate").remove(0);
        for status in ["active", "inactive"] {
            town.pass(TimeDelta::days(1));
            let word = town.events(&[town.says(LENA, status, json!({}))]);
            town.done(&word).await;
        }
        town.pass(TimeDelta::days(1) + TimeDelta::seconds(100));
        let mut scene = Self::of("again", town, LENA, LENA).await;
        scene.flows.retain(|(name, _)| *name != "grace timer");
        scene.flows.push(("grace timer", timer));
        scene
    }

    /// Marc is in the grace period of a run. Lena is in a hold, since one leaver is the most; Nina was deactivated by
    /// hand.
    pub(super) async fn held() -> Self {
        let mut town = founded().await;
        snapshot(&mut town, &[(MARC, "inactive")]).await;
        town.wait(TimeDelta::minutes(3)).await;
        let one = json!({ "safeguards": { "max_users": 1, "window_hours": 720 } });
        let one = town.confirmed(&one).await;
        town.done(&one).await;
        let left = town.events(&[town.says(LENA, "inactive", json!({ "leave_date": DATE }))]);
        let answer = town.done(&left).await;
        assert_eq!(answer["results"][0]["outcome"], "held", "{answer}");
        late(&mut town).await;
        Self::ends_by_hand(&mut town, NINA).await;
        let mut scene = Self::of("held", town, LENA, MARC).await;
        let holds = scene.town.admin("GET /holds", &[], &Value::Null);
        let holds = scene.town.done(&holds).await;
        for (name, approve) in [("approve", true), ("reject", false)] {
            let message = scene.town.answer(&holds["holds"][0], approve);
            let reply = scene.town.ask_only(&message).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            scene.town.back_to(&scene.image);
            scene.flows.push((name, message));
        }
        let joins = scene.town.says(OTTO, "inactive", json!({}));
        let joins = scene.town.events(&[joins]);
        scene.flows.push(("another leaver", joins));
        scene
    }

    /// The leave dates of both admins have come, and no timer has fired yet.
    pub(super) async fn admins() -> Self {
        let mut town = founded().await;
        let both = [ADA, OTTO].map(|id| town.says(id, "active", json!({ "leave_date": DATE })));
        let both = town.events(&both);
        town.done(&both).await;
        late(&mut town).await;
        let otto = |fields: Value| town.events(&[town.says(OTTO, "active", fields)]);
        let mut flows = vec![
            ("Otto's date moved", otto(json!({ "leave_date": LATER }))),
            ("Otto's date removed", otto(json!({ "leave_date": null }))),
            (
                "Otto inactive",
                town.events(&[town.says(OTTO, "inactive", json!({}))]),
            ),
            ("sweep", Town::sweep()),
        ];
        for timer in town.waiting("leave") {
            let of_ada = timer.payload["employee_id"] == ADA;
            let name = if of_ada {
                "Ada's timer"
            } else {
                "Otto's timer"
            };
            flows.push((name, timer));
        }
        let image = town.image();
        Self {
            name: "admins",
            town,
            image,
            flows,
        }
    }

    async fn in_grace() -> Town {
        let mut town = founded().await;
        snapshot(&mut town, &[(LENA, "inactive")]).await;
        town.wait(TimeDelta::minutes(3)).await;
        let date = town.events(&[town.says(LENA, "inactive", json!({ "leave_date": DATE }))]);
        town.done(&date).await;
        late(&mut town).await;
        town
    }

    async fn ends_by_hand(town: &mut Town, id: &str) {
        let now = town.admin("POST /users/{id}/deactivate-now", &[("id", id)], &json!({}));
        let reply = town.ask_only(&now).await;
        assert_eq!(reply.status, 202, "{reply:?}");
    }

    /// All that may come: what HR and admins say of `whom`, and the timers of `other`.
    async fn of(name: &'static str, mut town: Town, whom: &str, other: &str) -> Self {
        // Its instant is before every word that comes.
        snapshot(
            &mut town,
            &[(MARC, if other == MARC { "inactive" } else { "active" })],
        )
        .await;
        town.pass(TimeDelta::seconds(10));
        let word = |status: &str, fields: Value| town.events(&[town.says(whom, status, fields)]);
        let id = [("id", whom)];
        let by_hand = |route: &str, body: Value| town.admin(route, &id, &body);
        let now = town.now().date_naive().to_string();
        let card = json!({ "label": "New", "kind": "virtual", "last4": "0009" });
        let mut flows = vec![
            ("inactive", word("inactive", json!({}))),
            ("active", word("active", json!({}))),
            (
                "HR's date today",
                word("inactive", json!({ "leave_date": now })),
            ),
            (
                "HR's date moved",
                word("inactive", json!({ "leave_date": LATER })),
            ),
            (
                "HR's date removed",
                word("inactive", json!({ "leave_date": null })),
            ),
            (
                "admin's date",
                by_hand("PUT /users/{id}/leave-date", json!({ "leave_date": LATER })),
            ),
            (
                "deactivate now",
                by_hand("POST /users/{id}/deactivate-now", json!({})),
            ),
            ("restore", by_hand("POST /users/{id}/restore", json!({}))),
            ("delete", by_hand("DELETE /users/{id}", Value::Null)),
            ("card added", by_hand("POST /users/{id}/cards", card)),
            ("sweep", Town::sweep()),
        ];
        // The admin has the confirmation already, and runs have been listed.
        let off = json!({ "deactivation_sync": { "enabled": false } });
        flows.push(("sync off", town.confirmed(&off).await));
        let runs = town.admin("GET /runs", &[], &Value::Null);
        let runs = town.done_only(&runs).await;
        let run = runs["runs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|run| run["kind"] == "snapshot")
            .unwrap();
        let run = [("run", run["run_id"].as_str().unwrap())];
        flows.push((
            "undo",
            town.admin("POST /runs/{run}/undo", &run, &json!({})),
        ));
        for (name, kind) in [
            ("grace timer", "deactivate"),
            ("leave timer", "leave"),
            ("finish timer", "finish"),
            ("stream", "Records"),
            ("snapshot", "snapshot"),
        ] {
            let waiting = town.waiting(kind).into_iter().next_back();
            flows.extend(waiting.map(|message| (name, message)));
        }
        let image = town.image();
        Self {
            name,
            town,
            image,
            flows,
        }
    }
}

async fn founded() -> Town {
    let mut town = Town::founded().await;
    let dates = json!({ "leave_dates": "all" });
    let dates = town.confirmed(&dates).await;
    town.done(&dates).await;
    town
}

/// HR sends everybody as they are, but for some, and says that this was all.
async fn snapshot(town: &mut Town, but: &[(&str, &str)]) {
    let opened = town.hr("POST /snapshots", &[], &json!({ "source": "hris" }));
    let opened = town.done_only(&opened).await;
    let id = opened["snapshot_id"].as_str().unwrap().to_owned();
    let people = ["E-1", OTTO, LENA, MARC, NINA].map(|id| {
        let status = but
            .iter()
            .find(|(who, _)| *who == id)
            .map_or("active", |(_, status)| status);
        json!({ "employee_id": id, "status": status })
    });
    let page = json!({ "snapshot_id": id, "page": 1, "employees": people });
    let page = town.hr(
        "PUT /snapshots/{id}/pages/{n}",
        &[("id", &id), ("n", "1")],
        &page,
    );
    town.done_only(&page).await;
    let all = json!({ "snapshot_id": id, "pages": 1, "dry_run": false });
    let all = town.hr("POST /snapshots/{id}/complete", &[("id", &id)], &all);
    town.done_only(&all).await;
}

/// The clock stands shortly after the grace period, and no timer has fired: the sweep is due as well.
async fn late(town: &mut Town) {
    town.pass(TimeDelta::days(3) + TimeDelta::seconds(100));
}
