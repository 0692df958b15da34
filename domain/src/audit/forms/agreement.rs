//! The form of an agreement, with its parts.

use std::collections::HashMap;

use ::entity::{
    agreement, agreement_document, agreement_parameters, decision,
    id::AgreementId,
    kind::{Form, SubjectKind},
    signature,
    term::notice_deadline,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use serde::ser::SerializeMap;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    super::recorded::{Fields, Person, Personal, Recorded, Written, fields, parts},
    activity::{decided, decisions},
    pseudonym::is_pseudonym,
};
use crate::{database::among, error::Result};

/// An agreement with its parameters, decision, document's digest and signatures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agreement {
    /// The row.
    pub row: agreement::Model,
    /// A JSON object; `None` if none is stored.
    pub parameters: Option<String>,
    /// The decision; `None` if none is recorded.
    pub decision: Option<decision::Model>,
    /// SHA-256 of the offered PDF; `None` if none is stored.
    pub document_sha256: Option<String>,
    /// Signatures, the earliest first.
    pub signatures: Vec<signature::Model>,
}

impl Fields for Agreement {
    fn write<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
        let Self { row, parameters, decision, document_sha256, signatures } = self;
        row.write(map)?;
        map.serialize_entry("parameters", parameters)?;
        map.serialize_entry("decision", &decision.as_ref().map(Written))?;
        map.serialize_entry("document_sha256", document_sha256)?;
        map.serialize_entry("signatures", &parts(signatures))
    }
}

impl Recorded for Agreement {
    const FORM: Form = Form::Agreement;
    // Version 2: the notice deadline of a term that ends with its month is at the end of a month.
    const VERSION: i32 = 2;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Agreement, self.row.id.0)
    }

    fn record_id(&self) -> Uuid {
        self.row.id.0
    }

    fn personal(&self) -> Vec<Personal> {
        let named = self
            .signatures
            .iter()
            .enumerate()
            .filter(|(_, signature)| !is_pseudonym(&signature.name, signature.id));
        let signed = named.map(|(index, signature)| {
            Personal::within(
                Person::signatory(signature.id),
                &format!("/signatures/{index}"),
                &["/name", "/title"],
            )
        });
        signed.chain(decided(self.decision.as_ref())).collect()
    }
}

/// Moves the notice deadline of a term that ends with its month to the end of the deadline's month,
/// which the first version did not do.
pub(super) fn with_month_end_deadline(fields: &mut Map<String, Value>) {
    let renews = fields.get("renewal_months").is_some_and(Value::is_i64)
        && fields.get("notice_given_on").is_some_and(Value::is_null);
    let ends_on =
        fields.get("ends_on").and_then(Value::as_str).and_then(|day| day.parse::<NaiveDate>().ok());
    let notice = fields
        .get("notice_months")
        .and_then(Value::as_i64)
        .and_then(|months| i32::try_from(months).ok());
    let (true, Some(ends_on), Some(notice)) = (renews, ends_on, notice) else { return };
    if let Some(deadline) = fields.get_mut("deadline_on") {
        *deadline = notice_deadline(ends_on, notice).to_string().into();
    }
}

/// The digest of the HTML with which an agreement was offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgreementHtml {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
}

fields!(AgreementHtml { agreement_id, sha256 });

impl Recorded for AgreementHtml {
    const FORM: Form = Form::AgreementHtml;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Agreement, self.agreement_id.0)
    }

    fn record_id(&self) -> Uuid {
        self.agreement_id.0
    }
}

/// Loads the parts of agreements.
pub async fn agreements(
    db: &impl ConnectionTrait,
    rows: Vec<agreement::Model>,
) -> Result<Vec<Agreement>> {
    let backend = db.get_database_backend();
    let ids = || rows.iter().map(|row| row.id);
    let theirs = among(backend, Expr::col(agreement_parameters::Column::AgreementId), ids());
    let found = agreement_parameters::Entity::find().filter(theirs).all(db).await?;
    let mut parameters: HashMap<AgreementId, String> =
        found.into_iter().map(|row| (row.agreement_id, row.parameters)).collect();
    let theirs = among(backend, Expr::col(agreement_document::Column::AgreementId), ids());
    let digests = agreement_document::Entity::find()
        .select_only()
        .columns([agreement_document::Column::AgreementId, agreement_document::Column::Sha256])
        .filter(theirs);
    let digests: Vec<(AgreementId, String)> = digests.into_tuple().all(db).await?;
    let mut digests: HashMap<_, _> = digests.into_iter().collect();
    let theirs = among(backend, Expr::col(signature::Column::AgreementId), ids());
    let found = signature::Entity::find().filter(theirs);
    let found = found
        .order_by_asc(signature::Column::SignedOn)
        .order_by_asc(signature::Column::Id)
        .all(db)
        .await?;
    let mut signatures: HashMap<AgreementId, Vec<signature::Model>> = HashMap::new();
    for row in found {
        signatures.entry(row.agreement_id).or_default().push(row);
    }
    let decisions = decisions(db, rows.iter().filter_map(|row| row.decision_id)).await?;
    let snapshot = |row: agreement::Model| {
        let id = row.id;
        Agreement {
            parameters: parameters.remove(&id),
            decision: row.decision_id.and_then(|id| decisions.get(&id).cloned()),
            document_sha256: digests.remove(&id),
            signatures: signatures.remove(&id).unwrap_or_default(),
            row,
        }
    };
    Ok(rows.into_iter().map(snapshot).collect())
}

/// Loads the parts of an agreement.
pub async fn agreement(db: &impl ConnectionTrait, row: agreement::Model) -> Result<Agreement> {
    let alone = Agreement { row: row.clone(), ..Agreement::default() };
    Ok(agreements(db, vec![row]).await?.pop().unwrap_or(alone))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn deadlines_of_the_first_version_are_read_as_of_now() {
        let read = |text: Value| {
            let Value::Object(mut fields) = text else { return Value::Null };
            with_month_end_deadline(&mut fields);
            fields.get("deadline_on").cloned().unwrap_or_default()
        };
        let text = json!({ "ends_on": "2026-06-30", "notice_months": 3, "renewal_months": 6, "notice_given_on": null, "deadline_on": "2026-03-30" });
        assert_eq!(read(text.clone()), json!("2026-03-31"));
        for (field, value) in [
            ("notice_given_on", json!("2026-01-01")),
            ("renewal_months", Value::Null),
            ("ends_on", json!("2026-06-29")),
        ] {
            let mut other = text.clone();
            other[field] = value.clone();
            let expected = if field == "ends_on" { "2026-03-29" } else { "2026-03-30" };
            assert_eq!(read(other), json!(expected), "{field} {value}");
        }
        // A text without the fields stays as it is.
        assert_eq!(read(json!({ "deadline_on": "2026-03-30" })), json!("2026-03-30"));
    }
}
