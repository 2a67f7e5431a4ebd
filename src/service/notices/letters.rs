//! What mails and the page that stops them say: templates in several languages, in which an operator's own take the place
//! of those that come with the program.
//!
//! ```text
//! words.txt         one line: what happened, from `kind`, `deal` and `other`; the subject of a mail
//! notice.txt/.html  a mail of one notice: `sentence`, `status`, `expires`, `link`, `unsubscribe`
//! digest.txt/.html  a mail of several: `subject`, `items` of the same, `unsubscribe`
//! unsubscribe.html  the page: `is_done`
//! ```
//!
//! Templates that end with `.html` escape what they are given. Every one is rendered once when it is read, so that what is
//! wrong with one is said at the start.

use std::{collections::BTreeSet, fs, io, path::Path, sync::Arc};

use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::domain::{notice::Kind, vocabulary::Vocabulary as _};

/// The language that has every template.
const FALLBACK: &str = "en";
const NAMES: [&str; 6] =
    ["words.txt", "notice.txt", "notice.html", "digest.txt", "digest.html", "unsubscribe.html"];
/// The longest text of a caller's in a mail, in characters.
const TEXT_CHARS_MAX: usize = 150;

macro_rules! embedded {
    ($($locale:literal),+) => {
        [$(
            (concat!($locale, "/words.txt"), include_str!(concat!("templates/", $locale, "/words.txt"))),
            (concat!($locale, "/notice.txt"), include_str!(concat!("templates/", $locale, "/notice.txt"))),
            (concat!($locale, "/notice.html"), include_str!(concat!("templates/", $locale, "/notice.html"))),
            (concat!($locale, "/digest.txt"), include_str!(concat!("templates/", $locale, "/digest.txt"))),
            (concat!($locale, "/digest.html"), include_str!(concat!("templates/", $locale, "/digest.html"))),
            (
                concat!($locale, "/unsubscribe.html"),
                include_str!(concat!("templates/", $locale, "/unsubscribe.html")),
            ),
        )+]
    };
}

const EMBEDDED: [(&str, &str); 12] = embedded!("en", "nl");

/// Why templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// A template is wrong.
    #[error("the template {0} cannot be rendered: {1:#}")]
    Template(String, minijinja::Error),
    /// A folder or file cannot be read.
    #[error("notices.templates_dir: {0} cannot be read")]
    Unreadable(String, #[source] io::Error),
    /// The language of who has chosen none has no templates.
    #[error("notices.locale is \"{0}\", for which there are no templates; use {1}")]
    UnknownLocale(String, String),
}

/// What a mail says. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Letters {
    environment: Arc<Environment<'static>>,
    locales: Arc<BTreeSet<String>>,
    locale: Arc<str>,
}

/// What is told of one referral.
#[derive(Clone)]
pub struct Item {
    /// In one line, what happened.
    pub sentence: String,
    /// Where the referral stands.
    pub status: String,
    /// Until when an answer is awaited.
    pub expires: Option<String>,
    /// Where it is.
    pub link: String,
}

/// A mail's texts.
pub struct Written {
    /// Subject.
    pub subject: String,
    /// In plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

impl Item {
    fn to_value(&self) -> Value {
        let Self { sentence, status, expires, link } = self;
        context! { sentence, status, expires, link }
    }
}

impl Letters {
    /// Reads the templates of the program, and those in an operator's folder. `locale` is that of who has chosen none.
    ///
    /// # Errors
    /// The first template that cannot be read or rendered.
    pub fn open(folder: Option<&Path>, locale: &str) -> Result<Self, LetterError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut locales = BTreeSet::new();
        let mut sources: Vec<(String, String)> =
            EMBEDDED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        if let Some(folder) = folder {
            sources.extend(read_folder(folder)?);
        }
        for (name, text) in sources {
            locales.extend(name.split('/').next().map(str::to_owned));
            environment
                .add_template_owned(name.clone(), text)
                .map_err(|error| LetterError::Template(name, error))?;
        }
        let wanted = locale.to_lowercase();
        if !locales.contains(&wanted) {
            let known: Vec<_> = locales.iter().map(String::as_str).collect();
            return Err(LetterError::UnknownLocale(locale.to_owned(), known.join(", ")));
        }
        let letters =
            Self { environment: Arc::new(environment), locales: Arc::new(locales), locale: wanted.into() };
        letters.try_all()?;
        Ok(letters)
    }

    /// Returns the language of a culture that was chosen, such as `nl` of `nl-NL`: the nearest that there is.
    pub fn locale(&self, wanted: Option<&str>) -> String {
        let wanted = wanted.unwrap_or_default().to_lowercase();
        let language = wanted.split('-').next().unwrap_or_default();
        let found = [wanted.as_str(), language].into_iter().find(|it| self.locales.contains(*it));
        found.unwrap_or(&self.locale).to_owned()
    }

    /// Returns in one line what happened; `other` is the other organisation.
    ///
    /// # Errors
    /// When a template fails that could be rendered at the start.
    pub fn sentence(
        &self,
        locale: &str,
        kind: Kind,
        deal: Option<&str>,
        other: &str,
    ) -> Result<String, LetterError> {
        let deal = match deal.map(plain).filter(|it| !it.is_empty()) {
            Some(deal) => deal,
            None => self.words(locale, context! { kind => "no-name" })?,
        };
        self.words(locale, context! { kind => kind.as_str(), deal, other => plain(other) })
    }

    /// Writes the mail of one notice.
    ///
    /// # Errors
    /// As [`Letters::sentence`].
    pub fn notice(&self, locale: &str, item: &Item, unsubscribe: &str) -> Result<Written, LetterError> {
        let context = context! { unsubscribe, ..item.to_value() };
        Ok(Written {
            subject: item.sentence.clone(),
            text: self.render(locale, "notice.txt", context.clone())?,
            html: self.render(locale, "notice.html", context)?,
        })
    }

    /// Writes the mail of several notices.
    ///
    /// # Errors
    /// As [`Letters::sentence`].
    pub fn digest(&self, locale: &str, items: &[Item], unsubscribe: &str) -> Result<Written, LetterError> {
        let subject = self.words(locale, context! { kind => "digest", count => items.len() })?;
        let items: Value = items.iter().map(Item::to_value).collect();
        let context = context! { subject => &subject, items, unsubscribe };
        Ok(Written {
            text: self.render(locale, "digest.txt", context.clone())?,
            html: self.render(locale, "digest.html", context)?,
            subject,
        })
    }

    /// Writes the page that asks whether to stop, or says that it is done.
    ///
    /// # Errors
    /// As [`Letters::sentence`].
    pub fn unsubscribe_page(&self, locale: &str, is_done: bool) -> Result<String, LetterError> {
        self.render(locale, "unsubscribe.html", context! { is_done })
    }

    fn words(&self, locale: &str, context: Value) -> Result<String, LetterError> {
        // One line, whatever the template makes of it: it is a subject too.
        Ok(one_line(&self.render(locale, "words.txt", context)?))
    }

    fn render(&self, locale: &str, name: &str, context: Value) -> Result<String, LetterError> {
        let own = format!("{locale}/{name}");
        let found = self.environment.get_template(&own);
        let template = found.or_else(|_| self.environment.get_template(&format!("{FALLBACK}/{name}")));
        template.and_then(|it| it.render(context)).map_err(|error| LetterError::Template(own, error))
    }

    /// Renders every template once.
    fn try_all(&self) -> Result<(), LetterError> {
        for locale in self.locales.iter() {
            for expires in [None, Some("2026-12-07".to_owned())] {
                let sentence = self.sentence(locale, Kind::OpportunitySent, None, "Fabrikam")?;
                let item = Item {
                    sentence,
                    status: "New".to_owned(),
                    expires,
                    link: "https://a.example".to_owned(),
                };
                self.notice(locale, &item, "https://a.example")?;
                self.digest(locale, &[item], "https://a.example")?;
            }
            for kind in Kind::ALL {
                self.sentence(locale, *kind, Some("Deal"), "Fabrikam")?;
            }
            for is_done in [false, true] {
                self.unsubscribe_page(locale, is_done)?;
            }
        }
        Ok(())
    }
}

/// Reads the templates that are there, of every language that has a folder.
fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, LetterError> {
    let unreadable = |path: &Path, error| LetterError::Unreadable(path.display().to_string(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let locale = path.file_name().and_then(|it| it.to_str()).unwrap_or_default().to_lowercase();
        if !path.is_dir() || locale.is_empty() {
            continue;
        }
        for name in NAMES {
            let path = path.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => found.push((format!("{locale}/{name}"), text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&path, error)),
            }
        }
    }
    Ok(found)
}

/// Returns what a caller wrote as a short piece of a line, without characters that move or turn text.
fn plain(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(TEXT_CHARS_MAX) {
        None => line,
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
    }
}

fn one_line(text: &str) -> String {
    let is_invisible = |it: char| {
        it.is_control()
            || matches!(it, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let spaced: String = text.chars().map(|it| if is_invisible(it) { ' ' } else { it }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> Letters {
        Letters::open(None, "en").unwrap()
    }

    fn item(sentence: &str) -> Item {
        Item {
            sentence: sentence.to_owned(),
            status: "New/Pending".to_owned(),
            expires: Some("2026-12-07".to_owned()),
            link: "https://a.example/1?a=b&c=d".to_owned(),
        }
    }

    #[test]
    fn every_kind_is_worded_in_every_language() {
        let letters = letters();
        for locale in ["en", "nl"] {
            let mut seen = BTreeSet::new();
            for kind in Kind::ALL {
                let sentence = letters.sentence(locale, *kind, Some("Deal"), "Fabrikam").unwrap();
                assert!(sentence.contains("Deal") && sentence.contains("Fabrikam"), "{sentence}");
                assert!(seen.insert(sentence), "{kind:?}");
            }
        }
        let nameless = letters.sentence("nl", Kind::OpportunitySent, Some(" \u{7}"), "Fabrikam").unwrap();
        assert_eq!(nameless, "‘een verwijzing’ is naar Fabrikam gestuurd");
    }

    #[test]
    fn what_callers_write_stays_on_its_line_and_is_no_markup() {
        let letters = letters();
        let name = "<b>\r\nBcc: all@contoso.example\u{202e}x&";
        let sentence = letters.sentence("en", Kind::OpportunityReceived, Some(name), "A\nB").unwrap();
        assert_eq!(sentence, "A B sent you “<b> Bcc: all@contoso.example x&”");

        let written = letters.notice("en", &item(&sentence), "https://a.example/u").unwrap();
        assert!(written.text.starts_with(&format!("{sentence}.\n")));
        assert!(written.html.contains("&lt;b&gt; Bcc") && !written.html.contains("<b>"), "{}", written.html);
        let digest =
            letters.digest("nl", &[item(&sentence), item(&sentence)], "https://a.example/u").unwrap();
        assert_eq!(digest.subject, "2 berichten over verwijzingen");
        assert!(!digest.html.contains("<b>"));
        let long = letters.sentence("en", Kind::OpportunityWon, Some(&"é".repeat(300)), "A").unwrap();
        assert_eq!(long.chars().filter(|it| *it == 'é').count(), TEXT_CHARS_MAX);
    }

    #[test]
    fn the_nearest_language_is_taken() {
        let letters = letters();
        let taken = [Some("nl-BE"), Some("NL"), Some("en-us"), Some("de-DE"), Some(""), None]
            .map(|it| letters.locale(it));
        assert_eq!(taken, ["nl", "nl", "en", "en", "en", "en"]);
        assert!(Letters::open(None, "tlh").unwrap_err().to_string().contains("use en, nl"));
    }

    #[test]
    fn an_operators_templates_take_the_place_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("en/notice.txt", "Hear: {{ sentence }}");
        write("de/words.txt", "Neues: {{ deal if kind != 'digest' and kind != 'no-name' else kind }}");
        let letters = Letters::open(Some(folder.path()), "de").unwrap();

        assert_eq!(letters.notice("en", &item("x"), "u").unwrap().text, "Hear: x");
        assert_eq!(letters.locale(None), "de");
        assert_eq!(letters.sentence("de", Kind::OpportunityWon, Some("D"), "F").unwrap(), "Neues: D");
        assert!(letters.notice("de", &item("x"), "u").unwrap().text.starts_with("Hear: x"));

        write("en/digest.html", "{{ nothing }}");
        let error = Letters::open(Some(folder.path()), "en").unwrap_err().to_string();
        assert!(error.contains("en/digest.html"), "{error}");
    }
}
