//! How a browser wants its pages: language and theme, kept in a cookie of its own. It tells nothing of the person.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderValue, header, request::Parts};

use super::words::{Language, Words};

/// Name of the cookie; its value is `LANGUAGE.THEME`, either of which may be empty.
const COOKIE: &str = "liaison-look";
/// Browsers keep no cookie longer than 400 days.
const KEPT_SECS: u32 = 400 * 24 * 60 * 60;

/// Colours of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Every theme.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Returns the stable name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads a stable name. `None` when it is not known.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// How a browser wants its pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// The language that was chosen; `None` for what the browser asks for.
    pub(crate) chosen: Option<Language>,
    /// The language that the browser asks for, as far as it is served.
    pub(crate) asked: Option<Language>,
    /// Colours.
    pub(crate) theme: Theme,
}

impl<S: Sync> FromRequestParts<S> for Look {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Look {
    /// Reads what a browser sends along.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let cookie = cookie(headers, COOKIE).unwrap_or_default();
        let (language, theme) = cookie.split_once('.').unwrap_or((cookie, ""));
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|it| it.to_str().ok());
        Self {
            chosen: Language::parse(language),
            asked: asked.and_then(Language::accepted),
            theme: Theme::parse(theme).unwrap_or_default(),
        }
    }

    /// Returns what speaks the language.
    pub(crate) fn words(&self) -> Words {
        Words(self.chosen.or(self.asked).unwrap_or_default())
    }

    /// Returns the cookie that keeps it.
    pub(crate) fn cookie(&self) -> HeaderValue {
        let language = self.chosen.map_or("", Language::tag);
        let theme = self.theme.as_str();
        let text =
            format!("{COOKIE}={language}.{theme}; Path=/; Max-Age={KEPT_SECS}; SameSite=Lax; HttpOnly");
        HeaderValue::try_from(text).expect("names of languages and themes are ASCII")
    }
}

/// Returns the value of a cookie that a browser sends along.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = sent.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};

    use super::{Language, Look, Theme};

    #[test]
    fn what_was_chosen_counts_more_than_what_the_browser_asks_for() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "nl".parse().unwrap());
        assert_eq!(Look::of(&headers).words().0, Language::Dutch);
        let chosen = Look { chosen: Some(Language::English), asked: None, theme: Theme::Dark };
        let cookie = chosen.cookie();
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        headers.insert(header::COOKIE, format!("a=b; {pair}").parse().unwrap());
        let look = Look::of(&headers);
        assert_eq!((look.words().0, look.theme), (Language::English, Theme::Dark));
    }
}
