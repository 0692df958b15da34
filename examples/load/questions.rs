//! The dearest documents within the limits, with what each role's own register has.

use serde_json::{Value, json};

use super::{Client, Failure};

/// Requests sent next to hostile ones: name, role and path or document.
pub const PROBES: [(&str, &str, &str); 5] = [
    ("/healthz", "OFFICE", "/healthz"),
    ("/readyz", "OFFICE", "/readyz"),
    ("/metrics", "OFFICE", "/metrics"),
    ("OFFICE: its own name", "OFFICE", "{ viewer { subject } }"),
    (
        "OFFICE: ten members with their agreements",
        "OFFICE",
        "{ members(first: 10) { nodes { name agreements(first: 3) { nodes { number status } } } } }",
    ),
];

/// A document with its name and variables.
pub type Question = (String, String, Value);

/// The documents that cost most, as large as the limits let them be.
pub fn dear(client: &mut Client) -> Result<Vec<Question>, Failure> {
    let found = client.ask("{ templates(first: 20) { nodes { versions { id parameters { name type } } } } agreements(first: 100) { nodes { id document { pdfUrl } } } drafts: agreements(first: 20, filter: { status: DRAFT }) { nodes { id } } }", json!({}), false)?;
    let data = &found.json["data"];
    let own = [previews(&data["templates"]), stored_documents(data)];
    Ok(own.into_iter().chain([lists(), reports()]).flatten().collect())
}

/// Previews of the version of a template that has the fewest parameters.
fn previews(templates: &Value) -> Vec<Question> {
    let mut questions = Vec::new();
    let mut add = |name: &str, document: String, variables: Value| {
        questions.push((name.to_owned(), document, variables))
    };
    let versions = templates["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|template| template["versions"].as_array().into_iter().flatten());
    if let Some(version) =
        versions.min_by_key(|version| version["parameters"].as_array().map_or(0, Vec::len))
    {
        let parameters = version["parameters"].as_array().into_iter().flatten().map(|parameter| {
            let value = match parameter["type"].as_str().unwrap_or_default() {
                "DATE" => json!("2027-01-01"),
                "MONEY" => json!("1.00"),
                "INTEGER" => json!(1),
                "BOOLEAN" => json!(true),
                _ => json!("x"),
            };
            (parameter["name"].as_str().unwrap_or_default().to_owned(), value)
        });
        let parameters = Value::Object(parameters.collect());
        for (aliases, ids) in [(50, 100), (1, 100), (1, 25)] {
            let fields = repeat(aliases, "nodes(ids: $ids) { ...F }");
            let document = format!(
                "query($ids: [ID!]!, $p: JSON!) {{ {fields} }} fragment F on AgreementTemplateVersion {{ preview(parameters: $p) {{ html }} }}"
            );
            add(
                &format!("{aliases} x nodes of {ids} template previews"),
                document,
                json!({ "ids": vec![version["id"].clone(); ids], "p": parameters }),
            );
        }
        let document = "query($ids: [ID!]!, $p: JSON!) { nodes(ids: $ids) { ... on AgreementTemplateVersion { preview(parameters: $p) { sha256 } } } }";
        add(
            "PDF of a template preview",
            document.to_owned(),
            json!({ "ids": [version["id"]], "p": parameters }),
        );
    }
    questions
}

/// Documents and previews of agreements.
fn stored_documents(data: &Value) -> Vec<Question> {
    let mut questions = Vec::new();
    let mut add = |name: &str, document: String, variables: Value| {
        questions.push((name.to_owned(), document, variables))
    };
    let ids = |list: &Value, has: &str| -> Vec<Value> {
        let rows = list["nodes"].as_array().into_iter().flatten();
        rows.filter(|row| has.is_empty() || !row[has].is_null())
            .map(|row| row["id"].clone())
            .collect()
    };
    let documents = ids(&data["agreements"], "document");
    if !documents.is_empty() {
        for aliases in [50, 8] {
            let ids: Vec<_> = documents.iter().cycle().take(100).cloned().collect();
            let document = format!(
                "query($ids: [ID!]!) {{ {} }} fragment F on Agreement {{ document {{ html }} }}",
                repeat(aliases, "nodes(ids: $ids) { ...F }")
            );
            add(
                &format!("{aliases} x nodes of 100 kept documents"),
                document,
                json!({ "ids": ids }),
            );
        }
    }
    let drafts = ids(&data["drafts"], "");
    if !drafts.is_empty() {
        let document =
            "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Agreement { preview { html } } } }";
        add(
            "nodes of 100 agreement previews",
            document.to_owned(),
            json!({ "ids": drafts.iter().cycle().take(100).collect::<Vec<_>>() }),
        );
    }
    questions
}

/// Long lists, and totals of many.
fn lists() -> Vec<Question> {
    let mut questions = Vec::new();
    let mut add =
        |name: &str, document: String| questions.push((name.to_owned(), document, json!({})));
    add(
        "200 x members by search",
        format!(
            "{{ {} }}",
            repeat(200, "members(filter: { search: \"samordning\" }) { totalCount }")
        ),
    );
    add(
        "100 x agreements by search",
        format!(
            "{{ {} }}",
            repeat(100, "agreements(filter: { search: \"finsam\" }) { totalCount nodes { id } }")
        ),
    );
    add("200 x totalCount of members", format!("{{ {} }}", repeat(200, "members { totalCount }")));
    add(
        "200 x totalCount of invoices",
        format!("{{ {} }}", repeat(200, "invoices { totalCount }")),
    );
    add(
        "members x agreements",
        "{ members(first: 190) { nodes { name orgNumber county agreements(first: 50) { nodes { number status startsOn termEndsOn } } } } }"
            .to_owned(),
    );
    add(
        "members x contacts x invoices",
        "{ members(first: 200) { nodes { name contacts { name email } invoices(first: 20) { nodes { number total } } } } }".to_owned(),
    );
    questions
}

/// Matrices, reports, and lists of what was calculated.
fn reports() -> Vec<Question> {
    let mut questions = Vec::new();
    let mut add =
        |name: &str, document: String| questions.push((name.to_owned(), document, json!({})));
    add("activity matrix", "{ activityMatrix(comparedTo: \"2025-01-01\") { activities { activity { name } coverage { memberCount share notConnected { name } } trend { joined { name } left { name } } } rows(first: 200) { nodes { member { name } cells { number status } } } } }".to_owned());
    add(
        "20 x activity matrix trends",
        format!(
            "{{ {} }}",
            repeat(
                20,
                "activityMatrix(comparedTo: \"2025-01-01\") { activities { trend { joinedCount leftCount } } }"
            )
        ),
    );
    add(
        "60 x revenue",
        format!(
            "{{ {} }}",
            repeat(
                60,
                "revenue(input: { from: \"2020-01-01\", to: \"2026-12-31\", groupBy: [ACTIVITY, MONTH] }) { rows { net } }"
            )
        ),
    );
    add(
        "60 x revenue forecast",
        format!("{{ {} }}", repeat(60, "revenueForecast(year: 2027) { rows { net } }")),
    );
    add(
        "50 x fee scenario",
        format!(
            "{{ {} }}",
            repeat(
                50,
                "serviceFeeScenario(input: { year: 2026, perMille: 2 }) { missing { name } }"
            )
        ),
    );
    add("50 x consistency", format!("{{ {} }}", repeat(50, "templateConsistency { totalCount }")));
    add(
        "50 x deadlines",
        format!("{{ {} }}", repeat(50, "expiringAgreements(withinDays: 3650) { totalCount }")),
    );
    add(
        "audit entries",
        "{ auditEntries(first: 200) { nodes { revision before after } } }".to_owned(),
    );
    add(
        "30 x audit entries",
        format!("{{ {} }}", repeat(30, "auditEntries(first: 200) { nodes { before after } }")),
    );
    add(
        "50 x break-even",
        format!(
            "{{ activities(first: 20) {{ nodes {{ {} }} }} }}",
            repeat(50, "breakEven(year: 2026) { __typename }")
        ),
    );
    add(
        "40 000 names",
        format!("{{ members(first: 200) {{ nodes {{ {} }} }} }}", repeat(199, "name")),
    );
    questions
}

/// The field so many times, each under a name of its own.
fn repeat(times: usize, field: &str) -> String {
    (0..times).map(|position| format!("a{position}: {field} ")).collect()
}
