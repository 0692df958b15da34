//! The command line with all commands, and the start of the program.

use std::{env::ArgsOs, ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::{
    CONFIG, Failure, Outcome, Result, activities, agreements, api, archive, backup, break_even,
    checkpoint, clock, completions, config,
    connect::COMMAND,
    contact, doctor, expiring, export,
    failure::{is_json_wanted, summary},
    healthcheck, import, invoices, ledger, man, matrix, members, migrate, notice_ends, payments,
    period, receivables, restore, retention, revenue, scenario, schema, serve, sie, templates,
    token, trail_key, vat_return, verify,
};

/// The membership and contracts register of a network of samordningsförbund
///
/// Stores members, activities, agreements, invoices and revenue in SQLite or PostgreSQL, and serves
/// them over GraphQL.
#[derive(Debug, Parser)]
#[command(name = "samregister", version, max_term_width = 110, after_help = HELP)]
pub struct Program {
    /// Settings file; defaults to SAMREGISTER_CONFIG, then samregister.toml in the working
    /// directory, then /etc/samregister/samregister.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  A temporary register with example data, and a token for each role:
    samregister serve --demo
  A register of your own, filled from CSV files:
    samregister migrate && samregister import ./csv && samregister serve
  Agreements with a deadline in 90 days; exits with 3 if there are any:
    samregister expiring --within-days 90 --check
  Revenue, costs and result of each activity:
    samregister revenue --from 2026-01-01 --to 2026-12-31
  Everything that a running register needs; exits with 3 if something is wrong:
    samregister doctor
  The members in an activity, from a server, with your own rights:
    samregister members list --activity bip --url https://register.example.se

Settings, in the environment or in samregister.toml in the working directory,
in /etc/samregister/ or of --config:
  DATABASE_URL            sqlite://samregister.db?mode=rwc, or postgres://…,
                          of which a list names several hosts
  SAMREGISTER_BIND        address to listen on; default 127.0.0.1:8080
  SAMREGISTER_JWT_SECRET  signs tokens: at least 32 bytes. Or set
                          SAMREGISTER_JWT_PUBLIC_KEY to a PEM file, or
                          SAMREGISTER_JWT_JWKS to a set of keys
  …_FILE                  of DATABASE_URL, SAMREGISTER_JWT_SECRET and
                          SAMREGISTER_METRICS_TOKEN: a file with
                          the value
  SAMREGISTER_LOG         log filter, as info or debug
  SAMREGISTER_LOG_FORMAT  text, or json for machines

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check found something";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    Migrate(migrate::Options),
    Import(import::Options),
    Export(export::Options),
    Archive(archive::Options),
    Payments(payments::Options),
    Templates(templates::Options),
    Token(token::Options),
    Expiring(expiring::Options),
    NoticeEnds(notice_ends::Options),
    Revenue(revenue::Options),
    Costs(ledger::CostOptions),
    Grants(ledger::GrantOptions),
    Scenario(scenario::Options),
    BreakEven(break_even::Options),
    Matrix(matrix::Options),
    Invoices(invoices::Options),
    Sie(sie::Options),
    VatReturn(vat_return::Options),
    Api(api::Options),
    Members(members::Options),
    Agreements(agreements::Options),
    Activities(activities::Options),
    Period(period::Options),
    Receivables(receivables::Options),
    Verify(verify::Options),
    Checkpoint(checkpoint::Options),
    Backup(backup::Options),
    Restore(restore::Options),
    Clock(clock::Options),
    TrailKey(trail_key::Options),
    Contact(contact::Options),
    Retention(retention::Options),
    Healthcheck(healthcheck::Options),
    Config(config::Options),
    Doctor(doctor::Options),
    Schema(schema::Options),
    Completions(completions::Options),
    Man(man::Options),
}

/// Stack size of a thread that executes requests, in bytes: the deepest document within the limits
/// needs a few hundred kilobytes in a release build and several megabytes without optimization.
/// Only used pages take memory.
const STACK_BYTES: usize = 16 << 20;

/// Runs the program. Not generic, so that it is compiled in this crate and not again with the
/// binary.
pub fn run(args: ArgsOs) -> ExitCode {
    // Files that the program or its libraries create are accessible to their owner only.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let args: Vec<OsString> = args.collect();
    let is_json = is_json_wanted(&args);
    let parsed = Program::command().try_get_matches_from(args).and_then(|matches| {
        let name = matches.subcommand_name().map(str::to_owned);
        let program = Program::from_arg_matches(&matches);
        Ok((name, program.map_err(|error| error.format(&mut Program::command()))?))
    });
    let (name, Program { config, command }) = match parsed {
        Ok(program) => program,
        Err(answer) if is_json && answer.use_stderr() => {
            return Failure::usage(summary(&answer)).report(true);
        }
        Err(answer) => {
            // Help is a successful result; a closed stdout is ignored.
            answer.print().ok();
            return ExitCode::from(if answer.use_stderr() { 2 } else { 0 });
        }
    };
    COMMAND.set(name.unwrap_or_default()).ok();
    if let Some(file) = config {
        // Nothing has read it yet.
        CONFIG.set(file).ok();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(command.run());
            // A thread that is blocked, as by a network, does not prevent the end.
            runtime.shutdown_timeout(END_TIMEOUT);
            done
        }
        Err(cause) => Err(Failure::new(format!("cannot start: {cause}"))),
    };
    match done {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(3),
        Err(failure) => failure.report(is_json),
    }
}

/// Time limit for the end of threads when a command is done.
const END_TIMEOUT: Duration = Duration::from_secs(1);

impl Command {
    async fn run(self) -> Result {
        match self {
            Self::Serve(options) => serve::run(options).await,
            Self::Migrate(options) => migrate::run(options).await,
            Self::Import(options) => import::run(options).await,
            Self::Export(options) => export::run(options).await,
            Self::Archive(options) => archive::run(options).await,
            Self::Payments(options) => payments::run(options).await,
            Self::Templates(options) => templates::run(options).await,
            Self::Token(options) => token::run(options).await,
            Self::Expiring(options) => expiring::run(options).await,
            Self::NoticeEnds(options) => notice_ends::run(options).await,
            Self::Revenue(options) => revenue::run(options).await,
            Self::Costs(options) => ledger::run_costs(options).await,
            Self::Grants(options) => ledger::run_grants(options).await,
            Self::Invoices(options) => invoices::run(options).await,
            Self::Scenario(options) => scenario::run(options).await,
            Self::BreakEven(options) => break_even::run(options).await,
            Self::Matrix(options) => matrix::run(options).await,
            Self::Sie(options) => sie::run(options).await,
            Self::Period(options) => period::run(options).await,
            Self::Receivables(options) => receivables::run(options).await,
            Self::VatReturn(options) => vat_return::run(options).await,
            Self::Api(options) => api::run(options).await,
            Self::Members(options) => members::run(options).await,
            Self::Agreements(options) => agreements::run(options).await,
            Self::Activities(options) => activities::run(options).await,
            Self::Verify(options) => verify::run(options).await,
            Self::Checkpoint(options) => checkpoint::run(options).await,
            Self::Backup(options) => backup::run(options).await,
            Self::Restore(options) => restore::run(options).await,
            Self::Clock(options) => clock::run(options).await,
            Self::TrailKey(options) => trail_key::run(options).await,
            Self::Contact(options) => contact::run(options).await,
            Self::Retention(options) => retention::run(options).await,
            Self::Healthcheck(options) => healthcheck::run(options).await,
            Self::Config(options) => config::run(options),
            Self::Doctor(options) => doctor::run(options).await,
            Self::Schema(options) => schema::run(options),
            Self::Completions(options) => completions::run(options, &mut Program::command()),
            Self::Man(options) => man::run(options, Program::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Program::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_is_described() {
        for command in Program::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            assert!(
                command
                    .get_after_help()
                    .is_some_and(|help| help.to_string().contains("samregister")),
                "{} has no example",
                command.get_name()
            );
            for option in command.get_arguments() {
                assert!(option.get_help().is_some(), "{} {}", command.get_name(), option.get_id());
            }
        }
    }
}
