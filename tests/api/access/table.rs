//! Access to the API: the table of `docs/access.txt`, with a row for each query, mutation and
//! subscription and a column for each role; every cell of it is tried.
//!
//! [`canaries`] states independently what a viewer may see. Every byte of every answer is compared
//! with it: no path of fields shows data that the viewer may not see.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    audit::reads,
    auth::viewer::{Role, Viewer},
};
use serde_json::{Value, json};

use crate::{
    access::inputs::input,
    support::{
        app::{App, on_both, runs},
        caller::Caller,
        canaries,
        fixtures::Samples,
        http_server::HttpServer,
        invoicing_fixtures::{NETWORK, with_network},
        schema_documents::Schema,
    },
};

/// The access table, which explains its columns and cells.
const TABLE: &str = include_str!("../../../docs/access.txt");

/// The column that names the public aggregates below a query, and may be empty.
const AGGREGATES: &str = "AGGREGATES";

/// The table: cells by row, then in the order of the columns.
pub struct Table {
    columns: Vec<&'static str>,
    pub rows: BTreeMap<&'static str, Vec<&'static str>>,
    /// The fields that everyone with a token may see, though they depend on what a viewer may not
    /// see, as `Coverage.share`.
    pub aggregates: BTreeSet<&'static str>,
}

impl Table {
    /// Reads the table.
    pub fn read() -> Self {
        let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut columns = lines.next().unwrap();
        assert_eq!(columns.pop(), Some(AGGREGATES), "the last column of docs/access.txt");
        let (mut rows, mut aggregates) = (BTreeMap::new(), BTreeSet::new());
        for mut cells in lines {
            if cells.len() == columns.len() + 2 {
                aggregates.extend(cells.pop().unwrap_or_default().split(','));
            }
            assert_eq!(
                cells.len(),
                columns.len() + 1,
                "the row {} of docs/access.txt is too short or too long",
                cells[0]
            );
            assert!(
                rows.insert(cells[0], cells[1..].to_vec()).is_none(),
                "docs/access.txt has {} twice",
                cells[0]
            );
        }
        Self { columns, rows, aggregates }
    }

    /// The cells of a row, each with its column.
    pub fn row(&self, name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns.iter().copied().zip(self.rows[name].iter().copied())
    }
}

/// The caller that the column stands for, where this is the id of Alfa.
pub fn caller<'a>(app: &'a App, alfa: &str, column: &str) -> Caller<'a> {
    match column {
        "OFFICE" => app.office(),
        "FINANCE" => app.finance(),
        "BOARD" => app.board(),
        "AUDITOR" => app.auditor(),
        "LEAD:bip" => app.lead(&["bip"]),
        "LEAD:indikatorer" => app.lead(&["indikatorer"]),
        "MEMBER" => app.member(alfa),
        "ANONYMOUS" => app.no_one(),
        scope => app.service(
            &scope
                .strip_suffix('+')
                .map_or_else(|| format!("{scope}:read"), |resource| format!("{resource}:write")),
        ),
    }
}

/// A query of the table: how it is asked, and the marks of Alfa's and of Beta's things that it is
/// about.
struct Question {
    document: String,
    variables: Value,
    /// Of each, any shows that it is there.
    alfa: &'static [&'static str],
    beta: &'static [&'static str],
    public: &'static [&'static str],
}

/// Returns the document that finds two objects by the values of a key.
fn both_by(schema: &Schema, name: &str, key: &str, values: [&str; 2]) -> String {
    let [alfa, beta] = values.map(|value| {
        let by = format!("(by: {{ {key}: \"{value}\" }})");
        schema.widest("Query", name, &by, runs(1, 2))
    });
    format!("{{ a: {alfa} b: {beta} }}")
}

/// Returns the document of a query of the table, with every field that the schema has below it.
///
/// Fields of the same type that a list reaches through as many nouns are selected by another
/// query for it in the short form, through fewer.
fn question(schema: &Schema, samples: &Samples, name: &str) -> Question {
    let widest = |arguments: &str, depth: usize| schema.widest("Query", name, arguments, depth);
    let again = runs(1, 2);
    let both = |key: &str, alfa: &str, beta: &str| both_by(schema, name, key, [alfa, beta]);
    let (id, one) =
        (|name: &str| samples.id(name), |depth: usize| format!("{{ {} }}", widest("", depth)));
    let names = &["Samordningsförbundet Alfa", "Samordningsförbundet Beta"];
    let (document, alfa, beta, public): (_, &'static [_], &'static [_], &'static [_]) = match name {
        "node" => {
            let each = samples
                .ids()
                .into_iter()
                .enumerate()
                .map(|(position, id)| format!("n{position}: {} ", schema.node(id, 1)));
            (
                format!("{{ {} }}", each.collect::<String>()),
                &["REF-ALFA"],
                &["REF-BETA"],
                &["Uppföljning", "Kurser"],
            )
        }
        "nodes" => {
            let ids: Vec<_> = samples.ids().into_iter().map(|id| format!("\"{id}\"")).collect();
            (
                format!("{{ {} }}", widest(&format!("(ids: [{}])", ids.join(", ")), 0)),
                &["REF-ALFA"],
                &["REF-BETA"],
                &["Uppföljning", "Kurser"],
            )
        }
        "viewer" => (one(2), &["REF-ALFA"], &["REF-BETA"], &["@example.se"]),
        "members" => (one(2), &["REF-ALFA"], &["REF-BETA"], names),
        "memberCount" => (one(0), &[], &[], &["\"memberCount\":2"]),
        "member" => (both("id", id("alfa"), id("beta")), &["REF-ALFA"], &["REF-BETA"], names),
        "organisations" => (one(2), &["Konsult Gamma"], &[], &[]),
        "organisation" => (
            format!("{{ {} }}", widest("(by: { orgNumber: \"802555-0008\" })", 2)),
            &["Konsult Gamma"],
            &[],
            &[],
        ),
        "contacts" => (one(2), &["anna@alfa"], &["berit@beta"], &[]),
        "contactAreas" => (one(2), &["REF-ALFA"], &["REF-BETA"], &["Södra"]),
        "decisions" => (one(2), &["2026-7001"], &["2026-7002"], &["Uppföljning", "Kurser"]),
        "statusReports" => (one(0), &[], &[], &["Läget i den första"]),
        "activities" => (one(2), &["2026-7001"], &["2026-7002"], &["Uppföljning", "Kurser"]),
        "activity" => (
            both("slug", "bip", "indikatorer"),
            &["2026-7001"],
            &["2026-7002"],
            &["Uppföljning", "Kurser"],
        ),
        "agreements" => (one(2), &["2026-7001"], &["2026-7002"], &[]),
        "expiringAgreements" => (one(again), &["2026-7001"], &["2026-7002"], &[]),
        // Of the samples, Gamma's agreement alone has no template.
        "templateConsistency" => (one(2), &["2026-7003"], &[], &[]),
        "activityMatrix" => {
            let arguments = "(asOf: \"2026-11-21\", comparedTo: \"2026-01-31\")";
            (format!("{{ {} }}", widest(arguments, 2)), &["2026-7001"], &["2026-7002"], names)
        }
        "agreement" => {
            (both("number", "2026-7001", "2026-7002"), &["2026-7001"], &["2026-7002"], &[])
        }
        "templates" => (one(2), &["Hemligt avtal"], &["Hemlig avtalstext"], &["Öppen avtalstext"]),
        "template" => (
            both("slug", "deltagande", "nytt"),
            &["Hemligt avtal"],
            &["Hemlig avtalstext"],
            &["Öppen avtalstext"],
        ),
        "templatePlaceholders" => (one(1), &[], &[], &["member.org_number"]),
        "templateFilters" => (one(1), &[], &[], &["tal_i_ord"]),
        "enumLabels" => (one(2), &[], &[], &["Uppsagt"]),
        _ => return question_of_economy(schema, samples, name),
    };
    Question { document, variables: json!({}), alfa, beta, public }
}

/// Returns the document of a query of invoices, payments, revenue or the audit trail.
fn question_of_economy(schema: &Schema, samples: &Samples, name: &str) -> Question {
    let widest = |arguments: &str, depth: usize| schema.widest("Query", name, arguments, depth);
    let again = runs(1, 2);
    let both = |key: &str, alfa: &str, beta: &str| both_by(schema, name, key, [alfa, beta]);
    let (id, one) =
        (|name: &str| samples.id(name), |depth: usize| format!("{{ {} }}", widest("", depth)));
    let (document, alfa, beta, public): (_, &'static [_], &'static [_], &'static [_]) = match name {
        "invoices" => (one(2), &["\"8801\""], &["\"8802\""], &[]),
        "invoice" => (both("number", "8801", "8802"), &["\"8801\""], &["\"8802\""], &[]),
        "bankPayments" => (one(2), &["Betalaren Alfa"], &[], &[]),
        "payments" => (one(2), &["BG-ALFA"], &["BG-BETA"], &[]),
        // The samples have none; tests/api/economy/invoices/ has those of several buyers.
        "refunds" | "reminders" | "documents" | "archivedDocuments" | "archivedDocumentReads" => {
            (one(1), &[], &[], &[])
        }
        "diary" => (one(0), &["2026-7001", "\"8801\""], &["2026-7002", "\"8802\""], &[]),
        "revenue" => {
            let input = "(input: { from: \"2026-01-01\", to: \"2026-12-31\", committed: true, groupBy: [ACTIVITY, MEMBER, YEAR, QUARTER, MONTH] })";
            (format!("{{ {} }}", widest(input, 2)), &["11311.31"], &["22422.42"], &[])
        }
        "costs" => (one(2), &["3333.31"], &["4444.41"], &[]),
        "grants" => (one(2), &["5555.51"], &["6666.61"], &[]),
        "revenueForecast" => {
            (format!("{{ {} }}", widest("(year: 2027)", again)), &["12121.21"], &["1936.03"], &[])
        }
        "invoiceRunPreview" => {
            let input = format!("(input: {{ activityId: \"{}\", year: 1950 }})", id("bip"));
            (format!("{{ {} }}", widest(&input, 1)), &[], &[], &["problems"])
        }
        "agreementNoticeEnds" => (one(1), &[], &[], &["agreementNoticeEnds"]),
        "serviceFeeScenario" => (
            format!("{{ {} }}", widest("(input: { year: 2026, perMille: 2 })", 2)),
            &["13571357"],
            &["24682468"],
            &[],
        ),
        "revision" => ("{ revision }".to_owned(), &[], &[], &["\"revision\""]),
        "networkFees" => (one(1), &[], &[], &["PER_MILLE_OF_ALLOCATION"]),
        "taxDecisions" => (one(0), &[], &[], &["Styrelsen § 7"]),
        "booksClosedThrough" => {
            ("{ booksClosedThrough }".to_owned(), &[], &[], &["booksClosedThrough"])
        }
        "referenceRates" => (one(1), &[], &[], &["SFS 2025:809"]),
        "contactExport" => (
            format!("{{ contactExport(contactId: \"{}\") }}", id("anna")),
            &["anna@alfa"],
            &[],
            &[],
        ),
        // The test itself lets someone read.
        "retention" => (one(1), &[], &[], &["bokföringslagen"]),
        "contactReads" => (one(2), &["anna@alfa"], &["berit@beta"], &["reader@example.se"]),
        // Allocations, of which finance reads the entries too.
        "auditEntries" => {
            (format!("{{ {} }}", widest("(first: 200)", 1)), &["13571357"], &["24682468"], &[])
        }
        _ => panic!("there is no query for {name}: add it to question()"),
    };
    Question { document, variables: json!({}), alfa, beta, public }
}

/// Asks a question in one column, and says what is wrong with the answer.
async fn try_cell(
    app: &App,
    samples: &Samples,
    name: &str,
    question: &Question,
    column: &str,
    cell: &str,
) -> Vec<String> {
    let answer = caller(app, samples.id("alfa"), column)
        .ask(&question.document, question.variables.clone())
        .await;
    let text = answer.text();
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{name} for {column} ({cell}): {what}"));
        }
    };
    if cell == "token" {
        expect(
            answer.status == 401 && answer.code() == "UNAUTHENTICATED",
            format!("is answered {}", &text[..text.len().min(300)]),
        );
        return wrong;
    }
    if cell == "no" {
        expect(
            answer.code() == "FORBIDDEN",
            format!("is answered {}", &text[..text.len().min(300)]),
        );
        return wrong;
    }
    expect(
        answer.errors().is_empty(),
        format!(
            "has errors: {}",
            serde_json::to_string(answer.errors())
                .unwrap_or_default()
                .chars()
                .take(600)
                .collect::<String>()
        ),
    );
    let shows = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    let (alfa, beta, public) = match cell {
        "all" => (true, true, true),
        "own" => (true, false, true),
        "other" => (false, true, true),
        "public" => (false, false, true),
        "empty" => (false, false, false),
        _ => panic!("{name} has the cell {cell}, which no query can have"),
    };
    for (marks, there, whose) in [(question.alfa, alfa, "Alfa's"), (question.beta, beta, "Beta's")]
    {
        if !marks.is_empty() {
            expect(
                shows(marks) == there,
                format!("{whose} {marks:?} {}", if there { "is missing" } else { "shows" }),
            );
        }
    }
    if !question.public.is_empty() {
        expect(
            shows(question.public) == public,
            format!("{:?} {}", question.public, if public { "is missing" } else { "shows" }),
        );
    }
    for shown in canaries::out_of_sight(column, &text) {
        expect(false, shown);
    }
    if cell == "empty" {
        expect(!canaries::PUBLIC.iter().any(|mark| text.contains(mark)), "is not empty".into());
    }
    wrong
}

#[tokio::test]
async fn the_table_has_a_row_for_each_query_mutation_and_subscription() {
    let schema = Schema::of_program().await;
    let table = Table::read();
    let asked: Vec<_> = ["Query", "Mutation", "Subscription"]
        .into_iter()
        .flat_map(|name| schema.field_names(name))
        .collect();
    let missing: Vec<_> = asked.iter().filter(|name| !table.rows.contains_key(*name)).collect();
    // Of routes, tests/api/access/routes.rs says the same.
    let gone: Vec<_> =
        table.rows.keys().filter(|name| !name.starts_with('/') && !asked.contains(name)).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "the access table lacks {missing:?}, and has {gone:?}, which the schema does not"
    );
}

#[tokio::test]
async fn public_aggregates_are_fields_of_the_schema() {
    let schema = Schema::of_program().await;
    for aggregate in Table::read().aggregates {
        let (of, name) = aggregate.split_once('.').unwrap();
        assert!(schema.field_names(of).contains(&name), "there is no field {aggregate}");
    }
}

on_both!(queries_answer_as_the_table_says, |app| async move {
    let app = app.with(&[
        ("SAMREGISTER_MAX_DEPTH", "30"),
        ("SAMREGISTER_MAX_COMPLEXITY", "1000000000"),
        ("SAMREGISTER_MAX_ALIASES", "10000"),
    ]);
    let samples = Samples::fill(&app).await;
    crate::support::payment_fixtures::bank_payment(&app, "Betalaren Alfa", 1).await;
    samples.add_decisions(&app).await;
    let reader = Viewer {
        subject: "reader@example.se".into(),
        roles: vec![Role::Board],
        ..Viewer::default()
    };
    app.viewer(reader).query("{ members { nodes { contacts { email } } } }").await.data();
    reads::write(&app.db).await.unwrap();
    let (schema, table) = (Schema::of_program().await, Table::read());
    let before = app.revision().await;
    let mut wrong = Vec::new();
    for name in schema.field_names("Query") {
        let question = question(&schema, &samples, name);
        for (column, cell) in table.row(name) {
            wrong.extend(try_cell(&app, &samples, name, &question, column, cell).await);
        }
    }
    assert_eq!(app.revision().await, before, "asking changed something");
    assert!(
        wrong.is_empty(),
        "{} cells are not as the table says:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
});

on_both!(events_come_as_the_table_says, |app| async move {
    let samples = Samples::fill(&app).await;
    let (schema, table) = (Schema::of_program().await, Table::read());
    let server = HttpServer::start(&app).await;
    assert_eq!(schema.field_names("Subscription"), ["changes"]);
    let rate = json!({ "validFrom": "2030-01-01", "percent": 2.5, "source": "SFS" });
    app.office().does("referenceRateSet", "id", rate).await.data();
    let last = app.revision().await.to_string();
    let mut wrong = Vec::new();
    for (column, cell) in table.row("changes") {
        let caller = caller(&app, samples.id("alfa"), column);
        if cell == "token" {
            let mut client = server.connect().await;
            client.say(json!({ "type": "connection_init" })).await;
            assert_eq!(client.end().await.0, 4403, "{column}");
            continue;
        }
        let mut client = server.client(&caller).await;
        client
            .subscribe(
                "1",
                "subscription { changes(after: \"0\") { revision action node { id } } }",
            )
            .await;
        let mut reported = BTreeSet::new();
        loop {
            let event = client.data("1").await["changes"].clone();
            if event["revision"] == last {
                break;
            }
            reported.extend(event["node"]["id"].as_str().map(str::to_owned));
        }
        // Everyone who sees a record gets its events, and no one else; the trail's own entries are
        // no things.
        for id in samples.ids().into_iter().filter(|id| !id.starts_with("audit_entry")) {
            let seen = !caller
                .ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id }))
                .await["node"]
                .is_null();
            if seen != reported.contains(id) {
                wrong.push(format!(
                    "{column} {} {id} and gets {} events of it",
                    if seen { "sees" } else { "does not see" },
                    if seen { "no" } else { "the" }
                ));
            }
        }
        let is_published =
            |names: &[&str]| names.iter().any(|name| reported.contains(samples.id(name)));
        let shows = (
            is_published(&["avtal alfa", "faktura alfa", "anna"]),
            is_published(&["avtal beta", "faktura beta", "berit"]),
            is_published(&["bip"]),
        );
        let expected = match cell {
            "all" => (true, true, true),
            "own" => (true, false, true),
            "other" => (false, true, true),
            "public" => (false, false, true),
            _ => panic!("changes has the cell {cell}, which no subscription can have"),
        };
        if shows != expected {
            wrong.push(format!("{column} ({cell}) gets {shows:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cells are not as the table says:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
});

on_both!(mutations_are_applied_for_the_roles_of_the_table, |app| async move {
    let (app, _folder) = with_network(&app, NETWORK);
    let samples = Samples::fill(&app).await;
    let (schema, table) = (Schema::of_program().await, Table::read());
    let mut wrong = Vec::new();
    for name in schema.field_names("Mutation") {
        // Those who may not try first, so that what they try is there to be changed.
        let mut cells: Vec<_> = table.row(name).collect();
        cells.sort_by_key(|(_, cell)| *cell == "may");
        let mut good = None;
        for (permit, (column, cell)) in cells.into_iter().enumerate() {
            let input = match &good {
                Some(good) if cell != "may" => Value::clone(good),
                _ => input(&app, &samples, name, permit).await,
            };
            good = Some(input.clone());
            let before = app.revision().await;
            let selection = match name {
                "invoiceRun" => {
                    "invoiceRun { invoiceCount alreadyInvoicedCount problems { reason } }"
                        .to_owned()
                }
                _ => schema.payload(name),
            };
            let document = format!(
                "mutation($input: {}{}Input!) {{ {name}(input: $input) {{ {selection} }} }}",
                name[..1].to_uppercase(),
                &name[1..]
            );
            let answer = caller(&app, samples.id("alfa"), column)
                .ask(&document, json!({ "input": input }))
                .await;
            let said = answer
                .errors()
                .first()
                .map_or("done", |error| error["extensions"]["code"].as_str().unwrap_or("?"));
            let expected = match cell {
                "may" => "done",
                "no" => "FORBIDDEN",
                "token" => "UNAUTHENTICATED",
                _ => panic!("{name} has the cell {cell}, which no mutation can have"),
            };
            let changed = app.revision().await != before;
            if said != expected || changed != (cell == "may") {
                wrong.push(format!(
                    "{name} for {column} ({cell}): {said}{}: {}",
                    if changed { ", and changed something" } else { "" },
                    answer.text()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cells are not as the table says:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
});

on_both!(participants_are_shown_to_those_who_see_the_agreement, |app| async move {
    let samples = Samples::fill(&app).await;
    for (caller, members, in_bip, in_indikatorer) in [
        (app.office(), 2, 1, 1),
        (app.lead(&["bip"]), 2, 1, 0),
        (app.member(samples.id("alfa")), 1, 1, 0),
        (app.service("members:read"), 2, 0, 0),
        (app.service("members:read agreements:read"), 2, 1, 1),
    ] {
        for (slug, taking_part) in [("bip", in_bip), ("indikatorer", in_indikatorer)] {
            let document = format!(
                "{{ with: members(filter: {{ inActivitySlugs: [\"{slug}\"] }}) {{ totalCount }}
                    without: members(filter: {{ notInActivitySlugs: [\"{slug}\"] }}) {{ totalCount }} }}"
            );
            let expected = json!({ "with": { "totalCount": taking_part }, "without": { "totalCount": members - taking_part } });
            assert_eq!(*caller.query(&document).await.data(), expected, "{slug}");
        }
    }
});
