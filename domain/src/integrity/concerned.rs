//! The objects that the entries after a checkpoint concern, and the checks of only those.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    audit_entry::{Column as Entry, Entity as Entries},
    id::{AgreementId, BankPaymentId, InvoiceId},
    invoice::{Column, Entity, Model},
    invoice_line,
    kind::SubjectKind,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::number_series;
use crate::{
    agreements,
    database::{among, rows},
    error::Result,
    findings::Findings,
    invoices::{self, accrual},
    revenue,
    search::{self, EntityType},
};

/// Invoices that are read together.
const CHUNK: usize = 500;

/// The objects whose history has entries after a revision, by kind.
#[derive(Debug, Default)]
pub(super) struct Concerned(HashMap<SubjectKind, BTreeSet<Uuid>>);

impl Concerned {
    /// Reads them from the trail.
    pub async fn since(db: &impl ConnectionTrait, revision: i64) -> Result<Self> {
        let select = Query::select()
            .distinct()
            .columns([Entry::SubjectKind, Entry::SubjectId])
            .from(Entries)
            .and_where(Entry::Revision.gt(revision))
            .take();
        let mut concerned = Self::default();
        for row in db.query_all(&select).await? {
            // The check of the trail reports an entry with an unreadable kind or id.
            if let (Ok(kind), Ok(id)) = (row.try_get_by_index(0), row.try_get_by_index(1)) {
                concerned.0.entry(kind).or_default().insert(id);
            }
        }
        Ok(concerned)
    }

    fn of(&self, kind: SubjectKind) -> impl Iterator<Item = Uuid> + Clone {
        self.0.get(&kind).into_iter().flatten().copied()
    }

    /// Checks these agreements, and the number series of all.
    pub async fn agreements(&self, db: &impl ConnectionTrait) -> Result<Findings> {
        let agreements: BTreeSet<AgreementId> =
            self.of(SubjectKind::Agreement).map(AgreementId).collect();
        agreements::integrity::findings_of(db, &agreements).await
    }

    /// Checks the search words of all of these that have any.
    pub async fn search(&self, db: &impl ConnectionTrait) -> Result<Vec<String>> {
        let mut of_search = Vec::new();
        for &entity_type in EntityType::ALL {
            // The entries of a template's versions name the version, which has no search words.
            let subjects: Vec<Uuid> =
                entity_type.subject_kinds().iter().flat_map(|kind| self.of(*kind)).collect();
            let ids: Vec<Uuid> = search::ids_of_type(db, entity_type, subjects).await?;
            of_search.extend(search::violations_of(db, entity_type, &ids).await?);
        }
        Ok(of_search)
    }

    /// Checks these invoices with their documents, the number series of all, the bank payments, and
    /// the totals of the months of these invoices.
    pub async fn invoices(&self, db: &impl ConnectionTrait) -> Result<Findings> {
        let mut invoices: BTreeSet<InvoiceId> =
            self.of(SubjectKind::Invoice).map(InvoiceId).collect();
        let (credited, days) = credited_and_days(db, &invoices).await?;
        invoices.extend(credited);
        let mut found = Findings::from(invoices::integrity::sums_of(db, &invoices).await?);
        found.extend(number_series::findings(db).await?);
        found
            .violations
            .extend(invoices::integrity::documents::violations_of(db, &invoices).await?);
        let payments: Vec<BankPaymentId> =
            self.of(SubjectKind::BankPayment).map(BankPaymentId).collect();
        found
            .violations
            .extend(crate::payments::bank::integrity::violations_of(db, &payments).await?);
        found.violations.extend(revenue::of_months_with(db, days).await?);
        Ok(found)
    }
}

/// Returns the invoices that these credit, and days in each month in which these were issued, paid
/// or adjusted, or have accrued revenue.
async fn credited_and_days(
    db: &impl ConnectionTrait,
    invoices: &BTreeSet<InvoiceId>,
) -> Result<(BTreeSet<InvoiceId>, BTreeSet<NaiveDate>)> {
    let (mut credited, mut days) = (BTreeSet::new(), BTreeSet::new());
    let ids: Vec<InvoiceId> = invoices.iter().copied().collect();
    let columns = [Column::CreditsId, Column::IssuedOn];
    for ids in ids.chunks(CHUNK) {
        let theirs = |column: Expr| among(db.get_database_backend(), column, ids.iter().copied());
        let select = Query::select()
            .columns(columns)
            .from(Entity)
            .and_where(theirs(Expr::col(Column::Id)))
            .take();
        for row in rows::<Model>(db, &select, &columns).await? {
            credited.extend(row.credits_id);
            days.extend(row.issued_on);
        }
        let issued_on = (Entity, Column::IssuedOn);
        let lines = Query::select()
            .columns([invoice_line::Column::PeriodFrom, invoice_line::Column::PeriodTo])
            .column(issued_on)
            .distinct()
            .from(invoice_line::Entity)
            .inner_join(
                Entity,
                Expr::col((Entity, Column::Id)).equals(invoice_line::Column::InvoiceId),
            )
            .and_where(Expr::col(issued_on).is_not_null())
            .and_where(theirs(Expr::col(invoice_line::Column::InvoiceId)))
            .take();
        for row in db.query_all(&lines).await? {
            let (from, to) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let covered = accrual::covered(from, to, row.try_get_by_index(2)?);
            days.extend(accrual::months(covered).map(|(first, _)| first));
        }
        let paid = Query::select()
            .columns([payment::Column::ReceivedOn, payment::Column::BookedOn])
            .from(payment::Entity)
            .and_where(theirs(Expr::col(payment::Column::InvoiceId)))
            .take();
        for row in db.query_all(&paid).await? {
            days.insert(row.try_get_by_index(0)?);
            days.extend(row.try_get_by_index::<Option<NaiveDate>>(1)?);
        }
        let refunded = invoices::loading::adjustments_of(db, ids.iter().copied().collect()).await?;
        days.extend(refunded.values().flatten().map(::entity::adjustment::Model::day_in_books));
    }
    Ok((credited, days))
}
