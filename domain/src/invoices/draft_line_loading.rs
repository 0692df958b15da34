//! Loading of the objects that the lines of a draft refer to.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity, agreement,
    id::{ActivityId, AgreementId},
    invoice_line,
    kind::VatRate,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Query},
};

use super::{
    aggregate::InvoiceAggregate,
    draft_lines::{LineReferences, NewLine, check_count},
    parties::buyer_of,
    revenue_accounts::LineAccounts,
};
use crate::{
    config::Network,
    database::{among, rows},
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
    let agreements: HashMap<AgreementId, agreement::Model> = if agreements.is_empty() {
        HashMap::new()
    } else {
        let found = agreement::Entity::find()
            .filter(among(backend, Expr::col(agreement::Column::Id), agreements))
            .filter(agreement_visibility)
            .all(db)
            .await?;
        found.into_iter().map(|row| (row.id, row)).collect()
    };
    let activities: BTreeSet<_> = new.iter().filter_map(|line| line.activity).collect();
    let activities: BTreeSet<ActivityId> = if activities.is_empty() {
        BTreeSet::new()
    } else {
        let id = activity::Column::Id;
        let theirs = among(backend, Expr::col(id), activities);
        let select = Query::select().column(id).from(activity::Entity).and_where(theirs).take();
        let found: Vec<activity::Model> = rows(db, &select, &[id]).await?;
        found.into_iter().map(|row| row.id).collect()
    };
    let accounts = LineAccounts::load(db, network).await?;
    let references =
        LineReferences { agreements, activities, accounts, decisions, buyer: buyer_of(&after.row) };
    references.rows(after.row.id, new, errors)
}

/// Loads the tax decisions of this day that these lines need. None are read if each line states its
/// VAT treatment and its reason of exemption.
pub(super) async fn decisions_for(
    db: &impl ConnectionTrait,
    today: NaiveDate,
    new: &[NewLine],
) -> Result<TaxDecisions> {
    let is_exempt =
        |line: &NewLine| line.vat_rate == Some(VatRate::Exempt) && line.exemption_reason.is_none();
    if new.iter().any(|line| line.vat_rate.is_none()) {
        TaxDecisions::on(db, today).await?.with_prices(db, today).await
    } else if new.iter().any(is_exempt) {
        TaxDecisions::on(db, today).await
    } else {
        Ok(TaxDecisions::default())
    }
}
