//! What proves who sent a message: certificates and where they are, signatures, and what happens to both when keys change.

use aws_lc_rs::signature::{ED25519, ED25519_PUBLIC_KEY_LEN, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use liaison::{
    feed::signature::{HeaderMode, KeyOptions, Message, Secret, WebhookKeys, certificate::Certified},
    storage::Mode,
};
use rstest::rstest;
use x509_cert::{Certificate, der::Decode as _};

use crate::world::*;

const DAY_SECS: i64 = 24 * 60 * 60;
const BODY: &[u8] = br#"{"EventName":"test-created","ResourceName":"test"}"#;

/// Returns the path of an address that this server gave.
fn path_of(url: &str) -> &str {
    url.strip_prefix(PUBLIC_URL).unwrap()
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("no {name} in {headers:?}")).to_str().unwrap()
}

/// Fetches a certificate as a receiver does. `None` when it is not there.
async fn fetch(server: &Server, url: &str) -> Option<Certificate> {
    let answer = server.get_anonymously(path_of(url)).await;
    match answer.status {
        StatusCode::OK => Some(Certificate::from_der(&answer.body).unwrap()),
        StatusCode::NOT_FOUND => None,
        status => panic!("{status} at {url}"),
    }
}

/// Verifies a signature with the key of a certificate.
fn verify(certificate: &Certificate, signed: &[u8], signature: &[u8]) -> bool {
    let key = certificate.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed, signature).is_ok()
}

/// Does what a receiver does with headers as Partner Center sends them.
async fn is_genuine(server: &Server, headers: &HeaderMap, name: &str) -> bool {
    let signature = STANDARD.decode(value(headers, name).strip_prefix("Signature ").unwrap()).unwrap();
    let certificate = fetch(server, value(headers, "x-ms-certificate-url")).await;
    certificate.is_some_and(|it| verify(&it, BODY, &signature))
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_receiver_verifies_the_bytes_with_the_certificate_that_is_named(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let signer = world.app.webhook_keys.signer();

    for (mode, name, other) in [
        (HeaderMode::Authorization, "authorization", "x-ms-signature"),
        (HeaderMode::MsSignature, "x-ms-signature", "authorization"),
    ] {
        let headers = signer.sign_as_microsoft(BODY, mode).unwrap();

        assert!(is_genuine(&world, &headers, name).await);
        assert_eq!(value(&headers, "x-ms-signature-algorithm"), "rsa-sha256");
        assert!(!headers.contains_key(other));
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_certificate_is_der_that_may_be_kept_and_chains_to_the_root(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let report = world.app.webhook_keys.report().unwrap();

    let answer = world.get_anonymously(path_of(&report.certificate_url)).await;
    assert_eq!(answer.header("content-type"), "application/pkix-cert");
    assert_eq!(answer.header("cache-control"), "public, max-age=86400");
    let leaf = Certificate::from_der(&answer.body).unwrap();
    let root = fetch(&world, report.root_url.as_deref().unwrap()).await.unwrap();

    assert_eq!(leaf.tbs_certificate.subject.to_string(), "CN=Liaison webhooks,O=Exchange\\, Inc.");
    let signed = x509_cert::der::Encode::to_der(&leaf.tbs_certificate).unwrap();
    assert!(verify(&root, &signed, leaf.signature.raw_bytes()));
    for path in ["/cert/nobody.cer", path_of(&report.certificate_url).trim_end_matches(".cer"), "/cert/.cer"]
    {
        assert_eq!(world.get_anonymously(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_an_old_key_signed_can_be_verified_for_30_days(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let keys = &world.app.webhook_keys;
    let old = keys.signer();
    let signed = old.sign_as_microsoft(BODY, HeaderMode::Authorization).unwrap();

    world.advance_secs(60);
    keys.rotate().await.unwrap();

    let new = keys.signer();
    assert_ne!(new.certificate_url(), old.certificate_url());
    let fresh = new.sign_as_microsoft(BODY, HeaderMode::Authorization).unwrap();
    world.advance_secs(30 * DAY_SECS);
    assert!(is_genuine(&world, &signed, "authorization").await);
    assert!(is_genuine(&world, &fresh, "authorization").await);
    world.advance_secs(DAY_SECS);
    assert!(!is_genuine(&world, &signed, "authorization").await);
    assert!(is_genuine(&world, &fresh, "authorization").await);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn servers_of_one_database_know_each_others_keys(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let replica = world.replica().await;
    assert_eq!(replica.app.webhook_keys.report().unwrap(), world.app.webhook_keys.report().unwrap());

    world.advance_secs(60);
    world.app.webhook_keys.rotate().await.unwrap();

    // The replica has not read the keys again, and serves the certificate all the same.
    let headers = world.app.webhook_keys.signer().sign_as_microsoft(BODY, HeaderMode::Authorization).unwrap();
    assert!(is_genuine(&replica, &headers, "authorization").await);
    replica.app.webhook_keys.refresh().await.unwrap();
    assert_eq!(replica.app.webhook_keys.report().unwrap(), world.app.webhook_keys.report().unwrap());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn first_starts_at_one_time_agree_on_one_key(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.database.execute("DELETE FROM webhook_keys").await;
    let open = async || {
        let options = KeyOptions {
            organization: "Exchange".to_owned(),
            supplied: None,
            base_url: PUBLIC_URL.to_owned(),
        };
        let context = &world.app.context;
        let store = world.open_store(Mode::ReadWrite).await;
        WebhookKeys::open(store, context.clock.clone(), context.random.clone(), options).await.unwrap()
    };

    let (one, other) = tokio::join!(open(), open());

    assert_eq!(one.report().unwrap(), other.report().unwrap());
    assert_eq!(world.database.count("webhook_keys").await, 3);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_certificate_is_replaced_before_it_ends(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let keys = &world.app.webhook_keys;
    let first = keys.report().unwrap();

    world.set_time(first.certificate_valid_until.plus_secs(-61 * DAY_SECS));
    keys.refresh().await.unwrap();
    assert_eq!(keys.report().unwrap().certificate_url, first.certificate_url);
    world.set_time(first.certificate_valid_until.plus_secs(-59 * DAY_SECS));
    keys.refresh().await.unwrap();

    let second = keys.report().unwrap();
    assert_ne!(second.certificate_url, first.certificate_url);
    assert!(second.certificate_valid_until > first.certificate_valid_until);
    assert_eq!((second.root_url, second.public_keys), (first.root_url, first.public_keys));
}

/// Writes DER as an operator's tools write it.
pub(crate) fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)).into_bytes()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_supplied_certificate_signs_and_every_server_has_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let context = &world.app.context;
    let (now, random) = (context.clock.now(), context.random.clone());
    let supplied = Certified::root("Operator", now, &random).unwrap();
    let other = Certified::root("Operator", now, &random).unwrap();
    let open = async |certificate: &Certified, key: &Certified| {
        let files =
            (pem("CERTIFICATE", &certificate.certificate), pem("PRIVATE KEY", &key.secret().unwrap()));
        let options = KeyOptions {
            organization: "Exchange".to_owned(),
            supplied: Some(files),
            base_url: PUBLIC_URL.to_owned(),
        };
        WebhookKeys::open(context.store.clone(), context.clock.clone(), random.clone(), options).await
    };

    let keys = open(&supplied, &supplied).await.unwrap();

    assert_eq!(keys.report().unwrap().root_url, None);
    let headers = keys.signer().sign_as_microsoft(BODY, HeaderMode::Authorization).unwrap();
    assert!(is_genuine(&world, &headers, "authorization").await);
    let stored = context.store.list_webhook_keys().await.unwrap();
    assert!(stored.iter().all(|it| Some(supplied.secret().unwrap()) != it.secret));
    let error = open(&supplied, &other).await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(why, "the private key is not that of the first certificate in the file");
}

/// Verifies `v1a` as a receiver does that knows one public key.
fn is_signed_for(headers: &HeaderMap, public_key: &str) -> bool {
    let key = STANDARD.decode(public_key.strip_prefix("whpk_").unwrap()).unwrap();
    assert_eq!(key.len(), ED25519_PUBLIC_KEY_LEN);
    let content = [value(headers, "webhook-id"), ".", value(headers, "webhook-timestamp"), "."].concat();
    let content = [content.as_bytes(), BODY].concat();
    let mut signatures =
        value(headers, "webhook-signature").split(' ').filter_map(|it| it.strip_prefix("v1a,"));
    signatures.any(|it| {
        UnparsedPublicKey::new(&ED25519, &key).verify(&content, &STANDARD.decode(it).unwrap()).is_ok()
    })
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_message_is_signed_for_every_active_secret_and_for_old_and_new_public_keys(
    #[case] backend: Backend,
) {
    let world = World::open(backend).await;
    let keys = &world.app.webhook_keys;
    let secrets = [Secret::generate(&world.app.context.random), Secret::generate(&world.app.context.random)];
    let message = Message { id: "msg_1", timestamp_secs: 1_795_338_000, body: BODY };
    let before = keys.report().unwrap().public_keys;

    world.advance_secs(60);
    keys.rotate().await.unwrap();

    let during = keys.report().unwrap().public_keys;
    assert_eq!((before.len(), during.len(), &during[1]), (1, 2, &before[0]));
    let headers = keys.signer().sign_as_standard(&message, &secrets).unwrap();
    let count = |version| {
        value(&headers, "webhook-signature").split(' ').filter(|it| it.starts_with(version)).count()
    };
    assert_eq!((count("v1,"), count("v1a,")), (2, 2));
    assert!(during.iter().all(|it| is_signed_for(&headers, it)));
    world.advance_secs(31 * DAY_SECS);
    keys.refresh().await.unwrap();
    assert_eq!(keys.report().unwrap().public_keys, during[..1]);
}
