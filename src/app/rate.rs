//! Requests in a minute, by organisation and by application.
//!
//! A leaky bucket of one minute's size: a caller may spend its minute at once and then gets it back evenly.
//! Counted in this process; behind several replicas each one counts for itself.

use std::{fmt, hash::Hash, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference as _},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};

use crate::domain::organization::OrganizationId;

const MINUTE_SECS: u64 = 60;

/// Both limits. Time comes from `C`, so that a test can move it.
pub struct RateLimits<C: Clock = DefaultClock> {
    organizations: Option<Buckets<OrganizationId, C>>,
    applications: Option<Buckets<String, C>>,
}

/// Where a caller stands with the tighter of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    /// Requests in a minute.
    pub limit: u32,
    /// Requests left at once.
    pub remaining: u32,
    /// Seconds until all of them are back.
    pub reset_secs: u64,
}

/// A caller that has spent its minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Where the caller stands.
    pub state: RateState,
    /// Seconds until one request is possible; at least 1.
    pub retry_after_secs: u64,
}

impl RateLimits {
    /// Makes limits in requests a minute; 0 means none.
    pub fn new(per_organization: u32, per_application: u32) -> Self {
        Self::with_clock(per_organization, per_application, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimits<C> {
    /// Makes limits that take the time from `clock`.
    pub fn with_clock(per_organization: u32, per_application: u32, clock: &C) -> Self {
        Self {
            organizations: Buckets::new(per_organization, clock),
            applications: Buckets::new(per_application, clock),
        }
    }

    /// Counts one request of a known caller. `None` when no limit is on.
    pub fn check(
        &self,
        organization_id: &OrganizationId,
        application_id: &String,
    ) -> Result<Option<RateState>, Throttled> {
        let organization = self.organizations.as_ref().map(|it| it.check(organization_id)).transpose()?;
        let application = self.applications.as_ref().map(|it| it.check(application_id)).transpose()?;
        Ok(match (organization, application) {
            (Some(one), Some(other)) if other.remaining < one.remaining => Some(other),
            (Some(one), _) => Some(one),
            (None, other) => other,
        })
    }

    /// Forgets callers that have their whole minute again, so that memory does not grow with every caller seen.
    pub fn forget_idle(&self) {
        if let Some(buckets) = &self.organizations {
            buckets.limiter.retain_recent();
        }
        if let Some(buckets) = &self.applications {
            buckets.limiter.retain_recent();
        }
    }
}

impl<C: Clock> fmt::Debug for RateLimits<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateLimits")
    }
}

struct Buckets<K: Hash + Eq + Clone, C: Clock> {
    limit: NonZeroU32,
    limiter: RateLimiter<K, DashMapStateStore<K>, C, StateInformationMiddleware>,
    clock: C,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Buckets<K, C> {
    fn new(per_minute: u32, clock: &C) -> Option<Self> {
        let limit = NonZeroU32::new(per_minute)?;
        let limiter = RateLimiter::new(Quota::per_minute(limit), DashMapStateStore::default(), clock.clone());
        Some(Self { limit, limiter, clock: clock.clone() })
    }

    fn check(&self, key: &K) -> Result<RateState, Throttled> {
        match self.limiter.check_key(key) {
            Ok(snapshot) => Ok(self.state(snapshot.remaining_burst_capacity())),
            Err(not_until) => {
                let wait = not_until.earliest_possible().duration_since(self.clock.now());
                let retry_after_secs = ceil_secs(wait.into()).max(1);
                Err(Throttled { state: self.state(0), retry_after_secs })
            }
        }
    }

    fn state(&self, remaining: u32) -> RateState {
        let limit = self.limit.get();
        let spent = u64::from(limit.saturating_sub(remaining));
        let reset_secs = (spent * MINUTE_SECS).div_ceil(u64::from(limit));
        RateState { limit, remaining, reset_secs }
    }
}

fn ceil_secs(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn contoso() -> OrganizationId {
        OrganizationId::parse("7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d").unwrap()
    }

    #[test]
    fn a_spent_minute_comes_back_evenly() {
        let clock = FakeRelativeClock::default();
        let limits = RateLimits::with_clock(2, 0, &clock);
        let application = "app".to_owned();

        let first = limits.check(&contoso(), &application).unwrap().unwrap();
        assert_eq!(first, RateState { limit: 2, remaining: 1, reset_secs: 30 });
        limits.check(&contoso(), &application).unwrap();
        let refused = limits.check(&contoso(), &application).unwrap_err();
        assert_eq!(refused.retry_after_secs, 30);
        assert_eq!(refused.state.remaining, 0);

        clock.advance(Duration::from_secs(30));
        assert!(limits.check(&contoso(), &application).is_ok());
        assert!(limits.check(&contoso(), &application).is_err());
    }

    #[test]
    fn organizations_do_not_share_a_minute() {
        let limits = RateLimits::with_clock(1, 0, &FakeRelativeClock::default());
        let application = "app".to_owned();

        assert!(limits.check(&contoso(), &application).is_ok());
        assert!(limits.check(&OrganizationId::msft(), &application).is_ok());
        assert!(limits.check(&contoso(), &application).is_err());
    }

    #[test]
    fn one_application_of_two_organizations_is_counted_once() {
        let limits = RateLimits::with_clock(0, 1, &FakeRelativeClock::default());
        let application = "app".to_owned();

        assert!(limits.check(&contoso(), &application).is_ok());
        assert!(limits.check(&OrganizationId::msft(), &application).is_err());
    }

    #[test]
    fn zero_means_no_limit_and_no_headers() {
        let limits = RateLimits::with_clock(0, 0, &FakeRelativeClock::default());

        assert_eq!(limits.check(&contoso(), &"app".to_owned()), Ok(None));
    }
}
