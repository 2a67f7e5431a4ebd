//! One call that does the whole share: a record for each invited party, made as if each had been posted.

use uuid::Uuid;

use super::{
    create::{CreateAnswer, CreateError, Manner, create_once, create_retried},
    render,
    retry::Call,
    revise::{ReviseError, check_may},
};
use crate::{
    domain::{
        actor::Actor,
        json::{self, Node},
        lifecycle::{Action, Standing},
        referral::{Referral, is_spelling_of},
        report::{ProblemCode, Report, pointer_segment, shortened},
        revision::Handling,
        view,
        vocabulary::{ReferralType, Vocabulary as _},
    },
    service::Context,
};

/// How many parties one call invites.
pub const INVITATIONS_MAX: usize = 50;

/// Members of the caller's record that an invitation starts from.
const TAKEN: [&str; 9] = [
    "name",
    "qualification",
    "customerProfile",
    "consent",
    "details",
    "team",
    "partnerRole",
    "solutionArea",
    "solutionPlay",
];

/// A call that invites others into a deal.
#[derive(Clone, Copy)]
pub struct ShareRequest<'a> {
    /// The caller's record.
    pub id: Uuid,
    /// `{"invitations": [{"target": […], …}]}`.
    pub body: &'a [u8],
    /// What becomes of members without effect.
    pub handling: Handling,
    /// Whether everything is judged and nothing stored.
    pub validates_only: bool,
    /// What makes a repetition of this call recognisable; `None` when nothing does.
    pub idempotency_key: Option<&'a str>,
}

/// Invites Microsoft or partners. Each invitation is a create call of its own, which takes from the caller's record
/// what it leaves out, and succeeds or fails for itself.
///
/// # Errors
/// When the caller may not share the referral, or the body lists no invitations; then nobody was invited.
pub async fn share(
    context: &Context,
    actor: &Actor,
    request: ShareRequest<'_>,
) -> Result<Vec<Result<CreateAnswer, CreateError>>, ReviseError> {
    let found = context.store.find_referral(&actor.scope(), request.id).await?;
    let visible = found.ok_or(ReviseError::NotFound)?;
    let record = Referral::from_document(&visible.stored.document)?;
    let body = json::parse(request.body, context.settings.json);
    check_may(context, Action::Share, visible.relation, standing(&record)?)?;
    let invitations = read_invitations(body?, request.handling).map_err(ReviseError::Invalid)?;
    // What the caller does not see, it cannot pass on: as the inviter it would read the copy.
    let seen = render(context, actor, &visible, view::Context::None)?;
    let own = Node::from_document(&seen.body).map_err(|_| ReviseError::Unreadable)?;
    let mut results = Vec::with_capacity(invitations.len());
    let manner = Manner { handling: request.handling, validates_only: request.validates_only, key: None };
    let mut invited = Vec::new();
    for (index, invitation) in invitations.into_iter().enumerate() {
        // What was sent tells a repetition, not what is made of it: the caller's record may have changed meanwhile.
        let (route, sent) = (format!("POST {}/share/{index}", request.id), invitation.to_json());
        let body = compose(&own, &record, invitation);
        let mut result = match request.idempotency_key {
            Some(key) if !request.validates_only => {
                let call = Call { route: route.into(), sent: key, body: sent.as_bytes() };
                create_retried(context, actor, call, || Ok(body), manner).await
            }
            Some(_) | None => create_once(context, actor, body, manner).await,
        };
        if let Ok(answer) = &result {
            // What is only judged is not there when the next invitation is.
            match request.validates_only && invited.contains(&answer.owner) {
                true => result = Err(CreateError::AlreadyParty(answer.owner.clone())),
                false => invited.push(answer.owner.clone()),
            }
        }
        results.push(result);
    }
    Ok(results)
}

/// Returns where a record stands.
pub(super) fn standing(record: &Referral) -> Result<Standing, ReviseError> {
    let state = record.state().ok_or(ReviseError::Unreadable)?;
    Ok(Standing { state, expires: record.expiration_date_time })
}

fn read_invitations(body: Node, handling: Handling) -> Result<Vec<Node>, Report> {
    let mut report = Report::default();
    let members = match body {
        Node::Object(members) => members,
        _ => Vec::new(),
    };
    let mut found = None;
    for (name, value) in members {
        let target = || format!("/{}", pointer_segment(shortened(&name)));
        match (name.eq_ignore_ascii_case("invitations"), &found) {
            (true, None) => found = Some(value),
            (true, Some(_)) => {
                let message = "the member \"invitations\" stands twice";
                report.problem(ProblemCode::DuplicateMember, "oneSpelling", target(), message);
            }
            (false, _) => report.ignored(target(), "unknownMember"),
        }
    }
    if handling == Handling::Strict {
        report.refuse_ignored();
    }
    let invitations = match found {
        Some(Node::Array(items)) if !items.is_empty() => items,
        Some(_) | None => {
            let message = "send {\"invitations\": [{\"target\": [{\"type\": \"BusinessProfileLocation\", \"id\": \"msft\"}]}]}";
            report.required("/invitations", message);
            return Err(report);
        }
    };
    if invitations.len() > INVITATIONS_MAX {
        let message =
            format!("{} invitations were sent, at most {INVITATIONS_MAX} are accepted", invitations.len());
        report.problem(ProblemCode::TooLong, "itemsMax", "/invitations", message);
    }
    for (index, invitation) in invitations.iter().enumerate() {
        let target = format!("/invitations/{index}");
        match invitation {
            Node::Object(members) if members.iter().any(|(it, _)| it.eq_ignore_ascii_case("target")) => {}
            Node::Object(members)
                if members.iter().any(|(it, _)| it.eq_ignore_ascii_case("organizationId")) => {}
            Node::Object(_) => report.required(&format!("{target}/target"), "an invitation names its target"),
            other => {
                let message = format!("an object is expected, {} was sent", other.kind());
                report.problem(ProblemCode::InvalidValue, "type", target, message);
            }
        }
    }
    if report.problems.is_empty() { Ok(invitations) } else { Err(report) }
}

/// Lays an invitation over what the caller's record gives it.
fn compose(own: &Node, record: &Referral, invitation: Node) -> Node {
    let text = |text: &str| Node::Text(text.to_owned());
    let taken =
        TAKEN.iter().filter_map(|name| Some(((*name).to_owned(), without_read_only(own.member(name)?))));
    let mut body = vec![
        ("engagementId".to_owned(), text(&record.engagement_id.to_string())),
        ("type".to_owned(), text(ReferralType::Shared.as_str())),
    ];
    body.extend(taken);
    let mut body = Node::Object(body);
    lay(&mut body, invitation);
    body
}

/// Copies a member without what the server owns in it: no caller has sent that.
fn without_read_only(member: &Node) -> Node {
    let mut member = member.clone();
    if let Node::Object(members) = &mut member {
        members.retain(|(name, _)| name != "isMatchingComplete");
    }
    member
}

fn lay(body: &mut Node, sent: Node) {
    match (body, sent) {
        (Node::Object(members), Node::Object(sent)) => {
            for (spelled, value) in sent {
                match members.iter_mut().find(|(name, _)| is_spelling_of(&spelled, name)) {
                    Some((_, place)) => lay(place, value),
                    None => members.push((spelled, value)),
                }
            }
        }
        (place, sent) => *place = sent,
    }
}
