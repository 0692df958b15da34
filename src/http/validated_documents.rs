//! Documents that passed validation, so that no equal request is validated again.
//!
//! Validation applies some twenty rules to each field. They depend on the schema, the document, and
//! the values of variables as far as their types restrict them: any string is valid for a variable
//! of type `ID` or `String`. Requests that differ only in such strings form a class.
//! When one of a class has been answered without an error, others are executed by a schema that
//! omits the rules. Every other request, in particular each one with an error, is validated.

use std::{
    collections::HashSet,
    sync::{Mutex, OnceLock, PoisonError},
};

use async_graphql::{
    Name, Value, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};

use super::{
    App,
    lru::{Digest, Lru},
    prepared_documents::digest_of,
};
use crate::graphql::{self, Register};

/// Maximum number of classes that are stored.
const MAX_CLASSES: usize = 4096;

/// Types of variables for which every string is valid.
const OPEN_TYPES: [&str; 2] = ["ID", "String"];

/// Classes of requests that passed validation, and the schema that executes them.
pub struct ValidatedDocuments {
    passed: Mutex<Lru<()>>,
    /// Created when the first request needs it.
    schema: OnceLock<Register>,
}

impl Default for ValidatedDocuments {
    fn default() -> Self {
        Self { passed: Mutex::new(Lru::new(MAX_CLASSES)), schema: OnceLock::new() }
    }
}

impl ValidatedDocuments {
    /// Returns the schema that executes a request of this class, and the class if it is to be
    /// stored once the request was answered without an error.
    pub(super) fn schema(&self, app: &App, class: Option<Digest>) -> (Register, Option<Digest>) {
        if !class.as_ref().is_some_and(|class| self.has_passed(class)) {
            return (app.schema.clone(), class);
        }
        let schema = self.schema.get_or_init(|| {
            let network = app.network.as_ref().clone();
            graphql::schema_without_validation(app.db.clone(), app.clock, network)
        });
        (schema.clone(), None)
    }

    /// Stores the class of a request that was validated, and answered without an error.
    pub(super) fn note_passed(&self, class: Digest) {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).insert(class, (), 1);
    }

    fn has_passed(&self, class: &Digest) -> bool {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).get(class).is_some()
    }
}

/// What decides about the validation of a document apart from its variables.
#[derive(Debug)]
pub(super) struct DocumentClass {
    digest: Digest,
    /// Variables for which every string is valid.
    open: HashSet<Name>,
}

impl DocumentClass {
    /// Returns the class of a document with this digest; `None` for one with several operations,
    /// whose fragments the library checks with the variables of any of them.
    pub(super) fn of(digest: Digest, document: &ExecutableDocument) -> Option<Self> {
        let mut operations = document.operations.iter();
        let (_, operation) = operations.next()?;
        if operations.next().is_some() {
            return None;
        }
        let fragments = document.fragments.values().map(|part| &part.node.selection_set.node);
        // The library may not compare the type of a nested variable with that of its position,
        // which may be an enum.
        let is_nested =
            fragments.chain([&operation.node.selection_set.node]).any(has_nested_variable);
        let open = if is_nested { HashSet::new() } else { open_variables(&operation.node) };
        Some(Self { digest, open })
    }

    /// Returns the class of requests with these variables; `None` if they can't be serialized.
    pub(super) fn with(&self, variables: &Variables) -> Option<Digest> {
        let values: Vec<(&str, bool, Option<&Value>)> = variables
            .iter()
            .map(|(name, value)| {
                let is_open = matches!(value, Value::String(_)) && self.open.contains(name);
                (name.as_str(), is_open, (!is_open).then_some(value))
            })
            .collect();
        let values = serde_json::to_vec(&values).ok()?;
        Some(digest_of(&[&self.digest, &values]))
    }
}

/// Returns the variables of an operation for which every string is valid.
fn open_variables(operation: &OperationDefinition) -> HashSet<Name> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    definitions
        .filter(|definition| {
            let type_name = definition.var_type.node.to_string();
            OPEN_TYPES.contains(&type_name.trim_end_matches('!'))
        })
        .map(|definition| definition.name.node.clone())
        .collect()
}

/// Returns `true` if an argument of these fields has a variable within a list or an object.
fn has_nested_variable(selections: &SelectionSet) -> bool {
    selections.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => {
            let mut arguments = field.node.arguments.iter();
            arguments.any(|(_, value)| {
                value.node.clone().into_const().is_none()
                    && !value.node.to_string().starts_with('$')
            }) || has_nested_variable(&field.node.selection_set.node)
        }
        Selection::InlineFragment(part) => has_nested_variable(&part.node.selection_set.node),
        Selection::FragmentSpread(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn class(text: &str, variables: serde_json::Value) -> Option<Digest> {
        let document = parse_query(text).unwrap_or_else(|error| panic!("{error}"));
        let known = DocumentClass::of([text.len() as u8; 32], &document)?;
        known.with(&Variables::from_json(variables))
    }

    #[test]
    fn strings_of_open_types_are_of_one_class() {
        let text = "query A($id: ID!, $n: Int, $s: String) { a(id: $id, n: $n, s: $s) { b } }";
        let first = class(text, json!({ "id": "1", "n": 2, "s": "a" }));
        assert!(first.is_some());
        assert_eq!(first, class(text, json!({ "id": "2", "n": 2, "s": "b" })));
        for other in [
            json!({ "id": "1", "n": 3, "s": "a" }),
            json!({ "id": "1", "n": "2", "s": "a" }),
            json!({ "id": 1, "n": 2, "s": "a" }),
            json!({ "id": "1", "n": 2, "s": null }),
            json!({ "id": "1", "n": 2 }),
            json!({ "id": "1", "n": 2, "s": "a", "t": "a" }),
        ] {
            assert_ne!(first, class(text, other.clone()), "{other}");
        }
    }

    #[test]
    fn other_strings_are_of_a_class_of_their_own() {
        for text in [
            "query A($s: Status) { a(s: $s) { b } }",
            "query A($s: [String!]) { a(s: $s) { b } }",
            "query A($s: String) { a(filter: { s: $s }) { b } }",
            "query A($s: String) { a { ... on B { c(list: [$s]) } } }",
            "query A($s: String) { ...P } fragment P on Q { c(list: [{ s: $s }]) }",
        ] {
            let of = |value: &str| class(text, json!({ "s": value }));
            assert!(of("a").is_some(), "{text}");
            assert_ne!(of("a"), of("b"), "{text}");
        }
    }

    #[test]
    fn a_document_with_several_operations_has_no_class() {
        assert_eq!(class("query A { a } query B { b }", json!({})), None);
        assert!(class("{ a }", json!({})).is_some());
    }

    #[test]
    fn a_limited_number_of_classes_is_stored() {
        let documents = ValidatedDocuments::default();
        let number = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_le_bytes());
            digest
        };
        for index in 0..=MAX_CLASSES {
            documents.note_passed(number(index));
        }
        assert!(!documents.has_passed(&number(0)));
        assert!(documents.has_passed(&number(MAX_CLASSES)));
    }
}
