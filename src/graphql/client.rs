//! Client side of the API, for commands that use it: values of responses, and the types that a
//! document declares for its variables.

use async_graphql::parser::{parse_query, types::BaseType};

/// A value of a response. Fields of objects are in the order of the response.
pub use async_graphql::Value;

/// Type of a variable, as far as its text form depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariableType {
    /// `true` if it may be null.
    pub is_nullable: bool,
    /// Form of its values in JSON.
    pub form: VariableForm,
}

/// Form of a variable's values in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableForm {
    /// A number, `true` or `false`: Int, Float and Boolean.
    Number,
    /// A text: String and ID.
    Text,
    /// A text, an object or a list: the other scalars, enums, inputs and lists.
    Any,
}

/// Returns the type that the document declares for a variable; `None` if it declares none or can't
/// be parsed.
#[must_use]
pub fn variable_type(document: &str, name: &str) -> Option<VariableType> {
    let document = parse_query(document).ok()?;
    document.operations.iter().find_map(|(_, operation)| {
        let mut definitions = operation.node.variable_definitions.iter();
        let own = definitions.find(|definition| definition.node.name.node.as_str() == name)?;
        let declared = &own.node.var_type.node;
        let form = match &declared.base {
            BaseType::Named(name) if ["Int", "Float", "Boolean"].contains(&name.as_str()) => {
                VariableForm::Number
            }
            BaseType::Named(name) if ["String", "ID"].contains(&name.as_str()) => {
                VariableForm::Text
            }
            BaseType::Named(_) | BaseType::List(_) => VariableForm::Any,
        };
        Some(VariableType { is_nullable: declared.nullable, form })
    })
}

/// Returns `true` if a document can be parsed.
#[must_use]
pub fn is_document(text: &str) -> bool {
    parse_query(text).is_ok()
}
