//! What whoever operates the stack asks by invoking the function: IAM lets them, and no route leads to
//! this function at all.

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

/// The payloads: one step each.
#[derive(Debug, Deserialize)]
#[serde(tag = "offramp", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// The next lines of an organisation.
    Export {
        /// The organisation.
        org: OrgId,
        /// The `next` of the step before.
        #[serde(default)]
        from: Option<Position>,
    },
    /// Takes lines of an export.
    Import {
        /// The organisation: one of which nothing is stored.
        org: OrgId,
        /// The export's id, from its first line.
        export: String,
        /// The lines, in their order.
        lines: Vec<Value>,
        /// Whether these are the last.
        #[serde(default)]
        last: bool,
    },
    /// Erases somebody who has left.
    ErasePerson {
        /// The organisation.
        org: OrgId,
        /// Who.
        employee_id: EmployeeId,
    },
    /// Erases an organisation.
    EraseOrganisation {
        /// The organisation.
        org: OrgId,
        /// The organisation once more.
        confirm: OrgId,
        /// What becomes of cards that are alive.
        #[serde(default)]
        live_cards: LiveCards,
        /// The `next` of the step before.
        #[serde(default)]
        from: Option<At>,
    },
}

/// What each answers.
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
            // Not the id: what was erased is in no log of ours.
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
