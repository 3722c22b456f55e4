//! The contract of a route: what it takes and what it may answer. It is written once, beside the route, and the OpenAPI
//! document is made from it.
//!
//! The module exists only with the feature `schema`, which no deployed function has. Schemas come from the types that
//! the code reads and writes. Errors and their examples come from the errors that the code returns.

mod responses;

use std::collections::BTreeMap;

use offramp_app::{Error, Fault};
use offramp_domain::OrgId;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::http::{Problem, Question};
use crate::route::{Door, RouteRow};
use responses::{Problems, gateway};

/// The beginning of every path except the open ones.
const ORG: &str = "/v1/orgs/{org}";

/// The description of one route. The caller adds what is particular to the route; the properties of its kind are added
/// automatically.
#[derive(Debug)]
pub struct Operation {
    row: RouteRow,
    summary: &'static str,
    description: Option<&'static str>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    problems: Problems,
    schemas: Schemas,
}

/// Schemas by their names.
pub type Schemas = BTreeMap<String, Value>;

impl Operation {
    /// The description of a route, with the properties that all routes of its door share.
    #[must_use]
    pub fn of(route: impl Into<RouteRow>, summary: &'static str) -> Self {
        let own = Self::new(route.into(), summary);
        match own.row.door {
            Door::Open => own,
            Door::Signed => own.signed(),
            // Query parameters that the route does not read are refused.
            Door::Admins | Door::AdminsAndMachines => own
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
            own = own.parameter(
                "header",
                name,
                what,
                true,
                json!({ "type": "string" }),
                example,
            );
        }
        own
    }

    fn new(row: RouteRow, summary: &'static str) -> Self {
        let mut own = Self {
            row,
            summary,
            description: None,
            parameters: Vec::new(),
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
        self.description = Some(description);
        self
    }

    /// Adds a path parameter with the schema of a type.
    #[must_use]
    pub fn path<T: ToSchema>(mut self, name: &str, what: &'static str, example: &str) -> Self {
        let schema = self.schema::<T>();
        self.parameter("path", name, what, true, schema, example)
    }

    /// Adds a path parameter with a schema that no type has.
    #[must_use]
    pub fn path_as(self, name: &str, what: &'static str, schema: Value, example: Value) -> Self {
        self.parameter("path", name, what, true, schema, example)
    }

    /// Adds a path parameter that may be any text.
    #[must_use]
    pub fn any_path(self, name: &str, what: &'static str, example: &str) -> Self {
        let schema = json!({ "type": "string" });
        self.parameter("path", name, what, true, schema, example)
    }

    /// Adds an optional query parameter.
    #[must_use]
    pub fn query(
        self,
        name: &str,
        what: &'static str,
        schema: Value,
        example: impl Into<Value>,
    ) -> Self {
        self.parameter("query", name, what, false, schema, example)
            .refuses([invalid()])
    }

    /// Adds a required query parameter.
    #[must_use]
    pub fn needs_query(
        self,
        name: &str,
        what: &'static str,
        schema: Value,
        example: impl Into<Value>,
    ) -> Self {
        self.parameter("query", name, what, true, schema, example)
            .refuses([invalid()])
    }

    /// Adds the parameters of a paged list: `limit`, at most `most` and by default `unless`, and `cursor`.
    #[must_use]
    pub fn paged(self, most: usize, unless: usize) -> Self {
        self.query(
            "limit",
            "How many on a page.",
            json!({ "type": "integer", "minimum": 1, "maximum": most, "default": unless }),
            unless,
        )
        .cursor()
    }

    /// Adds the parameter of a paged list whose page size the client cannot choose.
    #[must_use]
    pub fn cursor(self) -> Self {
        self.parameter(
            "query",
            "cursor",
            "`next_cursor` of the page before. Opaque; good for this organisation and this query only, elsewhere 422.",
            false,
            json!({ "type": "string" }),
            Value::Null,
        )
        .refuses([invalid()])
    }

    /// Adds an optional `If-Match`.
    #[must_use]
    pub fn if_match(self) -> Self {
        self.version_seen(false)
    }

    /// Adds a required `If-Match`. A request without it is answered with 428.
    #[must_use]
    pub fn needs_if_match(self) -> Self {
        self.version_seen(true).refuses([Error::MatchRequired])
    }

    fn version_seen(self, required: bool) -> Self {
        self.parameter(
            "header",
            "If-Match",
            "The version that the client has seen, as `ETag` had it; another one is 412, and nothing is done.",
            required,
            json!({ "type": "string" }),
            Value::Null,
        )
        .refuses([Error::VersionMismatch])
    }

    /// Adds `Idempotency-Key`. A repeated request with the same key gets the same answer and has no effect.
    #[must_use]
    pub fn once(self) -> Self {
        self.parameter(
            "header",
            "Idempotency-Key",
            "The same request with the same key gets the same answer for at least a day, and does nothing.",
            false,
            json!({ "type": "string", "minLength": 1, "maxLength": 255 }),
            Value::Null,
        )
        .refuses([invalid(), Error::IdempotencyKeyReused])
    }

    /// Adds a required JSON body.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self, example: Value) -> Self {
        let schema = self.schema::<T>();
        self.body(true, "application/json", schema, example)
    }

    /// Adds an optional JSON body.
    #[must_use]
    pub fn may_take<T: ToSchema>(mut self, example: Value) -> Self {
        let schema = self.schema::<T>();
        self.body(false, "application/json", schema, example)
    }

    /// Adds a required JSON body with a schema that no type has. `name` is the name of the schema.
    #[must_use]
    pub fn takes_as(mut self, name: &str, schema: Value, example: Value) -> Self {
        self.schemas.insert(name.to_owned(), schema);
        self.body(true, "application/json", of(name), example)
    }

    /// Adds a text body of another media type, beside the JSON body.
    #[must_use]
    pub fn takes_text(self, media_type: &str, example: &str) -> Self {
        self.body(
            true,
            media_type,
            json!({ "type": "string" }),
            example.into(),
        )
    }

    /// Adds an answer that is not a problem.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16, what: &str, example: Value) -> Self {
        let schema = self.schema::<T>();
        self.answers_as(status, what, schema, example)
    }

    /// Adds an answer with a schema of its own.
    #[must_use]
    pub fn answers_as(mut self, status: u16, what: &str, schema: Value, example: Value) -> Self {
        let content = json!({ "application/json": { "schema": schema, "example": example } });
        let answer = json!({ "description": what, "content": content });
        self.answers.insert(status, answer);
        self
    }

    /// Adds the `ETag` header to every answer so far.
    #[must_use]
    pub fn versioned(mut self) -> Self {
        for answer in self.answers.values_mut() {
            answer["headers"] = json!({ "ETag": { "$ref": "#/components/headers/ETag" } });
        }
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
    pub fn finish(mut self, tag: &str) -> (Value, Schemas) {
        self.schema::<Problem<'_>>();
        self.schema::<Question<'_>>();
        let mut answers: Map<String, Value> = self
            .answers
            .iter()
            .map(|(status, answer)| (status.to_string(), answer.clone()))
            .collect();
        let statuses = self.problems.statuses();
        let by_gateway = gateway(
            self.row.door.needs_token(),
            self.body.is_some(),
            self.row.path,
        );
        for status in statuses.chain(by_gateway.keys().copied()) {
            answers.insert(
                status.to_string(),
                self.problems.response(status, by_gateway.get(&status)),
            );
        }
        let mut operation = json!({
            "operationId": operation_id(self.row.method, self.row.path),
            "tags": [tag],
            "summary": self.summary,
            "responses": answers,
            "security": match self.row.door {
                Door::Open => json!([]),
                Door::Signed => json!([{ "webhook": [] }]),
                Door::Admins | Door::AdminsAndMachines => json!([{ "token": [] }]),
            },
        });
        if let Some(description) = self.description {
            operation["description"] = description.into();
        }
        if !self.parameters.is_empty() {
            operation["parameters"] = self.parameters.into();
        }
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        (operation, self.schemas)
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        what: &str,
        required: bool,
        schema: Value,
        example: impl Into<Value>,
    ) -> Self {
        let mut parameter = json!({
            "name": name, "in": place, "description": what, "required": required, "schema": schema,
        });
        let example = example.into();
        if !example.is_null() {
            parameter["example"] = example;
        }
        self.parameters.push(parameter);
        self
    }

    fn body(mut self, required: bool, media_type: &str, schema: Value, example: Value) -> Self {
        let body = self
            .body
            .get_or_insert_with(|| json!({ "required": required, "content": {} }));
        body["content"][media_type] = json!({ "schema": schema, "example": example });
        self.refuses([
            Error::MalformedJson("expected value at line 1 column 1".to_owned()),
            Error::TooLarge("the body is larger than 256 KiB"),
            invalid(),
        ])
    }

    /// Collects the schema of a type and of all types that it refers to, and returns a reference to it.
    fn schema<T: ToSchema>(&mut self) -> Value {
        self.schemas.extend(schemas_of::<T>());
        of(&T::name())
    }
}

/// The schemas of a type and of all types that it refers to, by name.
#[must_use]
pub fn schemas_of<T: ToSchema>() -> Schemas {
    let mut found = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    found
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect()
}

/// A reference to a schema.
#[must_use]
pub fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
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
