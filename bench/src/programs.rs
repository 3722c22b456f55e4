//! The programs that are measured: built here, so that what is measured is what the sources say.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::Result;
use crate::process::Program;

/// The functions, by the names of their folders.
pub(crate) const FUNCTIONS: [&str; 6] =
    ["admin", "apply", "hr-sync", "notify", "sweep", "terminate"];
/// The job of `hr-sync` as it is compared.
pub(crate) const PYTHON: &str = "Python";
pub(crate) const NODE: &str = "Node";
const NODE_BUNDLE: &str = "index.mjs";
/// What is measured is built as this program is: without optimisation only to see that it works.
const PROFILE: &str = if cfg!(debug_assertions) {
    "debug"
} else {
    "release"
};

/// How each is started.
#[derive(Debug, Clone)]
struct Start {
    command: Vec<String>,
    folder: PathBuf,
}

/// Everything built.
pub(crate) struct Programs {
    starts: BTreeMap<String, Start>,
    /// Files of this run: the certificate, and what programs say.
    pub(crate) folder: PathBuf,
}

impl Programs {
    /// Builds the functions, the floor and the same function as most would build it; fetches what the peers need where
    /// the machine has their languages.
    pub(crate) fn build() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or("bench/ is in a workspace")?;
        let program = std::env::current_exe()?;
        // …/release/bench
        let beside = program.parent().ok_or("this program is in a folder")?;
        let target = beside
            .parent()
            .ok_or("this program is in a target folder")?;
        let folder = target.join("bench");
        fs::create_dir_all(&folder)?;
        let mut programs = Self {
            starts: BTreeMap::new(),
            folder: folder.clone(),
        };

        let mut build = cargo(root, target);
        build.arg("--locked");
        for name in FUNCTIONS.iter().chain(&["floor"]) {
            build.args(["--package", name]);
        }
        run(build)?;
        for name in FUNCTIONS.iter().chain(&["floor"]) {
            programs.binary(name, beside.join(name));
        }
        let elsewhere = folder.join("default");
        let mut build = cargo(root, &elsewhere);
        build.args(["--manifest-path", "bench/default/Cargo.toml"]);
        run(build)?;
        programs.binary("default", elsewhere.join(PROFILE).join("default"));

        let peers = root.join("bench/peers");
        programs.optional(
            PYTHON,
            python(&peers.join("python"), &folder.join("python")),
        );
        programs.optional(NODE, node(&peers.join("node"), &folder.join("node")));
        Ok(programs)
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

fn cargo(root: &Path, target: &Path) -> Command {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo.current_dir(root).arg("build");
    if PROFILE == "release" {
        cargo.arg("--release");
    }
    cargo.arg("--target-dir").arg(target);
    cargo
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
fn once(folder: &Path, of: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
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

fn run(mut command: Command) -> Result<()> {
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
