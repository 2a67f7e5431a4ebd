//! The keys of a database: made at the first start, shared by its servers, renewed, and kept while somebody may still
//! ask for their certificates.
//!
//! The store is the truth. A server holds what it read last and reads again every few seconds ([`WebhookKeys::refresh`]),
//! so that all servers sign with a new key soon after one of them, or a command, made it. A certificate can be fetched
//! until [`KEEP_DAYS`] days after its successor was made; then whoever got hold of its key can no longer pass.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use tokio::task;

use super::{
    certificate::{self, CertificateError, Certified},
    signer::Signer,
};
use crate::{
    domain::{
        audit::{AuditAuthor, AuditEvent, Deed, Resource},
        sources::{Clock, Random},
        time::Timestamp,
    },
    storage::{KeyKind, Store, StoreError, WebhookKey},
};

/// How long a certificate can be fetched, and a pair signs, after there is a newer one.
pub const KEEP_DAYS: i64 = 30;
/// How long before its end a certificate that is made here is replaced.
const RENEW_DAYS: i64 = 60;
const DAY_SECS: i64 = 24 * 60 * 60;
/// A server may sign with an old key for some seconds after there is a newer one.
const SLACK_SECS: i64 = 60 * 60;

/// What is written down with a key, and the key under which it is once.
type Told<'a> = Option<(&'a AuditEvent, Option<String>)>;

/// What an operator decides about keys.
#[derive(Clone)]
pub struct KeyOptions {
    /// Written into the certificates that are made here.
    pub organization: String,
    /// Certificate and private key in PEM, if the operator brings them.
    pub supplied: Option<(Vec<u8>, Vec<u8>)>,
    /// Where the certificates are: the public address, without a slash at the end.
    pub base_url: String,
}

impl fmt::Debug for KeyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A private key may be among them.
        f.debug_struct("KeyOptions").field("organization", &self.organization).finish_non_exhaustive()
    }
}

/// Why there are no keys to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A key or its certificate cannot be made or read.
    #[error("the key that signs webhooks cannot be used")]
    Certificate(#[from] CertificateError),
    /// The store failed.
    #[error("the keys that sign webhooks cannot be read")]
    Store(#[from] StoreError),
    /// The store has no key of a kind, even after one was put there.
    #[error("the store holds no key to sign webhooks with")]
    NoKey,
}

/// What receivers need to know of the keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    /// Where the certificate is that Microsoft's signature goes with.
    pub certificate_url: String,
    /// When it ends.
    pub certificate_valid_until: Timestamp,
    /// Where the root is that signed it. `None` for a certificate that the operator supplies.
    pub root_url: Option<String>,
    /// Public halves for `v1a` of Standard Webhooks, newest first.
    pub public_keys: Vec<String>,
}

/// The keys of a database. Cheap to clone.
#[derive(Clone)]
pub struct WebhookKeys(Arc<Parts>);

struct Parts {
    store: Store,
    clock: Clock,
    random: Random,
    options: KeyOptions,
    held: ArcSwap<Held>,
}

/// What was read last.
struct Held {
    stored: Vec<WebhookKey>,
    signer: Arc<Signer>,
    /// The name of the certificate that the signer uses.
    current: String,
}

impl WebhookKeys {
    /// Reads the keys, after making those that are missing. Making them takes up to some seconds, once in the life of
    /// a database.
    ///
    /// # Errors
    /// When the operator's files do not do, or the database does not answer.
    pub async fn open(
        store: Store,
        clock: Clock,
        random: Random,
        options: KeyOptions,
    ) -> Result<Self, KeyError> {
        let stored = store.list_webhook_keys().await?;
        if newest(&stored, KeyKind::Pair).is_none() {
            insert_pair(&store, &random, clock.now(), 1, None).await?;
        }
        match &options.supplied {
            Some((certificates, private_key)) => {
                let certified = Certified::read_pem(certificates, private_key)?;
                insert_supplied(&store, clock.now(), &certified).await?;
            }
            None if newest(&stored, KeyKind::Leaf).is_none() => {
                insert_leaf(&store, &random, (clock.now(), 1), &options.organization, None).await?;
            }
            None => {}
        }
        Self::read(store, clock, random, options).await
    }

    /// Reads the keys, and makes none.
    ///
    /// # Errors
    /// When there are none, the operator's files do not do, or the database does not answer.
    pub async fn read(
        store: Store,
        clock: Clock,
        random: Random,
        options: KeyOptions,
    ) -> Result<Self, KeyError> {
        let stored = store.list_webhook_keys().await?;
        let held = ArcSwap::from_pointee(Held::read(stored, &options, clock.now())?);
        Ok(Self(Arc::new(Parts { store, clock, random, options, held })))
    }

    /// Returns what signs messages.
    pub fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.0.held.load().signer)
    }

    /// Returns what receivers need to know.
    ///
    /// # Errors
    /// When the certificate says no end.
    pub fn report(&self) -> Result<KeyReport, KeyError> {
        let held = self.0.held.load();
        let root = newest(&held.stored, KeyKind::Root).filter(|_| self.0.options.supplied.is_none());
        Ok(KeyReport {
            certificate_url: held.signer.certificate_url().to_owned(),
            certificate_valid_until: held.signer.valid_until()?,
            root_url: root.map(|it| certificate_url(&self.0.options.base_url, &it.name)),
            public_keys: held.signer.public_keys(),
        })
    }

    /// Reads what other servers and commands did.
    ///
    /// # Errors
    /// When the database does not answer; what was held is held on to.
    pub async fn reload(&self) -> Result<(), KeyError> {
        self.hold(self.0.store.list_webhook_keys().await?)
    }

    /// Reads what other servers and commands did, and replaces a certificate that is about to end. Called every few
    /// seconds by a server.
    ///
    /// # Errors
    /// When the database does not answer; what was held is held on to.
    pub async fn refresh(&self) -> Result<(), KeyError> {
        let Parts { store, clock, random, options, .. } = &*self.0;
        self.reload().await?;
        let held = self.0.held.load_full();
        let Some(leaf) = newest(&held.stored, KeyKind::Leaf).filter(|_| options.supplied.is_none()) else {
            return Ok(());
        };
        let renew_at = certificate::valid_until(&leaf.shown)?.plus_secs(-RENEW_DAYS * DAY_SECS);
        if renew_at > clock.now() {
            return Ok(());
        }
        let number = leaf.number.saturating_add(1);
        let (author, what) = (AuditAuthor::server("webhooks"), (Deed::Renew, Resource::WebhookKey));
        let event = AuditEvent::new((random.uuid(), clock.now()), None, author, what).on(number);
        let told = Some((&event, Some(format!("renew|{number}"))));
        insert_leaf(store, random, (clock.now(), number), &options.organization, told).await?;
        self.reload().await
    }

    /// Makes new keys and signs with them from here on; other servers follow within seconds. A certificate that the
    /// operator brings stays: its files are the operator's to replace.
    ///
    /// # Errors
    /// When the keys cannot be made or stored.
    pub async fn rotate(&self) -> Result<(), KeyError> {
        let Parts { store, clock, random, options, .. } = &*self.0;
        let stored = store.list_webhook_keys().await?;
        let next = |kind| newest(&stored, kind).map_or(1, |it| it.number.saturating_add(1));
        let (author, what) = (AuditAuthor::server("operator"), (Deed::Rotate, Resource::WebhookKey));
        let event = AuditEvent::new((random.uuid(), clock.now()), None, author, what);
        let event = event.on(next(KeyKind::Pair));
        insert_pair(store, random, clock.now(), next(KeyKind::Pair), Some((&event, None))).await?;
        if options.supplied.is_none() {
            let made = (clock.now(), next(KeyKind::Leaf));
            insert_leaf(store, random, made, &options.organization, None).await?;
        }
        self.reload().await
    }

    /// Returns a certificate in DER by its name, as long as it is needed: the root, the newest one, and those whose
    /// successor is no older than [`KEEP_DAYS`] days. `None` for every other name.
    ///
    /// # Errors
    /// When the database does not answer to the question for a name that is not known here yet.
    pub async fn find_certificate(&self, name: &str) -> Result<Option<Vec<u8>>, KeyError> {
        let held = self.0.held.load_full();
        if held.stored.iter().all(|it| it.name != name) {
            // Another server may have signed with it a moment ago.
            self.reload().await?;
        }
        let held = self.0.held.load_full();
        Ok(held.find_certificate(name, self.0.clock.now()))
    }

    fn hold(&self, stored: Vec<WebhookKey>) -> Result<(), KeyError> {
        let held = self.0.held.load();
        // How long an old pair signs depends on the time.
        let now = self.0.clock.now();
        if held.stored == stored && held.signing_pairs(now) == held.signer.public_keys().len() {
            return Ok(());
        }
        self.0.held.store(Arc::new(Held::read(stored, &self.0.options, now)?));
        Ok(())
    }
}

impl fmt::Debug for WebhookKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKeys(…)")
    }
}

impl Held {
    fn read(stored: Vec<WebhookKey>, options: &KeyOptions, now: Timestamp) -> Result<Self, KeyError> {
        let certified = match &options.supplied {
            Some((certificates, private_key)) => Certified::read_pem(certificates, private_key)?,
            None => read(newest(&stored, KeyKind::Leaf))?,
        };
        let current = certificate::name_of(&certified.certificate);
        let pairs = signing_pairs(&stored, now).map(read_pair).collect::<Result<_, _>>()?;
        let url = certificate_url(&options.base_url, &current);
        Ok(Self { stored, signer: Arc::new(Signer::new(certified, url, pairs)), current })
    }

    fn signing_pairs(&self, now: Timestamp) -> usize {
        signing_pairs(&self.stored, now).count()
    }

    fn find_certificate(&self, name: &str, now: Timestamp) -> Option<Vec<u8>> {
        let certificates = || {
            self.stored.iter().filter(|it| match it.kind {
                KeyKind::Leaf | KeyKind::Supplied => true,
                KeyKind::Root | KeyKind::Pair => false,
            })
        };
        let root = self.stored.iter().find(|it| it.kind == KeyKind::Root && it.name == name);
        let found = root.or_else(|| certificates().find(|it| it.name == name))?;
        let place = |it: &WebhookKey| (it.created, it.number);
        let successor = certificates().filter(|it| place(it) > place(found)).map(|it| it.created).min();
        let is_kept = successor.is_none_or(|it| is_kept(it, now));
        (root.is_some() || name == self.current || is_kept).then(|| found.shown.clone())
    }
}

fn certificate_url(base_url: &str, name: &str) -> String {
    format!("{base_url}/cert/{name}.cer")
}

/// Says whether what was replaced at `replaced` is still needed.
fn is_kept(replaced: Timestamp, now: Timestamp) -> bool {
    now <= replaced.plus_secs(KEEP_DAYS * DAY_SECS + SLACK_SECS)
}

/// Returns the newest pair, and those before it that receivers may still know alone.
fn signing_pairs(stored: &[WebhookKey], now: Timestamp) -> impl Iterator<Item = &WebhookKey> {
    let mut pairs: Vec<_> = stored.iter().filter(|it| it.kind == KeyKind::Pair).collect();
    pairs.sort_by_key(|it| std::cmp::Reverse(it.number));
    let mut successor = None;
    pairs.into_iter().take_while(move |it| successor.replace(it.created).is_none_or(|at| is_kept(at, now)))
}

fn newest(stored: &[WebhookKey], kind: KeyKind) -> Option<&WebhookKey> {
    stored.iter().filter(|it| it.kind == kind).max_by_key(|it| it.number)
}

fn read(key: Option<&WebhookKey>) -> Result<Certified, KeyError> {
    let key = key.ok_or(KeyError::NoKey)?;
    let secret = key.secret.as_deref().ok_or(KeyError::NoKey)?;
    Ok(Certified::read(key.shown.clone(), secret)?)
}

fn read_pair(key: &WebhookKey) -> Result<Ed25519KeyPair, KeyError> {
    let seed = key.secret.as_deref().ok_or(KeyError::NoKey)?;
    let pair = Ed25519KeyPair::from_seed_and_public_key(seed, &key.shown);
    pair.map_err(|_| CertificateError::Key.into())
}

/// Makes the pair of a number, unless another server did.
async fn insert_pair(
    store: &Store,
    random: &Random,
    now: Timestamp,
    number: i64,
    told: Told<'_>,
) -> Result<(), KeyError> {
    let seed: [u8; 32] = random.bytes();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| CertificateError::Key)?;
    let shown = pair.public_key().as_ref().to_vec();
    let name = certificate::name_of(&shown);
    let key =
        WebhookKey { kind: KeyKind::Pair, number, name, shown, secret: Some(seed.to_vec()), created: now };
    Ok(store.insert_told_webhook_key(key, told).await?)
}

/// Makes the certificate of a number, and the root when there is none, unless another server did.
async fn insert_leaf(
    store: &Store,
    random: &Random,
    (now, number): (Timestamp, i64),
    organization: &str,
    told: Told<'_>,
) -> Result<(), KeyError> {
    let make_root = {
        let (organization, random) = (organization.to_owned(), random.clone());
        move || Certified::root(&organization, now, &random)
    };
    if newest(&store.list_webhook_keys().await?, KeyKind::Root).is_none() {
        insert_certified(store, (KeyKind::Root, 1), now, apart(make_root).await?, None).await?;
    }
    // Whichever root came first signs.
    let root = read(newest(&store.list_webhook_keys().await?, KeyKind::Root))?;
    let (organization, random) = (organization.to_owned(), random.clone());
    let leaf = apart(move || root.leaf(&organization, now, &random)).await?;
    insert_certified(store, (KeyKind::Leaf, number), now, leaf, told).await
}

async fn insert_certified(
    store: &Store,
    (kind, number): (KeyKind, i64),
    now: Timestamp,
    certified: Certified,
    told: Told<'_>,
) -> Result<(), KeyError> {
    let secret = Some(certified.secret()?);
    let (name, shown) = (certificate::name_of(&certified.certificate), certified.certificate);
    let key = WebhookKey { kind, number, name, shown, secret, created: now };
    Ok(store.insert_told_webhook_key(key, told).await?)
}

/// Notes the certificate of an operator, so that it can be fetched from every server, and for some time after it was
/// replaced.
async fn insert_supplied(store: &Store, now: Timestamp, certified: &Certified) -> Result<(), KeyError> {
    let name = certificate::name_of(&certified.certificate);
    let mut stored = store.list_webhook_keys().await?;
    // Another server may take the number at the same time; then the next one is tried.
    while stored.iter().all(|it| it.name != name) {
        let number = newest(&stored, KeyKind::Supplied).map_or(1, |it| it.number.saturating_add(1));
        let (shown, name) = (certified.certificate.clone(), name.clone());
        let key = WebhookKey { kind: KeyKind::Supplied, number, name, shown, secret: None, created: now };
        store.insert_webhook_key(key).await?;
        stored = store.list_webhook_keys().await?;
    }
    Ok(())
}

/// Makes a key on a thread of its own: that takes long enough to hold up others.
async fn apart(
    make: impl FnOnce() -> Result<Certified, CertificateError> + Send + 'static,
) -> Result<Certified, KeyError> {
    Ok(task::spawn_blocking(make).await.map_err(|_| CertificateError::Key)??)
}
