//! The route that tells a caller who they are.

use offramp_api::http::Reply;
use offramp_app::Result;
use offramp_app::identity::Caller;
use offramp_app::ports::Right;
use offramp_app::when::instant;
use offramp_domain::{EmployeeId, Field, OrgId, Subject, User};
use serde::Serialize;

use crate::Call;

/// The caller, as the organisation knows them.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Me))]
pub(crate) struct MeView {
    org: OrgId,
    /// The subject claim of the token.
    subject: Subject,
    /// The user with that subject; `null` for a machine, for the bootstrap identity, and if there is none.
    employee_id: Option<EmployeeId>,
    name: Option<String>,
    /// `null` for somebody who is none of these.
    #[cfg_attr(feature = "schema", schema(pattern = "^(admin|auditor|machine)$"))]
    role: Option<&'static str>,
    /// The rights of a machine; empty for anybody else.
    may: Vec<Right>,
    /// The IANA name of the organisation's time zone.
    time_zone: String,
    /// The present instant.
    now: String,
}

impl Call<'_> {
    pub(crate) async fn me(&self) -> Result<Reply> {
        let id = self.caller.employee_id().cloned();
        let loaded = &self.loaded;
        let user: Option<&User> = id.as_ref().and_then(|id| loaded.users.get(id));
        let (role, may) = match &self.caller {
            Caller::Admin { .. } => (Some("admin"), Vec::new()),
            Caller::Auditor { .. } => (Some("auditor"), Vec::new()),
            Caller::Machine { may, .. } => (Some("machine"), may.iter().copied().collect()),
            Caller::Other { .. } => (None, Vec::new()),
        };
        let view = MeView {
            org: self.org.clone(),
            subject: self.caller.subject().clone(),
            name: user
                .and_then(|user| user.get(Field::Name))
                .map(str::to_owned),
            employee_id: id,
            role,
            may,
            time_zone: loaded.policy.settings.time_zone.clone(),
            now: instant(self.env.clock.now()),
        };
        Reply::json(200, &view)
    }
}
