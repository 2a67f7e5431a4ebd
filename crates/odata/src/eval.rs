//! The query in memory, as [`tree`](crate::tree) says that it means.
//!
//! This is the yardstick for every translation of the language: [`matches()`] says which rows a filter takes,
//! [`compare_keys`] says in which order they come.

use std::{borrow::Cow, cmp::Ordering};

use rust_decimal::Decimal;

use crate::{
    moment::{self, Civil, TICKS_PER_DAY},
    number,
    schema::{Property, Type},
    tree::{
        Comparison, Direction, Expr, Function, Node, Operator, OrderKey, Path, Quantifier, Root,
        TICKS_PER_SECOND, Value,
    },
};

/// What can be asked for values: an entity, or an item of one of its collections. A handle that borrows what it is
/// about, such as a reference into a JSON document.
pub trait Source: Sized {
    /// Returns the value at a path of at least one property, or of the item itself where the path is empty.
    fn value(&self, path: &[&'static Property]) -> Raw<'_>;

    /// Returns the items of the collection at a path; none where there is no collection.
    fn items(&self, path: &[&'static Property]) -> Vec<Self>;
}

/// A value as a source has it, before the type of its property says what it means.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw<'a> {
    /// No value.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A text, also of moments, GUIDs and enums.
    Text(Cow<'a, str>),
    /// The digits of a number.
    Number(Cow<'a, str>),
}

impl Raw<'_> {
    /// Reads the value as one of a type; null where it is none.
    pub fn typed(&self, ty: Type) -> Value {
        let value = match (self, ty) {
            (Self::Null, _) => None,
            (Self::Boolean(value), Type::Boolean) => Some(Value::Boolean(*value)),
            (Self::Boolean(_), _) => None,
            (Self::Text(text), _) => Value::from_text(text, ty),
            (Self::Number(text), Type::Integer | Type::Decimal | Type::String) => Value::from_text(text, ty),
            (Self::Number(_), _) => None,
        };
        value.unwrap_or(Value::Null)
    }
}

/// Says whether a predicate takes the entity: whether it is true, not merely not false.
pub fn matches<S: Source>(predicate: &Expr, entity: &S) -> bool {
    value_of(predicate, entity) == Value::Boolean(true)
}

/// Returns the value of an expression.
pub fn value_of<S: Source>(expr: &Expr, entity: &S) -> Value {
    Scope { entity, item: None }.value(expr)
}

/// Returns the values of the keys, to be given to [`compare_keys`].
pub fn keys_of<S: Source>(order: &[OrderKey], entity: &S) -> Vec<Value> {
    order.iter().map(|it| value_of(&it.expr, entity)).collect()
}

/// Compares two entities by the values of their keys.
pub fn compare_keys(order: &[OrderKey], one: &[Value], other: &[Value]) -> Ordering {
    let values = one.iter().zip(other);
    let orderings = order.iter().zip(values).map(|(key, (one, other))| match key.direction {
        Direction::Ascending => compare_values(one, other),
        Direction::Descending => compare_values(other, one),
    });
    orderings.fold(Ordering::Equal, Ordering::then)
}

/// Compares two values of a key: null comes first. Values of different types, which one key never has, are equal.
pub fn compare_values(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Boolean(one), Value::Boolean(other)) => one.cmp(other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Integer(one), Value::Integer(other)) => one.cmp(other),
        (Value::Guid(one), Value::Guid(other)) => one.cmp(other),
        (Value::Date(one), Value::Date(other)) => one.cmp(other),
        (Value::DateTime(one), Value::DateTime(other))
        | (Value::Time(one), Value::Time(other))
        | (Value::Duration(one), Value::Duration(other)) => one.cmp(other),
        (Value::Enum(_, one), Value::Enum(_, other)) => one.cmp(other),
        _ => match (decimal(one), decimal(other)) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => Ordering::Equal,
        },
    }
}

/// What paths start at.
struct Scope<'a, S> {
    entity: &'a S,
    item: Option<&'a S>,
}

impl<S: Source> Scope<'_, S> {
    fn value(&self, expr: &Expr) -> Value {
        match &expr.node {
            Node::Literal(value) => value.clone(),
            Node::Path(path) => match (self.root(path), expr.ty) {
                (Some(source), Some(ty)) => source.value(&path.segments).typed(ty),
                _ => Value::Null,
            },
            Node::Count(path) => {
                let count = self.root(path).map_or(0, |it| it.items(&path.segments).len());
                i64::try_from(count).map_or(Value::Null, Value::Integer)
            }
            Node::Compare(comparison, left, right) => {
                Value::Boolean(compare(*comparison, &self.value(left), &self.value(right)))
            }
            Node::In(left, list) => {
                let left = self.value(left);
                Value::Boolean(list.iter().any(|it| compare(Comparison::Equal, &left, &self.value(it))))
            }
            Node::And(terms) => self.joined(terms, false),
            Node::Or(terms) => self.joined(terms, true),
            Node::Not(inner) => match self.value(inner) {
                Value::Boolean(value) => Value::Boolean(!value),
                _ => Value::Null,
            },
            Node::Arithmetic(operator, left, right) => {
                let (left, right) = (self.value(left), self.value(right));
                arithmetic(*operator, left, right, expr.ty).unwrap_or(Value::Null)
            }
            Node::Negate(inner) => negated(self.value(inner)).unwrap_or(Value::Null),
            Node::Call(function, arguments) => {
                let arguments: Vec<Value> = arguments.iter().map(|it| self.value(it)).collect();
                call(*function, &arguments).unwrap_or(Value::Null)
            }
            Node::Cast(inner, ty) => cast(&self.value(inner), *ty).unwrap_or(Value::Null),
            Node::Lambda { quantifier, collection, predicate } => {
                Value::Boolean(self.quantified(*quantifier, collection, predicate.as_deref()))
            }
        }
    }

    fn root(&self, path: &Path) -> Option<&S> {
        match path.root {
            Root::Entity => Some(self.entity),
            Root::Item => self.item,
        }
    }

    /// Joins predicates: `decisive` as soon as one is, else null if one is, else the opposite.
    fn joined(&self, terms: &[Expr], decisive: bool) -> Value {
        let mut joined = Value::Boolean(!decisive);
        for term in terms {
            match self.value(term) {
                Value::Boolean(value) if value == decisive => return Value::Boolean(decisive),
                Value::Boolean(_) => {}
                _ => joined = Value::Null,
            }
        }
        joined
    }

    fn quantified(&self, quantifier: Quantifier, collection: &Path, predicate: Option<&Expr>) -> bool {
        let items = self.root(collection).map(|it| it.items(&collection.segments)).unwrap_or_default();
        let Some(predicate) = predicate else { return !items.is_empty() };
        let is_true = |item: &S| {
            Scope { entity: self.entity, item: Some(item) }.value(predicate) == Value::Boolean(true)
        };
        match quantifier {
            Quantifier::Any => items.iter().any(is_true),
            Quantifier::All => items.iter().all(is_true),
        }
    }
}

fn compare(comparison: Comparison, one: &Value, other: &Value) -> bool {
    let are_values = *one != Value::Null && *other != Value::Null;
    let ordering = compare_values(one, other);
    match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Greater => are_values && ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_eq() || are_values && ordering.is_gt(),
        Comparison::Less => are_values && ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_eq() || are_values && ordering.is_lt(),
    }
}

/// Returns a number as a decimal; `None` for anything else.
fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Integer(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        _ => None,
    }
}

/// Makes a number that came from integers one again, unless it has become too large for that.
fn integer(number: Decimal) -> Value {
    i64::try_from(number).map_or(Value::Decimal(number), Value::Integer)
}

fn arithmetic(operator: Operator, left: Value, right: Value, ty: Option<Type>) -> Option<Value> {
    let is_whole = ty == Some(Type::Integer);
    if let (Some(one), Some(other)) = (decimal(&left), decimal(&right)) {
        let result = match operator {
            Operator::Add => number::add(one, other),
            Operator::Subtract => number::subtract(one, other),
            Operator::Multiply => number::multiply(one, other),
            Operator::Divide if is_whole => number::divide_whole(one, other),
            Operator::Divide | Operator::DivideBy => number::divide(one, other),
            Operator::Modulo => number::modulo(one, other),
        };
        return result.map(|it| if is_whole { integer(it) } else { Value::Decimal(it) });
    }
    match operator {
        Operator::Add => sum(left, right),
        Operator::Subtract => difference(left, right),
        Operator::Multiply | Operator::Divide | Operator::DivideBy | Operator::Modulo => None,
    }
}

fn sum(left: Value, right: Value) -> Option<Value> {
    match (left, right) {
        (Value::Duration(one), Value::Duration(other)) => one.checked_add(other).map(Value::Duration),
        (Value::DateTime(moment), Value::Duration(by)) | (Value::Duration(by), Value::DateTime(moment)) => {
            moment.checked_add(by).and_then(moment::in_range).map(Value::DateTime)
        }
        (Value::Date(date), Value::Duration(by)) | (Value::Duration(by), Value::Date(date)) => {
            date_after(i64::from(date) + by / TICKS_PER_DAY)
        }
        _ => None,
    }
}

fn difference(left: Value, right: Value) -> Option<Value> {
    match (left, right) {
        (Value::Duration(one), Value::Duration(other)) | (Value::DateTime(one), Value::DateTime(other)) => {
            one.checked_sub(other).map(Value::Duration)
        }
        (Value::Date(one), Value::Date(other)) => {
            Some(Value::Duration((i64::from(one) - i64::from(other)) * TICKS_PER_DAY))
        }
        (Value::DateTime(moment), Value::Duration(by)) => {
            moment.checked_sub(by).and_then(moment::in_range).map(Value::DateTime)
        }
        (Value::Date(date), Value::Duration(by)) => date_after(i64::from(date) - by / TICKS_PER_DAY),
        _ => None,
    }
}

/// Returns the date that is so many days after 1970-01-01; `None` outside the years 1 to 9999.
fn date_after(days: i64) -> Option<Value> {
    let days = i32::try_from(days).ok()?;
    (moment::DATE_MIN..=moment::DATE_MAX).contains(&days).then_some(Value::Date(days))
}

fn negated(value: Value) -> Option<Value> {
    match value {
        Value::Integer(number) => Some(integer(-Decimal::from(number))),
        Value::Decimal(number) => Some(Value::Decimal(-number)),
        Value::Duration(ticks) => ticks.checked_neg().map(Value::Duration),
        _ => None,
    }
}

fn call(function: Function, arguments: &[Value]) -> Option<Value> {
    match arguments {
        [Value::String(text), rest @ ..] => call_on_text(function, text, rest),
        [moment @ (Value::DateTime(_) | Value::Date(_) | Value::Time(_) | Value::Duration(_))] => {
            call_on_moment(function, moment)
        }
        [number] => {
            let rounded = match function {
                Function::Round => number::round(decimal(number)?),
                Function::Floor => number::floor(decimal(number)?),
                Function::Ceiling => number::ceiling(decimal(number)?),
                _ => return None,
            };
            Some(if matches!(number, Value::Integer(_)) { number.clone() } else { Value::Decimal(rounded) })
        }
        _ => None,
    }
}

fn call_on_text(function: Function, text: &str, rest: &[Value]) -> Option<Value> {
    let value = match (function, rest) {
        (Function::Contains, [Value::String(part)]) => Value::Boolean(text.contains(part.as_str())),
        (Function::StartsWith, [Value::String(part)]) => Value::Boolean(text.starts_with(part.as_str())),
        (Function::EndsWith, [Value::String(part)]) => Value::Boolean(text.ends_with(part.as_str())),
        (Function::IndexOf, [Value::String(part)]) => {
            let before = text.split_once(part.as_str()).map(|(before, _)| before.chars().count());
            Value::Integer(before.map_or(Some(-1), |it| i64::try_from(it).ok())?)
        }
        (Function::Length, []) => Value::Integer(i64::try_from(text.chars().count()).ok()?),
        (Function::Substring, [from]) => Value::String(text.chars().skip(size(from)?).collect()),
        (Function::Substring, [from, length]) => {
            Value::String(text.chars().skip(size(from)?).take(size(length)?).collect())
        }
        (Function::ToLower, []) => Value::String(text.to_lowercase()),
        (Function::ToUpper, []) => Value::String(text.to_uppercase()),
        (Function::Trim, []) => Value::String(text.trim().to_owned()),
        (Function::Concat, [Value::String(other)]) => Value::String(format!("{text}{other}")),
        _ => return None,
    };
    Some(value)
}

/// Reads a number of characters; numbers below 0 count as 0, and larger texts than memory do not exist.
fn size(number: &Value) -> Option<usize> {
    let number = decimal(number)?.trunc();
    Some(if number.is_sign_negative() { 0 } else { usize::try_from(number).unwrap_or(usize::MAX) })
}

fn call_on_moment(function: Function, moment: &Value) -> Option<Value> {
    let (date, time) = match moment {
        Value::DateTime(moment) => {
            let (date, time) = moment::split(*moment);
            (Some(date), Some(time))
        }
        Value::Date(date) => (Some(*date), None),
        Value::Time(time) => (None, Some(*time)),
        _ => (None, None),
    };
    let civil = date.map(Civil::from_days);
    let seconds = time.map(|it| it / TICKS_PER_SECOND);
    let value = match (function, moment) {
        (Function::Year, _) => Value::Integer(civil?.year.into()),
        (Function::Month, _) => Value::Integer(civil?.month.into()),
        (Function::Day, _) => Value::Integer(civil?.day.into()),
        (Function::Hour, _) => Value::Integer(seconds? / 3600),
        (Function::Minute, _) => Value::Integer(seconds? / 60 % 60),
        (Function::Second, _) => Value::Integer(seconds? % 60),
        (Function::FractionalSeconds, _) => Value::Decimal(in_seconds(time? % TICKS_PER_SECOND)),
        (Function::Date, _) => Value::Date(date?),
        (Function::Time, _) => Value::Time(time?),
        (Function::TotalOffsetMinutes, _) => Value::Integer(0),
        (Function::TotalSeconds, Value::Duration(ticks)) => Value::Decimal(in_seconds(*ticks)),
        _ => return None,
    };
    Some(value)
}

/// Returns ticks as seconds with their fraction.
fn in_seconds(ticks: i64) -> Decimal {
    Decimal::new(ticks, TICKS_PER_SECOND.ilog10()).normalize()
}

fn cast(value: &Value, ty: Type) -> Option<Value> {
    match (value, ty) {
        (_, Type::String) => text_of(value).map(Value::String),
        (Value::String(text), _) => Value::from_text(text, ty),
        (Value::Decimal(number), Type::Integer) => i64::try_from(number.trunc()).ok().map(Value::Integer),
        (Value::Decimal(_), Type::Decimal) => Some(value.clone()),
        (Value::Integer(number), Type::Decimal) => Some(Value::Decimal(Decimal::from(*number))),
        (Value::DateTime(moment), Type::Date) => Some(Value::Date(moment::split(*moment).0)),
        (Value::DateTime(moment), Type::Time) => Some(Value::Time(moment::split(*moment).1)),
        _ => None,
    }
}

/// Returns a value as `cast` to a text writes it; `None` for null.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Boolean(value) => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Decimal(number) => Some(number.normalize().to_string()),
        Value::Guid(guid) => Some(guid.to_string()),
        Value::DateTime(moment) => Some(moment::format_date_time(*moment)),
        Value::Date(date) => Some(moment::format_date(*date)),
        Value::Time(time) => Some(moment::format_time(*time)),
        Value::Duration(duration) => Some(moment::format_duration(*duration)),
        Value::Enum(ty, place) => ty.members.get(*place).map(|it| (*it).to_owned()),
    }
}
