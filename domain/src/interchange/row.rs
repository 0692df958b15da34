//! The cells of a row, parsed by the type of their column. Every bad cell becomes an error.

use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, Utc};
use csv::ByteRecord;

use crate::{
    clock,
    error::{FieldProblem, LINE, ValidationErrors},
};

/// Maximum length of the number of an agreement or invoice, in characters.
pub(super) const MAX_NUMBER: usize = 40;

/// The columns of a file, in their order.
#[derive(Debug)]
pub(super) struct Header(Vec<String>);

impl Header {
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Returns the number of columns.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the index of a column; `None` if the file doesn't have it.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.0.iter().position(|name| name == column)
    }
}

/// The current row of a file.
pub(super) struct Cells<'a> {
    header: &'a Header,
    record: &'a ByteRecord,
    /// First line of the row; the header is line 1.
    pub line: u64,
    /// Errors of its cells.
    pub errors: ValidationErrors,
}

/// A parsed row with its errors so far.
#[derive(Debug)]
pub(super) struct Line<D> {
    /// First line of the row.
    pub number: u64,
    pub draft: D,
    pub errors: ValidationErrors,
    /// `true` if it refers to a bad row. It is not imported either, but has no error of its own.
    pub depends_on_bad: bool,
}

impl<D> Line<D> {
    pub fn is_good(&self) -> bool {
        self.errors.is_empty() && !self.depends_on_bad
    }

    pub fn error(&mut self, column: &str, reason: impl Into<FieldProblem>) {
        self.errors.add(column, reason);
    }
}

impl<'a> Cells<'a> {
    pub fn new(header: &'a Header, record: &'a ByteRecord, line: u64) -> Self {
        Self { header, record, line, errors: ValidationErrors::default() }
    }

    /// `true` if the file has the column.
    pub fn present(&self, column: &str) -> bool {
        self.header.position(column).is_some()
    }

    /// `true` if the cell has exactly this text.
    pub fn equals(&self, column: &str, text: &str) -> bool {
        let field = self
            .header
            .position(column)
            .and_then(|position| self.record.get(position))
            .unwrap_or_default();
        field.trim_ascii() == text.as_bytes()
    }

    /// Returns the text without surrounding white space; empty if it is bad or the file doesn't
    /// have the column.
    pub fn raw(&mut self, column: &str) -> &'a str {
        let field = self
            .header
            .position(column)
            .and_then(|position| self.record.get(position))
            .unwrap_or_default();
        match std::str::from_utf8(field) {
            Ok(text) => text.trim(),
            Err(_) => {
                self.errors.add(column, "is not in UTF-8");
                ""
            }
        }
    }

    /// `true` if the cell is not UTF-8, which is an error already.
    fn is_unreadable(&self, column: &str) -> bool {
        self.header
            .position(column)
            .and_then(|position| self.record.get(position))
            .is_some_and(|field| std::str::from_utf8(field).is_err())
    }

    /// Parses a required text.
    pub fn text(&mut self, column: &str, most: usize) -> String {
        let text = self.raw(column);
        if text.is_empty() && self.is_unreadable(column) {
            return String::new();
        }
        self.good(|errors| errors.text(column, text, most))
    }

    pub fn optional_text(&mut self, column: &str, most: usize) -> Option<String> {
        let text = self.raw(column);
        self.good(|errors| errors.optional_text(column, Some(text), most))
    }

    /// Returns the parsed value if it has no errors, otherwise a default. A bad value must not
    /// reach the database: PostgreSQL fails on a NUL even in a parameter.
    fn good<T: Default>(&mut self, read: impl FnOnce(&mut ValidationErrors) -> T) -> T {
        let mut errors = ValidationErrors::default();
        let value = read(&mut errors);
        let is_good = errors.is_empty();
        errors
            .into_inner()
            .into_iter()
            .for_each(|error| self.errors.add(error.path.clone(), error.into_problem()));
        if is_good { value } else { T::default() }
    }

    /// Parses the required key of the row itself, or of one that it refers to.
    pub fn key(&mut self, column: &str) -> String {
        self.text(column, LINE)
    }

    pub fn optional_key(&mut self, column: &str) -> Option<String> {
        self.optional_text(column, LINE)
    }

    /// Parses a required slug: lower-case letters, digits and hyphens.
    pub fn slug(&mut self, column: &str) -> String {
        let slug = self.text(column, LINE);
        let is_slug = slug
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        self.errors.expect(is_slug, column, "must be small letters a to z, digits and hyphens");
        slug
    }

    /// Parses a required SHA-256 in hexadecimal, and returns it in lower case.
    pub fn digest(&mut self, column: &str) -> String {
        let text = self.text(column, LINE).to_ascii_lowercase();
        let is_digest = text.is_empty()
            || text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.errors.expect(is_digest, column, "is not a SHA-256: 64 hexadecimal digits");
        text
    }

    /// Parses a list with `|` between its items.
    pub fn list(&mut self, column: &str) -> Vec<String> {
        let parts = self.raw(column).split('|').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| self.good(|errors| errors.text(column, part, LINE))).collect()
    }

    /// Parses a required value.
    pub fn value<T: FromStr<Err: Into<FieldProblem>> + Default>(&mut self, column: &str) -> T {
        self.required(column, Self::optional)
    }

    pub fn optional<T: FromStr<Err: Into<FieldProblem>> + Default>(
        &mut self,
        column: &str,
    ) -> Option<T> {
        let text = self.raw(column);
        (!text.is_empty()).then(|| self.errors.take(column, text.parse()))
    }

    /// Parses a required decimal number, with a point or with a comma as in Swedish spreadsheets.
    pub fn decimal<T: FromStr<Err: Into<FieldProblem>> + Default>(&mut self, column: &str) -> T {
        self.required(column, Self::optional_decimal)
    }

    pub fn optional_decimal<T: FromStr<Err: Into<FieldProblem>> + Default>(
        &mut self,
        column: &str,
    ) -> Option<T> {
        // Spreadsheets write U+2212 as the minus sign in some languages, Swedish among them.
        let text = self.raw(column).replace('\u{2212}', "-");
        let text = if text.contains('.') { text } else { text.replacen(',', ".", 1) };
        (!text.is_empty()).then(|| self.errors.take(column, text.parse()))
    }

    /// Parses a required integer.
    pub fn integer(&mut self, column: &str, least: i32, most: i32) -> i32 {
        self.required(column, |cells, column| cells.optional_integer(column, least, most))
    }

    pub fn optional_integer(&mut self, column: &str, least: i32, most: i32) -> Option<i32> {
        let text = self.raw(column);
        if text.is_empty() {
            return None;
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
        self.errors.expect(
            number.is_some(),
            column,
            format!("must be a whole number from {least} to {most}"),
        );
        Some(number.unwrap_or_default())
    }

    /// Parses a required date.
    pub fn day(&mut self, column: &str) -> NaiveDate {
        self.required(column, Self::optional_day)
    }

    pub fn optional_day(&mut self, column: &str) -> Option<NaiveDate> {
        let text = self.raw(column);
        (!text.is_empty()).then(|| self.errors.take(column, day(text)))
    }

    /// Parses a required instant.
    pub fn instant(&mut self, column: &str) -> DateTime<Utc> {
        self.required(column, Self::optional_instant)
    }

    /// Parses an instant. A date stands for its start in Sweden.
    pub fn optional_instant(&mut self, column: &str) -> Option<DateTime<Utc>> {
        let text = self.raw(column);
        (!text.is_empty()).then(|| self.errors.take(column, instant(text)))
    }

    /// Checks the cells against each other, if all of them could be parsed: a bad cell is replaced
    /// by a default.
    pub fn check(&mut self, check: impl FnOnce(&mut ValidationErrors)) {
        if self.errors.is_empty() {
            check(&mut self.errors);
        }
    }

    fn required<T: Default>(
        &mut self,
        column: &str,
        read: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> T {
        let value = read(self, column);
        if value.is_none() && !self.is_unreadable(column) {
            self.errors.add(column, "must not be empty");
        }
        value.unwrap_or_default()
    }
}

const YEARS: std::ops::RangeInclusive<i32> = 1900..=2999;
const NOT_IN_YEARS: &str = "must be in the years 1900 to 2999";

/// Parses a date in ISO 8601, in the years that the register accepts.
pub(super) fn day(text: &str) -> Result<NaiveDate, &'static str> {
    // The parser alone accepts `2026-1-5`.
    let is_iso = text.len() == 10
        && text.bytes().enumerate().all(|(position, byte)| match position {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_iso {
        return Err("is not a date; write YYYY-MM-DD");
    }
    let day: NaiveDate = text.parse().map_err(|_| "is not a day of the calendar")?;
    if YEARS.contains(&day.year()) { Ok(day) } else { Err(NOT_IN_YEARS) }
}

fn instant(text: &str) -> Result<DateTime<Utc>, &'static str> {
    if text.len() == 10 {
        return day(text).map(clock::start_of);
    }
    let instant = DateTime::parse_from_rfc3339(text)
        .map_err(|_| "is not an instant; write YYYY-MM-DDTHH:MM:SSZ")?;
    let instant = instant.to_utc().trunc_subsecs(6);
    if YEARS.contains(&instant.year()) { Ok(instant) } else { Err(NOT_IN_YEARS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_must_be_iso_8601_and_exist() {
        assert_eq!(day("2024-02-29").map(|day| day.to_string()), Ok("2024-02-29".to_owned()));
        for (text, reason) in [
            ("2026-02-30", "is not a day of the calendar"),
            ("2026-1-5", "is not a date; write YYYY-MM-DD"),
            ("26-01-05", "is not a date; write YYYY-MM-DD"),
            ("２０２６-01", "is not a date; write YYYY-MM-DD"),
            ("1899-12-31", NOT_IN_YEARS),
            ("3000-01-01", NOT_IN_YEARS),
        ] {
            assert_eq!(day(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn instants_have_microseconds_and_a_date_is_its_start_in_sweden() {
        let texts =
            ["2026-07-01T09:00:00Z", "2026-07-01T11:00:00+02:00", "2026-07-01T09:00:00.000000999Z"];
        for text in texts {
            assert_eq!(
                instant(text).map(|instant| instant.to_rfc3339()),
                Ok("2026-07-01T09:00:00+00:00".to_owned()),
                "{text}"
            );
        }
        assert_eq!(
            instant("2026-07-01").map(|instant| instant.to_rfc3339()),
            Ok("2026-06-30T22:00:00+00:00".to_owned())
        );
        assert!(instant("2026-07-01 09:00").is_err());
    }
}
