//! Idempotency of mutations: each leaves its outcome in its own transaction, from which a retry
//! with the same key is answered.
//!
//! A document has one [`Mutations`], with or without a key, and each of its root fields a
//! [`MutationField`], in whose name its rule writes. There is no moment in which a mutation is
//! there without its outcome, whichever server does it and however that ends. Requests and outcomes
//! are no part of the register and leave no entries in the audit trail.

mod outcome;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use ::entity::{
    idempotent_outcome::{self, Entity as Outcomes},
    idempotent_request::{self, Entity as Requests},
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};

pub use self::outcome::{FromOutcome, Identifier, ObjectId, Outcome, Warning, Warnings};
use crate::{
    database::Database,
    error::{Error, Result},
};

/// Time for which a request with a key is stored.
const RETENTION: TimeDelta = TimeDelta::hours(24);
/// The field that a reused key is reported under.
const HEADER: &str = "idempotency-key";

/// The mutations of one document, and what is known of their outcomes.
#[derive(Debug, Default)]
pub struct Mutations {
    key: Option<Key>,
    outcomes: Mutex<Vec<Committed>>,
    is_replayed: AtomicBool,
}

/// The name that a sender gave to a request.
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
    /// Returns those of a request that `subject` names `key`. `digest` distinguishes the request
    /// from others and covers the sender's rights.
    #[must_use]
    pub fn with_key(subject: String, key: String, digest: String) -> Self {
        Self { key: Some(Key { subject, key, digest }), ..Self::default() }
    }

    /// Loads the outcomes of earlier requests with the same key. Fails with INVALID when the key
    /// belongs to another request, and with CONFLICT `ANSWER_LOST` when an older version of the
    /// program did it, which stored no outcomes.
    pub async fn load(&self, db: &Database) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let Some(request) = key.find(db.read(), db.clock.now()).await? else { return Ok(()) };
        let rows = Outcomes::find()
            .filter(idempotent_outcome::Column::Subject.eq(key.subject.as_str()))
            .filter(idempotent_outcome::Column::Key.eq(key.key.as_str()))
            .all(db.read())
            .await?;
        match request.revision.filter(|_| rows.is_empty()) {
            Some(revision) => {
                Err(lost(revision, "by an older version of this program, which kept no outcome"))
            }
            None => rows.into_iter().try_for_each(|row| self.add_earlier(row)),
        }
    }

    /// Returns the response keys of the mutations that are committed, in the order of their
    /// commits.
    #[must_use]
    pub fn committed(&self) -> Vec<String> {
        let mut committed: Vec<_> = self
            .outcomes()
            .iter()
            .map(|known| (known.revision, known.response_key.clone()))
            .collect();
        committed.sort_by_key(|(revision, _)| *revision);
        committed.into_iter().map(|(_, response_key)| response_key).collect()
    }

    /// Returns the outcomes of the mutations that are committed, by their response keys.
    #[must_use]
    pub fn committed_outcomes(&self) -> Vec<(String, Outcome)> {
        self.outcomes()
            .iter()
            .map(|known| (known.response_key.clone(), known.outcome.clone()))
            .collect()
    }

    /// `true` if the answer to some mutation was built from the outcome of an earlier request.
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

    fn add_earlier(&self, row: idempotent_outcome::Model) -> Result<()> {
        let idempotent_outcome::Model { response_key, revision, outcome, .. } = row;
        let outcome = serde_json::from_str(&outcome)
            .map_err(|_| lost(revision, "by another version of this program"))?;
        self.add(Committed { response_key, outcome, revision, is_earlier: true });
        Ok(())
    }
}

impl Key {
    /// Finds the earlier request with the same key. Fails with INVALID when that was another one.
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
            Some(found) if found.digest != self.digest => Err(Error::invalid(
                HEADER,
                "was given to another request within a day, or with other rights; take a new one",
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
}

impl MutationField {
    /// Returns the mutation with this response key, done by `actor`.
    #[must_use]
    pub fn new(mutations: Arc<Mutations>, response_key: &str, actor: &str) -> Self {
        Self { mutations, response_key: response_key.to_owned(), actor: actor.to_owned() }
    }

    /// Applies a rule that writes through [`Database::for_mutation`] of this field, unless that was
    /// done before: then returns its outcome.
    ///
    /// A response key that stands twice in a document is one mutation, too, as GraphQL merges its
    /// fields.
    pub async fn perform<R>(&self, rule: impl Future<Output = Result<R>>) -> Result<Performed<R>> {
        if let Some(known) = self.known() {
            return Ok(self.earlier(known));
        }
        match rule.await {
            Ok(result) => Ok(Performed::Now(result)),
            // Another server was faster.
            Err(error) => match self.known().filter(|known| known.is_earlier) {
                Some(known) => Ok(self.earlier(known)),
                None => Err(error),
            },
        }
    }

    /// Returns the error for an object of the payload that is gone: CONFLICT `ANSWER_LOST`.
    #[must_use]
    pub fn lost(&self) -> Error {
        lost(
            self.known().map_or(0, |known| known.revision),
            "and what it made is no longer there, or no longer for you to see",
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

    /// `true` if what `actor` changes is this mutation's work, and not something that the program
    /// does while it answers.
    pub(crate) fn is_by(&self, actor: &str) -> bool {
        self.actor == actor
    }

    /// `true` if its outcome is to be stored.
    pub(crate) fn has_key(&self) -> bool {
        self.mutations.key.is_some()
    }

    /// Fails when another server has committed this mutation meanwhile, or another request with the
    /// same key; its outcome is then known.
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
        self.mutations.add_earlier(row)?;
        Err(Error::conflict("REPEATED", "another request with this idempotency key did this"))
    }

    /// Stores the outcome within the mutation's transaction, after the requests whose time is over
    /// were deleted.
    pub(crate) async fn store(
        &self,
        tx: &impl ConnectionTrait,
        outcome: &Outcome,
        revision: i64,
        at: DateTime<Utc>,
    ) -> Result<()> {
        let Some(key) = &self.mutations.key else { return Ok(()) };
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
        Requests::insert(request.into_active_model())
            .on_conflict_do_nothing()
            .exec_without_returning(tx)
            .await?;
        let (response_key, outcome) =
            (self.response_key.clone(), serde_json::to_string(outcome).map_err(Error::internal)?);
        let row = idempotent_outcome::Model { subject, key: name, response_key, revision, outcome };
        Outcomes::insert(row.into_active_model())
            .on_conflict_do_nothing()
            .exec_without_returning(tx)
            .await?;
        Ok(())
    }

    /// Notes that the mutation was committed.
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
        "ANSWER_LOST",
        format!("the request with this idempotency key was done with revision {revision} {why}"),
    )
}
