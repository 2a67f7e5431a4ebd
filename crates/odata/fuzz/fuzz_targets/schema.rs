//! A small schema that has one of everything.

use odata::{
    Schema,
    schema::{EnumType, Kind, MemberAlias, Navigation, Property, StructuredType, Type},
};

static STATUS: EnumType = EnumType { name: "Status", members: &["New", "Active", "Closed"] };

static PROFILE: StructuredType =
    StructuredType { name: "CustomerProfile", properties: &[scalar("name", Type::String)] };

static MEMBER: StructuredType = StructuredType {
    name: "Member",
    properties: &[scalar("email", Type::String), scalar("age", Type::Integer)],
};

static REFERRAL: StructuredType = StructuredType {
    name: "Referral",
    properties: &[
        scalar("id", Type::Guid),
        scalar("name", Type::String),
        scalar("status", Type::Enum(&STATUS)),
        scalar("created", Type::DateTime),
        scalar("closing", Type::Date),
        scalar("opens", Type::Time),
        scalar("effort", Type::Duration),
        scalar("value", Type::Decimal),
        scalar("count", Type::Integer),
        scalar("favorite", Type::Boolean),
        property("tags", Kind::Scalars(Type::String)),
        property("profile", Kind::Complex(&PROFILE)),
        property("team", Kind::Complexes(&MEMBER)),
    ],
};

/// What the targets ask about.
pub static SCHEMA: Schema = Schema {
    namespace: "Liaison",
    entity: &REFERRAL,
    navigations: &[Navigation { name: "related" }],
    aliases: &[MemberAlias { name: "email", collection: "team", member: "email" }],
    searched: &["name", "profile/name", "team/email"],
};

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, is_nullable: true, is_filterable: true, mark: 0 }
}

const fn scalar(name: &'static str, ty: Type) -> Property {
    property(name, Kind::Scalar(ty))
}
