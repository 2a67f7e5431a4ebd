//! The databases that are measured: seeded once, kept in the target folder, and copied for each run.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use super::Options;
use crate::{
    bench::Database,
    limits,
    postgres::{Durability, Postgres},
    server::{Kind, Setup},
    workspace::{Scratch, Workspace},
};

/// The file that `liaison` keeps everything in.
const FILE: &str = "liaison.sqlite";

/// Where space is short, the minimal server has so many documents at most: its page reads one end of an index.
const SPENT_MINIMAL_MAX: i64 = 100_000;

/// What a seeded database depends on.
const SOURCES: [&str; 3] = ["migrations", "src/sandbox", "xtask/src/limits/sqlite.rs"];

/// Servers that are ready to start on the same referrals.
pub(super) struct Ground {
    /// The server, on a copy.
    pub(super) liaison: Setup,
    /// The minimal server.
    pub(super) minimal: Setup,
    /// Where both have their tables, if they are not in files.
    pub(super) postgres: Option<Postgres>,
    /// The database that was kept, if it is not kept any longer.
    spent: Option<PathBuf>,
    _scratch: Scratch,
}

impl Drop for Ground {
    fn drop(&mut self) {
        let Some(folder) = &self.spent else { return };
        if let Err(error) = fs::remove_dir_all(folder) {
            eprintln!("cannot remove {}: {error}", folder.display());
        }
    }
}

impl Ground {
    /// Takes the database of a size that was kept, or makes it.
    pub(super) fn prepare(
        workspace: &Workspace,
        options: &Options,
        database: Database,
        referrals: u64,
    ) -> Result<Self> {
        let scratch = workspace.scratch("list")?;
        let setup = |kind, data: &Path, database_url| -> Result<Setup> {
            let program = if kind == Kind::Liaison { "liaison" } else { "xtask" };
            let program = workspace.binary(program, options.profile())?;
            Ok(Setup { kind, program, data: data.to_owned(), database_url, has_request_log: false })
        };
        if database == Database::Postgres {
            let postgres = Postgres::start(workspace, Durability::On)?;
            let url = postgres.create_database("bench_list")?;
            let liaison = setup(Kind::Liaison, &scratch.path().join("liaison"), Some(url.clone()))?;
            liaison.run("making the tables", &["migrate"])?;
            seed(&liaison, options, referrals)?;
            let minimal_url = fill_postgres(&url)?;
            let minimal = setup(Kind::Minimal, &scratch.path().join("minimal"), Some(minimal_url))?;
            return Ok(Self { liaison, minimal, postgres: Some(postgres), spent: None, _scratch: scratch });
        }
        let kept = kept_folder(workspace, options, referrals)?;
        if !kept.is_dir() {
            make_sqlite(&kept, |data| setup(Kind::Liaison, data, None), options, referrals)?;
        }
        let size = fs::metadata(kept.join(FILE))?.len();
        println!(
            "the database is {:.2} GB: {:.1} kB for each referral",
            size as f64 / 1e9,
            size as f64 / 1e3 / referrals as f64
        );
        let minimal = setup(Kind::Minimal, &kept.join("minimal"), None)?;
        if options.spend {
            let liaison = setup(Kind::Liaison, &kept, None)?;
            return Ok(Self { liaison, minimal, postgres: None, spent: Some(kept), _scratch: scratch });
        }
        let liaison = setup(Kind::Liaison, &scratch.path().join("liaison"), None)?;
        fs::create_dir_all(&liaison.data)?;
        copy(&kept.join(FILE), &liaison.data.join(FILE))?;
        Ok(Self { liaison, minimal, postgres: None, spent: None, _scratch: scratch })
    }
}

/// Returns the folder of a database that is kept. Those of the same size that another version made are removed.
fn kept_folder(workspace: &Workspace, options: &Options, referrals: u64) -> Result<PathBuf> {
    let all = workspace.target.join("bench");
    fs::create_dir_all(&all)?;
    let mut hasher = DefaultHasher::new();
    for source in SOURCES {
        hash(&workspace.root.join(source), &mut hasher)?;
    }
    let prefix = format!("sqlite-{referrals}-{}-", options.seed);
    let name = format!("{prefix}{:016x}", hasher.finish());
    for entry in fs::read_dir(&all)?.flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with(&prefix) && (options.anew || other != name) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(all.join(name))
}

/// Hashes what files and folders hold.
fn hash(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    if path.is_file() {
        fs::read(path)?.hash(hasher);
        return Ok(());
    }
    let mut entries: Vec<_> = fs::read_dir(path)?.map(|it| Ok(it?.path())).collect::<Result<_>>()?;
    entries.sort();
    entries.iter().try_for_each(|it| hash(it, hasher))
}

/// Makes the databases of both servers in a folder that gets its name when it is whole.
fn make_sqlite(
    kept: &Path,
    liaison: impl FnOnce(&Path) -> Result<Setup>,
    options: &Options,
    referrals: u64,
) -> Result<()> {
    let draft = kept.with_extension("draft");
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    fs::create_dir_all(draft.join("minimal"))?;
    seed(&liaison(&draft)?, options, referrals)?;
    let file = draft.join(FILE);
    rusqlite::Connection::open(&file)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let count_max = if options.spend { SPENT_MINIMAL_MAX } else { i64::MAX };
    limits::fill_sqlite(&draft.join("minimal"), &file, count_max)?;
    Ok(fs::rename(draft, kept)?)
}

fn seed(liaison: &Setup, options: &Options, referrals: u64) -> Result<()> {
    let (count, seed) = (referrals.to_string(), options.seed.to_string());
    let began = Instant::now();
    liaison.run("seeding", &["sandbox", "seed", "--referrals", &count, "--seed", &seed])?;
    let secs = began.elapsed().as_secs_f64();
    println!("seeded in {secs:.1} s: {:.0} referrals a second", referrals as f64 / secs);
    Ok(())
}

/// Gives the planner what it would know after a while, and makes the tables of the minimal server.
fn fill_postgres(url: &str) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute("VACUUM (ANALYZE)").await?;
        let size: i64 =
            client.query_one("SELECT pg_database_size(current_database())", &[]).await?.try_get(0)?;
        println!("the database is {:.2} GB", size as f64 / 1e9);
        drop(client);
        connection.await??;
        limits::fill_postgres(url).await
    })
}

/// Copies a file, sharing its blocks where the file system can.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    let status = command.arg("--reflink=auto").arg(from).arg(to).status().context("cannot run cp")?;
    ensure!(status.success(), "{} cannot be copied ({status})", from.display());
    Ok(())
}
