//! What notices are made of: changes and deadlines after the places that were reached, and who may have to be told.
//!
//! A step writes notices, mails and its new place in one commit, on condition that the cursor is the one that it was
//! decided on. The cursor counts every such commit, so that of two only one is written.

use uuid::Uuid;

use super::mails::MailPlan;
use crate::{
    domain::{
        actor::SystemScope,
        change::Action,
        notice::{Matter, Notice},
        organization::{OrganizationId, User},
        time::Timestamp,
        vocabulary::Vocabulary as _,
    },
    storage::{Commit, Conflict, Store, StoreError, organizations, value::Row},
};

/// How far the log was read for notices, and how many commits have made some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoticeCursor {
    /// Place in the log.
    pub position: u64,
    /// Commits so far.
    pub batches: u64,
}

/// The last record that people were reminded of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReminderPlace {
    /// Its deadline.
    pub expiration: Timestamp,
    /// Its id.
    pub referral_id: Uuid,
}

/// A record that something happened to, as far as it decides who is told.
#[derive(Clone, Debug)]
pub struct NewsSubject {
    /// The record.
    pub referral_id: Uuid,
    /// Its engagement.
    pub engagement_id: Uuid,
    /// Its owner.
    pub owner: OrganizationId,
    /// Who made it.
    pub inviter: OrganizationId,
    /// The person who made it.
    pub creator_id: Uuid,
    /// What it is; `None` when nobody made it for another.
    pub matter: Option<Matter>,
}

/// A change in the log.
#[derive(Clone, Debug)]
pub struct News {
    /// Place in the log.
    pub position: u64,
    /// Its id.
    pub change_id: Uuid,
    /// What was done.
    pub action: Action,
    /// When.
    pub at: Timestamp,
    /// To what.
    pub subject: NewsSubject,
}

/// A notice that is to be made.
#[derive(Clone, Debug)]
pub struct DueNotice {
    /// What is told to whom.
    pub notice: Notice,
    /// The change or the deadline.
    pub cause: String,
    /// The mail that tells of it; `None` for the list alone.
    pub mail: Option<MailPlan>,
}

/// Columns of a record `r`, for [`subject`].
const SUBJECT: &str = "r.id, r.engagement_id, r.organization_id, r.inviter, r.creator_id,
    CASE WHEN r.inviter = r.organization_id THEN 0 WHEN r.inviter = 'msft' AND r.type = 'Independent' THEN 2 ELSE 1 END";

impl Commit {
    /// Moves the cursor on from the one that the commit was decided on, to a place in the log.
    pub fn move_notices(&mut self, from: NoticeCursor, to: u64) {
        let sql = "UPDATE feed_cursors
             SET position = $1, revision = revision + 1
             WHERE name = 'notices' AND position = $2 AND revision = $3";
        let params = vec![signed(to).into(), signed(from.position).into(), signed(from.batches).into()];
        self.step(sql, params, 1, Conflict::Version);
    }

    /// Notes up to where people were reminded `days` before the deadline.
    pub fn move_reminders(&mut self, days: u32, to: ReminderPlace) {
        let sql = "UPDATE notice_reminders SET expiration = $2, referral_id = $3 WHERE days = $1";
        let params = vec![days.into(), to.expiration.into(), to.referral_id.into()];
        self.step(sql, params, 1, Conflict::Version);
    }

    /// Adds a notice and the mail that tells of it, unless the person was told of the same. A digest that is closed
    /// meanwhile is a [`Conflict::Version`].
    pub fn insert_notice(&mut self, due: &DueNotice, now: Timestamp) {
        let notice = &due.notice;
        if let Some(MailPlan { id, is_new: false, .. }) = &due.mail {
            let sql = "UPDATE notice_mails SET due = due WHERE id = $1 AND state = 'gathering'";
            self.step(sql, vec![(*id).into()], 1, Conflict::Version);
        }
        let sql =
            "INSERT INTO notices (id, organization_id, user_id, kind, referral_id, cause, at, place, mail_id,
                created, read_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL)
             ON CONFLICT (user_id, cause) DO NOTHING";
        let params = vec![
            notice.id.into(),
            (&notice.organization_id).into(),
            notice.user_id.into(),
            notice.kind.as_str().into(),
            notice.referral_id.into(),
            due.cause.as_str().into(),
            notice.at.into(),
            signed(notice.place).into(),
            due.mail.as_ref().map(|it| it.id).into(),
            now.into(),
        ];
        self.step_any_rows(sql, params);
        if let Some(plan) = due.mail.as_ref().filter(|it| it.is_new) {
            self.insert_mail(plan, notice, now);
        }
    }
}

impl Store {
    /// Returns how far the log was read for notices.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notice_cursor(&self, _: SystemScope) -> Result<NoticeCursor, StoreError> {
        let sql = "SELECT position, revision FROM feed_cursors WHERE name = 'notices'";
        let row = self.query_one(sql, &[]).await?;
        row.map_or(Ok(NoticeCursor { position: 0, batches: 0 }), |row| {
            Ok(NoticeCursor { position: unsigned(row.int(0)?), batches: unsigned(row.int(1)?) })
        })
    }

    /// Lists up to `count_max` changes after a place in the log, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_news(
        &self,
        _: SystemScope,
        after: u64,
        count_max: u32,
    ) -> Result<Vec<News>, StoreError> {
        let sql = format!(
            "SELECT {SUBJECT}, w.position, w.id, w.action, w.at
             FROM log w
             JOIN referrals r ON r.id = w.referral_id
             WHERE w.position > $1
             ORDER BY w.position
             LIMIT CAST($2 AS bigint)"
        );
        let rows = self.query(&sql, &[signed(after).into(), count_max.into()]).await?;
        rows.iter()
            .map(|row| {
                let action = Action::parse(&row.text(8)?).ok_or_else(|| StoreError::Corrupt {
                    column: 8,
                    found: "an unknown action".to_owned(),
                })?;
                Ok(News {
                    position: unsigned(row.int(6)?),
                    change_id: row.uuid(7)?,
                    action,
                    at: row.timestamp(9)?,
                    subject: subject(row)?,
                })
            })
            .collect()
    }

    /// Returns up to where people were reminded `days` before the deadline.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reminder_place(&self, _: SystemScope, days: u32) -> Result<ReminderPlace, StoreError> {
        let sql = "SELECT expiration, referral_id FROM notice_reminders WHERE days = $1";
        let row = self.query_one(sql, &[days.into()]).await?;
        row.map_or(Ok(ReminderPlace { expiration: Timestamp::default(), referral_id: Uuid::nil() }), |row| {
            Ok(ReminderPlace { expiration: row.timestamp(0)?, referral_id: row.uuid(1)? })
        })
    }

    /// Lists up to `count_max` records that wait for an answer until some moment after `from` and not after `until`,
    /// by deadline, after a place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_deadlines(
        &self,
        _: SystemScope,
        (from, until): (Timestamp, Timestamp),
        after: ReminderPlace,
        count_max: u32,
    ) -> Result<Vec<(NewsSubject, ReminderPlace)>, StoreError> {
        let sql = format!(
            "SELECT {SUBJECT}, r.expiration
             FROM referrals r
             WHERE r.status = 'New' AND r.expiration > $1 AND r.expiration <= $2
                AND (r.expiration, r.id) > ($3, $4)
             ORDER BY r.expiration, r.id
             LIMIT CAST($5 AS bigint)"
        );
        let params =
            [from.into(), until.into(), after.expiration.into(), after.referral_id.into(), count_max.into()];
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| {
                let subject = subject(row)?;
                let place = ReminderPlace { expiration: row.timestamp(6)?, referral_id: subject.referral_id };
                Ok((subject, place))
            })
            .collect()
    }

    /// Lists the people of an organisation that are in the team of a record, or in that of the organisation's own
    /// record in the engagement.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_team_users(
        &self,
        organization_id: &OrganizationId,
        subject: &NewsSubject,
    ) -> Result<Vec<User>, StoreError> {
        let sql =
            "SELECT u.id, u.organization_id, u.email, u.name, u.password_hash, u.issuer, u.subject, u.roles,
                u.locations
             FROM users u
             WHERE u.organization_id = $1 AND u.email IN (
                SELECT t.email
                FROM referrals r
                JOIN referral_team t ON t.referral_id = r.id
                WHERE r.engagement_id = $2 AND (r.id = $3 OR r.organization_id = $1))
             ORDER BY u.id";
        let params = [organization_id.into(), subject.engagement_id.into(), subject.referral_id.into()];
        self.query(sql, &params).await?.iter().map(organizations::user).collect()
    }
}

fn subject(row: &Row) -> Result<NewsSubject, StoreError> {
    Ok(NewsSubject {
        referral_id: row.uuid(0)?,
        engagement_id: row.uuid(1)?,
        owner: row.organization_id(2)?,
        inviter: row.organization_id(3)?,
        creator_id: row.uuid(4)?,
        matter: match row.int(5)? {
            0 => None,
            1 => Some(Matter::Opportunity),
            _ => Some(Matter::Lead),
        },
    })
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
