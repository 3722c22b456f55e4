//! Sources, and what is built of them: this workspace, or another commit of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// Cargo's profile without optimisation, and the folder that it builds into.
const UNOPTIMISED: (&str, &str) = ("dev", "debug");

/// A workspace, where what is built of it goes, and the profile that it is built with.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) profile: String,
}

impl Tree {
    /// The workspace of this program, beside whose program the others go. Without a profile they are built as this one
    /// was.
    pub(crate) fn own(profile: Option<&str>) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = root.ok_or("bench/ is in a workspace")?.to_owned();
        let program = std::env::current_exe()?;
        // …/release/bench
        let beside = program.parent().ok_or("this program is in a folder")?;
        let target = beside
            .parent()
            .ok_or("this program is in a target folder")?;
        let folder = beside.file_name().unwrap_or_default().to_string_lossy();
        let own = match &*folder {
            folder if folder == UNOPTIMISED.1 => UNOPTIMISED.0,
            folder => folder,
        };
        Ok(Self {
            root,
            target: target.to_owned(),
            profile: profile.unwrap_or(own).to_owned(),
        })
    }

    /// Where programs are.
    pub(crate) fn programs(&self) -> PathBuf {
        let folder = if self.is_optimised() {
            &self.profile
        } else {
            UNOPTIMISED.1
        };
        self.target.join(folder)
    }

    /// Files of the bench's own.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        let folder = self.target.join("bench");
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    pub(crate) fn is_optimised(&self) -> bool {
        self.profile != UNOPTIMISED.0
    }

    /// Builds packages. Optimised they are what is deployed; else they are built with the bench, so that what they stand
    /// on has the same features as for it, and is not compiled a second time.
    pub(crate) fn build(&self, packages: &[&str]) -> Result<()> {
        let mut build = self.cargo(&self.target, &self.profile);
        build.arg("--locked");
        for name in packages {
            build.args(["--package", name]);
        }
        if !self.is_optimised() {
            build.args(["--package", "bench"]);
        }
        run(build)
    }

    /// `cargo build` in this workspace.
    pub(crate) fn cargo(&self, target: &Path, profile: &str) -> Command {
        let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        cargo
            .current_dir(&self.root)
            .args(["build", "--profile", profile, "--target-dir"])
            .arg(target);
        cargo
    }
}

/// Runs a command, and wants success.
pub(crate) fn run(mut command: Command) -> Result<()> {
    eprintln!("{command:?}");
    let status = command
        .status()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_where_cargo_puts_it() {
        let tree = |profile: &str| Tree {
            root: "/sources".into(),
            target: "/target".into(),
            profile: profile.to_owned(),
        };
        for (profile, folder) in [
            ("dev", "/target/debug"),
            ("release", "/target/release"),
            ("measure", "/target/measure"),
        ] {
            assert_eq!(tree(profile).programs(), Path::new(folder));
        }
        // This test is such a program itself, one folder deeper.
        let own = Tree::own(Some("measure")).unwrap();
        assert_eq!(own.profile, "measure");
        assert!(own.root.join("bench/Cargo.toml").is_file());
    }
}
