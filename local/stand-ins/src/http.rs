use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::Error;
use crate::front::{self, Surface};
use crate::shared::Shared;
use crate::wire::{Reply, Request};

/// Serves one AWS service on a free loopback port until the stand-ins stop. Returns its URL.
///
/// This is hyper and not a router above it, because a fault must be able to close a connection without an answer.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    surface: Surface,
) -> Result<(String, JoinHandle<()>), Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(Error::Listen)?;
    let address = listener.local_addr().map_err(Error::Listen)?;
    let task = tokio::spawn(accept(listener, Arc::clone(shared), surface));
    Ok((format!("http://{address}"), task))
}

#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer, as was asked for")]
struct Closed;

async fn accept(listener: TcpListener, shared: Arc<Shared>, surface: Surface) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Ended connections are let go of as they end.
            Some(_) = connections.join_next() => continue,
            () = shared.stopped() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(talk(stream, Arc::clone(&shared), surface));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    connections.shutdown().await;
}

async fn talk(stream: TcpStream, shared: Arc<Shared>, surface: Surface) {
    // Small answers must not wait for the next packet; where that cannot be set they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&shared), surface, request));
    // A connection ends with an error when a fault closes it or the caller goes away.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    shared: Arc<Shared>,
    surface: Surface,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Closed> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    let request = Request {
        method: parts.method,
        target,
        headers: parts.headers,
        body,
    };
    match front::handle(&shared, surface, request).await {
        Reply::Answer(answer) => {
            let mut response = hyper::Response::new(Full::new(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        }
        Reply::Never => std::future::pending().await,
        Reply::Drop => Err(Closed),
    }
}
