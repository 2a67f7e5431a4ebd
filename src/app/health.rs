//! Whether this process wants more work.

use std::sync::atomic::{AtomicBool, Ordering};

/// What the readiness check reports besides the database.
#[derive(Debug, Default)]
pub struct Health {
    is_draining: AtomicBool,
}

impl Health {
    /// Notes that the server is stopping: readiness fails from here on.
    pub fn start_draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Says whether the server is stopping.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}
