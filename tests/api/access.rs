//! Who may ask what: one table with a row for each query and mutation and a column for each role, and every cell of it tried.
//!
//! What somebody may see at all is told once more by [`may_see`], and held against every byte of every answer: whatever way is
//! taken to a thing, through whatever fields, none that is another's shows.

use std::collections::BTreeMap;

use samregister::{
    audit::reads,
    auth::viewer::{Role, Viewer},
};
use serde_json::{Value, json};

use crate::{
    app::{App, Caller, on_both},
    document::Schema,
    invoicing_samples::{NETWORK, with_network},
    life_samples::{deed, drafted, offered, signature, signed},
    samples::Samples,
};

/// Who asks: MEMBER is Alfa, LEAD leads BIP, a word in small letters is a SERVICE with that scope (`agreements+` to write), NOBODY has no token.
///
/// all: both Alfa's and Beta's · own: Alfa's alone, which is BIP's too · public: what everybody may see and nothing of either ·
/// empty: an answer with nothing in it · may: does it · no: FORBIDDEN, also for a query that is half a deed · token: UNAUTHENTICATED.
const TABLE: &str = "
                    OFFICE FINANCE BOARD AUDITOR LEAD   MEMBER members agreements agreements+ invoices invoices+ revenue templates templates+ audit  NOBODY
node                all    all     all   all     public own    all     public     public      public   public    public  public    public     public token
nodes               all    all     all   all     public own    all     public     public      public   public    public  public    public     public token
viewer              public public  public public public own    public  public     public      public   public    public  public    public     public token
members             all    all     all   all     public own    all     public     public      public   public    public  empty     empty      empty  token
member              all    all     all   all     public own    all     public     public      public   public    public  empty     empty      empty  token
activities          all    all     all   all     own    own    public  all        all         public   public    public  public    public     public token
activity            all    all     all   all     own    own    public  all        all         public   public    public  public    public     public token
agreements          all    all     all   all     own    own    empty   all        all         empty    empty     empty   empty     empty      empty  token
agreement           all    all     all   all     own    own    empty   all        all         empty    empty     empty   empty     empty      empty  token
expiringAgreements  all    all     all   all     own    own    empty   all        all         empty    empty     empty   empty     empty      empty  token
templateConsistency all    all     all   all     own    empty  empty   all        all         empty    empty     empty   empty     empty      empty  token
activityMatrix      all    all     all   all     own    own    public  all        all         public   public    public  empty     empty      empty  token
templates           all    all     all   all     public public public  public     public      public   public    public  all       all        public token
template            all    all     all   all     public public public  public     public      public   public    public  all       all        public token
templatePlaceholders public public public public public public public public     public      public   public    public  public    public     public token
templateFilters     public public  public public public public public  public     public      public   public    public  public    public     public token
invoices            all    all     all   all     empty  own    empty   empty      empty       all      all       empty   empty     empty      empty  token
invoice             all    all     all   all     empty  own    empty   empty      empty       all      all       empty   empty     empty      empty  token
bankPayments        all    all     all   all     empty  empty  empty   empty      empty       all      all       empty   empty     empty      empty  token
revenue             all    all     all   all     own    own    empty   empty      empty       empty    empty     all     empty     empty      empty  token
revenueForecast     all    all     all   all     own    own    empty   empty      empty       empty    empty     all     empty     empty      empty  token
serviceFeeScenario  all    all     all   all     empty  own    all     empty      empty       empty    empty     empty   empty     empty      empty  token
networkFees         public public  public public public public public  public     public      public   public    public  public    public     public token
referenceRates      public public  public public public public public  public     public      public   public    public  public    public     public token
auditLog            all    empty   empty all     empty  empty  empty   empty      empty       empty    empty     empty   empty     empty      all    token
contactExport       all    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
contactReads        all    empty   empty all     empty  empty  empty   empty      empty       empty    empty     empty   empty     empty      public token
retention           public no     no    public no     no     no      no         no          no       no        no      no        no         public token
invoiceRunPreview   public public  no    no      no     no     no      no         no          no       public    no      no        no         no     token

memberAdmit         may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
memberUpdate        may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
memberLeave         may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
memberMerge         may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
allocationSet       may    may     no    no      no     no     no      no         no          no       no        no      no        no         no     token
contactAdd          may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
contactUpdate       may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
contactErase        may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
organisationAdd     may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
organisationUpdate  may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
activityStart       may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
activityUpdate      may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
activityClose       may    no      no    no      no     no     no      no         no          no       no        no      no        no         no     token
feeScheduleSet      may    may     no    no      no     no     no      no         no          no       no        no      no        no         no     token
networkFeeSet       may    may     no    no      no     no     no      no         no          no       no        no      no        no         no     token
referenceRateSet    may    may     no    no      no     no     no      no         no          no       no        no      no        no         no     token
costRecord          may    may     no    no      no     no     no      no         no          no       no        no      no        no         no     token
grantRecord         may    may     no    no      no     no     no      no         no          no       no        no      no        no         no     token
statusReportFile    may    no      no    no      may    no     no      no         no          no       no        no      no        no         no     token
invoiceDraft        may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
invoiceDraftUpdate  may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
invoiceDraftDiscard may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
invoiceIssue        may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
invoiceCredit       may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
invoiceRun          may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
agreementDraft      may    no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
agreementDraftUpdate may   no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
agreementOffer      may    no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
agreementWithdraw   may    no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
agreementSign       may    no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
agreementGiveNotice may    no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
agreementReplace    may    no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
deadlineAcknowledge may    no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
deadlineAcknowledgementWithdraw
                    may    no      no    no      no     no     no      no         may         no       no        no      no        no         no     token
paymentRecord       may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
paymentReverse      may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
invoiceRemind       may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
bankPaymentMatch    may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
bankPaymentSetAside may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
bankPaymentTakeUp   may    may     no    no      no     no     no      no         no          no       may       no      no        no         no     token
templateCreate      may    no      no    no      no     no     no      no         no          no       no        no      no        may        no     token
templateVersionDraft may   no      no    no      no     no     no      no         no          no       no        no      no        may        no     token
templateVersionPublish may no      no    no      no     no     no      no         no          no       no        no      no        may        no     token
templateVersionRetire may  no      no    no      no     no     no      no         no          no       no        no      no        may        no     token
";

/// The table: cells by row, then in the order of the columns.
struct Table {
    columns: Vec<&'static str>,
    rows: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Table {
    fn read() -> Self {
        // A name that is too long for its column stands on a line of its own.
        let text = TABLE.replace("Withdraw\n", "Withdraw");
        let text: &'static str = text.leak();
        let mut lines = text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let columns = lines.next().unwrap();
        let rows: BTreeMap<_, _> = lines.map(|cells| (cells[0], cells[1..].to_vec())).collect();
        assert!(rows.iter().all(|(_, cells)| cells.len() == columns.len()), "a row of the table is too short or too long");
        Self { columns, rows }
    }

    /// The cells of a row, each with its column.
    fn row(&self, name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns.iter().copied().zip(self.rows[name].iter().copied())
    }
}

/// Whoever the column stands for.
fn caller<'a>(app: &'a App, samples: &Samples, column: &str) -> Caller<'a> {
    match column {
        "OFFICE" => app.office(),
        "FINANCE" => app.finance(),
        "BOARD" => app.board(),
        "AUDITOR" => app.auditor(),
        "LEAD" => app.lead(&["bip"]),
        "MEMBER" => app.member(samples.id("alfa")),
        "NOBODY" => app.nobody(),
        scope => app.service(&scope.strip_suffix('+').map_or_else(|| format!("{scope}:read"), |realm| format!("{realm}:write"))),
    }
}

/// What a word or figure of the samples tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Who a member or organisation is.
    Name,
    /// Allocations, fees reckoned on them, billing details and contacts.
    Affairs,
    /// An agreement.
    Agreement,
    /// An agreement that was never offered.
    DraftAgreement,
    /// What the agreement would bring in.
    Forecast,
    /// An invoice or payment.
    Invoice,
    /// An amount that stands on an invoice and in the revenue.
    Revenue,
    /// Costs and grants of an activity, and what is told about it.
    Activity,
    /// A template that is not published.
    Draft,
    /// The trail itself.
    Trail,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// Alfa's, or of BIP, in which Alfa takes part.
    Alfa,
    /// Beta's, or of Indikatorer, in which Beta takes part.
    Beta,
    /// Neither's; a party to an agreement about BIP.
    Gamma,
    /// Nobody's.
    Neither,
}

/// Words and figures that stand for what they tell of, and nowhere else in the samples.
const MARKS: &[(&str, Of, Whose)] = &[
    ("Samordningsförbundet Alfa", Of::Name, Whose::Alfa),
    ("222000-1834", Of::Name, Whose::Alfa),
    ("Alfaby", Of::Name, Whose::Alfa),
    ("Samordningsförbundet Beta", Of::Name, Whose::Beta),
    ("222000-2568", Of::Name, Whose::Beta),
    ("Betaby", Of::Name, Whose::Beta),
    ("Konsult Gamma", Of::Name, Whose::Gamma),
    ("13571357", Of::Affairs, Whose::Alfa),
    ("27142.71", Of::Affairs, Whose::Alfa),
    ("REF-ALFA", Of::Affairs, Whose::Alfa),
    ("anna@alfa", Of::Affairs, Whose::Alfa),
    ("24682468", Of::Affairs, Whose::Beta),
    ("49364.94", Of::Affairs, Whose::Beta),
    ("REF-BETA", Of::Affairs, Whose::Beta),
    ("berit@beta", Of::Affairs, Whose::Beta),
    ("gustav@gamma", Of::Affairs, Whose::Neither),
    ("stina@styrelsen", Of::Affairs, Whose::Neither),
    ("nils@styrelsen", Of::Affairs, Whose::Neither),
    ("2026-7001", Of::Agreement, Whose::Alfa),
    ("2026-7002", Of::Agreement, Whose::Beta),
    ("2026-7003", Of::Agreement, Whose::Gamma),
    ("34343.43", Of::Agreement, Whose::Gamma),
    ("45454.45", Of::DraftAgreement, Whose::Beta),
    ("12121.21", Of::Forecast, Whose::Alfa),
    ("23232.32", Of::Forecast, Whose::Beta),
    ("1936.03", Of::Forecast, Whose::Beta),
    ("\"8801\"", Of::Invoice, Whose::Alfa),
    ("BG-ALFA", Of::Invoice, Whose::Alfa),
    ("\"8802\"", Of::Invoice, Whose::Beta),
    ("Betalaren Alfa", Of::Invoice, Whose::Neither),
    ("BG-BETA", Of::Invoice, Whose::Beta),
    ("11311.31", Of::Revenue, Whose::Alfa),
    ("14139.14", Of::Revenue, Whose::Alfa),
    ("22422.42", Of::Revenue, Whose::Beta),
    ("28028.03", Of::Revenue, Whose::Beta),
    ("3333.31", Of::Activity, Whose::Alfa),
    ("5555.51", Of::Activity, Whose::Alfa),
    ("Läget i den första", Of::Activity, Whose::Alfa),
    ("4444.41", Of::Activity, Whose::Beta),
    ("6666.61", Of::Activity, Whose::Beta),
    ("Läget i den andra", Of::Activity, Whose::Beta),
    ("Hemlig", Of::Draft, Whose::Neither),
    ("samregister import", Of::Trail, Whose::Neither),
];

/// What everybody with a token may see.
const PUBLIC: [&str; 4] = ["Uppföljning", "Kurser", "Öppen avtalstext", "Avtal om deltagande"];

/// Whether somebody may ever see this, asked in whatever way. The words: a MEMBER sees its own association, its agreements,
/// invoices and contacts, all activities and published templates, and nothing else; an ACTIVITY_LEAD its activities' agreements and
/// revenue, for which it must know who the members are.
fn may_see(column: &str, of: Of, whose: Whose) -> bool {
    let services = |columns: &[&str]| columns.contains(&column);
    match column {
        "OFFICE" | "AUDITOR" => true,
        "FINANCE" | "BOARD" => of != Of::Trail,
        "LEAD" => match of {
            Of::Name => true,
            Of::Agreement | Of::Forecast => whose != Whose::Beta,
            Of::Revenue | Of::Activity => whose == Whose::Alfa,
            Of::Affairs | Of::DraftAgreement | Of::Invoice | Of::Draft | Of::Trail => false,
        },
        "MEMBER" => whose == Whose::Alfa && !matches!(of, Of::Activity | Of::DraftAgreement | Of::Draft | Of::Trail),
        // The trail tells of everything.
        "audit" => true,
        "NOBODY" => false,
        _ => match of {
            Of::Name => !services(&["templates", "templates+"]),
            Of::Affairs => services(&["members"]),
            Of::Agreement | Of::DraftAgreement => services(&["agreements", "agreements+"]),
            Of::Forecast => services(&["agreements", "agreements+", "revenue"]),
            Of::Invoice => services(&["invoices", "invoices+"]),
            Of::Revenue => services(&["invoices", "invoices+", "revenue"]),
            Of::Activity => services(&["revenue"]),
            Of::Draft => services(&["templates", "templates+"]),
            Of::Trail => false,
        },
    }
}

/// A query of the table: how it is asked, and the marks of Alfa's and of Beta's things that it is about.
struct Question {
    document: String,
    variables: Value,
    /// Of each, any shows that it is there.
    alfa: &'static [&'static str],
    beta: &'static [&'static str],
    public: &'static [&'static str],
}

/// How each query of the table is asked, with every field that the schema has below it.
fn question(schema: &Schema, samples: &Samples, name: &str) -> Question {
    let widest = |arguments: &str, depth: usize| schema.widest("Query", name, arguments, depth);
    let both = |key: &str, alfa: &str, beta: &str| {
        let by = |value: &str| format!("(by: {{ {key}: \"{value}\" }})");
        format!("{{ a: {} b: {} }}", widest(&by(alfa), 2), widest(&by(beta), 2))
    };
    let (id, one) = (|name: &str| samples.id(name), |depth: usize| format!("{{ {} }}", widest("", depth)));
    let names = &["Samordningsförbundet Alfa", "Samordningsförbundet Beta"];
    let (document, alfa, beta, public): (_, &'static [_], &'static [_], &'static [_]) = match name {
        "node" => {
            let each = samples.ids().into_iter().enumerate().map(|(place, id)| format!("n{place}: {} ", schema.node(id, 1)));
            (format!("{{ {} }}", each.collect::<String>()), &["REF-ALFA"], &["REF-BETA"], &["Uppföljning", "Kurser"])
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
        "activity" => (both("slug", "bip", "indikatorer"), &["2026-7001"], &["2026-7002"], &["Uppföljning", "Kurser"]),
        "agreements" | "expiringAgreements" => (one(2), &["2026-7001"], &["2026-7002"], &[]),
        // Of the samples, Gamma's agreement alone has no template.
        "templateConsistency" => (one(2), &["2026-7003"], &[], &[]),
        "activityMatrix" => {
            let arguments = "(asOf: \"2026-11-21\", comparedTo: \"2026-01-31\")";
            (format!("{{ {} }}", widest(arguments, 2)), &["2026-7001"], &["2026-7002"], names)
        }
        "agreement" => (both("number", "2026-7001", "2026-7002"), &["2026-7001"], &["2026-7002"], &[]),
        "templates" => (one(2), &["Hemligt avtal"], &["Hemlig avtalstext"], &["Öppen avtalstext"]),
        "template" => (both("slug", "deltagande", "nytt"), &["Hemligt avtal"], &["Hemlig avtalstext"], &["Öppen avtalstext"]),
        "templatePlaceholders" => (one(1), &[], &[], &["member.org_number"]),
        "templateFilters" => (one(1), &[], &[], &["tal_i_ord"]),
        "invoices" => (one(2), &["\"8801\""], &["\"8802\""], &[]),
        "invoice" => (both("number", "8801", "8802"), &["\"8801\""], &["\"8802\""], &[]),
        "bankPayments" => (one(2), &["Betalaren Alfa"], &[], &[]),
        "revenue" => {
            let input = "(input: { from: \"2026-01-01\", to: \"2026-12-31\", groupBy: [ACTIVITY, MEMBER, YEAR, QUARTER, MONTH] })";
            (format!("{{ {} }}", widest(input, 2)), &["11311.31"], &["22422.42"], &[])
        }
        "revenueForecast" => (format!("{{ {} }}", widest("(year: 2027)", 2)), &["12121.21"], &["1936.03"], &[]),
        "invoiceRunPreview" => {
            let input = format!("(input: {{ activity: \"{}\", year: 1950 }})", id("bip"));
            (format!("{{ {} }}", widest(&input, 1)), &[], &[], &["problems"])
        }
        "serviceFeeScenario" => (format!("{{ {} }}", widest("(input: { year: 2026, perMille: 2 })", 2)), &["13571357"], &["24682468"], &[]),
        "networkFees" => (one(1), &[], &[], &["PER_MILLE_OF_ALLOCATION"]),
        "referenceRates" => (one(1), &[], &[], &["SFS 2025:809"]),
        "contactExport" => (format!("{{ contactExport(contact: \"{}\") }}", id("anna")), &["anna@alfa"], &[], &[]),
        // The test itself lets somebody read.
        "retention" => (one(1), &[], &[], &["bokföringslagen"]),
        "contactReads" => (one(2), &["anna@alfa"], &["berit@beta"], &["reader@example.se"]),
        "auditLog" => (format!("{{ {} }}", widest("(first: 200)", 1)), &["REF-ALFA"], &["REF-BETA"], &[]),
        _ => panic!("nobody knows how to ask {name}: add it to question()"),
    };
    Question { document, variables: json!({}), alfa, beta, public }
}

/// Asks a question in one column, and says what is wrong with the answer.
async fn try_cell(app: &App, samples: &Samples, name: &str, question: &Question, column: &str, cell: &str) -> Vec<String> {
    let answer = caller(app, samples, column).ask(&question.document, question.variables.clone()).await;
    let text = answer.text();
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{name} for {column} ({cell}): {what}"));
        }
    };
    if cell == "token" {
        expect(answer.status == 401 && answer.code() == "UNAUTHENTICATED", format!("is answered {}", &text[..text.len().min(300)]));
        return wrong;
    }
    if cell == "no" {
        expect(answer.code() == "FORBIDDEN", format!("is answered {}", &text[..text.len().min(300)]));
        return wrong;
    }
    expect(
        answer.errors().is_empty(),
        format!("has errors: {}", serde_json::to_string(answer.errors()).unwrap_or_default().chars().take(600).collect::<String>()),
    );
    let shows = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    let (alfa, beta, public) = match cell {
        "all" => (true, true, true),
        "own" => (true, false, true),
        "public" => (false, false, true),
        "empty" => (false, false, false),
        _ => panic!("{name} has the cell {cell}, which no query can have"),
    };
    for (marks, there, whose) in [(question.alfa, alfa, "Alfa's"), (question.beta, beta, "Beta's")] {
        if !marks.is_empty() {
            expect(shows(marks) == there, format!("{whose} {marks:?} {}", if there { "is missing" } else { "shows" }));
        }
    }
    if !question.public.is_empty() {
        expect(shows(question.public) == public, format!("{:?} {}", question.public, if public { "is missing" } else { "shows" }));
    }
    for (mark, of, whose) in MARKS {
        expect(may_see(column, *of, *whose) || !text.contains(mark), format!("shows {mark:?}, which is {whose:?}'s {of:?}"));
    }
    if cell == "empty" {
        expect(!PUBLIC.iter().any(|mark| text.contains(mark)), "is not empty".into());
    }
    wrong
}

#[tokio::test]
async fn the_table_has_a_row_for_each_query_and_mutation() {
    let schema = Schema::of_program().await;
    let table = Table::read();
    let asked: Vec<_> = ["Query", "Mutation"].into_iter().flat_map(|name| schema.field_names(name)).collect();
    let missing: Vec<_> = asked.iter().filter(|name| !table.rows.contains_key(*name)).collect();
    let gone: Vec<_> = table.rows.keys().filter(|name| !asked.contains(name)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "the access table lacks {missing:?}, and has {gone:?}, which the schema does not");
}

on_both!(queries_answer_as_the_table_says, |app| async move {
    let app =
        app.with(&[("SAMREGISTER_MAX_DEPTH", "30"), ("SAMREGISTER_MAX_COMPLEXITY", "1000000000"), ("SAMREGISTER_MAX_ALIASES", "10000")]);
    let samples = Samples::fill(&app).await;
    crate::payment_samples::bank_payment(&app, "Betalaren Alfa", 1).await;
    let reader = Viewer { subject: "reader@example.se".into(), roles: vec![Role::Board], ..Viewer::default() };
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
    assert!(wrong.is_empty(), "{} cells are not as the table says:\n{}", wrong.len(), wrong.join("\n"));
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
        for (turn, (column, cell)) in cells.into_iter().enumerate() {
            let input = match &good {
                Some(good) if cell != "may" => Value::clone(good),
                _ => input(&app, &samples, name, turn).await,
            };
            good = Some(input.clone());
            let before = app.revision().await;
            let selection = if name == "invoiceRun" { "count alreadyInvoiced problems { reason }" } else { "id" };
            let document =
                format!("mutation($input: {}{}Input!) {{ {name}(input: $input) {{ {selection} }} }}", name[..1].to_uppercase(), &name[1..]);
            let answer = caller(&app, &samples, column).ask(&document, json!({ "input": input })).await;
            let said = answer.errors().first().map_or("done", |error| error["extensions"]["code"].as_str().unwrap_or("?"));
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
    assert!(wrong.is_empty(), "{} cells are not as the table says:\n{}", wrong.len(), wrong.join("\n"));
});

/// A version of a template that can be published or retired, made by the office.
async fn version(app: &App, name: &str, turn: usize) -> String {
    let input =
        json!({ "slug": format!("{}-{turn}", name.to_lowercase()), "title": "Ny", "kind": "COOPERATION", "body": "Ny", "parameters": [] });
    let create = "mutation($input: TemplateCreateInput!) { templateCreate(input: $input) { versions { id } } }";
    let created = app.office().ask(create, json!({ "input": input })).await;
    let id = created["templateCreate"]["versions"][0]["id"].as_str().unwrap().to_owned();
    if name == "templateVersionRetire" {
        let publish = "mutation($id: ID!) { templateVersionPublish(input: { version: $id }) { id } }";
        app.office().ask(publish, json!({ "id": id })).await.data();
    }
    id
}

/// A good input of each mutation; those of later turns differ where the same again would be refused or change nothing.
async fn input(app: &App, samples: &Samples, name: &str, turn: usize) -> Value {
    let id = |name: &str| samples.id(name);
    match name {
        "agreementDraft" => {
            // Its member leaves in the summer.
            json!({ "template": id("deltagande"), "activity": id("bip"), "counterparty": id("beta"), "startsOn": format!("2027-01-{}", turn + 10),
                "endsOn": "2027-06-30" })
        }
        "agreementDraftUpdate" => json!({ "agreement": agreement(app, samples, "DRAFT", name, turn).await.0, "noticeMonths": turn }),
        "agreementOffer" | "agreementWithdraw" => json!({ "agreement": agreement(app, samples, "DRAFT", name, turn).await.0 }),
        "agreementSign" => {
            let (agreement, sha256) = agreement(app, samples, "OFFERED", name, turn).await;
            signature(app, &agreement, "NETWORK", &sha256)
        }
        "agreementGiveNotice" => json!({ "agreement": agreement(app, samples, "SIGNED", name, turn).await.0, "givenOn": "2026-11-21" }),
        "agreementReplace" => json!({ "agreement": agreement(app, samples, "SIGNED", name, turn).await.0, "startsOn": "2028-01-01" }),
        "memberAdmit" => json!({ "name": format!("Ny {turn}"), "joinedOn": "2027-01-01" }),
        "memberUpdate" => json!({ "member": id("beta"), "county": format!("Län {turn}") }),
        "memberLeave" => json!({ "member": id("alfa"), "leftOn": "2027-12-31", "endAgreements": true }),
        // Before alfa leaves by the deed above.
        "memberMerge" => json!({ "into": id("alfa"), "from": [id("beta")], "leftOn": "2027-06-30", "endAgreements": true }),
        "allocationSet" => json!({ "member": id("alfa"), "year": 2030, "amount": format!("{turn}.00") }),
        "contactAdd" => json!({ "member": id("alfa"), "role": "CHAIR", "name": format!("Ny {turn}") }),
        "contactUpdate" => json!({ "contact": id("anna"), "phone": format!("070-174 06 {}", 20 + turn) }),
        "contactErase" => json!({ "contact": id("berit") }),
        "organisationAdd" => json!({ "name": format!("Ny {turn}") }),
        "organisationUpdate" => json!({ "organisation": id("gamma"), "name": format!("Gamma {turn}") }),
        "activityStart" => json!({ "slug": format!("ny-{turn}"), "name": "Ny", "funding": ["VOLUNTEER"], "startsOn": "2027-01-01" }),
        "activityUpdate" => json!({ "activity": id("bip"), "goal": format!("Mål {turn}") }),
        "activityClose" => json!({ "activity": id("indikatorer"), "endsOn": "2040-12-31" }),
        "feeScheduleSet" => {
            json!({ "activity": id("bip"), "validFrom": format!("{}-01-01", 2030 + turn), "basis": "FIXED_PER_YEAR", "amount": "1", "vatRate": "ZERO" })
        }
        "networkFeeSet" => {
            json!({ "validFrom": format!("{}-01-01", 2030 + turn), "basis": "FIXED_PER_YEAR", "amount": "1", "vatRate": "ZERO" })
        }
        _ if name.starts_with("invoice") && name != "invoiceRemind" => crate::invoicing_samples::input(app, id("alfa"), name, turn).await,
        _ if name.contains("ayment") || name == "invoiceRemind" => crate::payment_samples::input(app, id("faktura beta"), name, turn).await,
        "referenceRateSet" => json!({ "validFrom": format!("{}-01-01", 2030 + turn), "percent": 2.5, "source": "SFS" }),
        "costRecord" => json!({ "activity": id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "x" }),
        "grantRecord" => json!({ "activity": id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "funder": "x" }),
        "deadlineAcknowledge" => json!({ "agreement": id(["avtal alfa", "avtal beta"][turn % 2]), "until": "2026-11-30" }),
        "deadlineAcknowledgementWithdraw" => json!({ "agreement": id(["avtal alfa", "avtal beta"][turn % 2]) }),
        "statusReportFile" => json!({ "activity": id("bip"), "period": format!("2026-{turn}"), "health": "GREEN", "summary": "x" }),
        "templateCreate" => {
            json!({ "slug": format!("ny-{turn}"), "title": "Ny", "kind": "COOPERATION", "body": "Ny", "parameters": [] })
        }
        "templateVersionDraft" => json!({ "template": id("deltagande"), "body": format!("Text {turn}") }),
        "templateVersionPublish" | "templateVersionRetire" => json!({ "version": version(app, name, turn).await }),
        _ => panic!("nobody knows how to do {name}: add it to input()"),
    }
}

/// An agreement about BIP of a member of its own, with the digest of its document.
async fn agreement(app: &App, samples: &Samples, status: &str, name: &str, turn: usize) -> (String, String) {
    let member = json!({ "name": format!("{name} {turn}"), "joinedOn": "2020-01-01" });
    let member = deed(&app.office(), "memberAdmit", member, "id").await["memberAdmit"]["id"].clone();
    let input =
        json!({ "template": samples.id("deltagande"), "activity": samples.id("bip"), "counterparty": member, "startsOn": "2026-01-01" });
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
