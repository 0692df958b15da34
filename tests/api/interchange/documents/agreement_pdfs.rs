//! PDFs of agreements in validators of others: qpdf and pdfinfo for their structure, pdfua and
//! outloud for accessibility.

use std::process::Stdio;

use serde_json::json;

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::{Register, drafted, mutate, offered, raw, sql_id, with},
    validators,
};

/// A hostile value of a parameter.
const HOSTILE: &str = "<script>alert(1)</script> #import \"x\" #eval(\"1\") $x^2$ @ref <label> `raw` *a* _b_ = rubrik \\ slut\n\
    \u{7}\u{1b}[31m \u{202e}rk 0001 \u{feff}\u{fffe}\u{e001} 😀 漢字 العربية e\u{301}\u{302}\u{303} {{ 7*7 }} {% include \"x\" %}";

on_both!(validators_accept_every_agreement_of_the_bundled_templates, |app| async move {
    let register = Register::fill(&app).await;
    let loaded = app
        .program()
        .args(["templates", "load", "--publish"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    let answer = app.office().query("{ templates(first: 50) { nodes { id slug } } }").await;
    let template = |slug: &str| {
        let nodes = answer["templates"]["nodes"].as_array().unwrap();
        nodes
            .iter()
            .find(|node| node["slug"] == slug)
            .unwrap_or_else(|| panic!("there is no {slug}"))["id"]
            .clone()
    };
    let (member, others) = (register.id("Förbund 00"), register.id("Rådgivarna"));
    let fee = json!({ "basis": "FIXED_PER_YEAR", "amount": "20000.00", "vatRate": "STANDARD_25" });
    let limited = json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "100000.00", "minimum": "5000.00", "vatRate": "EXEMPT" });
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (position, (slug, counterparty, changes)) in [
        ("deltagande-bip", member, json!({ "fee": fee })),
        (
            "deltagande-indikatorer",
            member,
            json!({ "fee": limited, "parameters": { "first_survey_on": "2027-03-01" } }),
        ),
        (
            "deltagande-stoppa-valdet",
            member,
            json!({ "parameters": { "report_on": "2027-12-01" } }),
        ),
        (
            "uppdrag-projektledning",
            member,
            json!({ "fee": fee, "parameters": { "project_lead": "Ada Ås" } }),
        ),
        ("uppdrag-projektledning", others, json!({ "fee": fee })),
        (
            "uppdrag-konsult",
            others,
            json!({ "fee": fee, "parameters": { "deliverable": "En rapport", "hours_cap": 100 } }),
        ),
        ("samarbetsavtal", others, json!({ "endsOn": "2028-12-31", "noticeMonths": 3 })),
        ("samarbetsavtal", member, json!({ "parameters": { "subject": "Det som skrevs förr" } })),
    ]
    .into_iter()
    .enumerate()
    {
        let input = json!({ "templateId": template(slug), "counterpartyId": counterparty, "startsOn": "2027-01-01", "parameters": {} });
        let is_hostile = changes["parameters"]["subject"].is_string();
        let id = drafted(&app, with(input, changes)).await;
        if is_hostile {
            // Refused today, but a register may hold it, and then its documents are sound.
            let parameters = json!({ "subject": HOSTILE.repeat(3) });
            let refused = mutate(
                &app.office(),
                "agreementDraftUpdate",
                json!({ "agreementId": id, "parameters": parameters }),
                "id",
            )
            .await;
            assert_eq!(refused.bad_fields(), ["input.parameters.subject"]);
            let stored = parameters.to_string().replace('\'', "''");
            let sql = format!(
                "UPDATE agreement_parameters SET parameters = '{stored}' WHERE agreement_id = {}",
                sql_id(&app, &id)
            );
            assert_eq!(raw(&app, &sql).await.unwrap(), 1);
        }
        let path = format!("/files/agreements/{id}.pdf");
        let mut keep = async |name: String| {
            let served = app.office().get(&path).await;
            assert_eq!(served.status, 200, "{}", served.text());
            let file = folder.path().join(name);
            std::fs::write(&file, &served.bytes).unwrap();
            files.push(file);
        };
        keep(format!("{position}-{slug}-utkast.pdf")).await;
        offered(&app, &id).await;
        keep(format!("{position}-{slug}.pdf")).await;
    }
    assert_eq!(files.len(), 16);
    validators::are_sound(&files);
    validators::are_heard(&files);
});
