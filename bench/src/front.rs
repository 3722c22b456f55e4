//! AWS over TLS: stands in front of the stand-ins, which speak plain HTTP, with a certificate of its own.
//!
//! It passes calls on, or answers them as they were answered the last time: then what is measured is a function and not
//! the database behind it. It notes them either way, and can hold each answer for a while, as a network would: answers
//! are held side by side, so that what is asked at once comes at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Result;
use crate::book::{Answer, Book, Call, Mode, counts};
use crate::hold::hold;

/// Variables whose values are addresses of AWS services.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_";

/// A certificate for this machine, signed by itself, that clients are told to trust.
pub(crate) struct Certificate {
    acceptor: TlsAcceptor,
    pem: PathBuf,
}

impl Certificate {
    /// Makes one, and puts it where clients can read it.
    pub(crate) fn new(pem: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        std::fs::write(pem, made.cert.pem())?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            pem: pem.to_owned(),
        })
    }
}

/// The fronts of one function's services. They go when it is dropped.
pub(crate) struct Front {
    book: Arc<Mutex<Book>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Front {
    /// Puts fronts before the services that an environment names, and itself into the environment.
    pub(crate) async fn before(
        environment: &mut BTreeMap<String, String>,
        certificate: &Certificate,
    ) -> Result<Self> {
        let book = Arc::new(Mutex::new(Book::default()));
        let http = reqwest::Client::builder().no_proxy().build()?;
        let mut tasks = Vec::new();
        for (name, url) in environment.iter_mut() {
            let Some(service) = name.strip_prefix(ENDPOINT) else {
                continue;
            };
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let behind = Arc::new(Behind {
                service: service.to_lowercase(),
                upstream: std::mem::take(url),
                http: http.clone(),
                book: Arc::clone(&book),
            });
            *url = format!("https://localhost:{}", listener.local_addr()?.port());
            let acceptor = certificate.acceptor.clone();
            tasks.push(tokio::spawn(accept(listener, acceptor, behind)));
        }
        let pem = certificate.pem.display().to_string();
        // Ours and boto3 read the first, Node the second, and rustls' native roots the third.
        for name in ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] {
            environment.insert(name.to_owned(), pem.clone());
        }
        Ok(Self { book, tasks })
    }

    /// From here on answers are remembered.
    pub(crate) fn remember(&self) {
        lock(&self.book).mode = Mode::Remember;
    }

    /// From here on calls are answered as the same ones were while answers were remembered.
    pub(crate) fn replay(&self) {
        lock(&self.book).mode = Mode::Replay;
    }

    /// From here on each answer is held so long.
    pub(crate) fn hold(&self, time: Duration) {
        lock(&self.book).hold = time;
    }

    /// The calls since the last time that this or [`Self::counts`] was asked, in the order in which they came.
    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.book).take()
    }

    /// How many they are, by service and operation.
    pub(crate) fn counts(&self) -> BTreeMap<String, u32> {
        counts(&self.calls())
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One service.
struct Behind {
    service: String,
    upstream: String,
    http: reqwest::Client,
    book: Arc<Mutex<Book>>,
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, behind: Arc<Behind>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, acceptor.clone(), Arc::clone(&behind)));
    }
}

async fn talk(stream: TcpStream, acceptor: TlsAcceptor, behind: Arc<Behind>) {
    // Where it cannot be set, answers are only slower.
    let _ = stream.set_nodelay(true);
    // A client that gives up while it greets, or goes when it is killed, is no fault here.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| {
        let behind = Arc::clone(&behind);
        async move { Ok::<_, std::convert::Infallible>(behind.answer(request).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Behind {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return plain(StatusCode::BAD_REQUEST, "the request has no end");
        };
        let body = body.to_bytes();
        let operation = operation(&parts.method, parts.uri.path(), &parts.headers);
        let (number, mode, time) = {
            let mut book = lock(&self.book);
            let passed = book.mode == Mode::Pass;
            let number = book.begun(Call {
                service: self.service.clone(),
                operation: operation.clone(),
                body: if passed { body.clone() } else { Bytes::new() },
                begun,
                ended: None,
            });
            (number, book.mode, book.hold)
        };
        let response = match mode {
            Mode::Pass => self.pass(&parts, body).await.map(Answer::into_response),
            Mode::Remember => {
                let name = (self.service.clone(), operation, key(&body));
                self.pass(&parts, body).await.map(|answer| {
                    lock(&self.book).answers.insert(name, answer.clone());
                    answer.into_response()
                })
            }
            Mode::Replay => {
                let name = (self.service.clone(), operation, key(&body));
                let known = lock(&self.book).answers.get(&name).cloned();
                Ok(known.map_or_else(
                    || {
                        let text = format!("nothing like {name:?} was asked before");
                        plain(StatusCode::BAD_REQUEST, &text)
                    },
                    Answer::into_response,
                ))
            }
        };
        hold(time).await;
        let response =
            response.unwrap_or_else(|error| plain(StatusCode::BAD_GATEWAY, &error.to_string()));
        lock(&self.book).ended(number, Instant::now());
        response
    }

    async fn pass(
        &self,
        parts: &hyper::http::request::Parts,
        body: Bytes,
    ) -> reqwest::Result<Answer> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers.clone();
        headers.remove(HOST);
        let url = format!("{}{path}", self.upstream);
        let request = self.http.request(parts.method.clone(), url);
        let response = request.headers(headers).body(body).send().await?;
        let status = response.status();
        let mut headers = HeaderMap::new();
        for (name, value) in response.headers() {
            if *name == CONTENT_TYPE || name.as_str().starts_with("x-amz") {
                headers.insert(name, value.clone());
            }
        }
        Ok(Answer {
            status,
            headers,
            body: response.bytes().await?,
        })
    }
}

/// The operation: the target of a service with JSON of version 1.0 or 1.1, else method and first word of the path.
fn operation(method: &Method, path: &str, headers: &HeaderMap) -> String {
    let target = headers.get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok()?.rsplit('.').next());
    match target {
        Some(target) => target.to_owned(),
        None => {
            let word = path.trim_start_matches('/').split('/').next();
            format!("{method} {}", word.unwrap_or_default())
        }
    }
}

/// What tells two calls of an operation apart: the one item that they are about.
fn key(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let key = &body["Key"];
    if key.is_null() {
        String::new()
    } else {
        key.to_string()
    }
}

impl Answer {
    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_owned())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_apart_by_what_they_are_about() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            operation(&Method::POST, "/schedules/leave-1", &headers),
            "POST schedules"
        );
        headers.insert("x-amz-target", "DynamoDB_20120810.GetItem".parse().unwrap());
        assert_eq!(operation(&Method::POST, "/", &headers), "GetItem");
        let one = br#"{"TableName":"t","Key":{"pk":{"S":"a"}}}"#;
        assert_eq!(key(one), r#"{"pk":{"S":"a"}}"#);
        assert_eq!(key(br#"{"RequestItems":{}}"#), "");
        assert_eq!(key(b""), "");
    }
}
