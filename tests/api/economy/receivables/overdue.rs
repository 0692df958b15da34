//! Overdue invoices: status, unpaid amount and interest agree as of any day, and a payment on the
//! next banking day is in time.

use domain::{auth::viewer::Viewer, receivables::overdue};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    fixtures::{BUYERS, EARNERS},
    invoicing_fixtures::{NETWORK, course, drafted, fill, issue, member, with_network},
    payment_fixtures::{LEDGER, adds_up, does, id, invoice, pays},
};

/// Returns an invoice as of a day, by the API and by the list of overdue ones: state, days,
/// interest and what is unpaid.
async fn on(app: &App, number: &str, day: &str) -> Value {
    let selection =
        format!("status(asOf: \"{day}\") daysLate(asOf: \"{day}\") interest(asOf: \"{day}\")");
    let reported = invoice(app, number, &selection).await;
    let listed =
        overdue::overdue(app.context(&Viewer::operator("invoices late")), day.parse().unwrap(), 8)
            .await
            .unwrap();
    let unpaid = listed
        .iter()
        .find(|late| late.number == number)
        .map(|late| late.figures.unpaid.to_string());
    json!([reported["status"], reported["daysLate"], reported["interest"], unpaid])
}

on_both!(a_payment_that_was_reversed_never_came_in, |app| async move {
    app.import(&LEDGER).await;
    // 1002 is of 800.00 and due on 31 March; the rates are 10 %.
    let answer = pays(&app, "1002", "2026-04-01", "800.00", "A").await;
    assert_eq!(answer["paymentRecord"]["status"], "PAID");
    assert_eq!(on(&app, "1002", "2026-04-30").await, json!(["PAID", 1, "0.22", null]));
    let payments = invoice(&app, "1002", "payments { id }").await;
    let reverse = json!({ "paymentId": payments["payments"][0]["id"], "reversedOn": "2026-06-01", "reason": "Fel faktura" });
    does(&app, "paymentReverse", reverse, "paid").await.data();
    assert_eq!(on(&app, "1002", "2026-04-30").await, json!(["OVERDUE", 30, "6.58", "800.00"]));
    assert_eq!(on(&app, "1002", "2026-06-30").await, json!(["OVERDUE", 91, "19.95", "800.00"]));
    adds_up(&app).await;

    // What counts is what is left: the payment that was not reversed, from its own day.
    pays(&app, "1002", "2026-04-05", "300.00", "B").await.data();
    pays(&app, "1002", "2026-04-10", "800.00", "C").await.data();
    let payments = invoice(&app, "1002", "payments { id reference }").await["payments"].clone();
    let wrong = payments
        .as_array()
        .unwrap()
        .iter()
        .find(|payment| payment["reference"] == "B")
        .unwrap()["id"]
        .clone();
    does(
        &app,
        "paymentReverse",
        json!({ "paymentId": wrong, "reversedOn": "2026-07-01", "reason": "Fel" }),
        "paid",
    )
    .await
    .data();
    assert_eq!(on(&app, "1002", "2026-04-09").await, json!(["OVERDUE", 9, "1.97", "800.00"]));
    assert_eq!(on(&app, "1002", "2026-04-30").await, json!(["PAID", 10, "2.19", null]));
    adds_up(&app).await;
});

on_both!(an_invoice_has_the_interest_that_it_was_issued_with, |app| async move {
    let (eight, _folder) = fill(&app, 1).await;
    let (four, _other) =
        with_network(&app, &format!("{NETWORK}[network.invoicing]\ninterest_points = 4\n"));
    let buyer = member(&app, 1).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\nold,900,INVOICE,m1,2026-11-21,2026-12-21,\n"),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nold,Kurs,,,,,1,10000.00,OUTSIDE_SCOPE\n",
        ),
    ])
    .await;
    let mut numbers = Vec::new();
    for then in [&eight, &four] {
        let id = drafted(&then.finance(), course(&buyer, "8000.00")).await;
        numbers.push(
            issue(&then.finance(), &id, "number").await["invoiceIssue"]["number"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    // Ten days at 2 % and the points, whatever the settings say now; imported history goes by
    // these.
    for (now, of_history) in [(&eight, "27.40"), (&four, "16.44")] {
        let now = now.at("2027-01-10T09:00:00Z");
        for (number, sum) in
            [(numbers[0].as_str(), "27.40"), (&numbers[1], "16.44"), ("900", of_history)]
        {
            assert_eq!(
                invoice(&now, number, "interest(asOf: \"2026-12-31\")").await["interest"],
                sum,
                "{number}"
            );
        }
    }
});

/// Invoices without VAT on which a day's interest at 10 % is 10.00: one due on Sunday 29 November
/// 2026, one on Christmas Eve and one on a Tuesday.
const HOLIDAYS: [(&str, &str); 5] = [
    BUYERS[0],
    BUYERS[1],
    EARNERS,
    (
        "invoices.csv",
        "key,number,kind,buyer,issued_on,due_on,credits
a,7001,INVOICE,gotland,2026-10-30,2026-11-29,
b,7002,INVOICE,gavle,2026-10-30,2026-11-29,
c,7003,INVOICE,gavle,2026-11-20,2026-12-24,
d,7004,INVOICE,gavle,2026-11-02,2026-12-08,
",
    ),
    (
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate
a,Kurs,bip,,,,1,36500.00,EXEMPT
b,Kurs,bip,,,,1,36500.00,EXEMPT
c,Kurs,bip,,,,1,36500.00,EXEMPT
d,Kurs,bip,,,,1,36500.00,EXEMPT
",
    ),
];

on_both!(who_pays_on_the_next_banking_day_pays_in_time, |app| async move {
    app.import(&HOLIDAYS).await;
    let app = app.at("2027-01-02T09:00:00Z");
    for (number, due_on, until, day_after) in [
        ("7002", "2026-11-29", "2026-11-30", "2026-12-01"),
        // Christmas Eve is a Thursday, and a weekend follows.
        ("7003", "2026-12-24", "2026-12-28", "2026-12-29"),
        ("7004", "2026-12-08", "2026-12-08", "2026-12-09"),
    ] {
        assert_eq!(
            invoice(&app, number, "dueOn payableUntil").await,
            json!({ "dueOn": due_on, "payableUntil": until })
        );
        assert_eq!(on(&app, number, until).await, json!(["ISSUED", 0, null, null]), "{number}");
        assert_eq!(
            on(&app, number, day_after).await,
            json!(["OVERDUE", 1, "10.00", "36500.00"]),
            "{number}"
        );
        for (day, count) in [(until, 0), (day_after, 1)] {
            let document = format!(
                "{{ invoices(filter: {{ status: OVERDUE, asOf: \"{day}\" }}) {{ nodes {{ number }} }} }}"
            );
            let answer = app.finance().query(&document).await;
            let overdue = answer["invoices"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|node| node["number"] == number)
                .count();
            assert_eq!(overdue, count, "{number} on {day}");
        }
        // No reminder before.
        let remind = async |day: &str| {
            does(
                &app,
                "invoiceRemind",
                json!({ "invoiceId": id(&app, number).await, "sentOn": day }),
                "id",
            )
            .await
        };
        assert_eq!(remind(until).await.reason(), "NOT_OVERDUE", "{number}");
        remind(day_after).await.data();
    }
    // Paid on Thursday, interest counts from Monday.
    pays(&app, "7002", "2026-12-03", "36500.00", "A").await.data();
    assert_eq!(on(&app, "7002", "2026-12-31").await, json!(["PAID", 3, "30.00", null]));
    // Paid on Monday, there is none.
    pays(&app, "7001", "2026-11-30", "36500.00", "B").await.data();
    assert_eq!(on(&app, "7001", "2026-12-31").await, json!(["PAID", 0, null, null]));
    adds_up(&app).await;
});

on_both!(a_balance_is_overdue_after_the_next_banking_day, |app| async move {
    app.import(&HOLIDAYS).await;
    for (now, overdue) in [("2026-11-30T09:00:00Z", "0.00"), ("2026-12-01T09:00:00Z", "36500.00")] {
        let answer =
            app.at(now).finance().query("{ members(filter: { search: \"Gotland\" }) { nodes { balance { outstanding overdue } } } }").await;
        assert_eq!(
            answer["members"]["nodes"][0]["balance"],
            json!({ "outstanding": "36500.00", "overdue": overdue }),
            "{now}"
        );
    }
});
