//! Rows of the ledger: costs and grants, and the differences between their tables.

use ::entity::{
    cost, grant,
    partial::{Column, PartialRow},
};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, ExprTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{
    booked_for::Supplier,
    suppliers::{costs_by_supplier, supplier_has_words, supplier_key},
};
use crate::{
    context::Context,
    query::{self, column},
    search::{self, EntityType},
};

/// The columns that every table of the ledger has.
#[derive(Clone, Copy, Debug)]
pub struct LedgerColumns<C> {
    /// Identifier.
    pub id: C,
    /// The activity.
    pub activity: C,
    /// Day in the books.
    pub booked_on: C,
    /// Amount.
    pub amount: C,
    /// The description of a cost, or the funder of a grant.
    pub text: C,
    /// The agreement.
    pub agreement: C,
    /// The booking that a row reverses.
    pub reverses: C,
}

/// A row of the ledger: a cost or a grant.
pub trait Booked: PartialRow + Clone + Send + Sync + 'static {
    /// Columns of its table.
    const COLUMNS: LedgerColumns<Column<Self>>;
    /// Returns the predicate that a row has this supplier.
    fn has_supplier(supplier: Supplier) -> SimpleExpr;
    /// Returns the predicate that a row has this funder.
    fn has_funder(funder: &str) -> SimpleExpr;
    /// Returns the predicate that a row has all words of a text, or its supplier has them, as far
    /// as the viewer can read the supplier.
    fn has_words(ctx: Context<'_>, text: &str) -> Condition;
    /// Returns the name and the key of the order by the supplier of a cost or the funder of a
    /// grant.
    fn by_party(backend: DbBackend) -> (&'static str, SimpleExpr);
    /// Selects from the rows with that key.
    fn rows_by_party(ctx: Context<'_>) -> SelectStatement;
    /// Returns the id of the row.
    fn booking_id(&self) -> Uuid;
    /// Returns the booking that the row reverses.
    fn reverses(&self) -> Option<Uuid>;
}

impl Booked for cost::Model {
    const COLUMNS: LedgerColumns<cost::Column> = LedgerColumns {
        id: cost::Column::Id,
        activity: cost::Column::ActivityId,
        booked_on: cost::Column::BookedOn,
        amount: cost::Column::Amount,
        text: cost::Column::Description,
        agreement: cost::Column::AgreementId,
        reverses: cost::Column::ReversesId,
    };

    fn has_supplier(supplier: Supplier) -> SimpleExpr {
        match supplier {
            Supplier::Member(id) => cost::Column::MemberId.eq(id),
            Supplier::Organisation(id) => cost::Column::OrganisationId.eq(id),
        }
    }

    fn has_funder(_: &str) -> SimpleExpr {
        query::nothing()
    }

    fn has_words(ctx: Context<'_>, text: &str) -> Condition {
        let id = column(cost::Column::Id);
        supplier_has_words(ctx, text).add(search::found(
            ctx.db.backend(),
            EntityType::Cost,
            id,
            text,
        ))
    }

    fn by_party(_: DbBackend) -> (&'static str, SimpleExpr) {
        ("SUPPLIER", supplier_key())
    }

    fn rows_by_party(ctx: Context<'_>) -> SelectStatement {
        costs_by_supplier(ctx)
    }

    fn booking_id(&self) -> Uuid {
        self.id.0
    }

    fn reverses(&self) -> Option<Uuid> {
        self.reverses_id.map(|id| id.0)
    }
}

impl Booked for grant::Model {
    const COLUMNS: LedgerColumns<grant::Column> = LedgerColumns {
        id: grant::Column::Id,
        activity: grant::Column::ActivityId,
        booked_on: grant::Column::BookedOn,
        amount: grant::Column::Amount,
        text: grant::Column::Funder,
        agreement: grant::Column::AgreementId,
        reverses: grant::Column::ReversesId,
    };

    fn has_supplier(_: Supplier) -> SimpleExpr {
        query::nothing()
    }

    fn has_funder(funder: &str) -> SimpleExpr {
        column(grant::Column::Funder).eq(funder)
    }

    fn has_words(ctx: Context<'_>, text: &str) -> Condition {
        let id = column(grant::Column::Id);
        Condition::all().add(search::found(ctx.db.backend(), EntityType::Grant, id, text))
    }

    fn by_party(backend: DbBackend) -> (&'static str, SimpleExpr) {
        ("FUNDER", funder_key(backend))
    }

    fn rows_by_party(_: Context<'_>) -> SelectStatement {
        Query::select().from(grant::Entity).take()
    }

    fn booking_id(&self) -> Uuid {
        self.id.0
    }

    fn reverses(&self) -> Option<Uuid> {
        self.reverses_id.map(|id| id.0)
    }
}

/// Returns the name of a funder as it is ordered: letters a to z in lower case, then å, ä and ö in
/// any case. Other letters with accents come last. The expression is the same as in the index.
fn funder_key(backend: DbBackend) -> SimpleExpr {
    let collation = if backend == DbBackend::Postgres { " COLLATE \"C\"" } else { "" };
    let lower = format!("LOWER(\"activity_grant\".\"funder\"{collation})");
    let letters = [("Å", "{"), ("å", "{"), ("Ä", "|"), ("ä", "|"), ("Ö", "}"), ("ö", "}")];
    Expr::cust(letters.iter().fold(lower, |key, (letter, follows_z)| {
        format!("REPLACE({key}, '{letter}', '{follows_z}')")
    }))
}
