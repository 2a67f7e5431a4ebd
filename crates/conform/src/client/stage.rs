//! What a situation has at hand: the sandbox, whose faults and clock it sets, and the connector, which it tells what to do.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fs,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Notify, time::sleep};

use super::{
    ClientOptions,
    connector::{Connector, listen_for_enter},
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
pub(super) const LOOK: Duration = Duration::from_millis(40);

const FAULTS: &str = "/sandbox/faults";
const REGISTRATION: &str = "/webhooks/v1/registration";

/// The sandbox, the connector, and what is known of both in one situation.
pub(super) struct Stage<'a> {
    pub(super) say: &'a dyn Fn(&str),
    pub(super) play: Play,
    pub(super) options: ClientOptions,
    /// The situation and its task.
    pub(super) scene: Cell<(&'static str, Task)>,
    /// Calls that were there before it.
    known: RefCell<HashSet<String>>,
    /// Faults that are in force.
    faults: RefCell<Vec<String>>,
    /// The registration of webhooks before the run; null for none, absent as long as it was not touched.
    registration: RefCell<Option<Value>>,
    pub(super) enter: Option<Arc<Notify>>,
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
        let mut body = json!({"kind": kind, "organization": self.options.organization});
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
            if self.has_struck(&list) {
                return;
            }
            sleep(LOOK).await;
        }
    }

    fn has_struck(&self, list: &Answer) -> bool {
        let own = self.faults.borrow();
        let is_own = |it: &&Value| own.iter().any(|id| it.get("id").is_some_and(|it| it == id));
        let mut listed = list.at("/value").as_array().into_iter().flatten().filter(is_own);
        listed.any(|it| it.get("struck").and_then(Value::as_u64) > Some(0))
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

    /// Registers for the events of referrals, in the place of what was there.
    pub(super) async fn register(&self, url: &str) -> Verdict {
        self.put_registration(
            &json!({"WebhookUrl": url, "WebhookEvents": ["referral-created", "referral-updated"],
            "SignatureTokenToMsSignatureHeader": true}),
        )
        .await
    }

    /// Lets nothing more be told: there is no way to take a registration away.
    pub(super) async fn park(&self) -> Verdict {
        self.put_registration(&parked()).await
    }

    async fn put_registration(&self, body: &Value) -> Verdict {
        let found = self.play.send(get(REGISTRATION).by(Who::PartnerCenter)).await;
        found.status(&[200, 404])?;
        let is_there = found.status == 200;
        let before = if is_there { found.json.clone() } else { Value::Null };
        self.registration.borrow_mut().get_or_insert(before);
        let request = if is_there { put(REGISTRATION, body) } else { post(REGISTRATION, body) };
        self.play.send(request.by(Who::PartnerCenter)).await.ok().map(drop)
    }

    /// Puts the registration of webhooks back; where there was none, one that asks for tests only stays.
    pub(super) async fn put_back(&self) {
        let _ = fs::remove_file(&self.options.result_file);
        let body = match self.registration.take() {
            None => return,
            Some(Value::Null) => parked(),
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

/// Returns a registration that tells nobody anything.
fn parked() -> Value {
    json!({"WebhookUrl": "http://127.0.0.1:9/nobody", "WebhookEvents": ["test-created"]})
}

fn merge(into: &mut Value, members: Value) {
    if let (Value::Object(into), Value::Object(members)) = (into, members) {
        into.extend(members);
    }
}
