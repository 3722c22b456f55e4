//! The payload of an invocation: an event that AWS delivers, or an operation that an operator asks for.
//!
//! An operation is an object with the member `offramp`, which no event of AWS has. Each event of API Gateway has
//! `requestContext` and `routeKey`
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>). Such an
//! event is a request and never an operation, whatever else it contains. So only a caller with the permission
//! `lambda:InvokeFunction` in IAM can ask for an operation.
//!
//! That permission is not enough. Scheduler has it as well, by a role that most functions may lend to a timer, and a timer
//! carries any payload. So an operation is taken only through the alias [`OPERATOR`] of the function, which that role
//! cannot invoke: a policy that names a function without a qualifier allows no request with one
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html>). The runtime says through which
//! ARN it was invoked, with the alias where the caller named one
//! (`Lambda-Runtime-Invoked-Function-Arn`, <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use crate::view::Seen;
use lambda_runtime::Context;
use offramp_app::{Clock, Error, Fault};
use offramp_domain::{Actor, Policy};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::asked::Asked;
use crate::http::problem;

/// The alias through which a function takes operations, and nothing else. `template.yaml` makes it.
pub const OPERATOR: &str = "operator";

/// An event `E`, or an operation `O`.
#[derive(Debug)]
pub enum Invoked<E, O> {
    /// An event that AWS delivers.
    Event(Box<E>),
    /// An operation that an operator asks for.
    Operation(O),
}

impl<E, O> Invoked<E, O> {
    /// The payload, if it came the way that its kind has to come: an operation through the alias [`OPERATOR`], and an
    /// event through the function itself. So the right to invoke the alias is no right to make up requests or timers.
    ///
    /// # Errors
    /// A fault that no retry mends. Nothing is done then.
    pub fn admitted(self, context: &Context) -> offramp_app::Result<Self> {
        let through_alias = qualifier(&context.invoked_function_arn) == Some(OPERATOR);
        match (&self, through_alias) {
            (Self::Operation(_), true) | (Self::Event(_), false) => Ok(self),
            (Self::Operation(_), false) => Err(misplaced(
                "an operation is taken through the alias `operator` of the function only",
            )),
            (Self::Event(_), true) => Err(misplaced(
                "the alias `operator` takes operations only, and this is an event",
            )),
        }
    }
}

/// The alias or version in the ARN of a function: the part after the name,
/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER`.
fn qualifier(arn: &str) -> Option<&str> {
    arn.split(':').nth(7)
}

fn misplaced(message: &str) -> Error {
    Error::Fault(Fault {
        service: "lambda",
        operation: "Invoke",
        message: message.to_owned(),
        retryable: false,
    })
}

/// The members by which events and operations are told apart.
#[derive(Deserialize)]
struct Marks {
    offramp: Option<IgnoredAny>,
    #[serde(rename = "requestContext")]
    request_context: Option<IgnoredAny>,
    #[serde(rename = "routeKey")]
    route_key: Option<IgnoredAny>,
}

impl<'de, E: DeserializeOwned, O: DeserializeOwned> Deserialize<'de> for Invoked<E, O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let marks: Marks = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let request = marks.request_context.is_some() || marks.route_key.is_some();
        if marks.offramp.is_some() && !request {
            let operation = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
            Ok(Self::Operation(operation))
        } else {
            let event = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
            Ok(Self::Event(Box::new(event)))
        }
    }
}

/// The answer of a function to an event or an operation.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer<R> {
    /// The answer to an event.
    Event(R),
    /// The result of an operation, or a problem as the routes return it (RFC 9457).
    Operation(Box<RawValue>),
}

/// The operator, as the history records one.
#[must_use]
pub fn operator(context: &Context) -> Actor {
    Actor::Operator {
        request_id: context.request_id.clone(),
    }
}

/// The answer to an operation. A refusal is an answer too, so that a script can tell a refusal from a function that
/// failed.
///
/// # Errors
/// A fault if the result cannot be written as JSON.
pub fn answer<T: Serialize>(
    done: offramp_app::Result<T>,
    clock: &Clock,
    request_id: &str,
) -> offramp_app::Result<Box<RawValue>> {
    let text = match done {
        Ok(value) => serde_json::to_string(&value),
        Err(error) => {
            let seen = Seen {
                policy: &Policy::default(),
                now: clock.now(),
            };
            Asked::operation(request_id).tell(&error);
            Ok(problem(&error, seen, request_id).body)
        }
    };
    let raw = text.and_then(RawValue::from_string);
    raw.map_err(|error| Error::Fault(Fault::corrupt("answer", error.to_string())))
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(tag = "offramp", rename_all = "snake_case", deny_unknown_fields)]
    enum Operation {
        Knock { org: String },
    }

    type Door = Invoked<ApiGatewayV2httpRequest, Operation>;

    fn invoked(payload: &Value) -> Result<Door, serde_json::Error> {
        serde_json::from_str(&payload.to_string())
    }

    fn request(change: impl FnOnce(&mut Value)) -> Value {
        let mut event = serde_json::from_str(include_str!("../../../events/lambda/admin.json"));
        change(event.as_mut().unwrap());
        event.unwrap()
    }

    #[test]
    fn an_operation_is_one_word_and_its_own_fields() {
        let knock = json!({ "offramp": "knock", "org": "acme" });
        let Door::Operation(Operation::Knock { org }) = invoked(&knock).unwrap() else {
            unreachable!("it is an operation");
        };
        assert_eq!(org, "acme");
        for wrong in [
            json!({ "offramp": "knock" }),
            json!({ "offramp": "knock", "org": "acme", "more": 1 }),
            json!({ "offramp": "enter", "org": "acme" }),
            json!({ "offramp": 1, "org": "acme" }),
            json!([{ "offramp": "knock", "org": "acme" }]),
            json!("knock"),
        ] {
            assert!(invoked(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_operation_comes_through_its_alias_and_an_event_does_not() {
        let knock = json!({ "offramp": "knock", "org": "acme" });
        let admitted = |payload: &Value, arn: &str| {
            let mut context = Context::default();
            context.invoked_function_arn = arn.to_owned();
            invoked(payload).unwrap().admitted(&context)
        };
        let function = "arn:aws:lambda:eu-central-1:123456789012:function:offramp-apply";
        let alias = format!("{function}:operator");
        for arn in [
            function,
            &format!("{function}:$LATEST"),
            &format!("{function}:7"),
            &format!("{function}:operators"),
            &format!("{function}:other:operator"),
            // A function of that name.
            "arn:aws:lambda:eu-central-1:123456789012:function:operator",
            "operator",
            ":operator",
            "",
        ] {
            let refused = admitted(&knock, arn).unwrap_err();
            assert!(!refused.is_retryable(), "{arn}");
            assert!(refused.to_string().contains("alias `operator`"), "{arn}");
            assert!(admitted(&request(|_| {}), arn).is_ok(), "{arn}");
        }
        assert!(admitted(&knock, &alias).is_ok());
        assert!(admitted(&request(|_| {}), &alias).is_err());
    }

    #[test]
    fn what_comes_through_api_gateway_is_a_request_whatever_is_in_it() {
        let knock = json!({ "offramp": "knock", "org": "acme" });
        let everywhere = |event: &mut Value| {
            event["body"] = json!(knock.to_string());
            event["headers"]["offramp"] = json!("knock");
            event["queryStringParameters"] = json!({ "offramp": "knock", "org": "acme" });
            event["pathParameters"]["offramp"] = json!("knock");
            event["cookies"] = json!(["offramp=knock"]);
            event["stageVariables"] = json!({ "offramp": "knock" });
        };
        // API Gateway does not let a caller set such members. Even if it did, the event would be a request.
        let on_top = |event: &mut Value| {
            event["offramp"] = json!("knock");
            event["org"] = json!("acme");
        };
        let stripped = |event: &mut Value| {
            on_top(event);
            event.as_object_mut().unwrap().remove("requestContext");
        };
        for event in [request(|_| {}), request(everywhere), request(on_top)] {
            assert!(matches!(invoked(&event), Ok(Door::Event(_))), "{event}");
        }
        // Without a request context the event is not even a request.
        assert!(invoked(&request(stripped)).is_err());
    }
}
