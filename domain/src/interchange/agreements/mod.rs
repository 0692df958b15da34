//! agreements.csv.

mod build;
mod draft;
mod export;
mod write;

use std::collections::{BTreeSet, HashMap};

use ::entity::{agreement, id::AgreementId, partial::PartialRow};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, Statement, sea_query::Expr};
use uuid::Uuid;

pub(super) use self::export::export;
use self::{
    build::{Lookups, build, refuse_changes},
    draft::{Draft, read},
    write::{link_predecessors, write},
};
use super::{
    File,
    bulk_insert::Batch,
    import::{
        report::BadRow,
        session::{CHUNK, Import},
    },
    key_resolution::{self, Claims, References},
    row::Line,
    staging,
};
use crate::{
    agreements::{loading, overlap_constraint},
    audit::forms::{self, Agreement as Aggregate},
    database::{among, analyze},
    error::Result,
};

/// Imports agreements.csv.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Agreements)? else { return Ok(()) };
    overlap_constraint::check_later(import.tx()).await?;
    let mut postponed = Vec::new();
    let mut has_changed = false;
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_keys::<agreement::Model, _>(File::Agreements, &mut lines, |draft| &draft.key)
            .await?;
        postponed.extend(merge(import, lines, false, &mut has_changed).await?);
    }
    // A successor may precede its predecessor in the file. It is retried until a round imports
    // none.
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
    // An import with overlaps is refused, and what it wrote is never committed.
    if has_changed && refuse_overlaps(import).await? {
        Ok(())
    } else {
        overlap_constraint::check_now(import.tx()).await
    }
}

/// Values that only one agreement may have.
struct UniqueValues {
    numbers: Claims<String>,
    /// Agreements that are replaced.
    replaced: Claims<AgreementId>,
}

impl UniqueValues {
    async fn load(import: &Import<'_>, lines: &[Line<Draft>], lookups: &Lookups) -> Result<Self> {
        let numbers = lines.iter().filter_map(|line| line.draft.number.clone()).collect();
        let numbers = key_resolution::owners::<agreement::Model>(
            import.tx(),
            agreement::Column::Number,
            &numbers,
        )
        .await?;
        let replaced = successors_of(import.tx(), lines, lookups).await?;
        Ok(Self { numbers: Claims::new(numbers), replaced: Claims::new(replaced) })
    }

    /// Claims the values of an agreement, and adds an error for each that another one has.
    fn claim(
        &mut self,
        line: &mut Line<Draft>,
        old: Option<&agreement::Model>,
        new: &agreement::Model,
    ) {
        let old_number = old.and_then(|old| old.number.as_ref());
        if !self.numbers.take(new.id.0, old_number, new.number.as_ref()) {
            line.error("number", "is that of another agreement too");
        }
        let old_replaced = old.and_then(|old| old.replaces_id.as_ref());
        if !self.replaced.take(new.id.0, old_replaced, new.replaces_id.as_ref()) {
            line.error("replaces", "is replaced by another agreement already");
        }
    }
}

/// Merges rows into the register. Returns those whose predecessor doesn't exist yet, unless this is
/// the last round.
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
    let lookups = load_lookups(import, &lines, replaced).await?;
    let mut unique = UniqueValues::load(import, &lines, &lookups).await?;

    // Rows that still wait in the last round replace each other in a circle.
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
        let before = lookups.existing.get(&line.draft.key);
        let after = build(&mut line, before, &lookups);
        if let Some(before) = before.filter(|before| lookups.frozen.contains(&before.row.id)) {
            refuse_changes(&mut line, before, &after);
        }
        unique.claim(&mut line, before.map(|before| &before.row), &after.row);
        if import.accept(File::Agreements, |draft| draft.key.clone(), line).is_none() {
            continue;
        }
        let relation = |aggregate: &Aggregate| {
            (aggregate.row.replaces_id, aggregate.row.signed_on, aggregate.row.starts_on)
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

/// Loads the rows of the register that a chunk's rows refer to.
async fn load_lookups(
    import: &Import<'_>,
    lines: &[Line<Draft>],
    replaced: References<AgreementId>,
) -> Result<Lookups> {
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
    Ok(Lookups {
        frozen: loading::with_document(import.tx(), existing.values().map(|row| row.id).collect())
            .await?,
        existing: aggregates(import.tx(), existing).await?,
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
    })
}

/// Loads the aggregates of these rows.
async fn aggregates(
    tx: &impl ConnectionTrait,
    rows: HashMap<String, agreement::Model>,
) -> Result<HashMap<String, Aggregate>> {
    let keys: HashMap<AgreementId, String> =
        rows.iter().map(|(key, row)| (row.id, key.clone())).collect();
    let aggregates = forms::agreements(tx, rows.into_values().collect()).await?;
    Ok(aggregates
        .into_iter()
        .filter_map(|aggregate| Some((keys.get(&aggregate.row.id)?.clone(), aggregate)))
        .collect())
}

/// Returns the successor of each agreement that the rows replace.
async fn successors_of(
    tx: &impl ConnectionTrait,
    lines: &[Line<Draft>],
    lookups: &Lookups,
) -> Result<HashMap<AgreementId, Uuid>> {
    let replaced: BTreeSet<AgreementId> = lines
        .iter()
        .filter_map(|line| lookups.replaced.get(line.draft.replaces.as_ref()?.as_deref()?))
        .collect();
    if replaced.is_empty() {
        return Ok(HashMap::new());
    }
    let theirs =
        among(tx.get_database_backend(), Expr::col(agreement::Column::ReplacesId), replaced);
    let found = agreement::Entity::find().filter(theirs).all(tx).await?;
    Ok(found.into_iter().filter_map(|row| Some((row.replaces_id?, row.id.0))).collect())
}

/// Rejects participation agreements of one member in one activity that are in force on the same
/// day. Returns `true` if there are any. They are checked after all rows were imported, since a
/// later row may end an earlier agreement.
async fn refuse_overlaps(import: &mut Import<'_>) -> Result<bool> {
    // Without statistics each agreement is compared with all others of its activity.
    analyze(import.tx(), "agreement").await?;
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
                "is in force together with {}: a member takes part in an activity by one agreement at a time",
                others[&key]
            );
            import.reject(BadRow::new(File::Agreements, line, "starts_on", reason));
        }
    }
    Ok(!others.is_empty())
}
