//! The routes of HR integrations. A secret is in one answer, and never again anywhere.

use offramp_app::ports::{SourceState, Sources};
use offramp_app::view::SourceView;
use offramp_app::{Error, Result, sources};
use offramp_aws::http::Reply;
use offramp_domain::SourceId;
use serde::{Deserialize, Serialize};

use crate::Call;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSource {
    source: SourceId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewState {
    state: SourceState,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Rotate {
    #[serde(default)]
    revoke_previous: bool,
}

#[derive(Serialize)]
struct SourcesView {
    sources: Vec<SourceView>,
}

impl Call<'_> {
    fn source_id(&self) -> Result<SourceId> {
        SourceId::new(self.request.path("source")).map_err(|_| Error::NotFound("source"))
    }

    pub(crate) async fn sources(&self) -> Result<Reply> {
        let all = self.env.store.sources(&self.org).await?;
        let sources = all
            .iter()
            .map(|source| SourceView::of(source, None))
            .collect();
        Reply::json(200, &SourcesView { sources })
    }

    /// A source is named by the client, so a second try is a 409, whatever its `Idempotency-Key`: the
    /// secret is nowhere to be shown again. Whoever lost the answer rotates.
    pub(crate) async fn add_source(&self) -> Result<Reply> {
        let new: NewSource = self.request.json()?;
        let (source, secret) =
            sources::create(self.env, &self.state.sealer, &self.org, &new.source).await?;
        let version = source.version;
        Ok(Reply::json(201, &SourceView::of(&source, Some(secret)))?.with_version(version))
    }

    pub(crate) async fn source(&self) -> Result<Reply> {
        let source = sources::get(self.env, &self.org, &self.source_id()?).await?;
        Ok(Reply::json(200, &SourceView::of(&source, None))?.with_version(source.version))
    }

    pub(crate) async fn patch_source(&self) -> Result<Reply> {
        let NewState { state } = self.request.json()?;
        let if_match = self.request.if_match()?;
        let id = self.source_id()?;
        let source = sources::set_state(self.env, &self.org, &id, state, if_match).await?;
        Ok(Reply::json(200, &SourceView::of(&source, None))?.with_version(source.version))
    }

    pub(crate) async fn rotate_secret(&self) -> Result<Reply> {
        let Rotate { revoke_previous } = match self.request.body()?.is_empty() {
            true => Rotate::default(),
            false => self.request.json()?,
        };
        let id = self.source_id()?;
        let if_match = self.request.if_match()?;
        let sealer = &self.state.sealer;
        let (source, secret) =
            sources::rotate(self.env, sealer, &self.org, &id, revoke_previous, if_match).await?;
        let version = source.version;
        Ok(Reply::json(200, &SourceView::of(&source, Some(secret)))?.with_version(version))
    }
}
