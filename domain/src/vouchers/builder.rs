//! Loading of the documents, payments, adjustments and reminders of a range, and their vouchers.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity, adjustment, bank_payment,
    id::{BankPaymentId, InvoiceId, PaymentId},
    invoice, invoice_line,
    kind::{AdjustmentKind, VoucherSource},
    member,
    money::Money,
    organisation,
    partial::{self, PartialRow},
    payment, reminder,
};
use chrono::NaiveDate;
use documents::sie::Voucher;
use sea_orm::{
    Condition, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    bookings::{Booked, Range},
    pending_corrections,
    transactions::{
        Projects, document_text, observation_text, of_adjustment, of_document, text_of, transfer,
    },
};
use crate::{
    books::{Closing, exported::Exported},
    config::{Accounts, Network},
    database::{among, rows},
    error::Result,
    payments::bank::{
        bookkeeping,
        observation::{self, Observed, Part},
    },
};

/// Documents and payments that are processed together.
const CHUNK: usize = 500;

/// Sort key of vouchers: day, kind (documents, payments, adjustments, reminders), then number or
/// reference.
type Position = (NaiveDate, u8, String, Uuid);

/// Builder of the vouchers of a range.
pub(super) struct VoucherBuilder<'c, C> {
    tx: &'c C,
    range: Range,
    accounts: Accounts,
    /// Names of members and organisations.
    names: HashMap<Uuid, String>,
    /// Project and name of each activity.
    pub(super) projects: Projects,
    pub(super) exported: Exported,
    closing: Closing,
    pub(super) booked: Vec<(Position, Booked)>,
}

impl<'c, C: ConnectionTrait> VoucherBuilder<'c, C> {
    pub(super) async fn open(tx: &'c C, network: &Network, range: Range) -> Result<Self> {
        use activity::Column as A;
        // There are few of them, and most vouchers refer to them.
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

    /// Adds the vouchers of these days that were exported before.
    pub(super) fn exported(&mut self) {
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

    /// Adds the corrections of exported vouchers that are in no batch themselves.
    pub(super) async fn corrections(&mut self) -> Result<()> {
        for own in
            pending_corrections::pending(self.tx, &self.exported, self.closing, &self.accounts)
                .await?
        {
            let ((source, source_id), day) = (own.key, own.voucher.date);
            if self.range.has(day) {
                let booked = Booked { source, source_id, part: own.part, voucher: own.voucher };
                self.booked.push(((day, 5, booked.voucher.text.clone(), source_id), booked));
            }
        }
        Ok(())
    }

    pub(super) async fn documents(&mut self) -> Result<()> {
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
                let text = document_text(&document, &self.names);
                let transactions =
                    of_document(&document, &lines, &text, &self.accounts, &self.projects)?;
                if transactions.is_empty() {
                    continue;
                }
                let voucher =
                    Voucher { series: "F", number: None, date: issued_on, text, transactions };
                let id = document.id.into();
                let booked =
                    Booked { source: VoucherSource::Invoice, source_id: id, part: 1, voucher };
                self.booked
                    .push(((issued_on, document.kind as u8, document.number_key, id), booked));
            }
        }
        Ok(())
    }

    pub(super) async fn payments(&mut self) -> Result<()> {
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
            let bank_payments = bookkeeping::of_payments(self.tx, &ids).await?;
            let rows = self.observed(bank_payments.values().copied().collect()).await?;
            for payment in payments {
                // A bank payment is on the observation account until the day on which it is
                // matched.
                let row = bank_payments.get(&payment.id).and_then(|row| rows.get(row));
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
    pub(super) async fn observations(&mut self) -> Result<()> {
        use bank_payment::Column as B;
        let posted_on =
            Expr::from(Func::coalesce([Expr::col(B::PostedOn), Expr::col(B::BookedOn)]));
        let id = || Expr::col((bank_payment::Entity, B::Id));
        let is_in = self.range.holds(VoucherSource::BankPayment, id(), posted_on);
        // A reversed match of a duplicate is undone on the day on which the duplicate was marked.
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
                let (amount, day) = (own.left(&self.exported), observation::voucher_day(&own.row));
                let row = own.row;
                if amount == Money::ZERO || !self.range.has(day) {
                    continue;
                }
                let transactions = transfer(self.accounts.bank, self.accounts.observation, amount);
                let text = observation_text(&row.bank_reference, amount);
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

    /// Returns the account that a payment or refund moves: the bank's, unless its bank payment is
    /// on the observation account.
    fn account_of(&self, part: &Part, of: Option<&Observed>) -> u16 {
        let is_direct = of.is_none_or(|own| part.is_direct(&own.row, &self.exported));
        if is_direct { self.accounts.bank } else { self.accounts.observation }
    }

    /// Adds refunds and write-offs. A refund goes from the claims to the bank; a small difference
    /// goes to the rounding account, without VAT.
    pub(super) async fn adjustments(&mut self) -> Result<()> {
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
            let bank_payments = bookkeeping::of_refunds(self.tx, &refunds).await?;
            let rows = self.observed(bank_payments.values().copied().collect()).await?;
            for own in adjustments {
                let (noun, account) = match own.kind {
                    AdjustmentKind::Refund => {
                        let row = bank_payments.get(&own.id).and_then(|row| rows.get(row));
                        ("Återbetalning", self.account_of(&Part::of_refund(&own), row))
                    }
                    AdjustmentKind::WriteOff => ("Öresutjämning", self.accounts.rounding),
                };
                let transactions = of_adjustment(&own, account, &self.accounts);
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

    pub(super) async fn reminders(&mut self) -> Result<()> {
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
        Ok(found.iter().map(|row| (row.id, document_text(row, &self.names))).collect())
    }

    async fn ids(&self, select: &SelectStatement) -> Result<Vec<Uuid>> {
        let found = self.tx.query_all(select).await?;
        let mut ids =
            found.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect::<Result<Vec<Uuid>>>()?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// Returns the rows with these ids.
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
