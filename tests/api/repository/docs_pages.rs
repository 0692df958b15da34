//! Tests that the pages for readers name what exists (links, settings, tests of invariants, terms),
//! and that the long checks know every scalar.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The pages in the root folder.
const ROOT_PAGES: [&str; 4] = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
/// Names in `domain/src/config` that are not settings: a removed one, with its replacement.
const REMOVED: [&str; 1] = ["SAMREGISTER_METRICS"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|cause| panic!("{path}: {cause}"))
}

/// Returns the files of a folder and its subfolders with this ending, as paths from the root.
fn files(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let within = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                files(&within, ending)
            } else {
                Some(within).filter(|within| within.ends_with(ending)).into_iter().collect()
            }
        })
        .collect()
}

fn pages() -> BTreeSet<String> {
    let mut pages = files("docs", ".md");
    pages.extend(ROOT_PAGES.map(str::to_owned));
    pages
}

/// Returns the text without its fenced blocks.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// Returns the targets of the links in a page.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.map(str::to_owned).collect()
}

/// Returns the anchors of a page's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let is_part = |char: &char| char.is_alphanumeric() || " -_".contains(*char);
            heading.chars().filter(is_part).collect::<String>().replace(' ', "-")
        })
        .collect()
}

/// Returns the texts between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Returns the words of identifiers in a text.
fn identifiers(text: &str) -> BTreeSet<&str> {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    text.split(|char| !is_part(char)).filter(|word| !word.is_empty()).collect()
}

/// Returns the cells of the rows of a page's tables, without their header rows.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let mut is_table = false;
    for line in text.lines() {
        let Some(line) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            is_table = false;
            continue;
        };
        if line.chars().all(|char| "-| :".contains(char)) && line.contains('-') {
            is_table = true;
        } else if is_table {
            rows.push(line.split('|').map(str::trim).collect());
        }
    }
    rows
}

#[test]
fn every_link_leads_to_a_page() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&text(&page)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = Path::new(&page).parent().unwrap();
            let target =
                if path.is_empty() { root().join(&page) } else { root().join(folder).join(path) };
            let has_anchor = || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor);
            if !target.exists() || (!anchor.is_empty() && path.ends_with(".md") && !has_anchor()) {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert_eq!(broken, [""; 0], "links without a target");
}

#[test]
fn the_index_lists_every_page() {
    let index = text("docs/README.md");
    let listed: BTreeSet<_> =
        links(&index).into_iter().map(|link| format!("docs/{link}")).collect();
    let pages = files("docs", "").into_iter();
    let missing: Vec<_> = pages
        .filter(|page| !page.starts_with("docs/clients/") && page != "docs/README.md")
        .filter(|page| !listed.contains(page))
        .collect();
    assert_eq!(missing, [""; 0], "add them to docs/README.md");
}

#[test]
fn every_setting_is_documented() {
    let sources = files("domain/src/config", ".rs").into_iter().map(|path| text(&path));
    let code: String = sources
        .map(|source| source.split("#[cfg(test)]").next().unwrap_or_default().to_owned())
        .collect();
    let is_setting = |name: &&str| {
        let rest = name.strip_prefix("SAMREGISTER_").or_else(|| name.strip_prefix("DATABASE_URL"));
        rest.is_some_and(|rest| rest.chars().all(|char| char.is_ascii_uppercase() || char == '_'))
            && !name.ends_with('_')
    };
    let settings: BTreeSet<_> =
        code.split('"').skip(1).filter(is_setting).filter(|name| !REMOVED.contains(name)).collect();
    assert!(settings.len() > 40, "the settings are not in domain/src/config");
    let page = text("docs/configuration.md");
    let rows = rows(&page);
    let names: BTreeSet<_> =
        rows.iter().filter_map(|row| quoted(row[0]).pop()).filter(is_setting).collect();
    assert_eq!(names, settings, "the tables of docs/configuration.md");
}

#[test]
fn every_invariant_names_tests_that_exist() {
    let page = text("docs/architecture.md");
    let (_, section) = page.split_once("\n## Invariants\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let code: String = files("tests/api", ".rs").into_iter().map(|path| text(&path)).collect();
    let words = identifiers(&code);
    let mut missing = Vec::new();
    for (position, row) in rows(section).iter().enumerate() {
        assert_eq!(row[0], (position + 1).to_string(), "the invariants are numbered");
        let tests = quoted(row[2]);
        assert!(!tests.is_empty(), "invariant {} has no test", row[0]);
        missing.extend(tests.into_iter().filter(|test| !words.contains(test)));
    }
    assert_eq!(missing, [""; 0], "tests of docs/architecture.md that do not exist");
}

#[test]
fn terms_of_the_glossary_are_in_the_schema() {
    let schema = text("schema.graphql");
    let words = identifiers(&schema);
    let page = text("docs/glossary.md");
    let rows = rows(&page);
    assert!(rows.len() > 100, "the glossary has {} rows", rows.len());
    let terms = rows.iter().filter(|row| !row[1].contains("in the settings"));
    let names =
        terms.flat_map(|row| quoted(row[1])).filter(|term| !term.starts_with("samregister "));
    let unknown: BTreeSet<_> =
        names.flat_map(identifiers).filter(|word| !words.contains(word)).collect();
    assert_eq!(unknown, BTreeSet::new(), "terms of docs/glossary.md that the schema lacks");
}

#[test]
fn every_type_of_the_schema_has_a_term_in_the_glossary() {
    // Types of GraphQL and Relay, and the labels of enums: the office has no terms for them.
    let technical =
        ["EnumLabel", "EnumLabels", "Mutation", "Node", "PageInfo", "Query", "Subscription"];
    let of_relay = ["Connection", "Edge", "Payload"];
    let schema = text("schema.graphql");
    let types = schema.lines().filter_map(|line| {
        let (kind, rest) = line.split_once(' ')?;
        let name = rest.split([' ', '=', '{']).next()?;
        ["type", "interface", "union"].contains(&kind).then_some(name)
    });
    let types: BTreeSet<_> = types
        .filter(|name| !technical.contains(name))
        .filter(|name| !of_relay.iter().any(|ending| name.ends_with(ending)))
        .collect();
    assert!(types.len() > 60, "the schema has {} types", types.len());
    let page = text("docs/glossary.md");
    let rows = rows(&page);
    let terms: BTreeSet<_> =
        rows.iter().flat_map(|row| quoted(row[1])).flat_map(identifiers).collect();
    let missing: Vec<_> = types.difference(&terms).collect();
    assert!(missing.is_empty(), "add these types to docs/glossary.md: {missing:?}");
}

#[test]
fn every_scalar_has_values_that_schemathesis_draws() {
    let schema = text("schema.graphql");
    let hooks = text("tests/long/schemathesis/hooks.py");
    let scalars = schema.lines().filter_map(|line| line.strip_prefix("scalar "));
    // Without the address of its specification.
    let scalars: Vec<_> = scalars.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(scalars.len() > 5, "{scalars:?}");
    let unknown: Vec<_> =
        scalars.iter().filter(|name| !hooks.contains(&format!("scalar(\"{name}\""))).collect();
    assert_eq!(unknown, [&""; 0], "scalars without values in tests/long/schemathesis/hooks.py");
}
