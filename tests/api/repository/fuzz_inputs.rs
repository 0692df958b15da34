//! The seeds and samples of the fuzz targets: each passes the check of its target.

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::{collections::BTreeSet, fs, panic};

use self::fuzz::{TARGETS, Target};
use super::source_files::{Violation, holds, root};

/// Folders of samples, each after the name of a target.
const SAMPLES: &str = include_str!("../../fuzz/samples.txt");

/// Returns the paths of the files in a folder of the repository, in order; none if there is no such
/// folder.
fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file())
        .map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
        .collect();
    files.sort();
    files
}

/// Returns the folder of the seeds of a target.
fn seeds(name: &str) -> String {
    format!("tests/fuzz/seeds/{name}")
}

/// Returns the names of targets and the folders of their samples.
fn samples() -> impl Iterator<Item = (&'static str, &'static str)> {
    SAMPLES.lines().map(|line| line.split_once(' ').unwrap())
}

/// Returns the paths of the seeds and samples of a target.
fn inputs(target: &Target) -> Vec<String> {
    let of_target = samples().filter(|(name, _)| *name == target.name);
    let folders = of_target.map(|(_, folder)| folder.to_owned()).chain([seeds(target.name)]);
    folders.flat_map(|folder| files(&folder)).collect()
}

/// Returns the names in a folder of the fuzz targets, without this ending.
fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("tests/fuzz").join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.map(|name| name.strip_suffix(ending).map(str::to_owned).unwrap_or(name)).collect()
}

#[test]
fn every_target_has_a_check_seeds_and_a_dictionary() {
    let known: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let mut violations: Vec<Violation> = Vec::new();
    for (folder, ending) in [("targets", ".rs"), ("seeds", ""), ("dictionaries", "")] {
        let found = names(folder, ending);
        let missing = known.difference(&found);
        violations
            .extend(missing.map(|name| format!("tests/fuzz/{folder}/{name}{ending}: missing")));
        let unknown = found.difference(&known);
        violations.extend(unknown.map(|name| {
            format!(
                "tests/fuzz/{folder}/{name}{ending}: TARGETS of tests/fuzz/src/lib.rs has no {name}"
            )
        }));
    }
    let without_seed = known.iter().filter(|name| files(&seeds(name)).is_empty());
    violations.extend(without_seed.map(|name| format!("{}: has no seed", seeds(name))));
    let useless =
        samples().filter(|(name, folder)| !known.contains(*name) || files(folder).is_empty());
    violations.extend(useless.map(|(name, folder)| {
        format!("tests/fuzz/samples.txt: {name} is no target, or {folder} has no file")
    }));
    holds(violations);
}

#[test]
fn every_seed_and_sample_passes_the_check_of_its_target() {
    // The panic, which the test prints, says what fails. A check that failed may leave a state
    // behind, so that the later inputs of its target are not tried.
    let violations = TARGETS.iter().filter_map(|target| {
        let fails = |input: &String| {
            let bytes = fs::read(root().join(input)).unwrap();
            panic::catch_unwind(|| (target.check)(&bytes)).is_err()
        };
        let input = inputs(target).into_iter().find(fails)?;
        let name = target.name;
        Some(format!("{input}: fails; to run it alone: INPUT={input} tests/long/fuzz.sh {name}"))
    });
    holds(violations);
}
