//! Agreements: how they are found, what they tell, which expire, and who may see them.

use std::collections::BTreeMap;

use ::entity::{
    acknowledgement, activity, agreement, agreement_document, agreement_parameters, allocation, contact_area, decision,
    id::*,
    kind::*,
    member,
    money::{Money, PerMille},
    organisation, signature, template, template_text, template_version,
};
use chrono::{DateTime, NaiveDate, Utc};
use samregister::{
    audit::{self, Change},
    auth::viewer::{Role, Viewer},
    swedish, terms,
};
use serde_json::{Value, json};

use crate::app::{Answer, App, Caller, on_both};

/// What the register of these tests holds, by the names that tests call it; today is 2026-11-21.
#[derive(Default)]
pub(crate) struct Register {
    /// The ids of all things, as the API writes them.
    ids: BTreeMap<String, String>,
}

impl Register {
    /// The id of a thing by its name.
    #[track_caller]
    pub(crate) fn id(&self, name: &str) -> &str {
        self.ids.get(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn keep(&mut self, noun: &str, name: &str, id: impl Into<uuid::Uuid>) {
        self.ids.insert(name.to_owned(), format!("{noun}_{}", id.into().simple()));
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

struct Writer {
    change: Change,
    register: Register,
}

impl Writer {
    async fn member(&mut self, name: &str, county: &str, area: ContactAreaId) -> MemberId {
        let id = MemberId::new();
        let row = member::Model {
            id,
            name: name.into(),
            name_key: swedish::key(name),
            county: Some(county.into()),
            contact_area_id: Some(area),
            joined_on: day("2015-01-01"),
            ..member::Model::default()
        };
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("member", name, id);
        id
    }

    async fn area(&mut self, name: &str) -> ContactAreaId {
        let id = ContactAreaId::new();
        audit::insert(&self.change, contact_area::Model { id, name: name.into(), name_key: swedish::key(name) }).await.unwrap();
        id
    }

    async fn activity(&mut self, slug: &str) -> ActivityId {
        let id = ActivityId::new();
        let row = activity::Model {
            id,
            slug: slug.into(),
            name: slug.into(),
            name_key: slug.into(),
            starts_on: day("2015-01-01"),
            ..activity::Model::default()
        };
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("activity", slug, id);
        id
    }

    async fn template(
        &mut self,
        slug: &str,
        kind: AgreementKind,
        activity: Option<ActivityId>,
        states: &[TemplateState],
    ) -> Vec<TemplateVersionId> {
        let id = TemplateId::new();
        let title = format!("Mall {slug}");
        let row = template::Model { id, slug: slug.into(), title_key: swedish::key(&title), title, kind, activity_id: activity };
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("template", &format!("mall {slug}"), id);
        let mut versions = Vec::new();
        for (place, state) in states.iter().enumerate() {
            let version = i32::try_from(place).unwrap() + 1;
            let published_at = (*state != TemplateState::Draft).then(|| instant("2024-01-01T08:00:00Z"));
            let row = template_version::Model {
                id: TemplateVersionId::new(),
                template_id: id,
                version,
                state: *state,
                language: "sv".into(),
                published_at,
            };
            self.register.keep("template_version", &format!("mall {slug} {version}"), row.id);
            versions.push(row.id);
            let parameters = r#"[{"name":"days","label":"Dagar","type":"INTEGER","required":true,"default":14}]"#;
            let text = template_text::Model { version_id: row.id, body: format!("# {slug} {version}"), parameters: parameters.into() };
            audit::insert(&self.change, row).await.unwrap();
            audit::insert(&self.change, text).await.unwrap();
        }
        versions
    }

    async fn agreement(&mut self, name: &str, mut row: agreement::Model) -> AgreementId {
        row.id = AgreementId::new();
        row.number_key = row.number.as_deref().map(swedish::number_key).unwrap_or_default();
        row.offered_at = row.number.as_ref().map(|_| row.offered_at.unwrap_or_else(|| instant("2023-11-01T09:00:00Z")));
        (row.deadline_on, row.deadline_month) = terms::deadline_columns(&terms::of(&row));
        let id = row.id;
        audit::insert(&self.change, row).await.unwrap();
        self.register.keep("agreement", name, id);
        id
    }
}

/// A participation agreement from a day to another, signed.
fn taking_part(number: &str, member: MemberId, activity: ActivityId, starts_on: &str, ends_on: Option<&str>) -> agreement::Model {
    agreement::Model {
        number: Some(number.into()),
        direction: Direction::Income,
        member_id: Some(member),
        activity_id: Some(activity),
        starts_on: day(starts_on),
        ends_on: ends_on.map(day),
        signed_on: Some(day("2023-12-01")),
        ..agreement::Model::default()
    }
}

/// Fills the register with agreements in every status and with deadlines of both kinds.
pub(crate) async fn fill(app: &App) -> Register {
    let change = audit::begin(&app.db, &Viewer::operator("test"), "fill").await.unwrap();
    let mut writer = Writer { change, register: Register::default() };
    let (east, west) = (writer.area("Öst").await, writer.area("Väst").await);
    let gotland = writer.member("Finsam Gotland", "Gotlands län", east).await;
    let goteborg = writer.member("Göteborg", "Västra Götalands län", west).await;
    let halland = writer.member("Halland", "Hallands län", west).await;
    let allocation = allocation::Model {
        id: AllocationId::new(),
        member_id: goteborg,
        year: 2026,
        amount: Money(6_120_000_000),
        ..allocation::Model::default()
    };
    audit::insert(&writer.change, allocation).await.unwrap();
    let advisers = OrganisationId::new();
    let row = organisation::Model {
        id: advisers,
        name: "Rådgivarna AB".into(),
        name_key: swedish::key("Rådgivarna AB"),
        ..organisation::Model::default()
    };
    audit::insert(&writer.change, row).await.unwrap();
    writer.register.keep("organisation", "Rådgivarna AB", advisers);
    let (bip, indicators) = (writer.activity("bip").await, writer.activity("indikatorer").await);
    use TemplateState::{Draft, Published, Retired};
    let versions = writer.template("bip", AgreementKind::Participation, Some(bip), &[Retired, Published, Draft]).await;
    writer.template("hemlig", AgreementKind::Cooperation, None, &[Draft]).await;
    let board = decision::Model {
        id: DecisionId::new(),
        body: DecisionBody::Board,
        decided_on: Some(day("2023-10-10")),
        paragraph: Some("§ 7".into()),
        document: None,
    };
    audit::insert(&writer.change, board.clone()).await.unwrap();

    let open = agreement::Model {
        fee_basis: Some(FeeBasis::FixedPerYear),
        fee_amount: Some(Money(1_800_000)),
        vat_rate: Some(VatRate::Standard25),
        template_version_id: Some(versions[0]),
        decision_id: Some(board.id),
        ..taking_part("2024-0001", gotland, indicators, "2024-01-01", None)
    };
    let open = writer.agreement("open", open).await;
    let signature = signature::Model {
        id: SignatureId::new(),
        agreement_id: open,
        party: SignatureParty::Network,
        name: "Exempel Exempelsson".into(),
        title: None,
        signed_on: day("2023-11-30"),
        method: SignatureMethod::ESignature,
        document_sha256: "00ff".into(),
    };
    let other = signature::Model {
        id: SignatureId::new(),
        party: SignatureParty::Counterparty,
        title: Some("Ordförande".into()),
        signed_on: day("2023-12-01"),
        ..signature.clone()
    };
    for row in [other, signature] {
        audit::insert(&writer.change, row).await.unwrap();
    }
    let document = agreement_document::Model { agreement_id: open, sha256: "00ff".into(), html: "<p>Avtal</p>".into(), pdf: Some(vec![1]) };
    audit::insert(&writer.change, document).await.unwrap();
    audit::insert(&writer.change, agreement_parameters::Model { agreement_id: open, parameters: r#"{"days":14}"#.into() }).await.unwrap();

    let renewing = agreement::Model {
        notice_months: 1,
        renewal_months: Some(12),
        fee_basis: Some(FeeBasis::PerMilleOfAllocation),
        fee_per_mille: Some(PerMille(2000)),
        vat_rate: Some(VatRate::Exempt),
        template_version_id: Some(versions[1]),
        ..taking_part("2025-0001", goteborg, indicators, "2025-01-01", Some("2025-12-31"))
    };
    writer.agreement("renewing", renewing).await;

    let quiet = agreement::Model {
        template_version_id: Some(versions[1]),
        ..taking_part("2025-0002", halland, bip, "2025-01-01", Some("2026-12-31"))
    };
    let quiet = writer.agreement("quiet", quiet).await;
    for (at, until, note) in
        [("2026-11-01T10:00:00Z", "2026-12-15", "Förlängs i januari"), ("2026-10-01T10:00:00Z", "2026-10-31", "Vi ser")]
    {
        let row = acknowledgement::Model {
            id: AcknowledgementId::new(),
            agreement_id: quiet,
            acknowledged_by: "office@example.se".into(),
            acknowledged_at: instant(at),
            until: day(until),
            note: Some(note.into()),
        };
        audit::insert(&writer.change, row).await.unwrap();
    }

    let replaced = agreement::Model {
        replaced_from: Some(day("2027-01-01")),
        ..taking_part("2025-0003", gotland, bip, "2025-02-01", Some("2027-01-31"))
    };
    let replaced = writer.agreement("replaced", replaced).await;
    let successor = agreement::Model {
        replaces_id: Some(replaced),
        signed_on: Some(day("2026-11-01")),
        ..taking_part("2026-0003", gotland, bip, "2027-01-01", Some("2027-12-31"))
    };
    writer.agreement("successor", successor).await;
    let draft = agreement::Model { number: None, signed_on: None, ..taking_part("", goteborg, bip, "2027-01-01", None) };
    writer.agreement("draft", draft).await;
    let offered = agreement::Model {
        signed_on: None,
        offered_at: Some(instant("2026-11-01T09:00:00Z")),
        ..taking_part("2026-0004", halland, indicators, "2027-01-01", None)
    };
    writer.agreement("offered", offered).await;
    let ending = agreement::Model {
        kind: AgreementKind::Assignment,
        direction: Direction::Cost,
        member_id: None,
        organisation_id: Some(advisers),
        notice_given_on: Some(day("2026-10-01")),
        termination_reason: Some("Uppdraget är slut".into()),
        ..taking_part("2026-0001", gotland, bip, "2026-01-01", Some("2026-12-10"))
    };
    writer.agreement("ending", ending).await;
    let withdrawn = agreement::Model {
        signed_on: None,
        withdrawn_on: Some(day("2026-05-05")),
        ..taking_part("2026-0002", gotland, bip, "2026-06-01", None)
    };
    writer.agreement("withdrawn", withdrawn).await;
    writer.agreement("ended", taking_part("2023-0001", goteborg, bip, "2023-01-01", Some("2024-12-31"))).await;

    writer.change.record(SubjectKind::Agreement, open, None::<&()>, Some(&"test")).unwrap();
    writer.change.commit().await.unwrap();
    writer.register
}

fn numbers(answer: &Answer, list: &str) -> Vec<String> {
    answer[list]["nodes"].as_array().unwrap().iter().map(|node| node["number"].as_str().unwrap().to_owned()).collect()
}

async fn listed(caller: &Caller<'_>, arguments: &str) -> Vec<String> {
    numbers(&caller.query(&format!("{{ agreements({arguments}) {{ nodes {{ number }} }} }}")).await, "agreements")
}

async fn expiring(caller: &Caller<'_>, arguments: &str) -> Vec<String> {
    numbers(&caller.query(&format!("{{ expiringAgreements{arguments} {{ nodes {{ number }} }} }}")).await, "expiringAgreements")
}

on_both!(an_agreement_tells_all_of_itself, |app| async move {
    let register = fill(&app).await;
    let answer = app
        .office()
        .query(
            r#"{ agreement(by: { number: "2024-0001" }) {
                id number kind status direction startsOn endsOn termEndsOn noticeMonths renewalMonths offeredAt signedOn withdrawnOn noticeGivenOn
                terminationReason nextDeadline { on } activity { slug } counterparty { __typename ... on Member { name county } ... on Organisation { name } }
                template { version state template { slug } } parameters decision { body on paragraph document }
                fee { basis amount perMille vatRate amountFor(year: 2026) before: amountFor(year: 2023) }
                signatures { party name title signedOn method documentSha256 } document { sha256 html }
                replaces { number } replacedBy { number } history { action }
            } }"#,
        )
        .await;
    assert_eq!(
        answer["agreement"],
        json!({
            "id": register.id("open"), "number": "2024-0001", "kind": "PARTICIPATION", "status": "ACTIVE", "direction": "INCOME",
            "startsOn": "2024-01-01", "endsOn": null, "termEndsOn": null, "noticeMonths": 0, "renewalMonths": null,
            "offeredAt": "2023-11-01T09:00:00Z", "signedOn": "2023-12-01", "withdrawnOn": null, "noticeGivenOn": null, "terminationReason": null,
            "nextDeadline": null, "activity": { "slug": "indikatorer" },
            "counterparty": { "__typename": "Member", "name": "Finsam Gotland", "county": "Gotlands län" },
            "template": { "version": 1, "state": "RETIRED", "template": { "slug": "bip" } }, "parameters": { "days": 14 },
            "decision": { "body": "BOARD", "on": "2023-10-10", "paragraph": "§ 7", "document": null },
            "fee": { "basis": "FIXED_PER_YEAR", "amount": "18000.00", "perMille": null, "vatRate": "STANDARD_25", "amountFor": "18000.00", "before": "0.00" },
            "signatures": [
                { "party": "NETWORK", "name": "Exempel Exempelsson", "title": null, "signedOn": "2023-11-30", "method": "E_SIGNATURE", "documentSha256": "00ff" },
                { "party": "COUNTERPARTY", "name": "Exempel Exempelsson", "title": "Ordförande", "signedOn": "2023-12-01", "method": "E_SIGNATURE", "documentSha256": "00ff" },
            ],
            "document": { "sha256": "00ff", "html": "<p>Avtal</p>" },
            "replaces": null, "replacedBy": null, "history": [{ "action": "fill" }],
        })
    );
});

on_both!(a_draft_has_no_number_yet, |app| async move {
    let register = fill(&app).await;
    let answer = app
        .office()
        .ask(
            "query($id: ID!) { node(id: $id) { ... on Agreement { number status offeredAt document { html } parameters fee { basis } } } }",
            json!({ "id": register.id("draft") }),
        )
        .await;
    assert_eq!(
        answer["node"],
        json!({ "number": "UTKAST", "status": "DRAFT", "offeredAt": null, "document": null, "parameters": {}, "fee": null })
    );
    assert_eq!(app.office().query(r#"{ agreement(by: { number: "UTKAST" }) { id } }"#).await["agreement"], Value::Null);
});

on_both!(every_status_is_found_and_told, |app| async move {
    fill(&app).await;
    let office = app.office();
    for (status, found) in [
        ("DRAFT", vec!["UTKAST"]),
        ("OFFERED", vec!["2026-0004"]),
        ("SIGNED", vec!["2026-0003"]),
        ("ACTIVE", vec!["2024-0001", "2025-0001", "2025-0002", "2025-0003"]),
        ("NOTICE_GIVEN", vec!["2026-0001"]),
        ("ENDED", vec!["2023-0001"]),
        ("WITHDRAWN", vec!["2026-0002"]),
    ] {
        let answer =
            office.query(&format!("{{ agreements(filter: {{ status: [{status}] }}) {{ totalCount nodes {{ number status }} }} }}")).await;
        assert_eq!(numbers(&answer, "agreements"), found, "{status}");
        assert_eq!(answer["agreements"]["totalCount"], found.len());
        assert!(answer["agreements"]["nodes"].as_array().unwrap().iter().all(|node| node["status"] == status));
    }
    // Ends are inclusive, and a day is as good as today.
    for (on, status) in [("2022-12-31", "OFFERED"), ("2023-12-01", "ACTIVE"), ("2024-12-31", "ACTIVE"), ("2025-01-01", "ENDED")] {
        let answer = office.query(&format!(r#"{{ agreement(by: {{ number: "2023-0001" }}) {{ status(on: "{on}") }} }}"#)).await;
        let told = if on == "2022-12-31" { "DRAFT" } else { status };
        assert_eq!(answer["agreement"]["status"], told, "{on}");
        assert!(
            listed(&office, &format!(r#"filter: {{ status: [{told}], asOf: "{on}" }}"#)).await.contains(&"2023-0001".to_owned()),
            "{on}"
        );
    }
});

on_both!(filters_compose, |app| async move {
    let register = fill(&app).await;
    let office = app.office();
    let member = format!(r#"counterparty: "{}""#, register.id("Halland"));
    let organisation = format!(r#"counterparty: "{}""#, register.id("Rådgivarna AB"));
    let version = format!(r#"templateVersion: "{}""#, register.id("mall bip 2"));
    for (filter, found) in [
        ("kind: [ASSIGNMENT]", vec!["2026-0001"]),
        ("kind: [ASSIGNMENT, COOPERATION]", vec!["2026-0001"]),
        ("kind: [], status: [], activity: [], direction: COST", vec!["2026-0001"]),
        (r#"activity: ["indikatorer"]"#, vec!["2024-0001", "2025-0001", "2026-0004"]),
        (r#"activity: ["indikatorer", "bip"], status: [OFFERED, SIGNED]"#, vec!["2026-0003", "2026-0004"]),
        (r#"activity: ["annan"]"#, vec![]),
        (&member, vec!["2025-0002", "2026-0004"]),
        (&organisation, vec!["2026-0001"]),
        (&version, vec!["2025-0001", "2025-0002"]),
        (r#"contactArea: "väst", status: [ACTIVE]"#, vec!["2025-0001", "2025-0002"]),
        (r#"contactArea: "Väst", county: "Hallands län""#, vec!["2025-0002", "2026-0004"]),
        (r#"county: "Gotlands län", activity: ["indikatorer"]"#, vec!["2024-0001"]),
        (r#"endsFrom: "2026-12-31""#, vec!["2025-0002", "2025-0003", "2026-0003"]),
        (r#"endsTo: "2025-12-31""#, vec!["2023-0001", "2025-0001"]),
        (r#"endsFrom: "2026-12-10", endsTo: "2026-12-31""#, vec!["2025-0002", "2026-0001"]),
        (r#"search: "2025-""#, vec!["2025-0001", "2025-0002", "2025-0003"]),
        (r#"search: "0001""#, vec![]),
        (r#"search: "rådgiv""#, vec!["2026-0001"]),
        (r#"search: "GÖTEBORG", status: [ENDED]"#, vec!["2023-0001"]),
        (r#"search: "2025\\_""#, vec![]),
        (r#"search: "100%""#, vec![]),
        ("includeAcknowledged: false, status: [ACTIVE]", vec!["2024-0001", "2025-0001", "2025-0003"]),
        (r#"includeAcknowledged: false, status: [ACTIVE], asOf: "2026-12-16""#, vec!["2024-0001", "2025-0001", "2025-0002", "2025-0003"]),
        ("includeAcknowledged: true, status: [ACTIVE]", vec!["2024-0001", "2025-0001", "2025-0002", "2025-0003"]),
    ] {
        assert_eq!(listed(&office, &format!("filter: {{ {filter} }}")).await, found, "{filter}");
    }
});

on_both!(orders_have_tie_breakers_and_pages, |app| async move {
    fill(&app).await;
    let office = app.office();
    let all =
        ["UTKAST", "2023-0001", "2024-0001", "2025-0001", "2025-0002", "2025-0003", "2026-0001", "2026-0002", "2026-0003", "2026-0004"];
    assert_eq!(listed(&office, "first: 100").await, all);
    assert_eq!(listed(&office, "orderBy: { field: NUMBER, direction: DESC }").await, all.iter().rev().copied().collect::<Vec<_>>());
    let by_end = listed(&office, "orderBy: { field: ENDS_ON }").await;
    assert_eq!(by_end[..6], ["2023-0001", "2025-0001", "2026-0001", "2025-0002", "2025-0003", "2026-0003"]);
    for order in ["NUMBER", "STARTS_ON", "ENDS_ON"] {
        for direction in ["ASC", "DESC"] {
            let order = format!("orderBy: {{ field: {order}, direction: {direction} }}");
            let whole = listed(&office, &order).await;
            assert_eq!(walk(&office, &format!("agreements({order}, "), "agreements", true).await, whole, "{order}");
            assert_eq!(walk(&office, &format!("agreements({order}, "), "agreements", false).await, whole, "{order}");
        }
    }
});

/// The whole list in pages of two, from the front or from the back.
async fn walk(caller: &Caller<'_>, list: &str, name: &str, forward: bool) -> Vec<String> {
    let (mut found, mut at) = (Vec::new(), String::new());
    loop {
        let page = if forward { format!("first: 2 {at}") } else { format!("last: 2 {at}") };
        let answer = caller
            .query(&format!(
                "{{ {list} {page}) {{ nodes {{ number }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
            ))
            .await;
        let rows = numbers(&answer, name);
        let info = &answer[name]["pageInfo"];
        if forward {
            found.extend(rows);
            at = format!("after: {}", info["endCursor"]);
        } else {
            found.splice(0..0, rows);
            at = format!("before: {}", info["startCursor"]);
        }
        if info[if forward { "hasNextPage" } else { "hasPreviousPage" }] == false {
            return found;
        }
    }
}

on_both!(what_expires_is_a_window_and_says_why, |app| async move {
    fill(&app).await;
    let office = app.office();
    let answer = office
        .query("{ expiringAgreements { totalCount nodes { number nextDeadline { kind on daysLeft acknowledged { by } } termEndsOn } } }")
        .await;
    assert_eq!(
        answer["expiringAgreements"],
        json!({ "totalCount": 2, "nodes": [
            { "number": "2025-0001", "nextDeadline": { "kind": "NOTICE", "on": "2026-11-30", "daysLeft": 9, "acknowledged": null }, "termEndsOn": "2026-12-31" },
            { "number": "2026-0001", "nextDeadline": { "kind": "END", "on": "2026-12-10", "daysLeft": 19, "acknowledged": null }, "termEndsOn": "2026-12-10" },
        ] })
    );
    // One that was acknowledged stays visible on request, and comes back when the quiet days are over.
    let answer = office
        .query("{ expiringAgreements(filter: { includeAcknowledged: true }) { totalCount nodes { number nextDeadline { on acknowledged { by at until note } } } } }")
        .await;
    assert_eq!(numbers(&answer, "expiringAgreements"), ["2025-0001", "2026-0001", "2025-0002"]);
    assert_eq!(
        answer["expiringAgreements"]["nodes"][2]["nextDeadline"],
        json!({ "on": "2026-12-31", "acknowledged": { "by": "office@example.se", "at": "2026-11-01T10:00:00Z", "until": "2026-12-15", "note": "Förlängs i januari" } })
    );
    assert_eq!(answer["expiringAgreements"]["totalCount"], 3);
    // Both ends of the window count.
    for (arguments, found) in [
        ("(withinDays: 8)", vec![]),
        ("(withinDays: 9)", vec!["2025-0001"]),
        (r#"(withinDays: 0, from: "2026-11-30")"#, vec!["2025-0001"]),
        (r#"(withinDays: 0, from: "2026-12-01")"#, vec![]),
        (r#"(from: "2026-12-15")"#, vec![]),
        (r#"(from: "2026-12-16")"#, vec!["2025-0002"]),
        // Its next notice day is a year later; the successor's end is later still.
        (r#"(withinDays: 380, from: "2026-12-16")"#, vec!["2025-0002", "2025-0001", "2026-0003"]),
        (r#"(withinDays: 3660, from: "2030-01-01")"#, vec!["2025-0001"]),
        (r#"(filter: { activity: ["bip"] })"#, vec!["2026-0001"]),
        (r#"(filter: { contactArea: "Väst" })"#, vec!["2025-0001"]),
        ("(filter: { status: [NOTICE_GIVEN] })", vec!["2026-0001"]),
    ] {
        assert_eq!(expiring(&office, arguments).await, found, "{arguments}");
    }
    let list = "expiringAgreements(withinDays: 3000, filter: { includeAcknowledged: true }, ";
    let whole = expiring(&office, "(withinDays: 3000, filter: { includeAcknowledged: true })").await;
    assert_eq!(whole, ["2025-0001", "2026-0001", "2025-0002", "2026-0003"]);
    for forward in [true, false] {
        assert_eq!(walk(&office, list, "expiringAgreements", forward).await, whole);
    }
});

on_both!(a_successor_is_told_from_both_sides, |app| async move {
    fill(&app).await;
    let answer = app
        .office()
        .query(r#"{ agreements(filter: { search: "Finsam" }) { nodes { number termEndsOn nextDeadline { on } replaces { number } replacedBy { number replaces { number } } } } }"#)
        .await;
    let nodes = answer["agreements"]["nodes"].as_array().unwrap();
    let of = |number: &str| nodes.iter().find(|node| node["number"] == number).unwrap();
    assert_eq!(
        of("2025-0003"),
        &json!({ "number": "2025-0003", "termEndsOn": "2026-12-31", "nextDeadline": null, "replaces": null, "replacedBy": { "number": "2026-0003", "replaces": { "number": "2025-0003" } } })
    );
    assert_eq!(of("2026-0003")["replaces"], json!({ "number": "2025-0003" }));
    assert_eq!(of("2024-0001")["replacedBy"], Value::Null);
});

on_both!(a_fee_needs_its_allocation, |app| async move {
    fill(&app).await;
    let ask = |year: &str| {
        format!(r#"{{ agreement(by: {{ number: "2025-0001" }}) {{ fee {{ amount perMille vatRate amountFor(year: {year}) }} }} }}"#)
    };
    let answer = app.office().query(&ask("2026")).await;
    assert_eq!(answer["agreement"]["fee"], json!({ "amount": null, "perMille": 2.0, "vatRate": "EXEMPT", "amountFor": "122400.00" }));
    let answer = app.office().query(&ask("2027")).await;
    assert_eq!((answer.reason(), &answer.json["data"]["agreement"]["fee"]), ("NO_ALLOCATION", &Value::Null));
    assert_eq!(app.office().query(&ask("20270")).await.bad_fields(), ["year"]);
    // The rate and the sum together would tell a lead what the member disposes of.
    let answer = app.lead(&["indikatorer"]).query(&ask("2026")).await;
    assert_eq!(answer.reason(), "NO_ALLOCATION");
});

on_both!(each_sees_its_own, |app| async move {
    let register = fill(&app).await;
    let gotland = app.member(register.id("Finsam Gotland"));
    let goteborg = app.member(register.id("Göteborg"));
    let lead = app.lead(&["bip"]);
    let both = app.viewer(Viewer {
        roles: vec![Role::Member, Role::ActivityLead],
        member: Some(register.id("Göteborg").strip_prefix("member_").unwrap().parse::<uuid::Uuid>().unwrap().into()),
        activities: vec!["indikatorer".into()],
        ..Viewer::default()
    });
    let of_bip = vec!["UTKAST", "2023-0001", "2025-0002", "2025-0003", "2026-0001", "2026-0002", "2026-0003"];
    for (who, caller, found) in [
        ("gotland", &gotland, vec!["2024-0001", "2025-0003", "2026-0002", "2026-0003"]),
        // Its draft is none of its business until it is offered.
        ("göteborg", &goteborg, vec!["2023-0001", "2025-0001"]),
        ("the lead of bip", &lead, of_bip),
        ("a lead of nothing", &app.lead(&["annan"]), vec![]),
        ("göteborg, lead of indikatorer", &both, vec!["2023-0001", "2024-0001", "2025-0001", "2026-0004"]),
        ("a program without the scope", &app.service("members:read invoices:read templates:read"), vec![]),
    ] {
        let answer = caller.query("{ agreements { totalCount nodes { number } } }").await;
        assert_eq!(numbers(&answer, "agreements"), found, "{who}");
        assert_eq!(answer["agreements"]["totalCount"], found.len(), "{who}");
    }
    assert_eq!(listed(&app.service("agreements:read"), "first: 25").await.len(), 10);
    // What may not be seen is not there, whichever way it is asked for.
    for name in ["draft", "renewing"] {
        let answer = gotland
            .ask("query($id: ID!) { node(id: $id) { id } agreement(by: { id: $id }) { id } }", json!({ "id": register.id(name) }))
            .await;
        assert_eq!(answer.data(), &json!({ "node": null, "agreement": null }), "{name}");
    }
    assert_eq!(gotland.query(r#"{ agreement(by: { number: "2025-0001" }) { id } }"#).await["agreement"], Value::Null);
    assert_eq!(expiring(&gotland, "(withinDays: 3000)").await, ["2026-0003"]);
    assert_eq!(expiring(&goteborg, "").await, ["2025-0001"]);
    assert_eq!(gotland.query("{ expiringAgreements { totalCount } }").await["expiringAgreements"]["totalCount"], 0);
    let answer = goteborg.query("{ activities { nodes { slug agreements { totalCount nodes { number } } } } }").await;
    assert_eq!(
        answer["activities"]["nodes"],
        json!([
            { "slug": "bip", "agreements": { "totalCount": 1, "nodes": [{ "number": "2023-0001" }] } },
            { "slug": "indikatorer", "agreements": { "totalCount": 1, "nodes": [{ "number": "2025-0001" }] } },
        ])
    );
    let answer = goteborg.query(r#"{ agreement(by: { number: "2025-0001" }) { history { id } counterparty { ... on Member { name } } template { version } fee { amountFor(year: 2026) } } }"#).await;
    assert_eq!(
        answer["agreement"],
        json!({ "history": [], "counterparty": { "name": "Göteborg" }, "template": { "version": 2 }, "fee": { "amountFor": "122400.00" } })
    );
    // A lead sees the organisation that its activity's agreement is with.
    let answer = lead.query(r#"{ agreement(by: { number: "2026-0001" }) { counterparty { __typename ... on Organisation { name agreements { nodes { number } } } } } }"#).await;
    assert_eq!(
        answer["agreement"]["counterparty"],
        json!({ "__typename": "Organisation", "name": "Rådgivarna AB", "agreements": { "nodes": [{ "number": "2026-0001" }] } })
    );
});

on_both!(nested_lists_have_filters_orders_pages_and_counts, |app| async move {
    fill(&app).await;
    let answer = app
        .office()
        .query(
            r"{ members { nodes { name agreements(filter: { status: [ACTIVE, ENDED] }, orderBy: { field: STARTS_ON, direction: DESC }, first: 1) {
                totalCount nodes { number status } pageInfo { hasNextPage } } } } }",
        )
        .await;
    assert_eq!(
        answer["members"]["nodes"],
        json!([
            { "name": "Finsam Gotland", "agreements": { "totalCount": 2, "nodes": [{ "number": "2025-0003", "status": "ACTIVE" }], "pageInfo": { "hasNextPage": true } } },
            { "name": "Göteborg", "agreements": { "totalCount": 2, "nodes": [{ "number": "2025-0001", "status": "ACTIVE" }], "pageInfo": { "hasNextPage": true } } },
            { "name": "Halland", "agreements": { "totalCount": 1, "nodes": [{ "number": "2025-0002", "status": "ACTIVE" }], "pageInfo": { "hasNextPage": false } } },
        ])
    );
});

on_both!(every_bad_argument_is_named_at_once, |app| async move {
    let register = fill(&app).await;
    let office = app.office();
    let answer = office
        .ask(
            r#"query($schedule: ID!) { agreements(first: -1, last: 201, after: "x", filter: { asOf: "2026-02-30", endsFrom: "2026-1-1", endsTo: "igår",
                counterparty: $schedule, templateVersion: "x", activity: ["bip", "", "a\u0000b"], search: "\u0000", county: "\n", contactArea: "\u0007" }) { nodes { id } } }"#,
            json!({ "schedule": register.id("bip") }),
        )
        .await;
    assert_eq!(
        answer.bad_fields(),
        [
            "after",
            "filter.activity.1",
            "filter.activity.2",
            "filter.asOf",
            "filter.contactArea",
            "filter.counterparty",
            "filter.endsFrom",
            "filter.endsTo",
            "filter.search",
            "filter.templateVersion",
            "first",
            "last",
            "last",
        ]
    );
    let answer = office
        .query(r#"{ expiringAgreements(withinDays: 3661, from: "2026-13-01", first: 1000, filter: { endsTo: "x" }) { nodes { id } } }"#)
        .await;
    assert_eq!(answer.bad_fields(), ["filter.endsTo", "first", "from", "withinDays"]);
    assert_eq!(office.query("{ expiringAgreements(withinDays: -1) { nodes { id } } }").await.bad_fields(), ["withinDays"]);
    for (ask, field) in [
        (r#"agreement(by: { id: "agreement_1" }) { id }"#, "by.id"),
        (r#"agreement(by: { number: "" }) { id }"#, "by.number"),
        (r#"agreement(by: { number: "2024-0001" }) { status(on: "2026-02-29") }"#, "on"),
        (r#"agreement(by: { number: "2024-0001" }) { nextDeadline(on: "i dag") { on } }"#, "on"),
        (r#"agreement(by: { number: "2024-0001" }) { termEndsOn(on: "0000-01-01") }"#, "on"),
    ] {
        assert_eq!(office.query(&format!("{{ {ask} }}")).await.bad_fields(), [field], "{ask}");
    }
    // A cursor of one order is none of another.
    let answer = office.query("{ agreements(first: 1) { pageInfo { endCursor } } }").await;
    let cursor = &answer["agreements"]["pageInfo"]["endCursor"];
    for list in ["agreements(orderBy: { field: ENDS_ON }, ", "expiringAgreements("] {
        assert_eq!(office.query(&format!("{{ {list} after: {cursor}) {{ nodes {{ id }} }} }}")).await.bad_fields(), ["after"], "{list}");
    }
});

on_both!(statements_do_not_grow_with_the_page, |app| async move {
    fill(&app).await;
    let widest = |first: u32| {
        format!(
            r"{{ agreements(first: {first}, orderBy: {{ field: NUMBER, direction: DESC }}) {{ totalCount nodes {{ id number kind status direction startsOn endsOn termEndsOn
                activity {{ name }} counterparty {{ ... on Member {{ name }} ... on Organisation {{ name }} }} template {{ version template {{ title }} }} parameters
                nextDeadline {{ on acknowledged {{ by }} }} decision {{ body }} fee {{ basis amountFor(year: 2026) }} signatures {{ name }} document {{ sha256 }}
                replaces {{ number }} replacedBy {{ number }} history {{ action }} }} }} }}"
        )
    };
    app.statements();
    let mut counts = Vec::new();
    for first in [4, 10] {
        app.office().query(&widest(first)).await.data();
        counts.push(app.statements());
    }
    // The page, its count, activities, members, organisations, template versions, templates, parameters, acknowledgements, decisions, allocations,
    // signatures, documents, predecessors, successors, the trail.
    assert_eq!(counts[1].len(), 16, "{:#?}", counts[1]);
    assert!(counts[0].len() <= counts[1].len(), "{:#?}", counts[0]);
    // Only what is asked for is selected.
    app.office().query("{ agreements { nodes { number } } }").await.data();
    let statements = app.statements();
    assert_eq!(statements.len(), 1);
    assert!(!statements[0].contains("starts_on") && !statements[0].contains("fee_amount"), "{}", statements[0]);
});
