//! The routes of holds and runs.

use std::collections::BTreeSet;

use offramp_api::http::Reply;
use offramp_api::view::{
    AnsweredView, BecameView, HeldView, HoldDetail, HoldView, MovedView, RunDetail, RunView,
    UndoneView,
};
use offramp_app::desk::runs;
use offramp_app::engine::holds;
use offramp_app::engine::holds::{Ask, Verdict};
use offramp_app::ports::Breakers;
use offramp_app::{Error, Result};
use offramp_domain::{EmployeeId, Hold, HoldId, RunId};
use serde::{Deserialize, Serialize};

use crate::{Call, cursor};

/// The most holds or runs on a page.
pub(crate) const MAX_ROWS: usize = 100;
/// Holds or runs on a page if the request does not say.
pub(crate) const ROWS: usize = 50;

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HoldPart))]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    #[serde(default)]
    // A set, so an employee who is named twice counts once.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<EmployeeId>>, min_items = 1))]
    employee_ids: Option<BTreeSet<EmployeeId>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Holds))]
pub(crate) struct HoldsView {
    holds: Vec<HoldView>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Runs))]
pub(crate) struct RunsView {
    runs: Vec<RunView>,
    next_cursor: Option<String>,
}

impl Call<'_> {
    fn hold_id(&self) -> Result<HoldId> {
        HoldId::new(self.request.path("id")).map_err(|_| Error::NotFound("hold"))
    }

    async fn hold_view(&self, hold: &Hold) -> Result<HoldView> {
        let left = holds::left(&self.tenant(), hold).await?;
        Ok(HoldView::of(hold, left, self.env.clock.now()))
    }

    fn run_id(&self) -> Result<RunId> {
        RunId::new(self.request.path("run")).map_err(|_| Error::NotFound("run"))
    }

    fn next(&self, bound: &[&str], next: Option<String>) -> Option<String> {
        next.map(|next| cursor::write(&self.org, bound, &next))
    }

    pub(crate) async fn holds(&self) -> Result<Reply> {
        let bound = ["holds"];
        let after = self.after(&bound)?;
        let limit = self.limit(MAX_ROWS, ROWS)?;
        let store = &self.env.store;
        let page = store.holds(&self.org, after.as_deref(), limit).await?;
        let mut holds = Vec::with_capacity(page.items.len());
        for hold in &page.items {
            holds.push(self.hold_view(hold).await?);
        }
        let view = HoldsView {
            holds,
            next_cursor: self.next(&bound, page.next),
        };
        Reply::json(200, &view)
    }

    pub(crate) async fn hold(&self) -> Result<Reply> {
        let id = self.hold_id()?;
        let bound = ["hold", id.as_str()];
        let after = self.after(&bound)?;
        let hold = holds::get(&self.tenant(), &id).await?;
        let (page, loaded) = holds::people(&self.tenant(), &hold, after.as_deref()).await?;
        let shown = self.hold_view(&hold).await?;
        let safeguards = loaded.policy.settings.safeguards;
        let tenant = self.tenant();
        let view = HoldDetail {
            figures_now: holds::figures(&tenant, &hold, shown.left, safeguards).await?,
            hold: shown,
            users: page
                .items
                .iter()
                .map(|user| HeldView::of(user, &loaded.policy))
                .collect(),
            next_cursor: self.next(&bound, page.next),
        };
        Ok(Reply::json(200, &view)?.with_version(hold.version))
    }

    pub(crate) async fn approve_hold(&self) -> Result<Reply> {
        self.answer_hold(Verdict::Approve).await
    }

    pub(crate) async fn reject_hold(&self) -> Result<Reply> {
        self.answer_hold(Verdict::Reject).await
    }

    async fn answer_hold(&self, verdict: Verdict) -> Result<Reply> {
        let Part { employee_ids } = match self.request.body()?.is_empty() {
            true => Part::default(),
            false => self.request.json()?,
        };
        if employee_ids.as_ref().is_some_and(BTreeSet::is_empty) {
            let reason = "must name somebody; without it, everybody is meant";
            return Err(Error::invalid("/employee_ids", reason));
        }
        let version = self.request.if_match()?.ok_or(Error::MatchRequired)?;
        let ask = Ask {
            hold: &self.hold_id()?,
            verdict,
            version,
            only: employee_ids,
            by: &self.caller.actor(),
        };
        let done = holds::answer(&self.tenant(), &ask, self.deadline).await?;
        let status = if done.pending > 0 { 202 } else { 200 };
        let version = done.hold.version;
        let view = AnsweredView {
            hold: self.hold_view(&done.hold).await?,
            run: done.run,
            results: done.results.into_iter().map(BecameView::of).collect(),
            pending: done.pending,
        };
        Ok(Reply::json(status, &view)?.with_version(version))
    }

    pub(crate) async fn runs(&self) -> Result<Reply> {
        let bound = ["runs"];
        let after = self.after(&bound)?;
        let limit = self.limit(MAX_ROWS, ROWS)?;
        let store = &self.env.store;
        let page = store.runs(&self.org, after.as_deref(), limit).await?;
        let view = RunsView {
            runs: page.items.iter().map(RunView::of).collect(),
            next_cursor: self.next(&bound, page.next),
        };
        Reply::json(200, &view)
    }

    pub(crate) async fn run(&self) -> Result<Reply> {
        let id = self.run_id()?;
        let bound = ["run", id.as_str()];
        let after = self.after(&bound)?;
        let run = runs::get(&self.tenant(), &id).await?;
        let (page, loaded) = runs::people(&self.tenant(), &run, after.as_deref()).await?;
        let view = RunDetail {
            run: RunView::of(&run),
            users: page
                .items
                .iter()
                .map(|user| MovedView::of(user, &id, &loaded.policy))
                .collect(),
            next_cursor: self.next(&bound, page.next),
        };
        Reply::json(200, &view)
    }

    pub(crate) async fn undo_run(&self) -> Result<Reply> {
        let id = self.run_id()?;
        let undone = runs::undo(&self.tenant(), &id, &self.caller, self.deadline).await?;
        let view = UndoneView {
            run: RunView::of(&undone.run),
            affected: undone.reactivated.len(),
            at_least: undone.at_least,
            users: undone.reactivated,
        };
        Reply::json(200, &view)
    }
}
