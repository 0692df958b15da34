//! Parts of ISO 20022 messages: versions, amounts, dates, directions and character references.

use std::ops::RangeInclusive;

use ::entity::money::Money;
use chrono::{DateTime, NaiveDate};
use quick_xml::{
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart},
};

use super::reading::Layout;
use crate::clock::day_of;

/// The supported versions.
const VERSIONS: RangeInclusive<u8> = 2..=13;

/// The references of an entry or a transaction.
#[derive(Debug, Default)]
pub(super) struct References {
    /// The bank's own reference (AcctSvcrRef), which is unique.
    pub of_bank: Option<String>,
    /// A number within the notification, or a reference of the payer or its bank, the best first.
    pub others: [Option<String>; 3],
}

impl References {
    pub fn of_bank(&self) -> Option<&str> {
        said([&self.of_bank])
    }

    pub fn other(&self) -> Option<&str> {
        said(&self.others)
    }
}

/// Returns the first of these references that is not empty or a placeholder.
pub(super) fn said<'r>(
    references: impl IntoIterator<Item = &'r Option<String>>,
) -> Option<&'r str> {
    references
        .into_iter()
        .flatten()
        .map(String::as_str)
        .find(|reference| !reference.is_empty() && *reference != "NOTPROVIDED")
}

/// An amount as text, with its currency.
#[derive(Clone, Debug, Default)]
pub(super) struct Amount {
    pub text: String,
    pub currency: String,
}

/// A structured reference with the amount for it.
#[derive(Debug, Default)]
pub(super) struct Structured {
    pub reference: Option<String>,
    pub document: Option<String>,
    pub remitted: Option<Amount>,
    pub credited: bool,
    /// An amount with a type code, as later versions have it.
    pub typed: Amount,
    pub type_code: String,
}

/// Parses kronor with a point and any number of decimals; those after öre must be zero.
pub(super) fn kronor(text: &str) -> Option<Money> {
    let (integer, part) = text.split_once('.').unwrap_or((text, ""));
    let part = if part.len() > 2 { part.trim_end_matches('0') } else { part };
    if part.is_empty() { integer.parse().ok() } else { format!("{integer}.{part}").parse().ok() }
}

/// Parses a date, or the date in Sweden of an instant. A time without an offset is the bank's local
/// time.
pub(super) fn day(text: &str) -> Option<NaiveDate> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(instant) => Some(day_of(instant.to_utc())),
        Err(_) => text.get(..10)?.parse().ok(),
    }
}

/// Returns `true` for incoming money, `false` for outgoing money, and `None` for another word.
pub(super) fn is_credit(text: &str) -> Option<bool> {
    match text {
        "CRDT" => Some(true),
        "DBIT" => Some(false),
        _ => None,
    }
}

/// Returns the layout of a document, by its root element.
pub(super) fn layout_of(name: &str, start: &BytesStart<'_>) -> Result<Layout, String> {
    let spaces = start
        .attributes()
        .flatten()
        .filter(|attribute| attribute.key.as_ref().starts_with("xmlns"));
    let spaces: Vec<String> = spaces.map(|attribute| attribute.value.into_owned()).collect();
    let is_of = |message: &str| {
        let version = spaces.iter().find_map(|space| {
            space.strip_prefix("urn:iso:std:iso:20022:tech:xsd:")?.strip_prefix(message)
        });
        version
            .and_then(|version| version.parse::<u8>().ok())
            .is_some_and(|version| VERSIONS.contains(&version))
    };
    let layout = [(Layout::Camt053, "camt.053.001."), (Layout::Camt054, "camt.054.001.")]
        .into_iter()
        .find(|(_, message)| is_of(message));
    layout.map(|(layout, _)| layout).filter(|_| name == "Document").ok_or_else(|| {
        format!(
            "is not the beginning of a camt.053 or camt.054 in one of the versions {:02} to {}",
            VERSIONS.start(),
            VERSIONS.end()
        )
    })
}

pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> String {
    let found = start.attributes().flatten().find(|attribute| attribute.key.as_ref() == name);
    found.map(|attribute| attribute.value.into_owned()).unwrap_or_default()
}

/// Resolves a character reference by number, or one of the five predefined entities of XML.
pub(super) fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(char) = reference
        .resolve_char_ref()
        .map_err(|error| format!("has a bad character reference: {error}"))?
    {
        return Ok(char.to_string());
    }
    let name = reference.xml10_content();
    resolve_predefined_entity(&name)
        .map(str::to_owned)
        .ok_or_else(|| format!("has the entity &{name};, which XML does not know"))
}
