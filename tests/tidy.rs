//! The house rules that a program can check. Each rule is one module; a failure names file, line and rule.
//!
//! The checks read text, not syntax trees: quick, without dependencies, and good enough for code that
//! `cargo fmt` has laid out.

use std::{fmt::Write as _, fs, path::Path, process::Command};

/// A file of the repository.
struct Source {
    /// Path from the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// Returns the lines with their numbers, up to the tests at the end of the file. A file of tests beside
    /// the code (`tests.rs`, `NAME_tests.rs`) has none.
    fn production_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_tests = self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs");
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.take_while(move |(_, line)| !is_tests && line.trim() != "#[cfg(test)]")
    }

    /// Returns the production lines as one text.
    fn production_text(&self) -> String {
        self.production_lines().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
    }

    /// Returns the first folder or file below `src`, without its ending; `None` for files elsewhere.
    fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        let name = below.split('/').next()?;
        Some(name.strip_suffix(".rs").unwrap_or(name))
    }

    fn is_in(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every text file that git knows or would take, so that a new file is checked before its commit.
fn sources() -> Vec<Source> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let output = Command::new("git").args(list).current_dir(root()).output().expect("git runs");
    assert!(output.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    let paths = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let mut sources = Vec::new();
    for path in paths.split('\0').filter(|it| !it.is_empty()) {
        // A file that was deleted but not yet staged, or one that is not text.
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        sources.push(Source { path: path.to_owned(), text });
    }
    assert!(sources.iter().any(|it| it.path == "src/lib.rs"), "git lists the sources");
    sources
}

fn rust_sources() -> Vec<Source> {
    sources().into_iter().filter(|it| it.path.ends_with(".rs")).collect()
}

/// Fails with every problem that was found, one a line.
fn report(rule: &str, problems: &[String]) {
    let mut text = String::new();
    for problem in problems {
        writeln!(text, "  {problem}").expect("writing to a string succeeds");
    }
    assert!(problems.is_empty(), "{rule}\n{text}");
}

/// Returns the line without its comment and without what its string literals say.
fn code(line: &str) -> String {
    let mut code = String::new();
    let mut chars = line.chars().peekable();
    let mut is_text = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' if is_text => drop(chars.next()),
            '"' => {
                is_text = !is_text;
                code.push('"');
            }
            _ if is_text => {}
            '\'' => skip_char_literal(&mut chars, &mut code),
            '/' if chars.peek() == Some(&'/') => break,
            _ => code.push(char),
        }
    }
    code
}

/// Leaves out `'{'`, `'"'` and `'\''`, and keeps lifetimes.
fn skip_char_literal(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, code: &mut String) {
    let ahead: Vec<char> = chars.clone().take(4).collect();
    let length = match ahead.as_slice() {
        ['\\', _, '\'', ..] => 3,
        [_, '\'', ..] => 2,
        _ => 0,
    };
    for _ in 0..length {
        chars.next();
    }
    code.push('\'');
}

mod dependencies {
    use super::{code, report, rust_sources};

    /// Who may use whom. A module may always use itself.
    const TABLE: [(&str, &[&str]); 16] = [
        ("odata", &[]),
        ("conform", &[]),
        ("domain", &["odata"]),
        ("config", &[]),
        ("telemetry", &[]),
        ("tls", &[]),
        ("storage", &["domain", "odata", "tls"]),
        ("auth", &["domain", "storage"]),
        ("feed", &["domain", "storage", "odata", "tls"]),
        ("service", &["domain", "storage", "auth", "odata", "feed"]),
        ("app", &["config", "storage", "auth", "service", "domain", "odata", "feed"]),
        (
            "http",
            &[
                "app",
                "service",
                "auth",
                "domain",
                "storage",
                "config",
                "telemetry",
                "odata",
                "feed",
                "sandbox",
                "background",
                "page",
            ],
        ),
        ("background", &["app", "service", "storage", "feed", "sandbox"]),
        ("page", &["domain"]),
        ("web", &["app", "service", "auth", "domain", "storage", "odata", "feed", "page"]),
        ("sandbox", &["service", "domain", "storage", "feed"]),
    ];

    /// These stand above the table and may use everything; nothing uses them.
    const TOP: [&str; 3] = ["cli", "lib", "main"];

    #[test]
    fn every_module_uses_only_what_it_may() {
        let mut problems = Vec::new();
        for source in rust_sources() {
            let Some(module) = source.module().filter(|it| !TOP.contains(it)) else { continue };
            let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == module) else {
                problems.push(format!("{}:1 module {module} has no row in the table", source.path));
                continue;
            };
            for (number, line) in source.production_lines() {
                for used in used_modules(&code(line)) {
                    if used != module && !allowed.contains(&used.as_str()) {
                        problems.push(format!("{}:{number} {module} may not use {used}", source.path));
                    }
                }
            }
            for used in grouped_modules(&source.production_text()) {
                if used != module && !allowed.contains(&used.as_str()) {
                    problems.push(format!(
                        "{}:1 {module} may not use {used} (in a group of imports)",
                        source.path
                    ));
                }
            }
        }
        report("a module may use only what ARCHITECTURE.md lets it (who may use whom)", &problems);
    }

    #[test]
    fn the_tools_use_no_module_of_the_server() {
        let mut problems = Vec::new();
        for source in rust_sources().into_iter().filter(|it| it.is_in("xtask")) {
            for (number, line) in source.production_lines() {
                if code(line).contains("liaison::") {
                    problems.push(format!("{}:{number} uses the server's library", source.path));
                }
            }
        }
        report("xtask drives the server from outside", &problems);
    }

    #[test]
    fn the_leaf_crates_use_nothing_of_ours() {
        let mut problems = Vec::new();
        for source in rust_sources() {
            let Some((own, _)) = source.path.strip_prefix("crates/").and_then(|it| it.split_once('/')) else {
                continue;
            };
            for (number, line) in source.production_lines() {
                let mut others = ["odata", "conform", "liaison"].into_iter().filter(|it| *it != own);
                if let Some(used) = others.find(|it| uses_crate(&code(line), it)) {
                    problems.push(format!("{}:{number} {own} uses {used}", source.path));
                }
            }
        }
        report("a leaf crate uses nothing of ours", &problems);
    }

    /// Returns `x` of every `crate::x` in a line of code.
    fn used_modules(code: &str) -> Vec<String> {
        let after = code.split("crate::").skip(1);
        let ours = after.map(first_word).filter(|it| !it.is_empty());
        // The crates of ours beside this one.
        let beside = ["odata", "conform"].into_iter().filter(|it| uses_crate(code, it));
        ours.chain(beside.map(str::to_owned)).collect()
    }

    fn uses_crate(code: &str, name: &str) -> bool {
        let before = code.find(&format!("{name}::")).map(|at| code[..at].chars().next_back());
        before.is_some_and(|it| it.is_none_or(|it| !it.is_alphanumeric() && it != '_' && it != ':'))
    }

    /// Returns the modules of `use crate::{a::…, b::…};`.
    fn grouped_modules(text: &str) -> Vec<String> {
        let mut modules = Vec::new();
        for group in text.split("use crate::{").skip(1) {
            let mut depth = 0;
            let mut entry = String::new();
            for char in group.chars() {
                match char {
                    '}' if depth == 0 => break,
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => modules.push(first_word(std::mem::take(&mut entry).trim())),
                    _ if depth == 0 => entry.push(char),
                    _ => {}
                }
            }
            modules.push(first_word(entry.trim()));
        }
        modules.retain(|it| !it.is_empty());
        modules
    }

    fn first_word(text: &str) -> String {
        text.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect()
    }

    #[test]
    fn imports_are_found_in_every_form() {
        assert_eq!(used_modules("let it: crate::http::Error = crate::app::new();"), ["http", "app"]);
        assert_eq!(
            grouped_modules("use crate::{\n    domain::{a, b},\n    storage::Store,\n};"),
            ["domain", "storage"]
        );
        assert_eq!(grouped_modules("use crate::{app, cli::Options};"), ["app", "cli"]);
    }
}

mod places {
    use super::{code, report, rust_sources};

    #[test]
    fn sql_is_only_in_storage() {
        const WORDS: [&str; 6] =
            ["SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE ", "CREATE INDEX ", "PRAGMA "];
        let mut problems = Vec::new();
        for source in rust_sources().into_iter().filter(|it| it.is_in("src") && !it.is_in("src/storage")) {
            for (number, line) in
                source.production_lines().filter(|(_, it)| !it.trim_start().starts_with("//"))
            {
                let is_update = line.contains("UPDATE ") && line.contains(" SET ");
                if is_update || WORDS.iter().any(|it| line.contains(it)) {
                    problems.push(format!("{}:{number} {}", source.path, line.trim()));
                }
            }
        }
        report("SQL stands only in src/storage and migrations", &problems);
    }

    #[test]
    fn status_numbers_are_only_in_http_and_web() {
        let mut problems = Vec::new();
        for source in rust_sources().into_iter().filter(|it| it.is_in("src")) {
            if source.is_in("src/http") || source.is_in("src/web") {
                continue;
            }
            for (number, line) in source.production_lines() {
                if code(line).contains("StatusCode") {
                    problems.push(format!("{}:{number} {}", source.path, line.trim()));
                }
            }
        }
        report("status numbers stand only in src/http and src/web", &problems);
    }
}

mod sizes {
    use std::collections::BTreeMap;

    use super::{code, report, rust_sources, sources};

    const FILE_LINES_MAX: usize = 800;
    const FOLDER_FILES_MAX: usize = 15;
    const FUNCTION_LINES_MAX: usize = 70;

    #[test]
    fn files_are_short() {
        let mut problems = Vec::new();
        for source in rust_sources() {
            let lines = source.production_lines().count();
            if lines > FILE_LINES_MAX {
                problems.push(format!("{}:{lines} lines before its tests", source.path));
            }
        }
        report("a file has at most 800 lines before its tests", &problems);
    }

    #[test]
    fn folders_are_small() {
        let mut folders: BTreeMap<String, usize> = BTreeMap::new();
        for source in sources().iter().filter(|it| it.is_in("src") || it.is_in("tests") || it.is_in("xtask"))
        {
            let is_snapshot = source.path.contains("/snapshots/") || source.is_in("tests/data");
            if let Some((folder, _)) = source.path.rsplit_once('/').filter(|_| !is_snapshot) {
                *folders.entry(folder.to_owned()).or_default() += 1;
            }
        }
        let problems: Vec<String> = folders
            .into_iter()
            .filter(|(_, count)| *count > FOLDER_FILES_MAX)
            .map(|(folder, count)| format!("{folder}: {count} files"))
            .collect();
        report("a folder has at most 15 files", &problems);
    }

    #[test]
    fn functions_are_short() {
        let mut problems = Vec::new();
        for source in rust_sources() {
            for (number, name, lines) in functions(&source.text) {
                if lines > FUNCTION_LINES_MAX {
                    problems.push(format!("{}:{number} {name} has {lines} lines", source.path));
                }
            }
        }
        report("a function has at most 70 lines", &problems);
    }

    /// Returns line, name and length of every function. Formatted code closes a function with a brace at
    /// the indentation that its first line has.
    fn functions(text: &str) -> Vec<(usize, String, usize)> {
        let lines: Vec<&str> = text.lines().collect();
        let mut functions = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let Some(name) = function_name(&code(line)) else { continue };
            let indent = line.len() - line.trim_start().len();
            let end = lines.iter().enumerate().skip(index).find(|(at, it)| {
                let is_same = it.len() - it.trim_start().len() == indent;
                let is_one_line = *at == index && (it.ends_with('}') || it.ends_with(';'));
                is_one_line || (*at > index && is_same && (it.trim() == "}" || it.trim_end().ends_with(';')))
            });
            if let Some((end, _)) = end {
                functions.push((index + 1, name, end - index + 1));
            }
        }
        functions
    }

    fn function_name(code: &str) -> Option<String> {
        let before =
            ["", "pub ", "pub(crate) ", "pub(super) ", "async ", "const ", "pub async ", "pub const "];
        let more = ["pub(crate) async ", "pub(super) async ", "pub(crate) const ", "pub(super) const "];
        let start = code.trim_start();
        let rest = before.iter().chain(&more).find_map(|it| start.strip_prefix(it)?.strip_prefix("fn "))?;
        Some(rest.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect())
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text =
            "impl A {\n    pub fn b(\n        c: u8,\n    ) -> u8 {\n        c\n    }\n\n    fn d() {}\n}\n";
        assert_eq!(functions(text), [(2, "b".to_owned(), 5), (8, "d".to_owned(), 1)]);
    }
}

mod text {
    use super::{code, report, rust_sources, sources};

    #[test]
    fn every_file_opens_with_its_purpose() {
        let mut problems = Vec::new();
        for source in rust_sources() {
            if !source.text.starts_with("//! ") {
                problems.push(format!("{}:1", source.path));
            }
        }
        report("every Rust file opens with //! and one sentence of purpose", &problems);
    }

    #[test]
    fn nothing_is_left_undone() {
        // In two parts, so that this file does not find itself.
        let banned =
            [["#[ig", "nore"], ["to", "do!("], ["unimple", "mented!("], ["db", "g!("]].map(|it| it.concat());
        let mut problems = Vec::new();
        for source in rust_sources() {
            for (number, line) in source.text.lines().enumerate() {
                if let Some(found) = banned.iter().find(|it| code(line).contains(it.as_str())) {
                    problems.push(format!("{}:{} {found}", source.path, number + 1));
                }
            }
        }
        report("no test is ignored, nothing is left for later or for debugging", &problems);
    }

    #[test]
    fn nothing_names_a_registry_or_a_machine() {
        let hosts = [
            ["crates", ".io"],
            ["pypi", ".org"],
            ["files.python", "hosted.org"],
            ["registry.npm", "js.org"],
            ["proxy.go", "lang.org"],
            ["deb.deb", "ian.org"],
            ["static.rust-", "lang.org"],
        ];
        let banned: Vec<String> =
            hosts.iter().map(|it| it.concat()).chain([["/wo", "rk/"].concat()]).collect();
        let mut problems = Vec::new();
        for source in sources().iter().filter(|it| it.path != "Cargo.lock") {
            for (number, line) in source.text.lines().enumerate() {
                if let Some(found) = banned.iter().find(|it| line.contains(it.as_str())) {
                    problems.push(format!("{}:{} {found}", source.path, number + 1));
                }
            }
        }
        report("no file names a package registry's host or a folder of one machine", &problems);
    }
}

mod files {
    use std::{collections::BTreeSet, fs};

    use super::{report, root, sources};

    #[test]
    fn migrations_come_in_pairs() {
        let names = |database: &str| -> BTreeSet<String> {
            let folder = format!("migrations/{database}/");
            sources().into_iter().filter_map(|it| it.path.strip_prefix(&folder).map(str::to_owned)).collect()
        };
        let (sqlite, postgres) = (names("sqlite"), names("postgres"));
        let problems: Vec<String> =
            sqlite.symmetric_difference(&postgres).map(|it| format!("{it} has no twin")).collect();
        report("migrations/sqlite and migrations/postgres have the same numbers and names", &problems);
        assert!(!sqlite.is_empty(), "there is a first migration");
    }

    #[test]
    fn migrations_are_numbered_without_gaps() {
        let mut numbers: Vec<String> = sources()
            .into_iter()
            .filter_map(|it| it.path.strip_prefix("migrations/sqlite/").map(str::to_owned))
            .map(|it| it.split('_').next().unwrap_or_default().to_owned())
            .collect();
        numbers.sort();
        let expected: Vec<String> = (1..=numbers.len()).map(|it| format!("{it:04}")).collect();
        assert_eq!(numbers, expected, "migrations are named 0001_what.sql, 0002_what.sql …");
    }

    #[test]
    fn the_documents_exist() {
        let documents = [
            "README.md",
            "ARCHITECTURE.md",
            "STYLE.md",
            "API.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
            "LICENSE",
        ];
        let missing = documents.iter().filter(|it| !root().join(it).is_file());
        let problems: Vec<String> = missing.map(|it| format!("{it} is missing")).collect();
        report("the project has its documents", &problems);
    }

    #[test]
    fn the_changelog_has_a_place_for_what_is_new() {
        let changelog = fs::read_to_string(root().join("CHANGELOG.md")).expect("CHANGELOG.md can be read");
        let is_there = changelog.lines().any(|it| it.starts_with("## ") && it.contains("Unreleased"));
        assert!(is_there, "CHANGELOG.md:1 has no section Unreleased");
    }
}
