//! The command line.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use offramp_aws::log;
use tracing_subscriber::prelude::*;

use crate::operate::{Place, Task};
use crate::say::say;
use crate::stack::USUAL_PORT;
use crate::{Error, bench, demo, operate, send, serve};

const HELP: &str = "\
offramp: the whole system on this machine

  offramp [serve] [--port N] [--data DIR]   run it until Ctrl-C; without --data nothing is kept
  offramp demo                              let the whole story run by itself, and check every step
  offramp send FILE [--to URL] [--source S] sign a file of events/hr and post it to the running stack
  offramp first-admin --org ORG --admin ID [--name NAME] [--email ADDRESS] [--login LOGIN] [--source SOURCE] [--repair]
                                            make an organisation's first admin, and its first source
  offramp export --org ORG [FILE]           write an organisation to a file of JSON lines, or to standard output
  offramp import --org ORG FILE             bring it back, into an organisation of which nothing is stored
  offramp erase-person --org ORG --employee ID
                                            erase somebody who has left, with all that is theirs
  offramp erase-organisation --org ORG --confirm ORG [--live-cards leave]
                                            erase an organisation, with everybody in it
  offramp bench snapshot [--people N,…] [--write]
                                            measure what applying snapshots costs; --write: into docs/PERFORMANCE.md
  offramp --help

serve   takes port 8787, or a free one where that is taken; --port 0 is any free port
send    finds the running stack by itself and says which it is; where several run, --to names one
first-admin, export, import, erase-person, erase-organisation
        likewise; --stack NAME is for a deployed stack, through the aws command line

RUST_LOG=info shows what the functions log.
";

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Run the stack.
    Serve {
        /// The port that was asked for; `None` is the usual one, or a free one.
        port: Option<u16>,
        /// The folder that keeps everything.
        data: Option<PathBuf>,
    },
    /// Tell the story.
    Demo,
    /// Sign and post a file.
    Send {
        /// The file: a whole request body.
        file: PathBuf,
        /// The stack's address; the only one that runs where missing.
        to: Option<String>,
        /// The HR source; the seed's where missing.
        source: Option<String>,
    },
    /// Invoke functions, as an operator of the stack.
    Operate {
        /// The organisation.
        org: String,
        /// What for.
        task: Task,
        /// Of which stack.
        place: Place,
    },
    /// Measure snapshots.
    BenchSnapshot {
        /// Sizes of organisations.
        people: Vec<u32>,
        /// Whether the documentation gets the figures.
        write: bool,
    },
    /// Apply one, for the bench.
    BenchApply,
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// Runs a command line, without the program's name, and gives the exit status.
pub async fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let command = parse(arguments);
    let quiet = match &command {
        // What the breaker stops is a chapter of the story, and told in it.
        Ok(Command::Demo) => "warn,dynoxide=error,offramp_app::engine::breaker=error",
        _ => "warn,dynoxide=error",
    };
    let filter = log::filter(std::env::var("RUST_LOG").ok().as_deref(), quiet);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    // A process that logs already keeps its logger.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
    let done = match command {
        Ok(command) => execute(command).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut io::stderr(), &format!("offramp: {error}"));
            ExitCode::from(if matches!(error, Error::Usage(_)) {
                2
            } else {
                1
            })
        }
    }
}

async fn execute(command: Command) -> Result<(), Error> {
    // What is piped on is the answer alone.
    let (mut out, mut told) = (io::stdout(), io::stderr());
    match command {
        Command::Serve { port, data } => {
            let fixed = port.filter(|port| *port != 0);
            serve::run(port.unwrap_or(USUAL_PORT), fixed.is_none(), data, &mut out).await
        }
        Command::Demo => demo::run(&mut out).await,
        Command::Send { file, to, source } => {
            send::run(&file, to, source, &mut out, &mut told).await
        }
        Command::Operate { org, task, place } => {
            operate::run(&org, task, place, &mut out, &mut told).await
        }
        Command::BenchSnapshot { people, write } => bench::snapshot(&people, write, &mut out).await,
        Command::BenchApply => bench::apply(&mut out).await,
        Command::Help => {
            say(&mut out, HELP.trim_end());
            Ok(())
        }
        Command::Version => {
            say(&mut out, concat!("offramp ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    }
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, Error> {
    let arguments: Vec<String> = arguments.collect();
    if arguments.iter().any(|one| one == "--help" || one == "-h") {
        return Ok(Command::Help);
    }
    let mut arguments = arguments.into_iter().peekable();
    let named = arguments.next_if(|first| !first.starts_with('-'));
    match named.as_deref() {
        None if arguments
            .next_if(|flag| flag == "--version" || flag == "-V")
            .is_some() =>
        {
            Ok(Command::Version)
        }
        None | Some("serve") => {
            let mut options = Options::read(arguments, &["--port", "--data"])?;
            let port = options.take("--port").map(|text| {
                let number = text.parse();
                number.map_err(|_| {
                    Error::Usage(format!("--port takes a number up to 65535, not {text:?}"))
                })
            });
            let command = Command::Serve {
                port: port.transpose()?,
                data: options.take("--data").map(PathBuf::from),
            };
            options.no_file().map(|()| command)
        }
        Some("demo") => Options::read(arguments, &[])?
            .no_file()
            .map(|()| Command::Demo),
        Some("send") => {
            let mut options = Options::read(arguments, &["--to", "--source"])?;
            let (to, source) = (options.take("--to"), options.take("--source"));
            match options.files.as_slice() {
                [file] => Ok(Command::Send {
                    file: file.into(),
                    to,
                    source,
                }),
                _ => Err(Error::Usage(
                    "send takes one file, such as events/hr/leaver.json".into(),
                )),
            }
        }
        Some(
            name @ ("first-admin" | "export" | "import" | "erase-person" | "erase-organisation"),
        ) => operation(name, arguments),
        Some("bench") => bench_of(arguments.collect()),
        Some(bench::COMMAND) => Ok(Command::BenchApply),
        Some("help") => Ok(Command::Help),
        Some(other) => Err(Error::Usage(format!(
            "{other:?} is no command; see offramp --help"
        ))),
    }
}

/// Lets an admin in again who is there already.
const REPAIR: &str = "--repair";

fn operation(name: &str, arguments: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut arguments: Vec<String> = arguments.collect();
    let repair = name == "first-admin" && arguments.iter().any(|one| one == REPAIR);
    arguments.retain(|one| !(repair && one == REPAIR));
    let own: &[&str] = match name {
        "first-admin" => &["--admin", "--name", "--email", "--login", "--source"],
        "erase-person" => &["--employee"],
        "erase-organisation" => &["--confirm", "--live-cards"],
        _ => &[],
    };
    let known = [&["--org", "--to", "--stack"], own].concat();
    let mut options = Options::read(arguments.into_iter(), &known)?;
    let org = options.need(name, "--org")?;
    let place = Place {
        to: options.take("--to"),
        stack: options.take("--stack"),
    };
    let file = match options.files.as_slice() {
        [] => None,
        [file] if matches!(name, "export" | "import") => Some(PathBuf::from(file)),
        [file, ..] => {
            return Err(Error::Usage(format!(
                "{file:?} is too much; see offramp --help"
            )));
        }
    };
    let task = match name {
        "export" => Task::Export { file },
        "import" => Task::Import {
            file: file.ok_or_else(|| Error::Usage("import takes a file of an export".into()))?,
        },
        "erase-person" => Task::ErasePerson {
            employee_id: options.need(name, "--employee")?,
        },
        "erase-organisation" => Task::EraseOrganisation {
            confirm: options.need(name, "--confirm")?,
            live_cards: options.take("--live-cards"),
        },
        _ => Task::FirstAdmin {
            employee_id: options.need(name, "--admin")?,
            name: options.take("--name"),
            email: options.take("--email"),
            login: options.take("--login"),
            source: options.take("--source"),
            repair,
        },
    };
    Ok(Command::Operate { org, task, place })
}

fn bench_of(mut arguments: Vec<String>) -> Result<Command, Error> {
    let before = arguments.len();
    arguments.retain(|argument| argument != "--write");
    let write = arguments.len() < before;
    let mut options = Options::read(arguments.into_iter(), &["--people"])?;
    if options.files != ["snapshot"] {
        return Err(Error::Usage("bench measures one thing: snapshot".into()));
    }
    let people = match options.take("--people") {
        None => bench::SIZES.to_vec(),
        Some(list) => list
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()
            .filter(|sizes: &Vec<u32>| sizes.iter().all(|size| (1_000..=1_000_000).contains(size)))
            .ok_or_else(|| Error::Usage("--people takes numbers from 1000 to 1000000".into()))?,
    };
    Ok(Command::BenchSnapshot { people, write })
}

struct Options {
    values: Vec<(String, String)>,
    files: Vec<String>,
}

impl Options {
    /// `--name value` and `--name=value`, for the names that a command knows; the rest are files.
    fn read(arguments: impl Iterator<Item = String>, known: &[&str]) -> Result<Self, Error> {
        let mut arguments = arguments;
        let mut options = Self {
            values: Vec::new(),
            files: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            if !argument.starts_with('-') {
                options.files.push(argument);
                continue;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            if !known.contains(&name.as_str()) {
                return Err(Error::Usage(format!(
                    "{name} is not known here; see offramp --help"
                )));
            }
            let value = value.or_else(|| arguments.next());
            let value = value.ok_or_else(|| Error::Usage(format!("{name} takes a value")))?;
            options.values.push((name, value));
        }
        Ok(options)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let found = self.values.iter().rposition(|(known, _)| known == name)?;
        Some(self.values.swap_remove(found).1)
    }

    fn need(&mut self, command: &str, name: &str) -> Result<String, Error> {
        self.take(name)
            .ok_or_else(|| Error::Usage(format!("{command} needs {name}; see offramp --help")))
    }

    fn no_file(self) -> Result<(), Error> {
        match self.files.first() {
            Some(file) => Err(Error::Usage(format!(
                "{file:?} is too much; see offramp --help"
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
