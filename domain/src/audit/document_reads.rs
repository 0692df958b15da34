//! The log of reads of archived documents: who opened their files, by day. Reads are noted as those
//! of contacts are, see [`super::reads`].

use ::entity::{
    archived_document_read::{Column, Entity, Model},
    id::{ArchivedDocumentId, ArchivedDocumentReadId},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    sea_query::{Alias, Expr, OnConflict, Query, SelectStatement},
};

use super::pending_reads::Times;
use crate::{
    activity_slugs::ListFilter,
    auth::viewer::Resource,
    context::Context,
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query,
};

/// Returns the row of the reads of a document by a reader on a day.
pub(super) fn row(
    reader: &str,
    document_id: ArchivedDocumentId,
    day: NaiveDate,
    times: &Times,
) -> Model {
    Model {
        id: ArchivedDocumentReadId::new(),
        reader: reader.to_owned(),
        document_id,
        day,
        first_at: times.first_at,
        last_at: times.last_at,
        times: times.count,
    }
}

/// Adds rows to the log. Another server may have written earlier or later reads.
pub(super) async fn add(tx: &impl ConnectionTrait, rows: Vec<Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let either = |operator: &str, column: &str| {
        let own = format!("archived_document_read.{column}");
        format!(
            "CASE WHEN excluded.{column} {operator} {own} THEN excluded.{column} ELSE {own} END"
        )
    };
    let (earlier, later) = (either("<", "first_at"), either(">", "last_at"));
    let sum =
        Expr::col((Entity, Column::Times)).add(Expr::col((Alias::new("excluded"), Column::Times)));
    let mut again = OnConflict::columns([Column::Reader, Column::DocumentId, Column::Day]);
    again
        .value(Column::FirstAt, Expr::cust(earlier))
        .value(Column::LastAt, Expr::cust(later))
        .value(Column::Times, sum);
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    Entity::insert_many(rows).on_conflict(again).exec_without_returning(tx).await?;
    Ok(())
}

/// Removes the rows of days before this one, and returns their number.
pub(super) async fn delete_before(tx: &impl ConnectionTrait, day: NaiveDate) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::Day.lt(day)).exec(tx).await?.rows_affected)
}

/// A filter of the log; all parts must match.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this document.
    pub document: Option<ArchivedDocumentId>,
    /// By this subject.
    pub reader: Option<String>,
    /// Not before this day.
    pub from: Option<NaiveDate>,
    /// Not after this day.
    pub to: Option<NaiveDate>,
}

impl ListFilter for Filter {}

/// Returns the order of the log, by day.
#[must_use]
pub fn order(descending: bool) -> Order {
    let column = |column| Expr::col((Entity, column));
    Order {
        name: "DAY",
        key: column(Column::Day),
        key_type: KeyType::Day,
        id: column(Column::Id),
        descending,
    }
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if !ctx.viewer.visibility(Resource::Audit).all {
        select.and_where(query::nothing());
    }
    if let Some(document) = filter.document {
        select.and_where(Column::DocumentId.eq(document));
    }
    if let Some(reader) = &filter.reader {
        select.and_where(Column::Reader.eq(reader.as_str()));
    }
    if let Some(from) = filter.from {
        select.and_where(Column::Day.gte(from));
    }
    if let Some(to) = filter.to {
        select.and_where(Column::Day.lte(to));
    }
    select
}

/// Returns a page of the log; empty for a viewer who may not read the trail. Reads of the last
/// seconds may be missing.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Returns the number of rows.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}
