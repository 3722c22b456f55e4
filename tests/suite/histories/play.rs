//! Tells a history, with its cuts and without.

use chrono::{SecondsFormat, TimeDelta};
use offramp_domain::Status;
use serde_json::{Value, json};

use super::steps::{Absence, ByHand, PEOPLE, Policy, Step, Story};
use crate::stepwise::end::{Whole, everybody, told_alike};
use crate::stepwise::{Image, Message, Town};

/// Tells it twice; what is wrong with it.
pub(super) async fn tell(town: &mut Town, image: &Image, story: &Story) -> Vec<String> {
    town.back_to(image);
    let plain = Teller::of(town).tell(&story.steps).await;
    let trace = std::mem::take(&mut town.trace);
    town.back_to(image);
    town.cut_off(story.cuts.iter().copied());
    let cut = Teller::of(town).tell(&story.steps).await;
    let mut wrong: Vec<String> = plain
        .wrong
        .iter()
        .map(|what| format!("without cuts: {what}"))
        .collect();
    if town.cut.is_empty() {
        return wrong;
    }
    wrong.extend(cut.wrong.iter().map(|what| format!("with cuts: {what}")));
    if cut.end != plain.end {
        for (id, person) in &plain.end.people {
            let other = cut.end.people.get(id);
            if other != Some(person) {
                wrong.push(format!("{id} ends as {person:?}\nwith cuts {other:?}"));
            }
        }
        wrong.push(format!(
            "{:?} {:?}, with cuts {:?} {:?}",
            plain.end.held, plain.end.settings, cut.end.held, cut.end.settings
        ));
    }
    for (id, history) in &plain.histories {
        let other = &cut.histories[id];
        if plain.merged(id) != cut.merged(id) {
            wrong.push(format!(
                "{id} has the history {history:#?}, with cuts {other:#?}"
            ));
        }
    }
    let late = town
        .cut
        .iter()
        .any(|function| matches!(*function, "notify" | "sweep"));
    if late {
        let lost = departures(&plain)
            .into_iter()
            .filter(|row| !cut.told.contains(row));
        wrong.extend(lost.map(|row| format!("with cuts nobody is told: {row}")));
    } else if !told_alike(&plain.told, &cut.told) {
        wrong.push(format!("told {:#?}, with cuts {:#?}", plain.told, cut.told));
    }
    if !wrong.is_empty() {
        wrong.push(format!(
            "invocations {trace:#?}, with cuts {:#?}",
            town.trace
        ));
    }
    wrong
}

/// What was told of those who have left once and are gone at the end. A digest says what is true when it is sent, so what
/// came and went may be told otherwise where a mail is late, and SES takes no key, so it may go twice; but a departure that
/// stands is told.
fn departures(whole: &Whole) -> Vec<String> {
    let gone = whole.end.people.iter().filter(|(id, person)| {
        let left = whole.histories[*id].iter();
        let times = left
            .filter(|entry| entry.starts_with("[\"deactivated"))
            .count();
        person.status == Status::Deactivated && times == 1
    });
    let gone: Vec<String> = gone.map(|(id, _)| format!("({id})")).collect();
    let told = whole
        .told
        .iter()
        .filter(|row| row.contains("person deactivated"));
    told.filter(|row| gone.iter().any(|id| row.contains(id)))
        .cloned()
        .collect()
}

struct Teller<'t> {
    town: &'t mut Town,
    /// Every request of HR's so far.
    said: Vec<Message>,
    stream_is_late: bool,
}

impl<'t> Teller<'t> {
    fn of(town: &'t mut Town) -> Self {
        Self {
            town,
            said: Vec::new(),
            stream_is_late: false,
        }
    }

    async fn tell(mut self, steps: &[Step]) -> Whole {
        for step in steps {
            // No two happen at one instant, so that the order of words is the order of their instants.
            self.town.pass(TimeDelta::seconds(1));
            self.step(step).await;
        }
        self.stream_is_late = false;
        // Whatever waits for an admin is approved, as often as it takes.
        for _ in 0..4 {
            self.town.settle().await;
            if !self.answer(true).await {
                break;
            }
        }
        self.town.end(true).await
    }

    async fn ask(&mut self, message: &Message) -> Value {
        let reply = self.town.ask_only(message).await;
        if !self.stream_is_late {
            self.town.deliver_stream().await;
        }
        reply.body
    }

    async fn by_hand(&mut self, route: &str, parameters: &[(&str, &str)], body: Value) -> Value {
        let message = self.town.admin(route, parameters, &body);
        self.ask(&message).await
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Word {
                whom,
                active,
                date,
                minutes_ago,
            } => {
                let mut word = json!({ "employee_id": PEOPLE[*whom], "status": if *active { "active" } else { "inactive" } });
                if let Some(date) = date {
                    word["leave_date"] = self.date(*date);
                }
                let at = self.town.now() - TimeDelta::minutes(*minutes_ago);
                let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                let events = json!({ "events": [{ "occurred_at": at, "employee": word }] });
                let message = self.town.hr("POST /events", &[], &events);
                self.said.push(message.clone());
                self.ask(&message).await;
            }
            Step::Again(which) => {
                if let Some(last) = self.said.len().checked_sub(1) {
                    let message = self.said[last - which % self.said.len()].clone();
                    self.ask(&message).await;
                }
            }
            Step::Snapshot { but } => self.snapshot(but).await,
            Step::ByHand { what, whom } => self.admin_does(*what, PEOPLE[*whom]).await,
            Step::List { whom, days } => {
                let date = self.date(Some(*days));
                let leavers: Vec<Value> = whom
                    .iter()
                    .map(|whom| json!({ "employee_id": PEOPLE[*whom], "leave_date": date }))
                    .collect();
                self.by_hand("POST /leavers", &[], json!({ "leavers": leavers }))
                    .await;
            }
            Step::Policy(policy) => {
                let message = self.town.confirmed(&patch(*policy)).await;
                self.ask(&message).await;
            }
            Step::Answer { approve } => {
                self.answer(*approve).await;
            }
            Step::Undo => {
                let runs = self.by_hand("GET /runs", &[], Value::Null).await;
                if let Some(run) = runs["runs"][0]["run_id"].as_str() {
                    self.by_hand("POST /runs/{run}/undo", &[("run", run)], json!({}))
                        .await;
                }
            }
            Step::Wait { hours } => {
                self.stream_is_late = false;
                self.town.wait(TimeDelta::hours(*hours)).await;
            }
            Step::Early(which) => self.town.fire_early(*which).await,
            Step::StreamIsLate => self.stream_is_late = true,
        }
    }

    fn date(&self, days: Option<i64>) -> Value {
        let date = days.map(|days| {
            (self.town.now() + TimeDelta::days(days))
                .date_naive()
                .to_string()
        });
        json!(date)
    }

    /// Answers the newest hold that is open; false where there is none.
    async fn answer(&mut self, approve: bool) -> bool {
        let holds = self.by_hand("GET /holds", &[], Value::Null).await;
        let mut holds = holds["holds"].as_array().into_iter().flatten();
        let Some(hold) = holds.find(|hold| hold["state"] == "open") else {
            return false;
        };
        let message = self.town.answer(hold, approve);
        self.ask(&message).await;
        true
    }

    async fn admin_does(&mut self, what: ByHand, whom: &str) {
        let id = [("id", whom)];
        let (route, body) = match what {
            ByHand::Now => ("POST /users/{id}/deactivate-now", json!({})),
            ByHand::Delete => ("DELETE /users/{id}", Value::Null),
            ByHand::Restore => ("POST /users/{id}/restore", json!({})),
            ByHand::Date(days) => (
                "PUT /users/{id}/leave-date",
                json!({ "leave_date": self.date(days) }),
            ),
            ByHand::Card => (
                "POST /users/{id}/cards",
                json!({ "label": "New", "kind": "virtual", "last4": "0009" }),
            ),
        };
        let mut message = self.town.admin(route, &id, &body);
        // The same request, sent again, is the same card.
        let key = format!("{whom} {}", self.town.now());
        message.payload["headers"]["idempotency-key"] = json!(key);
        self.ask(&message).await;
    }

    async fn snapshot(&mut self, but: &[(usize, Absence)]) {
        let open = self
            .town
            .hr("POST /snapshots", &[], &json!({ "source": "hris" }));
        let opened = self.ask(&open).await;
        let Some(id) = opened["snapshot_id"].as_str() else {
            return;
        };
        let mut people = Vec::new();
        for id in everybody() {
            let how = but
                .iter()
                .find(|(whom, _)| PEOPLE[*whom] == id)
                .map(|(_, how)| how);
            let status = match how {
                Some(Absence::Missing) => continue,
                Some(Absence::Inactive) => "inactive",
                None => "active",
            };
            people.push(json!({ "employee_id": id, "status": status }));
        }
        let page = json!({ "snapshot_id": id, "page": 1, "employees": people });
        let page = self.town.hr(
            "PUT /snapshots/{id}/pages/{n}",
            &[("id", id), ("n", "1")],
            &page,
        );
        self.ask(&page).await;
        let all = json!({ "snapshot_id": id, "pages": 1, "dry_run": false });
        let all = self
            .town
            .hr("POST /snapshots/{id}/complete", &[("id", id)], &all);
        self.ask(&all).await;
    }
}

fn patch(policy: Policy) -> Value {
    match policy {
        Policy::Sync(on) => json!({ "deactivation_sync": { "enabled": on } }),
        Policy::Immediate(yes) => {
            let behaviour = if yes { "immediate" } else { "delayed" };
            json!({ "deactivation_sync": { "behaviour": behaviour } })
        }
        Policy::OnMissing(what) => json!({ "on_missing": what }),
        Policy::LeaveDates(which) => json!({ "leave_dates": which }),
        Policy::RestoreDeletedOn(what) => json!({ "restore_deleted_on": what }),
        Policy::MaxUsers(most) => json!({ "safeguards": { "max_users": most } }),
    }
}
