//! Agreements that have a document: the PDF of the offer, a scanned signed copy, or an archived
//! document whose files are stored.

use ::entity::{agreement::Column, agreement_document, archived_document, signature, stored_file};
use sea_orm::{
    Condition, EntityTrait, ExprTrait,
    sea_query::{Expr, Query, SelectStatement},
};

use crate::query::column;

/// Selects agreements with a document.
pub(super) fn has_document() -> Condition {
    let offered = of(agreement_document::Entity, agreement_document::Column::AgreementId)
        .and_where(column(agreement_document::Column::Pdf).is_not_null())
        .take();
    let signed = of(signature::Entity, signature::Column::AgreementId)
        .inner_join(
            stored_file::Entity,
            column(stored_file::Column::SignatureId).eq(column(signature::Column::Id)),
        )
        .take();
    let archived = of(archived_document::Entity, archived_document::Column::AgreementId)
        .and_where(column(archived_document::Column::ErasedOn).is_null())
        .take();
    [offered, signed, archived]
        .into_iter()
        .fold(Condition::any(), |any, own| any.add(Expr::exists(own)))
}

/// Selects the rows of a table that belong to the agreement of the statement around it.
fn of<E: EntityTrait>(table: E, agreement: E::Column) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(table)
        .and_where(column(agreement).eq(column(Column::Id)))
        .take()
}
