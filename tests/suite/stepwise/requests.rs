//! What HR and admins send, as API Gateway hands it over; and the organisation that all begins with.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta};
use offramp_local::signer::Signed;
use serde_json::{Value, json};

use super::{Done, Message, Town};

pub(crate) const ORG: &str = "acme";
const SOURCE: &str = "hris";
/// The admin who asks for everything.
pub(crate) const ADA: &str = "E-1";
/// Another admin, who may leave.
pub(crate) const OTTO: &str = "E-2";
/// Members, with two cards each.
pub(crate) const MEMBERS: [&str; 3] = ["E-3", "E-4", "E-5"];
/// Somebody who may be new.
pub(crate) const NEWCOMER: &str = "E-9";
/// Tries of HR and of admins.
const TRIES: u32 = 12;

/// An answer to a request.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u64,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn of(done: Done) -> Self {
        let answer = done.unwrap();
        let text = answer["body"].as_str().unwrap_or_default();
        Self {
            status: answer["statusCode"].as_u64().unwrap(),
            body: serde_json::from_str(text).unwrap_or_default(),
        }
    }
}

impl Town {
    /// An admin's request; `route` is one of the organisation, such as `POST /users/{id}/restore`.
    pub(crate) fn admin(&self, route: &str, parameters: &[(&str, &str)], body: &Value) -> Message {
        let claim = |name: &str| self.deployment.parameters[name].clone();
        let subject = "ada@acme.example";
        let claims = BTreeMap::from([
            ("sub".to_owned(), subject.to_owned()),
            (claim("SubjectClaim"), subject.to_owned()),
            (claim("OrgClaim"), ORG.to_owned()),
        ]);
        let mut event = self.request("/v1/orgs/{org}", route, parameters, json!({}), body);
        event["requestContext"]["authorizer"] =
            json!({ "jwt": { "claims": claims, "scopes": null } });
        // What ends somebody at once waits for `terminate`, and only looks meanwhile.
        let ends = ["/deactivate-now", "/leave-date"]
            .iter()
            .any(|route_end| route.ends_with(route_end));
        let hurried = ends || route.starts_with("DELETE");
        Message {
            function: "admin",
            payload: event,
            hurried,
        }
    }

    /// An admin's answer to a hold, as they have read it.
    pub(crate) fn answer(&self, hold: &Value, approve: bool) -> Message {
        let route = match approve {
            true => "POST /holds/{id}/approve",
            false => "POST /holds/{id}/reject",
        };
        let id = hold["hold_id"].as_str().unwrap();
        let mut message = self.admin(route, &[("id", id)], &json!({}));
        message.payload["headers"]["if-match"] = json!(format!("\"{}\"", hold["version"]));
        message
    }

    /// A signed request of HR's; `route` is one of the source.
    pub(crate) fn hr(&self, route: &str, parameters: &[(&str, &str)], body: &Value) -> Message {
        self.signed(&self.secret, route, parameters, body)
    }

    /// A request that is signed with a secret; `parameters` may name another source.
    pub(crate) fn signed(
        &self,
        secret: &str,
        route: &str,
        parameters: &[(&str, &str)],
        body: &Value,
    ) -> Message {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let signed = Signed::new(secret, self.now(), text.as_bytes()).unwrap();
        let headers: BTreeMap<&str, &str> = signed.headers().into_iter().collect();
        let within = "/v1/orgs/{org}/sources/{source}";
        Message {
            function: "hr-sync",
            payload: self.request(within, route, parameters, json!(headers), body),
            hurried: false,
        }
    }

    /// HR's events, all of this instant.
    pub(crate) fn events(&self, events: &[Value]) -> Message {
        self.hr("POST /events", &[], &json!({ "events": events }))
    }

    /// What HR says of somebody now.
    pub(crate) fn says(&self, id: &str, status: &str, fields: Value) -> Value {
        let mut employee = json!({ "employee_id": id, "status": status });
        employee
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let now = self.now().to_rfc3339_opts(SecondsFormat::Secs, true);
        json!({ "occurred_at": now, "employee": employee })
    }

    fn request(
        &self,
        within: &str,
        route: &str,
        parameters: &[(&str, &str)],
        headers: Value,
        body: &Value,
    ) -> Value {
        let (method, path) = route.split_once(' ').unwrap();
        let key = format!("{method} {within}{path}");
        let mut all = BTreeMap::from([("org", ORG), ("source", SOURCE)]);
        all.extend(parameters.iter().copied());
        let mut headers = headers;
        headers["content-type"] = json!("application/json");
        let mut event = json!({
            "version": "2.0",
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "pathParameters": all,
            "requestContext": {
                "accountId": "1", "apiId": "local", "domainName": "local", "domainPrefix": "local",
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1", "userAgent": "",
                },
                "requestId": "request", "routeKey": key, "stage": "$default",
                "time": "02/Mar/2026:09:00:00 +0000", "timeEpoch": self.now().timestamp_millis(),
            },
            "isBase64Encoded": false,
        });
        if !body.is_null() {
            event["body"] = json!(body.to_string());
        }
        event
    }

    /// Sends a request again and again, until it is answered; then the stream is delivered.
    pub(crate) async fn ask(&mut self, message: &Message) -> Reply {
        let reply = self.ask_only(message).await;
        self.deliver_stream().await;
        reply
    }

    /// The same; what the stream has for `terminate` is late.
    pub(crate) async fn ask_only(&mut self, message: &Message) -> Reply {
        for _ in 0..TRIES {
            let Some(done) = self.invoke(message).await else {
                continue;
            };
            let reply = Reply::of(done);
            if reply.status < 500 {
                return reply;
            }
            // Such as a word from before a snapshot that is being applied.
            self.pass(TimeDelta::seconds(40));
            self.fire_due().await;
        }
        panic!(
            "nobody answers {} {}",
            message.payload["routeKey"], message.payload["body"]
        );
    }

    /// Sends a request that is done.
    pub(crate) async fn done(&mut self, message: &Message) -> Value {
        let reply = self.ask(message).await;
        assert!(
            (200..300).contains(&reply.status),
            "{reply:?} to {message:?}"
        );
        reply.body
    }

    /// The same; what the stream has for `terminate` is late.
    pub(crate) async fn done_only(&mut self, message: &Message) -> Value {
        let reply = self.ask_only(message).await;
        assert!(
            (200..300).contains(&reply.status),
            "{reply:?} to {message:?}"
        );
        reply.body
    }

    /// A change of the settings with its confirmation, which the admin has just been given.
    pub(crate) async fn confirmed(&mut self, patch: &Value) -> Message {
        let before = self.image();
        let question = self.admin("PATCH /settings", &[], patch);
        let question = self.ask_only(&question).await;
        let mut patch = patch.clone();
        if question.status == 409 {
            patch["confirmation"] = question.body["confirmation"].clone();
        } else {
            // It needs no confirmation, and has been done.
            self.back_to(&before);
        }
        self.admin("PATCH /settings", &[], &patch)
    }

    /// The organisation with its first admin, whom HR does not know, and a source that is active.
    pub(crate) async fn opened() -> Self {
        let mut town = Self::empty();
        let first = Message {
            function: "admin:operator",
            payload: json!({
                "offramp": "first_admin", "org": ORG, "source": SOURCE,
                "admin": { "employee_id": ADA, "name": "Ada", "email": "ada@acme.example" },
            }),
            hurried: false,
        };
        let made = town.invoke(&first).await.unwrap().unwrap();
        town.secret = made["source"]["secret"].as_str().unwrap().to_owned();
        let source = [("source", SOURCE)];
        let active = town.admin(
            "PATCH /sources/{source}",
            &source,
            &json!({ "state": "active" }),
        );
        town.done(&active).await;
        town
    }

    /// The organisation: two admins, three members with cards, a source whose people are counted.
    pub(crate) async fn founded() -> Self {
        let mut town = Self::opened().await;
        let mut events = Vec::new();
        for (id, name) in [
            (ADA, "Ada"),
            (OTTO, "Otto"),
            (MEMBERS[0], "Lena"),
            (MEMBERS[1], "Marc"),
            (MEMBERS[2], "Nina"),
        ] {
            let mail = format!("{}@acme.example", name.to_lowercase());
            events.push(town.says(id, "active", json!({ "name": name, "email": mail })));
        }
        let events = town.events(&events);
        town.done(&events).await;
        let role = json!({ "role": "admin" });
        let role = town.admin("PUT /users/{id}/role", &[("id", OTTO)], &role);
        town.done(&role).await;
        for id in MEMBERS.into_iter().chain([OTTO]) {
            for last4 in ["0001", "0002"] {
                let card = json!({ "label": "Card", "kind": "virtual", "last4": last4 });
                let card = town.admin("POST /users/{id}/cards", &[("id", id)], &card);
                town.done(&card).await;
            }
        }
        let most = json!({ "safeguards": { "max_users": 50, "max_percent": 100 } });
        let most = town.confirmed(&most).await;
        town.done(&most).await;
        town.settle().await;
        town
    }
}
