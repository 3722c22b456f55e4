//! Operations that an operator of the stack asks for by invoking the function through its alias `operator`. IAM authorises
//! them, and no route leads to them.

use std::collections::BTreeMap;

use lambda_runtime::Context;
use offramp_api::invoked::operator;
use offramp_api::view::SourceView;
use offramp_app::desk::first_admin;
use offramp_app::desk::first_admin::{Became, Wanted};
use offramp_app::desk::sources;
use offramp_app::ports::Policies;
use offramp_app::{Error, Invalid, Result};
use offramp_domain::{EmployeeId, Field, Login, OrgId, SourceId};
use serde::{Deserialize, Serialize};

use crate::State;

/// The payload of an operation.
#[derive(Debug, Deserialize)]
#[serde(tag = "offramp", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Creates an organisation's first admin, and optionally its first source.
    FirstAdmin {
        /// The organisation, as the claim of its tokens names it.
        org: OrgId,
        /// The first admin.
        admin: NewAdmin,
        /// The first source; absent if none is to be created.
        #[serde(default)]
        source: Option<SourceId>,
        /// True to set role and login of this person again, whoever is an admin: the way back in when everybody is locked
        /// out.
        #[serde(default)]
        repair: bool,
    },
}

/// The first admin of an organisation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAdmin {
    /// The employee id that HR uses.
    pub employee_id: EmployeeId,
    /// The name of the admin.
    #[serde(default)]
    pub name: Option<String>,
    /// The address for digests. If tokens name people by address, it is also the login unless one is given.
    #[serde(default)]
    pub email: Option<String>,
    /// How tokens name the admin; absent for the address, or the employee id where tokens have that.
    #[serde(default)]
    pub login: Option<Login>,
}

#[derive(Serialize)]
pub(crate) struct FirstAdminView {
    org: OrgId,
    admin: AdminView,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceView>,
}

#[derive(Serialize)]
struct AdminView {
    employee_id: EmployeeId,
    outcome: Became,
    /// The login that counts; absent if the admin has none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<Login>,
}

pub(crate) async fn operate(
    state: &State,
    operation: Operation,
    context: &Context,
) -> Result<FirstAdminView> {
    let Operation::FirstAdmin {
        org,
        admin,
        source,
        repair,
    } = operation;
    let wanted = Wanted {
        profile: profile(&admin)?,
        login: admin.login,
        repair,
        employee_id: admin.employee_id,
        source,
    };
    let made = first_admin::make(
        &state.offramp.of(&org),
        &state.sealer,
        state.claims.subject_kind,
        &wanted,
        &operator(context),
    )
    .await?;
    tracing::info!(%org, employee_id = %wanted.employee_id, outcome = ?made.admin, "first admin");
    let source = match made.source {
        Some((source, secret)) => {
            let tenant = state.offramp.of(&org);
            let policy = tenant.store.policy(&org).await?;
            let facts = sources::facts(&tenant, &source, &policy).await?;
            Some(SourceView::of(&source, facts, secret))
        }
        None => None,
    };
    Ok(FirstAdminView {
        org,
        admin: AdminView {
            employee_id: wanted.employee_id,
            outcome: made.admin,
            login: made.login,
        },
        source,
    })
}

fn profile(admin: &NewAdmin) -> Result<BTreeMap<Field, String>> {
    let mut profile = BTreeMap::new();
    for (field, value) in [(Field::Name, &admin.name), (Field::Email, &admin.email)] {
        let Some(value) = value else { continue };
        let value = field.by_hand(value).map_err(|error| {
            Error::Invalid(vec![Invalid {
                pointer: format!("/admin/{}", error.field),
                detail: error.rule.to_owned(),
            }])
        })?;
        profile.extend(value.map(|value| (field, value)));
    }
    Ok(profile)
}
