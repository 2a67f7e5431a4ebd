//! `liaison webhook-key`: shows and renews what webhooks are signed with.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use http::{HeaderValue, header};
use serde_json::json;
use uuid::Uuid;

use super::{
    access::{self, Access},
    out,
};
use crate::{
    app::{key_options, outbound, system_clock, system_random},
    config::Config,
    domain::{
        sources::{Clock, Random},
        time::Timestamp,
    },
    feed::{
        outbound::Outcome,
        signature::{
            HeaderMode, KeyOptions, Message, Secret, WebhookKeys,
            keys::{KEEP_DAYS, KeyReport},
            standard::SecretProblem,
        },
    },
    storage::Store,
};

/// What is done with the keys.
#[derive(Debug, Subcommand)]
pub(super) enum WebhookKeyCommand {
    /// Show what receivers need to know
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make new keys and sign with them from now on
    Rotate {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send signed test events to a program that is to verify them
    SendTest(SendTestArgs),
}

/// What is sent, and where.
#[derive(Debug, Args)]
pub(super) struct SendTestArgs {
    /// Where the program listens; the settings say which addresses are allowed
    url: String,
    /// A secret (whsec_…) that the program knows; repeat for more
    #[arg(long = "secret", value_name = "SECRET", value_parser = read_secret)]
    secrets: Vec<Secret>,
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,
    /// Put Microsoft's signature into x-ms-signature
    #[arg(long)]
    ms_signature: bool,
}

/// Does it, and prints what came of it.
pub(super) async fn run(command: &WebhookKeyCommand, config: &Config) -> anyhow::Result<()> {
    let (report, is_json) = match command {
        WebhookKeyCommand::Show { json } => (read(config).await?.report()?, *json),
        WebhookKeyCommand::Rotate { json } => (rotate(config).await?, *json),
        WebhookKeyCommand::SendTest(args) => return send_test(args, config).await,
    };
    let mut out = out();
    if is_json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
        return Ok(());
    }
    writeln!(out, "Certificate:  {}", report.certificate_url)?;
    writeln!(out, "Valid until:  {}", report.certificate_valid_until)?;
    if let Some(url) = &report.root_url {
        writeln!(out, "Signed by:    {url}")?;
    }
    for key in &report.public_keys {
        writeln!(out, "Public key:   {key}")?;
    }
    if let WebhookKeyCommand::Rotate { .. } = command {
        writeln!(
            out,
            "The certificate before can be fetched, and the public key before signs, for {KEEP_DAYS} days."
        )?;
    }
    Ok(())
}

async fn read(config: &Config) -> anyhow::Result<WebhookKeys> {
    let store = access::open_to_read(config).await?;
    let (clock, random, options) = tools(&store, system_random(), config).await?;
    let keys = WebhookKeys::read(store, clock, random, options).await;
    keys.context("start `liaison serve` once, which makes the keys")
}

async fn rotate(config: &Config) -> anyhow::Result<KeyReport> {
    match Access::to_write(config).await? {
        Access::Direct { store, random, _lock } => {
            let (clock, random, options) = tools(&store, random, config).await?;
            let keys = WebhookKeys::open(store, clock, random, options).await?;
            keys.rotate().await?;
            Ok(keys.report()?)
        }
        Access::Server(server) => server.ask("/admin/webhook-key", &json!({})).await,
    }
}

/// Sends events one after the other, and fails when one was not taken.
async fn send_test(args: &SendTestArgs, config: &Config) -> anyhow::Result<()> {
    let keys = read(config).await?;
    let outbound = outbound(&config.webhooks)?;
    let (clock, random) = (system_clock(), system_random());
    for number in 1..=args.count {
        // Another process may renew the keys meanwhile.
        keys.reload().await?;
        let signer = keys.signer();
        let id = random.uuid();
        let now = clock.now();
        let body = test_event(signer.certificate_url(), id, now);
        let mode = match args.ms_signature {
            true => HeaderMode::MsSignature,
            false => HeaderMode::Authorization,
        };
        let message =
            Message { id: &format!("msg_{}", id.simple()), timestamp_secs: now.unix_secs(), body: &body };
        let mut headers = signer.sign_as_microsoft(&body, mode)?;
        headers.extend(signer.sign_as_standard(&message, &args.secrets)?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match outbound.post(&args.url, headers, body.into()).await.outcome {
            Outcome::Answered(answer) if answer.is_success() => {}
            Outcome::Answered(answer) => {
                bail!("event {number} was answered {}: {}", answer.status, answer.head)
            }
            Outcome::Failed { message, .. } => bail!("event {number} was not sent: {message}"),
        }
    }
    writeln!(out(), "{} signed events were sent and taken.", args.count)?;
    Ok(())
}

/// Returns an event as Partner Center sends it for a test.
fn test_event(certificate_url: &str, id: Uuid, now: Timestamp) -> Vec<u8> {
    let base_url = certificate_url.split("/cert/").next().unwrap_or_default();
    let at = now.to_string();
    // Seven digits, whatever the time.
    let (secs, fraction) = at.trim_end_matches('Z').split_once('.').unwrap_or((at.trim_end_matches('Z'), ""));
    let event = json!({
        "EventName": "test-created",
        "ResourceUri": format!("{base_url}/webhooks/v1/registration/validationEvents/{id}"),
        "ResourceName": "test",
        "AuditUri": null,
        "ResourceChangeUtcDate": format!("{secs}.{fraction:0<7}+00:00"),
    });
    event.to_string().into_bytes()
}

fn read_secret(text: &str) -> Result<Secret, SecretProblem> {
    Secret::parse(text)
}

async fn tools(
    store: &Store,
    random: Random,
    config: &Config,
) -> anyhow::Result<(Clock, Random, KeyOptions)> {
    // The server wrote down under which address it is known.
    let base_url = match store.find_setting("public_url").await? {
        Some(url) => url,
        None => config.public_url(config.listen),
    };
    let clock = access::clock(store).await?.clock();
    Ok((clock, random, key_options(&config.webhooks, &base_url)?))
}
