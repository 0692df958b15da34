//! The agreement that a row makes of the stored one.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    agreement,
    id::{ActivityId, AgreementId, TemplateVersionId},
    kind::FeeBasis,
};

use super::{
    super::{
        key_resolution::{Party, References, version_name},
        row::Line,
    },
    draft::{Draft, check_days},
};
use crate::{agreements::lifecycle, audit::forms::Agreement as Aggregate, collation, term_sql};

/// The rows of the register that a chunk's rows refer to.
pub(super) struct Lookups {
    pub existing: HashMap<String, Aggregate>,
    /// Agreements whose document is stored.
    pub frozen: BTreeSet<AgreementId>,
    pub activities: References<ActivityId>,
    pub parties: References<Party>,
    pub versions: References<TemplateVersionId>,
    pub replaced: References<AgreementId>,
}

/// Builds the agreement of a row, with the values that the file doesn't have as they are stored.
pub(super) fn build(
    line: &mut Line<Draft>,
    before: Option<&Aggregate>,
    lookups: &Lookups,
) -> Aggregate {
    let old = before.map(|before| &before.row);
    let (activity, counterparty, replaces) =
        (line.draft.activity.clone(), line.draft.counterparty.clone(), line.draft.replaces.clone());
    let activity_id = lookups.activities.find(line, "activity", activity.as_deref());
    let party = lookups.parties.find(line, "counterparty", Some(&counterparty));
    let (member_id, organisation_id) = Party::columns(party);
    let version = line
        .draft
        .template
        .as_deref()
        .zip(line.draft.template_version)
        .map(|(slug, version)| version_name(slug, version));
    let template_version_id = lookups.versions.find(line, "template_version", version.as_deref());
    let replaces_id = match replaces {
        Some(key) => lookups.replaced.find(line, "replaces", key.as_deref()),
        None => old.and_then(|old| old.replaces_id),
    };
    let draft = &line.draft;
    let withdrawn_on = draft.withdrawn_on.unwrap_or_else(|| old.and_then(|old| old.withdrawn_on));
    // A withdrawn agreement replaces nothing, even where an older export names a predecessor.
    let replaces_id = replaces_id.filter(|_| withdrawn_on.is_none());
    // Columns that the file doesn't have stay as they are, as long as the fee has a rate.
    let stored = old.filter(|_| draft.fee_basis == Some(FeeBasis::PerMilleOfAllocation));
    let mut row = agreement::Model {
        id: old.map_or_else(AgreementId::new, |old| old.id),
        import_key: old.map_or_else(|| Some(draft.key.clone()), |old| old.import_key.clone()),
        number_key: draft.number.as_deref().map(collation::number_key).unwrap_or_default(),
        number: draft.number.clone(),
        kind: draft.kind,
        direction: draft.direction,
        activity_id,
        member_id,
        organisation_id,
        template_version_id,
        starts_on: draft.starts_on,
        ends_on: draft.ends_on,
        notice_months: draft.notice_months,
        renewal_months: draft.renewal_months,
        offered_at: draft.offered_at,
        signed_on: draft.signed_on,
        withdrawn_on,
        notice_given_on: draft.notice_given_on,
        termination_reason: draft
            .termination_reason
            .clone()
            .unwrap_or_else(|| old.and_then(|old| old.termination_reason.clone())),
        replaces_id,
        replaced_from: old.and_then(|old| old.replaced_from),
        deadline_on: None,
        deadline_month: None,
        fee_basis: draft.fee_basis,
        fee_amount: draft.fee_amount,
        fee_per_mille: draft.fee_per_mille,
        fee_cap: draft.fee_cap.unwrap_or_else(|| stored?.fee_cap),
        fee_minimum: draft.fee_minimum.unwrap_or_else(|| stored?.fee_minimum),
        fee_allocation_basis: draft
            .fee_allocation_basis
            .unwrap_or_else(|| stored?.fee_allocation_basis),
        vat_rate: draft.vat_rate,
        decision_id: old.and_then(|old| old.decision_id),
        notice_end_decided_on: draft
            .notice_end_decided_on
            .unwrap_or_else(|| old.and_then(|old| old.notice_end_decided_on))
            .filter(|_| draft.notice_given_on.is_some()),
    };
    let parameters = parameters_after(&line.draft, before);
    // Only for a term without errors: months that could not be parsed are zero, and a term can't be
    // prolonged by zero months.
    if line.errors.is_empty() {
        check_days(&row, &mut line.errors);
        (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
    }
    Aggregate { row, parameters, ..before.cloned().unwrap_or_default() }
}

/// Returns the parameters after the import: those of the file, or the stored ones if the file has
/// no such column.
fn parameters_after(draft: &Draft, before: Option<&Aggregate>) -> Option<String> {
    let old_parameters = before.and_then(|before| before.parameters.clone());
    match draft.parameters.clone() {
        // The same JSON in another layout is no change.
        Some(new)
            if before.is_some() && is_same_json(new.as_deref(), old_parameters.as_deref()) =>
        {
            old_parameters
        }
        Some(new) => new,
        None => old_parameters,
    }
}

/// `true` if two texts are the same JSON. No text equals an object without fields.
fn is_same_json(one: Option<&str>, other: Option<&str>) -> bool {
    let parse =
        |text: Option<&str>| serde_json::from_str::<serde_json::Value>(text.unwrap_or("{}")).ok();
    parse(one) == parse(other)
}

/// Adds an error for each changed column of an agreement whose document is stored.
pub(super) fn refuse_changes(line: &mut Line<Draft>, before: &Aggregate, after: &Aggregate) {
    let mut columns = lifecycle::frozen_changes(&before.row, &after.row);
    if before.parameters != after.parameters {
        columns.push("parameters");
    }
    for column in columns {
        line.error(
            column,
            "must stay as it is: the agreement was offered, and its document is stored",
        );
    }
}
