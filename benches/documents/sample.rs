//! An agreement of two pages, as the register makes them.

use documents::agreement::{Agreement, Party};

/// The agreement; without its number, a draft.
pub fn agreement(number: Option<&str>) -> Agreement {
    let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
    let terms = [
        ("Verksamhet", "Indikatorer"),
        ("Gäller från och med", "den 1 januari 2027"),
        ("Gäller till och med", "den 31 december 2027"),
        ("Uppsägningstid", "tre månader"),
        ("Förlängning", "tolv månader i taget"),
        ("Avgift", "26 800,00 kr per år, mervärdesskatt tillkommer"),
    ];
    Agreement {
        title: "Avtal om deltagande i Indikatorer".into(),
        number: number.map(Into::into),
        language: "sv".into(),
        parties: vec![
            Party {
                role: "Nätverket".into(),
                name: "Nationella nätverket för samordningsförbund".into(),
                org_number: Some("802555-0008".into()),
                address: lines(&["Box 123", "702 10 Örebro"]),
            },
            Party {
                role: "Medlemmen".into(),
                name: "Samordningsförbundet Centrala Östergötland".into(),
                org_number: Some("222000-1834".into()),
                address: lines(&["Hospitalsgatan 3", "582 27 Linköping"]),
            },
        ],
        terms: terms.map(|(name, value)| (name.into(), value.into())).into(),
        body: include_str!("agreement.md").into(),
        dated: chrono::NaiveDate::default(),
    }
}
