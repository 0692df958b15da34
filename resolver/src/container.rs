//! Resolves the selected fields of an object.

use async_graphql::{
    Context, ContextSelectionSet, Name, Positioned, ServerError, ServerResult, Value,
    parser::types::{Selection, SelectionSet},
    resolver_utils::{self, ContainerType},
};
use indexmap::{IndexMap, map::Entry};

use crate::together::{Begun, resolve_together};

/// Resolves the selection of an object, as the function of this name in the library does: with the
/// same values, errors, paths and order. Fields that need not wait are resolved in place, without a
/// future in a list of futures for each. Extensions of a schema do not see these fields; the
/// program has none.
///
/// # Errors
/// The error of a field that may not be null.
pub async fn resolve_container<'a, T: ContainerType + ?Sized>(
    ctx: &ContextSelectionSet<'a>,
    root: &'a T,
) -> ServerResult<Value> {
    let type_name = root.introspection_type_name();
    // An interface or a union: only the library knows the object that it holds.
    if type_name != T::type_name() {
        return resolver_utils::resolve_container(ctx, root).await;
    }
    let mut contexts = Vec::with_capacity(ctx.item.node.items.len());
    if !collect(ctx, ctx.item, &type_name, &mut contexts)? {
        return resolver_utils::resolve_container(ctx, root).await;
    }
    let begin = |position: usize| {
        let field = &contexts[position];
        if field.item.node.name.node == "__typename" {
            return Begun::Known(Value::String(type_name.to_string()));
        }
        Begun::Field(root.resolve_field(field))
    };
    let values = resolve_together(contexts.len(), begin).await?;
    Ok(object(&contexts, values))
}

/// Adds the contexts of the selected fields of an object of this type, in the order of the
/// document. Returns `false` if a field has a directive, which the library applies.
fn collect<'s>(
    ctx: &'s ContextSelectionSet<'_>,
    selections: &'s Positioned<SelectionSet>,
    type_name: &str,
    contexts: &mut Vec<Context<'s>>,
) -> ServerResult<bool> {
    for selection in &selections.node.items {
        let (condition, selections) = match &selection.node {
            Selection::Field(field) => {
                if !field.node.directives.is_empty() {
                    return Ok(false);
                }
                contexts.push(ctx.with_field(field));
                continue;
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let fragment = ctx.query_env.fragments.get(name).ok_or_else(|| {
                    ServerError::new(format!(r#"Unknown fragment "{name}"."#), Some(spread.pos))
                })?;
                (Some(&fragment.node.type_condition), &fragment.node.selection_set)
            }
            Selection::InlineFragment(fragment) => {
                (fragment.node.type_condition.as_ref(), &fragment.node.selection_set)
            }
        };
        let applies = condition.is_none_or(|condition| {
            let condition = condition.node.on.node.as_str();
            let interfaces = &ctx.schema_env.registry.implements;
            condition == type_name
                || interfaces.get(type_name).is_some_and(|names| names.contains(condition))
        });
        if applies && !collect(ctx, selections, type_name, contexts)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the object of these fields. The values of fields with the same response key are merged.
fn object(contexts: &[Context<'_>], values: Vec<Value>) -> Value {
    let mut object = IndexMap::with_capacity(values.len());
    for (ctx, value) in contexts.iter().zip(values) {
        insert(&mut object, ctx.item.node.response_key().node.clone(), value);
    }
    Value::Object(object)
}

fn insert(object: &mut IndexMap<Name, Value>, name: Name, value: Value) {
    match object.entry(name) {
        Entry::Occupied(mut known) => merge(known.get_mut(), value),
        Entry::Vacant(vacant) => {
            vacant.insert(value);
        }
    }
}

/// Adds the fields of `value` to those of an object, or to each object of a list.
fn merge(known: &mut Value, value: Value) {
    match (known, value) {
        (Value::Object(known), Value::Object(more)) => {
            more.into_iter().for_each(|(name, value)| insert(known, name, value));
        }
        (Value::List(known), Value::List(more)) => {
            let pairs = known.iter_mut().zip(more);
            pairs
                .filter(|(known, more)| is_object(known) && is_object(more))
                .for_each(|(known, more)| merge(known, more));
        }
        _ => {}
    }
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Object(_))
}
