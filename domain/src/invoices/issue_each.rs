//! Issue of many invoices, each by a draft or as a new one.

use ::entity::id::InvoiceId;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;

use super::{
    draft::NewInvoice,
    issue::issue,
    issue_new::{NewIssue, NewIssued, issue_new},
};
use crate::{
    auth::viewer::Permission,
    bulk::{ItemRule, NewItem},
    config::Network,
    context::Context,
    error::{Result, ValidationErrors},
    idempotency::Warnings,
};

/// An invoice to issue, of many.
#[derive(Clone, Debug)]
pub struct Issuable {
    /// The invoice.
    pub content: IssuableContent,
    /// Day of issue; null: today.
    pub issued_on: Option<NaiveDate>,
}

/// The content of an invoice to issue.
#[derive(Clone, Debug)]
pub enum IssuableContent {
    /// That of a stored draft.
    Draft(InvoiceId),
    /// That of a new invoice, with the errors that were found while it was parsed.
    New(Box<NewInvoice>, ValidationErrors),
}

/// Issues many invoices: [`issue`] or [`issue_new`] for each.
#[derive(Clone, Copy, Debug)]
pub struct IssueEach<'n> {
    /// The settings of the network.
    pub network: &'n Network,
}

impl ItemRule for IssueEach<'_> {
    type Item = Issuable;
    type Output = NewIssued;
    const PERMISSION: Permission = Permission::ManageInvoices;

    fn apply<'a>(
        &'a self,
        ctx: Context<'a>,
        _: usize,
        NewItem { item, errors }: NewItem<Issuable>,
    ) -> BoxFuture<'a, Result<NewIssued>> {
        let Issuable { content, issued_on } = item;
        Box::pin(async move {
            match content {
                IssuableContent::Draft(id) => {
                    let Warnings(warnings) =
                        issue(ctx, self.network, id, issued_on, errors).await?;
                    Ok(NewIssued { id, warnings })
                }
                IssuableContent::New(draft, of_draft) => {
                    let new = NewIssue { draft: *draft, issued_on };
                    issue_new(ctx, self.network, new, of_draft, errors).await
                }
            }
        })
    }
}
