//! Copies of everything by name, and an empty database: the whole state of a sandbox, put back while the server runs.
//!
//! On SQLite a copy is a file in the folder `snapshots` beside the database, on PostgreSQL a schema of its own. What is
//! put back takes the place of everything, but for what this process holds in memory: so the revision of every reader of
//! the log goes up, [`Store::epoch`] with it, and the directory forgets.

use std::{path::PathBuf, sync::atomic::Ordering};

use crate::{
    domain::time::Timestamp,
    storage::{Backend, Store, StoreError},
};

/// The settings that say what a copy is, written into the copy only.
pub(super) const TAKEN: &str = "snapshot_taken";
pub(super) const SCHEMA: &str = "snapshot_schema";

/// Settings that stay when everything is deleted: what a server is known by.
pub(super) const KEPT_SETTINGS: &str =
    "'sandbox', 'public_url', 'sandbox_password_hash', 'sandbox_filling', 'token_key'";

/// Tables that stay as they are when everything is deleted.
pub(super) const KEPT_TABLES: [&str; 5] =
    ["schema_migrations", "settings", "signing_keys", "webhook_keys", "feed_cursors"];

/// What holds after everything was replaced, in the place of what `$1`, the revision from before, stood for.
pub(super) const RENEW: &str = "UPDATE feed_cursors SET revision = revision + $1 + 1";
/// Nobody is at these deliveries.
pub(super) const FREE: &str = "UPDATE webhook_deliveries SET worker = NULL WHERE worker IS NOT NULL";

/// A copy of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// The sandbox's time when it was taken.
    pub taken: Timestamp,
    /// How many referrals it has.
    pub referrals: u64,
    /// How large it is.
    pub bytes: u64,
}

impl Store {
    /// Returns how often everything was replaced since this process started. Whoever remembers a place in the log
    /// remembers this with it.
    pub fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::SeqCst)
    }

    /// Copies everything as it is, in place of an earlier copy of that name. Names are letters, digits and hyphens.
    ///
    /// # Errors
    /// When there is no room, or the database does not answer; an earlier copy stays then.
    pub async fn save_snapshot(&self, name: &str, taken: Timestamp) -> Result<(), StoreError> {
        self.settle().await?;
        match &self.0.backend {
            Backend::Sqlite(sqlite) => {
                let (database, file) = (sqlite.path().to_owned(), self.snapshot_file(name));
                off_thread(move || super::sqlite::save(&database, &file, taken)).await
            }
            Backend::Postgres(postgres) => super::postgres::save(postgres, name, taken).await,
        }
    }

    /// Puts everything back as it was, and returns the time of that moment. `None` when there is no such copy.
    ///
    /// # Errors
    /// When the copy was taken by a program with another schema, or the database does not answer; everything is as it
    /// was then.
    pub async fn restore_snapshot(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        let taken = match &self.0.backend {
            Backend::Sqlite(sqlite) => {
                let file = self.snapshot_file(name);
                sqlite.run(move |writer| super::sqlite::restore(writer, &file)).await?
            }
            Backend::Postgres(postgres) => super::postgres::restore(postgres, name).await?,
        };
        if taken.is_some() {
            self.forget_everything();
        }
        Ok(taken)
    }

    /// Lists the copies by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_snapshots(&self) -> Result<Vec<Snapshot>, StoreError> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => {
                let folder = sqlite.snapshots();
                off_thread(move || super::sqlite::list(&folder)).await
            }
            Backend::Postgres(postgres) => super::postgres::list(postgres).await,
        }
    }

    /// Deletes a copy. `false` when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_snapshot(&self, name: &str) -> Result<bool, StoreError> {
        match &self.0.backend {
            Backend::Sqlite(_) => {
                let file = self.snapshot_file(name);
                off_thread(move || super::sqlite::delete(&file)).await
            }
            Backend::Postgres(postgres) => super::postgres::delete(postgres, name).await,
        }
    }

    /// Deletes everything but what a server is known by: its keys, its address, and that it is a sandbox.
    ///
    /// # Errors
    /// When the database does not answer; everything is as it was then.
    pub async fn delete_everything(&self) -> Result<(), StoreError> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.run(super::sqlite::empty).await?,
            Backend::Postgres(postgres) => super::postgres::empty(postgres).await?,
        }
        self.forget_everything();
        Ok(())
    }

    fn forget_everything(&self) {
        self.0.epoch.fetch_add(1, Ordering::SeqCst);
        self.0.directory.forget();
        self.0.growth.announce();
    }

    fn snapshot_file(&self, name: &str) -> PathBuf {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.snapshots().join(format!("{name}.sqlite")),
            Backend::Postgres(_) => PathBuf::new(),
        }
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::NotWritten))
}
