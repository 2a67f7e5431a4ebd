//! Which functions there are, and what they take.

use crate::{
    ast::{Name, Term, TermKind},
    check::{Checker, literals},
    error::Problem,
    moment,
    schema::Type,
    tree::{Comparison, Expr, Function, Node, Value},
};

const TEXT: &[Type] = &[Type::String];
const INTEGER: &[Type] = &[Type::Integer];
const NUMBER: &[Type] = &[Type::Integer, Type::Decimal];
const MOMENT: &[Type] = &[Type::DateTime];
const DATE: &[Type] = &[Type::DateTime, Type::Date];
const TIME: &[Type] = &[Type::DateTime, Type::Time];
const DURATION: &[Type] = &[Type::Duration];

/// A function with its name, what each argument may be, and what it gives; `None` gives what its argument is.
struct Signature {
    function: Function,
    name: &'static str,
    arguments: &'static [&'static [Type]],
    gives: Option<Type>,
}

const fn signature(
    function: Function,
    name: &'static str,
    arguments: &'static [&'static [Type]],
    gives: Type,
) -> Signature {
    Signature { function, name, arguments, gives: Some(gives) }
}

const fn rounding(function: Function, name: &'static str) -> Signature {
    Signature { function, name, arguments: &[NUMBER], gives: None }
}

const SIGNATURES: [Signature; 25] = [
    signature(Function::Contains, "contains", &[TEXT, TEXT], Type::Boolean),
    signature(Function::StartsWith, "startswith", &[TEXT, TEXT], Type::Boolean),
    signature(Function::EndsWith, "endswith", &[TEXT, TEXT], Type::Boolean),
    signature(Function::IndexOf, "indexof", &[TEXT, TEXT], Type::Integer),
    signature(Function::Length, "length", &[TEXT], Type::Integer),
    signature(Function::Substring, "substring", &[TEXT, INTEGER], Type::String),
    signature(Function::Substring, "substring", &[TEXT, INTEGER, INTEGER], Type::String),
    signature(Function::ToLower, "tolower", &[TEXT], Type::String),
    signature(Function::ToUpper, "toupper", &[TEXT], Type::String),
    signature(Function::Trim, "trim", &[TEXT], Type::String),
    signature(Function::Concat, "concat", &[TEXT, TEXT], Type::String),
    signature(Function::Year, "year", &[DATE], Type::Integer),
    signature(Function::Month, "month", &[DATE], Type::Integer),
    signature(Function::Day, "day", &[DATE], Type::Integer),
    signature(Function::Hour, "hour", &[TIME], Type::Integer),
    signature(Function::Minute, "minute", &[TIME], Type::Integer),
    signature(Function::Second, "second", &[TIME], Type::Integer),
    signature(Function::FractionalSeconds, "fractionalseconds", &[TIME], Type::Decimal),
    signature(Function::Date, "date", &[MOMENT], Type::Date),
    signature(Function::Time, "time", &[MOMENT], Type::Time),
    signature(Function::TotalOffsetMinutes, "totaloffsetminutes", &[MOMENT], Type::Integer),
    signature(Function::TotalSeconds, "totalseconds", &[DURATION], Type::Decimal),
    rounding(Function::Round, "round"),
    rounding(Function::Floor, "floor"),
    rounding(Function::Ceiling, "ceiling"),
];

/// Functions without arguments of their own kind: constants, and questions about types.
const OTHERS: [&str; 5] = ["now", "mindatetime", "maxdatetime", "cast", "isof"];

impl Function {
    /// Returns the name in a query.
    pub fn name(self) -> &'static str {
        let signature = SIGNATURES.iter().find(|it| it.function == self);
        signature.map_or("", |it| it.name)
    }
}

impl Checker {
    /// Checks a call of a function; its name is read in any case.
    pub(super) fn call(&mut self, name: &str, arguments: &[Term], at: usize) -> Result<Expr, Problem> {
        match (name.to_ascii_lowercase().as_str(), arguments) {
            ("now", []) => return Ok(literals::typed(Value::DateTime(self.now))),
            ("mindatetime", []) => return Ok(literals::typed(Value::DateTime(moment::MOMENT_MIN))),
            ("maxdatetime", []) => return Ok(literals::typed(Value::DateTime(moment::MOMENT_MAX))),
            ("now" | "mindatetime" | "maxdatetime", _) => {
                return Err(Problem::new(at, format!("{name} takes no arguments")));
            }
            ("cast", [value, ty]) => return self.cast(value, ty),
            ("isof", [value, ty]) => return self.is_of(value, ty),
            ("cast" | "isof", _) => {
                let complaint = format!("{name} takes a value and a type");
                return Err(Problem::new(at, complaint).expecting([format!("{name}(dealValue,Edm.String)")]));
            }
            _ => {}
        }
        let overloads: Vec<&Signature> =
            SIGNATURES.iter().filter(|it| it.name.eq_ignore_ascii_case(name)).collect();
        if overloads.is_empty() {
            let names: Vec<&str> = SIGNATURES.iter().map(|it| it.name).chain(OTHERS).collect();
            return Err(Problem::new(at, format!("{name} is not a known function")).proposing(name, &names));
        }
        let Some(signature) = overloads.iter().find(|it| it.arguments.len() == arguments.len()) else {
            let counts: Vec<String> = overloads.iter().map(|it| it.arguments.len().to_string()).collect();
            let (wanted, given) = (counts.join(" or "), arguments.len());
            return Err(Problem::new(at, format!("{name} takes {wanted} arguments, and {given} are given")));
        };
        self.call_of(signature, arguments)
    }

    fn call_of(&mut self, signature: &Signature, arguments: &[Term]) -> Result<Expr, Problem> {
        let mut exprs = Vec::new();
        for (term, types) in arguments.iter().zip(signature.arguments) {
            exprs.push(self.argument(signature.name, term, types)?);
        }
        // A function of null is null, so that no translator meets one.
        if exprs.iter().any(Expr::is_null) {
            return Ok(Expr::null());
        }
        let ty = signature.gives.or_else(|| exprs.first().and_then(|it| it.ty));
        Ok(Expr { node: Node::Call(signature.function, exprs), ty })
    }

    fn argument(&mut self, function: &str, term: &Term, types: &[Type]) -> Result<Expr, Problem> {
        let mut expr = self.value(term)?;
        let is_text = matches!(expr.node, Node::Literal(Value::String(_))) && !types.contains(&Type::String);
        let is_guid = matches!(expr.node, Node::Literal(Value::Guid(_)));
        if is_text || is_guid {
            let converted = types.iter().find_map(|it| literals::convert(expr.clone(), *it, term.at).ok());
            expr = converted.unwrap_or(expr);
        }
        match expr.ty {
            Some(ty) if !types.contains(&ty) => {
                let wanted: Vec<&str> = types.iter().map(|it| it.name()).collect();
                let complaint = format!("{function} takes {} here, not {}", wanted.join(" or "), ty.name());
                Err(Problem::new(term.at, complaint))
            }
            _ => Ok(expr),
        }
    }

    fn cast(&mut self, value: &Term, ty: &Term) -> Result<Expr, Problem> {
        let target = type_named(ty)?;
        let expr = self.value(value)?;
        match expr.ty {
            None => Ok(expr),
            Some(source) if source == target => Ok(expr),
            Some(source) if can_cast(source, target) => {
                Ok(Expr { node: Node::Cast(Box::new(expr), target), ty: Some(target) })
            }
            Some(source) => {
                let complaint = format!("{} cannot be cast to {}", source.name(), target.name());
                Err(Problem::new(value.at, complaint))
            }
        }
    }

    /// Decides by the type that a value has: nothing here has a type that only shows later.
    fn is_of(&mut self, value: &Term, ty: &Term) -> Result<Expr, Problem> {
        let expr = self.value(value)?;
        let is_of_type = match (expr.ty, qualified(ty)?) {
            (Some(Type::Enum(it)), name) => unqualified(name).eq_ignore_ascii_case(it.name),
            (Some(it), _) => type_named(ty)? == it,
            (None, _) => false,
        };
        if !is_of_type {
            return Ok(literals::typed(Value::Boolean(false)));
        }
        let node = Node::Compare(Comparison::NotEqual, Box::new(expr), Box::new(Expr::null()));
        Ok(Expr { node, ty: Some(Type::Boolean) })
    }
}

/// Reads an argument that names a type.
fn qualified(term: &Term) -> Result<&str, Problem> {
    if let TermKind::Path(names) = &term.kind
        && let [Name { text, .. }] = names.as_slice()
        && text.contains('.')
    {
        return Ok(text);
    }
    Err(Problem::new(term.at, "a type is wanted here").expecting(["Edm.String", "Edm.Int64", "Edm.Date"]))
}

fn unqualified(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn type_named(term: &Term) -> Result<Type, Problem> {
    const TYPES: [(&str, Type); 15] = [
        ("Edm.Boolean", Type::Boolean),
        ("Edm.String", Type::String),
        ("Edm.Int64", Type::Integer),
        ("Edm.Int32", Type::Integer),
        ("Edm.Int16", Type::Integer),
        ("Edm.Byte", Type::Integer),
        ("Edm.SByte", Type::Integer),
        ("Edm.Decimal", Type::Decimal),
        ("Edm.Double", Type::Decimal),
        ("Edm.Single", Type::Decimal),
        ("Edm.Guid", Type::Guid),
        ("Edm.DateTimeOffset", Type::DateTime),
        ("Edm.Date", Type::Date),
        ("Edm.TimeOfDay", Type::Time),
        ("Edm.Duration", Type::Duration),
    ];
    let name = qualified(term)?;
    let found = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, ty)| *ty).ok_or_else(|| {
        let names: Vec<&str> = TYPES.iter().map(|(known, _)| *known).collect();
        Problem::new(term.at, format!("{name} is not a known type")).proposing(name, &names)
    })
}

fn can_cast(source: Type, target: Type) -> bool {
    use Type::{Boolean, Date, DateTime, Decimal, Duration, Enum, Guid, Integer, String, Time};
    let is_from_text = matches!(target, Boolean | Integer | Decimal | Guid | DateTime | Date);
    match source {
        _ if target == String => true,
        String => is_from_text,
        Integer => target == Decimal,
        Decimal => target == Integer,
        DateTime => matches!(target, Date | Time),
        Boolean | Guid | Date | Time | Duration | Enum(_) => false,
    }
}
