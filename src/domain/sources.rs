//! The two things a pure function cannot make for itself: the time and random bytes.
//!
//! Both are handles that `app` builds once and hands in, so that a test (and the sandbox) can hold
//! the clock still and repeat the dice.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use uuid::{Builder, Uuid};

use super::time::Timestamp;

/// Tells the time. Cheap to clone; every clone tells the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Wraps a function that returns the current time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns a clock that always tells `at`.
    pub fn fixed(at: Timestamp) -> Self {
        Self::new(move || at)
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// A clock that goes ahead of another and can be put further forward, but not back. Clones are the same clock.
#[derive(Clone)]
pub struct MovableClock {
    base: Clock,
    ahead_ticks: Arc<AtomicI64>,
}

impl MovableClock {
    /// Makes a clock that is `ahead_ticks` (of 100 ns) ahead of `base`.
    pub fn new(base: Clock, ahead_ticks: i64) -> Self {
        Self { base, ahead_ticks: Arc::new(AtomicI64::new(ahead_ticks)) }
    }

    /// Returns the handle that everything takes its time from; it moves with this clock.
    pub fn clock(&self) -> Clock {
        let moved = self.clone();
        Clock::new(move || moved.now())
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ticks(self.base.now().ticks().saturating_add(self.ahead_ticks()))
    }

    /// Returns how far the clock is ahead, in ticks of 100 ns.
    pub fn ahead_ticks(&self) -> i64 {
        self.ahead_ticks.load(Ordering::SeqCst)
    }

    /// Puts the clock forward, so that it is `ahead_ticks` ahead; does nothing when it is further ahead already.
    pub fn put_ahead(&self, ahead_ticks: i64) {
        self.ahead_ticks.fetch_max(ahead_ticks, Ordering::SeqCst);
    }
}

impl fmt::Debug for MovableClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MovableClock({})", self.now())
    }
}

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// Gives random bytes. Cheap to clone.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

impl Random {
    /// Wraps a function that fills a buffer. Production hands in a cryptographic source.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Fills `buffer` with random bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        (self.0)(buffer);
    }

    /// Returns `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Returns a random (version 4) GUID. Public ids are random: time-ordered ones would tell a
    /// competitor when a lead was made.
    pub fn uuid(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
