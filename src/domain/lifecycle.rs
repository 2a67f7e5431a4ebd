//! Where a referral may stand, and where a new one starts ("Create a referral", 2019 to 2024).

use super::{
    report::{ProblemCode, Report},
    time::Timestamp,
    vocabulary::{Status, Substatus, Vocabulary},
};

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
