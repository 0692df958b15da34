//! The reader of CSV files: errors and rows stand on lines of the file, and what is written of its
//! rows is read again as the same.

use std::{fs, path::Path};

use domain::interchange::{File, fuzzing};
use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

/// Checks a file, whose columns say which one it is.
pub fn check(bytes: &[u8]) {
    FOLDER.with(|folder| check_in(folder.path(), bytes));
}

fn check_in(folder: &Path, bytes: &[u8]) {
    let file = file_of(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
    let (rows, bad) = read(folder, file, bytes);
    let mut last = 1;
    for (line, _) in &rows {
        assert!(last < *line && *line <= lines, "a row on line {line} after {last}, of {lines}");
        last = *line;
    }
    for (line, error) in &bad {
        assert!(
            (1..=lines).contains(line) && error.starts_with(&format!("{}:{line}: ", file.name())),
            "{error}, of {lines} lines"
        );
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = file.columns().iter().chain(file.extra_columns());
    writer.write_record(columns).unwrap();
    // A row of nothing but empty cells is passed over, and so is none that was read.
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(_, cells)| cells)
        .filter(|cells| cells.iter().any(|cell| !cell.is_empty()))
        .collect();
    for cells in &rows {
        writer.write_record(cells).unwrap();
    }
    let written = writer.into_inner().unwrap();
    let (again, bad) = read(folder, file, &written);
    assert!(bad.is_empty(), "{bad:?} in {}", String::from_utf8_lossy(&written));
    let again: Vec<_> = again.into_iter().map(|(_, cells)| cells).collect();
    assert_eq!(again, rows);
}

/// The file of whose columns most stand in the first line.
fn file_of(bytes: &[u8]) -> File {
    let header =
        String::from_utf8_lossy(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default());
    let names: Vec<_> = header.split([',', ';', '"', '\r', '\u{feff}']).map(str::trim).collect();
    let known = |file: &File| {
        let of_file = file.columns();
        (of_file.iter().filter(|column| names.contains(column)).count() * 100)
            .checked_div(of_file.len())
    };
    File::ALL.iter().copied().max_by_key(known).unwrap_or(File::Members)
}

fn read(folder: &Path, file: File, bytes: &[u8]) -> fuzzing::Rows {
    fs::write(folder.join(file.name()), bytes).unwrap();
    fuzzing::rows(folder, file).unwrap_or_else(|error| panic!("{error}"))
}
