//! Long work in the worker pool holds nothing that others need: while it waits there, others write.

use std::{sync::mpsc, thread::available_parallelism, time::Duration};

use domain::worker_pool;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
    invoicing_fixtures::{self, drafted as drafted_invoice, issue, member},
    lifecycle_fixtures::{Register, agreed, connection, drafted, mutate, raw, sql_id},
};

/// Jobs that keep every thread of the pool busy until they are dropped.
struct Blockers {
    _open: Vec<mpsc::Sender<()>>,
}

impl Blockers {
    /// Puts them into the queue. The receivers hear when each of them runs.
    fn queue(subject: &str) -> (Self, Vec<oneshot::Receiver<()>>) {
        let threads = (available_parallelism().map_or(1, usize::from) / 2).max(1);
        let (mut senders, mut begun) = (Vec::new(), Vec::new());
        for n in 0..threads {
            let ((sender, receiver), (began, begins)) = (mpsc::channel::<()>(), oneshot::channel());
            let subject = format!("{subject} {n}");
            tokio::spawn(async move {
                let work = move || {
                    began.send(()).ok();
                    receiver.recv().ok();
                    Ok(())
                };
                worker_pool::run(&subject, work).await.unwrap();
            });
            senders.push(sender);
            begun.push(begins);
        }
        (Self { _open: senders }, begun)
    }

    /// The same when all of them run.
    async fn start(subject: &str) -> Self {
        let (blockers, begun) = Self::queue(subject);
        for begins in begun {
            begins.await.unwrap();
        }
        blockers
    }
}

/// Long enough for what does not wait for the pool.
const SOON: Duration = Duration::from_millis(500);

/// Does a mutation on its own.
fn begin(app: &App, name: &'static str, input: Value) -> JoinHandle<Answer> {
    let app = app.clone();
    tokio::spawn(async move { app.office().does(name, "id", input).await })
}

/// Another one's mutation, which must be done while the pool is busy.
async fn write(caller: &Caller<'_>, name: &str) {
    let done = mutate(caller, "organisationAdd", json!({ "name": name }), "id");
    timeout(Duration::from_secs(4), done)
        .await
        .unwrap_or_else(|_| panic!("{name} waits for the pool"))
        .data();
}

on_both!(a_template_is_checked_while_others_write, |app| async move {
    let register = Register::fill(&app).await;
    let parameters =
        json!([{ "name": "days", "label": "Dagar", "type": "INTEGER", "required": true }]);
    let body = "## Avtal\n\nI {{ days }} dagar.\n";
    let new = json!({ "slug": "prov", "title": "Prov", "kind": "PARTICIPATION", "body": body, "parameters": parameters });
    let next =
        json!({ "templateId": register.id("deltagande"), "body": body, "parameters": parameters });
    let publish = json!({ "templateVersionId": register.id("utkast 1") });
    for (n, (name, input)) in [
        ("templateCreate", new),
        ("templateVersionDraft", next),
        ("templateVersionPublish", publish),
    ]
    .into_iter()
    .enumerate()
    {
        let blockers = Blockers::start(&format!("check {n}")).await;
        let mut checked = begin(&app, name, input);
        assert!(timeout(SOON, &mut checked).await.is_err(), "{name} was not checked in the pool");
        write(&app.office(), &format!("Annan {n}")).await;
        drop(blockers);
        checked.await.unwrap().data();
    }
});

on_both!(a_text_that_changes_while_it_is_checked_is_checked_again, |app| async move {
    let register = Register::fill(&app).await;
    let draft = register.id("utkast 1");
    let blockers = Blockers::start("first").await;
    let mut published =
        begin(&app, "templateVersionPublish", json!({ "templateVersionId": draft }));
    assert!(timeout(SOON, &mut published).await.is_err());
    // As an import of another program does, which only warns.
    let draft = sql_id(&app, draft);
    raw(&app, &format!("UPDATE agreement_template_text SET body = 'Avtal {{{{ okant }}}}' WHERE version_id = {draft}")).await.unwrap();
    drop(blockers);
    let answer = published.await.unwrap();
    assert_eq!(
        answer.bad_fields(),
        [
            "input.templateVersionId.body",
            "input.templateVersionId.parameters.0.name",
            "input.templateVersionId.parameters.1.name"
        ]
    );
});

on_both!(an_offer_whose_facts_change_is_set_again_while_others_write, |app| async move {
    let register = Register::fill(&app).await;
    let id = drafted(&app, register.draft(0, "bip", "2027-01-01")).await;
    let first = Blockers::start("first").await;
    let mut offered = begin(&app, "agreementOffer", json!({ "agreementId": id }));
    assert!(timeout(SOON, &mut offered).await.is_err());
    // What it says is another thing now; and the pool is busy again when the offer has found out.
    let member = json!({ "memberId": register.id("Förbund 00"), "name": "Förbund Noll" });
    mutate(&app.office(), "memberUpdate", member, "id").await.data();
    let (second, begun) = Blockers::queue("second");
    drop(first);
    for begins in begun {
        begins.await.unwrap();
    }
    assert!(timeout(SOON, &mut offered).await.is_err());
    write(&app.office(), "Annan").await;
    drop(second);
    offered.await.unwrap().data();
    let answer = app
        .office()
        .ask(
            "query($id: ID!) { agreement(by: { id: $id }) { document { html } } }",
            json!({ "id": id }),
        )
        .await;
    let html = answer["agreement"]["document"]["html"].as_str().unwrap();
    assert!(html.contains("Förbund Noll") && !html.contains("Förbund 00"), "{html}");
});

on_both!(the_text_of_a_draft_is_filled_in_while_others_write, |app| async move {
    let register = Register::fill(&app).await;
    let draft = drafted(&app, register.draft(1, "bip", "2027-01-01")).await;
    let signed = agreed(&app, register.draft(2, "bip", "2027-01-01")).await;
    let inputs = [
        ("agreementDraft", register.draft(0, "bip", "2027-01-01")),
        ("agreementDraftUpdate", json!({ "agreementId": draft, "noticeMonths": 6 })),
        ("agreementReplace", json!({ "agreementId": signed, "startsOn": "2028-01-01" })),
    ];
    for (n, (name, input)) in inputs.into_iter().enumerate() {
        let blockers = Blockers::start(&format!("draft {n}")).await;
        let mut written = begin(&app, name, input);
        assert!(
            timeout(SOON, &mut written).await.is_err(),
            "the text of {name} was not filled in in the pool"
        );
        write(&app.office(), &format!("Annan {n}")).await;
        drop(blockers);
        written.await.unwrap().data();
    }
});

on_both!(a_draft_that_changes_while_its_text_is_filled_in_is_read_again, |app| async move {
    let register = Register::fill(&app).await;
    let id = drafted(&app, register.draft(0, "bip", "2027-01-01")).await;
    let first = Blockers::start("first").await;
    let mut updated =
        begin(&app, "agreementDraftUpdate", json!({ "agreementId": id, "noticeMonths": 6 }));
    assert!(timeout(SOON, &mut updated).await.is_err());
    mutate(&app.office(), "agreementWithdraw", json!({ "agreementId": id }), "id").await.data();
    drop(first);
    assert_eq!(updated.await.unwrap().reason(), "WITHDRAWN");
    // The text names the other party; and the pool is busy again when the mutation has found that
    // out.
    let second = Blockers::start("second").await;
    let mut new = begin(&app, "agreementDraft", register.draft(1, "bip", "2027-01-01"));
    assert!(timeout(SOON, &mut new).await.is_err());
    let member = json!({ "memberId": register.id("Förbund 01"), "name": "Förbund Ett" });
    mutate(&app.office(), "memberUpdate", member, "id").await.data();
    let (third, begun) = Blockers::queue("third");
    drop(second);
    for begins in begun {
        begins.await.unwrap();
    }
    assert!(timeout(SOON, &mut new).await.is_err(), "the text was not filled in again");
    write(&app.office(), "Annan").await;
    drop(third);
    new.await.unwrap().data();
});

/// An issued invoice with so many lines: the path of its PDF.
async fn issued(app: &App, lines: usize) -> String {
    let buyer = member(app, 1).await;
    let lines: Vec<_> =
        (0..lines).map(|n| json!({ "description": format!("Kurs {n}"), "unitPrice": "100", "vatRate": "EXEMPT" })).collect();
    let id = drafted_invoice(&app.finance(), json!({ "buyerId": buyer, "lines": lines })).await;
    issue(&app.finance(), &id, "id").await.data();
    format!("/files/invoices/{id}.pdf")
}

on_both!(a_small_invoice_does_not_wait_for_large_ones, |app| async move {
    let (app, _folder) = invoicing_fixtures::fill(&app, 3).await;
    let small = issued(&app, 3).await;
    // Another's large invoices are being set.
    let (sender, receiver) = mpsc::channel::<()>();
    let (began, begins) = oneshot::channel();
    let large = tokio::spawn(async move {
        let work = move || {
            began.send(()).ok();
            receiver.recv().ok();
            Ok(())
        };
        worker_pool::run_long("another", work).await
    });
    begins.await.unwrap();
    let fetched = timeout(Duration::from_secs(60), app.finance().get(&small))
        .await
        .unwrap_or_else(|_| panic!("it waits for the large one"));
    assert!(fetched.bytes.starts_with(b"%PDF-"), "{}", fetched.text());
    drop(sender);
    large.await.unwrap().unwrap();
});

on_both!(a_pdf_in_progress_is_stored_for_the_next_request, |app| async move {
    let (app, _folder) = invoicing_fixtures::fill(&app, 3).await;
    let path = issued(&app, 3).await;
    let hurried = app.with(&[("SAMREGISTER_REQUEST_SECONDS", "1")]);
    // Another program writes for longer than the request may take.
    let connection = connection(&app).await;
    let tx = connection.begin().await.unwrap();
    let lock = match app.db.backend() {
        DbBackend::Postgres => "SELECT pg_advisory_xact_lock(91539935216967)",
        _ => "DELETE FROM idempotent_request WHERE 1 = 0",
    };
    tx.execute_unprepared(lock).await.unwrap();
    let late = hurried.finance().get(&path).await;
    assert_eq!(
        (late.status.as_u16(), &late.error()["extensions"]["reason"]),
        (400, &json!("LIMIT_TIME"))
    );
    tx.rollback().await.unwrap();
    connection.close().await.unwrap();
    for _ in 0..300 {
        let kept = app.db.read().query_all_raw(Statement::from_string(
            app.db.backend(),
            "SELECT 1 FROM invoice_file WHERE format = 'PDF'",
        ));
        if !kept.await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the PDF was not kept");
});

on_both!(an_invoice_whose_pdf_cannot_be_made_is_refused_as_a_draft, |app| async move {
    let (app, _folder) = invoicing_fixtures::fill(&app, 3).await;
    let buyer = member(&app, 1).await;
    let input = |text: &str| {
        let line = json!({ "description": text, "unitPrice": "1", "vatRate": "EXEMPT" });
        json!({ "buyerId": buyer, "lines": vec![line; 1000] })
    };
    let plain = "Särskild avgift för deltagande i BIP-kurser under året, ".repeat(5);
    drafted_invoice(&app.finance(), input(plain.trim())).await;
    let marks = format!("a{}", "\u{301}".repeat(29)).repeat(10);
    for text in ["samordningsförbund ".repeat(15).trim(), &marks] {
        let refused = app.finance().does("invoiceDraft", "id", input(text)).await;
        assert_eq!(refused.bad_fields(), ["input.lines"], "{text}");
        assert!(refused.text().contains("than a PDF of an invoice can have"), "{}", refused.text());
    }
});
