//! `$search`: words and phrases into a predicate over the searched texts.
//!
//! ```text
//! search  = and { blank "OR" blank and }
//! and     = not { blank [ "AND" blank ] not }
//! not     = [ "NOT" blank ] ( "(" search ")" | phrase | word )
//! phrase  = a text in double quotes; \" and \\ stand for " and \
//! ```
//!
//! `AND`, `OR` and `NOT` are operators in upper case only. A word is contained in one of the texts, in any case:
//! `contains(tolower(name),'word') or … or team/any(i:contains(tolower(i/email),'word'))`.

use crate::{
    error::Problem,
    options::Limits,
    schema::{Kind, Property, Schema, Type},
    tree::{Comparison, Expr, Function, Node, Path, Quantifier, Root, Value},
};

/// Parentheses and `NOT` deeper than this are refused whatever the caller allows: its stack is not theirs.
const DEPTH_CEILING: usize = 100;

/// Reads `$search`.
pub(crate) fn predicate(text: &str, schema: &'static Schema, limits: &Limits) -> Result<Expr, Problem> {
    if text.len() > limits.bytes_max {
        return Err(Problem::of_all(format!("the text is longer than {} bytes", limits.bytes_max)));
    }
    let places = schema.searched.iter().filter_map(|it| Place::find(schema, it)).collect();
    let mut reader = Reader { text, at: 0, depth: 0, nodes: 0, is_negated: false, limits, places };
    let expr = reader.any_of()?;
    match reader.token()? {
        Token::End => Ok(expr),
        Token::Close => Err(Problem::new(reader.at, "`)` closes nothing")),
        Token::Open | Token::And | Token::Or | Token::Not | Token::Text(_) => {
            Err(Problem::new(reader.at, "this is not expected here"))
        }
    }
}

/// Where a text to search is.
struct Place {
    /// The collection that the text is in the items of, if it is in one.
    collection: Option<Vec<&'static Property>>,
    /// The way from the entity, or from the item.
    segments: Vec<&'static Property>,
}

impl Place {
    /// Follows a path of [`Schema::searched`]; `None` if it does not lead to a text.
    fn find(schema: &'static Schema, path: &str) -> Option<Self> {
        let mut place = Self { collection: None, segments: Vec::new() };
        let mut ty = Some(schema.entity);
        let mut is_text = false;
        for name in path.split('/') {
            let property = ty?.property(name)?;
            place.segments.push(property);
            (ty, is_text) = match property.kind {
                Kind::Scalar(ty) => (None, ty == Type::String),
                Kind::Complex(ty) => (Some(ty), false),
                Kind::Scalars(_) | Kind::Complexes(_) if place.collection.is_some() => return None,
                Kind::Scalars(ty) => {
                    place.collection = Some(std::mem::take(&mut place.segments));
                    (None, ty == Type::String)
                }
                Kind::Complexes(ty) => {
                    place.collection = Some(std::mem::take(&mut place.segments));
                    (Some(ty), false)
                }
            };
        }
        is_text.then_some(place)
    }
}

/// A token of a search.
enum Token {
    End,
    Open,
    Close,
    And,
    Or,
    Not,
    /// A word, or what is in the quotes of a phrase.
    Text(String),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    nodes: usize,
    /// Whether a `NOT` is around this place.
    is_negated: bool,
    limits: &'a Limits,
    places: Vec<Place>,
}

impl<'a> Reader<'a> {
    fn any_of(&mut self) -> Result<Expr, Problem> {
        let mut terms = vec![self.all_of()?];
        while matches!(self.peek()?, Token::Or) {
            self.token()?;
            terms.push(self.all_of()?);
        }
        Ok(joined(terms, Node::Or))
    }

    fn all_of(&mut self) -> Result<Expr, Problem> {
        let mut terms = vec![self.negatable()?];
        loop {
            match self.peek()? {
                Token::And => {
                    self.token()?;
                    terms.push(self.negatable()?);
                }
                Token::Open | Token::Not | Token::Text(_) => terms.push(self.negatable()?),
                Token::Or | Token::Close | Token::End => return Ok(joined(terms, Node::And)),
            }
        }
    }

    fn negatable(&mut self) -> Result<Expr, Problem> {
        let start = self.at;
        if self.depth >= self.limits.depth_max.min(DEPTH_CEILING) {
            return Err(Problem::new(start, "the search nests too deep"));
        }
        self.depth += 1;
        let expr = match self.token()? {
            Token::Not => {
                let outer = std::mem::replace(&mut self.is_negated, true);
                let inner = self.negatable()?;
                self.is_negated = outer;
                boolean(Node::Not(Box::new(inner)))
            }
            Token::Open => {
                let inner = self.any_of()?;
                let Token::Close = self.token()? else {
                    return Err(Problem::new(self.at, "the parenthesis is not closed").expecting(["`)`"]));
                };
                inner
            }
            Token::Text(text) => self.contained(&text, start)?,
            Token::Close | Token::And | Token::Or => {
                return Err(Problem::new(start, "a word or a phrase is wanted here"));
            }
            Token::End => return Err(Problem::new(self.at, "a word or a phrase is wanted here")),
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// Asks whether one of the texts contains the word.
    fn contained(&mut self, word: &str, at: usize) -> Result<Expr, Problem> {
        self.nodes += self.places.len().max(1);
        if self.nodes > self.limits.nodes_max {
            return Err(Problem::new(at, "there are too many words"));
        }
        let word = word.to_lowercase();
        let mut terms = Vec::new();
        let mut remaining: Vec<&Place> = self.places.iter().collect();
        while let Some(first) = remaining.first().copied() {
            let (same, others): (Vec<&Place>, Vec<&Place>) =
                remaining.into_iter().partition(|it| first.is_beside(it));
            remaining = others;
            match &first.collection {
                None => terms.extend(same.iter().map(|it| {
                    let contained = contains(Root::Entity, &it.segments, &word);
                    if self.is_negated { definite(contained) } else { contained }
                })),
                Some(collection) => {
                    let texts = same.iter().map(|it| contains(Root::Item, &it.segments, &word)).collect();
                    let collection = Path { root: Root::Entity, segments: collection.clone() };
                    let predicate = Some(Box::new(joined(texts, Node::Or)));
                    terms.push(boolean(Node::Lambda { quantifier: Quantifier::Any, collection, predicate }));
                }
            }
        }
        Ok(joined(terms, Node::Or))
    }

    fn peek(&mut self) -> Result<Token, Problem> {
        let at = self.at;
        let token = self.token();
        self.at = at;
        token
    }

    fn token(&mut self) -> Result<Token, Problem> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let start = self.at;
        match self.rest().chars().next() {
            None => Ok(Token::End),
            Some('(') => Ok(self.mark(Token::Open)),
            Some(')') => Ok(self.mark(Token::Close)),
            Some('"') => self.phrase(),
            Some(_) => {
                let rest = self.rest();
                let length = rest.find([' ', '\t', '(', ')', '"']).unwrap_or(rest.len());
                self.at += length;
                self.word(rest.get(..length).unwrap_or_default(), start)
            }
        }
    }

    fn mark(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn word(&self, word: &str, at: usize) -> Result<Token, Problem> {
        match word {
            "AND" => Ok(Token::And),
            "OR" => Ok(Token::Or),
            "NOT" => Ok(Token::Not),
            _ if word.contains('\0') => Err(Problem::new(at, "a text cannot contain the character U+0000")),
            _ => Ok(Token::Text(word.to_owned())),
        }
    }

    fn phrase(&mut self) -> Result<Token, Problem> {
        let start = self.at;
        let mut phrase = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((index, char)) = chars.next() {
            match char {
                '"' if phrase.is_empty() => return Err(Problem::new(start, "the phrase is empty")),
                '"' => {
                    self.at += index + 1;
                    return Ok(Token::Text(phrase));
                }
                '\0' => {
                    return Err(Problem::new(start + index, "a text cannot contain the character U+0000"));
                }
                '\\' => phrase.extend(chars.next().map(|(_, it)| it)),
                _ => phrase.push(char),
            }
        }
        Err(Problem::new(start, "the phrase that begins here is not closed with \""))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }
}

impl Place {
    /// Says whether both texts are in the items of one collection, or both are in none.
    fn is_beside(&self, other: &Self) -> bool {
        match (&self.collection, &other.collection) {
            (None, None) => true,
            (Some(one), Some(other)) => {
                one.len() == other.len()
                    && one.iter().zip(other).all(|(one, other)| std::ptr::eq(*one, *other))
            }
            _ => false,
        }
    }
}

/// Asks whether a text contains a word in lower case; null where there is no text.
fn contains(root: Root, segments: &[&'static Property], word: &str) -> Expr {
    let text = |node| Expr { node, ty: Some(Type::String) };
    let path = text(Node::Path(Path { root, segments: segments.to_vec() }));
    let lowered = text(Node::Call(Function::ToLower, vec![path]));
    let word = text(Node::Literal(Value::String(word.to_owned())));
    boolean(Node::Call(Function::Contains, vec![lowered, word]))
}

/// Makes null false, so that `NOT` also takes rows without the text.
fn definite(predicate: Expr) -> Expr {
    let yes = boolean(Node::Literal(Value::Boolean(true)));
    boolean(Node::Compare(Comparison::Equal, Box::new(predicate), Box::new(yes)))
}

/// Joins terms, and those of terms that are joined the same way.
fn joined(terms: Vec<Expr>, join: fn(Vec<Expr>) -> Node) -> Expr {
    let is_and = matches!(join(Vec::new()), Node::And(_));
    let mut flat = Vec::new();
    for term in terms {
        match term.node {
            Node::And(inner) if is_and => flat.extend(inner),
            Node::Or(inner) if !is_and => flat.extend(inner),
            _ => flat.push(term),
        }
    }
    match flat.pop() {
        // No texts to look into: nothing is found.
        None => boolean(Node::Literal(Value::Boolean(false))),
        Some(only) if flat.is_empty() => only,
        Some(last) => {
            flat.push(last);
            boolean(join(flat))
        }
    }
}

fn boolean(node: Node) -> Expr {
    Expr { node, ty: Some(Type::Boolean) }
}
