//! The unpaid part of an activity's lines on the invoices of a range.

use ::entity::{attribution, invoice, invoice_line, kind::InvoiceKind};
use sea_orm::{
    DbBackend, ExprTrait, JoinType,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::{grouping::Range, report_filter::Scope};
use crate::database::total;

/// Statements whose sums differ by the credit notes.
pub(super) struct Statements {
    /// Gross amounts of the lines minus payments.
    pub(super) left: SelectStatement,
    /// Gross amounts of the credit notes, to be subtracted.
    pub(super) credited: SelectStatement,
}

fn line(column: invoice_line::Column) -> SimpleExpr {
    Expr::col((invoice_line::Entity, column))
}

/// The activity of a line, as an expression instead of the column, so that the planner does not use
/// its index.
pub(super) fn activity_of_line() -> SimpleExpr {
    Expr::cust("COALESCE(\"invoice_line\".\"activity_id\", NULL)")
}

/// Returns the statements for the lines in a scope on the invoices issued in a range. Their columns
/// are the activity, `groups` and the sum.
pub(super) fn statements(
    backend: DbBackend,
    scope: &Scope,
    range: Range,
    groups: &[SimpleExpr],
) -> Statements {
    let column = |column: invoice::Column| Expr::col((invoice::Entity, column));
    let ids = || {
        Query::select().column((invoice::Entity, invoice::Column::Id)).from(invoice::Entity).take()
    };
    // A settled invoice has no unpaid part, even if an imported credit note credits more than its
    // lines have.
    let unsettled = ids().and_where(column(invoice::Column::SettledOn).is_null()).take();
    let open = ids()
        .and_where(column(invoice::Column::Kind).eq(InvoiceKind::Invoice))
        .and_where(column(invoice::Column::IssuedOn).between(range.from, range.to))
        .and_where(column(invoice::Column::Id).in_subquery(unsettled))
        .take();
    let gross = line(invoice_line::Column::Net).add(line(invoice_line::Column::Vat));
    let attributed = |column: attribution::Column| Expr::col((attribution::Entity, column));
    let paid = Query::select()
        .expr(Expr::cust("COALESCE(SUM(\"attribution\".\"net\" + \"attribution\".\"vat\"), 0)"))
        .from(attribution::Entity)
        .and_where(
            attributed(attribution::Column::InvoiceId).eq(line(invoice_line::Column::InvoiceId)),
        )
        .and_where(
            attributed(attribution::Column::Position).eq(line(invoice_line::Column::Position)),
        )
        .take();
    let left = lines(backend, scope, groups)
        .expr(total(backend, gross.clone().sub(SimpleExpr::from(paid))))
        .and_where(column(invoice::Column::Id).in_subquery(open.clone()))
        .take();
    // A credit note has the same buyer as its invoice, so the scope applies to both.
    let credited = lines(backend, scope, groups)
        .expr(total(backend, gross))
        .and_where(column(invoice::Column::IssuedOn).is_not_null())
        .and_where(column(invoice::Column::CreditsId).in_subquery(open))
        .take();
    Statements { left, credited }
}

/// Selects the lines in a scope with their invoices or credit notes, grouped by activity and by
/// `groups`, which are the first columns. The scope names activities, so every line has one.
fn lines(backend: DbBackend, scope: &Scope, groups: &[SimpleExpr]) -> SelectStatement {
    let of_invoice =
        line(invoice_line::Column::InvoiceId).equals((invoice::Entity, invoice::Column::Id));
    Query::select()
        .expr(activity_of_line())
        .exprs(groups.iter().cloned())
        .from(invoice::Entity)
        .join(JoinType::InnerJoin, invoice_line::Entity, of_invoice)
        .cond_where(scope.of_lines(backend))
        .add_group_by(std::iter::once(activity_of_line()).chain(groups.iter().cloned()))
        .take()
}
