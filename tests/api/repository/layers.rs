//! The layers of the program: the crates and modules that each may use. Each message names file and
//! line.

use std::fs;

use crate::repository::source_files::{
    Source, has_word, holds, root, sources, uses_of, without_comment,
};

/// The nouns of the domain in order: each may use those before it.
const RULES: [&str; 32] = [
    "term_sql",
    "books",
    "members",
    "contacts",
    "organisations",
    "decisions",
    "activities",
    "status_reports",
    "tax_decisions",
    "templates",
    "agreements",
    "fees",
    "interest",
    "invoices",
    "requisitions",
    "payments",
    "receivables",
    "vouchers",
    "ledger",
    "revenue",
    "archived_documents",
    "file_access",
    "document_list",
    "decision_list",
    "diary",
    "change_feed",
    "interchange",
    "retention",
    "persons",
    "integrity",
    "backup",
    "doctor",
];
/// The modules of the domain below all nouns. They may use no noun.
const BELOW: [&str; 27] = [
    "activity_slugs",
    "audit",
    "auth",
    "booking_status",
    "bulk",
    "clock",
    "codes",
    "collation",
    "config",
    "conflict_reason",
    "context",
    "database",
    "date_order",
    "document_text",
    "error",
    "field_error_code",
    "field_problem",
    "files",
    "findings",
    "idempotency",
    "output",
    "page",
    "query",
    "removal",
    "search",
    "stored_files",
    "worker_pool",
];
/// The interfaces, which are built on the domain and unknown to it.
const ABOVE: [&str; 3] = ["graphql", "http", "cli"];

#[test]
fn entity_uses_neither_graphql_nor_http() {
    holds(uses_of(
        &["async_graphql", "axum"],
        "entity may use SeaORM, but nothing above it",
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
fn migrations_do_not_use_entity() {
    holds(uses_of(
        &["entity::"],
        "a migration must stay the same when the tables change later",
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
fn only_graphql_and_http_use_async_graphql() {
    holds(uses_of(
        &["async_graphql"],
        "only src/graphql and src/http use async_graphql",
        |source| {
            source.within().is_some() && !source.is_in("src/graphql/") && !source.is_in("src/http/")
        },
    ));
}

/// Returns `true` for a source of the crates below the interfaces.
fn is_below_interfaces(source: &Source) -> bool {
    ["domain/src/", "documents/src/"].into_iter().any(|folder| source.is_in(folder))
}

#[test]
fn rules_report_fields_by_their_own_names() {
    holds(uses_of(
        &["\"input\"", "\"input.", "\"filter.", "\"arg.", "\"args."],
        "a rule reports the fields of its own struct; each interface translates them",
        is_below_interfaces,
    ));
}

#[test]
fn rules_name_no_mutation_in_their_texts() {
    let schema = fs::read_to_string(root().join("schema.graphql")).unwrap();
    let names = mutations(&schema);
    assert!(names.contains(&"agreementSign"), "{names:?}");
    let mut violations = Vec::new();
    // The names of actions are those of mutations, and stored.
    for source in sources()
        .iter()
        .filter(|source| is_below_interfaces(source) && source.path != "domain/src/audit/action.rs")
    {
        for (line, code) in source.code() {
            // A literal that is the name alone is a stored word.
            violations.extend(
                names
                    .iter()
                    .filter(|name| {
                        code.contains(**name)
                            && has_word(&code.replace(&format!("\"{name}\""), ""), name)
                    })
                    .map(|name| source.at(line, &format!("names the mutation {name}"))),
            );
        }
    }
    holds(violations);
}

/// The names of the mutations of a schema.
fn mutations(schema: &str) -> Vec<&str> {
    schema
        .lines()
        .skip_while(|line| *line != "type Mutation {")
        .take_while(|line| *line != "}")
        .filter_map(|line| {
            let field = line.strip_prefix('\t')?;
            let (name, _) = field.split_once('(')?;
            (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
                .then_some(name)
        })
        .collect()
}

#[test]
fn only_http_and_main_use_axum() {
    holds(uses_of(
        &["axum", "tower_http"],
        "only src/http and src/main.rs use axum; use http::serve",
        |source| {
            source.within().is_some() && !source.is_in("src/http/") && source.path != "src/main.rs"
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
    holds(uses_of(
        &words,
        "a resolver calls a rule, and the rule queries the database",
        |source| source.is_in("src/graphql/"),
    ));
}

#[test]
fn the_domain_uses_no_interface() {
    let manifest = fs::read_to_string(root().join("domain/Cargo.toml")).unwrap();
    holds(
        dependencies(&manifest)
            .filter(|(_, name)| {
                ["async-graphql", "axum", "clap", "samregister", "tower-http"].contains(name)
            })
            .map(|(line, name)| format!("domain/Cargo.toml:{line}: depends on {name}")),
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
            .map(|source| source.at(1, "belongs to no interface; rules belong in domain/src")),
    );
    let violations =
        sources.iter().filter(|source| source.module() == "graphql").flat_map(|source| {
            let named = source
                .modules_named()
                .into_iter()
                .filter(|(_, name)| ["http", "cli"].contains(&name.as_str()));
            named.map(|(line, name)| {
                source.at(line, &format!("uses {name}, which is built on the API"))
            })
        });
    holds(violations);
}

#[test]
fn the_resolver_knows_the_library_alone() {
    let manifest = fs::read_to_string(root().join("resolver/Cargo.toml")).unwrap();
    let known = ["async-graphql", "futures-util", "indexmap", "serde_json", "tokio"];
    holds(
        dependencies(&manifest)
            .filter(|(_, name)| !known.contains(name))
            .map(|(line, name)| format!("resolver/Cargo.toml:{line}: depends on {name}")),
    );
}

#[test]
fn documents_are_data_in_and_bytes_out() {
    let manifest = fs::read_to_string(root().join("documents/Cargo.toml")).unwrap();
    let above = [
        "async-graphql",
        "axum",
        "clap",
        "domain",
        "migration",
        "samregister",
        "sea-orm",
        "tokio",
        "tower-http",
    ];
    holds(
        dependencies(&manifest)
            .filter(|(_, name)| above.contains(name))
            .map(|(line, name)| format!("documents/Cargo.toml:{line}: depends on {name}")),
    );
    holds(uses_of(
        &["sea_orm", "Database", "Viewer"],
        "a document takes plain data; the caller reads the register",
        |source| source.is_in("documents/src/"),
    ));
}

#[test]
fn nouns_use_only_those_before_them() {
    let position = |name: &str| RULES.iter().position(|rule| *rule == name);
    let sources = sources();
    let violations = sources.iter().filter(|source| source.within().is_some()).flat_map(|source| {
        // A module that is no noun is below all of them and may use none, or above all.
        let below_all = BELOW.contains(&source.module());
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
    let known = ["lib", "main"];
    let sources = sources();
    let strange = sources.iter().filter(|source| {
        source.within().is_some()
            && !known.contains(&source.module())
            && ![&RULES[..], &BELOW, &ABOVE]
                .iter()
                .any(|modules| modules.contains(&source.module()))
    });
    holds(strange.map(|source| {
        source
            .at(1, "belongs to a module without a layer; add it to tests/api/repository/layers.rs")
    }));
}

#[test]
fn only_the_clock_reads_the_time() {
    holds(uses_of(
        &["Utc::now", "Local::now", "SystemTime::now", "OffsetDateTime::now"],
        "read the time from clock.rs",
        |source| {
            !source.is_in("tests/")
                && !source.is_in("benches/")
                && source.path != "domain/src/clock.rs"
        },
    ));
}

#[test]
fn only_the_audit_trail_writes() {
    holds(uses_of(
        &[
            "TransactionTrait",
            "begin_with_config",
            "begin_with_options",
            ".begin()",
            ".transaction(",
            ".transaction::<",
        ],
        "begin a change with audit::begin, which records an entry",
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
    let writer = [".write()", ".write_unchecked()"];
    holds(uses_of(&writer, "only domain/src/audit uses the writer", |source| {
        // An upload is no change of the register: the mutation that uses the file records it.
        let is_upload = source.path == "domain/src/stored_files/uploads.rs";
        source.within().is_some()
            && !source.is_in("domain/src/audit/")
            && !is_upload
            && source.module() != "database"
    }));
}

#[test]
fn violations_are_found() {
    let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let file = source(
        "domain/src/members/admit.rs",
        "use crate::{\n    error::{Error, fees},\n    revenue,\n};\nfn f() { super::super::invoices::f(); super::agreements::f(); } // crate::interchange\n",
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
        source("domain/src/term_sql.rs", "use super::fees;").modules_named(),
        [(1, "fees".into())]
    );
    assert_eq!(
        (file.module(), source("domain/src/term_sql.rs", "").module()),
        ("members", "term_sql")
    );
    assert!(
        has_word("use axum::Router", "axum")
            && !has_word("my_axum", "axum")
            && has_word("db.write().x", ".write()")
    );
    assert_eq!(without_comment("let a = \"https://x\"; // axum"), "let a = \"https://x\"; ");
    let schema = "type Query {\n\tmember(id: ID!): Member\n}\ntype Mutation {\n\t\"\"\"\n\tAdmits one (Ånge).\n\t\"\"\"\n\tmemberAdmit(\n\t\tinput: X!\n\t): Member!\n}\n";
    assert_eq!(mutations(schema), ["memberAdmit"]);
    let manifest = "[package]\nname = \"x\"\n[dependencies]\naxum = \"1\"\n[dev-dependencies]\nentity.workspace = true\n";
    assert_eq!(dependencies(manifest).collect::<Vec<_>>(), [(4, "axum"), (6, "entity")]);
}
