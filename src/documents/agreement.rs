//! The document of an agreement: plain data in, HTML and PDF out.

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::error::Result;

/// What an agreement's document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// «Avtal om deltagande i BIP».
    pub title: String,
    /// Null: a draft, marked UTKAST on every page.
    pub number: Option<String>,
    /// BCP 47, `sv`.
    pub language: String,
    /// The network first.
    pub parties: Vec<Party>,
    /// What the summary table says: («Gäller från», «den 1 januari 2027»).
    pub terms: Vec<(String, String)>,
    /// Markdown, as the templates give it.
    pub body: String,
    /// The document's date: the same input gives the same bytes.
    pub dated: NaiveDate,
}

/// A side of the agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What it is in the agreement: «Medlemmen».
    pub role: String,
    /// Its name.
    pub name: String,
    /// Its organisation number, when known.
    pub org_number: Option<String>,
    /// Its address, a line each.
    pub address: Vec<String>,
}

/// A document as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// For a browser.
    pub html: String,
    /// For paper and archive.
    pub pdf: Vec<u8>,
    /// Of the PDF's bytes, in hexadecimal.
    pub sha256: String,
}

/// The document as HTML.
#[must_use]
pub fn html(document: &Agreement) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let number = document.number.as_deref().unwrap_or("UTKAST");
    let parties: String = document.parties.iter().map(|party| format!("<p>{}: {}</p>", escape(&party.role), escape(&party.name))).collect();
    let terms: String = document.terms.iter().map(|(name, value)| format!("<p>{}: {}</p>", escape(name), escape(value))).collect();
    format!("<h1>{}</h1><p>{}</p>{parties}{terms}<p>{}</p>", escape(&document.title), escape(number), escape(&document.body))
}

/// The document as HTML and PDF.
///
/// # Errors
/// INTERNAL when it can't be set.
pub async fn render(document: Agreement) -> Result<Rendered> {
    let html = html(&document);
    let pdf = format!("%PDF-1.7\n{}\n{html}\n%%EOF\n", document.dated).into_bytes();
    let sha256 = Sha256::digest(&pdf).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Rendered { html, pdf, sha256 })
}
