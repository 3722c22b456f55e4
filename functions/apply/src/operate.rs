//! Operations that an operator of the stack asks for by invoking the function through its alias `operator`. IAM authorises
//! them. No route leads to this function, and no timer to the alias.

use lambda_runtime::Context;
use offramp_api::invoked::operator;
use offramp_app::desk::exit::{
    At, ErasedPerson, Erasing, Exported, Imported, LiveCards, Part, erase_organisation, export,
    import, person,
};
use offramp_app::ports::Position;
use offramp_app::{Deadline, Error, Result};
use offramp_domain::{EmployeeId, OrgId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::State;

/// The payload of an operation. Each operation does one step.
#[derive(Debug, Deserialize)]
#[serde(tag = "offramp", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Returns the next lines of an organisation.
    Export {
        /// The organisation to export.
        org: OrgId,
        /// The `next` of the last step; absent in the first step.
        #[serde(default)]
        from: Option<Position>,
    },
    /// Stores lines of an export.
    Import {
        /// The organisation, which must have no stored data.
        org: OrgId,
        /// The id of the export, from its first line.
        export: String,
        /// The lines, in the order of the export.
        lines: Vec<Value>,
        /// True if these are the last lines.
        #[serde(default)]
        last: bool,
    },
    /// Erases a person who has left.
    ErasePerson {
        /// The organisation of the person.
        org: OrgId,
        /// The employee id of the person.
        employee_id: EmployeeId,
    },
    /// Erases an organisation.
    EraseOrganisation {
        /// The organisation to erase.
        org: OrgId,
        /// The same organisation again, as a confirmation.
        confirm: OrgId,
        /// The treatment of cards that are not cancelled.
        #[serde(default)]
        live_cards: LiveCards,
        /// The `next` of the last step; absent in the first step.
        #[serde(default)]
        from: Option<At>,
    },
}

/// The result of an operation.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Done {
    Export(Exported),
    Import(Imported),
    ErasePerson(ErasedPerson),
    EraseOrganisation(Erasing),
}

pub(crate) async fn operate(
    state: &State,
    operation: Operation,
    context: &Context,
    deadline: Deadline,
) -> Result<Done> {
    let env = &state.offramp;
    match operation {
        Operation::Export { org, from } => {
            let done = export(&env.of(&org), from, deadline).await?;
            tracing::info!(%org, lines = done.lines.len(), ended = done.next.is_none(), "exported");
            Ok(Done::Export(done))
        }
        Operation::Import {
            org,
            export,
            lines,
            last,
        } => {
            let part = Part {
                export: &export,
                lines: &lines,
                last,
            };
            let done = import(&env.of(&org), &part, deadline).await?;
            tracing::info!(%org, written = done.written, armed = done.armed, ended = done.ended, "imported");
            Ok(Done::Import(done))
        }
        Operation::ErasePerson { org, employee_id } => {
            let by = operator(context);
            let done = person(&env.of(&org), &employee_id, &by, deadline).await?;
            // The log has the hash of the person, and never the id.
            tracing::info!(%org, person = done.person, erased = done.erased, done = done.done, "erased a person");
            Ok(Done::ErasePerson(done))
        }
        Operation::EraseOrganisation {
            org,
            confirm,
            live_cards,
            from,
        } => {
            if confirm != org {
                return Err(Error::invalid("/confirm", "must repeat the organisation"));
            }
            let done = erase_organisation(&env.of(&org), live_cards, from, deadline).await?;
            tracing::info!(%org, erased = done.erased, ended = done.next.is_none(), "erased an organisation");
            Ok(Done::EraseOrganisation(done))
        }
    }
}
