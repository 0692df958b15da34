//! fee_charges.csv: the invoice lines that charge a year's fee, as invoice runs recorded them, so
//! that another register does not invoice the fee again.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    fee_charge::{Column, Entity, Model},
    id::{AgreementId, InvoiceId, InvoiceLineId, MemberId},
    invoice, invoice_line,
    kind::{ChargeKind, InvoiceKind},
};
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Query},
};

use super::super::{
    File,
    bulk_insert::Batch,
    export::session::Sheet,
    import::session::Import,
    key_resolution,
    row::{Cells, Line},
};
use crate::{
    audit::forms::FeeCharge,
    database::{among, rows},
    error::Result,
    fees::amounts::YEARS,
};

/// A row of fee_charges.csv.
struct Draft {
    invoice: String,
    /// Position of the line, from 1.
    line: i32,
    kind: ChargeKind,
    year: i32,
    round: i32,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    Some(Draft {
        invoice: cells.key("invoice"),
        line: cells.integer("line", 1, 100_000),
        kind: cells.value("kind"),
        year: cells.integer("year", *YEARS.start(), *YEARS.end()),
        round: cells.integer("round", 1, 10_000),
    })
}

/// A fee with its year and the number of times that it has been invoiced; unique among lines.
type Round = (ChargeKind, Option<AgreementId>, Option<MemberId>, i32, i32);

fn round_of(row: &Model) -> Round {
    (row.kind, row.agreement_id, row.member_id, row.year, row.round)
}

/// Imports fee_charges.csv. A charge is identified by its invoice and line, and never changes.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::FeeCharges)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        let name = |draft: &Draft| format!("{} {}", draft.invoice, draft.line);
        import.check_names(File::FeeCharges, &mut lines, "", name).await?;
        Box::pin(merge(import, lines)).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let wanted =
        key_resolution::present(lines.iter().map(|line| Some(line.draft.invoice.as_str())));
    let invoices = key_resolution::references::<invoice::Model, InvoiceId>(
        import,
        "invoice",
        File::Invoices,
        wanted.clone(),
    )
    .await?;
    let ids: BTreeSet<InvoiceId> = wanted.iter().filter_map(|key| invoices.get(key)).collect();
    let documents =
        key_resolution::by_ids::<invoice::Model>(import.tx(), ids.iter().map(|id| id.0).collect())
            .await?;
    let charged = lines_of(import.tx(), ids).await?;
    let existing: HashMap<InvoiceLineId, Model> =
        of_lines(import.tx(), charged.values().map(|line| line.id).collect())
            .await?
            .into_iter()
            .map(|row| (row.line_id, row))
            .collect();
    let mut taken = rounds(import.tx(), charged.values(), documents.values()).await?;
    let mut batch = Batch::default();
    for mut line in lines {
        let key = line.draft.invoice.clone();
        let document =
            invoices.find(&mut line, "invoice", Some(&key)).and_then(|id| documents.get(&id.0));
        let own = document.and_then(|document| charged.get(&(document.id, line.draft.line)));
        let row = document.and_then(|document| build(&mut line, document, own));
        let before = row.as_ref().and_then(|row| existing.get(&row.line_id));
        match (&row, before) {
            (Some(row), Some(before)) if row != before => {
                line.error("", "differs from the fee that the line invoices, which never changes")
            }
            (Some(row), None) if !taken.insert(round_of(row)) => {
                line.error("round", "is that of another line of the same fee")
            }
            _ => {}
        }
        let (Some(_), Some(row), Some(document)) =
            (import.accept(File::FeeCharges, |_| String::new(), line), row, document)
        else {
            continue;
        };
        let recorded = |row: &Model| FeeCharge { row: row.clone(), invoice_id: document.id };
        import.put_as(File::FeeCharges, before, row, recorded, &mut batch)?;
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

/// Builds the row of a charge. Returns `None`, with errors, if the line can't charge the fee.
fn build(
    line: &mut Line<Draft>,
    document: &invoice::Model,
    own: Option<&invoice_line::Model>,
) -> Option<Model> {
    if document.kind != InvoiceKind::Invoice || document.issued_on.is_none() {
        line.error("invoice", "must be an issued invoice");
        return None;
    }
    let Some(own) = own else {
        line.error("line", "is not a line of the invoice");
        return None;
    };
    let Draft { kind, year, round, .. } = line.draft;
    let is_special = kind == ChargeKind::SpecialFee;
    let (agreement_id, member_id) =
        if is_special { (own.agreement_id, None) } else { (None, document.member_id) };
    if agreement_id.is_none() && member_id.is_none() {
        let whose = if is_special {
            "line's agreement, which it does not name"
        } else {
            "buyer's, which is no member"
        };
        line.error("kind", format!("is a fee of the {whose}"));
        return None;
    }
    Some(Model { line_id: own.id, kind, year, round, agreement_id, member_id })
}

/// Loads the lines of these invoices, by invoice and position.
async fn lines_of(
    tx: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<HashMap<(InvoiceId, i32), invoice_line::Model>> {
    use invoice_line::Column as C;
    let columns = [C::Id, C::InvoiceId, C::Position, C::AgreementId];
    let theirs = among(tx.get_database_backend(), Expr::col(C::InvoiceId), invoices);
    let select =
        Query::select().columns(columns).from(invoice_line::Entity).and_where(theirs).take();
    let found: Vec<invoice_line::Model> = rows(tx, &select, &columns).await?;
    Ok(found.into_iter().map(|line| ((line.invoice_id, line.position), line)).collect())
}

async fn of_lines(tx: &impl ConnectionTrait, lines: BTreeSet<InvoiceLineId>) -> Result<Vec<Model>> {
    let theirs = among(tx.get_database_backend(), Expr::col(Column::LineId), lines);
    Ok(Entity::find().filter(theirs).all(tx).await?)
}

/// Loads the stored rounds of the fees that these lines may charge.
async fn rounds<'a>(
    tx: &impl ConnectionTrait,
    lines: impl Iterator<Item = &'a invoice_line::Model>,
    documents: impl Iterator<Item = &'a invoice::Model>,
) -> Result<HashSet<Round>> {
    let backend = tx.get_database_backend();
    let agreements: BTreeSet<AgreementId> = lines.filter_map(|line| line.agreement_id).collect();
    let members: BTreeSet<MemberId> = documents.filter_map(|row| row.member_id).collect();
    let theirs = Condition::any()
        .add(among(backend, Expr::col(Column::AgreementId), agreements))
        .add(among(backend, Expr::col(Column::MemberId), members));
    let found = Entity::find().filter(theirs).all(tx).await?;
    Ok(found.iter().map(round_of).collect())
}

/// Loads the charges of these lines, by line.
pub(super) async fn by_line<'a>(
    tx: &impl ConnectionTrait,
    lines: impl Iterator<Item = &'a invoice_line::Model>,
) -> Result<HashMap<InvoiceLineId, Model>> {
    let found = of_lines(tx, lines.map(|line| line.id).collect()).await?;
    Ok(found.into_iter().map(|row| (row.line_id, row)).collect())
}

/// Writes the charge of a line, if a run recorded one.
pub(super) fn write(
    sheet: &mut Sheet,
    invoice: &str,
    line: &invoice_line::Model,
    charges: &HashMap<InvoiceLineId, Model>,
) -> Result<()> {
    let Some(row) = charges.get(&line.id) else { return Ok(()) };
    sheet.write([
        invoice.to_owned(),
        line.position.to_string(),
        row.kind.to_string(),
        row.year.to_string(),
        row.round.to_string(),
    ])
}
