//! Offering: how a draft gets its number and its text is frozen, in one transaction.

use ::entity::{agreement::Model, agreement_document, id::AgreementId};
use chrono::{DateTime, Datelike, Utc};
use sea_orm::ConnectionTrait;
use tokio::sync::Mutex;

use super::{
    fit,
    life::{self, Move, snapshot},
    numbers, overlaps, text,
};
use crate::{
    audit::{self, forms::AgreementHtml},
    auth::viewer::{Deed, Viewer},
    clock::day_of,
    config::Network,
    database::Database,
    documents::{agreement as document, sha256},
    error::{Error, Faults, Result},
    swedish,
    templates::layout,
};

/// Offers of this process are made one after the other, so that the number that each foresees is the one that it gets.
static TURN: Mutex<()> = Mutex::const_new(());

/// Offers a draft: it gets the next number of the year, and its text is frozen.
///
/// The document is set before the transaction, with the number that the offer will get, so that nobody waits for it. When something
/// has changed meanwhile all the same, by another process, it is set again within.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the agreements, NOT_FOUND, CONFLICT `ALREADY_OFFERED`, `WITHDRAWN`, `NO_TEMPLATE`,
/// `TEMPLATE_RETIRED`, `NOT_A_MEMBER`, `ACTIVITY_ENDED`, `ACTIVITY_NOT_STARTED`, `DOES_NOT_FIT` or `OVERLAPS`, and INVALID or CONFLICT
/// for a text that can't be filled in.
pub async fn offer(db: &Database, viewer: &Viewer, network: &Network, id: AgreementId, faults: Faults) -> Result<()> {
    viewer.require(Deed::KeepAgreements)?;
    faults.finish()?;
    let _turn = TURN.lock().await;
    let (_, foreseen) = prepare(db.read(), network, id, db.clock.now()).await?;
    let rendered = layout::render(viewer, foreseen.clone()).await?;

    let mut change = audit::begin(db, viewer, "agreementOffer").await?;
    let (row, document) = prepare(change.tx(), network, id, change.at()).await?;
    let rendered = if document == foreseen { rendered } else { layout::render(viewer, document.clone()).await? };
    let before = snapshot(change.tx(), row.clone()).await?;
    let number = document.number.unwrap_or_default();
    let row = Model { number_key: swedish::number_key(&number), number: Some(number), offered_at: Some(change.at()), ..row };
    audit::replace(&change, row.clone()).await?;
    let html = AgreementHtml { agreement_id: id, sha256: sha256(rendered.html.as_bytes()) };
    let kept = agreement_document::Model { agreement_id: id, sha256: rendered.sha256, html: rendered.html, pdf: Some(rendered.pdf) };
    audit::insert(&change, kept).await?;
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.record(None, Some(&html))?;
    change.commit_with(id).await
}

/// The draft with the document that it is offered with at this instant.
async fn prepare(db: &impl ConnectionTrait, network: &Network, id: AgreementId, at: DateTime<Utc>) -> Result<(Model, document::Agreement)> {
    let (row, today) = (life::find(db, id).await?, day_of(at));
    life::allow(Move::Offer, &row, today)?;
    fit::require(db, &row).await?;
    overlaps::refuse(db, &row).await?;
    let source = text::sources(db, vec![row.clone()]).await?.pop();
    let source = source.ok_or_else(|| Error::conflict("NO_TEMPLATE", "the draft was made from no template; give it one first"))?;
    source.require_published()?;
    let number = numbers::next(db, today.year()).await?;
    Ok((row, source.document(network, Some(&number), today, "agreement.parameters")?))
}
