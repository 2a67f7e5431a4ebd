//! The documents are true: links, commands, settings, error codes and tables are those of the program.
//!
//! As in `tidy.rs`, text is read and not parsed; a failure says which document has to change, and how.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use liaison::config::DEFAULTS;

const DOCUMENTS: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "API.md", "STYLE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

fn exists(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Returns the rows of the first table whose header row begins with `header`, without header and rule.
fn table(document: &str, header: &str) -> Vec<Vec<String>> {
    let text = read(document);
    let mut lines = text.lines().skip_while(|it| !it.starts_with(header));
    assert!(lines.next().is_some(), "{document} has no table that begins with \"{header}\"");
    let rows = lines.skip(1).take_while(|it| it.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|it| it.trim().to_owned()).collect()).collect()
}

/// Returns what stands between single backquotes, outside fenced blocks.
fn code_spans(text: &str) -> Vec<String> {
    let mut spans = Vec::new();
    let mut is_fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        match line.starts_with("```") {
            true => is_fenced = !is_fenced,
            false if !is_fenced => prose.extend([line, "\n"]),
            false => {}
        }
    }
    spans.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    spans
}

/// Returns every text between double quotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// Lists the Rust files below a folder.
fn rust_files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("the folder is there");
    for entry in entries {
        let entry = entry.expect("a folder can be listed");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true => found.extend(rust_files(&path)),
            false if path.ends_with(".rs") && !path.contains("test") => found.push(path),
            false => {}
        }
    }
    found
}

mod visibility {
    use liaison::domain::visibility::{RELATIONS, Sight, TABLE};

    use super::table;

    #[test]
    fn the_table_of_who_sees_what_is_the_programs() {
        let columns: Vec<_> = RELATIONS.iter().map(|it| format!("{it:?}")).collect();
        let header = format!("| Facet | {} |", columns.join(" | "));
        let expected: Vec<Vec<String>> = TABLE
            .iter()
            .map(|(facet, sights)| {
                let cells = sights.iter().map(|it| match it {
                    Sight::Shown => "Shown".to_owned(),
                    Sight::WithConsent => "With consent".to_owned(),
                    Sight::Withheld => "Withheld".to_owned(),
                });
                [format!("{facet:?}")].into_iter().chain(cells).collect()
            })
            .collect();

        let mut written = table("API.md", &header);
        written.iter_mut().for_each(|row| row.truncate(columns.len() + 1));

        assert_eq!(written, expected, "correct the table \"Who sees what\" of API.md (left) to the right");
    }
}

mod lifecycle {
    use liaison::domain::{
        lifecycle::{Outcome, TABLE},
        revision::{frozen, patch},
    };

    use super::{code_spans, table};

    #[test]
    fn the_table_of_the_lifecycle_is_the_programs() {
        let code = |text: &str| format!("`{text}`");
        let expected: Vec<Vec<String>> = TABLE
            .iter()
            .map(|row| {
                let from: Vec<_> = row.from.iter().map(ToString::to_string).collect();
                let to = match row.to {
                    Outcome::Stays => "the same".to_owned(),
                    Outcome::Moves(to) => to.to_string(),
                };
                let requires: Vec<_> = row.requires.iter().map(|it| code(it)).collect();
                let who = row.side.as_str().to_owned();
                vec![code(row.action.as_str()), who, from.join(", "), to, requires.join(", ")]
            })
            .collect();

        let mut written = table("API.md", "| Action | Who | From |");
        written.iter_mut().for_each(|row| row.resize(5, String::new()));
        written.iter_mut().flatten().for_each(|cell| *cell = cell.trim_matches([' ', '|']).to_owned());

        assert_eq!(written, expected, "correct the table of the lifecycle in API.md (left) to the right");
    }

    #[test]
    fn the_paths_of_a_patch_and_what_may_not_change_are_the_programs() {
        let cells = |header: &str, row: usize| code_spans(&table("API.md", header)[row][1]);
        let listed = |pointers: &[&str]| pointers.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let named = |pointers: &[&str]| {
            pointers.iter().map(|it| it.trim_start_matches('/').to_owned()).collect::<Vec<_>>()
        };

        assert_eq!(cells("| What a patch can change |", 0), listed(patch::VALUES));
        assert_eq!(cells("| What a patch can change |", 1), listed(patch::LISTS));
        assert_eq!(cells("| Rule | Members |", 0), named(frozen::AFTER_CREATION));
        assert_eq!(cells("| Rule | Members |", 1), named(frozen::ONCE_SHARED));
        assert_eq!(cells("| Rule | Members |", 2), named(&[frozen::ONE_WAY]));
    }
}

mod notices {
    use liaison::domain::{
        notice::{Audience, Happening, MATRIX, Matter, REMINDERS_DAYS},
        vocabulary::Vocabulary as _,
    };

    use super::table;

    #[test]
    fn the_table_of_notices_is_the_programs() {
        let [first, last] = REMINDERS_DAYS;
        let expected: Vec<Vec<String>> = MATRIX
            .iter()
            .map(|row| {
                let matter = match row.matter {
                    Matter::Opportunity => "an opportunity",
                    Matter::Lead => "a lead",
                };
                let when = match row.happening {
                    Happening::Change(action) => format!("`{}`", action.as_str()),
                    Happening::Deadline => format!("{first} days and {last} day before the deadline"),
                };
                let to = match row.audience {
                    Audience::Sender => "the sender's team",
                    Audience::Receiver => "the receiver's admins",
                };
                let mailed = if row.is_mailed { "yes" } else { "if asked for" };
                let kind = format!("`{}`", row.kind.as_str());
                vec![kind, matter.to_owned(), when, to.to_owned(), mailed.to_owned()]
            })
            .collect();

        let mut written = table("API.md", "| Notice | Of | When |");
        written.iter_mut().flatten().for_each(|cell| *cell = cell.trim_matches([' ', '|']).to_owned());

        assert_eq!(written, expected, "correct the table of notices in API.md (left) to the right");
    }
}

mod errors {
    use std::collections::BTreeSet;

    use super::{assert_none, code_spans, quoted, read, rust_files, table};

    /// Returns every code that a client can read in `innerError`.
    fn codes() -> BTreeSet<String> {
        let report = read("src/domain/report.rs");
        let problems = report.lines().filter(|it| it.trim_start().starts_with("Self::"));
        let mut codes: BTreeSet<String> = problems.flat_map(quoted).map(str::to_owned).collect();
        for file in rust_files("src/http") {
            let text = read(&file);
            let production = text.split("#[cfg(test)]").next().unwrap_or_default();
            for call in [".inner(\"", "invalid(message, \"", "unauthenticated(message, \""] {
                let rests = production.split(call).skip(1);
                codes.extend(rests.filter_map(|it| it.split('"').next()).map(str::to_owned));
            }
            let unavailable = production.split("unavailable(message, \"").skip(1);
            codes.extend(unavailable.filter_map(|it| it.split('"').next()).map(str::to_owned));
        }
        codes
    }

    #[test]
    fn every_code_is_documented_and_every_documented_code_exists() {
        let documented: BTreeSet<String> = table("API.md", "| Status | `error.code` |")
            .iter()
            .filter_map(|row| row.get(2))
            .flat_map(|cell| code_spans(cell))
            .collect();
        let codes = codes();

        assert!(codes.len() > 30, "this test has lost sight of the codes: it found {codes:?}");
        let missing =
            codes.difference(&documented).map(|it| format!("API.md: add {it} to the table of errors"));
        let stale =
            documented.difference(&codes).map(|it| format!("API.md: {it} is in no answer; take it out"));
        assert_none(&missing.chain(stale).collect::<Vec<_>>());
    }

    #[test]
    fn every_documented_rule_exists_and_has_its_code() {
        let sources: String = ["report", "lifecycle", "engagement", "validation", "referral/draft"]
            .into_iter()
            .chain(["referral/reader", "organization/form"])
            .map(|it| read(&format!("src/domain/{it}.rs")))
            .chain([read("src/http/failure.rs")])
            .chain(["users", "solutions"].map(|it| read(&format!("src/service/administration/{it}.rs"))))
            .collect();
        let (mut problems, codes) = (Vec::new(), codes());
        let rows = ["| Rule | Code |", "| Rule of administration | Code |"].map(|it| table("API.md", it));
        for row in rows.concat() {
            let [rules, named, ..] = row.as_slice() else { continue };
            for rule in code_spans(rules).iter().filter(|it| !sources.contains(&format!("\"{it}\""))) {
                problems.push(format!("API.md: no rule is called {rule}; correct the table of rules"));
            }
            for code in code_spans(named).iter().filter(|it| !codes.contains(*it)) {
                problems.push(format!("API.md: no code is called {code}; correct the table of rules"));
            }
        }
        assert_none(&problems);
    }
}

mod settings {
    use std::collections::BTreeMap;

    use super::{DEFAULTS, DOCUMENTS, assert_none, code_spans, read, table};

    /// Returns every setting with its default: dotted path and text.
    fn defaults() -> BTreeMap<String, String> {
        let mut section = String::new();
        let mut defaults = BTreeMap::new();
        for line in DEFAULTS.lines().map(str::trim).filter(|it| !it.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((key, value)) = line.split_once(" = ") {
                defaults.insert(format!("{section}{key}"), value.to_owned());
            }
        }
        defaults
    }

    #[test]
    fn every_limit_is_documented_with_its_default() {
        let rows = table("API.md", "| Setting | Default |");
        let documented: BTreeMap<String, String> = rows
            .iter()
            .filter_map(|row| Some((code_spans(row.first()?).first()?.clone(), row.get(1)?.clone())))
            .collect();
        let defaults = defaults();
        let mut problems = Vec::new();
        for (key, value) in &documented {
            if defaults.get(key) != Some(value) {
                let default = defaults.get(key);
                problems
                    .push(format!("API.md: {key} is {value} in the table of limits, and really {default:?}"));
            }
        }
        let is_limit = |key: &&String| key.starts_with("limits.") || key.ends_with("_chars_max");
        for key in defaults.keys().filter(is_limit).filter(|it| !documented.contains_key(*it)) {
            problems.push(format!("API.md: add {key} to the table of limits"));
        }
        assert_none(&problems);
    }

    #[test]
    fn every_named_setting_exists() {
        let defaults = defaults();
        let sections =
            ["limits.", "feed.", "rules.", "links.", "idempotency.", "webhooks.", "audit.", "log."];
        let is_setting = |it: &&String| {
            let is_path = it.chars().all(|it| it.is_ascii_lowercase() || "._".contains(it));
            is_path && sections.iter().any(|section| it.starts_with(section))
        };
        let mut problems = Vec::new();
        for document in DOCUMENTS {
            let spans = code_spans(&read(document));
            for key in spans.iter().filter(is_setting).filter(|it| !defaults.contains_key(*it)) {
                // Members of the document have dots too: `links.relatedReferrals` has capitals, these have not.
                problems.push(format!("{document}: there is no setting {key}; see src/config/defaults.toml"));
            }
        }
        assert_none(&problems);
    }

    #[test]
    fn settings_in_the_environment_exist() {
        let defaults = defaults();
        let mut problems = Vec::new();
        for document in DOCUMENTS {
            let text = read(document);
            for rest in text.split("LIAISON__").skip(1) {
                let name: String =
                    rest.chars().take_while(|it| it.is_ascii_uppercase() || *it == '_').collect();
                let key = name.to_ascii_lowercase().replace("__", ".");
                if !key.is_empty() && !defaults.contains_key(&key) {
                    problems.push(format!("{document}: LIAISON__{name} stands for no setting"));
                }
            }
        }
        assert_none(&problems);
    }
}

mod commands {
    use super::{BTreeSet, Command, DOCUMENTS, assert_none, code_spans, read};

    /// Returns what a command says about itself. `None` when there is no such command.
    fn help(words: &[&str]) -> Option<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_liaison"));
        let output = command.args(words).arg("--help").output().expect("the program starts");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Returns every call of `liaison` in a document, as words.
    fn calls(text: &str) -> BTreeSet<Vec<String>> {
        let fenced = text.split("```").skip(1).step_by(2).flat_map(str::lines).map(str::to_owned);
        let lines = fenced.chain(code_spans(text));
        let mut calls = BTreeSet::new();
        for line in lines {
            for start in ["liaison ", "cargo run --release -- ", "cargo run --release -q -- "] {
                let is_start = |at: usize| at == 0 || line[..at].ends_with("$(");
                let Some(at) = line.find(start).filter(|it| is_start(*it)) else { continue };
                let rest = line[at + start.len()..].split([')', '#']).next().unwrap_or_default();
                calls.insert(rest.split_whitespace().map(str::to_owned).collect());
            }
        }
        calls
    }

    #[test]
    fn every_command_and_flag_exists() {
        let mut problems = Vec::new();
        let mut count = 0;
        for document in DOCUMENTS {
            for call in calls(&read(document)) {
                count += 1;
                let mut path: Vec<&str> = Vec::new();
                // These have commands of their own.
                let groups =
                    ["org", "user", "solution", "location", "application", "sandbox", "webhook-key", "audit"];
                let is_of_faults = call.starts_with(&["sandbox".to_owned(), "fault".to_owned()]);
                let depth = if is_of_faults {
                    3
                } else if call.first().is_some_and(|it| groups.contains(&it.as_str())) {
                    2
                } else {
                    1
                };
                path.extend(call.iter().take(depth).map(String::as_str).filter(|it| !it.starts_with('-')));
                let Some(help) = help(&path) else {
                    problems.push(format!("{document}: there is no command `liaison {}`", path.join(" ")));
                    continue;
                };
                for flag in call.iter().filter(|it| it.starts_with("--")) {
                    if !help.contains(flag.as_str()) {
                        let path = path.join(" ");
                        problems.push(format!("{document}: `liaison {path}` has no flag {flag}"));
                    }
                }
            }
        }
        assert!(count > 10, "this test has lost sight of the commands: it found {count}");
        assert_none(&problems);
    }
}

mod links {
    use super::{DOCUMENTS, assert_none, code_spans, exists, read};

    /// Returns the anchors of a document, as they are made from its headings.
    fn anchors(text: &str) -> Vec<String> {
        let headings = text.lines().filter(|it| it.starts_with('#'));
        headings
            .map(|it| {
                let kept = it.trim_start_matches('#').trim().to_lowercase();
                kept.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it)).collect::<String>()
            })
            .map(|it| it.replace(' ', "-"))
            .collect()
    }

    #[test]
    fn every_link_leads_somewhere() {
        let mut problems = Vec::new();
        for document in DOCUMENTS {
            let text = read(document);
            let targets = text.split("](").skip(1).filter_map(|it| it.split(')').next());
            for target in targets.filter(|it| !it.starts_with("http")) {
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let file = if file.is_empty() { document } else { file };
                if !exists(file) {
                    problems.push(format!("{document}: the link to {target} leads to no file"));
                } else if !anchor.is_empty() && !anchors(&read(file)).iter().any(|it| it == anchor) {
                    problems.push(format!("{document}: {file} has no heading for the link {target}"));
                }
            }
        }
        assert_none(&problems);
    }

    #[test]
    fn every_named_file_exists() {
        let roots = ["src/", "tests/", "migrations/", "xtask/", ".ci/"];
        let mut problems = Vec::new();
        for document in DOCUMENTS {
            for path in code_spans(&read(document)) {
                let is_path = roots.iter().any(|it| path.starts_with(it)) && !path.contains([' ', '*']);
                if is_path && !exists(&path) {
                    problems.push(format!("{document}: there is no {path}"));
                }
            }
        }
        assert_none(&problems);
    }
}

mod architecture {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{assert_none, code_spans, exists, fs, quoted, read, table};

    fn is_module(name: &str) -> bool {
        ["src/", "crates/"].iter().any(|it| exists(&format!("{it}{name}")))
            || exists(&format!("src/{name}.rs"))
    }

    #[test]
    fn the_table_of_who_may_use_whom_is_the_one_that_is_checked() {
        let tidy = read("tests/tidy.rs");
        let rows = tidy.split("const TABLE").nth(1).and_then(|it| it.split("];").next()).unwrap_or_default();
        let mut checked = BTreeMap::new();
        // A row may take several lines.
        for row in rows.split("),") {
            let mut names = quoted(row).filter(|it| is_module(it)).map(str::to_owned);
            if let Some(module) = names.next() {
                checked.insert(module, names.collect::<BTreeSet<_>>());
            }
        }
        let written: BTreeMap<_, BTreeSet<_>> = table("ARCHITECTURE.md", "| Module | May use |")
            .iter()
            .filter_map(|row| Some((code_spans(row.first()?).first()?.clone(), row.get(1)?.clone())))
            .map(|(module, uses)| (module, code_spans(&uses).into_iter().collect()))
            .collect();

        assert!(checked.len() > 5, "this test has lost sight of the table in tests/tidy.rs");
        assert_eq!(written, checked, "ARCHITECTURE.md (left) and tests/tidy.rs (right) differ");
    }

    #[test]
    fn every_room_has_a_line() {
        let rooms: Vec<String> = table("ARCHITECTURE.md", "| Room |")
            .iter()
            .filter_map(|row| row.first().map(|cell| code_spans(cell)))
            .flatten()
            .collect();
        let mut problems = Vec::new();
        let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for entry in fs::read_dir(src).expect("src can be read") {
            let name = entry.expect("src can be read").file_name().to_string_lossy().into_owned();
            let is_there = rooms.iter().any(|it| it.trim_end_matches('/') == format!("src/{name}"));
            if !is_there {
                problems.push(format!("ARCHITECTURE.md: add src/{name} to the table of rooms"));
            }
        }
        assert_none(&problems);
    }
}
