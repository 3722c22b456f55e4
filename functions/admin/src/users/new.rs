//! A user that an admin adds.

use std::collections::BTreeMap;

use offramp_app::{Error, Invalid, Result};
use offramp_domain::{EmployeeId, Field, Login, Role};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewUser {
    #[cfg_attr(feature = "schema", schema(value_type = EmployeeId))]
    employee_id: String,
    /// True if it is somebody else although the id looks like a known one.
    #[serde(default)]
    pub(super) look_alike: bool,
    #[serde(default)]
    pub(super) role: Role,
    /// How tokens name an admin or auditor; the address, or the employee id where tokens have that, unless it is given.
    #[serde(default)]
    pub(super) login: Option<Login>,
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schema(max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: Option<String>,
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schema(
            max_length = 254,
            pattern = r"^[^\s\x00-\x1f\x7f-\x9f,;<>\x22@]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"
        )
    )]
    pub(super) email: Option<String>,
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schema(max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    team: Option<String>,
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schema(max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    department: Option<String>,
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schema(max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    cost_centre: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<EmployeeId>))]
    manager_id: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(format = Date))]
    start_date: Option<String>,
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schema(
            pattern = r"^(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])$|^(0[469]|11)-(0[1-9]|[12][0-9]|30)$|^02-(0[1-9]|[12][0-9])$"
        )
    )]
    birthday: Option<String>,
}

impl NewUser {
    /// The id, in the form in which it is stored.
    pub(super) fn id(&self) -> Result<EmployeeId> {
        EmployeeId::sent(&self.employee_id)
            .map_err(|error| Error::invalid("/employee_id", error.rule()))
    }

    /// The fields of the profile, each in its canonical form.
    pub(super) fn profile(self) -> Result<BTreeMap<Field, String>> {
        let mut profile = BTreeMap::new();
        let mut wrong = Vec::new();
        for (field, value) in [
            (Field::Name, self.name),
            (Field::Email, self.email),
            (Field::Team, self.team),
            (Field::Department, self.department),
            (Field::CostCentre, self.cost_centre),
            (Field::ManagerId, self.manager_id),
            (Field::StartDate, self.start_date),
            (Field::Birthday, self.birthday),
        ] {
            match value.map(|value| field.by_hand(&value)) {
                Some(Ok(value)) => profile.extend(value.map(|value| (field, value))),
                Some(Err(error)) => wrong.push(Invalid {
                    pointer: format!("/{}", error.field),
                    detail: error.rule.to_owned(),
                }),
                None => {}
            }
        }
        if wrong.is_empty() {
            Ok(profile)
        } else {
            Err(Error::Invalid(wrong))
        }
    }
}
