//! Issue of an invoice that is not stored as a draft: it is drafted and issued in one change.

use ::entity::{
    id::InvoiceId,
    kind::{InvoiceKind, SubjectKind},
};
use chrono::NaiveDate;

use super::{
    draft::{self, NewInvoice},
    draft_facts::DraftFacts,
    fee_charges::charges_fee,
    issue::{finish, render},
    issue_day::day_and_numbers,
    numbers::NumberSearch,
};
use crate::{
    audit::{self, Action, Basis, Seen},
    auth::viewer::Permission,
    clock::day_of,
    config::Network,
    context::Context,
    error::{Error, FieldError, Origin, Result, ValidationErrors},
    idempotency::{FromOutcome, Outcome, Warning, Warnings},
};

/// Input of an invoice that is issued without a stored draft.
#[derive(Clone, Debug)]
pub struct NewIssue {
    /// The invoice.
    pub draft: NewInvoice,
    /// Day of issue; null: today.
    pub issued_on: Option<NaiveDate>,
}

/// An invoice that was issued without a stored draft.
#[derive(Clone, Debug)]
pub struct NewIssued {
    /// The invoice.
    pub id: InvoiceId,
    /// Warnings about its lines.
    pub warnings: Vec<Warning>,
}

impl FromOutcome for NewIssued {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        Some(Self { id: outcome.ids().next()?, warnings: outcome.warnings.clone() })
    }
}

/// Drafts an invoice and issues it, in one change with the audit entries of both. `of_draft` and
/// `errors` are those found while the draft and the rest of the input were parsed.
///
/// # Errors
/// Those of [`draft::draft`], with its fields below `draft`, and of
/// [`issue`](super::issue::issue).
pub async fn issue_new(
    ctx: Context<'_>,
    network: &Network,
    new: NewIssue,
    of_draft: ValidationErrors,
    mut errors: ValidationErrors,
) -> Result<NewIssued> {
    ctx.require(Permission::ManageInvoices)?;
    let (seen, today) = (Seen::now(ctx.db), ctx.clock.today());
    let NewIssue { draft, issued_on } = new;
    let own = draft::corrected(&draft);
    let expected = issued_on.unwrap_or(today);
    let facts = DraftFacts::of_new(
        ctx,
        ctx.db.read(),
        network,
        (draft.clone(), today, expected),
        of_draft.clone(),
    )
    .await;
    let is_alone = facts.as_ref().is_ok_and(|facts| charges_fee(&facts.draft));
    let basis = Basis { seen: &seen, kind: SubjectKind::Invoice, own: &own, is_alone };
    let search = NumberSearch::new(ctx, InvoiceKind::Invoice, expected);
    let mut change =
        audit::begin_after(ctx, Action::InvoiceIssue, basis, &search.questions()).await?;
    let day = day_of(change.at());
    let (issued_on, numbers) = day_and_numbers(&change, &search, issued_on, &mut errors).await?;
    let facts = if (day, issued_on) == (today, expected) && change.holds() {
        facts
    } else {
        let new = (draft, day, issued_on);
        Box::pin(DraftFacts::of_new(ctx, change.tx(), network, new, of_draft)).await
    };
    let facts = facts.map_err(|error| within_draft(error, &errors))?;
    let before = facts.draft.clone();
    let (issued, warnings) =
        render(ctx, network, &change, facts, (issued_on, numbers), errors).await?;
    change.record(None, Some(&before))?;
    change.record(Some(&before), Some(&issued.aggregate))?;
    change.insert_later(vec![issued.aggregate.row.clone()]);
    change.insert_later(issued.aggregate.lines.clone());
    let id = before.row.id;
    let Warnings(warnings) = finish(change, issued, warnings).await?;
    Ok(NewIssued { id, warnings })
}

/// Returns an error of the draft with its fields below `draft`, together with the `others` of the
/// input.
fn within_draft(error: Error, others: &ValidationErrors) -> Error {
    let below = |field: FieldError| match field.origin {
        Origin::Input => FieldError { path: format!("draft.{}", field.path), ..field },
        _ => field,
    };
    match error.map_fields(below) {
        Error::Invalid(mut fields) => {
            fields.extend(others.clone().into_inner());
            Error::Invalid(fields)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FieldErrorCode;

    #[test]
    fn fields_of_the_draft_are_named_below_it_with_those_of_the_input() {
        let mut others = ValidationErrors::default();
        others.add("issued_on", FieldErrorCode::Required.problem("is required"));
        let setting = FieldErrorCode::Required.problem("is required");
        let mut of_draft = ValidationErrors::default();
        of_draft.add("lines[0].description", FieldErrorCode::Empty.problem("must not be empty"));
        of_draft.add_setting("network.name", setting);
        let error = of_draft.finish().unwrap_err();
        let Error::Invalid(fields) = within_draft(error, &others) else { panic!("not INVALID") };
        assert_eq!(
            fields.iter().map(|field| field.path.as_str()).collect::<Vec<_>>(),
            ["draft.lines[0].description", "network.name", "issued_on"]
        );
        let other = within_draft(Error::NotFound("there is no such buyer".into()), &others);
        assert!(matches!(other, Error::NotFound(_)));
    }
}
