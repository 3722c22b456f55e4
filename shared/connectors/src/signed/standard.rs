//! Standard Webhooks 1.0.0: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//!
//! The signature is HMAC-SHA256 over `id.timestamp.body`. A header may have several signatures, and a source several
//! live secrets. `ring::hmac::verify` compares in constant time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use offramp_app::ports::Headers;
use ring::hmac;

use offramp_app::{Error, Result};

/// How far the signed instant may be from the server's clock, in seconds.
pub const TOLERANCE: i64 = 300;
/// How many signatures of one header are checked.
const MAX_SIGNATURES: usize = 16;

/// The three headers of a signed request.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The header `webhook-id`.
    pub id: &'a str,
    /// The header `webhook-timestamp`, in seconds since the Unix epoch.
    pub timestamp: &'a str,
    /// The header `webhook-signature`: `v1,base64`, several separated by spaces.
    pub signature: &'a str,
}

impl<'a> Signed<'a> {
    /// The three headers of a request. A missing header is an empty text, with which no request verifies.
    #[must_use]
    pub fn of(headers: &'a dyn Headers) -> Self {
        let header = |name| headers.header(name).unwrap_or_default();
        Self {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
        }
    }
}

/// Verifies a request against the live secrets, which are raw bytes.
///
/// # Errors
/// [`Error::BadSignature`], or [`Error::TimestampOutOfTolerance`] if the signature is good but its instant is too far
/// from `now`. A sender who cannot sign does not learn about the instant.
pub fn verify(
    signed: Signed<'_>,
    body: &[u8],
    secrets: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<()> {
    let sent: Vec<Vec<u8>> = signed
        .signature
        .split(' ')
        .take(MAX_SIGNATURES)
        .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
        .collect();
    if sent.is_empty() {
        return Err(Error::BadSignature);
    }
    let good = secrets.iter().any(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut message = hmac::Context::with_key(&key);
        for part in [signed.id, ".", signed.timestamp, "."] {
            message.update(part.as_bytes());
        }
        message.update(body);
        let tag = message.sign();
        sent.iter().any(|sent| same(&key, &tag, sent))
    });
    if !good || signed.id.is_empty() {
        return Err(Error::BadSignature);
    }
    let timestamp: i64 = signed.timestamp.parse().map_err(|_| Error::BadSignature)?;
    if timestamp.abs_diff(now.timestamp()) > TOLERANCE.unsigned_abs() {
        return Err(Error::TimestampOutOfTolerance);
    }
    Ok(())
}

/// Compares two tags in constant time. `ring` compares only with a tag that it computes itself, so the tags of both
/// texts are compared. This way the body is hashed once for each secret, whatever the number of signatures.
fn same(key: &hmac::Key, tag: &hmac::Tag, sent: &[u8]) -> bool {
    hmac::verify(key, tag.as_ref(), hmac::sign(key, sent).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"events":[]}"#;

    fn sign(secret: &[u8], id: &str, timestamp: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let message = [format!("{id}.{timestamp}.").as_bytes(), BODY].concat();
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, &message)))
    }

    fn check(signature: &str, timestamp: i64, secrets: &[&[u8]]) -> Result<()> {
        let timestamp = timestamp.to_string();
        let secrets: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.to_vec()).collect();
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        verify(
            Signed {
                id: "m1",
                timestamp: &timestamp,
                signature,
            },
            BODY,
            &secrets,
            now,
        )
    }

    #[test]
    fn either_live_secret_and_any_of_several_signatures_will_do() {
        let good = sign(b"two", "m1", 1_000_000);
        assert!(check(&good, 1_000_000, &[b"one", b"two"]).is_ok());
        assert!(
            check(
                &format!("v1,AAAA v2,x {good}"),
                1_000_000,
                &[b"one", b"two"]
            )
            .is_ok()
        );
        assert!(matches!(
            check(&good, 1_000_000, &[b"one"]),
            Err(Error::BadSignature)
        ));
        assert!(matches!(
            check("", 1_000_000, &[b"two"]),
            Err(Error::BadSignature)
        ));
        assert!(matches!(
            check(&sign(b"two", "m2", 1_000_000), 1_000_000, &[b"two"]),
            Err(Error::BadSignature)
        ));
    }

    #[test]
    fn the_signed_instant_is_within_300_seconds() {
        for (timestamp, ok) in [
            (999_700, true),
            (1_000_300, true),
            (999_699, false),
            (1_000_301, false),
        ] {
            let result = check(&sign(b"s", "m1", timestamp), timestamp, &[b"s"]);
            assert_eq!(result.is_ok(), ok, "{timestamp}");
            assert!(ok || matches!(result, Err(Error::TimestampOutOfTolerance)));
        }
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        // From the test suites of the reference implementations.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = Signed {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: "1614265330",
            signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        };
        let now = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
        assert!(verify(signed, br#"{"test": 2432232314}"#, &[secret], now).is_ok());
    }
}
