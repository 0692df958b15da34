//! agreements.csv.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement, agreement_parameters,
    id::{ActivityId, AgreementId, TemplateVersionId},
    kind::{AgreementKind, AllocationBasis, Direction, FeeBasis, VatRate},
    money::{Money, PerMille},
    partial::PartialRow,
    template, template_version,
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, Statement,
    sea_query::Expr,
};

use super::{
    File,
    bulk_insert::{Batch, insert, replace},
    export::{self, Export, instant, optional},
    fee_schedules::check_sums,
    import::{BadRow, CHUNK, Import},
    key_resolution::{self, Claims, Keyed, Party, References, version_name},
    row::{Cells, Line},
    staging,
};
use crate::{
    activities::tax_decisions::NO_RATE_OF_ZERO,
    agreements::{lifecycle, overlaps},
    audit::forms::{self, Agreement as Aggregate},
    clock::{day_of, start_of},
    database::{among, check},
    error::{Result, TEXT, ValidationErrors, unprintable},
    swedish, term_sql,
};

/// The longest number of a document, in characters.
pub(super) const NUMBER: usize = 40;

/// The longest parameters, in characters.
const PARAMETERS: usize = 200_000;

/// A row of agreements.csv. What is null twice has no column.
struct Draft {
    key: String,
    number: Option<String>,
    kind: AgreementKind,
    direction: Direction,
    activity: Option<String>,
    counterparty: String,
    template: Option<String>,
    template_version: Option<i32>,
    starts_on: NaiveDate,
    ends_on: Option<NaiveDate>,
    notice_months: i32,
    renewal_months: Option<i32>,
    offered_at: Option<DateTime<Utc>>,
    signed_on: Option<NaiveDate>,
    notice_given_on: Option<NaiveDate>,
    fee_basis: Option<FeeBasis>,
    fee_amount: Option<Money>,
    fee_per_mille: Option<PerMille>,
    vat_rate: Option<VatRate>,
    withdrawn_on: Option<Option<NaiveDate>>,
    termination_reason: Option<Option<String>>,
    replaces: Option<Option<String>>,
    parameters: Option<Option<String>>,
    fee_cap: Option<Option<Money>>,
    fee_minimum: Option<Option<Money>>,
    fee_allocation_basis: Option<Option<AllocationBasis>>,
    notice_end_decided_on: Option<Option<NaiveDate>>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        key: cells.key("key"),
        number: cells.optional_text("number", NUMBER),
        kind: cells.value("kind"),
        direction: cells.value("direction"),
        activity: cells.optional_key("activity"),
        counterparty: cells.key("counterparty"),
        template: cells.optional_key("template"),
        template_version: cells.optional_integer("template_version", 1, 1_000_000),
        starts_on: cells.day("starts_on"),
        ends_on: cells.optional_day("ends_on"),
        notice_months: cells.integer("notice_months", 0, 120),
        renewal_months: cells.optional_integer("renewal_months", 1, 600),
        offered_at: cells.optional_instant("offered_at"),
        signed_on: cells.optional_day("signed_on"),
        notice_given_on: cells.optional_day("notice_given_on"),
        fee_basis: cells.optional("fee_basis"),
        fee_amount: cells.optional_decimal("fee_amount"),
        fee_per_mille: cells.optional_decimal("fee_per_mille"),
        vat_rate: cells.optional("vat_rate"),
        withdrawn_on: cells.present("withdrawn_on").then(|| cells.optional_day("withdrawn_on")),
        termination_reason: cells
            .present("termination_reason")
            .then(|| cells.optional_text("termination_reason", TEXT)),
        replaces: cells.present("replaces").then(|| cells.optional_key("replaces")),
        parameters: cells
            .present("parameters")
            .then(|| cells.optional_text("parameters", PARAMETERS)),
        fee_cap: cells.present("fee_cap").then(|| cells.optional_decimal("fee_cap")),
        fee_minimum: cells.present("fee_minimum").then(|| cells.optional_decimal("fee_minimum")),
        fee_allocation_basis: cells
            .present("fee_allocation_basis")
            .then(|| cells.optional("fee_allocation_basis")),
        notice_end_decided_on: cells
            .present("notice_end_decided_on")
            .then(|| cells.optional_day("notice_end_decided_on")),
    };
    // Nobody noted when an old contract was offered: at the latest on the day that it was signed.
    let offered_at = draft
        .offered_at
        .or_else(|| draft.signed_on.filter(|_| draft.number.is_some()).map(start_of));
    let draft = Draft { offered_at, ..draft };
    cells.check(|errors| check(&draft, errors));
    Some(draft)
}

/// What the cells together can't say, but for what hangs on the row that is there already: see
/// [`check_days`].
fn check(draft: &Draft, errors: &mut ValidationErrors) {
    if draft.kind == AgreementKind::Participation {
        errors.expect(
            draft.activity.is_some(),
            "activity",
            "must not be empty: one takes part in an activity",
        );
        errors.expect(
            draft.direction != Direction::Cost,
            "direction",
            "must not be COST: who takes part is not paid for it",
        );
    }
    let is_complete = draft.template.is_some() == draft.template_version.is_some();
    errors.expect(is_complete, "template_version", "must be given together with template");
    errors.expect(
        draft.offered_at.is_some() == draft.number.is_some(),
        "number",
        "must be given together with offered_at or signed_on: a draft has none of them",
    );
    errors.expect(
        draft.renewal_months.is_none() || draft.ends_on.is_some(),
        "renewal_months",
        "needs ends_on, the end of the first term",
    );
    match draft.fee_basis {
        Some(basis) => {
            check_sums(
                errors,
                basis,
                ("fee_amount", draft.fee_amount),
                ("fee_per_mille", draft.fee_per_mille),
            );
            errors.expect(
                draft.vat_rate.is_some(),
                "vat_rate",
                "must not be empty where there is a fee",
            );
            // What was offered once is history.
            errors.expect(
                draft.number.is_some() || draft.vat_rate != Some(VatRate::Zero),
                "vat_rate",
                NO_RATE_OF_ZERO,
            );
        }
        None => {
            let columns = [
                ("fee_amount", draft.fee_amount.is_some()),
                ("fee_per_mille", draft.fee_per_mille.is_some()),
                ("vat_rate", draft.vat_rate.is_some()),
            ];
            for (column, is_given) in columns {
                errors.expect(!is_given, column, "must be empty where there is no fee_basis");
            }
        }
    }
    let (cap, minimum) = (draft.fee_cap.flatten(), draft.fee_minimum.flatten());
    for (column, limit) in [("fee_cap", cap), ("fee_minimum", minimum)] {
        let has_rate = draft.fee_basis == Some(FeeBasis::PerMilleOfAllocation);
        errors.expect(
            has_rate || limit.is_none(),
            column,
            "must be empty but for PER_MILLE_OF_ALLOCATION",
        );
        errors.expect(
            limit.is_none_or(|limit| limit >= Money::ZERO),
            column,
            "must not be negative",
        );
    }
    errors.expect(
        minimum.zip(cap).is_none_or(|(minimum, cap)| minimum <= cap),
        "fee_cap",
        "must not be below fee_minimum",
    );
    let fits = draft.fee_basis == Some(FeeBasis::PerMilleOfAllocation)
        || draft.fee_allocation_basis.flatten().is_none();
    errors.expect(fits, "fee_allocation_basis", "must be empty but for PER_MILLE_OF_ALLOCATION");
    let is_decided = draft.notice_end_decided_on.flatten().is_some();
    errors.expect(
        !is_decided || draft.notice_given_on.is_some(),
        "notice_end_decided_on",
        "must be empty where no notice was given",
    );
    if let Some(Some(parameters)) = &draft.parameters {
        match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(parameters) {
            Ok(present) => {
                let texts =
                    present.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
                let problem = texts
                    .into_iter()
                    .find_map(|(name, text)| Some(format!("{name} {}", unprintable(text.trim())?)));
                errors.expect(
                    problem.is_none(),
                    "parameters",
                    problem.as_deref().unwrap_or_default(),
                );
            }
            Err(_) => errors.add("parameters", "is not a JSON object"),
        }
    }
}

/// The order of an agreement's days.
fn check_days(row: &agreement::Model, errors: &mut ValidationErrors) {
    let offered_on = row.offered_at.map(day_of);
    let not_before = |later: Option<NaiveDate>, earlier: Option<NaiveDate>| {
        later.zip(earlier).is_none_or(|(later, earlier)| later >= earlier)
    };
    errors.expect(
        not_before(row.ends_on, Some(row.starts_on)),
        "ends_on",
        "must not be before starts_on",
    );
    errors.expect(
        row.signed_on.is_none() || offered_on.is_some(),
        "signed_on",
        "must be empty for what was not offered",
    );
    errors.expect(
        not_before(row.signed_on, offered_on),
        "signed_on",
        "must not be before the day of offered_at",
    );
    errors.expect(
        not_before(row.withdrawn_on, offered_on),
        "withdrawn_on",
        "must not be before the day of offered_at",
    );
    if row.notice_given_on.is_some() {
        errors.expect(
            row.signed_on.is_some(),
            "notice_given_on",
            "must be empty for what was not signed",
        );
        errors.expect(
            row.ends_on.is_some(),
            "notice_given_on",
            "needs ends_on, the last day in force",
        );
        errors.expect(
            not_before(row.notice_given_on, row.signed_on),
            "notice_given_on",
            "must not be before signed_on",
        );
    }
}

/// Reads agreements.csv.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Agreements)? else { return Ok(()) };
    overlaps::check_later(import.tx()).await?;
    let mut postponed = Vec::new();
    let mut has_changed = false;
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_keys::<agreement::Model, _>(File::Agreements, &mut lines, |draft| &draft.key)
            .await?;
        postponed.extend(merge(import, lines, false, &mut has_changed).await?);
    }
    // A successor may stand further up than what it replaces: it waits for that, as long as that
    // helps.
    let mut is_last = false;
    while !postponed.is_empty() {
        let count = postponed.len();
        let mut rest = std::mem::take(&mut postponed).into_iter().peekable();
        while rest.peek().is_some() {
            let lines = rest.by_ref().take(CHUNK).collect();
            postponed.extend(merge(import, lines, is_last, &mut has_changed).await?);
        }
        is_last = postponed.len() == count;
    }
    // Where some are in force beside each other, the import is refused, and what it wrote is never
    // committed.
    if has_changed && refuse_overlaps(import).await? {
        Ok(())
    } else {
        overlaps::check_now(import.tx()).await
    }
}

/// What a chunk's rows refer to.
struct Known {
    existing: HashMap<String, Aggregate>,
    /// Those whose text is kept.
    frozen: BTreeSet<AgreementId>,
    activities: References<ActivityId>,
    parties: References<Party>,
    versions: References<TemplateVersionId>,
    replaced: References<AgreementId>,
}

/// Merges rows into the register, but for those whose predecessor isn't there yet.
async fn merge(
    import: &mut Import<'_>,
    lines: Vec<Line<Draft>>,
    is_last: bool,
    has_changed: &mut bool,
) -> Result<Vec<Line<Draft>>> {
    let replaced =
        key_resolution::present(lines.iter().map(|line| line.draft.replaces.as_ref()?.as_deref()));
    let replaced = key_resolution::references::<agreement::Model, AgreementId>(
        import,
        "agreement",
        File::Agreements,
        replaced,
    )
    .await?;
    let waits = |line: &Line<Draft>| {
        let replaces = line.draft.replaces.iter().flatten().next();
        !is_last && replaces.is_some_and(|key| *key != line.draft.key && replaced.is_missing(key))
    };
    let (postponed, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(waits);

    let own = key_resolution::present(lines.iter().map(|line| Some(line.draft.key.as_str())));
    let existing = key_resolution::existing::<agreement::Model>(
        import.tx(),
        &own,
        &agreement::Model::every_column(),
    )
    .await?;
    let versions = lines
        .iter()
        .filter_map(|line| line.draft.template.clone().zip(line.draft.template_version))
        .collect();
    let known = Known {
        frozen: lifecycle::with_document(
            import.tx(),
            existing.values().map(|row| row.id).collect(),
        )
        .await?,
        existing: integer(import.tx(), existing).await?,
        activities: key_resolution::activities(
            import,
            key_resolution::present(lines.iter().map(|line| line.draft.activity.as_deref())),
        )
        .await?,
        parties: key_resolution::parties(
            import,
            key_resolution::present(
                lines.iter().map(|line| Some(line.draft.counterparty.as_str())),
            ),
        )
        .await?,
        versions: key_resolution::template_versions(import, versions).await?,
        replaced,
    };
    let numbers = lines.iter().filter_map(|line| line.draft.number.clone()).collect();
    let mut numbers = Claims::new(
        key_resolution::owners::<agreement::Model>(
            import.tx(),
            agreement::Column::Number,
            &numbers,
        )
        .await?,
    );
    let mut successors = Claims::new(successors_of(import.tx(), &lines, &known).await?);

    let circle: BTreeSet<String> = if is_last {
        lines.iter().map(|line| line.draft.key.clone()).collect()
    } else {
        BTreeSet::new()
    };
    let mut batch = Batch::default();
    let mut predecessors = BTreeSet::new();
    for mut line in lines {
        if line
            .draft
            .replaces
            .iter()
            .flatten()
            .any(|key| *key == line.draft.key || circle.contains(key))
        {
            line.error("replaces", "leads back to the agreement itself");
            line.draft.replaces = None;
        }
        let before = known.existing.get(&line.draft.key);
        let after = build(&mut line, before, &known);
        if let Some(before) = before.filter(|before| known.frozen.contains(&before.row.id)) {
            refuse_changes(&mut line, before, &after);
        }
        let old = before.map(|before| &before.row);
        if !numbers.take(
            after.row.id.0,
            old.and_then(|old| old.number.as_ref()),
            after.row.number.as_ref(),
        ) {
            line.error("number", "is that of another agreement too");
        }
        if !successors.take(
            after.row.id.0,
            old.and_then(|old| old.replaces_id.as_ref()),
            after.row.replaces_id.as_ref(),
        ) {
            line.error("replaces", "is replaced by another agreement already");
        }
        if import.accept(File::Agreements, |draft| draft.key.clone(), line).is_none() {
            continue;
        }
        let relation = |integer: &Aggregate| {
            (integer.row.replaces_id, integer.row.signed_on, integer.row.starts_on)
        };
        if before.map(relation) != Some(relation(&after)) {
            predecessors.extend(before.and_then(|before| before.row.replaces_id));
            predecessors.extend(after.row.replaces_id);
        }
        import.put(File::Agreements, before, after, &mut batch)?;
    }
    *has_changed |= !batch.added.is_empty() || !batch.changed.is_empty();
    write(import.tx(), batch).await?;
    link_predecessors(import, predecessors).await?;
    import.settle().await?;
    Ok(postponed)
}

/// What was offered here, with a text that the register keeps, never changes.
fn refuse_changes(line: &mut Line<Draft>, before: &Aggregate, after: &Aggregate) {
    let mut columns = lifecycle::frozen_changes(&before.row, &after.row);
    if before.parameters != after.parameters {
        columns.push("parameters");
    }
    for column in columns {
        line.error(column, "must stay as it is: the agreement was offered, and its text is kept");
    }
}

fn build(line: &mut Line<Draft>, before: Option<&Aggregate>, known: &Known) -> Aggregate {
    let old = before.map(|before| &before.row);
    let (activity, counterparty, replaces) =
        (line.draft.activity.clone(), line.draft.counterparty.clone(), line.draft.replaces.clone());
    let activity_id = known.activities.find(line, "activity", activity.as_deref());
    let party = known.parties.find(line, "counterparty", Some(&counterparty));
    let (member_id, organisation_id) = Party::columns(party);
    let version = line
        .draft
        .template
        .as_deref()
        .zip(line.draft.template_version)
        .map(|(slug, version)| version_name(slug, version));
    let template_version_id = known.versions.find(line, "template_version", version.as_deref());
    let replaces_id = match replaces {
        Some(key) => known.replaced.find(line, "replaces", key.as_deref()),
        None => old.and_then(|old| old.replaces_id),
    };
    let draft = &line.draft;
    let withdrawn_on = draft.withdrawn_on.unwrap_or_else(|| old.and_then(|old| old.withdrawn_on));
    // What was withdrawn replaces nothing, though an older export says so.
    let replaces_id = replaces_id.filter(|_| withdrawn_on.is_none());
    // What a file without the columns says nothing about stays, as long as there is a rate that it
    // is of.
    let stored = old.filter(|_| draft.fee_basis == Some(FeeBasis::PerMilleOfAllocation));
    let mut row = agreement::Model {
        id: old.map_or_else(AgreementId::new, |old| old.id),
        import_key: old.map_or_else(|| Some(draft.key.clone()), |old| old.import_key.clone()),
        number_key: draft.number.as_deref().map(swedish::number_key).unwrap_or_default(),
        number: draft.number.clone(),
        kind: draft.kind,
        direction: draft.direction,
        activity_id,
        member_id,
        organisation_id,
        template_version_id,
        starts_on: draft.starts_on,
        ends_on: draft.ends_on,
        notice_months: draft.notice_months,
        renewal_months: draft.renewal_months,
        offered_at: draft.offered_at,
        signed_on: draft.signed_on,
        withdrawn_on,
        notice_given_on: draft.notice_given_on,
        termination_reason: draft
            .termination_reason
            .clone()
            .unwrap_or_else(|| old.and_then(|old| old.termination_reason.clone())),
        replaces_id,
        replaced_from: old.and_then(|old| old.replaced_from),
        deadline_on: None,
        deadline_month: None,
        fee_basis: draft.fee_basis,
        fee_amount: draft.fee_amount,
        fee_per_mille: draft.fee_per_mille,
        fee_cap: draft.fee_cap.unwrap_or_else(|| stored?.fee_cap),
        fee_minimum: draft.fee_minimum.unwrap_or_else(|| stored?.fee_minimum),
        fee_allocation_basis: draft
            .fee_allocation_basis
            .unwrap_or_else(|| stored?.fee_allocation_basis),
        vat_rate: draft.vat_rate,
        decision_id: old.and_then(|old| old.decision_id),
        notice_end_decided_on: draft
            .notice_end_decided_on
            .unwrap_or_else(|| old.and_then(|old| old.notice_end_decided_on))
            .filter(|_| draft.notice_given_on.is_some()),
    };
    let old_parameters = before.and_then(|before| before.parameters.clone());
    let parameters = match draft.parameters.clone() {
        // What only looks otherwise stays as it is.
        Some(new)
            if before.is_some() && is_same_json(new.as_deref(), old_parameters.as_deref()) =>
        {
            old_parameters
        }
        Some(new) => new,
        None => old_parameters,
    };
    // Only of a term that could be read: no months stand where they could not, and no term is
    // prolonged by none.
    if line.errors.is_empty() {
        check_days(&row, &mut line.errors);
        (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
    }
    Aggregate { row, parameters, ..before.cloned().unwrap_or_default() }
}

/// Whether two texts say the same; nothing is as good as no parameters.
fn is_same_json(one: Option<&str>, other: Option<&str>) -> bool {
    let parse =
        |text: Option<&str>| serde_json::from_str::<serde_json::Value>(text.unwrap_or("{}")).ok();
    parse(one) == parse(other)
}

/// The agreements with their parameters.
async fn integer(
    tx: &impl ConnectionTrait,
    rows: HashMap<String, agreement::Model>,
) -> Result<HashMap<String, Aggregate>> {
    let keys: HashMap<AgreementId, String> =
        rows.iter().map(|(key, row)| (row.id, key.clone())).collect();
    let wholes = forms::agreements(tx, rows.into_values().collect()).await?;
    Ok(wholes
        .into_iter()
        .filter_map(|integer| Some((keys.get(&integer.row.id)?.clone(), integer)))
        .collect())
}

async fn parameters_of(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<AgreementId>,
) -> Result<HashMap<AgreementId, String>> {
    let theirs =
        among(tx.get_database_backend(), Expr::col(agreement_parameters::Column::AgreementId), ids);
    let found = agreement_parameters::Entity::find().filter(theirs).all(tx).await?;
    Ok(found.into_iter().map(|row| (row.agreement_id, row.parameters)).collect())
}

/// Which agreement replaces each of those that the rows replace.
async fn successors_of(
    tx: &impl ConnectionTrait,
    lines: &[Line<Draft>],
    known: &Known,
) -> Result<HashMap<AgreementId, uuid::Uuid>> {
    let replaced: BTreeSet<AgreementId> = lines
        .iter()
        .filter_map(|line| known.replaced.get(line.draft.replaces.as_ref()?.as_deref()?))
        .collect();
    if replaced.is_empty() {
        return Ok(HashMap::new());
    }
    let theirs =
        among(tx.get_database_backend(), Expr::col(agreement::Column::ReplacesId), replaced);
    let found = agreement::Entity::find().filter(theirs).all(tx).await?;
    Ok(found.into_iter().filter_map(|row| Some((row.replaces_id?, row.id.0))).collect())
}

async fn write(tx: &impl ConnectionTrait, batch: Batch<Aggregate>) -> Result<()> {
    let all = || batch.changed.iter().chain(&batch.added);
    let row = |integer: &Aggregate| {
        Some(agreement_parameters::Model {
            agreement_id: integer.row.id,
            parameters: integer.parameters.clone()?,
        })
    };
    let parameters: Vec<_> = all().filter_map(row).collect();
    let without: Vec<AgreementId> = batch
        .changed
        .iter()
        .filter(|integer| integer.parameters.is_none())
        .map(|integer| integer.row.id)
        .collect();
    if !without.is_empty() {
        let theirs = among(
            tx.get_database_backend(),
            Expr::col(agreement_parameters::Column::AgreementId),
            without,
        );
        agreement_parameters::Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    rewrite(tx, batch.changed.into_iter().map(|integer| integer.row).collect()).await?;
    insert(tx, batch.added.into_iter().map(|integer| integer.row).collect()).await?;
    replace(tx, parameters).await
}

/// Replaces rows that are there: those whose text is kept one by one, since the database lets
/// nothing but an UPDATE near them.
async fn rewrite(tx: &impl ConnectionTrait, rows: Vec<agreement::Model>) -> Result<()> {
    let frozen = lifecycle::with_document(tx, rows.iter().map(|row| row.id).collect()).await?;
    let (stored, others): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| frozen.contains(&row.id));
    for row in stored {
        agreement::Entity::update(row.into_active_model().reset_all()).validate()?.exec(tx).await?;
    }
    replace(tx, others).await
}

/// Writes into agreements from when on a signed successor replaces them.
async fn link_predecessors(
    import: &mut Import<'_>,
    predecessors: BTreeSet<AgreementId>,
) -> Result<()> {
    if predecessors.is_empty() {
        return Ok(());
    }
    let theirs = among(
        import.tx().get_database_backend(),
        Expr::col(agreement::Column::ReplacesId),
        predecessors.iter().copied(),
    );
    let successors = agreement::Entity::find().filter(theirs).all(import.tx()).await?;
    let replaced_from: HashMap<AgreementId, NaiveDate> = successors
        .into_iter()
        .filter(|row| row.signed_on.is_some() && row.withdrawn_on.is_none())
        .filter_map(|row| Some((row.replaces_id?, row.starts_on)))
        .collect();
    let rows = key_resolution::by_ids::<agreement::Model>(
        import.tx(),
        predecessors.into_iter().map(Into::into).collect(),
    )
    .await?;
    let mut changed = Vec::new();
    let is_due = |row: &agreement::Model| row.replaced_from != replaced_from.get(&row.id).copied();
    for before in
        forms::agreements(import.tx(), rows.into_values().filter(is_due).collect()).await?
    {
        let row = agreement::Model {
            replaced_from: replaced_from.get(&before.row.id).copied(),
            ..before.row.clone()
        };
        let after = Aggregate { row, ..before.clone() };
        import.change.record(Some(&before), Some(&after))?;
        changed.push(after.row);
    }
    rewrite(import.tx(), changed).await
}

/// A member takes part in an activity by one agreement at a time: looked at when all rows are
/// there, since one may make room for another. Answers whether there were any that do not.
async fn refuse_overlaps(import: &mut Import<'_>) -> Result<bool> {
    // Otherwise each is compared with all others of its activity.
    check(import.tx(), "agreement").await?;
    let sql = "SELECT own.import_key, own.id, other.number FROM agreement_participation own \
               JOIN agreement_participation other \
               ON other.member_id = own.member_id AND other.activity_id = own.activity_id AND other.id <> own.id \
               WHERE own.first_day <= other.last_day AND other.first_day <= own.last_day";
    let found = import
        .tx()
        .query_all_raw(Statement::from_string(import.tx().get_database_backend(), sql))
        .await?;
    let mut others: HashMap<String, String> = HashMap::new();
    for row in &found {
        let (key, id): (Option<String>, AgreementId) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let key = key.unwrap_or_else(|| id.0.simple().to_string());
        others.insert(key, row.try_get_by_index(2)?);
    }
    for chunk in others.keys().cloned().collect::<Vec<_>>().chunks(CHUNK) {
        for (key, (line, _)) in
            staging::seen(import.tx(), File::Agreements, &chunk.iter().cloned().collect()).await?
        {
            let reason = format!(
                "is in force beside {}: a member takes part in an activity by one agreement at a time",
                others[&key]
            );
            import.reject(BadRow::new(File::Agreements, line, "starts_on", reason));
        }
    }
    Ok(!others.is_empty())
}

/// Writes agreements.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let slugs: HashMap<_, _> = template::Entity::find()
        .all(&export.tx)
        .await?
        .into_iter()
        .map(|row| (row.id, row.slug))
        .collect();
    let versions: HashMap<_, _> = template_version::Entity::find()
        .all(&export.tx)
        .await?
        .into_iter()
        .map(|row| (row.id, (row.template_id, row.version)))
        .collect();
    let order = export.in_order_of_keys::<agreement::Model>().await?;
    let mut sheet = export.begin(File::Agreements, order.len())?;
    for ids in order.chunks(export::CHUNK) {
        let rows: Vec<agreement::Model> = export.rows(ids).await?;
        let replaced = key_resolution::keys_of::<agreement::Model>(
            &export.tx,
            rows.iter().filter_map(|row| row.replaces_id).map(Into::into).collect(),
        )
        .await?;
        let mut parameters =
            parameters_of(&export.tx, rows.iter().map(|row| row.id).collect()).await?;
        for row in rows {
            let version = row.template_version_id.and_then(|id| versions.get(&id));
            sheet.write([
                row.key(),
                optional(row.number),
                row.kind.to_string(),
                row.direction.to_string(),
                export.activity(row.activity_id),
                export.party(row.member_id, row.organisation_id),
                optional(version.and_then(|(template, _)| slugs.get(template))),
                optional(version.map(|(_, version)| version)),
                row.starts_on.to_string(),
                optional(row.ends_on),
                row.notice_months.to_string(),
                optional(row.renewal_months),
                optional(row.offered_at.map(instant)),
                optional(row.signed_on),
                optional(row.notice_given_on),
                optional(row.fee_basis),
                optional(row.fee_amount),
                optional(row.fee_per_mille),
                optional(row.vat_rate),
                optional(row.withdrawn_on),
                optional(row.termination_reason),
                export::key_in(&replaced, row.replaces_id),
                optional(parameters.remove(&row.id)),
                optional(row.fee_cap),
                optional(row.fee_minimum),
                optional(row.fee_allocation_basis),
                optional(row.notice_end_decided_on),
            ])?;
        }
        export.tell(&sheet);
    }
    export.end(sheet)
}
