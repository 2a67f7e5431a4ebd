//! Strict reading of requests about an organisation and what it owns.
//!
//! A member that is not known is a problem, and so is one of the wrong kind: whoever administers wants to hear of a
//! spelling mistake. An absent member leaves a value as it is; null or an empty text takes a text or a number away. So one reading
//! serves making something (onto a blank) and changing it (onto what is there). Every problem is reported.

use email_address::EmailAddress;

use crate::domain::{
    json::Node,
    report::{ProblemCode, Report, pointer_segment, shortened},
    vocabulary::{Vocabulary, canonical},
};

/// The longest name, word or other short text, in characters.
pub const TEXT_CHARS_MAX: usize = 256;
/// The longest description, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 4000;
/// The longest address on the web, in characters.
pub const URL_CHARS_MAX: usize = 2048;
/// The longest e-mail address, in characters.
pub const EMAIL_CHARS_MAX: usize = 320;
/// The most items of a list.
pub const ITEMS_MAX: usize = 200;

/// One object of a request, with the members that have not been read yet.
pub struct Form<'r> {
    pointer: String,
    members: Vec<(String, Node)>,
    accepted: Vec<&'static str>,
    report: &'r mut Report,
}

/// Why a text is not accepted: rule and message.
pub type Refused = (&'static str, String);

impl Form<'_> {
    /// Reads `node` with `read`; whatever `read` does not ask for is a problem.
    pub fn read(node: Node, report: &mut Report, read: impl FnOnce(&mut Form<'_>)) {
        Self::read_at(String::new(), node, report, read);
    }

    fn read_at(pointer: String, node: Node, report: &mut Report, read: impl FnOnce(&mut Form<'_>)) {
        let Node::Object(members) = node else {
            report.problem(ProblemCode::InvalidValue, "type", pointer, expected("an object", &node));
            return;
        };
        let mut form = Form { pointer, members, accepted: Vec::new(), report };
        read(&mut form);
        form.refuse_the_rest();
    }

    fn refuse_the_rest(self) {
        for (name, _) in self.members {
            let name = shortened(&name);
            let target = format!("{}/{}", self.pointer, pointer_segment(name));
            let accepted: Vec<String> = self.accepted.iter().map(|it| (*it).to_owned()).collect();
            let message = format!("member \"{name}\" is not known; accepted are {}", accepted.join(", "));
            let code = ProblemCode::InvalidValue;
            self.report.problem_with_allowed(code, "unknownMember", target, message, accepted);
        }
    }

    /// Returns the JSON pointer of the member `name`.
    pub fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    /// Adds a problem with the member `name`.
    pub fn problem(&mut self, name: &str, rule: &'static str, message: impl Into<String>) {
        let target = self.pointer(name);
        self.report.problem(ProblemCode::InvalidValue, rule, target, message);
    }

    /// Adds "required" for the member `name`, unless it has a problem already.
    pub fn required(&mut self, name: &str, message: &str) {
        let target = self.pointer(name);
        self.report.required(&target, message);
    }

    /// Lets members that the server owns stand there without effect, so that an answer can be sent back changed.
    pub fn ignore(&mut self, names: &[&str]) {
        self.members.retain(|(name, _)| !names.contains(&name.as_str()));
    }

    fn take(&mut self, name: &'static str) -> Option<Node> {
        self.accepted.push(name);
        let at = self.members.iter().position(|(it, _)| it == name)?;
        Some(self.members.remove(at).1)
    }

    /// Reads a text of at most `chars_max` characters, without blanks around it.
    pub fn text(&mut self, name: &'static str, chars_max: usize, target: &mut Option<String>) {
        self.checked_text(name, chars_max, target, |text| Ok(text.to_owned()));
    }

    /// Reads a text that `check` accepts, in the form that it returns.
    pub fn checked_text(
        &mut self,
        name: &'static str,
        chars_max: usize,
        target: &mut Option<String>,
        check: impl FnOnce(&str) -> Result<String, Refused>,
    ) {
        let Some(node) = self.take(name) else { return };
        let pointer = self.pointer(name);
        if node == Node::Null {
            *target = None;
            return;
        }
        let Some(text) = self.plain_text(&pointer, node, chars_max) else { return };
        match text.as_str() {
            "" => *target = None,
            text => match check(text) {
                Ok(text) => *target = Some(text),
                Err((rule, message)) => {
                    self.report.problem(ProblemCode::InvalidValue, rule, pointer, message);
                }
            },
        }
    }

    /// Reads a text that is kept to the letter, such as a password; blanks alone are refused.
    pub fn exact_text(&mut self, name: &'static str, chars_max: usize, target: &mut Option<String>) {
        let Some(node) = self.take(name) else { return };
        let pointer = self.pointer(name);
        let exact = match &node {
            Node::Null => String::new(),
            Node::Text(text) => text.clone(),
            other => return self.problem(name, "type", expected("a string", other)),
        };
        if exact.is_empty() {
            *target = None;
            return;
        }
        match self.plain_text(&pointer, node, chars_max) {
            Some(text) if text.is_empty() => self.problem(name, "blank", "the text is nothing but blanks"),
            Some(_) => *target = Some(exact),
            None => {}
        }
    }

    fn plain_text(&mut self, pointer: &str, node: Node, chars_max: usize) -> Option<String> {
        let Node::Text(text) = node else {
            let message = expected("a string", &node);
            self.report.problem(ProblemCode::InvalidValue, "type", pointer, message);
            return None;
        };
        if text.chars().any(|it| it == '\0') {
            let message = "the text contains the character U+0000";
            self.report.problem(ProblemCode::InvalidValue, "noNul", pointer, message);
            return None;
        }
        let text = text.trim();
        let chars = text.chars().count();
        if chars > chars_max {
            let message = format!("the text has {chars} characters, at most {chars_max} are accepted");
            self.report.problem(ProblemCode::TooLong, "charactersMax", pointer, message);
            return None;
        }
        Some(text.to_owned())
    }

    /// Reads a list of texts, each once. Known words take their canonical spelling.
    pub fn texts(&mut self, name: &'static str, known: &[&'static str], target: &mut Vec<String>) {
        self.list(name, target, |text| Ok(canonical(known, text).into_owned()));
    }

    /// Reads a list of words of a closed vocabulary, each once.
    pub fn words<T: Vocabulary + PartialEq>(&mut self, name: &'static str, target: &mut Vec<T>) {
        let spellings = T::spellings();
        self.list(name, target, |text| T::parse(text).ok_or_else(|| unknown_word(name, text, &spellings)));
    }

    /// Reads a list, each item once, with `read`, which says why it does not accept a text.
    pub fn list<T: PartialEq>(
        &mut self,
        name: &'static str,
        target: &mut Vec<T>,
        read: impl Fn(&str) -> Result<T, Refused>,
    ) {
        let items = match self.take(name) {
            None => return,
            Some(Node::Array(items)) => items,
            Some(other) => return self.problem(name, "type", expected("an array", &other)),
        };
        if items.len() > ITEMS_MAX {
            let message = format!("{} items were sent, at most {ITEMS_MAX} are accepted", items.len());
            let pointer = self.pointer(name);
            return self.report.problem(ProblemCode::TooLong, "itemsMax", pointer, message);
        }
        let mut values = Vec::with_capacity(items.len());
        for (index, node) in items.into_iter().enumerate() {
            let pointer = format!("{}/{index}", self.pointer(name));
            let Some(text) = self.plain_text(&pointer, node, TEXT_CHARS_MAX) else { continue };
            match read(&text) {
                Ok(value) if !values.contains(&value) => values.push(value),
                Ok(_) => {}
                Err((rule, message)) => {
                    self.report.problem(ProblemCode::InvalidValue, rule, pointer, message);
                }
            }
        }
        *target = values;
    }

    /// Reads a word of a closed vocabulary that is always there.
    pub fn word<T: Vocabulary>(&mut self, name: &'static str, target: &mut T) {
        let Some(node) = self.take(name) else { return };
        let pointer = self.pointer(name);
        let Some(text) = self.plain_text(&pointer, node, TEXT_CHARS_MAX) else { return };
        match T::parse(&text) {
            Some(word) => *target = word,
            None => {
                let (rule, message) = unknown_word(name, &text, &T::spellings());
                self.problem(name, rule, message);
            }
        }
    }

    /// Reads a word of a closed vocabulary; null takes it away.
    pub fn optional_word<T: Vocabulary>(&mut self, name: &'static str, target: &mut Option<T>) {
        let mut sent = target.map(|it| it.as_str().to_owned());
        let spellings = T::spellings();
        self.checked_text(name, TEXT_CHARS_MAX, &mut sent, |text| match T::parse(text) {
            Some(word) => Ok(word.as_str().to_owned()),
            None => Err(unknown_word(name, text, &spellings)),
        });
        *target = sent.and_then(|it| T::parse(&it));
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self, name: &'static str, target: &mut bool) {
        match self.take(name) {
            None => {}
            Some(Node::Bool(value)) => *target = value,
            Some(other) => self.problem(name, "type", expected("true or false", &other)),
        }
    }

    /// Reads a number between `min` and `max`.
    pub fn number(&mut self, name: &'static str, min: f64, max: f64, target: &mut Option<f64>) {
        match self.take(name) {
            None => {}
            Some(Node::Null) => *target = None,
            Some(Node::Number(text)) => match text.parse().ok().filter(|it| (min..=max).contains(it)) {
                Some(number) => *target = Some(number),
                None => self.problem(name, "range", format!("the number is not between {min} and {max}")),
            },
            Some(other) => self.problem(name, "type", expected("a number", &other)),
        }
    }

    /// Reads a whole number between `min` and `max`.
    pub fn integer(&mut self, name: &'static str, (min, max): (u64, u64), target: &mut Option<u64>) {
        match self.take(name) {
            None => {}
            Some(Node::Null) => *target = None,
            Some(Node::Number(text)) => match text.parse().ok().filter(|it| (min..=max).contains(it)) {
                Some(number) => *target = Some(number),
                None => {
                    self.problem(
                        name,
                        "range",
                        format!("the number is no whole one between {min} and {max}"),
                    );
                }
            },
            Some(other) => self.problem(name, "type", expected("a number", &other)),
        }
    }

    /// Reads an object that takes the place of the whole value.
    pub fn object<T: Default>(
        &mut self,
        name: &'static str,
        target: &mut T,
        read: impl FnOnce(&mut Form<'_>, &mut T),
    ) {
        let Some(node) = self.take(name) else { return };
        let mut value = T::default();
        let pointer = self.pointer(name);
        Form::read_at(pointer, node, self.report, |form| read(form, &mut value));
        *target = value;
    }
}

/// Accepts an ISO 3166-1 country, and returns its two letters.
pub fn country(text: &str) -> Result<String, Refused> {
    let upper = text.to_ascii_uppercase();
    let found = celes::Country::from_alpha2(&upper).or_else(|_| celes::Country::from_alpha3(&upper));
    found.map(|it| it.alpha2.to_owned()).map_err(|_| {
        let message =
            format!("\"{}\" is no ISO 3166-1 country code; send two letters such as US", shortened(text));
        ("country", message)
    })
}

/// Accepts an e-mail address, and returns it in lower case.
pub fn email(text: &str) -> Result<String, Refused> {
    let form = email_address::Options::default().without_display_text();
    match EmailAddress::parse_with_options(text, form) {
        Ok(_) => Ok(text.to_lowercase()),
        Err(_) => Err(("email", format!("\"{}\" is not an e-mail address", shortened(text)))),
    }
}

/// Accepts a language or culture such as `en` or `en-US`.
pub fn culture(text: &str) -> Result<String, Refused> {
    let is_subtag = |it: &str| (1..=8).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric());
    match text.len() <= 64 && text.split('-').all(is_subtag) {
        true => Ok(text.to_owned()),
        false => {
            Err(("locale", format!("\"{}\" is no culture name; send one such as en-US", shortened(text))))
        }
    }
}

/// Accepts an address on the web.
pub fn url(text: &str) -> Result<String, Refused> {
    match url::Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err((
            "url",
            format!("\"{}\" is no address that begins with https:// or http://", shortened(text)),
        )),
    }
}

/// Accepts a domain name, and returns it in lower case.
pub fn domain_name(text: &str) -> Result<String, Refused> {
    let is_label = |it: &str| {
        let is_inner = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
        (1..=63).contains(&it.len()) && it.bytes().all(is_inner) && !it.starts_with('-') && !it.ends_with('-')
    };
    match text.len() <= 253 && text.contains('.') && text.split('.').all(is_label) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(("domain", format!("\"{}\" is no domain such as contoso.example", shortened(text)))),
    }
}

/// Accepts a partner id.
pub fn mpn_id(text: &str) -> Result<String, Refused> {
    match (1..=20).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err(("digits", format!("\"{}\" is no partner id; send 1 to 20 digits", shortened(text)))),
    }
}

fn unknown_word(name: &str, text: &str, spellings: &[String]) -> Refused {
    let message = format!("{name} \"{}\" is not known; use {}", shortened(text), spellings.join(", "));
    ("vocabulary", message)
}

fn expected(kind: &str, node: &Node) -> String {
    format!("{kind} is expected, {} was sent", node.kind())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::{self, JsonLimits};

    fn read(text: &str, read: impl FnOnce(&mut Form<'_>)) -> Vec<(String, &'static str)> {
        let mut report = Report::default();
        let limits = JsonLimits { depth_max: 8, array_items_max: 1000 };
        Form::read(json::parse(text.as_bytes(), limits).unwrap(), &mut report, read);
        report.problems.into_iter().map(|it| (it.target, it.rule)).collect()
    }

    #[test]
    fn absent_keeps_null_and_empty_take_away_and_a_text_is_trimmed() {
        let [mut kept, mut cleared, mut emptied, mut set] = [(); 4].map(|()| Some("before".to_owned()));

        let problems = read(r#"{"b":null,"c":" ","d":" after "}"#, |form| {
            form.text("a", 10, &mut kept);
            form.text("b", 10, &mut cleared);
            form.text("c", 10, &mut emptied);
            form.text("d", 10, &mut set);
        });

        assert_eq!(problems, []);
        assert_eq!((kept.as_deref(), set.as_deref()), (Some("before"), Some("after")));
        assert_eq!((cleared, emptied), (None, None));
    }

    #[test]
    fn every_problem_is_named_at_its_place() {
        let (mut text, mut list, mut inner) = (None, Vec::new(), None::<String>);

        let sent = r#"{"a":"xxxx","b":["ok",7],"c":{"d":"not a url","e/f":1},"g":0,"h":null}"#;
        let problems = read(sent, |form| {
            form.text("a", 3, &mut text);
            form.texts("b", &[], &mut list);
            form.object("c", &mut inner, |form, inner| form.checked_text("d", 99, inner, url));
            form.boolean("h", &mut false);
        });

        let at = |pointer: &str, rule| (pointer.to_owned(), rule);
        let expected = [
            at("/a", "charactersMax"),
            at("/b/1", "type"),
            at("/c/d", "url"),
            at("/c/e~1f", "unknownMember"),
            at("/h", "type"),
            at("/g", "unknownMember"),
        ];
        assert_eq!(problems, expected);
        assert_eq!(list, ["ok"]);
    }

    #[test]
    fn what_is_no_object_is_one_problem() {
        assert_eq!(read("[]", |_| ()), [(String::new(), "type")]);
    }

    #[test]
    fn forms_of_texts_are_checked() {
        assert_eq!(country("deu").unwrap(), "DE");
        assert!(country("ZZ").is_err());
        assert_eq!(email("Ann@Contoso.example").unwrap(), "ann@contoso.example");
        assert!(email("Ann <ann@contoso.example>").is_err());
        assert!(culture("en-US").is_ok() && culture("en US").is_err());
        assert!(url("https://contoso.example/a").is_ok());
        assert!(url("javascript:alert(1)").is_err() && url("contoso.example").is_err());
        assert_eq!(domain_name("Contoso.Example").unwrap(), "contoso.example");
        for wrong in ["contoso", "-a.example", "a..b", "a b.example", ".example"] {
            assert!(domain_name(wrong).is_err(), "{wrong}");
        }
        assert!(mpn_id("4391227").is_ok() && mpn_id("12a").is_err());
    }
}
