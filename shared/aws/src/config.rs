//! The environment of a function, read once when the function starts.

use std::time::Duration;

use chrono::TimeDelta;
use offramp_app::identity::Claims;
use offramp_domain::SubjectKind;
use offramp_domain::decide::DAY;

use crate::table::StoredForm;
use crate::telemetry::{Sink, Telemetry};

/// Looks up a variable by its name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An error in the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A required variable is not set.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// A variable has an invalid value.
    #[error("the environment variable {0} {1}")]
    Invalid(&'static str, &'static str),
    /// The root certificates for TLS cannot be read.
    #[error("the trusted roots cannot be read: {0}")]
    Roots(String),
}

/// The address of AWS and the credentials. On Lambda both are in the environment, so nothing is loaded.
#[derive(Clone)]
pub struct AwsConfig {
    /// The AWS region, such as `eu-central-1`.
    pub region: String,
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The session token of the role; `None` for credentials without one.
    pub session_token: Option<String>,
    /// The endpoint of DynamoDB; `None` for AWS's own.
    pub dynamodb_url: Option<String>,
    /// The endpoint of Scheduler; `None` for AWS's own.
    pub scheduler_url: Option<String>,
    /// The endpoint of SES v2; `None` for AWS's own.
    pub sesv2_url: Option<String>,
    /// The endpoint of KMS; `None` for AWS's own.
    pub kms_url: Option<String>,
    /// The longest time for one attempt of a call.
    pub attempt_timeout: Duration,
    /// A file of PEM certificates to trust instead of Amazon's roots; `None` for Amazon's.
    pub ca_bundle: Option<String>,
}

impl std::fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AwsConfig({})", self.region)
    }
}

/// The schedule group, role and targets of timers.
#[derive(Debug, Clone, Default)]
pub struct TimerConfig {
    /// The group of the schedules.
    pub group: String,
    /// The ARN of the role with which Scheduler invokes the targets.
    pub role_arn: String,
    /// The ARN of the queue for timers that Scheduler could not deliver.
    pub dead_letter_arn: String,
    /// The target of `deactivate`, `finish` and `leave` timers; `None` if the function arms none.
    pub terminate_arn: Option<String>,
    /// The target of `digest` timers; `None` if the function arms none.
    pub notify_arn: Option<String>,
    /// The target of `tidy`, `answer` and `snapshot` timers; `None` if the function arms none.
    pub apply_arn: Option<String>,
}

/// The environment of a function. Each function has only the variables that it needs (`template.yaml`). A missing
/// required variable is an error when the function starts, not at its first use.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of AWS and the credentials.
    pub aws: AwsConfig,
    /// The name of the table.
    pub table: String,
    /// The schedule group, role and targets of timers.
    pub timers: TimerConfig,
    /// The sender address of mails; `None` if the function sends none.
    pub sender: Option<String>,
    /// The ARN of the KMS key for webhook secrets; `None` if the function uses none.
    pub secrets_key: Option<String>,
    /// The claims of tokens; `None` if the function reads no tokens.
    pub claims: Option<Claims>,
    /// What the subject claim of tokens holds; `None` if the function need not know it.
    pub signs_in_by: Option<SubjectKind>,
    /// The form in which users are written.
    pub form: StoredForm,
    /// The length of a day of the grace period.
    pub day: TimeDelta,
    /// The meter of the function, and the sink of its metrics.
    pub telemetry: Telemetry,
    /// True if the function makes its first calls while it starts ([`crate::prime()`]).
    pub prime: bool,
}

/// The longest time for one attempt of a call, unless `SDK_ATTEMPT_TIMEOUT_MS` sets another. DynamoDB answers within
/// milliseconds. Three attempts of 3 seconds are well within a function's 29 seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The allowed length of a day of the grace period, in seconds. A timer is armed at least two minutes ahead, so a day
/// is no shorter.
const DAY_SECONDS: std::ops::RangeInclusive<i64> = 120..=86_400;

impl Config {
    /// Reads the environment of the process. Metrics go to standard output.
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

    /// Reads an environment through `lookup`. Metrics are dropped.
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
            signs_in_by: get("SUBJECT_KIND").as_deref().map(kind).transpose()?,
            form: match get("STORED_FORM") {
                None => StoredForm::default(),
                Some(number) => StoredForm::numbered(&number)
                    .ok_or(ConfigError::Invalid("STORED_FORM", "must be 1 or 2"))?,
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

    /// The sender address of mails.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if the variable is not set.
    pub fn need_sender(&self) -> Result<String, ConfigError> {
        self.sender
            .clone()
            .ok_or(ConfigError::Missing("MAIL_SENDER"))
    }

    /// The ARN of the KMS key for webhook secrets.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if the variable is not set.
    pub fn need_secrets_key(&self) -> Result<String, ConfigError> {
        self.secrets_key
            .clone()
            .ok_or(ConfigError::Missing("SECRETS_KEY_ARN"))
    }

    /// The claims of tokens.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if the variable is not set.
    pub fn need_claims(&self) -> Result<Claims, ConfigError> {
        self.claims.clone().ok_or(ConfigError::Missing("ORG_CLAIM"))
    }

    /// What the subject claim of tokens holds.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if the variable is not set.
    pub fn need_subject_kind(&self) -> Result<SubjectKind, ConfigError> {
        self.signs_in_by.ok_or(ConfigError::Missing("SUBJECT_KIND"))
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
        subject_kind: kind(&need("SUBJECT_KIND")?)?,
        bootstrap: get("BOOTSTRAP_SUBJECT"),
    })
}

fn kind(text: &str) -> Result<SubjectKind, ConfigError> {
    match text {
        "email" => Ok(SubjectKind::Email),
        "employee_id" => Ok(SubjectKind::EmployeeId),
        _ => Err(ConfigError::Invalid(
            "SUBJECT_KIND",
            "must be email or employee_id",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day_of(text: Option<&str>) -> Result<TimeDelta, ConfigError> {
        let lookup = |name: &str| match name {
            "DAY_SECONDS" => text.map(str::to_owned),
            "SDK_ATTEMPT_TIMEOUT_MS" | "ORG_CLAIM" | "SUBJECT_KIND" | "PRIME" | "STORED_FORM" => {
                None
            }
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
