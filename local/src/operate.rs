//! What an operator of a stack asks of its functions: the same payloads to the same alias, through `/_local/invoke` of a
//! running local stack, or through the `aws` command line of a deployed one.

mod archive;
mod door;

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::Error;
use crate::say::say;
use door::Door;

/// Which stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// A local stack's address; the only one that runs, unless given.
    pub to: Option<String>,
    /// A deployed stack's name.
    pub stack: Option<String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Makes an organisation's first admin, and its first source; or lets an admin in again.
    FirstAdmin {
        /// Who.
        employee_id: String,
        /// What they are called.
        name: Option<String>,
        /// Their address.
        email: Option<String>,
        /// How tokens name them; without it, by what names people here.
        login: Option<String>,
        /// The source.
        source: Option<String>,
        /// True to set role and login of this person again, even if there are other admins.
        repair: bool,
    },
    /// Writes an organisation to a file, or to the standard output.
    Export {
        /// The file.
        file: Option<PathBuf>,
    },
    /// Brings an organisation back from a file.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Erases somebody who has left.
    ErasePerson {
        /// Who.
        employee_id: String,
    },
    /// Erases an organisation.
    EraseOrganisation {
        /// The organisation once more, so that nobody erases another by mistake.
        confirm: String,
        /// What becomes of cards that are alive, where it is to be anything but a refusal.
        live_cards: Option<String>,
    },
}

/// Does it, and writes what was answered to `out`; to `told`, which local stack that was.
///
/// # Errors
/// Whatever the function refused, and whatever kept it from answering: the same command goes on where it was.
pub async fn run(
    org: &str,
    task: Task,
    place: Place,
    out: &mut dyn Write,
    told: &mut dyn Write,
) -> Result<(), Error> {
    let door = Door::open(place, told).await?;
    let answer = match task {
        Task::FirstAdmin {
            employee_id,
            name,
            email,
            login,
            source,
            repair,
        } => {
            let mut admin = Map::from_iter([("employee_id".to_owned(), json!(employee_id))]);
            admin.extend(given("name", name));
            admin.extend(given("email", email));
            admin.extend(given("login", login));
            let mut payload = payload("first_admin", org);
            payload.insert("admin".to_owned(), Value::Object(admin));
            payload.extend(given("source", source));
            payload.extend(repair.then(|| ("repair".to_owned(), json!(true))));
            door.invoke("admin", &Value::Object(payload)).await?
        }
        Task::Export { file } => match archive::export(&door, org, file, out).await? {
            Some(done) => done,
            None => return Ok(()),
        },
        Task::Import { file } => archive::import(&door, org, &file).await?,
        Task::ErasePerson { employee_id } => {
            let mut payload = payload("erase_person", org);
            payload.insert("employee_id".to_owned(), json!(employee_id));
            let erased = steps(&door, payload, |answer| answer["done"] == true).await?;
            json!({ "employee_id": employee_id, "erased": erased, "done": true })
        }
        Task::EraseOrganisation {
            confirm,
            live_cards,
        } => {
            let mut payload = payload("erase_organisation", org);
            payload.insert("confirm".to_owned(), json!(confirm));
            payload.extend(given("live_cards", live_cards));
            let erased = steps(&door, payload, |answer| answer["next"].is_null()).await?;
            json!({ "org": org, "erased": erased, "done": true })
        }
    };
    let pretty = serde_json::to_string_pretty(&answer);
    say(out, &pretty.unwrap_or_else(|_| answer.to_string()));
    Ok(())
}

/// Asks for step after step until the last; how many items went in all.
async fn steps(
    door: &Door,
    mut payload: Map<String, Value>,
    is_last: impl Fn(&Value) -> bool,
) -> Result<u64, Error> {
    let mut erased = 0;
    loop {
        let asked = Value::Object(payload.clone());
        let answer = door.invoke("apply", &asked).await?;
        erased += answer["erased"].as_u64().unwrap_or_default();
        if is_last(&answer) {
            return Ok(erased);
        }
        if let Some(next) = answer.get("next") {
            payload.insert("from".to_owned(), next.clone());
        }
    }
}

fn payload(operation: &str, org: &str) -> Map<String, Value> {
    Map::from_iter([
        ("offramp".to_owned(), json!(operation)),
        ("org".to_owned(), json!(org)),
    ])
}

fn given(name: &str, value: Option<String>) -> Option<(String, Value)> {
    Some((name.to_owned(), Value::String(value?)))
}
