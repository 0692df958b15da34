//! The form of source files: their first line, length, names and lints.

use crate::repository::source_files::{Source, Violation, holds, sources, texts};

/// Maximum length of a Rust file in lines, without its unit tests.
const MAX_FILE_LINES: usize = 600;
/// Maximum length of a function in lines, from its first to its closing brace.
const MAX_FUNCTION_LINES: usize = 80;
/// Maximum length of a test in lines: it tells one story of a register, step by step.
const MAX_TEST_LINES: usize = 200;
/// Maximum width of a comment in columns. rustfmt breaks code at the same width, and no comment.
const MAX_COLUMNS: usize = 100;

#[test]
fn every_file_begins_with_a_description() {
    let sources = sources();
    let silent = sources.iter().filter(|source| {
        !source
            .text
            .lines()
            .next()
            .is_some_and(|line| line.len() > "//! ".len() && line.starts_with("//! "))
    });
    holds(
        silent.map(|source| source.at(1, "must begin with //! and a sentence about its contents")),
    );
}

#[test]
fn no_file_has_a_catch_all_name() {
    let catch_alls = ["util", "common", "helper", "type", "service", "misc", "shared", "prelude"];
    let sources = sources();
    // The file or folder of a noun's GraphQL types has this name for every noun.
    let is_of_types =
        |source: &Source| source.is_in("src/graphql/") && source.path.contains("/types");
    let named = sources.iter().filter(|source| !is_of_types(source)).filter(|source| {
        source
            .path
            .split('/')
            .any(|part| catch_alls.contains(&part.trim_end_matches(".rs").trim_end_matches('s')))
    });
    holds(
        named.map(|source| source.at(1, "has a name that says nothing; name it by its contents")),
    );
}

#[test]
fn no_file_is_too_long() {
    let sources = sources();
    let long = sources.iter().filter_map(|source| {
        let length = source.without_tests().lines().count();
        (length > MAX_FILE_LINES).then(|| {
            source.at(
                length,
                &format!(
                    "has {length} lines; at most {MAX_FILE_LINES}: split it by mutation or part"
                ),
            )
        })
    });
    holds(long);
}

#[test]
fn no_function_is_too_long() {
    holds(sources().iter().flat_map(|source| {
        let long =
            functions(source).into_iter().filter(|function| function.length > function.most());
        long.map(|function| {
            let (name, length, most) = (function.name, function.length, function.most());
            source
                .at(function.line, &format!("{name} has {length} lines; at most {most}: split it"))
        })
        .collect::<Vec<_>>()
    }));
}

#[test]
fn no_comment_is_too_wide() {
    holds(sources().iter().flat_map(wide_comments));
}

/// Returns a violation for each line of a comment that is too wide. A word that is too long for a
/// line, as an address, may stand alone.
fn wide_comments(source: &Source) -> Vec<Violation> {
    let lines = source.text.lines().enumerate();
    let wide = lines.filter(|(_, line)| {
        let comment = line.trim_start();
        let words = comment.trim_start_matches(['/', '!']).split_whitespace().count();
        comment.starts_with("//") && words > 1 && line.chars().count() > MAX_COLUMNS
    });
    let message = format!("is wider than {MAX_COLUMNS} columns");
    wide.map(|(index, _)| source.at(index + 1, &message)).collect()
}

#[test]
fn wide_comments_are_found() {
    let word = "é".repeat(91);
    let text = [
        format!("//! a {word}"),
        format!("    // a {word}"),
        format!("    /// a {word}"),
        format!("// {word}{word}"),
        format!("let a = \"{word} {word}\";"),
    ];
    let text = text.join("\n");
    let source = Source { path: "src/x.rs".into(), text };
    assert_eq!(wide_comments(&source), ["src/x.rs:3: is wider than 100 columns"]);
}

#[test]
fn no_doc_comment_holds_a_test() {
    // `tests/run.sh` runs none. Fences with a language other than Rust are text.
    let sources = sources();
    holds(sources.iter().flat_map(|source| {
        let mut is_open = false;
        let lines = source.text.lines().enumerate();
        let fences = lines.filter_map(move |(index, line)| {
            let fence = line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']);
            let language = fence.trim().strip_prefix("```")?;
            is_open = !is_open;
            let is_test =
                is_open && ["", "rust", "no_run", "should_panic"].contains(&language.trim());
            is_test.then_some(index + 1)
        });
        let message = "is a test that is never run; move it to the tests, or name its language";
        fences.map(|line| source.at(line, message)).collect::<Vec<_>>()
    }));
}

/// A function with its first line and its length in lines.
struct Function<'s> {
    line: usize,
    name: &'s str,
    length: usize,
    is_test: bool,
}

impl Function<'_> {
    /// Returns the maximum length of this function.
    fn most(&self) -> usize {
        if self.is_test { MAX_TEST_LINES } else { MAX_FUNCTION_LINES }
    }
}

/// Returns the functions of a file that rustfmt has formatted, and its tests on both databases.
/// Unit tests at its end are excepted.
fn functions(source: &Source) -> Vec<Function<'_>> {
    let lines: Vec<&str> = source.without_tests().lines().collect();
    let mut found = Vec::new();
    for (index, &line) in lines.iter().enumerate() {
        let code = line.trim_start();
        if let Some(test) = code.strip_prefix("on_both!(") {
            let name = test.split(',').next().filter(|name| !name.is_empty()).unwrap_or("a test");
            let end = lines[index..].iter().position(|line| *line == "});" || *line == ");");
            found.extend(end.map(|end| Function {
                line: index + 1,
                name,
                length: end + 1,
                is_test: true,
            }));
            continue;
        }
        let Some((qualifiers, rest)) = code.split_once("fn ") else { continue };
        let is_function = qualifiers.split_whitespace().all(|word| {
            word.starts_with("pub")
                || word.ends_with(')')
                || ["async", "const", "unsafe"].contains(&word)
        });
        let opening = lines[index..].iter().find(|line| line.ends_with(['{', '}', ';']));
        if !is_function || !opening.is_some_and(|line| line.ends_with('{')) {
            continue;
        }
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        let indent = line.len() - code.len();
        let is_end = |line: &&str| line.len() == indent + 1 && line.ends_with('}');
        let is_test = is_test(&lines[..index]);
        let end = lines[index..].iter().position(is_end);
        found.extend(end.map(|end| Function { line: index + 1, name, length: end + 1, is_test }));
    }
    found
}

/// Returns `true` if the lines before a function end with the attribute of a test.
fn is_test(before: &[&str]) -> bool {
    let attributes = before.iter().rev().map(|line| line.trim_start());
    let mut attributes = attributes.take_while(|line| line.starts_with("#["));
    attributes.any(|line| line.ends_with("test]") || line.starts_with("#[tokio::test("))
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
fn no_file_names_a_path_of_a_machine() {
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
                source.at(position + 1, &format!("names a path of a machine: {}", line.trim()))
            })
            .collect::<Vec<_>>()
    }));
}

#[test]
fn functions_are_measured() {
    let text = "fn one() {}\n\nimpl X {\n    pub(super) async fn two(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n}\n\n#[test]\n#[ignore = \"slow\"]\nfn three() {\n}\ntrait T {\n    fn four();\n}\non_both!(five, |app| async move {\n    fn six() {\n    }\n});\n#[cfg(test)]\nmod tests {\n    fn seven() {\n    }\n}\n";
    let source = Source { path: "src/x.rs".into(), text: text.into() };
    let found = functions(&source).into_iter().map(|found| {
        let Function { line, name, length, is_test } = found;
        (line, name, length, is_test)
    });
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (4, "two", 5, false),
            (13, "three", 2, true),
            (18, "five", 4, true),
            (19, "six", 2, false)
        ]
    );
}
