//! The account of the bank in the books: it equals the bank's statement every day, whatever is
//! matched when.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    economy::payments::refunds::books,
    support::{
        app::{App, on_both},
        bank_fixtures::{BGMAX, bank_payments, bgmax, find, import, payment, waiting},
        payment_fixtures::{LEDGER, adds_up, does, id, invoice, ocr, pays},
    },
};

fn sums<const N: usize>(sums: [(&str, i64); N]) -> BTreeMap<String, i64> {
    sums.into_iter().map(|(account, sum)| (account.to_owned(), sum)).collect()
}

on_both!(what_is_not_matched_stands_on_the_observation_account, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "bg.txt", BGMAX).await;
    // The 18th: a deposit of 2 850.00, of which a deduction lets a payment wait.
    let deposits: BTreeMap<&str, i64> = [("2026-11-18", 285_000), ("2026-11-19", 191_599)].into();
    for (day, sum) in &deposits {
        assert_eq!(books(&app, day, day)["1930"], *sum, "{day}: {:?}", books(&app, day, day));
    }
    let left: i64 = waiting(&app)
        .await
        .iter()
        .map(|row| row["remaining"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap())
        .sum();
    assert_eq!(
        books(&app, "2026-11-18", "2026-11-19").get("2890").copied().unwrap_or_default(),
        -left
    );
    // Matched on a later day: the bank's account stays, and the money leaves the observation
    // account.
    let ten = find(&bank_payments(&app, "").await, "10.00")["id"].clone();
    let input = json!({ "bankPaymentId": ten, "invoiceId": id(&app, "1005").await, "bookedOn": "2026-11-21" });
    does(&app, "bankPaymentMatch", input, "status").await.data();
    assert_eq!(books(&app, "2026-11-21", "2026-11-21"), sums([("2890", 1_000), ("1510", -1_000)]));
    for (day, sum) in &deposits {
        assert_eq!(books(&app, day, day)["1930"], *sum, "{day}");
    }
    adds_up(&app).await;
});

on_both!(money_that_is_matched_again_stands_once_on_the_banks_account, |app| async move {
    app.import(&LEDGER).await;
    let two = ocr(&app, "1002").await;
    let file = String::from_utf8(bgmax(&[payment(&two, 80_000, [])]))
        .unwrap()
        .replace("2026112000001", "2026091500001");
    import(&app, "bg.txt", file).await;
    let september = books(&app, "2026-09-01", "2026-09-30");
    assert_eq!(september, sums([("1930", 80_000), ("1510", -80_000)]));
    let wrong = invoice(&app, "1002", "payments { id }").await["payments"][0]["id"].clone();
    does(
        &app,
        "paymentReverse",
        json!({ "paymentId": wrong, "reversedOn": "2026-10-05", "reason": "Fel faktura" }),
        "id",
    )
    .await
    .data();
    assert_eq!(
        books(&app, "2026-10-01", "2026-10-31"),
        sums([("1510", 80_000), ("2890", -80_000)])
    );
    let input = json!({ "bankPaymentId": waiting(&app).await[0]["id"], "invoiceId": id(&app, "1001").await });
    does(&app, "bankPaymentMatch", input, "status").await.data();
    assert_eq!(
        books(&app, "2026-09-01", "2026-09-30"),
        september,
        "what was reported of September stays true"
    );
    assert_eq!(
        books(&app, "2026-10-01", "2026-10-31"),
        sums([("1510", 80_000), ("2890", -80_000)])
    );
    assert_eq!(
        books(&app, "2026-11-21", "2026-11-21"),
        sums([("1510", -80_000), ("2890", 80_000)])
    );
    // 800.00 came once.
    assert_eq!(books(&app, "2026-01-01", "2026-12-31").get("2890"), None);
    assert_eq!(books(&app, "2026-01-01", "2026-12-31")["1930"], 80_000);
});

on_both!(a_duplicate_never_stands_in_the_books, |app| async move {
    app.import(&LEDGER).await;
    let file = |serial: &str| {
        String::from_utf8(bgmax(&[payment("Tack", 5_000, [])]))
            .unwrap()
            .replace("2026112000001", serial)
    };
    import(&app, "1.txt", file("2026112000001")).await;
    assert_eq!(import(&app, "2.txt", file("2026112000002")).await, ["again NO_REFERENCE 50.00"]);
    assert_eq!(books(&app, "2026-11-20", "2026-11-20"), sums([("1930", 5_000), ("2890", -5_000)]));
    let all = bank_payments(&app, "").await;
    assert_eq!(all.iter().filter(|row| row["status"] == "DUPLICATE").count(), 1);
    // What finance recorded a day before the bank had it.
    pays(&app, "1002", "2026-11-19", "800.00", "kontoutdrag").await.data();
    let two = ocr(&app, "1002").await;
    let other = String::from_utf8(bgmax(&[payment(&two, 80_000, [])]))
        .unwrap()
        .replace("2026112000001", "2026112000003");
    import(&app, "3.txt", other.replace("490630170000", "490630179999")).await;
    let row = waiting(&app)
        .await
        .iter()
        .find(|row| row["amount"] == "800.00")
        .cloned()
        .unwrap_or(Value::Null);
    let recorded = invoice(&app, "1002", "payments { id }").await["payments"][0]["id"].clone();
    let input = json!({ "bankPaymentId": row["id"], "invoiceId": id(&app, "1002").await, "recordedPaymentId": recorded });
    does(&app, "bankPaymentMatch", input, "status").await.data();
    assert_eq!(
        books(&app, "2026-11-19", "2026-11-19"),
        sums([("1510", -80_000), ("2890", 80_000)])
    );
    assert_eq!(books(&app, "2026-11-20", "2026-11-20")["1930"], 85_000);
    adds_up(&app).await;
});
