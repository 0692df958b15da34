//! The state of an import, and the tools that the readers of all files share.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::report::{BadRow, FileReport, ImportError, MAX_BAD_ROWS, Report};
use crate::{
    audit::{Change, Recorded},
    books::Closing,
    config::Network,
    database::Transaction,
    error::Error,
    interchange::{
        File, Progress, Watcher,
        bulk_insert::Batch,
        reader::{Next, Table},
        row::{Cells, Line},
        staging,
    },
    invoices::stored_totals::{self, Months},
};

/// Number of rows that are looked up, compared and written together.
pub(in crate::interchange) const CHUNK: usize = 500;

/// Effect of a row on the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::interchange) enum RowEffect {
    Added,
    Changed,
    Unchanged,
}

/// A running import.
pub(in crate::interchange) struct Import<'a> {
    pub change: Change,
    pub network: &'a Network,
    /// The closed days of the books; new rows must not be dated on them.
    pub closing: Closing,
    pub folder: &'a Path,
    /// In a mutex only so that the import is `Sync`.
    watcher: Mutex<Watcher<'a>>,
    bad: Vec<BadRow>,
    more: u64,
    bad_keys: BTreeSet<(File, String)>,
    files: BTreeMap<File, FileReport>,
    /// The first and the last day on which revenue changed.
    months: Option<(chrono::NaiveDate, chrono::NaiveDate)>,
    /// Number of new invoices, and the one at which the statistics of their tables are updated.
    invoices: (usize, usize),
}

impl<'a> Import<'a> {
    pub fn new(
        change: Change,
        network: &'a Network,
        closing: Closing,
        folder: &'a Path,
        watcher: Watcher<'a>,
    ) -> Self {
        Self {
            change,
            network,
            closing,
            folder,
            watcher: Mutex::new(watcher),
            bad: Vec::new(),
            more: 0,
            bad_keys: BTreeSet::new(),
            files: BTreeMap::new(),
            months: None,
            invoices: (0, 1),
        }
    }
}

impl Import<'_> {
    pub fn tx(&self) -> &Transaction {
        self.change.tx()
    }

    /// Opens a file. Returns `None` if it is absent or its header is bad.
    pub fn open(&mut self, file: File) -> Result<Option<Table>, Error> {
        let mut bad = Vec::new();
        let table = Table::open(self.folder, file, &mut bad)?;
        bad.into_iter().for_each(|row| self.reject(row));
        if let Some(table) = &table {
            let report = FileReport {
                file,
                rows: 0,
                added: 0,
                changed: 0,
                unchanged: 0,
                separator: table.separator,
            };
            self.files.entry(file).or_insert(report);
        }
        Ok(table)
    }

    /// Returns the next rows of a file, parsed by `read`; rows for which it returns `None` are left
    /// out. Returns `None` at the end of the file.
    pub fn chunk<D>(
        &mut self,
        table: &mut Table,
        read: impl FnMut(&mut Cells<'_>) -> Option<D>,
    ) -> Result<Option<Vec<Line<D>>>, Error> {
        self.chunk_of(CHUNK, table, read)
    }

    /// Like [`Import::chunk`], with at most `max` rows.
    pub fn chunk_of<D>(
        &mut self,
        max: usize,
        table: &mut Table,
        mut read: impl FnMut(&mut Cells<'_>) -> Option<D>,
    ) -> Result<Option<Vec<Line<D>>>, Error> {
        let is_quiet = table.is_quiet;
        let mut lines = Vec::with_capacity(max);
        while lines.len() < max {
            match table.next()? {
                Next::Row(mut cells) => {
                    if let Some(draft) = read(&mut cells) {
                        lines.push(Line {
                            number: cells.line,
                            draft,
                            errors: cells.errors,
                            depends_on_bad: false,
                        });
                    }
                }
                Next::Bad(row) if !is_quiet => self.reject(row),
                Next::Bad(_) => {}
                Next::End => break,
            }
        }
        if let Some(report) = self.files.get_mut(&table.file) {
            report.rows = report.rows.max(table.rows);
        }
        let watcher = self.watcher.get_mut().unwrap_or_else(PoisonError::into_inner);
        watcher(Progress {
            file: table.file,
            rows: table.rows,
            done: table.position(),
            of: table.size,
        });
        Ok((!lines.is_empty()).then_some(lines))
    }

    /// Reports a bad row.
    pub fn reject(&mut self, row: BadRow) {
        if self.bad.len() < MAX_BAD_ROWS { self.bad.push(row) } else { self.more += 1 }
    }

    /// Marks the row with this key as bad, so that rows that refer to it aren't reported as well.
    pub fn mark_bad(&mut self, file: File, key: &str) {
        if !key.is_empty() {
            self.bad_keys.insert((file, key.to_owned()));
        }
    }

    /// Returns the parsed row if it is good; otherwise reports its errors and marks its key as bad.
    pub fn accept<D>(
        &mut self,
        file: File,
        key: impl FnOnce(&D) -> String,
        line: Line<D>,
    ) -> Option<D> {
        if line.is_good() {
            return Some(line.draft);
        }
        let key = key(&line.draft);
        self.mark_bad(file, &key);
        for error in line.errors.into_inner() {
            self.reject(BadRow::new(file, line.number, &error.path, error.message));
        }
        None
    }

    /// `true` if no bad row was found so far.
    pub fn is_good(&self) -> bool {
        self.bad.is_empty()
    }

    /// Adds an error to every row whose name an earlier row of the file has.
    pub async fn check_names<D>(
        &mut self,
        file: File,
        lines: &mut [Line<D>],
        column: &str,
        name_of: impl Fn(&D) -> String,
    ) -> Result<(), Error> {
        let names: BTreeSet<String> = lines.iter().map(|line| name_of(&line.draft)).collect();
        let mut seen: HashMap<String, u64> = staging::seen(self.tx(), file, &names)
            .await?
            .into_iter()
            .map(|(name, (line, _))| (name, line))
            .collect();
        let mut new = Vec::new();
        for line in lines {
            let name = name_of(&line.draft);
            if name.is_empty() {
                continue;
            }
            if let Some(first) = seen.get(&name) {
                let reason = if column.is_empty() { "is about the same as" } else { "is that of" };
                line.error(column, format!("{reason} line {first}"));
            } else {
                seen.insert(name.clone(), line.number);
                new.push((name, line.number));
            }
        }
        staging::record_seen(self.tx(), file, new).await
    }

    /// Counts a row by its effect.
    pub fn count(&mut self, file: File, effect: RowEffect) {
        if let Some(report) = self.files.get_mut(&file) {
            match effect {
                RowEffect::Added => report.added += 1,
                RowEffect::Changed => report.changed += 1,
                RowEffect::Unchanged => report.unchanged += 1,
            }
        }
    }

    /// Records a row in the audit trail and adds it to the batch. A row that changes nothing is
    /// only counted.
    pub fn put<M: PartialEq + Clone + Recorded>(
        &mut self,
        file: File,
        before: Option<&M>,
        after: M,
        batch: &mut Batch<M>,
    ) -> Result<(), Error> {
        self.put_as(file, before, after, M::clone, batch)
    }

    /// Like [`Import::put`], for a row that is recorded as part of a larger object.
    pub fn put_as<M: PartialEq, R: Recorded>(
        &mut self,
        file: File,
        before: Option<&M>,
        after: M,
        recorded: impl Fn(&M) -> R,
        batch: &mut Batch<M>,
    ) -> Result<(), Error> {
        let effect = match before {
            None => RowEffect::Added,
            Some(before) if *before == after => RowEffect::Unchanged,
            Some(_) => RowEffect::Changed,
        };
        if effect != RowEffect::Unchanged {
            self.change.record(before.map(&recorded).as_ref(), Some(&recorded(&after)))?;
        }
        self.count(file, effect);
        match effect {
            RowEffect::Added => batch.added.push(after),
            RowEffect::Changed => batch.changed.push(after),
            RowEffect::Unchanged => {}
        }
        Ok(())
    }

    /// Notes that revenue changed on this day.
    pub fn earned_on(&mut self, day: chrono::NaiveDate) {
        self.months =
            Some(self.months.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
    }

    /// Counts new invoices. Returns `true` whenever their number has doubled.
    pub fn has_grown(&mut self, added: usize) -> bool {
        let (invoices, next) = &mut self.invoices;
        *invoices += added;
        let has_grown = *invoices >= *next;
        if has_grown {
            *next = 2 * *invoices;
        }
        has_grown
    }

    /// Writes pending audit entries and bad keys, so that memory stays small.
    pub async fn settle(&mut self) -> Result<(), Error> {
        self.change.flush().await?;
        let bad_keys = std::mem::take(&mut self.bad_keys);
        staging::record_bad(self.change.tx(), bad_keys).await
    }

    /// Commits the import. Rolls it back for a dry run, and if there are bad rows.
    pub async fn finish(
        mut self,
        ignored: Vec<String>,
        dry_run: bool,
    ) -> Result<Report, ImportError> {
        staging::allow_scans(self.tx()).await?;
        // Before the sums, since SQLite may take as much memory for sorting as for its cache.
        staging::clear(self.tx()).await?;
        if self.is_good()
            && let Some((first, last)) = self.months
        {
            stored_totals::rebuild(&self.change, Months::Between(first, last)).await?;
        }
        if !self.is_good() {
            self.change.undo().await?;
            self.bad.sort_by_key(|row| (row.file, row.line));
            return Err(ImportError::Bad { rows: self.bad, more: self.more });
        }
        if dry_run {
            self.change.undo().await?
        } else {
            self.change.commit().await?
        }
        Ok(Report { files: self.files.into_values().collect(), ignored, dry_run })
    }
}
