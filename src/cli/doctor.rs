//! `liaison doctor`: looks at everything a server needs, says what is wrong and how to mend it.
//!
//! It changes nothing, and works beside a running server. The exit code is 1 when something fails.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::ExitCode,
};

use super::{access, out};
use crate::{
    app::{key_options, lock::Holder, mailing, sink_options, system_clock, trusted_issuers},
    config::{Config, Sources},
    domain::organization::Role,
    feed::{
        signature::certificate::{self, Certified},
        sink,
    },
    storage::{Mode, Store, StoreError},
};

/// Older versions can lose committed data in WAL mode.
const SQLITE_VERSION_MIN: [u32; 3] = [3, 51, 3];
const POSTGRES_VERSION_MIN: [u32; 3] = [14, 0, 0];
const CERTIFICATE_WARN_SECS: i64 = 30 * 24 * 60 * 60;
const MIB: u64 = 1024 * 1024;
const DISK_WARN_BYTES: u64 = 1024 * MIB;
const DISK_FAIL_BYTES: u64 = 64 * MIB;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// What one check found.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    subject: &'static str,
    finding: String,
    /// How to mend it; empty when there is nothing to mend.
    remedy: String,
}

fn ok(subject: &'static str, finding: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Ok, subject, finding: finding.into(), remedy: String::new() }
}

fn warn(subject: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Warn, subject, finding: finding.into(), remedy: remedy.into() }
}

fn fail(subject: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Fail, subject, finding: finding.into(), remedy: remedy.into() }
}

/// Prints every finding.
pub(super) async fn run(sources: &Sources) -> anyhow::Result<ExitCode> {
    let findings = match Config::load(sources) {
        Ok(config) => examine(&config).await,
        Err(error) => {
            vec![fail(
                "settings",
                error.to_string(),
                "mend the file, the environment or the flag that says so",
            )]
        }
    };
    let mut out = out();
    for it in &findings {
        let word = match it.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        writeln!(out, "{word}  {:12}  {}", it.subject, it.finding)?;
        if !it.remedy.is_empty() {
            writeln!(out, "                    -> {}", it.remedy)?;
        }
    }
    Ok(match findings.iter().any(|it| it.verdict == Verdict::Fail) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Looks at templates and the mail server's address; nothing is asked of the mail server.
fn mail(config: &Config) -> Option<Finding> {
    match mailing(config, "") {
        Err(error) => Some(fail("mail", format!("{error:#}"), "mend smtp or notices in the settings")),
        Ok(it) => it.postman.map(|_| {
            let finding = "the address of the mail server and every template can be used";
            Finding {
                remedy: "liaison notices send-test ADDRESS tries it out".to_owned(),
                ..ok("mail", finding)
            }
        }),
    }
}

async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![ok("settings", "can be read, and every key is known")];
    findings.push(public_url(config));
    findings.extend(issuers(config));
    findings.extend(webhook_certificate(config));
    findings.extend(sink(config).await);
    findings.extend(mail(config));
    findings.extend(data_dir(&config.data_dir));
    let holder = match (config.database_url.is_empty(), access::running_server(config)) {
        (true, Ok(holder)) => {
            findings.push(lock(holder.as_ref()));
            holder
        }
        (true, Err(error)) => {
            findings.push(fail("lock", format!("{error:#}"), "run this as the server's user"));
            None
        }
        (false, _) => None,
    };
    findings.push(port("listen", config.listen, holder.as_ref().map(|it| it.base_url.as_str())));
    findings.push(port("ops_listen", config.ops_listen, holder.as_ref().map(|it| it.ops_url.as_str())));
    findings.extend(database(config).await);
    findings
}

fn public_url(config: &Config) -> Finding {
    let subject = "public_url";
    if config.public_url.is_empty() {
        let url = config.public_url(config.listen);
        return match config.listen.ip().is_loopback() {
            true => ok(subject, format!("not set; {url} is used")),
            false => warn(
                subject,
                format!("not set; links and tokens will say {url}, which other machines cannot use"),
                "set public_url to the address that clients use",
            ),
        };
    }
    let is_loopback = url::Url::parse(&config.public_url).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    });
    match is_loopback || config.public_url.starts_with("https://") {
        true => ok(subject, &config.public_url),
        false => warn(
            subject,
            format!("{} is not https, so tokens travel in the clear", config.public_url),
            "put a TLS proxy in front, and write https:// into public_url",
        ),
    }
}

/// Looks at the issuers of the settings, if there are any; nothing is fetched.
fn issuers(config: &Config) -> Option<Finding> {
    let subject = "issuers";
    match trusted_issuers(config) {
        Err(error) => Some(fail(subject, format!("{error:#}"), "correct the key in the settings")),
        Ok(trusted) if trusted.is_empty() => None,
        Ok(trusted) => Some(ok(subject, format!("{} beside the built-in one", trusted.len()))),
    }
}

/// Looks at the operator's certificate; one that is made here looks after itself.
fn webhook_certificate(config: &Config) -> Option<Finding> {
    let subject = "webhooks";
    let ends = key_options(&config.webhooks, "").and_then(|options| {
        let Some((certificates, private_key)) = options.supplied else { return Ok(None) };
        let certified = Certified::read_pem(&certificates, &private_key)?;
        Ok(Some(certificate::valid_until(&certified.certificate)?))
    });
    let remedy =
        "replace webhooks.certificate_file and webhooks.private_key_file, and start the server again";
    Some(match ends {
        Err(error) => fail(subject, format!("{error:#}"), "correct the files that the settings name"),
        Ok(ends) => {
            let ends = ends?;
            let now = system_clock().now();
            match (ends <= now, ends <= now.plus_secs(CERTIFICATE_WARN_SECS)) {
                (true, _) => fail(subject, format!("the certificate ended at {ends}"), remedy),
                (false, true) => warn(subject, format!("the certificate ends at {ends}"), remedy),
                (false, false) => ok(subject, format!("the certificate is valid until {ends}")),
            }
        }
    })
}

/// Looks at the broker that changes are published to, if there is one.
async fn sink(config: &Config) -> Option<Finding> {
    let subject = "sink";
    let options = match sink_options(&config.sink) {
        Ok(options) => options?,
        Err(error) => return Some(fail(subject, format!("{error:#}"), "correct the key in the settings")),
    };
    let stream = &options.stream;
    Some(match sink::has_stream(&options).await {
        Ok(true) => ok(subject, format!("the stream {stream} is there and takes what is published")),
        Ok(false) => {
            warn(subject, format!("there is no stream {stream} yet"), "`liaison serve` makes it, if it may")
        }
        Err(error) => {
            let mut finding = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                finding = format!("{finding}: {cause}");
                source = cause.source();
            }
            let remedy = "start the NATS server (with JetStream: -js), or correct [sink]; until then changes wait in \
                          the log";
            fail(subject, finding, remedy)
        }
    })
}

/// Looks at the folder of the SQLite file and of the admin key; with PostgreSQL, of the admin key alone.
fn data_dir(data_dir: &Path) -> Vec<Finding> {
    let subject = "data folder";
    let shown = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    if !data_dir.is_dir() {
        let remedy = "`liaison serve` makes it; or name another with --data";
        return vec![warn(subject, format!("{} is not there", shown.display()), remedy)];
    }
    let probe = data_dir.join(format!(".liaison-doctor-{}", std::process::id()));
    let writable = match std::fs::write(&probe, "probe").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => ok(subject, format!("{} can be written", shown.display())),
        Err(error) => fail(
            subject,
            format!("{} cannot be written: {error}", shown.display()),
            "give the folder to the user that runs Liaison (chown), or name another with --data",
        ),
    };
    vec![writable, disk(data_dir)]
}

fn disk(data_dir: &Path) -> Finding {
    let subject = "disk";
    let free = match rustix::fs::statvfs(data_dir) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return warn(subject, format!("free space is not known: {error}"), "look with df"),
    };
    let finding = format!("{} MiB are free", free / MIB);
    match free {
        free if free < DISK_FAIL_BYTES => fail(subject, finding, "free some space, or move the data folder"),
        free if free < DISK_WARN_BYTES => warn(subject, finding, "plan for more before it is full"),
        _ => ok(subject, finding),
    }
}

fn lock(holder: Option<&Holder>) -> Finding {
    match holder {
        None => ok("lock", "no server is running on these data"),
        Some(Holder { pid, base_url, .. }) if base_url.is_empty() => {
            ok("lock", format!("process {pid} is using these data"))
        }
        Some(Holder { pid, base_url, .. }) => {
            ok("lock", format!("a server (process {pid}) answers at {base_url}"))
        }
    }
}

fn port(subject: &'static str, address: SocketAddr, held_url: Option<&str>) -> Finding {
    let is_ours = held_url
        .and_then(|it| url::Url::parse(it).ok())
        .is_some_and(|it| it.port_or_known_default() == Some(address.port()));
    match TcpListener::bind(address) {
        Ok(_) => ok(subject, format!("{address} is free")),
        Err(_) if is_ours => ok(subject, format!("{address} belongs to the server on these data")),
        Err(error) => fail(
            subject,
            format!("{address} cannot be listened on: {error}"),
            format!("stop the program that listens there, or set {subject} to another address"),
        ),
    }
}

async fn database(config: &Config) -> Vec<Finding> {
    let subject = "database";
    if config.database_url.is_empty() && !config.sqlite_path().exists() {
        let finding = format!("{} is not there yet", config.sqlite_path().display());
        return vec![warn(subject, finding, "`liaison serve` or `liaison migrate` makes it")];
    }
    let store = match access::open(config, Mode::ReadOnly).await {
        Ok(store) => store,
        Err(error) => {
            let remedy = match config.database_url.is_empty() {
                true => "check who owns the file; if it is damaged, restore the newest backup",
                false => "check host, database, user and password in database_url, and that PostgreSQL runs",
            };
            return vec![fail(subject, format!("{error:#}"), remedy)];
        }
    };
    let mut findings = vec![engine(config, &store).await, durability(&store).await];
    match store.check_schema().await {
        Ok(()) => {
            findings.push(ok("schema", "has what this program needs"));
            findings.extend(contents(&store).await);
        }
        // What the schema lacks cannot be looked at, and says nothing that this does not.
        Err(error) => findings.push(schema(&error)),
    }
    findings
}

async fn engine(config: &Config, store: &Store) -> Finding {
    let (subject, least) = match config.database_url.is_empty() {
        true => ("database", SQLITE_VERSION_MIN),
        false => ("database", POSTGRES_VERSION_MIN),
    };
    match store.engine_version().await {
        Err(error) => fail(subject, format!("does not answer: {error}"), "see that it runs"),
        Ok(version) if parse_version(&version) < least => {
            let [major, minor, patch] = least;
            fail(subject, format!("{version} is too old"), format!("use {major}.{minor}.{patch} or later"))
        }
        Ok(version) => ok(subject, format!("{version} answers")),
    }
}

async fn durability(store: &Store) -> Finding {
    let subject = "durability";
    match store.synchronous_commit().await {
        Ok(None) => ok(subject, "every commit waits for the disk"),
        Ok(Some(setting)) if matches!(setting.as_str(), "on" | "remote_apply") => {
            ok(subject, format!("synchronous_commit is {setting}"))
        }
        Ok(Some(setting)) => fail(
            subject,
            format!("synchronous_commit is {setting}: a power failure can lose answered writes"),
            "ALTER DATABASE … SET synchronous_commit = on",
        ),
        Err(error) => fail(subject, format!("is not known: {error}"), "see that the database runs"),
    }
}

/// Says what a schema lacks. A newer one lacks nothing: migrations only add.
fn schema(error: &StoreError) -> Finding {
    let subject = "schema";
    let remedy = "run `liaison migrate`; `liaison serve` does the same when it starts";
    match error {
        StoreError::Schema { found: 0, .. } => warn(subject, "not migrated yet", remedy),
        StoreError::Schema { found, needed } => {
            warn(subject, format!("version {found}; this program's is {needed}"), remedy)
        }
        error => fail(subject, format!("cannot be read: {error}"), "see that the database answers"),
    }
}

async fn contents(store: &Store) -> Vec<Finding> {
    let key = match store.list_signing_keys().await {
        Ok(keys) if keys.is_empty() => {
            warn("signing key", "there is none yet", "`liaison serve` makes one when it starts")
        }
        Ok(keys) => ok("signing key", format!("{} present", keys.len())),
        Err(error) => fail("signing key", format!("cannot be read: {error}"), "run `liaison migrate`"),
    };
    vec![key, people(store).await]
}

async fn people(store: &Store) -> Finding {
    let subject = "people";
    let organizations = match store.list_organizations().await {
        Ok(organizations) => organizations,
        Err(error) => return fail(subject, format!("cannot be read: {error}"), "run `liaison migrate`"),
    };
    if organizations.is_empty() {
        let remedy = "`liaison org add NAME` adds one; `liaison serve --sandbox` starts with three";
        return warn(subject, "there is no organization yet", remedy);
    }
    for organization in &organizations {
        let users = store.list_users(&organization.id).await.unwrap_or_default();
        let may_refer = |role: &Role| matches!(role, Role::ReferralsAdmin | Role::ReferralsUser);
        if users.iter().any(|it| it.roles.iter().any(may_refer)) {
            let finding = format!("{} organizations, and a user with a Referrals role", organizations.len());
            return ok(subject, finding);
        }
    }
    warn(
        subject,
        format!("{} organizations, but nobody has a Referrals role", organizations.len()),
        "`liaison user add --organization … --email … --name … --role referrals-admin` adds someone",
    )
}

/// Reads the numbers of a version; what is missing is 0.
fn parse_version(text: &str) -> [u32; 3] {
    let mut numbers = text.split(|it: char| !it.is_ascii_digit()).filter_map(|it| it.parse().ok());
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::install_cryptography;

    fn config() -> Config {
        Config::load(&Sources { environment: Some(Default::default()), ..Sources::default() }).unwrap()
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(parse_version("3.9.2") < SQLITE_VERSION_MIN);
        assert!(parse_version("3.53.1") >= SQLITE_VERSION_MIN);
        assert!(parse_version("PostgreSQL 17.2 (Debian 17.2-1)") >= POSTGRES_VERSION_MIN);
    }

    #[test]
    fn a_public_address_without_tls_is_a_warning() {
        let mut config = config();
        let mut verdict = |url: &str| {
            config.public_url = url.to_owned();
            public_url(&config).verdict
        };

        assert_eq!(verdict("http://referrals.example"), Verdict::Warn);
        assert_eq!(verdict("https://referrals.example"), Verdict::Ok);
        assert_eq!(verdict("http://[::1]:8080"), Verdict::Ok);
    }

    #[test]
    fn a_wrong_issuer_fails_with_its_key_and_none_is_no_finding() {
        install_cryptography();
        let mut config = config();
        let without = issuers(&config);
        config.issuers.push(serde_json::json!({"issuer": "https://a.example", "audience": []}));
        let wrong = issuers(&config).unwrap();

        assert!(without.is_none());
        assert_eq!(wrong.verdict, Verdict::Fail);
        assert!(wrong.finding.contains("entry 1 of issuers"), "{}", wrong.finding);
        assert!(wrong.finding.contains("audience"), "{}", wrong.finding);
    }

    #[test]
    fn an_empty_database_is_no_failure() {
        let empty = schema(&StoreError::Schema { found: 0, needed: 1 });

        assert_eq!((empty.verdict, empty.finding.as_str()), (Verdict::Warn, "not migrated yet"));
        assert!(empty.remedy.contains("liaison migrate"));
    }

    #[test]
    fn a_port_that_is_taken_fails_unless_it_is_ours() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();

        assert_eq!(port("listen", address, None).verdict, Verdict::Fail);
        assert_eq!(port("listen", address, Some(&format!("http://{address}"))).verdict, Verdict::Ok);
    }

    #[test]
    fn a_missing_data_folder_is_said_and_a_full_line_names_the_remedy() {
        let findings = data_dir(Path::new("/no/such/folder"));

        assert_eq!(findings[0].verdict, Verdict::Warn);
        assert!(findings[0].remedy.contains("--data"));
    }
}
