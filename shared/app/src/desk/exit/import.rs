//! An export comes back into an organisation of which nothing is stored.
//!
//! Nobody is mailed, since notices stay out. Timers are armed before the user that they stand for is
//! written, and only those whose time is still to come: the rest is the sweep's, as after an outage.

use chrono::TimeDelta;
use futures_util::future::try_join_all;
use offramp_domain::{OrgId, Pending, User};
use serde::Serialize;
use serde_json::Value;

use super::STEP_TIME;
use super::export::FORM;
use crate::engine::execute::{Armed, arm_all};
use crate::ports::{Archive, Committed, Import, Timers};
use crate::{Deadline, Env, Error, Result};

/// A timer is armed at least this far ahead: Scheduler fires to the minute.
const AHEAD: TimeDelta = TimeDelta::minutes(1);
/// Items written at once.
const AT_ONCE: usize = 25;

/// A part of an export.
#[derive(Debug)]
pub struct Part<'a> {
    /// The export's id, from its first line.
    pub export: &'a str,
    /// Lines, in the order of the export; the first may be among them.
    pub lines: &'a [Value],
    /// Whether these are the last.
    pub last: bool,
}

/// A step of an import.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// How many of the lines are done with; where some are left, they are handed in again.
    pub taken: usize,
    /// Items written now.
    pub written: usize,
    /// Items that were there already, from a run before.
    pub there: usize,
    /// Timers armed.
    pub armed: usize,
    /// Whether the import has ended. The same import again changes nothing.
    pub ended: bool,
}

/// The next step of an import.
///
/// # Errors
/// [`Error::Exists`] where something is stored of the organisation that is not of this import;
/// [`Error::Invalid`] points at a line that cannot be stored; a fault, after which the step is asked for again.
pub async fn import<S: Archive, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    part: &Part<'_>,
    deadline: Deadline,
) -> Result<Imported> {
    let mut done = Imported::default();
    match env.store.begin_import(org, part.export).await? {
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
    // All that is a person's is written before the user: whoever finds the user finds the rest.
    let mut before: Vec<S::Item> = Vec::new();
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
        let Some(item) = env.store.parse(org, line).map_err(pointer)? else {
            continue;
        };
        let Some(user) = env.store.user(&item)? else {
            before.push(item);
            continue;
        };
        write(env, &mut before, &mut done).await?;
        let user = as_imported(user);
        done.armed += arm(env, org, &user).await?;
        before.push(env.store.item(org, &user)?);
        write(env, &mut before, &mut done).await?;
        done.taken = index + 1;
        if !deadline.leaves(STEP_TIME) {
            return Ok(done);
        }
    }
    write(env, &mut before, &mut done).await?;
    done.taken = part.lines.len();
    if part.last {
        done.ended = env.store.end_import(org, part.export).await? == Committed::Done;
    }
    Ok(done)
}

async fn write<S: Archive, T: Sync>(
    env: &Env<S, T>,
    items: &mut Vec<S::Item>,
    done: &mut Imported,
) -> Result<()> {
    for chunk in items.chunks(AT_ONCE) {
        let written = try_join_all(chunk.iter().map(|item| env.store.restore(item))).await?;
        let fresh = written.iter().filter(|fresh| **fresh).count();
        done.written += fresh;
        done.there += written.len() - fresh;
    }
    items.clear();
    Ok(())
}

/// The user without the notice, which stays out; a deactivation of which only the telling was left is finished.
fn as_imported(mut user: User) -> User {
    user.notice = None;
    user.pending.notice = false;
    if user.pending.is_done() {
        user.pending = Pending::default();
    }
    user
}

async fn arm<S: Sync, T: Timers>(env: &Env<S, T>, org: &OrgId, user: &User) -> Result<usize> {
    let ahead = env.clock.now() + AHEAD;
    let mut timers = user.timers(org);
    timers.retain(|timer| timer.due() > ahead);
    arm_all(&env.timers, &timers, &Armed::default()).await?;
    Ok(timers.len())
}
