//! Checks of a complete draft.

use ::entity::{invoice, kind::VatRate, money::Money};
use documents::invoice::{MAX_TIME_OF_LINES, time_of_lines};

use super::{aggregate::InvoiceAggregate, amounts};
use crate::{
    activities::tax_decisions::NO_RATE_OF_ZERO,
    config::Network,
    error::{FieldErrorCode, ValidationErrors, field_path, undisplayable, unprintable},
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
        .with("min", 0);
    errors.expect(!is_small || after.row.total > Money::ZERO, &lines, problem);
}

/// Longest time to pay, in days: the maximum for a public body (räntelagen 2 a §).
pub const MAX_DUE_IN_DAYS: i32 = 30;

/// Calculates the sums, in whole kronor if the settings say so. Returns `false` if a sum is too
/// large.
pub(super) fn calculate(network: &Network, after: &mut InvoiceAggregate) -> bool {
    let whole_kronor = network.invoicing.whole_kronor;
    after.calculate(|sum| if whole_kronor { amounts::rounding_to_krona(sum) } else { Money::ZERO })
}
