//! What a scenario has at hand: somebody who calls, deals to work on, and the run's own mark.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    bodies,
    check::{Failure, Verdict},
    receiver::Receiver,
    scenarios::lists::{Deals, Many},
    target::{Parties, SignInError, Tokens, Who, describe, sign_in},
    wire::{Answer, Exchange, Request, get, patch, post, with_query},
};

/// Where referrals are.
pub(crate) const REFERRALS: &str = "/v1.0/engagements/referrals";

/// How often a request that was refused with 429 is made again.
const REFUSALS_MAX: u32 = 5;

/// The longest wait that is honoured at once.
const WAIT_MAX: Duration = Duration::from_secs(90);

/// How often, and after which pauses, something is tried that follows a write a little later.
const LATER_TRIES: u32 = 50;
const LATER_PAUSE: Duration = Duration::from_millis(100);

/// What the scenarios of a run share.
pub(crate) struct Run {
    pub(crate) base_url: String,
    pub(crate) http: reqwest::Client,
    pub(crate) tokens: RefCell<Tokens>,
    pub(crate) parties: Parties,
    /// The mark of everything that the run makes.
    pub(crate) tag: String,
    pub(crate) id: Uuid,
    /// Every referral that was made, and by whom.
    pub(crate) made: RefCell<Vec<(String, Who)>>,
    pub(crate) ids_given: Cell<u64>,
    pub(crate) deals: OnceCell<Result<Deals, Box<Failure>>>,
    pub(crate) many: OnceCell<Result<Many, Box<Failure>>>,
    pub(crate) signed_in: OnceCell<Answer>,
    pub(crate) receiver: Option<Receiver>,
    /// The registration of webhooks as it was before the run; null for none.
    pub(crate) registration: OnceCell<Value>,
}

/// One scenario's hands.
#[derive(Clone)]
pub(crate) struct Play {
    run: Rc<Run>,
}

/// A referral that a scenario works on, as it was when it was made.
pub(crate) struct Deal {
    pub(crate) id: String,
    pub(crate) engagement_id: String,
    pub(crate) etag: String,
    pub(crate) made: Answer,
}

impl Deal {
    fn new(made: Answer) -> Verdict<Self> {
        let text = |pointer: &str| made.string(pointer).map(str::to_owned);
        let (id, engagement_id, etag) = (text("/id")?, text("/engagementId")?, text("/eTag")?);
        Ok(Self { id, engagement_id, etag, made })
    }

    pub(crate) fn path(&self) -> String {
        format!("{REFERRALS}/{}", self.id)
    }
}

impl Play {
    pub(crate) fn new(run: Rc<Run>) -> Self {
        Self { run }
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// Returns the mark of the run.
    pub(crate) fn tag(&self) -> &str {
        &self.run.tag
    }

    /// Takes every token anew: those that there are have expired.
    pub(crate) async fn sign_in_again(&self) -> Result<(), SignInError> {
        let tokens = sign_in(&self.run.http, &self.run.parties).await?;
        self.run.tokens.replace(tokens);
        Ok(())
    }

    /// Returns a GUID that nobody has: the run's own with a number in it.
    pub(crate) fn unknown_id(&self) -> String {
        let number = self.run.ids_given.get() + 1;
        self.run.ids_given.set(number);
        let (high, low) = self.run.id.as_u64_pair();
        Uuid::from_u64_pair(high, low.wrapping_add(number)).to_string()
    }

    /// Makes a request. Refusals by a rate limit, or of a server that is busy, are waited for, unless they are what the
    /// scenario is about.
    pub(crate) async fn send(&self, request: Request) -> Answer {
        let mut refusals = 0;
        loop {
            let answer = self.send_once(&request).await;
            let is_refused = matches!(answer.status, 429 | 503) && !request.takes_refusal;
            if !is_refused || refusals == REFUSALS_MAX || answer.retry_after() > WAIT_MAX {
                return answer;
            }
            refusals += 1;
            tokio::time::sleep(answer.retry_after()).await;
        }
    }

    async fn send_once(&self, request: &Request) -> Answer {
        let url = match request.address.starts_with('/') {
            true => format!("{}{}", self.run.base_url, request.address),
            false => request.address.clone(),
        };
        let mut exchange = Exchange::new(request, url.clone());
        let mut builder = self.run.http.request(request.method.clone(), &url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        // A token goes to the server under judgement, and nowhere else.
        let is_ours = url.starts_with(&self.run.base_url);
        let token = self.run.tokens.borrow().get(&request.who).cloned();
        if let Some(token) = token.filter(|_| is_ours) {
            builder = builder.bearer_auth(token);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let response = match builder.send().await {
            Ok(response) => response,
            Err(error) => return Answer::new(exchange, describe(&error), false),
        };
        exchange.status = response.status().as_u16();
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        exchange.response_headers = response.headers().iter().map(header).collect();
        let text = match response.text().await {
            Ok(text) => text,
            Err(error) => {
                exchange.status = 0;
                describe(&error)
            }
        };
        let answer = Answer::new(exchange, text, request.is_secret);
        // What was only judged is not there.
        if request.method == reqwest::Method::POST && !url.contains("validateOnly") {
            self.note_made(&answer.json, request.who, 0);
        }
        answer
    }

    /// Tries for some seconds what follows a write a little later, such as records of it.
    pub(crate) async fn eventually<T>(&self, attempt: impl AsyncFn() -> Verdict<T>) -> Verdict<T> {
        for _ in 0..LATER_TRIES {
            if let Ok(found) = attempt().await {
                return Ok(found);
            }
            tokio::time::sleep(LATER_PAUSE).await;
        }
        attempt().await
    }

    /// Remembers every referral in the answer to a POST, wherever it stands in it.
    fn note_made(&self, value: &Value, who: Who, depth: u8) {
        match value {
            Value::Object(object) if object.contains_key("engagementId") && object.contains_key("eTag") => {
                if let Some(id) = object.get("id").and_then(Value::as_str) {
                    self.run.made.borrow_mut().push((id.to_owned(), who));
                }
            }
            Value::Object(object) if depth < 5 => {
                object.values().for_each(|it| self.note_made(it, who, depth + 1));
            }
            Value::Array(items) if depth < 5 => {
                items.iter().for_each(|it| self.note_made(it, who, depth + 1))
            }
            _ => {}
        }
    }

    /// Returns the sample of a private deal.
    pub(crate) fn private(&self) -> Value {
        bodies::private(self.tag())
    }

    /// Posts a document that must be taken.
    pub(crate) async fn create(&self, body: &Value) -> Verdict<Answer> {
        let answer = self.send(post(REFERRALS, body)).await;
        answer.success()?;
        Ok(answer)
    }

    /// Makes a private deal of the caller's own.
    pub(crate) async fn deal(&self) -> Verdict<Deal> {
        Deal::new(self.create(&self.private()).await?)
    }

    /// Makes a deal of the caller's own with some members changed.
    pub(crate) async fn deal_with(&self, members: &[(&str, Value)]) -> Verdict<Deal> {
        Deal::new(self.create(&bodies::with(self.private(), members)).await?)
    }

    /// Invites whoever a target names into the engagement of a deal.
    pub(crate) async fn invite(&self, deal: &Deal, target: &Value) -> Verdict<Deal> {
        Deal::new(self.create(&bodies::invitation(self.tag(), &deal.engagement_id, target)).await?)
    }

    /// Makes a deal, and invites the second organisation into it: both records.
    pub(crate) async fn invite_other(&self) -> Verdict<(Deal, Deal)> {
        let own = self.deal().await?;
        let target = self.run.parties.other_target.clone().unwrap_or_default();
        let invitation = self.invite(&own, &target).await?;
        Ok((own, invitation))
    }

    /// Makes a deal, and invites Microsoft into it: both records.
    pub(crate) async fn invite_microsoft(&self) -> Verdict<(Deal, Deal)> {
        let own = self.deal().await?;
        let invitation = self.invite(&own, &bodies::microsoft()).await?;
        Ok((own, invitation))
    }

    /// Reads a referral that the caller must be able to read.
    pub(crate) async fn read(&self, id: &str) -> Verdict<Answer> {
        self.read_by(Who::Caller, id).await
    }

    /// Reads a referral as somebody who must be able to.
    pub(crate) async fn read_by(&self, who: Who, id: &str) -> Verdict<Answer> {
        let answer = self.send(get(format!("{REFERRALS}/{id}")).by(who)).await;
        answer.ok()?;
        Ok(answer)
    }

    /// Sends a patch that must be taken, and returns the document after it.
    pub(crate) async fn patched(&self, who: Who, id: &str, operations: &Value) -> Verdict<Answer> {
        let answer = self.send(patch(format!("{REFERRALS}/{id}"), operations).by(who)).await;
        answer.status(&[200, 204])?;
        self.read_by(who, id).await
    }

    /// Moves a referral, as its owner.
    pub(crate) async fn moved(
        &self,
        who: Who,
        id: &str,
        (status, substatus): (&str, &str),
    ) -> Verdict<Answer> {
        self.patched(who, id, &transition(status, substatus)).await
    }

    /// Lists referrals, as the caller.
    pub(crate) async fn list(&self, options: &[(&str, &str)]) -> Answer {
        self.send(get(with_query(REFERRALS, options))).await
    }
}

/// Returns the patch of a move: status and substatus in one, with a reason where one may be asked for.
pub(crate) fn transition(status: &str, substatus: &str) -> Value {
    let mut operations = vec![replace("/status", json!(status)), replace("/substatus", json!(substatus))];
    if status == "Closed" {
        operations.push(replace("/statusReason", json!("Test referral")));
    }
    Value::Array(operations)
}

/// Returns one operation of a JSON Patch.
pub(crate) fn replace(path: &str, value: Value) -> Value {
    json!({"op": "replace", "path": path, "value": value})
}

/// Returns one operation of a JSON Patch.
pub(crate) fn add(path: &str, value: Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}
