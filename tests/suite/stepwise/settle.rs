//! What comes by itself: the stream, timers, retries, the sweep.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::end::is_notice;
use super::{Message, Queued, Town};

/// Lambda runs an event again twice, the stream hands a record over three times more; here both are asked for more, as
/// a test cuts off more than once.
const ATTEMPTS: u32 = 8;
/// Sweeps that find nothing to do end it.
const SWEEP_EVERY: TimeDelta = TimeDelta::minutes(6);
/// How far the clock goes: past every grace period and every date of a test.
const HORIZON: TimeDelta = TimeDelta::days(20);
/// While a hold waits for an admin, those whom it keeps are looked at every hour: so far is enough.
const HOLD_HORIZON: TimeDelta = TimeDelta::hours(2);
/// Invocations after which nothing will settle.
const MOST: usize = 2_000;

impl Town {
    /// Takes the records of the stream that the filter of the template lets through into the queue of `terminate`.
    pub(crate) fn take_stream(&mut self) {
        let records = std::mem::take(&mut self.services.records);
        let wanted = records.into_iter().filter(|record| {
            let mapping = &self.deployment.streams[0];
            mapping
                .patterns
                .iter()
                .any(|pattern| pattern.matches(record))
        });
        let at = self.now();
        let queued = wanted.map(|record| Queued {
            message: Message {
                function: "terminate",
                payload: json!({ "Records": [record] }),
                hurried: false,
            },
            at,
            failed: 0,
        });
        self.queue.extend(queued);
    }

    /// The stream hands over what was written, and what that writes.
    pub(crate) async fn deliver_stream(&mut self) {
        self.take_stream();
        while let Some(place) = self.queue.iter().position(is_record) {
            let queued = self.queue.remove(place);
            self.attempt(queued).await;
        }
    }

    /// The messages that wait, the stream's first; those of a kind (`deactivate`, `Records`).
    pub(crate) fn waiting(&mut self, kind: &str) -> Vec<Message> {
        self.take_stream();
        let is = |payload: &Value| payload["kind"] == kind || !payload[kind].is_null();
        let queue = self.queue.iter().map(|queued| queued.message.clone());
        let armed = self.services.schedules.values().map(|schedule| {
            let function = self.function_of(&schedule.target);
            let payload = schedule.input.clone();
            Message {
                function,
                payload,
                hurried: false,
            }
        });
        queue
            .chain(armed)
            .filter(|message| is(&message.payload))
            .collect()
    }

    fn function_of(&self, arn: &str) -> &'static str {
        let function = self
            .deployment
            .functions
            .iter()
            .find(|one| one.arn == arn)
            .unwrap();
        match function.crate_name.as_str() {
            "apply" => "apply",
            "notify" => "notify",
            "terminate" => "terminate",
            other => panic!("no timer is for {other}"),
        }
    }

    /// The sweep, as its schedule starts it.
    pub(crate) fn sweep() -> Message {
        Message {
            function: "sweep",
            payload: json!({ "detail-type": "Scheduled Event" }),
            hurried: false,
        }
    }

    /// Makes one attempt at a message; a failed one comes again.
    async fn attempt(&mut self, mut queued: Queued) {
        if queued.failed > 2 {
            // Nothing is cut off for ever.
            self.cuts.push_front(None);
        }
        let done = self.invoke(&queued.message).await;
        self.take_stream();
        let failed = match &done {
            None | Some(Err(_)) => true,
            // The stream's failures are in the answer.
            Some(Ok(answer)) => answer["batchItemFailures"]
                .as_array()
                .is_some_and(|all| !all.is_empty()),
        };
        if failed {
            queued.failed += 1;
            assert!(queued.failed < ATTEMPTS, "given up: {queued:?}: {done:?}");
            // Whatever was cut off is taken up again before anything else happens.
            if done.is_some() {
                queued.at += TimeDelta::minutes(1);
            }
            self.queue.insert(0, queued);
        }
    }

    /// When the next message or timer is due.
    fn next_due(&self) -> Option<DateTime<Utc>> {
        let queued = self.queue.iter().map(|queued| queued.at);
        let armed = self.services.schedules.values().map(|schedule| schedule.at);
        queued.chain(armed).min()
    }

    /// Fires what is due by now, in order; of one instant by kind, as names are made of ids that are new in every run.
    pub(crate) async fn fire_due(&mut self) {
        let now = self.now();
        loop {
            self.take_stream();
            if let Some(place) = self.queue.iter().position(|queued| queued.at <= now) {
                let queued = self.queue.remove(place);
                self.attempt(queued).await;
                continue;
            }
            let due = self
                .services
                .schedules
                .iter()
                .filter(|(_, one)| one.at <= now);
            let Some((name, _)) = due
                .min_by_key(|(name, one)| (one.at, one.input["kind"].to_string(), (*name).clone()))
            else {
                return;
            };
            let name = name.clone();
            let schedule = self.services.schedules.remove(&name).unwrap();
            let function = self.function_of(&schedule.target);
            self.queue.push(Queued {
                message: Message {
                    function,
                    payload: schedule.input,
                    hurried: false,
                },
                at: now,
                failed: 0,
            });
        }
    }

    /// The first timer that is due fires, and its process dies. Lambda tries again a minute later.
    pub(crate) async fn fire_once(&mut self) {
        let now = self.now();
        let due = self
            .services
            .schedules
            .iter()
            .filter(|(_, one)| one.at <= now);
        let (name, _) = due.min_by_key(|(_, one)| one.at).unwrap();
        let name = name.clone();
        let schedule = self.services.schedules.remove(&name).unwrap();
        let message = Message {
            function: self.function_of(&schedule.target),
            payload: schedule.input,
            hurried: false,
        };
        assert!(self.invoke(&message).await.is_none());
        self.queue.push(Queued {
            message,
            at: now + TimeDelta::minutes(1),
            failed: 1,
        });
    }

    /// An armed timer comes before its time; it comes at its time as well.
    pub(crate) async fn fire_early(&mut self, which: usize) {
        let mut armed: Vec<_> = self.services.schedules.iter().collect();
        armed.sort_by_key(|(name, one)| (one.at, one.input["kind"].to_string(), (*name).clone()));
        let Some((_, schedule)) = armed.get(which % armed.len().max(1)) else {
            return;
        };
        let message = Message {
            function: self.function_of(&schedule.target),
            payload: schedule.input.clone(),
            hurried: false,
        };
        let at = self.now();
        self.queue.push(Queued {
            message,
            at,
            failed: 0,
        });
        self.fire_due().await;
    }

    /// Time passes; what falls due on the way fires at its instant.
    pub(crate) async fn fire_for(&mut self, time: TimeDelta) {
        let until = self.now() + time;
        while let Some(at) = self.next_due().filter(|at| *at <= until) {
            self.set_now(at.max(self.now()));
            self.fire_due().await;
        }
        self.set_now(until);
    }

    /// The same. If the sweep would have come meanwhile, it comes at the end.
    pub(crate) async fn wait(&mut self, time: TimeDelta) {
        self.fire_for(time).await;
        if time >= SWEEP_EVERY {
            self.sweep_now().await;
        }
        self.fire_due().await;
    }

    /// The sweep comes by, again where it was cut off.
    pub(crate) async fn sweep_now(&mut self) {
        let at = self.now();
        let message = Self::sweep();
        self.attempt(Queued {
            message,
            at,
            failed: 0,
        })
        .await;
        self.fire_due().await;
    }

    /// All that is still to come has come: messages, timers, sweeps.
    pub(crate) async fn settle(&mut self) {
        let begun_at = self.now();
        let begun = self.invocations;
        loop {
            self.take_stream();
            while let Some(at) = self.next_due().filter(|at| self.comes(*at, begun_at)) {
                assert!(
                    self.invocations - begun < MOST,
                    "no end: {:#?}",
                    self.leftovers()
                );
                self.set_now(at.max(self.now()));
                self.fire_due().await;
            }
            // Work whose timer is lost is the sweep's, once it is due.
            let lost = self.next_work().filter(|at| self.comes(*at, begun_at));
            self.set_now(self.now().max(lost.unwrap_or_default()) + SWEEP_EVERY);
            self.sweep_now().await;
            let next = self.next_due().into_iter().chain(self.next_work()).min();
            if next.is_none_or(|at| !self.comes(at, begun_at)) {
                return;
            }
        }
    }

    /// When the next of the work is due that a machine still means to do, but for what is due already.
    fn next_work(&self) -> Option<DateTime<Utc>> {
        let work = self.services.scan(self.functions.table(), Some("work"));
        let of_people = work.iter().filter(|item| {
            item["pk"]["S"]
                .as_str()
                .is_some_and(|key| !key.contains("#B#"))
        });
        let due = of_people.map(|item| item["work_sk"]["S"].as_str().unwrap());
        due.map(|due| DateTime::parse_from_rfc3339(due).unwrap().to_utc())
            .filter(|at| *at > self.now())
            .min()
    }

    /// Whether what is due then still comes in a world that began to settle at an instant.
    fn comes(&self, at: DateTime<Utc>, begun: DateTime<Utc>) -> bool {
        at <= begun + HOLD_HORIZON || at <= begun + HORIZON && !self.a_hold_is_open()
    }

    /// All that is still to come has come, but for mails: nothing that a mail says changes what stands.
    pub(crate) async fn settle_quietly(&mut self) {
        let begun_at = self.now();
        let begun = self.invocations;
        loop {
            self.take_stream();
            self.services
                .schedules
                .retain(|_, one| one.input["kind"] != "digest");
            let next = self.next_due().filter(|at| self.comes(*at, begun_at));
            assert!(
                self.invocations - begun < MOST,
                "no end: {:#?}",
                self.leftovers()
            );
            match next {
                Some(at) => {
                    self.set_now(at.max(self.now()));
                    self.fire_due().await;
                }
                None if self
                    .leftovers()
                    .iter()
                    .all(|left| is_notice(left) || left.starts_with("timer")) =>
                {
                    return;
                }
                None if self.now() > begun_at + HOLD_HORIZON => return,
                None => {
                    self.pass(SWEEP_EVERY);
                    self.sweep_now().await;
                }
            }
        }
    }

    /// All that decides how it goes on, as text: equal texts have equal ends.
    pub(crate) fn state(&mut self) -> String {
        self.take_stream();
        let mut items = self.services.scan(self.functions.table(), None);
        items.sort_by_key(|item| (item["pk"].to_string(), item["sk"].to_string()));
        let schedules = &self.services.schedules;
        let queue = self.queue.iter().map(|queued| {
            let mut payload = queued.message.payload.clone();
            if let Some(record) = payload["Records"].get_mut(0) {
                *record = json!([
                    record["dynamodb"]["NewImage"],
                    record["dynamodb"]["OldImage"]
                ]);
            }
            payload
        });
        let queue: Vec<Value> = queue.collect();
        format!(
            "{items:?} {schedules:?} {queue:?} {:?}",
            self.services.cancelled
        )
    }

    /// What a machine still means to do.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut left: Vec<String> = self
            .services
            .schedules
            .keys()
            .map(|name| format!("timer {name}"))
            .collect();
        left.extend(
            self.queue
                .iter()
                .map(|queued| format!("message {}", queued.message.payload)),
        );
        let work = self.services.scan(self.functions.table(), Some("work"));
        let keys = work
            .iter()
            .map(|item| format!("work {} {}", item["pk"]["S"], item["sk"]["S"]));
        // A source is looked after for as long as there is one.
        left.extend(keys.filter(|key| !key.contains("#B#")));
        left
    }
}

fn is_record(queued: &Queued) -> bool {
    !queued.message.payload["Records"].is_null()
}
