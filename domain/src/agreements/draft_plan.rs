//! The input of a changed draft and of a successor, from the agreement as it is and the changes.

use ::entity::{
    agreement::Model,
    id::{TemplateId, TemplateVersionId},
    kind::AgreementKind,
};
use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::{
    Counterparty,
    draft_input::{DraftChanges, NewAgreement, Successor},
    fee::{Fee, FeeSource},
    lifecycle::name,
};
use crate::error::{FieldErrorCode, ValidationErrors};

/// Returns the template in the input, or else the present one. Adds an error if there is neither.
pub(super) fn template_of(
    stated: Option<TemplateId>,
    own: Option<TemplateId>,
    message: &'static str,
    errors: &mut ValidationErrors,
) -> TemplateId {
    let template = stated.or(own);
    errors.expect(template.is_some(), "template_id", FieldErrorCode::Required.problem(message));
    template.unwrap_or_default()
}

/// Returns the counterparty of a row.
fn counterparty_of(row: &Model) -> Option<Counterparty> {
    row.member_id.map(Counterparty::Member).or(row.organisation_id.map(Counterparty::Organisation))
}

/// Returns the input that a draft would have with these changes. `own_version` is its present
/// version, if the template stays the same.
pub(super) fn updated(
    row: &Model,
    changes: DraftChanges,
    (template, own_version): (TemplateId, Option<TemplateVersionId>),
    parameters: Map<String, Value>,
) -> NewAgreement {
    NewAgreement {
        template,
        template_version: changes.template_version.or(own_version),
        activity: changes.activity.unwrap_or(row.activity_id),
        counterparty: changes
            .counterparty
            .or(counterparty_of(row))
            .unwrap_or(Counterparty::Member(Default::default())),
        direction: changes.direction.or_else(|| changes.fee.is_none().then_some(row.direction)),
        parameters,
        starts_on: changes.starts_on.unwrap_or(row.starts_on),
        ends_on: changes.ends_on.unwrap_or(row.ends_on),
        notice_months: changes.notice_months.or(Some(row.notice_months)),
        renewal_months: changes.renewal_months.unwrap_or(row.renewal_months),
        fee: match changes.fee {
            Some(fee) => FeeSource::Explicit(fee),
            // A successor has the same activity as its predecessor: see [`check_successor`].
            None if row.replaces_id.is_none()
                && changes.activity.is_some_and(|activity| activity != row.activity_id) =>
            {
                FeeSource::Schedule(None)
            }
            None => FeeSource::Unchanged(Fee::of(row)),
        },
        decision: changes.decision,
    }
}

/// Returns the input of a successor with these terms.
pub(super) fn successor(
    old: &Model,
    new: Successor,
    template: TemplateId,
    parameters: Map<String, Value>,
) -> NewAgreement {
    NewAgreement {
        template,
        template_version: new.template_version,
        activity: old.activity_id,
        counterparty: counterparty_of(old).unwrap_or(Counterparty::Member(Default::default())),
        direction: new.direction,
        parameters,
        starts_on: new.starts_on,
        ends_on: new.ends_on,
        notice_months: new.notice_months.or(Some(old.notice_months)),
        renewal_months: new
            .renewal_months
            .unwrap_or(old.renewal_months.filter(|_| new.ends_on.is_some())),
        fee: new.fee.map_or(FeeSource::Schedule(Fee::of(old)), FeeSource::Explicit),
        decision: new.decision,
    }
}

/// Adds the errors of a successor's draft `row` whose counterparty, activity or first day would no
/// longer fit the agreement that it replaces.
pub(super) fn check_successor(
    row: &Model,
    replaced: &Model,
    new: &NewAgreement,
    errors: &mut ValidationErrors,
) {
    expect_later(replaced, new.starts_on, errors);
    let message = "must stay that of the agreement that it replaces";
    errors.expect(
        Some(new.counterparty) == counterparty_of(row),
        "counterparty_id",
        FieldErrorCode::Mismatch.problem(message),
    );
    errors.expect(
        new.activity == row.activity_id,
        "activity_id",
        FieldErrorCode::Mismatch.problem(message),
    );
}

/// Adds an error unless a successor's template is for the kind of the agreement that it replaces.
pub(super) fn check_kind(old: &Model, kind: AgreementKind, errors: &mut ValidationErrors) {
    if kind != old.kind {
        let message = format!("is for {kind}, and {} is {}", name(old), old.kind);
        errors.add("template_id", FieldErrorCode::Mismatch.problem(message));
    }
}

/// Adds an error unless a successor begins after the first day of the agreement that it replaces,
/// which is in force until the day before.
pub(super) fn expect_later(replaced: &Model, starts_on: NaiveDate, errors: &mut ValidationErrors) {
    let message = format!(
        "must be after {}, the first day of {}, which is in force until the day before",
        replaced.starts_on,
        name(replaced)
    );
    let next = replaced.starts_on.succ_opt().unwrap_or(replaced.starts_on);
    let problem = FieldErrorCode::too_early(next, message);
    errors.expect(starts_on > replaced.starts_on, "starts_on", problem);
}

#[cfg(test)]
mod tests {
    use ::entity::{
        id::{ActivityId, AgreementId, MemberId},
        kind::{Direction, FeeBasis, VatRate},
        money::Money,
    };

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn row() -> Model {
        Model {
            id: AgreementId::new(),
            member_id: Some(MemberId::new()),
            activity_id: Some(ActivityId::new()),
            direction: Direction::Income,
            starts_on: day("2026-01-01"),
            ends_on: Some(day("2026-12-31")),
            notice_months: 3,
            renewal_months: Some(12),
            fee_basis: Some(FeeBasis::FixedPerYear),
            fee_amount: Some(Money(1000)),
            vat_rate: Some(VatRate::Standard25),
            ..Model::default()
        }
    }

    fn after(row: &Model, changes: DraftChanges) -> NewAgreement {
        updated(row, changes, (TemplateId::default(), None), Map::new())
    }

    #[test]
    fn an_update_changes_the_stated_fields_only() {
        let row = row();
        let same = after(&row, DraftChanges::default());
        assert_eq!(same.fee, FeeSource::Unchanged(Fee::of(&row)));
        assert_eq!(
            (same.activity, same.ends_on, same.notice_months, same.renewal_months, same.direction),
            (row.activity_id, row.ends_on, Some(3), Some(12), Some(Direction::Income))
        );
        let changes =
            DraftChanges { ends_on: Some(None), renewal_months: Some(None), ..Default::default() };
        let open = after(&row, changes);
        assert_eq!(
            (open.starts_on, open.ends_on, open.renewal_months),
            (row.starts_on, None, None)
        );
        // A new fee decides the direction again.
        let free = after(&row, DraftChanges { fee: Some(None), ..DraftChanges::default() });
        assert_eq!((free.fee, free.direction), (FeeSource::Explicit(None), None));
    }

    #[test]
    fn another_activity_has_its_own_price() {
        let changes =
            |activity| DraftChanges { activity: Some(activity), ..DraftChanges::default() };
        let row = row();
        let moved = after(&row, changes(Some(ActivityId::new())));
        assert_eq!(moved.fee, FeeSource::Schedule(None));
        let same = after(&row, changes(row.activity_id));
        assert_eq!(same.fee, FeeSource::Unchanged(Fee::of(&row)));
    }

    #[test]
    fn a_successor_begins_later_with_the_same_parties() {
        let old = row();
        let draft = Model { replaces_id: Some(old.id), id: AgreementId::new(), ..old.clone() };
        let fields = |changes: DraftChanges| {
            let mut errors = ValidationErrors::default();
            check_successor(&draft, &old, &after(&draft, changes), &mut errors);
            errors.into_inner().into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        let later = DraftChanges { starts_on: Some(day("2026-01-02")), ..Default::default() };
        assert_eq!(fields(later.clone()), [""; 0]);
        assert_eq!(fields(DraftChanges::default()), ["starts_on"]);
        let moved = DraftChanges {
            activity: Some(None),
            counterparty: Some(Counterparty::Member(MemberId::new())),
            ..later
        };
        assert_eq!(fields(moved), ["counterparty_id", "activity_id"]);
    }

    #[test]
    fn a_successor_inherits_what_its_terms_omit() {
        let old = row();
        let of = |new: Successor| successor(&old, new, TemplateId::default(), Map::new());
        let open = of(Successor { starts_on: day("2027-01-01"), ..Successor::default() });
        assert_eq!((open.notice_months, open.renewal_months, open.ends_on), (Some(3), None, None));
        assert_eq!(open.fee, FeeSource::Schedule(Fee::of(&old)));
        assert_eq!((open.activity, open.direction), (old.activity_id, None));
        let last = Some(day("2027-12-31"));
        let fixed = of(Successor { ends_on: last, fee: Some(None), ..Successor::default() });
        assert_eq!((fixed.renewal_months, fixed.fee), (Some(12), FeeSource::Explicit(None)));
        let plain =
            of(Successor { ends_on: last, renewal_months: Some(None), ..Successor::default() });
        assert_eq!(plain.renewal_months, None);
    }
}
