//! The invoice run: ten thousand agreements of ten thousand members, an invoice each.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicI32, Ordering},
};

use divan::Bencher;
use domain::{
    activities,
    auth::viewer::Viewer,
    clock::Clock,
    context::Context,
    database::Database,
    error::ValidationErrors,
    interchange,
    invoices::{
        invoice_run::{self},
        run_plan::{Fees, RunInput},
    },
};
use entity::id::ActivityId;

use crate::{RUNTIME, network::network, synthetic::org_number};

/// Agreements, and as many invoices.
const INVOICES: usize = 10_000;

/// The database to measure on.
#[derive(Clone, Copy, Debug)]
enum On {
    Sqlite,
    Postgres,
}

impl std::fmt::Display for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite 10 000",
            Self::Postgres => "PostgreSQL 10 000",
        })
    }
}

fn databases() -> Vec<On> {
    let mut on = vec![On::Sqlite];
    on.extend(std::env::var_os("BENCH_POSTGRES").map(|_| On::Postgres));
    on
}

/// Issues the special fees of a year. Each round takes another year, since a year's fee is invoiced
/// once.
#[divan::bench(args = databases(), sample_count = 3, sample_size = 1)]
fn invoice_run(bencher: Bencher<'_, '_>, on: On) {
    let (db, activity) = RUNTIME.block_on(register(on));
    let (network, viewer, next_year) = (network(), Viewer::operator("bench"), AtomicI32::new(2027));
    bencher.bench_local(|| {
        let year = next_year.fetch_add(1, Ordering::Relaxed);
        let input = RunInput {
            fees: Fees::Special(activity),
            year,
            issued_on: None,
            members: None,
            skip_problems: false,
            confirm_decision: false,
            our_reference: None,
            buyer_reference: None,
        };
        let done = RUNTIME
            .block_on(invoice_run::run(
                Context::new(&db, Clock::system(), &viewer),
                &network,
                &input,
                ValidationErrors::default(),
                |_, _| {},
            ))
            .expect("a run");
        assert_eq!((done.invoices.len(), done.problems.len()), (INVOICES, 0));
    });
}

/// A register of its own, made again each time: a run leaves it with more.
async fn register(on: On) -> (Database, ActivityId) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/synthetic");
    let files = dir.join("run-csv");
    fs::create_dir_all(&files).expect("a folder for the register");
    let url = match on {
        On::Sqlite => {
            for end in ["", "-wal", "-shm"] {
                fs::remove_file(dir.join(format!("run.db{end}"))).ok();
            }
            format!("sqlite://{}?mode=rwc", dir.join("run.db").display())
        }
        On::Postgres => {
            let server = std::env::var("BENCH_POSTGRES").expect("databases() looked");
            let admin = sea_orm::Database::connect(&server).await.expect("the PostgreSQL server");
            for statement in [
                "DROP DATABASE IF EXISTS samregister_bench_run",
                "CREATE DATABASE samregister_bench_run",
            ] {
                sea_orm::ConnectionTrait::execute_unprepared(&admin, statement)
                    .await
                    .expect("an empty database");
            }
            let (base, _) = server.rsplit_once('/').expect("an address with a database");
            format!("{base}/samregister_bench_run")
        }
    };
    write(&files).expect("CSV files");
    let db = Database::connect(&url, None)
        .await
        .expect("the register")
        .with_trail_key(std::sync::Arc::new(domain::audit::TrailKey::generate()));
    db.migrate(Clock::system().now()).await.expect("a schema");
    let viewer = Viewer::operator("bench");
    let ctx = Context::new(&db, Clock::system(), &viewer);
    interchange::import::import(ctx, &network(), &files, false, &mut |_| {})
        .await
        .expect("an import");
    let found = activities::by_slugs(ctx, &["bip".to_owned()], &[entity::activity::Column::Id])
        .await
        .expect("the activity");
    (db, found.first().expect("the activity").id)
}

/// Members that can be invoiced, each with an agreement about BIP until further notice.
fn write(dir: &Path) -> std::fmt::Result {
    let mut members = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n".to_owned();
    let mut agreements = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n".to_owned();
    for n in 0..INVOICES {
        let number = org_number(n);
        writeln!(
            members,
            "m{n},Förbund {n:05},{number},,,,2015-01-01,,,,REF-{n},Gatan {n},999 99,Staden"
        )?;
        writeln!(
            agreements,
            "a{n},2024-{n:05},PARTICIPATION,INCOME,bip,m{n},,,2025-01-01,,3,,2024-11-01T08:00:00Z,2024-12-01,,FIXED_PER_YEAR,18000.00,,STANDARD_25"
        )?;
    }
    let activities = "key,slug,name,purpose,goal,funding,starts_on,ends_on\nbip,bip,BIP,Syfte,Mål,SPECIAL_FEE,2015-01-01,\n";
    for (name, text) in [
        ("members.csv", members.as_str()),
        ("agreements.csv", &agreements),
        ("activities.csv", activities),
    ] {
        fs::write(dir.join(name), text).map_err(|_| std::fmt::Error)?;
    }
    Ok(())
}
