//! Payments: each is booked once, allocated to the öre, and reversed without losing its history.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::raw,
    payment_fixtures::{LEDGER, TOTAL_OF_1001, adds_up, came_in, does, id, invoice, pays},
    random_ledger::RandomLedger,
};

on_both!(a_payment_is_booked_once_and_shared_out, |app| async move {
    app.import(&LEDGER).await;
    let before = app.revision().await;
    let part = pays(&app, "1001", "2026-02-10", "1000.00", "B1").await;
    assert_eq!(
        part["paymentRecord"],
        json!({ "paid": "1000.00", "outstanding": "855.99", "overpaid": "0.00", "status": "OVERDUE" })
    );
    assert_eq!(app.trail(before).await.len(), 1);
    // 1000 of 1855.99: 673.50, 269.40 and 57.11 by the lines' gross sums; the öre too much is the
    // largest's.
    assert_eq!(
        came_in(&app, "2026-02-01", "2026-02-28").await,
        [("bip".into(), "326.51".into()), ("indikatorer".into(), "673.49".into())]
    );

    let revision = app.revision().await;
    let again = pays(&app, "1001", "2026-02-10", "1000.00", " B1 ").await;
    assert_eq!(again["paymentRecord"], part["paymentRecord"]);
    assert_eq!(app.revision().await, revision, "the same again changes nothing");
    for (day, amount) in [("2026-02-11", "1000.00"), ("2026-02-10", "1000.01")] {
        assert_eq!(pays(&app, "1001", day, amount, "B1").await.reason(), "PAYMENT_DIFFERS");
    }
    // The same reference on another invoice is another payment.
    assert_eq!(
        pays(&app, "1002", "2026-03-10", "300.00", "B1").await["paymentRecord"]["outstanding"],
        "500.00"
    );

    let rest = pays(&app, "1001", "2026-03-05", "900.00", "B2").await;
    assert_eq!(
        rest["paymentRecord"],
        json!({ "paid": "1900.00", "outstanding": "0.00", "overpaid": "44.01", "status": "PAID" })
    );
    let reported = invoice(
        &app,
        "1001",
        "before: status(asOf: \"2026-03-04\") then: status(asOf: \"2026-03-05\") payments { receivedOn amount reference reverses { id } reason }",
    )
    .await;
    assert_eq!((&reported["before"], &reported["then"]), (&json!("OVERDUE"), &json!("PAID")));
    assert_eq!(
        reported["payments"][0],
        json!({ "receivedOn": "2026-02-10", "amount": "1000.00", "reference": "B1", "reverses": null, "reason": null })
    );
    adds_up(&app).await;
});

on_both!(a_payment_with_an_earlier_day_moves_the_shares_of_later_ones, |app| async move {
    app.import(&LEDGER).await;
    for (day, amount, reference) in [
        ("2026-05-10", "0.07", "B3"),
        ("2026-03-10", "0.05", "B2"),
        ("2026-02-10", "0.03", "B1"),
        ("2026-03-10", "1855.84", "B0"),
    ] {
        pays(&app, "1001", day, amount, reference).await.data();
        adds_up(&app).await;
    }
    // Once all is paid, each line is paid to the öre, in whatever order it came.
    assert_eq!(
        came_in(&app, "2026-01-01", "2026-12-31").await,
        [("bip".into(), "605.99".into()), ("indikatorer".into(), "1250.00".into())]
    );
    assert_eq!(
        invoice(&app, "1001", "paid total").await,
        json!({ "paid": TOTAL_OF_1001, "total": TOTAL_OF_1001 })
    );
});

on_both!(every_error_of_a_payment_is_named_at_once, |app| async move {
    app.import(&LEDGER).await;
    let before = app.revision().await;
    let (invoice, other) = (id(&app, "1003").await, id(&app, "1").await);
    // The number 1 is the credit note's alone.
    let draft = app
        .office()
        .query("{ invoices(filter: { status: DRAFT }) { nodes { id } } }")
        .await["invoices"]["nodes"][0]["id"]
        .clone();
    for (input, fields) in [
        (
            json!({ "invoiceId": "x", "receivedOn": "2026-02-30", "amount": "1.005", "reference": " " }),
            vec!["input.amount", "input.invoiceId", "input.receivedOn", "input.reference"],
        ),
        (
            json!({ "invoiceId": invoice, "receivedOn": "2026-10-31", "amount": "0.00", "reference": "x".repeat(281) }),
            vec!["input.amount", "input.receivedOn", "input.reference"],
        ),
        (
            json!({ "invoiceId": invoice, "receivedOn": "2026-11-22", "amount": "-1.00", "reference": "\u{0}" }),
            vec!["input.amount", "input.receivedOn", "input.reference"],
        ),
        (
            json!({ "invoiceId": other, "receivedOn": "2026-11-22", "amount": "0.00", "reference": "B" }),
            vec!["input.amount", "input.invoiceId", "input.receivedOn"],
        ),
        (
            json!({ "invoiceId": draft, "receivedOn": "2026-11-20", "amount": "1.00", "reference": "B" }),
            vec!["input.invoiceId"],
        ),
    ] {
        let answer = does(&app, "paymentRecord", input.clone(), "id").await;
        assert_eq!(answer.bad_fields(), fields, "{input}");
    }
    let nothing = json!({ "invoiceId": "invoice_0197aaaaaaaa7000800000000000000a", "receivedOn": "2026-11-20", "amount": "1.00", "reference": "B" });
    assert_eq!(does(&app, "paymentRecord", nothing, "id").await.code(), "NOT_FOUND");
    assert_eq!(app.revision().await, before);

    let most = "10000000000.00";
    pays(&app, "1003", "2026-11-20", most, "B1").await.data();
    assert_eq!(pays(&app, "1003", "2026-11-20", "0.01", "B2").await.bad_fields(), ["input.amount"]);
    assert_eq!(
        pays(&app, "1003", "2026-11-20", most, "B1").await["paymentRecord"]["overpaid"],
        "9999998900.00"
    );
    adds_up(&app).await;
});

on_both!(one_payment_comes_of_many_at_a_time, |app| async move {
    app.import(&LEDGER).await;
    let before = app.revision().await;
    let invoice_id = id(&app, "1001").await;
    let tasks = (0..16).map(|_| {
        let (app, invoice) = (app.clone(), invoice_id.clone());
        tokio::spawn(async move {
            let input = json!({ "invoiceId": invoice, "receivedOn": "2026-02-10", "amount": "1000.00", "reference": "B1" });
            does(&app, "paymentRecord", input, "paid").await["paymentRecord"]["paid"].clone()
        })
    });
    let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|paid| paid == "1000.00"), "{answers:?}");
    assert_eq!(app.trail(before).await.len(), 1);
    // Others at a time lose none.
    let tasks = (0..16).map(|n| {
        let (app, invoice) = (app.clone(), invoice_id.clone());
        tokio::spawn(async move {
            let input = json!({ "invoiceId": invoice, "receivedOn": "2026-02-11", "amount": "1.01", "reference": format!("C{n}") });
            does(&app, "paymentRecord", input, "paid").await.data().clone()
        })
    });
    join_all(tasks).await.into_iter().for_each(|done| drop(done.unwrap()));
    assert_eq!(invoice(&app, "1001", "paid").await["paid"], "1016.16");
    adds_up(&app).await;
});

on_both!(a_payment_is_reversed_by_another, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1001", "2026-02-10", TOTAL_OF_1001, "B1").await.data();
    assert_eq!(invoice(&app, "1001", "status").await["status"], "PAID");
    let payment = invoice(&app, "1001", "payments { id }").await["payments"][0]["id"].clone();
    let bad = json!({ "paymentId": payment, "reversedOn": "2026-02-09", "reason": "" });
    assert_eq!(
        does(&app, "paymentReverse", bad, "id").await.bad_fields(),
        ["input.reason", "input.reversedOn"]
    );
    let bad = json!({ "paymentId": payment, "reversedOn": "2026-11-22", "reason": "x" });
    assert_eq!(does(&app, "paymentReverse", bad, "id").await.bad_fields(), ["input.reversedOn"]);

    let before = app.revision().await;
    let input = json!({ "paymentId": payment, "reversedOn": "2026-04-01", "reason": "Avsåg Gävles faktura" });
    let taken = does(
        &app,
        "paymentReverse",
        input.clone(),
        "number paid outstanding status payments { receivedOn amount reference reverses { id } reason }",
    )
    .await;
    assert_eq!(
        taken["paymentReverse"],
        json!({ "number": "1001", "paid": "0.00", "outstanding": TOTAL_OF_1001, "status": "OVERDUE", "payments": [
            { "receivedOn": "2026-02-10", "amount": TOTAL_OF_1001, "reference": "B1", "reverses": null, "reason": null },
            { "receivedOn": "2026-04-01", "amount": "-1855.99", "reference": "B1 (återförd)", "reverses": { "id": payment }, "reason": "Avsåg Gävles faktura" },
        ] })
    );
    let trail = app.trail(before).await;
    assert_eq!(
        (trail.len(), &trail[0]["action"], &trail[0]["after"]["paid"]),
        (1, &json!("paymentReverse"), &json!(0))
    );
    // What was reported of February stays true, and April has less.
    assert_eq!(
        came_in(&app, "2026-02-01", "2026-02-28").await,
        [("bip".into(), "605.99".into()), ("indikatorer".into(), "1250.00".into())]
    );
    assert_eq!(
        came_in(&app, "2026-04-01", "2026-04-30").await,
        [("bip".into(), "-605.99".into()), ("indikatorer".into(), "-1250.00".into())]
    );
    adds_up(&app).await;

    assert_eq!(does(&app, "paymentReverse", input, "id").await.reason(), "PAYMENT_REVERSED");
    let reversal = invoice(&app, "1001", "payments { id }").await["payments"][1]["id"].clone();
    assert_eq!(
        does(&app, "paymentReverse", json!({ "paymentId": reversal, "reason": "x" }), "id")
            .await
            .reason(),
        "IS_REVERSAL"
    );
    assert_eq!(
        pays(&app, "1001", "2026-02-10", TOTAL_OF_1001, "B1").await.reason(),
        "PAYMENT_REVERSED"
    );
    assert_eq!(
        pays(&app, "1001", "2026-05-01", TOTAL_OF_1001, "B1 igen").await["paymentRecord"]["status"],
        "PAID"
    );
    let reported = invoice(
        &app,
        "1001",
        "april: status(asOf: \"2026-04-30\") may: status(asOf: \"2026-05-01\")",
    )
    .await;
    assert_eq!(reported, json!({ "april": "OVERDUE", "may": "PAID" }));
    adds_up(&app).await;
});

on_both!(reversals_go_out_with_the_files_and_come_in_again, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1002", "2026-03-10", "500.00", "B1").await.data();
    pays(&app, "1002", "2026-03-10", "10.00", "A9").await.data();
    let payments = invoice(&app, "1002", "payments { id reference }").await["payments"].clone();
    let payment = payments
        .as_array()
        .unwrap()
        .iter()
        .find(|payment| payment["reference"] == "B1")
        .unwrap()["id"]
        .clone();
    does(
        &app,
        "paymentReverse",
        json!({ "paymentId": payment, "reversedOn": "2026-03-10", "reason": "Studsade" }),
        "id",
    )
    .await
    .data();
    adds_up(&app).await;

    let folder = tempfile::tempdir().unwrap();
    let done = app.program().args(["export", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text =
        |folder: &std::path::Path| std::fs::read_to_string(folder.join("payments.csv")).unwrap();
    let first = text(folder.path());
    assert!(first.contains(",2026-03-10,-500.00,B1 (återförd),B1,Studsade,,\n"), "{first}");
    // The same again changes nothing, and into an empty register it makes the same.
    let before = app.revision().await;
    let done = app.program().args(["import", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(app.revision().await, before);
    let other = App::sqlite().await;
    let (done, second) = (
        other.program().args(["import", folder.path().to_str().unwrap()]).output().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(
        other
            .program()
            .args(["export", second.path().to_str().unwrap()])
            .output()
            .unwrap()
            .status
            .success()
    );
    assert_eq!(text(second.path()), first);
    adds_up(&other).await;

    // What was reversed stays as it was, and a reversal is all of a payment that is there.
    for (row, why) in [
        ("b,2026-03-11,500.00,B1,,", "never changes"),
        ("b,2026-03-10,-500.00,X,B1,Igen", "is reversed already"),
        ("b,2026-03-10,-9.00,X,A9,Del", "must be -10.00, all of what it reverses"),
        ("b,2026-03-09,-10.00,X,A9,Förr", "must not be before 2026-03-10"),
        ("b,2026-03-10,-10.00,X,Z,Vilken", "is the reference of no payment"),
        ("b,2026-03-10,-10.00,X,A9,", "must say why"),
        ("b,2026-03-10,10.00,X,A9,Fel tecken", "must be below zero"),
        ("b,2026-03-10,-10.00,X,,", "must be above zero"),
    ] {
        let files = [(
            "payments.csv",
            format!("invoice,received_on,amount,reference,reverses,reason\n{row}\n"),
        )];
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let error = app.try_import(&files).await.unwrap_err().to_string();
        assert!(error.contains(why), "{row}: {error}");
    }
});

on_both!(the_ledger_adds_up_whatever_comes_in_and_in_what_order, |app| async move {
    for seed in 0..2 {
        let app = if seed == 0 { app.clone() } else { App::sqlite().await };
        RandomLedger::draw(&app, seed, 30).await;
        let mut random = StdRng::seed_from_u64(seed);
        let list = "{ invoices(first: 200, filter: { kind: INVOICE }) { nodes { id number issuedOn total payments { amount } } } }";
        let listed =
            app.finance().query(list).await["invoices"]["nodes"].as_array().unwrap().clone();
        let ore =
            |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        let mut mutations = Vec::new();
        for node in listed.iter().filter(|node| !node["issuedOn"].is_null()) {
            let number = node["number"].as_str().unwrap();
            expected.insert(
                number.to_owned(),
                node["payments"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|payment| ore(&payment["amount"]))
                    .sum(),
            );
            for nth in 0..random.random_range(0..4) {
                // Öre, a part of it, all of it, or more.
                let amount = match random.random_range(0..4) {
                    0 => random.random_range(1..10),
                    1 => (ore(&node["total"]).abs() / 3).max(1),
                    2 => ore(&node["total"]).abs().max(1),
                    _ => ore(&node["total"]).abs() * 2 + 7,
                };
                let day = format!("2026-11-{:02}", random.random_range(20..=21));
                mutations.push((node.clone(), day, amount, format!("P{nth}")));
            }
        }
        mutations.shuffle(&mut random);
        for (node, day, amount, reference) in mutations {
            let input = json!({ "invoiceId": node["id"], "receivedOn": day, "amount": format!("{}.{:02}", amount / 100, amount % 100), "reference": reference });
            let answer = does(&app, "paymentRecord", input, "payments { id reference }").await;
            *expected.get_mut(node["number"].as_str().unwrap()).unwrap() += amount;
            if random.random_range(0..5) == 0 {
                let payments = answer["paymentRecord"]["payments"].as_array().unwrap().clone();
                let payment = payments
                    .iter()
                    .find(|payment| payment["reference"] == reference)
                    .unwrap()["id"]
                    .clone();
                does(
                    &app,
                    "paymentReverse",
                    json!({ "paymentId": payment, "reason": "Fel" }),
                    "id",
                )
                .await
                .data();
                *expected.get_mut(node["number"].as_str().unwrap()).unwrap() -= amount;
            }
        }
        adds_up(&app).await;
        let listed = app
            .finance()
            .query("{ invoices(first: 200, filter: { kind: INVOICE }) { nodes { number paid } } }")
            .await;
        for node in listed["invoices"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|node| !node["number"].is_null())
        {
            assert_eq!(ore(&node["paid"]), expected[node["number"].as_str().unwrap()], "{node}");
        }
        let by_activity: i64 = came_in(&app, "2000-01-01", "2030-12-31")
            .await
            .iter()
            .map(|(_, gross)| ore(&json!(gross)))
            .sum();
        assert_eq!(
            by_activity,
            expected.values().sum::<i64>(),
            "what came in by activity is what came in"
        );
    }
});

on_both!(the_database_itself_refuses_what_is_no_payment, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1002", "2026-03-10", "500.00", "B1").await.data();
    for amount in ["0", "-1"] {
        assert!(
            raw(&app, &format!("UPDATE payment SET amount = {amount}")).await.is_err(),
            "{amount}"
        );
    }
    raw(&app, "UPDATE payment SET amount = 2").await.unwrap();
});
