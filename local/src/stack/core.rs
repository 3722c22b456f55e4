//! What a stack is made of, for everything that works on one from inside: the `/_local` routes, the seed, the stack itself.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_stand_ins::Cloud;
use chrono::{DateTime, Utc};
use offramp_aws::Offramp;
use serde::{Deserialize, Serialize};

use super::metrics::MetricLines;
use crate::Error;
use crate::acme::{ADMIN_EMAIL, MACHINE, ORG};
use crate::functions::{self, Host};
use crate::gateway::Gateway;
use crate::identity::Identity;
use crate::meter::Meter;
use crate::store::Store;
use crate::template::{Deployment, Function};

/// What the `/_local` routes and the seed work on.
pub(crate) struct Core {
    pub(crate) cloud: Cloud,
    pub(crate) identity: Arc<Identity>,
    pub(crate) url: String,
    pub(crate) store: Store,
    pub(crate) meter: Meter,
    pub(super) deployment: Deployment,
    pub(super) metrics: MetricLines,
    pub(super) host: Host,
    pub(super) seeded: OnceLock<Seeded>,
}

/// What the seed leaves behind, and what a data directory keeps of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Seeded {
    /// The secret of the source; it is shown once, so it is noted at once.
    pub(crate) webhook_secret: String,
    /// Whether everything is there: a seed that was cut off is taken up again.
    pub(crate) finished: bool,
}

impl Core {
    /// The seed's secret, once it is there.
    pub(crate) fn seeded(&self) -> Option<&Seeded> {
        self.seeded.get()
    }

    pub(crate) fn token(
        &self,
        subject: &str,
        org: Option<&str>,
        roles: &[&str],
    ) -> Result<String, Error> {
        self.identity
            .issue(self.cloud.clock().now(), subject, org, roles)
    }

    pub(crate) fn admin_token(&self) -> Result<String, Error> {
        self.token(ADMIN_EMAIL, Some(ORG), &[])
    }

    pub(crate) fn service_token(&self) -> Result<String, Error> {
        self.token(MACHINE, Some(ORG), &[])
    }

    pub(crate) fn bootstrap_token(&self, org: &str) -> Result<String, Error> {
        let subject = self.deployment.parameters.get("BootstrapSubject");
        self.token(
            subject.map(String::as_str).unwrap_or_default(),
            Some(org),
            &[],
        )
    }

    /// Invokes a function, named by its crate, through the alias behind a colon where there is one: `admin:operator`.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        payload: serde_json::Value,
    ) -> Result<serde_json::Value, Error> {
        let (crate_name, alias) = match function.split_once(':') {
            Some((crate_name, alias)) => (crate_name, Some(alias)),
            None => (function, None),
        };
        let mut name = self.function(crate_name)?.name.clone();
        if let Some(alias) = alias {
            name = format!("{name}:{alias}");
        }
        let answer = self.cloud.lambda().invoke(&name, payload).await;
        answer.map_err(|error| no_answer(function, error))
    }

    /// What a function, named by its crate, works with.
    pub(crate) fn offramp(&self, function: &str) -> Result<Offramp, Error> {
        let function = self.function(function)?;
        let environment = functions::environment(&self.deployment, function, &self.host);
        functions::offramp(function, &environment, self.cloud.clock())
    }

    fn function(&self, crate_name: &str) -> Result<&Function, Error> {
        let functions = &self.deployment.functions;
        let named = functions.iter().find(|one| one.crate_name == crate_name);
        named.ok_or_else(|| no_answer(crate_name, "there is no such function"))
    }

    pub(crate) async fn advance(&self, by: Duration) -> Result<DateTime<Utc>, Error> {
        let now = self.cloud.advance(by).await.map_err(stand_in)?;
        self.expire(now).await?;
        Ok(now)
    }

    pub(crate) async fn set_now(&self, at: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
        let now = self.cloud.set_now(at).await.map_err(stand_in)?;
        self.expire(now).await?;
        Ok(now)
    }

    pub(super) async fn expire(&self, now: DateTime<Utc>) -> Result<usize, Error> {
        self.store.expire(now, &self.cloud).await
    }

    pub(super) fn gateway(&self) -> Result<Gateway, Error> {
        let domain = self.url.trim_start_matches("http://").to_owned();
        Gateway::new(
            &self.deployment,
            Arc::clone(&self.identity),
            self.cloud.clone(),
            domain,
        )
    }
}

impl std::fmt::Debug for Seeded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = formatter.debug_struct("Seeded");
        debug
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

fn no_answer(function: &str, reason: impl std::fmt::Display) -> Error {
    Error::Function {
        function: function.to_owned(),
        reason: reason.to_string(),
    }
}

pub(super) fn stand_in(error: aws_stand_ins::Error) -> Error {
    Error::StandIn(error.to_string())
}
