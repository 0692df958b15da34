//! The codes of errors and warnings as enums of the schema, with the words and descriptions of the
//! domain.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::Field,
    registry::{
        __DirectiveLocation, EnumBuilder, MetaDirective, MetaEnumValue, MetaInputValue, MetaTypeId,
        Registry,
    },
};

use domain::{
    codes::{Code, ErrorCode, LimitReason, WarningCode},
    error::{ConflictReason, FieldErrorCode},
};

/// A code that is an enum of the schema.
pub trait SchemaEnum: Code {
    /// Name of the enum.
    const NAME: &'static str;
    /// Description of the enum.
    const DESCRIPTION: &'static str;
}

impl SchemaEnum for ErrorCode {
    const NAME: &'static str = "ErrorCode";
    const DESCRIPTION: &'static str = "Code of an error: `extensions.code`.";
}

impl SchemaEnum for ConflictReason {
    const NAME: &'static str = "ConflictReason";
    const DESCRIPTION: &'static str =
        "Reason of an error with the code CONFLICT: `extensions.reason`.";
}

impl SchemaEnum for LimitReason {
    const NAME: &'static str = "LimitReason";
    const DESCRIPTION: &'static str = "Reason of an error with the code INVALID about a limit of the server: `extensions.reason`.";
}

impl SchemaEnum for FieldErrorCode {
    const NAME: &'static str = "FieldErrorCode";
    const DESCRIPTION: &'static str =
        "Code of an invalid field, for an error with the code INVALID: `extensions.fields[].code`.";
}

impl SchemaEnum for WarningCode {
    const NAME: &'static str = "WarningCode";
    const DESCRIPTION: &'static str = "Code of a warning about something that succeeded.";
}

/// A code, as a value of its enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coded<T>(pub T);

#[async_graphql::async_trait::async_trait]
impl<T: SchemaEnum> OutputType for Coded<T> {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Enum, |_| {
            let value = |code: T| {
                let mut value = MetaEnumValue::new(code.word());
                value.description = Some(code.description().replace('\n', " "));
                (code.word().to_owned(), value)
            };
            EnumBuilder::new(T::NAME, T::all().into_iter().map(value).collect())
                .description(Some(T::DESCRIPTION.to_owned()))
                .rust_typename(std::any::type_name::<Self>())
                .build()
        })
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Enum(Name::new(self.0.word())))
    }
}

/// The codes of errors. No field returns them: they are in the extensions of errors. Registering
/// this type adds their enums to the schema, with a directive that refers to them, since
/// introspection reports only types that something refers to.
#[derive(Clone, Copy, Debug)]
pub struct ErrorCodes;

impl ErrorCodes {
    fn argument<T: SchemaEnum>(registry: &mut Registry, name: &str) -> (String, MetaInputValue) {
        Coded::<T>::create_type_info(registry);
        let mut argument = MetaInputValue::new(name, T::NAME);
        argument.description = Some(T::DESCRIPTION.to_owned());
        (name.to_owned(), argument)
    }
}

#[async_graphql::async_trait::async_trait]
impl OutputType for ErrorCodes {
    fn type_name() -> Cow<'static, str> {
        Coded::<ErrorCode>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let args = IndexMap::from([
            Self::argument::<ErrorCode>(registry, "code"),
            Self::argument::<ConflictReason>(registry, "conflict"),
            Self::argument::<LimitReason>(registry, "limit"),
            Self::argument::<FieldErrorCode>(registry, "field"),
        ]);
        registry.add_directive(MetaDirective {
            name: "errorCodes".to_owned(),
            description: Some(
                "Names the codes in the extensions of errors, for code generators. No field has it."
                    .to_owned(),
            ),
            locations: vec![__DirectiveLocation::FIELD_DEFINITION],
            args,
            is_repeatable: false,
            visible: None,
            composable: None,
        });
        Coded::<ErrorCode>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql;

    /// Returns the words of an enum in the SDL, each with its description.
    fn in_sdl(sdl: &str, name: &str) -> Vec<(String, String)> {
        let body = sdl
            .split_once(&format!("\nenum {name} {{\n"))
            .and_then(|(_, rest)| rest.split_once("\n}"))
            .map_or("", |(body, _)| body);
        let parts: Vec<_> = body.split("\"\"\"").map(str::trim).collect();
        parts[1..].chunks(2).map(|pair| (pair[1].to_owned(), pair[0].to_owned())).collect()
    }

    fn agrees<T: SchemaEnum>(sdl: &str) {
        let expected: Vec<_> = T::all()
            .into_iter()
            .map(|code| (code.word().to_owned(), code.description().replace('\n', " ")))
            .collect();
        assert_eq!(in_sdl(sdl, T::NAME), expected, "{}", T::NAME);
    }

    #[test]
    fn the_schema_has_every_code_with_its_description() {
        let sdl = graphql::sdl(&graphql::schema(None));
        agrees::<ErrorCode>(&sdl);
        agrees::<ConflictReason>(&sdl);
        agrees::<LimitReason>(&sdl);
        agrees::<FieldErrorCode>(&sdl);
        agrees::<WarningCode>(&sdl);
    }
}
