//! The functions that SQLite lacks. PostgreSQL has them under the same names, by migration 0006.
//!
//! Decimal numbers are texts here, in digits and without zeros at the end: equal numbers are equal texts. Every
//! function gives NULL for NULL, and for what it is not made for.

use std::fmt::Write as _;

use odata::{
    moment::{self, Civil, TICKS_PER_DAY},
    number,
    schema::Type,
    tree::Value as Literal,
};
use rusqlite::{
    Connection,
    functions::{Aggregate, Context, FunctionFlags},
    types::{Value, ValueRef},
};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::time::Timestamp;

/// Their answer depends on their arguments alone.
const FLAGS: FunctionFlags = FunctionFlags::SQLITE_UTF8
    .union(FunctionFlags::SQLITE_DETERMINISTIC)
    .union(FunctionFlags::SQLITE_INNOCUOUS);

/// Adds the functions to a connection.
pub(in crate::storage) fn register(connection: &Connection) -> rusqlite::Result<()> {
    register_numbers(connection)?;
    register_texts(connection)?;
    register_moments(connection)?;
    register_casts(connection)
}

fn register_numbers(connection: &Connection) -> rusqlite::Result<()> {
    add(connection, "liaison_number", |[it]| written(as_number(it)?))?;
    add(connection, "liaison_order", |[it]| Some(Value::Text(order(as_number(it)?))))?;
    add(connection, "liaison_add", |[one, other]| written(number::add(as_number(one)?, as_number(other)?)?))?;
    add(connection, "liaison_subtract", |[one, other]| {
        written(number::subtract(as_number(one)?, as_number(other)?)?)
    })?;
    add(connection, "liaison_multiply", |[one, other]| {
        written(number::multiply(as_number(one)?, as_number(other)?)?)
    })?;
    add(connection, "liaison_divide", |[one, other]| {
        written(number::divide(as_number(one)?, as_number(other)?)?)
    })?;
    add(connection, "liaison_divide_whole", |[one, other]| {
        written(number::divide_whole(as_number(one)?, as_number(other)?)?)
    })?;
    add(connection, "liaison_modulo", |[one, other]| {
        written(number::modulo(as_number(one)?, as_number(other)?)?)
    })?;
    add(connection, "liaison_round", |[it]| written(number::round(as_number(it)?)))?;
    add(connection, "liaison_floor", |[it]| written(number::floor(as_number(it)?)))?;
    add(connection, "liaison_ceiling", |[it]| written(number::ceiling(as_number(it)?)))?;
    connection.create_aggregate_function("liaison_sum", 1, FLAGS, Sum)
}

/// Adds up numbers, as PostgreSQL's `SUM` does. NULL when there are none, or more than a number holds.
struct Sum;

impl Aggregate<Option<Result<Decimal, TooLarge>>, Value> for Sum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Option<Result<Decimal, TooLarge>>> {
        Ok(None)
    }

    fn step(
        &self,
        context: &mut Context<'_>,
        sum: &mut Option<Result<Decimal, TooLarge>>,
    ) -> rusqlite::Result<()> {
        if let Some(number) = as_number(context.get_raw(0)) {
            let before = sum.unwrap_or(Ok(Decimal::ZERO));
            *sum = Some(before.and_then(|it| number::add(it, number).ok_or(TooLarge)));
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        sum: Option<Option<Result<Decimal, TooLarge>>>,
    ) -> rusqlite::Result<Value> {
        let sum = sum.flatten().and_then(Result::ok);
        Ok(sum.and_then(written).unwrap_or(Value::Null))
    }
}

/// A sum has more digits than a number holds.
#[derive(Clone, Copy)]
struct TooLarge;

fn register_texts(connection: &Connection) -> rusqlite::Result<()> {
    add(connection, "liaison_lower", |[it]| Some(Value::Text(as_text(it)?.to_lowercase())))?;
    add(connection, "liaison_upper", |[it]| Some(Value::Text(as_text(it)?.to_uppercase())))?;
    add(connection, "liaison_trim", |[it]| Some(Value::Text(as_text(it)?.trim().to_owned())))?;
    add(connection, "liaison_starts_with", |[text, start]| {
        Some(Value::from(as_text(text)?.starts_with(as_text(start)?)))
    })?;
    add(connection, "liaison_ends_with", |[text, end]| {
        Some(Value::from(as_text(text)?.ends_with(as_text(end)?)))
    })?;
    add(connection, "liaison_substring", |[text, from]| {
        Some(Value::Text(as_text(text)?.chars().skip(as_count(from)?).collect()))
    })?;
    add(connection, "liaison_substring", |[text, from, length]| {
        let chars = as_text(text)?.chars().skip(as_count(from)?);
        Some(Value::Text(chars.take(as_count(length)?).collect()))
    })
}

/// The functions behind `cast`.
fn register_casts(connection: &Connection) -> rusqlite::Result<()> {
    add(connection, "liaison_boolean", |[it]| read(it, Type::Boolean))?;
    add(connection, "liaison_whole", |[it]| read(it, Type::Integer))?;
    add(connection, "liaison_decimal", |[it]| read(it, Type::Decimal))?;
    add(connection, "liaison_guid", |[it]| read(it, Type::Guid))?;
    add(connection, "liaison_moment_of", |[it]| read(it, Type::DateTime))?;
    add(connection, "liaison_date", |[it]| read(it, Type::Date))?;
    add(connection, "liaison_trunc", |[it]| written(as_number(it)?.trunc()))?;
    add(connection, "liaison_boolean_text", |[it]| {
        Some(Value::Text(if as_int(it)? == 0 { "false" } else { "true" }.to_owned()))
    })?;
    add(connection, "liaison_guid_text", |[it]| {
        let id = Uuid::from_slice(it.as_blob_or_null().ok()??).ok()?;
        Some(Value::Text(id.to_string()))
    })?;
    add(connection, "liaison_moment_text", |[it]| Some(Value::Text(moment::format_date_time(as_int(it)?))))?;
    add(connection, "liaison_date_text", |[it]| {
        let days = i32::try_from(as_int(it)?).ok()?;
        Some(Value::Text(moment::format_date(days)))
    })?;
    add(connection, "liaison_time_text", |[it]| Some(Value::Text(moment::format_time(as_int(it)?))))?;
    add(connection, "liaison_span_text", |[it]| Some(Value::Text(moment::format_duration(as_int(it)?))))
}

/// Reads a text as a value of a type.
fn read(text: ValueRef<'_>, ty: Type) -> Option<Value> {
    match Literal::from_text(as_text(text)?, ty)? {
        Literal::Boolean(value) => Some(Value::from(value)),
        Literal::Integer(value) | Literal::DateTime(value) => Some(Value::Integer(value)),
        Literal::Decimal(value) => written(value),
        Literal::Guid(value) => Some(Value::Blob(value.as_bytes().to_vec())),
        Literal::Date(value) => Some(Value::Integer(value.into())),
        Literal::Null | Literal::String(_) | Literal::Time(_) | Literal::Duration(_) | Literal::Enum(..) => {
            None
        }
    }
}

fn register_moments(connection: &Connection) -> rusqlite::Result<()> {
    add(connection, "liaison_ticks", |[it]| Some(Value::Integer(Timestamp::parse(as_text(it)?)?.ticks())))?;
    add(connection, "liaison_year", |[days]| Some(Value::Integer(civil(days)?.year.into())))?;
    add(connection, "liaison_month", |[days]| Some(Value::Integer(civil(days)?.month.into())))?;
    add(connection, "liaison_day", |[days]| Some(Value::Integer(civil(days)?.day.into())))?;
    add(connection, "liaison_moment_add", |[one, other]| {
        let sum = as_int(one)?.checked_add(as_int(other)?)?;
        moment::in_range(sum).map(Value::Integer)
    })?;
    add(connection, "liaison_moment_subtract", |[one, other]| {
        let difference = as_int(one)?.checked_sub(as_int(other)?)?;
        moment::in_range(difference).map(Value::Integer)
    })?;
    add(connection, "liaison_date_add", |[date, span]| moved(date, as_int(span)? / TICKS_PER_DAY))?;
    add(connection, "liaison_date_subtract", |[date, span]| moved(date, -(as_int(span)? / TICKS_PER_DAY)))?;
    add(connection, "liaison_days_between", |[one, other]| {
        let days = as_int(one)?.checked_sub(as_int(other)?)?;
        days.checked_mul(TICKS_PER_DAY).map(Value::Integer)
    })?;
    add(connection, "liaison_span_add", |[one, other]| {
        as_int(one)?.checked_add(as_int(other)?).map(Value::Integer)
    })?;
    add(connection, "liaison_span_subtract", |[one, other]| {
        as_int(one)?.checked_sub(as_int(other)?).map(Value::Integer)
    })
}

/// Adds a function of `N` arguments whose answer depends on them alone.
fn add<const N: usize>(
    connection: &Connection,
    name: &str,
    answer: fn([ValueRef<'_>; N]) -> Option<Value>,
) -> rusqlite::Result<()> {
    let count = i32::try_from(N).unwrap_or(-1);
    connection.create_scalar_function(name, count, FLAGS, move |context| {
        Ok(answer(std::array::from_fn(|place| context.get_raw(place))))
    })
}

fn as_text(value: ValueRef<'_>) -> Option<&str> {
    value.as_str_or_null().ok().flatten()
}

fn as_int(value: ValueRef<'_>) -> Option<i64> {
    value.as_i64_or_null().ok().flatten()
}

fn as_number(value: ValueRef<'_>) -> Option<Decimal> {
    match value {
        ValueRef::Integer(value) => Some(Decimal::from(value)),
        ValueRef::Text(text) => number::parse(std::str::from_utf8(text).ok()?),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}

/// Reads a number of characters; what is below 0 counts as 0.
fn as_count(value: ValueRef<'_>) -> Option<usize> {
    let number = as_number(value)?.trunc();
    match number.is_sign_negative() {
        true => Some(0),
        // Beyond 64 bits there is no text as long.
        false => Some(usize::try_from(number).unwrap_or(usize::MAX)),
    }
}

fn written(number: Decimal) -> Option<Value> {
    Some(Value::Text(number.normalize().to_string()))
}

/// Digits on each side of the point of an ordering text.
const ORDER_DIGITS: usize = 28;

/// Writes a number as a text that sorts as numbers do: a mark for its sign, then 28 digits before and 28 after the
/// point, those of a negative number each taken from nine.
fn order(number: Decimal) -> String {
    let number = number.normalize();
    let text = number.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_negative = number.is_sign_negative() && !number.is_zero();
    let mut ordered = String::with_capacity(2 * ORDER_DIGITS + 1);
    ordered.push(if is_negative { '0' } else { '1' });
    write!(ordered, "{whole:0>ORDER_DIGITS$}{fraction:0<ORDER_DIGITS$}")
        .expect("writing to a string cannot fail");
    if !is_negative {
        return ordered;
    }
    ordered.chars().enumerate().map(|(place, it)| if place == 0 { it } else { complement(it) }).collect()
}

fn complement(digit: char) -> char {
    digit.to_digit(10).and_then(|it| char::from_digit(9_u32.saturating_sub(it), 10)).unwrap_or(digit)
}

/// Returns the date that is `days` later; NULL outside the years 1 to 9999.
fn moved(date: ValueRef<'_>, days: i64) -> Option<Value> {
    let moved = as_int(date)?.checked_add(days)?;
    (moment::DATE_MIN.into()..=moment::DATE_MAX.into()).contains(&moved).then_some(Value::Integer(moved))
}

fn civil(days: ValueRef<'_>) -> Option<Civil> {
    let days = i32::try_from(as_int(days)?).ok()?;
    (moment::DATE_MIN..=moment::DATE_MAX).contains(&days).then(|| Civil::from_days(days))
}

#[cfg(test)]
mod tests {
    use odata::number;

    use super::order;

    #[test]
    fn ordering_texts_sort_as_numbers_do() {
        let ordered = [
            "-9999999999999999999999999999",
            "-10",
            "-9.5",
            "-0.0000000000000000000000000001",
            "0",
            "0.0000000000000000000000000001",
            "0.5",
            "2",
            "10",
            "9999999999999999999999999999",
        ];

        let texts: Vec<String> = ordered.iter().map(|it| order(number::parse(it).unwrap())).collect();

        assert!(texts.is_sorted_by(|one, other| one < other), "{texts:?}");
        assert_eq!(order(number::parse("1.50").unwrap()), order(number::parse("1.5").unwrap()));
    }
}
