//! templates.csv; the texts and the parameters are separate files.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use ::entity::{
    id::{ActivityId, TemplateId, TemplateVersionId},
    kind::{AgreementKind, TemplateState},
    template, template_text, template_version,
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    File, attachments,
    bulk_insert::{Batch, insert, replace},
    export::session::{Export, instant, optional},
    import::session::{Import, RowEffect},
    key_resolution::{self, version_name},
    row::{Cells, Line},
    staging,
};
use crate::{
    collation,
    database::{among, among_words},
    error::{LINE, Result, ValidationErrors},
    templates::{
        Parameter, rendering,
        version_text::{LANGUAGE, NOT_SWEDISH},
        versions::Snapshot,
    },
};

/// Number of rows that are read together: each has two files in memory.
const CHUNK: usize = 20;

/// Maximum size of a text or list of parameters, in MiB.
const LONGEST: u64 = 1;

/// A row of templates.csv: a version, with the columns of its template. An optional column is an
/// `Option` of its value: `None` if the file doesn't have the column.
struct Draft {
    slug: String,
    title: String,
    kind: AgreementKind,
    activity: Option<String>,
    version: i32,
    state: TemplateState,
    language: String,
    body: String,
    parameters: String,
    published_at: Option<Option<DateTime<Utc>>>,
}

fn read(folder: &Path, cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        slug: cells.slug("slug"),
        title: cells.text("title", LINE),
        kind: cells.value("kind"),
        activity: cells.optional_key("activity"),
        version: cells.integer("version", 1, 1_000_000),
        state: cells.value("state"),
        language: cells.text("language", 35),
        body: text(folder, cells, "body_file").unwrap_or_default(),
        parameters: text(folder, cells, "parameters_file").unwrap_or_else(|| "[]".to_owned()),
        published_at: cells.present("published_at").then(|| cells.optional_instant("published_at")),
    };
    cells.check(|errors| {
        errors.expect(!draft.body.trim().is_empty(), "body_file", "must name a file with the text");
        match serde_json::from_str::<Vec<Parameter>>(&draft.parameters) {
            // A retired version is history: no document is made from it, and its text is imported
            // as it was.
            Ok(declared) if draft.state != TemplateState::Retired => check_text(&draft.body, &declared, errors),
            Ok(_) => {}
            Err(cause) => {
                let reason = format!("is not a list of parameters with name, label, type, required, default, minimum and maximum: {cause}");
                errors.add("parameters_file", reason);
            }
        }
        let is_swedish = draft.state == TemplateState::Retired || draft.language == LANGUAGE;
        errors.expect(is_swedish, "language", NOT_SWEDISH);
        let is_fitting = draft.state != TemplateState::Draft || draft.published_at.flatten().is_none();
        errors.expect(is_fitting, "published_at", "must be empty for a draft");
    });
    Some(draft)
}

/// Reads the text of the file that a cell names, below the folder. Returns `None` if the cell is
/// empty or the file is bad.
fn text(folder: &Path, cells: &mut Cells<'_>, column: &str) -> Option<String> {
    let name = cells.optional_text(column, LINE)?;
    match read_text(folder, &name) {
        Ok(text) => Some(text),
        Err(reason) => {
            cells.errors.add(column, reason);
            None
        }
    }
}

fn read_text(folder: &Path, name: &str) -> Result<String, String> {
    let text = String::from_utf8(attachments::read(folder, name, LONGEST)?)
        .map_err(|_| "is not in UTF-8".to_owned())?;
    let is_readable =
        text.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\r' | '\t'));
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    if is_readable { Ok(text) } else { Err("must not have control characters".to_owned()) }
}

/// Checks a text by the rules of the API. The errors are of the columns that name its files.
fn check_text(body: &str, declared: &[Parameter], errors: &mut ValidationErrors) {
    let mut found = ValidationErrors::default();
    rendering::check(body, declared, &mut found);
    let (of_body, of_parameters): (Vec<_>, Vec<_>) =
        found.into_inner().into_iter().partition(|error| error.path == "body");
    for (column, found) in [("body_file", of_body), ("parameters_file", of_parameters)] {
        let messages =
            found.into_iter().map(|error| match error.path.strip_prefix("parameters[") {
                Some(path) => format!("{} {}", path.replacen(']', "", 1), error.message),
                None => error.message,
            });
        let messages: Vec<_> = messages.collect();
        errors.expect(messages.is_empty(), column, messages.join("; "));
    }
}

/// Imports templates.csv. A version is identified by its template's slug and its number.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Templates)? else { return Ok(()) };
    let folder = import.folder;
    while let Some(mut lines) = import.chunk_of(CHUNK, &mut table, |cells| read(folder, cells))? {
        let name = |draft: &Draft| version_name(&draft.slug, draft.version);
        import.check_names(File::Templates, &mut lines, "version", name).await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let activities = key_resolution::activities(
        import,
        key_resolution::present(lines.iter().map(|line| line.draft.activity.as_deref())),
    )
    .await?;
    let slugs: BTreeSet<String> = lines.iter().map(|line| line.draft.slug.clone()).collect();
    let existing = versions(import.tx(), &slugs).await?;
    let mut templates = templates(import.tx(), &slugs).await?;
    // The first row of a template defines the template; its other rows must agree.
    let mut firsts: HashMap<String, u64> = staging::seen(import.tx(), File::Templates, &slugs)
        .await?
        .into_iter()
        .map(|(slug, (line, _))| (slug, line))
        .collect();
    let (mut new_firsts, mut batch, mut template_batch) =
        (Vec::new(), Batch::default(), Batch::default());
    for mut line in lines {
        let activity = line.draft.activity.clone();
        let activity_id = activities.find(&mut line, "activity", activity.as_deref());
        let slug = line.draft.slug.clone();
        let old = templates.get(&slug).cloned();
        let stated = template_of(&line.draft, activity_id, old.as_ref());
        if let (Some(first), Some(old)) = (firsts.get(&slug), &old) {
            let differing = [
                ("title", stated.title != old.title),
                ("kind", stated.kind != old.kind),
                ("activity", stated.activity_id != old.activity_id),
            ];
            let was_good = line.is_good();
            for (column, _) in differing.into_iter().filter(|(_, differs)| *differs && was_good) {
                line.error(
                    column,
                    format!("must be that of line {first}, which is of the same template"),
                );
            }
        }
        let before = existing.get(&version_name(&slug, line.draft.version));
        if let Some(before) = before {
            refuse_changes(&mut line, before);
        }
        let number = line.number;
        let Some(draft) =
            import.accept(File::Templates, |draft| version_name(&draft.slug, draft.version), line)
        else {
            continue;
        };
        if !firsts.contains_key(&slug) {
            firsts.insert(slug.clone(), number);
            new_firsts.push((slug.clone(), number));
        }
        let is_new_title = old.as_ref() != Some(&stated);
        if is_new_title {
            import.change.record(old.as_ref(), Some(&stated))?;
            match old {
                Some(_) => template_batch.changed.push(stated.clone()),
                None => template_batch.added.push(stated.clone()),
            }
        }
        let after = build(draft, stated.id, before, import.change.at());
        templates.insert(slug, stated);
        if is_new_title && before == Some(&after) {
            import.count(File::Templates, RowEffect::Changed);
        } else {
            import.put(File::Templates, before, after, &mut batch)?;
        }
    }
    staging::record_seen(import.tx(), File::Templates, new_firsts).await?;
    template_batch.write(import.tx()).await?;
    write(import.tx(), batch).await?;
    import.settle().await
}

fn template_of(
    draft: &Draft,
    activity_id: Option<ActivityId>,
    old: Option<&template::Model>,
) -> template::Model {
    template::Model {
        id: old.map_or_else(TemplateId::new, |old| old.id),
        slug: draft.slug.clone(),
        title_key: collation::key(&draft.title),
        title: draft.title.clone(),
        kind: draft.kind,
        activity_id,
    }
}

/// Adds an error for each change of a version that has been published, since agreements were made
/// from it, and for a draft that would be retired without having been published.
fn refuse_changes(line: &mut Line<Draft>, before: &Snapshot) {
    const NEVER: &str =
        "differs from the published version, which never changes; add a new version";
    let draft = &line.draft;
    let old = &before.version;
    if old.state == TemplateState::Draft {
        if draft.state == TemplateState::Retired && line.is_good() {
            line.error("state", "must be PUBLISHED first; a version is drafted, published and retired in this order");
        }
        return;
    }
    let errors = [
        ("body_file", draft.body != before.body, NEVER),
        ("parameters_file", !is_same_json(&draft.parameters, &before.parameters), NEVER),
        ("language", draft.language != old.language, NEVER),
        (
            "published_at",
            draft.published_at.flatten().is_some_and(|at| Some(at) != old.published_at),
            NEVER,
        ),
        (
            "state",
            draft.state < old.state,
            "must not go back; a version is drafted, published and retired in this order",
        ),
    ];
    let was_good = line.is_good();
    for (column, _, reason) in errors.into_iter().filter(|(_, differs, _)| *differs && was_good) {
        line.error(column, reason);
    }
}

fn is_same_json(one: &str, other: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other || parse(one).is_some_and(|value| parse(other) == Some(value))
}

fn build(
    draft: Draft,
    template_id: TemplateId,
    before: Option<&Snapshot>,
    now: DateTime<Utc>,
) -> Snapshot {
    let published_at = match draft.state {
        TemplateState::Draft => None,
        _ => draft
            .published_at
            .flatten()
            .or_else(|| before.and_then(|before| before.version.published_at))
            .or(Some(now)),
    };
    // The same JSON in another layout is no change.
    let parameters = before
        .map(|before| &before.parameters)
        .filter(|parameters| is_same_json(parameters, &draft.parameters))
        .cloned();
    Snapshot {
        version: template_version::Model {
            id: before.map_or_else(TemplateVersionId::new, |before| before.version.id),
            template_id,
            version: draft.version,
            state: draft.state,
            language: draft.language,
            published_at,
        },
        body: draft.body,
        parameters: parameters.unwrap_or(draft.parameters),
    }
}

async fn templates(
    tx: &impl ConnectionTrait,
    slugs: &BTreeSet<String>,
) -> Result<HashMap<String, template::Model>> {
    let theirs = among_words(tx.get_database_backend(), Expr::col(template::Column::Slug), slugs);
    let found = template::Entity::find().filter(theirs).all(tx).await?;
    Ok(found.into_iter().map(|row| (row.slug.clone(), row)).collect())
}

/// Returns the versions of the templates with these slugs, by name.
async fn versions(
    tx: &impl ConnectionTrait,
    slugs: &BTreeSet<String>,
) -> Result<HashMap<String, Snapshot>> {
    let slug_of: HashMap<TemplateId, String> =
        templates(tx, slugs).await?.into_values().map(|row| (row.id, row.slug)).collect();
    let theirs = among(
        tx.get_database_backend(),
        Expr::col(template_version::Column::TemplateId),
        slug_of.keys().copied(),
    );
    let rows = template_version::Entity::find().filter(theirs).all(tx).await?;
    let mut texts = texts(tx, &rows).await?;
    let named = |version: template_version::Model| {
        let name = version_name(slug_of.get(&version.template_id)?, version.version);
        let text = texts.remove(&version.id)?;
        Some((name, Snapshot { version, body: text.body, parameters: text.parameters }))
    };
    Ok(rows.into_iter().filter_map(named).collect())
}

async fn texts(
    tx: &impl ConnectionTrait,
    rows: &[template_version::Model],
) -> Result<HashMap<TemplateVersionId, template_text::Model>> {
    let theirs = among(
        tx.get_database_backend(),
        Expr::col(template_text::Column::VersionId),
        rows.iter().map(|row| row.id),
    );
    let found = template_text::Entity::find().filter(theirs).all(tx).await?;
    Ok(found.into_iter().map(|text| (text.version_id, text)).collect())
}

async fn write(tx: &impl ConnectionTrait, batch: Batch<Snapshot>) -> Result<()> {
    let texts: Vec<_> = batch.changed.iter().chain(&batch.added).map(Snapshot::text).collect();
    replace(tx, batch.changed.into_iter().map(|snapshot| snapshot.version).collect()).await?;
    insert(tx, batch.added.into_iter().map(|snapshot| snapshot.version).collect()).await?;
    replace(tx, texts).await
}

/// Writes templates.csv, and the texts and parameters into separate files.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let templates: HashMap<TemplateId, template::Model> = template::Entity::find()
        .all(&export.tx)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let slug = |row: &template_version::Model| {
        templates.get(&row.template_id).map(|template| template.slug.clone()).unwrap_or_default()
    };
    let name = |row: &template_version::Model| format!("{}\0{:010}", slug(row), row.version);
    use template_version::Column::{Id, TemplateId as Template, Version};
    let order = export.in_order(&[Id, Template, Version], name).await?;
    let mut sheet = export.begin(File::Templates, order.len())?;
    for ids in order.chunks(CHUNK) {
        let rows: Vec<template_version::Model> = export.rows(ids).await?;
        let mut texts = texts(&export.tx, &rows).await?;
        for row in rows {
            let (Some(template), Some(text)) =
                (templates.get(&row.template_id), texts.remove(&row.id))
            else {
                continue;
            };
            let file = format!("templates/{}-{}", file_name(template), row.version);
            let (body_file, parameters_file) = (format!("{file}.md"), format!("{file}.json"));
            export.write_file(&body_file, text.body.as_bytes())?;
            export.write_file(&parameters_file, text.parameters.as_bytes())?;
            sheet.write([
                template.slug.clone(),
                template.title.clone(),
                template.kind.to_string(),
                export.activity(template.activity_id),
                row.version.to_string(),
                row.state.to_string(),
                row.language,
                body_file,
                parameters_file,
                optional(row.published_at.map(instant)),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}

/// Returns the slug, or the id if the slug can't be a file's name.
fn file_name(template: &template::Model) -> String {
    let is_plain = !template.slug.is_empty()
        && template.slug.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_plain { template.slug.clone() } else { template.id.0.simple().to_string() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn texts_are_read_only_from_below_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("data");
        fs::create_dir_all(folder.join("templates")).unwrap();
        fs::write(outer.path().join("secret.md"), "secret").unwrap();
        fs::write(folder.join("templates/a-1.md"), "\u{feff}Avtal\r\n").unwrap();
        fs::write(folder.join("bad.md"), b"\xff").unwrap();
        fs::write(folder.join("nul.md"), b"a\0b").unwrap();
        assert_eq!(read_text(&folder, "templates/a-1.md").as_deref(), Ok("Avtal\r\n"));
        for (name, reason) in [
            ("../secret.md", "must name a file below"),
            ("templates/../../secret.md", "must name a file below"),
            ("/etc/passwd", "must name a file below"),
            ("templates", "there is no file"),
            ("nothing.md", "there is no file"),
            ("bad.md", "is not in UTF-8"),
            ("nul.md", "must not have control characters"),
        ] {
            assert!(read_text(&folder, name).unwrap_err().starts_with(reason), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret.md"), folder.join("link.md"))
                .unwrap();
            std::os::unix::fs::symlink(outer.path(), folder.join("out")).unwrap();
            for name in ["link.md", "out/secret.md"] {
                assert_eq!(
                    read_text(&folder, name).unwrap_err(),
                    "must not lead through a symbolic link",
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn texts_are_checked_as_the_api_does() {
        let declared: Vec<Parameter> = serde_json::from_str(
            r#"[{"name":"a","label":"A","type":"TEXT","required":true,"default":null}]"#,
        )
        .unwrap();
        let errors = |body: &str, declared: &[Parameter]| {
            let mut errors = ValidationErrors::default();
            check_text(body, declared, &mut errors);
            errors
                .into_inner()
                .into_iter()
                .map(|error| format!("{} {}", error.path, error.message))
                .collect::<Vec<_>>()
        };
        assert_eq!(errors("{{ a }}", &declared), [""; 0]);
        let twice = [declared[0].clone(), declared[0].clone()];
        assert_eq!(errors("{{ a }}", &twice), ["parameters_file 1.name is declared twice: a"]);
        assert_eq!(
            errors("\n{{ b }}\n{{ c }}", &declared),
            [
                "body_file line 2: b is neither declared nor built in; line 3: c is neither declared nor built in",
                "parameters_file 0.name is not used in the text: a"
            ]
        );
    }
}
