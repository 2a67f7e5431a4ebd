//! Where a referral may stand, and who may move it where: one table.
//!
//! ```text
//! New ─ Pending ─ Received ─┬─ accept ─→ Active ─ Accepted ─┬─ win ──────────→ Closed ─ Won
//!       (open)              ├─ decline ───────────────────┐ ├─ lose ─────────→          Lost
//!                           ├─ expire, withdraw ────────┐ └─┼────────────────→          Declined
//!                           │                           └───┼────────────────→          Expired
//!                           └─ close as error ──────────────┴────────────────→          Error
//! ```
//!
//! [`TABLE`] is what decides, whatever verb a caller uses; it explains ([`decide`]), is printed into API.md and
//! tested cell by cell ("Create a referral", 2019 to 2024; the portal, 2021 to 2026; `Error` since 2022/23).

use super::{
    referral::Referral,
    report::{ProblemCode, Report},
    time::Timestamp,
    vocabulary::{Status, Substatus, Vocabulary},
};

/// Where a referral stands: the pairs of status and substatus that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// New: nobody has looked at it.
    Pending,
    /// New: the receiver has opened it.
    Received,
    /// Active.
    Accepted,
    /// Closed.
    Won,
    /// Closed.
    Lost,
    /// Closed: the receiver did not want it.
    Declined,
    /// Closed: nobody answered in time, or the inviter took it back.
    Expired,
    /// Closed: it should not have been there.
    Error,
}

use State::{Accepted, Declined, Error, Expired, Lost, Pending, Received, Won};

impl State {
    /// Every state, in the order of the documentation.
    pub const ALL: [Self; 8] = [Pending, Received, Accepted, Won, Lost, Declined, Expired, Error];

    /// Returns the state of a pair. `None` when the two do not belong together.
    pub fn of(status: Status, substatus: Substatus) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.status() == status && it.substatus() == substatus)
    }

    /// Returns the status.
    pub const fn status(self) -> Status {
        match self {
            Pending | Received => Status::New,
            Accepted => Status::Active,
            Won | Lost | Declined | Expired | Error => Status::Closed,
        }
    }

    /// Returns the substatus.
    pub const fn substatus(self) -> Substatus {
        match self {
            Pending => Substatus::Pending,
            Received => Substatus::Received,
            Accepted => Substatus::Accepted,
            Won => Substatus::Won,
            Lost => Substatus::Lost,
            Declined => Substatus::Declined,
            Expired => Substatus::Expired,
            Error => Substatus::Error,
        }
    }

    /// Says whether nothing can change any more.
    pub const fn is_closed(self) -> bool {
        matches!(self.status(), Status::Closed)
    }

    /// Says whether the receiver has not answered.
    pub const fn is_unanswered(self) -> bool {
        matches!(self.status(), Status::New)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.status().as_str(), self.substatus().as_str())
    }
}

/// What is done to a referral; the log calls each change by one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The record is made.
    Create,
    /// The receiver looks at it.
    Open,
    /// The receiver takes it on.
    Accept,
    /// The receiver does not want it.
    Decline,
    /// The owner closes it as won.
    Win,
    /// The owner closes it as lost.
    Lose,
    /// The owner closes it as one that should not have been there.
    CloseAsError,
    /// The inviter takes back an invitation that waits for an answer.
    Withdraw,
    /// Nobody answered in time.
    Expire,
    /// The owner changes other members.
    Revise,
    /// The owner lets Microsoft's sellers see it (Private becomes Partner-led).
    ShareWithMicrosoft,
    /// The owner invites others; in the log, the record becomes Shared.
    Share,
}

impl Action {
    /// Every action, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Create,
        Self::Open,
        Self::Accept,
        Self::Decline,
        Self::Win,
        Self::Lose,
        Self::CloseAsError,
        Self::Withdraw,
        Self::Expire,
        Self::Revise,
        Self::ShareWithMicrosoft,
        Self::Share,
    ];

    /// Returns the stable name used in the log and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Win => "win",
            Self::Lose => "lose",
            Self::CloseAsError => "closeAsError",
            Self::Withdraw => "withdraw",
            Self::Expire => "expire",
            Self::Revise => "revise",
            Self::ShareWithMicrosoft => "shareWithMicrosoft",
            Self::Share => "share",
        }
    }

    /// Reads a stable name. `None` when it is not known.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Returns what an owner does who writes another state; [`Action::Revise`] when it is the same. `None` when no
    /// action of the owner leads there.
    pub fn between(from: State, to: State) -> Option<Self> {
        if from == to {
            return Some(Self::Revise);
        }
        TABLE.iter().find(|it| it.side == Side::Owner && it.to == Outcome::Moves(to)).map(|it| it.action)
    }
}

/// Which side of a referral acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The organisation whose record it is.
    Owner,
    /// The organisation that made it for the owner.
    Inviter,
    /// Another organisation that may see it.
    Other,
    /// The server itself.
    Server,
}

impl Side {
    /// Every side, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Inviter, Self::Other, Self::Server];

    /// Returns the word for messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "the owner",
            Self::Inviter => "the inviter",
            Self::Other => "another party",
            Self::Server => "the server",
        }
    }
}

/// What an action makes of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays.
    Stays,
    /// It becomes this one.
    Moves(State),
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What is done.
    pub action: Action,
    /// By whom.
    pub side: Side,
    /// From where.
    pub from: &'static [State],
    /// To where.
    pub to: Outcome,
    /// JSON pointers of what the request must bring.
    pub requires: &'static [&'static str],
}

const UNANSWERED: &[State] = &[Pending, Received];
const OPEN: &[State] = &[Pending, Received, Accepted];
const REASON: &[&str] = &["/statusReason"];

const fn row(
    action: Action,
    side: Side,
    from: &'static [State],
    to: Outcome,
    requires: &'static [&'static str],
) -> Row {
    Row { action, side, from, to, requires }
}

/// Who may do what, from where to where. What stands in no row is refused.
pub const TABLE: [Row; 11] = [
    row(Action::Open, Side::Owner, &[Pending], Outcome::Moves(Received), &[]),
    row(Action::Accept, Side::Owner, UNANSWERED, Outcome::Moves(Accepted), &[]),
    row(Action::Decline, Side::Owner, UNANSWERED, Outcome::Moves(Declined), REASON),
    row(Action::Win, Side::Owner, &[Accepted], Outcome::Moves(Won), &[]),
    row(Action::Lose, Side::Owner, &[Accepted], Outcome::Moves(Lost), REASON),
    row(Action::CloseAsError, Side::Owner, OPEN, Outcome::Moves(Error), &[]),
    row(Action::Withdraw, Side::Inviter, UNANSWERED, Outcome::Moves(Expired), &[]),
    row(Action::Expire, Side::Server, UNANSWERED, Outcome::Moves(Expired), &[]),
    row(Action::Revise, Side::Owner, OPEN, Outcome::Stays, &[]),
    row(Action::ShareWithMicrosoft, Side::Owner, OPEN, Outcome::Stays, &[]),
    row(Action::Share, Side::Owner, OPEN, Outcome::Stays, &[]),
];

/// Where a record stands and until when it waits, for [`decide`].
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The state.
    pub state: State,
    /// Until when the receiver can answer.
    pub expires: Option<Timestamp>,
}

/// What an operator can set about the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Won and Lost are reached from Active only.
    Strict,
    /// Won and Lost are reached from New too, which the documented table does not forbid.
    CloseFromNew,
}

/// Why an action is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else may.
    #[error("only {} may do that ({})", .may.as_str(), .action.as_str())]
    OtherSide {
        /// What was to be done.
        action: Action,
        /// Who may.
        may: Side,
    },
    /// Nothing may change any more.
    #[error("the referral is {0}, and nothing of a closed referral changes any more")]
    Closed(State),
    /// Not from here.
    #[error("the referral is {state}; {} is possible from {}", .action.as_str(), list(.from))]
    WrongState {
        /// What was to be done.
        action: Action,
        /// Where the referral stands.
        state: State,
        /// From where it would be possible.
        from: Vec<State>,
    },
    /// It is too late to answer.
    #[error("the time to answer ended at {0}")]
    DeadlinePassed(Timestamp),
    /// The deadline has not come.
    #[error("the receiver has time to answer until {0}")]
    DeadlineAhead(Timestamp),
}

impl Refusal {
    /// Returns the name of the rule that decides, as in API.md.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::OtherSide { .. } => "side",
            Self::Closed(_) => "closed",
            Self::WrongState { .. } => "transition",
            Self::DeadlinePassed(_) | Self::DeadlineAhead(_) => "deadline",
        }
    }
}

fn list(states: &[State]) -> String {
    let texts: Vec<_> = states.iter().map(State::to_string).collect();
    texts.join(", ")
}

/// Returns the row for an action; `None` for [`Action::Create`], which starts from nothing.
pub fn row_of(action: Action) -> Option<&'static Row> {
    TABLE.iter().find(|it| it.action == action)
}

/// Decides whether `side` may do `action`, and returns the state after it.
///
/// # Errors
/// The first rule that refuses, in the order side, state, deadline.
pub fn decide(
    action: Action,
    side: Side,
    standing: Standing,
    now: Timestamp,
    strictness: Strictness,
) -> Result<State, Refusal> {
    let state = standing.state;
    let Some(row) = row_of(action) else {
        return Err(Refusal::WrongState { action, state, from: Vec::new() });
    };
    if row.side != side {
        return Err(Refusal::OtherSide { action, may: row.side });
    }
    if state.is_closed() {
        return Err(Refusal::Closed(state));
    }
    let from = match (action, strictness) {
        (Action::Win | Action::Lose, Strictness::CloseFromNew) => OPEN,
        _ => row.from,
    };
    if !from.contains(&state) {
        return Err(Refusal::WrongState { action, state, from: from.to_vec() });
    }
    if let Some(expires) = standing.expires.filter(|_| state.is_unanswered()) {
        match (action, now < expires) {
            (Action::Expire, true) => return Err(Refusal::DeadlineAhead(expires)),
            (Action::Expire, false) | (_, true) => {}
            (_, false) => return Err(Refusal::DeadlinePassed(expires)),
        }
    }
    Ok(match row.to {
        Outcome::Stays => state,
        Outcome::Moves(to) => to,
    })
}

impl Referral {
    /// Returns where the record stands. `None` for the blank one only.
    pub fn state(&self) -> Option<State> {
        State::of(self.status, self.substatus)
    }

    /// Moves the record, with the members that go with it: an acceptance is dated, a closing too, and who has
    /// answered waits no more. An expired record keeps its deadline, which says when the time was up.
    pub fn move_to(&mut self, state: State, now: Timestamp) {
        self.status = state.status();
        self.substatus = state.substatus();
        match state {
            Pending | Received => {}
            Accepted => {
                self.accepted_date_time = Some(now);
                self.expiration_date_time = None;
            }
            Won | Lost | Declined | Error => {
                self.closed_date_time = Some(now);
                self.expiration_date_time = None;
            }
            Expired => self.closed_date_time = Some(now),
        }
        self.updated_date_time = now;
    }

    /// Returns the record as the server closes it when nobody answered in time.
    ///
    /// # Errors
    /// When it does not wait for an answer, or its deadline has not come.
    pub fn expire(&self, now: Timestamp) -> Result<Self, Refusal> {
        let Some(state) = self.state() else { return Err(Refusal::Closed(Error)) };
        let standing = Standing { state, expires: self.expiration_date_time };
        let state = decide(Action::Expire, Side::Server, standing, now, Strictness::Strict)?;
        let mut expired = self.clone();
        expired.move_to(state, now);
        expired.last_modified_via = Some("Liaison".to_owned());
        Ok(expired)
    }
}

/// Lists the states that an owner can write from `state`, itself included.
pub fn reachable(state: State, strictness: Strictness) -> Vec<State> {
    let from = Standing { state, expires: None };
    let moves = |to: &State| {
        let action = Action::between(state, *to);
        action.is_some_and(|it| decide(it, Side::Owner, from, Timestamp::default(), strictness).is_ok())
    };
    State::ALL.into_iter().filter(moves).collect()
}

/// What a create call may say about status and substatus. All of it is advice: ownership decides ("Create a
/// referral", 2019 to 2024, whose sample posts New/Pending and is answered Active/Accepted).
pub const CREATE_STATUS: [Status; 2] = [Status::New, Status::Active];
/// See [`CREATE_STATUS`].
pub const CREATE_SUBSTATUS: [Substatus; 3] = [Substatus::Pending, Substatus::Received, Substatus::Accepted];

/// Where a new referral starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Status.
    pub status: Status,
    /// Substatus.
    pub substatus: Substatus,
    /// When the owner accepted; the creation time on own records.
    pub accepted: Option<Timestamp>,
    /// Until when the receiver can answer.
    pub expires: Option<Timestamp>,
}

impl Start {
    /// A record of the caller's own is accepted at once.
    pub fn own(now: Timestamp) -> Self {
        Self { status: Status::Active, substatus: Substatus::Accepted, accepted: Some(now), expires: None }
    }

    /// A record of somebody else's waits for an answer, until midnight UTC `expiration_days` days on.
    pub fn for_another(now: Timestamp, expiration_days: i64) -> Self {
        Self {
            status: Status::New,
            substatus: Substatus::Pending,
            accepted: None,
            expires: Some(now.midnight_after_days(expiration_days)),
        }
    }
}

/// Checks what a create call says about status and substatus.
pub fn check_create(status: Option<Status>, substatus: Option<Substatus>, report: &mut Report) {
    if let Some(status) = status.filter(|it| *it != Status::None && !CREATE_STATUS.contains(it)) {
        let message = format!("a referral cannot be created as {}", status.as_str());
        refuse(report, "/status", message, CREATE_STATUS.iter().map(|it| it.as_str()));
    }
    if let Some(substatus) = substatus.filter(|it| *it != Substatus::None && !CREATE_SUBSTATUS.contains(it)) {
        let message = format!("a referral cannot be created as {}", substatus.as_str());
        refuse(report, "/substatus", message, CREATE_SUBSTATUS.iter().map(|it| it.as_str()));
    }
}

fn refuse(report: &mut Report, target: &str, message: String, allowed: impl Iterator<Item = &'static str>) {
    report.problem_with_allowed(
        ProblemCode::InvalidStatusTransition,
        "createStatus",
        target,
        message,
        allowed.map(str::to_owned).collect(),
    );
}

#[cfg(test)]
mod tests {
    use super::{
        Action, Outcome, Refusal, Side, Standing, State, Strictness, TABLE, decide, reachable, row_of,
    };
    use crate::domain::{
        time::Timestamp,
        vocabulary::{Status, Substatus, Vocabulary as _},
    };

    fn at(state: State) -> Standing {
        Standing { state, expires: None }
    }

    fn try_it(action: Action, side: Side, state: State) -> Result<State, Refusal> {
        decide(action, side, at(state), Timestamp::default(), Strictness::Strict)
    }

    #[test]
    fn every_pair_is_a_state_or_none() {
        let mut count = 0;
        for status in Status::ALL {
            for substatus in Substatus::ALL {
                if let Some(state) = State::of(*status, *substatus) {
                    assert_eq!((state.status(), state.substatus()), (*status, *substatus));
                    count += 1;
                }
            }
        }
        assert_eq!(count, State::ALL.len());
    }

    #[test]
    fn nothing_moves_what_is_closed() {
        for state in State::ALL.into_iter().filter(|it| it.is_closed()) {
            for action in Action::ALL {
                for side in Side::ALL {
                    assert!(try_it(action, side, state).is_err(), "{action:?} {side:?} {state}");
                }
            }
        }
    }

    #[test]
    fn each_action_belongs_to_one_side_and_one_row() {
        for row in &TABLE {
            assert_eq!(TABLE.iter().filter(|it| it.action == row.action).count(), 1);
            for side in Side::ALL.into_iter().filter(|it| *it != row.side) {
                let refused = try_it(row.action, side, State::Pending);
                assert_eq!(refused, Err(Refusal::OtherSide { action: row.action, may: row.side }));
            }
        }
        assert!(row_of(Action::Create).is_none());
    }

    #[test]
    fn an_owner_reaches_what_the_documented_table_allows() {
        use State::{Accepted, Declined, Error, Lost, Pending, Received, Won};
        let strict = |state| reachable(state, Strictness::Strict);

        assert_eq!(strict(Pending), [Pending, Received, Accepted, Declined, Error]);
        assert_eq!(strict(Received), [Received, Accepted, Declined, Error]);
        assert_eq!(strict(Accepted), [Accepted, Won, Lost, Error]);
        assert!(strict(Won).is_empty());
        let compatible = reachable(Received, Strictness::CloseFromNew);
        assert_eq!(compatible, [Received, Accepted, Won, Lost, Declined, Error]);
    }

    #[test]
    fn the_state_that_is_written_names_the_action() {
        for row in TABLE.iter().filter(|it| it.side == Side::Owner) {
            if let Outcome::Moves(to) = row.to {
                assert_eq!(Action::between(State::Pending, to), Some(row.action));
            }
        }
        assert_eq!(Action::between(State::Pending, State::Expired), None);
        assert_eq!(Action::between(State::Received, State::Pending), None);
        assert_eq!(Action::between(State::Accepted, State::Accepted), Some(Action::Revise));
    }

    #[test]
    fn after_the_deadline_only_the_server_moves() {
        let now = Timestamp::from_unix_secs(100);
        let waiting =
            |secs| Standing { state: State::Pending, expires: Some(Timestamp::from_unix_secs(secs)) };
        let decide = |action, side, secs| decide(action, side, waiting(secs), now, Strictness::Strict);

        assert_eq!(decide(Action::Accept, Side::Owner, 101), Ok(State::Accepted));
        assert!(matches!(decide(Action::Accept, Side::Owner, 100), Err(Refusal::DeadlinePassed(_))));
        assert!(matches!(decide(Action::Expire, Side::Server, 101), Err(Refusal::DeadlineAhead(_))));
        assert_eq!(decide(Action::Expire, Side::Server, 100), Ok(State::Expired));
    }

    #[test]
    fn names_are_read_back() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        assert_eq!(Action::parse("steal"), None);
    }
}
