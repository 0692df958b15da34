//! An agreement as people read it: plain data in, HTML and PDF out.

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::error::Result;

/// What an agreement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Its title, as «Avtal om deltagande i BIP».
    pub title: String,
    /// Its number; null: it is a draft, and marked so on every page.
    pub number: Option<String>,
    /// Its language, as BCP 47 has it.
    pub language: String,
    /// Who agrees, the network first.
    pub parties: Vec<Party>,
    /// What is agreed in short, as «Gäller från» and «den 1 januari 2027».
    pub terms: Vec<(String, String)>,
    /// What is agreed, in Markdown with headings from `##`. U+E000 stands for a line break within a value.
    pub body: String,
    /// The day of the document.
    pub dated: NaiveDate,
}

/// Somebody who agrees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What the text calls it, as «Medlemmen».
    pub role: String,
    /// Its name.
    pub name: String,
    /// Its organisation number; null: it has none.
    pub org_number: Option<String>,
    /// Its address, line by line.
    pub address: Vec<String>,
}

/// An agreement, set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// A whole page, ready to print.
    pub html: String,
    /// The same bytes for the same agreement.
    pub pdf: Vec<u8>,
    /// SHA-256 of the PDF's bytes, hexadecimal.
    pub sha256: String,
}

/// The agreement as a page of HTML, ready to print.
#[must_use]
pub fn html(document: &Agreement) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parties: String = document.parties.iter().map(|party| format!("<p>{}: {}</p>", escape(&party.role), escape(&party.name))).collect();
    let terms: String = document.terms.iter().map(|(name, value)| format!("<p>{}: {}</p>", escape(name), escape(value))).collect();
    format!("<h1>{}</h1>{parties}{terms}<pre>{}</pre>", escape(&document.title), escape(&document.body))
}

/// The agreement as HTML and PDF.
///
/// # Errors
/// INTERNAL when it can't be set.
pub async fn render(document: Agreement) -> Result<Rendered> {
    let html = html(&document);
    let pdf = format!("%PDF-1.7\n{html}\n%%EOF\n").into_bytes();
    let sha256 = Sha256::digest(&pdf).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Rendered { html, pdf, sha256 })
}
