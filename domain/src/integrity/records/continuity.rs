//! Continuity of the entries about a record: each begins from the state that the previous one left.

use std::collections::HashMap;

use ::entity::{audit_entry::Model, kind::Form};
use sea_orm::ConnectionTrait;

use super::{compare::differences, load, name};
use crate::{
    audit::{self, Keyring, Link, Opened, forms},
    error::Result,
};

/// Entries that are compared together.
const CHUNK: usize = 250;

/// Finds entries that began from another state than the previous entry left: a sentence each. Skips
/// fields of erased persons, and fields that entries from before forms were introduced lack.
pub(in crate::integrity) async fn violations(
    db: &impl ConnectionTrait,
    links: &[Link],
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for links in links.chunks(CHUNK) {
        let mut revisions: Vec<i64> =
            links.iter().flat_map(|link| link.from.into_iter().chain([link.to])).collect();
        revisions.sort_unstable();
        revisions.dedup();
        let entries = audit::readable(db, &revisions).await?;
        let keyring = Keyring::of(db, &entries).await?;
        let entries: HashMap<i64, Model> =
            entries.into_iter().map(|entry| (entry.revision, entry)).collect();
        for link in links {
            let Some((entry, form)) =
                entries.get(&link.to).and_then(|entry| Some((entry, entry.form?)))
            else {
                continue;
            };
            let Some(from) = link.from else {
                let name = named(form, entry);
                found.push(format!(
                    "{name}: revision {} of the audit trail began from something, but is the first about it",
                    entry.revision
                ));
                continue;
            };
            let Some(before) = entries.get(&from) else { continue };
            if let Some(fields) = departed(form, before, entry, &keyring) {
                let fields = if fields.is_empty() {
                    String::new()
                } else {
                    format!(": {}", fields.join(", "))
                };
                found.push(format!(
                    "{}: revision {} of the audit trail began from something that revision {from} did not leave{fields}",
                    named(form, entry),
                    entry.revision
                ));
            }
        }
    }
    Ok(found)
}

fn named(form: Form, entry: &Model) -> String {
    let text = entry
        .after
        .as_deref()
        .or(entry.before.as_deref())
        .and_then(|text| serde_json::from_str(text).ok());
    name(form, entry.record_id.unwrap_or_default(), text.as_ref())
}

/// Returns the fields in which the state before an entry differs from the state after the previous
/// one; an empty list if the record existed in only one of the two, and `None` if nothing differs.
fn departed(form: Form, before: &Model, entry: &Model, keyring: &Keyring) -> Option<Vec<String>> {
    let is_former = before.form_version == forms::FORMER;
    let open = |entry: &Model, text: &Option<String>| -> Result<Option<Opened>, ()> {
        let Some(text) = text else { return Ok(None) };
        let mut opened = keyring.open(entry.revision, text).map_err(drop)?;
        opened.value = load::current(form, entry.form_version, opened.value).map_err(drop)?;
        Ok(Some(opened))
    };
    let (left, began) = match (open(before, &before.after), open(entry, &entry.before)) {
        (Ok(left), Ok(began)) => (left, began),
        _ => return Some(vec!["a text is not JSON".to_owned()]),
    };
    match (left, began) {
        (None, None) => None,
        // Entries from before forms were introduced recorded some changes under another record.
        (Some(_), None) | (None, Some(_)) if is_former => None,
        (Some(_), None) | (None, Some(_)) => Some(Vec::new()),
        (Some(left), Some(began)) => {
            let erased = left.erased.union(&began.erased).cloned().collect();
            let fields = differences(&left.value, &began.value, &erased, is_former);
            (!fields.is_empty()).then_some(fields)
        }
    }
}
