//! The programs that are measured: built here, so that what is measured is what the sources say.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::Result;
use crate::process::{PATIENCE, Program};
use crate::tree::{Tree, run};

/// The functions, by the names of their folders.
pub(crate) const FUNCTIONS: [&str; 6] =
    ["admin", "apply", "hr-sync", "notify", "sweep", "terminate"];
/// The job of `hr-sync` as it is compared.
pub(crate) const PYTHON: &str = "Python";
pub(crate) const NODE: &str = "Node";
const NODE_BUNDLE: &str = "index.mjs";
/// How each is started.
#[derive(Debug, Clone)]
struct Start {
    command: Vec<String>,
    folder: PathBuf,
}

/// Everything built.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    starts: BTreeMap<String, Start>,
    /// Files of this run: the certificate, and what programs say.
    pub(crate) folder: PathBuf,
}

impl Programs {
    /// Builds the functions, the floor and the same function as most would build it; fetches what the peers need where
    /// the machine has their languages.
    pub(crate) fn build(tree: &Tree) -> Result<Self> {
        let folder = tree.folder()?;
        let others = ["floor"];
        tree.build(&[&FUNCTIONS[..], &others].concat())?;
        let mut programs = Self::found(&tree.programs(), &folder);
        for name in others {
            programs.binary(name, tree.programs().join(name));
        }
        // A workspace of its own, which has no profiles but Cargo's.
        let (profile, built) = match tree.is_optimised() {
            true => ("release", "release/default"),
            false => ("dev", "debug/default"),
        };
        let elsewhere = folder.join("default");
        let mut build = tree.cargo(&elsewhere, profile);
        build.args(["--manifest-path", "bench/default/Cargo.toml"]);
        run(build)?;
        programs.binary("default", elsewhere.join(built));
        programs.peers(&tree.root.join("bench/peers"), &folder);
        Ok(programs)
    }

    /// The functions that were built into a folder; files of this run go into another.
    pub(crate) fn found(built: &Path, folder: &Path) -> Self {
        let mut programs = Self {
            starts: BTreeMap::new(),
            folder: folder.to_owned(),
        };
        for name in FUNCTIONS {
            programs.binary(name, built.join(name));
        }
        programs
    }

    /// Adds the peers whose sources are in a folder; what they stand on goes into another.
    pub(crate) fn peers(&mut self, sources: &Path, into: &Path) {
        self.optional(
            PYTHON,
            python(&sources.join("python"), &into.join("python")),
        );
        self.optional(NODE, node(&sources.join("node"), &into.join("node")));
    }

    /// Whether there is a program of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.starts.contains_key(name)
    }

    /// Where the functions' programs are, by name.
    pub(crate) fn functions(&self) -> BTreeMap<String, PathBuf> {
        let program = |name: &&str| {
            let path = self.starts.get(*name)?.command.first()?;
            Some(((*name).to_owned(), PathBuf::from(path)))
        };
        FUNCTIONS.iter().filter_map(program).collect()
    }

    /// How to start one in an environment; `None` where the machine lacks what it needs.
    pub(crate) fn program(
        &self,
        name: &str,
        environment: &BTreeMap<String, String>,
    ) -> Option<Program> {
        let start = self.starts.get(name)?;
        let mut environment = environment.clone();
        // What Lambda sets in every environment.
        // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("_HANDLER", "handler.handler"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        let folder = start.folder.display().to_string();
        environment.insert("LAMBDA_TASK_ROOT".to_owned(), folder);
        Some(Program {
            name: name.to_owned(),
            command: start.command.clone(),
            folder: start.folder.clone(),
            environment,
            log: self.folder.join(format!("{name}.log")),
            timeout: PATIENCE,
        })
    }

    /// The size of a program in bytes, as it is and as it is uploaded: compressed as in a ZIP file.
    pub(crate) fn size(&self, name: &str) -> Result<(u64, u64)> {
        let start = self.starts.get(name).ok_or("it was not built")?;
        let bytes = fs::read(start.command.first().ok_or("a program has a name")?)?;
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&bytes)?;
        let packed = packed.finish()?.len();
        Ok((u64::try_from(bytes.len())?, u64::try_from(packed)?))
    }

    fn binary(&mut self, name: &str, path: PathBuf) {
        let start = Start {
            command: vec![path.display().to_string()],
            folder: self.folder.clone(),
        };
        self.starts.insert(name.to_owned(), start);
    }

    fn optional(&mut self, name: &str, start: Result<Start>) {
        match start {
            Ok(start) => {
                self.starts.insert(name.to_owned(), start);
            }
            Err(error) => eprintln!("{name} is left out: {error}"),
        }
    }
}

/// A virtual environment with what the function needs, made once.
fn python(source: &Path, folder: &Path) -> Result<Start> {
    let wanted = fs::read_to_string(source.join("requirements.txt"))?;
    let program = folder.join("bin/python");
    once(folder, &wanted, || {
        run(command("python3", ["-m", "venv"]).arg_of(folder))?;
        let install = command(&program.display().to_string(), ["-m", "pip", "install"]);
        run(install
            .arg_of("--quiet")
            .arg_of("--disable-pip-version-check")
            .arg_of("--requirement")
            .arg_of(source.join("requirements.txt")))
    })?;
    Ok(Start {
        command: [
            &program.display().to_string(),
            "-m",
            "awslambdaric",
            "handler.handler",
        ]
        .map(str::to_owned)
        .into(),
        folder: source.to_owned(),
    })
}

/// One file of JavaScript with the function and the SDK in it, made once.
fn node(source: &Path, folder: &Path) -> Result<Start> {
    let mut wanted = String::new();
    let mut files: Vec<PathBuf> = fs::read_dir(source)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    for file in &files {
        wanted += &fs::read_to_string(file)?;
    }
    once(folder, &wanted, || {
        for file in &files {
            fs::copy(
                file,
                folder.join(file.file_name().ok_or("a file has a name")?),
            )?;
        }
        let mut install = command("npm", ["ci", "--silent", "--no-audit", "--no-fund"]);
        install.current_dir(folder);
        run(install)?;
        let mut bundle = command("npm", ["run", "--silent", "build"]);
        bundle.current_dir(folder);
        run(bundle)
    })?;
    Ok(Start {
        command: vec!["node".to_owned(), NODE_BUNDLE.to_owned()],
        folder: folder.join("dist"),
    })
}

/// Makes a folder unless it was made of the same.
pub(crate) fn once(folder: &Path, of: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = folder.join("made-of");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == of) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    make()?;
    Ok(fs::write(stamp, of)?)
}

fn command<const N: usize>(program: &str, arguments: [&str; N]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Arguments in a chain that keeps the command.
trait ArgOf {
    fn arg_of(self, argument: impl AsRef<std::ffi::OsStr>) -> Self;
}

impl ArgOf for Command {
    fn arg_of(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.arg(argument);
        self
    }
}
