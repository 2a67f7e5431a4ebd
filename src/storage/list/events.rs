//! What the changes of a stretch of the log are to an organisation that sees the records: the events that feeds tell.

use std::time::Duration;

use uuid::Uuid;

use super::{Bounded, Select, changed::unsigned};
use crate::{
    domain::{
        actor::{Author, Scope},
        change::Action,
        event::Event,
        organization::OrganizationId,
        time::Timestamp,
    },
    storage::{
        Store, StoreError,
        value::{Row, Value},
    },
};

/// Whether a change of the record `r` is one of the viewer's own, for the row `v` of `referral_viewers`: it owns the
/// record, or made it for another and has none of its own in the engagement.
pub(in crate::storage) const IS_OWN: &str = "CASE
        WHEN r.organization_id = v.organization_id THEN 1
        WHEN r.inviter <> v.organization_id THEN 0
        WHEN EXISTS (
            SELECT 1 FROM referrals own
            WHERE own.engagement_id = r.engagement_id AND own.organization_id = v.organization_id) THEN 0
        ELSE 1
    END";

/// Records that news is looked for in.
const CHANGED_MAX: u32 = 200;

/// What is told of a change, in the order of [`seen_change`].
const COLUMNS: &str = "w.position, w.id, w.referral_id, w.engagement_id, w.organization_id, w.action,
                w.actor_organization_id, w.actor_user_id, w.application_id, w.at, w.to_version,
                CASE WHEN w.from_etag IS NULL THEN 1 ELSE 0 END";

/// A change as one organisation that sees the record is told of it: everything but its values.
#[derive(Clone, Debug)]
pub struct SeenChange {
    /// Place in the log.
    pub position: u64,
    /// Id of the change.
    pub id: Uuid,
    /// Record that changed.
    pub referral_id: Uuid,
    /// Its engagement.
    pub engagement_id: Uuid,
    /// Its owner.
    pub organization_id: OrganizationId,
    /// What was done.
    pub action: Action,
    /// Who did it.
    pub author: Author,
    /// When.
    pub at: Timestamp,
    /// Version after.
    pub to_version: u32,
    /// What it is to the organisation that sees it.
    pub event: Event,
}

/// A stretch of the log, as one organisation sees it.
#[derive(Clone, Debug)]
pub struct SeenWindow {
    /// Changes of records that it sees, in order.
    pub changes: Vec<SeenChange>,
    /// How far the stretch reaches.
    pub reached: u64,
    /// Whether the log ends there.
    pub is_end: bool,
}

impl Store {
    /// Lists what others than the viewer did since a moment, after a place in the log, to records that `scope` may see:
    /// the newest first, `count_max` at most, for `budget` at most. Only the `CHANGED_MAX` records that changed last are
    /// looked at, so that the answer costs the same however much happens.
    ///
    /// # Errors
    /// [`StoreError::CutOff`] when it takes longer.
    pub async fn list_latest_of_others(
        &self,
        scope: &Scope,
        (after, since): (u64, Timestamp),
        count_max: u32,
        budget: Duration,
    ) -> Result<Vec<SeenChange>, StoreError> {
        let mut select = Select::new(self.dialect(), scope, &[]);
        select.joins_referral = true;
        let [after, since, viewer, count_max] =
            [signed(after).into(), since.into(), scope.user_id().into(), count_max.into()]
                .map(|it| select.bind(it));
        // What has not changed since then has no news, and an index knows it.
        select.conditions.push(format!("v.updated >= {since}"));
        let body = select.body();
        let sql = format!(
            "SELECT {COLUMNS}, seen.is_own
             FROM (SELECT v.referral_id AS id, {IS_OWN} AS is_own {body}
                ORDER BY v.updated DESC, v.referral_id DESC
                LIMIT {CHANGED_MAX}) seen
             CROSS JOIN log w
             WHERE w.referral_id = seen.id AND w.position > {after} AND w.at >= {since}
                AND w.actor_user_id <> {viewer}
             ORDER BY w.position DESC
             LIMIT CAST({count_max} AS bigint)"
        );
        let bounded = Bounded { sql, params: select.into_params(), is_costly: false };
        self.query_within(budget, scope, bounded).await?.iter().map(seen_change).collect()
    }

    /// Lists the changes after a place in the log of records that an organisation sees, `count_max` at most; of one
    /// engagement, where one is given. Which of them a person sees is for the caller to ask.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_seen_changes(
        &self,
        viewer: &OrganizationId,
        after: u64,
        engagement_id: Option<Uuid>,
        count_max: u32,
    ) -> Result<SeenWindow, StoreError> {
        let Some(window) = self.log_window(after).await? else {
            return Ok(SeenWindow { changes: Vec::new(), reached: after, is_end: true });
        };
        let of_engagement = engagement_id.map_or("", |_| "AND w.engagement_id = $5");
        // CROSS JOIN keeps SQLite from going through everything that the viewer sees, in search of a few changes.
        let sql = format!(
            "SELECT {COLUMNS}, {IS_OWN}
             FROM log w
             CROSS JOIN referrals r
             CROSS JOIN referral_viewers v
             WHERE w.position > $2 AND w.position <= $3
                AND r.id = w.referral_id
                AND v.organization_id = $1 AND v.created = r.created AND v.referral_id = r.id
                {of_engagement}
             ORDER BY w.position
             LIMIT CAST($4 AS bigint)"
        );
        let mut params =
            vec![viewer.into(), signed(after).into(), signed(window.end).into(), count_max.into()];
        params.extend(engagement_id.map(Value::from));
        let rows = self.query(&sql, &params).await?;
        let changes = rows.iter().map(seen_change).collect::<Result<Vec<_>, _>>()?;
        let is_full = changes.len() >= usize::try_from(count_max).unwrap_or(usize::MAX);
        let last = changes.last().map(|it| it.position).filter(|_| is_full);
        Ok(SeenWindow { reached: last.unwrap_or(window.end), is_end: !is_full && window.is_end, changes })
    }

    /// Lists the changes in a span of time, its ends included, of records that an organisation sees: in order, after a
    /// place in the log, `count_max` at most.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_changes_in(
        &self,
        viewer: &OrganizationId,
        (from, until): (Timestamp, Timestamp),
        after: u64,
        count_max: u32,
    ) -> Result<Vec<SeenChange>, StoreError> {
        // The log has no index on time; what has not changed since the beginning of the span is left out by the
        // viewer's own.
        let sql = format!(
            "SELECT {COLUMNS}, {IS_OWN}
             FROM referral_viewers v
             CROSS JOIN referrals r
             CROSS JOIN log w
             WHERE v.organization_id = $1 AND v.updated >= $2
                AND r.id = v.referral_id
                AND w.referral_id = r.id AND w.at >= $2 AND w.at <= $3 AND w.position > $4
             ORDER BY w.position
             LIMIT CAST($5 AS bigint)"
        );
        let params = [viewer.into(), from.into(), until.into(), signed(after).into(), count_max.into()];
        self.query(&sql, &params).await?.iter().map(seen_change).collect()
    }
}

fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn seen_change(row: &Row) -> Result<SeenChange, StoreError> {
    let action = Action::parse(&row.text(5)?)
        .ok_or_else(|| StoreError::Corrupt { column: 5, found: "an unknown action".to_owned() })?;
    Ok(SeenChange {
        position: unsigned(row.int(0)?),
        id: row.uuid(1)?,
        referral_id: row.uuid(2)?,
        engagement_id: row.uuid(3)?,
        organization_id: row.organization_id(4)?,
        action,
        author: Author {
            organization_id: row.organization_id(6)?,
            user_id: row.uuid(7)?,
            application_id: row.text(8)?,
        },
        at: Timestamp::from_ticks(row.int(9)?),
        to_version: row.count(10)?,
        event: Event::of_change(row.bool(12)?, row.bool(11)?),
    })
}
