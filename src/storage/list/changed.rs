//! Which records changed since a place in the log, as far as a viewer's organisation takes part.

use uuid::Uuid;

use crate::{
    domain::actor::Scope,
    storage::{Store, StoreError, changes::differences},
};

/// Changes of everybody that are looked through at a time, so that a call costs the same however long ago it was.
const WINDOW: u32 = 20_000;

/// A record that changed.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// Place of the change in the log.
    pub position: u64,
    /// The record.
    pub referral_id: Uuid,
    /// Its engagement.
    pub engagement_id: Uuid,
    /// Whether the viewer's organisation owns it: its steps decide what it sees of the others' records.
    pub is_own: bool,
}

/// A stretch of the log.
#[derive(Clone, Debug)]
pub struct ChangedWindow {
    /// What changed in engagements that the viewer's organisation takes part in, in order.
    pub changed: Vec<Changed>,
    /// How far the stretch reaches.
    pub reached: u64,
    /// Whether the log ends there.
    pub is_end: bool,
}

/// How far one call looks.
pub(super) struct LogWindow {
    /// The last place of it.
    pub(super) end: u64,
    /// Whether the log ends there.
    pub(super) is_end: bool,
}

impl Store {
    /// Returns how far a look from a place in the log reaches. `None` when nothing comes after it.
    pub(super) async fn log_window(&self, after: u64) -> Result<Option<LogWindow>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let sql = "SELECT COUNT(*), COALESCE(MAX(position), 0)
             FROM (SELECT position FROM log WHERE position > $1 ORDER BY position LIMIT CAST($2 AS bigint)) w";
        let Some(row) = self.query_one(sql, &[after.into(), WINDOW.into()]).await? else { return Ok(None) };
        let (count, end) = (row.int(0)?, row.int(1)?);
        Ok((count > 0).then(|| LogWindow { end: unsigned(end), is_end: count < i64::from(WINDOW) }))
    }

    /// Returns the place of the newest change in the log; 0 when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_position(&self) -> Result<u64, StoreError> {
        let row = self.query_one("SELECT COALESCE(MAX(position), 0) FROM log", &[]).await?;
        row.map_or(Ok(0), |row| row.int(0)).map(unsigned)
    }

    /// Lists what changed after a place in the log, `count_max` at most.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_changed(
        &self,
        scope: &Scope,
        after: u64,
        count_max: u32,
    ) -> Result<ChangedWindow, StoreError> {
        let Some(window) = self.log_window(after).await? else {
            return Ok(ChangedWindow { changed: Vec::new(), reached: after, is_end: true });
        };
        let [after, end] = [after, window.end].map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let sql = "SELECT w.position, w.referral_id, w.engagement_id,
                CASE WHEN w.organization_id = $1 THEN 1 ELSE 0 END
             FROM log w
             WHERE w.position > $2 AND w.position <= $3
                AND EXISTS (
                    SELECT 1
                    FROM referrals r
                    JOIN referral_viewers v
                        ON v.organization_id = $1 AND v.created = r.created AND v.referral_id = r.id
                    WHERE r.engagement_id = w.engagement_id)
             ORDER BY w.position
             LIMIT CAST($4 AS bigint)";
        let params = [scope.organization_id().into(), after.into(), end.into(), count_max.into()];
        let rows = self.query(sql, &params).await?;
        let mut changed = Vec::with_capacity(rows.len());
        for row in rows {
            changed.push(Changed {
                position: unsigned(row.int(0)?),
                referral_id: row.uuid(1)?,
                engagement_id: row.uuid(2)?,
                is_own: row.bool(3)?,
            });
        }
        let is_full = changed.len() >= usize::try_from(count_max).unwrap_or(usize::MAX);
        let last = changed.last().map(|it| it.position);
        Ok(ChangedWindow {
            reached: last.filter(|_| is_full).unwrap_or(window.end),
            is_end: !is_full && window.is_end,
            changed,
        })
    }

    /// Says whether somebody was in the team of a record before what happened to it after a place in the log; `None`
    /// when its team has not changed since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn was_in_team(
        &self,
        referral_id: Uuid,
        after: u64,
        email: &str,
    ) -> Result<Option<bool>, StoreError> {
        let sql = "SELECT differences FROM log
             WHERE referral_id = $1 AND position > $2
             ORDER BY position";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        for row in self.query(sql, &[referral_id.into(), after.into()]).await? {
            if let Some(team) = differences(&row, 0)?.into_iter().find(|it| it.pointer == "/team") {
                let members: Vec<TeamMember> = serde_json::from_str(team.before.get()).unwrap_or_default();
                let is_member =
                    |it: &TeamMember| it.email.as_deref().is_some_and(|it| it.to_lowercase() == email);
                return Ok(Some(members.iter().any(is_member)));
            }
        }
        Ok(None)
    }
}

#[derive(serde::Deserialize)]
struct TeamMember {
    email: Option<String>,
}

pub(super) fn unsigned(position: i64) -> u64 {
    u64::try_from(position).unwrap_or(0)
}
