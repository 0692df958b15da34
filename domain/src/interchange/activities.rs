//! activities.csv and status_reports.csv.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity, activity_funding, activity_text, contact,
    id::{ActivityId, ContactId, StatusReportId},
    kind::{FundingKind, Health},
    partial::PartialRow,
    status_report, status_report_text,
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    File,
    bulk_insert::{Batch, insert, replace},
    export::session::{Export, PAGE_SIZE, instant, key_in, optional},
    import::session::Import,
    key_resolution::{self, Claims},
    keyed_rows::Keyed,
    row::{Cells, Line},
};
use crate::{
    activities::texts_of,
    audit::forms::{self, Activity as Aggregate, StatusReport},
    collation,
    database::among,
    error::{LINE, Result, TEXT},
    status_reports,
};

/// A row of activities.csv. An optional column is an `Option` of its value: `None` if the file
/// doesn't have the column.
struct Draft {
    key: String,
    slug: String,
    name: String,
    purpose: Option<String>,
    goal: Option<String>,
    funding: Vec<FundingKind>,
    starts_on: NaiveDate,
    ends_on: Option<NaiveDate>,
    board_contact: Option<Option<String>>,
    lead: Option<Option<String>>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        key: cells.key("key"),
        slug: cells.slug("slug"),
        name: cells.text("name", LINE),
        purpose: cells.optional_text("purpose", TEXT),
        goal: cells.optional_text("goal", TEXT),
        funding: funding(cells),
        starts_on: cells.day("starts_on"),
        ends_on: cells.optional_day("ends_on"),
        board_contact: cells.present("board_contact").then(|| cells.optional_key("board_contact")),
        lead: cells.present("lead").then(|| cells.optional_key("lead")),
    };
    cells.check(|errors| {
        let in_order = draft.ends_on.is_none_or(|ends_on| ends_on >= draft.starts_on);
        errors.expect(in_order, "ends_on", "must not be before starts_on");
    });
    Some(draft)
}

fn funding(cells: &mut Cells<'_>) -> Vec<FundingKind> {
    let words = cells.list("funding");
    let mut kinds: Vec<FundingKind> =
        words.iter().map(|word| cells.errors.take("funding", word.parse())).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Imports activities.csv.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Activities)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_keys::<activity::Model, _>(File::Activities, &mut lines, |draft| &draft.key)
            .await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let own = key_resolution::present(lines.iter().map(|line| Some(line.draft.key.as_str())));
    let existing = key_resolution::existing::<activity::Model>(
        import.tx(),
        &own,
        &activity::Model::every_column(),
    )
    .await?;
    let existing = aggregates(import.tx(), existing).await?;
    let contacts = lines.iter().flat_map(|line| [&line.draft.board_contact, &line.draft.lead]);
    let contacts = key_resolution::present(contacts.map(|key| key.as_ref()?.as_deref()));
    let contacts = key_resolution::references::<contact::Model, ContactId>(
        import,
        "contact",
        File::Contacts,
        contacts,
    )
    .await?;
    let slugs = lines.iter().map(|line| line.draft.slug.clone()).collect();
    let mut slugs = Claims::new(
        key_resolution::owners::<activity::Model>(import.tx(), activity::Column::Slug, &slugs)
            .await?,
    );
    let mut batch = Batch::default();
    for mut line in lines {
        let before = existing.get(&line.draft.key);
        let old = before.map(|before| &before.row);
        let id = old.map_or_else(ActivityId::new, |old| old.id);
        let slug = line.draft.slug.clone();
        if let Some(old) = old.filter(|old| old.slug != slug) {
            line.error(
                "slug",
                format!("must stay {}, since tokens and scripts rely on it", old.slug),
            );
        } else if !slugs.take(id.0, None, Some(&slug).filter(|slug| !slug.is_empty())) {
            line.error("slug", "is that of another activity too");
        }
        let board_contact_id = match line.draft.board_contact.clone() {
            Some(key) => contacts.find(&mut line, "board_contact", key.as_deref()),
            None => old.and_then(|old| old.board_contact_id),
        };
        let lead_contact_id = match line.draft.lead.clone() {
            Some(key) => contacts.find(&mut line, "lead", key.as_deref()),
            None => old.and_then(|old| old.lead_contact_id),
        };
        let Some(draft) = import.accept(File::Activities, |draft| draft.key.clone(), line) else {
            continue;
        };
        let row = activity::Model {
            id,
            import_key: old.map_or(Some(draft.key), |old| old.import_key.clone()),
            slug: draft.slug,
            name_key: collation::key(&draft.name),
            name: draft.name,
            starts_on: draft.starts_on,
            ends_on: draft.ends_on,
            board_contact_id,
            lead_contact_id,
            decision_id: old.and_then(|old| old.decision_id),
        };
        let texts =
            activity_text::Model { activity_id: id, purpose: draft.purpose, goal: draft.goal };
        let decision = before.and_then(|before| before.decision.clone());
        import.put(
            File::Activities,
            before,
            Aggregate { row, texts, funding: draft.funding, decision },
            &mut batch,
        )?;
    }
    write(import.tx(), batch).await?;
    import.settle().await
}

/// Loads the aggregates of these rows.
async fn aggregates(
    tx: &impl ConnectionTrait,
    rows: HashMap<String, activity::Model>,
) -> Result<HashMap<String, Aggregate>> {
    let keys: HashMap<ActivityId, String> =
        rows.iter().map(|(key, row)| (row.id, key.clone())).collect();
    let aggregates = forms::activities(tx, rows.into_values().collect()).await?;
    Ok(aggregates
        .into_iter()
        .filter_map(|aggregate| Some((keys.get(&aggregate.row.id)?.clone(), aggregate)))
        .collect())
}

async fn funding_of(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<ActivityId>,
) -> Result<HashMap<ActivityId, Vec<FundingKind>>> {
    let theirs =
        among(tx.get_database_backend(), Expr::col(activity_funding::Column::ActivityId), ids);
    let mut of: HashMap<ActivityId, Vec<FundingKind>> = HashMap::new();
    for row in activity_funding::Entity::find().filter(theirs).all(tx).await? {
        of.entry(row.activity_id).or_default().push(row.kind);
    }
    of.values_mut().for_each(|kinds| kinds.sort());
    Ok(of)
}

async fn write(tx: &impl ConnectionTrait, batch: Batch<Aggregate>) -> Result<()> {
    let changed = batch.changed.iter().map(|aggregate| aggregate.row.id).collect::<Vec<_>>();
    if !changed.is_empty() {
        let theirs = among(
            tx.get_database_backend(),
            Expr::col(activity_funding::Column::ActivityId),
            changed,
        );
        activity_funding::Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    let funding = batch.changed.iter().chain(&batch.added).flat_map(|aggregate| {
        let path = |kind: &FundingKind| activity_funding::Model {
            activity_id: aggregate.row.id,
            kind: *kind,
        };
        aggregate.funding.iter().map(path)
    });
    let funding: Vec<_> = funding.collect();
    let texts: Vec<_> =
        batch.changed.iter().chain(&batch.added).map(|aggregate| aggregate.texts.clone()).collect();
    replace(tx, batch.changed.into_iter().map(|aggregate| aggregate.row).collect()).await?;
    insert(tx, batch.added.into_iter().map(|aggregate| aggregate.row).collect()).await?;
    replace(tx, texts).await?;
    insert(tx, funding).await
}

/// A row of status_reports.csv.
struct ReportDraft {
    activity: String,
    activity_id: Option<ActivityId>,
    period: String,
    health: Health,
    summary: String,
    deviations: Option<String>,
    next_steps: Option<String>,
    reported_by: String,
    reported_at: DateTime<Utc>,
}

impl ReportDraft {
    /// Returns its identity; empty if the activity is unknown.
    fn name(&self) -> String {
        self.activity_id
            .map(|activity| name_of_report(activity, &self.period, self.reported_at))
            .unwrap_or_default()
    }
}

fn name_of_report(activity: ActivityId, period: &str, at: DateTime<Utc>) -> String {
    format!("{} {period} {}", activity.0.simple(), at.timestamp_micros())
}

fn read_report(cells: &mut Cells<'_>) -> Option<ReportDraft> {
    Some(ReportDraft {
        activity: cells.key("activity"),
        activity_id: None,
        period: cells.text("period", LINE),
        health: cells.value("health"),
        summary: cells.text("summary", TEXT),
        deviations: cells.optional_text("deviations", TEXT),
        next_steps: cells.optional_text("next_steps", TEXT),
        reported_by: cells.text("reported_by", LINE),
        reported_at: cells.instant("reported_at"),
    })
}

/// Imports status_reports.csv. A report is identified by its activity, its period and the instant
/// at which it was filed.
pub(super) async fn import_status_reports(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::StatusReports)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read_report)? {
        let activities = key_resolution::activities(
            import,
            key_resolution::present(lines.iter().map(|line| Some(line.draft.activity.as_str()))),
        )
        .await?;
        for line in &mut lines {
            let activity = line.draft.activity.clone();
            line.draft.activity_id = activities.find(line, "activity", Some(&activity));
        }
        import.check_names(File::StatusReports, &mut lines, "", ReportDraft::name).await?;
        merge_reports(import, lines).await?;
    }
    Ok(())
}

async fn merge_reports(import: &mut Import<'_>, lines: Vec<Line<ReportDraft>>) -> Result<()> {
    let activities: BTreeSet<ActivityId> =
        lines.iter().filter_map(|line| line.draft.activity_id).collect();
    let theirs = among(
        import.tx().get_database_backend(),
        Expr::col(status_report::Column::ActivityId),
        activities,
    );
    let existing = status_report::Entity::find().filter(theirs).all(import.tx()).await?.into_iter();
    let named: BTreeSet<String> = lines.iter().map(|line| line.draft.name()).collect();
    let existing =
        existing.map(|row| (name_of_report(row.activity_id, &row.period, row.reported_at), row));
    let existing: Vec<_> = existing.filter(|(name, _)| named.contains(name)).collect();
    let mut texts = status_reports::texts_of(
        import.tx(),
        &existing.iter().map(|(_, row)| row.id).collect::<Vec<_>>(),
    )
    .await?;
    let aggregate = |(name, row): (String, status_report::Model)| {
        let texts = status_report_text::Model {
            status_report_id: row.id,
            ..texts.remove(&row.id).unwrap_or_default()
        };
        (name, StatusReport { row, texts })
    };
    let existing: HashMap<String, StatusReport> = existing.into_iter().map(aggregate).collect();
    let mut batch = Batch::default();
    for line in lines {
        let Some(draft) = import.accept(File::StatusReports, |_| String::new(), line) else {
            continue;
        };
        let Some(activity_id) = draft.activity_id else { continue };
        let before = existing.get(&draft.name());
        let id = before.map_or_else(StatusReportId::new, |before| before.row.id);
        let row = status_report::Model {
            id,
            activity_id,
            period: draft.period,
            health: draft.health,
            reported_by: draft.reported_by,
            reported_at: draft.reported_at,
        };
        let texts = status_report_text::Model {
            status_report_id: id,
            summary: draft.summary,
            deviations: draft.deviations,
            next_steps: draft.next_steps,
        };
        import.put(File::StatusReports, before, StatusReport { row, texts }, &mut batch)?;
    }
    write_reports(import.tx(), batch).await?;
    import.settle().await
}

async fn write_reports(tx: &impl ConnectionTrait, batch: Batch<StatusReport>) -> Result<()> {
    let apart = |aggregates: Vec<StatusReport>| {
        aggregates.into_iter().map(|aggregate| (aggregate.row, aggregate.texts)).unzip()
    };
    let (added, added_texts) = apart(batch.added);
    let (changed, changed_texts) = apart(batch.changed);
    Batch::<status_report::Model> { added, changed }.write(tx).await?;
    Batch::<status_report_text::Model> { added: added_texts, changed: changed_texts }
        .write(tx)
        .await
}

/// Writes activities.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export.in_order_of_keys::<activity::Model>().await?;
    let mut sheet = export.begin(File::Activities, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let rows: Vec<activity::Model> = export.rows(ids).await?;
        let mut texts =
            texts_of(&export.tx, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
        let mut funding = funding_of(&export.tx, rows.iter().map(|row| row.id).collect()).await?;
        let contacts =
            rows.iter().flat_map(|row| [row.board_contact_id, row.lead_contact_id]).flatten();
        let contacts = key_resolution::keys_of::<contact::Model>(
            &export.tx,
            contacts.map(Into::into).collect(),
        )
        .await?;
        for row in rows {
            let texts = texts.remove(&row.id).unwrap_or_default();
            let funding: Vec<&str> = funding
                .remove(&row.id)
                .unwrap_or_default()
                .into_iter()
                .map(FundingKind::word)
                .collect();
            sheet.write([
                row.key(),
                row.slug,
                row.name,
                optional(texts.purpose),
                optional(texts.goal),
                funding.join("|"),
                row.starts_on.to_string(),
                optional(row.ends_on),
                key_in(&contacts, row.board_contact_id),
                key_in(&contacts, row.lead_contact_id),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}

/// Writes status_reports.csv.
pub(super) async fn export_status_reports(export: &mut Export<'_>) -> Result<()> {
    use status_report::Column::{ActivityId, Id, Period, ReportedAt};
    let name = |row: &status_report::Model| {
        format!(
            "{}\0{}\0{}",
            export.activity(Some(row.activity_id)),
            row.period,
            row.reported_at.to_rfc3339()
        )
    };
    let order = export.in_order(&[Id, ActivityId, Period, ReportedAt], name).await?;
    let mut sheet = export.begin(File::StatusReports, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let rows: Vec<status_report::Model> = export.rows(ids).await?;
        let mut texts = status_reports::texts_of(
            &export.tx,
            &rows.iter().map(|row| row.id).collect::<Vec<_>>(),
        )
        .await?;
        for row in rows {
            let texts = texts.remove(&row.id).unwrap_or_default();
            sheet.write([
                export.activity(Some(row.activity_id)),
                row.period,
                row.health.to_string(),
                texts.summary,
                optional(texts.deviations),
                optional(texts.next_steps),
                row.reported_by,
                instant(row.reported_at),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}
