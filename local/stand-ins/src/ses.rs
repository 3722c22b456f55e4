use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::persist::File;
use crate::shared::Shared;
use crate::sync::lock;
use crate::wire::{Answer, Request};

/// A message that SES accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The message id that the sender was given.
    pub id: String,
    /// When it was accepted.
    pub at: DateTime<Utc>,
    /// The sender as it was given, with a display name if it had one.
    pub from: String,
    /// All who get it: To, then Cc, then Bcc.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text part; empty when there was none.
    pub text: String,
    /// The HTML part; empty when there was none.
    pub html: String,
}

/// The SES stand-in. Clones are the same.
#[derive(Clone)]
pub struct Ses(pub(crate) Arc<Shared>);

impl Ses {
    /// Makes an address or a domain (and its subdomains) a verified identity, which may send.
    pub fn verify(&self, identity: &str) {
        lock(&self.0.mailbox)
            .verified
            .insert(identity.to_ascii_lowercase());
    }

    /// Makes every message to this address be refused with `MessageRejected`.
    pub fn refuse(&self, address: &str) {
        lock(&self.0.mailbox)
            .refused
            .insert(address.to_ascii_lowercase());
    }

    /// Takes a refusal back.
    pub fn accept(&self, address: &str) {
        lock(&self.0.mailbox)
            .refused
            .remove(&address.to_ascii_lowercase());
    }

    /// The accepted messages, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.0.mailbox).messages.clone()
    }

    /// Forgets the accepted messages.
    pub fn clear(&self) {
        lock(&self.0.mailbox).messages.clear();
        self.0.store.mark(File::Mails);
    }
}

/// Messages, and who may send and receive them. Identities are configuration and do not outlive a restart.
#[derive(Default)]
pub(crate) struct Mailbox {
    verified: BTreeSet<String>,
    refused: BTreeSet<String>,
    messages: Vec<Message>,
}

impl Mailbox {
    pub(crate) fn restore(messages: Vec<Message>) -> Self {
        Self {
            messages,
            ..Self::default()
        }
    }

    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Whether the address itself, its domain, or a domain above that is verified.
    fn may_send(&self, address: &str) -> bool {
        let address = address.to_ascii_lowercase();
        let Some((_, domain)) = address.rsplit_once('@') else {
            return false;
        };
        let above = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]);
        self.verified.contains(&address)
            || std::iter::once(domain)
                .chain(above)
                .any(|domain| self.verified.contains(domain))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: Option<String>,
    destination: Option<Destination>,
    content: Option<Content>,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    #[serde(default)]
    email_tags: Vec<Tag>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Simple>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Option<Part>,
    body: Option<Body>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Part>,
    html: Option<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    name: String,
    value: String,
}

pub(crate) fn operation(request: &Request) -> Option<&'static str> {
    let path = request.target.split('?').next()?;
    (request.method == Method::POST && path == "/v2/email/outbound-emails").then_some("SendEmail")
}

pub(crate) fn handle(shared: &Shared, operation: &str, request: &Request) -> Answer {
    if operation != "SendEmail" {
        return error(
            404,
            "UnknownOperationException",
            "The SES stand-in does SendEmail only",
        );
    }
    let Ok(input) = serde_json::from_slice(&request.body) else {
        return error(
            400,
            "SerializationException",
            "The request body is not what SendEmail takes",
        );
    };
    match accept(shared, input) {
        Ok(message) => {
            let answer = json!({"MessageId": message.id});
            lock(&shared.mailbox).messages.push(message);
            shared.store.mark(File::Mails);
            Answer::json(200, "application/json", &answer)
        }
        Err((code, message)) => error(400, code, &message),
    }
}

/// A refusal: SES's error and its message.
type Refusal = (&'static str, String);

fn accept(shared: &Shared, input: SendEmail) -> Result<Message, Refusal> {
    let from = input
        .from_email_address
        .ok_or_else(|| bad("Missing required field: FromEmailAddress"))?;
    let sender = address_of(&from).ok_or_else(|| bad("Invalid FromEmailAddress"))?;
    let destination = input.destination.unwrap_or_default();
    let to: Vec<_> = [
        destination.to_addresses,
        destination.cc_addresses,
        destination.bcc_addresses,
    ]
    .into_iter()
    .flatten()
    .collect();
    if to.is_empty() {
        return Err(bad("At least one recipient is needed"));
    }
    if to.len() > 50 {
        return Err(bad("Recipient count exceeds 50"));
    }
    for address in to.iter().chain(&input.reply_to_addresses) {
        if address_of(address).is_none() {
            return Err(bad("Invalid email address in the destination"));
        }
    }
    for tag in &input.email_tags {
        if !is_tag(&tag.name) || !is_tag(&tag.value) {
            return Err(bad("A tag takes 1 to 256 letters, digits, '_' and '-'"));
        }
    }
    let simple = input.content.and_then(|content| content.simple);
    let simple = simple.ok_or_else(|| bad("The stand-in takes Content.Simple only"))?;
    let subject = simple
        .subject
        .ok_or_else(|| bad("Missing required field: Subject"))?
        .data;
    if subject.contains(['\r', '\n']) {
        return Err(bad("A subject is one line"));
    }
    let body = simple
        .body
        .ok_or_else(|| bad("Missing required field: Body"))?;
    if body.text.is_none() && body.html.is_none() {
        return Err(bad("A body has a text or an HTML part"));
    }
    let mailbox = lock(&shared.mailbox);
    if !mailbox.may_send(sender) {
        let region = shared.config.region.to_ascii_uppercase();
        return Err(rejected(format!(
            "Email address is not verified. The following identities failed the check in region {region}: {sender}"
        )));
    }
    let is_refused = |address: &String| {
        address_of(address)
            .is_some_and(|address| mailbox.refused.contains(&address.to_ascii_lowercase()))
    };
    if to.iter().any(is_refused) {
        return Err(rejected("A recipient refuses messages".to_owned()));
    }
    Ok(Message {
        id: format!(
            "{:016x}-{}-000000",
            shared.clock.now().timestamp_millis(),
            Uuid::new_v4()
        ),
        at: shared.clock.now(),
        from,
        to,
        subject,
        text: body.text.map(|part| part.data).unwrap_or_default(),
        html: body.html.map(|part| part.data).unwrap_or_default(),
    })
}

/// The address in `name@example.com` or `A name <name@example.com>`, if it is one: ASCII, as SES wants it.
fn address_of(written: &str) -> Option<&str> {
    let address = match written.trim().strip_suffix('>') {
        Some(named) => named.rsplit_once('<')?.1,
        None => written.trim(),
    };
    let (local, domain) = address.rsplit_once('@')?;
    let local_ok = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte));
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let domain_ok = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label_ok);
    (local_ok && domain_ok).then_some(address)
}

fn is_tag(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn bad(message: &str) -> Refusal {
    ("BadRequestException", message.to_owned())
}

fn rejected(message: String) -> Refusal {
    ("MessageRejected", message)
}

fn error(status: u16, code: &'static str, message: &str) -> Answer {
    Answer::rest_error(status, code, &json!({"message": message}))
}
