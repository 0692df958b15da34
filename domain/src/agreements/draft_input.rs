//! Input of drafts of agreements.

use ::entity::{
    agreement::Model,
    fee_schedule,
    id::{ActivityId, TemplateId, TemplateVersionId},
    kind::{AllocationBasis, Direction, FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::Counterparty;
use crate::{
    activities::{decisions::NewDecision, tax_decisions::NO_RATE_OF_ZERO},
    error::{FieldErrorCode, ValidationErrors},
};

/// The fee of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Amount in öre, for every basis except per mille.
    pub amount: Option<Money>,
    /// Rate, for per mille.
    pub per_mille: Option<PerMille>,
    /// Maximum per year in öre (maxtak); for per mille.
    pub cap: Option<Money>,
    /// Minimum per year in öre; for per mille.
    pub minimum: Option<Money>,
    /// The allocation that the rate applies to; null: that of all parties, or no rate.
    pub allocation_basis: Option<AllocationBasis>,
    /// VAT treatment.
    pub vat_rate: VatRate,
}

impl Fee {
    /// Returns the fee of a row; `None` if it has none.
    pub(super) fn of(row: &Model) -> Option<Self> {
        let (basis, vat_rate) = row.fee_basis.zip(row.vat_rate)?;
        let (cap, minimum, allocation_basis) =
            (row.fee_cap, row.fee_minimum, row.fee_allocation_basis);
        Some(Self {
            basis,
            amount: row.fee_amount,
            per_mille: row.fee_per_mille,
            cap,
            minimum,
            allocation_basis,
            vat_rate,
        })
    }

    /// Returns the fee for an activity's price and a VAT treatment. Limits of a rate remain part of
    /// the fee; limits of an amount are applied to it at once.
    pub(super) fn priced(price: &fee_schedule::Model, vat_rate: VatRate) -> Self {
        let is_rate = price.basis == FeeBasis::PerMilleOfAllocation;
        let limited = |amount: Money| {
            let raised = price.minimum.map_or(amount, |minimum| amount.max(minimum));
            price.cap.map_or(raised, |cap| raised.min(cap))
        };
        Self {
            basis: price.basis,
            amount: price.amount.map(limited),
            per_mille: price.per_mille,
            cap: price.cap.filter(|_| is_rate),
            minimum: price.minimum.filter(|_| is_rate),
            allocation_basis: price.allocation_basis.filter(|_| is_rate),
            vat_rate,
        }
    }

    pub(super) fn check(&self, errors: &mut ValidationErrors) {
        let is_rate = self.basis == FeeBasis::PerMilleOfAllocation;
        let (needed, other) =
            if is_rate { ("fee.per_mille", "fee.amount") } else { ("fee.amount", "fee.per_mille") };
        let (has_needed, has_other) = if is_rate {
            (self.per_mille.is_some(), self.amount.is_some())
        } else {
            (self.amount.is_some(), self.per_mille.is_some())
        };
        errors.expect(
            has_needed,
            needed,
            FieldErrorCode::Required.problem("is needed for this basis"),
        );
        errors.expect(
            !has_other,
            other,
            FieldErrorCode::NotAllowed.problem("does not fit this basis"),
        );
        for (path, sum) in
            [("fee.amount", self.amount), ("fee.cap", self.cap), ("fee.minimum", self.minimum)]
        {
            errors.expect(
                sum.is_none_or(|sum| sum >= Money::ZERO),
                path,
                FieldErrorCode::OutOfRange.problem("must not be negative").with("min", 0),
            );
        }
        for (path, limit) in [("fee.cap", self.cap), ("fee.minimum", self.minimum)] {
            errors.expect(
                is_rate || limit.is_none(),
                path,
                FieldErrorCode::NotAllowed.problem("is only for PER_MILLE_OF_ALLOCATION"),
            );
        }
        errors.expect(
            is_rate || self.allocation_basis.is_none(),
            "fee.allocation_basis",
            FieldErrorCode::NotAllowed.problem("is only for PER_MILLE_OF_ALLOCATION"),
        );
        let in_order = self.minimum.zip(self.cap).is_none_or(|(minimum, cap)| minimum <= cap);
        errors.expect(
            in_order,
            "fee.cap",
            FieldErrorCode::OutOfRange.problem("must not be below the minimum"),
        );
        errors.expect(
            self.vat_rate != VatRate::Zero,
            "fee.vat_rate",
            FieldErrorCode::Unsupported.problem(NO_RATE_OF_ZERO),
        );
    }
}

/// The source of an agreement's fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeSource {
    /// The activity's price on the first day for a participation; otherwise this fee, where `None`
    /// is no fee.
    Schedule(Option<Fee>),
    /// The fee in the input; `None`: no fee.
    Explicit(Option<Fee>),
    /// The fee stays unchanged; `None`: no fee.
    Unchanged(Option<Fee>),
}

impl Default for FeeSource {
    fn default() -> Self {
        Self::Schedule(None)
    }
}

/// Input for drafting an agreement.
#[derive(Clone, Debug)]
pub struct NewAgreement {
    /// The template.
    pub template: TemplateId,
    /// The template's version; null: the current one.
    pub template_version: Option<TemplateVersionId>,
    /// The activity; null: that of the template.
    pub activity: Option<ActivityId>,
    /// The counterparty.
    pub counterparty: Counterparty,
    /// Direction of payment; null: determined by the kind and the fee.
    pub direction: Option<Direction>,
    /// Values of the parameters.
    pub parameters: Map<String, Value>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice; null: 3 if the agreement ends only by notice, else none.
    pub notice_months: Option<i32>,
    /// Months by which it is renewed; null: no renewal.
    pub renewal_months: Option<i32>,
    /// Source of the fee.
    pub fee: FeeSource,
    /// The decision about it.
    pub decision: Option<NewDecision>,
}

/// Changes to a draft; fields that are `None` stay unchanged.
#[derive(Clone, Debug, Default)]
pub struct DraftChanges {
    /// The template.
    pub template: Option<TemplateId>,
    /// The template's version.
    pub template_version: Option<TemplateVersionId>,
    /// The activity; `Some(None)`: that of the template.
    pub activity: Option<Option<ActivityId>>,
    /// The counterparty.
    pub counterparty: Option<Counterparty>,
    /// Direction of payment.
    pub direction: Option<Direction>,
    /// All of its parameters.
    pub parameters: Option<Map<String, Value>>,
    /// First day in force.
    pub starts_on: Option<NaiveDate>,
    /// Last day of the term; `Some(None)`: until further notice.
    pub ends_on: Option<Option<NaiveDate>>,
    /// Months of notice.
    pub notice_months: Option<i32>,
    /// Months by which it is renewed; `Some(None)`: no renewal.
    pub renewal_months: Option<Option<i32>>,
    /// The fee; `Some(None)`: no fee.
    pub fee: Option<Option<Fee>>,
    /// The decision about it.
    pub decision: Option<NewDecision>,
}
