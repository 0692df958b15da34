//! A list of objects, whose items are resolved in place if they need not wait.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value, async_trait,
    parser::types::Field, registry::Registry,
};

use crate::together::{Begun, resolve_together};

/// A list of objects: `Vec` in the schema and in every answer.
pub struct List<T>(pub Vec<T>);

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(Vec::from_iter(items))
    }
}

#[async_trait::async_trait]
impl<T: OutputType> OutputType for List<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let contexts: Vec<_> = (0..self.0.len()).map(|index| ctx.with_index(index)).collect();
        let begin = |index: usize| {
            Begun::Item(self.0[index].resolve(&contexts[index], field), &contexts[index])
        };
        resolve_together(contexts.len(), begin).await.map(Value::List)
    }
}
