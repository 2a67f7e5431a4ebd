//! What referrals add up to: which way they go, where they stand, and the shares that are told of them.
//!
//! ```text
//! inbound   own record, invited by another    received ─→ accepted ─→ won
//! outbound  another's record, invited by us   sent ─────→ accepted ─→ won
//! own       own record, made by us            made ─────────────────→ won
//! ```
//!
//! What was closed as an error counts nowhere (the portal's insights, 2026). Records that an organisation merely looks
//! on, as another party of an engagement or because they are shared with Microsoft's sellers, are nobody's funnel.

use super::lifecycle::State;

/// Which way a referral goes, as one organisation sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flow {
    /// Another organisation invited the viewer's.
    Inbound,
    /// The viewer's organisation invited another.
    Outbound,
    /// The viewer's organisation made it for itself.
    Own,
}

impl Flow {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Inbound, Self::Outbound, Self::Own];

    /// Returns the stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Own => "own",
        }
    }

    /// Reads a stable name. `None` when it is not known.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Says whether somebody has to accept it: nobody answers what one makes for oneself.
    pub const fn is_answered(self) -> bool {
        !matches!(self, Self::Own)
    }
}

/// Where a referral stands, for what it adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It waits for an answer.
    Waiting,
    /// It is worked on.
    Accepted,
    /// It was won.
    Won,
    /// It was lost.
    Lost,
    /// It was not wanted.
    Declined,
    /// Nobody answered in time.
    Expired,
    /// Who sent it took it back.
    Withdrawn,
}

impl Standing {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Accepted,
        Self::Won,
        Self::Lost,
        Self::Declined,
        Self::Expired,
        Self::Withdrawn,
    ];

    /// Returns the stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Returns where a referral in a state stands. `None` for an error, which does not count.
    pub const fn of(state: State, is_withdrawn: bool) -> Option<Self> {
        Some(match state {
            State::Pending | State::Received => Self::Waiting,
            State::Accepted => Self::Accepted,
            State::Won => Self::Won,
            State::Lost => Self::Lost,
            State::Declined => Self::Declined,
            State::Expired if is_withdrawn => Self::Withdrawn,
            State::Expired => Self::Expired,
            State::Error => return None,
        })
    }

    /// Says whether it was accepted at some time.
    pub const fn was_accepted(self) -> bool {
        matches!(self, Self::Accepted | Self::Won | Self::Lost)
    }
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
}

impl Share {
    /// Returns the share in tenths of a percent, rounded; `None` of nothing.
    pub fn permille(self) -> Option<u64> {
        let doubled = self.part.checked_mul(2000)?.checked_add(self.whole)?;
        doubled.checked_div(self.whole.checked_mul(2)?)
    }
}

/// How many referrals of one flow stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standings([u64; Standing::ALL.len()]);

impl Standings {
    /// Adds referrals that stand at one place.
    pub fn add(&mut self, standing: Standing, count: u64) {
        let places = Standing::ALL.iter().zip(&mut self.0);
        for (_, place) in places.filter(|(it, _)| **it == standing) {
            *place = place.saturating_add(count);
        }
    }

    /// Returns how many stand at one place.
    pub fn count(&self, standing: Standing) -> u64 {
        self.sum(|it| it == standing)
    }

    /// Returns how many there are.
    pub fn all(&self) -> u64 {
        self.sum(|_| true)
    }

    /// Returns how many were accepted at some time.
    pub fn accepted(&self) -> u64 {
        self.sum(Standing::was_accepted)
    }

    /// Returns how many were accepted, of those that were answered or whose time ran out.
    pub fn acceptance(&self) -> Share {
        Share { part: self.accepted(), whole: self.decided() }
    }

    /// Returns how many ran out of time, of those that were answered or whose time ran out.
    pub fn expiry(&self) -> Share {
        Share { part: self.count(Standing::Expired), whole: self.decided() }
    }

    /// Returns how many were won, of those that were accepted ("Referral insights", 2024: won / accepted, where own deals
    /// count as accepted).
    pub fn win(&self) -> Share {
        Share { part: self.count(Standing::Won), whole: self.accepted() }
    }

    fn decided(&self) -> u64 {
        self.accepted().saturating_add(self.sum(|it| matches!(it, Standing::Declined | Standing::Expired)))
    }

    fn sum(&self, is_wanted: impl Fn(Standing) -> bool) -> u64 {
        let places = Standing::ALL.iter().zip(&self.0).filter(|(it, _)| is_wanted(**it));
        places.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::{Share, Standing, Standings};
    use crate::domain::{
        lifecycle::State,
        visibility::{Facet, Relation, Sight, sight},
    };

    #[test]
    fn what_waits_or_was_taken_back_is_no_answer() {
        let mut standings = Standings::default();
        for (standing, count) in
            Standing::ALL.into_iter().zip([/* waiting */ 50, /* accepted */ 10, 20, 30, 25, 15, 7])
        {
            standings.add(standing, count);
        }

        assert_eq!(standings.all(), 157);
        assert_eq!(standings.acceptance(), Share { part: 60, whole: 100 });
        assert_eq!(standings.expiry(), Share { part: 15, whole: 100 });
        assert_eq!(standings.win().permille(), Some(333));
        assert_eq!(Share::default().permille(), None);
    }

    #[test]
    fn an_error_counts_nowhere() {
        let counted = State::ALL.into_iter().filter(|it| Standing::of(*it, false).is_some()).count();

        assert_eq!(counted, State::ALL.len() - 1);
        assert_eq!(Standing::of(State::Expired, true), Some(Standing::Withdrawn));
    }

    #[test]
    fn whoever_counts_a_referral_sees_what_is_reckoned_of_it() {
        for facet in [Facet::Record, Facet::Deal, Facet::Value, Facet::Notes, Facet::Solutions] {
            for relation in [Relation::Owner, Relation::Inviter] {
                assert_eq!(sight(facet, relation), Sight::Shown, "{facet:?} {relation:?}");
            }
        }
    }
}
