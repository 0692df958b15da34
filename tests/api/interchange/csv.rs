//! CSV files in and out: all or nothing, every bad row is reported, a second import changes
//! nothing, and an export can be imported as it was.

use std::{collections::BTreeMap, path::Path};

use domain::{
    auth::viewer::{Role, Viewer},
    config::Network,
    error::{ConflictReason, Error},
    interchange::{
        File,
        export::export,
        import::{FileReport, ImportError, MAX_BAD_ROWS, Report, import},
    },
    output::OwnFiles,
};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    fixtures::FILES,
};

/// The files with one of them replaced, or added.
fn with<'a>(name: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    FILES.iter().copied().filter(|(other, _)| *other != name).chain([(name, text)]).collect()
}

/// A file of the samples with some of its text replaced.
fn changed(name: &str, from: &str, to: &str) -> String {
    let text = FILES.iter().find(|(other, _)| *other == name).unwrap().1;
    assert!(text.contains(from), "{name} has no {from}");
    text.replacen(from, to, 1)
}

/// Returns the counts of a file in the report of an import.
pub(super) fn of(report: &Report, file: File) -> (u64, u64, u64) {
    let FileReport { added, changed, unchanged, .. } =
        report.files.iter().find(|found| found.file == file).unwrap();
    (*added, *changed, *unchanged)
}

/// The bad rows of an import that must be refused.
pub(super) fn bad_rows(result: Result<Report, ImportError>) -> Vec<String> {
    match result {
        Err(ImportError::Bad { rows, more: 0 }) => rows.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

/// Every file of an export, by name.
async fn exported(app: &App) -> BTreeMap<String, String> {
    fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), files);
            } else {
                files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    export(
        app.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        folder.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    let mut files = BTreeMap::new();
    collect(folder.path(), "", &mut files);
    files
}

async fn import_again(app: &App, files: &BTreeMap<String, String>) -> Report {
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    app.import(&files).await
}

/// Things that only the API made, and so have no key.
async fn make_without_keys(app: &App) {
    let make = async |mutation: &str, input: Value| {
        app.office().does(mutation, "id", input).await[mutation]["id"].clone()
    };
    let member = make(
        "memberAdmit",
        json!({
            "name": "Samordningsförbundet \"Delta\", norr", "municipalities": ["Övre", "Ådal"], "contactAreaName": "Östra",
            "joinedOn": "2020-01-01", "billing": { "email": "faktura@delta.example.se" },
        }),
    );
    let member = member.await;
    let lead =
        make("contactAdd", json!({ "memberId": member, "role": "OTHER", "name": "Dora Dahl" }))
            .await;
    let activity = json!({ "slug": "jgl", "name": "JGL", "purpose": "På\nflera rader", "funding": [], "startsOn": "2024-01-01", "leadId": lead });
    make("activityStart", activity).await;
    make("organisationAdd", json!({ "name": "Konsult Epsilon" })).await;
}

on_both!(what_went_out_comes_back_in_as_it_was, |app| async move {
    app.import(FILES).await;
    make_without_keys(&app).await;
    let first = exported(&app).await;
    assert_eq!(first.len(), File::ALL.len() + 4, "{:?}", first.keys());
    assert!(
        first["members.csv"].starts_with(
            "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,"
        )
    );

    let revision = app.revision().await;
    let report = import_again(&app, &first).await;
    assert_eq!(report.files.len(), File::ALL.len());
    assert!(
        report
            .files
            .iter()
            .all(|file| (file.added, file.changed) == (0, 0) && file.unchanged == file.rows),
        "{report:?}"
    );
    assert_eq!(app.revision().await, revision, "the same again left an entry");

    let other = App::sqlite().await;
    import_again(&other, &first).await;
    let second = exported(&other).await;
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (name, text) in &first {
        assert_eq!(text, &second[name], "{name}");
    }
});

on_both!(whatever_wrote_the_files_the_register_is_the_same, |app| async move {
    app.import(FILES).await;
    let plain = exported(&app).await;
    // As a Swedish spreadsheet writes them: a mark, semicolons, decimal commas, CRLF; the rows in
    // another order.
    let swedish: Vec<(String, String)> = FILES
        .iter()
        .map(|(name, text)| {
            let Some((header, rows)) = text.split_once('\n').filter(|_| name.ends_with(".csv"))
            else {
                return ((*name).to_owned(), (*text).to_owned());
            };
            let mut rows: Vec<String> = rows.lines().map(|row| row.replace(',', ";")).collect();
            rows.reverse();
            for cell in rows.iter_mut().filter(|_| !name.starts_with("contacts")) {
                let cells: Vec<String> = cell
                    .split(';')
                    .map(|cell| {
                        if cell.parse::<f64>().is_ok() {
                            cell.replace('.', ",")
                        } else {
                            cell.to_owned()
                        }
                    })
                    .collect();
                *cell = cells.join(";");
            }
            (
                (*name).to_owned(),
                format!("\u{feff}{}\r\n{}\r\n", header.replace(',', ";"), rows.join("\r\n")),
            )
        })
        .collect();
    let other = App::sqlite().await;
    let files: Vec<(&str, &str)> =
        swedish.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let report = other.import(&files).await;
    assert!(report.files.iter().all(|file| file.separator == ';'));
    assert_eq!(exported(&other).await, plain);
});

on_both!(a_dry_run_says_what_would_be_and_changes_nothing, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("organisations.csv"),
        "key,name,org_number\ngamma,Gamma,802555-0008\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("organisation.csv"), "mistyped").unwrap();
    let office = Viewer::operator("import");
    let report =
        import(app.context(&office), &Network::default(), folder.path(), true, &mut |_| {})
            .await
            .unwrap();
    assert_eq!((of(&report, File::Organisations), report.dry_run), ((1, 0, 0), true));
    assert_eq!(report.ignored, ["organisation.csv"]);
    assert_eq!(app.revision().await, 0);

    let lead = Viewer { roles: vec![Role::Finance], ..Viewer::default() };
    let refused =
        import(app.context(&lead), &Network::default(), folder.path(), false, &mut |_| {}).await;
    assert!(matches!(refused, Err(ImportError::Error(Error::Forbidden(_)))), "{refused:?}");
    let nowhere = import(
        app.context(&office),
        &Network::default(),
        &folder.path().join("nowhere"),
        false,
        &mut |_| {},
    )
    .await;
    assert!(
        matches!(
            nowhere,
            Err(ImportError::Error(Error::Conflict { reason: ConflictReason::File, .. }))
        ),
        "{nowhere:?}"
    );
});

on_both!(changes_are_reported_with_the_values_before, |app| async move {
    app.import(FILES).await;
    let revision = app.revision().await;
    let members = changed("members.csv", "Alfaby|Alfastad", "Alfastad|Nyby");
    let report = app.import(&with("members.csv", &members)).await;
    assert_eq!(of(&report, File::Members), (0, 1, 1));
    assert_eq!(app.revision().await, revision + 1);
    let entry = app
        .office()
        .query("{ auditEntries(first: 1) { nodes { action actor before after } } }")
        .await;
    let entry = entry["auditEntries"]["nodes"][0].clone();
    assert_eq!(
        (&entry["action"], &entry["actor"]),
        (&json!("import"), &json!("samregister import"))
    );
    assert_eq!(
        (&entry["before"]["municipalities"], &entry["after"]["municipalities"]),
        (&json!(["Alfaby", "Alfastad"]), &json!(["Alfastad", "Nyby"]))
    );

    // A file without a column that it need not have says nothing about it.
    let contacts = changed("contacts.csv", "anna@alfa", "anna.a@alfa")
        .replace(",organisation,contact_area", "");
    let contacts: String = contacts
        .lines()
        .map(|line| format!("{}\n", line.split(',').take(8).collect::<Vec<_>>().join(",")))
        .collect();
    let report = app.import(&[("contacts.csv", &contacts)]).await;
    assert_eq!(of(&report, File::Contacts), (0, 1, 4));
});

on_both!(every_bad_row_is_reported_and_nothing_happens, |app| async move {
    app.import(FILES).await;
    let (revision, before) = (app.revision().await, exported(&app).await);
    let files = [
        (
            "members.csv",
            "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city,successor\n\
             ny,Ny,222000-1835,,,,2020-02-30,,,,,,,,\n\
             beta,\"Nytt\nnamn\",222000-1834,,,,2020-01-01,2019-01-01,inte en adress,x,,,,,\n\
             ny,Ny igen,,,,,2020-01-01,,,,,,,,ny\n\
             gamma,Tar en organisations,,,,,2020-01-01,,,,,,,,nobody\n\
             kort,rad\n\
             \0,Noll,,,,,2020-01-01,,,,,,,,\0\n",
        ),
        (
            "allocations.csv",
            "member,year,basis,amount,source\nny,2026,ALL_PARTIES,1.00,\nfinns-inte,1899,HALF,-1.005,\nalfa,2026,STATE_SHARE,-1.00,\nalfa,2026,STATE_SHARE,1.00,\n",
        ),
        (
            "agreements.csv",
            "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,withdrawn_on\n\
             a,,PARTICIPATION,COST,,alfa,deltagande,,2026-01-01,,0,12,,,,FIXED_PER_YEAR,,2,,\n\
             b,2026-7001,COOPERATION,NONE,,ny,deltagande,9,2026-01-01,2025-01-01,121,0,2026-01-01T09:00:00Z,,,,,,,\n\
             c,2026-7009,COOPERATION,NONE,,beta,,,2026-01-01,2025-01-01,0,,2026-02-01T09:00:00Z,2026-01-01,2025-12-01,,,,,2026-03-01\n\
             d,2026-7001,COOPERATION,NONE,nej,beta,,,2026-01-01,,0,,2026-02-01T09:00:00Z,,,,,,,\n",
        ),
        (
            "costs.csv",
            "activity,booked_on,amount,description\nbip,2026-01-01,0.00,x\nbip,2026-01-01,0.0,\u{7}\n",
        ),
        ("grants.csv", "activity,booked_on,amount\n"),
    ];
    let bad = bad_rows(app.try_import(&files).await);
    assert_eq!(
        bad,
        [
            "members.csv:2: org_number: has a wrong check digit",
            "members.csv:2: joined_on: is not a day of the calendar",
            "members.csv:3: name: must not have control characters",
            "members.csv:3: org_number: is that of another member too",
            "members.csv:5: key: is that of line 2",
            "members.csv:5: successor: leads back to the member itself",
            "members.csv:6: key: is an organisation's too; each needs a key of its own",
            "members.csv:6: successor: there is no member nobody",
            "members.csv:7: has 2 fields where the header has 15",
            "members.csv:8: key: must not have control characters",
            "members.csv:8: successor: must not have control characters",
            "allocations.csv:3: year: must be a whole number from 1900 to 2999",
            "allocations.csv:3: basis: is none of ALL_PARTIES, STATE_SHARE",
            "allocations.csv:3: amount: has more than two decimals; write kronor as 26800.00",
            "allocations.csv:3: member: there is no member finns-inte",
            "allocations.csv:4: amount: must not be negative",
            "allocations.csv:5: is about the same as line 4",
            "agreements.csv:2: activity: must not be empty: a participation agreement is about an activity",
            "agreements.csv:2: direction: must not be COST: participants are not paid",
            "agreements.csv:2: template_version: must be given together with template",
            "agreements.csv:2: renewal_months: needs ends_on, the end of the first term",
            "agreements.csv:2: fee_amount: is needed for FIXED_PER_YEAR",
            "agreements.csv:2: fee_per_mille: must be empty for FIXED_PER_YEAR",
            "agreements.csv:2: vat_rate: must not be empty where there is a fee",
            "agreements.csv:3: notice_months: must be a whole number from 0 to 120",
            "agreements.csv:3: renewal_months: must be a whole number from 1 to 600",
            "agreements.csv:3: template_version: there is no template deltagande version 9",
            "agreements.csv:3: number: is that of another agreement too",
            "agreements.csv:4: ends_on: must not be before starts_on",
            "agreements.csv:4: signed_on: must not be before the day of offered_at",
            "agreements.csv:4: notice_given_on: must not be before signed_on",
            "agreements.csv:5: activity: there is no activity nej",
            "agreements.csv:5: number: is that of another agreement too",
            "costs.csv:2: amount: must not be zero",
            "costs.csv:3: description: must not have control characters",
            "grants.csv:1: funder: is missing; every column of the file must be there, empty where nothing is known",
        ]
    );
    assert_eq!(app.revision().await, revision);
    assert_eq!(exported(&app).await, before);
});

on_both!(bad_rows_by_the_thousands_are_counted, |app| async move {
    let mut text = "key,name,org_number\n".to_owned();
    for row in 0..12_000 {
        text.push_str(&format!("k{row},,\n"));
    }
    match app.try_import(&[("organisations.csv", &text)]).await {
        Err(ImportError::Bad { rows, more }) => {
            assert_eq!((rows.len(), more), (MAX_BAD_ROWS, 2_000));
            assert_eq!(rows[9_999].to_string(), "organisations.csv:10001: name: must not be empty");
        }
        other => panic!("{other:?}"),
    }
});

on_both!(a_row_may_stand_before_what_it_refers_to_in_its_file, |app| async move {
    app.import(FILES).await;
    let head = FILES[0].1.lines().next().unwrap();
    let members = format!(
        "{head},successor,leaving_reason,former_names\n\
         ett,Ett,,,,,2015-01-01,2020-12-31,,,,,,,tva,Går upp i två,Gamla ett@2017-01-01|Äldre ett@2016-01-01\n\
         tva,Två,,,,,2015-01-01,2022-12-31,,,,,,,tre,,\n\
         tre,Tre,,,,,2015-01-01,,,,,,,,,,\n"
    );
    let report = app.import(&[("members.csv", &members)]).await;
    assert_eq!(of(&report, File::Members), (3, 0, 0));
    let out = exported(&app).await;
    assert!(
        out["members.csv"]
            .contains(",tva,Går upp i två,Gamla ett@2017-01-01|Äldre ett@2016-01-01\n"),
        "{}",
        out["members.csv"]
    );

    let circle = members.replace("2015-01-01,,,,,,,,,,\n", "2015-01-01,2023-12-31,,,,,,,fem,,\nfem,Fem,,,,,2015-01-01,2023-12-31,,,,,,,fyra,,\nfyra,Fyra,,,,,2015-01-01,2023-12-31,,,,,,,fem,,\n");
    let bad = bad_rows(app.try_import(&[("members.csv", &circle)]).await);
    assert!(
        bad.contains(&"members.csv:5: successor: leads back to the member itself".to_owned()),
        "{bad:?}"
    );

    // The successor of an agreement, signed, ends it the day before; unsigned it does not.
    let agreements = changed("agreements.csv", ",vat_rate\n", ",vat_rate,replaces\n")
        .replace("STANDARD_25\n", "STANDARD_25,\n");
    let successor = "avtal-ny,2026-7004,PARTICIPATION,INCOME,bip,alfa,,,2026-11-01,2027-10-31,1,12,2026-10-01T09:00:00Z,{},,FIXED_PER_YEAR,1.00,,STANDARD_25,avtal-alfa\n";
    let (header, rows) = agreements.split_once('\n').unwrap();
    for (signed_on, replaced) in [("", "ACTIVE"), ("2026-10-15", "ENDED"), ("", "ACTIVE")] {
        let text = format!("{header}\n{}{rows}", successor.replace("{}", signed_on));
        app.import(&[("agreements.csv", &text)]).await;
        let answer = app
            .office()
            .query("{ agreement(by: { number: \"2026-7001\" }) { status successor { number } } }")
            .await;
        assert_eq!(answer["agreement"]["status"], replaced, "{signed_on}");
        let revision = app.revision().await;
        app.import(&[("agreements.csv", &text)]).await;
        assert_eq!(app.revision().await, revision);
    }
    let overlapping = changed(
        "agreements.csv",
        "avtal-beta,2026-7002,PARTICIPATION,INCOME,indikatorer,beta,",
        "avtal-beta,2026-7002,PARTICIPATION,INCOME,bip,alfa,",
    );
    let bad = bad_rows(App::sqlite().await.try_import(&with("agreements.csv", &overlapping)).await);
    assert!(
        bad[0].starts_with("agreements.csv:2: starts_on: is in force together with 2026-7002"),
        "{bad:?}"
    );
    assert!(
        bad[1].starts_with("agreements.csv:3: starts_on: is in force together with 2026-7001"),
        "{bad:?}"
    );
});

on_both!(rows_are_known_by_key_by_id_by_slug_and_by_number, |app| async move {
    app.import(FILES).await;
    make_without_keys(&app).await;
    let out = exported(&app).await;
    let delta = out["members.csv"]
        .lines()
        .find(|line| line.contains("Delta"))
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(delta.len(), 32);
    let allocations = format!("member,year,basis,amount,source\n{delta},2026,ALL_PARTIES,7.00,\n");
    let costs = "activity,booked_on,amount,description\njgl,2026-01-01,1.00,Efter slug\n";
    let agreements = changed("agreements.csv", "COST,bip,gamma", "COST,jgl,802555-0008")
        .replace(",alfa,", ",222000-1834,");
    let report = app
        .import(&[
            ("allocations.csv", &allocations),
            ("costs.csv", costs),
            ("agreements.csv", &agreements),
        ])
        .await;
    assert_eq!(
        (of(&report, File::Allocations), of(&report, File::Costs), of(&report, File::Agreements)),
        ((1, 0, 0), (1, 0, 0), (0, 1, 3))
    );
    assert!(
        exported(&app).await["allocations.csv"]
            .contains(&format!("{delta},2026,ALL_PARTIES,7.00,\n"))
    );
    // An activity's slug stays, and one contact that was erased stays erased.
    let renamed = changed("activities.csv", "bip,bip,", "bip,bipp,");
    assert_eq!(
        bad_rows(app.try_import(&[("activities.csv", &renamed)]).await),
        ["activities.csv:2: slug: must stay bip, since tokens and scripts rely on it"]
    );
});

on_both!(equal_costs_are_distinguished_by_their_position, |app| async move {
    app.import(FILES).await;
    let costs = |amounts: &[&str]| -> String {
        let rows: String =
            amounts.iter().map(|amount| format!("bip,2026-04-01,{amount},Lokal\n")).collect();
        format!("activity,booked_on,amount,description\n{rows}")
    };
    let three = costs(&["3333.31", "10.00", "10.00"]);
    assert_eq!(of(&app.import(&[("costs.csv", &three)]).await, File::Costs), (2, 0, 1));
    assert_eq!(of(&app.import(&[("costs.csv", &three)]).await, File::Costs), (0, 0, 3));
    assert_eq!(
        of(
            &app.import(&[("costs.csv", &costs(&["3333.31", "10.00", "-10.00"]))]).await,
            File::Costs
        ),
        (0, 1, 2)
    );
    let out = exported(&app).await;
    assert!(
        out["costs.csv"]
            .contains("bip,2026-04-01,3333.31,Lokal,,,,,,\nbip,2026-04-01,10.00,Lokal,,,,,,\nbip,2026-04-01,-10.00,Lokal,,,,,,\n"),
        "{}",
        out["costs.csv"]
    );
});

on_both!(a_published_text_never_changes, |app| async move {
    app.import(FILES).await;
    let bad = bad_rows(app.try_import(&with("templates/deltagande-1.md", "En annan text\n")).await);
    assert_eq!(
        bad,
        [
            "templates.csv:2: body_file: differs from the published version, which never changes; add a new version"
        ]
    );
    let back = changed("templates.csv", "PUBLISHED", "DRAFT").replace(
        "Hemligt avtal,PARTICIPATION,bip,1,DRAFT",
        "Hemligt avtal,PARTICIPATION,bip,1,PUBLISHED",
    );
    let bad = bad_rows(app.try_import(&with("templates.csv", &back)).await);
    assert_eq!(
        bad,
        [
            "templates.csv:2: state: must not go back; a version is drafted, published and retired in this order"
        ]
    );
    // A draft may change, and be published.
    assert_eq!(
        of(&app.import(&with("templates/nytt-1.md", "Ny text\n")).await, File::Templates),
        (0, 1, 1)
    );
    // The same list written otherwise is the same.
    assert_eq!(
        of(&app.import(&with("templates/deltagande-1.json", "[\n]")).await, File::Templates),
        (0, 1, 1)
    );
    let outside = changed("templates.csv", "templates/nytt-1.md", "../nytt-1.md")
        .replace("Avtal om deltagande,", "Ett namn,");
    let twice =
        format!("{outside}deltagande,Ett annat,PARTICIPATION,,2,DRAFT,sv,templates/nytt-1.md,\n");
    assert_eq!(
        bad_rows(app.try_import(&with("templates.csv", &twice)).await),
        [
            "templates.csv:3: body_file: must name a file below the folder, without .. and without a leading /",
            "templates.csv:4: title: must be that of line 2, which is of the same template",
        ]
    );
});

on_both!(an_erased_contact_does_not_come_back, |app| async move {
    app.import(FILES).await;
    let answer = app.office().query("{ members(first: 1) { nodes { contacts { id } } } }").await;
    let input = json!({ "contactId": answer["members"]["nodes"][0]["contacts"][0]["id"] });
    app.office()
        .ask(
            "mutation($input: ContactEraseInput!) { contactErase(input: $input) { contact { id } } }",
            json!({ "input": input }),
        )
        .await
        .data();
    let bad = bad_rows(app.try_import(FILES).await);
    assert_eq!(
        bad,
        ["contacts.csv:2: is a contact that was erased; an older file does not restore it"]
    );
    let out = exported(&app).await;
    assert!(!out["contacts.csv"].contains("Anna"), "{}", out["contacts.csv"]);
    let revision = app.revision().await;
    import_again(&app, &out).await;
    assert_eq!(app.revision().await, revision);
});

#[test]
fn the_columns_of_every_file_are_described() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/csv-files.md"))
            .unwrap();
    for &file in File::ALL {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", file.name())))
            .unwrap_or_else(|| panic!("{file:?}"));
        let cells: Vec<&str> = row.split(" | ").collect();
        let named = |cell: &str, columns: &[&str]| {
            let missing: Vec<_> =
                columns.iter().filter(|column| !cell.contains(&format!("`{column}`"))).collect();
            assert!(missing.is_empty(), "{file:?}: {missing:?}");
        };
        named(cells[1], file.columns());
        named(cells.get(2).unwrap_or(&""), file.extra_columns());
    }
}
