//! The two ways to invoke a function and wait for its answer.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use offramp_api::invoked::OPERATOR;
use serde_json::Value;

use super::Place;
use crate::client::Client;
use crate::files::{self, TemporaryFolder};
use crate::{Error, running};

/// A way to a stack's functions.
pub(crate) enum Door {
    /// A local stack.
    Local(Client),
    /// A deployed one, through the AWS command line with whatever credentials and region it finds.
    Aws {
        /// The command line.
        program: PathBuf,
        /// The stack's name: its functions are called after it.
        stack: String,
    },
}

impl Door {
    pub(super) async fn open(place: Place, told: &mut dyn Write) -> Result<Self, Error> {
        match (place.to, place.stack) {
            (Some(_), Some(_)) => Err(Error::Usage(
                "--to is for a local stack and --stack for a deployed one: give one".into(),
            )),
            (None, Some(stack)) => Ok(Self::Aws {
                program: "aws".into(),
                stack,
            }),
            (to, None) => {
                let found = running::find(to, &running::notes(), told).await?;
                Ok(Self::Local(found.client))
            }
        }
    }

    /// Asks a function, by the name of its crate, for an operation; what it answers, unless that is a problem.
    pub(super) async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, Error> {
        let answer = match self {
            Self::Local(client) => {
                let path = format!("/_local/invoke/{function}:{OPERATOR}");
                client.post(path, payload).ok().await?
            }
            Self::Aws { program, stack } => {
                let name = format!("{stack}-{function}:{OPERATOR}");
                let program = program.clone();
                let payload = payload.to_string();
                let called = tokio::task::spawn_blocking(move || aws(&program, &name, &payload));
                called
                    .await
                    .map_err(|error| Error::document("aws lambda invoke", error))??
            }
        };
        match (answer["code"].as_str(), answer["status"].as_u64()) {
            (Some(_), Some(status)) => Err(Error::Answer {
                what: function.to_owned(),
                status: u16::try_from(status).unwrap_or_default(),
                body: answer.to_string(),
            }),
            _ => Ok(answer),
        }
    }
}

/// `aws lambda invoke`. Payload and answer go through files in a folder that only this user can read,
/// since they hold what people are called, and once a secret; the folder is gone afterwards.
fn aws(program: &Path, function: &str, payload: &str) -> Result<Value, Error> {
    let folder = TemporaryFolder::new()?;
    let (asked, answered) = (folder.path().join("payload"), folder.path().join("answer"));
    files::write_private(&asked, payload.as_bytes())?;
    let output = Command::new(program)
        .args(["lambda", "invoke", "--function-name", function])
        .arg("--payload")
        .arg(format!("fileb://{}", asked.display()))
        .args(["--cli-read-timeout", "60", "--output", "json"])
        .arg(&answered)
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::document(
                program.display().to_string(),
                "this command line is not found; --stack needs it: https://aws.amazon.com/cli/",
            ),
            _ => Error::file(program)(error),
        })?;
    let what = format!("aws lambda invoke {function}");
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::document(what, said.trim()));
    }
    let text = std::fs::read(&answered).map_err(Error::file(&answered))?;
    let failed = serde_json::from_slice::<Value>(&output.stdout)
        .is_ok_and(|told| told.get("FunctionError").is_some());
    if failed {
        return Err(Error::document(what, String::from_utf8_lossy(&text)));
    }
    serde_json::from_slice(&text).map_err(|error| Error::document(what, error))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    /// A command line that answers with what it was handed, or as a function that failed.
    fn command_line(folder: &TemporaryFolder, then: &str) -> Door {
        let program = folder.path().join("aws");
        let script = format!("#!/bin/sh\nset -eu\n{then}\n");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        Door::Aws {
            program,
            stack: "offramp".into(),
        }
    }

    #[tokio::test]
    async fn a_deployed_function_is_invoked_by_the_aws_command_line() {
        let folder = TemporaryFolder::new().unwrap();
        let echo = r#"test "$1 $2 $3 $4 $5" = "lambda invoke --function-name offramp-admin:operator --payload"
            for last; do :; done
            cat "${6#fileb://}" > "$last"
            echo '{"StatusCode":200}'"#;
        let asked = json!({ "offramp": "first_admin", "org": "acme" });
        let door = command_line(&folder, echo);
        assert_eq!(door.invoke("admin", &asked).await.unwrap(), asked);
        let problem = json!({ "status": 409, "code": "exists" });
        let refused = door.invoke("admin", &problem).await.unwrap_err();
        assert!(
            matches!(refused, Error::Answer { status: 409, .. }),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn without_the_aws_command_line_that_is_what_is_said() {
        let door = Door::Aws {
            program: "no-such-command-line".into(),
            stack: "offramp".into(),
        };
        let error = door.invoke("apply", &json!({})).await.unwrap_err();
        assert!(error.to_string().contains("--stack needs it"), "{error}");
    }

    #[tokio::test]
    async fn a_function_that_failed_and_a_call_that_was_refused_are_errors() {
        let folder = TemporaryFolder::new().unwrap();
        let failed = r#"for last; do :; done
            echo '{"errorMessage":"unknown variant"}' > "$last"
            echo '{"StatusCode":200,"FunctionError":"Unhandled"}'"#;
        let refused = "echo AccessDeniedException >&2; exit 254";
        for (then, said) in [(failed, "unknown variant"), (refused, "AccessDenied")] {
            let door = command_line(&folder, then);
            let error = door.invoke("apply", &json!({})).await.unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
