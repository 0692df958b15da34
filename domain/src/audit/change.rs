//! A change: one transaction with the audit entries that record it.

use std::collections::BTreeSet;

use ::entity::kind::SubjectKind;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, EntityTrait, IntoActiveModel, Iterable, QueryTrait,
    sea_query::{SelectStatement, SubQueryStatement},
};
use uuid::Uuid;

use super::{
    action::Action,
    appending::Appender,
    clock_order,
    forms::Erasure,
    item_changes::{ItemChanges, ItemOutcomes},
    opening::{Basis, Opening},
    person_keys,
    recorded::{Person, Recorded},
};
use crate::{
    clock::Clock,
    context::Context,
    database::{Batch, Database, Sharing, Transaction},
    error::{Error, Result},
    idempotency::{MutationField, Outcome},
    search,
};

/// Rows that one statement inserts; with their columns they stay below the limit of bound values.
const ROWS: usize = 250;

/// A change that is not committed yet: a transaction with its audit entries. Dropping it without
/// [`Change::commit`] rolls it back.
#[must_use = "a change that is not committed never happened"]
#[derive(Debug)]
pub struct Change {
    tx: Transaction,
    db: Database,
    /// The mutation of which this is the change, and whose outcome it stores.
    mutation: Option<MutationField>,
    /// The outcomes of the bulk mutation to one of whose items it belongs.
    items: Option<ItemOutcomes>,
    /// The entries of the change.
    trail: Appender,
    /// Keys of persons that are deleted after the entries of their erasure were written.
    erased: Vec<Uuid>,
    /// What its first statement read.
    opening: Opening,
    /// Statements that are sent together with the last entries.
    batch: Batch,
    /// Objects whose search words the batch writes.
    indexed: BTreeSet<Uuid>,
}

/// Begins a change.
///
/// # Errors
/// CONFLICT with the reason BUSY if other changes hold the database for too long, or CLOCK_BEHIND
/// if the last entry has a later time; INTERNAL if this program has no key that signs the trail, or
/// the last entry was not written by a program with that key.
pub async fn begin(ctx: Context<'_>, action: Action) -> Result<Change> {
    start(ctx, action, clock_order::check).await
}

/// Begins a change with facts that were read before it: [`Change::holds`] returns whether they
/// still hold. Its first statement also answers `questions`, each of which selects one text:
/// [`Change::answers`].
///
/// # Errors
/// As [`begin`].
pub(crate) async fn begin_after(
    ctx: Context<'_>,
    action: Action,
    basis: Basis<'_>,
    questions: &[SelectStatement],
) -> Result<Change> {
    open(ctx, action, clock_order::check, (Some(basis), questions)).await
}

/// Begins a change if `check` accepts the clock, the revision of the last entry and its time.
pub(super) async fn start(
    ctx: Context<'_>,
    action: Action,
    check: impl Fn(&Clock, i64, DateTime<Utc>) -> Result<()>,
) -> Result<Change> {
    open(ctx, action, check, (None, &[])).await
}

async fn open(
    ctx: Context<'_>,
    action: Action,
    check: impl Fn(&Clock, i64, DateTime<Utc>) -> Result<()>,
    (basis, questions): (Option<Basis<'_>>, &[SelectStatement]),
) -> Result<Change> {
    if ctx.db.trail_key().is_none() {
        return Err(Error::internal(std::io::Error::other(
            "nothing can be written without the key that signs the audit trail; name its file in SAMREGISTER_TRAIL_KEY",
        )));
    }
    let tx = match ctx.items {
        Some(items) => items.begin_item().await?,
        None => {
            let is_alone = basis.is_some_and(|basis| basis.is_alone);
            let sharing = if is_alone { Sharing::Alone } else { action.sharing() };
            ctx.db.write_unchecked(sharing).await?
        }
    };
    let (db, actor) = (ctx.db.clone(), ctx.viewer.subject.clone());
    let mutation = ctx.idempotency.cloned().filter(|mutation| mutation.is_by(&actor));
    if let Some(mutation) = &mutation {
        mutation.depend_on(tx.common_commit());
    }
    let opening = Opening::load(ctx.db, &tx, basis, questions).await?;
    check(&ctx.clock, opening.revision, opening.at)?;
    let at = ctx.clock.now();
    if let Some(mutation) = &mutation {
        mutation.expect_new(&tx, at).await?;
        if mutation.has_key() {
            // So that a change that records nothing can be rolled back while the mutation's outcome
            // is stored.
            tx.allow_undo().await?;
        }
    }
    Ok(Change {
        tx,
        db,
        mutation,
        items: ctx.items.map(ItemChanges::outcomes),
        trail: Appender::new(opening.revision, opening.hash.clone(), actor, action, at),
        erased: Vec::new(),
        opening,
        batch: Batch::default(),
        indexed: BTreeSet::new(),
    })
}

impl Change {
    /// Returns the transaction, for reading and writing within the change.
    #[must_use]
    pub fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// Returns the time of the change.
    #[must_use]
    pub fn at(&self) -> DateTime<Utc> {
        self.trail.at()
    }

    /// Returns the answers to the questions of [`begin_after`] in their order; none if the trail
    /// was empty.
    pub(crate) fn answers(&self) -> &[Option<String>] {
        &self.opening.answers
    }

    /// Returns `true` if the facts of [`begin_after`] still hold: every change since is about a
    /// subject that they do not depend on.
    pub(crate) fn holds(&self) -> bool {
        self.opening.holds
    }

    /// Adds a statement with this number of bound values. It is sent with the entries when the
    /// change is committed, together with others that must not depend on it.
    pub(crate) fn write_later(&mut self, statement: impl Into<SubQueryStatement>, values: usize) {
        self.batch.push(statement, values);
    }

    /// Inserts rows when the change is committed, as [`Change::write_later`] does.
    pub(crate) fn insert_later<M, A>(&mut self, rows: Vec<M>)
    where
        M: IntoActiveModel<A>,
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        let columns = <A::Entity as EntityTrait>::Column::iter().count();
        let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
        while rows.peek().is_some() {
            let some: Vec<A> = rows.by_ref().take(ROWS).collect();
            let values = some.len() * columns;
            self.batch.push(A::Entity::insert_many(some).into_query(), values);
        }
    }

    /// Writes the search words of objects, by [`search::words_of`], when the change is committed.
    /// The rows that they come from are not read again.
    pub(crate) fn index(&mut self, documents: impl IntoIterator<Item = (Uuid, String)>) {
        let mut documents = documents.into_iter().peekable();
        while documents.peek().is_some() {
            let some: Vec<_> = documents.by_ref().take(ROWS).collect();
            self.indexed.extend(some.iter().map(|(id, _)| *id));
            let values = 2 * some.len();
            self.batch.push(search::upsert(some), values);
        }
    }

    /// Records a record before and after the change; `None` before it exists, and after it is
    /// removed.
    ///
    /// # Errors
    /// INTERNAL if one of them can't be written as JSON, both are `None`, or their ids differ.
    pub fn record<R: Recorded>(&mut self, before: Option<&R>, after: Option<&R>) -> Result<()> {
        self.trail.record(before, after)
    }

    /// Writes the pending entries except the last if there are many, so that a change of any size
    /// needs little memory.
    pub async fn flush(&mut self) -> Result<()> {
        if self.trail.is_full() { self.trail.flush(&self.tx).await } else { Ok(()) }
    }

    /// Runs the statements that were added to be run later, for a change that reads what they
    /// write, or that has many of them.
    pub(crate) async fn write_now(&mut self) -> Result<()> {
        self.batch.run(&self.tx).await
    }

    /// Erases persons from the trail: their keys are deleted with this change, each with an entry
    /// that lists the revisions whose fields it sealed. Returns these revisions in order. Later
    /// records of the change must not name the persons.
    pub async fn erase(
        &mut self,
        persons: &BTreeSet<Person>,
        of: (SubjectKind, Uuid),
    ) -> Result<Vec<i64>> {
        if self.trail.waits_about(persons) {
            // A person who is named for the first time gets a key, which is then deleted. The entry
            // of the deletion becomes the last one, which is signed.
            self.trail.write(&self.tx, None).await?;
        } else {
            self.trail.flush(&self.tx).await?;
        }
        let keys = person_keys::ids_of(&self.tx, persons).await?;
        let mut erased = BTreeSet::new();
        for (person, key_id) in &keys {
            let revisions = person_keys::revisions_of(&self.tx, *key_id).await?;
            erased.extend(revisions.iter().copied());
            self.record(
                None,
                Some(&Erasure { key_id: *key_id, person: person.kind, revisions, of }),
            )?;
            self.erased.push(*key_id);
        }
        Ok(erased.into_iter().collect())
    }

    /// Commits the change of a command. A change without records is rolled back.
    ///
    /// # Errors
    /// INTERNAL for the change of a mutation, which needs [`Change::commit_with`]; then nothing has
    /// happened.
    pub async fn commit(self) -> Result<()> {
        if self.mutation.is_some() {
            return Err(Error::internal(std::io::Error::other(format!(
                "{} must be committed with its outcome",
                self.trail.action()
            ))));
        }
        self.finish(Outcome::default()).await
    }

    /// Commits the change of a mutation together with its outcome. A change without records is
    /// rolled back.
    ///
    /// # Errors
    /// INTERNAL if the database fails. Then nothing has happened, unless the outcome of the COMMIT
    /// is unknown.
    pub async fn commit_with(self, outcome: impl Into<Outcome>) -> Result<()> {
        self.finish(outcome.into()).await
    }

    async fn finish(mut self, outcome: Outcome) -> Result<()> {
        if self.trail.is_empty() {
            return self.finish_unchanged(outcome).await;
        }
        let db = self.db.clone();
        self.trail.seal(&self.tx, &mut self.batch, db.trail_key()).await?;
        let (at, (last, hash)) = (self.trail.at(), self.trail.end());
        let hash = hash.to_owned();
        if let Some(mutation) = &self.mutation {
            mutation.store_later(&self.tx, &mut self.batch, &outcome, (last, at)).await?;
        }
        self.batch.run(&self.tx).await?;
        person_keys::delete(&self.tx, &self.erased).await?;
        search::refresh_others(&self.tx, &self.indexed).await?;
        db.commit(self.tx, Some((last, &hash))).await?;
        report(self.mutation, self.items, outcome, last);
        Ok(())
    }

    /// Rolls back a change without records. A mutation with an idempotency key stores its outcome
    /// all the same, in the transaction that has checked that no other request with the key was
    /// committed. Otherwise a retry after other changes might change something.
    async fn finish_unchanged(self, outcome: Outcome) -> Result<()> {
        let Self { tx, db, mutation, items, trail, .. } = self;
        let (last, _) = trail.end();
        match &mutation {
            Some(mutation) if mutation.has_key() => {
                tx.undo().await?;
                mutation.store(&tx, &outcome, last, trail.at()).await?;
                db.commit(tx, None).await?;
            }
            _ => db.leave_unchanged(tx).await?,
        }
        report(mutation, items, outcome, last);
        Ok(())
    }

    /// Rolls back the change, for a dry run.
    pub async fn undo(self) -> Result<()> {
        Ok(self.tx.rollback().await?)
    }
}

/// Reports the outcome of a change that is done to its mutation, or to the bulk mutation of whose
/// item it is.
fn report(
    mutation: Option<MutationField>,
    items: Option<ItemOutcomes>,
    outcome: Outcome,
    revision: i64,
) {
    match (mutation, items) {
        (Some(mutation), _) => mutation.committed(outcome, revision),
        (None, Some(items)) => items.add(outcome),
        (None, None) => {}
    }
}

/// Inserts a row within a change.
pub async fn insert<M, A>(change: &Change, row: M) -> Result<()>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait + ActiveModelBehavior + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    A::Entity::insert(row.into_active_model()).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// Replaces a row by primary key within a change.
pub async fn replace<M, A>(change: &Change, row: M) -> Result<()>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait + ActiveModelBehavior + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    let update = A::Entity::update(row.into_active_model().reset_all());
    update.validate()?.exec_without_returning(change.tx()).await?;
    Ok(())
}
