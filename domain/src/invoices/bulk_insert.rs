//! Inserts of many rows within a change.

use sea_orm::{ActiveModelBehavior, ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::{audit::Change, error::Result};

/// Rows that one statement inserts; with their columns they stay below the limit of bound
/// parameters.
const ROWS: usize = 250;

/// Inserts many rows within a change.
pub(crate) async fn insert<M, A>(change: &Change, rows: Vec<M>) -> Result<()>
where
    M: IntoActiveModel<A> + Clone + Send + Sync,
    A: ActiveModelTrait + ActiveModelBehavior + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        A::Entity::insert_many(rows).exec_without_returning(change.tx()).await?;
    }
    Ok(())
}
