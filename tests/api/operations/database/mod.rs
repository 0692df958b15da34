//! The database: migrations, outages, limits of the machine and failing writes.

mod fault_injection;
mod instance;
pub mod interruptions;
mod listening;
mod migrate_command;
pub mod migration_files;
mod migrations;
mod outages;
mod poolers;
mod replica_load;
mod replicas;
mod resource_limits;
mod restored;
mod several_hosts;
mod shared_commits;
mod stopped_servers;
mod upgrade;
mod worker_pool;
