//! The archive: registration with a number, versions, readers, erasure, and what `verify` finds.

use domain::{audit::reads, auth::viewer::Viewer, stored_files::uploads};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::support::{
    app::{App, NOW, on_both},
    caller::Caller,
    fixtures::Samples,
    lifecycle_fixtures::{Register, agreed, drafted, raw},
    register_files::{bad_rows, exported, try_import},
    uploads::{PDF, upload, uploaded},
};

/// Returns the input of a document that the office registers.
pub fn input(file: &str, attached_to: Option<&str>) -> Value {
    json!({
        "fileId": file, "kind": "OTHER", "title": "Brev om lokaler", "datedOn": "2026-11-20",
        "attachedToId": attached_to,
    })
}

/// Registers a document, and returns its id.
pub async fn registered(app: &App, attached_to: Option<&str>) -> String {
    let file = uploaded(&app.office(), "brev.pdf").await;
    let made = register(app, input(&file, attached_to), "id").await;
    made["id"].as_str().unwrap().to_owned()
}

/// Registers a document, and returns what is selected of it.
async fn register(app: &App, input: Value, selection: &str) -> Value {
    done(&app.office(), "archivedDocumentRegister", selection, input).await
}

/// Does a mutation, and returns what is selected of the document.
async fn done(caller: &Caller<'_>, mutation: &str, selection: &str, input: Value) -> Value {
    let selection = format!("archivedDocument {{ {selection} }}");
    caller.does(mutation, &selection, input).await[mutation]["archivedDocument"].clone()
}

/// Returns the numbers that a caller sees, by the day of registration.
async fn numbers(caller: &Caller<'_>, filter: &str) -> Vec<String> {
    let document = format!(
        "{{ archivedDocuments(filter: {{ {filter} }}, orderBy: {{ field: REGISTERED_ON }}) {{
            totalCount nodes {{ number }} }} }}"
    );
    let answer = caller.query(&document).await["archivedDocuments"].clone();
    let nodes = answer["nodes"].as_array().unwrap();
    assert_eq!(answer["totalCount"], nodes.len());
    nodes.iter().map(|node| node["number"].as_str().unwrap().to_owned()).collect()
}

const FIELDS: &str = "id number kind title language datedOn registeredOn versionCount erasedOn \
    createdAt updatedAt attachedTo { __typename id } file { name sha256 url } files { name }";

on_both!(a_document_is_registered_with_the_next_number_of_the_year, |app| async move {
    let register_of = Register::fill(&app).await;
    let bip = register_of.id("bip").to_owned();
    let file = uploaded(&app.office(), "brev.pdf").await;
    let before = app.revision().await;
    let made = register(&app, input(&file, Some(&bip)), FIELDS).await;
    assert_eq!(
        (&made["number"], &made["language"], &made["registeredOn"], &made["versionCount"]),
        (&json!("D2026-0001"), &json!("sv"), &json!("2026-11-21"), &json!(1))
    );
    assert_eq!(made["attachedTo"], json!({ "__typename": "Activity", "id": bip }));
    assert_eq!((&made["createdAt"], &made["updatedAt"]), (&json!(NOW), &json!(NOW)));
    assert_eq!(&app.get(made["file"]["url"].as_str().unwrap()).await.bytes[..], PDF);
    let recorded = app.trail(before).await;
    assert!(recorded.iter().any(|entry| entry["after"]["number"] == "D2026-0001"));
    assert!(!recorded.iter().any(|entry| entry.to_string().contains("brev.pdf")));

    // The network's own, in another language, of the next year.
    let later = app.at("2027-01-02T09:00:00Z");
    for number in ["D2027-0001", "D2027-0002"] {
        let file = uploaded(&later.office(), "stadgar.pdf").await;
        let mut own = input(&file, None);
        (own["language"], own["kind"]) = (json!("en"), json!("MINUTES"));
        let made = register(&later, own, FIELDS).await;
        assert_eq!((&made["number"], &made["language"]), (&json!(number), &json!("en")));
        assert!(made["attachedTo"].is_null());
    }
    let office = app.office();
    assert_eq!(numbers(&office, "").await, ["D2026-0001", "D2027-0001", "D2027-0002"]);
    for (filter, expected) in [
        ("kind: [MINUTES]", &["D2027-0001", "D2027-0002"][..]),
        ("registeredTo: \"2026-12-31\"", &["D2026-0001"]),
        ("datedFrom: \"2026-11-21\"", &[]),
        ("search: \"d2027-0002\"", &["D2027-0002"]),
        ("search: \"lokal bre\"", &["D2026-0001", "D2027-0001", "D2027-0002"]),
        ("isErased: true", &[]),
    ] {
        assert_eq!(numbers(&office, filter).await, expected, "{filter}");
    }
    let of_bip = format!("attachedToId: \"{bip}\"");
    assert_eq!(numbers(&office, &of_bip).await, ["D2026-0001"]);
});

on_both!(a_bad_document_is_refused_with_every_bad_field, |app| async move {
    let register_of = Register::fill(&app).await;
    let refused = async |changes: Value| {
        let file = uploaded(&app.office(), "brev.pdf").await;
        let mut new = input(&file, None);
        for (name, value) in changes.as_object().unwrap() {
            new[name] = value.clone();
        }
        app.office().does("archivedDocumentRegister", "archivedDocument { id }", new).await
    };
    let bad =
        refused(json!({ "title": " ", "language": "svenska", "datedOn": "2026-11-22" })).await;
    assert_eq!(bad.bad_fields(), ["input.datedOn", "input.language", "input.title"]);
    let template = register_of.id("deltagande");
    let bad = refused(json!({ "attachedToId": template })).await;
    assert_eq!(bad.bad_fields(), ["input.attachedToId"]);
    let gone = "agreement_00000000000070008000000000000001";
    assert_eq!(refused(json!({ "attachedToId": gone })).await.code(), "NOT_FOUND");
    let foreign = uploaded(&app.finance(), "brev.pdf").await;
    assert_eq!(refused(json!({ "fileId": foreign })).await.bad_fields(), ["input.fileId"]);
    let file = uploaded(&app.office(), "brev.pdf").await;
    register(&app, input(&file, None), "id").await;
    let again = refused(json!({ "fileId": file })).await;
    assert_eq!(again.bad_fields(), ["input.fileId"], "a file is used a single time");
    assert_eq!(numbers(&app.office(), "").await, ["D2026-0001"], "refusals take no number");
});

on_both!(a_new_version_leaves_the_earlier_one_readable, |app| async move {
    let document = registered(&app, None).await;
    let csv = upload(&app.office(), "brev.csv", "text/csv", b"a;b\n1;2\n").await;
    let change = json!({ "archivedDocumentId": document, "fileId": csv.json["id"] });
    let selection = "versionCount file { name } files { name url }";
    let replaced = done(&app.office(), "archivedDocumentReplace", selection, change.clone()).await;
    assert_eq!(
        (&replaced["versionCount"], &replaced["file"]["name"]),
        (&json!(2), &json!("brev.csv"))
    );
    let files = replaced["files"].as_array().unwrap();
    assert_eq!((&files[0]["name"], &files[1]["name"]), (&json!("brev.csv"), &json!("brev.pdf")));
    assert_eq!(&app.get(files[1]["url"].as_str().unwrap()).await.bytes[..], PDF);
    let selection = "archivedDocument { id }";
    let again = app.office().does("archivedDocumentReplace", selection, change).await;
    assert_eq!(again.bad_fields(), ["input.fileId"]);
    let verified = app.program().arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
});

on_both!(who_may_read_the_object_may_read_its_documents, |app| async move {
    let register_of = Register::fill(&app).await;
    let (own, other) = (register_of.id("Förbund 00"), register_of.id("Förbund 01"));
    let agreement = agreed(&app, register_of.draft(0, "bip", "2026-01-01")).await;
    let draft = drafted(&app, register_of.draft(0, "indikatorer", "2027-01-01")).await;
    let cost = json!({
        "activityId": register_of.id("bip"), "bookedOn": "2026-06-01", "amount": "1.00",
        "description": "x",
    });
    app.office().does("costRecord", "id", cost).await.data();
    let costs = app.office().query("{ costs { nodes { id } } }").await;
    let cost = costs["costs"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let attached = [
        ("D2026-0001", None),
        ("D2026-0002", Some(own)),
        ("D2026-0003", Some(other)),
        ("D2026-0004", Some(register_of.id("Rådgivarna"))),
        ("D2026-0005", Some(register_of.id("bip"))),
        ("D2026-0006", Some(register_of.id("indikatorer"))),
        ("D2026-0007", Some(agreement.as_str())),
        ("D2026-0008", Some(draft.as_str())),
        ("D2026-0009", Some(cost.as_str())),
    ];
    let (mut ids, mut links) = (Vec::new(), Vec::new());
    for (number, object) in attached {
        let file = uploaded(&app.office(), "brev.pdf").await;
        let made = register(&app, input(&file, object), "id number file { url }").await;
        assert_eq!(made["number"], number);
        ids.push(made["id"].as_str().unwrap().to_owned());
        let url = made["file"]["url"].as_str().unwrap();
        links.push(url.split('?').next().unwrap().to_owned());
    }
    let all: Vec<usize> = (1..=9).collect();
    for (name, caller, expected) in [
        ("office", app.office(), all.clone()),
        ("finance", app.finance(), all.clone()),
        ("board", app.board(), all.clone()),
        ("auditor", app.auditor(), all),
        ("member", app.member(own), vec![2, 7]),
        ("another member", app.member(other), vec![3]),
        ("lead of bip", app.lead(&["bip"]), vec![5, 7, 9]),
        ("lead of indikatorer", app.lead(&["indikatorer"]), vec![6, 8]),
        ("members:read", app.service("members:read"), vec![2, 3]),
        ("agreements:read", app.service("agreements:read"), vec![7, 8]),
        ("revenue:read", app.service("revenue:read"), vec![5, 6, 9]),
        ("invoices:read", app.service("invoices:read"), vec![]),
    ] {
        let numbers_of: Vec<String> =
            expected.iter().map(|serial| format!("D2026-{serial:04}")).collect();
        assert_eq!(numbers(&caller, "").await, numbers_of, "{name}");
        let node =
            "query($id: ID!) { node(id: $id) { ... on ArchivedDocument { attachedTo { id } } } }";
        for (position, (id, link)) in ids.iter().zip(&links).enumerate() {
            let is_seen = expected.contains(&(position + 1));
            let found = caller.ask(node, json!({ "id": id })).await["node"].clone();
            assert_eq!(!found.is_null(), is_seen, "{name} {id}");
            if is_seen {
                let object = attached[position].1;
                assert_eq!(found["attachedTo"]["id"].as_str(), object, "{name} {id}");
            }
            let status = caller.get(link).await.status;
            assert_eq!(status, if is_seen { 200 } else { 404 }, "{name} {link}");
        }
    }
});

on_both!(a_document_that_no_law_demands_can_be_erased, |app| async move {
    let register_of = Register::fill(&app).await;
    let document = registered(&app, Some(register_of.id("bip"))).await;
    let erase = |id: &str| json!({ "archivedDocumentId": id, "reason": "Gallrad enligt plan" });
    let refused = app
        .office()
        .does(
            "archivedDocumentErase",
            "archivedDocument { id }",
            json!({ "archivedDocumentId": document, "reason": "" }),
        )
        .await;
    assert_eq!(refused.bad_fields(), ["input.reason"]);
    let shown = "{ archivedDocuments { nodes { files { url } } } }";
    let link = app.office().query(shown).await["archivedDocuments"]["nodes"][0]["files"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(app.get(&link).await.status, 200);
    let selection = "number erasedOn erasureReason file { id } files { name sha256 } \
        viewerCanErase viewerCanReplace";
    let erased = done(&app.office(), "archivedDocumentErase", selection, erase(&document)).await;
    assert_eq!(
        (&erased["erasedOn"], &erased["erasureReason"], &erased["number"]),
        (&json!("2026-11-21"), &json!("Gallrad enligt plan"), &json!("D2026-0001"))
    );
    assert!(erased["file"].is_null());
    assert_eq!(erased["files"][0]["name"], "D2026-0001-1.pdf", "its entry stays, without its name");
    assert_eq!(
        (&erased["viewerCanErase"], &erased["viewerCanReplace"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(app.get(&link).await.status, 404);
    let selection = "archivedDocument { id }";
    let again = app.office().does("archivedDocumentErase", selection, erase(&document)).await;
    assert_eq!(again.reason(), "ERASED");
    let verified = app.program().arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    // The same bytes, registered again, are stored again; an equal file keeps them.
    let [one, two] = [registered(&app, None).await, registered(&app, None).await];
    let urls = app.office().query(shown).await;
    let urls: Vec<&str> = urls["archivedDocuments"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["files"][0]["url"].as_str().unwrap())
        .collect();
    // The latest first.
    let [of_two, of_one] = [urls[0], urls[1]];
    assert_eq!(&app.get(of_one).await.bytes[..], PDF);
    done(&app.office(), "archivedDocumentErase", "id", erase(&one)).await;
    assert_eq!(app.get(of_one).await.status, 404);
    assert_eq!(&app.get(of_two).await.bytes[..], PDF);
    done(&app.office(), "archivedDocumentErase", "id", erase(&two)).await;
    assert_eq!(app.get(of_two).await.status, 404);
    let verified = app.program().arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
});

on_both!(who_opened_a_document_is_logged_by_day, |app| async move {
    let document = registered(&app, None).await;
    let link = "{ archivedDocuments { nodes { file { url } } } }";
    let read = async |caller: Caller<'_>| {
        let answer = caller.query(link).await;
        let url =
            answer["archivedDocuments"]["nodes"][0]["file"]["url"].as_str().unwrap().to_owned();
        caller.get(url.split('?').next().unwrap()).await.status
    };
    for _ in 0..2 {
        assert_eq!(read(app.board()).await, 200);
    }
    reads::write(&app.db).await.unwrap();
    let log = "query($id: ID) { archivedDocumentReads(filter: { archivedDocumentId: $id }) {
        totalCount nodes { reader readOn readCount firstAt document { number } } } }";
    let shown =
        app.auditor().ask(log, json!({ "id": document })).await["archivedDocumentReads"].clone();
    assert_eq!(shown["totalCount"], 1, "a link alone is no read: {shown}");
    let line = &shown["nodes"][0];
    assert_eq!(
        (&line["readOn"], &line["readCount"], &line["firstAt"], &line["document"]["number"]),
        (&json!("2026-11-21"), &json!(2), &json!(NOW), &json!("D2026-0001"))
    );
    assert_eq!(read(app.board()).await, 200);
    reads::write(&app.db).await.unwrap();
    let shown =
        app.office().ask(log, json!({ "id": document })).await["archivedDocumentReads"].clone();
    assert_eq!((&shown["totalCount"], &shown["nodes"][0]["readCount"]), (&json!(1), &json!(3)));
    let of_board = app.board().ask(log, json!({ "id": document })).await;
    assert_eq!(of_board["archivedDocumentReads"]["totalCount"], 0);
    let operator = Viewer::operator("retention");
    let day = "2026-11-22".parse().unwrap();
    assert_eq!(reads::delete_before(app.context(&operator), day).await.unwrap(), 1);
    let shown = app.office().ask(log, json!({ "id": document })).await;
    assert_eq!(shown["archivedDocumentReads"]["totalCount"], 0);
});

on_both!(bytes_that_only_an_erased_document_had_vanish_with_another_upload, |app| async move {
    let document = registered(&app, None).await;
    let erase = json!({ "archivedDocumentId": document, "reason": "Gallrad" });
    uploaded(&app.office(), "samma.pdf").await;
    done(&app.office(), "archivedDocumentErase", "id", erase).await;
    let stored = || async {
        let sql = "SELECT COUNT(*) FROM stored_content WHERE LENGTH(bytes) > 0".to_owned();
        let statement = Statement::from_string(app.db.backend(), sql);
        let row = app.db.read().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).unwrap()
    };
    assert_eq!(stored().await, 1, "an upload still has them");
    let later = app.at("2026-11-22T09:00:01Z");
    assert_eq!(uploads::remove_unused(&later.db, later.clock).await.unwrap(), 1);
    assert_eq!(stored().await, 0);
});

on_both!(a_document_that_must_be_retained_is_not_erased, |app| async move {
    let register_of = Register::fill(&app).await;
    let mut new = register_of.draft(0, "bip", "2026-01-01");
    new["endsOn"] = json!("2027-12-31");
    let agreement = agreed(&app, new).await;
    let mut later = Vec::new();
    for (kind, attached_to, erasable_from) in [
        ("MINUTES", None, Value::Null),
        ("DECISION", Some(agreement.as_str()), Value::Null),
        ("SIGNED_CONTRACT", None, json!("2034-01-01")),
        ("SIGNED_CONTRACT", Some(agreement.as_str()), json!("2035-01-01")),
        ("APPENDIX", Some(register_of.id("bip")), json!("2034-01-01")),
    ] {
        let file = uploaded(&app.office(), "brev.pdf").await;
        let mut document = input(&file, attached_to);
        document["kind"] = json!(kind);
        let made = register(&app, document, "id viewerCanErase").await;
        assert_eq!(made["viewerCanErase"], false, "{kind}");
        let erase = json!({ "archivedDocumentId": made["id"], "reason": "Fel" });
        let selection = "archivedDocument { id }";
        let refused = app.office().does("archivedDocumentErase", selection, erase.clone()).await;
        assert_eq!(refused.reason(), "RETAINED", "{}", refused.text());
        let from = &refused.error()["extensions"]["erasableFrom"];
        assert_eq!(from, &erasable_from, "{kind} {attached_to:?}");
        later.extend(erasable_from.as_str().map(|first| (first.to_owned(), erase)));
    }
    later.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (first, erase) in later {
        let then = app.at(&format!("{first}T09:00:00Z"));
        done(&then.office(), "archivedDocumentErase", "id", erase).await;
    }
});

on_both!(verify_finds_a_missing_number_version_or_file, |app| async move {
    let verify = || {
        let output = app.program().arg("verify").output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    };
    for _ in 0..2 {
        registered(&app, None).await;
    }
    let set = "UPDATE archived_document SET number = 'D2026-0004' WHERE number = 'D2026-0001'";
    assert_eq!(raw(&app, set).await.unwrap(), 1);
    let said = verify();
    assert!(said.contains("there is no archived document D2026-0001, D2026-0003"), "{said}");
    assert_eq!(raw(&app, "UPDATE archived_document SET versions = 2").await.unwrap(), 2);
    let said = verify();
    assert!(said.contains("D2026-0002 lacks a file of one of its versions"), "{said}");
    let bytes = if app.url().starts_with("sqlite") { "x''" } else { "'\\x'::bytea" };
    let emptied = raw(&app, &format!("UPDATE stored_content SET bytes = {bytes}")).await;
    assert_eq!(emptied.unwrap(), 1, "equal bytes are stored a single time");
    let said = verify();
    assert!(said.contains("the bytes of an uploaded file are missing"), "{said}");
});

on_both!(the_archive_is_exported_and_imported_as_it_was, |app| async move {
    let register_of = Register::fill(&app).await;
    let agreement = agreed(&app, register_of.draft(0, "bip", "2026-01-01")).await;
    let cost = json!({
        "activityId": register_of.id("bip"), "bookedOn": "2026-06-01", "amount": "1.00",
        "description": "Lokal",
    });
    app.office().does("costRecord", "id", cost).await.data();
    let costs = app.office().query("{ costs { nodes { id } } }").await;
    let cost = costs["costs"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let mut ids = Vec::new();
    for object in [None, Some(agreement.as_str()), Some(cost.as_str()), Some(register_of.id("bip"))]
    {
        ids.push(registered(&app, object).await);
    }
    let csv = upload(&app.office(), "brev.csv", "text/csv", b"a;b\n1;2\n").await;
    let change = json!({ "archivedDocumentId": ids[0], "fileId": csv.json["id"] });
    done(&app.office(), "archivedDocumentReplace", "id", change).await;
    let erase = json!({ "archivedDocumentId": ids[3], "reason": "Gallrad" });
    done(&app.office(), "archivedDocumentErase", "id", erase).await;
    let files = exported(&app).await;
    let text = String::from_utf8_lossy(&files["archived_documents.csv"]).into_owned();
    assert!(
        text.contains("\nD2026-0001,OTHER,Brev om lokaler,sv,2026-11-20,2026-11-21,2,,,"),
        "{text}"
    );
    assert!(text.contains(",bip,2026-06-01,Lokal,1,,\n"), "{text}");
    assert!(text.contains(",2026-11-21,Gallrad\n"), "{text}");
    let versions = String::from_utf8_lossy(&files["archived_files.csv"]).into_owned();
    assert!(versions.contains("\nD2026-0004,1,D2026-0004-1.pdf,"), "{versions}");
    let other = app.another().await;
    try_import(&other, &files).await.unwrap();
    let again = exported(&other).await;
    for name in ["archived_documents.csv", "archived_files.csv"] {
        assert_eq!(again[name], files[name], "{name}");
    }
    assert_eq!(numbers(&other.board(), "isErased: true").await, ["D2026-0004"]);
    let verified = other.program().arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let revision = other.revision().await;
    try_import(&other, &files).await.unwrap();
    assert_eq!(other.revision().await, revision, "the same files again change nothing");
    for (from, to, reason) in [
        ("Brev om lokaler", "Brev om annat", "it never changes"),
        ("D2026-0001", "D2025-0001", "of the year of registered_on"),
        ("D2026-0001", "D2026-4294967295", "must be as D2026-0001"),
        ("2026-11-20,2026-11-21,2", "2026-11-22,2026-11-21,2", "must not be after registered_on"),
        ("2026-11-21,2,", "2026-11-22,2,", "must not be after today"),
        ("D2026-0004,OTHER", "D2026-0004,MINUTES", "are never erased"),
        (",2026-11-21,Gallrad", ",2026-11-20,Gallrad", "from registered_on to today"),
    ] {
        let mut changed = files.clone();
        changed
            .insert("archived_documents.csv".to_owned(), text.replacen(from, to, 1).into_bytes());
        let bad = bad_rows(&other, &changed).await;
        assert!(bad.iter().any(|row| row.contains(reason)), "{bad:?}");
    }
});

on_both!(agreements_without_a_document_are_a_list, |app| async move {
    let register_of = Register::fill(&app).await;
    let imported = "key,number,kind,direction,activity,counterparty,template,template_version,\
        starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,\
        fee_basis,fee_amount,fee_per_mille,vat_rate\n\
        a,2020-0001,PARTICIPATION,INCOME,bip,m3,,,\
        2020-02-01,,1,,2020-01-10T09:00:00Z,2020-01-20,,,,,\n\
        b,2020-0002,PARTICIPATION,INCOME,bip,m4,,,\
        2020-02-01,,1,,2020-01-10T09:00:00Z,2020-01-20,,,,,\n";
    app.import(&[("agreements.csv", imported)]).await;
    agreed(&app, register_of.draft(0, "bip", "2026-01-01")).await;
    let list = async |has_document: bool| {
        let document = format!(
            "{{ agreements(filter: {{ hasDocument: {has_document} }},
                orderBy: {{ field: NUMBER }}) {{ nodes {{ id number }} }} }}"
        );
        let answer = app.office().query(&document).await;
        let nodes = answer["agreements"]["nodes"].as_array().unwrap().clone();
        let numbers: Vec<String> =
            nodes.iter().map(|node| node["number"].as_str().unwrap().to_owned()).collect();
        (numbers, nodes)
    };
    let (numbers_without, nodes) = list(false).await;
    assert_eq!(numbers_without, ["2020-0001", "2020-0002"]);
    assert_eq!(list(true).await.0, ["2026-0001"]);
    let document = registered(&app, nodes[0]["id"].as_str()).await;
    assert_eq!(list(false).await.0, ["2020-0002"]);
    assert_eq!(list(true).await.0, ["2020-0001", "2026-0001"]);
    let erase = json!({ "archivedDocumentId": document, "reason": "Fel avtal" });
    done(&app.office(), "archivedDocumentErase", "id", erase).await;
    assert_eq!(list(false).await.0, ["2020-0001", "2020-0002"]);
});

on_both!(scanned_contracts_are_registered_by_their_names, |app| async move {
    let register_of = Register::fill(&app).await;
    agreed(&app, register_of.draft(0, "bip", "2026-01-01")).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("2026-0001 Förbund 00.pdf", PDF),
        ("2026-0009.pdf", PDF),
        ("2026-0001_bild.pdf", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice()),
        ("2026-0001.txt", b"text"),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut program = app.program();
        program.args(["archive", "import"]).arg(folder.path()).args(arguments);
        let output = program.output().unwrap();
        let (out, err) = (output.stdout, output.stderr);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&err));
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let (planned, said) = run(&["--dry-run"]);
    for (file, result) in [
        ("2026-0001 Förbund 00.pdf", "registreras"),
        ("2026-0001_bild.pdf", "ingen PDF"),
        ("2026-0009.pdf", "inget avtal"),
    ] {
        let line = planned.lines().find(|line| line.contains(file));
        assert!(line.is_some_and(|line| line.contains(result)), "{file}: {planned}");
    }
    assert!(!planned.contains("2026-0001.txt"), "{planned}");
    assert!(said.contains("2 files not registered"), "{said}");
    assert!(said.contains("nothing was changed: a dry run"), "{said}");
    assert_eq!(numbers(&app.office(), "").await, [""; 0]);
    let (done, _) = run(&[]);
    assert!(done.contains("registrerad"), "{done}");
    let (again, _) = run(&[]);
    assert!(again.contains("fanns redan"), "{again}");
    let list = "{ archivedDocuments { nodes { kind title file { name } } } }";
    let found = app.office().query(list).await["archivedDocuments"]["nodes"].clone();
    let expected = json!([{
        "kind": "SIGNED_CONTRACT", "title": "Undertecknat avtal 2026-0001",
        "file": { "name": "2026-0001 Förbund 00.pdf" },
    }]);
    assert_eq!(found, expected);
});

on_both!(the_diary_lists_what_has_a_number, |app| async move {
    let samples = Samples::fill(&app).await;
    registered(&app, Some(samples.id("alfa"))).await;
    let list = async |caller: Caller<'_>, filter: &str| {
        let document = format!(
            "{{ diary(filter: {{ {filter} }}, orderBy: {{ field: REGISTERED_ON }}) {{
                totalCount nodes {{ kind number title node {{ id }} }} }} }}"
        );
        let answer = caller.query(&document).await["diary"].clone();
        let nodes = answer["nodes"].as_array().unwrap().clone();
        assert_eq!(answer["totalCount"], nodes.len());
        assert!(nodes.iter().all(|node| node["node"]["id"].is_string()), "{nodes:?}");
        let name = |node: &Value| {
            let [title, number] = ["title", "number"].map(|name| node[name].as_str().unwrap());
            format!("{title} {number}")
        };
        nodes.iter().map(name).collect::<Vec<_>>()
    };
    let mut all = list(app.office(), "").await;
    all.sort();
    let expected = [
        "Avtal 2026-7001",
        "Avtal 2026-7002",
        "Avtal 2026-7003",
        "Brev om lokaler D2026-0001",
        "Faktura 8801",
        "Faktura 8802",
    ];
    assert_eq!(all, expected);
    let of_alfa = ["Avtal 2026-7001", "Faktura 8801", "Brev om lokaler D2026-0001"];
    assert_eq!(list(app.member(samples.id("alfa")), "").await, of_alfa, "the earliest first");
    for (filter, expected) in [
        ("kind: [ARCHIVED_DOCUMENT]", &["Brev om lokaler D2026-0001"][..]),
        ("search: \"brev\"", &["Brev om lokaler D2026-0001"]),
        ("registeredFrom: \"2026-03-02\", registeredTo: \"2026-03-02\"", &["Faktura 8802"]),
    ] {
        assert_eq!(list(app.office(), filter).await, expected, "{filter}");
    }
    let mut program = app.program();
    program.args(["archive", "diary", "--to", "2026-03-01", "--format", "csv"]);
    let output = program.output().unwrap();
    let csv = String::from_utf8(output.stdout).unwrap();
    assert!(csv.lines().any(|line| line.contains("2026-03-01") && line.contains("8801")), "{csv}");
    assert!(!csv.contains("8802"), "{csv}");
});

on_both!(what_has_documents_is_not_removed, |app| async move {
    let new = json!({ "name": "Fel", "joinedOn": "2027-01-01" });
    let member = app.office().does("memberAdmit", "id", new).await["memberAdmit"]["id"].clone();
    registered(&app, member.as_str()).await;
    let refused =
        app.office().does("memberRemove", "memberId", json!({ "memberId": member })).await;
    assert_eq!(refused.reason(), "IN_USE");
    assert!(refused.text().contains("1 document"), "{}", refused.text());
});
