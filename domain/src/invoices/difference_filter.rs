//! SQL predicates for the differences of invoices; must agree with `differences::of_row`.

use sea_orm::{Condition, sea_query::Expr};

use super::differences::{Difference, KRONA};

/// SQL expression of the overpaid sum.
const OVERPAID: &str = "(\"invoice\".\"paid\" + \"invoice\".\"credited\" + \"invoice\".\"written_off\" - \"invoice\".\"total\")";
/// SQL of the payments that count: neither reversals nor reversed.
const COUNTED: &str = "FROM payment p WHERE p.invoice_id = \"invoice\".\"id\" AND p.reverses_id IS NULL \
     AND NOT EXISTS (SELECT 1 FROM payment r WHERE r.reverses_id = p.id)";

/// SQL predicate for invoices with one of these differences.
#[must_use]
pub fn has_difference(differences: &[Difference]) -> Condition {
    differences.iter().fold(Condition::any(), |any, difference| any.add(is(*difference)))
}

/// SQL predicate for invoices that are overpaid, or for those that are not.
#[must_use]
pub fn is_overpaid(overpaid: bool) -> Condition {
    let is = Condition::all()
        .add(Expr::cust(
            "\"invoice\".\"kind\" = 'INVOICE' AND \"invoice\".\"issued_on\" IS NOT NULL",
        ))
        .add(Expr::cust("\"invoice\".\"paid\" + \"invoice\".\"credited\" <> \"invoice\".\"total\""))
        .add(Expr::cust(format!("{OVERPAID} > 0")));
    if overpaid { is } else { is.not() }
}

fn is(difference: Difference) -> Condition {
    let krona = KRONA.0;
    let twice = format!("(SELECT COUNT(*) {COUNTED} AND p.amount = {OVERPAID}) > 1");
    let double = "\"invoice\".\"paid\" >= 2 * \"invoice\".\"total\"";
    let own = match difference {
        Difference::OreOnly => {
            format!("{OVERPAID} <> 0 AND {OVERPAID} > -{krona} AND {OVERPAID} < {krona}")
        }
        Difference::PaidTwice => format!("{OVERPAID} >= {krona} AND {twice}"),
        Difference::PaidDoubleOrMore => {
            format!("{OVERPAID} >= {krona} AND {double} AND NOT {twice}")
        }
        Difference::Overpaid => format!("{OVERPAID} >= {krona} AND NOT {double} AND NOT {twice}"),
    };
    Condition::all()
        .add(Expr::cust(
            "\"invoice\".\"kind\" = 'INVOICE' AND \"invoice\".\"issued_on\" IS NOT NULL",
        ))
        // The same expression as in the partial index, so that the index is used.
        .add(Expr::cust("\"invoice\".\"paid\" + \"invoice\".\"credited\" <> \"invoice\".\"total\""))
        .add(Expr::cust(format!("EXISTS (SELECT 1 {COUNTED}) AND {own}")))
}
