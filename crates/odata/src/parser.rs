//! Tokens into an [`ast`](crate::ast): recursive descent for operands, binding strength for operators.
//!
//! ```text
//! expression = operand { blank operator blank operand }      operators by strength, weakest first:
//!                                                             or, and, eq ne, gt ge lt le in, add sub, mul div divby mod
//! operand    = "not" operand | "-" operand | "(" expression ")" | literal | "@" name
//!            | name "(" [ expression { "," expression } ] ")" | path
//! path       = [ "$it/" ] name { "/" name } [ "/$count" | "/any(" … ")" | "/all(" … ")" ]
//! ```
//!
//! Recursion goes through [`Parser::nested`], which counts how deep it is; every term counts against the limit of
//! nodes. A parameter alias is read where it is used, as if its text stood there in parentheses.

use std::collections::BTreeMap;

use crate::{
    ast::{Name, Term, TermKind},
    error::Problem,
    lexer::{Lexer, Token, TokenKind},
    number,
    options::Limits,
    tree::{Comparison, Direction, Operator, Quantifier, Value},
};

/// No limit that a caller asks for lets the parser go deeper: its stack is not theirs.
const DEPTH_CEILING: usize = 100;

/// What operators are called, weakest first.
const OPERATORS: [(&str, Infix); 15] = [
    ("or", Infix::Or),
    ("and", Infix::And),
    ("eq", Infix::Compare(Comparison::Equal)),
    ("ne", Infix::Compare(Comparison::NotEqual)),
    ("gt", Infix::Compare(Comparison::Greater)),
    ("ge", Infix::Compare(Comparison::GreaterOrEqual)),
    ("lt", Infix::Compare(Comparison::Less)),
    ("le", Infix::Compare(Comparison::LessOrEqual)),
    ("in", Infix::In),
    ("add", Infix::Arithmetic(Operator::Add)),
    ("sub", Infix::Arithmetic(Operator::Subtract)),
    ("mul", Infix::Arithmetic(Operator::Multiply)),
    ("div", Infix::Arithmetic(Operator::Divide)),
    ("divby", Infix::Arithmetic(Operator::DivideBy)),
    ("mod", Infix::Arithmetic(Operator::Modulo)),
];

/// An operator between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Or,
    And,
    Compare(Comparison),
    In,
    Arithmetic(Operator),
}

/// How strongly an operator binds; what has the larger one is done first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Weakest,
    And,
    Equality,
    Relation,
    Sum,
    Product,
    Strongest,
}

impl Infix {
    fn strength(self) -> Strength {
        match self {
            Self::Or => Strength::Weakest,
            Self::And => Strength::And,
            Self::Compare(Comparison::Equal | Comparison::NotEqual) => Strength::Equality,
            Self::Compare(_) | Self::In => Strength::Relation,
            Self::Arithmetic(Operator::Add | Operator::Subtract) => Strength::Sum,
            Self::Arithmetic(_) => Strength::Product,
        }
    }
}

impl Strength {
    fn next(self) -> Self {
        match self {
            Self::Weakest => Self::And,
            Self::And => Self::Equality,
            Self::Equality => Self::Relation,
            Self::Relation => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product | Self::Strongest => Self::Strongest,
        }
    }
}

/// What one option may use up, and what it may refer to.
pub(crate) struct Budget<'a> {
    limits: &'a Limits,
    aliases: &'a BTreeMap<String, String>,
    nodes: usize,
    /// The parameter aliases that are being read, outermost first.
    open: Vec<String>,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: &'a Limits, aliases: &'a BTreeMap<String, String>) -> Self {
        Self { limits, aliases, nodes: 0, open: Vec::new() }
    }
}

/// Reads one expression, to the end of the text.
pub(crate) fn expression(text: &str, budget: &mut Budget<'_>) -> Result<Term, Problem> {
    let mut parser = Parser::new(text, budget, 0)?;
    let term = parser.expression(Strength::Weakest)?;
    parser.end()?;
    Ok(term)
}

/// Reads the keys of `$orderby`.
pub(crate) fn order_keys(text: &str, budget: &mut Budget<'_>) -> Result<Vec<(Term, Direction)>, Problem> {
    let keys_max = budget.limits.order_keys_max;
    let mut parser = Parser::new(text, budget, 0)?;
    let mut keys = Vec::new();
    loop {
        if keys.len() == keys_max {
            return Err(Problem::new(parser.token.at, format!("there are more than {keys_max} keys")));
        }
        let term = parser.expression(Strength::Weakest)?;
        let direction = parser.direction()?;
        keys.push((term, direction));
        if !parser.eat(',')? {
            break;
        }
    }
    parser.end()?;
    Ok(keys)
}

/// Reads terms off a text, one token ahead.
struct Parser<'a, 'b, 'c> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    depth: usize,
    /// Where everything in this text is, if the text is that of a parameter alias.
    origin: Option<usize>,
    budget: &'b mut Budget<'c>,
}

impl<'a, 'b, 'c> Parser<'a, 'b, 'c> {
    fn new(text: &'a str, budget: &'b mut Budget<'c>, depth: usize) -> Result<Self, Problem> {
        let bytes_max = budget.limits.bytes_max;
        if text.len() > bytes_max {
            return Err(Problem::of_all(format!("the text is longer than {bytes_max} bytes")));
        }
        let mut lexer = Lexer::new(text);
        let token = lexer.next()?;
        Ok(Self { lexer, token, depth, origin: None, budget })
    }

    fn expression(&mut self, weakest: Strength) -> Result<Term, Problem> {
        self.nested(|parser| {
            let mut left = parser.operand()?;
            let mut chained = 0;
            while let Some(infix) = parser.infix()? {
                if infix.strength() < weakest {
                    break;
                }
                // A chain of operators leans to the left, and is as deep as it is long.
                chained += usize::from(!matches!(infix, Infix::And | Infix::Or));
                if chained > parser.depth_max() {
                    return Err(parser.too_deep());
                }
                left = parser.infix_term(left, infix)?;
            }
            Ok(left)
        })
    }

    /// Reads what is one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        if self.depth >= self.depth_max() {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }

    fn depth_max(&self) -> usize {
        self.budget.limits.depth_max.min(DEPTH_CEILING)
    }

    fn too_deep(&self) -> Problem {
        Problem::new(self.token.at, format!("the expression nests deeper than {} levels", self.depth_max()))
    }

    /// Looks at the operator that stands here, if it is one.
    fn infix(&self) -> Result<Option<Infix>, Problem> {
        let word = match self.token.kind {
            TokenKind::Word(word) | TokenKind::Tagged(word, _) => word,
            _ => return Ok(None),
        };
        let Some((_, infix)) = OPERATORS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) else {
            return Ok(None);
        };
        // `eq'x'` looks like the literal of a type named eq.
        if matches!(self.token.kind, TokenKind::Tagged(..)) {
            return Err(Problem::new(self.token.at + word.len(), "a blank is missing after the operator"));
        }
        if !self.token.is_spaced {
            return Err(Problem::new(self.token.at, format!("a blank is missing before {word}")));
        }
        Ok(Some(*infix))
    }

    fn infix_term(&mut self, left: Term, infix: Infix) -> Result<Term, Problem> {
        let at = self.token.at;
        self.advance()?;
        if self.token.kind == TokenKind::End {
            return Err(self.unexpected_operand());
        }
        if !(self.token.is_spaced || matches!(infix, Infix::In) && self.is_at('(')) {
            return Err(Problem::new(self.token.at, "a blank is missing after the operator"));
        }
        let strength = infix.strength().next();
        match infix {
            Infix::In => self.in_term(left, at),
            Infix::And => {
                let (terms, growth) = joined(left, self.expression(strength)?, and_terms);
                self.list_term(at, TermKind::And(terms), growth)
            }
            Infix::Or => {
                let (terms, growth) = joined(left, self.expression(strength)?, or_terms);
                self.list_term(at, TermKind::Or(terms), growth)
            }
            Infix::Compare(comparison) => {
                let right = self.expression(strength)?;
                self.term(at, TermKind::Compare(comparison, Box::new(left), Box::new(right)))
            }
            Infix::Arithmetic(operator) => {
                let right = self.expression(strength)?;
                self.term(at, TermKind::Arithmetic(operator, Box::new(left), Box::new(right)))
            }
        }
    }

    fn in_term(&mut self, left: Term, at: usize) -> Result<Term, Problem> {
        if !self.is_at('(') {
            let collection = self.nested(Self::operand)?;
            return self.term(at, TermKind::InCollection(Box::new(left), Box::new(collection)));
        }
        self.advance()?;
        if self.is_at(')') {
            return Err(Problem::new(self.token.at, "the list after in is empty"));
        }
        let in_max = self.budget.limits.in_max;
        let mut list = Vec::new();
        loop {
            if list.len() == in_max {
                let complaint = format!("there are more than {in_max} values after in");
                return Err(Problem::new(self.token.at, complaint));
            }
            list.push(self.expression(Strength::Weakest)?);
            if !self.eat(',')? {
                break;
            }
        }
        self.expect(')', &["`,`", "`)`"])?;
        self.term(at, TermKind::In(Box::new(left), list))
    }

    fn operand(&mut self) -> Result<Term, Problem> {
        let at = self.token.at;
        match self.token.kind.clone() {
            TokenKind::Mark('(') => {
                self.advance()?;
                let term = self.expression(Strength::Weakest)?;
                self.expect(')', &["`)`"])?;
                Ok(term)
            }
            TokenKind::Mark('-') => self.negative(at),
            TokenKind::Mark('+') => {
                self.advance()?;
                match self.token.kind {
                    TokenKind::Number(digits) if !self.token.is_spaced => self.number(at, digits, ""),
                    _ => Err(self.unexpected_operand()),
                }
            }
            TokenKind::Number(digits) => self.number(at, digits, ""),
            TokenKind::Literal(value) => {
                self.advance()?;
                self.term(at, TermKind::Literal(value))
            }
            TokenKind::Tagged(tag, text) => {
                self.advance()?;
                self.term(at, TermKind::Tagged(tag.to_owned(), text))
            }
            TokenKind::Alias(name) => self.alias(at, name),
            TokenKind::Dollar("it") => self.path("$it"),
            TokenKind::Word(word) => self.word(at, word),
            TokenKind::Dollar(_) | TokenKind::Mark(_) | TokenKind::End => Err(self.unexpected_operand()),
        }
    }

    /// Reads `-5` as a number, and `-` before anything else as an operator.
    fn negative(&mut self, at: usize) -> Result<Term, Problem> {
        self.advance()?;
        match self.token.kind {
            TokenKind::Number(digits) if !self.token.is_spaced => self.number(at, digits, "-"),
            _ => {
                let operand = self.nested(Self::operand)?;
                self.term(at, TermKind::Negate(Box::new(operand)))
            }
        }
    }

    fn number(&mut self, at: usize, digits: &str, sign: &str) -> Result<Term, Problem> {
        let text = format!("{sign}{digits}");
        let integer = text.parse().ok().map(Value::Integer);
        let Some(value) = integer.or_else(|| number::parse(&text).map(Value::Decimal)) else {
            return Err(Problem::new(at, format!("{text} has more than {} digits", number::DIGITS_MAX)));
        };
        self.advance()?;
        self.term(at, TermKind::Literal(value))
    }

    /// Reads what begins with a word: a constant, `not`, a function or a path.
    fn word(&mut self, at: usize, word: &str) -> Result<Term, Problem> {
        let mut ahead = self.lexer.clone();
        let next = ahead.next();
        let is_followed_by =
            |mark| next.as_ref().is_ok_and(|it| it.kind == TokenKind::Mark(mark) && !it.is_spaced);
        if word.eq_ignore_ascii_case("not") && !is_followed_by('/') {
            self.advance()?;
            if !self.token.is_spaced && !self.is_at('(') {
                return Err(Problem::new(self.token.at, "a blank is missing after not"));
            }
            let operand = self.nested(Self::operand)?;
            return self.term(at, TermKind::Not(Box::new(operand)));
        }
        if is_followed_by('(') {
            return self.call(at, word);
        }
        if is_followed_by('/') {
            return self.path(word);
        }
        if ["inf", "nan"].contains(&word.to_ascii_lowercase().as_str()) {
            return Err(Problem::new(
                at,
                format!("{word} is not a decimal number, and there are no others here"),
            ));
        }
        match constant(word) {
            Some(value) => {
                self.advance()?;
                self.term(at, TermKind::Literal(value))
            }
            None => self.path(word),
        }
    }

    fn call(&mut self, at: usize, name: &str) -> Result<Term, Problem> {
        self.advance()?;
        self.advance()?;
        let mut arguments = Vec::new();
        if !self.eat(')')? {
            loop {
                arguments.push(self.expression(Strength::Weakest)?);
                if !self.eat(',')? {
                    break;
                }
            }
            self.expect(')', &["`,`", "`)`"])?;
        }
        self.term(at, TermKind::Call(name.to_owned(), arguments))
    }

    fn path(&mut self, first: &str) -> Result<Term, Problem> {
        let at = self.token.at;
        let mut names = vec![self.name(first)];
        self.advance()?;
        while self.is_at('/') && !self.token.is_spaced {
            self.advance()?;
            if self.token.is_spaced {
                return Err(Problem::new(self.token.at, "a path has no blanks"));
            }
            match self.token.kind {
                TokenKind::Word(word) => {
                    let name = self.name(word);
                    self.advance()?;
                    let Some(quantifier) = quantifier(word).filter(|_| self.is_at('(')) else {
                        names.push(name);
                        continue;
                    };
                    return self.lambda(at, names, quantifier);
                }
                TokenKind::Dollar("count") => {
                    self.advance()?;
                    return self.term(at, TermKind::Count(names));
                }
                _ => return Err(self.unexpected(&["a property", "any(…)", "all(…)", "$count"])),
            }
        }
        self.term(at, TermKind::Path(names))
    }

    /// Reads the parentheses after `any` or `all`.
    fn lambda(&mut self, at: usize, collection: Vec<Name>, quantifier: Quantifier) -> Result<Term, Problem> {
        self.expect('(', &["`(`"])?;
        let body = if self.is_at(')') {
            None
        } else {
            let TokenKind::Word(word) = self.token.kind else {
                return Err(self.unexpected(&["a name for the item, as in any(i:i/email eq 'x')"]));
            };
            let variable = self.name(word);
            self.advance()?;
            self.expect(':', &["`:`, as in any(i:i/email eq 'x')"])?;
            Some((variable, Box::new(self.expression(Strength::Weakest)?)))
        };
        if body.is_none() && quantifier == Quantifier::All {
            return Err(Problem::new(self.token.at, "all() needs a predicate").expecting(["all(i:…)"]));
        }
        self.expect(')', &["`)`"])?;
        self.term(at, TermKind::Lambda { quantifier, collection, body })
    }

    /// Reads the text of a parameter alias; one that is not given is null.
    fn alias(&mut self, at: usize, name: &str) -> Result<Term, Problem> {
        self.advance()?;
        let aliases = self.budget.aliases;
        let Some(text) = aliases.get(name) else { return self.term(at, TermKind::Literal(Value::Null)) };
        if self.budget.open.iter().any(|it| it == name) {
            return Err(Problem::new(at, format!("@{name} is defined by itself")));
        }
        self.budget.open.push(name.to_owned());
        let origin = self.origin.unwrap_or(at);
        let depth = self.depth;
        let budget = &mut *self.budget;
        let term = Parser::new(text, budget, depth).and_then(|mut parser| {
            parser.origin = Some(origin);
            let term = parser.expression(Strength::Weakest)?;
            parser.end()?;
            Ok(term)
        });
        self.budget.open.pop();
        // The place in the alias's own text would be read as one in this text.
        term.map_err(|it| Problem { at: Some(at), message: format!("in @{name}: {}", it.message), ..it })
    }

    fn direction(&mut self) -> Result<Direction, Problem> {
        let direction = match self.token.kind {
            TokenKind::Word(word) if word.eq_ignore_ascii_case("asc") => Direction::Ascending,
            TokenKind::Word(word) if word.eq_ignore_ascii_case("desc") => Direction::Descending,
            TokenKind::Word(_) => return Err(self.unexpected(&["asc", "desc", "`,`", "an operator"])),
            _ => return Ok(Direction::Ascending),
        };
        if !self.token.is_spaced {
            return Err(Problem::new(self.token.at, "a blank is missing before the direction"));
        }
        self.advance()?;
        Ok(direction)
    }

    fn name(&self, text: &str) -> Name {
        Name { at: self.origin.unwrap_or(self.token.at), text: text.to_owned() }
    }

    /// Makes a term, and counts it.
    fn term(&mut self, at: usize, kind: TermKind) -> Result<Term, Problem> {
        let at = self.origin.unwrap_or(at);
        let nodes_max = self.budget.limits.nodes_max;
        self.budget.nodes += 1;
        if self.budget.nodes > nodes_max {
            return Err(Problem::new(at, format!("the expression has more than {nodes_max} parts")));
        }
        Ok(Term { at, kind })
    }

    /// Makes a list of terms, which counts when it is new.
    fn list_term(&mut self, at: usize, kind: TermKind, growth: Growth) -> Result<Term, Problem> {
        match growth {
            Growth::New => self.term(at, kind),
            Growth::Longer => Ok(Term { at: self.origin.unwrap_or(at), kind }),
        }
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

    fn expect(&mut self, mark: char, expected: &[&str]) -> Result<(), Problem> {
        if self.eat(mark)? { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn end(&self) -> Result<(), Problem> {
        if self.token.kind == TokenKind::End {
            return Ok(());
        }
        let operators: Vec<&str> = OPERATORS.iter().map(|(name, _)| *name).collect();
        let problem = self.unexpected(&["an operator"]);
        Err(match self.token.kind {
            TokenKind::Word(word) => problem.proposing(word, &operators),
            _ => problem,
        })
    }

    fn unexpected_operand(&self) -> Problem {
        self.unexpected(&["a property", "a literal", "a function", "not", "`(`"])
    }

    fn unexpected(&self, expected: &[&str]) -> Problem {
        let found = match &self.token.kind {
            TokenKind::End => "the text ends too early".to_owned(),
            TokenKind::Mark(mark) => format!("`{mark}` is not expected here"),
            TokenKind::Word(word) => format!("`{word}` is not expected here"),
            TokenKind::Alias(name) => format!("`@{name}` is not expected here"),
            TokenKind::Dollar(name) => format!("`${name}` is not expected here"),
            TokenKind::Number(digits) => format!("`{digits}` is not expected here"),
            TokenKind::Literal(_) | TokenKind::Tagged(..) => "a literal is not expected here".to_owned(),
        };
        Problem::new(self.token.at, found).expecting(expected.iter().copied())
    }
}

/// What joining two terms makes of a list.
enum Growth {
    /// There was none.
    New,
    /// More of the same makes it longer, and no node more.
    Longer,
}

/// Puts both sides into one list, and what is in a side that is such a list itself.
fn joined(left: Term, right: Term, terms_of: fn(Term) -> Result<Vec<Term>, Term>) -> (Vec<Term>, Growth) {
    let (mut terms, growth) = match terms_of(left) {
        Ok(terms) => (terms, Growth::Longer),
        Err(left) => (vec![left], Growth::New),
    };
    match terms_of(right) {
        Ok(more) => terms.extend(more),
        Err(right) => terms.push(right),
    }
    (terms, growth)
}

/// Returns what an `and` joins; the term itself where it is none.
fn and_terms(term: Term) -> Result<Vec<Term>, Term> {
    match term.kind {
        TermKind::And(terms) => Ok(terms),
        _ => Err(term),
    }
}

/// Returns what an `or` joins; the term itself where it is none.
fn or_terms(term: Term) -> Result<Vec<Term>, Term> {
    match term.kind {
        TermKind::Or(terms) => Ok(terms),
        _ => Err(term),
    }
}

fn constant(word: &str) -> Option<Value> {
    match word.to_ascii_lowercase().as_str() {
        "null" => Some(Value::Null),
        "true" => Some(Value::Boolean(true)),
        "false" => Some(Value::Boolean(false)),
        _ => None,
    }
}

fn quantifier(word: &str) -> Option<Quantifier> {
    match word.to_ascii_lowercase().as_str() {
        "any" => Some(Quantifier::Any),
        "all" => Some(Quantifier::All),
        _ => None,
    }
}
