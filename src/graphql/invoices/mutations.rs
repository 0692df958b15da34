//! GraphQL mutations of invoices, from draft to credit note.

use std::collections::HashMap;

use ::entity::{id::InvoiceId, invoice};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use futures_util::future::BoxFuture;

use super::{
    payloads::{
        InvoiceCreditPayload, InvoiceDraftDiscardPayload, InvoiceDraftPayload,
        InvoiceDraftUpdatePayload, InvoiceIssuePayload, InvoiceRunPayload,
    },
    relations::changed,
    types::{
        Invoice, IssueWarnings,
        lines::QuantityUnit,
        run::{InvoiceRun, planned},
    },
};
use crate::graphql::{
    agreements::queries::counterparty,
    batch::{Batch, BatchRow},
    cost::cost,
    fees::types::VatRate,
    mutation::mutation,
    network,
    scalars::{Date, Decimal, Money, Parsed, plain_change, row_id, take},
};
use domain::{
    error::{FieldErrorCode, Result, ValidationErrors},
    idempotency::Warnings,
    invoices::{
        Buyer,
        credit::{self, NewCredit},
        discard_draft::discard_draft,
        draft::{self, NewInvoice},
        draft_lines::NewLine,
        invoice_run, issue,
        issue_each::{Issuable, IssuableContent},
        issue_new::{self, NewIssue, NewIssued},
        run_plan::{Fees, RunInput},
        supply_date::Supplied,
        update_draft::{DraftChanges, update_draft},
    },
};

/// Returns the issued invoice with its warnings.
async fn issued(ctx: &Context<'_>, id: InvoiceId, warnings: Warnings) -> Result<Invoice> {
    let invoice = changed(ctx, id).await?;
    let warnings = IssueWarnings(HashMap::from([(id, warnings.0)]));
    Ok(Invoice(BatchRow::at(
        &Batch::with_extra(vec![invoice::Model::clone(&invoice.0)], warnings),
        0,
    )))
}

/// A line of an invoice draft.
#[derive(InputObject)]
pub struct InvoiceLineInput {
    /// Description for the buyer, in Swedish.
    description: String,
    /// Id of the activity that earns it; defaults to that of the agreement.
    activity_id: Option<ID>,
    /// Id of the agreement that it is invoiced by; it must be with the buyer, and you must be
    /// allowed to see it.
    agreement_id: Option<ID>,
    /// Day of supply, when it was one day; excludes a period. A line with VAT that has neither, on
    /// an invoice without a day of supply, gets the day of issue when it is issued, with a warning.
    supplied_on: Option<Parsed<Date>>,
    /// First day of the covered period. A line with an agreement and a period within one year is
    /// that year's special fee: an invoice run does not invoice it again.
    period_from: Option<Parsed<Date>>,
    /// Last day of the covered period, within ten years; required with `periodFrom`.
    period_to: Option<Parsed<Date>>,
    /// Quantity: a decimal number above 0 with at most three decimals, as `1.5`.
    #[graphql(default_with = "Decimal::new(1)")]
    quantity: Decimal,
    /// Unit of the quantity.
    #[graphql(default_with = "QuantityUnit::Piece")]
    unit: QuantityUnit,
    /// Price per unit in kronor, without VAT; negative for a deduction.
    unit_price: Parsed<Money>,
    /// VAT treatment; ZERO is refused. OUTSIDE_SCOPE can't be combined with others on an invoice.
    /// Defaults to that of the agreement, else of the network's tax decision (`taxDecisionRecord`)
    /// or the prices of the activity, or of the member's fee that the description names. CONFLICT
    /// with reason VAT_UNDECIDED when none of them states it.
    vat_rate: Option<VatRate>,
    /// Reason of the exemption for the buyer (BT-120); for EXEMPT only. Defaults to that of the tax
    /// decision, else of the settings.
    exemption_reason: Option<String>,
    /// Code of the reason in the code list VATEX (BT-121), as `VATEX-EU-132-1I`; requires
    /// `exemptionReason`.
    exemption_code: Option<String>,
    /// Revenue account (konto) of four digits; not one that the settings use for receivables, bank,
    /// observation, VAT or rounding. Defaults to that of the settings.
    account: Option<String>,
}

fn lines(parsed: Vec<InvoiceLineInput>, errors: &mut ValidationErrors) -> Vec<NewLine> {
    let line = |(position, line): (usize, InvoiceLineInput)| {
        let path = |field: &str| format!("lines[{position}].{field}");
        NewLine {
            description: line.description,
            activity: line.activity_id.map(|id| row_id(&id, &path("activity_id"), errors)),
            agreement: line.agreement_id.map(|id| row_id(&id, &path("agreement_id"), errors)),
            supplied_on: take(line.supplied_on, &path("supplied_on"), errors).map(|day| day.0),
            period_from: take(line.period_from, &path("period_from"), errors).map(|day| day.0),
            period_to: take(line.period_to, &path("period_to"), errors).map(|day| day.0),
            quantity: line.quantity.read(&path("quantity"), errors),
            unit: line.unit.into(),
            unit_price: line.unit_price.take(&path("unit_price"), errors).0,
            vat_rate: line.vat_rate.map(Into::into),
            exemption_reason: line.exemption_reason,
            exemption_code: line.exemption_code,
            account: line.account,
        }
    };
    parsed.into_iter().enumerate().map(line).collect()
}

/// Parses the id of a member or organisation.
fn buyer(id: &ID, errors: &mut ValidationErrors) -> Buyer {
    counterparty(id, "buyer_id", errors).map_or(Buyer::Member(Default::default()), Buyer::from)
}

/// Input of `invoiceDraft`, and of an invoice that `invoiceIssue` drafts and issues.
#[derive(InputObject)]
pub struct InvoiceDraftInput {
    /// Id of the buyer, a member or an organisation.
    buyer_id: ID,
    /// Lines, 1 to 1000.
    lines: Vec<InvoiceLineInput>,
    /// Days from issue to the last day to pay, 0 to 30. Defaults to the agreements of its lines
    /// (`payment_days`), else to the settings. With fewer than 30 days, interest still starts after
    /// the 30th day from issue, unless an agreement or the statutes provide otherwise.
    due_in_days: Option<i32>,
    /// Id of the issued invoice that this one corrects upwards; requires `reason`. Credit an
    /// invoice that was too high (`invoiceCredit`).
    corrects_id: Option<ID>,
    /// Reason of the correction, or another note to the buyer.
    reason: Option<String>,
    /// Order reference of the buyer (BT-13), as `PO-4711`.
    order_reference: Option<String>,
    /// Contact person of the network (Vår referens, BT-41); often a name, which `personErase`
    /// erases.
    our_reference: Option<String>,
    /// Buyer's reference (Er referens, BT-10), as a cost center or a name. Defaults to that of the
    /// buyer's billing details on the day of issue.
    buyer_reference: Option<String>,
    /// Day of supply of the lines without a day of supply or period.
    supplied_on: Option<Parsed<Date>>,
    /// First day of the period of those lines, when it was not one day.
    period_from: Option<Parsed<Date>>,
    /// Last day of the period of those lines, within ten years; required with `periodFrom`.
    period_to: Option<Parsed<Date>>,
}

impl InvoiceDraftInput {
    /// Converts the input; adds an error for each bad field.
    fn check(self, errors: &mut ValidationErrors) -> NewInvoice {
        NewInvoice {
            buyer: buyer(&self.buyer_id, errors),
            lines: lines(self.lines, errors),
            due_in_days: self.due_in_days,
            corrects: self.corrects_id.map(|id| row_id(&id, "corrects_id", errors)),
            reason: self.reason,
            order_reference: self.order_reference,
            our_reference: self.our_reference,
            buyer_reference: self.buyer_reference,
            supplied: supplied([self.supplied_on, self.period_from, self.period_to], errors),
        }
    }
}

/// Input of `invoiceDraftUpdate`. Omitted fields stay unchanged.
#[derive(InputObject)]
pub struct InvoiceDraftUpdateInput {
    /// Id of the draft.
    invoice_id: ID,
    /// Id of another buyer, a member or an organisation.
    buyer_id: Option<ID>,
    /// All lines; replaces the present ones.
    lines: Option<Vec<InvoiceLineInput>>,
    /// Days from issue to the last day to pay; null: as in the agreements of its lines, else as in
    /// the settings.
    due_in_days: MaybeUndefined<i32>,
    /// Note to the buyer; null removes it.
    reason: MaybeUndefined<String>,
    /// Order reference of the buyer (BT-13); null removes it.
    order_reference: MaybeUndefined<String>,
    /// Contact person of the network (BT-41); null removes it.
    our_reference: MaybeUndefined<String>,
    /// Buyer's reference (BT-10); null: that of the buyer's billing details on the day of issue.
    buyer_reference: MaybeUndefined<String>,
    /// Day of supply of the lines without a day of supply or period.
    supplied_on: Option<Parsed<Date>>,
    /// First day of the period of those lines, when it was not one day.
    period_from: Option<Parsed<Date>>,
    /// Last day of the period of those lines, within ten years; required with `periodFrom`.
    period_to: Option<Parsed<Date>>,
}

/// Converts the default supply of lines that state none.
fn supplied([on, from, to]: [Option<Parsed<Date>>; 3], errors: &mut ValidationErrors) -> Supplied {
    let mut day = |parsed, path: &str| take(parsed, path, errors).map(|day: Date| day.0);
    Supplied {
        on: day(on, "supplied_on"),
        from: day(from, "period_from"),
        to: day(to, "period_to"),
    }
}

/// Input of `invoiceDraftDiscard`.
#[derive(InputObject)]
pub struct InvoiceDraftDiscardInput {
    /// Id of the draft.
    invoice_id: ID,
}

/// Input of `invoiceIssue`. Set exactly one of `invoiceId` and `draft`.
#[derive(InputObject)]
pub struct InvoiceIssueInput {
    /// Id of the draft.
    invoice_id: Option<ID>,
    /// Invoice to draft and issue in one change.
    draft: Option<Box<InvoiceDraftInput>>,
    /// Day of issue, not after today; defaults to today.
    issued_on: Option<Parsed<Date>>,
}

impl InvoiceIssueInput {
    /// Converts the input; adds an error for each bad field.
    pub(super) fn check(self, errors: &mut ValidationErrors) -> Issuable {
        errors.expect(
            self.invoice_id.is_some() != self.draft.is_some(),
            "",
            FieldErrorCode::Required.problem("must have one of invoiceId and draft"),
        );
        let id = self.invoice_id.map(|id| row_id(&id, "invoice_id", errors)).unwrap_or_default();
        let issued_on = take(self.issued_on, "issued_on", errors).map(|day| day.0);
        let content = match self.draft {
            Some(draft) => {
                let mut of_draft = ValidationErrors::default();
                let new = draft.check(&mut of_draft);
                IssuableContent::New(Box::new(new), of_draft)
            }
            None => IssuableContent::Draft(id),
        };
        Issuable { content, issued_on }
    }
}

/// Input of `invoiceCredit`.
#[derive(InputObject)]
pub struct InvoiceCreditInput {
    /// Id of the issued invoice.
    invoice_id: ID,
    /// Lines to credit; omit to credit everything that is not yet credited.
    lines: Option<Vec<InvoiceCreditLineInput>>,
    /// Reason for the buyer.
    reason: String,
    /// Day of issue of the credit note; defaults to today.
    issued_on: Option<Parsed<Date>>,
}

/// Amount to credit of a line.
#[derive(InputObject)]
pub struct InvoiceCreditLineInput {
    /// Id of the line.
    line_id: ID,
    /// Amount in kronor without VAT, at most the remainder of the line and with its sign.
    amount: Parsed<Money>,
}

/// Input of `invoiceRun`. Set exactly one of `activityId`, `serviceFee` and `membershipFee`.
#[derive(InputObject)]
pub struct InvoiceRunInput {
    /// Id of the activity whose special fees (särskilda avgifter) are invoiced, by its agreements.
    activity_id: Option<ID>,
    /// `true` to invoice the service fee (serviceavgift) of every member.
    service_fee: Option<bool>,
    /// `true` to invoice the membership fee (medlemsavgift) of every member.
    membership_fee: Option<bool>,
    /// Calendar year of the fees. An agreement in force for a part of it pays the months on whose
    /// first day it is in force.
    year: i32,
    /// Day of issue, not after today; defaults to today.
    issued_on: Option<Parsed<Date>>,
    /// Ids of members to invoice; omit for all buyers, organisations included.
    member_ids: Option<Vec<ID>>,
    /// `true` to skip buyers that can't be invoiced; otherwise the run issues nothing if there is
    /// any.
    #[graphql(default)]
    skip_problems: bool,
    /// `true` to invoice a fee although it was decided after the day of issue, or after its year.
    /// Otherwise the run fails with CONFLICT and the reason DECIDED_LATE; the preview has it among
    /// its `warnings`.
    #[graphql(default)]
    confirm_decision: bool,
    /// Contact person of the network on every invoice (Vår referens, BT-41).
    our_reference: Option<String>,
    /// Buyer's reference (Er referens, BT-10), when `memberIds` names one member. Defaults to that
    /// of each buyer's billing details.
    buyer_reference: Option<String>,
}

impl InvoiceRunInput {
    /// Converts the input; adds an error for each bad field.
    pub(super) fn check(self, errors: &mut ValidationErrors) -> RunInput {
        let (service, membership) =
            (self.service_fee == Some(true), self.membership_fee == Some(true));
        let count = usize::from(self.activity_id.is_some())
            + usize::from(service)
            + usize::from(membership);
        errors.expect(
            count == 1,
            "",
            FieldErrorCode::Required
                .problem("must have one of activity, serviceFee and membershipFee"),
        );
        let fees = match self.activity_id {
            Some(id) => Fees::Special(row_id(&id, "activity_id", errors)),
            None if membership => Fees::Membership,
            None => Fees::Service,
        };
        let member = |(position, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, &format!("member_ids[{position}]"), errors)
        };
        RunInput {
            fees,
            year: self.year,
            issued_on: take(self.issued_on, "issued_on", errors).map(|day| day.0),
            members: self
                .member_ids
                .map(|ids| ids.into_iter().enumerate().map(|id| member(id, errors)).collect()),
            skip_problems: self.skip_problems,
            confirm_decision: self.confirm_decision,
            our_reference: self.our_reference,
            buyer_reference: self.buyer_reference,
        }
    }
}

/// Mutations of invoices.
#[derive(Default)]
pub struct InvoiceMutation;

#[Object]
impl InvoiceMutation {
    /// Drafts an invoice. It has no number until it is issued; its sums are already calculated.
    /// CONFLICT with reason VAT_UNDECIDED when nothing states the VAT treatment of a line.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn invoice_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invoice to draft.")] input: Box<InvoiceDraftInput>,
    ) -> Option<Result<InvoiceDraftPayload>> {
        let mut errors = ValidationErrors::default();
        let new = input.check(&mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(draft::draft(mutation.context(), network(ctx), new, errors), async |id| {
                    Ok(InvoiceDraftPayload { invoice: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Changes a draft. CONFLICT with reason ALREADY_ISSUED when it is no longer a draft, or
    /// VAT_UNDECIDED as in `invoiceDraft`.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn invoice_draft_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: Box<InvoiceDraftUpdateInput>,
    ) -> Option<Result<InvoiceDraftUpdatePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.invoice_id, "invoice_id", &mut errors);
        let changes = DraftChanges {
            buyer: input.buyer_id.map(|id| buyer(&id, &mut errors)),
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
        Some(
            mutation
                .perform(
                    update_draft(mutation.context(), network(ctx), id, changes, errors),
                    async |()| Ok(InvoiceDraftUpdatePayload { invoice: changed(ctx, id).await? }),
                )
                .await,
        )
    }

    /// Deletes a draft, and returns its last content; the audit trail retains it. CONFLICT with
    /// reason ALREADY_ISSUED.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn invoice_draft_discard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft to delete.")] input: Box<InvoiceDraftDiscardInput>,
    ) -> Option<Result<InvoiceDraftDiscardPayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.invoice_id, "invoice_id", &mut errors);
        let mutation = mutation(ctx);
        let payload =
            async |was| Ok(InvoiceDraftDiscardPayload { invoice: planned(vec![was]).remove(0) });
        let rule = discard_draft(mutation.context(), id, errors);
        Some(mutation.perform(rule, payload).await)
    }

    /// Issues a draft: it gets the next number of its series and its payment reference (OCR), and
    /// its content never changes again. With `draft`, it drafts an invoice and issues it in one
    /// change, and has the errors of `invoiceDraft` too, with fields below `draft`. INVALID names
    /// all required data that is not recorded, of the buyer (`buyer.…`) and in the network's
    /// settings (`network.…`). CONFLICT with reason ALREADY_ISSUED, ALREADY_INVOICED when the
    /// special fee of a line was invoiced since, LATEST_IN_FUTURE when the latest invoice is dated
    /// after today and `issuedOn` is omitted, CREDIT_NOTE for an imported draft of a credit note,
    /// or OCR_TAKEN. `warnings` names lines that got the day of issue as their day of supply, and
    /// lines whose VAT treatment differs from the tax decision in force.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn invoice_issue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft or the invoice to issue.")] input: Box<InvoiceIssueInput>,
    ) -> Option<Result<InvoiceIssuePayload>> {
        let mut errors = ValidationErrors::default();
        let Issuable { content, issued_on } = input.check(&mut errors);
        let id = match content {
            IssuableContent::Draft(id) => id,
            IssuableContent::New(draft, of_draft) => {
                let new = NewIssue { draft: *draft, issued_on };
                return Some(issue_draft(ctx, new, of_draft, errors).await);
            }
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    issue::issue(mutation.context(), network(ctx), id, issued_on, errors),
                    async |warnings| {
                        Ok(InvoiceIssuePayload { invoice: issued(ctx, id, warnings).await? })
                    },
                )
                .await,
        )
    }

    /// Credits an issued invoice in full or by line, and returns the credit note, which has a
    /// number of its own series. An invoice can be credited several times, up to its total.
    /// CONFLICT with reason NOT_ISSUED, CREDIT_NOTE, NOTHING_LEFT or BEYOND_INVOICE.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn invoice_credit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invoice or lines to credit.")] input: Box<InvoiceCreditInput>,
    ) -> Option<Result<InvoiceCreditPayload>> {
        let mut errors = ValidationErrors::default();
        let line = |(position, line): (usize, InvoiceCreditLineInput),
                    errors: &mut ValidationErrors| {
            let path = |field: &str| format!("lines[{position}].{field}");
            (
                row_id(&line.line_id, &path("line_id"), errors),
                line.amount.take(&path("amount"), errors).0,
            )
        };
        let new = NewCredit {
            invoice: row_id(&input.invoice_id, "invoice_id", &mut errors),
            lines: input.lines.map(|parsed| {
                parsed.into_iter().enumerate().map(|parsed| line(parsed, &mut errors)).collect()
            }),
            reason: input.reason,
            issued_on: take(input.issued_on, "issued_on", &mut errors).map(|day| day.0),
        };
        let credited = new.invoice;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    credit::credit(mutation.context(), network(ctx), new, errors),
                    async |id| {
                        Ok(InvoiceCreditPayload {
                            credit_note: changed(ctx, id).await?,
                            invoice: changed(ctx, credited).await?,
                        })
                    },
                )
                .await,
        )
    }

    /// Invoices the special fees of a year of all agreements of an activity, or a fee of a year of
    /// all members, in one transaction. Running it again issues only new invoices. When a buyer
    /// can't be invoiced it issues nothing, and lists the buyers with reasons, unless
    /// `skipProblems` is set. CONFLICT with reason NO_FEE_RULE when the members' fee has no rule
    /// for the year, VAT_UNDECIDED when no tax decision states the VAT treatment, DECIDED_LATE
    /// unless `confirmDecision` is set, TOO_LARGE when the invoices together exceed the largest
    /// amount, ALREADY_INVOICED, or OCR_TAKEN. It may take seconds, and other writers wait.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    #[graphql(directive = cost::apply("20000".into()))]
    async fn invoice_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The fees to invoice.")] input: Box<InvoiceRunInput>,
    ) -> Option<Result<InvoiceRunPayload>> {
        let run = Box::pin(run(ctx, *input)).await;
        Some(run.map(|invoice_run| InvoiceRunPayload { invoice_run }))
    }
}

/// Drafts an invoice and issues it.
fn issue_draft<'c>(
    ctx: &'c Context<'_>,
    new: NewIssue,
    of_draft: ValidationErrors,
    errors: ValidationErrors,
) -> BoxFuture<'c, Result<InvoiceIssuePayload>> {
    Box::pin(async move {
        let mutation = mutation(ctx);
        let rule = issue_new::issue_new(mutation.context(), network(ctx), new, of_draft, errors);
        mutation
            .perform(rule, async |NewIssued { id, warnings }| {
                let invoice = issued(ctx, id, Warnings(warnings)).await?;
                Ok(InvoiceIssuePayload { invoice })
            })
            .await
    })
}

/// Runs an invoice run.
async fn run(ctx: &Context<'_>, input: InvoiceRunInput) -> Result<InvoiceRun> {
    let mut errors = ValidationErrors::default();
    let ask = input.check(&mut errors);
    let mutation = mutation(ctx);
    mutation
        .perform(
            invoice_run::run(mutation.context(), network(ctx), &ask, errors, |_, _| {}),
            |done| InvoiceRun::of_result(ctx, done),
        )
        .await
}
