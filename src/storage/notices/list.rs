//! The list of one person's notices: those of records that the person sees at this moment.
//!
//! The scope's predicate is part of every statement, of the count too: of what has gone out of sight nothing is told, not
//! even that there was something.

use uuid::Uuid;

use super::{
    mails::kind,
    news::{signed, unsigned},
};
use crate::{
    domain::{actor::Scope, notice::Notice, time::Timestamp, view::VisibleReferral},
    storage::{
        Commit, Conflict, Store, StoreError,
        referrals::{OWN, scope_params, scope_predicate, visible_referral},
    },
};

/// A place in the list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoticePlace {
    /// That of the notice among all.
    pub place: u64,
    /// The notice.
    pub id: Uuid,
}

/// A notice with the record that it tells of, as its reader sees that.
#[derive(Clone)]
pub struct ShownNotice {
    /// The notice.
    pub notice: Notice,
    /// The record.
    pub referral: VisibleReferral,
}

/// Which notices are marked as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadUntil {
    /// This one.
    One(Uuid),
    /// This place in the list, and everything older.
    Place(NoticePlace),
}

impl NoticePlace {
    /// The place before the newest.
    pub const START: Self = Self { place: u64::MAX, id: Uuid::max() };

    /// Returns the place of a notice.
    pub fn of(notice: &Notice) -> Self {
        Self { place: notice.place, id: notice.id }
    }
}

impl Commit {
    /// Marks notices of a person as read at `now`; those that were read keep their time. Of one that is not the
    /// person's it is a [`Conflict::Version`].
    pub fn mark_read(&mut self, scope: &Scope, until: ReadUntil, now: Timestamp) {
        match until {
            ReadUntil::One(id) => {
                let sql = "UPDATE notices SET read_at = COALESCE(read_at, $4)
                     WHERE organization_id = $1 AND user_id = $2 AND id = $3";
                let params =
                    vec![scope.organization_id().into(), scope.user_id().into(), id.into(), now.into()];
                self.step(sql, params, 1, Conflict::Version);
            }
            ReadUntil::Place(place) => {
                let sql = "UPDATE notices SET read_at = $5
                     WHERE organization_id = $1 AND user_id = $2 AND read_at IS NULL AND (place, id) <= ($3, $4)";
                let params = vec![
                    scope.organization_id().into(),
                    scope.user_id().into(),
                    signed(place.place).into(),
                    place.id.into(),
                    now.into(),
                ];
                self.step_any_rows(sql, params);
            }
        }
    }
}

impl Store {
    /// Lists up to `count_max` notices of the scope's person after a place, newest first; with `unread_only`, those
    /// that were not read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_notices(
        &self,
        scope: &Scope,
        after: NoticePlace,
        unread_only: bool,
        count_max: u32,
    ) -> Result<Vec<ShownNotice>, StoreError> {
        let sql = format!(
            "SELECT r.id, r.engagement_id, r.organization_id, r.inviter, r.version, r.updated, r.document,
                own.inviter, own.substatus,
                CASE WHEN EXISTS (SELECT 1 FROM favorites f WHERE f.user_id = $2 AND f.referral_id = r.id) THEN 1 ELSE 0 END,
                n.id, n.kind, n.at, n.place, n.read_at
             FROM notices n
             JOIN referrals r ON r.id = n.referral_id
             {OWN}
             WHERE n.organization_id = $1 AND n.user_id = $2 AND (n.place, n.id) < ($8, $9)
                AND (CAST($10 AS bigint) = 0 OR n.read_at IS NULL)
                AND {}
             ORDER BY n.place DESC, n.id DESC
             LIMIT CAST($11 AS bigint)",
            scope_predicate(self.dialect())
        );
        let more = vec![signed(after.place).into(), after.id.into(), unread_only.into(), count_max.into()];
        let params = [scope_params(scope, scope.user_id()), more].concat();
        let rows = self.query(&sql, &params).await?;
        rows.into_iter()
            .map(|row| {
                let notice = Notice {
                    id: row.uuid(10)?,
                    organization_id: scope.organization_id().clone(),
                    user_id: scope.user_id(),
                    kind: kind(&row, 11)?,
                    referral_id: row.uuid(0)?,
                    at: row.timestamp(12)?,
                    place: unsigned(row.int(13)?),
                    read_at: row.timestamp_or_null(14)?,
                };
                Ok(ShownNotice { notice, referral: visible_referral(scope, row)? })
            })
            .collect()
    }

    /// Counts the notices of the scope's person that were not read, up to `count_max`: each is looked up with its
    /// record, so that counting many takes long.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_unread_notices(&self, scope: &Scope, count_max: u32) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT COUNT(*) FROM (
                SELECT 1
                FROM notices n
                JOIN referrals r ON r.id = n.referral_id
                {OWN}
                WHERE n.organization_id = $1 AND n.user_id = $2 AND n.read_at IS NULL AND {}
                LIMIT CAST($8 AS bigint)
             ) AS unread",
            scope_predicate(self.dialect())
        );
        let params = [scope_params(scope, scope.user_id()), vec![count_max.into()]].concat();
        let row = self.query_one(&sql, &params).await?;
        row.map_or(Ok(0), |row| row.int(0).map(unsigned))
    }

    /// Says whether a notice is one of the scope's person, and of a record that the person sees.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_notice_of(&self, scope: &Scope, id: Uuid) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT 1
             FROM notices n
             JOIN referrals r ON r.id = n.referral_id
             {OWN}
             WHERE n.organization_id = $1 AND n.user_id = $2 AND n.id = $8 AND {}",
            scope_predicate(self.dialect())
        );
        let params = [scope_params(scope, scope.user_id()), vec![id.into()]].concat();
        Ok(self.query_one(&sql, &params).await?.is_some())
    }
}
