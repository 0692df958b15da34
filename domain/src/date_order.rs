//! Order of numbers and days: reads the documents of a table in the order of their numbers, and
//! finds documents with an earlier date than the one before them.

use std::collections::HashMap;

use ::entity::partial::{Column, PartialRow};
use sea_orm::{
    Condition, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use crate::{audit::date_order::Inversion, database::rows, error::Result};

/// Documents that are read together.
const CHUNK: u64 = 10_000;

/// A row's position in the order of numbers, and the document if it belongs to a series.
pub(crate) type Read<D> = ((String, Uuid), Option<Document<D>>);

/// A numbered document.
pub(crate) struct Document<D> {
    /// Its id.
    pub id: Uuid,
    /// The series of its number.
    pub series: String,
    /// Its name.
    pub name: String,
    /// Date of its number.
    pub dated: D,
}

/// A table of numbered documents.
pub(crate) struct Table<M: PartialRow, D> {
    /// The sort column of the number, the id column, and the columns that `read` needs.
    pub columns: [Column<M>; 4],
    /// Reads a row.
    pub read: fn(M) -> Read<D>,
    /// Returns the sentence that a document follows another one with a later date.
    pub sentence: fn(&Document<D>, &Document<D>) -> String,
}

impl<M: PartialRow, D: PartialOrd> Table<M, D> {
    /// Lists the documents within a condition that have an earlier date than the one with the
    /// preceding number in their series. Calls `each` with every row in the order of the numbers,
    /// so that another check of the same rows does not read them again.
    pub async fn inversions(
        &self,
        db: &impl ConnectionTrait,
        within: Condition,
        mut each: impl FnMut(&M),
    ) -> Result<Vec<Inversion>> {
        let [key, id, ..] = self.columns;
        let (mut found, mut latest) = (Vec::new(), HashMap::<String, Document<D>>::new());
        let mut last: Option<(String, Uuid)> = None;
        loop {
            let mut select = Query::select();
            select.columns(self.columns).from(M::Entity::default()).cond_where(within.clone());
            select.order_by(key, Order::Asc).order_by(id, Order::Asc).limit(CHUNK);
            if let Some((key_before, id_before)) = last.take() {
                let position = Expr::tuple([Expr::col(key), Expr::col(id)]);
                select.and_where(
                    position.gt(Expr::tuple([Expr::val(key_before), Expr::val(id_before)])),
                );
            }
            for row in rows::<M>(db, &select, &self.columns).await? {
                each(&row);
                let (position, document) = (self.read)(row);
                last = Some(position);
                let Some(document) = document else { continue };
                if let Some(before) =
                    latest.get(&document.series).filter(|before| before.dated > document.dated)
                {
                    let sentence = (self.sentence)(&document, before);
                    found.push(Inversion { earlier: before.id, later: document.id, sentence });
                }
                latest.insert(document.series.clone(), document);
            }
            if last.is_none() {
                return Ok(found);
            }
        }
    }
}
