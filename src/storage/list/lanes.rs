//! Who may run a long query: few at a time, and one for each organisation, so that nobody's curiosity slows the others.

use std::{
    collections::HashMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::domain::organization::OrganizationId;

/// A query that has run for so long is a long one.
pub(crate) const SHORT: Duration = Duration::from_millis(25);
/// How often a long query that waits looks whether its turn has come.
const LOOK: Duration = Duration::from_millis(5);
/// Long queries that an organisation may have, the one that runs and those that wait: each holds a thread and a connection.
const LONG_MAX: usize = 4;

/// The long queries of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    long: Arc<Mutex<HashMap<OrganizationId, Long>>>,
    running_max: usize,
}

/// The long queries of an organisation.
#[derive(Clone, Copy, Debug, Default)]
struct Long {
    count: usize,
    is_running: bool,
}

impl Default for Lanes {
    fn default() -> Self {
        // One processor stays free for everybody else.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { long: Arc::default(), running_max: processors.saturating_sub(1).max(1) }
    }
}

impl Lanes {
    /// Starts the clock of a query.
    pub(crate) fn turn(&self, organization_id: OrganizationId, budget: Duration) -> Turn {
        Turn { lanes: self.clone(), organization_id, began: Instant::now(), budget, place: Place::None }
    }
}

/// A query on its way. It gives its place back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    lanes: Lanes,
    organization_id: OrganizationId,
    began: Instant,
    budget: Duration,
    place: Place,
}

/// How far a query has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It is a short one so far.
    None,
    /// It is a long one and waits.
    Waiting,
    /// It is a long one and runs.
    Running,
}

impl Turn {
    /// Says whether the query may go on; keeps a long one waiting until it may. The time that it waits counts.
    pub(crate) fn may_go_on(&mut self) -> bool {
        let so_far = self.began.elapsed();
        if so_far < SHORT {
            return so_far < self.budget;
        }
        while self.place != Place::Running && self.began.elapsed() < self.budget {
            if !self.step_up() {
                return false;
            }
            if self.place != Place::Running {
                thread::sleep(LOOK);
            }
        }
        self.began.elapsed() < self.budget
    }

    /// Waits until a query that is known to be a long one may run, without a thread. `false` when it may not, or not in
    /// time.
    pub(crate) async fn wait(&mut self) -> bool {
        while self.place != Place::Running {
            if self.began.elapsed() >= self.budget || !self.step_up() {
                return false;
            }
            if self.place != Place::Running {
                tokio::time::sleep(LOOK).await;
            }
        }
        true
    }

    /// Returns how much of its time is left.
    pub(crate) fn time_left(&self) -> Duration {
        self.budget.saturating_sub(self.began.elapsed())
    }

    /// Takes the next place if it is free. `false` when the organisation has too many that wait.
    fn step_up(&mut self) -> bool {
        let mut long = self.lanes.long.lock();
        let running = long.values().filter(|it| it.is_running).count();
        let own = long.entry(self.organization_id.clone()).or_default();
        if self.place == Place::None {
            if own.count >= LONG_MAX {
                return false;
            }
            own.count = own.count.saturating_add(1);
            self.place = Place::Waiting;
        }
        if !own.is_running && running < self.lanes.running_max {
            own.is_running = true;
            self.place = Place::Running;
        }
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.place == Place::None {
            return;
        }
        let mut long = self.lanes.long.lock();
        let Some(own) = long.get_mut(&self.organization_id) else { return };
        own.count = own.count.saturating_sub(1);
        own.is_running &= self.place != Place::Running;
        if own.count == 0 {
            long.remove(&self.organization_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{LONG_MAX, Lanes, Place, SHORT, Turn};
    use crate::domain::organization::OrganizationId;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A query that has run for a while.
    fn long(lanes: &Lanes, organization_id: OrganizationId) -> Turn {
        let mut turn = lanes.turn(organization_id, MINUTE);
        turn.began = Instant::now().checked_sub(SHORT * 2).unwrap();
        turn
    }

    #[test]
    fn a_short_query_needs_no_place_and_a_long_one_has_an_end() {
        let lanes = Lanes::default();
        let mut short = lanes.turn(OrganizationId::msft(), MINUTE);
        let mut cut_off = long(&lanes, OrganizationId::msft());
        cut_off.budget = SHORT;

        assert!(short.may_go_on());
        assert!(!cut_off.may_go_on());
        assert!(lanes.long.lock().is_empty());
    }

    #[test]
    fn an_organization_has_one_that_runs_and_a_few_that_wait() {
        let lanes = Lanes { running_max: 2, ..Lanes::default() };
        let mut turns: Vec<_> = (0..LONG_MAX).map(|_| long(&lanes, OrganizationId::msft())).collect();
        assert!(turns[0].may_go_on());
        for waiting in &mut turns[1..] {
            assert!(waiting.step_up() && waiting.place == Place::Waiting);
        }

        assert!(!long(&lanes, OrganizationId::msft()).may_go_on(), "one too many is refused at once");
        let mut other = long(&lanes, uuid::Uuid::from_u128(1).into());
        assert!(other.may_go_on(), "another organization has a place of its own");
        drop((turns.remove(0), other));
        assert!(turns[0].step_up() && turns[0].place == Place::Running);
        drop(turns);
        assert!(lanes.long.lock().is_empty());
    }
}
