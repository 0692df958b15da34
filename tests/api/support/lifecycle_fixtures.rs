//! A register for agreements: members, organisations, activities of every funding, and a
//! template of every kind.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use serde_json::{Value, json};

use crate::support::{
    app::App,
    caller::{Answer, Caller},
};

/// Day and time of the tests' clock.
pub const TODAY: &str = "2026-11-21";

/// The files of the register.
fn files() -> Vec<(&'static str, String)> {
    let members: String = (0..12)
        .map(|n| format!("m{n},Förbund {n:02},,,,,2015-01-01,,,,,Gata {n},123 45,Ort {n}\n"))
        .collect();
    let activities: String = [
        ("bip", "BIP", "COURSE_INCOME|SPECIAL_FEE", ""),
        ("indikatorer", "Indikatorer", "SPECIAL_FEE", ""),
        ("stoppa-valdet", "Stoppa våldet", "GRANT", ""),
        ("natverk", "Nätverket", "VOLUNTEER", ""),
        ("avslutad", "Avslutad", "SPECIAL_FEE", "2020-12-31"),
    ]
    .iter()
    .map(|(slug, name, funding, ends_on)| {
        format!("{slug},{slug},{name},Syfte,Mål,{funding},2015-01-01,{ends_on}\n")
    })
    .collect();
    let templates: String = [
        ("deltagande", "PARTICIPATION", "", "PUBLISHED"),
        ("for-bip", "PARTICIPATION", "bip", "PUBLISHED"),
        ("uppdrag", "ASSIGNMENT", "", "PUBLISHED"),
        ("samarbete", "COOPERATION", "", "PUBLISHED"),
        ("utkast", "PARTICIPATION", "", "DRAFT"),
        ("gammal", "PARTICIPATION", "", "RETIRED"),
    ]
    .iter()
    .map(|(slug, kind, activity, state)| {
        format!("{slug},Avtal {slug},{kind},{activity},1,{state},sv,templates/text.md,templates/text.json\n")
    })
    .collect();
    vec![
        (
            "members.csv",
            format!(
                "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n{members}gone,Förbund borta,,,,,2015-01-01,2025-12-31,,,,,,\n"
            ),
        ),
        ("organisations.csv", "key,name,org_number\nkonsult,Konsult AB,802555-0008\n".to_owned()),
        ("activities.csv", format!("key,slug,name,purpose,goal,funding,starts_on,ends_on\n{activities}")),
        (
            "fee_schedules.csv",
            "activity,valid_from,valid_to,basis,amount,per_mille,cap,minimum,vat_rate\n\
             bip,2020-01-01,2026-12-31,FIXED_PER_YEAR,15000.00,,,,STANDARD_25\n\
             bip,2027-01-01,,FIXED_PER_YEAR,16000.00,,,,STANDARD_25\n"
                .to_owned(),
        ),
        (
            "tax_decisions.csv",
            "fee,activity,valid_from,vat_rate,exemption_reason,exemption_code,decided_on,reference\n\
             SPECIAL_FEE,bip,2020-01-01,STANDARD_25,,,2019-11-20,Styrelsen § 8\n"
                .to_owned(),
        ),
        ("templates.csv", format!("slug,title,kind,activity,version,state,language,body_file,parameters_file\n{templates}")),
        ("templates/text.md", "## Uppdraget\n\nAvtalet gäller {{ days }} dagar i {{ place }}.\n".to_owned()),
        (
            "templates/text.json",
            json!([
                { "name": "days", "label": "Dagar", "type": "INTEGER", "required": true },
                { "name": "place", "label": "Plats", "type": "TEXT", "required": false, "default": "Stockholm" },
            ])
            .to_string(),
        ),
    ]
}

/// The ids of the register's things.
pub struct Register {
    ids: BTreeMap<String, String>,
}

impl Register {
    /// Fills an empty register.
    pub async fn fill(app: &App) -> Self {
        let files = files();
        app.import(&files.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>())
            .await;
        let answer = app
            .office()
            .query("{ members(first: 50) { nodes { id name } } activities { nodes { id slug } } templates { nodes { id slug versions { id } } } }")
            .await;
        let mut ids = BTreeMap::new();
        for (list, key) in [("members", "name"), ("activities", "slug"), ("templates", "slug")] {
            for node in answer[list]["nodes"].as_array().unwrap() {
                ids.insert(
                    node[key].as_str().unwrap().to_owned(),
                    node["id"].as_str().unwrap().to_owned(),
                );
                if let Some(version) = node["versions"][0]["id"].as_str() {
                    ids.insert(format!("{} 1", node[key].as_str().unwrap()), version.to_owned());
                }
            }
        }
        let mut register = Self { ids };
        let konsult =
            mutate(&app.office(), "organisationAdd", json!({ "name": "Rådgivarna AB" }), "id")
                .await;
        register.ids.insert(
            "Rådgivarna".into(),
            konsult["organisationAdd"]["id"].as_str().unwrap().to_owned(),
        );
        register
    }

    /// The id of a thing: a member's name, or a slug; `deltagande 1` is a template's version.
    #[track_caller]
    pub fn id(&self, name: &str) -> &str {
        self.ids.get(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// Returns the input of a draft by which a member takes part in an activity from a day on,
    /// until further notice.
    pub fn draft(&self, member: usize, activity: &str, starts_on: &str) -> Value {
        json!({ "templateId": self.id("deltagande"), "activityId": self.id(activity), "counterpartyId": self.id(&format!("Förbund {member:02}")),
            "startsOn": starts_on, "parameters": { "days": 10 }, "fee": null })
    }
}

/// Sends a mutation.
pub async fn mutate(caller: &Caller<'_>, name: &str, input: Value, selection: &str) -> Answer {
    caller.does(name, selection, input).await
}

/// The same input but for some of its fields.
pub fn with(mut input: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

/// Drafts an agreement, and gives its id.
pub async fn drafted(app: &App, input: Value) -> String {
    mutate(&app.office(), "agreementDraft", input, "id").await["agreementDraft"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Offers a draft, and gives its number and the digest of its document.
pub async fn offered(app: &App, id: &str) -> (String, String) {
    let answer = mutate(
        &app.office(),
        "agreementOffer",
        json!({ "agreementId": id }),
        "number document { sha256 }",
    )
    .await;
    let offer = &answer["agreementOffer"];
    (
        offer["number"].as_str().unwrap().to_owned(),
        offer["document"]["sha256"].as_str().unwrap().to_owned(),
    )
}

/// Returns the input of a signature of an offered agreement for a side today.
pub fn signature(app: &App, id: &str, party: &str, sha256: &str) -> Value {
    json!({ "agreementId": id, "party": party, "name": "Ada Ås", "signedOn": app.clock.today(), "method": "E_SIGNATURE", "documentSha256": sha256 })
}

/// Signs for both sides today.
pub async fn signed(app: &App, id: &str, sha256: &str) {
    for party in ["NETWORK", "COUNTERPARTY"] {
        mutate(&app.office(), "agreementSign", signature(app, id, party, sha256), "id")
            .await
            .data();
    }
}

/// Drafts, offers and signs an agreement, and gives its id.
pub async fn agreed(app: &App, input: Value) -> String {
    let id = drafted(app, input).await;
    let (_, sha256) = offered(app, &id).await;
    signed(app, &id, &sha256).await;
    id
}

/// One agreement by its id, as the office sees it.
pub async fn read_agreement(app: &App, id: &str, selection: &str) -> Value {
    let question = format!("query($id: ID!) {{ agreement(by: {{ id: $id }}) {{ {selection} }} }}");
    app.office().ask(&question, json!({ "id": id })).await["agreement"].clone()
}

/// The same register at noon of a day.
pub fn on(app: &App, day: NaiveDate) -> App {
    app.at(&format!("{day}T11:00:00Z"))
}

/// An id as SQL writes it.
pub fn sql_id(app: &App, id: &str) -> String {
    let hex = id.rsplit_once('_').unwrap().1;
    if app.db.backend() == sea_orm::DbBackend::Postgres {
        format!("'{hex}'::uuid")
    } else {
        format!("x'{hex}'")
    }
}

/// A connection of one's own, past everything that the register does, and without its lock to
/// write.
pub async fn connection(app: &App) -> DatabaseConnection {
    sea_orm::Database::connect(app.url()).await.unwrap()
}

/// Runs a statement past everything that the register does.
pub async fn raw(app: &App, sql: &str) -> Result<u64, DbErr> {
    let connection = connection(app).await;
    let done = connection.execute_unprepared(sql).await.map(|done| done.rows_affected());
    connection.close().await.unwrap();
    done
}
