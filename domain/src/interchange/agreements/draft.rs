//! Rows of agreements.csv, parsed and checked without the register.

use ::entity::{
    agreement,
    kind::{AgreementKind, AllocationBasis, Direction, FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::{DateTime, NaiveDate, Utc};

use super::super::{
    fee_schedules::check_sums,
    row::{Cells, MAX_NUMBER},
};
use crate::{
    clock::{day_of, start_of},
    error::{TEXT, ValidationErrors, unprintable},
    tax_decisions::exemption::NO_RATE_OF_ZERO,
};

/// Maximum length of the parameters, in characters.
const MAX_PARAMETERS: usize = 200_000;

/// A row of agreements.csv. An optional column is an `Option` of its value: `None` if the file
/// doesn't have the column.
pub(super) struct Draft {
    pub key: String,
    pub number: Option<String>,
    pub kind: AgreementKind,
    pub direction: Direction,
    pub activity: Option<String>,
    pub counterparty: String,
    pub template: Option<String>,
    pub template_version: Option<i32>,
    pub starts_on: NaiveDate,
    pub ends_on: Option<NaiveDate>,
    pub notice_months: i32,
    pub renewal_months: Option<i32>,
    pub offered_at: Option<DateTime<Utc>>,
    pub signed_on: Option<NaiveDate>,
    pub notice_given_on: Option<NaiveDate>,
    pub fee_basis: Option<FeeBasis>,
    pub fee_amount: Option<Money>,
    pub fee_per_mille: Option<PerMille>,
    pub vat_rate: Option<VatRate>,
    pub withdrawn_on: Option<Option<NaiveDate>>,
    pub termination_reason: Option<Option<String>>,
    pub replaces: Option<Option<String>>,
    pub parameters: Option<Option<String>>,
    pub fee_cap: Option<Option<Money>>,
    pub fee_minimum: Option<Option<Money>>,
    pub fee_allocation_basis: Option<Option<AllocationBasis>>,
    pub notice_end_decided_on: Option<Option<NaiveDate>>,
}

/// Parses a row.
pub(super) fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        key: cells.key("key"),
        number: cells.optional_text("number", MAX_NUMBER),
        kind: cells.value("kind"),
        direction: cells.value("direction"),
        activity: cells.optional_key("activity"),
        counterparty: cells.key("counterparty"),
        template: cells.optional_key("template"),
        template_version: cells.optional_integer("template_version", 1, 1_000_000),
        starts_on: cells.day("starts_on"),
        ends_on: cells.optional_day("ends_on"),
        notice_months: cells.integer("notice_months", 0, 120),
        renewal_months: cells.optional_integer("renewal_months", 1, 600),
        offered_at: cells.optional_instant("offered_at"),
        signed_on: cells.optional_day("signed_on"),
        notice_given_on: cells.optional_day("notice_given_on"),
        fee_basis: cells.optional("fee_basis"),
        fee_amount: cells.optional_decimal("fee_amount"),
        fee_per_mille: cells.optional_decimal("fee_per_mille"),
        vat_rate: cells.optional("vat_rate"),
        withdrawn_on: cells.present("withdrawn_on").then(|| cells.optional_day("withdrawn_on")),
        termination_reason: cells
            .present("termination_reason")
            .then(|| cells.optional_text("termination_reason", TEXT)),
        replaces: cells.present("replaces").then(|| cells.optional_key("replaces")),
        parameters: cells
            .present("parameters")
            .then(|| cells.optional_text("parameters", MAX_PARAMETERS)),
        fee_cap: cells.present("fee_cap").then(|| cells.optional_decimal("fee_cap")),
        fee_minimum: cells.present("fee_minimum").then(|| cells.optional_decimal("fee_minimum")),
        fee_allocation_basis: cells
            .present("fee_allocation_basis")
            .then(|| cells.optional("fee_allocation_basis")),
        notice_end_decided_on: cells
            .present("notice_end_decided_on")
            .then(|| cells.optional_day("notice_end_decided_on")),
    };
    // Of an old contract no offer is recorded: it was offered on the day of its signature at the
    // latest.
    let offered_at = draft
        .offered_at
        .or_else(|| draft.signed_on.filter(|_| draft.number.is_some()).map(start_of));
    let draft = Draft { offered_at, ..draft };
    cells.check(|errors| check(&draft, errors));
    Some(draft)
}

/// Checks the cells of a row against each other. [`check_days`] checks the days, which depend on
/// the stored row as well.
fn check(draft: &Draft, errors: &mut ValidationErrors) {
    if draft.kind == AgreementKind::Participation {
        errors.expect(
            draft.activity.is_some(),
            "activity",
            "must not be empty: a participation agreement is about an activity",
        );
        errors.expect(
            draft.direction != Direction::Cost,
            "direction",
            "must not be COST: participants are not paid",
        );
    }
    let is_complete = draft.template.is_some() == draft.template_version.is_some();
    errors.expect(is_complete, "template_version", "must be given together with template");
    errors.expect(
        draft.offered_at.is_some() == draft.number.is_some(),
        "number",
        "must be given together with offered_at or signed_on: a draft has none of them",
    );
    errors.expect(
        draft.renewal_months.is_none() || draft.ends_on.is_some(),
        "renewal_months",
        "needs ends_on, the end of the first term",
    );
    check_fee(draft, errors);
    let is_decided = draft.notice_end_decided_on.flatten().is_some();
    errors.expect(
        !is_decided || draft.notice_given_on.is_some(),
        "notice_end_decided_on",
        "must be empty where no notice was given",
    );
    if let Some(Some(parameters)) = &draft.parameters {
        check_parameters(parameters, errors);
    }
}

/// Checks the fee of a row.
fn check_fee(draft: &Draft, errors: &mut ValidationErrors) {
    match draft.fee_basis {
        Some(basis) => {
            check_sums(
                errors,
                basis,
                ("fee_amount", draft.fee_amount),
                ("fee_per_mille", draft.fee_per_mille),
            );
            errors.expect(
                draft.vat_rate.is_some(),
                "vat_rate",
                "must not be empty where there is a fee",
            );
            // An agreement that was offered is history, with the rates of its time.
            errors.expect(
                draft.number.is_some() || draft.vat_rate != Some(VatRate::Zero),
                "vat_rate",
                NO_RATE_OF_ZERO,
            );
        }
        None => {
            let columns = [
                ("fee_amount", draft.fee_amount.is_some()),
                ("fee_per_mille", draft.fee_per_mille.is_some()),
                ("vat_rate", draft.vat_rate.is_some()),
            ];
            for (column, is_given) in columns {
                errors.expect(!is_given, column, "must be empty where there is no fee_basis");
            }
        }
    }
    let (cap, minimum) = (draft.fee_cap.flatten(), draft.fee_minimum.flatten());
    for (column, limit) in [("fee_cap", cap), ("fee_minimum", minimum)] {
        let has_rate = draft.fee_basis == Some(FeeBasis::PerMilleOfAllocation);
        errors.expect(
            has_rate || limit.is_none(),
            column,
            "must be empty but for PER_MILLE_OF_ALLOCATION",
        );
        errors.expect(
            limit.is_none_or(|limit| limit >= Money::ZERO),
            column,
            "must not be negative",
        );
    }
    errors.expect(
        minimum.zip(cap).is_none_or(|(minimum, cap)| minimum <= cap),
        "fee_cap",
        "must not be below fee_minimum",
    );
    let fits = draft.fee_basis == Some(FeeBasis::PerMilleOfAllocation)
        || draft.fee_allocation_basis.flatten().is_none();
    errors.expect(fits, "fee_allocation_basis", "must be empty but for PER_MILLE_OF_ALLOCATION");
}

/// Checks that the parameters are a JSON object whose texts can be printed.
fn check_parameters(parameters: &str, errors: &mut ValidationErrors) {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(parameters) {
        Ok(present) => {
            let texts = present.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
            let problem = texts
                .into_iter()
                .find_map(|(name, text)| Some(format!("{name} {}", unprintable(text.trim())?)));
            errors.expect(problem.is_none(), "parameters", problem.as_deref().unwrap_or_default());
        }
        Err(_) => errors.add("parameters", "is not a JSON object"),
    }
}

/// Checks the order of an agreement's days.
pub(super) fn check_days(row: &agreement::Model, errors: &mut ValidationErrors) {
    let offered_on = row.offered_at.map(day_of);
    let not_before = |later: Option<NaiveDate>, earlier: Option<NaiveDate>| {
        later.zip(earlier).is_none_or(|(later, earlier)| later >= earlier)
    };
    errors.expect(
        not_before(row.ends_on, Some(row.starts_on)),
        "ends_on",
        "must not be before starts_on",
    );
    errors.expect(
        row.signed_on.is_none() || offered_on.is_some(),
        "signed_on",
        "must be empty for what was not offered",
    );
    errors.expect(
        not_before(row.signed_on, offered_on),
        "signed_on",
        "must not be before the day of offered_at",
    );
    errors.expect(
        not_before(row.withdrawn_on, offered_on),
        "withdrawn_on",
        "must not be before the day of offered_at",
    );
    if row.notice_given_on.is_some() {
        errors.expect(
            row.signed_on.is_some(),
            "notice_given_on",
            "must be empty for what was not signed",
        );
        errors.expect(
            row.ends_on.is_some(),
            "notice_given_on",
            "needs ends_on, the last day in force",
        );
        errors.expect(
            not_before(row.notice_given_on, row.signed_on),
            "notice_given_on",
            "must not be before signed_on",
        );
    }
}
