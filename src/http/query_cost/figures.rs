//! Measured figures of a document.

/// Figures that [`Limits`](super::Limits) limits, each as described there, and the nesting of
/// fields, inline fragments and spreads (`nesting`). A sum that overflows saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Limits")]
pub struct Figures {
    pub tokens: u64,
    pub depth: u64,
    pub complexity: u64,
    pub aliases: u64,
    pub directives: u64,
    pub nesting: u64,
    pub expansion: u64,
    pub introspection_depth: u64,
    pub introspection_complexity: u64,
    /// `true` if a field declares that an answer with it is neither stored nor has a validator.
    pub is_unversioned: bool,
    /// `true` if the reading of a field's value is logged.
    pub is_logged: bool,
    /// `true` if it selects `Query.revision`.
    pub has_revision: bool,
    /// `true` if a field's value differs between viewers with the same permissions.
    pub is_personal: bool,
    /// Depth and cost within `__schema` or `__type`; a fragment may be spread inside and outside.
    pub(super) inside: (u64, u64),
    /// Part of the cost that counts for each row of the enclosing connection; `None` if it selects
    /// neither `edges` nor `nodes`.
    pub(super) paged: Option<u64>,
}

impl Figures {
    pub(super) fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.complexity = self.complexity.saturating_add(other.complexity);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.nesting = self.nesting.max(other.nesting);
        self.expansion = self.expansion.saturating_add(other.expansion);
        self.introspection_depth = self.introspection_depth.max(other.introspection_depth);
        self.introspection_complexity =
            self.introspection_complexity.saturating_add(other.introspection_complexity);
        self.is_unversioned |= other.is_unversioned;
        self.is_logged |= other.is_logged;
        self.has_revision |= other.has_revision;
        self.is_personal |= other.is_personal;
        self.inside =
            (self.inside.0.max(other.inside.0), self.inside.1.saturating_add(other.inside.1));
        self.paged = match (self.paged, other.paged) {
            (Some(own), Some(other)) => Some(own.saturating_add(other)),
            (own, other) => own.or(other),
        };
    }

    pub(super) fn nested(self) -> Self {
        Self { nesting: self.nesting + 1, ..self }
    }
}
