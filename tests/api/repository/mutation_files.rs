//! Each mutation has one file of rules, named as its verb.

use std::collections::BTreeSet;

use super::source_files::{Source, sources};

/// Returns the words of a name in camelCase, or of a path in snake_case, in the singular.
fn words(name: &str) -> BTreeSet<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter.is_ascii_uppercase() || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().unwrap().push(letter.to_ascii_lowercase());
        }
    }
    let singular = |word: String| match word.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => word.trim_end_matches('s').to_owned(),
    };
    words.into_iter().filter(|word| !word.is_empty()).map(singular).collect()
}

/// Returns the words of a file's path within the domain, and those of its own name.
fn words_of(file: &Source) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let path = file.path.strip_prefix("domain/src/")?.strip_suffix(".rs")?;
    let path = path.trim_end_matches("/mod");
    Some((words(path), words(path.rsplit('/').next()?)))
}

/// Returns the names of the mutations in the schema.
fn mutations() -> Vec<String> {
    let schema =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).unwrap();
    let (_, rest) = schema.split_once("\ntype Mutation {\n").unwrap();
    let (own, _) = rest.split_once("\n}\n").unwrap();
    let fields = own.lines().filter_map(|line| line.strip_prefix('\t')?.split_once('('));
    let names = fields.map(|(name, _)| name.trim().to_owned());
    names.filter(|name| !name.is_empty() && name.chars().all(char::is_alphanumeric)).collect()
}

#[test]
fn each_mutation_has_a_file_of_rules_named_as_its_verb() {
    let files: Vec<Source> = sources();
    let found: Vec<_> = files.iter().filter_map(words_of).collect();
    let mutations = mutations();
    assert!(mutations.len() > 60, "{mutations:?}");
    let without: Vec<_> = mutations
        .iter()
        .filter(|mutation| {
            // The folder may be of another noun: reminders are among the receivables.
            let (noun, verb) =
                mutation.split_at(mutation.find(char::is_uppercase).unwrap_or(mutation.len()));
            let (noun, verb) = (words(noun), words(verb));
            let all: BTreeSet<_> = noun.union(&verb).cloned().collect();
            !found.iter().any(|(path, own)| path.is_superset(&verb) && own.is_subset(&all))
        })
        .collect();
    assert!(without.is_empty(), "no file of the domain is named as {without:?}");
}

#[test]
fn a_file_of_rules_has_one_mutation() {
    let crowded: Vec<_> = sources()
        .into_iter()
        .filter(|file| file.is_in("domain/src/"))
        .filter(|file| {
            let text = file.without_tests();
            let begins = ["audit::begin(", "audit::begin_after("];
            begins.iter().map(|begin| text.matches(begin).count()).sum::<usize>() > 1
        })
        .map(|file| file.path)
        .collect();
    assert!(crowded.is_empty(), "more than one mutation: {crowded:?}");
}
