//! `samregister vat-return`: the boxes of the VAT return, calculated from the vouchers and from the
//! invoices.

use chrono::NaiveDate;
use clap::Args;

use super::{
    Failure, Outcome, Result, context, json, kronor, open,
    report::{self, ReportFormat, ReportOptions},
    say, settings, table,
};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    auth::viewer::Viewer,
    config::VatBox,
    vouchers::{vat_boxes::VatReturn, vat_return},
};

/// Calculate the VAT return (momsdeklaration)
///
/// Calculates boxes 05, 10, 11, 12, 39, 40 and 42 from the vouchers of the SIE file, by account,
/// and from the lines of invoices and credit notes, by VAT treatment. Both must be equal; a
/// difference comes from an account that was set on a line. [network.vat_boxes] of samregister.toml
/// maps accounts to boxes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister vat-return --from 2026-01-01 --to 2026-03-31
  samregister vat-return --from 2026-01-01 --to 2026-03-31 --check --output moms.xlsx

Exit codes: 0 done; with --check 3 if a box differs.")]
pub struct Options {
    /// First day
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: NaiveDate,
    /// Last day
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    to: NaiveDate,
    #[command(flatten)]
    report: ReportOptions,
    /// Exit with 3 if a box differs
    #[arg(long)]
    check: bool,
}

/// Calculates the VAT return.
///
/// # Errors
/// Fails if the days are out of order, the network has no name, the database can't be opened or the
/// report can't be written.
pub async fn run(options: Options) -> Result {
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let (from, to) = (options.from, options.to);
    let found = vat_return::vat_return(
        context(&db, &Viewer::operator("vat-return")),
        &settings.network,
        (from, to),
    )
    .await
    .map_err(Failure::of_options)?;
    let document = match format {
        ReportFormat::Table => table(&grid(&found)).into_bytes(),
        ReportFormat::Json => json(&grid(&found).objects())?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&grid(&found))?,
        ReportFormat::Xlsx => {
            report::workbook(&db, "Moms", format!("Moms {from}–{to}"), grid(&found))?
        }
    };
    db.close().await?;
    target.write(&document)?;
    for (account, sum) in &found.without_box {
        say(&format!("account {account} belongs to no box: {}", kronor(*sum)));
    }
    Ok(if options.check && !found.agrees() { Outcome::Found } else { Outcome::Done })
}

fn grid(found: &VatReturn) -> Grid {
    let columns = vec![
        Column::new("box", "Ruta", Kind::Text),
        Column::new("what", "Avser", Kind::Text),
        Column::new("vouchers", "Enligt verifikationer", Kind::Money),
        Column::new("invoices", "Enligt fakturor", Kind::Money),
        Column::new("difference", "Skillnad", Kind::Money),
    ];
    let rows = found.boxes.iter().map(|sums| {
        let difference = sums.of_vouchers - sums.of_documents;
        let sums = [sums.vat_box.number().to_owned(), what(sums.vat_box).to_owned()]
            .map(Cell::Text)
            .into_iter()
            .chain([sums.of_vouchers, sums.of_documents, difference].map(Cell::Sum));
        sums.collect()
    });
    Grid { columns, rows: rows.collect(), total: None }
}

/// Returns the name of a box on the form.
fn what(vat_box: VatBox) -> &'static str {
    match vat_box {
        VatBox::TaxedSales => "Momspliktig försäljning",
        VatBox::Vat25 => "Utgående moms 25 %",
        VatBox::Vat12 => "Utgående moms 12 %",
        VatBox::Vat6 => "Utgående moms 6 %",
        VatBox::EuServices => {
            "Försäljning av tjänster till näringsidkare i annat EU-land enligt huvudregeln"
        }
        VatBox::ForeignServices => "Övrig försäljning av tjänster omsatta utanför Sverige",
        VatBox::OtherSales => "Övrig försäljning m.m.",
    }
}
