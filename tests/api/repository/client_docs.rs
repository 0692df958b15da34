//! The pages of `docs/clients` show the clients of `tests/clients` as they are: what is run against
//! the server is what is read.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

/// The endings of the client files on the pages. Lists of versions and `run.sh` are for those who
/// run them.
const SHOWN: [&str; 9] = [
    ".ts",
    ".tsx",
    ".py",
    ".rs",
    ".graphql",
    "/package.json",
    "/tsconfig.json",
    "/relay.config.json",
    "/Cargo.toml",
];
/// The line before a block that shows a file ends with its address, seen from the page.
const FROM_PAGE: &str = "](../../";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder and those below it, by their paths from the root of the repository.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let within = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            if path.is_dir() { files(&path) } else { [within].into() }
        })
        .collect()
}

/// The page with each block as its file is, and the files that it shows.
fn renewed(page: &str) -> (String, Vec<String>) {
    let (mut text, mut shown, mut lines) = (String::new(), Vec::new(), page.lines());
    let mut file = None;
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        if let Some((_, address)) = line.split_once(FROM_PAGE).filter(|_| line.starts_with('#')) {
            file = address.strip_suffix(')');
        } else if let Some(path) = file.filter(|_| line.starts_with("```")) {
            text.push_str(
                fs::read_to_string(root().join(path))
                    .unwrap_or_else(|cause| panic!("{path}: {cause}"))
                    .trim_end(),
            );
            text.push_str("\n```\n");
            assert!(lines.any(|line| line == "```"), "the block of {path} has no end");
            shown.push(path.to_owned());
            file = None;
        }
    }
    (text, shown)
}

/// With `UPDATE_DOCS=1` the pages are written again.
#[test]
fn the_pages_show_every_client_as_it_is() {
    let mut shown = BTreeSet::new();
    for page in files(&root().join("docs/clients")) {
        let path = root().join(&page);
        let text = fs::read_to_string(&path).unwrap();
        let (renewed, files) = renewed(&text);
        if env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            fs::write(&path, renewed).unwrap();
        } else {
            assert!(
                text == renewed,
                "{page} shows other files than tests/clients has; run this test with UPDATE_DOCS=1"
            );
        }
        for file in files {
            assert!(shown.insert(file.clone()), "{file} is shown twice");
        }
    }
    let clients = files(&root().join("tests/clients"))
        .into_iter()
        .filter(|file| SHOWN.iter().any(|end| file.ends_with(end)));
    // The audit is no client to learn from.
    let clients: BTreeSet<_> =
        clients.filter(|file| !file.starts_with("tests/clients/audit/")).collect();
    assert!(clients.len() > 10, "the clients are not where they were");
    assert_eq!(shown, clients, "a file of a client is on no page of docs/clients");
}

#[test]
fn a_block_is_renewed_and_the_words_around_it_are_left() {
    let manifest = fs::read_to_string(root().join("rustfmt.toml")).unwrap();
    let page = "Words.\n\n### [It](../../rustfmt.toml)\n\nWhy.\n\n```toml\nold\n```\n\nMore.\n\n```\nelse\n```\n";
    let (text, shown) = renewed(page);
    assert_eq!(text, page.replace("old", manifest.trim_end()));
    assert_eq!(shown, ["rustfmt.toml"]);
}
