//! Statements of the workloads W1 to W11, which `benches/workloads` measures: at most so many a
//! request, and no more among 16 at a time.

#[path = "../../../../benches/workloads/documents.rs"]
mod documents;
#[path = "../../../../benches/register/synthetic.rs"]
#[expect(dead_code, reason = "the benchmarks use the other sizes")]
mod synthetic;

use futures_util::future::join_all;
use serde_json::Value;
use tempfile::TempDir;

use self::{
    documents::{Facts, MEMBERS, Workload},
    synthetic::Size,
};
use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{NETWORK, with_network},
};

/// Statements of each workload, at most.
const MOST: [(&str, usize); 11] = [
    ("W1", 3),
    ("W2", 2),
    ("W3", 3),
    ("W4", 2),
    ("W5", 1),
    ("W6", 12),
    ("W7", 2),
    ("W8", 4),
    ("W9", 2),
    ("W10", 3),
    ("W11", 4),
];
/// Requests at a time.
const CALLERS: usize = 16;

/// Fills a register, and returns it with a server that stores no answers.
async fn fill(app: &App) -> (App, TempDir, Facts) {
    let folder = tempfile::tempdir().unwrap();
    synthetic::write(folder.path(), Size { members: 52, agreements: 156, invoices: 120 }).unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    app.import(&files).await;
    let settings = "SAMREGISTER_ANSWER_CACHE_BYTES = 0\nSAMREGISTER_REQUEST_SECONDS = 120\n";
    let (app, folder) = with_network(app, &format!("{settings}{NETWORK}"));
    let ask = async |document: &str, variables: Value| {
        app.office().ask(document, variables).await.data().clone()
    };
    let facts = Facts::find(ask).await;
    (app, folder, facts)
}

async fn ask(app: &App, workload: &Workload) -> Value {
    app.office().ask(workload.document, workload.variables.clone()).await.data().clone()
}

/// Fails when a workload takes more statements than [`MOST`] allows.
fn check(name: &str, made: &[String]) {
    let (_, most) = MOST.into_iter().find(|(known, _)| *known == name).unwrap();
    println!("{name}: {} statements, at most {most}", made.len());
    assert!(made.len() <= most, "{name} takes {} statements:\n{}", made.len(), made.join("\n"));
}

on_both!(a_workload_that_reads_takes_a_few_statements_alone_and_among_others, |app| async move {
    let (app, _folder, facts) = fill(&app).await;
    assert_eq!(facts.reads()[0].document, MEMBERS);
    for workload in facts.reads().into_iter().chain(Facts::wide_reads()) {
        ask(&app, &workload).await;
        app.statements();
        let alone = ask(&app, &workload).await;
        let mut made = app.statements();
        check(workload.name, &made);
        let callers = (0..CALLERS).map(|_| {
            let (app, workload) = (app.clone(), workload.clone());
            tokio::spawn(async move { ask(&app, &workload).await })
        });
        let answers: Vec<_> = join_all(callers).await.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|answer| *answer == alone), "{} differs", workload.name);
        let mut together = app.statements();
        made = made.iter().flat_map(|sql| vec![sql.clone(); CALLERS]).collect();
        made.sort_unstable();
        together.sort_unstable();
        assert_eq!(together, made, "{} among {CALLERS}", workload.name);
    }
});

on_both!(an_invoice_takes_a_few_statements_alone_and_among_others, |app| async move {
    let (app, _folder, facts) = fill(&app).await;
    ask(&app, &facts.issue(0)).await;
    app.statements();
    let first = ask(&app, &facts.issue(1)).await;
    let alone = app.statements();
    check("W6", &alone);
    let callers = (0..CALLERS).map(|position| {
        let (app, workload) = (app.clone(), facts.issue(position));
        tokio::spawn(async move {
            let mut tries = 1;
            loop {
                let answer = app.office().ask(workload.document, workload.variables.clone()).await;
                // A slow machine lets the last ones wait for too long.
                if answer.errors().is_empty() || answer.reason() != "BUSY" {
                    return (tries, answer.data().clone());
                }
                tries += 1;
            }
        })
    });
    let issued: Vec<_> = join_all(callers).await.into_iter().map(Result::unwrap).collect();
    let (together, tries) =
        (app.statements().len(), issued.iter().map(|(tries, _)| tries).sum::<usize>());
    assert!(
        together <= alone.len() * tries,
        "{CALLERS} invoices in {tries} tries take {together} statements, and one takes {}",
        alone.len()
    );
    let number = |answer: &Value| -> i64 {
        answer["invoiceIssue"]["invoice"]["number"].as_str().unwrap().parse().unwrap()
    };
    let mut numbers: Vec<_> = issued.iter().map(|(_, answer)| number(answer)).collect();
    numbers.sort_unstable();
    let next = number(&first) + 1;
    assert!(numbers.into_iter().eq(next..next + CALLERS as i64), "{issued:?}");
});
