//! The invoice run as the API tells of it.

use std::collections::HashMap;

use ::entity::{
    id::{AgreementId, InvoiceId, MemberId, OrganisationId},
    invoice, invoice_line, money,
};
use async_graphql::{Context, Description, ID, InputObject, Object};

use super::{
    Invoice,
    run_months::{InvoiceRunInvoicedMonth, InvoiceRunToCredit, invoiced_months, to_credit},
};
use crate::graphql::{
    agreements::{Agreement, Counterparty, agreement_of, counterparty_of},
    batch::{Batch, BatchRow, take_rows},
    connection::every,
    cost::{cost, list_size},
    database,
    mutation::mutation,
    network,
    scalars::{Date, Money, Parsed, row_id, take},
    viewer,
};
use domain::{
    error::{Result, ValidationErrors},
    invoices::{
        self, Buyer,
        aggregate::Whole,
        invoice_run::{self, Ask, Done, Fees, Plan},
    },
};

/// What an invoice run invoices; give one of `activity`, `serviceFee` and `membershipFee`.
#[derive(InputObject)]
pub struct InvoiceRunInput {
    /// The special fees (särskilda avgifter) of the agreements of this activity.
    activity: Option<ID>,
    /// True: the service fee (serviceavgift) of every member.
    service_fee: Option<bool>,
    /// True: the membership fee (medlemsavgift) of every member.
    membership_fee: Option<bool>,
    /// The calendar year that the fees are of. An agreement that is in force for a part of it pays
    /// the months on whose first day it is.
    year: i32,
    /// Day of issue; left out today, and never a day to come.
    issued_on: Option<Parsed<Date>>,
    /// Only these members; left out all, and organisations too.
    members: Option<Vec<ID>>,
    /// Whether those who can't be invoiced are left out; otherwise they hold up the rest.
    #[graphql(default)]
    skip_problems: bool,
    /// True: a fee that was decided after the day of issue, or after its year, is invoiced all the
    /// same. Otherwise the run fails with CONFLICT and the reason DECIDED_LATE; the preview has it
    /// among its `warnings`.
    #[graphql(default)]
    confirm_decision: bool,
    /// Vår referens on every invoice: whom of the network to ask (BT-41).
    our_reference: Option<String>,
    /// Er referens (BT-10), when `members` names one member; left out, that of each buyer's billing
    /// details.
    buyer_reference: Option<String>,
}

impl InvoiceRunInput {
    fn check(self, errors: &mut ValidationErrors) -> Ask {
        let (service, membership) =
            (self.service_fee == Some(true), self.membership_fee == Some(true));
        let count =
            usize::from(self.activity.is_some()) + usize::from(service) + usize::from(membership);
        errors.expect(
            count == 1,
            "input",
            "must have one of activity, serviceFee and membershipFee",
        );
        let fees = match self.activity {
            Some(id) => Fees::Special(row_id(&id, "activity", "input.activity", errors)),
            None if membership => Fees::Membership,
            None => Fees::Service,
        };
        let member = |(position, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, "member", &format!("input.members.{position}"), errors)
        };
        Ask {
            fees,
            year: self.year,
            issued_on: take(self.issued_on, "input.issuedOn", errors).map(|day| day.0),
            members: self
                .members
                .map(|ids| ids.into_iter().enumerate().map(|id| member(id, errors)).collect()),
            skip_problems: self.skip_problems,
            confirm_decision: self.confirm_decision,
            our_reference: self.our_reference,
            buyer_reference: self.buyer_reference,
        }
    }
}

/// The lines of invoices that are not in the register.
pub(super) struct Planned(HashMap<InvoiceId, Vec<invoice_line::Model>>);

impl Planned {
    /// All of them.
    pub fn lines(&self) -> impl Iterator<Item = &invoice_line::Model> {
        self.0.values().flatten()
    }

    /// Those of one.
    pub fn of(&self, invoice: InvoiceId) -> &[invoice_line::Model] {
        self.0.get(&invoice).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Invoices that are not in the register, with their lines.
pub(super) fn planned(wholes: Vec<Whole>) -> Vec<Invoice> {
    let (rows, lines): (Vec<invoice::Model>, HashMap<_, _>) =
        wholes.into_iter().map(|whole| (whole.row.clone(), (whole.row.id, whole.lines))).unzip();
    let batch = Batch::with_extra(rows, Planned(lines));
    (0..batch.rows.len()).map(|position| Invoice(BatchRow::at(&batch, position))).collect()
}

/// What a run issued, or would: the same code makes both.
#[derive(Description)]
pub struct InvoiceRun {
    invoices: Vec<Invoice>,
    net: money::Money,
    total: money::Money,
    already: i64,
    manual: i64,
    problems: Vec<InvoiceRunProblem>,
    unpaid: Vec<InvoiceRunUnpaidMonth>,
    invoiced_months: Vec<InvoiceRunInvoicedMonth>,
    to_credit: Vec<InvoiceRunToCredit>,
    warnings: Vec<String>,
}

#[Object(use_type_description)]
impl InvoiceRun {
    /// The invoices, in order of number. Those of a preview have neither numbers nor a place in the
    /// register yet.
    #[graphql(directive = list_size::apply(Some(200), None))]
    async fn invoices(&self, ctx: &Context<'_>) -> Result<Vec<Invoice>> {
        take_rows(ctx, self.invoices.len())?;
        Ok(self.invoices.clone())
    }

    /// How many invoices.
    async fn count(&self) -> i32 {
        i32::try_from(self.invoices.len()).unwrap_or(i32::MAX)
    }

    /// Sum of their lines, without VAT.
    async fn net(&self) -> Money {
        self.net.into()
    }

    /// What is to be paid in all, with VAT.
    async fn total(&self) -> Money {
        self.total.into()
    }

    /// How many fees of the year had been invoiced before, and are left alone.
    async fn already_invoiced(&self) -> i32 {
        i32::try_from(self.already).unwrap_or(i32::MAX)
    }

    /// How many agreements have a fee per participant. Nobody knows how many take part, so that
    /// such fees are invoiced by hand.
    async fn invoiced_by_hand(&self) -> i32 {
        i32::try_from(self.manual).unwrap_or(i32::MAX)
    }

    /// What needs a confirmation, a sentence each: a fee that was decided after the day of issue or
    /// after its year (`confirmDecision`).
    async fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Who can't be invoiced, and why.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn problems(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceRunProblem>> {
        take_rows(ctx, self.problems.len())?;
        Ok(self.problems.clone())
    }

    /// Months of the year that no agreement of the activity pays though one with a yearly fee is in
    /// force on some day of the month, since a month is paid by the agreement in force on its first
    /// day, or since what was invoiced of it was credited. They hold up nothing.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn unpaid_months(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceRunUnpaidMonth>> {
        take_rows(ctx, self.unpaid.len())?;
        Ok(self.unpaid.clone())
    }

    /// Months that the run leaves out, since an invoice for an earlier agreement of the same
    /// counterparty has billed them: it was issued before that agreement was ended or replaced.
    /// Credit that invoice (`toCredit`), and the next run invoices them. They hold up nothing.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn invoiced_months(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceRunInvoicedMonth>> {
        take_rows(ctx, self.invoiced_months.len())?;
        Ok(self.invoiced_months.clone())
    }

    /// What invoices have billed of the year after the end of agreements of the activity that ended
    /// or were replaced later, and what was not credited of it yet.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn to_credit(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceRunToCredit>> {
        take_rows(ctx, self.to_credit.len())?;
        Ok(self.to_credit.clone())
    }
}

/// A month of a participation that no agreement pays.
#[derive(Clone, Description)]
pub struct InvoiceRunUnpaidMonth(BatchRow<invoice_run::UnpaidMonth>);

#[Object(use_type_description)]
impl InvoiceRunUnpaidMonth {
    /// The counterparty.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |unpaid| party(unpaid.buyer)).await
    }

    /// The agreement that is in force on a later day of the month, the first of several; or that
    /// whose month was credited.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |unpaid| Some(unpaid.agreement)).await.transpose()
    }

    /// The first day of the month.
    async fn month(&self) -> Date {
        Date(self.0.month)
    }

    /// `true` if the month was invoiced and credited again. The next run does not invoice it:
    /// invoice it manually, unless it was given away.
    async fn is_credited(&self) -> bool {
        self.0.is_credited
    }
}

fn unpaid_months(found: Vec<invoice_run::UnpaidMonth>) -> Vec<InvoiceRunUnpaidMonth> {
    BatchRow::each(found).into_iter().map(InvoiceRunUnpaidMonth).collect()
}

/// Somebody who can't be invoiced.
#[derive(Clone, Description)]
pub struct InvoiceRunProblem(BatchRow<invoice_run::Problem>);

type Party = (Option<MemberId>, Option<OrganisationId>);

pub(super) fn party(buyer: Buyer) -> Party {
    match buyer {
        Buyer::Member(id) => (Some(id), None),
        Buyer::Organisation(id) => (None, Some(id)),
    }
}

fn agreement(problem: &invoice_run::Problem) -> Option<AgreementId> {
    problem.agreement
}

#[Object(use_type_description)]
impl InvoiceRunProblem {
    /// Who.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |problem| party(problem.buyer)).await
    }

    /// By which agreement; null for members' fees, and when it is the buyer that lacks something.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, agreement).await.transpose()
    }

    /// Why, and what to do about it.
    async fn reason(&self) -> &str {
        &self.0.reason
    }
}

fn problems(found: Vec<invoice_run::Problem>) -> Vec<InvoiceRunProblem> {
    BatchRow::each(found).into_iter().map(InvoiceRunProblem).collect()
}

/// Runs.
pub(super) async fn run(ctx: &Context<'_>, input: InvoiceRunInput) -> Result<InvoiceRun> {
    let mut errors = ValidationErrors::default();
    let ask = input.check(&mut errors);
    let mutation = mutation(ctx);
    mutation
        .perform(
            invoice_run::run(mutation.db(), viewer(ctx), network(ctx), &ask, errors, |_, _| {}),
            |done| payload(ctx, done),
        )
        .await
}

async fn payload(ctx: &Context<'_>, done: Done) -> Result<InvoiceRun> {
    let Done {
        invoices: ids,
        net,
        total,
        already,
        manual,
        problems: found,
        unpaid,
        invoiced_months: billed,
        to_credit: credits,
        warnings,
    } = done;
    let mut rows: HashMap<InvoiceId, invoice::Model> =
        invoices::by_ids(database(ctx), viewer(ctx), &ids, &every::<Invoice>())
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
    let in_order: Vec<_> = ids.iter().filter_map(|id| rows.remove(id)).collect();
    let invoices = BatchRow::each(in_order).into_iter().map(Invoice).collect();
    let (problems, unpaid) = (problems(found), unpaid_months(unpaid));
    let (invoiced_months, to_credit) = (invoiced_months(billed), to_credit(credits));
    Ok(InvoiceRun {
        invoices,
        net,
        total,
        already,
        manual,
        problems,
        unpaid,
        invoiced_months,
        to_credit,
        warnings,
    })
}

/// What runs would do.
#[derive(Default)]
pub struct InvoiceRunQuery;

#[Object]
impl InvoiceRunQuery {
    /// What an invoice run would issue; changes nothing. For those who may run it. Fails as
    /// `invoiceRun` does.
    #[graphql(directive = cost::apply("5000".into()))]
    async fn invoice_run_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the run would be told")] input: InvoiceRunInput,
    ) -> Result<InvoiceRun> {
        let mut errors = ValidationErrors::default();
        let ask = input.check(&mut errors);
        let plan =
            invoice_run::preview(database(ctx), viewer(ctx), network(ctx), &ask, errors).await?;
        let Plan {
            invoices,
            net,
            total,
            already,
            manual,
            problems: found,
            unpaid,
            invoiced_months: billed,
            to_credit: credits,
            warnings,
            ..
        } = plan;
        let (invoices, problems, unpaid) =
            (planned(invoices), problems(found), unpaid_months(unpaid));
        let (invoiced_months, to_credit) = (invoiced_months(billed), to_credit(credits));
        Ok(InvoiceRun {
            invoices,
            net,
            total,
            already,
            manual,
            problems,
            unpaid,
            invoiced_months,
            to_credit,
            warnings,
        })
    }
}
