//! How a flow speaks HTTP: any method, any header, any bytes. Each answer is held against the OpenAPI document.

use aws_stand_ins::Cloud;
use chrono::{DateTime, Utc};
use offramp_local::signer::Signed;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::{ORG, SOURCE, World, documented};

/// Words that only the inside of the system uses: none may be in an answer that refuses something.
const INSIDE: &[&str] = &[
    "dynamodb",
    "sdk",
    "amazon",
    "arn:",
    "transact",
    "conditional",
    "panicked",
    "offramp-",
    "sqlite",
    "kms",
];

/// A request in the making.
#[must_use]
pub struct Ask {
    request: RequestBuilder,
    cloud: Cloud,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `content-type`.
    pub kind: String,
    /// `etag`.
    pub etag: Option<String>,
    /// All headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; `null` where it is none.
    pub body: Value,
}

/// A signed request body, which can be sent any number of times.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The body.
    pub body: Vec<u8>,
    /// Its three headers.
    pub signed: Signed,
}

impl Delivery {
    /// Signed with a secret, at an instant.
    #[must_use]
    pub fn new(secret: &str, when: DateTime<Utc>, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let signed = Signed::new(secret, when, &body).unwrap();
        Self { body, signed }
    }
}

impl World {
    /// A request to any path.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        let url = format!("{}{path}", self.stack.url());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Ask {
            request: self.http.request(method, url),
            cloud: self.stack.cloud().clone(),
        }
    }

    /// A request of the admin to a path of the organisation.
    pub fn admin(&self, method: &str, path: &str) -> Ask {
        self.ask(method, &self.path(path)).token(&self.token)
    }

    /// The same, of another admin of the organisation, or of somebody who is none.
    pub fn admin_as(&self, subject: &str, method: &str, path: &str) -> Ask {
        let token = self.token_of(subject);
        self.ask(method, &self.path(path)).token(&token)
    }

    /// A delivery to the seeded source.
    pub fn hand_in(&self, delivery: &Delivery) -> Ask {
        self.hand_in_at(ORG, SOURCE, delivery)
    }

    /// A delivery to any source of any organisation.
    pub fn hand_in_at(&self, org: &str, source: &str, delivery: &Delivery) -> Ask {
        let ask = self.ask("POST", &format!("/v1/orgs/{org}/sources/{source}/events"));
        let ask = ask.bytes(delivery.body.clone());
        delivery
            .signed
            .headers()
            .into_iter()
            .fold(ask, |ask, (name, value)| ask.header(name, value))
    }

    /// A delivery of these events, signed now by the seeded source.
    #[must_use]
    pub fn signed(&self, events: &Value) -> Delivery {
        let body = serde_json::json!({ "events": events });
        Delivery::new(self.secret(), self.now(), body.to_string())
    }

    /// A request of the seeded source with a signed body, whatever comes of it.
    pub async fn signed_call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.signed_bytes(method, path, body.to_string().into_bytes())
            .await
    }

    /// A request of the seeded source without a body, signed over nothing.
    pub async fn signed_get(&self, path: &str) -> Answer {
        self.signed_bytes("GET", path, Vec::new()).await
    }

    async fn signed_bytes(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let delivery = Delivery::new(self.secret(), self.now(), body);
        let ask = self.ask(method, &self.path(path));
        let ask = match delivery.body.is_empty() {
            true => ask,
            false => ask.bytes(delivery.body.clone()),
        };
        let headers = delivery.signed.headers().into_iter();
        headers
            .fold(ask, |ask, (name, value)| ask.header(name, value))
            .send()
            .await
    }

    /// The seeded source's secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.stack.webhook_secret().unwrap()
    }
}

impl Ask {
    fn with(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self {
            request: change(self.request),
            cloud: self.cloud,
        }
    }

    /// With a bearer token.
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With one more header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|request| request.header(name, value))
    }

    /// For the version that was read.
    pub fn if_match(self, version: impl std::fmt::Display) -> Self {
        self.header("if-match", &format!("\"{version}\""))
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string().into_bytes())
    }

    /// With a body that says nothing of itself.
    pub fn body(self, body: &'static str) -> Self {
        self.with(|request| request.body(body))
    }

    /// With a body that says that it is JSON.
    pub fn bytes(self, body: Vec<u8>) -> Self {
        self.bytes_of("application/json", body)
    }

    /// With a body of another media type.
    pub fn bytes_of(self, kind: &str, body: Vec<u8>) -> Self {
        self.with(|request| request.header("content-type", kind).body(body))
    }

    /// Sends it; the answer is one that the OpenAPI document promises. The table's stream has delivered what the request
    /// wrote by the time that this returns.
    ///
    /// # Panics
    /// Where it is another.
    pub async fn send(self) -> Answer {
        let (client, request) = self.request.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.unwrap();
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let (kind, etag) = (header("content-type").unwrap_or_default(), header("etag"));
        let safe = ["strict-transport-security", "x-content-type-options"].map(header);
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        self.cloud.delivered().await;
        documented::hold(method.as_str(), &path, status, &kind, &body);
        // What API Gateway answers itself is not ours, and neither are the local stack's own routes.
        let ours = !path.starts_with("/_local") && body["message"].is_null();
        let promised = [Some("max-age=31536000; includeSubDomains"), Some("nosniff")];
        assert!(
            !ours || safe.each_ref().map(Option::as_deref) == promised,
            "{method} {path}: {safe:?}"
        );
        Answer {
            status,
            kind,
            etag,
            headers,
            body,
            text,
        }
    }

    /// Sends it; the body of a 2xx.
    pub async fn ok(self) -> Value {
        let answer = self.send().await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        answer.body
    }

    /// Sends it; it is refused with this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        let code = code.to_owned();
        async move {
            let answer = self.send().await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (status, Some(code.as_str())),
                "{place}: {}",
                answer.text
            );
            answer.is_a_problem();
            answer.body
        }
    }
}

impl Answer {
    /// It is RFC 9457 `application/problem+json` with our members, and tells nothing of the inside.
    #[track_caller]
    pub fn is_a_problem(&self) {
        assert_eq!(self.kind, "application/problem+json", "{}", self.text);
        assert_eq!(self.body["status"], self.status, "{}", self.text);
        for member in ["type", "title", "detail", "code", "request_id"] {
            let there = self.body[member].as_str().is_some_and(|m| !m.is_empty());
            assert!(there, "no {member} in {}", self.text);
        }
        let told = self.text.to_lowercase();
        let told = INSIDE.iter().find(|word| told.contains(*word));
        assert_eq!(told, None, "{}", self.text);
    }
}
