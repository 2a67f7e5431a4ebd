//! Mails: one row for each, made with the notices that it tells of, and taken away long after it was sent.
//!
//! The digest of a day gathers until the day is over. Whoever mails closes it first, so that nothing is added to what
//! is on its way. An attempt is written down on condition that nobody else has written one: so two servers that both
//! believe to have the lease repeat a mail at worst, with the same id.

use uuid::Uuid;

use crate::{
    domain::{
        actor::SystemScope,
        notice::{Kind, Notice},
        time::Timestamp,
        vocabulary::Vocabulary as _,
    },
    storage::{Commit, Conflict, Store, StoreError, value::Row},
};

/// What a mail tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// One notice.
    Single,
    /// What a day brought beyond that.
    Digest,
}

/// The mail that a new notice belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailPlan {
    /// Key.
    pub id: Uuid,
    /// What it tells.
    pub kind: MailKind,
    /// Of which day, in days since 1970-01-01.
    pub day: i64,
    /// When it is sent.
    pub due: Timestamp,
    /// Whether it is made with this notice.
    pub is_new: bool,
}

/// What a person was mailed in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailTally {
    /// Mails of one notice each.
    pub singles: u32,
    /// The day's digest, while it gathers.
    pub digest: Option<Uuid>,
    /// Whether the day's digest is closed.
    pub is_digest_closed: bool,
}

/// A mail that is due.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Key, and what its Message-ID is made of.
    pub id: Uuid,
    /// To whom.
    pub user_id: Uuid,
    /// What it tells.
    pub kind: MailKind,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was made.
    pub created: Timestamp,
}

/// A notice in a mail.
#[derive(Clone, Copy, Debug)]
pub struct MailedNotice {
    /// What it tells.
    pub kind: Kind,
    /// Of which record.
    pub referral_id: Uuid,
    /// When that happened.
    pub at: Timestamp,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail server took it.
    Sent,
    /// It is tried again then.
    Again(Timestamp),
    /// It is given up.
    GivenUp,
    /// There is nobody to be told, or nothing to tell.
    Dropped,
}

impl MailKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Digest => "digest",
        }
    }
}

impl Commit {
    /// Adds a mail, if the notice that it begins with was added.
    pub(super) fn insert_mail(&mut self, plan: &MailPlan, notice: &Notice, now: Timestamp) {
        let state = match plan.kind {
            MailKind::Single => "pending",
            MailKind::Digest => "gathering",
        };
        let sql = "INSERT INTO notice_mails (id, organization_id, user_id, kind, day, state, attempts, due, created,
                finished)
             SELECT $1, $2, $3, $4, $5, $6, 0, $7, $8, NULL
             WHERE EXISTS (SELECT 1 FROM notices n WHERE n.mail_id = $1)";
        let params = vec![
            plan.id.into(),
            (&notice.organization_id).into(),
            notice.user_id.into(),
            plan.kind.as_str().into(),
            plan.day.into(),
            state.into(),
            plan.due.into(),
            now.into(),
        ];
        self.step_any_rows(sql, params);
    }

    /// Closes a digest before it is sent. [`Conflict::Version`] when somebody else has mailed it.
    pub fn close_digest(&mut self, mail: &Mail) {
        let sql =
            "UPDATE notice_mails SET state = 'pending' WHERE id = $1 AND attempts = $2 AND finished IS NULL";
        self.step(sql, vec![mail.id.into(), mail.attempts.into()], 1, Conflict::Version);
    }

    /// Writes down what became of an attempt. [`Conflict::Version`] when somebody else has made one meanwhile.
    pub fn record_mail(&mut self, mail: &Mail, outcome: MailOutcome, now: Timestamp) {
        let (state, due, finished) = match outcome {
            MailOutcome::Sent => ("sent", now, Some(now)),
            MailOutcome::Again(due) => ("pending", due, None),
            MailOutcome::GivenUp => ("dead", now, Some(now)),
            MailOutcome::Dropped => ("dropped", now, Some(now)),
        };
        let sql = "UPDATE notice_mails
             SET state = $3, attempts = attempts + 1, due = $4, finished = $5
             WHERE id = $1 AND attempts = $2 AND finished IS NULL";
        let params = vec![mail.id.into(), mail.attempts.into(), state.into(), due.into(), finished.into()];
        self.step(sql, params, 1, Conflict::Version);
    }
}

impl Store {
    /// Counts what a person was mailed in a day.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tally_mails(&self, user_id: Uuid, day: i64) -> Result<MailTally, StoreError> {
        let sql = "SELECT kind, state, id FROM notice_mails WHERE user_id = $1 AND day = $2 ORDER BY id";
        let mut tally = MailTally::default();
        for row in self.query(sql, &[user_id.into(), day.into()]).await? {
            match (row.text(0)?.as_str(), row.text(1)?.as_str()) {
                ("digest", "gathering") => tally.digest = Some(row.uuid(2)?),
                ("digest", _) => tally.is_digest_closed = true,
                _ => tally.singles = tally.singles.saturating_add(1),
            }
        }
        Ok(tally)
    }

    /// Lists up to `count_max` mails that are due at `now`, first come first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_due_mails(
        &self,
        _: SystemScope,
        now: Timestamp,
        count_max: u32,
    ) -> Result<Vec<Mail>, StoreError> {
        let sql = "SELECT id, user_id, kind, attempts, created
             FROM notice_mails
             WHERE finished IS NULL AND due <= $1
             ORDER BY due, id
             LIMIT CAST($2 AS bigint)";
        self.query(sql, &[now.into(), count_max.into()]).await?.iter().map(mail).collect()
    }

    /// Lists the notices that a mail tells of, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_mailed_notices(
        &self,
        _: SystemScope,
        mail_id: Uuid,
    ) -> Result<Vec<MailedNotice>, StoreError> {
        let sql = "SELECT kind, referral_id, at FROM notices WHERE mail_id = $1 ORDER BY at, id";
        let rows = self.query(sql, &[mail_id.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(MailedNotice { kind: kind(row, 0)?, referral_id: row.uuid(1)?, at: row.timestamp(2)? })
            })
            .collect()
    }
}

fn mail(row: &Row) -> Result<Mail, StoreError> {
    Ok(Mail {
        id: row.uuid(0)?,
        user_id: row.uuid(1)?,
        kind: match row.text(2)?.as_str() {
            "digest" => MailKind::Digest,
            _ => MailKind::Single,
        },
        attempts: row.count(3)?,
        created: row.timestamp(4)?,
    })
}

pub(super) fn kind(row: &Row, column: usize) -> Result<Kind, StoreError> {
    Kind::parse(&row.text(column)?)
        .ok_or_else(|| StoreError::Corrupt { column, found: "an unknown kind of notice".to_owned() })
}
