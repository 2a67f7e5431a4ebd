//! Shed, do not queue: how many requests of a class may be in flight.
//!
//! A request asks before its body is read. There is no waiting: past the limit it is refused at once, which
//! costs less than a request that is served after its caller has given up.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What kind of work a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Changes nothing.
    Read,
    /// Changes something, or signs in.
    Write,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// Returns the name used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Counts requests in flight, by class.
#[derive(Clone, Debug)]
pub struct Admission {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

/// A place among the requests in flight; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _place: OwnedSemaphorePermit,
}

impl Admission {
    /// Makes room for so many requests of each class.
    pub fn new(reads_max: usize, writes_max: usize) -> Self {
        let places = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self { reads: places(reads_max), writes: places(writes_max) }
    }

    /// Takes a place. `None` when the class is full.
    pub fn try_enter(&self, class: Class) -> Option<Permit> {
        let places = match class {
            Class::Read => &self.reads,
            Class::Write => &self.writes,
        };
        Arc::clone(places).try_acquire_owned().ok().map(|place| Permit { _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Class};

    #[test]
    fn a_full_class_refuses_until_a_place_is_given_back() {
        let admission = Admission::new(1, 1);
        let first = admission.try_enter(Class::Write);

        assert!(first.is_some());
        assert!(admission.try_enter(Class::Write).is_none());
        assert!(admission.try_enter(Class::Read).is_some());
        drop(first);
        assert!(admission.try_enter(Class::Write).is_some());
    }
}
