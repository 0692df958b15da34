//! Requisitions (rekvisitioner): a grant is requested explicitly, and never by the invoice run.

pub mod issue;
mod grant;
mod grant_ceiling;
pub mod withdraw;

use ::entity::{
    id::{AgreementId, RequisitionId},
    requisition::{Column, Entity, Model},
};
use documents::{
    TIME_LIMIT,
    invoice::Pdf,
    requisition::{Requisition, rendered},
};
use sea_orm::sea_query::{Query, SelectStatement};

use crate::{
    auth::viewer::Resource,
    context::Context,
    error::{Error, Result},
    query, worker_pool,
};

/// Selects the requisitions that the viewer may read: all for viewers who may read all invoices,
/// none for others.
fn select(ctx: Context<'_>) -> SelectStatement {
    let mut select = Query::select();
    select
        .from(Entity)
        .and_where_option((!ctx.viewer.visibility(Resource::Invoices).all).then(query::nothing));
    select
}

/// Returns those of these requisitions that the viewer may read, in no order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[RequisitionId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx), Column::Id, ids, &[], columns).await
}

/// Returns the requisitions for these agreements that the viewer may read, in order of number.
pub async fn of_agreements(
    ctx: Context<'_>,
    agreements: &[AgreementId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(
        ctx.db,
        select(ctx),
        Column::AgreementId,
        agreements,
        &[Column::Number],
        columns,
    )
    .await
}

/// Returns the row that stores a document.
///
/// # Errors
/// INTERNAL if it can't be serialized as JSON.
pub fn row_of(
    id: RequisitionId,
    agreement_id: AgreementId,
    document: &Requisition,
) -> Result<Model> {
    Ok(Model {
        id,
        number: document.number.clone(),
        agreement_id,
        issued_on: document.issued_on,
        due_on: document.due_on,
        amount: document.amount,
        period_from: document.period.from,
        period_to: document.period.to,
        description: document.description.clone(),
        reference: document.reference.clone(),
        content: serde_json::to_string(document).map_err(Error::internal)?,
        withdrawn_on: None,
        withdrawal_reason: None,
    })
}

/// Returns the PDF of a requisition with its number, rendered from the content stored at issue;
/// `None` if the viewer may read none with this id.
///
/// # Errors
/// CONFLICT `DOCUMENT_TOO_LONG`, or if the server is overloaded.
pub async fn pdf_of(ctx: Context<'_>, id: RequisitionId) -> Result<Option<(String, Pdf)>> {
    let Some(row) = by_ids(ctx, &[id], &[Column::Id, Column::Number, Column::Content]).await?.pop()
    else {
        return Ok(None);
    };
    let document: Requisition = serde_json::from_str(&row.content).map_err(Error::internal)?;
    let pdf =
        worker_pool::run(&ctx.viewer.subject, move || Ok(rendered(&document, Some(TIME_LIMIT))?))
            .await?;
    Ok(Some((row.number, pdf)))
}
