//! Files that their owner alone may read.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// Writes a file that only its owner can read. The old content stays until the new one is whole.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    path.parent().map_or(Ok(()), private_folder)?;
    let mut unfinished = Unfinished::new(path)?;
    unfinished.write(content)?;
    unfinished.finish()
}

/// A file that only its owner can read, under another name until it is whole; dropped before, it is gone.
pub(crate) struct Unfinished {
    file: BufWriter<File>,
    name: PathBuf,
    path: PathBuf,
}

impl Unfinished {
    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        let name = path.with_extension(format!("{}.new", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&name).map_err(Error::file(&name))?;
        Ok(Self {
            file: BufWriter::new(file),
            name,
            path: path.to_owned(),
        })
    }

    pub(crate) fn write(&mut self, content: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(content)
            .map_err(Error::file(&self.name))
    }

    /// Gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::file(&self.name))?;
        fs::rename(&self.name, &self.path).map_err(Error::file(&self.path))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It has its name by now, or nobody wants it.
        let _ = fs::remove_file(&self.name);
    }
}

/// Makes an empty file unless it is there, and takes it from everybody but its owner.
pub(crate) fn own(path: &Path) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(Error::file(path))?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .map_err(Error::file(path))?;
    drop(file);
    Ok(())
}

/// True if a file or folder is this user's own, and nobody else can write it: what it says may be believed. A link is not.
pub(crate) fn is_own(path: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(path) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mine = user().is_ok_and(|user| user == found.uid());
        !found.is_symlink() && mine && found.mode() & 0o022 == 0
    }
    #[cfg(not(unix))]
    !found.is_symlink()
}

/// The user of this process: the owner of what it makes.
#[cfg(unix)]
fn user() -> Result<u32, Error> {
    use std::os::unix::fs::MetadataExt;
    let made = TemporaryFolder::new()?;
    let made = fs::metadata(made.path()).map_err(Error::file(made.path()))?;
    Ok(made.uid())
}

/// Makes a folder that only its owner can enter, unless it is there.
pub(crate) fn private_folder(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(Error::file(path))
}

/// A new folder for temporary things that only its owner can enter; dropped, it is gone with all that is in it.
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(crate) fn new() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("offramp-{}", uuid::Uuid::new_v4()));
        private_folder(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Nothing is left to do about a folder that cannot be removed.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a folder that is this process's own for as long as the file lives.
pub(crate) fn lock_folder(folder: &Path) -> Result<File, Error> {
    private_folder(folder)?;
    let path = folder.join("lock");
    own(&path)?;
    let file = File::create(&path).map_err(Error::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(Error::file(path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_others_can_write_or_link_to_is_not_believed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = TemporaryFolder::new().unwrap();
        let path = folder.path().join("note");
        assert!(!is_own(&path));
        own(&path).unwrap();
        assert!(is_own(&path) && is_own(folder.path()));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for (mode, believed) in [
            (0o644, true),
            (0o664, false),
            (0o602, false),
            (0o666, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_own(&path), believed, "{mode:o}");
        }
        own(&path).unwrap();
        assert!(is_own(&path));
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(!is_own(&link));
        // A file of the system's is nobody's own but root's; and root may not be asked for another's here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!is_own(folder.path()));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_a_private_file() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("offramp-files-{}/key", std::process::id()));
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let folder = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
