//! Lists of slugs of activities, by which filters and reports name activities.

use domain::error::{LINE, Origin, ValidationErrors};

/// Returns the slugs of the field `name` of a filter; none when the list is omitted. Records an
/// error at the index of each that can't be a slug.
pub fn slugs(
    parsed: Option<Vec<String>>,
    name: &str,
    errors: &mut ValidationErrors,
) -> Vec<String> {
    let former = errors.set_origin(Origin::Filter);
    let slugs = argument(parsed.unwrap_or_default(), name, errors);
    errors.set_origin(former);
    slugs
}

/// Returns the slugs of the argument or input field `name`. Records an error at the index of each
/// that can't be a slug.
pub fn argument(parsed: Vec<String>, name: &str, errors: &mut ValidationErrors) -> Vec<String> {
    let parsed = parsed.into_iter().enumerate();
    parsed.map(|(index, slug)| errors.text(&format!("{name}[{index}]"), &slug, LINE)).collect()
}
