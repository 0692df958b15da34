//! `samregister contact`: what is held about a person.

use clap::{Args, Subcommand};
use entity::id::ContactId;
use uuid::Uuid;

use super::{Outcome, Result, json, open, put, settings};
use domain::{auth::viewer::Viewer, members::subject_access};

/// Look after personal data
///
/// What the register holds about a contact is written out, for the person who asks for it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  samregister contact export contact_0198c2f07e6b7000b3a2f1d4c5e6a7b8 > registerutdrag.json"
)]
pub struct Options {
    #[command(subcommand)]
    subcommand: Subcommand,
}

#[derive(Debug, Subcommand)]
enum Subcommand {
    Export(Export),
}

/// Write everything that is held about a contact, as JSON
///
/// Its row, what it belongs to, the activities that name it, what the audit trail tells of it, who
/// read it, and where the same name or e-mail stands: look there whether it is the same person.
/// Texts of agreements, invoices and reports are not searched. That it was written out is logged.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  samregister contact export contact_0198c2f07e6b7000b3a2f1d4c5e6a7b8 > registerutdrag.json"
)]
struct Export {
    /// The contact's id, as the API gives it
    #[arg(value_name = "ID", value_parser = read_id)]
    id: Uuid,
}

fn read_id(text: &str) -> std::result::Result<Uuid, &'static str> {
    let id = text.strip_prefix("contact_").and_then(|id| Uuid::try_parse(id).ok());
    id.ok_or("is no contact's id, as contact_0198c2f07e6b7000b3a2f1d4c5e6a7b8")
}

/// Does what is asked.
///
/// # Errors
/// When the register can't be opened or read, there is no such contact, or stdout can't be written
/// to.
pub async fn run(options: Options) -> Result {
    let Subcommand::Export(Export { id }) = options.subcommand;
    let db = open(&settings()?).await?;
    let found =
        subject_access::export(&db, &Viewer::operator("contact export"), ContactId(id)).await;
    db.close().await?;
    put(json(&found?)?)?;
    Ok(Outcome::Done)
}
