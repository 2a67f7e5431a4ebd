//! Every route that the server describes, and what each caller gets there.
//!
//! A new route needs a row in [`TABLE`]: method, path as the description has it, how it is called, and what the
//! callers get.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cast::{Caller, Deal, LAMNAS_LOCATION, Stage};
use crate::{batch::BATCH, feed::AUDIT, world::*};

/// A status for each of [`Caller::ALL`]; zero where the status is not what the table is about.
pub(super) type Statuses = [u16; 13];

/// Who learns from an answer that the deal is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The record: whoever sees it.
    Record,
    /// The engagement: whoever takes part in it.
    Engagement,
    /// Nothing of the deal: the same for everybody.
    None,
}

/// What a call sends.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// Options that the route cannot do without.
    pub(super) query: fn(&Deal) -> String,
    pub(super) headers: fn(&Deal) -> Vec<(&'static str, String)>,
    pub(super) body: fn(&Deal) -> String,
}

/// A way to call a route, and what comes of it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) method: &'static str,
    /// As in the description.
    pub(super) path: &'static str,
    /// What stands for the parameter that is no id of a referral.
    pub(super) parameter: &'static str,
    pub(super) call: Call,
    pub(super) subject: Subject,
    /// The stage in which the statuses hold; in the other one nobody learns more than it may, whatever the status.
    pub(super) stage: Stage,
    pub(super) statuses: Statuses,
}

const ONE: &str = "/v1.0/engagements/referrals/{id}";
const PROFILES: &str = "/v1.0/engagements/businessprofiles";
const PROFILE: &str = "/v1.0/engagements/businessprofiles/{id}";
const LOCATION: &str = "/v1.0/engagements/businessprofiles/{id}/locations/{location_id}";
const SOLUTION: &str = "/v1.0/engagements/solutions/{id}";
const USER: &str = "/v1.0/engagements/users/{id}";
const WEBHOOKS: &str = "/v1.0/engagements/webhooks";
const WEBHOOK: &str = "/v1.0/engagements/webhooks/{id}";
const NOTICES: &str = "/v1.0/engagements/notices";
const REGISTRATION: &str = "/webhooks/v1/registration";
const ACT: &str = "/v1.0/engagements/referrals/{id}/{action}";

/// Routes that have rows before they are there; empty when every branch has come.
pub(super) const COMING: &[(&str, &str)] = &[];

/// Whoever sees the record gets `seen`; to the others it is unknown.
const fn seen(seen: u16) -> Statuses {
    by(seen, seen, seen)
}

/// The sides of a record: its owner, its inviter, and others who see it.
const fn by(owner: u16, inviter: u16, other: u16) -> Statuses {
    [owner, owner, 404, 404, inviter, other, other, other, 404, 403, 400, 401, 401]
}

/// Who takes part in the engagement, and who does not.
const fn partaking(partaking: u16, unknown: u16) -> Statuses {
    let [yes, no] = [partaking, unknown];
    [yes, yes, no, no, yes, yes, yes, no, no, 403, 400, 401, 401]
}

const fn row(method: &'static str, path: &'static str, call: Call, statuses: Statuses) -> Row {
    Row { method, path, parameter: "", call, subject: Subject::Record, stage: Stage::Active, statuses }
}

/// A route of the caller's own organisation, of which everybody with a role reads the same; a path that names something
/// names what is not there, because an id of the deal is none of its.
const fn own(path: &'static str, status: u16) -> Row {
    let s = status;
    let statuses = [s, s, s, s, s, s, s, s, s, s, 400, 401, 401];
    Row { parameter: "nothing", subject: Subject::None, ..row("GET", path, EMPTY, statuses) }
}

/// A write to the caller's own organisation, which its account admin alone may do, and does wrong.
const fn administer(method: &'static str, path: &'static str, status: u16) -> Row {
    let statuses = [403, 403, 403, 403, 403, 403, 403, 403, 403, status, 400, 401, 401];
    Row { parameter: "nothing", subject: Subject::None, ..row(method, path, EMPTY, statuses) }
}

/// A row of the lifecycle's actions.
const fn act(parameter: &'static str, call: Call, stage: Stage, statuses: Statuses) -> Row {
    Row { parameter, stage, ..row("POST", ACT, call, statuses) }
}

/// A route of the organisation's webhooks, for its account admin and its Referrals admins of the entire company.
const fn integrate(method: &'static str, path: &'static str, status: u16) -> Row {
    let s = status;
    let statuses = [s, 403, 403, 403, s, s, s, s, s, s, 400, 401, 401];
    Row { parameter: "nothing", subject: Subject::None, ..row(method, path, EMPTY, statuses) }
}

/// A route of the caller's own notices, for whoever has a Referrals role.
const fn notices(method: &'static str, path: &'static str, status: u16) -> Row {
    let s = status;
    let statuses = [s, s, s, s, s, s, s, s, s, 403, 400, 401, 401];
    Row { parameter: "nothing", subject: Subject::None, ..row(method, path, EMPTY, statuses) }
}

/// A route of the Partner Center API: of these callers, one has a token for it.
const fn partner_center(method: &'static str, path: &'static str, status: u16) -> Row {
    let statuses = [401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, status];
    Row { parameter: "nothing", subject: Subject::None, ..row(method, path, EMPTY, statuses) }
}

/// A route that says the same to everybody.
const fn public(method: &'static str, path: &'static str, status: u16) -> Row {
    Row { parameter: "common", subject: Subject::None, ..row(method, path, EMPTY, [status; 13]) }
}

const EMPTY: Call = Call { query: |_| String::new(), headers: |_| Vec::new(), body: |_| String::new() };
const RELATED: Call =
    Call { query: |deal| format!("$filter=engagementId%20eq%20{}", deal.engagement), ..EMPTY };
const FOLLOWED: Call =
    Call { query: |deal| format!("engagementId={}&include=referral", deal.engagement), ..EMPTY };
const AUDITED: Call = Call { query: |_| "startDate=2030-01-01&endDate=2030-01-02".to_owned(), ..EMPTY };
/// The calls of the caller's own applications, with what was sent and answered.
const LOGGED: Call = Call { query: |_| "include=bodies&limit=5".to_owned(), ..EMPTY };
/// The token that serves nowhere else serves here.
const PARTNER_CENTERS: Statuses = [401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 200];
/// Everybody may ask for a list; what is on it is what each sees.
const LISTED: Statuses = [200, 200, 200, 200, 200, 200, 200, 200, 200, 403, 400, 401, 401];
const QUERY: Call = Call {
    headers: |_| vec![("content-type", "text/plain".to_owned())],
    body: |deal| format!("$filter=engagementId%20eq%20{}&$expand=relatedReferrals", deal.engagement),
    ..EMPTY
};
const REASON: Call = Call { body: |_| json!({"statusReason": "changed our mind"}).to_string(), ..EMPTY };
const CONNECT: Call = Call { body: connect, ..EMPTY };
const REPLACE: Call = Call {
    headers: |deal| vec![("if-match", deal.etags[1].clone())],
    body: |_| json!({"details": {"notes": "by PUT"}, "type": "Shared"}).to_string(),
    ..EMPTY
};
const REVISE: Call = Call { body: |_| patch("/details/notes", json!("by PATCH")), ..EMPTY };
const SHOW_TO_SELLERS: Call =
    Call { body: |_| patch("/consent/consentToShareReferralWithMicrosoftSellers", json!(true)), ..EMPTY };
const CHANGE_TEAM: Call = Call { body: |_| patch("/team/0/email", json!("new@northwind.example")), ..EMPTY };
const CHANGE_CONTACTS: Call =
    Call { body: |_| patch("/customerProfile/team/0/title", json!("Boss")), ..EMPTY };
const MARK: Call = Call { body: |_| patch("/favorite", json!(true)), ..EMPTY };
const SHARE: Call = Call {
    body: |_| {
        let target = json!([{"type": "BusinessProfileLocation", "id": LAMNAS_LOCATION}]);
        json!({"invitations": [{"target": target}]}).to_string()
    },
    ..EMPTY
};

fn patch(path: &str, value: Value) -> String {
    json!([{"op": "replace", "path": path, "value": value}]).to_string()
}

fn connect(deal: &Deal) -> String {
    let body = edited(to_location(LAMNAS_LOCATION), &[("/engagementId", json!(deal.engagement))]);
    body.to_string()
}

/// A write, a write in a group, and a read, made one after the other.
const BATCHED: Call = Call {
    headers: |_| vec![("prefer", "continue-on-error".to_owned())],
    body: |deal| {
        let url = format!("referrals/{}", deal.id);
        let change = json!([{"op": "replace", "path": "/details/notes", "value": "by a batch"}]);
        let write = |id: &str, group: Option<&str>| json!({"id": id, "method": "patch", "url": url, "body": change, "atomicityGroup": group});
        let read = json!({"id": "read", "method": "get", "url": url});
        json!({"requests": [write("write", None), write("grouped", Some("g")), read]}).to_string()
    },
    ..EMPTY
};

use Stage::{Active, Waiting};

/// What each caller gets at each route. Columns as in [`Caller::ALL`].
pub(super) const TABLE: &[Row] = &[
    Row { subject: Subject::Engagement, ..row("POST", REFERRALS, CONNECT, partaking(200, 400)) },
    row("GET", ONE, EMPTY, seen(200)),
    // A list of nothing is what is seen of an engagement that is not there.
    row("GET", REFERRALS, RELATED, LISTED),
    row("GET", REFERRALS, EMPTY, LISTED),
    row("POST", "/v1.0/engagements/referrals/$query", QUERY, LISTED),
    row("GET", "/v1.0/engagements/referrals/$count", RELATED, LISTED),
    row("GET", "/v1.0/engagements/referrals/delta", EMPTY, LISTED),
    row("GET", "/v1.0/engagements/referrals/changes", FOLLOWED, LISTED),
    row("GET", "/v1.0/engagements/referrals/changes/stream", FOLLOWED, LISTED),
    // Of the other API; what its records show to whom is shown in `feed::audit`.
    Row { subject: Subject::None, ..row("GET", AUDIT, AUDITED, PARTNER_CENTERS) },
    partner_center("GET", "/auditactivity/v1/auditrecords/{id}", 404),
    row("PUT", ONE, REPLACE, by(200, 403, 403)),
    row("PATCH", ONE, REVISE, by(204, 403, 403)),
    Row { stage: Waiting, ..row("PATCH", ONE, SHOW_TO_SELLERS, without_sellers(by(204, 403, 403))) },
    row("PATCH", ONE, CHANGE_TEAM, by(204, 403, 403)),
    row("PATCH", ONE, CHANGE_CONTACTS, by(400, 403, 403)),
    row("PATCH", ONE, MARK, seen(204)),
    row("GET", "/v1.0/engagements/referrals/{id}/actions", EMPTY, seen(200)),
    row("GET", "/v1.0/engagements/referrals/{id}/changes", EMPTY, seen(200)),
    row("POST", "/v1.0/engagements/referrals/{id}/share", SHARE, by(200, 403, 403)),
    Row {
        stage: Waiting,
        ..row("POST", "/v1.0/engagements/referrals/{id}/share", SHARE, without_sellers(by(200, 403, 403)))
    },
    act("open", EMPTY, Waiting, without_sellers(by(200, 403, 403))),
    act("accept", EMPTY, Waiting, without_sellers(by(200, 403, 403))),
    act("decline", REASON, Waiting, without_sellers(by(200, 403, 403))),
    act("withdraw", EMPTY, Waiting, without_sellers(by(403, 200, 403))),
    act("win", EMPTY, Active, by(200, 403, 403)),
    act("lose", REASON, Active, by(200, 403, 403)),
    act("closeAsError", EMPTY, Active, by(200, 403, 403)),
    act("nonsense", EMPTY, Active, [404, 404, 404, 404, 404, 404, 404, 404, 404, 403, 400, 401, 401]),
    // The answers are inside; a role of any kind will do to ask.
    row("POST", BATCH, BATCHED, [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 400, 401, 401]),
    own("/v1.0/engagements/organization", 200),
    administer("PUT", "/v1.0/engagements/organization", 400),
    own("/v1.0/engagements/partners", 200),
    own(PROFILES, 200),
    administer("POST", PROFILES, 400),
    own(PROFILE, 404),
    administer("PUT", PROFILE, 400),
    administer("POST", "/v1.0/engagements/businessprofiles/{id}/locations", 400),
    own(LOCATION, 404),
    administer("PUT", LOCATION, 404),
    administer("DELETE", LOCATION, 404),
    own("/v1.0/engagements/solutions", 200),
    administer("POST", "/v1.0/engagements/solutions", 400),
    own(SOLUTION, 404),
    administer("PUT", SOLUTION, 400),
    administer("DELETE", SOLUTION, 404),
    own("/v1.0/engagements/users", 200),
    administer("POST", "/v1.0/engagements/users", 400),
    own(USER, 404),
    administer("PUT", USER, 400),
    administer("DELETE", USER, 404),
    Row { call: LOGGED, ..integrate("GET", "/v1.0/engagements/requests", 200) },
    integrate("GET", WEBHOOKS, 200),
    integrate("POST", WEBHOOKS, 400),
    integrate("GET", WEBHOOK, 404),
    integrate("PUT", WEBHOOK, 400),
    integrate("PATCH", WEBHOOK, 400),
    integrate("DELETE", WEBHOOK, 404),
    integrate("POST", "/v1.0/engagements/webhooks/{id}/pause", 404),
    integrate("POST", "/v1.0/engagements/webhooks/{id}/resume", 404),
    integrate("POST", "/v1.0/engagements/webhooks/{id}/rotateSecret", 404),
    integrate("POST", "/v1.0/engagements/webhooks/{id}/test", 404),
    integrate("POST", "/v1.0/engagements/webhooks/{id}/redeliver", 400),
    integrate("POST", "/v1.0/engagements/webhooks/{id}/recover", 400),
    integrate("GET", "/v1.0/engagements/webhooks/{id}/deliveries", 404),
    integrate("GET", "/v1.0/engagements/webhooks/{id}/deliveries/{delivery_id}", 404),
    integrate("POST", "/v1.0/engagements/webhooks/{id}/deliveries/{delivery_id}/redeliver", 404),
    notices("GET", NOTICES, 200),
    notices("POST", "/v1.0/engagements/notices/read", 400),
    notices("POST", "/v1.0/engagements/notices/{id}/read", 404),
    notices("GET", "/v1.0/engagements/notices/preferences", 200),
    notices("PUT", "/v1.0/engagements/notices/preferences", 400),
    partner_center("GET", "/webhooks/v1/registration/events", 200),
    partner_center("GET", REGISTRATION, 404),
    partner_center("POST", REGISTRATION, 400),
    partner_center("PUT", REGISTRATION, 400),
    partner_center("POST", "/webhooks/v1/registration/validationEvents", 404),
    partner_center("GET", "/webhooks/v1/registration/validationEvents/{correlation_id}", 404),
    public("GET", "/v1.0/engagements", 200),
    public("GET", "/v1.0/engagements/$metadata", 200),
    public("GET", "/cert/{file}", 404),
    public("GET", "/unsubscribe/{token}", 404),
    public("POST", "/unsubscribe/{token}", 404),
    public("GET", "/{tenant}/oauth2/authorize", 400),
    public("POST", "/{tenant}/oauth2/authorize", 400),
    public("GET", "/{tenant}/oauth2/v2.0/authorize", 400),
    public("POST", "/{tenant}/oauth2/v2.0/authorize", 400),
    public("POST", "/{tenant}/oauth2/token", 400),
    public("POST", "/{tenant}/oauth2/v2.0/token", 400),
    public("GET", "/{tenant}/.well-known/openid-configuration", 200),
    public("GET", "/{tenant}/v2.0/.well-known/openid-configuration", 200),
    public("GET", "/{tenant}/discovery/keys", 200),
    public("GET", "/{tenant}/discovery/v2.0/keys", 200),
];

/// Pages that no description lists: the description itself, and who shows it.
pub(super) const UNDESCRIBED: &[Row] = &[
    public("GET", "/openapi.json", 200),
    public("GET", "/docs", 200),
    public("GET", "/signin", 303),
    public("GET", "/signin/callback", 400),
    public("GET", "/signout", 200),
    public("POST", "/signout", 303),
];

/// Microsoft sees nothing of a deal that its sellers are not shown.
const fn without_sellers(statuses: Statuses) -> Statuses {
    let [a, b, c, d, e, f, g, _, rest @ ..] = statuses;
    let [i, j, k, l, m] = rest;
    [a, b, c, d, e, f, g, 404, i, j, k, l, m]
}

impl Row {
    /// Says whether the method changes nothing.
    pub(super) fn is_safe(&self) -> bool {
        ["GET", "HEAD"].contains(&self.method)
    }

    /// Says whether the answer may hold every record that the caller sees: it takes long to look through.
    pub(super) fn is_of_many(&self) -> bool {
        !self.path.contains('{')
    }

    /// Returns the path for a record.
    pub(super) fn path_for(&self, id: impl ToString) -> String {
        let mut path = self.path.replace("{id}", &id.to_string());
        for name in [
            "{action}",
            "{tenant}",
            "{location_id}",
            "{file}",
            "{delivery_id}",
            "{correlation_id}",
            "{token}",
        ] {
            path = path.replace(name, self.parameter);
        }
        assert!(!path.contains('{'), "{} has a parameter that path_for does not know", self.path);
        path
    }

    pub(super) fn status_for(&self, caller: Caller) -> u16 {
        let column = Caller::ALL.iter().position(|it| *it == caller).unwrap();
        self.statuses[column]
    }

    /// Returns what tells rows apart in a message.
    pub(super) fn name(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.parameter).trim_end().to_owned()
    }
}

/// Lists the routes of a description.
pub(super) fn live(description: &Value) -> BTreeSet<(String, String)> {
    let methods = ["get", "put", "post", "delete", "patch", "head", "options", "trace"];
    let mut routes = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|it| methods.contains(&it.as_str())) {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

/// Lists the routes without a row, and the rows without a route.
pub(super) fn uncovered(
    live: &BTreeSet<(String, String)>,
    table: &[Row],
    coming: &[(&str, &str)],
) -> Vec<String> {
    let is_row = |(method, path): &(String, String)| {
        table.iter().any(|it| (it.method, it.path) == (method.as_str(), path.as_str()))
    };
    let without_row = live.iter().filter(|it| !is_row(it)).map(|(method, path)| {
        format!("{method} {path} has no row: add one to TABLE in tests/it/isolation/routes.rs")
    });
    let is_live = |method: &str, path: &str| live.contains(&(method.to_owned(), path.to_owned()));
    let rows = table.iter().filter(|it| !coming.contains(&(it.method, it.path)));
    let without_route = rows.filter(|it| !is_live(it.method, it.path)).map(|it| {
        format!("{} is not served: take its row out of TABLE in tests/it/isolation/routes.rs", it.name())
    });
    let arrived = coming.iter().filter(|(method, path)| is_live(method, path)).map(|(method, path)| {
        format!("{method} {path} has come: take it out of COMING in tests/it/isolation/routes.rs")
    });
    without_row.chain(without_route).chain(arrived).collect()
}
