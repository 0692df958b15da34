//! Offers drafts: in one transaction, a draft gets its number and its text is frozen.

use std::sync::atomic::{AtomicBool, Ordering};

use ::entity::{agreement::Model, agreement_document, id::AgreementId};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use documents::{
    agreement::{self as document, Rendered},
    sha256,
};
use futures_util::future::BoxFuture;
use sea_orm::ConnectionTrait;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    document_loading, document_source, eligibility,
    lifecycle::{self, Transition},
    loading::{self, snapshot},
    numbers,
};
use crate::{
    audit::{self, Action, Change, forms::AgreementHtml},
    auth::viewer::Permission,
    bulk::{ItemRule, NewItem, Rejected},
    clock::day_of,
    collation,
    config::Network,
    context::Context,
    database::busy,
    error::{ConflictReason, Error, Origin, Result, ValidationErrors},
    worker_pool,
};

/// Serializes the offers of this process, so that each gets the number that it expected.
static OFFER_LOCK: Mutex<()> = Mutex::const_new(());

/// Offers a draft: it gets the next number of the year, and its text is frozen.
///
/// The document is rendered before the transaction, with the expected number, so that no other
/// writer waits for it. If its contents change meanwhile, through another mutation or process, it
/// is rendered again before another transaction.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, CONFLICT `ALREADY_OFFERED`,
/// `WITHDRAWN`, `NO_TEMPLATE`, `TEMPLATE_RETIRED`, `NOT_A_MEMBER`, `ACTIVITY_ENDED`,
/// `ACTIVITY_NOT_STARTED`, `DOES_NOT_FIT` or `OVERLAPS`, and INVALID or CONFLICT for a text that
/// can't be rendered. CONFLICT `BUSY` when its contents change repeatedly.
pub async fn offer(
    ctx: Context<'_>,
    network: &Network,
    id: AgreementId,
    errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let _permit = OFFER_LOCK.lock().await;
    ctx.expect_new().await?;
    for _ in 0..ATTEMPTS {
        let expected = match Facts::of(ctx.db.read(), id, ctx.clock.now()).await {
            Ok(expected) => expected,
            Err(error) => {
                // Offered by another server meanwhile, by a request with the same key.
                ctx.expect_new().await?;
                return Err(error);
            }
        };
        let rendered = expected.clone().render(ctx, network).await?;
        let (change, facts) = begin(ctx, id).await?;
        if facts == expected {
            return freeze(change, facts, rendered).await;
        }
    }
    Err(busy())
}

/// Begins the change that offers a draft, and loads the data of the draft.
async fn begin(ctx: Context<'_>, id: AgreementId) -> Result<(Change, Facts)> {
    let change = audit::begin(ctx, Action::AgreementOffer).await?;
    let facts = Facts::of(change.tx(), id, change.at()).await?;
    Ok((change, facts))
}

/// Maximum number of times that a document is rendered because its contents changed meanwhile.
const ATTEMPTS: usize = 5;

/// Stores an agreement's number and the document that it is offered with.
async fn freeze(mut change: Change, facts: Facts, rendered: Rendered) -> Result<()> {
    let Facts { source, number, .. } = facts;
    let (row, id) = (source.row.clone(), source.row.id);
    let before = snapshot(change.tx(), row.clone()).await?;
    let row = Model {
        number_key: collation::number_key(&number),
        number: Some(number),
        offered_at: Some(change.at()),
        ..row
    };
    audit::replace(&change, row.clone()).await?;
    let html = AgreementHtml { agreement_id: id, sha256: sha256(rendered.html.as_bytes()) };
    let stored = agreement_document::Model {
        agreement_id: id,
        sha256: rendered.sha256,
        html: rendered.html,
        pdf: Some(rendered.pdf),
    };
    audit::insert(&change, stored).await?;
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.record(None, Some(&html))?;
    change.commit_with(id).await
}

/// All data that the document of an offer depends on.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    source: document_source::Source,
    number: String,
    dated: NaiveDate,
}

impl Facts {
    /// Loads the data of a draft that can be offered at this time.
    async fn of(db: &impl ConnectionTrait, id: AgreementId, at: DateTime<Utc>) -> Result<Self> {
        let (row, dated) = (loading::find(db, id).await?, day_of(at));
        lifecycle::allow(Transition::Offer, &row, dated)?;
        eligibility::require(&row, &loading::eligibility_facts(db, &row).await?)?;
        loading::refuse_overlap(db, &row).await?;
        let source = document_loading::sources(db, vec![row]).await?.pop();
        let source = source.ok_or_else(|| {
            Error::conflict(ConflictReason::NoTemplate, "the draft has no template; set one first")
        })?;
        source.require_published()?;
        Ok(Self { number: loading::next_number(db, dated.year()).await?, source, dated })
    }

    /// Renders the document when a worker is available to the viewer.
    async fn render(self, ctx: Context<'_>, network: &Network) -> Result<Rendered> {
        let network = network.clone();
        let work = move || {
            let document = self.source.document(
                &network,
                Some(&self.number),
                self.dated,
                "agreement.parameters",
            );
            let document = document.map_err(|error| error.about(Origin::Record))?;
            document::rendered(&document).map_err(Error::from)
        };
        worker_pool::run(&ctx.viewer.subject, work).await
    }
}

/// Offers many drafts: [`offer`] for each. In one transaction, they are rendered before it, with
/// the numbers that they will get.
#[derive(Debug)]
pub struct OfferEach<'n> {
    network: &'n Network,
    /// The rendered offers in the order of the items; empty if each has a transaction of its own.
    rendered: Vec<(Facts, Rendered)>,
    /// Held from the first rendering to the commit.
    permit: Option<MutexGuard<'static, ()>>,
    /// `true` if a draft or the next number changed after the rendering.
    is_outdated: AtomicBool,
}

impl<'n> OfferEach<'n> {
    /// Returns the rule with the settings of the network.
    #[must_use]
    pub fn new(network: &'n Network) -> Self {
        Self { network, rendered: Vec::new(), permit: None, is_outdated: AtomicBool::new(false) }
    }

    /// Loads the data of the drafts, with consecutive numbers. Adds the errors of those that can't
    /// be offered.
    async fn load(
        ctx: Context<'_>,
        items: &[NewItem<AgreementId>],
        rejected: &mut Vec<Rejected>,
    ) -> Vec<Facts> {
        let (mut all, now) = (Vec::<Facts>::with_capacity(items.len()), ctx.clock.now());
        for (position, new) in items.iter().enumerate() {
            let found = match new.errors.clone().finish() {
                Ok(()) => Facts::of(ctx.db.read(), new.item, now).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(mut facts) => {
                    if let Some(last) = all.last() {
                        let last = collation::number_key(&last.number);
                        facts.number = numbers::after(facts.dated.year(), Some(&last));
                    }
                    all.push(facts);
                }
                Err(error) => rejected.push((position, error)),
            }
        }
        all
    }
}

impl ItemRule for OfferEach<'_> {
    type Item = AgreementId;
    type Output = AgreementId;
    const PERMISSION: Permission = Permission::ManageAgreements;
    const MAX_ITEMS: usize = 20;

    fn prepare<'a>(
        &'a mut self,
        ctx: Context<'a>,
        items: &'a [NewItem<AgreementId>],
    ) -> BoxFuture<'a, Result<Vec<Rejected>>> {
        Box::pin(async move {
            if self.permit.is_none() {
                self.permit = Some(OFFER_LOCK.lock().await);
            }
            ctx.expect_new().await?;
            self.rendered.clear();
            self.is_outdated.store(false, Ordering::SeqCst);
            let mut rejected = Vec::new();
            let all = Self::load(ctx, items, &mut rejected).await;
            if !rejected.is_empty() {
                return Ok(rejected);
            }
            for (position, facts) in all.into_iter().enumerate() {
                match facts.clone().render(ctx, self.network).await {
                    Ok(rendered) => self.rendered.push((facts, rendered)),
                    Err(error) => rejected.push((position, error)),
                }
            }
            Ok(rejected)
        })
    }

    fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::SeqCst)
    }

    fn apply<'a>(
        &'a self,
        ctx: Context<'a>,
        position: usize,
        NewItem { item: id, errors }: NewItem<AgreementId>,
    ) -> BoxFuture<'a, Result<AgreementId>> {
        Box::pin(async move {
            let Some((expected, rendered)) = self.rendered.get(position) else {
                offer(ctx, self.network, id, errors).await?;
                return Ok(id);
            };
            let (change, facts) = begin(ctx, id).await?;
            if facts != *expected {
                // Another process has offered an agreement meanwhile, or changed this one. It is
                // not rendered here, where all writers would wait for it.
                self.is_outdated.store(true, Ordering::SeqCst);
                return Err(busy());
            }
            freeze(change, facts, rendered.clone()).await?;
            Ok(id)
        })
    }
}
