//! Deeds on invoices: their life from draft to credit.

use ::entity::{id::InvoiceId, invoice, money};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::{Invoice, Unit, node, run};
use crate::graphql::{
    agreements::counterparty,
    batch::{Batch, BatchRow},
    cost::cost,
    fees::VatRate,
    mutation::mutation,
    network,
    scalars::{Date, Money, Parsed, plain_change, row_id, take},
    viewer,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    idempotency::Warnings,
    invoices::{
        Buyer,
        credit::{self, NewCredit},
        draft::{self, DraftChanges, NewInvoice, NewLine},
        issue,
        supply_date::Supplied,
    },
};

async fn changed(ctx: &Context<'_>, id: InvoiceId) -> Result<Invoice> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such invoice".into()))
}

/// The invoice that was issued, with the warnings about it.
async fn issued(ctx: &Context<'_>, id: InvoiceId, warnings: Warnings) -> Result<Invoice> {
    let invoice = changed(ctx, id).await?;
    Ok(Invoice(BatchRow::at(
        &Batch::with_extra(vec![invoice::Model::clone(&invoice.0)], warnings),
        0,
    )))
}

/// A line of an invoice to be drafted.
#[derive(InputObject)]
pub struct InvoiceLineInput {
    /// What for, as the buyer reads it; in Swedish.
    description: String,
    /// The activity that earns it; left out, that of the agreement.
    activity: Option<ID>,
    /// The agreement behind it, which must be with the buyer and one that you may see.
    agreement: Option<ID>,
    /// The day of supply, when it was one day; not together with a period. A line that charges VAT
    /// and has neither, nor has the invoice, gets the day of issue when it is issued, with a
    /// warning.
    supplied_on: Option<Parsed<Date>>,
    /// First day that it covers. A line that names an agreement and a period within one year is
    /// that year's special fee: an invoice run does not invoice it again.
    period_from: Option<Parsed<Date>>,
    /// Last day that it covers; given together with `periodFrom`.
    period_to: Option<Parsed<Date>>,
    /// How many: a decimal number above 0 with at most three decimals.
    #[graphql(default_with = "\"1\".to_owned()")]
    quantity: String,
    /// Of what.
    #[graphql(default_with = "Unit::Piece")]
    unit: Unit,
    /// The price of one, without VAT; negative for a deduction.
    unit_price: Parsed<Money>,
    /// How it is taxed, not ZERO. OUTSIDE_SCOPE can't stand on the same invoice as the others. Left
    /// out: as the agreement says, else as the network's tax decision (`taxDecisionRecord`) or the
    /// prices of the activity do, or those of the member's fee that the description names; CONFLICT
    /// with reason VAT_UNDECIDED when none of them says it.
    vat_rate: Option<VatRate>,
    /// The reason of the exemption, as the buyer reads it (BT-120); for EXEMPT alone. Left out:
    /// that of the tax decision, else of the settings.
    exemption_reason: Option<String>,
    /// The reason's code of the list VATEX (BT-121), as `VATEX-EU-132-1I`; given together with
    /// `exemptionReason`.
    exemption_code: Option<String>,
    /// Revenue account (konto) of four digits, none that the settings use for receivables, bank,
    /// observation, VAT or rounding; left out, as the settings have it.
    account: Option<String>,
}

fn lines(parsed: Vec<InvoiceLineInput>, errors: &mut ValidationErrors) -> Vec<NewLine> {
    let line = |(position, line): (usize, InvoiceLineInput)| {
        let path = |field: &str| format!("input.lines.{position}.{field}");
        NewLine {
            description: line.description,
            activity: line.activity.map(|id| row_id(&id, "activity", &path("activity"), errors)),
            agreement: line
                .agreement
                .map(|id| row_id(&id, "agreement", &path("agreement"), errors)),
            supplied_on: take(line.supplied_on, &path("suppliedOn"), errors).map(|day| day.0),
            period_from: take(line.period_from, &path("periodFrom"), errors).map(|day| day.0),
            period_to: take(line.period_to, &path("periodTo"), errors).map(|day| day.0),
            quantity: errors.take(&path("quantity"), line.quantity.parse::<money::Quantity>()),
            unit: line.unit.into(),
            unit_price: line.unit_price.take(&path("unitPrice"), errors).0,
            vat_rate: line.vat_rate.map(Into::into),
            exemption_reason: line.exemption_reason,
            exemption_code: line.exemption_code,
            account: line.account,
        }
    };
    parsed.into_iter().enumerate().map(line).collect()
}

/// The member or organisation that an id means.
fn buyer(id: &ID, errors: &mut ValidationErrors) -> Buyer {
    match counterparty(id, "input.buyer", errors) {
        Some(domain::agreements::Counterparty::Organisation(id)) => Buyer::Organisation(id),
        Some(domain::agreements::Counterparty::Member(id)) => Buyer::Member(id),
        None => Buyer::Member(Default::default()),
    }
}

/// An invoice to be drafted.
#[derive(InputObject)]
pub struct InvoiceDraftInput {
    /// Who is to pay it: a member or an organisation.
    buyer: ID,
    /// What it is for, 1 to 1000 lines.
    lines: Vec<InvoiceLineInput>,
    /// Days from issue to the last day to pay, 0 to 30; left out: as the agreements of its lines
    /// have it (`payment_days`), else as the settings do. Fewer than 30 days take no interest
    /// before the 30th day after issue, unless an agreement or the statutes say so.
    due_in_days: Option<i32>,
    /// The issued invoice that this one corrects upwards; needs a `reason`. What was too much is
    /// credited instead.
    corrects: Option<ID>,
    /// What is corrected, and why; or any other word to the buyer.
    reason: Option<String>,
    /// The buyer's order that it is for (BT-13), as `PO-4711`.
    order_reference: Option<String>,
    /// Vår referens: whom of the network to ask (BT-41), often a name, which `personErase` erases.
    our_reference: Option<String>,
    /// Er referens: the buyer's reference (BT-10), as a cost center or a name; left out, that of
    /// the buyer's billing details on the day of issue.
    buyer_reference: Option<String>,
    /// The day of supply of the lines that have neither one nor a period.
    supplied_on: Option<Parsed<Date>>,
    /// First day that those lines cover, when it was not one day.
    period_from: Option<Parsed<Date>>,
    /// Last day that those lines cover; given together with `periodFrom`.
    period_to: Option<Parsed<Date>>,
}

/// What changes about a draft; what is left out stays as it is.
#[derive(InputObject)]
pub struct InvoiceDraftUpdateInput {
    /// Which.
    invoice: ID,
    /// Another buyer.
    buyer: Option<ID>,
    /// All of its lines.
    lines: Option<Vec<InvoiceLineInput>>,
    /// Null: as the agreements of its lines have it, else as the settings do.
    due_in_days: MaybeUndefined<i32>,
    /// Null: none.
    reason: MaybeUndefined<String>,
    /// Null: none.
    order_reference: MaybeUndefined<String>,
    /// Null: none.
    our_reference: MaybeUndefined<String>,
    /// Null: that of the buyer's billing details on the day of issue.
    buyer_reference: MaybeUndefined<String>,
    /// The day of supply of the lines that have neither one nor a period.
    supplied_on: Option<Parsed<Date>>,
    /// First day that those lines cover, when it was not one day.
    period_from: Option<Parsed<Date>>,
    /// Last day that those lines cover; given together with `periodFrom`.
    period_to: Option<Parsed<Date>>,
}

/// When an invoice's lines were supplied that say nothing of it.
fn supplied([on, from, to]: [Option<Parsed<Date>>; 3], errors: &mut ValidationErrors) -> Supplied {
    let mut day = |parsed, path: &str| take(parsed, path, errors).map(|day: Date| day.0);
    Supplied {
        on: day(on, "input.suppliedOn"),
        from: day(from, "input.periodFrom"),
        to: day(to, "input.periodTo"),
    }
}

/// A draft to be thrown away.
#[derive(InputObject)]
pub struct InvoiceDraftDiscardInput {
    /// Which.
    invoice: ID,
}

/// A draft to be issued.
#[derive(InputObject)]
pub struct InvoiceIssueInput {
    /// Which.
    invoice: ID,
    /// Day of issue; left out today, and never a day to come.
    issued_on: Option<Parsed<Date>>,
}

/// A credit to be given.
#[derive(InputObject)]
pub struct InvoiceCreditInput {
    /// The invoice.
    invoice: ID,
    /// Leave out to credit all that is left.
    lines: Option<Vec<InvoiceCreditLineInput>>,
    /// Why, as the buyer reads it.
    reason: String,
    /// Day of issue of the credit note; left out today.
    issued_on: Option<Parsed<Date>>,
}

/// What is credited of a line.
#[derive(InputObject)]
pub struct InvoiceCreditLineInput {
    /// The line.
    line: ID,
    /// How much, without VAT: up to what is left of the line, and of its sign.
    amount: Parsed<Money>,
}

/// Deeds on invoices.
#[derive(Default)]
pub struct InvoiceMutation;

#[Object]
impl InvoiceMutation {
    /// Drafts an invoice. It has no number until it is issued, and its sums are as they will be.
    async fn invoice_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: InvoiceDraftInput,
    ) -> Result<Invoice> {
        let mut errors = ValidationErrors::default();
        let new = NewInvoice {
            buyer: buyer(&input.buyer, &mut errors),
            lines: lines(input.lines, &mut errors),
            due_in_days: input.due_in_days,
            corrects: input
                .corrects
                .map(|id| row_id(&id, "invoice", "input.corrects", &mut errors)),
            reason: input.reason,
            order_reference: input.order_reference,
            our_reference: input.our_reference,
            buyer_reference: input.buyer_reference,
            supplied: supplied(
                [input.supplied_on, input.period_from, input.period_to],
                &mut errors,
            ),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(draft::draft(mutation.db(), viewer(ctx), network(ctx), new, errors), |id| {
                changed(ctx, id)
            })
            .await
    }

    /// Changes a draft. CONFLICT with reason ALREADY_ISSUED when it is none any longer.
    async fn invoice_draft_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: InvoiceDraftUpdateInput,
    ) -> Result<Invoice> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.invoice, "invoice", "input.invoice", &mut errors);
        let changes = DraftChanges {
            buyer: input.buyer.map(|id| buyer(&id, &mut errors)),
            lines: input.lines.map(|parsed| lines(parsed, &mut errors)),
            due_in_days: plain_change(input.due_in_days),
            reason: plain_change(input.reason),
            order_reference: plain_change(input.order_reference),
            our_reference: plain_change(input.our_reference),
            buyer_reference: plain_change(input.buyer_reference),
            supplied: supplied(
                [input.supplied_on, input.period_from, input.period_to],
                &mut errors,
            ),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(
                draft::update(mutation.db(), viewer(ctx), network(ctx), id, changes, errors),
                |()| changed(ctx, id),
            )
            .await
    }

    /// Throws a draft away, and answers what it was; the audit trail keeps it. CONFLICT with reason
    /// ALREADY_ISSUED.
    async fn invoice_draft_discard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: InvoiceDraftDiscardInput,
    ) -> Result<Invoice> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.invoice, "invoice", "input.invoice", &mut errors);
        let mutation = mutation(ctx);
        let payload = |was| async { Ok(run::planned(vec![was]).remove(0)) };
        mutation.perform(draft::discard(mutation.db(), viewer(ctx), id, errors), payload).await
    }

    /// Issues a draft: it gets the next number of its series and the reference that it is paid with
    /// (OCR), and never changes again. INVALID names all that it needs and the register lacks, of
    /// the buyer (`buyer.…`) and of the network's settings (`network.…`). CONFLICT with reason
    /// ALREADY_ISSUED, CREDIT_NOTE or OCR_TAKEN. `warnings` names lines that got the day of issue
    /// as their day of supply, and lines with another VAT treatment than the tax decision in force.
    async fn invoice_issue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: InvoiceIssueInput,
    ) -> Result<Invoice> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.invoice, "invoice", "input.invoice", &mut errors);
        let issued_on = take(input.issued_on, "input.issuedOn", &mut errors).map(|day| day.0);
        let mutation = mutation(ctx);
        mutation
            .perform(
                issue::issue(mutation.db(), viewer(ctx), network(ctx), id, issued_on, errors),
                |warnings| issued(ctx, id, warnings),
            )
            .await
    }

    /// Credits an issued invoice, all that is left of it or some of its lines, and answers the
    /// credit note, which has a number of its own series. It may be done several times, never
    /// beyond the invoice. CONFLICT with reason NOT_ISSUED, CREDIT_NOTE, NOTHING_LEFT or
    /// BEYOND_INVOICE.
    async fn invoice_credit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: InvoiceCreditInput,
    ) -> Result<Invoice> {
        let mut errors = ValidationErrors::default();
        let line = |(position, line): (usize, InvoiceCreditLineInput),
                    errors: &mut ValidationErrors| {
            let path = |field: &str| format!("input.lines.{position}.{field}");
            (
                row_id(&line.line, "invoice_line", &path("line"), errors),
                line.amount.take(&path("amount"), errors).0,
            )
        };
        let new = NewCredit {
            invoice: row_id(&input.invoice, "invoice", "input.invoice", &mut errors),
            lines: input.lines.map(|parsed| {
                parsed.into_iter().enumerate().map(|parsed| line(parsed, &mut errors)).collect()
            }),
            reason: input.reason,
            issued_on: take(input.issued_on, "input.issuedOn", &mut errors).map(|day| day.0),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(credit::credit(mutation.db(), viewer(ctx), network(ctx), new, errors), |id| {
                changed(ctx, id)
            })
            .await
    }

    /// Invoices a year's special fees of every agreement of an activity, or a year's fee of every
    /// member, all at once; running it again issues only what is new. When somebody can't be
    /// invoiced it issues nothing and says whom and why, unless `skipProblems`. CONFLICT with
    /// reason NO_FEE_RULE when members' fees have no rule for the year, VAT_UNDECIDED when no tax
    /// decision says how they are taxed. It may take seconds, in which nobody else writes.
    #[graphql(directive = cost::apply("20000".into()))]
    async fn invoice_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: run::InvoiceRunInput,
    ) -> Result<run::InvoiceRun> {
        run::run(ctx, input).await
    }
}
