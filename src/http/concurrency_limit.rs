//! Limits on the concurrent requests, sockets or subscriptions of one subject, so that no subject
//! blocks the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::error::{ConflictReason, Error, Result};

/// Number of held permits, by subject.
#[derive(Debug)]
pub struct ConcurrencyLimit {
    most: usize,
    running: Mutex<HashMap<String, usize>>,
}

/// Permit of one request, socket or subscription; released when dropped.
#[derive(Debug)]
pub struct Permit {
    permits: Arc<ConcurrencyLimit>,
    subject: String,
}

impl ConcurrencyLimit {
    /// Creates a limit of `most` permits per subject.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, running: Mutex::default() }
    }

    /// Takes a permit for a request of the subject. Fails with CONFLICT `TOO_MANY_REQUESTS` if
    /// it holds the maximum.
    pub fn take(self: &Arc<Self>, subject: &str) -> Result<Permit> {
        let too_many = || {
            format!(
                "You already have {} requests in progress, the maximum. Retry when one finishes.",
                self.most
            )
        };
        self.try_take(subject)
            .ok_or_else(|| Error::conflict(ConflictReason::TooManyRequests, too_many()))
    }

    /// Takes a permit for the subject; `None` if it holds the maximum.
    pub fn try_take(self: &Arc<Self>, subject: &str) -> Option<Permit> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let own = running.entry(subject.to_owned()).or_default();
        if *own >= self.most {
            return None;
        }
        *own += 1;
        Some(Permit { permits: Arc::clone(self), subject: subject.to_owned() })
    }

    /// Returns the maximum per subject.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut running = self.permits.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = running.get_mut(&self.subject) {
            *own -= 1;
            if *own == 0 {
                running.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_its_own_permits_and_gets_them_back() {
        let permits = Arc::new(ConcurrencyLimit::new(2));
        let own = (permits.take("a"), permits.take("a"));
        assert!(own.0.is_ok() && own.1.is_ok());
        assert!(matches!(
            permits.take("a"),
            Err(Error::Conflict { reason: ConflictReason::TooManyRequests, .. })
        ));
        assert!(permits.try_take("a").is_none());
        let other = permits.take("b");
        assert!(other.is_ok());
        drop(own);
        let again = permits.take("a");
        assert!(again.is_ok());
        drop((again, other));
        assert!(permits.running.lock().is_ok_and(|running| running.is_empty()));
    }
}
