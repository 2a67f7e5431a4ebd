//! Decimal numbers that keep the text they came in: `1234.50` stays `1234.50`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

const DIGITS_MAX: usize = 28;
const CHARS_MAX: usize = 64;

/// A JSON number, written exactly as it was sent. At most 28 significant digits.
#[derive(Clone)]
pub struct Decimal {
    text: Box<RawValue>,
    value: rust_decimal::Decimal,
}

impl Decimal {
    /// Reads the text of a JSON number. `None` when it is not one, or has more than 28 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let base = text.split(['e', 'E']).next().unwrap_or_default();
        let digits = base.bytes().filter(u8::is_ascii_digit).count();
        if text.len() > CHARS_MAX || digits > DIGITS_MAX {
            return None;
        }
        let value = rust_decimal::Decimal::from_str_exact(text)
            .or_else(|_| rust_decimal::Decimal::from_scientific(text))
            .ok()?;
        let text: Box<RawValue> = serde_json::from_str(text).ok()?;
        text.get().starts_with(|it: char| it == '-' || it.is_ascii_digit()).then_some(Self { text, value })
    }

    /// Returns the number as it was sent.
    pub fn as_str(&self) -> &str {
        self.text.get()
    }

    /// Says whether the number is below zero.
    pub fn is_negative(&self) -> bool {
        self.value.is_sign_negative() && !self.value.is_zero()
    }
}

/// Two numbers are equal by value: `50000` equals `50000.00`.
impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(text.get()).ok_or_else(|| serde::de::Error::custom("not a decimal number"))
    }
}

impl PartialSchema for Decimal {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).into()
    }
}

impl ToSchema for Decimal {}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn text_survives() {
        for text in ["50000", "1234.50", "0.1", "-3", "5e4", "0"] {
            assert_eq!(serde_json::to_string(&Decimal::parse(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in [
            "",
            "abc",
            "1.2.3",
            "1e400",
            "NaN",
            "+5",
            "01",
            "1,000",
            "null",
            "\"5\"",
            " ",
            "1.00000000000000000000000000000e0",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }
}
