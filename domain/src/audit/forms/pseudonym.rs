//! What stands in the place of an erased person where a row must have some text. It names no one,
//! and so is not sealed.

use uuid::Uuid;

/// Replaces a text about an erased person.
pub const ERASED: &str = "Raderad uppgift";

/// The name of an erased person in the row with this id. The database knows it too: it lets no
/// other name replace that of a signatory.
#[must_use]
pub fn pseudonym(row: impl Into<Uuid>) -> String {
    let id = row.into().simple().to_string();
    format!("Raderad person {}", id.get(24..).unwrap_or_default())
}

/// Returns `true` if the name is that of an erased person in the row with this id.
#[must_use]
pub fn is_pseudonym(name: &str, row: impl Into<Uuid>) -> bool {
    name == pseudonym(row)
}
