use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_stand_ins::{Clock, Handler};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offramp_aws::Sink;
use serde_json::{Value, json};

use crate::client::Client;
use crate::functions::Environment;
use crate::stack::{Stack, StackConfig};
use crate::template::Function;

/// Functions that answer what the body's `x-answer` header says, or with the event that they got.
fn stub(_: &Function, _: &Environment, _: Clock, _: Sink) -> Result<Handler, crate::Error> {
    Ok(Arc::new(|event: Value, _| {
        Box::pin(async move {
            match event["headers"]["x-answer"].as_str() {
                Some("fail") => Err("it failed".to_owned().into()),
                Some("large") => Ok(json!({"statusCode": 200, "body": "x".repeat(7_000_000)})),
                Some(answer) => {
                    serde_json::from_str(answer).map_err(|error| error.to_string().into())
                }
                None => Ok(json!({"statusCode": 200, "body": event.to_string()})),
            }
        })
    }))
}

async fn stack() -> (Stack, Client) {
    let config = StackConfig {
        seed: false,
        clock: Clock::frozen("2026-03-02T09:00:00Z".parse().unwrap()),
        ..StackConfig::default()
    };
    let stack = Stack::start_wired(config, stub).await.unwrap();
    let client = Client::new(stack.url()).unwrap();
    (stack, client)
}

#[tokio::test]
async fn a_request_becomes_an_event_of_format_two() {
    let (stack, client) = stack().await;
    let token = stack
        .token_for("ada@acme.test", "acme", &["service", "x y"])
        .unwrap();
    let call = client.get("/v1/orgs/acme/users/a%20b%2Fc?q=a+b&q=%C3%A9&empty=");
    let event = call
        .token(&token)
        .header("X-Thing", "one")
        .header("x-thing", "two")
        .ok()
        .await
        .unwrap();

    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "GET /v1/orgs/{org}/users/{id}");
    assert_eq!(event["rawPath"], "/v1/orgs/acme/users/a b/c");
    assert_eq!(event["rawQueryString"], "q=a+b&q=%C3%A9&empty=");
    assert_eq!(
        event["queryStringParameters"],
        json!({"q": "a b,é", "empty": ""})
    );
    assert_eq!(
        event["pathParameters"],
        json!({"org": "acme", "id": "a b/c"})
    );
    assert_eq!(event["headers"]["x-thing"], "one,two");
    assert_eq!(event["isBase64Encoded"], false);
    assert_eq!(event.get("body"), None);
    let context = &event["requestContext"];
    assert_eq!(context["stage"], "$default");
    assert_eq!(context["time"], "02/Mar/2026:09:00:00 +0000");
    assert_eq!(context["timeEpoch"], 1_772_442_000_000_i64);
    assert_eq!(context["http"]["method"], "GET");
    assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    let claims = &context["authorizer"]["jwt"]["claims"];
    assert_eq!(claims["roles"], "[service x y]");
    assert_eq!(claims["email"], "ada@acme.test");
    assert_eq!(claims["iat"], "1772442000");
    serde_json::from_value::<ApiGatewayV2httpRequest>(event).unwrap();
    stack.shutdown().await.unwrap();
}

#[tokio::test]
async fn text_stays_text_and_the_rest_is_base64() {
    let (_stack, client) = stack().await;
    let path = "/v1/orgs/acme/sources/hris/events";
    let event = client.post(path, &json!({"ä": 1})).ok().await.unwrap();
    assert_eq!(event["body"], "{\"ä\":1}");
    assert_eq!(event["requestContext"].get("authorizer"), None);

    let url = format!("{}{path}", client.base());
    let posted = |kind: &'static str, body: Vec<u8>| {
        let url = url.clone();
        async move {
            let request = reqwest::Client::new()
                .post(url)
                .header("content-type", kind)
                .body(body);
            request.send().await.unwrap().json::<Value>().await.unwrap()
        }
    };
    let csv = posted("text/csv; charset=utf-8", b"a,b".to_vec()).await;
    assert_eq!(
        (&csv["body"], &csv["isBase64Encoded"]),
        (&json!("a,b"), &json!(false))
    );
    for (kind, body) in [
        ("application/octet-stream", b"ab".to_vec()),
        ("text/plain", vec![0xff]),
    ] {
        let event = posted(kind, body.clone()).await;
        assert_eq!(event["isBase64Encoded"], true);
        assert_eq!(event["body"], STANDARD.encode(body));
    }
}

#[tokio::test]
async fn what_the_gateway_refuses_it_refuses_in_its_own_words() {
    let (stack, client) = stack().await;
    let message = |reply: crate::client::Reply| {
        (
            reply.status,
            reply.body["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let no_route = message(client.get("/v1/nothing").reply().await.unwrap());
    assert_eq!(no_route, (404, "Not Found".to_owned()));
    let wrong_method = message(
        client
            .delete("/v1/orgs/acme/settings")
            .reply()
            .await
            .unwrap(),
    );
    assert_eq!(wrong_method, (404, "Not Found".to_owned()));

    let settings = "/v1/orgs/acme/settings";
    let unauthorized = (401, "Unauthorized".to_owned());
    assert_eq!(
        message(client.get(settings).reply().await.unwrap()),
        unauthorized
    );
    let forged = client.get(settings).token("a.b.c").reply().await.unwrap();
    assert_eq!(message(forged), unauthorized);
    let token = stack.admin_token().unwrap();
    let bare = client
        .get(settings)
        .header("authorization", &token)
        .reply()
        .await
        .unwrap();
    assert_eq!(bare.status, 200);

    let events = "/v1/orgs/acme/sources/hris/events";
    for megabytes in [7, 11] {
        let body = json!("x".repeat(megabytes * 1024 * 1024));
        let large = message(client.post(events, &body).reply().await.unwrap());
        assert_eq!(
            large,
            (413, "Request Entity Too Large".to_owned()),
            "{megabytes} MB"
        );
    }
}

#[tokio::test]
async fn a_reply_becomes_a_response_and_a_failure_a_500() {
    let (_stack, client) = stack().await;
    let answered = async |answer: &str| {
        let events = client.post("/v1/orgs/acme/sources/hris/events", &json!({}));
        events.header("x-answer", answer).reply().await.unwrap()
    };
    let created =
        answered(r#"{"statusCode":201,"headers":{"ETag":"\"7\""},"body":"{\"a\":1}"}"#).await;
    assert_eq!(
        (created.status, created.etag.as_deref()),
        (201, Some("\"7\""))
    );
    assert_eq!(created.body, json!({"a": 1}));
    let binary =
        answered(r#"{"statusCode":200,"body":"eyJhIjoyfQ==","isBase64Encoded":true}"#).await;
    assert_eq!(binary.body, json!({"a": 2}));
    let inferred = answered(r#"{"healthy":true}"#).await;
    assert_eq!(
        (inferred.status, &inferred.body),
        (200, &json!({"healthy": true}))
    );
    // Format 2.0 does not know these, and neither does what is deployed.
    let lost =
        answered(r#"{"statusCode":200,"multiValueHeaders":{"etag":["\"7\""]},"body":""}"#).await;
    assert_eq!(lost.etag, None);

    for (answer, status, message) in [
        ("fail", 500, "Internal Server Error"),
        (r#"{"statusCode":"what"}"#, 500, "Internal Server Error"),
        ("large", 500, "Internal Server Error"),
    ] {
        let reply = answered(answer).await;
        assert_eq!(
            (reply.status, reply.body["message"].as_str()),
            (status, Some(message))
        );
    }
}

#[tokio::test]
async fn the_local_routes_are_there_without_a_token() {
    let (stack, client) = stack().await;
    let local = client.get("/_local").ok().await.unwrap();
    assert_eq!(local["api"], stack.url());
    assert_eq!(local["webhook_secret"], Value::Null);
    let moved = client
        .post("/_local/clock", &json!({"advance": "1d"}))
        .ok()
        .await
        .unwrap();
    assert_eq!(moved, json!({"now": "2026-03-03T09:00:00.000Z"}));
    assert_eq!(client.get("/_local/clock").ok().await.unwrap(), moved);
    let back = client
        .post("/_local/clock", &json!({"now": "2026-03-01T00:00:00Z"}))
        .reply()
        .await
        .unwrap();
    assert_eq!(back.status, 409);
    // The rule that the template has for sweep fired on the way.
    let ran = client.get("/_local/invocations").ok().await.unwrap();
    assert_eq!(ran["invocations"][0]["name"], "offramp-sweep");

    let fault =
        json!({"service": "ses", "operation": "SendEmail", "mode": "after_commit", "times": 2});
    let pending = client.post("/_local/faults", &fault).ok().await.unwrap();
    assert_eq!(pending["pending"][0]["mode"], "after_commit");
    client.delete("/_local/faults").ok().await.unwrap();
    assert_eq!(
        client.get("/_local/faults").ok().await.unwrap(),
        json!({"lasting": [], "pending": []})
    );
    let token = client.post(
        "/_local/token",
        &json!({"subject": "x@y.test", "roles": ["service"]}),
    );
    let token = token.ok().await.unwrap();
    let settings = client
        .get("/v1/orgs/acme/settings")
        .token(token["token"].as_str().unwrap());
    assert_eq!(settings.reply().await.unwrap().status, 200);
    assert_eq!(
        client.get("/_local/dead-letters").ok().await.unwrap(),
        json!({"messages": []})
    );
    assert_eq!(
        client.get("/_local/schedules").ok().await.unwrap(),
        json!({"schedules": []})
    );
    assert_eq!(
        client.get("/_local/mail").ok().await.unwrap(),
        json!({"messages": []})
    );
}

#[tokio::test]
async fn stacks_run_side_by_side_and_a_taken_port_is_evaded_on_request() {
    let (first, _) = stack().await;
    let port: u16 = first.url().rsplit(':').next().unwrap().parse().unwrap();
    let config = StackConfig {
        port,
        seed: false,
        ..StackConfig::default()
    };
    assert!(Stack::start_wired(config.clone(), stub).await.is_err());
    let config = StackConfig {
        any_port_instead: true,
        ..config
    };
    let second = Stack::start_wired(config, stub).await.unwrap();
    assert_ne!(first.url(), second.url());
    for stack in [&first, &second] {
        let health = Client::new(stack.url())
            .unwrap()
            .get("/healthz")
            .reply()
            .await
            .unwrap();
        assert_eq!(health.status, 200);
    }
    drop(first);
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_data_folder_keeps_the_key_and_the_clock() {
    let folder = std::env::temp_dir().join(format!("offramp-stack-{}", std::process::id()));
    let config = |clock| StackConfig {
        seed: false,
        data: Some(folder.clone()),
        clock,
        ..StackConfig::default()
    };
    let stack = Stack::start_wired(config(Clock::running()), stub)
        .await
        .unwrap();
    let token = stack.token_for("ada@acme.test", "acme", &[]).unwrap();
    let second = Stack::start_wired(config(Clock::running()), stub).await;
    assert!(matches!(second.err(), Some(crate::Error::InUse(_))));
    let ahead = stack.advance(Duration::from_secs(86_400)).await.unwrap();
    stack.shutdown().await.unwrap();

    let stack = Stack::start_wired(config(Clock::running()), stub)
        .await
        .unwrap();
    assert!(stack.now() >= ahead);
    let client = Client::new(stack.url()).unwrap();
    let settings = client
        .get("/v1/orgs/acme/settings")
        .token(&token)
        .reply()
        .await
        .unwrap();
    assert_eq!(settings.status, 200);
    stack.shutdown().await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
