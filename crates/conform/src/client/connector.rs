//! The connector under judgement: a program that is run once for each situation, or one that a person works.

use std::{
    io::{self, BufRead as _},
    os::fd::AsFd as _,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, sync::Notify, time::sleep};

/// How often is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(10);

/// How long a program may take to listen, and to end when its standard input has ended.
const LISTEN_MAX: Duration = Duration::from_secs(10);
const END_MAX: Duration = Duration::from_secs(2);

/// Who is judged.
#[derive(Clone, Debug)]
pub enum Connector {
    /// A program and its arguments: run once for each situation, told what to do by environment variables.
    Program(Vec<String>),
    /// A connector that runs by itself, or in the hands of a person.
    Person {
        /// Done is who has made no call for so long.
        quiet: Duration,
        /// Where it listens for webhooks. Absent, situations with webhooks are skipped.
        webhook_url: Option<String>,
    },
}

/// How the connector's part ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Whether a program ended by itself with success; `None` where that cannot be told.
    pub(super) is_success: Option<bool>,
    /// It was stopped, because it had not ended.
    pub(super) was_stopped: bool,
}

impl Ended {
    /// Tells it in some words.
    pub(super) fn told(self) -> &'static str {
        match (self.is_success, self.was_stopped) {
            (_, true) => "it had not ended and was stopped",
            (Some(true), _) => "it ended with success",
            (Some(false), _) => "it ended with an error",
            (None, _) => "it fell quiet",
        }
    }
}

/// A program that is running. Stopped when dropped.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or shall now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a program. What it prints goes to the runner's standard error: standard output is the report's.
    pub(super) fn start(command: &[String], variables: &[(&str, String)]) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let printed = io::stderr().as_fd().try_clone_to_owned()?;
        let child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::from(printed))
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{program} cannot be run: {error}")))?;
        Ok(Self(child))
    }

    /// Waits for its end, and stops it where that does not come in time.
    pub(super) async fn end(mut self, limit: Duration) -> Ended {
        let began = Instant::now();
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Ended { is_success: Some(status.success()), was_stopped: false },
                Ok(None) if began.elapsed() < limit => sleep(LOOK).await,
                Ok(None) | Err(_) => return Ended { is_success: None, was_stopped: true },
            }
        }
    }

    /// Tells it that this was all, by the end of its standard input, and stops it soon after.
    pub(super) async fn dismiss(mut self) -> Ended {
        drop(self.0.stdin.take());
        self.end(END_MAX).await
    }

    /// Waits until something listens on a port of this machine. False when nothing does in time.
    pub(super) async fn listens(&mut self, port: u16) -> bool {
        let began = Instant::now();
        while began.elapsed() < LISTEN_MAX && matches!(self.0.try_wait(), Ok(None)) {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return true;
            }
            sleep(LOOK).await;
        }
        false
    }
}

/// Rings each time that somebody presses Enter; never where there is no terminal to press it on.
pub(super) fn listen_for_enter() -> Arc<Notify> {
    let pressed = Arc::new(Notify::new());
    let bell = Arc::clone(&pressed);
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if line.is_err() {
                return;
            }
            bell.notify_one();
        }
    });
    pressed
}
