//! What a form sends becomes the request that an API client would send: a JSON Patch for a section, the body of an
//! action for an acceptance.

use axum::response::Response;
use uuid::Uuid;

use super::{
    conflict,
    form::{Typed, Wrong},
    load::Deal,
    page::{self, Editing},
    sections::{Members, Section},
};
use crate::{
    domain::{
        actor::Actor,
        json::{
            Node,
            tree::{is_related, is_same},
        },
        lifecycle::Action,
        report::Report,
        revision::Handling,
    },
    service::{
        Context,
        referrals::{self, ReviseError, ReviseRequest, Wish},
    },
    web::{
        failure::{self, Failure},
        visit::{Visit, go_on},
    },
};

/// Saves a section, or accepts the deal with what the form says of it.
pub(super) async fn save(
    visit: &Visit,
    deal: Deal,
    section: Section,
    typed: Typed,
) -> Result<Response, Failure> {
    let deal = if section == Section::Solutions { deal.with_catalogue(visit).await? } else { deal };
    if typed.has("more") {
        return page::show(visit, deal, Editing::Section(section, Some(typed), Vec::new())).await;
    }
    let mut members = section.members(&deal, &typed, visit.words);
    if typed.has("resolved") {
        // Of what both sides changed, the person has chosen what is to be kept.
        let kept: Vec<&str> = typed.chosen().collect();
        members.retain(|(pointer, _)| kept.iter().any(|it| is_related(it, pointer)));
    }
    let etag = typed.text("etag");
    let next = page::address(visit, &deal, typed.get("from"));
    if section != Section::Accept && etag == deal.etag() && changes_nothing(&deal, &members) {
        return Ok(go_on(&next, "saved"));
    }
    let (context, actor) = (&visit.app.context, visit.actor()?);
    match revise(context, &actor, section, (deal.id, &members), &typed).await {
        Ok(()) => Ok(go_on(&next, done(section))),
        Err(ReviseError::Stale(current, conflict)) => {
            conflict::show(visit, &deal, section, &typed, members, (current, conflict)).await
        }
        Err(ReviseError::Invalid(report)) => {
            let wrong = wrong(report, section, &members);
            let page = page::show(visit, deal, Editing::Section(section, Some(typed), wrong)).await?;
            Ok(failure::refused(page))
        }
        Err(other) => Err(other.into()),
    }
}

const fn done(section: Section) -> &'static str {
    match section {
        Section::Accept => "accept",
        Section::Microsoft => "shareWithMicrosoft",
        _ => "saved",
    }
}

fn changes_nothing(deal: &Deal, members: &Members) -> bool {
    members.iter().all(|(pointer, value)| deal.node.at(pointer).is_some_and(|it| is_same(it, value)))
}

async fn revise(
    context: &Context,
    actor: &Actor,
    section: Section,
    (id, members): (Uuid, &Members),
    typed: &Typed,
) -> Result<(), ReviseError> {
    let body = body(section, members).to_json();
    let wish = match section {
        Section::Accept => Wish::Act(Action::Accept, body.as_bytes()),
        _ => Wish::Patch(body.as_bytes()),
    };
    let request = ReviseRequest {
        id,
        wish,
        if_match: Some(typed.text("etag")).filter(|it| !it.is_empty()),
        handling: Handling::Strict,
        merges: typed.has("merges"),
        validates_only: false,
        idempotency_key: None,
    };
    referrals::revise(context, actor, request).await.map(|_| ())
}

fn body(section: Section, members: &Members) -> Node {
    if section == Section::Accept {
        let mut body = Node::Object(Vec::new());
        for (pointer, value) in members {
            body.set(pointer, value.clone());
        }
        return body;
    }
    let text = |text: &str| Node::Text(text.to_owned());
    let operation = |(pointer, value): &(String, Node)| {
        let members = [("op", text("replace")), ("path", text(pointer)), ("value", value.clone())];
        Node::Object(members.map(|(name, it)| (name.to_owned(), it)).to_vec())
    };
    Node::Array(members.iter().map(operation).collect())
}

/// Places problems in the document, where the rules name places of the request.
fn wrong(report: Report, section: Section, members: &Members) -> Vec<Wrong> {
    let place = |target: &str| {
        if section == Section::Accept {
            return target.to_owned();
        }
        let rest = target.strip_prefix('/').unwrap_or(target);
        let (index, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let member = index.parse::<usize>().ok().and_then(|it| members.get(it));
        let below = rest.strip_prefix("value").unwrap_or_default();
        member.map_or_else(|| target.to_owned(), |(pointer, _)| format!("{pointer}{below}"))
    };
    let problems = report.problems.into_iter();
    problems.map(|it| Wrong { pointer: place(&it.target), message: it.message }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Node, Report, Section, body, wrong};
    use crate::domain::report::ProblemCode;

    fn members() -> Vec<(String, Node)> {
        vec![
            ("/name".to_owned(), Node::Null),
            ("/team".to_owned(), Node::Array(Vec::new())),
            ("/details/notes".to_owned(), Node::Text("a".to_owned())),
        ]
    }

    #[test]
    fn a_section_is_a_patch_and_an_acceptance_a_body() {
        assert_eq!(
            body(Section::Details, &members()[2..].to_vec()).to_json(),
            r#"[{"op":"replace","path":"/details/notes","value":"a"}]"#
        );
        assert_eq!(
            body(Section::Accept, &members()).to_json(),
            r#"{"name":null,"team":[],"details":{"notes":"a"}}"#
        );
    }

    #[test]
    fn problems_of_a_patch_are_placed_in_the_document() {
        let mut report = Report::default();
        for target in ["/1/value/0/email", "/0/value", "/2/path", "/status"] {
            report.problem(ProblemCode::InvalidValue, "x", target, "m");
        }
        let places: Vec<_> =
            wrong(report, Section::Team, &members()).into_iter().map(|it| it.pointer).collect();
        assert_eq!(places, ["/team/0/email", "/name", "/details/notes", "/status"]);
    }
}
