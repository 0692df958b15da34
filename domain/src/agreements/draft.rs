//! Drafting: how an agreement is begun from a template, and changed until it is offered.

use ::entity::{
    activity,
    agreement::Model,
    agreement_parameters, decision, fee_schedule,
    id::{ActivityId, AgreementId, TemplateId, TemplateVersionId},
    kind::{
        AgreementKind, AllocationBasis, Direction, FeeBasis, FundingKind, TemplateState, VatRate,
    },
    member,
    money::{Money, PerMille},
    organisation, template, template_version,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Map, Value};

use super::{
    Counterparty, document_source,
    draft_text::CheckedText,
    eligibility::{self, Surroundings},
    lifecycle::{self, Transition, snapshot},
};
use crate::{
    activities::{
        self,
        decisions::{self, NewDecision},
        tax_decisions::{NO_RATE_OF_ZERO, TaxDecisions, undecided},
    },
    audit::{self, Change},
    auth::viewer::{Permission, Resource, Viewer},
    clock::day_of,
    config::Network,
    database::{Database, busy},
    error::{Error, Result, ValidationErrors},
    term_sql,
};

/// Months of notice when nobody says how many, of what somebody must give notice to end.
const NOTICE_MONTHS: i32 = 3;
/// Parameters whose texts are named when documents can't show them, at most.
pub(super) const MAX_PARAMETERS: usize = 100;

/// The longest parameters as JSON, in bytes.
const PARAMETERS: usize = 200_000;

/// What an agreement costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// What it is reckoned on.
    pub basis: FeeBasis,
    /// Öre, for every basis but per mille.
    pub amount: Option<Money>,
    /// Rate, for per mille.
    pub per_mille: Option<PerMille>,
    /// Never more than this in a year, öre (maxtak); for per mille.
    pub cap: Option<Money>,
    /// Never less than this in a year, öre; for per mille.
    pub minimum: Option<Money>,
    /// The allocation that the rate is of; null: of all parties, or none.
    pub allocation_basis: Option<AllocationBasis>,
    /// VAT treatment.
    pub vat_rate: VatRate,
}

impl Fee {
    /// The fee that a row says; null: none.
    pub(super) fn of(row: &Model) -> Option<Self> {
        let (basis, vat_rate) = row.fee_basis.zip(row.vat_rate)?;
        let (cap, minimum, allocation_basis) =
            (row.fee_cap, row.fee_minimum, row.fee_allocation_basis);
        Some(Self {
            basis,
            amount: row.fee_amount,
            per_mille: row.fee_per_mille,
            cap,
            minimum,
            allocation_basis,
            vat_rate,
        })
    }

    /// The fee that an activity's price makes with a VAT treatment: the limits of a rate are kept,
    /// and those of an amount are put on it at once.
    fn priced(price: &fee_schedule::Model, vat_rate: VatRate) -> Self {
        let is_rate = price.basis == FeeBasis::PerMilleOfAllocation;
        let limited = |amount: Money| {
            let raised = price.minimum.map_or(amount, |minimum| amount.max(minimum));
            price.cap.map_or(raised, |cap| raised.min(cap))
        };
        Self {
            basis: price.basis,
            amount: price.amount.map(limited),
            per_mille: price.per_mille,
            cap: price.cap.filter(|_| is_rate),
            minimum: price.minimum.filter(|_| is_rate),
            allocation_basis: price.allocation_basis.filter(|_| is_rate),
            vat_rate,
        }
    }

    fn check(&self, errors: &mut ValidationErrors) {
        let is_rate = self.basis == FeeBasis::PerMilleOfAllocation;
        let (needed, other) = if is_rate {
            ("input.fee.perMille", "input.fee.amount")
        } else {
            ("input.fee.amount", "input.fee.perMille")
        };
        let (has_needed, has_other) = if is_rate {
            (self.per_mille.is_some(), self.amount.is_some())
        } else {
            (self.amount.is_some(), self.per_mille.is_some())
        };
        errors.expect(has_needed, needed, "is needed for this basis");
        errors.expect(!has_other, other, "does not fit this basis");
        for (path, sum) in [
            ("input.fee.amount", self.amount),
            ("input.fee.cap", self.cap),
            ("input.fee.minimum", self.minimum),
        ] {
            errors.expect(sum.is_none_or(|sum| sum >= Money::ZERO), path, "must not be negative");
        }
        for (path, limit) in [("input.fee.cap", self.cap), ("input.fee.minimum", self.minimum)] {
            errors.expect(is_rate || limit.is_none(), path, "is for PER_MILLE_OF_ALLOCATION alone");
        }
        errors.expect(
            is_rate || self.allocation_basis.is_none(),
            "input.fee.allocationBasis",
            "is for PER_MILLE_OF_ALLOCATION alone",
        );
        let in_order = self.minimum.zip(self.cap).is_none_or(|(minimum, cap)| minimum <= cap);
        errors.expect(in_order, "input.fee.cap", "must not be below the minimum");
        errors.expect(self.vat_rate != VatRate::Zero, "input.fee.vatRate", NO_RATE_OF_ZERO);
    }
}

/// Where an agreement's fee comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeOf {
    /// From the activity's price on the first day when a member takes part; else this, where null
    /// is none.
    Schedule(Option<Fee>),
    /// What somebody says; null: none.
    Given(Option<Fee>),
    /// As it was; null: none.
    Kept(Option<Fee>),
}

impl Default for FeeOf {
    fn default() -> Self {
        Self::Schedule(None)
    }
}

/// What an agreement is to say.
#[derive(Clone, Debug)]
pub struct NewAgreement {
    /// What it is made from.
    pub template: TemplateId,
    /// The template's version; null: the current one.
    pub version: Option<TemplateVersionId>,
    /// What it is about; null: what the template is for.
    pub activity: Option<ActivityId>,
    /// With whom.
    pub counterparty: Counterparty,
    /// Which way the money goes; null: as the kind and the fee have it.
    pub direction: Option<Direction>,
    /// What the text is filled in with.
    pub parameters: Map<String, Value>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Null: 3 when somebody must give notice to end it, else none.
    pub notice_months: Option<i32>,
    /// Null: it just ends.
    pub renewal_months: Option<i32>,
    /// What it costs.
    pub fee: FeeOf,
    /// Who decided it.
    pub decision: Option<NewDecision>,
}

/// What changes about a draft: what is null stays as it is.
#[derive(Clone, Debug, Default)]
pub struct DraftChanges {
    /// Another template.
    pub template: Option<TemplateId>,
    /// Another version.
    pub version: Option<TemplateVersionId>,
    /// `Some(None)`: what the template is for.
    pub activity: Option<Option<ActivityId>>,
    /// With whom.
    pub counterparty: Option<Counterparty>,
    /// Which way the money goes.
    pub direction: Option<Direction>,
    /// All of its parameters.
    pub parameters: Option<Map<String, Value>>,
    /// First day in force.
    pub starts_on: Option<NaiveDate>,
    /// `Some(None)`: until further notice.
    pub ends_on: Option<Option<NaiveDate>>,
    /// Months of notice.
    pub notice_months: Option<i32>,
    /// `Some(None)`: it just ends.
    pub renewal_months: Option<Option<i32>>,
    /// `Some(None)`: none.
    pub fee: Option<Option<Fee>>,
    /// Who decided it.
    pub decision: Option<NewDecision>,
}

/// Most times that a text is filled in again because its source has changed meanwhile.
pub(super) const ATTEMPTS: usize = 5;

/// Drafts an agreement. `errors` are those that reading the input has found already.
///
/// The text is filled in before the transaction. When what it is made of has changed meanwhile, it
/// is filled in again, before another transaction.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the agreements, NOT_FOUND for what it refers to, INVALID
/// naming every bad field and parameter, CONFLICT `NO_PUBLISHED_VERSION`, `TEMPLATE_NOT_PUBLISHED`,
/// `TEMPLATE_RETIRED`, `FACTS_MISSING` or `TEXT_UNUSABLE`; `BUSY` when what the text is made of
/// changes again and again.
pub async fn draft(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    new: NewAgreement,
    mut errors: ValidationErrors,
) -> Result<AgreementId> {
    viewer.require(Permission::ManageAgreements)?;
    errors.settable_values("input.parameters", &new.parameters, MAX_PARAMETERS);
    let row = Model { id: AgreementId::new(), ..Model::default() };
    for _ in 0..ATTEMPTS {
        let text = check_text(db, viewer, network, Ok((new.clone(), row.clone()))).await?;
        let mut change = audit::begin(db, viewer, "agreementDraft").await?;
        if let Some(id) =
            write(&mut change, viewer, &new, row.clone(), None, &text, errors.clone()).await?
        {
            change.commit_with(id).await?;
            return Ok(id);
        }
    }
    Err(busy())
}

/// Changes a draft.
///
/// # Errors
/// As [`draft`], and the conflicts of an agreement that is no draft.
pub async fn update(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    id: AgreementId,
    changes: DraftChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageAgreements)?;
    if let Some(given) = &changes.parameters {
        errors.settable_values("input.parameters", given, MAX_PARAMETERS);
    }
    for _ in 0..ATTEMPTS {
        let foreseen =
            changed(db.read(), id, changes.clone(), db.clock.today(), &mut errors.clone()).await;
        let text = check_text(db, viewer, network, foreseen).await?;
        let mut change = audit::begin(db, viewer, "agreementDraftUpdate").await?;
        let mut errors = errors.clone();
        let (new, row) =
            changed(change.tx(), id, changes.clone(), db.clock.today(), &mut errors).await?;
        let before = Some(row.clone());
        if write(&mut change, viewer, &new, row, before, &text, errors).await?.is_some() {
            return change.commit_with(id).await;
        }
    }
    Err(busy())
}

/// Reads a draft and returns what it is to say with these changes, and its row as it is stored.
///
/// # Errors
/// NOT_FOUND or the conflict of an agreement that is no draft; INVALID with the faults so far if
/// there is no such draft.
async fn changed(
    db: &impl ConnectionTrait,
    id: AgreementId,
    changes: DraftChanges,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<(NewAgreement, Model)> {
    let row = found_or_errors(lifecycle::find(db, id).await, errors)?;
    lifecycle::allow(Transition::Update, &row, today)?;
    let own = match row.template_version_id {
        Some(version) => template_version::Entity::find_by_id(version).one(db).await?,
        None => None,
    };
    let own_template = own.as_ref().map(|version| version.template_id);
    errors.expect(
        changes.template.is_some() || own_template.is_some(),
        "input.template",
        "is needed, since the draft was made from none",
    );
    let template = changes.template.or(own_template).unwrap_or_default();
    let own_version = own.map(|version| version.id).filter(|_| own_template == Some(template));
    let parameters = match changes.parameters {
        Some(given) => given,
        None => stored_parameters(db, id).await?,
    };
    let counterparty = row
        .member_id
        .map(Counterparty::Member)
        .or(row.organisation_id.map(Counterparty::Organisation));
    let new = NewAgreement {
        template,
        version: changes.version.or(own_version),
        activity: changes.activity.unwrap_or(row.activity_id),
        counterparty: changes
            .counterparty
            .or(counterparty)
            .unwrap_or(Counterparty::Member(Default::default())),
        direction: changes.direction.or_else(|| changes.fee.is_none().then_some(row.direction)),
        parameters,
        starts_on: changes.starts_on.unwrap_or(row.starts_on),
        ends_on: changes.ends_on.unwrap_or(row.ends_on),
        notice_months: changes.notice_months.or(Some(row.notice_months)),
        renewal_months: changes.renewal_months.unwrap_or(row.renewal_months),
        fee: match changes.fee {
            Some(fee) => FeeOf::Given(fee),
            // A successor stays with its activity, and says so below.
            None if row.replaces_id.is_none()
                && changes.activity.is_some_and(|activity| activity != row.activity_id) =>
            {
                FeeOf::Schedule(None)
            }
            None => FeeOf::Kept(Fee::of(&row)),
        },
        decision: changes.decision,
    };
    if let Some(replaced) = row.replaces_id {
        let replaced = lifecycle::find(db, replaced).await?;
        expect_later(&replaced, new.starts_on, errors);
        let message = "must stay that of the agreement that it replaces";
        errors.expect(Some(new.counterparty) == counterparty, "input.counterparty", message);
        errors.expect(new.activity == row.activity_id, "input.activity", message);
    }
    Ok((new, row))
}

/// Returns what was found by an id; an id that was bad itself is told together with all that is
/// wrong with the input.
pub(super) fn found_or_errors<T>(found: Result<T>, errors: &mut ValidationErrors) -> Result<T> {
    if found.is_err() {
        std::mem::take(errors).finish()?;
    }
    found
}

/// A successor begins after what it replaces, which is in force until the day before.
pub(super) fn expect_later(replaced: &Model, starts_on: NaiveDate, errors: &mut ValidationErrors) {
    let message = format!(
        "must be after {}, the first day of {}, which is in force until the day before",
        replaced.starts_on,
        lifecycle::name(replaced)
    );
    errors.expect(starts_on > replaced.starts_on, "input.startsOn", &message);
}

/// What the text of an agreement is filled in with.
pub(super) async fn stored_parameters(
    db: &impl ConnectionTrait,
    id: AgreementId,
) -> Result<Map<String, Value>> {
    let stored = agreement_parameters::Entity::find_by_id(id).one(db).await?;
    Ok(stored.and_then(|stored| serde_json::from_str(&stored.parameters).ok()).unwrap_or_default())
}

/// Checks the text of a draft before the transaction that writes it. What else is wrong with the
/// draft is left to that transaction.
///
/// # Errors
/// CONFLICT `TOO_MANY_REQUESTS` when as many jobs of the viewer wait as may.
pub(super) async fn check_text(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    wanted: Result<(NewAgreement, Model)>,
) -> Result<CheckedText> {
    let source = match wanted {
        Ok((new, row)) => {
            match build(
                db.read(),
                viewer,
                &new,
                row,
                db.clock.today(),
                &mut ValidationErrors::default(),
            )
            .await
            {
                Ok(row) => source(db.read(), &row, &new).await.unwrap_or_default(),
                Err(_) => None,
            }
        }
        Err(_) => None,
    };
    CheckedText::of(viewer, network, source).await
}

/// Reads all that the text of a draft is made of; `None` if it has no text.
async fn source(
    db: &impl ConnectionTrait,
    row: &Model,
    new: &NewAgreement,
) -> Result<Option<document_source::Source>> {
    Ok(document_source::gather(db, vec![(row.clone(), new.parameters.clone())]).await?.pop())
}

/// Writes a draft, new or in the place of `before`, with its parameters, its decision and its audit
/// entry. Returns `None`, and has written nothing, if the text that was checked is no longer that
/// of the draft.
pub(super) async fn write(
    change: &mut Change,
    viewer: &Viewer,
    new: &NewAgreement,
    row: Model,
    before: Option<Model>,
    text: &CheckedText,
    mut errors: ValidationErrors,
) -> Result<Option<AgreementId>> {
    let before = match before {
        Some(before) => Some(snapshot(change.tx(), before).await?),
        None => None,
    };
    let decision =
        new.decision.as_ref().map(|decision| decision.check("input.decision", &mut errors));
    let today = day_of(change.at());
    let mut row = match build(change.tx(), viewer, new, row, today, &mut errors).await {
        // An id was bad and so nothing was found by it: all that is wrong with the input is told
        // together.
        Err(Error::NotFound(_)) if !errors.is_empty() => return errors.finish().map(|()| None),
        built => built?,
    };
    let parameters = Value::Object(new.parameters.clone()).to_string();
    errors.expect(
        parameters.len() <= PARAMETERS,
        "input.parameters",
        "must not be longer than 200000 bytes of JSON",
    );
    if !text.is_of(source(change.tx(), &row, new).await?.as_ref()) {
        return Ok(None);
    }
    text.report(&mut errors)?;
    errors.finish()?;

    if let Some(decision) = decision {
        let old = match row.decision_id {
            Some(id) => decisions::by_ids(change.tx(), &[id]).await?.remove(&id),
            None => None,
        };
        row.decision_id =
            decisions::write(change, old.as_ref(), Some::<decision::Model>(decision)).await?;
    }
    (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
    let (id, parameters) =
        (row.id, agreement_parameters::Model { agreement_id: row.id, parameters });
    if before.is_some() {
        audit::replace(change, row.clone()).await?;
        agreement_parameters::Entity::delete_by_id(id).exec(change.tx()).await?;
    } else {
        audit::insert(change, row.clone()).await.map_err(|error| {
            let message = "the agreement has a successor already; withdraw that one first, or replace it in its turn when it is signed";
            error.on_constraint("agreement__replaces_id", Error::conflict("ALREADY_REPLACED", message))
        })?;
    }
    audit::insert(change, parameters).await?;
    let after = snapshot(change.tx(), row).await?;
    if before.as_ref() != Some(&after) {
        change.record(before.as_ref(), Some(&after))?;
    }
    Ok(Some(id))
}

/// Returns the row that says all of this on `today`, and adds what is wrong with it to `errors`.
async fn build(
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    new: &NewAgreement,
    row: Model,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<Model> {
    check_term(new, errors);
    if let FeeOf::Given(Some(fee)) = &new.fee {
        fee.check(errors);
    }
    let (template, version) = form(db, viewer, new, errors).await?;
    if let Some(of_template) = template.activity_id {
        let message = "must be left out: the template is for another activity";
        errors.expect(
            new.activity.is_none_or(|given| given == of_template),
            "input.activity",
            message,
        );
    }
    let activity = match template.activity_id.or(new.activity) {
        Some(id) => Some(activities::start::find(db, id).await?),
        None => None,
    };
    let (mut member, mut organisation_id) = (None, None);
    match new.counterparty {
        Counterparty::Member(id) => {
            let found = member::Entity::find_by_id(id).one(db).await?;
            member = Some(found.ok_or_else(|| Error::NotFound("there is no such member".into()))?);
        }
        Counterparty::Organisation(id) => {
            let found = organisation::Entity::find_by_id(id).one(db).await?;
            organisation_id = Some(
                found.ok_or_else(|| Error::NotFound("there is no such organisation".into()))?.id,
            );
        }
    }
    let fee = match (new.fee, &activity) {
        (FeeOf::Given(fee) | FeeOf::Kept(fee), _) => fee,
        (FeeOf::Schedule(otherwise), Some(activity))
            if template.kind == AgreementKind::Participation =>
        {
            scheduled(db, activity, new.starts_on, today, errors).await?.or(otherwise)
        }
        (FeeOf::Schedule(otherwise), _) => otherwise,
    };
    let funding = match &activity {
        Some(activity) => activities::funding_of(db, &[activity.id])
            .await?
            .remove(&activity.id)
            .unwrap_or_default(),
        None => Vec::new(),
    };
    let must_give_notice = new.ends_on.is_none() || new.renewal_months.is_some();
    let row = Model {
        kind: template.kind,
        direction: new.direction.unwrap_or_else(|| direction(template.kind, fee)),
        activity_id: activity.as_ref().map(|activity| activity.id),
        member_id: member.as_ref().map(|member| member.id),
        organisation_id,
        template_version_id: Some(version.id),
        starts_on: new.starts_on,
        ends_on: new.ends_on,
        notice_months: new.notice_months.unwrap_or(if must_give_notice {
            NOTICE_MONTHS
        } else {
            0
        }),
        renewal_months: new.renewal_months,
        fee_basis: fee.map(|fee| fee.basis),
        fee_amount: fee.and_then(|fee| fee.amount),
        fee_per_mille: fee.and_then(|fee| fee.per_mille),
        fee_cap: fee.and_then(|fee| fee.cap),
        fee_minimum: fee.and_then(|fee| fee.minimum),
        fee_allocation_basis: fee.and_then(|fee| fee.allocation_basis),
        vat_rate: fee.map(|fee| fee.vat_rate),
        ..row
    };
    let surroundings = Surroundings { member, activity, funding };
    eligibility::check(&row, &surroundings, errors);
    expect_price(new, &row, &surroundings, errors);
    Ok(row)
}

/// Somebody who is not to pay for what lives on special fees is said so: by a fee that is null.
fn expect_price(
    new: &NewAgreement,
    row: &Model,
    Surroundings { activity, funding, .. }: &Surroundings,
    errors: &mut ValidationErrors,
) {
    let is_silent = row.kind == AgreementKind::Participation
        && row.fee_basis.is_none()
        && matches!(new.fee, FeeOf::Schedule(_));
    if let Some(activity) =
        activity.as_ref().filter(|_| is_silent && *funding == [FundingKind::SpecialFee])
    {
        let message = format!(
            "is needed: {} lives on special fees and has no price on {}; null says that there is none",
            activity.name, new.starts_on
        );
        errors.add("input.fee", message);
    }
}

/// Returns `true` if the viewer may know of a template: one that was never published is not there
/// for those who may not read templates.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn is_template_visible(
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    id: TemplateId,
) -> Result<bool> {
    use template_version::Column;
    if viewer.visibility(Resource::Templates).all {
        return Ok(true);
    }
    let published = template_version::Entity::find()
        .filter(Column::TemplateId.eq(id))
        .filter(Column::State.ne(TemplateState::Draft))
        .one(db)
        .await?;
    Ok(published.is_some())
}

/// The template with the version that the agreement gets.
async fn form(
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    new: &NewAgreement,
    errors: &mut ValidationErrors,
) -> Result<(template::Model, template_version::Model)> {
    use template_version::Column;
    // A template that was never published is not there for those who may not see it.
    let is_seen = |version: &template_version::Model| {
        version.state != TemplateState::Draft || viewer.visibility(Resource::Templates).all
    };
    let none = || Error::NotFound("there is no such template".into());
    let template = template::Entity::find_by_id(new.template).one(db).await?.ok_or_else(none)?;
    let versions = template_version::Entity::find()
        .filter(Column::TemplateId.eq(template.id))
        .order_by_desc(Column::Version)
        .all(db)
        .await?;
    let mut seen = versions.into_iter().filter(is_seen).peekable();
    seen.peek().ok_or_else(none)?;
    let Some(wanted) = new.version else {
        let current = seen.find(|version| version.state == TemplateState::Published);
        let message = format!("{} has no published version; publish one first", template.slug);
        return Ok((
            template,
            current.ok_or_else(|| Error::conflict("NO_PUBLISHED_VERSION", message))?,
        ));
    };
    let Some(version) = seen.find(|version| version.id == wanted) else {
        errors.add("input.templateVersion", "is no version of the template");
        return Err(none());
    };
    document_source::require_published(&template, &version)?;
    Ok((template, version))
}

fn check_term(new: &NewAgreement, errors: &mut ValidationErrors) {
    errors.expect(
        new.ends_on.is_none_or(|last| last >= new.starts_on),
        "input.endsOn",
        "must not be before startsOn",
    );
    errors.expect(
        new.notice_months.is_none_or(|months| (0..=120).contains(&months)),
        "input.noticeMonths",
        "must be 0 to 120",
    );
    errors.expect(
        new.renewal_months.is_none_or(|months| (1..=600).contains(&months)),
        "input.renewalMonths",
        "must be 1 to 600",
    );
    let has_term = new.renewal_months.is_none() || new.ends_on.is_some();
    errors.expect(has_term, "input.renewalMonths", "needs endsOn, the end of the first term");
}

/// Returns the activity's price on a day; `None` if it has none. Its VAT treatment is that of the
/// tax decision in force on that day, or on `today` if that is later: a decision is for invoices
/// that are issued from its first day on, and none is issued before today.
///
/// # Errors
/// CONFLICT `VAT_UNDECIDED` when neither the price nor a tax decision says how it is taxed.
async fn scheduled(
    db: &impl ConnectionTrait,
    activity: &activity::Model,
    on: NaiveDate,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<Option<Fee>> {
    use fee_schedule::Column;
    let found = fee_schedule::Entity::find()
        .filter(Column::ActivityId.eq(activity.id))
        .filter(Column::ValidFrom.lte(on))
        .filter(Condition::any().add(Column::ValidTo.is_null()).add(Column::ValidTo.gte(on)))
        .order_by_asc(Column::Basis)
        .all(db)
        .await?;
    if found.len() > 1 {
        let bases: Vec<_> = found.iter().map(|price| price.basis.word()).collect();
        errors.add(
            "input.fee",
            format!(
                "is needed, since the activity has several prices on {on}: {}",
                bases.join(", ")
            ),
        );
    }
    let Some(price) = found.first() else { return Ok(None) };
    match TaxDecisions::on(db, on.max(today)).await?.rate_of(price) {
        Some(VatRate::Zero) => {
            errors.add("input.fee", format!("is needed, since the activity's price on {on} has a VAT treatment that {NO_RATE_OF_ZERO}"));
            Ok(None)
        }
        Some(rate) => Ok(Some(Fee::priced(price, rate))),
        // What is wrong with the input is told before.
        None if !errors.is_empty() => Ok(None),
        None => {
            Err(undecided(&format!("the price of {} from {}", activity.name, price.valid_from)))
        }
    }
}

/// Which way the money goes when nobody says so: who leads or works is paid, and a fee else comes
/// in.
fn direction(kind: AgreementKind, fee: Option<Fee>) -> Direction {
    match (kind, fee) {
        (AgreementKind::Assignment, _) => Direction::Cost,
        (_, Some(_)) => Direction::Income,
        (_, None) => Direction::None,
    }
}
