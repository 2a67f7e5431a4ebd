//! Tests of the layers of settings.

use std::io::Write as _;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> Option<HashMap<String, String>> {
    Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn defaults_are_those_of_the_embedded_file() {
    let config = Config::load(&Sources { environment: environment(&[]), ..Sources::default() }).unwrap();

    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.limits.body_bytes_max, 1_048_576);
    assert_eq!(config.created_status, 200);
}

#[test]
fn later_layers_win() {
    let file = file("listen = \"127.0.0.1:1\"\n[limits]\nreads_max = 1\nwrites_max = 1\nurl_bytes_max = 1\n");
    let sources = Sources {
        file: Some(file.path().to_owned()),
        environment: environment(&[
            ("LIAISON__LIMITS__WRITES_MAX", "2"),
            ("LIAISON__LISTEN", "127.0.0.1:2"),
            ("LIAISON__HOSTS_ALLOWED", "a.example,b.example"),
        ]),
        overrides: vec![("listen", "127.0.0.1:3".to_owned())],
        is_sandbox: false,
    };

    let config = Config::load(&sources).unwrap();

    assert_eq!((config.limits.reads_max, config.limits.writes_max), (1, 2));
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.hosts_allowed, ["a.example", "b.example"]);
}

#[test]
fn one_allowed_host_in_the_environment_is_a_list_of_one() {
    let sources =
        Sources { environment: environment(&[("LIAISON__HOSTS_ALLOWED", "*")]), ..Sources::default() };

    assert_eq!(Config::load(&sources).unwrap().hosts_allowed, ["*"]);
}

#[test]
fn the_sandbox_has_no_rate_limit_unless_one_is_set() {
    let mut sources = Sources { is_sandbox: true, environment: environment(&[]), ..Sources::default() };
    let without = Config::load(&sources).unwrap();
    sources.environment = environment(&[("LIAISON__LIMITS__RATE_PER_APPLICATION_PER_MINUTE", "7")]);
    let with = Config::load(&sources).unwrap();

    assert_eq!(without.limits.rate_per_application_per_minute, 0);
    assert_eq!(with.limits.rate_per_application_per_minute, 7);
}

#[test]
fn an_unknown_key_is_named() {
    let file = file("[limits]\nbody_bytes_maximum = 1\n");
    let sources =
        Sources { file: Some(file.path().to_owned()), environment: environment(&[]), ..Sources::default() };

    let error = Config::load(&sources).unwrap_err().to_string();

    assert!(error.contains("body_bytes_maximum"), "{error}");
}

#[test]
fn a_missing_file_is_refused_when_it_was_named() {
    let sources = Sources { file: Some("no/such.toml".into()), ..Sources::default() };

    let error = Config::load(&sources).unwrap_err().to_string();

    assert!(error.contains("no/such.toml"), "{error}");
}

#[test]
fn a_senseless_value_is_named_with_what_would_do() {
    for (key, value) in [
        ("created_status", "204"),
        ("public_url", "referrals.example"),
        ("notices.link", "https://crm.example/"),
        ("smtp.url", "https://mail.example"),
        ("smtp.url", "smtp://liaison:hunter2@mail.example"),
        ("smtp.url", "smtp://liaison:hunter2@"),
    ] {
        let sources = Sources {
            environment: environment(&[]),
            overrides: vec![(key, value.to_owned())],
            ..Sources::default()
        };

        let error = Config::load(&sources).unwrap_err().to_string();

        assert!(error.starts_with(key) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_password_is_never_shown() {
    let sources = Sources {
        environment: environment(&[]),
        overrides: vec![("database_url", "postgres://liaison:hunter2@db/liaison".to_owned())],
        ..Sources::default()
    };
    let config = Config::load(&sources).unwrap();

    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(config.to_toml().unwrap().contains("postgres://liaison:********@db/liaison"));
    assert_eq!(Secret::from("host=db password=hunter2".to_owned()).masked(), MASK);
}

#[test]
fn what_is_printed_can_be_read_again() {
    let issuer = serde_json::json!({"audiences": ["a"]});
    let mut config = Config::load(&Sources { environment: environment(&[]), ..Sources::default() }).unwrap();
    config.issuers.push(issuer);
    let file = file(&config.to_toml().unwrap());

    let again = Config::load(&Sources {
        file: Some(file.path().to_owned()),
        environment: environment(&[]),
        ..Sources::default()
    })
    .unwrap();

    assert_eq!(again.to_toml().unwrap(), config.to_toml().unwrap());
    assert_eq!(again.issuers[0]["audiences"][0], "a");
}

#[test]
fn the_public_url_follows_the_listener() {
    let mut config = Config::load(&Sources { environment: environment(&[]), ..Sources::default() }).unwrap();

    assert_eq!(config.public_url("127.0.0.1:9".parse().unwrap()), "http://127.0.0.1:9");
    assert_eq!(config.public_url("0.0.0.0:9".parse().unwrap()), "http://localhost:9");
    config.public_url = "https://referrals.example/".to_owned();
    assert_eq!(config.public_url("0.0.0.0:9".parse().unwrap()), "https://referrals.example");
}

#[test]
fn a_sandbox_calls_receivers_on_this_machine_and_a_server_does_not() {
    let load = |is_sandbox| {
        let sources = Sources { is_sandbox, environment: environment(&[]), ..Sources::default() };
        let webhooks = Config::load(&sources).unwrap().webhooks;
        (webhooks.allow_http, webhooks.allow_loopback_addresses, webhooks.allow_private_addresses)
    };

    assert_eq!(load(false), (false, false, false));
    assert_eq!(load(true), (true, true, false));
}

#[test]
fn a_certificate_comes_with_its_key_and_a_name_that_it_can_have() {
    let problem = |key: &str, value: &str| {
        let sources = Sources { environment: environment(&[(key, value)]), ..Sources::default() };
        Config::load(&sources).unwrap_err().to_string()
    };

    assert_eq!(
        problem("LIAISON__WEBHOOKS__CERTIFICATE_FILE", "a.pem"),
        "webhooks.private_key_file is missing beside certificate_file"
    );
    assert_eq!(
        problem("LIAISON__WEBHOOKS__PRIVATE_KEY_FILE", "a.pem"),
        "webhooks.certificate_file is missing beside private_key_file"
    );
    assert_eq!(
        problem("LIAISON__WEBHOOKS__CERTIFICATE_ORGANIZATION", " "),
        "webhooks.certificate_organization is \" \"; use a name of 1 to 64 characters"
    );
    assert!(problem("LIAISON__WEBHOOKS__TIMEOUT_SECS", "0").contains("0 seconds"));
}

#[test]
fn a_sink_that_no_broker_would_take_is_refused_without_its_password() {
    let refused = |pairs: &[(&str, &str)]| {
        let sources = Sources { environment: environment(pairs), ..Sources::default() };
        Config::load(&sources).unwrap_err().to_string()
    };
    let url = ("LIAISON__SINK__URL", "nats://broker:4222");

    let wrong = refused(&[("LIAISON__SINK__URL", "tls://a:4222,http://user:tops3cret@b")]);
    assert!(wrong.starts_with("sink.url has no address of a NATS server as entry 2"), "{wrong}");
    assert!(wrong.contains("nats://host:4222") && !wrong.contains("tops3cret"), "{wrong}");
    for (key, value, named) in [
        ("LIAISON__SINK__STREAM", "a.b", "sink.stream is \"a.b\""),
        ("LIAISON__SINK__SUBJECT_PREFIX", "a..b", "sink.subject_prefix is \"a..b\""),
        ("LIAISON__SINK__DUPLICATE_WINDOW_MINUTES", "0", "sink.duplicate_window_minutes is 0"),
    ] {
        let wrong = refused(&[url, (key, value)]);
        assert!(wrong.starts_with(named), "{wrong}");
    }
}
