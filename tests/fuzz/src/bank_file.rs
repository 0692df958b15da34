//! The readers of the bank's files, BgMax, camt.053 and camt.054: errors stand on lines of the
//! file, and payments can be booked and distinguished.

use domain::{
    error::{LINE, TEXT, ValidationErrors},
    interchange::bank,
};
use entity::money::Money;

/// The most errors of a file that are listed.
const MAX_ERRORS: usize = 1000;

/// Checks a file, with `\n` and with `\r\n` at the end of its lines.
pub fn check(bytes: &[u8]) {
    let Ok((payments, errors)) = bank::fuzz(bytes) else { return };
    let ends = |end: u8| bytes.iter().filter(|byte| **byte == end).count();
    // Without line ends a record of 80 columns counts as a line.
    let lines = 1 + ends(b'\n').max(ends(b'\r')).max(bytes.len() / 80) as u64;
    assert!(errors.len() <= MAX_ERRORS, "{} errors", errors.len());
    for (line, reason) in &errors {
        assert!(*line <= lines, "{line}: {reason}, of {lines} lines");
    }
    if !errors.is_empty() {
        return;
    }
    for payment in &payments {
        assert!((1..=lines).contains(&payment.line), "{payment:?}");
        assert!(
            payment.amount != Money::ZERO && payment.amount.0.abs() <= Money::MAX.0,
            "{payment:?}"
        );
        // Every text is one that an import of the register's own CSV files takes and leaves as it
        // is.
        let mut errors = ValidationErrors::default();
        for text in [&payment.account, &payment.bank_reference] {
            assert_eq!(errors.text("text", text, LINE), *text);
        }
        for text in [&payment.message, &payment.payer_name]
            .into_iter()
            .flatten()
            .chain(payment.references.iter().map(|own| &own.text))
            .filter(|text| !text.is_empty())
        {
            assert_eq!(errors.optional_text("text", Some(text), TEXT).as_ref(), Some(text));
        }
        assert!(errors.is_empty(), "{errors:?} in {payment:?}");
    }
    // Whatever ends a line.
    if !bytes.contains(&b'\r') {
        let other: Vec<u8> = bytes
            .iter()
            .flat_map(|byte| {
                if *byte == b'\n' { b"\r\n".iter() } else { std::slice::from_ref(byte).iter() }
            })
            .copied()
            .collect();
        let again = bank::fuzz(&other).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, (payments, errors));
    }
}
