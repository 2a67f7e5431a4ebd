//! Where the named sandboxes of a server lie: beside its database, each in one of its own.
//!
//! On SQLite a sandbox is a folder below `sandboxes`, beside the file of the server; on PostgreSQL it is the database
//! `{database}_sandbox_{name}`, whose comment says whose it is. One that is being made lies in a folder that begins with a
//! dot, or says in its comment that it is not finished, so that what a server that ended has left half made is never
//! taken for a sandbox.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokio_postgres::{Client, error::SqlState};

use crate::storage::{StoreError, Target, numbering::connect, postgres::parse};

/// The folder of the named sandboxes, beside the file of the server.
const FOLDER: &str = "sandboxes";
/// Characters in a name.
const NAME_CHARS_MAX: usize = 40;
/// Bytes in the name of a database of PostgreSQL.
const DATABASE_BYTES_MAX: usize = 63;
/// However long it takes to copy an empty database.
const PATIENT: &str = "SET statement_timeout = 0; SET lock_timeout = 0";
const COMMENT: &str =
    "SELECT shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = $1";
const LIST: &str = "SELECT CAST(datname AS text) FROM pg_catalog.pg_database
     WHERE starts_with(CAST(datname AS text), $1) AND shobj_description(oid, 'pg_database') = $2
     ORDER BY datname";

/// Why a named sandbox has no place.
#[derive(Debug, thiserror::Error)]
pub enum NamedError {
    /// A name that no sandbox can have.
    #[error(
        "\"{0}\" is no name of a sandbox: it has up to 40 lower-case letters, digits and hyphens, and begins and ends with \
         a letter or a digit"
    )]
    BadName(String),
    /// The name of the server's database leaves too little room.
    #[error(
        "the database \"{database}\" would have a name of {} bytes, and PostgreSQL takes 63; choose a shorter name for the \
         sandbox", .database.len()
    )]
    NameTooLong {
        /// The name of the database.
        database: String,
    },
    /// The role of the server may not make databases.
    #[error(
        "the server's role may not create databases on PostgreSQL; let an administrator say ALTER ROLE \"{0}\" CREATEDB"
    )]
    Denied(String),
    /// Something lies there that no server of these data has made.
    #[error(
        "there is something at {0} that is no sandbox of this server; take it away, or choose another name"
    )]
    Occupied(String),
    /// The folder can be neither read nor written.
    #[error("the folder {} cannot be used", path.display())]
    Folder {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for NamedError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Target {
    /// Returns where a sandbox of that name lies beside this database, whether there is one or not.
    ///
    /// # Errors
    /// When it is no name of a sandbox.
    pub fn named(&self, name: &str) -> Result<Self, NamedError> {
        check(name)?;
        Ok(match self {
            Self::Sqlite(path) => Self::Sqlite(file_in(path, name)),
            Self::Postgres(url) => Self::Postgres(with_database(url, &Names::of(url)?.database(name)?)),
        })
    }

    /// Lists the sandboxes that are there whole, by name. The caller holds the lock of the data folder.
    ///
    /// # Errors
    /// When the database does not answer, or the folder cannot be read.
    pub async fn list_named(&self) -> Result<Vec<String>, NamedError> {
        match self {
            Self::Sqlite(path) => list_folders(path),
            Self::Postgres(url) => {
                let names = Names::of(url)?;
                let client = administer(url).await?;
                let rows = client.query(LIST, &[&names.prefix(), &names.mark()]).await?;
                let databases: Vec<String> =
                    rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
                let prefix = names.prefix();
                Ok(databases.iter().filter_map(|it| it.strip_prefix(&prefix)).map(str::to_owned).collect())
            }
        }
    }

    /// Makes an empty place for a sandbox, which is none until [`Target::finish_named`]. What was begun under that name
    /// and never finished gives way.
    ///
    /// # Errors
    /// [`NamedError::Occupied`], and when the server may not make it.
    pub async fn begin_named(&self, name: &str) -> Result<Self, NamedError> {
        check(name)?;
        match self {
            Self::Sqlite(path) => {
                let folder = folder_of(path, name);
                if folder.exists() {
                    return Err(NamedError::Occupied(folder.display().to_string()));
                }
                let begun = begun_of(name);
                remove_folder(&folder_of(path, &begun))?;
                make_folder(&folder_of(path, &begun))?;
                Ok(Self::Sqlite(file_in(path, &begun)))
            }
            Self::Postgres(url) => {
                let names = Names::of(url)?;
                let database = names.database(name)?;
                let client = administer(url).await?;
                let found = client.query_opt(COMMENT, &[&database]).await?;
                let comment: Option<String> = found.map_or(Ok(None), |row| row.try_get(0))?;
                if comment.is_some_and(|it| it == names.begun_mark()) {
                    drop_database(&client, &database).await?;
                }
                create_database(&client, &names, &database).await?;
                Ok(Self::Postgres(with_database(url, &database)))
            }
        }
    }

    /// Makes what was begun a sandbox. Nobody has it open.
    ///
    /// # Errors
    /// When the database does not answer, or the folder cannot be written.
    pub async fn finish_named(&self, name: &str) -> Result<(), NamedError> {
        match self {
            Self::Sqlite(path) => {
                let folder = folder_of(path, name);
                fs::rename(folder_of(path, &begun_of(name)), &folder)
                    .map_err(|error| NamedError::Folder { path: folder, error })
            }
            Self::Postgres(url) => {
                let names = Names::of(url)?;
                let database = names.database(name)?;
                comment(&administer(url).await?, &database, &names.mark()).await
            }
        }
    }

    /// Removes a sandbox, or what was begun of it, with everything that lies there. Does nothing where there is none.
    ///
    /// # Errors
    /// When the database does not answer, or the folder cannot be written.
    pub async fn remove_named(&self, name: &str) -> Result<(), NamedError> {
        check(name)?;
        match self {
            Self::Sqlite(path) => {
                let (folder, begun) = (folder_of(path, name), folder_of(path, &begun_of(name)));
                // What is being removed is no sandbox any more, however far it comes.
                match folder.exists() && !begun.exists() {
                    true => {
                        fs::rename(&folder, &begun)
                            .map_err(|error| NamedError::Folder { path: folder, error })?;
                    }
                    false => remove_folder(&folder)?,
                }
                remove_folder(&begun)
            }
            Self::Postgres(url) => {
                let database = Names::of(url)?.database(name)?;
                drop_database(&administer(url).await?, &database).await
            }
        }
    }
}

/// Says whether a sandbox can have that name: a label of a host name, in lower case.
pub fn is_sandbox_name(name: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let is_bounded = !name.is_empty() && name.len() <= NAME_CHARS_MAX;
    is_bounded && name.chars().all(is_plain) && !name.starts_with('-') && !name.ends_with('-')
}

fn check(name: &str) -> Result<(), NamedError> {
    if is_sandbox_name(name) { Ok(()) } else { Err(NamedError::BadName(name.chars().take(80).collect())) }
}

fn begun_of(name: &str) -> String {
    format!(".{name}")
}

fn folder_of(server: &Path, name: &str) -> PathBuf {
    server.with_file_name(FOLDER).join(name)
}

fn file_in(server: &Path, name: &str) -> PathBuf {
    folder_of(server, name).join(server.file_name().unwrap_or_default())
}

fn list_folders(server: &Path) -> Result<Vec<String>, NamedError> {
    let folder = server.with_file_name(FOLDER);
    let failed = |error: io::Error| NamedError::Folder { path: folder.clone(), error };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.strip_prefix('.') {
            Some(begun) if is_sandbox_name(begun) => remove_folder(&entry.path())?,
            Some(_) => (),
            None if is_sandbox_name(&name) && file_in(server, &name).exists() => names.push(name),
            None => (),
        }
    }
    names.sort();
    Ok(names)
}

fn make_folder(folder: &Path) -> Result<(), NamedError> {
    fs::create_dir_all(folder).map_err(|error| NamedError::Folder { path: folder.to_owned(), error })
}

fn remove_folder(folder: &Path) -> Result<(), NamedError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(NamedError::Folder { path: folder.to_owned(), error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What the databases of a server's sandboxes are called.
struct Names {
    main: String,
    role: String,
}

impl Names {
    fn of(url: &str) -> Result<Self, StoreError> {
        let config = parse(url)?;
        let role = config.get_user().unwrap_or_default().to_owned();
        let main = config.get_dbname().map_or_else(|| role.clone(), str::to_owned);
        match main.is_empty() {
            true => Err(StoreError::BadUrl("name the database in it".to_owned())),
            false => Ok(Self { main, role }),
        }
    }

    fn prefix(&self) -> String {
        format!("{}_sandbox_", self.main)
    }

    fn database(&self, name: &str) -> Result<String, NamedError> {
        let database = format!("{}{name}", self.prefix());
        if database.len() > DATABASE_BYTES_MAX {
            return Err(NamedError::NameTooLong { database });
        }
        Ok(database)
    }

    fn mark(&self) -> String {
        format!("Liaison sandbox of {}", self.main)
    }

    fn begun_mark(&self) -> String {
        format!("{}, not finished", self.mark())
    }
}

/// Returns the connection string with another database. What comes last counts, in both forms.
fn with_database(url: &str, database: &str) -> String {
    if !url.contains("://") {
        let quoted = database.replace('\\', "\\\\").replace('\'', "\\'");
        return format!("{url} dbname='{quoted}'");
    }
    let mut encoded = String::with_capacity(database.len());
    for byte in database.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}dbname={encoded}")
}

/// Connects to the database of the server, from which others are made and removed.
async fn administer(url: &str) -> Result<Client, NamedError> {
    let (client, _) = connect(&parse(url)?).await?;
    client.batch_execute(PATIENT).await?;
    Ok(client)
}

async fn create_database(client: &Client, names: &Names, database: &str) -> Result<(), NamedError> {
    match client.batch_execute(&format!("CREATE DATABASE {}", identifier(database))).await {
        Ok(()) => comment(client, database, &names.begun_mark()).await,
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Err(NamedError::Denied(names.role.clone()))
        }
        Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => {
            Err(NamedError::Occupied(format!("the database \"{database}\"")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes a database, and throws out whoever is still connected to it.
async fn drop_database(client: &Client, database: &str) -> Result<(), NamedError> {
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(database));
    Ok(client.batch_execute(&sql).await?)
}

async fn comment(client: &Client, database: &str, text: &str) -> Result<(), NamedError> {
    let sql = format!("COMMENT ON DATABASE {} IS '{}'", identifier(database), text.replace('\'', "''"));
    Ok(client.batch_execute(&sql).await?)
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_label_of_a_host_and_no_path() {
        for name in ["a", "ci-17", "0", &"x".repeat(40)] {
            assert!(is_sandbox_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a_b", "..", "a/b", ".a", "é", &"x".repeat(41)] {
            assert!(!is_sandbox_name(name), "{name}");
        }
    }

    #[test]
    fn a_database_beside_the_servers_is_reached_in_the_same_way() {
        for (url, host) in [
            ("postgres://liaison:s3cret@db.example:6432/liaison", "db.example"),
            ("postgres://liaison:s3cret@db.example:6432/liaison?sslmode=require", "db.example"),
            ("host=db.example user=liaison password='s3 cret' port=6432 dbname=liaison", "db.example"),
            ("postgres://liaison@db.example:6432", "db.example"),
        ] {
            let Target::Postgres(named) = Target::Postgres(url.to_owned()).named("ci-1").unwrap() else {
                panic!("it is on PostgreSQL")
            };

            let config = parse(&named).unwrap();
            assert_eq!(config.get_dbname(), Some("liaison_sandbox_ci-1"), "{named}");
            assert_eq!(config.get_user(), Some("liaison"));
            assert_eq!(config.get_hosts(), [tokio_postgres::config::Host::Tcp(host.to_owned())]);
            assert_eq!(config.get_ports(), [6432]);
        }
        let named = |name: &str| Target::Postgres(format!("postgres://u@h/{}", "x".repeat(50))).named(name);
        assert!(named("ab-1").is_ok() && matches!(named("abc-1"), Err(NamedError::NameTooLong { .. })));
    }

    #[tokio::test]
    async fn a_folder_is_a_sandbox_once_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let server = Target::Sqlite(folder.path().join("liaison.sqlite"));
        let names = async || server.list_named().await.unwrap();
        assert_eq!(names().await, Vec::<String>::new());

        let Target::Sqlite(begun) = server.begin_named("a").await.unwrap() else { panic!("it is a file") };
        fs::write(&begun, "a").unwrap();
        server.finish_named("a").await.unwrap();

        assert_eq!(names().await, ["a"]);
        assert!(matches!(server.begin_named("a").await, Err(NamedError::Occupied(_))));
        server.begin_named("b").await.unwrap();
        assert_eq!(names().await, ["a"], "what was not finished is no sandbox");
        assert!(!folder.path().join("sandboxes/.b").exists());
        server.remove_named("a").await.unwrap();
        assert_eq!(names().await, Vec::<String>::new());
        assert_eq!(fs::read_dir(folder.path().join("sandboxes")).unwrap().count(), 0);
        server.remove_named("a").await.unwrap();
    }
}
