//! Fee schedules: prices of participation in an activity, or of membership, from a day on.

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
        self, Action,
        forms::{self, FeeSchedule},
    },
    auth::viewer::Permission,
    context::Context,
    database::{Database, among, rows},
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
};

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Selects fee schedules, the latest first.
fn select(columns: &[Column]) -> SelectStatement {
    Query::select()
        .from(Entity)
        .columns(columns.iter().map(|column| (Entity, *column)))
        .order_by_expr(column(Column::ValidFrom), sea_orm::Order::Desc)
        .order_by_expr(column(Column::Basis), sea_orm::Order::Asc)
        .take()
}

/// Returns the fee schedules of these activities, the latest first. They are public, as the
/// activities are.
pub async fn of_activities(
    db: &Database,
    activities: &[ActivityId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(columns);
    select.and_where(among(db.backend(), column(Column::ActivityId), activities.iter().copied()));
    rows(db.read(), &select, columns).await
}

/// Returns the network's own fee schedules, for membership and service, the latest first. They are
/// public.
pub async fn of_network(db: &Database, columns: &[Column]) -> Result<Vec<Model>> {
    let mut select = select(columns);
    select.and_where(column(Column::ActivityId).is_null());
    rows(db.read(), &select, columns).await
}

/// Returns `true` if a price was decided after its first day; `None` if the day of the decision is
/// unknown.
#[must_use]
pub fn is_decided_late(row: &Model, decision: &decision::Model) -> Option<bool> {
    decision.decided_on.map(|day| day > row.valid_from)
}

/// Input for setting a price.
#[derive(Clone, Debug, Default)]
pub struct NewSchedule {
    /// The activity; null: the network's own fee.
    pub activity: Option<ActivityId>,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day; null: until further notice.
    pub valid_to: Option<NaiveDate>,
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Amount in öre, for every basis except per mille.
    pub amount: Option<Money>,
    /// Rate, for per mille.
    pub per_mille: Option<PerMille>,
    /// Maximum in öre (maxtak).
    pub cap: Option<Money>,
    /// Minimum in öre.
    pub minimum: Option<Money>,
    /// The allocation that the rate applies to, for per mille; null: that of all parties.
    pub allocation_basis: Option<AllocationBasis>,
    /// VAT treatment; null: that of the network's tax decision.
    pub vat_rate: Option<VatRate>,
    /// The decision about it.
    pub decision: Option<NewDecision>,
}

impl NewSchedule {
    fn check(&self, errors: &mut ValidationErrors) -> (Model, Option<decision::Model>) {
        let in_order = self.valid_to.is_none_or(|last| self.valid_from <= last);
        errors.expect(
            in_order,
            "valid_to",
            FieldErrorCode::TooEarly.problem("must not be before the first day"),
        );
        if self.basis == FeeBasis::PerMilleOfAllocation {
            errors.expect(
                self.per_mille.is_some(),
                "per_mille",
                FieldErrorCode::Required.problem("is needed for this basis"),
            );
            errors.expect(
                self.amount.is_none(),
                "amount",
                FieldErrorCode::NotAllowed
                    .problem("does not fit this basis; give only a rate per mille"),
            );
        } else {
            errors.expect(
                self.amount.is_some(),
                "amount",
                FieldErrorCode::Required.problem("is needed for this basis"),
            );
            errors.expect(
                self.per_mille.is_none(),
                "per_mille",
                FieldErrorCode::NotAllowed.problem("does not fit this basis; set only amount"),
            );
            errors.expect(
                self.allocation_basis.is_none(),
                "allocation_basis",
                FieldErrorCode::NotAllowed.problem("is only for PER_MILLE_OF_ALLOCATION"),
            );
        }
        for (path, sum) in [("amount", self.amount), ("cap", self.cap), ("minimum", self.minimum)] {
            errors.expect(
                sum.is_none_or(|sum| sum >= Money::ZERO),
                path,
                FieldErrorCode::OutOfRange.problem("must not be negative").with("min", 0),
            );
        }
        let in_order = self.minimum.zip(self.cap).is_none_or(|(minimum, cap)| minimum <= cap);
        errors.expect(
            in_order,
            "cap",
            FieldErrorCode::OutOfRange.problem("must not be below the minimum"),
        );
        errors.expect(
            self.vat_rate != Some(VatRate::Zero),
            "vat_rate",
            FieldErrorCode::Unsupported.problem(NO_RATE_OF_ZERO),
        );
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
        (row, self.decision.as_ref().map(|decision| decision.check("decision", errors)))
    }
}

/// Returns the other price of the same activity and basis that ends when `new` is set: an
/// open-ended one in which `new` begins, which ends the day before.
///
/// # Errors
/// CONFLICT `OVERLAPS` when `new` and another price are valid on the same day.
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
                "from {} {to} there is another price of this basis; choose other days, or change that one first",
                other.valid_from
            );
            return Err(Error::conflict(ConflictReason::Overlaps, message));
        }
        closed = Some(Model { valid_to: new.valid_from.pred_opt(), ..other.clone() });
    }
    Ok(closed)
}

/// Returns the current form of a fee schedule for the audit trail.
async fn snapshot(db: &impl ConnectionTrait, row: Model) -> Result<FeeSchedule> {
    let alone = FeeSchedule { row: row.clone(), decision: None };
    Ok(forms::fee_schedules(db, vec![row]).await?.pop().unwrap_or(alone))
}

/// Rejects a price with another VAT treatment than the network's tax decision on its first day,
/// which would take precedence.
async fn refuse_contradiction(db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let decisions = TaxDecisions::on(db, row.valid_from).await?;
    let Some((stated, decision)) = row.vat_rate.zip(decisions.of_price(row)) else { return Ok(()) };
    if stated == decision.vat_rate {
        return Ok(());
    }
    let (rate, day) = (decision.vat_rate, decision.valid_from);
    let message = format!(
        "must be {rate}, which the network's tax decision says from {day} on, or left out; record another tax decision first"
    );
    Err(Error::invalid("vat_rate", FieldErrorCode::Mismatch.problem(message)))
}

/// Sets a price. It replaces one that begins on the same day with the same basis. An open-ended one
/// in which it begins ends the day before. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, NOT_FOUND for the activity, INVALID naming every
/// bad field, CONFLICT `OVERLAPS`.
pub async fn set(
    ctx: Context<'_>,
    new: NewSchedule,
    mut errors: ValidationErrors,
) -> Result<FeeScheduleId> {
    ctx.require(Permission::ManageAccounts)?;
    let (mut row, decision) = new.check(&mut errors);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::FeeScheduleSet).await?;
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

/// Returns these fee schedules, the latest first.
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
            Err(Error::Conflict { reason, .. }) => reason.word(),
            Err(_) => "fails",
        }
    }

    #[test]
    fn a_price_never_overlaps_another() {
        let others = [price("2024-01-01", Some("2024-12-31")), price("2025-01-01", None)];
        for (from, to, expected) in [
            ("2023-01-01", Some("2023-12-31"), "fits"),
            ("2023-01-01", Some("2024-01-01"), "OVERLAPS"),
            ("2023-01-01", None, "OVERLAPS"),
            ("2024-12-31", Some("2024-12-31"), "OVERLAPS"),
            ("2026-01-01", None, "closes"),
            ("2026-01-01", Some("2026-12-31"), "closes"),
            ("2025-01-02", None, "closes"),
            // Replaces the price that begins on that day.
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
        assert_eq!(paths(NewSchedule { amount: Some(Money(1)), ..per_mille.clone() }), ["amount"]);
        assert_eq!(
            paths(NewSchedule {
                cap: Some(Money(1)),
                minimum: Some(Money(2)),
                ..per_mille.clone()
            }),
            ["cap"]
        );
        assert_eq!(
            paths(NewSchedule { basis: FeeBasis::OneOff, ..per_mille }),
            ["amount", "per_mille"]
        );
        let negative = NewSchedule {
            amount: Some(Money(-1)),
            valid_to: NaiveDate::default().pred_opt(),
            ..NewSchedule::default()
        };
        assert_eq!(paths(negative), ["valid_to", "amount"]);
    }
}
