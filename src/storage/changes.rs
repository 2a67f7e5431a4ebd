//! The log: what is written of a change, and reading it back in order.

use uuid::Uuid;

use super::{
    Store, StoreError,
    referrals::{OWN, scope_params, scope_predicate},
    value::{Row, Value},
};
use crate::domain::{
    actor::{Scope, SystemScope},
    change::{Action, Change, Difference, Hash},
    time::Timestamp,
};

/// A change at its place in the log.
#[derive(Clone, Debug)]
pub struct LoggedChange {
    /// Place in the log; 1, 2, 3 … without a gap.
    pub position: u64,
    /// What happened.
    pub change: Change,
    /// The facts hash that was stored with it.
    pub facts: Hash,
    /// The chain hash over it and the change before it in the same engagement.
    pub hash: Hash,
}

/// Columns of a change that every backend writes, in this order.
pub(super) const COLUMNS: &str = "id, referral_id, engagement_id, organization_id, action, actor_organization_id, \
     actor_user_id, application_id, at, from_etag, to_etag, to_version, differences, salts, ignored, facts";

/// Returns the values of [`COLUMNS`].
pub(super) fn values(change: &Change, facts: &Hash) -> Vec<Value> {
    let json = |value: serde_json::Result<String>| value.expect("plain structures serialise");
    vec![
        change.id.into(),
        change.referral_id.into(),
        change.engagement_id.into(),
        (&change.organization_id).into(),
        change.action.as_str().into(),
        (&change.actor_organization_id).into(),
        change.actor_user_id.into(),
        change.application_id.as_str().into(),
        change.at.into(),
        change.from_etag.clone().into(),
        change.to_etag.as_str().into(),
        change.to_version.into(),
        json(serde_json::to_string(&change.differences)).into(),
        change.salts.as_slice().into(),
        json(serde_json::to_string(&change.ignored)).into(),
        facts.as_slice().into(),
    ]
}

const SELECT: &str = "SELECT position, id, referral_id, engagement_id, organization_id, action, actor_organization_id,
        actor_user_id, application_id, at, from_etag, to_etag, to_version, differences, salts, ignored, facts, hash
     FROM log ";

/// Reads for one viewer.
impl Store {
    /// Returns every change of the records of an engagement that `scope` may see, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_visible_changes(
        &self,
        scope: &Scope,
        engagement_id: Uuid,
    ) -> Result<Vec<LoggedChange>, StoreError> {
        let sql = format!(
            "{SELECT}
             WHERE engagement_id = $2
                AND referral_id IN (SELECT r.id FROM referrals r {OWN} WHERE r.engagement_id = $2 AND {})
             ORDER BY position",
            scope_predicate(self.dialect())
        );
        let rows = self.query(&sql, &scope_params(scope, engagement_id)).await?;
        rows.iter().map(logged_change).collect()
    }
}

/// Reads of the whole log, for no viewer.
impl Store {
    /// Returns up to `count_max` changes after `position`, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_log(
        &self,
        _: SystemScope,
        position: u64,
        count_max: u32,
    ) -> Result<Vec<LoggedChange>, StoreError> {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let sql = [SELECT, "WHERE position > $1 ORDER BY position LIMIT CAST($2 AS bigint)"].concat();
        let rows = self.query(&sql, &[position.into(), count_max.into()]).await?;
        rows.iter().map(logged_change).collect()
    }

    /// Returns what every change of one record up to a version did, in order, whether it has its place in the log or
    /// not: for a writer who came too late, and knows that version.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_versions(
        &self,
        _: SystemScope,
        referral_id: Uuid,
        version: u32,
    ) -> Result<Vec<(String, Vec<Difference>)>, StoreError> {
        let sql = "SELECT to_etag, differences
             FROM changes
             WHERE referral_id = $1 AND to_version <= $2
             ORDER BY to_version";
        let rows = self.query(sql, &[referral_id.into(), version.into()]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, differences(row, 1)?))).collect()
    }

    /// Returns every change of one record, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_changes_of(
        &self,
        _: SystemScope,
        engagement_id: Uuid,
        referral_id: Uuid,
    ) -> Result<Vec<LoggedChange>, StoreError> {
        let sql = [SELECT, "WHERE engagement_id = $1 AND referral_id = $2 ORDER BY position"].concat();
        let rows = self.query(&sql, &[engagement_id.into(), referral_id.into()]).await?;
        rows.iter().map(logged_change).collect()
    }
}

pub(super) fn differences(row: &Row, column: usize) -> Result<Vec<Difference>, StoreError> {
    serde_json::from_str(&row.text(column)?)
        .map_err(|_| StoreError::Corrupt { column, found: "no list of differences".to_owned() })
}

fn logged_change(row: &Row) -> Result<LoggedChange, StoreError> {
    let corrupt = |column: usize, found: &str| StoreError::Corrupt { column, found: found.to_owned() };
    let action = Action::parse(&row.text(5)?).ok_or_else(|| corrupt(5, "an unknown action"))?;
    let change = Change {
        id: row.uuid(1)?,
        referral_id: row.uuid(2)?,
        engagement_id: row.uuid(3)?,
        organization_id: row.organization_id(4)?,
        action,
        actor_organization_id: row.organization_id(6)?,
        actor_user_id: row.uuid(7)?,
        application_id: row.text(8)?,
        at: Timestamp::from_ticks(row.int(9)?),
        from_etag: row.text_or_null(10)?,
        to_etag: row.text(11)?,
        to_version: row.count(12)?,
        differences: differences(row, 13)?,
        salts: row.bytes(14)?,
        ignored: serde_json::from_str(&row.text(15)?).map_err(|_| corrupt(15, "no list"))?,
    };
    Ok(LoggedChange {
        position: u64::try_from(row.int(0)?).map_err(|_| corrupt(0, "a negative position"))?,
        change,
        facts: row.hash(16)?,
        hash: row.hash(17)?,
    })
}
