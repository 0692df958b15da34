//! Query costs, declared on the fields with the directives of the GraphQL cost specification, and
//! field properties for caching and shared events.
//!
//! One point is [`POINT`] of one core: measured with `examples/load` on a release build and a
//! register of 1 000 members. A field without a declaration costs one point, a field of `Query` or
//! `Mutation` the default of its root.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_graphql::{
    OutputType, SubscriptionType, TypeDirective, Value,
    parser::types::OperationType,
    registry::{MetaDirectiveInvocation, MetaField, MetaType, MetaTypeName, Registry},
};

use super::{Mutation, Node, Query, Subscription};
use domain::error::Result;

/// Processor time of one point of cost.
pub const POINT: Duration = Duration::from_micros(10);
/// Takes points from the caller's budget in addition to those that the document's fields declare.
#[derive(Clone)]
pub struct CostMeter(Arc<dyn Fn(u64) -> Result<()> + Send + Sync>);

impl CostMeter {
    /// Creates a meter. `take` takes points from the budget.
    pub fn new(take: impl Fn(u64) -> Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Takes the points of `time` that exceed `declared`. Fails with `COST_BUDGET` if too little is
    /// left.
    pub fn take_beyond(&self, declared: u64, time: Duration) -> Result<()> {
        let points = u64::try_from(time.as_micros() / POINT.as_micros()).unwrap_or(u64::MAX);
        match points.saturating_sub(declared) {
            0 => Ok(()),
            more => (self.0)(more),
        }
    }
}

/// Cost of a field of `Query` without a declaration: one or two statements.
const QUERY: u64 = 20;
/// Cost of a field of `Mutation` without a declaration: a transaction with its audit entry.
const MUTATION: u64 = 200;

/// Processor time of the field, in points of 10 µs. A field without it costs 1, a field of `Query`
/// 20, one of `Mutation` 200. Fields below a list count for each of its rows.
#[TypeDirective(location = "FieldDefinition", location = "InputFieldDefinition")]
pub fn cost(weight: String) {}

/// Number of rows that the cost calculation assumes for a list without pagination: `assumedSize`,
/// or the number of values in the `slicingArguments`. A bulk mutation, which names a field of its
/// input there, has its own cost for each of them.
#[TypeDirective(name = "listSize", location = "FieldDefinition")]
pub fn list_size(assumed_size: Option<u32>, slicing_arguments: Option<Vec<String>>) {}

/// An answer with this field is of one request: the value depends on the caller or the time of
/// day, may change without a new revision, or reading it is logged. Such an answer is not stored
/// for equal requests, and has no ETag.
#[TypeDirective(location = "FieldDefinition")]
pub fn unversioned() {}

/// The value is the same for all viewers with the same permissions, and reading it is not logged.
/// An event that selects only such fields is resolved a single time for all of them. The `id` of
/// every `Node` is shared too.
#[TypeDirective(location = "FieldDefinition")]
pub fn shared() {}

/// Types with data of contacts, whose reading is logged.
const LOGGED_TYPES: [&str; 3] = ["AuditEntry", "Contact", "ContactRead"];

/// Fields of `Query` with such data as JSON.
const LOGGED_QUERIES: [&str; 1] = ["contactExport"];

/// Returns `true` if a type's objects, or the cursors of a connection, have data whose reading is
/// logged.
fn has_logged_data(type_name: &str) -> bool {
    let of_nodes = type_name.strip_suffix("Connection").or(type_name.strip_suffix("Edge"));
    LOGGED_TYPES.contains(&of_nodes.unwrap_or(type_name))
}

/// Declarations of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    types: HashMap<String, HashMap<String, FieldCost>>,
    inputs: HashMap<String, u64>,
    roots: [String; 3],
}

/// Declaration of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldCost {
    /// Points of the field without its children.
    pub weight: u64,
    /// `true` if the weight is declared on the field.
    pub is_declared: bool,
    /// Number of rows that its children count for; `None` for a field that is no list, for a
    /// connection, and for a list without a declaration.
    pub rows: Option<u64>,
    /// Arguments whose length is the number of rows.
    pub sliced_by: Vec<String>,
    /// `true` if it returns a list of objects.
    pub is_list: bool,
    /// Name of the type that it returns.
    pub type_name: String,
    /// `true` if an answer with it is neither stored nor has a validator.
    pub is_unversioned: bool,
    /// `true` if its value is the same for all viewers with the same permissions, and its readers
    /// are not logged.
    pub is_shared: bool,
}

impl Costs {
    /// Reads the declarations of this program's schema.
    #[must_use]
    pub fn of_schema() -> Self {
        let mut registry = Registry::default();
        Query::create_type_info(&mut registry);
        Mutation::create_type_info(&mut registry);
        Subscription::create_type_info(&mut registry);
        let roots = [Query::type_name(), Mutation::type_name(), Subscription::type_name()]
            .map(|name| name.into_owned());
        let (mut costs, mut of_nodes) = (Self { roots, ..Self::default() }, Vec::new());
        for (name, found) in &registry.types {
            let default = match name {
                name if *name == costs.roots[0] => QUERY,
                name if *name == costs.roots[1] => MUTATION,
                _ => 1,
            };
            if let Some(fields) = found.fields() {
                let fields = fields
                    .values()
                    .map(|field| (field.name.clone(), FieldCost::read(field, default, &registry)));
                costs.types.insert(name.clone(), fields.collect());
            }
            // The fields of an interface apply to the objects that implement it.
            if let MetaType::Interface { possible_types, fields, .. } = found
                && name.as_str() == Node::type_name()
            {
                of_nodes.extend(possible_types.iter().chain([name]).flat_map(|node| {
                    fields.keys().map(move |field| (node.clone(), field.clone()))
                }));
            }
            if let MetaType::InputObject { input_fields, .. } = found {
                let weights = input_fields.values().filter_map(|field| {
                    Some((field.name.clone(), weight(&field.directive_invocations)?))
                });
                costs.inputs.extend(weights);
            }
        }
        for (node, field) in of_nodes {
            if let Some(field) =
                costs.types.get_mut(&node).and_then(|fields| fields.get_mut(&field))
            {
                field.is_shared = true;
            }
        }
        costs
    }

    /// Returns the name of the root type of operations of this kind.
    #[must_use]
    pub fn root(&self, operation: OperationType) -> &str {
        match operation {
            OperationType::Query => &self.roots[0],
            OperationType::Mutation => &self.roots[1],
            OperationType::Subscription => &self.roots[2],
        }
    }

    /// Returns the declaration of a field; `None` if the schema has no such field.
    #[must_use]
    pub fn field(&self, type_name: &str, field: &str) -> Option<&FieldCost> {
        self.types.get(type_name)?.get(field)
    }

    /// Returns `true` if the reading of a field's value is logged, as the field belongs to or
    /// returns a type with data of contacts: a query that selects it reads from the primary.
    #[must_use]
    pub fn is_logged(&self, type_name: &str, field: &str) -> bool {
        let returned = self.field(type_name, field).map_or("", |found| found.type_name.as_str());
        let is_logged_query = type_name == self.roots[0] && LOGGED_QUERIES.contains(&field);
        is_logged_query || has_logged_data(type_name) || has_logged_data(returned)
    }

    /// Returns `true` if a field is the revision of the state that a query reads.
    #[must_use]
    pub fn is_revision(&self, type_name: &str, field: &str) -> bool {
        type_name == self.roots[0] && field == "revision"
    }

    /// Returns the points of an input field of this name that has a value.
    #[must_use]
    pub fn input(&self, field: &str) -> u64 {
        self.inputs.get(field).copied().unwrap_or_default()
    }

    /// Returns all fields.
    pub fn fields(&self) -> impl Iterator<Item = SchemaField<'_>> {
        self.types.iter().flat_map(|(type_name, fields)| {
            fields.iter().map(move |(name, declaration)| SchemaField {
                type_name,
                name,
                cost: declaration,
            })
        })
    }
}

/// A field of the schema with its declaration.
pub struct SchemaField<'c> {
    /// Name of the object type.
    pub type_name: &'c str,
    /// Name of the field.
    pub name: &'c str,
    /// Its declaration.
    pub cost: &'c FieldCost,
}

impl FieldCost {
    /// `true` if it is a bulk mutation, whose weight counts for each of its items.
    #[must_use]
    pub fn is_bulk(&self) -> bool {
        !self.is_list && !self.sliced_by.is_empty()
    }

    fn read(field: &MetaField, default: u64, registry: &Registry) -> Self {
        let declared = weight(&field.directive_invocations);
        let is_declared =
            |name: &str| field.directive_invocations.iter().any(|directive| directive.name == name);
        let type_name = MetaTypeName::concrete_typename(&field.ty).to_owned();
        let is_composite = registry.types.get(&type_name).is_some_and(MetaType::is_composite);
        let size =
            field.directive_invocations.iter().find(|directive| directive.name == "listSize");
        let sliced_by = match size.and_then(|size| size.args.get("slicingArguments")) {
            Some(Value::List(names)) => names
                .iter()
                .filter_map(
                    |name| if let Value::String(name) = name { Some(name.clone()) } else { None },
                )
                .collect(),
            _ => Vec::new(),
        };
        let rows = match size.and_then(|size| size.args.get("assumedSize")) {
            Some(Value::Number(rows)) => rows.as_u64(),
            _ => None,
        };
        Self {
            weight: declared.unwrap_or(default),
            is_declared: declared.is_some(),
            rows,
            sliced_by,
            is_list: field.ty.starts_with('[') && is_composite,
            type_name,
            is_unversioned: is_declared("unversioned"),
            is_shared: is_declared("shared"),
        }
    }
}

/// Returns the weight among a field's directives.
fn weight(directives: &[MetaDirectiveInvocation]) -> Option<u64> {
    match directives.iter().find(|directive| directive.name == "cost")?.args.get("weight") {
        Some(Value::String(weight)) => weight.parse().ok(),
        _ => None,
    }
}
