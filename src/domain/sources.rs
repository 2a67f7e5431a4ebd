//! The two things a pure function cannot make for itself: the time and random bytes.
//!
//! Both are handles that `app` builds once and hands in, so that a test (and the sandbox) can hold
//! the clock still and repeat the dice.

use std::{fmt, sync::Arc};

use parking_lot::RwLock;
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

/// Where a [`MovableClock`] was put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSetting {
    /// How far the clock is ahead of its base, in ticks of 100 ns; negative after it has been held.
    pub ahead_ticks: i64,
    /// Where it is held; `None` while it runs.
    pub frozen: Option<Timestamp>,
    /// Counts how often it was put, so that an old setting that is read late does not come back.
    pub revision: u64,
}

/// A clock that goes beside another, and can be put forward and held. Clones are the same clock.
#[derive(Clone)]
pub struct MovableClock {
    base: Clock,
    hands: Arc<RwLock<Hands>>,
}

#[derive(Clone, Copy)]
struct Hands {
    setting: ClockSetting,
    /// Where it stands while somebody walks it to where it was put.
    walked: Option<Timestamp>,
}

impl MovableClock {
    /// Makes a clock that goes as far beside `base` as the setting says.
    pub fn new(base: Clock, setting: ClockSetting) -> Self {
        Self { base, hands: Arc::new(RwLock::new(Hands { setting, walked: None })) }
    }

    /// Returns the handle that everything takes its time from; it moves with this clock.
    pub fn clock(&self) -> Clock {
        let moved = self.clone();
        Clock::new(move || moved.now())
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        let Hands { setting, walked } = *self.hands.read();
        let running = || Timestamp::from_ticks(self.base.now().ticks().saturating_add(setting.ahead_ticks));
        walked.or(setting.frozen).unwrap_or_else(running)
    }

    /// Returns the clock that this one goes beside.
    pub fn base(&self) -> Clock {
        self.base.clone()
    }

    /// Returns the time of the clock that this one goes beside.
    pub fn base_now(&self) -> Timestamp {
        self.base.now()
    }

    /// Returns where the clock was put.
    pub fn setting(&self) -> ClockSetting {
        self.hands.read().setting
    }

    /// Puts the clock somewhere; does nothing when it was put there, or somewhere else, later.
    pub fn put(&self, setting: ClockSetting) {
        let mut hands = self.hands.write();
        if setting.revision > hands.setting.revision {
            hands.setting = setting;
        }
    }

    /// Holds the clock at a moment, until it is let go with `None`, wherever it was put.
    pub fn walk(&self, at: Option<Timestamp>) {
        self.hands.write().walked = at;
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
