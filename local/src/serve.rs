//! `serve`: the stack stays up until Ctrl-C, and says how to begin.

use std::io::Write;
use std::path::PathBuf;

use aws_stand_ins::Clock;
use serde_json::Value;

use crate::Error;
use crate::acme::{ADMIN_EMAIL, ORG};
use crate::client::Client;
use crate::running::{self, Note};
use crate::say::say;
use crate::signer::rfc3339;
use crate::stack::{Stack, StackConfig};

/// Runs a stack until it is told to stop.
pub(crate) async fn run(
    port: u16,
    any_port_instead: bool,
    data: Option<PathBuf>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let stack = Stack::start(StackConfig {
        port,
        any_port_instead,
        data: data.clone(),
        clock: Clock::running(),
        seed: true,
        ..StackConfig::default()
    })
    .await?;
    let note = Note::leave(&running::notes(), stack.url());
    if let Err(error) = &note {
        tracing::warn!(%error, "`send` will need --to {}", stack.url());
    }
    say(out, &format!("ready {}\n", stack.url()));
    say(out, &welcome(&stack, data).await?);

    stopped().await;
    say(out, "\nstopping");
    drop(note);
    stack.shutdown().await
}

/// What is there, and what to paste next.
async fn welcome(stack: &Stack, data: Option<PathBuf>) -> Result<String, Error> {
    let (url, token) = (stack.url(), stack.admin_token()?);
    let users = Client::new(url)?
        .get(format!("/v1/orgs/{ORG}/users?limit=50"))
        .token(&token)
        .reply()
        .await?;
    // In a kept folder the admin of the seed may be no admin any more: then there is nothing to count with.
    let users = users.body["users"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let is_admin = |user: &&Value| user["role"] == "admin" && user["access"] == "granted";
    let admins = users.iter().filter(is_admin).count();
    let cards = users
        .iter()
        .filter_map(|user| usize::try_from(user["active_cards"].as_u64()?).ok())
        .sum::<usize>();
    let kept = match data {
        Some(folder) => format!("kept in {}", folder.display()),
        None => "gone when it stops (--data DIR keeps it)".to_owned(),
    };
    let user = format!("{url}/v1/orgs/{ORG}/users/E-1007");
    let name = users.iter().find(|user| user["employee_id"] == "E-1007");
    let name = name
        .and_then(|user| user["name"].as_str())
        .unwrap_or("E-1007");
    Ok(format!(
        r#"Organisation {ORG}: {people}, {admins}, {cards}; {kept}.
It is {now} here. Ctrl-C stops.

An admin's token ({ADMIN_EMAIL}), and what to try with it:

  TOKEN={token}

  # HR says that {name} is inactive: access goes at once, the cards stay
  cargo run -- send events/hr/leaver.json --to {url}
  curl -s {user} -H "authorization: Bearer $TOKEN"

  # two minutes later every admin has a mail
  curl -s {url}/_local/clock -d '{{"advance":"2m"}}'
  curl -s {url}/_local/mail

  # three days later the user is deactivated and the cards are cancelled
  curl -s {url}/_local/clock -d '{{"advance":"72h"}}'
  curl -s {user}/cards -H "authorization: Bearer $TOKEN"
"#,
        people = counted(users.len(), "person", "people"),
        admins = counted(admins, "admin", "admins"),
        cards = counted(cards, "card", "cards"),
        now = rfc3339(stack.now()),
    ))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// Returns at Ctrl-C, and where there are signals at the polite one to end.
async fn stopped() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be noticed");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    () = interrupt => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => interrupt.await,
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
