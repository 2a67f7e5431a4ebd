//! Tells whoever waits in this process that the log has grown.
//!
//! On SQLite the writer thread says so after its transaction, on PostgreSQL whoever gives positions sends a notice to
//! every server. A notice can be lost with its connection, so whoever waits also looks from time to time.

use tokio::sync::watch;

/// The notice on PostgreSQL, sent when positions have been given.
pub(in crate::storage) const CHANNEL: &str = "liaison_log";

/// Says that the log has grown.
#[derive(Clone)]
pub(in crate::storage) struct Growth(watch::Sender<()>);

impl Growth {
    pub(in crate::storage) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Wakes whoever waits.
    pub(in crate::storage) fn announce(&self) {
        self.0.send_replace(());
    }

    pub(in crate::storage) fn watch(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}
