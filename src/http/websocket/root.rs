//! Root field of a subscription: exactly one, possibly within fragments (GraphQL, 5.2.4.1).

use async_graphql::{
    Positioned,
    parser::types::{
        DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
    },
};

use domain::error::{Error, FieldErrorCode, Result};

/// Moves the single root field of the chosen operation before the fragments that contain it, which
/// the library validates but does not search.
///
/// # Errors
/// INVALID unless there is exactly one field, it is not an introspection field, and no directive
/// might skip it.
pub(super) fn single(document: &mut ExecutableDocument, operation: Option<&str>) -> Result<()> {
    let mut fields = Vec::new();
    let chosen = match (&document.operations, operation) {
        (DocumentOperations::Single(only), _) => Some(only),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name),
        (DocumentOperations::Multiple(all), None) => all.values().next(),
    };
    let Some(chosen) = chosen else { return Ok(()) };
    gather(document, &chosen.node.selection_set.node, &mut fields)?;
    let [field] = fields.as_slice() else {
        return Err(refused("select exactly one field; subscribe separately for each"));
    };
    if field.node.name.node.starts_with("__") {
        return Err(refused("select a field of Subscription, not an introspection field"));
    }
    let field = Selection::Field(field.clone());
    let put = |chosen: &mut Positioned<OperationDefinition>| {
        let set = &mut chosen.node.selection_set;
        if !set.node.items.iter().any(|selection| matches!(selection.node, Selection::Field(_))) {
            set.node.items.insert(0, Positioned::new(field, set.pos));
        }
    };
    match (&mut document.operations, operation) {
        (DocumentOperations::Single(only), _) => put(only),
        (DocumentOperations::Multiple(all), name) => {
            let chosen =
                all.iter_mut().find(|(its, _)| name.is_none_or(|name| its.as_str() == name));
            chosen.map(|(_, chosen)| put(chosen)).unwrap_or_default();
        }
    }
    Ok(())
}

/// Collects the root fields, with fragments expanded. The document has passed the limits: no
/// fragment is cyclic.
fn gather(
    document: &ExecutableDocument,
    set: &SelectionSet,
    fields: &mut Vec<Positioned<Field>>,
) -> Result<()> {
    for selection in &set.items {
        if !selection.node.directives().is_empty() {
            return Err(refused(
                "have no directive on its field, nor on a fragment that contains it",
            ));
        }
        match &selection.node {
            Selection::Field(field) => fields.push(field.clone()),
            Selection::InlineFragment(inline) => {
                gather(document, &inline.node.selection_set.node, fields)?
            }
            Selection::FragmentSpread(spread) => {
                match document.fragments.get(&spread.node.fragment_name.node) {
                    Some(fragment) => gather(document, &fragment.node.selection_set.node, fields)?,
                    None => {
                        return Err(refused(&format!(
                            "not spread the undefined fragment {}",
                            spread.node.fragment_name.node
                        )));
                    }
                }
            }
        }
        // Two fields are enough to refuse it.
        if fields.len() > 1 {
            return Ok(());
        }
    }
    Ok(())
}

fn refused(what: &str) -> Error {
    let message = format!("a subscription must {what}");
    Error::invalid("query", FieldErrorCode::InvalidDocument.problem(message))
}
