//! No answer depends on what its reader may not see: two random registers that differ only in such
//! data answer every query, mutation and file alike, to the byte, totals, pages, errors and headers
//! included. The public aggregates that docs/access.txt names are left out: what they may reveal
//! is tested in tests/api/economy/revenue/public_totals.rs.
//!
//! `SAMREGISTER_TEST_RUNS` is the number of registers: a few by default, some hundred for a
//! thorough run. `SAMREGISTER_TEST_FIRST` is the number of the first: a run that failed is repeated
//! by it alone.

use std::{collections::BTreeSet, fs, path::Path};

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};

use crate::{
    access::table::{self, Table},
    support::{
        app::{App, on_both},
        caller::{Answer, Caller},
        http_server::HttpServer,
        invoicing_fixtures::{NETWORK, with_network},
        query_fuzzer::{Asker, Known},
        schema_documents::{Schema, list},
        secrets::{Files, draw},
        unseen_changes::{decide, disturb, forge, invoice_another, snooze},
    },
};

/// Columns of the access table that don't see all, MEMBER apart, and one for whom roles add to each
/// other.
const COLUMNS: [&str; 15] = [
    "LEAD:bip",
    "agreements",
    "members",
    "invoices",
    "revenue",
    "templates",
    "BOARD",
    "LEAD:indikatorer",
    "agreements+",
    "invoices+",
    "templates+",
    "audit",
    "FINANCE",
    "ANONYMOUS",
    "MEMBER LEAD:bip",
];
/// The time of what the column does not see: later than all that it sees, so that `updatedAt` would
/// reveal it.
const UNSEEN_AT: &str = "2026-11-21T10:00:00Z";
/// One of this number of registers is generated for MEMBER.
const MEMBERS: u64 = 3;
/// The default number of random registers.
const RUNS: u64 = 2;
/// Number of random queries to each register.
const QUESTIONS: usize = 50;
/// The number of times that a permitted mutation is tried.
const MUTATIONS: usize = 8;
/// Number of differences between registers at which a run ends.
const ENOUGH: usize = 12;

/// A setting of the run.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The numbers of the registers to draw. By default the first and another, which is another one
/// after each change of the changelog: so in time every column is drawn in a run that costs
/// little, and the same program always draws the same.
fn numbers() -> Vec<u64> {
    match (setting("SAMREGISTER_TEST_FIRST"), setting("SAMREGISTER_TEST_RUNS")) {
        (None, None) => {
            let reported =
                fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md")).unwrap();
            let lot =
                reported.iter().fold(0, |lot: u64, byte| (lot * 31 + u64::from(*byte)) % 9973);
            // One of those that a run of a hundred draws.
            vec![0, MEMBERS * (lot % 33) + 1 + lot % (MEMBERS - 1)]
        }
        (first, runs) => {
            let first = first.unwrap_or_default();
            (first..first + runs.unwrap_or(RUNS)).collect()
        }
    }
}

/// Returns the column of the access table that is tested in the register of this number.
fn column(number: u64) -> &'static str {
    let others = number - number.div_ceil(MEMBERS);
    if number.is_multiple_of(MEMBERS) {
        "MEMBER"
    } else {
        COLUMNS[usize::try_from(others).unwrap() % COLUMNS.len()]
    }
}

/// The caller that the column stands for, where this is the id of Alfa.
fn caller<'a>(app: &'a App, alfa: &str, column: &str) -> Caller<'a> {
    if column == "MEMBER LEAD:bip" {
        app.member_who_leads(alfa, &["bip"])
    } else {
        table::caller(app, alfa, column)
    }
}

/// Queries whose answers may differ for the column: each has a reason.
fn without(column: &str) -> &'static [&'static str] {
    match column {
        // What a run would make follows from what it would be made of, and the one who makes it
        // reads it then.
        "invoices+" => &["revision", "memberCount", "invoiceRunPreview"],
        // The revision of the register is public, since events are resumed by it, and
        // with it how much others do. The number of members is a public aggregate.
        _ => &["revision", "memberCount"],
    }
}

/// Three registers that are the same to a column: one with what it sees alone, and two with what it
/// does not see besides.
struct Trial {
    column: &'static str,
    seed: u64,
    alfa: String,
    worlds: Vec<App>,
    known: Known,
    /// The ids and words that only the others have.
    hidden: Known,
    /// The last revision that they share.
    parted: i64,
}

async fn import(app: &App, files: &Files) {
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    app.import(&files).await;
}

/// Returns all that the office can read in a register, most of it in the trail.
async fn reported(app: &App) -> Vec<Value> {
    let mut answers = Vec::new();
    let page = |name: &str| format!("{name}(first: 2) {{ pageInfo {{ endCursor }} }}");
    for document in [
        "{ auditEntries(first: 200) { nodes { subject { id } before after } } }".to_owned(),
        "{ invoices(first: 200) { nodes { ocr lines { id } payments { id } } } members { nodes { name orgNumber } } }".to_owned(),
        format!("{{ {} }}", ["members", "activities", "agreements", "invoices", "auditEntries"].map(page).join(" ")),
    ] {
        let answer = app.office().query(&document).await;
        answer.data();
        answers.push(answer.json);
    }
    answers
}

/// Every query that can be asked without knowing anything, with every field below it.
pub(crate) fn plain(schema: &Schema, depth: usize) -> Vec<String> {
    let arguments = |name: &str| match name {
        "auditEntries" => Some("(first: 200)"),
        "activityMatrix" => Some("(asOf: \"2026-11-21\", comparedTo: \"2026-01-31\")"),
        "expiringAgreements" => Some("(withinDays: 400)"),
        "revenue" => Some(
            "(input: { from: \"2026-01-01\", to: \"2026-12-31\", groupBy: [ACTIVITY, MEMBER, MONTH] })",
        ),
        "revenueForecast" => Some("(year: 2027)"),
        "serviceFeeScenario" => Some("(input: { year: 2026, perMille: 3 })"),
        // See `without`.
        "revision" | "memberCount" => None,
        // By something that must be known.
        "contactExport" | "node" | "nodes" | "member" | "organisation" | "activity"
        | "agreement" | "template" | "invoice" | "invoiceRunPreview" => None,
        _ => Some(""),
    };
    let names = schema.field_names("Query").into_iter();
    names
        .filter(|name| schema.selects("Query", name))
        .filter_map(|name| {
            arguments(name).map(|arguments| schema.widest("Query", name, arguments, depth))
        })
        .collect()
}

/// The names of the queries of [`plain`].
fn names(schema: &Schema) -> Vec<String> {
    let name = |question: &String| {
        question.split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default().to_owned()
    };
    plain(schema, 0).iter().map(name).collect()
}

impl Trial {
    async fn draw(app: &App, column: &'static str, seed: u64) -> Self {
        let base = app.another().await;
        let others = [1, 2].map(|n| draw(column, seed, 3 * seed + n));
        assert_eq!(others[0].seen, others[1].seen, "what is seen was drawn with what is not");
        import(&base, &others[0].seen).await;
        let parted = base.revision().await;
        let worlds = base.copies(3).await;
        for (n, (world, drawn)) in worlds[1..].iter().zip(&others).enumerate() {
            match column {
                // See all but the trail.
                "BOARD" | "FINANCE" => disturb(world, n + 1).await,
                // Sees the trail, and nothing but that.
                "audit" => forge(world, n + 1).await,
                _ => import(&world.at(UNSEEN_AT), &drawn.unseen).await,
            }
        }
        if column == "MEMBER" {
            for (n, world) in worlds.iter().enumerate() {
                snooze(&world.at(UNSEEN_AT), n).await;
            }
        }
        // What is asked is wide, and the machine may be slow; a caller who may issue invoices can.
        // What is left of a budget depends on the time.
        let limits = [
            ("MAX_DEPTH", 30),
            ("MAX_COMPLEXITY", 1_000_000_000),
            ("MAX_COST_PER_MINUTE", 0),
            ("MAX_ALIASES", 10_000),
            ("REQUEST_SECONDS", 600),
        ];
        let limits: String =
            limits.iter().map(|(name, most)| format!("SAMREGISTER_{name} = {most}\n")).collect();
        let settings = format!("{limits}{NETWORK}[network.invoicing]\nreminder_fee = '60.00'\n");
        let worlds: Vec<App> =
            worlds.iter().map(|world| with_network(world, &settings).0).collect();
        if column == "MEMBER" {
            for (n, world) in worlds.iter().enumerate() {
                invoice_another(&world.at(UNSEEN_AT), n).await;
                decide(world, n).await;
            }
        }
        let (mut known, mut hidden, mut shared) =
            (Known::default(), Known::default(), Known::default());
        let mut answers = Vec::new();
        for world in &worlds {
            answers.push(reported(world).await);
        }
        // An absent answer would be no proof if there were nothing to answer.
        assert!(
            answers[0] != answers[1] && answers[1] != answers[2],
            "nothing is hidden from {column} in register {seed}"
        );
        for (n, answer) in answers
            .iter()
            .enumerate()
            .flat_map(|(n, answers)| answers.iter().map(move |answer| (n, answer)))
        {
            known.learn(answer);
            if n == 0 { &mut shared } else { &mut hidden }.learn(answer);
        }
        hidden.forget(&shared);
        let found = worlds[0]
            .office()
            .query("{ members(filter: { search: \"Alfa\" }) { nodes { id } } }")
            .await;
        let alfa = found["members"]["nodes"][0]["id"].as_str().unwrap_or_default().to_owned();
        Self { column, seed, alfa, worlds, known, hidden, parted }
    }

    /// Returns the answers of the registers to the same request, if they differ.
    async fn differing(
        &self,
        request: impl Fn(Caller<'_>) -> Request<Body>,
    ) -> Option<[String; 2]> {
        let mut first = None;
        for world in &self.worlds {
            let shown = shown(&world.send(request(caller(world, &self.alfa, self.column))).await);
            match &first {
                None => first = Some(shown),
                Some(first) if *first == shown => {}
                Some(first) => return Some([first.clone(), shown]),
            }
        }
        None
    }

    /// Sends a document; differences between the registers are recorded.
    async fn ask(&self, document: &str, found: &mut Found) {
        found.questions += 1;
        let body = json!({ "query": document }).to_string();
        let request = |caller: Caller<'_>| {
            let request = caller
                .request(Method::POST, "/graphql")
                .header(header::CONTENT_TYPE, "application/json");
            request.body(body.clone().into()).unwrap()
        };
        if let Some(answers) = self.differing(request).await {
            found.note(self, document, &answers);
        }
    }

    /// Asks each register what may be stored, in turn with the office, which sees more: each gets
    /// its own answer, and the same again.
    async fn ask_in_turn(&self, document: &str, found: &mut Found) {
        found.questions += 1;
        let body = json!({ "query": document }).to_string();
        let mut of_column = Vec::new();
        for world in &self.worlds {
            let (office, own) = (world.office(), caller(world, &self.alfa, self.column));
            let mut answers = Vec::new();
            for caller in [&office, &own, &office, &own] {
                answers.push(shown(&caller.post(body.clone()).await));
            }
            for (first, again) in [(0, 2), (1, 3)] {
                if answers[first] != answers[again] {
                    found.note(self, document, &[answers[first].clone(), answers[again].clone()]);
                }
            }
            of_column.push(answers.swap_remove(1));
        }
        if let Some(other) = of_column[1..].iter().find(|other| **other != of_column[0]) {
            found.note(self, document, &[of_column[0].clone(), other.clone()]);
        }
    }

    /// Fetches a path.
    async fn fetch(&self, path: &str, found: &mut Found) {
        found.questions += 1;
        let request =
            |caller: Caller<'_>| caller.request(Method::GET, path).body(Body::empty()).unwrap();
        if let Some(answers) = self.differing(request).await {
            found.note(self, path, &answers);
        }
    }

    /// All that is tried on the registers.
    async fn run(&self, [schema, stored]: [&Schema; 2], found: &mut Found) {
        // The widest questions cost the most.
        for question in plain(schema, if self.seed % 10 < 2 { 2 } else { 1 }) {
            self.ask(&format!("{{ {question} }}"), found).await;
        }
        for question in plain(stored, 1) {
            self.ask_in_turn(&format!("{{ {question} }}"), found).await;
        }
        // By their ids, those of the others too.
        for ids in self.known.ids().collect::<Vec<_>>().chunks(40) {
            let each = ids.iter().enumerate().map(|(n, id)| match schema.type_of(id) {
                Some(_) => format!("n{n}: {}", schema.node(id, 0)),
                None => format!("n{n}: node(id: \"{id}\") {{ id }}"),
            });
            self.ask(&format!("{{ {} }}", each.collect::<Vec<_>>().join(" ")), found).await;
        }
        let mut asker = Asker::new(stored, &self.known, without(self.column), self.seed + 1);
        for _ in 0..QUESTIONS / 2 {
            let question = asker.question();
            self.ask_in_turn(&format!("{{ {question} }}"), found).await;
        }
        for world in &self.worlds {
            let metrics = world.get("/metrics").await.text();
            let hits = metrics.lines().find(|line| line.contains("answer_cache_hits_total "));
            let hits: u64 = hits.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
            assert!(hits > 20, "{hits} answers were stored ones");
        }
        let mut asker = Asker::new(schema, &self.known, without(self.column), self.seed);
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
            "/files/expiring.ics?within-days=400&include-snoozed".to_owned(),
            format!("/files/revenue.csv?{year}&group-by=activity,member,month"),
            format!("/files/revenue.csv?{year}&basis=paid&group-by=none"),
            format!("/files/revenue.xlsx?{year}&group-by=activity,year"),
            "/files/revenue.csv?forecast=2027".to_owned(),
            "/files/revenue.csv?forecast=2027&sheet=assumptions".to_owned(),
        ];
        paths.extend(
            self.hidden
                .of_noun("member")
                .take(2)
                .map(|id| format!("/files/revenue.csv?{year}&member={id}")),
        );
        for path in paths {
            self.fetch(&path, found).await;
        }
        let servers = self.follow(schema, found).await;
        let table = Table::read();
        let may = |name: &str| table.row(name).any(|cell| cell == (self.column, "may"));
        for name in schema
            .field_names("Mutation")
            .into_iter()
            .filter(|name| self.column != "invoices+" || *name != "invoiceRun")
        {
            for _ in 0..if may(name) { MUTATIONS } else { 1 } {
                let mutation = asker.mutation(name);
                self.ask(&format!("mutation {{ {mutation} }}"), found).await;
            }
        }
        // A server that stops closes its register.
        drop(servers);
    }

    /// Follows what has changed, from the beginning and from where the registers parted.
    async fn follow(&self, schema: &Schema, found: &mut Found) -> Vec<HttpServer> {
        let mut servers = Vec::new();
        for world in &self.worlds {
            servers.push(HttpServer::start(world).await);
            let rate = json!({ "validFrom": "2031-01-01", "percent": 2.5, "source": "SFS" });
            world.office().does("referenceRateSet", "id", rate).await.data();
        }
        let kinds = list(&schema.named("ChangeKind")["enumValues"]);
        let kind =
            kinds[usize::try_from(self.seed).unwrap() % kinds.len()]["name"].as_str().unwrap();
        for arguments in
            ["after: \"0\"".to_owned(), format!("after: \"{}\", kinds: [{kind}, FEE]", self.parted)]
        {
            found.questions += 1;
            let document = format!(
                "subscription {{ {} }}",
                schema.widest("Subscription", "changes", &format!("({arguments})"), 1)
            );
            let mut first = None;
            for (world, server) in self.worlds.iter().zip(&servers) {
                let events = self.events(world, server, &document).await;
                match &first {
                    None => first = Some(events),
                    Some(first) if *first == events => {}
                    Some(first) => {
                        found.note(self, &document, &[first.clone(), events]);
                        break;
                    }
                }
            }
        }
        servers
    }

    /// The events that a register publishes, up to one that everyone gets; the reason why not, for
    /// those who get none.
    async fn events(&self, world: &App, server: &HttpServer, document: &str) -> String {
        let caller = caller(world, &self.alfa, self.column);
        let mut client = server.connect().await;
        client.say(json!({ "type": "connection_init", "payload": { "authorization": caller.authorization() } })).await;
        if caller.authorization().is_none() {
            return format!("{:?}", client.end().await);
        }
        assert_eq!(client.hear().await["type"], "connection_ack");
        client.subscribe("1", document).await;
        let (last, mut events) = (world.revision().await.to_string(), Vec::new());
        loop {
            let mut event = client.data("1").await["changes"].take();
            // A position in the trail counts what stands before it, readable or not: to
            // everyone, as `revision` is.
            let revision = event.as_object_mut().unwrap().remove("revision").unwrap();
            if revision == last.as_str() {
                return events.join("\n");
            }
            // By what was done to disturb the trail; those whom it is done for see all that it was
            // done to.
            if !["BOARD", "FINANCE"].contains(&self.column) || event["action"] != "contactUpdate" {
                events.push(event.to_string());
            }
        }
    }
}

/// The findings of a run.
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
            let from = (0..=same.saturating_sub(200))
                .rev()
                .find(|from| text.is_char_boundary(*from))
                .unwrap_or_default();
            text[from..].chars().take(400).collect::<String>()
        };
        let question: String = question.chars().take(300).collect();
        let reported = format!(
            "{} of register {} is revealed by {question}\n  …{}\n  …{}",
            trial.column,
            trial.seed,
            near(one),
            near(other)
        );
        // A long run may be ended before it ends.
        eprintln!("{reported}");
        self.differences.push(reported);
    }
}

on_both!(no_answer_depends_on_what_its_reader_may_not_see, |app| async move {
    let schema = Schema::of_program().await.without(Table::read().aggregates);
    let stored = Schema::of_program().await.without(Table::read().aggregates).stored();
    let (mut found, mut told_apart) = (Found::default(), BTreeSet::new());
    let numbers = numbers();
    for seed in numbers.iter().copied() {
        let trial = Trial::draw(&app, column(seed), seed).await;
        // The office distinguishes them by every query that hides something, once.
        if seed == 0 {
            for (name, question) in names(&schema).into_iter().zip(plain(&schema, 1)) {
                let [_, one, other] = trial.worlds.as_slice() else { panic!("three registers") };
                let document = format!("{{ {question} }}");
                if one.office().query(&document).await.json["data"]
                    != other.office().query(&document).await.json["data"]
                {
                    told_apart.insert(name);
                }
            }
        }
        trial.run([&schema, &stored], &mut found).await;
        found.registers += 1;
        eprintln!(
            "{} of register {seed}: {} questions, mutations and files so far",
            trial.column, found.questions
        );
        if found.differences.len() >= ENOUGH {
            break;
        }
    }
    eprintln!(
        "{} registers in threes, {} questions, mutations and files to each",
        found.registers, found.questions
    );
    assert!(
        found.differences.is_empty(),
        "{} answers reveal what is not theirs (SAMREGISTER_TEST_FIRST and the number of a register begin with that):\n{}",
        found.differences.len(),
        found.differences.join("\n")
    );
    let table = Table::read();
    let has = |name: &str, cell: (&str, &str)| table.row(name).any(|found| found == cell);
    let hidden = names(&schema)
        .into_iter()
        .filter(|name| has(name, ("OFFICE", "all")) && has(name, ("MEMBER", "own")));
    let missing: Vec<_> = hidden.filter(|name| !told_apart.contains(name)).collect();
    assert!(
        missing.is_empty() || !numbers.contains(&0),
        "the registers don't differ in {missing:?}"
    );
});

/// Returns the text, the status and the headers of an answer, without what is of one request.
fn shown(answer: &Answer) -> String {
    let mut headers = answer.headers.clone();
    // Follows from the body, which says more.
    headers.remove(header::CONTENT_LENGTH);
    // Number of all changes, which the query `revision` gives to every viewer.
    headers.remove("x-samregister-revision");
    // Each request has one of its own, which its errors say too.
    let request_id = headers.remove("x-request-id").unwrap();
    format!("{} {} {headers:?}", without_readers(&unsigned(&answer.text())), answer.status)
        .replace(request_id.to_str().unwrap(), "the-request")
}

/// Returns an answer without the signatures of its links to files, which contain the id of the
/// token.
fn unsigned(text: &str) -> String {
    let is_signature = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    let mut parts = text.split("signature=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| shown + part.trim_start_matches(is_signature))
}

/// Returns an answer without those who read a contact, which is the contact's own to know. The
/// office of these registers reads pages that differ, and so one contact more often than another.
fn without_readers(text: &str) -> String {
    let mut parts = text.split("\"readBy\":[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| shown + part.split_once(']').map_or(part, |(_, rest)| rest))
}
