//! allocations.csv.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    allocation,
    id::{AllocationId, MemberId},
    kind::AllocationBasis,
    member,
    money::Money,
};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    File,
    bulk_insert::Batch,
    export::session::{Export, PAGE_SIZE, key_in, optional},
    import::session::Import,
    key_resolution,
    row::{Cells, Line},
};
use crate::{
    database::among,
    error::{LINE, Result},
};

/// A row of allocations.csv.
struct Draft {
    member: String,
    member_id: Option<MemberId>,
    year: i32,
    basis: AllocationBasis,
    amount: Money,
    source: Option<String>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
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

/// Imports allocations.csv.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Allocations)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
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
        let name = |draft: &Draft| {
            draft
                .member_id
                .map(|member| format!("{} {} {}", member.0.simple(), draft.year, draft.basis))
                .unwrap_or_default()
        };
        import.check_names(File::Allocations, &mut lines, "", name).await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
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

/// Writes allocations.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    use allocation::Column::{Basis, Id, MemberId, Year};
    let name = |row: &allocation::Model| {
        format!("{}\0{}\0{}", key_in(&export.members, Some(row.member_id)), row.year, row.basis)
    };
    let order = export.in_order(&[Id, MemberId, Year, Basis], name).await?;
    let mut sheet = export.begin(File::Allocations, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
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
        export.report(&sheet);
    }
    export.end(sheet)
}
