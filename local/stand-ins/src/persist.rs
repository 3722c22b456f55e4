use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::error::Error;
use crate::shared::Shared;
use crate::sync::lock;

/// How long changes gather before they are written.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// A file of the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum File {
    Clock,
    /// Schedules, deliveries, invocations and queues: one file, so that no crash falls between two of them.
    Timers,
    Mails,
    Keys,
    /// How far the table's stream was delivered.
    Streams,
}

/// The data directory; without one nothing is written.
pub(crate) struct Store {
    dir: Option<PathBuf>,
    changed: Mutex<BTreeSet<File>>,
    bell: Notify,
    /// Keeps an older snapshot from replacing a newer one.
    writing: tokio::sync::Mutex<()>,
}

impl File {
    fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock.json",
            Self::Timers => "timers.json",
            Self::Mails => "mails.json",
            Self::Keys => "keys.json",
            Self::Streams => "streams.json",
        }
    }
}

impl Store {
    pub(crate) fn open(dir: Option<PathBuf>) -> Result<Self, Error> {
        if let Some(dir) = &dir {
            fs::create_dir_all(dir).map_err(|source| Error::Io {
                path: dir.clone(),
                source,
            })?;
        }
        Ok(Self {
            dir,
            changed: Mutex::default(),
            bell: Notify::new(),
            writing: tokio::sync::Mutex::new(()),
        })
    }

    /// What an earlier process saved, if it did.
    pub(crate) fn load<T: DeserializeOwned>(&self, file: File) -> Result<Option<T>, Error> {
        let Some(dir) = &self.dir else {
            return Ok(None);
        };
        let path = dir.join(file.name());
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(value) => Ok(Some(value)),
                Err(source) => Err(Error::Corrupt { path, source }),
            },
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// Notes that a file is to be written, within 200 ms.
    pub(crate) fn mark(&self, file: File) {
        if self.dir.is_some() {
            lock(&self.changed).insert(file);
            self.bell.notify_one();
        }
    }

    /// Writes one file now: for what must not be lost for even a moment, such as key material.
    pub(crate) fn write_now(&self, file: File, bytes: &[u8]) -> Result<(), Error> {
        match &self.dir {
            Some(dir) => replace(dir, file, bytes),
            None => Ok(()),
        }
    }
}

/// Writes every file that changed.
pub(crate) async fn flush(shared: &Arc<Shared>) -> Result<(), Error> {
    let Some(dir) = shared.store.dir.clone() else {
        return Ok(());
    };
    let _writing = shared.store.writing.lock().await;
    let changed = std::mem::take(&mut *lock(&shared.store.changed));
    for file in changed {
        let bytes = shared.snapshot(file).map_err(|source| Error::Corrupt {
            path: dir.join(file.name()),
            source,
        })?;
        let target = dir.clone();
        let written = tokio::task::spawn_blocking(move || replace(&target, file, &bytes)).await;
        if let Err(error) = written
            .map_err(|_| Error::Stopped)
            .and_then(|written| written)
        {
            shared.store.mark(file);
            return Err(error);
        }
    }
    Ok(())
}

/// Writes changes as they come, until the stand-ins stop.
pub(crate) async fn keep(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.store.bell.notified() => {}
            () = shared.stopped() => return,
        }
        tokio::time::sleep(DEBOUNCE).await;
        if let Err(error) = flush(&shared).await {
            tracing::error!(%error, "the stand-ins cannot save their state");
            return;
        }
    }
}

fn replace(dir: &Path, file: File, bytes: &[u8]) -> Result<(), Error> {
    let path = dir.join(file.name());
    let draft = dir.join(format!("{}.draft", file.name()));
    write_private(&draft, bytes)
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|source| Error::Io { path, source })
}

/// Writes a file that its owner alone can read, also in a folder that others can enter: it may hold keys.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // It may be there from a process that was interrupted, with another mode.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(bytes)
}
