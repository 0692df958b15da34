//! Forecasts: each agreement continues, ends or is replaced as is known today, and the files state
//! their assumptions.

use serde_json::{Value, json};

use crate::{
    economy::revenue::report::ledger,
    support::{
        app::{App, on_both},
        caller::Caller,
        lifecycle_fixtures::{Register, agreed, drafted, mutate, offered, signed},
        validators,
    },
};

/// The forecast of a year: by activity `slug net agreements`.
async fn forecast(caller: &Caller<'_>, year: i32) -> Vec<String> {
    let document = "query($year: Int!) { revenueForecast(year: $year) { rows { activity { slug } net invoiceCount } } }";
    let answer = caller.ask(document, json!({ "year": year })).await;
    let row = |row: &Value| {
        format!(
            "{} {} {}",
            row["activity"]["slug"].as_str().unwrap(),
            row["net"].as_str().unwrap(),
            row["invoiceCount"]
        )
    };
    answer["revenueForecast"]["rows"].as_array().unwrap().iter().map(row).collect()
}

/// Years from this one on, as far as they bring anything.
async fn from_on(app: &App, first: i32, last: i32) -> Vec<String> {
    let mut found = Vec::new();
    for year in first..=last {
        found.push(
            format!("{year} {}", forecast(&app.finance(), year).await.join(", "))
                .trim_end()
                .to_owned(),
        );
    }
    found
}

/// Drafts, offers and signs an agreement about BIP at 12 000.00 a year; its id.
async fn takes_part(app: &App, register: &Register, member: usize, more: Value) -> String {
    let mut input = register.draft(member, "bip", "2026-01-01");
    input["fee"] =
        json!({ "basis": "FIXED_PER_YEAR", "amount": "12000", "vatRate": "STANDARD_25" });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    agreed(app, input).await
}

on_both!(an_agreement_continues_until_notice_is_given, |app| async move {
    let register = Register::fill(&app).await;
    let term = json!({ "endsOn": "2027-03-31", "renewalMonths": 12, "noticeMonths": 3 });
    let id = takes_part(&app, &register, 0, term).await;
    // It is renewed automatically, across each year.
    assert_eq!(
        from_on(&app, 2026, 2029).await,
        [
            "2026 bip 12000.00 1",
            "2027 bip 12000.00 1",
            "2028 bip 12000.00 1",
            "2029 bip 12000.00 1"
        ]
    );
    mutate(
        &app.office(),
        "agreementGiveNotice",
        json!({ "agreementId": id, "givenOn": "2026-11-21" }),
        "id",
    )
    .await
    .data();
    assert_eq!(
        from_on(&app, 2026, 2028).await,
        ["2026 bip 12000.00 1", "2027 bip 3000.00 1", "2028"]
    );
    // Without renewal it ends anyhow, and until further notice it does not.
    takes_part(&app, &register, 1, json!({ "endsOn": "2027-06-30" })).await;
    takes_part(&app, &register, 2, json!({})).await;
    assert_eq!(
        from_on(&app, 2027, 2029).await,
        ["2027 bip 21000.00 3", "2028 bip 12000.00 1", "2029 bip 12000.00 1"]
    );
});

on_both!(a_late_notice_lets_the_term_that_has_begun_run_out, |app| async move {
    let register = Register::fill(&app).await;
    // Its deadline was 30 September: notice today is too late for this term, and ends the next.
    let id = takes_part(
        &app,
        &register,
        0,
        json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 3 }),
    )
    .await;
    mutate(
        &app.office(),
        "agreementGiveNotice",
        json!({ "agreementId": id, "givenOn": "2026-11-21" }),
        "id",
    )
    .await
    .data();
    assert_eq!(
        from_on(&app, 2026, 2028).await,
        ["2026 bip 12000.00 1", "2027 bip 12000.00 1", "2028"]
    );
});

on_both!(a_successor_takes_over_from_its_first_day, |app| async move {
    let register = Register::fill(&app).await;
    let id = takes_part(&app, &register, 0, json!({ "endsOn": "2026-12-31", "renewalMonths": 12 }))
        .await;
    let input = json!({ "agreementId": id, "startsOn": "2027-07-01", "endsOn": null, "renewalMonths": null,
        "fee": { "basis": "FIXED_PER_YEAR", "amount": "24000", "vatRate": "STANDARD_25" } });
    let answer = mutate(&app.office(), "agreementReplace", input, "id").await;
    let next = answer["agreementReplace"]["id"].as_str().unwrap().to_owned();
    // A draft changes nothing yet.
    assert_eq!(from_on(&app, 2027, 2028).await, ["2027 bip 12000.00 1", "2028 bip 12000.00 1"]);
    let (_, sha256) = offered(&app, &next).await;
    assert_eq!(from_on(&app, 2027, 2028).await, ["2027 bip 12000.00 1", "2028 bip 12000.00 1"]);
    signed(&app, &next, &sha256).await;
    // Half a year of the one and half of the other.
    assert_eq!(
        from_on(&app, 2026, 2028).await,
        ["2026 bip 12000.00 1", "2027 bip 18000.00 2", "2028 bip 24000.00 1"]
    );
});

on_both!(what_is_not_signed_or_withdrawn_brings_nothing, |app| async move {
    let register = Register::fill(&app).await;
    let mut input = register.draft(0, "bip", "2026-01-01");
    input["fee"] =
        json!({ "basis": "FIXED_PER_YEAR", "amount": "12000", "vatRate": "STANDARD_25" });
    let id = drafted(&app, input).await;
    offered(&app, &id).await;
    assert_eq!(from_on(&app, 2027, 2027).await, ["2027"]);
    mutate(&app.office(), "agreementWithdraw", json!({ "agreementId": id }), "id").await.data();
    assert_eq!(from_on(&app, 2027, 2027).await, ["2027"]);
});

// At 1 ‰, the forecast of an activity with one member is that member's allocation.
on_both!(a_forecast_reveals_no_allocation_that_may_not_be_seen, |app| async move {
    let register = Register::fill(&app).await;
    let fee = json!({ "fee": { "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 1.0, "vatRate": "STANDARD_25" } });
    takes_part(&app, &register, 0, fee).await;
    takes_part(&app, &register, 1, json!({})).await;
    let member = |n: usize| {
        register.draft(n, "bip", "2026-01-01")["counterpartyId"].as_str().unwrap().to_owned()
    };
    let allocation = json!({ "memberId": member(0), "year": 2026, "basis": "ALL_PARTIES", "amount": "4324000.00", "source": "Beslut" });
    app.finance().does("allocationSet", "id", allocation).await.data();
    let document = "{ revenueForecast(year: 2026) { total { net invoiceCount } rows { net } withheld { slug } assumptions } }";
    let asked = async |caller: &Caller<'_>| caller.query(document).await["revenueForecast"].clone();
    let all = asked(&app.finance()).await;
    assert_eq!(
        (&all["total"], &all["withheld"]),
        (&json!({ "net": "16324.00", "invoiceCount": 2 }), &json!([]))
    );
    for caller in [
        app.lead(&["bip"]),
        app.service("revenue:read"),
        app.member_who_leads(&member(1), &["bip"]),
    ] {
        let found = asked(&caller).await;
        // Not a sum without what is withheld.
        assert_eq!(
            (&found["total"], &found["rows"], &found["withheld"]),
            (&Value::Null, &json!([]), &json!([{ "slug": "bip" }]))
        );
        let said = found["assumptions"].to_string();
        let sentence = "Left out: 1 activity with fees per mille of allocations that you may not see, so that no total can be given";
        assert!(said.contains(sentence), "{said}");
        let file = caller.get("/files/revenue.csv?forecast=2026").await.text();
        assert!(!file.contains("4324") && !file.contains("16324"), "{file}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("forecast.xlsx");
        std::fs::write(&file, caller.get("/files/revenue.xlsx?forecast=2026").await.bytes).unwrap();
        let words = validators::part(&file, "xl/sharedStrings.xml");
        let swedish = "Utelämnat: 1 verksamhet med avgifter i promille av tilldelningar som du inte får se, så att ingen summa kan ges";
        assert!(
            words.contains(swedish) && words.contains("Ingen summa: verksamheter är utelämnade"),
            "{words}"
        );
    }
    // Who may see every allocation that it rests on, sees the sum.
    for caller in
        [app.member_who_leads(&member(0), &["bip"]), app.service("revenue:read members:read")]
    {
        assert_eq!(asked(&caller).await["total"], all["total"]);
    }
    assert_eq!(
        asked(&app.member(&member(0))).await["total"],
        json!({ "net": "4324.00", "invoiceCount": 1 })
    );
    assert_eq!(
        asked(&app.member(&member(1))).await["total"],
        json!({ "net": "12000.00", "invoiceCount": 1 })
    );
    // A year that no such agreement reaches reveals nothing.
    assert_eq!(asked(&app.lead(&["bip"])).await["withheld"], json!([{ "slug": "bip" }]));
    let early =
        app.lead(&["bip"]).query("{ revenueForecast(year: 2025) { withheld { slug } } }").await;
    assert_eq!(early["revenueForecast"]["withheld"], json!([]));
});

on_both!(the_files_of_a_forecast_say_what_it_rests_on, |app| async move {
    ledger(&app).await;
    let finance = app.finance();
    let answer = finance
        .query("{ revenueForecast(year: 2027) { csvUrl xlsxUrl assumptions rows { net } } }")
        .await;
    let found = &answer["revenueForecast"];
    let assumptions: Vec<&str> = found["assumptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sentence| sentence.as_str().unwrap())
        .collect();

    let csv = finance.get(found["csvUrl"].as_str().unwrap()).await;
    let header = csv.text().lines().next().unwrap().to_owned();
    assert!(
        header.starts_with("activity,activity_name,net,vat,") && !header.contains('#'),
        "{header}"
    );
    let linked = csv.header("link").to_owned();
    assert!(linked.contains("rel=\"describedby\""), "{linked}");
    let linked = finance.get(linked.trim_start_matches('<').split('>').next().unwrap()).await;
    let rows: Vec<String> = csv::Reader::from_reader(linked.text().as_bytes())
        .records()
        .map(|row| row.unwrap()[0].to_owned())
        .collect();
    assert_eq!(rows, assumptions);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forecast.xlsx");
    std::fs::write(&file, finance.get(found["xlsxUrl"].as_str().unwrap()).await.bytes).unwrap();
    assert!(validators::part(&file, "xl/workbook.xml").contains("name=\"Antaganden\""));
    let words = validators::part(&file, "xl/sharedStrings.xml");
    // As many sentences as the query has, in Swedish.
    assert!(
        words.contains("Service- och medlemsavgifter, kostnader och bidrag är utelämnade"),
        "{words}"
    );
    let sheet = validators::part(&file, "xl/worksheets/sheet2.xml");
    assert_eq!(sheet.matches("<row ").count(), assumptions.len() + 1, "{sheet}");
    for (parameters, fields) in [
        ("csv?forecast=2027&sheet=x", vec!["sheet"]),
        ("xlsx?forecast=2027&sheet=assumptions", vec!["sheet"]),
        ("csv?from=2027-01-01&to=2027-12-31&sheet=assumptions", vec!["sheet"]),
        ("csv?forecast=2027&basis=paid&sheet=assumptions", vec!["forecast"]),
    ] {
        assert_eq!(
            finance.get(&format!("/files/revenue.{parameters}")).await.bad_fields(),
            fields,
            "{parameters}"
        );
    }
});
