//! Birthdays and work anniversaries of a day, for people with access.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{Access, EmployeeId, Field, User};

use crate::ports::{Celebrations, Loaded, Occasion, USERS_PER_READ, Users};
use crate::when::Days;
use crate::{Ports, Result, Tenant};

/// How many consistent reads of people run at once.
const READS_AT_ONCE: usize = 4;

/// The birthdays and anniversaries of a day. People are in the order of their names.
#[derive(Debug, Clone)]
pub struct Celebrating {
    /// The day.
    pub on: NaiveDate,
    /// The people with a birthday.
    pub birthdays: Vec<User>,
    /// The people who started to work here on that day, with the number of years.
    pub anniversaries: Vec<(User, u16)>,
}

/// Birthdays and anniversaries of people who have access now. Without `on` the day is today in the organisation's time
/// zone. 29 February is celebrated on 28 February in common years.
///
/// # Errors
/// A fault of the table.
pub async fn celebrating<P: Ports>(
    tenant: &Tenant<'_, P>,
    on: Option<NaiveDate>,
) -> Result<Celebrating>
where
    P::Store: Users + Celebrations,
{
    let now = tenant.clock.now();
    let on = match on {
        Some(on) => on,
        None => {
            let policy = tenant.store.load(tenant.org, &[]).await?.policy;
            Days::of(&policy.settings.time_zone).today(now)
        }
    };
    // A person with both is read once.
    let mut ids = BTreeSet::new();
    for occasion in [Occasion::Birthday, Occasion::Start] {
        for day in indexed_on(on) {
            ids.extend(tenant.store.on_day(tenant.org, occasion, day).await?);
        }
    }
    let mut feed = Celebrating {
        on,
        birthdays: Vec::new(),
        anniversaries: Vec::new(),
    };
    for user in people(tenant, ids, now).await? {
        // The index may lag, so the user that was read decides.
        let birthday = birthday(&user).is_some_and(|day| falls_on(day, on));
        if let Some(years) = years(&user, on) {
            feed.anniversaries.push((user.clone(), years));
        }
        if birthday {
            feed.birthdays.push(user);
        }
    }
    Ok(feed)
}

/// The people who have access now, by name.
async fn people<P: Ports>(
    tenant: &Tenant<'_, P>,
    ids: BTreeSet<EmployeeId>,
    now: DateTime<Utc>,
) -> Result<Vec<User>>
where
    P::Store: Users,
{
    let ids: Vec<EmployeeId> = ids.into_iter().collect();
    let loaded: Vec<Loaded> = stream::iter(ids.chunks(USERS_PER_READ))
        .map(|chunk| tenant.store.load(tenant.org, chunk))
        .buffer_unordered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let mut here = Vec::new();
    for mut loaded in loaded {
        let users = std::mem::take(&mut loaded.users);
        here.extend(users.into_values().filter(|user| {
            let user = user.as_of(&loaded.policy);
            user.access_at(now) == Access::Granted
        }));
    }
    here.sort_by_cached_key(|user| {
        let name = user.get(Field::Name).unwrap_or_default().to_lowercase();
        (name, user.employee_id.clone())
    });
    Ok(here)
}

/// How many years ago the user started to work here on this day; `None` before the first anniversary.
fn years(user: &User, on: NaiveDate) -> Option<u16> {
    let start: NaiveDate = user.get(Field::StartDate)?.parse().ok()?;
    let years = u16::try_from(on.year() - start.year()).ok()?;
    (years > 0 && falls_on(start, on)).then_some(years)
}

/// The days that are celebrated on a date: the date itself, and on 28 February of a common year also 29 February.
fn indexed_on(on: NaiveDate) -> Vec<NaiveDate> {
    let leap_day = (on.month(), on.day()) == (2, 28) && !on.leap_year();
    // 2000 was a leap year. Only month and day count.
    let leap_day = leap_day.then(|| NaiveDate::from_ymd_opt(2000, 2, 29));
    std::iter::once(on).chain(leap_day.flatten()).collect()
}

/// True if a yearly day is celebrated on the date `on`.
fn falls_on(day: NaiveDate, on: NaiveDate) -> bool {
    indexed_on(on)
        .iter()
        .any(|one| (one.month(), one.day()) == (day.month(), day.day()))
}

/// The birthday in the leap year 2000, since its year is unknown.
fn birthday(user: &User) -> Option<NaiveDate> {
    format!("2000-{}", user.get(Field::Birthday)?).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_day_is_celebrated_every_year_once() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let leap = date("2024-02-29");
        for (on, celebrated) in [
            ("2027-02-28", true),
            ("2027-03-01", false),
            ("2028-02-28", false),
            ("2028-02-29", true),
            // 2100 is no leap year, by the rule of centuries.
            ("2100-02-28", true),
        ] {
            assert_eq!(falls_on(leap, date(on)), celebrated, "{on}");
        }
        assert!(falls_on(date("2024-02-28"), date("2027-02-28")));
        assert!(falls_on(date("2024-02-28"), date("2028-02-28")));
    }
}
