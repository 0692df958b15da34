//! members.csv and allocations.csv.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry};

use ::entity::{
    allocation, contact_area,
    id::{AllocationId, ContactAreaId, MemberId},
    kind::AllocationBasis,
    member, member_billing, member_former_name, member_municipality,
    money::Money,
    number::OrgNumber,
    organisation,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    File,
    bulk_insert::{Batch, insert, replace},
    export::{self, Export, key_in, optional},
    import::{CHUNK, Import},
    key_resolution::{self, Claims, Keyed},
    row::{Cells, Line, day},
};
use crate::{
    audit::forms,
    clock::day_of,
    database::{among, among_words},
    error::{LINE, Result, ValidationErrors},
    members::{
        admit::{self, NewBilling},
        former_names_of, in_order, municipalities_of,
    },
    swedish,
};

/// A row of members.csv. What is null twice has no column.
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

/// A member with all that the file tells of it, as its audit entries show it.
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
        admit::expect_no_bar("name", &draft.name, errors);
        check_billing(&draft.billing, errors);
    });
    Some(draft)
}

/// Notes bad billing details; the rules of the two that have any are those of admission.
pub(super) fn check_billing(billing: &NewBilling, errors: &mut ValidationErrors) {
    let mut broken = ValidationErrors::default();
    billing.readable("", &mut broken);
    for error in broken.into_inner() {
        errors
            .add(if error.path == "email" { "billing_email" } else { "peppol_id" }, error.message);
    }
}

/// Reads the columns of billing details.
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

/// Reads members.csv.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Members)? else { return Ok(()) };
    let mut postponed = Vec::new();
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_keys::<member::Model, _>(File::Members, &mut lines, |draft| &draft.key)
            .await?;
        postponed.extend(merge(import, lines, false).await?);
    }
    // A successor may stand further down than those that it took over: they wait for it, as long as
    // that helps.
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

/// Merges rows into the register, but for those whose successor isn't there yet.
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

    let columns = <member::Model as ::entity::partial::PartialRow>::every_column();
    let own = key_resolution::present(lines.iter().map(|line| Some(line.draft.key.as_str())));
    let existing =
        integer(import.tx(), key_resolution::existing(import.tx(), &own, &columns).await?).await?;
    let organisations = key_resolution::existing::<organisation::Model>(
        import.tx(),
        &own,
        &[organisation::Column::Id, organisation::Column::ImportKey],
    )
    .await?;
    let areas = contact_areas(
        import,
        key_resolution::present(lines.iter().map(|line| line.draft.contact_area.as_deref())),
    )
    .await?;
    let numbers = lines
        .iter()
        .filter_map(|line| line.draft.org_number.as_ref().map(ToString::to_string))
        .collect();
    let mut numbers = Claims::new(
        key_resolution::owners::<member::Model>(import.tx(), member::Column::OrgNumber, &numbers)
            .await?,
    );

    let circle: BTreeSet<String> = if is_last {
        lines.iter().map(|line| line.draft.key.clone()).collect()
    } else {
        BTreeSet::new()
    };
    let mut batch = Batch::default();
    for mut line in lines {
        let before = existing.get(&line.draft.key);
        let id = before.map_or_else(MemberId::new, |before| before.row.id);
        if organisations.contains_key(&line.draft.key) {
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
            .map(|key| successors.find(&mut line, "successor", key.as_deref()));
        let number = line.draft.org_number.as_ref().map(ToString::to_string);
        let old_number =
            before.and_then(|before| before.row.org_number.as_ref()).map(ToString::to_string);
        if !numbers.take(id.0, old_number.as_ref(), number.as_ref()) {
            line.error("org_number", "is that of another member too");
        }
        let Some(draft) = import.accept(File::Members, |draft| draft.key.clone(), line) else {
            continue;
        };
        let area =
            draft.contact_area.as_deref().and_then(|name| areas.get(&swedish::key(name))).copied();
        let mut after = build(draft, id, before, area, successor);
        if let Some(before) = before.filter(|before| before.row.name != after.row.name) {
            // A file that tells of former names knows better, when this one is among them.
            after
                .former_names
                .entry(before.row.name.clone())
                .or_insert_with(|| day_of(import.change.at()));
        }
        import.put_as(File::Members, before, after, Aggregate::recorded, &mut batch)?;
    }
    write(import, batch, &existing).await?;
    import.settle().await?;
    Ok(postponed)
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
            name_key: swedish::key(&draft.name),
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

/// The members with their parts.
async fn integer(
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
    let integer = |(key, row): (String, member::Model)| {
        let id = row.id;
        let integer = Aggregate {
            row,
            municipalities: municipalities.remove(&id).unwrap_or_default(),
            billing: billing
                .remove(&id)
                .unwrap_or_else(|| member_billing::Model { member_id: id, ..Default::default() }),
            former_names: former_names.remove(&id).unwrap_or_default(),
        };
        (key, integer)
    };
    Ok(rows.into_iter().map(integer).collect())
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
        existing.values().map(|integer| (integer.row.id, integer)).collect();
    let changed = |differs: fn(&Aggregate, &Aggregate) -> bool| -> Vec<&Aggregate> {
        batch
            .changed
            .iter()
            .filter(|after| before.get(&after.row.id).is_none_or(|before| differs(before, after)))
            .collect()
    };
    let moved = changed(|before, after| before.municipalities != after.municipalities);
    let renamed = changed(|before, after| before.former_names != after.former_names);
    let of =
        |wholes: &[&Aggregate]| wholes.iter().map(|integer| integer.row.id).collect::<Vec<_>>();
    if !moved.is_empty() {
        let theirs = among(backend, Expr::col(member_municipality::Column::MemberId), of(&moved));
        member_municipality::Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    if !renamed.is_empty() {
        let theirs = among(backend, Expr::col(member_former_name::Column::MemberId), of(&renamed));
        member_former_name::Entity::delete_many().filter(theirs).exec(tx).await?;
    }
    let municipalities = moved.iter().copied().chain(&batch.added).flat_map(|integer| {
        let municipality = |name: &String| member_municipality::Model {
            member_id: integer.row.id,
            municipality: name.clone(),
        };
        integer.municipalities.iter().map(municipality)
    });
    let municipalities: Vec<_> = municipalities.collect();
    let former_names = renamed.iter().copied().chain(&batch.added).flat_map(|integer| {
        let former = |(name, until): (&String, &NaiveDate)| member_former_name::Model {
            member_id: integer.row.id,
            name: name.clone(),
            until: *until,
        };
        integer.former_names.iter().map(former)
    });
    let former_names: Vec<_> = former_names.collect();
    let billing: Vec<_> =
        batch.changed.iter().chain(&batch.added).map(|integer| integer.billing.clone()).collect();
    replace(tx, batch.changed.into_iter().map(|integer| integer.row).collect()).await?;
    insert(tx, batch.added.into_iter().map(|integer| integer.row).collect()).await?;
    replace(tx, billing).await?;
    insert(tx, municipalities).await?;
    insert(tx, former_names).await
}

/// The contact areas with these names, under their folded ones; those that are not there are made.
pub(super) async fn contact_areas(
    import: &mut Import<'_>,
    names: BTreeSet<String>,
) -> Result<HashMap<String, ContactAreaId>> {
    let names: BTreeMap<String, String> =
        names.into_iter().map(|name| (swedish::key(&name), name)).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = import.tx().get_database_backend();
    let mine = among_words(backend, Expr::col(contact_area::Column::NameKey), names.keys());
    let found = contact_area::Entity::find().filter(mine).all(import.tx()).await?;
    let mut areas: HashMap<String, ContactAreaId> =
        found.into_iter().map(|area| (area.name_key, area.id)).collect();
    let mut added = Vec::new();
    for (key, name) in names {
        if let Entry::Vacant(position) = areas.entry(key) {
            let area = contact_area::Model {
                id: ContactAreaId::new(),
                name,
                name_key: position.key().clone(),
            };
            import.change.record(None, Some(&area))?;
            position.insert(area.id);
            added.push(area);
        }
    }
    insert(import.tx(), added).await?;
    Ok(areas)
}

/// A row of allocations.csv.
struct AllocationDraft {
    member: String,
    member_id: Option<MemberId>,
    year: i32,
    basis: AllocationBasis,
    amount: Money,
    source: Option<String>,
}

fn read_allocation(cells: &mut Cells<'_>) -> Option<AllocationDraft> {
    let draft = AllocationDraft {
        member: cells.key("member"),
        member_id: None,
        year: cells.integer("year", 1900, 2999),
        basis: cells.value("basis"),
        amount: cells.decimal("amount"),
        source: cells.optional_text("source", LINE),
    };
    cells.check(|errors| {
        errors.expect(draft.amount >= Money::ZERO, "amount", "must not be negative")
    });
    Some(draft)
}

/// Reads allocations.csv.
pub(super) async fn import_allocations(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Allocations)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read_allocation)? {
        let members =
            key_resolution::present(lines.iter().map(|line| Some(line.draft.member.as_str())));
        let members = key_resolution::references::<member::Model, MemberId>(
            import,
            "member",
            File::Members,
            members,
        )
        .await?;
        for line in &mut lines {
            let member = line.draft.member.clone();
            line.draft.member_id = members.find(line, "member", Some(&member));
        }
        let name = |draft: &AllocationDraft| {
            draft
                .member_id
                .map(|member| format!("{} {} {}", member.0.simple(), draft.year, draft.basis))
                .unwrap_or_default()
        };
        import.check_names(File::Allocations, &mut lines, "", name).await?;
        merge_allocations(import, lines).await?;
    }
    Ok(())
}

async fn merge_allocations(
    import: &mut Import<'_>,
    lines: Vec<Line<AllocationDraft>>,
) -> Result<()> {
    let members: BTreeSet<MemberId> =
        lines.iter().filter_map(|line| line.draft.member_id).collect();
    let existing: HashMap<(MemberId, i32, AllocationBasis), allocation::Model> =
        allocation::Entity::find()
            .filter(among(
                import.tx().get_database_backend(),
                Expr::col(allocation::Column::MemberId),
                members,
            ))
            .all(import.tx())
            .await?
            .into_iter()
            .map(|row| ((row.member_id, row.year, row.basis), row))
            .collect();
    let mut batch = Batch::default();
    for line in lines {
        let Some(draft) = import.accept(File::Allocations, |_| String::new(), line) else {
            continue;
        };
        let Some(member_id) = draft.member_id else { continue };
        let before = existing.get(&(member_id, draft.year, draft.basis));
        let id = before.map_or_else(AllocationId::new, |before| before.id);
        let after = allocation::Model {
            id,
            member_id,
            year: draft.year,
            basis: draft.basis,
            amount: draft.amount,
            source: draft.source,
        };
        import.put(File::Allocations, before, after, &mut batch)?;
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

/// Writes members.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export.in_order_of_keys::<member::Model>().await?;
    let mut sheet = export.begin(File::Members, order.len())?;
    for ids in order.chunks(export::CHUNK) {
        let rows: Vec<member::Model> = export.rows(ids).await?;
        let areas = contact_area_names(
            &export.tx,
            rows.iter().filter_map(|row| row.contact_area_id).collect(),
        )
        .await?;
        let mut wholes =
            integer(&export.tx, rows.iter().map(|row| (row.key(), row.clone())).collect()).await?;
        for Aggregate { row, municipalities, billing, former_names } in
            rows.iter().filter_map(|row| wholes.remove(&row.key()))
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
        export.tell(&sheet);
    }
    export.end(sheet)
}

/// The names of these contact areas.
pub(super) async fn contact_area_names(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<ContactAreaId>,
) -> Result<HashMap<ContactAreaId, String>> {
    let mine = among(tx.get_database_backend(), Expr::col(contact_area::Column::Id), ids);
    let found = contact_area::Entity::find().filter(mine).all(tx).await?;
    Ok(found.into_iter().map(|area| (area.id, area.name)).collect())
}

/// Writes allocations.csv.
pub(super) async fn export_allocations(export: &mut Export<'_>) -> Result<()> {
    use allocation::Column::{Basis, Id, MemberId, Year};
    let name = |row: &allocation::Model| {
        format!("{}\0{}\0{}", key_in(&export.members, Some(row.member_id)), row.year, row.basis)
    };
    let order = export.in_order(&[Id, MemberId, Year, Basis], name).await?;
    let mut sheet = export.begin(File::Allocations, order.len())?;
    for ids in order.chunks(export::CHUNK) {
        for row in export.rows::<allocation::Model>(ids).await? {
            let member = key_in(&export.members, Some(row.member_id));
            sheet.write([
                member,
                row.year.to_string(),
                row.basis.to_string(),
                row.amount.to_string(),
                optional(row.source),
            ])?;
        }
        export.tell(&sheet);
    }
    export.end(sheet)
}
