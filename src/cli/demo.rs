//! `samregister serve --demo`: example data in a temporary database, and a token for each role.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{Datelike, Days, NaiveDate};
use entity::{id::MemberId, id_sequence::reproducible, term::add_months};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};
use tempfile::TempDir;

use super::{Failure, Result, config_option, context, demo_documents, token};
use domain::{
    audit::{self, TrailKey},
    auth::{
        token::Keys,
        viewer::{Role, Viewer},
    },
    clock::Clock,
    config::{Network, Settings},
    database::Database,
    error::Error,
    interchange::{
        File,
        import::{self, ImportError, Report},
    },
    members,
    templates::library,
};

/// Validity of the tokens in days; their key ends with the day or the process anyway.
const DAYS: u32 = 30;
/// Member whose token is shown: one with several agreements and invoices.
const MEMBER: &str = "centrala-ostergotland";
/// Activities of the lead whose token is shown.
const ACTIVITIES: [&str; 2] = ["bip", "indikatorer"];
/// Scopes of the service whose token is shown.
const SCOPES: [&str; 6] = [
    "members:read",
    "agreements:read",
    "invoices:read",
    "revenue:read",
    "templates:read",
    "audit:read",
];

/// A file of the demo data with its name.
macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../assets/demo/", $name)))),*] };
}

/// Files to import: each is a template whose days are relative to the day of the import.
const TABLES: [(&str, &str); 15] = files![
    "members.csv",
    "organisations.csv",
    "allocations.csv",
    "contacts.csv",
    "activities.csv",
    "fee_schedules.csv",
    "tax_decisions.csv",
    "templates.csv",
    "agreements.csv",
    "invoices.csv",
    "invoice_lines.csv",
    "payments.csv",
    "costs.csv",
    "grants.csv",
    "status_reports.csv",
];

/// Settings of the example network.
const NETWORK: &str = include_str!("../../assets/demo/samregister.toml");

/// Template text of agreements from before the present bundled version.
const HISTORY: [(&str, &str); 2] =
    files!["templates/deltagande-indikatorer-1.json", "templates/deltagande-indikatorer-1.md"];

/// Name of the settings file for commands on the demo's register.
const SETTINGS: &str = "samregister.toml";

/// Keys that sign a demo's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoKeys {
    /// The same keys all day, so that a restart leaves the tokens valid. Anyone can derive them:
    /// only for a server that no other machine can reach.
    OfDay,
    /// Random keys of this process.
    Random,
}

/// A database with example data.
#[derive(Debug)]
pub struct Demo {
    /// Database.
    pub db: Database,
    /// Keys that sign its tokens.
    pub keys: Keys,
    /// Token of each role.
    pub tokens: Vec<RoleToken>,
    /// The network that it is the register of.
    pub network: Network,
    report: Report,
    /// URL of the database, for commands that run at the same time.
    database_url: String,
    /// Settings file of the example network; null: the network of the operator's settings is used.
    config: Option<PathBuf>,
    /// Secret of the keys; null: only this process has it.
    secret: Option<String>,
    /// A file of the bank to import; null: there is none.
    bank_file: Option<PathBuf>,
    /// Temporary folder, the last field since it is deleted when dropped.
    _folder: TempDir,
}

/// A token with its description.
#[derive(Debug)]
pub struct RoleToken {
    /// The role.
    pub role: Role,
    /// Member or activities that it is limited to, in English.
    pub of: String,
    /// The token.
    pub token: String,
}

/// Returns the settings of this process except its database and keys, for which the demo uses its
/// own.
pub fn settings() -> Result<Settings> {
    let is_left =
        |name: &str| !name.starts_with("DATABASE_URL") && !name.starts_with("SAMREGISTER_JWT_");
    let env = std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    });
    let file = Settings::find_file(config_option())?;
    Ok(Settings::load_for_demo(env.filter(|(name, _)| is_left(name)), Some(&file))?)
}

/// Returns the example network, for users without settings of their own.
fn example_network() -> Result<Network> {
    let file = tempfile::NamedTempFile::new().map_err(unwritable)?;
    fs::write(file.path(), NETWORK).map_err(unwritable)?;
    Ok(Settings::load([], Some(file.path()))?.network)
}

impl Demo {
    /// Creates the database in a temporary folder, imports the data, offers and issues what is to
    /// have a document, and mints the tokens. The objects have the same ids each time. Without a
    /// `network` of the operator's own, the example network is used.
    ///
    /// # Errors
    /// Fails if the folder can't be written to or the data can't be imported.
    pub async fn make(network: &Network, keys: DemoKeys) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("samregister-demo-").tempdir();
        let folder = folder.map_err(unwritable)?;
        let is_example = network.name.is_none();
        let network = if is_example { example_network()? } else { network.clone() };
        let config = is_example.then(|| folder.path().join(SETTINGS));
        if let Some(file) = &config {
            fs::write(file, NETWORK).map_err(unwritable)?;
        }
        let path = folder.path().join("register.db").display().to_string();
        // Characters that would end the path in a URL.
        let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let database_url = format!("sqlite://{path}?mode=rw");
        let key = trail_key(&folder.path().join("register.db"))?;
        let db = Database::connect(&format!("sqlite://{path}?mode=rwc"), None)
            .await?
            .with_trail_key(Arc::new(key));
        db.migrate(Clock::system().now()).await?;
        let data = folder.path().join("csv");
        write_files(&data, Clock::system().today())?;
        let report = reproducible(async {
            let report = import_files(&db, &network, &data).await?;
            demo_documents::publish(&db, &network).await?;
            Ok::<_, Failure>(report)
        })
        .await?;
        let bank_file = demo_documents::bank_file(&db, &network, folder.path()).await?;
        let day = Clock::system().now().date_naive();
        let day = (keys == DemoKeys::OfDay).then_some(day);
        let keys = day.map_or_else(Keys::demo, Keys::demo_of_day);
        let tokens = mint(&db, &keys, day).await?;
        let secret = day.map(Keys::demo_secret);
        Ok(Self {
            db,
            keys,
            tokens,
            network,
            report,
            database_url,
            config,
            bank_file,
            secret,
            _folder: folder,
        })
    }

    /// Returns the token of the office, which may read everything.
    #[must_use]
    pub fn office(&self) -> Option<&str> {
        self.tokens
            .iter()
            .find(|token| token.role == Role::Office)
            .map(|token| token.token.as_str())
    }

    /// Returns the text that is printed at the start of the demo.
    #[must_use]
    pub fn introduction(&self, at: SocketAddr) -> String {
        let rows = |file: File| {
            self.report.files.iter().find(|found| found.file == file).map_or(0, |found| found.rows)
        };
        let tokens: String = self
            .tokens
            .iter()
            .map(|token| format!("{}{}\n  {}\n\n", token.role.word(), token.of, token.token))
            .collect();
        format!(
            "A temporary register with {} members, {} agreements and {} invoices, deleted when the server stops.\n\
             The members are real; their areas, dates of joining, agreements and invoices are examples: see assets/demo/README.md.\n\n\
             Explorer  http://{at}/graphiql\n\
             API       http://{at}/graphql\n\n\
             A token for each role:\n\n{tokens}\
             For commands in another terminal, as `samregister members list`:\n\n{}\n{}\
             An example query:\n\n\
             curl -s http://{at}/graphql -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \\\n  \
             -d '{{\"query\": \"{{ activity(by: {{slug: \\\"indikatorer\\\"}}) {{ name coverage {{ connectedCount memberCount share }} }} }}\"}}'\n\n",
            rows(File::Members),
            rows(File::Agreements),
            rows(File::Invoices),
            self.environment(at),
            self.bank_file_line(),
            self.office().unwrap_or_default(),
        )
    }

    /// Returns the command that imports the demo's file of the bank.
    fn bank_file_line(&self) -> String {
        let command = |file: &PathBuf| {
            let file = quoted(&file.display().to_string());
            format!("Payments of the bank: samregister payments import {file}\n\n")
        };
        self.bank_file.as_ref().map(command).unwrap_or_default()
    }

    /// Returns the lines of a shell that let commands use the demo's register and its API.
    fn environment(&self, at: SocketAddr) -> String {
        let config = self.config.as_ref().map(|file| file.display().to_string());
        let variables = [
            ("DATABASE_URL", Some(quoted(&self.database_url))),
            ("SAMREGISTER_CONFIG", config.as_deref().map(quoted)),
            ("SAMREGISTER_JWT_SECRET", self.secret.clone()),
            ("SAMREGISTER_URL", Some(format!("http://{at}"))),
            ("SAMREGISTER_TOKEN", self.office().map(str::to_owned)),
        ];
        let set = variables.into_iter().filter_map(|(name, value)| Some((name, value?)));
        set.map(|(name, value)| format!("export {name}={value}\n")).collect()
    }
}

/// Returns the failure of a file in the demo's folder.
fn unwritable(cause: std::io::Error) -> Failure {
    Failure::new(format!("cannot write the demo's files: {cause}"))
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Creates the key that signs the audit trail, in the file where commands look for it.
fn trail_key(database: &Path) -> Result<TrailKey> {
    let key = TrailKey::generate();
    let file = format!("{}.trail-key.pem", database.display());
    let text = key.to_pem().map_err(unwritable)?;
    audit::write_private(Path::new(&file), &text).map_err(unwritable)?;
    Ok(key)
}

/// Imports the files of a folder.
async fn import_files(db: &Database, network: &Network, data: &Path) -> Result<Report> {
    let viewer = Viewer::operator("demo");
    let done = import::import(context(db, &viewer), network, data, false, &mut |_| {}).await;
    done.map_err(|error| match error {
        ImportError::Bad { rows, .. } => {
            Failure::of_lines(rows.iter().map(ToString::to_string).collect())
        }
        ImportError::Error(error) => error.into(),
    })
}

/// Writes the files of an import, with their days relative to `today`.
fn write_files(to: &Path, today: NaiveDate) -> Result<()> {
    let unwritable = |cause: std::io::Error| {
        Failure::new(format!("cannot write the demo data to {}: {cause}", to.display()))
    };
    fs::create_dir_all(to.join("templates")).map_err(unwritable)?;
    for (name, text) in HISTORY {
        fs::write(to.join(name), text).map_err(unwritable)?;
    }
    for template in library::bundled_templates()? {
        let parameters =
            serde_json::to_string_pretty(&template.parameters).map_err(Error::internal)?;
        for (ending, text) in [("md", &template.body), ("json", &parameters)] {
            fs::write(to.join(format!("templates/{}.{ending}", template.slug)), text)
                .map_err(unwritable)?;
        }
    }
    let templates = templates(today);
    for (name, text) in TABLES {
        let rendered = templates.render_named_str(name, text, context! { year => today.year() });
        let rendered = rendered
            .map_err(|cause| Failure::new(format!("the demo's {name} is invalid: {cause}")))?;
        fs::write(to.join(name), rendered).map_err(unwritable)?;
    }
    Ok(())
}

/// Returns an environment with the functions of the templates, in addition to `year`: `day(n)`, n
/// days from today, and `month(n, d)`, day d of the month n months ahead, limited to the month's
/// length.
fn templates(today: NaiveDate) -> Environment<'static> {
    let out_of_calendar = || minijinja::Error::new(ErrorKind::InvalidOperation, "is no day");
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_function("day", move |days: i32| {
        let step = Days::new(u64::from(days.unsigned_abs()));
        let day =
            if days < 0 { today.checked_sub_days(step) } else { today.checked_add_days(step) };
        day.map(|day| day.to_string()).ok_or_else(out_of_calendar)
    });
    templates.add_function("month", move |months: i32, day: u32| {
        let first = today.with_day(1).map(|first| add_months(first, months));
        let day = first.and_then(|first| (1..=day).rev().find_map(|day| first.with_day(day)));
        day.map(|day| day.to_string()).ok_or_else(out_of_calendar)
    });
    templates
}

/// Mints a token for each role: of this day, or of the present time.
async fn mint(db: &Database, keys: &Keys, day: Option<NaiveDate>) -> Result<Vec<RoleToken>> {
    let members = members::all(
        context(db, &Viewer::operator("demo")),
        &members::Filter::default(),
        &token::COLUMNS,
    )
    .await?;
    let member = members.into_iter().find(|member| member.import_key.as_deref() == Some(MEMBER));
    let (id, name): (Option<MemberId>, String) =
        member.map_or_else(Default::default, |member| (Some(member.id), member.name));
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut tokens = Vec::new();
    for (role, word) in Role::ALL.iter().map(|role| (*role, role.word())) {
        let mut viewer = Viewer {
            subject: format!("demo-{}", word.to_lowercase()),
            roles: vec![role],
            ..Viewer::default()
        };
        let mut of = String::new();
        match role {
            Role::Member => {
                viewer.member = id;
                of = format!(" of {name}");
            }
            Role::ActivityLead => {
                viewer.activities = text(&ACTIVITIES);
                of = format!(" of {}", ACTIVITIES.join(" and "));
            }
            Role::Service => {
                viewer.scopes = text(&SCOPES);
                of = format!(" with {}", SCOPES.join(" "));
            }
            Role::Office | Role::Finance | Role::Board | Role::Auditor => {}
        }
        let token = match day {
            Some(day) => keys.mint_for_day(&viewer, DAYS, day)?,
            None => keys.mint(&viewer, DAYS, Clock::system().now())?,
        };
        tokens.push(RoleToken { role, of, token });
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_relative_to_the_day_of_loading() {
        let today = "2026-11-30".parse().unwrap();
        let render =
            |text: &str| templates(today).render_str(text, context! { year => 2026 }).unwrap();
        for (text, shown) in [
            ("{{ day(-30) }} {{ day(31)[:4] }} {{ year - 1 }}", "2026-10-31 2026 2025"),
            (
                "{{ month(3, 31) }} {{ month(-1, 31) }} {{ month(0, 1) }}",
                "2027-02-28 2026-10-31 2026-11-01",
            ),
            ("{# a remark -#}\nx", "x"),
        ] {
            assert_eq!(render(text), shown, "{text}");
        }
        assert!(templates(today).render_str("{{ yaer }}", context! {}).is_err());
    }

    #[test]
    fn the_examples_network_can_issue_invoices() {
        let network =
            example_network().unwrap_or_else(|_| panic!("the demo's settings are broken"));
        assert!(
            network.org_number.is_some()
                && network.vat_number.is_some()
                && network.bankgiro.is_some()
        );
    }

    #[test]
    fn every_file_of_the_interchange_exists() {
        // Files of a database that has been in use for a while.
        let of_work = [
            File::ReferenceRates,
            File::BankPayments,
            File::Reminders,
            File::FeeCharges,
            File::InvoiceDocuments,
            File::ExportBatches,
            File::Vouchers,
            File::BooksClosing,
            File::Adjustments,
            File::Requisitions,
            File::CostFiles,
            File::ArchivedDocuments,
            File::ArchivedFiles,
        ];
        let names: Vec<_> = File::ALL
            .iter()
            .filter(|file| !of_work.contains(file))
            .map(|file| file.name())
            .collect();
        assert_eq!(TABLES.map(|(name, _)| name).to_vec(), names);
    }
}
