//! What the commands need beside Rust: found on the machine, or installed with Debian's packages, pip and npm.
//!
//! A C compiler is not looked for here: it is also Rust's linker, so this program could not run without one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{process, workspace::Workspace};

/// The version of schemathesis that checks the contract.
const SCHEMATHESIS_VERSION: &str = "4.32.5";

/// The version of jsonpatch that gives a second opinion on PATCH.
const JSONPATCH_VERSION: &str = "1.47";

/// The OData client that pages through a real server, and the library that validates its metadata.
const ODATA_PACKAGES: [(&str, &str); 2] = [("python-odata", "0.8.1"), ("lxml", "6.1.3")];

/// What receivers of webhooks verify signatures and certificates with.
const WEBHOOK_PACKAGES: [(&str, &str); 2] = [("standardwebhooks", "1.1.0"), ("cryptography", "50.0.2")];

/// The client of NATS that reads what is published.
const NATS_PACKAGES: [(&str, &str); 1] = [("nats-py", "2.16.0")];

/// What the quick starts in Python import, and the connector that is judged: its `cryptography` comes with msal.
const QUICKSTART_PACKAGES: [(&str, &str); 2] = [("requests", "2.34.2"), ("msal", "1.39.0")];

/// The mail server that takes what is mailed.
const MAIL_PACKAGES: [(&str, &str); 1] = [("aiosmtpd", "1.4.6")];

/// The oldest Node.js with `fetch`.
const NODE_MAJOR_MIN: u32 = 18;

/// Where Debian keeps the programs of each PostgreSQL version.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// Returns the folder of `initdb` and `postgres`; installs PostgreSQL when there is none.
pub(crate) fn postgres() -> Result<PathBuf> {
    if let Some(folder) = find_postgres() {
        return Ok(folder);
    }
    println!("== PostgreSQL is not on this machine; installing Debian's package (no cluster, no service)");
    install_packages(&["postgresql-common"])?;
    as_root(
        "telling postgresql-common not to create a cluster",
        "sh",
        &[
            "-c",
            "mkdir -p /etc/postgresql-common/createcluster.d && \
             echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/liaison.conf",
        ],
    )?;
    install_packages(&["postgresql"])?;
    find_postgres().context("the package postgresql is installed, but initdb is not where Debian puts it")
}

/// Returns the path of `nats-server`; installs it when there is none.
pub(crate) fn nats_server() -> Result<PathBuf> {
    if let Some(program) = find_nats_server() {
        return Ok(program);
    }
    println!("== NATS is not on this machine; installing Debian's package");
    // Only the program is wanted: its service would take the usual port.
    as_root("keeping the service of nats-server off", "systemctl", &["mask", "nats-server"]).ok();
    install_packages(&["nats-server"])?;
    find_nats_server().context("the package nats-server is installed, but its program is not on PATH")
}

fn find_nats_server() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.push(PathBuf::from("/usr/sbin"));
    folders.into_iter().map(|it| it.join("nats-server")).find(|it| it.is_file())
}

/// Returns the path of Chromium; installs it when there is none.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(program) = find_chromium() {
        return Ok(program);
    }
    println!("== Chromium is not on this machine; installing Debian's package");
    install_packages(&["chromium", "fonts-dejavu-core"])?;
    find_chromium().context("the package chromium is installed, but its program is not on PATH")
}

fn find_chromium() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let programs = ["chromium", "chromium-browser", "google-chrome"];
    programs.into_iter().find_map(|name| folders.iter().map(|it| it.join(name)).find(|it| it.is_file()))
}

/// Returns the path of `schemathesis`; installs it in a virtual environment below `target` when needed.
pub(crate) fn schemathesis(workspace: &Workspace) -> Result<PathBuf> {
    let venv = workspace.tools().join("venv");
    let program = venv.join("bin/schemathesis");
    let is_there =
        || version(&program).is_some_and(|it| it.split_whitespace().any(|word| word == SCHEMATHESIS_VERSION));
    if !is_there() {
        install_from_pip(&venv, &[("schemathesis", SCHEMATHESIS_VERSION)])?;
        ensure!(is_there(), "{} does not run", program.display());
    }
    Ok(program)
}

/// Returns the path of a Python that has `jsonpatch`; installs it in a virtual environment of its own when needed.
pub(crate) fn python_with_jsonpatch(workspace: &Workspace) -> Result<PathBuf> {
    let venv = workspace.tools().join("jsonpatch");
    let python = venv.join("bin/python");
    let is_there = || {
        let program = "import jsonpatch; print(jsonpatch.__version__)";
        let output = Command::new(&python).args(["-c", program]).output();
        output.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).trim() == JSONPATCH_VERSION)
    };
    if !is_there() {
        install_from_pip(&venv, &[("jsonpatch", JSONPATCH_VERSION)])?;
        ensure!(is_there(), "{} does not find jsonpatch {JSONPATCH_VERSION}", python.display());
    }
    Ok(python)
}

/// Returns the path of a Python that has the OData packages; installs them when needed.
pub(crate) fn python_with_odata(workspace: &Workspace) -> Result<PathBuf> {
    python_with(workspace, "odata", &ODATA_PACKAGES)
}

/// Returns the path of a Python that has what receivers of webhooks verify with; installs it when needed.
pub(crate) fn python_with_webhooks(workspace: &Workspace) -> Result<PathBuf> {
    python_with(workspace, "webhooks", &WEBHOOK_PACKAGES)
}

/// Returns the path of a Python that has a client of NATS; installs it when needed.
pub(crate) fn python_with_nats(workspace: &Workspace) -> Result<PathBuf> {
    python_with(workspace, "nats", &NATS_PACKAGES)
}

/// Returns the path of a Python that has what the quick starts import; installs it when needed.
pub(crate) fn python_with_quickstarts(workspace: &Workspace) -> Result<PathBuf> {
    python_with(workspace, "quickstarts", &QUICKSTART_PACKAGES)
}

/// Returns the path of a Python that has a mail server.
pub(crate) fn python_with_mail_server(workspace: &Workspace) -> Result<PathBuf> {
    python_with(workspace, "mails", &MAIL_PACKAGES)
}

/// Returns the path of a Python that has some packages, in a virtual environment of its own.
fn python_with(workspace: &Workspace, name: &str, packages: &[(&str, &str)]) -> Result<PathBuf> {
    let venv = workspace.tools().join(name);
    let python = venv.join("bin/python");
    let is_there = || {
        let program =
            "import importlib.metadata as it, sys; print(*[it.version(name) for name in sys.argv[1:]])";
        let names = packages.iter().map(|(name, _)| name);
        let output = Command::new(&python).args(["-c", program]).args(names).output();
        let versions: Vec<_> = packages.iter().map(|(_, version)| *version).collect();
        output.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).trim() == versions.join(" "))
    };
    if !is_there() {
        install_from_pip(&venv, packages)?;
        ensure!(is_there(), "{} does not find {packages:?}", python.display());
    }
    Ok(python)
}

/// Returns a folder with the scripts of `xtask/judges` beside the Node.js packages that its lock file names; installs
/// them with npm when needed.
pub(crate) fn node_judges(workspace: &Workspace) -> Result<PathBuf> {
    let source = workspace.root.join("xtask/judges");
    let home = workspace.tools().join("judges");
    if !has_node() {
        install_packages(&["nodejs", "npm"])?;
        ensure!(
            has_node(),
            "there is still no npm with Node.js {NODE_MAJOR_MIN} or newer: install both, then run again"
        );
    }
    let lock = fs::read(source.join("package-lock.json")).context("the judges have no lock file")?;
    // Written last, so that half an installation does not count.
    let installed = home.join("installed.json");
    if fs::read(&installed).ok().as_ref() != Some(&lock) {
        println!(
            "== the Node.js packages of the judges are not in {}; installing them with npm",
            home.display()
        );
        if home.exists() {
            fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
        }
        fs::create_dir_all(&home)?;
        copy_files(&source, &home)?;
        let mut npm = Command::new("npm");
        npm.current_dir(&home).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        process::run("installing the Node.js packages of the judges", &mut npm)?;
        fs::write(installed, lock)?;
    }
    copy_files(&source, &home)?;
    Ok(home)
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            fs::create_dir_all(to.join(name))?;
            copy_files(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// Says whether npm and a Node.js that is new enough are on `PATH`.
fn has_node() -> bool {
    let major = version(Path::new("node"))
        .and_then(|it| it.trim().trim_start_matches('v').split('.').next()?.parse::<u32>().ok());
    major.is_some_and(|it| it >= NODE_MAJOR_MIN) && version(Path::new("npm")).is_some()
}

/// Makes a virtual environment that holds some packages.
fn install_from_pip(venv: &Path, packages: &[(&str, &str)]) -> Result<()> {
    let pinned: Vec<String> = packages.iter().map(|(name, version)| format!("{name}=={version}")).collect();
    let names = pinned.join(", ");
    println!("== {names} is not in {}; installing it with pip", venv.display());
    if !can_make_venv() {
        install_packages(&["python3", "python3-venv"])?;
        ensure!(
            can_make_venv(),
            "python3 still cannot make virtual environments: install python3-venv, then run again"
        );
    }
    if venv.exists() {
        fs::remove_dir_all(venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    process::run("making a virtual environment", Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(&pinned);
    process::run(&format!("installing {names}"), &mut pip)
}

/// Says whether this process is root.
pub(crate) fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("cannot run id -u")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim() == "0")
}

/// Looks on `PATH`, then under Debian's folder per version, newest first.
fn find_postgres() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(POSTGRES_VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|it| Some((it.file_name().to_str()?.parse().ok()?, it.path().join("bin"))))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    folders.into_iter().find(|it| it.join("initdb").is_file() && it.join("postgres").is_file())
}

fn can_make_venv() -> bool {
    let output = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    output.is_ok_and(|it| it.status.success())
}

/// Returns what a program prints for `--version`; `None` when it does not run.
fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn install_packages(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let advice = format!("cannot install the Debian packages {names}: install them yourself, then run again");
    if version(Path::new("apt-get")).is_none() {
        bail!("{advice} (there is no apt-get on this machine)");
    }
    as_root("reading Debian's package lists", "apt-get", &["update", "-q"])
        .with_context(|| advice.clone())?;
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend(packages);
    as_root(&format!("installing {names}"), "apt-get", &arguments).context(advice)
}

/// Runs a command as root: directly, or through `sudo`.
fn as_root(step: &str, program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = if is_root()? {
        Command::new(program)
    } else {
        let mut command = Command::new("sudo");
        command.args(["--preserve-env=DEBIAN_FRONTEND", program]);
        command
    };
    process::run(step, command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}
