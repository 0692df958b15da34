//! fee_schedules.csv.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    fee_schedule,
    id::{ActivityId, FeeScheduleId},
    kind::{AllocationBasis, FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, sea_query::Expr};
use uuid::Uuid;

use super::{
    File,
    bulk_insert::Batch,
    export::session::{Export, PAGE_SIZE, optional},
    import::{report::BadRow, session::Import},
    key_resolution,
    row::{Cells, Line},
    staging,
};
use crate::{
    audit::forms,
    database::among,
    decisions,
    error::{Result, ValidationErrors},
};

/// A row of fee_schedules.csv.
struct Draft {
    /// `None` for a fee of the network itself.
    activity: Option<String>,
    activity_id: Option<ActivityId>,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    basis: FeeBasis,
    amount: Option<Money>,
    per_mille: Option<PerMille>,
    cap: Option<Money>,
    minimum: Option<Money>,
    /// `None` for the rate of the tax decision.
    vat_rate: Option<VatRate>,
    /// `None` if the file doesn't have the column.
    allocation_basis: Option<Option<AllocationBasis>>,
}

/// Returns the identity of a schedule, which has no key.
fn name(activity: Option<ActivityId>, valid_from: NaiveDate, basis: FeeBasis) -> String {
    let activity = activity.map(|activity| activity.0.simple().to_string());
    format!("{} {valid_from} {basis}", activity.unwrap_or_default())
}

fn name_of(row: &fee_schedule::Model) -> String {
    name(row.activity_id, row.valid_from, row.basis)
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        activity: cells.optional_key("activity"),
        activity_id: None,
        valid_from: cells.day("valid_from"),
        valid_to: cells.optional_day("valid_to"),
        basis: cells.value("basis"),
        amount: cells.optional_decimal("amount"),
        per_mille: cells.optional_decimal("per_mille"),
        cap: cells.optional_decimal("cap"),
        minimum: cells.optional_decimal("minimum"),
        vat_rate: cells.optional("vat_rate"),
        allocation_basis: cells
            .present("allocation_basis")
            .then(|| cells.optional("allocation_basis")),
    };
    cells.check(|errors| {
        let in_order = draft.valid_to.is_none_or(|valid_to| valid_to >= draft.valid_from);
        errors.expect(in_order, "valid_to", "must not be before valid_from");
        check_sums(errors, draft.basis, ("amount", draft.amount), ("per_mille", draft.per_mille));
        for (column, sum) in [("cap", draft.cap), ("minimum", draft.minimum)] {
            errors.expect(sum.is_none_or(|sum| sum >= Money::ZERO), column, "must not be negative");
        }
        let in_order = draft.minimum.zip(draft.cap).is_none_or(|(minimum, cap)| minimum <= cap);
        errors.expect(in_order, "cap", "must not be below minimum");
        let fits = draft.basis == FeeBasis::PerMilleOfAllocation
            || draft.allocation_basis.flatten().is_none();
        errors.expect(fits, "allocation_basis", "must be empty but for PER_MILLE_OF_ALLOCATION");
    });
    Some(draft)
}

/// Checks that a fee has the sum or the rate that its basis requires, and not the other.
pub(super) fn check_sums(
    errors: &mut ValidationErrors,
    basis: FeeBasis,
    (amount_column, amount): (&str, Option<Money>),
    (rate_column, rate): (&str, Option<PerMille>),
) {
    let is_rate = basis == FeeBasis::PerMilleOfAllocation;
    let (needed, other) =
        if is_rate { (rate_column, amount_column) } else { (amount_column, rate_column) };
    let (has_needed, has_other) = if is_rate {
        (rate.is_some(), amount.is_some())
    } else {
        (amount.is_some(), rate.is_some())
    };
    errors.expect(has_needed, needed, format!("is needed for {basis}"));
    errors.expect(!has_other, other, format!("must be empty for {basis}"));
    errors.expect(
        amount.is_none_or(|amount| amount >= Money::ZERO),
        amount_column,
        "must not be negative",
    );
}

/// Imports fee_schedules.csv. A schedule is identified by its activity, first day and basis.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::FeeSchedules)? else { return Ok(()) };
    let mut touched = BTreeSet::new();
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
        let name_of = |draft: &Draft| name(draft.activity_id, draft.valid_from, draft.basis);
        import.check_names(File::FeeSchedules, &mut lines, "", name_of).await?;
        merge(import, lines, &mut touched).await?;
    }
    if !touched.is_empty() {
        refuse_overlaps(import, &touched).await?;
    }
    Ok(())
}

async fn merge(
    import: &mut Import<'_>,
    lines: Vec<Line<Draft>>,
    touched: &mut BTreeSet<Option<ActivityId>>,
) -> Result<()> {
    let activities = lines.iter().map(|line| line.draft.activity_id).collect();
    let existing: HashMap<String, fee_schedule::Model> =
        of(import, &activities).await?.into_iter().map(|row| (name_of(&row), row)).collect();
    let decisions: Vec<_> = existing.values().filter_map(|row| row.decision_id).collect();
    let decisions = decisions::by_ids(import.tx(), &decisions).await?;
    let mut batch = Batch::default();
    for line in lines {
        let Some(draft) = import.accept(File::FeeSchedules, |_| String::new(), line) else {
            continue;
        };
        let before = existing.get(&name(draft.activity_id, draft.valid_from, draft.basis));
        let id = before.map_or_else(FeeScheduleId::new, |before| before.id);
        let after = fee_schedule::Model {
            id,
            activity_id: draft.activity_id,
            valid_from: draft.valid_from,
            valid_to: draft.valid_to,
            basis: draft.basis,
            amount: draft.amount,
            per_mille: draft.per_mille,
            cap: draft.cap,
            minimum: draft.minimum,
            allocation_basis: draft
                .allocation_basis
                .unwrap_or_else(|| before.and_then(|before| before.allocation_basis)),
            vat_rate: draft.vat_rate,
            decision_id: before.and_then(|before| before.decision_id),
        };
        let decision = after.decision_id.and_then(|id| decisions.get(&id).cloned());
        let recorded = |row: &fee_schedule::Model| forms::FeeSchedule {
            row: row.clone(),
            decision: decision.clone(),
        };
        import.put_as(File::FeeSchedules, before, after, recorded, &mut batch)?;
    }
    touched.extend(batch.added.iter().chain(&batch.changed).map(|row| row.activity_id));
    batch.write(import.tx()).await?;
    import.settle().await
}

/// Returns the schedules of these activities, and of the network for `None`, by activity, basis and
/// first day.
async fn of(
    import: &Import<'_>,
    activities: &BTreeSet<Option<ActivityId>>,
) -> Result<Vec<fee_schedule::Model>> {
    use fee_schedule::Column::{ActivityId as Activity, Basis, ValidFrom};
    let theirs = among(
        import.tx().get_database_backend(),
        Expr::col(Activity),
        activities.iter().flatten().copied(),
    );
    let mine =
        if activities.contains(&None) { theirs.or(Expr::col(Activity).is_null()) } else { theirs };
    let find = fee_schedule::Entity::find()
        .filter(mine)
        .order_by_asc(Activity)
        .order_by_asc(Basis)
        .order_by_asc(ValidFrom);
    Ok(find.all(import.tx()).await?)
}

/// Rejects schedules of one basis that are valid on the same day. They are checked after all rows
/// were imported, since a later row may end an earlier schedule.
async fn refuse_overlaps(
    import: &mut Import<'_>,
    activities: &BTreeSet<Option<ActivityId>>,
) -> Result<()> {
    let rows = of(import, activities).await?;
    let mut overlapping: BTreeMap<String, NaiveDate> = BTreeMap::new();
    for pair in rows.windows(2) {
        let [earlier, later] = pair else { continue };
        let is_same = (earlier.activity_id, earlier.basis) == (later.activity_id, later.basis);
        if is_same && earlier.valid_to.is_none_or(|valid_to| valid_to >= later.valid_from) {
            overlapping.insert(name_of(earlier), later.valid_from);
            overlapping.insert(name_of(later), earlier.valid_from);
        }
    }
    if overlapping.is_empty() {
        return Ok(());
    }
    let lines =
        staging::seen(import.tx(), File::FeeSchedules, &overlapping.keys().cloned().collect())
            .await?;
    for (name, (line, _)) in lines {
        let reason = format!(
            "holds on days of the one from {}; end one before the other begins",
            overlapping[&name]
        );
        import.reject(BadRow::new(File::FeeSchedules, line, "valid_from", reason));
    }
    Ok(())
}

/// Writes fee_schedules.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    use fee_schedule::Column::{ActivityId, Basis, Id, ValidFrom};
    let activity = |row: &fee_schedule::Model| export.activity(row.activity_id.map(Uuid::from));
    let name =
        |row: &fee_schedule::Model| format!("{}\0{}\0{}", activity(row), row.valid_from, row.basis);
    let order = export.in_order(&[Id, ActivityId, Basis, ValidFrom], name).await?;
    let mut sheet = export.begin(File::FeeSchedules, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        for row in export.rows::<fee_schedule::Model>(ids).await? {
            sheet.write([
                export.activity(row.activity_id),
                row.valid_from.to_string(),
                optional(row.valid_to),
                row.basis.to_string(),
                optional(row.amount),
                optional(row.per_mille),
                optional(row.cap),
                optional(row.minimum),
                optional(row.vat_rate),
                optional(row.allocation_basis),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}
