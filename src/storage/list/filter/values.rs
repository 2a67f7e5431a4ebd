//! Expressions with a value: how each type is held, literals, operators and functions.
//!
//! | type                    | SQLite                                   | PostgreSQL |
//! |-------------------------|------------------------------------------|------------|
//! | boolean                 | 0, 1                                     | boolean    |
//! | text, word of an enum   | text                                     | text       |
//! | whole, moment, duration | integer                                  | bigint     |
//! | number                  | text in digits, without zeros at its end | numeric    |
//! | GUID                    | blob                                     | uuid       |
//!
//! Functions named `liaison_…` exist in both databases: see `functions` and migration 0006.

use std::fmt::Write as _;

use odata::{
    schema::{EnumType, Type},
    tree::{Expr, Function, Node, Operator, Value as Literal},
};

use super::{Translator, may_be_null};
use crate::storage::{dialect::Dialect, value::Value};

/// Ticks from the first moment of year 1 to 1970.
const TICKS_BEFORE_1970: &str = "621355968000000000";
const DAYS_BEFORE_1970: &str = "719162";
const TICKS_PER_DAY: &str = "864000000000";

/// How a value is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Boolean,
    Text,
    /// A whole number of 64 bits; also days and ticks.
    Int,
    /// A decimal number, and whatever is reckoned.
    Number,
    Guid,
    /// A word of an enum.
    Word(&'static EnumType),
}

/// An expression of SQL that needs no more parentheses.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) sql: String,
    pub(super) form: Form,
    pub(super) is_nullable: bool,
}

impl Form {
    pub(super) fn of_type(ty: Type) -> Self {
        match ty {
            Type::Boolean => Self::Boolean,
            Type::String => Self::Text,
            Type::Integer | Type::DateTime | Type::Date | Type::Time | Type::Duration => Self::Int,
            Type::Decimal => Self::Number,
            Type::Guid => Self::Guid,
            Type::Enum(it) => Self::Word(it),
        }
    }

    /// Returns the form that [`Translator::value`] gives an expression.
    pub(super) fn of(expr: &Expr) -> Self {
        let Some(ty) = expr.ty else { return Self::Text };
        match (&expr.node, ty) {
            (Node::Arithmetic(..) | Node::Negate(_), Type::Integer) => Self::Number,
            (Node::Call(Function::Round | Function::Floor | Function::Ceiling, arguments), _) => {
                arguments.first().map_or(Self::Number, Self::of)
            }
            (Node::Cast(inner, _), _) => Self::of_cast(inner, ty),
            _ => Self::of_type(ty),
        }
    }

    /// Returns the form that a cast has: a whole number that was a decimal one may not fit 64 bits.
    pub(super) fn of_cast(inner: &Expr, ty: Type) -> Self {
        match (inner.ty, ty) {
            (Some(Type::Decimal), Type::Integer) => Self::Number,
            (Some(source), _) if source == ty => Self::of(inner),
            _ => Self::of_type(ty),
        }
    }

    /// Returns the form in which two values compare.
    pub(super) fn shared_with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int, Self::Number) => Self::Number,
            _ => self,
        }
    }

    /// Returns the expression of a parameter: PostgreSQL is always told its type.
    pub(super) fn parameter(self, dialect: Dialect, number: usize) -> String {
        match (dialect, self) {
            (Dialect::Sqlite, _) => format!("${number}"),
            (Dialect::Postgres, Self::Boolean) => format!("(CAST(${number} AS bigint) = 1)"),
            (Dialect::Postgres, Self::Text | Self::Word(_)) => format!("CAST(${number} AS text)"),
            (Dialect::Postgres, Self::Int) => format!("CAST(${number} AS bigint)"),
            (Dialect::Postgres, Self::Number) => format!("CAST(CAST(${number} AS text) AS numeric)"),
            (Dialect::Postgres, Self::Guid) => format!("CAST(${number} AS uuid)"),
        }
    }

    fn null(self, dialect: Dialect) -> String {
        let ty = match (dialect, self) {
            (Dialect::Sqlite, _) => return "NULL".to_owned(),
            (Dialect::Postgres, Self::Boolean) => "boolean",
            (Dialect::Postgres, Self::Text | Self::Word(_)) => "text",
            (Dialect::Postgres, Self::Int) => "bigint",
            (Dialect::Postgres, Self::Number) => "numeric",
            (Dialect::Postgres, Self::Guid) => "uuid",
        };
        format!("CAST(NULL AS {ty})")
    }
}

impl Operand {
    pub(super) fn new(sql: String, form: Form, is_nullable: bool) -> Self {
        Self { sql, form, is_nullable }
    }
}

impl Translator {
    /// Binds a value and returns the expression of its parameter.
    pub(super) fn bind(&mut self, form: Form, value: Value) -> String {
        self.params.push(value);
        form.parameter(self.dialect, self.parameters_before.saturating_add(self.params.len()))
    }

    /// Returns an expression in a form: the one of its type, or a whole number as [`Form::Number`].
    pub(super) fn operand(&mut self, expr: &Expr, form: Form) -> Operand {
        match &expr.node {
            Node::Literal(literal) => self.literal(literal, form),
            _ => {
                let value = self.value(expr);
                self.in_form(value, form)
            }
        }
    }

    /// Returns a literal beside the value that it is compared with, both in one form.
    pub(super) fn with_literal(&mut self, value: Operand, literal: &Expr) -> (Operand, Operand) {
        let form = value.form.shared_with(Form::of(literal));
        let literal = self.operand(literal, form);
        (self.in_form(value, form), literal)
    }

    /// Returns two values in one form.
    pub(super) fn in_one_form(&self, one: Operand, other: Operand) -> (Operand, Operand) {
        let form = one.form.shared_with(other.form);
        (self.in_form(one, form), self.in_form(other, form))
    }

    pub(super) fn in_form(&self, value: Operand, form: Form) -> Operand {
        match (value.form, form, self.dialect) {
            (Form::Int, Form::Number, Dialect::Sqlite) => {
                Operand { sql: format!("liaison_number({})", value.sql), form, ..value }
            }
            (Form::Int, Form::Number, Dialect::Postgres) => {
                Operand { sql: format!("CAST({} AS numeric)", value.sql), form, ..value }
            }
            _ => value,
        }
    }

    /// Returns what compares and sorts as the value does.
    pub(super) fn in_order(&self, value: Operand) -> Operand {
        let sql = match (value.form, self.dialect) {
            (Form::Number, Dialect::Sqlite) => format!("liaison_order({})", value.sql),
            (Form::Text, Dialect::Postgres) => format!("({} COLLATE \"C\")", value.sql),
            (Form::Word(it), _) => place(&value.sql, it),
            _ => return value,
        };
        Operand { sql, ..value }
    }

    fn literal(&mut self, literal: &Literal, form: Form) -> Operand {
        let value = match literal {
            Literal::Null => return Operand::new(form.null(self.dialect), form, true),
            Literal::Boolean(value) => {
                let sql = if *value { "TRUE" } else { "FALSE" };
                return Operand::new(sql.to_owned(), Form::Boolean, false);
            }
            Literal::String(value) => value.as_str().into(),
            Literal::Integer(value) if form == Form::Number => value.to_string().into(),
            Literal::Decimal(value) => value.normalize().to_string().into(),
            Literal::Integer(value)
            | Literal::DateTime(value)
            | Literal::Time(value)
            | Literal::Duration(value) => (*value).into(),
            Literal::Guid(value) => (*value).into(),
            Literal::Date(value) => i64::from(*value).into(),
            Literal::Enum(ty, place) => ty.members.get(*place).copied().unwrap_or_default().into(),
        };
        Operand::new(self.bind(form, value), form, false)
    }

    /// Returns the value of an expression.
    pub(super) fn value(&mut self, expr: &Expr) -> Operand {
        let form = Form::of(expr);
        match &expr.node {
            Node::Literal(literal) => self.literal(literal, form),
            Node::Path(path) => self.path(path, expr.ty),
            Node::Count(path) => self.count(path),
            Node::Compare(..)
            | Node::In(..)
            | Node::And(_)
            | Node::Or(_)
            | Node::Not(_)
            | Node::Lambda { .. } => {
                let sql = format!("({})", self.predicate(expr, super::Logic::ThreeValued));
                Operand::new(sql, Form::Boolean, may_be_null(expr))
            }
            Node::Arithmetic(operator, left, right) => {
                let sql = self.arithmetic(*operator, left, right);
                Operand::new(sql, form, true)
            }
            Node::Negate(inner) => {
                let sql = match inner.ty {
                    Some(Type::Duration) => {
                        format!("liaison_span_subtract({}, {})", self.zero(), self.value(inner).sql)
                    }
                    _ => {
                        let inner = self.operand(inner, Form::Number).sql;
                        format!("liaison_subtract({}, {inner})", self.number("0"))
                    }
                };
                Operand::new(sql, form, true)
            }
            Node::Call(function, arguments) => {
                let sql = self.call(*function, arguments);
                Operand::new(sql, form, true)
            }
            Node::Cast(inner, ty) => self.cast(inner, *ty),
        }
    }

    /// Returns a constant of the program as a number.
    fn number(&self, digits: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("'{digits}'"),
            Dialect::Postgres => format!("CAST({digits} AS numeric)"),
        }
    }

    fn zero(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "0",
            Dialect::Postgres => "CAST(0 AS bigint)",
        }
    }

    fn arithmetic(&mut self, operator: Operator, left: &Expr, right: &Expr) -> String {
        if let (Some(left_type), Some(right_type)) = (left.ty, right.ty)
            && let Some(function) = moment_function(operator, left_type, right_type)
        {
            let (left, right) = (self.value(left).sql, self.value(right).sql);
            if (left_type, right_type) == (Type::Duration, Type::Date) {
                return format!("{function}({right}, {left})");
            }
            return format!("{function}({left}, {right})");
        }
        let is_whole = left.ty == Some(Type::Integer) && right.ty == Some(Type::Integer);
        let (left, right) = (self.operand(left, Form::Number).sql, self.operand(right, Form::Number).sql);
        let function = match operator {
            Operator::Add => "liaison_add",
            Operator::Subtract => "liaison_subtract",
            Operator::Multiply => "liaison_multiply",
            Operator::Divide if is_whole => "liaison_divide_whole",
            Operator::Divide | Operator::DivideBy => "liaison_divide",
            Operator::Modulo => "liaison_modulo",
        };
        format!("{function}({left}, {right})")
    }

    fn call(&mut self, function: Function, arguments: &[Expr]) -> String {
        let sqls: Vec<String> = arguments.iter().map(|it| self.value(it).sql).collect();
        let first = sqls.first().map_or("NULL", String::as_str);
        let second = sqls.get(1).map_or("NULL", String::as_str);
        let ty = arguments.first().and_then(|it| it.ty);
        let position = match self.dialect {
            Dialect::Sqlite => format!("instr({first}, {second})"),
            Dialect::Postgres => format!("strpos({first}, {second})"),
        };
        let time = |sql: &str| match ty {
            Some(Type::DateTime) => time_of(sql),
            _ => sql.to_owned(),
        };
        let days = |sql: &str| match ty {
            Some(Type::DateTime) => days_of(sql),
            _ => sql.to_owned(),
        };
        match function {
            Function::Contains => format!("({position} > 0)"),
            Function::StartsWith => format!("liaison_starts_with({first}, {second})"),
            Function::EndsWith => format!("liaison_ends_with({first}, {second})"),
            Function::IndexOf => format!("CAST({position} - 1 AS bigint)"),
            Function::Length => format!("CAST(length({first}) AS bigint)"),
            Function::Substring => format!("liaison_substring({})", sqls.join(", ")),
            Function::ToLower => format!("liaison_lower({first})"),
            Function::ToUpper => format!("liaison_upper({first})"),
            Function::Trim => format!("liaison_trim({first})"),
            Function::Concat => format!("({first} || {second})"),
            Function::Year => format!("liaison_year({})", days(first)),
            Function::Month => format!("liaison_month({})", days(first)),
            Function::Day => format!("liaison_day({})", days(first)),
            Function::Hour => format!("({} / 36000000000)", time(first)),
            Function::Minute => format!("({} / 600000000 % 60)", time(first)),
            Function::Second => format!("({} / 10000000 % 60)", time(first)),
            Function::FractionalSeconds => self.seconds(format!("({} % 10000000)", time(first))),
            Function::Date => days(first),
            Function::Time => time(first),
            Function::TotalOffsetMinutes => format!("({first} * 0)"),
            Function::TotalSeconds => self.seconds(first.to_owned()),
            Function::Round | Function::Floor | Function::Ceiling => {
                self.rounded(function, first, arguments.first())
            }
        }
    }

    fn rounded(&self, function: Function, sql: &str, argument: Option<&Expr>) -> String {
        match (function, argument.map(Form::of)) {
            (_, Some(Form::Int)) => sql.to_owned(),
            (Function::Floor, _) => format!("liaison_floor({sql})"),
            (Function::Ceiling, _) => format!("liaison_ceiling({sql})"),
            _ => format!("liaison_round({sql})"),
        }
    }

    /// Returns ticks as a number of seconds.
    fn seconds(&self, ticks: String) -> String {
        let ticks = self.in_form(Operand::new(ticks, Form::Int, true), Form::Number).sql;
        format!("liaison_multiply({ticks}, {})", self.number("0.0000001"))
    }
}

/// Returns the function that adds to or subtracts from a moment, date or duration. `None` for numbers.
fn moment_function(operator: Operator, left: Type, right: Type) -> Option<&'static str> {
    Some(match (operator, left, right) {
        (Operator::Add, Type::DateTime, Type::Duration) | (Operator::Add, Type::Duration, Type::DateTime) => {
            "liaison_moment_add"
        }
        (Operator::Subtract, Type::DateTime, Type::Duration) => "liaison_moment_subtract",
        (Operator::Add, Type::Date, Type::Duration) | (Operator::Add, Type::Duration, Type::Date) => {
            "liaison_date_add"
        }
        (Operator::Subtract, Type::Date, Type::Duration) => "liaison_date_subtract",
        (Operator::Add, Type::Duration, Type::Duration) => "liaison_span_add",
        (Operator::Subtract, Type::DateTime, Type::DateTime)
        | (Operator::Subtract, Type::Duration, Type::Duration) => "liaison_span_subtract",
        (Operator::Subtract, Type::Date, Type::Date) => "liaison_days_between",
        _ => return None,
    })
}

pub(super) fn days_of(ticks: &str) -> String {
    format!("(({ticks} + {TICKS_BEFORE_1970}) / {TICKS_PER_DAY} - {DAYS_BEFORE_1970})")
}

pub(super) fn time_of(ticks: &str) -> String {
    format!("(({ticks} + {TICKS_BEFORE_1970}) % {TICKS_PER_DAY})")
}

/// Returns the place of a word among those of its enum.
fn place(word: &str, ty: &'static EnumType) -> String {
    let mut sql = format!("(CASE {word}");
    for (place, member) in ty.members.iter().enumerate() {
        write!(sql, " WHEN '{member}' THEN {place}").expect("writing to a string cannot fail");
    }
    sql.push_str(" END)");
    sql
}
