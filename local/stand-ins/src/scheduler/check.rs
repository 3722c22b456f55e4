use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use super::model::{Checked, Definition, FlexibleTimeWindow, RetryPolicy, Target, Timing};

/// What a `Target`'s input may weigh, in bytes.
const MOST_INPUT: usize = 256 * 1024;

/// Checks a definition as the API reference constrains it. The error is the message of a `ValidationException`.
///
/// What AWS does with a one-time date that has passed is not documented. It is refused here, so that nothing comes to
/// lean on either answer.
pub(crate) fn definition(given: &Definition, now: DateTime<Utc>) -> Result<Checked, String> {
    let expression = required(given.schedule_expression.as_deref(), "scheduleExpression")?;
    let timing = timing(expression)?;
    let target = given.target.as_ref().ok_or_else(|| null("target"))?;
    let window = given
        .flexible_time_window
        .as_ref()
        .ok_or_else(|| null("flexibleTimeWindow"))?;
    zone(given.schedule_expression_timezone.as_deref())?;
    flexible(window)?;
    let (target_arn, max_age, max_retries) = self::target(target)?;
    optional(given.client_token.as_deref(), "clientToken", is_token)?;
    optional(given.description.as_deref(), "description", |text| {
        text.len() <= 512
    })?;
    optional(given.kms_key_arn.as_deref(), "kmsKeyArn", |arn| {
        arn.starts_with("arn:") && arn.contains(":kms:")
    })?;
    let (start, end) = (
        date(given.start_date, "startDate")?,
        date(given.end_date, "endDate")?,
    );
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        return Err("The EndDate must come after the StartDate".to_owned());
    }
    let first = match timing {
        Timing::At(at) if at <= now => {
            return Err(format!("The one-time date in {expression} has passed"));
        }
        Timing::At(at) => at,
        // Without a start a rate begins at once: the user guide on rate-based schedules.
        Timing::Every(_) => start.map_or(now, |start| start.max(now)),
    };
    Ok(Checked {
        timing,
        expression: expression.to_owned(),
        target_arn,
        max_age,
        max_retries,
        end,
        first,
        enabled: one_of(given.state.as_deref(), "state", ["ENABLED", "DISABLED"])? == "ENABLED",
        delete_after: one_of(
            given.action_after_completion.as_deref(),
            "actionAfterCompletion",
            ["NONE", "DELETE"],
        )? == "DELETE",
    })
}

/// Checks the name of a schedule or a group: `^[0-9a-zA-Z-_.]{1,64}$`.
pub(crate) fn name<'a>(name: &'a str, member: &str) -> Result<&'a str, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(name);
    }
    Err(failed(
        name,
        member,
        "Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]{1,64}$",
    ))
}

/// Whether a client token is 1 to 64 of `[a-zA-Z0-9-_]`.
pub(crate) fn is_token(token: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=64).contains(&token.len()) && token.bytes().all(is_allowed)
}

fn timing(expression: &str) -> Result<Timing, String> {
    let invalid = || format!("Invalid Schedule Expression {expression}.");
    let inside = |kind: &str| {
        expression
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_suffix(')'))
    };
    if let Some(date) = inside("at(") {
        let parsed =
            NaiveDateTime::parse_from_str(date, "%Y-%m-%dT%H:%M:%S").map_err(|_| invalid())?;
        // chrono also takes dates without leading zeros; AWS does not.
        return if date.len() == 19 {
            Ok(Timing::At(parsed.and_utc()))
        } else {
            Err(invalid())
        };
    }
    let (count, unit) = inside("rate(")
        .and_then(|rate| rate.split_once(' '))
        .ok_or_else(invalid)?;
    let seconds = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3600,
        "day" | "days" => 86_400,
        _ => return Err(invalid()),
    };
    let count = count
        .parse::<u32>()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(invalid)?;
    Ok(Timing::Every(Duration::from_secs(
        u64::from(count) * seconds,
    )))
}

fn zone(zone: Option<&str>) -> Result<(), String> {
    match zone {
        None | Some("UTC" | "Etc/UTC" | "Etc/GMT" | "GMT") => Ok(()),
        Some(other) => Err(format!(
            "Invalid Schedule Expression Timezone {other}. (This stand-in computes UTC only.)"
        )),
    }
}

fn flexible(window: &FlexibleTimeWindow) -> Result<(), String> {
    match (
        required(window.mode.as_deref(), "flexibleTimeWindow.mode")?,
        window.maximum_window_in_minutes,
    ) {
        ("OFF", None) | ("FLEXIBLE", Some(1..=1440)) => Ok(()),
        ("OFF", Some(_)) => {
            Err("MaximumWindowInMinutes must not be set when the mode is OFF".to_owned())
        }
        ("FLEXIBLE", _) => Err(
            "MaximumWindowInMinutes must be between 1 and 1440 when the mode is FLEXIBLE"
                .to_owned(),
        ),
        (other, _) => Err(failed(
            other,
            "flexibleTimeWindow.mode",
            "Member must be one of [OFF, FLEXIBLE]",
        )),
    }
}

fn target(target: &Target) -> Result<(String, Duration, u32), String> {
    let arn = required(target.arn.as_deref(), "target.arn")?;
    if !arn.starts_with("arn:") || arn.split(':').count() < 6 {
        return Err(format!("Provided Arn is not in correct format: {arn}"));
    }
    let role = required(target.role_arn.as_deref(), "target.roleArn")?;
    if !(role.starts_with("arn:aws") && role.contains(":iam::") && role.contains(":role/")) {
        return Err(format!("Invalid RoleArn {role}"));
    }
    if let Some(input) = &target.input {
        if input.is_empty() || input.len() > MOST_INPUT {
            return Err("Input must have between 1 and 262144 bytes".to_owned());
        }
        if arn.contains(":lambda:") && serde_json::from_str::<Value>(input).is_err() {
            return Err("Invalid Input: a Lambda target takes JSON".to_owned());
        }
    }
    if let Some(config) = &target.dead_letter_config {
        optional(
            config.arn.as_deref(),
            "target.deadLetterConfig.arn",
            |arn| arn.starts_with("arn:aws") && arn.contains(":sqs:"),
        )?;
    }
    let policy = target.retry_policy.clone().unwrap_or_default();
    let (max_age, max_retries) = retry_policy(&policy)?;
    Ok((arn.to_owned(), max_age, max_retries))
}

/// The bounds, and the defaults of a day and 185 attempts, are those of the API reference.
fn retry_policy(policy: &RetryPolicy) -> Result<(Duration, u32), String> {
    let age = policy.maximum_event_age_in_seconds.unwrap_or(86_400);
    let age = u64::try_from(age)
        .ok()
        .filter(|age| (60..=86_400).contains(age));
    let retries = policy.maximum_retry_attempts.unwrap_or(185);
    let retries = u32::try_from(retries)
        .ok()
        .filter(|retries| *retries <= 185);
    match (age, retries) {
        (Some(age), Some(retries)) => Ok((Duration::from_secs(age), retries)),
        (None, _) => Err("MaximumEventAgeInSeconds must be between 60 and 86400".to_owned()),
        (_, None) => Err("MaximumRetryAttempts must be between 0 and 185".to_owned()),
    }
}

fn date(seconds: Option<f64>, member: &str) -> Result<Option<DateTime<Utc>>, String> {
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    // Beyond what dates reach the cast saturates, and the conversion refuses.
    let at = DateTime::from_timestamp_millis((seconds * 1000.0) as i64);
    at.map(Some)
        .ok_or_else(|| failed(&seconds.to_string(), member, "Member must be a date"))
}

fn required<'a>(value: Option<&'a str>, member: &str) -> Result<&'a str, String> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| null(member))
}

fn optional(
    value: Option<&str>,
    member: &str,
    is_allowed: impl Fn(&str) -> bool,
) -> Result<(), String> {
    match value {
        Some(value) if !is_allowed(value) => {
            Err(failed(value, member, "Member must satisfy its constraint"))
        }
        _ => Ok(()),
    }
}

fn one_of<const N: usize>(
    value: Option<&str>,
    member: &str,
    allowed: [&'static str; N],
) -> Result<&'static str, String> {
    let value = value.unwrap_or(allowed[0]);
    allowed
        .into_iter()
        .find(|allowed| *allowed == value)
        .ok_or_else(|| {
            failed(
                value,
                member,
                &format!("Member must be one of [{}]", allowed.join(", ")),
            )
        })
}

fn null(member: &str) -> String {
    format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    )
}

fn failed(value: &str, member: &str, constraint: &str) -> String {
    format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )
}
