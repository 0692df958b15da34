//! VAT return (momsdeklaration) of a period, calculated from the vouchers and from the invoices;
//! both must agree.

use std::collections::BTreeMap;

use ::entity::{
    invoice, invoice_line,
    kind::{InvoiceKind, VatRate},
    total::Total,
};
use chrono::NaiveDate;
use documents::sie::Voucher;
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};

use crate::vouchers;
use crate::{
    auth::viewer::Permission,
    config::{Network, VatBox},
    context::Context,
    database::{Database, total},
    error::Result,
};

/// A box of the VAT return with its two sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxSums {
    /// The box.
    pub vat_box: VatBox,
    /// Sum of the vouchers on the accounts of the box, öre.
    pub of_vouchers: Total,
    /// Sum of the lines of invoices less credit notes, öre.
    pub of_documents: Total,
}

/// The VAT return of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VatReturn {
    /// Every box, in order.
    pub boxes: Vec<BoxSums>,
    /// Revenue accounts of lines without a box, with their sums, öre.
    pub without_box: Vec<(String, Total)>,
}

impl VatReturn {
    /// `true` if vouchers and invoices agree in every box.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.boxes.iter().all(|sums| sums.of_vouchers == sums.of_documents)
    }
}

/// Returns the sums of vouchers by box, with the signs of the return: sales and VAT are positive.
#[must_use]
pub fn of_vouchers(network: &Network, vouchers: &[Voucher]) -> BTreeMap<VatBox, Total> {
    let boxes = boxes(network);
    let mut sums = BTreeMap::new();
    for line in vouchers.iter().flat_map(|voucher| &voucher.transactions) {
        let Some(vat_box) =
            u16::try_from(line.account).ok().and_then(|account| boxes.get(&account))
        else {
            continue;
        };
        add(&mut sums, *vat_box, -line.amount);
    }
    sums
}

fn boxes(network: &Network) -> BTreeMap<u16, VatBox> {
    if network.vat_boxes.is_empty() {
        network.accounts.vat_boxes(&network.activities)
    } else {
        network.vat_boxes.clone()
    }
}

fn add(sums: &mut BTreeMap<VatBox, Total>, vat_box: VatBox, amount: impl Into<Total>) {
    *sums.entry(vat_box).or_insert(Total::ZERO) += amount.into();
}

/// Calculates the VAT return from `from` to `to`, both included.
///
/// # Errors
/// As [`vouchers::journal`].
pub async fn vat_return(
    ctx: Context<'_>,
    network: &Network,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<VatReturn> {
    ctx.require(Permission::ManageInvoices)?;
    let journal = vouchers::journal(ctx, network, from, to).await?;
    let booked = of_vouchers(network, &journal.vouchers);
    let boxes = boxes(network);
    let (mut invoiced, mut without_box) = (BTreeMap::new(), BTreeMap::new());
    for line in lines(ctx.db, from, to).await? {
        let vat_box = match line.vat_rate {
            VatRate::Standard25 => Some((VatBox::TaxedSales, Some(VatBox::Vat25))),
            VatRate::Reduced12 => Some((VatBox::TaxedSales, Some(VatBox::Vat12))),
            VatRate::Reduced6 => Some((VatBox::TaxedSales, Some(VatBox::Vat6))),
            // Untaxed lines have the box of their account: supplied to the EU, supplied abroad, or
            // exempt.
            VatRate::Zero | VatRate::Exempt | VatRate::OutsideScope => line
                .account
                .parse()
                .ok()
                .and_then(|account| boxes.get(&account))
                .map(|vat_box| (*vat_box, None)),
        };
        let Some((sales, vat)) = vat_box else {
            *without_box.entry(line.account).or_insert(Total::ZERO) += line.net;
            continue;
        };
        add(&mut invoiced, sales, line.net);
        if let Some(vat) = vat {
            add(&mut invoiced, vat, line.vat);
        }
    }
    let of = |sums: &BTreeMap<VatBox, Total>, vat_box| {
        sums.get(&vat_box).copied().unwrap_or(Total::ZERO)
    };
    let sums = |vat_box| BoxSums {
        vat_box,
        of_vouchers: of(&booked, vat_box),
        of_documents: of(&invoiced, vat_box),
    };
    Ok(VatReturn {
        boxes: VatBox::ALL.iter().copied().map(sums).collect(),
        without_box: without_box.into_iter().collect(),
    })
}

/// Lines of a VAT treatment on an account, net of credit notes.
struct Lines {
    vat_rate: VatRate,
    account: String,
    net: Total,
    vat: Total,
}

async fn lines(db: &Database, from: NaiveDate, to: NaiveDate) -> Result<Vec<Lines>> {
    use invoice::Column as C;
    use invoice_line::Column as L;
    let of = |column: L| Expr::col((invoice_line::Entity, column));
    let sum = |column: L| {
        let signed =
            Expr::case(C::Kind.eq(InvoiceKind::CreditNote), Expr::cust("0").sub(of(column)))
                .finally(of(column));
        total(db.backend(), signed.into())
    };
    let select = Query::select()
        .exprs([of(L::VatRate), of(L::Account)])
        .expr(sum(L::Net))
        .expr(sum(L::Vat))
        .from(invoice_line::Entity)
        .inner_join(invoice::Entity, of(L::InvoiceId).equals((invoice::Entity, C::Id)))
        .and_where(Expr::col((invoice::Entity, C::IssuedOn)).between(from, to))
        .add_group_by([of(L::VatRate), of(L::Account)])
        .take();
    let read = |row: &sea_orm::QueryResult| {
        Ok(Lines {
            vat_rate: row.try_get_by_index(0)?,
            account: row.try_get_by_index(1)?,
            net: row.try_get_by_index(2)?,
            vat: row.try_get_by_index(3)?,
        })
    };
    db.read().query_all(&select).await?.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use ::entity::money::Money;

    use super::*;
    use documents::sie::Transaction;

    #[test]
    fn vouchers_are_added_up_by_the_box_of_their_account() {
        let booked =
            |account, amount| Transaction { account, project: None, amount: Money(amount) };
        let vouchers = [Voucher {
            series: "F",
            number: None,
            date: NaiveDate::default(),
            text: String::new(),
            transactions: vec![
                booked(1510, 12_500),
                booked(3041, -10_000),
                booked(2611, -2_500),
                booked(3740, 0),
            ],
        }];
        let sums = of_vouchers(&Network::default(), &vouchers);
        assert_eq!(
            sums,
            BTreeMap::from([(VatBox::TaxedSales, Total(10_000)), (VatBox::Vat25, Total(2_500))])
        );
        let boxes = BTreeMap::from([(3041, VatBox::OtherSales)]);
        let sums = of_vouchers(&Network { vat_boxes: boxes, ..Network::default() }, &vouchers);
        assert_eq!(sums, BTreeMap::from([(VatBox::OtherSales, Total(10_000))]));
    }
}
