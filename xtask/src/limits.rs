//! The servers that `bench` compares with: what this machine allows with nothing in the way.
//!
//! * `minimal` has the same framework, driver, allocator and durability as the server, stores the document
//!   that it was sent with the seven usual indexes and an outbox row, and answers with the stored bytes.
//!   No sign-in, no validation, no rules.
//! * `eager` is `minimal` with a fault: it answers before the commit. The crash check must catch it.
//! * `bare` parses what it is sent and answers with a fixed document.

mod document;
mod postgres;
mod sqlite;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Result;
use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
    serve::ListenerExt,
};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use self::document::Document;
use crate::server::{CREATE_REQUEST, write_lock};

pub(crate) use self::{postgres::fill as fill_postgres, sqlite::fill as fill_sqlite};

/// Documents of a page.
const PAGE_SIZE: i64 = 100;

/// Options of the compared servers.
#[derive(Args)]
pub(crate) struct Options {
    /// Which server.
    mode: Mode,
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// Folder for the SQLite file and the lock file.
    #[arg(long)]
    data: PathBuf,
    /// Stores in PostgreSQL instead of SQLite.
    #[arg(long)]
    database_url: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Minimal,
    Eager,
    Bare,
}

/// When a create is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    AfterCommit,
    BeforeCommit,
}

/// Where documents are kept.
enum Store {
    Nowhere(Bytes),
    Sqlite(sqlite::Store),
    Postgres(postgres::Store),
}

/// Runs one of the servers until it is killed.
pub(crate) fn run(options: &Options) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(options))
}

async fn serve(options: &Options) -> Result<()> {
    let store = Arc::new(open(options).await?);
    let router = Router::new()
        .route("/v1.0/engagements/referrals", post(create).get(list))
        .route("/v1.0/engagements/referrals/{id}", get(find))
        .with_state(store);
    let listener = tokio::net::TcpListener::bind(options.listen).await?;
    write_lock(&options.data, listener.local_addr()?)?;
    // Without the option the connection is only slower, and that shows.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}

async fn open(options: &Options) -> Result<Store> {
    let answer = match options.mode {
        Mode::Eager => Answer::BeforeCommit,
        Mode::Minimal | Mode::Bare => Answer::AfterCommit,
    };
    if options.mode == Mode::Bare {
        let fixed = Document::new(serde_json::from_str(CREATE_REQUEST)?)?;
        return Ok(Store::Nowhere(fixed.body));
    }
    match &options.database_url {
        Some(url) => Ok(Store::Postgres(postgres::Store::open(url, answer).await?)),
        None => Ok(Store::Sqlite(sqlite::Store::open(&options.data, answer)?)),
    }
}

async fn create(State(store): State<Arc<Store>>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return failure(StatusCode::BAD_REQUEST) };
    let result = match &*store {
        Store::Nowhere(fixed) => return success(fixed.clone(), HeaderValue::from_static("\"0\"")),
        Store::Sqlite(sqlite) => create_in(sqlite.insert(request)).await,
        Store::Postgres(postgres) => create_in(postgres.insert(request)).await,
    };
    result.unwrap_or_else(|_| failure(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn create_in(insert: impl Future<Output = Result<Document>>) -> Result<Response> {
    let document = insert.await?;
    Ok(success(document.body, HeaderValue::try_from(document.etag)?))
}

async fn find(State(store): State<Arc<Store>>, Path(id): Path<String>) -> Response {
    let found = match &*store {
        Store::Nowhere(fixed) => return success(fixed.clone(), HeaderValue::from_static("\"0\"")),
        Store::Sqlite(sqlite) => sqlite.find(&id),
        Store::Postgres(postgres) => postgres.find(&id).await,
    };
    let Ok(found) = found else { return failure(StatusCode::INTERNAL_SERVER_ERROR) };
    let Some((etag, body)) = found else { return failure(StatusCode::NOT_FOUND) };
    match HeaderValue::try_from(etag) {
        Ok(etag) => success(body, etag),
        Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Answers with the newest documents: what any server has to read and send for a page.
async fn list(State(store): State<Arc<Store>>) -> Response {
    let found = match &*store {
        Store::Nowhere(fixed) => Ok(vec![fixed.clone()]),
        Store::Sqlite(sqlite) => sqlite.list(PAGE_SIZE),
        Store::Postgres(postgres) => postgres.list(PAGE_SIZE).await,
    };
    let Ok(documents) = found else { return failure(StatusCode::INTERNAL_SERVER_ERROR) };
    let body = [b"{\"value\":[", documents.join(&b","[..]).as_slice(), b"]}"].concat();
    success(body.into(), HeaderValue::from_static("\"0\""))
}

fn success(body: Bytes, etag: HeaderValue) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::ETAG, etag);
    response
}

fn failure(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
