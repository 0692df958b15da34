//! Who may ask what: the table of `docs/access.txt`, with a row for each query, mutation and
//! subscription and a column for each role, and every cell of it tried.
//!
//! What somebody may see at all is told once more by [`marks`], and held against every byte of
//! every answer: whatever way is taken to a thing, through whatever fields, none that is another's
//! shows.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    audit::reads,
    auth::viewer::{Role, Viewer},
};
use serde_json::{Value, json};

use crate::{
    app::{App, Caller, on_both, runs},
    document::Schema,
    invoicing_samples::{NETWORK, with_network},
    life_samples::{deed, drafted, offered, raw, signature, signed, sql_id},
    marks,
    samples::Samples,
    served::Served,
};

/// Who asks in which column, and what the cells mean, is told there.
const TABLE: &str = include_str!("../../docs/access.txt");

/// The table: cells by row, then in the order of the columns.
pub struct Table {
    columns: Vec<&'static str>,
    pub rows: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Table {
    /// Reads the table.
    pub fn read() -> Self {
        let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
        let columns = lines.next().unwrap();
        let mut rows = BTreeMap::new();
        for cells in lines {
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
        Self { columns, rows }
    }

    /// The cells of a row, each with its column.
    pub fn row(&self, name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns.iter().copied().zip(self.rows[name].iter().copied())
    }
}

/// Whoever the column stands for, where this is the id of Alfa.
pub fn caller<'a>(app: &'a App, alfa: &str, column: &str) -> Caller<'a> {
    match column {
        "OFFICE" => app.office(),
        "FINANCE" => app.finance(),
        "BOARD" => app.board(),
        "AUDITOR" => app.auditor(),
        "LEAD:bip" => app.lead(&["bip"]),
        "LEAD:indikatorer" => app.lead(&["indikatorer"]),
        "MEMBER" => app.member(alfa),
        "NOBODY" => app.no_one(),
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

/// How each query of the table is asked, with every field that the schema has below it.
///
/// What a list has of the same type, through as many nouns, is asked for through fewer by another
/// query for it in the short form.
fn question(schema: &Schema, samples: &Samples, name: &str) -> Question {
    let widest = |arguments: &str, depth: usize| schema.widest("Query", name, arguments, depth);
    let again = runs(1, 2);
    let both = |key: &str, alfa: &str, beta: &str| {
        let by = |value: &str| format!("(by: {{ {key}: \"{value}\" }})");
        format!("{{ a: {} b: {} }}", widest(&by(alfa), again), widest(&by(beta), again))
    };
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
        "member" => (both("id", id("alfa"), id("beta")), &["REF-ALFA"], &["REF-BETA"], names),
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
        "invoices" => (one(2), &["\"8801\""], &["\"8802\""], &[]),
        "invoice" => (both("number", "8801", "8802"), &["\"8801\""], &["\"8802\""], &[]),
        "bankPayments" => (one(2), &["Betalaren Alfa"], &[], &[]),
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
            let input = format!("(input: {{ activity: \"{}\", year: 1950 }})", id("bip"));
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
        "contactExport" => {
            (format!("{{ contactExport(contact: \"{}\") }}", id("anna")), &["anna@alfa"], &[], &[])
        }
        // The test itself lets somebody read.
        "retention" => (one(1), &[], &[], &["bokföringslagen"]),
        "contactReads" => (one(2), &["anna@alfa"], &["berit@beta"], &["reader@example.se"]),
        // Allocations, of which finance reads the entries too.
        "auditLog" => {
            (format!("{{ {} }}", widest("(first: 200)", 1)), &["13571357"], &["24682468"], &[])
        }
        _ => panic!("nobody knows how to ask {name}: add it to question()"),
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
    for shown in marks::out_of_sight(column, &text) {
        expect(false, shown);
    }
    if cell == "empty" {
        expect(!marks::PUBLIC.iter().any(|mark| text.contains(mark)), "is not empty".into());
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
    // Of routes, tests/api/routes.rs says the same.
    let gone: Vec<_> =
        table.rows.keys().filter(|name| !name.starts_with('/') && !asked.contains(name)).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "the access table lacks {missing:?}, and has {gone:?}, which the schema does not"
    );
}

on_both!(queries_answer_as_the_table_says, |app| async move {
    let app = app.with(&[
        ("SAMREGISTER_MAX_DEPTH", "30"),
        ("SAMREGISTER_MAX_COMPLEXITY", "1000000000"),
        ("SAMREGISTER_MAX_ALIASES", "10000"),
    ]);
    let samples = Samples::fill(&app).await;
    crate::payment_samples::bank_payment(&app, "Betalaren Alfa", 1).await;
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
    let server = Served::start(&app).await;
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
        let mut told = BTreeSet::new();
        loop {
            let event = client.data("1").await["changes"].clone();
            if event["revision"] == last {
                break;
            }
            told.extend(event["node"]["id"].as_str().map(str::to_owned));
        }
        // Whoever sees a thing is told of it, and nobody else; the trail's own entries are no
        // things.
        for id in samples.ids().into_iter().filter(|id| !id.starts_with("audit_entry")) {
            let seen = !caller
                .ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id }))
                .await["node"]
                .is_null();
            if seen != told.contains(id) {
                wrong.push(format!(
                    "{column} {} {id} and is{} told of it",
                    if seen { "sees" } else { "does not see" },
                    if seen { " not" } else { "" }
                ));
            }
        }
        let is_published =
            |names: &[&str]| names.iter().any(|name| told.contains(samples.id(name)));
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
            wrong.push(format!("{column} ({cell}) is told of {shows:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cells are not as the table says:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
});

on_both!(deeds_are_done_for_those_that_the_table_says, |app| async move {
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
                "invoiceRun" => "count alreadyInvoiced problems { reason }",
                "personErase" => "kind revisions",
                "memberReinstate" => "member { id }",
                "memberRemove" => "memberId",
                "organisationRemove" => "organisationId",
                "agreementNoticeWithdraw" | "agreementNoticeEndDecide" => "agreement { id }",
                "periodClose" | "periodReopen" => "booksClosedThrough",
                "interestInvoiceIssue" | "refundRecord" | "refundReverse" | "invoiceWriteOff" => {
                    "invoice { id }"
                }
                "bankPaymentMarkDuplicate" => "bankPayment { id }",
                "requisitionIssue" | "requisitionWithdraw" => "requisition { id }",
                "costReverse" => "cost { id }",
                "grantReverse" => "grant { id }",
                "taxDecisionRecord" => "taxDecision { id }",
                _ => "id",
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

on_both!(who_takes_part_is_told_to_those_who_see_the_agreement, |app| async move {
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
                "{{ with: members(filter: {{ inActivity: [\"{slug}\"] }}) {{ totalCount }}
                    without: members(filter: {{ notInActivity: [\"{slug}\"] }}) {{ totalCount }} }}"
            );
            let expected = json!({ "with": { "totalCount": taking_part }, "without": { "totalCount": members - taking_part } });
            assert_eq!(*caller.query(&document).await.data(), expected, "{slug}");
        }
    }
});

/// A version of a template that can be published or retired, made by the office.
async fn version(app: &App, name: &str, permit: usize) -> String {
    let input = json!({ "slug": format!("{}-{permit}", name.to_lowercase()), "title": "Ny", "kind": "COOPERATION", "body": "Ny", "parameters": [] });
    let create = "mutation($input: TemplateCreateInput!) { templateCreate(input: $input) { versions { id } } }";
    let created = app.office().ask(create, json!({ "input": input })).await;
    let id = created["templateCreate"]["versions"][0]["id"].as_str().unwrap().to_owned();
    if name == "templateVersionRetire" {
        let publish =
            "mutation($id: ID!) { templateVersionPublish(input: { version: $id }) { id } }";
        app.office().ask(publish, json!({ "id": id })).await.data();
    }
    id
}

/// A good input of each mutation; those of later turns differ where the same again would be refused
/// or change nothing.
pub async fn input(app: &App, samples: &Samples, name: &str, permit: usize) -> Value {
    let id = |name: &str| samples.id(name);
    match name {
        "agreementDraft" => {
            // Its member leaves in the summer.
            json!({ "template": id("deltagande"), "activity": id("bip"), "counterparty": id("beta"), "startsOn": format!("2027-01-{}", permit + 10),
                "endsOn": "2027-06-30" })
        }
        "agreementDraftUpdate" => {
            json!({ "agreement": agreement(app, samples, "DRAFT", name, permit).await.0, "noticeMonths": permit })
        }
        "agreementOffer" | "agreementWithdraw" => {
            json!({ "agreement": agreement(app, samples, "DRAFT", name, permit).await.0 })
        }
        "agreementSign" => {
            let (agreement, sha256) = agreement(app, samples, "OFFERED", name, permit).await;
            signature(app, &agreement, "NETWORK", &sha256)
        }
        "agreementGiveNotice" => {
            json!({ "agreement": agreement(app, samples, "SIGNED", name, permit).await.0, "givenOn": "2026-11-21" })
        }
        "agreementNoticeWithdraw" => {
            let id = agreement(app, samples, "SIGNED", name, permit).await.0;
            deed(
                &app.office(),
                "agreementGiveNotice",
                json!({ "agreement": id, "givenOn": "2026-11-21" }),
                "id",
            )
            .await
            .data();
            json!({ "agreementId": id })
        }
        "agreementNoticeEndDecide" => {
            let id = told_by_the_rule_of_before(app, samples, permit).await;
            json!({ "agreementId": id, "endsOn": "2027-03-31" })
        }
        "agreementReplace" => {
            json!({ "agreement": agreement(app, samples, "SIGNED", name, permit).await.0, "startsOn": "2028-01-01" })
        }
        "memberAdmit" => json!({ "name": format!("Ny {permit}"), "joinedOn": "2027-01-01" }),
        "memberUpdate" => json!({ "member": id("beta"), "county": format!("Län {permit}") }),
        "memberLeave" => {
            json!({ "member": id("alfa"), "leftOn": "2027-12-31", "endAgreements": true })
        }
        "memberReinstate" => json!({ "memberId": left(app, permit).await }),
        "memberRemove" => {
            let new = json!({ "name": format!("Fel {permit}"), "joinedOn": "2027-01-01" });
            json!({ "memberId": deed(&app.office(), "memberAdmit", new, "id").await["memberAdmit"]["id"] })
        }
        "organisationRemove" => {
            let new = deed(
                &app.office(),
                "organisationAdd",
                json!({ "name": format!("Fel {permit}") }),
                "id",
            )
            .await;
            json!({ "organisationId": new["organisationAdd"]["id"] })
        }
        // Before alfa leaves by the deed above.
        "memberMerge" => {
            json!({ "into": id("alfa"), "from": [id("beta")], "leftOn": "2027-06-30", "endAgreements": true })
        }
        "allocationSet" => {
            json!({ "member": id("alfa"), "year": 2030, "amount": format!("{permit}.00") })
        }
        "contactAdd" => {
            json!({ "member": id("alfa"), "role": "CHAIR", "name": format!("Ny {permit}") })
        }
        "contactUpdate" => {
            json!({ "contact": id("anna"), "phone": format!("070-174 06 {}", 20 + permit) })
        }
        "contactErase" => json!({ "contact": id("berit") }),
        "personErase" => {
            let billing = json!({ "organisation": id("gamma"), "billing": { "buyerReference": format!("Ref {permit}") } });
            deed(&app.office(), "organisationUpdate", billing, "id").await.data();
            json!({ "billingOfOrganisationId": id("gamma") })
        }
        "organisationAdd" => json!({ "name": format!("Ny {permit}") }),
        "organisationUpdate" => {
            json!({ "organisation": id("gamma"), "name": format!("Gamma {permit}") })
        }
        "activityStart" => {
            json!({ "slug": format!("ny-{permit}"), "name": "Ny", "funding": ["VOLUNTEER"], "startsOn": "2027-01-01" })
        }
        "activityUpdate" => json!({ "activity": id("bip"), "goal": format!("Mål {permit}") }),
        "activityClose" => json!({ "activity": id("indikatorer"), "endsOn": "2040-12-31" }),
        "feeScheduleSet" => {
            json!({ "activity": id("bip"), "validFrom": format!("{}-01-01", 2030 + permit), "basis": "FIXED_PER_YEAR", "amount": "1", "vatRate": "STANDARD_25" })
        }
        "networkFeeSet" => {
            json!({ "validFrom": format!("{}-01-01", 2030 + permit), "basis": "FIXED_PER_YEAR", "amount": "1", "vatRate": "STANDARD_25" })
        }
        _ if name.starts_with("refund") || name == "invoiceWriteOff" => {
            crate::payment_samples::input(app, id("faktura beta"), name, permit).await
        }
        _ if name.starts_with("invoice") && name != "invoiceRemind" => {
            crate::invoicing_samples::input(app, id("alfa"), name, permit).await
        }
        _ if name.contains("ayment") || name == "invoiceRemind" => {
            crate::payment_samples::input(app, id("faktura beta"), name, permit).await
        }
        "interestInvoiceIssue" => {
            // Late since February, of imported history; each of its own day.
            json!({ "invoiceId": id("faktura beta"), "until": format!("2026-06-{}", 10 + permit) })
        }
        "requisitionIssue" => {
            let funder = id("gamma");
            crate::requisitions::input(
                &crate::requisitions::grant(app, &format!("bidrag-{permit}"), funder).await,
            )
        }
        "requisitionWithdraw" => {
            let new = crate::requisitions::input(
                &crate::requisitions::grant(app, &format!("atertagen-{permit}"), id("gamma")).await,
            );
            let issued = app.finance().does("requisitionIssue", "requisition { id }", new).await;
            json!({ "requisitionId": issued["requisitionIssue"]["requisition"]["id"], "reason": "Fel belopp" })
        }
        "taxDecisionRecord" => {
            json!({ "fee": "MEMBERSHIP_FEE", "validFrom": "2040-01-01", "vatRate": "OUTSIDE_SCOPE", "decidedOn": "2026-11-20",
                "reference": format!("Styrelsen § {permit}") })
        }
        "referenceRateSet" => {
            json!({ "validFrom": format!("{}-01-01", 2030 + permit), "percent": 2.5, "source": "SFS" })
        }
        "periodClose" => json!({ "through": format!("2019-12-{:02}", permit + 1) }),
        "periodReopen" => {
            // The day must be closed, and may be already.
            app.office()
                .does("periodClose", "booksClosedThrough", json!({ "through": "2019-12-31" }))
                .await;
            json!({ "from": format!("2019-12-{:02}", 25 - permit), "reason": "x" })
        }
        "costRecord" => {
            json!({ "activity": id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "x" })
        }
        "grantRecord" => {
            json!({ "activity": id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "funder": "x" })
        }
        "costReverse" => {
            json!({ "costId": booked(app, samples, "cost", "description", permit).await, "reason": "x" })
        }
        "grantReverse" => {
            json!({ "grantId": booked(app, samples, "grant", "funder", permit).await, "reason": "x" })
        }
        "deadlineAcknowledge" => {
            json!({ "agreement": id(["avtal alfa", "avtal beta"][permit % 2]), "until": "2026-11-30" })
        }
        "deadlineAcknowledgementWithdraw" => {
            json!({ "agreement": id(["avtal alfa", "avtal beta"][permit % 2]) })
        }
        "statusReportFile" => {
            json!({ "activity": id("bip"), "period": format!("2026-{permit}"), "health": "GREEN", "summary": "x" })
        }
        "templateCreate" => {
            json!({ "slug": format!("ny-{permit}"), "title": "Ny", "kind": "COOPERATION", "body": "Ny", "parameters": [] })
        }
        "templateVersionDraft" => {
            json!({ "template": id("deltagande"), "body": format!("Text {permit}") })
        }
        "templateVersionPublish" | "templateVersionRetire" => {
            json!({ "version": version(app, name, permit).await })
        }
        _ => panic!("nobody knows how to do {name}: add it to input()"),
    }
}

/// The id of a cost or a grant that was just booked.
async fn booked(app: &App, samples: &Samples, noun: &str, text: &str, permit: usize) -> Value {
    let day = format!("2026-07-{:02}", permit + 1);
    let input =
        json!({ "activity": samples.id("bip"), "bookedOn": day, "amount": "1.00", text: "x" });
    app.office().does(&format!("{noun}Record"), "id", input).await.data();
    let list = format!(
        "{{ {noun}s(filter: {{ from: \"{day}\", to: \"{day}\", status: STANDING }}) {{ nodes {{ id }} }} }}"
    );
    app.office().query(&list).await[format!("{noun}s").as_str()]["nodes"][0]["id"].clone()
}

/// A member that is to leave.
async fn left(app: &App, permit: usize) -> Value {
    let new = json!({ "name": format!("Åter {permit}"), "joinedOn": "2020-01-01" });
    let member = deed(&app.office(), "memberAdmit", new, "id").await["memberAdmit"]["id"].clone();
    deed(&app.office(), "memberLeave", json!({ "member": member, "leftOn": "2026-12-31" }), "id")
        .await
        .data();
    member
}

/// An agreement with a notice that ends it on the day that the rule of before gave: a day before
/// its quarter does.
async fn told_by_the_rule_of_before(app: &App, samples: &Samples, permit: usize) -> String {
    let member =
        json!({ "name": format!("agreementNoticeEndDecide {permit}"), "joinedOn": "2020-01-01" });
    let member =
        deed(&app.office(), "memberAdmit", member, "id").await["memberAdmit"]["id"].clone();
    let input = json!({ "template": samples.id("deltagande"), "activity": samples.id("bip"), "counterparty": member,
        "startsOn": "2026-01-01", "endsOn": "2026-06-30", "renewalMonths": 3, "noticeMonths": 3 });
    let id = drafted(app, input).await;
    let (_, sha256) = offered(app, &id).await;
    signed(app, &id, &sha256).await;
    deed(
        &app.office(),
        "agreementGiveNotice",
        json!({ "agreement": id, "givenOn": "2026-11-21" }),
        "id",
    )
    .await
    .data();
    let sql =
        format!("UPDATE agreement SET ends_on = '2027-03-30' WHERE id = {}", sql_id(app, &id));
    assert_eq!(raw(app, &sql).await.unwrap(), 1);
    id
}

/// An agreement about BIP of a member of its own, with the digest of its document.
async fn agreement(
    app: &App,
    samples: &Samples,
    status: &str,
    name: &str,
    permit: usize,
) -> (String, String) {
    let member = json!({ "name": format!("{name} {permit}"), "joinedOn": "2020-01-01" });
    let member =
        deed(&app.office(), "memberAdmit", member, "id").await["memberAdmit"]["id"].clone();
    let input = json!({ "template": samples.id("deltagande"), "activity": samples.id("bip"), "counterparty": member, "startsOn": "2026-01-01" });
    let id = drafted(app, input).await;
    if status == "DRAFT" {
        return (id, String::new());
    }
    let (_, sha256) = offered(app, &id).await;
    if status == "SIGNED" {
        signed(app, &id, &sha256).await;
    }
    (id, sha256)
}
