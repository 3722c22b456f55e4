//! Another commit's functions, built from a second work tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::programs::{FUNCTIONS, once};
use crate::tree::{Tree, run};

/// What was built of a commit.
#[derive(Debug)]
pub(crate) struct Other {
    /// In the tables: the commit's name, shortened.
    pub(crate) name: String,
    /// Where its functions' programs are.
    pub(crate) programs: PathBuf,
    /// Where the sources of its peers are.
    pub(crate) peers: PathBuf,
}

/// Builds a commit's functions, unless that was done before by the same compiler with the same profile. It has a target
/// folder of its own: Cargo names the crates of two work trees alike, and takes what it built of the one for the other's
/// where that is newer than the sources.
///
/// The work tree is temporary, and outside this one: in it, Cargo would follow this one's `.cargo/config.toml`.
pub(crate) fn build(tree: &Tree, reference: &str) -> Result<Other> {
    let commit = commit(&tree.root, reference)?;
    let name = commit.get(..7).unwrap_or(&commit).to_owned();
    let folder = tree.folder()?.join("against").join(&name);
    let programs = folder.join(&tree.profile);
    let peers = folder.join("peers");
    let compiler = said(Command::new("rustc").arg("--version"))?;
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let of = format!("{commit} {compiler} {flags}");
    once(&programs, &of, || {
        let there = WorkTree::add(&tree.root, &commit)?;
        let other = Tree {
            root: there.folder.clone(),
            target: folder.join("target"),
            ..tree.clone()
        };
        other.build(&FUNCTIONS)?;
        for name in FUNCTIONS {
            // A link would be to what the next build overwrites.
            fs::copy(other.programs().join(name), programs.join(name))?;
        }
        if peers.exists() {
            fs::remove_dir_all(&peers)?;
        }
        copy(&there.folder.join("bench/peers"), &peers)
    })?;
    Ok(Other {
        name,
        programs,
        peers,
    })
}

/// The whole name of what a reference points at.
fn commit(root: &Path, reference: &str) -> Result<String> {
    let wanted = format!("{reference}^{{commit}}");
    let mut git = git(root);
    git.args([
        "rev-parse",
        "--quiet",
        "--verify",
        "--end-of-options",
        &wanted,
    ]);
    let commit = said(&mut git);
    commit.map_err(|_| format!("there is no commit {reference} in {}", root.display()).into())
}

/// A second work tree, which goes when it is dropped.
struct WorkTree {
    root: PathBuf,
    folder: PathBuf,
}

impl WorkTree {
    fn add(root: &Path, commit: &str) -> Result<Self> {
        // The same name each time: Cargo tells sources apart by where they are.
        let name = format!("offramp-bench-{}", commit.get(..12).unwrap_or(commit));
        let there = Self {
            root: root.to_owned(),
            folder: std::env::temp_dir().join(name),
        };
        // Of a run that was cut off.
        there.remove();
        let mut git = git(root);
        git.args(["worktree", "add", "--quiet", "--force", "--detach"]);
        git.arg(&there.folder).arg(commit);
        run(git)?;
        Ok(there)
    }

    fn remove(&self) {
        let mut git = git(&self.root);
        git.args(["worktree", "remove", "--force"])
            .arg(&self.folder);
        // Where it is none, nothing is to be removed; that is said in a way of git's own.
        let _ = git.output();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for WorkTree {
    fn drop(&mut self) {
        self.remove();
    }
}

fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(root);
    git
}

/// What a command prints, without the end of the line.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {error}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let into = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &into)?;
        } else {
            fs::copy(entry.path(), into)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_commit_or_an_error() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let nothing = commit(root, "no-such-branch").unwrap_err().to_string();
        assert!(nothing.contains("no commit no-such-branch"), "{nothing}");
        // What begins with a dash is no option of git's.
        assert!(commit(root, "--all").is_err());
    }
}
