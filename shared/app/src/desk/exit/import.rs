//! Imports an export into an organisation without stored data.
//!
//! Nobody is mailed, because notices are left out. The timers of a user are armed before the user is written, and only
//! timers that lie ahead. The sweep does the rest, as after an outage.

use chrono::TimeDelta;
use futures_util::future::try_join_all;
use offramp_domain::{Pending, User};
use serde::Serialize;
use serde_json::Value;

use super::STEP_TIME;
use super::export::FORM;
use crate::engine::commit::{Armed, arm_all};
use crate::ports::{Archive, Committed, Import};
use crate::{Deadline, Env, Error, Ports, Result, Tenant};

/// A timer is armed at least this far ahead, because Scheduler fires within the minute.
const AHEAD: TimeDelta = TimeDelta::minutes(1);
/// How many items are written at once.
const AT_ONCE: usize = 25;

/// A part of an export.
#[derive(Debug)]
pub struct Part<'a> {
    /// The id of the export, from its first line.
    pub export: &'a str,
    /// Lines in the order of the export. The first line of the export may be among them.
    pub lines: &'a [Value],
    /// True if these are the last lines.
    pub last: bool,
}

/// The result of a step of an import.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// How many of the lines are done. The remaining lines are sent again.
    pub taken: usize,
    /// How many items this step wrote.
    pub written: usize,
    /// How many items existed already, from an earlier run.
    pub there: usize,
    /// How many timers were armed.
    pub armed: usize,
    /// True if the import has ended. Repeating it changes nothing.
    pub ended: bool,
}

/// The next step of an import.
///
/// # Errors
/// [`Error::Exists`] if data is stored of the organisation that does not come from this import. [`Error::Invalid`]
/// points at a line that cannot be stored. A fault, after which the step is requested again.
pub async fn import<P: Ports>(
    tenant: &Tenant<'_, P>,
    part: &Part<'_>,
    deadline: Deadline,
) -> Result<Imported>
where
    P::Store: Archive,
{
    let mut done = Imported::default();
    match tenant.store.begin_import(tenant.org, part.export).await? {
        Import::Open => {}
        Import::Ended => {
            return Ok(Imported {
                taken: part.lines.len(),
                ended: true,
                ..done
            });
        }
        Import::Taken => {
            return Err(Error::Exists(
                "something stored of this organisation; an import needs one of which nothing is",
            ));
        }
    }
    // All other items of a person are written before the user, so whenever the user is found, the rest is found too.
    let mut before: Vec<<P::Store as Archive>::Item> = Vec::new();
    for (index, line) in part.lines.iter().enumerate() {
        let pointer = |detail| Error::invalid(format!("/lines/{index}"), detail);
        if line["kind"] == "export" {
            if line["v"] != FORM || line["id"] != part.export {
                return Err(pointer(
                    "is not of this export, or of another form".to_owned(),
                ));
            }
            continue;
        }
        let Some(item) = tenant.store.parse(tenant.org, line).map_err(pointer)? else {
            continue;
        };
        let Some(user) = tenant.store.user(&item)? else {
            before.push(item);
            continue;
        };
        write(tenant, &mut before, &mut done).await?;
        let user = as_imported(user);
        done.armed += arm(tenant, &user).await?;
        before.push(tenant.store.item(tenant.org, &user)?);
        write(tenant, &mut before, &mut done).await?;
        done.taken = index + 1;
        if !deadline.leaves(STEP_TIME) {
            return Ok(done);
        }
    }
    write(tenant, &mut before, &mut done).await?;
    done.taken = part.lines.len();
    if part.last {
        done.ended = tenant.store.end_import(tenant.org, part.export).await? == Committed::Done;
    }
    Ok(done)
}

async fn write<P: Ports>(
    env: &Env<P>,
    items: &mut Vec<<P::Store as Archive>::Item>,
    done: &mut Imported,
) -> Result<()>
where
    P::Store: Archive,
{
    for chunk in items.chunks(AT_ONCE) {
        let written = try_join_all(chunk.iter().map(|item| env.store.restore(item))).await?;
        let fresh = written.iter().filter(|fresh| **fresh).count();
        done.written += fresh;
        done.there += written.len() - fresh;
    }
    items.clear();
    Ok(())
}

/// The user without the notice, which is left out. A deactivation with only the notice pending counts as finished.
fn as_imported(mut user: User) -> User {
    user.notice = None;
    user.pending.notice = false;
    if user.pending.is_done() {
        user.pending = Pending::default();
    }
    user
}

async fn arm<P: Ports>(tenant: &Tenant<'_, P>, user: &User) -> Result<usize> {
    let ahead = tenant.clock.now() + AHEAD;
    let mut timers = user.timers(tenant.org);
    timers.retain(|timer| timer.due() > ahead);
    arm_all(&tenant.timers, &timers, &Armed::default()).await?;
    Ok(timers.len())
}
