//! Checks of a complete draft.

use ::entity::{
    invoice,
    kind::{InvoiceKind, VatRate},
    money::Money,
};
use documents::invoice::{MAX_TIME_OF_LINES, time_of_lines};

use super::{aggregate::InvoiceAggregate, amounts, parties::buyer_of};
use crate::{
    config::Network,
    error::{FieldErrorCode, ValidationErrors, field_path, undisplayable, unprintable},
    tax_decisions::exemption::NO_RATE_OF_ZERO,
};

/// Returns the texts of an invoice outside its lines, with their field names.
fn texts(row: &invoice::Model) -> [(&'static str, Option<&str>); 4] {
    [
        ("reason", row.reason.as_deref()),
        ("order_reference", row.order_reference.as_deref()),
        ("our_reference", row.our_reference.as_deref()),
        ("buyer_reference", row.buyer_reference.as_deref()),
    ]
}

/// Adds an error for each text with characters that documents can't show, unless the draft had that
/// text before.
pub(super) fn check_characters(
    after: &InvoiceAggregate,
    before: Option<&InvoiceAggregate>,
    errors: &mut ValidationErrors,
) {
    let earlier = before.map(|before| texts(&before.row));
    for (position, (field, text)) in texts(&after.row).into_iter().enumerate() {
        let before = earlier.and_then(|texts| texts.get(position)?.1);
        errors.settable_change(field, before, text);
    }
    for (position, line) in after.lines.iter().enumerate() {
        let before = before
            .and_then(|before| before.lines.get(position))
            .map(|line| line.description.as_str());
        errors.settable_change(
            &format!("lines[{position}].description"),
            before,
            Some(line.description.as_str()),
        );
    }
}

/// Checks all parts of a draft and calculates its sums; the caller refers to the draft as `name`.
pub(crate) fn check(
    network: &Network,
    name: &str,
    after: &mut InvoiceAggregate,
    errors: &mut ValidationErrors,
) {
    let days_fit = after.row.due_in_days.is_none_or(|days| (0..=MAX_DUE_IN_DAYS).contains(&days));
    let problem = FieldErrorCode::OutOfRange
        .problem("must be 0 to 30: 30 days is the maximum for a public body (räntelagen 2 a §)")
        .with("min", 0)
        .with("max", MAX_DUE_IN_DAYS);
    errors.expect(days_fit, &field_path(name, "due_in_days"), problem);
    let lines = field_path(name, "lines");
    for (position, _) in
        after.lines.iter().enumerate().filter(|(_, line)| line.vat_rate == VatRate::Zero)
    {
        let problem = FieldErrorCode::Unsupported.problem(NO_RATE_OF_ZERO);
        errors.add(format!("{lines}[{position}].vat_rate"), problem);
    }
    for (position, line) in after.lines.iter().enumerate() {
        if let Some(key) = network.accounts.reserved_for(&line.account) {
            let message = format!(
                "must not be {}, which the settings use as `{key}`; use a revenue account",
                line.account
            );
            let problem = FieldErrorCode::NotAllowed.problem(message);
            errors.add(format!("{lines}[{position}].account"), problem);
        }
    }
    let fit = amounts::rates_fit_together(after.lines.iter().map(|line| line.vat_rate));
    errors.expect(
        fit,
        &lines,
        FieldErrorCode::Mismatch.problem("has lines outside the scope of VAT together with others; put them on an invoice of their own"),
    );
    // A draft may be older than this check.
    for (position, line) in after.lines.iter().enumerate() {
        let problem = unprintable(&line.description).or_else(|| undisplayable(&line.description));
        if let Some(problem) = problem {
            errors.add(format!("{lines}[{position}].description"), problem);
        }
    }
    for (field, text) in texts(&after.row) {
        if let Some(problem) = text.and_then(undisplayable) {
            errors.add(field_path(name, field), problem);
        }
    }
    if !errors.is_empty() {
        return;
    }
    let is_settable = time_of_lines(after.lines.iter().map(|line| line.description.as_str()))
        <= MAX_TIME_OF_LINES;
    errors.expect(
        is_settable,
        &lines,
        FieldErrorCode::TooLong.problem(
            "has more text than a PDF of an invoice can have; split it into several invoices",
        ),
    );
    let is_small = calculate(network, after);
    errors.expect(
        is_small,
        &lines,
        FieldErrorCode::OutOfRange
            .problem("adds up to more than 10000000000.00 kronor")
            .with("max", Money::MAX),
    );
    let problem = FieldErrorCode::OutOfRange
        .problem("must add up to more than zero; to pay money back, credit the invoice")
        .with("exclusiveMin", Money::ZERO);
    errors.expect(!is_small || after.row.total > Money::ZERO, &lines, problem);
}

/// Checks a draft that corrects the invoice `found` upwards; the caller refers to the draft as
/// `name`.
pub(super) fn check_correction(
    name: &str,
    after: &InvoiceAggregate,
    found: &InvoiceAggregate,
    errors: &mut ValidationErrors,
) {
    let is_fit = found.row.kind == InvoiceKind::Invoice && found.is_issued();
    errors.expect(
        is_fit,
        &field_path(name, "corrects_id"),
        FieldErrorCode::WrongStatus.problem("must be an issued invoice"),
    );
    errors.expect(
        buyer_of(&found.row) == buyer_of(&after.row),
        &field_path(name, "buyer_id"),
        FieldErrorCode::Mismatch.problem("must be that of the invoice that it corrects"),
    );
    errors.expect(
        after.row.reason.is_some(),
        &field_path(name, "reason"),
        FieldErrorCode::Required.problem("is required: state what is corrected, and why"),
    );
}

/// Longest time to pay, in days: the maximum for a public body (räntelagen 2 a §).
pub const MAX_DUE_IN_DAYS: i32 = 30;

/// Calculates the sums, in whole kronor if the settings say so. Returns `false` if a sum is too
/// large.
pub(super) fn calculate(network: &Network, after: &mut InvoiceAggregate) -> bool {
    let whole_kronor = network.invoicing.whole_kronor;
    after.calculate(|sum| if whole_kronor { amounts::rounding_to_krona(sum) } else { Money::ZERO })
}

#[cfg(test)]
mod tests {
    use ::entity::{
        id::{InvoiceLineId, MemberId},
        invoice_line,
        money::Quantity,
    };

    use super::*;

    fn line(unit_price: i64, vat_rate: VatRate, account: &str) -> invoice_line::Model {
        invoice_line::Model {
            id: InvoiceLineId::new(),
            description: "Kurs".into(),
            quantity: Quantity(1000),
            unit_price: Money(unit_price),
            vat_rate,
            account: account.into(),
            ..invoice_line::Model::default()
        }
    }

    fn draft(lines: Vec<invoice_line::Model>) -> InvoiceAggregate {
        InvoiceAggregate { lines, ..InvoiceAggregate::default() }
    }

    fn paths(errors: ValidationErrors) -> Vec<String> {
        errors.into_inner().into_iter().map(|error| error.path).collect()
    }

    fn checked(mut draft: InvoiceAggregate) -> (Money, Vec<String>) {
        let mut errors = ValidationErrors::default();
        check(&Network::default(), "", &mut draft, &mut errors);
        (draft.row.total, paths(errors))
    }

    #[test]
    fn a_draft_adds_up_to_more_than_zero() {
        use VatRate::{OutsideScope, Standard25, Zero};
        let of = |lines: &[(i64, VatRate)]| {
            let lines = lines.iter().map(|(price, rate)| line(*price, *rate, "3041")).collect();
            checked(draft(lines)).1
        };
        assert_eq!(of(&[(10_000, Standard25)]), [""; 0]);
        assert_eq!(of(&[(10_000, Standard25), (-10_000, Standard25)]), ["lines"]);
        assert_eq!(of(&[(-1, Standard25)]), ["lines"]);
        assert_eq!(of(&[(Money::MAX.0, Standard25)]), ["lines"], "too large with VAT");
        assert_eq!(of(&[(10_000, Standard25), (1, OutsideScope)]), ["lines"]);
        assert_eq!(of(&[(10_000, Zero)]), ["lines[0].vat_rate"]);
        let total = checked(draft(vec![line(10_000, Standard25, "3041")])).0;
        assert_eq!(total, Money(12_500));
    }

    #[test]
    fn the_days_to_pay_are_those_of_the_law() {
        for (days, is_good) in
            [(None, true), (Some(0), true), (Some(30), true), (Some(31), false), (Some(-1), false)]
        {
            let mut own = draft(vec![line(100, VatRate::Standard25, "3041")]);
            own.row.due_in_days = days;
            assert_eq!(checked(own).1.is_empty(), is_good, "{days:?}");
        }
    }

    #[test]
    fn an_account_of_the_settings_is_not_one_of_revenue() {
        let receivables = Network::default().accounts.receivables.to_string();
        let own = draft(vec![line(100, VatRate::Standard25, &receivables)]);
        assert_eq!(checked(own).1, ["lines[0].account"]);
    }

    #[test]
    fn a_correction_is_of_an_issued_invoice_to_the_same_buyer_with_a_reason() {
        let member = Some(MemberId::new());
        let mut original = InvoiceAggregate::default();
        (original.row.member_id, original.row.issued_on) = (member, "2026-10-01".parse().ok());
        let mut own = InvoiceAggregate::default();
        (own.row.member_id, own.row.reason) = (member, Some("Fel antal".into()));
        let problems = |own: &InvoiceAggregate, original: &InvoiceAggregate| {
            let mut errors = ValidationErrors::default();
            check_correction("invoice", own, original, &mut errors);
            paths(errors)
        };
        assert_eq!(problems(&own, &original), [""; 0]);
        own.row.reason = None;
        assert_eq!(problems(&own, &original), ["invoice.reason"]);
        own.row.member_id = Some(MemberId::new());
        original.row.kind = InvoiceKind::CreditNote;
        assert_eq!(
            problems(&own, &original),
            ["invoice.corrects_id", "invoice.buyer_id", "invoice.reason"]
        );
    }
}
