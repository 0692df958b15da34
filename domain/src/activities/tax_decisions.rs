//! Tax decisions of the network: the VAT treatment of an activity's income and of members' fees,
//! from a day on.
//!
//! No fee has a VAT treatment by default. It is stated with the price or the agreement, or the tax
//! decision determines it.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity, fee_schedule,
    id::{ActivityId, TaxDecisionId},
    kind::{ChargeKind, FeeBasis, VatRate},
    tax_decision::{Column, Entity, Model},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr,
};

use super::start;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    database::{Database, among},
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors, field_path},
    idempotency::Outcome,
};

/// Codes of the CEF VATEX list for exempt supplies (category E), by article of directive
/// 2006/112/EC. Reverse charge, exports and supplies outside the scope of VAT belong to other
/// categories.
const EXEMPTION_CODES: &str = "79-C 132 132-1A 132-1B 132-1C 132-1D 132-1E 132-1F 132-1G 132-1H 132-1I 132-1J 132-1K 132-1L 132-1M 132-1N 132-1O \
     132-1P 132-1Q 135-1 143 143-1A 143-1B 143-1C 143-1D 143-1E 143-1F 143-1FA 143-1G 143-1H 143-1I 143-1J 143-1K 143-1L 144 146-1E 148 148-A \
     148-B 148-C 148-D 148-E 148-F 148-G 151 151-1A 151-1AA 151-1B 151-1C 151-1D 151-1E 159 309";

/// The error message for a rate of zero.
pub const NO_RATE_OF_ZERO: &str = "must not be ZERO: Swedish law has no such rate on services; use EXEMPT, or OUTSIDE_SCOPE for supplies outside the scope of VAT";

/// Returns `true` if a text is a VATEX code for exempt supplies.
#[must_use]
pub fn is_exemption_code(text: &str) -> bool {
    text.strip_prefix("VATEX-EU-")
        .is_some_and(|article| EXEMPTION_CODES.split_whitespace().any(|known| known == article))
}

/// Checks the reason and the code of an exemption, in the fields `exemption_reason` and
/// `exemption_code` below `path`. Returns both in their stored form.
pub fn checked_exemption(
    rate: VatRate,
    (reason, code): (Option<&str>, Option<&str>),
    path: &str,
    errors: &mut ValidationErrors,
) -> (Option<String>, Option<String>) {
    let (of_reason, of_code) =
        (field_path(path, "exemption_reason"), field_path(path, "exemption_code"));
    let reason = errors.optional_text(&of_reason, reason, LINE);
    let code = errors.optional_text(&of_code, code, LINE).map(|code| code.to_uppercase());
    if let Some(reason) = &reason {
        errors.settable(&of_reason, reason);
    }
    let is_exempt = rate == VatRate::Exempt;
    errors.expect(
        is_exempt || reason.is_none(),
        &of_reason,
        FieldErrorCode::NotAllowed.problem("is only for EXEMPT"),
    );
    errors.expect(
        is_exempt || code.is_none(),
        &of_code,
        FieldErrorCode::NotAllowed.problem("is only for EXEMPT"),
    );
    let is_known = code.as_deref().is_none_or(is_exemption_code);
    errors.expect(
        is_known,
        &of_code,
        FieldErrorCode::UnknownValue
            .problem("must be a VATEX code for exempt supplies, for example VATEX-EU-132-1I"),
    );
    errors.expect(
        code.is_none() || reason.is_some(),
        &of_reason,
        FieldErrorCode::Required.problem("is needed with an exemption code"),
    );
    (reason, code)
}

/// Input for recording a tax decision.
#[derive(Clone, Debug, Default)]
pub struct NewTaxDecision {
    /// The fee.
    pub fee: ChargeKind,
    /// The activity, for special fees.
    pub activity_id: Option<ActivityId>,
    /// The first day of issue that the decision applies to; null: the day of the decision.
    pub valid_from: Option<NaiveDate>,
    /// VAT treatment.
    pub vat_rate: VatRate,
    /// The reason for the exemption in words; only for exempt supplies.
    pub exemption_reason: Option<String>,
    /// The VATEX code of the reason; null: none applies.
    pub exemption_code: Option<String>,
    /// Day of the decision.
    pub decided_on: NaiveDate,
    /// Reference to the document with the decision.
    pub reference: String,
}

impl NewTaxDecision {
    fn check(&self, today: NaiveDate, errors: &mut ValidationErrors) -> Model {
        let is_special = self.fee == ChargeKind::SpecialFee;
        errors.expect(
            !is_special || self.activity_id.is_some(),
            "activity_id",
            FieldErrorCode::Required.problem("is needed for SPECIAL_FEE"),
        );
        errors.expect(
            is_special || self.activity_id.is_none(),
            "activity_id",
            FieldErrorCode::NotAllowed.problem("is only for SPECIAL_FEE"),
        );
        errors.expect(
            self.vat_rate != VatRate::Zero,
            "vat_rate",
            FieldErrorCode::Unsupported.problem(NO_RATE_OF_ZERO),
        );
        errors.expect(
            self.decided_on <= today,
            "decided_on",
            FieldErrorCode::TooLate.problem("must not be after today"),
        );
        let stated = (self.exemption_reason.as_deref(), self.exemption_code.as_deref());
        let (exemption_reason, exemption_code) =
            checked_exemption(self.vat_rate, stated, "", errors);
        let is_reasoned = self.vat_rate != VatRate::Exempt || exemption_reason.is_some();
        let message = "is needed for EXEMPT: an invoice says why it has no VAT (mervärdesskattelag 2023:200, 17 kap. 24 §)";
        errors.expect(is_reasoned, "exemption_reason", FieldErrorCode::Required.problem(message));
        Model {
            id: TaxDecisionId::new(),
            fee: self.fee,
            activity_id: self.activity_id,
            valid_from: self.valid_from.unwrap_or(self.decided_on),
            vat_rate: self.vat_rate,
            exemption_reason,
            exemption_code,
            decided_on: self.decided_on,
            reference: errors.text("reference", &self.reference, LINE),
        }
    }
}

/// Records a tax decision. It replaces one about the same fee that is valid from the same day.
/// `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field, NOT_FOUND for
/// the activity.
pub async fn record(
    ctx: Context<'_>,
    new: NewTaxDecision,
    mut errors: ValidationErrors,
) -> Result<TaxDecisionId> {
    ctx.require(Permission::ManageAccounts)?;
    let mut change = audit::begin(ctx, Action::TaxDecisionRecord).await?;
    let after = new.check(day_of(change.at()), &mut errors);
    errors.finish()?;
    let of_same = match after.activity_id {
        Some(activity) => Column::ActivityId.eq(start::find(change.tx(), activity).await?.id),
        None => Column::ActivityId.is_null(),
    };
    let same = Entity::find()
        .filter(Column::Fee.eq(after.fee))
        .filter(of_same)
        .filter(Column::ValidFrom.eq(after.valid_from));
    let before = same.one(change.tx()).await?;
    let after = Model { id: before.as_ref().map_or(after.id, |before| before.id), ..after };
    if before.as_ref() != Some(&after) {
        if before.is_some() {
            audit::replace(&change, after.clone()).await?;
        } else {
            audit::insert(&change, after.clone()).await?;
        }
        change.record(before.as_ref(), Some(&after))?;
    }
    let id = after.id;
    change.commit_with(Outcome::of(id)).await?;
    Ok(id)
}

/// Returns all tax decisions, the latest first. They are public, as fees are.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .order_by_desc(Column::ValidFrom)
        .order_by_asc(Column::Fee)
        .order_by_asc(Column::Id)
        .all(db)
        .await?)
}

/// Returns these tax decisions, in no particular order.
pub async fn by_ids(db: &Database, ids: &[TaxDecisionId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(among(db.backend(), Expr::col(Column::Id), ids.iter().copied()))
        .all(db.read())
        .await?)
}

/// A fee with a VAT treatment: the special fees of an activity, or a fee of the network itself.
pub type Taxed = (ChargeKind, Option<ActivityId>);

/// The tax decisions that apply on a day.
#[derive(Clone, Debug, Default)]
pub struct TaxDecisions {
    decided: HashMap<Taxed, Model>,
    /// The VAT treatments stated with the prices in force.
    stated: HashMap<Taxed, BTreeSet<VatRate>>,
}

impl TaxDecisions {
    /// Loads the decisions that apply on a day of issue, in one statement.
    pub async fn on(db: &impl ConnectionTrait, day: NaiveDate) -> Result<Self> {
        let found = Entity::find()
            .filter(Column::ValidFrom.lte(day))
            .order_by_asc(Column::ValidFrom)
            .all(db)
            .await?;
        Ok(found.into_iter().collect())
    }

    /// Adds the VAT treatments stated with the prices in force on the day, in one statement.
    pub async fn with_prices(mut self, db: &impl ConnectionTrait, day: NaiveDate) -> Result<Self> {
        use fee_schedule::Column as C;
        let is_in_force = Condition::any().add(C::ValidTo.is_null()).add(C::ValidTo.gte(day));
        for price in fee_schedule::Entity::find()
            .filter(C::ValidFrom.lte(day))
            .filter(is_in_force)
            .all(db)
            .await?
        {
            if let Some((taxed, rate)) = subject(&price).zip(price.vat_rate) {
                self.stated.entry(taxed).or_default().insert(rate);
            }
        }
        Ok(self)
    }

    /// Returns the decision about a fee; `None` if there is none.
    #[must_use]
    pub fn about(&self, taxed: Taxed) -> Option<&Model> {
        self.decided.get(&taxed)
    }

    /// Returns the VAT treatment of a fee: that of the decision, or else the one that all of its
    /// prices state. `None` if it is undecided.
    #[must_use]
    pub fn rate_about(&self, taxed: Taxed) -> Option<VatRate> {
        let stated = self
            .stated
            .get(&taxed)
            .filter(|rates| rates.len() == 1)
            .and_then(|rates| rates.first().copied());
        self.about(taxed).map(|decision| decision.vat_rate).or(stated)
    }

    /// Returns the decision about a price; `None` if there is none.
    #[must_use]
    pub fn of_price(&self, price: &fee_schedule::Model) -> Option<&Model> {
        self.about(subject(price)?)
    }

    /// Returns the VAT treatment of a price: that of the tax decision, or else the one stated with
    /// the price. `None` if it is undecided.
    #[must_use]
    pub fn rate_of(&self, price: &fee_schedule::Model) -> Option<VatRate> {
        self.of_price(price).map(|decision| decision.vat_rate).or(price.vat_rate)
    }
}

impl FromIterator<Model> for TaxDecisions {
    /// Collects decisions; the last one about a fee applies.
    fn from_iter<I: IntoIterator<Item = Model>>(decisions: I) -> Self {
        let decided = decisions
            .into_iter()
            .map(|decision| ((decision.fee, decision.activity_id), decision))
            .collect();
        Self { decided, stated: HashMap::new() }
    }
}

/// Returns the fee of a price; `None` if the price is not invoiced. The network itself has a
/// service fee and a membership fee.
fn subject(price: &fee_schedule::Model) -> Option<Taxed> {
    match (price.activity_id, price.basis) {
        (Some(activity), _) => Some((ChargeKind::SpecialFee, Some(activity))),
        (None, FeeBasis::PerMilleOfAllocation) => Some((ChargeKind::ServiceFee, None)),
        (None, FeeBasis::FixedPerYear) => Some((ChargeKind::MembershipFee, None)),
        (None, FeeBasis::PerParticipant | FeeBasis::OneOff) => None,
    }
}

/// Returns the error for an item without a VAT treatment, for example `the service fee of 2027`.
#[must_use]
pub fn undecided(what: &str) -> Error {
    let message = format!(
        "{what} has no VAT treatment: record the network's tax decision, or state the VAT treatment explicitly"
    );
    Error::conflict(ConflictReason::VatUndecided, message)
}

/// Lists the prices in force on `today` or later that no tax decision confirms, one sentence each.
pub async fn notes(db: &impl ConnectionTrait, today: NaiveDate) -> Result<Vec<String>> {
    use fee_schedule::Column as C;
    let is_current = Condition::any().add(C::ValidTo.is_null()).add(C::ValidTo.gte(today));
    let prices = fee_schedule::Entity::find()
        .filter(is_current)
        .order_by_asc(C::ValidFrom)
        .order_by_asc(C::Id)
        .all(db)
        .await?;
    let activities: BTreeSet<ActivityId> =
        prices.iter().filter_map(|price| price.activity_id).collect();
    let theirs = among(db.get_database_backend(), Expr::col(activity::Column::Id), activities);
    let slugs: HashMap<ActivityId, String> = activity::Entity::find()
        .filter(theirs)
        .all(db)
        .await?
        .into_iter()
        .map(|row| (row.id, row.slug))
        .collect();
    let mut decisions = all(db).await?;
    decisions.reverse();
    let decisions: TaxDecisions = decisions.into_iter().collect();
    Ok(prices.iter().filter_map(|price| note(price, &slugs, &decisions)).collect())
}

fn note(
    price: &fee_schedule::Model,
    slugs: &HashMap<ActivityId, String>,
    decisions: &TaxDecisions,
) -> Option<String> {
    let name = match subject(price)? {
        (ChargeKind::ServiceFee, _) => "the service fee".to_owned(),
        (ChargeKind::MembershipFee, _) => "the membership fee".to_owned(),
        (ChargeKind::SpecialFee, activity) => {
            format!(
                "the price of {}",
                activity.and_then(|id| slugs.get(&id)).map_or("an activity", String::as_str)
            )
        }
    };
    let from = price.valid_from;
    match (price.vat_rate, decisions.of_price(price)) {
        (None, None) => Some(format!(
            "{name} from {from} has no VAT treatment until a tax decision is recorded"
        )),
        (Some(rate), None) => Some(format!(
            "{name} from {from} states {rate}, which no tax decision confirms; record one that confirms it"
        )),
        (Some(rate), Some(decision)) if rate != decision.vat_rate => {
            let (decided, day) = (decision.vat_rate, decision.valid_from);
            Some(format!(
                "{name} from {from} states {rate}, but is invoiced with {decided} from {day} on, because of the tax decision"
            ))
        }
        (_, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn decision(
        fee: ChargeKind,
        activity_id: Option<ActivityId>,
        valid_from: &str,
        vat_rate: VatRate,
    ) -> Model {
        Model { fee, activity_id, valid_from: day(valid_from), vat_rate, ..Model::default() }
    }

    #[test]
    fn the_latest_decision_about_a_fee_overrides_its_stated_rate() {
        let bip = ActivityId::new();
        let decisions: TaxDecisions = [
            decision(ChargeKind::ServiceFee, None, "2026-01-01", VatRate::OutsideScope),
            decision(ChargeKind::ServiceFee, None, "2027-01-01", VatRate::Standard25),
            decision(ChargeKind::SpecialFee, Some(bip), "2026-01-01", VatRate::Exempt),
        ]
        .into_iter()
        .collect();
        let price = |activity_id, basis, vat_rate| fee_schedule::Model {
            activity_id,
            basis,
            vat_rate,
            ..fee_schedule::Model::default()
        };
        for (price, expected) in [
            (price(None, FeeBasis::PerMilleOfAllocation, None), Some(VatRate::Standard25)),
            (
                price(None, FeeBasis::PerMilleOfAllocation, Some(VatRate::OutsideScope)),
                Some(VatRate::Standard25),
            ),
            (price(None, FeeBasis::FixedPerYear, None), None),
            (
                price(None, FeeBasis::FixedPerYear, Some(VatRate::OutsideScope)),
                Some(VatRate::OutsideScope),
            ),
            (price(Some(bip), FeeBasis::OneOff, None), Some(VatRate::Exempt)),
            (price(Some(ActivityId::new()), FeeBasis::OneOff, None), None),
        ] {
            assert_eq!(decisions.rate_of(&price), expected, "{price:?}");
        }
    }

    #[test]
    fn a_decision_has_all_data_that_an_invoice_needs() {
        let bad = |new: NewTaxDecision| {
            let mut errors = ValidationErrors::default();
            new.check(day("2026-11-21"), &mut errors);
            errors.into_inner().into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        let service = NewTaxDecision {
            fee: ChargeKind::ServiceFee,
            vat_rate: VatRate::OutsideScope,
            decided_on: day("2026-11-21"),
            reference: "Styrelsen § 7".into(),
            ..NewTaxDecision::default()
        };
        let reason = Some("Utbildning, 10 kap. 13 § mervärdesskattelagen".to_owned());
        assert!(bad(service.clone()).is_empty());
        assert_eq!(
            bad(NewTaxDecision { vat_rate: VatRate::Zero, ..service.clone() }),
            ["vat_rate"]
        );
        assert_eq!(
            bad(NewTaxDecision { vat_rate: VatRate::Exempt, ..service.clone() }),
            ["exemption_reason"]
        );
        assert_eq!(
            bad(NewTaxDecision { exemption_reason: reason.clone(), ..service.clone() }),
            ["exemption_reason"]
        );
        assert_eq!(
            bad(NewTaxDecision { activity_id: Some(ActivityId::new()), ..service.clone() }),
            ["activity_id"]
        );
        assert_eq!(
            bad(NewTaxDecision { fee: ChargeKind::SpecialFee, ..service.clone() }),
            ["activity_id"]
        );
        assert_eq!(
            bad(NewTaxDecision { decided_on: day("2026-11-22"), ..service.clone() }),
            ["decided_on"]
        );
        let exempt =
            NewTaxDecision { vat_rate: VatRate::Exempt, exemption_reason: reason, ..service };
        let invisible =
            NewTaxDecision { exemption_reason: Some("Ut\u{ad}bildning".into()), ..exempt.clone() };
        assert_eq!(bad(invisible), ["exemption_reason"]);
        for code in ["VATEX-EU-132-1I", "vatex-eu-135-1"] {
            assert!(
                bad(NewTaxDecision { exemption_code: Some(code.into()), ..exempt.clone() })
                    .is_empty(),
                "{code}"
            );
        }
        for code in ["VATEX-EU-O", "VATEX-EU-AE", "132-1I"] {
            let new = NewTaxDecision { exemption_code: Some(code.into()), ..exempt.clone() };
            assert_eq!(bad(new), ["exemption_code"], "{code}");
        }
    }

    #[test]
    fn prices_that_no_decision_confirms_are_noted() {
        let slugs = HashMap::new();
        let price = |vat_rate| fee_schedule::Model {
            vat_rate,
            basis: FeeBasis::FixedPerYear,
            ..fee_schedule::Model::default()
        };
        let decided: TaxDecisions =
            [decision(ChargeKind::MembershipFee, None, "2026-01-01", VatRate::OutsideScope)]
                .into_iter()
                .collect();
        let is_noted = |vat_rate, decisions: &TaxDecisions| {
            note(&price(vat_rate), &slugs, decisions).is_some()
        };
        assert!(
            is_noted(None, &TaxDecisions::default())
                && is_noted(Some(VatRate::OutsideScope), &TaxDecisions::default())
        );
        assert!(is_noted(Some(VatRate::Standard25), &decided));
        assert!(!is_noted(None, &decided) && !is_noted(Some(VatRate::OutsideScope), &decided));
    }
}
