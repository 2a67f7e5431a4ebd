//! What a literal means beside a value of a type.
//!
//! A quoted text becomes whatever stands on the other side: a word of an enum, a GUID, a moment, a number. A bare GUID
//! beside a text is its lower-case text; a bare date beside a moment is its midnight, UTC.

use crate::{
    ast::Name,
    check::Checker,
    error::Problem,
    lexer::parse_guid,
    moment, number,
    schema::{EnumType, Kind, StructuredType, Type},
    tree::{Expr, Node, Operator, Value},
};

/// No enum is looked for deeper than this, so that types may contain themselves.
const TYPE_DEPTH_MAX: usize = 8;

/// One side of a comparison.
pub(super) enum Side {
    /// A checked value and its place.
    Value { expr: Expr, at: usize },
    /// A word that names no property; what to say if it is no word of an enum either.
    Word { name: Name, unknown: Problem },
}

impl Checker {
    /// Checks `Liaison.Status'New'`. The namespace may be any.
    pub(super) fn tagged(&self, tag: &str, text: &str, at: usize) -> Result<Expr, Problem> {
        let name = tag.rsplit('.').next().unwrap_or(tag);
        let Some(ty) = find_enum(self.schema.entity, name, TYPE_DEPTH_MAX) else {
            let complaint = format!("{tag} is not a type whose literals are written {tag}'…'");
            return Err(
                Problem::new(at, complaint).expecting(["the literal alone, bare or in single quotes"])
            );
        };
        Ok(constant(word(ty, text, at)?, Type::Enum(ty)))
    }
}

/// Makes the constant of a value.
pub(super) fn constant(value: Value, ty: Type) -> Expr {
    Expr { node: Node::Literal(value), ty: Some(ty) }
}

/// Makes the constant of a value, which knows its type.
pub(super) fn typed(value: Value) -> Expr {
    let ty = value.ty();
    Expr { node: Node::Literal(value), ty }
}

/// Gives the literals among the sides of a comparison the type of the others, and sees that all are alike.
pub(super) fn unify(sides: Vec<Side>) -> Result<Vec<Expr>, Problem> {
    let target = common_type(&sides);
    sides.into_iter().map(|it| fitted(it, target)).collect()
}

/// Returns what decides: the first property or computed value, else the first literal that is not a mere text.
fn common_type(sides: &[Side]) -> Option<Type> {
    let exprs = || {
        sides.iter().filter_map(|it| match it {
            Side::Value { expr, .. } => Some(expr),
            Side::Word { .. } => None,
        })
    };
    let computed = exprs().filter(|it| !matches!(it.node, Node::Literal(_))).find_map(|it| it.ty);
    let literal = || exprs().filter_map(|it| it.ty).find(|it| *it != Type::String);
    computed.or_else(literal).or_else(|| exprs().find_map(|it| it.ty))
}

fn fitted(side: Side, target: Option<Type>) -> Result<Expr, Problem> {
    match (side, target) {
        (Side::Word { name, .. }, Some(Type::Enum(ty))) => {
            Ok(constant(word(ty, &name.text, name.at)?, Type::Enum(ty)))
        }
        (Side::Word { unknown, .. }, _) => Err(unknown),
        (Side::Value { expr, .. }, None) => Ok(expr),
        (Side::Value { expr, at }, Some(target)) => {
            let expr = convert(expr, target, at)?;
            match expr.ty {
                Some(ty) if !is_alike(ty, target) => {
                    let complaint = format!("{} cannot be compared with {}", target.name(), ty.name());
                    Err(Problem::new(at, complaint).expecting(examples(target)))
                }
                _ => Ok(expr),
            }
        }
    }
}

/// Says whether values of the types can be compared.
pub(super) fn is_alike(one: Type, other: Type) -> bool {
    one == other || (is_number(one) && is_number(other))
}

pub(super) fn is_number(ty: Type) -> bool {
    matches!(ty, Type::Integer | Type::Decimal)
}

/// Turns a literal into one of another type, where it is written like one; leaves everything else as it is.
pub(super) fn convert(expr: Expr, target: Type, at: usize) -> Result<Expr, Problem> {
    let value = match expr.node {
        Node::Literal(Value::String(ref text)) if target != Type::String => read(text, target, at)?,
        Node::Literal(Value::Guid(guid)) if target == Type::String => Value::String(guid.to_string()),
        Node::Literal(Value::Date(date)) if target == Type::DateTime => {
            Value::DateTime(moment::midnight(date))
        }
        _ => return Ok(expr),
    };
    Ok(typed(value))
}

/// Reads the text of a quoted literal as a value of a type.
fn read(text: &str, target: Type, at: usize) -> Result<Value, Problem> {
    let value = match target {
        Type::Enum(ty) => return word(ty, text, at),
        _ => Value::from_text(text, target),
    };
    let value = match target {
        Type::DateTime => {
            value.or_else(|| Some(Value::DateTime(moment::midnight(moment::parse_date(text)?))))
        }
        Type::Integer => value.or_else(|| number::parse(text).map(Value::Decimal)),
        Type::Decimal => text.parse().ok().map(Value::Integer).or(value),
        _ => value,
    };
    value.ok_or_else(|| {
        Problem::new(at, format!("{text:?} is not an {}", target.name())).expecting(examples(target))
    })
}

impl Value {
    /// Reads a value of a type from its text; `None` if it is not written like one.
    pub fn from_text(text: &str, ty: Type) -> Option<Self> {
        match ty {
            Type::Boolean if text.eq_ignore_ascii_case("true") => Some(Self::Boolean(true)),
            Type::Boolean if text.eq_ignore_ascii_case("false") => Some(Self::Boolean(false)),
            Type::Boolean => None,
            Type::String => (!text.contains('\0')).then(|| Self::String(text.to_owned())),
            Type::Integer => {
                let number = number::parse(text)?;
                number.is_integer().then(|| i64::try_from(number).ok().map(Self::Integer)).flatten()
            }
            Type::Decimal => number::parse(text).map(Self::Decimal),
            Type::Guid => parse_guid(text).map(Self::Guid),
            Type::DateTime => moment::parse_date_time(text).map(Self::DateTime),
            Type::Date => moment::parse_date(text).map(Self::Date),
            Type::Time => moment::parse_time(text).map(Self::Time),
            Type::Duration => moment::parse_duration(text).map(Self::Duration),
            Type::Enum(ty) => ty.place(text).map(|it| Self::Enum(ty, it)),
        }
    }

    /// Returns the type of a value; `None` for null.
    pub fn ty(&self) -> Option<Type> {
        match self {
            Self::Null => None,
            Self::Boolean(_) => Some(Type::Boolean),
            Self::String(_) => Some(Type::String),
            Self::Integer(_) => Some(Type::Integer),
            Self::Decimal(_) => Some(Type::Decimal),
            Self::Guid(_) => Some(Type::Guid),
            Self::DateTime(_) => Some(Type::DateTime),
            Self::Date(_) => Some(Type::Date),
            Self::Time(_) => Some(Type::Time),
            Self::Duration(_) => Some(Type::Duration),
            Self::Enum(ty, _) => Some(Type::Enum(ty)),
        }
    }
}

impl EnumType {
    /// Returns the place of a word, in any case.
    pub fn place(&self, word: &str) -> Option<usize> {
        self.members.iter().position(|it| it.eq_ignore_ascii_case(word))
    }
}

/// Reads a word of an enum, or the number of its place.
fn word(ty: &'static EnumType, text: &str, at: usize) -> Result<Value, Problem> {
    let by_number = || text.parse().ok().filter(|it| *it < ty.members.len());
    let place = ty.place(text).or_else(by_number).ok_or_else(|| {
        let complaint = format!("{text:?} is not a value of {}", ty.name);
        Problem::new(at, complaint).proposing(text, ty.members).expecting(ty.members.iter().copied())
    })?;
    Ok(Value::Enum(ty, place))
}

/// Gives a quoted text the type that an operator needs of it beside `other`.
pub(super) fn beside_operator(
    expr: Expr,
    other: Option<Type>,
    operator: Operator,
    at: usize,
) -> Result<Expr, Problem> {
    let Node::Literal(Value::String(text)) = &expr.node else { return Ok(expr) };
    let candidates = match (other, operator) {
        (Some(Type::Integer | Type::Decimal), _) => [Type::Decimal].as_slice(),
        (Some(Type::DateTime), Operator::Subtract) => &[Type::Duration, Type::DateTime],
        (Some(Type::Date), Operator::Subtract) => &[Type::Duration, Type::Date],
        (Some(Type::DateTime | Type::Date | Type::Duration), _) => &[Type::Duration, Type::DateTime],
        _ => return Ok(expr),
    };
    let read = candidates.iter().find_map(|it| read(text, *it, at).ok());
    let expected = candidates.iter().flat_map(|it| examples(*it));
    let complaint =
        || Problem::new(at, format!("{text:?} has no place beside this operator")).expecting(expected);
    read.map(typed).ok_or_else(complaint)
}

/// Shows how literals of a type are written.
pub(super) fn examples(ty: Type) -> Vec<String> {
    let one = match ty {
        Type::Boolean => "true",
        Type::String => "'text'",
        Type::Integer => "42",
        Type::Decimal => "42.5",
        Type::Guid => "01234567-89ab-cdef-0123-456789abcdef",
        Type::DateTime => "2024-05-01T10:20:30Z",
        Type::Date => "2024-05-01",
        Type::Time => "10:20:30",
        Type::Duration => "duration'P1DT2H30M'",
        Type::Enum(ty) => return ty.members.iter().map(|it| format!("'{it}'")).collect(),
    };
    vec![one.to_owned()]
}

fn find_enum(ty: &'static StructuredType, name: &str, depth: usize) -> Option<&'static EnumType> {
    if depth == 0 {
        return None;
    }
    ty.properties.iter().find_map(|it| match it.kind {
        Kind::Scalar(Type::Enum(found)) | Kind::Scalars(Type::Enum(found)) => {
            found.name.eq_ignore_ascii_case(name).then_some(found)
        }
        Kind::Scalar(_) | Kind::Scalars(_) => None,
        Kind::Complex(ty) | Kind::Complexes(ty) => find_enum(ty, name, depth - 1),
    })
}
