//! Which fees of which years have been invoiced, so that none is invoiced twice.

use std::collections::{BTreeSet, HashSet};

use ::entity::{
    fee_charge::{Column, Entity, Model},
    id::{AgreementId, InvoiceLineId, MemberId},
    invoice_line,
    kind::{ChargeKind, InvoiceKind},
    money::Money,
};
use chrono::Datelike;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::whole::Whole;
use crate::{
    audit::Change,
    database::{Database, among},
    error::Result,
};

/// The fee of a year that a line of an issued invoice is of, as its facts tell: the special fee of the agreement that it names, or, when it
/// names neither agreement nor activity, the member's fee that its text names. Its period must lie in the year. Null for all else: a line
/// without a period, a deduction, a credit.
#[must_use]
fn of_line(whole: &Whole, line: &invoice_line::Model) -> Option<Model> {
    let (from, to) = line.period_from.zip(line.period_to)?;
    if whole.row.kind != InvoiceKind::Invoice || from.year() != to.year() || line.net <= Money::ZERO {
        return None;
    }
    let charge = |kind, agreement_id, member_id| Some(Model { line_id: line.id, kind, year: from.year(), agreement_id, member_id });
    if let Some(agreement) = line.agreement_id {
        return charge(ChargeKind::SpecialFee, Some(agreement), None);
    }
    let member = whole.row.member_id.filter(|_| line.activity_id.is_none())?;
    let text = line.description.to_lowercase();
    let kind = [("serviceavgift", ChargeKind::ServiceFee), ("medlemsavgift", ChargeKind::MembershipFee)];
    let kind = kind.into_iter().find(|(word, _)| text.contains(word))?.1;
    charge(kind, None, Some(member))
}

/// The fees that an issued invoice is of.
pub fn of_invoice(whole: &Whole) -> impl Iterator<Item = Model> {
    whole.lines.iter().filter_map(|line| of_line(whole, line))
}

/// What can be charged once a year.
type Key = (ChargeKind, i32, Uuid);

fn key(charge: &Model) -> Key {
    (charge.kind, charge.year, charge.agreement_id.map_or_else(|| charge.member_id.unwrap_or_default().0, |id| id.0))
}

/// Notes these fees of issued lines, but for those that have been invoiced before: somebody may want a second invoice
/// of the same fee, as to correct it upwards.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn note(change: &Change, mut charges: Vec<Model>) -> Result<()> {
    if charges.is_empty() {
        return Ok(());
    }
    let (tx, backend) = (change.tx(), change.tx().get_database_backend());
    let agreements = charges.iter().filter_map(|charge| charge.agreement_id).collect::<BTreeSet<AgreementId>>();
    let members = charges.iter().filter_map(|charge| charge.member_id).collect::<BTreeSet<MemberId>>();
    let mut known: HashSet<Key> = HashSet::new();
    if !agreements.is_empty() {
        let theirs = among(backend, Expr::col(Column::AgreementId), agreements);
        known.extend(Entity::find().filter(theirs).all(tx).await?.iter().map(key));
    }
    if !members.is_empty() {
        let theirs = among(backend, Expr::col(Column::MemberId), members);
        known.extend(Entity::find().filter(theirs).all(tx).await?.iter().map(key));
    }
    charges.retain(|charge| known.insert(key(charge)));
    write(change, charges).await
}

/// Writes charges; the database refuses one that is there.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn write(change: &Change, charges: Vec<Model>) -> Result<()> {
    for block in charges.chunks(500) {
        Entity::insert_many(block.iter().cloned().map(IntoActiveModel::into_active_model)).exec_without_returning(change.tx()).await?;
    }
    Ok(())
}

/// The agreements, or for other fees the members, whose fee of this kind and year has been invoiced.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn charged(db: &Database, kind: ChargeKind, year: i32) -> Result<HashSet<Uuid>> {
    let columns = [Column::AgreementId, Column::MemberId];
    let select = Query::select().columns(columns).from(Entity).and_where(Column::Kind.eq(kind)).and_where(Column::Year.eq(year)).take();
    let found = db.read().query_all(&select).await?;
    let read = |row: &sea_orm::QueryResult| -> Result<Uuid> {
        let (agreement, member): (Option<AgreementId>, Option<MemberId>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok(agreement.map(|id| id.0).or(member.map(|id| id.0)).unwrap_or_default())
    };
    found.iter().map(read).collect()
}

/// The fee that a run invoices with a line.
#[must_use]
pub(super) fn of_run(kind: ChargeKind, year: i32, line: InvoiceLineId, whose: Uuid) -> Model {
    let (agreement_id, member_id) =
        if kind == ChargeKind::SpecialFee { (Some(AgreementId(whose)), None) } else { (None, Some(MemberId(whose))) };
    Model { line_id: line, kind, year, agreement_id, member_id }
}
