//! Members of the document in words: what they are called, and what their values say.

use std::borrow::Cow;

use crate::{
    domain::{json::Node, time::Timestamp},
    web::words::Words,
};

/// Longest value that is told; what is longer is cut.
const CHARS_MAX: usize = 600;

/// Returns what a member is called; its pointer where it has no name.
pub(super) fn member_name(pointer: &str, words: Words) -> String {
    let name: String = pointer.trim_start_matches('/').replace('/', "-");
    words.say_known(&format!("member-{name}")).unwrap_or_else(|| pointer.to_owned())
}

/// Says what a value is, in a line.
pub(super) fn value_text(pointer: &str, value: &Node, words: Words) -> String {
    let text = match value {
        Node::Null => words.say("nothing"),
        Node::Text(text) if text.is_empty() => words.say("nothing"),
        Node::Bool(true) => words.say("yes"),
        Node::Bool(false) => words.say("no"),
        Node::Number(number) => words.number(number),
        Node::Text(text) => match (pointer.ends_with("DateTime"), Timestamp::parse(text)) {
            (true, Some(at)) if pointer.ends_with("/closingDateTime") => words.day(at),
            (true, Some(at)) => words.moment(at),
            _ => match pointer {
                "/salesStage" => super::life::stage_name(text, words),
                _ => text.clone(),
            },
        },
        Node::Array(items) if items.is_empty() => words.say("nothing"),
        Node::Array(items) => items.iter().map(|it| item_text(it, words)).collect::<Vec<_>>().join("; "),
        Node::Object(_) => item_text(value, words),
    };
    shortened(text)
}

/// Says what an item of a list is, by what people know it by.
fn item_text(item: &Node, words: Words) -> String {
    let member = |name: &str| match item.member(name) {
        Some(Node::Text(text)) if !text.trim().is_empty() => Some(text.as_str()),
        _ => None,
    };
    let number = |name: &str| match item.member(name) {
        Some(Node::Number(number)) => Some(words.number(number)),
        _ => None,
    };
    match item {
        Node::Text(text) | Node::Number(text) => return text.clone(),
        Node::Object(_) => {}
        other => return other.to_json(),
    }
    let person: Vec<&str> = ["firstName", "lastName"].into_iter().filter_map(member).collect();
    if !person.is_empty() || member("email").is_some() {
        let details = ["email", "phoneNumber", "title"].into_iter().filter_map(member);
        let name = Some(person.join(" ")).filter(|it| !it.is_empty()).map(Cow::Owned);
        let parts: Vec<Cow<'_, str>> = name.into_iter().chain(details.map(Cow::Borrowed)).collect();
        return parts.join(", ");
    }
    // A tag or an attribute; a solution has a name, and what it costs.
    let kind = member("type").filter(|_| item.member("quantity").is_none());
    let name = member("name").or_else(|| member("id")).unwrap_or_default();
    let price = number("price").map(|it| match member("currency") {
        Some(currency) => format!("{currency}\u{a0}{it}"),
        None => it,
    });
    let cost = match (number("quantity"), price) {
        (Some(quantity), Some(price)) => format!(" ({quantity} × {price})"),
        (Some(quantity), None) => format!(" ({quantity} ×)"),
        (None, Some(price)) => format!(" ({price})"),
        (None, None) => String::new(),
    };
    match kind {
        Some(kind) => format!("{kind}: {name}{cost}"),
        None => format!("{name}{cost}"),
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, Words, member_name, value_text};
    use crate::web::words::Language;

    const ENGLISH: Words = Words(Language::English);

    #[test]
    fn values_are_told_in_words() {
        for (pointer, json, expected) in [
            ("/details/dealValue", "1234.50", "1,234.50"),
            ("/details/closingDateTime", "\"2027-03-01T00:00:00Z\"", "1 Mar 2027"),
            ("/acceptedDateTime", "\"2027-03-01T09:30:00Z\"", "1 Mar 2027, 09:30"),
            ("/details/notes", "\"<b>\\n2027-03-01\"", "<b>\n2027-03-01"),
            ("/campaignId", "null", "nothing"),
            ("/team", "[]", "nothing"),
            ("/salesStage", "\"40\"", "Developed"),
            (
                "/team",
                r#"[{"firstName":"Ann","lastName":"Li","email":"a@x.example","title":null},{"email":"b@x.example"}]"#,
                "Ann Li, a@x.example; b@x.example",
            ),
            (
                "/details/requirements/solutions",
                r#"[{"id":"SOL-1","name":"Rocket","type":"Name","price":10,"quantity":2000,"currency":"USD"}]"#,
                "Rocket (2,000 × USD\u{a0}10)",
            ),
            (
                "/attributes",
                r#"[{"type":"CustomerMarketplaceIntent","id":"Yes"}]"#,
                "CustomerMarketplaceIntent: Yes",
            ),
        ] {
            let value = Node::from_document(json).unwrap();
            assert_eq!(value_text(pointer, &value, ENGLISH), expected, "{pointer}");
        }
    }

    #[test]
    fn members_have_names_or_show_their_place() {
        assert_eq!(member_name("/details/notes", ENGLISH), "Notes");
        assert_eq!(member_name("/tags", ENGLISH), "/tags");
        assert_eq!(member_name("/x \"y\"", ENGLISH), "/x \"y\"");
    }
}
