//! Rules of the integrity of agreements: a stored value and the facts that it is derived from.

use std::collections::HashMap;

use ::entity::{agreement::Model, agreement_document, id::AgreementId, signature};
use chrono::NaiveDate;
use documents::sha256;

use crate::{audit::Gaps, collation, term_sql};

/// Returns the name of an agreement in violations.
pub(super) fn name(row: &Model) -> String {
    match &row.number {
        Some(number) => format!("agreement {number}"),
        None => format!("agreement {}", row.id.0.simple()),
    }
}

/// Adds the violations of a stored deadline and a stored key of the number.
pub(super) fn check(row: &Model, violations: &mut Vec<String>) {
    if (row.deadline_on, row.deadline_month) != term_sql::deadline_columns(&term_sql::of(row)) {
        violations.push(format!("{} stores another deadline than its dates give", name(row)));
    }
    if row.number_key != row.number.as_deref().map(collation::number_key).unwrap_or_default() {
        violations.push(format!("{} is not found by its number", name(row)));
    }
}

/// Adds a gap unless the number follows the last one of its year. Returns its year and serial
/// number, or `last` if it has none.
pub(super) fn check_number(
    row: &Model,
    last: Option<(i32, u32)>,
    gaps: &mut Gaps,
) -> Option<(i32, u32)> {
    let numbered = row.number.as_deref().and_then(|number| number.split_once('-')).and_then(
        |(year, serial)| {
            let is_plain = year.len() == 4 && serial.bytes().all(|byte| byte.is_ascii_digit());
            if is_plain { Some((year.parse().ok()?, serial.parse().ok()?)) } else { None }
        },
    );
    let (year, serial): (i32, u32) = numbered.or(last)?;
    if let Some((of, before)) = last
        && numbered.is_some()
        && of == year
        && serial > before.saturating_add(1)
    {
        let missing = if serial == before + 2 {
            format!("{} is", before + 1)
        } else {
            format!("{} to {} are", before + 1, serial - 1)
        };
        gaps.add(
            row.id,
            format!(
                "agreement {year}-{before:04} is followed by {year}-{serial:04}: {missing} missing"
            ),
        );
    }
    Some((year, serial))
}

/// Replaced agreements and signed successors. An agreement may be read before or after its
/// successor, so both are collected until the end, with a few bytes each.
#[derive(Default)]
pub(super) struct Succession {
    /// Names of replaced agreements, and the first day of the successor of each.
    replaced: HashMap<AgreementId, (String, NaiveDate)>,
    /// First days of signed successors, by the agreement that they replace.
    successors: HashMap<AgreementId, NaiveDate>,
}

impl Succession {
    /// Adds an agreement.
    pub fn add(&mut self, row: &Model) {
        self.replaced.extend(row.replaced_from.map(|from| (row.id, (name(row), from))));
        if let Some(predecessor) =
            row.replaces_id.filter(|_| row.signed_on.is_some() && row.withdrawn_on.is_none())
        {
            self.successors.insert(predecessor, row.starts_on);
        }
    }

    /// Returns the violations, in order.
    pub fn violations(self) -> Vec<String> {
        let Self { replaced, successors } = self;
        let mut violations = Vec::new();
        for (id, (name, from)) in &replaced {
            if successors.get(id) != Some(from) {
                violations.push(format!(
                    "{name} is replaced from {from}, but no signed successor starts then"
                ));
            }
        }
        let forgotten = successors.iter().filter(|(id, _)| !replaced.contains_key(id));
        violations.extend(forgotten.map(|(id, from)| {
            format!(
                "agreement {} has a signed successor from {from}, but does not say so",
                id.0.simple()
            )
        }));
        violations.sort();
        violations
    }
}

/// Returns the violations of a document and of the signatures of its agreement: every digest that
/// differs.
pub(super) fn check_document<'s>(
    name: &str,
    document: &agreement_document::Model,
    signatures: impl Iterator<Item = &'s signature::Model>,
) -> Vec<String> {
    let mut found = Vec::new();
    // Without a PDF there is nothing to compare with the SHA-256.
    if document.pdf.as_ref().is_some_and(|pdf| sha256(pdf) != document.sha256) {
        found.push(format!(
            "{name} has other bytes in its PDF than the SHA-256 says: {}",
            document.sha256
        ));
    }
    for signature in signatures.filter(|signature| signature.document_sha256 != document.sha256) {
        found.push(format!(
            "{name} has a signature by {} under another text: {}",
            signature.name, signature.document_sha256
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_a_years_numbers_are_named() {
        let (mut last, mut gaps) = (None, Gaps::default());
        for number in [
            "2025-0001",
            "2025-0002",
            "2025-0004",
            "2025-0008",
            "2026-0003",
            "2026-0004",
            "A-7",
            "2026-0005",
        ] {
            last = check_number(
                &Model { number: Some(number.into()), ..Model::default() },
                last,
                &mut gaps,
            );
        }
        assert_eq!(
            gaps.sentences().collect::<Vec<_>>(),
            [
                "agreement 2025-0002 is followed by 2025-0004: 3 is missing",
                "agreement 2025-0004 is followed by 2025-0008: 5 to 7 are missing",
            ]
        );
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn stored_deadlines_and_keys_follow_from_the_row() {
        let found = |row: &Model| {
            let mut violations = Vec::new();
            check(row, &mut violations);
            violations.len()
        };
        let row = Model {
            number: Some("2026-0001".into()),
            number_key: collation::number_key("2026-0001"),
            ends_on: Some(day("2026-12-31")),
            deadline_on: Some(day("2026-12-31")),
            ..Model::default()
        };
        assert_eq!(found(&row), 0);
        assert_eq!(found(&Model { renewal_months: Some(12), ..row.clone() }), 1);
        assert_eq!(found(&Model { number_key: String::new(), ..row }), 1);
    }

    #[test]
    fn a_replaced_agreement_has_a_signed_successor() {
        let old = Model {
            id: AgreementId::new(),
            number: Some("2026-0001".into()),
            replaced_from: Some(day("2026-07-01")),
            ..Model::default()
        };
        let new = Model {
            id: AgreementId::new(),
            replaces_id: Some(old.id),
            starts_on: day("2026-07-01"),
            signed_on: Some(day("2026-06-01")),
            ..Model::default()
        };
        let found = |rows: &[&Model]| {
            let mut succession = Succession::default();
            rows.iter().for_each(|row| succession.add(row));
            succession.violations().len()
        };
        assert_eq!((found(&[&old, &new]), found(&[&new, &old])), (0, 0));
        assert_eq!(found(&[&old]), 1);
        assert_eq!(found(&[&old, &Model { signed_on: None, ..new.clone() }]), 1);
        assert_eq!(found(&[&old, &Model { starts_on: day("2026-07-02"), ..new.clone() }]), 1);
        assert_eq!(found(&[&Model { replaced_from: None, ..old.clone() }, &new]), 1);
        let withdrawn = Model { withdrawn_on: Some(day("2026-06-02")), ..new };
        assert_eq!(found(&[&Model { replaced_from: None, ..old }, &withdrawn]), 0);
    }

    #[test]
    fn documents_match_their_digests() {
        let document = agreement_document::Model {
            sha256: sha256(b"text"),
            pdf: Some(b"text".to_vec()),
            ..agreement_document::Model::default()
        };
        let signed =
            signature::Model { document_sha256: sha256(b"text"), ..signature::Model::default() };
        let found = |document: &agreement_document::Model, signature: &signature::Model| {
            check_document("agreement 2026-0001", document, [signature].into_iter()).len()
        };
        assert_eq!(found(&document, &signed), 0);
        let other = agreement_document::Model { pdf: Some(b"other".to_vec()), ..document.clone() };
        assert_eq!(found(&other, &signed), 1);
        assert_eq!(found(&agreement_document::Model { pdf: None, ..other }, &signed), 0);
        let forged = signature::Model { document_sha256: sha256(b"other"), ..signed };
        assert_eq!(found(&document, &forged), 1);
    }
}
