//! Rejected records and unread fields, stored so that an admin can correct the source. A rejection says where the record
//! was and why it was rejected, without its content. Of people who may have left, the admins are told.

use chrono::{DateTime, Utc};
use offramp_domain::decide::Outcome;
use offramp_domain::{Refused, SourceId};

use crate::backoff::until_won;
use crate::engine::breaker::tell;
use crate::engine::many::Answer;
use crate::inbound::pulse::beside;
use crate::metrics::Metric;
use crate::ports::{About, Committed, Rejection, Rejections};
use crate::{Deadline, Ports, Result, Tenant};

/// What of a request or a snapshot is to be stored as rejected, and who was refused.
#[derive(Debug, Default)]
pub struct Rejected {
    /// The rejections and warnings.
    pub kept: Vec<Rejection>,
    /// Who was refused.
    pub refused: Vec<Refused>,
}

impl Rejected {
    /// Adds an answer: its rejection, if the record was rejected, and its warnings.
    pub fn add(&mut self, about: &About, answer: &Answer, at: DateTime<Utc>) {
        let id = answer.employee_id.as_deref();
        if answer.outcome == Outcome::Rejected {
            let rejection = about.rejected(at, id, answer.reason.as_deref());
            self.refuse(about, rejection, answer.foreign);
        }
        let warnings = answer.warnings.iter();
        let id = id.unwrap_or_default();
        self.kept
            .extend(warnings.map(|warning| about.warned(at, id, warning)));
    }

    /// Adds a rejection.
    pub fn refuse(&mut self, about: &About, rejection: Rejection, foreign: bool) {
        self.refused.push(Refused {
            employee_id: rejection.employee_id.clone(),
            reason: rejection.reason.clone(),
            gone: about.gone,
            foreign,
        });
        self.kept.push(rejection);
    }
}

/// Stores and counts rejections and warnings. A failure is only logged, because the answer to the delivery names each of
/// them too. A repeated delivery stores them again.
pub async fn keep<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    rejections: Vec<Rejection>,
    deadline: Deadline,
) where
    P::Store: Rejections,
{
    if rejections.is_empty() {
        return;
    }
    let (rejected, warned): (Vec<_>, Vec<_>) =
        rejections.iter().partition(|one| one.field.is_none());
    if !rejected.is_empty() {
        let count = u64::try_from(rejected.len()).unwrap_or(u64::MAX);
        tenant.meter.record(Metric::RecordsRejected, count);
        tracing::warn!(
            metric = "rejected_records",
            count,
            org = %tenant.org,
            %source,
            "records were rejected"
        );
    }
    if !warned.is_empty() {
        tracing::info!(fields = warned.len(), org = %tenant.org, %source, "fields could not be read");
    }
    let at = tenant.clock.now();
    let written = async {
        let store = &tenant.store;
        Ok(store
            .put_rejections(tenant.org, source, at, &rejections)
            .await?)
    };
    beside(tenant.org, source, "what was rejected", deadline, written).await;
}

/// Tells the admins of those of whom they do not know yet. If this fails the request fails, and is repeated: nobody else
/// would say that these people may have left.
///
/// # Errors
/// A fault, or [`crate::Error::Busy`].
pub async fn told<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    refused: &[Refused],
) -> Result<()>
where
    P::Store: Rejections,
{
    if !refused.iter().any(|one| one.gone || one.foreign) {
        return Ok(());
    }
    until_won(|| async {
        let known = tenant.store.refusals(tenant.org, source).await?;
        let now = tenant.clock.now();
        let Some((after, notices)) = known.telling(source, refused, now) else {
            return Ok(Some(()));
        };
        if let Some(first) = notices.first() {
            tell(tenant, first).await?;
        }
        let put = tenant
            .store
            .put_refusals(tenant.org, source, &after, &notices);
        Ok((put.await? == Committed::Done).then_some(()))
    })
    .await
}
