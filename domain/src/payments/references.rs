//! References of payments and refunds: their length, those of reversals, and those with a counter.

use crate::error::LINE;

/// Suffix of the reference of a reversal, in Swedish, since members see it.
const REVERSED: &str = " (återförd)";
/// Maximum length of the reference of a payment or refund in characters, so that the reference of
/// its reversal fits in a line.
pub(super) const MAX_REFERENCE: usize = LINE - 20;

/// Returns the reference of the reversal of a payment or refund.
pub(super) fn of_reversal(reference: &str) -> String {
    let stem: String = reference.chars().take(MAX_REFERENCE).collect();
    format!("{stem}{REVERSED}")
}

/// Returns a reference of the bank, with a counter if it is taken.
pub(super) fn free(bank_reference: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let counted = (2..).map(|count| format!("{bank_reference} nr {count}"));
    std::iter::once(bank_reference.to_owned())
        .chain(counted)
        .find(|reference| !is_taken(reference))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_of_a_reversal_fits_in_a_line() {
        assert_eq!(of_reversal("BG 1"), "BG 1 (återförd)");
        for length in [MAX_REFERENCE, MAX_REFERENCE + 1, LINE] {
            let reversal = of_reversal(&"å".repeat(length));
            assert!(reversal.chars().count() <= LINE && reversal.ends_with(REVERSED), "{length}");
        }
    }

    #[test]
    fn a_taken_reference_has_the_first_free_counter() {
        let free = |taken: &[&str]| free("BG 1", |reference| taken.contains(&reference));
        assert_eq!(free(&[]), "BG 1");
        assert_eq!(free(&["BG 1"]), "BG 1 nr 2");
        assert_eq!(free(&["BG 1", "BG 1 nr 3"]), "BG 1 nr 2");
        assert_eq!(free(&["BG 1", "BG 1 nr 2", "BG 1 nr 3"]), "BG 1 nr 4");
        assert_eq!(free(&["BG 1 nr 2"]), "BG 1");
    }
}
