//! members.csv.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    id::{ContactAreaId, MemberId},
    member, member_billing, member_former_name, member_municipality,
    number::OrgNumber,
    organisation,
    partial::PartialRow,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    File,
    bulk_insert::{Batch, insert, replace},
    contact_areas::{contact_area_names, contact_areas},
    export::session::{Export, PAGE_SIZE, key_in, optional},
    import::session::{CHUNK, Import},
    key_resolution::{self, Claims, References},
    keyed_rows::Keyed,
    row::{Cells, Line, day},
};
use crate::{
    audit::forms,
    clock::day_of,
    collation,
    database::among,
    error::{LINE, Result, ValidationErrors},
    members::{
        billing::NewBilling,
        former_names_of,
        municipalities::{expect_no_bar, in_order},
        municipalities_of,
    },
};

/// A row of members.csv. An optional column is an `Option` of its value: `None` if the file doesn't
/// have the column.
struct Draft {
    key: String,
    name: String,
    org_number: Option<OrgNumber>,
    county: Option<String>,
    municipalities: Vec<String>,
    contact_area: Option<String>,
    joined_on: NaiveDate,
    left_on: Option<NaiveDate>,
    billing: NewBilling,
    successor: Option<Option<String>>,
    leaving_reason: Option<Option<String>>,
    former_names: Option<BTreeMap<String, NaiveDate>>,
}

/// A member with its parts that files have, as its audit entries record it.
#[derive(Clone, Debug, PartialEq)]
struct Aggregate {
    row: member::Model,
    municipalities: Vec<String>,
    billing: member_billing::Model,
    former_names: BTreeMap<String, NaiveDate>,
}

impl Aggregate {
    /// Returns the form of its audit entries.
    fn recorded(&self) -> forms::Member {
        let Self { row, municipalities, billing, former_names } = self.clone();
        forms::Member { row, municipalities, billing: Some(billing), former_names }
    }
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        key: cells.key("key"),
        name: cells.text("name", LINE),
        org_number: cells.optional("org_number"),
        county: cells.optional_text("county", LINE),
        municipalities: in_order(cells.list("municipalities")),
        contact_area: cells.optional_text("contact_area", LINE),
        joined_on: cells.day("joined_on"),
        left_on: cells.optional_day("left_on"),
        billing: billing(cells),
        successor: cells.present("successor").then(|| cells.optional_key("successor")),
        leaving_reason: cells
            .present("leaving_reason")
            .then(|| cells.optional_text("leaving_reason", LINE)),
        former_names: cells.present("former_names").then(|| former_names(cells)),
    };
    cells.check(|errors| {
        let in_order = draft.left_on.is_none_or(|left_on| left_on >= draft.joined_on);
        errors.expect(in_order, "left_on", "must not be before joined_on");
        expect_no_bar("name", &draft.name, errors);
        check_billing(&draft.billing, errors);
    });
    Some(draft)
}

/// Checks billing details, by the rules of admission.
pub(super) fn check_billing(billing: &NewBilling, errors: &mut ValidationErrors) {
    let mut broken = ValidationErrors::default();
    billing.readable("", &mut broken);
    for error in broken.into_inner() {
        let column = if error.path == "email" { "billing_email" } else { "peppol_id" };
        errors.add(column, error.into_problem());
    }
}

/// Parses the columns of billing details.
pub(super) fn billing(cells: &mut Cells<'_>) -> NewBilling {
    NewBilling {
        email: cells.optional_text("billing_email", LINE),
        peppol_id: cells.optional_text("peppol_id", LINE),
        buyer_reference: cells.optional_text("buyer_reference", LINE),
        address_line: cells.optional_text("address_line", LINE),
        postal_code: cells.optional_text("postal_code", LINE),
        city: cells.optional_text("city", LINE),
    }
}

fn former_names(cells: &mut Cells<'_>) -> BTreeMap<String, NaiveDate> {
    let mut names = BTreeMap::new();
    for part in cells.list("former_names") {
        let parsed = part
            .rsplit_once('@')
            .and_then(|(name, until)| Some((name.trim().to_owned(), day(until.trim()).ok()?)));
        match parsed {
            Some((name, until)) if !name.is_empty() => {
                names.insert(name, until);
            }
            _ => cells.errors.add(
                "former_names",
                "must be names with the day that each ended, as Gamla namnet@2024-01-01",
            ),
        }
    }
    names
}

/// Imports members.csv.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Members)? else { return Ok(()) };
    let mut postponed = Vec::new();
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_keys::<member::Model, _>(File::Members, &mut lines, |draft| &draft.key)
            .await?;
        postponed.extend(merge(import, lines, false).await?);
    }
    // A successor may follow its predecessors in the file. They are retried until a round imports
    // none.
    let mut is_last = false;
    while !postponed.is_empty() {
        let count = postponed.len();
        let mut rest = std::mem::take(&mut postponed).into_iter().peekable();
        while rest.peek().is_some() {
            let lines = rest.by_ref().take(CHUNK).collect();
            postponed.extend(merge(import, lines, is_last).await?);
        }
        is_last = postponed.len() == count;
    }
    Ok(())
}

/// Merges rows into the register. Returns those whose successor doesn't exist yet, unless this is
/// the last round.
async fn merge(
    import: &mut Import<'_>,
    lines: Vec<Line<Draft>>,
    is_last: bool,
) -> Result<Vec<Line<Draft>>> {
    let successors =
        key_resolution::present(lines.iter().map(|line| line.draft.successor.as_ref()?.as_deref()));
    let successors = key_resolution::references::<member::Model, MemberId>(
        import,
        "member",
        File::Members,
        successors,
    )
    .await?;
    let waits = |line: &Line<Draft>| {
        let successor = line.draft.successor.iter().flatten().next();
        !is_last
            && successor.is_some_and(|key| *key != line.draft.key && successors.is_missing(key))
    };
    let (postponed, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(waits);

    let mut lookups = load_lookups(import, &lines, successors).await?;

    // Rows that still wait in the last round lead back to each other.
    let circle: BTreeSet<String> = if is_last {
        lines.iter().map(|line| line.draft.key.clone()).collect()
    } else {
        BTreeSet::new()
    };
    let mut batch = Batch::default();
    for mut line in lines {
        let before = lookups.existing.get(&line.draft.key);
        let id = before.map_or_else(MemberId::new, |before| before.row.id);
        if lookups.organisations.contains_key(&line.draft.key) {
            line.error("key", "is an organisation's too; each needs a key of its own");
        }
        if line
            .draft
            .successor
            .iter()
            .flatten()
            .any(|key| *key == line.draft.key || circle.contains(key))
        {
            line.error("successor", "leads back to the member itself");
            line.draft.successor = None;
        }
        let successor = line
            .draft
            .successor
            .clone()
            .map(|key| lookups.successors.find(&mut line, "successor", key.as_deref()));
        let number = line.draft.org_number.as_ref().map(ToString::to_string);
        let old_number =
            before.and_then(|before| before.row.org_number.as_ref()).map(ToString::to_string);
        if !lookups.numbers.take(id.0, old_number.as_ref(), number.as_ref()) {
            line.error("org_number", "is that of another member too");
        }
        let Some(draft) = import.accept(File::Members, |draft| draft.key.clone(), line) else {
            continue;
        };
        let area = draft
            .contact_area
            .as_deref()
            .and_then(|name| lookups.areas.get(&collation::key(name)))
            .copied();
        let mut after = build(draft, id, before, area, successor);
        if let Some(before) = before.filter(|before| before.row.name != after.row.name) {
            // The file's own day of the former name, if it has one, takes precedence.
            after
                .former_names
                .entry(before.row.name.clone())
                .or_insert_with(|| day_of(import.change.at()));
        }
        import.put_as(File::Members, before, after, Aggregate::recorded, &mut batch)?;
    }
    write(import, batch, &lookups.existing).await?;
    import.settle().await?;
    Ok(postponed)
}

/// The stored members of a chunk, the rows that it refers to, and the numbers that only one member
/// may have.
struct Lookups {
    existing: HashMap<String, Aggregate>,
    /// Organisations with a key of the chunk.
    organisations: HashMap<String, organisation::Model>,
    areas: HashMap<String, ContactAreaId>,
    successors: References<MemberId>,
    numbers: Claims<String>,
}

async fn load_lookups(
    import: &mut Import<'_>,
    lines: &[Line<Draft>],
    successors: References<MemberId>,
) -> Result<Lookups> {
    let columns = member::Model::every_column();
    let own = key_resolution::present(lines.iter().map(|line| Some(line.draft.key.as_str())));
    let existing = key_resolution::existing::<member::Model>(import.tx(), &own, &columns).await?;
    let existing = aggregates(import.tx(), existing).await?;
    let organisations = key_resolution::existing::<organisation::Model>(
        import.tx(),
        &own,
        &[organisation::Column::Id, organisation::Column::ImportKey],
    )
    .await?;
    let areas =
        key_resolution::present(lines.iter().map(|line| line.draft.contact_area.as_deref()));
    let areas = contact_areas(import, areas).await?;
    let numbers = lines
        .iter()
        .filter_map(|line| line.draft.org_number.as_ref().map(ToString::to_string))
        .collect();
    let numbers =
        key_resolution::owners::<member::Model>(import.tx(), member::Column::OrgNumber, &numbers)
            .await?;
    let numbers = Claims::new(numbers);
    Ok(Lookups { existing, organisations, areas, successors, numbers })
}

fn build(
    draft: Draft,
    id: MemberId,
    before: Option<&Aggregate>,
    area: Option<ContactAreaId>,
    successor: Option<Option<MemberId>>,
) -> Aggregate {
    let old = before.map(|before| &before.row);
    Aggregate {
        row: member::Model {
            id,
            import_key: old.map_or(Some(draft.key), |old| old.import_key.clone()),
            name_key: collation::key(&draft.name),
            name: draft.name,
            org_number: draft.org_number,
            county: draft.county,
            contact_area_id: area,
            joined_on: draft.joined_on,
            left_on: draft.left_on,
            leaving_reason: draft
                .leaving_reason
                .unwrap_or_else(|| old.and_then(|old| old.leaving_reason.clone())),
            successor_id: successor.unwrap_or_else(|| old.and_then(|old| old.successor_id)),
        },
        municipalities: draft.municipalities,
        billing: draft.billing.check(id, "", &mut ValidationErrors::default()),
        former_names: draft.former_names.unwrap_or_else(|| {
            before.map(|before| before.former_names.clone()).unwrap_or_default()
        }),
    }
}

/// Loads the aggregates of these rows.
async fn aggregates(
    tx: &impl ConnectionTrait,
    rows: HashMap<String, member::Model>,
) -> Result<HashMap<String, Aggregate>> {
    let ids: Vec<MemberId> = rows.values().map(|row| row.id).collect();
    let mut municipalities = municipalities_of(tx, &ids).await?;
    let mut billing = billing_of(tx, &ids).await?;
    let mut former_names: HashMap<MemberId, BTreeMap<String, NaiveDate>> = HashMap::new();
    for name in former_names_of(tx, &ids).await? {
        former_names.entry(name.member_id).or_default().insert(name.name, name.until);
    }
    let aggregate = |(key, row): (String, member::Model)| {
        let id = row.id;
        let aggregate = Aggregate {
            row,
            municipalities: municipalities.remove(&id).unwrap_or_default(),
            billing: billing
                .remove(&id)
                .unwrap_or_else(|| member_billing::Model { member_id: id, ..Default::default() }),
            former_names: former_names.remove(&id).unwrap_or_default(),
        };
        (key, aggregate)
    };
    Ok(rows.into_iter().map(aggregate).collect())
}

async fn billing_of(
    tx: &impl ConnectionTrait,
    members: &[MemberId],
) -> Result<HashMap<MemberId, member_billing::Model>> {
    let mine = among(
        tx.get_database_backend(),
        Expr::col(member_billing::Column::MemberId),
        members.iter().copied(),
    );
    let found = member_billing::Entity::find().filter(mine).all(tx).await?;
    Ok(found.into_iter().map(|row| (row.member_id, row)).collect())
}

async fn write(
    import: &Import<'_>,
    batch: Batch<Aggregate>,
    existing: &HashMap<String, Aggregate>,
) -> Result<()> {
    let tx = import.tx();
    let backend = tx.get_database_backend();
    let before: HashMap<MemberId, &Aggregate> =
        existing.values().map(|aggregate| (aggregate.row.id, aggregate)).collect();
    let changed = |differs: fn(&Aggregate, &Aggregate) -> bool| -> Vec<&Aggregate> {
        batch
            .changed
            .iter()
            .filter(|after| before.get(&after.row.id).is_none_or(|before| differs(before, after)))
            .collect()
    };
    let moved = changed(|before, after| before.municipalities != after.municipalities);
    let renamed = changed(|before, after| before.former_names != after.former_names);
    let of = |aggregates: &[&Aggregate]| {
        aggregates.iter().map(|aggregate| aggregate.row.id).collect::<Vec<_>>()
    };
    if !moved.is_empty() {
        let theirs = among(backend, Expr::col(member_municipality::Column::MemberId), of(&moved));
        member_municipality::Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    if !renamed.is_empty() {
        let theirs = among(backend, Expr::col(member_former_name::Column::MemberId), of(&renamed));
        member_former_name::Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    let municipalities = moved.iter().copied().chain(&batch.added).flat_map(|aggregate| {
        let municipality = |name: &String| member_municipality::Model {
            member_id: aggregate.row.id,
            municipality: name.clone(),
        };
        aggregate.municipalities.iter().map(municipality)
    });
    let municipalities: Vec<_> = municipalities.collect();
    let former_names = renamed.iter().copied().chain(&batch.added).flat_map(|aggregate| {
        let former = |(name, until): (&String, &NaiveDate)| member_former_name::Model {
            member_id: aggregate.row.id,
            name: name.clone(),
            until: *until,
        };
        aggregate.former_names.iter().map(former)
    });
    let former_names: Vec<_> = former_names.collect();
    let billing: Vec<_> = batch
        .changed
        .iter()
        .chain(&batch.added)
        .map(|aggregate| aggregate.billing.clone())
        .collect();
    replace(tx, batch.changed.into_iter().map(|aggregate| aggregate.row).collect()).await?;
    insert(tx, batch.added.into_iter().map(|aggregate| aggregate.row).collect()).await?;
    replace(tx, billing).await?;
    insert(tx, municipalities).await?;
    insert(tx, former_names).await
}

/// Writes members.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export.in_order_of_keys::<member::Model>().await?;
    let mut sheet = export.begin(File::Members, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let rows: Vec<member::Model> = export.rows(ids).await?;
        let areas = contact_area_names(
            &export.tx,
            rows.iter().filter_map(|row| row.contact_area_id).collect(),
        )
        .await?;
        let mut found =
            aggregates(&export.tx, rows.iter().map(|row| (row.key(), row.clone())).collect())
                .await?;
        for Aggregate { row, municipalities, billing, former_names } in
            rows.iter().filter_map(|row| found.remove(&row.key()))
        {
            let former_names: Vec<_> =
                former_names.iter().map(|(name, until)| format!("{name}@{until}")).collect();
            sheet.write([
                row.key(),
                row.name,
                optional(row.org_number),
                optional(row.county),
                municipalities.join("|"),
                optional(row.contact_area_id.and_then(|area| areas.get(&area))),
                row.joined_on.to_string(),
                optional(row.left_on),
                optional(billing.email),
                optional(billing.peppol_id),
                optional(billing.buyer_reference),
                optional(billing.address_line),
                optional(billing.postal_code),
                optional(billing.city),
                key_in(&export.members, row.successor_id),
                optional(row.leaving_reason),
                former_names.join("|"),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}
