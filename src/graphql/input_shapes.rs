//! Checks that each input object of a mutation is an object, before anything is executed.
//!
//! The library validates the fields of an object, but takes any other value for one, and finds out
//! when it resolves the mutation. Mutations before it in the document are committed then, and their
//! payloads would be lost with the rest of the data.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
};

use async_graphql::{
    OutputType, Value, Variables,
    parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet},
    registry::{MetaType, MetaTypeName, Registry},
};

use super::Mutation;
use domain::error::{FieldErrorCode, ValidationErrors};

/// Input objects and the arguments of the fields that a mutation reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputShapes {
    /// Name of the mutation type.
    root: String,
    /// The type of each field, by input object.
    objects: HashMap<String, HashMap<String, String>>,
    /// The fields that a mutation reaches, by type.
    types: HashMap<String, HashMap<String, FieldShape>>,
}

/// The type of a field and of each of its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldShape {
    type_name: String,
    arguments: HashMap<String, String>,
}

impl InputShapes {
    /// Reads the shapes of the schema.
    #[must_use]
    pub fn of_schema() -> Self {
        let mut registry = Registry::default();
        Mutation::create_type_info(&mut registry);
        let mut shapes = Self { root: Mutation::type_name().into_owned(), ..Self::default() };
        for (name, known) in &registry.types {
            if let MetaType::InputObject { input_fields, .. } = known {
                let fields = input_fields.values();
                let fields = fields.map(|field| (field.name.clone(), field.ty.clone())).collect();
                shapes.objects.insert(name.clone(), fields);
            }
            let Some(fields) = known.fields() else { continue };
            let fields = fields.values().map(|field| {
                let arguments = field.args.values();
                let arguments = arguments.map(|own| (own.name.clone(), own.ty.clone())).collect();
                let type_name = MetaTypeName::concrete_typename(&field.ty).to_owned();
                (field.name.clone(), FieldShape { type_name, arguments })
            });
            shapes.types.insert(name.clone(), fields.collect());
        }
        shapes
    }

    /// Adds an error for each input object of a mutation that is another value. Unknown fields,
    /// types and fragments are left to validation.
    pub fn check(
        &self,
        document: &ExecutableDocument,
        mutation: &OperationDefinition,
        variables: &Variables,
        errors: &mut ValidationErrors,
    ) {
        let mut visit = Visit { shapes: self, document, variables, errors, seen: HashSet::new() };
        visit.selections(&self.root, &mutation.selection_set.node);
    }
}

/// A visit of the fields of a document.
struct Visit<'a> {
    shapes: &'a InputShapes,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    errors: &'a mut ValidationErrors,
    /// Fragments that were visited.
    seen: HashSet<&'a str>,
}

impl<'a> Visit<'a> {
    fn selections(&mut self, type_name: &str, selections: &'a SelectionSet) {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => self.field(type_name, &field.node),
                Selection::InlineFragment(part) => {
                    let condition = part.node.type_condition.as_ref();
                    let type_name = condition.map_or(type_name, |of| of.node.on.node.as_str());
                    self.selections(type_name, &part.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(part) = self.document.fragments.get(name) else { continue };
                    if self.seen.insert(name.as_str()) {
                        let type_name = part.node.type_condition.node.on.node.as_str();
                        self.selections(type_name, &part.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn field(&mut self, type_name: &str, field: &'a Field) {
        let shapes = self.shapes;
        let fields = shapes.types.get(type_name);
        let name = field.name.node.as_str();
        let Some(shape) = fields.and_then(|fields| fields.get(name)) else { return };
        for (name, value) in &field.arguments {
            let Some(expected) = shape.arguments.get(name.node.as_str()) else { continue };
            let known =
                |name| Ok::<_, Infallible>(self.variables.get(&name).cloned().unwrap_or_default());
            let Ok(value) = value.node.clone().into_const_with(known);
            self.value(expected, &value, name.node.as_str());
        }
        self.selections(&shape.type_name, &field.selection_set.node);
    }

    fn value(&mut self, expected: &str, value: &Value, path: &str) {
        match (MetaTypeName::create(expected), value) {
            (MetaTypeName::NonNull(expected), value) => self.value(expected, value, path),
            (MetaTypeName::List(expected), Value::List(values)) => {
                for (position, value) in values.iter().enumerate() {
                    self.value(expected, value, &format!("{path}.{position}"));
                }
            }
            (MetaTypeName::List(expected), value) => self.value(expected, value, path),
            (MetaTypeName::Named(expected), value) => {
                let shapes = self.shapes;
                let Some(fields) = shapes.objects.get(expected) else { return };
                match value {
                    Value::Object(values) => {
                        for (name, value) in values {
                            if let Some(expected) = fields.get(name.as_str()) {
                                self.value(expected, value, &format!("{path}.{name}"));
                            }
                        }
                    }
                    Value::Null => {}
                    _ => {
                        let problem = format!("must be an object of the type {expected}");
                        self.errors.add(path, FieldErrorCode::WrongType.problem(problem));
                    }
                }
            }
        }
    }
}
