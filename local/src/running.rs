//! The stacks that run on this machine: each `serve` leaves a note of its address, by which the other commands find it.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::client::Client;
use crate::say::say;
use crate::stack::USUAL_PORT;
use crate::{Error, files};

/// The folder of the notes: one for each user of the machine. It is in the folder that the system keeps for the user's
/// sockets and the like, which nobody else can enter
/// (<https://specifications.freedesktop.org/basedir-spec/latest/>); without one, among temporary files.
pub(crate) fn notes() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    if let Some(runtime) = runtime.filter(|path| path.is_absolute() && path.is_dir()) {
        return runtime.join("offramp");
    }
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    let folder = format!(".offramp-{}", user.unwrap_or_else(|_| "anybody".to_owned()));
    std::env::temp_dir().join(folder)
}

/// The note of a running stack; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Note(PathBuf);

impl Note {
    /// Leaves the note of the stack at `url`. Its file is called after the port, which no two stacks share.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn leave(folder: &Path, url: &str) -> Result<Self, Error> {
        let port = url.rsplit(':').next().unwrap_or_default();
        let path = folder.join(port);
        files::private_folder(folder)?;
        if !files::is_own(folder) {
            let why = std::io::Error::other("others can write it");
            return Err(Error::file(folder)(why));
        }
        files::write_private(&path, url.as_bytes())?;
        Ok(Self(path))
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // A note that stays names a stack that no longer answers, and `find` removes it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A stack that answers, and what it says of itself at `GET /_local`.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) client: Client,
    pub(crate) facts: Value,
}

/// The stack that a command speaks to: the one at `to`; else the only one whose note is in the folder; else, where no
/// noted one answers, the one on the usual port. Tells its address.
///
/// # Errors
/// [`Error::Usage`] where none answers, and where it would have to guess between several.
pub(crate) async fn find(
    to: Option<String>,
    folder: &Path,
    told: &mut dyn Write,
) -> Result<Found, Error> {
    let usual = format!("http://127.0.0.1:{USUAL_PORT}");
    let mut found = match to {
        Some(named) => {
            let place = match named.contains("://") {
                true => named,
                false => format!("http://{named}"),
            };
            match ask(&place).await? {
                Asked::Stack(found) => vec![found],
                Asked::Nobody | Asked::Another => return Err(nobody(&place)),
            }
        }
        None => noted(folder).await?,
    };
    if found.is_empty() {
        match ask(&usual).await? {
            Asked::Stack(stack) => found.push(stack),
            Asked::Nobody | Asked::Another => return Err(nobody(&usual)),
        }
    }
    match (found.pop(), found.as_slice()) {
        (Some(only), []) => {
            say(told, &format!("to the stack at {}", only.client.base()));
            Ok(only)
        }
        (last, others) => {
            let all = others.iter().chain(&last);
            let named = all.map(|one| format!("\n  --to {}", one.client.base()));
            Err(Error::Usage(format!(
                "several stacks run; say which one is meant:{}",
                named.collect::<String>()
            )))
        }
    }
}

fn nobody(place: &str) -> Error {
    Error::Usage(format!(
        "no stack answers at {place}: start one with `cargo run`, or name one with --to"
    ))
}

/// The stacks of the notes that answer, by port. A note at whose address nothing listens any more is removed. A folder or
/// a note that another user owns or can write is not followed: the whole of an import would go to the address in it.
async fn noted(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut notes = match std::fs::read_dir(folder) {
        Ok(_) if !files::is_own(folder) => {
            return Err(Error::Usage(format!(
                "{} is not yours alone, so its notes are not followed: name the stack with --to",
                folder.display()
            )));
        }
        Ok(entries) => entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect::<Vec<_>>(),
        Err(_) => Vec::new(),
    };
    notes.sort();
    let mut found = Vec::new();
    for note in notes {
        if !files::is_own(&note) {
            continue;
        }
        // It may have gone since the folder was read.
        let Ok(place) = std::fs::read_to_string(&note) else {
            continue;
        };
        match ask(place.trim()).await? {
            Asked::Stack(stack) => found.push(stack),
            Asked::Another => {}
            Asked::Nobody => drop(Note(note)),
        }
    }
    Ok(found)
}

enum Asked {
    Stack(Found),
    /// Something answers there, or is silent, and is no local stack.
    Another,
    /// Nothing listens there.
    Nobody,
}

async fn ask(place: &str) -> Result<Asked, Error> {
    let client = Client::new(place)?;
    match client.get("/_local").ok().await {
        Ok(facts) if facts["api"].is_string() => Ok(Asked::Stack(Found { client, facts })),
        Err(Error::Http { source, .. }) if source.is_connect() => Ok(Asked::Nobody),
        Ok(_) | Err(Error::Http { .. } | Error::Answer { .. }) => Ok(Asked::Another),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::TemporaryFolder;
    use crate::{Stack, StackConfig};

    fn notes_in(folder: &TemporaryFolder) -> usize {
        std::fs::read_dir(folder.path()).unwrap().count()
    }

    async fn stack() -> Stack {
        let config = StackConfig {
            seed: false,
            ..StackConfig::default()
        };
        Stack::start(config).await.unwrap()
    }

    async fn found(to: Option<&str>, folder: &TemporaryFolder) -> Result<(String, String), String> {
        let mut told = Vec::new();
        let found = find(to.map(str::to_owned), folder.path(), &mut told).await;
        let told = String::from_utf8(told).unwrap();
        match found {
            Ok(found) => Ok((found.client.base().to_owned(), told)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_only_stack_is_found_and_named() {
        let (folder, stack) = (TemporaryFolder::new().unwrap(), stack().await);
        let note = Note::leave(folder.path(), stack.url()).unwrap();
        let (place, told) = found(None, &folder).await.unwrap();
        assert_eq!(place, stack.url());
        assert_eq!(told, format!("to the stack at {}\n", stack.url()));
        drop(note);
        assert_eq!(notes_in(&folder), 0);
    }

    #[cfg(unix)]
    #[tokio::test(flavor = "multi_thread")]
    async fn a_note_that_others_can_write_is_not_followed() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let folder = TemporaryFolder::new().unwrap();
        let (mine, theirs) = (stack().await, stack().await);
        let _mine = Note::leave(folder.path(), mine.url()).unwrap();
        let planted = Note::leave(folder.path(), theirs.url()).unwrap();
        mode(&planted.0, 0o666);
        assert_eq!(found(None, &folder).await.unwrap().0, mine.url());
        mode(folder.path(), 0o777);
        let refused = found(None, &folder).await.unwrap_err();
        assert!(refused.contains("not yours alone"), "{refused}");
        // One that is named is not looked for.
        assert_eq!(
            found(Some(theirs.url()), &folder).await.unwrap().0,
            theirs.url()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn between_several_stacks_nothing_is_guessed() {
        let folder = TemporaryFolder::new().unwrap();
        let (one, two) = (stack().await, stack().await);
        let _first = Note::leave(folder.path(), one.url()).unwrap();
        let second = Note::leave(folder.path(), two.url()).unwrap();
        let refused = found(None, &folder).await.unwrap_err();
        for stack in [&one, &two] {
            assert!(
                refused.contains(&format!("--to {}", stack.url())),
                "{refused}"
            );
        }
        let (named, told) = found(Some(two.url()), &folder).await.unwrap();
        assert_eq!(named, two.url());
        assert!(told.contains(two.url()), "{told}");
        let bare = two.url().trim_start_matches("http://");
        assert_eq!(found(Some(bare), &folder).await.unwrap().0, two.url());

        // Stopped, it is out of the choice, with its note or without.
        let url = two.url().to_owned();
        two.shutdown().await.unwrap();
        assert_eq!(found(None, &folder).await.unwrap().0, one.url());
        assert_eq!(
            notes_in(&folder),
            1,
            "the note of a stack that has gone stays"
        );
        drop(second);
        let refused = found(Some(&url), &folder).await.unwrap_err();
        assert!(refused.contains("no stack answers"), "{refused}");
    }
}
