//! The contract of a route: what it takes and what it may answer. It is written once, beside the route, and the OpenAPI
//! document is made from it.
//!
//! The module exists only with the feature `schema`, which no deployed function has. Schemas come from the types that
//! the code reads and writes. Errors and their examples come from the errors that the code returns.

mod responses;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use offramp_app::{Error, Fault};
use offramp_domain::OrgId;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    Content, ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
    Responses, Schema, Type,
};

use crate::http::{Problem, Question};
use crate::route::{Door, RouteRow};
use responses::{Problems, gateway};

/// The beginning of every path except the open ones.
const ORG: &str = "/v1/orgs/{org}";

const JSON: &str = "application/json";

/// The description of one route. The caller adds what is particular to the route; the properties of its kind are added
/// automatically.
pub struct Operation {
    row: RouteRow,
    operation: OperationBuilder,
    body: Option<RequestBodyBuilder>,
    answers: BTreeMap<u16, Response>,
    problems: Problems,
    schemas: Schemas,
}

/// Schemas by their names.
pub type Schemas = BTreeMap<String, RefOr<Schema>>;

impl Operation {
    /// The description of a route, with the properties that all routes of its door share.
    #[must_use]
    pub fn of(route: impl Into<RouteRow>, summary: &'static str) -> Self {
        let own = Self::new(route.into(), summary);
        match own.row.door {
            Door::Open => own,
            Door::Signed => own.signed(),
            // Query parameters that the route does not read are refused.
            Door::AnyToken | Door::Admins | Door::Access | Door::People | Door::Cards => own
                .path::<OrgId>("org", "The organisation.", "acme")
                .refuses([Error::Forbidden, invalid()]),
        }
    }

    fn signed(self) -> Self {
        let mut own = self
            .path::<OrgId>("org", "The organisation.", "acme")
            .refuses([Error::BadSignature, Error::TimestampOutOfTolerance]);
        for (name, what, example) in [
            (
                "webhook-id",
                "The sender's name for this delivery.",
                "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
            ),
            (
                "webhook-timestamp",
                "When it was signed: Unix seconds, within 300 of our clock.",
                "1772442000",
            ),
            (
                "webhook-signature",
                "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several with spaces between.",
                "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            ),
        ] {
            let header = parameter(name, what, text()).example(Some(example.into()));
            own = own.header(header.required(Required::True));
        }
        own
    }

    fn new(row: RouteRow, summary: &'static str) -> Self {
        let mut own = Self {
            row,
            operation: OperationBuilder::new().summary(Some(summary)),
            body: None,
            answers: BTreeMap::new(),
            problems: Problems::default(),
            schemas: Schemas::new(),
        };
        if row.door != Door::Open {
            own = own.refuses([unavailable(), internal()]);
            if row.method != "GET" {
                own = own.refuses([Error::Busy, Error::Unfinished("send it again")]);
            }
        }
        own
    }

    /// Adds a description to the summary.
    #[must_use]
    pub fn about(mut self, description: &'static str) -> Self {
        self.operation = self.operation.description(Some(description));
        self
    }

    /// Adds a path parameter with the schema of a type.
    #[must_use]
    pub fn path<T: ToSchema>(mut self, name: &str, what: &str, example: &str) -> Self {
        let schema = self.schema::<T>();
        self.path_as(parameter(name, what, schema).example(Some(example.into())))
    }

    /// Adds a path parameter with a schema that no type has.
    #[must_use]
    pub fn path_as(self, parameter: ParameterBuilder) -> Self {
        self.with(ParameterIn::Path, parameter.required(Required::True))
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(self, parameter: ParameterBuilder) -> Self {
        self.with(ParameterIn::Query, parameter)
            .refuses([invalid()])
    }

    /// Adds the parameters of a paged list: `limit`, at most `most` and by default `unless`, and `cursor`.
    #[must_use]
    pub fn paged(self, most: usize, unless: usize) -> Self {
        let schema = integer(1..=most).default(Some(unless.into()));
        let limit = parameter("limit", "How many on a page.", schema);
        self.query(limit.example(Some(unless.into()))).cursor()
    }

    /// Adds the parameter of a paged list whose page size the client cannot choose.
    #[must_use]
    pub fn cursor(self) -> Self {
        self.query(parameter(
            "cursor",
            "`next_cursor` of the page before. Opaque; good for this organisation and this query only, elsewhere 422.",
            text(),
        ))
    }

    /// Adds an optional `If-Match`.
    #[must_use]
    pub fn if_match(self) -> Self {
        self.header(version_seen())
            .refuses([Error::VersionMismatch])
    }

    /// Adds a required `If-Match`. A request without it is answered with 428.
    #[must_use]
    pub fn needs_if_match(self) -> Self {
        self.header(version_seen().required(Required::True))
            .refuses([Error::VersionMismatch, Error::MatchRequired])
    }

    /// Adds `Idempotency-Key`. A repeated request with the same key gets the same answer and has no effect.
    #[must_use]
    pub fn once(self) -> Self {
        self.header(parameter(
            "Idempotency-Key",
            "The same request with the same key gets the same answer for at least a day, and does nothing.",
            text().min_length(Some(1)).max_length(Some(255)),
        ))
        .refuses([invalid(), Error::IdempotencyKeyReused])
    }

    /// Adds a required JSON body.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self, example: Value) -> Self {
        let schema = self.schema::<T>();
        self.body(Required::True, JSON, content(schema, example))
    }

    /// Adds an optional JSON body.
    #[must_use]
    pub fn may_take<T: ToSchema>(mut self, example: Value) -> Self {
        let schema = self.schema::<T>();
        self.body(Required::False, JSON, content(schema, example))
    }

    /// Adds a required JSON body with a schema that no type has. `name` is the name of the schema.
    #[must_use]
    pub fn takes_as(
        mut self,
        name: &str,
        schema: impl Into<RefOr<Schema>>,
        example: Value,
    ) -> Self {
        self.schemas.insert(name.to_owned(), schema.into());
        self.body(Required::True, JSON, content(of(name), example))
    }

    /// Adds a text body of another media type, beside the JSON body.
    #[must_use]
    pub fn takes_text(self, media_type: &str, example: &str) -> Self {
        self.body(Required::True, media_type, content(text(), example.into()))
    }

    /// Adds an answer that is not a problem.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16, what: &str, example: Value) -> Self {
        let schema = self.schema::<T>();
        self.answers_as(status, what, schema, example)
    }

    /// Adds an answer with a schema of its own.
    #[must_use]
    pub fn answers_as(
        mut self,
        status: u16,
        what: &str,
        schema: impl Into<RefOr<Schema>>,
        example: Value,
    ) -> Self {
        let answer = ResponseBuilder::new().description(what);
        let answer = answer.content(JSON, content(schema, example));
        self.answers.insert(status, answer.build());
        self
    }

    /// Adds the `ETag` header to every answer so far.
    #[must_use]
    pub fn versioned(mut self) -> Self {
        for answer in self.answers.values_mut() {
            let etag = RefOr::Ref(Ref::new("#/components/headers/ETag"));
            answer.headers.insert("ETag".to_owned(), etag);
        }
        self
    }

    /// Adds the answer to a client that has the answer already.
    #[must_use]
    pub fn kept(mut self) -> Self {
        let answer =
            ResponseBuilder::new().description("`If-None-Match` names the version that there is");
        self.answers.insert(304, answer.build());
        self
    }

    /// Adds problems that the route may return, beside those of its kind.
    #[must_use]
    pub fn refuses<E: Into<Error>>(mut self, errors: impl IntoIterator<Item = E>) -> Self {
        for error in errors {
            self.problems.add(&error.into());
        }
        self
    }

    /// The row of the route.
    #[must_use]
    pub fn row(&self) -> RouteRow {
        self.row
    }

    /// The complete operation object, and the schemas that it refers to.
    #[must_use]
    pub fn finish(mut self, tag: &str) -> (utoipa::openapi::path::Operation, Schemas) {
        self.schema::<Problem<'_>>();
        self.schema::<Question<'_>>();
        let RouteRow {
            method, path, door, ..
        } = self.row;
        let by_gateway = gateway(door.needs_token(), self.body.is_some(), path);
        for status in self.problems.statuses().chain(by_gateway.keys().copied()) {
            let refusal = self.problems.response(status, by_gateway.get(&status));
            self.answers.insert(status, refusal);
        }
        let scheme = match door {
            Door::Open => None,
            Door::Signed => Some("webhook"),
            Door::AnyToken | Door::Admins | Door::Access | Door::People | Door::Cards => {
                Some("token")
            }
        };
        // An empty list says that the route needs no credentials.
        let security = scheme.map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
        let answers = self.answers.into_iter();
        let answers = answers.map(|(status, answer)| (status.to_string(), answer));
        let operation = self
            .operation
            .operation_id(Some(operation_id(method, path)))
            .tag(tag)
            .request_body(self.body.map(Into::into))
            .responses(answers.collect::<Responses>())
            .securities(Some(security));
        (operation.build(), self.schemas)
    }

    fn header(self, parameter: ParameterBuilder) -> Self {
        self.with(ParameterIn::Header, parameter)
    }

    fn with(mut self, place: ParameterIn, parameter: ParameterBuilder) -> Self {
        self.operation = self.operation.parameter(parameter.parameter_in(place));
        self
    }

    fn body(mut self, required: Required, media_type: &str, content: Content) -> Self {
        let body = self
            .body
            .unwrap_or_else(|| RequestBodyBuilder::new().required(Some(required)));
        self.body = Some(body.content(media_type, content));
        self.refuses([
            Error::MalformedJson("expected value at line 1 column 1".to_owned()),
            Error::TooLarge("the body is larger than 256 KiB"),
            invalid(),
        ])
    }

    /// Collects the schema of a type and of all types that it refers to, and returns a reference to it.
    fn schema<T: ToSchema>(&mut self) -> Ref {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        self.schemas.extend(found);
        of(&T::name())
    }
}

/// A reference to a schema.
#[must_use]
pub fn of(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

/// The schema of a text.
#[must_use]
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// The schema of a whole number in a range.
#[must_use]
pub fn integer(range: RangeInclusive<usize>) -> ObjectBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::Integer);
    schema
        .minimum(Some(*range.start()))
        .maximum(Some(*range.end()))
}

/// A parameter. One of a path becomes required, any other is optional until `required` says otherwise.
#[must_use]
pub fn parameter(name: &str, what: &str, schema: impl Into<RefOr<Schema>>) -> ParameterBuilder {
    let parameter = ParameterBuilder::new().name(name).description(Some(what));
    parameter.schema(Some(schema))
}

fn version_seen() -> ParameterBuilder {
    parameter(
        "If-Match",
        "The version that the client has seen, as `ETag` had it; another one is 412, and nothing is done.",
        text(),
    )
}

fn content(schema: impl Into<RefOr<Schema>>, example: Value) -> Content {
    ContentBuilder::new()
        .schema(Some(schema))
        .example(Some(example))
        .build()
}

fn invalid() -> Error {
    Error::invalid("/field", "what is wrong with it")
}

fn unavailable() -> Error {
    Error::Fault(Fault {
        service: "",
        operation: "",
        message: String::new(),
        retryable: true,
    })
}

fn internal() -> Error {
    Error::Fault(Fault::corrupt("", ""))
}

/// The id of an operation, such as `get_users_id_cards`: the method, and the path after the organisation.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix(ORG).unwrap_or(path);
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.fold(method.to_lowercase(), |id, word| format!("{id}_{word}"))
}
