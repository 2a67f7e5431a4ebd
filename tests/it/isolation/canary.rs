//! A document with a text of its own in every member, which facet each member belongs to, and the search for texts
//! that reached somebody whom the policy does not name.
//!
//! The facets stand here a second time, by pointer: `domain::visibility` is what is judged.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{LazyLock, Mutex},
};

use liaison::domain::{referral::Referral, visibility::Facet};
use serde_json::{Value, json};

use crate::world::*;

use Facet::{Contacts, Deal, Notes, Record, Solutions, Team, Value as Worth, Work};

/// Members by the start of their pointer; the longest start decides. `*` stands for a place in a list.
const FACETS: [(Facet, &[&str]); 8] = [
    (
        Record,
        &[
            "/id",
            "/engagementId",
            "/organizationId",
            "/organizationName",
            "/createdDateTime",
            "/updatedDateTime",
            "/expirationDateTime",
            "/acceptedDateTime",
            "/closedDateTime",
            "/status",
            "/substatus",
            "/qualification",
            "/type",
            "/details/closingDateTime",
        ],
    ),
    (Team, &["/team"]),
    (Solutions, &["/details/requirements/solutions"]),
    (
        Deal,
        &[
            "/name",
            "/target",
            "/consent",
            "/referralSource",
            "/callToAction",
            "/partnerRole",
            "/solutionArea",
            "/solutionPlay",
            "/customerProfile",
            "/details/requirements",
            "/details/customerRequestedContact",
            "/inviteContext/invitedBy",
            "/inviteContext/assistanceRequestCode",
        ],
    ),
    (Contacts, &["/customerProfile/team", "/customerProfile/ids"]),
    (
        Worth,
        &[
            "/details/dealValue",
            "/details/currency",
            "/details/incentiveLevel",
            "/details/requirements/solutions/*/price",
            "/details/requirements/solutions/*/quantity",
            "/details/requirements/solutions/*/currency",
        ],
    ),
    (Notes, &["/details/notes", "/details/customerAction", "/statusReason", "/inviteContext/notes"]),
    (
        Work,
        &[
            "/externalReferenceId",
            "/campaignId",
            "/salesStage",
            "/mpnId",
            "/referralProgram",
            "/lastRunId",
            "/lastModifiedVia",
            "/createdVia",
            "/tags",
            "/trackingInfo",
            "/registrations",
            "/registrationStatus",
            "/exception",
            "/quality",
            "/isSpam",
            "/dealSensitivity",
            "/inviteContext/invitedMpnId",
        ],
    ),
];

/// Members that say something of the viewer, or of the answer.
const OF_THE_VIEWER: [&str; 6] =
    ["eTag", "favorite", "direction", "links", "@odata.context", "@liaison.report"];

static BLANK: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&Referral::blank().to_document()).unwrap());

pub(super) const EVERYTHING: [Facet; 8] = [Record, Team, Solutions, Deal, Contacts, Worth, Notes, Work];

/// What every canary holds one of, in lower case.
const KINDS: [&str; 3] = ["canary", "1.25", "22:33.457"];

/// A text that stands in one member of one document.
#[derive(Clone, Debug)]
pub(super) struct Canary {
    pub(super) facet: Facet,
    pub(super) text: String,
}

/// Returns the facet of a member; `None` for one that has no place in the table. Looked up once for each pointer.
pub(super) fn facet_of(pointer: &str) -> Option<Facet> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Option<Facet>>>> = LazyLock::new(Mutex::default);
    if let Some(facet) = KNOWN.lock().unwrap().get(pointer) {
        return *facet;
    }
    let facet = look_up_facet(pointer);
    KNOWN.lock().unwrap().insert(pointer.to_owned(), facet);
    facet
}

fn look_up_facet(pointer: &str) -> Option<Facet> {
    let general: Vec<&str> = pointer
        .split('/')
        .map(|it| if !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()) { "*" } else { it })
        .collect();
    let general = general.join("/");
    let starts = |start: &str| {
        general.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let all = FACETS.iter().flat_map(|(facet, starts)| starts.iter().map(move |it| (*facet, *it)));
    all.filter(|(_, start)| starts(start)).max_by_key(|(_, start)| start.len()).map(|(facet, _)| facet)
}

/// Every member of the document, with one item in every list. `TEXT`, `EMAIL`, `NUMBER` and `TIME` become canaries.
const FULL: &str = r#"{
  "name": "TEXT", "lastModifiedVia": "TEXT", "lastRunId": "TEXT", "externalReferenceId": "TEXT",
  "statusReason": "TEXT", "qualification": "SalesQualified", "type": "Shared", "referralSource": "TEXT",
  "campaignId": "TEXT", "salesStage": "TEXT", "quality": "TEXT", "isSpam": true, "mpnId": "7000001",
  "referralProgram": "TEXT", "dealSensitivity": "TEXT", "createdVia": "TEXT", "tags": ["TEXT"],
  "callToAction": "TEXT", "registrationStatus": "ReviewPending",
  "target": [{"type": "SolutionProfile", "id": "TEXT"}],
  "customerProfile": {
    "name": "TEXT", "size": "10to50employees", "isMatchingComplete": true,
    "address": {"addressLine1": "TEXT", "addressLine2": "TEXT", "city": "TEXT", "state": "TEXT",
      "postalCode": "TEXT", "country": "CH", "region": "TEXT"},
    "team": [{"firstName": "TEXT", "lastName": "TEXT", "phoneNumber": "TEXT", "email": "EMAIL", "title": "TEXT",
      "contactPreference": {"locale": "rm-CH", "disableNotifications": true}}],
    "ids": [{"profileType": "External", "id": "TEXT"}]
  },
  "consent": {"consentToToShareInfoWithOthers": true, "consentToContact": true,
    "consentToMicrosoftToContactSpecificPartners": true, "consentToShareReferralWithMicrosoftSellers": false},
  "details": {
    "notes": "TEXT", "dealValue": "NUMBER", "currency": "CHF", "closingDateTime": "TIME",
    "customerRequestedContact": true, "customerAction": "TEXT", "incentiveLevel": "TEXT",
    "requirements": {
      "industries": [{"id": "TEXT"}], "products": [{"id": "TEXT"}], "services": [{"id": "TEXT"}],
      "solutions": [{"id": "TEXT", "name": "TEXT", "type": "Name", "price": "NUMBER", "quantity": "NUMBER",
        "currency": "CHF", "publisherName": "TEXT", "solutionType": "TEXT", "closingDateTime": "TIME"}],
      "offers": [{"id": "TEXT", "name": "TEXT"}], "salesPlays": [{"id": "TEXT"}],
      "additionalRequirements": {
        "iot": {"customerLicenseAgreementNumber": "TEXT", "deviceCategory": "TEXT", "siliconType": "TEXT",
          "azureCertifiedDevice": true, "attachServices": true},
        "attributes": [{"type": "TEXT", "id": "TEXT"}]
      }
    }
  },
  "team": [{"firstName": "TEXT", "lastName": "TEXT", "phoneNumber": "TEXT", "email": "ned@northwind.example",
    "title": "TEXT", "contactPreference": {"locale": "de-CH", "disableNotifications": true}}],
  "inviteContext": {"notes": "TEXT", "assistanceRequestCode": "QuotesOrLicensing", "invitedMpnId": "TEXT",
    "invitedBy": {"organizationId": "TEXT", "organizationName": "TEXT"}},
  "trackingInfo": {"microsoftMsxId": "TEXT", "microsoftUSFedOpportunityId": "TEXT", "microsoftUSFedLeadId": "TEXT",
    "migratedPSCDealId": "TEXT", "migratedPSCPartnerDealId": "TEXT"},
  "registrations": [{"id": "TEXT", "type": "AzureIPCoSell", "registrationDateTime": "TIME", "status": "ReviewPending",
    "statusReason": "TEXT",
    "contract": {"value": "NUMBER", "currency": "CHF", "startDateTime": "TIME", "endDateTime": "TIME",
      "signDateTime": "TIME", "term": "Finite"},
    "solutionDetails": [{"id": "TEXT", "name": "TEXT", "value": "NUMBER", "currency": "CHF",
      "isDeployedOnAzure": true, "primaryDeploymentOn": "Partner", "pricingModel": "Other",
      "marketplaceTransactionDetails": {"isMarketplaceTransacted": true, "marketplaceTransactionDateTime": "TIME"}}],
    "statusHistory": {"reviewPendingDateTime": "TIME", "actionRequiredDateTime": "TIME", "passedDateTime": "TIME",
      "failedDateTime": "TIME", "approvedDateTime": "TIME"}}],
  "exception": "TEXT", "partnerRole": "TEXT", "solutionArea": "TEXT", "solutionPlay": "TEXT"
}"#;

/// Returns a document with a canary in every member that can hold one. Two generations have none in common.
pub(super) fn document(generation: u8) -> (Value, Vec<Canary>) {
    let mut document: Value = serde_json::from_str(FULL).unwrap();
    let mut canaries = Vec::new();
    for pointer in leaves(&document) {
        let facet = facet_of(&pointer).unwrap_or_else(|| panic!("{pointer} has no facet"));
        let name = pointer.replace('/', ".");
        let number = canaries.len();
        let place = document.pointer_mut(&pointer).unwrap();
        let text = match place.as_str() {
            Some("TEXT") => format!("canary{generation}{name}."),
            Some("EMAIL") => format!("canary{generation}{name}@canary.example"),
            Some("NUMBER") => format!("73{generation}{number:03}1.25"),
            Some("TIME") => format!("2031-0{generation}-11T11:22:33.457{number:03}1Z"),
            _ => continue,
        };
        assert!(KINDS.iter().any(|kind| text.contains(kind)), "{text} is of no kind");
        *place = if *place == "NUMBER" { serde_json::from_str(&text).unwrap() } else { json!(text) };
        canaries.push(Canary { facet, text });
    }
    (document, canaries)
}

/// Lists the pointers of everything that is neither an object nor a list with items.
pub(super) fn leaves(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(document, &mut String::new(), &mut found);
    found
}

fn collect(value: &Value, path: &mut String, found: &mut Vec<String>) {
    let length = path.len();
    let mut enter = |name: &str, value: &Value| {
        path.push('/');
        path.push_str(name);
        collect(value, path, found);
        path.truncate(length);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| enter(name, value)),
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, value)| enter(&index.to_string(), value));
        }
        _ => found.push(path.clone()),
    }
}

/// Lists the canaries that an answer carries although their facets are not shown to who gets it.
pub(super) fn leaks(answer: &Answer, canaries: &[Canary], shown: &[Facet]) -> Vec<String> {
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    let headers = format!("{:?}", answer.headers).to_lowercase();
    // Most answers hold no canary of any kind: a search for each of them would be most of what this matrix costs.
    let kinds: Vec<&str> = KINDS.into_iter().filter(|it| body.contains(it) || headers.contains(it)).collect();
    let withheld = canaries.iter().filter(|it| !shown.contains(&it.facet));
    let found = withheld.filter(|it| {
        let text = it.text.to_lowercase();
        kinds.iter().any(|kind| text.contains(kind)) && (body.contains(&text) || headers.contains(&text))
    });
    found.map(|it| format!("the {:?} canary {} is in the answer", it.facet, it.text)).collect()
}

/// Returns a document as the policy shows it: from the blank one and the facets that are shown.
pub(super) fn as_shown(stored: &Value, shown: &[Facet]) -> Value {
    let mut expected = stored.clone();
    for name in OF_THE_VIEWER {
        expected.as_object_mut().unwrap().shift_remove(name);
    }
    let is_shown = |pointer: &str| {
        let facet = facet_of(pointer).unwrap_or_else(|| panic!("{pointer} has no facet: add it to FACETS"));
        shown.contains(&facet)
    };
    let mut withheld_lists = BTreeSet::new();
    for pointer in leaves(&expected) {
        if is_shown(&pointer) {
            continue;
        }
        withheld_lists.extend(list_of(&pointer).filter(|list| !is_shown(list)));
        *expected.pointer_mut(&pointer).unwrap() = BLANK.pointer(&pointer).cloned().unwrap_or(Value::Null);
    }
    for list in withheld_lists {
        *expected.pointer_mut(&list).unwrap() = json!([]);
    }
    expected
}

/// Returns the outermost list that a member stands in.
fn list_of(pointer: &str) -> Option<String> {
    let mut above = String::new();
    for segment in pointer.split('/').skip(1) {
        if segment.bytes().all(|it| it.is_ascii_digit()) {
            return Some(above);
        }
        above.push('/');
        above.push_str(segment);
    }
    None
}

/// Returns a document that was answered without what is the viewer's own.
pub(super) fn facts(mut answered: Value) -> Value {
    for name in OF_THE_VIEWER {
        answered.as_object_mut().unwrap().shift_remove(name);
    }
    answered
}
