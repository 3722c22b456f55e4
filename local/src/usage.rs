//! What a process has used, as Linux tells it in `/proc`.

use std::fs;
use std::time::Duration;

use crate::Error;

/// A line of `/proc/{process}/status`, in bytes: `VmRSS` is what is resident now, `VmHWM` the most that ever was. The
/// process is a number, or `self`.
///
/// # Errors
/// [`Error::File`] where there is no such process, [`Error::Document`] where it has no such line.
pub fn memory(process: &str, name: &str) -> Result<u64, Error> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|line| line.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok())
        .ok_or_else(|| Error::document(&path, format!("it has no {name}")))?;
    Ok(kilobytes * 1024)
}

/// What all of its threads have run: the first figure of each `/proc/{process}/task/*/schedstat`, in nanoseconds.
///
/// # Errors
/// [`Error::File`] where there is no such process.
pub fn busy(process: &str) -> Result<Duration, Error> {
    let path = format!("/proc/{process}/task");
    let mut nanoseconds = 0;
    for task in fs::read_dir(&path).map_err(Error::file(&path))? {
        let file = task.map_err(Error::file(&path))?.path().join("schedstat");
        // A thread that ends meanwhile has done next to nothing.
        let text = fs::read_to_string(file).unwrap_or_default();
        let ran = text.split(' ').next().and_then(|ran| ran.parse().ok());
        nanoseconds += ran.unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something_and_another_is_not_there() {
        let (now, most) = (
            memory("self", "VmRSS").unwrap(),
            memory("self", "VmHWM").unwrap(),
        );
        assert!(0 < now && now <= most, "{now} of {most}");
        assert!(busy("self").unwrap() > Duration::ZERO);
        assert!(matches!(
            memory("self", "VmNone"),
            Err(Error::Document { .. })
        ));
        assert!(matches!(busy("0"), Err(Error::File { .. })));
    }
}
