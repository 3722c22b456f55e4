//! What is asked for on the command line.

use crate::jobs::{Group, Job};
use crate::releases::Releases;

pub(crate) const USAGE: &str = "\
cargo run --release -p bench -- [--write] [--quick]
  what each function costs: size, start, latency, memory
cargo run -p bench -- calls [JOB…] [--against REF] [--profile NAME] [--built] [--trace] [--large] [--write] [--quick]
  what each job calls of AWS, how much of it one call after the other, and how long it takes at 4 ms a call; a JOB is a
  name as in the table, or the beginning of several
  --against REF   beside the functions of another commit, and beside Node and Python
  --profile NAME  build the functions with this profile of Cargo, not with that of this program
  --built         take this build's functions as they are, from beside this program or where the profile puts them
  --trace         show the calls of each job, those in a row with a star
  --large         with the snapshot of 100,000 people
cargo run -p bench -- releases [--against REF] [--built]
  the functions of another commit and these ones on one table, swapped one by one while requests come in; takes ten
  minutes, and fails where one is lost

  --write         put the tables into docs/PERFORMANCE.md
  --quick         a tenth of the rounds: to see that it works, not to be quoted";

/// One of the things that this program does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Functions(Options),
    Calls(Calls),
    Releases(Releases),
}

/// How to measure what the functions cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Options {
    pub(crate) write: bool,
    pub(crate) quick: bool,
}

/// Which jobs to do, beside whom, and what to show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Calls {
    pub(crate) jobs: Vec<Job>,
    pub(crate) against: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) built: bool,
    pub(crate) trace: bool,
    pub(crate) write: bool,
    pub(crate) quick: bool,
}

impl Options {
    /// So many rounds, or a tenth of them.
    pub(crate) fn rounds(self, all: usize) -> usize {
        if self.quick { all.div_ceil(10) } else { all }
    }
}

impl Calls {
    /// How often each job of a group is done at each latency.
    pub(crate) fn rounds(&self, group: Group) -> usize {
        let rounds = group.rounds();
        if self.quick {
            rounds.div_ceil(10)
        } else {
            rounds
        }
    }
}

/// Reads the arguments.
///
/// # Errors
/// What is wrong with them, and the usage.
pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut arguments = arguments.peekable();
    let usage = |wrong: String| format!("{wrong}\n{USAGE}");
    let calls = arguments.next_if(|first| first == "calls").is_some();
    if arguments.next_if(|first| first == "releases").is_some() {
        return releases(arguments).map_err(usage);
    }
    let (mut asked, mut words, mut large) = (Calls::default(), Vec::new(), false);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next_if(|value| !value.starts_with('-'));
            value.ok_or_else(|| usage(format!("{argument} lacks its value")))
        };
        match argument.as_str() {
            "--help" | "-h" => return Err(USAGE.to_owned()),
            "--write" => asked.write = true,
            "--quick" => asked.quick = true,
            "--against" if calls => asked.against = Some(value()?),
            "--profile" if calls => asked.profile = Some(value()?),
            "--built" if calls => asked.built = true,
            "--trace" if calls => asked.trace = true,
            "--large" if calls => large = true,
            word if calls && !word.starts_with('-') => words.push(word.to_owned()),
            other => return Err(usage(format!("{other} is not known"))),
        }
    }
    if calls {
        asked.jobs = Job::asked(&words, large).map_err(usage)?;
        return Ok(Asked::Calls(asked));
    }
    let Calls { write, quick, .. } = asked;
    Ok(Asked::Functions(Options { write, quick }))
}

/// The last commit whose functions know no other stored form than the first.
const FIRST_FORM: &str = "cee8be8";

fn releases(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Releases {
        against: FIRST_FORM.to_owned(),
        built: false,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--built" => asked.built = true,
            "--against" => {
                let value = arguments.next().filter(|value| !value.starts_with('-'));
                asked.against = value.ok_or("--against lacks its value")?;
            }
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(Asked::Releases(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        read(line.split_whitespace().map(str::to_owned))
    }

    fn calls(line: &str) -> Calls {
        match asked(line) {
            Ok(Asked::Calls(calls)) => calls,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn it_does_what_is_asked() {
        let options = |write, quick| Ok(Asked::Functions(Options { write, quick }));
        assert_eq!(asked(""), options(false, false));
        assert_eq!(asked("--write --quick"), options(true, true));
        let rounds = |quick| {
            Options {
                write: false,
                quick,
            }
            .rounds(30)
        };
        assert_eq!((rounds(false), rounds(true)), (30, 3));

        assert_eq!(calls("calls").jobs.len(), Job::ALL.len() - 1);
        assert_eq!(calls("calls --large").jobs, Job::ALL);
        let wanted = calls("calls terminate --against cee8be8 digest-2 --profile measure --trace");
        let jobs: Vec<_> = wanted.jobs.iter().map(|job| job.name()).collect();
        assert_eq!(jobs, ["terminate", "digest-2"]);
        assert_eq!(wanted.against.as_deref(), Some("cee8be8"));
        assert_eq!(wanted.profile.as_deref(), Some("measure"));
        assert!(wanted.trace && !wanted.built && !wanted.write && !wanted.quick);
    }

    #[test]
    fn or_says_how() {
        assert_eq!(asked("--help"), Err(USAGE.to_owned()));
        assert_eq!(asked("calls -h"), Err(USAGE.to_owned()));
        for (line, wrong) in [
            ("--wrote", "--wrote is not known"),
            // Only of calls.
            ("--against main", "--against is not known"),
            ("terminate", "terminate is not known"),
            ("calls --against", "--against lacks its value"),
            ("calls --profile --trace", "--profile lacks its value"),
            ("calls --rounds 3", "--rounds is not known"),
            ("calls terminated", "terminated is no job"),
            ("--quick calls", "calls is not known"),
        ] {
            let told = asked(line).unwrap_err();
            assert!(
                told.starts_with(wrong) && told.ends_with(USAGE),
                "{line}: {told}"
            );
        }
    }
}
