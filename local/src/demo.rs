//! `demo`: the whole story on a stack of its own, over HTTP only, as a user would live it. Every line is checked.

mod chapters;

use std::io::Write;

use aws_stand_ins::Clock;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::Error;
use crate::client::{Call, Client, Reply};
use crate::say::say;
use crate::signer::{Signed, fill_now};
use crate::stack::{Stack, StackConfig};

/// When the story begins: a Monday morning, so that every run tells the same dates.
const BEGIN: &str = "2026-03-02T09:00:00Z";

/// Characters in a quoted line.
const WIDTH: usize = 90;

/// Runs the story and writes what happens.
///
/// # Errors
/// [`Error::Demo`] with the first thing that did not happen; otherwise whatever kept the stack from answering.
pub async fn run(out: &mut dyn Write) -> Result<(), Error> {
    let begin: DateTime<Utc> = BEGIN
        .parse()
        .map_err(|error| Error::document("the beginning", format!("{error}")))?;
    let clock = Clock::frozen(begin);
    let stack = Stack::start(StackConfig {
        clock,
        ..StackConfig::default()
    })
    .await?;
    let told = match Story::begin(stack.url(), out).await {
        Ok(mut story) => story.tell().await,
        Err(error) => Err(error),
    };
    let stopped = stack.shutdown().await;
    told.and(stopped)
}

/// A user of the API who tells what they see.
struct Story<'o> {
    client: Client,
    org: String,
    source: String,
    secret: String,
    admin: String,
    service: String,
    chapter: u32,
    checks: u32,
    out: &'o mut dyn Write,
}

impl<'o> Story<'o> {
    async fn begin(url: &str, out: &'o mut dyn Write) -> Result<Self, Error> {
        let client = Client::new(url)?;
        let local = client.get("/_local").ok().await?;
        let text = |field: &str| {
            let value = local[field].as_str().map(str::to_owned);
            value.ok_or_else(|| Error::document("GET /_local", format!("it has no {field}")))
        };
        Ok(Self {
            org: text("org")?,
            source: text("source")?,
            secret: text("webhook_secret")?,
            admin: text("admin_token")?,
            service: text("service_token")?,
            client,
            chapter: 0,
            checks: 0,
            out,
        })
    }

    /// A new part of the story.
    fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        say(self.out, &format!("\n{}. {title}", self.chapter));
    }

    /// One thing that must have happened.
    fn check(&mut self, happened: bool, what: &str) -> Result<(), Error> {
        self.checks += 1;
        if happened {
            say(self.out, &format!("   ✓ {what}"));
            return Ok(());
        }
        say(self.out, &format!("   ✗ {what}"));
        Err(Error::Demo(what.to_owned()))
    }

    /// As [`Self::check`], with what came instead.
    fn same(&mut self, found: &Value, wanted: &Value, what: &str) -> Result<(), Error> {
        let happened = found == wanted;
        if happened {
            return self.check(true, what);
        }
        self.check(false, &format!("{what} (found {found}, not {wanted})"))
    }

    /// Something to read, indented and in lines of a readable length.
    fn quote(&mut self, text: &str) {
        for line in text.lines().flat_map(wrapped) {
            say(self.out, format!("       │ {line}").trim_end());
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/orgs/{}/{rest}", self.org)
    }

    /// An admin reads.
    async fn get(&self, rest: &str) -> Result<Value, Error> {
        self.client
            .get(self.path(rest))
            .token(&self.admin)
            .ok()
            .await
    }

    async fn user(&self, id: &str) -> Result<Value, Error> {
        self.get(&format!("users/{id}")).await
    }

    /// What a login page is told, with a machine's token.
    async fn access(&self, id: &str) -> Result<Value, Error> {
        let call = self.client.get(self.path(&format!("users/{id}/access")));
        Ok(call.token(&self.service).ok().await?["access"].clone())
    }

    /// How many of a user's cards are in any of these states.
    async fn cards(&self, id: &str, states: &[&str]) -> Result<usize, Error> {
        let cards = self.get(&format!("users/{id}/cards")).await?;
        let cards = cards["cards"].as_array().into_iter().flatten();
        let counted = cards.filter(|card| states.iter().any(|state| card["status"] == *state));
        Ok(counted.count())
    }

    /// How many of the seed's cards this user has.
    async fn live_cards(&self, id: &str) -> Result<usize, Error> {
        self.cards(id, &["active", "frozen"]).await
    }

    /// An admin changes the settings; any answer is one.
    async fn settings(&self, patch: &Value) -> Result<Reply, Error> {
        let call = self.client.patch(self.path("settings"), patch);
        call.token(&self.admin).reply().await
    }

    /// An admin approves a hold, as of the version that they have read.
    async fn approve(&self, rest: &str, version: &Value) -> Result<Value, Error> {
        let call = self.client.post(self.path(rest), &json!({}));
        let call = call
            .token(&self.admin)
            .header("if-match", &version.to_string());
        call.ok().await
    }

    /// HR says something, signed; the answer's results.
    async fn hr(&self, delivery: Value) -> Result<Vec<Value>, Error> {
        let (_, body) = self.sign(delivery).await?;
        results(body.send(self).ok().await?)
    }

    /// As [`Self::hr`], about one person.
    async fn hr_one(&self, delivery: Value) -> Result<Value, Error> {
        only(self.hr(delivery).await?)
    }

    /// A delivery that can be sent any number of times.
    async fn sign(&self, mut delivery: Value) -> Result<(DateTime<Utc>, Delivery), Error> {
        let now = self.now().await?;
        fill_now(&mut delivery, now);
        let signed = Signed::new(&self.secret, now, delivery.to_string().as_bytes())?;
        Ok((now, Delivery { delivery, signed }))
    }

    async fn now(&self) -> Result<DateTime<Utc>, Error> {
        instant(&self.client.get("/_local/clock").ok().await?["now"])
    }

    /// Lets time pass: `72h`.
    async fn wait(&self, by: &str) -> Result<DateTime<Utc>, Error> {
        let moved = self
            .client
            .post("/_local/clock", &json!({ "advance": by }))
            .ok()
            .await?;
        instant(&moved["now"])
    }

    /// The mails since this was last asked for.
    async fn new_mails(&self) -> Result<Vec<Value>, Error> {
        let mails = self.client.get("/_local/mail").ok().await?;
        self.client.delete("/_local/mail").ok().await?;
        Ok(mails["messages"].as_array().cloned().unwrap_or_default())
    }
}

/// A signed request body.
struct Delivery {
    delivery: Value,
    signed: Signed,
}

impl Delivery {
    fn send<'s>(&self, story: &'s Story<'_>) -> Call<'s> {
        let path = story.path(&format!("sources/{}/events", story.source));
        let call = story.client.post(path, &self.delivery);
        let headers = self.signed.headers().into_iter();
        headers.fold(call, |call, (name, value)| call.header(name, value))
    }
}

/// A line as lines of at most [`WIDTH`] characters, broken between words.
fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().filter(|last| {
            last.is_empty() || last.chars().count() + 1 + word.chars().count() <= WIDTH
        });
        match last {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn results(answer: Value) -> Result<Vec<Value>, Error> {
    let results = answer["results"].as_array().cloned();
    results.ok_or_else(|| Error::document("the answer to HR", "it has no results"))
}

fn only(results: Vec<Value>) -> Result<Value, Error> {
    match <[Value; 1]>::try_from(results) {
        Ok([result]) => Ok(result),
        Err(results) => Err(Error::document(
            "the answer to HR",
            format!("{} results", results.len()),
        )),
    }
}

fn instant(value: &Value) -> Result<DateTime<Utc>, Error> {
    let parsed = value.as_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Error::document("an instant", value))
}
