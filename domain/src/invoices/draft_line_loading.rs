//! Loading of the objects that the lines of a draft refer to.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity, agreement,
    id::{ActivityId, AgreementId},
    invoice_line,
    kind::VatRate,
};
use sea_orm::{Condition, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    aggregate::InvoiceAggregate,
    draft_lines::{LineReferences, NewLine, check_count},
    parties::buyer_of,
    revenue_accounts::LineAccounts,
};
use crate::{
    audit::Change,
    clock::day_of,
    config::Network,
    database::among,
    error::{Result, ValidationErrors},
    tax_decisions::in_force::TaxDecisions,
};

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
    if !check_count(new.len(), errors) {
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
    references.rows(after.row.id, new, errors)
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
