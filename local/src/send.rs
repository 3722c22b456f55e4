//! `send`: signs a file of HR events as the HR system would, and posts it to a running stack.

use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::Error;
use crate::running::{self, Found};
use crate::say::say;
use crate::signer::fill_now;

/// Sends `file` to the stack that [`running::find`] finds, tells which one that is, and prints the reply. `source` is the
/// seed's unless given.
pub(crate) async fn run(
    file: &Path,
    to: Option<String>,
    source: Option<String>,
    out: &mut dyn Write,
    told: &mut dyn Write,
) -> Result<(), Error> {
    let name = file.display().to_string();
    let text = std::fs::read(file).map_err(Error::reading(file))?;
    let mut delivery: Value =
        serde_json::from_slice(&text).map_err(|error| {
            let what = format!("it is no JSON of HR events ({error}); a list of leavers goes to POST /v1/orgs/acme/leavers");
            Error::document(&name, what)
        })?;

    let Found { client, facts } = running::find(to, &running::notes(), told).await?;
    let of_stack = |field: &str| {
        let value = facts[field].as_str().map(str::to_owned);
        value.ok_or_else(|| Error::document("GET /_local", format!("it has no {field}")))
    };
    let source = source.map_or_else(|| of_stack("source"), Ok)?;
    let now = client.get("/_local/clock").ok().await?;
    let now = now["now"]
        .as_str()
        .and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let now = now.ok_or_else(|| Error::document("GET /_local/clock", "it has no time"))?;

    fill_now(&mut delivery, now);
    let call = client.deliver(
        &of_stack("org")?,
        &source,
        &of_stack("webhook_secret")?,
        now,
        &delivery,
    )?;
    let reply = call.reply().await?;
    if !(200..300).contains(&reply.status) {
        return Err(reply.unexpected());
    }
    let pretty = serde_json::to_string_pretty(&reply.body);
    say(out, &pretty.unwrap_or_else(|_| reply.body.to_string()));
    Ok(())
}
