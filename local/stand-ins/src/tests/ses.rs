use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use serde_json::json;

use super::{cloud, ses};
use crate::Cloud;

fn part(text: &str) -> Content {
    Content::builder()
        .data(text)
        .charset("UTF-8")
        .build()
        .unwrap()
}

fn mail(cloud: &Cloud, from: &str, to: &[String]) -> SendEmailFluentBuilder {
    let body = Body::builder()
        .text(part("text"))
        .html(part("<p>html</p>"))
        .build();
    let message = Message::builder().subject(part("Grüße")).body(body).build();
    ses(cloud)
        .send_email()
        .from_email_address(from)
        .destination(
            Destination::builder()
                .set_to_addresses(Some(to.to_vec()))
                .build(),
        )
        .content(EmailContent::builder().simple(message).build())
}

fn to(address: &str) -> Vec<String> {
    vec![address.to_owned()]
}

#[tokio::test]
async fn a_message_is_kept_as_it_was_sent() {
    let cloud = cloud().await;
    cloud.ses().verify("example.com");
    let tag = MessageTag::builder()
        .name("kind")
        .value("digest")
        .build()
        .unwrap();
    let sent = mail(
        &cloud,
        "Offramp <no-reply@mail.example.com>",
        &to("Ada <ada@example.org>"),
    )
    .configuration_set_name("offramp")
    .email_tags(tag)
    .send()
    .await
    .unwrap();
    let messages = cloud.ses().messages();
    assert_eq!(sent.message_id(), Some(messages[0].id.as_str()));
    assert_eq!(
        serde_json::to_value(&messages).unwrap(),
        json!([{
            "id": messages[0].id,
            "at": "2026-03-01T09:00:00Z",
            "from": "Offramp <no-reply@mail.example.com>",
            "to": ["Ada <ada@example.org>"],
            "subject": "Grüße",
            "text": "text",
            "html": "<p>html</p>",
        }])
    );
    cloud.ses().clear();
    assert!(cloud.ses().messages().is_empty());
}

#[tokio::test]
async fn an_unverified_sender_is_rejected() {
    let cloud = cloud().await;
    cloud.ses().verify("sender@example.com");
    for from in [
        "other@example.com",
        "sender@example.net",
        "sender@notexample.com",
    ] {
        let error = mail(&cloud, from, &to("ada@example.org"))
            .send()
            .await
            .unwrap_err()
            .into_service_error();
        assert!(error.is_message_rejected(), "{from}: {error:?}");
        assert!(
            error.to_string().contains("MessageRejected")
                || error.meta().message().unwrap().contains(from)
        );
    }
    mail(&cloud, "Sender@Example.com", &to("ada@example.org"))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn recipients_are_checked() {
    let cloud = cloud().await;
    cloud.ses().verify("example.com");
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("u{n}@example.org"))
            .collect::<Vec<_>>()
    };
    let bad = [
        many(0),
        many(51),
        to("ada"),
        to("ada@localhost"),
        to("a da@example.org"),
        to("Ada <ada@example.org"),
    ];
    for to in bad {
        let error = mail(&cloud, "a@example.com", &to)
            .send()
            .await
            .unwrap_err()
            .into_service_error();
        assert!(error.is_bad_request_exception(), "{to:?}: {error:?}");
    }
    mail(&cloud, "a@example.com", &many(50))
        .send()
        .await
        .unwrap();
    assert_eq!(cloud.ses().messages()[0].to.len(), 50);
}

#[tokio::test]
async fn a_refused_recipient_fails_the_whole_message() {
    let cloud = cloud().await;
    cloud.ses().verify("example.com");
    cloud.ses().refuse("ada@example.org");
    let both = [to("bob@example.org"), to("Ada <ADA@example.org>")].concat();
    let error = mail(&cloud, "a@example.com", &both)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.is_message_rejected());
    assert!(cloud.ses().messages().is_empty());
    cloud.ses().accept("ada@example.org");
    mail(&cloud, "a@example.com", &both).send().await.unwrap();
}
