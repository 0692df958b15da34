//! Documents of the demo: some of its drafts are offered and issued when it starts, as an office
//! would do it, so that there are PDFs and e-invoices to open.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chrono::{Days, NaiveDate};
use entity::{
    activity, agreement,
    id::{AgreementId, InvoiceId},
    invoice,
    kind::DecisionBody,
    money::Money,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Failure, Result, context, say};
use domain::{
    activities::{self, fields::ActivityChanges, update},
    agreements::offer,
    auth::viewer::Viewer,
    clock::Clock,
    config::Network,
    context::Context,
    database::Database,
    decisions::NewDecision,
    error::{Error, ValidationErrors},
    invoices::issue,
};

/// Import keys of the agreements that are offered, in the order of their numbers.
const OFFERED: [&str; 3] = ["ind-varna", "sv-centrala-ostergotland", "bip-gavleborg"];

/// Import keys of the invoices that are issued, in the order of their numbers, each with its age in
/// days.
const ISSUED: [(&str, u64); 3] = [("f1079", 10), ("f1080", 5), ("f1081", 0)];

/// Slugs of the activities that the board decided to start, each with the paragraph of the minutes.
const DECIDED: [(&str, &str); 2] = [("bip", "§ 12"), ("indikatorer", "§ 7")];

/// Import keys of the issued invoices that the demo's bank file pays.
const PAID: [&str; 2] = ["f1080", "f1081"];

/// Offers the agreements and issues the invoices. With an operator's own network some may be
/// refused; they remain drafts, and a note says why.
///
/// # Errors
/// Fails if the drafts can't be read.
pub(super) async fn publish(db: &Database, network: &Network) -> Result<()> {
    let viewer = Viewer::operator("demo");
    for (key, id) in agreements(db).await? {
        let done =
            offer::offer(context(db, &viewer), network, id, ValidationErrors::default()).await;
        if let Err(error) = done {
            say(&format!("note: the agreement {key} of the demo remains a draft: {error}"));
        }
    }
    for (key, id, age) in invoices(db).await? {
        let day = Clock::system().today().checked_sub_days(Days::new(age));
        let done =
            issue::issue(context(db, &viewer), network, id, day, ValidationErrors::default()).await;
        if let Err(error) = done {
            say(&format!("note: the invoice {key} of the demo remains a draft: {error}"));
        }
    }
    for (slug, paragraph) in DECIDED {
        if let Err(error) = decide(context(db, &viewer), slug, paragraph).await {
            say(&format!("note: the activity {slug} of the demo has no decision: {error}"));
        }
    }
    Ok(())
}

/// Records that the board decided to start an activity, a month before its first day.
async fn decide(ctx: Context<'_>, slug: &str, paragraph: &str) -> std::result::Result<(), Error> {
    let columns = [activity::Column::Id, activity::Column::StartsOn];
    for row in activities::by_slugs(ctx, &[slug.to_owned()], &columns).await? {
        let decision = NewDecision {
            body: DecisionBody::Board,
            on: row.starts_on.checked_sub_days(Days::new(30)),
            paragraph: Some(paragraph.to_owned()),
            document: Some(format!("Exempel: protokoll om {slug}")),
        };
        let changes =
            ActivityChanges { decision: Some(Some(decision)), ..ActivityChanges::default() };
        update::update(ctx, row.id, changes, ValidationErrors::default()).await?;
    }
    Ok(())
}

/// Returns the drafts to offer, in their order.
async fn agreements(db: &Database) -> Result<Vec<(&'static str, AgreementId)>> {
    let found: Vec<(Option<String>, AgreementId)> = agreement::Entity::find()
        .select_only()
        .columns([agreement::Column::ImportKey, agreement::Column::Id])
        .filter(agreement::Column::ImportKey.is_in(OFFERED))
        .into_tuple()
        .all(db.read())
        .await
        .map_err(Error::from)?;
    let id = |key: &str| found.iter().find(|(own, _)| own.as_deref() == Some(key));
    Ok(OFFERED.iter().filter_map(|&key| Some((key, id(key)?.1))).collect())
}

/// Returns the drafts to issue with their ages, in their order.
async fn invoices(db: &Database) -> Result<Vec<(&'static str, InvoiceId, u64)>> {
    let found: Vec<(Option<String>, InvoiceId)> = invoice::Entity::find()
        .select_only()
        .columns([invoice::Column::ImportKey, invoice::Column::Id])
        .filter(invoice::Column::ImportKey.is_in(ISSUED.map(|(key, _)| key)))
        .into_tuple()
        .all(db.read())
        .await
        .map_err(Error::from)?;
    let id = |key: &str| found.iter().find(|(own, _)| own.as_deref() == Some(key));
    Ok(ISSUED.iter().filter_map(|&(key, age)| Some((key, id(key)?.1, age))).collect())
}

/// Writes a file of the bank (BgMax) with payments of some issued invoices to the folder, to try
/// the import of payments with. Returns its path; `None` if the network has no bankgiro or the
/// invoices were not issued.
///
/// # Errors
/// Fails if the invoices can't be read or the file can't be written.
pub(super) async fn bank_file(
    db: &Database,
    network: &Network,
    folder: &Path,
) -> Result<Option<PathBuf>> {
    let found: Vec<(Option<String>, Money)> = invoice::Entity::find()
        .select_only()
        .columns([invoice::Column::Ocr, invoice::Column::Total])
        .filter(invoice::Column::ImportKey.is_in(PAID))
        .order_by_asc(invoice::Column::Id)
        .into_tuple()
        .all(db.read())
        .await
        .map_err(Error::from)?;
    let payments: Vec<(String, Money)> =
        found.into_iter().filter_map(|(ocr, total)| Some((ocr?, total))).collect();
    let (Some(bankgiro), false) = (&network.bankgiro, payments.is_empty()) else { return Ok(None) };
    let day = Clock::system().today();
    let file = folder.join(format!("BGMAX-{}.txt", day.format("%Y%m%d")));
    fs::write(&file, bgmax(bankgiro, &payments, day)).map_err(|cause| {
        Failure::new(format!("cannot write the demo's bank file {}: {cause}", file.display()))
    })?;
    Ok(Some(file))
}

/// Returns the text of a BgMax file: one deposit with these payments, by reference.
fn bgmax(bankgiro: &str, payments: &[(String, Money)], day: NaiveDate) -> String {
    let giro: String = bankgiro.chars().filter(char::is_ascii_digit).collect();
    let date = day.format("%Y%m%d");
    let mut lines = vec![
        format!("01{:<20}01{date}060000000000P", "BGMAX"),
        format!("05{giro:0>10}{:10}SEK", ""),
    ];
    for (serial, (reference, amount)) in (1..).zip(payments) {
        lines.push(format!("20{:010}{reference:>25}{:018}21{serial:012}0", 0, amount.0));
    }
    let (sum, count) = (payments.iter().map(|(_, amount)| amount.0).sum::<i64>(), payments.len());
    lines.push(format!("15{:035}{date}{:05}{sum:018}SEK{count:08} ", 0, 1));
    lines.push(format!("70{count:08}{:08}{:08}{:08}", 0, 0, 1));
    lines.iter().map(|line| format!("{line:<80}\r\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bank_file_has_records_of_80_columns() {
        let day = "2026-11-30".parse().unwrap();
        let text = bgmax("5050-1055", &[("10811".into(), Money(1_687_500))], day);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.iter().all(|line| line.len() == 80), "{text}");
        assert_eq!(lines[0].trim_end(), "01BGMAX               0120261130060000000000P");
        assert_eq!(lines[1].trim_end(), "050050501055          SEK");
        assert_eq!(
            lines[2].trim_end(),
            "200000000000                    10811000000000001687500210000000000010"
        );
        assert_eq!(
            lines[3].trim_end(),
            "15000000000000000000000000000000000002026113000001000000000001687500SEK00000001"
        );
        assert_eq!(lines[4].trim_end(), "7000000001000000000000000000000001");
    }
}
