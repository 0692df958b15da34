//! Loading of the invoices and payments that the matching of bank payments needs.

use std::collections::BTreeSet;

use ::entity::{
    bank_payment_part,
    id::{InvoiceId, PaymentId},
    invoice,
    kind::InvoiceKind,
    member, organisation,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Func, Query},
};

use super::{
    candidates::{Candidates, CreditNote, deducted},
    incoming::Incoming,
    manual_payments::ManualPayments,
    payer_references::{numbers, ocrs},
};
use crate::{
    audit::Change,
    database::{among, among_words},
    error::Result,
    invoices::posting::Booking,
};

/// Loads the invoices and credit notes that the payments refer to, with a constant number of
/// statements.
pub(super) async fn candidates(change: &Change, incoming: &[&Incoming]) -> Result<Candidates> {
    let texts = |incoming: &Incoming| -> Vec<String> {
        incoming
            .references
            .iter()
            .map(|reference| reference.text.clone())
            .chain(incoming.message.clone())
            .collect()
    };
    let texts: Vec<String> = incoming.iter().flat_map(|incoming| texts(incoming)).collect();
    let ocrs: BTreeSet<String> = texts.iter().flat_map(|text| ocrs(text)).collect();
    let words: BTreeSet<&str> = texts.iter().flat_map(|text| numbers(text)).collect();
    let (tx, mut candidates) = (change.tx(), Candidates::default());
    let backend = tx.get_database_backend();
    let issued = |kind: InvoiceKind| {
        Query::select()
            .from(invoice::Entity)
            .and_where(invoice::Column::Kind.eq(kind))
            .and_where(invoice::Column::IssuedOn.is_not_null())
            .take()
    };
    // The same expression as in the index.
    let digits = || {
        Expr::expr(Func::cust("LTRIM").arg(Expr::col(invoice::Column::Ocr)).arg(Expr::cust("'0'")))
    };
    let by_ocr = issued(InvoiceKind::Invoice)
        .columns([invoice::Column::Id])
        .expr(digits())
        .and_where(among_words(backend, digits(), &ocrs))
        .take();
    for row in tx.query_all(&by_ocr).await? {
        candidates
            .by_ocr
            .entry(row.try_get_by_index(1)?)
            .or_default()
            .push(row.try_get_by_index(0)?);
    }
    let number = || Expr::col(invoice::Column::Number);
    let columns = [invoice::Column::Id, invoice::Column::Number];
    let by_number = issued(InvoiceKind::Invoice)
        .columns(columns)
        .and_where(among_words(backend, number(), &words))
        .take();
    for row in tx.query_all(&by_number).await? {
        candidates.by_number.insert(row.try_get_by_index(1)?, row.try_get_by_index(0)?);
    }
    let deducted: BTreeSet<&str> =
        incoming.iter().flat_map(|incoming| deducted(incoming)).map(|(note, _)| note).collect();
    if !deducted.is_empty() {
        let columns = [invoice::Column::Number, invoice::Column::CreditsId, invoice::Column::Total];
        let notes = issued(InvoiceKind::CreditNote)
            .columns(columns)
            .and_where(invoice::Column::CreditsId.is_not_null())
            .and_where(among_words(backend, number(), &deducted))
            .take();
        for row in tx.query_all(&notes).await? {
            let number: String = row.try_get_by_index(0)?;
            let note = CreditNote {
                number: number.clone(),
                credits: row.try_get_by_index(1)?,
                total: row.try_get_by_index(2)?,
            };
            candidates.credit_notes.insert(number, note);
        }
    }
    if incoming.iter().any(|incoming| incoming.payer_org_number.is_some()) {
        load_org_numbers(change, &mut candidates).await?;
    }
    Ok(candidates)
}

/// Loads the organisation numbers of the buyers of the invoices that are named by their numbers.
async fn load_org_numbers(change: &Change, candidates: &mut Candidates) -> Result<()> {
    let tx = change.tx();
    let own = || {
        among(
            tx.get_database_backend(),
            Expr::col((invoice::Entity, invoice::Column::Id)),
            candidates.by_number.values().copied(),
        )
    };
    let of_member = Query::select()
        .column((invoice::Entity, invoice::Column::Id))
        .column((member::Entity, member::Column::OrgNumber))
        .from(invoice::Entity)
        .inner_join(
            member::Entity,
            Expr::col((member::Entity, member::Column::Id))
                .equals((invoice::Entity, invoice::Column::MemberId)),
        )
        .and_where(own())
        .take();
    let joined = Expr::col((organisation::Entity, organisation::Column::Id))
        .equals((invoice::Entity, invoice::Column::OrganisationId));
    let of_other = Query::select()
        .column((invoice::Entity, invoice::Column::Id))
        .column((organisation::Entity, organisation::Column::OrgNumber))
        .from(invoice::Entity)
        .inner_join(organisation::Entity, joined)
        .and_where(own())
        .take();
    for select in [of_member, of_other] {
        for row in tx.query_all(&select).await? {
            if let Some(number) = row.try_get_by_index::<Option<String>>(1)? {
                candidates.org_numbers.insert(row.try_get_by_index(0)?, number);
            }
        }
    }
    Ok(())
}

/// Loads the payments of these invoices that came from a bank file, by one statement.
pub(in crate::payments) async fn manual_payments(
    change: &Change,
    booking: &Booking,
    invoices: impl IntoIterator<Item = InvoiceId>,
) -> Result<ManualPayments> {
    let aggregates = invoices.into_iter().filter_map(|invoice| booking.invoice(invoice));
    let payments: Vec<PaymentId> =
        aggregates.flat_map(|aggregate| &aggregate.payments).map(|payment| payment.id).collect();
    if payments.is_empty() {
        return Ok(ManualPayments::default());
    }
    let tx = change.tx();
    let select = Query::select()
        .column(bank_payment_part::Column::PaymentId)
        .from(bank_payment_part::Entity)
        .and_where(among(
            tx.get_database_backend(),
            Expr::col(bank_payment_part::Column::PaymentId),
            payments,
        ))
        .take();
    let rows = tx.query_all(&select).await?;
    let of_bank = rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect::<Result<_>>()?;
    Ok(ManualPayments::new(of_bank))
}
