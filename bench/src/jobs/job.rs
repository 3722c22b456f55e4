//! The jobs whose calls are counted, and their names.

use crate::stage::Hr;

/// Employees of the large snapshot, which is sent only where it is asked for.
const LARGE: u32 = 100_000;

/// What is done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    /// One event, on an instance that has just heard of its source.
    Event(Hr),
    /// The same, the first event of a minute on an instance that has verified the source before.
    Minute(Hr),
    /// A grace period ends, two cards.
    Terminate,
    /// Somebody has left: so many admins are told.
    Digest(u32),
    /// So many people, nothing new.
    Snapshot(u32),
    /// Five thousand events in one request.
    Many(Many),
}

/// What HR says of five thousand people, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Many {
    Created,
    Again,
    Unchanged,
}

/// Jobs that are done on the same stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Event,
    Minute,
    Terminate,
    Digest(u32),
    Snapshot(u32),
    Many,
}

impl Job {
    pub(crate) const ALL: [Self; 17] = [
        Self::Event(Hr::Again),
        Self::Event(Hr::Unchanged),
        Self::Event(Hr::Renamed),
        Self::Event(Hr::Leaves),
        Self::Minute(Hr::Again),
        Self::Minute(Hr::Unchanged),
        Self::Minute(Hr::Renamed),
        Self::Minute(Hr::Leaves),
        Self::Terminate,
        Self::Digest(2),
        Self::Digest(50),
        Self::Snapshot(25),
        Self::Snapshot(925),
        Self::Snapshot(LARGE),
        Self::Many(Many::Created),
        Self::Many(Many::Again),
        Self::Many(Many::Unchanged),
    ];

    /// The jobs that words ask for: each is a job's name or the beginning of several. Without words all of them; the
    /// large snapshot only with `large`, or by its whole name.
    pub(crate) fn asked(words: &[String], large: bool) -> Result<Vec<Self>, String> {
        let is_asked = |job: &Self, word: &str| {
            let name = job.name();
            name == word || (name.starts_with(word) && (large || !job.is_large()))
        };
        for word in words {
            if !Self::ALL.iter().any(|job| is_asked(job, word)) {
                let names: Vec<_> = Self::ALL.iter().map(|job| job.name()).collect();
                return Err(format!("{word} is no job; they are {}", names.join(", ")));
            }
        }
        let jobs = Self::ALL.into_iter().filter(|job| match words {
            [] => large || !job.is_large(),
            words => words.iter().any(|word| is_asked(job, word)),
        });
        Ok(jobs.collect())
    }

    /// As it is asked for: `event-leaver`.
    pub(crate) fn name(self) -> String {
        let said = |hr| match hr {
            Hr::Again => "same",
            Hr::Unchanged => "newer",
            Hr::Renamed => "renamed",
            Hr::Leaves => "leaver",
        };
        match self {
            Self::Event(hr) => format!("event-{}", said(hr)),
            Self::Minute(hr) => format!("minute-{}", said(hr)),
            Self::Terminate => "terminate".to_owned(),
            Self::Digest(admins) => format!("digest-{admins}"),
            Self::Snapshot(people) => format!("snapshot-{people}"),
            Self::Many(Many::Created) => "many-created".to_owned(),
            Self::Many(Many::Again) => "many-same".to_owned(),
            Self::Many(Many::Unchanged) => "many-newer".to_owned(),
        }
    }

    /// In the tables.
    pub(crate) fn what(self) -> String {
        let said = |hr| match hr {
            Hr::Again => "the very same event",
            Hr::Unchanged => "unchanged, at a newer instant",
            Hr::Renamed => "another name",
            Hr::Leaves => "somebody leaves",
        };
        match self {
            Self::Event(hr) => said(hr).to_owned(),
            Self::Minute(hr) => format!("{}, first event of a minute", said(hr)),
            Self::Terminate => "a grace period ends, two cards".to_owned(),
            Self::Digest(admins) => format!("a digest to {admins} admins"),
            Self::Snapshot(LARGE) => "a snapshot of 100,000, nothing new".to_owned(),
            Self::Snapshot(people) => format!("a snapshot of {people}, nothing new"),
            Self::Many(Many::Created) => "5,000 are created".to_owned(),
            Self::Many(Many::Again) => "5,000, the very same events".to_owned(),
            Self::Many(Many::Unchanged) => "5,000 unchanged, at newer instants".to_owned(),
        }
    }

    pub(crate) fn group(self) -> Group {
        match self {
            Self::Event(_) => Group::Event,
            Self::Minute(_) => Group::Minute,
            Self::Terminate => Group::Terminate,
            Self::Digest(admins) => Group::Digest(admins),
            Self::Snapshot(people) => Group::Snapshot(people),
            Self::Many(_) => Group::Many,
        }
    }

    fn is_large(self) -> bool {
        self == Self::Snapshot(LARGE)
    }
}

impl Group {
    /// The function that does them.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Event | Self::Minute | Self::Many => "hr-sync",
            Self::Terminate => "terminate",
            Self::Digest(_) => "notify",
            Self::Snapshot(_) => "apply",
        }
    }

    /// Which of these are done on its stage, in this order. Five thousand are spoken of again only once they are there.
    pub(crate) fn jobs(self, asked: &[Job]) -> Vec<Job> {
        let of = Job::ALL.into_iter().filter(|job| job.group() == self);
        of.filter(|job| self == Self::Many || asked.contains(job))
            .collect()
    }

    /// How often each job is done at each latency.
    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::Event => 20,
            Self::Terminate | Self::Digest(0..10) => 10,
            Self::Minute => 6,
            Self::Digest(_) | Self::Snapshot(..LARGE) => 4,
            Self::Many => 2,
            Self::Snapshot(_) => 1,
        }
    }

    /// Whether others do these jobs too: each in `bench/peers` knows events.
    pub(crate) fn has_peers(self) -> bool {
        matches!(self, Self::Event | Self::Minute)
    }

    /// Whether time must pass before they can be done.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::Minute | Self::Terminate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str], large: bool) -> Result<Vec<String>, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let jobs = Job::asked(&words, large)?;
        Ok(jobs.into_iter().map(Job::name).collect())
    }

    #[test]
    fn jobs_are_asked_for_by_name_or_by_how_it_begins() {
        assert_eq!(asked(&[], false).unwrap().len(), Job::ALL.len() - 1);
        assert_eq!(asked(&[], true).unwrap().len(), Job::ALL.len());
        assert_eq!(
            asked(&["digest"], false).unwrap(),
            ["digest-2", "digest-50"]
        );
        assert_eq!(
            asked(&["terminate", "event-s"], false).unwrap(),
            ["event-same", "terminate"]
        );
        assert_eq!(
            asked(&["snapshot"], false).unwrap(),
            ["snapshot-25", "snapshot-925"]
        );
        assert_eq!(asked(&["snapshot"], true).unwrap().len(), 3);
        assert_eq!(
            asked(&["snapshot-100000"], false).unwrap(),
            ["snapshot-100000"]
        );
    }

    #[test]
    fn what_is_no_job_is_refused_with_those_that_are() {
        let refused = asked(&["digest", "leaver"], false).unwrap_err();
        assert!(refused.starts_with("leaver is no job"), "{refused}");
        assert!(refused.contains("event-leaver, minute-same"), "{refused}");
        assert!(
            asked(&["snapshot-1"], false).is_err(),
            "the large one is not meant"
        );
    }

    #[test]
    fn many_are_created_before_they_are_spoken_of_again() {
        let newer = [Job::Many(Many::Unchanged)];
        assert_eq!(Group::Many.jobs(&newer).len(), 3);
        assert_eq!(Group::Event.jobs(&newer), []);
    }
}
