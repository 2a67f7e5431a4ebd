//! Decimals of at most 28 digits, exactly: a result that does not fit is none.
//!
//! A number is a whole number of up to 28 digits, over a power of ten up to 10^28. Only quotients are rounded, by
//! [`divide`], so that every evaluator of the language can agree on every digit. `None` is the null of the language.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::tree::QUOTIENT_DIGITS;

/// The digits that a number may have, and the digits that may stand after its point.
pub const DIGITS_MAX: u32 = 28;
const MANTISSA_LIMIT: u128 = 10_u128.pow(DIGITS_MAX);

/// Reads `1`, `-1.50`, `+1e3`, `2.5E-3`; `None` for anything else and for what does not fit.
pub fn parse(text: &str) -> Option<Decimal> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (coefficient, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((coefficient, exponent)) => (coefficient, read_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match coefficient.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (coefficient, ""),
    };
    if whole.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|it| it.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - kept.len()).ok()?;
    let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?.checked_sub(dropped)?;
    from_digits(is_negative, kept.trim_start_matches('0'), scale)
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    // An exponent of any length is well-formed; beyond these bounds only zero fits.
    let magnitude = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000);
    is_number.then_some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// Makes `digits` over 10^`scale`; there are no zeros at either end of `digits`.
fn from_digits(is_negative: bool, digits: &str, scale: i64) -> Option<Decimal> {
    if digits.is_empty() {
        return Some(Decimal::ZERO);
    }
    let zeros = usize::try_from(-scale).unwrap_or_default();
    if digits.len().checked_add(zeros)? > usize::try_from(DIGITS_MAX).ok()? {
        return None;
    }
    let mantissa: i128 = format!("{digits}{}", "0".repeat(zeros)).parse().ok()?;
    fit(if is_negative { -mantissa } else { mantissa }, u32::try_from(scale.max(0)).ok()?)
}

/// Makes `mantissa` over 10^`scale`, without zeros at its end.
fn fit(mut mantissa: i128, mut scale: u32) -> Option<Decimal> {
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    let is_fit = scale <= DIGITS_MAX && mantissa.unsigned_abs() < MANTISSA_LIMIT;
    is_fit.then(|| Decimal::from_i128_with_scale(mantissa, scale))
}

/// Returns the number as whole number and power of ten below it, shortest.
fn parts(number: Decimal) -> (i128, u32) {
    let number = number.normalize();
    (number.mantissa(), number.scale())
}

/// Adds.
pub fn add(one: Decimal, other: Decimal) -> Option<Decimal> {
    let ((one, one_scale), (other, other_scale)) = (parts(one), parts(other));
    let scale = one_scale.max(other_scale);
    // Where the widened number leaves 128 bits, the digits of the other keep the sum from being shortened again.
    let widened = |mantissa: i128, by: u32| match mantissa {
        0 => Some(0),
        _ => mantissa.checked_mul(10_i128.checked_pow(by)?),
    };
    fit(widened(one, scale - one_scale)?.checked_add(widened(other, scale - other_scale)?)?, scale)
}

/// Subtracts.
pub fn subtract(one: Decimal, other: Decimal) -> Option<Decimal> {
    add(one, -other)
}

/// Multiplies.
pub fn multiply(one: Decimal, other: Decimal) -> Option<Decimal> {
    let ((mut one, one_scale), (mut other, other_scale)) = (parts(one), parts(other));
    if one == 0 || other == 0 {
        return Some(Decimal::ZERO);
    }
    let mut scale = one_scale + other_scale;
    // Tens that arise from a two here and a five there go first: what then leaves 128 bits cannot be shortened.
    while scale > 0 && one % 2 == 0 && other % 5 == 0 {
        (one, other, scale) = (one / 2, other / 5, scale - 1);
    }
    while scale > 0 && one % 5 == 0 && other % 2 == 0 {
        (one, other, scale) = (one / 5, other / 2, scale - 1);
    }
    fit(one.checked_mul(other)?, scale)
}

/// Divides, to [`QUOTIENT_DIGITS`] digits after the point, half away from zero; `None` for division by zero.
pub fn divide(one: Decimal, other: Decimal) -> Option<Decimal> {
    let ((one, one_scale), (other, other_scale)) = (parts(one), parts(other));
    let is_negative = (one < 0) != (other < 0);
    let divisor = other.unsigned_abs();
    if divisor == 0 {
        return None;
    }
    // Written division, with one digit more than is kept.
    let digits_wanted = i64::from(other_scale) - i64::from(one_scale) + i64::from(QUOTIENT_DIGITS) + 1;
    let zeros = usize::try_from(digits_wanted).unwrap_or_default();
    let dropped = usize::try_from(-digits_wanted).unwrap_or_default();
    let mut quotient = String::new();
    let mut remainder = 0;
    for digit in one.unsigned_abs().to_string().chars().chain(std::iter::repeat_n('0', zeros)) {
        let current = remainder * 10 + u128::from(digit.to_digit(10)?);
        quotient.push(char::from_digit(u32::try_from(current / divisor).ok()?, 10)?);
        remainder = current % divisor;
    }
    quotient.truncate(quotient.len().saturating_sub(dropped));
    let rounding = quotient.pop().unwrap_or('0');
    let mut rounded = quotient;
    if rounding >= '5' {
        rounded = incremented(&rounded);
    }
    let kept = rounded.trim_end_matches('0');
    let scale = i64::from(QUOTIENT_DIGITS) - i64::try_from(rounded.len() - kept.len()).ok()?;
    from_digits(is_negative, kept.trim_start_matches('0'), scale)
}

/// Adds one to a number in digits.
fn incremented(digits: &str) -> String {
    let kept = digits.trim_end_matches('9');
    let nines = digits.len() - kept.len();
    let mut chars = kept.chars();
    let last = chars.next_back().and_then(|it| it.to_digit(10)).unwrap_or_default();
    format!("{}{}{}", chars.as_str(), last + 1, "0".repeat(nines))
}

/// Divides whole numbers and cuts towards zero; `None` for division by zero.
pub fn divide_whole(one: Decimal, other: Decimal) -> Option<Decimal> {
    fit(one.trunc().mantissa().checked_div(other.trunc().mantissa())?, 0)
}

/// Returns what a division that cuts towards zero leaves, with the sign of `one`; `None` for division by zero.
pub fn modulo(one: Decimal, other: Decimal) -> Option<Decimal> {
    let ((one, one_scale), (other, other_scale)) = (parts(one), parts(other));
    let scale = one_scale.max(other_scale);
    // A divisor that leaves 128 bits is larger than any number that could be divided by it.
    let Some(divisor) = other.checked_mul(10_i128.checked_pow(scale - other_scale)?) else {
        return fit(one, one_scale);
    };
    let mut remainder = one.checked_rem(divisor)?;
    for _ in one_scale..scale {
        remainder = remainder.checked_mul(10)?.checked_rem(divisor)?;
    }
    fit(remainder, scale)
}

/// Rounds to a whole number, half away from zero.
pub fn round(number: Decimal) -> Decimal {
    number.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).normalize()
}

/// Rounds down to a whole number.
pub fn floor(number: Decimal) -> Decimal {
    number.floor().normalize()
}

/// Rounds up to a whole number.
pub fn ceiling(number: Decimal) -> Decimal {
    number.ceil().normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    fn text(number: Option<Decimal>) -> String {
        number.map_or("null".to_owned(), |it| it.to_string())
    }

    #[test]
    fn numbers_are_read_and_shortened() {
        for (read, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("+1e3", "1000"),
            ("2.5E-3", "0.0025"),
            ("100", "100"),
            ("1e27", "1000000000000000000000000000"),
            ("1e28", "null"),
            ("1e-28", "0.0000000000000000000000000001"),
            ("1e-29", "null"),
            ("0e999999999999999999999", "0"),
            ("1e999999999999999999999", "null"),
            ("9999999999999999999999999999", "9999999999999999999999999999"),
            ("99999999999999999999999999999", "null"),
            ("1.0000000000000000000000000000000000000", "1"),
            ("", "null"),
            (".5", "null"),
            ("5.", "null"),
            ("1e", "null"),
            ("1e+", "null"),
            ("--1", "null"),
            ("1_000", "null"),
            ("NaN", "null"),
        ] {
            assert_eq!(text(parse(read)), expected, "{read}");
        }
    }

    #[test]
    fn sums_and_products_are_exact_or_none() {
        assert_eq!(text(add(number("0.1"), number("0.2"))), "0.3");
        assert_eq!(text(add(number("1e27"), number("0.1"))), "null");
        assert_eq!(text(add(number("1e27"), number("1e-28"))), "null");
        assert_eq!(text(add(number("1e27"), number("0"))), "1000000000000000000000000000");
        assert_eq!(text(subtract(number("1"), number("1.00"))), "0");
        assert_eq!(text(multiply(number("1.5"), number("-2"))), "-3");
        assert_eq!(text(multiply(number("1e14"), number("1e14"))), "null");
        assert_eq!(text(multiply(number("1e-14"), number("1e-15"))), "null");
        assert_eq!(text(multiply(number("0"), number("1e-28"))), "0");
        // 5^40 and 2^40, each over 10^20: one exactly, by way of a product of 41 digits.
        let five = number("90949470177.29282379150390625");
        let two = number("0.00000001099511627776");
        assert_eq!(text(multiply(five, two)), "1000");
    }

    #[test]
    fn quotients_have_twelve_digits_after_the_point() {
        for (one, other, expected) in [
            ("1", "3", "0.333333333333"),
            ("2", "3", "0.666666666667"),
            ("-2", "3", "-0.666666666667"),
            ("1", "8", "0.125"),
            ("1", "0", "null"),
            ("0", "7", "0"),
            ("1e27", "1", "1000000000000000000000000000"),
            ("1e20", "3", "null"),
            ("9.999999999999999", "1", "10"),
            ("1e-13", "2", "0"),
            ("1e-12", "2", "0.000000000001"),
            ("1e-28", "1e27", "0"),
            ("1e27", "1e-28", "null"),
            ("999999999999999999999999999.9", "1", "999999999999999999999999999.9"),
        ] {
            assert_eq!(text(divide(number(one), number(other))), expected, "{one} / {other}");
        }
    }

    #[test]
    fn whole_division_cuts_and_modulo_keeps_the_sign() {
        assert_eq!(text(divide_whole(number("7"), number("2"))), "3");
        assert_eq!(text(divide_whole(number("-7"), number("2"))), "-3");
        assert_eq!(text(divide_whole(number("7"), number("0"))), "null");
        assert_eq!(text(modulo(number("-7"), number("2"))), "-1");
        assert_eq!(text(modulo(number("7.5"), number("2"))), "1.5");
        assert_eq!(text(modulo(number("7"), number("0"))), "null");
        assert_eq!(text(modulo(number("1e27"), number("0.7"))), "0.4");
        assert_eq!(text(modulo(number("1e-28"), number("1e27"))), "0.0000000000000000000000000001");
    }

    #[test]
    fn rounding_goes_half_away_from_zero() {
        assert_eq!(round(number("2.5")), number("3"));
        assert_eq!(round(number("-2.5")), number("-3"));
        assert_eq!(floor(number("-2.5")), number("-3"));
        assert_eq!(ceiling(number("-2.5")), number("-2"));
    }
}
