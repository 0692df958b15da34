//! The reader of settings, of the environment and of a file: one error names all that is wrong, and
//! none shows a secret.

use std::fs;

use domain::{config::Settings, error::Error};
use tempfile::TempDir;

/// Ends every secret of the environment, so that none is like another word.
const MARK: &str = "-s3cr3t";
const SECRETS: [&str; 3] = ["DATABASE_URL", "SAMREGISTER_JWT_SECRET", "SAMREGISTER_METRICS_TOKEN"];

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

/// Checks settings: lines of the environment, then a line of hyphens and the file.
pub fn check(input: &str) {
    let (environment, text) = input.split_once("---\n").unwrap_or(("", input));
    let environment =
        environment.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| {
            let mark = if SECRETS.contains(&name) { MARK } else { "" };
            (name.to_owned(), format!("{value}{mark}"))
        });
    let environment: Vec<_> = environment.collect();
    let is_marked = input.contains(MARK);
    FOLDER.with(|folder| {
        let file = folder.path().join("settings.toml");
        fs::write(&file, text).unwrap();
        match Settings::load(environment, Some(&file)) {
            Ok(settings) => {
                let shown = format!("{settings:?}");
                assert!(is_marked || !shown.contains(MARK), "{shown}");
            }
            Err(Error::Invalid(errors)) => {
                assert!(!errors.is_empty());
                let shown = format!("{errors:?}");
                assert!(is_marked || !shown.contains(MARK), "{shown}");
                assert!(
                    errors.iter().all(|error| !error.path.is_empty() && !error.message.is_empty()),
                    "{shown}"
                );
            }
            Err(error) => panic!("{error:?}"),
        }
    });
}
