//! An input for every mutation, by which the tests of access and idempotency call it.

use serde_json::{Value, json};

use crate::support::{
    app::App,
    fixtures::Samples,
    lifecycle_fixtures::{drafted, mutate, offered, raw, signature, signed, sql_id},
    uploads::uploaded,
};

/// A version of a template that can be published or retired, made by the office.
async fn version(app: &App, name: &str, permit: usize) -> String {
    let input = json!({ "slug": format!("{}-{permit}", name.to_lowercase()), "title": "Ny", "kind": "COOPERATION", "body": "Ny", "parameters": [] });
    let create = "mutation($input: TemplateCreateInput!) { templateCreate(input: $input) { template { versions { id } } } }";
    let created = app.office().ask(create, json!({ "input": input })).await;
    let id =
        created["templateCreate"]["template"]["versions"][0]["id"].as_str().unwrap().to_owned();
    if name == "templateVersionRetire" {
        let publish = "mutation($id: ID!) { templateVersionPublish(input: { templateVersionId: $id }) { templateVersion { id } } }";
        app.office().ask(publish, json!({ "id": id })).await.data();
    }
    id
}

/// A good input of each mutation; those of later rounds differ where the same again would be
/// refused or change nothing.
pub async fn input(app: &App, samples: &Samples, name: &str, permit: usize) -> Value {
    let id = |name: &str| samples.id(name);
    match name {
        "agreementDraft" => {
            // Its member leaves in the summer.
            json!({ "templateId": id("deltagande"), "activityId": id("bip"), "counterpartyId": id("beta"), "startsOn": format!("2027-01-{}", permit + 10),
                "endsOn": "2027-06-30" })
        }
        "agreementsDraft" => {
            json!({ "items": [{ "templateId": id("deltagande"), "activityId": id("bip"), "counterpartyId": id("beta"),
                "startsOn": format!("2027-02-{}", permit + 10), "endsOn": "2027-06-30" }] })
        }
        "agreementsOffer" => {
            json!({ "items": [{ "agreementId": agreement(app, samples, "DRAFT", name, permit).await.0 }] })
        }
        "agreementDraftUpdate" => {
            json!({ "agreementId": agreement(app, samples, "DRAFT", name, permit).await.0, "noticeMonths": permit })
        }
        "agreementOffer" | "agreementWithdraw" => {
            json!({ "agreementId": agreement(app, samples, "DRAFT", name, permit).await.0 })
        }
        "agreementSign" => {
            let (agreement, sha256) = agreement(app, samples, "OFFERED", name, permit).await;
            signature(app, &agreement, "NETWORK", &sha256)
        }
        "agreementGiveNotice" => {
            json!({ "agreementId": agreement(app, samples, "SIGNED", name, permit).await.0, "givenOn": "2026-11-21" })
        }
        "agreementNoticeWithdraw" => {
            let id = agreement(app, samples, "SIGNED", name, permit).await.0;
            mutate(
                &app.office(),
                "agreementGiveNotice",
                json!({ "agreementId": id, "givenOn": "2026-11-21" }),
                "id",
            )
            .await
            .data();
            json!({ "agreementId": id })
        }
        "agreementNoticeEndDecide" => {
            let id = ended_by_the_former_rule(app, samples, permit).await;
            json!({ "agreementId": id, "endsOn": "2027-03-31" })
        }
        "agreementReplace" => {
            json!({ "agreementId": agreement(app, samples, "SIGNED", name, permit).await.0, "startsOn": "2028-01-01" })
        }
        _ => input_of_network(app, samples, name, permit).await,
    }
}

/// A good input of a mutation of members, organisations, contacts or activities.
async fn input_of_network(app: &App, samples: &Samples, name: &str, permit: usize) -> Value {
    let id = |name: &str| samples.id(name);
    match name {
        "memberAdmit" => json!({ "name": format!("Ny {permit}"), "joinedOn": "2027-01-01" }),
        "memberUpdate" => json!({ "memberId": id("beta"), "county": format!("Län {permit}") }),
        "memberLeave" => {
            json!({ "memberId": id("alfa"), "leftOn": "2027-12-31", "endAgreements": true })
        }
        "memberReinstate" => json!({ "memberId": left(app, permit).await }),
        "memberRemove" => {
            let new = json!({ "name": format!("Fel {permit}"), "joinedOn": "2027-01-01" });
            json!({ "memberId": mutate(&app.office(), "memberAdmit", new, "id").await["memberAdmit"]["id"] })
        }
        "organisationRemove" => {
            let new = mutate(
                &app.office(),
                "organisationAdd",
                json!({ "name": format!("Fel {permit}") }),
                "id",
            )
            .await;
            json!({ "organisationId": new["organisationAdd"]["id"] })
        }
        // Before alfa leaves by the mutation above.
        "memberMerge" => {
            json!({ "intoId": id("alfa"), "fromIds": [id("beta")], "leftOn": "2027-06-30", "endAgreements": true })
        }
        "allocationSet" => {
            json!({ "memberId": id("alfa"), "year": 2030, "amount": format!("{permit}.00") })
        }
        "allocationsSet" => {
            json!({ "items": [{ "memberId": id("alfa"), "year": 2031, "amount": format!("{permit}.00") }] })
        }
        "contactAdd" => {
            json!({ "memberId": id("alfa"), "role": "CHAIR", "name": format!("Ny {permit}") })
        }
        "contactUpdate" => {
            json!({ "contactId": id("anna"), "phone": format!("070-174 06 {}", 20 + permit) })
        }
        "contactErase" => json!({ "contactId": id("berit") }),
        "personErase" => {
            let billing = json!({ "organisationId": id("gamma"), "billing": { "buyerReference": format!("Ref {permit}") } });
            mutate(&app.office(), "organisationUpdate", billing, "id").await.data();
            json!({ "billingOfOrganisationId": id("gamma") })
        }
        "organisationAdd" => json!({ "name": format!("Ny {permit}") }),
        "organisationUpdate" => {
            json!({ "organisationId": id("gamma"), "name": format!("Gamma {permit}") })
        }
        "activityStart" => {
            json!({ "slug": format!("ny-{permit}"), "name": "Ny", "funding": ["VOLUNTEER"], "startsOn": "2027-01-01" })
        }
        "activityUpdate" => json!({ "activityId": id("bip"), "goal": format!("Mål {permit}") }),
        "activityClose" => json!({ "activityId": id("indikatorer"), "endsOn": "2040-12-31" }),
        _ => input_of_claims(app, samples, name, permit).await,
    }
}

/// A good input of a mutation of fees, invoices, payments or requisitions.
async fn input_of_claims(app: &App, samples: &Samples, name: &str, permit: usize) -> Value {
    let id = |name: &str| samples.id(name);
    match name {
        "feeScheduleSet" => {
            json!({ "activityId": id("bip"), "validFrom": format!("{}-01-01", 2030 + permit), "basis": "FIXED_PER_YEAR", "amount": "1", "vatRate": "STANDARD_25" })
        }
        "networkFeeSet" => {
            json!({ "validFrom": format!("{}-01-01", 2030 + permit), "basis": "FIXED_PER_YEAR", "amount": "1", "vatRate": "STANDARD_25" })
        }
        "invoicesIssue" => {
            let fixtures = crate::support::invoicing_fixtures::input;
            json!({ "items": [fixtures(app, id("alfa"), "invoiceIssue", permit).await] })
        }
        "invoicesRemind" => {
            let sent_on = format!("2026-09-{}", 10 + permit);
            json!({ "items": [{ "invoiceId": id("faktura beta"), "sentOn": sent_on }] })
        }
        _ if name.starts_with("refund") || name == "invoiceWriteOff" => {
            crate::support::payment_fixtures::input(app, id("faktura beta"), name, permit).await
        }
        _ if name.starts_with("invoice") && name != "invoiceRemind" => {
            crate::support::invoicing_fixtures::input(app, id("alfa"), name, permit).await
        }
        _ if name.contains("ayment") || name == "invoiceRemind" => {
            crate::support::payment_fixtures::input(app, id("faktura beta"), name, permit).await
        }
        "interestInvoiceIssue" => {
            // Late since February, of imported history; each of its own day.
            json!({ "invoiceId": id("faktura beta"), "interestUntil": format!("2026-06-{}", 10 + permit) })
        }
        "requisitionIssue" => {
            let funder = id("gamma");
            crate::economy::invoices::requisitions::input(
                &crate::economy::invoices::requisitions::grant(
                    app,
                    &format!("bidrag-{permit}"),
                    funder,
                )
                .await,
            )
        }
        "requisitionWithdraw" => {
            let new = crate::economy::invoices::requisitions::input(
                &crate::economy::invoices::requisitions::grant(
                    app,
                    &format!("atertagen-{permit}"),
                    id("gamma"),
                )
                .await,
            );
            let issued = app.finance().does("requisitionIssue", "requisition { id }", new).await;
            json!({ "requisitionId": issued["requisitionIssue"]["requisition"]["id"], "reason": "Fel belopp" })
        }
        _ => input_of_books(app, samples, name, permit).await,
    }
}

/// A good input of a mutation of the books, deadlines, status reports or templates.
async fn input_of_books(app: &App, samples: &Samples, name: &str, permit: usize) -> Value {
    let id = |name: &str| samples.id(name);
    match name {
        "taxDecisionRecord" => {
            json!({ "fee": "MEMBERSHIP_FEE", "validFrom": "2040-01-01", "vatRate": "OUTSIDE_SCOPE", "decidedOn": "2026-11-20",
                "reference": format!("Styrelsen § {permit}") })
        }
        "referenceRateSet" => {
            json!({ "validFrom": format!("{}-01-01", 2030 + permit), "percent": 2.5, "source": "SFS" })
        }
        "periodClose" => json!({ "closedThrough": format!("2019-12-{:02}", permit + 1) }),
        "periodReopen" => {
            // The day must be closed, and may be already.
            app.office()
                .does("periodClose", "booksClosedThrough", json!({ "closedThrough": "2019-12-31" }))
                .await;
            json!({ "reopenedFrom": format!("2019-12-{:02}", 25 - permit), "reason": "x" })
        }
        "costRecord" => {
            json!({ "activityId": id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "x" })
        }
        "grantRecord" => {
            json!({ "activityId": id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "funder": "x" })
        }
        "costReverse" => {
            json!({ "costId": booked(app, samples, "cost", "description", permit).await, "reason": "x" })
        }
        "grantReverse" => {
            json!({ "grantId": booked(app, samples, "grant", "funder", permit).await, "reason": "x" })
        }
        "deadlineSnooze" => {
            json!({ "agreementId": id(["avtal alfa", "avtal beta"][permit % 2]), "snoozedUntil": "2026-11-30" })
        }
        "deadlineUnsnooze" => {
            json!({ "agreementId": id(["avtal alfa", "avtal beta"][permit % 2]) })
        }
        "archivedDocumentRegister" => crate::interchange::archive::input(
            &uploaded(&app.office(), "brev.pdf").await,
            Some(id("bip")),
        ),
        "archivedDocumentReplace" => {
            let document = crate::interchange::archive::registered(app, Some(id("bip"))).await;
            let file = uploaded(&app.office(), "brev-2.pdf").await;
            json!({ "archivedDocumentId": document, "fileId": file })
        }
        "archivedDocumentErase" => {
            let document = crate::interchange::archive::registered(app, Some(id("bip"))).await;
            json!({ "archivedDocumentId": document, "reason": "Gallrad" })
        }
        "statusReportFile" => {
            json!({ "activityId": id("bip"), "period": format!("{}", 2026 - permit), "health": "GREEN", "summary": "x" })
        }
        "templateCreate" => {
            json!({ "slug": format!("ny-{permit}"), "title": "Ny", "kind": "COOPERATION", "body": "Ny", "parameters": [] })
        }
        "templateVersionDraft" => {
            json!({ "templateId": id("deltagande"), "body": format!("Text {permit}") })
        }
        "templateVersionPublish" | "templateVersionRetire" => {
            json!({ "templateVersionId": version(app, name, permit).await })
        }
        _ => panic!("there is no input for {name}: add it to input()"),
    }
}

/// The id of a cost or a grant that was just booked.
async fn booked(app: &App, samples: &Samples, noun: &str, text: &str, permit: usize) -> Value {
    let day = format!("2026-07-{:02}", permit + 1);
    let input =
        json!({ "activityId": samples.id("bip"), "bookedOn": day, "amount": "1.00", text: "x" });
    app.office().does(&format!("{noun}Record"), "id", input).await.data();
    let list = format!(
        "{{ {noun}s(filter: {{ bookedFrom: \"{day}\", bookedTo: \"{day}\", status: BOOKED }}) {{ nodes {{ id }} }} }}"
    );
    app.office().query(&list).await[format!("{noun}s").as_str()]["nodes"][0]["id"].clone()
}

/// A member that is to leave.
async fn left(app: &App, permit: usize) -> Value {
    let new = json!({ "name": format!("Åter {permit}"), "joinedOn": "2020-01-01" });
    let member = mutate(&app.office(), "memberAdmit", new, "id").await["memberAdmit"]["id"].clone();
    mutate(
        &app.office(),
        "memberLeave",
        json!({ "memberId": member, "leftOn": "2026-12-31" }),
        "id",
    )
    .await
    .data();
    member
}

/// An agreement with a notice that ends it on the day that the rule of before gave: a day before
/// its quarter does.
async fn ended_by_the_former_rule(app: &App, samples: &Samples, permit: usize) -> String {
    let member =
        json!({ "name": format!("agreementNoticeEndDecide {permit}"), "joinedOn": "2020-01-01" });
    let member =
        mutate(&app.office(), "memberAdmit", member, "id").await["memberAdmit"]["id"].clone();
    let input = json!({ "templateId": samples.id("deltagande"), "activityId": samples.id("bip"), "counterpartyId": member,
        "startsOn": "2026-01-01", "endsOn": "2026-06-30", "renewalMonths": 3, "noticeMonths": 3 });
    let id = drafted(app, input).await;
    let (_, sha256) = offered(app, &id).await;
    signed(app, &id, &sha256).await;
    mutate(
        &app.office(),
        "agreementGiveNotice",
        json!({ "agreementId": id, "givenOn": "2026-11-21" }),
        "id",
    )
    .await
    .data();
    let sql =
        format!("UPDATE agreement SET ends_on = '2027-03-30' WHERE id = {}", sql_id(app, &id));
    assert_eq!(raw(app, &sql).await.unwrap(), 1);
    id
}

/// An agreement about BIP of a member of its own, with the digest of its document.
async fn agreement(
    app: &App,
    samples: &Samples,
    status: &str,
    name: &str,
    permit: usize,
) -> (String, String) {
    let member = json!({ "name": format!("{name} {permit}"), "joinedOn": "2020-01-01" });
    let member =
        mutate(&app.office(), "memberAdmit", member, "id").await["memberAdmit"]["id"].clone();
    let input = json!({ "templateId": samples.id("deltagande"), "activityId": samples.id("bip"), "counterpartyId": member, "startsOn": "2026-01-01" });
    let id = drafted(app, input).await;
    if status == "DRAFT" {
        return (id, String::new());
    }
    let (_, sha256) = offered(app, &id).await;
    if status == "SIGNED" {
        signed(app, &id, &sha256).await;
    }
    (id, sha256)
}
