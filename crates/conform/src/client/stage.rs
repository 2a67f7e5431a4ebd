//! What a situation has at hand: the sandbox, whose faults and clock it sets, and the connector, which it tells what to do.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fs,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt as _,
    future::{Either, select as either},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify, time::sleep};

use super::{
    ClientOptions,
    connector::{Connector, Ended, Running, listen_for_enter},
    log::Calls,
    situation::{Situation, Task},
};
use crate::{
    bodies,
    check::{Failure, Verdict},
    play::{Play, REFERRALS},
    target::Who,
    wire::{Answer, delete, get, post, put, with_query},
};

/// How often is looked what has happened.
const LOOK: Duration = Duration::from_millis(40);
/// How often is looked whether a person's connector is quiet.
const QUIET_LOOK: Duration = Duration::from_millis(500);

const FAULTS: &str = "/sandbox/faults";
const REGISTRATION: &str = "/webhooks/v1/registration";

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

/// The sandbox, the connector, and what is known of both in one situation.
pub(super) struct Stage<'a> {
    say: &'a dyn Fn(&str),
    play: Play,
    options: ClientOptions,
    /// The situation and its task.
    scene: Cell<(&'static str, Task)>,
    /// Calls that were there before it.
    known: RefCell<HashSet<String>>,
    /// Faults that are in force.
    faults: RefCell<Vec<String>>,
    /// The registration of webhooks before the run; null for none, absent as long as it was not touched.
    registration: RefCell<Option<Value>>,
    enter: Option<Arc<Notify>>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(play: Play, options: ClientOptions, say: &'a dyn Fn(&str)) -> Self {
        let enter = matches!(options.connector, Connector::Person { .. }).then(listen_for_enter);
        Self {
            say,
            play,
            options,
            scene: Cell::new(("", Task::List)),
            known: RefCell::default(),
            faults: RefCell::default(),
            registration: RefCell::default(),
            enter,
        }
    }

    pub(super) fn play(&self) -> &Play {
        &self.play
    }

    /// Says what the connector is told of webhooks: whether it listens at all.
    pub(super) fn takes_webhooks(&self) -> bool {
        match &self.options.connector {
            Connector::Program(_) => true,
            Connector::Person { webhook_url, .. } => webhook_url.is_some(),
        }
    }

    /// Prepares for a situation: the clock runs, what was called before is known, and nothing is reported.
    pub(super) async fn begin(&self, situation: &Situation) -> Verdict {
        self.scene.set((situation.name, situation.task));
        if let Connector::Person { .. } = self.options.connector {
            (self.say)(&format!("  task: {}", situation.task.as_str()));
        }
        self.ask("/sandbox/clock", &json!({"frozen": false})).await?;
        self.remember().await;
        match fs::remove_file(&self.options.result_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::new("a file for what is reported", error.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Counts what was called so far as known.
    pub(super) async fn remember(&self) {
        let log = self.log(false).await;
        let listed = log.get("value").and_then(Value::as_array).into_iter().flatten();
        let ids = listed.filter_map(|it| Some(it.get("id")?.as_str()?.to_owned()));
        self.known.borrow_mut().extend(ids);
    }

    async fn log(&self, has_bodies: bool) -> Value {
        let parts = if has_bodies { "&include=bodies" } else { "" };
        self.play.send(get(format!("/sandbox/requests?limit=1000{parts}")).by(Who::Nobody)).await.json
    }

    /// Returns what the connector has called in this situation.
    pub(super) async fn calls(&self) -> Calls {
        let log = self.log(true).await;
        let known = self.known.borrow();
        Calls::read(&log, &self.options.application, |id| known.contains(id))
    }

    /// Returns the marks of what is made in this situation, by the runner and by the connector.
    pub(super) fn reference(&self) -> String {
        format!("{}-{}", self.play.tag(), self.scene.get().0)
    }

    /// Asks the sandbox for what it grants without a token.
    pub(super) async fn ask(&self, path: &str, body: &Value) -> Verdict<Answer> {
        let answer = self.play.send(post(path, body).by(Who::Nobody)).await;
        answer.success()?;
        Ok(answer)
    }

    /// Puts a fault in force that strikes the connector's application.
    pub(super) async fn fault(&self, kind: &str, members: Value) -> Verdict {
        let mut body = json!({"kind": kind, "application": self.options.application});
        merge(&mut body, members);
        self.put_in_force(&body).await
    }

    /// Puts a fault in force that strikes messages to the connector's organisation.
    pub(super) async fn webhook_fault(&self, kind: &str, members: Value) -> Verdict {
        let mut body = json!({"kind": kind, "organization": self.options.organization, "count": 1});
        merge(&mut body, members);
        self.put_in_force(&body).await
    }

    async fn put_in_force(&self, body: &Value) -> Verdict {
        let answer = self.ask(FAULTS, body).await?;
        self.faults.borrow_mut().push(answer.string("/id")?.to_owned());
        Ok(())
    }

    /// Puts a fault in force that strikes the next writes of one referral: whatever verb the connector uses.
    pub(super) async fn strike_writes(&self, kind: &str, id: &str, members: Value) -> Verdict {
        for (method, end) in [("PATCH", ""), ("PUT", ""), ("POST", "/*")] {
            let mut narrowed = json!({"method": method, "route": format!("{REFERRALS}/{id}{end}")});
            merge(&mut narrowed, members.clone());
            self.fault(kind, narrowed).await?;
        }
        Ok(())
    }

    /// Ends as soon as one of the faults in force has struck.
    pub(super) async fn struck(&self) {
        loop {
            let list = self.play.send(get(FAULTS).by(Who::Nobody)).await;
            let own = self.faults.borrow();
            let listed = list.at("/value").as_array().into_iter().flatten();
            let mut own = listed.filter(|it| own.iter().any(|id| it.get("id").is_some_and(|it| it == id)));
            if own.any(|it| it.get("struck").and_then(Value::as_u64) > Some(0)) {
                return;
            }
            sleep(LOOK).await;
        }
    }

    /// Takes the runner's faults away, and leaves those of others.
    pub(super) async fn clear_faults(&self) {
        for id in self.faults.take() {
            self.play.send(delete(format!("{FAULTS}/{id}")).by(Who::Nobody)).await;
        }
    }

    /// Puts the clock forward by some seconds, with everything that is due until then.
    pub(super) async fn advance(&self, seconds: f64) -> Verdict {
        self.ask("/sandbox/clock", &json!({"advance": seconds})).await.map(drop)
    }

    /// Waits until every message that is due was sent, by the least step of the clock: it waits for them.
    pub(super) async fn settle_webhooks(&self) -> Verdict {
        self.advance(0.001).await
    }

    /// Says whether an invitation is accepted.
    pub(super) async fn is_accepted(&self, id: &str) -> Verdict<bool> {
        Ok(self.read(id).await?.at("/substatus") == "Accepted")
    }

    /// Returns a referral as the connector's organisation reads it.
    pub(super) async fn read(&self, id: &str) -> Verdict<Answer> {
        self.play.read(id).await
    }

    /// Lets the other organisation make a deal of its own, marked as made by the run.
    pub(super) async fn foreign_deal(&self) -> Verdict<Answer> {
        let made = self.play.send(post(REFERRALS, &bodies::private(self.play.tag())).by(Who::Other)).await;
        made.success()?;
        Ok(made)
    }

    /// Lets the other organisation invite the connector's; returns the id of the invitation.
    pub(super) async fn invite(&self) -> Verdict<String> {
        let own = self.foreign_deal().await?;
        let engagement_id = own.string("/engagementId")?;
        let body = bodies::invitation(self.play.tag(), engagement_id, &self.options.target);
        let invited = self.play.send(post(REFERRALS, &body).by(Who::Other)).await;
        invited.success()?;
        invited.string("/id").map(str::to_owned)
    }

    /// Returns the ids of the referrals that were made with the mark of this situation.
    pub(super) async fn made(&self) -> Verdict<Vec<String>> {
        let filter = format!("externalReferenceId eq '{}'", self.reference());
        let found = self.play.send(get(with_query(REFERRALS, &[("$filter", &filter)]))).await;
        let ids =
            found.ok()?.list("/value")?.iter().filter_map(|it| Some(it.get("id")?.as_str()?.to_owned()));
        let ids: Vec<String> = ids.collect();
        let made = ids.iter().map(|it| (it.clone(), Who::Caller));
        self.play.run().made.borrow_mut().extend(made);
        Ok(ids)
    }

    /// Returns the lines that the connector has reported; `None` where it reports nothing at all.
    pub(super) fn reported(&self) -> Option<Vec<String>> {
        let text = fs::read_to_string(&self.options.result_file).ok()?;
        Some(text.lines().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect())
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
                let happened = script.await;
                running.dismiss().await;
                happened
            }
            Connector::Person { webhook_url, .. } => {
                self.register(webhook_url.as_deref().unwrap_or_default()).await?;
                (self.say)(&format!("  please: {words}"));
                script.await
            }
        }
    }

    /// Waits until something is so, for as long as the connector has. Says whether it came to that.
    pub(super) async fn comes_true(&self, is_so: impl AsyncFn() -> Verdict<bool>) -> Verdict<bool> {
        let patience = match &self.options.connector {
            Connector::Program(_) => self.options.limit.min(Duration::from_secs(5)),
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
            Connector::Program(_) => Duration::from_millis(300),
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

    /// Registers for the events of referrals, in the place of what was there.
    pub(super) async fn register(&self, url: &str) -> Verdict {
        let found = self.play.send(get(REGISTRATION).by(Who::PartnerCenter)).await;
        found.status(&[200, 404])?;
        let is_there = found.status == 200;
        let before = if is_there { found.json.clone() } else { Value::Null };
        self.registration.borrow_mut().get_or_insert(before);
        let body = json!({"WebhookUrl": url, "WebhookEvents": ["referral-created", "referral-updated"],
            "SignatureTokenToMsSignatureHeader": true});
        let request = if is_there { put(REGISTRATION, &body) } else { post(REGISTRATION, &body) };
        self.play.send(request.by(Who::PartnerCenter)).await.ok().map(drop)
    }

    /// Puts the registration of webhooks back; where there was none, one that asks for tests only stays.
    pub(super) async fn put_back(&self) {
        let _ = fs::remove_file(&self.options.result_file);
        let before = self.registration.take();
        let body = match before {
            None => return,
            Some(Value::Null) => {
                json!({"WebhookUrl": "http://127.0.0.1:9/nobody", "WebhookEvents": ["test-created"]})
            }
            Some(before) => before,
        };
        self.play.send(put(REGISTRATION, &body).by(Who::PartnerCenter)).await;
    }

    /// Takes every token anew, after the clock was put forward.
    pub(super) async fn sign_in_again(&self) -> Verdict {
        let taken = self.play.sign_in_again().await;
        taken.map_err(|error| Failure::new("new tokens", error.to_string()))
    }
}

fn merge(into: &mut Value, members: Value) {
    if let (Value::Object(into), Value::Object(members)) = (into, members) {
        into.extend(members);
    }
}

/// Finds a port that nobody listens on. It is free again when this returns, so that the connector can take it.
pub(super) async fn free_port() -> Verdict<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let address = listener.and_then(|it| it.local_addr());
    address.map(|it| it.port()).map_err(|error| Failure::new("a free port", error.to_string()))
}
