//! Asks before a change of the policy takes access away, gives it back, or loosens protection.

use chrono::TimeDelta;
use offramp_domain::{Policy, User, hex};
use ring::digest::{SHA256, digest};
use serde::Serialize;

use crate::ports::{Confirmation, Policies};
use crate::{Error, Ports, Result, Tenant};

/// How long a confirmation is valid.
const CONFIRM_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// The most users that a confirmation question names.
const NAMED: usize = 100;

/// Checks the confirmation of a change. `change` is what the admin confirms: another change needs another confirmation.
///
/// # Errors
/// [`Error::BadConfirmation`], or a fault.
pub(super) async fn accepted<P: Ports>(
    tenant: &Tenant<'_, P>,
    before: &Policy,
    change: &impl Serialize,
    token: &str,
) -> Result<()>
where
    P::Store: Policies,
{
    let change = hash(change)?;
    let known = tenant.store.confirmation(tenant.org, token).await?;
    let good = known.is_some_and(|known| {
        known.version == before.version
            && known.change == change
            && known.expires >= tenant.clock.now()
    });
    match good {
        true => Ok(()),
        false => Err(Error::BadConfirmation),
    }
}

/// Asks for the confirmation of a change: the question is an error. `touched` are the people that it affects, and true if
/// not everybody was counted.
///
/// # Errors
/// [`Error::ConfirmationRequired`], or a fault.
pub(super) async fn question<P: Ports>(
    tenant: &Tenant<'_, P>,
    before: &Policy,
    change: &impl Serialize,
    (touched, at_least): (&[User], bool),
    why: &[String],
) -> Result<()>
where
    P::Store: Policies,
{
    let change = hash(change)?;
    let confirmation = Confirmation {
        token: uuid::Uuid::new_v4().simple().to_string(),
        version: before.version,
        change,
        expires: tenant.clock.now() + CONFIRM_WITHIN,
    };
    tenant
        .store
        .put_confirmation(tenant.org, &confirmation)
        .await?;
    Err(Error::ConfirmationRequired {
        why: format!(
            "{}; send the same with `confirmation` within {} minutes",
            why.join("; "),
            CONFIRM_WITHIN.num_minutes()
        ),
        affected: touched.len(),
        at_least,
        users: touched.iter().take(NAMED).cloned().collect(),
        confirmation: confirmation.token,
    })
}

fn hash(change: &impl Serialize) -> Result<String> {
    let text = serde_json::to_vec(change)
        .map_err(|error| crate::Fault::corrupt("confirmation", error.to_string()))?;
    Ok(hex(digest(&SHA256, &text).as_ref()))
}
