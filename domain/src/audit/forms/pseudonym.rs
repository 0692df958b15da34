//! The pseudonym of an erased person, for rows that must have a text. It identifies no one, and is
//! not sealed.

use uuid::Uuid;

/// Replaces a text about an erased person.
pub const ERASED: &str = "Raderad uppgift";

/// Returns the pseudonym of an erased person in the row with this id. The database knows it too: it
/// allows no other replacement of a signatory's name.
#[must_use]
pub fn pseudonym(row: impl Into<Uuid>) -> String {
    let id = row.into().simple().to_string();
    format!("Raderad person {}", id.get(24..).unwrap_or_default())
}

/// `true` if the name is that of an erased person in the row with this id.
#[must_use]
pub fn is_pseudonym(name: &str, row: impl Into<Uuid>) -> bool {
    name == pseudonym(row)
}
