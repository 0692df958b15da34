//! The import: every file of a folder into the register, all or nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::{
    File, Progress, Watcher, accounts, activities, agreements, bank_payments, books_closing,
    bulk_insert::Batch,
    fee_schedules, invoices,
    key_resolution::{self, Keyed},
    members, organisations,
    reader::{Next, Table},
    reference_rates, requisitions,
    row::{Cells, Line},
    staging, tax_decisions, templates, unusable, vouchers,
};
use crate::{
    audit::{self, Change, Recorded},
    auth::viewer::{Permission, Viewer},
    books::Closing,
    config::Network,
    database::{Database, Transaction},
    error::Error,
    invoices::monthly_totals::{self, Months},
};

/// Rows that are looked up, compared and written together.
pub(super) const CHUNK: usize = 500;

/// How many bad rows are told; the others are only counted.
pub const MAX_BAD_ROWS: usize = 10_000;

/// A row that can't be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The file.
    pub file: File,
    /// The line that the row begins on, as an editor counts; the header's is 1.
    pub line: u64,
    /// The column; empty when it is about the row as a whole.
    pub column: String,
    /// What is wrong, after the column's name.
    pub reason: String,
}

impl BadRow {
    pub(super) fn new(file: File, line: u64, column: &str, reason: impl Into<String>) -> Self {
        Self { file, line, column: column.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file.name(), self.line)?;
        if !self.column.is_empty() {
            write!(f, "{}: ", self.column)?;
        }
        f.write_str(&self.reason)
    }
}

/// Why nothing was imported.
#[derive(Debug)]
pub enum ImportError {
    /// Rows are bad: these, by file and line, and so many more.
    Bad {
        /// The first [`MAX_BAD_ROWS`] that were found.
        rows: Vec<BadRow>,
        /// How many were found besides.
        more: u64,
    },
    /// Anything else.
    Error(Error),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad { rows, more } => {
                for row in rows {
                    writeln!(f, "{row}")?;
                }
                if *more > 0 {
                    writeln!(f, "and {more} more")?;
                }
                write!(f, "nothing was imported: {} faults", rows.len() as u64 + more)
            }
            Self::Error(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ImportError {}

impl<E: Into<Error>> From<E> for ImportError {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The files that were there, in the order that they were read.
    pub files: Vec<FileReport>,
    /// Other files of the folder with names in `.csv`; nothing was read from them.
    pub ignored: Vec<String>,
    /// Whether it only said what it would do.
    pub dry_run: bool,
}

/// What became of one file's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub file: File,
    /// Rows, without the header.
    pub rows: u64,
    /// Rows that were new.
    pub added: u64,
    /// Rows that differed from what was there.
    pub changed: u64,
    /// Rows that said what was there.
    pub unchanged: u64,
    /// What its cells are apart by: a comma or a semicolon.
    pub separator: char,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Added,
    Changed,
    Unchanged,
}

/// Reads every file of the exchange in the folder `from` into the register, in one transaction. A
/// dry run does the same and then undoes it. `network` says on which accounts lines are that name
/// none. The same files again change nothing and leave no audit entry.
///
/// # Errors
/// [`ImportError::Bad`] with every bad row of every file; FORBIDDEN unless the viewer keeps the
/// register and the accounts, CONFLICT `FILE` when a file can't be read or none is there, INTERNAL.
/// Nothing has changed then.
pub async fn import(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    from: &Path,
    dry_run: bool,
    watcher: Watcher<'_>,
) -> Result<Report, ImportError> {
    viewer.require(Permission::ManageRegister)?;
    viewer.require(Permission::ManageAccounts)?;
    let ignored = other_files(from)?;
    let change = audit::begin(db, viewer, "import").await?;
    staging::prepare(change.tx()).await?;
    let closing = Closing::load(change.tx()).await?;
    let mut import = Import {
        change,
        network,
        closing,
        folder: from,
        watcher: Mutex::new(watcher),
        bad: Vec::new(),
        more: 0,
        bad_keys: BTreeSet::new(),
        files: BTreeMap::new(),
        months: None,
    };
    vouchers::prepare(&import).await?;
    members::import(&mut import).await?;
    organisations::import(&mut import).await?;
    members::import_allocations(&mut import).await?;
    organisations::import_contacts(&mut import).await?;
    activities::import(&mut import).await?;
    fee_schedules::import(&mut import).await?;
    tax_decisions::import(&mut import).await?;
    templates::import(&mut import).await?;
    agreements::import(&mut import).await?;
    reference_rates::import(&mut import).await?;
    bank_payments::import(&mut import).await?;
    invoices::import(&mut import).await?;
    accounts::import_costs(&mut import).await?;
    accounts::import_grants(&mut import).await?;
    requisitions::import(&mut import).await?;
    activities::import_status_reports(&mut import).await?;
    vouchers::import(&mut import).await?;
    books_closing::import(&mut import).await?;
    let report = import.finish(ignored, dry_run).await?;
    if report.files.iter().any(|file| file.added + file.changed > 0) && !dry_run {
        // What was imported is there all the same.
        if let Err(error) = db.analyze().await {
            tracing::warn!(%error, "the database's statistics could not be brought up to date after the import");
        }
        if let Err(error) = db.forget().await {
            tracing::warn!(%error, "the database's log could not be emptied after the import");
        }
    }
    Ok(report)
}

/// Names of files in `.csv` that are none of the exchange's.
fn other_files(folder: &Path) -> Result<Vec<String>, Error> {
    let unreadable = |cause: io::Error| unusable(folder, "read", &cause);
    let mut others = Vec::new();
    let mut is_empty = true;
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if File::ALL.iter().any(|file| file.name() == name) {
            is_empty = false;
        } else if name.to_lowercase().ends_with(".csv") {
            others.push(name);
        }
    }
    if is_empty {
        let names: Vec<_> = File::ALL.iter().map(|file| file.name()).collect();
        return Err(unusable(folder, "import", &format!("it has none of {}", names.join(", "))));
    }
    others.sort();
    Ok(others)
}

/// An import in the making.
pub(super) struct Import<'a> {
    pub change: Change,
    pub network: &'a Network,
    /// Days of which nothing new is read.
    pub closing: Closing,
    pub folder: &'a Path,
    /// In a mutex only so that the import may be lent across threads.
    watcher: Mutex<Watcher<'a>>,
    bad: Vec<BadRow>,
    more: u64,
    bad_keys: BTreeSet<(File, String)>,
    files: BTreeMap<File, FileReport>,
    /// The first and the last day that revenue changed on.
    months: Option<(chrono::NaiveDate, chrono::NaiveDate)>,
}

impl Import<'_> {
    pub fn tx(&self) -> &Transaction {
        self.change.tx()
    }

    /// Opens a file; none when it is absent, or its header is bad.
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

    /// The next rows of a file, as `read` reads them; those that it answers null for are left out.
    /// None: that was all.
    pub fn chunk<D>(
        &mut self,
        table: &mut Table,
        read: impl FnMut(&mut Cells<'_>) -> Option<D>,
    ) -> Result<Option<Vec<Line<D>>>, Error> {
        self.chunk_of(CHUNK, table, read)
    }

    /// The same, `most` rows.
    pub fn chunk_of<D>(
        &mut self,
        most: usize,
        table: &mut Table,
        mut read: impl FnMut(&mut Cells<'_>) -> Option<D>,
    ) -> Result<Option<Vec<Line<D>>>, Error> {
        let is_quiet = table.is_quiet;
        let mut lines = Vec::with_capacity(most);
        while lines.len() < most {
            match table.next()? {
                Next::Row(mut cells) => {
                    if let Some(draft) = read(&mut cells) {
                        lines.push(Line {
                            number: cells.line,
                            draft,
                            errors: cells.errors,
                            follows: false,
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

    /// Notes a bad row.
    pub fn reject(&mut self, row: BadRow) {
        if self.bad.len() < MAX_BAD_ROWS { self.bad.push(row) } else { self.more += 1 }
    }

    /// Notes that the row of this key is bad, so that what refers to it isn't told as bad too.
    pub fn shun(&mut self, file: File, key: &str) {
        if !key.is_empty() {
            self.bad_keys.insert((file, key.to_owned()));
        }
    }

    /// What a row says, when it is good; otherwise it is told, and shunned under its key.
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
        self.shun(file, &key);
        for error in line.errors.into_inner() {
            self.reject(BadRow::new(file, line.number, &error.path, error.message));
        }
        None
    }

    /// Whether nothing bad was found so far.
    pub fn is_good(&self) -> bool {
        self.bad.is_empty()
    }

    /// Faults every row whose key another row of the file had before it.
    pub async fn check_keys<M: Keyed, D>(
        &mut self,
        file: File,
        lines: &mut [Line<D>],
        key: impl Fn(&D) -> &str,
    ) -> Result<(), Error> {
        // A row that is known by its id may have a key as well.
        let by_id =
            key_resolution::present(lines.iter().map(|line| {
                Some(key(&line.draft)).filter(|key| key_resolution::as_id(key).is_some())
            }));
        let by_id =
            key_resolution::existing::<M>(self.tx(), &by_id, &[M::ID, M::IMPORT_KEY]).await?;
        let name_of =
            |draft: &D| by_id.get(key(draft)).map_or_else(|| key(draft).to_owned(), Keyed::key);
        self.check_names(file, lines, "key", name_of).await
    }

    /// Faults every row with a name that another row of the file had before it.
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
        staging::note_seen(self.tx(), file, new).await
    }

    /// Counts what became of a row.
    pub fn count(&mut self, file: File, fate: Fate) {
        if let Some(report) = self.files.get_mut(&file) {
            match fate {
                Fate::Added => report.added += 1,
                Fate::Changed => report.changed += 1,
                Fate::Unchanged => report.unchanged += 1,
            }
        }
    }

    /// Records a row that is a thing of its own or a part of `subject`, and puts it where it
    /// belongs: nowhere when nothing changes.
    pub fn put<M: PartialEq + Clone + Recorded>(
        &mut self,
        file: File,
        before: Option<&M>,
        after: M,
        batch: &mut Batch<M>,
    ) -> Result<(), Error> {
        self.put_as(file, before, after, M::clone, batch)
    }

    /// The same, for a row that is recorded as something larger.
    pub fn put_as<M: PartialEq, R: Recorded>(
        &mut self,
        file: File,
        before: Option<&M>,
        after: M,
        recorded: impl Fn(&M) -> R,
        batch: &mut Batch<M>,
    ) -> Result<(), Error> {
        let fate = match before {
            None => Fate::Added,
            Some(before) if *before == after => Fate::Unchanged,
            Some(_) => Fate::Changed,
        };
        if fate != Fate::Unchanged {
            self.change.record(before.map(&recorded).as_ref(), Some(&recorded(&after)))?;
        }
        self.count(file, fate);
        match fate {
            Fate::Added => batch.added.push(after),
            Fate::Changed => batch.changed.push(after),
            Fate::Unchanged => {}
        }
        Ok(())
    }

    /// Notes that revenue changed on this day.
    pub fn earned_on(&mut self, day: chrono::NaiveDate) {
        self.months =
            Some(self.months.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
    }

    /// Writes what waits to be written, so that memory stays small.
    pub async fn settle(&mut self) -> Result<(), Error> {
        self.change.flush().await?;
        let bad_keys = std::mem::take(&mut self.bad_keys);
        staging::note_bad(self.change.tx(), bad_keys).await
    }

    async fn finish(mut self, ignored: Vec<String>, dry_run: bool) -> Result<Report, ImportError> {
        staging::allow_scans(self.tx()).await?;
        // Before the sums, since SQLite may take as much memory for sorting as for its cache.
        staging::clear(self.tx()).await?;
        if self.is_good()
            && let Some((first, last)) = self.months
        {
            monthly_totals::rebuild(&self.change, Months::Between(first, last)).await?;
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
