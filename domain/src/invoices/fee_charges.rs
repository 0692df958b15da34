//! Charges of yearly fees: records what has been invoiced, so that each fee is invoiced once.
//!
//! A fee that a run invoices has a row of its own, with a unique key in the database. Imported and
//! manual invoices are recognized by their lines, with a period in the year: lines that name the
//! agreement, or for members' fees lines without agreement and activity whose text has the word of
//! the fee.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    agreement,
    date_range::DateRange,
    fee_charge::{Column, Entity, Model},
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId, MemberId},
    invoice, invoice_line,
    kind::{ChargeKind, InvoiceKind},
    member,
    money::Money,
};
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Alias, Expr, Func, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{
    aggregate::InvoiceAggregate,
    charge_status::Invoiced,
    fee_lines::{charged_sums, word},
};
use crate::{
    audit::{Change, forms::FeeCharge},
    auth::viewer::Viewer,
    context::Context,
    database::{among, rows, sum, total},
    error::Result,
    fees::{self, amounts},
    members,
};

/// Payers and kind of the fees that are looked up.
#[derive(Clone, Debug)]
pub(super) enum FeeSelection {
    /// The special fees of an activity's agreements.
    Activity(ActivityId),
    /// The special fees of these agreements.
    Agreements(BTreeSet<AgreementId>),
    /// The service or membership fee of these members; null: of all members.
    Members(ChargeKind, Option<BTreeSet<MemberId>>),
}

impl FeeSelection {
    fn kind(&self) -> ChargeKind {
        match self {
            Self::Activity(_) | Self::Agreements(_) => ChargeKind::SpecialFee,
            Self::Members(kind, _) => *kind,
        }
    }
}

fn line(column: invoice_line::Column) -> SimpleExpr {
    Expr::col((invoice_line::Entity, column))
}

fn document(column: invoice::Column) -> SimpleExpr {
    Expr::col((invoice::Entity, column))
}

/// Returns the sums of these fees of a year on issued documents, by agreement or member. Two
/// statements.
pub(super) async fn invoiced(
    db: &impl ConnectionTrait,
    selection: &FeeSelection,
    year: i32,
) -> Result<HashMap<Uuid, Invoiced>> {
    let Some(days) = amounts::year(year) else { return Ok(HashMap::new()) };
    let mut found: HashMap<Uuid, Invoiced> = HashMap::new();
    for row in db.query_all(&on_lines(db, selection, days)).await? {
        let own: &mut Invoiced = found.entry(row.try_get_by_index(0)?).or_default();
        (own.lines, own.left, own.across) =
            (row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
    }
    for row in db.query_all(&by_runs(db, selection, year)).await? {
        let own: &mut Invoiced = found.entry(row.try_get_by_index(0)?).or_default();
        (own.rounds, own.of_runs) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
    }
    Ok(found)
}

/// Restricts a column of agreements to those whose fees are looked up.
fn of(db: &impl ConnectionTrait, column: SimpleExpr, selection: &FeeSelection) -> SimpleExpr {
    match selection {
        FeeSelection::Activity(activity) => {
            let theirs = Query::select()
                .column(agreement::Column::Id)
                .from(agreement::Entity)
                .and_where(Expr::col(agreement::Column::ActivityId).eq(*activity))
                .take();
            column.in_subquery(theirs)
        }
        FeeSelection::Agreements(ids) => {
            among(db.get_database_backend(), column, ids.iter().copied())
        }
        FeeSelection::Members(..) => column.is_null(),
    }
}

fn on_lines(
    db: &impl ConnectionTrait,
    selection: &FeeSelection,
    DateRange { from: first, to: last }: DateRange,
) -> SelectStatement {
    use invoice_line::Column as C;
    let is_invoice = || document(invoice::Column::Kind).eq(InvoiceKind::Invoice);
    let in_year = || line(C::PeriodFrom).gte(first).and(line(C::PeriodTo).lte(last));
    // A deduction on an invoice does not reduce the invoiced sum.
    let charged =
        Expr::case(is_invoice().and(line(C::Net).gt(0)).and(in_year()), line(C::Net)).finally(0);
    let signed = || Expr::case(is_invoice(), line(C::Net)).finally(Expr::val(0).sub(line(C::Net)));
    let left = Expr::case(in_year(), signed()).finally(0);
    let across = Expr::case(in_year(), 0).finally(signed());
    let owner = match selection {
        FeeSelection::Activity(_) | FeeSelection::Agreements(_) => line(C::AgreementId),
        FeeSelection::Members(..) => document(invoice::Column::MemberId),
    };
    let mut select = Query::select();
    select
        .expr(owner.clone())
        .exprs(
            [charged, left, across].map(|amount| total(db.get_database_backend(), amount.into())),
        )
        .from(invoice_line::Entity)
        .inner_join(invoice::Entity, document(invoice::Column::Id).eq(line(C::InvoiceId)))
        .and_where(of(db, line(C::AgreementId), selection))
        .and_where(line(C::PeriodFrom).lte(last))
        .and_where(line(C::PeriodTo).gte(first))
        .and_where(document(invoice::Column::IssuedOn).is_not_null())
        .and_where(owner.clone().is_not_null())
        .add_group_by([owner]);
    if let Some(word) = word(selection.kind()) {
        select.and_where(line(C::ActivityId).is_null());
        select.and_where(Expr::expr(Func::lower(line(C::Description))).like(format!("%{word}%")));
    }
    if let FeeSelection::Members(_, Some(members)) = selection {
        select.and_where(among(
            db.get_database_backend(),
            document(invoice::Column::MemberId),
            members.iter().copied(),
        ));
    }
    select
}

fn by_runs(db: &impl ConnectionTrait, selection: &FeeSelection, year: i32) -> SelectStatement {
    let charge = |column: Column| -> SimpleExpr { Expr::col((Entity, column)) };
    let credit = Alias::new("credit");
    let credited = Query::select()
        .expr(sum(Expr::col((credit.clone(), invoice_line::Column::Net))))
        .from_as(invoice_line::Entity, credit.clone())
        .and_where(
            Expr::col((credit, invoice_line::Column::CreditsLineId)).eq(charge(Column::LineId)),
        )
        .take();
    let owner = if selection.kind() == ChargeKind::SpecialFee {
        Column::AgreementId
    } else {
        Column::MemberId
    };
    let left = line(invoice_line::Column::Net).sub(SimpleExpr::from(credited));
    let mut select = Query::select();
    select
        .expr(charge(owner))
        .expr(Expr::col((Entity, Column::Round)).max().cast_as("integer"))
        .expr(total(db.get_database_backend(), left))
        .from(Entity)
        .inner_join(invoice_line::Entity, line(invoice_line::Column::Id).eq(charge(Column::LineId)))
        .and_where(charge(Column::Kind).eq(selection.kind()))
        .and_where(charge(Column::Year).eq(year))
        .and_where(of(db, charge(Column::AgreementId), selection))
        .add_group_by([charge(owner)]);
    if let FeeSelection::Members(_, Some(members)) = selection {
        select.and_where(among(
            db.get_database_backend(),
            charge(Column::MemberId),
            members.iter().copied(),
        ));
    }
    select
}

/// `true` if an invoice charges a fee, whose amount is read through another connection.
pub(super) fn charges_fee(aggregate: &InvoiceAggregate) -> bool {
    !charged_sums(aggregate).is_empty()
}

/// Returns the fees that an invoice would charge twice: the invoiced and not credited sum together
/// with its own lines exceeds the fee. An invoice that corrects another upwards is exempt.
pub(super) async fn charged_twice(
    ctx: Context<'_>,
    tx: &impl ConnectionTrait,
    aggregate: &InvoiceAggregate,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for ((kind, year), sums) in charged_sums(aggregate) {
        let selection = match kind {
            ChargeKind::SpecialFee => {
                FeeSelection::Agreements(sums.keys().map(|id| AgreementId(*id)).collect())
            }
            kind => {
                FeeSelection::Members(kind, Some(sums.keys().map(|id| MemberId(*id)).collect()))
            }
        };
        let invoiced = invoiced(tx, &selection, year).await?;
        for (id, (name, fee)) in fees_of(ctx, kind, year, &sums).await? {
            let new = sums.get(&id).copied().unwrap_or_default();
            let invoiced = invoiced.get(&id).copied().unwrap_or_default();
            if let Some(left) = invoiced.exceeded_by(new, fee) {
                found.push(format!(
                    "the fee of {name} for {year} is {fee}, of which {left} is invoiced already"
                ));
            }
        }
    }
    Ok(found)
}

/// Returns the amounts of these fees in a year, with the names of their payers. Fees that can't be
/// calculated are left out.
async fn fees_of(
    ctx: Context<'_>,
    kind: ChargeKind,
    year: i32,
    sums: &BTreeMap<Uuid, Money>,
) -> Result<BTreeMap<Uuid, (String, Money)>> {
    // A viewer who may issue an invoice may calculate its fees.
    let viewer = Viewer::operator("invoices");
    let ctx = ctx.with_viewer(&viewer);
    if kind == ChargeKind::SpecialFee {
        let mut columns = fees::columns();
        columns.push(agreement::Column::Number);
        let theirs =
            among(ctx.db.backend(), Expr::col(agreement::Column::Id), sums.keys().copied());
        let select = Query::select()
            .columns(columns.iter().copied())
            .from(agreement::Entity)
            .and_where(theirs)
            .take();
        let found: Vec<agreement::Model> = rows(ctx.db.read(), &select, &columns).await?;
        let sums = fees::amounts_of(ctx, &found, year).await?;
        let named = |row: agreement::Model| {
            Some((
                row.id.0,
                (format!("agreement {}", row.number.unwrap_or_default()), *sums.get(&row.id)?),
            ))
        };
        return Ok(found.into_iter().filter_map(named).collect());
    }
    let members: Vec<MemberId> = sums.keys().map(|id| MemberId(*id)).collect();
    let columns = [
        member::Column::Id,
        member::Column::Name,
        member::Column::JoinedOn,
        member::Column::LeftOn,
    ];
    let found = members::by_ids(ctx, &members, &columns).await?;
    let quotes = match kind {
        ChargeKind::ServiceFee => fees::service_fees(ctx, &found, year).await?,
        _ => fees::membership_fees(ctx, &found, year).await?,
    };
    Ok(found
        .into_iter()
        .filter_map(|row| Some((row.id.0, (row.name, quotes.of.get(&row.id)?.amount))))
        .collect())
}

/// Adds the charges of a run to what the change writes. The unique key rejects a fee that was
/// invoiced for the same round.
pub(super) fn write_later(
    change: &mut Change,
    charges: Vec<Model>,
    invoices: &HashMap<InvoiceLineId, InvoiceId>,
) -> Result<()> {
    for row in &charges {
        let invoice_id = invoices.get(&row.line_id).copied().unwrap_or_default();
        change.record(None, Some(&FeeCharge { row: row.clone(), invoice_id }))?;
    }
    change.insert_later(charges);
    Ok(())
}
