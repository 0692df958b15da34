//! A map of a limited size, which removes the least recently used values.

use std::collections::{BTreeMap, HashMap};

/// SHA-256 of all that a value depends on.
pub(super) type Digest = [u8; 32];

/// Values by their digests. Not thread-safe: the owner locks it.
#[derive(Debug)]
pub(super) struct Lru<V> {
    /// Maximum total size.
    most: usize,
    size: usize,
    entries: HashMap<Digest, Entry<V>>,
    /// Digests by their last use, the oldest first.
    by_use: BTreeMap<u64, Digest>,
    uses: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    size: usize,
    used: u64,
}

/// One value may have this part of the total size, so that it does not replace all others.
const LARGEST_PART: usize = 8;

impl<V: Clone> Lru<V> {
    /// Creates an empty map for values of this total size.
    pub(super) fn new(most: usize) -> Self {
        Self { most, size: 0, entries: HashMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// Returns the total size of the values.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// `true` if a value of this size may be stored.
    pub(super) fn accepts(&self, size: usize) -> bool {
        size <= self.most / LARGEST_PART
    }

    /// Returns a value, which becomes the most recently used.
    pub(super) fn get(&mut self, digest: &Digest) -> Option<V> {
        let entry = self.entries.get_mut(digest)?;
        self.by_use.remove(&entry.used);
        self.uses += 1;
        entry.used = self.uses;
        self.by_use.insert(self.uses, *digest);
        Some(entry.value.clone())
    }

    /// Stores a value of this size, and removes the least recently used ones beyond the maximum.
    /// Does nothing if the value is too large.
    pub(super) fn insert(&mut self, digest: Digest, value: V, size: usize) {
        if !self.accepts(size) {
            return;
        }
        self.uses += 1;
        self.size += size;
        let entry = Entry { value, size, used: self.uses };
        if let Some(replaced) = self.entries.insert(digest, entry) {
            self.by_use.remove(&replaced.used);
            self.size -= replaced.size;
        }
        self.by_use.insert(self.uses, digest);
        while self.size > self.most {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.size -= self.entries.remove(&oldest).map_or(0, |removed| removed.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        [number; 32]
    }

    #[test]
    fn the_least_recently_used_are_removed_beyond_the_size() {
        let mut lru = Lru::new(80);
        for number in 0..8 {
            lru.insert(digest(number), number, 10);
        }
        assert_eq!((lru.size(), lru.get(&digest(0))), (80, Some(0)));
        lru.insert(digest(8), 8, 10);
        assert_eq!((lru.get(&digest(0)), lru.get(&digest(1))), (Some(0), None));
        // A replaced value counts once.
        lru.insert(digest(8), 9, 5);
        assert_eq!((lru.size(), lru.get(&digest(8))), (75, Some(9)));
        assert_eq!(lru.entries.len(), lru.by_use.len());
        // A value may not replace many others.
        lru.insert(digest(9), 9, 11);
        assert_eq!((lru.size(), lru.get(&digest(9))), (75, None));
    }

    #[test]
    fn without_a_size_nothing_is_stored() {
        let mut lru = Lru::new(0);
        lru.insert(digest(1), 1, 1);
        assert_eq!((lru.size(), lru.get(&digest(1))), (0, None));
        assert!(lru.entries.is_empty() && lru.by_use.is_empty());
    }
}
