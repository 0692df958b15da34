//! Entries of the audit trail: their contents, filters and pages, who reads them, and what leaves
//! none.

use domain::{
    audit,
    auth::viewer::{Role, Viewer},
};
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    database_intruder::intruder,
};

pub(super) async fn admit(caller: &Caller<'_>, name: &str) -> String {
    let admitted =
        caller.does("memberAdmit", "id", json!({ "name": name, "joinedOn": "2015-01-01" })).await;
    admitted["memberAdmit"]["id"].as_str().unwrap().to_owned()
}

/// The revisions of a page of the trail, with the page's own fields.
pub(super) async fn log(caller: &Caller<'_>, arguments: Value) -> (Vec<i64>, Value) {
    let document = "query($filter: AuditFilter, $first: Int, $after: String, $last: Int, $before: String) {
        auditEntries(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
            totalCount nodes { revision } pageInfo { hasPreviousPage hasNextPage startCursor endCursor } } }";
    let answer = caller.ask(document, arguments).await;
    let page = &answer["auditEntries"];
    let revisions = page["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["revision"].as_str().unwrap().parse().unwrap());
    (revisions.collect(), page.clone())
}

on_both!(an_entry_has_actor_action_subject_and_time, |app| async move {
    let id = admit(&app.office(), "Ale").await;
    let later = app.at("2026-11-21T09:00:00.123456Z");
    let set = json!({ "memberId": id, "year": 2026, "amount": "10.50", "source": "Beslut" });
    later.finance().does("allocationSet", "id", set).await.data();
    let document = "{ auditEntries { nodes { id revision recordedAt actor action subject { __typename id ... on Member { name } } before after version erasedIn hash } } }";
    let answer = app.auditor().query(document).await;
    let entry = &answer["auditEntries"]["nodes"][0];
    let (hash, after) = (entry["hash"].as_str().unwrap(), &entry["after"]);
    assert_eq!(
        entry,
        &json!({
            "id": entry["id"], "revision": "2", "recordedAt": "2026-11-21T09:00:00.123456Z", "actor": "finance@example.se", "action": "allocationSet",
            "subject": { "__typename": "Member", "id": id, "name": "Ale" }, "before": null,
            "after": { "id": after["id"], "member_id": after["member_id"], "year": 2026, "basis": "ALL_PARTIES", "amount": 1050, "source": "Beslut" },
            "version": env!("CARGO_PKG_VERSION"), "erasedIn": null, "hash": hash,
        })
    );
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    assert_ne!(entry["hash"], answer["auditEntries"]["nodes"][1]["hash"]);
    // It is found by its id, as everything is.
    let node = app
        .auditor()
        .ask(
            "query($id: ID!) { node(id: $id) { ... on AuditEntry { revision hash } } }",
            json!({ "id": entry["id"] }),
        )
        .await;
    assert_eq!(node["node"], json!({ "revision": "2", "hash": hash }));
});

on_both!(the_trail_is_searched, |app| async move {
    let anna = Viewer {
        subject: "anna@example.se".into(),
        roles: vec![Role::Office],
        ..Viewer::default()
    };
    let instants = [
        "2026-11-21T09:00:00Z",
        "2026-11-21T09:00:00.000001Z",
        "2026-11-21T09:00:01Z",
        "2026-11-22T00:00:00Z",
        "2026-11-22T00:00:00Z",
    ];
    let [first, second, third, fourth, fifth] = instants.map(|now| app.at(now));
    let ale = admit(&first.office(), "Ale").await;
    let bo = admit(&second.viewer(anna.clone()), "Bo").await;
    third
        .finance()
        .does("allocationSet", "id", json!({ "memberId": ale, "year": 2026, "amount": "1" }))
        .await
        .data();
    fourth
        .viewer(anna)
        .does("memberUpdate", "id", json!({ "memberId": ale, "county": "A" }))
        .await
        .data();
    fifth
        .office()
        .does("memberUpdate", "id", json!({ "memberId": bo, "county": "B" }))
        .await
        .data();
    let nothing = "member_0197aaaaaaaa7000800000000000000a";
    for (filter, found) in [
        (json!({}), vec![5, 4, 3, 2, 1]),
        (json!({ "actor": "anna@example.se" }), vec![4, 2]),
        (json!({ "actor": "anna" }), vec![]),
        (json!({ "actor": "ANNA@example.se" }), vec![]),
        (json!({ "subjectId": ale }), vec![4, 3, 1]),
        (json!({ "subjectId": nothing }), vec![]),
        // From the instant on, and before it.
        (json!({ "recordedFrom": "2026-11-21T09:00:00Z" }), vec![5, 4, 3, 2, 1]),
        (json!({ "recordedFrom": "2026-11-21T09:00:00.000001Z" }), vec![5, 4, 3, 2]),
        (json!({ "recordedFrom": "2026-11-21T09:00:00.000002Z" }), vec![5, 4, 3]),
        (json!({ "recordedFrom": "2026-11-22T01:00:00+01:00" }), vec![5, 4]),
        (json!({ "recordedFrom": "2026-11-22T00:00:00.1Z" }), vec![]),
        (json!({ "recordedBefore": "2026-11-21T09:00:00Z" }), vec![]),
        (json!({ "recordedBefore": "2026-11-21T09:00:00.000001Z" }), vec![1]),
        (json!({ "recordedBefore": "2026-11-21T09:00:01Z" }), vec![2, 1]),
        (json!({ "recordedBefore": "2026-11-22T00:00:00Z" }), vec![3, 2, 1]),
        (
            json!({ "recordedFrom": "2026-11-21T09:00:00.000001Z", "recordedBefore": "2026-11-22T00:00:00Z" }),
            vec![3, 2],
        ),
        (
            json!({ "recordedFrom": "2026-11-22T00:00:00Z", "recordedBefore": "2026-11-22T00:00:00Z" }),
            vec![],
        ),
        (
            json!({ "actor": "office@example.se", "subjectId": bo, "recordedFrom": "2026-11-21T09:00:01Z", "recordedBefore": "2026-12-01T00:00:00Z" }),
            vec![5],
        ),
        (
            json!({ "actor": "office@example.se", "subjectId": bo, "recordedBefore": "2026-11-22T00:00:00Z" }),
            vec![],
        ),
    ] {
        let (revisions, page) = log(&app.office(), json!({ "filter": filter })).await;
        assert_eq!((&revisions, &page["totalCount"]), (&found, &json!(found.len())), "{filter}");
    }
    let document = "query($filter: AuditFilter) { auditEntries(filter: $filter) { totalCount } }";
    let bad = json!({ "filter": { "actor": "\u{0}", "subjectId": "Ale", "recordedFrom": "2026-11-21", "recordedBefore": "2026-11-21T25:00:00Z" } });
    assert_eq!(
        app.office().ask(document, bad).await.bad_fields(),
        ["filter.actor", "filter.recordedBefore", "filter.recordedFrom", "filter.subjectId"]
    );
    let reversed = json!({ "filter": { "recordedFrom": "2026-11-22T00:00:00Z", "recordedBefore": "2026-11-21T00:00:00Z" } });
    assert_eq!(app.office().ask(document, reversed).await.bad_fields(), ["filter.recordedBefore"]);
});

on_both!(the_trail_is_paged_from_its_end, |app| async move {
    for name in ["A", "B", "C", "D", "E"] {
        admit(&app.office(), name).await;
    }
    let reported = |page: &Value| {
        json!([
            page["pageInfo"]["hasPreviousPage"],
            page["pageInfo"]["hasNextPage"],
            page["totalCount"]
        ])
    };
    let (revisions, first) = log(&app.auditor(), json!({ "first": 2 })).await;
    assert_eq!((revisions, reported(&first)), (vec![5, 4], json!([false, true, 5])));
    // Concurrent changes do not move a cursor.
    admit(&app.office(), "F").await;
    let (revisions, second) =
        log(&app.auditor(), json!({ "first": 2, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!((revisions, reported(&second)), (vec![3, 2], json!([true, true, 6])));
    let (revisions, third) =
        log(&app.auditor(), json!({ "first": 2, "after": second["pageInfo"]["endCursor"] })).await;
    assert_eq!((revisions, reported(&third)), (vec![1], json!([true, false, 6])));
    let (revisions, last) = log(&app.auditor(), json!({ "last": 2 })).await;
    assert_eq!((revisions, reported(&last)), (vec![2, 1], json!([true, false, 6])));
    let (revisions, back) =
        log(&app.auditor(), json!({ "last": 5, "before": last["pageInfo"]["startCursor"] })).await;
    assert_eq!((revisions, reported(&back)), (vec![6, 5, 4, 3], json!([false, true, 6])));
});

on_both!(the_trail_is_ordered_by_time_in_either_direction, |app| async move {
    for name in ["A", "B", "C"] {
        admit(&app.office(), name).await;
    }
    let document = "{ up: auditEntries(first: 2, orderBy: { field: RECORDED_AT }) { nodes { revision } }
        down: auditEntries(last: 2, orderBy: { field: RECORDED_AT, direction: DESC }) { nodes { revision } }
        latest: auditEntries(last: 2) { nodes { revision } } }";
    let answer = app.office().query(document).await;
    let [up, down, latest] = ["up", "down", "latest"].map(|list| {
        let nodes = answer[list]["nodes"].as_array().unwrap().clone();
        nodes.into_iter().map(|node| node["revision"].clone()).collect::<Vec<_>>()
    });
    assert_eq!(up, ["1", "2"]);
    assert_eq!(down, ["2", "1"]);
    assert_eq!(latest, down, "the latest first");
});

on_both!(the_office_and_auditors_read_the_trail, |app| async move {
    let id = admit(&app.office(), "Ale").await;
    let entry =
        app.office().query("{ auditEntries { nodes { id } } }").await["auditEntries"]["nodes"][0]["id"]
            .clone();
    let document = "query($entry: ID!, $member: ID!) { auditEntries { totalCount nodes { id } } of: auditEntries(filter: { subjectId: $member }) { totalCount } node(id: $entry) { id } nodes(ids: [$entry]) { id } }";
    let node = json!({ "id": entry });
    let all = json!({ "auditEntries": { "totalCount": 1, "nodes": [node] }, "of": { "totalCount": 1 }, "node": node, "nodes": [node] });
    let none = json!({ "auditEntries": { "totalCount": 0, "nodes": [] }, "of": { "totalCount": 0 }, "node": null, "nodes": [null] });
    for (who, caller, seen) in [
        ("office", app.office(), &all),
        ("auditor", app.auditor(), &all),
        ("audit:read", app.service("audit:read"), &all),
        ("finance", app.finance(), &none),
        ("board", app.board(), &none),
        ("lead", app.lead(&["bip"]), &none),
        ("Ale", app.member(&id), &none),
        (
            "members:read",
            app.service(
                "members:read agreements:write invoices:write revenue:read templates:write",
            ),
            &none,
        ),
    ] {
        assert_eq!(
            caller.ask(document, json!({ "entry": entry, "member": id })).await.data(),
            seen,
            "{who}"
        );
    }
    // A program that may read the trail alone is not shown what it is about.
    let subject = app
        .service("audit:read")
        .query("{ auditEntries { nodes { action subject { id } } } }")
        .await;
    assert_eq!(
        subject["auditEntries"]["nodes"],
        json!([{ "action": "memberAdmit", "subject": null }])
    );
});

on_both!(what_changes_nothing_or_is_refused_leaves_no_entry, |app| async move {
    let member = admit(&app.office(), "Ale").await;
    let other = admit(&app.office(), "Bo").await;
    let id = |answer: crate::support::caller::Answer, name: &str| answer[name]["id"].clone();
    let organisation = id(
        app.office()
            .does("organisationAdd", "id", json!({ "name": "Gamma", "orgNumber": "802555-0008" }))
            .await,
        "organisationAdd",
    );
    let contact = id(
        app.office().does("contactAdd", "id", json!({ "role": "OTHER", "name": "Anna" })).await,
        "contactAdd",
    );
    app.office()
        .does("allocationSet", "id", json!({ "memberId": member, "year": 2026, "amount": "1" }))
        .await
        .data();
    let before = app.revision().await;
    assert_eq!(before, 5);
    for (mutation, input) in [
        (
            "memberUpdate",
            json!({ "memberId": member, "name": "Ale", "joinedOn": "2015-01-01", "billing": {}, "municipalities": [] }),
        ),
        ("memberUpdate", json!({ "memberId": member })),
        ("allocationSet", json!({ "memberId": member, "year": 2026, "amount": "1.00" })),
        (
            "contactUpdate",
            json!({ "contactId": contact, "name": "Anna", "role": "OTHER", "email": null }),
        ),
        (
            "organisationUpdate",
            json!({ "organisationId": organisation, "orgNumber": "802555-0008" }),
        ),
    ] {
        app.office().does(mutation, "id", input).await.data();
        assert_eq!(app.revision().await, before, "{mutation}");
    }
    for (code, caller, mutation, input) in [
        ("FORBIDDEN", app.board(), "memberUpdate", json!({ "memberId": member, "name": "Ny" })),
        (
            "UNAUTHENTICATED",
            app.no_one(),
            "memberUpdate",
            json!({ "memberId": member, "name": "Ny" }),
        ),
        (
            "INVALID",
            app.office(),
            "memberAdmit",
            json!({ "name": "", "joinedOn": "2026-01-01", "contactAreaName": "Ny" }),
        ),
        (
            "NOT_FOUND",
            app.office(),
            "contactErase",
            json!({ "contactId": "contact_0197aaaaaaaa7000800000000000000a" }),
        ),
        (
            "CONFLICT",
            app.office(),
            "organisationAdd",
            json!({ "name": "Ny", "orgNumber": "802555-0008" }),
        ),
        // The first could leave, there is no second.
        (
            "NOT_FOUND",
            app.office(),
            "memberMerge",
            json!({ "intoId": member, "fromIds": [other, "member_0197aaaaaaaa7000800000000000000a"], "leftOn": "2026-12-31" }),
        ),
    ] {
        assert_eq!(caller.does(mutation, "id", input).await.code(), code, "{mutation}");
        assert_eq!(app.revision().await, before, "{mutation}");
    }
    // Nothing is missing in between, since a mutation that was refused took no revision.
    admit(&app.office(), "Cea").await;
    assert_eq!(app.revision().await, before + 1);
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), Vec::<String>::new());
});

on_both!(the_database_refuses_to_change_the_trail, |app| async move {
    for name in ["Ale", "Bo"] {
        admit(&app.office(), name).await;
    }
    let intruder = intruder(&app).await;
    let mut paths = vec![
        "UPDATE audit_entry SET actor = 'ingen'",
        "UPDATE audit_entry SET after = NULL WHERE revision = 1",
        "UPDATE audit_entry SET salt = NULL, after = '{}', after_digest = 'x', erased_in = 2 WHERE revision = 1",
        "UPDATE audit_entry SET signature = NULL WHERE revision = 2",
        "INSERT INTO audit_entry SELECT * FROM audit_entry WHERE revision = 1 ON CONFLICT (revision) DO UPDATE SET actor = 'ingen'",
        "DELETE FROM audit_entry",
    ];
    if app.db.backend() == DbBackend::Postgres {
        paths.push("TRUNCATE audit_entry");
    } else {
        paths.extend([
            "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry WHERE revision = 1",
            "REPLACE INTO audit_entry (revision, at, actor, action, subject_kind, subject_id, version, hash) \
             SELECT revision, at, 'ingen', action, subject_kind, subject_id, version, hash FROM audit_entry WHERE revision = 2",
            "UPDATE OR REPLACE audit_entry SET revision = 1 WHERE revision = 2",
        ]);
    }
    for path in paths {
        let refused = intruder.execute_unprepared(path).await.unwrap_err().to_string();
        assert!(refused.contains("the audit trail never changes"), "{path}: {refused}");
    }
    assert_eq!(app.revision().await, 2);
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), Vec::<String>::new());
});
