//! `$select` and `$expand`: which parts of an entity are wanted.
//!
//! ```text
//! select = item { "," item }
//! item   = "*" | name { "/" name } [ "/*" ] [ "(" "$select=" select ")" ]
//! expand = "*" | name [ "(" "$select=" select ")" ] { "," … }
//! ```

use crate::{
    check::structured,
    error::Problem,
    lexer::{Lexer, Token, TokenKind},
    options::Limits,
    schema::{Property, Schema, StructuredType},
    tree::{Expanded, Selected, Selection},
};

/// No selection nests deeper than this.
const DEPTH_MAX: usize = 16;

/// Reads `$select`; `None` where everything is wanted.
pub(crate) fn selection(
    text: &str,
    ty: &'static StructuredType,
    limits: &Limits,
) -> Result<Option<Selection>, Problem> {
    let mut reader = Reader::new(text, limits)?;
    let wanted = reader.selection(ty, 0)?;
    reader.end()?;
    Ok(wanted.into_selection(ty))
}

/// Reads `$expand`.
pub(crate) fn expanded(
    text: &str,
    schema: &'static Schema,
    limits: &Limits,
) -> Result<Vec<Expanded>, Problem> {
    let mut reader = Reader::new(text, limits)?;
    let mut expanded: Vec<Expanded> = Vec::new();
    loop {
        let at = reader.token.at;
        let items = reader.navigation(schema)?;
        for item in items {
            if expanded.iter().any(|it| it.name == item.name) {
                return Err(Problem::new(at, format!("{} is expanded more than once", item.name)));
            }
            expanded.push(item);
        }
        if !reader.eat(',')? {
            break;
        }
    }
    reader.end()?;
    // As the schema has them, so that the order of names in the query does not show.
    let place = |it: &Expanded| schema.navigations.iter().position(|known| known.name == it.name);
    expanded.sort_by_key(place);
    Ok(expanded)
}

/// What is wanted of a type.
enum Wanted {
    All,
    /// Members, in the order of the query, each perhaps more than once.
    Members(Vec<(&'static Property, Wanted)>),
}

impl Wanted {
    /// Puts the members in the order of the type, and merges what is asked of one member in several places.
    fn into_selection(self, ty: &'static StructuredType) -> Option<Selection> {
        let Self::Members(mut wanted) = self else { return None };
        let mut members = Vec::new();
        for property in ty.properties {
            let (of_property, others): (Vec<_>, Vec<_>) =
                wanted.into_iter().partition(|(it, _)| std::ptr::eq(*it, property));
            wanted = others;
            let Some(below) = of_property.into_iter().map(|(_, below)| below).reduce(Self::merge) else {
                continue;
            };
            let below = structured(property.kind).and_then(|it| below.into_selection(it));
            members.push(Selected { name: property.name, below });
        }
        Some(Selection { members })
    }

    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Members(mut members), Self::Members(others)) => {
                members.extend(others);
                Self::Members(members)
            }
            (Self::All, _) | (_, Self::All) => Self::All,
        }
    }
}

/// Reads names off a text, one token ahead.
struct Reader<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    names: usize,
    names_max: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, limits: &Limits) -> Result<Self, Problem> {
        if text.len() > limits.bytes_max {
            return Err(Problem::of_all(format!("the text is longer than {} bytes", limits.bytes_max)));
        }
        let mut lexer = Lexer::new(text);
        let token = lexer.next()?;
        Ok(Self { lexer, token, names: 0, names_max: limits.nodes_max })
    }

    fn selection(&mut self, ty: &'static StructuredType, depth: usize) -> Result<Wanted, Problem> {
        if depth == DEPTH_MAX {
            return Err(Problem::new(self.token.at, "the selection nests too deep"));
        }
        let mut wanted = self.item(ty, depth)?;
        while self.eat(',')? {
            wanted = wanted.merge(self.item(ty, depth)?);
        }
        Ok(wanted)
    }

    /// Reads one path, or `*`.
    fn item(&mut self, ty: &'static StructuredType, depth: usize) -> Result<Wanted, Problem> {
        if self.eat('*')? {
            return Ok(Wanted::All);
        }
        if depth == DEPTH_MAX {
            return Err(Problem::new(self.token.at, "the selection nests too deep"));
        }
        let at = self.token.at;
        let name = self.name("a property")?;
        let Some(property) = ty.property(name) else {
            let names: Vec<&str> = ty.properties.iter().map(|it| it.name).collect();
            let complaint = format!("{name} is not a property of {}", ty.name);
            return Err(Problem::new(at, complaint).proposing(name, &names));
        };
        let below = structured(property.kind);
        let mark = self.token.at;
        let wanted = match (self.eat('/')?, below) {
            (true, Some(ty)) => self.item(ty, depth + 1)?,
            (true, None) => return Err(Problem::new(mark, format!("{name} has no properties"))),
            (false, Some(ty)) if self.is_at('(') => self.options(ty, depth + 1)?,
            (false, _) => Wanted::All,
        };
        Ok(Wanted::Members(vec![(property, wanted)]))
    }

    /// Reads `($select=…)`.
    fn options(&mut self, ty: &'static StructuredType, depth: usize) -> Result<Wanted, Problem> {
        self.advance()?;
        match self.token.kind {
            TokenKind::Dollar(name) if name.eq_ignore_ascii_case("select") => self.advance()?,
            TokenKind::Dollar(name) => {
                let complaint = format!("${name} is not possible here");
                return Err(Problem::new(self.token.at, complaint).expecting(["$select"]));
            }
            _ => return Err(self.unexpected(&["$select"])),
        }
        self.expect('=')?;
        let wanted = self.selection(ty, depth)?;
        if self.is_at(';') {
            return Err(Problem::new(self.token.at, "no other option is possible here"));
        }
        self.expect(')')?;
        Ok(wanted)
    }

    fn navigation(&mut self, schema: &'static Schema) -> Result<Vec<Expanded>, Problem> {
        if self.eat('*')? {
            let all = schema.navigations.iter();
            return Ok(all.map(|it| Expanded { name: it.name, selection: None }).collect());
        }
        let at = self.token.at;
        let name = self.name("a navigation property")?;
        let names: Vec<&'static str> = schema.navigations.iter().map(|it| it.name).collect();
        let Some(known) = names.iter().find(|it| it.eq_ignore_ascii_case(name)) else {
            return Err(Problem::new(at, format!("{name} cannot be expanded")).proposing(name, &names));
        };
        let wanted = if self.is_at('(') { self.options(schema.entity, 0)? } else { Wanted::All };
        Ok(vec![Expanded { name: known, selection: wanted.into_selection(schema.entity) }])
    }

    fn name(&mut self, expected: &str) -> Result<&'a str, Problem> {
        let TokenKind::Word(name) = self.token.kind else { return Err(self.unexpected(&[expected, "*"])) };
        self.names += 1;
        if self.names > self.names_max {
            return Err(Problem::new(self.token.at, format!("there are more than {} names", self.names_max)));
        }
        self.advance()?;
        Ok(name)
    }

    fn advance(&mut self) -> Result<(), Problem> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn is_at(&self, mark: char) -> bool {
        self.token.kind == TokenKind::Mark(mark)
    }

    fn eat(&mut self, mark: char) -> Result<bool, Problem> {
        let is_there = self.is_at(mark);
        if is_there {
            self.advance()?;
        }
        Ok(is_there)
    }

    fn expect(&mut self, mark: char) -> Result<(), Problem> {
        if self.eat(mark)? { Ok(()) } else { Err(self.unexpected(&[&format!("`{mark}`")])) }
    }

    fn end(&self) -> Result<(), Problem> {
        if self.token.kind == TokenKind::End { Ok(()) } else { Err(self.unexpected(&["`,`"])) }
    }

    fn unexpected(&self, expected: &[&str]) -> Problem {
        let complaint = match self.token.kind {
            TokenKind::End => "the text ends too early",
            _ => "this is not expected here",
        };
        Problem::new(self.token.at, complaint).expecting(expected.iter().copied())
    }
}
