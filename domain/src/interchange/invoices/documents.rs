//! invoice_documents.csv: the contents of issued invoices and their stored documents, byte for
//! byte. The bytes are separate files.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    path::Path,
    str::FromStr,
};

use ::documents::sha256;
use ::entity::{id::InvoiceId, invoice, invoice_content, invoice_file, kind::FileFormat};
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Query},
};

use super::super::{
    File, attachments,
    bulk_insert::insert,
    export::session::{Export, Sheet},
    import::{
        report::BadRow,
        session::{Import, RowEffect},
    },
    key_resolution,
    keyed_rows::Keyed,
    row::{Cells, Line},
};
use crate::{
    database::among,
    error::{LINE, Result},
    invoices::{documents, integrity::documents as document_integrity},
};

/// Number of rows that are read together, and of invoices that are written together: each has its
/// files in memory.
const CHUNK: usize = 20;
/// Maximum size of a file, in MiB.
const LONGEST: u64 = 32;
/// The folder of the files.
const FOLDER: &str = "invoice_documents";

/// A stored document of an invoice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Document {
    /// The contents as JSON, from which the files are made.
    #[default]
    Content,
    File(FileFormat),
}

impl Document {
    fn ending(self) -> &'static str {
        match self {
            Self::Content => "json",
            Self::File(FileFormat::Pdf) => "pdf",
            Self::File(FileFormat::Xml) => "xml",
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content => f.write_str("CONTENT"),
            Self::File(format) => fmt::Display::fmt(format, f),
        }
    }
}

impl FromStr for Document {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "CONTENT" {
            return Ok(Self::Content);
        }
        text.parse().map(Self::File).map_err(|_| "is none of CONTENT, PDF, XML")
    }
}

/// A row of invoice_documents.csv.
struct Draft {
    invoice: String,
    document: Document,
    sha256: String,
    bytes: Vec<u8>,
}

fn read(folder: &Path, cells: &mut Cells<'_>) -> Option<Draft> {
    let (invoice, document, digest) =
        (cells.key("invoice"), cells.value("format"), cells.digest("sha256"));
    let name = cells.text("file", LINE);
    let bytes =
        if name.is_empty() { Ok(Vec::new()) } else { attachments::read(folder, &name, LONGEST) };
    let bytes = cells.errors.take("file", bytes);
    let draft = Draft { invoice, document, sha256: digest, bytes };
    cells.check(|errors| {
        errors.expect(sha256(&draft.bytes) == draft.sha256, "sha256", "is not that of the file")
    });
    Some(draft)
}

/// Imports invoice_documents.csv. A document is identified by its invoice and format. A stored one
/// never changes.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::InvoiceDocuments)? else { return Ok(()) };
    let folder = import.folder;
    while let Some(mut lines) = import.chunk_of(CHUNK, &mut table, |cells| read(folder, cells))? {
        let name = |draft: &Draft| format!("{} {}", draft.invoice, draft.document);
        import.check_names(File::InvoiceDocuments, &mut lines, "", name).await?;
        merge(import, lines).await?;
    }
    if import.is_good() {
        for words in document_integrity::without_xml(import.tx()).await? {
            import.reject(BadRow::new(File::InvoiceDocuments, 1, "", words));
        }
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let wanted =
        key_resolution::present(lines.iter().map(|line| Some(line.draft.invoice.as_str())));
    let invoices = key_resolution::references::<invoice::Model, InvoiceId>(
        import,
        "invoice",
        File::Invoices,
        wanted.clone(),
    )
    .await?;
    let ids: BTreeSet<InvoiceId> = wanted.iter().filter_map(|key| invoices.get(key)).collect();
    let rows =
        key_resolution::by_ids::<invoice::Model>(import.tx(), ids.iter().map(|id| id.0).collect())
            .await?;
    let digests = digests(import.tx(), ids).await?;
    let (mut contents, mut files) = (Vec::new(), Vec::new());
    for mut line in lines {
        let key = line.draft.invoice.clone();
        let row = invoices.find(&mut line, "invoice", Some(&key)).and_then(|id| rows.get(&id.0));
        let before = row.and_then(|row| digests.get(&(row.id, line.draft.document.to_string())));
        if let Some(row) = row {
            check(&mut line, row, before);
        }
        let (Some(draft), Some(row)) =
            (import.accept(File::InvoiceDocuments, |_| String::new(), line), row)
        else {
            continue;
        };
        if before.is_some() {
            import.count(File::InvoiceDocuments, RowEffect::Unchanged);
            continue;
        }
        let format = if let Document::File(format) = draft.document { Some(format) } else { None };
        documents::record(
            &mut import.change,
            row.id,
            row.number.as_deref(),
            format,
            &draft.sha256,
        )?;
        import.count(File::InvoiceDocuments, RowEffect::Added);
        match draft.document {
            Document::Content => {
                contents.push(invoice_content::Model {
                    invoice_id: row.id,
                    content: String::from_utf8_lossy(&draft.bytes).into_owned(),
                });
            }
            Document::File(format) => {
                files.push(invoice_file::Model {
                    invoice_id: row.id,
                    format,
                    sha256: draft.sha256,
                    bytes: draft.bytes,
                });
            }
        }
    }
    insert(import.tx(), contents).await?;
    insert(import.tx(), files).await?;
    import.settle().await
}

/// Adds an error if a document contradicts the invoice, or the stored document with the SHA-256
/// `before`.
fn check(line: &mut Line<Draft>, row: &invoice::Model, before: Option<&String>) {
    if row.issued_on.is_none() {
        line.error("invoice", "is a draft, which has no documents");
    } else if before.is_some_and(|before| *before != line.draft.sha256) {
        line.error("sha256", "differs from the stored document, which never changes");
    } else if line.draft.document == Document::Content && line.is_good() {
        let violation = match std::str::from_utf8(&line.draft.bytes) {
            Ok(content) => document_integrity::of_content(row, content),
            Err(_) => Some("is not in UTF-8".to_owned()),
        };
        if let Some(reason) = violation {
            line.error("file", reason);
        }
    }
}

/// Returns the SHA-256 of each stored document of these invoices, by format.
async fn digests(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<InvoiceId>,
) -> Result<HashMap<(InvoiceId, String), String>> {
    use invoice_file::Column::{Format, InvoiceId as Id, Sha256};
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let theirs = among(tx.get_database_backend(), Expr::col(Id), ids.iter().copied());
    let select = Query::select()
        .columns([Id, Format, Sha256])
        .from(invoice_file::Entity)
        .and_where(theirs)
        .take();
    let mut found = HashMap::new();
    for row in tx.query_all(&select).await? {
        found.insert(
            (row.try_get_by_index(0)?, row.try_get_by_index::<FileFormat>(1)?.to_string()),
            row.try_get_by_index(2)?,
        );
    }
    for content in contents(tx, ids).await? {
        found.insert(
            (content.invoice_id, Document::Content.to_string()),
            sha256(content.content.as_bytes()),
        );
    }
    Ok(found)
}

async fn contents(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<InvoiceId>,
) -> Result<Vec<invoice_content::Model>> {
    let theirs =
        among(tx.get_database_backend(), Expr::col(invoice_content::Column::InvoiceId), ids);
    Ok(invoice_content::Entity::find().filter(theirs).all(tx).await?)
}

/// Writes the documents of these invoices, with their files named after their SHA-256.
pub(super) async fn write(
    export: &Export<'_>,
    sheet: &mut Sheet,
    invoices: &[invoice::Model],
) -> Result<()> {
    use invoice_file::Column::{Format, InvoiceId as Id};
    for invoices in invoices.chunks(CHUNK) {
        let ids: BTreeSet<InvoiceId> = invoices.iter().map(|row| row.id).collect();
        let contents = contents(&export.tx, ids.clone()).await?;
        let theirs = among(export.tx.get_database_backend(), Expr::col(Id), ids);
        let files = invoice_file::Entity::find()
            .filter(theirs)
            .order_by_asc(Format)
            .all(&export.tx)
            .await?;
        for row in invoices {
            let key = row.key();
            let content = contents.iter().filter(|content| content.invoice_id == row.id);
            let content = content.map(|content| {
                (Document::Content, sha256(content.content.as_bytes()), content.content.as_bytes())
            });
            let files = files.iter().filter(|file| file.invoice_id == row.id);
            let files = files.map(|file| {
                (Document::File(file.format), file.sha256.clone(), file.bytes.as_slice())
            });
            for (document, sha256, bytes) in content.chain(files) {
                let file = format!("{FOLDER}/{sha256}.{}", document.ending());
                export.write_file(&file, bytes)?;
                sheet.write([key.clone(), document.to_string(), sha256, file])?;
            }
        }
    }
    Ok(())
}
