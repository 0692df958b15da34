//! Allocation of payments: revenue by activity is what was paid of what is left, to the öre and by
//! its day; what pays no line is no activity's revenue.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{NETWORK, activity, drafted, fill, member, violations, with_network},
    lifecycle_fixtures::{mutate, raw},
};

/// Issues an invoice on 2026-09-01 with a line for each of these activities and prices, with VAT.
async fn issued(app: &App, lines: &[(&str, &str)]) -> String {
    let mut of_slug = std::collections::BTreeMap::new();
    for slug in ["bip", "indikatorer"] {
        of_slug.insert(slug, activity(app, slug).await);
    }
    let line = |(slug, price): &(&str, &str)| {
        json!({ "description": slug, "activityId": of_slug[slug], "unitPrice": price, "vatRate": "STANDARD_25",
            "periodFrom": "2026-11-20", "periodTo": "2026-11-20" })
    };
    let lines: Vec<Value> = lines.iter().map(line).collect();
    let id =
        drafted(&app.finance(), json!({ "buyerId": member(app, 1).await, "lines": lines })).await;
    mutate(
        &app.finance(),
        "invoiceIssue",
        json!({ "invoiceId": id, "issuedOn": "2026-09-01" }),
        "id",
    )
    .await
    .data();
    id
}

async fn pays(app: &App, invoice: &str, day: &str, amount: &str) -> Value {
    let input = json!({ "invoiceId": invoice, "receivedOn": day, "amount": amount, "reference": format!("{day} {amount}") });
    mutate(&app.finance(), "paymentRecord", input, "outstanding overpaid").await["paymentRecord"]
        .clone()
}

/// Credits this amount of the line at an index, counted from zero.
async fn credits(app: &App, invoice: &str, day: &str, position: usize, amount: &str) {
    let question = "query($id: ID!) { invoice(by: { id: $id }) { lines { id } } }";
    let line = app.finance().ask(question, json!({ "id": invoice })).await["invoice"]["lines"]
        [position]["id"]
        .clone();
    let input = json!({ "invoiceId": invoice, "issuedOn": day, "reason": "Inställt", "lines": [{ "lineId": line, "amount": amount }] });
    mutate(&app.finance(), "invoiceCredit", input, "id").await.data();
}

/// Returns the payments of these days: by activity `slug net vat`, and last what pays no line. The
/// same by month and day by day.
async fn paid(app: &App, from: &str, to: &str) -> Vec<String> {
    let document = "query($input: RevenueInput!) { revenue(input: $input) {
        rows { activity { slug } net vat gross unattributed } total { net vat gross unattributed } } }";
    let ask = async |groups: Value| {
        let input = json!({ "from": from, "to": to, "basis": "PAID", "groupBy": groups });
        app.finance().ask(document, json!({ "input": input })).await["revenue"].clone()
    };
    let found = ask(json!(["ACTIVITY"])).await;
    // Rows by member are read from the ledger itself, and not from the totals by month.
    assert_eq!(ask(json!(["ACTIVITY", "MEMBER"])).await["total"], found["total"], "{from} {to}");
    assert_eq!(ask(json!(["MONTH"])).await["total"], found["total"], "{from} {to}");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let row = |row: &Value| match row["activity"]["slug"].as_str() {
        Some(slug) => format!("{slug} {} {}", text(&row["net"]), text(&row["vat"])),
        None => {
            format!("- {} {} {}", text(&row["net"]), text(&row["vat"]), text(&row["unattributed"]))
        }
    };
    found["rows"].as_array().unwrap().iter().map(row).collect()
}

/// Invoiced, paid and outstanding of each activity in 2026.
async fn results(app: &App) -> Vec<String> {
    let answer = app
        .finance()
        .query(
            "{ activities { nodes { slug economy(year: 2026) { invoiced paid outstanding } } } }",
        )
        .await;
    let line = |node: &Value| {
        let of = |name: &str| node["economy"][name].as_str().unwrap().to_owned();
        format!(
            "{} {} {} {}",
            node["slug"].as_str().unwrap(),
            of("invoiced"),
            of("paid"),
            of("outstanding")
        )
    };
    answer["activities"]["nodes"].as_array().unwrap().iter().map(line).collect()
}

const BOTH: [(&str, &str); 2] = [("bip", "800.00"), ("indikatorer", "800.00")];

on_both!(what_is_paid_after_a_credit_note_pays_what_is_left, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = issued(&app, &BOTH).await;
    credits(&app, &id, "2026-09-10", 1, "800.00").await;
    assert_eq!(
        pays(&app, &id, "2026-10-01", "1000.00").await,
        json!({ "outstanding": "0.00", "overpaid": "0.00" })
    );
    assert_eq!(paid(&app, "2026-01-01", "2026-12-31").await, ["bip 800.00 200.00"]);
    assert_eq!(results(&app).await, ["bip 800.00 800.00 0.00", "indikatorer 0.00 0.00 0.00"]);
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_credit_note_moves_what_was_paid_on_its_own_day, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = issued(&app, &BOTH).await;
    pays(&app, &id, "2026-09-05", "1000.00").await;
    let september = ["bip 400.00 100.00", "indikatorer 400.00 100.00"];
    assert_eq!(paid(&app, "2026-09-01", "2026-09-30").await, september);
    credits(&app, &id, "2026-10-10", 1, "800.00").await;
    assert_eq!(
        paid(&app, "2026-09-01", "2026-09-30").await,
        september,
        "what was reported of September stays true"
    );
    assert_eq!(
        paid(&app, "2026-10-01", "2026-10-31").await,
        ["bip 400.00 100.00", "indikatorer -400.00 -100.00"]
    );
    assert_eq!(paid(&app, "2026-10-11", "2026-10-31").await, [""; 0]);
    assert_eq!(
        paid(&app, "2026-10-10", "2026-10-10").await,
        ["bip 400.00 100.00", "indikatorer -400.00 -100.00"]
    );
    assert_eq!(results(&app).await, ["bip 800.00 800.00 0.00", "indikatorer 0.00 0.00 0.00"]);
    assert_eq!(violations(&app).await, [""; 0]);
    // Paid whole and credited: what is owed back lies on no line.
    let id = issued(&app, &BOTH).await;
    pays(&app, &id, "2026-09-06", "2000.00").await;
    credits(&app, &id, "2026-11-10", 0, "400.00").await;
    assert_eq!(
        paid(&app, "2026-11-01", "2026-11-30").await,
        ["bip -400.00 -100.00", "- 0.00 0.00 500.00"]
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(part_payments_around_a_credit_note_end_as_in_any_order, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let (one, other) = (issued(&app, &BOTH).await, issued(&app, &BOTH).await);
    pays(&app, &one, "2026-09-05", "300.01").await;
    credits(&app, &one, "2026-09-10", 1, "500.00").await;
    pays(&app, &one, "2026-09-20", "400.03").await;
    let first = paid(&app, "2026-09-01", "2026-09-30").await;
    // 700.04 of 1000.00 and 375.00 that are left.
    assert_eq!(first, ["bip 407.30 101.82", "indikatorer 152.74 38.18"]);
    assert_eq!(
        results(&app).await,
        ["bip 1600.00 407.30 1490.88", "indikatorer 1100.00 152.74 1184.08"]
    );
    // The same of the other invoice, reported in another order.
    pays(&app, &other, "2026-09-20", "400.03").await;
    pays(&app, &other, "2026-09-05", "300.01").await;
    credits(&app, &other, "2026-09-10", 1, "500.00").await;
    assert_eq!(
        paid(&app, "2026-09-01", "2026-09-30").await,
        ["bip 814.60 203.64", "indikatorer 305.48 76.36"]
    );
    pays(&app, &one, "2026-10-01", "674.96").await;
    assert_eq!(
        paid(&app, "2026-09-01", "2026-10-31").await,
        ["bip 1207.30 301.82", "indikatorer 452.74 113.18"]
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(overpayments_and_rounding_are_no_revenue, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = issued(&app, &[("bip", "800.00")]).await;
    pays(&app, &id, "2026-09-05", "1000.00").await;
    assert_eq!(pays(&app, &id, "2026-09-06", "1000.00").await["overpaid"], "1000.00");
    assert_eq!(
        paid(&app, "2026-09-01", "2026-09-30").await,
        ["bip 800.00 200.00", "- 0.00 0.00 1000.00"]
    );
    // Deductions are never paid beyond themselves.
    let id = issued(&app, &[("bip", "8000.00"), ("indikatorer", "-7200.00")]).await;
    pays(&app, &id, "2026-10-05", "2000.00").await;
    assert_eq!(
        paid(&app, "2026-10-01", "2026-10-31").await,
        ["bip 8000.00 2000.00", "indikatorer -7200.00 -1800.00", "- 0.00 0.00 1000.00"]
    );
    let (rounding, _other) =
        with_network(&app, &format!("{NETWORK}[network.invoicing]\nwhole_kronor = true\n"));
    let id = issued(&rounding, &[("bip", "8648.50")]).await;
    assert_eq!(pays(&rounding, &id, "2026-11-05", "10811.00").await["outstanding"], "0.00");
    assert_eq!(
        paid(&app, "2026-11-01", "2026-11-20").await,
        ["bip 8648.50 2162.13", "- 0.00 0.00 0.37"]
    );
    assert_eq!(violations(&app).await, [""; 0]);
    // A lead sees its activity's revenue alone.
    let input = json!({ "from": "2026-09-01", "to": "2026-11-30", "basis": "PAID" });
    let document =
        "query($input: RevenueInput!) { revenue(input: $input) { total { net unattributed } } }";
    let lead = app.lead(&["bip"]).ask(document, json!({ "input": input })).await;
    assert_eq!(lead["revenue"]["total"], json!({ "net": "17448.50", "unattributed": "0.00" }));
    let csv = app
        .finance()
        .get("/files/revenue.csv?from=2026-11-01&to=2026-11-30&basis=paid")
        .await
        .text();
    assert!(
        csv.lines().next().unwrap().ends_with(",invoices,unattributed")
            && csv.lines().last().unwrap().ends_with(",0.37"),
        "{csv}"
    );
});

on_both!(what_is_attributed_otherwise_is_found, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = issued(&app, &BOTH).await;
    pays(&app, &id, "2026-09-05", "1000.00").await;
    credits(&app, &id, "2026-10-10", 1, "800.00").await;
    for (harm, words) in [
        (
            "UPDATE attribution SET net = net + 1 WHERE position = 1 AND net > 0",
            "has 1000.02 allocated to its lines and to none, but 1000.00 was paid",
        ),
        (
            "UPDATE attribution SET position = 3 WHERE position = 2",
            "has 0.00 and VAT 0.00 allocated to line 2 on 2026-09-05, but it must be 400.00 and VAT 100.00",
        ),
        (
            "DELETE FROM attribution",
            "has 0.00 allocated to its lines and to none, but 1000.00 was paid",
        ),
    ] {
        raw(&app, harm).await.unwrap();
        let found = violations(&app).await;
        assert!(found.iter().any(|violation| violation.ends_with(words)), "{harm}: {found:#?}");
    }
});

on_both!(imported_history_is_attributed_as_it_would_have_been_here, |app| async move {
    app.import(&crate::support::payment_fixtures::LEDGER).await;
    // The credit note of 1005 came with the import; what is paid of it afterwards has no line left.
    let row = (
        "payments.csv",
        "invoice,received_on,amount,reference\na,2026-03-01,1000.00,b1\ne,2026-02-05,25.00,b2\n",
    );
    app.import(&[row]).await;
    assert_eq!(paid(&app, "2026-02-01", "2026-02-09").await, ["indikatorer 20.00 5.00"]);
    assert_eq!(
        paid(&app, "2026-02-10", "2026-02-28").await,
        ["indikatorer -20.00 -5.00", "- 0.00 0.00 25.00"]
    );
    assert_eq!(violations(&app).await, [""; 0]);
    // A credit note that comes with a later import moves what was paid before it.
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\nnote2,2,CREDIT_NOTE,gotland,2026-04-10,,a\n"),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nnote2,Avgift 2026,ind,,,,1,1000.00,STANDARD_25\n",
        ),
    ])
    .await;
    // Of 605.99 that are left; the rest of 1000.00 is owed back.
    assert_eq!(
        paid(&app, "2026-03-01", "2026-04-30").await,
        ["bip 599.99 6.00", "- 0.00 0.00 394.01"]
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_full_credit_in_steps_leaves_no_vat_of_any_activity, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    // VAT of 8.33, 8.34 and 8.33: 25.00 in all, though 33.35 alone has 8.34.
    let invoice =
        issued(&app, &[("bip", "33.35"), ("indikatorer", "33.35"), ("bip", "33.31")]).await;
    credits(&app, &invoice, "2026-09-10", 0, "33.35").await;
    credits(&app, &invoice, "2026-09-11", 1, "10.01").await;
    let rest = json!({ "invoiceId": invoice, "issuedOn": "2026-09-12", "reason": "Inställt" });
    let last = mutate(&app.finance(), "invoiceCredit", rest, "net vat lines { net vat }").await["invoiceCredit"].clone();
    let lines = json!([{ "net": "23.34", "vat": "5.84" }, { "net": "33.31", "vat": "8.33" }]);
    assert_eq!(last, json!({ "net": "56.65", "vat": "14.17", "lines": lines }));
    let revenue = "{ revenue(input: { from: \"2026-09-01\", to: \"2026-09-30\", basis: INVOICED, groupBy: [ACTIVITY] }) { rows { activity { slug } net vat } } }";
    let rows = app.finance().query(revenue).await["revenue"]["rows"].clone();
    for row in rows.as_array().unwrap() {
        assert_eq!((&row["net"], &row["vat"]), (&json!("0.00"), &json!("0.00")), "{rows}");
    }
    assert_eq!(violations(&app).await, [""; 0]);
});
