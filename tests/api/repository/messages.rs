//! The catalogue of Swedish messages: it has every message of the sources, and no other.

use std::collections::{BTreeMap, BTreeSet};

use samregister::graphql::language::catalog::{self, Entry};

use super::{
    language::{Kind, parts},
    source_files::{Source, holds, sources},
};

/// Calls and attributes whose texts are messages.
const MESSAGES: [&str; 30] = [
    "Error::conflict",
    "Error::invalid",
    "Error::invalid_of",
    "Error::limit",
    "Error::throttled",
    "Error::Unauthenticated",
    "Error::Forbidden",
    "Error::NotFound",
    "Self::TooLong",
    "errors.add",
    "errors.add_each",
    "errors.expect",
    "errors.take",
    "self.add",
    "self.expect",
    "self.find",
    "self.find_at",
    "missing.add",
    "refused",
    "undecided",
    "Err",
    "ok_or",
    "ok_or_else",
    "map_err",
    "#[error",
    "refuse",
    "problem",
    "too_early",
    "too_late",
    "with_message",
];
/// Calls whose texts are for the log or for programs, also within others.
const OTHERS: [&str; 3] = ["Error::other", "close", "internal"];
/// Variables whose texts are messages.
const VARIABLES: [&str; 8] =
    ["message", "words", "advice", "problem", "named", "late", "reason", "wrong"];

/// Files whose messages only the operator of the server sees, on its command line or in its log.
const OF_OPERATOR: [&str; 28] = [
    "documents/src/sie.rs",
    "documents/src/sie_reading.rs",
    "documents/src/swedish.rs",
    "documents/src/typesetting/",
    "domain/src/audit/",
    "domain/src/auth/key_set.rs",
    "domain/src/auth/pem.rs",
    "domain/src/backup/",
    "domain/src/config/",
    "domain/src/database/",
    "domain/src/doctor/",
    "domain/src/files.rs",
    "domain/src/idempotency/outcome.rs",
    "domain/src/integrity/",
    "domain/src/interchange/",
    "domain/src/output.rs",
    "domain/src/search.rs",
    "domain/src/templates/library.rs",
    "domain/src/templates/load.rs",
    "domain/src/vouchers/",
    "entity/src/total.rs",
    "src/cli/",
    "src/graphql/declared_columns.rs",
    "src/graphql/future_sizes.rs",
    "src/http/health.rs",
    "src/http/listener.rs",
    "src/http/query_cost/tests.rs",
    "src/http/telemetry.rs",
];
/// Templates that the catalogue has with their parts, texts of the library that are searched for,
/// and messages of the start of the server.
const COMPOSED: [&str; 10] = [
    "{path} {message}",
    "{} {words}",
    "{} {words} on {day}{due}",
    "{name} {words} on {day}{due}",
    "net {}, VAT {}, rounding {}",
    "{subject} {}; at most {most} are allowed.",
    " at line",
    "names {}, which {what}",
    "is not a JSON object of texts by their ids: {error}",
    "the text is too long",
];

/// The character that stands for a placeholder.
const PLACEHOLDER: char = '\0';

/// Returns the text of a string literal.
fn text_of(literal: &str) -> String {
    let is_raw = literal.trim_start_matches(['b', 'c']).starts_with('r');
    let (first, last) = (literal.find('"').unwrap_or(0), literal.rfind('"').unwrap_or(0));
    let inner = literal.get(first + 1..last).unwrap_or_default();
    if is_raw {
        return inner.to_owned();
    }
    let (mut text, mut rest) = (String::new(), inner);
    while let Some((before, after)) = rest.split_once('\\') {
        text += before;
        let escaped = after.chars().next().unwrap_or_default();
        rest = &after[escaped.len_utf8().min(after.len())..];
        match escaped {
            'n' => text.push('\n'),
            '\n' => rest = rest.trim_start(),
            'u' => {
                let (code, after) = rest.split_once('}').unwrap_or((rest, ""));
                let code = u32::from_str_radix(code.trim_start_matches('{'), 16).ok();
                text.extend(code.and_then(char::from_u32));
                rest = after;
            }
            other => text.push(other),
        }
    }
    text + rest
}

/// Returns a template with a character in place of each placeholder, without one at its start,
/// which stands for the name of an object. Of a format string, two braces are one.
fn skeleton(template: &str, is_format: bool) -> String {
    let (mut skeleton, mut rest) = (String::new(), template);
    while let Some(position) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(position);
        skeleton += before;
        let end = brace.find('}').unwrap_or(0);
        if is_format && (brace.starts_with("{{") || brace.starts_with("}}")) {
            skeleton.push_str(&brace[..1]);
            rest = &brace[2..];
        } else if end > 0 && is_placeholder(&brace[1..end]) {
            skeleton.push(PLACEHOLDER);
            rest = &brace[end + 1..];
        } else {
            skeleton.push_str(&brace[..1]);
            rest = &brace[1..];
        }
    }
    let skeleton = skeleton + rest;
    skeleton.strip_prefix("\0 ").map_or(skeleton.clone(), str::to_owned)
}

/// Returns `true` for what braces hold in a format string or an entry: `name`, `:?`, `0:04X`, `*`.
fn is_placeholder(text: &str) -> bool {
    let (name, format) = text.split_once(':').unwrap_or((text, ""));
    let is_name = |char: char| char.is_ascii_alphanumeric() || "_*".contains(char);
    name.chars().all(is_name) && !format.contains(['"', '{', ' '])
}

/// Returns `true` if a text is a sentence or a clause, and not SQL or a name.
fn is_message(text: &str) -> bool {
    let letters: Vec<bool> = text.chars().map(|char| char.is_ascii_lowercase()).collect();
    let sql = ["SELECT", "INSERT", "UPDATE", " AND ", "CAST(", "\".\"", "json_", "::"];
    text.trim().contains(' ')
        && letters.windows(2).any(|pair| pair == [true, true])
        && !sql.iter().any(|word| text.contains(word))
}

/// Returns `true` if the code ends with one of these names as a whole.
fn ends_with(code: &str, names: &[&str]) -> bool {
    names.iter().any(|name| {
        let before = code.strip_suffix(name).map(|before| before.chars().next_back());
        before.is_some_and(|char| {
            !char.is_some_and(|char| char.is_alphanumeric() || char == '_') || name.starts_with('#')
        })
    })
}

/// Returns the messages of a file with their lines.
fn messages(source: &Source) -> Vec<(usize, String)> {
    let (mut found, mut code) = (Vec::new(), String::new());
    // For each open bracket, whether its texts are messages.
    let mut brackets: Vec<bool> = Vec::new();
    let mut variable: Option<usize> = None;
    for part in parts(source.without_tests()) {
        let within = brackets.last().copied().unwrap_or_default();
        match (part.kind, part.text) {
            (Kind::Comment, _) => {}
            (Kind::Literal, literal) => {
                let text = text_of(literal);
                if (within || variable.is_some()) && is_message(&text) {
                    found.push((part.line, text));
                }
                code.push('"');
            }
            (Kind::Code, "(" | "[" | "{") => {
                let is_other = ends_with(&code, &OTHERS);
                brackets.push(!is_other && (within || ends_with(&code, &MESSAGES)));
                code.push('(');
            }
            (Kind::Code, ")" | "]" | "}") => {
                brackets.pop();
                code.push(')');
            }
            (Kind::Code, "=") if is_assignment(&code) => variable = Some(brackets.len()),
            (Kind::Code, ";") => {
                variable = variable.filter(|depth| *depth != brackets.len());
                code.push(';');
            }
            (Kind::Code, token) if token.trim().is_empty() => {}
            (Kind::Code, "let") => code.push_str(" let "),
            (Kind::Code, token) => code.push_str(token),
        }
        // `#[error(` opens two brackets.
        if code.ends_with("#(error") {
            code.push_str("#[error");
        }
    }
    found
}

fn is_assignment(code: &str) -> bool {
    VARIABLES.iter().any(|name| code.ends_with(&format!(" let {name}")))
}

/// Returns the sources of the program.
fn of_program() -> Vec<Source> {
    let folders = ["documents/src/", "domain/src/", "entity/src/", "src/"];
    let is_ours = |source: &Source| folders.iter().any(|folder| source.is_in(folder));
    sources().into_iter().filter(is_ours).collect()
}

fn skeletons(entries: &[Entry]) -> BTreeSet<String> {
    entries.iter().map(|entry| skeleton(&entry.english, false)).collect()
}

#[test]
fn every_message_has_a_swedish_one() {
    let known = skeletons(&catalog::entries());
    let composed: BTreeSet<_> = COMPOSED.iter().map(|template| skeleton(template, true)).collect();
    let is_seen = |source: &Source| {
        !OF_OPERATOR.iter().any(|path| source.is_in(path)) && !source.path.contains("integrity")
    };
    let violations = of_program().into_iter().filter(is_seen).flat_map(|source| {
        let missing = messages(&source).into_iter().filter(|(_, message)| {
            let skeleton = skeleton(message, true);
            !known.contains(&skeleton) && !composed.contains(&skeleton)
        });
        let missing = missing.map(|(line, message)| {
            source.at(line, &format!("add {message:?} to assets/messages/sv.po"))
        });
        missing.collect::<Vec<_>>()
    });
    holds(violations);
}

#[test]
fn every_entry_is_of_a_message() {
    let sources = of_program();
    let texts: BTreeSet<String> = sources
        .iter()
        .flat_map(|source| parts(source.without_tests()))
        .filter(|part| part.kind == Kind::Literal)
        .map(|part| skeleton(&text_of(part.text), true))
        .collect();
    let unused = catalog::entries()
        .into_iter()
        .filter(|entry| !entry.is_composed && !texts.contains(&skeleton(&entry.english, false)));
    holds(unused.map(|entry| format!("assets/messages/sv.po: no source has {:?}", entry.english)));
}

#[test]
fn entries_have_the_same_placeholders_in_both_languages() {
    let names = |template: &str| -> BTreeSet<String> {
        let parts = template.split('{').skip(1).filter_map(|part| part.split_once('}'));
        let is_name = |name: &&str| !name.is_empty() && !name.contains([' ', '"', ':', '%']);
        parts.map(|(name, _)| name).filter(is_name).map(str::to_owned).collect()
    };
    let mut seen = BTreeMap::new();
    for entry in catalog::entries() {
        let (english, swedish) = (names(&entry.english), names(&entry.swedish));
        let fits = if entry.is_composed { swedish.is_subset(&english) } else { swedish == english };
        assert!(fits && !entry.swedish.is_empty(), "{entry:?}");
        let other = seen.insert(entry.english.clone(), entry.swedish);
        assert!(other.is_none(), "{:?} occurs twice", entry.english);
    }
    assert!(seen.len() > 500);
}

#[test]
fn messages_are_found() {
    let text = "fn f() {\n    errors.add(\"a_path\", format!(\"must be {} or \\\n        more\", 1));\n    let words = \"was not sent\";\n    let other = \"it is no message\";\n    Err(Error::internal(io::Error::other(\"it is for the log\")))\n}\n#[error(\"has a wrong digit\")]\n";
    let source = Source { path: "src/a.rs".to_owned(), text: text.to_owned() };
    let found: Vec<_> = messages(&source).into_iter().map(|(_, message)| message).collect();
    assert_eq!(found, ["must be {} or more", "was not sent", "has a wrong digit"]);
    for (template, expected) in [
        ("{} has {left:?} left", "has \0 left"),
        ("{*} has {left} left", "has \0 left"),
        ("as {{\"days\": {n:04}}}", "as {\"days\": \0}"),
        ("as {\"days\": 14}", "as {\"days\": 14}"),
        ("has {{% {} %}}", "has {% \0 %}"),
    ] {
        assert_eq!(skeleton(template, true), expected);
    }
    assert_eq!(skeleton("{*} as {\"a\": {b}}", false), "as {\"a\": \0}");
}
