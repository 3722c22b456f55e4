//! `bench calls`: what each job calls of AWS, how much of that one call after the other, and what it takes while each
//! answer is held as long as AWS needs for one. Beside another build of the functions, and beside others who do the same.

pub(crate) mod against;
mod job;
mod page;
mod sample;
mod scene;
mod targets;
mod trace;

use std::collections::BTreeMap;

use crate::cores::Cores;
use crate::options::Calls;
use crate::programs::{FUNCTIONS, NODE, PYTHON, Programs};
use crate::tree::Tree;
use crate::{Result, runtime};
pub(crate) use job::{Group, Job};
use sample::{Answers, Row, Samples};
use scene::{Scene, Side};
use trace::trace;

/// Everybody's medians, in the order of the sides, by job.
type Rows = BTreeMap<Job, Vec<Option<Row>>>;

/// Everybody's rows, by job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// What it was measured on, in a sentence.
    machine: String,
    /// The names of the builds, ours last, and of the others.
    builds: Vec<String>,
    peers: Vec<String>,
    /// In the order of all of these; `None` for those who do not do it.
    rows: Rows,
}

/// Measures what is asked for, prints it, and with `write` puts it into the documentation. Says whether every target is
/// met.
///
/// # Errors
/// A commit that there is not, a program that cannot be built or does not do its job.
pub(crate) fn measure(asked: &Calls) -> Result<bool> {
    let tree = Tree::own(asked.profile.as_deref())?;
    let (sides, builds) = sides(&tree, asked)?;
    let cores = Cores::divide()?;
    let machine = cores.machine();
    let rows = runtime()?.block_on(rows(&sides, builds, asked, &cores))?;
    let names: Vec<String> = sides.iter().map(|side| side.name.clone()).collect();
    let (builds, peers) = names.split_at(builds);
    let table = Table {
        machine: format!("{machine}; built with profile `{}`", tree.profile),
        builds: builds.to_vec(),
        peers: peers.to_vec(),
        rows,
    };
    let targets = targets::of(&table);
    let text = page::tables(&table, &targets);
    eprintln!("\n{text}");
    if asked.write {
        page::write(&text)?;
    }
    Ok(targets.iter().all(|target| target.met != Some(false)))
}

/// Who does the jobs: another commit's build, this one's, and the peers where they are compared with both. Says how many
/// are builds.
fn sides(tree: &Tree, asked: &Calls) -> Result<(Vec<Side>, usize)> {
    let files = tree.folder()?.join("calls");
    let other = asked.against.as_deref();
    let other = other
        .map(|commit| against::build(tree, commit))
        .transpose()?;
    if !asked.built {
        tree.build(&FUNCTIONS)?;
    }
    let mut sides = Vec::new();
    let own = Programs::found(&tree.programs(), &folder(&files, "own")?);
    let Some(other) = other else {
        sides.push(Side {
            name: "now".to_owned(),
            programs: own,
            setup: None,
            peer: None,
        });
        return Ok((sides, 1));
    };
    let mut then = Programs::found(&other.programs, &folder(&files, "other")?);
    let setup = then.functions();
    if asked.jobs.iter().any(|job| job.group().has_peers()) {
        // They know the items as they were then.
        then.peers(&other.peers, &tree.folder()?);
    }
    let peers = [("Node", NODE), ("Python", PYTHON)];
    let peers = peers.into_iter().filter(|(_, program)| then.has(program));
    let peers: Vec<Side> = peers
        .map(|(name, program)| Side {
            name: name.to_owned(),
            programs: then.clone(),
            setup: Some(setup.clone()),
            peer: Some(program),
        })
        .collect();
    sides.push(Side {
        name: other.name,
        programs: then,
        setup: Some(setup),
        peer: None,
    });
    sides.push(Side {
        name: "now".to_owned(),
        setup: Some(own.functions()),
        programs: own,
        peer: None,
    });
    sides.extend(peers);
    Ok((sides, 2))
}

fn folder(files: &std::path::Path, name: &str) -> Result<std::path::PathBuf> {
    let folder = files.join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// All jobs, by group: those that wait are prepared first and done last.
async fn rows(sides: &[Side], builds: usize, asked: &Calls, cores: &Cores) -> Result<Rows> {
    let mut groups: Vec<Group> = asked.jobs.iter().map(|job| job.group()).collect();
    groups.dedup();
    let (wait, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.waits());
    let mut later = Vec::new();
    for group in wait {
        later.push((
            group,
            Stages::prepare(sides, builds, group, asked, cores).await?,
        ));
    }
    let mut rows = BTreeMap::new();
    for group in others {
        let stages = Stages::prepare(sides, builds, group, asked, cores).await?;
        rows.extend(stages.measure(group, sides, asked).await?);
    }
    for (group, stages) in later {
        rows.extend(stages.measure(group, sides, asked).await?);
    }
    Ok(rows)
}

/// A stage for each side that does the jobs of a group; none for those that do not, and for a peer that failed.
struct Stages(Vec<Option<Scene>>);

impl Stages {
    async fn prepare(
        sides: &[Side],
        builds: usize,
        group: Group,
        asked: &Calls,
        cores: &Cores,
    ) -> Result<Self> {
        eprintln!("{group:?}: stages");
        let jobs = group.jobs(&asked.jobs).len() * (asked.rounds(group) * 2 + 1);
        let mut scenes = Vec::new();
        for (place, side) in sides.iter().enumerate() {
            scenes.push(if place < builds || group.has_peers() {
                side.unless_a_peer(Scene::new(side, group, jobs, cores).await)?
            } else {
                None
            });
        }
        Ok(Self(scenes))
    }

    /// Everybody in turn: what happens to the machine meanwhile happens to each.
    async fn measure(mut self, group: Group, sides: &[Side], asked: &Calls) -> Result<Rows> {
        let jobs = group.jobs(&asked.jobs);
        let mut samples: BTreeMap<Job, Vec<Samples>> = BTreeMap::new();
        for (place, side) in sides.iter().enumerate() {
            if let Some(scene) = &mut self.0[place] {
                let begun = side.unless_a_peer(scene.begin(group).await)?;
                self.keep(place, begun.is_some());
            }
        }
        eprintln!("{group:?}: in turn");
        let rounds = asked.rounds(group);
        for (turn, answers) in turns(rounds).into_iter().enumerate() {
            for job in &jobs {
                let all = samples.entry(*job);
                let all = all.or_insert_with(|| vec![Samples::default(); sides.len()]);
                for place in order(sides.len(), turn) {
                    let side = &sides[place];
                    let Some(scene) = &mut self.0[place] else {
                        continue;
                    };
                    let sample = side.unless_a_peer(scene.sample(*job, answers.held()).await)?;
                    self.keep(place, sample.is_some());
                    let Some(sample) = sample else { continue };
                    if asked.trace && answers == Answers::Slow {
                        let (name, who) = (job.name(), &side.name);
                        eprintln!("{name}, {who}:\n{}", trace(&sample.calls));
                    }
                    all[place].push(&sample, answers);
                }
            }
        }
        let there: Vec<bool> = self.0.iter().map(Option::is_some).collect();
        for scene in self.0.into_iter().flatten() {
            scene.end().await?;
        }
        let asked_for = samples
            .into_iter()
            .filter(|(job, _)| asked.jobs.contains(job));
        let medians = |all: Vec<Samples>| {
            let all = all.iter().zip(&there);
            all.map(|(one, there)| there.then(|| one.row())).collect()
        };
        Ok(asked_for.map(|(job, all)| (job, medians(all))).collect())
    }

    fn keep(&mut self, place: usize, keeps: bool) {
        if !keeps {
            self.0[place] = None;
        }
    }
}

/// What is done in turn: rounds with answers at once and with answers that are held, and what is in a row, once.
fn turns(rounds: usize) -> Vec<Answers> {
    let mut turns = [Answers::AtOnce, Answers::Held].repeat(rounds);
    turns.push(Answers::Slow);
    turns
}

/// The places of all sides, forwards and backwards in turn: the caches are warm for the second side of a turn.
fn order(sides: usize, turn: usize) -> Vec<usize> {
    let places = 0..sides;
    if turn.is_multiple_of(2) {
        places.collect()
    } else {
        places.rev().collect()
    }
}

impl Side {
    /// What went wrong ends everything with the name of the side, unless it is a peer's: then that is left out.
    fn unless_a_peer<T>(&self, done: Result<T>) -> Result<Option<T>> {
        let failed = |error| format!("{}: {error}", self.name);
        match done.map_err(failed) {
            Ok(done) => Ok(Some(done)),
            Err(error) if self.peer.is_some() => {
                eprintln!("it is left out: {error}");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_always_comes_first() {
        assert_eq!(order(3, 0), [0, 1, 2]);
        assert_eq!(order(3, 1), [2, 1, 0]);
        assert_eq!(order(0, 1), [0; 0]);
    }
}
