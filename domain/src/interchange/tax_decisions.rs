//! tax_decisions.csv: the VAT treatment of fees from a day on.

use std::collections::HashMap;

use ::entity::{
    id::{ActivityId, TaxDecisionId},
    kind::{ChargeKind, VatRate},
    tax_decision::{Column, Entity, Model},
};
use chrono::NaiveDate;
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::{
    File,
    bulk_insert::Batch,
    export::session::{Export, PAGE_SIZE, optional},
    import::session::Import,
    key_resolution,
    row::{Cells, Line},
};
use crate::{
    error::{LINE, Result, undisplayable},
    tax_decisions::exemption::{NO_RATE_OF_ZERO, is_exemption_code},
};

/// A row of tax_decisions.csv.
struct Draft {
    fee: ChargeKind,
    /// `None` for a fee of the network itself.
    activity: Option<String>,
    activity_id: Option<ActivityId>,
    valid_from: NaiveDate,
    vat_rate: VatRate,
    exemption_reason: Option<String>,
    exemption_code: Option<String>,
    decided_on: NaiveDate,
    reference: String,
}

/// Returns the identity of a decision, which has no key: its fee, activity and first day.
fn name(fee: ChargeKind, activity: Option<ActivityId>, valid_from: NaiveDate) -> String {
    let activity = activity.map(|activity| activity.0.simple().to_string());
    format!("{fee} {} {valid_from}", activity.unwrap_or_default())
}

fn name_of(row: &Model) -> String {
    name(row.fee, row.activity_id, row.valid_from)
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        fee: cells.value("fee"),
        activity: cells.optional_key("activity"),
        activity_id: None,
        valid_from: cells.day("valid_from"),
        vat_rate: cells.value("vat_rate"),
        exemption_reason: cells.optional_text("exemption_reason", LINE),
        exemption_code: cells.optional_text("exemption_code", LINE),
        decided_on: cells.day("decided_on"),
        reference: cells.text("reference", LINE),
    };
    cells.check(|errors| {
        let is_special = draft.fee == ChargeKind::SpecialFee;
        errors.expect(
            is_special == draft.activity.is_some(),
            "activity",
            "must be given for SPECIAL_FEE, and for no other fee",
        );
        errors.expect(draft.vat_rate != VatRate::Zero, "vat_rate", NO_RATE_OF_ZERO);
        let is_exempt = draft.vat_rate == VatRate::Exempt;
        let is_fit = is_exempt == draft.exemption_reason.is_some();
        errors.expect(is_fit, "exemption_reason", "must be given for EXEMPT, and for nothing else");
        if let Some(problem) = draft.exemption_reason.as_deref().and_then(undisplayable) {
            errors.add("exemption_reason", problem);
        }
        let is_known =
            draft.exemption_code.as_deref().is_none_or(|code| is_exempt && is_exemption_code(code));
        errors.expect(
            is_known,
            "exemption_code",
            "must be a VATEX code for exempt supplies, for example VATEX-EU-132-1I",
        );
    });
    Some(draft)
}

/// Imports tax_decisions.csv. A decision is identified by its fee, activity and first day.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::TaxDecisions)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        let activities = key_resolution::activities(
            import,
            key_resolution::present(lines.iter().map(|line| line.draft.activity.as_deref())),
        )
        .await?;
        for line in &mut lines {
            let activity = line.draft.activity.clone();
            line.draft.activity_id = activities.find(line, "activity", activity.as_deref());
        }
        let name_of = |draft: &Draft| name(draft.fee, draft.activity_id, draft.valid_from);
        import.check_names(File::TaxDecisions, &mut lines, "", name_of).await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    // The table is small: a few rows for each fee.
    let existing: HashMap<String, Model> = Entity::find()
        .all(import.tx())
        .await?
        .into_iter()
        .map(|row| (name_of(&row), row))
        .collect();
    let mut batch = Batch::default();
    for line in lines {
        let Some(draft) = import.accept(File::TaxDecisions, |_| String::new(), line) else {
            continue;
        };
        let before = existing.get(&name(draft.fee, draft.activity_id, draft.valid_from));
        let after = Model {
            id: before.map_or_else(TaxDecisionId::new, |before| before.id),
            fee: draft.fee,
            activity_id: draft.activity_id,
            valid_from: draft.valid_from,
            vat_rate: draft.vat_rate,
            exemption_reason: draft.exemption_reason,
            exemption_code: draft.exemption_code,
            decided_on: draft.decided_on,
            reference: draft.reference,
        };
        import.put(File::TaxDecisions, before, after, &mut batch)?;
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

/// Writes tax_decisions.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    use Column::{ActivityId, Fee, Id, ValidFrom};
    let activity = |row: &Model| export.activity(row.activity_id.map(Uuid::from));
    let name = |row: &Model| format!("{}\0{}\0{}", row.fee, activity(row), row.valid_from);
    let order = export.in_order(&[Id, Fee, ActivityId, ValidFrom], name).await?;
    let mut sheet = export.begin(File::TaxDecisions, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        for row in export.rows::<Model>(ids).await? {
            sheet.write([
                row.fee.to_string(),
                export.activity(row.activity_id),
                row.valid_from.to_string(),
                row.vat_rate.to_string(),
                optional(row.exemption_reason),
                optional(row.exemption_code),
                row.decided_on.to_string(),
                row.reference,
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}
