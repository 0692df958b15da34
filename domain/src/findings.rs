//! Findings of a check of the register: violations of invariants, and notes about harmless
//! oddities.

/// The result of a check, a sentence each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Violated invariants.
    pub violations: Vec<String>,
    /// Oddities with a harmless cause, such as a gap in numbers that came with imported history.
    pub notes: Vec<String>,
}

impl Findings {
    /// Adds the findings of another check.
    pub fn extend(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.notes.extend(other.notes);
    }

    /// Adds a violation.
    pub fn violate(&mut self, sentence: impl Into<String>) {
        self.violations.push(sentence.into());
    }

    /// Adds a note.
    pub fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }
}

impl From<Vec<String>> for Findings {
    fn from(violations: Vec<String>) -> Self {
        Self { violations, notes: Vec::new() }
    }
}
