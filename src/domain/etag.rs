//! The concurrency token, in the wire's form.
//!
//! ```text
//! "vvvvvvvv-wwww-wwww-wwww-ttttttttpppp"      the quotes are part of the value
//!  version  what this viewer sees  Unix seconds of the last change, then 0000
//! ```
//!
//! Seen on the wire from 2018 to 2022 (`"00006d10-0000-0000-0000-5c70aa630000"`). The first group counts the
//! record's versions. The middle groups mark what the viewer sees: `If-None-Match` compares them, `If-Match`
//! does not, because sight does not decide whose write came last.

use std::fmt;

use super::time::Timestamp;

/// The concurrency token of one record, as one viewer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag {
    /// Number of the record's version, from 1.
    pub version: u32,
    /// Mark of what the viewer sees: 48 bits, zero for the plain full view.
    pub sight: u64,
    /// Unix seconds of the last change, modulo 2^32.
    pub updated_secs: u32,
}

impl ETag {
    /// Makes the token of `version`, changed at `updated`.
    pub fn new(version: u32, updated: Timestamp, sight: u64) -> Self {
        let secs = updated.unix_secs().rem_euclid(1 << 32);
        Self { version, sight: sight & 0xffff_ffff_ffff, updated_secs: u32::try_from(secs).unwrap_or(0) }
    }

    /// Reads a token; quotes and `W/` are optional. `None` when it is none of ours.
    pub fn parse(tag: &str) -> Option<Self> {
        let tag = tag.trim();
        let bare = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        let is_hex = |it: &str| it.bytes().all(|it| it.is_ascii_hexdigit());
        let groups: Vec<&str> = bare.split('-').collect();
        let [version, high, middle, low, updated] = groups.as_slice() else { return None };
        let lengths = [version.len(), high.len(), middle.len(), low.len(), updated.len()];
        if lengths != [8, 4, 4, 4, 12] || !groups.iter().all(|it| is_hex(it)) {
            return None;
        }
        Some(Self {
            version: u32::from_str_radix(version, 16).ok()?,
            sight: u64::from_str_radix(&[*high, *middle, *low].concat(), 16).ok()?,
            updated_secs: u32::from_str_radix(updated.strip_suffix("0000")?, 16).ok()?,
        })
    }

    /// Says whether both name the same version, whoever saw it: what `If-Match` asks.
    pub fn is_same_version(&self, other: &Self) -> bool {
        (self.version, self.updated_secs) == (other.version, other.updated_secs)
    }

    /// Says whether one tag of an `If-None-Match` header is this token. Quotes and `W/` are optional; `*` is any.
    pub fn is_matched_by(&self, tag: &str) -> bool {
        let tag = tag.trim();
        if tag == "*" {
            return true;
        }
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag.trim_matches('"').eq_ignore_ascii_case(self.to_string().trim_matches('"'))
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, middle, low] = [self.sight >> 32, self.sight >> 16 & 0xffff, self.sight & 0xffff];
        write!(f, "\"{:08x}-{high:04x}-{middle:04x}-{low:04x}-{:08x}0000\"", self.version, self.updated_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::ETag;
    use crate::domain::time::Timestamp;

    #[test]
    fn the_documented_sample_is_reproduced() {
        let created = Timestamp::parse("2019-02-23T02:05:23.2931817Z").unwrap();

        assert_eq!(ETag::new(0x6d10, created, 0).to_string(), "\"00006d10-0000-0000-0000-5c70aa630000\"");
    }

    #[test]
    fn a_token_is_read_back_in_every_spelling() {
        let tag = ETag::new(10, Timestamp::from_unix_secs(1), 0x0001_0002_0003);

        for sent in [tag.to_string(), format!("W/{tag}"), tag.to_string().replace('"', "").to_uppercase()] {
            assert_eq!(ETag::parse(&sent), Some(tag), "{sent}");
        }
        for sent in
            ["", "*", "\"a\"", "0000000a-0001-0002-0003-00000001000", "+000000a-0001-0002-0003-000000010000"]
        {
            assert_eq!(ETag::parse(sent), None, "{sent}");
        }
        assert!(tag.is_same_version(&ETag { sight: 0, ..tag }));
        assert!(!tag.is_same_version(&ETag { version: 11, ..tag }));
    }

    #[test]
    fn quotes_weakness_and_case_do_not_matter() {
        let tag = ETag::new(10, Timestamp::from_unix_secs(1), 0x0001_0002_0003);

        for sent in [
            "\"0000000a-0001-0002-0003-000000010000\"",
            "0000000A-0001-0002-0003-000000010000",
            "W/\"0000000a-0001-0002-0003-000000010000\"",
            " * ",
        ] {
            assert!(tag.is_matched_by(sent), "{sent}");
        }
        assert!(!tag.is_matched_by("\"0000000a-0000-0000-0000-000000010000\""));
    }
}
