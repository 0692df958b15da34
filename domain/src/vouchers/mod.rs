//! The journal of a time: what its invoices, credit notes and payments are to the bookkeeper.

pub mod vat_return;
pub mod close_period;
pub(crate) mod integrity;
pub mod export_batches;
pub(crate) mod corrections;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    activity, adjustment, bank_payment,
    id::{BankPaymentId, InvoiceId, MemberId, OrganisationId, PaymentId},
    invoice, invoice_line,
    kind::{AdjustmentKind, InvoiceKind, VatRate, VoucherSource},
    member,
    money::Money,
    organisation,
    partial::{self, PartialRow},
    payment, reminder, voucher,
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{
    books::exported::{self, Exported},
    invoices::amounts::by_rate,
    payments::bank::bookkeeping::{self, Observed, Part},
    vouchers::corrections,
};
use crate::{
    auth::viewer::{Permission, Viewer},
    books::Closing,
    config::{Accounts, Network},
    database::{Database, among, rows},
    documents::sie::{Journal, MAX_TEXT, Transaction, Voucher},
    error::{Error, Result, ValidationErrors},
};

/// Documents and payments that are looked at together.
const CHUNK: usize = 500;

/// Range of vouchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Of these days, both included: those that were exported as they were exported, and the others
    /// as the register has them.
    Between(NaiveDate, NaiveDate),
    /// Of days up to and including this one, that are of no batch and were booked nowhere else.
    NewThrough(NaiveDate),
}

impl Range {
    /// The condition on a row of this source that was not exported, by its id and day.
    fn holds(self, source: VoucherSource, id: SimpleExpr, day: SimpleExpr) -> Condition {
        let in_days = match self {
            Self::Between(from, to) => day.between(from, to),
            Self::NewThrough(to) => day.lte(to),
        };
        self.is_new(source, id).add(in_days)
    }

    /// The condition that nothing of a source was exported; for a batch, that it was booked nowhere
    /// else either.
    fn is_new(self, source: VoucherSource, id: SimpleExpr) -> Condition {
        let mut known = Query::select();
        known
            .expr(Expr::cust("1"))
            .from(voucher::Entity)
            .and_where(voucher::Column::Source.eq(source))
            .and_where(Expr::col((voucher::Entity, voucher::Column::SourceId)).eq(id));
        if let Self::Between(..) = self {
            known.and_where(Expr::col((voucher::Entity, voucher::Column::BatchId)).is_not_null());
        }
        Condition::all().add(Expr::exists(known.take()).not())
    }

    /// Returns `true` if a day is in the range.
    fn has(self, day: NaiveDate) -> bool {
        match self {
            Self::Between(from, to) => (from..=to).contains(&day),
            Self::NewThrough(to) => day <= to,
        }
    }
}

/// A voucher with what it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Its source.
    pub source: VoucherSource,
    /// Id of the invoice, payment, reminder, adjustment or bank payment.
    pub source_id: Uuid,
    /// 1 for the voucher of the source, 2, 3 … for those that correct it.
    pub part: i32,
    /// The voucher.
    pub voucher: Voucher,
}

/// Vouchers with the names of their projects.
#[derive(Clone, Debug)]
pub struct Bookings {
    /// The vouchers, in order.
    pub vouchers: Vec<Booked>,
    /// Project and name of each activity.
    projects: Vec<(String, String)>,
    /// Names of accounts that were exported before.
    accounts: BTreeMap<u32, String>,
    range: Range,
}

impl Bookings {
    /// Returns the journal of these vouchers.
    ///
    /// # Errors
    /// INVALID when the network has no name.
    pub fn journal(self, db: &Database, network: &Network) -> Result<Journal> {
        let mut errors = ValidationErrors::default();
        errors.expect(
            network.name.is_some(),
            "network.name",
            "must be set in samregister.toml: a bookkeeping file says whose it is",
        );
        errors.finish()?;
        let Self { vouchers, mut projects, accounts: known, range } = self;
        let vouchers: Vec<Voucher> = vouchers.into_iter().map(|booked| booked.voucher).collect();
        let used = || vouchers.iter().flat_map(|voucher| &voucher.transactions);
        let used_accounts: BTreeSet<u32> = used().map(|line| line.account).collect();
        let used_projects: BTreeSet<&str> =
            used().filter_map(|line| line.project.as_deref()).collect();
        projects.retain(|(number, _)| used_projects.contains(number.as_str()));
        projects.sort_unstable();
        let (from, to) = match range {
            Range::Between(from, to) => (from, to),
            Range::NewThrough(to) => {
                (vouchers.iter().map(|voucher| voucher.date).min().unwrap_or(to), to)
            }
        };
        let name = |account: &u32| {
            name_of(*account, &network.accounts)
                .or(known.get(account).map(String::as_str))
                .unwrap_or("Intäkter")
        };
        let accounts =
            used_accounts.into_iter().map(|account| (account, name(&account).to_owned())).collect();
        Ok(Journal {
            program: "Samregister".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_on: db.clock.today(),
            company: network.name.clone().unwrap_or_default(),
            org_number: network.org_number.clone(),
            years: (from.year()..=to.year()).rev().filter_map(year).collect(),
            accounts,
            projects,
            vouchers,
        })
    }
}

/// The journal of what was issued and came in from `from` to `to`, both included, in the order of
/// its days: for each invoice and credit note a voucher of the series F, for each payment, refund
/// and write-off, and for what of the bank's payments was not matched on its day, one of the series
/// B, for each reminder with a fee one of the series P. What comes to zero has none. Vouchers of a
/// batch stand as they were exported, with their numbers, and those that correct them follow.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps invoices, INVALID when the days are out of order or the
/// network has no name, CONFLICT `NO_ACCOUNT` when a line is on what is no account.
pub async fn journal(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Journal> {
    viewer.require(Permission::ManageInvoices)?;
    let mut errors = ValidationErrors::default();
    errors.expect(from <= to, "to", "must not be before from");
    errors.expect(
        network.name.is_some(),
        "network.name",
        "must be set in samregister.toml: a bookkeeping file says whose it is",
    );
    errors.finish()?;
    // Everything is read in one transaction, so that it fits together whatever is written
    // meanwhile.
    let tx = db.snapshot().await?;
    let booked = booked(&tx, network, Range::Between(from, to)).await?;
    tx.rollback().await?;
    booked.journal(db, network)
}

/// Returns the vouchers of a range in the order of their days.
///
/// # Errors
/// CONFLICT `NO_ACCOUNT` when a line is on what is no account.
pub async fn booked<C: ConnectionTrait>(
    db: &C,
    network: &Network,
    range: Range,
) -> Result<Bookings> {
    let mut books = Books::open(db, network, range).await?;
    books.exported();
    books.corrections().await?;
    books.documents().await?;
    books.observations().await?;
    books.payments().await?;
    books.adjustments().await?;
    books.reminders().await?;
    let Books { projects, exported, mut booked, .. } = books;
    booked.sort_by(|one, other| one.0.cmp(&other.0));
    // What was exported of a project that has another number since.
    let mut names = exported.projects;
    names.extend(projects.into_values());
    let vouchers = booked.into_iter().map(|(_, booked)| booked).collect();
    Ok(Bookings {
        vouchers,
        projects: names.into_iter().collect(),
        accounts: exported.accounts,
        range,
    })
}

/// A financial year, which is the calendar's.
fn year(year: i32) -> Option<(NaiveDate, NaiveDate)> {
    NaiveDate::from_ymd_opt(year, 1, 1).zip(NaiveDate::from_ymd_opt(year, 12, 31))
}

/// Returns the name of an account that the settings give. Bookkeepers have names of their own;
/// these are for those who open the file, and tell what an account was when it was exported.
fn name_of(account: u32, accounts: &Accounts) -> Option<&'static str> {
    let known = [
        (accounts.receivables, exported::RECEIVABLES),
        (accounts.bank, exported::BANK),
        (accounts.vat, "Utgående moms, 25 %"),
        (accounts.vat_12, "Utgående moms, 12 %"),
        (accounts.vat_6, "Utgående moms, 6 %"),
        (accounts.observation, exported::OBSERVATION),
        (accounts.rounding, "Öres- och kronutjämning"),
        (accounts.revenue, "Försäljning av tjänster"),
        (accounts.revenue_12, "Försäljning av tjänster, 12 % moms"),
        (accounts.revenue_6, "Försäljning av tjänster, 6 % moms"),
        (accounts.revenue_untaxed, "Försäljning av tjänster, momsfri"),
        (accounts.revenue_eu, "Försäljning av tjänster till annat EU-land"),
        (accounts.revenue_abroad, "Försäljning av tjänster utanför Sverige"),
        (accounts.reminder_fees, "Påminnelseavgifter"),
        (accounts.interest, "Ränteintäkter från kundfordringar"),
    ];
    let fees = [
        (accounts.revenue_outside_scope, "Intäkter som inte omfattas av moms"),
        (accounts.membership_fee, "Medlemsavgifter"),
        (accounts.service_fee, "Serviceavgifter"),
    ];
    let fees = fees.into_iter().filter_map(|(number, name)| Some((number?, name)));
    // A fee that shares the account of other revenue has its name.
    known
        .into_iter()
        .chain(fees)
        .find(|(number, _)| u32::from(*number) == account)
        .map(|(_, name)| name)
}

/// The order of vouchers: by day, documents before payments, these before adjustments and these
/// before reminders, then by number or reference.
type Position = (NaiveDate, u8, String, Uuid);

/// Returns the transactions that move an amount from an account, in credit, to another, in debit.
fn transfer(to: u16, from: u16, amount: Money) -> Vec<Transaction> {
    let booked =
        |account: u16, amount| Transaction { account: account.into(), project: None, amount };
    vec![booked(to, amount), booked(from, -amount)]
}

/// The text of what was put on a document. What is too long for every program loses the bank's
/// reference before it loses the document.
fn text_of(noun: &str, reference: &str, document: &str) -> String {
    let text = Some(format!("{noun} {reference}: {document}"))
        .filter(|text| text.chars().count() <= MAX_TEXT);
    text.unwrap_or_else(|| format!("{noun} {document}"))
}

/// The books in the making.
struct Books<'c, C> {
    tx: &'c C,
    range: Range,
    accounts: Accounts,
    /// What members and organisations are called.
    names: HashMap<Uuid, String>,
    /// Project and name of each activity.
    projects: HashMap<Uuid, (String, String)>,
    exported: Exported,
    closing: Closing,
    booked: Vec<(Position, Booked)>,
}

impl<'c, C: ConnectionTrait> Books<'c, C> {
    async fn open(tx: &'c C, network: &Network, range: Range) -> Result<Self> {
        use activity::Column as A;
        // There are few of them, and everything refers to them.
        let select =
            Query::select().columns([A::Id, A::Slug, A::Name]).from(activity::Entity).take();
        let found: Vec<activity::Model> = rows(tx, &select, &[A::Id, A::Slug, A::Name]).await?;
        let number = |slug: String| {
            network.activities.get(&slug).and_then(|own| own.project.clone()).unwrap_or(slug)
        };
        let projects =
            found.into_iter().map(|row| (row.id.into(), (number(row.slug), row.name))).collect();
        let columns = [member::Column::Id, member::Column::Name];
        let select = Query::select().columns(columns).from(member::Entity).take();
        let members: Vec<member::Model> = rows(tx, &select, &columns).await?;
        let columns = [organisation::Column::Id, organisation::Column::Name];
        let select = Query::select().columns(columns).from(organisation::Entity).take();
        let organisations: Vec<organisation::Model> = rows(tx, &select, &columns).await?;
        let names = members.into_iter().map(|row| (row.id.into(), row.name));
        let names =
            names.chain(organisations.into_iter().map(|row| (row.id.into(), row.name))).collect();
        let (exported, closing) = (Exported::load(tx).await?, Closing::load(tx).await?);
        Ok(Self {
            tx,
            range,
            accounts: network.accounts,
            names,
            projects,
            exported,
            closing,
            booked: Vec::new(),
        })
    }

    /// Adds what was exported before of these days.
    fn exported(&mut self) {
        if let Range::NewThrough(_) = self.range {
            return;
        }
        for ((source, source_id), parts) in self.exported.iter() {
            let rank = match source {
                VoucherSource::Invoice => 0,
                VoucherSource::BankPayment => 1,
                VoucherSource::Payment => 2,
                VoucherSource::Adjustment => 3,
                VoucherSource::Reminder => 4,
            };
            for own in parts.iter().filter(|own| self.range.has(own.voucher.date)) {
                let order = format!("{:010}", own.voucher.number.unwrap_or_default());
                let booked =
                    Booked { source, source_id, part: own.part, voucher: own.voucher.clone() };
                self.booked.push(((own.voucher.date, rank, order, source_id), booked));
            }
        }
    }

    /// Adds what corrects vouchers that were exported before, and is of no batch itself.
    async fn corrections(&mut self) -> Result<()> {
        for own in
            corrections::pending(self.tx, &self.exported, self.closing, &self.accounts).await?
        {
            let ((source, source_id), day) = (own.key, own.voucher.date);
            if self.range.has(day) {
                let booked = Booked { source, source_id, part: own.part, voucher: own.voucher };
                self.booked.push(((day, 5, booked.voucher.text.clone(), source_id), booked));
            }
        }
        Ok(())
    }

    async fn documents(&mut self) -> Result<()> {
        use invoice::Column as C;
        let is_issued = self.range.holds(
            VoucherSource::Invoice,
            Expr::col((invoice::Entity, C::Id)),
            Expr::col(C::IssuedOn),
        );
        let issued =
            Query::select().column(C::Id).from(invoice::Entity).cond_where(is_issued).take();
        for ids in self.ids(&issued).await?.chunks(CHUNK) {
            let columns = [
                C::Id,
                C::Kind,
                C::Number,
                C::NumberKey,
                C::MemberId,
                C::OrganisationId,
                C::IssuedOn,
                C::Total,
                C::Rounding,
            ];
            let mut lines = self.lines(ids).await?;
            for document in self.of::<invoice::Model>(&columns, C::Id, ids).await? {
                let Some(issued_on) = document.issued_on else { continue };
                let lines = lines.remove(&document.id).unwrap_or_default();
                let transactions = self.document(&document, &lines)?;
                if transactions.is_empty() {
                    continue;
                }
                let voucher = Voucher {
                    series: "F",
                    number: None,
                    date: issued_on,
                    text: self.text(&document),
                    transactions,
                };
                let id = document.id.into();
                let booked =
                    Booked { source: VoucherSource::Invoice, source_id: id, part: 1, voucher };
                self.booked
                    .push(((issued_on, document.kind as u8, document.number_key, id), booked));
            }
        }
        Ok(())
    }

    async fn payments(&mut self) -> Result<()> {
        use payment::Column as P;
        let booked_on =
            Expr::from(Func::coalesce([Expr::col(P::BookedOn), Expr::col(P::ReceivedOn)]));
        let came = self.range.holds(
            VoucherSource::Payment,
            Expr::col((payment::Entity, P::Id)),
            booked_on,
        );
        let came = Query::select().column(P::Id).from(payment::Entity).cond_where(came).take();
        for ids in self.ids(&came).await?.chunks(CHUNK) {
            let payments: Vec<payment::Model> =
                self.of(&payment::Model::every_column(), P::Id, ids).await?;
            let documents =
                self.texts(payments.iter().map(|payment| payment.invoice_id).collect()).await?;
            let ids: Vec<PaymentId> = payments.iter().map(|payment| payment.id).collect();
            let told = bookkeeping::of_payments(self.tx, &ids).await?;
            let rows = self.observed(told.values().copied().collect()).await?;
            for payment in payments {
                // What the bank told of stands on the observation account until the day on which it
                // is matched.
                let row = told.get(&payment.id).and_then(|row| rows.get(row));
                let account = self.account_of(&Part::of_payment(&payment), row);
                let day = payment.day_in_books();
                let payment::Model { id, invoice_id, amount, reference, .. } = payment;
                let of = documents.get(&invoice_id).map_or("", String::as_str);
                let transactions = transfer(account, self.accounts.receivables, amount);
                let text = text_of("Inbetalning", &reference, of);
                let voucher = Voucher { series: "B", number: None, date: day, text, transactions };
                let booked = Booked {
                    source: VoucherSource::Payment,
                    source_id: id.into(),
                    part: 1,
                    voucher,
                };
                self.booked.push(((day, 2, reference, id.into()), booked));
            }
        }
        Ok(())
    }

    /// Adds receipts that were not matched on their day, so that the bank's account equals the
    /// bank's statement every day.
    async fn observations(&mut self) -> Result<()> {
        use bank_payment::Column as B;
        let posted_on =
            Expr::from(Func::coalesce([Expr::col(B::PostedOn), Expr::col(B::BookedOn)]));
        let id = || Expr::col((bank_payment::Entity, B::Id));
        let is_in = self.range.holds(VoucherSource::BankPayment, id(), posted_on);
        // What was matched of a duplicate and reversed is undone on the day on which it was marked.
        let is_duplicate = self
            .range
            .is_new(VoucherSource::BankPayment, id())
            .add(Expr::col(B::DuplicateOfId).is_not_null());
        let is_any = Condition::any().add(is_in).add(is_duplicate);
        let select =
            Query::select().column(B::Id).from(bank_payment::Entity).cond_where(is_any).take();
        for ids in self.ids(&select).await?.chunks(CHUNK) {
            for own in
                self.observed(ids.iter().copied().map(BankPaymentId).collect()).await?.into_values()
            {
                let (amount, day) = (own.left(&self.exported), bookkeeping::voucher_day(&own.row));
                let row = own.row;
                if amount == Money::ZERO || !self.range.has(day) {
                    continue;
                }
                let transactions = transfer(self.accounts.bank, self.accounts.observation, amount);
                let direction = if amount > Money::ZERO { "Inbetalning" } else { "Utbetalning" };
                let text = Some(format!("{direction} {}, ej matchad", row.bank_reference))
                    .filter(|text| text.chars().count() <= MAX_TEXT);
                let text = text.unwrap_or_else(|| format!("{direction} {}", row.bank_reference));
                let voucher = Voucher { series: "B", number: None, date: day, text, transactions };
                let booked = Booked {
                    source: VoucherSource::BankPayment,
                    source_id: row.id.into(),
                    part: 1,
                    voucher,
                };
                self.booked.push(((day, 1, row.bank_reference, row.id.into()), booked));
            }
        }
        Ok(())
    }

    /// Loads these bank payments with their parts.
    async fn observed(
        &self,
        rows: BTreeSet<BankPaymentId>,
    ) -> Result<HashMap<BankPaymentId, Observed>> {
        if rows.is_empty() {
            Ok(HashMap::new())
        } else {
            bookkeeping::observed(self.tx, &rows).await
        }
    }

    /// Returns the account that a payment or refund moves: the bank's, unless its bank payment
    /// stands on the observation account.
    fn account_of(&self, part: &Part, of: Option<&Observed>) -> u16 {
        let is_direct = of.is_none_or(|own| part.is_direct(&own.row, &self.exported));
        if is_direct { self.accounts.bank } else { self.accounts.observation }
    }

    /// Refunds and write-offs: what is paid back goes from the claims to the bank, and small
    /// differences to the account of rounding, without VAT.
    async fn adjustments(&mut self) -> Result<()> {
        use adjustment::Column as A;
        let day = Expr::from(Func::coalesce([Expr::col(A::BookedOn), Expr::col(A::DatedOn)]));
        let is_in = self.range.holds(
            VoucherSource::Adjustment,
            Expr::col((adjustment::Entity, A::Id)),
            day,
        );
        let select =
            Query::select().column(A::Id).from(adjustment::Entity).cond_where(is_in).take();
        for ids in self.ids(&select).await?.chunks(CHUNK) {
            let adjustments: Vec<adjustment::Model> =
                self.of(&adjustment::Model::every_column(), A::Id, ids).await?;
            let documents =
                self.texts(adjustments.iter().map(|own| own.invoice_id).collect()).await?;
            let refunds: Vec<adjustment::Model> = adjustments
                .iter()
                .filter(|own| own.kind == AdjustmentKind::Refund)
                .cloned()
                .collect();
            let told = bookkeeping::of_refunds(self.tx, &refunds).await?;
            let rows = self.observed(told.values().copied().collect()).await?;
            for own in adjustments {
                let (noun, account) = match own.kind {
                    AdjustmentKind::Refund => {
                        let row = told.get(&own.id).and_then(|row| rows.get(row));
                        ("Återbetalning", self.account_of(&Part::of_refund(&own), row))
                    }
                    AdjustmentKind::WriteOff => ("Öresutjämning", self.accounts.rounding),
                };
                // What is paid back lies above what was claimed; what is written off was claimed.
                let claim =
                    if own.kind == AdjustmentKind::Refund { own.amount } else { -own.amount };
                let transactions = transfer(self.accounts.receivables, account, claim);
                let text = text_of(
                    noun,
                    &own.reference,
                    documents.get(&own.invoice_id).map_or("", String::as_str),
                );
                let day = own.day_in_books();
                let voucher = Voucher { series: "B", number: None, date: day, text, transactions };
                let booked = Booked {
                    source: VoucherSource::Adjustment,
                    source_id: own.id.into(),
                    part: 1,
                    voucher,
                };
                self.booked.push(((day, 3, own.reference, own.id.into()), booked));
            }
        }
        Ok(())
    }

    async fn reminders(&mut self) -> Result<()> {
        use reminder::Column as R;
        let sent = self.range.holds(
            VoucherSource::Reminder,
            Expr::col((reminder::Entity, R::Id)),
            Expr::col(R::SentOn),
        );
        let sent = Query::select()
            .column(R::Id)
            .from(reminder::Entity)
            .cond_where(sent)
            .and_where(Expr::col(R::Fee).ne(0))
            .take();
        for ids in self.ids(&sent).await?.chunks(CHUNK) {
            let reminders: Vec<reminder::Model> =
                self.of(&reminder::Model::every_column(), R::Id, ids).await?;
            let documents =
                self.texts(reminders.iter().map(|reminder| reminder.invoice_id).collect()).await?;
            for reminder::Model { id, invoice_id, sent_on, fee } in reminders {
                let transactions =
                    transfer(self.accounts.receivables, self.accounts.reminder_fees, fee);
                let of = documents.get(&invoice_id).map_or("", String::as_str);
                let voucher = Voucher {
                    series: "P",
                    number: None,
                    date: sent_on,
                    text: format!("Påminnelseavgift {of}"),
                    transactions,
                };
                let booked = Booked {
                    source: VoucherSource::Reminder,
                    source_id: id.into(),
                    part: 1,
                    voucher,
                };
                self.booked.push(((sent_on, 4, of.to_owned(), id.into()), booked));
            }
        }
        Ok(())
    }

    /// Returns the names of these documents.
    async fn texts(&self, documents: BTreeSet<InvoiceId>) -> Result<HashMap<InvoiceId, String>> {
        use invoice::Column as C;
        let ids: Vec<Uuid> = documents.into_iter().map(Uuid::from).collect();
        let columns = [C::Id, C::Kind, C::Number, C::MemberId, C::OrganisationId];
        let found: Vec<invoice::Model> = self.of(&columns, C::Id, &ids).await?;
        Ok(found.iter().map(|row| (row.id, self.text(row))).collect())
    }

    /// What an invoice or credit note is booked as: claims against revenue of each account and
    /// project, VAT, and rounding.
    ///
    /// # Errors
    /// CONFLICT `NO_ACCOUNT` for a line on what is no account.
    fn document(
        &self,
        document: &invoice::Model,
        lines: &[invoice_line::Model],
    ) -> Result<Vec<Transaction>> {
        let accounts = &self.accounts;
        let mut revenue: BTreeMap<(u32, Option<&str>), Money> = BTreeMap::new();
        for line in lines {
            // Imports once let more than four digits through, and such a line must not be booked on
            // another account without a word.
            let account = line.account.parse().map_err(|_| {
                Error::conflict(
                    "NO_ACCOUNT",
                    format!(
                        "{} has a line on the account {:?}, which is none",
                        self.text(document),
                        line.account
                    ),
                )
            })?;
            let project = line
                .activity_id
                .and_then(|id| self.projects.get(&id.into()))
                .map(|(number, _)| number.as_str());
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
        let sign =
            |amount: Money| if document.kind == InvoiceKind::CreditNote { -amount } else { amount };
        let booked = claim
            .chain(revenue)
            .chain(vat)
            .chain(rounding)
            .filter(|(_, _, amount)| *amount != Money::ZERO);
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
        let buyer = document
            .member_id
            .map(MemberId::into)
            .or(document.organisation_id.map(OrganisationId::into));
        let buyer = buyer.and_then(|id: Uuid| self.names.get(&id)).map_or("", String::as_str);
        format!("{noun} {} {buyer}", document.number.as_deref().unwrap_or_default())
            .trim_end()
            .to_owned()
    }

    async fn ids(&self, select: &SelectStatement) -> Result<Vec<Uuid>> {
        let found = self.tx.query_all(select).await?;
        let mut ids =
            found.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect::<Result<Vec<Uuid>>>()?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// The rows with these ids.
    async fn of<M: PartialRow>(
        &self,
        columns: &[partial::Column<M>],
        id: partial::Column<M>,
        ids: &[Uuid],
    ) -> Result<Vec<M>> {
        let theirs = among(self.tx.get_database_backend(), Expr::col(id), ids.iter().copied());
        let select = Query::select()
            .columns(columns.iter().copied())
            .from(M::Entity::default())
            .and_where(theirs)
            .take();
        rows(self.tx, &select, columns).await
    }

    async fn lines(
        &self,
        documents: &[Uuid],
    ) -> Result<HashMap<InvoiceId, Vec<invoice_line::Model>>> {
        use invoice_line::Column as L;
        let columns = [L::InvoiceId, L::ActivityId, L::VatRate, L::Net, L::Vat, L::Account];
        let mut lines: HashMap<InvoiceId, Vec<invoice_line::Model>> = HashMap::new();
        for line in self.of::<invoice_line::Model>(&columns, L::InvoiceId, documents).await? {
            lines.entry(line.invoice_id).or_default().push(line);
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interest_has_a_name_of_its_own_unless_it_shares_an_account() {
        let accounts = Accounts::default();
        assert_eq!(name_of(8313, &accounts), Some("Ränteintäkter från kundfordringar"));
        assert_eq!(
            name_of(3990, &Accounts { interest: 3990, ..accounts }),
            Some("Påminnelseavgifter")
        );
        assert_eq!(name_of(3999, &accounts), None);
    }
}
