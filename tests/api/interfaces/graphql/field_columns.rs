//! Columns: a list reads those that its selection needs, so a field alone has the value that it has
//! with all others.

use serde_json::Value;

use crate::support::{
    app::{App, on_both},
    fixtures::Samples,
};

/// The lists, with the type of their nodes.
const LISTS: &[(&str, &str)] = &[
    ("members", "Member"),
    ("organisations", "Organisation"),
    ("contacts", "Contact"),
    ("contactAreas", "ContactArea"),
    ("activities", "Activity"),
    ("statusReports", "StatusReport"),
    ("templates", "AgreementTemplate"),
    ("agreements", "Agreement"),
    ("invoices", "Invoice"),
    ("payments", "Payment"),
    ("costs", "Cost"),
    ("grants", "Grant"),
    ("auditEntries", "AuditEntry"),
];

/// The fields of a type that need no argument, each with a selection; links are signed again.
async fn fields(app: &App, type_name: &str) -> Vec<String> {
    let document = "query($name: String!) { __type(name: $name) { fields { name
        args { defaultValue type { kind } } type { kind ofType { kind ofType { kind ofType { kind } } } } } } }";
    let answer = app.office().ask(document, serde_json::json!({ "name": type_name })).await;
    let fields = answer["__type"]["fields"].as_array().unwrap_or_else(|| panic!("{type_name}"));
    let is_object = |field: &Value| {
        let mut kind = &field["type"];
        while !kind["ofType"].is_null() {
            kind = &kind["ofType"];
        }
        ["OBJECT", "UNION", "INTERFACE"].contains(&kind["kind"].as_str().unwrap())
    };
    let needs_argument = |field: &Value| {
        field["args"].as_array().unwrap().iter().any(|argument| {
            argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null()
        })
    };
    fields
        .iter()
        .filter(|field| !needs_argument(field))
        .map(|field| (field["name"].as_str().unwrap(), is_object(field)))
        .filter(|(name, _)| !name.ends_with("Url"))
        .map(
            |(name, is_object)| {
                if is_object { format!("{name} {{ __typename }}") } else { name.to_owned() }
            },
        )
        .collect()
}

async fn nodes(app: &App, list: &str, selection: &str) -> Vec<Value> {
    let document = format!("{{ {list}(first: 20) {{ nodes {{ {selection} }} }} }}");
    app.office().query(&document).await[list]["nodes"].as_array().unwrap().clone()
}

on_both!(a_field_alone_has_the_value_that_it_has_with_all_others, |app| async move {
    Samples::fill(&app).await;
    for (list, type_name) in LISTS {
        let fields = fields(&app, type_name).await;
        assert!(fields.len() > 3, "{type_name} has {} fields", fields.len());
        let all = nodes(&app, list, &fields.join(" ")).await;
        assert!(!all.is_empty(), "{list} is empty");
        for field in fields {
            let name = field.split(' ').next().unwrap();
            let alone = nodes(&app, list, &field).await;
            let of_all: Vec<_> = all.iter().map(|node| &node[name]).collect();
            let of_alone: Vec<_> = alone.iter().map(|node| &node[name]).collect();
            assert_eq!(of_alone, of_all, "{type_name}.{name}");
        }
    }
});
