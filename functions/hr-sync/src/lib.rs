//! Receives signed events and snapshots of HR.

#[cfg(feature = "schema")]
pub mod contract;
mod routes;

use std::sync::{Mutex, PoisonError};

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_runtime::LambdaEvent;
use offramp_api::asked::Asked;
use offramp_api::http::{Reply, Request, problem};
use offramp_api::view::{ResultsView, Seen, SnapshotView};
use offramp_app::inbound::door::{self, Doorkeeper, Entered, Incoming, Known};
use offramp_app::inbound::pulse;
use offramp_app::inbound::pulse::Heard;
use offramp_app::inbound::snapshots::Opening;
use offramp_app::inbound::{delivery, snapshots};
use offramp_app::metrics::Metric;
use offramp_app::ports::{Connector, Loaded, MAX_BODY, Request as Delivery, SourceState};
use offramp_app::{Clock, Deadline, Error, Fault, Result, Tenant};
use offramp_aws::{
    Aws, Clients, Config, ConfigError, Function, Offramp, Opener, deadline, offramp,
};
use offramp_connectors::Native;
use offramp_connectors::native::snapshot as wire;
use offramp_domain::{OrgId, Policy, Pulse, SnapshotId, SourceId};

pub use routes::Route;

/// The clients and the memory of this instance.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
    opener: Opener,
    known: Known,
    heard: Heard,
}

impl State {
    fn keeper(&self) -> Doorkeeper<'_, Opener> {
        Doorkeeper {
            seals: &self.opener,
            known: &self.known,
            heard: &self.heard,
        }
    }
}

impl Function for State {
    type Event = ApiGatewayV2httpRequest;
    type Answer = ApiGatewayV2httpResponse;

    fn over(
        config: &Config,
        clients: &Clients,
        clock: Clock,
    ) -> std::result::Result<Self, ConfigError> {
        let opener = Opener::new(clients.kms(), config.need_secrets_key()?);
        Ok(Self {
            offramp: offramp(config, clients, clock),
            opener,
            known: Known::default(),
            heard: Heard::default(),
        })
    }

    async fn prime(&self) -> std::result::Result<(), Fault> {
        tokio::try_join!(self.offramp.store.prime(), self.opener.prime()).map(drop)
    }

    /// Answers one request of API Gateway.
    ///
    /// # Errors
    /// None. An error becomes an answer.
    async fn handle(&self, event: LambdaEvent<Self::Event>) -> Result<Self::Answer> {
        let deadline = deadline(&event.context);
        let request = Request::new(event.payload);
        let reply = match Box::pin(answer(self, &request, deadline)).await {
            Ok(reply) => reply,
            Err(error) => {
                Asked::of(&request, None).tell(&error);
                let seen = Seen {
                    policy: &Policy::default(),
                    now: self.offramp.clock.now(),
                };
                problem(&error, seen, request.id())
            }
        };
        Ok(reply.into_response())
    }

    fn status(answered: &ApiGatewayV2httpResponse) -> Option<i64> {
        Some(answered.status_code)
    }
}

async fn answer(state: &State, request: &Request, deadline: Deadline) -> Result<Reply> {
    // Nothing is read for an unknown route. Except for a body that is too large or badly encoded, nothing is answered
    // before the signature is verified.
    let route = Route::matched(request.route()).ok_or(Error::NotFound("route"))?;
    let body = match route {
        Route::GetSnapshot => Vec::new(),
        _ => request.body()?,
    };
    let call = authenticated(state, request, route, body, deadline).await?;
    // The source has spoken, whether or not its request succeeds. A dry run writes nothing, so the pulse is not
    // recorded either.
    let beat = async {
        if !call.dry_run {
            let (tenant, source) = (call.tenant(), &call.source);
            pulse::beat(&tenant, source, &state.heard, call.pulse.clone(), deadline).await;
        }
    };
    let (reply, ()) = tokio::join!(route.answer(&call), beat);
    reply
}

/// A request with a verified signature.
struct Call<'a> {
    env: &'a Offramp,
    request: &'a Request,
    body: Vec<u8>,
    org: OrgId,
    source: SourceId,
    state: SourceState,
    /// The events of a delivery, until they are taken, and the data for deciding them if it was read with the source.
    /// `None` for other routes.
    events: Mutex<Option<(Result<Delivery>, Option<Loaded>)>>,
    dry_run: bool,
    pulse: Option<Pulse>,
    deadline: Deadline,
}

/// Verifies the signature over the body. A body that no route accepts is refused before anything is read or hashed.
async fn authenticated<'a>(
    state: &'a State,
    request: &'a Request,
    route: Route,
    body: Vec<u8>,
    deadline: Deadline,
) -> Result<Call<'a>> {
    if body.len() > MAX_BODY {
        return Err(Error::TooLarge("the body is larger than 4 MiB"));
    }
    let org = request.org().map_err(|_| Error::BadSignature)?;
    let source = SourceId::new(request.path("source")).map_err(|_| Error::BadSignature)?;
    let env = &state.offramp;
    let incoming = Incoming {
        connector: &Native,
        headers: request,
        body: &body,
    };
    let (tenant, keeper) = (env.of(&org), state.keeper());
    let verified = async {
        let entered = match route {
            Route::PostEvents => door::enter(&tenant, &keeper, &source, &incoming).await?,
            _ => None,
        };
        match entered {
            Some(Entered {
                state,
                request,
                loaded,
                pulse,
            }) => Ok((state, Some((Ok(request), Some(loaded))), pulse)),
            None => {
                let may = door::authenticate(&tenant, &keeper, &source, &incoming).await?;
                let events =
                    (route == Route::PostEvents).then(|| (Native.read(request, &body), None));
                Ok((may, events, None))
            }
        }
    };
    let (may, events, pulse) = verified.await.inspect_err(|error| {
        if matches!(error, Error::BadSignature | Error::TimestampOutOfTolerance) {
            env.meter.record(Metric::SignaturesFailed, 1_u32);
            let route = request.route();
            tracing::warn!(%org, %source, route, %error, "a webhook is refused");
        }
    })?;
    let dry_run = matches!(&events, Some((Ok(events), _)) if events.dry_run);
    Ok(Call {
        env,
        request,
        body,
        org,
        source,
        state: may,
        events: Mutex::new(events),
        dry_run,
        pulse,
        deadline,
    })
}

impl Call<'_> {
    fn tenant(&self) -> Tenant<'_, Aws> {
        self.env.of(&self.org)
    }

    fn taken(&self) -> Option<(Result<Delivery>, Option<Loaded>)> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.take()
    }

    async fn events(&self) -> Result<Reply> {
        let (request, read) = self.taken().ok_or(Error::NotFound("route"))?;
        let tenant = self.tenant();
        let from = (&self.source, self.state);
        let answers = delivery::take(&tenant, from, request?, read, self.deadline).await?;
        Reply::json(200, &ResultsView::of(&answers))
    }

    fn snapshot_id(&self) -> Result<SnapshotId> {
        SnapshotId::new(self.request.path("id")).map_err(|_| Error::NotFound("snapshot"))
    }

    async fn open(&self) -> Result<Reply> {
        let body: wire::Open = wire::object(&self.body)?;
        if body.source != self.source {
            return Err(Error::invalid("/source", "is not the one of the path"));
        }
        let message = self.request.header("webhook-id").unwrap_or_default();
        let opening = Opening {
            id: snapshots::id_of(&self.org, &self.source, message, &self.body)?,
            occurred_at: body.occurred_at,
            expected: body.expected_employees,
        };
        let opened = snapshots::open(&self.tenant(), &self.source, opening).await?;
        Reply::json(201, &SnapshotView::of(&opened))
    }

    async fn page(&self) -> Result<Reply> {
        let id = self.snapshot_id()?;
        let page: u32 = self
            .request
            .path("n")
            .parse()
            .map_err(|_| Error::NotFound("page"))?;
        let records = wire::page(&self.body, &id, page)?;
        let received =
            snapshots::put_page(&self.tenant(), &self.source, &id, page, &records).await?;
        Reply::json(200, &wire::Received { received })
    }

    async fn complete(&self) -> Result<Reply> {
        let id = self.snapshot_id()?;
        let body: wire::Complete = wire::object(&self.body)?;
        if body.snapshot_id != id {
            return Err(Error::invalid("/snapshot_id", "is not the one of the path"));
        }
        let how = (body.pages, body.dry_run);
        let snapshot = snapshots::complete(&self.tenant(), &self.source, &id, how).await?;
        Reply::json(202, &SnapshotView::of(&snapshot))
    }

    async fn snapshot(&self) -> Result<Reply> {
        let id = self.snapshot_id()?;
        let (snapshot, _) = snapshots::get(&self.tenant(), &self.source, &id).await?;
        Reply::json(200, &SnapshotView::of(&snapshot))
    }
}
