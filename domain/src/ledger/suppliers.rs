//! Suppliers of costs as far as the viewer can read them: costs in order of their names, and a
//! search by their words.

use ::entity::{cost, member, organisation, partial::PartialRow};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityName, ExprTrait,
    sea_query::{Alias, Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use crate::{
    context::Context,
    members, organisations,
    query::{self, column},
    search::{self, EntityType},
};

/// Column with the name of the supplier, in the rows of [`costs_by_supplier`].
const KEY: &str = "supplier_key";

/// Returns the name of the supplier of a row of [`costs_by_supplier`], in Swedish order.
pub(super) fn supplier_key() -> SimpleExpr {
    Expr::col((cost::Entity, Alias::new(KEY)))
}

/// Selects from the costs with the names of their suppliers: those of members, of organisations,
/// and without a supplier that the viewer can read. Indexes return each part in order.
pub(super) fn costs_by_supplier(ctx: Context<'_>) -> SelectStatement {
    let (member, organisation) = (members_of(ctx), organisations_of(ctx));
    let is_named = member.visible.is_empty() && organisation.visible.is_empty();
    let mut others = Query::select()
        .from(cost::Entity)
        .cond_where(member.is_hidden())
        .cond_where(organisation.is_hidden())
        .take();
    add_costs(&mut others, no_name(ctx.db.backend(), is_named));
    let mut all = member.costs();
    all.union(UnionType::All, organisation.costs()).union(UnionType::All, others);
    Query::select().from_subquery(all, cost::Entity).take()
}

/// Returns the condition that a cost has a supplier that the viewer can read and that has the words
/// of a text.
pub(super) fn supplier_has_words(ctx: Context<'_>, text: &str) -> Condition {
    let backend = ctx.db.backend();
    Condition::any()
        .add(members_of(ctx).has_words(backend, text))
        .add(organisations_of(ctx).has_words(backend, text))
}

/// Returns an empty name of the type and collation of the others. `is_named` if all suppliers are
/// visible: the expression is then the same as in the index of the costs without a supplier.
fn no_name(backend: DbBackend, is_named: bool) -> SimpleExpr {
    Expr::cust(match (backend, is_named) {
        (DbBackend::Postgres, _) => "CAST('' AS text) COLLATE \"C\"",
        (_, true) => "CAST(COALESCE(\"cost\".\"member_id\", '') AS text)",
        (_, false) => "CAST('' AS text)",
    })
}

/// Adds all columns of the costs, and the name of the supplier.
fn add_costs(select: &mut SelectStatement, name_key: SimpleExpr) {
    query::add_columns(select, &cost::Model::every_column());
    select.expr_as(name_key, Alias::new(KEY));
}

/// A table of suppliers.
struct Suppliers<C> {
    /// Column of the costs with the id of the supplier.
    supplier: cost::Column,
    /// Column of the table with the id.
    id: C,
    /// Column of the table with the name in Swedish order.
    name_key: C,
    /// The rows that the viewer can read.
    visible: Condition,
    /// Their entity type.
    noun: EntityType,
}

fn members_of(ctx: Context<'_>) -> Suppliers<member::Column> {
    Suppliers {
        supplier: cost::Column::MemberId,
        id: member::Column::Id,
        name_key: member::Column::NameKey,
        visible: members::visible(ctx),
        noun: EntityType::Member,
    }
}

fn organisations_of(ctx: Context<'_>) -> Suppliers<organisation::Column> {
    Suppliers {
        supplier: cost::Column::OrganisationId,
        id: organisation::Column::Id,
        name_key: organisation::Column::NameKey,
        visible: organisations::visible(ctx),
        noun: EntityType::Organisation,
    }
}

impl<C: ColumnTrait> Suppliers<C> {
    /// Selects the costs of visible suppliers. SQLite reads the tables of a cross join in this
    /// order: the suppliers by name.
    fn costs(&self) -> SelectStatement {
        let mut costs = Query::select()
            .from(C::EntityName::default().table_ref())
            .cross_join(cost::Entity)
            .and_where(column(self.supplier).eq(column(self.id)))
            .cond_where(self.visible.clone())
            .take();
        add_costs(&mut costs, column(self.name_key));
        costs
    }

    /// Selects the ids of the visible suppliers.
    fn visible_ids(&self) -> SelectStatement {
        Query::select()
            .expr(column(self.id))
            .from(C::EntityName::default().table_ref())
            .cond_where(self.visible.clone())
            .take()
    }

    /// Returns the condition that a cost has no visible supplier of the table.
    fn is_hidden(&self) -> Condition {
        let is_hidden = Condition::any().add(column(self.supplier).is_null());
        if self.visible.is_empty() {
            return is_hidden;
        }
        is_hidden.add(column(self.supplier).not_in_subquery(self.visible_ids()))
    }

    /// Returns the condition that the supplier of a cost is visible and has the words of a text.
    fn has_words(&self, backend: DbBackend, text: &str) -> Condition {
        let found = search::found(backend, self.noun, column(self.supplier), text);
        let has_words = Condition::all().add(found);
        if self.visible.is_empty() {
            return has_words;
        }
        has_words.add(column(self.supplier).in_subquery(self.visible_ids()))
    }
}
