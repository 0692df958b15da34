//! Municipalities (kommuner) of a member: their order and the form of their names.

use crate::{
    collation,
    error::{FieldErrorCode, LINE, ValidationErrors},
};

/// Sorts municipalities in Swedish order and removes duplicates. Names that differ only in case or
/// accents have a stable order too.
pub(crate) fn in_order(mut municipalities: Vec<String>) -> Vec<String> {
    municipalities.sort_by_cached_key(|name| (collation::key(name), name.clone()));
    municipalities.dedup();
    municipalities
}

/// Adds an error for a name that contains `|`, which separates the names of a list in CSV files.
pub fn expect_no_bar(path: &str, name: &str, errors: &mut ValidationErrors) {
    errors.expect(
        !name.contains('|'),
        path,
        FieldErrorCode::NotAllowed.problem("must not have the character |"),
    );
}

/// Returns the municipalities in order, and adds an error for each name that is invalid.
pub(super) fn check(names: &[String], errors: &mut ValidationErrors) -> Vec<String> {
    let mut read = |(position, name): (usize, &String)| {
        let path = format!("municipalities[{position}]");
        let name = errors.text(&path, name, LINE);
        expect_no_bar(&path, &name, errors);
        name
    };
    in_order(names.iter().enumerate().map(&mut read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn municipalities_are_in_swedish_order_without_duplicates() {
        let found = in_order(names(&["Örebro", "Ale", "Åre", "Ale", "Zinkgruvan"]));
        assert_eq!(found, names(&["Ale", "Zinkgruvan", "Åre", "Örebro"]));
        assert_eq!(in_order(names(&["ale", "Ale"])), in_order(names(&["Ale", "ale"])));
    }

    #[test]
    fn a_bad_name_is_reported_with_its_index() {
        let mut errors = ValidationErrors::default();
        check(&names(&["Ale", "Åre|Ale", " "]), &mut errors);
        let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
        assert_eq!(paths, ["municipalities[1]", "municipalities[2]"]);
    }
}
