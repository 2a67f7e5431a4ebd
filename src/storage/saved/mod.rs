//! What people keep of the dashboard.

use uuid::Uuid;

use crate::{
    domain::{actor::Colleague, organization::OrganizationId, time::Timestamp},
    storage::{Commit, Store, StoreError, value::Row},
};

/// Something that a person keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct SavedItem {
    /// Key.
    pub id: Uuid,
    /// The owner's organisation.
    pub organization_id: OrganizationId,
    /// Whose it is.
    pub user_id: Uuid,
    /// What it is.
    pub kind: String,
    /// What its owner calls it.
    pub name: String,
    /// Whether everybody in the organisation sees it.
    pub is_shared: bool,
    /// The thing itself.
    pub body: String,
    /// When it was written.
    pub updated: Timestamp,
}

impl std::fmt::Debug for SavedItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedItem").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

const ITEM: &str =
    "SELECT id, organization_id, user_id, kind, name, is_shared, body, updated FROM saved_items";

impl Commit {
    /// Writes something that a person keeps, in place of what it keeps under the same kind and name.
    pub fn put_saved_item(&mut self, item: &SavedItem) {
        let sql =
            "INSERT INTO saved_items (id, organization_id, user_id, kind, name, is_shared, body, updated)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (user_id, kind, name) DO UPDATE
             SET is_shared = excluded.is_shared, body = excluded.body, updated = excluded.updated";
        let params = vec![
            item.id.into(),
            (&item.organization_id).into(),
            item.user_id.into(),
            item.kind.clone().into(),
            item.name.clone().into(),
            item.is_shared.into(),
            item.body.clone().into(),
            item.updated.into(),
        ];
        self.step_any_rows(sql, params);
    }

    /// Removes something that a person keeps.
    pub fn remove_saved_item(&mut self, user_id: Uuid, id: Uuid) {
        let sql = "DELETE FROM saved_items WHERE user_id = $1 AND id = $2";
        self.step_any_rows(sql, vec![user_id.into(), id.into()]);
    }
}

impl Store {
    /// Lists what a person keeps of a kind, and what colleagues share of it; by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_saved_items(
        &self,
        whose: &Colleague,
        kind: &str,
    ) -> Result<Vec<SavedItem>, StoreError> {
        let sql = format!(
            "{ITEM} WHERE kind = $3 AND (user_id = $2 OR (is_shared = 1 AND organization_id = $1)) ORDER BY name, id"
        );
        let params = [(&whose.organization_id).into(), whose.user_id.into(), kind.into()];
        self.query(&sql, &params).await?.iter().map(item).collect()
    }

    /// Returns what a person keeps under a name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_saved_item(
        &self,
        user_id: Uuid,
        kind: &str,
        name: &str,
    ) -> Result<Option<SavedItem>, StoreError> {
        let sql = format!("{ITEM} WHERE user_id = $1 AND kind = $2 AND name = $3");
        self.query_one(&sql, &[user_id.into(), kind.into(), name.into()])
            .await?
            .as_ref()
            .map(item)
            .transpose()
    }
}

fn item(row: &Row) -> Result<SavedItem, StoreError> {
    Ok(SavedItem {
        id: row.uuid(0)?,
        organization_id: row.organization_id(1)?,
        user_id: row.uuid(2)?,
        kind: row.text(3)?,
        name: row.text(4)?,
        is_shared: row.bool(5)?,
        body: row.text(6)?,
        updated: row.timestamp(7)?,
    })
}
