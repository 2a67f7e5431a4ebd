//! Child processes: run to the end, or kept running and killed when dropped.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Runs a command to its end, says so first, and fails when it fails.
pub(crate) fn run(step: &str, command: &mut Command) -> Result<()> {
    println!("== {step}: {}", describe(command));
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("{step}: cannot run {command:?}"))?;
    if !status.success() {
        bail!("{step} failed ({status})");
    }
    Ok(())
}

/// A running child process. It is killed when dropped, also when the program fails.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command in the background; what it prints goes to the file `log`.
    pub(crate) fn spawn(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("cannot open {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails with the end of the log when the process has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself ({status}):\n{}", self.name, self.log_tail()),
        }
    }

    /// Kills the process as a power cut would (`SIGKILL`) and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal by name (`TERM`, `INT`) and waits for the end.
    pub(crate) fn stop(&mut self, signal: &str, timeout: Duration) -> Result<ExitStatus> {
        self.signal(signal)?;
        self.wait(timeout).with_context(|| format!("after SIG{signal}"))
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} did not end within {timeout:?}:\n{}", self.name, self.log_tail());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns the last lines that the process printed.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }

    /// Uses the shell's own `kill`: the standard library can only send `SIGKILL`.
    fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("sh").arg("-c").arg(format!("kill -{signal} {}", self.pid())).status()?;
        if !status.success() {
            bail!("cannot send SIG{signal} to {} ({})", self.name, self.pid());
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the command line as a person would type it, without tokens.
fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    for argument in command.get_args() {
        let text = argument.to_string_lossy();
        words.push(if text.starts_with("Authorization:") {
            "'Authorization: …'".to_owned()
        } else {
            text.into_owned()
        });
    }
    words.join(" ")
}
