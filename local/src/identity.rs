//! Tokens: the local stack is the OIDC issuer and the JWT authorizer at once.
//!
//! Keys and signatures are real, so a token that was tampered with, has expired or is meant for somebody else is refused
//! as API Gateway refuses it. Only the time is the stack's own, since its clock can be moved.

use std::path::Path;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, EncodeRsaPublicKey, LineEnding};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::template::Authorizer;
use crate::{Error, files};

/// Bits of the signing key: the least that RS256 is used with.
const KEY_BITS: usize = 2048;
/// How long a token lives, in days: long enough for any story that moves the clock.
const TOKEN_DAYS: i64 = 3_650;

/// The claims of a verified token, as they stood in it.
pub type Claims = Map<String, Value>;

/// Which claims hold what: the template's parameters `OrgClaim` and `SubjectClaim`, and a claim of roles, which makes nobody anything.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// The organisation.
    pub org: String,
    /// Who is acting.
    pub subject: String,
    /// The roles, as an array.
    pub role: String,
}

/// An issuer with its key.
pub struct Identity {
    authorizer: Authorizer,
    names: ClaimNames,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// A token that is not to be trusted; API Gateway answers all of these alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No token, no JWT, another algorithm, or a signature of somebody else.
    #[error("no token of ours")]
    Untrusted,
    /// `iss` or `aud` (or `client_id`) is not what the authorizer wants.
    #[error("issuer or audience")]
    Elsewhere,
    /// `exp`, `nbf` or `iat` against the stack's clock.
    #[error("out of its time")]
    OutOfTime,
}

impl Identity {
    /// An issuer whose key is read from `file`, and made there first where it is missing. Without a file the key is the
    /// process's own: making one takes a third of a second, and every stack of a test run can share it.
    pub fn new(
        authorizer: Authorizer,
        names: ClaimNames,
        file: Option<&Path>,
    ) -> Result<Self, Error> {
        let (private, public) = match file {
            Some(file) => der(&stored_key(file)?)?,
            None => process_key()?.clone(),
        };
        Ok(Self {
            authorizer,
            names,
            encoding: EncodingKey::from_rsa_der(&private),
            decoding: DecodingKey::from_rsa_der(&public),
        })
    }

    /// A token for `subject`, valid from `now` on for ten years. The subject stands in `sub` and in the subject claim.
    pub fn issue(
        &self,
        now: DateTime<Utc>,
        subject: &str,
        org: Option<&str>,
        roles: &[&str],
    ) -> Result<String, Error> {
        let expires = now + TimeDelta::try_days(TOKEN_DAYS).unwrap_or_default();
        let mut claims = Map::new();
        claims.insert("iss".into(), json!(self.authorizer.issuer));
        claims.insert("aud".into(), json!(self.authorizer.audience.first()));
        claims.insert("sub".into(), json!(subject));
        claims.insert("iat".into(), json!(now.timestamp()));
        claims.insert("exp".into(), json!(expires.timestamp()));
        claims.insert("jti".into(), json!(Uuid::new_v4().to_string()));
        claims.insert(self.names.subject.clone(), json!(subject));
        if let Some(org) = org {
            claims.insert(self.names.org.clone(), json!(org));
        }
        if !roles.is_empty() {
            claims.insert(self.names.role.clone(), json!(roles));
        }
        self.sign(&claims)
    }

    /// A token with exactly these claims: for trying what the authorizer refuses.
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &self.encoding)
            .map_err(|error| Error::Key(error.to_string()))
    }

    /// The claims of a token that an authorizer lets through at `now`.
    pub fn verify(
        &self,
        token: &str,
        authorizer: &Authorizer,
        now: DateTime<Utc>,
    ) -> Result<Claims, Refused> {
        let mut signature_only = Validation::new(Algorithm::RS256);
        signature_only.validate_exp = false;
        signature_only.validate_nbf = false;
        signature_only.validate_aud = false;
        signature_only.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &signature_only)
            .map_err(|_| Refused::Untrusted)?
            .claims;
        if claims.get("iss").and_then(Value::as_str) != Some(authorizer.issuer.as_str()) {
            return Err(Refused::Elsewhere);
        }
        let audience = claims.get("aud").or_else(|| claims.get("client_id"));
        let meant_for_us = |value: &Value| authorizer.audience.iter().any(|own| value == own);
        let meant_for_us = match audience {
            Some(Value::Array(several)) => several.iter().any(meant_for_us),
            Some(one) => meant_for_us(one),
            None => false,
        };
        if !meant_for_us {
            return Err(Refused::Elsewhere);
        }
        let instant = |claim: &str| claims.get(claim).and_then(Value::as_f64);
        let now = now.timestamp_millis() as f64 / 1_000.0;
        let begun = |claim: &str| instant(claim).is_none_or(|begin| begin <= now);
        if instant("exp").is_some_and(|end| end > now) && begun("nbf") && begun("iat") {
            Ok(claims)
        } else {
            Err(Refused::OutOfTime)
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("authorizer", &self.authorizer)
            .finish_non_exhaustive()
    }
}

/// PKCS#1: the private key and the public one.
type KeyPair = (Vec<u8>, Vec<u8>);

fn process_key() -> Result<&'static KeyPair, Error> {
    static KEY: OnceLock<Result<KeyPair, String>> = OnceLock::new();
    let made = KEY.get_or_init(|| {
        new_key()
            .and_then(|key| der(&key))
            .map_err(|error| error.to_string())
    });
    made.as_ref().map_err(|error| Error::Key(error.clone()))
}

fn stored_key(file: &Path) -> Result<RsaPrivateKey, Error> {
    if file.exists() {
        let pem = std::fs::read_to_string(file).map_err(Error::file(file))?;
        return RsaPrivateKey::from_pkcs1_pem(&pem)
            .map_err(|error| Error::Key(format!("{}: {error}", file.display())));
    }
    let key = new_key()?;
    let pem = key
        .to_pkcs1_pem(LineEnding::LF)
        .map_err(|error| Error::Key(error.to_string()))?;
    files::write_private(file, pem.as_bytes())?;
    Ok(key)
}

fn new_key() -> Result<RsaPrivateKey, Error> {
    RsaPrivateKey::new(&mut rand::rngs::OsRng, KEY_BITS)
        .map_err(|error| Error::Key(error.to_string()))
}

fn der(key: &RsaPrivateKey) -> Result<KeyPair, Error> {
    let failed = |error: rsa::pkcs1::Error| Error::Key(error.to_string());
    let private = key.to_pkcs1_der().map_err(failed)?;
    let public = key.to_public_key().to_pkcs1_der().map_err(failed)?;
    Ok((private.as_bytes().to_vec(), public.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorizer() -> Authorizer {
        Authorizer {
            issuer: "https://issuer.test".into(),
            audience: vec!["offramp".into()],
        }
    }

    fn identity() -> Identity {
        let names = ClaimNames {
            org: "org".into(),
            subject: "email".into(),
            role: "roles".into(),
        };
        Identity::new(authorizer(), names, None).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_time_and_its_audience_only() {
        let identity = identity();
        let now = at("2026-03-01T10:00:00Z");
        let token = identity
            .issue(now, "ada@acme.test", Some("acme"), &["service", "other"])
            .unwrap();
        let claims = identity.verify(&token, &authorizer(), now).unwrap();
        assert_eq!(claims["email"], "ada@acme.test");
        assert_eq!(claims["sub"], "ada@acme.test");
        assert_eq!(claims["org"], "acme");
        assert_eq!(claims["roles"], json!(["service", "other"]));

        let refused = |at, authorizer: &Authorizer| identity.verify(&token, authorizer, at).err();
        let later = at("2036-03-01T10:00:00Z");
        assert_eq!(refused(later, &authorizer()), Some(Refused::OutOfTime));
        let earlier = now - TimeDelta::seconds(1);
        assert_eq!(refused(earlier, &authorizer()), Some(Refused::OutOfTime));
        let other = Authorizer {
            issuer: "https://else.test".into(),
            ..authorizer()
        };
        assert_eq!(refused(now, &other), Some(Refused::Elsewhere));
        let other = Authorizer {
            audience: vec!["else".into()],
            ..authorizer()
        };
        assert_eq!(refused(now, &other), Some(Refused::Elsewhere));
    }

    #[test]
    fn what_we_did_not_sign_with_rs256_is_untrusted() {
        let identity = identity();
        let now = at("2026-03-01T10:00:00Z");
        let token = identity
            .issue(now, "ada@acme.test", Some("acme"), &[])
            .unwrap();
        let claims = identity.verify(&token, &authorizer(), now).unwrap();
        let secret = EncodingKey::from_secret(b"guessed");
        let hs256 = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap();
        let (head, rest) = token.split_once('.').unwrap();
        let tampered = format!("{head}.e30{}", &rest[3..]);
        for forged in ["", "abc", hs256.as_str(), tampered.as_str()] {
            let refused = identity.verify(forged, &authorizer(), now).err();
            assert_eq!(refused, Some(Refused::Untrusted), "{forged}");
        }
    }

    #[test]
    fn a_token_without_an_end_is_refused() {
        let identity = identity();
        let now = at("2026-03-01T10:00:00Z");
        let token = identity
            .issue(now, "ada@acme.test", Some("acme"), &[])
            .unwrap();
        let mut claims = identity.verify(&token, &authorizer(), now).unwrap();
        claims.remove("exp");
        let endless = identity.sign(&claims).unwrap();
        let refused = identity.verify(&endless, &authorizer(), now).err();
        assert_eq!(refused, Some(Refused::OutOfTime));
    }
}
