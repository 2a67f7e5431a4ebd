//! Text into tokens: names, literals and marks, each with its place and whether blanks stand before it.
//!
//! A literal is known by how it begins: a GUID by its shape, a date by four digits and a hyphen, a time of day by two
//! digits and a colon. There is no minus between operands in this language, so `2024-05-01` is never a subtraction.

use uuid::Uuid;

use crate::{error::Problem, moment, tree::Value};

/// Length of a GUID with its hyphens.
const GUID_LENGTH: usize = 36;

/// A token of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind<'a>,
    /// Bytes from the start of the text.
    pub(crate) at: usize,
    /// Whether blanks stand before it.
    pub(crate) is_spaced: bool,
}

/// What a [`Token`] is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind<'a> {
    /// The end of the text.
    End,
    /// A mark of one character.
    Mark(char),
    /// A name, a keyword or an operator; dots are part of it.
    Word(&'a str),
    /// `@name`, without the `@`.
    Alias(&'a str),
    /// `$it` and the like, without the `$`.
    Dollar(&'a str),
    /// A number without its sign.
    Number(&'a str),
    /// Any other literal.
    Literal(Value),
    /// `Name'text'`
    Tagged(&'a str, String),
}

/// Reads tokens off the front of a text.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Reads the next token; [`TokenKind::End`] for ever once the text is read.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, Problem> {
        let is_spaced = !self.take_while(|it| it == ' ' || it == '\t').is_empty();
        let at = self.at;
        Ok(Token { kind: self.kind()?, at, is_spaced })
    }

    fn kind(&mut self) -> Result<TokenKind<'a>, Problem> {
        let Some(first) = self.rest().chars().next() else { return Ok(TokenKind::End) };
        if let Some(guid) = self.guid() {
            return Ok(TokenKind::Literal(Value::Guid(guid)));
        }
        match first {
            '\'' => Ok(TokenKind::Literal(Value::String(self.quoted()?))),
            '@' => Ok(TokenKind::Alias(self.prefixed_name("a parameter alias needs a name after @")?)),
            '$' => Ok(TokenKind::Dollar(self.prefixed_name("a name must follow $")?)),
            '0'..='9' => self.number_or_moment(),
            _ if is_name_start(first) => self.word(),
            _ => {
                self.at += first.len_utf8();
                Ok(TokenKind::Mark(first))
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Reads a GUID, unless what stands here is only the beginning of something longer.
    fn guid(&mut self) -> Option<Uuid> {
        let (text, rest) = self.rest().split_at_checked(GUID_LENGTH)?;
        if rest.starts_with(|it: char| is_name_part(it) || it == '-') {
            return None;
        }
        let guid = parse_guid(text)?;
        self.at += GUID_LENGTH;
        Some(guid)
    }

    fn prefixed_name(&mut self, complaint: &str) -> Result<&'a str, Problem> {
        let at = self.at;
        self.at += 1;
        match self.take_while(is_name_part) {
            "" => Err(Problem::new(at, complaint)),
            name => Ok(name),
        }
    }

    fn word(&mut self) -> Result<TokenKind<'a>, Problem> {
        let at = self.at;
        let word = self.take_while(|it| is_name_part(it) || it == '.');
        if !self.rest().starts_with('\'') {
            return Ok(TokenKind::Word(word));
        }
        let text = self.quoted()?;
        if !word.eq_ignore_ascii_case("duration") {
            return Ok(TokenKind::Tagged(word, text));
        }
        match moment::parse_duration(&text) {
            Some(ticks) => Ok(TokenKind::Literal(Value::Duration(ticks))),
            None => {
                Err(Problem::new(at, format!("{text:?} is not a duration"))
                    .expecting(["duration'P1DT2H30M'"]))
            }
        }
    }

    /// Reads a text in single quotes, in which two of them stand for one.
    fn quoted(&mut self) -> Result<String, Problem> {
        let at = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            text.push_str(self.take_while(|it| it != '\'' && it != '\0'));
            let mut following = self.rest().chars();
            match (following.next(), following.next()) {
                (Some('\''), Some('\'')) => {
                    text.push('\'');
                    self.at += 2;
                }
                (Some('\''), _) => {
                    self.at += 1;
                    return Ok(text);
                }
                (Some(_), _) => {
                    return Err(Problem::new(self.at, "a text cannot contain the character U+0000"));
                }
                (None, _) => return Err(Problem::new(at, "the text that begins here is not closed with '")),
            }
        }
    }

    fn number_or_moment(&mut self) -> Result<TokenKind<'a>, Problem> {
        let start = self.at;
        let digits = self.take_while(|it| it.is_ascii_digit());
        let mark = self.rest().chars().next();
        self.at = start;
        match mark {
            Some('-') if digits.len() >= 4 => self.moment(),
            Some(':') if digits.len() == 2 => self.moment(),
            _ => self.number(),
        }
    }

    /// Reads a date, a moment or a time of day.
    fn moment(&mut self) -> Result<TokenKind<'a>, Problem> {
        let at = self.at;
        let text = self.take_while(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | ':' | '.' | '+'));
        let value = moment::parse_date(text).map(Value::Date);
        let value = value.or_else(|| moment::parse_date_time(text).map(Value::DateTime));
        let value = value.or_else(|| moment::parse_time(text).map(Value::Time));
        value.map(TokenKind::Literal).ok_or_else(|| {
            let complaint = format!("{text} is not a date, a moment or a time of day");
            Problem::new(at, complaint).expecting(["2024-05-01", "2024-05-01T10:20:30Z", "10:20:30"])
        })
    }

    /// Reads a number without its sign.
    fn number(&mut self) -> Result<TokenKind<'a>, Problem> {
        let at = self.at;
        self.take_while(|it| is_name_part(it) || it == '.');
        // An exponent's sign is the only mark inside a number that is not part of a name.
        let is_exponent = self.text.get(at..self.at).is_some_and(|it| it.ends_with(['e', 'E']));
        if is_exponent && self.rest().starts_with(['+', '-']) {
            self.at += 1;
            self.take_while(|it| is_name_part(it) || it == '.');
        }
        let text = self.text.get(at..self.at).unwrap_or_default();
        if is_number(text) {
            return Ok(TokenKind::Number(text));
        }
        Err(Problem::new(at, format!("{text} is not a number; texts stand in single quotes")))
    }
}

/// Says whether a text is digits, perhaps with a point between them and an exponent after them.
fn is_number(text: &str) -> bool {
    let is_digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let (coefficient, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = coefficient.split_once('.').unwrap_or((coefficient, "0"));
    is_digits(whole)
        && is_digits(fraction)
        && is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

/// Reads a GUID in its usual form, eight-four-four-four-twelve.
pub(crate) fn parse_guid(text: &str) -> Option<Uuid> {
    (text.len() == GUID_LENGTH).then(|| Uuid::try_parse(text).ok()).flatten()
}

fn is_name_start(char: char) -> bool {
    char.is_alphabetic() || char == '_'
}

fn is_name_part(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}
