//! Eligibility: checks that an agreement's counterparty and activity are allowed on the days of its
//! term. All rules are checked when a draft is stored and when it is offered. The days are checked
//! again at signing, since members leave and activities end meanwhile.

use ::entity::{
    activity,
    agreement::Model,
    kind::{AgreementKind, Direction, FundingKind},
    member,
};
use chrono::NaiveDate;

use super::lifecycle::name;
use crate::{
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    term_sql,
};

/// The reasons that concern the days of the member and of the activity.
const OF_DAYS: [ConflictReason; 2] = [ConflictReason::NotAMember, ConflictReason::ActivityEnded];

/// A reason why an agreement is not eligible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ineligibility {
    /// Stable code for programs.
    pub reason: ConflictReason,
    /// The field of the input with the error.
    pub field: &'static str,
    /// The requirement on the field, as a text that follows its name.
    pub message: String,
    /// The first or last possible day of the field; `None`: the requirement is not about its day.
    pub bound: Option<NaiveDate>,
}

/// Facts that an agreement is checked against.
#[derive(Clone, Debug, Default)]
pub(super) struct EligibilityFacts {
    /// The member; `None`: the counterparty is an organisation.
    pub member: Option<member::Model>,
    /// The activity; `None`: the agreement has none.
    pub activity: Option<activity::Model>,
    /// Funding of the activity.
    pub funding: Vec<FundingKind>,
}

/// Returns all reasons why an agreement is not eligible.
pub(super) fn ineligibilities(row: &Model, facts: &EligibilityFacts) -> Vec<Ineligibility> {
    let mut found = Collector { reason: ConflictReason::DoesNotFit, reasons: Vec::new() };
    check_days(row, facts, &mut found);
    found.reason = ConflictReason::DoesNotFit;
    check_kind(row, facts.activity.as_ref(), &mut found);
    if let (AgreementKind::Participation, Some(activity)) = (row.kind, &facts.activity) {
        check_funding(row, &facts.funding, &activity.name, &mut found);
    }
    found.reasons
}

/// Adds an error to the input's field for each reason why a draft is not eligible.
pub(super) fn check(row: &Model, facts: &EligibilityFacts, errors: &mut ValidationErrors) {
    for ineligibility in ineligibilities(row, facts) {
        let Ineligibility { reason, field, message, bound } = ineligibility;
        let code = field_code(reason, field);
        let problem = match (code, bound) {
            (FieldErrorCode::TooEarly, Some(min)) => FieldErrorCode::too_early(min, message),
            (FieldErrorCode::TooLate, Some(max)) => FieldErrorCode::too_late(max, message),
            _ => code.problem(message),
        };
        errors.add(field, problem);
    }
}

/// Returns the code of a field for a reason why a draft is not eligible.
fn field_code(reason: ConflictReason, field: &str) -> FieldErrorCode {
    match (reason, field) {
        (ConflictReason::NotAMember | ConflictReason::ActivityNotStarted, "starts_on") => {
            FieldErrorCode::TooEarly
        }
        (ConflictReason::ActivityEnded, "starts_on") | (_, "ends_on") => FieldErrorCode::TooLate,
        (_, "renewal_months" | "fee") => FieldErrorCode::NotAllowed,
        _ => FieldErrorCode::Mismatch,
    }
}

/// Fails unless a draft is still eligible.
///
/// # Errors
/// CONFLICT `NOT_A_MEMBER`, `ACTIVITY_ENDED`, `ACTIVITY_NOT_STARTED` or `DOES_NOT_FIT`.
pub(super) fn require(row: &Model, facts: &EligibilityFacts) -> Result<()> {
    refuse(row, ineligibilities(row, facts), "change the draft first")
}

/// Fails unless the member and the activity of an offer exist on all days of its term. The other
/// rules are not checked again after the offer.
///
/// # Errors
/// CONFLICT `NOT_A_MEMBER` or `ACTIVITY_ENDED`.
pub(super) fn require_days(row: &Model, facts: &EligibilityFacts) -> Result<()> {
    let mut ineligibilities = ineligibilities(row, facts);
    ineligibilities.retain(|ineligibility| OF_DAYS.contains(&ineligibility.reason));
    refuse(row, ineligibilities, "withdraw it")
}

/// Fails unless the member and the activity exist on all days of an agreement in force whose end is
/// to be postponed.
///
/// # Errors
/// CONFLICT `NOT_A_MEMBER` or `ACTIVITY_ENDED`.
pub(super) fn require_days_for_extension(row: &Model, facts: &EligibilityFacts) -> Result<()> {
    let mut ineligibilities = ineligibilities(row, facts);
    ineligibilities.retain(|ineligibility| OF_DAYS.contains(&ineligibility.reason));
    refuse(row, ineligibilities, "its end can't be postponed")
}

fn refuse(row: &Model, ineligibilities: Vec<Ineligibility>, advice: &str) -> Result<()> {
    let Some(Ineligibility { reason, field, message, .. }) = ineligibilities.into_iter().next()
    else {
        return Ok(());
    };
    Err(Error::conflict(
        reason,
        format!(
            "{} is no longer eligible: its {} {message}; {advice}",
            name(row),
            field_label(field)
        ),
    ))
}

/// Returns the label of a field of an agreement in messages.
fn field_label(field: &'static str) -> &'static str {
    match field {
        "starts_on" => "first day",
        "ends_on" => "last day",
        "renewal_months" => "renewal",
        other => other,
    }
}

/// Collects the reasons of a check.
struct Collector {
    reason: ConflictReason,
    reasons: Vec<Ineligibility>,
}

impl Collector {
    fn expect(&mut self, holds: bool, field: &'static str, message: impl FnOnce() -> String) {
        self.expect_day(holds, field, None, message);
    }

    /// Like [`Collector::expect`], for a field whose first or last possible day is `bound`.
    fn expect_day(
        &mut self,
        holds: bool,
        field: &'static str,
        bound: impl Into<Option<NaiveDate>>,
        message: impl FnOnce() -> String,
    ) {
        if !holds {
            let (reason, bound) = (self.reason, bound.into());
            self.reasons.push(Ineligibility { reason, field, message: message(), bound });
        }
    }
}

/// Checks the days. A member must be one on every day of the term. A participation lies within the
/// activity's days; other agreements may begin before the activity and, unless they begin after its
/// end, continue after it.
fn check_days(
    row: &Model,
    EligibilityFacts { member, activity, .. }: &EligibilityFacts,
    found: &mut Collector,
) {
    let own = term_sql::of(row);
    let lasts_until = |last| own.final_day().is_some_and(|end| end <= last);
    // An agreement that renews or has no end continues after any day.
    let too_long = if own.renews() && own.ends_on.is_some() { "renewal_months" } else { "ends_on" };
    if let Some(member) = member {
        found.reason = ConflictReason::NotAMember;
        found.expect_day(row.starts_on >= member.joined_on, "starts_on", member.joined_on, || {
            format!(
                "must not be before {}, when {} becomes a member",
                member.joined_on, member.name
            )
        });
        if let Some(left_on) = member.left_on {
            if row.starts_on > left_on {
                found.expect(false, "counterparty_id", || {
                    format!("was a member until {left_on}, before the agreement starts")
                });
            } else {
                found.expect_day(lasts_until(left_on), too_long, left_on, || {
                    until(
                        too_long,
                        format!("{left_on}, when the membership of {} ends", member.name),
                    )
                });
            }
        }
    }
    let Some(activity) = activity else { return };
    let takes_part = row.kind == AgreementKind::Participation;
    if let Some(last) = activity.ends_on {
        found.reason = ConflictReason::ActivityEnded;
        let last_day = format!("{last}, the last day of {}", activity.name);
        if row.starts_on > last {
            found.expect_day(false, "starts_on", last, || format!("must not be after {last_day}"));
        } else {
            let fits = !takes_part || lasts_until(last);
            found.expect_day(fits, too_long, last, || until(too_long, last_day));
        }
    }
    found.reason = ConflictReason::ActivityNotStarted;
    let has_started = !takes_part || row.starts_on >= activity.starts_on;
    found.expect_day(has_started, "starts_on", activity.starts_on, || {
        format!("must not be before {}, the first day of {}", activity.starts_on, activity.name)
    });
}

fn until(field: &str, day: String) -> String {
    if field == "renewal_months" {
        format!("must be left out: the agreement can't continue after {day}")
    } else {
        format!("is needed, and must not be after {day}")
    }
}

/// Checks the direction of payment by kind: a participation is income or free, an assignment is a
/// cost, and a cooperation is income or free.
fn check_kind(row: &Model, activity: Option<&activity::Model>, found: &mut Collector) {
    let direction = row.direction;
    match row.kind {
        AgreementKind::Participation => {
            found.expect(row.organisation_id.is_none(), "counterparty_id", || {
                "must be a member: the template is for participation in an activity".to_owned()
            });
            found.expect(activity.is_some(), "activity_id", || {
                "is needed: a participation agreement is about an activity".to_owned()
            });
            found.expect(direction != Direction::Cost, "direction", || {
                "must be INCOME or NONE: participants are not paid".to_owned()
            });
        }
        AgreementKind::Assignment => {
            found.expect(direction == Direction::Cost, "direction", || {
                "must be COST: the network pays for an assignment".to_owned()
            });
        }
        AgreementKind::Cooperation => {
            found.expect(direction != Direction::Cost, "direction", || {
                "must be NONE or INCOME: the network does not pay for cooperation".to_owned()
            });
        }
    }
    found.expect(direction != Direction::None || row.fee_basis.is_none(), "fee", || {
        "must be null if direction is NONE".to_owned()
    });
}

/// Checks that a participation is free of charge where others fund the activity: by a grant, by the
/// service fee, or by volunteer work.
fn check_funding(row: &Model, funding: &[FundingKind], activity: &str, found: &mut Collector) {
    let by_participants = |kind: &FundingKind| match kind {
        FundingKind::SpecialFee | FundingKind::CourseIncome | FundingKind::Partner => true,
        FundingKind::Grant | FundingKind::ServiceFee | FundingKind::Volunteer => false,
    };
    if funding.is_empty() || funding.iter().any(by_participants) {
        return;
    }
    let words: Vec<_> = funding.iter().map(|kind| kind.word()).collect();
    let payers = format!("{activity} is paid for by {}", words.join(" and "));
    if row.fee_basis.is_some() {
        found.expect(false, "fee", || {
            format!("must be left out: {payers}, not by its participants")
        });
    } else {
        found.expect(row.direction == Direction::None, "direction", || {
            format!("must be NONE: {payers}")
        });
    }
}

#[cfg(test)]
mod tests {
    use ::entity::kind::FeeBasis;
    use chrono::NaiveDate;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn participation() -> Model {
        Model {
            kind: AgreementKind::Participation,
            direction: Direction::Income,
            member_id: Some(Default::default()),
            fee_basis: Some(FeeBasis::OneOff),
            starts_on: day("2026-01-01"),
            ends_on: Some(day("2026-12-31")),
            ..Model::default()
        }
    }

    fn facts() -> EligibilityFacts {
        EligibilityFacts {
            member: Some(member::Model {
                name: "Åre".into(),
                joined_on: day("2020-01-01"),
                ..member::Model::default()
            }),
            activity: Some(activity::Model {
                name: "BIP".into(),
                starts_on: day("2020-01-01"),
                ..activity::Model::default()
            }),
            funding: Vec::new(),
        }
    }

    fn found(row: &Model, facts: &EligibilityFacts) -> Vec<(ConflictReason, &'static str)> {
        ineligibilities(row, facts)
            .into_iter()
            .map(|ineligibility| (ineligibility.reason, ineligibility.field))
            .collect()
    }

    #[test]
    fn a_term_stays_within_the_membership_and_the_activity() {
        let fits: &[(ConflictReason, &str)] = &[];
        let row = participation();
        let open = Model { ends_on: None, ..row.clone() };
        let renewing = Model { renewal_months: Some(12), ..row.clone() };
        let work =
            Model { kind: AgreementKind::Assignment, direction: Direction::Cost, ..row.clone() };
        assert_eq!(found(&row, &facts()), fits);
        for (last, of_row, of_open, of_renewing, of_work) in [
            ("2026-12-31", None, Some("ends_on"), Some("renewal_months"), None),
            ("2026-12-30", Some("ends_on"), Some("ends_on"), Some("renewal_months"), None),
            ("2026-01-01", Some("ends_on"), Some("ends_on"), Some("renewal_months"), None),
            (
                "2025-12-31",
                Some("starts_on"),
                Some("starts_on"),
                Some("starts_on"),
                Some("starts_on"),
            ),
        ] {
            let mut ends = facts();
            ends.activity.as_mut().unwrap().ends_on = Some(day(last));
            for (row, field) in
                [(&row, of_row), (&open, of_open), (&renewing, of_renewing), (&work, of_work)]
            {
                let expected: Vec<_> =
                    field.map(|field| (ConflictReason::ActivityEnded, field)).into_iter().collect();
                assert_eq!(found(row, &ends), expected, "{last} {row:?}");
            }
            let mut leaves = facts();
            leaves.member.as_mut().unwrap().left_on = Some(day(last));
            let of_row =
                of_row.map(|field| if field == "starts_on" { "counterparty_id" } else { field });
            let expected: Vec<_> =
                of_row.map(|field| (ConflictReason::NotAMember, field)).into_iter().collect();
            assert_eq!(found(&row, &leaves), expected, "{last}");
            assert_eq!(found(&work, &leaves), expected, "{last}");
        }
        let mut young = facts();
        young.member.as_mut().unwrap().joined_on = day("2026-01-02");
        young.activity.as_mut().unwrap().starts_on = day("2026-01-02");
        assert_eq!(
            found(&row, &young),
            [
                (ConflictReason::NotAMember, "starts_on"),
                (ConflictReason::ActivityNotStarted, "starts_on")
            ]
        );
        assert_eq!(found(&work, &young), [(ConflictReason::NotAMember, "starts_on")]);
    }

    #[test]
    fn who_pays_follows_from_the_funding() {
        use FundingKind::{CourseIncome, Grant, SpecialFee, Volunteer};
        for (funding, has_fee, direction, field) in [
            (&[Grant][..], false, Direction::None, None),
            (&[Grant], false, Direction::Income, Some("direction")),
            (&[Grant], true, Direction::Income, Some("fee")),
            (&[Volunteer], false, Direction::None, None),
            (&[Volunteer], true, Direction::Income, Some("fee")),
            (&[Grant, SpecialFee], true, Direction::Income, None),
            (&[CourseIncome, SpecialFee], false, Direction::Income, None),
            (&[], true, Direction::Income, None),
            (&[], true, Direction::None, Some("fee")),
        ] {
            let row = Model {
                fee_basis: has_fee.then_some(FeeBasis::OneOff),
                direction,
                ..participation()
            };
            let expected: Vec<_> =
                field.map(|field| (ConflictReason::DoesNotFit, field)).into_iter().collect();
            assert_eq!(
                found(&row, &EligibilityFacts { funding: funding.to_vec(), ..facts() }),
                expected,
                "{funding:?} {has_fee}"
            );
        }
    }

    #[test]
    fn an_offer_is_checked_against_the_days_only() {
        let mut facts = facts();
        facts.funding = vec![FundingKind::Grant];
        let row = participation();
        assert!(require(&row, &facts).is_err());
        assert!(require_days(&row, &facts).is_ok());
        facts.activity.as_mut().unwrap().starts_on = day("2026-02-01");
        assert!(require_days_for_extension(&row, &facts).is_ok());
        facts.member.as_mut().unwrap().left_on = Some(day("2026-06-30"));
        let message = |result: Result<()>| result.unwrap_err().to_string();
        let error = message(require_days(&row, &facts));
        assert!(error.ends_with("when the membership of Åre ends; withdraw it"), "{error}");
        let error = message(require_days_for_extension(&row, &facts));
        assert!(error.ends_with("; its end can't be postponed"), "{error}");
    }

    #[test]
    fn the_direction_follows_from_the_kind() {
        use Direction::{Cost, Income, None as Free};
        for (kind, direction, field) in [
            (AgreementKind::Assignment, Cost, None),
            (AgreementKind::Assignment, Income, Some("direction")),
            (AgreementKind::Cooperation, Income, None),
            (AgreementKind::Cooperation, Cost, Some("direction")),
            (AgreementKind::Participation, Cost, Some("direction")),
            (AgreementKind::Cooperation, Free, Some("fee")),
        ] {
            let expected: Vec<_> =
                field.map(|field| (ConflictReason::DoesNotFit, field)).into_iter().collect();
            let row = Model { kind, direction, ..participation() };
            assert_eq!(found(&row, &facts()), expected, "{kind:?} {direction:?}");
        }
    }
}
