//! Invariants of the archive after its files were imported: what `verify` would find in the new
//! documents is an error of their rows.

use std::collections::BTreeSet;

use super::{
    File,
    import::{report::BadRow, session::Import},
    staging,
};
use crate::{
    archived_documents::integrity::{State, Violation},
    error::Result,
};

/// Reports the documents that violate an invariant since this state of the archive. Rows that are
/// bad already are not imported, and so nothing is checked then.
pub(super) async fn check(import: &mut Import<'_>, before: Option<State>) -> Result<()> {
    let Some(before) = before.filter(|_| import.is_good()) else { return Ok(()) };
    let found = before.new_violations(import.tx()).await?;
    let numbers: BTreeSet<String> = found.iter().map(|(number, _)| number.clone()).collect();
    let lines = staging::seen(import.tx(), File::ArchivedDocuments, &numbers).await?;
    for (number, violation) in found {
        let (column, reason) = match violation {
            Violation::Gap(missing) => {
                ("number", format!("leaves a gap: there is no archived document {missing}"))
            }
            Violation::Incomplete => {
                let reason = "must each have a row in archived_files.csv, numbered from 1";
                ("versions", reason.to_owned())
            }
        };
        let line = lines.get(&number).map_or(1, |(line, _)| *line);
        import.reject(BadRow::new(File::ArchivedDocuments, line, column, reason));
    }
    Ok(())
}
