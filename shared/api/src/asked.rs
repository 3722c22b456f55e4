//! What the log says of a request that was refused or has failed: the organisation, the source, the route and a hash of
//! the subject. None of them is a name or an address.

use offramp_app::Error;
use offramp_domain::{OrgId, SourceId, hex};
use ring::digest::{Context, SHA256};
use tracing::field::display;

use crate::http::{Request, describe};

/// Bytes of the hash of a subject.
const HASH_BYTES: usize = 8;

/// A request, as the log names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    request_id: String,
    /// The route key, which holds no value of the path; `None` for an operation.
    route: Option<String>,
    /// `None` if the path has no valid organisation.
    org: Option<OrgId>,
    source: Option<SourceId>,
    subject: Option<String>,
}

impl Asked {
    /// An operation of the stack's operator.
    #[must_use]
    pub fn operation(request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            ..Self::default()
        }
    }

    /// A request of API Gateway. `claim` is the name of the subject claim; `None` if the route has no token.
    #[must_use]
    pub fn of(request: &Request, claim: Option<&str>) -> Self {
        let org = request.org().ok();
        let claims = request.claims();
        let subject = claim.and_then(|claim| claims.get(claim));
        Self {
            request_id: request.id().to_owned(),
            route: Some(request.route().to_owned()),
            source: SourceId::new(request.path("source")).ok(),
            subject: org
                .as_ref()
                .zip(subject)
                .map(|(org, subject)| subject_hash(org, subject)),
            org,
        }
    }

    /// Logs that the request was refused, or has failed.
    pub fn tell(&self, error: &Error) {
        let (status, code, _) = describe(error);
        let (request_id, route) = (&*self.request_id, self.route.as_deref());
        let (org, source) = (
            self.org.as_ref().map(display),
            self.source.as_ref().map(display),
        );
        let subject = self.subject.as_deref();
        if status >= 500 {
            tracing::error!(request_id, route, org, source, subject, code, %error, "a request failed");
        } else {
            tracing::info!(
                request_id,
                route,
                org,
                source,
                subject,
                code,
                status,
                "a request was refused"
            );
        }
    }
}

/// The first 64 bits of the SHA-256 of the organisation, a line feed and the subject claim, in hexadecimal. An operator
/// who has somebody's subject finds their lines, and nobody reads an address in the log.
#[must_use]
pub fn subject_hash(org: &OrgId, subject: &str) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(org.as_str().as_bytes());
    hash.update(b"\n");
    hash.update(subject.as_bytes());
    let hash = hash.finish();
    let hash = hash.as_ref();
    hex(hash.get(..HASH_BYTES).unwrap_or(hash))
}
