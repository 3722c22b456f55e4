//! The routes of objectives and feeds.

use chrono::NaiveDate;
use offramp_api::http::Reply;
use offramp_api::view::{
    Anniversary, BoardView, Celebrated, CelebratingView, ObjectiveView, ObjectivesView,
};
use offramp_app::desk::{feeds, objectives};
use offramp_app::{Error, Result};
use offramp_domain::{Objective, ObjectiveId, ObjectiveStatus};
use serde::Deserialize;

use crate::idempotency::Once;
use crate::{Call, cursor};

/// The most characters in a title.
const TITLE_CHARS: usize = 200;
/// Characters in a date of the form `YYYY-MM-DD`.
const DATE_CHARS: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewObjective {
    #[cfg_attr(
        feature = "schema",
        schema(
            min_length = 1,
            max_length = 200,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"
        )
    )]
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = NewObjectiveStatus))]
pub(crate) struct NewStatus {
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
        let mut page = objectives::of(&self.tenant(), &owner, after, limit).await?;
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
        let done = self.add_new_objective(once.as_ref()).await;
        self.once_answered(once.as_ref(), done).await
    }

    async fn add_new_objective(&self, once: Option<&Once>) -> Result<Reply> {
        let new: NewObjective = self.request.json()?;
        new.check()?;
        // UUIDs of version 7 sort by the time of their creation.
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
        objectives::add(&self.tenant(), &objective, receipt.as_ref()).await?;
        Ok(reply)
    }

    pub(crate) async fn set_objective_status(&self) -> Result<Reply> {
        let NewStatus { status } = self.request.json()?;
        let objective = objectives::set_status(&self.tenant(), &self.objective()?, status).await?;
        Reply::json(200, &ObjectiveView::of(&objective))
    }

    pub(crate) async fn delete_objective(&self) -> Result<Reply> {
        let objective = objectives::delete(&self.tenant(), &self.objective()?).await?;
        Reply::json(200, &ObjectiveView::of(&objective))
    }

    pub(crate) async fn dashboard(&self) -> Result<Reply> {
        let bound = ["dashboard"];
        let after = self.after(&bound)?;
        let limit = self.limit(objectives::MAX_PAGE, objectives::PAGE)?;
        let (mut page, owners) = objectives::dashboard(&self.tenant(), after, limit).await?;
        page.next = page
            .next
            .map(|next| cursor::write(&self.org, &bound, &next));
        Reply::json(200, &BoardView::of(&page, &owners))
    }

    pub(crate) async fn celebrating(&self) -> Result<Reply> {
        let on = match self.request.query().get("on") {
            Some(text) => Some(date(text)?),
            None => None,
        };
        let feed = feeds::celebrating(&self.tenant(), on).await?;
        let mut view = CelebratingView::of(&feed);
        // The cursor is bound to the day, even if the request does not name it.
        let bound = ["celebrating", view.on.as_str()];
        let birthdays = std::mem::take(&mut view.birthdays).into_iter();
        let anniversaries = std::mem::take(&mut view.anniversaries).into_iter();
        let all = birthdays
            .map(Row::Birthday)
            .chain(anniversaries.map(Row::Anniversary))
            .collect();
        let (rows, next_cursor) = self.part(&bound, all, Row::key)?;
        for row in rows {
            match row {
                Row::Birthday(who) => view.birthdays.push(who),
                Row::Anniversary(what) => view.anniversaries.push(what),
            }
        }
        view.next_cursor = next_cursor;
        Reply::json(200, &view)
    }
}

/// A row of the feed. Birthdays come before anniversaries, and each kind is sorted by name.
enum Row {
    Birthday(Celebrated),
    Anniversary(Anniversary),
}

impl Row {
    fn key(&self) -> String {
        let (kind, who) = match self {
            Self::Birthday(who) => (1, who),
            Self::Anniversary(what) => (2, &what.who),
        };
        let name = who.name.as_deref().unwrap_or_default().to_lowercase();
        // A cursor is short, so it has the beginning of the name only. The id distinguishes equal beginnings.
        let name: String = name.chars().take(100).collect();
        format!("{kind}{name}\u{1f}{}", who.employee_id)
    }
}

/// A date of the form `YYYY-MM-DD`. The parser would accept other forms too.
fn date(text: &str) -> Result<NaiveDate> {
    let plain = text.len() == DATE_CHARS && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    text.parse()
        .ok()
        .filter(|_| plain && !text.starts_with('-'))
        .ok_or_else(|| Error::invalid("/on", "must be a date of the form YYYY-MM-DD"))
}
