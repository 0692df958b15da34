//! Charges of yearly fees: records what has been invoiced, so that each fee is invoiced once.
//!
//! A fee that a run invoices has a row of its own, with a unique key in the database. Imported and
//! manual invoices are recognized by their lines, with a period in the year: lines that name the
//! agreement, or for members' fees lines without agreement and activity whose text has the word of
//! the fee.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    agreement,
    fee_charge::{Column, Entity, Model},
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId, MemberId},
    invoice, invoice_line,
    kind::{ChargeKind, InvoiceKind},
    member,
    money::Money,
    total::Total,
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel,
    sea_query::{Alias, Expr, Func, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::aggregate::InvoiceAggregate;
use crate::{
    audit::{Change, forms::FeeCharge},
    auth::viewer::Viewer,
    context::Context,
    database::{among, rows, sum, total},
    error::Result,
    fees::{self, amounts},
    members,
};

/// Amount in öre that may be missing from a fee that counts as invoiced: imported fees are in whole
/// kronor.
const ROUNDING: Money = Money(100);

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

/// Sums of one payer's fee of a year on issued documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Invoiced {
    /// Lines of invoices with a period in the year, öre, without regard to credit notes.
    lines: Total,
    /// The same after credit notes.
    left: Total,
    /// Lines across New Year, after credit notes; the year's part of them is unknown.
    across: Total,
    /// Number of times that runs have invoiced it.
    rounds: i32,
    /// Lines of the runs, after credit notes.
    of_runs: Total,
}

/// Charge status of a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChargeStatus {
    /// Nothing is invoiced, or all of it is credited: a run invoices it, as this round.
    Due(i32),
    /// Invoiced. A part that was credited since is a discount, and is not invoiced again.
    Invoiced,
    /// Only this sum has been invoiced, or may have been.
    Partly {
        /// Invoiced sum, öre.
        sum: Total,
        /// `true` if the sum is on lines across New Year; the year's part of them is unknown.
        is_across: bool,
    },
}

impl Invoiced {
    /// Returns the status of a fee of this amount.
    pub(super) fn status(&self, fee: Money) -> ChargeStatus {
        if self.left <= Total::ZERO && self.across <= Total::ZERO {
            ChargeStatus::Due(self.rounds + 1)
        } else if self.of_runs > Total::ZERO || self.lines + ROUNDING.into() > Total::from(fee) {
            ChargeStatus::Invoiced
        } else {
            let is_across = self.across > Total::ZERO;
            ChargeStatus::Partly {
                sum: if is_across { self.across } else { self.lines },
                is_across,
            }
        }
    }

    /// Returns the status of a fee of this amount, of which a run would invoice `rest`: the months
    /// that no line has billed. `None` if no run has invoiced it, since its lines then don't state
    /// their months.
    pub(super) fn status_of_rest(&self, fee: Money, rest: Money) -> Option<ChargeStatus> {
        if self.of_runs <= Total::ZERO {
            return None;
        }
        let is_within = self.lines + rest.into() <= Total::from(fee) + ROUNDING.into();
        Some(if is_within {
            ChargeStatus::Due(self.rounds + 1)
        } else {
            ChargeStatus::Partly { sum: self.lines, is_across: false }
        })
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
    (first, last): (NaiveDate, NaiveDate),
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

/// Returns the fees that an invoice would charge twice: the invoiced and not credited sum together
/// with its own lines exceeds the fee. An invoice that corrects another upwards is exempt.
pub(super) async fn charged_twice(
    ctx: Context<'_>,
    tx: &impl ConnectionTrait,
    aggregate: &InvoiceAggregate,
) -> Result<Vec<String>> {
    let mut own_sums: BTreeMap<(ChargeKind, i32), BTreeMap<Uuid, Money>> = BTreeMap::new();
    for line in &aggregate.lines {
        let Some((kind, payer)) = fee_of(aggregate, line) else { continue };
        let Some((from, _)) =
            line.period_from.zip(line.period_to).filter(|(from, to)| from.year() == to.year())
        else {
            continue;
        };
        *own_sums.entry((kind, from.year())).or_default().entry(payer).or_default() += line.net;
    }
    let mut found = Vec::new();
    for ((kind, year), sums) in own_sums {
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
            let (new, left): (Money, Total) = (
                sums.get(&id).copied().unwrap_or_default(),
                invoiced.get(&id).copied().unwrap_or_default().left,
            );
            if left > Total::ZERO && fee > Money::ZERO && left + new.into() > Total::from(fee) {
                found.push(format!(
                    "the fee of {name} for {year} is {fee}, of which {left} is invoiced already"
                ));
            }
        }
    }
    Ok(found)
}

/// Returns the fee of an invoice line, by its columns and text, with the id of the agreement or
/// member.
fn fee_of(aggregate: &InvoiceAggregate, line: &invoice_line::Model) -> Option<(ChargeKind, Uuid)> {
    if line.net <= Money::ZERO {
        return None;
    }
    if let Some(agreement) = line.agreement_id {
        return Some((ChargeKind::SpecialFee, agreement.0));
    }
    let member = aggregate.row.member_id.filter(|_| line.activity_id.is_none())?;
    Some((fee_by_words(&line.description)?, member.0))
}

/// Returns the member's fee that a line names. `None` if it names none, or both, as in
/// «Medlemsavgift 2026 (utom serviceavgift)», which is ambiguous.
pub(super) fn fee_by_words(description: &str) -> Option<ChargeKind> {
    let text = description.to_lowercase();
    let is_named = |kind: &ChargeKind| word(*kind).is_some_and(|word| text.contains(word));
    let mut named =
        [ChargeKind::ServiceFee, ChargeKind::MembershipFee].into_iter().filter(is_named);
    named.next().filter(|_| named.next().is_none())
}

/// Returns the word by which a line is recognized as a member's fee, as runs write it; `None` for
/// special fees.
fn word(kind: ChargeKind) -> Option<&'static str> {
    match kind {
        ChargeKind::SpecialFee => None,
        ChargeKind::ServiceFee => Some("serviceavgift"),
        ChargeKind::MembershipFee => Some("medlemsavgift"),
    }
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
        _ => fees::membership_fees(ctx.db, &found, year).await?,
    };
    Ok(found
        .into_iter()
        .filter_map(|row| Some((row.id.0, (row.name, quotes.of.get(&row.id)?.amount))))
        .collect())
}

/// Writes the charges of a run. The unique key rejects a fee that was invoiced for the same round.
pub(super) async fn write(
    change: &mut Change,
    charges: Vec<Model>,
    invoices: &HashMap<InvoiceLineId, InvoiceId>,
) -> Result<()> {
    for row in &charges {
        let invoice_id = invoices.get(&row.line_id).copied().unwrap_or_default();
        change.record(None, Some(&FeeCharge { row: row.clone(), invoice_id }))?;
    }
    for block in charges.chunks(500) {
        Entity::insert_many(block.iter().cloned().map(IntoActiveModel::into_active_model))
            .exec_without_returning(change.tx())
            .await?;
    }
    Ok(())
}

/// Returns the charge for a line of a run.
#[must_use]
pub(super) fn of_run(
    kind: ChargeKind,
    year: i32,
    round: i32,
    line: InvoiceLineId,
    payer: Uuid,
) -> Model {
    let (agreement_id, member_id) = if kind == ChargeKind::SpecialFee {
        (Some(AgreementId(payer)), None)
    } else {
        (None, Some(MemberId(payer)))
    };
    Model { line_id: line, kind, year, round, agreement_id, member_id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_due_until_all_of_it_is_invoiced() {
        let status = |lines: i128, left: i128, across: i128, rounds: i32, of_runs: i128| {
            let invoiced = Invoiced {
                lines: Total(lines),
                left: Total(left),
                across: Total(across),
                rounds,
                of_runs: Total(of_runs),
            };
            invoiced.status(Money(1000))
        };
        assert_eq!(Invoiced::default().status(Money(1000)), ChargeStatus::Due(1));
        assert_eq!(
            status(250, 250, 0, 0, 0),
            ChargeStatus::Partly { sum: Total(250), is_across: false }
        );
        assert_eq!(status(1000, 1000, 0, 0, 0), ChargeStatus::Invoiced);
        assert_eq!(status(901, 901, 0, 0, 0), ChargeStatus::Invoiced, "rounded to a krona");
        assert_eq!(
            status(900, 900, 0, 0, 0),
            ChargeStatus::Partly { sum: Total(900), is_across: false }
        );
        assert_eq!(
            status(1000, 900, 0, 0, 0),
            ChargeStatus::Invoiced,
            "a credited part is not invoiced again"
        );
        assert_eq!(
            status(900, 100, 0, 1, 100),
            ChargeStatus::Invoiced,
            "nor if the fee has changed since a run"
        );
        assert_eq!(status(1000, 0, 0, 1, 0), ChargeStatus::Due(2));
        assert_eq!(
            status(0, 0, 500, 0, 0),
            ChargeStatus::Partly { sum: Total(500), is_across: true }
        );
        assert_eq!(status(1000, 1000, 500, 0, 0), ChargeStatus::Invoiced);
    }

    #[test]
    fn credited_months_are_due_once() {
        let rest = |lines: i128, of_runs: i128, rest: i64| {
            let invoiced = Invoiced {
                lines: Total(lines),
                left: Total(lines),
                across: Total::ZERO,
                rounds: 1,
                of_runs: Total(of_runs),
            };
            invoiced.status_of_rest(Money(18_000), Money(rest))
        };
        assert_eq!(rest(9000, 9000, 9000), Some(ChargeStatus::Due(2)));
        assert_eq!(rest(9000, 0, 9000), None);
        assert_eq!(
            rest(9000, 9000, 9101),
            Some(ChargeStatus::Partly { sum: Total(9000), is_across: false })
        );
    }
}
