//! The small HTTP client of the seed, the demo and `send`: what any user of the API could write.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::Value;

use crate::Error;
use crate::signer::Signed;

/// Longer than any integration may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A client of one stack.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, where it is JSON; else its text as a JSON string.
    pub body: Value,
    /// The version, where the answer has one.
    pub etag: Option<String>,
    what: String,
}

/// A request in the making.
#[derive(Debug, Clone)]
#[must_use]
pub struct Call<'c> {
    client: &'c Client,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
}

impl Client {
    /// A client of the stack at `base`, such as `http://127.0.0.1:8787`. Proxies of the environment are not asked.
    ///
    /// # Errors
    /// [`Error::Http`] where no client can be made.
    pub fn new(base: &str) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build();
        let base = base.trim_end_matches('/').to_owned();
        match http {
            Ok(http) => Ok(Self { http, base }),
            Err(source) => Err(Error::Http { what: base, source }),
        }
    }

    /// The address that all paths begin with.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`.
    pub fn get(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::GET, path, None)
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: impl Into<String>, body: &Value) -> Call<'_> {
        self.call(Method::POST, path, Some(body))
    }

    /// `PUT path` with a JSON body.
    pub fn put(&self, path: impl Into<String>, body: &Value) -> Call<'_> {
        self.call(Method::PUT, path, Some(body))
    }

    /// `PATCH path` with a JSON body.
    pub fn patch(&self, path: impl Into<String>, body: &Value) -> Call<'_> {
        self.call(Method::PATCH, path, Some(body))
    }

    /// `DELETE path`.
    pub fn delete(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::DELETE, path, None)
    }

    /// A signed delivery of HR events.
    ///
    /// # Errors
    /// [`Error::Document`] where the secret is none.
    pub fn deliver(
        &self,
        org: &str,
        source: &str,
        secret: &str,
        now: DateTime<Utc>,
        delivery: &Value,
    ) -> Result<Call<'_>, Error> {
        let path = format!("/v1/orgs/{org}/sources/{source}/events");
        let mut call = self.call(Method::POST, path, Some(delivery));
        let signed = Signed::new(secret, now, call.body.as_deref().unwrap_or_default())?;
        for (name, value) in signed.headers() {
            call = call.header(name, value);
        }
        Ok(call)
    }

    /// Changes an organisation's settings as an admin, and confirms what is asked.
    ///
    /// # Errors
    /// [`Error::Http`], and [`Error::Answer`] where the change is refused.
    pub async fn settings(&self, org: &str, token: &str, mut patch: Value) -> Result<(), Error> {
        let path = format!("/v1/orgs/{org}/settings");
        let asked = self.patch(&path, &patch).token(token).reply().await?;
        match asked.status {
            200..300 => Ok(()),
            409 => {
                patch["confirmation"] = asked.body["confirmation"].clone();
                let confirmed = self.patch(&path, &patch).token(token);
                confirmed.ok().await.map(drop)
            }
            _ => Err(asked.unexpected()),
        }
    }

    fn call(&self, method: Method, path: impl Into<String>, body: Option<&Value>) -> Call<'_> {
        let call = Call {
            client: self,
            method,
            path: path.into(),
            headers: Vec::new(),
            body: body.map(|body| body.to_string().into_bytes()),
        };
        match call.body {
            Some(_) => call.header("content-type", "application/json"),
            None => call,
        }
    }
}

impl Call<'_> {
    /// With a bearer token.
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With one more header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends it; every status is an answer.
    ///
    /// # Errors
    /// [`Error::Http`] where none came.
    pub async fn reply(self) -> Result<Reply, Error> {
        let what = format!("{} {}", self.method, self.path);
        let url = format!("{}{}", self.client.base, self.path);
        let mut request = self.client.http.request(self.method, url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let lost = |source| Error::Http {
            what: what.clone(),
            source,
        };
        let response = request.send().await.map_err(lost)?;
        let status = response.status().as_u16();
        let etag = response.headers().get("etag");
        let etag = etag
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let text = response.text().await.map_err(lost)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Reply {
            status,
            body,
            etag,
            what,
        })
    }

    /// Sends it, and wants success.
    ///
    /// # Errors
    /// [`Error::Http`], and [`Error::Answer`] for every status that is not 2xx.
    pub async fn ok(self) -> Result<Value, Error> {
        let reply = self.reply().await?;
        match reply.status {
            200..300 => Ok(reply.body),
            _ => Err(reply.unexpected()),
        }
    }
}

impl Reply {
    /// The answer as an error: it is not the one that was needed.
    #[must_use]
    pub fn unexpected(self) -> Error {
        Error::Answer {
            what: self.what,
            status: self.status,
            body: self.body.to_string(),
        }
    }
}
