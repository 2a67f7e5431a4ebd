//! The broker: NATS with JetStream, and the stream that takes what is published.

use std::time::Duration;

use async_nats::{
    Client, ConnectOptions, ServerAddr,
    jetstream::{
        self, ErrorCode,
        context::{ContextBuilder, GetStreamErrorKind},
        message::PublishMessage,
        stream,
    },
};

use super::{Options, event::Message};
use crate::tls;

/// How long the broker may take for a connection, and for each answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the broker does not take what it is given.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// An entry of the URL is no address; it is not told, because it may hold a password.
    #[error("sink.url: entry {0} is no address of a NATS server")]
    Address(usize),
    /// The credentials are no credentials of NATS.
    #[error(
        "sink.credentials_file: the file holds no credentials of NATS (a JWT and a seed, as nsc writes them)"
    )]
    Credentials(#[source] std::io::Error),
    /// No connection.
    #[error("the NATS server cannot be reached")]
    Connect(#[source] async_nats::ConnectError),
    /// The stream is not there, and cannot be made.
    #[error("the stream can be neither found nor made; is JetStream on, and may this user make streams?")]
    Stream(#[source] jetstream::context::CreateStreamError),
    /// Nothing is known of the stream.
    #[error("the NATS server does not tell of the stream; is JetStream on, and may this user ask?")]
    Unknown(#[source] jetstream::context::GetStreamError),
    /// The stream takes other subjects.
    #[error("the stream {stream:?} does not take {subjects:?}; it takes {taken:?}")]
    Subjects {
        /// Its name.
        stream: String,
        /// What is published.
        subjects: String,
        /// What it takes.
        taken: Vec<String>,
    },
    /// A message was not acknowledged.
    #[error("the broker did not acknowledge a message")]
    Publish(#[source] jetstream::context::PublishError),
}

/// A connection whose stream is there.
pub(super) struct Broker {
    context: jetstream::Context,
    client: Client,
    stream: String,
}

/// What came of some messages: how many of the first were taken, how many of those the broker had already, and what
/// came between.
pub(super) struct Taken {
    pub(super) count: usize,
    pub(super) repeated: usize,
    pub(super) error: Option<BrokerError>,
}

impl Broker {
    /// Connects, and makes the stream where it is missing.
    pub(super) async fn open(options: &Options) -> Result<Self, BrokerError> {
        let (client, context) = connect(options).await?;
        let found = context.get_or_create_stream(stream::Config {
            name: options.stream.clone(),
            description: Some("changes of referrals, as CloudEvents".to_owned()),
            subjects: vec![options.subjects()],
            max_age: options.keep,
            duplicate_window: options.duplicate_window,
            ..stream::Config::default()
        });
        check_subjects(options, &found.await.map_err(BrokerError::Stream)?.cached_info().config)?;
        Ok(Self { context, client, stream: options.stream.clone() })
    }

    /// Returns how many bytes a message may have, headers included.
    pub(super) fn message_bytes_max(&self) -> usize {
        self.client.server_info().max_payload
    }

    /// Publishes messages in their order. Those of one engagement go one after the other's acknowledgement, so that a
    /// later one is never taken while an earlier one is not.
    pub(super) async fn publish(&self, messages: &[Message]) -> Taken {
        let mut taken = Taken { count: 0, repeated: 0, error: None };
        while taken.error.is_none()
            && let Some(rest) = messages.get(taken.count..)
            && !rest.is_empty()
        {
            let wave = rest.get(..wave_length(rest)).unwrap_or(rest);
            self.publish_wave(wave, &mut taken).await;
        }
        taken
    }

    async fn publish_wave(&self, wave: &[Message], taken: &mut Taken) {
        let mut acknowledgements = Vec::with_capacity(wave.len());
        for message in wave {
            let publish = PublishMessage::build()
                .headers(message.headers.clone())
                .payload(message.payload.clone())
                .expected_stream(&self.stream);
            match self.context.send_publish(message.subject.clone(), publish).await {
                Ok(acknowledgement) => acknowledgements.push(acknowledgement),
                Err(error) => {
                    taken.error = Some(BrokerError::Publish(error));
                    break;
                }
            }
        }
        for acknowledgement in acknowledgements {
            match acknowledgement.await {
                Ok(it) => {
                    taken.count = taken.count.saturating_add(1);
                    taken.repeated = taken.repeated.saturating_add(usize::from(it.duplicate));
                }
                Err(error) => {
                    taken.error = Some(BrokerError::Publish(error));
                    return;
                }
            }
        }
    }
}

/// Says whether the stream is there; nothing is made.
pub(super) async fn has_stream(options: &Options) -> Result<bool, BrokerError> {
    let (_client, context) = connect(options).await?;
    match context.get_stream(&options.stream).await {
        Ok(stream) => check_subjects(options, &stream.cached_info().config).map(|()| true),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(it) if it.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(false),
            _ => Err(BrokerError::Unknown(error)),
        },
    }
}

async fn connect(options: &Options) -> Result<(Client, jetstream::Context), BrokerError> {
    let mut connect = ConnectOptions::new()
        .name("liaison")
        .connection_timeout(TIMEOUT)
        .request_timeout(Some(TIMEOUT))
        .tls_client_config(tls::client_config());
    if let Some(credentials) = &options.credentials {
        connect = connect.credentials(credentials.expose()).map_err(BrokerError::Credentials)?;
    }
    let client = connect.connect(addresses(options)?).await.map_err(BrokerError::Connect)?;
    let context = ContextBuilder::new().timeout(TIMEOUT).ack_timeout(TIMEOUT).build(client.clone());
    Ok((client, context))
}

fn check_subjects(options: &Options, found: &stream::Config) -> Result<(), BrokerError> {
    let subjects = options.subjects();
    if found.subjects.iter().any(|it| covers(it, &subjects)) {
        return Ok(());
    }
    Err(BrokerError::Subjects { stream: options.stream.clone(), subjects, taken: found.subjects.clone() })
}

fn addresses(options: &Options) -> Result<Vec<ServerAddr>, BrokerError> {
    let address = |(place, text): (usize, &str)| {
        text.trim().parse().map_err(|_| BrokerError::Address(place.saturating_add(1)))
    };
    options.url.expose().split(',').enumerate().map(address).collect()
}

/// Returns how many of the first messages are of engagements that are all different.
fn wave_length(messages: &[Message]) -> usize {
    let mut engagements = std::collections::HashSet::new();
    messages.iter().take_while(|it| engagements.insert(it.engagement_id)).count()
}

/// Says whether a subject of a stream takes everything that `subjects` (`prefix.>`) stands for.
fn covers(taken: &str, subjects: &str) -> bool {
    let mut wanted = subjects.split('.');
    for token in taken.split('.') {
        match (token, wanted.next()) {
            (">", Some(_)) => return true,
            ("*", Some(it)) if it != ">" => {}
            (token, Some(it)) if token == it => {}
            _ => return false,
        }
    }
    wanted.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_stream_takes_what_is_published_or_not() {
        for (taken, is_covered) in [
            ("liaison.>", true),
            (">", true),
            ("*.>", true),
            ("liaison.*.*", false),
            ("liaison.msft.>", false),
            ("orders.>", false),
            ("liaison", false),
        ] {
            assert_eq!(covers(taken, "liaison.>"), is_covered, "{taken}");
        }
    }
}
