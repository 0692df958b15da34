//! The language of the code, the documentation and the API: no words that only this repository
//! would use, and doc comments that begin with the subject or the verb.

use std::{collections::HashMap, mem};

use super::source_files::{Source, Violation, holds, sources, texts};

/// The heading of the first release in the changelog.
const FIRST_RELEASE: &str = "\n## [0.1.0]";

/// The words and phrases that are not used, one on a line, with the replacement after a `#`.
const WORDS: &str = include_str!("words.txt");

/// First words of doc comments that have no main clause.
const HEADLESS: [&str; 8] = ["What", "Who", "Whether", "Which", "Where", "How", "Why", "Those"];

/// The percentage of doc comments that headless openings stay below.
const MAX_HEADLESS_PERCENT: usize = 6;

/// The number of files that a message about headless openings names.
const WORST_FILES: usize = 10;

/// A word in lower case with the number of its line; an empty word separates texts.
type Word = (usize, String);

/// Words and phrases by their first word.
type Phrases = HashMap<&'static str, Vec<Vec<&'static str>>>;

/// The kinds of text in a Rust file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    Comment,
    Literal,
}

/// A part of a Rust file: an identifier or another token, a comment, or a string literal.
pub(super) struct Part<'a> {
    pub(super) kind: Kind,
    pub(super) line: usize,
    pub(super) text: &'a str,
}

/// Returns the parts of a Rust file in order; together they are the file.
pub(super) fn parts(rust: &str) -> Vec<Part<'_>> {
    let (mut parts, mut rest, mut line) = (Vec::new(), rust, 1);
    while !rest.is_empty() {
        let (kind, length) = first_part(rest);
        let (text, after) = rest.split_at(length);
        parts.push(Part { kind, line, text });
        line += text.matches('\n').count();
        rest = after;
    }
    parts
}

/// Returns the kind and the number of bytes of the part that the text begins with.
fn first_part(rust: &str) -> (Kind, usize) {
    if rust.starts_with("//") {
        return (Kind::Comment, rust.find('\n').unwrap_or(rust.len()));
    }
    if rust.starts_with("/*") {
        return (Kind::Comment, rust.find("*/").map_or(rust.len(), |end| end + 2));
    }
    if let Some(length) = string_length(rust) {
        return (Kind::Literal, length);
    }
    if let Some(length) = char_length(rust) {
        return (Kind::Code, length);
    }
    let first = rust.chars().next().unwrap_or_default();
    let continues = |char: char| {
        if first.is_whitespace() { char.is_whitespace() } else { is_of_identifier(char) }
    };
    let length = rust.find(|char| !continues(char)).unwrap_or(rust.len());
    (Kind::Code, length.max(first.len_utf8()))
}

/// Returns `true` for a character that an identifier can have.
fn is_of_identifier(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Returns the number of bytes of the string literal that the text begins with, if it does.
fn string_length(rust: &str) -> Option<usize> {
    let prefix = rust.find(|char: char| !"bcr".contains(char))?;
    let is_raw = rust[..prefix].ends_with('r');
    let hashes = if is_raw { rust[prefix..].find(|char: char| char != '#')? } else { 0 };
    let quote = prefix + hashes;
    let text = rust[quote..].strip_prefix('"')?;
    if is_raw {
        let end = text.find(&format!("\"{}", "#".repeat(hashes)))?;
        return Some(quote + 1 + end + 1 + hashes);
    }
    let mut is_escaped = false;
    let end = text.find(|char: char| {
        let ends = char == '"' && !is_escaped;
        is_escaped = char == '\\' && !is_escaped;
        ends
    })?;
    Some(quote + 1 + end + 1)
}

/// Returns the number of bytes of the character literal that the text begins with; `None` for a
/// lifetime.
fn char_length(rust: &str) -> Option<usize> {
    let literal = rust.strip_prefix('\'')?;
    let first = literal.chars().next()?;
    let end = if first == '\\' {
        2 + literal.get(2..)?.find('\'')?
    } else {
        literal[first.len_utf8()..].starts_with('\'').then(|| first.len_utf8())?
    };
    Some(1 + end + 1)
}

/// Returns the words of a text; `snake_case` and `CamelCase` are several words.
fn words(text: &str, first_line: usize) -> Vec<Word> {
    let (mut words, mut word, mut line) = (Vec::new(), String::new(), first_line);
    let mut is_after_lowercase = false;
    for char in text.chars().chain([' ']) {
        let begins = char.is_uppercase() && is_after_lowercase;
        if (begins || !char.is_alphanumeric()) && !word.is_empty() {
            words.push((line, mem::take(&mut word)));
        }
        if char.is_alphanumeric() {
            word.extend(char.to_lowercase());
        }
        if char == '\n' {
            line += 1;
        }
        is_after_lowercase = char.is_lowercase() || char.is_numeric();
    }
    words
}

/// Returns the words and phrases of the list.
fn listed(list: &'static str) -> Phrases {
    let mut phrases = Phrases::new();
    for line in list.lines() {
        let phrase: Vec<_> =
            line.split('#').next().unwrap_or_default().split_whitespace().collect();
        if let Some(first) = phrase.first() {
            phrases.entry(*first).or_default().push(phrase);
        }
    }
    phrases
}

/// Returns the listed phrases among the words, each with its line.
fn uses(words: &[Word], phrases: &Phrases) -> Vec<(usize, String)> {
    let mut uses = Vec::new();
    for (position, (line, word)) in words.iter().enumerate() {
        for phrase in phrases.get(word.as_str()).into_iter().flatten() {
            let following = words[position..].iter().map(|(_, word)| word.as_str());
            if following.take(phrase.len()).eq(phrase.iter().copied()) {
                uses.push((*line, phrase.join(" ")));
            }
        }
    }
    uses
}

/// Returns the words of a Rust file that the list applies to: identifiers, comments and, unless it
/// is a test, string literals of several words. A literal of one word is stored, or a name that
/// others have given.
fn rust_words(source: &Source) -> Vec<Word> {
    let (mut comments, mut others) = (Vec::new(), Vec::new());
    let code_lines =
        if source.is_in("tests/") { 0 } else { source.without_tests().lines().count() };
    for part in parts(&source.text) {
        let is_message = part.line <= code_lines && part.text.contains(char::is_whitespace);
        match part.kind {
            // Phrases go from one line of a comment to the next.
            Kind::Comment => comments.extend(words(part.text, part.line)),
            Kind::Literal if !is_message => {}
            Kind::Code | Kind::Literal => {
                let words = words(part.text, part.line);
                if !words.is_empty() {
                    others.extend(words);
                    others.push((part.line, String::new()));
                }
            }
        }
    }
    others.append(&mut comments);
    others
}

/// Returns the changelog without the names of version 0.1.0, which stand between backticks: words
/// of the list were part of them.
fn without_former_names(text: &str) -> String {
    let Some((later, first)) = text.split_once(FIRST_RELEASE) else { return text.to_owned() };
    let names = first.split('`').enumerate();
    // The lines of a name are left, so that the numbers of those after it are right.
    let prose = names.map(|(position, part)| match position % 2 {
        0 => part.to_owned(),
        _ => part.chars().map(|char| if char == '\n' { '\n' } else { '.' }).collect(),
    });
    [later, FIRST_RELEASE, &prose.collect::<String>()].concat()
}

/// Returns the words of a file that the list applies to. Applied migrations, the former spellings
/// of fixtures and the names of the first release are exempt.
fn checked_words(source: &Source) -> Vec<Word> {
    let path = source.path.as_str();
    if ["migration/", "tests/fixtures/"].iter().any(|folder| source.is_in(folder)) {
        return Vec::new();
    }
    let is_page = path.ends_with(".md")
        && (!path.contains('/')
            || ["docs/", "assets/", "deploy/"].iter().any(|folder| source.is_in(folder)));
    match path {
        "CHANGELOG.md" => words(&without_former_names(&source.text), 1),
        _ if path.ends_with(".rs") => rust_words(source),
        _ if is_page || path == "schema.graphql" => words(&source.text, 1),
        _ => Vec::new(),
    }
}

/// Returns the first word of each doc comment.
fn openings(rust: &str) -> Vec<&str> {
    let (mut openings, mut previous) = (Vec::new(), None);
    for line in rust.lines() {
        let line = line.trim_start();
        let marker = ["///", "//!"].into_iter().find(|marker| line.starts_with(marker));
        if let Some(marker) = marker
            && previous != Some(marker)
        {
            let text = line[marker.len()..].trim_start();
            openings.push(text.split(|char: char| !char.is_alphabetic()).next().unwrap_or(text));
        }
        previous = marker;
    }
    openings
}

/// Returns the number of headless openings among all, and a message for each file that has some,
/// the worst first.
fn headless(files: &[Source]) -> (usize, usize, Vec<Violation>) {
    let (mut all, mut worst) = (0, Vec::new());
    for file in files {
        let openings = openings(file.without_tests());
        all += openings.len();
        let count = openings.iter().filter(|opening| HEADLESS.contains(opening)).count();
        if count > 0 {
            worst.push((count, file.path.as_str()));
        }
    }
    worst.sort_unstable();
    worst.reverse();
    let count = worst.iter().map(|(count, _)| count).sum();
    let messages = worst.iter().map(|(count, path)| {
        format!("{path}: {count} doc comments open with one of {}", HEADLESS.join(", "))
    });
    (count, all, messages.take(WORST_FILES).collect())
}

/// Fails if too many of the doc comments of these files have headless openings.
#[track_caller]
fn few_are_headless(files: &[Source]) {
    let (count, all, worst) = headless(files);
    if count * 100 >= all * MAX_HEADLESS_PERCENT {
        holds(worst);
    }
}

#[test]
fn no_listed_word_is_used_in_code_documentation_or_schema() {
    let phrases = listed(WORDS);
    let violations = texts().into_iter().flat_map(|source| {
        uses(&checked_words(&source), &phrases)
            .into_iter()
            .map(|(line, phrase)| {
                source.at(line, &format!("`{phrase}`: see tests/api/repository/words.txt"))
            })
            .collect::<Vec<_>>()
    });
    holds(violations);
}

#[test]
fn few_doc_comments_open_with_a_headless_clause() {
    let files: Vec<_> =
        sources().into_iter().filter(|source| !source.path.starts_with("tests/")).collect();
    few_are_headless(&files);
}

/// Returns a file with this path and text.
fn file(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

/// Returns the listed words that are found in a file, with their lines.
fn found(path: &str, text: &str) -> Vec<(usize, String)> {
    let phrases = listed("frob # adjust\nback there\nfrobs");
    uses(&checked_words(&file(path, text)), &phrases)
}

/// Returns uses of words in lines.
fn expected<const N: usize>(uses: [(usize, &str); N]) -> Vec<(usize, String)> {
    uses.into_iter().map(|(line, word)| (line, word.to_owned())).collect()
}

#[test]
fn listed_words_are_found_in_names_comments_and_messages() {
    let rust = "fn frob_all<'a>(char: char) -> FrobBox<'a> {\n\
                let quote = '\"'; // It frobs \"it\" back\n\
                // there. Frobbing and back are none.\n\
                let raw = r#\"a \"frob\" here\"#; let stored = \"frob\"; let end = '\\'';\n\
                fail(\"can't \\\"\n frob\")\n}\n\
                #[cfg(test)]\nmod tests {\n    const DATA: &str = \"a frob\";\n}\n";
    let mut uses = found("src/frob.rs", rust);
    uses.sort();
    let names = [(1, "frob"), (1, "frob")];
    let others = [(2, "back there"), (2, "frobs"), (4, "frob"), (6, "frob")];
    let all = [expected(names), expected(others)].concat();
    assert_eq!(uses, all);
    let mut in_test = found("tests/api/frob.rs", rust);
    in_test.sort();
    assert_eq!(in_test, all[..4], "literals of tests are data");
    assert!(found("migration/src/frob.rs", rust).is_empty());
}

#[test]
fn listed_words_are_found_in_pages_the_schema_and_the_changes_to_come() {
    assert_eq!(found("docs/page.md", "One\nback\nthere"), expected([(2, "back there")]));
    assert_eq!(found("schema.graphql", "frobCount: Int!"), expected([(1, "frob")]));
    let changes = "# Changelog\n## [0.2.0]\n- `frob`\n## [0.1.0]\n- `frob\nAll`, frobs `frob`\n";
    assert_eq!(found("CHANGELOG.md", changes), expected([(3, "frob"), (6, "frobs")]));
    assert!(found("assets/data.csv", "frob").is_empty());
    let rust = "let a = b\"c\\\\\"; /* d */  'é'";
    let whole: String = parts(rust).iter().map(|part| part.text).collect();
    assert_eq!(whole, rust, "no part of a file is left out");
}

#[test]
fn headless_openings_are_counted_by_file() {
    let rust = "//! What it is.\n//! Who\n\n/// `Whether` it does.\n    /// Whose.\nfn a() {}\n\
                /// Returns a.\n// How\n/// Which one.\n#[cfg(test)]\nmod tests {\n/// Why.\n}\n";
    assert_eq!(openings(rust), ["What", "", "Returns", "Which", "Why"]);
    let files = [file("src/a.rs", "/// How.\n"), file("src/b.rs", rust)];
    let (count, all, worst) = headless(&files);
    assert_eq!((count, all), (3, 5));
    assert!(worst[0].starts_with("src/b.rs: 2 "), "{worst:?}");
    assert!(std::panic::catch_unwind(|| few_are_headless(&files)).is_err());
    few_are_headless(&[file("src/a.rs", &"/// The one.\nfn a() {}\n".repeat(20))]);
}
