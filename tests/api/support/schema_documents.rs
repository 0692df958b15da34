//! GraphQL documents made from the schema, so that the tests select fields that are added later.

use std::collections::{BTreeMap, BTreeSet};

use samregister::graphql::{self, cost::Costs};
use serde_json::Value;

const INTROSPECTION: &str = "{ __schema { types { kind name description isOneOf interfaces { name } possibleTypes { name }
    enumValues(includeDeprecated: true) { name description }
    inputFields(includeDeprecated: true) { ...input }
    fields(includeDeprecated: true) { name description type { ...type } args(includeDeprecated: true) { ...input } } } } }
    fragment input on __InputValue { name description defaultValue type { ...type } }
    fragment type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The introspected schema.
pub struct Schema {
    types: BTreeMap<String, Value>,
    /// Fields that no document selects, as `Coverage.share`.
    left_out: BTreeSet<String>,
}

impl Schema {
    /// The schema of this program.
    pub async fn of_program() -> Self {
        let answer = graphql::schema(None).execute(INTROSPECTION).await;
        assert!(answer.is_ok(), "{:?}", answer.errors);
        let data = answer.data.into_json().unwrap();
        let types = data["__schema"]["types"].as_array().unwrap().iter();
        Self {
            types: types
                .map(|found| (found["name"].as_str().unwrap().to_owned(), found.clone()))
                .collect(),
            left_out: BTreeSet::new(),
        }
    }

    /// The same schema, of whose fields no document selects these below a query.
    pub fn without(mut self, left_out: BTreeSet<&'static str>) -> Self {
        self.left_out.extend(left_out.into_iter().map(str::to_owned));
        self
    }

    /// The same schema, of whose fields no document selects those with which an answer is not
    /// stored.
    pub fn stored(mut self) -> Self {
        let costs = Costs::of_schema();
        let unversioned = costs.fields().filter(|field| field.cost.is_unversioned);
        let unversioned = unversioned.map(|field| format!("{}.{}", field.type_name, field.name));
        self.left_out.extend(unversioned);
        self
    }

    /// Returns `true` if documents may select the field.
    pub fn selects(&self, of: &str, name: &str) -> bool {
        !self.left_out.contains(&format!("{of}.{name}"))
    }

    /// Our own types, without those of GraphQL itself.
    pub fn types(&self) -> impl Iterator<Item = (&str, &Value)> {
        let of_graphql = ["String", "Int", "Float", "Boolean", "ID"];
        self.types
            .iter()
            .filter(move |(name, _)| {
                !name.starts_with("__") && !of_graphql.contains(&name.as_str())
            })
            .map(|(name, found)| (name.as_str(), found))
    }

    /// A type by its name; null when there is none.
    pub fn named(&self, name: &str) -> &Value {
        self.types.get(name).unwrap_or(&Value::Null)
    }

    /// The fields of an object or interface.
    pub fn fields(&self, name: &str) -> &[Value] {
        list(&self.named(name)["fields"])
    }

    /// The names of the fields of an object.
    pub fn field_names(&self, name: &str) -> Vec<&str> {
        self.fields(name).iter().map(|field| field["name"].as_str().unwrap()).collect()
    }

    /// A field of a type.
    pub fn field(&self, of: &str, name: &str) -> &Value {
        self.fields(of)
            .iter()
            .find(|field| field["name"] == name)
            .unwrap_or_else(|| panic!("there is no field {of}.{name}"))
    }

    /// Everything that a field answers, nested through `depth` nouns: `members(first: 5) { … }`.
    /// Each connection within asks for three rows and its count.
    pub fn widest(&self, of: &str, name: &str, arguments: &str, depth: usize) -> String {
        let field = self.field(of, name);
        let type_name = inner(&field["type"]).to_owned();
        let selection = self.selection(&type_name, depth, &mut Vec::new());
        format!("{name}{arguments} {selection}")
    }

    /// The selection of a mutation's payload: the id of each object in it, and its other fields.
    pub fn payload(&self, mutation: &str) -> String {
        let fields = self.fields(inner(&self.field("Mutation", mutation)["type"])).iter();
        let fields = fields.map(|field| {
            let (name, of) = (field["name"].as_str().unwrap(), inner(&field["type"]));
            match self.named(of)["kind"].as_str() {
                Some("SCALAR" | "ENUM") => name.to_owned(),
                _ if self.field_names(of).contains(&"id") => format!("{name} {{ id }}"),
                _ => format!("{name} {{ __typename }}"),
            }
        });
        fields.collect::<Vec<_>>().join(" ")
    }

    /// Everything that `node` answers for this id, by the noun that it names, nested through
    /// `depth` nouns.
    pub fn node(&self, id: &str, depth: usize) -> String {
        let type_name = self.type_of(id).unwrap_or_else(|| panic!("{id} is of no noun"));
        format!(
            "node(id: \"{id}\") {{ ... on {type_name} {} }}",
            self.selection(type_name, depth, &mut Vec::new())
        )
    }

    /// The type of the noun that an id names; none for what is no node.
    pub fn type_of(&self, id: &str) -> Option<&str> {
        let words = id.rsplit_once('_')?.0.split('_');
        let noun: String =
            words.map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..])).collect();
        let possible = list(&self.named("Node")["possibleTypes"])
            .iter()
            .map(|possible| possible["name"].as_str().unwrap());
        possible.filter(|name| name.ends_with(&noun)).min_by_key(|name| name.len())
    }

    /// The relations between nouns in such a document: fields that lead to a noun or a list of
    /// them, counts, and other fields that take a statement, of which `updatedAt` shares that of
    /// `createdAt`.
    pub fn relations(document: &str) -> usize {
        let own = [
            "totalCount",
            "createdAt",
            "viewerCanReplace",
            "viewerCanRemind",
            "viewerCanReopen",
            "viewerCanReverse",
            "viewerCanMarkDuplicate",
        ];
        let own = own.iter().map(|field| document.matches(field).count());
        document.matches('{').count() + own.sum::<usize>()
    }

    fn selection(&self, name: &str, depth: usize, within: &mut Vec<String>) -> String {
        let found = self.named(name);
        match found["kind"].as_str().unwrap_or_default() {
            "SCALAR" | "ENUM" => String::new(),
            "UNION" | "INTERFACE" => {
                // Types that stand next to each other may have fields of one name with different
                // types.
                let each = list(&found["possibleTypes"]).iter().map(|possible| {
                    let possible = possible["name"].as_str().unwrap();
                    format!(
                        "... on {possible} {}",
                        self.object(possible, depth, within, &format!("{possible}_"))
                    )
                });
                format!("{{ __typename {} }}", each.collect::<Vec<_>>().join(" "))
            }
            _ if name.ends_with("Connection") => {
                let node = inner(&self.field(name, "nodes")["type"]);
                format!(
                    "{{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {} }}",
                    self.selection(node, depth, within)
                )
            }
            _ => self.object(name, depth, within, ""),
        }
    }

    fn object(&self, name: &str, depth: usize, within: &mut Vec<String>, prefix: &str) -> String {
        within.push(name.to_owned());
        let is_left_out =
            |field: &&Value| !self.selects(name, field["name"].as_str().unwrap_or_default());
        let fields = self.fields(name).iter().filter(|field| !is_left_out(field));
        let fields = fields.filter_map(|field| self.nested(field, depth, within, prefix));
        let fields: Vec<_> = fields.collect();
        within.pop();
        format!("{{ __typename {} }}", fields.join(" "))
    }

    fn nested(
        &self,
        field: &Value,
        depth: usize,
        within: &mut Vec<String>,
        prefix: &str,
    ) -> Option<String> {
        let (name, type_name) = (field["name"].as_str()?, inner(&field["type"]));
        let arguments = arguments(field)?;
        let alias = if prefix.is_empty() { String::new() } else { format!("{prefix}{name}: ") };
        if ["SCALAR", "ENUM"].contains(&self.named(type_name)["kind"].as_str()?) {
            return Some(format!("{alias}{name}{arguments}"));
        }
        let is_noun = self.is_noun(type_name);
        // A value that holds itself would never end.
        if (is_noun && depth == 0) || (!is_noun && within.iter().any(|outer| outer == type_name)) {
            return None;
        }
        // Anything at all stands for many kinds of noun: their own fields are asked for elsewhere.
        if type_name == "Node" {
            return Some(format!("{alias}{name}{arguments} {{ __typename id }}"));
        }
        Some(format!(
            "{alias}{name}{arguments} {}",
            self.selection(type_name, depth - usize::from(is_noun), within)
        ))
    }

    /// Returns `true` if a type stands for rows of the register with an id of their own.
    fn is_noun(&self, name: &str) -> bool {
        let found = self.named(name);
        name.ends_with("Connection")
            || name == "Node"
            || ["UNION", "INTERFACE"].contains(&found["kind"].as_str().unwrap_or_default())
            || list(&found["interfaces"]).iter().any(|interface| interface["name"] == "Node")
    }
}

/// The arguments that a nested field needs; none when no one knows them.
fn arguments(field: &Value) -> Option<String> {
    let mut given = Vec::new();
    for argument in list(&field["args"]) {
        match (argument["name"].as_str()?, argument["type"]["kind"].as_str()?) {
            ("first", _) => given.push("first: 3"),
            ("year", "NON_NULL") => given.push("year: 2026"),
            (_, "NON_NULL") if argument["defaultValue"].is_null() => return None,
            _ => {}
        }
    }
    Some(if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) })
}

/// The name of a type without its lists and exclamation marks.
pub fn inner(found: &Value) -> &str {
    if found["ofType"].is_null() {
        found["name"].as_str().unwrap()
    } else {
        inner(&found["ofType"])
    }
}

/// A type as it is written.
pub fn written(found: &Value) -> String {
    match found["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", written(&found["ofType"])),
        Some("LIST") => format!("[{}]", written(&found["ofType"])),
        _ => found["name"].as_str().unwrap_or("?").to_owned(),
    }
}

/// The items of a list; none for null.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
