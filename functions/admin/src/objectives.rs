//! The routes of objectives and feeds.

use chrono::NaiveDate;
use offramp_app::view::{BoardView, CelebratingView, ObjectiveView, ObjectivesView};
use offramp_app::{Error, Result, feeds, objectives};
use offramp_aws::http::Reply;
use offramp_domain::{Objective, ObjectiveId, ObjectiveStatus};
use serde::Deserialize;

use crate::{Call, cursor};

/// Characters in a title.
const TITLE_CHARS: usize = 200;
/// Characters in a date of the form `YYYY-MM-DD`.
const DATE_CHARS: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewObjective {
    title: String,
}

impl NewObjective {
    fn check(&self) -> Result<()> {
        let fits = (1..=TITLE_CHARS).contains(&self.title.chars().count())
            && !self.title.chars().any(char::is_control);
        if fits {
            Ok(())
        } else {
            Err(Error::invalid(
                "/title",
                "must be 1 to 200 characters, none of them a control character",
            ))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: ObjectiveStatus,
}

impl Call<'_> {
    fn objective(&self) -> Result<ObjectiveId> {
        ObjectiveId::new(self.request.path("objective")).map_err(|_| Error::NotFound("objective"))
    }

    pub(crate) async fn objectives(&self) -> Result<Reply> {
        let owner = self.employee()?;
        let bound = ["objectives", owner.as_str()];
        let after = match self.after(&bound)? {
            Some(after) => Some(
                ObjectiveId::new(after)
                    .map_err(|_| Error::invalid("/cursor", "is not a cursor of this query"))?,
            ),
            None => None,
        };
        let limit = self.limit(objectives::MAX_PAGE, objectives::PAGE)?;
        let mut page = objectives::of(self.env, &self.org, &owner, after, limit).await?;
        page.next = page
            .next
            .map(|next| cursor::write(&self.org, &bound, &next));
        Reply::json(200, &ObjectivesView::of(&page))
    }

    pub(crate) async fn add_objective(&self) -> Result<Reply> {
        let once = match self.once().await? {
            Ok(once) => once,
            Err(before) => return Ok(before),
        };
        let new: NewObjective = self.request.json()?;
        new.check()?;
        // Version 7: ids are in the order of their making.
        let id = format!("obj_{}", uuid::Uuid::now_v7().simple());
        let objective = Objective {
            objective_id: ObjectiveId::new(id)
                .map_err(|error| Error::invalid("", error.to_string()))?,
            title: new.title,
            status: ObjectiveStatus::Open,
            owner: self.employee()?,
            created_at: self.env.clock.now(),
            deleted: false,
            closing: None,
            rev: 1,
        };
        let reply = Reply::json(201, &ObjectiveView::of(&objective))?;
        let receipt = once.map(|once| once.receipt(&reply));
        objectives::add(self.env, &self.org, &objective, receipt.as_ref()).await?;
        Ok(reply)
    }

    pub(crate) async fn set_objective_status(&self) -> Result<Reply> {
        let NewStatus { status } = self.request.json()?;
        let objective =
            objectives::set_status(self.env, &self.org, &self.objective()?, status).await?;
        Reply::json(200, &ObjectiveView::of(&objective))
    }

    pub(crate) async fn delete_objective(&self) -> Result<Reply> {
        let objective = objectives::delete(self.env, &self.org, &self.objective()?).await?;
        Reply::json(200, &ObjectiveView::of(&objective))
    }

    pub(crate) async fn dashboard(&self) -> Result<Reply> {
        let bound = ["dashboard"];
        let after = self.after(&bound)?;
        let limit = self.limit(objectives::MAX_PAGE, objectives::PAGE)?;
        let (mut page, owners) = objectives::dashboard(self.env, &self.org, after, limit).await?;
        page.next = page
            .next
            .map(|next| cursor::write(&self.org, &bound, &next));
        Reply::json(200, &BoardView::of(&page, &owners))
    }

    pub(crate) async fn celebrating(&self) -> Result<Reply> {
        let on = match self.request.query("on") {
            Some(text) => Some(date(text)?),
            None => None,
        };
        let feed = feeds::celebrating(self.env, &self.org, on).await?;
        Reply::json(200, &CelebratingView::of(&feed))
    }
}

/// A date of the form `YYYY-MM-DD`, and of no other that the parser takes.
fn date(text: &str) -> Result<NaiveDate> {
    let plain = text.len() == DATE_CHARS && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    text.parse()
        .ok()
        .filter(|_| plain && !text.starts_with('-'))
        .ok_or_else(|| Error::invalid("/on", "must be a date of the form YYYY-MM-DD"))
}
