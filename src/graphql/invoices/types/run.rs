//! GraphQL types of invoice runs.

use std::collections::HashMap;

use ::entity::{
    id::{AgreementId, InvoiceId},
    invoice, invoice_line, money,
};
use async_graphql::{Context, Description, Object};

use super::{
    Invoice,
    run_months::{InvoiceRunInvoicedMonth, InvoiceRunToCredit, invoiced_months, to_credit},
};
use crate::graphql::{
    agreements::{
        counterparty::{Counterparty, CounterpartyIds, counterparty_of},
        types::{Agreement, agreement_of},
    },
    batch::{Batch, BatchRow, take_rows},
    caller,
    connection::every,
    cost::list_size,
    scalars::{Date, Money},
};
use domain::{
    error::Result,
    invoices::{
        self, Buyer,
        aggregate::InvoiceAggregate,
        invoice_run::RunResult,
        run_plan::{self, Plan},
    },
};

/// Lines of planned invoices, which are not in the database.
pub(in crate::graphql::invoices) struct Planned(HashMap<InvoiceId, Vec<invoice_line::Model>>);

impl Planned {
    /// Returns all lines.
    pub fn lines(&self) -> impl Iterator<Item = &invoice_line::Model> {
        self.0.values().flatten()
    }

    /// Returns the lines of an invoice.
    pub fn of(&self, invoice: InvoiceId) -> &[invoice_line::Model] {
        self.0.get(&invoice).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Creates objects of planned invoices, which are not in the database, with their lines.
pub(in crate::graphql::invoices) fn planned(wholes: Vec<InvoiceAggregate>) -> Vec<Invoice> {
    let (rows, lines): (Vec<invoice::Model>, HashMap<_, _>) = wholes
        .into_iter()
        .map(|aggregate| (aggregate.row.clone(), (aggregate.row.id, aggregate.lines)))
        .unzip();
    let batch = Batch::with_extra(rows, Planned(lines));
    (0..batch.rows.len()).map(|position| Invoice(BatchRow::at(&batch, position))).collect()
}

/// Result of an invoice run or its preview.
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
    /// Invoices, usually one for each buyer, in order of number. Those of a preview have no
    /// numbers, and can't be queried by id.
    #[graphql(directive = list_size::apply(Some(200), None))]
    async fn invoices(&self, ctx: &Context<'_>) -> Result<Vec<Invoice>> {
        take_rows(ctx, self.invoices.len())?;
        Ok(self.invoices.clone())
    }

    /// Number of invoices.
    async fn invoice_count(&self) -> i32 {
        i32::try_from(self.invoices.len()).unwrap_or(i32::MAX)
    }

    /// Sum of their lines in kronor, without VAT.
    async fn net(&self) -> Money {
        self.net.into()
    }

    /// Sum to pay in kronor, with VAT.
    async fn total(&self) -> Money {
        self.total.into()
    }

    /// Number of fees of the year that had been invoiced before, and were skipped.
    async fn already_invoiced_count(&self) -> i32 {
        i32::try_from(self.already).unwrap_or(i32::MAX)
    }

    /// Number of agreements with a fee per participant, which must be invoiced manually, since the
    /// number of participants is not known.
    async fn invoiced_manually_count(&self) -> i32 {
        i32::try_from(self.manual).unwrap_or(i32::MAX)
    }

    /// Sentences about what needs a confirmation: a fee that was decided after the day of issue or
    /// after its year (`confirmDecision`).
    async fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Buyers that can't be invoiced, with reasons.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn problems(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceRunProblem>> {
        take_rows(ctx, self.problems.len())?;
        Ok(self.problems.clone())
    }

    /// Months of the year that no agreement of the activity pays, although an agreement with a
    /// yearly fee is in force on some day of the month: a month is paid by the agreement in force
    /// on its first day, or its invoice was credited. They do not stop the run.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn unpaid_months(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceRunUnpaidMonth>> {
        take_rows(ctx, self.unpaid.len())?;
        Ok(self.unpaid.clone())
    }

    /// Months that the run skips, since an invoice of an earlier agreement of the same counterparty
    /// covers them: it was issued before that agreement was ended or replaced. Credit that invoice
    /// (`toCredit`), and the next run invoices them. They do not stop the run.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn invoiced_months(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceRunInvoicedMonth>> {
        take_rows(ctx, self.invoiced_months.len())?;
        Ok(self.invoiced_months.clone())
    }

    /// Invoiced and not yet credited months of the year after the end of agreements of the activity
    /// that ended or were replaced later.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn to_credit(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceRunToCredit>> {
        take_rows(ctx, self.to_credit.len())?;
        Ok(self.to_credit.clone())
    }
}

/// A month of a participation that no agreement pays.
#[derive(Clone, Description)]
pub struct InvoiceRunUnpaidMonth(BatchRow<run_plan::UnpaidMonth>);

#[Object(use_type_description)]
impl InvoiceRunUnpaidMonth {
    /// Counterparty of the agreement.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |unpaid| party(unpaid.buyer)).await
    }

    /// Agreement in force on a later day of the month, the first of several, or the one whose month
    /// was credited; null when you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |unpaid| Some(unpaid.agreement)).await.transpose()
    }

    /// First day of the month.
    async fn month(&self) -> Date {
        Date(self.0.month)
    }

    /// `true` if the month was invoiced and then credited. The next run does not invoice it:
    /// invoice it manually, unless it is free of charge.
    async fn is_credited(&self) -> bool {
        self.0.is_credited
    }
}

fn unpaid_months(found: Vec<run_plan::UnpaidMonth>) -> Vec<InvoiceRunUnpaidMonth> {
    BatchRow::each(found).into_iter().map(InvoiceRunUnpaidMonth).collect()
}

/// A buyer that can't be invoiced.
#[derive(Clone, Description)]
pub struct InvoiceRunProblem(BatchRow<run_plan::Problem>);

/// Returns the ids of a buyer.
pub(super) fn party(buyer: Buyer) -> CounterpartyIds {
    match buyer {
        Buyer::Member(id) => CounterpartyIds { member: Some(id), organisation: None },
        Buyer::Organisation(id) => CounterpartyIds { member: None, organisation: Some(id) },
    }
}

fn agreement(problem: &run_plan::Problem) -> Option<AgreementId> {
    problem.agreement
}

#[Object(use_type_description)]
impl InvoiceRunProblem {
    /// The buyer.
    async fn counterparty(&self, ctx: &Context<'_>) -> Result<Counterparty> {
        counterparty_of(ctx, &self.0, |problem| party(problem.buyer)).await
    }

    /// Agreement with the fee; null for members' fees, and when data of the buyer is missing.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, agreement).await.transpose()
    }

    /// Reason, and how to correct it; a sentence in English.
    async fn reason(&self) -> &str {
        &self.0.reason
    }
}

fn problems(found: Vec<run_plan::Problem>) -> Vec<InvoiceRunProblem> {
    BatchRow::each(found).into_iter().map(InvoiceRunProblem).collect()
}

impl InvoiceRun {
    /// Creates the object of a preview.
    pub(in crate::graphql::invoices) fn of_plan(plan: Plan) -> Self {
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
        Self {
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
        }
    }

    /// Creates the object of a run, with its stored invoices.
    pub(in crate::graphql::invoices) async fn of_result(
        ctx: &Context<'_>,
        done: RunResult,
    ) -> Result<Self> {
        let RunResult {
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
            invoices::by_ids(caller(ctx), &ids, &every::<Invoice>())
                .await?
                .into_iter()
                .map(|row| (row.id, row))
                .collect();
        let in_order: Vec<_> = ids.iter().filter_map(|id| rows.remove(id)).collect();
        let invoices = BatchRow::each(in_order).into_iter().map(Invoice).collect();
        let (problems, unpaid) = (problems(found), unpaid_months(unpaid));
        let (invoiced_months, to_credit) = (invoiced_months(billed), to_credit(credits));
        Ok(Self {
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

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql::invoices) fn measure(
    sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>,
) {
    use crate::graphql::future_sizes::row;
    sizes.add(&InvoiceRunProblem(row()));
    sizes.add(&InvoiceRunUnpaidMonth(row()));
}
