//! The CSV reader: reads rows one at a time, in the dialects of common spreadsheets, with the line
//! on which each row begins.

use std::{
    collections::VecDeque,
    fs,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use csv::ByteRecord;

use super::{
    File,
    import::report::BadRow,
    row::{Cells, Header},
    unusable,
};
use crate::{error::Result, files};

/// Maximum length of a row, in bytes. Without it a missing quotation mark would read the rest of
/// the file into memory.
const LONGEST_ROW: u64 = 1 << 20;

/// Number of bytes in which the separator of the header line is searched.
const HEAD: u64 = 1 << 16;

/// A CSV file that is being read.
pub(super) struct Table {
    pub file: File,
    /// Comma or semicolon.
    pub separator: char,
    /// Number of rows read so far, without the header.
    pub rows: u64,
    /// Size of the file in bytes.
    pub size: u64,
    /// `true` if malformed rows are skipped, since a previous pass over the file has reported them.
    pub is_quiet: bool,
    reader: csv::Reader<Lines<fs::File>>,
    record: ByteRecord,
    header: Header,
    finished: bool,
}

/// The next row of a file.
pub(super) enum Next<'a> {
    Row(Cells<'a>),
    /// A malformed row.
    Bad(BadRow),
    End,
}

impl Table {
    /// Opens a file of the folder. Returns `None` if it is absent, or if its header has errors,
    /// which are added to `bad`.
    pub fn open(folder: &Path, file: File, bad: &mut Vec<BadRow>) -> Result<Option<Self>> {
        let path = folder.join(file.name());
        let unreadable = |cause: io::Error| unusable(&path, "read", &cause);
        let mut input = match files::open(&path) {
            Ok(input) => input,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(unreadable(cause)),
        };
        let metadata = input.metadata().map_err(unreadable)?;
        let mut head = Vec::new();
        input.by_ref().take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
        let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        input.seek(SeekFrom::Start(mark)).map_err(unreadable)?;
        let separator =
            separator(head.get(usize::try_from(mark).unwrap_or(0)..).unwrap_or_default());
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .buffer_capacity(1 << 16)
            .from_reader(Lines::new(input));
        let mut record = ByteRecord::new();
        let mut error = |column: &str, reason: &str| bad.push(BadRow::new(file, 1, column, reason));
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => {
                error("", &format!("has no header line; write {}", file.columns().join(",")));
                return Ok(None);
            }
            Err(cause) => {
                error("", &describe(cause, &path)?);
                return Ok(None);
            }
        }
        let Some(header) = header(file, &record, &mut error) else { return Ok(None) };
        let separator = char::from(separator);
        Ok(Some(Self {
            file,
            separator,
            rows: 0,
            size: metadata.len(),
            is_quiet: false,
            reader,
            record,
            header,
            finished: false,
        }))
    }

    /// Returns the number of bytes read so far.
    pub fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// Returns the next row. Rows of nothing but separators, which spreadsheets leave behind, are
    /// skipped.
    pub fn next(&mut self) -> Result<Next<'_>> {
        loop {
            if self.finished {
                return Ok(Next::End);
            }
            let from = self.reader.position().byte();
            self.reader.get_mut().row_from = from;
            let read = self.reader.read_byte_record(&mut self.record);
            let line = self.reader.get_mut().line_at(from);
            match read {
                Ok(true) => {}
                Ok(false) => {
                    self.finished = true;
                    return Ok(Next::End);
                }
                Err(cause) => {
                    self.finished = true;
                    let reason = describe(cause, Path::new(self.file.name()))?;
                    return Ok(Next::Bad(BadRow::new(self.file, line, "", reason)));
                }
            }
            if self.record.iter().all(<[u8]>::is_empty) {
                continue;
            }
            self.rows += 1;
            let (fields, columns) = (self.record.len(), self.header.count());
            let is_last = self.reader.position().byte() >= self.reader.get_ref().passed;
            let is_broken = || self.record.iter().any(|field| field.contains(&b'\n'));
            if is_last && self.reader.get_ref().odd_quotes && is_broken() {
                return Ok(Next::Bad(BadRow::new(
                    self.file,
                    line,
                    "",
                    "has a quotation mark that is not closed",
                )));
            }
            if fields < columns || self.record.iter().skip(columns).any(|field| !field.is_empty()) {
                let reason = format!("has {fields} fields where the header has {columns}");
                return Ok(Next::Bad(BadRow::new(self.file, line, "", reason)));
            }
            return Ok(Next::Row(Cells::new(&self.header, &self.record, line)));
        }
    }
}

/// Returns the separator: comma or semicolon, whichever is more frequent in the first line outside
/// quotation marks.
fn separator(head: &[u8]) -> u8 {
    let mut quoted = false;
    let (mut commas, mut semicolons) = (0, 0);
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => commas += 1,
            b';' if !quoted => semicolons += 1,
            b'\n' | b'\r' if !quoted => break,
            _ => {}
        }
    }
    if semicolons > commas { b';' } else { b',' }
}

fn header(file: File, record: &ByteRecord, error: &mut impl FnMut(&str, &str)) -> Option<Header> {
    let mut names: Vec<String> = Vec::new();
    let mut is_good = true;
    let mut bad = |column: &str, reason: &str| {
        error(column, reason);
        is_good = false;
    };
    for field in record {
        let Ok(name) = std::str::from_utf8(field) else {
            bad("", "is not in UTF-8; save the file as \"CSV UTF-8\"");
            return None;
        };
        let name = name.trim();
        if names.iter().any(|earlier| !name.is_empty() && earlier == name) {
            bad(name, "is in the header twice");
        } else if !name.is_empty()
            && !file.columns().contains(&name)
            && !file.extra_columns().contains(&name)
        {
            bad(name, "is not a column of this file");
        }
        names.push(name.to_owned());
    }
    // Empty columns that a spreadsheet leaves after the last one.
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    if names.iter().any(String::is_empty) {
        bad("", "has a column without a name");
    }
    for column in file.columns().iter().filter(|column| !names.iter().any(|name| name == **column))
    {
        bad(
            column,
            "is missing; every column of the file must be there, empty where nothing is known",
        );
    }
    is_good.then(|| Header::new(names))
}

/// Describes an error of the text. An error of the disk is returned as an error.
fn describe(cause: csv::Error, path: &Path) -> Result<String> {
    match cause.into_kind() {
        csv::ErrorKind::Io(cause) if cause.get_ref().is_some_and(|inner| inner.is::<TooLong>()) => {
            Ok(TooLong.to_string())
        }
        csv::ErrorKind::Io(cause) => Err(unusable(path, "read", &cause)),
        _ => Ok("can't be read as CSV".to_owned()),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("is longer than 1 MiB; a quotation mark is probably not closed")]
struct TooLong;

/// Passes bytes to the CSV reader and records the line of each byte that begins a line. The CSV
/// reader's own count includes the line breaks before a row, and is off by empty lines.
struct Lines<R> {
    input: R,
    /// Number of bytes passed on.
    passed: u64,
    /// Line of the next byte.
    line: u64,
    /// `true` if the current line is empty so far.
    at_start: bool,
    /// First byte and number of each non-empty line, from the current row on.
    starts: VecDeque<(u64, u64)>,
    /// `true` if the number of quotation marks so far is odd.
    odd_quotes: bool,
    /// First byte of the current row.
    row_from: u64,
}

impl<R> Lines<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            passed: 0,
            line: 1,
            at_start: true,
            starts: VecDeque::new(),
            odd_quotes: false,
            row_from: 0,
        }
    }

    /// Returns the line of the row that begins at byte `from` or after it.
    fn line_at(&mut self, from: u64) -> u64 {
        while self.starts.front().is_some_and(|(start, _)| *start < from) {
            self.starts.pop_front();
        }
        self.starts.front().map_or(self.line, |(_, line)| *line)
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.passed.saturating_sub(self.row_from) > LONGEST_ROW {
            return Err(io::Error::other(TooLong));
        }
        let count = self.input.read(buffer)?;
        for (byte, at) in buffer[..count].iter().zip(self.passed..) {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.at_start = true;
                }
                b'\r' => {}
                _ => {
                    if self.at_start {
                        self.starts.push_back((at, self.line));
                        self.at_start = false;
                    }
                    self.odd_quotes ^= *byte == b'"';
                }
            }
        }
        self.passed += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an organisations file: the separator, the rows with their lines, and the errors.
    fn read(bytes: &[u8]) -> (Option<char>, Vec<(u64, String)>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("organisations.csv"), bytes).unwrap();
        let mut bad = Vec::new();
        let mut rows = Vec::new();
        let mut separator = None;
        if let Some(mut table) = Table::open(folder.path(), File::Organisations, &mut bad).unwrap()
        {
            separator = Some(table.separator);
            loop {
                match table.next().unwrap() {
                    Next::Row(mut cells) => {
                        let texts = ["key", "name", "org_number"]
                            .map(|column| cells.optional_text(column, 20_000).unwrap_or_default());
                        rows.push((cells.line, texts.join("/")));
                        let line = cells.line;
                        bad.extend(
                            cells.errors.into_inner().into_iter().map(|f| {
                                BadRow::new(File::Organisations, line, &f.path, f.message)
                            }),
                        );
                    }
                    Next::Bad(row) => bad.push(row),
                    Next::End => break,
                }
            }
        }
        (separator, rows, bad.iter().map(ToString::to_string).collect())
    }

    fn rows(bytes: &[u8]) -> Vec<(u64, String)> {
        let (_, rows, bad) = read(bytes);
        assert_eq!(bad, Vec::<String>::new());
        rows
    }

    #[test]
    fn rows_are_the_same_in_every_dialect() {
        let expected = vec![(2, "a/Å/".to_owned()), (3, "b/B/x".to_owned())];
        for text in [
            "key,name,org_number\na,Å,\nb,B,x\n",
            "key,name,org_number\na,Å,\nb,B,x",
            "key,name,org_number\r\na,Å,\r\nb,B,x\r\n",
            "\u{feff}key,name,org_number\na,Å,\nb,B,x\n",
            "\u{feff}key;name;org_number\r\na;Å;\r\nb;B;x\r\n",
            "\"key\";\"name\";\"org_number\"\na;\"Å\";\nb; B ;x\n",
            "name,org_number,key\nÅ,,a\nB,x,b\n",
            "key,name,org_number,,\na,Å,,,\nb,B,x,,\n",
        ] {
            assert_eq!(rows(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(read(b"key;name;org_number\n").0, Some(';'));
        assert_eq!(read(b"key,name,org_number\n").0, Some(','));
    }

    #[test]
    fn line_numbers_are_those_of_the_file() {
        let text = "key,name,org_number\n\na,\"x\ny\nz\",\n,,\n\r\n\nb,B,\n";
        assert_eq!(rows(text.as_bytes()), [(3, "a/x\ny\nz/".to_owned()), (9, "b/B/".to_owned())]);
        let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        assert_eq!(
            rows(text.as_bytes()),
            [(3, "a/x\r\ny\r\nz/".to_owned()), (9, "b/B/".to_owned())]
        );
    }

    #[test]
    fn line_numbers_are_right_across_buffers() {
        let mut text = "key,name,org_number\n".to_owned();
        for row in 0..20_000 {
            text.push_str(&format!("k{row},\"two\nlines\",\n"));
        }
        let rows = rows(text.as_bytes());
        assert_eq!(rows.len(), 20_000);
        assert!(rows.iter().zip(0..).all(|((line, _), row)| *line == 2 + 2 * row));
    }

    #[test]
    fn every_error_of_a_header_is_reported() {
        let bad = read(b"key,nam,org_number,key\n").2;
        assert_eq!(
            bad,
            [
                "organisations.csv:1: nam: is not a column of this file",
                "organisations.csv:1: key: is in the header twice",
                "organisations.csv:1: name: is missing; every column of the file must be there, empty where nothing is known",
            ]
        );
        assert_eq!(
            read(b"").2,
            ["organisations.csv:1: has no header line; write key,name,org_number"]
        );
        assert_eq!(
            read(b"\xff\xfek\0e\0y\0").2,
            ["organisations.csv:1: is not in UTF-8; save the file as \"CSV UTF-8\""]
        );
    }

    #[test]
    fn malformed_rows_are_reported_with_their_line() {
        let (_, rows, bad) =
            read(b"key,name,org_number\na,b\nc,d,e,f\ng,\xe5,\nh,\"i\",j\nk,\"l,\nm,n,o\n");
        assert_eq!(rows, [(4, "g//".to_owned()), (5, "h/i/j".to_owned())]);
        assert_eq!(
            bad,
            [
                "organisations.csv:2: has 2 fields where the header has 3",
                "organisations.csv:3: has 4 fields where the header has 3",
                "organisations.csv:4: name: is not in UTF-8",
                "organisations.csv:6: has a quotation mark that is not closed",
            ]
        );
    }

    #[test]
    fn an_endless_row_is_not_read_into_memory() {
        let mut text = b"key,name,org_number\na,A,\nb,\"".to_vec();
        text.resize(8 << 20, b'x');
        let (_, rows, bad) = read(&text);
        assert_eq!(rows, [(2, "a/A/".to_owned())]);
        assert_eq!(
            bad,
            ["organisations.csv:3: is longer than 1 MiB; a quotation mark is probably not closed"]
        );
    }
}
