//! The connector's part of a situation: it is told what to do, and does it while something happens.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt as _,
    future::{Either, select as either},
};
use tokio::{net::TcpListener, time::sleep};

use super::{
    connector::{Connector, Ended, Running},
    stage::{LOOK, Stage},
};
use crate::{
    check::{Failure, Verdict},
    target::Who,
};

/// How often is looked whether a person's connector is quiet.
const QUIET_LOOK: Duration = Duration::from_millis(500);

/// How long is waited for a program to act, and for what it might do besides.
const ACT_MAX: Duration = Duration::from_secs(5);
const BESIDES: Duration = Duration::from_millis(300);

/// The audience of the connector's tokens.
const RESOURCE: &str = "https://api.partner.microsoft.com";

/// What a connector is told of its task, beside the task itself.
#[derive(Default)]
pub(super) struct Brief {
    /// Further variables, by name.
    pub(super) variables: Vec<(&'static str, String)>,
    /// The same in a sentence, for a person.
    pub(super) words: String,
}

impl Brief {
    pub(super) fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), variables: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }
}

impl Stage<'_> {
    /// Says what the connector is told of webhooks: whether it listens at all.
    pub(super) fn takes_webhooks(&self) -> bool {
        match &self.options.connector {
            Connector::Program(_) => true,
            Connector::Person { webhook_url, .. } => webhook_url.is_some(),
        }
    }

    /// Lets the connector do its task, to the end.
    pub(super) async fn perform(&self, brief: Brief) -> Verdict<Ended> {
        self.perform_while(brief, std::future::pending()).await
    }

    /// Lets the connector do its task while something happens; that is given up when the connector has ended.
    pub(super) async fn perform_while(
        &self,
        brief: Brief,
        meanwhile: impl Future<Output = Verdict>,
    ) -> Verdict<Ended> {
        let working = async {
            match &self.options.connector {
                Connector::Program(command) => Ok(self.start(command, &brief)?.end(self.options.limit).await),
                Connector::Person { quiet, .. } => Ok(self.wait_for_person(&brief, *quiet).await),
            }
        };
        match either(working.boxed_local(), meanwhile.boxed_local()).await {
            Either::Left((ended, _)) => ended,
            Either::Right((happened, working)) => {
                let ended = working.await;
                happened?;
                ended
            }
        }
    }

    /// Lets the connector listen for webhooks while `script` goes through what is to happen.
    pub(super) async fn receive<T>(&self, script: impl Future<Output = Verdict<T>>) -> Verdict<T> {
        let words = "accept every invitation that a webhook tells of";
        match &self.options.connector {
            Connector::Program(command) => {
                let port = free_port().await?;
                let url = format!("http://127.0.0.1:{port}/webhook");
                self.register(&url).await?;
                let brief = Brief::new(words)
                    .with("LIAISON_WEBHOOK_PORT", port.to_string())
                    .with("LIAISON_WEBHOOK_URL", url)
                    .with("LIAISON_WEBHOOK_CERTIFICATES", format!("{}/cert/", self.play.run().base_url));
                let mut running = self.start(command, &brief)?;
                if !running.listens(port).await {
                    let found = "nothing in 10 seconds";
                    return Err(Failure::new(format!("a connector that listens on port {port}"), found));
                }
                // What is left of earlier is not what the faults are meant for.
                self.settle_webhooks().await?;
                self.remember().await;
                let happened = script.await;
                running.dismiss().await;
                self.park().await?;
                happened
            }
            Connector::Person { webhook_url, .. } => {
                self.register(webhook_url.as_deref().unwrap_or_default()).await?;
                (self.say)(&format!("  please: {words}"));
                self.settle_webhooks().await?;
                self.remember().await;
                let happened = script.await;
                self.park().await?;
                happened
            }
        }
    }

    /// Waits until something is so, for as long as the connector has. Says whether it came to that.
    pub(super) async fn comes_true(&self, is_so: impl AsyncFn() -> Verdict<bool>) -> Verdict<bool> {
        let patience = match &self.options.connector {
            Connector::Program(_) => self.options.limit.min(ACT_MAX),
            Connector::Person { quiet, .. } => *quiet,
        };
        let began = Instant::now();
        loop {
            if is_so().await? {
                return Ok(true);
            }
            if began.elapsed() > patience {
                return Ok(false);
            }
            sleep(LOOK).await;
        }
    }

    /// Waits a moment for what a connector might do besides.
    pub(super) async fn settle(&self) {
        let pause = match &self.options.connector {
            Connector::Program(_) => BESIDES,
            Connector::Person { quiet, .. } => *quiet,
        };
        sleep(pause).await;
    }

    fn start(&self, command: &[String], brief: &Brief) -> Verdict<Running> {
        let (situation, task) = self.scene.get();
        let base_url = &self.play.run().base_url;
        let mut variables = vec![
            ("LIAISON_URL", base_url.clone()),
            ("LIAISON_SITUATION", situation.to_owned()),
            ("LIAISON_TASK", task.as_str().to_owned()),
            ("LIAISON_RESULT", self.options.result_file.to_string_lossy().into_owned()),
            ("LIAISON_RESOURCE", RESOURCE.to_owned()),
        ];
        variables.extend(self.play.run().parties.token_url.clone().map(|it| ("LIAISON_TOKEN_URL", it)));
        if let Some(credentials) = &self.options.credentials {
            variables.push(("LIAISON_CLIENT_ID", credentials.client_id.clone()));
            let rest = [
                ("LIAISON_CLIENT_SECRET", &credentials.client_secret),
                ("LIAISON_USERNAME", &credentials.username),
                ("LIAISON_PASSWORD", &credentials.password),
            ];
            variables.extend(rest.into_iter().filter_map(|(name, it)| Some((name, it.clone()?))));
            let token = self.play.run().tokens.borrow().get(&Who::Caller).cloned();
            variables.extend(token.map(|it| ("LIAISON_TOKEN", it)));
        }
        variables.extend(brief.variables.iter().cloned());
        Running::start(command, &variables)
            .map_err(|error| Failure::new("a connector that can be run", error.to_string()))
    }

    /// Waits until a person says so, or its connector has called and then been quiet for a while.
    async fn wait_for_person(&self, brief: &Brief, quiet: Duration) -> Ended {
        let ended = Ended { is_success: None, was_stopped: false };
        (self.say)(&format!("  please: {}", brief.words));
        for (name, value) in &brief.variables {
            (self.say)(&format!("    {name}={value}"));
        }
        (self.say)("  waiting for its calls; press Enter when it is done");
        let began = Instant::now();
        let (mut count, mut changed) = (0, Instant::now());
        while began.elapsed() < self.options.limit {
            if let Some(enter) = &self.enter
                && tokio::time::timeout(QUIET_LOOK, enter.notified()).await.is_ok()
            {
                return ended;
            }
            let calls = self.calls().await.0.len();
            if calls != count {
                (count, changed) = (calls, Instant::now());
            }
            if count > 0 && changed.elapsed() > quiet {
                return ended;
            }
        }
        Ended { was_stopped: true, ..ended }
    }
}

/// Finds a port that nobody listens on. It is free again when this returns, so that the connector can take it.
pub(super) async fn free_port() -> Verdict<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let address = listener.and_then(|it| it.local_addr());
    address.map(|it| it.port()).map_err(|error| Failure::new("a free port", error.to_string()))
}
