//! What the pages say, in each language: messages of Fluent files, found by name.
//!
//! English is complete; a message that another language lacks is said in English. `words_tests` holds that none is
//! missing, and that templates name none that does not exist.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    sync::LazyLock,
};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    /// English, for whoever asks for nothing that is there.
    #[default]
    English,
    /// Dutch.
    Dutch,
}

/// The files of a language, with their names for whoever mends one.
type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($language:literal: $($name:literal),+ $(,)?) => {
        &[$((
            concat!("locales/", $language, "/", $name, ".ftl"),
            include_str!(concat!("../../locales/", $language, "/", $name, ".ftl")),
        )),+]
    };
}

const ENGLISH: Files = files!("en": "frame", "deals", "home", "administration", "signin", "deal", "insights", "programs", "person", "grid", "wizard");
const DUTCH: Files = files!("nl": "frame", "deals", "home", "administration", "signin", "deal", "insights", "programs", "person", "grid", "wizard");

static ENGLISH_WORDS: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| bundle(Language::English));
static DUTCH_WORDS: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| bundle(Language::Dutch));

impl Language {
    /// Every language, the first for whoever asks for nothing that is there.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Dutch];

    /// Returns the tag of the language (BCP 47).
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Dutch => "nl",
        }
    }

    /// Returns what the language calls itself.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Dutch => "Nederlands",
        }
    }

    /// Reads the tag of a language or of one of its cultures, such as `nl-BE`. `None` when it is not served.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|it| it.tag().eq_ignore_ascii_case(primary))
    }

    /// Returns the language of the header `Accept-Language` that is wanted most and served.
    pub(crate) fn accepted(header: &str) -> Option<Self> {
        let ranges = header.split(',').filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let quality =
                parameters.trim().strip_prefix("q=").map_or(Some(1.0), |it| it.parse::<f32>().ok())?;
            Some((Self::parse(tag)?, quality))
        });
        // Of those that are wanted equally the first counts.
        ranges
            .filter(|(_, it)| *it > 0.0)
            .reduce(|best, it| if it.1 > best.1 { it } else { best })
            .map(|it| it.0)
    }

    const fn files(self) -> Files {
        match self {
            Self::English => ENGLISH,
            Self::Dutch => DUTCH,
        }
    }

    fn words(self) -> &'static FluentBundle<FluentResource> {
        match self {
            Self::English => &ENGLISH_WORDS,
            Self::Dutch => &DUTCH_WORDS,
        }
    }
}

fn bundle(language: Language) -> FluentBundle<FluentResource> {
    let tag: LanguageIdentifier = language.tag().parse().expect("tags of languages are well-formed");
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Isolation marks around values would stand in titles and in files.
    bundle.set_use_isolating(false);
    for (name, text) in language.files() {
        let resource = FluentResource::try_new((*text).to_owned());
        let resource = resource.unwrap_or_else(|(_, errors)| panic!("{name} is no Fluent file: {errors:?}"));
        bundle
            .add_resource(resource)
            .unwrap_or_else(|errors| panic!("{name} says something twice: {errors:?}"));
    }
    bundle
}

/// Says things in one language.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Language);

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Words").field(&self.0).finish()
    }
}

impl Words {
    /// Says the message `name`.
    pub(crate) fn say(&self, name: &str) -> String {
        self.find(name, None).unwrap_or_else(|| unknown(name))
    }

    /// Says the message `name`, if there is one: for names that come with data.
    pub(crate) fn say_known(&self, name: &str) -> Option<String> {
        self.find(name, None)
    }

    /// Says the message `name` about a number, which it knows as `count`.
    pub(crate) fn count(&self, name: &str, count: impl Borrow<u64>) -> String {
        self.with_args(name, [("count", FluentValue::from(*count.borrow()))])
    }

    /// Says the message `name` about a text, which it knows as `it`.
    pub(crate) fn about(&self, name: &str, it: impl AsRef<str>) -> String {
        self.with_args(name, [("it", FluentValue::from(it.as_ref().to_owned()))])
    }

    /// Says the message `name` about two texts, which it knows as `it` and `other`.
    pub(crate) fn between(&self, name: &str, it: impl AsRef<str>, other: impl AsRef<str>) -> String {
        let text = |it: &str| FluentValue::from(it.to_owned());
        self.with_args(name, [("it", text(it.as_ref())), ("other", text(other.as_ref()))])
    }

    fn with_args<const N: usize>(
        &self,
        name: &str,
        pairs: [(&'static str, FluentValue<'static>); N],
    ) -> String {
        let args: FluentArgs<'_> = pairs.into_iter().collect();
        self.find(name, Some(&args)).unwrap_or_else(|| unknown(name))
    }

    fn find(&self, name: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        [self.0, Language::English].into_iter().find_map(|language| {
            let words = language.words();
            let pattern = words.get_message(name)?.value()?;
            let mut errors = Vec::new();
            let text = words.format_pattern(pattern, args, &mut errors);
            debug_assert!(errors.is_empty(), "{name}: {errors:?}");
            Some(Cow::into_owned(text))
        })
    }
}

/// A message that is nowhere shows by its name; the test of the catalogues keeps it from coming so far.
fn unknown(name: &str) -> String {
    debug_assert!(false, "no message is called {name}");
    name.to_owned()
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod words_tests;
