//! The invoice run: a year's fees invoiced all at once, each once, by the same code as its preview,
//! and whole or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    time::Instant,
};

use futures_util::future::join_all;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both, runs},
    caller::Answer,
    invoicing_fixtures::{
        NETWORK, activity, course, drafted, files, fill, issue, member, violations, with_network,
    },
    lifecycle_fixtures::{mutate, with},
};

const RUN: &str = "invoiceCount net total alreadyInvoicedCount
    problems { counterparty { ... on Member { name } ... on Organisation { name } } agreement { number } reason }
    invoices { number status issuedOn dueOn net vat total buyer { ... on Member { name } ... on Organisation { name } }
        vatBreakdown { rate net vat }
        lines { description activity { slug } agreement { number } periodFrom periodTo quantity unitPrice vatRate net vat account } }";

async fn preview(app: &App, input: &Value) -> Answer {
    app.finance()
        .ask(
            &format!(
                "query($input: InvoiceRunInput!) {{ invoiceRunPreview(input: $input) {{ {RUN} }} }}"
            ),
            json!({ "input": input }),
        )
        .await
}

async fn run(app: &App, input: &Value) -> Answer {
    mutate(&app.finance(), "invoiceRun", input.clone(), RUN).await
}

/// A run without what only issued invoices have.
fn plain(mut run: Value) -> Value {
    for invoice in run["invoices"].as_array_mut().unwrap() {
        for field in ["number", "status", "issuedOn"] {
            invoice[field] = Value::Null;
        }
    }
    run
}

on_both!(a_years_special_fees_are_invoiced_once, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let input = json!({ "activityId": activity(&app, "indikatorer").await, "year": 2026 });
    let before = app.revision().await;
    let shown = preview(&app, &input).await["invoiceRunPreview"].clone();
    assert_eq!(app.revision().await, before);
    let problem = |problem: &Value| {
        let name = problem["counterparty"]["name"].as_str().unwrap_or_default().to_owned();
        (
            name,
            problem["agreement"]["number"].as_str().map(str::to_owned),
            problem["reason"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let problems: Vec<_> = shown["problems"].as_array().unwrap().iter().map(problem).collect();
    assert_eq!(
        problems.len(),
        2,
        "what an authority gives by a cooperation agreement is a grant: {problems:#?}"
    );
    assert_eq!(
        problems[0],
        (
            "Förbund 006".into(),
            Some("2024-0006".into()),
            "the fee of agreement 2024-0006 is per mille of the allocation of all parties (ALL_PARTIES), and none of 2026 is known".into()
        )
    );
    assert!(
        problems[1].0 == "Förbund 002"
            && problems[1].2.starts_with(
                "buyer.org_number is missing: Förbund 002 needs an organisation number"
            ),
        "{problems:#?}"
    );

    // With a problem nothing is issued, unless the input says so.
    let held = run(&app, &input).await["invoiceRun"].clone();
    assert_eq!(
        (&held["invoiceCount"], &held["problems"], app.revision().await),
        (&json!(0), &shown["problems"], before)
    );
    let input = with(input, json!({ "skipProblems": true }));
    let shown = preview(&app, &input).await["invoiceRunPreview"].clone();
    let done = run(&app, &input).await["invoiceRun"].clone();
    assert_eq!(plain(done.clone()), plain(shown));
    let numbers: Vec<_> = done["invoices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|invoice| invoice["number"].as_str().unwrap())
        .collect();
    assert_eq!(numbers, (1..=9).map(|n| format!("2026{n:04}")).collect::<Vec<_>>());
    let line = |position: usize| {
        let invoice = &done["invoices"][position];
        let line = &invoice["lines"][0];
        format!(
            "{} {} {}--{} {} {}",
            invoice["buyer"]["name"],
            line["description"],
            line["periodFrom"],
            line["periodTo"],
            line["net"],
            invoice["total"]
        )
        .replace('"', "")
    };
    assert_eq!(
        (0..9).map(line).collect::<Vec<_>>(),
        [
            "Förbund 001 Särskild avgift Indikatorer 2026 2026-01-01--2026-12-31 18000.00 22500.00",
            "Förbund 003 Särskild avgift Indikatorer 2026, 9 av 12 månader 2026-04-01--2026-12-31 13500.00 16875.00",
            "Förbund 004 Särskild avgift Indikatorer 2026, 6 av 12 månader 2026-01-01--2026-06-30 9000.00 11250.00",
            "Förbund 005 Särskild avgift Indikatorer 2026 2026-01-01--2026-12-31 8648.67 10810.84",
            "Förbund 008 Särskild avgift Indikatorer 2026, 6 av 12 månader 2026-01-01--2026-06-30 6000.00 6000.00",
            "Förbund 009 Särskild avgift Indikatorer 2026 2026-05-01--2026-12-31 500.00 625.00",
            "Förbund 011 Särskild avgift Indikatorer 2026 2026-01-01--2026-12-31 18000.00 22500.00",
            "Förbund 012 Särskild avgift Indikatorer 2026 2026-01-01--2026-12-31 18000.00 22500.00",
            "Förbund 008 Särskild avgift Indikatorer 2026, 6 av 12 månader 2026-07-01--2026-12-31 6000.00 7500.00",
        ],
        "what is outside the scope of VAT has an invoice of its own"
    );

    // Again it issues only what is new.
    let again = run(&app, &input).await["invoiceRun"].clone();
    assert_eq!((&again["invoiceCount"], &again["alreadyInvoicedCount"]), (&json!(0), &json!(9)));
    mutate(
        &app.office(),
        "allocationSet",
        json!({ "memberId": member(&app, 6).await, "year": 2026, "amount": "1000000" }),
        "id",
    )
    .await
    .data();
    let more = run(&app, &input).await["invoiceRun"].clone();
    assert_eq!(
        (&more["invoiceCount"], &more["net"], &more["total"], &more["alreadyInvoicedCount"]),
        (&json!(1), &json!("2000.00"), &json!("2500.00"), &json!(9))
    );
    // Another year is another fee.
    let next =
        preview(&app, &with(input, json!({ "year": 2025 }))).await["invoiceRunPreview"].clone();
    assert_eq!(
        (&next["invoiceCount"], &next["alreadyInvoicedCount"]),
        (&json!(6), &json!(0)),
        "{next:#}"
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(members_fees_are_invoiced_by_the_rule_of_the_year, |app| async move {
    let (app, _folder) = fill(&app, 13).await;
    let members = [member(&app, 5).await, member(&app, 11).await];
    let service = json!({ "serviceFee": true, "year": 2026, "memberIds": members });
    let done = run(&app, &service).await["invoiceRun"].clone();
    assert_eq!((&done["invoiceCount"], &done["problems"]), (&json!(2), &json!([])));
    let line = &done["invoices"][0]["lines"][0];
    assert_eq!(
        line["description"],
        "Serviceavgift 2026 (2 ‰ av tilldelningen 4\u{a0}324\u{a0}333,00 kr)"
    );
    assert_eq!(
        (&line["net"], &line["vatRate"], &line["account"], &line["activity"]),
        (&json!("8648.67"), &json!("OUTSIDE_SCOPE"), &json!("3044"), &Value::Null)
    );
    // All but those who have paid; who has no allocation is named, never silently left out.
    let all = json!({ "serviceFee": true, "year": 2026 });
    let held = run(&app, &all).await["invoiceRun"].clone();
    assert_eq!(
        (
            &held["invoiceCount"],
            &held["alreadyInvoicedCount"],
            held["problems"].as_array().unwrap().len()
        ),
        (&json!(0), &json!(2), 9)
    );
    let done = run(&app, &with(all, json!({ "skipProblems": true }))).await["invoiceRun"].clone();
    assert_eq!(done["invoiceCount"], 2);
    let membership = run(
        &app,
        &json!({ "membershipFee": true, "year": 2026, "skipProblems": true }),
    )
    .await["invoiceRun"]
        .clone();
    assert_eq!((&membership["invoiceCount"], &membership["net"]), (&json!(12), &json!("60000.00")));
    assert_eq!(membership["invoices"][0]["lines"][0]["description"], "Medlemsavgift 2026");

    assert_eq!(
        run(&app, &json!({ "serviceFee": true, "year": 2019 })).await.reason(),
        "NO_FEE_RULE"
    );
    for (input, fields) in [
        (json!({ "year": 2026 }), vec!["input"]),
        (json!({ "serviceFee": true, "membershipFee": true, "year": 2026 }), vec!["input"]),
        (
            json!({ "serviceFee": true, "year": 1, "issuedOn": "2026-11-22" }),
            vec!["input.issuedOn", "input.year"],
        ),
        (json!({ "serviceFee": true, "year": 2026, "memberIds": [] }), vec!["input.memberIds"]),
        (
            json!({ "serviceFee": true, "year": 2026, "memberIds": [format!("member_{}", "0".repeat(32))] }),
            vec!["input.memberIds"],
        ),
    ] {
        assert_eq!(run(&app, &input).await.bad_fields(), fields);
        assert_eq!(preview(&app, &input).await.bad_fields(), fields);
    }
    let (bare, _bare) = with_network(&app, "[network]\nname = 'N'\n");
    assert!(
        run(&bare, &json!({ "membershipFee": true, "year": 2025 }))
            .await
            .bad_fields()
            .contains(&"network.bankgiro")
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(what_history_or_a_manual_invoice_has_invoiced_is_left_alone, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\ni1,1001,INVOICE,m1,2026-02-01,2026-03-03,\ni2,1002,INVOICE,m11,2026-02-01,2026-03-03,\n"),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
             i1,Avgift första halvåret,ind,a1,2026-01-01,2026-06-30,1,9000.00,STANDARD_25\n\
             i1,Avgift andra halvåret,ind,a1,2026-07-01,2026-12-31,1,9000.00,STANDARD_25\n\
             i2,Serviceavgift 2026,,,2026-01-01,2026-12-31,1,2000.00,OUTSIDE_SCOPE\n",
        ),
    ])
    .await;
    let agreement = app.office().query("{ agreement(by: { number: \"2024-0011\" }) { id } }").await
        ["agreement"]["id"]
        .clone();
    let line = json!({ "description": "För hand", "agreementId": agreement, "unitPrice": "18000", "vatRate": "STANDARD_25", "periodFrom": "2026-01-01", "periodTo": "2026-12-31" });
    let id = drafted(&app.finance(), json!({ "buyerId": member(&app, 11).await, "lines": [line] }))
        .await;
    issue(&app.finance(), &id, "number").await.data();
    let input = json!({ "activityId": activity(&app, "indikatorer").await, "year": 2026, "skipProblems": true });
    let done = run(&app, &input).await["invoiceRun"].clone();
    let numbers: Vec<_> = done["invoices"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|invoice| invoice["lines"].as_array().unwrap())
        .map(|line| line["agreement"]["number"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(done["alreadyInvoicedCount"], 2);
    assert!(
        !numbers.contains(&"2024-0001".into()) && !numbers.contains(&"2024-0011".into()),
        "{numbers:?}"
    );
    let service = json!({ "serviceFee": true, "year": 2026, "memberIds": [member(&app, 11).await, member(&app, 12).await] });
    let done = run(&app, &service).await["invoiceRun"].clone();
    assert_eq!((&done["invoiceCount"], &done["alreadyInvoicedCount"]), (&json!(1), &json!(1)));
});

on_both!(two_runs_at_once_invoice_each_fee_once, |app| async move {
    let (app, _folder) = fill(&app, 30).await;
    let input = json!({ "activityId": activity(&app, "indikatorer").await, "year": 2026, "skipProblems": true });
    let other = app.by(&app.url()).await;
    let tasks = (0..6).map(|position| {
        let (app, input) =
            (if position % 2 == 0 { app.clone() } else { other.clone() }, input.clone());
        tokio::spawn(async move { run(&app, &input).await })
    });
    let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let count: i64 = answers
        .iter()
        .filter(|answer| answer.errors().is_empty())
        .map(|answer| answer["invoiceRun"]["invoiceCount"].as_i64().unwrap())
        .sum();
    assert_eq!(count, 27);
    assert!(
        answers
            .iter()
            .filter(|answer| !answer.errors().is_empty())
            .all(|answer| answer.reason() == "BUSY")
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

/// An agreement of a random register: its member, first day, length, fee and rate.
type Random = (usize, i64, Option<i64>, u8, i64, usize);

fn random_agreements(seed: u8) -> Vec<Random> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let one = (
        0_usize..20,
        0_i64..900,
        proptest::option::of(20_i64..700),
        0_u8..4,
        1_i64..5_000_000,
        0_usize..4,
    );
    proptest::collection::vec(one, 25).new_tree(&mut runner).unwrap().current()
}

on_both!(a_run_issues_what_its_preview_shows_on_random_registers, |app| async move {
    for seed in 1..=6 {
        let app = if app.db.backend() == sea_orm::DbBackend::Postgres {
            App::postgres().await
        } else {
            App::sqlite().await
        };
        let mut files: BTreeMap<&str, String> = files(20).into_iter().collect();
        let header = files["agreements.csv"].lines().next().unwrap().to_owned();
        let first = chrono::NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
        // A member takes part by one agreement at a time.
        let mut taken = BTreeSet::new();
        let mut rows = String::new();
        for (position, (member, start, length, basis, amount, rate)) in
            random_agreements(seed).into_iter().enumerate()
        {
            if !taken.insert(member) {
                continue;
            }
            let starts = first + chrono::Days::new(start.unsigned_abs());
            let ends = length
                .map(|days| (starts + chrono::Days::new(days.unsigned_abs())).to_string())
                .unwrap_or_default();
            let fee = match basis {
                0 => format!("PER_MILLE_OF_ALLOCATION,,{}", amount % 10),
                1 => format!("ONE_OFF,{}.{:02},", amount / 100, amount % 100),
                2 => format!("PER_PARTICIPANT,{}.{:02},", amount / 100, amount % 100),
                _ => format!("FIXED_PER_YEAR,{}.{:02},", amount / 100, amount % 100),
            };
            let rate = ["STANDARD_25", "REDUCED_6", "EXEMPT", "OUTSIDE_SCOPE"][rate];
            rows += &format!(
                "r{position},2024-1{position:03},PARTICIPATION,INCOME,ind,m{},,,{starts},{ends},0,,2024-11-01T08:00:00Z,2024-12-01,,{fee},{rate}\n",
                member + 1
            );
        }
        files.insert("agreements.csv", format!("{header}\n{rows}"));
        app.import(&files.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>())
            .await;
        let (app, _folder) = with_network(&app, NETWORK);
        for year in 2025..=2028 {
            let input = json!({ "activityId": activity(&app, "indikatorer").await, "year": year, "skipProblems": true });
            let shown = preview(&app, &input).await["invoiceRunPreview"].clone();
            let done = run(&app, &input).await["invoiceRun"].clone();
            assert_eq!(plain(done.clone()), plain(shown), "seed {seed}, {year}");
            let again = preview(&app, &input).await["invoiceRunPreview"].clone();
            assert_eq!(again["invoiceCount"], 0, "seed {seed}, {year}");
            // What the agreements' own fees come to, of those whose buyer can be invoiced.
            let fees = app.finance().query(&format!("{{ agreements(first: 200) {{ nodes {{ counterparty {{ ... on Member {{ name orgNumber }} }} fee {{ amountFor(year: {year}) }} }} }} }}")).await;
            let ore = |text: &Value| {
                text.as_str().unwrap_or("0.00").parse::<::entity::money::Money>().unwrap().0
            };
            // A fee of an unknown allocation has no sum, and fails alone.
            let sum: i64 = fees.json["data"]["agreements"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|node| node["counterparty"]["orgNumber"] != Value::Null)
                .map(|node| ore(&node["fee"]["amountFor"]))
                .sum();
            assert_eq!(ore(&done["net"]), sum, "seed {seed}, {year}");
        }
        assert_eq!(violations(&app).await, [""; 0], "seed {seed}");
    }
});

on_both!(the_command_shows_and_issues, |app| async move {
    let (app, folder) = fill(&app, 12).await;
    let call = |arguments: &'static [&'static str]| {
        let done = app
            .program()
            .current_dir(folder.path())
            .args(["invoices", "run"])
            .args(arguments)
            .output()
            .unwrap();
        (
            done.status.code(),
            String::from_utf8(done.stdout).unwrap(),
            String::from_utf8(done.stderr).unwrap(),
        )
    };
    let (code, table, said) = call(&["--activity", "indikatorer", "--year", "2026", "--dry-run"]);
    assert_eq!(code, Some(0));
    assert!(
        table.contains("Förbund 001")
            && table.contains("22 500,00".replace(' ', "\u{a0}").as_str()),
        "{table}"
    );
    assert!(
        said.contains("would issue 9 invoices; 0 had been invoiced before")
            && said.contains("Förbund 006: the fee of agreement 2024-0006"),
        "{said}"
    );
    let (code, _, said) = call(&["--activity", "indikatorer", "--year", "2026"]);
    assert!(code == Some(1) && said.contains("error: nothing was issued"), "{said}");
    let (code, _, said) = call(&["--activity", "indikatorer", "--year", "2026", "--skip-problems"]);
    assert!(
        code == Some(0) && said.contains("issued 9 invoices of 120\u{a0}560,84\u{a0}kr in all, 97\u{a0}648,67\u{a0}kr without VAT; 0 had been invoiced before"),
        "{said}"
    );
    assert_eq!(call(&["--activity", "indikatorer", "--service-fee", "--year", "2026"]).0, Some(2));
    assert_eq!(call(&["--activity", "nej", "--year", "2026"]).0, Some(1));
    let (code, _, said) = call(&["--membership-fee", "--year", "2026", "--skip-problems"]);
    assert!(code == Some(0) && said.contains("issued 11 invoices"), "{said}");
    assert_eq!(violations(&app).await, [""; 0]);
});

// A run that is killed has issued nothing or all, wherever it was: many times, at moments spread
// over the run's own work and a little more, each followed by a look at everything.
on_both!(a_killed_run_leaves_nothing_half_done, |app| async move {
    const MEMBERS: usize = 30;
    let (app, folder) = fill(&app, MEMBERS).await;
    let each = i64::try_from(MEMBERS - 1).unwrap();
    let start = |year: i32| {
        let mut program = app.program();
        program.current_dir(folder.path()).args([
            "invoices",
            "run",
            "--membership-fee",
            "--skip-problems",
            "--year",
            &year.to_string(),
        ]);
        program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let began = Instant::now();
    assert!(start(2020).wait().unwrap().success());
    let mut duration = began.elapsed();
    let (mut moment, mut year) = (0_u64, 2021);
    let (mut killed, mut done) = (0, 0);
    for _ in 0..runs(40, 200) {
        // Spread without a pattern, from a fixed beginning, over the later half of the time: the
        // program starts in the first. How long that is depends on what else the machine does
        // meanwhile, so each run corrects it.
        moment = (moment * 48_271 + 11) % 2_147_483_647;
        let wait = duration
            .mul_f64(0.4 + 0.7 * f64::from(u32::try_from(moment).unwrap()) / 2_147_483_647.0);
        let mut child = start(year);
        tokio::time::sleep(wait).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let query = r#"{ invoices(filter: { issuedFrom: "2000-01-01" }) { totalCount } }"#;
        let count = app.finance().query(query).await["invoices"]["totalCount"].as_i64().unwrap();
        let years = i64::from(year - 2020);
        assert!(
            count == years * each || count == (years + 1) * each,
            "{count} invoices in the {year} run"
        );
        if count == (years + 1) * each {
            done += 1;
            year += 1;
            duration = duration.mul_f64(0.95);
        } else {
            killed += 1;
            duration = duration.mul_f64(1.05);
        }
        assert_eq!(violations(&app).await, [""; 0], "in the {year} run");
    }
    assert!(killed > 4 && done > 0, "{killed} were killed before their end and {done} after it");
    assert!(start(year).wait().unwrap().success());
    assert_eq!(violations(&app).await, [""; 0]);
    // The next number follows the last one.
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "1.00")).await;
    let count = i64::from(year - 2020 + 1) * each;
    let today = domain::clock::Clock::system().today();
    let app = app.at(&format!("{today}T12:00:00Z"));
    let number = issue(&app.finance(), &id, "number").await["invoiceIssue"]["number"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(number[4..].parse::<i64>().unwrap(), count + 1);
});
