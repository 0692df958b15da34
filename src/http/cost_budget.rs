//! The points of cost that one subject may use in a minute: a rate limit for each.
//!
//! The cost of a document is known before it is executed, from its text and variables alone: a
//! budget reveals nothing of the register.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};

use domain::error::{Error, Result};

/// The reason of the error for a subject that has used its budget.
pub const COST_BUDGET: &str = "COST_BUDGET";
/// Subjects that are remembered before those with a full budget are forgotten.
const MAX_REMEMBERED: usize = 1_000;

type Limiter<C> =
    RateLimiter<String, DefaultKeyedStateStore<String>, C, StateInformationMiddleware>;

/// The budgets of all subjects.
#[derive(Debug)]
pub struct CostBudget<C: Clock = DefaultClock> {
    /// Null: without limit.
    limited: Option<Limited<C>>,
}

#[derive(Debug)]
struct Limited<C: Clock> {
    per_minute: NonZeroU32,
    limiter: Limiter<C>,
}

impl CostBudget {
    /// Creates budgets of so many points per minute; 0: without limit. A subject may use a whole
    /// minute's at once.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self::with_clock(per_minute, DefaultClock::default())
    }
}

impl<C: Clock> CostBudget<C> {
    fn with_clock(per_minute: u32, clock: C) -> Self {
        let limited = NonZeroU32::new(per_minute).map(|per_minute| {
            let limiter = RateLimiter::new(
                Quota::per_minute(per_minute),
                DefaultKeyedStateStore::default(),
                clock,
            );
            Limited { per_minute, limiter }
        });
        Self { limited }
    }

    /// Takes points from the subject's budget and returns how many are left; `None` without a
    /// limit. Fails with `COST_BUDGET` if there are too few, and says when there will be enough.
    pub fn take(&self, subject: &str, points: u64) -> Result<Option<u32>> {
        let Some(Limited { per_minute, limiter }) = &self.limited else { return Ok(None) };
        // A document that costs more than a whole minute's budget takes all of it, or it could
        // never be executed.
        let points = u32::try_from(points).unwrap_or(u32::MAX).clamp(1, per_minute.get());
        let points = NonZeroU32::new(points).unwrap_or(NonZeroU32::MIN);
        if limiter.len() > MAX_REMEMBERED {
            limiter.retain_recent();
        }
        let missing = match limiter.check_key_n(&subject.to_owned(), points) {
            Ok(Ok(taken)) => return Ok(Some(taken.remaining_burst_capacity())),
            Ok(Err(refused)) => refused.wait_time_from(limiter.clock().now()),
            Err(_) => Duration::from_secs(60),
        };
        let words = format!(
            "this costs {points} points, and your budget of {per_minute} points a minute has too few left; retry in {} s",
            missing.as_secs() + 1
        );
        Err(Error::throttled(COST_BUDGET, words, missing))
    }

    /// Waits until the subject's budget has so many points, and takes them.
    pub async fn wait(&self, subject: &str, points: u64) {
        while let Err(error) = self.take(subject, points) {
            let wait = if let Error::Throttled { retry_after, .. } = error {
                retry_after
            } else {
                Duration::ZERO
            };
            tokio::time::sleep(wait.max(Duration::from_millis(20))).await;
        }
    }

    /// Returns the points of a minute; `None` without a limit.
    #[must_use]
    pub fn per_minute(&self) -> Option<u32> {
        self.limited.as_ref().map(|limited| limited.per_minute.get())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_subject_uses_its_own_budget_and_is_told_when_to_retry() {
        let clock = FakeRelativeClock::default();
        let budget = CostBudget::with_clock(600, clock.clone());
        let take = |subject: &str, points| budget.take(subject, points);
        assert_eq!(take("a", 400).unwrap_or_default(), Some(200));
        let refused = take("a", 300);
        let Err(Error::Throttled { reason, retry_after, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((reason, retry_after.as_secs_f64().round()), (COST_BUDGET, 10.0));
        // What is refused takes nothing, and others have their own.
        assert_eq!(take("a", 200).unwrap_or_default(), Some(0));
        assert_eq!(take("b", 0).unwrap_or_default(), Some(599));
        // Ten points come back each second, and no more than a minute's.
        clock.advance(Duration::from_secs(10));
        assert_eq!(take("a", 50).unwrap_or_default(), Some(50));
        clock.advance(Duration::from_secs(590));
        assert_eq!(take("a", 1).unwrap_or_default(), Some(599));
        // A document that costs more than all of it needs all of it.
        assert!(take("a", 100_000).is_err());
        assert_eq!(take("c", 100_000).unwrap_or_default(), Some(0));
        assert_eq!(take("d", u64::MAX).unwrap_or_default(), Some(0));
        assert_eq!(CostBudget::new(0).take("a", u64::MAX).unwrap_or_default(), None);
    }

    #[test]
    fn subjects_with_a_full_budget_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let budget = CostBudget::with_clock(600, clock.clone());
        for number in 0..5_000 {
            assert!(budget.take(&number.to_string(), 10).is_ok());
            clock.advance(Duration::from_secs(1));
        }
        assert!(budget.limited.is_some_and(|limited| limited.limiter.len() <= MAX_REMEMBERED + 1));
    }

    #[tokio::test]
    async fn waiting_ends_when_there_are_enough_points() {
        let budget = CostBudget::new(60_000);
        assert!(budget.take("a", 60_000).is_ok());
        let began = Instant::now();
        budget.wait("a", 200).await;
        assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
    }
}
