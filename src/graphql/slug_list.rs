//! Lists of slugs of activities, by which filters and reports name activities.

use domain::error::{LINE, ValidationErrors};

/// Returns the slugs of a filter; none when the list is omitted. Records an error at the index of
/// each that can't be a slug.
pub fn slugs(
    parsed: Option<Vec<String>>,
    path: &str,
    errors: &mut ValidationErrors,
) -> Vec<String> {
    let parsed = parsed.unwrap_or_default().into_iter().enumerate();
    parsed.map(|(index, slug)| errors.text(&format!("{path}.{index}"), &slug, LINE)).collect()
}
