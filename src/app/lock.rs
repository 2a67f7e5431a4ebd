//! One writing process for one SQLite file: the lock, and who holds it.
//!
//! The lock is the system's, on `liaison.lock` in the data folder, so it ends with the process whatever
//! happens. What the file says only tells other commands where to ask.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const FILE_NAME: &str = "liaison.lock";

/// A command that only looks holds the lock for an instant; a server tries again.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// The lock, held until dropped.
#[derive(Debug)]
pub struct DataLock(File);

/// Who holds the lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Where the API is.
    pub base_url: String,
    /// Where the operations address is; empty for a command, and for a sandbox without one.
    pub ops_url: String,
}

/// The outcome of trying to take the lock.
#[derive(Debug)]
pub enum Attempt {
    /// The lock is ours.
    Taken(DataLock),
    /// Another process has it.
    Held(Holder),
}

impl DataLock {
    /// Tries to take the lock of a data folder, for a fraction of a second.
    ///
    /// # Errors
    /// When the folder's file system has no locks, or the file cannot be made.
    pub fn try_take(data_dir: &Path) -> anyhow::Result<Attempt> {
        let file = open(data_dir)?;
        for _ in 0..ATTEMPTS {
            match file.try_lock() {
                Ok(()) => {
                    let mut lock = Self(file);
                    lock.announce(&Holder { pid: std::process::id(), ..Holder::default() })?;
                    return Ok(Attempt::Taken(lock));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => {
                    return Err(error)
                        .context("the data folder's file system has no locks; use a local disk");
                }
            }
        }
        Ok(Attempt::Held(read(file)?))
    }

    /// Writes down who holds the lock, for commands that come later.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&mut self, holder: &Holder) -> anyhow::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(&serde_json::to_vec(holder)?)?;
        Ok(())
    }
}

/// Returns who holds the lock of a data folder; `None` when nobody does.
///
/// # Errors
/// When the file cannot be read.
pub fn holder(data_dir: &Path) -> anyhow::Result<Option<Holder>> {
    let file = match OpenOptions::new().read(true).open(data_dir.join(FILE_NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(format!("{FILE_NAME} cannot be read")),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => read(file).map(Some),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn open(data_dir: &Path) -> anyhow::Result<File> {
    let path = data_dir.join(FILE_NAME);
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn read(mut file: File) -> anyhow::Result<Holder> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    // The holder may be writing just now; that it holds the lock is what matters.
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_process_learns_who_has_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let Attempt::Taken(mut lock) = DataLock::try_take(folder.path()).unwrap() else {
            panic!("it was free")
        };
        let server = Holder { pid: 7, base_url: "http://a".to_owned(), ops_url: "http://b".to_owned() };
        lock.announce(&server).unwrap();

        let Attempt::Held(held) = DataLock::try_take(folder.path()).unwrap() else { panic!("it was taken") };
        assert_eq!(held, server);
        assert_eq!(holder(folder.path()).unwrap(), Some(server));
        drop(lock);
        assert_eq!(holder(folder.path()).unwrap(), None);
    }

    #[test]
    fn an_unused_folder_has_no_holder() {
        let folder = tempfile::tempdir().unwrap();

        assert_eq!(holder(folder.path()).unwrap(), None);
    }
}
