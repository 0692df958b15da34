//! The points of cost that one subject may use in a minute: a token bucket for each, by the generic cell rate algorithm (GCRA).
//!
//! What a document costs is known before it is executed, from its text and variables alone: a budget tells nobody what the register holds.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::error::{Error, Result};

/// The reason of the error for a subject that has used its budget.
pub const COST_BUDGET: &str = "COST_BUDGET";
/// Subjects that are remembered before those with a full budget are forgotten.
const REMEMBERED: usize = 1_000;
/// The time in which a whole budget is filled again.
const PERIOD: Duration = Duration::from_secs(60);

/// The budgets of all subjects.
#[derive(Debug)]
pub struct CostBudget {
    /// Points of a minute; 0: without limit.
    per_minute: u32,
    /// When the budget of each subject will be full again (GCRA's theoretical arrival time).
    full_at: Mutex<HashMap<String, Instant>>,
}

impl CostBudget {
    /// Budgets of so many points per minute; 0: without limit. A subject may use a whole minute's at once.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, full_at: Mutex::default() }
    }

    /// Takes points from the subject's budget and returns how many are left; `None` without a limit. Fails with `COST_BUDGET` if there are
    /// too few, and says when there will be enough.
    pub fn take(&self, subject: &str, points: u64) -> Result<Option<u32>> {
        self.take_at(subject, points, Instant::now())
    }

    fn take_at(&self, subject: &str, points: u64, now: Instant) -> Result<Option<u32>> {
        if self.per_minute == 0 {
            return Ok(None);
        }
        // A document that costs more than a whole minute's budget takes all of it, or it could never be executed.
        let points = u32::try_from(points).unwrap_or(u32::MAX).clamp(1, self.per_minute);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() > REMEMBERED {
            full_at.retain(|_, full_at| *full_at > now);
        }
        let before = full_at.get(subject).copied().map_or(now, |full_at| full_at.max(now));
        let after = before + PERIOD.mul_f64(f64::from(points) / f64::from(self.per_minute));
        let missing = (after - now).saturating_sub(PERIOD);
        if !missing.is_zero() {
            let words = format!(
                "this costs {points} points, and your budget of {} points a minute has too few left; retry in {} s",
                self.per_minute,
                missing.as_secs() + 1
            );
            return Err(Error::throttled(COST_BUDGET, words, missing));
        }
        full_at.insert(subject.to_owned(), after);
        let used = (after - now).as_secs_f64() / PERIOD.as_secs_f64();
        Ok(Some((f64::from(self.per_minute) * (1.0 - used)).round() as u32))
    }

    /// Waits until the subject's budget has so many points, and takes them.
    pub async fn wait(&self, subject: &str, points: u64) {
        while let Err(error) = self.take(subject, points) {
            let wait = if let Error::Throttled { retry_after, .. } = error { retry_after } else { Duration::ZERO };
            tokio::time::sleep(wait.max(Duration::from_millis(20))).await;
        }
    }

    /// Returns the points of a minute; `None` without a limit.
    #[must_use]
    pub fn per_minute(&self) -> Option<u32> {
        Some(self.per_minute).filter(|points| *points > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_uses_its_own_budget_and_is_told_when_to_retry() {
        let (budget, now) = (CostBudget::new(600), Instant::now());
        let take = |subject: &str, points, seconds| budget.take_at(subject, points, now + Duration::from_secs(seconds));
        assert_eq!(take("a", 400, 0).unwrap_or_default(), Some(200));
        let refused = take("a", 300, 0);
        let Err(Error::Throttled { reason, retry_after, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((reason, retry_after.as_secs_f64().round()), (COST_BUDGET, 10.0));
        // What is refused takes nothing, and others have their own.
        assert_eq!(take("a", 200, 0).unwrap_or_default(), Some(0));
        assert_eq!(take("b", 0, 0).unwrap_or_default(), Some(599));
        // Ten points come back each second, and no more than a minute's.
        assert_eq!(take("a", 50, 10).unwrap_or_default(), Some(50));
        assert_eq!(take("a", 1, 600).unwrap_or_default(), Some(599));
        // A document that costs more than all of it needs all of it.
        assert!(take("b", 100_000, 0).is_err());
        assert_eq!(take("c", 100_000, 0).unwrap_or_default(), Some(0));
        assert_eq!(CostBudget::new(0).take("a", u64::MAX).unwrap_or_default(), None);
    }

    #[test]
    fn subjects_with_a_full_budget_are_forgotten() {
        let (budget, now) = (CostBudget::new(600), Instant::now());
        for place in 0..5_000_u64 {
            assert!(budget.take_at(&place.to_string(), 10, now + Duration::from_secs(place)).is_ok());
        }
        assert!(budget.full_at.lock().is_ok_and(|subjects| subjects.len() <= REMEMBERED + 1));
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
