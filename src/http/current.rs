//! A part of the server's state that is replaced while the server runs.

use std::sync::Arc;

use tokio::sync::watch;

/// A value that requests read, and that a reload of the settings replaces.
#[derive(Debug)]
pub struct Current<T>(watch::Sender<Arc<T>>);

impl<T> Current<T> {
    /// Creates one with this value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(watch::Sender::new(Arc::new(value)))
    }

    /// Returns the value.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// Replaces the value for requests from now on.
    pub fn replace(&self, value: T) {
        self.0.send_replace(Arc::new(value));
    }

    /// Returns a receiver of the value and of those that replace it.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.0.subscribe()
    }
}
