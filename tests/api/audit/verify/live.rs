//! Findings of `verify` in a register that others write to, and about numbers that came with
//! imported history.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use domain::{
    findings::Findings,
    integrity::{self, Request},
};
use serde_json::json;

use crate::support::{
    app::{App, on_both, runs},
    invoicing_fixtures::{course, drafted, fill, issue, member, with_network},
    lifecycle_fixtures::{Register, mutate, raw},
};

/// Returns the findings of `verify`.
async fn verified(app: &App) -> Findings {
    integrity::verify(&app.db, app.clock, Request::default()).await.unwrap().findings
}

on_both!(a_register_that_others_write_to_is_checked_in_one_state, |app| async move {
    let register = Register::fill(&app).await;
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let (app, draft) = (app.clone(), register.draft(writer, "bip", "2027-01-01"));
            let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
            tokio::spawn(async move {
                // What the search knows, what agreements store of their dates, and entries of the
                // trail change in every round.
                let id = mutate(&app.office(), "agreementDraft", draft.clone(), "id").await["agreementDraft"]["id"].clone();
                for permit in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let name = format!("Förbund {writer} {permit}");
                    mutate(&app.office(), "memberAdmit", json!({ "name": name, "joinedOn": "2026-01-01" }), "id").await.data();
                    let mut draft = draft.clone();
                    (draft["agreementId"], draft["endsOn"]) = (id.clone(), json!(format!("{}-12-31", 2027 + permit % 60)));
                    mutate(&app.office(), "agreementDraftUpdate", draft, "id").await.data();
                    written.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (mut checks, least) = (0, runs(6, 100));
    while checks < least || written.load(Ordering::Relaxed) < least {
        assert_eq!(verified(&app).await, Findings::default(), "in check {checks}");
        checks += 1;
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
});

on_both!(numbers_that_imported_history_lacks_are_notes, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let history = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
        h1,2025-0014,COOPERATION,INCOME,bip,org,,,2025-01-01,2025-12-31,3,,2024-11-01T08:00:00Z,2024-12-01,,FIXED_PER_YEAR,1.00,,EXEMPT\n\
        h2,2025-0017,COOPERATION,INCOME,bip,org,,,2026-01-01,2026-12-31,3,,2024-11-01T08:00:00Z,2024-12-01,,FIXED_PER_YEAR,1.00,,EXEMPT\n";
    app.import(&[
        ("agreements.csv", history),
        (
            "invoices.csv",
            "key,number,kind,buyer,issued_on,due_on,credits\nh1,1001,INVOICE,m1,2025-01-01,2025-02-01,\nh2,1010,INVOICE,m1,2025-03-01,2025-04-01,\n",
        ),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nh1,Kurs,,,,,1,100.00,STANDARD_25\nh2,Kurs,,,,,1,100.00,STANDARD_25\n",
        ),
    ])
    .await;
    let found = verified(&app).await;
    assert_eq!(found.violations, [""; 0]);
    let notes = [
        "agreement 2025-0014 is followed by 2025-0017: 15 to 16 are missing",
        "the invoice series lacks 1002 to 1009",
    ];
    for note in notes {
        assert!(found.notes.contains(&format!("{note} from imported history")), "{found:?}");
    }
    let output = app.program().arg("verify").output().unwrap();
    let reported = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{reported}");
    assert!(
        reported.contains("note: the invoice series lacks 1002 to 1009 from imported history\n")
            && reported.contains("no violation, "),
        "{reported}"
    );

    // What the program numbers has no gap; one that is made behind its back is a violation, also
    // where the numbers of history begin.
    let buyer = member(&app, 1).await;
    for number in 1011..=1013 {
        let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
        assert_eq!(
            issue(&app.finance(), &id, "number").await["invoiceIssue"]["number"],
            number.to_string()
        );
    }
    assert_eq!(verified(&app).await, found);
    let postgres = app.db.backend() == sea_orm::DbBackend::Postgres;
    for number in [1012, 1011] {
        let unlock = if postgres {
            "ALTER TABLE invoice DISABLE TRIGGER USER"
        } else {
            "DROP TRIGGER IF EXISTS invoice__frozen"
        };
        raw(&app, unlock).await.unwrap();
        let rename = format!(
            "UPDATE invoice SET number = 'X{number}', number_key = 'x{number}' WHERE number = '{number}'"
        );
        raw(&app, &rename).await.unwrap();
    }
    let violations = verified(&app).await.violations;
    assert!(
        violations.contains(&"the invoice series lacks 1011 to 1012".to_owned()),
        "{violations:?}"
    );

    // An import above them brings history again.
    let app = with_network(&app, crate::support::invoicing_fixtures::NETWORK).0;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\nh3,1020,INVOICE,m1,2026-11-20,2026-12-20,\n"),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nh3,Kurs,,,,,1,100.00,STANDARD_25\n",
        ),
    ])
    .await;
    let notes = verified(&app).await.notes;
    assert!(
        notes.contains(&"the invoice series lacks 1014 to 1019 from imported history".to_owned()),
        "{notes:?}"
    );
});
