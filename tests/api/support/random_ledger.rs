//! Random ledgers, for rules that hold whatever was invoiced, credited and paid.

use chrono::{Datelike, Days, NaiveDate};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::support::app::App;

/// A random ledger, as the files of an import: invoices in every state with lines at every
/// rate, credit notes and payments.
pub struct RandomLedger {
    random: StdRng,
    invoices: String,
    lines: String,
    payments: String,
    booked: [String; 2],
}

/// Slugs of the activities of a random ledger.
const ACTIVITIES: [&str; 4] = ["bip", "indikatorer", "jgl", "stoppa-valdet"];
/// Buyers of a random ledger: members and others.
const BUYERS: [&str; 8] = ["m0", "m1", "m2", "m3", "m4", "m5", "o0", "o1"];
/// A line at a third of its price, at least an öre.
fn a_third_of(line: &str) -> String {
    let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
    let position = cells.len() - 2;
    let ore: u64 = cells[position].replace('.', "").parse().unwrap();
    let third = (ore / 3).max(1);
    cells[position] = format!("{}.{:02}", third / 100, third % 100);
    cells.join(",")
}

/// The first day and the last day on which anything happens in a random ledger.
const SPAN: (&str, &str) = ("2024-11-01", "2026-11-20");

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

impl RandomLedger {
    /// Imports a ledger of that many invoices, the same for each seed.
    pub async fn draw(app: &App, seed: u64, invoices: usize) {
        let mut lot = Self {
            random: StdRng::seed_from_u64(seed),
            invoices: "key,number,kind,buyer,issued_on,due_on,credits\n".into(),
            lines: "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n".into(),
            payments: "invoice,received_on,amount,reference\n".into(),
            booked: ["activity,booked_on,amount,description\n".into(), "activity,booked_on,amount,funder\n".into()],
        };
        let mut numbers = [1000, 0];
        for position in 1..=invoices {
            lot.invoice(position, &mut numbers);
        }
        for position in 0..40 {
            let (day, amount) = (lot.day(), lot.amount());
            let activity = lot.one_of(&ACTIVITIES);
            lot.booked[position % 2] += &format!("{activity},{day},{amount},x{position}\n");
        }
        let mut members = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n".to_owned();
        for member in &BUYERS[..6] {
            members += &format!("{member},Förbund {member},,,,,2019-01-01,,,,,,,\n");
        }
        let mut activities = "key,slug,name,purpose,goal,funding,starts_on,ends_on\n".to_owned();
        for slug in ACTIVITIES {
            activities += &format!("{slug},{slug},Namn {slug},,,COURSE_INCOME,2020-01-01,\n");
        }
        app.import(&[
            ("members.csv", &members),
            ("organisations.csv", "key,name,org_number\no0,Bolag 0,\no1,Bolag 1,\n"),
            ("activities.csv", &activities),
            ("invoices.csv", &lot.invoices),
            ("invoice_lines.csv", &lot.lines),
            ("payments.csv", &lot.payments),
            ("costs.csv", &lot.booked[0]),
            ("grants.csv", &lot.booked[1]),
        ])
        .await;
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words.choose(&mut self.random).unwrap()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// A day of the span, often at the end or the beginning of a month.
    fn day(&mut self) -> NaiveDate {
        let (first, last) = (day(SPAN.0), day(SPAN.1));
        let any = first
            + Days::new(self.random.random_range(0..=(last - first).num_days().unsigned_abs()));
        match self.random.random_range(0..4) {
            0 => any.with_day(1).unwrap(),
            1 => (any.with_day(1).unwrap() - Days::new(1)).max(first),
            _ => any,
        }
    }

    /// A day from `from` to the end of the span.
    fn day_after(&mut self, from: NaiveDate) -> NaiveDate {
        let most = (day(SPAN.1) - from).num_days().unsigned_abs().min(120);
        from + Days::new(self.random.random_range(0..=most))
    }

    fn amount(&mut self) -> String {
        let ore: u32 = self.random.random_range(1..2_000_000);
        format!("{}.{:02}", ore / 100, ore % 100)
    }

    fn invoice(&mut self, position: usize, numbers: &mut [u32; 2]) {
        let buyer = self.one_of(&BUYERS);
        if self.chance(5) {
            self.invoices += &format!("i{position},,INVOICE,{buyer},,,\n");
            self.line(&format!("i{position}"), "STANDARD_25");
            return;
        }
        let issued_on = self.day();
        numbers[0] += 1;
        let due_on = issued_on + Days::new(self.random.random_range(0..45));
        self.invoices +=
            &format!("i{position},{},INVOICE,{buyer},{issued_on},{due_on},\n", numbers[0]);
        let is_outside = self.chance(10);
        let lines: Vec<_> = (0..self.random.random_range(1..=4))
            .map(|_| {
                let rate = if is_outside {
                    "OUTSIDE_SCOPE"
                } else {
                    self.one_of(&[
                        "STANDARD_25",
                        "STANDARD_25",
                        "REDUCED_12",
                        "REDUCED_6",
                        "ZERO",
                        "EXEMPT",
                    ])
                };
                self.line(&format!("i{position}"), rate)
            })
            .collect();
        if self.chance(25) {
            // All of it, or one line of it, or a third of that: never beyond what it was.
            numbers[1] += 1;
            let credited_on = self.day_after(issued_on);
            self.invoices += &format!(
                "c{position},{},CREDIT_NOTE,{buyer},{credited_on},,i{position}\n",
                numbers[1]
            );
            let some = if self.chance(50) { lines.len() } else { 1 };
            let is_part = some == 1 && self.chance(50);
            for line in &lines[..some] {
                let line = if is_part { a_third_of(line) } else { line.clone() };
                self.lines += &format!("c{position},{line}\n");
            }
        }
        for nth in 0..self.random.random_range(0..3) {
            let (received_on, amount) = (self.day_after(issued_on), self.amount());
            self.payments += &format!("i{position},{received_on},{amount},b{position}-{nth}\n");
        }
    }

    /// Writes a line; answers what stands after its invoice.
    fn line(&mut self, invoice: &str, rate: &str) -> String {
        let activity = if self.chance(15) { "" } else { self.one_of(&ACTIVITIES) };
        let period = if self.chance(60) {
            let from = self.day();
            format!("{from},{}", from + Days::new(self.random.random_range(0..500)))
        } else {
            ",".into()
        };
        let quantity = self.one_of(&["1", "2", "0.5", "1.333", "17"]);
        let line = format!("Rad,{activity},,{period},{quantity},{},{rate}", self.amount());
        self.lines += &format!("{invoice},{line}\n");
        line
    }
}
