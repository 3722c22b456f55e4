//! The calls of AWS that invocations have made and that nobody has answered yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use tokio::sync::oneshot;

/// Who makes a call: one invocation, or the test itself.
pub(crate) type Who = usize;

/// One call of AWS.
#[derive(Debug)]
pub(crate) struct Call {
    /// The host that stands for the service, such as `dynamodb`.
    pub(crate) service: String,
    /// The operation, or for services with paths the method.
    pub(crate) operation: String,
    pub(crate) path: String,
    pub(crate) body: String,
    answer: oneshot::Sender<Answer>,
}

/// An HTTP status and a JSON body.
pub(crate) type Answer = (u16, String);

impl Call {
    /// True where nothing changes by it.
    pub(crate) fn reads(&self) -> bool {
        matches!(
            self.operation.as_str(),
            "BatchGetItem" | "GetItem" | "Query" | "Decrypt"
        )
    }

    /// True where the card ledger, which stands for the issuer, is called.
    pub(crate) fn is_the_issuers(&self) -> bool {
        let body = || serde_json::from_str::<Value>(&self.body).unwrap();
        self.operation == "UpdateItem" && body()["Key"]["sk"]["S"] == "L"
    }

    /// The caller learns what came of it.
    pub(crate) fn answered(self, answer: Answer) {
        // The caller may be gone.
        let _ = self.answer.send(answer);
    }
}

/// The connector of every client: a call waits here until the test answers it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// Who runs at this moment.
    running: Who,
    calls: BTreeMap<Who, VecDeque<Call>>,
}

impl Wire {
    /// An HTTP client that makes no connection.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let wire = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| wire.clone())
    }

    /// From now on calls are of `who`.
    pub(crate) fn runs(&self, who: Who) {
        self.0.lock().unwrap().running = who;
    }

    pub(crate) fn has(&self, who: Who) -> bool {
        let waiting = self.0.lock().unwrap();
        waiting
            .calls
            .get(&who)
            .is_some_and(|calls| !calls.is_empty())
    }

    /// Looks at the call that has waited longest.
    pub(crate) fn peek<T>(&self, who: Who, look: impl FnOnce(&Call) -> T) -> T {
        let waiting = self.0.lock().unwrap();
        look(waiting.calls[&who].front().unwrap())
    }

    /// The call that has waited longest.
    pub(crate) fn next(&self, who: Who) -> Option<Call> {
        self.0.lock().unwrap().calls.get_mut(&who)?.pop_front()
    }

    /// Nobody asks for the answers any more.
    pub(crate) fn forget(&self, who: Who) {
        self.0.lock().unwrap().calls.remove(&who);
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, answered) = oneshot::channel();
        let (host, path) = split(request.uri());
        let target = request.headers().get("x-amz-target");
        let operation = target.and_then(|target| target.split_once('.'));
        let operation = operation.map_or(request.method(), |(_, operation)| operation);
        let body = request.body().bytes().unwrap_or_default();
        let call = Call {
            service: host.to_owned(),
            operation: operation.to_owned(),
            path: path.to_owned(),
            body: String::from_utf8(body.to_vec()).unwrap(),
            answer,
        };
        let mut waiting = self.0.lock().unwrap();
        let who = waiting.running;
        waiting.calls.entry(who).or_default().push_back(call);
        HttpConnectorFuture::new(async move {
            // What is never answered belongs to an invocation that is over.
            let Ok((status, body)) = answered.await else {
                return std::future::pending().await;
            };
            let status = StatusCode::try_from(status).unwrap();
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            let kind = "application/x-amz-json-1.0";
            response.headers_mut().insert("content-type", kind);
            Ok(response)
        })
    }
}

/// Host and path of `http://host/path`.
fn split(uri: &str) -> (&str, &str) {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    }
}
