//! Settings of invoicing: the table `[network.invoicing]`.

use ::entity::money::Money;

use super::environment::{Environment, line, number, yes_or_no};

/// Settings of invoices: the table `[network.invoicing]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoicing {
    /// Days from issue to the due date, unless an invoice says otherwise. At most 30, the limit for
    /// public bodies (räntelagen 2 a §).
    pub due_days: u16,
    /// `true` if totals are rounded to whole kronor (öresavrundning).
    pub whole_kronor: bool,
    /// `true` if OCR references have a length digit, by agreement with the bank.
    pub ocr_length_digit: bool,
    /// `true` if invoices say «Godkänd för F-skatt», which requires an approval.
    pub f_tax: bool,
    /// Percentage points of late interest above the reference rate (räntelagen 6 §).
    pub interest_points: u16,
    /// `true` if the statutes say that interest runs from the due date (räntelagen 3 §). An
    /// agreement that says otherwise takes precedence.
    pub interest_from_due_date: bool,
    /// Fee of a reminder by the statutes, öre: at most 60 kr, and only if agreed (lag 1981:739).
    /// The statutes bind members; an agreement takes precedence. An invoice states the fee that
    /// applied when it was issued.
    pub reminder_fee: Money,
    /// `true` if 450 kr are claimed from late payers (förseningsersättning, lag 1981:739 4 a §)
    /// instead of a reminder fee. Never for a claim outside the scope of VAT, which is no payment
    /// for goods or services.
    pub late_compensation: bool,
    /// Reason why lines without VAT are exempt, in the wording that such an invoice must have
    /// (mervärdesskattelag 17 kap. 24 §).
    pub exemption_reason: String,
    /// Reason why lines are outside the scope of VAT.
    pub outside_scope_reason: String,
}

impl Default for Invoicing {
    fn default() -> Self {
        Self {
            due_days: 30,
            whole_kronor: false,
            ocr_length_digit: true,
            f_tax: false,
            interest_points: 8,
            interest_from_due_date: false,
            reminder_fee: Money::ZERO,
            late_compensation: false,
            exemption_reason: "Undantag från moms enligt 10 kap. mervärdesskattelagen".to_owned(),
            outside_scope_reason:
                "Avgiften är inte ersättning för en vara eller tjänst och omfattas inte av moms"
                    .to_owned(),
        }
    }
}

impl Environment {
    pub(super) fn invoicing(&mut self) -> Invoicing {
        let defaults = Invoicing::default();
        Invoicing {
            due_days: self
                .take("network.invoicing.due_days", defaults.due_days, |text| number(text, 0..=30)),
            whole_kronor: self.take(
                "network.invoicing.whole_kronor",
                defaults.whole_kronor,
                yes_or_no,
            ),
            ocr_length_digit: self.take(
                "network.invoicing.ocr_length_digit",
                defaults.ocr_length_digit,
                yes_or_no,
            ),
            f_tax: self.take("network.invoicing.f_tax", defaults.f_tax, yes_or_no),
            interest_points: self.take(
                "network.invoicing.interest_points",
                defaults.interest_points,
                |text| number(text, 0..=100),
            ),
            interest_from_due_date: self.take(
                "network.invoicing.interest_from_due_date",
                defaults.interest_from_due_date,
                yes_or_no,
            ),
            reminder_fee: self.take(
                "network.invoicing.reminder_fee",
                defaults.reminder_fee,
                |text| {
                    let fee: Option<Money> =
                        text.parse().ok().filter(|fee| (Money::ZERO..=Money(6000)).contains(fee));
                    fee.ok_or_else(|| {
                        "must be kronor from 0 to 60, the most that the law allows".to_owned()
                    })
                },
            ),
            late_compensation: self.take(
                "network.invoicing.late_compensation",
                defaults.late_compensation,
                yes_or_no,
            ),
            exemption_reason: self.take(
                "network.invoicing.exemption_reason",
                defaults.exemption_reason,
                line,
            ),
            outside_scope_reason: self.take(
                "network.invoicing.outside_scope_reason",
                defaults.outside_scope_reason,
                line,
            ),
        }
    }
}
