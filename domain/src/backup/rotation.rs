//! Rotation of the backups in a folder: which of them stay, and the removal of the others.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{
    manifest::{Manifest, SUFFIX},
    refusal::failed,
};
use crate::{clock::day_of, error::Result, files::sync_folder};

/// Numbers of days, weeks, months and years for each of which the last backup stays, written as
/// `7d,4w,12m`. Only those count in which there is a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Number of days.
    pub days: usize,
    /// Number of weeks (ISO 8601).
    pub weeks: usize,
    /// Number of months.
    pub months: usize,
    /// Number of years.
    pub years: usize,
}

impl FromStr for Keep {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "must be numbers of days, weeks, months and years, as 7d,4w,12m,10y, each at most once";
        let mut keep = Self::default();
        for part in text.split(',').map(str::trim) {
            let unit = part.chars().next_back().ok_or(WRONG)?;
            let number = part.strip_suffix(unit).and_then(|number| number.parse().ok());
            let number: u16 = number.filter(|number| *number > 0).ok_or(WRONG)?;
            let count = match unit {
                'd' => &mut keep.days,
                'w' => &mut keep.weeks,
                'm' => &mut keep.months,
                'y' => &mut keep.years,
                _ => return Err(WRONG),
            };
            if std::mem::replace(count, number.into()) > 0 {
                return Err(WRONG);
            }
        }
        Ok(keep)
    }
}

/// Names the period of a day.
type PeriodOf = fn(NaiveDate) -> (i32, u32);

/// Returns the times of backups that do not stay. Of each of the last days, weeks, months and years
/// (in Sweden) that have a backup, the last one stays, and so does the newest of all.
#[must_use]
pub fn expired(times: &[DateTime<Utc>], keep: Keep) -> BTreeSet<DateTime<Utc>> {
    let newest_first: BTreeSet<_> = times.iter().copied().collect();
    let mut staying: BTreeSet<_> = newest_first.last().copied().into_iter().collect();
    let periods: [(usize, PeriodOf); 4] = [
        (keep.days, |day| (day.year(), day.ordinal())),
        (keep.weeks, |day| (day.iso_week().year(), day.iso_week().week())),
        (keep.months, |day| (day.year(), day.month())),
        (keep.years, |day| (day.year(), 0)),
    ];
    for (count, period) in periods {
        let mut seen = BTreeSet::new();
        for time in newest_first.iter().rev() {
            let is_last = seen.insert(period(day_of(*time)));
            if seen.len() > count {
                break;
            }
            if is_last {
                staying.insert(*time);
            }
        }
    }
    newest_first.difference(&staying).copied().collect()
}

/// Removes the backups in the folder that do not stay, and returns their paths. Only verified ones
/// with a manifest of the same register, whose size is that of the manifest, count as backups. The
/// newest, which was just written, stays even if the clock was set back.
///
/// # Errors
/// INTERNAL if the folder can't be read, or a file can't be removed; those before it are removed.
pub(super) fn rotate(folder: &Path, keep: Keep, newest: &Manifest) -> Result<Vec<PathBuf>> {
    let unwritable = |cause: io::Error| {
        failed(format!("cannot remove old backups in {}: {cause}", folder.display()))
    };
    let found = backups(folder, newest).map_err(unwritable)?;
    let times: Vec<_> = found.iter().filter(|one| one.is_there).map(|one| one.at).collect();
    let expired_times = expired(&times, keep);
    let own = folder.join(&newest.file);
    let mut removed = Vec::new();
    for Backup { file, at, is_there } in found {
        let is_expired = if is_there {
            expired_times.contains(&at)
        } else {
            // The rest of a backup takes the place of none.
            expired(&[&times[..], &[at]].concat(), keep).contains(&at)
        };
        if !is_expired || file == own {
            continue;
        }
        remove(&file).map_err(unwritable)?;
        // Last, so that an interrupted removal is finished by the next one.
        remove(&Manifest::path_of(&file)).map_err(unwritable)?;
        removed.push(file);
    }
    sync_folder(folder).map_err(unwritable)?;
    Ok(removed)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// A backup in the folder.
struct Backup {
    file: PathBuf,
    /// Time at which it was begun.
    at: DateTime<Utc>,
    /// `false` if there is only its manifest: its writing or removal was interrupted, or the file
    /// was moved.
    is_there: bool,
}

/// Returns the verified backups of the register in the folder.
fn backups(folder: &Path, newest: &Manifest) -> io::Result<Vec<Backup>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)) else { continue };
        let backup = folder.join(name);
        let Ok(Some(manifest)) = Manifest::read(&backup) else { continue };
        let is_own = manifest.file == name
            && manifest.verified
            && manifest.register == newest.register
            && manifest.database == newest.database;
        // A link leads to a file of another name, which may be needed there.
        let is_there = match fs::symlink_metadata(&backup) {
            Ok(file) if file.is_file() && file.len() == manifest.bytes => true,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => false,
            _ => continue,
        };
        if is_own && entry.file_type()?.is_file() {
            found.push(Backup { file: backup, at: manifest.at, is_there });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::{super::manifest::tests::manifest, *};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn keep(text: &str) -> Keep {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn what_stays_is_written_in_days_weeks_months_and_years() {
        let all = Keep { days: 7, weeks: 4, months: 12, years: 10 };
        assert_eq!(keep("7d,4w,12m,10y"), all);
        assert_eq!(keep("12m, 7d"), Keep { days: 7, months: 12, ..Keep::default() });
        for wrong in ["", "7", "d", "0d", "-1d", "7d,7d", "7h", "7d,", "99999d", "7 d"] {
            assert!(wrong.parse::<Keep>().is_err(), "{wrong:?}");
        }
    }

    /// What stays of a backup each night for three years.
    fn staying(keep: Keep, hours: i64) -> Vec<String> {
        let first = at("2024-01-01T01:00:00Z");
        let times: Vec<_> = (0..3 * 365 * 24 / hours)
            .map(|number| first + TimeDelta::hours(number * hours))
            .collect();
        let expired = expired(&times, keep);
        let left = times.iter().filter(|time| !expired.contains(time));
        left.map(|time| time.format("%Y-%m-%dT%H").to_string()).collect()
    }

    #[test]
    fn the_last_backup_of_each_period_stays() {
        // The last night is that of 2026-12-30, a Wednesday.
        assert_eq!(staying(keep("3d"), 24), ["2026-12-28T01", "2026-12-29T01", "2026-12-30T01"]);
        assert_eq!(staying(keep("1d,3w"), 24), ["2026-12-20T01", "2026-12-27T01", "2026-12-30T01"]);
        assert_eq!(staying(keep("2m"), 24), ["2026-11-30T01", "2026-12-30T01"]);
        assert_eq!(staying(keep("5y"), 24), ["2024-12-31T01", "2025-12-31T01", "2026-12-30T01"]);
        // The last of a day in Sweden, where the day ends an hour before that of UTC.
        assert_eq!(staying(keep("2d"), 1), ["2026-12-30T22", "2026-12-31T00"]);
        assert_eq!(staying(keep("7d,4w,12m"), 24).len(), 7 + 2 + 11);
    }

    #[test]
    fn the_newest_always_stays_and_gaps_cost_nothing() {
        let newest = at("2026-12-01T01:00:00Z");
        assert!(expired(&[], keep("1d")).is_empty());
        assert!(expired(&[newest], Keep::default()).is_empty());
        // Nights without a backup, as when the machine was off for a year.
        let times = [at("2025-06-01T01:00:00Z"), at("2025-06-02T01:00:00Z"), newest];
        assert_eq!(expired(&times, keep("2d")), [times[0]].into());
        assert_eq!(expired(&times, keep("3d")), BTreeSet::new());
        // Whatever their order, and twice the same.
        assert_eq!(expired(&[newest, times[1], times[0], newest], keep("2d")), [times[0]].into());
    }

    #[test]
    fn more_that_stays_never_removes_more() {
        let times: Vec<_> = (0..2000_i64)
            .map(|number| at("2020-02-28T22:00:00Z") + TimeDelta::hours(number * number % 50_021))
            .collect();
        let mut before = expired(&times, Keep::default());
        for more in ["1d", "2d,1w", "7d,4w", "7d,4w,12m", "7d,4w,12m,3y", "400d,4w,12m,3y"] {
            let now = expired(&times, keep(more));
            assert!(now.is_subset(&before), "{more}");
            before = now;
        }
    }

    #[test]
    fn only_own_backups_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str, change: &dyn Fn(&mut Manifest)| {
            let mut own = manifest(name, "2026-01-01T01:00:00Z");
            change(&mut own);
            fs::write(path(name), text).unwrap();
            fs::write(Manifest::path_of(&path(name)), own.to_json().unwrap()).unwrap();
        };
        write("old.db", "abc", &|_| {});
        write("longer.db", "abcd", &|_| {});
        write("other.db", "abc", &|own| own.register = "00".repeat(32));
        write("renamed.db", "abc", &|own| own.file = "old.db".to_owned());
        write("postgres.db", "abc", &|own| {
            own.database = super::super::manifest::DatabaseKind::Postgresql
        });
        write("half-removed.db", "abc", &|_| {});
        fs::remove_file(path("half-removed.db")).unwrap();
        write("unverified.db", "abc", &|own| own.verified = false);
        fs::write(path("without-manifest.db"), "abc").unwrap();
        fs::write(path("broken.db"), "abc").unwrap();
        fs::write(path("broken.db.manifest.json"), "{}").unwrap();
        #[cfg(unix)]
        {
            write("link.db", "abc", &|_| {});
            fs::remove_file(path("link.db")).unwrap();
            std::os::unix::fs::symlink(path("without-manifest.db"), path("link.db")).unwrap();
        }
        write("new.db", "abc", &|own| own.at = at("2026-12-01T01:00:00Z"));
        let newest = manifest("new.db", "2026-12-01T01:00:00Z");
        let before = fs::read_dir(folder.path()).unwrap().count();
        let mut removed = rotate(folder.path(), keep("1d"), &newest).unwrap();
        removed.sort();
        assert_eq!(removed, [path("half-removed.db"), path("old.db")]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before - 3);
        assert!(rotate(folder.path(), keep("1d"), &newest).unwrap().is_empty());
    }

    /// The names of the backups that a rotation after `newest` removes. The text of each is its
    /// time; without a text there is only the manifest.
    fn removed_after(newest: &str, backups: &[(&str, &str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, time, text) in backups {
            let file = folder.path().join(name);
            if !text.is_empty() {
                fs::write(&file, text).unwrap();
            }
            fs::write(Manifest::path_of(&file), manifest(name, time).to_json().unwrap()).unwrap();
        }
        let (name, time, _) = backups.iter().find(|(name, ..)| *name == newest).unwrap();
        let removed = rotate(folder.path(), keep("2d"), &manifest(name, time)).unwrap();
        removed
            .iter()
            .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_backup_that_was_just_written_stays() {
        let older = ("older.db", "2026-12-01T01:00:00Z", "abc");
        // The clock was set back: two backups are of later days than the new one.
        let later = ("later.db", "2026-12-08T01:00:00Z", "abc");
        let latest = ("latest.db", "2026-12-09T01:00:00Z", "abc");
        let new = ("new.db", "2026-12-02T01:00:00Z", "abc");
        assert_eq!(removed_after("new.db", &[older, later, latest, new]), ["older.db"]);
    }

    #[test]
    fn a_manifest_without_its_file_counts_as_no_backup() {
        let backups = [
            ("first.db", "2026-12-01T01:00:00Z", "abc"),
            ("second.db", "2026-12-02T01:00:00Z", "abc"),
            // It was interrupted between its manifest and its file.
            ("third.db", "2026-12-02T02:00:00Z", ""),
            ("fourth.db", "2026-12-03T01:00:00Z", "abc"),
        ];
        assert_eq!(removed_after("fourth.db", &backups), ["first.db"]);
    }
}
