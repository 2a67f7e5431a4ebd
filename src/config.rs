//! Settings, in layers: embedded defaults < sandbox < TOML file < environment < flags.
//!
//! `config/defaults.toml` is both the documentation and the default of every key: the structs here have no
//! defaults of their own, so a key cannot exist without a line there. Unknown keys are refused, so that a
//! spelling mistake does not silently leave a limit where it was.

mod sink;

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use config::{Environment, File, FileFormat};
use serde::{Deserialize, Serialize};

pub use self::sink::{Sink, SinkPayload, SinkStart};

/// The embedded, commented default file.
pub const DEFAULTS: &str = include_str!("config/defaults.toml");

/// Where a file is looked for when none is named.
pub const FILE_NAME: &str = "liaison.toml";

/// What the sandbox changes before the file, environment and flags have their say.
const SANDBOX: &str = "[limits]\nrate_per_organization_per_minute = 0\nrate_per_application_per_minute = 0\n\
     [webhooks]\nallow_http = true\nallow_loopback_addresses = true\n[requests]\nenabled = true\n";

/// The longest organisation that a certificate can name (RFC 5280, appendix A.1).
const CERTIFICATE_ORGANIZATION_CHARS_MAX: usize = 64;

/// What stands for a secret on screen.
const MASK: &str = "********";

/// Every setting.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the SQLite file, the lock and the admin key.
    pub data_dir: PathBuf,
    /// PostgreSQL; empty for the SQLite file.
    pub database_url: Secret,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where health, metrics and administration listen.
    pub ops_listen: SocketAddr,
    /// The address that clients use; empty to derive it from the listener.
    pub public_url: String,
    /// Host headers that are answered; empty for the usual ones.
    pub hosts_allowed: Vec<String>,
    /// Status of a successful create: 200 or 201.
    pub created_status: u16,
    /// How long a stopping server waits.
    pub shutdown_grace_secs: u64,
    /// Audiences beside the two of Partner Center.
    pub audiences_extra: Vec<String>,
    /// Issuers beside the built-in one; `auth` knows what one consists of.
    pub issuers: Vec<serde_json::Value>,
    /// What one request or caller may use up.
    pub limits: Limits,
    /// How large queries may be, and what they may cost.
    pub queries: Queries,
    /// Streams of changes.
    pub feed: Feed,
    /// Rules of the domain that an operator may switch.
    pub rules: Rules,
    /// How links are written.
    pub links: Links,
    /// How repeated requests are recognised.
    pub idempotency: Idempotency,
    /// Where webhooks may go, and what they are signed with.
    pub webhooks: Webhooks,
    /// Where every change is published.
    pub sink: Sink,
    /// What people are told.
    pub notices: Notices,
    /// Through which server mails go.
    pub smtp: Smtp,
    /// What a sandbox may hold.
    pub sandbox: Sandbox,
    /// How long people stay signed in to the dashboard.
    pub sessions: Sessions,
    /// The request log that callers read.
    pub requests: Requests,
    /// What is kept of what happened.
    pub audit: Audit,
    /// What is logged, and how.
    pub log: Log,
}

/// What one request or caller may use up.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Headers in a request.
    pub headers_max: usize,
    /// Bytes in the names and values of all headers.
    pub header_bytes_max: usize,
    /// Bytes in path and query.
    pub url_bytes_max: usize,
    /// Time for the head of a request.
    pub header_timeout_secs: u64,
    /// Time that a connection may stay without a request.
    pub idle_timeout_secs: u64,
    /// Time for the whole request.
    pub request_timeout_secs: u64,
    /// Bytes in a body.
    pub body_bytes_max: usize,
    /// Slowest body, after a grace of 5 seconds.
    pub body_bytes_per_sec_min: u64,
    /// Levels of nesting in a JSON body.
    pub json_depth_max: usize,
    /// Items in one array of a JSON body.
    pub array_items_max: usize,
    /// Requests in one batch.
    pub batch_requests_max: usize,
    /// Bytes of the answers in one batch, when the next request of it is made.
    pub batch_answers_bytes_max: usize,
    /// Connections at one time.
    pub connections_max: usize,
    /// Reading requests in flight.
    pub reads_max: usize,
    /// Writing requests in flight.
    pub writes_max: usize,
    /// Requests in a minute by one organisation; 0 for no limit.
    pub rate_per_organization_per_minute: u32,
    /// Requests in a minute by one application; 0 for no limit.
    pub rate_per_application_per_minute: u32,
}

/// How large queries may be, and what they may cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Queries {
    /// Referrals on a page.
    pub page_size_max: u32,
    /// Time that a query may take.
    pub time_max_ms: u64,
    /// Bytes of one option, such as `$filter`.
    pub option_bytes_max: usize,
    /// Nodes of one expression.
    pub nodes_max: usize,
    /// Levels of nesting of one expression.
    pub depth_max: usize,
    /// Values after `in`.
    pub in_max: usize,
    /// Keys of `$orderby`.
    pub order_keys_max: usize,
}

/// Streams of changes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Time between two signs of life.
    pub heartbeat_secs: u64,
    /// Streams on one server.
    pub streams_max: usize,
    /// Streams of one organisation on one server.
    pub streams_per_organization_max: usize,
}

/// Rules of the domain that an operator may switch.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Says whether a partner's deal needs name, value, currency, closing date, solution and team member.
    pub require_deal_fields: bool,
    /// Says whether the consent flags are needed.
    pub require_consent: bool,
    /// Days until an unanswered referral expires.
    pub expiration_days: u16,
    /// Says whether a referral can be won or lost before it was accepted.
    pub close_from_new: bool,
    /// Longest name, in characters.
    pub name_chars_max: usize,
    /// Longest notes, in characters.
    pub notes_chars_max: usize,
    /// Longest other text, in characters.
    pub text_chars_max: usize,
}

/// How links are written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// Says whether engagement ids in `$filter` links are quoted.
    pub quote_engagement_id: bool,
}

/// How repeated requests are recognised.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// Says whether `client-request-id` is a key too.
    pub use_client_request_id: bool,
    /// How long an answer can be replayed.
    pub keep_hours: u32,
}

/// What is kept of what happened.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// How long sign-ins, refusals, exports and administration are kept; 0: for ever.
    pub retention_days: u32,
}

/// Where webhooks may go, and what they are signed with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Says whether receivers may have plain http addresses.
    pub allow_http: bool,
    /// Says whether receivers may be on this machine.
    pub allow_loopback_addresses: bool,
    /// Says whether receivers may be anywhere, inside the operator's network too.
    pub allow_private_addresses: bool,
    /// Until a connection stands.
    pub connect_timeout_secs: u64,
    /// For a whole call.
    pub timeout_secs: u64,
    /// The organisation in the certificates that are made here.
    pub certificate_organization: String,
    /// The operator's certificate in PEM; empty for one that is made here.
    pub certificate_file: PathBuf,
    /// Its private key in PEM.
    pub private_key_file: PathBuf,
    /// The address of a referral in notifications.
    pub resource_uri: ResourceUri,
    /// Attempts in flight.
    pub in_flight_max: u32,
    /// Attempts in flight to one receiver.
    pub in_flight_per_endpoint_max: u32,
    /// Subscriptions of an organisation.
    pub endpoints_max: u32,
    /// How long what was taken is kept.
    pub keep_days: u32,
    /// How long what was given up is kept.
    pub keep_dead_days: u32,
}

/// What people are told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// How long they are kept.
    pub keep_days: u32,
    /// Where the links of mails lead; empty for the address of the referral.
    pub link: String,
    /// The language of mails to who has not chosen one.
    pub locale: String,
    /// The operator's own templates; empty for those that come with the program.
    pub templates_dir: PathBuf,
}

/// Through which server mails go.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Its address; empty for no mails.
    pub url: Secret,
    /// The sender.
    pub from: String,
    /// For a whole mail.
    pub timeout_secs: u64,
}

/// The address of a referral in notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceUri {
    /// Below the Partner Center API, as documented.
    PartnerCenter,
    /// Below the Partner API.
    Partner,
}

/// What a sandbox may hold.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Named sandboxes.
    pub sandboxes_max: usize,
}

/// How long people stay signed in to the dashboard.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Without doing anything there.
    pub idle_hours: u32,
    /// At the longest.
    pub life_days: u32,
}

/// The request log that callers read.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// Says whether there is one.
    pub enabled: bool,
    /// Calls of one application.
    pub calls_per_application_max: usize,
    /// Bytes of the calls of one application.
    pub bytes_per_application_max: usize,
    /// Bytes of one body, from its beginning.
    pub body_bytes_max: usize,
    /// Applications.
    pub applications_max: usize,
}

/// What is logged, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Lines for people or for programs.
    pub format: LogFormat,
    /// Directives as in `RUST_LOG`.
    pub filter: String,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A connection string; never shown with its password.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Where the layers above the defaults come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file that must exist; `None` takes `liaison.toml` if it is there.
    pub file: Option<PathBuf>,
    /// Says whether the sandbox's layer is put on the defaults.
    pub is_sandbox: bool,
    /// Flags: dotted key and text.
    pub overrides: Vec<(&'static str, String)>,
    /// Stands in for the process environment in tests.
    pub environment: Option<HashMap<String, String>>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A layer could not be read, has an unknown key or a value of the wrong kind.
    #[error(
        "the settings cannot be read: {0}; `liaison config --defaults` prints every key with its meaning"
    )]
    Unreadable(String),
    /// A value is of the right kind but makes no sense.
    #[error("{key} {problem}")]
    Invalid {
        /// Dotted key.
        key: &'static str,
        /// What is wrong and what would do.
        problem: String,
    },
}

impl Config {
    /// Reads all layers and checks the result.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if sources.is_sandbox {
            builder = builder.add_source(File::from_str(SANDBOX, FileFormat::Toml));
        }
        builder = match &sources.file {
            Some(path) => builder.add_source(File::from(path.as_path()).format(FileFormat::Toml)),
            None => {
                builder.add_source(File::from(Path::new(FILE_NAME)).format(FileFormat::Toml).required(false))
            }
        };
        builder = builder.add_source(
            Environment::with_prefix("LIAISON")
                .prefix_separator("__")
                .separator("__")
                .try_parsing(true)
                .list_separator(",")
                .with_list_parse_key("hosts_allowed")
                .with_list_parse_key("audiences_extra")
                .source(sources.environment.clone()),
        );
        for (key, value) in &sources.overrides {
            builder = builder.set_override(*key, value.as_str())?;
        }
        let config: Self = builder.build()?.try_deserialize()?;
        config.check()?;
        Ok(config)
    }

    /// Returns the path of the SQLite file.
    pub fn sqlite_path(&self) -> PathBuf {
        self.data_dir.join("liaison.sqlite")
    }

    /// Returns the address that clients use, without a slash at the end. `listening` is where the API really
    /// listens, which differs from the setting when that asks for port 0.
    pub fn public_url(&self, listening: SocketAddr) -> String {
        match self.public_url.trim_end_matches('/') {
            "" if listening.ip().is_unspecified() => format!("http://localhost:{}", listening.port()),
            "" => format!("http://{listening}"),
            url => url.to_owned(),
        }
    }

    /// Writes the settings as TOML, one dotted key a line, with the password of the database masked.
    pub fn to_toml(&self) -> Result<String, serde_json::Error> {
        let mut lines = String::new();
        flatten("", &serde_json::to_value(self)?, &mut lines);
        Ok(lines)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if !matches!(self.created_status, 200 | 201) {
            return invalid("created_status", format!("is {}; use 200 or 201", self.created_status));
        }
        self.check_public_url()?;
        self.webhooks.check()?;
        self.sink.check()?;
        self.notices.check()?;
        self.smtp.check()?;
        let (limits, queries) = (&self.limits, &self.queries);
        let positive = [
            ("limits.headers_max", limits.headers_max),
            ("limits.header_bytes_max", limits.header_bytes_max),
            ("limits.url_bytes_max", limits.url_bytes_max),
            ("limits.body_bytes_max", limits.body_bytes_max),
            ("limits.json_depth_max", limits.json_depth_max),
            ("limits.array_items_max", limits.array_items_max),
            ("limits.batch_requests_max", limits.batch_requests_max),
            ("limits.batch_answers_bytes_max", limits.batch_answers_bytes_max),
            ("limits.connections_max", limits.connections_max),
            ("limits.reads_max", limits.reads_max),
            ("limits.writes_max", limits.writes_max),
            ("queries.page_size_max", usize::try_from(queries.page_size_max).unwrap_or(usize::MAX)),
            ("queries.time_max_ms", usize::try_from(queries.time_max_ms).unwrap_or(usize::MAX)),
            ("queries.option_bytes_max", queries.option_bytes_max),
            ("queries.nodes_max", queries.nodes_max),
            ("queries.depth_max", queries.depth_max),
            ("requests.calls_per_application_max", self.requests.calls_per_application_max),
            ("requests.bytes_per_application_max", self.requests.bytes_per_application_max),
            ("requests.applications_max", self.requests.applications_max),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return invalid(key, "is 0, so nothing could be answered; use 1 or more".to_owned());
        }
        if limits.header_timeout_secs == 0
            || limits.idle_timeout_secs == 0
            || limits.request_timeout_secs == 0
        {
            return invalid("limits", "has a time of 0 seconds; use 1 or more".to_owned());
        }
        if self.sessions.idle_hours == 0 || self.sessions.life_days == 0 {
            return invalid(
                "sessions",
                "has a time of 0, in which nobody stays signed in; use 1 or more".to_owned(),
            );
        }
        if self.feed.heartbeat_secs == 0 {
            return invalid("feed.heartbeat_secs", "is 0; use 1 or more".to_owned());
        }
        Ok(())
    }

    fn check_public_url(&self) -> Result<(), ConfigError> {
        if self.public_url.is_empty() {
            return Ok(());
        }
        let is_base = url::Url::parse(&self.public_url).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if !is_base {
            let problem =
                format!("is \"{}\"; use an address such as https://referrals.example", self.public_url);
            return invalid("public_url", problem);
        }
        Ok(())
    }
}

impl Webhooks {
    fn check(&self) -> Result<(), ConfigError> {
        if self.connect_timeout_secs == 0 || self.timeout_secs == 0 {
            return invalid("webhooks", "has a time of 0 seconds; use 1 or more".to_owned());
        }
        if self.in_flight_max == 0 || self.in_flight_per_endpoint_max == 0 {
            let problem = "is 0, so nothing could be delivered; use 1 or more".to_owned();
            return invalid("webhooks.in_flight_max", problem);
        }
        let organization = &self.certificate_organization;
        let is_short = organization.chars().count() <= CERTIFICATE_ORGANIZATION_CHARS_MAX;
        if organization.trim().is_empty() || !is_short || organization.contains(char::is_control) {
            let problem = format!(
                "is {organization:?}; use a name of 1 to {CERTIFICATE_ORGANIZATION_CHARS_MAX} characters"
            );
            return invalid("webhooks.certificate_organization", problem);
        }
        let is_set = |path: &Path| !path.as_os_str().is_empty();
        match (is_set(&self.certificate_file), is_set(&self.private_key_file)) {
            (true, true) | (false, false) => Ok(()),
            (true, false) => {
                invalid("webhooks.private_key_file", "is missing beside certificate_file".to_owned())
            }
            (false, true) => {
                invalid("webhooks.certificate_file", "is missing beside private_key_file".to_owned())
            }
        }
    }
}

impl Notices {
    fn check(&self) -> Result<(), ConfigError> {
        let is_address = |text: &str| {
            let url = url::Url::parse(&text.replace("{id}", "0").replace("{engagementId}", "0"));
            url.is_ok_and(|it| matches!(it.scheme(), "http" | "https") && it.has_host())
        };
        let is_usable = self.link.is_empty() || is_address(&self.link) && self.link.contains("{id}");
        if !is_usable {
            let problem =
                format!("is \"{}\"; use an address such as https://crm.example/referrals/{{id}}", self.link);
            return invalid("notices.link", problem);
        }
        Ok(())
    }
}

impl Smtp {
    fn check(&self) -> Result<(), ConfigError> {
        if self.url.is_empty() {
            return Ok(());
        }
        // The text may hold a password, so no message shows it.
        let example = "use one such as smtps://user:password@mail.example or smtp://127.0.0.1:25";
        let Ok(url) = url::Url::parse(self.url.expose()) else {
            return invalid("smtp.url", format!("is no address; {example}"));
        };
        if !matches!(url.scheme(), "smtp" | "smtps") || url.host_str().is_none_or(str::is_empty) {
            return invalid("smtp.url", format!("names no mail server; {example}"));
        }
        let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_secured =
            url.scheme() == "smtps" || url.query_pairs().any(|it| it == ("tls".into(), "required".into()));
        if url.password().is_some() && !is_secured && !is_loopback {
            let problem =
                "would send the password where anybody can read it; use smtps://, or add ?tls=required";
            return invalid("smtp.url", problem.to_owned());
        }
        if !self.from.contains('@') || self.from.contains(char::is_control) {
            let problem =
                format!("is {:?}; use one such as \"Referrals <referrals@contoso.example>\"", self.from);
            return invalid("smtp.from", problem);
        }
        if self.timeout_secs == 0 {
            return invalid("smtp.timeout_secs", "is 0; use 1 or more".to_owned());
        }
        Ok(())
    }
}

impl From<config::ConfigError> for ConfigError {
    fn from(error: config::ConfigError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl Secret {
    /// Returns the text, for the one place that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Says whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text when it certainly holds no password. `None` for one that cannot be told apart too.
    pub fn without_password(&self) -> Option<&str> {
        let url = url::Url::parse(&self.0).ok()?;
        let is_plain = url.password().is_none() && url.query().is_none() && url.has_host();
        is_plain.then_some(self.0.as_str())
    }

    /// Returns the text with its password masked, or a mask where the password cannot be told apart.
    pub fn masked(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let Ok(mut url) = url::Url::parse(&self.0) else { return MASK.to_owned() };
        if url.query().is_some() || !url.has_host() {
            return MASK.to_owned();
        }
        if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
            return MASK.to_owned();
        }
        url.into()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

fn invalid(key: &'static str, problem: String) -> Result<(), ConfigError> {
    Err(ConfigError::Invalid { key, problem })
}

fn flatten(path: &str, value: &serde_json::Value, lines: &mut String) {
    let serde_json::Value::Object(members) = value else {
        lines.push_str(&format!("{path} = {}\n", inline(value)));
        return;
    };
    for (name, member) in members {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        flatten(&path, member, lines);
    }
}

/// Writes a value as TOML reads it; only tables differ from JSON.
fn inline(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(name, member)| format!("{name} = {}", inline(member))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests;
