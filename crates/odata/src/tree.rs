//! The checked query: what an evaluator, a printer and a translator to SQL all work on.
//!
//! # Meaning
//!
//! An expression has a value or is null; a predicate is true, false or null, and a row is taken when it is true.
//!
//! * `eq`, `ne`, `in` never give null: null equals null and nothing else. `gt`, `lt` with null are false; `ge` and
//!   `le` are `gt`/`lt` or `eq` (OData 4.01, part 2, 5.1.1.1).
//! * `and`, `or`, `not` follow three-valued logic. Every other function and operator gives null for a null argument.
//! * Texts compare by code point, case-sensitive; their positions count code points.
//! * Enums compare by the place of their words.
//! * Integers and decimals compare and reckon as decimals. A result that does not fit 28 digits is null, as is
//!   division by zero. `div` and `mod` of two integers cut towards zero; `div` of decimals rounds to
//!   [`QUOTIENT_DIGITS`] digits after the point, half away from zero; `divby` is that `div` for integers too.
//! * `round` goes half away from zero. Moments are ticks of 100 ns, UTC; years run from 1 to 9999, and what falls
//!   outside is null.
//! * `any` and `all` never give null: an item whose predicate is null counts as not true.

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::schema::{EnumType, Kind, Property, Type};

/// Digits after the point of a quotient.
pub const QUOTIENT_DIGITS: u32 = 12;
/// Ticks in a second.
pub const TICKS_PER_SECOND: i64 = 10_000_000;

/// A value of the language.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A text without U+0000.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A decimal number of at most 28 digits.
    Decimal(Decimal),
    /// A GUID.
    Guid(Uuid),
    /// Ticks of 100 ns since 1970-01-01T00:00:00Z.
    DateTime(i64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Ticks of 100 ns since midnight.
    Time(i64),
    /// Ticks of 100 ns.
    Duration(i64),
    /// A word of an enum, by its place.
    Enum(&'static EnumType, usize),
}

/// A path to a property.
#[derive(Clone, Debug)]
pub struct Path {
    /// Where it starts.
    pub root: Root,
    /// The properties along it. Empty only for the variable itself, where its items are scalars.
    pub segments: Vec<&'static Property>,
}

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// At the entity.
    Entity,
    /// At the item of the one `any` or `all` around it: they do not nest.
    Item,
}

/// A checked expression with its type. `None` is the type of a bare `null`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// What it gives.
    pub ty: Option<Type>,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A constant.
    Literal(Value),
    /// A scalar property, or the item itself.
    Path(Path),
    /// How many items a collection has (`team/$count`).
    Count(Path),
    /// `eq ne gt ge lt le`; both sides have one type, or numbers, or one is null.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `in`; the list is not empty.
    In(Box<Expr>, Vec<Expr>),
    /// All of them, two at least.
    And(Vec<Expr>),
    /// One of them, two at least.
    Or(Vec<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// `add sub mul div divby mod`, on numbers; `add` and `sub` also on moments, dates and durations.
    Arithmetic(Operator, Box<Expr>, Box<Expr>),
    /// The negative of a number or duration.
    Negate(Box<Expr>),
    /// A function; the number and types of its arguments are right.
    Call(Function, Vec<Expr>),
    /// A value as another type; null where it is none. See [`crate::schema::Type`].
    Cast(Box<Expr>, Type),
    /// Whether items of a collection satisfy a predicate.
    Lambda {
        /// Any, or all.
        quantifier: Quantifier,
        /// The collection, from the entity.
        collection: Path,
        /// About [`Root::Item`]; `None` for `any()`, which asks whether there are items.
        predicate: Option<Box<Expr>>,
    },
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `add`
    Add,
    /// `sub`
    Subtract,
    /// `mul`
    Multiply,
    /// `div`
    Divide,
    /// `divby`
    DivideBy,
    /// `mod`
    Modulo,
}

/// `any` or `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// At least one item.
    Any,
    /// Every item; true of an empty collection.
    All,
}

/// A function. `now`, `mindatetime` and `maxdatetime` are constants by the time the tree is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `contains(text, text)`
    Contains,
    /// `startswith(text, text)`
    StartsWith,
    /// `endswith(text, text)`
    EndsWith,
    /// `indexof(text, text)`: from 0; -1 where it does not occur.
    IndexOf,
    /// `length(text)`
    Length,
    /// `substring(text, from)` or `substring(text, from, length)`; numbers below 0 count as 0.
    Substring,
    /// `tolower(text)`, by Unicode.
    ToLower,
    /// `toupper(text)`, by Unicode.
    ToUpper,
    /// `trim(text)`: takes Unicode white space off both ends.
    Trim,
    /// `concat(text, text)`
    Concat,
    /// `year(moment or date)`
    Year,
    /// `month(moment or date)`
    Month,
    /// `day(moment or date)`
    Day,
    /// `hour(moment or time)`
    Hour,
    /// `minute(moment or time)`
    Minute,
    /// `second(moment or time)`: whole seconds.
    Second,
    /// `fractionalseconds(moment or time)`: a decimal below 1.
    FractionalSeconds,
    /// `date(moment)`
    Date,
    /// `time(moment)`
    Time,
    /// `totaloffsetminutes(moment)`: always 0.
    TotalOffsetMinutes,
    /// `totalseconds(duration)`: a decimal.
    TotalSeconds,
    /// `round(number)`: a decimal for decimals, as is.
    Round,
    /// `floor(number)`
    Floor,
    /// `ceiling(number)`
    Ceiling,
}

/// A key of `$orderby`. Null comes before everything in ascending order, after everything in descending order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderKey {
    /// What to order by: a scalar expression.
    pub expr: Expr,
    /// Which way.
    pub direction: Direction,
}

/// Which way to order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// What of an entity is wanted (`$select`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Members in the order of the schema; one without a selection of its own is wanted whole.
    pub members: Vec<Selected>,
}

/// A member that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// Name on the wire.
    pub name: &'static str,
    /// What of it; `None` for all of it.
    pub below: Option<Selection>,
}

/// What is added to each entity (`$expand`).
#[derive(Clone, Debug, PartialEq)]
pub struct Expanded {
    /// Name of the navigation property.
    pub name: &'static str,
    /// What of each entity there; `None` for all of it.
    pub selection: Option<Selection>,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|(one, other)| std::ptr::eq(*one, *other))
    }
}

impl Path {
    /// Returns the names along the path, joined with `/`; empty for the item itself.
    pub fn names(&self) -> String {
        self.segments.iter().map(|it| it.name).collect::<Vec<_>>().join("/")
    }

    /// Returns what it leads to; `None` for the item itself.
    pub fn kind(&self) -> Option<Kind> {
        self.segments.last().map(|it| it.kind)
    }
}

impl Expr {
    /// Makes the constant null.
    pub fn null() -> Self {
        Self { node: Node::Literal(Value::Null), ty: None }
    }

    /// Says whether this is the constant null.
    pub fn is_null(&self) -> bool {
        self.node == Node::Literal(Value::Null)
    }
}
