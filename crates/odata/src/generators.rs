//! Random queries for property tests, here and where queries are translated.
//!
//! A query is made from a list of bytes, each a choice. So any source of randomness will do, and a test that fails is
//! made smaller by making the list smaller: a zero, and the end of the list, choose what is simplest.
//!
//! Every query is one that the checker could have made: it is well-typed, and its text is read back as an equal tree.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    moment::{self, TICKS_PER_DAY},
    schema::{Kind, Schema, StructuredType, Type},
    tree::{
        Comparison, Direction, Expr, Function, Node, Operator, OrderKey, Path, Quantifier, Root,
        TICKS_PER_SECOND, Value,
    },
};

/// Values to compare properties with, by path: `customerProfile/name`, `team/email`, `tags`. Where they occur in the
/// data that is queried, predicates take some rows and leave others.
pub type Samples = BTreeMap<String, Vec<Value>>;

/// How deep predicates nest, and values in them.
const DEPTH: usize = 3;
/// Types may contain themselves; properties are looked for no deeper than this.
const PATH_LENGTH_MAX: usize = 4;

/// Makes a predicate, for `$filter`.
pub fn predicate(schema: &'static Schema, samples: &Samples, choices: &[u8]) -> Expr {
    Generator::new(schema, samples, choices).predicate(DEPTH)
}

/// Makes keys to order by.
pub fn order_keys(schema: &'static Schema, samples: &Samples, choices: &[u8]) -> Vec<OrderKey> {
    let mut generator = Generator::new(schema, samples, choices);
    let count = 1 + generator.choose(3);
    let key = |generator: &mut Generator<'_>| {
        let field = generator.field();
        let direction = *generator.one_of(&[Direction::Ascending, Direction::Descending]);
        OrderKey { expr: generator.computed(field.ty, 2), direction }
    };
    (0..count).map(|_| key(&mut generator)).collect()
}

/// A property that holds a single value.
#[derive(Clone)]
struct Field {
    path: Path,
    ty: Type,
    /// The path by which samples are found.
    name: String,
}

impl Field {
    fn expr(&self) -> Expr {
        Expr { node: Node::Path(self.path.clone()), ty: Some(self.ty) }
    }
}

struct Generator<'a> {
    choices: std::slice::Iter<'a, u8>,
    samples: &'a Samples,
    fields: Vec<Field>,
    /// What `any` and `all` can ask about, with the fields of its items.
    collections: Vec<(Path, Vec<Field>)>,
    is_in_lambda: bool,
}

impl<'a> Generator<'a> {
    fn new(schema: &'static Schema, samples: &'a Samples, choices: &'a [u8]) -> Self {
        let mut generator = Self {
            choices: choices.iter(),
            samples,
            fields: Vec::new(),
            collections: Vec::new(),
            is_in_lambda: false,
        };
        let entity = Path { root: Root::Entity, segments: Vec::new() };
        generator.fields = generator.explore(schema.entity, &entity, "");
        generator
    }

    /// Finds the fields below a path, and on the way the collections of the entity.
    fn explore(&mut self, ty: &'static StructuredType, base: &Path, prefix: &str) -> Vec<Field> {
        let mut fields = Vec::new();
        if base.segments.len() == PATH_LENGTH_MAX {
            return fields;
        }
        for property in ty.properties.iter().filter(|it| it.is_filterable) {
            let mut path = base.clone();
            path.segments.push(property);
            let name = format!("{prefix}{}", property.name);
            let item = Path { root: Root::Item, segments: Vec::new() };
            match property.kind {
                Kind::Scalar(ty) => fields.push(Field { path, ty, name }),
                Kind::Complex(ty) => fields.extend(self.explore(ty, &path, &format!("{name}/"))),
                Kind::Scalars(_) | Kind::Complexes(_) if base.root == Root::Item => {}
                Kind::Scalars(ty) => self.collections.push((path, vec![Field { path: item, ty, name }])),
                Kind::Complexes(ty) => {
                    let of_item = self.explore(ty, &item, &format!("{name}/"));
                    self.collections.push((path, of_item));
                }
            }
        }
        fields
    }

    /// Chooses a number below `count`.
    fn choose(&mut self, count: usize) -> usize {
        let choice = self.choices.next().copied().unwrap_or_default();
        usize::from(choice).checked_rem(count).unwrap_or_default()
    }

    fn one_of<'b, T>(&mut self, options: &'b [T]) -> &'b T {
        let choice = self.choose(options.len());
        options.get(choice).expect("there are options to choose from")
    }

    fn field(&mut self) -> Field {
        let choice = self.choose(self.fields.len());
        self.fields.get(choice).cloned().expect("a schema has properties")
    }

    fn predicate(&mut self, depth: usize) -> Expr {
        match self.choose(if depth == 0 { 4 } else { 10 }) {
            0 | 1 => self.field_comparison(),
            2 => self.membership(),
            3 => self.null_comparison(),
            4 => self.value_comparison(depth),
            5 => self.text_predicate(depth),
            6 => boolean(Node::And(self.terms(depth, |it| matches!(it, Node::And(_))))),
            7 => boolean(Node::Or(self.terms(depth, |it| matches!(it, Node::Or(_))))),
            8 => boolean(Node::Not(Box::new(self.predicate(depth - 1)))),
            _ => self.lambda(depth),
        }
    }

    /// Makes the terms of an `and` or `or`, which never are of that kind themselves.
    fn terms(&mut self, depth: usize, is_same: impl Fn(&Node) -> bool) -> Vec<Expr> {
        let count = 2 + self.choose(2);
        let term = |generator: &mut Self| match generator.predicate(depth - 1) {
            Expr { node, .. } if is_same(&node) => boolean(Node::Not(Box::new(boolean(node)))),
            term => term,
        };
        (0..count).map(|_| term(self)).collect()
    }

    /// Compares a property with a value that it may well have.
    fn field_comparison(&mut self) -> Expr {
        let field = self.field();
        let comparison = self.comparison(field.ty);
        let sample = self.sample(&field);
        boolean(Node::Compare(comparison, Box::new(field.expr()), Box::new(sample)))
    }

    fn membership(&mut self) -> Expr {
        let field = self.field();
        let count = 1 + self.choose(3);
        let item = |generator: &mut Self| match generator.choose(6) {
            5 => Expr::null(),
            _ => generator.sample(&field),
        };
        let list = (0..count).map(|_| item(self)).collect();
        boolean(Node::In(Box::new(field.expr()), list))
    }

    fn null_comparison(&mut self) -> Expr {
        let field = self.field();
        let comparison = self.comparison(field.ty);
        boolean(Node::Compare(comparison, Box::new(field.expr()), Box::new(Expr::null())))
    }

    fn value_comparison(&mut self, depth: usize) -> Expr {
        let field = self.field();
        let comparison = self.comparison(field.ty);
        let (left, right) = (self.computed(field.ty, depth), self.value(field.ty, depth - 1));
        boolean(Node::Compare(comparison, Box::new(left), Box::new(right)))
    }

    fn text_predicate(&mut self, depth: usize) -> Expr {
        let function = *self.one_of(&[Function::Contains, Function::StartsWith, Function::EndsWith]);
        let (text, part) = (self.computed(Type::String, depth - 1), self.value(Type::String, depth - 1));
        call(function, vec![text, part], Type::Boolean)
    }

    fn lambda(&mut self, depth: usize) -> Expr {
        if self.is_in_lambda || self.collections.is_empty() {
            return self.field_comparison();
        }
        let choice = self.choose(self.collections.len());
        let (collection, of_item) = self.collections.get(choice).cloned().expect("it was chosen among them");
        let quantifier = *self.one_of(&[Quantifier::Any, Quantifier::All]);
        let is_bare = quantifier == Quantifier::Any && self.choose(8) == 7;
        let mut predicate = None;
        if !is_bare {
            // Mostly about the item; now and then about the entity that it belongs to.
            let is_mixed = self.choose(4) == 3;
            let mut fields = of_item;
            if is_mixed {
                fields.extend(self.fields.iter().cloned());
            }
            let outer = std::mem::replace(&mut self.fields, fields);
            self.is_in_lambda = true;
            predicate = Some(Box::new(self.predicate(depth - 1)));
            self.is_in_lambda = false;
            self.fields = outer;
        }
        boolean(Node::Lambda { quantifier, collection, predicate })
    }

    fn comparison(&mut self, ty: Type) -> Comparison {
        const ALL: [Comparison; 6] = [
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
        ];
        let count = if ty == Type::Guid { 2 } else { ALL.len() };
        let choice = self.choose(count);
        ALL.get(choice).copied().expect("it was chosen among them")
    }

    /// Makes a literal for a property, preferably one of its samples.
    fn sample(&mut self, field: &Field) -> Expr {
        let samples = self.samples.get(&field.name).map(Vec::as_slice).unwrap_or_default();
        let fitting: Vec<&Value> = samples.iter().filter(|it| it.ty() == Some(field.ty)).collect();
        if fitting.is_empty() || self.choose(8) == 7 {
            return self.literal(field.ty);
        }
        let value = (*self.one_of(&fitting)).clone();
        Expr { node: Node::Literal(value), ty: Some(field.ty) }
    }

    fn literal(&mut self, ty: Type) -> Expr {
        let value = self.one_of(&literals(ty)).clone();
        Expr { node: Node::Literal(value), ty: Some(ty) }
    }

    fn value(&mut self, ty: Type, depth: usize) -> Expr {
        match self.choose(2) {
            0 => self.literal(ty),
            _ => self.computed(ty, depth),
        }
    }

    /// Makes a value that is not a literal.
    fn computed(&mut self, ty: Type, depth: usize) -> Expr {
        let of_type: Vec<Expr> = self.fields.iter().filter(|it| it.ty == ty).map(Field::expr).collect();
        let is_field = depth == 0 || self.choose(3) == 0 || matches!(ty, Type::Enum(_));
        if is_field && !of_type.is_empty() {
            return self.one_of(&of_type).clone();
        }
        let below = depth.saturating_sub(1);
        match ty {
            Type::Boolean => self.field_comparison(),
            Type::String => self.text(depth),
            Type::Integer => self.integer(depth),
            Type::Decimal => self.decimal(depth),
            Type::Guid => self.cast_of(Type::String, Type::Guid, below),
            Type::DateTime => self.moved(Type::DateTime, below),
            Type::Date => match self.choose(3) {
                0 => {
                    let moment = self.operand(Type::DateTime, depth);
                    call(Function::Date, vec![moment], Type::Date)
                }
                1 => self.cast_of(Type::DateTime, Type::Date, below),
                _ => self.moved(Type::Date, below),
            },
            Type::Time => {
                let moment = self.operand(Type::DateTime, depth);
                call(Function::Time, vec![moment], Type::Time)
            }
            Type::Duration => self.duration(depth),
            Type::Enum(_) => self.literal(ty),
        }
    }

    /// Makes an argument: anything while there is depth left, else a literal.
    fn operand(&mut self, ty: Type, depth: usize) -> Expr {
        if depth == 0 { self.literal(ty) } else { self.value(ty, depth - 1) }
    }

    fn text(&mut self, depth: usize) -> Expr {
        let function = match self.choose(6) {
            0 => Function::ToLower,
            1 => Function::ToUpper,
            2 => Function::Trim,
            3 => {
                let parts = vec![self.operand(Type::String, depth), self.operand(Type::String, depth)];
                return call(Function::Concat, parts, Type::String);
            }
            4 => {
                let mut arguments =
                    vec![self.operand(Type::String, depth), self.operand(Type::Integer, depth)];
                if self.choose(2) == 1 {
                    arguments.push(self.operand(Type::Integer, depth));
                }
                return call(Function::Substring, arguments, Type::String);
            }
            _ => {
                const SOURCES: [Type; 7] = [
                    Type::Integer,
                    Type::Decimal,
                    Type::Guid,
                    Type::DateTime,
                    Type::Date,
                    Type::Time,
                    Type::Duration,
                ];
                let source = *self.one_of(&SOURCES);
                return self.cast_of(source, Type::String, depth);
            }
        };
        let text = self.operand(Type::String, depth);
        call(function, vec![text], Type::String)
    }

    fn integer(&mut self, depth: usize) -> Expr {
        let (function, source) = match self.choose(9) {
            0 => (Function::Length, Type::String),
            1 => (Function::Year, *self.one_of(&[Type::DateTime, Type::Date])),
            2 => (Function::Month, *self.one_of(&[Type::DateTime, Type::Date])),
            3 => (*self.one_of(&[Function::Day, Function::TotalOffsetMinutes]), Type::DateTime),
            4 => (
                *self.one_of(&[Function::Hour, Function::Minute, Function::Second]),
                *self.one_of(&[Type::DateTime, Type::Time]),
            ),
            5 => (*self.one_of(&[Function::Round, Function::Floor, Function::Ceiling]), Type::Integer),
            6 => {
                let texts = vec![self.operand(Type::String, depth), self.operand(Type::String, depth)];
                return call(Function::IndexOf, texts, Type::Integer);
            }
            7 if !self.is_in_lambda && !self.collections.is_empty() => {
                let choice = self.choose(self.collections.len());
                let (path, _) = self.collections.get(choice).cloned().expect("it was chosen among them");
                return Expr { node: Node::Count(path), ty: Some(Type::Integer) };
            }
            _ => return self.arithmetic(Type::Integer, Type::Integer, depth),
        };
        let argument = self.operand(source, depth);
        call(function, vec![argument], Type::Integer)
    }

    fn decimal(&mut self, depth: usize) -> Expr {
        let (function, source) = match self.choose(6) {
            0 => (Function::TotalSeconds, Type::Duration),
            1 => (Function::FractionalSeconds, *self.one_of(&[Type::DateTime, Type::Time])),
            2 => (*self.one_of(&[Function::Round, Function::Floor, Function::Ceiling]), Type::Decimal),
            3 => return self.cast_of(Type::Integer, Type::Decimal, depth),
            4 => return self.arithmetic(Type::Decimal, Type::Integer, depth),
            _ => return self.arithmetic(Type::Decimal, Type::Decimal, depth),
        };
        let argument = self.operand(source, depth);
        call(function, vec![argument], Type::Decimal)
    }

    fn arithmetic(&mut self, left: Type, right: Type, depth: usize) -> Expr {
        const OPERATORS: [Operator; 5] =
            [Operator::Add, Operator::Subtract, Operator::Multiply, Operator::Divide, Operator::Modulo];
        if self.choose(5) == 4 {
            return negated(self.operand(left, depth));
        }
        let operator = *self.one_of(&OPERATORS);
        let operator =
            if left == Type::Decimal && self.choose(6) == 5 { Operator::DivideBy } else { operator };
        let (one, other) = (self.operand(left, depth), self.operand(right, depth));
        Expr { node: Node::Arithmetic(operator, Box::new(one), Box::new(other)), ty: Some(left) }
    }

    /// Makes a moment or a date some time away from another.
    fn moved(&mut self, ty: Type, depth: usize) -> Expr {
        let operator = *self.one_of(&[Operator::Add, Operator::Subtract]);
        let (from, by) = (self.operand(ty, depth), self.operand(Type::Duration, depth));
        Expr { node: Node::Arithmetic(operator, Box::new(from), Box::new(by)), ty: Some(ty) }
    }

    fn duration(&mut self, depth: usize) -> Expr {
        let (operator, ty) = match self.choose(5) {
            0 => return negated(self.operand(Type::Duration, depth)),
            1 => (Operator::Add, Type::Duration),
            2 => (Operator::Subtract, Type::Duration),
            3 => (Operator::Subtract, Type::Date),
            _ => (Operator::Subtract, Type::DateTime),
        };
        let (one, other) = (self.operand(ty, depth), self.operand(ty, depth));
        Expr { node: Node::Arithmetic(operator, Box::new(one), Box::new(other)), ty: Some(Type::Duration) }
    }

    fn cast_of(&mut self, source: Type, target: Type, depth: usize) -> Expr {
        let inner = self.operand(source, depth);
        Expr { node: Node::Cast(Box::new(inner), target), ty: Some(target) }
    }
}

fn boolean(node: Node) -> Expr {
    Expr { node, ty: Some(Type::Boolean) }
}

fn call(function: Function, arguments: Vec<Expr>, ty: Type) -> Expr {
    Expr { node: Node::Call(function, arguments), ty: Some(ty) }
}

fn negated(inner: Expr) -> Expr {
    let ty = inner.ty;
    Expr { node: Node::Negate(Box::new(inner)), ty }
}

/// Returns values of a type that are worth trying, the simplest first.
fn literals(ty: Type) -> Vec<Value> {
    match ty {
        Type::Boolean => [true, false].map(Value::Boolean).into(),
        Type::String => {
            ["", "a", "A", "O'Brien", "100%_", "ß😀İ", "\u{a0}x\t ", "2024-02-29", "-12.50", "\\"]
                .map(|it| Value::String(it.to_owned()))
                .into()
        }
        Type::Integer => [0, 1, -1, 2, 7, 1000, i64::MAX, i64::MIN].map(Value::Integer).into(),
        Type::Decimal => [(0, 0), (5, 1), (-25, 1), (1000, 0), (1, 10), (9_999_999_999, 2), (i64::MAX, 0)]
            .map(|(mantissa, scale)| Value::Decimal(Decimal::new(mantissa, scale)))
            .into(),
        Type::Guid => [0, 1, 0x65ed_c0b5_3485_41b7_a17e_dfa9_ef47_06e2, u128::MAX]
            .map(|it| Value::Guid(Uuid::from_u128(it)))
            .into(),
        Type::DateTime => [0, 17_145_588_301_234_567, -1, moment::MOMENT_MIN, moment::MOMENT_MAX]
            .map(Value::DateTime)
            .into(),
        Type::Date => [0, 19_782, -1, moment::DATE_MIN, moment::DATE_MAX].map(Value::Date).into(),
        Type::Time => [0, 342_155_000_000, TICKS_PER_DAY - 1].map(Value::Time).into(),
        Type::Duration => [0, TICKS_PER_SECOND, TICKS_PER_DAY, -15_000_000, 1, 400 * TICKS_PER_DAY, i64::MIN]
            .map(Value::Duration)
            .into(),
        Type::Enum(ty) => (0..ty.members.len()).map(|it| Value::Enum(ty, it)).collect(),
    }
}
