//! Judges of a history: what callers were told, held against what the log says.
//!
//! They know nothing of the server but the documented table, and each of them is shown to find what it looks for.

use std::collections::{BTreeMap, BTreeSet};

use liaison::{domain::etag::ETag, storage::LoggedChange};
use serde_json::Value;

/// A change of one record, as the log has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) action: String,
    /// Version before; `None` for a new record.
    pub(super) from: Option<u32>,
    pub(super) to: u32,
    /// Where the record stands after it.
    pub(super) state: String,
    /// Every value that it writes, by pointer.
    pub(super) written: BTreeMap<String, String>,
}

/// A write that its caller was told is done.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    /// Version that the caller had read; `None` when it named none.
    pub(super) base: Option<u32>,
    /// Version that the answer names.
    pub(super) version: u32,
    /// What tells this write from every other: a pointer and its value.
    pub(super) mark: Option<(String, String)>,
    /// Where the record stands, as the answer says.
    pub(super) state: Option<String>,
}

/// Returns the version that a token names.
pub(super) fn version_of(tag: &str) -> u32 {
    ETag::parse(tag).unwrap_or_else(|| panic!("{tag} is no token")).version
}

/// Reads the changes of one record; its state is put together from what they write.
pub(super) fn entries(changes: &[LoggedChange]) -> Vec<Entry> {
    let mut state = BTreeMap::from([("/status", "None".to_owned()), ("/substatus", "None".to_owned())]);
    let mut entries = Vec::new();
    for LoggedChange { change, .. } in changes {
        let mut written = BTreeMap::new();
        for difference in &change.differences {
            let value: Value = serde_json::from_str(difference.after.get()).unwrap();
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if let Some(place) = state.get_mut(difference.pointer.as_str()) {
                place.clone_from(&value);
            }
            written.insert(difference.pointer.clone(), value);
        }
        entries.push(Entry {
            action: change.action.as_str().to_owned(),
            from: change.from_etag.as_deref().map(version_of),
            to: change.to_version,
            state: format!("{}/{}", state["/status"], state["/substatus"]),
            written,
        });
    }
    entries
}

/// Lists where the versions of a record do not follow one from another, each from the one before.
pub(super) fn breaks_of_versions(log: &[Entry]) -> Vec<String> {
    let mut found = Vec::new();
    let mut last = None;
    for entry in log {
        if entry.from != last {
            found.push(format!("version {} starts from {:?}, and {last:?} was there", entry.to, entry.from));
        }
        if entry.to != entry.from.unwrap_or(0) + 1 {
            found.push(format!("version {} follows {:?}", entry.to, entry.from));
        }
        last = Some(entry.to);
    }
    found
}

/// Lists what callers were told that the log does not bear out: every acknowledged write is there once, and no two
/// start from one version.
pub(super) fn broken_promises(log: &[Entry], told: &[Acknowledged]) -> Vec<String> {
    let mut found = Vec::new();
    let (mut bases, mut versions) = (BTreeSet::new(), BTreeSet::new());
    for write in told {
        if let Some(base) = write.base {
            if !bases.insert(base) {
                found.push(format!("two acknowledged writes start from version {base}"));
            }
            if write.version != base + 1 {
                found.push(format!("a write from version {base} made version {}", write.version));
            }
        }
        if !versions.insert(write.version) {
            found.push(format!("two acknowledged writes are version {}", write.version));
        }
        let Some(entry) = log.iter().find(|it| it.to == write.version) else {
            found.push(format!("version {} was acknowledged and is not in the log", write.version));
            continue;
        };
        if let Some((pointer, value)) = &write.mark {
            let places = log.iter().filter(|it| it.written.get(pointer) == Some(value)).count();
            if places != 1 {
                found.push(format!("{value} stands in the log {places} times"));
            }
            if entry.written.get(pointer) != Some(value) {
                found.push(format!("version {} is not the one that wrote {value}", write.version));
            }
        }
        if let Some(state) = write.state.as_ref().filter(|it| **it != entry.state) {
            found.push(format!("version {} was said to be {state} and is {}", write.version, entry.state));
        }
    }
    found
}

/// Where each action leads from each state ("Create a referral", 2019 to 2024): what is not here is illegal.
const LEGAL: [(&str, &str, &[&str]); 12] = [
    ("None/None", "create", &["New/Pending", "Active/Accepted"]),
    ("New/Pending", "open", &["New/Received"]),
    ("New/*", "accept", &["Active/Accepted"]),
    ("New/*", "decline", &["Closed/Declined"]),
    ("New/*", "withdraw", &["Closed/Expired"]),
    ("New/*", "expire", &["Closed/Expired"]),
    ("New/*", "closeAsError", &["Closed/Error"]),
    ("Active/Accepted", "win", &["Closed/Won"]),
    ("Active/Accepted", "lose", &["Closed/Lost"]),
    ("Active/Accepted", "closeAsError", &["Closed/Error"]),
    ("New/*", "revise", &["stays"]),
    ("Active/Accepted", "revise", &["stays"]),
];

/// Lists the steps of a record that the documented table does not have.
pub(super) fn illegal_steps(log: &[Entry]) -> Vec<String> {
    let mut state = "None/None".to_owned();
    let mut found = Vec::new();
    for entry in log {
        let is_from =
            |it: &str| it == state || it.strip_suffix('*').is_some_and(|start| state.starts_with(start));
        let is_to = |it: &&str| *it == entry.state || (*it == "stays" && entry.state == state);
        let is_legal = LEGAL
            .iter()
            .any(|(from, action, to)| *action == entry.action && is_from(from) && to.iter().any(is_to));
        if !is_legal {
            found.push(format!("{} made {} of {state}", entry.action, entry.state));
        }
        state.clone_from(&entry.state);
    }
    found
}

/// Makes an entry for a history that nobody lived.
fn entry(action: &str, from: Option<u32>, to: u32, state: &str) -> Entry {
    let written = BTreeMap::from([("/details/notes".to_owned(), format!("note {to}"))]);
    Entry { action: action.to_owned(), from, to, state: state.to_owned(), written }
}

fn told(base: Option<u32>, version: u32) -> Acknowledged {
    let mark = Some(("/details/notes".to_owned(), format!("note {version}")));
    Acknowledged { base, version, mark, state: None }
}

fn sound_history() -> Vec<Entry> {
    vec![
        entry("create", None, 1, "New/Pending"),
        entry("accept", Some(1), 2, "Active/Accepted"),
        entry("revise", Some(2), 3, "Active/Accepted"),
        entry("win", Some(3), 4, "Closed/Won"),
    ]
}

#[test]
fn the_judges_find_nothing_in_a_sound_history() {
    let log = sound_history();

    assert_eq!(breaks_of_versions(&log), [""; 0]);
    assert_eq!(broken_promises(&log, &[told(Some(1), 2), told(None, 3), told(Some(3), 4)]), [""; 0]);
    assert_eq!(illegal_steps(&log), [""; 0]);
}

#[test]
fn the_judges_find_two_writes_from_one_version() {
    let mut log = sound_history();
    log[2].from = Some(1);

    assert_eq!(
        breaks_of_versions(&log),
        ["version 3 starts from Some(1), and Some(2) was there", "version 3 follows Some(1)"]
    );
    let promises = broken_promises(&sound_history(), &[told(Some(2), 3), told(Some(2), 3)]);
    assert!(promises.contains(&"two acknowledged writes start from version 2".to_owned()), "{promises:?}");
}

#[test]
fn the_judges_find_an_acknowledged_write_that_is_lost() {
    let log = sound_history();
    let mut overwritten = sound_history();
    overwritten[2].written.insert("/details/notes".to_owned(), "another".to_owned());

    assert_eq!(
        broken_promises(&log, &[told(Some(4), 5)]),
        ["version 5 was acknowledged and is not in the log"]
    );
    assert_eq!(
        broken_promises(&overwritten, &[told(Some(2), 3)]),
        ["note 3 stands in the log 0 times", "version 3 is not the one that wrote note 3"]
    );
}

#[test]
fn the_judges_find_an_answer_that_the_log_does_not_bear_out() {
    let state = Some("Closed/Lost".to_owned());
    let promises = broken_promises(&sound_history(), &[Acknowledged { state, ..told(Some(3), 4) }]);

    assert_eq!(promises, ["version 4 was said to be Closed/Lost and is Closed/Won"]);
}

#[test]
fn the_judges_find_a_step_that_the_table_does_not_have() {
    let history = |steps: &[(&str, &str)]| -> Vec<Entry> {
        let numbered = steps.iter().zip(1_u32..);
        numbered
            .map(|((action, state), to)| entry(action, to.checked_sub(1).filter(|it| *it > 0), to, state))
            .collect()
    };
    let create = ("create", "New/Pending");
    let accept = ("accept", "Active/Accepted");
    for (steps, said) in [
        (
            vec![create, accept, ("decline", "Closed/Declined")],
            "decline made Closed/Declined of Active/Accepted",
        ),
        (
            vec![create, accept, ("withdraw", "Closed/Expired")],
            "withdraw made Closed/Expired of Active/Accepted",
        ),
        (vec![create, ("win", "Closed/Won")], "win made Closed/Won of New/Pending"),
        (vec![create, accept, accept], "accept made Active/Accepted of Active/Accepted"),
        (
            vec![create, ("decline", "Closed/Declined"), ("revise", "Closed/Declined")],
            "revise made Closed/Declined of Closed/Declined",
        ),
        (vec![create, ("revise", "New/Received")], "revise made New/Received of New/Pending"),
        (vec![create, ("accept", "Closed/Won")], "accept made Closed/Won of New/Pending"),
    ] {
        assert_eq!(illegal_steps(&history(&steps)), [said]);
    }
}
