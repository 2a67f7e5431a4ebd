//! `$metadata` as CSDL XML (OData 4.0, part 3).

use odata::schema::{EnumType, Property, StructuredType, Type};
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};

use super::model::{self, Value};
use crate::domain::query::{SCHEMA, is_collection, properties::ENUMS};

/// An element on its way to the text.
struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Element>,
    text: &'static str,
}

impl Element {
    fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new(), text: "" }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            start.push_attribute((*name, value.as_str()));
        }
        if self.children.is_empty() && self.text.is_empty() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        if !self.text.is_empty() {
            writer.write_event(Event::Text(BytesText::new(self.text)))?;
        }
        self.children.iter().try_for_each(|it| it.write(writer))?;
        writer.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

/// Returns the whole document.
pub(super) fn text() -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let declared = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)));
    declared.and_then(|()| document().write(&mut writer)).expect("writing to memory cannot fail");
    String::from_utf8(writer.into_inner()).expect("names are UTF-8")
}

fn document() -> Element {
    let references = model::VOCABULARIES.iter().map(|namespace| {
        let include = Element::new("edmx:Include").with("Namespace", *namespace);
        let address = format!("{}.xml", model::vocabulary_address(namespace));
        Element::new("edmx:Reference").with("Uri", address).holding([include])
    });
    Element::new("edmx:Edmx")
        .with("Version", "4.0")
        .with("xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx")
        .holding(references)
        .holding([Element::new("edmx:DataServices").holding([schema()])])
}

fn schema() -> Element {
    Element::new("Schema")
        .with("Namespace", SCHEMA.namespace)
        .with("xmlns", "http://docs.oasis-open.org/odata/ns/edm")
        .holding([entity()])
        .holding(model::complex_types().into_iter().map(complex))
        .holding(ENUMS.iter().map(|it| enumeration(it)))
        .holding([container()])
}

fn entity() -> Element {
    let ty = SCHEMA.entity;
    let key = Element::new("Key").holding([Element::new("PropertyRef").with("Name", model::KEY)]);
    let navigations = SCHEMA.navigations.iter().map(|it| {
        let target = format!("Collection({}.{})", SCHEMA.namespace, ty.name);
        Element::new("NavigationProperty").with("Name", it.name).with("Type", target)
    });
    Element::new("EntityType")
        .with("Name", ty.name)
        .holding([key])
        .holding(ty.properties.iter().map(|it| property(ty, it)))
        .holding(navigations)
}

fn complex(ty: &'static StructuredType) -> Element {
    let properties = ty.properties.iter().map(|it| property(ty, it));
    Element::new("ComplexType").with("Name", ty.name).holding(properties)
}

fn property(ty: &StructuredType, property: &Property) -> Element {
    let name = model::qualified(property.kind);
    let name = if is_collection(property) { format!("Collection({name})") } else { name };
    let mut element = Element::new("Property").with("Name", property.name).with("Type", name);
    match model::scalar(property.kind) {
        Some(Type::Decimal) => element = element.with("Scale", "variable"),
        Some(Type::DateTime) => element = element.with("Precision", model::TIME_PRECISION.to_string()),
        _ => {}
    }
    if !property.is_nullable {
        element = element.with("Nullable", "false");
    }
    let computed = model::is_computed(ty, property).then(|| annotation(model::COMPUTED, &Value::Bool(true)));
    element.holding(computed)
}

fn enumeration(ty: &EnumType) -> Element {
    let members = ty
        .members
        .iter()
        .enumerate()
        .map(|(value, name)| Element::new("Member").with("Name", *name).with("Value", value.to_string()));
    Element::new("EnumType").with("Name", ty.name).holding(members)
}

fn container() -> Element {
    let entity = format!("{}.{}", SCHEMA.namespace, SCHEMA.entity.name);
    let bindings = SCHEMA.navigations.iter().map(|it| {
        Element::new("NavigationPropertyBinding").with("Path", it.name).with("Target", model::ENTITY_SET)
    });
    let annotations = model::set_annotations();
    let set = Element::new("EntitySet")
        .with("Name", model::ENTITY_SET)
        .with("EntityType", entity)
        .holding(bindings)
        .holding(annotations.iter().map(|(term, value)| annotation(term, value)));
    Element::new("EntityContainer")
        .with("Name", model::CONTAINER)
        .holding([set])
        .holding(model::container_annotations().iter().map(|(term, value)| annotation(term, value)))
}

fn annotation(term: &'static str, value: &Value) -> Element {
    valued(Element::new("Annotation").with("Term", term), value)
}

/// Gives an annotation, or a member of a record, its value.
fn valued(element: Element, value: &Value) -> Element {
    match value {
        Value::Bool(it) => element.with("Bool", it.to_string()),
        Value::Paths(paths) => {
            let paths = paths.iter().map(|path| Element { text: path, ..Element::new("PropertyPath") });
            element.holding([Element::new("Collection").holding(paths)])
        }
        Value::Record(members) => {
            let members = members
                .iter()
                .map(|(name, value)| valued(Element::new("PropertyValue").with("Property", *name), value));
            element.holding([Element::new("Record").holding(members)])
        }
    }
}
