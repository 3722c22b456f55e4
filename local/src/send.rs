//! `send`: signs a file of HR events as the HR system would, and posts it to a running stack.

use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::client::Client;
use crate::say::say;
use crate::signer::fill_now;
use crate::stack::USUAL_PORT;
use crate::{Error, files};

/// Sends `file` and prints the reply. `to` and `source` are found by themselves unless given.
pub(crate) async fn run(
    file: &Path,
    to: Option<String>,
    source: Option<String>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let name = file.display().to_string();
    let text = std::fs::read(file).map_err(Error::reading(file))?;
    let mut delivery: Value =
        serde_json::from_slice(&text).map_err(|error| Error::document(&name, error))?;

    let (client, stack) = find(to).await?;
    let of_stack = |field: &str| {
        let value = stack[field].as_str().map(str::to_owned);
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

/// The stack that was started last, by the note that it left, or the one on the usual port; or the one that was named.
pub(crate) async fn find(to: Option<String>) -> Result<(Client, Value), Error> {
    let usual = format!("http://127.0.0.1:{USUAL_PORT}");
    let places = match to {
        Some(named) if named.contains("://") => vec![named],
        Some(named) => vec![format!("http://{named}")],
        None => {
            let noted = std::fs::read_to_string(files::address_note()).ok();
            noted.into_iter().chain([usual]).collect()
        }
    };
    for place in &places {
        let client = Client::new(place.trim())?;
        match client.get("/_local").ok().await {
            Ok(stack) => return Ok((client, stack)),
            Err(Error::Http { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Err(Error::Usage(format!(
        "no stack answers at {}: start one with `cargo run`, or name one with --to",
        places.join(" or at ")
    )))
}
