//! Removal of the bytes of files that were erased. The rows of the files remain, with their
//! SHA-256.

use ::entity::{
    archived_document, stored_content,
    stored_file::{Column, Entity, Model},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Query, SelectStatement},
};

use crate::{audit::Change, error::Result};

/// Selects the ids of the archived documents whose files are erased.
fn erased_documents() -> SelectStatement {
    Query::select()
        .column((archived_document::Entity, archived_document::Column::Id))
        .from(archived_document::Entity)
        .and_where(
            Expr::col((archived_document::Entity, archived_document::Column::ErasedOn))
                .is_not_null(),
        )
        .take()
}

/// Selects the files that are not those of an erased document.
pub(super) fn is_stored() -> Condition {
    let document = || Expr::col((Entity, Column::ArchivedDocumentId));
    Condition::any().add(document().is_null()).add(document().in_subquery(erased_documents()).not())
}

/// Removes the bytes that only erased documents have left, after another file with them was
/// removed.
pub(super) async fn remove_unused_bytes(tx: &impl ConnectionTrait) -> Result<()> {
    let file = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(
            Expr::col((Entity, Column::Sha256))
                .equals((stored_content::Entity, stored_content::Column::Sha256)),
        )
        .cond_where(is_stored())
        .take();
    stored_content::Entity::update_many()
        .col_expr(stored_content::Column::Bytes, Expr::val(Vec::<u8>::new()))
        .filter(Expr::exists(file).not())
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes the bytes of these files of a document that the change has erased. Bytes that another
/// file has as well remain.
pub(crate) async fn remove_bytes(change: &Change, files: &[Model]) -> Result<()> {
    for file in files {
        let others = Entity::find()
            .filter(Column::Sha256.eq(file.sha256.as_str()))
            .filter(is_stored())
            .one(change.tx())
            .await?;
        if others.is_none() {
            stored_content::Entity::update_many()
                .col_expr(stored_content::Column::Bytes, Expr::val(Vec::<u8>::new()))
                .filter(stored_content::Column::Sha256.eq(file.sha256.as_str()))
                .exec(change.tx())
                .await?;
        }
    }
    Ok(())
}
