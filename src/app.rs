//! What one process holds, the lock of its data, and the only place that reads the system's clock and random source.
//!
//! [`App`] is built once at start and cloned into every handler; a clone is one atomic addition.

mod admission;
mod clock;
mod health;
mod journal;
pub mod lock;
mod rate;
mod streams;

use std::{ops::Deref, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use rand::Rng as _;

pub use self::{
    admission::{Admission, Class, Permit},
    clock::ServerClock,
    health::Health,
    journal::{
        Call, CallPage, Captured, Decided, Journal, LoggedBody, LoggedCall, LoggedHeader, LoggedPart, Mend,
        RefusedCall, Sight, WantedCalls, archive,
    },
    rate::{RateLimits, RateState, Throttled},
    streams::{Lasting, StreamPlace, Streams, StreamsFull},
};
use crate::{
    auth::{self, Authenticator, Issuer, TokenVerifier, TrustedIssuer},
    config::{self, Config, ResourceUri, SinkPayload, SinkStart, Webhooks},
    domain::{
        fault::Faults,
        json::JsonLimits,
        lifecycle::Strictness,
        referral::draft::TextLimits,
        sources::{Clock, MovableClock, Random},
        time::Timestamp,
        validation::Rules,
        view::Links,
        webhook::{self, payload},
    },
    feed::{
        self, Bell, DeliveryDesk, Feed,
        address::{Guard, Reach},
        fault::WebhookFaults,
        mail::Postman,
        outbound::{Names, Outbound, Timeouts},
        signature::{KeyOptions, WebhookKeys},
        sink::{self, Sink},
    },
    service::{
        Context, Queries, Settings,
        notices::{letters::Letters, mailer::Mailing},
        seal::Seal,
        sessions::Lives,
    },
    storage::{NamedError, Store, Target},
};

/// What one process holds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`], reached through it.
#[derive(Debug)]
pub struct Parts {
    /// Effective settings.
    pub config: Config,
    /// The address that clients use, without a slash at the end.
    pub public_url: String,
    /// Store, clock, random source and rules, as operations take them.
    pub context: Context,
    /// The clock that [`Context::clock`] tells the time of, where its callers may put it forward: in a sandbox.
    pub sandbox_clock: Option<MovableClock>,
    /// What goes wrong on demand; in a sandbox only.
    pub faults: Option<Faults>,
    /// Tells who is calling.
    pub authenticator: Authenticator,
    /// The built-in issuer.
    pub issuer: Arc<Issuer>,
    /// What webhooks are signed with.
    pub webhook_keys: WebhookKeys,
    /// Requests in flight, by class.
    pub admission: Admission,
    /// Requests in a minute, by organisation and by application.
    pub rates: RateLimits,
    /// Open streams, by organisation.
    pub streams: Streams,
    /// Where every change is published, if anywhere.
    pub sink: Option<Sink>,
    /// The last calls of each application, where they are kept.
    pub journal: Option<Journal>,
    /// What the readiness check reports besides the database.
    pub health: Health,
}

impl App {
    /// Puts the parts together, and opens the issuer and the keys of webhooks. `public_url` is the effective one, see
    /// [`Config::public_url`].
    ///
    /// # Errors
    /// When the signing keys cannot be had, or an issuer of the settings cannot be trusted.
    pub async fn open(
        config: Config,
        public_url: String,
        store: Store,
        clock: impl Into<ServerClock>,
        random: Random,
    ) -> anyhow::Result<Self> {
        let ServerClock { clock, sandbox_clock } = clock.into();
        let issuer = Issuer::open(store.clone(), public_url.clone(), clock.clone(), random.clone()).await?;
        let issuer = Arc::new(issuer);
        let mut trusted = vec![TrustedIssuer::built_in(&issuer, config.audiences_extra.clone())];
        trusted.extend(trusted_issuers(&config)?);
        let verifier = TokenVerifier::new(trusted, clock.clone());
        let authenticator = Authenticator::new(verifier, store.clone());
        let limits = &config.limits;
        let admission = Admission::new(limits.reads_max, limits.writes_max);
        let rates =
            RateLimits::new(limits.rate_per_organization_per_minute, limits.rate_per_application_per_minute);
        let streams = Streams::new(config.feed.streams_max, config.feed.streams_per_organization_max);
        let seal = Seal::open(&store, &random).await?;
        let settings = settings(&config, &public_url);
        let options = key_options(&config.webhooks, &public_url)?;
        let webhook_keys = WebhookKeys::open(store.clone(), clock.clone(), random.clone(), options).await?;
        let faults = sandbox_clock.is_some().then(Faults::default);
        let webhook_faults = faults
            .as_ref()
            .map(|it| WebhookFaults::new(it.clone(), &public_url, clock.clone(), random.clone()));
        let feed = Feed {
            store: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            links: settings.links.clone(),
            outbound: outbound(&config.webhooks)?,
            keys: webhook_keys.clone(),
            faults: webhook_faults,
            bell: Bell::default(),
            mail_bell: Bell::default(),
            desk: DeliveryDesk::default(),
            settings: feed_settings(&config, settings.queries.limits),
        };
        let sink = sink_options(&config.sink)?.map(|options| Sink::new(feed.clone(), options));
        let mailing = mailing(&config, &public_url)?;
        let context = Context { store, clock, random, seal, feed, mailing, settings };
        let (health, journal) = (Health::default(), Journal::open(&config.requests));
        Ok(Self(Arc::new(Parts {
            config,
            public_url,
            context,
            sandbox_clock,
            faults,
            authenticator,
            issuer,
            webhook_keys,
            admission,
            rates,
            streams,
            sink,
            journal,
            health,
        })))
    }
}

impl Parts {
    /// Says whether this is a sandbox that only this machine reaches: nothing in it is anybody's but its developer's.
    pub fn is_local_sandbox(&self) -> bool {
        self.sandbox_clock.is_some() && self.config.listen.ip().is_loopback()
    }

    /// Says how much of a logged call is shown.
    pub fn sight(&self) -> Sight {
        match self.is_local_sandbox() {
            true => Sight::Local,
            false => Sight::Masked,
        }
    }
}

/// Returns which database the settings name.
pub fn target(config: &Config) -> Target {
    match config.database_url.is_empty() {
        true => Target::Sqlite(config.sqlite_path()),
        false => Target::Postgres(config.database_url.expose().to_owned()),
    }
}

/// Returns the settings of a named sandbox of a server that has these. It publishes nothing: what many sandboxes would say
/// on one stream nobody could tell apart.
///
/// # Errors
/// When it is no name of a sandbox.
pub fn config_of_sandbox(config: &Config, name: &str) -> Result<Config, NamedError> {
    let mut own = config.clone();
    match target(config).named(name)? {
        Target::Sqlite(path) => own.data_dir = path.parent().map(Path::to_owned).unwrap_or_default(),
        Target::Postgres(url) => own.database_url = url.into(),
    }
    own.sink.url = config::Secret::default();
    Ok(own)
}

/// Returns the issuers that the settings trust beside the built-in one.
///
/// # Errors
/// The first entry of `issuers` that cannot be used, with its key.
pub fn trusted_issuers(config: &Config) -> anyhow::Result<Vec<TrustedIssuer>> {
    // Whoever trusts nobody else needs no client, which reads all certificates of the system.
    if config.issuers.is_empty() {
        return Ok(Vec::new());
    }
    Ok(TrustedIssuer::of_settings(&config.issuers, &auth::http_client()?)?)
}

/// Builds the client that calls receivers, as far as the settings let it.
///
/// # Errors
/// When the roots of trust of this machine cannot be read.
pub fn outbound(webhooks: &Webhooks) -> anyhow::Result<Outbound> {
    let reach = match (webhooks.allow_private_addresses, webhooks.allow_loopback_addresses) {
        (true, _) => Reach::Everywhere,
        (false, true) => Reach::Loopback,
        (false, false) => Reach::Public,
    };
    let guard = Guard { is_http_allowed: webhooks.allow_http, reach };
    let timeouts = Timeouts {
        connect: Duration::from_secs(webhooks.connect_timeout_secs),
        total: Duration::from_secs(webhooks.timeout_secs),
    };
    Ok(Outbound::new(guard, timeouts, Names::system())?)
}

/// Reads the templates of mails, and gets ready for the mail server.
///
/// # Errors
/// The first template that cannot be used, or what is wrong with the mail server's address.
pub fn mailing(config: &Config, public_url: &str) -> anyhow::Result<Mailing> {
    let (notices, smtp) = (&config.notices, &config.smtp);
    let folder = Some(notices.templates_dir.as_path()).filter(|it| !it.as_os_str().is_empty());
    let letters = Letters::open(folder, &notices.locale)?;
    let timeout = Duration::from_secs(smtp.timeout_secs);
    let postman = match smtp.url.is_empty() {
        true => None,
        false => Some(Postman::open(smtp.url.expose(), &smtp.from, timeout)?),
    };
    let link = match notices.link.as_str() {
        "" => format!("{public_url}/v1.0/engagements/referrals/{{id}}"),
        link => link.to_owned(),
    };
    Ok(Mailing { letters, postman, link })
}

fn feed_settings(config: &Config, limits: odata::Limits) -> feed::Settings {
    let webhooks = &config.webhooks;
    feed::Settings {
        resource_uri: match webhooks.resource_uri {
            ResourceUri::PartnerCenter => payload::ResourceUri::PartnerCenter,
            ResourceUri::Partner => payload::ResourceUri::Partner,
        },
        in_flight_max: webhooks.in_flight_max,
        in_flight_per_endpoint_max: webhooks.in_flight_per_endpoint_max,
        endpoints_max: webhooks.endpoints_max,
        keep_days: webhooks.keep_days,
        keep_dead_days: webhooks.keep_dead_days,
        notices_keep_days: config.notices.keep_days,
        notices_are_mailed: !config.smtp.url.is_empty(),
        limits,
    }
}

/// Returns what the settings say of the sink, with the operator's file read; `None` when there is none.
///
/// # Errors
/// When the file cannot be read.
pub fn sink_options(settings: &config::Sink) -> anyhow::Result<Option<sink::Options>> {
    if settings.url.is_empty() {
        return Ok(None);
    }
    let path = &settings.credentials_file;
    let credentials = match path.as_os_str().is_empty() {
        true => None,
        false => {
            let text = std::fs::read_to_string(path).with_context(|| {
                format!("sink.credentials_file: the file {} cannot be read", path.display())
            })?;
            Some(webhook::Secret::new(text))
        }
    };
    Ok(Some(sink::Options {
        url: webhook::Secret::new(settings.url.expose().to_owned()),
        credentials,
        stream: settings.stream.clone(),
        subject_prefix: settings.subject_prefix.clone(),
        payload: match settings.payload {
            SinkPayload::Thin => webhook::Payload::Thin,
            SinkPayload::Full => webhook::Payload::Full,
        },
        start: match settings.start {
            SinkStart::Beginning => sink::Start::Beginning,
            SinkStart::Now => sink::Start::Now,
        },
        keep: Duration::from_secs(u64::from(settings.keep_days) * 24 * 60 * 60),
        duplicate_window: Duration::from_secs(u64::from(settings.duplicate_window_minutes) * 60),
    }))
}

/// Returns what the settings say of the keys of webhooks, with the operator's files read.
///
/// # Errors
/// When a file cannot be read.
pub fn key_options(webhooks: &Webhooks, public_url: &str) -> anyhow::Result<KeyOptions> {
    let read = |key, path: &Path| {
        std::fs::read(path).with_context(|| format!("{key}: the file {} cannot be read", path.display()))
    };
    let supplied = match webhooks.certificate_file.as_os_str().is_empty() {
        true => None,
        false => Some((
            read("webhooks.certificate_file", &webhooks.certificate_file)?,
            read("webhooks.private_key_file", &webhooks.private_key_file)?,
        )),
    };
    let organization = webhooks.certificate_organization.clone();
    Ok(KeyOptions { organization, supplied, base_url: public_url.to_owned() })
}

fn settings(config: &Config, public_url: &str) -> Settings {
    let (rules, limits, queries) = (&config.rules, &config.limits, &config.queries);
    Settings {
        rules: Rules {
            text: TextLimits {
                name_chars_max: rules.name_chars_max,
                notes_chars_max: rules.notes_chars_max,
                text_chars_max: rules.text_chars_max,
            },
            require_deal_fields: rules.require_deal_fields,
            require_consent: rules.require_consent,
            expiration_days: rules.expiration_days.into(),
            strictness: match rules.close_from_new {
                true => Strictness::CloseFromNew,
                false => Strictness::Strict,
            },
        },
        json: JsonLimits { depth_max: limits.json_depth_max, array_items_max: limits.array_items_max },
        links: Links {
            base_url: public_url.to_owned(),
            quote_engagement_id: config.links.quote_engagement_id,
        },
        idempotency_keep_secs: i64::from(config.idempotency.keep_hours) * 60 * 60,
        queries: Queries {
            limits: odata::Limits {
                bytes_max: queries.option_bytes_max,
                nodes_max: queries.nodes_max,
                depth_max: queries.depth_max,
                in_max: queries.in_max,
                order_keys_max: queries.order_keys_max,
            },
            page_size_max: queries.page_size_max,
            budget: Duration::from_millis(queries.time_max_ms),
        },
        lives: Lives {
            idle_secs: i64::from(config.sessions.idle_hours) * 60 * 60,
            total_secs: i64::from(config.sessions.life_days) * 24 * 60 * 60,
        },
    }
}

#[cfg(test)]
impl App {
    /// Returns an app for tests of what stands before the store.
    ///
    /// The store lies in the returned folder, which is removed when it is dropped.
    pub(crate) async fn for_test(config: Config) -> (Self, tempfile::TempDir) {
        use crate::storage::{Mode, StoreOptions, Target};

        let folder = tempfile::tempdir().expect("the system has a temporary folder");
        let clock = Clock::fixed(Timestamp::default());
        let target = Target::Sqlite(folder.path().join("liaison.sqlite"));
        let store = Store::open(&StoreOptions { target, mode: Mode::ReadWrite }, clock.clone())
            .await
            .expect("an empty folder takes a database");
        store.migrate().await.expect("an empty database takes every migration");
        install_cryptography();
        let public_url = "http://localhost".to_owned();
        let app = Self::open(config, public_url, store, clock, system_random())
            .await
            .expect("the default settings trust nobody else");
        (app, folder)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Returns the clock of this machine.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
pub fn system_clock() -> Clock {
    Clock::new(|| {
        let since_1970 =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let ticks = since_1970.as_nanos() / 100;
        Timestamp::from_ticks(i64::try_from(ticks).unwrap_or(i64::MAX))
    })
}

/// Returns the random source of this process: a ChaCha generator for each thread, seeded by the system.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the random source")]
pub fn system_random() -> Random {
    Random::new(|buffer| rand::rng().fill_bytes(buffer))
}

/// Makes aws-lc the cryptography of every TLS connection in this process. Harmless when done twice.
pub fn install_cryptography() {
    // The only failure is that a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_past_2025() {
        assert!(system_clock().now() > Timestamp::parse("2025-01-01").unwrap());
    }

    #[test]
    fn random_ids_differ_and_are_version_4() {
        let random = system_random();
        let (one, other) = (random.uuid(), random.uuid());

        assert_ne!(one, other);
        assert_eq!(one.get_version_num(), 4);
    }
}
