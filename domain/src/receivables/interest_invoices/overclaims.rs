//! Warnings and notes about interest invoices that claim too much.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{id::InvoiceId, invoice, kind::InvoiceKind};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::{
    claims::{Line, Overclaim},
    loading,
};
use crate::{
    auth::viewer::Resource,
    context::Context,
    database::{among, among_words, rows},
    error::Result,
    interest::reference_rates,
    invoices::{documents, interest_rows::LINE_PREFIX},
    receivables::overdue,
};

/// The columns of an invoice that [`overclaims`] needs.
const COLUMNS: [invoice::Column; 10] = {
    use invoice::Column as C;
    [
        C::Id,
        C::Kind,
        C::IssuedOn,
        C::DueOn,
        C::Total,
        C::SettledOn,
        C::Number,
        C::MemberId,
        C::OrganisationId,
        C::CreditsId,
    ]
};

/// Returns the overclaims on these invoices as of a day.
async fn overclaims(
    db: &impl ConnectionTrait,
    invoices: &[invoice::Model],
    (today, points): (NaiveDate, u16),
) -> Result<BTreeMap<InvoiceId, Overclaim>> {
    let claims = loading::of_invoices(db, invoices, None).await?;
    let claimed: Vec<invoice::Model> =
        invoices.iter().filter(|row| claims.contains_key(&row.id)).cloned().collect();
    if claimed.is_empty() {
        return Ok(BTreeMap::new());
    }
    let bearing = overdue::bearing_of(db, &claimed, today, points).await?;
    let rates = reference_rates::all(db).await?.into_iter().collect();
    let mut found = BTreeMap::new();
    for row in &claimed {
        let Some(claims) = claims.get(&row.id) else { continue };
        let bearing = bearing.get(&row.id).cloned().unwrap_or_default();
        let over = Overclaim::of_bearing(row, claims, &bearing, &rates, today);
        found.extend(over.map(|over| (row.id, over)));
    }
    Ok(found)
}

async fn rows_of(db: &impl ConnectionTrait, condition: SimpleExpr) -> Result<Vec<invoice::Model>> {
    let select = Query::select().columns(COLUMNS).from(invoice::Entity).and_where(condition).take();
    rows(db, &select, &COLUMNS).await
}

/// Returns the warnings of these invoices: overclaims on an invoice, or on the invoice that a
/// credit note credits. `points` apply to imported history. Viewers who may not read all invoices
/// get none.
pub async fn warnings(
    ctx: Context<'_>,
    ids: BTreeSet<InvoiceId>,
    (today, points): (NaiveDate, u16),
) -> Result<HashMap<InvoiceId, Vec<String>>> {
    if !ctx.viewer.visibility(Resource::Invoices).all {
        return Ok(HashMap::new());
    }
    let among_ids =
        |ids: BTreeSet<InvoiceId>| among(ctx.db.backend(), Expr::col(invoice::Column::Id), ids);
    let own = rows_of(ctx.db.read(), among_ids(ids)).await?;
    let credited: BTreeSet<InvoiceId> = own.iter().filter_map(|row| row.credits_id).collect();
    let mut originals: Vec<invoice::Model> = own
        .iter()
        .filter(|row| row.kind == InvoiceKind::Invoice && row.number.is_some())
        .cloned()
        .collect();
    if !credited.is_empty() {
        originals.extend(rows_of(ctx.db.read(), among_ids(credited)).await?);
    }
    let over = overclaims(ctx.db.read(), &originals, (today, points)).await?;
    let of = |row: &invoice::Model| {
        Some((row.id, vec![over.get(&row.credits_id.unwrap_or(row.id))?.describe()]))
    };
    Ok(own.iter().filter_map(of).collect())
}

/// Returns a sentence for each overclaim, for `verify`. Imported history, whose terms come from the
/// settings, is left out.
pub async fn notes(db: &impl ConnectionTrait, today: NaiveDate) -> Result<Vec<String>> {
    let lines = loading::read(db, &loading::lines_about_interest()).await?;
    let number = |line: &Line| {
        line.description
            .strip_prefix(LINE_PREFIX)?
            .trim_start()
            .split_once(',')
            .map(|(number, _)| number.to_owned())
    };
    let numbers: BTreeSet<String> = lines.iter().filter_map(number).collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let theirs =
        among_words(db.get_database_backend(), Expr::col(invoice::Column::Number), &numbers);
    let originals = rows_of(db, theirs).await?;
    let ids: Vec<InvoiceId> = originals.iter().map(|row| row.id).collect();
    let terms = documents::interest_terms(db, &ids).await?;
    let originals: Vec<invoice::Model> =
        originals.into_iter().filter(|row| terms.contains_key(&row.id)).collect();
    Ok(overclaims(db, &originals, (today, 0))
        .await?
        .into_values()
        .map(|over| over.describe())
        .collect())
}
