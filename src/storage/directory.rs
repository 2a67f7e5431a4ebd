//! A short memory of what nearly every call asks for: who calls, and whom a target names.
//!
//! Entries live for [`MEMORY_SECS`]; writes through this process empty it at once, so a role edit shows here
//! at once and on other replicas within that time.

use std::{future::Future, hash::Hash, sync::Arc, time::Duration};

use moka::sync::Cache;
use uuid::Uuid;

use super::{Principal, StoreError};
use crate::domain::{
    engagement::Destination,
    organization::{Application, ExternalSubject, Location, Organization, OrganizationId},
};

/// How long an answer is remembered.
const MEMORY_SECS: u64 = 5;
const ENTRIES_MAX: u64 = 10_000;

/// The remembered answers; `None` is an answer too.
pub(super) struct Directory {
    pub(super) applications: Memory<Uuid, Application>,
    pub(super) principals: Memory<(Uuid, Uuid), Principal>,
    pub(super) subjects: Memory<ExternalSubject, Principal>,
    pub(super) organizations: Memory<OrganizationId, Organization>,
    pub(super) domains: Memory<String, Organization>,
    pub(super) tenants: Memory<Uuid, Organization>,
    pub(super) locations: Memory<OrganizationId, Vec<Location>>,
    pub(super) location_targets: Memory<Uuid, Destination>,
    pub(super) solution_targets: Memory<String, Destination>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            applications: Memory::new(),
            principals: Memory::new(),
            subjects: Memory::new(),
            organizations: Memory::new(),
            domains: Memory::new(),
            tenants: Memory::new(),
            locations: Memory::new(),
            location_targets: Memory::new(),
            solution_targets: Memory::new(),
        }
    }
}

impl Directory {
    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.applications.0.invalidate_all();
        self.principals.0.invalidate_all();
        self.subjects.0.invalidate_all();
        self.organizations.0.invalidate_all();
        self.domains.0.invalidate_all();
        self.tenants.0.invalidate_all();
        self.locations.0.invalidate_all();
        self.location_targets.0.invalidate_all();
        self.solution_targets.0.invalidate_all();
    }
}

/// Answers to one kind of question.
pub(super) struct Memory<K, V>(Cache<K, Option<Arc<V>>>);

impl<K: Hash + Eq + Send + Sync + Clone + 'static, V: Send + Sync + 'static> Memory<K, V> {
    fn new() -> Self {
        let life = Duration::from_secs(MEMORY_SECS);
        Self(Cache::builder().max_capacity(ENTRIES_MAX).time_to_live(life).build())
    }

    /// Returns the remembered answer, or asks and remembers.
    pub(super) async fn get(
        &self,
        key: &K,
        ask: impl Future<Output = Result<Option<V>, StoreError>>,
    ) -> Result<Option<Arc<V>>, StoreError> {
        if let Some(answer) = self.0.get(key) {
            return Ok(answer);
        }
        let answer = ask.await?.map(Arc::new);
        self.0.insert(key.clone(), answer.clone());
        Ok(answer)
    }
}
