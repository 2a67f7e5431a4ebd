//! `liaison listen`: what happens, as it happens, and handed on to a program of one's own.
//!
//! A client of the stream like any other: it comes back with the last id after every cut, with a new token.

mod events;
mod forward;

use std::{io::Write as _, time::Duration};

use anyhow::bail;
use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use url::form_urlencoded;

use self::{
    events::{Block, EventReader},
    forward::Forwarder,
};
use super::{access, caller::ApiCaller, out};
use crate::{
    app::system_random,
    config::Config,
    domain::{event::Event, time::Timestamp},
};

const STREAM: &str = "/v1.0/engagements/referrals/changes/stream";
/// How long to wait before coming back, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// How many signs of life may be missed before the connection counts as lost.
const MISSED_MAX: u64 = 4;

#[derive(Debug, Args)]
pub(super) struct ListenArgs {
    /// Id, domain or name of the organization [default: Contoso, or the only one]
    #[arg(long, value_name = "ORGANIZATION")]
    organization: Option<String>,
    /// E-mail, id or role of the user who looks
    #[arg(long, default_value = "referrals-admin")]
    user: String,
    /// Kinds of events, with commas between them [default: all]
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', value_parser = read_event)]
    events: Vec<Event>,
    /// Where to begin: latest, beginning, or a cursor
    #[arg(long, value_name = "CURSOR", default_value = "latest")]
    since: String,
    /// Post each event to this address, as Partner Center's webhooks do, and signed
    #[arg(long, value_name = "URL")]
    forward: Option<reqwest::Url>,
    /// What to sign with: whsec_ and base64 [default: a random one, printed]
    #[arg(long, value_name = "SECRET", requires = "forward", value_parser = forward::read_secret)]
    secret: Option<forward::Secret>,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
}

fn read_event(text: &str) -> Result<Event, String> {
    let known = Event::OF_CHANGES.into_iter().find(|it| Event::parse(text.trim()) == Some(*it));
    known.ok_or_else(|| format!("use {}", Event::OF_CHANGES.map(Event::as_str).join(", ")))
}

/// An entry of the feed, as far as it is printed and handed on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: uuid::Uuid,
    event: String,
    referral_id: uuid::Uuid,
    action: String,
    at: Timestamp,
    actor: EntryActor,
    resource: String,
    referral: Option<EntryReferral>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryActor {
    system: Option<String>,
    organization_name: Option<String>,
}

#[derive(Deserialize)]
struct EntryReferral {
    name: Option<String>,
}

impl std::fmt::Debug for EntryReferral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EntryReferral(…)")
    }
}

/// How one connection ended.
enum End {
    /// The server had the last word, or the connection broke: come back.
    Cut(String),
    /// Coming back would end the same way.
    Refused(String),
}

/// Follows the stream until it is stopped.
pub(super) async fn run(args: ListenArgs, config: &Config) -> anyhow::Result<()> {
    let caller = ApiCaller::find(config, args.organization.as_deref(), &args.user).await?;
    let mut listener = Listener::new(args)?;
    let silence_max = Duration::from_secs(config.feed.heartbeat_secs.saturating_mul(MISSED_MAX));
    loop {
        match listener.follow(&caller, silence_max).await? {
            End::Refused(reason) => bail!("the server refused: {reason}"),
            End::Cut(reason) => {
                let pause = listener.pause();
                let _ = writeln!(std::io::stderr(), "{reason}; coming back in {} ms", pause.as_millis());
                tokio::time::sleep(pause).await;
            }
        }
    }
}

struct Listener {
    query: String,
    is_json: bool,
    forwarder: Option<Forwarder>,
    last_id: Option<String>,
    /// Cuts in a row.
    cuts: u32,
    is_greeted: bool,
}

impl Listener {
    fn new(args: ListenArgs) -> anyhow::Result<Self> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("include", "referral");
        if args.since != "beginning" {
            query.append_pair("since", &args.since);
        }
        if !args.events.is_empty() {
            let events: Vec<_> = args.events.iter().map(|it| it.as_str()).collect();
            query.append_pair("events", &events.join(","));
        }
        let forwarder = match args.forward {
            Some(url) => {
                let is_given = args.secret.is_some();
                let secret = args.secret.unwrap_or_else(|| forward::Secret::random(&system_random()));
                if !is_given {
                    let _ = writeln!(std::io::stderr(), "Signing with {}", secret.expose());
                }
                Some(Forwarder::new(url, secret)?)
            }
            None => None,
        };
        Ok(Self {
            query: query.finish(),
            is_json: args.json,
            forwarder,
            last_id: None,
            cuts: 0,
            is_greeted: false,
        })
    }

    /// Returns how long to wait before coming back.
    fn pause(&mut self) -> Duration {
        let (first, longest) = BACKOFF;
        let pause = first.saturating_mul(2_u32.saturating_pow(self.cuts)).min(longest);
        self.cuts = self.cuts.saturating_add(1);
        pause
    }

    /// Follows one connection to its end.
    async fn follow(&mut self, caller: &ApiCaller, silence_max: Duration) -> anyhow::Result<End> {
        let path = format!("{STREAM}?{}", self.query);
        // The server may have been started again elsewhere.
        let mut request = match caller.request(Method::GET, &path).await {
            Ok(request) => request,
            Err(error) => return Ok(End::Cut(format!("{error:#}"))),
        };
        if let Some(id) = &self.last_id {
            request = request.header("last-event-id", id);
        }
        let Ok(response) = request.send().await else {
            return Ok(End::Cut("the server does not answer".to_owned()));
        };
        let status = response.status();
        if !status.is_success() {
            let is_passing = status.is_server_error() || response.headers().contains_key("retry-after");
            let body =
                serde_json::from_slice(&response.bytes().await.unwrap_or_default()).unwrap_or_default();
            let reason = format!("{status}: {}", access::reasons(&body));
            return Ok(if is_passing { End::Cut(reason) } else { End::Refused(reason) });
        }
        let mut reader = EventReader::new(response, silence_max);
        loop {
            match reader.next().await {
                Ok(Some(block)) => {
                    if let Some(reason) = self.take(block, caller).await? {
                        return Ok(End::Cut(reason));
                    }
                }
                Ok(None) => return Ok(End::Cut("the server closed the stream".to_owned())),
                Err(reason) => return Ok(End::Cut(reason)),
            }
        }
    }

    /// Takes a block of the stream; returns the server's last words when it is those.
    async fn take(&mut self, block: Block, caller: &ApiCaller) -> anyhow::Result<Option<String>> {
        if block.event == "end" {
            let envelope = serde_json::from_str(&block.data).unwrap_or_default();
            return Ok(Some(access::reasons(&envelope)));
        }
        self.cuts = 0;
        if block.data.is_empty() {
            self.greet(caller);
        } else {
            self.tell(&block.data).await?;
        }
        // What was told is not told again; what was not, is.
        self.last_id = block.id.or(self.last_id.take());
        Ok(None)
    }

    /// Says once that everything until now was told.
    fn greet(&mut self, caller: &ApiCaller) {
        if !std::mem::replace(&mut self.is_greeted, true) {
            let _ = writeln!(std::io::stderr(), "Listening as {}", caller.principal().user.email);
        }
    }

    async fn tell(&self, data: &str) -> anyhow::Result<()> {
        let entry: Entry = serde_json::from_str(data)?;
        let line = if self.is_json { data.to_owned() } else { line(&entry) };
        {
            let mut out = out();
            writeln!(out, "{line}")?;
            out.flush()?;
        }
        if let Some(forwarder) = &self.forwarder {
            let outcome = forwarder.forward(&entry).await;
            match self.is_json {
                true => writeln!(std::io::stderr(), "{outcome}")?,
                false => writeln!(out(), "{outcome}")?,
            }
        }
        Ok(())
    }
}

/// Writes an entry for a person: when, what, of which deal, by whom.
fn line(entry: &Entry) -> String {
    let name = entry.referral.as_ref().and_then(|it| it.name.clone());
    let name = name.unwrap_or_else(|| entry.referral_id.to_string());
    // A name may hold what would move the cursor of a terminal.
    let name: String = name.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    let who = match (&entry.actor.system, &entry.actor.organization_name) {
        (Some(system), _) => format!("the server ({system})"),
        (None, Some(name)) => name.clone(),
        (None, None) => "somebody".to_owned(),
    };
    let Entry { at, event, action, .. } = entry;
    format!("{at}  {event:<24}  {name}  {action} by {who}")
}

#[cfg(test)]
mod tests {
    use super::{Entry, line, read_event};
    use crate::domain::event::Event;

    #[test]
    fn a_line_says_when_what_and_who() {
        let json = r#"{"id": "00000000-0000-0000-0000-000000000001", "event": "referral-updated",
            "referralId": "00000000-0000-0000-0000-000000000002", "action": "accept",
            "at": "2026-11-22T09:30:00.1234567Z", "actor": {"organizationId": "msft", "organizationName": "Microsoft"},
            "resource": "https://a.example/r", "referral": {"name": "A \u001b[2Jdeal"}}"#;
        let entry: Entry = serde_json::from_str(json).unwrap();

        assert_eq!(
            line(&entry),
            "2026-11-22T09:30:00.1234567Z  referral-updated          A  [2Jdeal  accept by Microsoft"
        );
        let system = r#"{"system": "expiry"}"#;
        let actor = r#"{"organizationId": "msft", "organizationName": "Microsoft"}"#;
        let json = json.replace(actor, system).replace("\"A \\u001b[2Jdeal\"", "null");
        let entry: Entry = serde_json::from_str(&json).unwrap();
        assert!(
            line(&entry).ends_with("00000000-0000-0000-0000-000000000002  accept by the server (expiry)")
        );
    }

    #[test]
    fn an_event_of_changes_is_named() {
        assert_eq!(read_event(" Referral-Created"), Ok(Event::ReferralCreated));
        assert!(read_event("test-created").unwrap_err().contains("related-referral-updated"));
    }
}
