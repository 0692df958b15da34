//! Reason and code of an exemption from VAT, as an invoice states them.

use ::entity::kind::VatRate;

use crate::error::{FieldErrorCode, LINE, ValidationErrors, field_path};

/// Codes of the CEF VATEX list for exempt supplies (category E), by article of directive
/// 2006/112/EC. Reverse charge, exports and supplies outside the scope of VAT belong to other
/// categories.
const EXEMPTION_CODES: &str = "79-C 132 132-1A 132-1B 132-1C 132-1D 132-1E 132-1F 132-1G 132-1H 132-1I 132-1J 132-1K 132-1L 132-1M 132-1N 132-1O \
     132-1P 132-1Q 135-1 143 143-1A 143-1B 143-1C 143-1D 143-1E 143-1F 143-1FA 143-1G 143-1H 143-1I 143-1J 143-1K 143-1L 144 146-1E 148 148-A \
     148-B 148-C 148-D 148-E 148-F 148-G 151 151-1A 151-1AA 151-1B 151-1C 151-1D 151-1E 159 309";

/// The error message for a rate of zero.
pub const NO_RATE_OF_ZERO: &str = "must not be ZERO: Swedish law has no such rate on services; use EXEMPT, or OUTSIDE_SCOPE for supplies outside the scope of VAT";

/// Returns `true` if a text is a VATEX code for exempt supplies.
#[must_use]
pub fn is_exemption_code(text: &str) -> bool {
    text.strip_prefix("VATEX-EU-")
        .is_some_and(|article| EXEMPTION_CODES.split_whitespace().any(|known| known == article))
}

/// Checks the reason and the code of an exemption, in the fields `exemption_reason` and
/// `exemption_code` below `path`. Returns both in their stored form.
pub fn checked_exemption(
    rate: VatRate,
    (reason, code): (Option<&str>, Option<&str>),
    path: &str,
    errors: &mut ValidationErrors,
) -> (Option<String>, Option<String>) {
    let (of_reason, of_code) =
        (field_path(path, "exemption_reason"), field_path(path, "exemption_code"));
    let reason = errors.optional_text(&of_reason, reason, LINE);
    let code = errors.optional_text(&of_code, code, LINE).map(|code| code.to_uppercase());
    if let Some(reason) = &reason {
        errors.settable(&of_reason, reason);
    }
    let is_exempt = rate == VatRate::Exempt;
    errors.expect(
        is_exempt || reason.is_none(),
        &of_reason,
        FieldErrorCode::NotAllowed.problem("is only for EXEMPT"),
    );
    errors.expect(
        is_exempt || code.is_none(),
        &of_code,
        FieldErrorCode::NotAllowed.problem("is only for EXEMPT"),
    );
    let is_known = code.as_deref().is_none_or(is_exemption_code);
    errors.expect(
        is_known,
        &of_code,
        FieldErrorCode::UnknownValue
            .problem("must be a VATEX code for exempt supplies, for example VATEX-EU-132-1I"),
    );
    errors.expect(
        code.is_none() || reason.is_some(),
        &of_reason,
        FieldErrorCode::Required.problem("is needed with an exemption code"),
    );
    (reason, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_exempt_supplies() {
        for code in ["VATEX-EU-132-1I", "VATEX-EU-79-C", "VATEX-EU-309"] {
            assert!(is_exemption_code(code), "{code}");
        }
        for code in ["VATEX-EU-O", "VATEX-EU-AE", "132-1I", "VATEX-EU-", "VATEX-EU-132-1i", ""] {
            assert!(!is_exemption_code(code), "{code}");
        }
    }

    #[test]
    fn only_an_exempt_rate_has_a_reason_and_a_code() {
        let check = |rate, reason, code| {
            let mut errors = ValidationErrors::default();
            let found = checked_exemption(rate, (reason, code), "lines[1]", &mut errors);
            let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
            (found, paths)
        };
        let reason = Some("Utbildning");
        assert_eq!(
            check(VatRate::Exempt, reason, Some("vatex-eu-132-1i")),
            ((reason.map(str::to_owned), Some("VATEX-EU-132-1I".to_owned())), Vec::new())
        );
        assert_eq!(check(VatRate::Exempt, None, None), ((None, None), Vec::new()));
        assert_eq!(
            check(VatRate::Exempt, None, Some("VATEX-EU-132-1I")).1,
            ["lines[1].exemption_reason"]
        );
        assert_eq!(
            check(VatRate::Standard25, reason, Some("VATEX-EU-132-1I")).1,
            ["lines[1].exemption_reason", "lines[1].exemption_code"]
        );
    }
}
