//! Bulk mutations: one rule is applied to each of many items, in one transaction for all of them or
//! in one for each.

use futures_util::future::BoxFuture;

use crate::{
    audit::item_changes::ItemChanges,
    auth::viewer::Permission,
    context::Context,
    database::busy,
    error::{Error, FieldError, FieldErrorCode, Origin, Result, ValidationErrors, field_path},
    idempotency::{FromOutcome, Outcome, Performed},
};

/// A rule that a bulk mutation applies to each of its items. It makes one change for an item.
pub trait ItemRule: Send + Sync {
    /// Input of an item.
    type Item: Clone + Send + Sync + 'static;
    /// Result of an item.
    type Output: FromOutcome + Send + 'static;
    /// Permission that the rule requires.
    const PERMISSION: Permission;
    /// Maximum number of items.
    const MAX_ITEMS: usize = 100;

    /// Prepares what takes long before the transaction of all items, so that no other writer waits
    /// for it. Returns the errors of items that can't be prepared, with their positions: then
    /// nothing is changed.
    fn prepare<'a>(
        &'a mut self,
        _ctx: Context<'a>,
        _items: &'a [NewItem<Self::Item>],
    ) -> BoxFuture<'a, Result<Vec<Rejected>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Returns `true` if [`ItemRule::apply`] failed with `BUSY` because the register was changed
    /// after the items were prepared. They are then prepared again.
    fn is_outdated(&self) -> bool {
        false
    }

    /// Applies the rule to the item at `position`.
    fn apply<'a>(
        &'a self,
        ctx: Context<'a>,
        position: usize,
        new: NewItem<Self::Item>,
    ) -> BoxFuture<'a, Result<Self::Output>>;
}

/// An item of a bulk mutation.
#[derive(Clone, Debug)]
pub struct NewItem<T> {
    /// Its input.
    pub item: T,
    /// Errors that were found while the input was parsed, with paths within the item.
    pub errors: ValidationErrors,
}

/// The position of an item that was rejected, and its error.
pub type Rejected = (usize, Error);

/// The result of a rule for all items.
#[derive(Debug)]
pub enum Applied<R> {
    /// Every item is done, with these results in the order of the items.
    All(Vec<R>),
    /// Nothing was changed: these items were rejected.
    Rejected(Vec<Rejected>),
}

/// The results of all items, restored from the stored outcome.
#[derive(Debug)]
pub struct Items<R>(pub Vec<R>);

impl<R: FromOutcome> FromOutcome for Items<R> {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        outcome.items()?.iter().map(R::from_outcome).collect::<Option<_>>().map(Self)
    }
}

/// Maximum number of times that items are prepared because the register changed meanwhile.
const ATTEMPTS: usize = 5;

/// Applies a rule to all items in one transaction. If any item is rejected, the others are checked
/// too, and nothing is changed.
///
/// # Errors
/// FORBIDDEN without the permission of the rule, INVALID for a bad number of items, CONFLICT `BUSY`
/// or INTERNAL. Other errors concern one item each, and are returned with its position.
pub async fn apply_all<R: ItemRule>(
    ctx: Context<'_>,
    rule: &mut R,
    items: Vec<NewItem<R::Item>>,
) -> Result<Applied<R::Output>> {
    ctx.require(R::PERMISSION)?;
    require_number::<R>(items.len())?;
    for _ in 0..ATTEMPTS {
        if let Some(applied) = prepare_and_apply(ctx, rule, &items).await? {
            return Ok(applied);
        }
    }
    Err(busy())
}

/// Prepares the items and applies the rule to all of them. Returns `None` if the register has
/// changed in between: everything is rolled back then.
async fn prepare_and_apply<R: ItemRule>(
    ctx: Context<'_>,
    rule: &mut R,
    items: &[NewItem<R::Item>],
) -> Result<Option<Applied<R::Output>>> {
    let mut unprepared = rule.prepare(ctx, items).await?;
    if !unprepared.is_empty() {
        ctx.expect_new().await?;
    }
    if let Some(index) = unprepared.iter().position(|(_, error)| !concerns_item(error)) {
        return Err(unprepared.swap_remove(index).1);
    }
    if !unprepared.is_empty() {
        let named = |(position, error)| (position, of_item(position, error));
        return Ok(Some(Applied::Rejected(unprepared.into_iter().map(named).collect())));
    }
    let rule: &R = rule;
    let mutation = ctx.idempotency.filter(|mutation| mutation.is_by(&ctx.viewer.subject));
    let changes = ItemChanges::begin(ctx.db, mutation, ctx.clock.now()).await?;
    let (mut done, mut rejected) = (Vec::with_capacity(items.len()), Vec::new());
    for (position, new) in items.iter().enumerate() {
        match rule.apply(ctx.for_items(&changes), position, new.clone()).await {
            Ok(output) => done.push(output),
            Err(error) if error.is_busy() && rule.is_outdated() => {
                // After a rejection nothing will be done: the item was checked, as it should be.
                if rejected.is_empty() {
                    changes.undo().await?;
                    return Ok(None);
                }
            }
            Err(error) if concerns_item(&error) && !error.is_busy() => {
                rejected.push((position, of_item(position, error)));
            }
            Err(error) => return Err(error),
        }
    }
    if !rejected.is_empty() {
        changes.undo().await?;
        return Ok(Some(Applied::Rejected(rejected)));
    }
    changes.commit(ctx.db, mutation, ctx.clock.now()).await?;
    Ok(Some(Applied::All(done)))
}

/// Applies a rule to the items in order, each in a transaction of its own with an outcome of its
/// own. Returns the result or the error of each.
///
/// # Errors
/// FORBIDDEN without the permission of the rule, INVALID for a bad number of items, INTERNAL. After
/// INTERNAL, the items before are done, and no later one was tried.
pub async fn apply_each<R: ItemRule>(
    ctx: Context<'_>,
    rule: &R,
    items: Vec<NewItem<R::Item>>,
) -> Result<Vec<Result<R::Output>>> {
    ctx.require(R::PERMISSION)?;
    require_number::<R>(items.len())?;
    let mut results = Vec::with_capacity(items.len());
    for (position, new) in items.into_iter().enumerate() {
        match apply_one(ctx, rule, position, new).await {
            Ok(output) => results.push(Ok(output)),
            Err(error) if concerns_item(&error) => results.push(Err(of_item(position, error))),
            Err(error) => return Err(error),
        }
    }
    if let Some(mutation) = ctx.idempotency {
        mutation.items_performed();
    }
    Ok(results)
}

/// Applies a rule to one item, unless an earlier request with the same key did.
async fn apply_one<R: ItemRule>(
    ctx: Context<'_>,
    rule: &R,
    position: usize,
    new: NewItem<R::Item>,
) -> Result<R::Output> {
    let Some(mutation) = ctx.idempotency else { return rule.apply(ctx, position, new).await };
    let own = mutation.of_item(position);
    match own.perform(rule.apply(ctx.for_mutation(&own), position, new)).await? {
        Performed::Now(output) => Ok(output),
        Performed::Earlier(outcome) => R::Output::from_outcome(&outcome).ok_or_else(|| own.lost()),
    }
}

/// Fails with INVALID unless there are items, and at most the maximum.
fn require_number<R: ItemRule>(number: usize) -> Result<()> {
    let (mut errors, most) = (ValidationErrors::default(), R::MAX_ITEMS);
    errors.expect(number > 0, "items", FieldErrorCode::Empty.problem("must not be empty"));
    let message = format!("must have at most {most} items");
    let problem = FieldErrorCode::TooMany.problem(message).with("max", most);
    errors.expect(number <= most, "items", problem);
    errors.finish()
}

/// `true` if an error is about one item, so that others may be done.
fn concerns_item(error: &Error) -> bool {
    match error {
        Error::NotFound(_)
        | Error::Invalid(_)
        | Error::Limit { .. }
        | Error::Conflict { .. }
        | Error::Retained { .. }
        | Error::Throttled { .. } => true,
        Error::Unauthenticated(_) | Error::Forbidden(_) | Error::Internal(_) => false,
    }
}

/// Returns the error of an item with its fields below the item.
fn of_item(position: usize, error: Error) -> Error {
    let parent = format!("items[{position}]");
    let below = |field: FieldError| match field.origin {
        Origin::Input if field.path.is_empty() => FieldError { path: parent.clone(), ..field },
        Origin::Input => FieldError { path: field_path(&parent, &field.path), ..field },
        Origin::Filter | Origin::Record | Origin::Setting | Origin::Request => field,
    };
    error.map_fields(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::entity::id::MemberId;

    #[test]
    fn fields_are_named_below_their_item() {
        let named = |path: &str| {
            let error = of_item(3, Error::invalid(path, "is bad"));
            let Error::Invalid(fields) = error else { panic!("not INVALID") };
            fields[0].path.clone()
        };
        assert_eq!([named("amount"), named("")], ["items[3].amount", "items[3]"]);
        let missing = of_item(0, Error::missing("member_id", "there is no such member"));
        let Error::NotFound(missing) = missing else { panic!("not NOT_FOUND") };
        assert_eq!(missing.path.as_deref(), Some("items[0].member_id"));
        let of_setting = Error::invalid_of(Origin::Setting, "network.name", "is required");
        let Error::Invalid(fields) = of_item(1, of_setting) else { panic!("not INVALID") };
        assert_eq!(fields[0].path, "network.name");
    }

    #[test]
    fn results_are_restored_from_the_outcomes_of_the_items() -> Result<()> {
        let ids = [MemberId::new(), MemberId::new()];
        let outcome = Outcome::of_items(&ids.map(Outcome::of))?;
        assert_eq!(outcome.ids().collect::<Vec<MemberId>>(), ids);
        let restored = Items::<MemberId>::from_outcome(&outcome);
        assert_eq!(restored.map(|items| items.0), Some(ids.to_vec()));
        assert!(Items::<MemberId>::from_outcome(&Outcome::of(ids[0])).is_none());
        Ok(())
    }
}
