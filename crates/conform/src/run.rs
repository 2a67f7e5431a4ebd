//! A run: who can be played, several at a time, and what becomes of each.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use futures_util::{
    StreamExt as _,
    future::{Either, join, select as either},
    stream,
};
use serde_json::json;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    check::Failure,
    clear,
    play::{Play, REFERRALS, Run},
    receiver::Receiver,
    report::{Outcome, Report, Result},
    scenario::{Need, Scenario},
    target::{Parties, SignInError, Target, Who, sign_in},
    wire::{get, post},
};

/// How the runner names itself.
pub(crate) const USER_AGENT: &str = concat!("liaison-conform/", env!("CARGO_PKG_VERSION"));

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a scenario may take, with every wait for a rate limit.
const SCENARIO_TIMEOUT: Duration = Duration::from_secs(300);

/// The group whose scenarios share one registration, and are played one after the other.
const SERIAL: &str = "webhooks";

/// How a run is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Marks everything that is made.
    pub run_id: Uuid,
    /// How many scenarios are played at a time; 1 or more.
    pub jobs: usize,
}

/// Why nothing was played.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Everything needs a caller.
    #[error("nobody calls: give --token, or --parties with a caller, or --sandbox")]
    NoCaller,
    /// Somebody's token could not be had.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The server, or its API, is not there.
    #[error("{url} does not list referrals for the caller: {reason}")]
    Unusable {
        /// What was asked.
        url: String,
        /// What was answered.
        reason: String,
    },
    /// Only a sandbox lets things happen on demand.
    #[error("{0} is no sandbox of Liaison; start one with `liaison serve --sandbox`")]
    NoSandbox(String),
    /// What a connector does is read from the request log.
    #[error("{0} keeps no request log; set requests.enabled, and start it again")]
    NoLog(String),
    /// The client of the runner could not be made.
    #[error("no client could be made: {0}")]
    Client(#[from] reqwest::Error),
    /// Deliveries could not be received.
    #[error("the receiver of webhooks could not listen: {0}")]
    Receiver(#[from] io::Error),
}

/// Keeps the scenarios whose group or name contains one of some words; all where there is no word.
pub fn select(mut scenarios: Vec<Scenario>, words: &[String]) -> Vec<Scenario> {
    if !words.is_empty() {
        scenarios.retain(|it| words.iter().any(|word| it.group == word || it.name.contains(word.as_str())));
    }
    scenarios
}

/// Plays scenarios against a target until all are played, or `interrupted` ends and what is under way then is played to
/// its end; then puts away what was made.
///
/// # Errors
/// Where nothing can be played at all.
pub async fn run(
    target: &Target,
    scenarios: Vec<Scenario>,
    options: Options,
    interrupted: impl Future<Output = ()>,
) -> std::result::Result<Report, RunError> {
    let (play, has_batch) = prepare(target, options).await?;
    let lacks = |scenario: &Scenario| -> Vec<Need> {
        scenario.needs.iter().copied().filter(|it| !has(target, &play, has_batch, *it)).collect()
    };
    let results = RefCell::new(Vec::new());
    let (serial, others): (Vec<_>, Vec<_>) = scenarios.iter().partition(|it| it.group == SERIAL);
    let began = Instant::now();
    let is_interrupted = Cell::new(false);
    let one = async |scenario: &Scenario| {
        if is_interrupted.get() {
            return;
        }
        let result = attempt(scenario, &play, &lacks(scenario)).await;
        results.borrow_mut().push(result);
    };
    let together = stream::iter(others).map(&one).buffer_unordered(options.jobs.max(1)).collect::<Vec<_>>();
    let in_a_row = stream::iter(serial).then(&one).collect::<Vec<_>>();
    let playing = Box::pin(join(together, in_a_row));
    // What is under way is played to its end: a request that is dropped may still make something.
    if let Either::Right((_, playing)) = either(playing, Box::pin(interrupted)).await {
        is_interrupted.set(true);
        playing.await;
    }
    restore_registration(&play).await;
    let left = clear::clear(&play).await;
    let mut report = Report {
        base_url: play.run().base_url.clone(),
        tag: play.tag().to_owned(),
        is_interrupted: is_interrupted.get(),
        millis: began.elapsed().as_millis(),
        results: results.into_inner(),
        made: play.run().made.borrow().len(),
        left,
    };
    report.put_in_order(&scenarios);
    Ok(report)
}

async fn prepare(target: &Target, options: Options) -> std::result::Result<(Play, bool), RunError> {
    let receiver = match target.may_replace_registration {
        true => Some(Receiver::start(target.receiver.as_ref()).await?),
        false => None,
    };
    let play = open(&target.base_url, &target.parties, options.run_id, receiver).await?;
    let batch = play.send(post("/v1.0/engagements/$batch", &json!({"requests": []}))).await;
    Ok((play, ![404, 405, 501].contains(&batch.status)))
}

/// Signs everybody in, and sees whether the caller can list referrals.
pub(crate) async fn open(
    base_url: &str,
    parties: &Parties,
    run_id: Uuid,
    receiver: Option<Receiver>,
) -> std::result::Result<Play, RunError> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .build()?;
    let tokens = sign_in(&http, parties).await?;
    if !tokens.contains_key(&Who::Caller) {
        return Err(RunError::NoCaller);
    }
    let id = run_id.simple().to_string();
    let run = Run {
        base_url: base_url.trim_end_matches('/').to_owned(),
        http,
        tokens: RefCell::new(tokens),
        parties: parties.clone(),
        tag: format!("conform-{}", id.get(..12).unwrap_or(&id)),
        id: run_id,
        made: RefCell::new(Vec::new()),
        ids_given: Cell::new(0),
        deals: OnceCell::new(),
        many: OnceCell::new(),
        signed_in: OnceCell::new(),
        receiver,
        registration: OnceCell::new(),
    };
    let play = Play::new(Rc::new(run));
    let list = play.send(get(format!("{REFERRALS}?$top=1"))).await;
    if list.status != 200 {
        let url = list.exchange.url.clone();
        let reason = match list.status {
            0 => list.text,
            status => format!("{status} {}", list.text),
        };
        return Err(RunError::Unusable { url, reason });
    }
    Ok(play)
}

/// Says whether the target has what a scenario needs.
fn has(target: &Target, play: &Play, has_batch: bool, need: Need) -> bool {
    let token = |who| play.run().tokens.borrow().contains_key(&who);
    let parties = &target.parties;
    match need {
        Need::Other => token(Who::Other),
        Need::OtherTarget => parties.other_target.is_some(),
        Need::Microsoft => token(Who::Microsoft),
        Need::InviteMicrosoft => target.may_invite_microsoft,
        Need::User => token(Who::User),
        Need::UserEmail => parties.user_email().is_some(),
        Need::Roleless => token(Who::Roleless),
        Need::Application => token(Who::Application),
        Need::PartnerCenter => token(Who::PartnerCenter),
        Need::Webhooks => target.may_replace_registration,
        Need::Solution => parties.solution.is_some(),
        Need::Bulk => target.may_make_many,
        Need::SignIn => {
            parties.token_url.is_some() && matches!(parties.caller, Some(crate::target::Identity::SignIn(_)))
        }
        Need::Batch => has_batch,
        Need::Liaison => target.is_liaison,
    }
}

async fn attempt(scenario: &Scenario, play: &Play, lacks: &[Need]) -> Result {
    let began = Instant::now();
    let outcome = match lacks.first() {
        Some(need) => Outcome::Skipped(need.lacking().to_owned()),
        None => match tokio::time::timeout(SCENARIO_TIMEOUT, scenario.play.run(play)).await {
            Ok(Ok(())) => Outcome::Kept,
            Ok(Err(failure)) => Outcome::Failed(*failure),
            Err(_) => Outcome::Failed(*Failure::new("an end", "the scenario took too long")),
        },
    };
    Result::new(scenario, outcome, began.elapsed().as_millis())
}

/// Puts the registration of webhooks back as it was; where there was none, it is left pointing nowhere.
async fn restore_registration(play: &Play) {
    if let Some(before) = play.run().registration.get() {
        crate::scenarios::webhooks::restore(play, before).await;
    }
}
