//! Reading referrals for pages: the same query and the same page as the API's list.

use super::{failure::Failure, visit::Visit};
use crate::{
    domain::{actor::Actor, referral::Referral},
    service::referrals::{self, Page, Preferred},
    storage::Store,
};

/// Referrals of a page, with what leads on.
pub(super) struct Listing {
    pub(super) referrals: Vec<Referral>,
    /// How many there are on all pages; `None` where counting would have taken too long.
    pub(super) count: Option<u64>,
    /// Token of the next page; `None` on the last.
    pub(super) next: Option<String>,
}

impl Visit {
    /// Lists what a query of the API asks for, `size` at most.
    pub(super) async fn list(
        &self,
        actor: &Actor,
        options: &[(&str, &str)],
        size: u32,
    ) -> Result<Listing, Failure> {
        let context = &self.app.context;
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(options).finish();
        let query = referrals::read_query(context, &text)?;
        let preferred = Preferred { size: Some(size), is_known: false };
        let Page { count, listed, next, shape, .. } =
            referrals::list(context, actor, query, preferred).await?;
        let mut found = Vec::with_capacity(listed.len());
        let mut rest = listed;
        while !rest.is_empty() {
            let after = rest.split_off(rest.len().min(Store::DOCUMENTS_AT_ONCE));
            for document in referrals::read_listed(context, actor, rest, &shape).await? {
                found.push(serde_json::from_str(&document.body)?);
            }
            rest = after;
        }
        Ok(Listing { referrals: found, count, next })
    }
}
