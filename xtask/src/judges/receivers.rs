//! Receivers of webhooks that other people's libraries verify: a real server delivers 200 changes to each, and its keys,
//! a receiver's secret and the header of a signature change meanwhile.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{Judges, deal};
use crate::{
    load::{self, Call, Plan, Stop, judge_success},
    process::Process,
    server::{CREATE_REQUEST, Client, Server},
};

/// Changes before the keys change, meanwhile, and after.
const CHANGES: [u64; 3] = [70, 60, 70];

/// The organisation that certificates name by default.
const ORGANIZATION: &str = "Liaison";

const REGISTRATION: &str = "/webhooks/v1/registration";
const SUBSCRIPTIONS: &str = "/v1.0/engagements/webhooks";

/// How long a receiver may take to listen, and to have everything. Some time for one attempt that fails.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often servers of one PostgreSQL look for new keys (`src/cli/serve.rs`), and a little more.
const KEYS_SEEN: Duration = Duration::from_secs(6);

/// A receiver that runs, and where it listens.
pub(super) struct Receiver {
    name: &'static str,
    process: Process,
    /// The port of this machine.
    pub(super) port: u16,
    url: String,
}

/// A server, and who administers the webhooks of Contoso there.
struct Exchange<'a> {
    server: &'a Server,
    /// For subscriptions and for referrals.
    partner: Client,
    /// For the registration.
    partner_center: Client,
}

/// Has everything delivered. `folder` takes secrets and the receivers' logs.
pub(super) fn check(judges: &Judges, server: &Server, folder: &Path) -> Result<()> {
    println!("== verifying what is delivered as receivers do");
    let exchange = Exchange {
        server,
        partner: Client::new(server)?,
        partner_center: Client::of_partner_center(server)?,
    };
    let keys: Value = serde_json::from_str(&server.ask(&["webhook-key", "show", "--json"])?)?;
    let secrets = ["python", "node"].map(|it| folder.join(format!("{it}.secret")));
    let receivers = start(judges, &keys, &secrets, folder)?;
    let [microsoft, python, node] = &receivers;

    exchange.register(Method::POST, &microsoft.url, false)?;
    exchange.subscribe(python, &secrets[0])?;
    let node_id = exchange.subscribe(node, &secrets[1])?;
    let [before, meanwhile, after] = CHANGES;
    exchange.create(0, before)?;
    thread::scope(|scope| {
        let creating = scope.spawn(|| exchange.create(before, meanwhile));
        server.ask(&["webhook-key", "rotate"])?;
        creating.join().map_err(|_| anyhow::anyhow!("the creator of deals panicked"))?
    })?;
    // What comes now is signed with the new key, whoever has made it.
    thread::sleep(KEYS_SEEN);
    // The old secret signs as well for a while: what is on its way is taken whichever the receiver knows.
    let rotated =
        exchange.partner.send(Method::POST, &format!("{SUBSCRIPTIONS}/{node_id}/rotateSecret"), None);
    write_secret(&exchange.ask(rotated)?, &secrets[1])?;
    exchange.register(Method::PUT, &microsoft.url, true)?;
    exchange.create(before + meanwhile, after)?;
    receivers.into_iter().try_for_each(Receiver::finish)
}

fn start(judges: &Judges, keys: &Value, secrets: &[PathBuf; 2], folder: &Path) -> Result<[Receiver; 3]> {
    let text = |pointer| keys.pointer(pointer).and_then(Value::as_str).context("the report lacks a key");
    let count = CHANGES.iter().sum::<u64>().to_string();
    let script = |program: &Path, name: &str| {
        let mut command = Command::new(program);
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(judges.home.join(name));
        command
    };
    let [first, second] = secrets;
    let mut microsoft = script(&judges.receiver_python, "receiver_microsoft.py");
    microsoft.args([text("/rootUrl")?, ORGANIZATION, &count]);
    let mut python = script(&judges.receiver_python, "receiver_standard.py");
    python.arg(first).args([text("/publicKeys/0")?, &count]);
    let mut node = script(Path::new("node"), "receiver_standard.mjs");
    node.arg(second).arg(&count);
    Ok([
        Receiver::start("microsoft", &mut microsoft, folder)?,
        Receiver::start("standardwebhooks-python", &mut python, folder)?,
        Receiver::start("standardwebhooks-node", &mut node, folder)?,
    ])
}

impl Exchange<'_> {
    /// Registers a receiver as a client of Partner Center does.
    fn register(&self, method: Method, url: &str, is_ms_signature: bool) -> Result<()> {
        let body = json!({
            "WebhookUrl": url,
            "WebhookEvents": ["referral-created"],
            "SignatureTokenToMsSignatureHeader": is_ms_signature,
        });
        self.ask(self.partner_center.send(method, REGISTRATION, Some(&body))).map(drop)
    }

    /// Makes a subscription, tells the receiver its secret, and returns its id.
    fn subscribe(&self, receiver: &Receiver, secret: &Path) -> Result<String> {
        let body = json!({"url": receiver.url, "events": ["referral-created"], "payload": "full"});
        let made = self.ask(self.partner.send(Method::POST, SUBSCRIPTIONS, Some(&body)))?;
        write_secret(&made, secret)?;
        Ok(made.get("id").and_then(Value::as_str).context("the webhook has no id")?.to_owned())
    }

    /// Creates deals of Contoso's own.
    fn create(&self, first: u64, count: u64) -> Result<()> {
        let fixture: Value = serde_json::from_str(CREATE_REQUEST).context("the fixture is no JSON")?;
        let client = Client::new(self.server)?;
        let make = move |number| client.create(Bytes::from(deal(&fixture, first + number).to_string()));
        let plan = Plan {
            address: self.server.address()?,
            connections: 4,
            stop: Stop::Count(count),
            make: Arc::new(make),
            judge: Arc::new(judge_success),
        };
        load::run(plan)?.ensure_clean().context("the deals that receivers are told of are not accepted")
    }

    /// Sends one request and returns the answer.
    fn ask(&self, call: Call) -> Result<Value> {
        let answer = Arc::new(Mutex::new(Value::Null));
        let heard = Arc::clone(&answer);
        let plan = Plan {
            address: self.server.address()?,
            connections: 1,
            stop: Stop::Count(1),
            make: Arc::new(move |_| call.clone()),
            judge: Arc::new(move |number, status, body| {
                judge_success(number, status, body)?;
                *heard.lock().unwrap_or_else(PoisonError::into_inner) =
                    serde_json::from_slice(body).map_err(|error| error.to_string())?;
                Ok(())
            }),
        };
        load::run(plan)?.ensure_clean()?;
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(answer)
    }
}

fn write_secret(webhook: &Value, path: &Path) -> Result<()> {
    let secret = webhook.get("secret").and_then(Value::as_str).context("the webhook tells no secret")?;
    Ok(fs::write(path, secret)?)
}

impl Receiver {
    /// Starts it and waits until it says its port.
    pub(super) fn start(name: &'static str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log: PathBuf = folder.join(format!("{name}.log"));
        let mut process = Process::spawn(name, command, &log)?;
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let text = fs::read_to_string(&log)?;
            if let Some((port, _)) = text.split_once('\n') {
                let port: u16 = port.parse().with_context(|| format!("{name} says no port: {text}"))?;
                return Ok(Self { name, process, port, url: format!("http://127.0.0.1:{port}/hook") });
            }
            process.ensure_running()?;
            if Instant::now() > deadline {
                bail!("{name} does not listen after {TIMEOUT:?}:\n{}", process.log_tail());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it ends, and says what it says.
    pub(super) fn finish(mut self) -> Result<()> {
        let status = self.process.wait(TIMEOUT)?;
        let log = self.process.log_tail();
        ensure!(status.success(), "{} ended with {status}:\n{log}", self.name);
        println!("== {}: {}", self.name, log.lines().last().unwrap_or_default());
        Ok(())
    }
}
