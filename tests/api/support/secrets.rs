//! Random registers of which a viewer sees one part. The part that it may not see is generated
//! independently, so that registers that look equal to the viewer differ in all else.

mod archive;

use std::collections::BTreeMap;

use entity::number::luhn_digit;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::support::canaries::{Of, Whose, may_see};

/// Files of an import: names and texts.
pub type Files = BTreeMap<String, String>;

/// A register as two imports, one after the other.
pub struct Drawn {
    /// The rows that the column sees, and those that they refer to.
    pub seen: Files,
    /// All else: rows of its own, and what it says of rows that are there.
    pub unseen: Files,
}

const HEADERS: &[(&str, &str)] = &[
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city,successor,leaving_reason",
    ),
    (
        "organisations.csv",
        "key,name,org_number,billing_email,peppol_id,buyer_reference,address_line,postal_code,city",
    ),
    ("allocations.csv", "member,year,basis,amount,source"),
    (
        "contacts.csv",
        "key,member,role,name,email,phone,valid_from,valid_to,organisation,contact_area",
    ),
    ("activities.csv", "key,slug,name,purpose,goal,funding,starts_on,ends_on,board_contact,lead"),
    (
        "fee_schedules.csv",
        "activity,valid_from,valid_to,basis,amount,per_mille,cap,minimum,vat_rate",
    ),
    ("templates.csv", "slug,title,kind,activity,version,state,language,body_file,parameters_file"),
    (
        "agreements.csv",
        "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate",
    ),
    (
        "bank_payments.csv",
        "bank_reference,file_name,file_sha256,imported_at,account,booked_on,amount,reference,message,payer_name,payer_org_number,finding,set_aside_on,set_aside_reason",
    ),
    ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits,ocr"),
    (
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate",
    ),
    ("payments.csv", "invoice,received_on,amount,reference"),
    (
        "adjustments.csv",
        "invoice,kind,dated_on,amount,reference,bank_payment,reverses,reason,booked_on",
    ),
    ("reminders.csv", "invoice,sent_on,fee"),
    ("costs.csv", "activity,booked_on,amount,description,reference"),
    ("grants.csv", "activity,booked_on,amount,funder"),
    (
        "status_reports.csv",
        "activity,period,health,summary,deviations,next_steps,reported_by,reported_at",
    ),
    (
        "archived_documents.csv",
        "number,kind,title,language,dated_on,registered_on,versions,agreement,member,organisation,activity,cost_booked_on,cost_description,cost_occurrence,erased_on,erasure_reason",
    ),
    ("archived_files.csv", "document,version,name,media_type,sha256,size,uploaded_at,file"),
];

/// The activities of the network; the lead in question leads one of the first two.
const ACTIVITIES: [&str; 3] = ["bip", "indikatorer", "jgl"];

/// Whose a row is: Alfa's, and of the activity that the lead leads.
#[derive(Clone, Copy)]
struct Owner {
    alfa: bool,
    led: bool,
}

const NO_ONE: Owner = Owner { alfa: false, led: false };

/// A member or organisation that agreements and invoices are with.
#[derive(Clone)]
struct Party {
    key: String,
    is_alfa: bool,
    is_member: bool,
    /// `true` if the column sees it.
    is_seen: bool,
}

struct Draw {
    column: &'static str,
    /// The visible and the hidden rows, with random generators of their own, so that what is drawn
    /// of one changes nothing of the other.
    parts: [(StdRng, Files); 2],
    /// Numbers assigned so far.
    numbers: [u32; 2],
    /// Serial numbers of archived documents, which have no gaps: of 2026 for those that are seen,
    /// of 2025 for the others.
    documents: [u32; 2],
    /// Agreements with a member about an activity, and whether they are seen.
    agreements: BTreeMap<(String, &'static str), (String, bool)>,
    contacts: [Vec<String>; 2],
}

/// Draws the register that a column sees by one seed, and what it does not see by another.
pub fn draw(column: &'static str, seen: u64, unseen: u64) -> Drawn {
    let part = |seed| (StdRng::seed_from_u64(seed), Files::new());
    let mut draw = Draw {
        column,
        parts: [part(seen), part(unseen ^ 0x5eed)],
        numbers: [0, 0],
        documents: [0, 0],
        agreements: BTreeMap::new(),
        contacts: [Vec::new(), Vec::new()],
    };
    let parties = draw.parties();
    draw.activities();
    draw.fees();
    draw.templates();
    draw.agreements(&parties);
    draw.invoices(&parties);
    draw.accounts();
    let [(_, seen), (_, unseen)] = draw.parts;
    Drawn { seen, unseen }
}

impl Draw {
    /// The activity that the column leads; for others, any.
    fn led(&self) -> &'static str {
        self.column.split_once("LEAD:").map_or("bip", |(_, led)| led)
    }

    fn is_lead(&self) -> bool {
        self.column.contains("LEAD:")
    }

    /// `true` if the column issues invoices, which state where they go, and gets an error when
    /// something is lacking for that.
    fn writes_to(&self) -> bool {
        self.column == "invoices+"
    }

    /// `true` if the column sees any of this: by one of its roles, which add to each
    /// other.
    fn visibility(&self, of: &[Of], owner: Owner) -> bool {
        self.column.split(' ').any(|role| {
            // The marks speak of the samples, in which what is of Indikatorer is Beta's.
            let own = if role == "LEAD:indikatorer" { Whose::Beta } else { Whose::Alfa };
            let other = if own == Whose::Alfa { Whose::Beta } else { Whose::Alfa };
            let is_own = if role.starts_with("LEAD:") { owner.led } else { owner.alfa };
            of.iter().any(|of| may_see(role, *of, if is_own { own } else { other }))
        })
    }

    fn random(&mut self, is_seen: bool) -> &mut StdRng {
        &mut self.parts[usize::from(!is_seen)].0
    }

    fn up_to(&mut self, is_seen: bool, most: u32) -> u32 {
        self.random(is_seen).random_range(0..=most)
    }

    fn chance(&mut self, is_seen: bool, percent: u32) -> bool {
        self.up_to(is_seen, 99) < percent
    }

    fn one_of<'a>(&mut self, is_seen: bool, words: &[&'a str]) -> &'a str {
        words.choose(self.random(is_seen)).unwrap()
    }

    fn amount(&mut self, is_seen: bool) -> String {
        let ore = self.random(is_seen).random_range(100..5_000_000);
        format!("{}.{:02}", ore / 100, ore % 100)
    }

    /// A number that nothing else has; those of what is not seen have gaps by lot.
    fn number(&mut self, is_seen: bool) -> u32 {
        let step = if is_seen { 1 } else { self.up_to(false, 6) + 1 };
        let number = &mut self.numbers[usize::from(!is_seen)];
        *number += step;
        if is_seen { *number } else { 500 + *number }
    }

    fn org_number(&mut self, is_seen: bool) -> String {
        let digits = format!("222{:04}00", self.number(is_seen));
        format!("{}-{}{}", &digits[..6], &digits[6..], luhn_digit(&digits))
    }

    /// Writes a row of a file.
    fn row(&mut self, is_seen: bool, file: &str, row: &str) {
        let text = self.parts[usize::from(!is_seen)].1.entry(file.to_owned()).or_default();
        if text.is_empty() {
            let header = HEADERS.iter().find(|(name, _)| *name == file).unwrap().1;
            *text = format!("{header}\n");
        }
        *text += row;
        text.push('\n');
    }

    /// E-mail, Peppol id, reference and address.
    fn billing(&mut self, is_seen: bool) -> String {
        let n = self.number(is_seen);
        let city = self.one_of(is_seen, &["Ort", "Ås", "Stad"]);
        format!("faktura{n}@forbund.example.se,,REF-{n},Gatan {n},111 11,{city}")
    }

    fn parties(&mut self) -> Vec<Party> {
        let mut parties = Vec::new();
        let knows = self.visibility(&[Of::Name], NO_ONE);
        for n in 0..=self.up_to(knows, 3) + 1 {
            let is_alfa = n == 0;
            let owner = Owner { alfa: is_alfa, led: false };
            let is_seen = self.visibility(&[Of::Name], owner);
            let is_open = self.visibility(&[Of::Affairs], owner);
            let key = if is_alfa { "alfa".to_owned() } else { format!("m{n}") };
            let name = self.one_of(is_seen, &["Samordningsförbundet", "Finsam", "Förbundet"]);
            let name = format!(
                "{name} {}",
                if is_alfa {
                    "Alfa".to_owned()
                } else {
                    format!("{} {n}", self.one_of(is_seen, &["Al", "Älv", "Öst"]))
                }
            );
            let (number, county) =
                (self.org_number(is_seen), self.one_of(is_seen, &["Alfa län", "Beta län"]));
            let municipality = self.one_of(is_seen, &["Alby", "Åmål", "Berg"]);
            // Areas are the network's own: everyone may know of them.
            let area = if is_alfa || !is_seen {
                "Södra"
            } else {
                self.one_of(is_seen, &["Södra", "Norra"])
            };
            let joined_on = self.one_of(is_seen, &["2015-01-01", "2019-07-01", "2024-01-01"]);
            // Some have become a part of Alfa, which sees them from then on; those that it does not
            // see are to become one.
            let last = if is_seen { "2025-12-31" } else { "2026-12-31" };
            let end = if !is_alfa && self.chance(is_seen, 20) {
                (last, "alfa,Sammanslagning")
            } else {
                ("", ",")
            };
            let who = format!(
                "{key},{name},{number},{county},{municipality},{area},{joined_on},{}",
                end.0
            );
            let billing = self.billing(is_open || self.writes_to());
            if is_seen && !is_open {
                let billing = if self.writes_to() { &billing } else { ",,,,," };
                self.row(true, "members.csv", &format!("{who},{billing},{}", end.1));
            } else if is_alfa && !is_open {
                // The ids of areas are public, also to callers who see none of the members in them.
                self.row(
                    true,
                    "members.csv",
                    "alfa,Samordningsförbundet Alfa,,,,Södra,2015-01-01,,,,,,,,,",
                );
            }
            self.row(is_open, "members.csv", &format!("{who},{billing},{}", end.1));
            self.contacts_of(is_open, &key, "", "");
            self.documents_of(is_open, &format!(",{key}"));
            for year in 2025..=2027 {
                if self.chance(is_open, 70) {
                    let amount = self.amount(is_open);
                    self.row(
                        is_open,
                        "allocations.csv",
                        &format!("{key},{year},ALL_PARTIES,{amount},Beslut"),
                    );
                }
            }
            if end.0.is_empty() {
                parties.push(Party { key, is_alfa, is_member: true, is_seen });
            }
        }
        self.organisations(knows, &mut parties);
        let is_open = self.visibility(&[Of::Affairs], NO_ONE);
        self.contacts_of(is_open, "", "", "Södra");
        parties
    }

    fn organisations(&mut self, knows: bool, parties: &mut Vec<Party>) {
        for (n, led) in [true, false].into_iter().enumerate() {
            let key = format!("o{n}");
            // A lead knows those alone that its activities have agreements with.
            let is_seen = knows && (!self.is_lead() || led);
            let is_open = self.visibility(&[Of::Affairs], NO_ONE);
            let who = format!(
                "{key},{} {n} AB,{}",
                self.one_of(is_seen, &["Konsult", "Råd"]),
                self.org_number(is_seen)
            );
            let billing = self.billing(is_open || self.writes_to());
            if is_seen && !is_open {
                let billing = if self.writes_to() { &billing } else { ",,,,," };
                self.row(true, "organisations.csv", &format!("{who},{billing}"));
            }
            self.row(is_open, "organisations.csv", &format!("{who},{billing}"));
            self.contacts_of(is_open, "", &key, "");
            parties.push(Party { key, is_alfa: false, is_member: false, is_seen });
        }
    }

    fn contacts_of(&mut self, is_seen: bool, member: &str, organisation: &str, area: &str) {
        for _ in 0..=self.up_to(is_seen, 2) {
            let n = self.number(is_seen);
            let role = if area.is_empty() {
                self.one_of(is_seen, &["CHIEF_EXECUTIVE", "CHAIR", "OTHER"])
            } else {
                "BOARD_MEMBER"
            };
            let name = format!("{} {n}", self.one_of(is_seen, &["Anna", "Åke", "Berit"]));
            let row = format!(
                "k{n},{member},{role},{name},k{n}@forbund.example.se,070-174 {n:04},,,{organisation},{area}"
            );
            self.row(is_seen, "contacts.csv", &row);
            self.contacts[usize::from(!is_seen)].push(format!("k{n}"));
        }
    }

    fn activities(&mut self) {
        for (n, slug) in ACTIVITIES.into_iter().enumerate() {
            let row =
                format!("{slug},{slug},Namn {n},Syfte,Mål,SPECIAL_FEE|COURSE_INCOME,2015-01-01,");
            // One is led by a contact who is seen; of the others, who leads and who follows them is
            // not.
            let lead = self.contacts[0].first().filter(|_| n == 0).cloned().unwrap_or_default();
            self.row(true, "activities.csv", &format!("{row},,{lead}"));
            if lead.is_empty()
                && let Some(contact) = self.contacts[1].choose(&mut self.parts[1].0).cloned()
            {
                self.row(false, "activities.csv", &format!("{row},{contact},{contact}"));
            }
        }
    }

    fn fees(&mut self) {
        let amount = self.amount(true);
        for rule in [
            ",2020-01-01,,PER_MILLE_OF_ALLOCATION,,2,90000.00,,OUTSIDE_SCOPE".to_owned(),
            ",2020-01-01,,FIXED_PER_YEAR,5000.00,,,,OUTSIDE_SCOPE".to_owned(),
            format!("bip,2020-01-01,,FIXED_PER_YEAR,{amount},,,,STANDARD_25"),
            "indikatorer,2020-01-01,,PER_MILLE_OF_ALLOCATION,,1,,,STANDARD_25".to_owned(),
        ] {
            self.row(true, "fee_schedules.csv", &rule);
        }
    }

    fn templates(&mut self) {
        let version = |slug: &str, version: u32, state: &str, body: &str| {
            (
                format!(
                    "{slug},Avtal {slug},PARTICIPATION,,{version},{state},sv,templates/{slug}-{version}.md,templates/{slug}-{version}.json"
                ),
                format!("templates/{slug}-{version}"),
                format!("{body}\n"),
            )
        };
        let mut versions = vec![(true, version("deltagande", 1, "PUBLISHED", "Öppen text"))];
        let is_seen = self.visibility(&[Of::Draft], NO_ONE);
        for n in 0..self.up_to(is_seen, 2) {
            let body = format!("Hemlig text {}", self.number(is_seen));
            versions.push((is_seen, version(&format!("utkast-{n}"), 1, "DRAFT", &body)));
        }
        if self.chance(is_seen, 50) {
            let body = format!("Nästa text {}", self.number(is_seen));
            versions.push((is_seen, version("deltagande", 2, "DRAFT", &body)));
        }
        for (is_seen, (row, file, body)) in versions {
            self.row(is_seen, "templates.csv", &row);
            let files = &mut self.parts[usize::from(!is_seen)].1;
            files.insert(format!("{file}.md"), body);
            files.insert(format!("{file}.json"), "[]\n".to_owned());
        }
    }

    fn agreements(&mut self, parties: &[Party]) {
        for party in parties {
            for activity in ACTIVITIES
                .into_iter()
                .filter(|activity| self.may_meet(party, activity))
                .collect::<Vec<_>>()
            {
                let owner = Owner { alfa: party.is_alfa, led: activity == self.led() };
                let is_seen =
                    party.is_seen && self.visibility(&[Of::Agreement, Of::Forecast], owner);
                // An organisation is known by its agreement.
                let is_due = if party.is_member {
                    self.chance(is_seen, 65)
                } else {
                    (party.key == "o0") == owner.led
                };
                if is_due {
                    let key = format!("a-{}-{activity}", party.key);
                    let kind =
                        if party.is_member { "PARTICIPATION,INCOME" } else { "ASSIGNMENT,COST" };
                    let number = format!("2026-{}", 7000 + self.number(is_seen));
                    let row = format!("{key},{number},{kind},{activity},{}", party.key);
                    self.agreement(is_seen, &row, true, party.is_member);
                    self.documents_of(is_seen, &format!("{key},"));
                    self.agreements.insert((party.key.clone(), activity), (key, is_seen));
                }
                let is_seen = party.is_seen && self.visibility(&[Of::DraftAgreement], owner);
                if self.chance(is_seen, 30) {
                    let row = format!(
                        "d-{}-{activity},,COOPERATION,INCOME,{activity},{}",
                        party.key, party.key
                    );
                    self.agreement(is_seen, &row, false, false);
                }
            }
        }
    }

    /// Returns `true` if the party can have something to do with the activity: a lead knows
    /// everyone who has, with its own.
    fn may_meet(&self, party: &Party, activity: &str) -> bool {
        party.is_seen || activity != self.led() || !self.is_lead()
    }

    /// Writes an agreement's terms and fee behind what it is about.
    fn agreement(&mut self, is_seen: bool, about: &str, is_signed: bool, may_be_per_mille: bool) {
        let template = if about.contains("PARTICIPATION") && self.chance(is_seen, 70) {
            "deltagande,1"
        } else {
            ","
        };
        let starts_on = self.one_of(is_seen, &["2025-01-01", "2026-02-01", "2026-07-01"]);
        let ends =
            self.one_of(is_seen, &[",1,", "2026-12-31,1,", "2026-12-31,2,12", "2027-01-31,0,6"]);
        let signed = if is_signed { "2024-12-01T09:00:00Z,2024-12-15" } else { "," };
        let fee = if may_be_per_mille && self.chance(is_seen, 40) {
            "PER_MILLE_OF_ALLOCATION,,1.5,STANDARD_25".to_owned()
        } else {
            format!("FIXED_PER_YEAR,{},,STANDARD_25", self.amount(is_seen))
        };
        self.row(
            is_seen,
            "agreements.csv",
            &format!("{about},{template},{starts_on},{ends},{signed},,{fee}"),
        );
    }

    fn invoices(&mut self, parties: &[Party]) {
        for party in parties {
            for activity in ACTIVITIES
                .into_iter()
                .chain([""])
                .filter(|activity| self.may_meet(party, activity))
                .collect::<Vec<_>>()
            {
                let owner = Owner { alfa: party.is_alfa, led: activity == self.led() };
                let is_seen = party.is_seen && self.visibility(&[Of::Invoice, Of::Revenue], owner);
                for _ in 0..self.up_to(is_seen, 2) {
                    self.invoice(is_seen, party, activity);
                }
                // No one but those who make them sees drafts.
                let is_seen = is_seen
                    && !self.column.starts_with("MEMBER")
                    && self.visibility(&[Of::Invoice], owner);
                if self.chance(is_seen, 15) {
                    let key = format!("i-draft-{}-{activity}", party.key);
                    self.row(is_seen, "invoices.csv", &format!("{key},,INVOICE,{},,,,", party.key));
                    self.line(is_seen, &key, party, activity);
                }
            }
        }
        let is_seen = self.visibility(&[Of::Invoice], NO_ONE);
        for _ in 0..self.up_to(is_seen, 2) {
            let (n, amount) = (self.number(is_seen), self.amount(is_seen));
            let row = format!(
                "BG 50501055 20261120 {n:05} {n},avi-{n}.txt,{},2026-11-20T09:00:00Z,5050-1055,2026-11-20,{amount},,Tack {n},Betalare {n},,NO_REFERENCE,,",
                "0".repeat(64)
            );
            self.row(is_seen, "bank_payments.csv", &row);
        }
    }

    fn invoice(&mut self, is_seen: bool, party: &Party, activity: &str) {
        let number = 20_000 + self.number(is_seen);
        let key = format!("i-{number}");
        let (month, day) = (self.up_to(is_seen, 9) + 1, self.up_to(is_seen, 27) + 1);
        let ocr = format!("{number}{}", luhn_digit(&number.to_string()));
        let row = format!(
            "{key},{number},INVOICE,{},2026-{month:02}-{day:02},2026-{:02}-{day:02},,{ocr}",
            party.key,
            month + 1
        );
        self.row(is_seen, "invoices.csv", &row);
        let line = self.line(is_seen, &key, party, activity);
        if self.chance(is_seen, 20) {
            let n = self.number(is_seen);
            self.row(
                is_seen,
                "invoices.csv",
                &format!("c-{n},K{n},CREDIT_NOTE,{},2026-11-{:02},,{key},", party.key, n % 20 + 1),
            );
            self.row(is_seen, "invoice_lines.csv", &format!("c-{n},{line}"));
        } else {
            for _ in 0..self.up_to(is_seen, 1) {
                let (n, amount) = (self.number(is_seen), self.amount(is_seen));
                self.row(
                    is_seen,
                    "payments.csv",
                    &format!("{key},2026-11-{:02},{amount},BG-{n}", n % 20 + 1),
                );
            }
            // More than any invoice is for, of which a part is paid back.
            if self.chance(is_seen, 25) {
                let (n, ore) = (self.number(is_seen), self.up_to(is_seen, 99));
                let paid = format!("{key},2026-11-{:02},100000.00,BG-{n}", n % 20 + 1);
                self.row(is_seen, "payments.csv", &paid);
                let refund =
                    format!("{key},REFUND,2026-11-21,{}.{ore:02},ÅTER-{n},,,,", n % 50 + 1);
                self.row(is_seen, "adjustments.csv", &refund);
            }
        }
        let owner = Owner { alfa: party.is_alfa, led: activity == self.led() };
        let is_seen = is_seen && self.visibility(&[Of::Invoice], owner);
        // No one is reminded before the last day to pay.
        if self.chance(is_seen, 20) && month < 10 {
            self.row(
                is_seen,
                "reminders.csv",
                &format!("{key},2026-11-{:02},60.00", number % 20 + 1),
            );
        }
    }

    /// Writes a line; answers what stands behind its invoice.
    fn line(&mut self, is_seen: bool, invoice: &str, party: &Party, activity: &str) -> String {
        let known = ACTIVITIES.into_iter().find(|known| *known == activity);
        let agreement =
            known.and_then(|activity| self.agreements.get(&(party.key.clone(), activity)));
        // What is seen can't speak of what comes later.
        let agreement = agreement
            .filter(|(_, known)| *known || !is_seen)
            .map(|(key, _)| key.clone())
            .unwrap_or_default();
        let amount = self.amount(is_seen);
        let line = format!(
            "Avgift {amount},{activity},{agreement},2026-01-01,2026-12-31,1,{amount},STANDARD_25"
        );
        self.row(is_seen, "invoice_lines.csv", &format!("{invoice},{line}"));
        line
    }

    fn accounts(&mut self) {
        for activity in ACTIVITIES {
            let is_seen = self
                .visibility(&[Of::Activity], Owner { alfa: false, led: activity == self.led() });
            for (file, about) in [("costs.csv", "Lokal"), ("grants.csv", "Myndighet")] {
                for n in 0..self.up_to(is_seen, 2) {
                    let amount = self.amount(is_seen);
                    let reference = if file == "costs.csv" {
                        format!(",F-{}", self.number(is_seen))
                    } else {
                        String::new()
                    };
                    self.row(
                        is_seen,
                        file,
                        &format!("{activity},2026-0{}-15,{amount},{about} {n}{reference}", n + 1),
                    );
                }
            }
            // Everyone with a token may read status reports.
            for quarter in 1..=self.up_to(true, 3) {
                let health = self.one_of(true, &["GREEN", "YELLOW", "RED"]);
                let row = format!(
                    "{activity},2026-Q{quarter},{health},Läget {health},,,Anna,2026-0{quarter}-05T08:00:00Z"
                );
                self.row(true, "status_reports.csv", &row);
            }
        }
    }
}
