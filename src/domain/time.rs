//! Moments in time, in the resolution of the wire: ticks of 100 nanoseconds, always UTC.
//!
//! Written as .NET's round-trip form with trailing zeros trimmed (`2022-03-07T05:08:23.810144Z`),
//! which is what real payloads of 2022 carry. PostgreSQL's `timestamptz` would lose the seventh digit,
//! so databases store the ticks as an integer.

use std::{borrow::Cow, fmt};

use jiff::{
    SignedDuration,
    civil::{DateTime, Time},
    fmt::temporal::Pieces,
    tz::Offset,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

const TICKS_PER_SECOND: i64 = 10_000_000;
const TICKS_PER_DAY: i64 = 24 * 60 * 60 * TICKS_PER_SECOND;
const NANOS_PER_TICK: i128 = 100;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// Year 1, the first that the wire's four digits can write.
const MIN_TICKS: i64 = -62_135_596_800 * TICKS_PER_SECOND;
/// Year 10000, the first that they cannot.
const END_TICKS: i64 = 253_402_300_800 * TICKS_PER_SECOND;

/// A moment: ticks of 100 ns since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes a moment from ticks of 100 ns since 1970.
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// Makes a moment from whole seconds since 1970.
    pub const fn from_unix_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(TICKS_PER_SECOND))
    }

    /// Returns ticks of 100 ns since 1970.
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since 1970, rounded down.
    pub const fn unix_secs(self) -> i64 {
        self.0.div_euclid(TICKS_PER_SECOND)
    }

    /// Returns the moment `secs` seconds later (earlier, if negative).
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(TICKS_PER_SECOND)))
    }

    /// Returns midnight UTC of the day that is `days` days after this one.
    #[must_use]
    pub const fn midnight_after_days(self, days: i64) -> Self {
        let day = self.0.div_euclid(TICKS_PER_DAY).saturating_add(days);
        Self(day.saturating_mul(TICKS_PER_DAY))
    }

    /// Reads a moment from text: RFC 3339 with any offset; a missing offset means UTC and a missing
    /// time means midnight. Digits past the seventh are cut. `None` when it is none of these, or the year is not
    /// one of 1 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let pieces = Pieces::parse(text).ok()?;
        if pieces.time_zone_annotation().is_some() {
            return None;
        }
        let local = DateTime::from_parts(pieces.date(), pieces.time().unwrap_or(Time::midnight()));
        let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
        let nanos = local.duration_since(EPOCH).as_nanos();
        let ticks = i64::try_from(nanos.div_euclid(NANOS_PER_TICK)).ok()?;
        let ticks = ticks.checked_sub(i64::from(offset.seconds()).checked_mul(TICKS_PER_SECOND)?)?;
        (MIN_TICKS..END_TICKS).contains(&ticks).then_some(Self(ticks))
    }

    /// Returns date and time in UTC; the epoch where the year is none of 1 to 9999.
    pub fn to_civil(self) -> DateTime {
        let nanos = i128::from(self.0).saturating_mul(NANOS_PER_TICK);
        EPOCH.checked_add(SignedDuration::from_nanos_i128(nanos)).unwrap_or(EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.to_civil();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        )?;
        let mut fraction = self.0.rem_euclid(TICKS_PER_SECOND);
        if fraction != 0 {
            let mut digits = 7;
            while fraction % 10 == 0 {
                fraction /= 10;
                digits -= 1;
            }
            write!(f, ".{fraction:0digits$}")?;
        }
        f.write_str("Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a date and time"))
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn fractions_are_written_with_trailing_zeros_trimmed() {
        for text in [
            "2022-03-07T05:08:23.810144Z",
            "2018-10-30T21:03:42.4579542Z",
            "2018-11-14T00:00:00Z",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn offsets_and_short_forms_become_utc() {
        let read = |text: &str| Timestamp::parse(text).map(|it| it.to_string());

        assert_eq!(read("2024-11-14T01:30:00+02:00").as_deref(), Some("2024-11-13T23:30:00Z"));
        assert_eq!(read("2024-11-14T01:30:00").as_deref(), Some("2024-11-14T01:30:00Z"));
        assert_eq!(read("2024-11-14").as_deref(), Some("2024-11-14T00:00:00Z"));
        assert_eq!(read("2024-11-14T00:00:00.12345678Z").as_deref(), Some("2024-11-14T00:00:00.1234567Z"));
        assert_eq!(read("14/11/2024"), None);
        assert_eq!(read("2024-02-30T00:00:00Z"), None);
        assert_eq!(read("-000001-01-01T00:00:00Z"), None);
        assert_eq!(read("0001-01-01T00:00:00+05:00"), None);
        assert_eq!(read("9999-12-31T23:59:59.9999999Z").as_deref(), Some("9999-12-31T23:59:59.9999999Z"));
    }

    #[test]
    fn a_deadline_falls_on_midnight() {
        let created = Timestamp::parse("2018-10-30T21:03:42.4579542Z").unwrap();

        assert_eq!(created.midnight_after_days(14).to_string(), "2018-11-13T00:00:00Z");
    }

    #[test]
    fn the_documented_etag_time_matches_the_sample() {
        let created = Timestamp::parse("2019-02-23T02:05:23.2931817Z").unwrap();

        assert_eq!(format!("{:08x}", created.unix_secs()), "5c70aa63");
    }
}
