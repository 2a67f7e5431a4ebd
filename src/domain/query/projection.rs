//! A part of a rendered document: what `$select` names, and what `$expand` adds.

use std::{borrow::Cow, fmt};

use odata::tree::Selection;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of a JSON object in their order, with their values as they stand.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// Returns a document with the members that are selected. Control information (`@odata.…`) stays.
///
/// # Errors
/// When `document` is no JSON object.
pub fn project(document: &str, selection: &Selection) -> serde_json::Result<String> {
    let mut text = String::with_capacity(document.len());
    project_to(&mut text, document, selection)?;
    Ok(text)
}

fn project_to(text: &mut String, document: &str, selection: &Selection) -> serde_json::Result<()> {
    let Members(members) = serde_json::from_str(document)?;
    text.push('{');
    let mut is_first = true;
    for (name, value) in members {
        let selected = selection.members.iter().find(|it| it.name == name);
        if selected.is_none() && !name.starts_with('@') {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            text.push(',');
        }
        // Names of members need no escape.
        text.push('"');
        text.push_str(&name);
        text.push_str("\":");
        match selected.and_then(|it| it.below.as_ref()) {
            None => text.push_str(value.get()),
            Some(below) => project_value(text, value.get(), below)?,
        }
    }
    text.push('}');
    Ok(())
}

fn project_value(text: &mut String, value: &str, selection: &Selection) -> serde_json::Result<()> {
    match value.as_bytes().first() {
        Some(b'{') => project_to(text, value, selection),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(value)?;
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                project_to(text, item.get(), selection)?;
            }
            text.push(']');
            Ok(())
        }
        _ => {
            text.push_str(value);
            Ok(())
        }
    }
}

/// Adds a member at the end of a document.
pub fn append_member(document: &mut String, name: &str, value: &str) {
    // The last byte is the brace that closes the document.
    let closing = document.pop();
    if document.len() > 1 {
        document.push(',');
    }
    document.push('"');
    document.push_str(name);
    document.push_str("\":");
    document.push_str(value);
    document.extend(closing);
}

#[cfg(test)]
mod tests {
    use odata::tree::{Selected, Selection};

    use super::{append_member, project};

    #[test]
    fn what_is_selected_stays_as_it_stands() {
        let document = r#"{"@odata.context":"c","id":"1","details":{"notes":"a,\"b","dealValue":1234.50},
            "team":[{"email":"a","title":null},{"email":"b"}],"tags":null}"#;
        let below = |name| Some(Selection { members: vec![Selected { name, below: None }] });
        let selection = Selection {
            members: vec![
                Selected { name: "details", below: below("dealValue") },
                Selected { name: "team", below: below("email") },
                Selected { name: "tags", below: below("email") },
            ],
        };

        let mut seen = project(document, &selection).unwrap();
        append_member(&mut seen, "more", "[1]");

        assert_eq!(
            seen,
            r#"{"@odata.context":"c","details":{"dealValue":1234.50},"team":[{"email":"a"},{"email":"b"}],"tags":null,"more":[1]}"#
        );
    }

    #[test]
    fn an_object_that_is_left_empty_takes_a_member() {
        let mut seen = project("{\"id\":1}", &Selection::default()).unwrap();
        append_member(&mut seen, "more", "1");

        assert_eq!(seen, "{\"more\":1}");
    }
}
