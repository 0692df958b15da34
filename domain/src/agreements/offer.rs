//! Offering: how a draft gets its number and its text is frozen, in one transaction.

use ::entity::{agreement::Model, agreement_document, id::AgreementId};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use sea_orm::ConnectionTrait;
use tokio::sync::Mutex;

use super::{
    document_source, eligibility,
    lifecycle::{self, Transition, snapshot},
    numbers, overlaps,
};
use crate::{
    audit::{self, Change, forms::AgreementHtml},
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    config::Network,
    database::{Database, busy},
    documents::{
        agreement::{self as document, Rendered},
        sha256,
    },
    error::{Error, Result, ValidationErrors},
    swedish, worker_pool,
};

/// Offers of this process are made one after the other, so that the number that each foresees is
/// the one that it gets.
static TURN: Mutex<()> = Mutex::const_new(());

/// Offers a draft: it gets the next number of the year, and its text is frozen.
///
/// The document is set before the transaction, with the number that the offer will get, so that
/// nobody waits for it. When what it says has changed meanwhile all the same, by another mutation
/// or process, it is set again, before another transaction.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the agreements, NOT_FOUND, CONFLICT `ALREADY_OFFERED`,
/// `WITHDRAWN`, `NO_TEMPLATE`, `TEMPLATE_RETIRED`, `NOT_A_MEMBER`, `ACTIVITY_ENDED`,
/// `ACTIVITY_NOT_STARTED`, `DOES_NOT_FIT` or `OVERLAPS`, and INVALID or CONFLICT for a text that
/// can't be filled in. CONFLICT `BUSY` when what it says changes again and again.
pub async fn offer(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    id: AgreementId,
    errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let _permit = TURN.lock().await;
    for _ in 0..ATTEMPTS {
        let foreseen = Facts::of(db.read(), id, db.clock.now()).await?;
        let rendered = foreseen.clone().render(viewer, network).await?;
        let change = audit::begin(db, viewer, "agreementOffer").await?;
        let facts = Facts::of(change.tx(), id, change.at()).await?;
        if facts == foreseen {
            return freeze(change, facts, rendered).await;
        }
    }
    Err(busy())
}

/// How often a document is set again because what it says has changed meanwhile.
const ATTEMPTS: usize = 5;

/// Gives an agreement its number and stores the document that it was offered with.
async fn freeze(mut change: Change, facts: Facts, rendered: Rendered) -> Result<()> {
    let Facts { source, number, .. } = facts;
    let (row, id) = (source.row.clone(), source.row.id);
    let before = snapshot(change.tx(), row.clone()).await?;
    let row = Model {
        number_key: swedish::number_key(&number),
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

/// All that the document of an offer depends on.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    source: document_source::Source,
    number: String,
    dated: NaiveDate,
}

impl Facts {
    /// Reads those of a draft that may be offered at this instant.
    async fn of(db: &impl ConnectionTrait, id: AgreementId, at: DateTime<Utc>) -> Result<Self> {
        let (row, dated) = (lifecycle::find(db, id).await?, day_of(at));
        lifecycle::allow(Transition::Offer, &row, dated)?;
        eligibility::require(db, &row).await?;
        overlaps::refuse(db, &row).await?;
        let source = document_source::sources(db, vec![row]).await?.pop();
        let source = source.ok_or_else(|| {
            Error::conflict("NO_TEMPLATE", "the draft was made from no template; give it one first")
        })?;
        source.require_published()?;
        Ok(Self { number: numbers::next(db, dated.year()).await?, source, dated })
    }

    /// Sets the document when it is the viewer's turn in the worker pool.
    async fn render(self, viewer: &Viewer, network: &Network) -> Result<Rendered> {
        let network = network.clone();
        let work = move || {
            document::rendered(&self.source.document(
                &network,
                Some(&self.number),
                self.dated,
                "agreement.parameters",
            )?)
        };
        worker_pool::run(&viewer.subject, work).await
    }
}
