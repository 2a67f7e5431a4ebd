//! Copies on SQLite: files, made with `VACUUM INTO` beside everybody who reads and writes, and put back by the writer.

use std::{fs, io, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, backup::Backup};

use super::snapshots::{FREE, KEPT_SETTINGS, KEPT_TABLES, RENEW, SCHEMA, Snapshot, TAKEN};
use crate::{
    domain::time::Timestamp,
    storage::{StoreError, sqlite::register_functions},
};

/// Pages that are put back at a time: all of them, because nobody else writes meanwhile.
const ALL_PAGES: i32 = i32::MAX;

pub(super) fn save(database: &Path, file: &Path, taken: Timestamp) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::CannotOpen { path: file.to_owned(), error };
    let new = file.with_extension("new");
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    // It holds what the database holds: nobody but its owner reads it.
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&new).map_err(failed)?;
    let source = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    register_functions(&source)?;
    source.execute("VACUUM INTO ?1", [new.to_string_lossy()])?;
    let copy = Connection::open(&new)?;
    let version = schema(&copy)?;
    let put = "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)";
    copy.execute(put, (TAKEN, taken.ticks().to_string()))?;
    copy.execute(put, (SCHEMA, version.to_string()))?;
    drop(copy);
    fs::rename(&new, file).map_err(failed)
}

pub(super) fn restore(writer: &mut Connection, file: &Path) -> Result<Option<Timestamp>, StoreError> {
    if !file.exists() {
        return Ok(None);
    }
    let copy = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let (found, needed) = (schema(&copy)?, schema(writer)?);
    if found != needed {
        return Err(StoreError::Schema { found, needed });
    }
    let taken = setting(&copy, TAKEN)?;
    let revision = revision(writer)?;
    Backup::new(&copy, writer)?.run_to_completion(ALL_PAGES, Duration::ZERO, None)?;
    let transaction = writer.transaction()?;
    transaction.execute(&RENEW.replace('$', "?"), [revision])?;
    transaction.execute(FREE, [])?;
    transaction.execute("DELETE FROM settings WHERE name IN (?1, ?2)", [TAKEN, SCHEMA])?;
    transaction.commit()?;
    Ok(Some(Timestamp::from_ticks(taken)))
}

pub(super) fn list(folder: &Path) -> Result<Vec<Snapshot>, StoreError> {
    let failed = |error: io::Error| StoreError::CannotOpen { path: folder.to_owned(), error };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut snapshots = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_stem().filter(|_| path.extension().is_some_and(|it| it == "sqlite"))
        else {
            continue;
        };
        let copy = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let referrals: i64 = copy.query_row("SELECT COUNT(*) FROM referrals", [], |row| row.get(0))?;
        snapshots.push(Snapshot {
            name: name.to_string_lossy().into_owned(),
            taken: Timestamp::from_ticks(setting(&copy, TAKEN)?),
            referrals: u64::try_from(referrals).unwrap_or(0),
            bytes: fs::metadata(&path).map_err(failed)?.len(),
        });
    }
    snapshots.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(snapshots)
}

pub(super) fn delete(file: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::CannotOpen { path: file.to_owned(), error }),
    }
}

pub(super) fn empty(writer: &mut Connection) -> Result<(), StoreError> {
    // Rows that refer to each other all go; checking each of them would only take time.
    writer.execute_batch("PRAGMA foreign_keys = OFF")?;
    let emptied = delete_rows(writer);
    writer.execute_batch("PRAGMA foreign_keys = ON")?;
    emptied
}

fn delete_rows(writer: &mut Connection) -> Result<(), StoreError> {
    let transaction = writer.transaction()?;
    let tables: Vec<String> = {
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = transaction.prepare(sql)?;
        let names = statement.query_map([], |row| row.get(0))?;
        names.collect::<rusqlite::Result<_>>()?
    };
    for table in tables.iter().filter(|it| !KEPT_TABLES.contains(&it.as_str())) {
        transaction.execute(&format!("DELETE FROM \"{table}\""), [])?;
    }
    transaction.execute(&format!("DELETE FROM settings WHERE name NOT IN ({KEPT_SETTINGS})"), [])?;
    transaction.execute("UPDATE feed_cursors SET position = 0, revision = revision + 1", [])?;
    transaction.commit()?;
    Ok(())
}

fn schema(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.query_row("SELECT MAX(version) FROM schema_migrations", [], |row| row.get(0))?)
}

fn revision(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT COALESCE(MAX(revision), 0) FROM feed_cursors", [], |row| row.get(0))?)
}

fn setting(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    let sql = "SELECT value FROM settings WHERE name = ?1";
    let found: Option<String> = connection.query_row(sql, [name], |row| row.get(0)).optional()?;
    let text = found.unwrap_or_default();
    text.parse().map_err(|_| StoreError::Corrupt { column: 0, found: "no snapshot".to_owned() })
}
