//! `samregister contact`: stored data about a contact.

use clap::{Args, Subcommand};
use entity::id::ContactId;
use uuid::Uuid;

use super::{Outcome, Result, context, json, open, put, settings};
use domain::{auth::viewer::Viewer, contacts::subject_access};

/// Export personal data
///
/// Writes all stored data about a contact, for a person who requests it (GDPR art. 15).
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  samregister contact export contact_0198c2f07e6b7000b3a2f1d4c5e6a7b8 > registerutdrag.json"
)]
pub struct Options {
    #[command(subcommand)]
    subcommand: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Export(Export),
}

/// Write all stored data about a contact, as JSON
///
/// Writes its row, the object that it belongs to, the activities that name it, its data in the
/// audit trail, its readers, and rows elsewhere with the same name or e-mail: check whether they
/// are the same person. Texts of agreements, invoices and reports are not searched. The export is
/// logged.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  samregister contact export contact_0198c2f07e6b7000b3a2f1d4c5e6a7b8 > registerutdrag.json"
)]
struct Export {
    /// Id of the contact, as in the API
    #[arg(value_name = "ID", value_parser = read_id)]
    id: Uuid,
}

fn read_id(text: &str) -> std::result::Result<Uuid, &'static str> {
    let id = text.strip_prefix("contact_").and_then(|id| Uuid::try_parse(id).ok());
    id.ok_or("is not the id of a contact, as contact_0198c2f07e6b7000b3a2f1d4c5e6a7b8")
}

/// Runs the command.
///
/// # Errors
/// Fails if the database can't be opened or read, there is no such contact, or stdout can't be
/// written to.
pub async fn run(options: Options) -> Result {
    let Command::Export(Export { id }) = options.subcommand;
    let db = open(&settings()?).await?;
    let found =
        subject_access::export(context(&db, &Viewer::operator("contact export")), ContactId(id))
            .await;
    db.close().await?;
    put(json(&found?)?)?;
    Ok(Outcome::Done)
}
