//! requisitions.csv: issued requisitions of grants, with the contents of their documents.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement,
    date_range::DateRange,
    id::{AgreementId, RequisitionId},
    money::Money,
    requisition::{Column, Entity, Model},
};
use chrono::NaiveDate;
use documents::requisition::Requisition;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    File,
    bulk_insert::Batch,
    export::session::{Export, PAGE_SIZE, optional},
    import::session::Import,
    key_resolution,
    keyed_rows::Keyed,
    row::{Cells, Line},
};
use crate::{
    database::{among, among_words},
    error::{LINE, Result, TEXT},
};

/// Maximum length of the contents of a document, in characters.
const CONTENT: usize = 200_000;

/// A row of requisitions.csv.
struct Draft {
    number: String,
    agreement: String,
    issued_on: NaiveDate,
    due_on: NaiveDate,
    amount: Money,
    period: DateRange,
    description: String,
    reference: Option<String>,
    content: String,
    withdrawn_on: Option<NaiveDate>,
    withdrawal_reason: Option<String>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        number: cells.text("number", LINE),
        agreement: cells.key("agreement"),
        issued_on: cells.day("issued_on"),
        due_on: cells.day("due_on"),
        amount: cells.decimal("amount"),
        period: DateRange::new(cells.day("period_from"), cells.day("period_to")),
        description: cells.text("description", TEXT),
        reference: cells.optional_text("reference", LINE),
        content: cells.text("content", CONTENT),
        withdrawn_on: cells.optional_day("withdrawn_on"),
        withdrawal_reason: cells.optional_text("withdrawal_reason", LINE),
    };
    cells.check(|errors| {
        errors.expect(draft.amount > Money::ZERO, "amount", "must be above 0.00");
        errors.expect(draft.due_on >= draft.issued_on, "due_on", "must not be before issued_on");
        let is_withdrawn = draft.withdrawn_on.is_some();
        errors.expect(
            is_withdrawn == draft.withdrawal_reason.is_some(),
            "withdrawal_reason",
            "must be given with withdrawn_on, and only then",
        );
        let is_in_order = draft.withdrawn_on.is_none_or(|day| day >= draft.issued_on);
        errors.expect(is_in_order, "withdrawn_on", "must not be before issued_on");
        errors.expect(
            draft.period.from <= draft.period.to,
            "period_to",
            "must not be before period_from",
        );
        let document: Option<Requisition> = serde_json::from_str(&draft.content).ok();
        let is_same = |document: &Requisition| {
            document.number == draft.number
                && document.amount == draft.amount
                && document.issued_on == draft.issued_on
        };
        let message = "must be the document of this number, day and amount, as an export writes it";
        errors.expect(document.as_ref().is_some_and(is_same), "content", message);
    });
    Some(draft)
}

/// Imports requisitions.csv. A requisition is identified by its number. Its contents never change;
/// it may be withdrawn.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Requisitions)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_names(File::Requisitions, &mut lines, "number", |draft| draft.number.clone())
            .await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let wanted =
        key_resolution::present(lines.iter().map(|line| Some(line.draft.agreement.as_str())));
    let agreements = key_resolution::references::<agreement::Model, AgreementId>(
        import,
        "agreement",
        File::Agreements,
        wanted,
    )
    .await?;
    let numbers: BTreeSet<&str> = lines.iter().map(|line| line.draft.number.as_str()).collect();
    let theirs =
        among_words(import.tx().get_database_backend(), Expr::col(Column::Number), numbers);
    let existing: HashMap<String, Model> = Entity::find()
        .filter(theirs)
        .all(import.tx())
        .await?
        .into_iter()
        .map(|row| (row.number.clone(), row))
        .collect();
    let mut batch = Batch::default();
    for mut line in lines {
        let key = line.draft.agreement.clone();
        let agreement = agreements.find(&mut line, "agreement", Some(&key));
        let before = existing.get(&line.draft.number);
        let after = |draft: Draft, agreement_id: AgreementId| Model {
            id: before.map_or_else(RequisitionId::new, |before| before.id),
            number: draft.number,
            agreement_id,
            issued_on: draft.issued_on,
            due_on: draft.due_on,
            amount: draft.amount,
            period_from: draft.period.from,
            period_to: draft.period.to,
            description: draft.description,
            reference: draft.reference,
            content: draft.content,
            // Columns that the file doesn't have stay as they are.
            withdrawn_on: draft.withdrawn_on.or_else(|| before?.withdrawn_on),
            withdrawal_reason: draft
                .withdrawal_reason
                .or_else(|| before?.withdrawal_reason.clone()),
        };
        if let (Some(before), Some(agreement)) = (before, agreement) {
            let draft = &line.draft;
            let is_same = before.agreement_id == agreement
                && before.content == draft.content
                && (before.due_on, before.period_from, before.period_to)
                    == (draft.due_on, draft.period.from, draft.period.to)
                && (&before.description, &before.reference)
                    == (&draft.description, &draft.reference);
            let is_other = draft
                .withdrawn_on
                .is_some_and(|day| before.withdrawn_on.is_some_and(|own| own != day));
            if !is_same {
                line.error(
                    "number",
                    "differs from the requisition that the register has; it never changes",
                );
            }
            if is_other {
                line.error(
                    "withdrawn_on",
                    "differs from the day on which the requisition was withdrawn",
                );
            }
        }
        let (Some(draft), Some(agreement)) =
            (import.accept(File::Requisitions, |_| String::new(), line), agreement)
        else {
            continue;
        };
        import.put(File::Requisitions, before, after(draft, agreement), &mut batch)?;
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

/// Writes requisitions.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order =
        export.in_order(&[Column::Id, Column::Number], |row: &Model| row.number.clone()).await?;
    let mut sheet = export.begin(File::Requisitions, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let found = export.rows::<Model>(ids).await?;
        let agreements: BTreeSet<AgreementId> = found.iter().map(|row| row.agreement_id).collect();
        let theirs =
            among(export.tx.get_database_backend(), Expr::col(agreement::Column::Id), agreements);
        let keys = agreement::Entity::find().filter(theirs).all(&export.tx).await?;
        let keys: HashMap<AgreementId, String> =
            keys.into_iter().map(|row| (row.id, row.key())).collect();
        for row in found {
            sheet.write([
                row.number,
                keys.get(&row.agreement_id).cloned().unwrap_or_default(),
                row.issued_on.to_string(),
                row.due_on.to_string(),
                row.amount.to_string(),
                row.period_from.to_string(),
                row.period_to.to_string(),
                row.description,
                row.reference.unwrap_or_default(),
                row.content,
                optional(row.withdrawn_on),
                row.withdrawal_reason.unwrap_or_default(),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}
