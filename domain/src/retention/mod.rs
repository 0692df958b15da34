//! Retention (gallring): the data in the register, and the part of it that may be erased.

pub mod erase;
pub mod kind;
pub mod period;

use ::entity::{
    activity, agreement, archived_document, bank_payment,
    contact::{Column, Entity},
    id::{BankPaymentId, ContactId},
    kind::ArchivedDocumentKind,
    term::Status,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{Alias, CaseStatement, Expr, Func, Query},
};

use self::{kind::Kind, period::Period};
use crate::{
    auth::viewer::Resource,
    config::Retention,
    context::Context,
    error::{Error, Result},
    query, term_sql,
};

/// The data of one kind as of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The kind of data.
    pub kind: Kind,
    /// Number of rows.
    pub count: i64,
    /// The earliest day on which a retention period started; null if there is no period.
    pub oldest: Option<NaiveDate>,
    /// The first day on which the oldest row may be erased; null if it is retained.
    pub erasable_from: Option<NaiveDate>,
    /// Number of rows that may be erased on the day of the report.
    pub due: i64,
}

/// The data in the register, and the part of it that may be erased.
#[derive(Clone, Debug)]
pub struct Report {
    /// The day of the report.
    pub on: NaiveDate,
    /// One holding for each kind, in the order of [`Kind::ALL`].
    pub holdings: Vec<Holding>,
    /// The contacts that may be erased, ordered by the end of their role, the earliest first; at
    /// most 1000.
    pub contacts: Vec<ContactId>,
}

/// Maximum number of contacts in a report, and of payers in a batch.
const MAX_BATCH: u64 = 1000;

/// Selects contacts whose role ended before this day, who are not erased, and whom no continuing
/// activity names.
fn former(on: NaiveDate) -> Condition {
    let names_it = [activity::Column::LeadContactId, activity::Column::BoardContactId]
        .into_iter()
        .fold(Condition::any(), |any, column| {
            any.add(Expr::col((activity::Entity, column)).eq(Expr::col((Entity, Column::Id))))
        });
    let runs = Condition::any()
        .add(activity::Column::EndsOn.is_null())
        .add(activity::Column::EndsOn.gte(on));
    let named = Query::select()
        .expr(Expr::val(1))
        .from(activity::Entity)
        .cond_where(names_it)
        .cond_where(runs)
        .take();
    Condition::all()
        .add(Column::ErasedAt.is_null())
        .add(Column::ValidTo.lt(on))
        .add(Expr::exists(named).not())
}

/// Selects bank payments with data about their payer.
fn names_payer() -> Condition {
    use bank_payment::Column;
    [Column::PayerName, Column::PayerOrgNumber, Column::Message, Column::Reference]
        .into_iter()
        .fold(Condition::any(), |any, column| {
            any.add(Expr::col((bank_payment::Entity, column)).is_not_null())
        })
}

/// Selects the archived documents that the law demands for a time: contracts and appendices whose
/// agreement does not continue, and vouchers of costs.
fn demanded(backend: DbBackend, on: NaiveDate) -> Condition {
    use archived_document::Column;
    let own = |column: Column| Expr::col((archived_document::Entity, column));
    let kinds = |kinds: [ArchivedDocumentKind; 2]| kinds.map(ArchivedDocumentKind::word);
    let of_agreement =
        kinds([ArchivedDocumentKind::SignedContract, ArchivedDocumentKind::Appendix]);
    let always = kinds([ArchivedDocumentKind::Minutes, ArchivedDocumentKind::Decision]);
    let of_cost = Condition::all()
        .add(own(Column::CostId).is_not_null())
        .add(own(Column::Kind).is_not_in(always));
    let over = Query::select()
        .column((agreement::Entity, agreement::Column::Id))
        .from(agreement::Entity)
        .cond_where(term_sql::is_over(backend, on))
        .take();
    let has_ended = Condition::any()
        .add(own(Column::AgreementId).is_null())
        .add(own(Column::AgreementId).in_subquery(over));
    Condition::all()
        .add(own(Column::ErasedOn).is_null())
        .add(Condition::any().add(own(Column::Kind).is_in(of_agreement)).add(of_cost))
        .add(has_ended)
}

/// Returns the SQL of the day on which the retention period of an archived document starts: its own
/// day, or that of the end of its agreement or of its cost if that is later; null if the agreement
/// has no last day. Must agree with the rule of `archivedDocumentErase`.
fn last_day(backend: DbBackend) -> String {
    let of_agreement =
        format!("COALESCE(\"agreement\".\"withdrawn_on\", {})", term_sql::final_day(backend));
    let (own, of_cost) = ("\"archived_document\".\"dated_on\"", "\"cost\".\"booked_on\"");
    format!(
        "CASE WHEN \"archived_document\".\"agreement_id\" IS NOT NULL THEN (\
           SELECT CASE WHEN {of_agreement} < {own} THEN {own} ELSE {of_agreement} END \
           FROM \"agreement\" \
           WHERE \"agreement\".\"id\" = \"archived_document\".\"agreement_id\") \
         WHEN \"archived_document\".\"cost_id\" IS NOT NULL THEN (\
           SELECT CASE WHEN {of_cost} < {own} THEN {own} ELSE {of_cost} END \
           FROM \"cost\" WHERE \"cost\".\"id\" = \"archived_document\".\"cost_id\") \
         ELSE {own} END"
    )
}

/// Returns the bank payments whose payers may be erased today by the network's decision, the
/// earliest first; at most 1000.
pub async fn due_payers(ctx: Context<'_>, decided: &Retention) -> Result<Vec<BankPaymentId>> {
    use bank_payment::Column;
    let Some(first) = Kind::Payers.period(decided).stays_from(ctx.clock.today()) else {
        return Ok(Vec::new());
    };
    let select = Query::select()
        .column(Column::Id)
        .from(bank_payment::Entity)
        .cond_where(names_payer())
        .and_where(Column::BookedOn.lt(first))
        .order_by(Column::BookedOn, sea_orm::Order::Asc)
        .order_by(Column::Id, sea_orm::Order::Asc)
        .limit(MAX_BATCH)
        .take();
    let rows = ctx.db.read().query_all(&select).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<std::result::Result<_, _>>()?)
}

/// Reports the data in the register and the part of it that may be erased, as of a day.
///
/// # Errors
/// FORBIDDEN unless the viewer may read the audit trail.
pub async fn report(ctx: Context<'_>, decided: &Retention, on: NaiveDate) -> Result<Report> {
    if !ctx.viewer.visibility(Resource::Audit).all {
        return Err(Error::Forbidden(
            "this requires the role OFFICE or AUDITOR, or SERVICE with the scope audit:read".into(),
        ));
    }
    let tx = ctx.db.snapshot().await?;
    let mut holdings = Vec::new();
    for &kind in Kind::ALL {
        holdings.push(holding(&tx, kind, kind.period(decided), on).await?);
    }
    let mut select =
        Query::select().column((Entity, Column::Id)).from(Entity).cond_where(former(on)).take();
    let first = Kind::FormerContacts.period(decided).stays_from(on);
    select.and_where(first.map_or_else(query::nothing, |first| Column::ValidTo.lt(first)));
    select
        .order_by((Entity, Column::ValidTo), sea_orm::Order::Asc)
        .order_by((Entity, Column::Id), sea_orm::Order::Asc)
        .limit(MAX_BATCH);
    let rows = tx.query_all(&select).await?;
    let contacts =
        rows.iter().map(|row| row.try_get_by_index(0)).collect::<std::result::Result<_, _>>()?;
    Ok(Report { on, holdings, contacts })
}

async fn holding(
    db: &impl ConnectionTrait,
    kind: Kind,
    period: Period,
    on: NaiveDate,
) -> Result<Holding> {
    let mut select =
        Query::select().expr(Expr::cust("COUNT(*)")).from(Alias::new(kind.tables()[0])).take();
    if let Some(day) = kind.day() {
        let day = match kind {
            Kind::ArchivedDocuments => Expr::cust(last_day(db.get_database_backend())),
            _ => Expr::col(Alias::new(day)),
        };
        select.expr(day.clone().min());
        match period.stays_from(on) {
            Some(first) => {
                select.expr(Func::count(CaseStatement::new().case(day.clone().lt(first), 1)))
            }
            None => select.expr(Expr::cust("0")),
        };
        if kind == Kind::FormerContacts {
            select.cond_where(former(on));
        } else if kind == Kind::Payers {
            select.cond_where(names_payer());
        } else if kind == Kind::ArchivedDocuments {
            select.cond_where(demanded(db.get_database_backend(), on));
        } else if kind == Kind::EndedAgreements {
            select.cond_where(term_sql::has_status(&[Status::Ended], on));
        }
        select.and_where(day.is_not_null());
    }
    let row = db.query_one(&select).await?;
    let row = row.ok_or_else(|| Error::internal(std::io::Error::other("a count found no row")))?;
    let count = row.try_get_by_index(0)?;
    let (oldest, due) = if kind.day().is_some() {
        (row.try_get_by_index(1)?, row.try_get_by_index(2)?)
    } else {
        (None, 0)
    };
    let erasable_from = oldest.and_then(|oldest| period.erasable_from(oldest));
    Ok(Holding { kind, count, oldest, erasable_from, due })
}
