//! Nobody's answer depends on what they may not see: registers drawn by lot that differ in nothing else are told apart by no question,
//! no deed and no file, to the byte, totals, pages, errors and headers included.
//!
//! `SAMREGISTER_TEST_RUNS` is how many registers are drawn; a few by default, some hundred for a thorough run.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request, header, request::Builder},
};
use serde_json::{Value, json};

use crate::{
    access::{Table, caller},
    app::{App, Caller, on_both},
    document::Schema,
    questions::{Asker, Known},
    secrets::{Files, draw},
};

/// Columns of the access table that don't see all; MEMBER is asked as often as all others together.
const COLUMNS: [&str; 14] = [
    "MEMBER",
    "LEAD:bip",
    "MEMBER",
    "agreements",
    "MEMBER",
    "members",
    "MEMBER",
    "invoices",
    "MEMBER",
    "revenue",
    "MEMBER",
    "templates",
    "MEMBER",
    "BOARD",
];
/// Registers that are drawn by default.
const RUNS: u64 = 2;
/// Questions by lot to each register.
const QUESTIONS: usize = 50;
/// Found ways to tell registers apart at which a run ends.
const ENOUGH: usize = 12;

fn runs() -> u64 {
    std::env::var("SAMREGISTER_TEST_RUNS").map_or(RUNS, |runs| runs.parse().unwrap())
}

/// Three registers that are the same to a column: one with what it sees alone, and two with what it does not see besides.
struct Trial {
    column: &'static str,
    seed: u64,
    alfa: String,
    worlds: Vec<App>,
    known: Known,
    /// What only the others have.
    hidden: Known,
}

async fn import(app: &App, files: &Files) {
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    app.import(&files).await;
}

/// What the office is told of everything in a register, most of it by the trail.
async fn told(app: &App) -> Vec<Value> {
    let mut answers = Vec::new();
    let page = |name: &str| format!("{name}(first: 2) {{ pageInfo {{ endCursor }} }}");
    for document in [
        "{ auditLog(first: 200) { nodes { subject { id } before after } } }".to_owned(),
        "{ invoices(first: 200) { nodes { ocr lines { id } payments { id } } } members { nodes { orgNumber } } }".to_owned(),
        format!("{{ {} }}", ["members", "activities", "agreements", "invoices", "auditLog"].map(page).join(" ")),
    ] {
        let answer = app.office().query(&document).await;
        answer.data();
        answers.push(answer.json);
    }
    answers
}

/// Every query that can be asked without knowing anything, with every field below it.
fn plain(schema: &Schema, depth: usize) -> Vec<String> {
    let arguments = |name: &str| match name {
        "auditLog" => Some("(first: 200)"),
        "activityMatrix" => Some("(asOf: \"2026-11-21\", comparedTo: \"2026-01-31\")"),
        "expiringAgreements" => Some("(withinDays: 400)"),
        "revenue" => Some("(input: { from: \"2026-01-01\", to: \"2026-12-31\", groupBy: [ACTIVITY, MEMBER, MONTH] })"),
        "revenueForecast" => Some("(year: 2027)"),
        "serviceFeeScenario" => Some("(input: { year: 2026, perMille: 3 })"),
        // How far the register has come is told to everybody, since events are resumed by it, and with it how much others do.
        "revision" => None,
        // By something that must be known.
        "contactExport" | "node" | "nodes" | "member" | "activity" | "agreement" | "template" | "invoice" | "invoiceRunPreview" => None,
        _ => Some(""),
    };
    let names = schema.field_names("Query").into_iter();
    names.filter_map(|name| arguments(name).map(|arguments| schema.widest("Query", name, arguments, depth))).collect()
}

/// The names of the queries of [`plain`].
fn names(schema: &Schema) -> Vec<String> {
    let name = |question: &String| question.split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default().to_owned();
    plain(schema, 0).iter().map(name).collect()
}

impl Trial {
    async fn draw(app: &App, column: &'static str, seed: u64) -> Self {
        let base = app.beside().await;
        let others = [1, 2].map(|n| draw(column, seed, 3 * seed + n));
        assert_eq!(others[0].seen, others[1].seen, "what is seen was drawn with what is not");
        import(&base, &others[0].seen).await;
        let worlds = base.copies(3).await;
        for (world, drawn) in worlds[1..].iter().zip(&others) {
            if column == "BOARD" {
                // Sees all but the trail: something is done, and undone.
                disturb(world, seed).await;
            } else {
                import(world, &drawn.unseen).await;
            }
        }
        // What is asked is wide, and the machine may be slow.
        let limits = ["MAX_DEPTH", "MAX_COMPLEXITY", "MAX_ALIASES", "REQUEST_SECONDS"].map(|name| format!("SAMREGISTER_{name}"));
        let limits: Vec<_> = limits.iter().map(String::as_str).zip(["30", "1000000000", "10000", "600"]).collect();
        let worlds: Vec<App> = worlds.iter().map(|world| world.with(&limits)).collect();
        let (mut known, mut hidden, mut shared) = (Known::default(), Known::default(), Known::default());
        for answer in told(&worlds[0]).await {
            shared.learn(&answer);
            known.learn(&answer);
        }
        for world in &worlds[1..] {
            for answer in told(world).await {
                known.learn(&answer);
                hidden.learn(&answer);
            }
        }
        hidden.forget(&shared);
        let found = worlds[0].office().query("{ members(filter: { search: \"Alfa\" }) { nodes { id } } }").await;
        let alfa = found["members"]["nodes"][0]["id"].as_str().unwrap_or_default().to_owned();
        Self { column, seed, alfa, worlds, known, hidden }
    }

    /// What the registers answer to the same request, when it is not the same.
    async fn differing(&self, request: impl Fn(Caller<'_>) -> Request<Body>) -> Option<[String; 2]> {
        let mut first = None;
        for world in &self.worlds {
            let answer = world.send(request(caller(world, &self.alfa, self.column))).await;
            let mut headers = answer.headers.clone();
            // Follows from the body, which says more.
            headers.remove(header::CONTENT_LENGTH);
            let shown = format!("{} {} {headers:?}", answer.text(), answer.status);
            match &first {
                None => first = Some(shown),
                Some(first) if *first == shown => {}
                Some(first) => return Some([first.clone(), shown]),
            }
        }
        None
    }

    /// Asks a document; what tells the registers apart is noted.
    async fn ask(&self, document: &str, found: &mut Found) {
        found.questions += 1;
        let body = json!({ "query": document }).to_string();
        let request = |caller: Caller<'_>| {
            let request = named(caller.request(Method::POST, "/graphql")).header(header::CONTENT_TYPE, "application/json");
            request.body(body.clone().into()).unwrap()
        };
        if let Some(answers) = self.differing(request).await {
            found.note(self, document, &answers);
        }
    }

    /// Fetches a path.
    async fn fetch(&self, path: &str, found: &mut Found) {
        found.questions += 1;
        let request = |caller: Caller<'_>| named(caller.request(Method::GET, path)).body(Body::empty()).unwrap();
        if let Some(answers) = self.differing(request).await {
            found.note(self, path, &answers);
        }
    }

    /// All that is tried on the registers.
    async fn run(&self, schema: &Schema, found: &mut Found) {
        // The widest questions cost the most.
        for question in plain(schema, if self.seed % 10 < 2 { 2 } else { 1 }) {
            self.ask(&format!("{{ {question} }}"), found).await;
        }
        // By their ids, those of the others too.
        for ids in self.known.ids().collect::<Vec<_>>().chunks(40) {
            let each = ids.iter().enumerate().map(|(n, id)| match schema.type_of(id) {
                Some(_) => format!("n{n}: {}", schema.node(id, 0)),
                None => format!("n{n}: node(id: \"{id}\") {{ id }}"),
            });
            self.ask(&format!("{{ {} }}", each.collect::<Vec<_>>().join(" ")), found).await;
        }
        let mut asker = Asker::new(schema, &self.known, self.seed);
        for _ in 0..QUESTIONS {
            let question = asker.question();
            self.ask(&format!("{{ {question} }}"), found).await;
        }
        for noun in ["agreement", "invoice", "template_version"] {
            for id in self.hidden.of_noun(noun).take(4) {
                let folder = if noun == "template_version" { "template" } else { noun };
                self.fetch(&format!("/files/{folder}s/{id}.pdf"), found).await;
                self.fetch(&format!("/files/{folder}s/{id}.xml"), found).await;
            }
        }
        let year = "from=2026-01-01&to=2026-12-31";
        let mut paths = vec![
            "/files/expiring.ics?within-days=400&include-acknowledged".to_owned(),
            format!("/files/revenue.csv?{year}&group-by=activity,member,month"),
            format!("/files/revenue.csv?{year}&basis=paid&group-by=none"),
            format!("/files/revenue.xlsx?{year}&group-by=activity,year"),
            "/files/revenue.csv?forecast=2027".to_owned(),
            "/files/revenue.csv?forecast=2027&sheet=assumptions".to_owned(),
        ];
        paths.extend(self.hidden.of_noun("member").take(2).map(|id| format!("/files/revenue.csv?{year}&member={id}")));
        for path in paths {
            self.fetch(&path, found).await;
        }
        for name in schema.field_names("Mutation") {
            let deed = asker.deed(name);
            self.ask(&format!("mutation {{ {deed} }}"), found).await;
        }
    }
}

/// A request with an id of its own, which an answer carries.
fn named(request: Builder) -> Builder {
    request.header("x-request-id", "the-request")
}

/// Changes something and changes it back, some number of times, so that only the trail tells of it.
async fn disturb(app: &App, seed: u64) {
    let contacts = app.office().query("{ members(first: 5) { nodes { contacts { id phone } } } }").await;
    let nodes = contacts["members"]["nodes"].as_array().unwrap();
    let contact = nodes.iter().find_map(|node| node["contacts"].get(0)).unwrap();
    for n in 0..=seed % 3 {
        for phone in [json!(format!("08-{n}")), contact["phone"].clone()] {
            app.office().does("contactUpdate", "id", json!({ "contact": contact["id"], "phone": phone })).await.data();
        }
    }
}

/// What a run found.
#[derive(Default)]
struct Found {
    registers: u64,
    questions: usize,
    differences: Vec<String>,
}

impl Found {
    fn note(&mut self, trial: &Trial, question: &str, [one, other]: &[String; 2]) {
        let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        let near = |text: &str| {
            let from = (0..=same.saturating_sub(200)).rev().find(|from| text.is_char_boundary(*from)).unwrap_or_default();
            text[from..].chars().take(400).collect::<String>()
        };
        let question: String = question.chars().take(300).collect();
        self.differences.push(format!(
            "{} of register {} is told by {question}\n  …{}\n  …{}",
            trial.column,
            trial.seed,
            near(one),
            near(other)
        ));
    }
}

on_both!(no_answer_depends_on_what_its_reader_may_not_see, |app| async move {
    let (schema, mut found, mut told_apart) = (Schema::of_program().await, Found::default(), BTreeSet::new());
    for seed in 0..runs() {
        let column = COLUMNS[usize::try_from(seed).unwrap() % COLUMNS.len()];
        let trial = Trial::draw(&app, column, seed).await;
        trial.run(&schema, &mut found).await;
        found.registers += 1;
        // The office tells them apart, once: what is not told would be no proof if it were not there to be told.
        if seed == 0 {
            for (name, question) in names(&schema).into_iter().zip(plain(&schema, 1)) {
                let [_, one, other] = trial.worlds.as_slice() else { panic!("three registers") };
                let document = format!("{{ {question} }}");
                if one.office().query(&document).await.json["data"] != other.office().query(&document).await.json["data"] {
                    told_apart.insert(name);
                }
            }
        }
        if found.differences.len() >= ENOUGH {
            break;
        }
    }
    eprintln!("{} registers in threes, {} questions, deeds and files to each", found.registers, found.questions);
    assert!(
        found.differences.is_empty(),
        "{} answers tell of what is not theirs:\n{}",
        found.differences.len(),
        found.differences.join("\n")
    );
    let table = Table::read();
    let has = |name: &str, cell: (&str, &str)| table.row(name).any(|found| found == cell);
    let hidden = names(&schema).into_iter().filter(|name| has(name, ("OFFICE", "all")) && has(name, ("MEMBER", "own")));
    let missing: Vec<_> = hidden.filter(|name| !told_apart.contains(name)).collect();
    assert!(missing.is_empty(), "the registers don't differ in {missing:?}");
});
