//! Terms follow one on the other without a gap, and each month of them is paid once: by the
//! agreement in force on its first day.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    invoicing_fixtures::{activity, with_network},
    lifecycle_fixtures::{mutate, on},
};

const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    m1,Förbund 1,222000-1834,,,,2020-01-01,,faktura@example.se,,REF-1,Gatan 1,999 99,Staden\n\
    m2,Förbund 2,222000-2568,,,,2020-01-01,,faktura@example.se,,REF-2,Gatan 2,999 99,Staden\n";
const ACTIVITIES: &str = "key,slug,name,purpose,goal,funding,starts_on,ends_on\nhalv,halv,Halvår,,,SPECIAL_FEE,2020-01-01,\nind,ind,Indikatorer,,,SPECIAL_FEE,2020-01-01,\n";
const HEADING: &str = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,replaces\n";

/// A register with agreements of these rows:
/// `activity,counterparty,starts_on,ends_on,notice_months,renewal_months,replaces`.
async fn fill(app: &App, rows: &[&str]) -> (App, tempfile::TempDir) {
    let agreement = |(position, row): (usize, &&str)| {
        let cells: Vec<_> = row.split(',').collect();
        let n = position + 1;
        format!(
            "a{n},2026-{n:04},PARTICIPATION,INCOME,{},{},,,{},{},{},{},2025-11-01T08:00:00Z,2025-12-01,,FIXED_PER_YEAR,12000.00,,STANDARD_25,{}\n",
            cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]
        )
    };
    let agreements =
        format!("{HEADING}{}", rows.iter().enumerate().map(agreement).collect::<String>());
    app.import(&[
        ("members.csv", MEMBERS),
        ("activities.csv", ACTIVITIES),
        ("agreements.csv", &agreements),
    ])
    .await;
    with_network(app, crate::support::invoicing_fixtures::NETWORK)
}

async fn agreement(app: &App, number: &str, selection: &str) -> Value {
    app.office()
        .query(&format!("{{ agreement(by: {{ number: \"{number}\" }}) {{ {selection} }} }}"))
        .await["agreement"]
        .clone()
}

async fn preview(app: &App, slug: &str, year: i32) -> Answer {
    let document = "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { net
        unpaidMonths { month agreement { number } counterparty { ... on Member { name } } }
        invoices { lines { description periodFrom periodTo net } } } }";
    app.finance()
        .ask(
            document,
            json!({ "input": { "activityId": activity(app, slug).await, "year": year } }),
        )
        .await
}

on_both!(prolonged_terms_end_with_their_months, |app| async move {
    let rows = [
        "halv,m1,2026-01-01,2026-06-30,3,6,",
        "ind,m1,2026-07-01,2026-09-30,3,3,",
        "ind,m2,2026-03-01,2027-02-28,3,12,",
    ];
    let (app, _folder) = fill(&app.at("2026-01-02T09:00:00Z"), &rows).await;
    let (first, second, third) = ("2026-0001", "2026-0002", "2026-0003");
    assert_eq!(
        agreement(&app, first, r#"termEndsOn(asOf: "2026-12-01")"#).await["termEndsOn"],
        "2026-12-31"
    );
    let ends = r#"a: termEndsOn(asOf: "2026-12-31") b: termEndsOn(asOf: "2027-01-01")"#;
    assert_eq!(
        agreement(&app, second, ends).await,
        json!({ "a": "2026-12-31", "b": "2027-03-31" })
    );
    assert_eq!(
        agreement(&app, third, r#"termEndsOn(asOf: "2027-12-01")"#).await["termEndsOn"],
        "2028-02-29"
    );
    // The last day for notice is that on which the months of notice still end in time.
    for (number, as_of, deadline) in [
        (first, "2026-01-01", "2026-03-31"),
        (first, "2026-04-01", "2026-09-30"),
        (third, "2026-11-30", "2026-11-30"),
        (third, "2026-12-01", "2027-11-30"),
    ] {
        let found =
            agreement(&app, number, &format!("nextDeadline(asOf: \"{as_of}\") {{ deadlineOn }}"))
                .await;
        assert_eq!(found["nextDeadline"]["deadlineOn"], deadline, "{number} as of {as_of}");
        let day = as_of.parse().unwrap();
        let listed = on(&app, day).office().query(&format!("{{ expiringAgreements(asOf: \"{as_of}\", withinDays: 200) {{ nodes {{ number nextDeadline(asOf: \"{as_of}\") {{ deadlineOn }} }} }} }}")).await;
        let nodes = listed["expiringAgreements"]["nodes"].as_array().unwrap();
        let within = nodes
            .iter()
            .find(|node| node["number"] == number)
            .map(|node| node["nextDeadline"]["deadlineOn"].clone());
        assert_eq!(
            within.is_some(),
            deadline.parse::<chrono::NaiveDate>().unwrap() - day <= chrono::TimeDelta::days(200),
            "{number} {as_of}"
        );
        assert!(within.is_none_or(|on| on == deadline), "{number} {as_of}");
    }
    // Notice in time for the second half-year: both halves are paid, twelve of twelve months.
    let then = on(&app, "2026-09-30".parse().unwrap());
    let id = agreement(&then, first, "id").await["id"].clone();
    let notice = json!({ "agreementId": id, "givenOn": "2026-09-30" });
    let answer = mutate(
        &then.office(),
        "agreementGiveNotice",
        notice,
        "endsOn fee { amountFor(year: 2026) }",
    )
    .await;
    assert_eq!(
        answer["agreementGiveNotice"],
        json!({ "endsOn": "2026-12-31", "fee": { "amountFor": "12000.00" } })
    );
    let shown = preview(&then, "halv", 2026).await["invoiceRunPreview"].clone();
    assert_eq!((&shown["net"], &shown["unpaidMonths"]), (&json!("12000.00"), &json!([])));
    let line = json!({ "description": "Särskild avgift Halvår 2026", "periodFrom": "2026-01-01", "periodTo": "2026-12-31", "net": "12000.00" });
    assert_eq!(shown["invoices"][0]["lines"][0], line);
});

on_both!(lists_calendar_metrics_and_the_run_go_by_one_last_day_for_notice, |app| async move {
    let (app, _folder) =
        fill(&app.at("2026-11-01T09:00:00Z"), &["ind,m1,2026-03-01,2027-02-28,3,12,"]).await;
    // 30 November; months taken from the last day of the term would give the 28th.
    for (from, is_listed) in [("2026-11-30", true), ("2026-12-01", false)] {
        let listed = app
            .office()
            .query(&format!(
                "{{ expiringAgreements(asOf: \"{from}\", withinDays: 60) {{ totalCount }} }}"
            ))
            .await;
        assert_eq!(listed["expiringAgreements"]["totalCount"], usize::from(is_listed), "{from}");
        let line = format!("expiring --from {from} --within-days 60 --format csv");
        let output = app.program().args(line.split(' ')).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            (text.lines().count(), text.contains("2026-11-30")),
            (1 + usize::from(is_listed), is_listed),
            "{text}"
        );
        let calendar = app
            .office()
            .get(&format!("/files/expiring.ics?from={from}&within-days=60"))
            .await
            .text();
        assert_eq!(calendar.contains("DTSTART;VALUE=DATE:20261130"), is_listed, "{calendar}");
    }
    let gauge = |count: usize| {
        format!(
            "samregister_agreements_expiring{{activity=\"ind\",kind=\"PARTICIPATION\",within=\"30\"}} {count}\n"
        )
    };
    for (day, count) in [("2026-10-30", 0), ("2026-10-31", 1), ("2026-11-30", 1), ("2026-12-01", 0)]
    {
        let measured = on(&app, day.parse().unwrap()).get("/metrics").await.text();
        assert!(measured.contains(&gauge(count)), "{day}: {measured}");
    }
    // Given on that day, notice leaves two months of the next year to be invoiced; a day later, all
    // and two.
    let then = on(&app, "2026-11-30".parse().unwrap());
    let id = agreement(&then, "2026-0001", "id").await["id"].clone();
    let answer = mutate(
        &then.office(),
        "agreementGiveNotice",
        json!({ "agreementId": id, "givenOn": "2026-11-30" }),
        "endsOn",
    )
    .await;
    assert_eq!(answer["agreementGiveNotice"]["endsOn"], "2027-02-28");
    assert_eq!(preview(&then, "ind", 2027).await["invoiceRunPreview"]["net"], "2000.00");
    mutate(
        &then.office(),
        "agreementNoticeWithdraw",
        json!({ "agreementId": id }),
        "agreement { id }",
    )
    .await
    .data();
    let late = on(&app, "2026-12-01".parse().unwrap());
    let answer = mutate(
        &late.office(),
        "agreementGiveNotice",
        json!({ "agreementId": id, "givenOn": "2026-12-01" }),
        "endsOn",
    )
    .await;
    assert_eq!(answer["agreementGiveNotice"]["endsOn"], "2028-02-29");
    assert_eq!(preview(&late, "ind", 2027).await["invoiceRunPreview"]["net"], "12000.00");
});

on_both!(an_agreement_replaced_in_mid_month_pays_every_month_once, |app| async move {
    let rows =
        ["ind,m1,2026-01-01,,3,,", "ind,m1,2026-06-15,,3,,a1", "ind,m2,2026-01-15,2026-07-14,3,,"];
    let (app, _folder) = fill(&app, &rows).await;
    let fees: Vec<_> = [
        agreement(&app, "2026-0001", "fee { amountFor(year: 2026) }").await,
        agreement(&app, "2026-0002", "fee { amountFor(year: 2026) }").await,
        agreement(&app, "2026-0003", "fee { amountFor(year: 2026) }").await,
    ]
    .iter()
    .map(|found| found["fee"]["amountFor"].clone())
    .collect();
    assert_eq!(fees, ["6000.00", "6000.00", "6000.00"]);
    let shown = preview(&app, "ind", 2026).await["invoiceRunPreview"].clone();
    let lines: Vec<_> = shown["invoices"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|invoice| invoice["lines"].as_array().unwrap())
        .collect();
    let line = |from: &str, to: &str| json!({ "description": "Särskild avgift Indikatorer 2026, 6 av 12 månader", "periodFrom": from, "periodTo": to, "net": "6000.00" });
    let expected = [
        line("2026-01-01", "2026-06-30"),
        line("2026-07-01", "2026-12-31"),
        line("2026-02-01", "2026-07-31"),
    ];
    assert_eq!(lines, expected.iter().collect::<Vec<_>>());
    // January of the one that began in the middle of it is in neither.
    let unpaid = json!([{ "month": "2026-01-01", "agreement": { "number": "2026-0003" }, "counterparty": { "name": "Förbund 2" } }]);
    assert_eq!(shown["unpaidMonths"], unpaid);
});

on_both!(what_has_ended_brings_nothing_in_the_running_year, |app| async move {
    let (app, _folder) =
        fill(&app, &["ind,m1,2026-01-01,2026-02-20,3,,", "halv,m2,2026-01-01,2026-11-21,3,,"])
            .await;
    let forecast =
        "{ revenueForecast(year: 2026) { total { net } rows { activity { slug } net } } }";
    // Today is the last day of the second.
    assert_eq!(
        app.finance().query(forecast).await["revenueForecast"]["rows"],
        json!([{ "activity": { "slug": "halv" }, "net": "11000.00" }])
    );
    let later = app.at("2026-11-22T09:00:00Z");
    assert_eq!(later.finance().query(forecast).await["revenueForecast"]["rows"], json!([]));
});

const MONTHS: &str = "invoiceCount net alreadyInvoicedCount problems { reason } unpaidMonths { month isCredited agreement { number } }
    invoicedMonths { month agreement { number } invoice { number } counterparty { ... on Member { name } } }
    toCredit { months net agreement { number } invoice { number } counterparty { ... on Member { name } } }
    invoices { id lines { id description periodFrom periodTo net } }";

/// Runs the special fees of 2026 about Indikatorer after the preview, which must show the same but
/// for ids.
async fn run(app: &App) -> Value {
    let input = json!({ "activityId": activity(app, "ind").await, "year": 2026 });
    let document = format!(
        "query($input: InvoiceRunInput!) {{ invoiceRunPreview(input: $input) {{ {MONTHS} }} }}"
    );
    let shown =
        app.finance().ask(&document, json!({ "input": input })).await["invoiceRunPreview"].clone();
    let done = mutate(&app.finance(), "invoiceRun", input, MONTHS).await["invoiceRun"].clone();
    for field in [
        "invoiceCount",
        "net",
        "alreadyInvoicedCount",
        "problems",
        "unpaidMonths",
        "invoicedMonths",
        "toCredit",
    ] {
        assert_eq!(shown[field], done[field], "{field}");
    }
    done
}

fn days(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|month| format!("2026-{month:02}-01")).collect()
}

/// The only line of the only invoice of a run, without its id.
fn only_line(run: &Value) -> Value {
    assert_eq!(
        (&run["invoiceCount"], run["invoices"][0]["lines"].as_array().unwrap().len()),
        (&json!(1), 1),
        "{run:#}"
    );
    let mut line = run["invoices"][0]["lines"][0].clone();
    line.as_object_mut().unwrap().remove("id");
    line
}

async fn credit(app: &App, run: &Value, amount: &str) {
    let (invoice, line) = (&run["invoices"][0]["id"], &run["invoices"][0]["lines"][0]["id"]);
    let input = json!({ "invoiceId": invoice, "reason": "Ersatt", "lines": [{ "lineId": line, "amount": amount }] });
    mutate(&app.finance(), "invoiceCredit", input, "id").await.data();
}

on_both!(
    months_that_an_earlier_agreement_was_invoiced_for_are_not_billed_twice,
    |app| async move {
        let (app, _folder) = fill(&app, &["ind,m1,2026-01-01,,3,,"]).await;
        let first = run(&app).await;
        assert_eq!(first["net"], "12000.00");
        // Replaced from July on, when the whole year is invoiced.
        let successor = "b1,2026-0101,PARTICIPATION,INCOME,ind,m1,,,2026-07-01,,3,,2026-05-01T08:00:00Z,2026-06-01,,FIXED_PER_YEAR,12000.00,,STANDARD_25,a1\n";
        app.import(&[("agreements.csv", &format!("{HEADING}{successor}"))]).await;
        let left_out = |from: u32, to: u32| {
            let month = |month: String| json!({ "month": month, "agreement": { "number": "2026-0101" }, "invoice": { "number": "20260001" }, "counterparty": { "name": "Förbund 1" } });
            Value::from_iter(days(from, to).into_iter().map(month))
        };
        let to_credit = |from: u32, to: u32, net: &str| {
            json!([{ "months": days(from, to), "net": net, "agreement": { "number": "2026-0001" }, "invoice": { "number": "20260001" },
            "counterparty": { "name": "Förbund 1" } }])
        };
        let held = run(&app).await;
        assert_eq!(
            (&held["invoiceCount"], &held["net"], &held["alreadyInvoicedCount"], &held["problems"]),
            (&json!(0), &json!("0.00"), &json!(2), &json!([]))
        );
        assert_eq!(
            (&held["invoicedMonths"], &held["toCredit"]),
            (&left_out(7, 12), &to_credit(7, 12, "6000.00"))
        );

        // What is credited is billed by the successor, a month for each month's share.
        credit(&app, &first, "3000.00").await;
        let line = |months: u32, from: &str, to: &str, net: &str| json!({ "description": format!("Särskild avgift Indikatorer 2026, {months} av 12 månader"), "periodFrom": from, "periodTo": to, "net": net });
        let second = run(&app).await;
        assert_eq!(only_line(&second), line(3, "2026-10-01", "2026-12-31", "3000.00"));
        assert_eq!(
            (&second["invoicedMonths"], &second["toCredit"]),
            (&left_out(7, 9), &to_credit(7, 9, "3000.00"))
        );
        credit(&app, &first, "3000.00").await;
        let third = run(&app).await;
        assert_eq!(only_line(&third), line(3, "2026-07-01", "2026-09-30", "3000.00"));
        let fourth = run(&app).await;
        for field in ["invoicedMonths", "toCredit", "unpaidMonths", "invoices"] {
            assert_eq!(fourth[field], json!([]), "{field}");
        }
        assert_eq!(fourth["alreadyInvoicedCount"], 2);
        assert_eq!(crate::support::invoicing_fixtures::violations(&app).await, [""; 0]);
    }
);

on_both!(months_that_come_back_are_billed_by_the_next_run_or_named, |app| async move {
    let (app, folder) = fill(&app.at("2026-01-02T09:00:00Z"), &["ind,m1,2026-01-01,,3,,"]).await;
    let app = on(&app, "2026-03-31".parse().unwrap());
    let id = agreement(&app, "2026-0001", "id").await["id"].clone();
    let give_notice = async || {
        let notice = json!({ "agreementId": id, "givenOn": "2026-03-31" });
        let given = mutate(&app.office(), "agreementGiveNotice", notice, "endsOn").await;
        assert_eq!(given["agreementGiveNotice"]["endsOn"], "2026-06-30");
    };
    let withdraw = async || {
        mutate(
            &app.office(),
            "agreementNoticeWithdraw",
            json!({ "agreementId": id }),
            "agreement { id }",
        )
        .await
        .data();
    };
    give_notice().await;
    let line = |from: &str, to: &str| json!({ "description": "Särskild avgift Indikatorer 2026, 6 av 12 månader", "periodFrom": from, "periodTo": to, "net": "6000.00" });
    assert_eq!(only_line(&run(&app).await), line("2026-01-01", "2026-06-30"));
    withdraw().await;
    let second = run(&app).await;
    assert_eq!(only_line(&second), line("2026-07-01", "2026-12-31"));
    let again = run(&app).await;
    assert_eq!(
        (&again["invoiceCount"], &again["alreadyInvoicedCount"], &again["unpaidMonths"]),
        (&json!(0), &json!(1), &json!([]))
    );

    // Billed beyond an end that comes later, credited, and then the notice is withdrawn: the months
    // are named, since a credit was given.
    give_notice().await;
    let ended = run(&app).await;
    assert_eq!(
        (&ended["toCredit"][0]["months"], &ended["toCredit"][0]["net"]),
        (&json!(days(7, 12)), &json!("6000.00"))
    );
    credit(&app, &second, "6000.00").await;
    assert_eq!(run(&app).await["toCredit"], json!([]));
    withdraw().await;
    let named = run(&app).await;
    let unpaid = days(7, 12).into_iter().map(|month| json!({ "month": month, "isCredited": true, "agreement": { "number": "2026-0001" } }));
    assert_eq!(
        (&named["invoiceCount"], &named["unpaidMonths"]),
        (&json!(0), &Value::from_iter(unpaid))
    );
    // The command says the same.
    let arguments = ["invoices", "run", "--activity", "ind", "--year", "2026", "--dry-run"];
    let said = app.program().current_dir(folder.path()).args(arguments).output().unwrap();
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(
        said.contains("Förbund 1: no agreement pays 2026-07, since its invoice was credited"),
        "{said}"
    );
    assert_eq!(crate::support::invoicing_fixtures::violations(&app).await, [""; 0]);
});
