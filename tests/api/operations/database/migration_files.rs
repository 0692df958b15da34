//! Rules of the migrations' files: numbers are unique, released files never change, and each can
//! run in a transaction.

use std::{collections::BTreeMap, fs, path::Path};

use domain::database::plan::Plan;
use migration::{Migrator, MigratorTrait, releases};
use sha2::{Digest, Sha256};

/// The pair that got one number before there was a check. Names of applied migrations stay.
const TWINS: [&str; 2] = ["m2026_11_22_09_bank_deductions", "m2026_11_22_09_invoice_kept"];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src")
}

/// The code of a migration's file, without its comments.
fn code(name: &str) -> String {
    let text = fs::read_to_string(folder().join(format!("{name}.rs")))
        .unwrap_or_else(|cause| panic!("{name}: {cause}"));
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The number of a migration: `m2026_11_22_09`.
fn number(name: &str) -> &str {
    let is_number = name.len() > 15
        && name.is_char_boundary(14)
        && name[..14].split('_').map(str::len).eq([5, 2, 2, 2])
        && &name[14..15] == "_";
    assert!(is_number, "{name} is no name as m2026_11_30_12_what");
    &name[..14]
}

#[test]
fn no_two_migrations_have_the_same_number() {
    let plan = Plan::current();
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in plan.names() {
        of.entry(number(name)).or_default().push(name);
    }
    for (number, names) in of {
        assert!(
            names.len() == 1 || names == TWINS,
            "{} have the number {number}: give the newer one another",
            names.join(" and ")
        );
    }
}

#[test]
fn migrations_are_listed_in_the_order_in_which_they_are_applied() {
    let names: Vec<_> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    assert!(names.is_sorted(), "{names:?}");
    let files = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name.starts_with("m2"))
        .collect();
    files.sort();
    assert_eq!(names, files);
}

/// The numbers of a version, in which 0.10.0 comes after 0.2.0.
pub fn numbers(version: &str) -> [u64; 3] {
    let numbers: Vec<u64> = version
        .split('.')
        .map(|number| number.parse().unwrap_or_else(|_| panic!("{version} is no version")))
        .collect();
    numbers.try_into().unwrap_or_else(|_| panic!("{version} is no version as 0.10.0"))
}

#[test]
fn versions_are_compared_by_their_numbers() {
    assert!(
        numbers("0.2.0") < numbers("0.10.0")
            && numbers("0.10.0") < numbers("0.10.1")
            && numbers("9.0.0") < numbers("10.0.0")
    );
}

#[test]
fn a_released_migration_never_changes() {
    let files: Vec<_> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let mut last = ([0; 3], "");
    for line in releases::RELEASED.lines() {
        let [version, name, digest] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{line}"));
        let own = numbers(version);
        assert!(
            last.0 <= own && last.1 < name,
            "{name} stands after {}, but comes before it",
            last.1
        );
        last = (own, name);
        if digest == "-" {
            assert!(
                Plan::current().names().any(|step| step == name),
                "the conversion {name} was released and is gone"
            );
            continue;
        }
        assert!(
            files.iter().any(|file| file == name),
            "the migration {name} was released and is gone"
        );
        let found = hex::encode(Sha256::digest(code(name)));
        assert_eq!(
            found, digest,
            "the migration {name} was released with {version}: registers have it already. Undo the change and write a new migration; if it \
             changes no statement, put the new digest into migration/released.txt"
        );
    }
}

#[test]
fn every_migration_can_run_in_a_transaction() {
    for migration in Migrator::migrations() {
        assert_eq!(
            migration.use_transaction(),
            None,
            "{} asks for no transaction",
            migration.name()
        );
        let code = code(migration.name()).to_uppercase();
        for word in [
            "VACUUM",
            "CONCURRENTLY",
            "COMMIT;",
            "ROLLBACK;",
            "ATTACH ",
            "PRAGMA FOREIGN_KEYS",
            "PRAGMA JOURNAL_MODE",
        ] {
            assert!(
                !code.contains(word),
                "{} has {word}, which does nothing or fails within a transaction",
                migration.name()
            );
        }
    }
}

#[test]
fn a_compatible_migration_only_adds_what_an_older_program_does_not_notice() {
    let own = numbers(env!("CARGO_PKG_VERSION"));
    let mut last = "";
    for (name, oldest) in releases::COMPATIBLE {
        assert!(last < *name, "{name} is not in order, or is listed twice");
        last = name;
        assert!(
            Migrator::migrations().iter().any(|migration| migration.name() == *name),
            "there is no migration {name}"
        );
        let oldest = numbers(oldest);
        assert!(
            oldest >= [0, 2, 0] && oldest <= numbers(releases::release(name)) && oldest <= own,
            "{name} names a program that does not read it, or that is newer"
        );
        let code = code(name).to_uppercase();
        for word in ["DROP ", "ALTER ", "UNIQUE", "TRIGGER", "INSERT ", "UPDATE ", "DELETE "] {
            assert!(!code.contains(word), "{name} has {word}, which an older program may notice");
        }
    }
}
