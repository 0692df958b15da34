//! Integrity of the stored documents of invoices: their bytes are unchanged, and their contents
//! agree with the database.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    id::InvoiceId,
    invoice::{Column, Entity, Model},
    invoice_content, invoice_file,
    kind::FileFormat,
};
use documents::{invoice::Invoice, sha256};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Alias, Expr, Query},
};

use crate::invoices::naming::name;
use crate::{
    database::{among, rows},
    error::Result,
};

/// Files that are checked together; a PDF has about 100 kB.
const FILES: u64 = 100;
/// Invoice contents that are checked together.
const CONTENTS: u64 = 200;

const WITHOUT_XML: &str = "has a document but no e-invoice";

/// Returns a sentence for each file that does not match its SHA-256, and for each document that has
/// no e-invoice or differs from the database.
pub async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let mut found = of_contents(db).await?;
    found.extend(of_files(db).await?);
    Ok(found)
}

/// Checks these invoices only.
pub async fn violations_of(
    db: &impl ConnectionTrait,
    invoices: &BTreeSet<InvoiceId>,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let ids: Vec<InvoiceId> = invoices.iter().copied().collect();
    for ids in ids.chunks(usize::try_from(FILES / 2).unwrap_or(1)) {
        let theirs =
            |column| among(db.get_database_backend(), Expr::col(column), ids.iter().copied());
        let contents = invoice_content::Entity::find()
            .filter(theirs(Alias::new("invoice_id")))
            .all(db)
            .await?;
        check_contents(db, &contents, &mut found).await?;
        let files =
            invoice_file::Entity::find().filter(theirs(Alias::new("invoice_id"))).all(db).await?;
        check_files(db, &files, &mut found).await?;
    }
    Ok(found)
}

/// Returns a sentence for each document that can't be read, belongs to another invoice, states
/// another total or has no e-invoice.
pub async fn of_contents(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    use invoice_content::Column::InvoiceId as Id;
    let (mut found, mut last) = (Vec::new(), InvoiceId::default());
    loop {
        let contents = invoice_content::Entity::find()
            .filter(Id.gt(last))
            .order_by_asc(Id)
            .limit(CONTENTS)
            .all(db)
            .await?;
        let Some(end) = contents.last() else { return Ok(found) };
        last = end.invoice_id;
        check_contents(db, &contents, &mut found).await?;
    }
}

async fn check_contents(
    db: &impl ConnectionTrait,
    contents: &[invoice_content::Model],
    found: &mut Vec<String>,
) -> Result<()> {
    let ids: BTreeSet<InvoiceId> = contents.iter().map(|content| content.invoice_id).collect();
    let invoices = invoices(db, ids.clone()).await?;
    let with_xml = with_xml(db, ids).await?;
    for content in contents {
        let Some(row) = invoices.get(&content.invoice_id) else { continue };
        if let Some(violation) = of_content(row, &content.content) {
            found.push(format!("{} {violation}", name(row)));
        }
        if !with_xml.contains(&row.id) {
            found.push(format!("{} {WITHOUT_XML}", name(row)));
        }
    }
    Ok(())
}

/// Returns the violation in the document content of an invoice, as a predicate of a sentence about
/// the invoice; `None` if there is none.
#[must_use]
pub fn of_content(row: &Model, content: &str) -> Option<String> {
    let Ok(document) = serde_json::from_str::<Invoice>(content) else {
        return Some("has a document that can't be read".to_owned());
    };
    if Some(&document.number) != row.number.as_ref() || document.kind != row.kind {
        return Some(format!("has a document of another invoice: {}", document.number));
    }
    (document.total != row.total).then(|| {
        format!(
            "has a document with the total {}, but the database has {}",
            document.total, row.total
        )
    })
}

/// Returns a sentence for each invoice that has a document without an e-invoice, at most 100.
pub async fn without_xml(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let xml = Query::select()
        .expr(Expr::cust("1"))
        .from(invoice_file::Entity)
        .and_where(
            Expr::col((invoice_file::Entity, invoice_file::Column::InvoiceId))
                .equals((invoice_content::Entity, invoice_content::Column::InvoiceId)),
        )
        .and_where(invoice_file::Column::Format.eq(FileFormat::Xml))
        .take();
    let select = Query::select()
        .column(invoice_content::Column::InvoiceId)
        .from(invoice_content::Entity)
        .and_where(Expr::exists(xml).not())
        .order_by(invoice_content::Column::InvoiceId, Order::Asc)
        .limit(100)
        .take();
    let ids = db
        .query_all(&select)
        .await?
        .iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect::<Result<BTreeSet<InvoiceId>>>()?;
    Ok(invoices(db, ids)
        .await?
        .values()
        .map(|row| format!("{} {WITHOUT_XML}", name(row)))
        .collect())
}

/// Returns a sentence for each file whose bytes do not match its SHA-256.
pub async fn of_files(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    use invoice_file::Column::{Format, InvoiceId as Id};
    let (mut found, mut last) = (Vec::new(), None);
    loop {
        let mut find =
            invoice_file::Entity::find().order_by_asc(Id).order_by_asc(Format).limit(FILES);
        if let Some((id, format)) = last {
            let position = Expr::tuple([Expr::col(Id), Expr::col(Format)]);
            find = find.filter(position.gt(Expr::tuple([Expr::val(id), Expr::val(format)])));
        }
        let files = find.all(db).await?;
        let Some(end) = files.last() else { return Ok(found) };
        last = Some((end.invoice_id, end.format));
        check_files(db, &files, &mut found).await?;
    }
}

async fn check_files(
    db: &impl ConnectionTrait,
    files: &[invoice_file::Model],
    found: &mut Vec<String>,
) -> Result<()> {
    let broken: Vec<_> = files.iter().filter(|file| sha256(&file.bytes) != file.sha256).collect();
    let invoices = invoices(db, broken.iter().map(|file| file.invoice_id).collect()).await?;
    let sentence = |file: &&invoice_file::Model| {
        let row = invoices.get(&file.invoice_id)?;
        Some(format!(
            "{} has other bytes in its {} than the SHA-256 says: {}",
            name(row),
            file.format,
            file.sha256
        ))
    };
    found.extend(broken.iter().filter_map(sentence));
    Ok(())
}

/// Loads the columns of these invoices that their documents are checked against.
async fn invoices(
    db: &impl ConnectionTrait,
    ids: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Model>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = [Column::Id, Column::Kind, Column::Number, Column::Total];
    let theirs = among(db.get_database_backend(), Expr::col(Column::Id), ids);
    let select = Query::select().columns(columns).from(Entity).and_where(theirs).take();
    Ok(rows::<Model>(db, &select, &columns).await?.into_iter().map(|row| (row.id, row)).collect())
}

async fn with_xml(
    db: &impl ConnectionTrait,
    ids: BTreeSet<InvoiceId>,
) -> Result<HashSet<InvoiceId>> {
    let select = Query::select()
        .column(invoice_file::Column::InvoiceId)
        .from(invoice_file::Entity)
        .and_where(among(
            db.get_database_backend(),
            Expr::col(invoice_file::Column::InvoiceId),
            ids,
        ))
        .and_where(invoice_file::Column::Format.eq(FileFormat::Xml))
        .take();
    db.query_all(&select).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
