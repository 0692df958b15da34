//! Lines of a draft: their input, checks and rows.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement,
    date_range::DateRange,
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId},
    invoice_line,
    kind::{Unit, VatRate},
    money::{Money, Quantity},
};
use chrono::NaiveDate;

use super::{Buyer, line_taxes, revenue_accounts::LineAccounts, supply_date::Supplied};
use crate::{
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    tax_decisions::{
        exemption::checked_exemption,
        in_force::{TaxDecisions, undecided},
    },
};

/// Maximum number of lines of an invoice.
const MAX_LINES: usize = 1000;

/// Input of an invoice line.
#[derive(Clone, Debug)]
pub struct NewLine {
    /// Text of the line.
    pub description: String,
    /// Activity that earns the revenue; null: that of the agreement, or none.
    pub activity: Option<ActivityId>,
    /// Agreement that the line is for.
    pub agreement: Option<AgreementId>,
    /// Day of supply; null: a period, or not stated.
    pub supplied_on: Option<NaiveDate>,
    /// First day of the period.
    pub period_from: Option<NaiveDate>,
    /// Last day of the period.
    pub period_to: Option<NaiveDate>,
    /// Quantity.
    pub quantity: Quantity,
    /// Unit of the quantity.
    pub unit: Unit,
    /// Price of a unit in öre; negative for a deduction.
    pub unit_price: Money,
    /// VAT treatment; null: from the agreement, else from the network's tax decision.
    pub vat_rate: Option<VatRate>,
    /// Reason of the exemption as text; null: from the tax decision, else from the settings.
    pub exemption_reason: Option<String>,
    /// Code of the reason in the VATEX list.
    pub exemption_code: Option<String>,
    /// Revenue account (konto); null: from the settings.
    pub account: Option<String>,
}

impl NewLine {
    fn supplied(&self) -> Supplied {
        Supplied { on: self.supplied_on, from: self.period_from, to: self.period_to }
    }
}

/// Returns the input that makes an existing line.
pub(super) fn as_new(line: &invoice_line::Model) -> NewLine {
    NewLine {
        description: line.description.clone(),
        activity: line.activity_id,
        agreement: line.agreement_id,
        supplied_on: None,
        period_from: line.period_from,
        period_to: line.period_to,
        quantity: line.quantity,
        unit: line.unit,
        unit_price: line.unit_price,
        vat_rate: Some(line.vat_rate),
        exemption_reason: line.exemption_reason.clone(),
        exemption_code: line.exemption_code.clone(),
        account: Some(line.account.clone()),
    }
}

/// `true` if a text has the form of an account of the BAS chart (baskontoplan): four digits.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Agreements, activities, accounts and tax decisions that the lines of an invoice refer to or take
/// their defaults from.
pub(super) struct LineReferences<'d> {
    pub(super) agreements: HashMap<AgreementId, agreement::Model>,
    pub(super) activities: BTreeSet<ActivityId>,
    pub(super) accounts: LineAccounts,
    pub(super) decisions: &'d TaxDecisions,
    pub(super) buyer: Option<Buyer>,
}

impl LineReferences<'_> {
    /// Returns the rows of the lines of an invoice.
    ///
    /// # Errors
    /// CONFLICT `VAT_UNDECIDED` if nothing states the VAT treatment of a line.
    pub(super) fn rows(
        &self,
        invoice_id: InvoiceId,
        new: &[NewLine],
        errors: &mut ValidationErrors,
    ) -> Result<Vec<invoice_line::Model>> {
        let (mut rows, mut open) = (Vec::with_capacity(new.len()), Vec::new());
        for (position, line) in new.iter().enumerate() {
            match self.row(position, line, errors) {
                Some(row) => rows.push(invoice_line::Model { invoice_id, ..row }),
                None => open.push(format!("line {} ({})", position + 1, line.description.trim())),
            }
        }
        if !open.is_empty() && errors.is_empty() {
            return Err(undecided(&open.join(", ")));
        }
        Ok(rows)
    }

    /// Returns the row of a line at this index; `None` if nothing states its VAT treatment.
    fn row(
        &self,
        position: usize,
        line: &NewLine,
        errors: &mut ValidationErrors,
    ) -> Option<invoice_line::Model> {
        let path = |field: &str| format!("lines[{position}].{field}");
        let agreement = line.agreement.and_then(|id| self.agreements.get(&id));
        self.check_references(position, line, errors);
        let activity_id = line.activity.or(agreement.and_then(|agreement| agreement.activity_id));
        let period = line.supplied().check(&format!("lines[{position}]"), errors);
        let (period_from, period_to) = period.map(<(NaiveDate, NaiveDate)>::from).unzip();
        errors.expect(
            line.quantity.0 > 0,
            &path("quantity"),
            FieldErrorCode::OutOfRange.problem("must be above zero").with("exclusiveMin", 0),
        );
        let is_small = line.quantity.at(line.unit_price).is_some();
        errors.expect(
            is_small,
            &path("unit_price"),
            FieldErrorCode::OutOfRange
                .problem("times quantity exceeds 10000000000.00 kronor")
                .with("max", Money::MAX),
        );
        if let Some(account) = &line.account {
            errors.expect(
                is_account(account),
                &path("account"),
                FieldErrorCode::NotANumber.problem("must be four digits"),
            );
        }
        let taxed = line_taxes::taxed(
            matches!(self.buyer, Some(Buyer::Member(_))),
            activity_id,
            &line.description,
        );
        let decided = || taxed.and_then(|taxed| self.decisions.rate_about(taxed));
        let vat_rate = line.vat_rate.or_else(|| agreement?.vat_rate).or_else(decided);
        let stated = (line.exemption_reason.as_deref(), line.exemption_code.as_deref());
        let (exemption_reason, exemption_code) = checked_exemption(
            vat_rate.unwrap_or(VatRate::Exempt),
            stated,
            &format!("lines[{position}]"),
            errors,
        );
        let description = errors.text(&path("description"), &line.description, LINE);
        let vat_rate = vat_rate?;
        let mut row = invoice_line::Model {
            id: InvoiceLineId::new(),
            position: i32::try_from(position + 1).unwrap_or(i32::MAX),
            description,
            activity_id,
            agreement_id: line.agreement,
            period_from,
            period_to,
            quantity: line.quantity,
            unit: line.unit,
            unit_price: line.unit_price,
            vat_rate,
            exemption_reason,
            exemption_code,
            account: line
                .account
                .clone()
                .unwrap_or_else(|| self.accounts.of_line(activity_id, vat_rate)),
            ..invoice_line::Model::default()
        };
        line_taxes::complete(&mut row, taxed, self.decisions);
        Some(row)
    }

    /// Checks the activity and the agreement of a line.
    fn check_references(&self, position: usize, line: &NewLine, errors: &mut ValidationErrors) {
        let path = |field: &str| format!("lines[{position}].{field}");
        if let Some(id) = line.activity {
            errors.expect(
                self.activities.contains(&id),
                &path("activity_id"),
                FieldErrorCode::Unknown.problem("is not an existing activity"),
            );
        }
        match line.agreement.map(|id| self.agreements.get(&id)) {
            None => {}
            Some(None) => errors.add(
                path("agreement_id"),
                FieldErrorCode::Unknown.problem("is not an existing agreement"),
            ),
            Some(Some(agreement)) => {
                let theirs = Buyer::of(agreement.member_id, agreement.organisation_id);
                errors.expect(
                    self.buyer.is_none() || theirs == self.buyer,
                    &path("agreement_id"),
                    FieldErrorCode::Mismatch.problem(
                        "is with another counterparty; name an agreement of the buyer, or none",
                    ),
                );
                errors.expect(
                    agreement.number.is_some(),
                    &path("agreement_id"),
                    FieldErrorCode::WrongStatus.problem("is a draft; offer it first"),
                );
                let fits = line.activity.is_none()
                    || agreement.activity_id.is_none()
                    || line.activity == agreement.activity_id;
                errors.expect(
                    fits,
                    &path("activity_id"),
                    FieldErrorCode::Mismatch.problem("differs from the activity of the agreement"),
                );
            }
        }
    }
}

/// Adds an error unless an invoice has 1 to [`MAX_LINES`] lines; returns `false` if it has more.
pub(super) fn check_count(count: usize, errors: &mut ValidationErrors) -> bool {
    errors.expect(count > 0, "lines", FieldErrorCode::Empty.problem("must not be empty"));
    if count > MAX_LINES {
        errors.add(
            "lines",
            FieldErrorCode::TooMany
                .problem(format!(
                    "must not be more than {MAX_LINES}; split it into several invoices"
                ))
                .with("max", MAX_LINES),
        );
    }
    count <= MAX_LINES
}

/// `true` if a line states no day of supply, or has these days already.
pub(super) fn has_line_for(lines: &[NewLine], DateRange { from, to }: DateRange) -> bool {
    lines.iter().any(|line| {
        line.period_from.is_none_or(|day| day == from) && line.period_to.is_none_or(|day| day == to)
    })
}

/// Sets the days of the invoice on lines that state no day of supply.
pub(super) fn spread(lines: Vec<NewLine>, days: Option<DateRange>) -> Vec<NewLine> {
    let Some(DateRange { from, to }) = days else { return lines };
    let with_days = |line: NewLine| {
        let is_silent =
            line.supplied_on.is_none() && line.period_from.is_none() && line.period_to.is_none();
        if is_silent {
            NewLine { period_from: Some(from), period_to: Some(to), ..line }
        } else {
            line
        }
    };
    lines.into_iter().map(with_days).collect()
}

#[cfg(test)]
mod tests {
    use ::entity::id::{MemberId, OrganisationId};

    use super::*;
    use crate::config::Accounts;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn line() -> NewLine {
        NewLine {
            description: "Kurs".into(),
            activity: None,
            agreement: None,
            supplied_on: None,
            period_from: None,
            period_to: None,
            quantity: Quantity(1000),
            unit: Unit::Piece,
            unit_price: Money(10_000),
            vat_rate: Some(VatRate::Standard25),
            exemption_reason: None,
            exemption_code: None,
            account: None,
        }
    }

    fn references<'d>(
        decisions: &'d TaxDecisions,
        buyer: Buyer,
        agreements: Vec<agreement::Model>,
    ) -> LineReferences<'d> {
        LineReferences {
            agreements: agreements.into_iter().map(|row| (row.id, row)).collect(),
            activities: BTreeSet::new(),
            accounts: LineAccounts::of_settings(Accounts::default()),
            decisions,
            buyer: Some(buyer),
        }
    }

    fn paths(errors: ValidationErrors) -> Vec<String> {
        errors.into_inner().into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn a_line_takes_its_defaults_from_the_agreement() {
        let member = MemberId::new();
        let (decisions, activity) = (TaxDecisions::default(), ActivityId::new());
        let agreement = agreement::Model {
            id: AgreementId::new(),
            number: Some("2026-001".into()),
            member_id: Some(member),
            activity_id: Some(activity),
            vat_rate: Some(VatRate::Reduced6),
            ..agreement::Model::default()
        };
        let new = NewLine { agreement: Some(agreement.id), vat_rate: None, ..line() };
        let references = references(&decisions, Buyer::Member(member), vec![agreement]);
        let mut errors = ValidationErrors::default();
        let invoice = InvoiceId::new();
        let rows = references.rows(invoice, &[line(), new], &mut errors).unwrap();
        assert_eq!(paths(errors), [""; 0]);
        assert_eq!(rows.iter().map(|row| row.position).collect::<Vec<_>>(), [1, 2]);
        assert!(rows.iter().all(|row| row.invoice_id == invoice));
        assert_eq!(
            (rows[0].vat_rate, rows[0].activity_id, rows[1].vat_rate, rows[1].activity_id),
            (VatRate::Standard25, None, VatRate::Reduced6, Some(activity))
        );
    }

    #[test]
    fn a_line_without_vat_treatment_is_undecided() {
        let decisions = TaxDecisions::default();
        let references = references(&decisions, Buyer::Member(MemberId::new()), Vec::new());
        let new = [NewLine { vat_rate: None, ..line() }];
        let rows = |errors: &mut ValidationErrors| {
            references.rows(InvoiceId::new(), &new, errors).map(|rows| rows.len())
        };
        assert!(rows(&mut ValidationErrors::default()).is_err());
        // With other errors, those are reported first.
        let mut errors = ValidationErrors::default();
        errors.add("reason", FieldErrorCode::Required.problem("is required"));
        assert_eq!(rows(&mut errors).ok(), Some(0));
    }

    #[test]
    fn bad_fields_of_a_line_are_named() {
        let decisions = TaxDecisions::default();
        let other = agreement::Model {
            id: AgreementId::new(),
            organisation_id: Some(OrganisationId::new()),
            ..agreement::Model::default()
        };
        let theirs = other.id;
        let references = references(&decisions, Buyer::Member(MemberId::new()), vec![other]);
        for (new, expected) in [
            (NewLine { quantity: Quantity(0), ..line() }, vec!["lines[0].quantity"]),
            (NewLine { account: Some("30".into()), ..line() }, vec!["lines[0].account"]),
            (NewLine { description: " ".into(), ..line() }, vec!["lines[0].description"]),
            (NewLine { activity: Some(ActivityId::new()), ..line() }, vec!["lines[0].activity_id"]),
            (
                NewLine { agreement: Some(AgreementId::new()), ..line() },
                vec!["lines[0].agreement_id"],
            ),
            // With another counterparty, and a draft: one error of the field.
            (NewLine { agreement: Some(theirs), ..line() }, vec!["lines[0].agreement_id"]),
            (
                NewLine { period_from: Some(day("2026-01-01")), ..line() },
                vec!["lines[0].period_to"],
            ),
        ] {
            let mut errors = ValidationErrors::default();
            references.rows(InvoiceId::new(), &[new], &mut errors).unwrap();
            assert_eq!(paths(errors), expected);
        }
    }

    #[test]
    fn days_of_the_invoice_are_those_of_lines_without_days() {
        let days = DateRange::new(day("2026-01-01"), day("2026-06-30"));
        let own = NewLine { supplied_on: Some(day("2026-03-01")), ..line() };
        let spread_lines = spread(vec![line(), own.clone()], Some(days));
        assert_eq!(
            spread_lines.iter().map(|line| (line.period_from, line.period_to)).collect::<Vec<_>>(),
            [(Some(days.from), Some(days.to)), (None, None)]
        );
        assert!(has_line_for(&spread_lines, days));
        let other = NewLine { period_from: Some(day("2026-02-01")), ..line() };
        assert!(!has_line_for(&[other], days));
        assert_eq!(spread(vec![line()], None)[0].period_from, None);
    }

    #[test]
    fn an_invoice_has_one_to_a_thousand_lines() {
        for (count, is_few, expected) in [
            (0, true, vec!["lines"]),
            (1, true, vec![]),
            (MAX_LINES, true, vec![]),
            (MAX_LINES + 1, false, vec!["lines"]),
        ] {
            let mut errors = ValidationErrors::default();
            assert_eq!(check_count(count, &mut errors), is_few, "{count}");
            assert_eq!(paths(errors), expected, "{count}");
        }
    }
}
