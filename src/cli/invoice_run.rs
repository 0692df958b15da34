//! `samregister invoices run`: invoices the fees of a year in one transaction.

use std::collections::HashMap;

use ::entity::{activity, id::InvoiceId, invoice, money::Money};
use chrono::NaiveDate;
use clap::{ArgGroup, Args};

use super::{
    Failure, Outcome, Result, context, count, expiring::check_activities, kronor, open,
    progress::Bar, put, say, settings,
};
use documents::{Cell, Column, Grid, Kind};
use domain::{
    activities,
    auth::viewer::Viewer,
    config::Network,
    context::Context,
    error::ValidationErrors,
    invoices::{
        self, Buyer,
        aggregate::InvoiceAggregate,
        fact_loading,
        invoice_run::{self, RunResult},
        parties::buyer_of,
        run_months::{InvoicedMonth, ToCredit},
        run_plan::{Fees, Problem, RunInput, UnpaidMonth},
    },
};

/// Invoice the fees of a year in one transaction
///
/// Invoices the special fees of an activity's agreements, or the service fee or the membership fee
/// of every member. A fee that has been invoiced is skipped, so that running it again issues only
/// new invoices. If a buyer can't be invoiced, it reports the buyer and the reason, and issues
/// nothing unless --skip-problems is set.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  samregister invoices run --activity indikatorer --year 2027 --dry-run\n  samregister invoices run --service-fee --year 2027 --skip-problems\n\nExit codes: 0 done, 1 failed, or a buyer could not be invoiced and nothing was issued"
)]
#[command(group = ArgGroup::new("fees").required(true))]
pub struct Options {
    /// Special fees of this activity
    #[arg(long, value_name = "SLUG", group = "fees")]
    activity: Option<String>,
    /// Service fee (serviceavgift) of every member
    #[arg(long, group = "fees")]
    service_fee: bool,
    /// Membership fee (medlemsavgift) of every member
    #[arg(long, group = "fees")]
    membership_fee: bool,
    /// Calendar year of the fees
    #[arg(long, value_name = "YEAR")]
    year: i32,
    /// Day of issue; defaults to today
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    issued_on: Option<NaiveDate>,
    /// Skip buyers that can't be invoiced
    #[arg(long)]
    skip_problems: bool,
    /// Invoice a fee although it was decided after the day of issue, or after its year
    #[arg(long)]
    confirm_decision: bool,
    /// Contact person of the network on every invoice (Vår referens)
    #[arg(long, value_name = "TEXT")]
    our_reference: Option<String>,
    /// Only show what would be issued
    #[arg(long)]
    dry_run: bool,
}

/// Runs an invoice run.
///
/// # Errors
/// Fails if the database can't be opened, the settings lack data that invoices need, or a buyer
/// can't be invoiced.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("invoices run");
    let input = RunInput {
        fees: options.fees(context(&db, &viewer)).await?,
        year: options.year,
        issued_on: options.issued_on,
        members: None,
        skip_problems: options.skip_problems,
        confirm_decision: options.confirm_decision,
        our_reference: options.our_reference.clone(),
        buyer_reference: None,
    };
    let (problems, months, manual, outcome) = if options.dry_run {
        preview(context(&db, &viewer), &settings.network, &input).await?
    } else {
        let mut bar = Bar::new("invoices");
        let done = invoice_run::run(
            context(&db, &viewer),
            &settings.network,
            &input,
            ValidationErrors::default(),
            |done, of| bar.show(done, of),
        )
        .await;
        bar.finish();
        let RunResult {
            invoices,
            net,
            total,
            already,
            manual,
            problems,
            unpaid,
            invoiced_months,
            to_credit,
            ..
        } = done.map_err(Failure::of_options)?;
        let invoices = count(invoices.len(), "invoice");
        (
            problems,
            MonthReport { unpaid, invoiced: invoiced_months, to_credit },
            manual,
            format!(
                "issued {invoices} of {} in all, {} without VAT; {already} had been invoiced before",
                kronor(total),
                kronor(net)
            ),
        )
    };
    let names = fact_loading::names(
        context(&db, &viewer),
        problems.iter().map(|problem| problem.buyer).chain(months.buyers()),
    )
    .await?;
    let lines = months.lines(context(&db, &viewer), &names).await?;
    db.close().await?;
    for problem in &problems {
        let name = names.get(&problem.buyer).map(String::as_str).unwrap_or_default();
        if problem.reason.contains(name) {
            say(&problem.reason);
        } else {
            say(&format!("{name}: {}", problem.reason));
        }
    }
    lines.iter().for_each(|line| say(line));
    if manual > 0 {
        say(&format!("{manual} with a fee per participant, to be invoiced manually"));
    }
    say(&outcome);
    if problems.is_empty() || options.skip_problems || options.dry_run {
        return Ok(Outcome::Done);
    }
    Err(Failure::new("nothing was issued; correct the problems above, or set --skip-problems"))
}

/// Prints the invoices that a run would issue. Returns its problems, months and number of manual
/// fees, and what it would do.
async fn preview(
    ctx: Context<'_>,
    network: &Network,
    input: &RunInput,
) -> Result<(Vec<Problem>, MonthReport, i64, String)> {
    let plan = invoice_run::preview(ctx, network, input, ValidationErrors::default())
        .await
        .map_err(Failure::of_options)?;
    let buyers = plan.invoices.iter().filter_map(|aggregate| buyer_of(&aggregate.row));
    let names = fact_loading::names(ctx, buyers).await?;
    put(super::table(&grid(&plan.invoices, &names)))?;
    for warning in plan.warnings.iter().filter(|_| !input.confirm_decision) {
        say(&format!("{warning}; set --confirm-decision to invoice it nevertheless"));
    }
    let description = format!(
        "would issue {}; {} had been invoiced before",
        count(plan.invoices.len(), "invoice"),
        plan.already
    );
    let months = MonthReport {
        unpaid: plan.unpaid,
        invoiced: plan.invoiced_months,
        to_credit: plan.to_credit,
    };
    Ok((plan.problems, months, plan.manual, description))
}

impl Options {
    /// Returns the fees that the options select.
    async fn fees(&self, ctx: Context<'_>) -> Result<Fees> {
        match &self.activity {
            Some(slug) => {
                let slugs = [slug.clone()];
                check_activities(ctx, &slugs).await?;
                let found = activities::by_slugs(ctx, &slugs, &[activity::Column::Id]).await?;
                Ok(Fees::Special(found.first().map(|activity| activity.id).unwrap_or_default()))
            }
            None if self.service_fee => Ok(Fees::Service),
            None => Ok(Fees::Membership),
        }
    }
}

/// Months that a run reports.
struct MonthReport {
    unpaid: Vec<UnpaidMonth>,
    invoiced: Vec<InvoicedMonth>,
    to_credit: Vec<ToCredit>,
}

impl MonthReport {
    fn buyers(&self) -> impl Iterator<Item = Buyer> {
        let unpaid = self.unpaid.iter().map(|month| month.buyer);
        unpaid
            .chain(self.invoiced.iter().map(|month| month.buyer))
            .chain(self.to_credit.iter().map(|credit| credit.buyer))
    }

    /// Returns a sentence for each month.
    async fn lines(&self, ctx: Context<'_>, names: &HashMap<Buyer, String>) -> Result<Vec<String>> {
        let ids: Vec<InvoiceId> = self
            .invoiced
            .iter()
            .map(|month| month.invoice)
            .chain(self.to_credit.iter().map(|credit| credit.invoice))
            .collect();
        let found =
            invoices::by_ids(ctx, &ids, &[invoice::Column::Id, invoice::Column::Number]).await?;
        let numbers: HashMap<InvoiceId, String> =
            found.into_iter().filter_map(|row| Some((row.id, row.number?))).collect();
        let number = |id: &InvoiceId| numbers.get(id).map(String::as_str).unwrap_or_default();
        let name = |buyer: &Buyer| names.get(buyer).map(String::as_str).unwrap_or_default();
        let month = |day: &NaiveDate| day.format("%Y-%m").to_string();
        let unpaid = self.unpaid.iter().map(|unpaid| {
            let reason = if unpaid.is_credited {
                "its invoice was credited"
            } else {
                "no agreement is in force on its first day"
            };
            format!(
                "{}: no agreement pays {}, since {reason}",
                name(&unpaid.buyer),
                month(&unpaid.month)
            )
        });
        let invoiced = self.invoiced.iter().map(|billed| {
            let (name, number) = (name(&billed.buyer), number(&billed.invoice));
            format!(
                "{name}: {} is skipped, since invoice {number} of an earlier agreement covers it",
                month(&billed.month)
            )
        });
        let to_credit = self.to_credit.iter().map(|credit| {
            let months: Vec<_> = credit.months.iter().map(month).collect();
            let (name, number) = (name(&credit.buyer), number(&credit.invoice));
            let net = kronor(credit.net);
            format!("{name}: invoice {number} covers {} after the end of the agreement; credit {net} without VAT", months.join(", "))
        });
        Ok(unpaid.chain(invoiced).chain(to_credit).collect())
    }
}

/// Returns the invoices that would be issued, one per row.
fn grid(invoices: &[InvoiceAggregate], names: &HashMap<Buyer, String>) -> Grid {
    let columns = vec![
        Column::new("buyer", "Köpare", Kind::Text),
        Column::new("lines", "Rader", Kind::Number),
        Column::new("net", "Netto", Kind::Money),
        Column::new("vat", "Moms", Kind::Money),
        Column::new("total", "Belopp", Kind::Money),
    ];
    let lines =
        |aggregate: &InvoiceAggregate| i64::try_from(aggregate.lines.len()).unwrap_or(i64::MAX);
    let row = |aggregate: &InvoiceAggregate| {
        let name = buyer_of(&aggregate.row).and_then(|buyer| names.get(&buyer).cloned());
        let row = &aggregate.row;
        vec![
            Cell::text(name),
            Cell::Number(lines(aggregate)),
            Cell::Money(row.net),
            Cell::Money(row.vat),
            Cell::Money(row.total),
        ]
    };
    let sum = |of: fn(&invoice::Model) -> Money| {
        Cell::Money(invoices.iter().map(|aggregate| of(&aggregate.row)).sum())
    };
    let total = vec![
        Cell::Text("Summa".to_owned()),
        Cell::Number(invoices.iter().map(lines).sum()),
        sum(|row| row.net),
        sum(|row| row.vat),
        sum(|row| row.total),
    ];
    Grid { columns, rows: invoices.iter().map(row).collect(), total: Some(total) }
}
