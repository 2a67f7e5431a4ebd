//! Settings of the sink.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret, invalid};

/// The longest name of a stream that brokers take.
const STREAM_CHARS_MAX: usize = 255;

/// Where every change is published.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// Addresses of NATS servers; empty for no sink.
    pub url: Secret,
    /// JWT and seed, as `nsc` writes them; empty for none.
    pub credentials_file: PathBuf,
    /// The stream.
    pub stream: String,
    /// What subjects begin with.
    pub subject_prefix: String,
    /// Whether documents are published.
    pub payload: SinkPayload,
    /// Where the log is begun with the first time.
    pub start: SinkStart,
    /// How long a stream that is made here keeps messages, in days; 0 for ever.
    pub keep_days: u32,
    /// How long a stream that is made here knows the ids of messages, in minutes.
    pub duplicate_window_minutes: u32,
}

/// What is published of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SinkPayload {
    /// Ids and what was done.
    Thin,
    /// The document too.
    Full,
}

/// Where the log is begun with the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SinkStart {
    /// With its first change.
    Beginning,
    /// With the next one.
    Now,
}

impl Sink {
    /// Checks what a broker would refuse later.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.url.is_empty() {
            return Ok(());
        }
        // What is wrong is not quoted: it may hold a password.
        let wrong = self.url.expose().split(',').position(|it| !is_address(it.trim()));
        if let Some(place) = wrong {
            let problem = format!(
                "has no address of a NATS server as entry {}; write nats://host:4222, tls://host:4222 for TLS, and \
                 commas between the servers of a cluster",
                place.saturating_add(1)
            );
            return invalid("sink.url", problem);
        }
        if !is_token(&self.stream) || self.stream.chars().count() > STREAM_CHARS_MAX {
            let problem = format!(
                "is {:?}; use 1 to {STREAM_CHARS_MAX} letters, digits, hyphens and underscores",
                self.stream
            );
            return invalid("sink.stream", problem);
        }
        if !self.subject_prefix.split('.').all(is_token) {
            let problem = format!(
                "is {:?}; use letters, digits, hyphens and underscores, with dots between parts",
                self.subject_prefix
            );
            return invalid("sink.subject_prefix", problem);
        }
        if self.duplicate_window_minutes == 0 {
            let problem = "is 0, so what is published again would be stored again; use 1 or more".to_owned();
            return invalid("sink.duplicate_window_minutes", problem);
        }
        let kept_minutes = u64::from(self.keep_days) * 24 * 60;
        if kept_minutes != 0 && kept_minutes < u64::from(self.duplicate_window_minutes) {
            let problem = format!(
                "is {}, longer than messages are kept; use {kept_minutes} or less, or more keep_days",
                self.duplicate_window_minutes
            );
            return invalid("sink.duplicate_window_minutes", problem);
        }
        Ok(())
    }
}

fn is_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "nats" | "tls")
            && url.has_host()
            // A token in its place would not be masked.
            && (url.username().is_empty() || url.password().is_some())
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_'))
}
