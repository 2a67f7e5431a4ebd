//! The quick starts of `docs/quickstarts`, run as they stand against a sandbox.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    process,
    server::{Kind, Setup},
    workspace::Workspace,
};

/// Where they are.
const FOLDER: &str = "docs/quickstarts";

/// Runs every file of the folder.
pub(super) fn check(workspace: &Workspace, python: &Path, node: &Path, liaison: &Path) -> Result<()> {
    println!("== quick starts");
    let scratch = workspace.scratch("quickstarts")?;
    let data = scratch.path().join("data");
    let server = Setup {
        kind: Kind::Liaison,
        program: liaison.to_owned(),
        data,
        database_url: None,
        has_request_log: true,
    }
    .start()?;
    let mut count = 0;
    for path in list(&workspace.root.join(FOLDER))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = match path.extension().and_then(|it| it.to_str()) {
            Some("sh") => Command::new(&path),
            Some("py") => {
                let mut command = Command::new(python);
                command.arg("-B").arg(&path);
                command
            }
            Some("mts") => compiled(node, &path)?,
            _ => continue,
        };
        // What they leave behind goes with the folder.
        command.current_dir(scratch.path()).env("LIAISON_URL", server.base_url()).env("LIAISON", liaison);
        process::run(&format!("quick start {name}"), &mut command)?;
        count += 1;
    }
    ensure!(count >= 7, "only {count} quick starts were found");
    server.stop()
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Makes JavaScript of a file, beside the packages that it imports, and returns what runs it.
fn compiled(home: &Path, path: &Path) -> Result<Command> {
    let name = path.file_name().context("a path has a name")?;
    let copy = home.join(name);
    fs::copy(path, &copy)?;
    let mut compiler = Command::new("node");
    compiler.current_dir(home).arg("node_modules/typescript/lib/tsc.js").arg(&copy);
    compiler.args(["--target", "es2022", "--module", "nodenext", "--noCheck", "--outDir", "quickstarts"]);
    process::run("making JavaScript of a quick start", &mut compiler)?;
    let mut node = Command::new("node");
    node.arg(home.join("quickstarts").join(name).with_extension("mjs"));
    Ok(node)
}
