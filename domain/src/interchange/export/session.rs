//! The state of an export, and the tools that the writers of all files share.

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

use crate::{
    database::{among, rows},
    error::Result,
    interchange::{
        File, Progress, Watcher,
        keyed_rows::{Identified, Keyed},
        unusable,
    },
    output::{self, OwnFiles},
};

/// Number of rows that are scanned together to put a table in order.
const SCAN_SIZE: u64 = 2000;

/// Number of rows that are read and written together.
pub(in crate::interchange) const PAGE_SIZE: usize = 500;

/// A file that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub file: File,
    /// Number of its rows, without the header.
    pub rows: u64,
}

/// A running export.
pub(in crate::interchange) struct Export<'a> {
    pub tx: DatabaseTransaction,
    /// The keys of all members, organisations and activities: they are few, and every file refers
    /// to them.
    pub members: HashMap<Uuid, String>,
    pub organisations: HashMap<Uuid, String>,
    pub activities: HashMap<Uuid, String>,
    folder: TempDir,
    /// In a mutex only so that the export is `Sync`.
    watcher: Mutex<Watcher<'a>>,
    done: Vec<Exported>,
}

/// A file that is being written.
pub(in crate::interchange) struct Sheet {
    file: File,
    path: PathBuf,
    writer: csv::Writer<BufWriter<fs::File>>,
    rows: u64,
    of: u64,
}

impl Sheet {
    /// Writes a row: the required columns, then the optional ones.
    pub fn write<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) -> Result<()> {
        self.rows += 1;
        self.writer.write_record(cells).map_err(|cause| unusable(&self.path, "write", &cause))
    }
}

impl<'a> Export<'a> {
    /// Starts an export into the temporary `folder`.
    pub async fn new(
        tx: DatabaseTransaction,
        folder: TempDir,
        watcher: Watcher<'a>,
    ) -> Result<Self> {
        Ok(Self {
            members: every_key::<member::Model>(&tx).await?,
            organisations: every_key::<organisation::Model>(&tx).await?,
            activities: every_key::<activity::Model>(&tx).await?,
            tx,
            folder,
            watcher: Mutex::new(watcher),
            done: Vec::new(),
        })
    }
}

impl Export<'_> {
    /// Begins a file of about `of` rows.
    pub fn begin(&self, file: File, of: usize) -> Result<Sheet> {
        let path = self.folder.path().join(file.name());
        let output = fs::File::create(&path).map_err(|cause| unusable(&path, "write", &cause))?;
        let mut writer = csv::Writer::from_writer(BufWriter::new(output));
        let header = file.columns().iter().chain(file.extra_columns());
        writer.write_record(header).map_err(|cause| unusable(&path, "write", &cause))?;
        Ok(Sheet { file, path, writer, rows: 0, of: of as u64 })
    }

    /// Reports the progress of a file to the watcher.
    pub fn report(&mut self, sheet: &Sheet) {
        let of = std::cmp::max(sheet.of, sheet.rows);
        let watcher = self.watcher.get_mut().unwrap_or_else(PoisonError::into_inner);
        watcher(Progress { file: sheet.file, rows: sheet.rows, done: sheet.rows, of });
    }

    /// Ends a file.
    pub fn end(&mut self, mut sheet: Sheet) -> Result<()> {
        sheet.writer.flush().map_err(|cause| unusable(&sheet.path, "write", &cause))?;
        self.report(&sheet);
        self.done.push(Exported { file: sheet.file, rows: sheet.rows });
        Ok(())
    }

    /// Writes a file that a cell refers to.
    pub fn write_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.path().join(name);
        let written =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
        written.map_err(|cause| unusable(&path, "write", &cause))
    }

    /// Returns the ids of a table's rows in the byte order of their names. Nothing else of a table
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
                .limit(SCAN_SIZE)
                .take();
            let page: Vec<M> = rows(&self.tx, &page, columns).await?;
            let Some(last) = page.last() else { break };
            after = last.id();
            order.extend(page.iter().map(|row| (name(row), row.id())));
        }
        order.sort_unstable();
        Ok(order.into_iter().map(|(_, id)| id).collect())
    }

    /// Returns the ids of a table's rows in the byte order of their keys.
    pub async fn in_order_of_keys<M: Keyed>(&self) -> Result<Vec<Uuid>> {
        self.in_order::<M>(&[M::ID, M::IMPORT_KEY], Keyed::key).await
    }

    /// Returns the rows with these ids, in this order.
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

    /// Returns the key of an activity; empty for none.
    pub fn activity(&self, id: Option<impl Into<Uuid>>) -> String {
        key_in(&self.activities, id)
    }

    /// Returns the key of a counterparty.
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

    /// Moves the complete files into the folder `to`.
    pub async fn finish(self, own: &OwnFiles, to: &Path) -> Result<Vec<Exported>> {
        self.tx.rollback().await?;
        let unwritable = |cause: io::Error| unusable(to, "write", &cause);
        own.refuse_files(self.folder.path(), to)?;
        output::finish_files(self.folder.path()).map_err(unwritable)?;
        output::move_files(self.folder.path(), to).map_err(unwritable)?;
        Ok(self.done)
    }
}

/// Returns the key of the row with this id; empty for none.
pub(in crate::interchange) fn key_in(
    keys: &HashMap<Uuid, String>,
    id: Option<impl Into<Uuid>>,
) -> String {
    id.and_then(|id| keys.get(&id.into()).cloned()).unwrap_or_default()
}

/// Formats a cell that may be empty.
pub(in crate::interchange) fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Formats an instant to the second, or to the fraction that is stored.
pub(in crate::interchange) fn instant(instant: chrono::DateTime<chrono::Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

async fn every_key<M: Keyed>(tx: &DatabaseTransaction) -> Result<HashMap<Uuid, String>> {
    let columns = [M::ID, M::IMPORT_KEY];
    let select = Query::select().columns(columns).from(M::Entity::default()).take();
    Ok(rows::<M>(tx, &select, &columns).await?.iter().map(|row| (row.id(), row.key())).collect())
}
