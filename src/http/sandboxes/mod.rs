//! The named sandboxes of a sandbox's server: each is a whole site, with a database, keys, a clock and tasks of its own.
//!
//! ```text
//! request → Site::answer (main) → Sandboxes::direct: /sandboxes/{name}/… or Host: {name}.… → Site::answer (of the sandbox)
//! ```
//!
//! What reaches a sandbox has lost the prefix of its path, so that nothing behind it knows that there are others; what it
//! answers carries its own base URL. One is made or removed at a time; the others are served meanwhile.

mod direct;
mod room;
mod routes;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use parking_lot::RwLock;
use tokio::sync::Mutex;

pub use self::routes::router;
pub(super) use self::routes::unknown_router;
use self::{
    direct::parents,
    room::{Room, open_store},
};
use crate::{
    app::{self, App},
    domain::sources::Clock,
    sandbox::named::{self, NamedForm, NamedSandbox, NamedSandboxError},
    storage::{StoreError, Target},
};

/// The named sandboxes of one server. Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub struct Sandboxes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    main: App,
    /// Where the main sandbox lies: the others lie beside it.
    target: Target,
    /// What every clock goes beside.
    base: Clock,
    addresses: Addresses,
    /// The hosts below which a sandbox has a host of its own.
    parents: Vec<String>,
    rooms: RwLock<BTreeMap<String, Arc<Room>>>,
    /// Held by whoever makes one or removes one.
    turn: Mutex<()>,
}

/// Where a server is reached.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Where the API listens.
    pub listening: SocketAddr,
    /// The address of the API for commands on this machine, without a slash at the end.
    pub local_url: String,
    /// The operations address for commands on this machine; empty where there is none.
    pub ops_url: String,
}

impl Sandboxes {
    /// Opens those that are there. One that cannot be opened is left out, and the log says why. `None` when `main` is no
    /// sandbox itself.
    ///
    /// # Errors
    /// When it cannot be found out which there are.
    pub async fn open(main: &App, addresses: Addresses) -> Result<Option<Self>, NamedSandboxError> {
        let Some(clock) = &main.sandbox_clock else { return Ok(None) };
        let sandboxes = Self(Arc::new(Inner {
            target: app::target(&main.config),
            base: clock.base(),
            parents: parents(&main.public_url),
            main: main.clone(),
            addresses,
            rooms: RwLock::default(),
            turn: Mutex::default(),
        }));
        // A server that is not to hold any does not look for them, as one that may not connect to other databases.
        if main.config.sandbox.sandboxes_max > 0 {
            for name in sandboxes.0.target.list_named().await? {
                match Room::open(&sandboxes.0, &name).await {
                    Ok(room) => {
                        tracing::info!(name, "a named sandbox is served");
                        sandboxes.put_room(&name, room);
                    }
                    Err(error) => tracing::warn!("the sandbox {name} cannot be opened: {error:#}"),
                }
            }
        }
        Ok(Some(sandboxes))
    }

    /// Lists them by name.
    ///
    /// # Errors
    /// When a database does not answer.
    pub async fn list(&self) -> Result<Vec<NamedSandbox>, StoreError> {
        let rooms: Vec<_> = self.0.rooms.read().clone().into_iter().collect();
        let mut sandboxes = Vec::with_capacity(rooms.len());
        for (name, room) in rooms {
            sandboxes.push(room.describe(&name).await?);
        }
        Ok(sandboxes)
    }

    /// Tells of one.
    ///
    /// # Errors
    /// [`NamedSandboxError::NotFound`].
    pub async fn find(&self, name: &str) -> Result<NamedSandbox, NamedSandboxError> {
        let room = self.room(name).ok_or_else(|| NamedSandboxError::NotFound(name.to_owned()))?;
        Ok(room.describe(name).await?)
    }

    /// Makes one, if there is none of that name; says whether it did. What one is made with counts only then.
    ///
    /// # Errors
    /// When there are as many as there may be, or it has no place; nothing of it is left then.
    pub async fn put(&self, name: &str, form: NamedForm) -> Result<(NamedSandbox, bool), NamedSandboxError> {
        // Says what a name has to look like before anything else is said of it.
        self.0.target.named(name)?;
        let (sandboxes, name) = (self.clone(), name.to_owned());
        // A task of its own: a caller who goes away does not leave half a sandbox.
        let making = tokio::spawn(async move { sandboxes.make(&name, form).await });
        making.await.unwrap_or(Err(StoreError::NotWritten.into()))
    }

    async fn make(&self, name: &str, form: NamedForm) -> Result<(NamedSandbox, bool), NamedSandboxError> {
        let _turn = self.0.turn.lock().await;
        if let Some(room) = self.room(name) {
            return Ok((room.describe(name).await?, false));
        }
        let sandboxes_max = self.0.main.config.sandbox.sandboxes_max;
        if self.0.rooms.read().len() >= sandboxes_max {
            return Err(NamedSandboxError::TooMany(sandboxes_max));
        }
        let begun = self.0.target.begin_named(name).await?;
        let made = match self.plant(begun, form).await {
            Ok(()) => self.0.target.finish_named(name).await.map_err(NamedSandboxError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = made {
            self.discard(name).await;
            return Err(error);
        }
        let room = match Room::open(&self.0, name).await {
            Ok(room) => room,
            Err(error) => {
                self.discard(name).await;
                return Err(error.into());
            }
        };
        let sandbox = room.describe(name).await?;
        self.put_room(name, room);
        tracing::info!(name, base_url = sandbox.base_url, "a sandbox was made");
        Ok((sandbox, true))
    }

    async fn plant(&self, begun: Target, form: NamedForm) -> Result<(), NamedSandboxError> {
        let context = &self.0.main.context;
        let store = open_store(begun, self.0.base.clone()).await?;
        let planted = named::plant(&store, &context.store, &context.random, &self.0.base, form).await;
        store.close().await;
        planted
    }

    /// Takes away what was begun and cannot be finished.
    async fn discard(&self, name: &str) {
        if let Err(error) = self.0.target.remove_named(name).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, name, "what was made of a sandbox was not removed");
        }
    }

    /// Removes one with everything that is its own. Whoever it serves at this moment is refused.
    ///
    /// # Errors
    /// [`NamedSandboxError::NotFound`]; or when its database cannot be removed: it is served no more then, and a second
    /// call tries again.
    pub async fn remove(&self, name: &str) -> Result<(), NamedSandboxError> {
        let (sandboxes, name) = (self.clone(), name.to_owned());
        let removing = tokio::spawn(async move { sandboxes.take_away(&name).await });
        removing.await.unwrap_or(Err(StoreError::NotWritten.into()))
    }

    async fn take_away(&self, name: &str) -> Result<(), NamedSandboxError> {
        let _turn = self.0.turn.lock().await;
        let room = self.0.rooms.write().remove(name);
        let is_there = match room {
            Some(room) => {
                room.close().await;
                true
            }
            // One that could not be opened is removed too.
            None => self.0.target.list_named().await?.iter().any(|it| it == name),
        };
        if !is_there {
            return Err(NamedSandboxError::NotFound(name.to_owned()));
        }
        self.0.target.remove_named(name).await?;
        tracing::info!(name, "a sandbox was removed");
        Ok(())
    }

    /// Tells the clients of all of them that the server is about to stop.
    pub fn start_draining(&self) {
        self.0.rooms.read().values().for_each(|it| it.start_draining());
    }

    /// Ends all of them, once nobody is served any more. They are there again at the next start.
    pub async fn stop(&self) {
        let rooms = std::mem::take(&mut *self.0.rooms.write());
        for room in rooms.values() {
            room.close().await;
        }
    }

    /// Returns how large a body may be, and how it is read.
    fn main(&self) -> &App {
        &self.0.main
    }

    fn room(&self, name: &str) -> Option<Arc<Room>> {
        self.0.rooms.read().get(name).cloned()
    }

    fn put_room(&self, name: &str, room: Room) {
        self.0.rooms.write().insert(name.to_owned(), Arc::new(room));
    }
}

/// Returns the folder of an SQLite file; `None` for PostgreSQL.
fn folder_of(target: &Target) -> Option<PathBuf> {
    match target {
        Target::Sqlite(path) => path.parent().map(ToOwned::to_owned),
        Target::Postgres(_) => None,
    }
}
