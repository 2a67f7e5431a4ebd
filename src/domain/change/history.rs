//! What the changes of a record did, as one viewer may see it.
//!
//! Differences are not filtered: both versions are rebuilt, redacted like every document that leaves, and compared.
//! So what the table of facets withholds can be in no outcome, whichever pointer it was logged under.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Action, BLANK_DOCUMENT, Change, Difference, Replay, ReplayError};
use crate::domain::{
    json::{
        JsonError, Node,
        tree::{edits, is_related},
    },
    referral::Referral,
    visibility::{self, Facet},
};

/// Members that say what the change itself says: when, and through what.
const BOOKKEEPING: [&str; 2] = ["/updatedDateTime", "/lastModifiedVia"];

/// What a change did to one member.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum MemberChange {
    /// It has another value. Objects are entered; a list counts as a whole.
    Changed {
        /// JSON pointer into the document.
        pointer: String,
        /// The value before; null in the first change of a record.
        #[schema(value_type = serde_json::Value)]
        before: Node,
        /// The value after.
        #[schema(value_type = serde_json::Value)]
        after: Node,
    },
    /// Its values were erased from the log.
    Erased {
        /// JSON pointer into the document.
        pointer: String,
        /// Always true.
        erased: bool,
    },
}

/// Why the history of a record cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The changes do not follow from one another.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A logged value is not JSON.
    #[error("a logged value cannot be read")]
    Value(#[from] JsonError),
    /// A version is no document.
    #[error("a version of the document cannot be read")]
    Document(#[from] serde_json::Error),
}

/// Returns what each change of one record did to the members that a viewer is shown. `changes` are all there are, in
/// order; `withheld` is what [`visibility::withheld`] says of the record as it stands.
///
/// # Errors
/// When the log was altered, so that nothing can be told with certainty.
pub fn member_changes<'a>(
    changes: impl IntoIterator<Item = &'a Change>,
    withheld: u16,
) -> Result<Vec<Vec<MemberChange>>, HistoryError> {
    let mut replay = Replay::default();
    let mut before = seen(&replay, withheld)?;
    let mut history = Vec::new();
    for change in changes {
        if replay.recall(&change.differences) {
            before = seen(&replay, withheld)?;
        }
        replay.apply(&change.differences)?;
        let after = seen(&replay, withheld)?;
        history.push(compare(change, &before, &after, withheld));
        before = after;
    }
    Ok(history)
}

/// A record before and after a change, as a viewer is shown it.
pub struct ShownVersions {
    before: Option<Node>,
    after: Node,
}

impl ShownVersions {
    /// Returns the document before; `None` for the change that made the record.
    pub fn before(&self) -> Option<String> {
        self.before.as_ref().map(Node::to_json)
    }

    /// Returns the document after.
    pub fn after(&self) -> String {
        self.after.to_json()
    }

    /// Returns the customer's name after; `None` where it is withheld, or there is none.
    pub fn customer_name(&self) -> Option<String> {
        match self.after.at("/customerProfile/name") {
            Some(Node::Text(name)) => Some(name.clone()),
            _ => None,
        }
    }
}

/// Returns what each change of one record made of it. `changes` are all there are, in order; `withheld` is what
/// [`visibility::withheld`] says of the record as it stands.
///
/// # Errors
/// When the log was altered, so that nothing can be told with certainty.
pub fn shown_versions(changes: &[Change], withheld: u16) -> Result<Vec<ShownVersions>, HistoryError> {
    let mut replay = Replay::default();
    let (mut before, mut versions) = (None, Vec::with_capacity(changes.len()));
    for change in changes {
        if replay.recall(&change.differences) {
            before = before.map(|_| seen(&replay, withheld)).transpose()?;
        }
        replay.apply(&change.differences)?;
        let after = seen(&replay, withheld)?;
        versions.push(ShownVersions { before: before.replace(after.clone()), after });
    }
    Ok(versions)
}

/// Returns the name of what was done, as a viewer may know it: that a record was shared with Microsoft is what one
/// member of its consent says.
pub fn shown_action(action: Action, withheld: u16) -> Action {
    match action {
        Action::ShareWithMicrosoft if visibility::is_withheld(Facet::Deal, withheld) => Action::Revise,
        Action::Create
        | Action::Open
        | Action::Accept
        | Action::Decline
        | Action::Win
        | Action::Lose
        | Action::CloseAsError
        | Action::Withdraw
        | Action::Expire
        | Action::Revise
        | Action::ShareWithMicrosoft
        | Action::Share => action,
    }
}

fn compare(change: &Change, before: &Node, after: &Node, withheld: u16) -> Vec<MemberChange> {
    let is_erased = |it: &&Difference| it.commitment.is_some();
    let erased: Vec<_> = change.differences.iter().filter(is_erased).map(|it| it.pointer.as_str()).collect();
    let is_first = change.from_etag.is_none();
    let edits = edits(before, after).into_iter();
    let edits = edits.filter(|it| !erased.iter().any(|erased| is_related(erased, &it.pointer)));
    let mut members: Vec<_> = edits
        .filter(|it| !BOOKKEEPING.contains(&it.pointer.as_str()))
        .map(|it| MemberChange::Changed {
            pointer: it.pointer,
            before: if is_first { Node::Null } else { it.before.clone() },
            after: it.after.clone(),
        })
        .collect();
    // Which facet an erased value belonged to cannot be asked of a document that lacks it, so only who is shown all
    // of the record is told.
    if withheld == 0 {
        let told = erased.into_iter().map(|it| MemberChange::Erased { pointer: it.to_owned(), erased: true });
        members.extend(told);
    }
    members
}

/// Returns the state that was reached, as the viewer is shown it; an erased value is neutral.
fn seen(replay: &Replay, withheld: u16) -> Result<Node, HistoryError> {
    let mut tree = Node::from_document(&BLANK_DOCUMENT)?;
    for (pointer, value) in &replay.0 {
        if let Some(value) = value {
            tree.set(pointer, Node::from_document(value)?);
        }
    }
    let referral = Referral::from_document(&tree.to_json())?;
    Ok(Node::from_document(&visibility::without(referral, withheld).to_document())?)
}

impl Replay {
    /// Takes back what an earlier change lost by erasure and this one still knows. Says whether there was anything.
    fn recall(&mut self, differences: &[Difference]) -> bool {
        let mut is_recalled = false;
        for difference in differences.iter().filter(|it| it.commitment.is_none()) {
            if let Some(value @ None) = self.0.get_mut(&difference.pointer) {
                *value = Some(difference.before.get().to_owned());
                is_recalled = true;
            }
        }
        is_recalled
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{MemberChange, member_changes, shown_action};
    use crate::domain::{
        actor::Author,
        change::{Action, Change, SALT_BYTES, Version},
        json::{Node, decimal::Decimal},
        referral::{Consent, Member, Referral},
        sources::Random,
        time::Timestamp,
        visibility::{RELATIONS, Relation, withheld},
    };

    fn deal() -> Referral {
        let mut deal =
            Referral { id: Uuid::from_u128(1), name: Some("Deal".to_owned()), ..Referral::blank() };
        deal.details.deal_value = Decimal::parse("50000");
        deal.details.notes = Some("a note".to_owned());
        deal
    }

    fn log(versions: &[Referral]) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut before: Option<&Referral> = None;
        for (number, after) in (1..).zip(versions) {
            let (from, document) = (before.map(Referral::to_document), after.to_document());
            let version = |document, number| Version { document, etag: "\"e\"", number };
            let from = from.as_deref().map(|it| version(it, number - 1));
            let (author, random) = (Author::server("test"), Random::new(|buffer| buffer.fill(7)));
            let action = if before.is_none() { Action::Create } else { Action::Revise };
            let change =
                Change::new(action, &author, after, from, version(&document, number), &random).unwrap();
            changes.push(change);
            before = Some(after);
        }
        changes
    }

    fn told(changes: &[Change], withheld: u16) -> Vec<Vec<String>> {
        let line = |it: &MemberChange| match it {
            MemberChange::Changed { pointer, before, after } => {
                format!("{pointer} {} {}", before.to_json(), after.to_json())
            }
            MemberChange::Erased { pointer, .. } => format!("{pointer} erased"),
        };
        let history = member_changes(changes, withheld).unwrap();
        history.iter().map(|it| it.iter().map(line).collect()).collect()
    }

    fn erase(change: &mut Change, pointer: &str) {
        let index = change.differences.iter().position(|it| it.pointer == pointer).unwrap();
        let salt = &mut change.salts[index * SALT_BYTES..][..SALT_BYTES];
        change.differences[index].erase(salt);
    }

    #[test]
    fn the_first_change_lists_what_was_set_and_later_ones_what_differs() {
        let mut second = deal();
        second.details.deal_value = Decimal::parse("60000.50");
        second.updated_date_time = Timestamp::from_unix_secs(5);
        second.last_modified_via = Some("Liaison".to_owned());
        let changes = log(&[deal(), second]);

        let told = told(&changes, 0);

        assert_eq!(
            told[0],
            [
                "/id null \"00000000-0000-0000-0000-000000000001\"",
                "/name null \"Deal\"",
                "/details/notes null \"a note\"",
                "/details/dealValue null 50000",
            ]
        );
        assert_eq!(told[1], ["/details/dealValue 50000 60000.50"]);
    }

    #[test]
    fn what_is_withheld_is_in_no_change_for_any_relation() {
        let mut second = deal();
        second.details.deal_value = Decimal::parse("60000");
        second.details.notes = Some("another note".to_owned());
        second.external_reference_id = Some("CRM-1".to_owned());
        second.customer_profile.team = vec![Member::default()];
        let changes = log(&[deal(), second]);

        for relation in RELATIONS {
            let withheld = withheld(&Consent::default(), relation, false);
            let told = told(&changes, withheld).concat().join("\n");

            let is_party = relation == Relation::Party;
            assert_eq!(told.contains("/details/dealValue 50000 60000"), !is_party, "{relation:?} {told}");
            assert_eq!(told.contains("note"), !is_party, "{relation:?} {told}");
            let sees_work = [Relation::Owner, Relation::Inviter].contains(&relation);
            assert_eq!(told.contains("CRM-1"), sees_work, "{relation:?} {told}");
        }
    }

    #[test]
    fn a_withheld_change_is_told_without_members() {
        let mut second = deal();
        second.details.notes = Some("another note".to_owned());
        let changes = log(&[deal(), second]);

        let told = told(&changes, withheld(&Consent::default(), Relation::Party, true));

        assert_eq!(told, [vec!["/id null \"00000000-0000-0000-0000-000000000001\""], vec![]]);
    }

    #[test]
    fn an_erased_value_is_named_to_who_sees_everything_and_missed_by_nobody_else() {
        let mut second = deal();
        second.name = Some("Second".to_owned());
        let mut third = second.clone();
        third.name = Some("Third".to_owned());
        let mut changes = log(&[deal(), second, third]);
        erase(&mut changes[0], "/name");
        erase(&mut changes[1], "/name");

        let all = told(&changes, 0);
        let some = told(&changes, withheld(&Consent::default(), Relation::Invitee, true));

        assert_eq!(all[0].last().unwrap(), "/name erased");
        assert_eq!(all[1], ["/name erased"]);
        assert_eq!(all[2], ["/name \"Second\" \"Third\""], "this change was not erased");
        assert!(!some[0].concat().contains("/name"), "{some:?}");
        assert_eq!(some[1], Vec::<String>::new());
    }

    #[test]
    fn a_log_that_was_altered_is_not_told() {
        let mut changes = log(&[deal(), Referral { name: Some("Second".to_owned()), ..deal() }]);
        changes.remove(0);

        assert!(member_changes(&changes, 0).is_err());
    }

    #[test]
    fn sharing_with_microsoft_is_a_revision_to_who_sees_no_consent() {
        let party = withheld(&Consent::default(), Relation::Party, true);

        assert_eq!(shown_action(Action::ShareWithMicrosoft, party), Action::Revise);
        assert_eq!(shown_action(Action::ShareWithMicrosoft, 0), Action::ShareWithMicrosoft);
        assert_eq!(shown_action(Action::Accept, party), Action::Accept);
    }

    #[test]
    fn values_are_written_as_they_stand_in_the_document() {
        let member = MemberChange::Changed {
            pointer: "/details/dealValue".to_owned(),
            before: Node::Null,
            after: Node::Number("1234.50".to_owned()),
        };

        let text = serde_json::to_string(&member).unwrap();

        assert_eq!(text, r#"{"pointer":"/details/dealValue","before":null,"after":1234.50}"#);
    }
}
