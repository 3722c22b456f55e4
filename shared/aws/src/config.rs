//! A function's environment, read once.

use std::time::Duration;

use chrono::TimeDelta;
use offramp_app::identity::{Claims, SubjectKind};
use offramp_domain::decide::DAY;

use crate::telemetry::{Sink, Telemetry};

/// Looks a variable up by name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong with the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable that the function needs is not set.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// A variable holds something else than it should.
    #[error("the environment variable {0} {1}")]
    Invalid(&'static str, &'static str),
    /// The TLS roots cannot be read.
    #[error("the trusted roots cannot be read: {0}")]
    Roots(String),
}

/// Where AWS is, and as whom we speak to it. On Lambda all of it is in the environment, so there
/// is nothing to load.
#[derive(Clone)]
pub struct AwsConfig {
    /// Region.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token of the role.
    pub session_token: Option<String>,
    /// Endpoint of DynamoDB, where it is not AWS's.
    pub dynamodb_url: Option<String>,
    /// Endpoint of Scheduler, where it is not AWS's.
    pub scheduler_url: Option<String>,
    /// Endpoint of SES v2, where it is not AWS's.
    pub sesv2_url: Option<String>,
    /// Endpoint of KMS, where it is not AWS's.
    pub kms_url: Option<String>,
    /// Longest time for one attempt of a call.
    pub attempt_timeout: Duration,
    /// A file of PEM certificates to trust instead of Amazon's roots.
    pub ca_bundle: Option<String>,
}

impl std::fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AwsConfig({})", self.region)
    }
}

/// Where timers go.
#[derive(Debug, Clone, Default)]
pub struct TimerConfig {
    /// The schedules' group.
    pub group: String,
    /// The role that Scheduler assumes to invoke.
    pub role_arn: String,
    /// Where deliveries go that Scheduler gives up.
    pub dead_letter_arn: String,
    /// The target of `deactivate` and `finish` timers.
    pub terminate_arn: Option<String>,
    /// The target of `digest` timers.
    pub notify_arn: Option<String>,
    /// The target of `tidy` timers.
    pub apply_arn: Option<String>,
}

/// A function's environment. Each function has only the variables that it needs (`template.yaml`);
/// asking for another is an error when the function starts, not when it is used.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where AWS is.
    pub aws: AwsConfig,
    /// The table's name.
    pub table: String,
    /// Where timers go.
    pub timers: TimerConfig,
    /// From whom mails are.
    pub sender: Option<String>,
    /// The key that seals webhook secrets.
    pub secrets_key: Option<String>,
    /// How tokens are read.
    pub claims: Option<Claims>,
    /// How long a day of the grace period lasts.
    pub day: TimeDelta,
    /// What is counted, and where it is told.
    pub telemetry: Telemetry,
    /// Whether the function makes its first calls while it starts ([`crate::prime()`]).
    pub prime: bool,
}

/// Longest time for one attempt of a call, unless `SDK_ATTEMPT_TIMEOUT_MS` says otherwise.
/// DynamoDB answers in single milliseconds; three attempts of three seconds stay well inside the
/// function's own 29 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a day of the grace period may last, in seconds: a timer is armed two minutes ahead at least.
const DAY_SECONDS: std::ops::RangeInclusive<i64> = 120..=86_400;

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        let config = Self::from_lookup(&|name| std::env::var(name).ok())?;
        Ok(Self {
            telemetry: config.telemetry.to(Sink::stdout()),
            ..config
        })
    }

    /// Reads any environment. Metrics go nowhere.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable.
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let get = |name| lookup(name).filter(|value| !value.is_empty());
        let need = |name| get(name).ok_or(ConfigError::Missing(name));
        Ok(Self {
            aws: aws(&get, &need)?,
            table: need("TABLE_NAME")?,
            timers: TimerConfig {
                group: get("SCHEDULE_GROUP").unwrap_or_default(),
                role_arn: get("SCHEDULE_ROLE_ARN").unwrap_or_default(),
                dead_letter_arn: get("TIMER_DEAD_LETTER_ARN").unwrap_or_default(),
                terminate_arn: get("TERMINATE_ARN"),
                notify_arn: get("NOTIFY_ARN"),
                apply_arn: get("APPLY_ARN"),
            },
            sender: get("MAIL_SENDER"),
            secrets_key: get("SECRETS_KEY_ARN"),
            claims: match get("ORG_CLAIM") {
                Some(org) => Some(claims(org, &get, &need)?),
                None => None,
            },
            day: day(&get)?,
            telemetry: Telemetry::new(
                &get("STACK_NAME").unwrap_or_default(),
                &get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
            ),
            prime: match get("PRIME").as_deref() {
                None | Some("on") => true,
                Some("off") => false,
                Some(_) => return Err(ConfigError::Invalid("PRIME", "must be on or off")),
            },
        })
    }

    /// From whom mails are.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn need_sender(&self) -> Result<String, ConfigError> {
        self.sender
            .clone()
            .ok_or(ConfigError::Missing("MAIL_SENDER"))
    }

    /// The key that seals webhook secrets.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn need_secrets_key(&self) -> Result<String, ConfigError> {
        self.secrets_key
            .clone()
            .ok_or(ConfigError::Missing("SECRETS_KEY_ARN"))
    }

    /// How tokens are read.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn need_claims(&self) -> Result<Claims, ConfigError> {
        self.claims.clone().ok_or(ConfigError::Missing("ORG_CLAIM"))
    }
}

type Get<'a> = &'a dyn Fn(&'static str) -> Option<String>;
type Need<'a> = &'a dyn Fn(&'static str) -> Result<String, ConfigError>;

fn day(get: Get<'_>) -> Result<TimeDelta, ConfigError> {
    let Some(text) = get("DAY_SECONDS") else {
        return Ok(DAY);
    };
    let seconds = text.parse().ok().filter(|day| DAY_SECONDS.contains(day));
    seconds
        .map(TimeDelta::seconds)
        .ok_or(ConfigError::Invalid("DAY_SECONDS", "must be 120 to 86400"))
}

fn aws(get: Get<'_>, need: Need<'_>) -> Result<AwsConfig, ConfigError> {
    let everywhere = get("AWS_ENDPOINT_URL");
    let endpoint = |name| get(name).or_else(|| everywhere.clone());
    let attempt_timeout = match get("SDK_ATTEMPT_TIMEOUT_MS") {
        Some(text) => text
            .parse()
            .map(Duration::from_millis)
            .map_err(|_| ConfigError::Invalid("SDK_ATTEMPT_TIMEOUT_MS", "is not a number"))?,
        None => ATTEMPT_TIMEOUT,
    };
    Ok(AwsConfig {
        region: need("AWS_REGION")?,
        access_key_id: need("AWS_ACCESS_KEY_ID")?,
        secret_access_key: need("AWS_SECRET_ACCESS_KEY")?,
        session_token: get("AWS_SESSION_TOKEN"),
        dynamodb_url: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
        scheduler_url: endpoint("AWS_ENDPOINT_URL_SCHEDULER"),
        sesv2_url: endpoint("AWS_ENDPOINT_URL_SESV2"),
        kms_url: endpoint("AWS_ENDPOINT_URL_KMS"),
        attempt_timeout,
        ca_bundle: get("AWS_CA_BUNDLE"),
    })
}

fn claims(org: String, get: Get<'_>, need: Need<'_>) -> Result<Claims, ConfigError> {
    Ok(Claims {
        org,
        subject: need("SUBJECT_CLAIM")?,
        subject_kind: match need("SUBJECT_KIND")?.as_str() {
            "email" => SubjectKind::Email,
            "employee_id" => SubjectKind::EmployeeId,
            _ => {
                return Err(ConfigError::Invalid(
                    "SUBJECT_KIND",
                    "must be email or employee_id",
                ));
            }
        },
        role: need("ROLE_CLAIM")?,
        bootstrap: get("BOOTSTRAP_SUBJECT"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day_of(text: Option<&str>) -> Result<TimeDelta, ConfigError> {
        let lookup = |name: &str| match name {
            "DAY_SECONDS" => text.map(str::to_owned),
            "SDK_ATTEMPT_TIMEOUT_MS" | "ORG_CLAIM" | "PRIME" => None,
            name if name.starts_with("AWS_ENDPOINT") => None,
            _ => Some("x".to_owned()),
        };
        Config::from_lookup(&lookup).map(|config| config.day)
    }

    #[test]
    fn a_day_lasts_as_long_as_is_said_within_reason() {
        assert_eq!(day_of(None), Ok(TimeDelta::days(1)));
        assert_eq!(day_of(Some("120")), Ok(TimeDelta::minutes(2)));
        assert_eq!(day_of(Some("86400")), Ok(TimeDelta::days(1)));
        let wrong = ConfigError::Invalid("DAY_SECONDS", "must be 120 to 86400");
        for text in ["119", "86401", "-1", "a day"] {
            assert_eq!(day_of(Some(text)), Err(wrong.clone()), "{text}");
        }
    }
}
