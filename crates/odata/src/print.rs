//! The checked query as text that is read back as an equal tree.
//!
//! Parentheses stand only where the strength of operators asks for them. What has no text of its own gets one that
//! keeps its type: decimals have a point (`1.0`), words of enums are quoted beside a value of their type and
//! tagged elsewhere (`Status'New'`), the item of `any` and `all` is `i`.

use std::fmt::{self, Display, Formatter};

use crate::{
    moment,
    schema::Type,
    tree::{
        Comparison, Direction, Expanded, Expr, Node, Operator, OrderKey, Path, Quantifier, Root, Selection,
        Value,
    },
};

/// The item of the `any` or `all` around a place.
const ITEM: &str = "i";
/// Names that mean something else where they stand alone.
const RESERVED: [&str; 7] = ["null", "true", "false", "inf", "nan", "not", ITEM];

/// How strongly what an expression consists of holds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Or,
    And,
    Equality,
    Relation,
    Sum,
    Product,
    Prefix,
    Whole,
}

impl Strength {
    fn of(node: &Node) -> Self {
        match node {
            Node::Or(_) => Self::Or,
            Node::And(_) => Self::And,
            Node::Compare(Comparison::Equal | Comparison::NotEqual, ..) => Self::Equality,
            Node::Compare(..) | Node::In(..) => Self::Relation,
            Node::Arithmetic(Operator::Add | Operator::Subtract, ..) => Self::Sum,
            Node::Arithmetic(..) => Self::Product,
            Node::Not(_) | Node::Negate(_) => Self::Prefix,
            Node::Literal(_)
            | Node::Path(_)
            | Node::Count(_)
            | Node::Call(..)
            | Node::Cast(..)
            | Node::Lambda { .. } => Self::Whole,
        }
    }
}

/// An operand that gets parentheses unless it holds together more strongly than `around`.
struct Operand<'a> {
    expr: &'a Expr,
    around: Strength,
}

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if Strength::of(&self.expr.node) > self.around {
            write!(f, "{}", self.expr)
        } else {
            write!(f, "({})", self.expr)
        }
    }
}

fn above(around: Strength, expr: &Expr) -> Operand<'_> {
    Operand { expr, around }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let strength = Strength::of(&self.node);
        match &self.node {
            Node::Literal(value) => write!(f, "{}", Literal { value, is_beside_its_type: false }),
            Node::Path(path) => write!(f, "{path}"),
            Node::Count(path) => write!(f, "{path}/$count"),
            Node::Compare(comparison, left, right) => {
                let is_known = decides_enum([&**left, &**right]);
                write_side(f, left, strength, is_known)?;
                write!(f, " {} ", comparison.name())?;
                write_side(f, right, strength, is_known)
            }
            Node::In(left, list) => {
                let is_known = decides_enum(std::iter::once(&**left).chain(list));
                write_side(f, left, strength, is_known)?;
                write!(f, " in (")?;
                for (index, item) in list.iter().enumerate() {
                    write!(f, "{}", if index == 0 { "" } else { "," })?;
                    write_side(f, item, Strength::Or, is_known)?;
                }
                write!(f, ")")
            }
            Node::And(terms) => write_joined(f, terms, " and ", strength),
            Node::Or(terms) => write_joined(f, terms, " or ", strength),
            Node::Not(inner) => write!(f, "not {}", above(Strength::Product, inner)),
            Node::Arithmetic(operator, left, right) => {
                let left_around = if strength == Strength::Sum { Strength::Relation } else { Strength::Sum };
                let (left, right) = (above(left_around, left), above(strength, right));
                write!(f, "{left} {} {right}", operator.name())
            }
            // Before a literal, a minus would be read as its sign.
            Node::Negate(inner) if matches!(inner.node, Node::Literal(_)) => write!(f, "-({inner})"),
            Node::Negate(inner) => write!(f, "-{}", above(Strength::Product, inner)),
            Node::Call(function, arguments) => {
                write!(f, "{}(", function.name())?;
                for (index, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if index == 0 { "" } else { "," })?;
                }
                write!(f, ")")
            }
            Node::Cast(inner, ty) => write!(f, "cast({inner},{})", ty.name()),
            Node::Lambda { quantifier, collection, predicate } => {
                write!(f, "{collection}/{}(", quantifier.name())?;
                if let Some(predicate) = predicate {
                    write!(f, "{ITEM}:{predicate}")?;
                }
                write!(f, ")")
            }
        }
    }
}

/// Says whether one of the sides of a comparison has an enum's type without being a literal.
fn decides_enum<'a>(sides: impl IntoIterator<Item = &'a Expr>) -> bool {
    let is_enum = |it: &Expr| matches!(it.ty, Some(Type::Enum(_)));
    sides.into_iter().any(|it| is_enum(it) && !matches!(it.node, Node::Literal(_)))
}

fn write_side(f: &mut Formatter<'_>, expr: &Expr, around: Strength, is_beside_its_type: bool) -> fmt::Result {
    match &expr.node {
        Node::Literal(value) => write!(f, "{}", Literal { value, is_beside_its_type }),
        _ => write!(f, "{}", above(around, expr)),
    }
}

fn write_joined(f: &mut Formatter<'_>, terms: &[Expr], word: &str, around: Strength) -> fmt::Result {
    for (index, term) in terms.iter().enumerate() {
        write!(f, "{}{}", if index == 0 { "" } else { word }, above(around, term))?;
    }
    Ok(())
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = self.names();
        match self.root {
            Root::Item if names.is_empty() => write!(f, "{ITEM}"),
            Root::Item => write!(f, "{ITEM}/{names}"),
            Root::Entity => {
                let first = self.segments.first().map_or("", |it| it.name);
                let is_reserved = RESERVED.iter().any(|it| it.eq_ignore_ascii_case(first));
                write!(f, "{}{names}", if is_reserved { "$it/" } else { "" })
            }
        }
    }
}

/// A constant, perhaps beside a value that says of which enum it is.
struct Literal<'a> {
    value: &'a Value,
    is_beside_its_type: bool,
}

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.value {
            Value::Null => write!(f, "null"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::String(text) => write!(f, "{}", quoted(text)),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Decimal(number) => {
                let text = number.normalize().to_string();
                write!(f, "{text}{}", if text.contains('.') { "" } else { ".0" })
            }
            Value::Guid(guid) => write!(f, "{guid}"),
            Value::DateTime(moment) => write!(f, "{}", moment::format_date_time(*moment)),
            Value::Date(date) => write!(f, "{}", moment::format_date(*date)),
            Value::Time(time) => write!(f, "{}", moment::format_time(*time)),
            Value::Duration(duration) => write!(f, "duration'{}'", moment::format_duration(*duration)),
            Value::Enum(ty, place) => {
                let word = quoted(ty.members.get(*place).copied().unwrap_or_default());
                write!(f, "{}{word}", if self.is_beside_its_type { "" } else { ty.name })
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Comparison {
    /// Returns the operator in a query.
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
        }
    }
}

impl Operator {
    /// Returns the operator in a query.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "sub",
            Self::Multiply => "mul",
            Self::Divide => "div",
            Self::DivideBy => "divby",
            Self::Modulo => "mod",
        }
    }
}

impl Quantifier {
    /// Returns the word in a query.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
        }
    }
}

impl Display for OrderKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.direction {
            Direction::Ascending => write!(f, "{}", self.expr),
            Direction::Descending => write!(f, "{} desc", self.expr),
        }
    }
}

impl Display for Selection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut paths = Vec::new();
        push_paths(self, "", &mut paths);
        write!(f, "{}", paths.join(","))
    }
}

fn push_paths(selection: &Selection, prefix: &str, paths: &mut Vec<String>) {
    for member in &selection.members {
        let path = format!("{prefix}{}", member.name);
        match &member.below {
            None => paths.push(path),
            Some(below) => push_paths(below, &format!("{path}/"), paths),
        }
    }
}

impl Display for Expanded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.selection {
            None => write!(f, "{}", self.name),
            Some(selection) => write!(f, "{}($select={selection})", self.name),
        }
    }
}
