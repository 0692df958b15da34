//! Fee schedules: the price of taking part in an activity, or of being a member, from a date on.

use ::entity::{
    decision,
    fee_schedule::{Column, Entity, Model},
    id::{ActivityId, FeeScheduleId},
    kind::{AllocationBasis, FeeBasis, VatRate},
    money::{Money, PerMille},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use crate::{
    activities::{
        decisions::{self, NewDecision},
        start,
        tax_decisions::{NO_RATE_OF_ZERO, TaxDecisions},
    },
    audit::{
        self,
        forms::{self, FeeSchedule},
    },
    auth::viewer::{Permission, Viewer},
    database::{Database, among, rows},
    error::{Error, Result, ValidationErrors},
    idempotency::Outcome,
};

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// The latest first.
fn select(columns: &[Column]) -> SelectStatement {
    Query::select()
        .from(Entity)
        .columns(columns.iter().map(|column| (Entity, *column)))
        .order_by_expr(column(Column::ValidFrom), sea_orm::Order::Desc)
        .order_by_expr(column(Column::Basis), sea_orm::Order::Asc)
        .take()
}

/// The fee schedules of these activities, the latest first; as public as the activities.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn of_activities(
    db: &Database,
    activities: &[ActivityId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(columns);
    select.and_where(among(db.backend(), column(Column::ActivityId), activities.iter().copied()));
    rows(db.read(), &select, columns).await
}

/// The network's own fee schedules, for membership and service, the latest first; public.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn of_network(db: &Database, columns: &[Column]) -> Result<Vec<Model>> {
    let mut select = select(columns);
    select.and_where(column(Column::ActivityId).is_null());
    rows(db.read(), &select, columns).await
}

/// Whether a price was decided after its first day; null when the day of the decision is not known.
#[must_use]
pub fn is_decided_late(row: &Model, decision: &decision::Model) -> Option<bool> {
    decision.decided_on.map(|day| day > row.valid_from)
}

/// The rate that somebody writes as a number of per mille.
///
/// # Errors
/// What is wrong with it, in words.
pub fn rate(per_mille: f64) -> Result<PerMille, &'static str> {
    PerMille::from_f64(per_mille).ok_or("must be 0 to 1000 with at most three decimals")
}

/// A price, as somebody writes it.
#[derive(Clone, Debug, Default)]
pub struct NewSchedule {
    /// The activity; null: the network's own fee.
    pub activity: Option<ActivityId>,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day; null: until further notice.
    pub valid_to: Option<NaiveDate>,
    /// What it is reckoned on.
    pub basis: FeeBasis,
    /// Öre, for every basis but per mille.
    pub amount: Option<Money>,
    /// Rate, for per mille.
    pub per_mille: Option<PerMille>,
    /// Never more than this, öre (maxtak).
    pub cap: Option<Money>,
    /// Never less than this, öre.
    pub minimum: Option<Money>,
    /// The allocation that the rate is of, for per mille; null: of all parties.
    pub allocation_basis: Option<AllocationBasis>,
    /// VAT treatment; null: that of the network's tax decision.
    pub vat_rate: Option<VatRate>,
    /// Who decided it.
    pub decision: Option<NewDecision>,
}

impl NewSchedule {
    fn check(&self, errors: &mut ValidationErrors) -> (Model, Option<decision::Model>) {
        let in_order = self.valid_to.is_none_or(|last| self.valid_from <= last);
        errors.expect(in_order, "input.validTo", "must not be before validFrom");
        if self.basis == FeeBasis::PerMilleOfAllocation {
            errors.expect(self.per_mille.is_some(), "input.perMille", "is needed for this basis");
            errors.expect(
                self.amount.is_none(),
                "input.amount",
                "does not fit this basis; give perMille alone",
            );
        } else {
            errors.expect(self.amount.is_some(), "input.amount", "is needed for this basis");
            errors.expect(
                self.per_mille.is_none(),
                "input.perMille",
                "does not fit this basis; give amount alone",
            );
            errors.expect(
                self.allocation_basis.is_none(),
                "input.allocationBasis",
                "is for PER_MILLE_OF_ALLOCATION alone",
            );
        }
        for (path, sum) in [
            ("input.amount", self.amount),
            ("input.cap", self.cap),
            ("input.minimum", self.minimum),
        ] {
            errors.expect(sum.is_none_or(|sum| sum >= Money::ZERO), path, "must not be negative");
        }
        let in_order = self.minimum.zip(self.cap).is_none_or(|(minimum, cap)| minimum <= cap);
        errors.expect(in_order, "input.cap", "must not be below the minimum");
        errors.expect(self.vat_rate != Some(VatRate::Zero), "input.vatRate", NO_RATE_OF_ZERO);
        let row = Model {
            id: FeeScheduleId::new(),
            activity_id: self.activity,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            basis: self.basis,
            amount: self.amount,
            per_mille: self.per_mille,
            cap: self.cap,
            minimum: self.minimum,
            allocation_basis: (self.basis == FeeBasis::PerMilleOfAllocation)
                .then(|| self.allocation_basis.unwrap_or_default()),
            vat_rate: self.vat_rate,
            decision_id: None,
        };
        (row, self.decision.as_ref().map(|decision| decision.check("input.decision", errors)))
    }
}

/// What becomes of the others of the same activity and basis when `new` is set: the open-ended one
/// that it begins in ends the day before.
///
/// # Errors
/// CONFLICT `OVERLAPS` when it holds on a day that another one holds on.
fn end_overlapped(others: &[Model], new: &Model) -> Result<Option<Model>> {
    let ends = |row: &Model| row.valid_to.unwrap_or(NaiveDate::MAX);
    let mut closed = None;
    for other in others.iter().filter(|other| other.valid_from != new.valid_from) {
        if other.valid_from > ends(new) || new.valid_from > ends(other) {
            continue;
        }
        if other.valid_to.is_some() || other.valid_from > new.valid_from {
            let to = other.valid_to.map_or_else(|| "on".to_owned(), |last| format!("to {last}"));
            let message = format!(
                "from {} {to} there is another price of this basis; choose days that it leaves free, or change that one first",
                other.valid_from
            );
            return Err(Error::conflict("OVERLAPS", message));
        }
        closed = Some(Model { valid_to: new.valid_from.pred_opt(), ..other.clone() });
    }
    Ok(closed)
}

/// A fee schedule as it stands, for the audit trail.
async fn snapshot(db: &impl ConnectionTrait, row: Model) -> Result<FeeSchedule> {
    let alone = FeeSchedule { row: row.clone(), decision: None };
    Ok(forms::fee_schedules(db, vec![row]).await?.pop().unwrap_or(alone))
}

/// Refuses a price that states another VAT treatment than the network's tax decision on its first
/// day, which would count all the same.
async fn refuse_contradiction(db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let decisions = TaxDecisions::on(db, row.valid_from).await?;
    let Some((stated, decision)) = row.vat_rate.zip(decisions.of_price(row)) else { return Ok(()) };
    if stated == decision.vat_rate {
        return Ok(());
    }
    let (rate, day) = (decision.vat_rate, decision.valid_from);
    let message = format!(
        "must be {rate}, which the network's tax decision says from {day} on, or left out; record another decision with taxDecisionRecord first"
    );
    Err(Error::invalid("input.vatRate", message))
}

/// Sets a price. It takes the place of one that begins on the same day with the same basis; an
/// open-ended one that it begins in ends the day before. `errors` are those that reading the input
/// has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the accounts, NOT_FOUND for the activity, INVALID naming every
/// bad field, CONFLICT `OVERLAPS`.
pub async fn set(
    db: &Database,
    viewer: &Viewer,
    new: NewSchedule,
    mut errors: ValidationErrors,
) -> Result<FeeScheduleId> {
    viewer.require(Permission::ManageAccounts)?;
    let (mut row, decision) = new.check(&mut errors);
    errors.finish()?;

    let mut change = audit::begin(db, viewer, "feeScheduleSet").await?;
    let of_same = match new.activity {
        Some(activity) => Column::ActivityId.eq(start::find(change.tx(), activity).await?.id),
        None => Column::ActivityId.is_null(),
    };
    refuse_contradiction(change.tx(), &row).await?;
    let others =
        Entity::find().filter(of_same).filter(Column::Basis.eq(row.basis)).all(change.tx()).await?;
    let closed = end_overlapped(&others, &row)?;
    let before = match others.iter().find(|other| other.valid_from == row.valid_from) {
        Some(same) => Some(snapshot(change.tx(), same.clone()).await?),
        None => None,
    };
    row.id = before.as_ref().map_or(row.id, |before| before.row.id);
    row.decision_id = decisions::write(
        &change,
        before.as_ref().and_then(|before| before.decision.as_ref()),
        decision,
    )
    .await?;

    if let Some(closed) = closed {
        let open = others.into_iter().find(|other| other.id == closed.id);
        audit::replace(&change, closed.clone()).await?;
        let after = snapshot(change.tx(), closed).await?;
        let before = open.map(|row| FeeSchedule { row, ..after.clone() });
        change.record(before.as_ref(), Some(&after))?;
    }
    let id = row.id;
    if before.as_ref().is_none_or(|before| before.row != row) {
        if before.is_some() {
            audit::replace(&change, row.clone()).await?;
        } else {
            audit::insert(&change, row.clone()).await?;
        }
        let after = snapshot(change.tx(), row).await?;
        change.record(before.as_ref(), Some(&after))?;
    }
    change.commit_with(Outcome::of(id).with_all(new.activity)).await?;
    Ok(id)
}

/// These fee schedules, the latest first.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_ids(
    db: &Database,
    ids: &[FeeScheduleId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(columns);
    select.and_where(among(db.backend(), column(Column::Id), ids.iter().copied()));
    rows(db.read(), &select, columns).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn price(from: &str, to: Option<&str>) -> Model {
        Model {
            id: FeeScheduleId::new(),
            valid_from: day(from),
            valid_to: to.map(day),
            ..Model::default()
        }
    }

    fn reason(result: Result<Option<Model>>) -> &'static str {
        match result {
            Ok(None) => "fits",
            Ok(Some(_)) => "closes",
            Err(Error::Conflict { reason, .. }) => reason,
            Err(_) => "fails",
        }
    }

    #[test]
    fn a_price_never_holds_beside_another() {
        let others = [price("2024-01-01", Some("2024-12-31")), price("2025-01-01", None)];
        for (from, to, expected) in [
            ("2023-01-01", Some("2023-12-31"), "fits"),
            ("2023-01-01", Some("2024-01-01"), "OVERLAPS"),
            ("2023-01-01", None, "OVERLAPS"),
            ("2024-12-31", Some("2024-12-31"), "OVERLAPS"),
            ("2026-01-01", None, "closes"),
            ("2026-01-01", Some("2026-12-31"), "closes"),
            ("2025-01-02", None, "closes"),
            // In the place of the one that begins on that day.
            ("2025-01-01", Some("2025-12-31"), "fits"),
            ("2024-01-01", Some("2024-06-30"), "fits"),
            ("2024-01-01", Some("2025-01-01"), "OVERLAPS"),
        ] {
            assert_eq!(
                reason(end_overlapped(&others, &price(from, to))),
                expected,
                "{from} {to:?}"
            );
        }
        let closed = end_overlapped(&others, &price("2026-01-01", None)).unwrap().unwrap();
        assert_eq!((closed.id, closed.valid_to), (others[1].id, Some(day("2025-12-31"))));
    }

    #[test]
    fn the_sum_must_fit_the_basis() {
        let paths = |new: NewSchedule| {
            let mut errors = ValidationErrors::default();
            new.check(&mut errors);
            errors.into_inner().into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        let per_mille = NewSchedule {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: Some(PerMille(2000)),
            ..NewSchedule::default()
        };
        assert!(paths(per_mille.clone()).is_empty());
        assert_eq!(
            paths(NewSchedule { amount: Some(Money(1)), ..per_mille.clone() }),
            ["input.amount"]
        );
        assert_eq!(
            paths(NewSchedule {
                cap: Some(Money(1)),
                minimum: Some(Money(2)),
                ..per_mille.clone()
            }),
            ["input.cap"]
        );
        assert_eq!(
            paths(NewSchedule { basis: FeeBasis::OneOff, ..per_mille }),
            ["input.amount", "input.perMille"]
        );
        let negative = NewSchedule {
            amount: Some(Money(-1)),
            valid_to: NaiveDate::default().pred_opt(),
            ..NewSchedule::default()
        };
        assert_eq!(paths(negative), ["input.validTo", "input.amount"]);
    }
}
