//! What is left when all is over, without what may differ: instants, versions, ids of new things.

use std::collections::BTreeMap;

use aws_stand_ins::Message;
use offramp_tests::World;
use serde_json::{Value, json};

/// How a flow ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) people: BTreeMap<String, Person>,
    /// Address and section, subject or line; as often as it was told.
    pub(crate) mails: Vec<String>,
    /// Keys of what a machine still means to do.
    pub(crate) work: Vec<String>,
    /// Dead letters and failed invocations.
    pub(crate) lost: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) state: String,
    pub(crate) cards: Vec<String>,
    pub(crate) history: Vec<String>,
}

impl End {
    pub(crate) async fn of(world: &World, people: &[&str]) -> Self {
        let mut ends = BTreeMap::new();
        for id in people {
            ends.insert((*id).to_owned(), person(world, id).await);
        }
        Self {
            people: ends,
            mails: told(&world.mails()),
            work: work(world).await,
            lost: world
                .stack
                .cloud()
                .queues()
                .into_iter()
                .map(|lost| format!("{}: {}", lost.arn, lost.body))
                .collect(),
        }
    }

    /// Where a mail was sent a second time, the second is overlooked: once for each admin.
    pub(crate) fn without_one_duplicate(mut self, messages: &[Message]) -> Self {
        let mut twice: Vec<&str> = Vec::new();
        let mut kept: Vec<Message> = Vec::new();
        for message in messages {
            let to = message.to.first().map(String::as_str).unwrap_or_default();
            let seen = kept
                .iter()
                .any(|known| known.to == message.to && known.text == message.text);
            if seen && !twice.contains(&to) {
                twice.push(to);
            } else {
                kept.push(message.clone());
            }
        }
        self.mails = told(&kept);
        self
    }
}

async fn person(world: &World, id: &str) -> Person {
    let user = world.user(id).await;
    let state = json!([
        user["status"],
        user["access"],
        user["active_cards"],
        user["pending"]
    ]);
    let mut cards: Vec<String> = user["cards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|card| format!("{} {}", card["last4"], card["status"]))
        .collect();
    cards.sort();
    let history = world.get(&format!("/users/{id}/history")).await;
    let mut happenings: Vec<(String, usize)> = Vec::new();
    for entry in history["entries"].as_array().unwrap().iter().rev() {
        let what = entry["what"].as_str().unwrap().to_owned();
        // However many rounds it took.
        let count = entry["cards"].as_array().map_or(0, Vec::len);
        match happenings.last_mut() {
            Some((last, so_far)) if *last == what && what == "cards_terminated" => *so_far += count,
            _ => happenings.push((what, count)),
        }
    }
    Person {
        state: state.to_string(),
        cards,
        history: happenings
            .into_iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect(),
    }
}

fn told(messages: &[Message]) -> Vec<String> {
    let mut told = Vec::new();
    for message in messages {
        let to = message.to.join(",");
        told.push(format!("{to} subject: {}", message.subject));
        let mut lines = message.text.lines().peekable();
        let mut section = String::new();
        while let Some(line) = lines.next() {
            if lines.peek().is_some_and(|next| next.starts_with("==")) {
                // Without the number of people.
                section = line
                    .trim_start_matches(|c: char| c.is_ascii_digit())
                    .to_owned();
                section = section.replace("people", "person");
            } else if let Some(row) = line.strip_prefix("- ") {
                told.push(unnamed(&format!("{to} {section}: {}", undated(row))));
            }
        }
    }
    told.sort();
    told
}

/// A later try plans another minute.
fn undated(row: &str) -> String {
    match row.split_once(": ") {
        Some((who, what)) => {
            let what = what.rsplit_once(", ").map_or(what, |(_, what)| what);
            format!("{who}: {what}")
        }
        None => row.to_owned(),
    }
}

/// Holds with those whom they keep, runs with those whom they moved, each person once, and who has a place in the
/// breaker's window.
pub(crate) async fn breaker(world: &World) -> Vec<String> {
    let mut told = Vec::new();
    for hold in list(world, "holds").await {
        let path = format!("/holds/{}", hold["hold_id"].as_str().unwrap());
        let people = ids(&world.get(&path).await["users"]);
        let (rule, state) = (&hold["rule"], &hold["state"]);
        told.push(format!(
            "hold {rule} {state} {} of {people:?}",
            hold["people"]
        ));
    }
    for run in list(world, "runs").await {
        let path = format!("/runs/{}", run["run_id"].as_str().unwrap());
        let people = ids(&world.get(&path).await["users"]);
        let undone = !run["undone_at"].is_null();
        let (kind, count) = (&run["kind"], &run["people"]);
        told.push(format!("run {kind} {undone} {count} of {people:?}"));
    }
    for item in world.scan(None).await {
        if item["sk"]["S"] == "B" {
            let breaker: Value = serde_json::from_str(item["data"]["S"].as_str().unwrap()).unwrap();
            let window = breaker["window"].as_str().unwrap_or_default();
            let mut who: Vec<&str> = (0..window.len() / 18)
                .map(|place| &window[place * 18..place * 18 + 10])
                .collect();
            who.sort_unstable();
            told.push(format!(
                "window {who:?}, open {}",
                !breaker["hold"].is_null()
            ));
        }
    }
    told
}

async fn list(world: &World, what: &str) -> Vec<Value> {
    world.get(&format!("/{what}")).await[what]
        .as_array()
        .unwrap()
        .clone()
}

fn ids(users: &Value) -> Vec<String> {
    let users = users.as_array().unwrap().iter();
    let mut ids: Vec<String> = users.map(|user| user["employee_id"].to_string()).collect();
    ids.sort();
    ids
}

/// All that the index of overdue work holds, due or not.
async fn work(world: &World) -> Vec<String> {
    let mut work: Vec<String> = world
        .scan(Some("work"))
        .await
        .iter()
        .map(|item| unnamed(&format!("{} {}", item["pk"]["S"], item["sk"]["S"])))
        // A source is looked after for as long as there is one.
        .filter(|key| !key.contains("#B#"))
        .collect();
    work.sort();
    work
}

/// Without the names that are made anew each time.
fn unnamed(key: &str) -> String {
    let mut text = key.to_owned();
    for kind in ["hold", "snap", "run"] {
        while let Some(at) = text.find(&format!("{kind}_")) {
            let end = text[at..].find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
            text.replace_range(at..end.map_or(text.len(), |end| at + end), kind);
        }
    }
    text
}
