//! One named sandbox that is served: its sites, its tasks, and the lock of its data.

use anyhow::{Context as _, bail};
use parking_lot::Mutex;

use super::{Inner, direct::hosts, folder_of};
use crate::{
    app::{
        self, App,
        lock::{Attempt, DataLock, Holder},
    },
    background::Background,
    config::Config,
    domain::sources::Clock,
    http::{
        ops, paths, router,
        server::{Face, Site},
    },
    sandbox::named::{self, NamedSandbox},
    service::clock,
    storage::{Mode, Store, StoreError, StoreOptions, Target},
};

/// Connections to PostgreSQL that serve requests of one sandbox; its tasks keep six more. Nobody who has one waits for
/// another, so that few are slow and not wrong.
const CONNECTIONS_MAX: usize = 3;

/// A sandbox that is served.
#[derive(Debug)]
pub(super) struct Room {
    app: App,
    api: Site,
    /// On SQLite, where commands ask the server for what they would else write themselves.
    ops: Option<Site>,
    background: Background,
    lock: Mutex<Option<DataLock>>,
}

impl Room {
    /// Opens one whose database is there, and starts its tasks.
    pub(super) async fn open(server: &Inner, name: &str) -> anyhow::Result<Self> {
        let config = app::config_of_sandbox(&server.main.config, name)?;
        let target = app::target(&config);
        let lock = folder_of(&target).map(|it| take_lock(&it)).transpose()?;
        let store = open_store(target, server.base.clone()).await?;
        let opened = Self::open_on(server, name, config, store.clone(), lock).await;
        if opened.is_err() {
            store.close().await;
        }
        opened
    }

    async fn open_on(
        server: &Inner,
        name: &str,
        config: Config,
        store: Store,
        mut lock: Option<DataLock>,
    ) -> anyhow::Result<Self> {
        let path = format!("/sandboxes/{name}");
        let base_url = format!("{}{path}", server.main.public_url);
        store.migrate().await.context("its database could not be brought up to date")?;
        store.start_background();
        store.put_setting("public_url", &base_url).await?;
        let clock = clock::open(&store, server.base.clone()).await?;
        let random = server.main.context.random.clone();
        let app = App::open(config, base_url, store, clock, random.clone()).await?;

        let addresses = &server.addresses;
        let api = Site::new(app.clone(), router(&app), paths::rewrite, Face::Api, addresses.listening)
            .also_at(&hosts(&server.parents, name));
        let mut ops = None;
        if let Some(lock) = &mut lock {
            let has_ops = !addresses.ops_url.is_empty();
            if has_ops {
                let key = ops::load_admin_key(&app.config.data_dir, &random)
                    .context("its admin key can be neither read nor made")?;
                let router = ops::router(app.clone(), key);
                ops = Some(Site::new(app.clone(), router, |_| (), Face::Ops, addresses.listening));
            }
            lock.announce(&Holder {
                pid: std::process::id(),
                base_url: format!("{}{path}", addresses.local_url),
                ops_url: if has_ops { format!("{}{path}", addresses.ops_url) } else { String::new() },
            })?;
        }
        let background = Background::start(&app);
        Ok(Self { app, api, ops, background, lock: Mutex::new(lock) })
    }

    /// Returns what answers on one of the server's addresses.
    pub(super) fn site(&self, face: Face) -> Option<&Site> {
        match face {
            Face::Api => Some(&self.api),
            Face::Ops => self.ops.as_ref(),
        }
    }

    pub(super) async fn describe(&self, name: &str) -> Result<NamedSandbox, StoreError> {
        let Some(clock) = &self.app.sandbox_clock else { return Err(StoreError::ReadOnly) };
        named::describe(name, &self.app.public_url, &self.app.context.store, clock).await
    }

    /// Ends streams, and asks clients to leave.
    pub(super) fn start_draining(&self) {
        self.app.health.start_draining();
    }

    /// Ends everything that goes on, and lets go of the database.
    pub(super) async fn close(&self) {
        self.start_draining();
        self.background.stop().await;
        self.app.context.store.close().await;
        drop(self.lock.lock().take());
    }
}

/// Opens a database for who alone has it.
pub(super) async fn open_store(target: Target, base: Clock) -> Result<Store, StoreError> {
    let store = Store::open(&StoreOptions { target, mode: Mode::ReadWrite }, base).await?;
    store.bound_connections(CONNECTIONS_MAX);
    Ok(store)
}

fn take_lock(folder: &std::path::Path) -> anyhow::Result<DataLock> {
    match DataLock::try_take(folder)? {
        Attempt::Taken(lock) => Ok(lock),
        Attempt::Held(holder) => bail!("process {} is using its data in {}", holder.pid, folder.display()),
    }
}
