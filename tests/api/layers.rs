//! The rules of the house, held against the source files: who may know whom, and how files look.
//! Each message names file and line.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The rules, in the order that they may use each other: each knows those before it.
const RULES: [&str; 17] = [
    "terms",
    "closing",
    "members",
    "organisations",
    "activities",
    "templates",
    "agreements",
    "fees",
    "invoices",
    "receivables",
    "payments",
    "revenue",
    "changes",
    "exchange",
    "retention",
    "persons",
    "integrity",
];
/// What is built on the rules and unknown to them.
const ABOVE: [&str; 3] = ["graphql", "server", "cli"];
/// The longest Rust file, in lines, without its unit tests.
const LONGEST: usize = 600;

/// A Rust file.
struct Source {
    /// Its path within the repository, with `/`.
    path: String,
    text: String,
}

/// A breach of a rule, as `file:line: what`.
type Violation = String;

impl Source {
    /// The lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(position, line)| (position + 1, without_comment(line)))
    }

    fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// The path within its crate, of what the program is made of: the rules, and the ways in that
    /// are built on them.
    fn within(&self) -> Option<&str> {
        ["domain/src/", "src/"].iter().find_map(|folder| self.path.strip_prefix(folder))
    }

    fn at(&self, line: usize, what: &str) -> Violation {
        format!("{}:{line}: {what}", self.path)
    }

    /// A breach for each line of code that has one of these words.
    fn naming(&self, words: &[&str], what: &str) -> Vec<Violation> {
        let named = self.code().flat_map(|(line, code)| {
            words.iter().filter(move |word| has_word(code, word)).map(move |word| (line, word))
        });
        named.map(|(line, word)| self.at(line, &format!("names {word}: {what}"))).collect()
    }

    /// The module that the file belongs to: `members` for `domain/src/members/admission.rs`,
    /// `graphql` for `src/graphql/members/mod.rs`.
    fn module(&self) -> &str {
        let path = self.within().unwrap_or_default();
        path.split_once('/').map_or_else(|| path.trim_end_matches(".rs"), |(folder, _)| folder)
    }

    /// The modules of this crate that the code names, with the line: `crate::a`, `crate::{a,
    /// b::{…}}`, and `super::a` where that is the same.
    fn modules_named(&self) -> Vec<(usize, String)> {
        let code: String = self.code().map(|(_, code)| format!("{code}\n")).collect();
        let path = self.within().unwrap_or_default();
        let depth = 1 + path.matches('/').count() - usize::from(path.ends_with("/mod.rs"));
        // A file of `src` itself is one module deep, so that one `super` is the crate; one of a
        // folder is two deep.
        let roots = ["crate::".to_owned(), "super::".repeat(depth)];
        let mut named = Vec::new();
        for root in roots {
            for (start, _) in code.match_indices(&root) {
                let continues =
                    |before: char| before.is_alphanumeric() || before == '_' || before == ':';
                if code[..start].chars().next_back().is_some_and(continues) {
                    continue;
                }
                let line = code[..start].matches('\n').count();
                let rest = &code[start + root.len()..];
                if let Some(group) = rest.strip_prefix('{') {
                    named.extend(
                        first_words(group)
                            .into_iter()
                            .map(|(lines, word)| (line + lines + 1, word)),
                    );
                } else {
                    named.push((line + 1, word(rest)));
                }
            }
        }
        named
    }
}

/// The identifier that the text begins with.
fn word(text: &str) -> String {
    text.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect()
}

/// The first identifier of each part of a group of imports, up to its closing brace, with the lines
/// before it.
fn first_words(group: &str) -> Vec<(usize, String)> {
    let (mut words, mut depth, mut lines, mut is_first) = (Vec::new(), 0, 0, true);
    for (position, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_first = true,
            '\n' => lines += 1,
            char if is_first && !char.is_whitespace() => {
                words.push((lines, word(&group[position..])));
                is_first = false;
            }
            _ => {}
        }
    }
    words
}

/// The line up to a comment. What stands after `//` in a string would be lost, but for addresses.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(position, _)| !line[..*position].ends_with(':'));
    comment.map_or(line, |(position, _)| &line[..position])
}

/// Whether the code has the word, not as a part of another; a word may hold any characters.
fn has_word(code: &str, word: &str) -> bool {
    let joins = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
    let (first, last) = (word.chars().next(), word.chars().next_back());
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].chars().next();
        !(joins(first) && joins(before) || joins(last) && joins(after))
    })
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository that somebody wrote, by its path within.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // What is built, what Git keeps, and a register of somebody who tries the program here.
        if ["target", ".git"].contains(&name.as_str()) || name.contains(".db") {
            continue;
        }
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn texts() -> Vec<Source> {
    let mut paths = Vec::new();
    files(&root(), &mut paths);
    paths.sort();
    let texts = paths.into_iter().filter_map(|path| {
        // A file that is no text has no words.
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        Some(Source { path, text })
    });
    texts.collect()
}

fn sources() -> Vec<Source> {
    let sources: Vec<_> =
        texts().into_iter().filter(|source| source.path.ends_with(".rs")).collect();
    for root in ["src/lib.rs", "domain/src/lib.rs"] {
        assert!(
            sources.iter().any(|source| source.path == root),
            "the sources are not where they were"
        );
    }
    sources
}

#[track_caller]
fn holds(violations: impl IntoIterator<Item = Violation>) {
    let violations: Vec<_> = violations.into_iter().collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// A breach for each naming of these words in the sources that `may_not`.
fn nobody_names(words: &[&str], what: &str, may_not: impl Fn(&Source) -> bool) -> Vec<Violation> {
    sources()
        .iter()
        .filter(|source| may_not(source))
        .flat_map(|source| source.naming(words, what))
        .collect()
}

#[test]
fn the_tables_know_nothing_of_the_api_and_of_http() {
    holds(nobody_names(
        &["async_graphql", "axum"],
        "entity knows SeaORM and nothing above it",
        |source| source.is_in("entity/"),
    ));
    let manifest = fs::read_to_string(root().join("entity/Cargo.toml")).unwrap();
    holds(
        dependencies(&manifest)
            .filter(|(_, name)| {
                ["async-graphql", "axum", "samregister", "migration"].contains(name)
            })
            .map(|(line, name)| format!("entity/Cargo.toml:{line}: depends on {name}")),
    );
}

#[test]
fn the_history_of_the_schema_knows_not_even_the_tables() {
    holds(nobody_names(
        &["entity::"],
        "a change of the schema must stay what it was when the tables have moved on",
        |source| source.is_in("migration/"),
    ));
    let manifest = fs::read_to_string(root().join("migration/Cargo.toml")).unwrap();
    holds(
        dependencies(&manifest)
            .filter(|(_, name)| ["entity", "samregister"].contains(name))
            .map(|(line, name)| format!("migration/Cargo.toml:{line}: depends on {name}")),
    );
}

/// The dependencies of a manifest, by name with their lines.
fn dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_within = false;
    manifest.lines().enumerate().filter_map(move |(position, line)| {
        if line.starts_with('[') {
            is_within = line.ends_with("dependencies]");
        }
        let name = line.split(['=', '.', ' ']).next()?;
        (is_within && !name.is_empty() && !name.starts_with(['[', '#']))
            .then_some((position + 1, name))
    })
}

#[test]
fn only_the_api_and_the_server_know_graphql() {
    holds(nobody_names(
        &["async_graphql"],
        "only src/graphql and src/server know GraphQL",
        |source| {
            source.within().is_some()
                && !source.is_in("src/graphql/")
                && !source.is_in("src/server/")
        },
    ));
}

#[test]
fn only_the_server_and_the_start_know_axum() {
    holds(nobody_names(
        &["axum", "tower_http"],
        "only src/server and src/main.rs know HTTP; use server::serve",
        |source| {
            source.within().is_some()
                && !source.is_in("src/server/")
                && source.path != "src/main.rs"
        },
    ));
}

#[test]
fn the_api_builds_no_query() {
    let words = [
        "EntityTrait",
        "QueryFilter",
        "QuerySelect",
        "QueryOrder",
        "QueryTrait",
        "PaginatorTrait",
        "ActiveModel",
        "IntoActiveModel",
        "ActiveModelTrait",
        "ActiveValue",
        "ConnectionTrait",
        "TransactionTrait",
        "StreamTrait",
        "ColumnTrait",
        "sea_query",
        "query_all",
        "query_one",
        "execute_unprepared",
        "Statement::from",
    ];
    holds(nobody_names(&words, "a resolver calls a rule, which asks the database", |source| {
        source.is_in("src/graphql/")
    }));
}

#[test]
fn rules_know_nothing_of_what_is_built_on_them() {
    let manifest = fs::read_to_string(root().join("register/Cargo.toml")).unwrap();
    holds(
        dependencies(&manifest)
            .filter(|(_, name)| {
                ["async-graphql", "axum", "clap", "samregister", "tower-http"].contains(name)
            })
            .map(|(line, name)| format!("register/Cargo.toml:{line}: depends on {name}")),
    );
    let strange = |source: &&Source| {
        source.is_in("src/")
            && !ABOVE.contains(&source.module())
            && !["lib", "main"].contains(&source.module())
    };
    let sources = sources();
    holds(
        sources
            .iter()
            .filter(strange)
            .map(|source| source.at(1, "is none of the ways in; the rules are in domain/src")),
    );
    let violations =
        sources.iter().filter(|source| source.module() == "graphql").flat_map(|source| {
            let named = source
                .modules_named()
                .into_iter()
                .filter(|(_, name)| ["server", "cli"].contains(&name.as_str()));
            named.map(|(line, name)| {
                source.at(line, &format!("uses {name}, which is built on the API"))
            })
        });
    holds(violations);
}

#[test]
fn rules_use_only_those_to_their_left() {
    let position = |name: &str| RULES.iter().position(|rule| *rule == name);
    let sources = sources();
    let violations = sources.iter().filter(|source| source.within().is_some()).flat_map(|source| {
        // What is no rule is either below all of them, and may use none, or above.
        let below_all = [
            "audit",
            "auth",
            "clock",
            "config",
            "database",
            "date_order",
            "document_text",
            "documents",
            "error",
            "findings",
            "idempotency",
            "page",
            "search",
            "swedish",
        ]
        .contains(&source.module());
        let most = position(source.module()).or(below_all.then_some(0)).unwrap_or(RULES.len());
        let named = source.modules_named().into_iter().filter(move |(_, name)| {
            name != source.module() && position(name).is_some_and(|used| used >= most)
        });
        named.map(|(line, name)| {
            source.at(
                line,
                &format!("{} uses {name}; the order is {}", source.module(), RULES.join(", ")),
            )
        })
    });
    holds(violations);
}

#[test]
fn every_module_is_known_to_these_tests() {
    let known = [
        "audit",
        "auth",
        "cli",
        "clock",
        "config",
        "database",
        "date_order",
        "document_text",
        "documents",
        "error",
        "files",
        "findings",
        "graphql",
        "idempotency",
        "lib",
        "main",
        "output",
        "page",
        "search",
        "server",
        "swedish",
        "worker_pool",
    ];
    let sources = sources();
    let strange = sources.iter().filter(|source| {
        source.within().is_some()
            && !known.contains(&source.module())
            && !RULES.contains(&source.module())
    });
    holds(strange.map(|source| {
        source.at(
            1,
            "is of a module that has no place in the layers: give it one in tests/api/layers.rs",
        )
    }));
}

#[test]
fn only_the_clock_asks_what_time_it_is() {
    holds(nobody_names(
        &["Utc::now", "Local::now", "SystemTime::now", "OffsetDateTime::now"],
        "ask the register's clock",
        |source| {
            !source.is_in("tests/")
                && !source.is_in("benches/")
                && source.path != "domain/src/clock.rs"
        },
    ));
}

#[test]
fn only_the_audit_trail_writes() {
    holds(nobody_names(
        &[
            "TransactionTrait",
            "begin_with_config",
            "begin_with_options",
            ".begin()",
            ".transaction(",
            ".transaction::<",
        ],
        "begin a change with audit::begin, which leaves its entry",
        |source| {
            // On PostgreSQL, verify makes the schema once more in a transaction that it never
            // commits, to compare with it.
            let is_scratch = source.path == "domain/src/integrity/catalog.rs";
            source.within().is_some()
                && !source.is_in("domain/src/audit/")
                && !source.is_in("domain/src/database/")
                && !is_scratch
        },
    ));
    holds(nobody_names(&[".write()"], "the writer is for src/audit alone", |source| {
        source.within().is_some()
            && !source.is_in("domain/src/audit/")
            && source.module() != "database"
    }));
}

#[test]
fn every_file_says_first_what_it_is() {
    let sources = sources();
    let silent = sources.iter().filter(|source| {
        !source
            .text
            .lines()
            .next()
            .is_some_and(|line| line.len() > "//! ".len() && line.starts_with("//! "))
    });
    holds(
        silent.map(|source| {
            source.at(1, "does not begin with //! and a sentence that says what it is")
        }),
    );
}

#[test]
fn no_file_is_a_drawer_for_leftovers() {
    let drawers = ["util", "common", "helper", "type", "service", "misc", "shared", "prelude"];
    let sources = sources();
    let named = sources.iter().filter(|source| {
        source
            .path
            .split('/')
            .any(|part| drawers.contains(&part.trim_end_matches(".rs").trim_end_matches('s')))
    });
    holds(named.map(|source| source.at(1, "is named for nothing; name it for what it holds")));
}

#[test]
fn no_file_is_too_long() {
    let sources = sources();
    let long = sources.iter().filter_map(|source| {
        let length = source.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        (length > LONGEST).then(|| {
            source.at(
                length,
                &format!("has {length} lines; at most {LONGEST}: split it by deeds or parts"),
            )
        })
    });
    holds(long);
}

#[test]
fn lints_are_expected_and_never_allowed() {
    // Put together here, so that this file doesn't name it.
    let attribute = ["allow", "("].concat();
    holds(sources().iter().flat_map(|source| {
        let lines = source
            .code()
            .filter(|(_, code)| code.trim_start().starts_with('#') && code.contains(&attribute));
        lines
            .map(|(line, _)| source.at(line, "write #[expect(…, reason = \"…\")]"))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn no_file_tells_of_the_machine_it_was_written_on() {
    // Put together here, so that this file doesn't name them.
    let positions = ["work", "root", "home", "Users", "tmp"].map(|folder| format!("/{folder}/"));
    holds(texts().iter().flat_map(|source| {
        let lines = source
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| positions.iter().any(|position| line.contains(position)));
        // The licences of others are theirs.
        let lines = lines.filter(|_| !source.path.ends_with("LICENSES.txt"));
        lines
            .map(|(position, line)| {
                source.at(position + 1, &format!("names a place on a machine: {}", line.trim()))
            })
            .collect::<Vec<_>>()
    }));
}

#[test]
fn these_tests_find_what_they_look_for() {
    let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let file = source(
        "domain/src/members/admission.rs",
        "use crate::{\n    error::{Error, fees},\n    revenue,\n};\nfn f() { super::super::invoices::f(); super::agreements::f(); } // crate::exchange\n",
    );
    assert_eq!(
        file.modules_named(),
        [(2, "error".into()), (3, "revenue".into()), (5, "invoices".into())]
    );
    assert_eq!(
        source("domain/src/members/mod.rs", "use super::fees;").modules_named(),
        [(1, "fees".into())]
    );
    assert_eq!(
        source("domain/src/terms.rs", "use super::fees;").modules_named(),
        [(1, "fees".into())]
    );
    assert_eq!((file.module(), source("domain/src/terms.rs", "").module()), ("members", "terms"));
    assert!(
        has_word("use axum::Router", "axum")
            && !has_word("my_axum", "axum")
            && has_word("db.write().x", ".write()")
    );
    assert_eq!(without_comment("let a = \"https://x\"; // axum"), "let a = \"https://x\"; ");
    let manifest = "[package]\nname = \"x\"\n[dependencies]\naxum = \"1\"\n[dev-dependencies]\nentity.workspace = true\n";
    assert_eq!(dependencies(manifest).collect::<Vec<_>>(), [(4, "axum"), (6, "entity")]);
}
