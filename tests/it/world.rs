//! A server in process, with a clock that tests move and a database of its own.

use std::{
    net::SocketAddr,
    ops::Deref,
    path::PathBuf,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version as Argon2Version};
use axum::body::{self, Body};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use liaison::{
    app::{self, App, ServerClock},
    auth::{Version, issuer::signing},
    config::{Config, Sources},
    domain::{
        actor::{Scope, SystemScope},
        organization::{
            Application, Location, LocationScope, Organization, OrganizationId, Role, Solution, User,
        },
        sources::{Clock, Random},
        time::Timestamp,
        view::StoredReferral,
    },
    feed::signature::{KeyOptions, WebhookKeys},
    http::{
        main_router, path_unknown, paths,
        sandboxes::{Addresses, Sandboxes},
        server::{Face, Site},
    },
    sandbox::seed,
    service::{administration::hash_client_secret, clock as sandbox_clock},
    storage::{LoggedChange, Mode, NewOrganization, SigningKey, Store, StoreOptions, Target, WebhookKey},
    web,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// The documented create call, as it stands.
pub(crate) const FIXTURE: &str = include_str!("../data/create-shared.request.json");
/// The documented answer to it.
pub(crate) const FIXTURE_ANSWER: &str = include_str!("../data/create-shared.response.json");

pub(crate) const PUBLIC_URL: &str = "https://liaison.example";
pub(crate) const REFERRALS: &str = "/v1.0/engagements/referrals";
pub(crate) const PARTNER: &str = "https://api.partner.microsoft.com";
pub(crate) const PARTNER_CENTER: &str = "https://api.partnercenter.microsoft.com";

/// When every test begins: a Sunday morning, with seven digits of fraction.
pub(crate) const START: &str = "2026-11-22T09:30:00.1234567Z";

pub(crate) const CONTOSO: &str = "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d";
pub(crate) const FABRIKAM: &str = "f4b6a1c0-52d7-4c7e-9a53-0d1c6f0e2b84";
/// A company that the sandbox does not have; see [`World::add_northwind`].
pub(crate) const NORTHWIND: &str = "0e0e0e0e-0000-4000-8000-000000000001";

/// Contoso's Referrals admin.
pub(crate) const ALEX: &str = "alex.admin@contoso.example";
/// Contoso's Referrals user.
pub(crate) const UMA: &str = "uma.user@contoso.example";
/// Fabrikam's Referrals admin.
pub(crate) const FAY: &str = "fay.admin@fabrikam.example";
/// Fabrikam's Referrals user.
pub(crate) const UGO: &str = "ugo.user@fabrikam.example";
/// Microsoft's Referrals admin.
pub(crate) const MIA: &str = "mia.admin@microsoft.example";
/// Northwind's Referrals admin.
pub(crate) const NORA: &str = "nora.admin@northwind.example";

/// Northwind's location that counts when nothing else decides.
pub(crate) const NORTH_MPN: &str = "7000001";
/// Northwind's other location.
pub(crate) const SOUTH_MPN: &str = "7000002";

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// A database that lives as long as its test.
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres { server: String, name: String },
}

/// A server in process.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) store: Store,
    site: Site,
    sandboxes: Option<Sandboxes>,
}

/// A server with the clock and the database that it alone has.
pub(crate) struct World {
    server: Server,
    now: Arc<AtomicI64>,
    pub(crate) database: Database,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Database {
    /// Makes an empty one.
    pub(crate) async fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite(tempfile::tempdir().unwrap()),
            Backend::Postgres => {
                let server = std::env::var("LIAISON_TEST_POSTGRES_URL").expect(
                    "LIAISON_TEST_POSTGRES_URL names no PostgreSQL server; run `cargo xtask test`, which starts one",
                );
                Self::create_in(server, "").await
            }
        }
    }

    async fn create_in(server: String, template: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("liaison_it_{}_{number}", std::process::id());
        let client = connect(&server).await;
        client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        client.batch_execute(&format!("CREATE DATABASE {name} {template}")).await.unwrap();
        Self::Postgres { server, name }
    }

    /// Makes a copy of one that holds the sandbox's companies and the keys: made once, copied for each test.
    async fn seeded(backend: Backend) -> Self {
        static SQLITE: OnceCell<Database> = OnceCell::const_new();
        static POSTGRES: OnceCell<Database> = OnceCell::const_new();
        let template = match backend {
            Backend::Sqlite => &SQLITE,
            Backend::Postgres => &POSTGRES,
        };
        match template.get_or_init(|| Self::template(backend)).await {
            Self::Sqlite(template) => {
                let folder = tempfile::tempdir().unwrap();
                std::fs::copy(template.path().join("copy"), folder.path().join("liaison.sqlite")).unwrap();
                Self::Sqlite(folder)
            }
            Self::Postgres { server, name: template } => {
                Self::create_in(server.clone(), &format!("TEMPLATE {template}")).await
            }
        }
    }

    /// Makes what is copied for each test, and closes it.
    async fn template(backend: Backend) -> Self {
        let database = Self::create(backend).await;
        let clock = Clock::fixed(Timestamp::parse(START).unwrap());
        let options = StoreOptions { target: database.target(), mode: Mode::ReadWrite };
        let store = Store::open(&options, clock).await.unwrap();
        store.migrate().await.unwrap();
        store.insert_first_signing_key(SIGNING_KEY.clone()).await.unwrap();
        for key in webhook_keys().await {
            store.insert_webhook_key(key.clone()).await.unwrap();
        }
        for company in seed::organizations(&PASSWORD_HASH) {
            store.insert_organization(company).await.unwrap();
        }
        drop(store);
        match &database {
            Self::Sqlite(folder) => {
                let copy = folder.path().join("copy");
                database.execute(&format!("VACUUM INTO '{}'", copy.display())).await;
            }
            Self::Postgres { server, name } => {
                let close = format!(
                    "ALTER DATABASE {name} ALLOW_CONNECTIONS false;
                     SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
                );
                connect(server).await.batch_execute(&close).await.unwrap();
            }
        }
        database
    }

    /// Returns where it is.
    pub(crate) fn target(&self) -> Target {
        match self {
            Self::Sqlite(_) => Target::Sqlite(self.path()),
            Self::Postgres { .. } => Target::Postgres(self.url()),
        }
    }

    /// Returns the SQLite file.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("liaison.sqlite"),
            Self::Postgres { .. } => panic!("PostgreSQL has no file"),
        }
    }

    /// Returns the PostgreSQL address.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(_) => panic!("SQLite has no address"),
            Self::Postgres { server, name } => {
                let mut url = url::Url::parse(server).unwrap();
                url.set_path(name);
                url.into()
            }
        }
    }

    /// Runs statements behind the store's back.
    pub(crate) async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => rusqlite::Connection::open(self.path()).unwrap().execute_batch(sql).unwrap(),
            Self::Postgres { .. } => connect(&self.url()).await.batch_execute(sql).await.unwrap(),
        }
    }

    /// Counts the rows of a table behind the store's back.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        match self {
            Self::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.path()).unwrap();
                connection.query_row(&sql, [], |row| row.get(0)).unwrap()
            }
            Self::Postgres { .. } => connect(&self.url()).await.query_one(&sql, &[]).await.unwrap().get(0),
        }
    }
}

impl Database {
    /// Reads a column of texts behind the store's back, sorted.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let mut texts: Vec<String> = match self {
            Self::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.path()).unwrap();
                let mut statement = connection.prepare(sql).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
            }
            Self::Postgres { .. } => {
                let rows = connect(&self.url()).await.query(sql, &[]).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        };
        texts.sort();
        texts
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Self::Postgres { server, name } = self else { return };
        let (server, name) = (server.clone(), name.clone());
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = connect(&server).await;
                client.batch_execute(&sql).await.unwrap();
                // And those of its sandboxes, where a test has left some.
                let named = format!("{name}_sandbox_");
                let list = "SELECT CAST(datname AS text) FROM pg_database WHERE starts_with(CAST(datname AS text), $1)";
                for row in client.query(list, &[&named]).await.unwrap() {
                    let sql = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", row.get::<_, String>(0));
                    client.batch_execute(&sql).await.unwrap();
                }
            });
        });
        // A database that stays behind is no reason to fail a test.
        let _ = dropping.join();
    }
}

/// Returns the keys of webhooks that all worlds have: making some is slow in a debug build.
async fn webhook_keys() -> &'static [WebhookKey] {
    static KEYS: OnceCell<Vec<WebhookKey>> = OnceCell::const_new();
    KEYS.get_or_init(async || {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(folder.path().join("keys.sqlite"));
        let clock = Clock::fixed(Timestamp::parse(START).unwrap());
        let options = StoreOptions { target, mode: Mode::ReadWrite };
        let store = Store::open(&options, clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let options = KeyOptions {
            organization: "Exchange, Inc.".to_owned(),
            supplied: None,
            base_url: PUBLIC_URL.to_owned(),
        };
        WebhookKeys::open(store.clone(), clock, random(8), options).await.unwrap();
        store.list_webhook_keys().await.unwrap()
    })
    .await
}

/// Connects to PostgreSQL behind the store's back.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl World {
    /// Opens a server with the sandbox's companies and the default settings.
    pub(crate) async fn open(backend: Backend) -> Self {
        Self::with(backend, |_| ()).await
    }

    /// Opens one whose settings `change` changes.
    pub(crate) async fn with(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        Self::build(backend, change, false).await
    }

    /// Opens a sandbox: its clock, which goes ahead of the one that the test moves, can be put forward.
    pub(crate) async fn sandbox(backend: Backend) -> Self {
        Self::build(backend, |_| (), true).await
    }

    /// Opens one that may hold as many named sandboxes. Its password is hashed cheaply, and theirs with it.
    pub(crate) async fn sandboxes(backend: Backend, sandboxes_max: usize) -> Self {
        let mut world = Self::build(backend, |_| (), true).await;
        world.store.put_setting("sandbox_password_hash", &PASSWORD_HASH).await.unwrap();
        let mut config = world.app.config.clone();
        config.sandbox.sandboxes_max = sandboxes_max;
        match &world.database {
            Database::Sqlite(folder) => config.data_dir = folder.path().to_owned(),
            Database::Postgres { .. } => config.database_url = world.database.url().into(),
        }
        world.reopen(config, 2027).await;
        world
    }

    /// Stops the server with its named sandboxes, and starts it again.
    pub(crate) async fn restart(&mut self) {
        if let Some(sandboxes) = self.server.sandboxes.take() {
            sandboxes.stop().await;
        }
        self.reopen(self.app.config.clone(), 2028).await;
    }

    async fn reopen(&mut self, config: Config, seed: u64) {
        let clock = server_clock(&self.store, clock(&self.now), true).await;
        let store = self.store.clone();
        let mut server = Server::open(config, store, clock, random(seed)).await;
        let addresses = Addresses {
            listening: "127.0.0.1:8080".parse().unwrap(),
            local_url: String::new(),
            ops_url: String::new(),
        };
        let sandboxes = Sandboxes::open(&server.app, addresses.clone()).await.unwrap();
        let router = main_router(&server.app, sandboxes.as_ref());
        server.site = Site::new(server.app.clone(), router, paths::rewrite, Face::Api, addresses.listening)
            .with_sandboxes(sandboxes.clone());
        server.sandboxes = sandboxes;
        self.server = server;
    }

    async fn build(backend: Backend, change: impl FnOnce(&mut Config), is_sandbox: bool) -> Self {
        app::install_cryptography();
        let sources =
            Sources { is_sandbox: true, environment: Some(Default::default()), ..Sources::default() };
        let mut config = Config::load(&sources).unwrap();
        change(&mut config);

        let now = Arc::new(AtomicI64::new(Timestamp::parse(START).unwrap().ticks()));
        let clock = clock(&now);
        let database = Database::seeded(backend).await;
        let options = StoreOptions { target: database.target(), mode: Mode::ReadWrite };
        let store = Store::open(&options, clock.clone()).await.unwrap();
        store.start_background();

        let clock = server_clock(&store, clock, is_sandbox).await;
        let server = Server::open(config, store, clock, random(2026)).await;
        Self { server, now, database }
    }

    /// Opens another server on the same data.
    pub(crate) async fn replica(&self) -> Server {
        let store = self.open_store(Mode::ReadWrite).await;
        store.start_background();
        let clock = server_clock(&store, clock(&self.now), self.app.sandbox_clock.is_some()).await;
        Server::open(self.app.config.clone(), store, clock, random(4052)).await
    }

    /// Moves the clock.
    pub(crate) fn advance_secs(&self, secs: i64) {
        self.now.fetch_add(secs * 10_000_000, Ordering::SeqCst);
    }

    /// Sets the clock.
    pub(crate) fn set_time(&self, at: Timestamp) {
        self.now.store(at.ticks(), Ordering::SeqCst);
    }

    /// Opens another store on the same data.
    pub(crate) async fn open_store(&self, mode: Mode) -> Store {
        let options = StoreOptions { target: self.database.target(), mode };
        Store::open(&options, clock(&self.now)).await.unwrap()
    }
}

impl Deref for World {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Server {
    async fn open(config: Config, store: Store, clock: ServerClock, random: Random) -> Self {
        let public_url = PUBLIC_URL.to_owned();
        let app = App::open(config, public_url, store.clone(), clock, random).await.unwrap();
        let listening: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let router = web::mount(main_router(&app, None), &app, path_unknown);
        let site = Site::new(app.clone(), router, paths::rewrite, Face::Api, listening);
        Self { app, store, site, sandboxes: None }
    }

    /// Mints a token of the Partner API for who has the address `email`.
    pub(crate) async fn token(&self, email: &str) -> String {
        self.token_for(email, PARTNER).await
    }

    /// Mints a token for another API.
    pub(crate) async fn token_for(&self, email: &str, audience: &str) -> String {
        let principal = self.store.find_principal_by_email(email).await.unwrap().unwrap();
        let applications = self.store.list_applications(&principal.organization.id).await.unwrap();
        let issuer = &self.app.issuer;
        issuer.mint_for_user(&principal, applications[0].id, audience, Version::V1, 3600).unwrap()
    }

    /// Sends a request through everything that a request from a connection goes through.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.begin(request).await.into_parts();
        let is_stream = parts
            .headers
            .get("content-type")
            .is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
        let body = match is_stream {
            true => read_until_told(body).await,
            false => body::to_bytes(body, usize::MAX).await.unwrap(),
        };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request, and leaves the body of the answer to be read.
    pub(crate) async fn begin(&self, mut request: Request<Body>) -> Response<Body> {
        if !request.headers().contains_key(header::HOST) {
            request.headers_mut().insert(header::HOST, "liaison.example".parse().unwrap());
        }
        self.site.answer(request).await
    }

    /// Sends a create call.
    pub(crate) async fn post(&self, email: &str, body: impl ToString) -> Answer {
        self.post_with(email, &[], body).await
    }

    /// Sends a create call with further headers.
    pub(crate) async fn post_with(
        &self,
        email: &str,
        headers: &[(&str, &str)],
        body: impl ToString,
    ) -> Answer {
        let token = self.token(email).await;
        let mut request = with_headers(Method::POST, REFERRALS, headers)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        request = request.header("accept", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Reads a referral by id.
    pub(crate) async fn get(&self, email: &str, id: &str) -> Answer {
        self.get_path(email, &format!("{REFERRALS}/{id}"), &[]).await
    }

    /// Sends a form to a path of the issuer.
    pub(crate) async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(with_headers(Method::POST, path, &headers).body(body.into()).unwrap()).await
    }

    /// Reads a path without a token.
    pub(crate) async fn get_anonymously(&self, path: &str) -> Answer {
        self.send(with_headers(Method::GET, path, &[]).body(Body::empty()).unwrap()).await
    }

    /// Sends a create call with whatever `Authorization` says.
    pub(crate) async fn post_authorized(&self, authorization: &str) -> Answer {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        self.send(with_headers(Method::POST, REFERRALS, &headers).body(FIXTURE.into()).unwrap()).await
    }

    /// Sends JSON to any path.
    pub(crate) async fn send_json(
        &self,
        method: Method,
        email: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl ToString,
    ) -> Answer {
        let token = self.token(email).await;
        let request = with_headers(method, path, headers).header("authorization", format!("Bearer {token}"));
        let request = match headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            true => request,
            false => request.header("content-type", "application/json"),
        };
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Replaces a referral.
    pub(crate) async fn put(
        &self,
        email: &str,
        id: &str,
        headers: &[(&str, &str)],
        body: impl ToString,
    ) -> Answer {
        self.send_json(Method::PUT, email, &format!("{REFERRALS}/{id}"), headers, body).await
    }

    /// Changes members of a referral.
    pub(crate) async fn patch(
        &self,
        email: &str,
        id: &str,
        headers: &[(&str, &str)],
        operations: impl ToString,
    ) -> Answer {
        self.send_json(Method::PATCH, email, &format!("{REFERRALS}/{id}"), headers, operations).await
    }

    /// Does an action.
    pub(crate) async fn act(&self, email: &str, id: &str, action: &str, body: impl ToString) -> Answer {
        self.send_json(Method::POST, email, &format!("{REFERRALS}/{id}/{action}"), &[], body).await
    }

    /// Reads any path.
    pub(crate) async fn get_path(&self, email: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let token = self.token(email).await;
        let request =
            with_headers(Method::GET, path, headers).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Lists the whole log.
    pub(crate) async fn log(&self) -> Vec<LoggedChange> {
        self.store.settle().await.unwrap();
        self.store.list_log(everything(), 0, 100_000).await.unwrap()
    }

    /// Lists everything that is stored.
    pub(crate) async fn stored(&self) -> Vec<StoredReferral> {
        let all = self.store.list_stored(everything(), Uuid::nil(), 100_000).await.unwrap();
        all.into_iter().map(|it| it.stored).collect()
    }

    /// Adds a person to a company.
    pub(crate) async fn add_user(
        &self,
        organization: &str,
        email: &str,
        roles: &[Role],
        locations: LocationScope,
    ) {
        let user = User {
            id: Uuid::from_u128(fnv(email).into()),
            organization_id: OrganizationId::parse(organization).unwrap(),
            email: email.to_owned(),
            name: email.to_owned(),
            password_hash: None,
            subject: None,
            roles: roles.to_vec(),
            locations,
        };
        self.store.insert_user(user).await.unwrap();
    }

    /// Adds a company with two locations, two solutions and an admin.
    pub(crate) async fn add_northwind(&self) {
        let id = OrganizationId::parse(NORTHWIND).unwrap();
        let location = |number: u128, mpn_id: &str, is_default| Location {
            id: Uuid::from_u128(0x0e0e_0e0e_0000_4000_8000_0000_0000_0010 + number),
            organization_id: id.clone(),
            mpn_id: mpn_id.to_owned(),
            name: mpn_id.to_owned(),
            is_default,
        };
        let northwind = NewOrganization {
            organization: Organization {
                id: id.clone(),
                tenant_id: Uuid::parse_str(NORTHWIND).unwrap(),
                name: "Northwind".to_owned(),
                domain: Some("northwind.example".to_owned()),
            },
            locations: vec![location(1, NORTH_MPN, true), location(2, SOUTH_MPN, false)],
            solutions: vec![Solution {
                id: "SOL-70001-NWT".to_owned(),
                organization_id: id.clone(),
                name: "Northwind Traders".to_owned(),
            }],
            applications: vec![Application {
                id: Uuid::from_u128(0x0e0e_0e0e_0000_4000_8000_0000_0000_0020),
                organization_id: id.clone(),
                name: "Northwind application".to_owned(),
                secret_hash: Some(hash_client_secret("northwind-secret")),
                redirect_uris: Vec::new(),
            }],
            users: Vec::new(),
        };
        self.store.insert_organization(northwind).await.unwrap();
        self.add_user(NORTHWIND, NORA, &[Role::ReferralsAdmin], LocationScope::EntireCompany).await;
    }
}

/// Reads a stream as far as there is something to tell: to its first sign of life, or to its end.
async fn read_until_told(mut body: Body) -> Bytes {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        read.extend_from_slice(&frame.unwrap().into_data().unwrap());
        if String::from_utf8_lossy(&read).contains("\n: up to date\n") {
            break;
        }
    }
    read.into()
}

impl Answer {
    /// Reads the body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// Reads the body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Returns a header as text; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// Returns the document of a successful create call.
    #[track_caller]
    pub(crate) fn created(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Returns `code target` of every problem, in order.
    pub(crate) fn problems(&self) -> Vec<String> {
        let body = self.json();
        let details = body["error"]["details"].as_array().cloned().unwrap_or_default();
        let line =
            |it: &Value| format!("{} {}", it["code"].as_str().unwrap(), it["target"].as_str().unwrap());
        details.iter().map(line).collect()
    }
}

/// Returns the scope of a test, which looks at everything.
pub(crate) fn everything() -> SystemScope {
    Scope::system("test")
}

/// Returns the documented create call.
pub(crate) fn fixture() -> Value {
    serde_json::from_str(FIXTURE).unwrap()
}

/// Returns a deal that its sender keeps to itself.
pub(crate) fn own_deal() -> Value {
    edited(fixture(), &[("/type", "Independent".into()), ("/target", Value::Array(Vec::new()))])
}

/// Returns the documented call, addressed to one location.
pub(crate) fn to_location(id: impl ToString) -> Value {
    let target = serde_json::json!([{"type": "BusinessProfileLocation", "id": id.to_string()}]);
    edited(fixture(), &[("/target", target)])
}

/// Returns `document` with members set; the last segment of a pointer may be new.
pub(crate) fn edited(mut document: Value, edits: &[(&str, Value)]) -> Value {
    for (pointer, value) in edits {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} has no parent"));
        match parent {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[name] = value.clone(),
        }
    }
    document
}

/// Returns `document` without the member at `pointer`.
pub(crate) fn without(mut document: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} has no parent"));
    match parent {
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        parent => drop(parent.as_object_mut().unwrap().shift_remove(name).unwrap()),
    }
    document
}

/// Returns a member as text.
#[track_caller]
pub(crate) fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    let value = document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not there"));
    value.as_str().unwrap_or_else(|| panic!("{pointer} is {value}"))
}

/// Starts a request.
pub(crate) fn with_headers(method: Method, path: &str, headers: &[(&str, &str)]) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

async fn server_clock(store: &Store, clock: Clock, is_sandbox: bool) -> ServerClock {
    match is_sandbox {
        true => sandbox_clock::open(store, clock).await.unwrap().into(),
        false => clock.into(),
    }
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Clock::new(move || Timestamp::from_ticks(now.load(Ordering::SeqCst)))
}

/// Returns a source that gives the same bytes in every run, and no id twice (splitmix64).
fn random(seed: u64) -> Random {
    let state = Arc::new(AtomicU64::new(seed));
    Random::new(move |buffer| {
        for bytes in buffer.chunks_mut(8) {
            let mut next = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            next = (next ^ next >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            next = (next ^ next >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            next ^= next >> 31;
            let len = bytes.len();
            bytes.copy_from_slice(&next.to_le_bytes()[..len]);
        }
    })
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One key signs in all tests: making one takes a fraction of a second.
static SIGNING_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| signing::generate(Timestamp::parse(START).unwrap()).unwrap());

/// The sandbox's password under the cheapest parameters there are; a hash carries its own.
static PASSWORD_HASH: LazyLock<String> = LazyLock::new(|| {
    let cheap = Argon2::new(Algorithm::Argon2id, Argon2Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let hash: argon2::password_hash::phc::PasswordHash =
        cheap.hash_password_with_salt(seed::PASSWORD.as_bytes(), &[7; 16]).unwrap();
    hash.to_string()
});
