//! Idempotency of mutations: each stores its outcome in its own transaction, and a retry with the
//! same key is answered from it.
//!
//! A document has one [`Mutations`], with or without a key, and each of its root fields a
//! [`MutationField`], for which its rule writes. A mutation is never committed without its outcome,
//! whichever server performs it and however that server stops. Requests and outcomes are no part of
//! the register and leave no entries in the audit trail.

mod outcome;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ::entity::{
    idempotent_outcome::{self, Entity as Outcomes},
    idempotent_request::{self, Entity as Requests},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryTrait,
};

pub use self::outcome::{FromOutcome, ObjectId, Outcome, Warning, Warnings};
use crate::{
    database::{Batch, CommonCommit},
    error::{ConflictReason, Error, FieldErrorCode, Origin, Result},
};

/// Time for which a request with a key is stored.
const RETENTION: TimeDelta = TimeDelta::hours(24);
/// Numbers of columns of a request, and of an outcome.
const REQUEST_COLUMNS: usize = 5;
const OUTCOME_COLUMNS: usize = 5;
/// Separates the response key of a bulk mutation from the position of an item: no name has it.
const ITEM: char = '.';
/// The field under which a reused key is reported.
const HEADER: &str = "idempotency-key";

/// The mutations of one document, and their outcomes as far as known.
#[derive(Debug, Default)]
pub struct Mutations {
    key: Option<Key>,
    outcomes: Mutex<Vec<Committed>>,
    is_replayed: AtomicBool,
}

/// The idempotency key of a request.
#[derive(Debug)]
struct Key {
    subject: String,
    key: String,
    digest: String,
}

/// A mutation that was committed.
#[derive(Clone, Debug)]
struct Committed {
    response_key: String,
    outcome: Outcome,
    revision: i64,
    is_earlier: bool,
}

impl Mutations {
    /// Returns the mutations of a request with the idempotency key `key` of `subject`. `digest`
    /// distinguishes the request from others and covers the sender's rights.
    #[must_use]
    pub fn with_key(subject: String, key: String, digest: String) -> Self {
        Self { key: Some(Key { subject, key, digest }), ..Self::default() }
    }

    /// Loads the outcomes of earlier requests with the same key. Fails with INVALID if the key
    /// belongs to another request, and with CONFLICT `ANSWER_LOST` if an older version of the
    /// program performed it, which stored no outcomes.
    pub async fn load(&self, db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let Some(request) = key.find(db, now).await? else { return Ok(()) };
        let rows = Outcomes::find()
            .filter(idempotent_outcome::Column::Subject.eq(key.subject.as_str()))
            .filter(idempotent_outcome::Column::Key.eq(key.key.as_str()))
            .all(db)
            .await?;
        match request.revision.filter(|_| rows.is_empty()) {
            Some(revision) => {
                Err(lost(revision, "by an older version of this program, which stored no outcome"))
            }
            None => rows.into_iter().try_for_each(|row| {
                self.add(Committed::earlier(row)?);
                Ok(())
            }),
        }
    }

    /// Returns the response keys of the committed mutations, in the order of their commits. Of a
    /// bulk mutation that failed after some of its items, those of the items: `remind.0`.
    #[must_use]
    pub fn committed(&self) -> Vec<String> {
        let outcomes = self.outcomes();
        let mut committed: Vec<_> =
            reported(&outcomes).map(|known| (known.revision, known.response_key.clone())).collect();
        committed.sort_by_key(|(revision, _)| *revision);
        committed.into_iter().map(|(_, response_key)| response_key).collect()
    }

    /// Returns the outcomes of the committed mutations, by their response keys; those of items by
    /// their positions.
    #[must_use]
    pub fn committed_outcomes(&self) -> Vec<(String, Outcome)> {
        let outcomes = self.outcomes();
        let first = |mutation: &str| outcomes.iter().position(|known| known.mutation() == mutation);
        let mut committed: Vec<&Committed> = reported(&outcomes).collect();
        committed.sort_by_key(|known| (first(known.mutation()), known.item()));
        committed
            .into_iter()
            .map(|known| (known.response_key.clone(), known.outcome.clone()))
            .collect()
    }

    /// Returns the outcomes of the committed items of bulk mutations, by the response keys of these
    /// and the positions of the items.
    #[must_use]
    pub fn committed_items(&self) -> BTreeMap<String, BTreeMap<usize, Outcome>> {
        let mut committed = BTreeMap::<String, BTreeMap<usize, Outcome>>::new();
        for known in self.outcomes().iter() {
            let items = match known.item() {
                Some(item) => vec![(item, known.outcome.clone())],
                None => known.outcome.items().unwrap_or_default().into_iter().enumerate().collect(),
            };
            if !items.is_empty() {
                committed.entry(known.mutation().to_owned()).or_default().extend(items);
            }
        }
        committed
    }

    /// Returns `true` if the response to any mutation was built from the outcome of an earlier
    /// request.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.is_replayed.load(Ordering::SeqCst)
    }

    fn outcomes(&self) -> MutexGuard<'_, Vec<Committed>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, committed: Committed) {
        let mut outcomes = self.outcomes();
        if outcomes.iter().all(|known| known.response_key != committed.response_key) {
            outcomes.push(committed);
        }
    }
}

/// Returns the committed mutations without the items of those that are complete.
fn reported(outcomes: &[Committed]) -> impl Iterator<Item = &Committed> {
    outcomes.iter().filter(move |known| {
        let is_complete = || outcomes.iter().any(|other| other.response_key == known.mutation());
        known.item().is_none() || !is_complete()
    })
}

impl Committed {
    /// Returns the response key of the mutation, without the position of an item.
    fn mutation(&self) -> &str {
        self.response_key
            .split_once(ITEM)
            .map_or(self.response_key.as_str(), |(mutation, _)| mutation)
    }

    /// Returns the position of the item of a bulk mutation; `None` for a mutation.
    fn item(&self) -> Option<usize> {
        self.response_key.split_once(ITEM)?.1.parse().ok()
    }

    /// Reads the stored outcome of an earlier request.
    fn earlier(row: idempotent_outcome::Model) -> Result<Self> {
        let idempotent_outcome::Model { response_key, revision, outcome, .. } = row;
        let outcome = serde_json::from_str(&outcome)
            .map_err(|_| lost(revision, "by another version of this program"))?;
        Ok(Self { response_key, outcome, revision, is_earlier: true })
    }
}

impl Key {
    /// Finds the earlier request with the same key. Fails with INVALID if that request was
    /// different.
    async fn find(
        &self,
        db: &impl ConnectionTrait,
        now: DateTime<Utc>,
    ) -> Result<Option<idempotent_request::Model>> {
        let found = Requests::find_by_id((self.subject.clone(), self.key.clone()))
            .filter(idempotent_request::Column::At.gt(now - RETENTION))
            .one(db)
            .await?;
        match found {
            Some(found) if found.digest != self.digest => Err(Error::invalid_of(
                Origin::Request,
                HEADER,
                FieldErrorCode::Duplicate.problem("was used for another request in the last 24 hours, or with other rights; use a new key"),
            )),
            found => Ok(found),
        }
    }
}

/// The result of a rule, applied now or earlier.
#[derive(Debug)]
pub enum Performed<R> {
    /// The rule was applied now.
    Now(R),
    /// An earlier request with the same key applied it, with this outcome.
    Earlier(Outcome),
}

/// One mutation of a document.
#[derive(Clone, Debug)]
pub struct MutationField {
    mutations: Arc<Mutations>,
    response_key: String,
    actor: String,
    /// What its change has read of others in the same transaction.
    others: Arc<Mutex<Others>>,
}

/// What a mutation has read of changes that may not be committed yet.
#[derive(Debug, Default)]
struct Others {
    /// Their common commits.
    commits: Vec<CommonCommit>,
    /// Its own outcome, by another request with the same key.
    outcome: Option<Committed>,
}

impl MutationField {
    /// Returns the mutation with this response key, performed by `actor`.
    #[must_use]
    pub fn new(mutations: Arc<Mutations>, response_key: &str, actor: &str) -> Self {
        let (response_key, actor) = (response_key.to_owned(), actor.to_owned());
        Self { mutations, response_key, actor, others: Arc::default() }
    }

    /// Returns the mutation of one item of a bulk mutation, whose outcome is stored alone.
    pub(crate) fn of_item(&self, position: usize) -> Self {
        let response_key = format!("{}{ITEM}{position}", self.response_key);
        Self { response_key, others: Arc::default(), ..self.clone() }
    }

    /// Records that every item of this bulk mutation was tried; those that were committed have
    /// their own outcomes.
    pub(crate) fn items_performed(&self) {
        let mut of_items: Vec<Committed> = self
            .mutations
            .outcomes()
            .iter()
            .filter(|known| known.item().is_some() && known.mutation() == self.response_key)
            .cloned()
            .collect();
        // Those of an earlier request come in any order.
        of_items.sort_by_key(Committed::item);
        let Some(revision) = of_items.iter().map(|known| known.revision).max() else { return };
        let objects = of_items.into_iter().flat_map(|known| known.outcome.objects).collect();
        self.committed(Outcome { objects, ..Outcome::default() }, revision);
    }

    /// Applies a rule that writes through
    /// [`for_mutation`](crate::context::Context::for_mutation) of this field, unless it was
    /// applied before: then returns its outcome.
    ///
    /// Two fields with the same response key in a document are one mutation, because GraphQL merges
    /// them.
    pub async fn perform<R>(&self, rule: impl Future<Output = Result<R>>) -> Result<Performed<R>> {
        if let Some(known) = self.known() {
            return Ok(self.earlier(known));
        }
        let result = rule.await;
        self.wait_for_others().await?;
        match result {
            Ok(result) => Ok(Performed::Now(result)),
            // Another server committed it first.
            Err(error) => match self.known().filter(|known| known.is_earlier) {
                Some(known) => Ok(self.earlier(known)),
                None => Err(error),
            },
        }
    }

    /// Returns the error for an object of the payload that no longer exists: CONFLICT
    /// `ANSWER_LOST`.
    #[must_use]
    pub fn lost(&self) -> Error {
        lost(
            self.known().map_or(0, |known| known.revision),
            "and its result no longer exists, or is no longer visible to you",
        )
    }

    fn earlier<R>(&self, known: Committed) -> Performed<R> {
        if known.is_earlier {
            self.mutations.is_replayed.store(true, Ordering::SeqCst);
        }
        Performed::Earlier(known.outcome)
    }

    fn known(&self) -> Option<Committed> {
        self.mutations
            .outcomes()
            .iter()
            .find(|known| known.response_key == self.response_key)
            .cloned()
    }

    /// Records that the change of the mutation reads what these changes have written, so that its
    /// answer depends on their commit, even if it is refused.
    pub(crate) fn depend_on(&self, commit: Option<CommonCommit>) {
        self.others().commits.extend(commit);
    }

    /// Waits until everything is committed that the mutation has read. Its outcome is then known if
    /// another request with the same key has performed it.
    ///
    /// # Errors
    /// INTERNAL if it was not committed.
    async fn wait_for_others(&self) -> Result<()> {
        let Others { commits, outcome } = std::mem::take(&mut *self.others());
        try_join_all(commits.into_iter().map(CommonCommit::wait)).await?;
        outcome.into_iter().for_each(|outcome| self.mutations.add(outcome));
        Ok(())
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if a change by `actor` belongs to this mutation, and not to a background task
    /// during the request.
    pub(crate) fn is_by(&self, actor: &str) -> bool {
        self.actor == actor
    }

    /// Returns `true` if its outcome is to be stored.
    pub(crate) fn has_key(&self) -> bool {
        self.mutations.key.is_some()
    }

    /// Fails if another server has committed this mutation meanwhile, or another request with the
    /// same key has performed it; its outcome is known when that is committed.
    pub(crate) async fn expect_new(
        &self,
        tx: &impl ConnectionTrait,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let Some(key) = &self.mutations.key else { return Ok(()) };
        if key.find(tx, now).await?.is_none() {
            return Ok(());
        }
        let id = (key.subject.clone(), key.key.clone(), self.response_key.clone());
        let Some(row) = Outcomes::find_by_id(id).one(tx).await? else { return Ok(()) };
        self.others().outcome = Some(Committed::earlier(row)?);
        Err(Error::conflict(
            ConflictReason::Repeated,
            "another request with this idempotency key has performed this mutation",
        ))
    }

    /// Stores the outcome within the mutation's transaction, after deleting expired requests.
    pub(crate) async fn store(
        &self,
        tx: &impl ConnectionTrait,
        outcome: &Outcome,
        revision: i64,
        at: DateTime<Utc>,
    ) -> Result<()> {
        let mut batch = Batch::default();
        self.store_later(tx, &mut batch, outcome, (revision, at)).await?;
        batch.run(tx).await
    }

    /// Adds the statements that store the outcome to a batch, after deleting expired requests.
    pub(crate) async fn store_later(
        &self,
        tx: &impl ConnectionTrait,
        batch: &mut Batch,
        outcome: &Outcome,
        (revision, at): (i64, DateTime<Utc>),
    ) -> Result<()> {
        let Some(key) = &self.mutations.key else { return Ok(()) };
        // First: one of them may have the same key.
        Requests::delete_many()
            .filter(idempotent_request::Column::At.lte(at - RETENTION))
            .exec(tx)
            .await?;
        let (subject, name) = (key.subject.clone(), key.key.clone());
        let request = idempotent_request::Model {
            subject: subject.clone(),
            key: name.clone(),
            digest: key.digest.clone(),
            revision: None,
            at,
        };
        let insert = Requests::insert(request.into_active_model()).on_conflict_do_nothing();
        batch.push(insert.into_query(), REQUEST_COLUMNS);
        let (response_key, outcome) =
            (self.response_key.clone(), serde_json::to_string(outcome).map_err(Error::internal)?);
        let row = idempotent_outcome::Model { subject, key: name, response_key, revision, outcome };
        let insert = Outcomes::insert(row.into_active_model()).on_conflict_do_nothing();
        batch.push(insert.into_query(), OUTCOME_COLUMNS);
        Ok(())
    }

    /// Records that the mutation was committed.
    pub(crate) fn committed(&self, outcome: Outcome, revision: i64) {
        self.mutations.add(Committed {
            response_key: self.response_key.clone(),
            outcome,
            revision,
            is_earlier: false,
        });
    }
}

fn lost(revision: i64, why: &str) -> Error {
    Error::conflict(
        ConflictReason::AnswerLost,
        format!(
            "the request with this idempotency key was performed with revision {revision} {why}"
        ),
    )
}
