//! The keys of webhooks, as operators see and renew them.

use liaison::{app::system_random, domain::time::Timestamp, feed::signature::certificate::Certified};
use rstest::rstest;
use serde_json::Value;

use super::{Place, curl};
use crate::{
    outbound::{Receiver, says},
    signatures::pem,
    world::*,
};

fn report(place: &Place, command: &str) -> Value {
    serde_json::from_str(&place.ok(&["webhook-key", command, "--json"])).unwrap()
}

fn status(url: &Value) -> u16 {
    curl(&[url.as_str().unwrap(), "-o", "/dev/null"]).unwrap().0
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn keys_are_renewed_beside_a_running_server_which_serves_old_and_new(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let early = place.run(&["webhook-key", "show"]);
    assert!(!early.status.success(), "there is nothing to show yet");
    let server = place.serve(&["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);

    let before = report(&place, "show");
    assert_eq!((status(&before["certificateUrl"]), status(&before["rootUrl"])), (200, 200));
    let after = report(&place, "rotate");

    assert_ne!(after["certificateUrl"], before["certificateUrl"]);
    assert_eq!(after["rootUrl"], before["rootUrl"]);
    assert_eq!(after["publicKeys"][1], before["publicKeys"][0]);
    assert_eq!((status(&before["certificateUrl"]), status(&after["certificateUrl"])), (200, 200));
    assert_eq!(report(&place, "show"), after);
    let text = place.ok(&["webhook-key", "show"]);
    assert!(text.contains(after["certificateUrl"].as_str().unwrap()));
    assert!(text.contains(after["publicKeys"][1].as_str().unwrap()));
    server.stop();
}

#[tokio::test]
async fn an_operators_certificate_is_used_and_a_wrong_one_is_refused_at_the_start() {
    let place = Place::new(Backend::Sqlite).await;
    let folder = place.data_dir();
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Certified::root("Operator", Timestamp::parse(START).unwrap(), &system_random()).unwrap();
    std::fs::write(&certificate, pem("CERTIFICATE", &made.certificate)).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", &made.secret().unwrap())).unwrap();
    let settings = format!(
        "[webhooks]\ncertificate_file = '''{}'''\nprivate_key_file = '''{}'''\n",
        certificate.display(),
        key.display()
    );
    std::fs::write(folder.parent().unwrap().join("liaison.toml"), &settings).unwrap();

    let server = place.serve(&["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);

    let report = report(&place, "show");
    assert_eq!((status(&report["certificateUrl"]), &report["rootUrl"]), (200, &Value::Null));
    let healthy = place.ok(&["doctor"]);
    assert!(healthy.contains("the certificate is valid until 2046-"), "{healthy}");
    server.stop();
    std::fs::write(&key, "no key").unwrap();
    let refused = place.run(&["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("no PEM with a private key"), "{why}");
    let sick = String::from_utf8(place.run(&["doctor"]).stdout).unwrap();
    assert!(sick.contains("FAIL  webhooks"), "{sick}");
}

#[tokio::test(flavor = "multi_thread")]
async fn test_events_are_sent_where_the_settings_let_them_and_refusals_are_told() {
    let place = Place::new(Backend::Sqlite).await;
    place.serve(&["--sandbox", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]).stop();
    let taking = Receiver::start(says("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")).await;
    let refusing =
        Receiver::start(says("HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 9\r\n\r\nbad token"))
            .await;
    let send = |url: &str, secret: &str| {
        let output = place.run(&["webhook-key", "send-test", url, "--secret", secret, "--count", "2"]);
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    let (is_sent, said) = send(&taking.url(), secret);
    assert!(!is_sent && said.contains("has the scheme http; use https"), "{said}");
    let settings = "[webhooks]\nallow_http = true\nallow_loopback_addresses = true\n";
    std::fs::write(place.folder.path().join("liaison.toml"), settings).unwrap();

    assert_eq!(send(&taking.url(), secret), (true, "2 signed events were sent and taken.\n".to_owned()));
    assert_eq!(taking.connections(), 2);
    let proxy = Receiver::start(says("HTTP/1.1 200 OK\r\n\r\n")).await;
    let mut command = place.command(&["webhook-key", "send-test", &taking.url()]);
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(variable, proxy.url());
    }
    assert!(command.output().unwrap().status.success());
    assert_eq!((taking.connections(), proxy.connections()), (3, 0), "a proxy would see what was not judged");
    let (is_sent, said) = send(&refusing.url(), secret);
    assert!(!is_sent && said.contains("event 1 was answered 401: bad token"), "{said}");
    let (is_sent, said) = send(&taking.url(), "whsec_short");
    assert!(!is_sent && said.contains("write whsec_ and 24 to 64 random bytes in base64"), "{said}");
}
