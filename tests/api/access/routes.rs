//! Access to routes: every route of the server has a row in the table of `docs/access.txt`, and
//! every cell of it is tried.

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    access::table::{Table, caller},
    economy::invoices::requisitions,
    support::{
        app::{App, on_both},
        caller::Answer,
        canaries,
        fixtures::Samples,
        invoicing_fixtures::{self, NETWORK, course, issue, with_network},
        lifecycle_fixtures::{drafted, mutate, offered, with},
        uploads::uploaded,
        validators,
    },
};

/// The routes, as `src/http` gives them to the router.
fn routes() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut folders = vec![folder];
    let mut routes = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(path).unwrap();
                routes.extend(
                    text.split(".route(\"")
                        .skip(1)
                        .map(|rest| rest.split('"').next().unwrap().to_owned()),
                );
            }
        }
    }
    routes
}

/// Returns `true` if a row of the table is about the route: `/files/invoices/{id}.xml` about
/// `/files/invoices/{file}`.
fn is_about(row: &str, route: &str) -> bool {
    let (row, route): (Vec<_>, Vec<_>) = (row.split('/').collect(), route.split('/').collect());
    row.len() == route.len()
        && row.iter().zip(route).all(|(row, route)| *row == route || route.starts_with('{'))
}

#[test]
fn the_table_has_a_row_for_each_route() {
    let (table, routes) = (Table::read(), routes());
    assert!(routes.len() > 10, "the router's routes are not where they were: {routes:?}");
    let rows: Vec<_> = table.rows.keys().filter(|name| name.starts_with('/')).collect();
    let missing: Vec<_> =
        routes.iter().filter(|route| !rows.iter().any(|row| is_about(row, route))).collect();
    let gone: Vec<_> =
        rows.iter().filter(|row| !routes.iter().any(|route| is_about(row, route))).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "docs/access.txt lacks {missing:?}, and has {gone:?}, which the server does not"
    );
}

/// The request for a row, and the mark that shows that it is there: a word in a report; an empty
/// one of a document, which is there or not.
struct Fetched {
    path: String,
    mark: &'static str,
}

impl Fetched {
    fn report(path: &str, mark: &'static str) -> Option<Self> {
        Some(Self { path: path.to_owned(), mark })
    }

    fn document(path: &str, id: &str) -> Option<Self> {
        Some(Self { path: path.replace("{id}", id), mark: "" })
    }
}

/// A row of the table: what of Alfa's, of Beta's and of the network's is fetched.
#[derive(Default)]
struct Question {
    alfa: Option<Fetched>,
    beta: Option<Fetched>,
    public: Option<Fetched>,
}

/// The documents that the rows are about: of each kind Alfa's and Beta's.
struct Documents {
    agreements: [String; 2],
    invoices: [String; 2],
    requisitions: [String; 2],
    reminders: [String; 2],
    /// Vouchers of costs.
    stored: [String; 2],
}

impl Documents {
    async fn make(app: &App, samples: &Samples) -> Self {
        let agreement = async |activity: &str, member: &str| {
            let input = json!({ "templateId": samples.id("deltagande"), "activityId": samples.id(activity), "counterpartyId": samples.id(member),
                "startsOn": "2025-01-01", "endsOn": "2025-12-31" });
            let id = drafted(app, input).await;
            offered(app, &id).await;
            id
        };
        let invoice = async |member: &str| {
            let id =
                invoicing_fixtures::drafted(&app.finance(), course(samples.id(member), "100.00"))
                    .await;
            issue(&app.finance(), &id, "id").await.data();
            id
        };
        let reminder = async |member: &str| {
            let input = with(course(samples.id(member), "100.00"), json!({ "dueInDays": 0 }));
            let id = invoicing_fixtures::drafted(&app.finance(), input).await;
            mutate(
                &app.finance(),
                "invoiceIssue",
                json!({ "invoiceId": id, "issuedOn": "2026-10-15" }),
                "id",
            )
            .await
            .data();
            let sent = mutate(
                &app.finance(),
                "invoiceRemind",
                json!({ "invoiceId": id, "sentOn": "2026-10-20" }),
                "reminders { id }",
            )
            .await;
            sent["invoiceRemind"]["reminders"][0]["id"].as_str().unwrap().to_owned()
        };
        // Before those of today, since numbers follow days.
        let reminders = [reminder("alfa").await, reminder("beta").await];
        let requisition = async |member: &str| {
            let grant =
                requisitions::grant(app, &format!("bidrag-{member}"), samples.id(member)).await;
            let issued = mutate(
                &app.finance(),
                "requisitionIssue",
                requisitions::input(&grant),
                "requisition { id }",
            )
            .await;
            issued["requisitionIssue"]["requisition"]["id"].as_str().unwrap().to_owned()
        };
        let voucher = async |activity: &str| {
            let file = uploaded(&app.finance(), "faktura.pdf").await;
            let input = json!({ "activityId": samples.id(activity), "bookedOn": "2024-06-01", "amount": "1.00",
                "description": "Faktura", "fileId": file });
            app.finance().does("costRecord", "id", input).await.data();
            file
        };
        Self {
            agreements: [agreement("bip", "alfa").await, agreement("indikatorer", "beta").await],
            invoices: [invoice("alfa").await, invoice("beta").await],
            requisitions: [requisition("alfa").await, requisition("beta").await],
            reminders,
            stored: [voucher("bip").await, voucher("indikatorer").await],
        }
    }
}

/// Returns the request for a route of the table.
fn question(samples: &Samples, documents: &Documents, row: &str) -> Question {
    let reports = |path: &str, alfa, beta| Question {
        alfa: Fetched::report(path, alfa),
        beta: Fetched::report(path, beta),
        public: None,
    };
    let each = |[alfa, beta]: &[String; 2]| Question {
        alfa: Fetched::document(row, alfa),
        beta: Fetched::document(row, beta),
        public: None,
    };
    match row {
        "/graphql" => Question {
            public: Fetched::report("/graphql?query=%7BtemplateFilters%7Bname%7D%7D", "tal_i_ord"),
            ..Question::default()
        },
        "/graphql/ws" => {
            Question { public: Fetched::report(row, "WebSocket"), ..Question::default() }
        }
        "/files/agreements/{id}.pdf" => each(&documents.agreements),
        "/files/invoices/{id}.pdf" | "/files/invoices/{id}.xml" => each(&documents.invoices),
        "/files/requisitions/{id}.pdf" => each(&documents.requisitions),
        "/files/reminders/{id}.pdf" => each(&documents.reminders),
        "/files/stored/{id}" => each(&documents.stored),
        "/files/templates/{id}.pdf" => Question {
            alfa: Fetched::document(row, samples.id("nytt 1")),
            public: Fetched::document(row, samples.id("deltagande 1")),
            ..Question::default()
        },
        "/files/expiring.ics" => reports(row, "2026-7001", "2026-7002"),
        "/files/revenue.csv" => {
            reports("/files/revenue.csv?from=2026-01-01&to=2026-12-31", "11311.31", "22422.42")
        }
        // As numbers, which a workbook has in its parts.
        "/files/revenue.xlsx" => reports(
            "/files/revenue.xlsx?from=2026-01-01&to=2026-12-31",
            "<v>11311.31</v>",
            "<v>22422.42</v>",
        ),
        "/schema.graphql" => {
            Question { public: Fetched::report(row, "type Query"), ..Question::default() }
        }
        "/graphiql" => {
            Question { public: Fetched::report(row, "explorer.js"), ..Question::default() }
        }
        "/graphiql/{file}" => Question {
            public: Fetched::report("/graphiql/explorer.css", ""),
            ..Question::default()
        },
        "/" => Question { public: Fetched::report(row, "Samregister"), ..Question::default() },
        "/favicon.ico" => Question { public: Fetched::report(row, ""), ..Question::default() },
        "/docs/{*file}" => Question {
            public: Fetched::report("/docs/README.md", "Documentation"),
            ..Question::default()
        },
        "/healthz" | "/readyz" => {
            Question { public: Fetched::report(row, ""), ..Question::default() }
        }
        "/metrics" => Question {
            public: Fetched::report(row, "samregister_build_info"),
            ..Question::default()
        },
        _ => panic!("there is no request for {row}: add it to question()"),
    }
}

/// Returns the text of an answer, a workbook's first sheet unpacked.
fn text_of(row: &str, answer: &Answer) -> String {
    if !row.ends_with(".xlsx") || answer.status != 200 {
        return answer.text();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &answer.bytes).unwrap();
    validators::part(file.path(), "xl/worksheets/sheet1.xml")
        + &validators::part(file.path(), "xl/sharedStrings.xml")
}

/// Fetches in one column, and says what is wrong with the answer.
async fn try_cell(
    app: &App,
    samples: &Samples,
    row: &str,
    fetched: &Fetched,
    column: &str,
    is_there: Option<bool>,
) -> Vec<String> {
    // The tests' server lets everyone read the metrics; the table is of a server with the default
    // settings.
    let closed = (row == "/metrics").then(|| app.with(&[("SAMREGISTER_METRICS_OPEN", "false")]));
    let app = closed.as_ref().unwrap_or(app);
    let answer = caller(app, samples.id("alfa"), column).get(&fetched.path).await;
    let text = text_of(row, &answer);
    let expected = match is_there {
        None => 401,
        Some(false) if fetched.mark.is_empty() => 404,
        // A request that asks for no socket gets 426; the right to subscribe to what stands in the
        // row of `changes`.
        Some(_) if row == "/graphql/ws" => 426,
        Some(_) => 200,
    };
    let mut wrong = Vec::new();
    if answer.status != expected {
        wrong.push(format!(
            "is answered {} in place of {expected}: {}",
            answer.status,
            text.chars().take(300).collect::<String>()
        ));
    } else if answer.status == 200 && text.contains(fetched.mark) != (is_there == Some(true)) {
        wrong.push(format!(
            "{:?} is {}",
            fetched.mark,
            if is_there == Some(true) { "missing" } else { "there" }
        ));
    }
    let code = answer.json["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
    let is_coded = match expected {
        401 => code == "UNAUTHENTICATED",
        // Anyone who may not see a document learns no more than one who asks for a document that is
        // not there.
        404 => {
            code == "NOT_FOUND"
                && answer.json["errors"][0]["message"]
                    .as_str()
                    .unwrap_or_default()
                    .starts_with("there is no such ")
        }
        _ => true,
    };
    if !is_coded {
        wrong.push(format!("is refused as {text}"));
    }
    // A document says to whom it was issued, to each of its readers.
    if !fetched.mark.is_empty() {
        wrong.extend(canaries::out_of_sight(column, &text));
    }
    wrong.into_iter().map(|wrong| format!("{} for {column}: {wrong}", fetched.path)).collect()
}

on_both!(routes_answer_as_the_table_says, |app| async move {
    let (app, _folder) = with_network(&app, NETWORK);
    let samples = Samples::fill(&app).await;
    let documents = Documents::make(&app, &samples).await;
    let table = Table::read();
    let mut wrong = Vec::new();
    // Uploads are tried in `http/uploads.rs`.
    for row in table.rows.keys().filter(|name| name.starts_with('/') && **name != "/files") {
        let question = question(&samples, &documents, row);
        for (column, cell) in table.row(row) {
            let (alfa, beta, public) = match cell {
                "all" => (Some(true), Some(true), Some(true)),
                "own" => (Some(true), Some(false), Some(true)),
                "other" => (Some(false), Some(true), Some(true)),
                "public" | "open" => (Some(false), Some(false), Some(true)),
                "empty" => (Some(false), Some(false), Some(false)),
                "token" => (None, None, None),
                _ => panic!("{row} has the cell {cell}, which no route can have"),
            };
            for (fetched, is_there) in
                [(&question.alfa, alfa), (&question.beta, beta), (&question.public, public)]
            {
                if let Some(fetched) = fetched {
                    wrong.extend(try_cell(&app, &samples, row, fetched, column, is_there).await);
                }
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
