//! Uploads: `POST /files`, the mutations that take the files, and what becomes of files that none
//! takes.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, header},
};
use domain::stored_files::uploads;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{
    access::table::{Table, caller},
    support::{
        app::{App, NOW, on_both},
        caller::{Answer, Caller},
        http_server::HttpServer,
        lifecycle_fixtures::{
            Register, agreed, drafted, mutate, offered, raw, read_agreement, signature, with,
        },
        register_files::{exported, try_import},
        uploads::{PDF, upload, uploaded},
    },
};

const FILE: &str = "file { name mediaType size sha256 url }";

fn digest(bytes: &[u8]) -> String {
    hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes))
}

/// The answer to a form with these parts, each with its headers.
async fn form(app: &App, parts: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (headers, bytes) in parts {
        body.extend_from_slice(format!("--grans\r\n{headers}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--grans--\r\n");
    let request = app
        .office()
        .request(Method::POST, "/files")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=grans");
    app.send(request.body(body.into()).unwrap()).await
}

on_both!(a_file_is_taken_as_a_body_or_as_a_form, |app| async move {
    let body = upload(&app.office(), "avtal.pdf", "application/pdf", PDF).await;
    assert_eq!(body.status, 201, "{}", body.text());
    let id = body.json["id"].as_str().unwrap();
    assert!(id.starts_with("stored_file_"), "{id}");
    let expected = json!({
        "id": id, "sha256": digest(PDF), "mediaType": "application/pdf", "size": PDF.len(), "name": "avtal.pdf",
    });
    assert_eq!(body.json, expected);
    let file = "content-disposition: form-data; name=\"file\"; filename=\"Avtal å.pdf\"\r\ncontent-type: application/pdf";
    let text = "content-disposition: form-data; name=\"note\"";
    let sent = form(&app, &[(text, b"hej"), (file, PDF)]).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert_eq!(
        (&sent.json["name"], &sent.json["size"]),
        (&json!("Avtal å.pdf"), &json!(PDF.len()))
    );
    assert_ne!(sent.json["id"], body.json["id"], "each upload is a file of its own");
    for parts in [vec![(file, PDF), (file, PDF)], vec![(text, b"hej".as_slice())]] {
        let refused = form(&app, &parts).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID"));
    }
});

on_both!(only_files_of_known_types_and_sizes_are_taken, |app| async move {
    let app = app.with(&[("SAMREGISTER_MAX_UPLOAD_BYTES", "1024")]);
    for (kind, bytes, taken) in [
        ("application/octet-stream", PDF, "application/pdf"),
        ("text/csv", "a;b\nå;1\n".as_bytes(), "text/csv"),
        ("text/xml", b"<?xml version=\"1.0\"?><a/>", "application/xml"),
    ] {
        let answer = upload(&app.office(), "x", kind, bytes).await;
        assert_eq!((answer.status.as_u16(), &answer.json["mediaType"]), (201, &json!(taken)));
    }
    for (kind, bytes) in [
        ("image/png", PDF),
        ("text/html", b"<html><script>alert(1)</script>".as_slice()),
        ("image/svg+xml", b"<svg xmlns='x'/>"),
        ("application/pdf", b"MZ\x90\0\x03"),
        ("application/pdf", b""),
    ] {
        let refused = upload(&app.office(), "x", kind, bytes).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID"), "{kind}");
    }
    let large = [PDF, &[b' '; 1024]].concat();
    let refused = upload(&app.office(), "x", "application/pdf", &large).await;
    assert_eq!(refused.status, 413, "{}", refused.text());
    let refused = upload(&app.office(), "x", "application/pdf", &vec![b' '; 200_000]).await;
    assert_eq!(refused.status, 413, "{}", refused.text());
});

on_both!(those_who_may_record_signatures_or_costs_upload, |app| async move {
    let samples = crate::support::fixtures::Samples::fill(&app).await;
    for (column, cell) in Table::read().row("/files") {
        let caller = caller(&app, samples.id("alfa"), column);
        let answer = upload(&caller, "x.pdf", "application/pdf", PDF).await;
        let expected = match cell {
            "may" => 201,
            "no" => 403,
            "token" => 401,
            other => panic!("{other}"),
        };
        assert_eq!(answer.status, expected, "{column}: {}", answer.text());
    }
});

on_both!(a_signature_has_its_scanned_copy, |app| async move {
    let register = Register::fill(&app).await;
    let id = drafted(&app, register.draft(0, "bip", "2026-01-01")).await;
    let (_, sha256) = offered(&app, &id).await;
    let file = uploaded(&app.office(), "avtal.pdf").await;
    let input =
        with(signature(&app, &id, "COUNTERPARTY", &sha256), json!({ "fileId": file.clone() }));
    let before = app.revision().await;
    mutate(&app.office(), "agreementSign", input.clone(), "id").await.data();
    let recorded = app.trail(before).await;
    let entry = recorded.iter().find(|entry| entry["after"]["signature_id"].is_string()).unwrap();
    assert_eq!(entry["after"]["sha256"], digest(PDF).as_str(), "{recorded:?}");
    assert!(!recorded.iter().any(|entry| entry.to_string().contains("avtal.pdf")));

    let selection = format!("signatures {{ party {FILE} }}");
    let read = read_agreement(&app, &id, &selection).await["signatures"][0].clone();
    let shown = &read["file"];
    assert_eq!(
        (&shown["name"], &shown["mediaType"], &shown["size"], &shown["sha256"]),
        (&json!("avtal.pdf"), &json!("application/pdf"), &json!(PDF.len()), &json!(digest(PDF)))
    );
    let url = shown["url"].as_str().unwrap();
    let opened = app.get(url).await;
    assert_eq!((opened.status.as_u16(), &opened.bytes[..]), (200, PDF));
    assert_eq!(
        opened.header("content-disposition"),
        "attachment; filename=\"avtal.pdf\"; filename*=UTF-8''avtal.pdf"
    );
    let path = url.split('?').next().unwrap();
    assert_eq!(app.get(path).await.status, 401);
    assert_eq!(app.member(register.id("Förbund 00")).get(path).await.status, 200);
    assert_eq!(app.member(register.id("Förbund 01")).get(path).await.status, 404);

    // A file is used a single time, by the one who has uploaded it.
    let again = with(input, json!({ "party": "NETWORK" }));
    let refused = mutate(&app.office(), "agreementSign", again.clone(), "id").await;
    assert_eq!(refused.code(), "INVALID", "{}", refused.text());
    let other = uploaded(&app.finance(), "x.pdf").await;
    let refused =
        mutate(&app.office(), "agreementSign", with(again, json!({ "fileId": other })), "id").await;
    assert_eq!(refused.code(), "INVALID", "{}", refused.text());
});

on_both!(a_cost_has_its_voucher, |app| async move {
    let register = Register::fill(&app).await;
    let file = uploaded(&app.finance(), "faktura.pdf").await;
    let input = json!({
        "activityId": register.id("bip"), "bookedOn": "2026-06-01", "amount": "100.00",
        "description": "Lokal", "fileId": file,
    });
    let document = format!(
        "mutation($input: CostRecordInput!) {{ costRecord(input: $input) {{ cost {{ {FILE} }} }} }}"
    );
    let booked = app.finance().ask(&document, json!({ "input": input })).await;
    let cost = &booked["costRecord"]["cost"];
    assert_eq!(cost["file"]["sha256"], digest(PDF).as_str(), "{cost}");
    let url = cost["file"]["url"].as_str().unwrap();
    assert_eq!(&app.get(url).await.bytes[..], PDF);
    let path = url.split('?').next().unwrap();
    assert_eq!(app.lead(&["bip"]).get(path).await.status, 200);
    assert_eq!(app.member(register.id("Förbund 00")).get(path).await.status, 404);
    let node = "query($id: ID!) { node(id: $id) { ... on StoredFile { name createdAt } } }";
    let node = async |caller: Caller<'_>, id: &str| {
        caller.ask(node, json!({ "id": id })).await["node"].clone()
    };
    let expected = json!({ "name": "faktura.pdf", "createdAt": NOW });
    assert_eq!(node(app.lead(&["bip"]), &file).await, expected);
    assert_eq!(node(app.finance(), &file).await, expected);
    assert!(node(app.member(register.id("Förbund 00")), &file).await.is_null());
    assert!(node(app.lead(&["indikatorer"]), &file).await.is_null());
    let unused = uploaded(&app.finance(), "x.pdf").await;
    assert!(node(app.finance(), &unused).await.is_null(), "nothing uses it yet");
    let plain = "{ costs { nodes { description file { name } } } }";
    assert_eq!(app.board().query(plain).await["costs"]["nodes"][0]["file"]["name"], "faktura.pdf");
});

on_both!(unused_files_vanish_after_a_day, |app| async move {
    let register = Register::fill(&app).await;
    let unused = uploaded(&app.office(), "x.pdf").await;
    let used = uploaded(&app.finance(), "y.pdf").await;
    let input = |file: &str| json!({ "activityId": register.id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "x", "fileId": file });
    app.finance().does("costRecord", "id", input(&used)).await.data();
    let later = app.at("2026-11-22T08:59:59Z");
    assert_eq!(uploads::remove_unused(&later.db, later.clock).await.unwrap(), 0);
    let later = app.at("2026-11-22T09:00:01Z");
    assert_eq!(uploads::remove_unused(&later.db, later.clock).await.unwrap(), 1);
    let refused = later.office().does("costRecord", "id", input(&unused)).await;
    assert_eq!(refused.code(), "INVALID", "{}", refused.text());
    let path = format!("/files/stored/{used}");
    assert_eq!(&later.finance().get(&path).await.bytes[..], PDF, "equal bytes stay");
    assert_eq!(later.office().get(&format!("/files/stored/{unused}")).await.status, 404);
});

on_both!(verify_compares_the_bytes_with_their_digest, |app| async move {
    let register = Register::fill(&app).await;
    let file = uploaded(&app.finance(), "faktura.pdf").await;
    let input = json!({ "activityId": register.id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "x", "fileId": file });
    app.finance().does("costRecord", "id", input).await.data();
    agreed(&app, register.draft(0, "bip", "2026-01-01")).await;
    let verify = || app.program().arg("verify").output().unwrap();
    let clean = verify();
    assert!(clean.status.success(), "{}", String::from_utf8_lossy(&clean.stdout));
    raw(
        &app,
        "UPDATE stored_content SET bytes = CAST('x' AS {bytes})"
            .replace("{bytes}", if app.url().starts_with("sqlite") { "BLOB" } else { "bytea" })
            .as_str(),
    )
    .await
    .unwrap();
    let broken = verify();
    let said = String::from_utf8_lossy(&broken.stdout).into_owned()
        + &String::from_utf8_lossy(&broken.stderr);
    assert!(
        !broken.status.success() && said.contains("an uploaded file has other bytes"),
        "{said}"
    );
});

on_both!(vouchers_go_out_and_come_in_as_they_were, |app| async move {
    let register = Register::fill(&app).await;
    let file = uploaded(&app.finance(), "faktura.pdf").await;
    let input = json!({ "activityId": register.id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "x", "fileId": file });
    app.finance().does("costRecord", "id", input).await.data();
    let files = exported(&app).await;
    let sha256 = digest(PDF);
    let expected = format!(
        "activity,booked_on,description,occurrence,name,media_type,sha256,file\n\
         bip,2026-06-01,x,1,faktura.pdf,application/pdf,{sha256},cost_files/{sha256}\n"
    );
    assert_eq!(String::from_utf8_lossy(&files["cost_files.csv"]), expected);
    let other = app.another().await;
    try_import(&other, &files).await.unwrap();
    assert_eq!(exported(&other).await["cost_files.csv"], files["cost_files.csv"]);
    let read = other.board().query("{ costs { nodes { file { url } } } }").await;
    let url = read["costs"]["nodes"][0]["file"]["url"].as_str().unwrap();
    assert_eq!(&other.get(url).await.bytes[..], PDF);
    let revision = other.revision().await;
    try_import(&other, &files).await.unwrap();
    assert_eq!(other.revision().await, revision, "the same files again change nothing");
});

#[tokio::test]
async fn a_request_without_a_body_is_refused() {
    let app = App::sqlite().await;
    let request = app.office().request(Method::POST, "/files").body(Body::empty()).unwrap();
    let refused = app.send(request).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID"));
}

on_both!(the_ending_of_a_name_is_that_of_the_type, |app| async move {
    for (name, taken) in [
        ("faktura.pdf", true),
        ("faktura", true),
        ("FAKTURA.PDF", true),
        ("faktura.html", false),
        ("faktura.pdf.exe", false),
        ("a%E2%80%AEfdp.pdf", false),
        ("a%0Ab.pdf", false),
    ] {
        let answer = upload(&app.office(), name, "application/pdf", PDF).await;
        if taken {
            assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        } else {
            assert_eq!(
                (answer.status.as_u16(), answer.bad_fields()),
                (400, vec!["name"]),
                "{name}"
            );
        }
    }
    let answer = upload(&app.office(), "faktura.html", "application/pdf", PDF).await;
    let field = &answer.error()["extensions"]["fields"][0];
    assert_eq!(field["message"], "must end with .pdf, as its content is application/pdf");
    for bytes in [
        b"<?xml nonsense".as_slice(),
        b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>",
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0xl/workbook.xml",
    ] {
        let refused = upload(&app.office(), "x", "application/octet-stream", bytes).await;
        assert_eq!((refused.status.as_u16(), refused.bad_fields()), (400, vec!["mediaType"]));
    }
});

on_both!(a_signed_copy_is_a_document_or_a_picture, |app| async move {
    let register = Register::fill(&app).await;
    let id = drafted(&app, register.draft(0, "bip", "2026-01-01")).await;
    let (_, sha256) = offered(&app, &id).await;
    let csv = upload(&app.office(), "x.csv", "text/csv", b"a;b\n1;2\n").await;
    let file = csv.json["id"].as_str().unwrap();
    let signed = with(signature(&app, &id, "COUNTERPARTY", &sha256), json!({ "fileId": file }));
    let refused = mutate(&app.office(), "agreementSign", signed, "id").await;
    assert_eq!(refused.bad_fields(), ["input.fileId"]);
    assert_eq!(read_agreement(&app, &id, "status").await["status"], "OFFERED");
});

/// Sends the head of an upload that declares a body of this length and sends none of it, and reads
/// the first line of the answer.
async fn answered_before_the_body(
    server: &HttpServer,
    authorization: &str,
    length: usize,
) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /files?name=x.pdf HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n\
         content-type: application/pdf\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(&mut stream);
    let read = tokio::time::timeout(Duration::from_secs(5), lines.read_line(&mut line)).await;
    // It does not wait for a body that it will refuse.
    read.unwrap().unwrap();
    line
}

on_both!(permission_and_size_are_checked_before_the_body, |app| async move {
    let samples = crate::support::fixtures::Samples::fill(&app).await;
    let member = app.member(samples.id("alfa"));
    let server = HttpServer::start(&app).await;
    let refused =
        answered_before_the_body(&server, member.authorization().unwrap(), 1_000_000).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let office = app.office();
    let refused =
        answered_before_the_body(&server, office.authorization().unwrap(), 100_000_000).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    server.stop().await;
});

on_both!(an_upload_has_no_idempotency_key, |app| async move {
    let request = app
        .office()
        .request(Method::POST, "/files?name=x.pdf")
        .header(header::CONTENT_TYPE, "application/pdf")
        .header("idempotency-key", "one");
    let refused = app.send(request.body(PDF.to_vec().into()).unwrap()).await;
    assert_eq!((refused.status.as_u16(), refused.bad_fields()), (400, vec!["idempotency-key"]));
});
