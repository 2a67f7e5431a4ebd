//! Whether this process wants more work.

use tokio::sync::watch;

/// What the readiness check reports besides the database.
#[derive(Debug, Default)]
pub struct Health {
    is_draining: watch::Sender<bool>,
}

impl Health {
    /// Notes that the server is stopping: readiness fails from here on, and answers that last are ended.
    pub fn start_draining(&self) {
        self.is_draining.send_replace(true);
    }

    /// Says whether the server is stopping.
    pub fn is_draining(&self) -> bool {
        *self.is_draining.borrow()
    }

    /// Returns what wakes when the server begins to stop.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.is_draining.subscribe()
    }
}
