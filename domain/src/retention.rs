//! Retention (gallring): the kinds of data in the register, their retention periods, and the legal
//! basis of each.

use ::entity::{
    activity, bank_payment,
    contact::{Column, Entity},
    id::{BankPaymentId, ContactId},
    term::Status,
};
use chrono::{Datelike, Days, Months, NaiveDate};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait,
    sea_query::{Alias, CaseStatement, Expr, Func, Query},
};

use crate::{
    audit::reads,
    auth::viewer::Resource,
    config::Retention,
    context::Context,
    error::{Error, Result},
    members::contacts,
    term_sql,
};

/// A kind of data with its own retention period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// People who are no longer in their role and lead no activity that continues.
    FormerContacts,
    /// The log of viewers who read contacts.
    ContactReads,
    /// Agreements that have ended.
    EndedAgreements,
    /// Issued invoices and credit notes.
    Invoices,
    /// Recorded payments, with adjustments and vouchers.
    Payments,
    /// Payments as the bank reported them.
    BankPayments,
    /// Names, references and messages of payers in bank payments.
    Payers,
    /// Costs of activities.
    Costs,
    /// Grants to activities.
    Grants,
    /// Entries of the audit trail.
    AuditTrail,
    /// Members, and the other public facts in the register.
    Members,
}

/// A retention period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Term {
    /// This number of months after the day.
    Months(u16),
    /// Through this number of calendar years after the year of the day. The calendar year must be
    /// the financial year.
    Years(u16),
    /// As long as the register exists.
    Always,
}

/// The retention period of bokföringslagen 7 kap. 2 §.
const SEVEN_YEARS: Term = Term::Years(7);

impl Kind {
    /// Every kind, in the order of the report.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns the stable code of the kind, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Returns the legal basis for retaining or erasing the kind.
    #[must_use]
    pub fn law(self) -> &'static str {
        match self {
            Self::FormerContacts => {
                "GDPR art. 5.1 e: no longer than needed; the network's decision says how long that is"
            }
            Self::ContactReads => {
                "GDPR art. 5.1 e and 32: for as long as misuse can be looked into; the network's decision says how long that is"
            }
            Self::EndedAgreements
            | Self::Invoices
            | Self::Payments
            | Self::BankPayments
            | Self::Costs
            | Self::Grants => {
                "bokföringslagen (1999:1078) 7 kap. 2 §: through the seventh year after the calendar year in which the financial year ended"
            }
            Self::Payers => {
                "GDPR art. 5.1 e: no longer than the law on bookkeeping demands, or the network's decision says (bokföringslagen 7 kap. 2 §)"
            }
            Self::AuditTrail => {
                "bokföringslagen (1999:1078) 5 kap. 11 § and 7 kap. 2 §: behandlingshistorik, kept whole so that its chain can be followed"
            }
            Self::Members => "public facts about public bodies; billing e-mails change with them",
        }
    }

    /// Returns the tables that store the kind. The report counts the rows of the first one.
    #[must_use]
    pub fn tables(self) -> &'static [&'static str] {
        match self {
            Self::FormerContacts => &["contact"],
            Self::ContactReads => &["contact_read"],
            Self::EndedAgreements => &[
                "agreement",
                "agreement_document",
                "agreement_parameters",
                "agreement_signature",
                "deadline_acknowledgement",
                "requisition",
                "stored_file",
                "stored_content",
            ],
            Self::Invoices => &[
                "invoice",
                "invoice_line",
                "invoice_content",
                "invoice_file",
                "fee_charge",
                "reminder",
                "attribution",
                "revenue_month",
            ],
            Self::Payments => &["payment", "adjustment", "export_batch", "voucher"],
            Self::BankPayments => &["bank_payment", "bank_payment_part"],
            Self::Payers => &["bank_payment"],
            Self::Costs => &["cost", "stored_file", "stored_content"],
            Self::Grants => &["activity_grant"],
            Self::AuditTrail => &["audit_entry", "person_key", "sealed_entry"],
            Self::Members => &[
                "member",
                "member_billing",
                "member_former_name",
                "member_municipality",
                "contact_area",
                "organisation",
                "activity",
                "activity_text",
                "activity_funding",
                "status_report",
                "status_report_text",
                "decision",
                "allocation",
                "fee_schedule",
                "tax_decision",
                "reference_rate",
                "books_closing",
                "agreement_template",
                "agreement_template_version",
                "agreement_template_text",
            ],
        }
    }

    /// Returns the column of the day on which the retention period starts; `None` if there is no
    /// period.
    fn day(self) -> Option<&'static str> {
        match self {
            Self::FormerContacts => Some("valid_to"),
            Self::ContactReads => Some("day"),
            Self::EndedAgreements => Some("ends_on"),
            Self::Invoices => Some("issued_on"),
            Self::Payments => Some("received_on"),
            Self::BankPayments | Self::Payers | Self::Costs | Self::Grants => Some("booked_on"),
            Self::AuditTrail | Self::Members => None,
        }
    }

    fn term(self, decided: &Retention) -> Term {
        match self {
            Self::FormerContacts => Term::Months(decided.contact_months),
            Self::ContactReads => Term::Months(decided.read_log_months),
            Self::Payers => Term::Years(decided.payer_years),
            _ if self.day().is_some() => SEVEN_YEARS,
            _ => Term::Always,
        }
    }
}

impl Term {
    /// Returns the first day whose data must be retained as of `on`; data of earlier days may be
    /// erased. `None` if everything is retained.
    fn stays_from(self, on: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Months(months) => on.checked_sub_months(Months::new(months.into())),
            Self::Years(years) => NaiveDate::from_ymd_opt(on.year() - i32::from(years), 1, 1),
            Self::Always => None,
        }
    }

    /// Returns the first day on which data of this day may be erased.
    fn may_go_from(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Months(months) => {
                day.checked_add_months(Months::new(months.into()))?.checked_add_days(Days::new(1))
            }
            Self::Years(years) => NaiveDate::from_ymd_opt(day.year() + i32::from(years) + 1, 1, 1),
            Self::Always => None,
        }
    }
}

/// Returns the first day on which bokföringslagen permits erasing data of this day.
#[must_use]
pub fn may_go_from(day: NaiveDate) -> Option<NaiveDate> {
    SEVEN_YEARS.may_go_from(day)
}

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
    pub may_go_from: Option<NaiveDate>,
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

/// Returns the bank payments whose payers may be erased today by the network's decision, the
/// earliest first; at most 1000.
pub async fn due_payers(ctx: Context<'_>, decided: &Retention) -> Result<Vec<BankPaymentId>> {
    use bank_payment::Column;
    let Some(first) = Kind::Payers.term(decided).stays_from(ctx.clock.today()) else {
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
        holdings.push(holding(&tx, kind, kind.term(decided), on).await?);
    }
    let mut select =
        Query::select().column((Entity, Column::Id)).from(Entity).cond_where(former(on)).take();
    let first = Kind::FormerContacts.term(decided).stays_from(on);
    select.and_where(first.map_or_else(|| Expr::cust("1 = 0"), |first| Column::ValidTo.lt(first)));
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
    term: Term,
    on: NaiveDate,
) -> Result<Holding> {
    let mut select =
        Query::select().expr(Expr::cust("COUNT(*)")).from(Alias::new(kind.tables()[0])).take();
    if let Some(day) = kind.day() {
        let day = Expr::col(Alias::new(day));
        select.expr(day.clone().min());
        match term.stays_from(on) {
            Some(first) => {
                select.expr(Func::count(CaseStatement::new().case(day.clone().lt(first), 1)))
            }
            None => select.expr(Expr::cust("0")),
        };
        if kind == Kind::FormerContacts {
            select.cond_where(former(on));
        } else if kind == Kind::Payers {
            select.cond_where(names_payer());
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
    let may_go_from = oldest.and_then(|oldest| term.may_go_from(oldest));
    Ok(Holding { kind, count, oldest, may_go_from, due })
}

/// The result of [`erase`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Number of contacts that were erased.
    pub contacts: u64,
    /// Number of rows that were deleted from the log of contact reads.
    pub reads: u64,
}

/// Erases the data that may be erased today: each contact in a mutation of its own, and the log of
/// contact reads. Data that bokföringslagen protects is never erased here: issued documents and the
/// audit trail reject it.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, CONFLICT with the reason BUSY when other writers
/// hold the database for too long. Data erased before the error stays erased.
pub async fn erase(ctx: Context<'_>, decided: &Retention) -> Result<Erased> {
    let on = ctx.clock.today();
    let mut erased = Erased::default();
    loop {
        let due = report(ctx, decided, on).await?.contacts;
        if due.is_empty() {
            break;
        }
        for contact in due {
            contacts::erase(ctx, contact).await?;
            erased.contacts += 1;
        }
    }
    if let Some(first) = Kind::ContactReads.term(decided).stays_from(on) {
        erased.reads = reads::delete_before(ctx, first).await?;
    }
    Ok(erased)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn codes_of_kinds_never_change() {
        let codes: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        let expected = "FORMER_CONTACTS CONTACT_READS ENDED_AGREEMENTS INVOICES PAYMENTS \
            BANK_PAYMENTS PAYERS COSTS GRANTS AUDIT_TRAIL MEMBERS";
        assert_eq!(codes.join(" "), expected);
    }

    #[test]
    fn data_may_be_erased_from_the_reported_day() {
        for (term, of, last, first) in [
            (Term::Months(24), "2024-11-20", "2026-11-20", "2026-11-21"),
            (Term::Months(6), "2025-08-31", "2026-02-28", "2026-03-01"),
            (Term::Months(24), "2024-02-29", "2026-02-28", "2026-03-01"),
            (SEVEN_YEARS, "2018-01-01", "2025-12-31", "2026-01-01"),
            (Term::Years(10), "2015-06-30", "2025-12-31", "2026-01-01"),
            (SEVEN_YEARS, "2018-12-31", "2025-12-31", "2026-01-01"),
        ] {
            assert_eq!(term.may_go_from(day(of)), Some(day(first)), "{of}");
            let may_go = |on: &str| term.stays_from(day(on)).is_some_and(|first| day(of) < first);
            assert_eq!((may_go(last), may_go(first)), (false, true), "{of}");
        }
        assert_eq!(
            (
                Term::Always.may_go_from(day("1990-01-01")),
                Term::Always.stays_from(day("2990-01-01"))
            ),
            (None, None)
        );
    }
}
