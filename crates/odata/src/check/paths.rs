//! Names into properties.

use crate::{
    ast::Name,
    check::Checker,
    error::Problem,
    schema::{Kind, MemberAlias, Property, StructuredType, Type},
    tree::{Expr, Node, Path, Root},
};

/// What a path leads to.
enum Place {
    /// The entity, or an item or value with properties.
    Structured(&'static StructuredType),
    /// Anything else.
    Other(Kind),
}

impl From<Kind> for Place {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Complex(ty) => Self::Structured(ty),
            Kind::Scalar(_) | Kind::Scalars(_) | Kind::Complexes(_) => Self::Other(kind),
        }
    }
}

impl Checker {
    /// Checks a path to a single value.
    pub(super) fn scalar(&mut self, names: &[Name]) -> Result<Expr, Problem> {
        if let [name] = names
            && let Some(alias) = self.alias(name)
        {
            return self.member(alias, name);
        }
        let (path, place) = self.resolve(names)?;
        let (at, written) = (place_of(names), written(names));
        match place {
            Place::Other(Kind::Scalar(ty)) => Ok(Expr { node: Node::Path(path), ty: Some(ty) }),
            Place::Other(Kind::Scalars(_)) => {
                let complaint = format!("{written} is a collection; ask for one of its items");
                Err(Problem::new(at, complaint).expecting([
                    format!("{written}/any(i:i eq …)"),
                    format!("… in {written}"),
                    format!("{written}/$count"),
                ]))
            }
            Place::Other(Kind::Complexes(ty)) => Err(of_items(at, &written, example(ty))),
            Place::Structured(ty) | Place::Other(Kind::Complex(ty)) => {
                let complaint = format!("{written} is not a single value; name one of its properties");
                let names = ty.properties.iter().take(4).map(|it| format!("{written}/{}", it.name));
                Err(Problem::new(at, complaint).expecting(names))
            }
        }
    }

    /// Checks a path to a list; returns it with what it is a list of.
    pub(super) fn collection(&mut self, names: &[Name]) -> Result<(Path, Kind), Problem> {
        let (path, place) = self.resolve(names)?;
        match place {
            Place::Other(kind @ (Kind::Scalars(_) | Kind::Complexes(_))) => Ok((path, kind)),
            Place::Structured(_) | Place::Other(_) => {
                let complaint = format!("{} is not a collection", written(names));
                Err(Problem::new(place_of(names), complaint))
            }
        }
    }

    /// Returns a path from the entity that the schema itself names.
    pub(super) fn path_of(&self, path: &str, at: usize) -> Result<Path, Problem> {
        let unknown = || Problem::new(at, format!("{path} is not known"));
        let mut ty = Some(self.schema.entity);
        let mut segments = Vec::new();
        for name in path.split('/') {
            let property = ty.and_then(|it| it.property(name)).ok_or_else(unknown)?;
            ty = structured(property.kind);
            segments.push(property);
        }
        Ok(Path { root: Root::Entity, segments })
    }

    /// Says whether a path of this one name leads anywhere.
    pub(super) fn is_known(&self, name: &Name) -> bool {
        name.text == "$it"
            || self.item.as_ref().is_some_and(|(variable, _)| *variable == name.text)
            || self.schema.entity.property(&name.text).is_some()
            || self.alias(name).is_some()
    }

    /// Explains that there is no property of this name.
    pub(super) fn unknown(&self, name: &Name) -> Problem {
        let mut names: Vec<&str> = filterable(self.schema.entity);
        names.extend(self.schema.aliases.iter().map(|it| it.name));
        names.extend(self.item.iter().map(|(variable, _)| variable.as_str()));
        Problem::new(name.at, format!("{} is not a known property", name.text)).proposing(&name.text, &names)
    }

    /// Finds the member of a collection's items that a name stands for. Properties and variables come first.
    fn alias(&self, name: &Name) -> Option<&'static MemberAlias> {
        let is_variable = self.item.as_ref().is_some_and(|(variable, _)| *variable == name.text);
        if is_variable || self.schema.entity.property(&name.text).is_some() {
            return None;
        }
        self.schema.aliases.iter().find(|it| it.name.eq_ignore_ascii_case(&name.text))
    }

    fn member(&mut self, alias: &'static MemberAlias, name: &Name) -> Result<Expr, Problem> {
        let complaint = format!("{} stands for {}/{}", alias.name, alias.collection, alias.member);
        if self.item.is_some() {
            return Err(Problem::new(name.at, format!("{complaint}; any and all do not nest")));
        }
        if self.member.is_some_and(|it| it.collection != alias.collection) {
            return Err(Problem::new(
                name.at,
                format!("{complaint}; a comparison takes one collection only"),
            ));
        }
        let collection = self.path_of(alias.collection, name.at)?;
        let items = collection.kind().and_then(structured);
        let property = items.and_then(|it| it.property(alias.member));
        let Some((property, Kind::Scalar(ty))) = property.map(|it| (it, it.kind)) else {
            return Err(Problem::new(name.at, format!("{complaint}, which is not known")));
        };
        self.member = Some(alias);
        let path = Path { root: Root::Item, segments: vec![property] };
        Ok(Expr { node: Node::Path(path), ty: Some(ty) })
    }

    fn resolve(&self, names: &[Name]) -> Result<(Path, Place), Problem> {
        let mut path = Path { root: Root::Entity, segments: Vec::new() };
        let mut place = Place::Structured(self.schema.entity);
        for (index, name) in names.iter().enumerate() {
            if index == 0 && name.text == "$it" {
                continue;
            }
            if index == 0
                && let Some((_, kind)) = self.item.as_ref().filter(|(variable, _)| *variable == name.text)
            {
                path.root = Root::Item;
                place = match *kind {
                    Kind::Scalar(ty) | Kind::Scalars(ty) => Place::Other(Kind::Scalar(ty)),
                    Kind::Complex(ty) | Kind::Complexes(ty) => Place::Structured(ty),
                };
                continue;
            }
            let property = self.step(&place, name, names.get(..index).unwrap_or_default())?;
            path.segments.push(property);
            place = property.kind.into();
        }
        Ok((path, place))
    }

    /// Goes from a place to one of its properties.
    fn step(&self, place: &Place, name: &Name, before: &[Name]) -> Result<&'static Property, Problem> {
        let ty = match place {
            Place::Structured(ty) | Place::Other(Kind::Complex(ty)) => *ty,
            Place::Other(Kind::Complexes(_)) => return Err(of_items(name.at, &written(before), &name.text)),
            Place::Other(Kind::Scalar(_) | Kind::Scalars(_)) => {
                let complaint = format!("{} has no properties", written(before));
                return Err(Problem::new(name.at, complaint));
            }
        };
        let Some(property) = ty.property(&name.text) else {
            if before.is_empty() {
                return Err(self.unknown(name));
            }
            let complaint = format!("{} is not a property of {}", name.text, written(before));
            return Err(Problem::new(name.at, complaint).proposing(&name.text, &filterable(ty)));
        };
        if !property.is_filterable {
            let complaint = format!("{} can be selected, but not filtered or ordered by", property.name);
            return Err(Problem::new(name.at, complaint));
        }
        Ok(property)
    }
}

/// Returns the type of a complex value, or of the items of a list of them.
pub(crate) fn structured(kind: Kind) -> Option<&'static StructuredType> {
    match kind {
        Kind::Complex(ty) | Kind::Complexes(ty) => Some(ty),
        Kind::Scalar(_) | Kind::Scalars(_) => None,
    }
}

fn filterable(ty: &'static StructuredType) -> Vec<&'static str> {
    ty.properties.iter().filter(|it| it.is_filterable).map(|it| it.name).collect()
}

/// Says that a member of a list's items cannot be asked for directly, and how to ask.
fn of_items(at: usize, collection: &str, member: &str) -> Problem {
    let complaint = format!("{collection} is a collection; ask for one of its items");
    let expected = [format!("{collection}/any(i:i/{member} eq …)"), format!("{collection}/$count")];
    Problem::new(at, complaint).expecting(expected)
}

/// Returns a member of items to show how they are asked for: their text, if they have one.
fn example(ty: &'static StructuredType) -> &'static str {
    let is_text = |it: &&Property| matches!(it.kind, Kind::Scalar(Type::String)) && it.is_filterable;
    let property = ty.properties.iter().find(|it| it.name == "email" || it.name == "id").filter(is_text);
    property.or_else(|| ty.properties.iter().find(is_text)).map_or("…", |it| it.name)
}

fn place_of(names: &[Name]) -> usize {
    names.first().map_or(0, |it| it.at)
}

fn written(names: &[Name]) -> String {
    names.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("/")
}
