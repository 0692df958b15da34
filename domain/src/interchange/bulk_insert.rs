//! Inserts and replaces many rows with few statements.

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable,
    PrimaryKeyToColumn, sea_query::OnConflict,
};

use crate::error::Result;

/// Numbers of rows in a statement. The text of a statement depends on its number of rows alone, so
/// that only these few texts are prepared and reused. The largest stays below SQLite's limit of 32
/// 766 bound values for every table of the register.
const BLOCKS: [usize; 5] = [256, 64, 16, 4, 1];

/// Splits rows into blocks of these sizes.
pub(super) fn blocks<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut left = rows.len();
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let size = BLOCKS.into_iter().find(|size| *size <= left)?;
        left -= size;
        Some(rows.by_ref().take(size).collect())
    })
}

/// Inserts rows.
pub(super) async fn insert<M, A>(tx: &impl ConnectionTrait, rows: Vec<M>) -> Result<()>
where
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + ActiveModelBehavior + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    for block in blocks(rows) {
        A::Entity::insert_many(block.into_iter().map(IntoActiveModel::into_active_model))
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Replaces rows by primary key; a row that doesn't exist is inserted.
pub(super) async fn replace<M, A>(tx: &impl ConnectionTrait, rows: Vec<M>) -> Result<()>
where
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + ActiveModelBehavior + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    type Column<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Column;
    type PrimaryKey<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::PrimaryKey;
    let key: Vec<Column<A>> =
        PrimaryKey::<A>::iter().map(PrimaryKeyToColumn::into_column).collect();
    let is_key = |column: &Column<A>| {
        key.iter()
            .any(|part| sea_orm::IdenStatic::as_str(part) == sea_orm::IdenStatic::as_str(column))
    };
    let others: Vec<Column<A>> = Column::<A>::iter().filter(|column| !is_key(column)).collect();
    for block in blocks(rows) {
        let on_conflict = OnConflict::columns(key.iter().copied())
            .update_columns(others.iter().copied())
            .to_owned();
        A::Entity::insert_many(block.into_iter().map(IntoActiveModel::into_active_model))
            .on_conflict(on_conflict)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Rows that are written together.
pub(super) struct Batch<M> {
    pub added: Vec<M>,
    pub changed: Vec<M>,
}

impl<M> Default for Batch<M> {
    fn default() -> Self {
        Self { added: Vec::new(), changed: Vec::new() }
    }
}

impl<M> Batch<M> {
    /// Writes the rows; changed rows first, since they may release a unique value that an added row
    /// takes.
    pub async fn write<A>(self, tx: &impl ConnectionTrait) -> Result<()>
    where
        M: IntoActiveModel<A> + Send,
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        replace(tx, self.changed).await?;
        insert(tx, self.added).await
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn blocks_contain_every_row_in_order() {
        for count in [0, 1, 5, 63, 257, 1499] {
            let rows: Vec<usize> = (0..count).collect();
            let blocks: Vec<Vec<usize>> = super::blocks(rows.clone()).collect();
            assert!(blocks.iter().all(|block| super::BLOCKS.contains(&block.len())));
            assert_eq!(blocks.concat(), rows);
        }
    }
}
