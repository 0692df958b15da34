//! Acts of law: every one that code, templates, documents and pages cite stands in `docs/laws.md`
//! with its source, and is in force.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Folders and files that may cite acts.
const CITING: [&str; 8] = [
    "README.md",
    "schema.graphql",
    "assets",
    "docs",
    "entity/src",
    "documents/src",
    "domain/src",
    "src",
];
/// The page of the acts.
const PAGE: &str = "docs/laws.md";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of a folder and those below it, by their paths from the root of the repository.
fn texts(path: &Path) -> BTreeMap<String, String> {
    if path.is_dir() {
        return fs::read_dir(path)
            .unwrap()
            .flat_map(|entry| texts(&entry.unwrap().path()))
            .collect();
    }
    let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    // Scripts of others, and fonts, are no texts.
    let is_text = ["md", "rs", "typ", "html", "graphql", "toml", "json"]
        .iter()
        .any(|end| name.ends_with(&format!(".{end}")));
    let text = is_text.then(|| fs::read_to_string(path).unwrap());
    text.map(|text| (name, text)).into_iter().collect()
}

/// The acts that a text cites by year and number, as `1981:739`. Announcements and amendments are
/// cited as `SFS 2025:809` and left out.
fn acts(text: &str) -> BTreeSet<&str> {
    let bytes = text.as_bytes();
    let digits =
        |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let act = |colon: usize| {
        let from = colon.checked_sub(4)?;
        let (year, to) =
            (text.get(from..colon)?.parse::<u16>().ok()?, colon + 1 + digits(colon + 1));
        let before = text[..from].chars().next_back();
        let after = text[to..].chars().next();
        let is_number =
            (1..=4).contains(&(to - colon - 1)) && !bytes[colon + 1..to].starts_with(b"0");
        let is_apart = !before
            .is_some_and(|char| char.is_ascii_alphanumeric() || "-.:_/".contains(char))
            && !after.is_some_and(|char| char.is_ascii_alphanumeric() || ":-_/".contains(char));
        let is_act = (1734..2100).contains(&year)
            && is_number
            && is_apart
            && !text[..from].ends_with("SFS ");
        is_act.then(|| &text[from..to])
    };
    text.match_indices(':').filter_map(|(colon, _)| act(colon)).collect()
}

#[test]
fn every_act_that_is_cited_is_in_force_and_has_its_source() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let known: BTreeSet<&str> =
        rows.filter(|(_, state)| state.starts_with("yes")).flat_map(|(act, _)| acts(act)).collect();
    assert!(known.len() > 5, "the table of {PAGE} is not where it was");
    let cited =
        CITING.iter().flat_map(|path| texts(&root().join(path))).filter(|(name, _)| name != PAGE);
    let strange: Vec<String> = cited
        .flat_map(|(name, text)| {
            let strange = acts(&text)
                .into_iter()
                .filter(|act| !known.contains(act))
                .map(|act| format!("{name} cites {act}"));
            strange.collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        strange, [""; 0],
        "look up whether it is in force, and give it a row of {PAGE} with the source"
    );
}

#[test]
fn acts_are_distinguished_from_times_and_amounts() {
    let text = "lagen (1981:739) om, räntelagen 1975:635, 9 §; SFS 2013:56, 2026-11-21T1975:63, 1002:300, 127.0.0.1:8080, 1999:1078.";
    assert_eq!(acts(text), BTreeSet::from(["1981:739", "1975:635", "1999:1078"]));
    assert_eq!(acts("förordningen (1981:1057) gäller inte"), BTreeSet::from(["1981:1057"]));
}
