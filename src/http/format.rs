//! In which format an answer is wanted: `Accept`, `$format`, and the `Content-Type` that is answered.
//!
//! ```text
//! application/json;odata.metadata=full;IEEE754Compatible=true;q=0.9
//! ```
//!
//! `$format` takes precedence over `Accept` (OData 4.01, part 1, section 11.2.12). Where nothing special is asked for,
//! answers are `application/json; charset=utf-8`, as Partner Center's are.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::error::ApiError;

/// The newest version of OData that the caller understands.
pub(super) const MAX_VERSION: HeaderName = HeaderName::from_static("odata-maxversion");

/// How much control information an answer carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metadata {
    /// Context, count and next link.
    #[default]
    Minimal,
    /// Count and next link.
    None,
    /// Also types, ids and links of every entity.
    Full,
}

/// The JSON that a caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// How much control information.
    pub metadata: Metadata,
    /// Whether decimals and 64-bit integers are texts, for callers whose numbers have 53 bits.
    pub is_ieee754_compatible: bool,
    /// Whether the caller said how; the `Content-Type` tells it then.
    is_asked: bool,
}

/// In which form `$metadata` is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SchemaFormat {
    /// CSDL XML.
    #[default]
    Xml,
    /// CSDL JSON.
    Json,
}

impl Format {
    /// Reads what is wanted of an answer in JSON. `format_option` is the value of `$format`.
    ///
    /// # Errors
    /// When nothing that is wanted can be answered, or the caller understands no version that is spoken here.
    pub fn read(headers: &HeaderMap, format_option: Option<&str>) -> Result<Self, ApiError> {
        check_version(headers)?;
        let offered = "application/json with odata.metadata=minimal, full or none";
        Ok(choose(headers, format_option, Self::of, offered)?.unwrap_or_default())
    }

    /// Returns the `Content-Type` of the answer.
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match (self.is_asked, self.metadata, self.is_ieee754_compatible) {
            (false, ..) => "application/json; charset=utf-8",
            (true, Metadata::Minimal, false) => "application/json;odata.metadata=minimal;charset=utf-8",
            (true, Metadata::None, false) => "application/json;odata.metadata=none;charset=utf-8",
            (true, Metadata::Full, false) => "application/json;odata.metadata=full;charset=utf-8",
            (true, Metadata::Minimal, true) => {
                "application/json;odata.metadata=minimal;IEEE754Compatible=true;charset=utf-8"
            }
            (true, Metadata::None, true) => {
                "application/json;odata.metadata=none;IEEE754Compatible=true;charset=utf-8"
            }
            (true, Metadata::Full, true) => {
                "application/json;odata.metadata=full;IEEE754Compatible=true;charset=utf-8"
            }
        })
    }

    /// Returns a 64-bit integer, such as `@odata.count`, as the answer has it.
    pub fn integer(self, value: u64) -> serde_json::Value {
        match self.is_ieee754_compatible {
            true => value.to_string().into(),
            false => value.into(),
        }
    }

    /// Says whether an answer names its metadata in `@odata.context`.
    pub fn has_context(self) -> bool {
        self.metadata != Metadata::None
    }

    /// Returns the format that a range names; `None` when it is not served.
    fn of(range: &Range) -> Option<Self> {
        if !["application/json", "application/*", "text/json", "*/*"].contains(&range.essence.as_str()) {
            return None;
        }
        let mut format = Self::default();
        for (name, value) in &range.parameters {
            match (name.as_str(), value.as_str()) {
                ("odata.metadata" | "metadata", "minimal") => format.metadata = Metadata::Minimal,
                ("odata.metadata" | "metadata", "none") => format.metadata = Metadata::None,
                ("odata.metadata" | "metadata", "full") => format.metadata = Metadata::Full,
                ("ieee754compatible", "true") => format.is_ieee754_compatible = true,
                ("ieee754compatible", "false") => {}
                // `odata=verbose` is the JSON of version 2, which reads quite differently.
                ("odata.metadata" | "metadata" | "ieee754compatible" | "odata", _) => return None,
                _ => continue,
            }
            format.is_asked = true;
        }
        Some(format)
    }
}

impl SchemaFormat {
    /// Reads what is wanted of `$metadata`: XML for who says nothing.
    ///
    /// # Errors
    /// When nothing that is wanted can be answered, or the caller understands no version that is spoken here.
    pub(super) fn read(headers: &HeaderMap, format_option: Option<&str>) -> Result<Self, ApiError> {
        check_version(headers)?;
        let offered = "application/xml or application/json";
        Ok(choose(headers, format_option, Self::of, offered)?.unwrap_or_default())
    }

    fn of(range: &Range) -> Option<Self> {
        match range.essence.as_str() {
            "application/xml" | "text/xml" | "application/*" | "text/*" | "*/*" => Some(Self::Xml),
            "application/json" | "text/json" => Format::of(range).map(|_| Self::Json),
            _ => None,
        }
    }
}

/// Refuses a caller who understands nothing as new as version 4.0.
fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(sent) = headers.get(MAX_VERSION).and_then(|it| it.to_str().ok()) else { return Ok(()) };
    // Some clients of version 3 send `3.0;NetFx`.
    let major = sent.trim().split(['.', ';']).next().and_then(|it| it.parse::<u32>().ok());
    if major.is_none_or(|it| it >= 4) {
        return Ok(());
    }
    let message = format!("OData-MaxVersion is \"{}\", and answers are in 4.0", sent.escape_default());
    Err(ApiError::new(StatusCode::BAD_REQUEST, message).inner("invalidHeader").target("OData-MaxVersion"))
}

/// One media range of an `Accept` header, in lower case.
struct Range {
    essence: String,
    parameters: Vec<(String, String)>,
    /// From 0 to 1000.
    quality: u16,
}

impl Range {
    /// Reads one; `None` when it is no media range.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().filter(|it| it.contains('/'))?.to_ascii_lowercase();
        let mut range = Self { essence, parameters: Vec::new(), quality: 1000 };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else { continue };
            let name = name.trim().to_ascii_lowercase();
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            match name.as_str() {
                "q" => range.quality = quality(&value),
                _ => range.parameters.push((name, value)),
            }
        }
        Some(range)
    }

    /// Says how much of a type the range names.
    fn precision(&self) -> usize {
        self.essence.split('/').filter(|it| *it != "*").count()
    }
}

/// Reads a quality of at most three digits after the point; what is malformed counts as 1.
fn quality(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    match (whole, format!("{rest:0<3}").parse::<u16>()) {
        ("0", Ok(thousandths @ ..=999)) => thousandths,
        _ => 1000,
    }
}

/// Returns what `read` makes of the range that is wanted most: the best quality first, then the most precise range, then
/// the first. `None` when nothing is said.
fn choose<T>(
    headers: &HeaderMap,
    format_option: Option<&str>,
    read: impl Fn(&Range) -> Option<T>,
    offered: &str,
) -> Result<Option<T>, ApiError> {
    let refuse = |target: &str, sent: &str| {
        let message = format!("{target} asks for \"{}\", and {offered} is answered", sent.escape_default());
        Err(ApiError::new(StatusCode::NOT_ACCEPTABLE, message).inner("notAcceptable").target(target))
    };
    if let Some(option) = format_option {
        let spelled = match option.trim().to_ascii_lowercase().as_str() {
            "json" => "application/json".to_owned(),
            "xml" => "application/xml".to_owned(),
            _ => option.to_owned(),
        };
        let found = Range::parse(&spelled).and_then(|it| read(&it));
        return found.map_or_else(|| refuse("$format", option), |it| Ok(Some(it)));
    }
    let sent: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok()).collect();
    let ranges: Vec<Range> = sent.iter().flat_map(|it| it.split(',')).filter_map(Range::parse).collect();
    if ranges.is_empty() {
        return Ok(None);
    }
    let mut served: Vec<(&Range, T)> =
        ranges.iter().filter(|it| it.quality > 0).filter_map(|range| Some((range, read(range)?))).collect();
    // The sort is stable.
    served.sort_by_key(|(range, _)| std::cmp::Reverse((range.quality, range.precision())));
    match served.into_iter().next() {
        Some((_, found)) => Ok(Some(found)),
        None => refuse("Accept", &sent.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiError, Format, HeaderMap, Metadata, SchemaFormat, StatusCode, header};

    fn accepting(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())])
    }

    fn wanted(accept: &str) -> Format {
        Format::read(&accepting(accept), None).unwrap()
    }

    #[test]
    fn who_asks_for_nothing_special_gets_plain_json() {
        for accept in [
            "*/*",
            "application/json",
            "application/*",
            "text/html, application/xhtml+xml, image/webp, */*; q=0.8",
            "application/json, text/plain, */*",
            "application/json; charset=utf-8",
            "application/json;odata.streaming=true",
            "application/xml, application/json;q=0.5",
            "*/*; q=.2",
            "",
            "nonsense",
        ] {
            let format = wanted(accept);

            assert_eq!(format, Format::default(), "{accept}");
            assert_eq!(format.content_type(), "application/json; charset=utf-8", "{accept}");
        }
        assert_eq!(Format::read(&HeaderMap::new(), None).unwrap(), Format::default());
    }

    #[test]
    fn what_is_asked_for_is_told_in_the_content_type() {
        for (accept, metadata, content_type) in [
            (
                "application/json;odata.metadata=minimal",
                Metadata::Minimal,
                "application/json;odata.metadata=minimal;charset=utf-8",
            ),
            (
                "Application/JSON; OData.Metadata=\"None\"",
                Metadata::None,
                "application/json;odata.metadata=none;charset=utf-8",
            ),
            (
                "*/*;q=0.1, application/json;metadata=full;q=0.3",
                Metadata::Full,
                "application/json;odata.metadata=full;charset=utf-8",
            ),
            (
                "application/json;odata.metadata=full;IEEE754Compatible=true",
                Metadata::Full,
                "application/json;odata.metadata=full;IEEE754Compatible=true;charset=utf-8",
            ),
            (
                "application/json;ieee754Compatible=true, */*",
                Metadata::Minimal,
                "application/json;odata.metadata=minimal;IEEE754Compatible=true;charset=utf-8",
            ),
        ] {
            assert_eq!(wanted(accept).metadata, metadata, "{accept}");
            assert_eq!(wanted(accept).content_type(), content_type, "{accept}");
        }
    }

    #[test]
    fn the_best_quality_counts_then_precision_then_order() {
        let none = "application/json;odata.metadata=none";
        let full = "application/json;odata.metadata=full";

        assert_eq!(wanted(&format!("{none};q=0.5, {full};q=0.51")).metadata, Metadata::Full);
        assert_eq!(wanted(&format!("*/*, {none}")).metadata, Metadata::None);
        assert_eq!(wanted(&format!("{none}, {full}")).metadata, Metadata::None);
        assert_eq!(wanted(&format!("{none};q=0, {full};q=0.001")).metadata, Metadata::Full);
    }

    fn assert_not_acceptable<T: std::fmt::Debug>(read: Result<T, ApiError>, sent: &str) {
        assert_eq!(read.expect_err(sent).status(), StatusCode::NOT_ACCEPTABLE, "{sent}");
    }

    #[test]
    fn what_cannot_be_answered_is_not_acceptable() {
        for sent in [
            "text/html",
            "application/xml",
            "application/atom+xml, application/json;q=0",
            "application/json;odata.metadata=bogus",
            "application/json;odata=verbose",
            "application/json;IEEE754Compatible=maybe",
        ] {
            assert_not_acceptable(Format::read(&accepting(sent), None), sent);
        }
        for option in ["xml", "atom", "application/xml", "", "application/json;odata.metadata=bogus"] {
            assert_not_acceptable(Format::read(&accepting("*/*"), Some(option)), option);
        }
        assert_not_acceptable(SchemaFormat::read(&accepting("text/html"), None), "text/html");
        assert_not_acceptable(SchemaFormat::read(&HeaderMap::new(), Some("html")), "html");
    }

    #[test]
    fn the_option_takes_precedence() {
        let accept = accepting("text/html");

        assert_eq!(Format::read(&accept, Some("json")).unwrap(), Format::default());
        let full = Format::read(&accept, Some("application/json;odata.metadata=full")).unwrap();
        assert_eq!(full.metadata, Metadata::Full);
        assert_eq!(SchemaFormat::read(&accept, Some("JSON")).unwrap(), SchemaFormat::Json);
    }

    #[test]
    fn a_schema_is_xml_unless_json_is_wanted() {
        for (accept, expected) in [
            ("*/*", SchemaFormat::Xml),
            ("application/xml", SchemaFormat::Xml),
            ("application/json", SchemaFormat::Json),
            ("application/json, */*;q=0.1", SchemaFormat::Json),
            ("application/json;q=0.5, text/xml", SchemaFormat::Xml),
            ("application/json;odata.metadata=full", SchemaFormat::Json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", SchemaFormat::Xml),
        ] {
            assert_eq!(SchemaFormat::read(&accepting(accept), None).unwrap(), expected, "{accept}");
        }
        assert_eq!(SchemaFormat::read(&HeaderMap::new(), None).unwrap(), SchemaFormat::Xml);
    }

    #[test]
    fn a_caller_that_is_too_old_is_refused() {
        let read = |version: &str| {
            let mut headers = accepting("*/*");
            headers.insert("odata-maxversion", version.parse().unwrap());
            Format::read(&headers, None)
        };
        for version in ["4.0", "4.01", "5.0", "4.0;NetFx", "", "new"] {
            assert!(read(version).is_ok(), "{version}");
        }
        for version in ["3.0", "2.0", "3.0;NetFx", "1"] {
            assert_eq!(read(version).expect_err(version).status(), StatusCode::BAD_REQUEST, "{version}");
        }
    }
}
