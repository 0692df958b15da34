//! Interest invoices (ränteräkningar): late interest of an invoice, claimed by an invoice of its own.
//!
//! Interest is no payment for goods or services, so that the invoice is outside the scope of VAT. What was claimed before is known by the lines
//! that name the late invoice.

use ::entity::{
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::{InvoiceKind, VatRate},
    money::{Money, Quantity},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{
    claim_terms::interest_from,
    documents, drafting,
    interest::Interest,
    issuing::{self, Press},
    late,
    whole::Whole,
};
use crate::{
    audit,
    auth::viewer::{Deed, Viewer},
    clock::day_of,
    config::Network,
    database::Database,
    error::{Error, Faults, Result},
    idempotency::Outcome,
};

/// Beginning of an interest invoice's line, before the number of the late invoice and a comma.
const WORDS: &str = "Dröjsmålsränta på faktura";

/// Issues an invoice of the late interest of an invoice up to and including a day; null: the day on which it was settled, or today. Interest that was
/// invoiced before, and not credited, is not claimed again. `errors` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, NOT_FOUND, INVALID naming every bad field and all that an invoice needs and the register lacks,
/// CONFLICT `DRAFT`, `CREDIT_NOTE`, `NOT_LATE`, `NO_INTEREST` or `RATE_UNKNOWN`, and as [`issuing::issue`].
pub async fn issue(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    id: InvoiceId,
    until: Option<NaiveDate>,
    mut errors: Faults,
) -> Result<InvoiceId> {
    viewer.require(Deed::KeepInvoices)?;
    let mut change = audit::begin(db, viewer, "interestInvoiceIssue").await?;
    let today = day_of(change.at());
    errors.expect(until.is_none_or(|until| until <= today), "input.until", "must not be after today");
    let issued_on = issuing::day_of_issue(change.tx(), InvoiceKind::Invoice, None, today, &mut errors).await?;
    let original = match drafting::find(change.tx(), id).await {
        // The id itself was bad: all that is wrong with the input is returned together.
        Err(Error::NotFound(_)) if !errors.is_empty() => return errors.finish().map(|()| id),
        found => found?,
    };
    std::mem::take(&mut errors).finish()?;
    if !original.lines.is_empty() && original.lines.iter().all(|line| line.description.starts_with(WORDS)) {
        let message = format!("{} is of interest, which bears none itself", original.name());
        return Err(Error::conflict("NO_INTEREST", message));
    }
    let until = until.unwrap_or_else(|| original.row.settled_on.map_or(today, |settled_on| settled_on.min(today)));
    let (from, interest) = interest_until(db, network, &original, until).await?;
    let claimed = claimed(change.tx(), &original).await?;
    let sum = interest - claimed;
    if sum <= Money::ZERO {
        let message = format!("{} has {interest} of interest until {until}, of which {claimed} is invoiced already", original.name());
        return Err(Error::conflict("NO_INTEREST", message));
    }
    let mut whole = draft(network, &original, (from, until), sum);
    whole.row.due_on = Some(issuing::due_on(issued_on, network.invoicing.due_days));
    drafting::check(network, "invoice", &mut whole, &mut errors);
    errors.finish()?;
    let mut press = Press::load(&change, network, InvoiceKind::Invoice, issued_on, std::slice::from_ref(&whole)).await?;
    let issued = press.issue(whole)?;
    let new = issued.whole.row.id;
    issuing::write_new(&mut change, vec![issued], Vec::new()).await?;
    change.commit_with(Outcome::of(new).with(id)).await?;
    Ok(new)
}

/// The first day that bears interest, and the interest up to and including a day.
async fn interest_until(db: &Database, network: &Network, original: &Whole, until: NaiveDate) -> Result<(NaiveDate, Money)> {
    if original.row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict("CREDIT_NOTE", format!("{} is nothing that anybody pays", original.name())));
    }
    if original.row.issued_on.is_none() {
        return Err(Error::conflict("DRAFT", "a draft is nothing that anybody owes"));
    }
    let not_late = || Error::conflict("NOT_LATE", format!("{} was not late by {until}", original.name()));
    let row = std::slice::from_ref(&original.row);
    let figures = late::interest_of(db, row, until, network.invoicing.interest_points).await?.remove(&original.row.id);
    let interest = match figures.ok_or_else(not_late)?.interest {
        Interest::Is(sum) => sum,
        Interest::NeedsRateOf(day) => {
            let message = format!("the reference rate from {day} is not known; set it with referenceRateSet");
            return Err(Error::conflict("RATE_UNKNOWN", message));
        }
    };
    let is_agreed = documents::interest_terms(db, &[original.row.id]).await?.get(&original.row.id).is_some_and(|terms| terms.is_agreed);
    let from = interest_from(&original.row, is_agreed).and_then(|day| day.succ_opt()).ok_or_else(not_late)?;
    Ok((from.min(until), interest))
}

fn words(original: &Whole) -> String {
    format!("{WORDS} {},", original.row.number.as_deref().unwrap_or_default())
}

/// The interest of an invoice that stands on issued invoices, less what was credited of it.
async fn claimed(tx: &impl ConnectionTrait, original: &Whole) -> Result<Money> {
    use invoice_line::Column as C;
    let words = words(original);
    let lines = invoice_line::Entity::find().filter(C::Description.starts_with(&words)).filter(C::ActivityId.is_null()).all(tx).await?;
    let ids = lines.iter().map(|line| line.invoice_id);
    let invoices = invoice::Entity::find().filter(invoice::Column::Id.is_in(ids)).all(tx).await?;
    let mut sum = Money::ZERO;
    for line in lines.iter().filter(|line| line.description.starts_with(&words)) {
        let Some(own) = invoices.iter().find(|own| own.id == line.invoice_id && own.issued_on.is_some()) else { continue };
        if (own.member_id, own.organisation_id) != (original.row.member_id, original.row.organisation_id) {
            continue;
        }
        sum = if own.kind == InvoiceKind::CreditNote { sum - line.net } else { sum + line.net };
    }
    Ok(sum)
}

fn draft(network: &Network, original: &Whole, (from, until): (NaiveDate, NaiveDate), sum: Money) -> Whole {
    let id = InvoiceId::new();
    let days = until.num_days_from_ce() - from.num_days_from_ce() + 1;
    let line = invoice_line::Model {
        id: InvoiceLineId::new(),
        invoice_id: id,
        position: 1,
        description: format!("{} {days} {}", words(original), if days == 1 { "dag" } else { "dagar" }),
        period_from: Some(from),
        period_to: Some(until),
        quantity: Quantity(1000),
        unit_price: sum,
        vat_rate: VatRate::OutsideScope,
        account: network.accounts.interest.to_string(),
        ..invoice_line::Model::default()
    };
    let row = invoice::Model {
        id,
        member_id: original.row.member_id,
        organisation_id: original.row.organisation_id,
        reason: Some("Ränteräkning: ränta är inte ersättning för en vara eller tjänst, och ingen moms tas ut.".to_owned()),
        ..invoice::Model::default()
    };
    Whole { row, lines: vec![line], ..Whole::default() }
}
