//! What others' programs say of the PDFs: qpdf and pdfinfo of their structure, pdfua and outloud of who can read them.
//!
//! `tests/checkers.sh` makes the programs ready and `tests/run.sh` names their folder. Without it these tests fail rather than pass unseen.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::json;

use crate::{
    app::{App, on_both},
    life_samples::{Register, drafted, offered, with},
};

/// Names the folder of the programs.
const CHECKERS: &str = "SAMREGISTER_TEST_CHECKERS";

/// What hostile hands write into a parameter.
const HOSTILE: &str = "<script>alert(1)</script> #import \"x\" #eval(\"1\") $x^2$ @ref <label> `raw` *a* _b_ = rubrik \\ slut\n\
    \u{7}\u{1b}[31m \u{202e}rk 0001 \u{feff}\u{fffe}\u{e001} 😀 漢字 العربية e\u{301}\u{302}\u{303} {{ 7*7 }} {% include \"x\" %}";

/// What a program says of files, and whether it is content.
fn judge(program: &Path, arguments: &[&str], files: &[PathBuf]) -> (bool, String) {
    let ran = Command::new(program).args(arguments).args(files).stdin(Stdio::null()).output();
    let ran = ran.unwrap_or_else(|cause| panic!("{} can't be run: {cause}", program.display()));
    (ran.status.success(), format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr)))
}

/// Holds each of these files against all four programs.
fn are_good(files: &[PathBuf]) {
    let folder = std::env::var(CHECKERS).unwrap_or_else(|_| {
        panic!("this test needs programs that judge PDFs: run tests/run.sh, which makes them ready and sets {CHECKERS}")
    });
    let folder = Path::new(&folder);
    for file in files {
        let (is_content, said) = judge(Path::new("qpdf"), &["--check"], std::slice::from_ref(file));
        assert!(is_content && said.contains("No syntax or stream encoding errors found"), "qpdf of {}: {said}", file.display());
        let (is_content, said) = judge(Path::new("pdfinfo"), &[], std::slice::from_ref(file));
        let has = |name: &str, value: &str| {
            said.lines().any(|line| line.split_once(':').is_some_and(|(found, told)| found == name && told.trim() == value))
        };
        assert!(is_content, "pdfinfo of {}: {said}", file.display());
        for (name, value) in [("Tagged", "yes"), ("Form", "none"), ("JavaScript", "no"), ("Encrypted", "no"), ("Metadata Stream", "yes")] {
            assert!(has(name, value), "{name} of {} is not {value}: {said}", file.display());
        }
        assert!(said.lines().any(|line| line.starts_with("Title:") && line.len() > "Title:".len() + 8), "{said}");
    }
    let (is_content, said) = judge(&folder.join("pdf/bin/pdfua"), &["check"], files);
    assert!(is_content && said.matches("result: PASS (no findings)").count() == files.len(), "pdfua: {said}");
    let (is_content, said) = judge(&folder.join("pdf/bin/outloud"), &["--quiet"], files);
    let passed = said.lines().filter(|line| line.starts_with("PASS") && line.contains(": 0 error(s), 0 warning(s)")).count();
    assert!(is_content && passed == files.len(), "outloud: {said}");
}

on_both!(others_find_nothing_wrong_with_any_agreement_of_the_box, |app| async move {
    let register = Register::fill(&app).await;
    let loaded = app.program().args(["templates", "load", "--publish"]).stdin(Stdio::null()).output().unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    let answer = app.office().query("{ templates(first: 50) { nodes { id slug } } }").await;
    let template = |slug: &str| {
        let nodes = answer["templates"]["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["slug"] == slug).unwrap_or_else(|| panic!("there is no {slug}"))["id"].clone()
    };
    let (member, others) = (register.id("Förbund 00"), register.id("Rådgivarna"));
    let fee = json!({ "basis": "FIXED_PER_YEAR", "amount": "20000.00", "vatRate": "STANDARD_25" });
    let limited =
        json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "100000.00", "minimum": "5000.00", "vatRate": "ZERO" });
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (place, (slug, counterparty, changes)) in [
        ("deltagande-bip", member, json!({ "fee": fee })),
        ("deltagande-indikatorer", member, json!({ "fee": limited, "parameters": { "first_survey_on": "2027-03-01" } })),
        ("deltagande-stoppa-valdet", member, json!({ "parameters": { "report_on": "2027-12-01" } })),
        ("uppdrag-projektledning", member, json!({ "fee": fee, "parameters": { "project_lead": "Ada Ås" } })),
        ("uppdrag-projektledning", others, json!({ "fee": fee })),
        ("uppdrag-konsult", others, json!({ "fee": fee, "parameters": { "deliverable": "En rapport", "hours_cap": 100 } })),
        ("samarbetsavtal", others, json!({ "endsOn": "2028-12-31", "noticeMonths": 3 })),
        ("samarbetsavtal", member, json!({ "parameters": { "subject": HOSTILE.repeat(3) } })),
    ]
    .into_iter()
    .enumerate()
    {
        let input = json!({ "template": template(slug), "counterparty": counterparty, "startsOn": "2027-01-01", "parameters": {} });
        let id = drafted(&app, with(input, changes)).await;
        let path = format!("/files/agreements/{id}.pdf");
        let mut keep = async |name: String| {
            let served = app.office().get(&path).await;
            assert_eq!(served.status, 200, "{}", served.text());
            let file = folder.path().join(name);
            std::fs::write(&file, &served.bytes).unwrap();
            files.push(file);
        };
        keep(format!("{place}-{slug}-utkast.pdf")).await;
        offered(&app, &id).await;
        keep(format!("{place}-{slug}.pdf")).await;
    }
    assert_eq!(files.len(), 16);
    are_good(&files);
});
