//! A company in which an accident happens, and what it comes to.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use offramp_domain::Status;
use serde_json::{Value, json};

use super::list::{List, former, former_id, id, record};
use crate::stepwise::end::Life;
use crate::stepwise::{ADA, Image, Message, Town};

/// A list is applied.
const APPLIED: TimeDelta = TimeDelta::minutes(10);
/// An answer or an event is carried out.
const SOON: TimeDelta = TimeDelta::minutes(6);
/// After the end of an accident: longer than each grace period.
const AFTER: TimeDelta = TimeDelta::hours(80);

/// One step of an accident. People are meant by their numbers.
pub(super) enum Step {
    /// HR sends its list with this done to it, and completes it.
    List(fn(&mut List)),
    /// The same, and the next step happens at once.
    Hurried(fn(&mut List)),
    /// HR sends its list with this done to it, and never completes it.
    Begun(fn(&mut List)),
    /// HR sends events, in one request.
    Says(fn(&Company) -> Vec<Value>),
    /// HR says one of these words of each of these people, one after the other, so many minutes apart.
    OneByOne(Range<usize>, &'static str, i64),
    /// Another source says this of all of these people.
    Elsewhere(Range<usize>, &'static str),
    Hours(i64),
    /// These people leave in truth: HR's lists say so from now on.
    Leave(Range<usize>),
    /// An admin approves or rejects all that is held, or for these people alone.
    Approve,
    Reject,
    ApproveOnly(Range<usize>),
    /// An admin takes back the newest run.
    Undo,
    /// An admin changes the settings.
    Set(fn() -> Value),
    /// An admin says that the source is `active`, `observing` or `disabled`.
    Source(&'static str),
}

/// What an accident came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cost {
    /// Minutes without access of people who had not left, together.
    pub(super) out: i64,
    /// Cards that were cancelled of people who had not left.
    pub(super) cards: usize,
    /// Minutes with access of people who had left, together.
    pub(super) let_in: i64,
}

/// How it was in the end.
pub(super) struct Ended {
    pub(super) cost: Cost,
    /// The rules of all holds.
    pub(super) rules: Vec<String>,
    /// Who is not as they should be, and what waits for an answer still.
    pub(super) wrong: Vec<String>,
}

/// A company that stands, to begin from again.
pub(super) struct Founded {
    image: Image,
    /// The same with limits beyond all reach.
    loose: Image,
    /// Everybody's version, by id: nothing has happened to a person who has it still.
    versions: BTreeMap<String, u64>,
    staff: usize,
    formers: usize,
    payroll: String,
}

/// A company while an accident happens.
pub(super) struct Company<'t> {
    pub(super) town: &'t mut Town,
    founded: &'t Founded,
    /// Who has left since, and when.
    left: BTreeMap<usize, DateTime<Utc>>,
}

impl Founded {
    /// A company with so many people, each with a card, and so many who left earlier; known by a first list. Its first
    /// admin is not HR's. A second source, `payroll`, is active, and has nobody.
    pub(super) async fn new(town: &mut Town, staff: usize, formers: usize) -> Self {
        let payroll = json!({ "source": "payroll" });
        let payroll = town.admin("POST /sources", &[], &payroll);
        let payroll = town.done(&payroll).await;
        let name = [("source", "payroll")];
        let active = json!({ "state": "active" });
        let active = town.admin("PATCH /sources/{source}", &name, &active);
        town.done(&active).await;
        let founded = Self {
            image: town.image(),
            loose: town.image(),
            versions: BTreeMap::new(),
            staff,
            formers,
            payroll: payroll["secret"].as_str().unwrap().to_owned(),
        };
        let mut company = Company {
            town,
            founded: &founded,
            left: BTreeMap::new(),
        };
        company.step(&Step::List(|_| {})).await;
        for number in 0..staff {
            let card = json!({ "label": "Card", "kind": "virtual", "last4": "0001" });
            company
                .by_hand("POST /users/{id}/cards", &[("id", &id(number))], card)
                .await;
        }
        company.town.wait(TimeDelta::hours(30)).await;
        let mut versions = BTreeMap::new();
        for user in company.town.users(&company.ids()).await.0 {
            versions.insert(user.employee_id.to_string(), user.version);
        }
        let image = company.town.image();
        company.loosen().await;
        let loose = company.town.image();
        Self {
            image,
            loose,
            versions,
            ..founded
        }
    }
}

impl<'t> Company<'t> {
    /// What the steps come to: with the safeguards as they are unless set; or, where it is `loose`, with limits beyond all
    /// reach, and each hold that is opened all the same approved at once.
    pub(super) async fn cost(
        town: &'t mut Town,
        founded: &'t Founded,
        steps: &[Step],
        loose: bool,
    ) -> Ended {
        town.back_to(if loose {
            &founded.loose
        } else {
            &founded.image
        });
        let mut company = Self {
            town,
            founded,
            left: BTreeMap::new(),
        };
        // Nobody leaves at the instant at which people were counted.
        company.town.pass(TimeDelta::minutes(1));
        let begun = company.town.now();
        for step in steps {
            company.step(step).await;
            if loose {
                if matches!(step, Step::Set(_)) {
                    company.loosen().await;
                }
                company.answer("approve", None).await;
            }
        }
        company.town.wait(SOON).await;
        let open = company.open_holds().await.into_iter();
        let open = open.map(|hold| format!("nobody has answered {hold}"));
        let open: Vec<String> = open.collect();
        company.town.fire_for(AFTER).await;
        let mut ended = company.measure(begun).await;
        ended.wrong.extend(open);
        ended
    }

    async fn by_hand(&mut self, route: &str, parameters: &[(&str, &str)], body: Value) -> Value {
        let message = self.town.admin(route, parameters, &body);
        self.town.done(&message).await
    }

    async fn loosen(&mut self) {
        let most = json!({ "max_users": 10_000, "max_percent": 100, "max_returns": 10_000 });
        let patch = self.town.confirmed(&json!({ "safeguards": most })).await;
        self.town.done(&patch).await;
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::List(change) => {
                self.list(change, true).await;
                self.town.fire_for(APPLIED).await;
            }
            Step::Hurried(change) => self.list(change, true).await,
            Step::Begun(change) => self.list(change, false).await,
            Step::Says(events) => {
                let events = events(self);
                self.say(&events).await;
                self.town.fire_for(SOON).await;
            }
            Step::OneByOne(people, status, minutes) => {
                for number in people.clone() {
                    let event = self.town.says(&id(number), status, json!({}));
                    self.say(&[event]).await;
                    self.town.fire_for(TimeDelta::minutes(*minutes)).await;
                }
            }
            Step::Elsewhere(people, status) => {
                let events = json!({ "events": self.words(people.clone(), status) });
                let source = [("source", "payroll")];
                let secret = &self.founded.payroll;
                let message = self.town.signed(secret, "POST /events", &source, &events);
                self.town.done(&message).await;
                self.town.fire_for(SOON).await;
            }
            Step::Hours(hours) => self.town.wait(TimeDelta::hours(*hours)).await,
            Step::Leave(people) => {
                let now = self.town.now();
                self.left.extend(people.clone().map(|one| (one, now)));
            }
            Step::Approve => self.answer("approve", None).await,
            Step::Reject => self.answer("reject", None).await,
            Step::ApproveOnly(people) => self.answer("approve", Some(people.clone())).await,
            Step::Undo => {
                let runs = self.by_hand("GET /runs", &[], Value::Null).await;
                let run = runs["runs"][0]["run_id"].as_str().unwrap();
                self.by_hand("POST /runs/{run}/undo", &[("run", run)], json!({}))
                    .await;
            }
            Step::Set(patch) => {
                let patch = self.town.confirmed(&patch()).await;
                self.town.done(&patch).await;
            }
            Step::Source(state) => {
                let state = json!({ "state": state });
                self.by_hand("PATCH /sources/{source}", &[("source", "hris")], state)
                    .await;
            }
        }
    }

    /// HR's list with a change.
    async fn list(&mut self, change: &fn(&mut List), complete: bool) {
        let staff = (0..self.founded.staff).map(|number| {
            let gone = self.left.contains_key(&number);
            record(number, if gone { "inactive" } else { "active" })
        });
        let records: Vec<Value> = (0..self.founded.formers).map(former).chain(staff).collect();
        let page = match records.len() {
            ..20 => 5,
            20..60 => 10,
            _ => 20,
        };
        let mut list = List::new(&records, page);
        change(&mut list);
        let open = self
            .town
            .hr("POST /snapshots", &[], &json!({ "source": "hris" }));
        let Some(opened) = self.hr_done(&open).await else {
            return;
        };
        let name = opened["snapshot_id"].as_str().unwrap();
        for (number, page) in list.pages.iter().enumerate() {
            let body = json!({ "snapshot_id": name, "page": number + 1, "employees": page });
            let number = (number + 1).to_string();
            let page = "PUT /snapshots/{id}/pages/{n}";
            let page = self.town.hr(page, &[("id", name), ("n", &number)], &body);
            self.hr_done(&page).await;
        }
        if complete {
            let body = json!({ "snapshot_id": name, "pages": list.pages.len() });
            let route = "POST /snapshots/{id}/complete";
            let message = self.town.hr(route, &[("id", name)], &body);
            self.hr_done(&message).await;
        }
    }

    async fn say(&mut self, events: &[Value]) {
        let message = self.town.events(events);
        self.hr_done(&message).await;
    }

    /// A request of HR's that may be refused; its answer where it is not.
    async fn hr_done(&mut self, message: &Message) -> Option<Value> {
        let reply = self.town.ask(message).await;
        (200..300).contains(&reply.status).then_some(reply.body)
    }

    /// HR's words about these people, of now.
    pub(super) fn words(&self, people: Range<usize>, status: &str) -> Vec<Value> {
        people
            .map(|number| self.town.says(&id(number), status, json!({})))
            .collect()
    }

    /// The same, as of some hours from now.
    pub(super) fn words_of(&self, hours: i64, people: Range<usize>, status: &str) -> Vec<Value> {
        let at = self.town.now() + TimeDelta::hours(hours);
        let mut words = self.words(people, status);
        for word in &mut words {
            word["occurred_at"] = json!(at.to_rfc3339_opts(SecondsFormat::Secs, true));
        }
        words
    }

    /// HR's leave date for these people, or that they have none.
    pub(super) fn dates(&self, people: Range<usize>, date: Value) -> Vec<Value> {
        let mut words = self.words(people, "active");
        for word in &mut words {
            word["employee"]["leave_date"] = date.clone();
        }
        words
    }

    async fn open_holds(&mut self) -> Vec<Value> {
        let holds = self.by_hand("GET /holds", &[], Value::Null).await;
        let mut holds = holds["holds"].as_array().unwrap().clone();
        holds.retain(|hold| hold["state"] == "open");
        holds
    }

    async fn answer(&mut self, how: &str, people: Option<Range<usize>>) {
        for hold in self.open_holds().await {
            let id_of_hold = hold["hold_id"].as_str().unwrap();
            let mut body = json!({});
            if let Some(people) = &people {
                body["employee_ids"] = json!(people.clone().map(id).collect::<Vec<_>>());
            }
            let route = format!("POST /holds/{{id}}/{how}");
            let mut message = self.town.admin(&route, &[("id", id_of_hold)], &body);
            message.payload["headers"]["if-match"] = json!(format!("\"{}\"", hold["version"]));
            self.town.done(&message).await;
            self.town.fire_for(SOON).await;
        }
    }

    /// Everybody of the company, and its first admin.
    fn ids(&self) -> Vec<String> {
        let staff = (0..self.founded.staff).map(id);
        let formers = (0..self.founded.formers).map(former_id);
        staff.chain(formers).chain([ADA.to_owned()]).collect()
    }

    /// Compares what was so with what should have been, since an instant.
    async fn measure(&mut self, begun: DateTime<Utc>) -> Ended {
        let mut wrong = Vec::new();
        let ended = self.town.now();
        let staff =
            (0..self.founded.staff).map(|number| (id(number), self.left.get(&number).copied()));
        let formers = (0..self.founded.formers).map(|number| (former_id(number), Some(begun)));
        let admin = [(ADA.to_owned(), None)];
        let people: BTreeMap<String, Option<DateTime<Utc>>> =
            staff.chain(formers).chain(admin).collect();
        let (users, policy) = self.town.users(&self.ids()).await;
        assert_eq!(users.len(), people.len());
        let mut cost = Cost::default();
        let (mut out, mut let_in) = (TimeDelta::zero(), TimeDelta::zero());
        for user in users {
            let id = user.employee_id.as_str();
            let left = people[id];
            let status = user.as_of(&policy).status();
            if (status == Status::Active) != left.is_none() {
                wrong.push(format!("{id} is {status:?}"));
            }
            if user.version == self.founded.versions[id] {
                // Nothing has happened to them since.
                continue;
            }
            let life = &self.town.life(user).await;
            match left {
                Some(_) if life.alive > 0 => {
                    wrong.push(format!("{} has cards", life.user.employee_id))
                }
                Some(_) => {}
                None => cost.cards += life.gone,
            }
            let truth = left.unwrap_or(ended);
            out += with_access(life, false, begun, truth);
            let_in += with_access(life, true, truth, ended);
        }
        cost.out = out.num_minutes();
        cost.let_in = let_in.num_minutes();
        let holds = self.by_hand("GET /holds", &[], Value::Null).await;
        let holds = holds["holds"].as_array().unwrap().iter();
        let mut rules: Vec<String> = holds
            .map(|hold| hold["rule"].as_str().unwrap().to_owned())
            .collect();
        rules.sort();
        rules.dedup();
        Ended { cost, rules, wrong }
    }
}

/// How long somebody had access, or had none, between two instants.
fn with_access(life: &Life, access: bool, from: DateTime<Utc>, until: DateTime<Utc>) -> TimeDelta {
    let mut time = TimeDelta::zero();
    let entries: Vec<_> = life.history.iter().rev().collect();
    for (place, entry) in entries.iter().enumerate() {
        let next = entries.get(place + 1).map_or(until, |next| next.at);
        if (entry.to == Status::Active) == access {
            time += (next.min(until) - entry.at.max(from)).max(TimeDelta::zero());
        }
    }
    time
}
