//! What operators ask, on an address of its own: health, metrics, and administration by an operator.
//!
//! `/livez` says that the process answers; `/readyz` says whether it should get work, and why not.
//! `POST /admin/…` is how the command line changes things while this process holds the SQLite file; it needs
//! the key that lies in the data folder, so whoever can read the folder may administer.

use std::{io, path::Path, sync::Arc, time::Duration};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{error::ApiError, gate::note_refusal, limits::read_body};
use crate::{
    app::App,
    domain::{actor::Auditor, audit::AuditAuthor, sources::Random, time::Timestamp},
    feed::sink::{Sink, State as SinkState},
    service::{
        Context,
        administration::{self, Tools},
        audit::{self, ExportFormat, ExportRequest, Kinds, Span},
    },
    telemetry,
};

/// The file in the data folder that holds the admin key.
pub const ADMIN_KEY_FILE: &str = "admin-key";

/// How long the database may take to answer the readiness check.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// What the handlers of the operations address share.
#[derive(Clone)]
struct Ops {
    app: App,
    admin_key: Arc<str>,
}

/// Returns the routes of the operations address.
pub fn router(app: App, admin_key: String) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/admin/organizations", post(add_organization))
        .route("/admin/users", post(add_user))
        .route("/admin/changes", post(change))
        .route("/admin/webhook-key", post(rotate_webhook_key))
        .route("/admin/audit/exports", post(note_export))
        .fallback(async || ApiError::new(StatusCode::NOT_FOUND, "there is nothing at this path"))
        .with_state(Ops { app, admin_key: admin_key.into() })
}

/// Reads the admin key of a data folder; makes it the first time, readable by the owner alone.
pub fn load_admin_key(data_dir: &Path, random: &Random) -> io::Result<String> {
    let path = data_dir.join(ADMIN_KEY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(key) if !key.trim().is_empty() => return Ok(key.trim().to_owned()),
        Ok(_) => (),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(error),
    }
    let key = URL_SAFE_NO_PAD.encode(random.bytes::<32>());
    write_private(&path, &key)?;
    Ok(key)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;

    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// What the readiness check found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    status: &'static str,
    checks: Checks,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checks {
    /// The database answers and, on SQLite, the writer takes work.
    database: &'static str,
    draining: bool,
    /// Of the sink, if there is one. A broker that is away is no reason to send requests elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    sink: Option<SinkCheck>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SinkCheck {
    /// What this process does: it publishes, it cannot, or it leaves it to another one.
    state: &'static str,
    /// Changes in the log that are not published yet, whoever publishes.
    behind: Option<u64>,
}

async fn live() -> &'static str {
    "live\n"
}

async fn ready(State(ops): State<Ops>) -> Response {
    let store = &ops.app.context.store;
    let both = async { store.ping().await.and(store.ping_writer().await) };
    let answer = tokio::time::timeout(PING_TIMEOUT, both).await;
    let is_database_ok = matches!(answer, Ok(Ok(())));
    let is_draining = ops.app.health.is_draining();
    let (status, word) = match (is_database_ok, is_draining) {
        (true, false) => (StatusCode::OK, "ready"),
        (true, true) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let sink = match &ops.app.sink {
        Some(sink) => Some(check_sink(sink, is_database_ok).await),
        None => None,
    };
    let database = if is_database_ok { "ok" } else { "failed" };
    let checks = Checks { database, draining: is_draining, sink };
    (status, Json(Readiness { status: word, checks })).into_response()
}

async fn check_sink(sink: &Sink, is_database_ok: bool) -> SinkCheck {
    let state = match sink.state() {
        SinkState::Idle => "idle",
        SinkState::Publishing => "publishing",
        SinkState::Failing => "failing",
    };
    let behind = match is_database_ok {
        true => tokio::time::timeout(PING_TIMEOUT, sink.lag()).await.ok().and_then(Result::ok),
        false => None,
    };
    SinkCheck { state, behind }
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let store = &ops.app.context.store;
    telemetry::show_streams(ops.app.streams.count());
    // A database that does not answer is told by readiness; the other metrics are told all the same.
    if let Ok(Ok(backlog)) = tokio::time::timeout(PING_TIMEOUT, store.webhook_backlog()).await {
        telemetry::show_backlog(backlog.pending, backlog.dead, backlog.unread);
        let now = ops.app.context.clock.now().unix_secs();
        telemetry::show_oldest_delivery(backlog.oldest.map_or(0, |it| now.saturating_sub(it.unix_secs())));
    }
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], telemetry::render_metrics()).into_response()
}

async fn add_organization(
    State(ops): State<Ops>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, ApiError> {
    ops.check_key(&headers)?;
    let request = read_json(body, &ops.app).await?;
    let added = administration::add_organization(ops.tools(), request).await?;
    Ok((StatusCode::CREATED, Json(added)).into_response())
}

async fn add_user(
    State(ops): State<Ops>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, ApiError> {
    ops.check_key(&headers)?;
    let request = read_json(body, &ops.app).await?;
    let added = administration::add_user(ops.tools(), request).await?;
    Ok((StatusCode::CREATED, Json(added)).into_response())
}

/// Does what a command of the command line asks for.
async fn change(
    State(ops): State<Ops>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, ApiError> {
    ops.check_key(&headers)?;
    let command = read_json(body, &ops.app).await?;
    let changed = administration::perform(ops.tools(), command).await?;
    Ok(Json(changed).into_response())
}

/// Makes new keys to sign webhooks with, and says which.
async fn rotate_webhook_key(State(ops): State<Ops>, headers: HeaderMap) -> Result<Response, ApiError> {
    ops.check_key(&headers)?;
    ops.app.webhook_keys.rotate().await?;
    Ok(Json(ops.app.webhook_keys.report()?).into_response())
}

/// What is exported of the audit records.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExportNote {
    /// Whose; of all organisations when it is absent.
    organization: Option<String>,
    since: Timestamp,
    until: Timestamp,
    format: String,
}

/// Writes down that an operator exports audit records, which the command then reads by itself.
async fn note_export(
    State(ops): State<Ops>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, ApiError> {
    ops.check_key(&headers)?;
    let ExportNote { organization, since, until, format } = read_json(body, &ops.app).await?;
    let format = ExportFormat::parse(&format)
        .ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "the format is not known; use csv or jsonl"))?;
    let Context { store, clock, random, .. } = &ops.app.context;
    let auditor = match organization {
        Some(text) => Some(Auditor::operator(&administration::find_organization(store, &text).await?)),
        None => None,
    };
    let span = Span { from: since, until, kinds: Kinds::All };
    let request = ExportRequest { span, format };
    audit::note_export(store, (random, clock.now()), auditor.as_ref(), request).await?;
    Ok(Json(serde_json::json!({})).into_response())
}

impl Ops {
    fn tools(&self) -> Tools<'_> {
        let context = &self.app.context;
        Tools { store: &context.store, random: &context.random, now: context.clock.now() }
    }

    fn check_key(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|it| it.to_str().ok())
            .and_then(|it| it.strip_prefix("Bearer "));
        let is_right =
            given.is_some_and(|it| verify_slices_are_equal(it.as_bytes(), self.admin_key.as_bytes()).is_ok());
        match is_right {
            true => Ok(()),
            false => {
                let nobody = AuditAuthor { user_id: None, application_id: String::new() };
                note_refusal(&self.app, None, nobody, "adminKeyInvalid");
                Err(ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    format!("send the key of the file {ADMIN_KEY_FILE} in the data folder as a bearer token"),
                ))
            }
        }
    }
}

async fn read_json<T: DeserializeOwned>(body: axum::body::Body, app: &App) -> Result<T, ApiError> {
    let bytes = read_body(body, &app.config.limits).await?;
    // The words of serde name a member and a position, never a value of ours.
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::system_random;

    #[test]
    fn the_admin_key_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();

        let first = load_admin_key(folder.path(), &system_random()).unwrap();
        let second = load_admin_key(folder.path(), &system_random()).unwrap();

        assert_eq!(first, second);
        assert_eq!(first.len(), 43);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.path().join(ADMIN_KEY_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
