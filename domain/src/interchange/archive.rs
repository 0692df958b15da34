//! archived_documents.csv and archived_files.csv: the archive and its versions. The bytes are
//! separate files.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use ::documents::sha256;
use ::entity::{
    agreement,
    archived_document::{Column, Entity, Model},
    cost,
    id::{
        ActivityId, AgreementId, ArchivedDocumentId, CostId, MemberId, OrganisationId, StoredFileId,
    },
    kind::ArchivedDocumentKind,
    member, organisation, stored_file,
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::{
    File, attachments,
    bulk_insert::Batch,
    cost_files,
    export::session::{Export, PAGE_SIZE, instant, key_in, optional},
    import::session::{Import, RowEffect},
    key_resolution::{self, References},
    row::{Cells, Line},
};
use crate::{
    archived_documents::{attachment::Attachment, erase, integrity::State, register},
    clock::day_of,
    database::{among, among_words},
    error::{LINE, Result},
    stored_files,
};

/// Number of files that are read together: each is in memory.
const FILES: usize = 20;
/// Maximum size of a file, in MiB.
const LONGEST: u64 = 1024;
/// The folder of the files.
const FOLDER: &str = "archived_files";

/// A row of archived_documents.csv.
struct Draft {
    number: String,
    kind: ArchivedDocumentKind,
    title: String,
    language: String,
    dated_on: NaiveDate,
    registered_on: NaiveDate,
    versions: i32,
    attached: Attached,
    erased_on: Option<NaiveDate>,
    erasure_reason: Option<String>,
}

/// The keys of the object that a document is attached to. A cost is named by its activity, its day
/// and its description, and its number among several of these.
struct Attached {
    agreement: Option<String>,
    member: Option<String>,
    organisation: Option<String>,
    activity: Option<String>,
    cost: Option<(NaiveDate, String, i32)>,
}

impl Attached {
    fn read(cells: &mut Cells<'_>) -> Self {
        let booked_on = cells.optional_day("cost_booked_on");
        let description = cells.optional_text("cost_description", LINE);
        let occurrence = cells.optional_integer("cost_occurrence", 1, 1_000_000);
        let cost = match (booked_on, description) {
            (Some(day), Some(description)) => Some((day, description, occurrence.unwrap_or(1))),
            (None, None) => None,
            _ => {
                cells.errors.add("cost_booked_on", "must be given with cost_description");
                None
            }
        };
        let attached = Self {
            agreement: cells.optional_key("agreement"),
            member: cells.optional_key("member"),
            organisation: cells.optional_key("organisation"),
            activity: cells.optional_key("activity"),
            cost,
        };
        let keys =
            [&attached.agreement, &attached.member, &attached.organisation, &attached.activity];
        let count = keys.into_iter().flatten().count();
        let is_cost_of_activity = attached.cost.is_none() || attached.activity.is_some();
        cells.errors.expect(count <= 1, "agreement", "must be the only object of the row");
        cells.errors.expect(is_cost_of_activity, "activity", "must be that of the cost");
        attached
    }
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let (number, kind) = (cells.text("number", LINE), cells.value("kind"));
    let (title, code) = (cells.text("title", LINE), cells.text("language", LINE));
    let draft = Draft {
        number,
        kind,
        title,
        language: register::language(Some(&code), &mut cells.errors),
        dated_on: cells.day("dated_on"),
        registered_on: cells.day("registered_on"),
        versions: cells.integer("versions", 1, 1_000_000),
        attached: Attached::read(cells),
        erased_on: cells.optional_day("erased_on"),
        erasure_reason: cells.optional_text("erasure_reason", LINE),
    };
    cells.check(|errors| {
        let is_number = register::is_number(&draft.number, draft.registered_on);
        errors.expect(is_number, "number", "must be as D2026-0001, of the year of registered_on");
        let is_whole = draft.erased_on.is_some() == draft.erasure_reason.is_some();
        errors.expect(is_whole, "erasure_reason", "must be given with erased_on, and only then");
    });
    Some(draft)
}

/// The objects that the documents of some rows are attached to, by key.
struct Objects {
    agreements: References<AgreementId>,
    members: References<MemberId>,
    organisations: References<OrganisationId>,
    activities: References<ActivityId>,
}

impl Objects {
    async fn load(import: &Import<'_>, lines: &[Line<Draft>]) -> Result<Self> {
        let keys = |key: fn(&Attached) -> Option<&String>| {
            let keys = lines.iter().map(|line| key(&line.draft.attached).map(String::as_str));
            key_resolution::present(keys)
        };
        let agreements = keys(|attached| attached.agreement.as_ref());
        let members = keys(|attached| attached.member.as_ref());
        let organisations = keys(|attached| attached.organisation.as_ref());
        let activities = keys(|attached| attached.activity.as_ref());
        Ok(Self {
            agreements: key_resolution::references::<agreement::Model, AgreementId>(
                import,
                "agreement",
                File::Agreements,
                agreements,
            )
            .await?,
            members: key_resolution::references::<member::Model, MemberId>(
                import,
                "member",
                File::Members,
                members,
            )
            .await?,
            organisations: key_resolution::references::<organisation::Model, OrganisationId>(
                import,
                "organisation",
                File::Organisations,
                organisations,
            )
            .await?,
            activities: key_resolution::activities(import, activities).await?,
        })
    }

    /// Returns the object of a row, and adds an error if there is none with its key.
    async fn find(
        &self,
        tx: &impl ConnectionTrait,
        line: &mut Line<Draft>,
    ) -> Result<Option<Attachment>> {
        let Attached { agreement, member, organisation, activity, cost } = &line.draft.attached;
        let (agreement, member) = (agreement.clone(), member.clone());
        let (organisation, activity, cost) = (organisation.clone(), activity.clone(), cost.clone());
        let activity = self.activities.find(line, "activity", activity.as_deref());
        if let (Some((booked_on, description, occurrence)), Some(activity)) = (cost, activity) {
            let key = (booked_on, description.as_str(), occurrence);
            let found = cost_files::cost_of(tx, activity, key).await?;
            if found.is_none() {
                line.error("cost_description", "is not that of a cost with this day and number");
            }
            return Ok(found.map(|cost| Attachment::Cost(cost.id)));
        }
        let agreement = self.agreements.find(line, "agreement", agreement.as_deref());
        let member = self.members.find(line, "member", member.as_deref());
        let organisation = self.organisations.find(line, "organisation", organisation.as_deref());
        Ok(agreement
            .map(Attachment::Agreement)
            .or(member.map(Attachment::Member))
            .or(organisation.map(Attachment::Organisation))
            .or(activity.map(Attachment::Activity)))
    }
}

/// Imports archived_documents.csv. A document is identified by its number. It never changes, but
/// may get further versions. Returns the state of the archive before; `None` without the file.
pub(super) async fn import(import: &mut Import<'_>) -> Result<Option<State>> {
    let Some(mut table) = import.open(File::ArchivedDocuments)? else { return Ok(None) };
    let before = State::load(import.tx()).await?;
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        let number = |draft: &Draft| draft.number.clone();
        import.check_names(File::ArchivedDocuments, &mut lines, "number", number).await?;
        merge(import, lines).await?;
    }
    Ok(Some(before))
}

/// Returns the documents with these numbers.
async fn by_numbers(
    tx: &impl ConnectionTrait,
    numbers: BTreeSet<&str>,
) -> Result<HashMap<String, Model>> {
    let theirs = among_words(tx.get_database_backend(), Expr::col(Column::Number), numbers);
    let found = Entity::find().filter(theirs).all(tx).await?;
    Ok(found.into_iter().map(|row| (row.number.clone(), row)).collect())
}

/// Adds an error for each day that no document could have got in this register.
fn check_days(line: &mut Line<Draft>, today: NaiveDate) {
    let Draft { kind, dated_on, registered_on, erased_on, .. } = line.draft;
    if registered_on > today {
        line.error("registered_on", "must not be after today");
    }
    if dated_on > registered_on {
        line.error("dated_on", "must not be after registered_on");
    }
    let Some(erased_on) = erased_on else { return };
    if erased_on < registered_on || erased_on > today {
        line.error("erased_on", "must be from registered_on to today");
    }
    if matches!(kind, ArchivedDocumentKind::Minutes | ArchivedDocumentKind::Decision) {
        line.error("erased_on", "must be empty: minutes and decisions are never erased");
    }
}

/// Adds an error for each way in which a row contradicts the stored document.
fn compare(line: &mut Line<Draft>, before: &Model, after: &Model) {
    let may_differ = Model {
        versions: before.versions,
        erased_on: before.erased_on,
        erasure_reason: before.erasure_reason.clone(),
        ..after.clone()
    };
    if may_differ != *before {
        line.error("number", "differs from the document that the register has; it never changes");
    }
    if after.versions < before.versions {
        line.error("versions", "are fewer than the register has");
    }
    if after.erased_on != before.erased_on {
        line.error("erased_on", "differs from the register; erase the document there");
    }
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let objects = Objects::load(import, &lines).await?;
    let numbers = lines.iter().map(|line| line.draft.number.as_str()).collect();
    let existing = by_numbers(import.tx(), numbers).await?;
    let mut batch = Batch::default();
    let today = day_of(import.change.at());
    for mut line in lines {
        check_days(&mut line, today);
        let attached_to = objects.find(import.tx(), &mut line).await?;
        let (before, draft) = (existing.get(&line.draft.number), &line.draft);
        let row = Model {
            id: before.map_or_else(ArchivedDocumentId::new, |before| before.id),
            number: draft.number.clone(),
            kind: draft.kind,
            title: draft.title.clone(),
            language: draft.language.clone(),
            dated_on: draft.dated_on,
            registered_on: draft.registered_on,
            versions: draft.versions,
            // Columns that the file doesn't have stay as they are.
            erased_on: draft.erased_on.or_else(|| before?.erased_on),
            erasure_reason: draft.erasure_reason.clone().or_else(|| before?.erasure_reason.clone()),
            ..Model::default()
        };
        let after = match attached_to {
            Some(attached_to) => attached_to.attach(row),
            None => row,
        };
        if let (Some(before), true) = (before, line.is_good()) {
            compare(&mut line, before, &after);
        }
        let key = |draft: &Draft| draft.number.clone();
        if import.accept(File::ArchivedDocuments, key, line).is_some() {
            import.put(File::ArchivedDocuments, before, after, &mut batch)?;
        }
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

/// A row of archived_files.csv.
struct FileDraft {
    document: String,
    version: i32,
    name: String,
    media_type: String,
    sha256: String,
    size: i32,
    uploaded_at: DateTime<Utc>,
    /// Empty for a file that was erased.
    bytes: Vec<u8>,
}

fn read_file(folder: &Path, cells: &mut Cells<'_>) -> Option<FileDraft> {
    let (document, version) = (cells.key("document"), cells.integer("version", 1, 1_000_000));
    let (name, media_type) = (cells.text("name", LINE), cells.text("media_type", LINE));
    let (digest, size) = (cells.digest("sha256"), cells.integer("size", 1, i32::MAX));
    let uploaded_at = cells.instant("uploaded_at");
    let file = cells.optional_text("file", LINE);
    let bytes = file.map_or(Ok(Vec::new()), |file| attachments::read(folder, &file, LONGEST));
    let bytes = cells.errors.take("file", bytes);
    let draft =
        FileDraft { document, version, name, media_type, sha256: digest, size, uploaded_at, bytes };
    cells.check(|errors| {
        let FileDraft { bytes, media_type, name, .. } = &draft;
        if bytes.is_empty() {
            return;
        }
        errors.expect(sha256(bytes) == draft.sha256, "sha256", "is not that of the file");
        let is_size = usize::try_from(draft.size).is_ok_and(|size| size == bytes.len());
        errors.expect(is_size, "size", "is not that of the file");
        match stored_files::media_type(bytes, Some(media_type)) {
            Ok(media_type) => {
                if let Some(problem) = stored_files::file_name::problem(name, media_type) {
                    errors.add("name", problem);
                }
            }
            Err(problem) => errors.add("media_type", problem),
        }
    });
    Some(draft)
}

/// Imports archived_files.csv. A file is identified by its document and version. A stored one never
/// changes.
pub(super) async fn import_files(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::ArchivedFiles)? else { return Ok(()) };
    let folder = import.folder;
    while let Some(mut lines) =
        import.chunk_of(FILES, &mut table, |cells| read_file(folder, cells))?
    {
        let name = |draft: &FileDraft| format!("{} {}", draft.document, draft.version);
        import.check_names(File::ArchivedFiles, &mut lines, "", name).await?;
        merge_files(import, lines).await?;
    }
    Ok(())
}

async fn merge_files(import: &mut Import<'_>, lines: Vec<Line<FileDraft>>) -> Result<()> {
    let numbers = lines.iter().map(|line| line.draft.document.as_str()).collect();
    let documents = by_numbers(import.tx(), numbers).await?;
    for mut line in lines {
        let document = documents.get(&line.draft.document);
        let before = match document {
            Some(document) => stored(import.tx(), document.id, line.draft.version).await?,
            None => None,
        };
        match document {
            None => line.error("document", "is not the number of an archived document"),
            Some(document) => check_file(&mut line, document, before.as_ref()),
        }
        let accepted = import.accept(File::ArchivedFiles, |_| String::new(), line);
        let (Some(draft), Some(document)) = (accepted, document) else { continue };
        if before.is_some() {
            import.count(File::ArchivedFiles, RowEffect::Unchanged);
            continue;
        }
        let name = match document.erased_on {
            Some(_) => erase::erased_name(&document.number, Some(draft.version), &draft.media_type),
            None => draft.name,
        };
        let row = stored_file::Model {
            id: StoredFileId::new(),
            sha256: draft.sha256,
            media_type: draft.media_type,
            name,
            size: draft.size.into(),
            uploaded_at: draft.uploaded_at,
            archived_document_id: Some(document.id),
            version: Some(draft.version),
            ..stored_file::Model::default()
        };
        stored_files::attach::store_version(&mut import.change, row, draft.bytes).await?;
        import.count(File::ArchivedFiles, RowEffect::Added);
    }
    import.settle().await
}

/// Adds an error for each way in which a row contradicts its document or the stored file.
fn check_file(line: &mut Line<FileDraft>, document: &Model, before: Option<&stored_file::Model>) {
    let (version, is_empty) = (line.draft.version, line.draft.bytes.is_empty());
    if version > document.versions {
        line.error("version", "is beyond the number of versions of the document");
    }
    if before.is_some_and(|before| before.sha256 != line.draft.sha256) {
        line.error("sha256", "differs from the stored file, which never changes");
    }
    match (document.erased_on.is_some(), is_empty) {
        (true, false) => line.error("file", "must be empty: the document is erased"),
        (false, true) if before.is_none() => line.error("file", "must not be empty"),
        _ => {}
    }
}

async fn stored(
    tx: &impl ConnectionTrait,
    document: ArchivedDocumentId,
    version: i32,
) -> Result<Option<stored_file::Model>> {
    let found = stored_file::Entity::find()
        .filter(stored_file::Column::ArchivedDocumentId.eq(document))
        .filter(stored_file::Column::Version.eq(version));
    Ok(found.one(tx).await?)
}

/// Writes archived_documents.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order =
        export.in_order(&[Column::Id, Column::Number], |row: &Model| row.number.clone()).await?;
    let mut sheet = export.begin(File::ArchivedDocuments, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let found = export.rows::<Model>(ids).await?;
        let of_agreements = found.iter().filter_map(|row| Some(row.agreement_id?.0)).collect();
        let agreements =
            key_resolution::keys_of::<agreement::Model>(&export.tx, of_agreements).await?;
        let costs = costs_of(export, &found).await?;
        for row in found {
            let cost = row.cost_id.and_then(|id| costs.get(&id));
            let activity = row.activity_id.or_else(|| cost.map(|cost| cost.activity_id));
            sheet.write([
                row.number,
                row.kind.word().to_owned(),
                row.title,
                row.language,
                row.dated_on.to_string(),
                row.registered_on.to_string(),
                row.versions.to_string(),
                key_in(&agreements, row.agreement_id),
                key_in(&export.members, row.member_id),
                key_in(&export.organisations, row.organisation_id),
                export.activity(activity),
                optional(cost.map(|cost| cost.booked_on)),
                optional(cost.map(|cost| cost.description.clone())),
                optional(cost.map(|cost| cost.occurrence)),
                optional(row.erased_on),
                row.erasure_reason.unwrap_or_default(),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}

/// Returns the costs that these documents are attached to.
async fn costs_of(export: &Export<'_>, rows: &[Model]) -> Result<HashMap<CostId, cost::Model>> {
    let ids: Vec<Uuid> = rows.iter().filter_map(|row| Some(row.cost_id?.0)).collect();
    let found = export.rows::<cost::Model>(&ids).await?;
    Ok(found.into_iter().map(|cost| (cost.id, cost)).collect())
}

/// Writes archived_files.csv, with the files named after their SHA-256.
pub(super) async fn export_files(export: &mut Export<'_>) -> Result<()> {
    let order =
        export.in_order(&[Column::Id, Column::Number], |row: &Model| row.number.clone()).await?;
    let mut sheet = export.begin(File::ArchivedFiles, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let documents = export.rows::<Model>(ids).await?;
        let column = Expr::col(stored_file::Column::ArchivedDocumentId);
        let theirs =
            among(export.tx.get_database_backend(), column, documents.iter().map(|row| row.id));
        let mut files = stored_file::Entity::find().filter(theirs).all(&export.tx).await?;
        files.sort_unstable_by_key(|file| file.version);
        for document in &documents {
            let own = |file: &&stored_file::Model| file.archived_document_id == Some(document.id);
            for file in files.iter().filter(own) {
                let path = match document.erased_on {
                    Some(_) => String::new(),
                    None => format!("{FOLDER}/{}", file.sha256),
                };
                if !path.is_empty()
                    && let Some(bytes) = stored_files::content(&export.tx, &file.sha256).await?
                {
                    export.write_file(&path, &bytes)?;
                }
                sheet.write([
                    document.number.clone(),
                    optional(file.version),
                    file.name.clone(),
                    file.media_type.clone(),
                    file.sha256.clone(),
                    file.size.to_string(),
                    instant(file.uploaded_at),
                    path,
                ])?;
            }
        }
        export.report(&sheet);
    }
    export.end(sheet)
}
