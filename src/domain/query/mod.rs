//! What can be asked of referrals: the schema, who may see which property, and a viewer's own JSON as a source of values.

pub mod projection;
pub mod properties;
mod source;

use std::sync::LazyLock;

use odata::schema::{Kind, MemberAlias, Navigation, Property, Schema};

pub use self::source::JsonSource;
use super::{
    json::Node,
    referral::Referral,
    visibility::{Facet, TABLE},
};

/// Adds the visible referrals of the same engagement: what `links.relatedReferrals` leads to.
pub const RELATED_REFERRALS: &str = "relatedReferrals";

/// What a query on referrals can name.
pub static SCHEMA: Schema = Schema {
    namespace: "Liaison",
    entity: &properties::REFERRAL,
    navigations: &[Navigation { name: RELATED_REFERRALS }],
    // A filter field of "Get a list of referrals" (2019): the address of a member of the team.
    aliases: &[MemberAlias { name: "email", collection: "team", member: "email" }],
    searched: &[
        "name",
        "externalReferenceId",
        "statusReason",
        "organizationName",
        "customerProfile/name",
        "customerProfile/address/city",
        "customerProfile/team/firstName",
        "customerProfile/team/lastName",
        "customerProfile/team/email",
        "details/notes",
        "details/requirements/solutions/id",
        "details/requirements/solutions/name",
        "team/firstName",
        "team/lastName",
        "team/email",
        "inviteContext/notes",
    ],
};

/// Returns the facet that a path is shown with: that of its last property that has one.
pub fn facet_of(path: &[&'static Property]) -> Facet {
    let own = path.iter().rev().find(|it| it.mark != 0);
    let place = own.map_or(0, |it| usize::from(it.mark).saturating_sub(1));
    TABLE.get(place).map_or(Facet::Work, |(facet, _)| *facet)
}

/// Returns what a viewer reads at a path from the document where its facet is withheld: the value of a blank document.
/// Null for what stands in items of a list.
pub fn withheld_value(path: &[&'static Property]) -> &'static Node {
    static BLANK: LazyLock<Node> =
        LazyLock::new(|| Node::from_document(&Referral::blank().to_document()).unwrap_or(Node::Null));
    let at = path.iter().try_fold(&*BLANK, |node, property| node.member(property.name));
    at.unwrap_or(&Node::Null)
}

/// Says whether a property is a list.
pub fn is_collection(property: &Property) -> bool {
    matches!(property.kind, Kind::Scalars(_) | Kind::Complexes(_))
}

#[cfg(test)]
mod tests;
