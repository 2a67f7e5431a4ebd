//! What can be asked about: the properties of an entity, as a table that the caller writes down once.
//!
//! Everything is `'static`, so that a checked path points at its properties instead of repeating their names.

/// An entity or a complex type.
#[derive(Debug)]
pub struct StructuredType {
    /// Name in the metadata, such as `Address`.
    pub name: &'static str,
    /// Properties in the order of the wire.
    pub properties: &'static [Property],
}

/// A property of a [`StructuredType`].
#[derive(Debug)]
pub struct Property {
    /// Name on the wire.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a scalar may be null. Collections and complex values never are.
    pub is_nullable: bool,
    /// Whether `$filter` and `$orderby` take it; `$select` takes everything.
    pub is_filterable: bool,
    /// Belongs to the caller; the language does not look at it.
    pub mark: u8,
}

/// What a property holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One value.
    Scalar(Type),
    /// One complex value.
    Complex(&'static StructuredType),
    /// A list of values.
    Scalars(Type),
    /// A list of complex values.
    Complexes(&'static StructuredType),
}

/// The type of a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `Edm.Boolean`.
    Boolean,
    /// `Edm.String`.
    String,
    /// `Edm.Int64`: what `length`, `year` and whole numbers are; also stands for the smaller integers.
    Integer,
    /// `Edm.Decimal`.
    Decimal,
    /// `Edm.Guid`.
    Guid,
    /// `Edm.DateTimeOffset`, always UTC.
    DateTime,
    /// `Edm.Date`.
    Date,
    /// `Edm.TimeOfDay`.
    Time,
    /// `Edm.Duration`.
    Duration,
    /// A closed set of words.
    Enum(&'static EnumType),
}

/// A closed set of words. Literals are read in any case, quoted, bare, or as `Namespace.Name'Word'`.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumType {
    /// Name in the metadata.
    pub name: &'static str,
    /// Words in the order of their values, from 0. Order decides `lt` and `$orderby`.
    pub members: &'static [&'static str],
}

/// A collection of other entities of the same type that `$expand` can add.
#[derive(Debug)]
pub struct Navigation {
    /// Name on the wire.
    pub name: &'static str,
}

/// A name that stands for a member of a collection's items: `email eq 'x'` for `team/any(t:t/email eq 'x')`.
#[derive(Debug)]
pub struct MemberAlias {
    /// The name that callers use.
    pub name: &'static str,
    /// The collection.
    pub collection: &'static str,
    /// The member of its items.
    pub member: &'static str,
}

/// Everything that a query can name.
#[derive(Debug)]
pub struct Schema {
    /// Namespace of the types, such as `Liaison`.
    pub namespace: &'static str,
    /// The entity that is listed.
    pub entity: &'static StructuredType,
    /// What `$expand` takes.
    pub navigations: &'static [Navigation],
    /// Names that stand for a member of a collection.
    pub aliases: &'static [MemberAlias],
    /// Texts that `$search` looks into: paths from the entity, such as `name`, `customerProfile/name`, `team/email`.
    pub searched: &'static [&'static str],
}

impl StructuredType {
    /// Finds a property: by its exact name, else in any case.
    pub fn property(&'static self, name: &str) -> Option<&'static Property> {
        let exact = self.properties.iter().find(|it| it.name == name);
        exact.or_else(|| self.properties.iter().find(|it| it.name.eq_ignore_ascii_case(name)))
    }
}

impl Type {
    /// Returns the name in the metadata, without the namespace of an enum.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Edm.Boolean",
            Self::String => "Edm.String",
            Self::Integer => "Edm.Int64",
            Self::Decimal => "Edm.Decimal",
            Self::Guid => "Edm.Guid",
            Self::DateTime => "Edm.DateTimeOffset",
            Self::Date => "Edm.Date",
            Self::Time => "Edm.TimeOfDay",
            Self::Duration => "Edm.Duration",
            Self::Enum(it) => it.name,
        }
    }
}
