//! HTTP in API Gateway's payload format 2.0, and the only place where errors become answers.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

mod once;

use std::collections::BTreeMap;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offramp_app::ports::Headers;
use offramp_app::{Error, Invalid, Result};
use offramp_domain::{OrgId, Refusal};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::query::Query;
use crate::view::{Seen, UserView};

/// A request for which API Gateway has found a route.
#[derive(Debug)]
pub struct Request {
    event: ApiGatewayV2httpRequest,
    query: Query,
}

impl Headers for Request {
    fn header(&self, name: &str) -> Option<&str> {
        Self::header(self, name)
    }
}

impl Request {
    /// The request of an event.
    #[must_use]
    pub fn new(event: ApiGatewayV2httpRequest) -> Self {
        let query = Query::read(event.raw_query_string.as_deref().unwrap_or_default());
        Self { event, query }
    }

    /// The route key of the matched route, such as `GET /healthz`.
    #[must_use]
    pub fn route(&self) -> &str {
        self.event.route_key.as_deref().unwrap_or_default()
    }

    /// API Gateway's id of the request.
    #[must_use]
    pub fn id(&self) -> &str {
        self.event
            .request_context
            .request_id
            .as_deref()
            .unwrap_or_default()
    }

    /// A parameter of the path; empty if the path has none of that name.
    #[must_use]
    pub fn path(&self, name: &str) -> &str {
        self.event
            .path_parameters
            .get(name)
            .map_or("", String::as_str)
    }

    /// The organisation in the path.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if it is not a valid id. The answer is the same as for an unknown organisation, so it
    /// reveals nothing.
    pub fn org(&self) -> Result<OrgId> {
        OrgId::new(self.path("org")).map_err(|_| Error::Forbidden)
    }

    /// The query.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// A header that changes what a request does; `None` without it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not ASCII text: taken for missing, it would protect nothing.
    pub fn condition(&self, name: &str) -> Result<Option<&str>> {
        let value = self.event.headers.get(name);
        let text = value.map(|value| value.to_str()).transpose();
        text.map_err(|_| Error::invalid(format!("/{name}"), "must be ASCII"))
    }

    /// A header; `None` if the header is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.event.headers.get(name)?.to_str().ok()
    }

    /// The claims of the token that the authorizer has verified.
    #[must_use]
    pub fn claims(&self) -> BTreeMap<String, String> {
        let authorizer = self.event.request_context.authorizer.as_ref();
        let jwt = authorizer.and_then(|authorizer| authorizer.jwt.as_ref());
        jwt.map(|jwt| jwt.claims.clone().into_iter().collect())
            .unwrap_or_default()
    }

    /// The version in `If-Match`; `None` if the header is missing or `*`.
    ///
    /// # Errors
    /// [`Error::VersionMismatch`] if `If-Match` is not a version number, and [`Error::Invalid`] if it is not ASCII.
    pub fn if_match(&self) -> Result<Option<u64>> {
        match self.condition("if-match")? {
            None | Some("*") => Ok(None),
            Some(tag) => tag
                .trim()
                .trim_matches('"')
                .parse()
                .map(Some)
                .map_err(|_| Error::VersionMismatch),
        }
    }

    /// The bytes of the body.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] if the event says that the body is Base64 and it is not.
    pub fn body(&self) -> Result<Vec<u8>> {
        let body = self.event.body.as_deref().unwrap_or_default();
        if self.event.is_base64_encoded {
            STANDARD
                .decode(body)
                .map_err(|_| Error::MalformedJson("not base64".to_owned()))
        } else {
            Ok(body.as_bytes().to_vec())
        }
    }

    /// Reads the JSON body of an admin route. An unknown field is an error if `T` denies unknown fields.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::MalformedJson`], or [`Error::Invalid`] with a JSON pointer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.body()?;
        if body.len() > MAX_ADMIN_BODY {
            return Err(Error::TooLarge("the body is larger than 256 KiB"));
        }
        once::object(&body)?;
        let mut json = serde_json::Deserializer::from_slice(&body);
        serde_path_to_error::deserialize(&mut json)
            .map_err(|error| Error::Invalid(vec![Invalid::read(&error)]))
    }

    /// Checks that a request for a route without a body says nothing in one: it is empty, or an empty object.
    ///
    /// # Errors
    /// [`Error::Invalid`]: whoever sends `dry_run` to such a route means that nothing is done.
    pub fn has_no_body(&self) -> Result<()> {
        let body = self.body()?;
        let said: String = String::from_utf8_lossy(&body).split_whitespace().collect();
        match said.as_str() {
            "" | "{}" => Ok(()),
            _ => Err(Error::invalid("", "this route takes no body")),
        }
    }
}

/// The most bytes in the body of an admin route.
const MAX_ADMIN_BODY: usize = 256 * 1024;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body; empty for 204.
    pub body: String,
    /// The version for the `ETag`; `None` if the answer has none.
    pub version: Option<u64>,
    /// The `ETag` of an answer that everybody may keep; `None` if nobody may.
    public: Option<String>,
    problem: bool,
    retry_after: bool,
}

impl Reply {
    /// An answer with a JSON body.
    ///
    /// # Errors
    /// A permanent fault if the value cannot be written as JSON.
    pub fn json<T: Serialize>(status: u16, value: &T) -> Result<Self> {
        let body = serde_json::to_string(value)
            .map_err(|error| offramp_app::Fault::corrupt("answer", error.to_string()))?;
        Ok(Self {
            status,
            body,
            version: None,
            public: None,
            problem: false,
            retry_after: false,
        })
    }

    /// The same answer with a version.
    #[must_use]
    pub fn with_version(self, version: u64) -> Self {
        Self {
            version: Some(version),
            ..self
        }
    }

    /// The stored answer of an earlier request with the same idempotency key.
    #[must_use]
    pub fn again(status: u16, body: String, version: Option<u64>) -> Self {
        Self {
            status,
            body,
            version,
            public: None,
            problem: false,
            retry_after: false,
        }
    }

    /// A JSON answer that is the same for everybody, and that may be kept for an hour. `tag` names the version of it. The
    /// answer is an empty 304 if the client says that it has that version (RFC 9110, 13.1.2).
    #[must_use]
    pub fn public(body: &str, tag: &str, request: &Request) -> Self {
        let tag = format!("\"{tag}\"");
        let known = request.header("if-none-match").is_some_and(|known| {
            let mut known = known.split(',').map(str::trim);
            known.any(|one| one == "*" || one.trim_start_matches("W/") == tag)
        });
        let (status, body) = match known {
            true => (304, String::new()),
            false => (200, body.to_owned()),
        };
        Self {
            public: Some(tag),
            ..Self::again(status, body, None)
        }
    }

    /// The answer in API Gateway's format.
    #[must_use]
    pub fn into_response(self) -> ApiGatewayV2httpResponse {
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = i64::from(self.status);
        let kind = if self.problem {
            "application/problem+json"
        } else {
            "application/json"
        };
        let mut header = |name: &'static str, value: String| {
            if let Ok(value) = value.parse() {
                response.headers.insert(name, value);
            }
        };
        header("content-type", kind.to_owned());
        let kept = match self.public {
            Some(_) => "public, max-age=3600",
            None => "no-store",
        };
        header("cache-control", kept.to_owned());
        if let Some(tag) = self.public {
            header("etag", tag);
        }
        for (name, value) in ALWAYS {
            header(name, value.to_owned());
        }
        if let Some(version) = self.version {
            header("etag", format!("\"{version}\""));
        }
        if self.retry_after {
            header("retry-after", RETRY_AFTER.to_owned());
        }
        response.body = Some(Body::Text(self.body));
        response
    }
}

/// The headers of every answer: a browser comes back over TLS only, for a year at least, and takes a body for nothing
/// but what its `content-type` says (ASVS 5.0, 3.4.1 and 3.4.4).
const ALWAYS: [(&str, &str); 2] = [
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
];
/// The value of `Retry-After`, in seconds.
const RETRY_AFTER: &str = "5";

/// A problem (RFC 9457).
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Problem))]
pub(crate) struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Pointed<'a>>,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(ignore))]
    question: Option<Question<'a>>,
}

/// An invalid part of the request. `pointer` is a JSON pointer, or a parameter's name after a slash. `detail` says what
/// is wrong.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = InvalidPart))]
struct Pointed<'a> {
    pointer: &'a str,
    detail: &'a str,
}

/// A question that an admin must confirm: how many users the change affects, the first 100 of them, and the token to
/// send.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Question))]
pub(crate) struct Question<'a> {
    affected: usize,
    /// True if not everybody was counted: `affected` is the least.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    at_least: bool,
    users: Vec<UserView>,
    confirmation: &'a str,
}

/// The answer for an error, as RFC 9457 defines it. `seen` gives the policy and the present for showing users. Internal
/// details are not in it: [`Asked::tell`](crate::asked::Asked::tell) logs them.
#[must_use]
pub fn problem(error: &Error, seen: Seen<'_>, request_id: &str) -> Reply {
    let (status, code, title) = describe(error);
    let retry_after = status == 429 || status == 503;
    let errors = match error {
        Error::Invalid(errors) => errors.iter().map(pointed).collect(),
        _ => Vec::new(),
    };
    let question = match error {
        Error::ConfirmationRequired {
            affected,
            at_least,
            users,
            confirmation,
            ..
        } => Some(Question {
            affected: *affected,
            at_least: *at_least,
            users: users.iter().map(|user| UserView::of(user, seen)).collect(),
            confirmation,
        }),
        _ => None,
    };
    let detail = match error {
        Error::Fault(_) => {
            "Something that this needs did not answer. Nothing is lost; try again.".to_owned()
        }
        other => other.to_string(),
    };
    let body = Problem {
        r#type: format!("urn:offramp:problem:{code}"),
        title,
        status,
        detail,
        code,
        request_id,
        errors,
        question,
    };
    Reply {
        status,
        body: serde_json::to_string(&body).unwrap_or_default(),
        version: None,
        public: None,
        problem: true,
        retry_after,
    }
}

fn pointed(invalid: &Invalid) -> Pointed<'_> {
    Pointed {
        pointer: &invalid.pointer,
        detail: &invalid.detail,
    }
}

/// The status, the stable code and the title of every error.
pub(crate) fn describe(error: &Error) -> (u16, &'static str, &'static str) {
    match error {
        Error::Fault(fault) if fault.retryable => (503, "unavailable", "Service unavailable"),
        Error::Fault(_) => (500, "internal", "Internal error"),
        Error::Busy => (503, "busy", "Too many concurrent changes"),
        Error::Unfinished(_) => (503, "unfinished", "Not finished in time"),
        Error::Invalid(_) => (422, "invalid", "The request is invalid"),
        Error::MalformedJson(_) => (400, "malformed_json", "The body is not JSON"),
        Error::TooLarge(_) => (413, "too_large", "The request is too large"),
        Error::BadSignature => (401, "bad_signature", "Bad signature"),
        Error::TimestampOutOfTolerance => (
            401,
            "timestamp_out_of_tolerance",
            "Timestamp out of tolerance",
        ),
        Error::Forbidden => (403, "forbidden", "Forbidden"),
        Error::NotFound(_) | Error::Refused(Refusal::NotFound) => (404, "not_found", "Not found"),
        Error::LookAlike(_) => (409, "look_alike", "Looks like another id"),
        Error::Exists(_) | Error::Refused(Refusal::Exists) => (409, "exists", "Already exists"),
        Error::TooMany(_) => (409, "too_many", "There are too many"),
        Error::VersionMismatch => (412, "version_mismatch", "The version is another"),
        Error::MatchRequired => (428, "if_match_required", "If-Match is required"),
        Error::SourceNotActive => (409, "not_active", "The source is not active"),
        Error::HandingOver => (409, "handing_over", "A hand-over is going on"),
        Error::SnapshotNotOpen => (409, "snapshot_not_open", "The snapshot is not open"),
        Error::HoldClosed => (409, "hold_closed", "The hold is not open"),
        Error::SecondAdmin => (409, "second_admin", "A second admin must approve"),
        Error::ConfirmationRequired { .. } => {
            (409, "confirmation_required", "Confirmation required")
        }
        Error::BadConfirmation => (409, "bad_confirmation", "The confirmation is not valid"),
        Error::IdempotencyKeyReused => (
            422,
            "idempotency_key_reused",
            "The idempotency key was used for another request",
        ),
        Error::NotErasable(_) => (409, "not_erasable", "This cannot be erased now"),
        Error::SubjectOfAdmin => (409, "login_taken", "The subject is an admin's"),
        Error::Refused(Refusal::LoginTaken) => (409, "login_taken", "The login is another's"),
        Error::Refused(Refusal::AddressChanged) => {
            (409, "address_changed", "HR changed the address lately")
        }
        Error::Refused(
            Refusal::NoAddress
            | Refusal::NoLogin
            | Refusal::LoginNoAddress
            | Refusal::LeaveDate(_)
            | Refusal::EndOutOfRange { .. },
        ) => (422, "invalid", "The request is invalid"),
        Error::Refused(Refusal::OnSelf) => (409, "self", "Not on yourself"),
        Error::Refused(Refusal::LastAdmin) => (409, "last_admin", "The last admin"),
        Error::Refused(Refusal::Deleted) => (409, "deleted", "The user is deleted"),
        Error::Refused(Refusal::NoAddressYet) => (409, "no_address", "The user has no address"),
        Error::Refused(Refusal::NotScheduled) => (409, "not_scheduled", "No grace period runs"),
        Error::Refused(Refusal::NotActive) => (409, "not_active", "The user is not active"),
        Error::Refused(Refusal::CardCancelled) => (409, "card_cancelled", "The card is cancelled"),
    }
}
