//! Reader of SIE 4I files that this program wrote: they are the only record of the exported
//! vouchers.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use entity::money::Money;

use crate::sie::{SERIES, Transaction, Voucher, character};

/// Content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SieFile {
    /// Names of its accounts.
    pub accounts: BTreeMap<u32, String>,
    /// Names of its projects.
    pub projects: BTreeMap<String, String>,
    /// Its vouchers, in order.
    pub vouchers: Vec<Voucher>,
}

/// Reads a file.
///
/// # Errors
/// The first line that this program would not write, with its number.
pub fn read(file: &[u8]) -> Result<SieFile, String> {
    let text: String = file.iter().map(|byte| character(*byte)).collect();
    let (mut found, mut open) = (SieFile::default(), false);
    for (number, line) in (1..).zip(text.split("\r\n")) {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        take(&words, &mut found, &mut open)
            .ok_or_else(|| format!("line {number} can't be read: {line:?}"))?;
    }
    if open { Err("it ends within a voucher".to_owned()) } else { Ok(found) }
}

/// Reads the words of a line; returns `None` if they are invalid.
fn take(words: &[&str], found: &mut SieFile, open: &mut bool) -> Option<()> {
    match words {
        ["#KONTO", account, name] => {
            drop(found.accounts.insert(account.parse().ok()?, (*name).to_owned()))
        }
        ["#OBJEKT", _, project, name] => {
            drop(found.projects.insert((*project).to_owned(), (*name).to_owned()))
        }
        ["#VER", series, number, date, text] => found.vouchers.push(Voucher {
            series: SERIES.into_iter().find(|known| known == series)?,
            number: if number.is_empty() { None } else { Some(number.parse().ok()?) },
            date: NaiveDate::parse_from_str(date, "%Y%m%d").ok()?,
            text: (*text).to_owned(),
            transactions: Vec::new(),
        }),
        ["{"] if !*open => *open = true,
        ["}"] if *open => *open = false,
        ["#TRANS", account, "{", objects @ .., "}", amount] if *open => {
            let project = match objects {
                [] => None,
                [_, project] => Some((*project).to_owned()),
                _ => return None,
            };
            let amount = Money(amount.replace('.', "").parse().ok()?);
            let transaction = Transaction { account: account.parse().ok()?, project, amount };
            found.vouchers.last_mut()?.transactions.push(transaction);
        }
        [] => {}
        [first, ..]
            if first.starts_with('#')
                && !["#VER", "#TRANS", "#KONTO", "#OBJEKT"].contains(first) => {}
        _ => return None,
    }
    Some(())
}

/// Splits a line into its words. Quoted words lose their quotation marks, and each brace outside of
/// quotation marks is a word.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut chars) = (Vec::new(), line.chars().peekable());
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' => {}
            '{' | '}' => words.push(char.to_string()),
            '"' => {
                let mut word = String::new();
                while let Some(char) = chars.next() {
                    match char {
                        '"' => break,
                        '\\' => word.extend(chars.next()),
                        other => word.push(other),
                    }
                }
                words.push(word);
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) =
                    chars.next_if(|next| ![' ', '\t', '{', '}', '"'].contains(next))
                {
                    word.push(next);
                }
                words.push(word);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sie;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_written_file_is_read_back_unchanged() {
        let transaction = |account, project: Option<&str>, ore| Transaction {
            account,
            project: project.map(str::to_owned),
            amount: Money(ore),
        };
        let voucher = |series, number, text: &str, transactions| Voucher {
            series,
            number,
            date: day("2026-02-28"),
            text: text.into(),
            transactions,
        };
        let vouchers = vec![
            voucher(
                "F",
                Some(1),
                "Faktura 1 \"Föreningen Å\"",
                vec![
                    transaction(1510, None, i64::MAX),
                    transaction(3041, Some("bip"), 1 - i64::MAX),
                    transaction(2611, None, -1),
                ],
            ),
            voucher("B", None, "", vec![transaction(1930, None, -5), transaction(2890, None, 5)]),
        ];
        let journal = sie::Journal {
            program: "Samregister".into(),
            version: "0.1.0".into(),
            made_on: day("2026-03-01"),
            company: "{#VER \"".into(),
            org_number: None,
            years: vec![entity::date_range::DateRange::new(day("2026-01-01"), day("2026-12-31"))],
            accounts: vec![(1930, "Företagskonto".into()), (2611, String::new())],
            projects: vec![("bip".into(), "BIP".into())],
            vouchers: vouchers.clone(),
        };
        let found = read(&sie::file(&journal).unwrap()).unwrap();
        assert_eq!(found.vouchers, vouchers);
        assert_eq!(
            found.accounts,
            BTreeMap::from([(1930, "Företagskonto".to_owned()), (2611, String::new())])
        );
        assert_eq!(found.projects, BTreeMap::from([("bip".to_owned(), "BIP".to_owned())]));
    }

    #[test]
    fn an_invalid_line_is_reported_by_number() {
        for (file, expected) in [
            ("#VER \"X\" 1 20260101 \"x\"\r\n", "line 1 "),
            ("#FLAGGA 0\r\n#VER \"F\" 1 20260132 \"x\"\r\n", "line 2 "),
            ("#TRANS 1510 {} 1.00\r\n", "line 1 "),
            ("#VER \"F\" 1 20260101 \"x\"\r\n{\r\n#TRANS 1510 {6} 1.00\r\n}\r\n", "line 3 "),
            ("#VER \"F\" 1 20260101 \"x\"\r\n{\r\n", "it ends within a voucher"),
            ("x", "line 1 "),
        ] {
            let error = read(file.as_bytes()).unwrap_err();
            assert!(error.starts_with(expected), "{file:?}: {error}");
        }
        assert_eq!(read(b""), Ok(SieFile::default()));
    }
}
