//! The routes of explanations, drift and the audit.

use offramp_api::http::Reply;
use offramp_app::Result;
use offramp_app::desk::explain::Explanation;
use offramp_app::desk::reports;
use offramp_app::ports::Audited;
use serde::Serialize;

use crate::{Call, cursor, rfc3339};

/// The most rows on a page of a report.
pub(crate) const MAX_ROWS: usize = 97;
/// Rows on a page if the request does not say.
pub(crate) const ROWS: usize = 50;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Drift))]
pub(crate) struct DriftView {
    users: Vec<Explanation>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Audit))]
pub(crate) struct AuditView {
    entries: Vec<Audited>,
    next_cursor: Option<String>,
}

impl Call<'_> {
    pub(crate) async fn explain(&self) -> Result<Reply> {
        let id = self.employee()?;
        let (why, version) = reports::explained(&self.tenant(), &id).await?;
        Ok(Reply::json(200, &why)?.with_version(version))
    }

    pub(crate) async fn drift(&self) -> Result<Reply> {
        let bound = ["drift"];
        let after = self.after(&bound)?;
        let limit = self.limit(MAX_ROWS, ROWS)?;
        let page = reports::drift(&self.tenant(), after.as_deref(), limit).await?;
        let users = page.items;
        let next_cursor = page
            .next
            .map(|next| cursor::write(&self.org, &bound, &next));
        Reply::json(200, &DriftView { users, next_cursor })
    }

    pub(crate) async fn audit(&self) -> Result<Reply> {
        let since = self.request.query().get("since");
        let bound = ["audit", since.unwrap_or_default()];
        let after = self.after(&bound)?;
        let from = match since {
            None => None,
            Some(text) => Some(rfc3339("/since", text)?),
        };
        let limit = self.limit(MAX_ROWS, ROWS)?;
        let page = reports::audit(&self.tenant(), from, after.as_deref(), limit).await?;
        let next_cursor = page
            .next
            .map(|next| cursor::write(&self.org, &bound, &next));
        Reply::json(
            200,
            &AuditView {
                entries: page.items,
                next_cursor,
            },
        )
    }

    /// The position in the cursor of the query; `None` on the first page.
    pub(crate) fn after(&self, bound: &[&str]) -> Result<Option<String>> {
        self.request
            .query()
            .get("cursor")
            .map(|cursor| cursor::read(&self.org, bound, cursor))
            .transpose()
    }
}
