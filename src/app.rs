//! What one process holds, and the only place that reads the system's clock and random source.
//!
//! [`App`] is built once at start and cloned into every handler; a clone is one atomic addition.

mod admission;
mod clock;
mod health;
mod rate;
mod streams;

use std::{ops::Deref, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use rand::Rng as _;

pub use self::{
    admission::{Admission, Class, Permit},
    clock::ServerClock,
    health::Health,
    rate::{RateLimits, RateState, Throttled},
    streams::{StreamPlace, Streams, StreamsFull},
};
use crate::{
    auth::{self, Authenticator, Issuer, TokenVerifier, TrustedIssuer},
    config::{Config, ResourceUri, Webhooks},
    domain::{
        json::JsonLimits,
        lifecycle::Strictness,
        referral::draft::TextLimits,
        sources::{Clock, MovableClock, Random},
        time::Timestamp,
        validation::Rules,
        view::Links,
        webhook::payload,
    },
    feed::{
        self, Bell, Feed,
        address::{Guard, Reach},
        outbound::{Names, Outbound, Timeouts},
        signature::{KeyOptions, WebhookKeys},
    },
    service::{Context, Queries, Settings, seal::Seal},
    storage::Store,
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
        let feed = Feed {
            store: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            links: settings.links.clone(),
            outbound: outbound(&config.webhooks)?,
            keys: webhook_keys.clone(),
            bell: Bell::default(),
            settings: feed_settings(&config.webhooks, settings.queries.limits),
        };
        let context = Context { store, clock, random, seal, feed, settings };
        let health = Health::default();
        Ok(Self(Arc::new(Parts {
            config,
            public_url,
            context,
            sandbox_clock,
            authenticator,
            issuer,
            webhook_keys,
            admission,
            rates,
            streams,
            health,
        })))
    }
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

fn feed_settings(webhooks: &Webhooks, limits: odata::Limits) -> feed::Settings {
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
        limits,
    }
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
