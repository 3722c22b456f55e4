//! A share of a processor, as Lambda gives it: a function with 1,769 MB has one, one with 128 MB a fourteenth.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
//!
//! It is a control group with a quota, of either version of cgroups, wherever this process may make one. While a
//! function starts, Lambda gives it a whole processor whatever its memory, so a process is put here once it has started.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// Of each period, in microseconds, what 128 MB may run.
const PERIOD: u32 = 20_000;
const QUOTA: u32 = PERIOD * 128 / 1_769;

/// A control group with the quota of 128 MB. It goes when it is dropped and empty.
pub(crate) struct Share {
    folder: PathBuf,
}

impl Share {
    /// `None` where this process may not make control groups.
    pub(crate) fn new() -> Option<Self> {
        let name = format!("bench-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/cpu").join(&name);
        let second = Path::new("/sys/fs/cgroup").join(&name);
        Self::at(first, |folder| {
            fs::write(folder.join("cpu.cfs_period_us"), PERIOD.to_string())?;
            fs::write(folder.join("cpu.cfs_quota_us"), QUOTA.to_string())
        })
        .or_else(|| {
            Self::at(second, |folder| {
                fs::write(folder.join("cpu.max"), format!("{QUOTA} {PERIOD}"))
            })
        })
    }

    fn at(folder: PathBuf, limit: impl Fn(&Path) -> std::io::Result<()>) -> Option<Self> {
        fs::create_dir(&folder).ok()?;
        let share = Self { folder };
        limit(&share.folder).ok()?;
        Some(share)
    }

    /// From here on the process has its share.
    pub(crate) fn take(&self, process: u32) -> Result<()> {
        let file = self.folder.join("cgroup.procs");
        fs::write(&file, process.to_string())
            .map_err(|error| format!("{}: {error}", file.display()).into())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // One that still has processes stays behind, empty of them once they end.
        let _ = fs::remove_dir(&self.folder);
    }
}
