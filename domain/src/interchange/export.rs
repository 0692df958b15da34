//! The export: the whole register as CSV files, as it was at one moment.

use std::{
    collections::HashMap,
    fs,
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ::entity::{activity, member, organisation};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    File, Progress, Watcher, accounts, activities, agreements, bank_payments, books_closing,
    fee_schedules, invoices,
    key_resolution::{Identified, Keyed},
    members, organisations, reference_rates, requisitions, tax_decisions, templates, unusable,
    vouchers,
};
use crate::{
    auth::viewer::{Permission, Viewer},
    database::{Database, among, rows},
    error::Result,
    output::{self, OwnFiles},
};

/// Rows that are read together while a table is put in order.
const PAGE: u64 = 2000;

/// Rows that are read and written together.
pub(super) const CHUNK: usize = 500;

/// A file that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub file: File,
    /// Its rows, without the header.
    pub rows: u64,
}

/// Writes every file of the exchange into the folder `to`, which is made when it isn't there; files
/// of the same names are replaced when all of them are complete, but none of the register's `own`.
/// Each is UTF-8 without a mark, its cells apart by commas, its lines by line feeds, its rows in
/// the byte order of their keys.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, CONFLICT `FILE` when a file can't be written, or
/// `BUSY` when others write for too long for it to be noted that contacts are read, INTERNAL.
pub async fn export(
    db: &Database,
    viewer: &Viewer,
    own: &OwnFiles,
    to: &Path,
    watcher: Watcher<'_>,
) -> Result<Vec<Exported>> {
    viewer.require(Permission::ManageRegister)?;
    viewer.require(Permission::ManageAccounts)?;
    let unwritable = |cause: io::Error| unusable(to, "write", &cause);
    fs::create_dir_all(to).map_err(unwritable)?;
    for file in File::ALL {
        own.refuse(&to.join(file.name()))?;
    }
    let folder = tempfile::Builder::new().prefix(".export-").tempdir_in(to).map_err(unwritable)?;

    // Everything is read in one transaction, so that it fits together whatever is written
    // meanwhile.
    let tx = db.snapshot().await?;
    let mut export = Export {
        members: every_key::<member::Model>(&tx).await?,
        organisations: every_key::<organisation::Model>(&tx).await?,
        activities: every_key::<activity::Model>(&tx).await?,
        tx,
        folder,
        watcher: Mutex::new(watcher),
        done: Vec::new(),
    };
    members::export(&mut export).await?;
    organisations::export(&mut export).await?;
    members::export_allocations(&mut export).await?;
    organisations::export_contacts(&mut export, db, viewer).await?;
    activities::export(&mut export).await?;
    fee_schedules::export(&mut export).await?;
    tax_decisions::export(&mut export).await?;
    templates::export(&mut export).await?;
    agreements::export(&mut export).await?;
    reference_rates::export(&mut export).await?;
    bank_payments::export(&mut export).await?;
    invoices::export(&mut export).await?;
    accounts::export_costs(&mut export).await?;
    accounts::export_grants(&mut export).await?;
    requisitions::export(&mut export).await?;
    activities::export_status_reports(&mut export).await?;
    vouchers::export(&mut export).await?;
    books_closing::export(&mut export).await?;
    export.finish(own, to).await
}

/// An export in the making.
pub(super) struct Export<'a> {
    pub tx: DatabaseTransaction,
    /// The keys of all members, organisations and activities: there are few, and everything refers
    /// to them.
    pub members: HashMap<Uuid, String>,
    pub organisations: HashMap<Uuid, String>,
    pub activities: HashMap<Uuid, String>,
    folder: TempDir,
    /// In a mutex only so that the export may be lent across threads.
    watcher: Mutex<Watcher<'a>>,
    done: Vec<Exported>,
}

/// A file that is being written.
pub(super) struct Sheet {
    file: File,
    path: PathBuf,
    writer: csv::Writer<BufWriter<fs::File>>,
    rows: u64,
    of: u64,
}

impl Sheet {
    /// Writes a row: the file's columns and then its extra ones.
    pub fn write<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) -> Result<()> {
        self.rows += 1;
        self.writer.write_record(cells).map_err(|cause| unusable(&self.path, "write", &cause))
    }
}

impl Export<'_> {
    /// Begins a file of some `of` rows.
    pub fn begin(&self, file: File, of: usize) -> Result<Sheet> {
        let path = self.folder.path().join(file.name());
        let output = fs::File::create(&path).map_err(|cause| unusable(&path, "write", &cause))?;
        let mut writer = csv::Writer::from_writer(BufWriter::new(output));
        let header = file.columns().iter().chain(file.extra_columns());
        writer.write_record(header).map_err(|cause| unusable(&path, "write", &cause))?;
        Ok(Sheet { file, path, writer, rows: 0, of: of as u64 })
    }

    /// Tells how far a file has come.
    pub fn tell(&mut self, sheet: &Sheet) {
        let of = std::cmp::max(sheet.of, sheet.rows);
        let watcher = self.watcher.get_mut().unwrap_or_else(PoisonError::into_inner);
        watcher(Progress { file: sheet.file, rows: sheet.rows, done: sheet.rows, of });
    }

    /// Ends a file.
    pub fn end(&mut self, mut sheet: Sheet) -> Result<()> {
        sheet.writer.flush().map_err(|cause| unusable(&sheet.path, "write", &cause))?;
        self.tell(&sheet);
        self.done.push(Exported { file: sheet.file, rows: sheet.rows });
        Ok(())
    }

    /// Writes a file beside the tables.
    pub fn write_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.path().join(name);
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
        written.map_err(|cause| unusable(&path, "write", &cause))
    }

    /// The ids of a table's rows in the byte order of their names. That and nothing else of a table
    /// is in memory as a whole.
    pub async fn in_order<M: Identified>(
        &self,
        columns: &[<M::Entity as EntityTrait>::Column],
        name: impl Fn(&M) -> String + Send,
    ) -> Result<Vec<Uuid>> {
        let mut order: Vec<(String, Uuid)> = Vec::new();
        let mut after = Uuid::nil();
        loop {
            let page = Query::select()
                .columns(columns.iter().copied())
                .from(M::Entity::default())
                .and_where(Expr::col(M::ID).gt(after))
                .order_by(M::ID, Order::Asc)
                .limit(PAGE)
                .take();
            let page: Vec<M> = rows(&self.tx, &page, columns).await?;
            let Some(last) = page.last() else { break };
            after = last.id();
            order.extend(page.iter().map(|row| (name(row), row.id())));
        }
        order.sort_unstable();
        Ok(order.into_iter().map(|(_, id)| id).collect())
    }

    /// The same for rows with keys.
    pub async fn in_order_of_keys<M: Keyed>(&self) -> Result<Vec<Uuid>> {
        self.in_order::<M>(&[M::ID, M::IMPORT_KEY], Keyed::key).await
    }

    /// The rows with these ids, in this order.
    pub async fn rows<M: Identified>(&self, ids: &[Uuid]) -> Result<Vec<M>> {
        let columns = M::every_column();
        let select = Query::select()
            .columns(columns.iter().copied())
            .from(M::Entity::default())
            .and_where(among(self.tx.get_database_backend(), Expr::col(M::ID), ids.iter().copied()))
            .take();
        let mut found: HashMap<Uuid, M> = rows::<M>(&self.tx, &select, &columns)
            .await?
            .into_iter()
            .map(|row| (row.id(), row))
            .collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// The key of an activity; empty when there is none.
    pub fn activity(&self, id: Option<impl Into<Uuid>>) -> String {
        key_in(&self.activities, id)
    }

    /// The key of a counterparty.
    pub fn party(
        &self,
        member: Option<impl Into<Uuid>>,
        organisation: Option<impl Into<Uuid>>,
    ) -> String {
        match member {
            Some(member) => key_in(&self.members, Some(member)),
            None => key_in(&self.organisations, organisation),
        }
    }

    async fn finish(self, own: &OwnFiles, to: &Path) -> Result<Vec<Exported>> {
        self.tx.rollback().await?;
        let unwritable = |cause: io::Error| unusable(to, "write", &cause);
        own.refuse_files(self.folder.path(), to)?;
        output::finish_files(self.folder.path()).map_err(unwritable)?;
        output::move_files(self.folder.path(), to).map_err(unwritable)?;
        Ok(self.done)
    }
}

/// The key among these of what an id stands for; empty when there is none.
pub(super) fn key_in(keys: &HashMap<Uuid, String>, id: Option<impl Into<Uuid>>) -> String {
    id.and_then(|id| keys.get(&id.into()).cloned()).unwrap_or_default()
}

/// A cell that may be empty.
pub(super) fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// An instant as it is written: to the second, or to what was kept of it.
pub(super) fn instant(instant: chrono::DateTime<chrono::Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

async fn every_key<M: Keyed>(tx: &DatabaseTransaction) -> Result<HashMap<Uuid, String>> {
    let columns = [M::ID, M::IMPORT_KEY];
    let select = Query::select().columns(columns).from(M::Entity::default()).take();
    Ok(rows::<M>(tx, &select, &columns).await?.iter().map(|row| (row.id(), row.key())).collect())
}
