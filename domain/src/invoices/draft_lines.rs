//! Lines of a draft: their input, checks and rows.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity, agreement,
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId},
    invoice_line,
    kind::{Unit, VatRate},
    money::{Money, Quantity},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::Expr,
};

use super::{
    Buyer, aggregate::InvoiceAggregate, line_taxes, parties::buyer_of,
    revenue_accounts::LineAccounts, supply_date::Supplied,
};
use crate::{
    activities::tax_decisions::{TaxDecisions, checked_exemption, undecided},
    audit::Change,
    clock::day_of,
    config::Network,
    database::among,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
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
struct LineReferences<'d> {
    agreements: HashMap<AgreementId, agreement::Model>,
    activities: BTreeSet<ActivityId>,
    accounts: LineAccounts,
    decisions: &'d TaxDecisions,
    buyer: Option<Buyer>,
}

impl LineReferences<'_> {
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
        let (period_from, period_to) =
            line.supplied().check(&format!("lines[{position}]"), errors).unzip();
        errors.expect(
            line.quantity.0 > 0,
            &path("quantity"),
            FieldErrorCode::OutOfRange.problem("must be above zero").with("min", 0),
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
                let theirs = agreement
                    .member_id
                    .map(Buyer::Member)
                    .or(agreement.organisation_id.map(Buyer::Organisation));
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

/// Returns the rows of these lines, checked against the activities and agreements that they name.
/// Agreements are restricted to `agreement_visibility`. At most two statements.
///
/// # Errors
/// CONFLICT `VAT_UNDECIDED` if nothing states the VAT treatment of a line.
pub(super) async fn lines(
    db: &impl ConnectionTrait,
    network: &Network,
    after: &InvoiceAggregate,
    new: &[NewLine],
    agreement_visibility: Condition,
    decisions: &TaxDecisions,
    errors: &mut ValidationErrors,
) -> Result<Vec<invoice_line::Model>> {
    errors.expect(!new.is_empty(), "lines", FieldErrorCode::Empty.problem("must not be empty"));
    if new.len() > MAX_LINES {
        errors.add(
            "lines",
            FieldErrorCode::TooMany
                .problem(format!(
                    "must not be more than {MAX_LINES}; split it into several invoices"
                ))
                .with("max", MAX_LINES),
        );
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let agreements: BTreeSet<_> = new.iter().filter_map(|line| line.agreement).collect();
    let found = agreement::Entity::find()
        .filter(among(backend, Expr::col(agreement::Column::Id), agreements))
        .filter(agreement_visibility)
        .all(db)
        .await?;
    let agreements: HashMap<AgreementId, agreement::Model> =
        found.into_iter().map(|row| (row.id, row)).collect();
    let activities: BTreeSet<_> = new.iter().filter_map(|line| line.activity).collect();
    let found = activity::Entity::find()
        .filter(among(backend, Expr::col(activity::Column::Id), activities))
        .all(db)
        .await?;
    let activities: BTreeSet<ActivityId> = found.into_iter().map(|row| row.id).collect();
    let accounts = LineAccounts::load(db, network).await?;
    let references =
        LineReferences { agreements, activities, accounts, decisions, buyer: buyer_of(&after.row) };
    let (mut rows, mut open) = (Vec::with_capacity(new.len()), Vec::new());
    for (position, line) in new.iter().enumerate() {
        match references.row(position, line, errors) {
            Some(row) => rows.push(invoice_line::Model { invoice_id: after.row.id, ..row }),
            None => open.push(format!("line {} ({})", position + 1, line.description.trim())),
        }
    }
    if !open.is_empty() && errors.is_empty() {
        return Err(undecided(&open.join(", ")));
    }
    Ok(rows)
}

/// `true` if a line states no day of supply, or has these days already.
pub(super) fn has_line_for(lines: &[NewLine], (from, to): (NaiveDate, NaiveDate)) -> bool {
    lines.iter().any(|line| {
        line.period_from.is_none_or(|day| day == from) && line.period_to.is_none_or(|day| day == to)
    })
}

/// Sets the days of the invoice on lines that state no day of supply.
pub(super) fn spread(lines: Vec<NewLine>, days: Option<(NaiveDate, NaiveDate)>) -> Vec<NewLine> {
    let Some((from, to)) = days else { return lines };
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

/// Loads the tax decisions that these lines need. None are read if each line states its VAT
/// treatment and its reason of exemption.
pub(super) async fn decisions_for(change: &Change, new: &[NewLine]) -> Result<TaxDecisions> {
    let is_exempt =
        |line: &NewLine| line.vat_rate == Some(VatRate::Exempt) && line.exemption_reason.is_none();
    let today = day_of(change.at());
    if new.iter().any(|line| line.vat_rate.is_none()) {
        TaxDecisions::on(change.tx(), today).await?.with_prices(change.tx(), today).await
    } else if new.iter().any(is_exempt) {
        TaxDecisions::on(change.tx(), today).await
    } else {
        Ok(TaxDecisions::default())
    }
}

/// Inserts lines.
pub(super) async fn insert_lines(change: &Change, lines: &[invoice_line::Model]) -> Result<()> {
    for block in lines.chunks(250) {
        let rows = block.iter().cloned().map(IntoActiveModel::into_active_model);
        invoice_line::Entity::insert_many(rows).exec_without_returning(change.tx()).await?;
    }
    Ok(())
}

pub(super) async fn delete_lines(change: &Change, invoice: InvoiceId) -> Result<()> {
    invoice_line::Entity::delete_many()
        .filter(invoice_line::Column::InvoiceId.eq(invoice))
        .exec(change.tx())
        .await?;
    Ok(())
}
