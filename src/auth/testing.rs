//! The world of the unit tests: one organisation, one person, one application, two keys.

use std::{
    slice,
    sync::{Arc, LazyLock},
};

use reqwest::Client;
use uuid::Uuid;

use super::{
    issuer::{
        mint::{ClientProof, Mint, SignIn},
        signing::{self, SigningKeys},
    },
    remote_keys,
};
use crate::{
    domain::{
        organization::{Application, Location, LocationScope, Organization, OrganizationId, Role, User},
        sources::{Clock, Random},
        time::Timestamp,
    },
    storage::{Mode, NewOrganization, Principal, SigningKey, Store, StoreOptions, Target},
};

/// Where the issuer of the tests is.
pub(crate) const BASE_URL: &str = "https://liaison.example";
/// The time in the tests, in seconds.
pub(crate) const NOW_SECS: i64 = 1_795_338_000;
/// The secret of [`application`].
pub(crate) const SECRET: &str = "client secret";

const TENANT_ID: Uuid = Uuid::from_u128(0x0a11_ce00_0000_4000_8000_0000_0000_0001);

/// The key of the built-in issuer. Making one is slow in a debug build: all tests share these two.
pub(crate) static STORED_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| signing::generate(Timestamp::from_unix_secs(NOW_SECS)).unwrap());
/// A key of somebody else.
pub(crate) static FOREIGN_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| signing::generate(Timestamp::from_unix_secs(NOW_SECS)).unwrap());

/// Returns a clock that stands still.
pub(crate) fn clock() -> Clock {
    Clock::fixed(Timestamp::from_unix_secs(NOW_SECS))
}

/// Returns a random source that counts.
pub(crate) fn random() -> Random {
    let count = std::sync::atomic::AtomicU8::new(0);
    Random::new(move |buffer| buffer.fill(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
}

/// Returns the keys of the built-in issuer.
pub(crate) fn signing_keys() -> SigningKeys {
    SigningKeys::read(slice::from_ref(&*STORED_KEY)).unwrap()
}

/// Returns a mint with those keys.
pub(crate) fn mint() -> Mint {
    mint_at(clock())
}

/// Returns a mint with another clock.
pub(crate) fn mint_at(clock: Clock) -> Mint {
    Mint::new(BASE_URL.to_owned(), Arc::new(signing_keys()), clock, random())
}

/// Returns the client that fetches keys.
pub(crate) fn http_client() -> Client {
    // Another test may have installed it already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    remote_keys::http_client().unwrap()
}

/// Returns the organisation.
pub(crate) fn organization() -> Organization {
    Organization {
        id: OrganizationId::from(TENANT_ID),
        tenant_id: TENANT_ID,
        name: "Contoso".to_owned(),
        domain: Some("contoso.example".to_owned()),
    }
}

/// Returns an organisation that has nothing to do with the others.
pub(crate) fn other_organization() -> Organization {
    let tenant_id = Uuid::from_u128(77);
    Organization { id: OrganizationId::from(tenant_id), tenant_id, name: "Other".to_owned(), domain: None }
}

/// Returns the person.
pub(crate) fn principal() -> Principal {
    let user = User {
        id: Uuid::from_u128(0x0b0b_0000_0000_4000_8000_0000_0000_0002),
        organization_id: organization().id,
        email: "bob@contoso.example".to_owned(),
        name: "Bob".to_owned(),
        password_hash: Some("$argon2id$".to_owned()),
        subject: None,
        roles: vec![Role::ReferralsUser],
        locations: LocationScope::EntireCompany,
    };
    Principal { user, organization: organization() }
}

/// Returns the application, whose secret is [`SECRET`].
pub(crate) fn application() -> Application {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, SECRET.as_bytes());
    Application {
        id: Uuid::from_u128(0x0a99_0000_0000_4000_8000_0000_0000_0003),
        organization_id: organization().id,
        name: "Connector".to_owned(),
        secret_hash: Some(digest.as_ref().try_into().unwrap()),
        redirect_uris: vec!["https://crm.example/back".to_owned(), "http://localhost".to_owned()],
    }
}

/// Returns a sign-in of `principal` through [`application`].
pub(crate) fn sign_in(principal: &Principal) -> SignIn<'_> {
    SignIn {
        principal,
        application_id: application().id,
        proof: ClientProof::Secret,
        methods: &[],
        nonce: None,
    }
}

/// The password of the stored people.
pub(crate) const PASSWORD: &str = "correct horse";

/// Returns a store in `folder` with the signing key, the organisation, its person (who has [`PASSWORD`]) and
/// its application, and the other organisation with a person and an application of its own.
pub(crate) async fn store(folder: &std::path::Path) -> Store {
    let store = empty_store(folder).await;
    store.insert_first_signing_key(STORED_KEY.clone()).await.unwrap();

    let mut user = principal().user;
    user.password_hash = Some(cheap_hash(PASSWORD));
    store.insert_organization(new_organization(organization(), application(), user.clone())).await.unwrap();
    let other = other_organization();
    let mut stranger = user;
    stranger.id = Uuid::from_u128(78);
    stranger.organization_id = other.id.clone();
    stranger.email = "eve@other.example".to_owned();
    let mut application = application();
    application.id = Uuid::from_u128(79);
    application.organization_id = other.id.clone();
    application.secret_hash = None;
    store.insert_organization(new_organization(other, application, stranger)).await.unwrap();
    store
}

/// Returns a store in `folder` with nothing in it.
pub(crate) async fn empty_store(folder: &std::path::Path) -> Store {
    let target = Target::Sqlite(folder.join("liaison.db"));
    let store = Store::open(&StoreOptions { target, mode: Mode::ReadWrite }, clock()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn new_organization(organization: Organization, application: Application, user: User) -> NewOrganization {
    let location = Location {
        id: organization.tenant_id,
        organization_id: organization.id.clone(),
        mpn_id: "1".to_owned(),
        name: "Seat".to_owned(),
        is_default: true,
    };
    NewOrganization {
        organization,
        locations: vec![location],
        solutions: Vec::new(),
        applications: vec![application],
        users: vec![user],
    }
}

/// Hashes with so little work that a debug build does not mind.
fn cheap_hash(password: &str) -> String {
    use argon2::{Argon2, Params, PasswordHasher, password_hash::phc::PasswordHash};
    let argon2 = Argon2::from(Params::new(8, 1, 1, None).unwrap());
    let hash: PasswordHash = argon2.hash_password_with_salt(password.as_bytes(), &[7; 16]).unwrap();
    hash.to_string()
}
