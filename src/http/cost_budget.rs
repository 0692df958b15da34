//! Rate limit per subject: points of cost that it may use in a minute.
//!
//! The cost of a document is known before execution, from its text and variables alone: the budget
//! reveals nothing about the data.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};

use domain::error::{ConflictReason, Error, Result};

/// Number of subjects from which on those with a full budget are removed from memory.
const MAX_REMEMBERED: usize = 1_000;

type Limiter<C> =
    RateLimiter<String, DefaultKeyedStateStore<String>, C, StateInformationMiddleware>;

/// Budgets of all subjects.
#[derive(Debug)]
pub struct CostBudget<C: Clock = DefaultClock> {
    /// `None`: no limit.
    limited: Option<Limited<C>>,
}

#[derive(Debug)]
struct Limited<C: Clock> {
    per_minute: NonZeroU32,
    limiter: Limiter<C>,
}

impl CostBudget {
    /// Creates budgets of `per_minute` points; 0: no limit. A subject may use the points of a whole
    /// minute at once.
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

    /// Takes points from the subject's budget and returns the remainder; `None` without a limit.
    /// Fails with `COST_BUDGET` and the time to wait if there are too few.
    pub fn take(&self, subject: &str, points: u64) -> Result<Option<u32>> {
        let Some(Limited { per_minute, limiter }) = &self.limited else { return Ok(None) };
        // A document that costs more than the budget of a minute takes all of it; otherwise it
        // could never run.
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
            "this costs {points} points, more than the rest of your budget of {per_minute} points a minute; retry in {} s",
            missing.as_secs() + 1
        );
        Err(Error::throttled(ConflictReason::CostBudget, words, missing))
    }

    /// Waits until the subject's budget has the points, and takes them.
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
    fn a_subject_uses_its_own_budget_and_gets_the_time_to_retry() {
        let clock = FakeRelativeClock::default();
        let budget = CostBudget::with_clock(600, clock.clone());
        let take = |subject: &str, points| budget.take(subject, points);
        assert_eq!(take("a", 400).unwrap_or_default(), Some(200));
        let refused = take("a", 300);
        let Err(Error::Throttled { reason, retry_after, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((reason, retry_after.as_secs_f64().round()), (ConflictReason::CostBudget, 10.0));
        // A refused request takes no points, and other subjects have their own budgets.
        assert_eq!(take("a", 200).unwrap_or_default(), Some(0));
        assert_eq!(take("b", 0).unwrap_or_default(), Some(599));
        // Ten points are added per second, up to the budget of a minute.
        clock.advance(Duration::from_secs(10));
        assert_eq!(take("a", 50).unwrap_or_default(), Some(50));
        clock.advance(Duration::from_secs(590));
        assert_eq!(take("a", 1).unwrap_or_default(), Some(599));
        // A document that costs more than the whole budget needs a full budget.
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
