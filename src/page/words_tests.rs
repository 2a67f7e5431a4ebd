//! The catalogues belong together, and hold what pages say.

use std::{collections::BTreeSet, fs, path::Path};

use super::{Language, Words};

fn names(language: Language) -> BTreeSet<String> {
    let lines = language.files().iter().flat_map(|(_, text)| text.lines());
    let names = lines.filter(|it| it.starts_with(|char: char| char.is_ascii_lowercase()));
    names.filter_map(|it| it.split_once(" =")).map(|(name, _)| name.trim().to_owned()).collect()
}

#[test]
fn every_language_says_the_same() {
    let (english, dutch) = (names(Language::English), names(Language::Dutch));
    assert!(english.len() > 50, "the catalogue is read");
    assert_eq!(english.difference(&dutch).collect::<Vec<_>>(), Vec::<&String>::new(), "not said in Dutch");
    assert_eq!(dutch.difference(&english).collect::<Vec<_>>(), Vec::<&String>::new(), "said in Dutch only");
}

/// Returns what stands in the first text after each call of one of the functions that say something.
fn said(text: &str, found: &mut BTreeSet<String>) {
    for call in [".say(\"", ".count(\"", ".about(\"", ".between(\""] {
        let rest = text.split(call).skip(1);
        found.extend(rest.filter_map(|it| it.split_once('"')).map(|(name, _)| name.to_owned()));
    }
}

fn read(folder: &Path, ending: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, ending, found);
        } else if path.extension().is_some_and(|it| it == ending) {
            said(&fs::read_to_string(&path).unwrap(), found);
        }
    }
}

#[test]
fn pages_say_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    read(&root.join("templates/web"), "html", &mut found);
    read(&root.join("src/web"), "rs", &mut found);
    read(&root.join("src/http/authorize"), "rs", &mut found);
    let english = names(Language::English);
    assert!(found.len() > 30, "the templates are read");
    assert_eq!(found.difference(&english).collect::<Vec<_>>(), Vec::<&String>::new(), "in no catalogue");
}

#[test]
fn the_language_is_the_one_that_is_wanted_most() {
    let cases = [
        ("nl", Some(Language::Dutch)),
        ("nl-BE,nl;q=0.9,en;q=0.8", Some(Language::Dutch)),
        ("fr, en;q=0.4, nl;q=0.7", Some(Language::Dutch)),
        ("en,nl", Some(Language::English)),
        ("nl;q=0, en;q=0.1", Some(Language::English)),
        ("fr-FR", None),
        ("", None),
        ("nl;q=x", None),
    ];
    for (header, expected) in cases {
        assert_eq!(Language::accepted(header), expected, "{header}");
    }
}

#[test]
fn numbers_choose_their_words() {
    let english = Words(Language::English);
    assert_eq!(english.count("days-left", 1), "1 day left");
    assert_eq!(english.count("days-left", 14), "14 days left");
    assert_eq!(Words(Language::Dutch).count("days-left", 2), "nog 2 dagen");
}
