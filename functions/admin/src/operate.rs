//! What whoever operates the stack asks by invoking the function: IAM lets them, and no route leads here.

use std::collections::BTreeMap;

use lambda_runtime::Context;
use offramp_api::invoked::operator;
use offramp_api::view::SourceView;
use offramp_app::desk::first_admin;
use offramp_app::desk::first_admin::{Became, Wanted};
use offramp_app::desk::sources;
use offramp_app::{Error, Invalid, Result};
use offramp_domain::{EmployeeId, Field, OrgId, SourceId};
use serde::{Deserialize, Serialize};

use crate::State;

/// The payloads.
#[derive(Debug, Deserialize)]
#[serde(tag = "offramp", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Makes an organisation's first admin, and its first source.
    FirstAdmin {
        /// The organisation, as the tokens' claim names it.
        org: OrgId,
        /// Who.
        admin: NewAdmin,
        /// The first source, where one is wanted.
        #[serde(default)]
        source: Option<SourceId>,
    },
}

/// Who becomes the first admin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAdmin {
    /// The id that HR uses.
    pub employee_id: EmployeeId,
    /// What they are called.
    #[serde(default)]
    pub name: Option<String>,
    /// Where digests go; also how tokens name them, where the subject is an address.
    #[serde(default)]
    pub email: Option<String>,
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
}

pub(crate) async fn operate(
    state: &State,
    operation: Operation,
    context: &Context,
) -> Result<FirstAdminView> {
    let Operation::FirstAdmin { org, admin, source } = operation;
    let wanted = Wanted {
        profile: profile(&admin)?,
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
            let facts = sources::facts(&state.offramp.of(&org), &source).await?;
            Some(SourceView::of(&source, facts, secret))
        }
        None => None,
    };
    Ok(FirstAdminView {
        org,
        admin: AdminView {
            employee_id: wanted.employee_id,
            outcome: made.admin,
        },
        source,
    })
}

fn profile(admin: &NewAdmin) -> Result<BTreeMap<Field, String>> {
    let mut profile = BTreeMap::new();
    for (field, value) in [(Field::Name, &admin.name), (Field::Email, &admin.email)] {
        let Some(value) = value else { continue };
        let value = field.canonical(value).map_err(|error| {
            Error::Invalid(vec![Invalid {
                pointer: format!("/admin/{}", error.field),
                detail: error.rule.to_owned(),
            }])
        })?;
        profile.insert(field, value);
    }
    Ok(profile)
}
