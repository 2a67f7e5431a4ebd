//! Where things are: the repository, its target folder, and folders that clean up after themselves.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;

/// The repository and cargo's target folder.
pub(crate) struct Workspace {
    /// Folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder; everything that xtask writes is below it.
    pub(crate) target: PathBuf,
}

/// Cargo's two profiles.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// The artifacts of `cargo test`.
    Debug,
    /// What is measured.
    Release,
}

impl Workspace {
    /// Asks cargo where the workspace and its target folder are.
    pub(crate) fn find() -> Result<Self> {
        let mut command = cargo();
        // From the working directory, as the alias itself is found.
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let output = command.output().context("cannot run cargo metadata")?;
        ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
        let folder = |member: &str| -> Result<PathBuf> {
            let text = metadata.get(member).and_then(Value::as_str);
            Ok(text.with_context(|| format!("cargo metadata has no {member}"))?.into())
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// Returns a cargo command that runs at the root and writes to the one target folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Builds the server, and for `Release` this tool too; returns the server's path.
    pub(crate) fn build(&self, profile: Profile) -> Result<PathBuf> {
        let mut command = self.cargo();
        command.args(["build", "--locked"]);
        match profile {
            Profile::Debug => command.args(["--package", "liaison", "--bin", "liaison"]),
            Profile::Release => command.args(["--release", "--workspace", "--bins"]),
        };
        process::run("building the server", &mut command)?;
        self.binary("liaison", profile)
    }

    /// Returns the path of a binary that has been built.
    pub(crate) fn binary(&self, name: &str, profile: Profile) -> Result<PathBuf> {
        let folder = match profile {
            Profile::Debug => "debug",
            Profile::Release => "release",
        };
        let path = self.target.join(folder).join(name);
        ensure!(path.is_file(), "{} has not been built", path.display());
        Ok(path)
    }

    /// Returns the folder of installed tools.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Creates a folder that is removed when dropped.
    pub(crate) fn scratch(&self, name: &str) -> Result<Scratch> {
        Scratch::create(&self.target.join("tmp"), name)
    }
}

/// How the names of such folders begin; the process comes next.
const PREFIX: &str = "xtask-";

/// A folder that is removed when dropped, unless it is kept.
pub(crate) struct Scratch {
    path: PathBuf,
    is_kept: bool,
}

impl Scratch {
    /// Creates a new empty folder below `parent`.
    pub(crate) fn create(parent: &Path, name: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{PREFIX}{}-{number}-{name}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path, is_kept: false })
    }

    /// Removes folders below `parent` whose owner was killed and could not do it.
    pub(crate) fn remove_abandoned(parent: &Path) -> Result<()> {
        for entry in fs::read_dir(parent)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|it| it.to_str()).and_then(|it| it.strip_prefix(PREFIX));
            let Some((process, _)) = name.and_then(|it| it.split_once('-')) else { continue };
            if process.parse::<u32>().is_ok() && !Path::new("/proc").join(process).exists() {
                fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder in place and says where it is.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
        eprintln!("kept for a look: {}", self.path.display());
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Returns a cargo command without what `cargo run` told this process about itself: build scripts that
/// watch those variables would otherwise run again.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|it| text.starts_with(it))
        {
            command.env_remove(&name);
        }
    }
    command
}
