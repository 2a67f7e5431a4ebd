//! The lease under which one process in the cluster makes notices, and one mails them.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_postgres::Client;

use crate::storage::{
    Backend, Store, StoreError,
    numbering::{LEASE_SESSION, connect},
};

/// Any number will do, as long as every replica takes the same.
const LEASES: [i64; 2] = [0x4c69_6169_736f_6e11, 0x4c69_6169_736f_6e12];

/// What is done by one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Making notices of what is in the log.
    Notices,
    /// Mailing them.
    Mails,
}

/// Who is at what in this process.
#[derive(Default)]
pub(in crate::storage) struct Jobs {
    notices: Arc<Mutex<()>>,
    mails: Arc<Mutex<()>>,
}

/// The right to do a job. Dropping it gives it back.
#[derive(Debug)]
pub struct JobLease {
    _here: OwnedMutexGuard<()>,
    /// The advisory lock ends with its session.
    session: Option<Client>,
}

impl JobLease {
    /// Keeps the lease: a session that asks nothing for ten seconds ends.
    ///
    /// # Errors
    /// When the session has ended, and the lease with it.
    pub async fn renew(&self) -> Result<(), StoreError> {
        match &self.session {
            Some(session) => Ok(session.batch_execute("SELECT 1").await?),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Takes the lease of a job, if nobody else has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_job_lease(&self, job: Job) -> Result<Option<JobLease>, StoreError> {
        let [notices, mails] = LEASES;
        let (place, number) = match job {
            Job::Notices => (&self.0.notices.notices, notices),
            Job::Mails => (&self.0.notices.mails, mails),
        };
        let Ok(here) = Arc::clone(place).try_lock_owned() else { return Ok(None) };
        let Backend::Postgres(postgres) = &self.0.backend else {
            return Ok(Some(JobLease { _here: here, session: None }));
        };
        let (client, _) = connect(&postgres.config()).await?;
        client.batch_execute(LEASE_SESSION).await?;
        let is_taken = client.query_one("SELECT pg_try_advisory_lock($1)", &[&number]).await?.try_get(0)?;
        Ok(if is_taken { Some(JobLease { _here: here, session: Some(client) }) } else { None })
    }
}
