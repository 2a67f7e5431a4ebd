//! What to do about a refusal: a table from code and rule to advice, and where API.md says more.

use serde::Serialize;
use utoipa::ToSchema;

/// What to do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mend {
    /// What to do.
    pub advice: &'static str,
    /// Where the rule stands.
    pub see: &'static str,
}

/// A code, a rule of it or nothing, the advice, and the place in API.md.
type Row = (&'static str, &'static str, &'static str, &'static str);

const ERRORS: &str = "API.md#errors";
const RULES: &str = "API.md#what-is-required";
const CHANGING: &str = "API.md#changing-a-referral";
const SIGNING_IN: &str = "API.md#signing-in";
const TOKEN: &str = "API.md#what-is-checked-of-a-token";
const LIMITS: &str = "API.md#limits";
const LIFECYCLE: &str = "API.md#the-lifecycle";
const LISTING: &str = "API.md#listing-referrals";
const ADMINISTRATION: &str = "API.md#administration";
const WEBHOOKS: &str = "API.md#webhooks";
const IDEMPOTENCY: &str = "API.md#idempotency";
const FEED: &str = "API.md#the-feed";
const FAULTS: &str = "API.md#faults";
const NOTICES: &str = "API.md#notices";
const AUDIT: &str = "API.md#audit-records";
const STATE: &str = "API.md#the-state-of-a-sandbox";
const SANDBOXES: &str = "API.md#several-sandboxes";
const TOO_LATE: &str = "API.md#a-write-that-comes-too-late";

/// A row with a rule counts before the one without.
const TABLE: &[Row] = &[
    (
        "malformedBody",
        "",
        "send one JSON document in UTF-8; the message names line and column of what cannot be read",
        ERRORS,
    ),
    ("invalidValue", "vocabulary", "send one of the words that `allowed` lists", RULES),
    (
        "invalidValue",
        "type",
        "send the kind of value that the message names: text, number, object or list",
        RULES,
    ),
    ("invalidValue", "unknownMember", "take the member out, or spell it as `allowed` does", ADMINISTRATION),
    (
        "invalidValue",
        "locationInScope",
        "name one of your own locations in `mpnId`: your role covers several, and none by default",
        RULES,
    ),
    (
        "invalidValue",
        "",
        "correct the member at the target; `details` lists every other problem of the request",
        RULES,
    ),
    ("requiredFieldMissing", "", "add the member at the target; `details` lists all that are missing", RULES),
    ("duplicateMember", "", "send each member once, in one spelling", "API.md#what-is-read-leniently"),
    ("tooLong", "", "shorten the text or the list at the target to what the message allows", LIMITS),
    (
        "invalidStatusTransition",
        "",
        "ask GET /v1.0/engagements/referrals/{id}/actions what is possible now, and why not",
        LIFECYCLE,
    ),
    (
        "unknownTarget",
        "",
        "address a location, a solution profile or msft that is there; GET /v1.0/engagements/partners lists whom you may address",
        "API.md#who-owns-the-new-record",
    ),
    (
        "ambiguousTarget",
        "",
        "address one organization in each call; POST …/{id}/share invites several",
        "API.md#sharing-a-deal",
    ),
    (
        "unknownEngagement",
        "",
        "send the engagementId of a referral that you may read, or none for a new engagement",
        "API.md#a-shared-deal-in-two-steps",
    ),
    (
        "referralClosed",
        "",
        "your own record in the engagement is closed: begin a new engagement",
        "API.md#a-shared-deal-in-two-steps",
    ),
    ("consentMissing", "", "ask the customer, and set the consent flags that the message names", RULES),
    (
        "immutableField",
        "",
        "leave the member as it is; a shared deal keeps what its parties agreed on",
        "API.md#what-may-not-change",
    ),
    (
        "memberIgnored",
        "",
        "take the member out, or do without Prefer: handling=strict",
        "API.md#what-becomes-of-what-is-sent",
    ),
    ("unsupportedPatchOperation", "", "send add and replace only, as a list of operations", CHANGING),
    (
        "unsupportedPatchPath",
        "",
        "change a member that a client may change; the message names the path",
        CHANGING,
    ),
    (
        "ifMatchRequired",
        "",
        "read the referral and send its eTag in If-Match; a PATCH can do without",
        CHANGING,
    ),
    (
        "invalidQueryOption",
        "",
        "correct the option at the place that the message names; `allowed` lists what is expected there",
        LISTING,
    ),
    (
        "invalidPageToken",
        "",
        "follow @odata.nextLink as it is and with the same user, or begin again without a token",
        LISTING,
    ),
    ("invalidHeader", "", "correct the header that the target names", "API.md#headers"),
    ("bodyBroken", "", "send as many bytes as Content-Length announces", LIMITS),
    (
        "userTokenRequired",
        "",
        "take a token for a user (App+User): an application alone has no referrals",
        SIGNING_IN,
    ),
    (
        "groupOverlap",
        "",
        "write each record once in an atomic group, or use several groups",
        "API.md#batches",
    ),
    ("testEventNotRegistered", "", "register for test-created, then ask for the test again", WEBHOOKS),
    ("tokenMissing", "", "send Authorization: Bearer and a token; `liaison token` prints one", SIGNING_IN),
    ("tokenMalformed", "", "send the access token as the issuer gave it, once, after Bearer", TOKEN),
    (
        "tokenAudienceInvalid",
        "",
        "take a token for the audience (resource or scope) that the message names",
        SIGNING_IN,
    ),
    ("tokenExpired", "", "take a new token; in a sandbox they age with its clock", TOKEN),
    ("tokenNotYetValid", "", "set the clock of whoever issues the token right", TOKEN),
    (
        "tokenIssuerUnknown",
        "",
        "take the token here, or let the operator trust its issuer",
        "API.md#other-issuers",
    ),
    ("tokenKeyUnknown", "", "take a new token: the issuer has changed its keys", TOKEN),
    ("tokenSignatureInvalid", "", "send the token unchanged, from an issuer that is trusted here", TOKEN),
    (
        "tokenKindInvalid",
        "",
        "send the access_token of the issuer's answer, not its id_token or refresh_token",
        TOKEN,
    ),
    ("tokenScopeMissing", "", "ask for the scope user_impersonation", SIGNING_IN),
    ("tokenUserUnknown", "", "let the operator add the user: liaison user add", SIGNING_IN),
    (
        "tokenApplicationUnknown",
        "",
        "let the operator add the organization of the application's tenant",
        SIGNING_IN,
    ),
    (
        "mfaRequired",
        "",
        "sign the user in with a second factor, interactively; a token from a password has none",
        FAULTS,
    ),
    (
        "referralsRoleRequired",
        "",
        "let an account admin give the user the role referrals-admin or referrals-user",
        "API.md#who-sees-what",
    ),
    ("roleRequired", "", "let an account admin give the user a role", ADMINISTRATION),
    ("accountAdminRequired", "", "do this as an account admin of the organization", ADMINISTRATION),
    (
        "otherSide",
        "",
        "this is for the other party of the deal; GET …/{id}/actions says what is yours to do",
        LIFECYCLE,
    ),
    (
        "webhookAdminRequired",
        "",
        "do this as an account admin, or as a Referrals admin of the entire company",
        WEBHOOKS,
    ),
    (
        "referralNotFound",
        "",
        "check the id and whose token it is: what a caller may not see is not found either",
        "API.md#who-sees-what",
    ),
    ("pathUnknown", "", "check the path against GET /openapi.json", "API.md#paths"),
    ("organizationNotFound", "", "check the id", ADMINISTRATION),
    (
        "businessProfileNotFound",
        "",
        "check the id against GET /v1.0/engagements/businessprofiles",
        ADMINISTRATION,
    ),
    ("locationNotFound", "", "check the ids against GET /v1.0/engagements/businessprofiles", ADMINISTRATION),
    ("solutionNotFound", "", "check the id against GET /v1.0/engagements/solutions", ADMINISTRATION),
    ("userNotFound", "", "check the id against GET /v1.0/engagements/users", ADMINISTRATION),
    (
        "certificateNotFound",
        "",
        "fetch the address in X-MS-Certificate-Url of a delivery that is no older than 30 days",
        "API.md#signatures-of-webhooks",
    ),
    ("webhookNotFound", "", "check the id against GET /v1.0/engagements/webhooks", WEBHOOKS),
    ("noticeNotFound", "", "check the id against GET /v1.0/engagements/notices", NOTICES),
    ("linkUnknown", "", "use the link of the mail as it stands; it is good for one person", NOTICES),
    ("auditRecordNotFound", "", "check the id against GET /v1/auditrecords", AUDIT),
    ("snapshotNotFound", "", "check the name against GET /sandbox/snapshots", STATE),
    ("sandboxNotFound", "", "check the name against GET /sandbox/sandboxes", SANDBOXES),
    ("tooManySandboxes", "", "remove one, or let the operator raise sandbox.sandboxes_max", SANDBOXES),
    ("noPlaceForSandbox", "", "do what the message says, or choose another name", SANDBOXES),
    ("snapshotOutdated", "", "take a new one: it was taken by a version with another schema", STATE),
    ("alreadySeeded", "", "send another `seed`, or reset the sandbox first", STATE),
    (
        "notASandbox",
        "",
        "start the server with --sandbox on data that hold no organisations of their own",
        STATE,
    ),
    ("deliveryNotFound", "", "check the ids; deliveries are kept for some days only", WEBHOOKS),
    ("registrationNotFound", "", "register first: POST /webhooks/v1/registration", WEBHOOKS),
    ("validationEventNotFound", "", "use the correlationId of a test that was asked for lately", WEBHOOKS),
    ("faultNotFound", "", "check the id against GET /sandbox/faults", FAULTS),
    ("requestLogOff", "", "let the operator set requests.enabled", "API.md#the-request-log"),
    ("methodNotAllowed", "", "use a method that the header Allow lists", "API.md#paths"),
    ("notAcceptable", "", "accept application/json, or a format that the message names", "API.md#formats"),
    (
        "requestTimeout",
        "",
        "repeat the call with the same Idempotency-Key: it may have been done",
        IDEMPOTENCY,
    ),
    ("bodyTooSlow", "", "send the body faster, or in smaller requests", LIMITS),
    (
        "alreadyParty",
        "",
        "read the record that the organization has in the engagement, and change that",
        "API.md#a-shared-deal-in-two-steps",
    ),
    (
        "idempotencyTwinInFlight",
        "",
        "wait as long as Retry-After says, then repeat: the first one is under way",
        IDEMPOTENCY,
    ),
    (
        "resourceModified",
        "",
        "read the referral again, repeat the change on that, and send its eTag; or send Prefer: resolution=merge",
        TOO_LATE,
    ),
    (
        "alreadyExists",
        "",
        "choose another id, address or name; the target says which is taken",
        ADMINISTRATION,
    ),
    ("defaultLocation", "", "make another location the default first", ADMINISTRATION),
    ("locationInUse", "", "take the location out of the users' roles first", ADMINISTRATION),
    ("ownAccountAdmin", "", "let another account admin do this", ADMINISTRATION),
    ("lastAccountAdmin", "", "make somebody else an account admin first", ADMINISTRATION),
    ("registrationExists", "", "change the registration with PUT", WEBHOOKS),
    ("tooManyWebhooks", "", "remove a webhook, or let one subscription serve several events", WEBHOOKS),
    ("tooManyFaults", "", "take faults away: DELETE /sandbox/faults", FAULTS),
    (
        "resyncRequired",
        "",
        "begin again without the token, and take everything once",
        "API.md#what-changed-since",
    ),
    ("bodyTooLarge", "", "send less in one request; large lists go as several", LIMITS),
    ("urlTooLong", "", "send the query in the body: POST /v1.0/engagements/referrals/$query", LISTING),
    ("unsupportedMediaType", "", "send Content-Type: application/json", "API.md#headers"),
    (
        "hostNotAllowed",
        "",
        "call the public address, or let the operator add the host to hosts_allowed",
        "API.md#paths",
    ),
    (
        "idempotencyKeyReused",
        "",
        "use a new key for another request; repeat a request with the body that it had",
        IDEMPOTENCY,
    ),
    ("failedDependency", "", "mend the request of the batch that this one depends on", "API.md#batches"),
    ("tooManyStreams", "", "close a stream, or read pages of the feed", "API.md#the-stream"),
    ("headersTooLarge", "", "send fewer or shorter headers", LIMITS),
    (
        "storedDocumentUnreadable",
        "",
        "tell the operator the request-id; `liaison verify` says what is wrong",
        ERRORS,
    ),
    (
        "tooManyRequestsInFlight",
        "",
        "wait as long as Retry-After says, then repeat; back off when it happens again",
        LIMITS,
    ),
    (
        "tooManyWrites",
        "",
        "wait as long as Retry-After says, then repeat with the same Idempotency-Key",
        IDEMPOTENCY,
    ),
    (
        "storeUnavailable",
        "",
        "wait as long as Retry-After says, then repeat with the same Idempotency-Key",
        IDEMPOTENCY,
    ),
    (
        "queryTooCostly",
        "",
        "filter by status, direction or dates first, or ask for smaller pages; the message names the costly part",
        LISTING,
    ),
    (
        "issuerKeysUnavailable",
        "",
        "wait as long as Retry-After says; the operator sees why the issuer cannot be reached",
        "API.md#other-issuers",
    ),
    (
        "answersTooLarge",
        "",
        "send fewer reads in one batch, or choose members with $select",
        "API.md#batches",
    ),
    ("serverStopping", "", "connect again and go on from the last cursor", FEED),
    ("diskFull", "", "tell the operator; nothing was stored", ERRORS),
];

/// Advice by what the status says, where no row has the code.
const BY_STATUS: &[(u16, &str, &str)] = &[
    (401, "take a new token", SIGNING_IN),
    (403, "ask who may do this", "API.md#who-sees-what"),
    (412, "read the referral again, and repeat the change on that", TOO_LATE),
    (
        429,
        "wait as long as Retry-After says, then repeat; spread calls, or be told by webhooks instead of asking",
        LIMITS,
    ),
    (
        500,
        "repeat the call with the same Idempotency-Key; if it fails again, tell the operator the request-id",
        IDEMPOTENCY,
    ),
    (503, "wait as long as Retry-After says, then repeat with the same Idempotency-Key", IDEMPOTENCY),
];

/// Returns what to do about a refusal; `None` where nobody knows.
pub(super) fn suggest(status: u16, code: &str, rule: Option<&str>) -> Option<Mend> {
    let find = |rule: &str| TABLE.iter().find(|(of, under, ..)| (*of, *under) == (code, rule));
    if let Some((_, _, advice, see)) = rule.and_then(find).or_else(|| find("")) {
        return Some(Mend { advice, see });
    }
    let by_status = BY_STATUS.iter().find(|(of, ..)| *of == status);
    by_status.map(|(_, advice, see)| Mend { advice, see })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{BY_STATUS, TABLE, suggest};

    const API: &str = include_str!("../../../API.md");

    /// Returns the words in backquotes of the third column of the table of errors.
    fn documented_codes() -> BTreeSet<&'static str> {
        let errors = API.split_once("\n## Errors\n").unwrap().1.split_once("\n## ").unwrap().0;
        let rows = errors.lines().filter(|it| it.starts_with("| ") && it.contains('`'));
        let columns = rows.filter_map(|it| it.split('|').nth(3));
        columns
            .flat_map(|it| it.split('`').skip(1).step_by(2))
            .filter(|it| it.chars().all(char::is_alphanumeric) && *it != "innerError")
            .collect()
    }

    #[test]
    fn every_documented_code_has_a_mend() {
        let documented = documented_codes();
        assert!(documented.len() > 70, "this test has lost sight of the codes: {documented:?}");

        let without: Vec<_> =
            documented.iter().filter(|code| TABLE.iter().all(|(of, ..)| of != *code)).collect();
        let unknown: Vec<_> = TABLE.iter().filter(|(of, ..)| !documented.contains(of)).collect();

        assert_eq!((without, unknown), (Vec::new(), Vec::new()));
    }

    #[test]
    fn every_place_exists() {
        let anchor = |heading: &str| {
            let kept = |it: &char| it.is_alphanumeric() || [' ', '-', '_'].contains(it);
            heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
        };
        let headings = API.lines().filter_map(|it| it.trim_start_matches('#').strip_prefix(' '));
        let anchors: BTreeSet<String> = headings.map(|it| format!("API.md#{}", anchor(it))).collect();

        for see in TABLE.iter().map(|it| it.3).chain(BY_STATUS.iter().map(|it| it.2)) {
            assert!(anchors.contains(see), "{see}");
        }
    }

    #[test]
    fn a_rule_says_more_than_its_code() {
        let of_rule = suggest(400, "invalidValue", Some("vocabulary")).unwrap();
        let of_code = suggest(400, "invalidValue", Some("email")).unwrap();

        assert!(of_rule.advice.contains("`allowed`"));
        assert_ne!(of_rule, of_code);
        assert!(suggest(429, "serviceNotAvailable", None).unwrap().advice.contains("Retry-After"));
        assert_eq!(suggest(418, "teapot", None), None);
    }
}
