//! Which clock a server goes by, and whether its callers may put it forward.

use crate::domain::sources::{Clock, MovableClock};

/// The clock of a server: a plain one, or a sandbox's.
#[derive(Clone, Debug)]
pub struct ServerClock {
    /// What everything takes its time from.
    pub(super) clock: Clock,
    /// The same clock, if it may be put forward through the API.
    pub(super) sandbox_clock: Option<MovableClock>,
}

impl From<Clock> for ServerClock {
    fn from(clock: Clock) -> Self {
        Self { clock, sandbox_clock: None }
    }
}

impl From<MovableClock> for ServerClock {
    fn from(clock: MovableClock) -> Self {
        Self { clock: clock.clock(), sandbox_clock: Some(clock) }
    }
}
