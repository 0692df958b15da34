//! Random queries and mutations, generated from the schema: any field with any of its arguments,
//! filled in with values of a register.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;

use crate::support::schema_documents::{Schema, inner, list};

/// The arguments that a caller could know of registers: ids by noun, and words.
#[derive(Default)]
pub struct Known {
    ids: BTreeMap<String, BTreeSet<String>>,
    words: BTreeSet<String>,
    org_numbers: BTreeSet<String>,
    cursors: BTreeSet<String>,
}

impl Known {
    /// Collects the ids and words of an answer.
    pub fn learn(&mut self, answer: &Value) {
        match answer {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) => self.learn_text(name, text),
                        value => self.learn(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn learn_text(&mut self, name: &str, text: &str) {
        let id = text
            .rsplit_once('_')
            .filter(|(_, id)| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if let Some((noun, _)) = id {
            self.ids.entry(noun.to_owned()).or_default().insert(text.to_owned());
        } else if name == "endCursor" {
            self.cursors.insert(text.to_owned());
        } else if name == "orgNumber" || name == "org_number" {
            self.org_numbers.insert(text.to_owned());
            self.words.insert(text.to_owned());
        } else if [
            "name",
            "number",
            "ocr",
            "slug",
            "county",
            "email",
            "title",
            "description",
            "reference",
            "payerName",
            "summary",
        ]
        .contains(&name)
        {
            self.words.insert(text.to_owned());
        }
    }

    /// Forgets the ids that others know too.
    pub fn forget(&mut self, others: &Self) {
        for (noun, ids) in &mut self.ids {
            ids.retain(|id| !others.ids.get(noun).is_some_and(|others| others.contains(id)));
        }
    }

    /// Every id, in their order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.values().flatten().map(String::as_str)
    }

    /// The ids of a noun.
    pub fn of_noun(&self, noun: &str) -> impl Iterator<Item = &str> {
        self.ids.get(noun).into_iter().flatten().map(String::as_str)
    }
}

/// Returns the nouns whose ids an argument or field of this name takes; empty: of any.
fn nouns(name: &str) -> &'static [&'static str] {
    let noun = name.strip_suffix("Ids").or_else(|| name.strip_suffix("Id")).unwrap_or(name);
    match noun {
        "member" | "withoutMember" | "billingOfMember" | "successor" | "into" | "from"
        | "MemberBy" => &["member"],
        "counterparty" | "buyer" => &["member", "organisation"],
        "organisation" | "billingOfOrganisation" | "supplier" | "OrganisationBy" => {
            &["organisation"]
        }
        "contact" | "lead" | "boardContact" => &["contact"],
        "contactArea" => &["contact_area"],
        "activity" | "decisionOfActivity" | "ActivityBy" => &["activity"],
        "agreement" | "decisionOfAgreement" | "AgreementBy" => &["agreement"],
        "template" | "TemplateBy" => &["template"],
        "templateVersion" | "version" => &["template_version"],
        "invoice" | "corrects" | "referencesOfInvoice" | "InvoiceBy" => &["invoice"],
        "cost" => &["cost"],
        "grant" => &["grant"],
        "requisition" => &["requisition"],
        "decisionOfFeeSchedule" => &["fee_schedule"],
        "payment" | "recordedPayment" => &["payment"],
        "bankPayment" | "duplicateOf" => &["bank_payment"],
        "refund" => &["adjustment"],
        "line" => &["invoice_line"],
        _ => &[],
    }
}

/// Draws questions.
pub struct Asker<'a> {
    schema: &'a Schema,
    known: &'a Known,
    /// Queries that are not asked.
    without: &'a [&'a str],
    random: StdRng,
}

impl<'a> Asker<'a> {
    /// One who asks about what is known, the same for each seed, but never these queries.
    pub fn new(schema: &'a Schema, known: &'a Known, without: &'a [&'a str], seed: u64) -> Self {
        Self { schema, known, without, random: StdRng::seed_from_u64(seed) }
    }

    /// A field of the query's root, or one with arguments of something that has an id.
    pub fn question(&mut self) -> String {
        if self.random.random_bool(0.75) {
            let fields = self
                .schema
                .field_names("Query")
                .into_iter()
                .filter(|name| !self.without.contains(name));
            let name = *fields.collect::<Vec<_>>().choose(&mut self.random).unwrap();
            return self.call("Query", name);
        }
        let ids: Vec<&str> =
            self.known.ids().filter(|id| self.schema.type_of(id).is_some()).collect();
        let id = *ids.choose(&mut self.random).unwrap();
        let noun = self.schema.type_of(id).unwrap().to_owned();
        let fields =
            self.schema.fields(&noun).iter().filter(|field| !list(&field["args"]).is_empty());
        let fields: Vec<&str> = fields.map(|field| field["name"].as_str().unwrap()).collect();
        let Some(name) = fields.choose(&mut self.random) else { return self.schema.node(id, 0) };
        format!("node(id: \"{id}\") {{ ... on {noun} {{ {} }} }}", self.call(&noun, name))
    }

    /// A mutation with every required argument and some optional ones.
    pub fn mutation(&mut self, name: &str) -> String {
        format!("{name}{} {{ __typename }}", self.arguments("Mutation", name))
    }

    /// A field with arguments, and all that it answers of itself.
    fn call(&mut self, of: &str, name: &str) -> String {
        let arguments = self.arguments(of, name);
        self.schema.widest(of, name, &arguments, 0)
    }

    fn arguments(&mut self, of: &str, name: &str) -> String {
        let given = self.some_of(list(&self.schema.field(of, name)["args"]), name);
        if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) }
    }

    /// Values for the required ones, and mostly for one of the others.
    fn some_of(&mut self, inputs: &'a [Value], within: &str) -> Vec<String> {
        let is_needed =
            |input: &Value| input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null();
        let others = inputs.iter().filter(|input| !is_needed(input)).count().max(1);
        let share = 1.2 / f64::from(u32::try_from(others).unwrap());
        let mut given = Vec::new();
        for input in inputs {
            if is_needed(input) || self.random.random_bool(share.min(1.0)) {
                let name = input["name"].as_str().unwrap();
                given.push(format!("{name}: {}", self.value(&input["type"], name, within)));
            }
        }
        given
    }

    /// A value of a type for an input of this name.
    fn value(&mut self, of: &'a Value, name: &str, within: &str) -> String {
        match of["kind"].as_str().unwrap() {
            "NON_NULL" => self.value(&of["ofType"], name, within),
            "LIST" => {
                let values: Vec<_> = (0..self.random.random_range(0..3))
                    .map(|_| self.value(&of["ofType"], name, within))
                    .collect();
                format!("[{}]", values.join(", "))
            }
            "ENUM" => {
                let values = list(&self.schema.named(inner(of))["enumValues"]);
                values.choose(&mut self.random).unwrap()["name"].as_str().unwrap().to_owned()
            }
            "INPUT_OBJECT" => {
                let found = self.schema.named(inner(of));
                let inputs = list(&found["inputFields"]);
                let type_name = found["name"].as_str().unwrap();
                let given = if found["isOneOf"] == true {
                    let input = inputs.choose(&mut self.random).unwrap();
                    let name = input["name"].as_str().unwrap();
                    vec![format!("{name}: {}", self.value(&input["type"], name, type_name))]
                } else {
                    self.some_of(inputs, type_name)
                };
                format!("{{ {} }}", given.join(", "))
            }
            _ => self.scalar(inner(of), name, within),
        }
    }

    fn scalar(&mut self, of: &str, name: &str, within: &str) -> String {
        let known = self.known;
        match of {
            "ID" => {
                let nouns = nouns(if name == "id" { within } else { name });
                let ids: Vec<&str> = if nouns.is_empty() {
                    known.ids().collect()
                } else {
                    nouns.iter().flat_map(|noun| known.of_noun(noun)).collect()
                };
                quoted(
                    ids.choose(&mut self.random)
                        .copied()
                        .unwrap_or("member_00000000000000000000000000000000"),
                )
            }
            "OrgNumber" => quoted(self.any(&known.org_numbers)),
            "String" if name == "after" || name == "before" => quoted(self.any(&known.cursors)),
            // A whole text, or the beginning of one of its words.
            "String" => {
                let text = self.any(&known.words);
                let word = text
                    .split(' ')
                    .collect::<Vec<_>>()
                    .choose(&mut self.random)
                    .copied()
                    .unwrap_or_default();
                let start: String = word.chars().take(self.random.random_range(1..6)).collect();
                quoted(if self.random.random_bool(0.6) { text } else { &start })
            }
            "Int" if name == "year" => self.one_of(&["2025", "2026", "2027"]),
            "Int" if name == "first" || name == "last" => self.one_of(&["1", "2", "200"]),
            "Int" => self.one_of(&["0", "1", "60", "400"]),
            "Decimal" => quoted(&self.one_of(&["0", "1.5", "3"])),
            "EmailAddress" => quoted(self.any(&known.words)),
            "Sha256" => quoted(&"0".repeat(64)),
            "Boolean" => self.one_of(&["true", "false"]),
            "Date" => quoted(&self.one_of(&[
                "2025-06-30",
                "2026-01-01",
                "2026-11-21",
                "2026-12-31",
                "2027-06-30",
            ])),
            "DateTime" => quoted(&self.one_of(&["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"])),
            "Money" => quoted(&self.one_of(&["0.01", "5000.00", "90000.00"])),
            "JSON" => "{}".to_owned(),
            _ => panic!("there is no value of {of}: add it to scalar()"),
        }
    }

    fn any(&mut self, words: &'a BTreeSet<String>) -> &'a str {
        let words: Vec<&String> = words.iter().collect();
        words.choose(&mut self.random).copied().map_or("x", String::as_str)
    }

    fn one_of(&mut self, words: &[&str]) -> String {
        (*words.choose(&mut self.random).unwrap()).to_owned()
    }
}

/// A text as GraphQL writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
