//! The routes of HR sources. A new secret is in one answer and cannot be read again.

use offramp_api::http::Reply;
use offramp_api::view::{RejectionView, RejectionsView, SourceView};
use offramp_app::desk::sources;
use offramp_app::desk::sources::{HandOver, Wish};
use offramp_app::ports::{Policies, Rejections, Source, SourceState, Sources};
use offramp_app::{Error, Object, Result};
use offramp_domain::settings::Behaviour;
use offramp_domain::{EmployeeId, SourceId, SourceSync};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Call, cursor};

/// The most rejections on a page.
pub(crate) const MAX_ROWS: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewSource {
    source: SourceId,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<SyncChange>))]
    deactivation_sync: Option<Object<SyncChange>>,
}

/// The grace period of a source. What is null is the organisation's.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SourceSyncChange))]
pub(crate) struct SyncChange {
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Behaviour>))]
    behaviour: Option<Option<Behaviour>>,
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u8>, minimum = 1, maximum = 3))]
    delay_days: Option<Option<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SourceChange))]
pub(crate) struct Change {
    #[serde(default)]
    state: Option<SourceState>,
    /// Hours without a delivery after which the source is silent; `null` is by its own usual interval.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u32>, minimum = 1, maximum = 8760))]
    silent_after_hours: Option<Option<u32>>,
    /// The grace period of the source, for later departures. What is absent stays; `null` is the organisation's.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<SyncChange>))]
    deactivation_sync: Option<Option<Object<SyncChange>>>,
}

/// Reads null as a value, so that it differs from an absent field.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> std::result::Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Rotation))]
pub(crate) struct Rotate {
    #[serde(default)]
    revoke_previous: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HandOver))]
pub(crate) struct Giving {
    to: SourceId,
    /// Whom; everybody whom the source has unless it is given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 1000))]
    employee_ids: Option<Vec<EmployeeId>>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HandedOver))]
pub(crate) struct GivenView {
    /// How many people the other source has from now on, or will have.
    people: u32,
    /// How many of them are given later; absent without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<u32>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Sources))]
pub(crate) struct SourcesView {
    sources: Vec<SourceView>,
    next_cursor: Option<String>,
}

impl Call<'_> {
    fn source_id(&self) -> Result<SourceId> {
        SourceId::new(self.request.path("source")).map_err(|_| Error::NotFound("source"))
    }

    async fn reply(&self, status: u16, source: &Source, secret: Option<String>) -> Result<Reply> {
        let policy = self.env.store.policy(&self.org).await?;
        let facts = sources::facts(&self.tenant(), source, &policy).await?;
        let view = SourceView::of(source, facts, secret);
        Ok(Reply::json(status, &view)?.with_version(source.version))
    }

    pub(crate) async fn sources(&self) -> Result<Reply> {
        let all = self.env.store.sources(&self.org).await?;
        let (part, next_cursor) =
            self.part(&["sources"], all, |source| source.source.to_string())?;
        let policy = self.env.store.policy(&self.org).await?;
        let mut sources = Vec::with_capacity(part.len());
        for source in &part {
            let facts = sources::facts(&self.tenant(), source, &policy).await?;
            sources.push(SourceView::of(source, facts, None));
        }
        let view = SourcesView {
            sources,
            next_cursor,
        };
        Reply::json(200, &view)
    }

    /// Adds a source. The client chooses its id, so a repeated request is answered with 409, even with an
    /// `Idempotency-Key`: the answer with the secret is not stored. A client that lost the answer rotates the secret.
    pub(crate) async fn add_source(&self) -> Result<Reply> {
        let new: NewSource = self.request.json()?;
        let SyncChange {
            behaviour,
            delay_days,
        } = new.deactivation_sync.unwrap_or_default().0;
        let own = SourceSync {
            behaviour: behaviour.flatten(),
            delay_days: delay_days.flatten(),
        };
        let (tenant, by) = (self.tenant(), self.caller.actor());
        let sealer = &self.state.sealer;
        let created = sources::create(&tenant, sealer, &new.source, own, &by);
        let (source, secret) = created.await?;
        self.reply(201, &source, Some(secret)).await
    }

    pub(crate) async fn source(&self) -> Result<Reply> {
        let source = sources::get(&self.tenant(), &self.source_id()?).await?;
        self.reply(200, &source, None).await
    }

    pub(crate) async fn patch_source(&self) -> Result<Reply> {
        let Change {
            state,
            silent_after_hours,
            deactivation_sync,
        } = self.request.json()?;
        let SyncChange {
            behaviour,
            delay_days,
        } = match deactivation_sync {
            None => SyncChange::default(),
            Some(Some(Object(sync))) => sync,
            // Both are the organisation's again.
            Some(None) => SyncChange {
                behaviour: Some(None),
                delay_days: Some(None),
            },
        };
        let wish = Wish {
            state,
            silent_after_hours,
            behaviour,
            delay_days,
        };
        let if_match = self.request.if_match()?;
        let id = self.source_id()?;
        let by = self.caller.actor();
        let source = sources::set(&self.tenant(), &id, wish, if_match, &by).await?;
        self.reply(200, &source, None).await
    }

    pub(crate) async fn rejections(&self) -> Result<Reply> {
        let source = sources::get(&self.tenant(), &self.source_id()?).await?;
        let id = &source.source;
        let bound = ["rejections", id.as_str()];
        let after = self.after(&bound)?;
        let limit = self.limit(MAX_ROWS, MAX_ROWS)?;
        let store = &self.env.store;
        let page = store
            .rejections(&self.org, id, after.as_deref(), limit)
            .await?;
        let view = RejectionsView {
            rejections: page.items.into_iter().map(RejectionView::of).collect(),
            next_cursor: page
                .next
                .map(|next| cursor::write(&self.org, &bound, &next)),
        };
        Reply::json(200, &view)
    }

    /// Gives people to another source. A repeated request finds them given, so no receipt is needed.
    pub(crate) async fn hand_over(&self) -> Result<Reply> {
        let Giving {
            to,
            employee_ids,
            dry_run,
        } = self.request.json()?;
        let wish = HandOver {
            from: &self.source_id()?,
            to: &to,
            employee_ids: employee_ids.as_deref(),
            dry_run,
            if_match: self.request.if_match()?,
            by: &self.caller.actor(),
        };
        let done = sources::hand_over(&self.tenant(), &wish, self.deadline).await?;
        let view = GivenView {
            people: done.people,
            pending: (done.pending > 0).then_some(done.pending),
        };
        let status = if done.pending > 0 { 202 } else { 200 };
        Reply::json(status, &view)
    }

    pub(crate) async fn rotate_secret(&self) -> Result<Reply> {
        let Rotate { revoke_previous } = match self.request.body()?.is_empty() {
            true => Rotate::default(),
            false => self.request.json()?,
        };
        let id = self.source_id()?;
        let if_match = self.request.if_match()?;
        let sealer = &self.state.sealer;
        let by = self.caller.actor();
        let (source, secret) =
            sources::rotate(&self.tenant(), sealer, &id, revoke_previous, if_match, &by).await?;
        self.reply(200, &source, Some(secret)).await
    }
}
