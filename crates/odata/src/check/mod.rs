//! The query as written into the checked [`tree`](crate::tree): names are looked up, literals get their types.
//!
//! * `mod.rs`: predicates, comparisons, arithmetic, and what `any` and `all` mean.
//! * `paths.rs`: names into properties.
//! * `literals.rs`: what a literal means beside a value of a type.
//! * `functions.rs`: which functions there are and what they take.
//!
//! Recursion is as deep as the syntax tree, which the parser has bounded.

mod functions;
mod literals;
mod paths;

pub(crate) use self::paths::structured;
use crate::{
    ast::{Name, Term, TermKind},
    check::literals::Side,
    error::Problem,
    schema::{Kind, MemberAlias, Schema, Type},
    tree::{Comparison, Expr, Node, Operator, Path, Quantifier, Root},
};

/// Checks an expression that says yes or no.
pub(crate) fn predicate(term: &Term, schema: &'static Schema, now: i64) -> Result<Expr, Problem> {
    Checker::new(schema, now).predicate(term)
}

/// Checks an expression that rows are ordered by.
pub(crate) fn order_key(term: &Term, schema: &'static Schema, now: i64) -> Result<Expr, Problem> {
    let mut checker = Checker::new(schema, now);
    let key = checker.value(term)?;
    match checker.member {
        None => Ok(key),
        Some(alias) => {
            let complaint = format!("{} has many values, and rows cannot be ordered by them", alias.name);
            Err(Problem::new(term.at, complaint))
        }
    }
}

/// What is known at a place of the expression.
struct Checker {
    schema: &'static Schema,
    now: i64,
    /// The variable of the `any` or `all` around this place, and what its items are.
    item: Option<(String, Kind)>,
    /// The name that stands for a member of a collection's items in the predicate that is being checked.
    member: Option<&'static MemberAlias>,
}

impl Checker {
    fn new(schema: &'static Schema, now: i64) -> Self {
        Self { schema, now, item: None, member: None }
    }

    /// Checks a term where a yes or no is wanted: the whole filter, or what `and`, `or`, `not`, `any` and `all` join.
    fn predicate(&mut self, term: &Term) -> Result<Expr, Problem> {
        match &term.kind {
            TermKind::And(terms) => Ok(boolean(Node::And(self.predicates(terms)?))),
            TermKind::Or(terms) => Ok(boolean(Node::Or(self.predicates(terms)?))),
            TermKind::Not(inner) => {
                let inner = self.predicate(inner)?;
                Ok(if inner.is_null() { inner } else { boolean(Node::Not(Box::new(inner))) })
            }
            _ => {
                let outer = self.member.take();
                let expr = self.value(term)?;
                let member = std::mem::replace(&mut self.member, outer);
                require_boolean(&expr, term)?;
                match member {
                    None => Ok(expr),
                    Some(alias) => self.any_member(alias, expr, term.at),
                }
            }
        }
    }

    fn predicates(&mut self, terms: &[Term]) -> Result<Vec<Expr>, Problem> {
        terms.iter().map(|it| self.predicate(it)).collect()
    }

    /// Asks a predicate about the items of the collection that an alias stands for.
    fn any_member(&self, alias: &'static MemberAlias, predicate: Expr, at: usize) -> Result<Expr, Problem> {
        if has_lambda(&predicate) {
            let complaint =
                format!("{} stands for any of {}; any and all do not nest", alias.name, alias.collection);
            return Err(Problem::new(at, complaint));
        }
        let collection = self.path_of(alias.collection, at)?;
        let predicate = Some(Box::new(predicate));
        Ok(boolean(Node::Lambda { quantifier: Quantifier::Any, collection, predicate }))
    }

    /// Checks a term where any value is wanted.
    fn value(&mut self, term: &Term) -> Result<Expr, Problem> {
        match &term.kind {
            TermKind::Literal(value) => Ok(literals::typed(value.clone())),
            TermKind::Tagged(tag, text) => self.tagged(tag, text, term.at),
            TermKind::Path(names) => self.scalar(names),
            TermKind::Count(names) => {
                let (path, _) = self.collection(names)?;
                Ok(Expr { node: Node::Count(path), ty: Some(Type::Integer) })
            }
            TermKind::Lambda { quantifier, collection, body } => {
                self.lambda(*quantifier, collection, body.as_ref(), term.at)
            }
            TermKind::Call(name, arguments) => self.call(name, arguments, term.at),
            TermKind::Compare(comparison, left, right) => self.comparison(*comparison, left, right, term.at),
            TermKind::In(left, list) => {
                let mut exprs = self.alike(std::iter::once(&**left).chain(list))?;
                let left = exprs.remove(0);
                Ok(boolean(Node::In(Box::new(left), exprs)))
            }
            TermKind::InCollection(left, right) => self.in_collection(left, right),
            TermKind::And(_) | TermKind::Or(_) | TermKind::Not(_) => self.predicate(term),
            TermKind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, term.at),
            TermKind::Negate(inner) => self.negated(inner, term.at),
        }
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        left: &Term,
        right: &Term,
        at: usize,
    ) -> Result<Expr, Problem> {
        let mut exprs = self.alike([left, right])?;
        let is_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if is_order && exprs.iter().any(|it| it.ty == Some(Type::Guid)) {
            return Err(Problem::new(at, "GUIDs have no order").expecting(["eq", "ne", "in"]));
        }
        let (Some(right), Some(left)) = (exprs.pop(), exprs.pop()) else {
            return Err(Problem::new(at, "a comparison has two sides"));
        };
        Ok(boolean(Node::Compare(comparison, Box::new(left), Box::new(right))))
    }

    /// Checks terms that are compared with each other, and gives literals the type of what they stand beside.
    fn alike<'a>(&mut self, terms: impl IntoIterator<Item = &'a Term>) -> Result<Vec<Expr>, Problem> {
        let sides: Result<Vec<_>, Problem> = terms.into_iter().map(|it| self.side(it)).collect();
        literals::unify(sides?)
    }

    /// Checks one side of a comparison. A word that names no property may be one of an enum, which the other side
    /// decides.
    fn side(&mut self, term: &Term) -> Result<Side, Problem> {
        match &term.kind {
            TermKind::Path(names) => match names.as_slice() {
                [name] if !self.is_known(name) => {
                    Ok(Side::Word { name: name.clone(), unknown: self.unknown(name) })
                }
                _ => Ok(Side::Value { expr: self.scalar(names)?, at: term.at }),
            },
            _ => Ok(Side::Value { expr: self.value(term)?, at: term.at }),
        }
    }

    fn in_collection(&mut self, left: &Term, right: &Term) -> Result<Expr, Problem> {
        let TermKind::Path(names) = &right.kind else {
            return Err(Problem::new(right.at, "in takes a list in parentheses or a collection"));
        };
        let (collection, kind) = self.collection(names)?;
        let Kind::Scalars(ty) = kind else {
            let complaint = format!("the items of {} are not single values", collection.names());
            return Err(
                Problem::new(right.at, complaint).expecting([format!("{}/any(…)", collection.names())])
            );
        };
        if self.item.is_some() {
            return Err(Problem::new(right.at, "in on a collection is an any, and any and all do not nest"));
        }
        let item = Expr { node: Node::Path(Path { root: Root::Item, segments: Vec::new() }), ty: Some(ty) };
        let wanted = self.side(left)?;
        let is_lambda = matches!(&wanted, Side::Value { expr, .. } if has_lambda(expr));
        if is_lambda || self.member.is_some() {
            return Err(Problem::new(left.at, "in on a collection is an any, and any and all do not nest"));
        }
        let mut sides = literals::unify(vec![Side::Value { expr: item, at: right.at }, wanted])?;
        let (Some(wanted), Some(item)) = (sides.pop(), sides.pop()) else {
            return Err(Problem::new(left.at, "a comparison has two sides"));
        };
        let predicate = boolean(Node::Compare(Comparison::Equal, Box::new(item), Box::new(wanted)));
        let predicate = Some(Box::new(predicate));
        Ok(boolean(Node::Lambda { quantifier: Quantifier::Any, collection, predicate }))
    }

    fn lambda(
        &mut self,
        quantifier: Quantifier,
        collection: &[Name],
        body: Option<&(Name, Box<Term>)>,
        at: usize,
    ) -> Result<Expr, Problem> {
        if self.item.is_some() {
            return Err(Problem::new(at, "any and all do not nest"));
        }
        let (collection, kind) = self.collection(collection)?;
        let mut predicate = None;
        if let Some((variable, body)) = body {
            if variable.text.contains('.') {
                let complaint = format!("{} is not a name for an item", variable.text);
                return Err(Problem::new(variable.at, complaint));
            }
            self.item = Some((variable.text.clone(), kind));
            let checked = self.predicate(body);
            self.item = None;
            predicate = Some(Box::new(checked?));
        }
        Ok(boolean(Node::Lambda { quantifier, collection, predicate }))
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        left: &Term,
        right: &Term,
        at: usize,
    ) -> Result<Expr, Problem> {
        let (left_expr, right_expr) = (self.value(left)?, self.value(right)?);
        let left_expr = literals::beside_operator(left_expr, right_expr.ty, operator, left.at)?;
        let right_expr = literals::beside_operator(right_expr, left_expr.ty, operator, right.at)?;
        let (Some(one), Some(other)) = (left_expr.ty, right_expr.ty) else { return Ok(Expr::null()) };
        let Some(ty) = result_type(operator, one, other) else {
            let names = (one.name(), other.name());
            return Err(Problem::new(at, format!("this operator does not take {} and {}", names.0, names.1)));
        };
        let node = Node::Arithmetic(operator, Box::new(left_expr), Box::new(right_expr));
        Ok(Expr { node, ty: Some(ty) })
    }

    fn negated(&mut self, inner: &Term, at: usize) -> Result<Expr, Problem> {
        let inner = self.value(inner)?;
        match inner.ty {
            None => Ok(inner),
            Some(Type::Integer | Type::Decimal | Type::Duration) => {
                let ty = inner.ty;
                Ok(Expr { node: Node::Negate(Box::new(inner)), ty })
            }
            Some(other) => Err(Problem::new(at, format!("an {} has no negative", other.name()))),
        }
    }
}

fn boolean(node: Node) -> Expr {
    Expr { node, ty: Some(Type::Boolean) }
}

fn require_boolean(expr: &Expr, term: &Term) -> Result<(), Problem> {
    match expr.ty {
        None | Some(Type::Boolean) => Ok(()),
        Some(ty) => {
            let complaint = format!("a predicate is wanted, and this is an {}", ty.name());
            let expected = ["a comparison, such as status eq 'New'", "not (…) around a comparison"];
            Err(Problem::new(term.at, complaint).expecting(expected))
        }
    }
}

/// Returns the type of a result; `None` where the operator does not take the types.
fn result_type(operator: Operator, left: Type, right: Type) -> Option<Type> {
    use Type::{Date, DateTime, Decimal, Duration, Integer};
    match (operator, left, right) {
        (Operator::DivideBy, Integer | Decimal, Integer | Decimal) => Some(Decimal),
        (_, Integer, Integer) => Some(Integer),
        (_, Integer | Decimal, Integer | Decimal) => Some(Decimal),
        (Operator::Add | Operator::Subtract, DateTime | Date | Duration, Duration) => Some(left),
        (Operator::Add, Duration, DateTime | Date) => Some(right),
        (Operator::Subtract, DateTime, DateTime) | (Operator::Subtract, Date, Date) => Some(Duration),
        _ => None,
    }
}

/// Says whether an `any` or `all` is anywhere in an expression.
fn has_lambda(expr: &Expr) -> bool {
    match &expr.node {
        Node::Literal(_) | Node::Path(_) | Node::Count(_) => false,
        Node::Lambda { .. } => true,
        Node::Compare(_, one, other) | Node::Arithmetic(_, one, other) => {
            has_lambda(one) || has_lambda(other)
        }
        Node::In(one, list) => has_lambda(one) || list.iter().any(has_lambda),
        Node::And(list) | Node::Or(list) | Node::Call(_, list) => list.iter().any(has_lambda),
        Node::Not(one) | Node::Negate(one) | Node::Cast(one, _) => has_lambda(one),
    }
}
