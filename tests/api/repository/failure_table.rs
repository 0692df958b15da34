//! The table of failures in `docs/failures.md` names tests that exist.

use std::{fs, path::Path};

/// The tests that the table names, as `operations::database::outages::a_test`.
fn named(text: &str) -> Vec<&str> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
        .filter(|name| name.contains("::"))
        .collect()
}

#[test]
fn each_test_of_the_table_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/failures.md")).unwrap();
    let tests = named(&text);
    assert!(tests.len() > 30, "the table is not where it was: {tests:?}");
    for test in tests {
        let (module, name) = test.rsplit_once("::").unwrap();
        let file = root.join("tests/api").join(module.replace("::", "/")).with_extension("rs");
        let code = fs::read_to_string(&file)
            .unwrap_or_else(|cause| panic!("{test}: {}: {cause}", file.display()));
        let forms = [format!("fn {name}()"), format!("on_both!({name},")];
        // A long name stands on a line of its own.
        let is_alone = code.lines().any(|line| line.trim() == format!("{name},"));
        assert!(
            is_alone || forms.iter().any(|form| code.contains(form)),
            "docs/failures.md names the test {test}, which is not in {}",
            file.display()
        );
    }
}
