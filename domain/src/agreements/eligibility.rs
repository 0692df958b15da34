//! Fit: whether an agreement can be with its counterparty and about its activity on the days of its
//! term. It is asked when a draft is written, again when it is offered, and of its days again when
//! it is signed, since members leave and activities end meanwhile.

use ::entity::{
    activity,
    agreement::Model,
    kind::{AgreementKind, Direction, FundingKind},
    member,
};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::lifecycle::name;
use crate::{
    activities,
    error::{Error, Result, ValidationErrors},
    term_sql,
};

/// The counterparty was no member on some day of the term.
const NOT_A_MEMBER: &str = "NOT_A_MEMBER";
/// The activity has ended on some day of the term.
const ACTIVITY_ENDED: &str = "ACTIVITY_ENDED";

/// Something that an agreement does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ineligibility {
    /// A stable word for programs.
    pub reason: &'static str,
    /// The field of the input that is at fault.
    pub field: &'static str,
    /// What the field must be, so that it can stand after its name.
    pub message: String,
}

/// What an agreement is held against.
#[derive(Clone, Debug, Default)]
pub(super) struct Surroundings {
    /// Null: the counterparty is none.
    pub member: Option<member::Model>,
    /// Null: it is about none.
    pub activity: Option<activity::Model>,
    /// What the activity is paid for by.
    pub funding: Vec<FundingKind>,
}

impl Surroundings {
    /// Those of an agreement that is stored.
    async fn of(db: &impl ConnectionTrait, row: &Model) -> Result<Self> {
        let member = match row.member_id {
            Some(id) => member::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let activity = match row.activity_id {
            Some(id) => activity::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let funding = match row.activity_id {
            Some(id) => activities::funding_of(db, &[id]).await?.remove(&id).unwrap_or_default(),
            None => Vec::new(),
        };
        Ok(Self { member, activity, funding })
    }
}

/// All that an agreement does not fit.
pub(super) fn misfits(row: &Model, surroundings: &Surroundings) -> Vec<Ineligibility> {
    let mut found = Found { reason: "", misfits: Vec::new() };
    check_days(row, surroundings, &mut found);
    found.reason = "DOES_NOT_FIT";
    check_kind(row, surroundings.activity.as_ref(), &mut found);
    if let (AgreementKind::Participation, Some(activity)) = (row.kind, &surroundings.activity) {
        check_funding(row, &surroundings.funding, &activity.name, &mut found);
    }
    found.misfits
}

/// Notes whatever a draft does not fit with the fields of its input.
pub(super) fn check(row: &Model, surroundings: &Surroundings, errors: &mut ValidationErrors) {
    for ineligibility in misfits(row, surroundings) {
        errors.add(format!("input.{}", ineligibility.field), ineligibility.message);
    }
}

/// Whether a draft fits still.
///
/// # Errors
/// CONFLICT `NOT_A_MEMBER`, `ACTIVITY_ENDED`, `ACTIVITY_NOT_STARTED` or `DOES_NOT_FIT`.
pub(super) async fn require(db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    refuse(row, misfits(row, &Surroundings::of(db, row).await?), "change the draft first")
}

/// Whether there are still the member and the activity that an offer is for. What was offered
/// stands otherwise as it was.
///
/// # Errors
/// CONFLICT `NOT_A_MEMBER` or `ACTIVITY_ENDED`.
pub(super) async fn require_days(db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let mut misfits = misfits(row, &Surroundings::of(db, row).await?);
    misfits.retain(|ineligibility| [NOT_A_MEMBER, ACTIVITY_ENDED].contains(&ineligibility.reason));
    refuse(row, misfits, "withdraw it")
}

/// Checks that there are the member and the activity for all days of an agreement in force that is
/// to end later than it does.
///
/// # Errors
/// CONFLICT `NOT_A_MEMBER` or `ACTIVITY_ENDED`.
pub(super) async fn require_days_still(db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let mut misfits = misfits(row, &Surroundings::of(db, row).await?);
    misfits.retain(|ineligibility| [NOT_A_MEMBER, ACTIVITY_ENDED].contains(&ineligibility.reason));
    refuse(row, misfits, "it keeps its end")
}

fn refuse(row: &Model, misfits: Vec<Ineligibility>, advice: &str) -> Result<()> {
    let Some(Ineligibility { reason, field, message }) = misfits.into_iter().next() else {
        return Ok(());
    };
    Err(Error::conflict(
        reason,
        format!("{} does not fit any longer, its {field} {message}; {advice}", name(row)),
    ))
}

/// What was found so far.
struct Found {
    reason: &'static str,
    misfits: Vec<Ineligibility>,
}

impl Found {
    fn expect(&mut self, holds: bool, field: &'static str, message: impl FnOnce() -> String) {
        if !holds {
            self.misfits.push(Ineligibility { reason: self.reason, field, message: message() });
        }
    }
}

/// A member is one on every day of the term. Who takes part does so while there is the activity;
/// others may prepare it and wind it up.
fn check_days(
    row: &Model,
    Surroundings { member, activity, .. }: &Surroundings,
    found: &mut Found,
) {
    let own = term_sql::of(row);
    let lasts_until = |last| own.final_day().is_some_and(|end| end <= last);
    // What prolongs itself, or has no end, goes on after any day.
    let too_long = if own.renews() && own.ends_on.is_some() { "renewalMonths" } else { "endsOn" };
    if let Some(member) = member {
        found.reason = NOT_A_MEMBER;
        found.expect(row.starts_on >= member.joined_on, "startsOn", || {
            format!(
                "must not be before {}, when {} becomes a member",
                member.joined_on, member.name
            )
        });
        if let Some(left_on) = member.left_on {
            if row.starts_on > left_on {
                found.expect(false, "counterparty", || {
                    format!("was a member until {left_on}, before the agreement starts")
                });
            } else {
                found.expect(lasts_until(left_on), too_long, || {
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
        found.reason = ACTIVITY_ENDED;
        let last_day = format!("{last}, the last day of {}", activity.name);
        if row.starts_on > last {
            found.expect(false, "startsOn", || format!("must not be after {last_day}"));
        } else {
            found.expect(!takes_part || lasts_until(last), too_long, || until(too_long, last_day));
        }
    }
    found.reason = "ACTIVITY_NOT_STARTED";
    found.expect(!takes_part || row.starts_on >= activity.starts_on, "startsOn", || {
        format!("must not be before {}, the first day of {}", activity.starts_on, activity.name)
    });
}

fn until(field: &str, day: String) -> String {
    if field == "renewalMonths" {
        format!("must be left out: the agreement can't go on after {day}")
    } else {
        format!("must be given, and not be after {day}")
    }
}

/// A member takes part in an activity, and pays or does not; who leads or works is paid; with
/// others there is no money, or some that comes in.
fn check_kind(row: &Model, activity: Option<&activity::Model>, found: &mut Found) {
    let direction = row.direction;
    match row.kind {
        AgreementKind::Participation => {
            found.expect(row.organisation_id.is_none(), "counterparty", || {
                "must be a member: the template is for taking part in an activity".to_owned()
            });
            found.expect(activity.is_some(), "activity", || {
                "is needed: one takes part in an activity".to_owned()
            });
            found.expect(direction != Direction::Cost, "direction", || {
                "must be INCOME or NONE: who takes part is not paid for it".to_owned()
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
        "must be null where no money goes: see direction".to_owned()
    });
}

/// Who takes part pays nothing for what others pay for: a grant, the service fee, or volunteers
/// with their time.
fn check_funding(row: &Model, funding: &[FundingKind], activity: &str, found: &mut Found) {
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
            format!("must be left out: {payers}, not by those who take part")
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

    fn taking_part() -> Model {
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

    fn surroundings() -> Surroundings {
        Surroundings {
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

    fn found(row: &Model, surroundings: &Surroundings) -> Vec<(&'static str, &'static str)> {
        misfits(row, surroundings)
            .into_iter()
            .map(|ineligibility| (ineligibility.reason, ineligibility.field))
            .collect()
    }

    #[test]
    fn a_term_stays_within_the_membership_and_the_activity() {
        let fits: &[(&str, &str)] = &[];
        let row = taking_part();
        let open = Model { ends_on: None, ..row.clone() };
        let renewing = Model { renewal_months: Some(12), ..row.clone() };
        let work =
            Model { kind: AgreementKind::Assignment, direction: Direction::Cost, ..row.clone() };
        assert_eq!(found(&row, &surroundings()), fits);
        for (last, of_row, of_open, of_renewing, of_work) in [
            ("2026-12-31", None, Some("endsOn"), Some("renewalMonths"), None),
            ("2026-12-30", Some("endsOn"), Some("endsOn"), Some("renewalMonths"), None),
            ("2026-01-01", Some("endsOn"), Some("endsOn"), Some("renewalMonths"), None),
            ("2025-12-31", Some("startsOn"), Some("startsOn"), Some("startsOn"), Some("startsOn")),
        ] {
            let mut ends = surroundings();
            ends.activity.as_mut().unwrap().ends_on = Some(day(last));
            for (row, field) in
                [(&row, of_row), (&open, of_open), (&renewing, of_renewing), (&work, of_work)]
            {
                let expected: Vec<_> =
                    field.map(|field| (ACTIVITY_ENDED, field)).into_iter().collect();
                assert_eq!(found(row, &ends), expected, "{last} {row:?}");
            }
            let mut leaves = surroundings();
            leaves.member.as_mut().unwrap().left_on = Some(day(last));
            let of_row =
                of_row.map(|field| if field == "startsOn" { "counterparty" } else { field });
            let expected: Vec<_> = of_row.map(|field| (NOT_A_MEMBER, field)).into_iter().collect();
            assert_eq!(found(&row, &leaves), expected, "{last}");
            assert_eq!(found(&work, &leaves), expected, "{last}");
        }
        let mut young = surroundings();
        young.member.as_mut().unwrap().joined_on = day("2026-01-02");
        young.activity.as_mut().unwrap().starts_on = day("2026-01-02");
        assert_eq!(
            found(&row, &young),
            [(NOT_A_MEMBER, "startsOn"), ("ACTIVITY_NOT_STARTED", "startsOn")]
        );
        assert_eq!(found(&work, &young), [(NOT_A_MEMBER, "startsOn")]);
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
                ..taking_part()
            };
            let expected: Vec<_> = field.map(|field| ("DOES_NOT_FIT", field)).into_iter().collect();
            assert_eq!(
                found(&row, &Surroundings { funding: funding.to_vec(), ..surroundings() }),
                expected,
                "{funding:?} {has_fee}"
            );
        }
    }
}
