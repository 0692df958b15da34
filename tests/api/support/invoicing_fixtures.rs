//! A small network that invoices: its settings, members that can be invoiced and one that can't,
//! and agreements with fees.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    app::App,
    caller::{Answer, Caller},
    lifecycle_fixtures::mutate,
};

/// The network's settings, as an operator writes them.
pub const NETWORK: &str = "[network]
name = 'Nätverket'
org_number = '802555-0008'
vat_number = 'SE802555000801'
address_line = 'Kansligatan 1'
postal_code = '111 11'
city = 'Stockholm'
bankgiro = '5050-1055'
email = 'ekonomi@example.se'
";

/// The same register with these settings of the network in a file; the folder goes with the value.
pub fn with_network(app: &App, settings: &str) -> (App, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samregister.toml");
    std::fs::write(&file, settings).unwrap();
    (app.with_file(&file), folder)
}

/// Members 1 to `members`, of whom the second lacks all that an invoice needs, an organisation, and
/// agreements about Indikatorer:
///
/// 1: 18 000.00 a year since 2025 · 2: the same · 3: from 15 March 2026 · 4: to 30 June 2026 · 5: 2
/// ‰ of the allocation · 6: 2 ‰, without an allocation · 7: ended in 2025 · 8: outside the scope of
/// VAT, replaced on 1 July 2026 by one with VAT · 9: 500.00 once, in 2026 · 10: a draft. Then one
/// of the organisation, and no more.
pub fn files(members: usize) -> Vec<(&'static str, String)> {
    let member = |n: usize| {
        if n == 2 {
            return format!("m{n},Förbund {n:03},,,,,2020-01-01,,,,,,,\n");
        }
        let number = org_number(n);
        format!(
            "m{n},Förbund {n:03},{number},,,,2020-01-01,,faktura@forbund{n}.example.se,,REF-{n},Gatan {n},999 99,Staden\n"
        )
    };
    let agreement = |n: usize| {
        let (starts, ends, fee, rate) = match n {
            3 => ("2026-03-15", "", "FIXED_PER_YEAR,18000.00,", "STANDARD_25"),
            4 => ("2025-01-01", "2026-06-30", "FIXED_PER_YEAR,18000.00,", "STANDARD_25"),
            5 | 6 => ("2025-01-01", "", "PER_MILLE_OF_ALLOCATION,,2", "STANDARD_25"),
            7 => ("2025-01-01", "2025-12-31", "FIXED_PER_YEAR,18000.00,", "STANDARD_25"),
            8 => ("2025-01-01", "2026-06-30", "FIXED_PER_YEAR,12000.00,", "OUTSIDE_SCOPE"),
            9 => ("2026-05-01", "", "ONE_OFF,500.00,", "STANDARD_25"),
            _ => ("2025-01-01", "", "FIXED_PER_YEAR,18000.00,", "STANDARD_25"),
        };
        let signed = if n == 10 { "," } else { "2024-11-01T08:00:00Z,2024-12-01" };
        format!(
            "a{n},2024-{n:04},PARTICIPATION,INCOME,ind,m{n},,,{starts},{ends},3,,{signed},,{fee},{rate}\n"
        )
    };
    let more = "b8,2026-9001,PARTICIPATION,INCOME,ind,m8,,,2026-07-01,,3,,2026-05-01T08:00:00Z,2026-06-01,,FIXED_PER_YEAR,12000.00,,STANDARD_25\n\
                o,2026-9002,COOPERATION,INCOME,ind,org,,,2026-01-01,,3,,2025-11-01T08:00:00Z,2025-12-01,,FIXED_PER_YEAR,5000.00,,EXEMPT\n";
    vec![
        (
            "members.csv",
            format!(
                "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n{}",
                (1..=members).map(member).collect::<String>()
            ),
        ),
        ("organisations.csv", "key,name,org_number\norg,Myndigheten,222000-1834\n".to_owned()),
        (
            "activities.csv",
            "key,slug,name,purpose,goal,funding,starts_on,ends_on\nind,indikatorer,Indikatorer,,,SPECIAL_FEE,2020-01-01,\nbip,bip,BIP,,,COURSE_INCOME,2020-01-01,\n".to_owned(),
        ),
        (
            "allocations.csv",
            format!("member,year,basis,amount,source\nm5,2026,ALL_PARTIES,4324333.00,\n{}", (11..=members).map(|n| format!("m{n},2026,ALL_PARTIES,{}.00,\n", 1_000_000 + n)).collect::<String>()),
        ),
        (
            "fee_schedules.csv",
            "activity,valid_from,valid_to,basis,amount,per_mille,cap,minimum,vat_rate\n\
             ,2020-01-01,,PER_MILLE_OF_ALLOCATION,,2,,,OUTSIDE_SCOPE\n\
             ,2020-01-01,,FIXED_PER_YEAR,5000.00,,,,OUTSIDE_SCOPE\n"
                .to_owned(),
        ),
        (
            "agreements.csv",
            format!(
                "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n{}{more}",
                (1..=members).filter(|n| *n != 10).map(agreement).collect::<String>()
            ),
        ),
    ]
}

/// An organisation number with a right check digit, another one for each number below 10 000.
fn org_number(n: usize) -> String {
    let mut digits = format!("222{n:04}00");
    digits.push_str(&::entity::number::luhn_digit(&digits).to_string());
    format!("{}-{}", &digits[..6], &digits[6..])
}

/// Fills an empty register with [`files`] of at least twelve members, and answers it with the
/// network's settings.
pub async fn fill(app: &App, members: usize) -> (App, TempDir) {
    let files = files(members.max(12));
    app.import(&files.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>()).await;
    with_network(app, NETWORK)
}

/// The id of the member with this number.
pub async fn member(app: &App, n: usize) -> String {
    let name = format!("Förbund {n:03}");
    let answer = app
        .office()
        .query(&format!(
            "{{ members(filter: {{ search: \"{name}\" }}) {{ nodes {{ id name }} }} }}"
        ))
        .await;
    let nodes = answer["members"]["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
}

/// The id of an activity.
pub async fn activity(app: &App, slug: &str) -> String {
    let answer =
        app.office().query(&format!("{{ activity(by: {{ slug: \"{slug}\" }}) {{ id }} }}")).await;
    answer["activity"]["id"].as_str().unwrap().to_owned()
}

/// Returns the input of a draft of an invoice of one course for a member.
pub fn course(buyer: &str, price: &str) -> Value {
    let line = json!({ "description": "Kurs", "unitPrice": price, "vatRate": "STANDARD_25", "periodFrom": "2026-11-20", "periodTo": "2026-11-20" });
    json!({ "buyerId": buyer, "lines": [line] })
}

/// Drafts an invoice and answers its id.
pub async fn drafted(caller: &Caller<'_>, input: Value) -> String {
    mutate(caller, "invoiceDraft", input, "id").await["invoiceDraft"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Issues an invoice.
pub async fn issue(caller: &Caller<'_>, id: &str, selection: &str) -> Answer {
    mutate(caller, "invoiceIssue", json!({ "invoiceId": id }), selection).await
}

/// Everything that is not as it must be, as `verify` finds it.
pub async fn violations(app: &App) -> Vec<String> {
    let mut found = domain::revenue::violations(&app.db).await.unwrap();
    found.extend(domain::audit::violations_now(&app.db, app.clock).await.unwrap());
    found
}

/// A good input of each mutation on invoices, of which `buyer` can be invoiced; those of later
/// rounds differ.
pub async fn input(app: &App, buyer: &str, name: &str, permit: usize) -> Value {
    let draft = async || drafted(&app.finance(), course(buyer, "100.00")).await;
    match name {
        "invoiceDraft" => course(buyer, &format!("{permit}.00")),
        "invoiceDraftUpdate" => {
            json!({ "invoiceId": draft().await, "reason": format!("{permit}") })
        }
        "invoiceDraftDiscard" | "invoiceIssue" => json!({ "invoiceId": draft().await }),
        "invoiceCredit" => {
            let id = draft().await;
            issue(&app.finance(), &id, "id").await.data();
            json!({ "invoiceId": id, "reason": "x" })
        }
        "invoiceRun" => {
            json!({ "membershipFee": true, "year": 2200, "memberIds": [payer(app, permit).await] })
        }
        _ => panic!("there is no input for {name}: add it to input()"),
    }
}

/// A member that can be invoiced for its membership in 2200.
async fn payer(app: &App, permit: usize) -> String {
    let rule = json!({ "validFrom": "2200-01-01", "basis": "FIXED_PER_YEAR", "amount": "1", "vatRate": "OUTSIDE_SCOPE" });
    mutate(&app.office(), "networkFeeSet", rule, "id").await;
    let billing =
        json!({ "buyerReference": "R", "addressLine": "G 1", "postalCode": "111 11", "city": "S" });
    let new = json!({ "name": format!("Betalare {permit}"), "joinedOn": "2030-01-01", "orgNumber": org_number(permit + 1), "billing": billing });
    mutate(&app.office(), "memberAdmit", new, "id").await["memberAdmit"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}
