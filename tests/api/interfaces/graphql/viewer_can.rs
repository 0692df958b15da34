//! The fields `viewerCan…` and `viewer.permissions`: a button that a page shows by them works, and
//! one that it hides would not.

use serde_json::{Value, json};

use crate::{
    access::inputs,
    support::{
        app::{App, on_both},
        bank_fixtures::{CAMT_02, import},
        caller::Caller,
        fixtures::Samples,
        invoicing_fixtures::{self, course, issue},
        lifecycle_fixtures::{
            Register, agreed, drafted, mutate, offered, read_agreement, signature,
        },
        payment_fixtures::{self, LEDGER},
    },
};

/// What is asked of an object before a mutation on it.
struct Button {
    type_name: &'static str,
    field: &'static str,
    mutation: &'static str,
}

const fn button(type_name: &'static str, field: &'static str, mutation: &'static str) -> Button {
    Button { type_name, field, mutation }
}

/// Returns what the field says; `None` for a caller who does not see the object.
async fn says(caller: &Caller<'_>, button: &Button, id: &str) -> Option<bool> {
    let Button { type_name, field, .. } = button;
    let question =
        format!("query($id: ID!) {{ node(id: $id) {{ ... on {type_name} {{ {field} }} }} }}");
    caller.ask(&question, json!({ "id": id })).await["node"][field].as_bool()
}

/// Has each caller read the field and then send the mutation, whose input is valid: it is done
/// exactly if the field said so. Returns how often it was done.
async fn press(callers: &[(&str, Caller<'_>)], button: &Button, id: &str, input: Value) -> usize {
    let mut done = 0;
    for (name, caller) in callers {
        let said = says(caller, button, id).await.unwrap_or_default();
        let answer = caller.does(button.mutation, "__typename", input.clone()).await;
        assert_eq!(
            answer.errors().is_empty(),
            said,
            "{}.{} for {name}: {}",
            button.type_name,
            button.field,
            answer.text()
        );
        done += usize::from(said);
    }
    done
}

on_both!(members_activities_and_templates_say_what_can_be_done, |app| async move {
    let register = Register::fill(&app).await;
    let member = register.id("Förbund 00").to_owned();
    let callers = [
        ("board", app.board()),
        ("finance", app.finance()),
        ("auditor", app.auditor()),
        ("member", app.member(&member)),
        ("lead", app.lead(&["bip"])),
        ("another lead", app.lead(&["indikatorer"])),
        ("templates", app.service("templates:write")),
        ("office", app.office()),
    ];
    let update = button("Member", "viewerCanUpdate", "memberUpdate");
    let input = json!({ "memberId": member, "county": "Gotlands län" });
    assert_eq!(press(&callers, &update, &member, input).await, 1);
    let leave = button("Member", "viewerCanLeave", "memberLeave");
    let input = json!({ "memberId": member, "leftOn": "2026-12-31" });
    assert_eq!(press(&callers, &leave, &member, input).await, 1);
    let input = json!({ "memberId": member, "leftOn": "2027-12-31" });
    assert_eq!(press(&callers, &leave, &member, input).await, 0, "it has a last day already");

    let bip = register.id("bip").to_owned();
    let update = button("Activity", "viewerCanUpdate", "activityUpdate");
    let input = json!({ "activityId": bip, "goal": "Fler kurser" });
    assert_eq!(press(&callers, &update, &bip, input).await, 1);
    let report = button("Activity", "viewerCanReport", "statusReportFile");
    let input =
        json!({ "activityId": bip, "period": "2026-T3", "health": "GREEN", "summary": "Bra" });
    assert_eq!(press(&callers, &report, &bip, input).await, 2, "its lead and the office");
    let close = button("Activity", "viewerCanClose", "activityClose");
    let input = json!({ "activityId": bip, "endsOn": "2026-11-20" });
    assert_eq!(press(&callers, &close, &bip, input).await, 1);
    let input = json!({ "activityId": bip, "endsOn": "2026-11-19" });
    assert_eq!(press(&callers, &close, &bip, input).await, 0, "it has ended");

    let publish = button("AgreementTemplateVersion", "viewerCanPublish", "templateVersionPublish");
    let retire = button("AgreementTemplateVersion", "viewerCanRetire", "templateVersionRetire");
    for (version, expected) in
        [("utkast 1", [0, 1, 0, 1, 0]), ("deltagande 1", [1, 0, 0, 0, 0]), ("gammal 1", [0; 5])]
    {
        let id = register.id(version).to_owned();
        let mut done = Vec::new();
        for button in [&retire, &publish, &publish, &retire, &retire] {
            let input = json!({ "templateVersionId": id });
            done.push(press(&callers, button, &id, input).await);
        }
        assert_eq!(done, expected, "{version}");
    }
});

/// Reads the first id of each of these lists.
async fn first_ids<const N: usize>(app: &App, lists: [&str; N]) -> [String; N] {
    let selected = lists.map(|list| format!("{list}(first: 1) {{ nodes {{ id }} }}")).join(" ");
    let answer = app.office().query(&format!("{{ {selected} }}")).await;
    lists.map(|list| answer[list]["nodes"][0]["id"].as_str().unwrap().to_owned())
}

on_both!(costs_grants_contacts_and_organisations_say_what_can_be_done, |app| async move {
    let samples = Samples::fill(&app).await;
    let callers = [
        ("board", app.board()),
        ("auditor", app.auditor()),
        ("member", app.member(samples.id("alfa"))),
        ("lead", app.lead(&["bip", "indikatorer"])),
        ("invoices:write", app.service("invoices:write")),
        ("agreements:write", app.service("agreements:write")),
        ("finance", app.finance()),
        ("office", app.office()),
    ];
    let [cost, grant] = first_ids(&app, ["costs", "grants"]).await;
    for (type_name, mutation, input, id) in
        [("Cost", "costReverse", "costId", &cost), ("Grant", "grantReverse", "grantId", &grant)]
    {
        let reverse = button(type_name, "viewerCanReverse", mutation);
        let list = format!("{}s", type_name.to_lowercase());
        let input = |id: &str| json!({ (input): id, "reason": "Fel" });
        assert_eq!(press(&callers, &reverse, id, input(id)).await, 1, "by FINANCE, then not again");
        let page = format!("{{ {list}(filter: {{ status: REVERSAL }}) {{ nodes {{ id }} }} }}");
        let found = app.office().query(&page).await;
        let reversal = found[list.as_str()]["nodes"][0]["id"].as_str().unwrap();
        assert_eq!(press(&callers, &reverse, reversal, input(reversal)).await, 0);
    }

    let anna = samples.id("anna");
    let update = button("Contact", "viewerCanUpdate", "contactUpdate");
    let erase = button("Contact", "viewerCanErase", "contactErase");
    let changes = json!({ "contactId": anna, "phone": "070-174 06 10" });
    assert_eq!(press(&callers, &update, anna, changes.clone()).await, 1);
    assert_eq!(press(&callers, &erase, anna, json!({ "contactId": anna })).await, 1);
    assert_eq!(press(&callers, &update, anna, changes).await, 0, "it is erased");
    assert_eq!(press(&callers, &erase, anna, json!({ "contactId": anna })).await, 1, "again");

    let update = button("Organisation", "viewerCanUpdate", "organisationUpdate");
    let remove = button("Organisation", "viewerCanRemove", "organisationRemove");
    let gamma = samples.id("gamma");
    let input = json!({ "organisationId": gamma, "name": "Konsult Gamma & Co" });
    assert_eq!(press(&callers, &update, gamma, input).await, 1);
    let input = json!({ "organisationId": gamma });
    assert_eq!(press(&callers, &remove, gamma, input).await, 0, "it has agreements");
    let added = app.office().does("organisationAdd", "id", json!({ "name": "Delta" })).await;
    let delta = added["organisationAdd"]["id"].as_str().unwrap();
    let contact = json!({ "organisationId": delta, "role": "OTHER", "name": "Doris" });
    let doris = app.office().does("contactAdd", "id", contact).await;
    assert!(doris.errors().is_empty(), "{}", doris.text());
    let input = json!({ "organisationId": delta });
    assert_eq!(press(&callers, &remove, delta, input).await, 0, "it has a contact");
    let added = app.office().does("organisationAdd", "id", json!({ "name": "Epsilon" })).await;
    let epsilon = added["organisationAdd"]["id"].as_str().unwrap();
    let input = json!({ "organisationId": epsilon });
    assert_eq!(press(&callers, &remove, epsilon, input).await, 1);
});

/// A button whose object is in the input of its mutation.
struct InputButton {
    button: Button,
    /// The field of the input with the id of the object.
    id: &'static str,
    /// Number of callers who do it, one after another.
    expected: usize,
}

const fn input_button(
    (type_name, field): (&'static str, &'static str),
    mutation: &'static str,
    id: &'static str,
    expected: usize,
) -> InputButton {
    InputButton { button: button(type_name, field, mutation), id, expected }
}

/// Buttons that the first caller with the permission presses; some can be pressed again.
const OF_INPUTS: [InputButton; 14] = [
    input_button(("Member", "viewerCanReinstate"), "memberReinstate", "memberId", 1),
    input_button(("Member", "viewerCanRemove"), "memberRemove", "memberId", 1),
    input_button(
        ("Agreement", "viewerCanWithdrawNotice"),
        "agreementNoticeWithdraw",
        "agreementId",
        1,
    ),
    input_button(("Agreement", "viewerCanSnoozeDeadline"), "deadlineSnooze", "agreementId", 2),
    input_button(("Agreement", "viewerCanRequisition"), "requisitionIssue", "agreementId", 1),
    input_button(("Requisition", "viewerCanWithdraw"), "requisitionWithdraw", "requisitionId", 1),
    input_button(
        ("ArchivedDocument", "viewerCanReplace"),
        "archivedDocumentReplace",
        "archivedDocumentId",
        1,
    ),
    input_button(
        ("ArchivedDocument", "viewerCanErase"),
        "archivedDocumentErase",
        "archivedDocumentId",
        1,
    ),
    input_button(("Invoice", "viewerCanRecordRefund"), "refundRecord", "invoiceId", 3),
    input_button(("Invoice", "viewerCanWriteOff"), "invoiceWriteOff", "invoiceId", 1),
    input_button(("Payment", "viewerCanReverse"), "paymentReverse", "paymentId", 1),
    input_button(("Refund", "viewerCanReverse"), "refundReverse", "refundId", 1),
    input_button(
        ("BankPayment", "viewerCanMarkDuplicate"),
        "bankPaymentMarkDuplicate",
        "bankPaymentId",
        1,
    ),
    input_button(
        ("AgreementTemplate", "viewerCanDraftVersion"),
        "templateVersionDraft",
        "templateId",
        1,
    ),
];

on_both!(a_button_is_there_while_its_mutation_is_possible, |app| async move {
    let (app, _folder) = invoicing_fixtures::with_network(&app, invoicing_fixtures::NETWORK);
    let samples = Samples::fill(&app).await;
    let callers = [
        ("board", app.board()),
        ("auditor", app.auditor()),
        ("member", app.member(samples.id("alfa"))),
        ("lead", app.lead(&["bip"])),
        ("invoices:write", app.service("invoices:write")),
        ("agreements:write", app.service("agreements:write")),
        ("finance", app.finance()),
        ("office", app.office()),
    ];
    for InputButton { button, id, expected } in &OF_INPUTS {
        let input = inputs::input(&app, &samples, button.mutation, 1).await;
        let id = input[*id].as_str().unwrap().to_owned();
        // The office's requisition of the same period would be the second one.
        let count = callers.len() - usize::from(button.mutation == "requisitionIssue");
        let done = press(&callers[..count], button, &id, input).await;
        assert_eq!(done, *expected, "{}.{}", button.type_name, button.field);
    }

    // A member with an allocation, an agreement without a notice, an invoice that is not overpaid.
    let office = app.office();
    for (type_name, field, id) in [
        ("Member", "viewerCanReinstate", "alfa"),
        ("Member", "viewerCanRemove", "alfa"),
        ("Agreement", "viewerCanWithdrawNotice", "avtal alfa"),
        ("Agreement", "viewerCanSnoozeDeadline", "utkast alfa"),
        ("Agreement", "viewerCanRequisition", "avtal alfa"),
        ("Invoice", "viewerCanRecordRefund", "faktura alfa"),
    ] {
        let said = says(&office, &button(type_name, field, ""), samples.id(id)).await;
        assert_eq!(said, Some(false), "{type_name}.{field}");
    }
});

/// The callers who may read invoices.
fn of_invoices(app: &App) -> [(&'static str, Caller<'_>); 5] {
    [
        ("board", app.board()),
        ("auditor", app.auditor()),
        ("invoices:read", app.service("invoices:read")),
        ("invoices:write", app.service("invoices:write")),
        ("finance", app.finance()),
    ]
}

/// An invoice at a stage of its life.
async fn invoice(app: &App, buyer: &str, stage: &str) -> String {
    let id = invoicing_fixtures::drafted(&app.finance(), course(buyer, "100.00")).await;
    if stage != "DRAFT" {
        issue(&app.finance(), &id, "id").await.data();
    }
    match stage {
        "PAID" => {
            let paid = json!({ "invoiceId": id, "receivedOn": "2026-11-21", "amount": "125.00", "reference": "BG-1" });
            mutate(&app.finance(), "paymentRecord", paid, "id").await.data();
        }
        "CREDITED" => {
            let credited = json!({ "invoiceId": id, "reason": "Fel" });
            mutate(&app.finance(), "invoiceCredit", credited, "id").await.data();
        }
        _ => {}
    }
    id
}

on_both!(invoices_say_what_can_be_done, |app| async move {
    let (app, _folder) = invoicing_fixtures::fill(&app, 12).await;
    let buyer = invoicing_fixtures::member(&app, 1).await;
    let late = app.at("2027-02-01T09:00:00Z");
    // The latest last, since documents of a series follow each other in time.
    for (stage, app, expected) in [
        ("DRAFT", &app, [2, 1, 0, 0, 0]),
        ("ISSUED", &app, [0, 0, 0, 2, 1]),
        ("PAID", &app, [0, 0, 0, 2, 1]),
        ("CREDITED", &app, [0, 0, 0, 2, 0]),
        ("OVERDUE", &late, [0, 0, 1, 2, 1]),
    ] {
        let today = app.clock.today();
        let mut done = Vec::new();
        for (field, mutation) in [
            ("viewerCanUpdateDraft", "invoiceDraftUpdate"),
            ("viewerCanIssue", "invoiceIssue"),
            ("viewerCanRemind", "invoiceRemind"),
            ("viewerCanRecordPayment", "paymentRecord"),
            ("viewerCanCredit", "invoiceCredit"),
        ] {
            let at_issue = app.at("2026-11-21T09:00:00Z");
            let id = invoice(&at_issue, &buyer, stage).await;
            let input = match mutation {
                "invoiceDraftUpdate" | "invoiceCredit" => json!({ "invoiceId": id, "reason": "x" }),
                "paymentRecord" => {
                    json!({ "invoiceId": id, "receivedOn": today, "amount": "10.00", "reference": "BG-2" })
                }
                _ => json!({ "invoiceId": id }),
            };
            let button = button("Invoice", field, mutation);
            done.push(press(&of_invoices(app), &button, &id, input).await);
        }
        assert_eq!(done, expected, "{stage}");
    }
    // An invoice that a run would make is not stored yet.
    let preview = "{ invoiceRunPreview(input: { membershipFee: true, year: 2026, skipProblems: true }) { invoices { viewerCanUpdateDraft viewerCanIssue } } }";
    let answer = app.finance().query(preview).await;
    let planned = answer["invoiceRunPreview"]["invoices"].as_array().unwrap();
    assert!(!planned.is_empty());
    for invoice in planned {
        assert_eq!(*invoice, json!({ "viewerCanUpdateDraft": false, "viewerCanIssue": false }));
    }
});

on_both!(bank_payments_say_what_can_be_done, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "a.xml", CAMT_02).await;
    let found = app.finance().query("{ bankPayments(first: 200) { nodes { id amount } } }").await;
    let nodes = found["bankPayments"]["nodes"].as_array().unwrap();
    let id = nodes.iter().find(|node| node["amount"] == "111.00").unwrap()["id"].as_str().unwrap();
    let invoice = payment_fixtures::id(&app, "1003").await;
    let mut done = Vec::new();
    for (field, mutation) in [
        ("viewerCanReopen", "bankPaymentReopen"),
        ("viewerCanExclude", "bankPaymentExclude"),
        ("viewerCanMatch", "bankPaymentMatch"),
        ("viewerCanReopen", "bankPaymentReopen"),
        ("viewerCanMatch", "bankPaymentMatch"),
        ("viewerCanExclude", "bankPaymentExclude"),
    ] {
        let input = match mutation {
            "bankPaymentExclude" => json!({ "bankPaymentId": id, "reason": "Bidrag" }),
            "bankPaymentMatch" => json!({ "bankPaymentId": id, "invoiceId": invoice }),
            _ => json!({ "bankPaymentId": id }),
        };
        let button = button("BankPayment", field, mutation);
        done.push(press(&of_invoices(&app), &button, id, input).await);
    }
    assert_eq!(done, [0, 1, 0, 1, 1, 0]);
});

/// The fields of an agreement.
const OF_AGREEMENT: [&str; 6] = [
    "viewerCanUpdateDraft",
    "viewerCanOffer",
    "viewerCanSign",
    "viewerCanWithdraw",
    "viewerCanGiveNotice",
    "viewerCanReplace",
];

/// The mutations that an agreement says can be done today.
async fn open(app: &App, id: &str) -> Vec<&'static str> {
    let found = read_agreement(app, id, &OF_AGREEMENT.join(" ")).await;
    let open = OF_AGREEMENT.iter().copied().filter(|field| found[field] == true);
    open.map(|field| field.trim_start_matches("viewerCan")).collect()
}

// `agreements/lifecycle.rs` tries each mutation at each status.
on_both!(an_agreement_says_what_can_be_done, |app| async move {
    let register = Register::fill(&app).await;
    let id = drafted(&app, register.draft(0, "bip", "2026-12-01")).await;
    assert_eq!(open(&app, &id).await, ["UpdateDraft", "Offer", "Withdraw"]);
    for caller in [app.board(), app.auditor(), app.finance(), app.service("agreements:read")] {
        for field in OF_AGREEMENT {
            let field = button("Agreement", field, "");
            assert_eq!(says(&caller, &field, &id).await, Some(false));
        }
    }
    let update = button("Agreement", "viewerCanUpdateDraft", "agreementDraftUpdate");
    let callers =
        [("lead", app.lead(&["bip"])), ("agreements:write", app.service("agreements:write"))];
    let input = json!({ "agreementId": id, "noticeMonths": 5 });
    assert_eq!(press(&callers, &update, &id, input).await, 1);

    let (_, sha256) = offered(&app, &id).await;
    assert_eq!(open(&app, &id).await, ["Sign", "Withdraw"]);
    for party in ["NETWORK", "COUNTERPARTY"] {
        let input = signature(&app, &id, party, &sha256);
        let sign = button("Agreement", "viewerCanSign", "agreementSign");
        assert_eq!(press(&[("office", app.office())], &sign, &id, input).await, 1);
    }
    // Before its first day, a notice needs a last day.
    assert_eq!(open(&app, &id).await, ["GiveNotice", "Replace"]);
    let refused = json!({ "agreementId": id, "givenOn": "2026-11-21" });
    assert_eq!(
        mutate(&app.office(), "agreementGiveNotice", refused, "id").await.reason(),
        "NOT_STARTED"
    );

    let replace = button("Agreement", "viewerCanReplace", "agreementReplace");
    let office = [("office", app.office())];
    let input = json!({ "agreementId": id, "startsOn": "2027-06-01", "fee": null });
    assert_eq!(press(&office, &replace, &id, input.clone()).await, 1);
    assert_eq!(open(&app, &id).await, ["GiveNotice"], "its successor is a draft");
    assert_eq!(press(&office, &replace, &id, input).await, 0);

    let ended = agreed(&app, register.draft(1, "bip", "2026-11-21")).await;
    let notice = button("Agreement", "viewerCanGiveNotice", "agreementGiveNotice");
    let input = json!({ "agreementId": ended, "givenOn": "2026-11-21" });
    assert_eq!(press(&office, &notice, &ended, input.clone()).await, 1);
    assert_eq!(press(&office, &notice, &ended, input).await, 0);
});

on_both!(the_viewer_reads_its_permissions, |app| async move {
    for (caller, expected) in [
        (
            app.office(),
            json!([
                "MANAGE_REGISTER",
                "MANAGE_ACCOUNTS",
                "MANAGE_TEMPLATES",
                "MANAGE_AGREEMENTS",
                "MANAGE_INVOICES",
                "REPORT"
            ]),
        ),
        (app.finance(), json!(["MANAGE_ACCOUNTS", "MANAGE_INVOICES"])),
        (app.board(), json!([])),
        (app.auditor(), json!([])),
        (app.lead(&["bip"]), json!(["REPORT"])),
        (app.service("templates:write"), json!(["MANAGE_TEMPLATES"])),
        (
            app.service("agreements:write invoices:write"),
            json!(["MANAGE_AGREEMENTS", "MANAGE_INVOICES"]),
        ),
        (app.service("members:read"), json!([])),
    ] {
        let answer = caller.query("{ viewer { permissions } }").await;
        assert_eq!(answer["viewer"]["permissions"], expected);
    }
});
