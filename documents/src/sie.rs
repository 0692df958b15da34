//! Accounting orders for a bookkeeping program: a file of SIE type 4I, as specified by the
//! association SIE-Gruppen.
//!
//! The format is from 1992 and has that year's characters: code page 437, with CRLF at the end of
//! every line.

use std::borrow::Cow;

use chrono::{Datelike, NaiveDate};
use entity::{date_range::DateRange, money::Money, number::OrgNumber};
use unicode_normalization::UnicodeNormalization;

use crate::{
    error::{Error, Result},
    typesetting,
};

/// Vouchers to book, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Program that made it.
    pub program: String,
    /// Version of that program.
    pub version: String,
    /// Day on which it was made.
    pub made_on: NaiveDate,
    /// Name of the company whose books it is for.
    pub company: String,
    /// Organisationsnummer; null: left to the bookkeeper.
    pub org_number: Option<OrgNumber>,
    /// Financial years (räkenskapsår) that it concerns, the latest first.
    pub years: Vec<DateRange>,
    /// Accounts that it uses, with their names.
    pub accounts: Vec<(u32, String)>,
    /// Projects of revenue (dimension 6, projekt), with names.
    pub projects: Vec<(String, String)>,
    /// Its vouchers.
    pub vouchers: Vec<Voucher>,
}

/// A voucher (verifikation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// Its series, as `F`.
    pub series: &'static str,
    /// Its number in the series and the year; null: the bookkeeping program assigns one.
    pub number: Option<i32>,
    /// Its day.
    pub date: NaiveDate,
    /// Its text.
    pub text: String,
    /// Its lines; the amounts add up to zero.
    pub transactions: Vec<Transaction>,
}

/// A line of a voucher (transaktion).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The account (konto).
    pub account: u32,
    /// The project, if any.
    pub project: Option<String>,
    /// Öre: debit (debet) is positive, credit (kredit) negative.
    pub amount: Money,
}

/// Series of vouchers: invoices and credit notes, the bank and adjustments, reminders.
pub const SERIES: [&str; 3] = ["F", "B", "P"];
/// The dimension that SIE reserves for projects.
const PROJECTS: u8 = 6;
/// Longest text of a voucher that every program accepts, in characters of the file.
pub const MAX_TEXT: usize = 50;

/// Renders the journal as a file.
///
/// # Errors
/// [`Error::Internal`] if a voucher does not add up to zero, which would corrupt the books.
pub fn file(journal: &Journal) -> Result<Vec<u8>> {
    let Journal {
        program,
        version,
        made_on,
        company,
        org_number,
        years,
        accounts,
        projects,
        vouchers,
    } = journal;
    let mut file = File(Vec::new());
    file.line("#FLAGGA 0");
    file.line(&format!("#PROGRAM {} {}", quoted(program), quoted(version)));
    file.line("#FORMAT PC8");
    file.line(&format!("#GEN {}", day(*made_on)));
    file.line("#SIETYP 4");
    if let Some(org_number) = org_number {
        file.line(&format!("#ORGNR {org_number}"));
    }
    file.line(&format!("#FNAMN {}", quoted(company)));
    for (position, year) in years.iter().enumerate() {
        let position = if position == 0 { "0".to_owned() } else { format!("-{position}") };
        file.line(&format!("#RAR {position} {} {}", day(year.from), day(year.to)));
    }
    file.line("#KPTYP EUBAS97");
    for (account, name) in accounts {
        file.line(&format!("#KONTO {account} {}", quoted(name)));
    }
    file.line(&format!("#DIM {PROJECTS} \"Projekt\""));
    for (project, name) in projects {
        file.line(&format!("#OBJEKT {PROJECTS} {} {}", quoted(project), quoted(name)));
    }
    vouchers.iter().try_for_each(|voucher| file.voucher(voucher))?;
    Ok(file.0)
}

/// Writer of a file.
struct File(Vec<u8>);

impl File {
    fn voucher(&mut self, voucher: &Voucher) -> Result<()> {
        let Voucher { series, number, date, text, transactions } = voucher;
        let sum: i128 = transactions.iter().map(|line| i128::from(line.amount.0)).sum();
        if sum != 0 {
            return Err(Error::internal(std::io::Error::other(format!(
                "the voucher of {date}, {text}, is {sum} öre out of balance"
            ))));
        }
        let number = number.map_or_else(|| "\"\"".to_owned(), |number| number.to_string());
        self.line(&format!("#VER {} {number} {} {}", quoted(series), day(*date), shortened(text)));
        self.line("{");
        for Transaction { account, project, amount } in transactions {
            let objects = project
                .as_deref()
                .map_or_else(String::new, |project| format!("{PROJECTS} {}", quoted(project)));
            self.line(&format!("#TRANS {account} {{{objects}}} {amount}"));
        }
        self.line("}");
        Ok(())
    }

    fn line(&mut self, line: &str) {
        self.0.extend(line.chars().map(|char| byte(char).unwrap_or(b'?')));
        self.0.extend(b"\r\n");
    }
}

fn day(day: NaiveDate) -> String {
    format!("{:04}{:02}{:02}", day.year(), day.month(), day.day())
}

/// Returns a text between quotation marks, in characters of the code page.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    // A letter with a mark is one character in the code page, and may be two in a text.
    for char in text.nfc().filter(|char| char.is_whitespace() || !typesetting::is_hidden(*char)) {
        for char in written(char).chars() {
            match char {
                '"' => quoted.push_str("\\\""),
                // A backslash would escape the next character.
                '\\' => quoted.push('/'),
                // Braces enclose lists, and not every program respects the quotation marks.
                '{' => quoted.push('('),
                '}' => quoted.push(')'),
                other => quoted.push(other),
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Returns a text between quotation marks of at most [`MAX_TEXT`] characters, escape characters
/// included.
fn shortened(text: &str) -> String {
    let full = quoted(text);
    let mut end = 1;
    let inner = &full[1..full.len() - 1];
    let mut count = 0;
    let mut chars = inner.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        // A quotation mark and its escape character belong together.
        let (length, last) = match (char, chars.peek().copied()) {
            ('\\', Some((at, next))) => {
                chars.next();
                (2, at + next.len_utf8())
            }
            _ => (1, at + char.len_utf8()),
        };
        count += length;
        if count > MAX_TEXT {
            break;
        }
        end = 1 + last;
    }
    format!("\"{}\"", full[1..end].trim_end())
}

/// Returns the spelling of a character: itself if the code page has it, else the most similar
/// characters.
fn written(char: char) -> Cow<'static, str> {
    match char {
        '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' => Cow::Borrowed(""),
        char if char.is_whitespace() => Cow::Borrowed(" "),
        '‐' | '‑' | '‒' | '–' | '—' | '−' => Cow::Borrowed("-"),
        '‘' | '’' | '‚' | '′' => Cow::Borrowed("'"),
        '“' | '”' | '„' | '″' => Cow::Borrowed("\""),
        '…' => Cow::Borrowed("..."),
        '€' => Cow::Borrowed("EUR"),
        'Ø' => Cow::Borrowed("Ö"),
        'ø' => Cow::Borrowed("ö"),
        char if byte(char).is_some() => Cow::Owned(char.to_string()),
        other => {
            // Letters without the marks that the code page lacks.
            let plain: String = std::iter::once(other)
                .nfkd()
                .filter(|part| byte(*part).is_some() && !part.is_control())
                .collect();
            if plain.is_empty() { Cow::Borrowed("?") } else { Cow::Owned(plain) }
        }
    }
}

/// The characters of code page 437 from 128 on. A crate for this one line would add a third version
/// of its hash map to the dependencies.
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Returns the character's byte; `None` if the code page lacks it.
fn byte(char: char) -> Option<u8> {
    if char.is_ascii() {
        return u8::try_from(char).ok();
    }
    UPPER
        .chars()
        .position(|known| known == char)
        .and_then(|position| u8::try_from(position + 128).ok())
}

/// Returns the character of a byte in a file.
pub(crate) fn character(byte: u8) -> char {
    if byte.is_ascii() {
        return char::from(byte);
    }
    UPPER.chars().nth(usize::from(byte) - 128).unwrap_or('?')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        Journal {
            program: "Samregister".into(),
            version: "0.1.0".into(),
            made_on: date("2026-11-21"),
            company: "Nätverket \"NNS\"".into(),
            org_number: "802555-0008".parse().ok(),
            years: vec![
                DateRange::new(date("2026-01-01"), date("2026-12-31")),
                DateRange::new(date("2025-01-01"), date("2025-12-31")),
            ],
            accounts: vec![(1510, "Kundfordringar".into()), (3041, "Försäljning".into())],
            projects: vec![("bip".into(), "BIP".into())],
            vouchers: vec![Voucher {
                series: "F",
                number: None,
                date: date("2026-03-01"),
                text: "Faktura 2026-0001 – Åre".into(),
                transactions: vec![
                    Transaction { account: 1510, project: None, amount: Money(2_680_000) },
                    Transaction {
                        account: 3041,
                        project: Some("bip".into()),
                        amount: Money(-2_680_000),
                    },
                ],
            }],
        }
    }

    #[test]
    fn a_journal_is_as_the_format_has_it() {
        let bytes = file(&journal()).unwrap();
        let text: String = bytes
            .iter()
            .map(|&byte| {
                if byte < 128 {
                    char::from(byte)
                } else {
                    UPPER.chars().nth(usize::from(byte) - 128).unwrap()
                }
            })
            .collect();
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        insta::assert_snapshot!(text.replace("\r\n", "\n"), @r#"
        #FLAGGA 0
        #PROGRAM "Samregister" "0.1.0"
        #FORMAT PC8
        #GEN 20261121
        #SIETYP 4
        #ORGNR 802555-0008
        #FNAMN "Nätverket \"NNS\""
        #RAR 0 20260101 20261231
        #RAR -1 20250101 20251231
        #KPTYP EUBAS97
        #KONTO 1510 "Kundfordringar"
        #KONTO 3041 "Försäljning"
        #DIM 6 "Projekt"
        #OBJEKT 6 "bip" "BIP"
        #VER "F" "" 20260301 "Faktura 2026-0001 - Åre"
        {
        #TRANS 1510 {} 26800.00
        #TRANS 3041 {6 "bip"} -26800.00
        }
        "#);
    }

    #[test]
    fn a_voucher_has_a_number_and_a_text_that_every_program_takes() {
        let mut journal = journal();
        journal.vouchers[0].number = Some(12);
        journal.vouchers[0].text = format!("Faktura 2026-0001 {}", "Östergötland ".repeat(5));
        let text = String::from_utf8_lossy(&file(&journal).unwrap()).into_owned();
        let line = text.lines().find(|line| line.starts_with("#VER")).unwrap();
        assert!(line.starts_with("#VER \"F\" 12 20260301 \"Faktura 2026-0001 "), "{line}");
        for (text, length) in [
            ("a".repeat(51), 50),
            ("\"".repeat(26), 50),
            (format!("a{}", "\"".repeat(26)), 49),
            ("…".repeat(17), 50),
            (String::new(), 0),
        ] {
            assert_eq!(shortened(&text).chars().count() - 2, length, "{text}");
        }
        assert_eq!(shortened("ab \"c\""), r#""ab \"c\"""#);
    }

    #[test]
    fn a_voucher_out_of_balance_is_never_written() {
        let mut journal = journal();
        journal.vouchers[0].transactions[0].amount += Money(1);
        assert!(matches!(file(&journal), Err(Error::Internal(_))));
    }

    #[test]
    fn characters_have_the_bytes_of_code_page_437() {
        let bytes: Vec<u8> = "aåäöÅÄÖéü½²·".chars().filter_map(byte).collect();
        assert_eq!(bytes, [0x61, 0x86, 0x84, 0x94, 0x8f, 0x8e, 0x99, 0x82, 0x81, 0xab, 0xfd, 0xfa]);
        assert_eq!(
            (UPPER.chars().count(), byte('\u{a0}'), byte('Ø'), byte('€')),
            (128, Some(255), None, None)
        );
    }

    #[test]
    fn no_text_breaks_out_of_its_quotation_marks() {
        for (text, written) in [
            ("a\"b", r#""a\"b""#),
            (r#"\"#, r#""/""#),
            (r#"\" {}"#, r#""/\" ()""#),
            ("“5 €” – Łódź…", r#""\"5 EUR\" - ?ódz...""#),
            ("Ørsted Čech ﬁ", r#""Örsted Cech fi""#),
            ("A\u{30a}re o\u{308} e\u{301} C\u{30c}ech", r#""Åre ö é Cech""#),
            ("a\r\n#VER b\tc\u{0}\u{7}\u{202e}\u{85}", r#""a  #VER b c ""#),
            ("😀漢", r#""??""#),
        ] {
            assert_eq!(quoted(text), written, "{text:?}");
        }
    }
}
