//! The journal of a time: what its invoices, credit notes and payments are to the bookkeeper.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    activity, adjustment,
    id::{InvoiceId, MemberId, OrganisationId},
    invoice, invoice_line,
    kind::{AdjustmentKind, InvoiceKind, VatRate},
    member,
    money::Money,
    organisation, payment,
    sparse::{self, Sparse},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement},
};
use uuid::Uuid;

use super::{amounts::by_rate, bank::bookkeeping};
use crate::{
    auth::viewer::{Deed, Viewer},
    config::{Accounts, Network},
    database::{Database, among, rows},
    documents::sie::{Journal, Transaction, Voucher},
    error::{Error, Faults, Result},
};

/// Documents and payments that are looked at together.
const CHUNK: usize = 500;

/// The journal of what was issued and came in from `from` to `to`, both included, in the order of its days: for each invoice and
/// credit note a voucher of the series F, for each payment, refund and write-off, and for what of the bank's payments was not matched on its day,
/// one of the series B. What comes to nought has none.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps invoices, INVALID when the days are out of order or the network has no name, CONFLICT
/// `NO_ACCOUNT` when a line is on what is no account.
pub async fn journal(db: &Database, viewer: &Viewer, network: &Network, from: NaiveDate, to: NaiveDate) -> Result<Journal> {
    viewer.require(Deed::KeepInvoices)?;
    let mut faults = Faults::default();
    faults.expect(from <= to, "to", "must not be before from");
    faults.expect(network.name.is_some(), "network.name", "must be set in samregister.toml: a bookkeeping file says whose it is");
    faults.finish()?;

    // Everything is read in one transaction, so that it fits together whatever is written meanwhile.
    let tx = db.snapshot().await?;
    let mut books = Books::open(tx, network.accounts).await?;
    books.documents(from, to).await?;
    books.observations(from, to).await?;
    books.payments(from, to).await?;
    books.adjustments(from, to).await?;
    let Books { tx, accounts, projects, mut booked, .. } = books;
    tx.rollback().await?;

    booked.sort_by(|one, other| one.0.cmp(&other.0));
    let vouchers: Vec<Voucher> = booked.into_iter().map(|(_, voucher)| voucher).collect();
    let used = || vouchers.iter().flat_map(|voucher| &voucher.transactions);
    let used_accounts: BTreeSet<u32> = used().map(|line| line.account).collect();
    let used_projects: BTreeSet<&str> = used().filter_map(|line| line.project.as_deref()).collect();
    let mut projects: Vec<_> = projects.into_values().filter(|(slug, _)| used_projects.contains(slug.as_str())).collect();
    projects.sort_unstable();
    Ok(Journal {
        program: "Samregister".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_on: db.clock.today(),
        company: network.name.clone().unwrap_or_default(),
        org_number: network.org_number.clone(),
        years: (from.year()..=to.year()).rev().filter_map(year).collect(),
        accounts: used_accounts.into_iter().map(|account| (account, name_of(account, &accounts).to_owned())).collect(),
        projects,
        vouchers,
    })
}

/// A financial year, which is the calendar's.
fn year(year: i32) -> Option<(NaiveDate, NaiveDate)> {
    NaiveDate::from_ymd_opt(year, 1, 1).zip(NaiveDate::from_ymd_opt(year, 12, 31))
}

/// What an account is called. Bookkeepers have names of their own; these are for those who open the file.
fn name_of(account: u32, accounts: &Accounts) -> &'static str {
    let known = [
        (accounts.receivables, "Kundfordringar"),
        (accounts.bank, "Företagskonto"),
        (accounts.vat, "Utgående moms, 25 %"),
        (accounts.vat_12, "Utgående moms, 12 %"),
        (accounts.vat_6, "Utgående moms, 6 %"),
        (accounts.observation, "Observationskonto, ej matchade inbetalningar"),
        (accounts.rounding, "Öres- och kronutjämning"),
        (accounts.revenue, "Försäljning av tjänster"),
        (accounts.revenue_12, "Försäljning av tjänster, 12 % moms"),
        (accounts.revenue_6, "Försäljning av tjänster, 6 % moms"),
        (accounts.revenue_untaxed, "Försäljning av tjänster, momsfri"),
        (accounts.fees, "Medlems- och serviceavgifter"),
    ];
    known.iter().find(|(number, _)| u32::from(*number) == account).map_or("Intäkter", |(_, name)| name)
}

/// The order of vouchers: by day, documents before payments, then by number or reference.
type Place = (NaiveDate, u8, String, Uuid);

/// The books in the making.
struct Books {
    tx: DatabaseTransaction,
    accounts: Accounts,
    /// What members and organisations are called.
    names: HashMap<Uuid, String>,
    /// Slug and name of each activity.
    projects: HashMap<Uuid, (String, String)>,
    booked: Vec<(Place, Voucher)>,
}

impl Books {
    async fn open(tx: DatabaseTransaction, accounts: Accounts) -> Result<Self> {
        use activity::Column as A;
        // There are few of them, and everything refers to them.
        let select = Query::select().columns([A::Id, A::Slug, A::Name]).from(activity::Entity).take();
        let found: Vec<activity::Model> = rows(&tx, &select, &[A::Id, A::Slug, A::Name]).await?;
        let projects = found.into_iter().map(|row| (row.id.into(), (row.slug, row.name))).collect();
        let columns = [member::Column::Id, member::Column::Name];
        let select = Query::select().columns(columns).from(member::Entity).take();
        let members: Vec<member::Model> = rows(&tx, &select, &columns).await?;
        let columns = [organisation::Column::Id, organisation::Column::Name];
        let select = Query::select().columns(columns).from(organisation::Entity).take();
        let organisations: Vec<organisation::Model> = rows(&tx, &select, &columns).await?;
        let names = members.into_iter().map(|row| (row.id.into(), row.name));
        let names = names.chain(organisations.into_iter().map(|row| (row.id.into(), row.name))).collect();
        Ok(Self { tx, accounts, names, projects, booked: Vec::new() })
    }

    async fn documents(&mut self, from: NaiveDate, to: NaiveDate) -> Result<()> {
        use invoice::Column as C;
        let issued = Query::select().column(C::Id).from(invoice::Entity).and_where(Expr::col(C::IssuedOn).between(from, to)).take();
        for ids in self.ids(&issued).await?.chunks(CHUNK) {
            let columns = [C::Id, C::Kind, C::Number, C::NumberKey, C::MemberId, C::OrganisationId, C::IssuedOn, C::Total, C::Rounding];
            let mut lines = self.lines(ids).await?;
            for document in self.of::<invoice::Model>(&columns, C::Id, ids).await? {
                let Some(issued_on) = document.issued_on else { continue };
                let lines = lines.remove(&document.id).unwrap_or_default();
                let transactions = self.document(&document, &lines)?;
                if transactions.is_empty() {
                    continue;
                }
                let voucher = Voucher { series: "F", date: issued_on, text: self.text(&document), transactions };
                self.booked.push(((issued_on, document.kind as u8, document.number_key, document.id.into()), voucher));
            }
        }
        Ok(())
    }

    async fn payments(&mut self, from: NaiveDate, to: NaiveDate) -> Result<()> {
        use payment::Column as P;
        let in_time = Expr::expr(Func::coalesce([Expr::col(P::BookedOn), Expr::col(P::ReceivedOn)])).between(from, to);
        let came = Query::select().column(P::Id).from(payment::Entity).and_where(in_time).take();
        for ids in self.ids(&came).await?.chunks(CHUNK) {
            let payments: Vec<payment::Model> = self.of(&payment::Model::every_column(), P::Id, ids).await?;
            let documents = self.texts(payments.iter().map(|payment| payment.invoice_id.into()).collect()).await?;
            let bank_days = bookkeeping::bank_days(&self.tx, &payments.iter().map(|payment| payment.id).collect::<Vec<_>>()).await?;
            for payment in payments {
                // What the bank told of stands on the observation account until the day on which it is matched.
                let is_direct = bank_days.get(&payment.id).is_none_or(|day| bookkeeping::is_direct(&payment, *day));
                let account = if is_direct { self.accounts.bank } else { self.accounts.observation };
                let date = payment.day_in_books();
                let payment::Model { id, invoice_id, amount, reference, .. } = payment;
                let of = documents.get(&invoice_id).map_or("", String::as_str);
                let booked = |account: u16, amount| Transaction { account: account.into(), project: None, amount };
                let transactions = vec![booked(account, amount), booked(self.accounts.receivables, -amount)];
                let text = format!("Inbetalning {reference}: {of}");
                self.booked.push(((date, 2, reference, id.into()), Voucher { series: "B", date, text, transactions }));
            }
        }
        Ok(())
    }

    /// What came in and was not matched on its day, so that the bank's account equals the bank's statement every day.
    async fn observations(&mut self, from: NaiveDate, to: NaiveDate) -> Result<()> {
        for (row, amount) in bookkeeping::observed(&self.tx, from, to).await? {
            let booked = |account: u16, amount| Transaction { account: account.into(), project: None, amount };
            let transactions = vec![booked(self.accounts.bank, amount), booked(self.accounts.observation, -amount)];
            let direction = if amount > Money::ZERO { "Inbetalning" } else { "Utbetalning" };
            let text = format!("{direction} {}, ej matchad", row.bank_reference);
            let date = row.booked_on;
            self.booked.push(((date, 1, row.bank_reference, row.id.into()), Voucher { series: "B", date, text, transactions }));
        }
        Ok(())
    }

    /// Refunds and write-offs: what is paid back goes from the claims to the bank, and small differences to the account of rounding, without VAT.
    async fn adjustments(&mut self, from: NaiveDate, to: NaiveDate) -> Result<()> {
        use adjustment::Column as A;
        let in_time = Expr::expr(Func::coalesce([Expr::col(A::BookedOn), Expr::col(A::DatedOn)])).between(from, to);
        let booked = Query::select().column(A::Id).from(adjustment::Entity).and_where(in_time).take();
        for ids in self.ids(&booked).await?.chunks(CHUNK) {
            let adjustments: Vec<adjustment::Model> = self.of(&adjustment::Model::every_column(), A::Id, ids).await?;
            let documents = self.texts(adjustments.iter().map(|adjustment| adjustment.invoice_id.into()).collect()).await?;
            for own in adjustments {
                let (noun, account) = match own.kind {
                    AdjustmentKind::Refund => ("Återbetalning", self.accounts.bank),
                    AdjustmentKind::WriteOff => ("Öresutjämning", self.accounts.rounding),
                };
                let of = documents.get(&own.invoice_id).map_or("", String::as_str);
                let date = own.day_in_books();
                let booked = |account: u16, amount| Transaction { account: account.into(), project: None, amount };
                // What is paid back lies above what was claimed; what is written off was claimed.
                let claim = if own.kind == AdjustmentKind::Refund { own.amount } else { -own.amount };
                let transactions = vec![booked(account, -claim), booked(self.accounts.receivables, claim)];
                let text = format!("{noun} {}: {of}", own.reference);
                self.booked.push(((date, 3, own.reference, own.id.into()), Voucher { series: "B", date, text, transactions }));
            }
        }
        Ok(())
    }

    /// What people call these invoices.
    async fn texts(&self, invoices: BTreeSet<Uuid>) -> Result<HashMap<InvoiceId, String>> {
        use invoice::Column as C;
        let invoices: Vec<Uuid> = invoices.into_iter().collect();
        let columns = [C::Id, C::Kind, C::Number, C::MemberId, C::OrganisationId];
        let documents: Vec<invoice::Model> = self.of(&columns, C::Id, &invoices).await?;
        Ok(documents.iter().map(|row| (row.id, self.text(row))).collect())
    }

    /// What an invoice or credit note is booked as: claims against revenue of each account and project, VAT, and rounding.
    ///
    /// # Errors
    /// CONFLICT `NO_ACCOUNT` for a line on what is no account.
    fn document(&self, document: &invoice::Model, lines: &[invoice_line::Model]) -> Result<Vec<Transaction>> {
        let accounts = &self.accounts;
        let mut revenue: BTreeMap<(u32, Option<&str>), Money> = BTreeMap::new();
        for line in lines {
            // Imports once let more than four digits through, and such a line must not be booked on another account without a word.
            let account = line.account.parse().map_err(|_| {
                Error::conflict(
                    "NO_ACCOUNT",
                    format!("{} has a line on the account {:?}, which is none", self.text(document), line.account),
                )
            })?;
            let project = line.activity_id.and_then(|id| self.projects.get(&id.into())).map(|(slug, _)| slug.as_str());
            *revenue.entry((account, project)).or_default() += line.net;
        }
        let vat = by_rate(lines).into_iter().filter_map(|sum| {
            let account = match sum.rate {
                VatRate::Standard25 => accounts.vat,
                VatRate::Reduced12 => accounts.vat_12,
                VatRate::Reduced6 => accounts.vat_6,
                VatRate::Zero | VatRate::Exempt | VatRate::OutsideScope => return None,
            };
            Some((u32::from(account), None, -sum.vat))
        });
        let claim = std::iter::once((u32::from(accounts.receivables), None, document.total));
        let revenue = revenue.into_iter().map(|((account, project), net)| (account, project, -net));
        let rounding = std::iter::once((u32::from(accounts.rounding), None, -document.rounding));
        let sign = |amount: Money| if document.kind == InvoiceKind::CreditNote { -amount } else { amount };
        let booked = claim.chain(revenue).chain(vat).chain(rounding).filter(|(_, _, amount)| *amount != Money::ZERO);
        let transaction = |(account, project, amount): (_, Option<&str>, _)| Transaction {
            account,
            project: project.map(str::to_owned),
            amount: sign(amount),
        };
        Ok(booked.map(transaction).collect())
    }

    /// What people call a document, and whom it is to.
    fn text(&self, document: &invoice::Model) -> String {
        let noun = match document.kind {
            InvoiceKind::Invoice => "Faktura",
            InvoiceKind::CreditNote => "Kreditfaktura",
        };
        let buyer = document.member_id.map(MemberId::into).or(document.organisation_id.map(OrganisationId::into));
        let buyer = buyer.and_then(|id: Uuid| self.names.get(&id)).map_or("", String::as_str);
        format!("{noun} {} {buyer}", document.number.as_deref().unwrap_or_default()).trim_end().to_owned()
    }

    async fn ids(&self, select: &SelectStatement) -> Result<Vec<Uuid>> {
        let found = self.tx.query_all(select).await?;
        let mut ids = found.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect::<Result<Vec<Uuid>>>()?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// The rows with these ids.
    async fn of<M: Sparse>(&self, columns: &[sparse::Column<M>], id: sparse::Column<M>, ids: &[Uuid]) -> Result<Vec<M>> {
        let theirs = among(self.tx.get_database_backend(), Expr::col(id), ids.iter().copied());
        let select = Query::select().columns(columns.iter().copied()).from(M::Entity::default()).and_where(theirs).take();
        rows(&self.tx, &select, columns).await
    }

    async fn lines(&self, documents: &[Uuid]) -> Result<HashMap<InvoiceId, Vec<invoice_line::Model>>> {
        use invoice_line::Column as L;
        let columns = [L::InvoiceId, L::ActivityId, L::VatRate, L::Net, L::Vat, L::Account];
        let mut lines: HashMap<InvoiceId, Vec<invoice_line::Model>> = HashMap::new();
        for line in self.of::<invoice_line::Model>(&columns, L::InvoiceId, documents).await? {
            lines.entry(line.invoice_id).or_default().push(line);
        }
        Ok(lines)
    }
}
