//! cost_files.csv: the uploaded vouchers of costs. The bytes are separate files.

use std::{collections::HashMap, path::Path};

use ::documents::sha256;
use ::entity::{
    cost,
    id::{ActivityId, CostId},
    stored_file,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    File, attachments,
    export::session::Export,
    import::session::{Import, RowEffect},
    key_resolution,
    row::{Cells, Line},
};
use crate::{
    error::{LINE, Result},
    stored_files::{self, uploads::NewFile},
};

/// Number of rows that are read together: each has its file in memory.
const CHUNK: usize = 20;
/// Maximum size of a file, in MiB.
const LONGEST: u64 = 1024;
/// The folder of the files.
const FOLDER: &str = "cost_files";

/// A row of cost_files.csv.
struct Draft {
    activity: String,
    booked_on: NaiveDate,
    description: String,
    /// The number of the cost among those of the activity with the same day and description.
    occurrence: i32,
    name: String,
    media_type: String,
    sha256: String,
    bytes: Vec<u8>,
}

fn read(folder: &Path, cells: &mut Cells<'_>) -> Option<Draft> {
    let (activity, booked_on, description) =
        (cells.key("activity"), cells.day("booked_on"), cells.text("description", LINE));
    let occurrence = cells.integer("occurrence", 1, 1_000_000);
    let (name, media_type) = (cells.text("name", LINE), cells.text("media_type", LINE));
    let (digest, file) = (cells.digest("sha256"), cells.text("file", LINE));
    let bytes =
        if file.is_empty() { Ok(Vec::new()) } else { attachments::read(folder, &file, LONGEST) };
    let bytes = cells.errors.take("file", bytes);
    let draft = Draft {
        activity,
        booked_on,
        description,
        occurrence,
        name,
        media_type,
        sha256: digest,
        bytes,
    };
    cells.check(|errors| {
        errors.expect(sha256(&draft.bytes) == draft.sha256, "sha256", "is not that of the file");
        match stored_files::media_type(&draft.bytes, Some(&draft.media_type)) {
            Ok(media_type) => {
                if let Some(problem) = stored_files::file_name::problem(&draft.name, media_type) {
                    errors.add("name", problem);
                }
            }
            Err(problem) => errors.add("media_type", problem),
        }
    });
    Some(draft)
}

/// Imports cost_files.csv. A file is identified by its cost. A stored one never changes.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::CostFiles)? else { return Ok(()) };
    let folder = import.folder;
    while let Some(mut lines) = import.chunk_of(CHUNK, &mut table, |cells| read(folder, cells))? {
        let name = |draft: &Draft| {
            let Draft { activity, booked_on, description, occurrence, .. } = draft;
            format!("{activity} {booked_on} {description} {occurrence}")
        };
        import.check_names(File::CostFiles, &mut lines, "", name).await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let wanted =
        key_resolution::present(lines.iter().map(|line| Some(line.draft.activity.as_str())));
    let activities = key_resolution::activities(import, wanted).await?;
    for mut line in lines {
        let key = line.draft.activity.clone();
        let cost = match activities.find(&mut line, "activity", Some(&key)) {
            Some(activity) => {
                let Draft { booked_on, description, occurrence, .. } = &line.draft;
                let key = (*booked_on, description.as_str(), *occurrence);
                let found = cost_of(import.tx(), activity, key).await?;
                if found.is_none() {
                    line.error("description", "is not that of a cost with this day and number");
                }
                found
            }
            None => None,
        };
        let before = match &cost {
            Some(cost) => stored(import.tx(), cost.id).await?,
            None => None,
        };
        if before.as_ref().is_some_and(|before| before.sha256 != line.draft.sha256) {
            line.error("sha256", "differs from the stored file, which never changes");
        }
        let (Some(draft), Some(cost)) =
            (import.accept(File::CostFiles, |_| String::new(), line), cost)
        else {
            continue;
        };
        if before.is_some() {
            import.count(File::CostFiles, RowEffect::Unchanged);
            continue;
        }
        let Draft { name, media_type, bytes, .. } = draft;
        let new = NewFile { name, media_type: Some(media_type), bytes };
        stored_files::attach::store_for_cost(&mut import.change, &cost, new).await?;
        import.count(File::CostFiles, RowEffect::Added);
    }
    import.settle().await
}

/// Returns the cost of an activity with this day and description, and this number among several of
/// these.
pub(super) async fn cost_of(
    tx: &impl ConnectionTrait,
    activity: ActivityId,
    (booked_on, description, occurrence): (NaiveDate, &str, i32),
) -> Result<Option<cost::Model>> {
    let found = cost::Entity::find()
        .filter(cost::Column::ActivityId.eq(activity))
        .filter(cost::Column::BookedOn.eq(booked_on))
        .filter(cost::Column::Description.eq(description))
        .filter(cost::Column::Occurrence.eq(occurrence));
    Ok(found.one(tx).await?)
}

async fn stored(tx: &impl ConnectionTrait, cost: CostId) -> Result<Option<stored_file::Model>> {
    Ok(stored_file::Entity::find().filter(stored_file::Column::CostId.eq(cost)).one(tx).await?)
}

/// Writes cost_files.csv, with the files named after their SHA-256.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let files = stored_file::Entity::find()
        .filter(stored_file::Column::CostId.is_not_null())
        .all(&export.tx)
        .await?;
    let ids: Vec<Uuid> = files.iter().filter_map(|file| Some(file.cost_id?.0)).collect();
    let costs: HashMap<CostId, cost::Model> =
        export.rows::<cost::Model>(&ids).await?.into_iter().map(|cost| (cost.id, cost)).collect();
    let mut rows = Vec::new();
    for file in files {
        let Some(cost) = file.cost_id.and_then(|id| costs.get(&id)) else { continue };
        let cost::Model { activity_id, booked_on, description, occurrence, .. } = cost;
        let activity = export.activity(Some(*activity_id));
        let key = format!("{activity}\0{booked_on}\0{description}\0{occurrence:010}");
        rows.push((key, activity, cost, file));
    }
    rows.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    let mut sheet = export.begin(File::CostFiles, rows.len())?;
    for (_, activity, cost, file) in rows {
        let Some(bytes) = stored_files::content(&export.tx, &file.sha256).await? else { continue };
        let path = format!("{FOLDER}/{}", file.sha256);
        export.write_file(&path, &bytes)?;
        sheet.write([
            activity,
            cost.booked_on.to_string(),
            cost.description.clone(),
            cost.occurrence.to_string(),
            file.name,
            file.media_type,
            file.sha256,
            path,
        ])?;
    }
    export.end(sheet)
}
