//! A small register with two of most records, one of them Alfa's and one Beta's, each with words
//! and figures that nothing else has.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{app::App, database_intruder::intruder, lifecycle_fixtures::sql_id};

/// Whom the ledgers of tests invoice: two members and a company, as files of an import.
pub const BUYERS: [(&str, &str); 2] = [
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city
gotland,Gotland,222000-1834,,,,2019-01-01,,,,,,,
gavle,Gävle,222000-2568,,,,2019-01-01,,,,,,,
",
    ),
    ("organisations.csv", "key,name,org_number\nkonsult,Konsult AB,\n"),
];

/// The activities that the ledgers of tests earn by.
pub const EARNERS: (&str, &str) = (
    "activities.csv",
    "key,slug,name,purpose,goal,funding,starts_on,ends_on
bip,bip,BIP,,,COURSE_INCOME,2020-01-01,
ind,indikatorer,Indikatorer,,,SPECIAL_FEE,2020-01-01,
valdet,stoppa-valdet,Åtgärd stoppa våldet,,,GRANT,2020-01-01,
",
);

/// The files of the register, as [`App::import`] takes them.
pub const FILES: &[(&str, &str)] = &[
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
         alfa,Samordningsförbundet Alfa,222000-1834,Alfa län,Alfaby|Alfastad,Södra,2015-01-01,,faktura@alfa.example.se,0007:2220001834,REF-ALFA,Alfagatan 1,111 11,Alfastad\n\
         beta,Samordningsförbundet Beta,222000-2568,Beta län,Betaby|Betastad,Norra,2016-01-01,,faktura@beta.example.se,0007:2220002568,REF-BETA,Betagatan 2,222 22,Betastad\n",
    ),
    ("organisations.csv", "key,name,org_number\ngamma,Konsult Gamma AB,802555-0008\n"),
    (
        "allocations.csv",
        "member,year,basis,amount,source\nalfa,2026,ALL_PARTIES,13571357.00,Beslut Alfa\nbeta,2026,ALL_PARTIES,24682468.00,Beslut Beta\n",
    ),
    (
        "contacts.csv",
        "key,member,role,name,email,phone,valid_from,valid_to,organisation,contact_area\n\
         anna,alfa,CHIEF_EXECUTIVE,Anna Andersson,anna@alfa.example.se,070-174 06 05,2020-01-01,,,\n\
         berit,beta,CHIEF_EXECUTIVE,Berit Bengtsson,berit@beta.example.se,070-174 06 06,2020-01-01,,,\n\
         gustav,,OTHER,Gustav Gren,gustav@gamma.example.se,070-174 06 07,,,gamma,\n\
         stina,,BOARD_MEMBER,Stina Styrsson,stina@styrelsen.example.se,070-174 06 08,,,,Södra\n\
         nils,,BOARD_MEMBER,Nils Norman,nils@styrelsen.example.se,070-174 06 09,,,,Norra\n",
    ),
    (
        "activities.csv",
        "key,slug,name,purpose,goal,funding,starts_on,ends_on,board_contact,lead\n\
         bip,bip,BIP,Kurser,Fler kurser,SPECIAL_FEE|COURSE_INCOME,2020-01-01,,stina,anna\n\
         indikatorer,indikatorer,Indikatorer,Uppföljning,Alla med,SPECIAL_FEE,2021-01-01,,nils,berit\n",
    ),
    (
        "fee_schedules.csv",
        "activity,valid_from,valid_to,basis,amount,per_mille,cap,minimum,vat_rate\n\
         ,2020-01-01,,PER_MILLE_OF_ALLOCATION,,2,,,OUTSIDE_SCOPE\n\
         bip,2020-01-01,,FIXED_PER_YEAR,15000.00,,,,STANDARD_25\n\
         indikatorer,2021-01-01,,FIXED_PER_YEAR,18000.00,,,,STANDARD_25\n",
    ),
    (
        "tax_decisions.csv",
        "fee,activity,valid_from,vat_rate,exemption_reason,exemption_code,decided_on,reference\n\
         SERVICE_FEE,,2020-01-01,OUTSIDE_SCOPE,,,2019-11-20,Styrelsen § 7\n\
         SPECIAL_FEE,bip,2020-01-01,STANDARD_25,,,2019-11-20,Styrelsen § 8\n\
         SPECIAL_FEE,indikatorer,2020-01-01,STANDARD_25,,,2019-11-20,Styrelsen § 8\n",
    ),
    (
        "templates.csv",
        "slug,title,kind,activity,version,state,language,body_file,parameters_file\n\
         deltagande,Avtal om deltagande,PARTICIPATION,,1,PUBLISHED,sv,templates/deltagande-1.md,templates/deltagande-1.json\n\
         nytt,Hemligt avtal,PARTICIPATION,bip,1,DRAFT,sv,templates/nytt-1.md,templates/nytt-1.json\n",
    ),
    ("templates/deltagande-1.md", "Öppen avtalstext\n"),
    ("templates/deltagande-1.json", "[]\n"),
    ("templates/nytt-1.md", "Hemlig avtalstext\n"),
    ("templates/nytt-1.json", "[]\n"),
    (
        "agreements.csv",
        "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
         avtal-alfa,2026-7001,PARTICIPATION,INCOME,bip,alfa,deltagande,1,2026-02-01,2027-01-31,1,12,2026-01-10T09:00:00Z,2026-01-20,,FIXED_PER_YEAR,12121.21,,STANDARD_25\n\
         avtal-beta,2026-7002,PARTICIPATION,INCOME,indikatorer,beta,deltagande,1,2026-02-01,2027-01-31,1,,2026-01-10T09:00:00Z,2026-01-20,,FIXED_PER_YEAR,23232.32,,STANDARD_25\n\
         avtal-gamma,2026-7003,ASSIGNMENT,COST,bip,gamma,,,2026-02-01,2027-02-10,1,,2026-01-10T09:00:00Z,2026-01-20,,FIXED_PER_YEAR,34343.43,,STANDARD_25\n\
         utkast-alfa,,PARTICIPATION,INCOME,indikatorer,alfa,deltagande,1,2027-06-01,,1,,,,,FIXED_PER_YEAR,45454.45,,STANDARD_25\n",
    ),
    (
        "invoices.csv",
        "key,number,kind,buyer,issued_on,due_on,credits\n\
         faktura-alfa,8801,INVOICE,alfa,2026-03-01,2026-03-31,\n\
         faktura-beta,8802,INVOICE,beta,2026-03-02,2026-04-01,\n",
    ),
    (
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
         faktura-alfa,Avgift för Alfa,bip,avtal-alfa,2026-01-01,2026-12-31,1,11311.31,STANDARD_25\n\
         faktura-beta,Avgift för Beta,indikatorer,avtal-beta,2026-01-01,2026-12-31,1,22422.42,STANDARD_25\n",
    ),
    (
        "payments.csv",
        "invoice,received_on,amount,reference\nfaktura-alfa,2026-03-20,1000.01,BG-ALFA\nfaktura-beta,2026-03-21,2000.02,BG-BETA\n",
    ),
    (
        "costs.csv",
        "activity,booked_on,amount,description\nbip,2026-04-01,3333.31,Lokal\nindikatorer,2026-04-01,4444.41,Konsult\n",
    ),
    (
        "grants.csv",
        "activity,booked_on,amount,funder\nbip,2026-05-01,5555.51,Myndighet\nindikatorer,2026-05-01,6666.61,Myndighet\n",
    ),
    (
        "status_reports.csv",
        "activity,period,health,summary,deviations,next_steps,reported_by,reported_at\n\
         bip,2026-Q1,GREEN,Läget i den första,,,Anna Andersson,2026-04-05T08:00:00Z\n\
         indikatorer,2026-Q1,RED,Läget i den andra,,,Berit Bengtsson,2026-04-05T08:00:00Z\n",
    ),
];

/// The ids of the register's things, by what they are called here.
pub struct Samples {
    ids: HashMap<&'static str, String>,
}

impl Samples {
    /// Fills an empty register.
    pub async fn fill(app: &App) -> Self {
        app.import(FILES).await;
        let answer = app
            .office()
            .query(
                "{ members { nodes { id contactArea { id boardContacts { id } } contacts { id } } }
                   activities { nodes { id statusReports { nodes { id } } } }
                   agreements(orderBy: { field: STARTS_ON }) { nodes { id number counterparty { ... on Organisation { id } } templateVersion { id } } }
                   invoices { nodes { id } }
                   templates { nodes { id versions { id } } }
                   auditEntries(last: 1) { nodes { id } } }",
            )
            .await;
        let at = |path: &str| -> Vec<String> {
            let nodes = path.split('/').fold(vec![answer.data()], |found, name| {
                let inner = found
                    .into_iter()
                    .filter_map(|value: &Value| value.get(name))
                    .filter(|value| !value.is_null());
                inner
                    .flat_map(|value| {
                        value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
                    })
                    .collect()
            });
            nodes.into_iter().map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        let mut ids = HashMap::new();
        for (path, names) in [
            ("members/nodes/id", &["alfa", "beta"][..]),
            ("members/nodes/contactArea/id", &["södra", "norra"]),
            ("members/nodes/contactArea/boardContacts/id", &["stina", "nils"]),
            ("members/nodes/contacts/id", &["anna", "berit"]),
            ("activities/nodes/id", &["bip", "indikatorer"]),
            ("activities/nodes/statusReports/nodes/id", &["läget i bip", "läget i indikatorer"]),
            ("agreements/nodes/counterparty/id", &["gamma"]),
            ("invoices/nodes/id", &["faktura alfa", "faktura beta"]),
            ("templates/nodes/id", &["deltagande", "nytt"]),
            ("templates/nodes/versions/id", &["deltagande 1", "nytt 1"]),
            ("auditEntries/nodes/id", &["första posten"]),
        ] {
            let found = at(path);
            assert_eq!(found.len(), names.len(), "{path} in {}", answer.text());
            ids.extend(names.iter().copied().zip(found));
        }
        let agreements = answer["agreements"]["nodes"].as_array().unwrap();
        for (name, number) in [
            ("avtal alfa", json!("2026-7001")),
            ("avtal beta", json!("2026-7002")),
            ("avtal gamma", json!("2026-7003")),
            ("utkast alfa", Value::Null),
        ] {
            let agreement = agreements.iter().find(|agreement| agreement["number"] == number);
            ids.insert(
                name,
                agreement.unwrap_or_else(|| panic!("{number} in {}", answer.text()))["id"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        Self { ids }
    }

    /// Adds decisions to start the activities, and to conclude the numbered agreements. The latter
    /// are written past the program: only a draft gets one, and the agreements are signed.
    pub async fn add_decisions(&self, app: &App) {
        for activity in ["bip", "indikatorer"] {
            let decision =
                json!({ "body": "BOARD", "decidedOn": "2019-12-01", "paragraph": "§ 7" });
            let input = json!({ "activityId": self.id(activity), "decision": decision });
            app.office().does("activityUpdate", "id", input).await.data();
        }
        let intruder = intruder(app).await;
        for (position, agreement) in ["avtal alfa", "avtal beta", "avtal gamma"].iter().enumerate()
        {
            let agreement = sql_id(app, self.id(agreement));
            let decision = sql_id(app, &format!("decision_{:032x}", position + 1));
            for sql in [
                format!(
                    "INSERT INTO decision (id, body, decided_on) VALUES ({decision}, 'BOARD', '2026-01-05')"
                ),
                format!("UPDATE agreement SET decision_id = {decision} WHERE id = {agreement}"),
            ] {
                intruder.execute_unprepared(&sql).await.unwrap();
            }
        }
    }

    /// The id of a thing, as the API writes it.
    pub fn id(&self, name: &str) -> &str {
        self.ids.get(name).unwrap_or_else(|| panic!("the samples have no {name}"))
    }

    /// Every id, in no order.
    pub fn ids(&self) -> Vec<&str> {
        self.ids.values().map(String::as_str).collect()
    }
}
