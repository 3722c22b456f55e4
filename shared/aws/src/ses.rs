//! Sends mails with SES v2.
//!
//! Each message has one recipient. SES allows 50, but one bad address fails the whole message. SES takes no idempotency
//! key, so a message whose answer was lost may have been sent.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>
//!
//! An account may send a limited number of messages a second, usually 14 after it has left the sandbox. SES throttles
//! the messages beyond that and *drops* them, so sending one again makes no second mail. A digest to fifty admins
//! exceeds the limit. So a throttled message is sent again within the run, for some seconds: six seconds at 14 messages
//! are enough for more than fifty. After that the message is a fault, and the digest's next run sends it.
//! <https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html>

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as SesMessage};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use offramp_app::Fault;
use offramp_app::backoff::pauses;
use offramp_app::ports::{Mailer, Message, Sent};

use crate::fault::fault;
use crate::prime;

/// The codes of a message that SES has dropped, because too many came within a second or a day. The API reference has
/// the first code, the developer guide the second.
const THROTTLED: [&str; 3] = [
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
];

/// Sends mails from one address.
#[derive(Debug, Clone)]
pub struct Ses {
    client: Client,
    sender: String,
}

impl Ses {
    /// Sends mails from `sender`, whose identity must be verified in SES.
    #[must_use]
    pub fn new(client: Client, sender: String) -> Self {
        Self { client, sender }
    }

    /// Connects to SES without calling an operation.
    ///
    /// # Errors
    /// A fault if no connection could be made.
    pub async fn prime(&self) -> Result<(), Fault> {
        let call = self.client.send_email().customize();
        let answer = call.mutate_request(prime::connection_only).send().await;
        prime::connected("ses", answer)
    }

    /// True if SES refused the message because of its recipient. An error that names the sender is not such a refusal.
    /// Otherwise every mail would be lost while the sender has a problem.
    fn refused(&self, error: &SendEmailError) -> bool {
        match error {
            SendEmailError::BadRequestException(_) => true,
            SendEmailError::MessageRejected(rejected) => !rejected
                .message()
                .is_some_and(|message| message.contains(&self.sender)),
            _ => false,
        }
    }
}

impl Mailer for Ses {
    async fn send(&self, message: &Message<'_>) -> Result<Sent, Fault> {
        let content = |data: &str| {
            Content::builder()
                .charset("UTF-8")
                .data(data)
                .build()
                .map_err(|error| Fault {
                    service: "ses",
                    operation: "SendEmail",
                    message: error.to_string(),
                    retryable: false,
                })
        };
        let body = Body::builder()
            .text(content(message.text)?)
            .html(content(message.html)?)
            .build();
        let simple = SesMessage::builder()
            .subject(content(message.subject)?)
            .body(body)
            .build();
        let content = EmailContent::builder().simple(simple).build();
        let send = self
            .client
            .send_email()
            .from_email_address(&self.sender)
            .destination(
                Destination::builder()
                    .to_addresses(message.to.as_str())
                    .build(),
            )
            .content(content);
        let mut sent = send.clone().send().await;
        for pause in pauses() {
            let Err(error) = &sent else { break };
            if !error.code().is_some_and(|code| THROTTLED.contains(&code)) {
                break;
            }
            pause.wait().await;
            sent = send.clone().send().await;
        }
        match sent {
            Ok(output) => Ok(Sent::Accepted(output.message_id.unwrap_or_default())),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| self.refused(error)) =>
            {
                let code = error.code().unwrap_or("unknown").to_owned();
                tracing::warn!(code, "SES refused a message for good");
                Ok(Sent::Refused)
            }
            Err(error) => Err(fault("ses", "SendEmail", &error)),
        }
    }
}
