//! Who may ask `/_local`: a program of this machine, and a page of the stack's own. A page of any other site is kept out,
//! also one whose name was made to lead to this machine (DNS rebinding).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Refusal;
use crate::stack::core::Core;

/// The names of this machine, as a client writes them.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Lets a request through that names this stack as its host, and comes from no other origin.
pub(super) async fn only(State(core): State<Arc<Core>>, request: Request, next: Next) -> Response {
    let port = core.url.rsplit(':').next().unwrap_or_default();
    match foreign(request.headers(), port) {
        None => next.run(request).await,
        Some(name) => Refusal {
            status: StatusCode::FORBIDDEN,
            message: format!("the {name} is not this stack's own"),
        }
        .into_response(),
    }
}

/// The header that names another place than the stack on this port; `None` if there is none.
fn foreign(headers: &HeaderMap, port: &str) -> Option<&'static str> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let own = |authority: &str| {
        let read: Result<Authority, _> = authority.parse();
        read.is_ok_and(|read| {
            read.port().is_some_and(|at| at.as_str() == port)
                && NAMES
                    .iter()
                    .any(|name| read.host().eq_ignore_ascii_case(name))
                && !authority.contains('@')
        })
    };
    if !text(header::HOST).is_some_and(own) {
        return Some("Host");
    }
    // A browser sends `Origin` with each request that could change something, and `null` for a page without one.
    let origin = text(header::ORIGIN);
    let mine = |origin: &str| origin.strip_prefix("http://").is_some_and(own);
    (!origin.is_none_or(mine)).then_some("Origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: Option<&str>, origin: Option<&str>) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        foreign(&headers, "8787")
    }

    #[test]
    fn a_program_and_an_own_page_are_let_in() {
        for host in [
            "127.0.0.1:8787",
            "localhost:8787",
            "LOCALHOST:8787",
            "[::1]:8787",
        ] {
            assert_eq!(of(Some(host), None), None, "{host}");
            assert_eq!(
                of(Some(host), Some(&format!("http://{host}"))),
                None,
                "{host}"
            );
        }
    }

    #[test]
    fn another_host_or_origin_is_kept_out() {
        for host in [
            "rebind.evil.example",
            "rebind.evil.example:8787",
            "127.0.0.1",
            "127.0.0.1:8788",
            "127.0.0.1.evil.example:8787",
            "localhost.:8787",
            "a@127.0.0.1:8787",
            "",
        ] {
            assert_eq!(of(Some(host), None), Some("Host"), "{host}");
        }
        assert_eq!(of(None, None), Some("Host"));
        for origin in [
            "https://evil.example",
            "http://evil.example:8787",
            "http://127.0.0.1",
            "http://127.0.0.1:9000",
            "https://127.0.0.1:8787",
            "null",
            "",
        ] {
            assert_eq!(
                of(Some("127.0.0.1:8787"), Some(origin)),
                Some("Origin"),
                "{origin}"
            );
        }
    }
}
