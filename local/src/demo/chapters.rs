//! The story itself.

use serde_json::{Value, json};

use super::{Story, instant, only, results};
use crate::Error;
use crate::say::say;

const LEAVER: &str = include_str!("../../../events/hr/leaver.json");
const DEPARTURES: &str = include_str!("../../../events/hr/departures.json");

const LENA: &str = "E-1007";
const BJORK: &str = "E-1024";
const TOMAS: &str = "E-1004";

impl Story<'_> {
    pub(super) async fn tell(&mut self) -> Result<(), Error> {
        self.introduce().await?;
        self.somebody_leaves().await?;
        self.admins_are_told().await?;
        self.three_days_pass().await?;
        self.somebody_comes_back().await?;
        self.too_many_leave().await?;
        self.now_means_now().await?;
        self.nothing_is_left_over().await?;
        say(
            self.out,
            &format!("\nThat is the story: {} checks, all true.", self.checks),
        );
        Ok(())
    }

    async fn introduce(&mut self) -> Result<(), Error> {
        let now = self.now().await?;
        let base = self.client.base().to_owned();
        say(
            self.out,
            &format!("A whole system at {base}; it is {}.", day(&json!(now))),
        );
        self.chapter("An organisation");
        let users = self.get("users?limit=50").await?;
        let users = users["users"].as_array().cloned().unwrap_or_default();
        let admins = users.iter().filter(|user| user["role"] == "admin").count();
        let cards: u64 = users
            .iter()
            .filter_map(|user| user["active_cards"].as_u64())
            .sum();
        let org = self.org.clone();
        let happened = users.len() == 25 && admins == 2 && cards > 0;
        self.check(
            happened,
            &format!(
                "{org} has {} people, {admins} admins and {cards} cards",
                users.len()
            ),
        )
    }

    async fn somebody_leaves(&mut self) -> Result<(), Error> {
        self.chapter(
            "HR says that Lena Lindqvist is inactive: a signed webhook (events/hr/leaver.json)",
        );
        let said = self.now().await?;
        let result = self.hr_one(parsed(LEAVER)?).await?;
        let due = instant(&result["due_at"])?;
        self.same(
            &result["outcome"],
            &json!("scheduled"),
            "her deactivation is scheduled",
        )?;
        self.check(
            (due - said).num_hours() == 72,
            &format!("it is due in three days, {}", day(&json!(due))),
        )?;
        let user = self.user(LENA).await?;
        self.same(
            &user["status"],
            &json!("deactivation_scheduled"),
            "her status says so",
        )?;
        self.same(
            &user["badge"],
            &json!("Deactivation scheduled"),
            "so does a badge, and a banner:",
        )?;
        self.quote(user["banner"].as_str().unwrap_or_default());
        let access = self.access(LENA).await?;
        self.same(&access, &json!("revoked"), "her access is gone at once")?;
        let active = self.cards(LENA, &["active"]).await?;
        let frozen = self.cards(LENA, &["frozen"]).await?;
        self.check(
            active == 2 && frozen == 1,
            &format!("her cards are alive: {active} active, {frozen} frozen as before"),
        )
    }

    async fn admins_are_told(&mut self) -> Result<(), Error> {
        self.chapter("Two minutes later");
        self.wait("2m").await?;
        let mails = self.new_mails().await?;
        let recipients = recipients(&mails);
        let admins = ["ada.okafor@acme.example", "otto.brandt@acme.example"];
        self.check(
            recipients == admins,
            &format!("one mail to each admin: {}", recipients.join(", ")),
        )?;
        self.check(
            !recipients.iter().any(|to| to.starts_with("lena")),
            "none to Lena",
        )?;
        self.quote_mail(&mails)?;
        let due = instant(&self.user(LENA).await?["due_at"])?;
        let facts = [
            "Lena Lindqvist (E-1007)".to_owned(),
            due.format("%-d %B %Y at %H:%M").to_string(),
            "3 cards".to_owned(),
        ];
        let complete = mails.iter().all(|mail| {
            let text = mail["text"].as_str().unwrap_or_default();
            facts.iter().all(|fact| text.contains(fact))
        });
        self.check(complete, "it names her, the exact date and the 3 cards")
    }

    async fn three_days_pass(&mut self) -> Result<(), Error> {
        self.chapter("Three days later");
        self.wait("72h").await?;
        let user = self.user(LENA).await?;
        self.same(
            &user["status"],
            &json!("deactivated"),
            "Lena is deactivated",
        )?;
        let cancelled = self.cards(LENA, &["cancelled"]).await?;
        let alive = self.live_cards(LENA).await?;
        self.check(
            cancelled == 3 && alive == 0,
            &format!("all {cancelled} cards are cancelled"),
        )?;
        self.wait("2m").await?;
        let mails = self.new_mails().await?;
        self.check(mails.len() == 2, "each admin has one mail about it")?;
        self.quote_mail(&mails)
    }

    async fn somebody_comes_back(&mut self) -> Result<(), Error> {
        self.chapter("Björk Jónsdóttir leaves too, and HR takes it back a day later");
        let left = self.hr_one(says(BJORK, "inactive")).await?;
        self.same(
            &left["outcome"],
            &json!("scheduled"),
            "her deactivation is scheduled",
        )?;
        self.wait("24h").await?;
        let (_, delivery) = self.sign(says(BJORK, "active")).await?;
        let back = only(results(delivery.send(self).ok().await?)?)?;
        self.same(
            &back["outcome"],
            &json!("reactivated"),
            "she is reactivated",
        )?;
        let access = self.access(BJORK).await?;
        self.same(&access, &json!("granted"), "she can log in again")?;

        let before = self.user(BJORK).await?;
        for _ in 0..5 {
            let again = only(results(delivery.send(self).ok().await?)?)?;
            if again["outcome"] != "unchanged" {
                return self.same(
                    &again["outcome"],
                    &json!("unchanged"),
                    "a repetition changes nothing",
                );
            }
        }
        let after = self.user(BJORK).await?;
        self.same(
            &after["version"],
            &before["version"],
            "the same webhook five times more changes nothing",
        )?;

        self.wait("72h").await?;
        let user = self.user(BJORK).await?;
        self.same(
            &user["status"],
            &json!("active"),
            "three days later she is still active: the timer had nothing to do",
        )?;
        let cards = self.live_cards(BJORK).await?;
        self.check(cards == 2, &format!("her {cards} cards are alive"))?;
        self.new_mails().await.map(drop)
    }

    async fn too_many_leave(&mut self) -> Result<(), Error> {
        self.chapter(
            "HR says that twelve people left (events/hr/departures.json), and it is a mistake",
        );
        let departures = parsed(DEPARTURES)?;
        let held = self.hr(departures).await?;
        let ids: Vec<_> = held
            .iter()
            .filter_map(|result| result["employee_id"].as_str())
            .collect();
        let count = held
            .iter()
            .filter(|result| result["outcome"] == "held")
            .count();
        self.check(
            count == 12 && ids.len() == 12,
            &format!("twelve of 25 are more than a fifth: the breaker holds all {count}"),
        )?;
        let active = self.count_active(&ids).await?;
        self.check(active == 12, "nobody has lost anything")?;
        let hold = self.get("holds").await?["holds"][0].clone();
        let figures = &hold["figures"];
        self.quote(&format!(
            "hold {}: {} people, {} active, at most {} % — {}",
            hold["hold_id"].as_str().unwrap_or_default(),
            figures["people"],
            figures["active"],
            figures["max_percent"],
            hold["rule"].as_str().unwrap_or_default(),
        ));
        self.wait("2m").await?;
        let mails = self.new_mails().await?;
        self.check(mails.len() == 2, "each admin has one mail about the hold")?;

        let approve = format!(
            "holds/{}/approve",
            hold["hold_id"].as_str().unwrap_or_default()
        );
        let approved = self.approve(&approve, &hold["version"]).await?;
        let results = approved["results"].as_array().map_or(0, Vec::len);
        self.check(
            results == 12,
            "an admin who has read it approves: twelve deactivations are scheduled",
        )?;

        let off = json!({ "deactivation_sync": { "enabled": false } });
        let asked = self.settings(&off).await?;
        let (code, affected) = (&asked.body["code"], &asked.body["affected"]);
        let refused = asked.status == 409 && code == "confirmation_required" && *affected == 12;
        self.check(
            refused,
            &format!(
                "turning the sync off asks first: {} {code}, affected: {affected}",
                asked.status
            ),
        )?;
        let mut confirmed = off;
        confirmed["confirmation"] = asked.body["confirmation"].clone();
        let done = self.settings(&confirmed).await?;
        let off = self.get("settings").await?["deactivation_sync"]["enabled"] == false;
        self.check(done.status == 200 && off, "confirmed, it is off")?;
        let active = self.count_active(&ids).await?;
        self.check(
            active == 12,
            &format!("all {active} are active at once, with access"),
        )?;

        let on = self
            .settings(&json!({ "deactivation_sync": { "enabled": true } }))
            .await?;
        self.check(
            on.status == 200,
            "it is turned on again, before their timers fire",
        )?;
        self.wait("72h").await?;
        let active = self.count_active(&ids).await?;
        self.check(
            active == 12,
            &format!("three days later nobody was touched: {active} are active"),
        )?;
        let mut cards = 0;
        for id in &ids {
            cards += self.cards(id, &["cancelled"]).await?;
        }
        self.check(cards == 0, "and no card was cancelled")
    }

    async fn now_means_now(&mut self) -> Result<(), Error> {
        self.chapter("An admin deactivates Tomás Ibarra now");
        let call = self.client.post(
            self.path(&format!("users/{TOMAS}/deactivate-now")),
            &json!({}),
        );
        let done = call.token(&self.admin).ok().await?;
        self.same(
            &done["status"],
            &json!("deactivated"),
            "he is deactivated before the answer comes",
        )?;
        self.same(
            &done["cards_cancelled"],
            &json!(4),
            "and so are his 4 cards cancelled",
        )?;
        let access = self.access(TOMAS).await?;
        self.same(&access, &json!("revoked"), "his access is gone")?;
        let alive = self.live_cards(TOMAS).await?;
        self.check(alive == 0, "no card of his is alive")
    }

    async fn nothing_is_left_over(&mut self) -> Result<(), Error> {
        self.chapter("What is left over");
        self.wait("10m").await?;
        let letters = self.client.get("/_local/dead-letters").ok().await?;
        self.same(&letters["messages"], &json!([]), "no dead letters")?;
        let timers = self.client.get("/_local/schedules").ok().await?;
        self.same(&timers["schedules"], &json!([]), "no timers")?;
        let invocations = self.client.get("/_local/invocations").ok().await?;
        let invocations = invocations["invocations"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let fine = invocations
            .iter()
            .filter(|invocation| invocation["outcome"] == "ok")
            .count();
        let what = format!("{fine} invocations of the functions, none failed");
        self.check(fine == invocations.len(), &what)
    }

    /// How many of these are active and may log in.
    async fn count_active(&self, ids: &[&str]) -> Result<usize, Error> {
        let mut active = 0;
        for id in ids {
            let (user, access) = (self.user(id).await?, self.access(id).await?);
            active += usize::from(user["status"] == "active" && access == "granted");
        }
        Ok(active)
    }

    fn quote_mail(&mut self, mails: &[Value]) -> Result<(), Error> {
        let Some(mail) = mails.first() else {
            return self.check(false, "there is a mail to read");
        };
        let text = |field: &str| mail[field].as_str().unwrap_or_default();
        // Below its heading, which says the same as the subject.
        let body = text("text").split_once("\n\n").map_or("", |(_, body)| body);
        let excerpt = format!("Subject: {}\n\n{}", text("subject"), body.trim());
        self.quote(&excerpt);
        Ok(())
    }
}

/// A partial event: what is not said stays as it is.
fn says(employee: &str, status: &str) -> Value {
    let employee = json!({ "employee_id": employee, "status": status });
    json!({ "events": [{ "occurred_at": "now", "employee": employee }] })
}

fn parsed(delivery: &str) -> Result<Value, Error> {
    serde_json::from_str(delivery).map_err(|error| Error::document("events/hr", error))
}

/// Everybody who got a mail, in alphabetical order, each as often as they got one.
fn recipients(mails: &[Value]) -> Vec<String> {
    let to = mails
        .iter()
        .flat_map(|mail| mail["to"].as_array().into_iter().flatten());
    let mut to: Vec<_> = to.filter_map(Value::as_str).map(str::to_owned).collect();
    to.sort();
    to
}

/// An instant as people write it.
fn day(value: &Value) -> String {
    match instant(value) {
        Ok(at) => at.format("%A, %-d %B %Y, %H:%M UTC").to_string(),
        Err(_) => value.to_string(),
    }
}
