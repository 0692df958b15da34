//! Drafting: how an invoice is begun, changed until it is issued, or thrown away.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity, agreement,
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::{InvoiceKind, Unit, VatRate},
    money::{Money, Quantity},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::Expr,
};

use super::{
    Buyer,
    aggregate::{self, InvoiceAggregate},
    amounts, line_taxes,
    parties::{Buyers, buyer_of},
    revenue_accounts::LineAccounts,
    supply_date::Supplied,
};
use crate::{
    activities::tax_decisions::{NO_RATE_OF_ZERO, TaxDecisions, checked_exemption, undecided},
    agreements,
    audit::{self, Change},
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    config::Network,
    database::{Database, among},
    documents::invoice::{MAX_TIME_OF_LINES, time_of_lines},
    error::{Error, LINE, Result, TEXT, ValidationErrors, undisplayable, unprintable},
    idempotency::Outcome,
};

/// The most lines of an invoice: enough for any that somebody reads.
const LINES: usize = 1000;
/// The longest time to pay, in days: a public body may not be given longer (räntelagen 2 a §).
pub const DUE_IN_DAYS: i32 = 30;

/// An invoice to be drafted.
#[derive(Clone, Debug)]
pub struct NewInvoice {
    /// Who is to pay it.
    pub buyer: Buyer,
    /// What it is for.
    pub lines: Vec<NewLine>,
    /// Days from issue to the last day to pay; null: as the agreements of its lines have it, else
    /// as the settings do.
    pub due_in_days: Option<i32>,
    /// The invoice that it corrects upwards.
    pub corrects: Option<InvoiceId>,
    /// Why it corrects, or any other word to the buyer.
    pub reason: Option<String>,
    /// The buyer's order that it is for.
    pub order_reference: Option<String>,
    /// The network's own reference.
    pub our_reference: Option<String>,
    /// The buyer's reference; null: as its billing details have it.
    pub buyer_reference: Option<String>,
    /// When it was supplied what the lines are for that say nothing of it.
    pub supplied: Supplied,
}

/// A line to be written.
#[derive(Clone, Debug)]
pub struct NewLine {
    /// What for.
    pub description: String,
    /// The activity that earns it; null: that of the agreement, or none.
    pub activity: Option<ActivityId>,
    /// The agreement behind it.
    pub agreement: Option<AgreementId>,
    /// The day of supply; null: a period, or not said.
    pub supplied_on: Option<NaiveDate>,
    /// First day that it covers.
    pub period_from: Option<NaiveDate>,
    /// Last day that it covers.
    pub period_to: Option<NaiveDate>,
    /// How many.
    pub quantity: Quantity,
    /// Of what.
    pub unit: Unit,
    /// Öre each; negative for a deduction.
    pub unit_price: Money,
    /// VAT treatment; null: as the agreement says, else as the network's tax decision does.
    pub vat_rate: Option<VatRate>,
    /// The reason of the exemption in words; null: that of the tax decision, else of the settings.
    pub exemption_reason: Option<String>,
    /// The reason's code of the list VATEX.
    pub exemption_code: Option<String>,
    /// Revenue account (konto); null: as the settings have it.
    pub account: Option<String>,
}

impl NewLine {
    fn supplied(&self) -> Supplied {
        Supplied { on: self.supplied_on, from: self.period_from, to: self.period_to }
    }
}

/// What changes about a draft: what is null stays as it is.
#[derive(Clone, Debug, Default)]
pub struct DraftChanges {
    /// Who is to pay it.
    pub buyer: Option<Buyer>,
    /// All of its lines.
    pub lines: Option<Vec<NewLine>>,
    /// `Some(None)`: as the agreements of its lines have it, else as the settings do.
    pub due_in_days: Option<Option<i32>>,
    /// `Some(None)`: none.
    pub reason: Option<Option<String>>,
    /// `Some(None)`: none.
    pub order_reference: Option<Option<String>>,
    /// `Some(None)`: none.
    pub our_reference: Option<Option<String>>,
    /// `Some(None)`: as the buyer's billing details have it.
    pub buyer_reference: Option<Option<String>>,
    /// When it was supplied what the lines are for that say nothing of it.
    pub supplied: Supplied,
}

/// Drafts an invoice. `errors` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, NOT_FOUND for what it refers to, INVALID naming
/// every bad field, CONFLICT `VAT_UNDECIDED` when nothing says how a line is taxed.
pub async fn draft(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    new: NewInvoice,
    mut errors: ValidationErrors,
) -> Result<InvoiceId> {
    viewer.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(db, viewer, "invoiceDraft").await?;
    let mut after = InvoiceAggregate {
        row: invoice::Model { id: InvoiceId::new(), ..invoice::Model::default() },
        ..InvoiceAggregate::default()
    };
    after.row.due_in_days = new.due_in_days;
    after.row.reason = errors.optional_text("input.reason", new.reason.as_deref(), TEXT);
    after.row.order_reference =
        errors.optional_text("input.orderReference", new.order_reference.as_deref(), LINE);
    after.row.our_reference =
        errors.optional_text("input.ourReference", new.our_reference.as_deref(), LINE);
    after.row.buyer_reference =
        errors.optional_text("input.buyerReference", new.buyer_reference.as_deref(), LINE);
    set_buyer(change.tx(), &mut after, new.buyer, &mut errors).await?;
    if let Some(corrected) = new.corrects {
        after.row.corrects_id = Some(corrected);
        correct(change.tx(), "input", &after, corrected, &mut errors).await?;
    }
    let seen = agreements::visible(db.backend(), viewer);
    let given = spread(new.lines, new.supplied.check("input", &mut errors));
    let decisions = decisions_for(&change, &given).await?;
    after.lines =
        lines(change.tx(), network, &after, &given, seen, &decisions, &mut errors).await?;
    check_characters(&after, None, &mut errors);
    check(network, "input", &mut after, &mut errors);
    errors.finish()?;
    audit::insert(&change, after.row.clone()).await?;
    insert_lines(&change, &after.lines).await?;
    change.record(None, Some(&after))?;
    change.commit_with(after.row.id).await?;
    Ok(after.row.id)
}

/// Changes a draft.
///
/// # Errors
/// As [`draft`], and CONFLICT `ALREADY_ISSUED`.
pub async fn update(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    id: InvoiceId,
    changes: DraftChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(db, viewer, "invoiceDraftUpdate").await?;
    let before = match find_draft(change.tx(), id).await {
        // The id itself was bad: all that is wrong with the input is told together.
        Err(Error::NotFound(_)) if !errors.is_empty() => return errors.finish(),
        found => found?,
    };
    let mut after = before.clone();
    if let Some(days) = changes.due_in_days {
        after.row.due_in_days = days;
    }
    if let Some(reason) = changes.reason {
        after.row.reason = errors.optional_text("input.reason", reason.as_deref(), TEXT);
    }
    if let Some(reference) = changes.order_reference {
        after.row.order_reference =
            errors.optional_text("input.orderReference", reference.as_deref(), LINE);
    }
    if let Some(reference) = changes.our_reference {
        after.row.our_reference =
            errors.optional_text("input.ourReference", reference.as_deref(), LINE);
    }
    if let Some(reference) = changes.buyer_reference {
        after.row.buyer_reference =
            errors.optional_text("input.buyerReference", reference.as_deref(), LINE);
    }
    if let Some(buyer) = changes.buyer {
        set_buyer(change.tx(), &mut after, buyer, &mut errors).await?;
    }
    if let Some(corrected) = after.row.corrects_id {
        correct(change.tx(), "input", &after, corrected, &mut errors).await?;
    }
    let (new, seen): (Vec<NewLine>, _) = match &changes.lines {
        Some(lines) => (lines.clone(), agreements::visible(db.backend(), viewer)),
        // What stands in the draft stays, also for those who may not see what it names.
        None => (before.lines.iter().map(as_new).collect(), Condition::all()),
    };
    let supplied = changes.supplied.check("input", &mut errors);
    if let Some(days) = supplied.filter(|_| changes.lines.is_none()) {
        let field =
            if changes.supplied.on.is_some() { "input.suppliedOn" } else { "input.periodFrom" };
        errors.expect(
            has_line_for(&new, days),
            field,
            "changes no line, since each has days of its own; give the lines with their days",
        );
    }
    let is_touched = changes.lines.is_some() || changes.buyer.is_some() || supplied.is_some();
    if is_touched {
        let new = spread(new, supplied);
        let decisions = decisions_for(&change, &new).await?;
        after.lines =
            lines(change.tx(), network, &after, &new, seen, &decisions, &mut errors).await?;
    }
    check_characters(&after, Some(&before), &mut errors);
    check(network, "input", &mut after, &mut errors);
    errors.finish()?;
    if after != before {
        if is_touched {
            delete_lines(&change, id).await?;
            insert_lines(&change, &after.lines).await?;
        }
        audit::replace(&change, after.row.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(id).await
}

/// Throws a draft away, and answers what it was. The audit trail keeps it.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, NOT_FOUND, CONFLICT `ALREADY_ISSUED`.
pub async fn discard(
    db: &Database,
    viewer: &Viewer,
    id: InvoiceId,
    errors: ValidationErrors,
) -> Result<InvoiceAggregate> {
    viewer.require(Permission::ManageInvoices)?;
    errors.finish()?;
    let mut change = audit::begin(db, viewer, "invoiceDraftDiscard").await?;
    let before = find_draft(change.tx(), id).await?;
    delete_lines(&change, id).await?;
    invoice::Entity::delete_by_id(id).exec(change.tx()).await?;
    change.record(Some(&before), None)?;
    change
        .commit_with(Outcome::default().deleting(id).detailed(&aggregate::Deleted::of(&before)?)?)
        .await?;
    Ok(before)
}

/// An invoice or credit note with what belongs to it.
pub(super) async fn find(db: &impl ConnectionTrait, id: InvoiceId) -> Result<InvoiceAggregate> {
    let found = aggregate::by_ids(db, &BTreeSet::from([id])).await?.remove(&id);
    found.ok_or_else(|| Error::NotFound("there is no such invoice".into()))
}

/// The draft with this id.
pub(super) async fn find_draft(
    db: &impl ConnectionTrait,
    id: InvoiceId,
) -> Result<InvoiceAggregate> {
    let found = find(db, id).await?;
    if found.is_issued() {
        let message = format!(
            "{} is issued already, and never changes; credit it, or correct it by another invoice",
            found.name()
        );
        return Err(Error::conflict("ALREADY_ISSUED", message));
    }
    Ok(found)
}

async fn set_buyer(
    db: &impl ConnectionTrait,
    after: &mut InvoiceAggregate,
    buyer: Buyer,
    errors: &mut ValidationErrors,
) -> Result<()> {
    (after.row.member_id, after.row.organisation_id) = match buyer {
        Buyer::Member(id) => (Some(id), None),
        Buyer::Organisation(id) => (None, Some(id)),
    };
    // A bad id is told with all else that is bad.
    if errors.is_empty() && !Buyers::load(db, [buyer]).await?.has(buyer) {
        return Err(Error::NotFound("there is no such buyer".into()));
    }
    Ok(())
}

/// Checks what an invoice, which the caller calls `name`, corrects upwards.
pub(super) async fn correct(
    db: &impl ConnectionTrait,
    name: &str,
    after: &InvoiceAggregate,
    corrected: InvoiceId,
    errors: &mut ValidationErrors,
) -> Result<()> {
    let found = match find(db, corrected).await {
        Err(Error::NotFound(_)) if !errors.is_empty() => return Ok(()),
        found => found?,
    };
    let is_fit = found.row.kind == InvoiceKind::Invoice && found.is_issued();
    errors.expect(is_fit, &format!("{name}.corrects"), "must be an issued invoice");
    errors.expect(
        buyer_of(&found.row) == buyer_of(&after.row),
        &format!("{name}.buyer"),
        "must be that of the invoice that it corrects",
    );
    errors.expect(
        after.row.reason.is_some(),
        &format!("{name}.reason"),
        "is needed: what is corrected, and why",
    );
    Ok(())
}

fn as_new(line: &invoice_line::Model) -> NewLine {
    NewLine {
        description: line.description.clone(),
        activity: line.activity_id,
        agreement: line.agreement_id,
        supplied_on: None,
        period_from: line.period_from,
        period_to: line.period_to,
        quantity: line.quantity,
        unit: line.unit,
        unit_price: line.unit_price,
        vat_rate: Some(line.vat_rate),
        exemption_reason: line.exemption_reason.clone(),
        exemption_code: line.exemption_code.clone(),
        account: Some(line.account.clone()),
    }
}

/// Returns `true` if a text has the form of an account of the BAS chart (baskontoplan): four
/// digits.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Agreements, activities, accounts and tax decisions that the lines of an invoice refer to or take
/// their defaults from.
struct Known<'d> {
    agreements: HashMap<AgreementId, agreement::Model>,
    activities: BTreeSet<ActivityId>,
    accounts: LineAccounts,
    decisions: &'d TaxDecisions,
    buyer: Option<Buyer>,
}

impl Known<'_> {
    /// The row of a line at this index, or `None` if nothing says how it is taxed.
    fn row(
        &self,
        position: usize,
        line: &NewLine,
        errors: &mut ValidationErrors,
    ) -> Option<invoice_line::Model> {
        let path = |field: &str| format!("input.lines.{position}.{field}");
        let agreement = line.agreement.and_then(|id| self.agreements.get(&id));
        self.check_references(position, line, errors);
        let activity_id = line.activity.or(agreement.and_then(|agreement| agreement.activity_id));
        let (period_from, period_to) =
            line.supplied().check(&format!("input.lines.{position}"), errors).unzip();
        errors.expect(line.quantity.0 > 0, &path("quantity"), "must be above zero");
        let is_small = line.quantity.at(line.unit_price).is_some();
        errors.expect(
            is_small,
            &path("unitPrice"),
            "times quantity is beyond 10000000000.00 kronor",
        );
        if let Some(account) = &line.account {
            errors.expect(is_account(account), &path("account"), "must be four digits");
        }
        let taxed = line_taxes::taxed(
            matches!(self.buyer, Some(Buyer::Member(_))),
            activity_id,
            &line.description,
        );
        let decided = || taxed.and_then(|taxed| self.decisions.rate_about(taxed));
        let vat_rate = line.vat_rate.or_else(|| agreement?.vat_rate).or_else(decided);
        let stated = (line.exemption_reason.as_deref(), line.exemption_code.as_deref());
        let (exemption_reason, exemption_code) = checked_exemption(
            vat_rate.unwrap_or(VatRate::Exempt),
            stated,
            &format!("input.lines.{position}"),
            errors,
        );
        let description = errors.text(&path("description"), &line.description, LINE);
        let vat_rate = vat_rate?;
        let mut row = invoice_line::Model {
            id: InvoiceLineId::new(),
            position: i32::try_from(position + 1).unwrap_or(i32::MAX),
            description,
            activity_id,
            agreement_id: line.agreement,
            period_from,
            period_to,
            quantity: line.quantity,
            unit: line.unit,
            unit_price: line.unit_price,
            vat_rate,
            exemption_reason,
            exemption_code,
            account: line
                .account
                .clone()
                .unwrap_or_else(|| self.accounts.of_line(activity_id, vat_rate)),
            ..invoice_line::Model::default()
        };
        line_taxes::complete(&mut row, taxed, self.decisions);
        Some(row)
    }

    /// Checks the activity and the agreement that a line names.
    fn check_references(&self, position: usize, line: &NewLine, errors: &mut ValidationErrors) {
        let path = |field: &str| format!("input.lines.{position}.{field}");
        if let Some(id) = line.activity {
            errors.expect(
                self.activities.contains(&id),
                &path("activity"),
                "is no activity of the register",
            );
        }
        match line.agreement.map(|id| self.agreements.get(&id)) {
            None => {}
            Some(None) => errors.add(path("agreement"), "is no agreement of the register"),
            Some(Some(agreement)) => {
                let theirs = agreement
                    .member_id
                    .map(Buyer::Member)
                    .or(agreement.organisation_id.map(Buyer::Organisation));
                errors.expect(
                    self.buyer.is_none() || theirs == self.buyer,
                    &path("agreement"),
                    "is not with the buyer; give an agreement of the buyer, or none",
                );
                errors.expect(
                    agreement.number.is_some(),
                    &path("agreement"),
                    "is a draft; offer it first",
                );
                let fits = line.activity.is_none()
                    || agreement.activity_id.is_none()
                    || line.activity == agreement.activity_id;
                errors.expect(fits, &path("activity"), "is not the agreement's");
            }
        }
    }
}

/// The rows of these lines, held against the activities and the `seen` agreements that they name,
/// by two statements at most.
///
/// # Errors
/// CONFLICT `VAT_UNDECIDED` when nothing says how a line is taxed.
async fn lines(
    db: &impl ConnectionTrait,
    network: &Network,
    after: &InvoiceAggregate,
    new: &[NewLine],
    seen: Condition,
    decisions: &TaxDecisions,
    errors: &mut ValidationErrors,
) -> Result<Vec<invoice_line::Model>> {
    errors.expect(!new.is_empty(), "input.lines", "must not be empty");
    if new.len() > LINES {
        errors.add(
            "input.lines",
            format!("must not be more than {LINES}; split it into several invoices"),
        );
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let agreements: BTreeSet<_> = new.iter().filter_map(|line| line.agreement).collect();
    let found = agreement::Entity::find()
        .filter(among(backend, Expr::col(agreement::Column::Id), agreements))
        .filter(seen)
        .all(db)
        .await?;
    let agreements: HashMap<AgreementId, agreement::Model> =
        found.into_iter().map(|row| (row.id, row)).collect();
    let activities: BTreeSet<_> = new.iter().filter_map(|line| line.activity).collect();
    let found = activity::Entity::find()
        .filter(among(backend, Expr::col(activity::Column::Id), activities))
        .all(db)
        .await?;
    let activities: BTreeSet<ActivityId> = found.into_iter().map(|row| row.id).collect();
    let accounts = LineAccounts::load(db, network).await?;
    let known = Known { agreements, activities, accounts, decisions, buyer: buyer_of(&after.row) };
    let (mut rows, mut open) = (Vec::with_capacity(new.len()), Vec::new());
    for (position, line) in new.iter().enumerate() {
        match known.row(position, line, errors) {
            Some(row) => rows.push(invoice_line::Model { invoice_id: after.row.id, ..row }),
            None => open.push(format!("line {} ({})", position + 1, line.description.trim())),
        }
    }
    if !open.is_empty() && errors.is_empty() {
        return Err(undecided(&open.join(", ")));
    }
    Ok(rows)
}

/// The texts of an invoice that stand next to its lines, by their fields.
fn texts(row: &invoice::Model) -> [(&'static str, Option<&str>); 4] {
    [
        ("reason", row.reason.as_deref()),
        ("orderReference", row.order_reference.as_deref()),
        ("ourReference", row.our_reference.as_deref()),
        ("buyerReference", row.buyer_reference.as_deref()),
    ]
}

/// Notes the texts that documents can't show, of a draft that was not so before.
fn check_characters(
    after: &InvoiceAggregate,
    before: Option<&InvoiceAggregate>,
    errors: &mut ValidationErrors,
) {
    let earlier = before.map(|before| texts(&before.row));
    for (position, (field, text)) in texts(&after.row).into_iter().enumerate() {
        let before = earlier.and_then(|texts| texts.get(position)?.1);
        errors.settable_change(&format!("input.{field}"), before, text);
    }
    for (position, line) in after.lines.iter().enumerate() {
        let before = before
            .and_then(|before| before.lines.get(position))
            .map(|line| line.description.as_str());
        errors.settable_change(
            &format!("input.lines.{position}.description"),
            before,
            Some(line.description.as_str()),
        );
    }
}

/// Returns `true` if a line says nothing of when it was supplied, or has these days already.
fn has_line_for(lines: &[NewLine], (from, to): (NaiveDate, NaiveDate)) -> bool {
    lines.iter().any(|line| {
        line.period_from.is_none_or(|day| day == from) && line.period_to.is_none_or(|day| day == to)
    })
}

/// Gives lines that say nothing of when they were supplied the days of the invoice.
fn spread(lines: Vec<NewLine>, days: Option<(NaiveDate, NaiveDate)>) -> Vec<NewLine> {
    let Some((from, to)) = days else { return lines };
    let given = |line: NewLine| {
        let is_silent =
            line.supplied_on.is_none() && line.period_from.is_none() && line.period_to.is_none();
        if is_silent {
            NewLine { period_from: Some(from), period_to: Some(to), ..line }
        } else {
            line
        }
    };
    lines.into_iter().map(given).collect()
}

/// The tax decisions that these lines need: none when each says itself how it is taxed, and why it
/// is exempt.
async fn decisions_for(change: &Change, new: &[NewLine]) -> Result<TaxDecisions> {
    let is_exempt =
        |line: &NewLine| line.vat_rate == Some(VatRate::Exempt) && line.exemption_reason.is_none();
    let today = day_of(change.at());
    if new.iter().any(|line| line.vat_rate.is_none()) {
        TaxDecisions::on(change.tx(), today).await?.with_prices(change.tx(), today).await
    } else if new.iter().any(is_exempt) {
        TaxDecisions::on(change.tx(), today).await
    } else {
        Ok(TaxDecisions::default())
    }
}

/// Checks a draft, which the caller calls `name`, as a whole, and works out its sums.
pub(super) fn check(
    network: &Network,
    name: &str,
    after: &mut InvoiceAggregate,
    errors: &mut ValidationErrors,
) {
    let days_fit = after.row.due_in_days.is_none_or(|days| (0..=DUE_IN_DAYS).contains(&days));
    let message = "must be 0 to 30: a public body may not be given longer (räntelagen 2 a §)";
    errors.expect(days_fit, &format!("{name}.dueInDays"), message);
    let lines = format!("{name}.lines");
    for (position, _) in
        after.lines.iter().enumerate().filter(|(_, line)| line.vat_rate == VatRate::Zero)
    {
        errors.add(format!("{lines}.{position}.vatRate"), NO_RATE_OF_ZERO);
    }
    for (position, line) in after.lines.iter().enumerate() {
        if let Some(key) = network.accounts.reserved_for(&line.account) {
            let message = format!(
                "must not be {}, which the settings use as `{key}`; give a revenue account",
                line.account
            );
            errors.add(format!("{lines}.{position}.account"), message);
        }
    }
    let fit = amounts::rates_fit_together(after.lines.iter().map(|line| line.vat_rate));
    errors.expect(
        fit,
        &lines,
        "has lines outside the scope of VAT beside others, which need an invoice of their own",
    );
    // A draft may be older than the check of what is drafted.
    for (position, line) in after.lines.iter().enumerate() {
        let problem = unprintable(&line.description)
            .map(str::to_owned)
            .or_else(|| undisplayable(&line.description));
        if let Some(problem) = problem {
            errors.add(format!("{lines}.{position}.description"), problem);
        }
    }
    for (field, text) in texts(&after.row) {
        if let Some(problem) = text.and_then(undisplayable) {
            errors.add(format!("{name}.{field}"), problem);
        }
    }
    if !errors.is_empty() {
        return;
    }
    let is_settable = time_of_lines(after.lines.iter().map(|line| line.description.as_str()))
        <= MAX_TIME_OF_LINES;
    errors.expect(
        is_settable,
        &lines,
        "has more text than a PDF of an invoice can have; split it into several invoices",
    );
    let is_small = calculate(network, after);
    errors.expect(is_small, &lines, "adds up to more than 10000000000.00 kronor");
    let message = "must add up to more than zero; to give money back, credit the invoice";
    errors.expect(!is_small || after.row.total > Money::ZERO, &lines, message);
}

/// Works out the sums, in whole kronor when the settings say so.
pub(super) fn calculate(network: &Network, after: &mut InvoiceAggregate) -> bool {
    let whole_kronor = network.invoicing.whole_kronor;
    after.calculate(|sum| if whole_kronor { amounts::rounding_to_krona(sum) } else { Money::ZERO })
}

/// Writes lines.
pub(super) async fn insert_lines(change: &Change, lines: &[invoice_line::Model]) -> Result<()> {
    for block in lines.chunks(250) {
        let rows = block.iter().cloned().map(IntoActiveModel::into_active_model);
        invoice_line::Entity::insert_many(rows).exec_without_returning(change.tx()).await?;
    }
    Ok(())
}

async fn delete_lines(change: &Change, invoice: InvoiceId) -> Result<()> {
    invoice_line::Entity::delete_many()
        .filter(invoice_line::Column::InvoiceId.eq(invoice))
        .exec(change.tx())
        .await?;
    Ok(())
}
