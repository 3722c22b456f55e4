//! Signs HR deliveries as Standard Webhooks 1.0.0 says, and fills in what a file cannot know: the time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use ring::hmac;
use serde_json::Value;
use uuid::Uuid;

use crate::Error;

/// The headers of one signed delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// `webhook-id`: names the delivery; the same one again has the same id.
    pub id: String,
    /// `webhook-timestamp`: seconds of the Unix epoch.
    pub timestamp: String,
    /// `webhook-signature`: `v1,` and the HMAC-SHA-256 in base64.
    pub signature: String,
}

impl Signed {
    /// The headers of a new delivery of `body` at `now`, signed with a secret such as `whsec_…`.
    ///
    /// # Errors
    /// [`Error::Document`] where the secret is not `whsec_` and base64.
    pub fn new(secret: &str, now: DateTime<Utc>, body: &[u8]) -> Result<Self, Error> {
        Self::with_id(
            secret,
            format!("msg_{}", Uuid::new_v4().simple()),
            now,
            body,
        )
    }

    /// As [`Self::new`], for a delivery of that id: the same id, instant and body is a replay.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_id(
        secret: &str,
        id: String,
        now: DateTime<Utc>,
        body: &[u8],
    ) -> Result<Self, Error> {
        let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
        let key = STANDARD
            .decode(encoded)
            .map_err(|error| Error::document("the webhook secret", error))?;
        let timestamp = now.timestamp().to_string();
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        let signature = format!("v1,{}", STANDARD.encode(context.sign()));
        Ok(Self {
            id,
            timestamp,
            signature,
        })
    }

    /// The three headers, by name.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, &str); 3] {
        [
            ("webhook-id", &self.id),
            ("webhook-timestamp", &self.timestamp),
            ("webhook-signature", &self.signature),
        ]
    }
}

/// Replaces every `"occurred_at": "now"` of a delivery by the instant.
pub fn fill_now(delivery: &mut Value, now: DateTime<Utc>) {
    let now = Value::from(rfc3339(now));
    let fill = |part: &mut Value| {
        if let Some(instant) = part
            .get_mut("occurred_at")
            .filter(|instant| **instant == "now")
        {
            *instant = now.clone();
        }
    };
    fill(delivery);
    let events = delivery.get_mut("events").and_then(Value::as_array_mut);
    events.into_iter().flatten().for_each(fill);
}

/// RFC 3339 in UTC with a `Z` and milliseconds.
#[must_use]
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn signs_as_the_public_libraries_do() {
        let body = br#"{"test": 2432232314}"#;
        let at = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned();
        let signed = Signed::with_id(secret, id, at, body).unwrap();
        assert_eq!(
            signed.signature,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(signed.headers()[1], ("webhook-timestamp", "1614265330"));
        assert!(Signed::new("whsec_###", at, body).is_err());
    }

    #[test]
    fn only_the_placeholder_is_filled() {
        let at = "2026-03-01T10:00:00Z".parse().unwrap();
        let mut delivery =
            json!({"events": [{"occurred_at": "now"}, {"occurred_at": "2026-01-01T00:00:00Z"}]});
        fill_now(&mut delivery, at);
        assert_eq!(
            delivery,
            json!({"events": [{"occurred_at": "2026-03-01T10:00:00.000Z"}, {"occurred_at": "2026-01-01T00:00:00Z"}]})
        );
        let mut snapshot = json!({"occurred_at": "now"});
        fill_now(&mut snapshot, at);
        assert_eq!(snapshot, json!({"occurred_at": "2026-03-01T10:00:00.000Z"}));
    }
}
